//! Archives that the builder made: a zip file is checked as a whole before anything of it is used.
//!
//! The reader is our own and takes less than the format allows: one file that is nothing but entries, directory and end; each entry a file or a
//! directory, stored or deflated, described twice alike, at a place of its own, under a name that is a path below a document root and nobody else's. A
//! library that reads every archive keeps each entry in a form of its own, which for a hostile directory is many times its size; what is kept here
//! is bounded by [`limits::ARCHIVE_ENTRIES`] and [`limits::ARCHIVE_NAME_BYTES`]. Contents are read through one decoder, never as a whole.
//!
//! - `end`: where the directory is
//! - `directory`, `local`, `extra`, `name`: what it says, and whether the entries say the same
//! - `content`: reading the entries, which checks size and checksum of each

mod content;
mod directory;
mod end;
mod extra;
mod fault;
mod local;
mod name;
mod source;
#[cfg(test)]
mod tests;

pub use content::Contents;
pub use fault::{ArchiveFault, EntryFault};
pub use source::Source;

use crate::limits;
use crate::publish::apply::Totals;

use directory::Items;

/// An archive that has passed all checks that need no content.
pub struct Archive<S> {
    source: S,
    items: Items,
    totals: Totals,
}

impl<S: Source> Archive<S> {
    /// Checks an archive: everything but the contents.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(source: S) -> Result<Self, ArchiveFault> {
        let place = end::find(&source)?;
        let mut items = directory::read(&source, place)?;
        let totals = totals(&items)?;
        directory::check_tree(&items)?;
        local::check(&source, &mut items, place.begin)?;
        items.forget_names();
        Ok(Self { source, items, totals })
    }

    /// How much there is in it.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The error of an entry.
    fn fault(&self, number: usize, fault: EntryFault) -> ArchiveFault {
        let name = self.items.all.get(number).map(|item| self.items.path(&self.source, item));
        match name {
            Some(Ok(path)) => directory::entry_fault(path.as_str(), fault),
            Some(Err(other)) => other,
            None => ArchiveFault::Malformed("an entry is missing"),
        }
    }

    /// Its entries, from the first.
    pub fn contents(&self) -> Contents<'_, S> {
        Contents::new(self)
    }
}

fn totals(items: &Items) -> Result<Totals, ArchiveFault> {
    let (mut totals, mut compressed) = (Totals::default(), 0_u64);
    for item in &items.all {
        if item.is_dir {
            totals.dirs += 1;
        } else {
            totals.files += 1;
        }
        totals.bytes = totals.bytes.saturating_add(item.size);
        compressed = compressed.saturating_add(item.compressed);
    }
    if totals.bytes > limits::ARCHIVE_CONTENT_BYTES {
        return Err(ArchiveFault::TooLarge("its contents are too large"));
    }
    let is_small = totals.bytes <= limits::ARCHIVE_UNSUSPICIOUS_BYTES;
    if !is_small && totals.bytes / limits::ARCHIVE_RATIO > compressed {
        return Err(ArchiveFault::TooLarge("its contents are out of proportion to its size"));
    }
    if totals.files == 0 {
        return Err(ArchiveFault::Malformed("it holds no file"));
    }
    Ok(totals)
}
