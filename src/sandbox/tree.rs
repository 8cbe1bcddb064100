//! A tree of files as a cPanel server has them, for the demo, the tests and measurements.
//!
//! It is written below a directory of the caller's and read with `[panel] root`. Several accounts may be added to one tree.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::Feature;
use crate::panel::SiteKind;
use crate::sys::users::User;
use crate::types::{Domain, Username};

/// One site of the account.
#[derive(Clone, Debug)]
pub struct TreeSite {
    /// Its name.
    pub domain: Domain,
    /// What it is to the account; a parked domain is an alias.
    pub kind: SiteKind,
    /// Its document root, relative to the account's home; an alias has none of its own.
    pub folder: String,
}

impl TreeSite {
    /// Puts the parts together.
    pub fn new(domain: Domain, kind: SiteKind, folder: impl Into<String>) -> Self {
        Self { domain, kind, folder: folder.into() }
    }

    /// The name of the file with its settings: an add-on has those of its internal subdomain.
    fn server_name(&self, main: &Domain) -> String {
        match self.kind {
            SiteKind::Addon => format!("{}.{main}", self.domain),
            _ => self.domain.to_string(),
        }
    }
}

/// Adds an account to the tree below `root`, which is made a cPanel server if it is none yet.
///
/// The account's document roots are made below `root` too. The account has the plan `default` and the feature under its usual name; its address is
/// one of those that are kept for documentation (RFC 5737).
///
/// # Errors
/// If a file cannot be written, if the account has not exactly one main site, or if a name or path cannot stand in the files.
pub fn write_cpanel_tree(root: &Path, user: &User, sites: &[TreeSite]) -> io::Result<()> {
    let (name, main) = account(user, sites)?;
    write_server(root)?;
    add_user(root, user, "/bin/bash")?;
    let home = text(&user.home)?;
    append(root, &format!("var/cpanel/users/{name}"), &user_file(&name, &main.domain, sites))?;
    let data = format!("var/cpanel/userdata/{name}");
    append(root, &format!("{data}/main"), &main_file(&main.domain, sites))?;
    let mut map = String::new();
    for site in sites {
        map.push_str(&format!("{}: {name}\n", site.domain));
        if site.kind == SiteKind::Alias {
            continue;
        }
        let server = site.server_name(&main.domain);
        if site.kind == SiteKind::Addon {
            map.push_str(&format!("{server}: {name}\n"));
        }
        let folder = user.home.join(&site.folder);
        append(root, &format!("{data}/{server}"), &site_file(&name, site, &server, home, text(&folder)?))?;
        std::fs::create_dir_all(below(root, &folder))?;
    }
    append(root, "etc/userdomains", &map)
}

/// What the server has whatever accounts there are.
fn write_server(root: &Path) -> io::Result<()> {
    if root.join("usr/local/cpanel/version").exists() {
        return Ok(());
    }
    append(root, "usr/local/cpanel/version", "11.136.0.5\n")?;
    append(root, "etc/userdomains", "*: nobody\n")?;
    append(root, "var/cpanel/mainip", "192.0.2.10")?;
    append(root, "var/cpanel/features/default", &format!("{}=1\n", Feature::default().as_str()))?;
    // Not every file there is an account.
    append(root, "var/cpanel/users/system", "RS=jupiter\n")
}

fn user_file(name: &Username, main: &Domain, sites: &[TreeSite]) -> String {
    let others = sites.iter().filter(|site| site.kind != SiteKind::Main).enumerate();
    let dns: String = others.map(|(index, site)| format!("DNS{}={}\n", index + 1, site.domain)).collect();
    format!(
        "# cPanel user data\nCONTACTEMAIL={name}@mail.example\nDNS={main}\n{dns}FEATURELIST=default\nIP=192.0.2.10\nLOCALE=en\n\
         OWNER=root\nPLAN=default\nSTARTDATE=1719921330\nSUSPENDED=0\nUSER={name}\n"
    )
}

fn main_file(main: &Domain, sites: &[TreeSite]) -> String {
    let of = |kind: SiteKind| sites.iter().filter(move |site| site.kind == kind);
    let item = |name: &str| format!("  - {}\n", quoted(name));
    let addons = of(SiteKind::Addon)
        .map(|site| format!("  {}: {}\n", quoted(site.domain.as_str()), quoted(&site.server_name(main))));
    let subs = of(SiteKind::Sub).chain(of(SiteKind::Addon)).map(|site| item(&site.server_name(main)));
    let parked = of(SiteKind::Alias).map(|site| item(site.domain.as_str()));
    format!(
        "---\naddon_domains:{}cp_php_magic_include_path.conf: 0\nmain_domain: {}\nparked_domains:{}sub_domains:{}",
        block(addons.collect(), "{}"),
        quoted(main.as_str()),
        block(parked.collect(), "[]"),
        block(subs.collect(), "[]"),
    )
}

fn block(lines: String, empty: &str) -> String {
    if lines.is_empty() { format!(" {empty}\n") } else { format!("\n{lines}") }
}

fn site_file(name: &Username, site: &TreeSite, server: &str, home: &str, folder: &str) -> String {
    let domain = &site.domain;
    let aliases = match site.kind {
        SiteKind::Addon => format!("{domain} www.{domain} www.{server}"),
        _ => format!("www.{domain}"),
    };
    format!(
        "---\ndocumentroot: {}\ngroup: {name}\nhascgi: 1\nhomedir: {}\nip: 192.0.2.10\nowner: root\nphpversion: ea-php83\nport: 80\n\
         serveralias: {aliases}\nservername: {server}\nusecanonicalname: 'Off'\nuser: {name}\nuserdirprotect: ''\n",
        quoted(folder),
        quoted(home),
    )
}

/// A YAML scalar in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A path that can stand in a line of passwd(5) and in a YAML file.
/// The name of an account (Plesk: a subscription), and its one main site.
pub(super) fn account<'a>(user: &User, sites: &'a [TreeSite]) -> io::Result<(Username, &'a TreeSite)> {
    let name = Username::new(&user.name).map_err(io::Error::other)?;
    let mut mains = sites.iter().filter(|site| site.kind == SiteKind::Main);
    match (mains.next(), mains.next()) {
        (Some(main), None) => Ok((name, main)),
        _ => Err(io::Error::other(format!("{name} has not exactly one main site"))),
    }
}

/// Adds a line to the tree's user database.
pub(super) fn add_user(root: &Path, user: &User, shell: &str) -> io::Result<()> {
    let User { name, uid, gid, home } = user;
    append(root, "etc/passwd", &format!("{name}:x:{uid}:{gid}::{}:{shell}\n", text(home)?))
}

pub(super) fn text(path: &Path) -> io::Result<&str> {
    match path.to_str() {
        Some(text) if path.is_absolute() && !text.contains(|c: char| c.is_control() || c == ':') => Ok(text),
        _ => Err(io::Error::other("a home or document root of the tree is not a plain absolute path")),
    }
}

pub(super) fn below(root: &Path, absolute: &Path) -> PathBuf {
    root.join(absolute.strip_prefix("/").unwrap_or(absolute))
}

/// Adds to a file, which is made if it is not there. Its mode is set: a file that everybody can change is refused by the reader.
pub(super) fn append(root: &Path, file: &str, content: &str) -> io::Result<()> {
    let path = root.join(file);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    OpenOptions::new().append(true).create(true).mode(0o644).open(path)?.write_all(content.as_bytes())
}
