use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn said(source: &str, payload: &[u8]) -> std::result::Result<Said, String> {
    read(source, payload).map_err(|error| error.to_string())
}

/// What a payload says, in one line: kind, account, domain, old account, old domain.
fn line(source: &str, payload: &[u8]) -> String {
    match said(source, payload) {
        Ok(Said::Event(event)) => {
            let text = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
            [
                event.kind.name().to_owned(),
                text(event.account.map(|name| name.to_string())),
                text(event.domain.map(|name| name.to_string())),
                text(event.old_account.map(|name| name.to_string())),
                text(event.old_domain.map(|name| name.to_string())),
            ]
            .join(" ")
        }
        Ok(Said::Ignored(why)) => format!("ignored: {why}"),
        Err(error) => format!("error: {error}"),
    }
}

fn cpanel(category: &str, event: &str, stage: &str, data: &Value) -> String {
    let payload = json!({ "context": { "category": category, "event": event, "stage": stage }, "data": data, "hook": {} });
    line("cpanel", payload.to_string().as_bytes())
}

#[test]
fn what_cpanel_says() {
    let post = |event: &str, data: Value| cpanel("Whostmgr", event, "post", &data);
    let create = json!({ "user": "alice", "domain": "alice.example", "plan": "bob_gold", "uid": "1004", "is_restore": 0,
        "force": null, "pass": "hunter2-secret", "digestauth": "n" });
    assert_eq!(post("Accounts::Create", create.clone()), "create alice alice.example - -");
    for yes in [json!(1), json!("1"), json!(true)] {
        let mut restored = create.clone();
        restored["is_restore"] = yes;
        assert_eq!(post("Accounts::Create", restored), "restore alice alice.example - -");
    }
    assert_eq!(post("Accounts::Remove", json!({ "user": "alice", "killdns": 1 })), "remove alice - - -");
    assert_eq!(
        cpanel("Whostmgr", "Accounts::Remove", "pre", &json!({ "user": "alice" })),
        "remove alice - - -"
    );
    for data in [
        json!({ "args": { "user": "alice", "reason": "unpaid" }, "result": 1 }),
        json!({ "user": "alice", "reason": "unpaid", "disallowun": 0 }),
        json!({ "user": null, "args": { "user": "alice" } }),
        json!({ "user": "", "args": { "user": "alice" } }),
    ] {
        assert_eq!(post("Accounts::suspendacct", data.clone()), "suspend alice - - -");
        assert_eq!(post("Accounts::unsuspendacct", data), "unsuspend alice - - -");
    }
    let modify = json!({ "user": "alice", "newuser": "alicia", "domain": "new.example" });
    assert_eq!(post("Accounts::Modify", modify), "rename alicia new.example alice -");
    assert_eq!(post("Accounts::Modify", json!({ "user": "alice", "owner": "bob" })), "plan alice - - -");
    let before = json!({ "user": "alice", "domain": "new.example" });
    assert_eq!(cpanel("Whostmgr", "Accounts::Modify", "pre", &before), "rename alice new.example - -");
    assert_eq!(
        post("Accounts::change_package", json!({ "user": "alice", "new_pkg": "x" })),
        "plan alice - - -"
    );
    assert_eq!(post("Accounts::SiteIP::set", json!({ "user": "alice" })), "address alice - - -");
    assert_eq!(
        post(
            "Domain::park",
            json!({ "user": "alice", "new_domain": "p.example", "target_domain": "alice.example" })
        ),
        "domain-added alice p.example - -"
    );
    assert_eq!(
        post("ParkAdmin::unpark", json!({ "user": "alice", "domain": "p.example" })),
        "domain-removed alice p.example - -"
    );
    assert_eq!(
        post(
            "Domain::addsubdomain",
            json!({ "user": "alice", "subdomain": "blog", "rootdomain": "alice.example" })
        ),
        "domain-added alice blog.alice.example - -"
    );
    assert_eq!(
        post("ConvertAddon::convert_addon", json!({ "username": "alice", "domain": "shop.example" })),
        "domain-added alice shop.example - -"
    );
    let call = |event: &str, args: Value| {
        cpanel(
            "Cpanel",
            event,
            "post",
            &json!({ "user": "alice", "args": args, "output": [{ "result": 1 }] }),
        )
    };
    assert_eq!(
        call(
            "Api2::AddonDomain::addaddondomain",
            json!({ "newdomain": "shop.example", "subdomain": "shop", "pass": "x" })
        ),
        "domain-added alice shop.example - -"
    );
    assert_eq!(
        call(
            "Api2::AddonDomain::deladdondomain",
            json!({ "domain": "shop.example", "subdomain": "shop_alice.example" })
        ),
        "domain-removed alice shop.example - -"
    );
    assert_eq!(
        call("UAPI::SubDomain::addsubdomain", json!({ "domain": "blog", "rootdomain": "alice.example" })),
        "domain-added alice blog.alice.example - -"
    );
    assert_eq!(
        call("Api2::SubDomain::delsubdomain", json!({ "domain": "blog_alice.example" })),
        "domain-removed alice - - -"
    );
    let failed =
        json!({ "user": "alice", "args": { "newdomain": "x.example" }, "output": [{ "result": "0" }] });
    assert_eq!(
        cpanel("Cpanel", "Api2::AddonDomain::addaddondomain", "post", &failed),
        "ignored: it has failed"
    );
    assert_eq!(
        cpanel(
            "Passwd",
            "ChangePasswd",
            "post",
            &json!({ "user": "alice", "new_password": "hunter2-secret" })
        ),
        "password alice - - -"
    );
    assert_eq!(
        cpanel("PkgAcct", "Restore", "post", &json!({ "user": "alice", "extract_dir": "/x" })),
        "restore alice - - -"
    );
    for (category, event) in
        [("System", "upcp"), ("PkgAcct", "Create"), ("Cpanel", "UAPI::Ftp::add_ftp"), ("x", "y")]
    {
        assert!(cpanel(category, event, "post", &json!({})).starts_with("ignored"), "{category} {event}");
    }
    assert!(cpanel("Whostmgr", "Accounts::Create", "pre", &create).starts_with("ignored"));
}

