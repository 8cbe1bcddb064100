//! What DirectAdmin told the web server about the sites of an account.
//!
//! DirectAdmin writes one file per web server that it runs: Apache (also LiteSpeed Enterprise), nginx, OpenLiteSpeed. Of each only names and
//! document roots are taken. Included files are not followed: DirectAdmin writes both into its own file.

mod apache;
mod nginx;
mod openlitespeed;

use std::collections::HashMap;
use std::path::Path;

use crate::error::Result;
use crate::limits;
use crate::panel::data_error;
use crate::panel::tree::{Tree, utf8};
use crate::types::Domain;

/// One virtual host.
#[derive(Debug, Default, PartialEq, Eq)]
struct VirtualHost {
    line: usize,
    names: Vec<String>,
    root: Option<String>,
    tls: bool,
}

type Parse = fn(&str) -> std::result::Result<Vec<VirtualHost>, Fault>;

/// What is wrong in a file, and at which line.
struct Fault(usize, &'static str);

/// In this order: where Apache stands behind nginx, both files are there, and Apache serves the files.
const FILES: [(&str, Parse); 3] = [
    ("httpd.conf", apache::parse),
    ("nginx.conf", nginx::parse),
    ("openlitespeed.conf", openlitespeed::parse),
];

/// Document roots by site name.
#[derive(Default)]
pub(super) struct VirtualHosts {
    path: String,
    roots: HashMap<String, Root>,
}

struct Root {
    line: usize,
    text: String,
    tls: bool,
}

impl VirtualHosts {
    /// Reads the first of the files that is there; without any, no name is known.
    ///
    /// # Errors
    /// [`PanelData`](crate::error::ErrorKind::PanelData) if it cannot be read or its blocks do not close.
    pub(super) fn read(tree: &Tree, folder: &str) -> Result<Self> {
        for (name, parse) in FILES {
            let path = format!("{folder}/{name}");
            if let Some(content) = tree.read(&path, limits::WEB_SERVER_FILE_BYTES)? {
                return Self::parse(&tree.path(path), &content.bytes, parse);
            }
        }
        Ok(Self::default())
    }

    fn parse(path: &Path, bytes: &[u8], parse: Parse) -> Result<Self> {
        let place = |line: usize| format!("{}:{line}", path.display());
        let text = utf8(path, bytes)?;
        if let Some(at) = text.find('\0') {
            return Err(data_error(place(text[..at].matches('\n').count() + 1), "there is a NUL byte"));
        }
        let hosts = parse(text).map_err(|Fault(line, what)| data_error(place(line), what))?;
        let mut known = Self { path: path.display().to_string(), roots: HashMap::new() };
        for host in hosts {
            known.add(host);
        }
        Ok(known)
    }

    /// As a web server does it, the first host that has a name wins; but one without TLS goes before those with it, because they may serve
    /// `private_html`, which is not where a site is published.
    fn add(&mut self, host: VirtualHost) {
        let Some(text) = host.root else { return };
        for name in host.names {
            let root = Root { line: host.line, text: text.clone(), tls: host.tls };
            match self.roots.entry(name.trim_end_matches('.').to_ascii_lowercase()) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(root);
                }
                std::collections::hash_map::Entry::Occupied(mut entry) if entry.get().tls && !root.tls => {
                    entry.insert(root);
                }
                std::collections::hash_map::Entry::Occupied(_) => {}
            }
        }
    }

    /// The place (file and line) and the text of a site's document root.
    pub(super) fn root(&self, domain: &Domain) -> Option<(String, &str)> {
        let root = self.roots.get(domain.as_str())?;
        Some((format!("{}:{}", self.path, root.line), root.text.as_str()))
    }
}

#[cfg(test)]
mod tests;
