//! Redirects: the same POST again, but only where it may go.

use super::server::*;
use panelgate::error::ErrorKind;

/// A server that first redirects, then opens a session.
fn hops(locations: &[&str]) -> Server {
    let mut answers: Vec<Vec<u8>> =
        locations.iter().map(|location| redirect("307 Temporary Redirect", location)).collect();
    answers.push(answer("200 OK", r#"{"url":"https://b.example/?login_hash=x"}"#));
    Server::answering(answers)
}

const HOSTS: &str = "hosts = b.example";

#[test]
fn every_kind_of_redirect_posts_the_same_body_again() {
    for status in
        ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let server = Server::answering(vec![
            redirect(status, "/new/requestLogin?x=1"),
            answer("200 OK", r#"{"url":"https://b.example/"}"#),
        ]);
        server.open(HOSTS).unwrap();
        let heard = server.heard();
        assert_eq!(heard.len(), 2, "{status}");
        assert!(heard[1].head.starts_with("POST /new/requestLogin?x=1 HTTP/1.1\r\n"), "{}", heard[1].head);
        assert_eq!(heard[0].body, heard[1].body);
        assert_eq!(heard[1].header("Content-Type"), Some("application/json"));
        assert_eq!(heard[0].header("Authorization"), heard[1].header("Authorization"));
        assert!(heard[1].header("Authorization").is_some(), "the same host gets the credentials");
    }
}

#[test]
fn three_hops_are_followed_and_not_four() {
    let server = hops(&["/1", "/2", "/3"]);
    server.open(HOSTS).unwrap();
    assert_eq!(server.heard().len(), 4);
    let server = hops(&["/1", "/2", "/3", "/4"]);
    assert_error(server.open(HOSTS), ErrorKind::BuilderProtocol, &["more than 3 times"]);
    assert_eq!(server.heard().len(), 4);
    let server = Server::answering(vec![redirect("302 Found", "/api/requestLogin")]);
    assert_error(server.open(HOSTS), ErrorKind::BuilderProtocol, &["more than 3 times"]);
}

#[test]
fn another_allowed_host_gets_the_body_but_never_the_credentials() {
    let other = hops(&[]);
    let port = other.address.port();
    let server = hops(&[&format!("https://localhost:{port}/x")]);
    server.open(&format!("hosts = b.example, localhost:{port}")).unwrap();
    let heard = other.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].header("Authorization"), None);
    assert_eq!(heard[0].body, server.heard()[0].body);
}

#[test]
fn another_host_that_wants_credentials_is_named() {
    let other = Server::answering(vec![answer("401 Unauthorized", "")]);
    let port = other.address.port();
    let server = hops(&[&format!("https://localhost:{port}/x")]);
    assert_error(
        server.open(&format!("hosts = localhost:{port}")),
        ErrorKind::BuilderAuth,
        &["where the call was redirected to", "set [builder] url"],
    );
}

#[test]
fn a_host_that_is_not_allowed_gets_nothing() {
    let other = hops(&[]);
    let port = other.address.port();
    let secret_path = format!("https://localhost:{port}/x?login_hash=1");
    let server = hops(&[&secret_path]);
    assert_error(
        server.open(HOSTS),
        ErrorKind::BuilderUrl,
        &[&format!("add localhost:{port} to [builder] hosts"), "not followed"],
    );
    // Another port of the same host is another server.
    let server = hops(&[&format!("https://127.0.0.1:{port}/x")]);
    assert_error(server.open(HOSTS), ErrorKind::BuilderUrl, &["not followed"]);
    assert!(other.heard().is_empty());
}

#[test]
fn nothing_goes_from_https_to_http() {
    let plain = Server::start(None, |connection| {
        connection.request();
    });
    let port = plain.address.port();
    for lines in [
        format!("hosts = b.example, 127.0.0.1:{port}"),
        format!("hosts = b.example, 127.0.0.1:{port}\nallow_http = yes"),
    ] {
        let server = hops(&[&format!("http://127.0.0.1:{port}/api/requestLogin")]);
        assert_error(server.open(&lines), ErrorKind::BuilderUrl, &["is not https"]);
    }
    assert!(plain.heard().is_empty());
}

#[test]
fn a_redirect_to_nowhere_is_an_error() {
    let bad = |head: &str| {
        Server::answering(vec![format!("HTTP/1.1 302 Found\r\n{head}Content-Length: 0\r\n\r\n").into()])
    };
    for (head, part) in [
        ("", "there is no Location"),
        ("Location: /a\r\nLocation: /b\r\n", "more than one Location"),
        ("Location: //evil.example/x\r\n", "does not begin with https://"),
        ("Location: javascript:alert(1)\r\n", "does not begin with https://"),
        ("Location: requestLogin\r\n", "does not begin with https://"),
        ("Location: \r\n", "does not begin with https://"),
        ("Location: https://u:p@b.example/\r\n", "user name or password"),
        ("Location: https://b.example\\@evil.example/\r\n", "character"),
        ("Location: https://b.example/\u{e9}\r\n", "not text"),
    ] {
        let server = bad(head);
        assert_error(server.open(HOSTS), ErrorKind::BuilderProtocol, &["without saying where", part]);
        assert_eq!(server.heard().len(), 1, "{head:?}");
    }
}

#[test]
fn all_hops_share_one_deadline() {
    let server = Server::start(Some(usual_tls()), |connection| {
        while connection.request().is_some() {
            std::thread::sleep(std::time::Duration::from_millis(450));
            if connection.send(redirect("302 Found", "/again")).is_err() {
                break;
            }
        }
    });
    assert_error(server.open("timeout = 1"), ErrorKind::BuilderUnreachable, &["within 1 s"]);
}