#[test]
fn what_directadmin_says() {
    let hook = |name: &str, variables: &str| {
        line(&format!("directadmin/{name}"), variables.replace(' ', "\0").as_bytes())
    };
    let user = "passwd=hunter2-secret username=jsmith domain=example.com ip=192.0.2.1 suspended=no";
    for (name, want) in [
        ("user_create_post_confirmed", "create jsmith - - -"),
        ("user_modify_post", "plan jsmith - - -"),
        ("user_suspend_post", "suspend jsmith - - -"),
        ("user_activate_post", "unsuspend jsmith - - -"),
        ("user_destroy_post", "remove jsmith - - -"),
        ("user_password_change_post", "password jsmith - - -"),
        ("user_restore_post", "restore jsmith - - -"),
        ("domain_create_post", "domain-added jsmith example.com - -"),
        ("domain_destroy_post", "domain-removed jsmith example.com - -"),
        ("domain_modify_post", "refresh jsmith example.com - -"),
        ("reseller_destroy_post", "reconcile - - - -"),
        ("user_destroy_pre", "ignored: it has not happened yet"),
        ("ftp_create_post", "ignored: it is not an event of an account or site"),
        ("../../x", "ignored: it is not an event of an account or site"),
    ] {
        assert_eq!(hook(name, user), want, "{name}");
    }
    assert_eq!(
        hook("domain_change_post", "domain=old.example newdomain=new.example username=jsmith"),
        "rename jsmith new.example - old.example"
    );
    for name in ["subdomain_create_post", "subdomain_destroy_post"] {
        let kind = if name.contains("create") { "domain-added" } else { "domain-removed" };
        assert_eq!(
            hook(name, "username=jsmith domain=example.com subdomain=blog contents=1"),
            format!("{kind} jsmith blog.example.com - -")
        );
    }
    assert_eq!(
        hook("domain_pointer_create_post", "username=jsmith domain=example.com from=alias.example alias=yes"),
        "domain-added jsmith alias.example - -"
    );
    assert_eq!(hook("user_restore_post", "username=jsmith success=0"), "ignored: it has failed");
    for (name, variables) in [
        ("user_suspend_post", "x=y"),
        ("user_suspend_post", "username=../../etc"),
        ("user_suspend_post", "username=$(id)"),
        ("domain_change_post", "domain=old.example username=jsmith"),
        ("domain_destroy_post", "username=jsmith"),
    ] {
        assert!(hook(name, variables).starts_with("error"), "{name} {variables}");
    }
}

