//! Publishing, taking back, and being killed in between.

pub(crate) mod killed;
mod windows;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;
use crate::publish::confine::{FaultKind, Modes, Outcome, TempFile};
use crate::types::{Domain, RelPath, SiteKey};

pub(crate) fn path(text: &str) -> RelPath {
    RelPath::from_wire(text.as_bytes()).unwrap()
}

pub(crate) fn key() -> SiteKey {
    SiteKey::of(&Domain::new("shop.example").unwrap())
}

/// All regular files below a directory with their contents, but for those of ours.
pub(crate) fn contents(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut next = vec![dir.to_owned()];
    while let Some(here) = next.pop() {
        for entry in std::fs::read_dir(&here).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with(".panelgate") {
                continue;
            }
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => next.push(entry.path()),
                kind if kind.is_file() => {
                    let name = entry.path().strip_prefix(dir).unwrap().display().to_string();
                    found.insert(name, String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into());
                }
                _ => {}
            }
        }
    }
    found
}

/// A home with a document root that a panel and its customer have put something into.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("web/blog")).unwrap();
        std::fs::write(dir.path().join("web/index.html"), "panel's default").unwrap();
        std::fs::write(dir.path().join("web/blog/post"), "customer's").unwrap();
        Self { dir }
    }

    pub(crate) fn web(&self, name: &str) -> PathBuf {
        self.dir.path().join("web").join(name)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.dir.path().join(".panelgate/shop.example").join(name)
    }

    pub(crate) fn open(&self) -> Site {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Outcome<Site> {
        let uid = crate::sys::identity::uids().effective;
        Site::open(self.dir.path(), &self.web(""), uid, &key(), Modes::default())
    }

    pub(crate) fn contents(&self) -> BTreeMap<String, String> {
        contents(&self.web(""))
    }

    /// No temporary file, no staged file and no half-done publication is left.
    pub(crate) fn assert_clean(&self) {
        assert_eq!(std::fs::read_dir(self.state("tmp")).unwrap().count(), 0);
        assert!(!self.state("staging").exists() && !self.state("open").exists());
    }
}

pub(crate) fn temp(site: &Site, content: &str) -> TempFile {
    let mut temp = site.temps().create().unwrap();
    temp.write_all(content.as_bytes()).unwrap();
    temp
}

pub(crate) fn put(site: &mut Site, name: &str, content: &str) -> Outcome<()> {
    let temp = temp(site, content);
    site.put(&path(name), temp)
}

pub(crate) fn kind<T>(outcome: Outcome<T>) -> Option<FaultKind> {
    outcome.err().map(|fault| fault.kind())
}

/// The files with these names and contents.
pub(crate) fn files(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}
