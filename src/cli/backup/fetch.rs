//! `panelgate backup download`: a file that has its name only when it is whole, and a transfer that goes on where it was interrupted.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::output::{Cell, Output};
use super::super::progress::Bar;
use super::arguments::Download;
use super::{is_direct, size, subject, wish};
use crate::backup::{Control, EntryId, Progress, Scope, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Direct, Gateway, Reach};
use crate::limits;
use crate::ops::Principal;
use crate::ops::backup::{self, ProjectFile};
use crate::sys::identity;
use crate::types::hex;

/// Nobody ends a download but by ending the program.
struct Free;

impl Control for Free {
    fn report(&self, _: &Progress) {}

    fn stop(&self) -> Option<Stop> {
        None
    }
}

/// What was written.
struct Written {
    id: String,
    length: u64,
    /// Bytes that an earlier run had left.
    resumed: u64,
    /// The checksum that the bytes were compared with; `None` if nobody knows one.
    sha256: Option<String>,
}

pub(super) fn run(download: &Download, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let of_project =
        download.of.site.is_some() && download.of.scope.unwrap_or(Scope::Project) == Scope::Project;
    let written = if of_project {
        project(download, gateway::for_program(reach)?.as_ref())?
    } else if is_direct(reach) {
        other(download, &gateway::direct(reach)?)?
    } else {
        let text = "only root can download more than the backup of one site's project: name the site";
        return Err(Error::new(ErrorKind::Forbidden, text));
    };
    if is_stdout(&download.to) {
        return Ok(0);
    }
    if download.json {
        output.json(&json!({
            "id": written.id, "file": download.to, "size": written.length, "resumed": written.resumed, "sha256": written.sha256,
        }));
        return Ok(0);
    }
    let checked = if written.sha256.is_some() { ", its checksum is right" } else { "" };
    let length = size(Some(written.length));
    output.line(&[Cell::new(format!("{} is {} ({length}{checked}).", written.id, download.to.display()))]);
    Ok(0)
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// A project, for root and for whoever asks the broker.
fn project(download: &Download, gateway: &dyn Gateway) -> Result<Written> {
    let wish = wish(&download.of);
    let name = download.name.as_ref().map(EntryId::as_str);
    if is_stdout(&download.to) {
        let ProjectFile { mut file, about } = gateway.take_project(&wish, name)?;
        let mut hash = Sha256::new();
        copy(&mut file, &mut std::io::stdout().lock(), &mut hash, &mut |_| {})?;
        check(&hex(&hash.finalize()), &about.sha256, &about.name)?;
        return Ok(Written { id: about.name, length: about.size, resumed: 0, sha256: Some(about.sha256) });
    }
    refuse_existing(&download.to)?;
    let ProjectFile { file, about } = gateway.take_project(&wish, name)?;
    let part = Part::open(&download.to)?;
    let (mut resumed, mut sha256) = part.take(&file, about.size)?;
    if resumed > 0 && sha256 != about.sha256 {
        // What had been left was of another backup.
        part.empty()?;
        (resumed, sha256) = part.take(&file, about.size)?;
    }
    if let Err(error) = check(&sha256, &about.sha256, &about.name) {
        part.remove();
        return Err(error);
    }
    part.finish()?;
    Ok(Written { id: about.name, length: about.size, resumed, sha256: Some(about.sha256) })
}

/// Anything else, which its provider sends from the beginning.
fn other(download: &Download, direct: &Direct) -> Result<Written> {
    let (subject, scope) = subject(direct, &download.of)?;
    let (context, principal) = (direct.context(), direct.principal());
    if *principal != Principal::Root {
        let text = "only root can download more than the backup of one site's project: name the site";
        return Err(Error::new(ErrorKind::Forbidden, text));
    }
    let newest = || {
        let entries = backup::list(context, principal, &subject, scope)?;
        let newest = entries.into_iter().next().map(|entry| entry.id);
        let text = format!("there is no backup of {subject} with the scope {}", scope.name());
        newest.ok_or_else(|| Error::new(ErrorKind::BackupNotFound, text))
    };
    let entry: EntryId = download.name.clone().map_or_else(newest, Ok)?;
    let write = |to: &mut dyn Write| backup::download(context, principal, &subject, scope, &entry, to, &Free);
    if is_stdout(&download.to) {
        let length = write(&mut std::io::stdout().lock())?;
        return Ok(Written { id: entry.to_string(), length, resumed: 0, sha256: None });
    }
    let part = Part::open(&download.to)?;
    part.empty()?;
    let written = write(&mut &part.file);
    let length = match written {
        Ok(length) => length,
        Err(error) => {
            // Nothing of it could be gone on with.
            part.remove();
            return Err(error);
        }
    };
    part.finish()?;
    Ok(Written { id: entry.to_string(), length, resumed: 0, sha256: None })
}

fn refuse_existing(target: &Path) -> Result<()> {
    if target.symlink_metadata().is_err() {
        return Ok(());
    }
    let text =
        format!("{}: it is there already, and is not overwritten: name another file", target.display());
    Err(Error::new(ErrorKind::InvalidArgument, text))
}

/// A file that is being written, beside the one that it will be.
struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Part {
    /// Opens what an earlier run has left, or makes it; nobody else writes it meanwhile. A file of the final name is never overwritten.
    fn open(target: &Path) -> Result<Self> {
        refuse_existing(target)?;
        let mut path = target.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = options.open(&path).map_err(|error| failed(&path, error))?;
        let metadata = file.metadata().map_err(|error| failed(&path, error))?;
        let mine = metadata.uid() == identity::uids().effective && metadata.nlink() == 1;
        if !metadata.is_file() || !mine {
            let text =
                format!("{}: it is not a file that an earlier download has left: remove it", path.display());
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let text = format!("{}: another download writes it at this moment", path.display());
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        Ok(Self { file, path, target: target.to_owned() })
    }

    /// Completes it from a file of `size` bytes. Gives how many bytes were there already, and the checksum of all of them.
    fn take(&self, from: &File, size: u64) -> Result<(u64, String)> {
        let fail = |error| failed(&self.path, error);
        let mut mine = &self.file;
        if self.file.metadata().map_err(fail)?.len() > size {
            self.empty()?;
        }
        let mut hash = Sha256::new();
        mine.seek(SeekFrom::Start(0)).map_err(fail)?;
        let there = copy(&mut mine, &mut std::io::sink(), &mut hash, &mut |_| {})?;
        let mut from = from;
        from.seek(SeekFrom::Start(there)).map_err(fail)?;
        let mut bar = Bar::new();
        let mut show = |copied: u64| {
            let percent = ((there + copied) * 100).checked_div(size).unwrap_or(100);
            bar.show(u8::try_from(percent).ok(), "of the backup is here");
        };
        // A source that never ends is no source of this size.
        let copied = copy(&mut from.take(size - there), &mut mine, &mut hash, &mut show)?;
        if there + copied != size {
            let text = format!(
                "the backup broke off after {} of {size} bytes: begin again, it goes on",
                there + copied
            );
            return Err(Error::new(ErrorKind::BackupProvider, text));
        }
        Ok((there, hex(&hash.finalize())))
    }

    /// Begins anew.
    fn empty(&self) -> Result<()> {
        self.file.set_len(0).map_err(|error| failed(&self.path, error))
    }

    /// Puts it on the disk under its own name.
    fn finish(&self) -> Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let fail = |error| failed(&self.target, error);
        self.file.sync_all().map_err(fail)?;
        renameat_with(CWD, &self.path, CWD, &self.target, RenameFlags::NOREPLACE)
            .map_err(|error| fail(error.into()))?;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all()).map_err(fail)
    }

    fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Copies and counts into the checksum; gives how many bytes. `show` is told how many they are so far.
fn copy(
    from: &mut dyn Read,
    to: &mut dyn Write,
    hash: &mut Sha256,
    show: &mut dyn FnMut(u64),
) -> Result<u64> {
    let (mut buffer, mut copied) = (vec![0_u8; 4 * limits::COPY_BYTES], 0);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(
                    Error::new(ErrorKind::BackupProvider, "the backup cannot be read").with_source(error)
                );
            }
        };
        hash.update(&buffer[..count]);
        to.write_all(&buffer[..count]).map_err(|error| {
            Error::new(ErrorKind::BackupProvider, "the backup cannot be written: begin again, it goes on")
                .with_source(error)
        })?;
        copied += count as u64;
        show(copied);
    }
}

