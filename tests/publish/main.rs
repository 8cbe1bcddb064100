//! The publication endpoint with real web servers, a real broker and workers that run as real accounts. Only root can do that, so that these tests say so and do
//! nothing for others.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod disks;
mod files;
mod handover;
mod internal;
mod killed;
mod refusals;
mod servers;
mod worker;
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
