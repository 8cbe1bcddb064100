//! What has to happen so that staged files are what is published.

use std::collections::BTreeMap;

use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Kind as FileKind, Outcome, Rename};
use crate::publish::journal::Kind;
use crate::publish::journal::Site;
use crate::publish::journal::manifest::Manifest;
use crate::publish::journal::record::{Before, Record};
use crate::publish::journal::runtime::is_runtime;
use crate::publish::journal::site::name;
use crate::publish::journal::swap::{STAGING, Turn};
use crate::publish::journal::tree::{self, Compared, Found};
use crate::types::RelPath;

/// What a plan comes to.
pub(super) struct Plan {
    /// Whether the builder's folder comes in one step.
    pub(super) swapped: bool,
    /// How many files of the publication before go.
    pub(super) removed: u64,
}

/// Writes the plan into a new journal and waits until all of it, and all that is staged, is on the disk.
pub(super) fn plan(site: &mut Site, next: &mut Manifest, may_swap: bool) -> Outcome<Plan> {
    site.begin(Kind::Archive)?;
    let folder = match builder_folder(next) {
        Some(folder) if may_swap && site.can_exchange()? => plan_swap(site, next, &folder)?.then_some(folder),
        _ => None,
    };
    let elsewhere = |path: &RelPath| !folder.as_ref().is_some_and(|folder| path.is_within(folder));
    plan_dirs(site, next, &elsewhere)?;
    plan_puts(site, next, &elsewhere)?;
    let removed = plan_removals(site, next, &elsewhere)?;
    site.make_plan_durable(next)?;
    Ok(Plan { swapped: folder.is_some() || builder_folder(next).is_none(), removed })
}

/// The folder that holds all but a few files: of the directories in the root with an `index.php`, the one with most files.
fn builder_folder(next: &Manifest) -> Option<RelPath> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for path in next.files.keys().filter(|path| path.depth() > 1) {
        *sizes.entry(path.segments().next()?).or_default() += 1;
    }
    let folders = sizes.into_iter().filter_map(|(folder, size)| {
        let folder = RelPath::from_wire(folder.as_bytes()).ok()?;
        let starts = next.files.contains_key(&folder.join("index.php").ok()?);
        Some((starts, size, folder))
    });
    folders.max_by_key(|(starts, size, _)| (*starts, *size)).map(|(_, _, folder)| folder)
}

/// Completes the staged folder with what must stay of the one that is served, and plans the change of places. `false`: it must come file by file.
fn plan_swap(site: &mut Site, next: &mut Manifest, folder: &RelPath) -> Outcome<bool> {
    let staged = name(STAGING).join(folder.as_str())?;
    let before = match site.root.stat(folder)? {
        None => Before::Nothing,
        Some(facts) if facts.kind == FileKind::Link => return Err(Fault::new(FaultKind::Link, folder)),
        Some(facts) if facts.kind != FileKind::Dir => {
            return Err(Fault::new(FaultKind::NotDirectory, folder));
        }
        Some(_) if site.manifest.files.keys().any(|path| path.is_within(folder)) => Before::Ours,
        Some(_) => Before::Foreign,
    };
    if before != Before::Nothing {
        match complete(site, next, folder, &staged) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            // A mount, a directory that cannot be entered: what is there cannot be moved as a whole.
            Err(fault) if fault.is_refusal() => return Ok(false),
            Err(fault) => return Err(fault),
        }
    }
    let Some(facts) = site.state.stat(&staged)? else { return Err(Fault::new(FaultKind::Changed, folder)) };
    site.log(&Record::Swap { path: folder.clone(), inode: facts.inode, before })?;
    Ok(true)
}

/// Gives what must stay of the served folder a second name in the staged one. `false`: something in it can neither get one nor be moved afterwards.
fn complete(site: &Site, next: &mut Manifest, folder: &RelPath, staged: &RelPath) -> Outcome<bool> {
    let (from, to) = (site.root.open_dir(folder)?, site.state.open_dir(staged)?);
    let (mut stays, mut immovable) = (Vec::new(), false);
    let turn = Turn { folder, goes: &site.manifest, comes: next };
    let untold = tree::visit(&from, &RelPath::root(), limits::PUBLISHED_FILES, &mut |found| {
        site.steps.one();
        immovable |= found.facts.kind == FileKind::Dir && found.facts.uid != site.root.uid();
        if turn.must_stay(&from, &found)? {
            stays.push(found);
        }
        Ok(())
    })?;
    if untold > 0 || immovable {
        return Ok(false);
    }
    for Found { path, facts } in stays {
        match facts.kind {
            FileKind::Dir => drop(to.make_dirs(&path, facts.mode & 0o777)?),
            FileKind::File if facts.uid == site.root.uid() => {
                // The running site's own data count, not those that an archive brings.
                next.files.remove(&folder.join(path.as_str())?);
                to.remove_file(&path)?;
                to.make_dirs(&path.parent().unwrap_or_default(), site.modes.dir)?;
                from.link(&path, &to, &path)?;
            }
            // Links and files of others move once the folders have changed places.
            _ => {
                next.files.remove(&folder.join(path.as_str())?);
                to.remove_file(&path)?;
            }
        }
    }
    Ok(true)
}

