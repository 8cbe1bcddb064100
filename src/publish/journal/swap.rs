//! A folder that comes, or goes back, as a whole.

use super::manifest::Manifest;
use super::record::{Before, Swap};
use super::report::Undone;
use super::runtime::is_runtime;
use super::site::{Site, name};
use super::tree::{self, Compared, Found};
use crate::limits;
use crate::publish::confine::{Facts, Fault, FaultKind, Kind, Outcome, Rename, Root};
use crate::types::RelPath;

/// Where staged files lie in the state directory.
pub(crate) const STAGING: &str = "staging";

/// Two publications of one folder: the one that goes and the one that comes.
pub(crate) struct Turn<'a> {
    pub(crate) folder: &'a RelPath,
    pub(crate) goes: &'a Manifest,
    pub(crate) comes: &'a Manifest,
}

impl Turn<'_> {
    fn in_docroot(&self, path: &RelPath) -> Outcome<RelPath> {
        Ok(self.folder.join(path.as_str())?)
    }

    /// Whether a file of the folder that goes must be in the one that comes too: what no publication made, what somebody changed, what the running site
    /// wrote.
    pub(crate) fn must_stay(&self, from: &Root, found: &Found) -> Outcome<bool> {
        let path = self.in_docroot(&found.path)?;
        if found.facts.kind == Kind::Dir {
            return Ok(!self.goes.dirs.contains(&path) && !self.comes.dirs.contains(&path));
        }
        let (runtime, comes) = (is_runtime(&path), self.comes.files.contains_key(&path));
        if comes && !runtime {
            return Ok(false);
        }
        // What came with a publication and is as it came goes with it.
        Ok(match self.goes.files.get(&path) {
            Some(entry) => tree::compare(from, &found.path, entry) != Compared::Same,
            None => true,
        })
    }
}

impl Site {
    /// Puts the staged folder in place. It may be there already.
    pub(crate) fn swap_in(&mut self, swap: &Swap, comes: &Manifest) -> Outcome<()> {
        let staged = name(STAGING).join(swap.path.as_str())?;
        let Some(open) = &self.open else { return Err(Fault::new(FaultKind::Nothing, &swap.path)) };
        let fresh = !self.is_swapped(swap)?;
        if fresh {
            let how = if swap.before == Before::Nothing { Rename::New } else { Rename::Exchange };
            self.state.rename(&staged, &self.root, &swap.path, how)?;
        }
        if swap.before != Before::Nothing && self.state.stat(&staged)?.is_some() {
            self.state.rename(&staged, &open.old, &swap.path, Rename::New)?;
        }
        if open.old.stat(&swap.path)?.is_some() {
            // The site ran on until the swap: what it wrote since the folder was staged follows.
            let (from, to) = (open.old.open_dir(&swap.path)?, self.root.open_dir(&swap.path)?);
            let turn = Turn { folder: &swap.path, goes: &self.manifest, comes };
            // When a killed worker had changed them, the one that comes is the newer one since; otherwise the one that goes is, whatever the clock did.
            self.carry(&turn, &from, &to, fresh)?;
        }
        Ok(())
    }

