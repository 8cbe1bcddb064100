//! The builder's calls from C programs, over real TLS.

use panelgate::calls::{Call, Way};
use serde_json::{Value, json};

use crate::programs::{NATIVE_WAYS, TLS_WAYS, in_ways};
use crate::session::Stage;
use crate::trial::{Caller, Trial, own_uid};

fn words(config: String, calls: &[(&str, Value)]) -> Vec<String> {
    let pairs = calls.iter().flat_map(|(name, input)| {
        // The typed functions take plain text.
        let input = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
        [(*name).to_owned(), input]
    });
    [config].into_iter().chain(pairs).collect()
}

/// Every call of the table in an order in which each has something to work on.
fn all() -> Vec<(&'static str, Value)> {
    let site = |more: Value| {
        let mut input = json!({ "domain": "shop.example" });
        if let Value::Object(more) = more {
            input.as_object_mut().unwrap().extend(more);
        }
        input
    };
    let licence = |more: Value| {
        let mut input = json!({ "suborderId": 7, "ip": "192.0.2.10" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    vec![
        ("category-list", json!({})),
        ("template-list", json!({})),
        ("website/get-page-types", json!({ "template": "Cafe-3" })),
        (
            "website/create",
            site(json!({ "template": "Cafe-3", "pageTypes": ["home"], "variables": { "a": "b" } })),
        ),
        ("website/modify", site(json!({ "variables": { "a": "c" } }))),
        ("website/get-settings", site(json!({}))),
        ("website/add-pages", site(json!({ "template": "Cafe-3", "pageTypes": ["menu"] }))),
        ("website/duplicate-pages", site(json!({ "pages": ["1"] }))),
        ("website/remove-pages", site(json!({ "pages": ["1"] }))),
        ("publish", site(json!({}))),
        ("publish/progress", site(json!({}))),
        ("hosting-accounts/get-domains", json!({ "offset": 0, "limit": 10 })),
        ("hosting-accounts/set-blocked", site(json!({ "value": true }))),
        ("ipList/add", licence(json!({ "brandId": 5 }))),
        ("ipList/update", licence(json!({ "brandId": 6 }))),
        ("ipList/list", json!({ "suborderId": 7 })),
        ("ipList/list-full", json!({ "suborderId": 7 })),
        ("ipList/delete", licence(json!({}))),
        ("website/rename", site(json!({ "newDomain": "later.example" }))),
        ("delete-site", json!({ "domain": "later.example" })),
    ]
}

#[test]
fn every_call_from_c_and_back() {
    let names: Vec<&str> = all().iter().map(|(name, _)| *name).collect();
    for call in Call::ALL.iter().filter(|call| call.entry().way == Way::Call) {
        assert!(names.contains(&call.name()), "{} is not tried", call.name());
    }
    if own_uid() != 0 {
        return; // Half of them are root's.
    }
    let stage = Stage::new();
    let caller = Caller { uid: 0 };
    let arguments = |runner: Caller| {
        let calls = if runner == caller { all() } else { Vec::new() };
        words(stage.trial(runner).config(), &calls)
    };
    in_ways(&NATIVE_WAYS[..1], "call.c", arguments, |runner, printed| {
        if runner != caller {
            return;
        }
        let answers: Vec<&str> = printed.lines().collect();
        assert_eq!(answers.len(), names.len(), "{printed}");
        for (name, answer) in names.iter().zip(answers) {
            assert!(answer.starts_with(['{', '[']), "{name}: {answer}");
            assert!(!answer.contains("login_hash") && !answer.contains("example-password"), "{answer}");
        }
    });
    let called = stage.builder.requests();
    assert!(called.iter().any(|request| request.target == "/api/website/rename"));
}

#[test]
fn an_account_makes_what_is_its_own_and_nothing_else() {
    let stage = Stage::new();
    let calls = [
        ("list", json!({})),
        ("website/get-settings", json!({ "domain": "shop.example" })),
        ("website/get-settings", json!({ "domain": "bob.example" })),
        ("website/get-settings", json!({ "domain": "nowhere.example" })),
        ("website/get-settings", json!({ "domain": "closed.example" })),
        ("website/get-settings", json!({ "domain": "shop.example", "account": "bob" })),
        ("website/get-settings", json!({ "domain": "shop.example", "surprise": 1 })),
        ("hosting-accounts/set-blocked", json!({ "domain": "shop.example", "value": true })),
        ("get-template", json!({ "domain": "shop.example" })),
        ("website/explode", json!({})),
        ("block", json!("shop.example")),
        ("unblock", json!("shop.example")),
        ("rename bob.example", json!("shop.example")),
        ("delete", json!("nowhere.example")),
    ];
    let arguments = |caller| words(stage.trial(caller).config(), &calls);
    in_ways(&TLS_WAYS, "call.c", arguments, |caller, printed| {
        let lines: Vec<&str> = printed.lines().collect();
        let begins = |index: usize, as_root: &str, as_account: &str| {
            let want = if caller.uid == 0 { as_root } else { as_account };
            assert!(lines[index].starts_with(want), "{index} as {}: {}", caller.name(), lines[index]);
        };
        let list: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(list.as_array().unwrap().len(), Call::ALL.len());
        begins(1, "{\"data\"", "{\"data\"");
        begins(2, "{\"data\"", "error site-not-");
        begins(3, "error site-not-found", "error site-not-found");
        begins(4, "{\"data\"", "error suspended");
        begins(5, "error site-not-", "error forbidden");
        begins(
            6,
            "error invalid-argument website/get-settings: there is no field \"surprise\"",
            "error invalid-argument",
        );
        begins(7, "{\"blocked\":true", "error forbidden");
        begins(8, "error config", "error forbidden");
        begins(9, "error invalid-argument there is no call", "error invalid-argument");
        begins(10, "ok", "error forbidden");
        begins(11, "ok", "error forbidden");
        begins(12, "error site-not-yours", "error forbidden");
        begins(13, "error site-not-found", "error forbidden");
    });
}

#[test]
fn a_builder_that_is_not_there_is_said_to_be_so() {
    let trials: Vec<(Caller, Trial)> =
        Caller::all().into_iter().map(|caller| (caller, Trial::new(caller))).collect();
    let calls = [("category-list", json!({})), ("website/get-settings", json!({ "domain": "shop.example" }))];
    let arguments = |runner: Caller| {
        let (_, trial) = trials.iter().find(|(owner, _)| *owner == runner).unwrap();
        words(trial.config(), &calls)
    };
    in_ways(&NATIVE_WAYS[..1], "call.c", arguments, |_, printed| {
        assert_eq!(printed.matches("error builder-unreachable").count(), 2, "{printed}");
    });
}