fn plan_dirs(site: &mut Site, next: &mut Manifest, elsewhere: &dyn Fn(&RelPath) -> bool) -> Outcome<()> {
    let dirs: Vec<RelPath> = next.dirs.iter().filter(|dir| elsewhere(dir)).cloned().collect();
    for dir in dirs {
        match site.root.stat(&dir)? {
            None => site.log(&Record::MakeDir { path: dir })?,
            Some(facts) if facts.kind == FileKind::Link => return Err(Fault::new(FaultKind::Link, &dir)),
            Some(facts) if facts.kind != FileKind::Dir => {
                return Err(Fault::new(FaultKind::NotDirectory, &dir));
            }
            // What was there before is not removed with the publication.
            Some(_) if !site.manifest.dirs.contains(&dir) => drop(next.dirs.remove(&dir)),
            Some(_) => {}
        }
    }
    Ok(())
}

fn plan_puts(site: &mut Site, next: &mut Manifest, elsewhere: &dyn Fn(&RelPath) -> bool) -> Outcome<()> {
    let files: Vec<RelPath> = next.files.keys().filter(|path| elsewhere(path)).cloned().collect();
    for path in files {
        site.steps.one();
        let exists = site.file_at(&path)?.is_some();
        // The running site's own data count, not those that an archive brings.
        if exists && is_runtime(&path) && !site.is_as_published(&path) {
            next.files.remove(&path);
            continue;
        }
        let Some(entry) = next.files.get(&path).cloned() else { continue };
        let before = site.before(&path, exists);
        site.log(&Record::Put { path, before, entry })?;
    }
    Ok(())
}

/// Plans the removal of files that the publication before had and this one has not, and of what a web server would prefer to it.
fn plan_removals(site: &mut Site, next: &Manifest, elsewhere: &dyn Fn(&RelPath) -> bool) -> Outcome<u64> {
    // Records are written while it is looked through.
    let published = std::mem::take(&mut site.manifest);
    let planned = plan_stale(site, next, &published, elsewhere);
    site.manifest = published;
    let removed = planned?;
    let index = RelPath::root().join("index.php")?;
    if next.files.contains_key(&index) && !site.manifest.files.contains_key(&index) {
        for path in site.in_the_way()? {
            site.log(&Record::Delete { path, before: Before::Foreign })?;
        }
    }
    Ok(removed)
}

fn plan_stale(
    site: &mut Site,
    next: &Manifest,
    published: &Manifest,
    elsewhere: &dyn Fn(&RelPath) -> bool,
) -> Outcome<u64> {
    let mut removed = 0;
    for (path, entry) in published.files.iter().filter(|(path, _)| !next.files.contains_key(path)) {
        site.steps.one();
        if tree::compare(&site.root, path, entry) != Compared::Same {
            continue;
        }
        removed += 1;
        if elsewhere(path) {
            site.log(&Record::Delete { path: path.clone(), before: Before::Ours })?;
        }
    }
    for dir in published.dirs.iter().filter(|dir| elsewhere(dir) && !next.dirs.contains(dir)) {
        site.log(&Record::RemoveDir { path: dir.clone() })?;
    }
    Ok(removed)
}

impl Site {
    /// Whether the file at a path is what the last publication put there.
    fn is_as_published(&self, path: &RelPath) -> bool {
        let entry = self.manifest.files.get(path);
        entry.is_some_and(|entry| tree::compare(&self.root, path, entry) == Compared::Same)
    }

    /// Whether two directories can change places here.
    fn can_exchange(&self) -> Outcome<bool> {
        let (one, two) = (name("tmp/one"), name("tmp/two"));
        self.state.make_dir(&one, 0o700)?;
        self.state.make_dir(&two, 0o700)?;
        let exchanged = self.state.rename(&one, &self.state, &two, Rename::Exchange);
        for probe in [&one, &two] {
            let _ = self.state.remove_dir(probe);
        }
        match exchanged {
            Ok(()) => Ok(true),
            Err(fault) if fault.is_refusal() => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Waits until plan and staged files are on the disk; from here on the plan is carried out whatever happens.
    fn make_plan_durable(&mut self, next: &Manifest) -> Outcome<()> {
        self.write_manifest("open/next", next)?;
        self.log(&Record::Ready)?;
        self.window()?.sync()?;
        self.root.sync()
    }

    /// Forgets a plan that was not carried out, and what was staged.
    pub(super) fn drop_plan(&mut self) {
        self.open = None;
        // What cannot be removed now is when the site is opened the next time.
        let _ = tree::discard(&self.state, &name("open"));
        let _ = tree::discard(&self.state, &name(STAGING));
    }
}
