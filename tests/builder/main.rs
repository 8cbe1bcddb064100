//! The client of the builder's API against servers that behave well, badly and maliciously.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod redirects;
mod replies;
mod requests;
mod server;
mod transport;
