//! What only root does: look into the audit, end credentials, claim a key.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::publish::generation;
use crate::store::{AuditEntry, AuditQuery, SiteRow};
use crate::sys::clock;
use crate::types::{Domain, Username};

use super::policy::{self, Operation, Principal};
use super::{Context, technical};

/// Whose credentials are ended.
#[derive(Clone, Debug)]
pub enum Target {
    /// Those of one site.
    Site(Domain),
    /// Those of all sites of an account.
    Account(Username),
    /// All.
    All,
}

/// Ends the publication credentials that were handed out so far; the next opening of each site hands out new ones. Gives the sites.
///
/// Suspension, removal and a change of owner call this too.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; [`ErrorKind::SiteNotFound`] if no site was ever opened that fits; [`ErrorKind::Unavailable`] if an FTP account of ours
/// is still there: a job tries again; [`ErrorKind::Store`].
pub fn revoke(context: &Context, principal: &Principal, target: &Target) -> Result<Vec<Domain>> {
    policy::allow(principal, Operation::Revoke, context.panel.kind())?;
    let current = generation(clock::unix_seconds());
    let store = context.store()?;
    let (account, site) = match target {
        Target::Site(site) => (None, Some(site)),
        Target::Account(account) => (Some(account), None),
        Target::All => (None, None),
    };
    let rows = store.current_rows(account, site)?;
    let sites = store.revoke(account, site, current)?;
    if sites.is_empty() && !matches!(target, Target::All) {
        return Err(Error::new(
            ErrorKind::SiteNotFound,
            "nothing was ever opened there: there are no credentials to end",
        ));
    }
    log::info!("{principal} ended the publication credentials of {} sites", sites.len());
    // Jobs would do it too: whoever asked wants to know now.
    let failed: Vec<Error> = rows.iter().filter_map(|row| technical::end(context, &row.key).err()).collect();
    for error in &failed {
        log::error!("an FTP account could not be removed: {}", error.chain());
    }
    match failed.into_iter().next() {
        None => Ok(sites),
        Some(first) => Err(first
            .context("the credentials of the endpoint are ended, but not every FTP account; jobs try again")),
    }
}

/// Reads the audit, newest first.
///
/// # Errors
/// [`ErrorKind::Forbidden`], [`ErrorKind::Store`].
pub fn audit(context: &Context, principal: &Principal, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
    policy::allow(principal, Operation::ViewAudit, context.panel.kind())?;
    let limit = query.limit.clamp(1, limits::AUDIT_LINES);
    context.store()?.audit(&AuditQuery { limit, ..query.clone() })
}

/// Gives a site that has a number at the builder its own name there.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; see [`crate::store::Store::claim`].
pub fn claim(context: &Context, principal: &Principal, site: &Domain) -> Result<SiteRow> {
    policy::allow(principal, Operation::ClaimSite, context.panel.kind())?;
    let row = context.store()?.claim(site)?;
    log::info!("{principal} gave the site {site} the key {} at the builder", row.key);
    Ok(row)
}
