//! Backups, restores and imports (`backup`).
//!
//! Before a provider is called, the row says so; when it has given a number, the row has that. Killed in between, the provider is asked whether it knows the run.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::backup::directory::Directory;
use crate::backup::{
    Action, BackupProvider, Control, Destination, Order, Outcome, Polled, Progress, ProviderKind, Scope,
    Started, Stop, TaskId,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::backup::{self, BackupJob, Task};
use crate::ops::{Context, carry};
use crate::panel::Account;
use crate::store::Job;
use crate::types::Username;

use super::{Handle, Verdict};

/// How far a run had come when its row was last written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mark {
    /// The provider was about to be called.
    Starting,
    /// It runs under this number.
    Runs(TaskId),
}

pub(super) fn run(context: &Context, job: &Job, handle: &Handle<'_>) -> Result<Verdict> {
    let told: BackupJob = serde_json::from_str(&job.arguments).map_err(|error| {
        Error::new(ErrorKind::BackupFailed, "the job's arguments are not what this version understands")
            .with_source(error)
    })?;
    let provider = backup::provider(context, told.provider)?;
    let facts = backup::facts(context, &told.request.subject, Some(job));
    // With the time, so that no backup of an earlier store, whose numbers began at 1 too, has the same.
    let label = format!("panelgate-{:x}-{}", job.queued, job.id);
    let mark = job.task.as_deref().and_then(|task| serde_json::from_str::<Mark>(task).ok());
    let facts = match (facts, &mark) {
        (Ok(facts), _) => facts,
        // It is over for this site or account; what runs for it already is ended.
        (Err(error), Some(Mark::Runs(task))) if !error.kind().is_retryable() => {
            let order =
                Order { job: job.id, label: &label, request: &told.request, account: None, site: None };
            cancel(provider.as_ref(), &order, task);
            return Err(error);
        }
        (Err(error), _) => return Err(error),
    };
    let order = Order {
        job: job.id,
        label: &label,
        request: &told.request,
        account: facts.account.as_ref(),
        site: facts.site.as_ref(),
    };
    // What runs already was loaded when it was started.
    let loaded = Cell::new(matches!(mark, Some(Mark::Runs(_))));
    let run = Run { context, provider: provider.as_ref(), order, told: &told, handle, loaded };
    let result = run.go(mark);
    run.unload(&result);
    match &result {
        Ok(Verdict::Done(_)) => retain(context, &told, &order),
        // A later attempt by hand begins anew.
        Err(error) if !error.kind().is_retryable() && provider.leaves_runs() => handle.keep(None)?,
        _ => {}
    }
    result
}

struct Run<'a> {
    context: &'a Context,
    provider: &'a dyn BackupProvider,
    order: Order<'a>,
    told: &'a BackupJob,
    handle: &'a Handle<'a>,
    /// Whether projects were put into the account's home for it.
    loaded: Cell<bool>,
}

