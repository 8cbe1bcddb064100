//! The only place that prints.
//!
//! Text reaches a terminal in [`Cell`]s only, and a cell escapes what could move the cursor or reorder the line: names of sites and accounts
//! come from customers. A reader that has gone away (`| head`) is no error; a full disk is. Colours are for terminals, and never with `NO_COLOR`.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::Error;
use crate::types::{is_unprintable, printable};

/// How a cell looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Doubtful,
    Bad,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
        }
    }
}

/// A piece of text without anything that a terminal would obey.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(text: impl AsRef<str>) -> Self {
        Self { text: printable(text.as_ref()), style: Style::Plain }
    }

    pub(super) fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Standard output and standard error.
pub(super) struct Output {
    colours: bool,
    error_colours: bool,
    /// Why standard output takes no more.
    failure: Option<io::Error>,
}

impl Output {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            colours: wanted && io::stdout().is_terminal(),
            error_colours: wanted && io::stderr().is_terminal(),
            failure: None,
        }
    }

    /// Whether standard output still takes something: a long list ends early when nobody reads it.
    pub(super) fn is_open(&self) -> bool {
        self.failure.is_none()
    }

    /// One line on standard output.
    pub(super) fn line(&mut self, cells: &[Cell]) {
        let mut line: String = cells.iter().map(|cell| paint(cell, self.colours)).collect();
        line.push('\n');
        self.write(&line);
    }

    /// One line on standard error, for people.
    pub(super) fn note(&mut self, cells: &[Cell]) {
        let mut line: String = cells.iter().map(|cell| paint(cell, self.error_colours)).collect();
        line.push('\n');
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }

    /// The beginning of a line on standard error, behind which a person answers.
    pub(super) fn prompt(&mut self, text: &str) {
        let _ = io::stderr().lock().write_all(printable(text).as_bytes());
    }

    /// A table with a headline, each column as wide as its widest cell, indented by `indent`.
    pub(super) fn table(&mut self, indent: usize, headline: &[&str], rows: &[Vec<Cell>]) {
        let headline: Vec<Cell> = headline.iter().map(|text| Cell::new(text).style(Style::Strong)).collect();
        let widths: Vec<usize> = (0..headline.len())
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column)).chain(headline.get(column));
                cells.map(Cell::width).max().unwrap_or(0)
            })
            .collect();
        for row in std::iter::once(&headline).chain(rows) {
            let mut line = " ".repeat(indent);
            for (column, cell) in row.iter().enumerate() {
                line.push_str(&paint(cell, self.colours));
                if column + 1 < row.len() {
                    let gap = widths.get(column).map_or(0, |width| width.saturating_sub(cell.width())) + 2;
                    line.push_str(&" ".repeat(gap));
                }
            }
            line.push('\n');
            self.write(&line);
        }
    }

    /// One JSON value on one line.
    pub(super) fn json(&mut self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.write(&format!("{}\n", escape_json(&text))),
            Err(error) => self.failure = Some(error.into()),
        }
    }

    /// Says what went wrong; returns the exit code.
    pub(super) fn error(&mut self, error: &Error) -> u8 {
        let name = format!(" [{}]", error.kind());
        let word = Cell::new("panelgate: ").style(Style::Bad);
        self.note(&[word, Cell::new(error.chain()), Cell::new(name).style(Style::Faint)]);
        error.kind().exit_code()
    }

    /// Prints what the argument parser answers: help, version, or what is wrong with the arguments. Returns the exit code.
    ///
    /// The parser repeats arguments as they are. If they are `odd`, holding what a terminal would obey, its answer is shown without colours, so that
    /// every such character in it can be escaped.
    pub(super) fn usage(&mut self, answer: &clap::Error, odd: bool) -> u8 {
        let text = answer.render();
        if answer.use_stderr() {
            let text = match (odd, self.error_colours) {
                (true, _) => text.to_string().lines().map(|line| printable(line) + "\n").collect(),
                (false, true) => text.ansi().to_string(),
                (false, false) => text.to_string(),
            };
            let _ = io::stderr().lock().write_all(text.as_bytes());
        } else {
            let text = if self.colours { text.ansi().to_string() } else { text.to_string() };
            self.write(&text);
        }
        u8::try_from(answer.exit_code()).unwrap_or(2)
    }

    /// The exit code of the program, when its command wants this one: 1 if not everything could be written.
    pub(super) fn finish(mut self, code: u8) -> u8 {
        if self.failure.is_none() {
            self.failure = io::stdout().lock().flush().err();
        }
        match self.failure.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.note(&[Cell::new(format!("panelgate: the output cannot be written: {error}"))]);
                if code == 0 { 1 } else { code }
            }
            _ => code,
        }
    }

    fn write(&mut self, text: &str) {
        if self.failure.is_none() {
            self.failure = io::stdout().lock().write_all(text.as_bytes()).err();
        }
    }
}

fn paint(cell: &Cell, colours: bool) -> String {
    if colours && cell.style != Style::Plain {
        format!("\x1b[{}m{}\x1b[0m", cell.style.code(), cell.text)
    } else {
        cell.text.clone()
    }
}

/// JSON may hold these characters as they are; what is read by a program is sometimes looked at by a person. They can only stand inside strings.
fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unprintable(character) {
            let mut units = [0_u16; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let nasty = "a\x1b[2J\u{202e}b\r\n\u{9b}c\u{61c}";
        let cell = Cell::new(nasty).style(Style::Bad);
        assert_eq!(paint(&cell, false), "a\\u{1b}[2J\\u{202e}b\\r\\n\\u{9b}c\\u{61c}");
        assert_eq!(paint(&Cell::new("x").style(Style::Bad), true), "\x1b[31mx\x1b[0m");
        assert_eq!(paint(&Cell::new("x"), true), "x");
    }

    #[test]
    fn escaped_json_says_the_same() {
        let value = "a\x1b\u{202e}\u{9b}\u{7f}é\"\\";
        let json = escape_json(&serde_json::to_string(value).unwrap());
        assert!(!json.chars().any(is_unprintable), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
    }
}
