//! Backups, whoever makes them.
//!
//! [`BackupRequest`] says what is wanted; a [`BackupProvider`] makes it: the builder for its project, the panel for everything else. Each provider states
//! what it can ([`Capabilities`]), and asking for more is an error before anything starts.
//!
//! A backup is a job (`crate::jobs`): a provider is called by the job's thread alone, may be killed at any point, and is then asked again.

mod archives;
mod capabilities;
pub mod cpanel;
pub mod directadmin;
pub mod directory;
mod homes;
pub(crate) mod http;
pub mod installatron;
pub mod plesk;
mod programs;
pub mod project;
mod request;

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::panel::Account;
use crate::store::SiteRow;

pub use capabilities::{Action, Capabilities};
pub use request::{
    BackupRequest, Description, Destination, DestinationKind, DestinationName, EntryId, Prefix, Scope,
    SplitSize, Subject, SubjectKind, TaskId,
};

/// Who makes backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// The builder: the editable project of a site.
    Project,
    /// Plesk's XML API, up to protocol 1.6.9.0.
    PleskXml,
    /// Plesk of today: its own program.
    PleskCli,
    /// Installatron.
    Installatron,
    /// cPanel.
    Cpanel,
    /// DirectAdmin.
    DirectAdmin,
}

impl ProviderKind {
    /// Every provider.
    pub const ALL: [Self; 6] =
        [Self::Project, Self::PleskXml, Self::PleskCli, Self::Installatron, Self::Cpanel, Self::DirectAdmin];

    /// The word in configuration, output and store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::PleskXml => "plesk-xml",
            Self::PleskCli => "plesk-cli",
            Self::Installatron => "installatron",
            Self::Cpanel => "cpanel",
            Self::DirectAdmin => "direct-admin",
        }
    }

    /// The provider of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One backup, import or restore that a provider is asked for. The facts in it were read from panel and store immediately before.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// Number of the job.
    pub job: u64,
    /// A name that no other order has: lower case letters, digits and `-`. It is on the disk before the provider is called, so that a provider that gives it
    /// to its run can find that run again.
    pub label: &'a str,
    /// What is wanted.
    pub request: &'a BackupRequest,
    /// The account that is concerned; `None` for a reseller or the whole server.
    pub account: Option<&'a Account>,
    /// The site at the builder, if the request names a site that was opened.
    pub site: Option<&'a SiteRow>,
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 to 100; `None` if nobody knows.
    pub percent: Option<u8>,
    /// What is being done, in a few words of English.
    pub step: Option<String>,
}

/// A file that a backup consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name where it lies; an absolute path if it lies on this server.
    pub name: String,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What came out of a run. It is kept in the store: no secret may be in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The files; empty if the provider does not name them.
    #[serde(default)]
    pub files: Vec<BackupFile>,
    /// Under which name the provider lists the backup, if it lists any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    /// What an administrator should know all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What [`BackupProvider::start`] has begun, or already done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It goes on by itself under this number: [`BackupProvider::poll`] follows it.
    Task(TaskId),
    /// It is done.
    Done(Outcome),
}

/// What [`BackupProvider::poll`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// It goes on.
    Running(Progress),
    /// It is done. A run that has failed is an error instead, of kind [`ErrorKind::BackupFailed`].
    Done(Outcome),
}

/// One backup as a provider lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name for the other calls; opaque.
    pub id: EntryId,
    /// When it was made, in Unix seconds.
    pub made: Option<u64>,
    /// Bytes of all its files.
    pub size: Option<u64>,
    /// The account that it is of, where the provider says so.
    pub account: Option<String>,
    /// What it holds, where the provider says so.
    pub scope: Option<Scope>,
    /// What was said about it when it was made.
    pub description: Option<String>,
    /// Its files.
    #[serde(default)]
    pub files: Vec<BackupFile>,
}

/// Why work should end before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// This process ends; the job goes on in the next one.
    Shutdown,
    /// Somebody has cancelled the job.
    Cancelled,
    /// The job's time is over.
    Deadline,
}

/// What a provider has of the job that it works for.
pub trait Control {
    /// Shows how far it is. Cheap: it may be called often.
    fn report(&self, progress: &Progress);

    /// Whether the work should end, and why. Long work asks at least once a second.
    fn stop(&self) -> Option<Stop>;

    /// Waits, but not beyond a [`Control::stop`].
    fn pause(&self, time: Duration) {
        let end = std::time::Instant::now() + time;
        while self.stop().is_none() {
            match end.checked_duration_since(std::time::Instant::now()) {
                Some(left) if !left.is_zero() => std::thread::sleep(left.min(Duration::from_millis(100))),
                _ => return,
            }
        }
    }
}

