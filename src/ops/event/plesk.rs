//! Plesk's events (`reference/plesk.md` 5): the event's name, and its values either as a listener has them (JSON) or as an event handler's environment.
//!
//! Names of values are spelled in three ways: `Domain Name`, `domain_name`, `OLD_DOMAIN_NAME` and `NEW_DOMAIN_NAME`. A listener has the old and the new ones in two objects.

use serde::de::MapAccess;

use super::loose::{self, Loose, Maybe, Members};
use super::{Event, EventKind, Said};
use crate::types::Domain;

/// The values that are looked at, of before or after a change.
#[derive(Clone, Debug, Default)]
struct Values {
    domain: Loose,
    alias: Loose,
    subdomain: Loose,
    user: Loose,
}

impl Values {
    /// The place for a value by its name in the second spelling.
    fn place(&mut self, name: &str) -> Option<&mut Loose> {
        Some(match name {
            "domain_name" => &mut self.domain,
            "domain_alias_name" => &mut self.alias,
            "subdomain_name" => &mut self.subdomain,
            "system_user" => &mut self.user,
            _ => return None,
        })
    }
}

impl Members for Values {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let Some(place) = self.place(&normal(name)) else { return Ok(false) };
        *place = map.next_value()?;
        Ok(true)
    }
}

/// All values of an event.
#[derive(Default)]
struct Both {
    old: Values,
    new: Values,
    /// Those that came without saying of when they are.
    either: Values,
}

impl Both {
    fn place(&mut self, name: &str) -> Option<&mut Loose> {
        let name = normal(name);
        if let Some(name) = name.strip_prefix("old_") {
            return self.old.place(name);
        }
        match name.strip_prefix("new_") {
            Some(name) => self.new.place(name),
            None => self.either.place(&name),
        }
    }
}

impl Members for Both {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match normal(name).as_str() {
            "old" | "oldvalues" | "old_values" => self.old = map.next_value::<Maybe<Values>>()?.0,
            "new" | "newvalues" | "new_values" => self.new = map.next_value::<Maybe<Values>>()?.0,
            _ => match self.place(name) {
                Some(place) => *place = map.next_value()?,
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

fn normal(name: &str) -> String {
    if name.len() > 64 { String::new() } else { name.to_ascii_lowercase().replace(' ', "_") }
}

pub(super) fn read(name: &str, payload: &[u8]) -> Result<Said, String> {
    let kind = match name {
        "domain_create" => EventKind::Create,
        "domain_delete" => EventKind::Remove,
        "domain_update"
        | "site_update"
        | "subdomain_update"
        | "site_subdomain_update"
        | "domain_alias_update"
        | "site_alias_update" => EventKind::Rename,
        "site_create"
        | "subdomain_create"
        | "site_subdomain_create"
        | "domain_alias_create"
        | "site_alias_create" => EventKind::DomainAdded,
        "site_delete"
        | "subdomain_delete"
        | "site_subdomain_delete"
        | "domain_alias_delete"
        | "site_alias_delete" => EventKind::DomainRemoved,
        "phys_hosting_create"
        | "phys_hosting_update"
        | "phys_hosting_delete"
        | "forwarding_create"
        | "forwarding_update"
        | "forwarding_delete"
        | "domain_status_update"
        | "site_status_update"
        | "domain_owner_change"
        | "domain_guid_update" => EventKind::Refresh,
        "client_status_update"
        | "client_delete"
        | "client_guid_update"
        | "reseller_status_update"
        | "reseller_delete"
        | "template_domain_update"
        | "template_domain_delete" => {
            return Ok(Said::Event(Event::of(EventKind::Reconcile)));
        }
        _ => return Ok(Said::Ignored("it is not an event of an account or site")),
    };
    let both = match payload.trim_ascii().first() {
        Some(b'{') => loose::json::<Both>(payload)?,
        _ => {
            let mut both = Both::default();
            for (name, value) in loose::pairs(payload) {
                if let Some(place) = both.place(name) {
                    *place = Loose::of(value);
                }
            }
            both
        }
    };
    read_values(name, kind, &both)
}

fn read_values(name: &str, kind: EventKind, both: &Both) -> Result<Said, String> {
    let old = site(name, &both.old)?;
    let new = match site(name, &both.new)? {
        Some(new) => Some(new),
        None => site(name, &both.either)?,
    };
    let account = loose::account("system_user", &[&both.new.user, &both.either.user, &both.old.user])?;
    let mut event = Event { account, ..Event::of(kind) };
    match (old, new) {
        (Some(old), Some(new)) if kind == EventKind::Rename && old != new => {
            event.domain = Some(new);
            event.old_domain = Some(old);
        }
        (old, new) => {
            event.domain = new.or(old);
            if kind == EventKind::Rename {
                // The same event tells of every other change.
                event.kind = EventKind::Refresh;
            }
        }
    }
    if event.domain.is_none() && event.account.is_none() {
        return Err("it names neither a site nor a system user".to_owned());
    }
    Ok(Said::Event(event))
}

/// The site that the values are about.
fn site(name: &str, values: &Values) -> Result<Option<Domain>, String> {
    if name.contains("_alias_") {
        return loose::domain("domain_alias_name", &[&values.alias]);
    }
    if name.contains("subdomain_") && values.subdomain.text().is_some() {
        if values.domain.text().is_none() {
            return loose::domain("subdomain_name", &[&values.subdomain]);
        }
        return loose::subdomain(&values.subdomain, &values.domain);
    }
    loose::domain("domain_name", &[&values.domain])
}
