//! The block of a builder's `.htaccess` that belongs to the customer.

use memchr::memmem;

/// The words in the comment that begins the block. Another comment with `END` in front of them, or behind, ends it.
const WORDS: &[u8] = b"PERSISTENT CONTENT";

/// Puts what the customer wrote between the markers of `old` between those of `new`.
///
/// `None`: nothing is to be carried over, since one of the two has no block, or they are equal.
pub(crate) fn merge(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let (kept, place) = (block(old)?, block(new)?);
    if old[kept.clone()] == new[place.clone()] {
        return None;
    }
    Some([&new[..place.start], &old[kept], &new[place.end..]].concat())
}

/// What lies between the line that begins the block and the one that ends it.
fn block(text: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut start = None;
    let mut offset = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let end = offset + line.len();
        let comment = line.trim_ascii_start().first() == Some(&b'#');
        if comment && memmem::find(line, WORDS).is_some() {
            let closes = memmem::find(line, b"END").is_some();
            match (start, closes) {
                (None, false) => start = Some(end),
                (Some(start), true) => return Some(start..offset),
                _ => return None,
            }
        }
        offset = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str =
        "# Powered by Website Builder\n# PERSISTENT CONTENT\n# END PERSISTENT CONTENT\nRewriteEngine On\n";

    #[test]
    fn what_the_customer_wrote_moves_over() {
        let old = "x\n  ### PERSISTENT CONTENT START ###\nDeny from all\n# note\n### PERSISTENT CONTENT END ###\ny\n";
        let merged = merge(old.as_bytes(), NEW.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(merged).unwrap(),
            "# Powered by Website Builder\n# PERSISTENT CONTENT\nDeny from all\n# note\n# END PERSISTENT CONTENT\nRewriteEngine On\n"
        );
    }

    #[test]
    fn without_two_whole_blocks_nothing_is_carried() {
        for old in [
            "",
            "Deny from all\n",
            "# PERSISTENT CONTENT\nDeny from all\n",
            "# END PERSISTENT CONTENT\n# PERSISTENT CONTENT\n",
            "PERSISTENT CONTENT\nx\nEND PERSISTENT CONTENT\n",
            NEW,
        ] {
            assert_eq!(merge(old.as_bytes(), NEW.as_bytes()), None, "{old}");
            assert_eq!(merge(old.as_bytes(), b"RewriteEngine On\n"), None, "{old}");
        }
    }
}
