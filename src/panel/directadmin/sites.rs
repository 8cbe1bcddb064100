//! The sites of an account: `domains.list`, and beside each `domains/D.conf` its subdomains and pointers.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::account::{Site, SiteKind};
use crate::panel::data_error;
use crate::panel::keyvalue::KeyValue;
use crate::panel::tree::Tree;
use crate::types::{Domain, Username, quote};

use super::USERS;
use super::files::lines;
use super::roots::{Overrides, Roots};
use super::user_conf::flag;

/// Reads the sites of one account.
pub(super) struct SiteReader<'a> {
    tree: &'a Tree,
    name: &'a Username,
    folder: String,
    roots: Roots<'a>,
}

/// `domains/D.conf`.
struct DomainConf {
    domain: Domain,
    is_default: bool,
    suspended: bool,
}

/// One line of `D.subdomains`.
pub(super) struct Subdomain {
    /// What stands before the domain; a name of its own, without `..` or slashes.
    pub(super) label: String,
    /// The whole name.
    pub(super) name: Domain,
}

impl<'a> SiteReader<'a> {
    /// Reads what all sites have in common.
    ///
    /// # Errors
    /// If the web server's configuration cannot be read.
    pub(super) fn new(
        tree: &'a Tree,
        name: &'a Username,
        home: &'a Path,
        fixed_layout: bool,
    ) -> Result<Self> {
        let folder = format!("{USERS}/{name}");
        let roots = Roots::new(tree, &folder, home, fixed_layout)?;
        Ok(Self { tree, name, folder, roots })
    }

    /// Reads all sites. `main` is what `user.conf` says is the main domain.
    ///
    /// # Errors
    /// What is missing, malformed or contradictory.
    pub(super) fn read(&self, main: Option<&str>) -> Result<Vec<Site>> {
        let confs = self
            .domains(main)?
            .into_iter()
            .map(|domain| self.domain_conf(domain))
            .collect::<Result<Vec<DomainConf>>>()?;
        let main = main_domain(&confs, main).cloned();
        let mut sites = Vec::new();
        for conf in &confs {
            self.domain_sites(conf, main.as_ref() == Some(&conf.domain), &mut sites)?;
            if sites.len() > limits::SITES_PER_ACCOUNT {
                return Err(self.too_many());
            }
        }
        Ok(sites)
    }

    /// `domains.list`. An account without domains has an empty one, or none; but one that has a main domain has at least that.
    fn domains(&self, main: Option<&str>) -> Result<Vec<Domain>> {
        let path = format!("{}/domains.list", self.folder);
        let domains = match self.tree.read_account_file(&path)? {
            Some(content) => parse_domains(&self.tree.path(&path), &content.bytes)?,
            None => Vec::new(),
        };
        match main {
            Some(main) if domains.is_empty() => {
                let what = format!("it is missing or empty, but user.conf names the domain {}", quote(main));
                Err(data_error(self.tree.path(&path).display(), what))
            }
            _ if domains.len() > limits::SITES_PER_ACCOUNT => Err(self.too_many()),
            _ => Ok(domains),
        }
    }

    fn too_many(&self) -> Error {
        let text = format!("account {} has more than {} sites", self.name, limits::SITES_PER_ACCOUNT);
        Error::new(ErrorKind::PanelData, text)
    }

    fn domain_conf(&self, domain: Domain) -> Result<DomainConf> {
        let path = format!("{}/domains/{domain}.conf", self.folder);
        let content = self.tree.require(&path)?;
        DomainConf::parse(&self.tree.path(&path), &content.bytes, domain, self.name)
    }

    /// A domain with its subdomains and pointers. They are suspended when it is.
    fn domain_sites(&self, conf: &DomainConf, is_main: bool, sites: &mut Vec<Site>) -> Result<()> {
        let (domain, suspended) = (&conf.domain, conf.suspended);
        let document_root = self.roots.of_domain(domain)?;
        let overrides = format!("{}/domains/{domain}.subdomains.docroot.override", self.folder);
        let overrides = Overrides::read(self.tree, &overrides)?;
        for Subdomain { label, name } in subdomains(self.tree, self.name, domain)? {
            let document_root = self.roots.of_subdomain(&name, &label, domain, &overrides)?;
            sites.push(Site { domain: name, kind: SiteKind::Sub, document_root, suspended, alias_of: None });
        }
        for pointer in self.pointers(domain)? {
            let (document_root, alias_of) = (document_root.clone(), Some(domain.clone()));
            sites.push(Site { domain: pointer, kind: SiteKind::Alias, document_root, suspended, alias_of });
        }
        let kind = if is_main { SiteKind::Main } else { SiteKind::Addon };
        sites.push(Site { domain: domain.clone(), kind, document_root, suspended, alias_of: None });
        Ok(())
    }

    /// `D.pointers`: `name=alias`, `name=pointer`, or `name=type=alias&...`. An alias shows the files of its domain and a pointer redirects there:
    /// neither has files of its own, so that what stands behind the name makes no difference here.
    fn pointers(&self, domain: &Domain) -> Result<Vec<Domain>> {
        let path = format!("{}/domains/{domain}.pointers", self.folder);
        let Some(content) = self.tree.read_account_file(&path)? else { return Ok(Vec::new()) };
        let file = KeyValue::parse(&self.tree.path(&path), &content.bytes, '=')?;
        let name = |pair: &crate::panel::keyvalue::Pair<'_>| {
            Domain::new(pair.key).map_err(|fault| file.error(pair.line, fault))
        };
        file.pairs().iter().map(name).collect()
    }
}

