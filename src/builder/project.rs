//! The editable project of a site: `create-site-backup`, `restore-site-backup`, `delete-site` (`reference/builder-api.md` 3.1, 3.2, 3.9).
//!
//! A project file is streamed, never held in memory, and is whole only if the answer said how long it is or ended as HTTP says it ends. The name that the
//! builder gives it is not looked at.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroizing;
use serde_json::{Value, json};
use ureq::Body;
use ureq::http::{HeaderValue, Response, header};

use crate::calls;
use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{SiteKey, WebUrl};

use super::buffer::SecretBuffer;
use super::call::Reply;
use super::replies::Secrets;
use super::{Client, address, call, faults, replies};

const CREATE: &str = "create-site-backup";
const DELETE: &str = "delete-site";

/// Takes a project file as it comes.
pub trait Receiver {
    /// The transfer begins; `length` is what the builder says.
    ///
    /// # Errors
    /// To end the transfer.
    fn begin(&mut self, length: Option<u64>) -> Result<()>;

    /// The next bytes.
    ///
    /// # Errors
    /// To end the transfer.
    fn piece(&mut self, bytes: &[u8]) -> Result<()>;
}

/// Whether the builder had what was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It had, and has deleted it.
    Now,
    /// It says that there is no such site.
    Absent,
}

impl Client {
    /// Streams the project of a site; gives its length in bytes.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx): see [`is_absent`] and [`has_no_such_call`] for two that are no failure of the site; those of `to`.
    pub fn fetch_project(&self, key: &SiteKey, timeout: Duration, to: &mut dyn Receiver) -> Result<u64> {
        let (config, answer) = self.project_call(CREATE, &json!({ "domain": key.as_str() }), timeout)?;
        let origin = answer.url.origin();
        let fail =
            |what: &str| Err(Error::new(ErrorKind::BuilderProtocol, format!("{CREATE}: {origin} {what}")));
        if !answer.is_file() {
            self.read_refusal(answer, &config)?;
            return fail("answered with JSON instead of a project file");
        }
        let length = answer.header(header::CONTENT_LENGTH).parse::<u64>().ok();
        if length.is_none() && !answer.ends_by_itself() {
            // What ends with the connection may have been cut off.
            return fail(
                "does not say how long the project file is, so that it cannot be known whether it is whole",
            );
        }
        to.begin(length)?;
        let (mut reader, url) = (answer.response.into_body().into_reader(), answer.url);
        let (mut buffer, mut received) = (vec![0_u8; limits::COPY_BYTES], 0);
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(fault) => {
                    return Err(
                        faults::describe_body(fault.into(), &url, &config, config.timeout).context(CREATE)
                    );
                }
            };
            received += count as u64;
            to.piece(&buffer[..count])?;
        }
        if received == 0 {
            return Err(Error::new(
                ErrorKind::BuilderProtocol,
                format!("{CREATE}: the project file is empty"),
            ));
        }
        Ok(received)
    }

    /// Lets the builder write the project of a site into a directory of its own server; gives the file's name there.
    ///
    /// # Errors
    /// As [`Client::fetch_project`].
    pub fn store_project(&self, key: &SiteKey, directory: &Path, timeout: Duration) -> Result<String> {
        let body = json!({ "domain": key.as_str(), "dir": directory });
        let (config, answer) = self.project_call(CREATE, &body, timeout)?;
        if answer.is_file() {
            let text = format!(
                "{CREATE}: {} sent the file instead of writing it to [backup] builder_directory",
                answer.url.origin()
            );
            return Err(Error::new(ErrorKind::BuilderProtocol, text));
        }
        self.read_success(answer, &config, CREATE)?;
        Ok(stored_name(key))
    }

    /// Lets the builder replace the project of a site by the file in a directory of its own server. `method` is the configured name of the call.
    ///
    /// # Errors
    /// As [`Client::fetch_project`].
    pub fn restore_project(
        &self,
        key: &SiteKey,
        method: &str,
        directory: &Path,
        timeout: Duration,
    ) -> Result<()> {
        let body = json!({ "domain": key.as_str(), "dir": directory });
        let (config, answer) = self.project_call(method, &body, timeout)?;
        self.read_success(answer, &config, method)
    }

    /// Deletes the project of a site, for good. Published files stay.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx).
    pub fn delete_project(&self, key: &SiteKey) -> Result<Deleted> {
        let body = json!({ "domain": key.as_str() });
        let (url, time) = (&self.config.url, self.config.timeout);
        match self.post::<Value>(url, DELETE, &body, Secrets::default(), time) {
            Ok(reply) if reply["ok"] == true => Ok(Deleted::Now),
            Ok(_) => {
                let text = format!("{DELETE}: the builder says neither \"ok\" nor why not");
                Err(Error::new(ErrorKind::BuilderProtocol, text))
            }
            Err(error) if is_absent(&error) => Ok(Deleted::Absent),
            Err(error) => Err(error),
        }
    }

    /// Makes a call whose answer is not read yet, with a deadline of its own.
    fn project_call(&self, method: &str, body: &Value, timeout: Duration) -> Result<(BuilderConfig, Answer)> {
        if self.config.username.is_empty() || self.config.password.is_empty() {
            let text = "the builder's credentials are missing: set [builder] username and password";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let config = BuilderConfig { timeout, ..self.config.clone() };
        let body = SecretBuffer::of_json(body)?;
        let answer =
            self.follow(&config, config.url.join(method), &body).map_err(|error| error.context(method))?;
        Ok((config, answer))
    }

    /// Posts and follows redirects by the rules of [`call`].
    fn follow(&self, config: &BuilderConfig, first: WebUrl, body: &[u8]) -> Result<Answer> {
        let (agent, begin) = (self.agent()?, Instant::now());
        let basic = call::basic(&config.username, &config.password);
        let mut credentials = HeaderValue::from_str(&basic).map_err(|_| {
            Error::new(ErrorKind::Config, "[builder] username or password cannot stand in a header")
        })?;
        credentials.set_sensitive(true);
        let mut url = first.clone();
        for _ in 0..=limits::BUILDER_REDIRECTS {
            let authorized = url.host() == first.host();
            let left = config.timeout.saturating_sub(begin.elapsed());
            let mut request = agent.post(url.to_string()).header(header::CONTENT_TYPE, "application/json");
            if authorized {
                request = request.header(header::AUTHORIZATION, &credentials);
            }
            let request = request.config().timeout_global(Some(left)).build();
            let response =
                request.send(body).map_err(|fault| faults::describe(fault, &url, config, config.timeout))?;
            let Some(next) = call::redirect(&response, &url)? else {
                return Ok(Answer { response, url, authorized });
            };
            address::allow_redirect(config, &first, &url, &next)?;
            url = next;
        }
        let text = format!("{} redirects more than {} times", first.origin(), limits::BUILDER_REDIRECTS);
        Err(Error::new(ErrorKind::BuilderProtocol, text))
    }

    /// Reads an answer that is no file: an error, most likely.
    fn read_refusal(&self, answer: Answer, config: &BuilderConfig) -> Result<()> {
        let reply = answer.into_reply(config)?;
        replies::read::<Value>(&reply, calls::Answer::Object, &self.secrets())
            .map(drop)
            .map_err(|error| error.context(CREATE))
    }

    /// Reads an answer that says no more than whether it was done: an empty body is a yes.
    fn read_success(&self, answer: Answer, config: &BuilderConfig, method: &str) -> Result<()> {
        let reply = answer.into_reply(config)?;
        if (200..300).contains(&reply.status) && reply.body.trim_ascii().is_empty() {
            return Ok(());
        }
        replies::read::<Value>(&reply, calls::Answer::Object, &self.secrets())
            .map(drop)
            .map_err(|error| error.context(method))
    }

    /// What no error may repeat.
    fn secrets(&self) -> Secrets<'_> {
        let mut secrets = Secrets::default();
        secrets.add(self.config.password.expose());
        let basic = call::basic(&self.config.username, &self.config.password);
        secrets.add_owned(Zeroizing::new(basic["Basic ".len()..].to_owned()));
        secrets
    }
}

