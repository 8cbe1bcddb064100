//! `panelgate backup`: backups of projects, sites and accounts.

mod arguments;
mod carry;
mod fetch;
mod wait;

use serde_json::{Value, json};

use super::asking::confirm;
use super::jobs::as_json;
use super::output::{Cell, Output};
use crate::backup::{Action, BackupRequest, Destination, Entry, Scope, Subject};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Direct, Gateway, Reach};
use crate::ops::Principal;
use crate::ops::backup::{self, ProjectWish, Seen, Task};
use crate::store::{Job, JobQuery, JobsLock};
use crate::sys::clock;
use crate::sys::identity;
use crate::types::Domain;

pub(super) use arguments::Arguments;
use arguments::{Command, Create, Import, List, Of, Prune, Remove, Restore, Status, StopJob};
use wait::Waiting;

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    match &arguments.command {
        Command::Create(create) if !is_direct(reach) => create_own(create, reach, output),
        Command::Create(create) => create_any(create, &gateway::direct(reach)?, output),
        Command::List(list) if !is_direct(reach) => list_own(list, reach, output),
        Command::List(list) => list_any(list, &gateway::direct(reach)?, output),
        Command::Status(status) => show_status(status, &gateway::direct(reach)?, output),
        Command::Download(download) => fetch::run(download, reach, output),
        Command::Restore(restore) => begin_restore(restore, &gateway::direct(reach)?, output),
        Command::Import(import) => begin_import(import, &gateway::direct(reach)?, output),
        Command::Stop(stop) => end_job(stop, &gateway::direct(reach)?, output),
        Command::Prune(prune) => remove_old(prune, &gateway::direct(reach)?, output),
        Command::Remove(remove) => remove_one(remove, &gateway::direct(reach)?, output),
        Command::Attach(attach) => carry::attach(attach, &gateway::direct(reach)?, output),
        Command::Detach(home) => carry::detach(home, &gateway::direct(reach)?, output),
        Command::Carried(home) => carry::carried(home, &gateway::direct(reach)?, output),
    }
}

/// Whether this process works with the store itself; else the broker is asked for what an account may have.
fn is_direct(reach: Reach<'_>) -> bool {
    reach.socket.is_none() && (reach.config.is_some() || identity::uids().effective == 0)
}

/// An account, or the panel user that speaks for one: the project of one site.
fn create_own(create: &Create, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let wish = ProjectWish {
        account: create.account.clone(),
        site: Some(only_site(&create.sites)?),
        ..ProjectWish::default()
    };
    if create.is_more_than_a_project() {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "only root can order more than the backup of one site's project",
        ));
    }
    let gateway = gateway::for_program(reach)?;
    let queued = gateway.backup_project(&wish)?;
    let seen = if create.wait { Some(wait::for_seen(gateway.as_ref(), &wish, queued.id)?) } else { None };
    let job = seen.as_ref().and_then(|seen| seen.job.as_ref());
    let state = job.map(|job| job.state.clone());
    if create.json {
        let subject = wish.site.as_ref().map(|site| format!("site {site}"));
        output.json(&match job {
            // As root has it, without what an account does not see.
            Some(job) => json!([{
                "id": job.id, "kind": backup::JOB, "lane": Scope::Project.name(), "subject": subject, "account": wish.account,
                "site": wish.site, "state": job.state, "attempts": null, "next": null, "percent": job.percent, "step": null,
                "reason": job.reason, "result": null, "queued": job.queued, "started": null, "done": null,
            }]),
            None => json!([{ "id": queued.id, "subject": subject, "joined": queued.joined }]),
        });
    } else {
        output.line(&[Cell::new(match &state {
            Some(state) => format!("Job {}: {state}.", queued.id),
            None => format!("Job {} {}.", queued.id, word(queued.joined)),
        })]);
    }
    Ok(if state.is_none_or(|state| state == "done") { 0 } else { ErrorKind::BackupFailed.exit_code() })
}

fn create_any(create: &Create, direct: &Direct, output: &mut Output) -> Result<u8> {
    let (mut waiting, mut refused) = (Waiting::default(), None);
    for request in requests(create, direct)? {
        let subject = request.subject.clone();
        let queued = if *direct.principal() == Principal::Root {
            backup::queue(direct.context(), direct.principal(), request, Task::Create, create.fresh)
                .map(|(_, queued)| queued)
        } else {
            // A private trial is no root: it has what an account has.
            let account = subject.account().cloned();
            let wish = ProjectWish { account, site: subject.site().cloned(), ..ProjectWish::default() };
            backup::queue_project(direct.context(), direct.principal(), &wish)
        };
        match queued {
            Ok(queued) => waiting.add(queued, &subject.to_string()),
            // One that cannot be backed up does not keep the others from it.
            Err(error) if create.all || create.due => {
                output.note(&[Cell::new(format!("{subject}: {}", error.chain()))]);
                refused.get_or_insert(error.kind());
            }
            Err(error) => return Err(error),
        }
    }
    if !JobsLock::is_held(&direct.context().config.state_dir) {
        let text = "nobody runs the jobs at the moment: systemctl enable --now panelgate-jobs.service, or panelgate jobs --once";
        output.note(&[Cell::new(text)]);
    }
    match waiting.end(create.wait, create.json, direct, output)? {
        0 => Ok(refused.map_or(0, ErrorKind::exit_code)),
        failed => Ok(failed),
    }
}

