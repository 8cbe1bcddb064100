//! The number that ties a page to a log line.

use std::fmt;

/// A reference number: eight characters in two groups (`7K3M-9QXT`), shown to the user and written to the log.
///
/// It is random, says nothing and opens nothing. The alphabet has no letters that look alike (Crockford's base 32).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference([u8; 8]);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// Makes a new number from 40 random bits.
    pub fn random() -> Self {
        Self(crate::sys::random::bytes::<8>().map(|byte| ALPHABET[usize::from(byte % 32)]))
    }
}

impl std::str::FromStr for Reference {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, second) = text.split_once('-').ok_or(())?;
        let characters: [u8; 8] =
            [first.as_bytes(), second.as_bytes()].concat().try_into().map_err(|_| ())?;
        let fits = first.len() == 4 && characters.iter().all(|byte| ALPHABET.contains(byte));
        if fits { Ok(Self(characters)) } else { Err(()) }
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
        assert_eq!(a.parse::<Reference>().unwrap().to_string(), a);
        for bad in ["", "-", "7K3M9QXT", "7K3M-9QX", "7k3m-9qxt", "7K3-M9QXT", "7K3M-9QXI", "\n\n\n\n-9QXT"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
    }
}
