//! The only place that opens anything below a document root.
//!
//! A [`Root`] holds a directory by its descriptor; every operation takes a [`RelPath`] below it. No symbolic link is followed, no mount entered, nothing
//! but regular files and directories opened, nothing waited for (pipes, leases), and what belongs to another user is not touched. Files are never written
//! in place: they come by rename, so that a hard link elsewhere keeps its content. Whoever swaps directories meanwhile decides at most which of the
//! account's own directories below the root is meant: all work happens below descriptors that were reached from it.

mod fault;
mod open;
mod resolve;
mod temp;

#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Statx};
use rustix::io::Errno;

pub use fault::{Fault, FaultKind, Outcome};
pub(crate) use open::below_home;
pub use temp::TempFile;

use crate::limits;
use crate::types::RelPath;
use resolve::{Mount, Resolver};

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device.
    Other,
}

/// Facts about a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Owner.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
    /// Inode number.
    pub inode: u64,
    /// How many names it has.
    pub links: u32,
    /// Last change of the content: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
}

impl Facts {
    fn new(stat: &Statx) -> Self {
        let kind = match resolve::file_type(stat) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Dir,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        Self {
            kind,
            size: stat.stx_size,
            uid: stat.stx_uid,
            mode: u32::from(stat.stx_mode) & 0o7777,
            inode: stat.stx_ino,
            links: stat.stx_nlink,
            modified: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
        }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// What it is, and more.
    pub facts: Facts,
}

/// How a rename treats what is at its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rename {
    /// A file there is replaced.
    Replace,
    /// Nothing may be there.
    New,
    /// The two change places in one step; [`FaultKind::Unsupported`] where the file system cannot.
    Exchange,
}

/// Permission bits of what a publication makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    /// Of files.
    pub file: u32,
    /// Of directories.
    pub dir: u32,
}

impl Default for Modes {
    fn default() -> Self {
        Self { file: 0o644, dir: 0o755 }
    }
}

/// Free space of a file system, for this account as far as the file system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Bytes.
    pub bytes: u64,
    /// Inodes; `u64::MAX` where the file system has no fixed number of them.
    pub inodes: u64,
}

/// A directory of the account, and everything below it that may be touched.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    mount: Mount,
    uid: u32,
    resolver: Resolver,
}

impl Root {
    /// Facts about what is at `path`, of a link about the link; `None` if nothing is there.
    ///
    /// # Errors
    /// If a directory on the way cannot be entered.
    pub fn stat(&self, path: &RelPath) -> Outcome<Option<Facts>> {
        let found = match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => {
                self.dir_fd(&parent, path).map(|dir| resolve::stat_name(dir.as_fd(), name))
            }
            _ => Ok(resolve::stat_fd(self.dir.as_fd())),
        };
        match found {
            Ok(Ok(stat)) => Ok(Some(Facts::new(&stat))),
            Ok(Err(Errno::NOENT)) => Ok(None),
            Ok(Err(error)) => Err(Fault::io(error, path)),
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Opens a regular file of the account for reading.
    ///
    /// # Errors
    /// [`FaultKind::Missing`], [`FaultKind::Link`], [`FaultKind::NotRegular`], [`FaultKind::Owner`] and others; a pipe is never waited for.
    pub fn open_file(&self, path: &RelPath) -> Outcome<File> {
        // Looked at before it is opened: opening alone may already do something to a device.
        self.check_file(path)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open_fd(path, flags).map_err(|error| Fault::io(error, path))?;
        let facts = Facts::new(&resolve::stat_fd(file.as_fd()).map_err(|error| Fault::io(error, path))?);
        self.judge_file(&facts, path)?;
        Ok(File::from(file))
    }

    /// Opens a regular file of the account for writing at its end, if it has no second name.
    ///
    /// # Errors
    /// As [`Root::open_file`]; [`FaultKind::Changed`] if it has more names than one.
    pub fn open_append(&self, path: &RelPath) -> Outcome<File> {
        self.check_file(path)?;
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open_fd(path, flags).map_err(|error| Fault::io(error, path))?;
        let facts = Facts::new(&resolve::stat_fd(file.as_fd()).map_err(|error| Fault::io(error, path))?);
        self.judge_file(&facts, path)?;
        if facts.links != 1 {
            return Err(Fault::new(FaultKind::Changed, path));
        }
        Ok(File::from(file))
    }

    /// Sets the permission bits of this directory.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_mode(&self, mode: u32) -> Outcome<()> {
        let here = RelPath::root();
        let dir = self.open_fd(&here, OFlags::RDONLY | OFlags::DIRECTORY);
        dir.and_then(|dir| rustix::fs::fchmod(&dir, Mode::from_raw_mode(mode)))
            .map_err(|error| Fault::io(error, &here))
    }

