//! Events in our own words, for panels of one's own and for the command line.

use super::loose::{self, Loose, Maybe, members};
use super::{Event, EventKind, Said};

members! {
    /// `{"event": "suspend", "account": "...", "domain": "...", "old": {"account": "...", "domain": "..."}}`
    Plain { event: Loose, account: Loose, domain: Loose, old: Maybe<Old> }
}
members! {
    /// The former names.
    Old { account: Loose, domain: Loose }
}

pub(super) fn read(payload: &[u8]) -> Result<Said, String> {
    let plain: Plain = loose::json(payload)?;
    let kind = plain.event.text().and_then(EventKind::by_name).ok_or_else(|| {
        let names: Vec<&str> = EventKind::ALL.into_iter().map(EventKind::name).collect();
        format!("event must be one of {}", names.join(", "))
    })?;
    let old = &plain.old.0;
    let event = Event {
        kind,
        account: loose::account("account", &[&plain.account])?,
        domain: loose::domain("domain", &[&plain.domain])?,
        old_account: loose::account("old.account", &[&old.account])?,
        old_domain: loose::domain("old.domain", &[&old.domain])?,
    };
    if kind != EventKind::Reconcile && event.account.is_none() && event.domain.is_none() {
        return Err("it names neither an account nor a domain".to_owned());
    }
    Ok(Said::Event(event))
}
