//! Who gets what: every principal, every operation, every kind of site.

use serde_json::{Value, json};

use crate::needs_root;
use crate::world::{A, B, DEMO, FRONT, PANEL, STRANGER, SUSPENDED, WEB, WITHOUT, World};

#[test]
fn accounts_open_their_own_sites_and_no_others() {
    needs_root!();
    let world = World::start();
    for (uid, site, want) in [
        (A, "a.example", "ok"),
        (A, "sub.a.example", "ok"),
        (A, "A.EXAMPLE", "ok"),
        (A, "alias.example", "site-alias"),
        (A, "b.example", "site-not-found"),
        (A, "nowhere.example", "site-not-found"),
        (A, "*.a.example", "bad-request"),
        (A, "../a.example", "bad-request"),
        (B, "b.example", "ok"),
        (B, "a.example", "site-not-found"),
        (SUSPENDED, "susp.example", "suspended"),
        (DEMO, "demo.example", "demo-account"),
        (WITHOUT, "without.example", "feature-off"),
        (WEB, "a.example", "forbidden"),
        (FRONT, "a.example", "forbidden"),
        (STRANGER, "a.example", "forbidden"),
    ] {
        let before = world.sessions();
        let (got, answer) = world.ask(uid, "open", json!({ "site": site }));
        assert_eq!(got, want, "uid {uid} opens {site}: {answer}");
        assert_eq!(world.sessions() - before, usize::from(want == "ok"), "uid {uid} opens {site}");
    }
    // Naming somebody else's account changes nothing.
    for site in ["a.example", "b.example"] {
        assert_eq!(world.ask(A, "open", json!({ "account": "pgb", "site": site })).0, "forbidden", "{site}");
        assert_eq!(
            world.ask(A, "overview", json!({ "account": "pgb", "site": site })).0,
            "forbidden",
            "{site}"
        );
    }
}

#[test]
fn a_panel_user_acts_for_the_account_it_names_and_no_further() {
    needs_root!();
    let world = World::start();
    for (args, want) in [
        (json!({ "account": "pga", "site": "a.example" }), "ok"),
        (json!({ "account": "pga", "site": "b.example" }), "site-not-found"),
        (json!({ "account": "pgsusp", "site": "susp.example" }), "suspended"),
        (json!({ "account": "pgdemo", "site": "demo.example" }), "demo-account"),
        (json!({ "account": "pgwithout", "site": "without.example" }), "feature-off"),
        (json!({ "account": "nobody-there", "site": "a.example" }), "account-not-found"),
        (json!({ "site": "a.example" }), "invalid-argument"),
        (json!({ "account": "../pga", "site": "a.example" }), "bad-request"),
        (json!({ "account": "root", "site": "a.example" }), "account-not-found"),
    ] {
        let (got, answer) = world.ask(PANEL, "open", args.clone());
        assert_eq!(got, want, "{args}: {answer}");
    }
}

#[test]
fn root_acts_for_everybody_but_not_against_the_rules() {
    needs_root!();
    let world = World::start();
    for (args, want) in [
        (json!({ "account": "pga", "site": "a.example" }), "ok"),
        (json!({ "site": "b.example" }), "ok"),
        (json!({ "account": "pga", "site": "b.example" }), "site-not-yours"),
        (json!({ "site": "susp.example" }), "suspended"),
        (json!({ "site": "nowhere.example" }), "site-not-found"),
        (json!({}), "invalid-argument"),
    ] {
        let (got, answer) = world.ask(0, "open", args.clone());
        assert_eq!(got, want, "{args}: {answer}");
    }
    assert_eq!(world.ask(0, "overview", json!({ "account": "pgsusp" })).0, "ok", "root may look");
}

