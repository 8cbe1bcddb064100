//! The publication endpoint: the same program behind the public web server, under the name `publish.cgi`.
//!
//! It reads the head of one request, asks the broker, and hands its own standard input and output over when the broker says yes; a worker of the
//! account then reads the body and writes the answer. Every other answer is written here, after the body was read and dropped: some servers lose
//! one that comes before (`reference/test-parts.md` 3). It knows no secret, and what it reads of a body goes nowhere.

pub(super) mod action;
mod head;

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::body;
use super::dialect::Dialect;
use super::guard;
use super::messages::{self, Preference};
use super::response::Response;
use crate::broker::client::Admission;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway;
use crate::limits;
use crate::ops::endpoint::{self, Head};
use crate::sys::identity;
use crate::sys::logging::{self, Target};
use crate::types::Reference;
use head::Variables;

/// Whether this program was put up as the publication endpoint: by the name it was called by, or the name of its file. It gives no right to
/// anything: the broker asks the kernel who is calling.
pub(super) fn is_this_program() -> bool {
    let called = std::env::args_os().next();
    let file = std::fs::read_link("/proc/self/exe").ok();
    let names = [called.as_deref().map(Path::new), file.as_deref()];
    names.into_iter().flatten().filter_map(Path::file_name).any(is_endpoint_name)
}

/// `publish.cgi`, `panelgate-publish`, and what else ends so before its first dot.
fn is_endpoint_name(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or_default();
    stem == b"publish" || stem.ends_with(b"-publish")
}

/// Answers the one request that this process was started for.
pub(super) fn run() {
    let reference = Reference::random();
    let target = if gateway::is_private_trial() { Target::Stderr } else { Target::System };
    logging::start(target, log::LevelFilter::Info);
    identity::forbid_core_dumps();
    let variables = Variables::of_process();
    let preference = variables.preference();
    // Nothing that root would read for a visitor is read before this.
    let head = guard::refuse_root().and_then(|()| variables.head(reference));
    let mut upload = variables.upload();
    let outcome = head.and_then(|mut head| {
        if endpoint::takes_form(&head.method, &head.path) {
            upload = None;
            let stdin = rustix::stdio::stdin();
            let most = limits::ENDPOINT_FORM_BYTES;
            head.form = Some(body::read_small(stdin, head.length, most, limits::PAGE_BODY_TIME)?);
        }
        hand_over(&head)
    });
    match outcome {
        Ok(None) => {}
        Ok(Some(response)) => {
            drop_body(upload);
            write(&response);
        }
        Err(error) => refuse(&error, reference, preference, upload),
    }
}

/// Asks the broker and gives it the descriptors, or gets the answer from it. Whoever has not got them yet may be asked again.
fn hand_over(head: &Head) -> Result<Option<Response>> {
    let broker = gateway::for_endpoint()?;
    let end = Instant::now() + limits::ENDPOINT_PATIENCE;
    let mut pause = Duration::from_millis(20);
    loop {
        let result = broker.publish(head).and_then(|admission| match admission {
            Admission::Go(broker) => {
                broker.hand_over(rustix::stdio::stdin(), rustix::stdio::stdout()).map(|()| None)
            }
            Admission::Answer(reply) => Ok(Some(Response::plain(reply.status, &reply.media, reply.body))),
            Admission::Action(word) => {
                Ok(Some(Response::plain(200, "application/json", action::render(&word))))
            }
        });
        match result {
            Err(error) if error.kind() == ErrorKind::TooMany && Instant::now() + pause < end => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(500));
            }
            result => return result,
        }
    }
}

/// Reads and drops the body, then says why not.
fn refuse(error: &Error, reference: Reference, preference: Preference, upload: Option<u64>) {
    let kind = error.kind();
    // What the broker refused is in its own log; what it could not be asked is a fault of the server's.
    if kind.http_status() >= 500 {
        log::error!("{reference}: publication endpoint: {error:?}");
    }
    drop_body(upload);
    write(&answer(kind, reference, preference));
}

fn drop_body(upload: Option<u64>) {
    if let Some(length) = upload {
        let end = Instant::now() + limits::ENDPOINT_DRAIN_TIME;
        body::drain(rustix::stdio::stdin(), length.min(limits::ENDPOINT_DRAIN_BYTES), end);
    }
}

fn write(response: &Response) {
    let mut stdout = std::io::stdout().lock();
    // A builder who has gone away is no fault.
    let _ = stdout.write_all(&Dialect::Cgi.render(response));
    let _ = stdout.flush();
}

fn answer(kind: ErrorKind, reference: Reference, preference: Preference) -> Response {
    let sentence = messages::error(preference.language(), kind);
    let response = Response::plain(
        kind.http_status(),
        "text/plain; charset=utf-8",
        format!("{sentence} ({reference})\n"),
    );
    let header = match kind {
        ErrorKind::CredentialsRejected => {
            Some(("WWW-Authenticate", "Basic realm=\"publication\", charset=\"UTF-8\""))
        }
        ErrorKind::MethodNotAllowed => Some(("Allow", "GET, POST")),
        _ => None,
    };
    match header {
        // The values are ours and fit on a line.
        Some((name, value)) => response.clone().with_header(name, value.to_owned()).unwrap_or(response),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_what_the_program_is() {
        for (name, want) in [
            ("publish.cgi", true),
            ("panelgate-publish", true),
            ("panelgate-publish.cgi", true),
            ("publish", true),
            ("panelgate.cgi", false),
            ("panelgate-cgi", false),
            ("unpublish.cgi", false),
            ("publish-panelgate.cgi", false),
            ("x.publish", false),
            ("", false),
        ] {
            assert_eq!(is_endpoint_name(OsStr::new(name)), want, "{name}");
        }
    }

    #[test]
    fn every_refusal_is_a_whole_answer_that_a_customer_can_read() {
        let reference: Reference = "7K3M-9QXT".parse().unwrap();
        for kind in ErrorKind::ALL {
            let text =
                String::from_utf8(Dialect::Cgi.render(&answer(*kind, reference, Preference::default())))
                    .unwrap();
            assert!(text.starts_with(&format!("Status: {} ", kind.http_status())), "{text}");
            assert!(text.contains("Content-Type: text/plain; charset=utf-8\r\n"), "{text}");
            assert!(
                text.contains("Cache-Control: no-store\r\n") && text.ends_with("(7K3M-9QXT)\n"),
                "{text}"
            );
            assert_eq!(text.contains("WWW-Authenticate: Basic "), *kind == ErrorKind::CredentialsRejected);
        }
    }
}
