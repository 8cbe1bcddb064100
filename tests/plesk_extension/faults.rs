//! A broker that is not there, slow, lying, or not root's: the visitor gets a calm page, and never goes where they should not.

use panelgate::error::ErrorKind::{self, BuilderUrl, FeatureOff, Internal, Unavailable, Upgrade};
use serde_json::json;

use crate::click::{INDEX, LIST, sentence};
use crate::common::chmod;
use crate::world::{MAIN, PANEL, World, frame};

fn expect(world: &World, what: &str, kind: ErrorKind) {
    let page = world.get("alice", &format!("{INDEX}?site_id={MAIN}"));
    assert_eq!(page.status, kind.http_status(), "{what}: {page:?}");
    assert!(
        page.body.contains(&sentence(kind)) && page.body.contains("Reference number"),
        "{what}: {page:?}"
    );
    assert!(page.location.is_empty(), "{what}: {page:?}");
    for internal in ["broker.sock", "/tmp/", "systemctl"] {
        assert!(!page.body.contains(internal), "{what}: {internal} is for the log: {page:?}");
    }
}

#[test]
fn answers_that_are_none() {
    crate::needs_root!();
    let mut world = World::start();
    world.stop_broker();
    expect(&world, "no broker", Unavailable);
    let good =
        r#"{"v":1,"ok":{"url":"https://builder.example/s","account":"pgalice","site":"alice.example"}}"#;
    let url = |url: &str| frame(&json!({ "v": 1, "ok": { "url": url } }).to_string());
    let error = |kind: &str| frame(&json!({ "v": 1, "error": { "kind": kind, "message": "m" } }).to_string());
    let mut cut = frame(good);
    cut.truncate(30);
    let mut large = 65_537_u32.to_be_bytes().to_vec();
    large.resize(70_000, b' ');
    let nested = format!(r#"{{"v":1,"ok":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let rows: Vec<(&str, Vec<u8>, ErrorKind)> = vec![
        ("an end in the middle", cut, Unavailable),
        ("a frame that is too large", large, Unavailable),
        ("an empty frame", vec![0; 4], Unavailable),
        ("no JSON", frame("yes"), Unavailable),
        (
            "not UTF-8",
            frame("{\"v\":1,\"ok\":\"\u{0}\"").iter().map(|byte| byte | 0x80).collect(),
            Unavailable,
        ),
        ("a list", frame("[1]"), Unavailable),
        ("no version", frame(r#"{"ok":{}}"#), Unavailable),
        ("another version", frame(r#"{"v":2,"ok":{}}"#), Upgrade),
        ("a version in words", frame(r#"{"v":"1","ok":{}}"#), Unavailable),
        ("both", frame(r#"{"v":1,"ok":{},"error":{"kind":"config","message":""}}"#), Unavailable),
        ("neither", frame(r#"{"v":1}"#), Unavailable),
        ("an error without a kind", frame(r#"{"v":1,"error":{"message":"x"}}"#), Unavailable),
        ("an error that is a text", frame(r#"{"v":1,"error":"config"}"#), Unavailable),
        ("too deep", frame(&nested), Unavailable),
        ("no address", frame(r#"{"v":1,"ok":{}}"#), BuilderUrl),
        ("an address that is a number", frame(r#"{"v":1,"ok":{"url":7}}"#), BuilderUrl),
        ("a script", url("javascript:alert(1)"), BuilderUrl),
        ("without TLS", url("http://builder.example/"), BuilderUrl),
        ("a header", url("https://builder.example/\r\nSet-Cookie: a=b"), BuilderUrl),
        ("a line break at the end", url("https://builder.example/\n"), BuilderUrl),
        ("a kind of ours", error("feature-off"), FeatureOff),
        ("a kind of the future", error("of-the-future"), Internal),
    ];
    for (what, bytes, kind) in rows {
        let pretender = world.pretend(move |_| bytes.clone());
        expect(&world, what, kind);
        let requests = pretender.requests();
        assert_eq!(requests.len(), 1, "{what}: it is asked once");
        assert_eq!(requests[0]["op"], "open");
        assert_eq!(requests[0]["v"], 1);
        assert_eq!(requests[0]["args"]["account"], "pgalice");
        assert_eq!(requests[0]["args"]["claimed"], "from 127.0.0.1, as panel user alice");
    }
    let _good = world.pretend(move |_| frame(good));
    assert_eq!(world.get("alice", &format!("{INDEX}?site_id={MAIN}")).location, "https://builder.example/s");
    // One that never answers: the page's patience ends, whatever the machine's speed.
    world.set("/settings/timeout", json!(1));
    let _hangs = world.pretend(|_| Vec::new());
    expect(&world, "silence", Unavailable);
    assert!(world.panel_log().contains("no answer in time"));
}

#[test]
fn only_a_place_of_roots_is_believed() {
    crate::needs_root!();
    let mut world = World::start();
    let good = r#"{"v":1,"ok":{"url":"https://builder.example/s"}}"#;
    let pretender = world.pretend(move |_| frame(good));
    let (socket, folder) = (world.socket(), world.path("run"));
    let own = |path: &std::path::Path, uid| std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
    own(&socket, PANEL);
    expect(&world, "the panel user's socket", Unavailable);
    own(&socket, 0);
    own(&folder, 20_002);
    expect(&world, "an account's folder", Unavailable);
    own(&folder, 0);
    chmod(&folder, 0o777);
    expect(&world, "a folder for all", Unavailable);
    chmod(&folder, 0o775);
    expect(&world, "a folder for a group", Unavailable);
    chmod(&folder, 0o755);
    // A link may lead anywhere.
    std::os::unix::fs::symlink(&socket, folder.join("link")).unwrap();
    world.set("/settings/socket", json!(folder.join("link")));
    expect(&world, "a link", Unavailable);
    world.set("/settings/socket", json!(world.path("world.json")));
    expect(&world, "a file", Unavailable);
    assert!(pretender.requests().is_empty(), "nobody was asked");
    // A folder in which nobody can replace what is root's is as good (the tests' own lies in one).
    chmod(&folder, 0o1777);
    world.set("/settings/socket", json!(socket));
    assert_eq!(world.get("alice", &format!("{INDEX}?site_id={MAIN}")).status, 303);
}

/// Pages of a list are put together; what is in them is text, whatever it says.
#[test]
fn what_the_broker_says_is_text() {
    crate::needs_root!();
    let mut world = World::start();
    let site = |name: &str, kind: &str| json!({ "domain": name, "kind": kind, "token": "t\"><script>", "notices": ["dns-elsewhere", "<b>"] });
    let (first, second) = (
        json!({ "v": 1, "ok": { "plan": "<script>alert(1)</script>", "sites": [site("alice.example", "main")], "next": 1 } }),
        json!({ "v": 1, "ok": { "sites": [site("<img src=x onerror=alert(1)>", "addon")], "next": null } }),
    );
    let (first, second) = (first.to_string(), second.to_string());
    let pretender =
        world.pretend(move |request| frame(if request.contains("\"from\":1") { &second } else { &first }));
    let page = world.get("alice", LIST);
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", page.body);
    assert!(page.body.contains("&lt;img src=x onerror=alert(1)&gt;"), "{}", page.body);
    assert!(page.body.contains("&quot;&gt;&lt;script&gt;"), "{}", page.body);
    assert!(!page.body.contains("<img") && !page.body.contains("<script>"), "{}", page.body);
    let requests = pretender.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0]["args"]["session"].as_str().unwrap().len(), 64);
    for bad in [
        json!({ "sites": [site("a.example", "main")], "next": 0 }),
        json!({ "sites": [site("a.example", "main")], "next": -1 }),
        json!({ "sites": [site("a.example", "main")], "next": "1" }),
        json!({ "sites": [site("a.example", "palace")], "next": null }),
        json!({ "sites": [{ "kind": "main" }], "next": null }),
        json!({ "sites": "none" }),
        json!([]),
    ] {
        let text = json!({ "v": 1, "ok": bad }).to_string();
        let _pretender = world.pretend(move |_| frame(&text));
        let page = world.get("alice", LIST);
        assert!(page.status == 503 && page.body.contains(&sentence(Unavailable)), "{bad}: {page:?}");
    }
}

/// A customer of very many subscriptions: some are asked about, the others are found by their names.
#[test]
fn a_list_that_is_too_long_says_so() {
    crate::needs_root!();
    let mut world = World::start();
    let mut facts = world.facts();
    let numbers: Vec<u32> = (100..130).collect();
    for number in &numbers {
        let name = format!("site{number}.example");
        facts["domains"][number.to_string()] = json!({ "name": name, "login": format!("pg{number}") });
    }
    facts["clients"]["5"] = json!({ "login": "many", "domains": numbers });
    facts["sessions"]["many"] = json!({ "client": 5 });
    std::fs::write(world.path("world.json"), facts.to_string()).unwrap();
    let pretender = world.pretend(|request| {
        let request: serde_json::Value = serde_json::from_str(request).unwrap();
        let account = request["args"]["account"].as_str().unwrap().to_owned();
        // One of them is in trouble, which hides none of the others.
        if account == "pg103" {
            return frame(r#"{"v":1,"error":{"kind":"suspended","message":"m"}}"#);
        }
        let name = format!("site{}.example", &account[2..]);
        let site = json!({ "domain": name, "kind": "main", "token": "t", "refused": null });
        frame(&json!({ "v": 1, "ok": { "sites": [site], "next": null } }).to_string())
    });
    let page = world.get("many", LIST);
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("20 of 30 websites are listed"), "{}", page.body);
    assert!(page.body.contains("site102.example") && !page.body.contains("site103.example"));
    assert_eq!(pretender.requests().len(), 21);
    assert!(world.panel_log().contains("suspended: m"));
}
