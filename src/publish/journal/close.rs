//! The end of a publication.

use super::manifest::Manifest;
use super::record::{Change, Kind, Record};
use super::recover::is_damage;
use super::report::{Closed, Past};
use super::site::{Site, name};
use super::tree::{self, Found};
use crate::publish::confine::{self, FaultKind, Outcome, Rename};
use crate::sys::{clock, random};
use crate::types::{RelPath, hex};

impl Site {
    /// Closes the window: what was put is on the disk and the manifest is the new one when this returns. `None`: none is open.
    ///
    /// # Errors
    /// [`FaultKind::Io`] if the disk has lost something, [`FaultKind::Space`] and others; the window stays open and can be closed again or undone.
    pub fn close_window(&mut self) -> Outcome<Option<Closed>> {
        self.tidy()?;
        let Some(open) = &self.open else { return Ok(None) };
        let next = self.manifest.after(&open.change);
        self.close(next).map(Some)
    }

    /// Closes the publication under way; `next` is what is published then.
    pub(crate) fn close(&mut self, next: Manifest) -> Outcome<Closed> {
        self.root.sync()?;
        self.write_manifest("open/next", &next)?;
        self.log(&Record::Closed { time: clock::unix_seconds() })?;
        let Some(open) = &mut self.open else { return self.closed_nothing() };
        // From here on a kill leads to the same end.
        open.sync()?;
        let change = open.change.clone();
        self.open = None;
        self.finish(&change, next)
    }

    /// What follows when a publication is closed: every step may have happened already.
    ///
    /// That it is published stands when its manifest has its name, which takes no room on the disk. What is left to tidy may wait for some.
    pub(crate) fn finish(&mut self, change: &Change, next: Manifest) -> Outcome<Closed> {
        let closed = Closed { number: change.number, files: next.files.len() as u64, bytes: next.bytes() };
        match self.state.rename(&name("open/next"), &self.state, &name("manifest"), Rename::Replace) {
            Err(fault) if fault.kind() != FaultKind::Missing => return Err(fault),
            _ => {}
        }
        self.manifest = next;
        self.untidy = Some((change.clone(), closed.clone()));
        if let Err(fault) = self.tidy() {
            log::warn!(
                "publication {} is complete, but its records are not tidied: {}",
                closed.number,
                fault.detail()
            );
        }
        Ok(closed)
    }

    /// Makes the publication that was closed the last one, if that is still to be done.
    pub(crate) fn tidy(&mut self) -> Outcome<()> {
        let Some((change, closed)) = self.untidy.clone() else { return Ok(()) };
        self.give_up_last()?;
        self.remember(Past {
            number: closed.number,
            kind: change.kind,
            opened: change.opened,
            closed: change.closed.unwrap_or(change.opened),
            files: closed.files,
            bytes: closed.bytes,
        })?;
        self.state.rename(&name("open"), &self.state, &name("last"), Rename::New)?;
        self.untidy = None;
        self.state.sync_dir(&RelPath::root())
    }

    /// Gives up what the last publication replaced, but for files that no publication had made: these are kept in `first/` for as long as anything is
    /// published.
    pub(crate) fn give_up_last(&mut self) -> Outcome<()> {
        match self.save_foreign() {
            // What is in there cannot be looked through: it is put away as it is.
            Err(fault) if is_damage(&fault) => self.put_away("last"),
            Err(fault) => Err(fault),
            Ok(()) => tree::discard(&self.state, &name("last")),
        }
    }

    fn save_foreign(&mut self) -> Outcome<()> {
        let Some(_) = self.state.stat(&name("last"))? else { return Ok(()) };
        if self.state.stat(&name("last/old"))?.is_some() {
            // A manifest that cannot be read makes all of them foreign: nothing is lost by that.
            let published = self.manifest_at("last/manifest").ok().flatten().unwrap_or_default();
            let swapped: Vec<RelPath> = match self.change_at("last") {
                Ok(Some((change, _))) => change.swaps.into_iter().map(|swap| swap.path).collect(),
                _ => Vec::new(),
            };
            self.state.make_dir(&name("first"), 0o700)?;
            let (old, first) =
                (self.state.open_dir(&name("last/old"))?, self.state.open_dir(&name("first"))?);
            tree::visit(&old, &RelPath::root(), usize::MAX, &mut |Found { path, facts }| {
                // In a folder that came as a whole, a second name means that the file was carried over.
                let carried = facts.links > 1 && swapped.iter().any(|folder| path.is_within(folder));
                if facts.kind != confine::Kind::Dir && !carried && !published.files.contains_key(&path) {
                    first.make_dirs(&path.parent().unwrap_or_default(), 0o700)?;
                    match old.rename(&path, &first, &path, Rename::New) {
                        Err(fault) if fault.kind() != FaultKind::Exists => return Err(fault),
                        // The older one is what was there before any publication.
                        Err(_) => self.set_aside(&old, &path)?,
                        Ok(()) => {}
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Moves a file of a root to `changed/` in the state directory, where the last one of each path stays.
    pub(crate) fn set_aside(&self, from: &confine::Root, path: &RelPath) -> Outcome<()> {
        self.set_aside_as(from, path, path)
    }

    /// Like [`Site::set_aside`], under the path that it has in the document root.
    pub(crate) fn set_aside_as(
        &self,
        from: &confine::Root,
        path: &RelPath,
        in_docroot: &RelPath,
    ) -> Outcome<()> {
        let place = |top: &RelPath| -> Outcome<()> {
            self.state.make_dirs(top, 0o700)?;
            let changed = self.state.open_dir(top)?;
            changed.make_dirs(&in_docroot.parent().unwrap_or_default(), 0o700)?;
            from.rename(path, &changed, in_docroot, Rename::Replace)
        };
        match place(&name("changed")) {
            // What is there already has a file where this one needs a directory, or the other way round.
            Err(fault) if fault.is_refusal() => {
                place(&name(&format!("changed/{}", hex(&random::bytes::<8>()))))
            }
            result => result,
        }
    }

    pub(crate) fn write_manifest(&self, to: &str, manifest: &Manifest) -> Outcome<()> {
        let mut temp = self.private_temp()?;
        manifest.write(&mut temp)?;
        temp.sync()?;
        self.place_state(temp, to)
    }

    fn closed_nothing(&self) -> Outcome<Closed> {
        Ok(Closed { number: 0, files: self.manifest.files.len() as u64, bytes: self.manifest.bytes() })
    }

    /// Takes a publication that failed back at once.
    pub(crate) fn abort(&mut self) -> Outcome<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.roll_back("open", &open.change).map(drop)
    }

    /// Takes the window back that is open, as if it had never been. Nothing happens if none is.
    ///
    /// # Errors
    /// As [`Site::undo`].
    pub fn abort_window(&mut self) -> Outcome<()> {
        match &self.open {
            Some(open) if open.change.kind == Kind::Http => self.abort(),
            _ => Ok(()),
        }
    }
}
