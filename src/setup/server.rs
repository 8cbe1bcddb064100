//! The server that is set up: its files below a root folder, its programs, and what setup remembers of its own work.
//!
//! Every file appears whole: it is written beside its place, forced to disk and renamed. Whoever is killed between two steps leaves a state from which the
//! same steps lead to the same end.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::Tree;
use crate::sys::file::{self, ReadError};
use crate::sys::identity;
use crate::sys::process::{self, Output, Task};
use crate::types::{hex, quote};

/// Where setup remembers what it has done.
const MEMORY: &str = "/var/lib/panelgate/setup";

/// Where Panelgate keeps its state, whose folder setup may be the first to make.
const STATE: &str = "/var/lib/panelgate";

/// Says that setup was run on this server and not undone.
const INSTALLED: &str = "installed";

/// The server.
pub(super) struct Server {
    tree: Tree,
    /// Longest run of a program.
    pub(super) program_time: Duration,
    /// Held as long as this process works on the server.
    _lock: Option<File>,
}

impl Server {
    /// The server below a root folder, to look at.
    pub(super) fn look(root: &Path) -> Self {
        Self { tree: Tree::new(root), program_time: limits::SETUP_PROGRAM_TIME, _lock: None }
    }

    /// The server below a root folder, to change: one process at a time does.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if another one does not end; [`ErrorKind::Internal`] if nothing can be written there.
    pub(super) fn change(root: &Path) -> Result<Self> {
        let mut server = Self::look(root);
        server.make_dirs(STATE, 0o700)?;
        server.make_dirs(MEMORY, 0o700)?;
        let path = server.path(MEMORY).join("lock");
        let fail = |error: io::Error| failed(&path, "cannot be locked", error);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(fail)?;
        let end = Instant::now() + limits::SETUP_LOCK_TIME;
        while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(fail(error.into()));
            }
            if Instant::now() > end {
                let text = "another panelgate setup is running and does not end: look for it with ps, then try again";
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        server._lock = Some(file);
        Ok(server)
    }

    /// The panel's data.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether this is the running system, and no folder of a test.
    pub(super) fn is_real(&self) -> bool {
        self.tree.root() == Path::new("/")
    }

