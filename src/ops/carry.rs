//! Projects that travel with the panel's own backups.
//!
//! Before the panel backs up an account, [`attach`] puts the newest backup of each of its projects where the panel takes it along: below the account's home,
//! or in the panel's staging directory where that is the account's. [`detach`] takes it away again. What a restore brings back is listed by [`carried`], and
//! becomes a backup of this server by a job, on root's word: what lies in a home is the account's word, so it is bound only to a site that the account has
//! now, and nothing is restored by it.
//!
//! Nothing here may hold up a backup of the panel for longer than its caller allows: a builder that is slow or down means the last good backup, or none.

mod back;

use std::collections::HashMap;
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::backup::directory::{Directory, Kept};
use crate::backup::project::ProjectProvider;
use crate::backup::{BackupProvider, Control, Order, Progress, Stop};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, SiteKind};
use crate::publish::carry::{self, Carrier, Label, What};
use crate::store::{CarryRow, JobState, JobsLock, SiteRow};
use crate::sys::clock;
use crate::types::{Domain, Username, hex};

use super::Context;
use super::backup::{project_request, queue_project_of};
use super::policy::{self, Operation, Principal};

pub(crate) use back::take;
pub use back::{Carried, carried};

/// A backup of the panel is about to begin, or has ended.
#[derive(Clone, Debug)]
pub struct CarryRequest {
    /// Of which account.
    pub account: Username,
    /// Where the panel gathers what it is going to pack. It is used where it is the account's; else the home is.
    pub staging: Option<PathBuf>,
    /// How long new backups of projects may be waited for. Zero: what there is is taken.
    pub wait: Duration,
}

/// What [`attach`] has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// The account.
    pub account: Username,
    /// Whether `[backup] carry` is on.
    pub carry: bool,
    /// `home` or `staging`; none if nothing was put anywhere.
    pub place: Option<&'static str>,
    /// The sites that have a project at the builder.
    pub sites: Vec<AttachedSite>,
}

/// What became of the project of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttachedSite {
    /// The site.
    pub site: Domain,
    /// `attached`; `old`: attached, but older than `[backup] carry_age`; `none`: there is no backup of it; `refused`: it could not be put there.
    pub state: &'static str,
    /// When its backup was made, in Unix seconds.
    pub made: Option<u64>,
    /// Bytes.
    pub size: Option<u64>,
    /// Why it is not as it should be.
    pub note: Option<String>,
}

/// What [`detach`] has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Detached {
    /// The account.
    pub account: Username,
    /// How many projects were taken away.
    pub removed: u64,
    /// How many other backups of the panel still need them.
    pub uses: u64,
}

/// How projects come that are not there, or too old.
enum Making<'a> {
    /// By jobs of the program that runs jobs, which go on when nobody waits any more.
    Jobs,
    /// By this job.
    Here { job: u64, control: &'a dyn Control },
}

/// Puts the projects of an account where the panel's backup takes them along; for root.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; [`ErrorKind::AccountNotFound`] and others if the account cannot be read; [`ErrorKind::Store`]. What goes wrong with one project
/// is no error: it stands with its site.
pub fn attach(context: &Context, principal: &Principal, request: &CarryRequest) -> Result<Attached> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    attach_by(context, request, &Making::Jobs)
}

/// As [`attach`], for a job that is going to let the panel back up the account.
pub(crate) fn attach_in_job(
    context: &Context,
    account: &Username,
    job: u64,
    control: &dyn Control,
) -> Result<Attached> {
    let request = CarryRequest { account: account.clone(), staging: None, wait: limits::CARRY_WAIT };
    attach_by(context, &request, &Making::Here { job, control })
}

fn attach_by(context: &Context, request: &CarryRequest, making: &Making<'_>) -> Result<Attached> {
    let mut attached = Attached {
        account: request.account.clone(),
        carry: context.config.backup.carry,
        place: None,
        sites: Vec::new(),
    };
    if !attached.carry {
        return Ok(attached);
    }
    let end = Instant::now() + request.wait;
    let account = context.panel.account(&request.account)?;
    let rows = rows(context, &account)?;
    if rows.is_empty() {
        return Ok(attached);
    }
    let mut put = Put::new(context, &account, request.staging.as_deref())?;
    let notes = match making {
        Making::Jobs => order(context, &account, &rows, end)?,
        Making::Here { job, control } => {
            fetch(context, &account, &rows, *job, &Within { control: *control, end })?
        }
    };
    put.end = Instant::now() + limits::CARRY_COPY_TIME;
    for row in &rows {
        let seen = put.site(row, notes.get(&row.domain).cloned());
        log::info!(
            "account {}: the project of {} for the panel's backup: {}{}",
            account.name(),
            seen.site,
            seen.state,
            seen.note.as_deref().map(|note| format!(" ({note})")).unwrap_or_default()
        );
        attached.sites.push(seen);
    }
    attached.place = put.place();
    settle(context, &put.row)?;
    Ok(attached)
}

