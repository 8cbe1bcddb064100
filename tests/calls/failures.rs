//! Every way to fail, for every call.

use panelgate::builder::{Client, Site};
use panelgate::calls::{Answer, Call, Session, Way};
use panelgate::error::ErrorKind;
use panelgate::limits;
use panelgate::sandbox::http::Response;
use panelgate::sandbox::{ErrorShape, Options};
use serde_json::{Map, Value, json};

use super::{Pair, session};

fn calls() -> impl Iterator<Item = Call> {
    Call::ALL.iter().copied().filter(|call| call.entry().way == Way::Call)
}

/// Makes a call whose session is there already; the fields do not matter, since a fault answers it.
fn make(client: &Client, call: Call) -> panelgate::error::Result<Value> {
    let session = session("shop.example");
    client.invoke(call, call.entry().is_about_a_site().then_some(Site::Session(&session)), &Map::new())
}

/// Makes sure that there is a session, so that the next request is the call itself.
fn prepare(pair: &Pair) {
    pair.client.website(&session("shop.example")).settings().unwrap();
}

#[test]
fn all_error_shapes_of_all_calls() {
    for call in calls() {
        for shape in ErrorShape::ALL {
            let pair = Pair::new();
            prepare(&pair);
            let repeats = if call.entry().idempotent && shape == ErrorShape::Page {
                limits::BUILDER_RETRIES
            } else {
                0
            };
            let other_spelling =
                call == Call::IpListFull && shape != ErrorShape::Page && shape != ErrorShape::Empty;
            for _ in 0..=repeats + u32::from(other_spelling) {
                pair.builder.push_fault(shape.response("Something is wrong"));
            }
            let before = pair.called().len();
            let error = make(&pair.client, call).unwrap_err();
            let want = match shape {
                ErrorShape::Page => ErrorKind::BuilderUnreachable,
                ErrorShape::Empty => ErrorKind::BuilderProtocol,
                _ => ErrorKind::BuilderRefused,
            };
            let place = format!("{} with {shape:?}", call.name());
            assert_eq!(error.kind(), want, "{place}: {error:?}");
            let text = error.chain();
            assert!(text.starts_with(&format!("{}: ", call.name())), "{text}");
            assert_eq!(
                text.contains("Something is wrong"),
                want == ErrorKind::BuilderRefused,
                "{place}: {text}"
            );
            assert!(!text.contains("hunter2") && !text.contains("site-password"), "{text}");
            let sent = pair.called().len() - before;
            assert_eq!(sent as u32, 1 + repeats + u32::from(other_spelling), "{place}");
        }
    }
}

#[test]
fn an_answer_that_is_not_as_documented_is_a_protocol_error_that_quotes_nothing() {
    let hash = "0123456789abcdef";
    for call in calls() {
        for body in [
            json!({ "surprise": hash }),
            json!("surprise"),
            json!(7),
            json!([hash]),
            json!({ "ok": null }),
            json!({ "domains": hash, "ok": true }),
        ] {
            let pair = Pair::new();
            prepare(&pair);
            pair.builder.push_fault(Response::json(200, &body));
            let result = make(&pair.client, call);
            let answer = call.entry().answer;
            let fine = match (&body, answer) {
                (Value::Object(members), Answer::Ok | Answer::OkList) => {
                    members.get("ok") == Some(&json!(true))
                }
                (Value::Object(_), _) => true,
                (Value::Array(_), Answer::List) => true,
                _ => false,
            };
            assert_eq!(result.is_ok(), fine, "{} with {body}: {result:?}", call.name());
            if let Err(error) = result {
                let kinds = [ErrorKind::BuilderProtocol, ErrorKind::BuilderRefused];
                assert!(kinds.contains(&error.kind()), "{error:?}");
                assert!(!error.chain().contains(hash) && !error.chain().contains("surprise"), "{error:?}");
            }
        }
    }
    // With a type of its own, the same list is a fault.
    let pair = Pair::new();
    pair.builder.push_fault(Response::json(200, &json!({ "ok": true, "domains": [{ "domain": [] }] })));
    assert_eq!(pair.client.published(0, 10).unwrap_err().kind(), ErrorKind::BuilderProtocol);
    // A site's key may be a number, and a number may come as one.
    pair.builder
        .push_fault(Response::json(200, &json!({ "ok": 1, "domains": [{ "domain": 7, "live": "1" }] })));
    assert_eq!(pair.client.published(0, 10).unwrap()[0].domain, "7");
}

#[test]
fn an_answer_without_a_true_ok_is_no_success() {
    for (ok, want) in [
        (json!(false), Some(ErrorKind::BuilderRefused)),
        (json!(0), Some(ErrorKind::BuilderRefused)),
        (json!("no"), Some(ErrorKind::BuilderRefused)),
        (json!(true), None),
        (json!(1), None),
        (json!("1"), None),
    ] {
        let pair = Pair::new();
        pair.builder.push_fault(Response::json(200, &json!({ "ok": ok })));
        let result = pair.client.set_blocked(&super::key("shop.example"), true);
        assert_eq!(result.err().map(|error| error.kind()), want, "{ok}");
    }
}

