//! The meta-variables of a request (RFC 3875 4.1, `reference/cpanel.md` 1.6, `reference/directadmin.md` 2.1), read as bytes.
//!
//! A closed set of names is read, each bounded; everything else in the environment is neither copied nor looked at. None of it is an identity:
//! whoever may start this program chooses all of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use sha2::{Digest, Sha256};

use super::messages::Preference;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::token::Binding;
use crate::panel::PanelSession;
use crate::types::{Domain, Username, quote_bytes};

/// Every variable that is read.
const NAMES: [&str; 24] = [
    "REQUEST_METHOD",
    "QUERY_STRING",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "SCRIPT_NAME",
    "REMOTE_ADDR",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_COOKIE",
    "HTTP_IF_RANGE",
    "HTTP_PURPOSE",
    "HTTP_RANGE",
    "HTTP_SEC_PURPOSE",
    "HTTP_X_MOZ",
    "HTTP_X_PURPOSE",
    "LANGUAGE",
    "LOGIN_AS_MASTER",
    "PANELGATE_ACCOUNT",
    "POST",
    "SESSION_ID",
    "SESSION_KEY",
    "SESSION_SELECTED_DOMAIN",
    "USERNAME",
    "cp_security_token",
    "DA_VERSION",
];

/// Variables that may hold any bytes, because they are only hashed or looked through.
const ANY_BYTES: [&str; 7] = [
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_COOKIE",
    "HTTP_PURPOSE",
    "HTTP_SEC_PURPOSE",
    "HTTP_X_MOZ",
    "HTTP_X_PURPOSE",
    "POST",
];

/// The variables as they came.
pub(super) struct Variables {
    values: BTreeMap<&'static str, Vec<u8>>,
    fault: Option<Error>,
}

impl Variables {
    /// Those of this process.
    pub(super) fn of_process() -> Self {
        Self::collect(std::env::vars_os())
    }

    /// Takes what is known; of two with the same name the first, as `getenv` does.
    fn collect(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let (mut values, mut fault) = (BTreeMap::new(), None);
        for (index, (name, value)) in variables.enumerate() {
            if index >= limits::META_VARIABLES {
                let text = format!("the request has more than {} variables", limits::META_VARIABLES);
                fault = Some(Error::new(ErrorKind::TooLarge, text));
                break;
            }
            let Some(name) = NAMES.into_iter().find(|known| known.as_bytes() == name.as_bytes()) else {
                continue;
            };
            if value.len() > limits::META_VARIABLE_BYTES {
                let text =
                    format!("the variable {name} is longer than {} bytes", limits::META_VARIABLE_BYTES);
                fault = Some(Error::new(ErrorKind::TooLarge, text));
                continue;
            }
            values.entry(name).or_insert_with(|| value.into_vec());
        }
        Self { values, fault }
    }

    /// Which language the visitor wants, as far as it can be known before anything else. Never fails: an error page needs it too.
    pub(super) fn preference(&self) -> Preference {
        let text = |name| self.get(name).map(String::from_utf8_lossy).unwrap_or_default();
        // Outside DirectAdmin, LANGUAGE is gettext's, and says what the server's administrator speaks.
        let panel = if self.is_directadmin() { text("LANGUAGE") } else { "".into() };
        Preference::new(&panel, &text("HTTP_ACCEPT_LANGUAGE"))
    }

