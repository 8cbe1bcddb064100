//! What is told about publications.

use serde::{Deserialize, Serialize};

use super::record::Kind;

/// One publication of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its number; they count up.
    pub number: u64,
    /// How it came about.
    pub kind: Kind,
    /// When it began, in seconds since 1970.
    pub opened: u64,
    /// When it was complete, in seconds since 1970.
    pub closed: u64,
    /// How many files are published since.
    pub files: u64,
    /// How many bytes these have.
    pub bytes: u64,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether anything is.
    pub published: bool,
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The last publication, undoing or removal.
    pub last: Option<Past>,
    /// How many paths the open window has touched; `None`: none is open.
    pub window: Option<u64>,
    /// Whether the last publication can be taken back.
    pub can_undo: bool,
}

/// A publication that is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// Its number.
    pub number: u64,
    /// How many files are published now.
    pub files: u64,
    /// How many bytes these have.
    pub bytes: u64,
}

/// What undoing or removing a publication did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The number of the publication.
    pub number: u64,
    /// Files that were removed.
    pub removed: u64,
    /// Files that were there before and are back.
    pub restored: u64,
    /// Files that somebody changed since: they lie below `changed/` in the state directory now.
    pub set_aside: u64,
    /// Files from before that could not come back, since something else has their place: they are kept in the state directory.
    pub kept: u64,
}

/// What a worker that was killed had left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// A window of this number is open again.
    Window(u64),
    /// An archive's publication, or the closing of a window, was finished.
    Finished(u64),
    /// An archive's publication had not begun to change anything, or was taken back.
    TakenBack(u64),
    /// An undoing was finished.
    Undone(u64),
    /// A removal was finished.
    Unpublished,
    /// Records could not be understood and were set aside.
    Damaged,
}