    /// Puts the folder back that was there before. It may be there already.
    pub(crate) fn swap_back(&self, base: &str, swap: &Swap, old: &Root, undone: &mut Undone) -> Outcome<()> {
        let staged = name(STAGING).join(swap.path.as_str())?;
        let fresh = self.is_swapped(swap)?;
        if fresh {
            if swap.before == Before::Nothing {
                self.root.rename(&swap.path, old, &swap.path, Rename::New)?;
            } else if old.stat(&swap.path)?.is_some() {
                old.rename(&swap.path, &self.root, &swap.path, Rename::Exchange)?;
            } else {
                self.state.rename(&staged, &self.root, &swap.path, Rename::Exchange)?;
                self.state.rename(&staged, old, &swap.path, Rename::New)?;
            }
        }
        let displaced = match old.stat(&swap.path)? {
            Some(facts) if facts.inode == swap.inode => old.open_dir(&swap.path)?,
            // It never was in place.
            _ => return Ok(()),
        };
        let goes = match self.manifest_at(&format!("{base}/next"))? {
            Some(next) => next,
            None => self.manifest.clone(),
        };
        let comes = self.manifest_at(&format!("{base}/manifest"))?.unwrap_or_default();
        let turn = Turn { folder: &swap.path, goes: &goes, comes: &comes };
        self.root.make_dirs(&swap.path, self.modes.dir)?;
        self.carry(&turn, &displaced, &self.root.open_dir(&swap.path)?, fresh)?;
        self.set_changed_aside(&turn, &displaced, undone)?;
        // Where nothing was before and nothing had to stay, the directory goes again.
        let _ = self.root.remove_dir(&swap.path);
        let within = |manifest: &Manifest| {
            manifest.files.keys().filter(|path| path.is_within(&swap.path)).count() as u64
        };
        undone.removed += within(&goes);
        undone.restored += within(&comes);
        Ok(())
    }

    fn is_swapped(&self, swap: &Swap) -> Outcome<bool> {
        let here = self.root.stat(&swap.path)?;
        Ok(here.is_some_and(|facts| facts.kind == Kind::Dir && facts.inode == swap.inode))
    }

    /// Makes what must stay of one folder be in the other, under the same inode where that is possible. Of two different files the newer one stays, or that
    /// of `from` if it was served until just now.
    fn carry(&self, turn: &Turn<'_>, from: &Root, to: &Root, fresh: bool) -> Outcome<()> {
        tree::visit(from, &RelPath::root(), limits::PUBLISHED_FILES, &mut |found| {
            self.steps.one();
            if turn.must_stay(from, &found)? {
                self.carry_one(from, to, &found, fresh)?;
            }
            Ok(())
        })
        .map(drop)
    }

    fn carry_one(&self, from: &Root, to: &Root, found: &Found, fresh: bool) -> Outcome<()> {
        let Found { path, facts } = found;
        let there = to.stat(path)?;
        if facts.kind == Kind::Dir {
            return if there.is_none() { to.make_dirs(path, facts.mode & 0o777).map(drop) } else { Ok(()) };
        }
        let stands = |there: &Facts| {
            let older = there.modified < facts.modified || fresh;
            there.inode == facts.inode || there.kind != Kind::File || !older
        };
        if there.as_ref().is_some_and(stands) {
            return Ok(());
        }
        to.make_dirs(&path.parent().unwrap_or_default(), self.modes.dir)?;
        if there.is_some() {
            return from.rename(path, to, path, Rename::Replace);
        }
        match from.link(path, to, path) {
            // Links, and files of others that may not be linked, can only move.
            Err(fault) if fault.is_refusal() => from.rename(path, to, path, Rename::New),
            result => result,
        }
    }

    /// What somebody changed in the folder that goes, while the one that comes has its own file there.
    fn set_changed_aside(&self, turn: &Turn<'_>, from: &Root, undone: &mut Undone) -> Outcome<()> {
        tree::visit(from, &RelPath::root(), limits::PUBLISHED_FILES, &mut |Found { path, facts }| {
            self.steps.one();
            let own = facts.kind == Kind::File && facts.uid == from.uid() && facts.links == 1;
            let in_docroot = turn.in_docroot(&path)?;
            if !own || is_runtime(&in_docroot) {
                return Ok(());
            }
            let changed = match turn.goes.files.get(&in_docroot) {
                Some(entry) => tree::compare(from, &path, entry) == Compared::Changed,
                None => true,
            };
            if changed {
                self.set_aside_as(from, &path, &in_docroot)?;
                undone.set_aside += 1;
            }
            Ok(())
        })
        .map(drop)
    }
}