    /// Whether only the head of an answer is wanted.
    pub(super) fn is_head(&self) -> bool {
        self.get("REQUEST_METHOD") == Some(b"HEAD")
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// Whether DirectAdmin's way of handing requests over is used. No client can set these names: its headers all begin with `HTTP_`.
    fn is_directadmin(&self) -> bool {
        self.get("POST").is_some()
            || self.get("DA_VERSION").is_some()
            || (self.get("SESSION_ID").is_some() && self.get("SESSION_KEY").is_some())
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if a bound is exceeded, [`ErrorKind::BadRequest`] if a value holds what it may not hold.
    pub(super) fn check(mut self) -> Result<Meta> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        for (name, value) in &self.values {
            let harmful = value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
            if harmful && !ANY_BYTES.contains(name) {
                let text = format!("the variable {name} holds a line break or NUL");
                return Err(Error::new(ErrorKind::BadRequest, text));
            }
        }
        let directadmin = self.is_directadmin();
        Ok(Meta {
            binding: self.binding(),
            account: self.account(directadmin)?,
            locale: self.ascii("LANGUAGE").filter(|_| directadmin).and_then(first_locale),
            selected: self.ascii("SESSION_SELECTED_DOMAIN").and_then(|name| Domain::new(&name).ok()),
            panel_home: self.panel_home(directadmin),
            remote: self.ascii("REMOTE_ADDR").and_then(|text| text.parse().ok()),
            login_as: self.ascii("LOGIN_AS_MASTER").and_then(|name| Username::new(&name).ok()),
            panel_session: self.panel_session(),
            prefetch: self.is_prefetch(),
            range: self.ascii("HTTP_RANGE"),
            if_range: self.ascii("HTTP_IF_RANGE"),
            raw: self.raw(),
            method: self.ascii("REQUEST_METHOD"),
            content_type: self.ascii("CONTENT_TYPE").map(|text| essence(&text)),
            content_length: self.values.remove("CONTENT_LENGTH").filter(|value| !value.is_empty()),
            query: self.values.remove("QUERY_STRING").unwrap_or_default(),
            post: self.values.remove("POST"),
            directadmin,
        })
    }

    fn panel_session(&self) -> Option<PanelSession> {
        PanelSession::new(&self.ascii("SESSION_ID")?, &self.ascii("SESSION_KEY")?)
    }

    fn ascii(&self, name: &str) -> Option<String> {
        let value = self.get(name).filter(|value| !value.is_empty() && value.is_ascii())?;
        String::from_utf8(value.to_vec()).ok()
    }

    /// The account that a panel user acts for: `PANELGATE_ACCOUNT`, else DirectAdmin's `USERNAME`, of which `master|` is cut off.
    fn account(&self, directadmin: bool) -> Result<Option<Username>> {
        let named = self.get("PANELGATE_ACCOUNT").filter(|value| !value.is_empty());
        let own = self.get("USERNAME").filter(|value| directadmin && !value.is_empty());
        let Some(value) = named.or_else(|| own.and_then(|own| own.rsplit(|byte| *byte == b'|').next()))
        else {
            return Ok(None);
        };
        let name = std::str::from_utf8(value).ok().and_then(|name| Username::new(name).ok());
        name.map(Some).ok_or_else(|| {
            Error::new(
                ErrorKind::BadRequest,
                format!("the panel names an impossible account: {}", quote_bytes(value)),
            )
        })
    }

    /// SHA-256 over what identifies the panel's session. Lengths are part of it, so that no two sessions run into one.
    fn binding(&self) -> Binding {
        let value = |name| self.get(name).unwrap_or_default();
        let cookie = value("HTTP_COOKIE");
        let token = value("cp_security_token");
        let (id, key) = (value("SESSION_ID"), value("SESSION_KEY"));
        let parts: [&[u8]; 3] = if !id.is_empty() && !key.is_empty() {
            [b"directadmin", id, key]
        } else if !token.is_empty() {
            [b"cpanel", token, cookie_value(cookie, b"cpsession").unwrap_or(cookie)]
        } else if !cookie.is_empty() {
            [b"cookie", cookie, b""]
        } else {
            return Binding { session: [0; 32] };
        };
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Binding { session: hash.finalize().into() }
    }

    /// Where the panel's own front page is, if that can be told.
    fn panel_home(&self, directadmin: bool) -> Option<String> {
        let plain = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        if directadmin {
            return Some("/".to_owned());
        }
        let script = self.ascii("SCRIPT_NAME")?;
        let theme = script.strip_prefix("/frontend/")?.split('/').next().filter(|theme| plain(theme))?;
        let token = self.ascii("cp_security_token").unwrap_or_default();
        let fits = token.is_empty() || token.strip_prefix('/').is_some_and(plain);
        fits.then(|| format!("{token}/frontend/{theme}/index.html"))
    }

    /// The address of the program that answers without a page of the panel around it: beside this one, under DirectAdmin's name for it
    /// (`reference/directadmin.md` 2.4).
    fn raw(&self) -> String {
        let script = self.ascii("SCRIPT_NAME").unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
        let fits = script.starts_with('/') && !script.starts_with("//") && script.bytes().all(plain);
        match script.strip_suffix(".html").filter(|_| fits) {
            Some(stem) => format!("{stem}.raw"),
            None => "index.raw".to_owned(),
        }
    }

    /// Whether the browser only prepares for a click that may never come (Fetch, `Sec-Purpose`; older names of the same).
    fn is_prefetch(&self) -> bool {
        ["HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ"].into_iter().any(|name| {
            let value = self.get(name).unwrap_or_default().to_ascii_lowercase();
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|word| memchr::memmem::find(&value, word.as_bytes()).is_some())
        })
    }
}

