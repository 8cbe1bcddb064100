//! Which key of the builder's a site has.

use crate::error::Result;
use crate::limits;
use crate::panel::{Account, Site};
use crate::store::{Binding, SiteRow};
use crate::sys::resolve;
use crate::types::Domain;

use super::{Context, conflict};

/// The row that binds a site to its account for ever; made at the first opening.
pub(super) fn bind(context: &Context, account: &Account, site: &Site) -> Result<SiteRow> {
    let store = context.store()?;
    if let Some(row) = store.current(&site.domain)?.filter(|row| row.owner != account.id) {
        check_moved(context, account, &row)?;
    }
    store.bind(&site.domain, &account.id, || first_binding(context, account, &site.domain))
}

/// A site that was somebody else's goes to a new owner only if the former one does not claim it any more: closing a key is for good. This is rare, so
/// that the panel is asked even where that is slow.
fn check_moved(context: &Context, account: &Account, row: &SiteRow) -> Result<()> {
    let claimants = context.panel.owners(&row.domain)?;
    if claimants.iter().any(|name| name != account.name()) {
        return Err(conflict(&row.domain, &claimants));
    }
    log::warn!(
        "{} belongs to {} now, and no longer to {}: it gets a new key at the builder",
        row.domain,
        account.id,
        row.owner
    );
    Ok(())
}

/// Several servers that share a brand share its keys: a name that does not lead to this server may be another server's at the builder, so that it
/// gets a number until root says otherwise (`panelgate site claim`).
fn first_binding(context: &Context, account: &Account, domain: &Domain) -> Binding {
    if !context.config.builder.shared_brand {
        return Binding::Plain;
    }
    let Some(own) = account.public_ip else {
        log::warn!(
            "{domain} gets a number at the builder: this server's public address is not known ([panel] public_ip)"
        );
        return Binding::Numeric;
    };
    match resolve::addresses(domain.as_str(), limits::RESOLVE_TIME) {
        Ok(found) if found.contains(&own) => Binding::Plain,
        Ok(_) => {
            log::info!("{domain} gets a number at the builder: it does not lead to {own}");
            Binding::Numeric
        }
        Err(error) => {
            log::info!("{domain} gets a number at the builder: it cannot be looked up ({error})");
            Binding::Numeric
        }
    }
}
