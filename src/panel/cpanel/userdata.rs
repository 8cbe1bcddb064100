//! `/var/cpanel/userdata/USER/`: the sites of one account.
//!
//! `main` lists them, and one file per site says where its document root is. An add-on domain points to an internal subdomain of the main domain
//! (`shop.example: shop.example.alice.example`) whose file holds the add-on's settings. That subdomain is a second name of the add-on, which a customer
//! knows by the add-on's own name, so it is not listed. Wildcard subdomains are no sites and have no name that could be opened. Parked domains are
//! aliases of the main domain.
//!
//! Beside a YAML file cPanel may keep a JSON copy, `FILE.cache`. A copy that is newer than its file is read, because that is quicker; one that is not,
//! or that is malformed, is left alone: the YAML is the truth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::limits;
use crate::panel::account::document_root;
use crate::panel::tree::utf8;
use crate::panel::{Site, SiteKind, Tree, data_error};
use crate::types::{Domain, Username, quote};

use super::node::{Document, Fault};
use super::{json, yaml};

/// Where the accounts' directories are.
pub(super) const DIRECTORY: &str = "/var/cpanel/userdata";

/// Reads the sites of one account.
pub(super) struct UserData<'a> {
    /// Where the files are.
    pub(super) tree: &'a Tree,
    /// The account.
    pub(super) name: &'a Username,
    /// Its home directory, as the user database says it; what the files say about it does not count.
    pub(super) home: &'a Path,
}

/// The file `main`.
struct Main {
    domain: Domain,
    /// Add-on domain and internal subdomain.
    addons: Vec<(Domain, Domain)>,
    parked: Vec<Domain>,
    subs: Vec<Domain>,
}

impl UserData<'_> {
    /// The sites, in no particular order. `main_domain` is what the account's own file says; the two must agree.
    ///
    /// # Errors
    /// [`PanelData`](crate::error::ErrorKind::PanelData) that names the file, if one is missing, malformed or contradicts another.
    pub(super) fn sites(&self, main_domain: Option<&Domain>) -> Result<Vec<Site>> {
        let main = self.main()?;
        if let Some(other) = main_domain.filter(|other| **other != main.domain) {
            let text =
                format!("the main domain {} is {other} in /var/cpanel/users/{}", main.domain, self.name);
            return Err(data_error(self.path("main").display(), text));
        }
        let inner: BTreeSet<&Domain> = main.addons.iter().map(|(_, inner)| inner).collect();
        let mut sites = vec![self.site(&main.domain, &main.domain, SiteKind::Main)?];
        for (addon, inner) in &main.addons {
            sites.push(self.site(addon, inner, SiteKind::Addon)?);
        }
        for sub in main.subs.iter().filter(|sub| !inner.contains(sub)) {
            sites.push(self.site(sub, sub, SiteKind::Sub)?);
        }
        let root = sites[0].document_root.clone();
        sites.extend(main.parked.into_iter().map(|domain| Site {
            domain,
            kind: SiteKind::Alias,
            document_root: root.clone(),
            suspended: false,
            alias_of: Some(main.domain.clone()),
        }));
        Ok(sites)
    }

    fn main(&self) -> Result<Main> {
        let file = self.document("main")?;
        let domain = |(text, line): (&str, usize)| Domain::new(text).map_err(|error| file.error(line, error));
        let domains =
            |list: Vec<(&str, usize)>| list.into_iter().map(domain).collect::<Result<Vec<Domain>>>();
        let (addons, parked) = (file.pairs("addon_domains")?, file.list("parked_domains")?);
        let mut subs = file.list("sub_domains")?;
        // Before any of them is looked at: each costs a file.
        if addons.len() + parked.len() + subs.len() >= limits::SITES_PER_ACCOUNT {
            return Err(file.error(0, format!("it names more than {} sites", limits::SITES_PER_ACCOUNT)));
        }
        subs.retain(|(text, _)| !text.starts_with("*."));
        Ok(Main {
            domain: domain(file.require("main_domain")?)?,
            addons: addons
                .into_iter()
                .map(|(addon, inner, line)| Ok((domain((addon, line))?, domain((inner, line))?)))
                .collect::<Result<_>>()?,
            parked: domains(parked)?,
            subs: domains(subs)?,
        })
    }

    /// Reads the settings of `domain`, which are in the file of the server name `server`.
    fn site(&self, domain: &Domain, server: &Domain, kind: SiteKind) -> Result<Site> {
        let file = self.document(server.as_str())?;
        if let Some((user, line)) = file.text("user")?.filter(|(user, _)| *user != self.name.as_str()) {
            return Err(file.error(line, format!("the file is about user {}", quote(user))));
        }
        let (name, line) = file.require("servername")?;
        let aliases = file.text("serveralias")?.map_or("", |(text, _)| text);
        let mut names = aliases.split_ascii_whitespace().chain([name]);
        if !names.any(|name| name.eq_ignore_ascii_case(domain.as_str())) {
            return Err(file.error(line, format!("neither servername nor serveralias is {domain}")));
        }
        let (root, line) = file.require("documentroot")?;
        let document_root = document_root(root, self.home).map_err(|fault| file.error(line, fault))?;
        Ok(Site { domain: domain.clone(), kind, document_root, suspended: false, alias_of: None })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.tree.path(format!("{DIRECTORY}/{}/{file}", self.name))
    }

    fn document(&self, file: &str) -> Result<Document> {
        if let Some(document) = self.cached(file) {
            return Ok(document);
        }
        let content = self.tree.require(format!("{DIRECTORY}/{}/{file}", self.name))?;
        let path = self.path(file);
        let bytes = content.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content.bytes);
        let text = utf8(&path, bytes)?;
        let parsed = match text.find('\0') {
            // The parser would take it for the end of the file.
            Some(at) => Err(Fault::new(text[..at].matches('\n').count() + 1, "there is a NUL byte")),
            None => yaml::parse(text),
        };
        parsed.and_then(|root| Document::new(path.clone(), root)).map_err(|fault| fault_error(&path, &fault))
    }

    /// The JSON copy, if there is one that is newer than its file and can be read.
    fn cached(&self, file: &str) -> Option<Document> {
        let copy = format!("{file}.cache");
        let path = self.path(&copy);
        if modified(&path)? <= modified(&self.path(file))? {
            return None;
        }
        let content = self.tree.read_account_file(format!("{DIRECTORY}/{}/{copy}", self.name));
        let document = content.and_then(|content| match content {
            None => Ok(None),
            Some(content) => json::parse(&content.bytes)
                .and_then(|root| Document::new(path.clone(), root))
                .map(Some)
                .map_err(|fault| fault_error(&path, &fault)),
        });
        document.unwrap_or_else(|error| {
            log::warn!("{error:?}: the YAML file beside it is read instead");
            None
        })
    }
}

fn fault_error(path: &Path, fault: &Fault) -> Error {
    match fault.line {
        0 => data_error(path.display(), &fault.what),
        line => data_error(format!("{}:{line}", path.display()), &fault.what),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok()
}
