//! Who gets a session for what: each panel, each way in (the page, the C library, the command line) and each caller (an account, a panel user, root)
//! against the same table. The three ways give the same error, and what is refused never reaches the builder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs, unreachable_pub)]

mod anew;
mod claims;
#[path = "../common/mod.rs"]
mod common;
mod page;
#[allow(dead_code)]
#[path = "../capi/programs.rs"]
mod programs;
mod rows;
mod stage;
mod table;
#[allow(dead_code)]
#[path = "../capi/trial.rs"]
mod trial;
