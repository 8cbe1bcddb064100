//! Plesk's XML API as a provider.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use crate::backup::{
    self, Action, BackupProvider, Capabilities, Control, DestinationKind, Entry, EntryId, Order, Outcome,
    Polled, Progress, ProviderKind, Scope, Started, SubjectKind,
};
use crate::config::{PleskBackupConfig, ServerPlace};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::Account;

use super::client::{Credentials, Session, Xml};
use super::fault::{Failure, Meaning};
use super::order;
use super::replies::{BackupSet, Task, TaskState, Tasks};
use super::route::{Route, Routes};
use super::values::*;
use crate::backup::http::Place;

const KIND: ProviderKind = ProviderKind::PleskXml;

/// The task's number where Plesk does not say one: it is looked for in the lists.
const LISTED: &str = "listed";

/// A Plesk on another server.
pub(super) struct Remote {
    pub(super) xml: Xml,
    routes: Routes,
}

impl Remote {
    /// Makes a client; nothing is called yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there are no credentials.
    pub(super) fn new(config: &PleskBackupConfig, server: &ServerPlace) -> Result<Self> {
        let credentials = match (&config.key, &config.login) {
            (Some(key), _) => Credentials::Key(key.clone()),
            (None, Some((login, password))) => {
                Credentials::Login { login: login.clone(), password: password.clone() }
            }
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::Config,
                    "[backup.plesk] has neither key nor login and password",
                ));
            }
        };
        let place = Place {
            section: "backup.plesk",
            url: server.url.clone(),
            ca_file: server.ca_file.clone(),
            fingerprint: server.fingerprint,
        };
        Ok(Self { xml: Xml::new(place, credentials, config.timeout), routes: Routes::default() })
    }

    /// The way that this server takes.
    pub(super) fn route(&self) -> Result<Route> {
        self.routes.route(&self.xml)
    }

    /// Calls the XML API in the version that has backups. A server that does not know it any more is asked for the way once more.
    fn with<T>(&self, call: impl Fn(&Session<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let gone = || {
            let text = format!(
                "{}: this Plesk makes no backups by its XML API any more, but by its own program: order it again",
                self.xml.endpoint().url().origin()
            );
            Failure::Error(Error::new(ErrorKind::BackupUnsupported, text))
        };
        let Route::Xml(version) = self.route()? else { return Err(gone()) };
        match call(&Session::new(&self.xml, &version)) {
            Err(Failure::Said(fault)) if fault.is_unknown_operation() => {
                self.routes.forget();
                match self.route()? {
                    Route::Xml(now) if now != version => call(&Session::new(&self.xml, &now)),
                    Route::Xml(_) => Err(Failure::Said(fault)),
                    Route::Program => Err(gone()),
                }
            }
            result => result,
        }
    }
}

/// Backups by the XML API.
pub struct PleskXml {
    remote: Arc<Remote>,
}

impl PleskXml {
    pub(super) fn new(remote: Arc<Remote>) -> Self {
        Self { remote }
    }

    /// The tasks of the user who calls.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx, as for everything here.
    pub fn own_tasks(&self) -> Result<Tasks> {
        self.ask(|session| session.own_tasks())
    }

    /// Which storages there are: `local`, `ftp`.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx.
    pub fn storages(&self) -> Result<Vec<String>> {
        self.ask(|session| session.storages())
    }

    /// The FTP storage of an object, or of the user who calls; without its password. `None`: none is set.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx.
    pub fn ftp_storage(&self, of: Option<&Subject>) -> Result<Option<FtpStorage>> {
        self.ask(|session| session.ftp_storage(of))
    }

    /// Sets the FTP storage of an object, or of the user who calls.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx.
    pub fn set_ftp_storage(&self, of: Option<&Subject>, storage: &FtpStorage) -> Result<()> {
        self.ask(|session| session.set_ftp_storage(of, storage))
    }

    /// The settings of the whole server. Plesk 12.0 does not have them.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx.
    pub fn server_settings(&self) -> Result<ServerSettings> {
        self.ask(|session| session.server_settings())
    }

    /// Changes settings of the whole server. Plesk 12.0 does not have them.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx.
    pub fn set_server_settings(&self, settings: &ServerSettings) -> Result<()> {
        self.ask(|session| session.set_server_settings(settings))
    }

