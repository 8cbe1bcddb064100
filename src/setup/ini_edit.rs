//! Setting one key of an INI file, with every other line left as it is.
//!
//! The file is the administrator's: comments, order, blank lines, line ends and keys that nobody here knows stay. What a line means is what
//! [`crate::config::ini`] reads in it.

/// The lines of a text, each with its line end, which the last one may lack.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// The name of the section that a line begins.
fn section_of(line: &str) -> Option<&str> {
    // A mark of byte order before the first line is no part of it.
    line.trim_start_matches('\u{feff}').trim().strip_prefix('[')?.strip_suffix(']').map(str::trim)
}

/// The key that a line sets; `None` for comments, sections and blank lines.
fn key_of(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with([';', '#', '[']) {
        return None;
    }
    line.split_once('=').map(|(key, _)| key.trim())
}

/// Whether a line is the commented example of a key: `;key = value`.
fn is_example(line: &str, key: &str) -> bool {
    line.trim().strip_prefix([';', '#']).and_then(key_of).is_some_and(|name| name == key)
}

/// The line end that a file has: that of its first line.
fn line_end(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((line, _)) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The value of a key; `None` if the key is not there or its value is empty.
pub(super) fn get<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut inside = false;
    for line in lines(text) {
        match section_of(line) {
            Some(name) => inside = name == section,
            None if inside && key_of(line) == Some(key) => {
                return line.split_once('=').map(|(_, value)| value.trim()).filter(|value| !value.is_empty());
            }
            None => {}
        }
    }
    None
}

/// The text with the key set to a value. A key that is there gets the value in its own line; a new one stands behind its commented example, else at the
/// end of its section; a new section at the end of the file. The value has no line end, and no blanks around it.
pub(super) fn set(text: &str, section: &str, key: &str, value: &str) -> String {
    if get(text, section, key) == Some(value) {
        return text.to_owned();
    }
    let (lines, end) = (lines(text), line_end(text));
    let setting = format!("{key} = {value}{end}");
    let Some(start) = lines.iter().position(|line| section_of(line) == Some(section)) else {
        return append(text, &format!("[{section}]{end}{setting}"), end);
    };
    let stop = (start + 1..lines.len()).find(|at| section_of(lines[*at]).is_some()).unwrap_or(lines.len());
    let body = start + 1..stop;
    if let Some(at) = body.clone().find(|at| key_of(lines[*at]) == Some(key)) {
        return join(&lines, at..at + 1, &with_value(lines[at], value));
    }
    let behind = body.clone().find(|at| is_example(lines[*at], key)).or_else(|| {
        // The comments at the end of a section often belong to the next one.
        body.rev().find(|at| key_of(lines[*at]).is_some())
    });
    let at = behind.unwrap_or(start) + 1;
    let before_has_end = lines[at - 1].ends_with('\n');
    let inserted = if before_has_end { setting } else { format!("{end}{}", setting.trim_end()) };
    join(&lines, at..at, &inserted)
}

/// The lines with some of them replaced.
fn join(lines: &[&str], replaced: std::ops::Range<usize>, by: &str) -> String {
    let (before, after) = (&lines[..replaced.start], &lines[replaced.end..]);
    [before.concat(), by.to_owned(), after.concat()].concat()
}

/// A line with another value: what stands before the value, and the line end, stay.
fn with_value(line: &str, value: &str) -> String {
    let content = line.trim_end_matches(['\n', '\r']);
    let (head, old) = content.split_once('=').unwrap_or((content, ""));
    let gap: String = old.chars().take_while(|character| matches!(character, ' ' | '\t')).collect();
    let gap = if old.trim().is_empty() { " " } else { gap.as_str() };
    format!("{head}={gap}{value}{}", &line[content.len()..])
}

