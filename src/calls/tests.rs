use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
use crate::error::ErrorKind;

fn fault(call: Call, overrides: Option<&Overrides>, input: Value) -> String {
    let error = check(Effective::of(call, overrides), input).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    error.to_string()
}

#[test]
fn names_are_unique_and_lead_back() {
    let names: HashSet<&str> = Call::ALL.iter().map(|call| call.name()).collect();
    assert_eq!(names.len(), Call::ALL.len());
    for call in Call::ALL {
        assert_eq!(Call::by_name(call.name()), Some(*call));
    }
    assert_eq!(Call::by_name("website/explode"), None);
}

#[test]
fn every_entry_is_whole() {
    for entry in Call::ALL.iter().map(|call| call.entry()) {
        let name = entry.name;
        assert!(!name.is_empty() && entry.summary.len() > 10 && !entry.summary.ends_with('.'), "{name}");
        match entry.way {
            Way::Call => assert!(entry.path.is_some(), "{name}"),
            Way::Configured => {
                assert!(entry.path.is_none() && entry.fields.is_empty(), "{name}: nothing is guessed");
                assert_eq!((entry.callers, entry.idempotent), (Callers::Root, false), "{name}");
            }
            Way::Own(_) => {}
        }
        assert!(!entry.destructive || entry.callers == Callers::Root, "{name}: only root destroys");
        assert!(entry.method == Method::Post || entry.reads, "{name}: a GET changes nothing");
        assert!(!entry.reads || (entry.idempotent && !entry.destructive), "{name}");
        assert!(entry.base == Base::Builder || entry.session == Session::Without, "{name}");
        let fields: HashSet<&str> = entry.fields.iter().map(|field| field.name).collect();
        assert_eq!(fields.len(), entry.fields.len(), "{name}");
        assert!(entry.fields.iter().all(|field| field.meaning.len() > 5), "{name}");
        assert!(entry.fixed.iter().all(|(fixed, _)| !fields.contains(fixed)), "{name}");
        if entry.callers == Callers::Accounts && !matches!(entry.way, Way::Own(_)) {
            assert!(entry.is_about_a_site() || entry.reads, "{name}: an account acts on its own sites only");
        }
    }
}

/// The calls of `reference/builder-api.md` 0 whose path is known, with what the table must say of them.
#[test]
fn the_documented_calls_are_all_there() {
    let mut paths: Vec<(&str, &str)> =
        Call::ALL.iter().filter_map(|call| Some((call.entry().path?, call.entry().base.name()))).collect();
    paths.sort();
    paths.dedup();
    let want = [
        ("category-list", "builder"),
        ("create-site-backup", "builder"),
        ("delete-site", "builder"),
        ("hosting-accounts/get-domains", "central"),
        ("hosting-accounts/set-blocked", "central"),
        ("ipList", "central"),
        ("publish", "builder"),
        ("requestLogin", "central"),
        ("template-list", "builder"),
        ("website/add-pages", "builder"),
        ("website/create", "builder"),
        ("website/duplicate-pages", "builder"),
        ("website/get-page-types", "builder"),
        ("website/get-settings", "builder"),
        ("website/modify", "builder"),
        ("website/remove-pages", "builder"),
        ("website/rename", "builder"),
    ];
    assert_eq!(paths, want);
}

