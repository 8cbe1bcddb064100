//! The map of a panel from domains to accounts: one line `domain: account` each (`/etc/userdomains`, `/etc/virtual/domainowners`).
//!
//! Such a map has a line for every domain of the server, and is asked at every click. It is searched for the one name in a single pass that
//! allocates nothing for the other lines; they are not taken apart, so that a fault in one of them stops nobody else.

use std::path::Path;

use memchr::{memchr, memmem};

use crate::error::Result;
use crate::types::{Domain, Username, quote_bytes};

use super::data_error;

/// The accounts that the map names for a domain, each once, in alphabetical order. `path` is for errors.
///
/// Panels write the names in lower case ASCII, as [`Domain`] has them.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if the map is empty or binary, or a line of this domain does not end in an account name.
pub(super) fn owners(path: &Path, bytes: &[u8], domain: &Domain) -> Result<Vec<Username>> {
    if bytes.trim_ascii().is_empty() {
        return Err(data_error(path.display(), "the map of domains is empty"));
    }
    if let Some(at) = memchr(0, bytes) {
        return Err(data_error(place(path, bytes, at), "there is a NUL byte"));
    }
    let name = domain.as_str().as_bytes();
    let mut owners = Vec::new();
    for at in memmem::find_iter(bytes, name).filter(|at| is_line_start(bytes, *at)) {
        let rest = &bytes[at + name.len()..];
        let rest = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else { continue };
        let owner = std::str::from_utf8(value.trim_ascii()).ok().and_then(|text| Username::new(text).ok());
        owners.push(owner.ok_or_else(|| {
            let what = format!("{domain} belongs to {}, which is not an account name", quote_bytes(value));
            data_error(place(path, bytes, at), what)
        })?);
    }
    owners.sort();
    owners.dedup();
    Ok(owners)
}

fn is_line_start(bytes: &[u8], at: usize) -> bool {
    at == 0 || bytes[at - 1] == b'\n'
}

fn place(path: &Path, bytes: &[u8], at: usize) -> String {
    let line = memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1;
    format!("{}:{line}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(map: &[u8], domain: &str) -> Result<Vec<String>> {
        let owners = owners(Path::new("map"), map, &Domain::new(domain).unwrap())?;
        Ok(owners.iter().map(|owner| owner.as_str().to_owned()).collect())
    }

    #[test]
    fn only_the_whole_name_at_the_beginning_of_a_line_counts() {
        let map = b"shop.example: alice\nmyshop.example: bob\nshop.example.org: carol\nx: shop.example\nblog.shop.example: dave\n\
            # shop.example: eve\nshop.example.: frank\n*: nobody\nlast.example:gina";
        for (domain, want) in [
            ("shop.example", vec!["alice"]),
            ("myshop.example", vec!["bob"]),
            ("blog.shop.example", vec!["dave"]),
            ("last.example", vec!["gina"]),
            ("example.org", vec![]),
            ("none.example", vec![]),
        ] {
            assert_eq!(ask(map, domain).unwrap(), want, "{domain}");
        }
    }

    #[test]
    fn a_name_with_two_owners_has_two_and_a_repeat_is_one() {
        let map = b"a.example: bob\r\na.example : alice\na.example:\tbob\n";
        assert_eq!(ask(map, "a.example").unwrap(), ["alice", "bob"]);
    }

    #[test]
    fn faults_name_the_line() {
        for (map, want) in [
            (&b""[..], "map: the map of domains is empty"),
            (b" \n\n", "map: the map of domains is empty"),
            (b"b.example: x\n\0", "map:2: there is a NUL byte"),
            (b"b.example: x\na.example:\n", "map:2: a.example belongs to \"\", which is not an account name"),
            (b"a.example: ../etc\n", "map:1: a.example belongs to \" ../etc\", which is not an account name"),
            (b"a.example: \xff\n", "map:1: a.example belongs to \" \u{fffd}\", which is not an account name"),
            (b"a.example", ""),
        ] {
            match ask(map, "a.example") {
                Err(error) => assert_eq!(error.to_string(), want),
                Ok(owners) => assert!(owners.is_empty() && want.is_empty(), "{owners:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ask(&bytes, "a.example");
        }

        #[test]
        fn agrees_with_a_reading_line_by_line(lines in proptest::collection::vec(("(a|b|x)\\.?(a|b)\\.example", "[a-c]{1,2}"), 1..30)) {
            let map: String = lines.iter().map(|(name, owner)| format!("{name}: {owner}\n")).collect();
            let mut want: Vec<String> =
                lines.iter().filter(|(name, _)| name == "a.b.example").map(|(_, owner)| owner.clone()).collect();
            want.sort();
            want.dedup();
            prop_assert_eq!(ask(map.as_bytes(), "a.b.example").unwrap(), want);
        }
    }
}
