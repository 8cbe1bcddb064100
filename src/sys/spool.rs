//! Files without a name: what is in them is gone with the last descriptor.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstatvfs, openat, unlinkat};
use rustix::io::Errno;

use super::random;

/// A file that only this process has, and that nobody can give a name.
#[derive(Debug)]
pub struct Spool {
    file: File,
}

impl Spool {
    /// Makes one on the file system of a directory, which must be this user's own.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(dir: &Path) -> io::Result<Self> {
        let mode = Mode::RUSR | Mode::WUSR;
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        match openat(CWD, dir, flags | OFlags::TMPFILE | OFlags::EXCL, mode) {
            Ok(file) => Ok(Self { file: file.into() }),
            // File systems that have no such files.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => {
                let name = dir.join(format!(".spool-{:032x}", u128::from_be_bytes(random::bytes())));
                let file =
                    openat(CWD, &name, flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW, mode)?;
                unlinkat(CWD, &name, AtFlags::empty())?;
                Ok(Self { file: file.into() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The file, for writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it empty again, to be written from the beginning.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()
    }

    /// Bytes that this process may still write on the file system.
    ///
    /// # Errors
    /// If the file system does not say.
    pub fn free(&self) -> io::Result<u64> {
        let facts = fstatvfs(self.file.as_fd())?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }

    /// The same file for reading only, to be given to another process.
    ///
    /// # Errors
    /// If it cannot be opened again, as where `/proc` is missing.
    pub fn reader(&self) -> io::Result<File> {
        File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_spool_has_no_name_and_its_reader_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path()).unwrap();
        spool.file().write_all(b"content").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let mut text = String::new();
        let mut reader = spool.reader().unwrap();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
        assert!(reader.write_all(b"x").is_err());
        assert!(spool.free().unwrap() > 0);
        assert!(Spool::new(&dir.path().join("none")).is_err());
    }
}
