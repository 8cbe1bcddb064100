//! What is wanted, in values that have passed their checks.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::types::{Domain, Username, is_unprintable};

/// A backup that somebody wants. It is kept in the store as JSON: no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRequest {
    /// What it is of.
    pub subject: Subject,
    /// What it holds.
    pub scope: Scope,
    /// Where it goes.
    pub destination: Destination,
    /// What the names of its files begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// Largest size of one of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_size: Option<SplitSize>,
}

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "lowercase", deny_unknown_fields)]
pub enum Subject {
    /// One site of an account.
    Site {
        /// The account.
        account: Username,
        /// The site.
        site: Domain,
    },
    /// An account (Plesk: a subscription) with all its sites.
    Account {
        /// The account.
        account: Username,
    },
    /// A customer with all that is theirs, where the panel has customers.
    Customer {
        /// The login name.
        login: Username,
    },
    /// A reseller with all that is theirs.
    Reseller {
        /// The login name.
        login: Username,
    },
    /// The whole server.
    Server,
}

/// A [`Subject`] without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// One site.
    Site,
    /// An account.
    Account,
    /// A customer.
    Customer,
    /// A reseller.
    Reseller,
    /// The server.
    Server,
}

impl Subject {
    /// Which kind it is.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Site { .. } => SubjectKind::Site,
            Self::Account { .. } => SubjectKind::Account,
            Self::Customer { .. } => SubjectKind::Customer,
            Self::Reseller { .. } => SubjectKind::Reseller,
            Self::Server => SubjectKind::Server,
        }
    }

    /// The account, if there is one.
    pub fn account(&self) -> Option<&Username> {
        match self {
            Self::Site { account, .. } | Self::Account { account } => Some(account),
            Self::Customer { .. } | Self::Reseller { .. } | Self::Server => None,
        }
    }

    /// The site, if it is one.
    pub fn site(&self) -> Option<&Domain> {
        match self {
            Self::Site { site, .. } => Some(site),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site { site, .. } => write!(f, "site {site}"),
            Self::Account { account } => write!(f, "account {account}"),
            Self::Customer { login } => write!(f, "customer {login}"),
            Self::Reseller { login } => write!(f, "reseller {login}"),
            Self::Server => f.write_str("the server"),
        }
    }
}

impl SubjectKind {
    /// The word in output and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Account => "account",
            Self::Customer => "customer",
            Self::Reseller => "reseller",
            Self::Server => "server",
        }
    }
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everything that the panel has.
    All,
    /// Websites with their databases.
    Hosting,
    /// Mail.
    Mail,
    /// Settings without content.
    Configuration,
    /// The builder's editable project of a site.
    Project,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [Self::All, Self::Hosting, Self::Mail, Self::Configuration, Self::Project];

    /// The word in output and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Hosting => "hosting",
            Self::Mail => "mail",
            Self::Configuration => "configuration",
            Self::Project => "project",
        }
    }

    /// What it is, in a sentence: "the ... of site shop.example".
    pub const fn held(self) -> &'static str {
        match self {
            Self::All => "whole content",
            Self::Hosting => "websites",
            Self::Mail => "mail",
            Self::Configuration => "configuration",
            Self::Project => "project",
        }
    }
}

/// Where a backup goes. Paths, addresses and logins of these places come from the configuration only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// Where the panel keeps its backups.
    Panel,
    /// `[backup] directory` of this server.
    Directory,
    /// `[backup] builder_directory` of the builder's server.
    Builder,
    /// A place that the configuration names.
    Named(DestinationName),
}

/// A [`Destination`] without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationKind {
    /// The panel's own place.
    Panel,
    /// A directory of this server.
    Directory,
    /// A directory of the builder's server.
    Builder,
    /// A place that the configuration names.
    Named,
}

impl Destination {
    /// Which kind it is.
    pub fn kind(&self) -> DestinationKind {
        match self {
            Self::Panel => DestinationKind::Panel,
            Self::Directory => DestinationKind::Directory,
            Self::Builder => DestinationKind::Builder,
            Self::Named(_) => DestinationKind::Named,
        }
    }
}

