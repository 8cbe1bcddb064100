//! What an account sees of its backups: no path of this server, no word of a provider. It goes through the broker as it is.

use serde::{Deserialize, Serialize};

use crate::backup::directory::Kept;
use crate::limits;
use crate::store::{Job, JobState};
use crate::types::Domain;

use super::ProjectBackups;

/// The backups of one project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The site.
    pub site: Domain,
    /// The backups, newest first.
    pub files: Vec<SeenFile>,
    /// The last job.
    pub job: Option<SeenJob>,
    /// The token of the form that orders a backup, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFile {
    /// Its name.
    pub name: String,
    /// When it was made, in Unix seconds.
    pub made: u64,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenJob {
    /// Its number.
    pub id: u64,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// 0 to 100.
    pub percent: Option<u8>,
    /// Unix seconds.
    pub queued: u64,
    /// Why it failed, or waits; for root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Seen {
    /// What an account may see of all that is known.
    pub fn of(backups: &ProjectBackups) -> Self {
        let files = backups.files.iter().take(limits::BACKUPS_SHOWN).map(SeenFile::of);
        let job = backups.job.as_ref().map(SeenJob::of);
        Self { site: backups.site.clone(), files: files.collect(), job, token: backups.token.clone() }
    }
}

impl SeenFile {
    pub(super) fn of(kept: &Kept) -> Self {
        Self {
            name: kept.name.clone(),
            made: kept.manifest.made,
            size: kept.manifest.size,
            sha256: kept.manifest.sha256.clone(),
        }
    }
}

impl SeenJob {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            id: job.id,
            state: job.state.name().to_owned(),
            percent: job.percent,
            queued: job.queued,
            reason: None,
        }
    }

    /// Whether nothing more will happen; a state of the future is one that goes on.
    pub fn is_final(&self) -> bool {
        JobState::ALL.into_iter().any(|state| state.is_final() && state.name() == self.state)
    }
}
