//! A stand-in until the journal is there.
use crate::publish::confine::{Fault, FaultKind, Item, Kind, Modes, Outcome, Rename, Root, TempFile};
use crate::types::{RelPath, SiteKey};
use std::path::Path;
use std::sync::Arc;
pub struct Site {
    root: Arc<Root>,
    modes: Modes,
}
#[derive(Clone)]
pub struct Temps {
    root: Arc<Root>,
    mode: u32,
}
impl Temps {
    pub fn create(&self) -> Outcome<TempFile> {
        TempFile::new(&self.root, &RelPath::root(), self.mode)
    }
}
impl Site {
    pub fn open(home: &Path, docroot: &Path, uid: u32, _key: &SiteKey, modes: Modes) -> Outcome<Self> {
        Ok(Self { root: Arc::new(Root::open(home, docroot, uid)?), modes })
    }
    pub fn root(&self) -> &Root {
        &self.root
    }
    pub fn temps(&self) -> Temps {
        Temps { root: Arc::clone(&self.root), mode: self.modes.file }
    }
    pub fn put(&mut self, path: &RelPath, file: TempFile) -> Outcome<()> {
        if let Some(parent) = path.parent() {
            self.root.make_dirs(&parent, self.modes.dir)?;
        }
        if self.root.stat(path)?.is_some_and(|facts| facts.kind == Kind::Dir) {
            return Err(Fault::new(FaultKind::IsDirectory, path));
        }
        file.rename(&self.root, path, Rename::Replace)
    }
    pub fn delete(&mut self, path: &RelPath) -> Outcome<()> {
        match self.root.stat(path)?.map(|facts| facts.kind) {
            Some(Kind::Dir) => self.root.remove_dir(path).map(|_| ()),
            _ => self.root.remove_file(path).map(|_| ()),
        }
    }
    pub fn make_dir(&mut self, path: &RelPath) -> Outcome<()> {
        self.root.make_dirs(path, self.modes.dir).map(|_| ())
    }
    pub fn list(&self, path: &RelPath) -> Outcome<Vec<Item>> {
        match self.root.list(path) {
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(Vec::new()),
            other => other,
        }
    }
    pub fn close_window(&mut self) -> Outcome<()> {
        self.root.sync()
    }
}
