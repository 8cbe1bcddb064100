//! The built programs, attacked: by a customer who owns files and programs on the server, by text in the panel's data, by a builder that lies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

mod common;

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{SITE_MAIN, Sites, TestUser, Trial, chmod, is_root};
use panelgate::config::PanelKind;
use panelgate::sandbox::http::Response;
use panelgate::types::is_unprintable;
use serde_json::json;

const GET: (&str, &str) = ("REQUEST_METHOD", "GET");

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
    chmod(to, 0o755);
}

/// The command line program as the tests' user, where that user can run it.
fn command_line(trial: &Trial, arguments: &[&str]) -> Output {
    let program = trial.dir.path().join("bin/panelgate");
    if !program.exists() {
        copy(Path::new(env!("CARGO_BIN_EXE_panelgate")), &program);
    }
    let config = trial.config();
    let words: Vec<&str> =
        ["--config", config.to_str().unwrap()].into_iter().chain(arguments.iter().copied()).collect();
    trial.run(&program, &words, &[], b"")
}

/// A program that belongs to root and is run by an account that may try anything with it, short of writing to it.
struct Installed {
    directory: tempfile::TempDir,
    account: TestUser,
}

impl Installed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let account = TestUser::get();
        chmod(directory.path(), 0o755);
        for part in ["installed", "account"] {
            std::fs::create_dir(directory.path().join(part)).unwrap();
            chmod(&directory.path().join(part), 0o755);
        }
        let installed = Self { directory, account };
        copy(&common::cgi_program(), &installed.path("installed/panelgate.cgi"));
        installed.own_configuration("account/panelgate.ini");
        installed.account.own(&installed.path("account"));
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A configuration of the account's that betrays itself when it is read.
    fn own_configuration(&self, name: &str) {
        let path = self.path(name);
        std::fs::write(&path, "[panel]\nkind = of-the-account\n").unwrap();
        chmod(&path, 0o600);
        self.account.own(&path);
    }

    /// Runs a program as the account; says whether the account's configuration was read.
    fn reads_configuration(&self, mut command: Command) -> bool {
        command.env_clear().env(GET.0, GET.1).env("PATH", "/usr/bin:/bin").current_dir(self.path("account"));
        command.uid(self.account.uid).gid(self.account.gid).stdin(Stdio::null());
        let output = command.output().unwrap();
        let page = text(&output.stdout);
        let read = text(&output.stderr).contains("of-the-account");
        assert!(page.starts_with(if read { "Status: 500 " } else { "Status: 503 " }), "{page}");
        read
    }
}

#[test]
fn the_installed_page_takes_no_configuration_of_the_account() {
    if !is_root() {
        eprintln!(
            "skipped, because it needs root: the installed page belongs to somebody else than its user"
        );
        return;
    }
    let it = Installed::new();
    let program = it.path("installed/panelgate.cgi");
    assert!(!it.reads_configuration(Command::new(&program)), "as it is");

    let own_copy = it.path("account/copy.cgi");
    copy(&program, &own_copy);
    it.account.own(&own_copy);
    assert!(it.reads_configuration(Command::new(&own_copy)), "a copy of the account's is a private trial");

    symlink(&program, it.path("account/link.cgi")).unwrap();
    assert!(!it.reads_configuration(Command::new(it.path("account/link.cgi"))), "a symbolic link");

    // Where fs.protected_hardlinks is off, an account can make this link itself.
    std::fs::hard_link(&program, it.path("account/hard.cgi")).unwrap();
    assert!(!it.reads_configuration(Command::new(it.path("account/hard.cgi"))), "a hard link");

    let mut command = Command::new(&program);
    command.arg0(&own_copy).args(["--config", it.path("account/panelgate.ini").to_str().unwrap()]);
    assert!(!it.reads_configuration(command), "another name and arguments");

    let mut command = Command::new("/bin/sh");
    let script = "exec 9<\"$0\"; exec /proc/self/fd/9";
    command.args(["-c", script, program.to_str().unwrap()]);
    assert!(!it.reads_configuration(command), "through a descriptor");

    it.own_configuration("installed/panelgate.ini");
    assert!(!it.reads_configuration(Command::new(&program)), "a file of the account beside it");
    std::fs::remove_file(it.path("installed/panelgate.ini")).unwrap();

    // The program is replaced while it is still started from a link: what counts is the file that runs.
    let gone = it.path("installed/gone.cgi");
    copy(&program, &gone);
    let mut command = Command::new("/bin/sh");
    let script = "exec 9<\"$0\"; mv \"$1\" \"$2\" 2>/dev/null; exec /proc/self/fd/9";
    command.args(["-c", script, gone.to_str().unwrap(), own_copy.to_str().unwrap(), gone.to_str().unwrap()]);
    assert!(!it.reads_configuration(command), "a program that was replaced");
}

