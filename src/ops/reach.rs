//! Whether the publication endpoint can be reached under its public name: the doctor asks there, as a builder would, and the broker answers.
//!
//! The question is `GET ENDPOINT/ping?nonce=HEX` with Basic credentials that mean nothing. The answer shows by a MAC over the nonce that it is this
//! installation who answers, and says whether the credentials came through: web servers keep them from programs unless told otherwise.
//!
//! The second half of the nonce is a MAC over the first one and the endpoint's address. So the broker can tell the doctor's question from anybody else's, and
//! notes that it has come by that address.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use ureq::http::header;

use crate::agent::{self, Settings};
use crate::config::PublishConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::store::InstallKey;
use crate::sys::random;
use crate::types::{WebUrl, hex, quote_bytes};

/// What stands behind the endpoint's address in the question.
pub const PATH: &str = "ping";

const PURPOSE: &str = "endpoint ping";
const ASKED: &str = "endpoint question";
const NONCE_DIGITS: usize = 32;

/// What the endpoint answers, as JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    /// The MAC over the nonce in hexadecimal digits.
    answer: String,
    /// Whether the header `Authorization` came through.
    authorization: bool,
}

/// Answers the question with that query string. `authorization` says whether the request's header of that name was seen.
///
/// # Errors
/// [`ErrorKind::BadRequest`] if the query has no nonce of 32 hexadecimal digits.
pub fn answer(key: &InstallKey, query: &str, authorization: bool) -> Result<String> {
    let nonce =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "nonce").map(|(_, value)| value);
    let nonce = nonce.filter(|nonce| {
        nonce.len() == NONCE_DIGITS && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    let Some(nonce) = nonce else {
        return Err(Error::new(
            ErrorKind::BadRequest,
            "a question whether the endpoint is reached lacks its nonce",
        ));
    };
    let answer = Answer { answer: hex(&key.mac(PURPOSE, &[nonce.as_bytes()])), authorization };
    serde_json::to_string(&answer)
        .map_err(|error| Error::new(ErrorKind::Internal, "an answer cannot be written").with_source(error))
}

/// A nonce of the doctor's for that endpoint.
fn nonce(key: &InstallKey, endpoint: &WebUrl) -> String {
    let begin = hex(&random::bytes::<{ NONCE_DIGITS / 4 }>());
    format!("{begin}{}", signature(key, endpoint, &begin))
}

fn signature(key: &InstallKey, endpoint: &WebUrl, begin: &str) -> String {
    let mac = key.mac(ASKED, &[endpoint.to_string().as_bytes(), begin.as_bytes()]);
    hex(&mac[..NONCE_DIGITS / 4])
}

/// Whether a question with that query string is one that the doctor of this installation has asked at that endpoint.
pub fn is_doctor(key: &InstallKey, query: &str, endpoint: &WebUrl) -> bool {
    let nonce = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "nonce");
    let Some((begin, end)) = nonce.as_ref().and_then(|(_, nonce)| nonce.split_at_checked(NONCE_DIGITS / 2))
    else {
        return false;
    };
    // Nobody gains from guessing it bit by bit: all it does is to say that the endpoint was reached.
    end == signature(key, endpoint, begin)
}

/// How the question went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// This installation answered, in that time, and saw the credentials.
    Yes(Duration),
    /// This installation answered, and did not see the credentials.
    WithoutCredentials,
}

