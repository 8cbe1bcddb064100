//! How an answer is written for the front that started the page.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::messages::{Catalogue, Language};
use super::pages;
use super::response::Response;
use crate::ops::Session;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 3875: `Status:` and headers.
    Cgi,
    /// A whole HTTP response with its status line (DirectAdmin `.raw`, Webmin).
    Nph,
    /// HTML that a panel puts into a page of its own: no redirect, but a link and a refresh.
    Page,
}

impl Dialect {
    /// The dialect of this program: by the name it was called by, else by the name of its file.
    ///
    /// A front may call it through a link or a wrapper, so either name may say it. It decides about form only.
    pub(super) fn of_program(names: &[OsString]) -> Self {
        names
            .iter()
            .map(|name| Self::of_name(name))
            .find(|dialect| *dialect != Self::Cgi)
            .unwrap_or(Self::Cgi)
    }

    fn of_name(name: &OsStr) -> Self {
        let name = name.as_encoded_bytes();
        if name.ends_with(b".raw") || name.starts_with(b"nph-") {
            Self::Nph
        } else if name.ends_with(b".html") {
            Self::Page
        } else {
            Self::Cgi
        }
    }

    /// The bytes of an answer, to be written at once; part of a file follows them.
    pub(super) fn render(self, response: &Response) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(response.body().len() + 1024);
        let status = (response.status(), response.reason());
        match self {
            Self::Cgi => bytes.extend(format!("Status: {} {}\r\n", status.0, status.1).into_bytes()),
            Self::Nph => bytes.extend(format!("HTTP/1.1 {} {}\r\n", status.0, status.1).into_bytes()),
            Self::Page => {
                bytes.extend_from_slice(response.body());
                return bytes;
            }
        }
        for (name, value) in response.headers() {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        if self == Self::Nph || response.is_of_file() {
            bytes.extend(format!("Content-Length: {}\r\n", response.content_length()).into_bytes());
        }
        if self == Self::Nph {
            bytes.extend_from_slice(b"Connection: close\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(response.body());
        bytes
    }
}

/// The name that this program was called by, and that of its file.
pub(super) fn program_names() -> Vec<OsString> {
    let called = std::env::args_os().next().map(PathBuf::from);
    let file = std::fs::read_link("/proc/self/exe").ok();
    [called, file].iter().flatten().filter_map(|path| path.file_name()).map(OsStr::to_owned).collect()
}

/// The bytes of the answer that sends a browser to a session: `303 See Other` with a page that holds a link, or for [`Dialect::Page`] a fragment
/// with a link and a refresh. It holds the session's address, a bearer secret: write it to the browser and nowhere else.
pub fn redirect(session: &Session, dialect: Dialect, language: Language) -> Vec<u8> {
    dialect.render(&pages::redirect(session, dialect, &Catalogue::of(language)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Domain, Reference, Secret, Username};

    fn session(url: &str) -> Session {
        Session {
            url: Secret::new(url.to_owned()),
            account: Username::new("alice").unwrap(),
            site: Domain::new("shop.example").unwrap(),
            reference: Reference::random(),
        }
    }

    #[test]
    fn the_file_name_says_the_dialect() {
        for (name, want) in [
            ("panelgate.cgi", Dialect::Cgi),
            ("index.live.cgi", Dialect::Cgi),
            ("panelgate-cgi", Dialect::Cgi),
            ("index.raw", Dialect::Nph),
            ("nph-panelgate.cgi", Dialect::Nph),
            ("index.html", Dialect::Page),
            ("raw", Dialect::Cgi),
            ("", Dialect::Cgi),
        ] {
            assert_eq!(Dialect::of_name(OsStr::new(name)), want, "{name}");
        }
    }

    #[test]
    fn a_redirect_in_each_dialect() {
        let session = session("https://builder.example/s?hash=a&b='c'");
        let text = |dialect| String::from_utf8(redirect(&session, dialect, Language::En)).unwrap();
        let cgi = text(Dialect::Cgi);
        assert!(cgi.starts_with("Status: 303 See Other\r\n"));
        let nph = text(Dialect::Nph);
        assert!(nph.starts_with("HTTP/1.1 303 See Other\r\n") && nph.contains("\r\nConnection: close\r\n"));
        for text in [&cgi, &nph] {
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("\r\nLocation: https://builder.example/s?hash=a&b='c'"));
            assert!(head.contains("\r\nCache-Control: no-store\r\n"));
            assert!(head.contains("\r\nReferrer-Policy: no-referrer\r\n"));
            assert!(body.contains("href=\"https://builder.example/s?hash=a&#38;b=&#39;c&#39;\""), "{body}");
        }
        let length = nph.split_once("\r\n\r\n").unwrap().1.len();
        assert!(nph.contains(&format!("\r\nContent-Length: {length}\r\n")));
        let page = text(Dialect::Page);
        assert!(!page.contains("<html") && !page.contains("Location:") && !page.contains("Status:"));
        assert!(
            page.contains("http-equiv=\"refresh\"") && page.contains("href=\"https://builder.example/s?")
        );
    }

    #[test]
    fn an_address_that_could_break_a_header_becomes_an_error_page() {
        let bytes = redirect(&session("https://b.example/\r\nSet-Cookie: a=b"), Dialect::Cgi, Language::De);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("Status: 502 "), "{text}");
        assert!(!text.contains("Set-Cookie"), "{text}");
    }

    #[test]
    fn repeated_headers_are_kept_and_head_has_the_length_only() {
        let response = Response::html(200, "body".into())
            .with_header("Vary", "Cookie".into())
            .and_then(|response| response.with_header("Vary", "Accept-Language".into()))
            .unwrap();
        let text = String::from_utf8(Dialect::Nph.render(&response.without_body())).unwrap();
        assert!(text.contains("Vary: Cookie\r\nVary: Accept-Language\r\n"));
        assert!(text.contains("Content-Length: 4\r\n") && text.ends_with("\r\n\r\n"));
    }
}
