//! Who may do what to whom: a pure function over facts.
//!
//! The facts are read from the panel immediately before; nothing in a request is a fact.

use std::fmt;

use crate::config::PanelKind;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, Site, SiteKind};
use crate::types::Username;

/// Who the kernel says the caller is, and what that means on this panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// uid 0 outside a web server: hooks, command line, jobs.
    Root,
    /// A system user of the panel, whose word about the account counts (`[broker] panel_users`).
    PanelUser {
        /// Its uid.
        uid: u32,
    },
    /// The system user of an account.
    Account {
        /// Its uid.
        uid: u32,
        /// Its name in the user database.
        name: Username,
    },
    /// Anybody else.
    Stranger {
        /// Its uid.
        uid: u32,
    },
}

impl Principal {
    /// The uid that the kernel named.
    pub fn uid(&self) -> u32 {
        match self {
            Self::Root => 0,
            Self::PanelUser { uid } | Self::Account { uid, .. } | Self::Stranger { uid } => *uid,
        }
    }
}

impl Principal {
    /// The account whose system user the caller is.
    pub fn own_account(&self) -> Option<&Username> {
        match self {
            Self::Account { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "root"),
            Self::PanelUser { uid } => write!(f, "panel user (uid {uid})"),
            Self::Account { uid, name } => write!(f, "account {name} (uid {uid})"),
            Self::Stranger { uid } => write!(f, "stranger (uid {uid})"),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// See the account and its sites.
    ViewAccount,
    /// Open a builder session for a site.
    OpenSite,
}

impl Operation {
    /// A stable name: log lines, form tokens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ViewAccount => "view-account",
            Self::OpenSite => "open-site",
        }
    }
}

/// Decides about an account as a whole.
///
/// # Errors
/// Why not, with the kind that the caller is told.
pub fn allow_account(
    principal: &Principal,
    operation: Operation,
    panel: PanelKind,
    account: &Account,
) -> Result<()> {
    let name = account.name();
    let deny = |kind, text: String| Err(Error::new(kind, text));
    match principal {
        Principal::Root | Principal::PanelUser { .. } => {}
        Principal::Account { uid, name: own } if panel.has_account_peers() => {
            if own != name || *uid != account.id.uid() {
                return deny(ErrorKind::Forbidden, format!("{principal} may not act for account {name}"));
            }
        }
        Principal::Account { .. } | Principal::Stranger { .. } => {
            let text = format!(
                "{principal} may do nothing here: on {} the panel itself opens the builder",
                panel.title()
            );
            return deny(ErrorKind::Forbidden, text);
        }
    }
    if operation == Operation::ViewAccount && *principal == Principal::Root {
        return Ok(());
    }
    if account.suspended {
        return deny(ErrorKind::Suspended, format!("account {name} is suspended"));
    }
    if account.demo {
        return deny(ErrorKind::DemoAccount, format!("account {name} is a demonstration account"));
    }
    if !account.feature {
        let plan = account.plan.as_deref().unwrap_or("none");
        return deny(
            ErrorKind::FeatureOff,
            format!("account {name} (plan {plan}) does not have the builder"),
        );
    }
    Ok(())
}

/// Decides about one site of an account that [`allow_account`] has passed.
///
/// # Errors
/// Why not, with the kind that the caller is told.
pub fn allow_site(operation: Operation, site: &Site) -> Result<()> {
    let domain = &site.domain;
    let deny = |kind, text: String| Err(Error::new(kind, text));
    if operation == Operation::ViewAccount {
        return Ok(());
    }
    if let (SiteKind::Alias, target) = (site.kind, &site.alias_of) {
        let of = target.as_ref().map_or_else(|| "another site".to_owned(), ToString::to_string);
        return deny(ErrorKind::SiteAlias, format!("{domain} is an alias of {of}: open that site instead"));
    }
    if site.suspended {
        return deny(ErrorKind::Suspended, format!("the site {domain} is suspended"));
    }
    if site.document_root.is_none() {
        let text = format!(
            "the site {domain} has no web hosting, or its document root is not below the account's home"
        );
        return deny(ErrorKind::SiteWithoutHosting, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
