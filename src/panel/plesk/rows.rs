//! The output of `plesk db -Ne`: rows of columns parted by tabs, in which tab, newline, NUL and backslash are written `\t`, `\n`, `\0` and `\\`, and
//! the absence of a value as `NULL` (`mysql --batch`).

use std::borrow::Cow;

use crate::error::Result;
use crate::panel::data_error;
use crate::types::{Domain, Username, quote, quote_bytes};

use super::query::marker;

/// One row. Its first column is the marker.
#[derive(Debug)]
pub(super) struct Row<'a> {
    line: usize,
    columns: Vec<Option<Cow<'a, str>>>,
}

/// Takes the output of a question apart, which prints rows with these markers and numbers of columns, and `end` as the last.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData), if there is anything else in it, or if the end is missing.
pub(super) fn parse<'a>(output: &'a [u8], expected: &[(&str, usize)]) -> Result<Vec<Row<'a>>> {
    let cut_off = || {
        let what = "its answer is empty or cut off: check that \"plesk db 'SELECT 1'\" works as root";
        data_error("plesk db", what)
    };
    if output.trim_ascii().is_empty() {
        return Err(cut_off());
    }
    let mut rows = Vec::new();
    let mut lines = output.strip_suffix(b"\n").unwrap_or(output).split(|byte| *byte == b'\n').enumerate();
    for (index, line) in &mut lines {
        if line == marker::END.as_bytes() {
            return match lines.next() {
                None => Ok(rows),
                Some((index, line)) => {
                    Err(fault(index + 1, format!("there is {} after the end", quote_bytes(line))))
                }
            };
        }
        let noise = || fault(index + 1, format!("{} is no row of the answer", quote_bytes(line)));
        let text = std::str::from_utf8(line).map_err(|_| noise())?;
        let columns = text.split('\t').map(unescape).collect::<Option<Vec<_>>>().ok_or_else(noise)?;
        let marker = columns.first().cloned().flatten().unwrap_or_default();
        if !expected.contains(&(&marker, columns.len())) {
            return Err(noise());
        }
        rows.push(Row { line: index + 1, columns });
    }
    Err(cut_off())
}

/// A column's text; the outer `None` is an escape that there is none of.
fn unescape(text: &str) -> Option<Option<Cow<'_, str>>> {
    if text == "NULL" {
        return Some(None);
    }
    if !text.contains('\\') {
        return Some(Some(Cow::Borrowed(text)));
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                't' => '\t',
                'n' => '\n',
                '0' => '\0',
                '\\' => '\\',
                _ => return None,
            },
            _ => character,
        });
    }
    Some(Some(Cow::Owned(plain)))
}

fn fault(line: usize, what: impl std::fmt::Display) -> crate::error::Error {
    data_error(format!("plesk db: line {line} of its answer"), what)
}

impl Row<'_> {
    /// The marker.
    pub(super) fn marker(&self) -> &str {
        self.optional(0).unwrap_or_default()
    }

    /// A column that may be absent; an empty text is absent too.
    pub(super) fn optional(&self, column: usize) -> Option<&str> {
        self.columns.get(column)?.as_deref().filter(|text| !text.is_empty())
    }

    /// A column for people or for display, which may be absent; blanks at its ends do not count.
    pub(super) fn owned(&self, column: usize) -> Option<String> {
        self.optional(column).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A column that must be there.
    ///
    /// # Errors
    /// If it is absent.
    pub(super) fn text(&self, column: usize) -> Result<&str> {
        self.optional(column).ok_or_else(|| self.error(format!("column {} is absent", column + 1)))
    }

    /// A number that may be absent.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn number(&self, column: usize) -> Result<Option<u64>> {
        let Some(text) = self.optional(column) else { return Ok(None) };
        let number = text.parse().map_err(|_| self.error(format!("{} is not a number", quote(text))))?;
        Ok(Some(number))
    }

    /// The name of a site.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn domain(&self, column: usize) -> Result<Domain> {
        Domain::new(self.text(column)?).map_err(|error| self.error(error))
    }

    /// The name of an account.
    ///
    /// # Errors
    /// If it is none.
    pub(super) fn username(&self, column: usize) -> Result<Username> {
        Username::new(self.text(column)?).map_err(|error| self.error(error))
    }

    /// An error at this row.
    pub(super) fn error(&self, what: impl std::fmt::Display) -> crate::error::Error {
        fault(self.line, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPECTED: [(&str, usize); 2] = [("a", 1), ("b", 3)];

    #[test]
    fn escapes_and_absent_values() {
        let rows = parse(b"b\tx\\ty\\nz\\\\\tNULL\nb\t \t7\na\nend\n", &EXPECTED).unwrap();
        assert_eq!(rows[0].text(1).unwrap(), "x\ty\nz\\");
        assert_eq!((rows[0].optional(2), rows[0].number(2).unwrap()), (None, None));
        assert_eq!((rows[1].owned(1), rows[1].number(2).unwrap()), (None, Some(7)));
        assert_eq!(rows[2].marker(), "a");
        assert_eq!(
            rows[0].text(2).unwrap_err().to_string(),
            "plesk db: line 1 of its answer: column 3 is absent"
        );
        assert_eq!(rows[0].optional(99), None);
        assert!(parse(b"end", &EXPECTED).unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_an_error() {
        for (output, want) in [
            (&b""[..], "its answer is empty or cut off"),
            (b"\n", "its answer is empty or cut off"),
            (b"a\n\nend\n", "line 2 of its answer: \"\" is no row"),
            (b"a\n", "its answer is empty or cut off"),
            (b"a\nen", "line 2 of its answer: \"en\" is no row"),
            (b"a\nend\nWarning: x\n", "line 3 of its answer: there is \"Warning: x\" after the end"),
            (b"Warning: x\na\nend\n", "line 1 of its answer: \"Warning: x\" is no row"),
            (b"b\tx\nend\n", "line 1 of its answer: \"b\\tx\" is no row"),
            (b"b\tx\ty\tz\nend\n", "is no row"),
            (b"a\xff\nend\n", "line 1 of its answer: \"a\u{fffd}\" is no row"),
            (b"b\t\\x\ty\nend\n", "is no row"),
            (b"b\t\\\ty\nend\n", "is no row"),
            (b"NULL\nend\n", "is no row"),
            (b"\0\0\0\0", "is no row"),
        ] {
            let error = parse(output, &EXPECTED).unwrap_err().to_string();
            assert!(error.starts_with("plesk db: ") && error.contains(want), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(a|b|end|\t|\n|\\\\|NULL|t){0,30}") {
            let _ = parse(&bytes, &EXPECTED);
            let _ = parse(text.as_bytes(), &EXPECTED);
        }

        #[test]
        fn every_text_comes_back(text in "\\PC*") {
            prop_assume!(text != "NULL");
            let written = text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\0', "\\0");
            let back = unescape(&written).unwrap();
            prop_assert_eq!(back.as_deref(), Some(text.as_str()));
        }
    }
}
