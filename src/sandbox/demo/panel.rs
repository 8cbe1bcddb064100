//! The panel that the demo plays: who gets in, and which address is what.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::installation::{Installation, LANGUAGES};
use super::{cgi, page};
use crate::sandbox::http::{Request, Response};
use crate::sys::random;
use crate::types::hex;

/// Where the program behind the icon is, as on a cPanel server.
pub(super) const SCRIPT: &str = "/frontend/jupiter/panelgate/panelgate.cgi";

/// Where the program takes the panel's front page to be.
const HOME: &str = "/frontend/jupiter/index.html";

/// The cookie of the panel's session, under the name that cPanel gives it.
const COOKIE: &str = "cpsession";

/// The panel and its only session.
pub(super) struct DemoPanel {
    installation: Installation,
    address: SocketAddr,
    /// What the printed address carries.
    token: String,
    /// What the cookie carries once the token was shown.
    session: String,
    /// What the panel's own form carries.
    form: String,
    locale: Mutex<&'static str>,
}

impl DemoPanel {
    pub(super) fn new(installation: Installation, address: SocketAddr) -> Self {
        let secret = || hex(&random::bytes::<16>());
        Self {
            installation,
            address,
            token: secret(),
            session: secret(),
            form: secret(),
            locale: Mutex::new("en"),
        }
    }

    pub(super) fn installation(&self) -> &Installation {
        &self.installation
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address with the token.
    pub(super) fn entrance(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// Answers one request.
    pub(super) fn answer(&self, request: &Request) -> Response {
        if !self.is_own_host(request.headers.get("Host")) {
            // A name of somebody else that leads to this address: that name's pages must not read ours (DNS rebinding).
            return page::refused(403, "Wrong address", "This demo answers to 127.0.0.1 and localhost only.");
        }
        if request.method == "GET" && request.path() == "/" && self.shows_token(request.query()) {
            let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.session);
            return page::refused(303, "Welcome", "The panel is at /.")
                .header("Location", "/")
                .header("Set-Cookie", &cookie);
        }
        if !self.has_session(request) {
            let text = "This page belongs to whoever has started the demo, and your browser has not shown that it is you.";
            return page::refused(403, "Almost there", text);
        }
        self.inside(request)
    }

    fn inside(&self, request: &Request) -> Response {
        match (request.method.as_str(), request.path()) {
            ("GET" | "HEAD", "/" | HOME) => {
                page::panel(self.installation.account().as_str(), self.locale(), &self.form)
            }
            ("GET" | "HEAD", "/demo.css") => page::style(),
            ("POST", "/locale") => self.choose_locale(request),
            (_, path)
                if path == SCRIPT || path.strip_prefix(SCRIPT).is_some_and(|rest| rest.starts_with('/')) =>
            {
                let cookie = format!("{COOKIE}={}", self.session);
                let call = cgi::Call {
                    program: self.installation.program(),
                    script: SCRIPT,
                    user: self.installation.account().as_str(),
                    cookie: &cookie,
                    server: self.address,
                };
                cgi::run(&call, request)
            }
            (_, "/" | HOME | "/demo.css" | "/locale") => {
                Response::text(405, "This address takes another method.\n")
            }
            _ => Response::text(404, "The demo's panel has no such page.\n"),
        }
    }

    fn locale(&self) -> &'static str {
        *self.locale.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn choose_locale(&self, request: &Request) -> Response {
        let field = |name: &str| {
            form_urlencoded::parse(&request.body)
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        if !field("form").is_some_and(|form| same(&form, &self.form)) {
            return page::refused(403, "Not from here", "This form was not made by the demo's panel.");
        }
        let wanted = field("locale").unwrap_or_default();
        let Some((code, _)) = LANGUAGES.into_iter().find(|(code, _)| *code == wanted) else {
            return Response::text(400, "The demo does not know this language.\n");
        };
        let mut locale = self.locale.lock().unwrap_or_else(PoisonError::into_inner);
        match self.installation.set_locale(code) {
            Ok(()) => {
                *locale = code;
                Response::new(303).header("Location", "/").header("Cache-Control", "no-store")
            }
            Err(error) => {
                log::error!("the account's language cannot be written: {error}");
                Response::text(500, "The language cannot be written.\n")
            }
        }
    }

    fn is_own_host(&self, host: Option<&str>) -> bool {
        let port = self.address.port();
        host.is_some_and(|host| {
            ["127.0.0.1", "localhost"]
                .iter()
                .any(|name| host == format!("{name}:{port}") || (port == 80 && host == *name))
        })
    }

    fn shows_token(&self, query: &str) -> bool {
        form_urlencoded::parse(query.as_bytes())
            .any(|(key, value)| key == "token" && same(&value, &self.token))
    }

    fn has_session(&self, request: &Request) -> bool {
        let cookies = request.headers.all("Cookie").flat_map(|field| field.split(';'));
        cookies
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == COOKIE && same(value, &self.session))
    }
}

/// Compares digests, so that the time it takes says nothing about the secret.
fn same(given: &str, secret: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(secret.as_bytes())
}
