//! Where the files of a site lie. Three sources are asked, and the first that names the site is right:
//!
//! 1. The configuration that DirectAdmin wrote for the web server: what it serves is what counts.
//! 2. For a subdomain: `D.subdomains.docroot.override`.
//! 3. DirectAdmin's fixed layout below `~/domains`, which is its contract with everybody who writes there (`[directadmin] fixed_layout`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::panel::account::document_root;
use crate::panel::data_error;
use crate::panel::keyvalue::KeyValue;
use crate::panel::tree::Tree;
use crate::types::{Domain, quote};

use super::vhosts::VirtualHosts;

/// The sources of one account.
pub(super) struct Roots<'a> {
    home: &'a Path,
    fixed_layout: bool,
    hosts: VirtualHosts,
}

impl<'a> Roots<'a> {
    /// Reads the web server's configuration. `folder` is the account's folder in DirectAdmin's data.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub(super) fn new(tree: &Tree, folder: &str, home: &'a Path, fixed_layout: bool) -> Result<Self> {
        Ok(Self { home, fixed_layout, hosts: VirtualHosts::read(tree, folder)? })
    }

    /// The document root of a domain; `None` if there is none below the home.
    ///
    /// # Errors
    /// If a source names a path that cannot be a document root.
    pub(super) fn of_domain(&self, domain: &Domain) -> Result<Option<PathBuf>> {
        match self.hosts.root(domain) {
            Some((place, text)) => self.check(place, text),
            None => Ok(self.fixed(domain)),
        }
    }

    /// The document root of a subdomain.
    ///
    /// # Errors
    /// As [`Roots::of_domain`].
    pub(super) fn of_subdomain(
        &self,
        name: &Domain,
        label: &str,
        parent: &Domain,
        overrides: &Overrides,
    ) -> Result<Option<PathBuf>> {
        if let Some((place, text)) = self.hosts.root(name) {
            return self.check(place, text);
        }
        match overrides.roots.get(label) {
            Some((place, text)) => self.check(place.clone(), &below(self.home, text)),
            None => Ok(self.fixed(parent).map(|root| root.join(label))),
        }
    }

    fn fixed(&self, domain: &Domain) -> Option<PathBuf> {
        self.fixed_layout.then(|| self.home.join("domains").join(domain.as_str()).join("public_html"))
    }

    fn check(&self, place: String, text: &str) -> Result<Option<PathBuf>> {
        // A variable of the web server would be taken for a folder of that name.
        if text.contains('$') {
            let what = format!("the document root {} holds a variable, which is not read here", quote(text));
            return Err(data_error(place, what));
        }
        document_root(text, self.home).map_err(|fault| data_error(place, fault))
    }
}

/// Paths in the override file are relative to the home, though they begin with a slash.
fn below(home: &Path, text: &str) -> String {
    format!("{}/{text}", home.display())
}

/// `D.subdomains.docroot.override`: label to place and path.
#[derive(Default)]
pub(super) struct Overrides {
    roots: HashMap<String, (String, String)>,
}

impl Overrides {
    /// Reads the file of a domain; empty if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is malformed.
    pub(super) fn read(tree: &Tree, path: &str) -> Result<Self> {
        match tree.read_account_file(path)? {
            Some(content) => Self::parse(&tree.path(path), &content.bytes),
            None => Ok(Self::default()),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let file = KeyValue::parse(path, bytes, '=')?;
        let mut roots = HashMap::new();
        for pair in file.pairs() {
            // One that changes `private_html` alone leaves the document root where it is.
            let root = form_urlencoded::parse(pair.value.as_bytes()).find(|(key, _)| key == "public_html");
            let Some((_, root)) = root else { continue };
            let place = format!("{}:{}", path.display(), pair.line);
            if roots.insert(pair.key.to_ascii_lowercase(), (place, root.into_owned())).is_some() {
                return Err(file.error(pair.line, format!("{} stands twice", quote(pair.key))));
            }
        }
        Ok(Self { roots })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Result<Overrides> {
        Overrides::parse(Path::new("override"), bytes)
    }

    #[test]
    fn an_override_is_a_query_string_relative_to_the_home() {
        let text =
            b"dev=public_html=/domains/a.example/dev%20html&private_html=/x\nold=private_html=/y\nno=\n";
        let overrides = parse(text).unwrap();
        assert_eq!(overrides.roots.len(), 1);
        let hosts = VirtualHosts::default();
        let roots = Roots { home: Path::new("/home/alice"), fixed_layout: false, hosts };
        let parent = Domain::new("a.example").unwrap();
        let of = |label: &str| {
            let name = Domain::new(&format!("{label}.a.example")).unwrap();
            roots.of_subdomain(&name, label, &parent, &overrides).unwrap()
        };
        assert_eq!(of("dev"), Some(PathBuf::from("/home/alice/domains/a.example/dev html")));
        assert_eq!(of("old"), None);
    }

    #[test]
    fn an_override_does_not_leave_the_home() {
        let roots =
            Roots { home: Path::new("/home/alice"), fixed_layout: true, hosts: VirtualHosts::default() };
        let (name, parent) = (Domain::new("b.a.example").unwrap(), Domain::new("a.example").unwrap());
        for path in ["/../bob", "/domains/%2e%2e/x", "/a%00b", "/a%0Ab", "/$HOME/x"] {
            let overrides = parse(format!("b=public_html={path}\n").as_bytes()).unwrap();
            let error = roots.of_subdomain(&name, "b", &parent, &overrides).unwrap_err().to_string();
            assert!(error.starts_with("override:1: the document root"), "{path}: {error}");
        }
    }

    #[test]
    fn faults_name_file_and_line() {
        for (bytes, want) in [
            (&b"dev\n"[..], "override:1: there is no \"=\" in \"dev\""),
            (b"a=public_html=/x\nA=public_html=/y\n", "override:2: \"A\" stands twice"),
        ] {
            assert_eq!(parse(bytes).err().unwrap().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