fn append(text: &str, part: &str, end: &str) -> String {
    let gap = match text {
        "" | "\u{feff}" => "",
        _ if !text.ends_with('\n') => &format!("{end}{end}"),
        _ if text.ends_with("\n\n") || text.ends_with("\n\r\n") => "",
        _ => end,
    };
    format!("{text}{gap}{part}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ini::IniFile;
    use crate::error::ErrorKind;
    use proptest::prelude::*;
    use std::path::Path;

    fn read(text: &str) -> Option<IniFile> {
        IniFile::parse(Path::new("t.ini"), text.as_bytes(), ErrorKind::Config).ok()
    }

    #[test]
    fn a_key_is_changed_where_it_stands_or_stands_where_people_look() {
        let text = "; mine\n[a]\nx=1\n\n; about b\n[b]\r\n;y = 2\n;z = 3\n\n[c]";
        assert_eq!(set(text, "a", "x", "9"), text.replace("x=1", "x=9"));
        assert_eq!(set(text, "a", "new", "9"), text.replace("x=1\n", "x=1\nnew = 9\n"));
        assert_eq!(set(text, "b", "y", "9"), text.replace(";y = 2\n", ";y = 2\ny = 9\n"));
        assert_eq!(set(text, "c", "k", "9"), format!("{text}\nk = 9"));
        assert_eq!(set(text, "d", "k", "a=b;c"), format!("{text}\n\n[d]\nk = a=b;c\n"));
        assert_eq!(set("", "d", "k", "v"), "[d]\nk = v\n");
        assert_eq!(set("[d]\r\nk = v\r\n", "d", "l", "w"), "[d]\r\nk = v\r\nl = w\r\n");
        assert_eq!(set("[d]\n\tk\t=  \n", "d", "k", "w"), "[d]\n\tk\t= w\n");
        assert_eq!(set("\u{feff}[d]\nk=v\n", "d", "k", "w"), "\u{feff}[d]\nk=w\n");
        assert_eq!(set(text, "a", "x", "1"), text, "what is so already is not touched");
    }

    /// Files as people write them, and as they do not.
    fn file() -> impl Strategy<Value = String> {
        let line = "(\\[(builder|broker|a b|)\\]|[ \t]{0,2}(username|password|web_users|x|ü)[ \t]{0,2}=[ -~é]{0,12}|[;#] ?(username|web_users) = [a-z]{0,4}|[;#][ -~]{0,9}|[ \t]{0,3}|[ -~]{0,9})";
        proptest::collection::vec((line, "(\n|\r\n)"), 0..14).prop_flat_map(|lines| {
            let text: String = lines.iter().map(|(line, end)| format!("{line}{end}")).collect();
            prop_oneof![Just(text.clone()), Just(text.trim_end_matches(['\n', '\r']).to_owned())]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn every_line_is_kept_and_the_key_has_the_value(
            text in file(),
            section in "(builder|broker|other)",
            key in "(username|web_users|new)",
            value in "[!-~]([ -~]{0,10}[!-~])?",
        ) {
            let edited = set(&text, &section, &key, &value);
            let (old, new): (Vec<&str>, Vec<&str>) = (text.lines().collect(), edited.lines().collect());
            prop_assert!(new.len() >= old.len() && new.len() <= old.len() + 3, "{:?} {:?}", text, edited);
            // One line was changed, or lines were added at one place; all others are what they were, in their order.
            let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
            let rest = old[same..].iter().rev().zip(new[same..].iter().rev()).take_while(|(old, new)| old == new);
            let changed = old.len() - same - rest.count();
            prop_assert!(changed == 0 || (changed == 1 && new.len() == old.len()), "{:?} {:?}", text, edited);
            if changed == 1 {
                prop_assert_eq!(key_of(old[same]), Some(key.as_str()));
            }
            prop_assert_eq!(get(&edited, &section, &key), Some(value.as_str()));
            prop_assert_eq!(set(&edited, &section, &key, &value), edited.clone(), "twice is once");
            // What could be read before says the same after, but for this key.
            if let Some(before) = read(&text) {
                let after = read(&edited).expect("it can still be read");
                for (name, _) in before.sections() {
                    let (before, after) = (before.section(name), after.section(name));
                    let other = |entry: &&(&str, &str)| name != section || entry.0 != key;
                    let (before, after) = (before.entries(), after.entries());
                    prop_assert_eq!(before.iter().filter(other).collect::<Vec<_>>(), after.iter().filter(other).collect::<Vec<_>>());
                }
                let after = after.section(&section);
                prop_assert_eq!(after.text(&key), Some(value.as_str()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", more in "[\\[\\]=;#\r\n \u{feff}a]{0,40}") {
            let text = text + &more;
            let edited = set(&text, "a", "b", "c");
            prop_assert_eq!(get(&edited, "a", "b"), Some("c"));
        }
    }
}
