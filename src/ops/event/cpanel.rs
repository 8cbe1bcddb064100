//! cPanel's standardized hooks (`reference/cpanel.md` 2): one JSON object.

use super::loose::{self, Loose, Maybe, members};
use super::{Event, EventKind, Said};

members! {
    /// What a script hook gets on standard input.
    Hook { context: Maybe<Context>, data: Maybe<Data> }
}
members! {
    /// Which event it is.
    Context { category: Loose, event: Loose, stage: Loose }
}
members! {
    /// The data that matter. Some events have them one level deeper, below `args`.
    Data {
        user: Loose, username: Loose, newuser: Loose, domain: Loose, new_domain: Loose, subdomain: Loose, rootdomain: Loose,
        is_restore: Loose, result: Loose, args: Maybe<Arguments>, output: Maybe<Outcome>,
    }
}
members! {
    /// The arguments of a call.
    Arguments { user: Loose, domain: Loose, newdomain: Loose, subdomain: Loose, rootdomain: Loose }
}
members! {
    /// How a call has ended.
    Outcome { result: Loose }
}

/// The result codes of calls that failed.
fn has_failed(data: &Data) -> bool {
    data.output.0.result.flag() == Some(false) || data.result.flag() == Some(false)
}

pub(super) fn read(payload: &[u8]) -> Result<Said, String> {
    let hook: Hook = loose::json(payload)?;
    let (context, data) = (hook.context.0, hook.data.0);
    let name = |value: &Loose| value.text().unwrap_or_default().to_owned();
    let (category, event, stage) = (name(&context.category), name(&context.event), name(&context.stage));
    if category.is_empty() || event.is_empty() {
        return Err("context.category and context.event do not say which event it is".to_owned());
    }
    let Some(kind) = kind_of(&category, &event) else {
        return Ok(Said::Ignored("it is not an event of an account or site"));
    };
    // Before a removal the panel still knows what is removed, and before a change of the main domain what that was; of everything else it will say how it ended.
    let looks_back = kind == EventKind::Remove || (kind == EventKind::Rename && data.domain.text().is_some());
    if stage.starts_with("pre") && !looks_back {
        return Ok(Said::Ignored("it has not happened yet"));
    }
    if category == "Cpanel" && has_failed(&data) {
        return Ok(Said::Ignored("it has failed"));
    }
    read_data(&event, kind, &data)
}

/// What an event is, by its name.
fn kind_of(category: &str, event: &str) -> Option<EventKind> {
    Some(match (category, event) {
        ("Whostmgr", "Accounts::Create") => EventKind::Create,
        ("Whostmgr", "Accounts::Remove") => EventKind::Remove,
        ("Whostmgr", "Accounts::Modify") => EventKind::Rename,
        ("Whostmgr", "Accounts::suspendacct") => EventKind::Suspend,
        ("Whostmgr", "Accounts::unsuspendacct") => EventKind::Unsuspend,
        ("Whostmgr", "Accounts::change_package") => EventKind::Plan,
        ("Whostmgr", "Accounts::SiteIP::set") => EventKind::Address,
        ("Whostmgr", "Domain::park" | "ParkAdmin::park" | "Domain::addsubdomain") => EventKind::DomainAdded,
        ("Whostmgr", "Domain::unpark" | "ParkAdmin::unpark" | "Domain::delsubdomain") => {
            EventKind::DomainRemoved
        }
        ("Whostmgr", "ConvertAddon::convert_addon") => EventKind::DomainAdded,
        ("Whostmgr", "AccountEnhancements::Assign" | "AccountEnhancements::Unassign") => EventKind::Reconcile,
        ("Passwd", "ChangePasswd") => EventKind::Password,
        ("PkgAcct", "Restore") => EventKind::Restore,
        ("Cpanel", event) => match event.split_once("::")?.1 {
            "AddonDomain::addaddondomain" | "SubDomain::addsubdomain" | "Park::park" => {
                EventKind::DomainAdded
            }
            "AddonDomain::deladdondomain" | "SubDomain::delsubdomain" | "Park::unpark" => {
                EventKind::DomainRemoved
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn read_data(name: &str, kind: EventKind, data: &Data) -> Result<Said, String> {
    let args = &data.args.0;
    if kind == EventKind::Reconcile {
        return Ok(Said::Event(Event::of(kind)));
    }
    let account = loose::account("data.user", &[&data.user, &args.user, &data.username])?;
    let Some(account) = account else {
        return Err("neither data.user nor data.args.user is there".to_owned());
    };
    let mut event = Event { account: Some(account), ..Event::of(kind) };
    match kind {
        EventKind::Create => {
            event.domain = loose::domain("data.domain", &[&data.domain])?;
            if data.is_restore.flag() == Some(true) {
                event.kind = EventKind::Restore;
            }
        }
        EventKind::Rename => {
            event.domain = loose::domain("data.domain", &[&data.domain])?;
            if let Some(new) = loose::account("data.newuser", &[&data.newuser])?
                && event.account.as_ref() != Some(&new)
            {
                event.old_account = event.account.replace(new);
            }
            if event.old_account.is_none() && event.domain.is_none() {
                // The package, the owner or the address of the user was changed.
                event.kind = EventKind::Plan;
            }
        }
        EventKind::DomainAdded | EventKind::DomainRemoved if name.ends_with("subdomain") => {
            let (label, root) = if args.rootdomain.text().is_some() {
                (if args.domain.text().is_some() { &args.domain } else { &args.subdomain }, &args.rootdomain)
            } else if data.rootdomain.text().is_some() {
                (&data.subdomain, &data.rootdomain)
            } else {
                return whole_name(event, &[&args.domain, &data.domain]);
            };
            event.domain = loose::subdomain(label, root)?;
        }
        EventKind::DomainAdded | EventKind::DomainRemoved => {
            return whole_name(event, &[&args.newdomain, &args.domain, &data.new_domain, &data.domain]);
        }
        _ => {}
    }
    Ok(Said::Event(event))
}

/// The site by its whole name. One that is written `label_main.example` is not one: then it is about the account as a whole.
fn whole_name(mut event: Event, values: &[&Loose]) -> Result<Said, String> {
    let text = values.iter().find_map(|value| value.text()).ok_or("it does not name the site")?;
    if !text.contains('_') {
        event.domain = loose::domain("the site", &[&Loose::of(text)])?;
    }
    Ok(Said::Event(event))
}
