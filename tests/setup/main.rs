//! `panelgate setup` on each panel's tree, with stand-ins of the panels' own programs that know what the references say of their arguments.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod adopt;
#[path = "../common/mod.rs"]
mod common;
mod endpoint;
mod killed;
mod panels;
mod settings;
mod tree;
