//! Which addresses of the builder's may be used: as the target of a redirect, for the browser, for further calls.
//!
//! An address may carry a session's secret, so no error repeats more of it than its host.

use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::WebUrl;

/// Checks an address from a reply; `member` is its name there.
pub(super) fn check(config: &BuilderConfig, member: &str, text: &str) -> Result<WebUrl> {
    let fail = |what: &str| {
        Error::new(
            ErrorKind::BuilderUrl,
            format!("the builder's answer has a \"{member}\" that cannot be used: {what}"),
        )
    };
    if text.len() > limits::SESSION_URL_BYTES {
        return Err(fail(&format!("it is longer than {} bytes", limits::SESSION_URL_BYTES)));
    }
    let url = WebUrl::parse(text).map_err(|fault| fail(&fault.to_string()))?;
    if config.allows(&url) { Ok(url) } else { Err(fail(&refusal(config, &url))) }
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
    let same = to.same_server(first) && (to.is_https() || !first.is_https());
    if same || config.allows(to) { Ok(()) } else { fail(refusal(config, to)) }
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
