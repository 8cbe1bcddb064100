//! One call: a request, its redirects, its deadline.
//!
//! A redirect is followed by sending the same request again (`reference/builder-api.md` 1). The body may hold the publication password, and every
//! call carries the brand's credentials, so:
//!
//! - never from https to http;
//! - only to the server that was called or to one that `[builder] hosts` allows; anything else ends the call;
//! - the credentials only to the host that was called, not even to another allowed one;
//! - at most [`limits::BUILDER_REDIRECTS`] times, all within the one deadline.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use ureq::http::{HeaderValue, Response, header};
use ureq::{Agent, Body, RequestBuilder};

use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::clock;
use crate::types::{Secret, WebUrl};

use super::buffer::SecretBuffer;
use super::http_date::unix_seconds;
use super::{address, faults};

/// What came back, whatever the status.
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// The whole body.
    pub(super) body: SecretBuffer,
    /// Scheme, host and port of the server that answered.
    pub(super) origin: String,
    /// Whether that server was sent the credentials.
    pub(super) authorized: bool,
    /// How long that server wants to be left alone (`Retry-After`), if it says so.
    pub(super) wait: Option<Duration>,
}

impl Reply {
    /// How long to wait before the same is asked again, where we would by ourselves wait `usual`. `None` if that would be sooner than the server wants: who is
    /// asked too often and does not say when it is better is not asked again.
    pub(super) fn pause(&self, usual: Duration) -> Option<Duration> {
        match (self.wait, self.status) {
            (Some(wait), _) => Some(wait.max(usual)),
            (None, 429) => None,
            (None, _) => Some(usual),
        }
    }
}

/// What the head of an answer says about asking again: seconds, or a date.
pub(super) fn retry_after(response: &Response<Body>) -> Option<Duration> {
    if !matches!(response.status().as_u16(), 429 | 503) {
        return None;
    }
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse() {
        Ok(seconds) => seconds,
        Err(_) => unix_seconds(text)?.saturating_sub(clock::unix_seconds()),
    };
    Some(Duration::from_secs(seconds))
}

/// The value of the header `Authorization`.
pub(super) fn basic(username: &str, password: &Secret) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
    let token = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
    Zeroizing::new(format!("Basic {}", *token))
}

/// One request.
pub(super) struct Outgoing<'a> {
    /// Where to.
    pub(super) url: WebUrl,
    /// The value of `Authorization`.
    pub(super) basic: &'a str,
    /// A JSON body to post; `None` is a GET.
    pub(super) body: Option<&'a [u8]>,
    /// The largest answer, in bytes.
    pub(super) most: u64,
    /// The longest time for all of it; no longer than `[builder] timeout`.
    pub(super) time: Duration,
}

/// Sends a request and follows redirects.
pub(super) fn exchange(agent: &Agent, config: &BuilderConfig, outgoing: Outgoing<'_>) -> Result<Reply> {
    let Outgoing { url: first, basic, body, most, time } = outgoing;
    let begin = Instant::now();
    let called = first.host().to_owned();
    let mut credentials = HeaderValue::from_str(basic).map_err(|_| {
        Error::new(ErrorKind::Config, "[builder] username or password cannot stand in a header")
    })?;
    credentials.set_sensitive(true);
    let mut url = first.clone();
    for hop in 0..=limits::BUILDER_REDIRECTS {
        let left = time.saturating_sub(begin.elapsed());
        // The agent itself has `[builder] timeout`.
        let is_less = hop > 0 || time < config.timeout;
        let credentials = (url.host() == called).then_some(&credentials);
        let response = send(agent, &url, credentials, body, is_less.then_some(left))
            .map_err(|fault| faults::describe(fault, &url, config, time))?;
        let Some(next) = redirect(&response, &url)? else {
            let (status, authorized) = (response.status().as_u16(), credentials.is_some());
            let wait = retry_after(&response);
            let body = read(response, &url, config, most, time)?;
            return Ok(Reply { status, body, origin: url.origin(), authorized, wait });
        };
        address::allow_redirect(config, &first, &url, &next)?;
        url = next;
    }
    let text = format!(
        "{} redirects more than {} times: check [builder] url",
        first.origin(),
        limits::BUILDER_REDIRECTS
    );
    Err(Error::new(ErrorKind::BuilderProtocol, text))
}

/// Sends one request. `left` is what remains of the call's time, if that is less than the agent's own limit.
fn send(
    agent: &Agent,
    url: &WebUrl,
    credentials: Option<&HeaderValue>,
    body: Option<&[u8]>,
    left: Option<Duration>,
) -> std::result::Result<Response<Body>, ureq::Error> {
    match body {
        Some(body) => {
            let request = agent.post(url.to_string()).header(header::CONTENT_TYPE, "application/json");
            prepare(request, credentials, left).send(body)
        }
        None => prepare(agent.get(url.to_string()), credentials, left).call(),
    }
}

fn prepare<B>(
    mut request: RequestBuilder<B>,
    credentials: Option<&HeaderValue>,
    left: Option<Duration>,
) -> RequestBuilder<B> {
    if let Some(credentials) = credentials {
        request = request.header(header::AUTHORIZATION, credentials);
    }
    if let Some(left) = left {
        request = request.config().timeout_global(Some(left)).build();
    }
    request
}

/// Where the response redirects to; `None` if it is no redirect.
pub(super) fn redirect(response: &Response<Body>, url: &WebUrl) -> Result<Option<WebUrl>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let fail = |what: &str| {
        Error::new(
            ErrorKind::BuilderProtocol,
            format!("{} redirects without saying where: {what}", url.origin()),
        )
    };
    let mut locations = response.headers().get_all(header::LOCATION).iter();
    match (locations.next().map(HeaderValue::to_str), locations.next()) {
        (None, _) => Err(fail("there is no Location")),
        (Some(_), Some(_)) => Err(fail("there is more than one Location")),
        (Some(Err(_)), None) => Err(fail("Location is not text")),
        (Some(Ok(location)), None) => {
            url.resolve(location).map(Some).map_err(|fault| fail(&format!("of Location, {fault}")))
        }
    }
}

/// The whole body, if it is not too large; `time` is what the call had.
pub(super) fn read(
    response: Response<Body>,
    url: &WebUrl,
    config: &BuilderConfig,
    most: u64,
    time: Duration,
) -> Result<SecretBuffer> {
    let mut reader = response.into_body().into_reader();
    let mut body = SecretBuffer::new();
    let mut piece = Zeroizing::new([0; 4096]);
    loop {
        let count = match reader.read(piece.as_mut_slice()) {
            Ok(0) => break,
            Ok(count) => count,
            Err(fault) => return Err(faults::describe_body(fault.into(), url, config, time)),
        };
        if (body.len() + count) as u64 > most {
            let text = format!("the answer of {} is larger than {most} bytes", url.origin());
            return Err(Error::new(ErrorKind::BuilderProtocol, text));
        }
        // Writing to memory does not fail.
        let _ = body.write_all(&piece[..count]);
    }
    Ok(body)
}
