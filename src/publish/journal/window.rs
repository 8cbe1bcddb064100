//! Single files, as the builder puts them one by one (`reference/builder-api.md` 6.4).

use std::io::Write;

use super::htaccess;
use super::manifest::{Digest, Entry};
use super::record::{Before, Record, Touch};
use super::site::{Site, check_reserved};
use crate::limits;
use crate::publish::confine::{Facts, Fault, FaultKind, Kind, Outcome, Rename, TempFile};
use crate::types::RelPath;

/// Names that a web server may prefer to the `index.php` of a publication, as panels put them into a new document root.
const PREFERRED: [&str; 8] = [
    "index.html",
    "index.htm",
    "index.shtml",
    "index.xhtml",
    "index.cgi",
    "index.pl",
    "default.html",
    "default.htm",
];

impl Site {
    /// Puts a file in place: whoever reads it meanwhile gets the old or the new one, whole. Directories that are missing are made, and a window is opened if
    /// none is. What the customer wrote into the persistent block of an `.htaccess` is kept.
    ///
    /// # Errors
    /// [`FaultKind::IsDirectory`], [`FaultKind::Reserved`], [`FaultKind::Link`], [`FaultKind::Owner`] and others; nothing has changed then.
    pub fn put(&mut self, path: &RelPath, temp: TempFile) -> Outcome<()> {
        check_reserved(path)?;
        if path.is_root() {
            return Err(Fault::new(FaultKind::IsDirectory, path));
        }
        let existing = self.file_at(path)?;
        let temp = self.with_persistent_block(path, existing.is_some(), temp)?;
        if path.as_str() == "index.php" && !self.manifest.files.contains_key(path) {
            self.clear_the_way()?;
        }
        self.make_parents(path)?;
        let entry = Entry { size: temp.size(), sha256: Digest(temp.sha256()) };
        let before = self.before(path, existing.is_some());
        let kept = self.is_touched(path);
        self.log(&Record::Put { path: path.clone(), before, entry })?;
        let done = match existing {
            Some(_) if !kept => self.keep_and_replace(path, temp),
            _ => temp.rename(&self.root, path, Rename::Replace),
        };
        self.void_unless(done)
    }

    /// Removes a file or an empty directory; nothing happens if there is none.
    ///
    /// # Errors
    /// [`FaultKind::NotEmpty`], [`FaultKind::Name`] for the document root itself, [`FaultKind::Reserved`], [`FaultKind::Link`], [`FaultKind::Owner`] and others.
    pub fn delete(&mut self, path: &RelPath) -> Outcome<()> {
        check_reserved(path)?;
        if path.is_root() {
            return Err(Fault::new(FaultKind::Name, path));
        }
        match self.root.stat(path)? {
            None => Ok(()),
            Some(Facts { kind: Kind::Dir, .. }) => {
                let (items, left_out) = self.root.scan(path)?;
                if !items.is_empty() || left_out > 0 {
                    return Err(Fault::new(FaultKind::NotEmpty, path));
                }
                self.log(&Record::RemoveDir { path: path.clone() })?;
                self.root.remove_dir(path).map(drop)
            }
            Some(_) => self.delete_file(path),
        }
    }

    /// Makes a directory and those above it; nothing happens if it is there.
    ///
    /// # Errors
    /// [`FaultKind::NotDirectory`], [`FaultKind::Reserved`], [`FaultKind::Link`], [`FaultKind::Owner`] and others.
    pub fn make_dir(&mut self, path: &RelPath) -> Outcome<()> {
        check_reserved(path)?;
        for dir in self.root.missing_dirs(path)? {
            self.log(&Record::MakeDir { path: dir.clone() })?;
            self.root.make_dir(&dir, self.modes.dir)?;
        }
        Ok(())
    }

    /// When the first `index.php` comes: what a web server would serve instead of it is moved aside.
    fn clear_the_way(&mut self) -> Outcome<()> {
        for preferred in self.in_the_way()? {
            self.delete_file(&preferred)?;
        }
        Ok(())
    }