/// Asks the endpoint by its public name.
///
/// # Errors
/// [`ErrorKind::Publication`] with what stands between, and what to do about it.
pub fn ask(key: &InstallKey, publish: &PublishConfig, endpoint: &WebUrl) -> Result<Reached> {
    let fail = |what: String| Error::new(ErrorKind::Publication, what);
    let nonce = nonce(key, endpoint);
    let agent = agent::build(&Settings {
        section: "publish",
        ca_file: publish.endpoint_ca_file.as_deref(),
        proxy: None,
        allow_http: false,
        secure: true,
        connect_timeout: limits::REACH_TIME,
        timeout: limits::REACH_TIME,
        connect_to: None,
    })?;
    let start = Instant::now();
    let response = agent
        .get(format!("{}?nonce={nonce}", endpoint.join(PATH)))
        .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode("doctor:nothing")))
        .call()
        .map_err(|error| unreachable(endpoint, error))?;
    let status = response.status().as_u16();
    let body = response.into_body().into_with_config().limit(limits::BUILDER_REPLY_BYTES).read_to_vec();
    let body =
        body.map_err(|error| fail(format!("the answer of {endpoint} cannot be read")).with_source(error))?;
    if status != 200 {
        return Err(fail(refusal(endpoint, status)));
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&body) else {
        let begin = quote_bytes(body.trim_ascii());
        return Err(fail(format!(
            "something else than Panelgate's endpoint answers at {endpoint}, with {begin}"
        )));
    };
    let mac: Vec<u8> = (0..answer.answer.len() / 2)
        .filter_map(|at| u8::from_str_radix(answer.answer.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    if !key.verify(PURPOSE, &[nonce.as_bytes()], &mac) {
        return Err(fail(format!(
            "another installation of Panelgate answers at {endpoint}: the name leads to another server"
        )));
    }
    Ok(if answer.authorization { Reached::Yes(start.elapsed()) } else { Reached::WithoutCredentials })
}

fn refusal(endpoint: &WebUrl, status: u16) -> String {
    let why = match status {
        301..=399 => "the web server sends the builder elsewhere",
        401 => "the web server asks for a login of its own",
        403 => "the web server refuses it, or [broker] web_users does not name the user that it runs as",
        404 => "the web server has no endpoint there",
        502..=504 => "the web server cannot run the endpoint's program, or the broker does not run",
        _ => "the web server's error log says why",
    };
    format!("{endpoint} answers {status}: {why}")
}

fn unreachable(endpoint: &WebUrl, error: ureq::Error) -> Error {
    let what = match &error {
        ureq::Error::HostNotFound => "its name has no address: set its DNS record",
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            "its certificate cannot be verified, so a builder cannot either"
        }
        ureq::Error::Timeout(_) => "it did not answer in time: a firewall, or a name that leads elsewhere",
        ureq::Error::Io(error) if is_tls(error) => {
            "its certificate cannot be verified, so a builder cannot either"
        }
        _ => "it cannot be reached: DNS, firewall, or no web server on that port",
    };
    Error::new(ErrorKind::Publication, format!("{}: {what}", endpoint.origin())).with_source(error)
}

/// Whether a broken connection is the TLS library's complaint.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_is_known_at_its_endpoint_only() {
        let (key, here) = (InstallKey::fixed(1), WebUrl::parse("https://a.example/p/").unwrap());
        let query = format!("nonce={}", nonce(&key, &here));
        assert!(is_doctor(&key, &query, &here) && answer(&key, &query, true).is_ok());
        assert!(!is_doctor(&InstallKey::fixed(2), &query, &here));
        assert!(!is_doctor(&key, &query, &WebUrl::parse("https://b.example/p/").unwrap()));
        for bad in
            ["", "nonce=", "nonce=0123456789abcdef0123456789abcdef", "nonce=ä", &query[..query.len() - 1]]
        {
            assert!(!is_doctor(&key, bad, &here), "{bad}");
        }
    }

    #[test]
    fn only_a_nonce_is_answered_and_only_by_its_own_key() {
        let key = InstallKey::fixed(1);
        let nonce = "0123456789abcdef0123456789abcdef";
        let text = answer(&key, &format!("nonce={nonce}"), true).unwrap();
        let read: Answer = serde_json::from_str(&text).unwrap();
        assert!(read.authorization);
        assert_eq!(read.answer, hex(&key.mac(PURPOSE, &[nonce.as_bytes()])));
        assert_ne!(text, answer(&InstallKey::fixed(2), &format!("nonce={nonce}"), true).unwrap());
        for bad in [
            "",
            "nonce=",
            "nonce=0123",
            &format!("nonce={nonce}0"),
            &format!("nonce={}", nonce.to_uppercase()),
        ] {
            assert_eq!(answer(&key, bad, true).unwrap_err().kind(), ErrorKind::BadRequest, "{bad}");
        }
    }
}
