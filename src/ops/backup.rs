//! Backups as use cases: who may want what, which provider makes it, and what a job is told.
//!
//! An account may back up the project of its own sites and take those backups away, nothing more; everything else is root's. What a job does is decided from
//! facts that are read when it runs, not when it was queued.

mod providers;
mod seen;
mod take;

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::backup::directory::{Directory, Kept};
use crate::backup::{
    Action, BackupProvider, BackupRequest, Destination, Entry, EntryId, ProviderKind, Scope, Subject,
};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, PanelSession, SiteKind};
use crate::store::{Job, JobQuery, NewJob, Queued, SiteRow};
use crate::sys::{clock, file, identity};
use crate::types::{Domain, SiteKey, Username};

use super::Context;

use super::open::not_there;
use super::policy::{self, Operation, Principal};
use super::token::{Binding, Form};
pub use seen::{Seen, SeenFile, SeenJob};
pub use take::{ProjectFile, take_project};

/// The kind of the jobs that back up, restore and import.
pub const JOB: &str = "backup";

/// What a job of that kind is told; JSON in its row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupJob {
    /// Who does it.
    pub provider: ProviderKind,
    /// What is done.
    pub task: Task,
    /// What it is about.
    pub request: BackupRequest,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Make a backup.
    Create,
    /// Restore one.
    Restore(EntryId),
    /// Take a file of this server as a backup.
    Import(PathBuf),
    /// Take in backups that lie in the provider's storage already.
    Register,
    /// Take a project as a backup that came back with a restore of the panel's, from the account's home or from a directory of the account's.
    Carried(Option<PathBuf>),
}

impl Task {
    fn action(&self) -> Action {
        match self {
            Self::Create => Action::Create,
            Self::Restore(_) => Action::Restore,
            Self::Register => Action::Register,
            Self::Import(_) | Self::Carried(_) => Action::Import,
        }
    }
}

/// What a job works with, read when it runs.
pub(crate) struct Facts {
    /// The account, if it is about one.
    pub(crate) account: Option<Account>,
    /// The site at the builder, if it was opened.
    pub(crate) site: Option<SiteRow>,
}

/// An account's wish for a backup of a project of its own.
#[derive(Debug, Default)]
pub struct ProjectWish {
    /// The account; an account peer is always its own.
    pub account: Option<Username>,
    /// The site.
    pub site: Option<Domain>,
    /// The token of the form that the wish came from, with what it must be bound to.
    pub form: Option<(String, Binding)>,
    /// What the token of a form shall be bound to that orders a backup; `None` if no form will be shown.
    pub binding: Option<Binding>,
    /// The panel's session that the caller says it acts for.
    pub panel_session: Option<PanelSession>,
}

/// What an account sees of its backups.
#[derive(Debug)]
pub struct ProjectBackups {
    /// The site.
    pub site: Domain,
    /// The backups, newest first.
    pub files: Vec<Kept>,
    /// The last job.
    pub job: Option<Job>,
    /// The token that a form must send back to order a backup.
    pub token: Option<String>,
}

/// Queues what root wants. A second wish for the same joins the first one; `fresh`: only while that has not ended.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; [`ErrorKind::BackupUnsupported`] if no provider here can do it; what is wrong with account or site.
pub fn queue(
    context: &Context,
    principal: &Principal,
    request: BackupRequest,
    task: Task,
    fresh: bool,
) -> Result<(ProviderKind, Queued)> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    queue_checked(context, request, task, fresh)
}

/// Queues a backup of the project of a site, for its account.
///
/// # Errors
/// Why not; see [`ErrorKind`].
pub fn queue_project(context: &Context, principal: &Principal, wish: &ProjectWish) -> Result<Queued> {
    let (account, site) = own_site(context, principal, Operation::BackupProject, wish)?;
    if let Some((form_token, binding)) = &wish.form {
        let form = Form { uid: principal.uid(), binding, operation: Operation::BackupProject, site: &site };
        form.check(context.key()?, clock::unix_seconds(), form_token)?;
    }
    let request = project_request(account.name(), &site);
    if *principal != Principal::Root {
        check_share(context, &account, &request.subject)?;
    }
    queue_checked(context, request, Task::Create, false).map(|(_, queued)| queued)
}

