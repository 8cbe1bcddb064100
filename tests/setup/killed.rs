//! Setup and removal that are killed at any step: the next run ends in the same state.

use std::process::{Command, Stdio};

use crate::tree::{Kind, Listing, Server, credentials, differences};

/// The system calls with which setup changes files, and starts programs.
const CALLS: &str =
    "rename,renameat,renameat2,unlink,unlinkat,symlink,symlinkat,mkdir,mkdirat,fsync,clone3,clone,vfork";

/// Runs setup until its `step`th call that changes something, which kills it; says whether it was killed before its end.
fn killed(server: &Server, arguments: &[&str], step: u32) -> bool {
    let answers = server.at("answers.ini");
    server.file("answers.ini", &credentials());
    crate::common::chmod(&answers, 0o600);
    let mut command = Command::new("strace");
    command.args([
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={CALLS}"),
        "-e",
        &format!("inject={CALLS}:signal=KILL:when={step}"),
    ]);
    command
        .arg(env!("CARGO_BIN_EXE_panelgate"))
        .arg("setup")
        .arg("--root")
        .arg(server.root())
        .args(arguments);
    if !arguments.contains(&"--uninstall") {
        command.args(["--no-doctor", "--answers"]).arg(&answers);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    std::fs::remove_file(&answers).unwrap();
    if output.status.success() {
        return false;
    }
    assert!(output.status.code().is_none_or(|code| code > 128), "{output:?}");
    true
}

/// What counts: a killed run may have called a program once more.
fn state(server: &Server) -> Listing {
    server.listing()
}

fn run(kind: Kind, from: u32) {
    let panel: &[&str] = if kind == Kind::Ini { &["--panel", "ini"] } else { &[] };
    let whole = Server::new(kind);
    whole.install();
    let installed = relative(&whole, state(&whole));
    assert!(whole.setup(&["--uninstall"]).status.success());
    let gone = relative(&whole, state(&whole));
    let mut kills = 0;
    // Every step takes minutes; PANELGATE_TEST_EVERY=1 does it.
    let stride = std::env::var("PANELGATE_TEST_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(11);
    for step in (from..).step_by(stride) {
        let server = Server::new(kind);
        let was_killed = killed(&server, panel, step);
        kills += u32::from(was_killed);
        assert_eq!(server.install()["ok"], true, "{kind:?} {step}");
        let found = relative(&server, state(&server));
        assert_eq!(differences(&found, &installed), [""; 0], "{kind:?}, setup killed at {step}");
        let back_killed = killed(&server, &["--uninstall"], step);
        assert!(server.setup(&["--repair"]).status.success());
        assert!(server.setup(&["--uninstall"]).status.success(), "{kind:?} {step}");
        let found = relative(&server, state(&server));
        assert_eq!(differences(&found, &gone), [""; 0], "{kind:?}, removal killed at {step}");
        if !was_killed && !back_killed {
            break;
        }
    }
    assert!(kills > 0, "{kind:?}: {kills}");
}

/// Without the folder that each test has for itself.
fn relative(server: &Server, listing: Listing) -> Listing {
    let root = server.root().display().to_string();
    let digests = |name: &str| name.starts_with("var/lib/panelgate/setup/");
    listing
        .into_iter()
        // A bundle's scripts name the folder.
        .filter(|(name, _)| !name.starts_with("usr/share/"))
        // Fingerprints differ with the folder's name, and with the time in the archive.
        .map(
            |(name, text)| {
                if digests(&name) { (name, String::new()) } else { (name, text.replace(&root, "")) }
            },
        )
        .collect()
}

#[test]
fn killed_on_cpanel() {
    run(Kind::CPanel, 1);
}

#[test]
fn killed_on_directadmin() {
    run(Kind::DirectAdmin, 4);
}

#[test]
fn killed_on_plesk() {
    run(Kind::Plesk, 7);
}