/// What a request says, checked. Methods, lengths and the query are checked further by the guard.
#[derive(Debug)]
pub(super) struct Meta {
    /// The method, if it is ASCII.
    pub(super) method: Option<String>,
    /// The query string, without line breaks and NUL.
    pub(super) query: Vec<u8>,
    /// The media type without its parameters, in lower case.
    pub(super) content_type: Option<String>,
    /// `CONTENT_LENGTH`, unless empty.
    pub(super) content_length: Option<Vec<u8>>,
    /// DirectAdmin's variable with the body.
    pub(super) post: Option<Vec<u8>>,
    /// Whether the request came in DirectAdmin's way.
    pub(super) directadmin: bool,
    /// Whether it is a prefetch.
    pub(super) prefetch: bool,
    /// The part of a file that is wanted (`Range`).
    pub(super) range: Option<String>,
    /// What the file must still be for that part to be of use (`If-Range`).
    pub(super) if_range: Option<String>,
    /// Where a [`super::dialect::Dialect::Page`] finds the program that can send files.
    pub(super) raw: String,
    /// What tokens of forms are bound to.
    pub(super) binding: Binding,
    /// The account that a panel user names. An account's own process has its own name and no other.
    pub(super) account: Option<Username>,
    /// The panel's locale, where it says one.
    pub(super) locale: Option<String>,
    /// The site that is chosen in the panel's skin. It may be out of date or somebody else's: a hint for the order of the list.
    pub(super) selected: Option<Domain>,
    /// A link back to the panel.
    pub(super) panel_home: Option<String>,
    /// The visitor's address, for the log.
    pub(super) remote: Option<IpAddr>,
    /// Who is logged in as this account, as DirectAdmin says it; only for the audit.
    pub(super) login_as: Option<Username>,
    /// DirectAdmin's session, for the panel to confirm.
    pub(super) panel_session: Option<PanelSession>,
}

impl Meta {
    /// What the request says about who is at the other end, for the audit: `from 198.51.100.7, logged in by admin`.
    pub(super) fn claimed(&self) -> Option<String> {
        let from = self.remote.map(|address| format!("from {address}"));
        let by = self.login_as.as_ref().map(|name| format!("logged in by {name}"));
        let parts: Vec<String> = from.into_iter().chain(by).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// The value of a cookie (RFC 6265 4.2.1).
fn cookie_value<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    header.split(|byte| *byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(name)?.strip_prefix(b"=").filter(|value| !value.is_empty())
    })
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The first of a colon-separated list, if it looks like a locale.
fn first_locale(text: String) -> Option<String> {
    let first = text.split(':').next().unwrap_or_default();
    let fits =
        first.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@'));
    (fits && (2..=32).contains(&first.len())).then(|| first.to_owned())
}

#[cfg(test)]
pub(super) mod tests;
