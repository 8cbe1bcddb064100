//! Who may do what to whom: a pure function over facts.
//!
//! The facts are read from the panel immediately before; nothing in a request is a fact.

use std::fmt;

use crate::calls::{Call, Callers};
use crate::config::PanelKind;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, Site, SiteKind};
use crate::types::{Username, quote};

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
    /// The public web server (`[broker] web_users`).
    WebServer {
        /// Its uid.
        uid: u32,
    },
    /// The system user `panelgate-web`, to which a front drops that a panel started as root, unless `[broker] panel_users` names it.
    WebFront {
        /// Its uid.
        uid: u32,
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
            Self::PanelUser { uid }
            | Self::Account { uid, .. }
            | Self::WebServer { uid }
            | Self::WebFront { uid }
            | Self::Stranger { uid } => *uid,
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
            Self::WebServer { uid } => write!(f, "web server (uid {uid})"),
            Self::WebFront { uid } => write!(f, "panelgate-web (uid {uid})"),
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
    /// See what the broker counts.
    ViewStatus,
    /// See who opened what.
    ViewAudit,
    /// End publication credentials.
    Revoke,
    /// Give a site the plain key at the builder.
    ClaimSite,
    /// Make a call of the builder's; [`allow_call`] decides about each.
    CallBuilder,
    /// See, try again and cancel jobs.
    ManageJobs,
    /// Back up the project of a site.
    BackupProject,
    /// See the backups of the project of a site.
    ViewBackups,
    /// Everything else about backups.
    ManageBackups,
    /// Take a backup of the project of a site away.
    DownloadProject,
    /// Hand over a request of the builder's to the publication endpoint.
    Publish,
    /// See what is published.
    ViewPublication,
    /// Take back what is published.
    ChangePublication,
    /// Have the server examined.
    Examine,
    /// Tell of an event of the panel's.
    TellEvents,
    /// Have the panel asked anew about an account.
    Refresh,
}

/// Who may do an operation at all. What it says about accounts holds for the account itself (a principal `Account`) or the one that is named
/// (`PanelUser`).
struct Rule {
    operation: Operation,
    /// A stable name: protocol, log lines, form tokens, audit.
    name: &'static str,
    account: bool,
    panel_user: bool,
    web_front: bool,
    /// Whether the account must be in good standing: not suspended, no demonstration account, with the builder in its plan.
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Needed.
    Needed,
    /// Not needed from root, who must be able to look at any account.
    NotFromRoot,
    /// There is no account in it.
    None,
}

