//! The number that ties a page to a log line.

use std::fmt;

/// A reference number: eight characters in two groups (`7K3M-9QXT`), shown to the user and written to the log.
///
/// It is random, says nothing and opens nothing. The alphabet has no letters that look alike (Crockford's base 32).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference([u8; 8]);

impl Reference {
    /// Makes a new number from 40 random bits.
    pub fn random() -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        Self(crate::sys::random::bytes::<8>().map(|byte| ALPHABET[usize::from(byte % 32)]))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index == 4 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_and_variety() {
        let a = Reference::random().to_string();
        assert_eq!((a.len(), a.as_bytes()[4]), (9, b'-'));
        assert_ne!(a, Reference::random().to_string());
    }
}
