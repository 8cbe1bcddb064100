//! Taking a publication back, and removing all that was published.

use super::lines;
use super::manifest::Manifest;
use super::record::{Before, Change, Kind, Record, Touch};
use super::recover::is_damage;
use super::report::{Past, Undone};
use super::runtime::is_runtime;
use super::site::{Site, name};
use super::tree::{self, Compared, Found};
use crate::limits;
use crate::publish::confine::{self, Fault, FaultKind, Outcome, Rename, Root};
use crate::sys::{clock, random};
use crate::types::{RelPath, hex};

/// In `open/` or `last/`: this is being taken back.
const UNDOING: &str = "undoing";
/// In the state directory: all is being removed. What it holds says how far that is.
pub(crate) const UNPUBLISHING: &str = "unpublishing";
/// The second step: files are removed, what was there before comes back.
const RESTORING: &str = "restoring";

impl Site {
    /// Takes the last publication back, or the window that is open: what it replaced is there again, what it made is gone. Files that somebody changed
    /// since are set aside, data that the site itself wrote stay.
    ///
    /// # Errors
    /// [`FaultKind::Nothing`] if there is none; what a disk can bring: then calling again goes on.
    pub fn undo(&mut self) -> Outcome<Undone> {
        self.close_window()?;
        self.settle_unpublishing()?;
        self.settle_aborted()?;
        let nothing = || Fault::new(FaultKind::Nothing, &RelPath::root());
        let (change, _) = self.change_at("last")?.ok_or_else(nothing)?;
        let undone = self.roll_back("last", &change)?;
        self.remember_act(Kind::Undo, change.number)?;
        Ok(undone)
    }

    /// Removes exactly what was published and is unchanged, sets aside what somebody changed since, and brings back what lay there before the first
    /// publication. Data that the site itself wrote, and everything that no publication made, stay.
    ///
    /// # Errors
    /// [`FaultKind::Nothing`] if nothing is published; what a disk can bring: then calling again goes on.
    pub fn unpublish(&mut self) -> Outcome<Undone> {
        self.close_window()?;
        self.settle_undoing()?;
        self.settle_aborted()?;
        if self.marked(UNPUBLISHING)?.is_some() {
            return self.go_on_unpublishing();
        }
        let mut moved_away = false;
        for place in ["first", "last"] {
            moved_away |= self.state.stat(&name(place))?.is_some();
        }
        if self.manifest == Manifest::default() && !moved_away {
            return Err(Fault::new(FaultKind::Nothing, &RelPath::root()));
        }
        self.mark(UNPUBLISHING, "removing")?;
        self.go_on_unpublishing()
    }

    /// Carries a removal out, or goes on with one.
    fn go_on_unpublishing(&mut self) -> Outcome<Undone> {
        let number = self.history()?.last().map_or(0, |past| past.number);
        let mut undone = Undone { number, ..Undone::default() };
        if self.marked(UNPUBLISHING)?.as_deref() != Some(RESTORING) {
            let manifest = std::mem::take(&mut self.manifest);
            for (path, entry) in manifest.files.iter().rev() {
                self.steps.one();
                match tree::compare(&self.root, path, entry) {
                    Compared::Same => undone.removed += u64::from(self.root.remove_file(path)?),
                    Compared::Changed if !is_runtime(path) => {
                        self.set_aside(&self.root, path)?;
                        undone.set_aside += 1;
                    }
                    _ => {}
                }
            }
            self.remove_dirs(manifest.dirs.iter());
            self.manifest = manifest;
            self.give_up_last()?;
            self.mark(UNPUBLISHING, RESTORING)?;
        }
        match self.restore_first(&mut undone) {
            // What is in there cannot be brought back, by us at least: it stays.
            Err(fault) if is_damage(&fault) => undone.kept += 1,
            result => result?,
        }
        self.manifest = Manifest::default();
        tree::discard(&self.state, &name("last"))?;
        self.state.remove_file(&name("manifest"))?;
        self.remember_act(Kind::Unpublish, number)?;
        self.state.remove_file(&name(UNPUBLISHING))?;
        self.root.sync()?;
        Ok(undone)
    }

