//! Which calls this builder has, found without changing anything, and what one call looks like on the wire.
//!
//! Only GET is used: 404 or a web page means that the call is not there, 405 or an error in JSON that it is; anything else says nothing. No path that
//! could change something is ever posted to.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::calls::{Call, Effective, Method, Way};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;

use super::Client;
use super::call::{self, Outgoing, Reply};
use super::replies::Secrets;

/// Whether a builder has a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is there.
    There,
    /// It is not.
    Absent,
    /// The answer says nothing.
    Unknown,
}

impl Presence {
    /// A word for people, the store and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::There => "there",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }

    /// The presence of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::There, Self::Absent, Self::Unknown].into_iter().find(|known| known.name() == name)
    }

    fn of(status: u16, body: &[u8], method: Method) -> Self {
        let json = serde_json::from_slice::<Value>(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok();
        let page = body.trim_ascii_start().first() == Some(&b'<');
        let error = json.as_ref().and_then(|json| json.get("error")).is_some_and(|error| !error.is_null());
        match status {
            404 => Self::Absent,
            _ if page => Self::Absent,
            405 => Self::There,
            401 | 403 | 429 | 500.. => Self::Unknown,
            _ if error => Self::There,
            200..=299 if method == Method::Get && json.is_some() => Self::There,
            _ => Self::Unknown,
        }
    }
}

/// One request and its answer, without anything secret.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// The method.
    pub method: &'static str,
    /// Path below the server.
    pub path: String,
    /// The body of the request.
    pub request: Value,
    /// The HTTP status.
    pub status: u16,
    /// The body of the answer: JSON, or text if it is none.
    pub answer: Value,
}

/// What is recorded, while it is.
pub(super) type Recorder = Mutex<Option<Vec<Recorded>>>;

impl Client {
    /// Looks whether the builder has a call, with a GET to its path. A call that is not made by a path of its own has no answer.
    ///
    /// # Errors
    /// If the builder cannot be asked at all; [`ErrorKind::Config`] if nobody says where the call lies.
    pub fn presence(&self, call: Call) -> Result<(Presence, u16)> {
        let made = Effective::of(call, self.config.calls.get(&call));
        let Some(path) = made.path() else {
            let what = made.available().err().unwrap_or_default();
            return Err(Error::new(ErrorKind::Config, what));
        };
        if self.config.username.is_empty() || self.config.password.is_empty() {
            let text = "the builder's credentials are missing: set [builder] username and password";
            return Err(Error::new(ErrorKind::Config, text));
        }
        let basic = call::basic(&self.config.username, &self.config.password);
        let url = self.config.url.join(path);
        let (most, time) = (limits::BUILDER_LIST_BYTES, self.config.timeout);
        let outgoing = Outgoing { url: url.clone(), basic: &basic, body: None, most, time };
        let reply = call::exchange(self.agent()?, &self.config, outgoing)?;
        let mut secrets = Secrets::default();
        secrets.add(self.config.password.expose());
        self.note("GET", url.path_and_query(), None, &reply, &secrets);
        Ok((Presence::of(reply.status, &reply.body, made.method()), reply.status))
    }

    /// The calls that can be looked for: those with a path, each path once.
    pub fn findable(&self) -> Vec<Call> {
        let mut paths = Vec::new();
        let mut found = Vec::new();
        for call in Call::ALL.iter().copied() {
            let made = Effective::of(call, self.config.calls.get(&call));
            // A session call without fields is the doctor's; what a GET to it would say is known.
            let skipped = matches!(made.entry.way, Way::Own(_)) && made.entry.name == "requestLogin";
            if let Some(path) = made.path().filter(|path| !skipped && !paths.contains(path)) {
                paths.push(path);
                found.push(call);
            }
        }
        found
    }

    /// Records what is sent and answered from now on.
    pub fn record(&self) {
        *self.recorder.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// What was recorded so far; recording ends.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Notes one exchange, if it is wanted.
    pub(super) fn note(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&[u8]>,
        reply: &Reply,
        secrets: &Secrets<'_>,
    ) {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorded) = recorder.as_mut() {
            let session = path.ends_with("requestLogin");
            recorded.push(Recorded {
                method,
                path: path.to_owned(),
                request: body.map_or(Value::Null, |body| without_secrets(body, session, secrets)),
                status: reply.status,
                answer: without_secrets(&reply.body, session, secrets),
            });
        }
    }
}

/// A body as JSON, or as text if it is none, with everything secret replaced. The `url` of a session call is secret whatever it looks like.
///
/// What is too large is cut after that, as text: the half of a document has no members by whose names a secret is known. What is no JSON and too large has
/// neither, so that only its size stays.
fn without_secrets(body: &[u8], session: bool, secrets: &Secrets<'_>) -> Value {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        if body.len() > limits::RECORD_BYTES {
            return format!("({} bytes that are no JSON)", body.len()).into();
        }
        let mut text = Value::String(String::from_utf8_lossy(body).into_owned());
        clean(&mut text, secrets);
        return text;
    };
    clean(&mut value, secrets);
    if let Some(url) = value.get_mut("url").filter(|url| session && !url.is_null()) {
        *url = REDACTED.into();
    }
    let text = value.to_string();
    if text.len() <= limits::RECORD_BYTES {
        return value;
    }
    String::from_utf8_lossy(&text.as_bytes()[..limits::RECORD_BYTES]).into()
}

