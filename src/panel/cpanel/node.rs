//! What a userdata file holds, whichever of its two spellings (YAML, JSON) it was read from.
//!
//! All scalars are text: `0`, `Off`, `1e3` and `no` stay what stands in the file. A value that is left empty (YAML `~`, JSON `null`) counts as absent.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::quote;

/// One value with its place.
#[derive(Debug)]
pub(super) struct Node {
    /// Line number from 1; 0 where the spelling does not tell.
    pub(super) line: usize,
    /// The value.
    pub(super) data: Data,
}

/// One value.
#[derive(Debug, PartialEq)]
pub(super) enum Data {
    /// Left empty.
    Nothing,
    /// A scalar, as it stands there.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; every key stands once.
    Map(BTreeMap<String, Node>),
}

/// The place does not count.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

/// What is wrong with a file, and in which line (0: unknown).
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// Line number from 1, or 0.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) what: String,
}

impl Fault {
    /// Puts the parts together.
    pub(super) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// Counts the values of a file while it is taken apart, so that a small file cannot become a large tree.
pub(super) struct Budget(std::cell::Cell<usize>);

impl Budget {
    /// A full budget.
    pub(super) fn new() -> Self {
        Self(std::cell::Cell::new(limits::PANEL_VALUES))
    }

    /// Takes one value at the given depth.
    ///
    /// # Errors
    /// If there are too many of them, or it lies too deep.
    pub(super) fn take(&self, depth: usize) -> std::result::Result<(), String> {
        if depth > limits::YAML_DEPTH {
            return Err(format!("it is nested deeper than {} levels", limits::YAML_DEPTH));
        }
        match self.0.get().checked_sub(1) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(format!("it holds more than {} values", limits::PANEL_VALUES)),
        }
    }
}

/// A file whose outermost value is a mapping, with typed look-ups whose errors name file and line.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    map: BTreeMap<String, Node>,
}

impl Document {
    /// Takes a parsed file.
    ///
    /// # Errors
    /// If it is not a mapping.
    pub(super) fn new(path: PathBuf, root: Node) -> std::result::Result<Self, Fault> {
        match root.data {
            Data::Map(map) => Ok(Self { path, map }),
            _ => Err(Fault::new(root.line, "it is not a mapping of keys to values")),
        }
    }

    /// The text of a key with its line; `None` if the key is absent or its value empty.
    ///
    /// # Errors
    /// If it is a list or mapping.
    pub(super) fn text(&self, key: &str) -> Result<Option<(&str, usize)>> {
        match self.get(key) {
            None => Ok(None),
            Some(node) => match &node.data {
                Data::Text(text) => Ok(Some((text.as_str(), node.line)).filter(|(text, _)| !text.is_empty())),
                _ => Err(self.error(node.line, format!("{key} must be text"))),
            },
        }
    }

    /// The text of a key that must be there.
    ///
    /// # Errors
    /// As [`Document::text`], and if it is absent or empty.
    pub(super) fn require(&self, key: &str) -> Result<(&str, usize)> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// The texts of a list with their lines. The key must be there: cPanel writes empty lists too, and a file without them was cut off.
    ///
    /// # Errors
    /// If it is absent, or something else than a list of texts.
    pub(super) fn list(&self, key: &str) -> Result<Vec<(&str, usize)>> {
        let node = self.map.get(key).ok_or_else(|| self.missing(key))?;
        match &node.data {
            Data::Nothing => Ok(Vec::new()),
            Data::List(items) => items.iter().map(|item| self.item(key, item)).collect(),
            _ => Err(self.error(node.line, format!("{key} must be a list"))),
        }
    }

    /// The pairs of a mapping from text to text, with their lines. As [`Document::list`].
    ///
    /// # Errors
    /// If it is absent, or something else than a mapping to texts.
    pub(super) fn pairs(&self, key: &str) -> Result<Vec<(&str, &str, usize)>> {
        let node = self.map.get(key).ok_or_else(|| self.missing(key))?;
        match &node.data {
            Data::Nothing => Ok(Vec::new()),
            Data::Map(map) => map
                .iter()
                .map(|(name, item)| self.item(key, item).map(|(text, line)| (name.as_str(), text, line)))
                .collect(),
            _ => Err(self.error(node.line, format!("{key} must be a mapping"))),
        }
    }

    /// An error at a line of this file.
    pub(super) fn error(&self, line: usize, what: impl std::fmt::Display) -> Error {
        let place = self.path.display();
        let text = if line == 0 { format!("{place}: {what}") } else { format!("{place}:{line}: {what}") };
        Error::new(ErrorKind::PanelData, text)
    }

    fn get(&self, key: &str) -> Option<&Node> {
        self.map.get(key).filter(|node| node.data != Data::Nothing)
    }

    fn item<'a>(&self, key: &str, item: &'a Node) -> Result<(&'a str, usize)> {
        match &item.data {
            Data::Text(text) => Ok((text, item.line)),
            _ => Err(self.error(item.line, format!("{key} must hold texts only"))),
        }
    }

    fn missing(&self, key: &str) -> Error {
        self.error(0, format!("{} is missing (was the file cut off?)", quote(key)))
    }
}
