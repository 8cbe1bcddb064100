//! One site's document root together with what Panelgate remembers about it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::manifest::Manifest;
use super::record::{Change, Kind, Record};
use super::report::{Closed, Past, Recovery, Status};
use super::{lines, tree};
use crate::limits;
use crate::publish::confine::{self, Fault, FaultKind, Item, Modes, Outcome, Root, TempFile};
use crate::sys::clock;
use crate::types::{RelPath, SiteKey};

/// A name in the state directory.
pub(crate) fn name(text: &str) -> RelPath {
    // Only names that are written in this module's files come here; all of them pass.
    RelPath::from_wire(text.as_bytes()).unwrap_or_default()
}

/// A site, held by one worker.
///
/// Beside the document root it has a state directory: `~/.panelgate/KEY` (0700), or, where that lies on another mount, `.panelgate-KEY` beside the document
/// root or in it. There are `manifest` (what is published now), `open/` (the publication under way), `last/` (what the last one replaced), `first/` (what
/// lay in the way of the first ones), `changed/` (files that somebody changed after they were published, set aside), `history`, `staging/`, `tmp/`.
#[derive(Debug)]
pub struct Site {
    pub(crate) root: Root,
    pub(crate) state: Arc<Root>,
    pub(crate) modes: Modes,
    pub(crate) manifest: Manifest,
    pub(crate) open: Option<Open>,
    /// A publication that is complete, but whose records still lie in `open/`: the disk was full.
    pub(crate) untidy: Option<(Change, Closed)>,
    pub(crate) steps: Steps,
    recovered: Vec<Recovery>,
    _lock: File,
}

/// Counts what is done with a site's files, so that whoever waits for the end sees that it goes on.
#[derive(Clone, Debug, Default)]
pub struct Steps(Arc<AtomicU64>);

impl Steps {
    /// How many there were since the site was opened.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more. For what an archive, a journal or a manifest bounds, and for nothing that another process of the account can make endless.
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A publication under way.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) change: Change,
    pub(crate) old: Root,
    file: File,
    written: u64,
    synced: Instant,
}

/// Makes temporary files on the site's mount; of its own, so that bodies can be received without holding the site.
#[derive(Clone, Debug)]
pub struct Temps {
    state: Arc<Root>,
    mode: u32,
}

impl Temps {
    /// Makes one.
    ///
    /// # Errors
    /// If the disk is full or the state directory was tampered with.
    pub fn create(&self) -> Outcome<TempFile> {
        TempFile::new(&self.state, &name("tmp"), self.mode)
    }
}

impl Site {
    /// Opens a site as its account. What a worker that was killed left is recovered first: an archive's publication is finished or taken back, a window
    /// stays open and can be continued, closed or undone.
    ///
    /// # Errors
    /// As [`Root::open`]; [`FaultKind::Busy`] if another process has the site.
    pub fn open(home: &Path, docroot: &Path, uid: u32, key: &SiteKey, modes: Modes) -> Outcome<Self> {
        let root = Root::open(home, docroot, uid)?;
        let state = open_state(home, docroot, key, &root)?;
        let lock = match state.create(&name("lock"), 0o600) {
            Err(fault) if fault.kind() == FaultKind::Exists => state.open_append(&name("lock"))?,
            created => created?,
        };
        take(&lock)?;
        let manifest = Manifest::default();
        let mut site = Self {
            root,
            state: Arc::new(state),
            modes,
            manifest,
            untidy: None,
            open: None,
            steps: Steps::default(),
            recovered: Vec::new(),
            _lock: lock,
        };
        site.state.make_dir(&name("tmp"), 0o700)?;
        site.recovered = site.recover()?;
        Ok(site)
    }

    /// What was found half-done when the site was opened.
    pub fn recovered(&self) -> &[Recovery] {
        &self.recovered
    }

    /// What is done with the files from now on.
    pub fn steps(&self) -> Steps {
        self.steps.clone()
    }

    /// The document root.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The state directory, for a sandbox that names what stays reachable.
    pub fn state(&self) -> &Root {
        &self.state
    }

    /// Where temporary files come from.
    pub fn temps(&self) -> Temps {
        Temps { state: Arc::clone(&self.state), mode: self.modes.file }
    }

    /// The regular files and directories in a directory of the document root, sorted by name; none if the directory does not exist.
    ///
    /// # Errors
    /// [`FaultKind::Reserved`], [`FaultKind::NotDirectory`], [`FaultKind::Link`], [`FaultKind::TooMany`] and others.
    pub fn list(&self, path: &RelPath) -> Outcome<Vec<Item>> {
        check_reserved(path)?;
        let mut items = match self.root.list(path) {
            Err(fault) if fault.kind() == FaultKind::Missing => return Ok(Vec::new()),
            items => items?,
        };
        items.retain(|item| matches!(item.facts.kind, confine::Kind::File | confine::Kind::Dir));
        items.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(items)
    }

