//! The builder's editable project of a site, as a backup (`reference/builder-api.md` 3.1, 3.2).
//!
//! Restoring is not documented by the vendor: it is off unless `[backup] restore` says otherwise, and works from the builder's own directory only.

use std::fs::File;
use std::io::{Read, Write};

use crate::builder::Client;
use crate::builder::project::{Receiver, has_no_such_call, stored_name};
use crate::config::{BackupConfig, RestoreWay};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::Account;
use crate::store::{SiteRow, Store};

use super::directory::{Directory, Draft};
use super::{
    Action, BackupFile, BackupProvider, Capabilities, Control, Destination, DestinationKind, Entry, EntryId,
    Order, Outcome, Polled, Progress, ProviderKind, Scope, Started, Subject, SubjectKind, TaskId,
};

/// What the names of project files end with.
const ENDING: &str = "sitebuilder";

/// The builder, as what makes backups.
pub struct ProjectProvider<'a> {
    builder: &'a Client,
    store: &'a Store,
    config: &'a BackupConfig,
}

impl<'a> ProjectProvider<'a> {
    /// Puts the parts together; nothing is asked yet.
    pub fn new(builder: &'a Client, store: &'a Store, config: &'a BackupConfig) -> Self {
        Self { builder, store, config }
    }

    fn directory(&self) -> Result<Directory> {
        Directory::open(&self.config.directory)
    }

    /// The row of a subject, which must be a site that was opened.
    fn row(&self, subject: &Subject, account: Option<&Account>) -> Result<SiteRow> {
        let row = subject.site().map(|site| self.store.current(site)).transpose()?.flatten();
        match (row, account) {
            (Some(row), Some(account)) if row.owner == account.id => Ok(row),
            _ => Err(without_project(subject)),
        }
    }

    fn fetch(&self, order: &Order<'_>, row: &SiteRow, control: &dyn Control) -> Result<BackupFile> {
        let directory = self.directory()?;
        let mut draft = directory.begin(row.key.as_str(), order.job, ENDING, self.config.largest)?;
        let mut watched = Watched { draft: &mut draft, control, step: "fetching the project" };
        self.builder.fetch_project(&row.key, self.config.timeout, &mut watched).map_err(explain)?;
        draft.finish(&order.request.subject.to_string(), Some(&row.owner.to_string()))
    }
}

