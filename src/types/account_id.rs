//! Who an account is, beyond its name.

use std::fmt;

use super::Username;

/// The identity of an account: what differs when a name is given to somebody else.
///
/// Two accounts are the same only if panel, name, uid and mark are all equal. The mark is what the panel has of its own: a creation date
/// (cPanel `STARTDATE`, DirectAdmin `date_created`, `created` of custom hosting) or a GUID (Plesk); empty where the panel gives none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountId {
    panel: String,
    name: Username,
    uid: u32,
    mark: String,
}

impl AccountId {
    /// Puts the parts together.
    pub fn new(panel: impl Into<String>, name: Username, uid: u32, mark: impl Into<String>) -> Self {
        Self { panel: panel.into(), name, uid, mark: mark.into() }
    }

    /// The panel's name.
    pub fn panel(&self) -> &str {
        &self.panel
    }

    /// The account's system name.
    pub fn name(&self) -> &Username {
        &self.name
    }

    /// The account's uid.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The panel's own mark; empty where it has none.
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

/// One line without ambiguity, for keys and MACs: `cpanel:alice:1004:1719921330`.
impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.panel, self.name, self.uid, self.mark.escape_debug())
    }
}

impl serde::Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recreated_account_is_another_one() {
        let name = Username::new("alice").unwrap();
        let old = AccountId::new("cpanel", name.clone(), 1004, "1719921330");
        assert_ne!(old, AccountId::new("cpanel", name.clone(), 1004, "1800000000"));
        assert_ne!(old, AccountId::new("cpanel", name, 1005, "1719921330"));
        assert_eq!(old.to_string(), "cpanel:alice:1004:1719921330");
    }
}
