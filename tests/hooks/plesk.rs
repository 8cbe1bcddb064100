//! Plesk's event handler, which runs as root with old and new values in its environment.

use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use panelgate::config::PanelKind;

use crate::common::{self, SITE_MAIN};
use crate::store;
use crate::tree::{NOTHING, Stdin, Tree, payload, run};

/// Every name that goes on, behind OLD_ and NEW_.
const NAMES: [&str; 8] = [
    "DOMAIN_NAME",
    "DOMAIN_ID",
    "SYSTEM_USER",
    "SUBDOMAIN_NAME",
    "DOMAIN_ALIAS_NAME",
    "LOGIN_NAME",
    "DOMAIN_STATUS",
    "STATUS",
];

fn tell(tree: &Tree, words: &[&str], variables: &[(&str, &str)]) {
    let output = run(&tree.path("plesk/panelgate-event"), words, variables, Stdin::Closed, 0);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_goes_on_is_on_the_list_and_nothing_else_is() {
    let tree = Tree::recording();
    let mut given: Vec<(String, String)> = Vec::new();
    let mut wanted = Vec::new();
    for prefix in ["OLD_", "NEW_"] {
        for name in NAMES {
            given.push((format!("{prefix}{name}"), format!("{prefix} $(id) '{name}'")));
            wanted.push(format!("{prefix}{name}={prefix} $(id) '{name}'"));
        }
    }
    for (name, value) in [
        ("NEW_SYSTEM_USER_PASSWORD", "secret"),
        ("OLD_PASSWORD", "secret"),
        ("PYTHONPATH", "/tmp"),
        ("PYTHONSTARTUP", "/tmp/x.py"),
        ("IFS", "_"),
        ("ENV", "/tmp/x.sh"),
        ("BASH_ENV", "/tmp/x.sh"),
        ("PATH", "/tmp"),
        ("PANELGATE_CONFIG", "/tmp/x"),
    ] {
        given.push((name.into(), value.into()));
    }
    let given: Vec<(&str, &str)> =
        given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    tell(&tree, &["domain_update"], &given);
    let record = tree.record();
    assert_eq!(record["source"], "plesk/domain_update");
    assert_eq!(String::from_utf8(payload(&record)).unwrap(), wanted.join("\0"));
    let environment: Vec<&str> =
        record["environment"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut expected: Vec<String> = vec!["LC_ALL".into(), "PATH".into()];
    expected.extend(wanted.iter().map(|pair| pair.split('=').next().unwrap().to_owned()));
    expected.sort();
    assert_eq!(environment, expected);
}

#[test]
fn what_is_not_there_is_not_empty_and_bytes_stay_as_they_are() {
    let tree = Tree::recording();
    tell(&tree, &["site_delete"], &[("OLD_DOMAIN_NAME", "gone.example"), ("NEW_DOMAIN_NAME", "")]);
    assert_eq!(payload(&tree.record()), b"OLD_DOMAIN_NAME=gone.example\0NEW_DOMAIN_NAME=");
    // Something has happened, and nobody says to what: everything is looked at.
    tell(&tree, &["site_delete"], NOTHING);
    let record = tree.record();
    assert_eq!(
        (record["source"].as_str(), payload(&record).as_slice()),
        (Some("plain"), &b"{\"event\": \"reconcile\"}"[..])
    );
    let odd = b"\xff\n= *\x01 \xc3\xa9";
    let mut command = Command::new(tree.path("plesk/panelgate-event"));
    command.arg("domain_update").env_clear().env("NEW_DOMAIN_NAME", std::ffi::OsStr::from_bytes(odd));
    assert!(command.stdin(Stdio::null()).status().unwrap().success());
    assert_eq!(payload(&tree.record()), [b"NEW_DOMAIN_NAME=".as_slice(), odd].concat());
}

#[test]
fn whatever_happens_plesk_goes_on() {
    let tree = Tree::recording();
    for words in [
        &[][..],
        &[""],
        &["domain_update", "x"],
        &["../x"],
        &["--help"],
        &["Domain_Update"],
        &["a b"],
        &["x\ny"],
    ] {
        tell(&tree, words, &[("OLD_DOMAIN_NAME", "a.example")]);
    }
    tree.mode("fails");
    tell(&tree, &["domain_delete"], &[("OLD_DOMAIN_NAME", "a.example")]);
    // The only one so far: the words before it named no event.
    assert_eq!(tree.record()["source"], "plesk/domain_delete");
    // This would not come back if the answer were waited for.
    tree.mode("hangs");
    tell(&tree, &["domain_delete"], &[("OLD_DOMAIN_NAME", "a.example")]);
    tree.go();
    assert_eq!(tree.record()["source"], "plesk/domain_delete");
    let broken = Tree::new();
    std::fs::write(broken.path("panelgate.py"), "this is no Python").unwrap();
    tell(&broken, &["domain_delete"], NOTHING);
    std::fs::remove_file(broken.path("plesk/event.py")).unwrap();
    tell(&broken, &["domain_delete"], NOTHING);
}

/// With the library itself.
#[test]
fn an_event_is_in_the_store_and_no_password_is() {
    if !common::is_root() {
        return;
    }
    let (trial, tree) = store::world(PanelKind::Plesk, "");
    assert_eq!(store::panelgate(&trial, &["open", "--account", &trial.account, SITE_MAIN]).0, Some(0));
    let asked = trial.builder.requests().len();
    let values = [
        ("OLD_DOMAIN_NAME", SITE_MAIN),
        ("NEW_DOMAIN_NAME", SITE_MAIN),
        ("NEW_SYSTEM_USER", trial.account.as_str()),
        ("NEW_SYSTEM_USER_PASSWORD", "hunter2-in-the-clear"),
    ];
    tell(&tree, &["domain_update"], &values);
    common::wait_for("the job", || store::jobs(&trial).iter().any(|kind| kind == "sync-site"));
    tell(&tree, &["template_domain_update"], NOTHING);
    common::wait_for("the comparison", || store::jobs(&trial).iter().any(|kind| kind == "reconcile"));
    assert_eq!(trial.builder.requests().len(), asked, "a hook asks the builder nothing");
    assert!(store::holds(trial.dir.path(), b"sync-site"), "the store is looked through");
    assert!(!store::holds(trial.dir.path(), b"hunter2-in-the-clear"));
}
