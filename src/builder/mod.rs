//! Client of the builder's API (`reference/builder-api.md`). It knows no panel.
//!
//! - `call`: one POST with its redirects and its deadline; `patience`: how long that is with a builder that does not answer
//! - `faults`: what stopped a call on its way
//! - `replies`: what the builder answered; `http_date`: when
//! - `download`: fetching the archive of a publication
//! - `address`: which addresses of the builder's may be used
//! - `session`: `requestLogin`
//! - `invoke`: any call, as the table [`crate::calls`] says it is made
//! - `template`, `website`, `licence`: the same with types of their own; `tolerant`: how answers are read
//! - `probe`: the doctor's two calls; `presence`: which calls this builder has
//! - [`project`]: the editable project of a site, as a file

mod address;
mod buffer;
mod call;
mod download;
mod faults;
mod http_date;
mod invoke;
pub mod licence;
mod patience;
mod presence;
mod probe;
pub mod project;
mod replies;
mod session;
pub mod template;
mod tolerant;
pub mod website;

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Agent;

use crate::agent::{self, Settings};
use crate::calls::Answer;
use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::WebUrl;

use buffer::SecretBuffer;
use call::{Outgoing, Reply};
pub use download::{Download, fetch, may_fetch};
use invoke::Hashes;
pub use invoke::Site;
use patience::Patience;
use presence::Recorder;
pub(crate) use presence::scrub;
pub use presence::{Presence, Recorded};
pub use probe::{Greeting, Probe};
use replies::Secrets;
pub use session::{Publication, SessionReply, SessionRequest};

/// A client of one builder. It is cheap to make: certificates, TLS and connections are set up at the first call and kept for the next ones.
pub struct Client {
    config: BuilderConfig,
    agent: OnceLock<Agent>,
    /// The sites' `loginHash`es.
    hashes: Hashes,
    /// Whether this builder spells the action of the long list of addresses `full-list`.
    full_list: AtomicBool,
    recorder: Recorder,
    patience: Patience,
}

impl Client {
    /// Makes a client.
    pub fn new(config: &BuilderConfig) -> Self {
        Self {
            config: config.clone(),
            agent: OnceLock::new(),
            hashes: Hashes::default(),
            full_list: AtomicBool::new(false),
            recorder: Recorder::default(),
            patience: Patience::default(),
        }
    }

    /// Creates a session.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx), or [`ErrorKind::Config`] where credentials or `ca_file` are missing or wrong.
    pub fn request_login(&self, request: &SessionRequest) -> Result<SessionReply> {
        let turn = self.patience.begin(&self.config);
        let (url, time) = (&self.config.url, turn.time());
        let reply = self.post(url, "requestLogin", &request.body(), request.secrets(), time);
        turn.end(&reply, &self.config);
        session::check(&self.config, reply?, request.more)
    }

    /// Session calls since the last answer that were waited for in vain.
    pub fn unanswered(&self) -> u32 {
        self.patience.unanswered()
    }

    /// Posts `body` to a method below `base`, which is the configured address or a checked `builderApiUrl`. `secrets` are the values in the body
    /// that no error may repeat, `time` is the longest that the call may take.
    fn post<'a, T: DeserializeOwned>(
        &'a self,
        base: &WebUrl,
        method: &str,
        body: &impl Serialize,
        secrets: Secrets<'a>,
        time: Duration,
    ) -> Result<T> {
        let body = SecretBuffer::of_json(body)?;
        self.send(base.join(method), Some(&body), Answer::Object, secrets, time)
            .map_err(|error| error.context(method))
    }

    /// Sends one request with the credentials, and reads its answer, all within `time`.
    fn send<'a, T: DeserializeOwned>(
        &'a self,
        url: WebUrl,
        body: Option<&[u8]>,
        answer: Answer,
        mut secrets: Secrets<'a>,
        time: Duration,
    ) -> Result<T> {
        let reply = self.exchange(url, body, answer, &mut secrets, time)?;
        replies::read(&reply, answer, &secrets)
    }

    /// Sends one request with the credentials, which become secrets of the call; `time` is the longest that it may take.
    fn exchange<'a>(
        &'a self,
        url: WebUrl,
        body: Option<&[u8]>,
        answer: Answer,
        secrets: &mut Secrets<'a>,
        time: Duration,
    ) -> Result<Reply> {
        if self.config.username.is_empty() || self.config.password.is_empty() {
            let text = "the builder's credentials are missing: set [builder] username and password";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let basic = call::basic(&self.config.username, &self.config.password);
        secrets.add(self.config.password.expose());
        secrets.add_owned(Zeroizing::new(basic["Basic ".len()..].to_owned()));
        let most = match answer {
            Answer::OkList | Answer::List => limits::BUILDER_LIST_BYTES,
            _ => limits::BUILDER_REPLY_BYTES,
        };
        let outgoing = Outgoing { url: url.clone(), basic: &basic, body, most, time };
        let reply = call::exchange(self.agent()?, &self.config, outgoing)?;
        let method = if body.is_some() { "POST" } else { "GET" };
        self.note(method, url.path_and_query(), body, &reply, secrets);
        Ok(reply)
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
