//! Backups, by what the server has.
//!
//! - [`plesk`]: Plesk's XML API, and its own backup program for the versions whose API has no backups any more

pub mod plesk;
