//! DirectAdmin: its files below `/usr/local/directadmin/data/users`, and its map `/etc/virtual/domainowners`.
//!
//! The account's own files (`user.conf`, `domains.list`, `domains/D.*`) say who it is and which sites it has; where the files of a site lie is
//! read in the configuration that DirectAdmin wrote for the web server ([`roots`]). An account can write none of them. Names in them are text
//! until they are a [`Domain`] or [`Username`]; only those become parts of a path.
//!
//! Administrators and resellers of DirectAdmin have an account each and are read like everybody else. There are no demonstration accounts.

mod files;
mod ftp;
mod port;
mod roots;
mod session;
mod sites;
mod user_conf;
mod vhosts;

use super::*;
use crate::limits;
use crate::types::AccountId;

pub(crate) use port::Port;
use session::Sessions;
use sites::SiteReader;
use user_conf::UserConf;

const USERS: &str = "/usr/local/directadmin/data/users";
const DOMAIN_OWNERS: &str = "/etc/virtual/domainowners";

/// The system user that DirectAdmin's own files belong to.
const SYSTEM_USER: &str = "diradmin";

/// The system user that the map of domains belongs to: it is the mail server's.
const MAIL_USER: &str = "mail";

/// A DirectAdmin server.
pub(super) struct DirectAdmin {
    tree: Tree,
    config: PanelConfig,
    sessions: Sessions,
}

impl DirectAdmin {
    /// # Errors
    /// If the user database cannot be asked for the owner of DirectAdmin's files.
    pub(super) fn new(tree: Tree, config: &PanelConfig) -> Result<Self> {
        Ok(Self { tree: tree.with_owner(SYSTEM_USER)?, config: config.clone(), sessions: Sessions::new() })
    }

    /// `user.conf` of an account. That there is none is known only where the folder of all accounts is there and this one's is not.
    fn user_conf(&self, name: &Username) -> Result<UserConf> {
        let folder = format!("{USERS}/{name}");
        let path = format!("{folder}/user.conf");
        match self.tree.read_account_file(&path)? {
            Some(content) => {
                UserConf::parse(&self.tree.path(path), &content.bytes, name, &self.config.feature)
            }
            None if !self.tree.exists(USERS) => Err(data_error(
                self.tree.path(USERS).display(),
                "the folder with DirectAdmin's accounts is missing",
            )),
            None if self.tree.exists(&folder) => {
                Err(data_error(self.tree.path(path).display(), "the panel's file is missing"))
            }
            None => Err(Error::new(ErrorKind::AccountNotFound, format!("DirectAdmin has no account {name}"))),
        }
    }

    /// Configured, else the account's own address, else the first one of the lists.
    fn public_ip(&self, name: &Username, conf: &UserConf) -> Result<Option<IpAddr>> {
        if let Some(ip) = self.config.public_ip.or_else(|| conf.ip.as_deref().and_then(parse_ip)) {
            return Ok(Some(ip));
        }
        for list in ["user_ip.list", "ip.list"] {
            let path = format!("{USERS}/{name}/{list}");
            let Some(content) = self.tree.read_account_file(&path)? else { continue };
            let lines = files::lines(&self.tree.path(path), &content.bytes)?;
            if let Some(ip) = lines.iter().find_map(|(_, text)| parse_ip(text)) {
                return Ok(Some(ip));
            }
        }
        Ok(None)
    }
}

impl Panel for DirectAdmin {
    fn kind(&self) -> PanelKind {
        PanelKind::DirectAdmin
    }

    fn tree(&self) -> &Tree {
        &self.tree
    }

    fn account(&self, name: &Username) -> Result<Account> {
        let conf = self.user_conf(name)?;
        let user = self.tree.account_user(name)?;
        let sites = SiteReader::new(&self.tree, name, &user.home, self.config.directadmin_fixed_layout)?
            .read(conf.main_domain.as_deref())?;
        let feature = plan_allows(&self.config, conf.plan.as_deref())
            && conf.plugin_allowed
            && conf.feature.unwrap_or(self.config.directadmin_missing_item);
        let account = Account {
            id: AccountId::new(self.kind().name(), name.clone(), user.uid, conf.created.clone()),
            home: user.home,
            owner: conf.owner.clone(),
            plan: conf.plan.clone(),
            addons: Vec::new(),
            site_limit: conf.site_limit,
            locale: conf.locale.clone(),
            contact: conf.contact.clone(),
            suspended: conf.suspended,
            demo: false,
            feature,
            public_ip: self.public_ip(name, &conf)?,
            sites: Vec::new(),
        };
        account.with_sites(sites)
    }

    /// The map names domains and pointers. A subdomain is not in it (unless somebody has it as a domain of their own): it belongs to whoever has
    /// the domain above it, if that account has made it.
    fn owners(&self, domain: &Domain) -> Result<Vec<Username>> {
        let path = self.tree.path(DOMAIN_OWNERS);
        let map = self.tree.clone().with_owner(MAIL_USER)?.open(DOMAIN_OWNERS, limits::DOMAIN_MAP_BYTES)?;
        let map = map.ok_or_else(|| data_error(path.display(), "the panel's file is missing"))?;
        let parents: Vec<(&str, Domain)> = files::parents(domain).collect();
        let names: Vec<&Domain> =
            std::iter::once(domain).chain(parents.iter().map(|(_, parent)| parent)).collect();
        let mut found = domain_map::owners(&path, map, &names)?.into_iter();
        let mut owners = found.next().unwrap_or_default();
        for ((label, parent), above) in parents.iter().zip(found) {
            for owner in above {
                let list = sites::subdomains(&self.tree, &owner, parent)?;
                if list.iter().any(|subdomain| subdomain.label == *label) {
                    owners.push(owner);
                }
            }
        }
        owners.sort();
        owners.dedup();
        Ok(owners)
    }

    fn accounts(&self) -> Result<Vec<Username>> {
        let names = self.tree.list(USERS)?;
        let is_account = |name: &Username| self.tree.exists(format!("{USERS}/{name}/user.conf"));
        Ok(names.iter().filter_map(|name| Username::new(name).ok()).filter(is_account).collect())
    }

    fn owners_are_cheap(&self) -> bool {
        true
    }

    fn ftp_accounts(&self) -> Option<&dyn FtpAccounts> {
        Some(self)
    }

    fn requires_session(&self) -> bool {
        self.config.directadmin_require_session
    }

    fn session_owner(&self, session: &PanelSession) -> Result<Option<Username>> {
        self.sessions.owner(&self.tree, &self.config, session)
    }
}

#[cfg(test)]
mod tests;