impl Run<'_> {
    fn go(&self, mark: Option<Mark>) -> Result<Verdict> {
        let task = match mark {
            Some(Mark::Runs(task)) => Some(task),
            Some(Mark::Starting) => self.find()?,
            None => None,
        };
        let task = match task {
            Some(task) => task,
            None if self.handle.stop().is_some() => return Ok(Verdict::Stopped),
            None => match self.start()? {
                Started::Done(outcome) => return done(&outcome),
                Started::Task(task) => task,
            },
        };
        self.keep(&Mark::Runs(task.clone()))?;
        self.follow(&task)
    }

    /// What was being started when this program was killed.
    fn find(&self) -> Result<Option<TaskId>> {
        match self.told.task {
            Task::Create => self.provider.find(&self.order),
            // Done twice it does no harm.
            Task::Register => Ok(None),
            // These begin anew for a provider that has no runs; no other can be asked.
            Task::Restore(_) | Task::Import(_) | Task::Carried(_)
                if self.told.provider == ProviderKind::Project =>
            {
                Ok(None)
            }
            Task::Restore(_) | Task::Import(_) | Task::Carried(_) => {
                let text = "Panelgate was ended while this was started; whether it runs cannot be known: look before you order it again";
                Err(Error::new(ErrorKind::BackupFailed, text))
            }
        }
    }

    fn start(&self) -> Result<Started> {
        let marked = self.provider.leaves_runs();
        if marked {
            self.keep(&Mark::Starting)?;
        }
        let started = match &self.told.task {
            Task::Create => {
                self.provider.capabilities()?.check(self.told.provider, &self.told.request)?;
                self.load();
                self.provider.start(&self.order, self.handle)
            }
            Task::Restore(entry) => {
                self.provider.capabilities()?.allow(self.told.provider, Action::Restore)?;
                self.provider.restore(&self.order, entry, self.handle)
            }
            Task::Import(path) => {
                self.provider.capabilities()?.allow(self.told.provider, Action::Import)?;
                self.provider.import(&self.order, &mut backup::import_file(path)?, self.handle)
            }
            Task::Register => {
                self.provider.capabilities()?.allow(self.told.provider, Action::Register)?;
                self.provider.register(&self.order, self.handle)
            }
            Task::Carried(staging) => {
                self.provider.capabilities()?.allow(self.told.provider, Action::Import)?;
                let (Some(account), Some(site)) = (self.order.account, self.told.request.subject.site())
                else {
                    let text = "a project is a site's: name the site";
                    return Err(Error::new(ErrorKind::BackupUnsupported, text));
                };
                let mut file = carry::take(self.context, account, site, staging.as_deref(), self.handle)?;
                self.provider.import(&self.order, &mut file, self.handle)
            }
        };
        if started.is_err() && marked {
            // The provider has answered: it is not in between any more.
            self.handle.keep(None)?;
        }
        started
    }

    /// The account whose home the panel is going to pack.
    fn packed(&self) -> Option<&Username> {
        let is_panel = !matches!(self.told.provider, ProviderKind::Project | ProviderKind::Installatron);
        let holds_home = matches!(self.told.request.scope, Scope::All | Scope::Hosting);
        let account = self.order.account.filter(|_| is_panel && holds_home && self.told.task == Task::Create);
        account.map(Account::name)
    }

    /// Puts the account's projects into its home, so that the panel takes them along. A backup without them is better than none.
    fn load(&self) {
        let Some(account) = self.packed() else { return };
        match carry::attach_in_job(self.context, account, self.order.job, self.handle) {
            Ok(attached) => self.loaded.set(!attached.sites.is_empty()),
            Err(error) => {
                log::warn!("job {}: no projects travel with this backup: {error:?}", self.order.job);
            }
        }
    }

    /// Takes them away again, unless the panel goes on by itself.
    fn unload(&self, result: &Result<Verdict>) {
        let goes_on = matches!(result, Ok(Verdict::Stopped)) && self.handle.stop() == Some(Stop::Shutdown);
        let Some(account) = self.packed().filter(|_| !goes_on && self.loaded.get()) else { return };
        if let Err(error) = carry::detach_in_job(self.context, account) {
            log::warn!("job {}: projects stay in the home for now: {error:?}", self.order.job);
        }
    }

    /// Looks how far it is until it is done.
    fn follow(&self, task: &TaskId) -> Result<Verdict> {
        let mut looks = 0;
        loop {
            match self.handle.stop() {
                None => {}
                // It goes on by itself, and is followed again after the next start.
                Some(Stop::Shutdown) => return Ok(Verdict::Stopped),
                Some(Stop::Cancelled | Stop::Deadline) => {
                    cancel(self.provider, &self.order, task);
                    self.handle.keep(None)?;
                    return Ok(Verdict::Stopped);
                }
            }
            match self.provider.poll(&self.order, task)? {
                Polled::Done(outcome) => return done(&outcome),
                Polled::Running(progress) => self.handle.report(&progress),
            }
            self.handle.pause(self.provider.interval(looks));
            looks += 1;
        }
    }

    fn keep(&self, mark: &Mark) -> Result<()> {
        self.handle
            .report(&Progress { percent: None, step: Some(format!("waiting for {}", self.told.provider)) });
        let text = serde_json::to_string(mark).map_err(|error| {
            Error::new(ErrorKind::Internal, "the job's state cannot be written as JSON").with_source(error)
        })?;
        self.handle.keep(Some(&text))
    }
}

fn done(outcome: &Outcome) -> Result<Verdict> {
    let result = serde_json::to_value(outcome).map_err(|error| {
        Error::new(ErrorKind::Internal, "the job's result cannot be written as JSON").with_source(error)
    })?;
    Ok(Verdict::Done(result))
}

/// Ends a run as far as the provider can.
fn cancel(provider: &dyn BackupProvider, order: &Order<'_>, task: &TaskId) {
    let can = provider.capabilities().is_ok_and(|can| can.actions.contains(&Action::Cancel));
    match can.then(|| provider.cancel(order, task)) {
        Some(Ok(())) => log::info!("job {}: {} was told to end its run", order.job, provider.kind()),
        Some(Err(error)) => {
            log::warn!("job {}: {} does not end its run: {error:?}", order.job, provider.kind())
        }
        None => {
            log::warn!("job {}: {} goes on with its run, which cannot be ended", order.job, provider.kind())
        }
    }
}

/// Keeps no more backups of a project than wanted. What cannot be removed now goes after the next one.
fn retain(context: &Context, told: &BackupJob, order: &Order<'_>) {
    let settings = &context.config.backup;
    let Some(site) = order.site.filter(|_| told.request.destination == Destination::Directory) else {
        return;
    };
    if told.provider != ProviderKind::Project {
        return;
    }
    let gone = Directory::open(&settings.directory)
        .and_then(|directory| directory.prune(site.key.as_str(), settings.keep));
    match gone {
        Ok(gone) => gone.iter().for_each(|name| log::info!("job {}: the old backup {name} went", order.job)),
        Err(error) => log::warn!("job {}: old backups stay: {error:?}", order.job),
    }
}
