//! cPanel & WHM, read from its own files (`reference/cpanel.md` 3).
//!
//! An account is a file `/var/cpanel/users/USER` together with a system user and a directory `/var/cpanel/userdata/USER`. Names in the first directory
//! that have neither (`system`) are no accounts. One account costs its own files and nothing else: no directory is listed, no map of all domains is
//! read.

mod account;
mod crypt;
mod features;
mod ftp;
mod json;
mod maps;
mod node;
mod userdata;
mod yaml;

use super::*;
use crate::types::AccountId;

use account::UserFile;
use userdata::UserData;

const USERS: &str = "/var/cpanel/users";

/// A cPanel server.
pub(super) struct CPanel {
    tree: Tree,
    config: PanelConfig,
}

impl CPanel {
    /// The server whose files are in `tree`.
    pub(super) fn new(tree: Tree, config: &PanelConfig) -> Self {
        Self { tree, config: config.clone() }
    }

    /// Reads the account's own file, if there is such an account.
    fn user_file(&self, name: &Username) -> Result<UserFile> {
        let missing = || Error::new(ErrorKind::AccountNotFound, format!("cPanel has no account {name}"));
        let path = format!("{USERS}/{name}");
        let Some(content) = self.tree.read_account_file(&path)? else {
            // A server without the directory is broken. It must not look like one whose accounts have all been removed.
            if !self.tree.exists(USERS) {
                return Err(data_error(self.tree.path(USERS).display(), "the panel's directory is missing"));
            }
            return Err(missing());
        };
        let userdata = format!("{}/{name}", userdata::DIRECTORY);
        if !self.tree.exists(userdata) && self.tree.find_user(name.as_str())?.is_none() {
            return Err(missing());
        }
        UserFile::parse(&self.tree.path(&path), &content.bytes, name, &self.config.feature)
    }
}

impl Panel for CPanel {
    fn kind(&self) -> PanelKind {
        PanelKind::CPanel
    }

    fn tree(&self) -> &Tree {
        &self.tree
    }

    fn account(&self, name: &Username) -> Result<Account> {
        let file = self.user_file(name)?;
        let user = self.tree.account_user(name)?;
        let data = UserData { tree: &self.tree, name, home: &user.home };
        let sites = data.sites(file.main_domain.as_ref())?;
        let public_ip = match self.config.public_ip {
            Some(address) => Some(address),
            None => maps::public_ip(&self.tree, name, file.ip.as_deref())?,
        };
        let feature = plan_allows(&self.config, file.plan.as_deref())
            && features::has_feature(&self.tree, &self.config, &file)?;
        let account = Account {
            id: AccountId::new(self.kind().name(), name.clone(), user.uid, file.start_date),
            owner: file.owner,
            plan: file.plan,
            addons: Vec::new(),
            site_limit: file.site_limit,
            locale: file.locale,
            contact: file.contact,
            suspended: file.suspended || maps::is_marked_suspended(&self.tree, name)?,
            demo: file.demo || maps::is_demo(&self.tree, name)?,
            feature,
            public_ip,
            sites: Vec::new(),
            home: user.home,
        };
        account.with_sites(sites)
    }

    fn owners(&self, domain: &Domain) -> Result<Vec<Username>> {
        maps::owners(&self.tree, domain)
    }

    fn accounts(&self) -> Result<Vec<Username>> {
        let data = self.tree.list(userdata::DIRECTORY)?;
        let mut names: Vec<Username> =
            self.tree.list(USERS)?.iter().filter_map(|name| Username::new(name).ok()).collect();
        names.retain(|name| data.binary_search_by(|other| other.as_str().cmp(name.as_str())).is_ok());
        Ok(names)
    }

    fn owners_are_cheap(&self) -> bool {
        true
    }

    fn ftp_accounts(&self) -> Option<&dyn FtpAccounts> {
        Some(self)
    }
}

#[cfg(test)]
#[cfg(feature = "sandbox")]
mod tests;
