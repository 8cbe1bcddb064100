//! Servers for a broker: the same accounts on each panel that lets accounts ask for themselves, and a configuration that is root's.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use panelgate::panel::SiteKind;
use panelgate::sandbox::Builder;
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::tree_directadmin::write_directadmin_tree;
use panelgate::sys::users::User;
use panelgate::types::Domain;
use serde_json::{Map, Value, json};

/// Accounts of each server. Enough that ten thousand clicks are within what each of them may ask for.
const ACCOUNTS: u32 = 500;

/// Those of them that click: enough that all clicks of a run are within what each of them may ask for.
const PAGES: u32 = 12;

const FIRST_UID: u32 = 200_000;

/// What all servers have in common.
pub(crate) struct Plan<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) builder: &'a Builder,
    pub(crate) login: (&'a str, &'a str),
}

impl Plan<'_> {
    /// Makes them all; what `tests/bench/run` must know of each. `far` is a proxy that makes the way to the builder long.
    pub(crate) fn make(&self, far: SocketAddr) -> io::Result<Value> {
        let proxy = format!("proxy = http://{far}\n");
        let servers = [
            ("cPanel", "cpanel", ""),
            ("DirectAdmin", "directadmin", ""),
            ("custom hosting", "ini", ""),
            ("far", "cpanel", proxy.as_str()),
        ];
        let mut all = Map::new();
        for (name, kind, more) in servers {
            all.insert(name.to_owned(), self.server(name, kind, more)?);
        }
        Ok(Value::Object(all))
    }

    fn server(&self, name: &str, kind: &str, more: &str) -> io::Result<Value> {
        let dir = self.dir.join("servers").join(name.replace(' ', "-"));
        let (root, config) = (dir.join("root"), dir.join("panelgate.ini"));
        fs::create_dir_all(&dir)?;
        let ca = dir.join("ca.pem");
        write(&ca, 0, 0o644, self.builder.ca_pem().as_bytes())?;
        let mut accounts = Vec::new();
        for number in 0..ACCOUNTS {
            let name = format!("user{number:05}");
            let uid = FIRST_UID + number;
            let user = User { home: Path::new("/home").join(&name), name, uid, gid: uid };
            let site = format!("site{number:05}.example");
            account(kind, &root, &user, &site)?;
            accounts.push(json!({ "uid": uid, "site": site, "page": number < PAGES }));
        }
        let settings = format!(
            "[panel]\nkind = {kind}\nroot = {}\n\n[directadmin]\nrequire_session = no\n\n\
             [builder]\nurl = {}\nusername = {}\npassword = {}\nca_file = {}\nhosts = {}\n{more}\n\
             [publish]\ntype = http\nendpoint = https://panel.example/panelgate/\n\n[store]\ndir = {}\n",
            root.display(),
            self.builder.api_url(),
            self.login.0,
            self.login.1,
            ca.display(),
            self.builder.page_host(),
            dir.join("state").display(),
        );
        write(&config, 0, 0o600, settings.as_bytes())?;
        Ok(json!({ "config": config, "accounts": accounts }))
    }
}

/// Adds an account with two sites.
fn account(kind: &str, root: &Path, user: &User, site: &str) -> io::Result<()> {
    let domain = |name: &str| Domain::new(name).map_err(io::Error::other);
    let sites = [
        TreeSite::new(domain(site)?, SiteKind::Main, "public_html"),
        TreeSite::new(domain(&format!("books-{site}"))?, SiteKind::Addon, "books"),
    ];
    match kind {
        "cpanel" => write_cpanel_tree(root, user, &sites),
        "directadmin" => write_directadmin_tree(root, user, &sites),
        _ => ini_account(root, user, &sites),
    }
}

fn ini_account(root: &Path, user: &User, sites: &[TreeSite]) -> io::Result<()> {
    let folder = root.join("etc/panelgate/accounts.d");
    fs::create_dir_all(&folder)?;
    let User { name, uid, gid, home } = user;
    let home = home.display();
    let mut text = format!("[account]\nuid = {uid}\nplan = default\nlocale = en\npublic_ip = 192.0.2.10\n");
    for site in sites {
        let kind = if site.kind == SiteKind::Main { "main" } else { "addon" };
        let (domain, files) = (&site.domain, &site.folder);
        text += &format!("\n[site {domain}]\nkind = {kind}\ndocument_root = {home}/{files}\n");
    }
    write(&folder.join(format!("{name}.ini")), 0, 0o644, text.as_bytes())?;
    let mut users = fs::OpenOptions::new().append(true).create(true).open(root.join("etc/passwd"))?;
    io::Write::write_all(&mut users, format!("{name}:x:{uid}:{gid}::{home}:/bin/bash\n").as_bytes())
}

fn write(path: &Path, uid: u32, mode: u32, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    chown(path, Some(uid), Some(uid))
}
