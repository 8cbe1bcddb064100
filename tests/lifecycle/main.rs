//! The life cycle of accounts and sites: events, the looks that follow from them, the end of what is gone, and the comparison with the panel. Real programs, and the
//! embedded builder.
#![cfg(all(feature = "cli", feature = "sandbox"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod outage;
mod reconcile;
mod removal;
mod suspension;
mod told;
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
