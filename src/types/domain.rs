//! The name of a site.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// A host name of at least two labels, in lower case ASCII (punycode, RFC 5891), as DNS knows it.
///
/// The Unicode form is made on demand for people to read; comparison, storage and everything on the wire use ASCII.
/// Wildcards, addresses and single labels are not domains.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Domain(String);

impl Domain {
    /// Checks a name in ASCII or Unicode, with or without a final dot.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is not a possible name of a website.
    pub fn new(name: &str) -> Result<Self> {
        Self::parse(name).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, format!("{} is not a domain name", super::quote(name)))
        })
    }

    fn parse(name: &str) -> Option<Self> {
        if name.len() > 1024 {
            return None;
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        let ascii = if name.is_ascii() && !name.to_ascii_lowercase().contains("xn--") {
            name.to_ascii_lowercase()
        } else {
            let ascii = idna::domain_to_ascii_strict(name).ok()?;
            // A name whose Unicode form does not lead back to it would be shown as something that it is not.
            let (unicode, checked) = idna::domain_to_unicode(&ascii);
            checked.ok()?;
            if idna::domain_to_ascii_strict(&unicode).ok()? != ascii {
                return None;
            }
            ascii
        };
        is_host_name(&ascii).then_some(Self(ascii))
    }

    /// The ASCII form, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The Unicode form, for people.
    pub fn to_unicode(&self) -> String {
        if self.0.contains("xn--") { idna::domain_to_unicode(&self.0).0 } else { self.0.clone() }
    }

    /// Whether the Unicode form differs from the ASCII form.
    pub fn is_internationalised(&self) -> bool {
        self.0.contains("xn--")
    }

    /// The name without a leading `www.`, if it has one and something is left that can be a website.
    pub fn without_www(&self) -> Option<Domain> {
        self.0.strip_prefix("www.").and_then(|rest| Self::new(rest).ok())
    }

    /// Whether this name lies below `other`: `blog.shop.example` below `shop.example`.
    pub fn is_below(&self, other: &Domain) -> bool {
        self.0.strip_suffix(other.as_str()).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
    }
}

/// Letters, digits and inner hyphens, labels of 1 to 63, at least two of them, 253 in all, the last one not a number (RFC 1123, RFC 3696).
/// An underscore is allowed inside: panels let customers make such subdomains.
fn is_host_name(ascii: &str) -> bool {
    let labels: Vec<&str> = ascii.split('.').collect();
    ascii.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(|label| {
            let bytes = label.as_bytes();
            (1..=63).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && bytes[0] != b'-'
                && bytes[bytes.len() - 1] != b'-'
        })
        && !labels[labels.len() - 1].bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Domain {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_for_one_name() {
        let shop = Domain::new("bücher.example").unwrap();
        assert_eq!(shop.as_str(), "xn--bcher-kva.example");
        assert_eq!(shop, Domain::new("XN--Bcher-kva.Example.").unwrap());
        assert_eq!(shop.to_unicode(), "bücher.example");
        assert!(shop.is_internationalised());
        assert_eq!(Domain::new("Shop.EXAMPLE.").unwrap().as_str(), "shop.example");
    }

    #[test]
    fn what_is_not_a_website_is_refused() {
        for bad in [
            "",
            ".",
            "localhost",
            "*.example.com",
            "a..b",
            "-a.example",
            "a-.example",
            "192.0.2.1",
            "1.2",
            "a/b.example",
            "a b.example",
            "a\0.example",
            "a\n.example",
            "ex%61mple.com",
            "xn--a.example",
            "xn--zzzzzz.example",
            "user@a.example",
            "a.example:80",
            "[::1]",
            "a.123",
            &format!("{}.example", "a".repeat(64)),
            &"a.".repeat(200),
        ] {
            assert!(Domain::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn below_needs_a_whole_label() {
        let shop = Domain::new("shop.example").unwrap();
        assert!(Domain::new("blog.shop.example").unwrap().is_below(&shop));
        assert!(!Domain::new("myshop.example").unwrap().is_below(&shop));
        assert!(!shop.is_below(&shop));
    }

    proptest! {
        #[test]
        fn never_panics_and_is_stable(text in any::<String>()) {
            if let Ok(domain) = Domain::new(&text) {
                prop_assert!(domain.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')));
                prop_assert_eq!(Domain::new(domain.as_str()).unwrap(), domain.clone());
                prop_assert_eq!(Domain::new(&domain.to_unicode()).unwrap(), domain);
            }
        }
    }
}
