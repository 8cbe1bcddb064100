//! A tree of files as a DirectAdmin server has them. See [`super::tree`].

use std::io;
use std::path::Path;

use crate::config::Feature;
use crate::panel::SiteKind;
use crate::sys::users::User;
use crate::types::{Domain, Username};

use super::tree::{TreeSite, account, add_user, append, below, text};

const DATA: &str = "usr/local/directadmin";
const ADDRESS: &str = "192.0.2.10";

/// Adds an account to the tree below `root`, which is made a DirectAdmin server if it is none yet.
///
/// The account's document roots are made below `root` too. The account has the package `default` and the package item under its usual name; an
/// alias is one of the main site.
///
/// # Errors
/// If a file cannot be written, if the account has not exactly one main site, if a subdomain is below none of its domains, or if a name or path
/// cannot stand in the files.
pub fn write_directadmin_tree(root: &Path, user: &User, sites: &[TreeSite]) -> io::Result<()> {
    let (name, main) = account(user, sites)?;
    write_server(root)?;
    add_user(root, user, "/bin/bash")?;
    let folder = format!("{DATA}/data/users/{name}");
    append(root, &format!("{folder}/user.conf"), &user_conf(&name, &main.domain))?;
    let mut map = String::new();
    for site in sites {
        if site.kind != SiteKind::Sub {
            map.push_str(&format!("{}: {name}\n", site.domain));
        }
        write_site(root, &folder, &name, site, &main.domain, sites)?;
        if site.kind != SiteKind::Alias {
            let files = user.home.join(&site.folder);
            append(root, &format!("{folder}/httpd.conf"), &virtual_hosts(&site.domain, text(&files)?))?;
            std::fs::create_dir_all(below(root, &files))?;
        }
    }
    append(root, "etc/virtual/domainowners", &map)
}

/// What the server has whatever accounts there are.
fn write_server(root: &Path) -> io::Result<()> {
    let conf = format!("{DATA}/conf/directadmin.conf");
    if root.join(&conf).exists() {
        return Ok(());
    }
    append(root, &conf, "port=2222\nservername=host1.example.org\n")?;
    append(root, "etc/virtual/domainowners", "host1.example.org: admin\n")
}

fn user_conf(name: &Username, main: &Domain) -> String {
    format!(
        "account=ON\ncreator=admin\ndate_created=Tue Sep 08 05:31:00 2026\ndomain={main}\nemail={name}@mail.example\nip={ADDRESS}\n\
         language=en\npackage=default\n{}=ON\nsuspended=no\nusername={name}\nusertype=user\n",
        Feature::default().as_str()
    )
}

/// The line of a site in the list where its kind stands.
fn write_site(
    root: &Path,
    folder: &str,
    name: &Username,
    site: &TreeSite,
    main: &Domain,
    sites: &[TreeSite],
) -> io::Result<()> {
    let domain = &site.domain;
    match site.kind {
        SiteKind::Main | SiteKind::Addon => {
            let default = if domain == main { "yes" } else { "no" };
            let conf = format!(
                "active=yes\ndefaultdomain={default}\ndomain={domain}\nip={ADDRESS}\nsuspended=no\nusername={name}\n"
            );
            append(root, &format!("{folder}/domains.list"), &format!("{domain}\n"))?;
            append(root, &format!("{folder}/domains/{domain}.conf"), &conf)
        }
        SiteKind::Sub => {
            let is_domain = |site: &&TreeSite| matches!(site.kind, SiteKind::Main | SiteKind::Addon);
            let (label, parent) = sites
                .iter()
                .filter(is_domain)
                .filter_map(|other| {
                    let label = domain.as_str().strip_suffix(other.domain.as_str())?.strip_suffix('.')?;
                    Some((label, &other.domain))
                })
                .min_by_key(|(label, _)| label.len())
                .ok_or_else(|| {
                    io::Error::other(format!("{domain} is below none of the account's domains"))
                })?;
            append(root, &format!("{folder}/domains/{parent}.subdomains"), &format!("{label}\n"))
        }
        SiteKind::Alias => {
            append(root, &format!("{folder}/domains/{main}.pointers"), &format!("{domain}=alias\n"))
        }
    }
}

/// Like what DirectAdmin writes: a host without TLS and one with it for every name that has files of its own.
fn virtual_hosts(domain: &Domain, files: &str) -> String {
    let host = |port: u16, tls: &str| {
        format!(
            "<VirtualHost {ADDRESS}:{port}>\n{tls}\tServerName www.{domain}\n\tServerAlias www.{domain} {domain}\n\
             \tDocumentRoot \"{files}\"\n</VirtualHost>\n"
        )
    };
    host(80, "") + &host(443, "\tSSLEngine on\n")
}
