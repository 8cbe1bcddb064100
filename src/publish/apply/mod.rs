//! A whole archive becomes what is published.
//!
//! All of it is staged first, in the state directory and on the document root's mount; until then the site is untouched. The builder's folder is completed
//! there with what must survive (data of the running site, files that no publication made), then changes places with the one that is served, in one step.
//! What lies in the document root itself follows file by file, `index.php` and `.htaccess` last. All of it is planned in the journal beforehand: a kill
//! leads to the same end, a failure to what was there before.

mod plan;
mod stage;
#[cfg(test)]
mod tests;

use std::io::Read;

use crate::publish::confine::Fault;
use crate::publish::journal::Site;
use crate::types::RelPath;

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File {
        /// Its size in bytes.
        size: u64,
    },
    /// A directory.
    Dir,
}

/// One entry of an archive.
pub struct Entry<'a> {
    /// Where it shall lie below the document root.
    pub path: RelPath,
    /// What it is.
    pub kind: EntryKind,
    /// The content of a file; it is read to its end.
    pub reader: &'a mut dyn Read,
}

/// The entries of an archive that has been checked: no path twice, none both a file and a directory.
pub trait Entries {
    /// What can be wrong with the archive.
    type Error;

    /// The next entry; `None` after the last one.
    ///
    /// # Errors
    /// If the archive is not what it seemed to be. Nothing is published then.
    fn next(&mut self) -> Result<Option<Entry<'_>>, Self::Error>;
}

/// How much is in an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files.
    pub files: u64,
    /// Entries that are directories.
    pub dirs: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// The publication's number.
    pub number: u64,
    /// How many files it has.
    pub files: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many files of the publication before it are gone.
    pub removed: u64,
    /// Whether the builder's folder came in one step. If not, visitors may for a moment have seen parts of two publications.
    pub swapped: bool,
}

/// Why nothing was published. The site is as it was.
#[derive(Debug)]
pub enum ApplyFault<E> {
    /// The archive.
    Entries(E),
    /// The content of an entry: what its reader said.
    Content(RelPath, std::io::Error),
    /// The account's files.
    Fault(Fault),
}

impl<E> From<Fault> for ApplyFault<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Publishes an archive. A window that is open is closed first.
///
/// # Errors
/// See [`ApplyFault`]; disk and inodes are looked at before anything is written.
pub fn apply<E: Entries>(
    site: &mut Site,
    entries: &mut E,
    totals: &Totals,
) -> Result<Applied, ApplyFault<E::Error>> {
    apply_with(site, entries, totals, true)
}

/// Like [`apply`]; without `may_swap` the builder's folder comes file by file too.
fn apply_with<E: Entries>(
    site: &mut Site,
    entries: &mut E,
    totals: &Totals,
    may_swap: bool,
) -> Result<Applied, ApplyFault<E::Error>> {
    site.close_window()?;
    let mut next = match stage::stage(site, entries, totals) {
        Ok(next) => next,
        Err(fault) => {
            site.drop_plan();
            return Err(fault);
        }
    };
    match plan::plan(site, &mut next, may_swap) {
        Ok(plan) => {
            let closed = site.carry_out(next)?;
            let plan::Plan { swapped, removed } = plan;
            Ok(Applied { number: closed.number, files: closed.files, bytes: closed.bytes, removed, swapped })
        }
        Err(fault) => {
            site.drop_plan();
            Err(fault.into())
        }
    }
}
