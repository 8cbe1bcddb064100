//! What follows when a worker was killed.

use super::manifest::Entry;
use super::record::{Change, Kind, Record};
use super::report::Recovery;
use super::site::{Open, Site, name};
use super::swap::STAGING;
use super::tree::{self, Found};
use crate::limits;
use crate::publish::confine::{self, Fault, FaultKind, Outcome, Rename};
use crate::types::RelPath;

/// Where records go that cannot be understood.
const DAMAGED: &str = "damaged";

impl Site {
    /// Brings the site into a state in which a publication can begin.
    pub(crate) fn recover(&mut self) -> Outcome<Vec<Recovery>> {
        let mut done = Vec::new();
        for item in self.state.list(&name("tmp"))? {
            let path = name("tmp").join(&item.name)?;
            match item.facts.kind {
                confine::Kind::Dir => tree::sweep(&self.state, &path),
                _ => drop(self.state.remove_any(&path)),
            }
        }
        self.manifest = match self.manifest_at("manifest") {
            Err(fault) if is_damage(&fault) => {
                self.put_away("manifest")?;
                done.push(Recovery::Damaged);
                None
            }
            manifest => manifest?,
        }
        .unwrap_or_default();
        if self.settle_unpublishing()? {
            done.push(Recovery::Unpublished);
        }
        self.recover_last(&mut done)?;
        if let Some(recovery) = self.recover_open()? {
            done.push(recovery);
        }
        if self.open.is_none() {
            tree::discard(&self.state, &name(STAGING))?;
        }
        Ok(done)
    }

    fn recover_last(&mut self, done: &mut Vec<Recovery>) -> Outcome<()> {
        match self.settle_undoing() {
            Ok(number) => done.extend(number.map(Recovery::Undone)),
            Err(fault) if is_damage(&fault) && self.state.stat(&name("last"))?.is_some() => {
                self.put_away("last")?;
                done.push(Recovery::Damaged);
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn recover_open(&mut self) -> Outcome<Option<Recovery>> {
        let (change, file) = match self.change_at("open") {
            Ok(Some(found)) => found,
            Ok(None) => {
                // Killed before its first line.
                tree::discard(&self.state, &name("open"))?;
                return Ok(None);
            }
            Err(fault) if is_damage(&fault) => {
                self.put_away("open")?;
                return Ok(Some(Recovery::Damaged));
            }
            Err(fault) => return Err(fault),
        };
        let number = change.number;
        if self.is_undoing("open")? {
            self.roll_back("open", &change)?;
            return Ok(Some(Recovery::TakenBack(number)));
        }
        if change.closed.is_some() {
            // Once it is in force it has no other name any more.
            let next = self.manifest_at("open/next")?.unwrap_or_else(|| self.manifest.clone());
            self.finish(&change, next)?;
            return Ok(Some(Recovery::Finished(number)));
        }
        if change.kind == Kind::Http {
            self.resume_window(change, file)?;
            return Ok(Some(Recovery::Window(number)));
        }
        self.resume_archive(change, file)
    }

    fn resume_archive(&mut self, change: Change, file: std::fs::File) -> Outcome<Option<Recovery>> {
        let number = change.number;
        let next = if change.ready { self.manifest_at("open/next")? } else { None };
        let Some(next) = next else {
            // Nothing but staging had begun.
            tree::discard(&self.state, &name("open"))?;
            return Ok(Some(Recovery::TakenBack(number)));
        };
        self.open = Some(self.reopen(change, file)?);
        match self.carry_out(next) {
            Ok(_) => Ok(Some(Recovery::Finished(number))),
            // It was taken back then.
            Err(_) if self.open.is_none() => Ok(Some(Recovery::TakenBack(number))),
            Err(fault) => Err(fault),
        }
    }

    fn resume_window(&mut self, change: Change, file: std::fs::File) -> Outcome<()> {
        self.open = Some(self.reopen(change, file)?);
        self.settle_last()?;
        self.adopt_kept()
    }

    fn reopen(&self, change: Change, file: std::fs::File) -> Outcome<Open> {
        self.state.make_dirs(&name("open/old"), 0o700)?;
        Open::resume(change, self.state.open_dir(&name("open/old"))?, file)
    }

    /// After a power cut the journal may lack its last lines, but not what they told to keep: that lies under its own path.
    fn adopt_kept(&mut self) -> Outcome<()> {
        let Some(open) = &self.open else { return Ok(()) };
        for Found { path, facts } in tree::below(&open.old, &RelPath::root(), limits::PUBLISHED_FILES)?.0 {
            if facts.kind != confine::Kind::File || self.touch(&path).is_some() {
                continue;
            }
            let before = self.before(&path, true);
            let here = self.root.stat(&path).ok().flatten();
            let record = match here {
                Some(here)
                    if here.kind == confine::Kind::File
                        && here.uid == self.root.uid()
                        && here.size <= limits::ADOPTED_BYTES =>
                {
                    let entry: Entry = tree::measure(&self.root, &path, limits::ADOPTED_BYTES)?;
                    Record::Put { path, before, entry }
                }
                _ => Record::Delete { path, before },
            };
            self.log(&record)?;
        }
        Ok(())
    }

    /// Moves records away that cannot be understood, so that publishing goes on; the last ones stay there to be looked at.
    fn put_away(&self, what: &str) -> Outcome<()> {
        tree::discard(&self.state, &name(DAMAGED))?;
        self.state.rename(&name(what), &self.state, &name(DAMAGED), Rename::New)
    }
}

/// Whether records are the reason: they are no records, or something else has their place.
fn is_damage(fault: &Fault) -> bool {
    matches!(
        fault.kind(),
        FaultKind::Damaged
            | FaultKind::Link
            | FaultKind::NotRegular
            | FaultKind::IsDirectory
            | FaultKind::NotDirectory
            | FaultKind::Owner
            | FaultKind::Changed
            | FaultKind::Mount
    )
}