    /// Where an absolute path of the server lies.
    pub(super) fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        self.tree.path(absolute)
    }

    /// Whether anything is at the path, also a link that leads nowhere.
    pub(super) fn exists(&self, absolute: impl AsRef<Path>) -> bool {
        self.tree.exists(absolute)
    }

    /// Whether the path leads to a file, directory or program; links are followed.
    pub(super) fn leads_somewhere(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }

    /// The bytes of a file; `None` if there is none. Links are not followed.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be read, belongs to somebody else than root or is no file.
    pub(super) fn read(&self, absolute: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        let path = self.path(absolute);
        match file::read(&path, limits::SETUP_FILE_BYTES, &[0, identity::uids().effective]) {
            Ok(content) => Ok(Some(content.bytes)),
            Err(ReadError::Missing) => Ok(None),
            Err(error) => Err(internal(format!("{} cannot be read", path.display())).with_source(error)),
        }
    }

    /// The text of a file of the panel's own user; empty if there is none. It is only looked at, never believed.
    pub(super) fn text(&self, absolute: impl AsRef<Path>) -> String {
        let read = |path: PathBuf| -> io::Result<Vec<u8>> {
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_file() && metadata.len() <= limits::SETUP_FILE_BYTES {
                fs::read(path)
            } else {
                Ok(Vec::new())
            }
        };
        String::from_utf8_lossy(&read(self.path(absolute)).unwrap_or_default()).into_owned()
    }

    /// Puts a file in its place, with this mode and of this process's user. Owner and mode of one that is there are kept where `keep` says so.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] naming the file.
    pub(super) fn write(&self, absolute: impl AsRef<Path>, bytes: &[u8], mode: Mode) -> Result<()> {
        let path = self.path(absolute);
        let fail = |error: io::Error| failed(&path, "cannot be written", error);
        let beside = beside(&path)?;
        remove_file(&beside).map_err(fail)?;
        let old = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file);
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(mode.bits() & 0o700).open(&beside)?;
            file.write_all(bytes)?;
            match (mode, &old) {
                (Mode::Kept(_), Some(old)) => {
                    std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
                    file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
                }
                _ => file.set_permissions(Permissions::from_mode(mode.bits()))?,
            }
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            sync_directory(&path)
        };
        write().map_err(fail)
    }

    /// Makes a directory and those above it, if they are not there.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] naming the directory.
    pub(super) fn make_dirs(&self, absolute: impl AsRef<Path>, mode: u32) -> Result<()> {
        let path = self.path(absolute);
        let made = path.is_dir() || fs::create_dir_all(path.parent().unwrap_or(&path)).is_ok();
        let result = match made {
            _ if path.is_dir() => Ok(()),
            _ => {
                fs::create_dir(&path).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode)))
            }
        };
        result.map_err(|error| failed(&path, "cannot be made", error))
    }

    /// Puts a link in its place that leads to another path of the server. A link of another target is replaced; anything else is not.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be, [`ErrorKind::Config`] if something else is in its place.
    pub(super) fn link(&self, absolute: &str, target: &str) -> Result<()> {
        let (path, target) = (self.path(absolute), self.path(target));
        if let Ok(metadata) = fs::symlink_metadata(&path)
            && !metadata.is_symlink()
        {
            let text =
                format!("{} is in the way of a link: move it away, then run setup again", path.display());
            return Err(Error::new(ErrorKind::Config, text));
        }
        let fail = |error: io::Error| failed(&path, "cannot be linked", error);
        let beside = beside(&path)?;
        remove_file(&beside).map_err(fail)?;
        symlink(&target, &beside).and_then(|()| fs::rename(&beside, &path)).map_err(fail)?;
        sync_directory(&path).map_err(fail)
    }

    /// Whether a link is there and leads to that path of the server.
    pub(super) fn is_link(&self, absolute: &str, target: &str) -> bool {
        fs::read_link(self.path(absolute)).is_ok_and(|found| found == self.path(target))
    }

    /// Removes a file or link; says whether there was one.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] naming the file.
    pub(super) fn remove(&self, absolute: impl AsRef<Path>) -> Result<bool> {
        let path = self.path(absolute);
        remove_file(&path).map_err(|error| failed(&path, "cannot be removed", error))
    }

    /// Removes a directory with everything in it; says whether there was one. Links in it are not followed.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] naming the directory.
    pub(super) fn remove_tree(&self, absolute: impl AsRef<Path>) -> Result<bool> {
        let path = self.path(absolute);
        match fs::remove_dir_all(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(&path, "cannot be removed", error)),
        }
    }

    /// Runs a program of the server to its end, without a shell, with an environment of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be started, hangs, or fails; with the end of what it said.
    pub(super) fn run(&self, program: &Path, arguments: &[&str]) -> Result<Output> {
        let output = self.try_run(program, arguments)?;
        if output.status.success() {
            return Ok(output);
        }
        Err(refused(&self.path(program), arguments, &output))
    }

    /// Runs a program of the server to its end, whatever its end is.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be started or hangs.
    pub(super) fn try_run(&self, program: &Path, arguments: &[&str]) -> Result<Output> {
        const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let path = self.path(program);
        let environment: [(OsString, OsString); 3] = [("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/root")]
            .map(|(name, value)| (name.into(), value.into()));
        let task = Task {
            program: &path,
            arguments,
            environment: &environment,
            directory: Path::new("/"),
            input: b"",
        };
        process::run_task(&task, limits::COMMAND_OUTPUT_BYTES, self.program_time)
            .map_err(|fault| internal(format!("{}: {fault}", command(&path, arguments))))
    }

    /// What setup remembers under a name.
    pub(super) fn stamp(&self, name: &str) -> Option<String> {
        let bytes = self.read(Path::new(MEMORY).join(name)).ok().flatten()?;
        String::from_utf8(bytes).ok().map(|text| text.trim_end().to_owned())
    }

    /// Remembers something under a name.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be written.
    pub(super) fn set_stamp(&self, name: &str, text: &str) -> Result<()> {
        self.write(Path::new(MEMORY).join(name), format!("{text}\n").as_bytes(), Mode::Exactly(0o600))
    }

    /// Forgets what stands under a name.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it cannot be.
    pub(super) fn clear_stamp(&self, name: &str) -> Result<bool> {
        self.remove(Path::new(MEMORY).join(name))
    }

    /// Which panel setup was run for, if it was run and not undone.
    pub(super) fn installed(&self) -> Option<String> {
        self.stamp(INSTALLED)
    }

    /// Remembers that setup was run.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if that cannot be written.
    pub(super) fn set_installed(&self, panel: &str) -> Result<()> {
        if self.installed().as_deref() == Some(panel) { Ok(()) } else { self.set_stamp(INSTALLED, panel) }
    }

    /// Remembers that setup was undone.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if that cannot be written.
    pub(super) fn clear_installed(&self) -> Result<()> {
        self.clear_stamp(INSTALLED).map(|_| ())
    }
}

