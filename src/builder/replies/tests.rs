use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::builder::buffer::SecretBuffer;

const SECRET: &str = "s3cr3t-Word";

#[derive(Debug, Deserialize)]
struct Typed {
    ok: bool,
    #[serde(default)]
    url: Option<String>,
}

fn reply(status: u16, body: &[u8]) -> Reply {
    let mut buffer = SecretBuffer::new();
    buffer.write_all(body).unwrap();
    Reply { status, body: buffer, origin: "https://b.example".into(), authorized: true, wait: None }
}

fn secrets() -> Secrets<'static> {
    let mut secrets = Secrets::default();
    secrets.add(SECRET);
    secrets.add("");
    secrets
}

#[test]
fn replies_are_typed() {
    let typed: Typed =
        read(&reply(200, br#"{"ok":true,"url":"x","new":{}}"#), Answer::Object, &secrets()).unwrap();
    assert!(typed.ok && typed.url.as_deref() == Some("x"));
    let error =
        read::<Typed>(&reply(200, br#"{"ok":"s3cr3t-Word"}"#), Answer::Object, &secrets()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderProtocol);
    assert!(!error.chain().contains(SECRET), "{error:?}");
}

#[test]
fn an_empty_secret_is_in_no_text() {
    assert!(!secrets().are_in("any text"));
    assert!(secrets().are_in("any s3cr3t-Word!"));
}

/// JSON-like text in which the secret stands in all kinds of places.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(",".to_owned()),
        Just(":".to_owned()),
        Just("\"error\":".to_owned()),
        Just("\"message\":".to_owned()),
        Just("\"code\":".to_owned()),
        Just("\"ok\":".to_owned()),
        Just("\"url\":".to_owned()),
        Just("\"License not found\"".to_owned()),
        Just(format!("\"{SECRET}\"")),
        Just(SECRET.to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        ".{0,4}",
    ];
    proptest::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_reply_panics_or_leaks(body in text(), wrapped in any::<bool>(), status in 100_u16..600) {
        let body = if wrapped { format!("{{\"error\":{body}}}") } else { body };
        if let Err(error) = read::<Typed>(&reply(status, body.as_bytes()), Answer::Object, &secrets()) {
            let text = error.chain();
            prop_assert!(!text.contains(SECRET), "{}", text);
            prop_assert!(text.len() < 1000 && !text.chars().any(char::is_control), "{}", text);
            prop_assert!((300..400).contains(&error.kind().code()));
        }
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..64), status in 100_u16..600) {
        let _ = read::<Typed>(&reply(status, &body), Answer::Object, &secrets());
    }
}
