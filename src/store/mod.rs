//! State below `[store] dir`: the install key, and one SQLite database.
//!
//! The database holds no secret. Nothing that can do without it is stopped when it is corrupt, full or read-only: it is opened where it is needed, and
//! what fails says so.

mod audit;
mod database;
mod install_key;
mod sites;

pub use audit::{AuditEntry, AuditQuery};
pub use database::Store;
pub use install_key::InstallKey;
pub use sites::{Binding, Facts, SiteRow};