#[test]
fn what_plesk_says() {
    let by_handler = |event: &str, variables: &str| {
        line(&format!("plesk/{event}"), variables.replace(' ', "\0").as_bytes())
    };
    let by_listener =
        |event: &str, payload: &Value| line(&format!("plesk/{event}"), payload.to_string().as_bytes());
    let renamed = "rename - new.example - old.example";
    assert_eq!(by_handler("site_update", "OLD_DOMAIN_NAME=old.example NEW_DOMAIN_NAME=new.example"), renamed);
    for payload in [
        json!({ "old": { "Domain Name": "old.example" }, "new": { "Domain Name": "new.example", "x": [1] } }),
        json!({ "oldValues": { "domain_name": "old.example" }, "newValues": { "domain_name": "new.example" } }),
        json!({ "OLD_DOMAIN_NAME": "old.example", "NEW_DOMAIN_NAME": "new.example", "NEW_PASSWORD": "hunter2-secret" }),
    ] {
        assert_eq!(by_listener("site_update", &payload), renamed, "{payload}");
    }
    let ascii = |name: &str| Domain::new(name).unwrap().to_string();
    assert_eq!(
        by_handler("domain_update", "OLD_DOMAIN_NAME=старый.example NEW_DOMAIN_NAME=новый.example"),
        format!("rename - {} - {}", ascii("новый.example"), ascii("старый.example"))
    );
    for (event, variables, want) in [
        ("domain_update", "OLD_DOMAIN_NAME=a.example NEW_DOMAIN_NAME=a.example", "refresh - a.example - -"),
        ("domain_create", "NEW_DOMAIN_NAME=a.example NEW_SYSTEM_USER=alice", "create alice a.example - -"),
        ("domain_delete", "OLD_DOMAIN_NAME=a.example OLD_SYSTEM_USER=alice", "remove alice a.example - -"),
        ("site_delete", "OLD_DOMAIN_NAME=gone.example", "domain-removed - gone.example - -"),
        (
            "subdomain_create",
            "NEW_SUBDOMAIN_NAME=blog NEW_DOMAIN_NAME=a.example",
            "domain-added - blog.a.example - -",
        ),
        (
            "subdomain_delete",
            "OLD_SUBDOMAIN_NAME=blog.a.example OLD_DOMAIN_NAME=a.example",
            "domain-removed - blog.a.example - -",
        ),
        ("site_alias_delete", "OLD_DOMAIN_ALIAS_NAME=al.example", "domain-removed - al.example - -"),
        ("domain_status_update", "NEW_DOMAIN_NAME=a.example NEW_STATUS=2", "refresh - a.example - -"),
        ("client_status_update", "NEW_LOGIN_NAME=bob", "reconcile - - - -"),
        ("client_create", "NEW_PASSWORD=x", "ignored: it is not an event of an account or site"),
    ] {
        assert_eq!(by_handler(event, variables), want, "{event}");
    }
    for (event, variables) in [("site_delete", "x=y"), ("site_delete", "OLD_DOMAIN_NAME=a/b")] {
        assert!(by_handler(event, variables).starts_with("error"), "{event} {variables}");
    }
}

