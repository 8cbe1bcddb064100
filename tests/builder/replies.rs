//! What comes back.

use super::server::*;
use panelgate::error::ErrorKind;

fn told(status: &str, body: &str) -> panelgate::error::Result<panelgate::builder::SessionReply> {
    Server::answering(vec![answer(status, body)]).open("hosts = b.example")
}

const URL: &str = "https://b.example/?login_hash=x";

#[test]
fn failures_in_every_documented_shape() {
    for (status, body, kind, part) in [
        (
            "400 Bad Request",
            r#"{"error":{"message":"Bad input data"}}"#,
            ErrorKind::BuilderRefused,
            "\"Bad input data\"",
        ),
        (
            "200 OK",
            r#"{"error":{"message":"Domain is taken"}}"#,
            ErrorKind::BuilderRefused,
            "\"Domain is taken\"",
        ),
        (
            "500 Oops",
            r#"{"error":{"code":1,"message":"No space"}}"#,
            ErrorKind::BuilderRefused,
            "\"No space\", code \"1\"",
        ),
        ("500 Oops", r#"{"error":{"code":"E7"}}"#, ErrorKind::BuilderRefused, "unknown error, code \"E7\""),
        ("200 OK", r#"{"error":"Unknown type"}"#, ErrorKind::BuilderRefused, "\"Unknown type\""),
        ("200 OK", r#"{"error":"x","url":"https://b.example/"}"#, ErrorKind::BuilderRefused, "\"x\""),
        ("404 Not Found", r#"{"error":"No such method"}"#, ErrorKind::BuilderRefused, "HTTP 404"),
        ("200 OK", r#"{"error":["x"]}"#, ErrorKind::BuilderRefused, "unknown error"),
        ("200 OK", r#"{"error":{"reason":"x"}}"#, ErrorKind::BuilderRefused, "unknown error"),
        ("200 OK", r#"{"error":{"message":{"a":1}}}"#, ErrorKind::BuilderRefused, "unknown error"),
        ("200 OK", r#"{"error":true}"#, ErrorKind::BuilderRefused, "unknown error"),
        ("200 OK", r#"{"error":-3}"#, ErrorKind::BuilderRefused, "code \"-3\""),
        (
            "401 Unauthorized",
            r#"{"error":{"message":"Wrong password"}}"#,
            ErrorKind::BuilderAuth,
            "\"Wrong password\"",
        ),
        ("403 Forbidden", r#"{"error":"No"}"#, ErrorKind::BuilderAuth, "[builder] username"),
        ("401 Unauthorized", "", ErrorKind::BuilderAuth, "HTTP 401"),
        ("403 Forbidden", "<html>Forbidden</html>", ErrorKind::BuilderAuth, "HTTP 403"),
        (
            "400 Bad Request",
            r#"{"error":{"message":"License not found. Please contact your hosting support."}}"#,
            ErrorKind::BuilderLicence,
            "not on the licence",
        ),
        (
            "403 Forbidden",
            r#"{"error":"License is required"}"#,
            ErrorKind::BuilderLicence,
            "\"License is required\"",
        ),
        ("403 Forbidden", "<h1>LICENSE NOT FOUND</h1>", ErrorKind::BuilderLicence, "HTTP 403"),
        ("500 Oops", "<html>oops", ErrorKind::BuilderUnreachable, "a web page instead of JSON"),
        ("503 Busy", "", ErrorKind::BuilderUnreachable, "HTTP 503"),
        ("502 Bad Gateway", "{}", ErrorKind::BuilderUnreachable, "without a reason"),
        ("429 Too Many", "slow down", ErrorKind::BuilderUnreachable, "too often"),
        ("404 Not Found", "<html>", ErrorKind::BuilderProtocol, "no such call"),
        ("405 Method Not Allowed", "", ErrorKind::BuilderProtocol, "check [builder] url"),
        ("400 Bad Request", "", ErrorKind::BuilderProtocol, "an empty body"),
        ("402 Pay", "{}", ErrorKind::BuilderProtocol, "without a reason"),
        ("304 Not Modified", "", ErrorKind::BuilderProtocol, "HTTP 304"),
    ] {
        println!("{status} {body}");
        assert_error(told(status, body), kind, &[part]);
    }
}

#[test]
fn depth_is_no_danger() {
    let nest = |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    for value in [nest("[", "]"), nest("{\"a\":", "}"), format!("{{\"x\":{}}}", nest("[", "]"))] {
        let error = format!("{{\"error\":{value}}}");
        assert_error(told("200 OK", &error), ErrorKind::BuilderRefused, &["unknown error"]);
        let ignored = format!("{{\"other\":{value},\"url\":\"{URL}\"}}");
        told("200 OK", &ignored).unwrap();
    }
    for value in [nest("{\"message\":", "}"), nest("{\"code\":", "}"), "[".repeat(500_000)] {
        let error = format!("{{\"error\":{value}}}");
        assert_error(told("200 OK", &error), ErrorKind::BuilderProtocol, &["JSON that"]);
    }
}

#[test]
fn an_empty_error_is_none() {
    for error in [r#""""#, "null", "{}", "[]", "false"] {
        let reply = told("200 OK", &format!(r#"{{"error":{error},"url":"{URL}"}}"#)).unwrap();
        assert_eq!(reply.url.expose(), URL);
        assert!(reply.login_hash.is_none() && reply.builder_api_url.is_none());
    }
    told("200 OK", &format!("\u{feff}\r\n {{\"url\":\"{URL}\"}} ")).unwrap();
    told("201 Created", &format!("{{\"url\":\"{URL}\",\"x\":{{\"y\":[null]}}}}")).unwrap();
}

#[test]
fn what_is_not_documented_is_one_clear_error() {
    for (body, part) in [
        ("", "an empty body"),
        ("  \r\n", "an empty body"),
        ("<!doctype html><p>login_hash=ab12", "a web page"),
        ("null", "something else"),
        (r#"["https://b.example/"]"#, "something else"),
        (r#""https://b.example/?login_hash=x""#, "something else"),
        ("\0\u{1}binary", "something else"),
        ("{}", "missing field `url`"),
        (r#"{"url":null}"#, "wrong type"),
        (r#"{"url":7}"#, "wrong type"),
        (r#"{"url":["https://b.example/?login_hash=x"]}"#, "wrong type"),
        (r#"{"url":{"login_hash=x":1}}"#, "wrong type"),
        (r#"{"url":"https://b.example/","url":"https://b.example/?login_hash=x"}"#, "duplicate field `url`"),
        (r#"{"error":null,"error":"x"}"#, "duplicate field `error`"),
        (r#"{"url":"https://b.example/?login_hash=x""#, "breaks off"),
        (r#"{"url":"https://b.exa"#, "breaks off"),
        ("{\"url\":\"https://b.example/\n\"}", "malformed"),
        (r#"{"url":"https://b.example/"} {"#, "malformed"),
        (r#"{url:"x"}"#, "malformed"),
        (r#"{"url":"\ud800"}"#, "malformed"),
    ] {
        println!("{body:.100}");
        assert_error(told("200 OK", body), ErrorKind::BuilderProtocol, &[part, "check [builder] url"]);
    }
    let not_utf8 = Server::answering(vec![answer("200 OK", b"{\"url\":\"\xff\"}")]);
    assert_error(not_utf8.open(""), ErrorKind::BuilderProtocol, &["malformed"]);
}

#[test]
fn messages_are_quoted_cut_and_never_repeat_a_secret() {
    let message = |text: &str| serde_json::json!({"error": {"message": text}}).to_string();
    assert_error(
        told("400 Bad", &message("line\r\nforged\u{1b}[31m \u{202e}x")),
        ErrorKind::BuilderRefused,
        &["\"line\\r\\nforged\\u{1b}[31m \\u{202e}x\""],
    );
    let long = told("400 Bad", &message(&"x".repeat(100_000))).unwrap_err();
    assert!(long.to_string().len() < 600 && long.to_string().contains('…'));
    for text in [
        format!("cannot log in as site with {SITE_PASSWORD}"),
        format!("brand:{API_PASSWORD} is unknown"),
        "Authorization: Basic YnJhbmQ6YnJhbmQtcGFzc3dvcmQtNWYxZA==".to_owned(),
        "see https://b.example/?login_hash=ab12".to_owned(),
    ] {
        for status in ["400 Bad", "401 Unauthorized", "200 OK"] {
            let error = told(status, &message(&text)).unwrap_err();
            assert!(error.chain().contains("repeats a secret"), "{error:?}");
            assert_error(Err(error), told(status, &message(&text)).unwrap_err().kind(), &[]);
        }
    }
    let mut call = http_request();
    call.license_hash = Some(panelgate::types::Secret::new("lic-77".into()));
    let server = Server::answering(vec![answer("400 Bad", message("License lic-77 is used up"))]);
    let error = server.client("").request_login(&call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderLicence);
    assert!(!error.chain().contains("lic-77"), "{error:?}");
}

#[test]
fn only_addresses_of_the_builder_are_passed_on() {
    let long = format!("https://b.example/?{}", "x".repeat(9000));
    for (hosts, url, expected) in [
        ("b.example", "https://b.example/?login_hash=x&a=%20b", Ok("https://b.example/?login_hash=x&a=%20b")),
        ("b.example", "HTTPS://B.Example:443", Ok("https://b.example/")),
        ("*.b.example", "https://brand.b.example/e", Ok("https://brand.b.example/e")),
        ("b.example:8443", "https://b.example:8443/e", Ok("https://b.example:8443/e")),
        ("b.example", "http://b.example/?login_hash=x", Err("allow_http = yes")),
        ("b.example", "https://evil.example/?login_hash=x", Err("add evil.example to [builder] hosts")),
        ("b.example", "https://b.example:8443/?login_hash=x", Err("add b.example:8443 to [builder] hosts")),
        ("b.example", "https://b.example.evil.example/", Err("add b.example.evil.example")),
        ("b.example", "https://b.example@evil.example/", Err("user name or password")),
        ("b.example", "https://b.example\\\\@evil.example/", Err("character")),
        ("b.example", "https://b.example/a b", Err("character")),
        ("b.example", "https://b.example/\\r\\nSet-Cookie: a=b", Err("character")),
        ("b.example", "https://b.example/\\u0000", Err("character")),
        ("b.example", "https://b.example/#x", Err("fragment")),
        ("b.example", "https://bücher.example/", Err("character")),
        ("b.example", "//b.example/", Err("does not begin with https://")),
        ("b.example", "/editor", Err("does not begin with https://")),
        ("b.example", "javascript:alert(1)", Err("does not begin with https://")),
        ("b.example", "", Err("does not begin with https://")),
        ("b.example", "https://", Err("host")),
        ("b.example", &long, Err("longer than 8192 bytes")),
    ] {
        println!("{url:.80}");
        let server = Server::answering(vec![answer("200 OK", format!("{{\"url\":\"{url}\"}}"))]);
        let result = server.open(&format!("hosts = {hosts}"));
        match expected {
            Ok(text) => assert_eq!(result.unwrap().url.expose(), text),
            Err(part) => assert_error(result, ErrorKind::BuilderUrl, &["\"url\"", part]),
        }
    }
    let server = Server::answering(vec![answer("200 OK", r#"{"url":"http://b.example/?login_hash=x"}"#)]);
    let reply = server.open("hosts = b.example\nallow_http = yes").unwrap();
    assert_eq!(reply.url.expose(), "http://b.example/?login_hash=x");
}