#[test]
fn a_set_user_id_copy_works_for_nobody() {
    if !is_root() {
        eprintln!("skipped, because it needs root: a set-user-id program run by another user");
        return;
    }
    let it = Installed::new();
    let program = it.path("account/copy.cgi");
    copy(&common::cgi_program(), &program);
    it.account.own(&program);
    chmod(&program, 0o4755);
    let output =
        Command::new(&program).env_clear().env(GET.0, GET.1).uid(12_345).gid(12_345).output().unwrap();
    assert!(text(&output.stdout).starts_with("Status: 403 "), "{output:?}");
    assert!(!text(&output.stderr).contains("of-the-account"), "{output:?}");
}

/// What a customer or reseller may have got into the panel's data: markup, escapes of terminals, text that turns around, a forged log line.
const NASTY: &str =
    "<img src=x onerror=alert(1)>\"'&\x1b[2J\x1b]0;x\x07\u{9b}31m\u{202e}\rpanelgate: error: forged";

fn hostile_trial(key: &str) -> Trial {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let file = trial.in_tree(&format!("var/cpanel/users/{}", trial.account));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines =
        text.lines().filter(|line| !line.starts_with(&format!("{key}="))).collect::<Vec<_>>().join("\n");
    std::fs::write(&file, format!("{key}={NASTY}\n{lines}\n")).unwrap();
    trial.user.own(&file);
    trial
}

#[track_caller]
fn is_plain(what: &str, text: &str) {
    for line in text.lines() {
        let odd = line.chars().find(|character| is_unprintable(*character) && *character != '\t');
        assert_eq!(odd, None, "{what}: {text:?}");
    }
}

#[test]
fn text_of_the_panel_stays_text() {
    for key in ["PLAN", "OWNER", "CONTACTEMAIL", "LOCALE", "IP"] {
        let trial = hostile_trial(key);
        let page = trial.run(&trial.program("panelgate.cgi"), &[], &[GET], b"");
        let (html, log) = (text(&page.stdout), text(&page.stderr));
        assert!(html.starts_with("Status: 200 "), "{key}: {html}");
        assert!(!html.contains("<img") && !html.contains("onerror=alert(1)>"), "{key}: {html}");
        is_plain(key, &log);
        for arguments in [&["sites"][..], &["sites", "--json"], &["doctor", "--deep"], &["open", SITE_MAIN]] {
            let output = command_line(&trial, arguments);
            is_plain(key, &text(&output.stdout));
            is_plain(key, &text(&output.stderr));
            assert!(
                !text(&output.stderr).lines().any(|line| line.starts_with("panelgate: error: forged")),
                "{key}"
            );
        }
    }
}

#[test]
fn a_refusal_that_names_the_plan_is_one_plain_line_everywhere() {
    let trial = hostile_trial("PLAN");
    let config = std::fs::read_to_string(trial.config()).unwrap();
    std::fs::write(trial.config(), config.replace("[panel]\n", "[panel]\nallow_plans = gold\n")).unwrap();
    let page = trial.run(&trial.program("panelgate.cgi"), &[], &[GET], b"");
    assert!(text(&page.stdout).starts_with("Status: 403 "));
    assert_eq!(text(&page.stderr).lines().count(), 1);
    is_plain("the page's log", &text(&page.stderr));
    let output = command_line(&trial, &["open", SITE_MAIN]);
    assert_eq!(output.status.code(), Some(17));
    assert_eq!(text(&output.stderr).lines().count(), 1);
    is_plain("the command line", &text(&output.stderr));
}

