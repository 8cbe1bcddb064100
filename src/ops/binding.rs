//! Which key of the builder's a site has.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, Site};
use crate::store::{Binding, SiteRow};
use crate::sys::resolve::{self, ChosenBy};
use crate::types::{AccountId, Domain};

use super::open::not_there;
use super::policy::{self, Operation, Principal};
use super::{Context, conflict};

/// The row that binds a site to its account for ever; made at the first opening.
pub(super) fn bind(context: &Context, account: &Account, site: &Site) -> Result<SiteRow> {
    let store = context.store()?;
    let former = match store.current(&site.domain)? {
        Some(row) if row.owner == account.id => return Ok(row),
        Some(row) if is_renamed(context, &row.owner, &account.id)? => {
            log::warn!(
                "account {} is called {} now and keeps {}",
                row.owner.name(),
                account.name(),
                row.domain
            );
            return store.rename_owner(&row, &account.id);
        }
        former => former,
    };
    if let Some(row) = &former {
        check_moved(context, account, row)?;
    }
    check_limit(context, account)?;
    let binding = first_binding(context, account, &site.domain)?;
    store.bind(&site.domain, &account.id, former.as_ref(), binding)
}

/// The account and the site of a row as the panel has them now.
///
/// # Errors
/// [`ErrorKind::Forbidden`] if the account is another one than the row's; those of the panel; why the policy refuses the operation.
pub(super) fn bound(
    context: &Context,
    principal: &Principal,
    operation: Operation,
    row: &SiteRow,
) -> Result<(Account, Site)> {
    let account = context.panel.account(row.owner.name())?;
    if account.id != row.owner {
        let text = format!(
            "the site {} was opened by {}, and the account is {} now",
            row.domain, row.owner, account.id
        );
        return Err(Error::new(ErrorKind::Forbidden, text));
    }
    policy::allow_account(principal, operation, context.panel.kind(), &account)?;
    let site = account.site(&row.domain).cloned().ok_or_else(|| not_there(context, &account, &row.domain))?;
    policy::allow_site(operation, &site)?;
    Ok((account, site))
}

/// A plan may say how many sites have the builder. What was opened before the limit stays open; a site that is no longer the account's does not count.
fn check_limit(context: &Context, account: &Account) -> Result<()> {
    let Some(limit) = account.site_limit else { return Ok(()) };
    let rows = context.store()?.current_rows(Some(account.name()), None)?;
    let own = rows.iter().filter(|row| row.owner == account.id && account.site(&row.domain).is_some());
    let count = own.count();
    if u32::try_from(count).is_ok_and(|count| count < limit) {
        return Ok(());
    }
    let text = format!("{} may have the builder for {limit} sites, and has it for {count}", account.name());
    Err(Error::new(ErrorKind::FeatureOff, text))
}

/// Whether an account is the former one under another name: uid and the panel's mark have stayed, and the panel knows the old name no more.
pub(super) fn is_renamed(context: &Context, former: &AccountId, now: &AccountId) -> Result<bool> {
    let same = (former.panel(), former.uid(), former.mark()) == (now.panel(), now.uid(), now.mark());
    if !same || now.mark().is_empty() || former.name() == now.name() {
        return Ok(false);
    }
    match context.panel.account(former.name()) {
        Err(error) if error.kind() == ErrorKind::AccountNotFound => Ok(true),
        other => other.map(|_| false),
    }
}

/// A site that was somebody else's goes to a new owner only if all of the panel's data say so: its map of all domains names the new one and nobody
/// else, and the former one's own data do not have the site. Closing a key is for good, and data may be half-written. It is rare, so that the panel is
/// asked even where that is slow.
fn check_moved(context: &Context, account: &Account, row: &SiteRow) -> Result<()> {
    let (domain, former) = (&row.domain, row.owner.name());
    let mut claimants = context.panel.owners(domain)?;
    if claimants.is_empty() {
        let text = format!(
            "{domain} was {former}'s, and the panel's map of domains does not name it: the map is not up to date"
        );
        return Err(Error::new(ErrorKind::PanelData, text));
    }
    if former != account.name() {
        match context.panel.account(former) {
            Ok(other) if other.site(domain).is_some() => claimants.push(former.clone()),
            Err(error) if error.kind() != ErrorKind::AccountNotFound => {
                return Err(error.context(format!("{domain} was {former}'s, whose data cannot be read")));
            }
            _ => {}
        }
    }
    if claimants.iter().any(|name| name != account.name()) {
        claimants.push(account.name().clone());
        claimants.sort();
        claimants.dedup();
        return Err(conflict(domain, &claimants));
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
///
/// # Errors
/// [`ErrorKind::TooMany`] if names cannot be looked up at this moment: a number is for good.
pub(crate) fn first_binding(context: &Context, account: &Account, domain: &Domain) -> Result<Binding> {
    if !context.config.builder.shared_brand {
        return Ok(Binding::Plain);
    }
    let Some(own) = account.public_ip else {
        log::warn!(
            "{domain} gets a number at the builder: this server's public address is not known ([panel] public_ip)"
        );
        return Ok(Binding::Numeric);
    };
    Ok(match resolve::addresses(domain.as_str(), ChosenBy::Customer, limits::RESOLVE_TIME) {
        Ok(found) if found.contains(&own) => Binding::Plain,
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
            let text = format!("{domain} cannot be looked up at the moment");
            return Err(Error::new(ErrorKind::TooMany, text).with_source(error));
        }
        Ok(_) => {
            log::info!("{domain} gets a number at the builder: it does not lead to {own}");
            Binding::Numeric
        }
        Err(error) => {
            log::info!("{domain} gets a number at the builder: it cannot be looked up ({error})");
            Binding::Numeric
        }
    })
}
