//! What the demo and the tests run on: an embedded builder, and the small HTTP server below it.
//!
//! Nothing here is for production. Everything listens on the loopback address only, and no setting of `panelgate.ini` leads here.

pub mod demo;
pub mod http;
pub mod tree;
