//! DirectAdmin's hooks: nothing printed, nothing refused, nothing lost.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

use crate::tree::{Stdin, Tree, payload, run, source};

/// The hooks that are events.
const EVENTS: [&str; 14] = [
    "user_create_post_confirmed",
    "user_modify_post",
    "user_suspend_post",
    "user_activate_post",
    "user_destroy_post",
    "domain_create_post",
    "domain_modify_post",
    "domain_change_post",
    "domain_destroy_post",
    "domain_pointer_create_post",
    "domain_pointer_destroy_post",
    "subdomain_create_post",
    "subdomain_destroy_post",
    "user_restore_post",
];

/// Everything that goes on, in the order in which it does.
const VARIABLES: [&str; 19] = [
    "username",
    "reseller",
    "creator",
    "usertype",
    "package",
    "suspended",
    "ip",
    "domain",
    "newdomain",
    "defaultdomain",
    "user_creation",
    "skip_template",
    "subdomain",
    "contents",
    "from",
    "alias",
    "file",
    "filename",
    "success",
];

fn silent(tree: &Tree, name: &str, variables: &[(&str, &str)], stdin: Stdin<'_>) {
    let output = run(&tree.path(&format!("directadmin/hooks/{name}.sh")), &[], variables, stdin, 0);
    assert!(
        output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
        "{name}: {output:?}"
    );
}

#[test]
fn every_hook_says_what_it_may_and_nothing_else() {
    let tree = Tree::recording();
    let values: Vec<String> = VARIABLES.iter().map(|name| format!("value of {name}")).collect();
    let mut variables: Vec<(&str, &str)> =
        VARIABLES.iter().zip(&values).map(|(name, value)| (*name, value.as_str())).collect();
    variables.extend([
        ("passwd", "hunter2"),
        ("email", "a@b.example"),
        ("name", "John"),
        ("SESSION_ID", "secret"),
        ("result_string", "x"),
    ]);
    let want: Vec<String> = VARIABLES.iter().map(|name| format!("{name}=value of {name}")).collect();
    for name in EVENTS {
        silent(&tree, name, &variables, Stdin::Bytes(b""));
        let record = tree.record();
        assert_eq!(record["source"], format!("directadmin/{name}"));
        assert_eq!(String::from_utf8(payload(&record)).unwrap(), want.join("\0"));
    }
    // Each of them is there, and each file that is there is known.
    let mut there: Vec<String> = std::fs::read_dir(source("panel-hooks/directadmin/hooks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".sh").map(str::to_owned))
        .collect();
    there.sort();
    let mut known: Vec<&str> =
        EVENTS.iter().copied().chain(["user_backup_pre", "user_backup_post"]).collect();
    known.sort_unstable();
    assert_eq!(there, known);
}

#[test]
fn values_are_never_looked_at() {
    let tree = Tree::recording();
    let mark = tree.path("mark");
    let touch = format!("$(touch {0})`touch {0}`; touch {0} | touch {0}\n\"'\\ * ? ~ \r\t", mark.display());
    let long = "x".repeat(100_000);
    for value in [touch.as_str(), &long, "", " ", "-n", "--", "a=b=c", "%s\\0"] {
        silent(&tree, "domain_change_post", &[("username", value), ("domain", value)], Stdin::Closed);
        let record = tree.record();
        assert_eq!(String::from_utf8(payload(&record)).unwrap(), format!("username={value}\0domain={value}"));
    }
    assert!(!mark.exists());
    // What is no text at all.
    let bytes = b"al\xff\xfe\x80ice".to_vec();
    let mut command = Command::new(tree.path("directadmin/hooks/user_suspend_post.sh"));
    command.env_clear().env("username", OsString::from_vec(bytes.clone())).stdin(Stdio::null());
    assert!(command.output().unwrap().status.success());
    assert_eq!(payload(&tree.record()), [b"username=", bytes.as_slice()].concat());
    silent(&tree, "user_suspend_post", &[], Stdin::Bytes(b""));
    assert_eq!(payload(&tree.record()), b"");
}

#[test]
fn a_failure_stays_in_the_log() {
    let tree = Tree::recording();
    for mode in ["fails", "hangs"] {
        tree.mode(mode);
        silent(&tree, "user_suspend_post", &[("username", "alice")], Stdin::Open);
        tree.go();
        tree.record();
    }
    tree.mode("");
    for missing in ["panelgate.py", "directadmin/hook.py", "directadmin/panelgate-hook"] {
        std::fs::remove_file(tree.path(missing)).unwrap();
        silent(&tree, "user_suspend_post", &[("username", "alice")], Stdin::Bytes(b""));
    }
}

/// DirectAdmin waits until nobody has its end any more.
#[test]
fn a_child_that_goes_on_keeps_nothing_of_the_panels_open() {
    let tree = Tree::recording();
    tree.mode("hangs");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let fourth = rustix::io::fcntl_dupfd_cloexec(&writer, 3).unwrap();
    rustix::io::fcntl_setfd(&fourth, rustix::io::FdFlags::empty()).unwrap();
    let mut command = Command::new(tree.path("directadmin/hooks/user_suspend_post.sh"));
    command.env_clear().env("username", "alice").stdin(Stdio::null());
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop((command, fourth));
    let mut text = String::new();
    // Ends when the last copy is closed: the child's work is not done by then.
    reader.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success() && text.is_empty());
    let done = std::fs::read_to_string(tree.path("record")).unwrap();
    assert_eq!(done, "", "the work was waited for");
    tree.go();
    tree.record();
}

#[test]
fn a_backup_is_announced_before_the_home_is_packed_and_after() {
    let tree = Tree::recording();
    for (name, what) in [("user_backup_pre", "attach"), ("user_backup_post", "detach")] {
        for bad in ["../../etc", "a b", "", "-x", "al\nice"] {
            silent(&tree, name, &[("username", bad), ("file", "/home/x")], Stdin::Bytes(b""));
        }
        silent(&tree, name, &[("file", "/home/x")], Stdin::Closed);
        silent(
            &tree,
            name,
            &[("username", "alice"), ("file", "/home/alice/backups/x.tar.zst")],
            Stdin::Closed,
        );
        let record = tree.record();
        assert_eq!(
            (&record["what"], &record["account"]),
            (&what.into(), &"alice".into()),
            "and nothing came of the others"
        );
        assert_eq!(record["staging"], serde_json::Value::Null);
    }
}
