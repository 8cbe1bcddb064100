//! Panel account files that are lines of `KEY=VALUE`: `/var/cpanel/users/USER`, DirectAdmin's `user.conf` and others.
//!
//! They are not INI: no sections, no quotes, no escapes, no comments behind a value. A line is split at its first separator; order and repeats are
//! kept; `#` begins a comment at the beginning of a line only.

use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::types::quote;

use super::tree::utf8;

/// The pairs of one file with their lines.
#[derive(Debug)]
pub(super) struct KeyValue<'a> {
    path: PathBuf,
    pairs: Vec<Pair<'a>>,
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair<'a> {
    /// Before the first separator, without blanks around it.
    pub(super) key: &'a str,
    /// After the first separator, without blanks around it.
    pub(super) value: &'a str,
    /// Line number, from 1.
    pub(super) line: usize,
}

impl<'a> KeyValue<'a> {
    /// Takes a file apart. `path` is for errors.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] with file and line, if it is not UTF-8, has a NUL, or a line without separator.
    pub(super) fn parse(path: &Path, bytes: &'a [u8], separator: char) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = utf8(path, bytes)?;
        let mut file = Self { path: path.to_owned(), pairs: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line.contains('\0') {
                return Err(file.error(index + 1, "there is a NUL byte"));
            }
            let Some((key, value)) = line.split_once(separator) else {
                return Err(file.error(index + 1, format!("there is no \"{separator}\" in {}", quote(line))));
            };
            file.pairs.push(Pair { key: key.trim(), value: value.trim(), line: index + 1 });
        }
        Ok(file)
    }

    /// The value of a key that may stand once; `None` if it is absent or empty.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`], if it stands twice with different values.
    pub(super) fn one(&self, key: &str) -> Result<Option<&'a str>> {
        let mut found: Option<&Pair<'a>> = None;
        for pair in self.pairs.iter().filter(|pair| pair.key == key) {
            match found {
                Some(first) if first.value != pair.value => {
                    let text = format!("{} differs from the one in line {}", quote(key), first.line);
                    return Err(self.error(pair.line, text));
                }
                Some(_) => {}
                None => found = Some(pair),
            }
        }
        Ok(found.map(|pair| pair.value).filter(|value| !value.is_empty()))
    }

    /// All pairs in the file's order.
    pub(super) fn pairs(&self) -> &[Pair<'a>] {
        &self.pairs
    }

    /// An error at a line of this file.
    pub(super) fn error(&self, line: usize, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::PanelData, format!("{}:{line}: {what}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Result<KeyValue<'_>> {
        KeyValue::parse(Path::new("users/alice"), bytes, '=')
    }

    #[test]
    fn a_line_is_split_at_its_first_separator_and_nowhere_else() {
        let file = parse(b"# head\nPLAN=My #1 plan; gold\nFEATURE=a=b=c\nEMPTY=\nQ=\"x\\y\"\r\n[weird]=1\n\nDNS=a\nDNS=b\n").unwrap();
        assert_eq!(file.one("PLAN").unwrap(), Some("My #1 plan; gold"));
        assert_eq!(file.one("FEATURE").unwrap(), Some("a=b=c"));
        assert_eq!(file.one("EMPTY").unwrap(), None);
        assert_eq!(file.one("Q").unwrap(), Some("\"x\\y\""));
        assert_eq!(file.one("[weird]").unwrap(), Some("1"));
        assert_eq!(file.one("plan").unwrap(), None);
        assert_eq!(
            file.one("DNS").unwrap_err().to_string(),
            "users/alice:9: \"DNS\" differs from the one in line 8"
        );
        assert_eq!(file.pairs().iter().filter(|pair| pair.key == "DNS").count(), 2);
    }

    #[test]
    fn faults_have_a_line() {
        assert_eq!(
            parse(b"A=1\nnonsense\n").unwrap_err().to_string(),
            "users/alice:2: there is no \"=\" in \"nonsense\""
        );
        assert!(
            parse(b"A=1\nB=\xff\n").unwrap_err().to_string().starts_with("users/alice:2: it is not UTF-8")
        );
        assert!(parse(b"A=\0\n").unwrap_err().to_string().contains(":1: there is a NUL"));
        assert!(parse(b"").unwrap().pairs().is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn every_pair_comes_back(pairs in proptest::collection::vec(("[A-Z0-9-]{1,10}", "[!-~]{0,20}"), 0..20)) {
            let text: String = pairs.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
            let file = parse(text.as_bytes()).unwrap();
            let got: Vec<(String, String)> = file.pairs().iter().map(|p| (p.key.into(), p.value.into())).collect();
            prop_assert_eq!(got, pairs);
        }
    }
}