impl DomainConf {
    fn parse(path: &Path, bytes: &[u8], domain: Domain, account: &Username) -> Result<Self> {
        let file = KeyValue::parse(path, bytes, '=')?;
        if file.pairs().is_empty() {
            return Err(data_error(path.display(), "the file is empty"));
        }
        if let Some(other) = file.one("username")?.filter(|other| *other != account.as_str()) {
            let text = format!(
                "{}: {domain} is in the list of account {account}, but its file says {}",
                path.display(),
                quote(other)
            );
            return Err(Error::new(ErrorKind::SiteConflict, text));
        }
        if let Some(other) = file.one("domain")?
            && Domain::new(other).ok().as_ref() != Some(&domain)
        {
            return Err(data_error(path.display(), format!("it is the file of {}", quote(other))));
        }
        Ok(Self {
            domain,
            is_default: flag(&file, "defaultdomain")?.unwrap_or(false),
            suspended: flag(&file, "suspended")?.unwrap_or(false) || !flag(&file, "active")?.unwrap_or(true),
        })
    }
}

/// The domain that `user.conf` names, if it is one of the account's, else the one whose file says so.
fn main_domain<'a>(confs: &'a [DomainConf], named: Option<&str>) -> Option<&'a Domain> {
    let named = named.and_then(|name| Domain::new(name).ok());
    confs
        .iter()
        .find(|conf| Some(&conf.domain) == named.as_ref())
        .or_else(|| confs.iter().find(|conf| conf.is_default))
        .map(|conf| &conf.domain)
}

fn parse_domains(path: &Path, bytes: &[u8]) -> Result<Vec<Domain>> {
    let domain = |(line, text): (usize, &str)| {
        Domain::new(text).map_err(|fault| data_error(format!("{}:{line}", path.display()), fault))
    };
    lines(path, bytes)?.into_iter().map(domain).collect()
}

/// `D.subdomains` of an account: one label a line.
///
/// # Errors
/// If it is there and cannot be read.
pub(super) fn subdomains(tree: &Tree, account: &Username, domain: &Domain) -> Result<Vec<Subdomain>> {
    let path = format!("{USERS}/{account}/domains/{domain}.subdomains");
    match tree.read_account_file(&path)? {
        Some(content) => parse_subdomains(&tree.path(&path), &content.bytes, domain),
        None => Ok(Vec::new()),
    }
}

fn parse_subdomains(path: &Path, bytes: &[u8], domain: &Domain) -> Result<Vec<Subdomain>> {
    let mut subdomains = Vec::new();
    for (line, text) in lines(path, bytes)? {
        // "*" catches all names that are nobody's: it is no name of a site.
        if text == "*" {
            continue;
        }
        let name = Domain::new(&format!("{text}.{domain}"))
            .map_err(|fault| data_error(format!("{}:{line}", path.display()), fault))?;
        // What becomes part of a path is what is left of the checked name.
        let label = name.as_str().strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('.'));
        let label = label.unwrap_or_default().to_owned();
        subdomains.push(Subdomain { label, name });
    }
    Ok(subdomains)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alice() -> Username {
        Username::new("alice").unwrap()
    }

    fn shop() -> Domain {
        Domain::new("shop.example").unwrap()
    }

    #[test]
    fn faults_name_file_and_line() {
        let path = Path::new("f");
        let conf = |bytes: &[u8]| DomainConf::parse(path, bytes, shop(), &alice()).err().unwrap();
        for (bytes, kind, want) in [
            (&b""[..], ErrorKind::PanelData, "f: the file is empty"),
            (b"domain=other.example\n", ErrorKind::PanelData, "f: it is the file of \"other.example\""),
            (
                b"username=bob\n",
                ErrorKind::SiteConflict,
                "f: shop.example is in the list of account alice, but its file says \"bob\"",
            ),
            (b"suspended=x\n", ErrorKind::PanelData, "f:1: suspended: \"x\" is neither yes nor no"),
        ] {
            let error = conf(bytes);
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, want));
        }
        for bad in ["../../etc", "a/b.example", "shop", "a..b", "192.0.2.1", "shop.example extra"] {
            let text = format!("ok.example\n{bad}\n");
            let error = parse_domains(path, text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("f:2: ") && error.ends_with("is not a domain name"), "{error}");
        }
        for bad in ["..", "a/b", "a b", "", "-", "a..b"] {
            let text = format!("ok\n{bad}\n");
            let result = parse_subdomains(path, text.as_bytes(), &shop());
            assert!(result.is_err() != bad.is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn a_domain_is_suspended_or_not_active() {
        for (text, want) in [
            ("active=yes\nsuspended=no\n", false),
            ("suspended=yes\n", true),
            ("active=no\n", true),
            ("a=1\n", false),
        ] {
            let conf = DomainConf::parse(Path::new("f"), text.as_bytes(), shop(), &alice()).unwrap();
            assert_eq!(conf.suspended, want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_labels_are_one_path_component(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(?s).{0,40}") {
            let path = Path::new("f");
            let _ = DomainConf::parse(path, &bytes, shop(), &alice());
            let _ = parse_domains(path, &bytes);
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                for subdomain in parse_subdomains(path, bytes, &shop()).unwrap_or_default() {
                    prop_assert_eq!(Path::new(&subdomain.label).components().count(), 1);
                    prop_assert!(!subdomain.label.starts_with('.') && !subdomain.label.contains('/'));
                }
            }
        }
    }
}
