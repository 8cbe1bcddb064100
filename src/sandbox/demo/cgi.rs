//! Running the page's program as a web server does (RFC 3875).
//!
//! The program gets meta-variables and nothing else of an environment, the body on its standard input, and a deadline. Its answer is bounded and
//! taken apart; what is not an answer becomes a `502`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::limits;
use crate::sandbox::http::{Request, Response};
use crate::sys::process::{self, Output, RunError, Task};
use crate::types::quote_bytes;

/// Where the program is called, and what is known about the caller.
pub(super) struct Call<'a> {
    /// Its file.
    pub(super) program: &'a Path,
    /// The path of the address that leads to it.
    pub(super) script: &'a str,
    /// The user that has signed on to the panel.
    pub(super) user: &'a str,
    /// The panel's session, as the value of a cookie field.
    pub(super) cookie: &'a str,
    /// Where this server listens.
    pub(super) server: SocketAddr,
}

/// Runs the program for a request.
pub(super) fn run(call: &Call<'_>, request: &Request) -> Response {
    let environment = meta_variables(call, request);
    let task = Task {
        program: call.program,
        arguments: &[],
        environment: &environment,
        directory: call.program.parent().unwrap_or(Path::new("/")),
        input: &request.body,
    };
    match process::run_task(&task, limits::DEMO_PAGE_BYTES, limits::DEMO_PAGE_TIME) {
        Ok(output) => {
            let answer = parse(&output.stdout);
            report(&output, answer.is_ok());
            answer.unwrap_or_else(|what| bad_gateway(502, what))
        }
        Err(RunError::Deadline(_)) => bad_gateway(504, "it took too long"),
        Err(error) => {
            log::warn!("panelgate.cgi: {error}");
            bad_gateway(502, "it could not be run")
        }
    }
}

/// What the program says on its standard error is its log, because it is a private trial.
fn report(output: &Output, answered: bool) {
    for line in output.stderr.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        log::info!("page: {}", String::from_utf8_lossy(line));
    }
    if !answered {
        let (begin, end) = (quote_bytes(&output.stdout), quote_bytes(&output.stderr));
        log::warn!(
            "panelgate.cgi gave no answer ({}): it printed {begin}, and {end} as errors",
            output.status
        );
    }
}

fn bad_gateway(status: u16, what: &str) -> Response {
    Response::text(status, &format!("The program behind the icon gave no answer: {what}.\n"))
}

/// RFC 3875 4.1: what the request and this server say, and one variable for each further field of the request.
fn meta_variables(call: &Call<'_>, request: &Request) -> Vec<(OsString, OsString)> {
    let path_info = request.path().strip_prefix(call.script).unwrap_or_default();
    let port = call.server.port().to_string();
    let address = request.peer.ip().to_string();
    let length = request.body.len().to_string();
    let software = format!("panelgate-demo/{}", crate::VERSION);
    let mut variables = vec![
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", &software),
        ("SERVER_NAME", "127.0.0.1"),
        ("SERVER_PORT", &port),
        ("REQUEST_METHOD", &request.method),
        ("REQUEST_URI", &request.target),
        ("SCRIPT_NAME", call.script),
        ("QUERY_STRING", request.query()),
        ("REMOTE_ADDR", &address),
        ("REMOTE_USER", call.user),
        ("HTTP_COOKIE", call.cookie),
    ];
    if !path_info.is_empty() {
        variables.push(("PATH_INFO", path_info));
    }
    if !request.body.is_empty() || request.method == "POST" {
        variables.push(("CONTENT_LENGTH", &length));
        variables.extend(request.headers.get("Content-Type").map(|value| ("CONTENT_TYPE", value)));
    }
    let mut variables: Vec<(OsString, OsString)> = variables
        .into_iter()
        .filter(|(_, value)| !value.contains('\0'))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    for (name, value) in request.headers.iter() {
        let Some(name) = header_variable(name) else { continue };
        match variables.iter_mut().find(|(known, _)| *known == *name) {
            // RFC 3875 4.1.18: fields of one name are one variable.
            Some((_, known)) => {
                known.push(", ");
                known.push(value);
            }
            None => variables.push((name.into(), value.into())),
        }
    }
    variables
}

/// The variable of a request's field; `None` for those that are not passed on: what has a variable of its own, what is between two hops only,
/// credentials (RFC 3875 9.2), `Proxy` (which programs take for a setting), and names that would look like another one.
fn header_variable(name: &str) -> Option<String> {
    const KEPT_BACK: [&str; 9] = [
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "keep-alive",
        "proxy",
        "te",
        "upgrade",
    ];
    let lower = name.to_ascii_lowercase();
    let plain = lower.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (plain && !KEPT_BACK.contains(&lower.as_str()))
        .then(|| format!("HTTP_{}", lower.to_ascii_uppercase().replace('-', "_")))
}