impl BackupProvider for ProjectProvider<'_> {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Project
    }

    fn capabilities(&self) -> Result<Capabilities> {
        let mut actions =
            vec![Action::Create, Action::List, Action::Download, Action::Import, Action::Remove];
        if self.config.restore == RestoreWay::Directory {
            actions.push(Action::Restore);
        }
        let mut destinations = vec![DestinationKind::Directory];
        if self.config.builder_directory.is_some() {
            destinations.push(DestinationKind::Builder);
        }
        Ok(Capabilities {
            actions,
            subjects: vec![SubjectKind::Site],
            scopes: vec![Scope::Project],
            destinations,
            ..Capabilities::default()
        })
    }

    fn start(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started> {
        let row = order.site.ok_or_else(|| without_project(&order.request.subject))?;
        let file = match (&order.request.destination, &self.config.builder_directory) {
            (Destination::Builder, Some(directory)) => {
                control
                    .report(&Progress { percent: None, step: Some("the builder writes the project".into()) });
                let name =
                    self.builder.store_project(&row.key, directory, self.config.timeout).map_err(explain)?;
                BackupFile { name: directory.join(name).display().to_string(), ..BackupFile::default() }
            }
            _ => self.fetch(order, row, control)?,
        };
        let entry = file.name.rsplit('/').next().and_then(|name| EntryId::new(name).ok());
        Ok(Started::Done(Outcome { files: vec![file], entry, warnings: Vec::new() }))
    }

    fn leaves_runs(&self) -> bool {
        false
    }

    /// A transfer that was interrupted has left nothing: it is begun anew.
    fn find(&self, _: &Order<'_>) -> Result<Option<TaskId>> {
        Ok(None)
    }

    fn poll(&self, _: &Order<'_>, _: &TaskId) -> Result<Polled> {
        Err(Error::new(ErrorKind::Internal, "a project's backup has no number at the builder"))
    }

    fn list(&self, subject: &Subject, account: Option<&Account>) -> Result<Vec<Entry>> {
        let row = self.row(subject, account)?;
        let entries = self.directory()?.list(row.key.as_str())?.into_iter().filter_map(|kept| {
            Some(Entry {
                id: EntryId::new(kept.name).ok()?,
                made: Some(kept.manifest.made),
                size: Some(kept.manifest.size),
                account: subject.account().map(ToString::to_string),
                scope: Some(Scope::Project),
                description: None,
                files: vec![BackupFile {
                    name: kept.path.display().to_string(),
                    size: Some(kept.manifest.size),
                    sha256: Some(kept.manifest.sha256),
                }],
            })
        });
        Ok(entries.collect())
    }

    fn download(
        &self,
        subject: &Subject,
        account: Option<&Account>,
        entry: &EntryId,
        to: &mut dyn Write,
        control: &dyn Control,
    ) -> Result<u64> {
        let row = self.row(subject, account)?;
        let (mut file, kept) = self.directory()?.read(row.key.as_str(), entry.as_str())?;
        let mut copied = 0;
        copy(&mut file, &kept.path.display().to_string(), |bytes| {
            if control.stop().is_some() {
                return Err(ended());
            }
            copied += bytes.len() as u64;
            to.write_all(bytes).map_err(|error| {
                Error::new(ErrorKind::BackupProvider, "the backup cannot be written to where it shall go")
                    .with_source(error)
            })
        })?;
        kept.read_whole(copied)
    }

    fn import(&self, order: &Order<'_>, file: &mut File, control: &dyn Control) -> Result<Started> {
        let row = order.site.ok_or_else(|| without_project(&order.request.subject))?;
        let mut draft = self.directory()?.begin(row.key.as_str(), order.job, ENDING, self.config.largest)?;
        draft.mark_imported();
        let mut watched = Watched { draft: &mut draft, control, step: "taking the file over" };
        copy(file, "the file", |bytes| watched.piece(bytes))?;
        if draft.size() == 0 {
            return Err(Error::new(ErrorKind::BackupFailed, "the file is empty"));
        }
        let file = draft.finish(&order.request.subject.to_string(), Some(&row.owner.to_string()))?;
        let entry = file.name.rsplit('/').next().and_then(|name| EntryId::new(name).ok());
        Ok(Started::Done(Outcome { files: vec![file], entry, warnings: Vec::new() }))
    }

    fn restore(&self, order: &Order<'_>, entry: &EntryId, control: &dyn Control) -> Result<Started> {
        let row = order.site.ok_or_else(|| without_project(&order.request.subject))?;
        let (RestoreWay::Directory, Some(directory)) = (self.config.restore, &self.config.builder_directory)
        else {
            return Err(Capabilities::lacks(self.kind(), Action::Restore));
        };
        if entry.as_str() != stored_name(&row.key) {
            let text = format!(
                "the builder restores only {} from [backup] builder_directory; a file of this server can be loaded in the builder's own menu",
                stored_name(&row.key)
            );
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
        control.report(&Progress { percent: None, step: Some("the builder restores the project".into()) });
        self.builder
            .restore_project(&row.key, &self.config.restore_method, directory, self.config.timeout)
            .map_err(explain)?;
        Ok(Started::Done(Outcome::default()))
    }

    fn remove(&self, subject: &Subject, account: Option<&Account>, entry: &EntryId) -> Result<()> {
        let row = self.row(subject, account)?;
        self.directory()?.remove(row.key.as_str(), entry.as_str())
    }
}

/// A draft that shows how far it is, and ends when its job has to.
struct Watched<'a> {
    draft: &'a mut Draft,
    control: &'a dyn Control,
    step: &'static str,
}

impl Receiver for Watched<'_> {
    fn begin(&mut self, length: Option<u64>) -> Result<()> {
        self.draft.begin(length)
    }

    fn piece(&mut self, bytes: &[u8]) -> Result<()> {
        if self.control.stop().is_some() {
            return Err(ended());
        }
        self.draft.piece(bytes)?;
        let size = self.draft.size();
        let percent =
            self.draft.expected().filter(|all| *all > 0).map(|all| (size * 100 / all).min(100) as u8);
        let step = Some(format!("{}: {} MiB", self.step, size >> 20));
        self.control.report(&Progress { percent, step });
        Ok(())
    }
}

fn copy(from: &mut File, name: &str, mut to: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0_u8; limits::COPY_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to(&buffer[..count])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                let text = format!("{name} cannot be read");
                return Err(Error::new(ErrorKind::BackupProvider, text).with_source(error));
            }
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::BackupProvider, "the transfer was ended before it was done")
}

fn without_project(subject: &Subject) -> Error {
    let text =
        format!("{subject} was never opened here by its present account: it has no project of this server's");
    Error::new(ErrorKind::BackupNotFound, text)
}

/// A builder without this call is not one that fails.
fn explain(error: Error) -> Error {
    if has_no_such_call(&error) {
        let text = "this builder makes no backups of projects; only one on your own premises does";
        return Error::new(ErrorKind::BackupUnsupported, text).with_source(error);
    }
    error
}
