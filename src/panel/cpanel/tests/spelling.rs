//! The two spellings of userdata: which one is read, and that both say the same.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::json;

use super::super::node::{Data, Fault, Node};
use super::super::{json as json_reader, yaml};
use super::*;
use crate::limits;

const SITE: &str = "var/cpanel/userdata/alice/alice.example";

/// Puts a JSON copy beside alice's main site, with a document root of its own; `age` is how much older than its file it is.
fn copy(server: &Server, content: &[u8], older: bool, by: Duration) {
    let file = format!("{SITE}.cache");
    server.write(&file, content);
    let yaml = std::fs::metadata(server.path(SITE)).unwrap().modified().unwrap();
    let when = if older { yaml - by } else { yaml + by };
    std::fs::File::options().write(true).open(server.path(&file)).unwrap().set_modified(when).unwrap();
}

fn copy_text() -> Vec<u8> {
    let copy = json!({"documentroot": "/home/alice/from_copy", "servername": "alice.example", "user": "alice", "port": 80, "ip": null});
    serde_json::to_vec(&copy).unwrap()
}

fn root(server: &Server) -> String {
    server.alice().sites[0].document_root.as_ref().unwrap().display().to_string()
}

#[test]
fn the_copy_is_read_only_if_it_is_newer() {
    let second = Duration::from_secs(1);
    for (older, by, want) in
        [(false, second, "from_copy"), (false, Duration::ZERO, "public_html"), (true, second, "public_html")]
    {
        let server = Server::new();
        copy(&server, &copy_text(), older, by);
        assert_eq!(root(&server), format!("/home/alice/{want}"), "older: {older}, by {by:?}");
    }
}

#[test]
fn a_copy_that_is_no_good_is_left_alone() {
    let text = copy_text();
    let twice =
        br#"{"servername":"alice.example","servername":"alice.example","documentroot":"/home/alice/x"}"#;
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    for bad in [
        &b""[..],
        b"{",
        b"[]",
        b"\xff\xfe\0",
        b"null",
        &text[..text.len() - 1],
        twice,
        &deep,
        &[&text[..], b"x"].concat(),
    ] {
        let server = Server::new();
        copy(&server, bad, false, Duration::from_secs(9));
        assert_eq!(
            root(&server),
            "/home/alice/public_html",
            "{:?}",
            String::from_utf8_lossy(&bad[..bad.len().min(40)])
        );
    }
    let server = Server::new();
    std::os::unix::fs::symlink("/etc/passwd", server.path(&format!("{SITE}.cache"))).unwrap();
    assert_eq!(root(&server), "/home/alice/public_html", "a link");
}

#[test]
fn a_copy_without_its_file_is_no_site() {
    let server = Server::new();
    copy(&server, &copy_text(), false, Duration::from_secs(9));
    std::fs::remove_file(server.path(SITE)).unwrap();
    assert!(
        server
            .account("alice")
            .unwrap_err()
            .to_string()
            .contains("alice.example: the panel's file is missing")
    );
}

#[test]
fn a_copy_is_checked_like_its_file() {
    let server = Server::new();
    copy(
        &server,
        br#"{"documentroot":"/home/alice/x","servername":"bob.example"}"#,
        false,
        Duration::from_secs(9),
    );
    let error = server.account("alice").unwrap_err().to_string();
    assert!(error.contains("alice.example.cache: neither servername"), "{error}");
}

#[test]
fn scalars_stay_as_they_stand_there() {
    let node = yaml::parse(
        "a: no\nb: 0x1F\nc: 1e3\nd: 'Off'\ne: ''\nf: ~\ng:\nh: '~'\ni: 2001-01-01\nj: \"x\\ty\"\n",
    )
    .unwrap();
    let Data::Map(map) = node.data else { panic!("a mapping") };
    let text = |key: &str| match &map[key].data {
        Data::Text(text) => Some(text.as_str()),
        Data::Nothing => None,
        other => panic!("{other:?}"),
    };
    let all: Vec<Option<&str>> = map.keys().map(|key| text(key)).collect();
    let want = [
        Some("no"),
        Some("0x1F"),
        Some("1e3"),
        Some("Off"),
        Some(""),
        None,
        None,
        Some("~"),
        Some("2001-01-01"),
        Some("x\ty"),
    ];
    assert_eq!(all, want);
}

