//! The builder's calls through the broker: the table decides for every principal and every call.

use panelgate::calls::{Call, Callers, Way};
use serde_json::{Value, json};

use crate::common::wait_for;
use crate::needs_root;
use crate::world::{A, B, FRONT, PANEL, STRANGER, SUSPENDED, WEB, World};

fn input(call: Call, site: &str, account: Option<&str>) -> Value {
    let mut input = json!({});
    for field in call.entry().fields.iter().filter(|field| field.needed) {
        input[field.name] = match field.name {
            "template" => json!("Cafe-3"),
            "pageTypes" => json!(["home"]),
            "variables" => json!({ "a": "b" }),
            "pages" => json!(["1"]),
            "newDomain" => json!("later.example"),
            "value" => json!(false),
            "suborderId" => json!(7),
            "ip" => json!("192.0.2.10"),
            "brandId" => json!(5),
            _ => Value::Null,
        };
    }
    if call.entry().is_about_a_site() {
        input["domain"] = json!(site);
    }
    if let Some(account) = account {
        input["account"] = json!(account);
    }
    input
}

#[test]
fn the_table_decides_who_makes_which_call() {
    needs_root!();
    let world = World::start();
    for call in Call::ALL.iter().copied() {
        let entry = call.entry();
        let for_accounts = entry.callers == Callers::Accounts;
        for (uid, account) in
            [(A, None), (PANEL, Some("pga")), (B, None), (WEB, None), (FRONT, None), (STRANGER, None)]
        {
            let args = json!({ "call": call.name(), "input": input(call, "a.example", account) });
            let before = world.builder.requests().len();
            let (got, answer) = world.ask(uid, "call", args);
            let is_entitled = for_accounts && (uid == A || uid == PANEL || uid == B);
            let want = match (is_entitled, entry.way) {
                (false, _) => "forbidden",
                (true, Way::Own(_)) => "config",
                (true, _) if uid == B && entry.is_about_a_site() => "site-not-found",
                // What the sandbox says to it is its business.
                (true, _) => &got,
            };
            assert_eq!(got, want, "uid {uid}: {}: {answer}", call.name());
            assert!(
                is_entitled || world.builder.requests().len() == before,
                "uid {uid}: {} got out",
                call.name()
            );
            assert!(
                !is_entitled
                    || entry.way != Way::Call
                    || ["ok", "builder-refused", "site-not-found"].contains(&got.as_str()),
                "uid {uid}: {}: {got} {answer}",
                call.name()
            );
        }
        // Nobody may be over their share.
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}

#[test]
fn bad_inputs_and_foreign_sites_never_leave_the_server() {
    needs_root!();
    let world = World::start();
    for (uid, call, input, want) in [
        (A, "website/get-settings", json!({ "domain": "b.example" }), "site-not-found"),
        (A, "website/get-settings", json!({ "domain": "a.example", "account": "pgb" }), "forbidden"),
        (A, "website/get-settings", json!({ "domain": "alias.example" }), "site-alias"),
        (A, "website/get-settings", json!({}), "invalid-argument"),
        (A, "website/modify", json!({ "domain": "a.example", "variables": 7 }), "invalid-argument"),
        (A, "website/modify", json!({ "domain": "a.example", "loginHash": "x" }), "invalid-argument"),
        (A, "website/explode", json!({}), "invalid-argument"),
        (A, "delete-site", json!({ "domain": "a.example" }), "forbidden"),
        (SUSPENDED, "website/get-settings", json!({ "domain": "susp.example" }), "suspended"),
        (SUSPENDED, "template-list", json!({}), "suspended"),
        (PANEL, "template-list", json!({}), "invalid-argument"),
        (PANEL, "website/get-settings", json!({ "domain": "b.example", "account": "pga" }), "site-not-found"),
        (0, "website/rename", json!({ "domain": "a.example", "newDomain": "b.example" }), "site-not-yours"),
        (
            0,
            "website/rename",
            json!({ "domain": "nowhere.example", "newDomain": "x.example" }),
            "site-not-found",
        ),
        (0, "get-template", json!({}), "config"),
        (0, "create-site-backup", json!({ "domain": "a.example" }), "config"),
    ] {
        let (got, answer) = world.ask(uid, "call", json!({ "call": call, "input": input }));
        assert_eq!(got, want, "uid {uid}: {call} {input}: {answer}");
    }
    for args in [json!({}), json!({ "input": {} }), json!({ "call": 7 }), json!([])] {
        assert!(
            ["bad-request", "invalid-argument"].contains(&world.ask(0, "call", args.clone()).0.as_str()),
            "{args}"
        );
    }
    assert!(world.builder.requests().is_empty());
}

#[test]
fn what_changes_something_stands_in_the_audit_and_nothing_secret_comes_back() {
    needs_root!();
    let world = World::start();
    let ask = |uid, call: &str, input: Value| {
        let (got, answer) = world.ask(uid, "call", json!({ "call": call, "input": input }));
        assert_eq!(got, "ok", "{call}: {answer}");
        answer
    };
    ask(A, "website/get-settings", json!({ "domain": "a.example" }));
    ask(A, "publish", json!({ "domain": "a.example" }));
    ask(0, "hosting-accounts/set-blocked", json!({ "domain": "a.example", "value": true }));
    assert_eq!(
        world.ask(A, "call", json!({ "call": "delete-site", "input": { "domain": "a.example" } })).0,
        "forbidden"
    );
    let audit = world.ask(0, "audit", json!({})).1;
    let lines: Vec<(&str, &str)> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["operation"].as_str().unwrap(), line["result"].as_str().unwrap()))
        .collect();
    let want = [
        ("call delete-site", "forbidden"),
        ("call hosting-accounts/set-blocked", "ok"),
        ("call publish", "ok"),
    ];
    assert_eq!(lines, want);
    assert!(!world.log().contains("loginHash") && !world.log().contains("login_hash="), "{}", world.log());
}

#[test]
fn the_list_of_published_websites_is_read_once_in_three_hours() {
    needs_root!();
    let world = World::start();
    for _ in 0..3 {
        let args = json!({ "call": "hosting-accounts/get-domains", "input": { "offset": 0, "limit": 10 } });
        let (got, answer) = world.ask(0, "call", args);
        assert_eq!(got, "ok", "{answer}");
        assert!(answer["readAt"].as_u64().unwrap() > 1_700_000_000);
    }
    assert_eq!(world.builder.requests().len(), 1);
    for _ in 0..2 {
        let args = json!({ "call": "hosting-accounts/get-domains", "input": { "domain": "a.example" } });
        assert_eq!(world.ask(0, "call", args).0, "ok");
    }
    assert_eq!(world.builder.requests().len(), 3, "one domain is asked for now");
}

#[test]
fn the_broker_reads_the_list_by_itself_if_it_is_told_to() {
    needs_root!();
    let world = World::start();
    assert_eq!(world.ask(0, "status", Value::Null).0, "ok");
    assert!(world.builder.requests().is_empty(), "off unless it is set");
    let path = world.path("etc/panelgate.ini");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("timeout = 300\n", "timeout = 300\nstatistics = yes\n");
    std::fs::write(&path, text).unwrap();
    world.signal("-HUP");
    wait_for("the reading", || {
        world.ask(0, "status", Value::Null).0 == "ok" && world.builder.requests().len() == 1
    });
    assert_eq!(world.ask(0, "status", Value::Null).0, "ok");
    assert_eq!(world.builder.requests().len(), 1);
}
