//! The copy of a site's project that is kept before the project is deleted on somebody's word.

use crate::backup::BackupFile;
use crate::backup::directory::Directory;
use crate::builder::project;
use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::clock;
use crate::types::Domain;

use super::Context;
use super::policy::{self, Principal};

/// What became of the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is in this file.
    File(BackupFile),
    /// The builder has no project of the site.
    Absent,
    /// This builder makes no backups.
    NotOffered,
}

/// Copies the project of a site from the builder into the directory of backups.
///
/// # Errors
/// [`ErrorKind::Forbidden`] for anybody but root; [`ErrorKind::SiteNotFound`] for a site that was never opened here; those of the builder and of the directory.
pub fn save_project(context: &Context, principal: &Principal, domain: &Domain) -> Result<Saved> {
    policy::allow_call(principal, Call::DeleteSite, context.panel.kind())?;
    let row = context.store()?.current(domain)?.ok_or_else(|| {
        Error::new(
            ErrorKind::SiteNotFound,
            format!("{domain} was never opened here: there is nothing to save"),
        )
    })?;
    let backup = &context.config.backup;
    let directory = Directory::open(&backup.directory)?;
    // The number tells files of one second apart; those of jobs are small.
    let mut draft =
        directory.begin(row.key.as_str(), clock::unix_seconds(), "sitebuilder", backup.largest)?;
    match context.builder.fetch_project(&row.key, backup.timeout, &mut draft) {
        Ok(_) => Ok(Saved::File(draft.finish(&format!("site {domain}"), Some(&row.owner.to_string()))?)),
        Err(error) if project::is_absent(&error) => Ok(Saved::Absent),
        Err(error) if project::has_no_such_call(&error) => Ok(Saved::NotOffered),
        Err(error) => Err(error.context("nothing is deleted before its backup")),
    }
}