/// The name of the file that [`Client::store_project`] makes.
pub fn stored_name(key: &SiteKey) -> String {
    format!("{key}_project.sitebuilder")
}

/// Whether an error says that the builder has no project of that site. Its texts are not documented, so that only the plainest are understood.
pub fn is_absent(error: &Error) -> bool {
    let text = error.chain().to_ascii_lowercase();
    error.kind() == ErrorKind::BuilderRefused
        && ["not found", "does not exist", "doesn't exist", "no such"]
            .iter()
            .any(|words| text.contains(words))
}

/// Whether an error says that this builder has no such call at all, as the vendor's cloud has no backups.
pub fn has_no_such_call(error: &Error) -> bool {
    error.kind() == ErrorKind::BuilderProtocol && error.chain().contains("has no such call")
}

/// An answer whose body is not read yet.
struct Answer {
    response: Response<Body>,
    url: WebUrl,
    authorized: bool,
}

impl Answer {
    /// Whether the body is a file, by status and content type.
    fn is_file(&self) -> bool {
        let media_type = self.header(header::CONTENT_TYPE);
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        self.response.status().as_u16() == 200 && media_type.eq_ignore_ascii_case("application/octet-stream")
    }

    /// Whether the body's end can be told from a lost connection without a length.
    fn ends_by_itself(&self) -> bool {
        self.header(header::TRANSFER_ENCODING).to_ascii_lowercase().contains("chunked")
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn into_reply(self, config: &BuilderConfig) -> Result<Reply> {
        let (status, url, authorized) = (self.response.status().as_u16(), self.url, self.authorized);
        let wait = call::retry_after(&self.response);
        let body = call::read(self.response, &url, config, limits::BUILDER_REPLY_BYTES, config.timeout)?;
        Ok(Reply { status, body, origin: url.origin(), authorized, wait })
    }
}
