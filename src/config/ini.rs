//! INI files of ours: `panelgate.ini` and `accounts.d/USER.ini`.
//!
//! The values are read by the engine of the `ini` crate, tuned: names keep their case, `=` is the only delimiter, `;` and `#` begin a comment at
//! the beginning of a line only, a value goes to the end of its line. The engine knows no line numbers and lets the last of two equal keys win; a
//! pass over the lines before it finds the place of each key and refuses what is not `[section]`, `key = value`, comment or blank.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ::ini::configparser::ini::{Ini, IniDefault};

use crate::error::{Error, ErrorKind, Result};
use crate::types::{printable, quote};

/// A parsed file. Keys are looked up through [`Section`].
pub struct IniFile {
    path: PathBuf,
    kind: ErrorKind,
    /// Section name to its line, in the file's order of names.
    sections: BTreeMap<String, usize>,
    /// Section and key to value and line.
    values: BTreeMap<(String, String), (String, usize)>,
}

impl IniFile {
    /// Parses the bytes of `path`. Errors are of `kind` and name file and line.
    ///
    /// # Errors
    /// If the file is not UTF-8, has a NUL, a line that is none of the four, a section or key twice, or a key before the first section.
    pub fn parse(path: &Path, bytes: &[u8], kind: ErrorKind) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|fault| {
            let line = bytes[..fault.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            place(path, line, kind, "it is not UTF-8 text")
        })?;
        if let Some(at) = text.find('\0') {
            let line = text[..at].matches('\n').count() + 1;
            return Err(place(path, line, kind, "there is a NUL byte"));
        }
        let (sections, lines) = scan(path, text, kind)?;
        let mut engine = engine();
        let map = engine
            .read(text.to_owned())
            .map_err(|fault| Error::new(kind, format!("{}: {}", path.display(), quote(&fault))))?;
        let mut values = BTreeMap::new();
        for ((section, key), line) in lines {
            let value =
                map.get(&section).and_then(|keys| keys.get(&key)).cloned().flatten().unwrap_or_default();
            values.insert((section, key), (value, line));
        }
        Ok(Self { path: path.to_owned(), kind, sections, values })
    }

    /// The section of that name; empty if the file has none.
    pub fn section<'a>(&'a self, name: &str) -> Section<'a> {
        Section { file: self, name: name.to_owned(), asked: RefCell::default() }
    }

    /// The names of all sections with their lines.
    pub fn sections(&self) -> impl Iterator<Item = (&str, usize)> {
        self.sections.iter().map(|(name, line)| (name.as_str(), *line))
    }

    /// An error at a line of this file.
    pub fn error(&self, line: usize, what: impl std::fmt::Display) -> Error {
        place(&self.path, line, self.kind, what)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn engine() -> Ini {
    let mut defaults = IniDefault::default();
    defaults.case_sensitive = true;
    defaults.delimiters = vec!['='];
    defaults.comment_symbols = vec![';', '#'];
    defaults.inline_comment_symbols = Some(Vec::new());
    defaults.multiline = false;
    Ini::new_from_defaults(defaults)
}

fn place(path: &Path, line: usize, kind: ErrorKind, what: impl std::fmt::Display) -> Error {
    Error::new(kind, format!("{}:{line}: {what}", path.display()))
}

type Places = (BTreeMap<String, usize>, BTreeMap<(String, String), usize>);

fn scan(path: &Path, text: &str, kind: ErrorKind) -> Result<Places> {
    let (mut sections, mut keys) = (BTreeMap::new(), BTreeMap::new());
    let mut section: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let Some(name) = name.strip_suffix(']').map(str::trim).filter(|name| !name.is_empty()) else {
                return Err(place(path, number, kind, "a section is written [name]"));
            };
            if sections.insert(name.to_owned(), number).is_some() {
                return Err(place(path, number, kind, format!("section {} stands twice", quote(name))));
            }
            section = Some(name.to_owned());
            continue;
        }
        let Some((key, _)) = line.split_once('=') else {
            return Err(place(path, number, kind, "this is neither [section] nor key = value"));
        };
        let Some(section) = &section else {
            return Err(place(path, number, kind, "there is a key before the first [section]"));
        };
        let key = key.trim().to_owned();
        if key.is_empty() {
            return Err(place(path, number, kind, "the key is missing before \"=\""));
        }
        if keys.insert((section.clone(), key.clone()), number).is_some() {
            return Err(place(
                path,
                number,
                kind,
                format!("key {} stands twice in [{}]", quote(&key), printable(section)),
            ));
        }
    }
    Ok((sections, keys))
}

