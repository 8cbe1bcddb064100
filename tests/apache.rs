//! The page behind Apache 2.4 with mod_cgid: what a real web server makes of it, and it of a real web server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::apache::Apache;
use common::{SITE_MAIN, SITE_OF_B, Sites, Trial};
use panelgate::config::PanelKind;

const PAGE: &str = "/frontend/jupiter/panelgate/index.live.cgi";
const CPSESS: (&str, &str) = ("cp_security_token", "/cpsess1234567890");

/// An answer, taken apart.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    /// The hidden field of the form that opens a site.
    fn token_of(&self, site: &str) -> String {
        let form = self
            .body
            .split("<form")
            .find(|form| form.contains(&format!("value=\"{site}\"")))
            .expect("a form");
        let token = form.split("name=\"token\" value=\"").nth(1).expect("a token");
        token.split('"').next().unwrap().to_owned()
    }
}

/// Sends bytes as they are and reads to the end.
fn raw(apache: &Apache, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(("127.0.0.1", apache.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

fn get(apache: &Apache, target: &str, headers: &str) -> Reply {
    raw(
        apache,
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").as_bytes(),
    )
}

fn post(apache: &Apache, body: &str) -> Reply {
    let length = body.len();
    let head = format!(
        "POST {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: cpsession=abc\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    );
    raw(apache, format!("{head}{body}").as_bytes())
}

fn start(trial: &Trial) -> Apache {
    let program = trial.program("index.live.cgi");
    Apache::start(&trial.user, &[(PAGE, &program)], &[CPSESS])
}

#[test]
fn one_site_is_opened_straight_away() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let apache = start(&trial);
    let reply = get(&apache, PAGE, "");
    assert_eq!(reply.status, 303, "{}\n{}", reply.body, apache.error_log());
    let location = reply.header("Location").unwrap();
    assert!(location.starts_with(&format!("https://{}/", trial.builder.page_host())), "{location}");
    assert!(location.contains("login_hash="));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    assert_eq!(reply.header("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(trial.sessions(), 1);
}

#[test]
fn several_sites_are_chosen_from_by_a_form_with_a_token() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start(&trial);
    let chooser = get(&apache, PAGE, "Cookie: cpsession=abc\r\n");
    assert_eq!(chooser.status, 200, "{}", chooser.body);
    for text in [
        "alice.example",
        "bücher.example",
        "xn--bcher-kva.example",
        "blog.alice.example",
        "alice-alias.example",
    ] {
        assert!(chooser.body.contains(text), "{text} is missing");
    }
    assert_eq!(trial.sessions(), 0, "looking opens nothing");
    let policy = chooser.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    let token = chooser.token_of(SITE_MAIN);
    let other = chooser.token_of("blog.alice.example");
    assert_eq!(post(&apache, &format!("site={SITE_MAIN}&token={token}")).status, 303);
    assert_eq!(trial.sessions(), 1);
    for refused in [
        format!("site={SITE_MAIN}"),
        format!("site={SITE_MAIN}&token="),
        format!("site={SITE_MAIN}&token={other}"),
        format!("site={SITE_MAIN}&token=Z{}", &token[1..]),
        format!("site={SITE_OF_B}&token={token}"),
        format!("site={SITE_MAIN}&site={SITE_OF_B}&token={token}"),
        format!("token={token}"),
        "site=%00&token=%0d%0a".to_owned(),
    ] {
        let reply = post(&apache, &refused);
        assert!((400..500).contains(&reply.status), "{refused}: {}", reply.status);
        assert!(reply.header("Location").is_none());
    }
    assert_eq!(trial.sessions(), 1, "nothing but the one good form opened anything");
}

#[test]
fn a_token_of_another_panel_session_is_refused() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start(&trial);
    let token = get(&apache, PAGE, "Cookie: cpsession=other\r\n").token_of(SITE_MAIN);
    assert_eq!(post(&apache, &format!("site={SITE_MAIN}&token={token}")).status, 403);
    assert_eq!(trial.sessions(), 0);
}

#[test]
fn hostile_requests_get_an_answer_and_open_nothing() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start(&trial);
    let trap = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("Proxy: http://{}\r\n", trap.local_addr().unwrap());
    let large = format!("X-Large: {}\r\n", "x".repeat(100_000));
    for (name, target, headers) in [
        ("arguments", format!("{PAGE}?--config+/tmp/x"), ""),
        ("help", format!("{PAGE}?--help"), ""),
        ("not UTF-8", format!("{PAGE}?site=%ff%fe"), "User-Agent: caf\u{e9}\r\n"),
        ("control characters", format!("{PAGE}?site=%0d%0aSet-Cookie:x=1"), ""),
        ("httpoxy", PAGE.to_owned(), proxy.as_str()),
        ("a large header", PAGE.to_owned(), large.as_str()),
        (
            "the server's name in a header",
            PAGE.to_owned(),
            "X-CGI-Remote-User: root\r\nRemote-User: root\r\n",
        ),
        ("a site of somebody else", format!("{PAGE}?site={SITE_OF_B}"), ""),
        ("a site that is a path", format!("{PAGE}?site=../../etc/passwd"), ""),
        ("a prefetch", format!("{PAGE}?site={SITE_MAIN}"), "Sec-Purpose: prefetch\r\n"),
    ] {
        let reply = get(&apache, &target, headers);
        assert!([200, 400, 403, 404].contains(&reply.status), "{name}: {}", reply.head);
        assert!(reply.header("Location").is_none() && reply.header("Set-Cookie").is_none(), "{name}");
        assert!(!reply.body.contains("panicked") && !reply.body.contains("/root/"), "{name}: {}", reply.body);
    }
    assert!(trap.accept().is_err(), "the proxy of a request header was used");
    assert_eq!(trial.sessions(), 0);
    for request in [
        format!(
            "POST {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n{}",
            "x".repeat(70_000)
        ),
        format!("PUT {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"),
        format!("DELETE {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ] {
        let reply = raw(&apache, request.as_bytes());
        assert!([405, 413].contains(&reply.status), "{}", reply.head);
    }
    assert!(!apache.error_log().contains("panicked"), "{}", apache.error_log());
}

#[test]
fn no_secret_reaches_page_or_log() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let apache = start(&trial);
    trial.builder.push_fault(panelgate::sandbox::http::Response::text(500, "broken"));
    let reply = get(&apache, PAGE, "");
    assert_eq!(reply.status, 502);
    let number = reply.body.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).find(|word| {
        word.len() == 9
            && word.as_bytes()[4] == b'-'
            && word.bytes().all(|b| b == b'-' || b.is_ascii_uppercase() || b.is_ascii_digit())
    });
    let log = apache.error_log();
    assert!(log.contains(number.expect("a reference number")), "{log}");
    for text in [&reply.body, &log] {
        assert!(!text.contains(common::BUILDER_PASSWORD) && !text.contains("login_hash"), "{text}");
    }
    assert_eq!(get(&apache, PAGE, "").status, 303);
    assert!(!apache.error_log().contains("login_hash"), "{}", apache.error_log());
}
