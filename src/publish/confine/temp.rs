//! Files that are being written.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Facts, Fault, FaultKind, Outcome, Rename, Root, resolve};
use crate::sys::random;
use crate::types::{RelPath, hex};

/// A file that nobody looks for yet: it has a random name below a directory for temporary files, and loses it when it is dropped before it was put in place.
///
/// What is written to it is counted and hashed on the way.
#[derive(Debug)]
pub struct TempFile {
    root: Arc<Root>,
    name: Option<RelPath>,
    file: File,
    size: u64,
    hash: Sha256,
}

impl TempFile {
    /// Makes one in a directory below `root`.
    ///
    /// # Errors
    /// As [`Root::create`].
    pub fn new(root: &Arc<Root>, dir: &RelPath, mode: u32) -> Outcome<Self> {
        let name = dir.join(&format!("{}.tmp", hex(&random::bytes::<8>())))?;
        let file = root.create(&name, mode)?;
        Ok(Self { root: Arc::clone(root), name: Some(name), file, size: 0, hash: Sha256::new() })
    }

    /// Takes the room for so many bytes before the first one is written, where the file system can do that.
    ///
    /// # Errors
    /// [`FaultKind::Space`] or [`FaultKind::Quota`] if it is not there.
    pub fn reserve(&self, bytes: u64) -> Outcome<()> {
        use rustix::io::Errno;
        match rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, bytes) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            Err(error) => Err(Fault::io(error, &self.name())),
        }
    }

    /// How many bytes were written.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of what was written.
    pub fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Waits until the content is on the disk.
    ///
    /// # Errors
    /// If the system could not write it.
    pub fn sync(&self) -> Outcome<()> {
        self.file.sync_data().map_err(|error| Fault::io(error, &self.name()))
    }

    /// Facts about the file as it is now.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn facts(&self) -> Outcome<Facts> {
        let stat = resolve::stat_fd(self.file.as_fd()).map_err(|error| Fault::io(error, &self.name()))?;
        Ok(Facts::new(&stat))
    }

    /// What was written, if it is no more than `limit` bytes.
    ///
    /// # Errors
    /// [`FaultKind::TooMany`] if it is more.
    pub fn content(&self, limit: u64) -> Outcome<Vec<u8>> {
        if self.size > limit {
            return Err(Fault::new(FaultKind::TooMany, &self.name()));
        }
        let mut bytes = vec![0; usize::try_from(self.size).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, 0).map_err(|error| Fault::io(error, &self.name()))?;
        Ok(bytes)
    }

    /// Gives it a name below `target`, which must lie in the same mount.
    ///
    /// # Errors
    /// As [`Root::rename`]; the file is gone then.
    pub fn rename(mut self, target: &Root, to: &RelPath, how: Rename) -> Outcome<()> {
        self.root.rename(&self.name(), target, to, how)?;
        // After an exchange what was there has the temporary name: it vanishes with this value.
        if how != Rename::Exchange {
            self.name = None;
        }
        Ok(())
    }

    fn name(&self) -> RelPath {
        self.name.clone().unwrap_or_default()
    }
}

impl Write for TempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // What stays behind is swept when the site is opened the next time.
            let _ = self.root.remove_file(name);
        }
    }
}
