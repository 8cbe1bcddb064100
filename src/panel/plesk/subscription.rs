//! From the rows about a subscription to an account with its sites.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::config::PanelKind;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::account::{Account, Site, SiteKind, document_root};
use crate::panel::data_error;
use crate::panel::detail;
use crate::sys::users::User;
use crate::types::{AccountId, Domain, Username, quote};

use super::query::marker;
use super::rows::{self, Row};

/// Columns of a `site` row (`query::account`).
mod column {
    pub(super) const SUBSCRIPTION: usize = 1;
    pub(super) const ID: usize = 2;
    pub(super) const NAME: usize = 3;
    pub(super) const STATUS: usize = 4;
    pub(super) const HOSTING: usize = 5;
    pub(super) const ROOT: usize = 6;
    pub(super) const LOGIN: usize = 7;
    pub(super) const GUID: usize = 8;
    pub(super) const CREATED: usize = 9;
    pub(super) const CUSTOMER: usize = 10;
    pub(super) const EMAIL: usize = 11;
    pub(super) const LOCALE: usize = 12;
    pub(super) const CUSTOMER_STATUS: usize = 13;
    pub(super) const COUNT: usize = 14;
}

const EXPECTED: [(&str, usize); 4] =
    [(marker::SITE, column::COUNT), (marker::ALIAS, 3), (marker::PLAN, 3), (marker::CLAIM, 2)];

/// The hosting type that has files; the others forward or have nothing.
const WEB_HOSTING: &str = "vrt_hst";

/// What the rows say.
pub(super) struct Subscription {
    /// The service plan.
    pub(super) plan: Option<String>,
    addons: Vec<String>,
    mark: String,
    owner: Option<String>,
    contact: Option<String>,
    locale: Option<String>,
    suspended: bool,
    hosted: Vec<Hosted>,
    aliases: Vec<(Domain, Domain)>,
}

/// The place of each site by its name.
type Names<'a> = HashMap<&'a str, usize>;

/// One site.
struct Hosted {
    domain: Domain,
    is_main: bool,
    suspended: bool,
    /// The document root as Plesk has it; `None` without web hosting.
    root: Option<String>,
}

impl Subscription {
    /// Takes the answer to `query::account` apart; `None` if there is no such subscription.
    ///
    /// # Errors
    /// [`ErrorKind::SiteConflict`] if another subscription has one of its names, [`ErrorKind::PanelData`] for everything that does not fit together.
    pub(super) fn parse(answer: &[u8], name: &Username) -> Result<Option<Self>> {
        let rows = rows::parse(answer, &EXPECTED)?;
        let of = |marker: &'static str| rows.iter().filter(move |row| row.marker() == marker);
        // A database compares names without regard to case; the system does not.
        if !of(marker::SITE).any(|row| row.optional(column::LOGIN) == Some(name.as_str())) {
            return Ok(None);
        }
        let main = main_row(of(marker::SITE), name)?;
        if let Some(row) = of(marker::CLAIM).next() {
            let domain = row.domain(1)?;
            let text = format!(
                "the site {domain} of subscription {name} also belongs to another subscription in Plesk's database"
            );
            return Err(Error::new(ErrorKind::SiteConflict, text));
        }
        let hosted =
            of(marker::SITE).map(|row| Hosted::parse(row, main, name)).collect::<Result<Vec<Hosted>>>()?;
        let aliases = of(marker::ALIAS)
            .map(|row| Ok((row.domain(1)?, row.domain(2)?)))
            .collect::<Result<Vec<(Domain, Domain)>>>()?;
        let (plan, addons) = plans(of(marker::PLAN));
        Ok(Some(Self {
            plan,
            addons,
            mark: main.owned(column::GUID).or_else(|| main.owned(column::CREATED)).unwrap_or_default(),
            owner: main.owned(column::CUSTOMER),
            contact: detail::usable(name, "email", main.optional(column::EMAIL), detail::email),
            locale: detail::usable(name, "locale", main.optional(column::LOCALE), detail::locale),
            // A subscription without a customer is the administrator's.
            suspended: status(main)? != 0 || main.number(column::CUSTOMER_STATUS)?.unwrap_or(0) != 0,
            hosted,
            aliases,
        }))
    }

    /// Makes the account.
    ///
    /// # Errors
    /// If a document root cannot be one, or a name stands in it twice.
    pub(super) fn account(
        self,
        name: &Username,
        user: User,
        feature: bool,
        public_ip: Option<IpAddr>,
    ) -> Result<Account> {
        let sites = self.sites(&user.home)?;
        let account = Account {
            id: AccountId::new(PanelKind::Plesk.name(), name.clone(), user.uid, self.mark),
            home: user.home,
            owner: self.owner,
            plan: self.plan,
            addons: self.addons,
            site_limit: None,
            locale: self.locale,
            contact: self.contact,
            suspended: self.suspended,
            demo: false,
            feature,
            public_ip,
            sites: Vec::new(),
        };
        account.with_sites(sites)
    }

