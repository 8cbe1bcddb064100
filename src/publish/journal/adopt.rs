//! A site that was published before Panelgate was there: recognising it, and its first manifest.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::runtime::is_runtime;
use super::site::{Site, name};
use super::tree::{self, Found};
use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Kind, Outcome, Rename, Root};
use crate::types::RelPath;

/// What the builder writes into the front files of what it publishes.
const COMMENT: &str = "Powered by Website Builder";

/// The files in the document root that the builder publishes beside its folder (`reference/builder-api.md` 6.2).
const FRONT: [&str; 3] = ["index.php", ".htaccess", "web.config"];

/// How much of a front file is looked at, in bytes.
const HEAD: u64 = 64 * 1024;

/// What of a document root the builder has published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    /// The front files that bear the builder's comment.
    pub front: Vec<String>,
    /// The folders that the front page includes.
    pub folders: Vec<String>,
}

/// What was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// How many files the manifest has.
    pub files: u64,
    /// How many bytes these have.
    pub bytes: u64,
    /// Whether there was a manifest already, which was left alone.
    pub known: bool,
}

impl Recognised {
    /// Whether anything is the builder's.
    pub fn is_published(&self) -> bool {
        !self.front.is_empty()
    }
}

/// Looks at the front files of a document root.
///
/// # Errors
/// What listing brings. A front file that cannot be read is none of the builder's.
pub fn recognise(root: &Root) -> Outcome<Recognised> {
    let mut found = Recognised::default();
    let mut page = String::new();
    for file in FRONT {
        let Ok(content) = root.open_file(&name(file)) else { continue };
        let mut head = Vec::new();
        if content.take(HEAD).read_to_end(&mut head).is_err() {
            continue;
        }
        let text = String::from_utf8_lossy(&head);
        if text.contains(COMMENT) {
            found.front.push(file.to_owned());
            if file == "index.php" {
                page = text.into_owned();
            }
        }
    }
    for item in root.list(&RelPath::root())? {
        if item.facts.kind == Kind::Dir && includes(&page, &item.name) {
            found.folders.push(item.name);
        }
    }
    Ok(found)
}

/// Whether a front page includes the front page of a folder.
fn includes(page: &str, folder: &str) -> bool {
    let target = format!("{folder}/index.php");
    page.match_indices(&target).any(|(at, _)| {
        let before = page[..at].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '.'))
    })
}

impl Site {
    /// Writes the first manifest of a site that the builder has published without us: from now on it can be taken back as a whole, and the next publication
    /// knows what is stale. No file of the site is changed; data of the running site belong to nobody's publication.
    ///
    /// # Errors
    /// [`FaultKind::Nothing`] if nothing there is the builder's; what reading and writing bring.
    pub fn adopt(&mut self) -> Outcome<Adopted> {
        if self.manifest.len() > 0 || self.window_open() || self.state.stat(&name("history"))?.is_some() {
            return Ok(self.adopted(true));
        }
        let found = recognise(&self.root)?;
        if !found.is_published() {
            return Err(Fault::new(FaultKind::Nothing, &RelPath::root()));
        }
        let mut manifest = Manifest::default();
        for file in &found.front {
            let path = name(file);
            let entry = tree::measure(&self.root, &path, limits::PUT_BYTES)?;
            manifest.files.insert(path, entry);
        }
        for folder in &found.folders {
            let top = RelPath::from_wire(folder.as_bytes())?;
            let (root, own, steps) = (&self.root, self.root.uid(), &self.steps);
            tree::visit(root, &top, limits::MANIFEST_ENTRIES, &mut |Found { path, facts }| {
                steps.one();
                match facts.kind {
                    Kind::Dir => drop(manifest.dirs.insert(path)),
                    Kind::File if facts.uid == own && !is_runtime(&path) && !path.is_reserved() => {
                        let entry = tree::measure(root, &path, limits::PUT_BYTES)?;
                        manifest.files.insert(path, entry);
                    }
                    _ => {}
                }
                Ok(())
            })?;
            manifest.dirs.insert(top);
        }
        self.write_manifest("adopted", &manifest)?;
        self.state.rename(&name("adopted"), &self.state, &name("manifest"), Rename::Replace)?;
        self.state.sync_dir(&RelPath::root())?;
        self.manifest = manifest;
        Ok(self.adopted(false))
    }

    fn adopted(&self, known: bool) -> Adopted {
        Adopted { files: self.manifest.files.len() as u64, bytes: self.manifest.bytes(), known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::confine::Modes;
    use crate::sys::identity;
    use crate::types::SiteKey;

    #[test]
    fn only_the_included_folder_is_the_builders() {
        let page = "<?php /* Powered by Website Builder */ include dirname(__FILE__).'/sitepro/index.php';";
        assert!(includes(page, "sitepro") && !includes(page, "pro") && !includes(page, "images"));
        assert!(includes("include 'ncsitebuilder/index.php'", "ncsitebuilder"));
        assert!(!includes("include 'my-sitepro/index.php'", "sitepro"));
    }

    #[test]
    fn a_published_site_gets_its_first_manifest_once_and_keeps_its_data() {
        let dir = tempfile::tempdir().unwrap();
        let (home, root) = (dir.path().join("home"), dir.path().join("home/public_html"));
        let put = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("index.php", "<?php // Powered by Website Builder\ninclude 'sitepro/index.php';");
        put(".htaccess", "# Powered by Website Builder\n");
        put("web.config", "<own/>");
        put("mine.html", "mine");
        put("sitepro/index.php", "<?php");
        put("sitepro/css/site.css", "a{}");
        put("sitepro/store.dat", "orders");
        put("other/index.php", "mine");
        let key = SiteKey::stored("1234567890".into()).unwrap();
        let open = || Site::open(&home, &root, identity::uids().effective, &key, Modes::default()).unwrap();
        let mut site = open();
        let adopted = site.adopt().unwrap();
        assert_eq!((adopted.files, adopted.known), (4, false));
        let files: Vec<String> = site.manifest.files.keys().map(ToString::to_string).collect();
        assert_eq!(files, [".htaccess", "index.php", "sitepro/css/site.css", "sitepro/index.php"]);
        drop(site);
        let mut site = open();
        assert_eq!(site.adopt().unwrap(), Adopted { known: true, ..adopted });
        // It can be taken away as if it had been published here.
        site.unpublish().unwrap();
        assert!(!root.join("index.php").exists() && !root.join("sitepro/css").exists());
        for kept in ["mine.html", "web.config", "sitepro/store.dat", "other/index.php"] {
            assert!(root.join(kept).exists(), "{kept}");
        }
    }

    #[test]
    fn a_site_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("public_html");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("index.php"), "<?php // my own").unwrap();
        let key = SiteKey::stored("1234567890".into()).unwrap();
        let mut site =
            Site::open(dir.path(), &root, identity::uids().effective, &key, Modes::default()).unwrap();
        assert_eq!(site.adopt().unwrap_err().kind(), FaultKind::Nothing);
        assert_eq!(site.manifest.len(), 0);
    }
}
