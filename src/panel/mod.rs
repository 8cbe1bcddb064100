//! Account data, read where the panels keep it.
//!
//! [`Panel`] is what the rest of the house knows of a panel. One module per panel reads that panel's own files or asks its own program; none
//! writes anything but, by the panel's own interfaces, the FTP accounts of sites that are published by FTP ([`FtpAccounts`]); none calls the builder. Paths of the panel's data are below [`Tree`], so that tests read a tree of their own.
//!
//! What holds for all of them:
//! - Work for one account costs what that account holds. Only [`Panel::owners`], [`Panel::accounts`] look further.
//! - Document roots are read, never derived from names.
//! - What is missing, malformed or contradictory is an error ([`ErrorKind::PanelData`]) that names the file (and line); nothing is guessed.

mod account;
mod cpanel;
mod detail;
mod directadmin;
mod domain_map;
mod ftp;
mod ini;
mod keyvalue;
mod plesk;
mod session;
mod tree;

use std::net::IpAddr;

use crate::config::{PanelConfig, PanelKind};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Domain, Username};

pub use account::{Account, Site, SiteKind};
pub(crate) use directadmin::Port as DirectAdminPort;
pub use ftp::{FtpAccounts, FtpOrder};
pub use session::PanelSession;
pub use tree::Tree;

/// A hosting panel, as far as Panelgate reads it.
pub trait Panel: Send + Sync {
    /// Which panel it is.
    fn kind(&self) -> PanelKind;

    /// Where its data are read.
    fn tree(&self) -> &Tree;

    /// Reads one account with all its sites.
    ///
    /// # Errors
    /// [`ErrorKind::AccountNotFound`] if the panel has no such account, [`ErrorKind::PanelData`] if its data cannot be trusted,
    /// [`ErrorKind::SiteConflict`] if a site stands in it twice.
    fn account(&self, name: &Username) -> Result<Account>;

    /// The accounts that claim a domain in the panel's own map of all domains; empty if the map does not name it.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] if the map is missing or unreadable.
    fn owners(&self, domain: &Domain) -> Result<Vec<Username>>;

    /// The names of all accounts, in alphabetical order.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] if they cannot be listed.
    fn accounts(&self) -> Result<Vec<Username>>;

    /// Whether [`Panel::owners`] is cheap enough to ask at every opening: one pass over one file of the panel's, or a look-up in its database.
    /// If not, that a site has one owner is checked by look-ups by domain and by the doctor.
    fn owners_are_cheap(&self) -> bool;

    /// Whether a process of an account must show a live session of the panel. Only panels that can be asked about one demand it.
    fn requires_session(&self) -> bool {
        false
    }

    /// The account that a session of the panel belongs to; `None` if the panel knows no such session.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the panel cannot be asked.
    fn session_owner(&self, _session: &PanelSession) -> Result<Option<Username>> {
        Ok(None)
    }

    /// What the panel can do about FTP accounts; `None` if nothing.
    fn ftp_accounts(&self) -> Option<&dyn FtpAccounts> {
        None
    }
}

impl PanelKind {
    /// Whether processes of an account are principals: on these panels the page behind the icon runs as the account itself.
    pub const fn has_account_peers(self) -> bool {
        matches!(self, Self::CPanel | Self::DirectAdmin | Self::Ini)
    }
}

/// Opens the configured panel, or finds out which one is there.
///
/// # Errors
/// [`ErrorKind::Config`] if `kind = auto` and no panel, or more than one, is found.
pub fn open(config: &PanelConfig) -> Result<Box<dyn Panel>> {
    let tree = Tree::new(&config.root);
    let kind = match config.kind {
        Some(kind) => kind,
        None => detect_one(&tree, config)?,
    };
    Ok(match kind {
        PanelKind::CPanel => Box::new(cpanel::CPanel::new(tree, config)),
        PanelKind::DirectAdmin => Box::new(directadmin::DirectAdmin::new(tree, config)?),
        PanelKind::Plesk => Box::new(plesk::Plesk::new(tree, config)),
        PanelKind::Ini => Box::new(ini::IniPanel::new(tree, config)),
    })
}

/// The panels whose marks are found below the root.
pub fn detect(tree: &Tree, config: &PanelConfig) -> Vec<PanelKind> {
    let marks = [
        (PanelKind::CPanel, "/usr/local/cpanel/version"),
        (PanelKind::DirectAdmin, "/usr/local/directadmin/conf/directadmin.conf"),
        (PanelKind::Plesk, "/etc/psa/psa.conf"),
    ];
    let mut found: Vec<PanelKind> =
        marks.iter().filter(|(_, mark)| tree.path(mark).exists()).map(|(kind, _)| *kind).collect();
    // Custom hosting is only meant where no panel is: a panel's server may well have an accounts.d that is no longer used.
    if found.is_empty() && tree.path(&config.accounts_dir).is_dir() {
        found.push(PanelKind::Ini);
    }
    found
}

fn detect_one(tree: &Tree, config: &PanelConfig) -> Result<PanelKind> {
    match detect(tree, config).as_slice() {
        [kind] => Ok(*kind),
        [] => Err(Error::new(
            ErrorKind::Config,
            format!(
                "no panel found below {}: set [panel] kind, or create {} for custom hosting",
                tree.root().display(),
                config.accounts_dir.display()
            ),
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|kind| kind.name()).collect();
            Err(Error::new(
                ErrorKind::Config,
                format!("more than one panel found ({}): set [panel] kind", names.join(", ")),
            ))
        }
    }
}

/// Whether the plan lists of the configuration let an account have the builder.
fn plan_allows(config: &PanelConfig, plan: Option<&str>) -> bool {
    let listed = |list: &[String]| plan.is_some_and(|plan| list.iter().any(|name| name == plan));
    (config.allow_plans.is_empty() || listed(&config.allow_plans)) && !listed(&config.deny_plans)
}

/// An address as a panel writes it; `None` for text that is none.
fn parse_ip(text: &str) -> Option<IpAddr> {
    text.trim().parse().ok()
}

fn data_error(place: impl std::fmt::Display, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::PanelData, format!("{place}: {what}"))
}