impl DestinationKind {
    /// The word in output and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Panel => "panel",
            Self::Directory => "directory",
            Self::Builder => "builder",
            Self::Named => "a named destination",
        }
    }
}

macro_rules! checked_text {
    ($( $(#[doc = $doc:literal])+ $name:ident: $fits:expr, $what:literal; )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// What it must be.
            pub fn new(text: impl Into<String>) -> std::result::Result<Self, &'static str> {
                let text = text.into();
                let fits: fn(&str) -> bool = $fits;
                if fits(&text) { Ok(Self(text)) } else { Err($what) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

checked_text! {
    /// The beginning of a backup's file names.
    Prefix: |text| is_name(text, 32), "it must be 1 to 32 letters, digits, \"_\" or \"-\", the first one a letter or digit";
    /// The name of a destination in the configuration.
    DestinationName: |text| is_name(text, 32), "it must be 1 to 32 letters, digits, \"_\" or \"-\", the first one a letter or digit";
    /// What is said about a backup; no control characters.
    Description: |text| text.len() <= limits::BACKUP_DESCRIPTION_BYTES && !text.contains(is_unprintable), "it must be one line of at most 500 bytes";
    /// The number under which a provider runs a backup. It comes from the provider.
    TaskId: |text| is_id(text, 4096), "it must be 1 to 4096 printable characters without spaces";
    /// The name of a backup at its provider. It comes from the provider, or from whoever has seen its list.
    EntryId: |text| is_id(text, 256), "it must be 1 to 256 printable characters without spaces";
}

/// What no program and no file system takes for something else than a name.
fn is_name(text: &str, longest: usize) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=longest).contains(&text.len())
        && text.bytes().all(letters)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

fn is_id(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && !text.starts_with('-')
        && !text.contains(|character: char| is_unprintable(character) || character.is_whitespace())
}

/// The largest size of one file of a backup, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SplitSize(NonZeroU64);

impl SplitSize {
    /// Takes a whole number of MiB, so that every provider's unit can say it.
    ///
    /// # Errors
    /// If it is less than 1 MiB or not a multiple of it.
    pub fn new(bytes: u64) -> std::result::Result<Self, &'static str> {
        match NonZeroU64::new(bytes) {
            Some(size) if bytes.is_multiple_of(1 << 20) => Ok(Self(size)),
            _ => Err("it must be a whole number of MiB, at least one"),
        }
    }

    /// Bytes.
    pub fn bytes(self) -> u64 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_store_and_checks_hold_on_the_way_back() {
        let request = BackupRequest {
            subject: Subject::Site {
                account: Username::new("alice").unwrap(),
                site: Domain::new("shop.example").unwrap(),
            },
            scope: Scope::Project,
            destination: Destination::Named(DestinationName::new("offsite").unwrap()),
            prefix: Some(Prefix::new("before-42").unwrap()),
            description: Some(Description::new("before publish 42").unwrap()),
            split_size: Some(SplitSize::new(5 << 20).unwrap()),
        };
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<BackupRequest>(&text).unwrap(), request);
        for (good, bad) in
            [("before-42", "-x"), ("shop.example", "shop example"), ("\"of\":\"site\"", "\"of\":\"s\"")]
        {
            let spoilt = text.replace(good, bad);
            assert!(serde_json::from_str::<BackupRequest>(&spoilt).is_err(), "{spoilt}");
        }
    }

    #[test]
    fn texts_and_sizes_are_checked() {
        assert!(Prefix::new("a_B-9").is_ok() && Prefix::new("").is_err() && Prefix::new("a/b").is_err());
        assert!(Prefix::new("-rf").is_err() && Prefix::new("x".repeat(33)).is_err());
        assert!(Description::new("").is_ok() && Description::new("a\nb").is_err());
        assert!(TaskId::new("17").is_ok() && TaskId::new("a b").is_err() && TaskId::new("-1").is_err());
        for bad in [0, 1, (1 << 20) + 1] {
            assert!(SplitSize::new(bad).is_err(), "{bad}");
        }
        assert_eq!(SplitSize::new(3 << 20).unwrap().bytes(), 3 << 20);
    }
}