/// What shall be backed up.
fn requests(create: &Create, direct: &Direct) -> Result<Vec<BackupRequest>> {
    let (context, principal) = (direct.context(), direct.principal());
    if create.due || (create.all && create.scope.unwrap_or(Scope::Project) == Scope::Project) {
        let due = backup::due(context, principal, create.all)?;
        return Ok(due.into_iter().map(|request| create.request(request.subject)).collect());
    }
    let subjects: Vec<Subject> = if create.all {
        let accounts = context.panel.accounts()?;
        accounts.into_iter().map(|account| Subject::Account { account }).collect()
    } else if !create.sites.is_empty() {
        create.sites.iter().map(|site| named(direct, create.account.as_ref(), site)).collect::<Result<_>>()?
    } else {
        vec![create.subject()?]
    };
    Ok(subjects.into_iter().map(|subject| create.request(subject)).collect())
}

/// The site of a named account, or of the one that has it.
fn named(direct: &Direct, account: Option<&crate::types::Username>, site: &Domain) -> Result<Subject> {
    match (account.or(direct.principal().own_account()), direct.principal()) {
        (Some(account), _) => Ok(Subject::Site { account: account.clone(), site: site.clone() }),
        (None, _) => backup::subject_of(direct.context(), site),
    }
}

fn only_site(sites: &[Domain]) -> Result<Domain> {
    match sites {
        [site] => Ok(site.clone()),
        _ => Err(Error::new(ErrorKind::InvalidArgument, "name the one site whose project is meant")),
    }
}

fn list_own(list: &List, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let seen = gateway::for_program(reach)?.project_backups(&wish(&list.of))?;
    show_seen(&seen, list.json, output);
    Ok(0)
}

fn show_seen(seen: &Seen, json: bool, output: &mut Output) {
    if json {
        output.json(&seen.files.iter().map(|file| json!({ "id": file.name, "made": file.made, "size": file.size, "files": [{ "sha256": file.sha256 }] })).collect::<Vec<Value>>());
        return;
    }
    let rows: Vec<Vec<Cell>> = seen
        .files
        .iter()
        .map(|file| {
            vec![Cell::new(&file.name), Cell::new(clock::utc(file.made)), Cell::new(size(Some(file.size)))]
        })
        .collect();
    output.table(0, &["BACKUP", "MADE (UTC)", "SIZE"], &rows);
}

fn list_any(list: &List, direct: &Direct, output: &mut Output) -> Result<u8> {
    if *direct.principal() != Principal::Root {
        show_seen(&direct.project_backups(&wish(&list.of))?, list.json, output);
        return Ok(0);
    }
    let (subject, scope) = subject(direct, &list.of)?;
    let entries = backup::list(direct.context(), direct.principal(), &subject, scope)?;
    if list.json {
        output.json(&entries);
        return Ok(0);
    }
    let row = |entry: &Entry| {
        vec![
            Cell::new(entry.id.as_str()),
            Cell::new(entry.made.map_or_else(|| "-".to_owned(), clock::utc)),
            Cell::new(size(entry.size)),
            Cell::new(entry.description.as_deref().unwrap_or("-")),
        ]
    };
    let rows: Vec<Vec<Cell>> = entries.iter().map(row).collect();
    output.table(0, &["BACKUP", "MADE (UTC)", "SIZE", "DESCRIPTION"], &rows);
    Ok(0)
}

fn wish(of: &Of) -> ProjectWish {
    ProjectWish { account: of.account.clone(), site: of.site.clone(), ..ProjectWish::default() }
}

fn subject(direct: &Direct, of: &Of) -> Result<(Subject, Scope)> {
    let subject = match (&of.site, &of.account) {
        (Some(site), account) => named(direct, account.as_ref(), site)?,
        (None, Some(account)) => Subject::Account { account: account.clone() },
        (None, None) => return Err(Error::new(ErrorKind::InvalidArgument, "name a site, or --account")),
    };
    let scope = scope_of(&subject, of.scope);
    Ok((subject, scope))
}

/// Of a site its project, of an account everything, unless it is said.
fn scope_of(subject: &Subject, scope: Option<Scope>) -> Scope {
    scope.unwrap_or(if subject.site().is_some() { Scope::Project } else { Scope::All })
}