    /// Whether a window is open.
    pub fn window_open(&self) -> bool {
        self.open.is_some()
    }

    /// The publications of this site, the oldest first.
    ///
    /// # Errors
    /// What reading brings. A damaged history is an empty one.
    pub fn history(&self) -> Outcome<Vec<Past>> {
        let file = match self.state.open_file(&name("history")) {
            Ok(file) => file,
            Err(fault) if fault.kind() == FaultKind::Missing => return Ok(Vec::new()),
            Err(fault) => return Err(fault),
        };
        let lines = lines::read::<Past>(file, limits::JOURNAL_BYTES);
        Ok(lines.map_while(Result::ok).take(limits::PUBLICATIONS_KEPT).collect())
    }

    /// What is published, and what can be done about it.
    ///
    /// # Errors
    /// What reading brings.
    pub fn status(&self) -> Outcome<Status> {
        let last = self.history()?.pop();
        let window = self.open.as_ref().map(|open| open.change.touched.len() as u64);
        Ok(Status {
            published: !self.manifest.files.is_empty(),
            files: self.manifest.files.len() as u64,
            bytes: self.manifest.bytes(),
            last,
            window,
            can_undo: window.is_some() || self.state.stat(&name("last/journal"))?.is_some(),
        })
    }

    /// Adds to the history; the oldest go when there are more than [`limits::PUBLICATIONS_KEPT`].
    pub(crate) fn remember(&mut self, past: Past) -> Outcome<()> {
        let mut all = self.history()?;
        all.retain(|known| known.number != past.number || known.kind != past.kind);
        all.push(past);
        let surplus = all.len().saturating_sub(limits::PUBLICATIONS_KEPT);
        let mut temp = self.private_temp()?;
        for past in &all[surplus..] {
            let line = serde_json::to_string(past).map_err(|error| Fault::io(error, &RelPath::root()))?;
            writeln!(temp, "{line}").map_err(|error| Fault::io(error, &RelPath::root()))?;
        }
        temp.sync()?;
        self.place_state(temp, "history")
    }

    /// Begins a publication.
    pub(crate) fn begin(&mut self, kind: Kind) -> Outcome<()> {
        self.tidy()?;
        self.settle_unpublishing()?;
        self.settle_undoing()?;
        self.settle_aborted()?;
        tree::discard(&self.state, &name("open"))?;
        let number = 1 + self.history()?.iter().map(|past| past.number).max().unwrap_or(0);
        self.state.make_dirs(&name("open/old"), 0o700)?;
        match self.state.link(&name("manifest"), &self.state, &name("open/manifest")) {
            Err(fault) if fault.kind() != FaultKind::Missing => return Err(fault),
            _ => {}
        }
        let old = self.state.open_dir(&name("open/old"))?;
        // Taking it back must not need room on the disk: what marks it lies ready.
        self.state.create(&name("open/undo"), 0o600)?;
        let file = self.state.create(&name("open/journal"), 0o600)?;
        let change = Change::new(number, kind, clock::unix_seconds());
        let record = Record::Open { number, kind, time: change.opened };
        let mut open = Open { change, old, file, written: 0, synced: Instant::now() };
        open.log(&record)?;
        open.sync()?;
        self.state.sync_dir(&name("open"))?;
        self.open = Some(open);
        Ok(())
    }

    /// The publication under way; a window is begun if there is none.
    pub(crate) fn window(&mut self) -> Outcome<&mut Open> {
        if self.open.is_none() {
            self.begin(Kind::Http)?;
        }
        self.open.as_mut().ok_or_else(|| Fault::new(FaultKind::Nothing, &RelPath::root()))
    }

    /// Writes a record into the journal of the publication under way.
    pub(crate) fn log(&mut self, record: &Record) -> Outcome<()> {
        let published = self.manifest.len();
        let open = self.window()?;
        let grows = matches!(record, Record::Put { .. } | Record::MakeDir { .. });
        if grows && published + open.change.touched.len() + open.change.made.len() >= limits::MANIFEST_ENTRIES
        {
            return Err(Fault::new(FaultKind::TooMany, &RelPath::root()));
        }
        open.log(record)
    }

    /// A temporary file that only the account reads.
    pub(crate) fn private_temp(&self) -> Outcome<TempFile> {
        TempFile::new(&self.state, &name("tmp"), 0o600)
    }