/// Takes the program's answer apart (RFC 3875 6).
pub(super) fn parse(bytes: &[u8]) -> Result<Response, &'static str> {
    let (head, body) = split_head(bytes).ok_or("its head does not end")?;
    let head = std::str::from_utf8(head).map_err(|_| "its head is not UTF-8")?;
    let mut response = Response::new(0);
    let mut redirects = false;
    for line in head.lines() {
        let (name, value) = line.split_once(':').ok_or("its head has a line that is no field")?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "status" => {
                let code = value.split(' ').next().unwrap_or_default();
                response.status =
                    code.parse().ok().filter(|code| (200..=599).contains(code)).ok_or("bad Status")?;
            }
            // These are between the browser and this server.
            "connection" | "content-length" | "transfer-encoding" | "keep-alive" | "trailer" | "upgrade" => {}
            lower => {
                redirects |= lower == "location";
                response.headers.add(name, value);
            }
        }
    }
    if response.headers.get("Content-Type").is_none() && !redirects {
        return Err("it has neither Content-Type nor Location");
    }
    if response.status == 0 {
        response.status = if redirects { 302 } else { 200 };
    }
    response.body = body.to_vec();
    Ok(response)
}

/// Splits at the first empty line; lines end in LF or CRLF.
fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    while let Some(newline) = memchr::memchr(b'\n', &bytes[from..]).map(|at| from + at) {
        let rest = &bytes[newline + 1..];
        if let Some(body) = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n")) {
            return Some((&bytes[..newline], body));
        }
        from = newline + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::http::Headers;
    use proptest::prelude::*;

    #[test]
    fn answers() {
        let parsed = |text: &str| parse(text.as_bytes());
        let page = parsed("Content-Type: text/html\r\nX-A: b\r\nContent-Length: 9\r\n\r\n<p>\n\nx").unwrap();
        assert_eq!((page.status, page.body.as_slice()), (200, &b"<p>\n\nx"[..]));
        assert_eq!(page.headers.get("X-A"), Some("b"));
        assert_eq!(page.headers.get("Content-Length"), None, "the server counts itself");
        let redirect = parsed("Status: 303 See Other\nLocation: https://b.example/\n\n").unwrap();
        assert_eq!((redirect.status, redirect.headers.get("location")), (303, Some("https://b.example/")));
        assert_eq!(parsed("Location: https://b.example/\n\n").unwrap().status, 302);
        for bad in [
            "",
            "\n\n",
            "Content-Type: a",
            "Content-Type: a\n",
            "hello\n\n",
            "X: y\n\n",
            "Status: 99\nLocation: x\n\n",
        ] {
            assert!(parsed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_program_gets_what_a_web_server_gives_and_nothing_else() {
        let mut headers = Headers::default();
        for (name, value) in [
            ("Host", "127.0.0.1:8080"),
            ("Cookie", "other=1"),
            ("Proxy", "http://evil.example"),
            ("Authorization", "Basic eA=="),
            ("X_Under", "score"),
            ("Accept-Language", "de"),
            ("Accept-Language", "en"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ] {
            headers.add(name, value);
        }
        let peer = "127.0.0.1:5000".parse().unwrap();
        let request = Request {
            method: "POST".into(),
            target: "/p/panelgate.cgi/x?a=b".into(),
            headers,
            body: b"a=b".to_vec(),
            peer,
        };
        let call = Call {
            program: Path::new("/x/panelgate.cgi"),
            script: "/p/panelgate.cgi",
            user: "alice",
            cookie: "cpsession=1",
            server: peer,
        };
        let variables = meta_variables(&call, &request);
        let get = |name: &str| {
            let found: Vec<_> = variables.iter().filter(|(known, _)| *known == *name).collect();
            assert!(found.len() <= 1, "{name}");
            found.first().map(|(_, value)| value.to_str().unwrap().to_owned())
        };
        for (name, value) in [
            ("REQUEST_METHOD", "POST"),
            ("CONTENT_LENGTH", "3"),
            ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
            ("QUERY_STRING", "a=b"),
            ("PATH_INFO", "/x"),
            ("HTTP_COOKIE", "cpsession=1"),
            ("HTTP_ACCEPT_LANGUAGE", "de, en"),
        ] {
            assert_eq!(get(name).as_deref(), Some(value), "{name}");
        }
        for name in ["HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_X_UNDER", "PATH", "HOME", "HTTP_CONTENT_TYPE"]
        {
            assert_eq!(get(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(response) = parse(&bytes) {
                prop_assert!((200..=599).contains(&response.status));
            }
        }
    }
}