    /// The files in the document root that a web server would serve instead of the publication's `index.php`, as far as this publication has not put or
    /// removed them itself.
    pub(crate) fn in_the_way(&self) -> Outcome<Vec<RelPath>> {
        let mut found = Vec::new();
        for name in PREFERRED {
            let path = RelPath::root().join(name)?;
            let plain = self.root.stat(&path)?.is_some_and(|facts| {
                // What is a link or belongs to somebody else stays: it cannot be taken away, and must not make publishing impossible.
                facts.kind == Kind::File && facts.uid == self.root.uid()
            });
            if plain && !self.is_touched(&path) {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Facts about the regular file at a path that is to be replaced; `None` if there is nothing.
    pub(crate) fn file_at(&self, path: &RelPath) -> Outcome<Option<Facts>> {
        let Some(facts) = self.root.stat(path)? else { return Ok(None) };
        match facts.kind {
            Kind::Dir => Err(Fault::new(FaultKind::IsDirectory, path)),
            Kind::Link => Err(Fault::new(FaultKind::Link, path)),
            Kind::Other => Err(Fault::new(FaultKind::NotRegular, path)),
            Kind::File if facts.uid != self.root.uid() => Err(Fault::new(FaultKind::Owner, path)),
            Kind::File => Ok(Some(facts)),
        }
    }

    /// What is at a path from before this publication.
    pub(crate) fn before(&self, path: &RelPath, exists: bool) -> Before {
        match exists {
            false => Before::Nothing,
            true if self.manifest.files.contains_key(path) => Before::Ours,
            true => Before::Foreign,
        }
    }

    pub(crate) fn touch(&self, path: &RelPath) -> Option<&Touch> {
        self.open.as_ref()?.change.touched.get(path)
    }

    fn is_touched(&self, path: &RelPath) -> bool {
        self.touch(path).is_some()
    }

    fn make_parents(&mut self, path: &RelPath) -> Outcome<()> {
        self.make_dir(&path.parent().unwrap_or_default()).map_err(|fault| match fault.kind() {
            FaultKind::NotDirectory | FaultKind::Link => fault.at(path),
            _ => fault,
        })
    }

    fn delete_file(&mut self, path: &RelPath) -> Outcome<()> {
        self.file_at(path)?;
        let before = self.before(path, true);
        let kept = self.is_touched(path);
        self.log(&Record::Delete { path: path.clone(), before })?;
        let done = match kept {
            true => self.root.remove_file(path).map(drop),
            false => self.move_to_old(path),
        };
        self.void_unless(done)
    }

    /// Moves the file at a path to the same path among what this publication replaces.
    pub(crate) fn move_to_old(&mut self, path: &RelPath) -> Outcome<()> {
        let Some(open) = &self.open else { return Err(Fault::new(FaultKind::Nothing, path)) };
        open.old.make_dirs(&path.parent().unwrap_or_default(), 0o700)?;
        self.root.rename(path, &open.old, path, Rename::New)
    }

    /// Gives the file at a path a second name among what this publication replaces, then replaces it.
    fn keep_and_replace(&mut self, path: &RelPath, temp: TempFile) -> Outcome<()> {
        self.keep(path)?;
        temp.rename(&self.root, path, Rename::Replace)
    }

    /// Keeps the file at a path for undoing. It stays where it is, unless the file system knows no links: then it is moved away.
    pub(crate) fn keep(&mut self, path: &RelPath) -> Outcome<()> {
        let Some(open) = &self.open else { return Err(Fault::new(FaultKind::Nothing, path)) };
        open.old.make_dirs(&path.parent().unwrap_or_default(), 0o700)?;
        match self.root.link(path, &open.old, path) {
            Err(fault) if matches!(fault.kind(), FaultKind::Unsupported | FaultKind::Access) => {
                self.root.rename(path, &open.old, path, Rename::New)
            }
            result => result,
        }
    }

    /// Takes the last record back if what it tells failed.
    fn void_unless(&mut self, done: Outcome<()>) -> Outcome<()> {
        let Err(fault) = done else { return Ok(()) };
        self.settle_last()?;
        Err(fault)
    }

    /// Makes the last record and the document root agree, whatever of the record has happened.
    pub(crate) fn settle_last(&mut self) -> Outcome<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let Some((path, previous)) = open.change.last.clone() else { return Ok(()) };
        let happened = match open.change.touched.get(&path).and_then(|touch| touch.now.clone()) {
            Some(entry) => super::tree::compare(&self.root, &path, &entry) == super::tree::Compared::Same,
            None => matches!(self.root.stat(&path), Ok(None)),
        };
        if happened {
            return Ok(());
        }
        // A first touch had kept, or begun to keep, what was there.
        if previous.is_none() && open.old.stat(&path)?.is_some() {
            match self.root.stat(&path)? {
                None => open.old.rename(&path, &self.root, &path, Rename::New)?,
                Some(_) => drop(open.old.remove_any(&path)?),
            }
        }
        self.log(&Record::Void)
    }

    /// The file to put instead of `temp` when the customer has a persistent block in the `.htaccess` that is there.
    fn with_persistent_block(&self, path: &RelPath, exists: bool, temp: TempFile) -> Outcome<TempFile> {
        if !exists || path.file_name() != Some(".htaccess") {
            return Ok(temp);
        }
        let new = temp.content(limits::HTACCESS_BYTES).map_err(|fault| fault.at(path))?;
        match self.merged_htaccess(path, &new)? {
            None => Ok(temp),
            Some(merged) => {
                let mut temp = self.temps().create()?;
                temp.write_all(&merged).map_err(|error| Fault::io(error, path))?;
                Ok(temp)
            }
        }
    }

    /// `new` with the persistent block of the `.htaccess` at `path`; `None` if there is nothing to carry over.
    pub(crate) fn merged_htaccess(&self, path: &RelPath, new: &[u8]) -> Outcome<Option<Vec<u8>>> {
        use std::io::Read;
        let mut old = Vec::new();
        let file = self.root.open_file(path)?;
        file.take(limits::HTACCESS_BYTES + 1)
            .read_to_end(&mut old)
            .map_err(|error| Fault::io(error, path))?;
        // One that is larger is none of a builder's; it is kept like any other file.
        let small = old.len() as u64 <= limits::HTACCESS_BYTES;
        Ok(small.then(|| htaccess::merge(&old, new)).flatten())
    }
}
