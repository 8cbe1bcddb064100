//! Noting an event: marks and looks in the store, before the panel hears "ok". Nothing here waits for a builder.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::panel::SiteKind;
use crate::publish::generation;
use crate::store::{About, Marks, NewJob};
use crate::sys::clock;
use crate::types::{Domain, Username};

use super::super::policy::{self, Operation, Principal};
use super::super::{Context, reconcile};
use super::{Event, EventKind, Said};

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventAnswer {
    /// What has happened; `None` if the payload tells of nothing that matters here.
    pub event: Option<EventKind>,
    /// The account that it names.
    pub account: Option<Username>,
    /// The first job that looks after it.
    pub job: Option<u64>,
    /// Why nothing follows from it.
    pub ignored: Option<String>,
}

impl EventAnswer {
    fn ignored(event: Option<&Event>, why: &str) -> Self {
        let account = event.and_then(|event| event.account.clone());
        Self { event: event.map(|event| event.kind), account, job: None, ignored: Some(why.to_owned()) }
    }

    /// Whether publications that run may have to end because of it.
    pub fn may_end_publications(&self) -> bool {
        self.job.is_some()
            && matches!(
                self.event,
                Some(EventKind::Suspend | EventKind::Remove | EventKind::DomainRemoved | EventKind::Plan)
            )
    }
}

/// About whom the panel shall be asked anew.
#[derive(Clone, Debug, Default)]
pub struct RefreshRequest {
    /// The account; for a caller that is one, its own.
    pub account: Option<Username>,
    /// The site, for a caller that is no account.
    pub site: Option<Domain>,
}

/// Notes an event. For root.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; [`ErrorKind::Store`] if it could not be put on the disk.
pub(crate) fn record(context: &Context, principal: &Principal, said: &Said) -> Result<EventAnswer> {
    policy::allow(principal, Operation::TellEvents, context.panel.kind())?;
    let event = match said {
        Said::Ignored(why) => return Ok(EventAnswer::ignored(None, why)),
        Said::Event(event) => event,
    };
    match event.kind {
        EventKind::Password => {
            return Ok(EventAnswer::ignored(Some(event), "the builder's credentials are not the account's"));
        }
        EventKind::Address => {
            return Ok(EventAnswer::ignored(Some(event), "the next opening tells the builder"));
        }
        EventKind::Reconcile => {
            let job = context.store()?.queue_job(&comparison())?;
            return Ok(EventAnswer {
                event: Some(event.kind),
                account: None,
                job: Some(job.id),
                ignored: None,
            });
        }
        _ => {}
    }
    let noted = context.store()?.note_event(&about(context, event), marks(event.kind))?;
    let name = event.kind.name();
    match noted.job {
        Some(job) => {
            let (account, domain) = (named(event.account.as_ref()), named(event.domain.as_ref()));
            log::info!("event {name}: account {account}, site {domain}: {} sites, job {job}", noted.keys);
            let account = event.account.clone();
            Ok(EventAnswer { event: Some(event.kind), account, job: Some(job), ignored: None })
        }
        None => Ok(EventAnswer::ignored(Some(event), "nothing of it was ever opened")),
    }
}

/// Has the panel asked anew about an account: what an account may say about itself, and a panel's user about others.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; [`ErrorKind::InvalidArgument`] if nobody is named; [`ErrorKind::Store`].
pub(crate) fn refresh(
    context: &Context,
    principal: &Principal,
    request: &RefreshRequest,
) -> Result<EventAnswer> {
    policy::allow(principal, Operation::Refresh, context.panel.kind())?;
    let about = match principal {
        // Itself, whatever it names.
        Principal::Account { name, .. } => {
            About { accounts: vec![name.clone()], whole: true, slowly: true, ..About::default() }
        }
        _ if request.account.is_none() && request.site.is_none() => {
            let text = "name the account or the site that the panel shall be asked about";
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        _ => About {
            accounts: request.account.iter().cloned().collect(),
            whole: request.site.is_none(),
            domains: request.site.iter().cloned().collect(),
            ..About::default()
        },
    };
    let noted = context.store()?.note_event(&about, Marks::default())?;
    Ok(EventAnswer {
        event: Some(EventKind::Refresh),
        account: about.accounts.into_iter().next(),
        job: noted.job,
        ignored: noted.job.is_none().then(|| "nothing of it was ever opened".to_owned()),
    })
}

/// A comparison of panel and store by the program that runs jobs.
fn comparison() -> NewJob {
    NewJob {
        kind: reconcile::JOB.to_owned(),
        lane: reconcile::JOB.to_owned(),
        subject: "all sites".to_owned(),
        arguments: "{}".to_owned(),
        join: Some(0),
        ..NewJob::default()
    }
}

fn named(name: Option<&impl ToString>) -> String {
    name.map_or_else(|| "not named".to_owned(), ToString::to_string)
}

/// Which sites an event is about.
fn about(context: &Context, event: &Event) -> About {
    let accounts = [&event.account, &event.old_account].into_iter().flatten().cloned().collect();
    let of_one_site = event.domain.is_some()
        && matches!(
            event.kind,
            EventKind::Suspend
                | EventKind::Unsuspend
                | EventKind::Refresh
                | EventKind::DomainAdded
                | EventKind::DomainRemoved
        );
    let (mut old, mut renamed) = (event.old_domain.clone(), None);
    if event.kind == EventKind::Rename {
        old = old.or_else(|| main_site(context, event));
        renamed = event.domain.clone().filter(|_| old.is_some());
    }
    let whole = !of_one_site && event.old_domain.is_none();
    let domains = old.into_iter().chain(event.domain.clone()).collect();
    About { accounts, whole, domains, renamed, slowly: false }
}

/// What an account's main site is called now, if it is about to be called something else and the panel does not say what it was. Data that cannot be read
/// hinder no event.
fn main_site(context: &Context, event: &Event) -> Option<Domain> {
    let (name, new) = (event.account.as_ref()?, event.domain.as_ref()?);
    let account = context.panel.account(name).ok()?;
    let main = account.sites.iter().find(|site| site.kind == SiteKind::Main)?;
    (main.domain != *new).then(|| main.domain.clone())
}

fn marks(kind: EventKind) -> Marks {
    let ends = matches!(kind, EventKind::Suspend | EventKind::Remove);
    Marks {
        revoke: ends.then(|| generation(clock::unix_seconds())),
        removed: kind == EventKind::Remove,
        created: kind == EventKind::Create,
        resumed: kind == EventKind::Unsuspend,
    }
}
