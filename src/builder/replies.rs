//! What the builder answered: success, one of its six ways to report a failure, or something that it does not document
//! (`reference/builder-api.md` 1).
//!
//! The body is read as JSON whatever the status is, and a non-empty `error` is a failure whatever the status is. Of a reply only the builder's own
//! message may be repeated in an error, and that only if it holds no secret.

use std::fmt;

use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::calls::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::types::quote;

use super::call::Reply;
use super::tolerant::Truth;

/// Values of one call that no error may repeat.
#[derive(Default)]
pub(super) struct Secrets<'a> {
    borrowed: Vec<&'a str>,
    owned: Vec<Zeroizing<String>>,
}

impl<'a> Secrets<'a> {
    pub(super) fn add(&mut self, secret: &'a str) {
        self.borrowed.push(secret);
    }

    pub(super) fn add_owned(&mut self, secret: Zeroizing<String>) {
        self.owned.push(secret);
    }

    /// Whether a text holds one of them.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let all = self.borrowed.iter().copied().chain(self.owned.iter().map(|secret| secret.as_str()));
        text.contains("login_hash=")
            || all.into_iter().any(|secret| !secret.is_empty() && text.contains(secret))
    }

    /// The text for an error message.
    fn quote(&self, text: &str) -> String {
        if self.are_in(text) {
            "a message that repeats a secret and is not shown".to_owned()
        } else {
            quote(text)
        }
    }
}

/// Reads a reply that must look as `answer` says.
pub(super) fn read<T: DeserializeOwned>(reply: &Reply, answer: Answer, secrets: &Secrets<'_>) -> Result<T> {
    let shape = Shape::of(&reply.body, answer == Answer::List);
    let failure = match &shape {
        Shape::Object(json) => parse::<Envelope>(json),
        Shape::List(_) => Ok(Envelope::default()),
        Shape::Other(what) => Err(Fault((*what).to_owned())),
    };
    match failure {
        Ok(Envelope { error: Some(failure), .. }) if !failure.is_empty() => {
            Err(refused(reply, &failure, secrets))
        }
        Ok(envelope) if (200..300).contains(&reply.status) => {
            if matches!(answer, Answer::Ok | Answer::OkList) {
                envelope.ok(reply)?;
            }
            match shape {
                Shape::Object(json) | Shape::List(json) => {
                    parse(json).map_err(|fault| undocumented(reply, &fault))
                }
                Shape::Other(what) => Err(undocumented(reply, &Fault(what.to_owned()))),
            }
        }
        Ok(_) => Err(without_reason(reply, &Fault("without a reason".to_owned()))),
        Err(fault) if (200..300).contains(&reply.status) => Err(undocumented(reply, &fault)),
        Err(fault) => Err(without_reason(reply, &fault)),
    }
}

/// What the body is at first sight.
enum Shape<'a> {
    Object(&'a [u8]),
    List(&'a [u8]),
    Other(&'static str),
}

impl<'a> Shape<'a> {
    fn of(body: &'a [u8], may_be_list: bool) -> Self {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match body.trim_ascii_start().first() {
            Some(b'{') => Self::Object(body),
            Some(b'[') if may_be_list => Self::List(body),
            Some(b'<') => Self::Other("a web page instead of JSON"),
            Some(_) => Self::Other("something else than a JSON object"),
            None => Self::Other("an empty body"),
        }
    }
}

/// Why a body cannot be read, without any of its content.
struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(json).map_err(|error| {
        let text = error.to_string();
        let place = format!("line {}, column {}", error.line(), error.column());
        Fault(match error.classify() {
            // These two name a member of ours; the others repeat what stood there.
            _ if text.starts_with("missing field") || text.starts_with("duplicate field") => {
                format!("JSON that is not as documented ({text})")
            }
            serde_json::error::Category::Data => format!("JSON with a wrong type at {place}"),
            serde_json::error::Category::Eof => format!("JSON that breaks off at {place}"),
            _ => format!("JSON that is malformed at {place}"),
        })
    })
}

#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Option<Failure>,
    #[serde(default)]
    ok: Option<Truth>,
}

impl Envelope {
    /// Calls that document `ok` say it when they succeed.
    fn ok(&self, reply: &Reply) -> Result<()> {
        match self.ok {
            Some(Truth(true)) => Ok(()),
            Some(Truth(false)) => Err(Error::new(
                ErrorKind::BuilderRefused,
                format!("{} refused the request without a reason (\"ok\" is not true)", reply.origin),
            )),
            None => Err(undocumented(reply, &Fault("neither \"ok\" nor \"error\"".to_owned()))),
        }
    }
}

/// The member `error`: a string, or an object with `code` and `message`; anything else that is not empty is an unknown error.
#[derive(Default)]
struct Failure {
    message: Option<String>,
    code: Option<String>,
    other: bool,
}

impl Failure {
    fn is_empty(&self) -> bool {
        !self.other && self.message.is_none() && self.code.is_none()
    }
}

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FailureVisitor)
    }
}

struct FailureVisitor;

