//! What the demo and the tests run on: an embedded builder, and the small HTTP server below it.
//!
//! Nothing here is for production. Everything listens on the loopback address only, and no setting of `panelgate.ini` leads here: whoever wants a
//! sandbox starts one in code.

mod builder;
mod calls;
mod checks;
pub mod demo;
pub mod http;
mod page;
mod projects;
mod publish;
mod tls;
pub mod tree;
pub mod tree_directadmin;
pub mod tree_plesk;

#[cfg(test)]
mod tree_tests;

pub use builder::{Builder, Options, Recorded, Ui};
pub use calls::{ErrorShape, FullList};
pub use publish::{Ssh, Ways};
