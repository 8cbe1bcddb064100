//! The meta-variables of a publication request, of which a closed set is read, each bounded.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::super::messages::Preference;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::endpoint::Head;
use crate::types::{Reference, Secret};

/// Every variable that is read. `REDIRECT_` is what Apache puts before the name when the request was rewritten.
const NAMES: [&str; 13] = [
    "REQUEST_METHOD",
    "PATH_INFO",
    "QUERY_STRING",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "REMOTE_ADDR",
    "HTTP_AUTHORIZATION",
    "REDIRECT_HTTP_AUTHORIZATION",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_PURPOSE",
    "HTTP_SEC_PURPOSE",
    "HTTP_X_MOZ",
    "HTTP_X_PURPOSE",
];

/// The variables as they came.
pub(super) struct Variables {
    values: BTreeMap<&'static str, Vec<u8>>,
}

impl Variables {
    /// Those of this process.
    pub(super) fn of_process() -> Self {
        Self::collect(|name| std::env::var_os(name))
    }

    fn collect(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let values = NAMES.into_iter().filter_map(|name| Some((name, get(name)?.into_vec())));
        Self { values: values.filter(|(_, value)| !value.is_empty()).collect() }
    }

    fn get(&self, name: &str) -> &[u8] {
        self.values.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Which language the builder asks for, if it does.
    pub(super) fn preference(&self) -> Preference {
        Preference::new("", &String::from_utf8_lossy(self.get("HTTP_ACCEPT_LANGUAGE")))
    }

    /// How much of a body there may be to read; `None`: there is none.
    pub(super) fn upload(&self) -> Option<u64> {
        match (self.length(), self.get("REQUEST_METHOD")) {
            (Ok(Some(0)), _) | (Ok(None), b"GET" | b"HEAD") => None,
            (Ok(Some(length)), _) => Some(length),
            // It ends when it ends.
            (Ok(None) | Err(_), _) => Some(u64::MAX),
        }
    }

    /// The head of the request.
    ///
    /// # Errors
    /// [`ErrorKind::BadRequest`], [`ErrorKind::TooLarge`], [`ErrorKind::PathRefused`] or [`ErrorKind::Prefetch`].
    pub(super) fn head(&self, reference: Reference) -> Result<Head> {
        let most = |name: &str, bytes: usize| {
            let value = self.get(name);
            if value.len() <= bytes {
                return Ok(value);
            }
            let text = format!("the variable {name} is longer than {bytes} bytes");
            Err(Error::new(ErrorKind::TooLarge, text))
        };
        let text = |name: &str, bytes| {
            let wrong = |_| Error::new(ErrorKind::BadRequest, format!("the variable {name} is not UTF-8"));
            String::from_utf8(most(name, bytes)?.to_vec()).map_err(wrong)
        };
        if self.is_prefetch() {
            return Err(Error::new(ErrorKind::Prefetch, "a browser asked ahead of time"));
        }
        // The web server has decoded it; bytes that are not UTF-8 are no name that a file may have.
        let path = String::from_utf8(most("PATH_INFO", 4 * limits::PATH_BYTES)?.to_vec())
            .map_err(|_| Error::new(ErrorKind::PathRefused, "the path is not UTF-8"))?;
        let header = match self.get("HTTP_AUTHORIZATION") {
            [] => "REDIRECT_HTTP_AUTHORIZATION",
            _ => "HTTP_AUTHORIZATION",
        };
        let authorization = text(header, limits::QUERY_BYTES)?;
        Ok(Head {
            reference,
            method: text("REQUEST_METHOD", 32)?,
            path,
            query: text("QUERY_STRING", limits::QUERY_BYTES)?,
            authorization: (!authorization.is_empty()).then(|| Secret::new(authorization)),
            length: self.length()?,
            media: text("CONTENT_TYPE", limits::QUOTED_BYTES).ok().filter(|media| !media.is_empty()),
            form: None,
            remote: std::str::from_utf8(self.get("REMOTE_ADDR")).ok().and_then(|text| text.parse().ok()),
        })
    }

    /// The body's length, if it is said; web servers leave the variable away, or empty, where it is not.
    fn length(&self) -> Result<Option<u64>> {
        let digits = self.get("CONTENT_LENGTH");
        if digits.is_empty() {
            return Ok(None);
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(Error::new(ErrorKind::BadRequest, "CONTENT_LENGTH is not a number"));
        }
        // More digits than a number can have are a number that is too large.
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        Ok(Some(number.unwrap_or(u64::MAX)))
    }

    /// Whether a browser only prepares for a click that may never come: such a request must not change anything.
    fn is_prefetch(&self) -> bool {
        ["HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ"].into_iter().any(|name| {
            let value = self.get(name).to_ascii_lowercase();
            ["prefetch", "prerender", "preview"]
                .iter()
                .any(|word| memchr::memmem::find(&value, word.as_bytes()).is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn variables(pairs: &[(&str, &[u8])]) -> Variables {
        Variables::collect(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsStr::from_bytes(value).to_owned())
        })
    }

    fn head(pairs: &[(&str, &[u8])]) -> Result<Head> {
        variables(pairs).head(Reference::random())
    }

    #[test]
    fn a_head_is_what_the_server_says_and_nothing_is_decoded() {
        let head = head(&[
            ("REQUEST_METHOD", b"POST"),
            ("PATH_INFO", b"/t/a%41 b.css"),
            ("QUERY_STRING", b"x=%41"),
            ("CONTENT_LENGTH", b"12"),
            ("REMOTE_ADDR", b"198.51.100.7"),
            ("HTTP_AUTHORIZATION", b"Basic eDp5"),
        ])
        .unwrap();
        assert_eq!(
            (head.method.as_str(), head.path.as_str(), head.query.as_str()),
            ("POST", "/t/a%41 b.css", "x=%41")
        );
        assert_eq!((head.length, head.remote), (Some(12), Some([198, 51, 100, 7].into())));
        assert_eq!(head.authorization.unwrap().expose(), "Basic eDp5");
    }

    #[test]
    fn lengths_as_servers_say_them() {
        for (value, want) in
            [(&b""[..], None), (b"0", Some(0)), (b"7", Some(7)), (b"99999999999999999999999", Some(u64::MAX))]
        {
            assert_eq!(head(&[("CONTENT_LENGTH", value)]).unwrap().length, want);
        }
        for value in [&b"-1"[..], b"1,1", b"0x10", b" 1"] {
            assert_eq!(head(&[("CONTENT_LENGTH", value)]).err().unwrap().kind(), ErrorKind::BadRequest);
        }
        let upload = |method: &[u8], length: &[u8]| {
            variables(&[("REQUEST_METHOD", method), ("CONTENT_LENGTH", length)]).upload()
        };
        assert_eq!(
            [upload(b"GET", b""), upload(b"POST", b"0"), upload(b"POST", b"5")],
            [None, None, Some(5)]
        );
        assert_eq!([upload(b"POST", b""), upload(b"GET", b"x")], [Some(u64::MAX), Some(u64::MAX)]);
    }

    #[test]
    fn what_is_too_long_or_no_text_goes_no_further() {
        let kind = |name, value: &[u8]| head(&[(name, value)]).err().map(|error| error.kind());
        assert_eq!(kind("PATH_INFO", b"/t/\xff"), Some(ErrorKind::PathRefused));
        assert_eq!(kind("PATH_INFO", &[b'a'; 4 * limits::PATH_BYTES + 1]), Some(ErrorKind::TooLarge));
        assert_eq!(kind("QUERY_STRING", &[b'a'; limits::QUERY_BYTES + 1]), Some(ErrorKind::TooLarge));
        assert_eq!(kind("HTTP_AUTHORIZATION", &[b'a'; limits::QUERY_BYTES + 1]), Some(ErrorKind::TooLarge));
        assert_eq!(kind("QUERY_STRING", b"\xff"), Some(ErrorKind::BadRequest));
        assert_eq!(kind("HTTP_SEC_PURPOSE", b"prefetch;anonymous-client-ip"), Some(ErrorKind::Prefetch));
        assert_eq!(kind("REMOTE_ADDR", b"\xff"), None);
        let redirected = head(&[("REDIRECT_HTTP_AUTHORIZATION", b"Basic x")]).unwrap();
        assert_eq!(redirected.authorization.unwrap().expose(), "Basic x");
    }
}
