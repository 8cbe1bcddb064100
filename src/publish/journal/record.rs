//! What a journal's lines say.
//!
//! A journal is JSON, one record a line, each written before what it tells is done. It lies in the account's home, so what is read back is input from
//! outside: paths pass [`RelPath`]'s rules again, and the size of all of it is bounded.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::manifest::Entry;
use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Outcome};
use crate::types::RelPath;

/// How a change of the document root came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Single files, put by the builder one by one within a window.
    Http,
    /// A whole archive.
    Archive,
    /// The last publication was taken back.
    Undo,
    /// Everything that was published was removed.
    Unpublish,
}

/// What was at a path when a publication touched it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Before {
    /// Nothing.
    Nothing,
    /// A file of an earlier publication.
    Ours,
    /// A file that no publication made.
    Foreign,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Record {
    /// The first line.
    Open { number: u64, kind: Kind, time: u64 },
    /// A file comes to `path`; what was there is kept.
    Put { path: RelPath, before: Before, entry: Entry },
    /// The file at `path` goes; it is kept.
    Delete { path: RelPath, before: Before },
    /// A directory is made.
    MakeDir { path: RelPath },
    /// An empty directory goes.
    RemoveDir { path: RelPath },
    /// A staged directory, known by its inode, changes places with the one at `path`, which is kept, or comes where none was.
    Swap { path: RelPath, inode: u64, before: Before },
    /// The plan of an archive's publication is complete: it can be carried out from here.
    Ready,
    /// The put or deletion of the line above did not happen.
    Void,
    /// Everything above has happened and is on the disk.
    Closed { time: u64 },
}

/// What a publication has done to one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    /// What was there; if anything, it is kept.
    pub(crate) before: Before,
    /// What is there now; `None`: nothing.
    pub(crate) now: Option<Entry>,
}

/// A directory that comes as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Swap {
    pub(crate) path: RelPath,
    pub(crate) inode: u64,
    pub(crate) before: Before,
}

/// What all records of a journal come to.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) opened: u64,
    pub(crate) touched: BTreeMap<RelPath, Touch>,
    pub(crate) made: BTreeSet<RelPath>,
    pub(crate) unmade: BTreeSet<RelPath>,
    pub(crate) swaps: Vec<Swap>,
    pub(crate) ready: bool,
    pub(crate) closed: Option<u64>,
    /// The touch that the last record replaced, for [`Record::Void`].
    pub(crate) last: Option<(RelPath, Option<Touch>)>,
}

impl Change {
    /// A change of which nothing has happened yet.
    pub(crate) fn new(number: u64, kind: Kind, opened: u64) -> Self {
        Self {
            number,
            kind,
            opened,
            touched: BTreeMap::new(),
            made: BTreeSet::new(),
            unmade: BTreeSet::new(),
            swaps: Vec::new(),
            ready: false,
            closed: None,
            last: None,
        }
    }

    /// Puts records together; `None` if there are none, since its writer was killed before the first.
    ///
    /// # Errors
    /// [`FaultKind::Damaged`] if they do not begin as a journal does, or name what no publication touches.
    pub(crate) fn replay(records: impl IntoIterator<Item = Outcome<Record>>) -> Outcome<Option<Self>> {
        let damaged = || Fault::new(FaultKind::Damaged, &RelPath::root());
        let mut records = records.into_iter();
        let (number, kind, time) = match records.next().transpose()? {
            None => return Ok(None),
            Some(Record::Open { number, kind, time }) => (number, kind, time),
            Some(_) => return Err(damaged()),
        };
        let mut change = Self::new(number, kind, time);
        for record in records {
            let record = record?;
            let path = match &record {
                Record::Put { path, .. } | Record::Delete { path, .. } | Record::Swap { path, .. } => {
                    Some(path)
                }
                Record::MakeDir { path } | Record::RemoveDir { path } => Some(path),
                Record::Open { .. } => return Err(damaged()),
                Record::Ready | Record::Void | Record::Closed { .. } => None,
            };
            if path.is_some_and(|path| path.is_root() || path.is_reserved()) {
                return Err(damaged());
            }
            change.add(&record);
            if change.touched.len() + change.made.len() > limits::PUBLISHED_FILES + 1
                || change.swaps.len() > 1
            {
                return Err(damaged());
            }
        }
        Ok(Some(change))
    }

    /// Adds what one record says.
    pub(crate) fn add(&mut self, record: &Record) {
        let last = self.last.take();
        // Closing can fail on its last steps: what comes afterwards opens it again.
        self.closed = None;
        match record {
            Record::Put { path, before, entry } => self.touch(path, *before, Some(entry.clone())),
            Record::Delete { path, before } => self.touch(path, *before, None),
            Record::MakeDir { path } => {
                if !self.unmade.remove(path) {
                    self.made.insert(path.clone());
                }
            }
            Record::RemoveDir { path } => {
                if !self.made.remove(path) {
                    self.unmade.insert(path.clone());
                }
            }
            Record::Swap { path, inode, before } => {
                self.swaps.push(Swap { path: path.clone(), inode: *inode, before: *before });
            }
            Record::Ready => self.ready = true,
            Record::Closed { time } => self.closed = Some(*time),
            Record::Void => match last {
                Some((path, Some(touch))) => drop(self.touched.insert(path, touch)),
                Some((path, None)) => drop(self.touched.remove(&path)),
                None => {}
            },
            Record::Open { .. } => {}
        }
    }

    fn touch(&mut self, path: &RelPath, before: Before, now: Option<Entry>) {
        let previous = self.touched.get(path).cloned();
        // What was there first counts, not what this publication itself put there.
        let before = previous.as_ref().map_or(before, |touch| touch.before);
        self.touched.insert(path.clone(), Touch { before, now });
        self.last = Some((path.clone(), previous));
    }
}