    /// Makes a new, empty file, readable and writable for its opener.
    ///
    /// # Errors
    /// [`FaultKind::Exists`] if anything has the name; [`FaultKind::Owner`] if the directory is not the account's.
    pub fn create(&self, path: &RelPath, mode: u32) -> Outcome<File> {
        let (dir, name) = self.own_parent(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let wrong = |error: Errno| Fault::io(error, path);
        let file = rustix::fs::openat(&dir, name, flags, Mode::from_raw_mode(mode)).map_err(wrong)?;
        let made = resolve::stat_fd(file.as_fd()).map_err(wrong)?;
        if u32::from(made.stx_mode) & 0o7777 != mode {
            // The umask took something away.
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(wrong)?;
        }
        Ok(File::from(file))
    }

    /// Makes a directory. `false`: there already is one.
    ///
    /// # Errors
    /// [`FaultKind::NotDirectory`] if something else has the name.
    pub fn make_dir(&self, path: &RelPath, mode: u32) -> Outcome<bool> {
        let (dir, name) = match path.is_root() {
            true => return Ok(false),
            false => self.own_parent(path)?,
        };
        match rustix::fs::mkdirat(&dir, name, Mode::from_raw_mode(mode)) {
            Ok(()) => {}
            Err(Errno::EXIST) => return self.check_dir(path).map(|()| false),
            Err(error) => return Err(Fault::io(error, path)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = resolve::open_segment(dir.as_fd(), name, flags).map_err(|error| Fault::io(error, path))?;
        let facts = Facts::new(&resolve::stat_fd(made.as_fd()).map_err(|error| Fault::io(error, path))?);
        if facts.uid == self.uid && facts.mode & 0o777 != mode {
            rustix::fs::fchmod(&made, Mode::from_raw_mode(mode)).map_err(|error| Fault::io(error, path))?;
        }
        Ok(true)
    }

    /// The directories that are not there yet of a path to one, the outermost first.
    ///
    /// # Errors
    /// As [`Root::make_dir`].
    pub fn missing_dirs(&self, path: &RelPath) -> Outcome<Vec<RelPath>> {
        let mut missing = Vec::new();
        let mut next = Some(path.clone());
        while let Some(path) = next.filter(|path| !path.is_root()) {
            if self.stat(&path)?.is_some() {
                self.check_dir(&path)?;
                break;
            }
            next = path.parent();
            missing.push(path);
        }
        missing.reverse();
        Ok(missing)
    }

    /// Makes a directory and those above it; gives back those that were not there, the outermost first.
    ///
    /// # Errors
    /// As [`Root::make_dir`].
    pub fn make_dirs(&self, path: &RelPath, mode: u32) -> Outcome<Vec<RelPath>> {
        let mut made = Vec::new();
        for path in self.missing_dirs(path)? {
            if self.make_dir(&path, mode)? {
                made.push(path);
            }
        }
        Ok(made)
    }

    /// Renames a file or directory from below this root to below another one (or the same) on the same mount.
    ///
    /// What is replaced must be a regular file of the account; what is exchanged, a file or directory of the account.
    ///
    /// # Errors
    /// [`FaultKind::Exists`], [`FaultKind::Unsupported`], [`FaultKind::Owner`] and others; nothing has changed then.
    pub fn rename(&self, from: &RelPath, target: &Root, to: &RelPath, how: Rename) -> Outcome<()> {
        let (from_dir, from_name) = self.own_parent(from)?;
        let (to_dir, to_name) = target.own_parent(to)?;
        match resolve::stat_name(to_dir.as_fd(), to_name) {
            Ok(stat) if how == Rename::Replace => target.judge_file(&Facts::new(&stat), to)?,
            Ok(stat) if how == Rename::Exchange => target.judge_own(&Facts::new(&stat), to)?,
            _ => {}
        }
        let with = |flags| rustix::fs::renameat_with(&from_dir, from_name, &to_dir, to_name, flags);
        match how {
            Rename::Replace => rustix::fs::renameat(&from_dir, from_name, &to_dir, to_name),
            Rename::Exchange => with(RenameFlags::EXCHANGE),
            Rename::New => with(RenameFlags::NOREPLACE),
        }
        .or_else(|error| match error {
            // Old file systems know no flags at all. Between the look and the step somebody could make the name; nobody but the account can.
            Errno::INVAL | Errno::NOSYS if how == Rename::New => {
                match resolve::stat_name(to_dir.as_fd(), to_name) {
                    Err(Errno::NOENT) => rustix::fs::renameat(&from_dir, from_name, &to_dir, to_name),
                    Err(error) => Err(error),
                    Ok(_) => Err(Errno::EXIST),
                }
            }
            error => Err(error),
        })
        .map_err(|error| Fault::io(error, to))
    }

    /// Gives a regular file of the account a second name below another root (or the same) on the same mount, where nothing may be.
    ///
    /// # Errors
    /// [`FaultKind::Exists`]; [`FaultKind::Access`] where the system forbids the link.
    pub fn link(&self, from: &RelPath, target: &Root, to: &RelPath) -> Outcome<()> {
        self.check_file(from)?;
        let (from_dir, from_name) = self.own_parent(from)?;
        let (to_dir, to_name) = target.own_parent(to)?;
        // Without AT_SYMLINK_FOLLOW a link is not followed: whoever puts one there now gets it linked.
        rustix::fs::linkat(&from_dir, from_name, &to_dir, to_name, AtFlags::empty())
            .map_err(|error| Fault::io(error, to))
    }

    /// Removes a regular file of the account. `false`: there was none.
    ///
    /// # Errors
    /// [`FaultKind::IsDirectory`], [`FaultKind::Link`], [`FaultKind::Owner`] and others.
    pub fn remove_file(&self, path: &RelPath) -> Outcome<bool> {
        match self.stat(path)? {
            None => return Ok(false),
            Some(facts) => self.judge_file(&facts, path)?,
        }
        let (dir, name) = self.own_parent(path)?;
        match rustix::fs::unlinkat(&dir, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(Fault::io(error, path)),
        }
    }

    /// Removes an empty directory. `false`: there was none.
    ///
    /// # Errors
    /// [`FaultKind::NotEmpty`], [`FaultKind::NotDirectory`], [`FaultKind::Name`] for the root itself.
    pub fn remove_dir(&self, path: &RelPath) -> Outcome<bool> {
        match self.stat(path)? {
            None => return Ok(false),
            Some(facts) if facts.kind != Kind::Dir => {
                return Err(Fault::new(FaultKind::NotDirectory, path));
            }
            Some(_) => {}
        }
        let (dir, name) = self.own_parent(path)?;
        match rustix::fs::unlinkat(&dir, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(Fault::io(error, path)),
        }
    }

    /// Removes whatever has a name, whoever it belongs to, but no directory. `false`: nothing had it. Of a link, the link goes.
    ///
    /// # Errors
    /// [`FaultKind::IsDirectory`] and others.
    pub(crate) fn remove_any(&self, path: &RelPath) -> Outcome<bool> {
        let (dir, name) = self.own_parent(path)?;
        match rustix::fs::unlinkat(&dir, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(Fault::io(error, path)),
        }
    }

    /// What a directory holds, in no order: all kinds, but neither Panelgate's own names nor names that are not a [`RelPath`]'s segment.
    ///
    /// # Errors
    /// [`FaultKind::Missing`], [`FaultKind::NotDirectory`], [`FaultKind::Link`]; [`FaultKind::TooMany`] above [`limits::LIST_ENTRIES`].
    pub fn list(&self, path: &RelPath) -> Outcome<Vec<Item>> {
        self.scan(path).map(|(items, _)| items)
    }

    /// Like [`Root::list`], and how many names were left out.
    pub(crate) fn scan(&self, path: &RelPath) -> Outcome<(Vec<Item>, usize)> {
        let wrong = |error: Errno| Fault::io(error, path);
        let dir = self.open_fd(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(wrong)?;
        let (mut items, mut left_out) = (Vec::new(), 0);
        for entry in rustix::fs::Dir::read_from(&dir).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let legal = RelPath::from_wire(bytes).ok().filter(|path| path.as_str().as_bytes() == bytes);
            let Some(name) = legal.filter(|path| !path.is_reserved()) else {
                left_out += 1;
                continue;
            };
            match resolve::stat_name(dir.as_fd(), name.as_str()) {
                Ok(stat) => items.push(Item { name: name.as_str().to_owned(), facts: Facts::new(&stat) }),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(wrong(error)),
            }
            if items.len() > limits::LIST_ENTRIES || left_out > limits::LIST_ENTRIES {
                return Err(Fault::new(FaultKind::TooMany, path));
            }
        }
        Ok((items, left_out))
    }

    /// Waits until everything that was written to this file system is on the disk.
    ///
    /// # Errors
    /// [`FaultKind::Io`] if something was lost on the way.
    pub fn sync(&self) -> Outcome<()> {
        let dir = self.open_fd(&RelPath::root(), OFlags::RDONLY | OFlags::DIRECTORY);
        dir.and_then(|dir| rustix::fs::syncfs(&dir)).map_err(|error| Fault::io(error, &RelPath::root()))
    }

    /// Waits until the names in one directory are on the disk.
    ///
    /// # Errors
    /// As [`Root::sync`].
    pub fn sync_dir(&self, path: &RelPath) -> Outcome<()> {
        let dir = self.open_fd(path, OFlags::RDONLY | OFlags::DIRECTORY);
        dir.and_then(|dir| rustix::fs::fsync(&dir)).map_err(|error| Fault::io(error, path))
    }

    /// Locks this directory for as long as the descriptor is open, if nobody else has it.
    ///
    /// # Errors
    /// [`FaultKind::Changed`] if somebody has it.
    pub fn lock(&self) -> Outcome<OwnedFd> {
        let here = RelPath::root();
        let dir = self.open_fd(&here, OFlags::RDONLY | OFlags::DIRECTORY);
        dir.and_then(|dir| {
            rustix::fs::flock(&dir, rustix::fs::FlockOperation::NonBlockingLockExclusive).map(|()| dir)
        })
        .map_err(|error| Fault::io(error, &here))
    }

    /// How much room the file system has.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn space(&self) -> Outcome<Space> {
        let stat = rustix::fs::fstatvfs(&self.dir).map_err(|error| Fault::io(error, &RelPath::root()))?;
        let inodes = if stat.f_files == 0 { u64::MAX } else { stat.f_favail };
        Ok(Space { bytes: stat.f_bavail.saturating_mul(stat.f_frsize), inodes })
    }

    /// The owner of everything that may be touched.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether files can be renamed between the two.
    pub fn shares_mount(&self, other: &Root) -> bool {
        self.mount == other.mount
    }

    /// The descriptor of the directory, for a sandbox that names what stays reachable.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    fn open_fd(&self, path: &RelPath, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        resolve::open_beneath(self.resolver, self.dir.as_fd(), &self.mount, path, flags)
    }

    /// The directory `path`, told as a fault of `of`.
    fn dir_fd(&self, path: &RelPath, of: &RelPath) -> Outcome<OwnedFd> {
        self.open_fd(path, resolve::dir_flags()).map_err(|error| Fault::io(error, of))
    }

    /// The directory that holds `path`, which must be the account's, and the last segment.
    fn own_parent<'p>(&self, path: &'p RelPath) -> Outcome<(OwnedFd, &'p str)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Fault::new(FaultKind::Name, path));
        };
        let dir = self.dir_fd(&parent, path)?;
        let stat = resolve::stat_fd(dir.as_fd()).map_err(|error| Fault::io(error, path))?;
        if stat.stx_uid != self.uid {
            return Err(Fault::new(FaultKind::Owner, &parent));
        }
        Ok((dir, name))
    }

    /// A regular file of the account is at `path`.
    fn check_file(&self, path: &RelPath) -> Outcome<()> {
        match self.stat(path)? {
            Some(facts) => self.judge_file(&facts, path),
            None => Err(Fault::new(FaultKind::Missing, path)),
        }
    }

    /// A directory that may be entered is at `path`.
    fn check_dir(&self, path: &RelPath) -> Outcome<()> {
        self.dir_fd(path, path).map(drop)
    }

    fn judge_file(&self, facts: &Facts, path: &RelPath) -> Outcome<()> {
        match facts.kind {
            Kind::Dir => Err(Fault::new(FaultKind::IsDirectory, path)),
            _ => self.judge_own(facts, path),
        }
    }

    fn judge_own(&self, facts: &Facts, path: &RelPath) -> Outcome<()> {
        match facts.kind {
            Kind::Link => Err(Fault::new(FaultKind::Link, path)),
            Kind::Other => Err(Fault::new(FaultKind::NotRegular, path)),
            _ if facts.uid != self.uid => Err(Fault::new(FaultKind::Owner, path)),
            _ => Ok(()),
        }
    }
}