    /// Takes the change whose journal lies in `base` back. Every step may have happened already.
    pub(crate) fn roll_back(&mut self, base: &str, change: &Change) -> Outcome<Undone> {
        self.keep_manifest_of(base)?;
        self.mark_undoing(base)?;
        let old = self.state.open_dir(&name(&format!("{base}/old")))?;
        let mut undone = Undone { number: change.number, ..Undone::default() };
        for swap in change.swaps.iter().rev() {
            self.swap_back(base, swap, &old, &mut undone)?;
        }
        for (path, touch) in change.touched.iter().rev() {
            self.steps.one();
            if touch.before == Before::Nothing {
                self.take_away(path, touch, &mut undone)?;
            }
        }
        self.remove_dirs(change.made.iter());
        for dir in &change.unmade {
            // Somebody may have put something else there since: that stays.
            let _ = self.root.make_dirs(dir, self.modes.dir);
        }
        for (path, touch) in &change.touched {
            self.steps.one();
            if touch.before != Before::Nothing {
                self.bring_back(path, touch, &old, &mut undone)?;
            }
        }
        self.root.sync()?;
        self.restore_manifest(base)?;
        tree::discard(&self.state, &name(base))?;
        self.state.sync_dir(&RelPath::root())?;
        Ok(undone)
    }

