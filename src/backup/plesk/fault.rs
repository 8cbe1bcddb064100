//! What Plesk says when it refuses: a number that means the same everywhere, and a text in the panel's language
//! (`reference/plesk.md` 1.5).

use crate::error::{Error, ErrorKind};
use crate::types::quote;

/// Where in an answer the refusal stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// In `system`: nothing of the packet was done.
    System,
    /// In the result of the operation.
    Operation,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The credentials are not accepted.
    Auth,
    /// The caller may not do this.
    Forbidden,
    /// There is already such an object.
    Conflict,
    /// Not at the moment.
    Unavailable,
    /// Not with this version, or not with what is installed.
    Unsupported,
    /// There is no such object.
    NotFound,
    /// The packet is not as the server wants it.
    Packet,
    /// A value is not right.
    Invalid,
    /// A limit is reached.
    Quota,
    /// It was tried and failed; also every number that is not known here.
    Failed,
}

impl Meaning {
    fn of(code: u32) -> Self {
        match code {
            1001 | 1029 | 11003 => Self::Auth,
            1006 | 1010 | 1011 | 1012 => Self::Forbidden,
            1002 | 1007 => Self::Conflict,
            1003 | 1004 | 1008 | 1030 => Self::Unavailable,
            1005 | 1017 | 1026 | 1031 | 1050 => Self::Unsupported,
            1013 | 1015 => Self::NotFound,
            1014 => Self::Packet,
            1018 | 1019 | 1025 | 1027 | 1032 | 1033 => Self::Invalid,
            1024 => Self::Quota,
            _ => Self::Failed,
        }
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Auth | Self::Forbidden => ErrorKind::BackupAuth,
            Self::Conflict | Self::Invalid | Self::Quota => ErrorKind::BackupRefused,
            Self::Unavailable => ErrorKind::BackupUnreachable,
            Self::Unsupported => ErrorKind::BackupUnsupported,
            Self::NotFound => ErrorKind::BackupNotFound,
            Self::Packet => ErrorKind::BackupProtocol,
            Self::Failed => ErrorKind::BackupFailed,
        }
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it stood.
    pub level: Level,
    /// Its number, if the answer has one.
    pub code: Option<u32>,
    /// Its text, for people.
    pub text: String,
}

impl Fault {
    /// What it means.
    pub fn meaning(&self) -> Meaning {
        self.code.map_or(Meaning::Failed, Meaning::of)
    }

    /// Whether it says that this server does not know the operation, so that another way may work: an unknown protocol, an operation that is not in it,
    /// or a packet that does not fit the schema.
    pub fn is_unknown_operation(&self) -> bool {
        matches!(self.code, Some(1005 | 1014 | 1017))
    }

    /// As an error that says what to do.
    pub(super) fn into_error(self) -> Error {
        let advice = match self.meaning() {
            Meaning::Auth => {
                "; check key, or login and password, in [backup.plesk]; a key counts from one address only"
            }
            Meaning::Forbidden => "; the caller needs the permission to use the XML API and to make backups",
            Meaning::Unavailable => "; try again later",
            Meaning::Packet => "; this server's schema is another one than the one that is documented",
            _ => "",
        };
        let code = self.code.map_or_else(|| "no number".to_owned(), |code| format!("error {code}"));
        Error::new(self.meaning().kind(), format!("Plesk refuses ({code}): {}{advice}", quote(&self.text)))
    }
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// Plesk answered, and refuses.
    Said(Fault),
    /// There is no answer, or none that can be read.
    Error(Error),
}

impl Failure {
    /// An answer that is not as documented.
    pub(super) fn protocol(what: impl std::fmt::Display) -> Self {
        let text = format!("Plesk answered with {what}");
        Self::Error(Error::new(ErrorKind::BackupProtocol, text))
    }

    /// As an error.
    // Not `From`: a second conversion into `Error` would make every `?` of the crate ambiguous.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Said(fault) => fault.into_error(),
            Self::Error(error) => error,
        }
    }

    /// Takes a secret out of the refusal's text.
    pub(super) fn without(self, secrets: &[&str]) -> Self {
        match self {
            Self::Said(fault)
                if secrets.iter().any(|secret| !secret.is_empty() && fault.text.contains(secret)) =>
            {
                Self::Said(Fault { text: "a message that repeats a secret and is not shown".into(), ..fault })
            }
            failure => failure,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_the_table_says() {
        for (codes, kind) in [
            (&[1001, 1006, 1010, 1011, 1012, 1029, 11003][..], ErrorKind::BackupAuth),
            (&[1002, 1007, 1018, 1019, 1024, 1025, 1027, 1032, 1033], ErrorKind::BackupRefused),
            (&[1003, 1004, 1008, 1030], ErrorKind::BackupUnreachable),
            (&[1005, 1017, 1026, 1031, 1050], ErrorKind::BackupUnsupported),
            (&[1013, 1015], ErrorKind::BackupNotFound),
            (&[1014], ErrorKind::BackupProtocol),
            (&[1023, 14008, 14009, 1, 4_294_967_295], ErrorKind::BackupFailed),
        ] {
            for code in codes {
                let fault = Fault { level: Level::Operation, code: Some(*code), text: "nein\n".into() };
                assert_eq!(fault.is_unknown_operation(), [1005, 1014, 1017].contains(code));
                let error = fault.into_error();
                assert_eq!(error.kind(), kind, "{code}");
                assert!(
                    error.to_string().starts_with(&format!("Plesk refuses (error {code}): \"nein\\n\"")),
                    "{error}"
                );
            }
        }
    }
}
