//! The API key in Installatron's own `settings.ini` (`reference/installatron.md` 3).
//!
//! Its shape is not documented beyond `key=` and `key2=`, so it is read with tolerance: sections or none, quotes or none. Its place is not: the file
//! must be root's, and nobody else may be able to change it.

use std::path::Path;

use ini::configparser::ini::{Ini, IniDefault};
use secrecy::zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{file, identity};
use crate::types::Secret;

/// Reads the key: `key2` where there is one, since it is there for a change of keys, else `key`.
///
/// # Errors
/// [`ErrorKind::Config`] if the file cannot be read, if others can change it, or if it has no key.
pub(super) fn key(path: &Path) -> Result<Secret> {
    let fail = |what: &str| Error::new(ErrorKind::Config, format!("{}: {what}", path.display()));
    let owners = [0, identity::uids().effective];
    let content = file::read(path, limits::CONFIG_BYTES, &owners)
        .map_err(|error| fail("Installatron's settings cannot be read").with_source(error))?;
    if content.mode & 0o022 != 0 {
        return Err(fail("others can change this file, so its key is not used: run chmod go-w on it"));
    }
    if content.mode & 0o044 != 0 {
        log::warn!("{}: others can read Installatron's API key: run chmod 600 on it", path.display());
    }
    let bytes = Zeroizing::new(content.bytes);
    let text = std::str::from_utf8(&bytes).map_err(|_| fail("it is not UTF-8 text"))?;
    find(text).ok_or_else(|| fail("it has neither key nor key2"))
}

fn find(text: &str) -> Option<Secret> {
    let mut defaults = IniDefault::default();
    defaults.delimiters = vec!['='];
    defaults.comment_symbols = vec![';', '#'];
    defaults.inline_comment_symbols = Some(Vec::new());
    defaults.multiline = false;
    let mut sections = Ini::new_from_defaults(defaults).read(text.to_owned()).ok()?;
    let mut values = |name: &str| {
        let found = sections.values_mut().find_map(|keys| keys.remove(name).flatten())?;
        let found = Zeroizing::new(found);
        let value = found.trim();
        let inner = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        Some(inner.unwrap_or(value).trim().to_owned()).filter(|value| !value.is_empty())
    };
    values("key2").or_else(|| values("key")).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_found_however_the_file_is_shaped() {
        for (text, want) in [
            ("key=abc\n", Some("abc")),
            ("; key=no\nkey = \"a;b#c\"\nadmin=root\n", Some("a;b#c")),
            ("[main]\nkey='abc'\nkey2=\n", Some("abc")),
            ("[main]\nkey=abc\n[other]\nkey2=def\n", Some("def")),
            ("key2=def\r\nkey=abc\r\n", Some("def")),
            ("keys=abc\n#key=abc\n", None),
            ("", None),
        ] {
            assert_eq!(find(text).as_ref().map(Secret::expose), want, "{text:?}");
        }
    }

    #[test]
    fn a_file_that_others_can_change_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.ini");
        assert_eq!(key(&path).unwrap_err().kind(), ErrorKind::Config);
        std::fs::write(&path, "key=abc\n").unwrap();
        for (mode, fits) in [(0o600, true), (0o644, true), (0o660, false), (0o602, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(key(&path).is_ok(), fits, "{mode:o}");
        }
    }
}