    /// Removes a file that was not there before.
    fn take_away(&self, path: &RelPath, touch: &Touch, undone: &mut Undone) -> Outcome<()> {
        let Some(entry) = &touch.now else { return Ok(()) };
        match tree::compare(&self.root, path, entry) {
            Compared::Same => undone.removed += u64::from(self.root.remove_file(path)?),
            Compared::Changed if !is_runtime(path) => {
                self.set_aside(&self.root, path)?;
                undone.set_aside += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts a file back that was kept.
    fn bring_back(&self, path: &RelPath, touch: &Touch, old: &Root, undone: &mut Undone) -> Outcome<()> {
        // It came back already, or was never taken.
        let Some(kept) = old.stat(path)? else { return Ok(()) };
        let here = self.root.stat(path).ok().flatten();
        if here.is_some_and(|here| here.inode == kept.inode) {
            return old.remove_any(path).map(drop);
        }
        let state = match (&touch.now, here) {
            (_, None) => Compared::Gone,
            (Some(entry), Some(_)) => tree::compare(&self.root, path, entry),
            (None, Some(facts)) if facts.kind == confine::Kind::File => Compared::Changed,
            (None, Some(_)) => Compared::Other,
        };
        if state == Compared::Changed {
            if is_runtime(path) {
                return Ok(());
            }
            self.set_aside(&self.root, path)?;
            undone.set_aside += 1;
        }
        let parents = self.root.make_dirs(&path.parent().unwrap_or_default(), self.modes.dir);
        let done = parents.and_then(|_| old.rename(path, &self.root, path, Rename::Replace));
        match done {
            Ok(()) => undone.restored += 1,
            // A directory, a link, somebody else's file is in its place: that stays, and what was kept is not lost.
            Err(fault) if fault.is_refusal() => {
                self.set_aside(old, path)?;
                undone.kept += 1;
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    /// Finishes an undoing that failed half-way; the number of what was taken back, if there was one.
    pub(crate) fn settle_undoing(&mut self) -> Outcome<Option<u64>> {
        if !self.is_undoing("last")? {
            return Ok(None);
        }
        let Some((change, _)) = self.change_at("last")? else { return Ok(None) };
        self.roll_back("last", &change)?;
        self.remember_act(Kind::Undo, change.number)?;
        Ok(Some(change.number))
    }

    /// Finishes taking back a publication that failed, if the disk did not even let that be done.
    pub(crate) fn settle_aborted(&mut self) -> Outcome<()> {
        if !self.is_undoing("open")? {
            return Ok(());
        }
        match self.change_at("open")? {
            Some((change, _)) => self.roll_back("open", &change).map(drop),
            None => Ok(()),
        }
    }

    /// Finishes a removal that failed half-way; whether there was one.
    pub(crate) fn settle_unpublishing(&mut self) -> Outcome<bool> {
        if self.marked(UNPUBLISHING)?.is_none() {
            return Ok(false);
        }
        self.go_on_unpublishing().map(|_| true)
    }

    /// Gives the manifest that is in force a second name with the change that made it: it is needed for as long as that is being taken back.
    fn keep_manifest_of(&self, base: &str) -> Outcome<()> {
        match self.state.link(&name("manifest"), &self.state, &name(&format!("{base}/next"))) {
            Err(fault) if !matches!(fault.kind(), FaultKind::Exists | FaultKind::Missing) => Err(fault),
            _ => Ok(()),
        }
    }

    /// Makes the manifest the one that was in force before the change in `base`.
    fn restore_manifest(&mut self, base: &str) -> Outcome<()> {
        // A publication that was not closed has not changed it.
        if base == "open" {
            return Ok(());
        }
        let before = name(&format!("{base}/manifest"));
        let again = name(&format!("tmp/{}.manifest", hex(&random::bytes::<8>())));
        match self.state.link(&before, &self.state, &again) {
            Ok(()) => {
                self.state.rename(&again, &self.state, &name("manifest"), Rename::Replace)?;
                // Where the two were one file already, a rename leaves both names.
                self.state.remove_any(&again)?;
            }
            Err(fault) if fault.kind() == FaultKind::Missing => {
                self.state.remove_file(&name("manifest"))?;
            }
            Err(fault) => return Err(fault),
        }
        self.manifest = self.manifest_at("manifest")?.unwrap_or_default();
        Ok(())
    }

    /// Writes down that what lies in `base` is being taken back, with the file that lies ready for that.
    fn mark_undoing(&self, base: &str) -> Outcome<()> {
        let (ready, mark) = (name(&format!("{base}/undo")), name(&format!("{base}/{UNDOING}")));
        match self.state.rename(&ready, &self.state, &mark, Rename::Replace) {
            Err(fault) if fault.kind() == FaultKind::Missing => self.mark(mark.as_str(), ""),
            Err(fault) => Err(fault),
            Ok(()) => self.state.sync_dir(&name(base)),
        }
    }

    /// Removes directories that publications made, the innermost first, as far as they are empty.
    pub(crate) fn remove_dirs<'a>(&self, dirs: impl DoubleEndedIterator<Item = &'a RelPath>) {
        for dir in dirs.rev() {
            let _ = self.root.remove_dir(dir);
        }
    }

    /// Brings back what lay there before the first publication.
    fn restore_first(&self, undone: &mut Undone) -> Outcome<()> {
        if self.state.stat(&name("first"))?.is_none() {
            return Ok(());
        }
        let first = self.state.open_dir(&name("first"))?;
        tree::visit(&first, &RelPath::root(), usize::MAX, &mut |Found { path, facts }| {
            if facts.kind == confine::Kind::Dir {
                let _ = first.remove_dir(&path);
                return Ok(());
            }
            let parents = self.root.make_dirs(&path.parent().unwrap_or_default(), self.modes.dir);
            match parents.and_then(|_| first.rename(&path, &self.root, &path, Rename::New)) {
                Ok(()) => undone.restored += 1,
                Err(fault) if fault.is_refusal() => undone.kept += 1,
                Err(fault) => return Err(fault),
            }
            Ok(())
        })?;
        let _ = self.state.remove_dir(&name("first"));
        Ok(())
    }

    fn remember_act(&mut self, kind: Kind, number: u64) -> Outcome<()> {
        let now = clock::unix_seconds();
        let (files, bytes) = (self.manifest.files.len() as u64, self.manifest.bytes());
        self.remember(Past { number, kind, opened: now, closed: now, files, bytes })
    }

    /// The change whose journal lies in `base`, and the journal; `None` if there is none.
    pub(crate) fn change_at(&self, base: &str) -> Outcome<Option<(Change, std::fs::File)>> {
        let path = name(&format!("{base}/journal"));
        let file = match self.state.open_append(&path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == FaultKind::Missing => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let reader = file.try_clone().map_err(|error| Fault::io(error, &RelPath::root()))?;
        let lines = lines::read::<Record>(reader, limits::JOURNAL_BYTES);
        let Some(change) = Change::replay(lines)? else { return Ok(None) };
        Ok(Some((change, file)))
    }

    /// Whether taking back what lies in `base` had begun.
    pub(crate) fn is_undoing(&self, base: &str) -> Outcome<bool> {
        self.state.stat(&name(&format!("{base}/{UNDOING}"))).map(|facts| facts.is_some())
    }

    /// Writes a mark that survives a crash.
    fn mark(&self, path: &str, text: &str) -> Outcome<()> {
        use std::io::Write;
        let mut temp = self.private_temp()?;
        temp.write_all(text.as_bytes()).map_err(|error| Fault::io(error, &RelPath::root()))?;
        temp.sync()?;
        self.place_state(temp, path)?;
        self.state.sync_dir(&name(path).parent().unwrap_or_default())
    }

    /// What a mark says; `None` if there is none.
    fn marked(&self, path: &str) -> Outcome<Option<String>> {
        use std::io::Read;
        let file = match self.state.open_file(&name(path)) {
            Ok(file) => file,
            Err(fault) if fault.kind() == FaultKind::Missing => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let mut text = Vec::new();
        file.take(64).read_to_end(&mut text).map_err(|error| Fault::io(error, &RelPath::root()))?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}
