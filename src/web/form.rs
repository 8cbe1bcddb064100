//! Fields of a query string or of a submitted form (WHATWG URL, 5.1).

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::Domain;

/// The fields that Panelgate knows. Others (a panel adds its own) are passed over.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// `site`, or `domain`, which some panels call it.
    pub(super) site: Option<String>,
    /// `token`
    pub(super) token: Option<String>,
    /// `lang`: the language of the page that the form stood on.
    pub(super) lang: Option<String>,
    /// `backups`: the site whose backups are wanted; empty: those of any.
    pub(super) backups: Option<String>,
    /// `backup`: the name of the one that is wanted.
    pub(super) backup: Option<String>,
    /// `still`: the page shall not look again by itself.
    pub(super) still: Option<String>,
}

impl Fields {
    /// Takes the fields apart.
    ///
    /// # Errors
    /// [`ErrorKind::BadRequest`] if there are more than [`limits::FORM_FIELDS`], or if one that counts stands there twice: nobody can say then which
    /// of the two was meant.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut fields = Self::default();
        for (index, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
            if index >= limits::FORM_FIELDS {
                let text = format!("the request has more than {} fields", limits::FORM_FIELDS);
                return Err(Error::new(ErrorKind::BadRequest, text));
            }
            let place = match &*name {
                "site" | "domain" => &mut fields.site,
                "token" => &mut fields.token,
                "lang" => &mut fields.lang,
                "backups" => &mut fields.backups,
                "backup" => &mut fields.backup,
                "still" => &mut fields.still,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Error::new(ErrorKind::BadRequest, format!("the field {name} is given twice")));
            }
        }
        Ok(fields)
    }

    /// The site that is asked for. An empty field asks for none.
    ///
    /// # Errors
    /// [`ErrorKind::BadRequest`] if it is not the name of a site.
    pub(super) fn site(&self) -> Result<Option<Domain>> {
        domain(self.site.as_deref())
    }

    /// The site whose backups are asked for.
    ///
    /// # Errors
    /// As [`Fields::site`].
    pub(super) fn backups_of(&self) -> Result<Option<Domain>> {
        domain(self.backups.as_deref())
    }
}

fn domain(name: Option<&str>) -> Result<Option<Domain>> {
    let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) else { return Ok(None) };
    Domain::new(name).map(Some).map_err(|error| {
        Error::new(ErrorKind::BadRequest, "the request names no site that can be").with_source(error)
    })
}

/// Decodes HTML entities once, if there are any: some DirectAdmin versions hand requests on as they would stand in HTML
/// (`reference/directadmin.md` 2.2).
pub(super) fn decode_entities(bytes: Vec<u8>) -> Vec<u8> {
    const ENTITIES: [(&[u8], u8); 5] =
        [(b"&amp;", b'&'), (b"&quot;", b'"'), (b"&#39;", b'\''), (b"&lt;", b'<'), (b"&gt;", b'>')];
    if memchr::memmem::find(&bytes, b"&amp;").is_none() {
        return bytes;
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        match ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity)) {
            Some((entity, byte)) => {
                decoded.push(*byte);
                rest = &rest[entity.len()..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_fields_once_others_passed_over() {
        let fields = Fields::parse(b"csrftoken=x&site=b%C3%BCcher.example&token=a-_b&x=1&x=2").unwrap();
        assert_eq!(fields.site().unwrap().unwrap().as_str(), "xn--bcher-kva.example");
        assert_eq!(fields.token.as_deref(), Some("a-_b"));
        assert_eq!(Fields::parse(b"domain=shop.example").unwrap().site.as_deref(), Some("shop.example"));
        assert!(Fields::parse(b"site=+&token").unwrap().site().unwrap().is_none());
        assert!(Fields::parse(b"").unwrap().site.is_none());
    }

    #[test]
    fn what_is_ambiguous_or_too_much_is_refused() {
        for bad in ["backups=a.example&backups=b.example", "backup=a&backup=b"] {
            assert_eq!(Fields::parse(bad.as_bytes()).unwrap_err().kind(), ErrorKind::BadRequest, "{bad}");
        }
        for bad in ["site=a.example&site=b.example", "site=a.example&domain=a.example", "token=a&token=b"] {
            assert_eq!(Fields::parse(bad.as_bytes()).unwrap_err().kind(), ErrorKind::BadRequest, "{bad}");
        }
        assert!(Fields::parse("a=1&".repeat(limits::FORM_FIELDS).as_bytes()).is_ok());
        assert!(Fields::parse("a=1&".repeat(limits::FORM_FIELDS + 1).as_bytes()).is_err());
        for bad in ["site=..%2F..", "site=a%00.example", "site=%FF", "site=a.example%0d%0a", "site=*"] {
            let site = Fields::parse(bad.as_bytes()).unwrap().site();
            match site {
                Err(error) => assert_eq!(error.kind(), ErrorKind::BadRequest, "{bad}"),
                Ok(site) => assert_eq!(site.unwrap().as_str(), "a.example", "{bad}"),
            }
        }
    }

    #[test]
    fn entities_are_decoded_once_and_only_if_there_are_any() {
        let decode = |text: &str| String::from_utf8(decode_entities(text.as_bytes().to_vec())).unwrap();
        assert_eq!(decode("site=a.example&amp;token=&lt;&quot;&#39;&gt;"), "site=a.example&token=<\"'>");
        assert_eq!(decode("a&amp;amp;b"), "a&amp;b");
        assert_eq!(decode("a=1&lt;=2"), "a=1&lt;=2");
        assert_eq!(decode("&amp"), "&amp");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let decoded = decode_entities(bytes);
            if let Ok(fields) = Fields::parse(&decoded) {
                let _ = fields.site();
            }
        }
    }
}