#[test]
fn what_we_say_ourselves() {
    for kind in EventKind::ALL {
        let payload = json!({ "event": kind.name(), "account": "alice" });
        assert_eq!(line("plain", payload.to_string().as_bytes()), format!("{} alice - - -", kind.name()));
        assert_eq!(EventKind::by_name(kind.name()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
    let renamed = json!({ "event": "rename", "account": "alice", "domain": "new.example", "old": { "domain": "old.example" } });
    assert_eq!(line("plain", renamed.to_string().as_bytes()), "rename alice new.example - old.example");
    for bad in [
        json!({}),
        json!({ "event": "explode", "account": "alice" }),
        json!({ "event": "suspend" }),
        json!({ "event": "suspend", "account": "../alice" }),
        json!({ "event": "suspend", "account": ["alice"] }),
        json!({ "event": ["suspend"], "account": "alice" }),
        json!({ "event": "suspend", "domain": "a b" }),
    ] {
        assert!(line("plain", bad.to_string().as_bytes()).starts_with("error"), "{bad}");
    }
}

#[test]
fn nonsense_is_a_clear_error_that_repeats_nothing() {
    let large = vec![b' '; limits::EVENT_BYTES + 1];
    let deep = "[".repeat(100_000);
    let nested = format!("{{\"data\":{}", "{\"x\":".repeat(50_000));
    let secret = b"{\"context\":{},\"data\":{\"pass\":\"hunter2-secret\" oops";
    let payloads: [&[u8]; 10] = [
        b"null",
        b"[]",
        b"\"x\"",
        b"7",
        b"\xff\xfe",
        b"{",
        b"{\"data\":\xff}",
        secret,
        deep.as_bytes(),
        nested.as_bytes(),
    ];
    for source in ["cpanel", "plain", "plesk/site_delete", "directadmin/user_suspend_post"] {
        for payload in payloads.iter().copied().chain([large.as_slice()]) {
            let text = line(source, payload);
            assert!(text.starts_with("error"), "{source} {:?}: {text}", &payload[..payload.len().min(40)]);
            assert!(text.contains(source) && !text.contains("hunter2"), "{text}");
        }
    }
    for source in ["cpanel", "plain", "plesk/site_delete", "directadmin/user_suspend_post"] {
        for nothing in [b"".as_slice(), b" \n"] {
            assert_eq!(line(source, nothing), "ignored: the payload is empty");
        }
    }
    for source in ["", "cpanel/x", "plain/x", "directadmin", "plesk", "whm", "directadmin\0"] {
        assert!(line(source, b"{}").contains("is no source of events"), "{source}");
    }
    // An object that is something else is as good as none, and so is a member of another type.
    for data in
        [json!([]), json!("x"), json!(7), json!(null), json!({ "user": {} }), json!({ "args": [["user"]] })]
    {
        let text = cpanel("Whostmgr", "Accounts::suspendacct", "post", &data);
        assert!(text.contains("neither data.user nor data.args.user"), "{data}: {text}");
    }
}

/// Any JSON, with the names that readers look for.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("user"),
        Just("args"),
        Just("data"),
        Just("context"),
        Just("category"),
        Just("event"),
        Just("stage"),
        Just("domain"),
        Just("old"),
        Just("account"),
        Just("output"),
        Just("result"),
        Just("subdomain"),
        Just("rootdomain"),
        Just("Domain Name"),
    ];
    let text = prop_oneof![
        Just("Whostmgr".to_owned()),
        Just("Cpanel".to_owned()),
        Just("Accounts::Modify".to_owned()),
        Just("alice".to_owned()),
        Just("a.example".to_owned()),
        Just("Api2::SubDomain::delsubdomain".to_owned()),
        ".{0,20}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), name in "[a-z_/]{0,40}") {
        for source in ["cpanel", "plain", "plesk/domain_update", "plesk/subdomain_delete", "directadmin/domain_change_post",
            "directadmin/subdomain_create_post", name.as_str()] {
            let _ = read(source, &bytes);
        }
    }

    #[test]
    fn no_json_makes_a_reader_panic(value in any_json()) {
        let text = value.to_string();
        for source in ["cpanel", "plain", "plesk/domain_update", "plesk/site_alias_update", "plesk/subdomain_update"] {
            let _ = read(source, text.as_bytes());
        }
        let wrapped = json!({ "context": { "category": "Whostmgr", "event": "Accounts::Modify" }, "data": value });
        let _ = read("cpanel", wrapped.to_string().as_bytes());
    }

    #[test]
    fn no_environment_makes_a_reader_panic(pairs in proptest::collection::vec(("(OLD_|NEW_)?(DOMAIN_NAME|SUBDOMAIN_NAME|SYSTEM_USER|username|domain|newdomain|from|subdomain)", ".{0,30}"), 0..8)) {
        let text: String = pairs.iter().map(|(name, value)| format!("{name}={value}\0")).collect();
        for source in ["plesk/domain_update", "plesk/subdomain_update", "directadmin/domain_change_post", "directadmin/subdomain_destroy_post",
            "directadmin/domain_pointer_create_post", "directadmin/user_suspend_post"] {
            let _ = read(source, text.as_bytes());
        }
    }
}
