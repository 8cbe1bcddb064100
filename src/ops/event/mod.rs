//! What panels say about their accounts while they change them: hooks, listeners, event handlers.
//!
//! An event is a hint. Its payload is read for names only, by one reader for each source; what is true, the job reads from the panel when it runs. Readers have
//! types without a place for anything else, so that a password that a panel passes to its hooks is neither kept nor logged.

mod cpanel;
mod directadmin;
mod loose;
mod plain;
mod plesk;
mod record;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Domain, Username, quote};

pub use record::{EventAnswer, RefreshRequest};
pub(crate) use record::{record, refresh};

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// An account was made.
    Create,
    /// An account or a site has another name.
    Rename,
    /// An account or a site was suspended.
    Suspend,
    /// A suspension is over.
    Unsuspend,
    /// An account is or was removed.
    Remove,
    /// An account has another plan or other features.
    Plan,
    /// An account has another password.
    Password,
    /// An account came back from a backup.
    Restore,
    /// An account has a further site.
    DomainAdded,
    /// An account has a site less.
    DomainRemoved,
    /// An account has another address.
    Address,
    /// Something about an account or a site, which the panel must be asked about.
    Refresh,
    /// Something about many accounts.
    Reconcile,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Create,
        Self::Rename,
        Self::Suspend,
        Self::Unsuspend,
        Self::Remove,
        Self::Plan,
        Self::Password,
        Self::Restore,
        Self::DomainAdded,
        Self::DomainRemoved,
        Self::Address,
        Self::Refresh,
        Self::Reconcile,
    ];

    /// The word in payloads, output and log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Rename => "rename",
            Self::Suspend => "suspend",
            Self::Unsuspend => "unsuspend",
            Self::Remove => "remove",
            Self::Plan => "plan",
            Self::Password => "password",
            Self::Restore => "restore",
            Self::DomainAdded => "domain-added",
            Self::DomainRemoved => "domain-removed",
            Self::Address => "address",
            Self::Refresh => "refresh",
            Self::Reconcile => "reconcile",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An event, as far as a payload says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What has happened.
    pub kind: EventKind,
    /// The account, as it is called from now on.
    pub account: Option<Username>,
    /// The site, as it is called from now on.
    pub domain: Option<Domain>,
    /// The account's former name.
    pub old_account: Option<Username>,
    /// The site's former name.
    pub old_domain: Option<Domain>,
}

impl Event {
    /// An event of a kind that names nothing yet.
    pub fn of(kind: EventKind) -> Self {
        Self { kind, account: None, domain: None, old_account: None, old_domain: None }
    }
}

/// What a payload says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An event.
    Event(Event),
    /// Nothing that matters here, and why.
    Ignored(&'static str),
}

/// Reads a payload. `source` is `cpanel`, `directadmin/NAME`, `plesk/EVENT` or `plain`.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for an unknown source and for a payload that is not what its source sends. The text never repeats a value that could be a secret.
pub fn read(source: &str, payload: &[u8]) -> Result<Said> {
    if payload.len() > limits::EVENT_BYTES {
        return Err(bad(source, &format!("the payload is larger than {} bytes", limits::EVENT_BYTES)));
    }
    if payload.trim_ascii().is_empty() {
        check_source(source)?;
        return Ok(Said::Ignored("the payload is empty"));
    }
    let said = match source.split_once('/') {
        None if source == "cpanel" => cpanel::read(payload),
        None if source == "plain" => plain::read(payload),
        Some(("directadmin", name)) => directadmin::read(name, payload),
        Some(("plesk", event)) => plesk::read(event, payload),
        _ => return Err(no_source(source)),
    };
    said.map_err(|what| bad(source, &what))
}

/// Whom a payload names, for a caller that can only have the panel asked anew: nobody, if it cannot be read.
pub(crate) fn hint(source: &str, payload: &[u8]) -> RefreshRequest {
    match read(source, payload) {
        Ok(Said::Event(event)) => RefreshRequest { account: event.account, site: event.domain },
        _ => RefreshRequest::default(),
    }
}

fn check_source(source: &str) -> Result<()> {
    let known = match source.split_once('/') {
        None => ["cpanel", "plain"].contains(&source),
        Some((panel, _)) => ["directadmin", "plesk"].contains(&panel),
    };
    if known { Ok(()) } else { Err(no_source(source)) }
}

fn no_source(source: &str) -> Error {
    let text = format!(
        "{} is no source of events: they are cpanel, directadmin/NAME, plesk/EVENT, plain",
        quote(source)
    );
    Error::new(ErrorKind::InvalidArgument, text)
}

fn bad(source: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("event from {}: {what}", quote(source)))
}
