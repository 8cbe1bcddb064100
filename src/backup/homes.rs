//! Archives that a panel leaves in an account's home. The home is only looked into as the account, and what is there is the account's word.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, Tree};

use super::{BackupFile, EntryId, programs};

const FIND: &str = "/usr/bin/find";

/// A file in a home.
pub(super) struct HomeFile {
    /// Its name.
    pub(super) name: EntryId,
    /// Bytes.
    pub(super) size: u64,
    /// Unix seconds of its last change.
    pub(super) changed: u64,
}

impl HomeFile {
    /// Whether it holds something and was left alone for so many seconds.
    pub(super) fn is_quiet(&self, now: u64, seconds: u64) -> bool {
        self.size > 0 && now >= self.changed.saturating_add(seconds)
    }

    /// As a file of a backup, in that folder.
    pub(super) fn at(&self, folder: &Path) -> BackupFile {
        let path = folder.join(self.name.as_str()).display().to_string();
        BackupFile { name: path, size: Some(self.size), sha256: None }
    }
}

/// The ordinary files in a folder of the home (empty: in the home itself) whose names fit a shell pattern.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the account is not the system user of its name; [`ErrorKind::BackupProvider`] if the folder cannot be looked into.
pub(super) fn files(tree: &Tree, account: &Account, folder: &str, pattern: &str) -> Result<Vec<HomeFile>> {
    let name = account.name();
    let user = tree.find_user(name.as_str())?.filter(|user| user.uid == account.id.uid());
    let user = user.ok_or_else(|| {
        let text = format!("account {name} is not the system user of that name");
        Error::new(ErrorKind::PanelData, text)
    })?;
    let place = tree.path(&account.home).join(folder);
    let place = programs::path_text(&place)?;
    let format = "%f\\t%s\\t%T@\\0";
    let arguments =
        [place, "-mindepth", "1", "-maxdepth", "1", "-type", "f", "-name", pattern, "-printf", format];
    let output = programs::run_as(&user, Path::new(FIND), &arguments, limits::COMMAND_TIME)?;
    if !output.status.success() {
        let text = format!("the home of account {name} cannot be looked into: {}", programs::said(&output));
        return Err(Error::new(ErrorKind::BackupProvider, text));
    }
    // An account may give its files any name: what does not read well is none of the panel's.
    let text = String::from_utf8_lossy(&output.stdout);
    let file = |line: &str| {
        let mut parts = line.split('\t');
        let (name, size, time) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let changed = time.split('.').next()?.parse().ok()?;
        Some(HomeFile { name: EntryId::new(name).ok()?, size, changed })
    };
    Ok(text.split('\0').filter_map(file).collect())
}
