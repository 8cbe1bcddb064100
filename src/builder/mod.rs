//! Client of the builder's API (`reference/builder-api.md`). It knows no panel.
//!
//! - `call`: one POST with its redirects and its deadline
//! - `faults`: what stopped a call on its way
//! - `replies`: what the builder answered
//! - `address`: which addresses of the builder's may be used
//! - `session`: `requestLogin`
//! - [`project`]: the editable project of a site, as a file
//! - `probe`: the doctor's two calls

mod address;
mod buffer;
mod call;
mod faults;
mod probe;
pub mod project;
mod replies;
mod session;

use std::sync::OnceLock;

use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::agent::{self, Settings};
use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::types::WebUrl;

use buffer::SecretBuffer;
pub use probe::{Greeting, Probe};
use replies::Secrets;
pub use session::{Publication, SessionReply, SessionRequest};

/// A client of one builder. It is cheap to make: certificates, TLS and connections are set up at the first call and kept for the next ones.
pub struct Client {
    config: BuilderConfig,
    agent: OnceLock<Agent>,
}

impl Client {
    /// Makes a client.
    pub fn new(config: &BuilderConfig) -> Self {
        Self { config: config.clone(), agent: OnceLock::new() }
    }

    /// Creates a session.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx), or [`ErrorKind::Config`] where credentials or `ca_file` are missing or wrong.
    pub fn request_login(&self, request: &SessionRequest) -> Result<SessionReply> {
        let reply = self.post(&self.config.url, "requestLogin", &request.body(), request.secrets())?;
        session::check(&self.config, reply, request.more)
    }

    /// Posts `body` to a method below `base`, which is the configured address or a checked `builderApiUrl`. `secrets` are the values in the body
    /// that no error may repeat.
    fn post<'a, T: DeserializeOwned>(
        &'a self,
        base: &WebUrl,
        method: &str,
        body: &impl Serialize,
        mut secrets: Secrets<'a>,
    ) -> Result<T> {
        if self.config.username.is_empty() || self.config.password.is_empty() {
            let text = "the builder's credentials are missing: set [builder] username and password";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let basic = call::basic(&self.config.username, &self.config.password);
        secrets.add(self.config.password.expose());
        secrets.add_owned(Zeroizing::new(basic["Basic ".len()..].to_owned()));
        let bytes = SecretBuffer::of_json(body)?;
        let reply = call::post(self.agent()?, &self.config, base.join(method), &basic, &bytes)?;
        replies::read(&reply, &secrets).map_err(|error| error.context(method))
    }

    fn agent(&self) -> Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        // Two threads may both come here; one of the two agents is dropped unused.
        let config = &self.config;
        let agent = agent::build(&Settings {
            section: "builder",
            ca_file: config.ca_file.as_deref(),
            proxy: config.proxy.as_ref(),
            allow_http: config.allow_http,
            secure: config.url.is_https() || !config.allow_http,
            connect_timeout: config.connect_timeout,
            timeout: config.timeout,
            connect_to: None,
        })?;
        Ok(self.agent.get_or_init(|| agent))
    }
}