const REDACTED: &str = "(redacted)";

/// What the name of a member holds whose value is a secret whatever it is; in small letters, without what separates words.
const SECRET_MEMBERS: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "loginhash",
    "licensehash",
    "sessionkey",
    "apikey",
    "privatekey",
];

fn is_secret_member(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    SECRET_MEMBERS.iter().any(|part| plain.contains(part))
}

/// Replaces what is secret, by the names of members and by what the texts hold.
pub(crate) fn scrub(value: &mut Value) {
    clean(value, &Secrets::default());
}

fn clean(value: &mut Value, secrets: &Secrets<'_>) {
    match value {
        Value::String(text) if secrets.are_in(text) => *text = REDACTED.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, secrets)),
        Value::Object(members) => clean_members(members, secrets),
        _ => {}
    }
}

fn clean_members(members: &mut Map<String, Value>, secrets: &Secrets<'_>) {
    for (name, value) in members {
        if is_secret_member(name) && !value.is_null() && !value.is_boolean() {
            *value = REDACTED.into();
        } else {
            clean(value, secrets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_an_answer_to_a_get_says() {
        use Presence::{Absent, There, Unknown};
        for (status, body, method, want) in [
            (404, &b"{\"error\":\"x\"}"[..], Method::Post, Absent),
            (404, b"", Method::Get, Absent),
            (200, b"<html>", Method::Get, Absent),
            (200, b" <!doctype html>", Method::Post, Absent),
            (405, b"", Method::Post, There),
            (405, b"<html>", Method::Post, Absent),
            (400, b"{\"error\":{\"message\":\"Bad input data\"}}", Method::Post, There),
            (200, b"{\"error\":\"Bad input data\"}", Method::Post, There),
            (200, b"[]", Method::Get, There),
            (200, b"{}", Method::Post, Unknown),
            (200, b"", Method::Post, Unknown),
            (401, b"{\"error\":\"x\"}", Method::Post, Unknown),
            (403, b"", Method::Post, Unknown),
            (502, b"{\"error\":\"x\"}", Method::Post, Unknown),
            (400, b"{\"error\":null}", Method::Post, Unknown),
        ] {
            let body_text = String::from_utf8_lossy(body);
            assert_eq!(Presence::of(status, body, method), want, "{status} {body_text} {}", method.name());
        }
    }

    #[test]
    fn nothing_secret_is_recorded() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2");
        let body = json!({
            "domain": "shop.example", "loginHash": "abc", "password": 7, "nested": [{ "loginHash": {} }],
            "text": "it is hunter2", "link": "https://x/?login_hash=abc", "error": null, "url": "https://x/",
        });
        let clean = without_secrets(body.to_string().as_bytes(), true, &secrets);
        let want = json!({
            "domain": "shop.example", "loginHash": REDACTED, "password": REDACTED, "nested": [{ "loginHash": REDACTED }],
            "text": REDACTED, "link": REDACTED, "error": null, "url": REDACTED,
        });
        assert_eq!(clean, want);
        assert_eq!(
            without_secrets(b"{\"url\":\"https://x/\"}", false, &secrets),
            json!({ "url": "https://x/" })
        );
        // The end of a document is cut only when nothing secret is in it any more.
        let mut long = json!({ "a": [], "tokens": { "apiKey": "abc", "licenceHash": "abc" } });
        long["a"] = vec!["x".repeat(100); limits::RECORD_BYTES / 100].into();
        let cut = without_secrets(long.to_string().as_bytes(), false, &secrets).as_str().unwrap().to_owned();
        assert!(cut.len() <= limits::RECORD_BYTES + 2 && !cut.contains("abc") && cut.starts_with("{\"a\":"));
        let page = vec![b'x'; limits::RECORD_BYTES + 1];
        assert_eq!(without_secrets(&page, false, &secrets), json!("(65537 bytes that are no JSON)"));
        let named =
            json!({ "API-Key": "abc", "session_key": 1, "hasPassword": true, "passwd": null, "key": "k" });
        let want = json!({ "API-Key": REDACTED, "session_key": REDACTED, "hasPassword": true, "passwd": null, "key": "k" });
        assert_eq!(without_secrets(named.to_string().as_bytes(), false, &secrets), want);
        assert_eq!(without_secrets(b"<p>hunter2", false, &secrets), json!(REDACTED));
        assert_eq!(without_secrets(b"<p>Not found", true, &secrets), json!("<p>Not found"));
    }
}
