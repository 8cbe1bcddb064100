//! Plesk's own program as a provider: on this server, or through the REST API of another.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::backup::{
    self, Action, BackupProvider, Capabilities, Control, DestinationKind, Entry, EntryId, Order, Outcome,
    Polled, Progress, ProviderKind, Scope, Started, SubjectKind,
};
use crate::config::PleskBackupConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, Tree};
use crate::types::Secret;

use super::local::{self, Dump};
use super::order;
use super::program::{self, Finished, Run, Spelling};
use super::provider_xml::Remote;
use super::rest;
use super::route::Route;
use super::values::{Prefix, Subject, Webspace};

const KIND: ProviderKind = ProviderKind::PleskCli;

/// The one task that there is of an order: it has no number, and is found by the order's prefix.
const BY_PREFIX: &str = "by-prefix";

/// Where the program is.
pub(super) enum Where {
    /// On this server.
    Here {
        /// The `plesk` program.
        program: PathBuf,
        /// The tree in which Plesk's files lie.
        tree: Tree,
    },
    /// Behind the REST API.
    There(Arc<Remote>),
}

/// Backups by `pleskbackup`.
pub struct PleskProgram {
    place: Where,
    config: PleskBackupConfig,
    spelling: Arc<Spellings>,
}

/// How the program writes its command line, and since when that is known.
#[derive(Default)]
pub(super) struct Spellings(Mutex<Option<(Spelling, Instant)>>);

impl PleskProgram {
    pub(super) fn new(place: Where, config: PleskBackupConfig, spelling: Arc<Spellings>) -> Self {
        Self { place, config, spelling }
    }

    fn run(&self, run: &Run<'_>, wanted: &dyn Fn() -> bool) -> Result<Finished> {
        match &self.place {
            Where::Here { program, .. } => local::run(program, run, wanted),
            Where::There(remote) => rest::run(&remote.xml, run),
        }
    }

    /// How this version writes its command line; its own help says so.
    fn spelling(&self) -> Result<Spelling> {
        let known = *self.spelling.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((spelling, since)) = known
            && since.elapsed() < limits::PLESK_ROUTE_MEMORY
        {
            return Ok(spelling);
        }
        let help = Run {
            program: rest::PROGRAM,
            arguments: vec!["--help".into()],
            secrets: Vec::new(),
            deadline: self.config.timeout.min(limits::PROVIDER_SILENCE),
        };
        let help = self.run(&help, &|| true)?;
        // Some programs print their help as a complaint, and some end with an error after it.
        let spelling = Spelling::of_help(&format!("{}\n{}", help.output, help.complaint))?;
        *self.spelling.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((spelling, Instant::now()));
        Ok(spelling)
    }

    fn secrets(&self, to_ftp: bool) -> Vec<(&'static str, &Secret)> {
        let export = self.config.export_password.as_ref().filter(|_| to_ftp);
        let named =
            [("FTP_PASSWORD", export), ("PLESK_BACKUP_PASSWORD", self.config.backup_password.as_ref())];
        named.into_iter().filter_map(|(name, secret)| Some((name, secret?))).collect()
    }

    /// What the program has put into the storage of this server.
    fn dump(&self, prefix: &Prefix) -> Result<Option<Dump>> {
        match &self.place {
            Where::Here { tree, .. } => Ok(local::dumps(tree, &format!("{prefix}_"))?.into_iter().next()),
            Where::There(_) => Ok(None),
        }
    }

    /// What a run that ended well has made.
    fn outcome(&self, order: &Order<'_>, prefix: &Prefix) -> Result<Outcome> {
        let warning = |what: String| Outcome { warnings: vec![what], ..Outcome::default() };
        if order.request.destination != backup::Destination::Panel {
            return Ok(Outcome::default());
        }
        Ok(match (self.dump(prefix)?, &self.place) {
            (Some(dump), _) => Outcome { entry: entry(&dump), files: dump.files, warnings: Vec::new() },
            (None, Where::There(_)) => {
                warning(format!("the names of its files on the other server begin with {prefix}"))
            }
            (None, Where::Here { .. }) => {
                let text =
                    format!("pleskbackup says that all is well, but its storage has no backup {prefix}");
                return Err(Error::new(ErrorKind::BackupFailed, text));
            }
        })
    }
}

impl BackupProvider for PleskProgram {
    fn kind(&self) -> ProviderKind {
        KIND
    }

    /// Nothing, if this server takes the other way.
    fn capabilities(&self) -> Result<Capabilities> {
        let mut actions = vec![Action::Create];
        match &self.place {
            Where::Here { .. } => actions.extend([Action::List, Action::Restore]),
            Where::There(remote) if remote.route()? == Route::Program => {}
            Where::There(_) => return Ok(Capabilities::default()),
        }
        let mut destinations = vec![DestinationKind::Panel];
        destinations.extend(self.config.export.as_ref().map(|_| DestinationKind::Named));
        use SubjectKind::{Account, Customer, Reseller, Server};
        Ok(Capabilities {
            actions,
            subjects: vec![Account, Customer, Reseller, Server],
            scopes: vec![Scope::All, Scope::Hosting, Scope::Configuration],
            destinations,
            prefix: true,
            description: true,
            split_size: false,
        })
    }

