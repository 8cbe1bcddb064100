use super::*;
use crate::web::meta::tests::variables;
use proptest::prelude::*;
use std::io::Write;
use std::os::fd::AsFd;

const TIME: Duration = Duration::from_millis(300);

/// What becomes of a request with these variables and this on standard input.
fn take(pairs: &[(&str, &[u8])], stdin: &[u8]) -> Result<(Meta, Request)> {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(stdin).unwrap();
    drop(writer);
    admit(variables(pairs), reader.as_fd(), TIME)
}

fn kind(pairs: &[(&str, &[u8])], stdin: &[u8]) -> Option<ErrorKind> {
    take(pairs, stdin).err().map(|error| error.kind())
}

#[test]
fn methods() {
    for (method, want) in [
        ("GET", None),
        ("HEAD", None),
        ("PUT", Some(ErrorKind::MethodNotAllowed)),
        ("get", Some(ErrorKind::MethodNotAllowed)),
        ("G\u{e9}T", Some(ErrorKind::BadRequest)),
        ("GET\r\nX: y", Some(ErrorKind::BadRequest)),
        ("", Some(ErrorKind::BadRequest)),
    ] {
        assert_eq!(kind(&[("REQUEST_METHOD", method.as_bytes())], b""), want, "{method:?}");
    }
    assert_eq!(kind(&[], b""), Some(ErrorKind::BadRequest));
}

#[test]
fn bodies_of_plain_cgi() {
    let post = |length: &'static [u8], stdin: &'static [u8]| {
        take(&[("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", length)], stdin)
            .map(|(_, request)| request.body)
            .map_err(|error| error.kind())
    };
    assert_eq!(post(b"5", b"a=1&b and more").unwrap(), b"a=1&b");
    assert_eq!(post(b"0", b"").unwrap(), b"");
    assert_eq!(post(b"", b"a=1"), Err(ErrorKind::BadRequest), "empty");
    assert_eq!(post(b"5", b"a=1"), Err(ErrorKind::BadRequest), "short");
    for bad in [&b"-1"[..], b"+1", b" 1", b"1.0", b"0x1", b"1,1", b"\xff"] {
        assert_eq!(post(bad, b"a"), Err(ErrorKind::BadRequest), "{bad:?}");
    }
    for huge in [&b"65537"[..], b"1000000000000000000", b"99999999999999999999999999999999"] {
        assert_eq!(post(huge, b"a"), Err(ErrorKind::TooLarge), "{huge:?}");
    }
    assert_eq!(kind(&[("REQUEST_METHOD", b"POST")], b"a=1"), Some(ErrorKind::BadRequest), "absent");
    let get = take(&[("REQUEST_METHOD", b"GET"), ("CONTENT_LENGTH", b"3")], b"a=1").unwrap();
    assert!(get.1.body.is_empty(), "a body with GET means nothing");
    assert_eq!(kind(&[("REQUEST_METHOD", b"GET"), ("CONTENT_LENGTH", b"")], b""), None);
}

#[test]
fn bodies_of_directadmin() {
    let post = |body: &[u8], stdin: &[u8]| {
        take(&[("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b""), ("POST", body)], stdin)
            .map(|(_, request)| String::from_utf8(request.body).unwrap())
            .map_err(|error| error.kind())
    };
    assert_eq!(post(b"site=a.example&token=x", b"").unwrap(), "site=a.example&token=x");
    assert_eq!(post(b"site=a.example&amp;token=x", b"").unwrap(), "site=a.example&token=x");
    assert_eq!(post(b"", b"ignored").unwrap(), "");
    assert_eq!(post(b"stdin=true", b"site=b.example").unwrap(), "site=b.example");
    assert_eq!(post(b"stdin=true", b"").unwrap(), "");
    assert_eq!(post(b"stdin=true&x", b"site=b.example").unwrap(), "stdin=true&x");
    let large = vec![b'x'; limits::META_VARIABLE_BYTES + 1];
    assert_eq!(post(&large, b""), Err(ErrorKind::TooLarge));
    // No POST variable at all, but DirectAdmin's session: a page view without a form.
    let view: [(&str, &[u8]); 4] =
        [("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b""), ("SESSION_ID", b"a"), ("SESSION_KEY", b"b")];
    assert!(take(&view, b"").unwrap().1.body.is_empty());
}

#[test]
fn a_body_that_never_comes_does_not_hold_the_page() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let start = std::time::Instant::now();
    let pairs: [(&str, &[u8]); 2] = [("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b"5")];
    let error = admit(variables(&pairs), reader.as_fd(), TIME).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    assert!(start.elapsed() < 60 * TIME);
}

#[test]
fn query_strings_become_ascii_and_stay_bounded() {
    let query = |text: &[u8]| {
        take(&[("REQUEST_METHOD", b"GET"), ("QUERY_STRING", text)], b"")
            .map(|(_, request)| request.query)
            .map_err(|error| error.kind())
    };
    assert_eq!(query(b"site=a.example&x=%41").unwrap(), "site=a.example&x=%41");
    assert_eq!(query(b"a=\xff<\"# |").unwrap(), "a=%FF%3C%22%23%20%7C");
    assert_eq!(query(b"a=1\n"), Err(ErrorKind::BadRequest));
    assert_eq!(query(&[b'a'; limits::QUERY_BYTES + 1]), Err(ErrorKind::TooLarge));
    let decoded =
        take(&[("REQUEST_METHOD", b"GET"), ("QUERY_STRING", b"a=1&amp;site=b"), ("POST", b"")], b"");
    assert_eq!(decoded.unwrap().1.query, "a=1&site=b");
}

#[test]
fn prefetches_are_refused() {
    let pairs: [(&str, &[u8]); 2] = [("REQUEST_METHOD", b"GET"), ("HTTP_SEC_PURPOSE", b"prefetch;prerender")];
    assert_eq!(kind(&pairs, b""), Some(ErrorKind::Prefetch));
}

proptest! {
    #[test]
    fn whatever_comes_is_bounded_or_refused(
        method in "GET|HEAD|POST|PUT|[ -~]{0,6}",
        length in proptest::option::of("[0-9]{0,22}|[ -~]{0,6}"),
        query in proptest::collection::vec(1_u8.., 0..200),
        post in proptest::option::of(proptest::collection::vec(1_u8.., 0..200)),
        stdin in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut pairs: Vec<(&str, &[u8])> = vec![("REQUEST_METHOD", method.as_bytes()), ("QUERY_STRING", &query)];
        pairs.extend(length.as_ref().map(|length| ("CONTENT_LENGTH", length.as_bytes())));
        pairs.extend(post.as_ref().map(|post| ("POST", post.as_slice())));
        if let Ok((_, request)) = take(&pairs, &stdin) {
            prop_assert!(request.query.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(request.body.len() as u64 <= limits::PAGE_BODY_BYTES);
            prop_assert!(request.method == Method::Post || request.body.is_empty());
        }
    }
}