fn check(found: &str, wanted: &str, name: &str) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    let text = format!(
        "{name}: its bytes are not those that were written when it was made: it is damaged, take another one"
    );
    Err(Error::new(ErrorKind::BackupFailed, text))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("{}: it cannot be written", path.display()))
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn sum(bytes: &[u8]) -> String {
        hex(&Sha256::digest(bytes))
    }

    #[test]
    fn a_transfer_goes_on_where_it_was_and_has_its_name_last() {
        let dir = tempfile::tempdir().unwrap();
        let (target, left) = (dir.path().join("a.site"), dir.path().join("a.site.part"));
        for (there, resumed) in [(&b""[..], 0), (b"0123", 4), (b"0123456789", 10), (b"0123456789more", 0)] {
            std::fs::write(&left, there).unwrap();
            let part = Part::open(&target).unwrap();
            assert!(!target.exists());
            assert_eq!(
                part.take(&source(b"0123456789"), 10).unwrap(),
                (resumed, sum(b"0123456789")),
                "{there:?}"
            );
            part.finish().unwrap();
            assert_eq!(std::fs::read(&target).unwrap(), b"0123456789");
            assert!(!left.exists());
            assert!(Part::open(&target).is_err(), "never in place of another");
            std::fs::remove_file(&target).unwrap();
        }
        std::fs::write(&left, b"xxxx").unwrap();
        let part = Part::open(&target).unwrap();
        let (resumed, sha256) = part.take(&source(b"0123456789"), 10).unwrap();
        assert!(resumed == 4 && sha256 != sum(b"0123456789"), "of another backup: the sum says so");
        assert!(Part::open(&target).is_err(), "two at once");
        let short = part.take(&source(b"01"), 20).unwrap_err();
        assert_eq!(short.kind(), ErrorKind::BackupProvider);
    }

    #[test]
    fn what_stands_in_for_a_part_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let (target, left, other) =
            (dir.path().join("a"), dir.path().join("a.part"), dir.path().join("other"));
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &left).unwrap();
        assert!(Part::open(&target).is_err());
        std::fs::remove_file(&left).unwrap();
        std::fs::hard_link(&other, &left).unwrap();
        assert!(Part::open(&target).is_err());
        std::fs::remove_file(&left).unwrap();
        std::fs::create_dir(&left).unwrap();
        assert!(Part::open(&target).is_err());
        assert_eq!(std::fs::read(&other).unwrap(), b"mine");
    }
}
