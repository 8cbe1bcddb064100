//! Calls of DirectAdmin's own port about backups of one account.

use serde_json::Value;

use crate::backup::archives::ENDINGS;
use crate::config::PanelConfig;
use crate::error::{ErrorKind, Result};
use crate::limits;
use crate::panel::{DirectAdminPort, Tree};
use crate::types::{Domain, Username, quote};

const COMMAND: &str = "CMD_SITE_BACKUP?json=yes";

/// The port, for one account.
pub(super) struct Calls<'a>(DirectAdminPort<'a>);

impl<'a> Calls<'a> {
    pub(super) fn of(tree: &'a Tree, config: &PanelConfig, account: &Username) -> Result<Self> {
        DirectAdminPort::open(tree, config, account, ErrorKind::BackupProvider).map(Self)
    }

    /// Queues a backup of a domain.
    pub(super) fn back_up(&self, domain: &Domain, items: &[&str]) -> Result<()> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("action", "backup")
            .append_pair("domain", domain.as_str())
            .append_pair("form_version", "4");
        for (number, item) in items.iter().enumerate() {
            form.append_pair(&format!("select{number}"), item);
        }
        let reply = self.0.post(COMMAND, &form.finish())?;
        read_reply(reply.status, &reply.body).map(drop).map_err(|(kind, what)| self.0.fail(kind, what))
    }

    /// The names of the archives that DirectAdmin lists for a domain.
    pub(super) fn archives(&self, domain: &Domain) -> Result<Vec<String>> {
        let reply = self.0.get(&format!("{COMMAND}&domain={domain}&ipp=50"))?;
        let reply = read_reply(reply.status, &reply.body).map_err(|(kind, what)| self.0.fail(kind, what))?;
        let mut names = Vec::new();
        collect(&reply, &mut names);
        names.sort();
        names.dedup();
        Ok(names)
    }
}

/// A reply, or why it is none. A body that begins with `<` is a login page, whatever its status.
fn read_reply(status: u16, body: &[u8]) -> std::result::Result<Value, (ErrorKind, String)> {
    if body.trim_ascii_start().starts_with(b"<") {
        return Err((
            ErrorKind::BackupFailed,
            format!("it answers with a web page (HTTP {status}): it does not take the credentials"),
        ));
    }
    let Ok(reply) = serde_json::from_slice::<Value>(body) else {
        return Err((ErrorKind::BackupProvider, format!("its answer is no JSON (HTTP {status})")));
    };
    let error = match &reply["error"] {
        Value::String(text) if text != "0" => text.as_str(),
        Value::Null | Value::String(_) => "",
        _ => "an error without a text",
    };
    if !error.is_empty() {
        let details = reply["result"].as_str().unwrap_or_default();
        return Err((ErrorKind::BackupFailed, format!("it refuses: {} {}", quote(error), quote(details))));
    }
    if !(200..300).contains(&status) {
        return Err((ErrorKind::BackupProvider, format!("it answers with status {status}")));
    }
    Ok(reply)
}

/// The names of archives in a list whose shape is not documented.
fn collect(value: &Value, names: &mut Vec<String>) {
    let is_name = |text: &str| {
        text.len() <= 200
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && ENDINGS.iter().any(|ending| text.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.')))
    };
    match value {
        Value::String(text) if is_name(text) && names.len() < limits::BACKUPS_SHOWN => {
            names.push(text.clone())
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(members) => members.values().for_each(|item| collect(item, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn replies_are_judged_by_their_error() {
        let kind = |status, body: &str| read_reply(status, body.as_bytes()).err().map(|(kind, _)| kind);
        assert_eq!(kind(200, r#"{"success":"Backup creation added to queue","result":""}"#), None);
        assert_eq!(kind(200, r#"{"error":"Cannot Create","result":"disk"}"#), Some(ErrorKind::BackupFailed));
        assert_eq!(kind(500, r#"{"error":"Cannot Create"}"#), Some(ErrorKind::BackupFailed));
        assert_eq!(kind(200, "<html>login"), Some(ErrorKind::BackupFailed));
        assert_eq!(kind(200, "error=0&text=x"), Some(ErrorKind::BackupProvider));
        assert_eq!(kind(502, "{}"), Some(ErrorKind::BackupProvider));
    }

    #[test]
    fn names_are_found_wherever_they_stand() {
        let reply = json!({ "files": { "0": { "name": "backup-Nov-21-2026-1.tar.gz" }, "1": "backup-2.tar.zst" }, "x": ["a.zip", "../b.tar.gz", "c,d.tar.gz", 5] });
        let mut names = Vec::new();
        collect(&reply, &mut names);
        assert_eq!(names, ["backup-Nov-21-2026-1.tar.gz", "backup-2.tar.zst"]);
    }
}
