//! Web addresses that come from configuration or from the builder.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Domain;

/// An absolute `http` or `https` address (RFC 3986) that can stand in a header as it is.
///
/// It has a host, no user information, no fragment, and only printable ASCII without the characters that browsers repair (space, backslash,
/// quotes, angle brackets). What a browser makes of it is therefore what was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl {
    https: bool,
    host: String,
    port: Option<u16>,
    /// Path and query, with the leading slash.
    rest: String,
}

/// Why a text is not a [`WebUrl`]. The text itself is not part of it: an address may carry a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// No `http://` or `https://` at the beginning.
    NotAbsolute,
    /// A character that must not be there: control, space, backslash, quote, angle bracket, not ASCII.
    Character,
    /// A name or password before the host.
    UserInformation,
    /// The host is not a name or address.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// There is a fragment (`#`).
    Fragment,
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "it does not begin with https:// (or http://)",
            Self::Character => "it holds a character that an address may not hold",
            Self::UserInformation => "it has a user name or password before the host",
            Self::Host => "its host is not a valid name or address",
            Self::Port => "its port is not a number from 1 to 65535",
            Self::Fragment => "it has a fragment (#...)",
        })
    }
}

impl WebUrl {
    /// Checks an address.
    ///
    /// # Errors
    /// The first fault found.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || b"\\\"<>`{}|^".contains(&byte)) {
            return Err(UrlFault::Character);
        }
        let (https, after) = match text.split_once("://") {
            Some((scheme, after)) if scheme.eq_ignore_ascii_case("https") => (true, after),
            Some((scheme, after)) if scheme.eq_ignore_ascii_case("http") => (false, after),
            _ => return Err(UrlFault::NotAbsolute),
        };
        if after.contains('#') {
            return Err(UrlFault::Fragment);
        }
        let split = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(split);
        if authority.contains('@') {
            return Err(UrlFault::UserInformation);
        }
        let (host, port) = split_port(authority)?;
        let host = check_host(host).ok_or(UrlFault::Host)?;
        let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        Ok(Self { https, host, port, rest })
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host in lower case; IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as an address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The port, named or implied by the scheme.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Path and query, beginning with a slash.
    pub fn path_and_query(&self) -> &str {
        &self.rest
    }

    /// Scheme, host and, unless implied, port: `https://builder.example`.
    pub fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        match self.port.filter(|port| *port != if self.https { 443 } else { 80 }) {
            Some(port) => format!("{scheme}://{}:{port}", self.host),
            None => format!("{scheme}://{}", self.host),
        }
    }

    /// Whether both lead to the same server: host and port are equal.
    pub fn same_server(&self, other: &Self) -> bool {
        self.host == other.host && self.port() == other.port()
    }

    /// The address with its path ending in exactly one slash and without a query.
    #[must_use]
    pub fn as_base(&self) -> Self {
        let path = self.rest.split('?').next().unwrap_or_default().trim_end_matches('/');
        Self { rest: format!("{path}/"), ..self.clone() }
    }

    /// The address of `method` below this base. `method` is a constant of ours such as `website/create`.
    #[must_use]
    pub fn join(&self, method: &str) -> Self {
        let base = self.as_base();
        Self { rest: format!("{}{}", base.rest, method.trim_start_matches('/')), ..base }
    }

    /// Resolves the value of a `Location` header (RFC 9110 10.2.2): absolute, or a path on the same server.
    ///
    /// # Errors
    /// If it is neither.
    pub fn resolve(&self, location: &str) -> Result<Self, UrlFault> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Self::parse(&format!("{}{location}", self.origin()));
        }
        Self::parse(location)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlFault> {
    // In an IPv6 address the last colon before the bracket belongs to the address.
    let colon = authority.rfind(':').filter(|colon| !authority[*colon..].contains(']'));
    let Some(colon) = colon else { return Ok((authority, None)) };
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => Err(UrlFault::Port),
    }
}

fn check_host(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(address.to_string());
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Some("localhost".into());
    }
    Domain::new(host).ok().map(|domain| domain.as_str().to_owned())
}

/// The whole address. Only for addresses without a secret; session addresses are kept in a [`super::Secret`].
impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.rest)
    }
}

/// Without path and query: they may carry a secret.
impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_and_joins() {
        let url = WebUrl::parse("HTTPS://Builder.Example:8443/api?x=1").unwrap();
        assert!(url.is_https());
        assert_eq!((url.host(), url.port(), url.path_and_query()), ("builder.example", 8443, "/api?x=1"));
        assert_eq!(url.origin(), "https://builder.example:8443");
        assert_eq!(url.join("website/create").to_string(), "https://builder.example:8443/api/website/create");
        assert_eq!(WebUrl::parse("https://b.example").unwrap().to_string(), "https://b.example/");
        assert_eq!(WebUrl::parse("https://b.example:443/").unwrap().origin(), "https://b.example");
        assert_eq!(WebUrl::parse("https://b.example?a=b").unwrap().to_string(), "https://b.example/?a=b");
        let v6 = WebUrl::parse("http://[::1]:80/x").unwrap();
        assert_eq!((v6.host(), v6.port(), v6.ip()), ("[::1]", 80, Some("::1".parse().unwrap())));
        assert_eq!(format!("{url:?}"), "https://builder.example:8443/…");
    }

    #[test]
    fn locations() {
        let url = WebUrl::parse("https://b.example/api/x").unwrap();
        assert_eq!(url.resolve("/new?a").unwrap().to_string(), "https://b.example/new?a");
        assert_eq!(url.resolve("https://c.example/n").unwrap().host(), "c.example");
        assert_eq!(url.resolve("//evil.example/"), Err(UrlFault::NotAbsolute));
        assert_eq!(url.resolve("new"), Err(UrlFault::NotAbsolute));
    }

    #[test]
    fn faults() {
        for (text, fault) in [
            ("", UrlFault::NotAbsolute),
            ("builder.example", UrlFault::NotAbsolute),
            ("javascript://x.example/%0aalert(1)", UrlFault::NotAbsolute),
            ("//builder.example/", UrlFault::NotAbsolute),
            ("https:/builder.example/", UrlFault::NotAbsolute),
            ("https://b.example/a b", UrlFault::Character),
            ("https://b.example/\r\nX: y", UrlFault::Character),
            ("https://b.example\\@evil.example/", UrlFault::Character),
            ("https://b.example/é", UrlFault::Character),
            ("https://u:p@b.example/", UrlFault::UserInformation),
            ("https://b.example@evil.example/", UrlFault::UserInformation),
            ("https://b.example/#x", UrlFault::Fragment),
            ("https://b.example:0/", UrlFault::Port),
            ("https://b.example:/", UrlFault::Port),
            ("https://b.example:+1/", UrlFault::Port),
            ("https://b.example:99999/", UrlFault::Port),
            ("https:///path", UrlFault::Host),
            ("https://[::1/", UrlFault::Host),
            ("https://*.example.com/", UrlFault::Host),
            ("https://2130706433/", UrlFault::Host),
            ("https://0x7f.1/", UrlFault::Host),
        ] {
            assert_eq!(WebUrl::parse(text), Err(fault), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_to_the_same(text in "https?://[ -~]{0,60}") {
            if let Ok(url) = WebUrl::parse(&text) {
                prop_assert_eq!(WebUrl::parse(&url.to_string()).unwrap(), url);
            }
        }
    }
}