/// Permission bits of a file that is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode {
    /// These.
    Exactly(u32),
    /// Those of the file that is there, and its owner; these for a new one.
    Kept(u32),
}

impl Mode {
    const fn bits(self) -> u32 {
        match self {
            Self::Exactly(bits) | Self::Kept(bits) => bits,
        }
    }
}

/// A fingerprint of what setup has put somewhere.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// An error of the system below.
pub(super) fn internal(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, text)
}

fn failed(path: &Path, what: &str, error: io::Error) -> Error {
    internal(format!("{} {what}", path.display())).with_source(error)
}

/// That a program has failed, with the end of what it said.
pub(super) fn refused(program: &Path, arguments: &[&str], output: &Output) -> Error {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    };
    let words = last(&output.stderr).or_else(|| last(&output.stdout)).unwrap_or_default();
    internal(format!("{} failed ({}): it said {}", command(program, arguments), output.status, quote(&words)))
}

/// A command as people write it.
fn command(program: &Path, arguments: &[&str]) -> String {
    let mut text = program.display().to_string();
    for argument in arguments {
        text.push(' ');
        text.push_str(argument);
    }
    text
}

/// Where a file is written before it is renamed. The name is always the same: what a killed process has left there is gone after the next one.
fn beside(path: &Path) -> Result<PathBuf> {
    let name =
        path.file_name().ok_or_else(|| internal(format!("{} is no name of a file", path.display())))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".panelgate-new");
    Ok(path.with_file_name(hidden))
}

fn remove_file(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Makes a rename in a directory last.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_links_replace_what_they_may() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::change(dir.path()).unwrap();
        server.make_dirs("/etc/x", 0o755).unwrap();
        server.write("/etc/x/f", b"1", Mode::Exactly(0o640)).unwrap();
        let mode = |path: &str| fs::metadata(server.path(path)).unwrap().mode() & 0o7777;
        assert_eq!((server.read("/etc/x/f").unwrap().unwrap(), mode("/etc/x/f")), (b"1".to_vec(), 0o640));
        server.write("/etc/x/f", b"2", Mode::Kept(0o600)).unwrap();
        assert_eq!((server.read("/etc/x/f").unwrap().unwrap(), mode("/etc/x/f")), (b"2".to_vec(), 0o640));
        server.link("/etc/x/l", "/etc/x/f").unwrap();
        assert!(server.is_link("/etc/x/l", "/etc/x/f") && !server.is_link("/etc/x/f", "/etc/x/l"));
        server.link("/etc/x/l", "/etc/y").unwrap();
        assert!(server.is_link("/etc/x/l", "/etc/y"));
        assert_eq!(server.link("/etc/x/f", "/etc/y").unwrap_err().kind(), ErrorKind::Config);
        assert!(server.remove("/etc/x/l").unwrap() && !server.remove("/etc/x/l").unwrap());
        assert!(server.remove_tree("/etc/x").unwrap() && !server.remove_tree("/etc/x").unwrap());
        assert!(server.read("/etc/x/f").unwrap().is_none());
    }

    #[test]
    fn what_a_killed_process_has_left_is_in_nobodys_way() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::change(dir.path()).unwrap();
        server.make_dirs("/etc", 0o755).unwrap();
        fs::write(dir.path().join("etc/.f.panelgate-new"), "half").unwrap();
        server.write("/etc/f", b"whole", Mode::Exactly(0o600)).unwrap();
        let names: Vec<_> =
            fs::read_dir(dir.path().join("etc")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["f"]);
    }

    #[test]
    fn a_program_that_fails_is_quoted_and_one_that_hangs_is_stopped() {
        let mut server = Server::look(Path::new("/"));
        let text =
            server.run(Path::new("/bin/sh"), &["-c", "echo out; echo why >&2; exit 3"]).unwrap_err().chain();
        assert!(text.contains("exit status: 3") && text.contains("\"why\""), "{text}");
        server.program_time = Duration::from_millis(200);
        assert!(server.run(Path::new("/bin/sleep"), &["600"]).unwrap_err().chain().contains("ran longer"));
        assert!(server.run(Path::new("/no/such"), &[]).unwrap_err().chain().contains("cannot be started"));
    }
}