/// Makes backups. Every method may block up to the provider's own deadline and must then end with an error; none is called for what
/// [`BackupProvider::capabilities`] does not name.
///
/// Kinds of errors: [`ErrorKind::BackupUnsupported`] (it cannot do this), [`ErrorKind::BackupFailed`] (it has tried, or refuses; asking again does not help),
/// [`ErrorKind::BackupProvider`] (it cannot be reached, hangs, or answers nonsense: asked again later), [`ErrorKind::BackupNotFound`] (it has no such backup).
/// No error, progress or outcome holds a secret.
pub trait BackupProvider: Send + Sync {
    /// Which one it is.
    fn kind(&self) -> ProviderKind;

    /// What it can. It may ask the provider for it, and remembers the answer.
    ///
    /// # Errors
    /// If it must be asked and cannot be.
    fn capabilities(&self) -> Result<Capabilities>;

    /// Begins a backup. A job is tried again after an error that [may pass](ErrorKind::is_retryable): such an error says that nothing was begun, or that a second
    /// run does no harm.
    ///
    /// # Errors
    /// See the trait.
    fn start(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started>;

    /// Whether a start that was interrupted may have left a run behind. If not, it is simply started again, and nothing is written down before.
    fn leaves_runs(&self) -> bool {
        true
    }

    /// Finds the run of an order that was being started when this program was killed, so that its number was never written down. `None`: there is none, it is
    /// started again.
    ///
    /// # Errors
    /// If it cannot be known whether there is one; the job then ends as failed, since a second run might do harm.
    fn find(&self, order: &Order<'_>) -> Result<Option<TaskId>> {
        let text = format!(
            "Panelgate was ended while it started {}; whether {} works on it cannot be known: look at its own list, then order it again",
            order.label,
            self.kind()
        );
        Err(Error::new(ErrorKind::BackupFailed, text))
    }

    /// Looks how far a run is.
    ///
    /// # Errors
    /// See the trait.
    fn poll(&self, order: &Order<'_>, task: &TaskId) -> Result<Polled>;

    /// How long to wait between two looks; `looks` were made already.
    fn interval(&self, looks: u32) -> Duration {
        Duration::from_secs(2 + u64::from(looks.min(13)))
    }

    /// Ends a run.
    ///
    /// # Errors
    /// See the trait.
    fn cancel(&self, _order: &Order<'_>, _task: &TaskId) -> Result<()> {
        Err(Capabilities::lacks(self.kind(), Action::Cancel))
    }

    /// The backups of a subject that the provider has, newest first.
    ///
    /// # Errors
    /// See the trait.
    fn list(&self, _subject: &Subject, _account: Option<&Account>) -> Result<Vec<Entry>> {
        Err(Capabilities::lacks(self.kind(), Action::List))
    }

    /// Writes a backup to `to`; gives its length in bytes. The caller counts, and ends the transfer with an error of `to`.
    ///
    /// # Errors
    /// See the trait.
    fn download(
        &self,
        _subject: &Subject,
        _account: Option<&Account>,
        _entry: &EntryId,
        _to: &mut dyn Write,
        _control: &dyn Control,
    ) -> Result<u64> {
        Err(Capabilities::lacks(self.kind(), Action::Download))
    }

    /// Gives a file to the provider as a backup of its own. Nothing is restored by it.
    ///
    /// # Errors
    /// See the trait.
    fn import(&self, _order: &Order<'_>, _file: &mut File, _control: &dyn Control) -> Result<Started> {
        Err(Capabilities::lacks(self.kind(), Action::Import))
    }

    /// Takes in backups that lie in the provider's storage already, and that it does not list. Nothing is restored by it, and doing it twice does no harm.
    ///
    /// # Errors
    /// See the trait.
    fn register(&self, _order: &Order<'_>, _control: &dyn Control) -> Result<Started> {
        Err(Capabilities::lacks(self.kind(), Action::Register))
    }

    /// Begins to restore a backup, which overwrites what is there. The caller has had it confirmed.
    ///
    /// # Errors
    /// See the trait.
    fn restore(&self, _order: &Order<'_>, _entry: &EntryId, _control: &dyn Control) -> Result<Started> {
        Err(Capabilities::lacks(self.kind(), Action::Restore))
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// See the trait.
    fn remove(&self, _subject: &Subject, _account: Option<&Account>, _entry: &EntryId) -> Result<()> {
        Err(Capabilities::lacks(self.kind(), Action::Remove))
    }
}