#[test]
fn accounts_back_up_and_see_the_projects_of_their_own_sites_alone() {
    needs_root!();
    let world = World::start();
    for (uid, site) in [(A, "a.example"), (B, "b.example")] {
        assert_eq!(
            world.ask(uid, "backup-project", json!({ "site": site })).0,
            "backup-not-found",
            "never opened"
        );
        assert_eq!(world.ask(uid, "open", json!({ "site": site })).0, "ok");
        world.builder.set_project(site, format!("project of {site}").into_bytes());
    }
    for op in ["backup-project", "backups"] {
        for (uid, args, want) in [
            (A, json!({ "site": "a.example" }), "ok"),
            (A, json!({ "site": "b.example" }), "site-not-found"),
            (A, json!({ "site": "alias.example" }), "site-alias"),
            (A, json!({ "account": "pgb", "site": "b.example" }), "forbidden"),
            (A, json!({ "site": "../a.example" }), "bad-request"),
            (A, json!({}), "invalid-argument"),
            (PANEL, json!({ "account": "pga", "site": "a.example" }), "ok"),
            (PANEL, json!({ "account": "pga", "site": "b.example" }), "site-not-found"),
            (SUSPENDED, json!({ "site": "susp.example" }), "suspended"),
            (DEMO, json!({ "site": "demo.example" }), "demo-account"),
            (WITHOUT, json!({ "site": "without.example" }), "feature-off"),
            (WEB, json!({ "site": "a.example" }), "forbidden"),
            (FRONT, json!({ "site": "a.example" }), "forbidden"),
            (STRANGER, json!({ "site": "a.example" }), "forbidden"),
        ] {
            let (got, answer) = world.ask(uid, op, args.clone());
            assert_eq!(got, want, "uid {uid}: {op} {args}: {answer}");
        }
    }
    let (_, queued) = world.ask(A, "backup-project", json!({ "site": "a.example" }));
    assert_eq!(queued["joined"], true, "the panel user's wish was the same");
    let run = std::process::Command::new(world.path("panelgate"))
        .arg("--config")
        .arg(world.path("etc/panelgate.ini"))
        .args(["jobs", "--once"])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let (_, seen) = world.ask(A, "backups", json!({ "site": "a.example" }));
    assert_eq!(
        (&seen["job"]["state"], seen["files"].as_array().unwrap().len()),
        (&json!("done"), 1),
        "{seen}"
    );
    assert_eq!(seen["files"][0]["size"], "project of a.example".len());
    assert!(!seen.to_string().contains('/'), "no path of this server: {seen}");
    // A job is seen by its account, and by those who speak for it.
    let job = json!({ "job": queued["job"] });
    for (uid, want) in [(A, "ok"), (PANEL, "ok"), (0, "ok"), (B, "backup-not-found"), (STRANGER, "forbidden")]
    {
        let (got, answer) = world.ask(uid, "backups", job.clone());
        assert_eq!(got, want, "uid {uid}: {answer}");
    }
    // The successor of the account sees none of its backups.
    world.edit("var/cpanel/users/pga", "STARTDATE=", "STARTDATE=9");
    let (_, seen) = world.ask(A, "backups", json!({ "site": "a.example" }));
    assert_eq!(seen["files"], json!([]));
}

#[test]
fn operations_that_are_not_about_an_account() {
    needs_root!();
    let world = World::start();
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    let principals = [0, PANEL, FRONT, A, B, WEB, STRANGER];
    for (op, args, allowed) in [
        ("status", Value::Null, &[0, PANEL, FRONT][..]),
        ("doctor", Value::Null, &[0, PANEL, FRONT]),
        ("audit", json!({}), &[0]),
        ("revoke", json!({ "site": "a.example" }), &[0]),
        ("claim", json!({ "site": "a.example" }), &[0]),
        // That it may is all that is asked here: there is no such site, no password, and no system user of that name.
        ("publish", json!({ "method": "GET", "path": "/x" }), &[]),
        ("unpublish", json!({ "site": "a.example", "what": "undo" }), &[]),
    ] {
        for uid in principals {
            let (got, answer) = world.ask(uid, op, args.clone());
            let want = match (op, uid) {
                ("publish", WEB) => "credentials-rejected",
                ("unpublish", 0) => "document-root",
                _ if allowed.contains(&uid) => "ok",
                _ => "forbidden",
            };
            assert_eq!(got, want, "uid {uid}: {op}: {answer}");
        }
    }
    for (op, args, want) in [
        ("overview-everything", json!({}), "bad-request"),
        ("", json!({}), "bad-request"),
        ("revoke", json!({}), "bad-request"),
        ("revoke", json!({ "all": true, "site": "a.example" }), "bad-request"),
        ("claim", json!({}), "bad-request"),
        ("jobs", json!({}), "bad-request"),
        ("backup", json!({}), "bad-request"),
        ("open", json!({ "site": 5 }), "bad-request"),
        ("open", json!([1, 2]), "bad-request"),
        ("publication", json!({ "site": "a.example" }), "bad-request"),
        ("publication", json!({ "site": "a.example", "what": "undo" }), "bad-request"),
        ("unpublish", json!({ "site": "a.example", "what": "status" }), "bad-request"),
        ("unpublish", json!({ "site": "b.example", "what": "undo" }), "site-not-found"),
    ] {
        assert_eq!(world.ask(0, op, args.clone()).0, want, "{op} {args}");
    }
}

