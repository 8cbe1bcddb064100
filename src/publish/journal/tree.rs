//! Whole directories: removing them, and comparing files with what was published.

use std::io::Read;

use sha2::Digest as _;

use super::manifest::{Digest, Entry};
use crate::publish::confine::{Fault, FaultKind, Kind, Outcome, Rename, Root};
use crate::sys::random;
use crate::types::{RelPath, hex};

/// Something found below a directory.
pub(crate) struct Found {
    pub(crate) path: RelPath,
    pub(crate) facts: crate::publish::confine::Facts,
}

/// Visits everything below a directory, what is in a directory before the directory itself; gives back how many names could not be told.
///
/// No more than the names of one directory on each level are in memory. What is visited may be moved or removed.
///
/// # Errors
/// [`FaultKind::TooMany`] above `most` entries; what listing and the visitor bring.
pub(crate) fn visit(
    root: &Root,
    top: &RelPath,
    most: usize,
    visitor: &mut dyn FnMut(Found) -> Outcome<()>,
) -> Outcome<usize> {
    let mut walk = Walk { root, left: most, untold: 0, visitor };
    walk.dir(top)?;
    Ok(walk.untold)
}

struct Walk<'a> {
    root: &'a Root,
    left: usize,
    untold: usize,
    visitor: &'a mut dyn FnMut(Found) -> Outcome<()>,
}

impl Walk<'_> {
    /// No deeper than [`crate::limits::PATH_DEPTH`]: longer paths cannot be made.
    fn dir(&mut self, dir: &RelPath) -> Outcome<()> {
        let (items, untold) = self.root.scan(dir)?;
        self.untold += untold;
        for item in items {
            let path = dir.join(&item.name)?;
            self.left = self.left.checked_sub(1).ok_or_else(|| Fault::new(FaultKind::TooMany, dir))?;
            if item.facts.kind == Kind::Dir {
                self.dir(&path)?;
            }
            (self.visitor)(Found { path, facts: item.facts })?;
        }
        Ok(())
    }
}

/// Removes a directory of the state and all that is in it, as far as that works: at once it loses its name, so that what is left is swept later.
pub(crate) fn discard(state: &Root, path: &RelPath) -> Outcome<()> {
    let away = RelPath::from_wire(format!("tmp/{}.gone", hex(&random::bytes::<8>())).as_bytes())?;
    match state.rename(path, state, &away, Rename::New) {
        Ok(()) => sweep(state, &away),
        Err(fault) if fault.kind() == FaultKind::Missing => {}
        // Even another name takes room where a quota is used up; removing gives it back. What is left without its journal means nothing any more.
        Err(fault) if fault.is_space() => {
            let _ = state.remove_any(&path.join("journal")?);
            sweep(state, path);
            if state.stat(path)?.is_some() {
                return Err(fault);
            }
        }
        Err(fault) => return Err(fault),
    }
    Ok(())
}

/// Removes what can be removed of a directory; what cannot stays.
pub(crate) fn sweep(root: &Root, top: &RelPath) {
    let _ = visit(root, top, usize::MAX, &mut |Found { path, facts }| {
        let _ = match facts.kind {
            Kind::Dir => root.remove_dir(&path),
            _ => root.remove_any(&path),
        };
        Ok(())
    });
    let _ = root.remove_dir(top);
}

/// The size and hash of a file.
///
/// # Errors
/// What reading brings; [`FaultKind::TooMany`] if it is larger than `most` bytes.
pub(crate) fn measure(root: &Root, path: &RelPath, most: u64) -> Outcome<Entry> {
    let mut file = root.open_file(path)?.take(most.saturating_add(1));
    let (mut hash, mut size, mut buffer) = (sha2::Sha256::new(), 0_u64, vec![0_u8; 64 * 1024]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                hash.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::io(error, path)),
        }
    }
    if size > most {
        return Err(Fault::new(FaultKind::TooMany, path));
    }
    Ok(Entry { size, sha256: Digest(hash.finalize().into()) })
}

/// How a file compares with what was published there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compared {
    /// There is nothing.
    Gone,
    /// It is the same.
    Same,
    /// It is a regular file of the account with another content.
    Changed,
    /// Something that is not a regular file of the account, or cannot be reached.
    Other,
}

/// Compares a file with what was published there.
pub(crate) fn compare(root: &Root, path: &RelPath, entry: &Entry) -> Compared {
    match root.stat(path) {
        Ok(None) => Compared::Gone,
        Ok(Some(facts)) if facts.kind != Kind::File || facts.uid != root.uid() => Compared::Other,
        Ok(Some(facts)) if facts.size != entry.size => Compared::Changed,
        Ok(Some(_)) => match measure(root, path, entry.size) {
            Ok(now) if now == *entry => Compared::Same,
            Ok(_) => Compared::Changed,
            Err(fault) if fault.kind() == FaultKind::TooMany => Compared::Changed,
            Err(_) => Compared::Other,
        },
        // A file where a directory was, a link, a mount: not what was published.
        Err(_) => Compared::Other,
    }
}
