//! State below `[store] dir`: the install key, and one SQLite database.
//!
//! The database holds no secret but the address of an archive until that was fetched. Nothing that can do without it is stopped when it is corrupt, full or read-only: it is opened where it is needed, and
//! what fails says so.
//!
//! Who owns which key, and what is revoked, is on the disk before anybody is told (`synchronous = full`). Lines of the audit do not wait for the disk:
//! the last of them may be missing after a power cut, and the system log has them.

mod audit;
mod carry;
mod database;
mod ftp_accounts;
mod install_key;
mod jobs;
mod jobs_lock;
mod lifecycle;
mod publications;
mod published;
mod reached;
mod rename;
mod sites;

pub use audit::{AuditEntry, AuditQuery};
pub use carry::CarryRow;
pub use database::Store;
pub use ftp_accounts::END_FTP_ACCOUNT;
pub use install_key::InstallKey;
pub use jobs::{Job, JobFacts, JobQuery, JobState, NewJob, Queued};
pub use jobs_lock::JobsLock;
pub use lifecycle::{About, Lifecycle, Marks, Noted, REMOVE_SITE, SYNC_SITE};
pub use publications::{Asked, PublicationRow, PublicationState};
pub use published::{PresenceRow, PublishedRow, Reading};
#[cfg(test)]
pub(crate) use sites::row_of_tests;
pub use sites::{Binding, Facts, SiteRow};
