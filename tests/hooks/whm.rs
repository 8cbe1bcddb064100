//! WHM's page: who may see it, and as whom it asks.

use std::process::Output;

use crate::common;
use crate::tree::{Stdin, Tree, run};

/// The page with another program, another list of resellers and the tests' user.
fn page() -> Tree {
    let tree = Tree::new();
    let program = tree.path("panelgate");
    let script = "#!/bin/sh\n\
        case $1 in\n\
        status) printf '{\"panel\":\"cpanel <b>\",\"who\":\"%s %s\",\"jobs\":{\"run\":true},\"env\":\"%s\"}' \
        \"$(/usr/bin/id -u)\" \"$(/usr/bin/id -G)\" \"$(/usr/bin/env | /usr/bin/sort | /usr/bin/tr '\\n' ' ')\" ;;\n\
        doctor) echo '{\"ok\":false,\"checks\":[{\"name\":\"builder\",\"state\":\"fail\",\"text\":\"no <script>\",\"advice\":\"ask & wait\"},7]}' ;;\n\
        esac\n";
    std::fs::write(&program, script).unwrap();
    common::chmod(&program, 0o755);
    tree.set(
        "cpanel/whm.py",
        "PROGRAM = \"/usr/bin/panelgate\"",
        &format!("PROGRAM = \"{}\"", program.display()),
    );
    let resellers = tree.path("resellers");
    std::fs::write(&resellers, "bob:list-accts,all\ncarol:list-accts,create-acct\nallan:\n\u{fffd}\n")
        .unwrap();
    tree.set(
        "cpanel/whm.py",
        "RESELLERS = \"/var/cpanel/resellers\"",
        &format!("RESELLERS = \"{}\"", resellers.display()),
    );
    tree.set(
        "cpanel/whm.py",
        "USER = \"panelgate-web\"",
        &format!("USER = \"{}\"", common::TestUser::get().name),
    );
    tree
}

fn get(tree: &Tree, variables: &[(&str, &str)]) -> String {
    let Output { status, stdout, .. } =
        run(&tree.path("cpanel/whm/index.cgi"), &[], variables, Stdin::Bytes(b"x=1"), 0);
    assert!(status.success());
    String::from_utf8(stdout).unwrap()
}

#[test]
fn only_root_and_resellers_with_all_rights_see_it() {
    if !common::is_root() {
        return;
    }
    let tree = page();
    let user = common::TestUser::get();
    for login in ["root", "bob"] {
        let hostile = [
            ("REMOTE_USER", login),
            ("REQUEST_METHOD", "GET"),
            ("PYTHONPATH", "/tmp"),
            ("HTTP_COOKIE", "whostmgrsession=x"),
            ("PATH", "/x"),
        ];
        let text = get(&tree, &hostile);
        assert!(
            text.starts_with("Status: 200 OK\r\n") && text.contains("\r\nCache-Control: no-store\r\n"),
            "{text}"
        );
        // Asked as that user, in that user's group alone, with nothing of WHM's environment.
        assert!(text.contains(&format!("{} {}<", user.uid, user.gid)), "{text}");
        assert!(!text.contains("whostmgrsession") && text.contains("LC_ALL=C"), "{text}");
        assert!(
            text.contains("cpanel &lt;b&gt;")
                && text.contains("no &lt;script&gt;")
                && text.contains("ask &amp; wait"),
            "{text}"
        );
        assert!(text.contains("Content-Security-Policy: default-src 'none'; style-src 'sha256-"), "{text}");
    }
    for login in [
        Some("carol"),
        Some("allan"),
        Some("nobody"),
        Some(""),
        Some("all"),
        Some("bob:list-accts,all"),
        None,
    ] {
        let variables: Vec<(&str, &str)> = login.iter().map(|login| ("REMOTE_USER", *login)).collect();
        let text = get(&tree, &variables);
        assert!(
            text.starts_with("Status: 403 Forbidden\r\n") && !text.contains("cpanel"),
            "{login:?}: {text}"
        );
    }
    let text = get(&tree, &[("REMOTE_USER", "root"), ("REQUEST_METHOD", "POST")]);
    assert!(text.starts_with("Status: 405 "), "{text}");
}

#[test]
fn without_its_user_it_asks_nothing() {
    if !common::is_root() {
        return;
    }
    let tree = page();
    for (name, want) in [("no-such-user", "is missing"), ("root", "is root")] {
        let text = std::fs::read_to_string(tree.path("cpanel/whm.py")).unwrap();
        let line = text.lines().find(|line| line.starts_with("USER = ")).unwrap().to_owned();
        tree.set("cpanel/whm.py", &line, &format!("USER = \"{name}\""));
        let text = get(&tree, &[("REMOTE_USER", "root")]);
        assert!(
            text.starts_with("Status: 503 ") && text.contains(want) && !text.contains("Broker"),
            "{text}"
        );
    }
    // Started as somebody else, it does not pretend.
    let user = common::TestUser::get();
    let output =
        run(&tree.path("cpanel/whm/index.cgi"), &[], &[("REMOTE_USER", "root")], Stdin::Bytes(b""), user.uid);
    assert!(output.stdout.starts_with(b"Status: 503 "), "{output:?}");
    std::fs::remove_file(tree.path("cpanel/whm.py")).unwrap();
    assert!(get(&tree, &[("REMOTE_USER", "root")]).starts_with("Status: 503 "));
}