#[test]
fn faults_name_the_field() {
    for (call, input, want) in [
        (Call::WebsiteRename, json!([]), "website/rename: the input is not a JSON object"),
        (Call::WebsiteRename, json!({}), "website/rename: field \"domain\" is missing"),
        (Call::WebsiteRename, json!({ "domain": "a.example" }), "field \"newDomain\" is missing"),
        (
            Call::WebsiteRename,
            json!({ "domain": 7, "newDomain": "b.example" }),
            "field \"domain\" must be a domain",
        ),
        (
            Call::WebsiteRename,
            json!({ "domain": "a.example", "newDomain": "../x" }),
            "field \"newDomain\" must be a domain",
        ),
        (
            Call::SetBlocked,
            json!({ "domain": "a.example", "value": "true" }),
            "field \"value\" must be true or false",
        ),
        (
            Call::SetBlocked,
            json!({ "domain": "a.example", "value": 1 }),
            "field \"value\" must be true or false",
        ),
        (
            Call::IpAdd,
            json!({ "suborderId": "1", "ip": "192.0.2.1", "brandId": 1 }),
            "\"suborderId\" must be a whole number, not as text",
        ),
        (
            Call::IpAdd,
            json!({ "suborderId": -1, "ip": "192.0.2.1", "brandId": 1 }),
            "\"suborderId\" must be a whole number",
        ),
        (
            Call::IpAdd,
            json!({ "suborderId": 1.5, "ip": "192.0.2.1", "brandId": 1 }),
            "\"suborderId\" must be a whole number",
        ),
        (
            Call::IpAdd,
            json!({ "suborderId": 1, "ip": "192.0.2", "brandId": 1 }),
            "\"ip\" must be an IP address",
        ),
        (Call::IpAdd, json!({ "suborderId": 1, "ip": "192.0.2.1" }), "field \"brandId\" is missing"),
        (
            Call::IpUpdate,
            json!({ "suborderId": 1, "ip": "192.0.2.1" }),
            "field \"newIp\" or \"brandId\" must be there",
        ),
        (
            Call::AddPages,
            json!({ "domain": "a.example", "template": "x", "pageTypes": "home" }),
            "\"pageTypes\" must be a list of texts",
        ),
        (
            Call::AddPages,
            json!({ "domain": "a.example", "template": "x", "pageTypes": [1] }),
            "\"pageTypes\" must be a list of texts",
        ),
        (
            Call::WebsiteModify,
            json!({ "domain": "a.example", "variables": { "a": 1 } }),
            "\"variables\" must be an object whose values are texts",
        ),
        (
            Call::WebsiteModify,
            json!({ "domain": "a.example", "variables": [] }),
            "\"variables\" must be an object",
        ),
        (
            Call::GetSettings,
            json!({ "domain": "a.example", "loginHash": "x" }),
            "field \"loginHash\" is filled in by Panelgate",
        ),
        (
            Call::Publish,
            json!({ "domain": "a.example", "template": "x" }),
            "there is no field \"template\" (there are: domain)",
        ),
        (Call::CategoryList, json!({ "x": 1 }), "there is no field \"x\" (there are: it takes none)"),
        (Call::CategoryList, json!({ "account": 7 }), "field \"account\" must be text"),
        (Call::CategoryList, json!({ "account": "../x" }), "field \"account\": "),
        (Call::PageTypes, json!({ "template": "a\u{0}b" }), "field \"template\" holds a NUL"),
    ] {
        let text = fault(call, None, input.clone());
        assert!(text.contains(want), "{input}: {text}");
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let long = "x".repeat(crate::limits::CALL_TEXT_BYTES + 1);
    assert!(fault(Call::PageTypes, None, json!({ "template": long })).contains("is longer than"));
    let many: Vec<&str> = vec!["x"; crate::limits::CALL_ITEMS + 1];
    let input = json!({ "domain": "a.example", "template": "x", "pageTypes": many });
    assert!(fault(Call::AddPages, None, input).contains("has more than"));
    let input = json!({ "domain": "a.example", "variables": { "a": long } });
    assert!(fault(Call::WebsiteModify, None, input).contains("is longer than"));
}

#[test]
fn site_and_account_are_ours_and_values_are_normal() {
    let input = json!({ "account": "alice", "domain": "Bücher.Example", "variables": { "a": "b" } });
    let checked = check(Effective::of(Call::WebsiteModify, None), input).unwrap();
    assert_eq!(checked.account.unwrap().as_str(), "alice");
    assert_eq!(checked.site.unwrap().as_str(), "xn--bcher-kva.example");
    assert_eq!(Value::Object(checked.body), json!({ "variables": { "a": "b" } }));
    let input = json!({ "suborderId": 1, "ip": "2001:DB8:0::1" });
    let checked = check(Effective::of(Call::IpDelete, None), input).unwrap();
    assert_eq!(checked.body["ip"], "2001:db8::1");
    // Here `domain` is no site of an account.
    let checked = check(Effective::of(Call::GetDomains, None), json!({ "domain": "X.example" })).unwrap();
    assert!(checked.site.is_none() && checked.body["domain"] == "x.example");
}

#[test]
fn an_administrator_describes_what_the_documentation_does_not() {
    let off = Effective::of(Call::GetTemplate, None);
    assert!(off.available().unwrap_err().contains("[call get-template]"));
    assert!(Effective::of(Call::RequestLogin, None).available().unwrap_err().contains("panelgate open"));
    let own = Overrides {
        path: Some("website/get-template".into()),
        session: Some(true),
        fields: [("page".to_owned(), Kind::Number)].into(),
        required: vec!["page".into()],
        names: [("page".to_owned(), "pageId".to_owned())].into(),
        ..Overrides::default()
    };
    let made = Effective::of(Call::GetTemplate, Some(&own));
    assert_eq!((made.available(), made.path()), (Ok(()), Some("website/get-template")));
    assert_eq!(
        (made.session(), made.wire_name("page"), made.wire_name("x")),
        (Session::Needed, "pageId", "x")
    );
    assert!(
        fault(Call::GetTemplate, Some(&own), json!({ "page": 1 })).contains("field \"domain\" is missing")
    );
    let input = json!({ "domain": "a.example" });
    assert!(fault(Call::GetTemplate, Some(&own), input).contains("field \"page\" is missing"));
    let input = json!({ "domain": "a.example", "page": 1, "other": 2 });
    assert!(
        fault(Call::GetTemplate, Some(&own), input)
            .contains("(there are: domain, page; [call NAME] fields adds more)")
    );
    assert!(check(made, json!({ "domain": "a.example", "page": 1 })).is_ok());
    let disabled = Overrides { disabled: true, ..Overrides::default() };
    assert!(Effective::of(Call::Publish, Some(&disabled)).available().unwrap_err().contains("enabled = no"));
}

#[test]
fn the_page_names_every_call_and_every_field() {
    let page = markdown();
    for entry in Call::ALL.iter().map(|call| call.entry()) {
        assert!(page.contains(&format!("| `{}` |", entry.name)), "{}", entry.name);
        assert!(page.contains(&format!("\n## {}\n", entry.name)), "{}", entry.name);
        for field in entry.fields {
            assert!(page.contains(&format!("`{}`", field.name)), "{}", field.name);
        }
    }
}
