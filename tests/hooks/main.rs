//! The hook scripts and bundles in `panel-hooks/`, as a panel starts and unpacks them.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod bundles;
mod clicks;
#[path = "../common/mod.rs"]
mod common;
mod cpanel;
mod directadmin;
mod hostile;
mod plesk;
mod store;
mod tree;
mod whm;
