//! The use cases, over one [`Context`]. Policy is a pure function here; who the caller is was decided before, by the kernel.

pub mod admin;
pub mod backup;
pub(crate) mod binding;
mod call;
pub mod carry;
pub mod doctor;
pub mod endpoint;
pub mod event;
pub mod internal;
mod language;
pub(crate) mod lifecycle;
pub mod notices;
mod open;
mod overview;
pub mod policy;
pub mod presence;
mod principal;
mod publication;
pub mod published;
pub(crate) mod quota;
pub mod reach;
pub mod reconcile;
pub mod save_project;
pub mod ssh_keys;
mod technical;
pub mod token;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::backup::plesk::Plesk;
use crate::builder::Client;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{self, Account, Panel, PanelSession};
use crate::store::{InstallKey, Store};
use crate::sys::users::User;
use crate::types::{Domain, Username};

pub use call::CallRequest;
pub(crate) use call::call;
pub(crate) use open::open;
pub use open::{OpenRequest, Session};
pub(crate) use overview::overview;
pub use overview::{Overview, OverviewRequest, SiteEntry};
pub use policy::{Operation, Principal};
pub use principal::{SystemUids, principal_of_uid};
use quota::Quota;
pub(crate) use technical::{FTP_ACCOUNT, end as end_ftp_account, make as make_ftp_account};

/// What the use cases work with.
pub struct Context {
    /// The configuration.
    pub config: Config,
    /// The panel.
    pub panel: Box<dyn Panel>,
    /// The builder.
    pub builder: Client,
    uids: SystemUids,
    /// Whether the log has the names of the fields of the builder's forms.
    fields_named: AtomicBool,
    key: OnceLock<InstallKey>,
    store: OnceLock<Store>,
    /// What visitors of sites would run into.
    notices: notices::Board,
    /// Whether this process leaves to jobs what needs programs of the panel that change something.
    leaves_programs: AtomicBool,
    /// FTP logins that work.
    logins: technical::Logins,
    plesk: OnceLock<Plesk>,
    /// Refusals of each account that the audit still takes.
    refusals: Mutex<Quota<Option<Username>>>,
}

impl Context {
    /// Opens the configured panel; makes the builder's client without connecting.
    ///
    /// # Errors
    /// If no panel, or more than one, is found; if `[broker] panel_users` names somebody unknown, root, or an account of the panel.
    pub fn new(config: Config) -> Result<Self> {
        let panel = panel::open(&config.panel)?;
        let builder = Client::new(&config.builder);
        let uids = SystemUids::resolve(&config, panel.as_ref())?;
        let refusals = Mutex::new(Quota::new(limits::AUDIT_REFUSALS, limits::AUDIT_REFUSAL_REFILL));
        let logins = technical::Logins::default();
        Ok(Self {
            config,
            panel,
            builder,
            uids,
            fields_named: AtomicBool::new(false),
            key: OnceLock::new(),
            store: OnceLock::new(),
            notices: notices::Board::default(),
            leaves_programs: AtomicBool::new(false),
            logins,
            plesk: OnceLock::new(),
            refusals,
        })
    }

    /// From now on, what needs programs of the panel that change something is left to jobs: for the broker, whose unit keeps it from what they need.
    pub(crate) fn leave_programs_to_jobs(&self) {
        self.leaves_programs.store(true, Ordering::Release);
    }

    /// From now on, sites that are shown to people are looked at as visitors would: for processes that live long.
    pub(crate) fn watch_sites(&self) {
        self.notices.watch();
    }

    /// The uids of system users that the configuration names.
    pub fn uids(&self) -> &SystemUids {
        &self.uids
    }

