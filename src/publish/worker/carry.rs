//! A worker's errand with projects in its home ([`crate::publish::carry`]).

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::publish::carry::{Carrier, Errand, Found, Label, Shelf, What};
use crate::publish::confine::{Facts, Fault, FaultKind, Kind, Outcome, Rename, Root, TempFile};
use crate::sys::descriptors::Received;
use crate::sys::sandbox;
use crate::sys::users::User;
use crate::types::{Domain, RelPath, hex};

use super::process::{drop_for_good, exactly, walls};

/// What the names of projects end with.
const PROJECT: &str = "sitebuilder";
/// What those of their labels end with.
const LABEL: &str = "json";
/// What those of files end with that are being written.
const TEMPORARY: &str = "tmp";
/// Where the web server runs as the account and the home is a document root, nothing else would keep projects from being served.
const DENIAL: &str = ".htaccess";

/// Becomes the account, opens its directory, puts up the walls, and does it.
pub(super) fn run(errand: &Errand, received: Received) -> Result<Value> {
    let Carrier { account, uid, gid, home, staging } = &errand.carrier;
    drop_for_good(User { name: account.clone(), uid: *uid, gid: *gid, home: home.clone() })?;
    let makes = matches!(errand.what, What::Put { .. });
    let base = match open(home, staging.as_deref(), *uid, makes) {
        Ok(base) => base,
        // Nothing was ever put there.
        Err(fault) if fault.kind() == FaultKind::Missing && !makes && staging.is_none() => {
            return Ok(match errand.what {
                What::Clear { .. } => json!({ "removed": 0 }),
                _ => json!({ "found": [], "more": false }),
            });
        }
        Err(fault) => return Err(error_of(&fault)),
    };
    sandbox::confine_below(&[base.as_fd()])
        .map_err(|error| walls("it cannot be confined to its directory", error))?;
    sandbox::forbid_all_but_files().map_err(|error| walls("its system calls cannot be limited", error))?;
    let shelves = Shelves { base: Arc::new(base) };
    let done = match &errand.what {
        What::Put { site, label } => {
            let [file] = exactly(received)?;
            shelves.put(site, label, file).map(|()| json!({ "put": true }))
        }
        What::List { site, after } => shelves
            .list(site.as_ref(), after.as_ref())
            .map(|(found, more)| json!({ "found": found, "more": more })),
        What::Take { site, shelf } => {
            let [pipe] = exactly(received)?;
            shelves.take(site, *shelf, pipe).map(|size| json!({ "size": size }))
        }
        What::Clear { run } => shelves.clear(run).map(|removed| json!({ "removed": removed })),
    };
    done.map_err(|fault| error_of(&fault))
}

/// Opens `~/.panelgate`, or the directory of ours in the panel's staging directory.
fn open(home: &Path, staging: Option<&Path>, uid: u32, makes: bool) -> Outcome<Root> {
    let (above, own) = match staging {
        None => (Root::open_below(home, &RelPath::root(), uid)?, name(".panelgate")),
        Some(staging) => {
            let below =
                staging.strip_prefix("/").map_err(|_| Fault::new(FaultKind::Outside, &RelPath::root()))?;
            let below = RelPath::from_wire(below.as_os_str().as_encoded_bytes())?;
            (Root::open_below(Path::new("/"), &below, uid)?, name("panelgate"))
        }
    };
    if makes {
        above.make_dir(&own, 0o700)?;
    }
    above.open_dir(&own).map_err(|fault| fault.at(&own))
}

/// The directories of an account.
struct Shelves {
    base: Arc<Root>,
}

impl Shelves {
    /// Puts a project on the shelf for the next backup. It has its name when it, and its label, are whole and on the disk.
    fn put(&self, site: &Domain, label: &Label, from: OwnedFd) -> Outcome<()> {
        self.base.set_mode(0o700)?;
        let _lock = self.lock()?;
        self.make(Shelf::Backup)?;
        self.sweep(&label.run)?;
        self.move_aside(site, &label.run)?;
        let (project, beside) = (path(Shelf::Backup, site, PROJECT), path(Shelf::Backup, site, LABEL));
        let room = self.base.space()?;
        if room.bytes < label.size.saturating_add(limits::CARRY_RESERVE_BYTES) || room.inodes < 4 {
            return Err(Fault::new(FaultKind::Space, &project));
        }
        let temp = self.copy(label, &project, from)?;
        // A label is never that of another project, whatever ends this process now.
        self.base.remove_any(&project)?;
        let mut text = TempFile::new(&self.base, &name(Shelf::Backup.name()), 0o600)?;
        serde_json::to_writer(&mut text, label).map_err(|error| Fault::io(error, &beside))?;
        text.sync()?;
        text.rename(&self.base, &beside, Rename::Replace)?;
        temp.rename(&self.base, &project, Rename::New)?;
        self.base.sync_dir(&name(Shelf::Backup.name()))
    }

