//! What only root does: look into the audit, end credentials, claim a key.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::publish::generation;
use crate::store::{AuditEntry, AuditQuery, SiteRow};
use crate::sys::clock;
use crate::types::{Domain, Username};

use super::Context;
use super::policy::{self, Operation, Principal};

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
/// [`ErrorKind::Forbidden`]; [`ErrorKind::SiteNotFound`] if no site was ever opened that fits; [`ErrorKind::Store`].
pub fn revoke(context: &Context, principal: &Principal, target: &Target) -> Result<Vec<Domain>> {
    policy::allow(principal, Operation::Revoke, context.panel.kind())?;
    let current = generation(clock::unix_seconds());
    let store = context.store()?;
    let sites = match target {
        Target::Site(site) => store.revoke(None, Some(site), current)?,
        Target::Account(account) => store.revoke(Some(account), None, current)?,
        Target::All => store.revoke(None, None, current)?,
    };
    if sites.is_empty() && !matches!(target, Target::All) {
        return Err(Error::new(
            ErrorKind::SiteNotFound,
            "nothing was ever opened there: there are no credentials to end",
        ));
    }
    log::info!("{principal} ended the publication credentials of {} sites", sites.len());
    Ok(sites)
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
