//! The program that runs jobs, run as a program, against the embedded builder.
#![cfg(all(feature = "cli", feature = "sandbox"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod backup;
mod carry;
mod close_site;
#[path = "../common/mod.rs"]
mod common;
mod limits;
mod panels;
mod providers;
#[path = "../standins/mod.rs"]
mod standins;
mod world;

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
