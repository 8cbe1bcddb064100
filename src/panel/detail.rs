//! Details of an account that a panel's customers and administrators type in freely, checked before anybody relies on them.
//!
//! They inform, nothing is decided by them: where a panel's data hold one that is no good, the account is read without it and the log says so.

use crate::config::Feature;
use crate::error::Error;
use crate::types::{Username, quote};

use super::keyvalue::KeyValue;

/// Checks an e-mail address roughly (RFC 5321 4.5.3.1 for the length): one `@` with something on both sides, nothing that ends a header or a list.
pub(super) fn email(text: &str) -> Result<String, &'static str> {
    let forbidden =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, ',' | ';' | ':' | '<' | '>' | '"');
    let parts: Vec<&str> = text.split('@').collect();
    if text.len() > 254 {
        Err("an e-mail address has at most 254 bytes")
    } else if text.contains(forbidden) {
        Err("it is not one plain e-mail address")
    } else if parts.len() != 2 || parts.iter().any(|part| part.is_empty()) {
        Err("an e-mail address has one \"@\" with something on both sides")
    } else {
        Ok(text.to_owned())
    }
}

/// Checks a locale in any of the spellings that panels have: `en`, `pt_br`, `de-DE`, `en_US.UTF-8`, `i_default`.
pub(super) fn locale(text: &str) -> Result<String, &'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@');
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins && text.len() <= 35 && text.bytes().all(known) {
        Ok(text.to_owned())
    } else {
        Err("it is not a locale such as en, pt_br or de-DE")
    }
}

/// The detail `key` of an account, if its check passes; otherwise `None` and a line in the log.
pub(super) fn usable<T>(
    account: &Username,
    key: &str,
    text: Option<&str>,
    check: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Option<T> {
    let text = text?;
    check(text)
        .map_err(|fault| log::warn!("account {account}: {key} {} is left out: {fault}", quote(text)))
        .ok()
}

/// How many sites of an account may have the builder: the field of the feature's name and `_sites`. A number, or `unlimited`; an administrator types it,
/// so that anything else is left out.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if it stands twice with different values.
pub(super) fn site_limit(
    account: &Username,
    file: &KeyValue<'_>,
    feature: &Feature,
) -> Result<Option<u32>, Error> {
    let key = format!("{}_sites", feature.as_str());
    Ok(usable(account, &key, file.one(&key)?, limit).flatten())
}

fn limit(text: &str) -> Result<Option<u32>, &'static str> {
    match text.trim() {
        "" | "unlimited" => Ok(None),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            number.parse().map(Some).map_err(|_| "it is larger than any number of sites")
        }
        _ => Err("it is neither a number nor \"unlimited\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        for good in ["alice@mail.example", "a+b.c@x", "älice@bücher.example"] {
            assert_eq!(email(good).unwrap(), good);
        }
        let long = format!("a@{}", "x".repeat(254));
        for bad in [
            "",
            "@",
            "alice",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b\n",
            "a@b\r\nBcc: c@d",
            "a@b,c",
            "<a@b>",
            &long,
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limits_of_sites() {
        for (text, want) in [
            ("3", Ok(Some(3))),
            ("0", Ok(Some(0))),
            (" 2 ", Ok(Some(2))),
            ("unlimited", Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(limit(text), want, "{text:?}");
        }
        for bad in ["-1", "many", "1e3", "99999999999", "\u{0663}"] {
            assert!(limit(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn locales() {
        for good in ["en", "pt_br", "de-DE", "es_419", "en_US.UTF-8", "i_cpanel_snowmen"] {
            assert_eq!(locale(good).unwrap(), good);
        }
        for bad in ["", "_en", "../en", "en\n", "e n", "1", "é", &"e".repeat(36)] {
            assert!(locale(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_stays_on_one_line(text in any::<String>()) {
            for checked in [email(&text), locale(&text)].into_iter().flatten() {
                prop_assert!(!checked.chars().any(|c| c.is_control() || c.is_whitespace()));
            }
        }
    }
}
