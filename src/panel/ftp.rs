//! FTP accounts that a panel makes for us: one for each site that is published by FTP, locked into its document root.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Domain, Secret, Username};

use super::{Account, Site, SiteKind};

/// An FTP account as it shall be.
pub struct FtpOrder<'a> {
    /// Whose it is.
    pub account: &'a Account,
    /// The site that it publishes.
    pub site: &'a Site,
    /// Its own name: at most 16 lower-case letters and digits, a letter first. The panel may add the domain.
    pub name: &'a str,
    /// Its password, of letters, digits, `-`, `_` and `.`.
    pub password: &'a Secret,
}

/// What a panel can do about FTP accounts.
pub trait FtpAccounts: Send + Sync {
    /// The name to log in with.
    fn login(&self, account: &Account, site: &Domain, name: &str) -> String;

    /// Makes the account with that password and locked into the site's document root. One of that name that is there already is replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Publication`] with what the panel says; [`ErrorKind::SiteWithoutHosting`] if the site has no document root below the home.
    fn make(&self, order: &FtpOrder<'_>) -> Result<()>;

    /// Removes the account of that name. The files stay.
    ///
    /// # Errors
    /// [`ErrorKind::Publication`] if it is still there, or if the panel does not tell that from its not being there before.
    fn remove(&self, account: &Account, site: &Domain, name: &str) -> Result<()>;
}

/// The document root below the account's home, without a leading slash.
pub(super) fn below_home(account: &Account, site: &Site) -> Result<String> {
    let below = site.document_root.as_deref().and_then(|root| root.strip_prefix(&account.home).ok());
    below.and_then(|path| path.to_str()).filter(|path| !path.is_empty()).map(str::to_owned).ok_or_else(|| {
        Error::new(
            ErrorKind::SiteWithoutHosting,
            format!(
                "the site {} has no document root below its home that an FTP account could be locked into",
                site.domain
            ),
        )
    })
}

/// The name of the account's main site, which an FTP account can always stand under.
pub(super) fn main_domain<'a>(account: &'a Account, site: &'a Domain) -> &'a Domain {
    account.sites.iter().find(|site| site.kind == SiteKind::Main).map_or(site, |main| &main.domain)
}

/// What went wrong at a panel.
pub(super) fn refused(account: &Username, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Publication, format!("the FTP account of {account}: {what}"))
}