#[test]
fn what_cpanel_never_writes_is_refused_with_its_line() {
    let deep = "[".repeat(limits::YAML_DEPTH + 2);
    let deeper = "[".repeat(1_000_000);
    let dashes = "- ".repeat(100_000);
    let many = "- a\n".repeat(limits::PANEL_VALUES + 1);
    for (text, line, want) in [
        ("", 1, "it is empty"),
        ("# only a comment\n", 1, "it is empty"),
        ("a: 1\na: 2\n", 2, "the key \"a\" stands twice"),
        ("a: 1\n'a': 2\n", 2, "the key \"a\" stands twice"),
        ("x: &a 1\ny: *a\n", 1, "there is an anchor (&name)"),
        ("x: !!int 1\n", 1, "there is a tag (!name)"),
        ("x: ! y\n", 1, "there is a tag (!name)"),
        ("x: &a [1]\n", 1, "there is an anchor (&name)"),
        ("- 1\n---\n- 2\n", 2, "there is a second document"),
        ("? [a]\n: b\n", 1, "a key must be text"),
        ("? {a: b}\n: b\n", 1, "a key must be text"),
        ("~: b\n", 1, "a key must be text"),
        ("a:\n\tb: c\n", 2, "it is not YAML"),
        ("a: b: c\n", 1, "it is not YAML"),
        ("a: [b\n", 2, "it is not YAML"),
        ("a: 'b\n", 1, "it is not YAML"),
        (&deep, 1, "it is nested deeper than 16 levels"),
        (&deeper, 1, "it is not YAML: recursion limit exceeded"),
        (&dashes, 1, "it is nested deeper than 16 levels"),
        (&many, limits::PANEL_VALUES, "it holds more than 200000 values"),
    ] {
        let begin: String = text.chars().take(20).collect();
        let fault = yaml::parse(text).expect_err(&begin);
        assert!(fault.what.starts_with(want), "{begin:?}: {fault:?}");
        assert_eq!(fault.line, line, "{begin:?}: {fault:?}");
    }
}

/// Writes a value as YAML in the plain, single-quoted or double-quoted style, block or flow, whichever `style` says.
fn to_yaml(value: &serde_json::Value, style: u8) -> String {
    let scalar = |text: &str| match style % 3 {
        // A plain scalar is only for text without meaning to YAML.
        0 if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/') => {
            text.to_owned()
        }
        1 if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', "''")),
        _ => serde_json::to_string(text).unwrap(),
    };
    match value {
        serde_json::Value::Null => "~".to_owned(),
        serde_json::Value::String(text) => scalar(text),
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| to_yaml(item, style)).collect();
            format!("[{}]", items.join(", "))
        }
        serde_json::Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, item)| format!("{}: {}", scalar(key), to_yaml(item, style))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        "[ -~]{0,12}".prop_map(serde_json::Value::String),
        "(no|Off|0x1|1e3|true|~|null|-|:|#|é|ß \u{202e})".prop_map(serde_json::Value::String),
        any::<i64>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::Array),
            proptest::collection::btree_map("[a-z_./ -]{1,8}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn read_json(bytes: &[u8]) -> std::result::Result<Node, Fault> {
    json_reader::parse(bytes)
}

proptest! {
    #[test]
    fn yaml_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = yaml::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn yaml_like_text_never_panics(text in "([a-c]|[-?:,{}&*!|>'\"%@#~]|\\[|\\]|\n|\t| |  |---|\\.\\.\\.|\r\n|é){0,60}") {
        let _ = yaml::parse(&text);
    }

    #[test]
    fn json_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[\\[\\]{}\",:a0-9.eE+ -]{0,80}") {
        let _ = read_json(&bytes);
        let _ = read_json(text.as_bytes());
    }

    #[test]
    fn both_spellings_of_a_value_are_the_same_value(value in values(), style in 0u8..3) {
        let value = json!({ "top": value });
        let from_json = read_json(&serde_json::to_vec(&value).unwrap()).unwrap();
        let text = to_yaml(&value, style);
        prop_assert_eq!(yaml::parse(&text).unwrap(), from_json, "{}", text);
    }

    #[test]
    fn both_spellings_of_an_account_are_the_same_account(
        subs in proptest::collection::btree_map("[a-z]{1,8}", "[ -~é]{1,20}", 0..4),
        addons in proptest::collection::btree_set("[a-z]{1,8}", 0..3),
    ) {
        let folders: BTreeMap<String, String> =
            subs.iter().map(|(name, folder)| (name.clone(), folder.replace([':', '/'], "_"))).collect();
        let names: Vec<(String, SiteKind, String)> = std::iter::once(("alice.example".into(), SiteKind::Main, "public_html".into()))
            .chain(folders.iter().map(|(name, folder)| (format!("{name}.alice.example"), SiteKind::Sub, format!("f/{folder}x"))))
            .chain(addons.iter().map(|name| (format!("{name}.test"), SiteKind::Addon, format!("a/{name}"))))
            .collect();
        let sites: Vec<(&str, SiteKind, &str)> = names.iter().map(|(name, kind, folder)| (name.as_str(), *kind, folder.as_str())).collect();
        let server = Server { dir: tempfile::tempdir().unwrap() };
        server.add("alice", 1004, &sites);
        let before = listed(&server.alice());
        prop_assert_eq!(before.len(), sites.len());
        turn_into_copies(&server);
        prop_assert_eq!(listed(&server.alice()), before);
    }
}

/// Replaces every YAML file of alice's by a JSON copy beside an older file that nobody could read.
fn turn_into_copies(server: &Server) {
    let dir = server.path("var/cpanel/userdata/alice");
    for entry in std::fs::read_dir(&dir).unwrap().collect::<Vec<_>>() {
        let path = entry.unwrap().path();
        let node = yaml::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        std::fs::write(&path, "[unreadable").unwrap();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        std::fs::write(format!("{}.cache", path.display()), to_json(&node).to_string()).unwrap();
    }
}

fn to_json(node: &Node) -> serde_json::Value {
    match &node.data {
        Data::Nothing => serde_json::Value::Null,
        Data::Text(text) => json!(text),
        Data::List(items) => items.iter().map(to_json).collect(),
        Data::Map(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), to_json(item)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
