//! The C ABI: guarded conversions over [`crate::gateway::Gateway`], and nothing else.
//!
//! `include/panelgate.h` is generated from the exported items and their comments, and a test fails when it is stale. The `///` comments are
//! therefore written for C readers; what only a Rust reader needs stands in `//` comments.
//!
//! What holds for every exported function:
//! - Its whole body runs inside one of the functions of `guard`: a panic never reaches the caller.
//! - Arguments are checked before anything is done: NULL, length, encoding, size of structures.
//! - Outputs are written once, as the last thing, and only on success.
//! - It keeps nothing outside the objects that it hands out: no global state, no thread-local state, no logger, no signal handler.
//!
//! The promises that soundness rests on are the caller's and stand in the header's opening chapter: a pointer is NULL or points to what the
//! header says, an object is used until it is freed and not after, and it is freed once.
#![allow(unsafe_code)]
#![allow(non_camel_case_types, reason = "the types have the names that the header gives them")]
#![allow(
    clippy::missing_safety_doc,
    reason = "such headings would reach the C header, whose opening chapter says it"
)]

mod account;
mod backup;
mod call;
mod error;
mod event;
mod guard;
mod handle;
mod options;
mod pointer;
mod publication;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod text;

pub use account::*;
pub use backup::*;
pub use call::*;
pub use error::*;
pub use event::*;
pub use handle::*;
pub use publication::*;
pub use session::*;
pub use status::*;
pub use text::pgate_string_free;
