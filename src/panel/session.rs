//! A live session of the panel, as proof that a process of an account acts for a person in the panel.

use crate::types::Secret;

/// What the panel gave the page about its session (DirectAdmin: `SESSION_ID` and `SESSION_KEY`). Anybody may claim anything here: only the panel's
/// own answer counts.
#[derive(Clone, Debug)]
pub struct PanelSession {
    /// `SESSION_ID`.
    pub id: Secret,
    /// `SESSION_KEY`.
    pub key: Secret,
}

impl PanelSession {
    /// Takes two values that can stand in a cookie as they are: 1 to 128 letters, digits, `_`, `-`.
    pub fn new(id: &str, key: &str) -> Option<Self> {
        let fits = |text: &str| {
            (1..=128).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        (fits(id) && fits(key))
            .then(|| Self { id: Secret::new(id.to_owned()), key: Secret::new(key.to_owned()) })
    }
}