#[test]
fn only_root_reads_reasons_that_name_files_and_others() {
    needs_root!();
    let world = World::start();
    let (_, told) = world.ask(A, "open", json!({ "site": "b.example" }));
    assert_eq!(told, "site-not-found: the system log has the reason under 7K3M-9QXT");
    assert!(
        world.log().contains("7K3M-9QXT: account pga (uid 20001) could not open b.example"),
        "{}",
        world.log()
    );
    std::fs::write(world.path("root/var/cpanel/userdata/pga/main"), "not: [yaml").unwrap();
    let (kind, told) = world.ask(A, "open", json!({ "site": "a.example" }));
    assert_eq!((kind.as_str(), told.as_str().unwrap().contains('/')), ("panel-data", false));
    assert!(
        world
            .ask(0, "open", json!({ "account": "pga", "site": "a.example" }))
            .1
            .to_string()
            .contains("userdata/pga/main")
    );
}

#[test]
fn the_page_the_command_line_and_the_protocol_say_the_same() {
    needs_root!();
    let world = World::start();
    let opened = world.click(A, "site=a.example");
    assert!(opened.starts_with("Status: 303") && opened.contains("login_hash="), "{opened}");
    assert!(world.click(A, "").contains("sub.a.example"), "the chooser");
    for (uid, query, status) in [
        (A, "site=b.example", "404"),
        (A, "site=alias.example", "403"),
        (SUSPENDED, "", "403"),
        (STRANGER, "", "403"),
    ] {
        let page = world.click(uid, query);
        assert!(page.starts_with(&format!("Status: {status}")), "uid {uid}: {page}");
    }
    let socket = world.socket();
    let cli = |uid, arguments: &[&str]| {
        let arguments = [&["--socket", socket.to_str().unwrap()], arguments].concat();
        let output = world.as_uid(uid, &world.path("panelgate"), &arguments, &[]);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = cli(A, &["open", "a.example"]);
    assert!(code == 0 && text.contains("login_hash="), "{text}");
    assert_eq!(cli(A, &["open", "b.example"]).0, 12);
    assert_eq!(cli(SUSPENDED, &["open"]).0, 15);
    assert_eq!(cli(STRANGER, &["sites"]).0, 4);
    assert!(cli(A, &["sites", "--json"]).1.contains("\"sub.a.example\""));
    let audit = world.ask(0, "audit", json!({ "account": "pga", "limit": 1 })).1;
    assert_eq!(audit[0]["result"], "site-not-yours");
    let all = world.ask(0, "audit", json!({})).1.to_string();
    assert!(all.contains("from 198.51.100.7") && !all.contains("login_hash"), "{all}");
}

#[test]
fn accounts_say_only_that_something_has_changed_about_them_and_not_too_often() {
    needs_root!();
    let world = World::start();
    let nobody = json!({});
    for (uid, args, want) in [
        (0, json!({ "account": "pga" }), "ok"),
        (0, nobody.clone(), "invalid-argument"),
        (PANEL, json!({ "account": "pga" }), "ok"),
        (PANEL, json!({ "site": "gone.example" }), "ok"),
        (PANEL, nobody.clone(), "invalid-argument"),
        (A, nobody.clone(), "ok"),
        (SUSPENDED, nobody.clone(), "ok"),
        (WEB, nobody.clone(), "forbidden"),
        (FRONT, nobody.clone(), "forbidden"),
        (STRANGER, nobody.clone(), "forbidden"),
    ] {
        assert_eq!(world.ask(uid, "refresh", args.clone()).0, want, "uid {uid}: {args}");
        let event = if uid == 0 { "ok" } else { "forbidden" };
        assert_eq!(world.ask(uid, "event", json!({})).0, event, "uid {uid}");
    }
    assert_eq!(world.ask(B, "open", json!({ "site": "b.example" })).0, "ok");
    // Whatever it names and however that is spelled, it is itself.
    for args in [json!({ "account": "pgb" }), json!({ "site": "b.example" }), json!({ "account": ["pgb"] })] {
        let (got, answer) = world.ask(A, "refresh", args.clone());
        assert!(
            got == "too-many" || (got == "ok" && answer["account"] == "pga" && answer["job"].is_null()),
            "{args}: {answer}"
        );
    }
    let (_, answer) = world.ask(B, "refresh", json!({}));
    assert!(answer["job"].is_u64(), "{answer}");
    let refused = (0..40).filter(|_| world.ask(A, "refresh", json!({})).0 == "too-many").count();
    assert!(refused > 0, "an account asks without end");
}
