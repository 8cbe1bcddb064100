//! Types `http` and `internal`: by the host's endpoint.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::stand_in::StandIn;
use super::{Editor, endpoint};
use panelgate::sandbox::Ways;
use panelgate::sandbox::http::Response;
use serde_json::json;

fn quick() -> Ways {
    Ways { poll: Duration::from_millis(20), ..Ways::default() }
}

#[test]
fn a_site_goes_out_file_by_file_and_the_front_comes_last() {
    let host = StandIn::start(|_| None);
    let editor = Editor::start(Ways::default());
    let session = editor.open(&endpoint("http", &host.url(), "right"));
    let outcome = editor.publish(&session, "Fresh bread");
    assert!(outcome.starts_with("Edition 1 is published: 11 files"), "{outcome}");
    assert!(outcome.contains("href=\"http://shop.example/\""), "{outcome}");
    assert!(host.read("sitepro/pages/home.html").contains("<h1>Fresh bread</h1>"));
    assert!(host.read("sitepro/gallery/sun é.svg").starts_with("<svg"));
    let seen = host.seen.lock().unwrap().clone();
    let posts: Vec<&String> = seen.iter().filter(|line| line.starts_with("POST ")).collect();
    // The documentation adds a slash to an address that ends in one.
    assert_eq!(posts[posts.len() - 2], "POST /pub/t0ken//index.php");
    assert_eq!(posts[posts.len() - 1], "POST /pub/t0ken//.htaccess");
    assert!(posts.contains(&&"POST /pub/t0ken//sitepro/gallery/sun%20%C3%A9.svg".to_owned()));

    std::fs::write(host.root.path().join("sitepro/pages/old.html"), "x").unwrap();
    std::fs::write(host.root.path().join("sitepro/dat/visitors.dat"), "x").unwrap();
    assert!(editor.publish(&session, "Rye").starts_with("Edition 2"));
    assert!(!host.root.path().join("sitepro/pages/old.html").exists());
    assert_eq!(host.read("sitepro/dat/visitors.dat"), "x");
}

#[test]
fn what_the_host_refuses_or_loses_is_a_failure_that_is_said() {
    let editor = Editor::start(Ways::default());
    let published = |host: &StandIn, password: &str| {
        editor.publish(&editor.open(&endpoint("http", &host.url(), password)), "x")
    };
    let host = StandIn::start(|_| None);
    let outcome = published(&host, "wrong");
    assert!(outcome.contains("the host answers 401"), "{outcome}");

    let full = StandIn::start(|request| {
        request.target.ends_with("site.css").then(|| Response::text(507, "Disk quota <exceeded>."))
    });
    let outcome = published(&full, "right");
    assert!(outcome.contains("putting sitepro/css/site.css: the host answers 507"), "{outcome}");
    assert!(outcome.contains("Disk quota &#60;exceeded&#62;."), "{outcome}");
    assert!(!full.root.path().join("index.php").exists());

    // Only 200 is documented as success.
    let created = StandIn::start(|request| (request.method == "POST").then(|| Response::new(201)));
    assert!(published(&created, "right").contains("the host answers 201"));

    // What is said to be stored, and is not.
    let forgetful =
        StandIn::start(|request| request.target.ends_with("home.html").then(|| Response::new(200)));
    assert!(published(&forgetful, "right").contains("not everything that was put is there"));
    let cutting = StandIn::start(|request| {
        request
            .target
            .contains("/css?list")
            .then(|| Response::json(200, &json!([{"name": "site.css", "isDir": false, "size": 1}])))
    });
    assert!(published(&cutting, "right").contains("is not what was put there"));
}

#[test]
fn an_archive_is_offered_and_the_state_is_asked_until_it_ends() {
    let asked = AtomicUsize::new(0);
    let host = StandIn::start(move |request| {
        let state = request.target.ends_with("/zyro/action/01J-abc");
        (state && asked.fetch_add(1, Ordering::SeqCst) < 2)
            .then(|| Response::json(200, &json!({"status": "EXECUTING"})))
    });
    let editor = Editor::start(Ways { zip_field: "zipUrl".into(), ..quick() });
    let mut access = endpoint("internal", &host.url(), "right");
    access["hostingPlan"] = json!("Gold");
    let outcome = editor.publish(&editor.open(&access), "One archive");
    assert!(outcome.starts_with("Edition 1 is published"), "{outcome}");
    let form = host.forms.lock().unwrap()[0].clone();
    let field =
        |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap();
    assert_eq!(
        (field("domain"), field("resellerClientAccountId"), field("hostingPlan")),
        ("shop.example".into(), "7".into(), "Gold".into())
    );
    let seen = host.seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|line| line.contains("/zyro/action/")).count(), 3);
    drop(seen);

    // What a host finds at the archive's address.
    let url = field("zipUrl");
    assert!(url.starts_with(&editor.builder.api_url().replace("/api/", "/publications/")), "{url}");
    let archive = editor.browser.get(&url).call().unwrap().body_mut().read_to_vec().unwrap();
    assert_eq!(&archive[..4], b"PK\x03\x04");
    assert!(archive.windows(20).any(|window| window == b"<h1>One archive</h1>"));
    let other = url.replace(".zip", "0.zip");
    assert_eq!(editor.browser.get(&other).call().unwrap().status().as_u16(), 404);
}

#[test]
fn a_host_that_fails_or_forgets_its_answer_is_a_failure_that_is_said() {
    let editor = Editor::start(quick());
    let published =
        |host: &StandIn| editor.publish(&editor.open(&endpoint("internal", &host.url(), "right")), "x");
    let failing = StandIn::start(|request| {
        let answer =
            json!({"result": {"status": "FAILED", "error": "Disk quota exceeded."}, "status": "FAILED"});
        request.target.contains("/zyro/action/").then(|| Response::json(200, &answer))
    });
    assert!(published(&failing).contains("The host says: Disk quota exceeded."));
    let refusing = StandIn::start(|request| {
        (request.method == "POST").then(|| Response::json(200, &json!({"error": "Suspended."})))
    });
    assert!(published(&refusing).contains("The host says: Suspended."));
    let silent =
        StandIn::start(|request| (request.method == "POST").then(|| Response::json(200, &json!({}))));
    assert!(published(&silent).contains("has no id"));
}
