//! Calls of DirectAdmin's own port as one account.

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::zeroize::Zeroizing;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderValue, Response, header};

use crate::agent::{self, Settings};
use crate::backup::archives::ENDINGS;
use crate::backup::programs;
use crate::config::PanelConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{self, Tree};
use crate::types::{Domain, Username, WebUrl, quote};

/// DirectAdmin's port, with credentials for one account that hold for the moment.
pub(super) struct Calls {
    agent: Agent,
    url: WebUrl,
    basic: HeaderValue,
}

impl Calls {
    /// Asks DirectAdmin's program for credentials. The address in its answer must be this machine's; what is called is the name that DirectAdmin's
    /// configuration says, at this machine, so that the certificate can be checked.
    pub(super) fn of(tree: &Tree, config: &PanelConfig, account: &Username) -> Result<Self> {
        let user = format!("--user={account}");
        let program = tree.path(super::PROGRAM);
        let output = programs::run(&program, &["api-url", &user], limits::COMMAND_TIME, None)?;
        // No error may repeat what it printed: a password stands in it.
        let text = Zeroizing::new(String::from_utf8(output.stdout).unwrap_or_default());
        let (port, basic) = read_api_url(&text).filter(|_| output.status.success()).ok_or_else(|| {
            let text =
                format!("directadmin api-url gives no https address of this machine ({})", output.status);
            Error::new(ErrorKind::BackupProvider, text)
        })?;
        let url = panel::directadmin_address(tree)?;
        if !url.is_https() {
            let text = "DirectAdmin has no TLS (ssl=0), so that no credentials are sent to it: enable it";
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
        let agent = agent::build(&Settings {
            section: "directadmin",
            ca_file: config.directadmin_ca_file.as_deref(),
            proxy: None,
            allow_http: false,
            secure: true,
            connect_timeout: limits::PANEL_CALL_TIME,
            timeout: limits::COMMAND_TIME,
            connect_to: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        })?;
        let mut basic = HeaderValue::from_str(&basic).map_err(|_| {
            Error::new(ErrorKind::BackupProvider, "DirectAdmin's credentials cannot stand in a header")
        })?;
        basic.set_sensitive(true);
        Ok(Self { agent, url, basic })
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
        let request = self.agent.post(self.url.join("CMD_SITE_BACKUP?json=yes").to_string());
        let response = request
            .header(header::AUTHORIZATION, &self.basic)
            .header(header::REFERER, format!("{}/", self.url.origin()))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .send(form.finish());
        self.read(response).map(drop)
    }

    /// The names of the archives that DirectAdmin lists for a domain.
    pub(super) fn archives(&self, domain: &Domain) -> Result<Vec<String>> {
        let url = self.url.join(&format!("CMD_SITE_BACKUP?json=yes&domain={domain}&ipp=50"));
        let request = self.agent.get(url.to_string());
        let response = request
            .header(header::AUTHORIZATION, &self.basic)
            .header(header::REFERER, format!("{}/", self.url.origin()))
            .call();
        let reply = self.read(response)?;
        let mut names = Vec::new();
        collect(&reply, &mut names);
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn read(&self, response: std::result::Result<Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let origin = self.url.origin();
        let fail =
            |what: &str| Error::new(ErrorKind::BackupProvider, format!("DirectAdmin at {origin}: {what}"));
        let response = response.map_err(|error| fail("it cannot be called").with_source(error))?;
        let status = response.status().as_u16();
        let body = response.into_body().into_with_config().limit(limits::BUILDER_REPLY_BYTES).read_to_vec();
        let body = body.map_err(|error| fail("its answer cannot be read").with_source(error))?;
        read_reply(status, &body)
            .map_err(|(kind, what)| Error::new(kind, format!("DirectAdmin at {origin}: {what}")))
    }
}

/// Port and `Authorization` of `https://USER:PASSWORD@localhost:PORT`.
fn read_api_url(text: &str) -> Option<(u16, Zeroizing<String>)> {
    let rest = text.trim().strip_prefix("https://")?.trim_end_matches('/');
    let (credentials, place) = rest.rsplit_once('@')?;
    let (host, port) = place.rsplit_once(':')?;
    let (user, password) = credentials.split_once(':')?;
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if !matches!(host, "localhost" | "127.0.0.1" | "[::1]") || !plain(user) || !plain(password) {
        return None;
    }
    let decoded = |text: &str| {
        percent_decode_str(text).decode_utf8().ok().map(|text| Zeroizing::new(text.into_owned()))
    };
    let pair = Zeroizing::new(format!("{}:{}", *decoded(user)?, *decoded(password)?));
    Some((port.parse().ok()?, Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))))
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
    fn credentials_come_only_for_this_machine() {
        let (port, basic) = read_api_url("https://jsmith:Tk9p%40x@localhost:2222\n").unwrap();
        assert_eq!(
            (port, basic.as_str()),
            (2222, format!("Basic {}", STANDARD.encode("jsmith:Tk9p@x")).as_str())
        );
        for bad in [
            "http://jsmith:x@localhost:2222",
            "https://jsmith:x@evil.example:2222",
            "https://jsmith:x@localhost.evil.example:2222",
            "https://jsmith:x@evil.example/@localhost:2222",
            "https://jsmith@localhost:2222",
            "https://localhost:2222",
            "https://jsmith:@localhost:2222",
            "https://a:b@localhost:99999",
            "",
        ] {
            assert!(read_api_url(bad).is_none(), "{bad}");
        }
    }

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