/// Makes sure that an account's own orders leave time and room for those of others.
fn check_share(context: &Context, account: &Account, subject: &Subject) -> Result<()> {
    let (store, lane) = (context.store()?, ProviderKind::Project.name());
    let others = store.open_jobs(JOB, lane, account.name(), &subject.to_string())?;
    if others >= limits::BACKUPS_PER_ACCOUNT {
        let text = format!("account {} has {others} backups that have not ended", account.name());
        return Err(Error::new(ErrorKind::TooMany, text));
    }
    let settings = &context.config.backup;
    if !settings.directory.exists() {
        return Ok(());
    }
    let directory = Directory::open(&settings.directory)?;
    let mut held: u64 = 0;
    for row in store.current_rows(Some(account.name()), None)? {
        let sizes = directory.list(row.key.as_str())?.into_iter().map(|kept| kept.manifest.size);
        held = sizes.fold(held, u64::saturating_add);
    }
    if held >= settings.account_limit {
        let text = format!(
            "the backups of account {}'s projects take {} MiB, and [backup] account_limit is {} MiB",
            account.name(),
            held >> 20,
            settings.account_limit >> 20
        );
        return Err(Error::new(ErrorKind::NoSpace, text));
    }
    Ok(())
}

/// Queues what a program wants: root anything, everybody else what an account may have.
///
/// # Errors
/// As [`queue`] and [`queue_project`].
pub fn order(context: &Context, principal: &Principal, request: &BackupRequest) -> Result<Queued> {
    if *principal == Principal::Root {
        return queue(context, principal, request.clone(), Task::Create, false).map(|(_, queued)| queued);
    }
    queue_project(context, principal, &own_wish(request)?)
}

/// What an account may order, if a request is no more than that.
///
/// # Errors
/// [`ErrorKind::Forbidden`].
pub fn own_wish(request: &BackupRequest) -> Result<ProjectWish> {
    match &request.subject {
        Subject::Site { account, site } if *request == project_request(account, site) => Ok(ProjectWish {
            account: Some(account.clone()),
            site: Some(site.clone()),
            ..ProjectWish::default()
        }),
        _ => Err(Error::new(
            ErrorKind::Forbidden,
            "only root can order more than the backup of one site's project",
        )),
    }
}

/// How far a backup is. Root is told why one failed; an account sees its own.
///
/// # Errors
/// [`ErrorKind::BackupNotFound`], [`ErrorKind::Forbidden`]; what is wrong with the account.
pub fn job(context: &Context, principal: &Principal, id: u64) -> Result<SeenJob> {
    policy::allow(principal, Operation::ViewBackups, context.panel.kind())?;
    context.prove_session(principal, None)?;
    let gone = || Error::new(ErrorKind::BackupNotFound, format!("there is no backup job {id}"));
    let job = context.store()?.job(id)?.filter(|job| job.kind == JOB).ok_or_else(gone)?;
    if *principal == Principal::Root {
        return Ok(SeenJob { reason: job.reason.clone(), ..SeenJob::of(&job) });
    }
    // Whose it is must not be learned from the answer.
    let account = job.account.as_ref().filter(|name| principal.own_account().is_none_or(|own| own == *name));
    let account = context.account(principal, Some(account.ok_or_else(gone)?), None)?;
    policy::allow_account(principal, Operation::ViewBackups, context.panel.kind(), &account)?;
    // An earlier account of the same name had other backups.
    if job.owner != Some(account.id.to_string()) {
        return Err(gone());
    }
    Ok(SeenJob::of(&job))
}

