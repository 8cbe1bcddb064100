//! The Plesk extension, by its own PHP files: against stand-ins of the panel's classes and a real broker with the sandbox builder.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};

mod browser;
mod click;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod faults;
mod generated;
mod package;
mod world;

/// The extension as it stands in the source.
pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("panel-hooks/plesk/extension")
}

/// All PHP files below a folder, in the order of their names.
pub fn php_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(php_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "php" || extension == "phtml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Ends a test that needs root, loudly.
macro_rules! needs_root {
    () => {
        if !crate::common::is_root() {
            eprintln!("skipped: {} needs root", module_path!());
            return;
        }
    };
}
pub(crate) use needs_root;