    /// The program works until it is done.
    fn start(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started> {
        let subject = order::subject(KIND, &order.request.subject, order.account)?;
        let (options, prefix) = (order::options(KIND, order)?, order::prefix(order)?);
        let to_ftp = options.storage == super::Storage::Ftp;
        let arguments = self.spelling()?.backup(&subject, &options, self.config.export.as_deref())?;
        let (program, secrets) = (rest::PROGRAM, self.secrets(to_ftp));
        let run = Run { program, arguments, secrets, deadline: limits::PROVIDER_WORK_TIME };
        control.report(&Progress { percent: None, step: Some("Plesk makes the backup".into()) });
        let finished = self.run(&run, &|| control.stop().is_none())?;
        if !finished.success {
            return Err(finished.error("pleskbackup", &run.secrets));
        }
        self.outcome(order, &prefix).map(Started::Done)
    }

    /// A program on this server goes on when we are killed; one behind the REST API cannot be looked at.
    fn find(&self, order: &Order<'_>) -> Result<Option<backup::TaskId>> {
        let prefix = order::prefix(order)?;
        let Where::Here { .. } = &self.place else {
            let text = format!(
                "Panelgate was ended while it waited for {}; whether Plesk still works on it cannot be known: look at its own list, then order it again",
                order.label
            );
            return Err(Error::new(ErrorKind::BackupFailed, text));
        };
        if !runs(&prefix) && self.dump(&prefix)?.is_none() {
            return Ok(None);
        }
        let task = backup::TaskId::new(BY_PREFIX).map_err(|what| Error::new(ErrorKind::Internal, what))?;
        Ok(Some(task))
    }

    fn poll(&self, order: &Order<'_>, _: &backup::TaskId) -> Result<Polled> {
        let prefix = order::prefix(order)?;
        if runs(&prefix) {
            return Ok(Polled::Running(Progress {
                percent: None,
                step: Some("Plesk makes the backup".into()),
            }));
        }
        match self.dump(&prefix)? {
            Some(dump) => {
                Ok(Polled::Done(Outcome { entry: entry(&dump), files: dump.files, warnings: Vec::new() }))
            }
            None => {
                let text = format!("pleskbackup has ended without leaving a backup {prefix}");
                Err(Error::new(ErrorKind::BackupFailed, text))
            }
        }
    }

    /// A restore that has begun is not ended half-way: what is half restored is neither the old nor the new.
    fn restore(&self, order: &Order<'_>, entry: &EntryId, control: &dyn Control) -> Result<Started> {
        let domain = match order::subject(KIND, &order.request.subject, order.account)? {
            Subject::Webspace(Webspace::Name(name)) => name,
            _ => {
                let text = format!("{KIND} restores one subscription at a time: name the account");
                return Err(Error::new(ErrorKind::BackupUnsupported, text));
            }
        };
        // Only what lies in the subscription's own folder: no path of anybody's, and no backup of another account.
        let listed = self.list(&order.request.subject, order.account)?;
        if !listed.iter().any(|listed| listed.id == *entry) {
            let text = format!(
                "Plesk's storage has no backup {entry} of {domain}: panelgate backup list names those that it has"
            );
            return Err(Error::new(ErrorKind::BackupNotFound, text));
        }
        control.report(&Progress { percent: None, step: Some("Plesk restores the backup".into()) });
        let run = Run {
            program: "pleskrestore",
            arguments: program::restore(entry.as_str(), &domain.to_string())?,
            secrets: self.secrets(false),
            deadline: limits::PROVIDER_WORK_TIME,
        };
        let finished = self.run(&run, &|| true)?;
        if !finished.success {
            return Err(finished.error(run.program, &run.secrets));
        }
        Ok(Started::Done(Outcome::default()))
    }

    fn list(&self, subject: &backup::Subject, account: Option<&Account>) -> Result<Vec<Entry>> {
        let Where::Here { tree, .. } = &self.place else {
            return Err(Capabilities::lacks(KIND, Action::List));
        };
        // Plesk's storage has a folder for each object.
        let folder = match order::subject(KIND, subject, account)? {
            Subject::Webspace(Webspace::Name(name)) => Some(("domains", name.to_string())),
            Subject::Customer(super::Customer::Login(login)) => Some(("clients", login.to_string())),
            Subject::Reseller(super::Reseller::Login(login)) => Some(("resellers", login.to_string())),
            _ => None,
        };
        let top = local::storage(tree)?;
        let fits = |dump: &Dump| match &folder {
            Some((kind, name)) => {
                let mut parts = dump.folder.iter().rev();
                parts.next().is_some_and(|part| part == name.as_str())
                    && parts.next().is_some_and(|part| part == *kind)
            }
            None => dump.folder == top,
        };
        let dumps = local::dumps(tree, "")?.into_iter().filter(|dump| fits(dump));
        let listed = dumps.filter_map(|dump| {
            Some(Entry {
                id: entry(&dump)?,
                made: dump.made,
                size: dump.files.iter().map(|file| file.size).sum(),
                account: subject.account().map(|account| account.to_string()),
                files: dump.files,
                ..Entry::default()
            })
        });
        Ok(listed.collect())
    }
}

/// The path of the description, by which Plesk restores.
fn entry(dump: &Dump) -> Option<EntryId> {
    dump.files.first().and_then(|file| EntryId::new(file.name.clone()).ok())
}

/// Whether a run with this prefix goes on, in any of the ways to write it.
fn runs(prefix: &Prefix) -> bool {
    let words = [prefix.to_string(), format!("--prefix={prefix}"), format!("-prefix={prefix}")];
    words.iter().any(|word| crate::sys::process::runs_with("pleskbackup", word))
}
