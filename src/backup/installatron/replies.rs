//! What Installatron answers: an envelope that says whether it went well, and data (`reference/installatron.md` 5).

use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::types::quote;

use super::loose::{self, Data};

/// Why a call failed. The set is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// No failure: a dry run went well.
    CompleteDryrun,
    /// The archive is not one of Installatron's.
    FailedBackupFormat,
    /// The place for backups is wrong or does not exist.
    InvalidArgumentBkloc,
    /// There are no backups at that place.
    InvalidArgumentBklocEmpty,
    /// The backup's owner is wrong.
    InvalidBackupOwner,
    /// The address is wrong.
    InvalidArgumentUri,
    /// The version is wrong.
    InvalidArgumentVersion,
    /// No user was named.
    EmptyArgumentUser,
    /// The API key is wrong.
    InvalidApiKey,
    /// Not for this user.
    InvalidArgumentUser,
    /// Not this id.
    InvalidArgumentId,
    /// There is no such backup.
    BackupNotFound,
    /// There is no such application.
    InstallNotFound,
    /// There is no such plug-in.
    PluginNotFound,
    /// There is no such kind of application.
    ApplicationNotFound,
    /// There is no such user.
    UserNotFound,
    /// The archive could not be fetched.
    FailedBackupDownload,
    /// Whose the backup is cannot be made out.
    FailedBackupOwner,
    /// One that is not known here.
    Other(String),
}

impl ErrorCode {
    const KNOWN: [(&'static str, Self); 18] = [
        ("complete_dryrun", Self::CompleteDryrun),
        ("failed_backup_format", Self::FailedBackupFormat),
        ("invalid_argument_bkloc", Self::InvalidArgumentBkloc),
        ("invalid_argument_bkloc_empty", Self::InvalidArgumentBklocEmpty),
        ("invalid_backup_owner", Self::InvalidBackupOwner),
        ("invalid_argument_uri", Self::InvalidArgumentUri),
        ("invalid_argument_version", Self::InvalidArgumentVersion),
        ("empty_argument_user", Self::EmptyArgumentUser),
        ("invalid_api_key", Self::InvalidApiKey),
        ("invalid_argument_user", Self::InvalidArgumentUser),
        ("invalid_argument_id", Self::InvalidArgumentId),
        ("backup_not_found", Self::BackupNotFound),
        ("install_not_found", Self::InstallNotFound),
        ("plugin_not_found", Self::PluginNotFound),
        ("application_not_found", Self::ApplicationNotFound),
        ("user_not_found", Self::UserNotFound),
        ("failed_backup_download", Self::FailedBackupDownload),
        ("failed_backup_owner", Self::FailedBackupOwner),
    ];

    fn parse(text: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|(name, _)| *name == text);
        known.map_or_else(|| Self::Other(text.to_owned()), |(_, code)| code)
    }

    /// What it means to us; `status` is the HTTP status, for codes that are not known.
    fn kind(&self, status: u16) -> ErrorKind {
        match self {
            Self::InvalidApiKey | Self::InvalidArgumentUser | Self::InvalidArgumentId => {
                ErrorKind::BackupAuth
            }
            Self::BackupNotFound
            | Self::InstallNotFound
            | Self::PluginNotFound
            | Self::ApplicationNotFound
            | Self::UserNotFound => ErrorKind::BackupNotFound,
            // On its side, and perhaps not next time.
            Self::FailedBackupDownload | Self::FailedBackupOwner => ErrorKind::BackupProvider,
            Self::Other(_) => kind_of_status(status),
            _ => ErrorKind::BackupRefused,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(&quote(text)),
            known => {
                f.write_str(Self::KNOWN.iter().find(|(_, code)| code == known).map_or("", |(name, _)| name))
            }
        }
    }
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::BackupAuth,
        404 => ErrorKind::BackupNotFound,
        429 | 500..=599 => ErrorKind::BackupProvider,
        _ => ErrorKind::BackupRefused,
    }
}

/// A page of a list.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) has_more: bool,
}

