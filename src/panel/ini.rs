//! Custom hosting: a server without a panel, whose administrator keeps one file per account, `[panel] accounts_dir`/`USER.ini`.
//!
//! The format is ours and reads like `panelgate.ini`; `docs/accounts.d-sample.ini` is a sample with all keys. USER is a system user; its uid and home
//! come from the user database.
//!
//! `[account]`, which must be there, though it may be empty:
//!
//! | key | meaning | unless set |
//! |---|---|---|
//! | `uid` | must be the user's uid, so that a file does not pass to a successor by accident | not checked |
//! | `created` | any text that another account of the same name will not have, such as the date | empty |
//! | `owner` | reseller or customer | none |
//! | `plan` | the plan | none |
//! | `addons` | add-on plans, separated by commas | none |
//! | `locale` | `en`, `pt_br`, `de-DE` | none |
//! | `email` | contact address | none |
//! | `suspended` | yes: nothing can be opened | no |
//! | `demo` | yes: a demonstration account | no |
//! | `builder` | no: the account does not have the builder | yes |
//! | `public_ip` | the address under which the world reaches its sites | `[panel] public_ip` |
//!
//! `[site DOMAIN]`, one for each site:
//!
//! | key | meaning | unless set |
//! |---|---|---|
//! | `kind` | `main` (exactly one), `addon`, `sub` or `alias` | must be set |
//! | `document_root` | an absolute path below the home; not for an alias | the site has no web hosting |
//! | `of` | for an alias, and there it must be set: the site that it is another name of | |
//! | `suspended` | yes: this site cannot be opened | no |
//!
//! Other sections and keys are errors: a typing error must not pass for a setting.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::account::document_root;
use super::*;
use crate::config::ini::{IniFile, Section};
use crate::sys::users::User;
use crate::types::{AccountId, printable, quote};

/// A server with custom hosting.
pub(super) struct IniPanel {
    tree: Tree,
    config: PanelConfig,
}

impl IniPanel {
    /// The server whose files are in `tree`.
    pub(super) fn new(tree: Tree, config: &PanelConfig) -> Self {
        Self { tree, config: config.clone() }
    }

    fn path(&self, name: &Username) -> PathBuf {
        self.config.accounts_dir.join(format!("{name}.ini"))
    }

    fn file(&self, name: &Username) -> Result<Option<IniFile>> {
        let path = self.path(name);
        let Some(content) = self.tree.read_account_file(&path)? else { return Ok(None) };
        IniFile::parse(&self.tree.path(&path), &content.bytes, ErrorKind::PanelData).map(Some)
    }

    fn missing(&self, name: &Username) -> Error {
        let dir = &self.config.accounts_dir;
        if self.tree.exists(dir) {
            let text = format!("there is no account {name}: no file {}", self.path(name).display());
            return Error::new(ErrorKind::AccountNotFound, text);
        }
        // It must not look as if all accounts had been removed.
        data_error(self.tree.path(dir).display(), "the directory of the accounts is missing")
    }

    fn read(&self, file: &IniFile, user: User, name: &Username) -> Result<Account> {
        let section = file.section("account");
        if !section.exists() {
            return Err(data_error(file.path().display(), "there is no section [account]"));
        }
        let text = |key: &str| section.text(key).map(str::to_owned);
        let same_uid = |text: &str| match text.parse::<u32>() {
            Ok(uid) if uid == user.uid => Ok(()),
            _ => Err(format!("{} is not the uid {} of {name} in the user database", quote(text), user.uid)),
        };
        section.parse("uid", same_uid)?;
        let plan = text("plan");
        let builder = section.flag("builder", true)?;
        let account = Account {
            id: AccountId::new(
                self.kind().name(),
                name.clone(),
                user.uid,
                section.parse("created", mark)?.unwrap_or_default(),
            ),
            owner: text("owner"),
            addons: section.list("addons", |item| Ok::<_, String>(item.to_owned()))?,
            site_limit: None,
            locale: section.parse("locale", detail::locale)?,
            contact: section.parse("email", detail::email)?,
            suspended: section.flag("suspended", false)?,
            demo: section.flag("demo", false)?,
            feature: builder && plan_allows(&self.config, plan.as_deref()),
            plan,
            public_ip: section
                .parse("public_ip", |text| parse_ip(text).ok_or("it is not an IP address"))?
                .or(self.config.public_ip),
            sites: Vec::new(),
            home: user.home,
        };
        section.finish()?;
        let sites = sites(file, &account.home)?;
        account.with_sites(sites)
    }
}