    /// Puts a temporary file in place in the state directory.
    pub(crate) fn place_state(&self, temp: TempFile, to: &str) -> Outcome<()> {
        temp.rename(&self.state, &name(to), confine::Rename::Replace)
    }

    /// The manifest in a file of the state.
    pub(crate) fn manifest_at(&self, path: &str) -> Outcome<Option<Manifest>> {
        Manifest::read(&self.state, &name(path))
    }
}

impl Open {
    /// Goes on with a journal that a killed worker left.
    pub(crate) fn resume(change: Change, old: Root, file: File) -> Outcome<Self> {
        let written = file.metadata().map_err(|error| Fault::io(error, &RelPath::root()))?.len();
        Ok(Self { change, old, file, written, synced: Instant::now() })
    }

    /// Writes a record. It must be written before what it tells is done, but reaches the disk within [`limits::JOURNAL_SYNC`] only.
    ///
    /// What a power cut takes of it are names of files that were new: what was replaced lies in `old/` under its own path, and file systems keep the
    /// order of names.
    pub(crate) fn log(&mut self, record: &Record) -> Outcome<()> {
        let here = RelPath::root();
        let mut line = serde_json::to_vec(record).map_err(|error| Fault::io(error, &here))?;
        line.push(b'\n');
        let touched = self.change.touched.len() + self.change.made.len();
        if self.written + line.len() as u64 > limits::JOURNAL_BYTES || touched > limits::PUBLISHED_FILES {
            return Err(Fault::new(FaultKind::TooMany, &here));
        }
        if let Err(error) = self.file.write_all_at(&line, self.written) {
            // Half a line would join the next one.
            let _ = self.file.set_len(self.written);
            return Err(Fault::io(error, &here));
        }
        self.written += line.len() as u64;
        self.change.add(record);
        if self.synced.elapsed() > limits::JOURNAL_SYNC {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until the journal is on the disk.
    pub(crate) fn sync(&mut self) -> Outcome<()> {
        self.file.sync_data().map_err(|error| Fault::io(error, &RelPath::root()))?;
        self.synced = Instant::now();
        Ok(())
    }
}

/// Refuses what Panelgate keeps for itself.
pub(crate) fn check_reserved(path: &RelPath) -> Outcome<()> {
    if path.is_reserved() { Err(Fault::new(FaultKind::Reserved, path)) } else { Ok(()) }
}

/// Locks a site. A worker that was just killed may still be on its way out, so that it is waited for.
fn take(lock: &File) -> Outcome<()> {
    let until = Instant::now() + limits::SITE_LOCK_TIME;
    loop {
        match rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::AGAIN) if Instant::now() < until => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(rustix::io::Errno::AGAIN) => return Err(Fault::new(FaultKind::Busy, &RelPath::root())),
            Err(error) => return Err(Fault::io(error, &RelPath::root())),
        }
    }
}

/// Opens or makes the state directory of a site, on the document root's mount.
fn open_state(home: &Path, docroot: &Path, key: &SiteKey, root: &Root) -> Outcome<Root> {
    let below = confine::below_home(home, docroot)?;
    let beside = below.parent().unwrap_or_default();
    let places = [
        (RelPath::root(), format!(".panelgate/{key}")),
        (beside, format!(".panelgate-{key}")),
        (below, format!(".panelgate-{key}")),
    ];
    let mut usable = Vec::new();
    for (base, path) in places {
        // A home or a parent that is root's cannot be written, one on another mount is of no use.
        let Ok(base) = Root::open_below(home, &base, root.uid()) else { continue };
        if base.shares_mount(root) {
            let path = RelPath::from_wire(path.as_bytes())?;
            // Where it once was it stays.
            if base.stat(&path)?.is_some() {
                return enter_state(&base, &path, root);
            }
            usable.push((base, path));
        }
    }
    match usable.first() {
        Some((base, path)) => enter_state(base, path, root),
        None => Err(Fault::new(FaultKind::Unsupported, &RelPath::root())),
    }
}

fn enter_state(base: &Root, path: &RelPath, root: &Root) -> Outcome<Root> {
    base.make_dirs(path, 0o700)?;
    let state = base.open_dir(path)?;
    if !state.shares_mount(root) {
        return Err(Fault::new(FaultKind::Mount, path));
    }
    state.set_mode(0o700)?;
    // Where the web server runs as the account and the directory lies in the document root, nothing else would keep it from being served.
    if state.stat(&name(".htaccess"))?.is_none() {
        let mut file = state.create(&name(".htaccess"), 0o600)?;
        file.write_all(b"Require all denied\n").map_err(|error| Fault::io(error, path))?;
    }
    Ok(state)
}
