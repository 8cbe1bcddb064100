//! Every typed call, there and back.

use std::collections::BTreeMap;
use std::time::Duration;

use panelgate::builder::licence::{Address, Published};
use panelgate::builder::website::{Create, Polling};
use panelgate::builder::{Presence, Site};
use panelgate::calls::{Call, Way};
use panelgate::error::ErrorKind;
use panelgate::sandbox::{FullList, Options};
use panelgate::types::Domain;
use serde_json::{Map, Value, json};

use super::{Pair, key, session};

#[test]
fn templates() {
    let pair = Pair::new();
    let categories = pair.client.categories().unwrap();
    assert_eq!((categories.len(), categories[0].id.as_str(), categories[0].count), (3, "food", Some(1)));
    assert_eq!(categories[0].name, "Food & drink");
    let templates = pair.client.templates().unwrap();
    assert_eq!((templates[0].id.as_str(), templates[0].category.as_deref()), ("Cafe-3", Some("food")));
    assert_eq!(templates[0].image.as_deref(), Some("https://builder.example/Cafe-3.png"));
    let types = pair.client.page_types("Cafe-3").unwrap();
    assert_eq!(types.page_types, ["home", "menu", "contacts"]);
    let error = pair.client.page_types("nothing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BuilderRefused);
    assert!(error.to_string().starts_with("website/get-page-types: "), "{error}");
    assert_eq!(
        pair.called(),
        ["category-list", "template-list", "website/get-page-types", "website/get-page-types"]
    );
}

#[test]
fn a_website_from_its_making_to_its_end() {
    let pair = Pair::new();
    let session = session("shop.example");
    let website = pair.client.website(&session);
    let create = Create {
        template: Some("Cafe-3".into()),
        page_types: vec!["home".into(), "menu".into()],
        variables: [("title".to_owned(), "Shop".to_owned())].into(),
        ai_query: None,
    };
    let created = website.create(&create).unwrap();
    assert_eq!(created.template.as_deref(), Some("Cafe-3"));
    let pages: BTreeMap<String, String> =
        [("1", "home"), ("2", "menu")].map(|(id, kind)| (id.to_owned(), kind.to_owned())).into();
    assert_eq!(created.pages, pages);
    let body = pair.body();
    assert_eq!((&body["template"], &body["variables"]["title"]), (&json!("Cafe-3"), &json!("Shop")));
    assert_eq!(body["loginHash"].as_str().unwrap().len(), 64);

    website.modify(&[("phone".to_owned(), "+370".to_owned())].into()).unwrap();
    assert_eq!(website.add_pages("Cafe-3", &["contacts".into()]).unwrap().pages["3"], "contacts");
    assert_eq!(website.duplicate_pages(&["1".into()]).unwrap(), ["4"]);
    assert_eq!(website.remove_pages(&["4".into(), "99".into()]).unwrap(), ["4"]);
    assert_eq!(website.settings().unwrap().forces_https, Some(true));
    pair.client.rename(&key("shop.example"), &Domain::new("new.example").unwrap()).unwrap();
    assert_eq!(pair.body(), json!({ "domain": "shop.example", "newDomain": "new.example" }));
    assert_eq!(pair.client.delete_site(&key("shop.example")).unwrap_err().kind(), ErrorKind::BuilderRefused);
    pair.client.delete_site(&key("new.example")).unwrap();

    let called = pair.called();
    assert_eq!(
        called.iter().filter(|path| *path == "requestLogin").count(),
        1,
        "one session for all: {called:?}"
    );
}

#[test]
fn deleting_uses_the_session_where_there_is_one() {
    let pair = Pair::new();
    let session = session("shop.example");
    pair.client.website(&session).delete().unwrap();
    let body = pair.body();
    assert_eq!(body["domain"], "shop.example");
    assert!(body["loginHash"].is_string());
}

#[test]
fn publishing_is_waited_for() {
    let pair = Pair::new();
    let session = session("shop.example");
    let polling = Polling { every: Duration::from_millis(5), most: Duration::from_secs(600) };
    let mut shown = Vec::new();
    let done = pair
        .client
        .website(&session)
        .publish_and_wait(&polling, |state| shown.push(state.text.clone()))
        .unwrap();
    assert!(done.complete);
    let steps: Vec<&str> = shown.iter().map(|text| text.as_deref().unwrap_or("-")).collect();
    assert_eq!(steps, ["-", "Preparing files", "Uploading", "Cleaning up", "Done"]);
    let progress: Vec<Value> =
        pair.builder.requests().into_iter().skip(1).map(|request| request.body["progress"].clone()).collect();
    assert_eq!(progress, [json!(false), json!(true), json!(true), json!(true), json!(true)]);
    assert!(pair.builder.requests().iter().skip(1).all(|request| request.body.get("template").is_none()));
}

#[test]
fn licences() {
    let pair = Pair::new();
    let (key, domain) = (key("shop.example"), Domain::new("shop.example").unwrap());
    assert_eq!(pair.client.published_one(&domain).unwrap(), None);
    assert_eq!(pair.client.set_blocked(&key, true).unwrap_err().kind(), ErrorKind::BuilderRefused);
    pair.client.request_login(&session("shop.example")).unwrap();
    assert_eq!(pair.client.set_blocked(&key, true).unwrap().blocked, Some(true));
    let want = Published { domain: "shop.example".into(), blocked: Some(true), live: Some(false) };
    assert_eq!(pair.client.published_one(&domain).unwrap(), Some(want));
    assert_eq!(pair.client.set_blocked(&key, false).unwrap().blocked, Some(false));
}

#[test]
fn addresses_of_a_licence_with_both_spellings() {
    for full_list in [FullList::ListFull, FullList::FullList] {
        let pair = Pair::with(Options { full_list, ..Options::new("brand", "hunter2") }, "");
        let ip = |text: &str| text.parse().unwrap();
        pair.client.add_address(7, ip("192.0.2.10"), 5).unwrap();
        pair.client.add_address(7, ip("2001:db8::1"), 5).unwrap();
        pair.client.update_address(7, ip("192.0.2.10"), Some(ip("192.0.2.11")), Some(6)).unwrap();
        pair.client.delete_address(7, ip("2001:db8::1")).unwrap();
        let plain = pair.client.addresses(7).unwrap();
        assert_eq!(plain.list, [Address { ip: "192.0.2.11".into(), brand: None }]);
        assert_eq!(plain.most, Some(5));
        for _ in 0..2 {
            let full = pair.client.addresses_with_brands(7).unwrap();
            assert_eq!(full.list, [Address { ip: "192.0.2.11".into(), brand: Some(6) }], "{full_list:?}");
        }
        // The spelling that works is found once and remembered.
        let calls = if full_list == FullList::ListFull { 7 } else { 8 };
        assert_eq!(pair.called().len(), calls, "{full_list:?}");
        let error = pair.client.delete_address(7, ip("192.0.2.99")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BuilderRefused);
        assert!(pair.client.update_address(7, ip("192.0.2.11"), None, None).is_err());
    }
}

#[test]
fn all_published_websites_come_page_by_page() {
    let pair = Pair::with(Options { published: 1203, ..Options::new("brand", "hunter2") }, "");
    let (mut pages, mut last) = (Vec::new(), String::new());
    let count = pair.client.published_all(|page| {
        pages.push(page.len());
        last = page.last().unwrap().domain.clone();
        Ok(())
    });
    assert_eq!((count.unwrap(), pages, last.as_str()), (1203, vec![500, 500, 203], "site1202.example"));
    assert_eq!(pair.body(), json!({ "offset": 1000, "limit": 500 }));
}

/// A value for each field that a call needs, so that every call of the table can be made.
fn sample(call: Call) -> Map<String, Value> {
    let value = |name: &str| match name {
        "template" => json!("Cafe-3"),
        "pageTypes" => json!(["home"]),
        "variables" => json!({ "a": "b" }),
        "pages" => json!(["1"]),
        "newDomain" => json!("new.example"),
        "value" => json!(true),
        "suborderId" => json!(7),
        "ip" => json!("192.0.2.10"),
        "brandId" => json!(5),
        other => panic!("no sample for {other}"),
    };
    let needed = call.entry().fields.iter().filter(|field| field.needed && field.name != "domain");
    let mut body: Map<String, Value> =
        needed.map(|field| (field.name.to_owned(), value(field.name))).collect();
    if call == Call::IpUpdate {
        body.insert("brandId".into(), json!(6));
    }
    body
}

#[test]
fn every_call_of_the_table_has_an_answer() {
    for call in Call::ALL.iter().copied().filter(|call| call.entry().way == Way::Call) {
        println!("{}", call.name());
        let pair = Pair::new();
        let session = session("shop.example");
        // Something to work on.
        let create = Create { template: Some("Cafe-3".into()), ..Create::default() };
        pair.client.website(&session).create(&create).unwrap();
        if matches!(call, Call::IpUpdate | Call::IpDelete) {
            pair.client.add_address(7, "192.0.2.10".parse().unwrap(), 5).unwrap();
        }
        if call == Call::PublishProgress {
            pair.client.website(&session).publish().unwrap();
        }
        let site = call.entry().is_about_a_site().then_some(Site::Session(&session));
        let answer: Value = pair.client.invoke(call, site, &sample(call)).unwrap();
        assert!(answer.is_object() || answer.is_array(), "{answer}");
        let path = call.entry().path.unwrap();
        assert_eq!(pair.called().last().unwrap(), path);
        for (name, _) in call.entry().fixed {
            assert!(!pair.body()[*name].is_null(), "{name}");
        }
    }
}

#[test]
fn a_call_that_only_the_menu_names_is_off_until_it_is_described() {
    for call in Call::ALL.iter().copied().filter(|call| call.entry().way == Way::Configured) {
        let options = Options { further: vec!["x/y".into()], ..Options::new("brand", "hunter2") };
        let pair = Pair::with(options, "");
        let session = session("shop.example");
        let error =
            pair.client.invoke::<Value>(call, Some(Site::Session(&session)), &Map::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(&format!("[call {}]", call.name())), "{error}");
        assert!(pair.called().is_empty());
        let lines = format!(
            "[call {}]\npath = x/y\nbase = builder\nsession = yes\nsite_field = site\nfields = what:json\nname.what = really",
            call.name()
        );
        let body = json!({ "what": [1, { "a": true }] });
        let answer: Value = pair
            .again(&lines)
            .invoke(call, Some(Site::Session(&session)), body.as_object().unwrap())
            .unwrap();
        let received = &answer["received"];
        assert_eq!((&received["really"], &received["site"]), (&body["what"], &json!("shop.example")));
        assert!(received["loginHash"].is_string() && received.get("what").is_none(), "{received}");
        assert_eq!(pair.called(), ["requestLogin", "x/y"]);
    }
}

#[test]
fn names_on_the_wire_can_be_corrected() {
    let pair = Pair::new();
    pair.client.request_login(&session("shop.example")).unwrap();
    let client =
        pair.again("[call website/rename]\nname.newDomain = to\n[call ipList/list]\nvalue.action = show");
    let new = Domain::new("new.example").unwrap();
    client.rename(&key("shop.example"), &new).unwrap_err();
    assert_eq!(pair.body(), json!({ "domain": "shop.example", "to": "new.example" }));
    client.addresses(7).unwrap_err();
    assert_eq!(pair.body()["action"], "show");
    let client = pair.again("[call template-list]\nmethod = GET\nfields = page:number, q\n");
    let body = json!({ "page": 2, "q": "a b&c" });
    client.invoke::<Value>(Call::TemplateList, None, body.as_object().unwrap()).unwrap();
    assert_eq!(pair.called().last().unwrap(), "template-list?page=2&q=a+b%26c");
    let client = pair.again("[call publish]\nenabled = no");
    let error = client.website(&session("shop.example")).publish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn looking_which_calls_are_there_posts_nothing() {
    let pair = Pair::new();
    let client = pair.again("[call get-pages]\npath = website/get-pages");
    let mut absent = Vec::new();
    for call in client.findable() {
        let (presence, _) = client.presence(call).unwrap();
        if presence != Presence::There {
            absent.push((call.name(), presence));
        }
    }
    // The sandbox makes no backups by this, and nobody described the others.
    absent.retain(|(name, _)| *name != "create-site-backup");
    assert_eq!(absent, [("get-pages", Presence::Absent)]);
    let requests = pair.builder.requests();
    assert!(requests.len() >= 15 && requests.iter().all(|request| request.method == "GET"));
    assert_eq!(client.presence(Call::GetTemplate).unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn what_was_sent_and_answered_can_be_recorded_without_secrets() {
    let pair = Pair::new();
    let session = session("shop.example");
    pair.client.record();
    pair.client.website(&session).settings().unwrap();
    pair.client.presence(Call::Publish).unwrap();
    let recorded = pair.client.recorded();
    let text = serde_json::to_string(&recorded).unwrap();
    let paths: Vec<(&str, &str, u16)> =
        recorded.iter().map(|one| (one.method, one.path.as_str(), one.status)).collect();
    let want = [
        ("POST", "/api/requestLogin", 200),
        ("POST", "/api/website/get-settings", 200),
        ("GET", "/api/publish", 405),
    ];
    assert_eq!(paths, want);
    assert!(text.contains("publishWithForcedHttps") && text.contains("shop.example"), "{text}");
    let hash = pair.builder.requests()[1].body["loginHash"].as_str().unwrap().to_owned();
    for secret in ["hunter2", "site-password", "login_hash=", &hash] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(pair.client.recorded().is_empty(), "it has ended");
}