    /// The install key, read at its first use.
    ///
    /// # Errors
    /// If it can be neither read nor made.
    pub fn key(&self) -> Result<&InstallKey> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = InstallKey::load_or_create(&self.config.state_dir)?;
        Ok(self.key.get_or_init(|| key))
    }

    /// The store, opened at its first use. What does not need it works without it.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if it cannot be opened.
    pub fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(&self.config.state_dir)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// The Plesk that makes backups, with what was found out about it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if its settings cannot be used.
    pub(crate) fn plesk(&self) -> Result<&Plesk> {
        if let Some(plesk) = self.plesk.get() {
            return Ok(plesk);
        }
        let plesk = Plesk::new(&self.config)?;
        Ok(self.plesk.get_or_init(|| plesk))
    }

    /// Whether the audit takes one more refusal of an account: those who are refused without end must not fill the disk.
    fn takes_refusal(&self, account: Option<&Username>) -> bool {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.take(&account.cloned(), Instant::now())
    }

    /// Where the panel can be asked, a process of an account must act for a live session of that account: the uid is also its website's.
    fn prove_session(&self, principal: &Principal, session: Option<&PanelSession>) -> Result<()> {
        let Principal::Account { name, .. } = principal else { return Ok(()) };
        if !self.panel.requires_session() {
            return Ok(());
        }
        let owner = session.map(|session| self.panel.session_owner(session)).transpose()?.flatten();
        match owner {
            Some(owner) if owner == *name => Ok(()),
            Some(owner) => {
                let text = format!("{principal} showed a panel session of account {owner}");
                Err(Error::new(ErrorKind::Forbidden, text))
            }
            None => {
                let text =
                    format!("{principal} shows no live session of the panel ([directadmin] require_session)");
                Err(Error::new(ErrorKind::Forbidden, text))
            }
        }
    }

    /// Finds the account that is meant, and reads it.
    ///
    /// An account peer is its own account, whatever it names. A panel user must name one. Root names one, or a site whose owner is looked up.
    fn account(
        &self,
        principal: &Principal,
        named: Option<&Username>,
        site: Option<&Domain>,
    ) -> Result<Account> {
        match principal {
            Principal::Account { name, .. } => {
                if named.is_some_and(|named| named != name) {
                    return Err(Error::new(
                        ErrorKind::Forbidden,
                        format!("{principal} may not act for another account"),
                    ));
                }
                self.panel.account(name)
            }
            Principal::PanelUser { .. } | Principal::Root => match (named, site) {
                (Some(name), _) => self.panel.account(name),
                (None, Some(site)) if *principal == Principal::Root => self.panel.account(&self.owner(site)?),
                _ => Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "name an account, or a site whose account shall be looked up",
                )),
            },
            Principal::WebServer { .. } | Principal::WebFront { .. } | Principal::Stranger { .. } => {
                let text =
                    format!("{principal} is neither root, nor a panel user, nor an account of the panel");
                Err(Error::new(ErrorKind::Forbidden, text))
            }
        }
    }

    /// The system user that an account is.
    fn system_user(&self, account: &Account) -> Result<User> {
        let user = self.panel.tree().find_user(account.name().as_str())?;
        user.filter(|user| user.uid == account.id.uid()).ok_or_else(|| {
            let text = format!("account {} has no system user with uid {}", account.name(), account.id.uid());
            Error::new(ErrorKind::PanelData, text)
        })
    }

    /// The one account that has a site, by the panel's own map.
    fn owner(&self, site: &Domain) -> Result<Username> {
        match self.panel.owners(site)?.as_slice() {
            [owner] => Ok(owner.clone()),
            [] => Err(Error::new(
                ErrorKind::SiteNotFound,
                format!("no account of this server has the site {site}"),
            )),
            several => Err(conflict(site, several)),
        }
    }

    /// Makes sure that nobody else claims the site, nor the name without `www.` under which the builder knows it.
    ///
    /// The latter is asked even where asking is not cheap, since few sites have such a name: who had `www.shop.example` alone would otherwise be
    /// signed on to the website of whoever has `shop.example`.
    pub(crate) fn check_single_owner(&self, account: &Account, site: &Domain) -> Result<()> {
        if self.panel.owners_are_cheap() {
            self.check_claims(account, site)?;
        }
        site.without_www().map_or(Ok(()), |bare| self.check_claims(account, &bare))
    }

    /// Makes sure that nobody else claims a name. A panel whose map does not name it (yet) has nobody else.
    fn check_claims(&self, account: &Account, site: &Domain) -> Result<()> {
        let owners = self.panel.owners(site)?;
        if owners.iter().all(|owner| owner == account.name()) {
            return Ok(());
        }
        let mut claimants = owners;
        claimants.push(account.name().clone());
        claimants.sort();
        claimants.dedup();
        Err(conflict(site, &claimants))
    }
}

fn conflict(site: &Domain, claimants: &[Username]) -> Error {
    let names: Vec<&str> = claimants.iter().map(Username::as_str).collect();
    let text = format!(
        "the site {site} is claimed by several accounts in the panel's data ({}): repair the panel's data first",
        names.join(", ")
    );
    Error::new(ErrorKind::SiteConflict, text)
}
