//! The packages: what they hold, and what they do to a system when they are installed, upgraded, removed and purged.
//!
//! They are made of the programs that these tests were built with. What only holds for the real ones (the glibc they need, their size, the list of
//! crates in them) is checked by `make packages`; see packaging/README.md.
#![cfg(all(feature = "sandbox", feature = "cli"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../packaging/manual/generate.rs"]
mod generate;
#[path = "../publish/world.rs"]
#[allow(dead_code)]
mod world;

mod checks;
mod deb;
mod made;
mod manual;
mod rpm;
mod served;
mod system;

/// Ends a test that needs root or a part that is not there; with `PANELGATE_TEST_ALL` a missing part is a fault.
#[macro_export]
macro_rules! needs {
    ($($program:literal),*) => {
        if !$crate::common::is_root() {
            return eprintln!("skipped: it needs root");
        }
        $(if !$crate::system::is_there($program) {
            assert!(std::env::var_os("PANELGATE_TEST_ALL").is_none(), "{} is missing: run tests/run", $program);
            return eprintln!("skipped: {} is missing", $program);
        })*
    };
}