    /// Copies a project into a file without its name yet.
    fn copy(&self, label: &Label, project: &RelPath, from: OwnedFd) -> Outcome<TempFile> {
        let mut temp = TempFile::new(&self.base, &name(Shelf::Backup.name()), 0o600)?;
        temp.reserve(label.size)?;
        let mut from = File::from(from).take(label.size.saturating_add(1));
        let copied = pump(&mut from, &mut temp).map_err(|error| Fault::io(error, project))?;
        if copied != label.size || hex(&temp.sha256()) != label.sha256 {
            return Err(Fault::new(FaultKind::Changed, project));
        }
        temp.sync()?;
        Ok(temp)
    }

    /// What lies there, and whether there is more than fits into an answer.
    fn list(&self, only: Option<&Domain>, after: Option<&(Shelf, Domain)>) -> Outcome<(Vec<Found>, bool)> {
        let mut places = Vec::new();
        for shelf in [Shelf::Backup, Shelf::Restored] {
            let items = match self.base.list(&name(shelf.name())) {
                Err(fault) if fault.kind() == FaultKind::Missing => continue,
                items => items?,
            };
            let sites = items.iter().filter_map(|item| Some((site_of(&item.name, PROJECT)?, item.facts)));
            places.extend(sites.map(|(site, facts)| ((shelf, site), facts)));
        }
        places.retain(|(place, _)| {
            only.is_none_or(|only| place.1 == *only) && after.is_none_or(|after| place > after)
        });
        places.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut found, mut bytes) = (Vec::new(), 0);
        for ((shelf, site), facts) in places {
            let refused = self.refuses(&facts).map(str::to_owned);
            let label = if refused.is_none() { self.label(shelf, &site)? } else { None };
            let next = Found { site, shelf, size: facts.size, label, refused };
            bytes += serde_json::to_vec(&next).map_or(0, |text| text.len() + 1);
            // Half of a message: there is something around it.
            if bytes > limits::WORKER_MESSAGE_BYTES / 2 && !found.is_empty() {
                return Ok((found, true));
            }
            found.push(next);
        }
        Ok((found, false))
    }

    /// Writes a project into a pipe; gives its length.
    fn take(&self, site: &Domain, shelf: Shelf, pipe: OwnedFd) -> Outcome<u64> {
        let project = path(shelf, site, PROJECT);
        let facts = self.base.stat(&project)?.ok_or_else(|| Fault::new(FaultKind::Missing, &project))?;
        if self.refuses(&facts).is_some() {
            return Err(Fault::new(FaultKind::NotRegular, &project));
        }
        let mut file = self.base.open_file(&project)?;
        // Whoever reads counts too; this process is the account's.
        pump(&mut file, &mut File::from(pipe)).map_err(|error| Fault::io(error, &project))
    }

    /// Takes away what a run has put there, and directories that are empty then; gives how many projects.
    fn clear(&self, run: &str) -> Outcome<usize> {
        let _lock = self.lock()?;
        self.sweep(run)?;
        let mut removed = 0;
        for site in self.sites_of(run)? {
            removed += usize::from(self.base.remove_any(&path(Shelf::Backup, &site, PROJECT))?);
            self.base.remove_any(&path(Shelf::Backup, &site, LABEL))?;
        }
        for shelf in [Shelf::Backup, Shelf::Restored] {
            let directory = name(shelf.name());
            if self.base.list(&directory).is_ok_and(|items| items.iter().all(|item| item.name == DENIAL)) {
                self.base.remove_any(&join(&directory, DENIAL))?;
                self.base.remove_dir(&directory)?;
            }
        }
        Ok(removed)
    }

    /// The sites of which a run has put projects, or only labels, on the shelf.
    fn sites_of(&self, run: &str) -> Outcome<Vec<Domain>> {
        let mut sites = Vec::new();
        for item in self.items()? {
            if let Some(site) = site_of(&item, LABEL)
                && self.label(Shelf::Backup, &site)?.is_some_and(|label| label.run == run)
            {
                sites.push(site);
            }
        }
        Ok(sites)
    }

    /// Removes what workers that were killed have left: files without a name, and labels of this run without their projects.
    fn sweep(&self, run: &str) -> Outcome<()> {
        for item in self.items()? {
            let random = item.strip_suffix(TEMPORARY).and_then(|stem| stem.strip_suffix('.'));
            if random
                .is_some_and(|name| name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
            {
                self.base.remove_any(&join(&name(Shelf::Backup.name()), &item))?;
            }
        }
        for site in self.sites_of(run)? {
            if self.base.stat(&path(Shelf::Backup, &site, PROJECT))?.is_none() {
                self.base.remove_any(&path(Shelf::Backup, &site, LABEL))?;
            }
        }
        Ok(())
    }

    /// Moves a project that came back with a restore out of the way; only the last one of a site stays.
    fn move_aside(&self, site: &Domain, run: &str) -> Outcome<()> {
        let project = path(Shelf::Backup, site, PROJECT);
        if self.base.stat(&project)?.is_none()
            || self.label(Shelf::Backup, site)?.is_some_and(|label| label.run == run)
        {
            return Ok(());
        }
        self.make(Shelf::Restored)?;
        for ending in [PROJECT, LABEL] {
            self.base.remove_any(&path(Shelf::Restored, site, ending))?;
        }
        for ending in [LABEL, PROJECT] {
            let (from, to) = (path(Shelf::Backup, site, ending), path(Shelf::Restored, site, ending));
            if self.base.stat(&from)?.is_some() {
                self.base.rename(&from, &self.base, &to, Rename::New)?;
            }
        }
        Ok(())
    }

    /// The label of a project; none if it cannot be read as one.
    fn label(&self, shelf: Shelf, site: &Domain) -> Outcome<Option<Label>> {
        let path = path(shelf, site, LABEL);
        if self.base.stat(&path)?.is_none_or(|facts| self.refuses(&facts).is_some()) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let file = self.base.open_file(&path)?;
        let read = file.take(limits::CARRY_LABEL_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| Fault::io(error, &path))?;
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Why a file counts for nothing. A second name would be a link to something else.
    fn refuses(&self, facts: &Facts) -> Option<&'static str> {
        match facts.kind {
            Kind::Link => Some("it is a symbolic link"),
            Kind::Dir => Some("it is a folder"),
            Kind::Other => Some("it is not an ordinary file"),
            Kind::File if facts.uid != self.base.uid() => Some("it belongs to another user"),
            Kind::File if facts.links != 1 => Some("it has a second name, as hard links have"),
            Kind::File if facts.size == 0 => Some("it is empty"),
            Kind::File => None,
        }
    }

    fn make(&self, shelf: Shelf) -> Outcome<()> {
        let directory = name(shelf.name());
        self.base.make_dir(&directory, 0o700)?;
        match self.base.create(&join(&directory, DENIAL), 0o600) {
            Ok(mut file) => {
                file.write_all(b"Require all denied\n").map_err(|error| Fault::io(error, &directory))
            }
            Err(fault) if fault.kind() == FaultKind::Exists => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The names on the shelf for the next backup.
    fn items(&self) -> Outcome<Vec<String>> {
        match self.base.list(&name(Shelf::Backup.name())) {
            Err(fault) if fault.kind() == FaultKind::Missing => Ok(Vec::new()),
            items => Ok(items?.into_iter().map(|item| item.name).collect()),
        }
    }

    /// One worker at a time; one that was just killed may still be on its way out.
    fn lock(&self) -> Outcome<OwnedFd> {
        let end = Instant::now() + limits::SITE_LOCK_TIME;
        loop {
            match self.base.lock() {
                Err(fault) if fault.kind() == FaultKind::Changed && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(fault) if fault.kind() == FaultKind::Changed => {
                    return Err(Fault::new(FaultKind::Busy, &RelPath::root()));
                }
                locked => return locked,
            }
        }
    }
}

/// Copies to the end; gives how many bytes.
fn pump(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<u64> {
    let (mut buffer, mut copied) = (vec![0; limits::COPY_BYTES], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                copied += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn name(text: &str) -> RelPath {
    // Only names that are written in this file come here; all of them pass.
    RelPath::from_wire(text.as_bytes()).unwrap_or_default()
}

fn join(directory: &RelPath, item: &str) -> RelPath {
    // Names that a directory has given, or of this file: they pass.
    directory.join(item).unwrap_or_default()
}

fn path(shelf: Shelf, site: &Domain, ending: &str) -> RelPath {
    name(&format!("{}/{site}.{ending}", shelf.name()))
}

/// The site that a file's name says, if it is written as we write it.
fn site_of(item: &str, ending: &str) -> Option<Domain> {
    let stem = item.strip_suffix(ending)?.strip_suffix('.')?;
    Domain::new(stem).ok().filter(|site| site.as_str() == stem)
}

/// A fault as an error. What it says about the directory itself, it says about the home.
fn error_of(fault: &Fault) -> Error {
    let kind = match fault.kind() {
        FaultKind::Busy => ErrorKind::TooMany,
        _ if fault.is_space() => ErrorKind::NoSpace,
        _ if fault.is_refusal() => ErrorKind::BackupFailed,
        _ => ErrorKind::Internal,
    };
    let text = fault.detail();
    Error::new(kind, text.replacen("The document root: ", "the directory for projects: ", 1))
}
