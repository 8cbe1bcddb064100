//! Hooks and the doctor as the broker meets them: from an account's own process, and from the user of an administrator's page.

use serde_json::{Value, json};

use crate::common::wait_for;
use crate::needs_root;
use crate::tree::{Stdin, Tree, run};
use crate::world::{A, B, FRONT, World};

/// The sites that work is queued for.
fn subjects(world: &World) -> Vec<String> {
    let config = world.path("etc/panelgate.ini");
    let words = ["--config", config.to_str().unwrap(), "jobs", "list", "--json"];
    let output = world.as_uid(0, &world.path("panelgate"), &words, &[]);
    let jobs: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    jobs.iter().filter_map(|job| job["site"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_hook_that_an_account_starts_speaks_for_that_account_alone() {
    needs_root!();
    let world = World::start();
    for (uid, site) in [(A, "a.example"), (B, "b.example")] {
        assert_eq!(world.ask(uid, "open", json!({ "site": site })).0, "ok");
    }
    let tree = Tree::new();
    let library = std::env::current_exe().unwrap().with_file_name("libpanelgate.so");
    // Where every account can read it, as a package puts it.
    let readable = tree.path("libpanelgate.so.1");
    std::fs::copy(library, &readable).unwrap();
    tree.set("panelhook.py", "LIBRARY = None", &format!("LIBRARY = {:?}", readable.display().to_string()));
    tree.set(
        "panelhook.py",
        "SOCKET = None",
        &format!("SOCKET = {:?}", world.socket().display().to_string()),
    );
    let hook = tree.path("cpanel/panelgate-hook");
    let lie = br#"{"context":{"category":"Whostmgr","event":"Accounts::Remove","stage":"post"},"data":{"user":"pgb"}}"#;
    let output = run(&hook, &["event"], &[], Stdin::Bytes(lie), A);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.starts_with("1 Panelgate: "), "{said}");
    wait_for("the account's own job", || subjects(&world).iter().any(|site| site == "a.example"));
    assert!(subjects(&world).iter().all(|site| site == "a.example"), "{:?}", subjects(&world));
}

#[test]
fn the_doctor_is_asked_through_the_broker_by_who_may() {
    needs_root!();
    let world = World::start();
    let socket = world.socket();
    let words = ["--socket", socket.to_str().unwrap(), "doctor", "--json"];
    let output = world.as_uid(FRONT, &world.path("panelgate"), &words, &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let broker = checks.iter().find(|check| check["name"] == "broker").unwrap();
    assert_eq!(broker["state"], "ok", "{broker}");
    assert!(!output.stdout.windows(8).any(|part| part == b"Sandbox-"), "no password in it");
    let text = world.as_uid(FRONT, &world.path("panelgate"), &words[..3], &[]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("broker ") && text.lines().count() > 10, "{text}");
    let output = world.as_uid(A, &world.path("panelgate"), &words, &[]);
    assert_eq!(output.status.code(), Some(4), "an account may not: {output:?}");
}
