//! Installatron as a provider: it backs up the applications of a site or an account, each with its database.

use std::collections::HashSet;

use crate::backup::{
    Action, BackupFile, BackupProvider, Capabilities, Control, DestinationKind, Entry, EntryId, Order,
    Outcome, Polled, Progress, ProviderKind, Scope, Started, Subject, SubjectKind, TaskId,
};
use crate::config::InstallatronConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::Account;
use crate::sys::clock;
use crate::types::{Domain, Username};

use super::client::{Client, DryRun, Id, Work};
use super::records::{Backup, Install, Task};

const KIND: ProviderKind = ProviderKind::Installatron;

/// By how much the other clock may be behind ours, in seconds.
const CLOCK: u64 = 120;

/// Backups by Installatron.
pub struct Installatron {
    client: Client,
}

impl Installatron {
    /// Makes the provider; nothing is called yet.
    pub fn new(config: &InstallatronConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The calls that are not part of a provider: places, schedules.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The applications that a backup of the subject is of.
    fn installs(&self, subject: &Subject) -> Result<Vec<Id>> {
        let user = user(subject)?;
        let mine = |install: &Install| match subject.site() {
            Some(site) => is_at(site, install.url_domain.as_deref()),
            None => true,
        };
        let installs = self.client.installs(user)?.into_iter().filter(mine);
        let ids: Vec<Id> =
            installs.filter_map(|install| install.id).map(|id| Id::new(&id)).collect::<Result<_>>()?;
        if ids.is_empty() {
            let text = format!("Installatron has no application of {subject}");
            return Err(Error::new(ErrorKind::BackupNotFound, text));
        }
        Ok(ids)
    }

    fn work(&self, user: &Username, background: bool, dry_run: DryRun) -> Work {
        Work { user: Some(user.clone()), location: None, background, dry_run }
    }

    /// A backup by the id under which it is listed, after a second look: whether the id of a list is the backup's own is not documented beyond doubt, and
    /// what follows cannot be undone.
    fn certain(&self, subject: &Subject, entry: &EntryId) -> Result<(Id, Backup)> {
        let user = user(subject)?;
        let missing = || {
            Error::new(ErrorKind::BackupNotFound, format!("Installatron has no backup {entry} of {subject}"))
        };
        let id = Id::new(entry.as_str()).map_err(|_| missing())?;
        let fits = |backup: &Backup| match subject.site() {
            Some(site) => is_at(site, backup.url_domain.as_deref()),
            None => true,
        };
        let listed = self.client.backups(user)?;
        let mut same = listed.into_iter().filter(|backup| backup.id.as_deref() == Some(id.as_str()));
        let listed = same.next().filter(fits).ok_or_else(missing)?;
        let seen = self.client.backup(&id)?;
        if same.next().is_some()
            || seen.file.is_none()
            || seen.file != listed.file
            || seen.user != listed.user
        {
            let text = format!(
                "Installatron's list and its view do not agree on backup {entry}, so nothing is done with it: use its own pages"
            );
            return Err(Error::new(ErrorKind::BackupProtocol, text));
        }
        Ok((id, seen))
    }

    /// The backups of a run, if each of its applications has one.
    fn made(&self, user: &Username, run: &Run) -> Result<Option<Outcome>> {
        let backups = self.client.backups(user)?;
        let newest = |install: &Id| {
            let of = backups.iter().filter(|backup| backup.install.as_deref() == Some(install.as_str()));
            let fresh = of.filter(|backup| {
                backup.time.and_then(|time| u64::try_from(time).ok()).is_some_and(|time| time >= run.since)
            });
            fresh.max_by_key(|backup| backup.time)
        };
        let made: Option<Vec<&Backup>> = run.installs.iter().map(newest).collect();
        Ok(made.map(|made| Outcome {
            entry: made.first().and_then(|backup| entry_id(backup)),
            files: made.iter().filter_map(|backup| file(backup)).collect(),
            warnings: Vec::new(),
        }))
    }
}

/// What is being done, written into the number of the task, so that it survives us: the applications, and since when.
struct Run {
    since: u64,
    installs: Vec<Id>,
}

impl Run {
    fn task_id(&self) -> Result<TaskId> {
        let installs: Vec<&str> = self.installs.iter().map(Id::as_str).collect();
        let text = format!("{};{}", self.since, installs.join(","));
        TaskId::new(text).map_err(|_| {
            let text = format!(
                "{} applications at once are too many: order the backups site by site",
                installs.len()
            );
            Error::new(ErrorKind::BackupUnsupported, text)
        })
    }

