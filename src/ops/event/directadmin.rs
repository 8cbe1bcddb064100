//! DirectAdmin's hooks (`reference/directadmin.md` 3 and 7): the hook's name, and its variables as an environment.

use super::loose::{self, Loose};
use super::{Event, EventKind, Said};

/// The variables that are looked at. Values come from forms.
#[derive(Default)]
struct Variables {
    username: Loose,
    domain: Loose,
    newdomain: Loose,
    subdomain: Loose,
    from: Loose,
    success: Loose,
}

impl Variables {
    fn read(payload: &[u8]) -> Self {
        let mut variables = Self::default();
        for (name, value) in loose::pairs(payload) {
            let place = match name {
                "username" => &mut variables.username,
                "domain" => &mut variables.domain,
                "newdomain" => &mut variables.newdomain,
                "subdomain" => &mut variables.subdomain,
                "from" => &mut variables.from,
                "success" => &mut variables.success,
                _ => continue,
            };
            *place = Loose::of(value);
        }
        variables
    }
}

pub(super) fn read(name: &str, payload: &[u8]) -> Result<Said, String> {
    let kind = match name {
        _ if name.ends_with("_pre") => return Ok(Said::Ignored("it has not happened yet")),
        "user_create_post" | "user_create_post_confirmed" => EventKind::Create,
        "user_modify_post" => EventKind::Plan,
        "user_suspend_post" => EventKind::Suspend,
        "user_activate_post" => EventKind::Unsuspend,
        "user_destroy_post" => EventKind::Remove,
        "user_password_change_post" => EventKind::Password,
        "user_restore_post" => EventKind::Restore,
        "domain_create_post" | "domain_pointer_create_post" | "subdomain_create_post" => {
            EventKind::DomainAdded
        }
        "domain_destroy_post" | "domain_pointer_destroy_post" | "subdomain_destroy_post" => {
            EventKind::DomainRemoved
        }
        "domain_change_post" => EventKind::Rename,
        "domain_modify_post" => EventKind::Refresh,
        "reseller_modify_post" | "reseller_destroy_post" => {
            return Ok(Said::Event(Event::of(EventKind::Reconcile)));
        }
        _ => return Ok(Said::Ignored("it is not an event of an account or site")),
    };
    let variables = Variables::read(payload);
    if variables.success.flag() == Some(false) {
        return Ok(Said::Ignored("it has failed"));
    }
    let account = loose::account("username", &[&variables.username])?;
    let mut event = Event { account, ..Event::of(kind) };
    let site = || loose::domain("domain", &[&variables.domain]);
    match name {
        "subdomain_create_post" | "subdomain_destroy_post" => {
            event.domain = loose::subdomain(&variables.subdomain, &variables.domain)?;
        }
        "domain_pointer_create_post" | "domain_pointer_destroy_post" => {
            event.domain = loose::domain("from", &[&variables.from])?;
        }
        "domain_change_post" => {
            event.domain = loose::domain("newdomain", &[&variables.newdomain])?;
            event.old_domain = site()?;
            if event.domain.is_none() || event.old_domain.is_none() {
                return Err("domain or newdomain is not there".to_owned());
            }
        }
        _ if name.starts_with("domain_") => event.domain = site()?,
        _ => {}
    }
    let names_a_site = matches!(kind, EventKind::DomainAdded | EventKind::DomainRemoved | EventKind::Refresh);
    if names_a_site && event.domain.is_none() {
        return Err("it does not name the site".to_owned());
    }
    if event.account.is_none() && event.domain.is_none() {
        return Err("username is not there".to_owned());
    }
    Ok(Said::Event(event))
}
