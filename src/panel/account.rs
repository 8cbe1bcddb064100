//! An account with its sites.

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{AccountId, Domain, Username, quote};

/// One hosting account (Plesk: one subscription), as the panel has it at this moment.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Who it is, beyond its name.
    pub id: AccountId,
    /// Its home directory, as the user database says it, without `[panel] root`.
    pub home: PathBuf,
    /// Who it belongs to: reseller, administrator, customer.
    pub owner: Option<String>,
    /// The plan (package, service plan).
    pub plan: Option<String>,
    /// Add-on plans.
    pub addons: Vec<String>,
    /// The locale as the panel writes it: `en`, `pt_br`, `de-DE`.
    pub locale: Option<String>,
    /// Contact e-mail address.
    pub contact: Option<String>,
    /// Whether the panel has suspended it.
    pub suspended: bool,
    /// Whether it is a demonstration account.
    pub demo: bool,
    /// Whether plan and feature settings include the builder.
    pub feature: bool,
    /// How many of its sites may have the builder, if plan or account say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_limit: Option<u32>,
    /// The address under which the world reaches its sites.
    pub public_ip: Option<IpAddr>,
    /// Its sites; the main one first, then by name.
    pub sites: Vec<Site>,
}

/// What a site is to its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SiteKind {
    /// The account's main domain.
    Main,
    /// An add-on domain: a further domain with a document root of its own.
    Addon,
    /// A subdomain.
    Sub,
    /// A further name of another site; it has no files of its own.
    Alias,
}

/// One site of an account.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    /// Its name.
    pub domain: Domain,
    /// What it is to the account.
    pub kind: SiteKind,
    /// Its document root, as the panel says it, without `[panel] root`; for an alias that of its target. `None`: no web hosting, or not below
    /// the account's home.
    pub document_root: Option<PathBuf>,
    /// Whether the panel has suspended this site alone.
    pub suspended: bool,
    /// For an alias: the site that it is another name of.
    pub alias_of: Option<Domain>,
}

impl Account {
    /// The account's name.
    pub fn name(&self) -> &Username {
        self.id.name()
    }

    /// The site of that name.
    pub fn site(&self, domain: &Domain) -> Option<&Site> {
        self.sites.iter().find(|site| site.domain == *domain)
    }

    /// Brings the sites into order and makes sure that each stands there once.
    ///
    /// # Errors
    /// [`ErrorKind::SiteConflict`] if a name stands there twice, [`ErrorKind::PanelData`] if there are too many.
    pub(super) fn with_sites(mut self, mut sites: Vec<Site>) -> Result<Self> {
        if sites.len() > limits::SITES_PER_ACCOUNT {
            let text = format!("account {} has more than {} sites", self.name(), limits::SITES_PER_ACCOUNT);
            return Err(Error::new(ErrorKind::PanelData, text));
        }
        sites.sort_by(|a, b| {
            (a.kind != SiteKind::Main, &a.domain).cmp(&(b.kind != SiteKind::Main, &b.domain))
        });
        let mut names: Vec<&Domain> = sites.iter().map(|site| &site.domain).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let text = format!("account {} has the site {} twice in the panel's data", self.name(), pair[0]);
            return Err(Error::new(ErrorKind::SiteConflict, text));
        }
        self.sites = sites;
        Ok(self)
    }
}

/// Checks a document root that a panel's data name: absolute, without `..`, without control characters; `Ok(None)` if it is not below `home`.
///
/// # Errors
/// What is wrong with it, for the caller to add file and line.
pub(super) fn document_root(text: &str, home: &Path) -> std::result::Result<Option<PathBuf>, String> {
    let path = Path::new(text);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || text.chars().any(char::is_control) || text.len() > 4096 {
        return Err(format!("the document root {} is not a plain absolute path", quote(text)));
    }
    // Collecting the components drops doubled and trailing slashes.
    let path: PathBuf = path.components().collect();
    Ok((path.starts_with(home) && path != home).then_some(path))
}

#[cfg(test)]
impl Account {
    /// An account of which only this is known, and that has the builder.
    pub(crate) fn plain(id: AccountId) -> Self {
        Self {
            home: Path::new("/home").join(id.name().as_str()),
            id,
            owner: None,
            plan: None,
            addons: Vec::new(),
            locale: None,
            contact: None,
            suspended: false,
            demo: false,
            feature: true,
            site_limit: None,
            public_ip: None,
            sites: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_roots() {
        let home = Path::new("/home/alice");
        let root = |text: &str| document_root(text, home);
        assert_eq!(root("/home/alice/public_html/").unwrap(), Some(PathBuf::from("/home/alice/public_html")));
        assert_eq!(root("/home//alice/./x").unwrap(), Some(PathBuf::from("/home/alice/x")));
        assert_eq!(root("/home/alice").unwrap(), None);
        assert_eq!(root("/home/alicex/public_html").unwrap(), None);
        assert_eq!(root("/etc").unwrap(), None);
        for bad in ["", "public_html", "/home/alice/../bob", "/home/alice/a\nb", "/home/alice/\0"] {
            assert!(root(bad).is_err(), "{bad:?}");
        }
    }
}