fn show_status(status: &Status, direct: &Direct, output: &mut Output) -> Result<u8> {
    root_only(direct)?;
    let store = direct.context().store()?;
    if status.jobs.is_empty() {
        let query = JobQuery {
            kind: Some(backup::JOB.to_owned()),
            limit: usize::from(status.limit),
            ..JobQuery::default()
        };
        let jobs = store.jobs(&query)?;
        wait::show_jobs(&jobs, status.json, output);
        return Ok(0);
    }
    let mut waiting = Waiting::default();
    for id in &status.jobs {
        waiting.follow(job(store.job(*id)?, *id)?);
    }
    waiting.end(status.wait, status.json, direct, output)
}

fn job(job: Option<Job>, id: u64) -> Result<Job> {
    job.filter(|job| job.kind == backup::JOB)
        .ok_or_else(|| Error::new(ErrorKind::BackupNotFound, format!("there is no backup job {id}")))
}

fn root_only(direct: &Direct) -> Result<()> {
    use crate::ops::policy::{self, Operation};
    policy::allow(direct.principal(), Operation::ManageBackups, direct.context().panel.kind())
}

fn begin_restore(restore: &Restore, direct: &Direct, output: &mut Output) -> Result<u8> {
    let (subject, scope) = subject(direct, &restore.of)?;
    backup::offers(direct.context(), direct.principal(), &subject, scope, Action::Restore)?;
    let what = format!("The {} of {subject} is overwritten with the backup {}", scope.held(), restore.name);
    confirm(&what, restore.yes, output)?;
    let waiting = begin(direct, subject, scope, Task::Restore(restore.name.clone()))?;
    waiting.end(restore.wait, restore.json, direct, output)
}

fn begin_import(import: &Import, direct: &Direct, output: &mut Output) -> Result<u8> {
    let (subject, scope) = subject(direct, &import.of)?;
    let task = match &import.file {
        Some(file) => Task::Import(std::path::absolute(file).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, format!("{}: it cannot be found", file.display()))
                .with_source(error)
        })?),
        None if import.stored => Task::Register,
        None => carry::task(import, output)?,
    };
    begin(direct, subject, scope, task)?.end(import.wait, import.json, direct, output)
}

fn begin(direct: &Direct, subject: Subject, scope: Scope, task: Task) -> Result<Waiting> {
    let destination = usual_destination(scope);
    let mut waiting = Waiting::default();
    let name = subject.to_string();
    let request =
        BackupRequest { subject, scope, destination, prefix: None, description: None, split_size: None };
    let (_, queued) = backup::queue(direct.context(), direct.principal(), request, task, true)?;
    waiting.add(queued, &name);
    Ok(waiting)
}

/// Where backups are of which nobody says where.
fn usual_destination(scope: Scope) -> Destination {
    if scope == Scope::Project { Destination::Directory } else { Destination::Panel }
}

fn end_job(stop: &StopJob, direct: &Direct, output: &mut Output) -> Result<u8> {
    root_only(direct)?;
    let store = direct.context().store()?;
    job(store.job(stop.job)?, stop.job)?;
    let job = job(store.cancel_job(stop.job)?, stop.job)?;
    if stop.json {
        output.json(&as_json(&job));
    } else if job.state.is_final() {
        output.line(&[Cell::new(format!("Job {} is {}.", job.id, job.state.name()))]);
    } else {
        output.line(&[Cell::new(format!("Job {} is told to end.", job.id))]);
    }
    Ok(0)
}

fn remove_old(prune: &Prune, direct: &Direct, output: &mut Output) -> Result<u8> {
    let context = direct.context();
    let keep = prune.keep.map_or(context.config.backup.keep, usize::from);
    let gone = backup::prune(context, direct.principal(), prune.site.as_ref(), keep)?;
    if prune.json {
        output.json(
            &gone
                .iter()
                .map(|(folder, name)| json!({ "folder": folder, "name": name }))
                .collect::<Vec<Value>>(),
        );
        return Ok(0);
    }
    for (folder, name) in &gone {
        output.line(&[Cell::new(format!("{folder}: {name}"))]);
    }
    output.line(&[Cell::new(format!("{} removed.", gone.len()))]);
    Ok(0)
}

fn remove_one(remove: &Remove, direct: &Direct, output: &mut Output) -> Result<u8> {
    let (subject, scope) = subject(direct, &remove.of)?;
    backup::offers(direct.context(), direct.principal(), &subject, scope, Action::Remove)?;
    confirm(&format!("The backup {} of {subject} is removed", remove.name), remove.yes, output)?;
    backup::remove(direct.context(), direct.principal(), &subject, scope, &remove.name)?;
    if remove.json {
        output.json(&json!({ "id": remove.name.as_str() }));
    } else {
        output.line(&[Cell::new(format!("The backup {} of {subject} is removed.", remove.name))]);
    }
    Ok(0)
}

const fn word(joined: bool) -> &'static str {
    if joined { "does it already" } else { "is queued" }
}

fn size(bytes: Option<u64>) -> String {
    match bytes {
        None => "-".to_owned(),
        Some(bytes) if bytes < 1 << 20 => format!("{} KiB", bytes.div_ceil(1024)),
        Some(bytes) => format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20),
    }
}