    fn ask<T>(&self, call: impl Fn(&Session<'_>) -> Result<T, Failure>) -> Result<T> {
        self.remote.with(call).map_err(Failure::into_error)
    }

    /// What a finished backup consists of, if Plesk lists it.
    fn listed(&self, subject: &Subject, prefix: &Prefix, file: Option<&str>) -> Result<Option<Outcome>> {
        let sets = self.ask(|session| session.backups(subject))?;
        let is_it = |set: &&BackupSet| {
            set.files
                .iter()
                .any(|each| Some(each.name.as_str()) == file || begins_with(each.name.as_str(), prefix))
        };
        Ok(sets.iter().find(is_it).map(|set| Outcome {
            files: set.files.iter().map(backup_file).collect(),
            entry: set.files.first().and_then(|file| order::entry(subject, &file.name)),
            warnings: Vec::new(),
        }))
    }

    /// The outcome of a task that is done.
    fn outcome(&self, order: &Order<'_>, subject: &Subject, prefix: &Prefix, task: &Task) -> Result<Outcome> {
        let named =
            task.file.iter().map(|name| backup::BackupFile { name: name.clone(), ..Default::default() });
        let named = Outcome { files: named.collect(), ..Outcome::default() };
        if order.request.destination != backup::Destination::Panel {
            return Ok(named);
        }
        let listed = self.listed(subject, prefix, task.file.as_deref())?;
        Ok(listed.unwrap_or_else(|| Outcome {
            warnings: vec!["Plesk says that the backup is done, and does not list it".into()],
            ..named
        }))
    }

    /// A task that Plesk does not list any more has either left a backup or none.
    fn after_the_task(&self, order: &Order<'_>, subject: &Subject, prefix: &Prefix) -> Result<Polled> {
        if let Some(outcome) = self.listed(subject, prefix, None)? {
            return Ok(Polled::Done(outcome));
        }
        let text = format!("Plesk does not list the task of {} any more, and no backup of it", order.label);
        Err(Error::new(ErrorKind::BackupFailed, text))
    }

    fn task_of_prefix(&self, subject: &Subject, prefix: &Prefix) -> Result<Option<Task>> {
        let found = self.ask(|session| session.tasks_of(subject))?;
        Ok(found.tasks.into_iter().find(|task| task.prefix.as_deref() == Some(prefix.as_str())))
    }
}

fn begins_with(name: &str, prefix: &Prefix) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with(['_', '.']))
}

fn backup_file(file: &super::replies::BackupFile) -> backup::BackupFile {
    backup::BackupFile { name: file.name.to_string(), size: file.size, sha256: None }
}

impl BackupProvider for PleskXml {
    fn kind(&self) -> ProviderKind {
        KIND
    }

    /// Nothing, if this server takes the other way.
    fn capabilities(&self) -> Result<Capabilities> {
        if self.remote.route()? == Route::Program {
            return Ok(Capabilities::default());
        }
        use Action::{Cancel, Create, Download, Import, List, Remove};
        use SubjectKind::{Account, Customer, Reseller, Server};
        Ok(Capabilities {
            actions: vec![Create, Cancel, List, Download, Import, Remove],
            subjects: vec![Account, Customer, Reseller, Server],
            scopes: vec![Scope::All, Scope::Hosting, Scope::Mail, Scope::Configuration],
            destinations: vec![DestinationKind::Panel, DestinationKind::Named],
            prefix: true,
            description: true,
            split_size: true,
        })
    }

