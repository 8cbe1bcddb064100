//! Archives of whole accounts in the directory of this server.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::config::BackupConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::Account;
use crate::types::Username;

use super::directory::{self, Directory};
use super::{BackupFile, Control, Entry, EntryId, Order, Outcome, Progress, Scope, Started, programs};

/// What the names of archives end with.
pub(super) const ENDINGS: [&str; 3] = ["tar.gz", "tar.zst", "tar"];

pub(super) struct Archives<'a> {
    pub(super) config: &'a BackupConfig,
}

/// A panel's program that packs an account.
pub(super) struct Packer<'a> {
    /// What it is called in errors.
    pub(super) name: &'a str,
    /// Its file.
    pub(super) program: &'a Path,
    /// Its arguments, for a staging directory.
    pub(super) arguments: &'a dyn Fn(&Path) -> Result<Vec<String>>,
    /// Whether its exit code says anything.
    pub(super) exit_code_counts: bool,
    /// Whether a file name in the staging directory is that of the archive.
    pub(super) fits: &'a dyn Fn(&str) -> bool,
}

impl Archives<'_> {
    fn directory(&self) -> Result<Directory> {
        Directory::open(&self.config.directory)
    }

    /// An empty directory into which a program writes the archive.
    fn staging(&self, order: &Order<'_>, account: &Account) -> Result<PathBuf> {
        self.directory()?.staging(&folder(account.name()), order.job)
    }

    /// Where the staging directory of an order is, whether or not it is there.
    pub(super) fn staging_path(&self, order: &Order<'_>, account: &Account) -> PathBuf {
        directory::staging_path(&self.config.directory, &folder(account.name()), order.job)
    }

    /// Lets a panel's program pack an account into a staging directory, and makes what it leaves there a backup. The archive must be there, whatever the exit
    /// code says.
    pub(super) fn package(
        &self,
        order: &Order<'_>,
        account: &Account,
        control: &dyn Control,
        packer: &Packer<'_>,
    ) -> Result<Started> {
        let staging = self.staging(order, account)?;
        let step = format!("{} packs the account", packer.name);
        control.report(&Progress { percent: None, step: Some(step) });
        let packed = (packer.arguments)(&staging)
            .and_then(|arguments| {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                programs::run(packer.program, &arguments, self.config.timeout, Some(control))
            })
            .and_then(|output| {
                let says = |kind| Error::new(kind, format!("{}: {}", packer.name, programs::said(&output)));
                if packer.exit_code_counts && !output.status.success() {
                    return Err(says(ErrorKind::BackupFailed));
                }
                self.adopt(order, account, &staging, packer.fits)
                    .map_err(|error| says(error.kind()).with_source(error))
            });
        if packed.is_err() {
            self.clear(&staging);
        }
        packed.map(Started::Done)
    }

    /// Makes the one archive in the staging directory a backup, and removes the directory.
    fn adopt(
        &self,
        order: &Order<'_>,
        account: &Account,
        staging: &Path,
        fits: &dyn Fn(&str) -> bool,
    ) -> Result<Outcome> {
        let fail = |error: io::Error| {
            Error::new(ErrorKind::BackupProvider, format!("{}: it cannot be read", staging.display()))
                .with_source(error)
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(staging).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            found.extend(name.into_string().ok().filter(|name| fits(name)));
        }
        let [name] = found.as_slice() else {
            let text = format!(
                "there are {} archives of {} after the program has ended, instead of one",
                found.len(),
                account.name()
            );
            return Err(Error::new(ErrorKind::BackupFailed, text));
        };
        let ending = ENDINGS.into_iter().find(|ending| name.ends_with(ending)).unwrap_or("tar");
        let (subject, owner) = (order.request.subject.to_string(), account.id.to_string());
        let directory = self.directory()?;
        let file = directory.adopt(
            &folder(account.name()),
            order.job,
            &staging.join(name),
            ending,
            &subject,
            Some(&owner),
        )?;
        self.clear(staging);
        self.retain(&directory, account, order);
        let entry = file.name.rsplit('/').next().and_then(|name| EntryId::new(name).ok());
        Ok(Outcome { files: vec![file], entry, warnings: Vec::new() })
    }

    /// Removes a staging directory; what cannot be removed now is removed by the next attempt.
    fn clear(&self, staging: &Path) {
        if let Err(error) = std::fs::remove_dir_all(staging) {
            log::debug!("{}: {error}", staging.display());
        }
    }

    fn retain(&self, directory: &Directory, account: &Account, order: &Order<'_>) {
        match directory.prune(&folder(account.name()), self.config.keep) {
            Ok(gone) => {
                gone.iter().for_each(|name| log::info!("job {}: the old backup {name} went", order.job))
            }
            Err(error) => log::warn!("job {}: old backups stay: {error:?}", order.job),
        }
    }

    pub(super) fn list(&self, account: &Account) -> Result<Vec<Entry>> {
        let owner = account.id.to_string();
        let kept = self.directory()?.list(&folder(account.name()))?;
        let mine = kept.into_iter().filter(|kept| kept.manifest.owner.as_deref() == Some(owner.as_str()));
        Ok(mine
            .filter_map(|kept| {
                Some(Entry {
                    id: EntryId::new(kept.name).ok()?,
                    made: Some(kept.manifest.made),
                    size: Some(kept.manifest.size),
                    account: Some(account.name().to_string()),
                    scope: Some(Scope::All),
                    description: None,
                    files: vec![BackupFile {
                        name: kept.path.display().to_string(),
                        size: Some(kept.manifest.size),
                        sha256: Some(kept.manifest.sha256),
                    }],
                })
            })
            .collect())
    }

    pub(super) fn download(
        &self,
        account: &Account,
        entry: &EntryId,
        to: &mut dyn Write,
        control: &dyn Control,
    ) -> Result<u64> {
        if !self.list(account)?.iter().any(|kept| kept.id == *entry) {
            let text = format!("[backup] directory has no backup {entry} of account {}", account.name());
            return Err(Error::new(ErrorKind::BackupNotFound, text));
        }
        let (mut file, kept) = self.directory()?.read(&folder(account.name()), entry.as_str())?;
        let copied = copy(&mut file, to, control)?;
        kept.read_whole(copied)
    }

    pub(super) fn remove(&self, account: &Account, entry: &EntryId) -> Result<()> {
        self.directory()?.remove(&folder(account.name()), entry.as_str())
    }
}