    fn parse(task: &TaskId) -> Result<Self> {
        let unknown =
            || Error::new(ErrorKind::BackupNotFound, format!("{task} is no task of Installatron's"));
        let (since, installs) = task.as_str().split_once(';').ok_or_else(unknown)?;
        let installs = installs.split(',').map(Id::new).collect::<Result<_>>().map_err(|_| unknown())?;
        Ok(Self { since: since.parse().map_err(|_| unknown())?, installs })
    }

    /// Whether a task is one of this run's.
    fn has(&self, task: &Task) -> bool {
        task.cmd.as_deref().is_some_and(|cmd| cmd.ends_with("/backup") || cmd == "backup")
            && self.installs.iter().any(|install| task.install.as_deref() == Some(install.as_str()))
    }
}

/// Whose applications: Installatron's users are the panel's accounts.
fn user(subject: &Subject) -> Result<&Username> {
    subject.account().ok_or_else(|| {
        Error::new(
            ErrorKind::BackupUnsupported,
            "installatron backs up the applications of a site or an account",
        )
    })
}

fn is_at(site: &Domain, url_domain: Option<&str>) -> bool {
    let named = url_domain.and_then(|name| Domain::new(name).ok());
    named.is_some_and(|named| named == *site || named.without_www().as_ref() == Some(site))
}

fn entry_id(backup: &Backup) -> Option<EntryId> {
    backup.id.as_deref().and_then(|id| EntryId::new(id).ok())
}

fn file(backup: &Backup) -> Option<BackupFile> {
    backup.file.clone().map(|name| BackupFile { name, ..BackupFile::default() })
}

impl BackupProvider for Installatron {
    fn kind(&self) -> ProviderKind {
        KIND
    }

    fn capabilities(&self) -> Result<Capabilities> {
        use Action::{Create, List, Register, Remove, Restore};
        let all = vec![Create, List, Register, Restore, Remove];
        let actions = if self.client.only_looks() { vec![List] } else { all };
        Ok(Capabilities {
            actions,
            subjects: vec![SubjectKind::Site, SubjectKind::Account],
            scopes: vec![Scope::Hosting],
            destinations: vec![DestinationKind::Panel],
            ..Capabilities::default()
        })
    }

