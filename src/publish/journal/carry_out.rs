//! Carrying out the plan of an archive's publication, all of whose files are staged.

use super::manifest::Manifest;
use super::record::{Change, Touch};
use super::report::Closed;
use super::site::{Site, name};
use super::swap::STAGING;
use super::tree;
use crate::publish::confine::{Fault, FaultKind, Outcome, Rename};
use crate::types::RelPath;

impl Site {
    /// Carries the plan out; every step of it may have happened already. `next` is what is published then.
    ///
    /// # Errors
    /// What a disk or other processes of the account can bring. The publication is taken back then.
    pub(crate) fn carry_out(&mut self, next: Manifest) -> Outcome<Closed> {
        let done = self.carry_out_steps(&next).and_then(|()| self.close(next));
        match done {
            Ok(closed) => {
                tree::discard(&self.state, &name(STAGING))?;
                Ok(closed)
            }
            Err(fault) => {
                // If even this fails, the next worker takes it back: that it is to be taken back is the first thing that is written.
                self.abort()?;
                let _ = tree::discard(&self.state, &name(STAGING));
                Err(fault)
            }
        }
    }

    fn carry_out_steps(&mut self, next: &Manifest) -> Outcome<()> {
        let nothing = || Fault::new(FaultKind::Nothing, &RelPath::root());
        let change = self.open.as_ref().ok_or_else(nothing)?.change.clone();
        for swap in &change.swaps {
            self.swap_in(swap, next)?;
        }
        for dir in &change.made {
            self.steps.one();
            self.root.make_dir(dir, self.modes.dir)?;
        }
        for (path, _) in in_order(&change) {
            self.steps.one();
            self.place_staged(path)?;
        }
        for (path, touch) in &change.touched {
            self.steps.one();
            if touch.now.is_none() {
                self.remove_to_old(path)?;
            }
        }
        // What somebody else put there keeps a directory.
        self.remove_dirs(change.unmade.iter());
        Ok(())
    }

    /// Puts one staged file in place.
    fn place_staged(&mut self, path: &RelPath) -> Outcome<()> {
        let staged = name(STAGING).join(path.as_str())?;
        if self.state.stat(&staged)?.is_none() {
            return Ok(());
        }
        if self.file_at(path)?.is_some() && !self.is_kept(path)? {
            self.keep(path)?;
        }
        self.state.rename(&staged, &self.root, path, Rename::Replace)
    }

    fn remove_to_old(&mut self, path: &RelPath) -> Outcome<()> {
        if self.is_kept(path)? || self.root.stat(path)?.is_none() {
            return Ok(());
        }
        match self.file_at(path) {
            Ok(_) => self.move_to_old(path),
            // It became something that nobody may take away since the plan was made.
            Err(fault) if fault.is_refusal() => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    fn is_kept(&self, path: &RelPath) -> Outcome<bool> {
        match &self.open {
            Some(open) => open.old.stat(path).map(|facts| facts.is_some()),
            None => Ok(false),
        }
    }
}

/// The files that come, the root's `index.php` and `.htaccess` last: they lead to the others.
fn in_order(change: &Change) -> Vec<(&RelPath, &Touch)> {
    let mut puts: Vec<_> = change.touched.iter().filter(|(_, touch)| touch.now.is_some()).collect();
    puts.sort_by_key(|(path, _)| match path.as_str() {
        "index.php" => 1,
        ".htaccess" => 2,
        _ => 0,
    });
    puts
}