impl Panel for IniPanel {
    fn kind(&self) -> PanelKind {
        PanelKind::Ini
    }

    fn tree(&self) -> &Tree {
        &self.tree
    }

    fn account(&self, name: &Username) -> Result<Account> {
        let file = self.file(name)?.ok_or_else(|| self.missing(name))?;
        let user = self.tree.account_user(name)?;
        self.read(&file, user, name)
    }

    /// Reads every account's file. One that is malformed is an error: it might claim the domain.
    fn owners(&self, domain: &Domain) -> Result<Vec<Username>> {
        let mut owners = Vec::new();
        for name in self.accounts()? {
            // A file that has gone since the directory was listed claims nothing.
            let Some(file) = self.file(&name)? else { continue };
            if site_sections(&file)?.iter().any(|(site, _)| site == domain) {
                owners.push(name);
            }
        }
        Ok(owners)
    }

    fn accounts(&self) -> Result<Vec<Username>> {
        let dir = &self.config.accounts_dir;
        let mut names = Vec::new();
        for file in self.tree.list(dir)? {
            let Some(name) = file.strip_suffix(".ini").filter(|_| !file.starts_with('.')) else { continue };
            let place = || self.tree.path(dir).join(quote(&file)).display().to_string();
            names.push(Username::new(name).map_err(|error| data_error(place(), error))?);
        }
        names.sort();
        Ok(names)
    }

    fn owners_are_cheap(&self) -> bool {
        false
    }
}

/// The sections of sites, with their names as they stand in the file.
///
/// # Errors
/// If there is a section of another name.
fn site_sections(file: &IniFile) -> Result<Vec<(Domain, String)>> {
    let mut found = Vec::new();
    for (name, line) in file.sections().filter(|(name, _)| *name != "account") {
        let Some(domain) = name.strip_prefix("site ") else {
            let text = format!("there is no section {} (there are: account, site DOMAIN)", quote(name));
            return Err(file.error(line, text));
        };
        let domain = Domain::new(domain.trim()).map_err(|error| file.error(line, error))?;
        found.push((domain, name.to_owned()));
    }
    Ok(found)
}

fn sites(file: &IniFile, home: &Path) -> Result<Vec<Site>> {
    let named = site_sections(file)?;
    let mut sites = Vec::new();
    for (domain, name) in &named {
        let section = file.section(name);
        sites.push(site(&section, domain.clone(), home)?);
        section.finish()?;
    }
    let mains = sites.iter().filter(|site| site.kind == SiteKind::Main).count();
    if mains != 1 {
        let text = format!("exactly one site must have kind = main, here are {mains}");
        return Err(data_error(file.path().display(), text));
    }
    // What an alias may stand for, with its document root.
    let hosted: BTreeMap<Domain, Option<PathBuf>> = sites
        .iter()
        .filter(|site| site.kind != SiteKind::Alias)
        .map(|site| (site.domain.clone(), site.document_root.clone()))
        .collect();
    for (site, (_, name)) in sites.iter_mut().zip(&named) {
        let Some(target) = &site.alias_of else { continue };
        let root = hosted.get(target).ok_or_else(|| {
            let text = format!("{target} is not a site of this file, or itself an alias");
            file.section(name).error("of", text)
        })?;
        site.document_root.clone_from(root);
    }
    Ok(sites)
}

fn site(section: &Section<'_>, domain: Domain, home: &Path) -> Result<Site> {
    let kinds = [
        ("main", SiteKind::Main),
        ("addon", SiteKind::Addon),
        ("sub", SiteKind::Sub),
        ("alias", SiteKind::Alias),
    ];
    let kind = section
        .choice("kind", &kinds)?
        .ok_or_else(|| section.error("kind", "it must be set: main, addon, sub or alias"))?;
    let (mut root, mut alias_of) = (None, None);
    if kind == SiteKind::Alias {
        let of = section.parse("of", Domain::new)?;
        alias_of = Some(of.ok_or_else(|| section.error("of", "an alias needs it: the site it stands for"))?);
    } else {
        root = section.parse("document_root", |text| match document_root(text, home) {
            Ok(Some(path)) => Ok(path),
            Ok(None) => {
                Err(format!("it is not below the account's home {}", printable(&home.display().to_string())))
            }
            Err(fault) => Err(fault),
        })?;
    }
    Ok(Site { domain, kind, document_root: root, suspended: section.flag("suspended", false)?, alias_of })
}

fn mark(text: &str) -> std::result::Result<String, &'static str> {
    if text.len() <= 128 && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("it has at most 128 bytes and no control characters")
    }
}

#[cfg(test)]
mod tests;
