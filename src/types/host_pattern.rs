//! Which hosts a browser or a call may go to.

use std::fmt;

use super::{Domain, WebUrl};

/// One allowed host: `builder.example`, `*.builder.example` (names below it, not itself), `192.0.2.7`, each with an optional `:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    below: bool,
    host: String,
    port: Option<u16>,
}

impl HostPattern {
    /// Checks a pattern; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let url = WebUrl::parse(&format!("https://{rest}/")).ok()?;
        if url.path_and_query() != "/" || (below && Domain::new(url.host()).is_err()) {
            return None;
        }
        let port = (url.port() != 443 || rest.ends_with(":443")).then(|| url.port());
        Some(Self { below, host: url.host().to_owned(), port })
    }

    /// The pattern of exactly this host, on any of the usual ports.
    pub fn exact(host: &str) -> Self {
        Self { below: false, host: host.to_owned(), port: None }
    }

    /// The pattern of the names below this host; `None` for addresses, which have none.
    pub fn below(host: &str) -> Option<Self> {
        Domain::new(host).ok()?;
        Some(Self { below: true, host: host.to_owned(), port: None })
    }

    /// Whether it is one of names below a host, of which nobody can know all.
    pub fn is_below(&self) -> bool {
        self.below
    }

    /// Whether the address's server fits. A pattern without a port fits the scheme's own port and `usual_port`.
    pub fn matches(&self, url: &WebUrl, usual_port: u16) -> bool {
        let host_fits = if self.below {
            url.host().strip_suffix(&self.host).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        } else {
            url.host() == self.host
        };
        let own_port = if url.is_https() { 443 } else { 80 };
        host_fits
            && match self.port {
                Some(port) => url.port() == port,
                None => url.port() == own_port || url.port() == usual_port,
            }
    }

    /// The pattern as a source of a Content-Security-Policy (CSP 3, 2.3.1), with the usual port if it is not the scheme's own.
    pub fn csp_source(&self, https: bool, usual_port: u16) -> String {
        let scheme = if https { "https" } else { "http" };
        let star = if self.below { "*." } else { "" };
        let port = self.port.unwrap_or(usual_port);
        if port == if https { 443 } else { 80 } {
            format!("{scheme}://{star}{}", self.host)
        } else {
            format!("{scheme}://{star}{}:{port}", self.host)
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.below { "*." } else { "" })?;
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fits(pattern: &str, url: &str, usual_port: u16) -> bool {
        HostPattern::parse(pattern).unwrap().matches(&WebUrl::parse(url).unwrap(), usual_port)
    }

    #[test]
    fn hosts_and_ports() {
        assert!(fits("b.example", "https://b.example/x", 443));
        assert!(fits("b.example", "https://B.EXAMPLE:8443/x", 8443));
        assert!(!fits("b.example", "https://b.example:8443/x", 443));
        assert!(!fits("b.example", "https://a.b.example/x", 443));
        assert!(!fits("b.example", "https://evil-b.example/x", 443));
        assert!(fits("*.b.example", "https://a.b.example/x", 443));
        assert!(!fits("*.b.example", "https://b.example/x", 443));
        assert!(!fits("*.b.example", "https://xb.example/x", 443));
        assert!(fits("b.example:8443", "https://b.example:8443/x", 443));
        assert!(!fits("b.example:443", "https://b.example:8443/x", 8443));
        assert!(fits("192.0.2.7", "http://192.0.2.7/", 443));
        assert!(fits("[::1]:9", "https://[::1]:9/", 443));
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in [
            "",
            "*",
            "*.",
            "*.example",
            "https://b.example",
            "b.example/x",
            "a b",
            "*.192.0.2.7",
            "b.example?x",
        ] {
            assert_eq!(HostPattern::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_prints_to_the_same_and_never_fits_another_host(text in "[*a-z0-9.:\\[\\]@/ -]{0,20}") {
            if let Some(pattern) = HostPattern::parse(&text) {
                prop_assert_eq!(HostPattern::parse(&pattern.to_string()), Some(pattern.clone()));
                let evil = WebUrl::parse("https://evil.example.org/").unwrap();
                prop_assert!(!pattern.matches(&evil, 443) || text.contains("example.org"));
            }
        }
    }
}