#[test]
fn only_what_may_be_done_twice_is_done_again() {
    for call in calls() {
        let pair = Pair::new();
        prepare(&pair);
        let before = pair.called().len();
        pair.builder.push_fault(Response::new(503));
        let result = make(&pair.client, call);
        let sent = pair.called().len() - before;
        if call.entry().idempotent {
            // What the second one gives is the sandbox's business: the fields were empty.
            assert!(sent >= 2, "{}", call.name());
        } else {
            assert_eq!(
                (result.unwrap_err().kind(), sent),
                (ErrorKind::BuilderUnreachable, 1),
                "{}",
                call.name()
            );
        }
    }
}

#[test]
fn a_builder_that_is_asked_too_often_is_left_alone_for_as_long_as_it_says() {
    let busy = |wait: Option<&str>| {
        let response = Response::json(429, &json!({ "error": "Too many requests" }));
        wait.map_or(response.clone(), |wait| response.header("Retry-After", wait))
    };
    for (call, response, sent, text) in [
        (Call::CategoryList, busy(Some("1")), 2, ""),
        (Call::CategoryList, busy(Some("Thu, 01 Jan 1970 00:00:00 GMT")), 2, ""),
        (Call::CategoryList, Response::new(503).header("Retry-After", "0"), 2, ""),
        (Call::CategoryList, Response::new(503).header("Retry-After", "soon"), 2, ""),
        (Call::CategoryList, busy(None), 1, "try again later"),
        (Call::CategoryList, Response::new(429), 1, "try again later"),
        (Call::CategoryList, busy(Some("60")), 1, "Too many requests\"): try again in 60 s"),
        (Call::CategoryList, busy(Some("99999999999999999999")), 1, "try again later"),
        (
            Call::CategoryList,
            Response::new(503).header("Retry-After", "60"),
            1,
            "does not work at the moment",
        ),
        (Call::Publish, busy(Some("0")), 1, "try again in 0 s"),
        (Call::IpAdd, busy(None), 1, "try again later"),
        (
            Call::WebsiteRename,
            Response::new(503).header("Retry-After", "0"),
            1,
            "does not work at the moment",
        ),
    ] {
        let pair = Pair::new();
        prepare(&pair);
        let before = pair.called().len();
        pair.builder.push_fault(response);
        let result = make(&pair.client, call);
        assert_eq!(pair.called().len() - before, sent, "{}: {text}", call.name());
        match result {
            Ok(_) => assert_eq!(sent, 2),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::BuilderUnreachable, "{error:?}");
                assert!(error.kind().is_retryable() && error.chain().contains(text), "{text}: {error:?}");
            }
        }
    }
}

#[test]
fn a_hash_that_is_not_taken_any_more_is_not_used_again() {
    let pair = Pair::new();
    prepare(&pair);
    pair.builder.push_fault(Response::json(401, &json!({ "error": "Authentication error" })));
    let session = session("shop.example");
    let error = pair.client.website(&session).publish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderAuth);
    pair.client.website(&session).publish().unwrap();
    assert_eq!(pair.called(), ["requestLogin", "website/get-settings", "publish", "requestLogin", "publish"]);
}

#[test]
fn credentials_and_hash_go_to_no_address_that_the_configuration_does_not_allow() {
    let pair = Pair::new();
    for url in
        ["https://evil.example/api/", "http://127.0.0.1:9/api/", "https://127.0.0.1:1/api/", "ftp://x/"]
    {
        for call in calls().filter(|call| call.entry().session == Session::Needed) {
            let answer = json!({
                "url": format!("{}?login_hash=x", pair.builder.api_url().replace("api/", "")),
                "loginHash": "abc", "builderApiUrl": url,
            });
            pair.builder.push_fault(Response::json(200, &answer));
            let before = pair.called().len();
            let error = make(&pair.client, call).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BuilderUrl, "{url}");
            assert!(error.chain().contains("[builder] hosts") || !url.starts_with("https"), "{error:?}");
            assert_eq!(pair.called().len() - before, 1, "nothing further was asked");
        }
    }
}

#[test]
fn pages_that_have_no_end_are_given_up() {
    let pair = Pair::new();
    let same: Vec<Value> =
        (0..limits::DOMAINS_PAGE).map(|at| json!({ "domain": format!("a{at}.example") })).collect();
    for _ in 0..2 {
        pair.builder.push_fault(Response::json(200, &json!({ "ok": true, "domains": same })));
    }
    let error = pair.client.published_all(|_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderProtocol);
    // A builder that gives everything at once is taken at its word.
    let all: Vec<Value> =
        (0..2000).map(|at| json!({ "name": format!("a{at}.example"), "blocked": "1" })).collect();
    pair.builder.push_fault(Response::json(200, &json!({ "ok": "1", "domains": all })));
    let mut blocked = 0;
    let count = pair.client.published_all(|page| {
        blocked += page.iter().filter(|site| site.blocked == Some(true)).count();
        Ok(())
    });
    assert_eq!((count.unwrap(), blocked), (2000, 2000));
}

#[test]
fn what_is_too_large_is_given_up() {
    let pair = Pair::with(Options::new("brand", "hunter2"), "");
    let long = "x".repeat(limits::BUILDER_REPLY_BYTES as usize);
    pair.builder.push_fault(Response::json(200, &json!({ "ok": true, "x": long })));
    assert_eq!(pair.client.page_types("x").unwrap_err().kind(), ErrorKind::BuilderProtocol);
    pair.builder.push_fault(Response::json(200, &json!([{ "id": "a", "x": long }])));
    assert_eq!(pair.client.templates().unwrap().len(), 1, "lists may be longer");
}
