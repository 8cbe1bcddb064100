//! Values that cannot be wrong at the border: what has one of these types has passed its check.

mod account_id;
mod backup_location;
mod domain;
mod host_pattern;
mod network;
mod reference;
mod rel_path;
mod secret;
mod site_key;
mod username;
mod web_url;

pub use account_id::AccountId;
pub use backup_location::{BackupLocation, Protocol, Resource};
pub use domain::Domain;
pub use host_pattern::HostPattern;
pub use network::{Network, NotANetwork};
pub use reference::Reference;
pub use rel_path::{PathFault, RelPath};
pub use secret::Secret;
pub use site_key::SiteKey;
pub use username::Username;
pub use web_url::{UrlFault, WebUrl};

/// Shortens and cleans text from outside for a log line or an error message: control characters are escaped, and what is longer than
/// [`crate::limits::QUOTED_BYTES`] is cut at a character.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().min(crate::limits::QUOTED_BYTES) + 2);
    quoted.push('"');
    for character in text.chars() {
        if quoted.len() >= crate::limits::QUOTED_BYTES {
            quoted.push('…');
            break;
        }
        if is_unprintable(character) || character == '"' || character == '\\' {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('"');
    quoted
}

/// Like [`quote`], for bytes that may not be UTF-8.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let end = bytes.len().min(crate::limits::QUOTED_BYTES + 1);
    quote(&String::from_utf8_lossy(&bytes[..end]))
}

/// Escapes every character that must not reach a log line or a terminal.
pub fn printable(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unprintable(character) {
            cleaned.extend(character.escape_default());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}

/// Bytes as hexadecimal digits, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a character must not reach a log line or a terminal as it is: control characters, and those that reorder the text around them.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quote_escapes_what_could_forge_a_line() {
        assert_eq!(quote("a\nb\u{202e}c\"d"), r#""a\nb\u{202e}c\"d""#);
        let long = quote(&"é".repeat(1000));
        assert!(long.len() < crate::limits::QUOTED_BYTES + 10);
        assert!(long.ends_with("…\""));
        assert_eq!(quote_bytes(b"\xff\x00"), "\"\u{fffd}\\u{0}\"");
    }
}