/// Typed look-ups in one section. [`Section::finish`] reports keys that nobody asked for.
pub struct Section<'a> {
    file: &'a IniFile,
    name: String,
    asked: RefCell<BTreeSet<String>>,
}

impl Section<'_> {
    /// The value of a key; `None` if the key is absent or its value empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(key.to_owned());
        let (value, _) = self.file.values.get(&(self.name.clone(), key.to_owned()))?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value of a key, made into something by `make`, which says what is wrong with it.
    ///
    /// # Errors
    /// With file, line and key, if `make` refuses the value.
    pub fn parse<T, E: std::fmt::Display>(
        &self,
        key: &str,
        make: impl FnOnce(&str) -> std::result::Result<T, E>,
    ) -> Result<Option<T>> {
        self.text(key).map(make).transpose().map_err(|fault| self.error(key, fault))
    }

    /// `yes` or `no` (also `on`/`off`, `true`/`false`, `1`/`0`).
    ///
    /// # Errors
    /// If it is none of them.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let value = self.parse(key, |text| match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" => Ok(true),
            "no" | "off" | "false" | "0" => Ok(false),
            _ => Err("it must be yes or no"),
        })?;
        Ok(value.unwrap_or(default))
    }

    /// One word of a closed list.
    ///
    /// # Errors
    /// If it is not in the list; the message names all.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
        self.parse(key, |text| {
            choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                format!("{} is not one of: {}", quote(text), words.join(", "))
            })
        })
    }

    /// A whole number of seconds in a range.
    ///
    /// # Errors
    /// If it is not a number or out of range.
    pub fn seconds(
        &self,
        key: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<std::time::Duration> {
        let value = self.parse(key, |text| match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("it must be a number of seconds from {} to {}", range.start(), range.end())),
        })?;
        Ok(std::time::Duration::from_secs(value.unwrap_or(default)))
    }

    /// A list separated by commas, each item made by `make`; empty if the key is absent.
    ///
    /// # Errors
    /// If `make` refuses an item.
    pub fn list<T, E: std::fmt::Display>(
        &self,
        key: &str,
        make: impl Fn(&str) -> std::result::Result<T, E>,
    ) -> Result<Vec<T>> {
        let items = self.parse(key, |text| {
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(make)
                .collect::<Result<Vec<T>, E>>()
        })?;
        Ok(items.unwrap_or_default())
    }

    /// All keys of the section with their values, in alphabetical order; for sections whose keys are the administrator's.
    pub fn entries(&self) -> Vec<(&str, &str)> {
        let mine = |(section, _): &(&String, &String)| **section == self.name;
        let entries: Vec<(&str, &str)> = self
            .file
            .values
            .iter()
            .map(|((section, key), (value, _))| ((section, key), value))
            .filter(|(names, _)| mine(names))
            .map(|((_, key), value)| (key.as_str(), value.as_str()))
            .collect();
        self.asked.borrow_mut().extend(entries.iter().map(|(key, _)| (*key).to_owned()));
        entries
    }

    /// An error at the line of a key, or of the section if the key is absent.
    pub fn error(&self, key: &str, what: impl std::fmt::Display) -> Error {
        // In some sections the administrator names the keys.
        let what = format!("[{}] {}: {what}", printable(&self.name), printable(key));
        let line = self
            .file
            .values
            .get(&(self.name.clone(), key.to_owned()))
            .map(|(_, line)| *line)
            .or_else(|| self.file.sections.get(&self.name).copied());
        match line {
            Some(line) => self.file.error(line, what),
            None => Error::new(self.file.kind, format!("{}: {what}", self.file.path.display())),
        }
    }

    /// Whether the file has this section.
    pub fn exists(&self) -> bool {
        self.file.sections.contains_key(&self.name)
    }

    /// Ends the reading of the section.
    ///
    /// # Errors
    /// If it has a key that was not asked for: a typing error must not pass for a setting.
    pub fn finish(self) -> Result<()> {
        let asked = self.asked.borrow();
        // From the section's first key on, so that a file of many sections is not gone through once for each.
        let mine = self.file.values.range((self.name.clone(), String::new())..).map(|(names, _)| names);
        let unknown =
            mine.take_while(|(section, _)| *section == self.name).find(|(_, key)| !asked.contains(key));
        match unknown {
            None => Ok(()),
            Some((_, key)) => {
                let known: Vec<&str> = asked.iter().map(String::as_str).collect();
                Err(self.error(key, format!("there is no such key (there are: {})", known.join(", "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &[u8]) -> Result<IniFile> {
        IniFile::parse(Path::new("t.ini"), text, ErrorKind::Config)
    }

    #[test]
    fn values_are_kept_as_they_are() {
        let file = parse(
            b"\xef\xbb\xbf; head\n[a]\nPlan = My #1 plan; gold\r\nx = a=b=c\nq = \"quoted\\n\"\nempty =\n  # note\nC:d = e : f\n[b c]\nplan=other\n",
        )
        .unwrap();
        let a = file.section("a");
        assert_eq!(a.text("Plan"), Some("My #1 plan; gold"));
        assert_eq!(a.text("x"), Some("a=b=c"));
        assert_eq!(a.text("q"), Some("\"quoted\\n\""));
        assert_eq!(a.text("empty"), None);
        assert_eq!(a.text("C:d"), Some("e : f"));
        assert_eq!(a.text("plan"), None, "names keep their case");
        assert_eq!(file.section("b c").text("plan"), Some("other"));
    }

    #[test]
    fn every_fault_has_its_line() {
        for (text, want) in [
            (&b"[a]\nx=1\nx=2\n"[..], "t.ini:3: key \"x\" stands twice in [a]"),
            (b"[a]\n[b]\n[a]\n", "t.ini:3: section \"a\" stands twice"),
            (b"x=1\n", "t.ini:1: there is a key before the first [section]"),
            (b"[a]\n\nnonsense\n", "t.ini:3: this is neither [section] nor key = value"),
            (b"[a]\n[x]=1\n", "t.ini:2: a section is written [name]"),
            (b"[\x1b]\n\x1b=1\n\x1b=2\n", "t.ini:3: key \"\\u{1b}\" stands twice in [\\u{1b}]"),
            (b"[a]\n = 1\n", "t.ini:2: the key is missing before \"=\""),
            (b"[a]\nx=\xff\n", "t.ini:2: it is not UTF-8 text"),
            (b"[a]\nx=\0\n", "t.ini:2: there is a NUL byte"),
        ] {
            assert_eq!(parse(text).err().unwrap().to_string(), want);
        }
    }

    #[test]
    fn typed_values() {
        let file = parse(b"[a]\nflag=On\nbad=maybe\nn=61\nlist= x, y ,,z\nkind=red\nodd=1\n").unwrap();
        let a = file.section("a");
        assert!(a.flag("flag", false).unwrap() && a.flag("absent", true).unwrap());
        assert_eq!(a.flag("bad", true).unwrap_err().to_string(), "t.ini:3: [a] bad: it must be yes or no");
        assert!(a.seconds("n", 5, 1..=60).is_err());
        assert_eq!(a.list("list", |item| Ok::<_, String>(item.to_owned())).unwrap(), ["x", "y", "z"]);
        let fault = a.choice("kind", &[("green", 1), ("blue", 2)]).unwrap_err().to_string();
        assert_eq!(fault, "t.ini:6: [a] kind: \"red\" is not one of: green, blue");
        let fault = a.finish().unwrap_err().to_string();
        assert!(fault.starts_with("t.ini:7: [a] odd: there is no such key"), "{fault}");
    }

    proptest! {
        #[test]
        fn never_panics_and_agrees_with_the_lines(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_accepted_is_what_the_lines_say(
            lines in proptest::collection::vec(
                ("(\\[[ -~\u{85}\u{a0}\u{2028}]{0,8}\\]|[a-z.\u{b}\u{c}\r \u{a0}é;#:]{0,6}=[ -~é\r\t\u{b}\u{c}\u{1c}\u{85}\u{a0}\u{2028}\u{feff}]{0,12}|[;#].{0,5}|)", "(\n|\r\n)"),
                0..10,
            )
        ) {
            let mut text = String::from("[first]\n");
            for (line, end) in &lines { text.push_str(line); text.push_str(end); }
            if let Ok(file) = parse(text.as_bytes()) {
                let mut section = String::new();
                for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with([';', '#'])) {
                    match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                        Some(name) => section = name.trim().to_owned(),
                        None => {
                            let (key, value) = line.split_once('=').unwrap();
                            let read = file.section(&section).text(key.trim()).unwrap_or("").to_owned();
                            prop_assert_eq!(read, value.trim(), "{} in {:?}", key, text);
                        }
                    }
                }
            }
        }

        #[test]
        fn every_accepted_value_is_what_stands_behind_the_first_equals(
            keys in proptest::collection::btree_map("[a-zA-Z_.:-]{1,8}", "[ -~]{0,30}", 0..8)
        ) {
            let mut text = String::from("[s]\n");
            for (key, value) in &keys { text.push_str(&format!("{key}={value}\n")); }
            let file = parse(text.as_bytes()).unwrap();
            let section = file.section("s");
            for (key, value) in &keys {
                prop_assert_eq!(section.text(key).unwrap_or(""), value.trim(), "{}", key);
            }
        }
    }
}
