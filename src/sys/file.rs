//! Reading a file of which only the place is trusted.
//!
//! Links are not followed, what is not a regular file is not waited for, what is too large is not read, and the owner is looked at on the
//! open file, so that nothing can change between the check and the reading.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

/// What a file held when it was read.
#[derive(Debug)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Last change of the content.
    pub modified: SystemTime,
}

/// Why a file was not read.
#[derive(Debug)]
pub enum ReadError {
    /// There is none.
    Missing,
    /// It is a symbolic link.
    Link,
    /// It is a directory, device, socket or pipe.
    NotRegular,
    /// It is larger than allowed; the limit in bytes.
    TooLarge(u64),
    /// It belongs to somebody whose word does not count here; the owner's uid.
    Owner(u32),
    /// The system refused.
    Io(io::Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => write!(f, "the file does not exist"),
            Self::Link => write!(f, "it is a symbolic link, which is not followed here"),
            Self::NotRegular => write!(f, "it is not a regular file"),
            Self::TooLarge(limit) => write!(f, "it is larger than {limit} bytes"),
            Self::Owner(uid) => write!(f, "it belongs to uid {uid}, whose word does not count here"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads a regular file of at most `limit` bytes that belongs to one of `owners`.
///
/// # Errors
/// See [`ReadError`].
pub fn read(path: &Path, limit: u64, owners: &[u32]) -> Result<Content, ReadError> {
    let (mut file, metadata) = open(path, limit, owners)?;
    let expected = usize::try_from(metadata.len()).unwrap_or(0);
    let mut bytes = Vec::with_capacity(expected + 1);
    // The file may grow while it is read: the bound is on what is read, not on what was said.
    (&mut file).take(limit + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge(limit));
    }
    Ok(Content {
        bytes,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    })
}

/// Opens a regular file of at most `limit` bytes that belongs to one of `owners`. It may grow while it is read: whoever does not use [`read`] must
/// count.
///
/// # Errors
/// See [`ReadError`].
pub fn open(path: &Path, limit: u64, owners: &[u32]) -> Result<(File, Metadata), ReadError> {
    let (file, metadata) = check(open_any(path)?, owners)?;
    if metadata.len() > limit {
        return Err(ReadError::TooLarge(limit));
    }
    Ok((file, metadata))
}

fn check(file: File, owners: &[u32]) -> Result<(File, Metadata), ReadError> {
    let metadata = file.metadata().map_err(ReadError::Io)?;
    if !metadata.is_file() {
        return Err(ReadError::NotRegular);
    }
    if !owners.contains(&metadata.uid()) {
        return Err(ReadError::Owner(metadata.uid()));
    }
    Ok((file, metadata))
}

/// Opens a regular file of one of `owners` by its name in a directory, neither of which may be a link.
///
/// # Errors
/// See [`ReadError`].
pub fn open_in(directory: &Path, name: &str, owners: &[u32]) -> Result<(File, Metadata), ReadError> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    if name.is_empty() || name.contains('/') || matches!(name, "." | "..") {
        return Err(ReadError::Missing);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |directory, name: &Path, more| {
        openat(directory, name, flags | more, Mode::empty()).map_err(|errno| refused(errno.into()))
    };
    let folder = open(CWD, directory, OFlags::DIRECTORY)?;
    let file = open(folder.as_fd(), Path::new(name), OFlags::NONBLOCK | OFlags::NOCTTY)?;
    check(File::from(file), owners)
}

/// Makes sure that only root and this process's user decide what is found below a directory: it and every directory above it belong to one of them, and
/// others can write to none of them, unless its sticky bit keeps them from replacing what is not theirs.
///
/// # Errors
/// Which directory it is and why.
pub fn check_place(directory: &Path) -> Result<(), String> {
    let real = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
    for place in real.ancestors() {
        let metadata = std::fs::metadata(place).map_err(|error| format!("{}: {error}", place.display()))?;
        let (uid, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        let replaceable = mode & 0o022 != 0 && mode & 0o1000 == 0;
        if ![0, super::identity::uids().effective].contains(&uid) || replaceable {
            return Err(format!("{} has uid {uid}, mode {mode:04o}", place.display()));
        }
    }
    Ok(())
}

fn open_any(path: &Path) -> Result<File, ReadError> {
    // O_NONBLOCK: opening a FIFO or a device must not wait for a partner.
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(refused)
}

fn refused(error: io::Error) -> ReadError {
    match error.raw_os_error() {
        Some(libc::ELOOP) => ReadError::Link,
        Some(libc::ENOENT | libc::ENOTDIR) => ReadError::Missing,
        Some(libc::ENXIO) => ReadError::NotRegular,
        _ => ReadError::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn me() -> u32 {
        crate::sys::identity::uids().effective
    }

    #[test]
    fn only_small_regular_files_of_the_right_owner_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5, &[me()]).unwrap().bytes, b"12345");
        assert!(matches!(read(&path, 4, &[me()]), Err(ReadError::TooLarge(4))));
        assert!(matches!(read(&path, 5, &[me() + 1]), Err(ReadError::Owner(uid)) if uid == me()));

        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(read(&link, 5, &[me()]), Err(ReadError::Link)));
        assert!(matches!(read(dir.path(), 5, &[me()]), Err(ReadError::NotRegular)));
        assert!(matches!(read(&dir.path().join("none"), 5, &[me()]), Err(ReadError::Missing)));
        assert!(matches!(read(&path.join("below"), 5, &[me()]), Err(ReadError::Missing)));

        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(matches!(read(&fifo, 5, &[me()]), Err(ReadError::NotRegular)));
    }

    #[test]
    fn a_file_in_a_directory_is_reached_through_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("f"), b"12345").unwrap();
        symlink("f", folder.join("link")).unwrap();
        symlink(&folder, dir.path().join("other")).unwrap();
        assert_eq!(open_in(&folder, "f", &[me()]).unwrap().1.len(), 5);
        assert!(matches!(open_in(&folder, "f", &[me() + 1]), Err(ReadError::Owner(uid)) if uid == me()));
        assert!(matches!(open_in(&folder, "link", &[me()]), Err(ReadError::Link)));
        for (place, name) in
            [("other", "f"), ("folder", "none"), ("folder", "../folder/f"), ("folder", ".."), ("folder", "")]
        {
            assert!(
                matches!(open_in(&dir.path().join(place), name, &[me()]), Err(ReadError::Missing)),
                "{place}/{name}"
            );
        }
        assert!(matches!(open_in(dir.path(), "folder", &[me()]), Err(ReadError::NotRegular)));
    }

    #[test]
    fn a_place_is_as_safe_as_every_directory_above_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (above, below) = (dir.path().join("above"), dir.path().join("above/below"));
        std::fs::create_dir_all(&below).unwrap();
        for (mode, safe) in [(0o755, true), (0o777, false), (0o1777, true), (0o775, false), (0o700, true)] {
            std::fs::set_permissions(&above, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_place(&below).is_ok(), safe, "{mode:o}");
        }
        symlink(&below, dir.path().join("link")).unwrap();
        assert!(check_place(&dir.path().join("link")).is_ok());
        assert!(check_place(&dir.path().join("none")).is_err());
    }

    #[test]
    fn a_file_without_a_size_is_still_bounded() {
        assert!(matches!(read(Path::new("/proc/kallsyms"), 10, &[0]), Err(ReadError::TooLarge(10))));
    }
}