impl<'de> Visitor<'de> for FailureVisitor {
    type Value = Failure;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error")
    }

    fn visit_str<E>(self, text: &str) -> Result<Failure, E> {
        let message = (!text.is_empty()).then(|| text.to_owned());
        Ok(Failure { message, ..Failure::default() })
    }

    fn visit_unit<E>(self) -> Result<Failure, E> {
        Ok(Failure::default())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Failure, E> {
        Ok(Failure { other: value, ..Failure::default() })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Failure, E> {
        Ok(Failure { code: Some(value.to_string()), ..Failure::default() })
    }

    fn visit_u64<E>(self, value: u64) -> Result<Failure, E> {
        Ok(Failure { code: Some(value.to_string()), ..Failure::default() })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Failure, E> {
        Ok(Failure { code: Some(value.to_string()), ..Failure::default() })
    }

    /// An empty array is how PHP writes an empty object.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Failure, A::Error> {
        let mut failure = Failure::default();
        while items.next_element::<IgnoredAny>()?.is_some() {
            failure.other = true;
        }
        Ok(failure)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Failure, A::Error> {
        let mut failure = Failure::default();
        while let Some(name) = members.next_key::<String>()? {
            // An object that is not empty is an error, even if nothing in it can be read.
            failure.other = true;
            match name.as_str() {
                "message" => failure.message = members.next_value::<Scalar>()?.0,
                "code" => failure.code = members.next_value::<Scalar>()?.0,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(failure)
    }
}

/// A string or a number as text; anything else is left out.
struct Scalar(Option<String>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let failure = Failure::deserialize(deserializer)?;
        Ok(Self(if failure.other { None } else { failure.message.or(failure.code) }))
    }
}

/// The builder says why it refuses.
fn refused(reply: &Reply, failure: &Failure, secrets: &Secrets<'_>) -> Error {
    let mut said = match &failure.message {
        Some(message) => secrets.quote(message),
        None => "unknown error".to_owned(),
    };
    if let Some(code) = &failure.code {
        said = format!("{said}, code {}", secrets.quote(code));
    }
    let Reply { status, origin, .. } = reply;
    if failure.message.as_deref().is_some_and(speaks_of_licence) {
        return licence(reply, &said);
    }
    match status {
        401 | 403 => credentials(reply, &said),
        429 => too_often(reply, &said),
        _ => Error::new(
            ErrorKind::BuilderRefused,
            format!("{origin} refused the request (HTTP {status}): {said}"),
        ),
    }
}

/// A status that is no success, without a reason that can be read.
fn without_reason(reply: &Reply, fault: &Fault) -> Error {
    let Reply { status, origin, .. } = reply;
    match status {
        400..=499 if page_speaks_of_licence(&reply.body) => licence(reply, &format!("HTTP {status}")),
        401 | 403 => credentials(reply, &format!("HTTP {status}")),
        404 | 405 => {
            let text = format!("{origin} has no such call (HTTP {status}, {fault}): check [builder] url");
            Error::new(ErrorKind::BuilderProtocol, text)
        }
        429 => too_often(reply, &fault.to_string()),
        500..=599 => {
            let text = format!("{origin} does not work at the moment (HTTP {status}, {fault})");
            Error::new(ErrorKind::BuilderUnreachable, text)
        }
        _ => undocumented(reply, fault),
    }
}

/// It may be better later, whatever the builder says besides.
fn too_often(reply: &Reply, said: &str) -> Error {
    let later = match reply.wait {
        Some(wait) => format!("in {} s", wait.as_secs()),
        None => "later".to_owned(),
    };
    let text = format!("{} is asked too often (HTTP 429, {said}): try again {later}", reply.origin);
    Error::new(ErrorKind::BuilderUnreachable, text)
}

fn undocumented(reply: &Reply, fault: &Fault) -> Error {
    let Reply { status, origin, .. } = reply;
    let text =
        format!("{origin} answered HTTP {status} with {fault}, which is not documented: check [builder] url");
    Error::new(ErrorKind::BuilderProtocol, text)
}

fn credentials(reply: &Reply, said: &str) -> Error {
    let origin = &reply.origin;
    let text = if reply.authorized {
        format!(
            "{origin} does not accept [builder] username and password, which are those of the brand's API on the vendor's licence page; it says: {said}"
        )
    } else {
        format!(
            "{origin}, where the call was redirected to, wants credentials, which go to the configured host only: set [builder] url to its address; it says: {said}"
        )
    };
    Error::new(ErrorKind::BuilderAuth, text)
}

fn licence(reply: &Reply, said: &str) -> Error {
    let text = format!(
        "{} has no licence for this server: the address that this server calls from is not on the licence, or [builder] username and password are those of another brand; it says: {said}",
        reply.origin
    );
    Error::new(ErrorKind::BuilderLicence, text)
}

/// A message of the API: "License not found. ...", "License is required".
fn speaks_of_licence(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("license") || message.contains("licence")
}

/// A page in front of the API. Pages speak of licences for many reasons, so here only the known sentences count.
fn page_speaks_of_licence(body: &[u8]) -> bool {
    let has = |sentence: &[u8]| body.windows(sentence.len()).any(|part| part.eq_ignore_ascii_case(sentence));
    has(b"license not found") || has(b"license is required")
}

#[cfg(test)]
mod tests;