#[test]
fn arguments_are_repeated_without_what_a_terminal_obeys() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let odd = "evil\x1b[2J\x1b]0;x\x07\u{9b}\u{202e}\r.example";
    for arguments in [
        &["open", odd][..],
        &["sites", odd],
        &["open", "--account", odd],
        &[odd],
        &["open", "--language", odd, odd],
    ] {
        let output = command_line(&trial, arguments);
        assert_eq!(output.status.code(), Some(2));
        is_plain("into a file", &text(&output.stderr));
        // The same on a terminal, where there are colours.
        let program = trial.dir.path().join("bin/panelgate");
        let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
        let line = format!("{} {} 2>&1", program.display(), words.join(" "));
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let shown = text(&output.stdout);
        assert!(shown.contains("error:"), "{shown}");
        for part in ["\x1b[2J", "\x1b]", "\x07", "\u{9b}", "\u{202e}", "\r."] {
            assert!(!shown.contains(part), "{part:?} in {shown:?}");
        }
    }
}

#[test]
fn a_builder_that_lies_leads_nobody_astray() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let program = trial.program("panelgate.cgi");
    let host = trial.builder.page_host().to_owned();
    let port = host.rsplit(':').next().unwrap().to_owned();
    for address in [
        format!("https://{host}/\r\nSet-Cookie: a=b"),
        format!("https://{host}/\nLocation: https://evil.example/"),
        format!("https://{host}/\0"),
        format!("https://{host}/\u{2028}"),
        format!("https://{host}/é"),
        format!("https://{host}/\" onclick=x"),
        format!("https://{host}/<script>"),
        format!("https://{host}@evil.example/"),
        format!("https://user@{host}/"),
        format!("https://{host}\\@evil.example/"),
        format!("https://{host}.evil.example/"),
        format!("https://evil.example/{host}"),
        format!("https://evil.example:{port}/"),
        format!("https://127.0.0.1.:{port}/"),
        format!("https://2130706433:{port}/"),
        format!("https://127.1:{port}/"),
        format!("https://[::ffff:127.0.0.1]:{port}/"),
        format!("http://{host}/"),
        format!("//{host}/"),
        "/relative".to_owned(),
        "javascript:alert(1)".to_owned(),
        "data:text/html,x".to_owned(),
        String::new(),
        format!("https://{host}/{}", "a".repeat(9000)),
    ] {
        trial.builder.push_fault(Response::json(200, &json!({ "url": address })));
        let output = trial.run(&program, &[], &[GET, ("QUERY_STRING", "site=alice.example")], b"");
        let page = text(&output.stdout);
        let head =
            page.split_once("\r\n\r\n").or_else(|| page.split_once("\n\n")).unwrap().0.to_ascii_lowercase();
        assert!(head.starts_with("status: 502 "), "{address:?}: {page}");
        assert!(!head.contains("location") && !head.contains("set-cookie"), "{address:?}: {page}");
        assert!(!page.contains("evil.example") && !page.contains("<script"), "{address:?}: {page}");
        is_plain(&address, &text(&output.stderr));

        trial.builder.push_fault(Response::json(200, &json!({ "url": address })));
        let output = command_line(&trial, &["open", SITE_MAIN]);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(36), ""), "{address:?}");
        is_plain(&address, &text(&output.stderr));
    }
}

#[test]
fn a_builder_that_talks_to_terminals_and_pages_is_quoted() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let program = trial.program("panelgate.cgi");
    for status in [200, 400, 401, 500] {
        for reply in [
            json!({ "error": { "message": NASTY } }),
            json!({ "error": NASTY }),
            json!({ "error": { "code": NASTY } }),
        ] {
            trial.builder.push_fault(Response::json(status, &reply));
            let output = trial.run(&program, &[], &[GET], b"");
            let page = text(&output.stdout);
            assert!(page.starts_with("Status: 502 ") && !page.contains("onerror"), "{page}");
            assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
            is_plain("the log", &text(&output.stderr));
            trial.builder.push_fault(Response::json(status, &reply));
            let output = command_line(&trial, &["open", SITE_MAIN]);
            assert!((30..=36).contains(&output.status.code().unwrap()), "{output:?}");
            is_plain("the command line", &text(&output.stderr));
        }
    }
}

