//! cPanel's script hook: one line, whatever comes in.

use serde_json::Value;

use crate::common;
use crate::tree::{NOTHING, Stdin, Tree, payload, run};

/// The one line of a hook that ended well, without its first two characters.
fn line(tree: &Tree, word: &str, stdin: Stdin<'_>) -> (bool, String) {
    let output = run(&tree.path("cpanel/panelgate-hook"), &[word], NOTHING, stdin, 0);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{word}: {text}");
    assert!(output.stderr.is_empty(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{word}: {text:?}");
    assert!(text.is_ascii() && !text.to_ascii_lowercase().contains("bailout"), "{word}: {text:?}");
    let (well, said) = text.split_once(" Panelgate: ").unwrap_or_else(|| panic!("{text:?}"));
    assert!(["0", "1"].contains(&well), "{text:?}");
    (well == "1", said.trim_end().to_owned())
}

/// What cPanel's documentation and real calls have, in every shape; and what they should not have.
pub fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let call = |event: &str, stage: &str, data: &str| {
        let (category, event) = event.split_once(' ').unwrap();
        let context =
            format!(r#"{{"category":"{category}","event":"{event}","point":"main","stage":"{stage}"}}"#);
        let hook = r#"{"id":"k3v9Qw0sJx7ZpLm2Nc5TbYaF","exectype":"script","weight":100,"escalateprivs":0}"#;
        format!(r#"{{"context":{context},"data":{data},"hook":{hook}}}"#).into_bytes()
    };
    let create = r#"{"user":"alice","domain":"alice.example","plan":"bob_gold","owner":"bob","homedir":"/home/alice","uid":1004,"gid":"1006",
        "is_restore":0,"quota":"10240","force":null,"forcedns":0,"pass":"hunter2-in-the-clear"}"#;
    let mut deep = b"{\"data\":".to_vec();
    deep.extend(vec![b'['; 200_000]);
    let large = call(
        "Whostmgr Accounts::Create",
        "post",
        &format!("{{\"user\":\"alice\",\"reason\":\"{}\"}}", "x".repeat(1_000_000)),
    );
    let mut not_text =
        call("Whostmgr Accounts::suspendacct", "post", "{\"user\":\"alice\",\"reason\":\"@@\"}");
    let at = not_text.iter().position(|byte| *byte == b'@').unwrap();
    not_text[at..at + 2].copy_from_slice(&[0xff, 0xfe]);
    vec![
        ("create", call("Whostmgr Accounts::Create", "post", create)),
        (
            "create, numbers as text",
            call(
                "Whostmgr Accounts::Create",
                "post",
                &create.replace("1004", "\"1004\"").replace(":0", ":\"0\""),
            ),
        ),
        (
            "remove",
            call(
                "Whostmgr Accounts::Remove",
                "post",
                r#"{"user":"alice","killdns":1,"keep_remote_databases":0}"#,
            ),
        ),
        (
            "suspend",
            call(
                "Whostmgr Accounts::suspendacct",
                "post",
                r#"{"user":"alice","reason":"unpaid","disallowun":0}"#,
            ),
        ),
        (
            "suspend, the other shape",
            call(
                "Whostmgr Accounts::suspendacct",
                "post",
                r#"{"args":{"user":"alice","reason":"unpaid"},"result":1}"#,
            ),
        ),
        (
            "unsuspend",
            call("Whostmgr Accounts::unsuspendacct", "post", r#"{"args":{"user":"alice"},"result":"1"}"#),
        ),
        (
            "rename",
            call(
                "Whostmgr Accounts::Modify",
                "post",
                r#"{"user":"alice","newuser":"alice2","domain":"new.example"}"#,
            ),
        ),
        (
            "plan",
            call(
                "Whostmgr Accounts::change_package",
                "post",
                r#"{"user":"alice","cur_pkg":"a","new_pkg":"b"}"#,
            ),
        ),
        (
            "address",
            call(
                "Whostmgr Accounts::SiteIP::set",
                "post",
                r#"{"user":"alice","oldip":"192.0.2.1","newip":"192.0.2.2"}"#,
            ),
        ),
        (
            "park",
            call(
                "Whostmgr Domain::park",
                "post",
                r#"{"user":"alice","new_domain":"b.example","target_domain":"alice.example"}"#,
            ),
        ),
        (
            "subdomain",
            call(
                "Whostmgr Domain::delsubdomain",
                "post",
                r#"{"user":"alice","subdomain":"blog","rootdomain":"alice.example"}"#,
            ),
        ),
        (
            "convert",
            call(
                "Whostmgr ConvertAddon::convert_addon",
                "post",
                r#"{"username":"shop","domain":"shop.example"}"#,
            ),
        ),
        (
            "add-on",
            call(
                "Cpanel Api2::AddonDomain::addaddondomain",
                "post",
                r#"{"user":"alice","args":{"newdomain":"shop.example","subdomain":"shop","dir":"shop"},"output":[{"result":1}]}"#,
            ),
        ),
        (
            "restore",
            call(
                "PkgAcct Restore",
                "post",
                r#"{"user":"alice","old_user":"al","extract_dir":"/home/cprestore"}"#,
            ),
        ),
        ("data that is a list", call("Whostmgr Accounts::Remove", "post", "[1,null,{}]")),
        ("data that is null", call("Whostmgr Accounts::Remove", "post", "null")),
        ("a user that is a number", call("Whostmgr Accounts::Remove", "post", r#"{"user":17}"#)),
        (
            "a user that is an object",
            call("Whostmgr Accounts::Remove", "post", r#"{"user":{"a":[]},"args":"x"}"#),
        ),
        (
            "a user that is a command",
            call("Whostmgr Accounts::Remove", "post", r#"{"user":"$(touch /tmp/x);`id`\n../..\u0000"}"#),
        ),
        ("a list", b"[]".to_vec()),
        ("a number", b"1".to_vec()),
        ("half of it", b"{\"context\":{\"category\":\"Who".to_vec()),
        ("nothing", Vec::new()),
        ("NUL", vec![0; 64]),
        ("not JSON", b"1 ok\n0 BAILOUT\n".to_vec()),
        ("deep", deep),
        ("not UTF-8", not_text),
        ("large", large),
    ]
}

#[test]
fn every_payload_goes_on_as_it_is_and_gets_one_line() {
    let tree = Tree::recording();
    for (name, bytes) in payloads() {
        for word in ["event", "event-before"] {
            let (well, said) = line(&tree, word, Stdin::Bytes(&bytes));
            assert!(
                well && (said == "queued as job 7" || said.contains("in the background")),
                "{name}: {said}"
            );
            let record = tree.record();
            assert_eq!((&record["what"], &record["source"]), (&"event".into(), &"cpanel".into()), "{name}");
            assert_eq!(payload(&record), bytes, "{name}");
        }
    }
}

#[test]
fn a_payload_beyond_the_bound_is_read_and_dropped() {
    let tree = Tree::recording();
    let bytes = vec![b'x'; 3 << 20];
    assert!(line(&tree, "event", Stdin::Bytes(&bytes)).0);
    assert_eq!(payload(&tree.record()), b"");
}

#[test]
fn without_standard_input_there_is_an_answer() {
    let tree = Tree::recording();
    assert!(line(&tree, "event", Stdin::Closed).0);
    assert_eq!(payload(&tree.record()), b"");
    // A caller that never ends what it writes does not make the panel wait.
    assert_eq!(line(&tree, "event", Stdin::Open), (true, "taken; it goes on in the background".into()));
    assert_eq!(payload(&tree.record()), b"", "it was let go");
}

#[test]
fn what_goes_wrong_is_said_in_one_line_and_stops_nothing() {
    let tree = Tree::recording();
    tree.mode("fails");
    let (well, said) = line(&tree, "event", Stdin::Bytes(b"{}"));
    // On a slow machine it goes wrong after the answer.
    assert!(
        said.contains("in the background")
            || (!well && said.starts_with("Error: the store cannot be?written: bail-out")),
        "{said}"
    );
    tree.record();
    let (well, _) = line(&tree, "event-before", Stdin::Bytes(b"{}"));
    assert!(well, "before the event a failure stays in the log");
    tree.record();
    tree.mode("hangs");
    assert_eq!(
        line(&tree, "event", Stdin::Bytes(b"{}")),
        (true, "taken; it goes on in the background".into())
    );
    tree.go();
    assert_eq!(payload(&tree.record()), b"{}", "and it does go on");
    tree.mode(
        "says{\"event\":\"password\",\"account\":null,\"job\":null,\"ignored\":\"nothing depends on it\"}",
    );
    let (well, said) = line(&tree, "event", Stdin::Bytes(b"{}"));
    assert!(
        well && (said.ends_with("in the background") || said == "nothing to do: nothing depends on it"),
        "{said}"
    );
    tree.records(1);
}

#[test]
fn what_is_missing_is_said_in_one_line() {
    let tree = Tree::new();
    tree.set("panelhook.py", "LIBRARY = None", "LIBRARY = \"/nonexistent/libpanelgate.so.1\"");
    for word in ["event", "event-before", "backup-attach", "backup-detach", "no-such-word", "--no-such"] {
        line(&tree, word, Stdin::Bytes(br#"{"data":{"user":"root"}}"#));
    }
    std::fs::remove_file(tree.path("panelgate.py")).unwrap();
    line(&tree, "event", Stdin::Bytes(b"{}"));
    std::fs::remove_file(tree.path("cpanel/hook.py")).unwrap();
    let (well, said) = line(&tree, "event", Stdin::Bytes(b"{}"));
    assert!(well && said.contains("not installed"), "{said}");
}

#[test]
fn a_backup_takes_the_account_from_either_shape_and_from_nothing_else() {
    let tree = Tree::recording();
    for (word, what) in [("backup-attach", "attach"), ("backup-detach", "detach")] {
        for data in [
            r#"{"user":"alice"}"#,
            r#"{"args":{"user":"alice"}}"#,
            r#"{"user":null,"args":{"user":"alice"}}"#,
        ] {
            line(&tree, word, Stdin::Bytes(format!("{{\"data\":{data}}}").as_bytes()));
            let record = tree.record();
            assert_eq!((&record["what"], &record["account"]), (&what.into(), &"alice".into()), "{data}");
            assert_eq!(record["staging"], Value::Null);
        }
        for data in [
            r#"{"user":"../etc"}"#,
            r#"{"user":"a b"}"#,
            r#"{"user":"a\nb"}"#,
            r#"{"user":7}"#,
            "[]",
            "null",
            r#"{"user":"-x"}"#,
        ] {
            line(&tree, word, Stdin::Bytes(format!("{{\"data\":{data}}}").as_bytes()));
        }
    }
    line(&tree, "backup-attach", Stdin::Bytes(br#"{"data":{"user":"carol"}}"#));
    assert_eq!(tree.record()["account"], "carol", "the bad names went nowhere");
}

#[test]
fn an_account_can_only_say_that_something_changed() {
    if !common::is_root() {
        return;
    }
    let user = common::TestUser::get();
    let tree = Tree::recording();
    let hook = tree.path("cpanel/panelgate-hook");
    let lie = br#"{"context":{"category":"Whostmgr","event":"Accounts::Remove","stage":"post"},"data":{"user":"victim"}}"#;
    run(&hook, &["event"], NOTHING, Stdin::Bytes(lie), user.uid);
    let record = tree.record();
    assert_eq!((&record["uid"], payload(&record)), (&user.uid.into(), Vec::new()));
    for word in ["backup-attach", "backup-detach", "upcp"] {
        let output = run(&hook, &[word], NOTHING, Stdin::Bytes(lie), user.uid);
        assert!(output.stdout.starts_with(b"1 "), "{output:?}");
    }
}

#[test]
fn an_update_of_cpanel_starts_the_repair_and_does_not_wait_for_it() {
    let tree = Tree::recording();
    let (program, seen) = (tree.path("panelgate"), tree.path("seen"));
    let script = format!(
        "#!/bin/sh\nwhile [ ! -e {0}.go ]; do sleep 0.1; done\n/usr/bin/env >{0}.new\necho \"$@\" >>{0}.new\nmv {0}.new {0}\n",
        seen.display()
    );
    std::fs::write(&program, script).unwrap();
    common::chmod(&program, 0o755);
    tree.set(
        "panelhook.py",
        "PROGRAM = \"/usr/bin/panelgate\"",
        &format!("PROGRAM = \"{}\"", program.display()),
    );
    if common::is_root() {
        assert_eq!(
            line(&tree, "upcp", Stdin::Bytes(b"{}")),
            (true, "taken; it goes on in the background".into())
        );
        std::fs::write(seen.with_extension("go"), "").unwrap();
        common::wait_for("the repair", || seen.exists());
        let text = std::fs::read_to_string(&seen).unwrap();
        assert!(text.ends_with("\nsetup --repair\n"), "{text}");
        assert!(!text.contains("HOME="), "{text}");
    }
}

#[test]
fn describe_lists_what_the_readme_lists() {
    let tree = Tree::new();
    let output = run(&tree.path("cpanel/panelgate-hook"), &["--describe"], NOTHING, Stdin::Bytes(b""), 0);
    assert!(output.status.success() && output.stderr.is_empty());
    let entries: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let readme = std::fs::read_to_string(crate::tree::source("panel-hooks/cpanel/README.md")).unwrap();
    let hook = tree.path("cpanel/panelgate-hook").display().to_string();
    let words = ["event", "event-before", "backup-attach", "backup-detach", "upcp"];
    for entry in &entries {
        let part = |name: &str| entry[name].as_str().unwrap();
        assert_eq!(part("exectype"), "script");
        assert!(entry.get("blocking").is_none() && entry.get("escalateprivs").is_none(), "{entry}");
        let (path, word) = part("hook").split_once(' ').unwrap();
        assert!(path == hook && words.contains(&word), "{entry}");
        let row = format!("| `{}` | `{}` | {} |", part("category"), part("event"), part("stage"));
        assert!(readme.contains(&row), "README.md lacks {row}");
    }
    assert_eq!(
        readme.matches("\n| `Whostmgr` |").count()
            + readme.matches("\n| `Cpanel` |").count()
            + readme.matches("\n| `PkgAcct` |").count()
            + readme.matches("\n| `System` |").count(),
        entries.len()
    );
}
