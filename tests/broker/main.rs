//! The broker with real processes of real uids: only root can make those, so that these tests say so and do nothing for others.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod attacks;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod downloads;
mod faults;
mod hooks;
mod hostile;
mod long;
mod matrix;
mod ownership;
mod packaged;
mod service;
mod table;
#[allow(dead_code)]
#[path = "../hooks/tree.rs"]
mod tree;
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