/// Why there is no data: Installatron's own word, if it has given one, with the error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Option<ErrorCode>,
    pub(super) error: Error,
}

#[derive(Deserialize)]
#[serde(default, bound = "T: DeserializeOwned")]
struct Envelope<T> {
    #[serde(deserialize_with = "loose::flag")]
    result: Option<bool>,
    #[serde(deserialize_with = "loose::text")]
    errcode: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    errfield: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    message: Option<String>,
    #[serde(deserialize_with = "loose::flag")]
    has_more: Option<bool>,
    data: Data<T>,
}

impl<T> Default for Envelope<T> {
    fn default() -> Self {
        Self { result: None, errcode: None, errfield: None, message: None, has_more: None, data: Data::None }
    }
}

/// What a call asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Work,
    DryRun,
}

/// Reads an answer. `status` is the HTTP status; a command line has none and counts as 200. `secrets` are what no error may repeat.
///
/// # Errors
/// [`ErrorKind`] 7xx, with the code that Installatron gives.
pub(super) fn read<T: DeserializeOwned>(
    body: &[u8],
    status: u16,
    asked: Asked,
    secrets: &[&str],
) -> Result<Page<T>, Refusal> {
    let envelope: Envelope<T> = parse(body, status)?;
    let code = envelope.errcode.as_deref().map(ErrorCode::parse);
    let dry = code == Some(ErrorCode::CompleteDryrun);
    let good = (200..300).contains(&status)
        && match asked {
            Asked::DryRun => dry || (envelope.result == Some(true) && code.is_none()),
            // A dry run that nobody asked for has done nothing.
            Asked::Work => envelope.result == Some(true) && code.is_none(),
        };
    if !good {
        return Err(refused(&envelope, code, status, secrets));
    }
    let has_more = envelope.has_more == Some(true);
    let items = match envelope.data {
        Data::Many(items) => items,
        Data::One(item) => vec![item],
        Data::Text | Data::None => Vec::new(),
    };
    Ok(Page { items, has_more })
}

/// A panel's login page comes with status 200 too, so the body itself must be JSON.
fn parse<T: DeserializeOwned>(body: &[u8], status: u16) -> Result<Envelope<T>, Refusal> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let what = match body.first() {
        Some(b'{') => match serde_json::from_slice(body) {
            Ok(envelope) => return Ok(envelope),
            Err(error) => {
                format!("JSON that is not as documented at line {}, column {}", error.line(), error.column())
            }
        },
        Some(b'<') => "a web page instead of JSON: is it a login page?".to_owned(),
        Some(_) => "something else than a JSON object".to_owned(),
        None => "nothing".to_owned(),
    };
    let kind = match status {
        200..=299 => ErrorKind::BackupProtocol,
        status => kind_of_status(status),
    };
    Err(Refusal {
        code: None,
        error: Error::new(kind, format!("Installatron answered HTTP {status} with {what}")),
    })
}

fn refused<T>(envelope: &Envelope<T>, code: Option<ErrorCode>, status: u16, secrets: &[&str]) -> Refusal {
    let said = envelope.message.as_deref().unwrap_or_default().trim();
    let repeats = said.contains('@') && said.contains("://");
    let repeats = repeats || secrets.iter().any(|secret| !secret.is_empty() && said.contains(secret));
    let said = if repeats { "a message that repeats a secret and is not shown".into() } else { quote(said) };
    let field =
        envelope.errfield.as_deref().map(|field| format!(", field {}", quote(field))).unwrap_or_default();
    let advice = match &code {
        Some(ErrorCode::InvalidApiKey) => {
            "; check [backup.installatron] key, or key and key2 in its settings.ini"
        }
        Some(ErrorCode::InvalidArgumentBkloc) => "; check [backup.installatron] location",
        _ => "",
    };
    let (kind, word) = match &code {
        Some(code) => (code.kind(status), code.to_string()),
        None if (200..300).contains(&status) => (ErrorKind::BackupFailed, "no code".to_owned()),
        None => (kind_of_status(status), "no code".to_owned()),
    };
    let text = format!("Installatron refuses (HTTP {status}, {word}{field}): {said}{advice}");
    Refusal { code, error: Error::new(kind, text) }
}

