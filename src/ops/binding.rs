//! Which key of the builder's a site has.

use crate::error::Result;
use crate::limits;
use crate::panel::{Account, Site};
use crate::store::{Binding, SiteRow};
use crate::sys::resolve;
use crate::types::Domain;

use super::Context;

/// The row that binds a site to its account for ever; made at the first opening.
pub(super) fn bind(context: &Context, account: &Account, site: &Site) -> Result<SiteRow> {
    context.store()?.bind(&site.domain, &account.id, || first_binding(context, account, &site.domain))
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
