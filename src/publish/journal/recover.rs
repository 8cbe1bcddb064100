//! What follows when a worker was killed.

use super::manifest::Entry;
use super::record::{Change, Kind, Record};
use super::report::Recovery;
use super::site::{Open, Site, name};
use super::swap::STAGING;
use super::tree::{self, Found};
use super::undo::UNPUBLISHING;
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
        let unpublished = self.settle_unpublishing().map(|was| was.then_some(Recovery::Unpublished));
        self.conclude(unpublished, UNPUBLISHING, &mut done)?;
        let undone = self.settle_undoing().map(|number| number.map(Recovery::Undone));
        self.conclude(undone, "last", &mut done)?;
        let opened = self.recover_open();
        self.conclude(opened, "open", &mut done)?;
        if self.open.is_none() {
            tree::discard(&self.state, &name(STAGING))?;
        }
        Ok(done)
    }

    /// Notes what was recovered. If what lies in `place` is the reason that nothing could be, it is put away: publishing must go on.
    fn conclude(
        &mut self,
        outcome: Outcome<Option<Recovery>>,
        place: &str,
        done: &mut Vec<Recovery>,
    ) -> Outcome<()> {
        match outcome {
            Ok(recovery) => done.extend(recovery),
            Err(fault) if is_damage(&fault) => {
                log::warn!("the records in {place} cannot be used: {}", fault.detail());
                self.open = None;
                self.put_away(place)?;
                done.push(Recovery::Damaged);
            }
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn recover_open(&mut self) -> Outcome<Option<Recovery>> {
        let Some((change, file)) = self.change_at("open")? else {
            // Killed before its first line.
            tree::discard(&self.state, &name("open"))?;
            return Ok(None);
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
            Err(fault) if self.is_undoing("open")? => Err(fault),
            Err(_) => Ok(Some(Recovery::TakenBack(number))),
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
        let mut kept = Vec::new();
        tree::visit(&open.old, &RelPath::root(), limits::PUBLISHED_FILES, &mut |Found { path, facts }| {
            if facts.kind == confine::Kind::File && self.touch(&path).is_none() {
                kept.push(path);
            }
            Ok(())
        })?;
        for path in kept {
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
    pub(crate) fn put_away(&self, what: &str) -> Outcome<()> {
        tree::discard(&self.state, &name(DAMAGED))?;
        match self.state.rename(&name(what), &self.state, &name(DAMAGED), Rename::New) {
            Err(fault) if fault.kind() != FaultKind::Missing => Err(fault),
            _ => Ok(()),
        }
    }
}

/// Whether what lies on the disk is the reason, and not the disk.
pub(crate) fn is_damage(fault: &Fault) -> bool {
    fault.is_refusal() || matches!(fault.kind(), FaultKind::Damaged | FaultKind::Changed)
}