/// Wants a backup to end; for root.
///
/// # Errors
/// [`ErrorKind::BackupNotFound`], [`ErrorKind::Forbidden`].
pub fn cancel(context: &Context, principal: &Principal, id: u64) -> Result<SeenJob> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    job(context, principal, id)?;
    context.store()?.cancel_job(id)?;
    job(context, principal, id)
}

/// The backups of a project, for its account.
///
/// # Errors
/// Why not; see [`ErrorKind`].
pub fn project_backups(
    context: &Context,
    principal: &Principal,
    wish: &ProjectWish,
) -> Result<ProjectBackups> {
    let (account, site) = own_site(context, principal, Operation::ViewBackups, wish)?;
    let (_, files) = kept(context, &account, &site)?;
    let query = JobQuery {
        kind: Some(JOB.to_owned()),
        lane: Some(ProviderKind::Project.name().to_owned()),
        owner: Some(account.id.to_string()),
        site: Some(site.to_string()),
        limit: 1,
        ..JobQuery::default()
    };
    let job = context.store()?.jobs(&query)?.into_iter().next();
    let token = wish.binding.as_ref().map(|binding| -> Result<String> {
        let form = Form { uid: principal.uid(), binding, operation: Operation::BackupProject, site: &site };
        Ok(form.issue(context.key()?, clock::unix_seconds()))
    });
    Ok(ProjectBackups { token: token.transpose()?, site, files, job })
}

/// The backups of a site's project that were made while the site was this account's, newest first, and the name of their folder.
fn kept(context: &Context, account: &Account, site: &Domain) -> Result<(String, Vec<Kept>)> {
    let row = context.store()?.current(site)?.filter(|row| row.owner == account.id);
    let Some(row) = row.filter(|_| context.config.backup.directory.exists()) else {
        return Ok((String::new(), Vec::new()));
    };
    let owner = account.id.to_string();
    let mut files = Directory::open(&context.config.backup.directory)?.list(row.key.as_str())?;
    files.retain(|kept| kept.manifest.owner.as_deref() == Some(owner.as_str()));
    Ok((row.key.to_string(), files))
}

/// Makes sure that somebody here can do this with the backups of a subject, before anybody is asked whether it shall be done.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; [`ErrorKind::BackupUnsupported`] with what can be done instead.
pub fn offers(
    context: &Context,
    principal: &Principal,
    subject: &Subject,
    scope: Scope,
    action: Action,
) -> Result<()> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let provider = providers::choose(context, subject, scope)?;
    provider.capabilities()?.allow(provider.kind(), action)
}

/// What a provider lists of a subject.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; those of the provider.
pub fn list(context: &Context, principal: &Principal, subject: &Subject, scope: Scope) -> Result<Vec<Entry>> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let provider = providers::choose(context, subject, scope)?;
    provider.capabilities()?.allow(provider.kind(), Action::List)?;
    let facts = facts(context, subject, None)?;
    provider.list(subject, facts.account.as_ref())
}

/// Removes a backup from where its provider keeps it; for root, who was asked.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; those of the provider.
pub fn remove(
    context: &Context,
    principal: &Principal,
    subject: &Subject,
    scope: Scope,
    entry: &EntryId,
) -> Result<()> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let provider = providers::choose(context, subject, scope)?;
    provider.capabilities()?.allow(provider.kind(), Action::Remove)?;
    let facts = facts(context, subject, None)?;
    provider.remove(subject, facts.account.as_ref(), entry)
}

/// Writes a backup to `to`; gives its length.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; those of the provider.
pub fn download(
    context: &Context,
    principal: &Principal,
    subject: &Subject,
    scope: Scope,
    entry: &EntryId,
    to: &mut dyn std::io::Write,
    control: &dyn crate::backup::Control,
) -> Result<u64> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let provider = providers::choose(context, subject, scope)?;
    provider.capabilities()?.allow(provider.kind(), Action::Download)?;
    let facts = facts(context, subject, None)?;
    provider.download(subject, facts.account.as_ref(), entry, to, control)
}