    fn start(&self, order: &Order<'_>, _: &dyn Control) -> Result<Started> {
        let subject = order::subject(KIND, &order.request.subject, order.account)?;
        let options = order::options(KIND, order)?;
        // The answer to an earlier attempt may have been lost on its way.
        let runs = self.task_of_prefix(&subject, &order::prefix(order)?)?;
        if let Some(task) = runs.filter(|task| task.state == TaskState::Working) {
            return task_id(task.id.to_string()).map(Started::Task);
        }
        let task = self.ask(|session| session.backup(&subject, &options))?;
        let text = task.map_or_else(|| LISTED.to_owned(), |task| task.to_string());
        task_id(text).map(Started::Task)
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<backup::TaskId>> {
        let subject = order::subject(KIND, &order.request.subject, order.account)?;
        let prefix = order::prefix(order)?;
        if let Some(task) = self.task_of_prefix(&subject, &prefix)? {
            return task_id(task.id.to_string()).map(Some);
        }
        match self.listed(&subject, &prefix, None)? {
            Some(_) => task_id(LISTED.into()).map(Some),
            None => Ok(None),
        }
    }

    fn poll(&self, order: &Order<'_>, task: &backup::TaskId) -> Result<Polled> {
        let subject = order::subject(KIND, &order.request.subject, order.account)?;
        let prefix = order::prefix(order)?;
        let found = match TaskId::parse(task.as_str()) {
            None => self.task_of_prefix(&subject, &prefix)?,
            Some(number) => match self.remote.with(|session| session.task(number)) {
                Ok(found) => found.tasks.into_iter().find(|task| task.id == number),
                Err(Failure::Said(fault)) if fault.meaning() == Meaning::NotFound => None,
                Err(failure) => return Err(failure.into_error()),
            },
        };
        let Some(found) = found else { return self.after_the_task(order, &subject, &prefix) };
        let step = |step: String| Polled::Running(Progress { percent: None, step: Some(step) });
        match &found.state {
            TaskState::Working => Ok(step("Plesk makes the backup".into())),
            TaskState::Other(word) => Ok(step(format!("Plesk says {}", crate::types::quote(word)))),
            TaskState::Finished => self.outcome(order, &subject, &prefix, &found).map(Polled::Done),
            TaskState::Stopped => {
                Err(Error::new(ErrorKind::BackupFailed, format!("task {task} was stopped in Plesk")))
            }
            TaskState::Failed => {
                let text = format!(
                    "Plesk says that task {task} has failed; its log is in PMM below the panel's logs"
                );
                Err(Error::new(ErrorKind::BackupFailed, text))
            }
        }
    }

    fn cancel(&self, order: &Order<'_>, task: &backup::TaskId) -> Result<()> {
        let number = match TaskId::parse(task.as_str()) {
            Some(number) => number,
            None => {
                let subject = order::subject(KIND, &order.request.subject, order.account)?;
                match self.task_of_prefix(&subject, &order::prefix(order)?)? {
                    Some(task) => task.id,
                    None => return Ok(()),
                }
            }
        };
        match self.remote.with(|session| session.stop(number)) {
            // It has ended by itself.
            Err(Failure::Said(fault)) if fault.meaning() == Meaning::NotFound => Ok(()),
            result => result.map_err(Failure::into_error),
        }
    }

    fn list(&self, subject: &backup::Subject, account: Option<&Account>) -> Result<Vec<Entry>> {
        let of = order::subject(KIND, subject, account)?;
        let sets = self.ask(|session| session.backups(&of))?;
        let entry = |set: &BackupSet| {
            let first = set.files.iter().find(|file| !file.stray)?;
            Some(Entry {
                id: order::entry(&of, &first.name)?,
                made: first.created.and_then(|created| u64::try_from(created).ok()),
                size: set.files.iter().map(|file| file.size).sum(),
                account: subject.account().map(|account| account.to_string()),
                scope: None,
                description: Some(first.description.clone()).filter(|text| !text.is_empty()),
                files: set.files.iter().map(backup_file).collect(),
            })
        };
        let mut entries: Vec<Entry> = sets.iter().filter_map(entry).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.made));
        Ok(entries)
    }

    fn download(
        &self,
        subject: &backup::Subject,
        account: Option<&Account>,
        entry: &EntryId,
        to: &mut dyn Write,
        control: &dyn Control,
    ) -> Result<u64> {
        let subject = order::subject(KIND, subject, account)?;
        let file = order::read_entry(&subject, entry)?;
        // Once it flows it is not begun again, so it is not asked through `with`.
        let Route::Xml(version) = self.remote.route()? else {
            return Err(Capabilities::lacks(KIND, Action::Download));
        };
        let goes_on = || match control.stop() {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::BackupProvider, "the transfer was stopped")),
        };
        let session = Session::new(&self.remote.xml, &version);
        session.download(&subject, &file, to, goes_on).map_err(Failure::into_error)
    }

    fn import(&self, order: &Order<'_>, file: &mut File, _: &dyn Control) -> Result<Started> {
        let subject = order::subject(KIND, &order.request.subject, order.account)?;
        let prefix = order::prefix(order)?;
        let Route::Xml(version) = self.remote.route()? else {
            return Err(Capabilities::lacks(KIND, Action::Import));
        };
        let fail = |error: std::io::Error| {
            Error::new(ErrorKind::InvalidArgument, "the file to import cannot be read").with_source(error)
        };
        let size = file.metadata().map_err(fail)?.len();
        let session = Session::new(&self.remote.xml, &version);
        let name = FileName::new(&format!("{prefix}.tar"))?;
        let uploaded = session.upload(&name, file, size).map_err(Failure::into_error)?;
        session.import(&subject, &uploaded.file, false).map_err(Failure::into_error)?;
        Ok(Started::Done(Outcome::default()))
    }

    fn remove(&self, subject: &backup::Subject, account: Option<&Account>, entry: &EntryId) -> Result<()> {
        let subject = order::subject(KIND, subject, account)?;
        let file = order::read_entry(&subject, entry)?;
        self.ask(|session| session.remove(&subject, &file))
    }
}

fn task_id(text: String) -> Result<backup::TaskId> {
    backup::TaskId::new(text)
        .map_err(|what| Error::new(ErrorKind::BackupProtocol, format!("the task's number: {what}")))
}