/// The whole table. Root may do everything in it but what comes from the builder, which only the web server brings, and that nothing else; strangers may
/// do nothing.
#[rustfmt::skip]
const RULES: [Rule; 18] = [
    Rule { operation: Operation::ViewAccount, name: "overview",  account: true,  panel_user: true,  web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::OpenSite,    name: "open",      account: true,  panel_user: true,  web_front: false, standing: Standing::Needed },
    Rule { operation: Operation::ViewStatus,  name: "status",    account: false, panel_user: true,  web_front: true,  standing: Standing::None },
    Rule { operation: Operation::ViewAudit,   name: "audit",     account: false, panel_user: false, web_front: false, standing: Standing::None },
    Rule { operation: Operation::Revoke,      name: "revoke",    account: false, panel_user: false, web_front: false, standing: Standing::None },
    Rule { operation: Operation::ClaimSite,   name: "claim",     account: false, panel_user: false, web_front: false, standing: Standing::None },
    Rule { operation: Operation::CallBuilder, name: "call",      account: true,  panel_user: true,  web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::ManageJobs,  name: "jobs",      account: false, panel_user: false, web_front: false, standing: Standing::None },
    Rule { operation: Operation::BackupProject, name: "backup-project", account: true, panel_user: true, web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::ViewBackups, name: "backups",   account: true,  panel_user: true,  web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::ManageBackups, name: "backup",  account: false, panel_user: false, web_front: false, standing: Standing::None },
    Rule { operation: Operation::DownloadProject, name: "download-project", account: true, panel_user: true, web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::Publish,     name: "publish",   account: false, panel_user: false, web_front: false, standing: Standing::Needed },
    Rule { operation: Operation::ViewPublication,   name: "publication", account: true,  panel_user: true,  web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::ChangePublication, name: "unpublish",   account: false, panel_user: false, web_front: false, standing: Standing::NotFromRoot },
    Rule { operation: Operation::Examine,     name: "doctor",    account: false, panel_user: true,  web_front: true,  standing: Standing::None },
    Rule { operation: Operation::TellEvents,  name: "event",     account: false, panel_user: false, web_front: false, standing: Standing::None },
    Rule { operation: Operation::Refresh,     name: "refresh",   account: true,  panel_user: true,  web_front: false, standing: Standing::None },
];

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; RULES.len()] = {
        let mut all = [Operation::OpenSite; RULES.len()];
        let mut index = 0;
        while index < RULES.len() {
            all[index] = RULES[index].operation;
            index += 1;
        }
        all
    };

    /// A stable name: protocol, log lines, form tokens, audit.
    pub fn name(self) -> &'static str {
        self.rule().name
    }

    /// The operation of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        RULES.iter().find(|rule| rule.name == name).map(|rule| rule.operation)
    }

    #[allow(clippy::expect_used)] // A test walks all operations.
    fn rule(self) -> &'static Rule {
        RULES.iter().find(|rule| rule.operation == self).expect("every operation has its rule")
    }
}

/// Decides whether a principal may do an operation at all.
///
/// # Errors
/// [`ErrorKind::Forbidden`].
pub fn allow(principal: &Principal, operation: Operation, panel: PanelKind) -> Result<()> {
    let rule = operation.rule();
    let allowed = match principal {
        Principal::Root => operation != Operation::Publish,
        Principal::WebServer { .. } => operation == Operation::Publish,
        Principal::PanelUser { .. } => rule.panel_user,
        Principal::Account { .. } => rule.account && panel.has_account_peers(),
        Principal::WebFront { .. } => rule.web_front,
        Principal::Stranger { .. } => false,
    };
    if allowed {
        return Ok(());
    }
    let text = format!("{principal} may not do \"{}\" on {}", rule.name, panel.title());
    Err(Error::new(ErrorKind::Forbidden, text))
}

/// Decides whether a principal may make a call of the builder's at all, as the table of calls says.
///
/// # Errors
/// [`ErrorKind::Forbidden`].
pub fn allow_call(principal: &Principal, call: Call, panel: PanelKind) -> Result<()> {
    allow(principal, Operation::CallBuilder, panel)?;
    if call.entry().callers == Callers::Accounts || *principal == Principal::Root {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, format!("{principal} may not make the call {}", call.name())))
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
    allow(principal, operation, panel)?;
    let name = account.name();
    let deny = |kind, text: String| Err(Error::new(kind, text));
    if let Principal::Account { uid, name: own } = principal
        && (own != name || *uid != account.id.uid())
    {
        return deny(ErrorKind::Forbidden, format!("{principal} may not act for account {name}"));
    }
    match operation.rule().standing {
        Standing::None => return Ok(()),
        Standing::NotFromRoot if *principal == Principal::Root => return Ok(()),
        Standing::Needed | Standing::NotFromRoot => {}
    }
    if account.suspended {
        return deny(ErrorKind::Suspended, format!("account {name} is suspended"));
    }
    if account.demo {
        return deny(ErrorKind::DemoAccount, format!("account {name} is a demonstration account"));
    }
    if !account.feature {
        let plan = account.plan.as_deref().map_or_else(|| "none".to_owned(), quote);
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
    // What is published can be looked at and taken back all the same.
    let about_published = matches!(operation, Operation::ViewPublication | Operation::ChangePublication);
    if site.suspended && !about_published {
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
