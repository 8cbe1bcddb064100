//! What is published now: every file with its size and hash.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::lines;
use super::record::Change;
use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Outcome, Root};
use crate::types::{RelPath, hex};

/// SHA-256 of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("not a SHA-256");
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        for (byte, pair) in digest.iter_mut().zip(0..) {
            *byte = u8::from_str_radix(&text[2 * pair..2 * pair + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

/// A file as it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
}

/// One line of a manifest.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Manifest { version: u32 },
    File { path: RelPath, entry: Entry },
    Dir { path: RelPath },
}

/// All files that are published, and the directories that were made for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) files: BTreeMap<RelPath, Entry>,
    pub(crate) dirs: BTreeSet<RelPath>,
}

impl Manifest {
    /// Reads one; `None` if there is none.
    ///
    /// # Errors
    /// [`FaultKind::Damaged`] if it is not one, or larger than [`limits::MANIFEST_BYTES`].
    pub(crate) fn read(state: &Root, path: &RelPath) -> Outcome<Option<Self>> {
        let file = match state.open_file(path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == FaultKind::Missing => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let damaged = || Fault::new(FaultKind::Damaged, &RelPath::root());
        let mut lines = lines::read::<Line>(file, limits::MANIFEST_BYTES);
        let Some(Ok(Line::Manifest { version: 1 })) = lines.next() else { return Err(damaged()) };
        let mut manifest = Self::default();
        for line in lines {
            match line? {
                Line::File { path, .. } | Line::Dir { path } if path.is_root() || path.is_reserved() => {
                    return Err(damaged());
                }
                Line::File { path, entry } => drop(manifest.files.insert(path, entry)),
                Line::Dir { path } => drop(manifest.dirs.insert(path)),
                Line::Manifest { .. } => return Err(damaged()),
            }
            if manifest.len() > limits::MANIFEST_ENTRIES {
                return Err(damaged());
            }
        }
        Ok(Some(manifest))
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`FaultKind::TooMany`] above [`limits::MANIFEST_BYTES`]; what writing brings.
    pub(crate) fn write(&self, to: &mut impl Write) -> Outcome<()> {
        let mut out = Counted { to: std::io::BufWriter::new(to), written: 0 };
        let here = RelPath::root();
        let wrong = |error: serde_json::Error| Fault::io(std::io::Error::from(error), &here);
        let mut line = |line: &Line| -> Outcome<()> {
            serde_json::to_writer(&mut out, line).map_err(wrong)?;
            out.write_all(b"\n").map_err(|error| Fault::io(error, &here))
        };
        line(&Line::Manifest { version: 1 })?;
        for (path, entry) in &self.files {
            line(&Line::File { path: path.clone(), entry: entry.clone() })?;
        }
        for path in &self.dirs {
            line(&Line::Dir { path: path.clone() })?;
        }
        if out.written > limits::MANIFEST_BYTES {
            return Err(Fault::new(FaultKind::TooMany, &here));
        }
        out.flush().map_err(|error| Fault::io(error, &here))
    }

    /// The manifest after a change whose files came one by one.
    pub(crate) fn after(&self, change: &Change) -> Self {
        let mut next = self.clone();
        for (path, touch) in &change.touched {
            match &touch.now {
                Some(entry) => drop(next.files.insert(path.clone(), entry.clone())),
                None => drop(next.files.remove(path)),
            }
        }
        next.dirs.extend(change.made.iter().cloned());
        next.dirs.retain(|dir| !change.unmade.contains(dir));
        next
    }

    /// Files and directories.
    pub(crate) fn len(&self) -> usize {
        self.files.len() + self.dirs.len()
    }

    /// Bytes of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }
}

struct Counted<W> {
    to: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