/// No site's key is such a name: a label of a domain does not end with a hyphen. A customer who has a site `account.bob` must not share a folder with the archives of
/// account bob, of which each backup of that site would remove the oldest.
fn folder(account: &Username) -> String {
    format!("account-.{account}")
}

fn copy(from: &mut File, to: &mut dyn Write, control: &dyn Control) -> Result<u64> {
    let fail = |error: io::Error| {
        Error::new(ErrorKind::BackupProvider, "the backup cannot be written to where it shall go")
            .with_source(error)
    };
    let (mut buffer, mut copied) = (vec![0_u8; limits::COPY_BYTES], 0);
    loop {
        if control.stop().is_some() {
            return Err(Error::new(ErrorKind::BackupProvider, "the transfer was ended before it was done"));
        }
        let count = from.read(&mut buffer).map_err(fail)?;
        if count == 0 {
            return Ok(copied);
        }
        to.write_all(&buffer[..count]).map_err(fail)?;
        copied += count as u64;
    }
}

/// The account of an order; what makes archives of accounts is never asked without one.
pub(super) fn account_of<'a>(order: &Order<'a>) -> Result<&'a Account> {
    order.account.ok_or_else(|| {
        Error::new(ErrorKind::BackupUnsupported, "only accounts and their sites can be backed up here")
    })
}

pub(super) fn account_or(account: Option<&Account>) -> Result<&Account> {
    account
        .ok_or_else(|| Error::new(ErrorKind::BackupUnsupported, "name the account whose backups are meant"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SiteKey;

    #[test]
    fn no_site_has_the_folder_of_an_account() {
        for name in ["bob", "a.b", "12", "b-", "_svc", "Alice01"] {
            let folder = folder(&Username::new(name).unwrap());
            assert!(SiteKey::stored(folder.clone()).is_none(), "{folder}");
        }
        assert!(SiteKey::stored("account.bob".into()).is_some(), "the name that it had before");
    }
}