    /// The work goes on in Installatron's own tasks.
    fn start(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started> {
        let (subject, user) = (&order.request.subject, user(&order.request.subject)?);
        let installs = self.installs(subject)?;
        // What is there already is not what this run makes, even if it is only seconds old.
        let before = self.client.backups(user)?.into_iter().filter_map(|backup| {
            let of = installs.iter().any(|install| backup.install.as_deref() == Some(install.as_str()));
            backup.time.filter(|_| of).and_then(|time| u64::try_from(time).ok())
        });
        let after = before.max().map_or(0, |newest| newest + 1);
        let run = Run { since: clock::unix_seconds().saturating_sub(CLOCK).max(after), installs };
        let task = run.task_id()?;
        let count = run.installs.len();
        for (index, install) in run.installs.iter().enumerate() {
            let step = format!("application {} of {count} is given to Installatron", index + 1);
            control.report(&Progress { percent: None, step: Some(step) });
            let work =
                Work { location: self.client.location().cloned(), ..self.work(user, true, DryRun::No) };
            self.client.back_up(install, &work)?;
        }
        Ok(Started::Task(task))
    }

    /// A run that is still among Installatron's tasks is followed; otherwise it is begun again, which makes one more backup at the worst.
    fn find(&self, order: &Order<'_>) -> Result<Option<TaskId>> {
        let subject = &order.request.subject;
        let run =
            Run { since: clock::unix_seconds().saturating_sub(60 * 60), installs: self.installs(subject)? };
        let runs = self.client.tasks(user(subject)?)?.iter().any(|task| run.has(task));
        if runs { run.task_id().map(Some) } else { Ok(None) }
    }

    /// The words of a task's state are not documented: a run is done when each application has a backup, and has failed when it is neither that nor listed.
    fn poll(&self, order: &Order<'_>, task: &TaskId) -> Result<Polled> {
        let (run, user) = (Run::parse(task)?, user(&order.request.subject)?);
        // Tasks first: one that ends between the two looks has left its backup by the second.
        let tasks = self.client.tasks(user)?;
        let running = tasks.iter().find(|task| run.has(task));
        if let Some(outcome) = self.made(user, &run)? {
            return Ok(Polled::Done(outcome));
        }
        match running {
            Some(task) => {
                let percent = task.percent.and_then(|percent| u8::try_from(percent.clamp(0, 100)).ok());
                Ok(Polled::Running(Progress { percent, step: Some("Installatron makes the backup".into()) }))
            }
            None => {
                let text = "Installatron does not list the task any more, and not a backup of each application: look at its own pages";
                Err(Error::new(ErrorKind::BackupFailed, text))
            }
        }
    }

    fn list(&self, subject: &Subject, _: Option<&Account>) -> Result<Vec<Entry>> {
        let user = user(subject)?;
        let mut backups = self.client.backups(user)?;
        if let Some(site) = subject.site() {
            backups.retain(|backup| is_at(site, backup.url_domain.as_deref()));
        }
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.time));
        let entry = |backup: &Backup| {
            Some(Entry {
                id: entry_id(backup)?,
                made: backup.time.and_then(|time| u64::try_from(time).ok()),
                size: None,
                account: Some(user.to_string()),
                scope: Some(Scope::Hosting),
                description: backup.note.clone().or_else(|| backup.title.clone()),
                files: file(backup).into_iter().collect(),
            })
        };
        Ok(backups.iter().filter_map(entry).collect())
    }

    /// The archives are taken in that lie at the account's place, of whichever of its sites. Which ones are new, its list says before and after: the counts in the
    /// answer are for people.
    fn register(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started> {
        let user = user(&order.request.subject)?;
        let work =
            |dry_run| Work { location: self.client.location().cloned(), ..self.work(user, false, dry_run) };
        self.client.import(&work(DryRun::Input))?;
        let before: HashSet<String> =
            self.client.backups(user)?.into_iter().filter_map(|backup| backup.id).collect();
        control.report(&Progress { percent: None, step: Some("Installatron looks for archives".into()) });
        self.client.import(&work(DryRun::No))?;
        let mut new = self.client.backups(user)?;
        new.retain(|backup| backup.id.as_ref().is_some_and(|id| !before.contains(id)));
        let nothing =
            new.is_empty().then(|| "nothing lay there that Installatron did not list already".to_owned());
        Ok(Started::Done(Outcome {
            entry: new.first().and_then(entry_id),
            files: new.iter().filter_map(file).collect(),
            warnings: nothing.into_iter().collect(),
        }))
    }

    /// Tried first, then done in one call, whose answer says whether it went well.
    fn restore(&self, order: &Order<'_>, entry: &EntryId, control: &dyn Control) -> Result<Started> {
        let subject = &order.request.subject;
        let user = user(subject)?;
        let (id, backup) = self.certain(subject, entry)?;
        self.client.restore(&id, None, &self.work(user, false, DryRun::All))?;
        control.report(&Progress { percent: None, step: Some("Installatron restores the backup".into()) });
        self.client.restore(&id, None, &self.work(user, false, DryRun::No))?;
        Ok(Started::Done(Outcome {
            files: file(&backup).into_iter().collect(),
            entry: Some(entry.clone()),
            warnings: Vec::new(),
        }))
    }

    fn remove(&self, subject: &Subject, _: Option<&Account>, entry: &EntryId) -> Result<()> {
        let (id, _) = self.certain(subject, entry)?;
        self.client.delete_backup(&id)
    }
}
