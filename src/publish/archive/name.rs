//! Names of entries.

use crate::types::RelPath;

use super::fault::EntryFault;

/// The upper half of code page 437, in which names stand that are not UTF-8 (APPNOTE.TXT D.1).
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The path that an entry's name means, and whether it is a directory's.
///
/// A backslash separates like a slash: archives made on Windows have them. What then leads out of the archive, or is absolute there or here, is refused.
pub(super) fn path(raw: &[u8], is_utf8: bool) -> Result<(RelPath, bool), EntryFault> {
    let text = match (std::str::from_utf8(raw), is_utf8) {
        (Ok(text), _) => text.to_owned(),
        (Err(_), true) => return Err(EntryFault::Encoding),
        (Err(_), false) => from_cp437(raw),
    };
    let text = text.replace('\\', "/");
    let drive = text.as_bytes();
    let has_drive = drive.len() > 2 && drive[0].is_ascii_alphabetic() && drive[1] == b':' && drive[2] == b'/';
    if text.starts_with('/') || has_drive {
        return Err(EntryFault::Absolute);
    }
    let path = RelPath::from_wire(text.as_bytes()).map_err(EntryFault::Name)?;
    if path.as_str().is_empty() {
        return Err(EntryFault::Nameless);
    }
    if path.is_reserved() { Err(EntryFault::Reserved) } else { Ok((path, text.ends_with('/'))) }
}

fn from_cp437(raw: &[u8]) -> String {
    let upper = |byte: u8| CP437.chars().nth(usize::from(byte) - 128).unwrap_or(char::REPLACEMENT_CHARACTER);
    raw.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { upper(*byte) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_the_mark_are_utf8_or_code_page_437() {
        let name =
            |raw: &[u8], utf8| path(raw, utf8).map(|(path, is_dir)| (path.as_str().to_owned(), is_dir));
        assert_eq!(name("bücher/ß.css".as_bytes(), true), Ok(("bücher/ß.css".into(), false)));
        assert_eq!(name("bücher/".as_bytes(), false), Ok(("bücher".into(), true)));
        assert_eq!(name(b"b\x81cher/\xe1\x80\xfe", false), Ok(("bücher/ßÇ■".into(), false)));
        assert_eq!(name(b"b\x81cher", true), Err(EntryFault::Encoding));
        assert_eq!(CP437.chars().count(), 128);
    }

    #[test]
    fn backslashes_separate_and_absolute_names_are_refused() {
        assert_eq!(path(b"a\\b\\", false).unwrap().0.as_str(), "a/b");
        for bad in ["/a", "\\a", "C:\\a", "c:/a", "//a"] {
            assert_eq!(path(bad.as_bytes(), true), Err(EntryFault::Absolute), "{bad}");
        }
        for bad in ["..", "a/../b", "..\\..\\a", "a/./b", "a\0b", "a\nb"] {
            assert!(matches!(path(bad.as_bytes(), true), Err(EntryFault::Name(_))), "{bad:?}");
        }
    }
}
