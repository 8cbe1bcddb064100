//! The page behind the icon.
//!
//! One process answers one request: `guard` refuses what must not go further and bounds the rest, `page` decides what happens, `pages`
//! draws it, [`dialect`] writes it. What a request says is never an identity: who is asking was decided by the kernel, in [`crate::gateway`].
//!
//! Under the name `publish.cgi` the same program is the `endpoint` that the builder publishes to.
//!
//! Nothing here holds a secret for longer than one answer, and nothing here writes a cookie, a name or an address of a session to the log.

mod body;
pub mod dialect;
mod download;
mod endpoint;
mod form;
mod guard;
mod live_api;
pub mod messages;
mod meta;
mod page;
mod pages;
mod response;
mod run;

pub use response::Response;
pub use run::{Answer, Front, run};

/// The body of an answer about a publication by archive, as JSON.
#[cfg(feature = "sandbox")]
pub(crate) fn action(word: &crate::ops::internal::Word) -> String {
    endpoint::action::render(word)
}
