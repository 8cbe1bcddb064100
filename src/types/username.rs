//! The name of an account.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};

/// The system name of an account: 1 to 32 characters `a-z A-Z 0-9 _ . -`, beginning with a letter, a digit or `_`.
///
/// Such a name is one path component that is neither hidden nor `..`, holds nothing that a shell, SQL or a URL gives a meaning to, and is what
/// `useradd` and the panels allow.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Username(String);

impl Username {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is not a possible account name.
    pub fn new(name: &str) -> Result<Self> {
        let bytes = name.as_bytes();
        let first_ok = matches!(bytes.first(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        let rest_ok =
            bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if first_ok && rest_ok && bytes.len() <= 32 {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{} is not an account name (1 to 32 letters, digits, \"_\", \"-\" or \".\")",
                    super::quote(name)
                ),
            ))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Username {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_panels_use_are_taken_and_paths_are_not() {
        for good in ["alice", "_svc", "a", "user.name", "9lives", "www-data", "Alice01", &"a".repeat(32)] {
            assert!(Username::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "-x",
            "a/b",
            "a b",
            "a\0",
            "a\n",
            "é",
            "a'b",
            "a|b",
            "$(x)",
            &"a".repeat(33),
        ] {
            assert!(Username::new(bad).is_err(), "{bad:?}");
        }
    }
}