#[cfg(test)]
mod tests {
    use super::super::records::Backup;
    use super::*;

    fn refusal(body: &str, status: u16, asked: Asked) -> Refusal {
        match read::<Backup>(body.as_bytes(), status, asked, &["hunter22"]) {
            Err(refusal) => refusal,
            Ok(page) => panic!("{} items", page.items.len()),
        }
    }

    #[test]
    fn every_code_of_the_vendors_page_and_of_the_others() {
        for (status, words, kind) in [
            (
                400,
                &[
                    "failed_backup_format",
                    "invalid_argument_bkloc",
                    "invalid_argument_bkloc_empty",
                    "invalid_backup_owner",
                    "invalid_argument_uri",
                    "invalid_argument_version",
                    "empty_argument_user",
                ][..],
                ErrorKind::BackupRefused,
            ),
            (
                403,
                &["invalid_api_key", "invalid_argument_user", "invalid_argument_id"],
                ErrorKind::BackupAuth,
            ),
            (
                404,
                &[
                    "user_not_found",
                    "backup_not_found",
                    "install_not_found",
                    "plugin_not_found",
                    "application_not_found",
                ],
                ErrorKind::BackupNotFound,
            ),
            (
                500,
                &["failed_backup_download", "failed_backup_owner", "something_new"],
                ErrorKind::BackupProvider,
            ),
            (400, &["something_new"], ErrorKind::BackupRefused),
        ] {
            for word in words {
                let body =
                    format!(r#"{{"result":false,"errcode":"{word}","errfield":"bkloc","message":"no\n"}}"#);
                let refusal = refusal(&body, status, Asked::Work);
                assert_eq!(refusal.error.kind(), kind, "{word}");
                assert_eq!(matches!(refusal.code, Some(ErrorCode::Other(_))), *word == "something_new");
                assert!(refusal.error.to_string().contains(word), "{}", refusal.error);
            }
        }
    }

    #[test]
    fn a_dry_run_is_well_only_where_one_was_asked_for() {
        for result in ["true", "false", "null"] {
            let body = format!(r#"{{"result":{result},"errcode":"complete_dryrun","data":[]}}"#);
            assert!(read::<Backup>(body.as_bytes(), 200, Asked::DryRun, &[]).is_ok());
            assert_eq!(refusal(&body, 200, Asked::Work).code, Some(ErrorCode::CompleteDryrun));
        }
        assert!(
            read::<Backup>(br#"{"result":true,"errcode":null,"data":[]}"#, 200, Asked::DryRun, &[]).is_ok()
        );
    }

    #[test]
    fn what_is_no_answer_and_what_repeats_a_secret() {
        for (body, status, kind) in [
            ("<html>login</html>", 200, ErrorKind::BackupProtocol),
            ("<html>login</html>", 403, ErrorKind::BackupAuth),
            ("Bad Gateway", 502, ErrorKind::BackupProvider),
            ("", 200, ErrorKind::BackupProtocol),
            ("[]", 200, ErrorKind::BackupProtocol),
            ("{\"result\":true", 200, ErrorKind::BackupProtocol),
            ("{\"result\":true,\"data\":[1]}", 200, ErrorKind::BackupProtocol),
            ("{}", 200, ErrorKind::BackupFailed),
            ("{\"result\":true}", 500, ErrorKind::BackupProvider),
        ] {
            assert_eq!(refusal(body, status, Asked::Work).error.kind(), kind, "{body}");
        }
        for message in ["key hunter22 is wrong", "cannot open ftp://u:pw@host/x"] {
            let body = format!(r#"{{"result":false,"message":"{message}"}}"#);
            let text = refusal(&body, 400, Asked::Work).error.to_string();
            assert!(!text.contains("hunter22") && !text.contains("pw@"), "{text}");
        }
    }
}
