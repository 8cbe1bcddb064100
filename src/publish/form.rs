//! The form that starts a publication of type `internal` (`reference/builder-api.md` 6.3).
//!
//! The vendor's documentation has lost the names of its fields, so the archive's address is looked for wherever it can be. Values are never logged:
//! the address may be as good as a password.

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{WebUrl, quote};

/// Where the archive's address may stand, the likeliest first.
const ZIP_FIELDS: [&str; 10] =
    ["url", "zip", "zipUrl", "zip_url", "file", "fileUrl", "archive", "source", "link", "path"];
/// Deepest object of a JSON body whose members count as fields.
const JSON_DEPTH: usize = 4;

/// The fields of a form, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StartForm {
    fields: Vec<(String, String)>,
}

/// The archive's address, and where it stood.
#[derive(Debug, PartialEq, Eq)]
pub struct ZipField {
    /// The field's name.
    pub name: String,
    /// The address.
    pub url: WebUrl,
}

impl StartForm {
    /// Takes a body apart: URL-encoded, multipart or JSON. What its type says is believed if the body is that at all.
    ///
    /// # Errors
    /// [`ErrorKind::BadRequest`] if it is none of the three, or has more than [`limits::FORM_FIELDS`] fields; [`ErrorKind::TooLarge`] if it is longer
    /// than [`limits::ENDPOINT_FORM_BYTES`].
    pub fn parse(content_type: &str, body: &[u8]) -> Result<Self> {
        if body.len() as u64 > limits::ENDPOINT_FORM_BYTES {
            let text = format!("the form is longer than {} bytes", limits::ENDPOINT_FORM_BYTES);
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let looks_like_json = body.trim_ascii_start().first() == Some(&b'{');
        let mut form = Self::default();
        if media == "multipart/form-data" {
            form.read_multipart(content_type, body)?;
        } else if looks_like_json {
            form.read_json(body)?;
        } else {
            for (name, value) in form_urlencoded::parse(body) {
                form.add(&name, value.into_owned())?;
            }
        }
        Ok(form)
    }

    fn add(&mut self, name: &str, value: String) -> Result<()> {
        if self.fields.len() >= limits::FORM_FIELDS {
            let text = format!("the form has more than {} fields", limits::FORM_FIELDS);
            return Err(Error::new(ErrorKind::BadRequest, text));
        }
        self.fields.push((name.to_owned(), value));
        Ok(())
    }

    fn read_json(&mut self, body: &[u8]) -> Result<()> {
        let value: Value = serde_json::from_slice(body).map_err(|_| malformed("its JSON is broken"))?;
        self.add_members(&value, 0)
    }

    fn add_members(&mut self, value: &Value, depth: usize) -> Result<()> {
        let Value::Object(members) = value else { return Ok(()) };
        for (name, value) in members {
            match value {
                Value::String(text) => self.add(name, text.clone())?,
                Value::Number(number) => self.add(name, number.to_string())?,
                Value::Object(_) if depth < JSON_DEPTH => self.add_members(value, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// RFC 7578. A part is a field, whatever else its head says.
    fn read_multipart(&mut self, content_type: &str, body: &[u8]) -> Result<()> {
        let boundary = parameter(content_type, "boundary").filter(|text| (1..=70).contains(&text.len()));
        let boundary = boundary.ok_or_else(|| malformed("its parts have no boundary"))?;
        let line = format!("\r\n--{boundary}");
        // The first boundary has no line before it.
        let body = [b"\r\n", body].concat();
        let mut parts = memchr::memmem::find_iter(&body, &line).map(|at| at + line.len()).peekable();
        while let Some(begin) = parts.next() {
            let Some(end) = parts.peek() else { break };
            let part = &body[begin..end - line.len()];
            let (head, value) = split(part, b"\r\n\r\n").ok_or_else(|| malformed("a part has no head"))?;
            let head = String::from_utf8_lossy(head);
            let name = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.trim().eq_ignore_ascii_case("content-disposition").then(|| parameter(value, "name"))?
            });
            let name = name.ok_or_else(|| malformed("a part has no name"))?;
            self.add(&name, String::from_utf8_lossy(value).into_owned())?;
        }
        Ok(())
    }

    /// The one value of a field; nothing if it is empty.
    ///
    /// # Errors
    /// [`ErrorKind::BadRequest`] if it stands there with two values.
    fn one(&self, name: &str) -> Result<Option<&str>> {
        let mut values =
            self.fields.iter().filter(|(field, value)| field == name && !value.trim().is_empty());
        let Some((_, value)) = values.next() else { return Ok(None) };
        if values.any(|(_, other)| other != value) {
            return Err(malformed(&format!("its field {} has two values", quote(name))));
        }
        Ok(Some(value.trim()))
    }

    /// The number of ours that the session named.
    ///
    /// # Errors
    /// As for every field that counts: [`ErrorKind::BadRequest`] if it stands there with two values.
    pub fn account(&self) -> Result<Option<&str>> {
        self.one("resellerClientAccountId")
    }

    /// The domain or number that the session named.
    ///
    /// # Errors
    /// As for [`StartForm::account`].
    pub fn domain(&self) -> Result<Option<&str>> {
        self.one("domain")
    }

    /// The archive's address: in the field that the administrator has named, else in the likeliest field that holds an address, else in the only field that
    /// does.
    ///
    /// # Errors
    /// [`ErrorKind::BadRequest`] with the names of the fields if there is none, or if it cannot be told which one it is.
    pub fn zip(&self, named: Option<&str>) -> Result<ZipField> {
        if let Some(name) = named {
            let url = self.one(name)?.and_then(|text| WebUrl::parse(text).ok());
            let url = url.ok_or_else(|| {
                self.without_address("there is no address in the field of [publish] zip_field")
            })?;
            return Ok(ZipField { name: name.to_owned(), url });
        }
        for name in ZIP_FIELDS {
            if let Some(url) = self.one(name)?.and_then(|text| WebUrl::parse(text).ok()) {
                return Ok(ZipField { name: name.to_owned(), url });
            }
        }
        let mut found = self.fields.iter().filter_map(|(name, value)| {
            WebUrl::parse(value.trim()).ok().map(|url| ZipField { name: name.clone(), url })
        });
        match (found.next(), found.next()) {
            (Some(field), None) => Ok(field),
            (None, _) => Err(self.without_address("no field holds an address")),
            (Some(_), Some(_)) => Err(self
                .without_address("several fields hold addresses: name the right one in [publish] zip_field")),
        }
    }

    fn without_address(&self, what: &str) -> Error {
        malformed(&format!("{what} (its fields are: {})", self.names()))
    }

    /// The names of the fields, for the log.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.fields.iter().map(|(name, _)| quote(name)).collect();
        let mut text = names.join(", ");
        if text.len() > limits::LOG_LINE_BYTES / 2 {
            let end = (0..=limits::LOG_LINE_BYTES / 2).rev().find(|at| text.is_char_boundary(*at));
            text.truncate(end.unwrap_or_default());
            text.push('…');
        }
        text
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::BadRequest, format!("the form that starts a publication cannot be used: {what}"))
}

/// A parameter of a header field: `name="value"` or `name=value`.
fn parameter(field: &str, wanted: &str) -> Option<String> {
    field.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim();
        let plain = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        name.trim().eq_ignore_ascii_case(wanted).then(|| plain.to_owned())
    })
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = memchr::memmem::find(bytes, at)?;
    Some((&bytes[..place], &bytes[place + at.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URL: &str = "https://builder.example/zip/1.zip?key=a&b=c";
    const CODED: &str = "https%3A%2F%2Fbuilder.example%2Fzip%2F1.zip%3Fkey%3Da%26b%3Dc";

    fn parse(content_type: &str, body: &str) -> StartForm {
        StartForm::parse(content_type, body.as_bytes()).unwrap()
    }

    fn urlencoded(body: &str) -> StartForm {
        parse("application/x-www-form-urlencoded", body)
    }

    fn zip(form: &StartForm, named: Option<&str>) -> (String, String) {
        let field = form.zip(named).unwrap();
        (field.name, field.url.to_string())
    }

    #[test]
    fn the_address_is_found_wherever_it_can_be() {
        for name in ZIP_FIELDS.into_iter().chain(["something", "zip[url]"]) {
            let body =
                format!("resellerClientAccountId=7&domain=shop.example&{name}={CODED}&hostingPlan=Gold");
            let form = urlencoded(&body);
            assert_eq!(zip(&form, None), (name.to_owned(), URL.to_owned()));
            assert_eq!((form.account().unwrap(), form.domain().unwrap()), (Some("7"), Some("shop.example")));
        }
        // The likelier of two, but not one without an address; the administrator's word before all.
        let form = urlencoded(&format!("callback=https://b.example/x&path=/a&zip_url={CODED}&url=none"));
        assert_eq!(zip(&form, None).0, "zip_url");
        assert_eq!(zip(&form, Some("callback")), ("callback".into(), "https://b.example/x".into()));
    }

    #[test]
    fn all_three_kinds_of_bodies_are_read() {
        let json = format!(
            r#" {{"params": {{"url": "{URL}", "resellerClientAccountId": 9007199254740991}}, "x": [1]}}"#
        );
        for content_type in ["application/json", "application/json; charset=utf-8", "", "text/plain"] {
            let form = parse(content_type, &json);
            assert_eq!(zip(&form, None).1, URL);
            assert_eq!(form.account().unwrap(), Some("9007199254740991"));
        }
        let part = |name: &str, value: &str| {
            format!(
                "--xYx\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let body = format!("{}{}--xYx--\r\n", part("url", URL), part("domain", "shop.example"));
        for content_type in
            ["multipart/form-data; boundary=xYx", "Multipart/Form-Data; charset=utf-8; boundary=\"xYx\""]
        {
            let form = parse(content_type, &body);
            assert_eq!((zip(&form, None).1.as_str(), form.domain().unwrap()), (URL, Some("shop.example")));
        }
        assert_eq!(zip(&parse("", &format!("url={CODED}")), None).1, URL);
    }

    #[test]
    fn what_cannot_be_told_is_refused_with_the_names_alone() {
        let secret = "https://builder.example/zip?secret=7";
        for body in [
            "".to_owned(),
            "a=1&b=2".into(),
            "url=ftp://builder.example/x&path=relative/secret=7".into(),
            format!("one={secret}&two={secret}2"),
            format!("url={secret}&url={secret}2"),
        ] {
            let error = urlencoded(&body).zip(None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadRequest, "{body}");
            assert!(!error.chain().contains("secret=7"), "{error:?}");
        }
        let error = urlencoded("a=1&b%0a=2").zip(Some("zip")).unwrap_err();
        assert!(error.to_string().contains(r#""a", "b\n""#), "{error:?}");
        assert!(urlencoded("domain=a.example&domain=b.example").domain().is_err());
    }

    #[test]
    fn forms_have_bounds() {
        let kind = |content_type: &str, body: &[u8]| StartForm::parse(content_type, body).unwrap_err().kind();
        assert_eq!(kind("", &vec![b'a'; limits::ENDPOINT_FORM_BYTES as usize + 1]), ErrorKind::TooLarge);
        assert_eq!(kind("", "a=1&".repeat(limits::FORM_FIELDS + 1).as_bytes()), ErrorKind::BadRequest);
        assert_eq!(kind("", b"{\"a\": "), ErrorKind::BadRequest);
        assert_eq!(kind("multipart/form-data", b"--x"), ErrorKind::BadRequest);
        assert_eq!(
            kind("multipart/form-data; boundary=x", b"--x\r\nno head\r\n--x--"),
            ErrorKind::BadRequest
        );
        let deep = "{\"a\":".repeat(100) + "1" + &"}".repeat(100);
        assert_eq!(parse("", &deep), StartForm::default());
        let names = urlencoded(&"é".repeat(3000)).names();
        assert!(names.len() < limits::LOG_LINE_BYTES, "{}", names.len());
    }

    proptest! {
        #[test]
        fn never_panics(kind in 0..4_usize, body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let kinds = ["", "application/json", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\"--\""];
            if let Ok(form) = StartForm::parse(kinds[kind], &body) {
                let _ = (form.zip(None), form.zip(Some("a")), form.domain(), form.account(), form.names());
            }
        }
    }
}
