//! The name under which the builder knows a site.

use std::fmt;

use super::Domain;

/// The builder's identity of a website (the field `domain` of the builder's calls).
///
/// It is the lower case ASCII name without a leading `www.`: a name with and one without it would be two websites for the builder
/// (`reference/builder-api.md` 2.1 and 6.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteKey(String);

impl SiteKey {
    /// The key of a site that has no other one.
    pub fn of(domain: &Domain) -> Self {
        Self(domain.without_www().as_ref().unwrap_or(domain).as_str().to_owned())
    }

    /// A key that is only a number; the builder is then told the real domain too.
    pub fn numeric(number: u64) -> Self {
        Self(number.to_string())
    }

    /// A key that was stored; `None` if it can be neither a domain nor a number.
    pub fn stored(text: String) -> Option<Self> {
        let number = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
        (number || Domain::new(&text).is_ok_and(|domain| domain.as_str() == text)).then_some(Self(text))
    }

    /// The key as the builder gets it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn www_is_not_part_of_the_key() {
        let key = |name: &str| SiteKey::of(&Domain::new(name).unwrap()).to_string();
        assert_eq!(key("www.shop.example"), "shop.example");
        assert_eq!(key("shop.example"), "shop.example");
        assert_eq!(key("www.example"), "www.example", "a name needs two labels");
        assert_eq!(key("www2.shop.example"), "www2.shop.example");
    }
}
