//! Writing an archive's files where nobody looks.

use std::io::{Read, Write};

use sha2::Digest as _;

use super::{ApplyFault, Entries, EntryKind, Totals};
use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Outcome};
use crate::publish::journal::Site;
use crate::publish::journal::manifest::{Digest, Entry, Manifest};
use crate::publish::journal::site::{check_reserved, name};
use crate::publish::journal::swap::STAGING;
use crate::publish::journal::tree;
use crate::types::RelPath;

/// Bytes that are read from an archive at a time.
const BUFFER_BYTES: usize = 128 * 1024;

/// What a file takes on the disk beyond its content: half a block, its inode, its name.
const FILE_OVERHEAD: u64 = 4096;

/// Stages all files of an archive; gives back what is published once they are in place.
pub(super) fn stage<E: Entries>(
    site: &Site,
    entries: &mut E,
    totals: &Totals,
) -> Result<Manifest, ApplyFault<E::Error>> {
    check_space(site, totals)?;
    tree::discard(&site.state, &name(STAGING))?;
    site.state.make_dir(&name(STAGING), 0o700)?;
    let mut stage = Stage {
        site,
        staging: site.state.open_dir(&name(STAGING))?,
        buffer: vec![0; BUFFER_BYTES],
        next: Manifest::default(),
    };
    while let Some(entry) = entries.next().map_err(ApplyFault::Entries)? {
        let path = &entry.path;
        check_reserved(path)?;
        match entry.kind {
            EntryKind::Dir => stage.make_dirs(Some(path.clone()))?,
            EntryKind::File { .. } if path.is_root() => Err(Fault::new(FaultKind::Name, path))?,
            EntryKind::File { .. } => {
                let file = stage.write(path, entry.reader)?;
                stage.next.files.insert(entry.path, file);
            }
        }
        if stage.next.files.len() + stage.next.dirs.len() > limits::PUBLISHED_FILES {
            Err(Fault::new(FaultKind::TooMany, &RelPath::root()))?;
        }
    }
    stage.merge_htaccess()?;
    Ok(stage.next)
}

struct Stage<'a> {
    site: &'a Site,
    staging: crate::publish::confine::Root,
    buffer: Vec<u8>,
    next: Manifest,
}

impl Stage<'_> {
    fn write<E>(&mut self, path: &RelPath, reader: &mut dyn Read) -> Result<Entry, ApplyFault<E>> {
        self.site.steps.one();
        self.make_dirs(path.parent())?;
        let mut file = self.staging.create(path, self.site.modes.file)?;
        let (mut hash, mut size) = (sha2::Sha256::new(), 0_u64);
        loop {
            let count = match reader.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ApplyFault::Content(path.clone(), error)),
            };
            self.site.steps.one();
            hash.update(&self.buffer[..count]);
            size += count as u64;
            file.write_all(&self.buffer[..count]).map_err(|error| Fault::io(error, path))?;
        }
        Ok(Entry { size, sha256: Digest(hash.finalize().into()) })
    }

    /// Makes a directory and those above it; all of them are part of the publication.
    fn make_dirs(&mut self, dir: Option<RelPath>) -> Outcome<()> {
        let Some(dir) = dir.filter(|dir| !dir.is_root() && !self.next.dirs.contains(dir)) else {
            return Ok(());
        };
        self.site.steps.one();
        self.make_dirs(dir.parent())?;
        self.staging.make_dir(&dir, self.site.modes.dir)?;
        self.next.dirs.insert(dir);
        Ok(())
    }

    /// Puts what the customer wrote into the persistent block of an `.htaccess` into the one that comes.
    fn merge_htaccess(&mut self) -> Outcome<()> {
        let is_htaccess = |path: &&RelPath| path.file_name() == Some(".htaccess");
        let found: Vec<RelPath> = self.next.files.keys().filter(is_htaccess).cloned().collect();
        for path in found {
            let own_file = self.site.file_at(&path).is_ok_and(|facts| facts.is_some());
            let small = self.next.files.get(&path).is_some_and(|entry| entry.size <= limits::HTACCESS_BYTES);
            if !own_file || !small {
                continue;
            }
            let mut new = Vec::new();
            let staged = self.staging.open_file(&path)?;
            staged
                .take(limits::HTACCESS_BYTES)
                .read_to_end(&mut new)
                .map_err(|error| Fault::io(error, &path))?;
            if let Some(merged) = self.site.merged_htaccess(&path, &new)? {
                self.staging.remove_file(&path)?;
                let mut file = self.staging.create(&path, self.site.modes.file)?;
                file.write_all(&merged).map_err(|error| Fault::io(error, &path))?;
                let sha256 = Digest(sha2::Sha256::digest(&merged).into());
                self.next.files.insert(path, Entry { size: merged.len() as u64, sha256 });
            }
        }
        Ok(())
    }
}

/// The disk must have room for all of it beside what is there. Quotas show when they are reached.
fn check_space(site: &Site, totals: &Totals) -> Outcome<()> {
    let space = site.root.space()?;
    let names = totals.files.saturating_add(totals.dirs);
    let bytes = totals.bytes.saturating_add(names.saturating_mul(FILE_OVERHEAD));
    if bytes > space.bytes || names > space.inodes {
        return Err(Fault::new(FaultKind::Space, &RelPath::root()));
    }
    Ok(())
}
