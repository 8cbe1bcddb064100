//! Client of the builder's API (`reference/builder-api.md`). It knows no panel.

mod session;

use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};

pub use session::{Publication, SessionReply, SessionRequest};

/// A client of one builder. It is cheap to make: TLS and connections are set up at the first call.
pub struct Client {}

impl Client {
    /// Makes a client.
    pub fn new(_config: &BuilderConfig) -> Self {
        Self {}
    }

    /// Creates a session.
    pub fn request_login(&self, _request: &SessionRequest) -> Result<SessionReply> {
        Err(Error::new(ErrorKind::Internal, "not yet"))
    }
}