#[test]
fn a_state_directory_that_others_can_write_to_is_refused() {
    type Trick = fn(&Trial, &Path);
    let tricks: [(&str, Trick); 6] = [
        ("writable by all", |_, dir| chmod(dir, 0o777)),
        ("writable by a group", |_, dir| chmod(dir, 0o770)),
        ("writable by all, sticky", |_, dir| chmod(dir, 0o1777)),
        ("a key that is a link", |_, dir| {
            std::fs::rename(dir.join("install.key"), dir.join("other")).unwrap();
            symlink("other", dir.join("install.key")).unwrap();
        }),
        ("a key that others can read", |_, dir| chmod(&dir.join("install.key"), 0o444)),
        ("a key that is a directory", |_, dir| {
            std::fs::remove_file(dir.join("install.key")).unwrap();
            std::fs::create_dir(dir.join("install.key")).unwrap();
        }),
    ];
    for (what, trick) in tricks {
        let trial = Trial::start(PanelKind::CPanel, Sites::One);
        assert_eq!(command_line(&trial, &["open", SITE_MAIN]).status.code(), Some(0));
        let state = trial.dir.path().join("state");
        trick(&trial, &state);
        trial.user.own(&state);
        let output = command_line(&trial, &["open", SITE_MAIN]);
        assert_eq!(output.status.code(), Some(3), "{what}: {output:?}");
        assert!(text(&output.stderr).contains(state.to_str().unwrap()), "{what}: {output:?}");
        assert_eq!(trial.sessions(), 1, "{what}");
    }
    if !is_root() {
        eprintln!("skipped, because they need root: a state directory and a key of somebody else");
        return;
    }
    for part in ["state", "state/install.key"] {
        let trial = Trial::start(PanelKind::CPanel, Sites::One);
        assert_eq!(command_line(&trial, &["open", SITE_MAIN]).status.code(), Some(0));
        let path = trial.dir.path().join(part);
        if part == "state" {
            chmod(&path, 0o755);
        }
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
        let output = command_line(&trial, &["open", SITE_MAIN]);
        assert_eq!(output.status.code(), Some(3), "{part}: {output:?}");
    }
}

#[test]
fn a_configuration_that_is_no_private_file_is_refused() {
    type Trick = fn(&Trial, &Path);
    let mut tricks: Vec<(&str, Trick)> = vec![
        ("a symbolic link", |trial, config| {
            let other = trial.dir.path().join("other.ini");
            std::fs::rename(config, &other).unwrap();
            symlink(other, config).unwrap();
        }),
        ("a directory", |_, config| {
            std::fs::remove_file(config).unwrap();
            std::fs::create_dir(config).unwrap();
        }),
        ("a pipe that nobody writes to", |_, config| {
            std::fs::remove_file(config).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, config, rustix::fs::FileType::Fifo, 0o600.into(), 0)
                .unwrap();
        }),
        ("an endless device", |_, config| {
            std::fs::remove_file(config).unwrap();
            symlink("/dev/zero", config).unwrap();
        }),
        ("a sparse file of 1 TiB", |_, config| {
            std::fs::OpenOptions::new().write(true).open(config).unwrap().set_len(1 << 40).unwrap();
        }),
        ("readable by a group", |_, config| chmod(config, 0o640)),
        ("writable by all", |_, config| chmod(config, 0o602)),
        ("a directory that others can write to", |_, config| chmod(config.parent().unwrap(), 0o777)),
        ("a sticky directory, as /tmp", |_, config| chmod(config.parent().unwrap(), 0o1777)),
        ("missing", |_, config| std::fs::remove_file(config).unwrap()),
        ("empty", |_, config| std::fs::write(config, "[panel]\nkind = \nroot = /nonexistent\n").unwrap()),
        ("binary", |_, config| std::fs::write(config, b"\x7fELF\x02\x01\x01\0\0").unwrap()),
        ("a key twice", |_, config| {
            let text = std::fs::read_to_string(config).unwrap();
            std::fs::write(
                config,
                text.replace("[builder]\n", "[builder]\nurl = https://evil.example/api/\n"),
            )
            .unwrap();
        }),
    ];
    if is_root() {
        tricks.push(("of somebody else", |_, config| {
            std::os::unix::fs::chown(config, Some(12_345), None).unwrap();
            chmod(config, 0o600);
        }));
        tricks.push(("in a directory of somebody else", |_, config| {
            std::os::unix::fs::chown(config.parent().unwrap(), Some(12_345), None).unwrap();
        }));
    } else {
        eprintln!("skipped, because they need root: files and directories of somebody else");
    }
    for (what, trick) in tricks {
        let trial = Trial::start(PanelKind::CPanel, Sites::One);
        assert_eq!(command_line(&trial, &["sites"]).status.code(), Some(0));
        let config = trial.config();
        trick(&trial, &config);
        let output = command_line(&trial, &["sites"]);
        assert_eq!(output.status.code(), Some(3), "{what}: {output:?}");
        assert!(text(&output.stderr).ends_with(" [config]\n"), "{what}: {output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{what}: {output:?}");
    }
}