/// Takes away what was put there if the backup of the panel has ended meanwhile: whoever has detached has not seen all of it.
fn settle(context: &Context, row: &CarryRow) -> Result<()> {
    let now = context.store()?.carry(&row.account)?.filter(|now| now.run == row.run);
    if now.as_ref().is_some_and(|now| now.uses > 0) {
        return Ok(());
    }
    log::info!("account {}: the panel's backup ended before the projects were there", row.account);
    clear(context, now.as_ref().unwrap_or(row)).map(drop)
}

/// Takes the projects of an account away again; for root. They stay while another backup of the panel needs them.
///
/// # Errors
/// [`ErrorKind::Forbidden`], [`ErrorKind::Store`]; what the worker says: then they are taken away later.
pub fn detach(context: &Context, principal: &Principal, request: &CarryRequest) -> Result<Detached> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    detach_in_job(context, &request.account)
}

/// As [`detach`], for a job that has let the panel back up the account.
pub(crate) fn detach_in_job(context: &Context, account: &Username) -> Result<Detached> {
    let mut detached = Detached { account: account.clone(), removed: 0, uses: 0 };
    let Some(row) = context.store()?.leave_carry(account)? else { return Ok(detached) };
    detached.uses = row.uses;
    if row.uses == 0 {
        detached.removed = clear(context, &row)?;
    }
    Ok(detached)
}

/// Takes away what nobody has come for.
pub(crate) fn sweep(context: &Context) {
    let stale = context.store().and_then(|store| store.stale_carries(limits::CARRY_LIFE.as_secs()));
    let stale = stale.unwrap_or_else(|error| {
        log::error!("projects that are left over in homes cannot be looked for: {error:?}");
        Vec::new()
    });
    for row in stale {
        match clear(context, &row) {
            Ok(count) => log::info!("account {}: {count} projects were left over in its home", row.account),
            // There is no home to look into.
            Err(error) if error.kind() == ErrorKind::AccountNotFound => {
                let forgotten = context.store().and_then(|store| store.forget_carry(&row));
                log::debug!("account {} is gone: {forgotten:?}", row.account);
            }
            Err(error) => {
                log::warn!("account {}: projects are left over in its home: {error:?}", row.account)
            }
        }
    }
}

fn spool_failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::BackupProvider, "the project cannot be kept in [backup] directory")
        .with_source(error)
}

/// The sites of an account that have a project at the builder.
fn rows(context: &Context, account: &Account) -> Result<Vec<SiteRow>> {
    let mut rows = context.store()?.current_rows(Some(account.name()), None)?;
    rows.retain(|row| row.owner == account.id && check_site(context, account, &row.domain).is_ok());
    rows.sort_by(|a, b| a.domain.cmp(&b.domain));
    Ok(rows)
}

/// Makes sure that a site is the account's own at this moment.
fn check_site(context: &Context, account: &Account, site: &Domain) -> Result<()> {
    match account.site(site) {
        Some(found) if found.kind != SiteKind::Alias => context.check_single_owner(account, site),
        _ => {
            let text = format!("account {} has no site {site} now", account.name());
            Err(Error::new(ErrorKind::SiteNotYours, text))
        }
    }
}

fn carrier(context: &Context, account: &Account, staging: Option<&Path>) -> Result<Carrier> {
    let user = context.system_user(account)?;
    Ok(Carrier {
        account: user.name,
        uid: user.uid,
        gid: user.gid,
        home: context.panel.tree().path(&account.home),
        staging: staging.map(Path::to_owned),
    })
}

/// Takes away what a row says, wherever it may lie, then forgets the row.
fn clear(context: &Context, row: &CarryRow) -> Result<u64> {
    let account = context.panel.account(&row.account)?;
    let mut removed = 0;
    for staging in [row.staging.as_deref().map(Path::new), None] {
        let carrier = carrier(context, &account, staging)?;
        let what = What::Clear { run: row.run.clone() };
        let program = &context.config.publish.worker_program;
        match carry::run(program, &carrier, what, None, limits::CARRY_COPY_TIME) {
            Ok(answer) => removed += answer["removed"].as_u64().unwrap_or_default(),
            // The panel has removed its staging directory, or it was never the account's; nothing was put there then.
            Err(error) if staging.is_some() && error.kind() == ErrorKind::BackupFailed => {}
            Err(error) => return Err(error),
        }
        if row.staging.is_none() {
            break;
        }
    }
    context.store()?.forget_carry(row)?;
    Ok(removed)
}

