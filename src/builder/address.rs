//! Which addresses of the builder's may be used: as the target of a redirect, for the browser, for further calls.
//!
//! An address may carry a session's secret, so no error repeats more of it than its host.

use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::WebUrl;

/// Checks the address that a browser shall be sent to.
pub(super) fn for_browser(config: &BuilderConfig, text: &str) -> Result<WebUrl> {
    check(config, "url", text, |url| config.allows(url))
}

/// Checks the address that further calls shall go to. The configured server needs no other permission.
pub(super) fn for_calls(config: &BuilderConfig, text: &str) -> Result<WebUrl> {
    check(config, "builderApiUrl", text, |url| config.allows(url) || is_same(url, &config.url))
}

/// Checks an address from a reply; `member` is its name there.
fn check(
    config: &BuilderConfig,
    member: &str,
    text: &str,
    allows: impl Fn(&WebUrl) -> bool,
) -> Result<WebUrl> {
    let fail = |what: &str| {
        let text = format!("the builder's answer has a \"{member}\" that cannot be used: {what}");
        Err(Error::new(ErrorKind::BuilderUrl, text))
    };
    if text.len() > limits::SESSION_URL_BYTES {
        return fail(&format!("it is longer than {} bytes", limits::SESSION_URL_BYTES));
    }
    match WebUrl::parse(text) {
        Ok(url) if allows(&url) => Ok(url),
        Ok(url) => fail(&refusal(config, &url)),
        Err(fault) => fail(&fault.to_string()),
    }
}

/// Checks the next hop of a call that began at `first` and stands at `from`.
pub(super) fn allow_redirect(
    config: &BuilderConfig,
    first: &WebUrl,
    from: &WebUrl,
    to: &WebUrl,
) -> Result<()> {
    let fail = |what: String| {
        let text = format!("{} redirects to a place that is not followed: {what}", from.origin());
        Err(Error::new(ErrorKind::BuilderUrl, text))
    };
    if from.is_https() && !to.is_https() {
        return fail(format!("{} is not https", to.origin()));
    }
    // The first address was the administrator's own word, or checked before.
    if is_same(to, first) || config.allows(to) { Ok(()) } else { fail(refusal(config, to)) }
}

/// Whether an address leads to the server of a trusted one, without losing TLS on the way.
fn is_same(url: &WebUrl, trusted: &WebUrl) -> bool {
    url.same_server(trusted) && (url.is_https() || !trusted.is_https())
}

/// Why an address is not allowed, and which setting would allow it.
fn refusal(config: &BuilderConfig, url: &WebUrl) -> String {
    if !url.is_https() && !config.allow_http {
        return format!(
            "{} is not https ([builder] allow_http = yes permits a builder on your own premises without TLS)",
            url.origin()
        );
    }
    let usual = [if url.is_https() { 443 } else { 80 }, config.url.port()];
    let pattern = match url.port() {
        port if usual.contains(&port) => url.host().to_owned(),
        port => format!("{}:{port}", url.host()),
    };
    format!(
        "{pattern} is not among the allowed hosts (if it belongs to the builder, add {pattern} to [builder] hosts)"
    )
}
