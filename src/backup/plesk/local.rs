//! Plesk on this server: its program is run as root, and what it has made is found in its storage (`reference/plesk.md` 2.5, 2.6).
//!
//! The program prints nothing that names its work, so each run has a prefix that no other run has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::backup::BackupFile;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::Tree;
use crate::sys::process::{self, Task};
use crate::types::quote;

use super::program::{Finished, Run};

const PSA_CONF: &str = "/etc/psa/psa.conf";

/// Where Plesk keeps its backups unless it says otherwise.
const DUMPS: &str = "/var/lib/psa/dumps";

/// Deepest folder below the storage that is looked into.
const DEPTH: usize = 16;

/// Runs one of Plesk's programs to its end, or until nobody wants it any more.
///
/// # Errors
/// [`ErrorKind::BackupProvider`] if it cannot be started, hangs, floods, or is wanted no more. A program that fails is no error here.
pub(super) fn run(program: &Path, run: &Run<'_>, wanted: &dyn Fn() -> bool) -> Result<Finished> {
    let mut arguments = vec!["bin", run.program];
    arguments.extend(run.arguments.iter().map(String::as_str));
    // A program of a panel needs a usual PATH; its texts are in English only for our own log.
    let mut environment: Vec<(OsString, OsString)> = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LC_ALL", "C"),
        ("HOME", "/root"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    environment.extend(run.secrets.iter().map(|(name, secret)| ((*name).into(), secret.expose().into())));
    let task = Task {
        program,
        arguments: &arguments,
        environment: &environment,
        directory: Path::new("/"),
        input: b"",
    };
    let output = process::run_while(&task, limits::COMMAND_OUTPUT_BYTES, run.deadline, wanted);
    let output = output.map_err(|error| {
        Error::new(ErrorKind::BackupProvider, format!("{} bin {}", program.display(), run.program))
            .with_source(error)
    })?;
    Ok(Finished {
        success: output.status.success(),
        code: output.status.to_string(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A backup in the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dump {
    /// Where its description lies, `PREFIX_info_TIME.xml`.
    pub(super) folder: PathBuf,
    /// What its files' names begin with.
    pub(super) prefix: String,
    /// What they end with: Plesk's own time, in the server's zone.
    pub(super) time: String,
    /// When the description was written, in Unix seconds.
    pub(super) made: Option<u64>,
    /// All its files in that folder and below; the description first.
    pub(super) files: Vec<BackupFile>,
}

/// The backups whose files' names begin with a prefix, newest first.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the storage cannot be read, or has more than [`limits::PLESK_DUMP_ENTRIES`] entries.
pub(super) fn dumps(tree: &Tree, begins: &str) -> Result<Vec<Dump>> {
    let root = storage(tree)?;
    let mut files = Vec::new();
    let mut left = limits::PLESK_DUMP_ENTRIES;
    collect(&root, begins, DEPTH, &mut left, &mut files)?;
    // From the top down, so that a description is seen before those of its parts.
    files.sort_by_key(|(path, ..)| (path.components().count(), path.clone()));
    let mut dumps: Vec<Dump> = Vec::new();
    for (path, size, made) in files {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(Name::parse);
        let (Some(name), Some(place)) = (name, path.parent()) else { continue };
        let file = BackupFile { name: path.display().to_string(), size: Some(size), sha256: None };
        let belongs = |dump: &&mut Dump| {
            dump.prefix == name.prefix && dump.time == name.time && place.starts_with(&dump.folder)
        };
        match dumps.iter_mut().find(belongs) {
            Some(dump) => dump.files.push(file),
            None if name.describes => dumps.push(Dump {
                folder: place.to_owned(),
                prefix: name.prefix.to_owned(),
                time: name.time.to_owned(),
                made,
                files: vec![file],
            }),
            None => {}
        }
    }
    dumps.sort_by(|a, b| b.made.cmp(&a.made).then_with(|| b.time.cmp(&a.time)));
    Ok(dumps)
}

/// The name of a file in the storage: `pg-7_info_1703161100.xml`.
struct Name<'a> {
    prefix: &'a str,
    time: &'a str,
    describes: bool,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (base, end) = name.split_once('.')?;
        let (rest, time) = base.rsplit_once('_')?;
        let (prefix, what) = rest.rsplit_once('_')?;
        let digits = time.bytes().all(|byte| byte.is_ascii_digit());
        let describes = what == "info" && end == "xml";
        (digits && !time.is_empty() && !prefix.is_empty()).then_some(Self { prefix, time, describes })
    }
}

/// Links are not followed: the storage belongs to root, and nothing outside of it is meant.
fn collect(
    folder: &Path,
    begins: &str,
    depth: usize,
    left: &mut usize,
    files: &mut Vec<(PathBuf, u64, Option<u64>)>,
) -> Result<()> {
    let fail = |what: &str| Error::new(ErrorKind::PanelData, format!("{}: {what}", folder.display()));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Plesk tidies up meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail("Plesk's storage of backups cannot be read").with_source(error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| fail("it cannot be read").with_source(error))?;
        *left = left.checked_sub(1).ok_or_else(|| fail("Plesk's storage of backups has too many entries"))?;
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), begins, depth - 1, left, files)?;
        } else if kind.is_file() && entry.file_name().to_string_lossy().starts_with(begins) {
            let Ok(metadata) = entry.metadata() else { continue };
            let made =
                metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            files.push((entry.path(), metadata.len(), made.map(|made| made.as_secs())));
        }
    }
    Ok(())
}

/// `DUMP_D` of `psa.conf`, in the tree.
pub(super) fn storage(tree: &Tree) -> Result<PathBuf> {
    let content = tree.require(PSA_CONF)?;
    let text = String::from_utf8_lossy(&content.bytes);
    let lines = text.lines().filter_map(|line| line.trim().split_once([' ', '\t']));
    let Some((_, value)) = lines.into_iter().find(|(key, _)| *key == "DUMP_D") else {
        return Ok(tree.path(DUMPS));
    };
    let path = PathBuf::from(value.trim());
    let plain = path
        .components()
        .all(|part| matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_)));
    if path.is_absolute() && plain {
        Ok(tree.path(path))
    } else {
        let text = format!("{PSA_CONF}: DUMP_D {} is not a plain absolute path", quote(value));
        Err(Error::new(ErrorKind::PanelData, text))
    }
}

#[cfg(test)]
mod tests;