/// Puts projects into a home or staging directory.
struct Put<'a> {
    context: &'a Context,
    account: &'a Account,
    carrier: Carrier,
    row: CarryRow,
    any: bool,
    /// When no more is put there: how long a worker takes is up to the account, and the panel, and other accounts' backups, wait.
    end: Instant,
}

impl<'a> Put<'a> {
    fn new(context: &'a Context, account: &'a Account, staging: Option<&Path>) -> Result<Self> {
        let carrier = carrier(context, account, staging)?;
        let path = staging.and_then(Path::to_str);
        let row = context.store()?.begin_carry(account.name(), path, limits::CARRY_LIFE.as_secs())?;
        Ok(Self { context, account, carrier, row, any: false, end: Instant::now() })
    }

    fn place(&self) -> Option<&'static str> {
        self.any.then_some(if self.carrier.staging.is_some() { "staging" } else { "home" })
    }

    /// Puts the newest good backup of a site there.
    fn site(&mut self, row: &SiteRow, note: Option<String>) -> AttachedSite {
        let mut seen = AttachedSite { site: row.domain.clone(), state: "none", made: None, size: None, note };
        let newest = newest(self.context, self.account, row)
            .and_then(|kept| kept.map(|kept| open(self.context, row, &kept)).transpose());
        let (file, kept) = match newest {
            Ok(Some(found)) => found,
            Ok(None) => return seen,
            Err(error) => return AttachedSite { note: Some(error.to_string()), ..seen },
        };
        (seen.made, seen.size) = (Some(kept.manifest.made), Some(kept.manifest.size));
        match self.put(row, &kept, &file) {
            Ok(()) => {
                self.any = true;
                seen.state = if is_fresh(self.context, &kept) { "attached" } else { "old" };
            }
            Err(error) => {
                log::warn!("account {}: {error:?}", self.account.name());
                (seen.state, seen.note) = ("refused", Some(error.to_string()));
            }
        }
        seen
    }

    fn put(&mut self, row: &SiteRow, kept: &Kept, mut file: &File) -> Result<()> {
        let program = &self.context.config.publish.worker_program;
        let label = label(self.context, &self.row.run, &row.domain, kept)?;
        loop {
            file.rewind().map_err(spool_failed)?;
            let left = self.end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = "the projects before it took all the time that there is for a home";
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            let what = What::Put { site: row.domain.clone(), label: label.clone() };
            match carry::run(program, &self.carrier, what, Some(file), left) {
                Ok(Value::Object(_)) => return Ok(()),
                Ok(_) => return Err(Error::new(ErrorKind::Internal, "the worker says nothing useful")),
                // It is not the account's, or not there: the home is taken along too.
                Err(error) if self.carrier.staging.is_some() && error.kind() == ErrorKind::BackupFailed => {
                    log::info!(
                        "account {}: the staging directory cannot be used: {error:?}",
                        self.account.name()
                    );
                    self.carrier.staging = None;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// The newest backup of a project that was made from the builder, of which nobody has compared the checksum yet.
fn newest(context: &Context, account: &Account, row: &SiteRow) -> Result<Option<Kept>> {
    let settings = &context.config.backup;
    if !settings.directory.exists() {
        return Ok(None);
    }
    let owner = account.id.to_string();
    let kept = Directory::open(&settings.directory)?.list(row.key.as_str())?;
    let mine =
        |kept: &Kept| kept.manifest.owner.as_deref() == Some(owner.as_str()) && !kept.manifest.imported;
    Ok(kept.into_iter().find(mine))
}

/// Opens it, after its checksum was compared; one that is damaged is as good as none.
fn open(context: &Context, row: &SiteRow, kept: &Kept) -> Result<(File, Kept)> {
    Directory::open(&context.config.backup.directory)?.read(row.key.as_str(), &kept.name)
}

fn is_fresh(context: &Context, kept: &Kept) -> bool {
    let age = context.config.backup.carry_age.as_secs();
    kept.manifest.made.saturating_add(age) >= clock::unix_seconds()
}

/// Whether a new backup of a site's project is needed.
fn needs_new(context: &Context, account: &Account, row: &SiteRow) -> bool {
    !newest(context, account, row).is_ok_and(|kept| kept.is_some_and(|kept| is_fresh(context, &kept)))
}

/// Lets jobs make the backups that are missing or too old, and waits for them; gives why there are none.
fn order(
    context: &Context,
    account: &Account,
    rows: &[SiteRow],
    end: Instant,
) -> Result<HashMap<Domain, String>> {
    let (store, mut notes, mut jobs) = (context.store()?, HashMap::new(), Vec::new());
    let jobs_run = JobsLock::is_held(&context.config.state_dir);
    for row in rows.iter().filter(|row| needs_new(context, account, row)) {
        if Instant::now() >= end {
            notes.insert(row.domain.clone(), "there was no time to make a new backup".to_owned());
        } else if !jobs_run {
            notes.insert(row.domain.clone(), "nobody runs jobs (panelgate-jobs.service)".to_owned());
        } else {
            match queue_project_of(context, account.name(), &row.domain) {
                Ok(queued) => jobs.push((queued.id, row.domain.clone())),
                Err(error) => drop(notes.insert(row.domain.clone(), error.to_string())),
            }
        }
    }
    loop {
        let mut open = Vec::new();
        for (id, site) in jobs {
            let Some(job) = store.job(id)? else { continue };
            let soon = end.saturating_duration_since(Instant::now()).as_secs();
            // One that is tried again later is not waited for; it goes on, and the next backup of the panel finds what it has made.
            let later =
                job.state == JobState::Waiting && job.next > clock::unix_seconds().saturating_add(soon);
            if job.state == JobState::Done {
                continue;
            }
            if job.state.is_final() || later || soon == 0 && Instant::now() >= end {
                let why = job.reason.unwrap_or_else(|| "the builder gave no new backup in time".into());
                notes.insert(site, why);
            } else {
                open.push((id, site));
            }
        }
        if open.is_empty() {
            return Ok(notes);
        }
        jobs = open;
        std::thread::sleep(limits::CARRY_POLL.min(end.saturating_duration_since(Instant::now())));
    }
}

/// Makes the backups that are missing or too old, in the job that runs; gives why there are none.
fn fetch(
    context: &Context,
    account: &Account,
    rows: &[SiteRow],
    job: u64,
    control: &Within<'_>,
) -> Result<HashMap<Domain, String>> {
    let mut notes = HashMap::new();
    for row in rows.iter().filter(|row| needs_new(context, account, row)) {
        let left = control.end.saturating_duration_since(Instant::now());
        if left.is_zero() || control.stop().is_some() {
            notes.insert(row.domain.clone(), "there was no time to make a new backup".to_owned());
            continue;
        }
        let mut settings = context.config.backup.clone();
        settings.timeout = settings.timeout.min(left);
        let (request, label) = (project_request(account.name(), &row.domain), format!("panelgate-{job}"));
        let order = Order { job, label: &label, request: &request, account: Some(account), site: Some(row) };
        let provider = ProjectProvider::new(&context.builder, context.store()?, &settings);
        if let Err(error) = provider.start(&order, control) {
            notes.insert(row.domain.clone(), error.to_string());
        } else {
            let pruned = Directory::open(&settings.directory)
                .and_then(|directory| directory.prune(row.key.as_str(), settings.keep));
            log::debug!("job {job}: old backups of {}: {pruned:?}", row.domain);
        }
    }
    Ok(notes)
}

/// A job's control, until a moment.
struct Within<'a> {
    control: &'a dyn Control,
    end: Instant,
}

impl Control for Within<'_> {
    fn report(&self, progress: &Progress) {
        self.control.report(progress);
    }

    fn stop(&self) -> Option<Stop> {
        self.control.stop().or_else(|| (Instant::now() >= self.end).then_some(Stop::Deadline))
    }
}

const SEAL: &str = "a project that travels";

fn label(context: &Context, run: &str, site: &Domain, kept: &Kept) -> Result<Label> {
    let (made, size, sha256) = (kept.manifest.made, kept.manifest.size, kept.manifest.sha256.clone());
    let mut label = Label { run: run.to_owned(), made, size, sha256, seal: String::new() };
    label.seal = hex(&context.key()?.mac(SEAL, &sealed(site, &label).each_ref().map(Vec::as_slice)));
    Ok(label)
}

fn is_genuine(key: &crate::store::InstallKey, site: &Domain, label: &Label) -> bool {
    let mac = key.mac(SEAL, &sealed(site, label).each_ref().map(Vec::as_slice));
    // Nothing hangs on how long this takes: whoever makes a seal up gains a word in a list.
    hex(&mac) == label.seal
}

fn sealed(site: &Domain, label: &Label) -> [Vec<u8>; 4] {
    [
        site.as_str().into(),
        label.made.to_be_bytes().into(),
        label.size.to_be_bytes().into(),
        label.sha256.as_str().into(),
    ]
}