/// Removes old backups of projects on this server; the last good one of each stays. Gives folder and file names.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; those of the directory.
pub fn prune(
    context: &Context,
    principal: &Principal,
    site: Option<&Domain>,
    keep: usize,
) -> Result<Vec<(String, String)>> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let directory = Directory::open(&context.config.backup.directory)?;
    let folders = match site {
        Some(site) => {
            let row = context.store()?.current(site)?;
            vec![row.ok_or_else(|| never_opened(site))?.key.to_string()]
        }
        // Not the archives of whole accounts.
        None => {
            let is_key = |folder: &String| SiteKey::stored(folder.clone()).is_some();
            directory.folders()?.into_iter().filter(is_key).collect()
        }
    };
    let mut gone = Vec::new();
    for folder in folders {
        gone.extend(directory.prune(&folder, keep)?.into_iter().map(|name| (folder.clone(), name)));
    }
    Ok(gone)
}

/// The sites whose last good backup is older than `[backup] every`, or all sites that were ever opened. Sites whose account or data cannot be read are left out
/// and logged.
///
/// # Errors
/// [`ErrorKind::Store`]; [`ErrorKind::Forbidden`].
pub fn due(context: &Context, principal: &Principal, all: bool) -> Result<Vec<BackupRequest>> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let Some(age) = context.config.backup.every.map(|every| every.as_secs()).or(all.then_some(0)) else {
        return Ok(Vec::new());
    };
    let (store, now) = (context.store()?, clock::unix_seconds());
    let mut due = Vec::new();
    for row in store.current_rows(None, None)? {
        let request = project_request(row.owner.name(), &row.domain);
        let subject = request.subject.to_string();
        let last = store.last_done_job(JOB, ProviderKind::Project.name(), &subject, &row.owner)?;
        let last = last.and_then(|job| job.done);
        if all || last.is_none_or(|last| last.saturating_add(age) <= now) {
            due.push(request);
        }
    }
    Ok(due)
}

/// A backup of a project into the directory of this server.
pub fn project_request(account: &Username, site: &Domain) -> BackupRequest {
    BackupRequest {
        subject: Subject::Site { account: account.clone(), site: site.clone() },
        scope: Scope::Project,
        destination: Destination::Directory,
        prefix: None,
        description: None,
        split_size: None,
    }
}

/// Queues a backup of a project of an account that was read from the panel just now, for what travels with the panel's own backups.
pub(super) fn queue_project_of(context: &Context, account: &Username, site: &Domain) -> Result<Queued> {
    queue_checked(context, project_request(account, site), Task::Create, true).map(|(_, queued)| queued)
}

/// The account that has a site, as a subject.
///
/// # Errors
/// If no account, or more than one, has it.
pub fn subject_of(context: &Context, site: &Domain) -> Result<Subject> {
    Ok(Subject::Site { account: context.owner(site)?, site: site.clone() })
}

/// The provider of a job.
pub(crate) fn provider(context: &Context, kind: ProviderKind) -> Result<Box<dyn BackupProvider + '_>> {
    providers::by_kind(context, kind)
}

/// Reads account and site as they are now. `bound`: the job that was made for them.
///
/// # Errors
/// [`ErrorKind::SiteConflict`] if the account is another one than when the job was made, or the site's key is, or is another account's.
pub(crate) fn facts(context: &Context, subject: &Subject, bound: Option<&Job>) -> Result<Facts> {
    let account = subject.account().map(|name| context.panel.account(name)).transpose()?;
    let owner = bound.and_then(|job| job.owner.as_ref());
    if let (Some(account), Some(owner)) = (&account, owner)
        && account.id.to_string() != *owner
    {
        let text = format!(
            "account {} is another one than when this was ordered, which had the same name: order it again",
            account.name()
        );
        return Err(Error::new(ErrorKind::SiteConflict, text));
    }
    let (Some(account), Some(site)) = (&account, subject.site()) else {
        return Ok(Facts { account, site: None });
    };
    match account.site(site) {
        None => return Err(not_there(context, account, site)),
        Some(found) if found.kind == SiteKind::Alias => {
            return Err(Error::new(ErrorKind::SiteAlias, format!("{site} is an alias of another site")));
        }
        Some(_) => context.check_single_owner(account, site)?,
    }
    let row = context.store()?.current(site)?.filter(|row| row.owner == account.id);
    let key = bound.and_then(|job| job.key.as_ref());
    if key.is_some() && row.as_ref().map(|row| &row.key) != key {
        let text =
            format!("{site} has another owner, or another key, than when this was ordered: order it again");
        return Err(Error::new(ErrorKind::SiteConflict, text));
    }
    Ok(Facts { account: Some(account.clone()), site: row })
}