    fn sites(&self, home: &Path) -> Result<Vec<Site>> {
        let names: Names<'_> =
            self.hosted.iter().enumerate().map(|(index, site)| (site.domain.as_str(), index)).collect();
        let mut sites = Vec::with_capacity(self.hosted.len() + self.aliases.len());
        for hosted in &self.hosted {
            let kind = match hosted.is_main {
                true => SiteKind::Main,
                false if is_below_one_of(&hosted.domain, &names) => SiteKind::Sub,
                false => SiteKind::Addon,
            };
            sites.push(Site {
                domain: hosted.domain.clone(),
                kind,
                document_root: hosted.document_root(home)?,
                suspended: hosted.suspended,
                alias_of: None,
            });
        }
        for (alias, target) in &self.aliases {
            let Some(site) = names.get(target.as_str()).map(|index| &sites[*index]) else {
                let what = format!("the alias {alias} names {target}, which is no site of the subscription");
                return Err(data_error("plesk db", what));
            };
            let (domain, alias_of) = (alias.clone(), Some(target.clone()));
            sites.push(Site { domain, kind: SiteKind::Alias, alias_of, ..site.clone() });
        }
        Ok(sites)
    }
}

/// The row of the main site: the one whose ids are equal. There is one, because a system user has one subscription.
fn main_row<'a, 'b>(sites: impl Iterator<Item = &'a Row<'b>> + Clone, name: &Username) -> Result<&'a Row<'b>>
where
    'b: 'a,
{
    let mut mains = sites.filter(|row| row.optional(column::SUBSCRIPTION) == row.optional(column::ID));
    match (mains.next(), mains.next()) {
        (Some(main), None) => Ok(main),
        (Some(_), Some(second)) => Err(second.error(format!("the system user {name} has two subscriptions"))),
        (None, _) => Err(data_error("plesk db", format!("the subscription of {name} has no main domain"))),
    }
}

/// A sum of bits for all the reasons why a site is not in service; 0 is in service (`reference/plesk.md` 3.1).
fn status(row: &Row<'_>) -> Result<u64> {
    row.number(column::STATUS)?.ok_or_else(|| row.error("the status is absent"))
}

/// The service plan and the add-on plans. A subscription has at most one service plan; where Plesk does not say which of several it is, it is taken
/// to be the oldest.
fn plans<'a, 'b: 'a>(rows: impl Iterator<Item = &'a Row<'b>>) -> (Option<String>, Vec<String>) {
    let (mut plan, mut addons) = (None, Vec::new());
    for row in rows {
        let Some(name) = row.owned(1) else { continue };
        let is_addon = row.optional(2).is_some_and(|kind| kind.contains("addon"));
        if plan.is_none() && !is_addon { plan = Some(name) } else { addons.push(name) }
    }
    (plan, addons)
}

/// Plesk keeps subdomains as sites of their own: what they are is said by their names.
fn is_below_one_of(domain: &Domain, names: &Names<'_>) -> bool {
    let name = domain.as_str();
    name.match_indices('.').any(|(dot, _)| names.contains_key(&name[dot + 1..]))
}

impl Hosted {
    fn parse(row: &Row<'_>, main: &Row<'_>, account: &Username) -> Result<Self> {
        let domain = row.domain(column::NAME)?;
        if row.optional(column::SUBSCRIPTION) != main.optional(column::SUBSCRIPTION) {
            return Err(
                row.error(format!("{domain} is in another subscription than {}", main.domain(column::NAME)?))
            );
        }
        if let Some(other) = row.optional(column::LOGIN).filter(|login| *login != account.as_str()) {
            return Err(row.error(format!(
                "{domain} is in the subscription of {account} but belongs to {}",
                quote(other)
            )));
        }
        let root = match row.optional(column::HOSTING) {
            Some(WEB_HOSTING) => Some(row.text(column::ROOT)?.to_owned()),
            _ => None,
        };
        let is_main = row.optional(column::ID) == main.optional(column::ID);
        Ok(Self { domain, is_main, suspended: status(row)? != 0, root })
    }

    /// The document root. Plesk writes it as a whole path; one that is relative is relative to the subscription's home, as where Plesk takes it from
    /// people.
    fn document_root(&self, home: &Path) -> Result<Option<PathBuf>> {
        let Some(root) = &self.root else { return Ok(None) };
        let whole = if root.starts_with('/') { root.clone() } else { format!("{}/{root}", home.display()) };
        document_root(&whole, home)
            .map_err(|fault| data_error(format!("plesk db: site {}", self.domain), fault))
    }
}
