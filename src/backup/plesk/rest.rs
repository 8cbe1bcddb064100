//! Plesk's REST API, of which one thing is used: it runs Plesk's own programs (`reference/plesk.md` 2.7).

use serde::Deserialize;
use serde_json::Value;
use ureq::http::{HeaderValue, Method};

use crate::backup::http::{self, Patience, Reply};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Secret, quote};

use super::client::{Credentials, Xml};
use super::program::{Finished, Run};

/// The program that makes backups.
pub(super) const PROGRAM: &str = "pleskbackup";

/// The programs that the server runs for us.
///
/// # Errors
/// See [`crate::backup::http::Endpoint::call`]; [`ErrorKind::BackupAuth`], [`ErrorKind::BackupProtocol`].
pub(super) fn commands(xml: &Xml) -> Result<Vec<String>> {
    let reply = call(xml, Method::GET, "/api/v2/cli/commands", b"", xml.patience())?;
    let value: Value = parse(xml, &reply)?;
    // A list of names; some versions may say more about each.
    let items = match value {
        Value::Array(items) => items,
        Value::Object(members) => {
            members.into_iter().flat_map(|(name, value)| [Value::String(name), value]).collect()
        }
        _ => Vec::new(),
    };
    let name = |item: Value| match item {
        Value::String(name) => vec![name],
        Value::Array(names) => names.into_iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
        Value::Object(members) => {
            members.get("name").and_then(Value::as_str).map(str::to_owned).into_iter().collect()
        }
        _ => Vec::new(),
    };
    Ok(items.into_iter().flat_map(name).collect())
}

/// Runs the backup program to its end.
///
/// # Errors
/// See [`commands`]; a program that fails is no error here.
pub(super) fn run(xml: &Xml, run: &Run<'_>) -> Result<Finished> {
    #[derive(Deserialize)]
    struct Answer {
        code: i64,
        #[serde(default)]
        stdout: Option<String>,
        #[serde(default)]
        stderr: Option<String>,
    }
    let environment: serde_json::Map<String, Value> = run
        .secrets
        .iter()
        .map(|(name, secret)| ((*name).to_owned(), Value::String(secret.expose().to_owned())))
        .collect();
    let body = serde_json::json!({ "params": run.arguments, "env": environment });
    let body = secrecy::zeroize::Zeroizing::new(body.to_string());
    // The answer comes at the end of the work: until then there is silence.
    let patience = Patience { whole: run.deadline, silence: run.deadline };
    let reply =
        call(xml, Method::POST, &format!("/api/v2/cli/{}/call", run.program), body.as_bytes(), patience)?;
    let answer: Answer = parse(xml, &reply)?;
    Ok(Finished {
        success: answer.code == 0,
        code: answer.code.to_string(),
        output: answer.stdout.unwrap_or_default(),
        complaint: answer.stderr.unwrap_or_default(),
    })
}

fn call(xml: &Xml, method: Method, target: &str, body: &[u8], patience: Patience) -> Result<Reply> {
    let section = xml.endpoint().section();
    let mut headers = vec![("accept", HeaderValue::from_static("application/json"))];
    if !body.is_empty() {
        headers.push(("content-type", HeaderValue::from_static("application/json")));
    }
    headers.push(match xml.credentials() {
        Credentials::Key(key) => ("x-api-key", http::secret_header(section, "key", key)?),
        Credentials::Login { login, password } => ("authorization", http::basic(section, login, password)?),
    });
    xml.endpoint().call(method, target, &headers, body, patience, limits::COMMAND_OUTPUT_BYTES)
}

fn parse<T: serde::de::DeserializeOwned>(xml: &Xml, reply: &Reply) -> Result<T> {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let origin = xml.endpoint().url().origin();
    if (200..300).contains(&reply.status) {
        return serde_json::from_slice(&reply.body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let text = format!("{origin}: its REST API answers something that is not documented ({place})");
            Error::new(ErrorKind::BackupProtocol, text)
        });
    }
    let said =
        serde_json::from_slice::<Refusal>(&reply.body).map(|refusal| refusal.message).unwrap_or_default();
    let said =
        if has_secret(xml, &said) { "a message that repeats a secret and is not shown".into() } else { said };
    let (kind, what) = match reply.status {
        401 | 403 => (ErrorKind::BackupAuth, "its REST API refuses us: it is for administrators only"),
        404 => (ErrorKind::BackupUnsupported, "its REST API does not have this"),
        429 | 500..=599 => (ErrorKind::BackupUnreachable, "its REST API does not work at the moment"),
        _ => (ErrorKind::BackupRefused, "its REST API refuses the call"),
    };
    Err(Error::new(kind, format!("{origin}: {what} (HTTP {}, {})", reply.status, quote(&said))))
}

fn has_secret(xml: &Xml, text: &str) -> bool {
    let secret: &Secret = match xml.credentials() {
        Credentials::Key(key) => key,
        Credentials::Login { password, .. } => password,
    };
    !secret.is_empty() && text.contains(secret.expose())
}