/// Opens a file of root's, or of whoever runs this, that shall be imported.
pub(crate) fn import_file(path: &Path) -> Result<File> {
    let refused = || format!("{}: it cannot be imported", path.display());
    let (file, metadata) = file::open(path, u64::MAX - 1, &[0, identity::uids().effective])
        .map_err(|error| Error::new(ErrorKind::InvalidArgument, refused()).with_source(error))?;
    if metadata.nlink() != 1 {
        // Somebody else may have linked another file of root's to where root expects its own.
        return Err(Error::new(ErrorKind::InvalidArgument, format!("{}: it has a second name", refused())));
    }
    Ok(file)
}

fn queue_checked(
    context: &Context,
    request: BackupRequest,
    task: Task,
    fresh: bool,
) -> Result<(ProviderKind, Queued)> {
    let provider = providers::choose(context, &request.subject, request.scope)?;
    let (kind, can) = (provider.kind(), provider.capabilities()?);
    can.allow(kind, task.action())?;
    if task == Task::Create {
        can.check(kind, &request)?;
    }
    if let Task::Import(path) = &task {
        import_file(path)?;
    }
    let facts = facts(context, &request.subject, None)?;
    if request.scope == Scope::Project && facts.site.is_none() {
        return Err(request.subject.site().map_or_else(
            || Error::new(ErrorKind::BackupUnsupported, "a project is a site's: name the site"),
            never_opened,
        ));
    }
    let (subject, account, site) =
        (request.subject.to_string(), request.subject.account().cloned(), request.subject.site().cloned());
    let arguments = serde_json::to_string(&BackupJob { provider: kind, task, request }).map_err(|error| {
        Error::new(ErrorKind::Internal, "the job cannot be written as JSON").with_source(error)
    })?;
    let queued = context.store()?.queue_job(&NewJob {
        kind: JOB.to_owned(),
        lane: kind.name().to_owned(),
        subject,
        account,
        owner: facts.account.map(|account| account.id),
        site,
        key: facts.site.map(|row| (row.key, row.floor)),
        arguments,
        next: 0,
        join: Some(if fresh { 0 } else { limits::BACKUP_JOIN.as_secs() }),
    })?;
    Ok((kind, queued))
}

/// A site of the account that the principal may act for.
fn own_site(
    context: &Context,
    principal: &Principal,
    operation: Operation,
    wish: &ProjectWish,
) -> Result<(Account, Domain)> {
    context.prove_session(principal, wish.panel_session.as_ref())?;
    let account = context.account(principal, wish.account.as_ref(), wish.site.as_ref())?;
    policy::allow_account(principal, operation, context.panel.kind(), &account)?;
    let domain = wish
        .site
        .clone()
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "name the site whose project is meant"))?;
    let site = account.site(&domain).ok_or_else(|| not_there(context, &account, &domain))?;
    policy::allow_site(operation, site)?;
    context.check_single_owner(&account, &domain)?;
    Ok((account, domain))
}

fn never_opened(site: &Domain) -> Error {
    let text = format!("{site} was never opened here by its present account: it has no project to back up");
    Error::new(ErrorKind::BackupNotFound, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_second_name_is_not_imported() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        std::fs::write(&file, "project").unwrap();
        import_file(&file).unwrap();
        std::fs::hard_link(&file, &link).unwrap();
        assert_eq!(import_file(&link).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
