//! The command line program, run as a program.
#![cfg(all(feature = "cli", feature = "sandbox"))]
#![allow(clippy::unwrap_used)] // Helpers of tests, too, may fail.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use panelgate::panel::SiteKind;
use panelgate::sandbox::http::Response;
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::{Builder, Options};
use panelgate::sys::users::User;
use panelgate::types::Domain;
use serde_json::{Value, json};

/// What a program may take that must end by itself.
const LONG: Duration = Duration::from_secs(120);

const PROGRAM: &str = env!("CARGO_BIN_EXE_panelgate");

/// A server with one account, and a configuration that names a builder where nobody listens.
struct Server {
    dir: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let server = Self { dir: tempfile::tempdir().unwrap() };
        // Who is not root is the account itself.
        let uid = if is_root() { 20_001 } else { rustix::process::geteuid().as_raw() };
        server.account("alice", uid, &["shop.example", "bücher.example"]);
        server.configure(&server.settings(), 0o600);
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn account(&self, name: &str, uid: u32, sites: &[&str]) {
        let user = User { name: name.into(), uid, gid: uid, home: Path::new("/home").join(name) };
        let sites: Vec<TreeSite> = sites
            .iter()
            .enumerate()
            .map(|(index, site)| {
                let kind = if index == 0 { SiteKind::Main } else { SiteKind::Addon };
                TreeSite::new(Domain::new(site).unwrap(), kind, format!("site{index}"))
            })
            .collect();
        write_cpanel_tree(&self.path("tree"), &user, &sites).unwrap();
    }

    /// A builder that answers, and the settings for it.
    fn with_builder() -> (Self, Builder) {
        let server = Self::new();
        let builder = Builder::start(Options::new("brand", "hunter2")).unwrap();
        std::fs::write(server.path("ca.pem"), builder.ca_pem()).unwrap();
        server.configure(&server.settings_for(&builder), 0o600);
        (server, builder)
    }

    fn settings_for(&self, builder: &Builder) -> String {
        let (url, ca) = (builder.api_url(), self.path("ca.pem").display().to_string());
        self.settings().replace("url = https://127.0.0.1:9/api/", &format!("url = {url}\nca_file = {ca}"))
    }

    fn settings(&self) -> String {
        let dir = self.dir.path().display();
        format!(
            "[panel]\nkind = cpanel\nroot = {dir}/tree\n[builder]\nurl = https://127.0.0.1:9/api/\nusername = brand\npassword = hunter2\n\
             [publish]\nendpoint = https://host.example/panelgate/\n[store]\ndir = {dir}/state\n"
        )
    }

    fn configure(&self, text: &str, mode: u32) {
        let path = self.path("panelgate.ini");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }

    /// Runs the program with this server's configuration.
    fn run(&self, arguments: &[&str]) -> Output {
        let config = self.path("panelgate.ini");
        command().arg("--config").arg(config).args(arguments).output().unwrap()
    }
}

fn command() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What the caller is told of an account that it may not act for, or that is not there: root may act for all of them.
fn foreign_account() -> (i32, &'static str) {
    if is_root() { (11, "[account-not-found]") } else { (4, "[forbidden]") }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[track_caller]
fn ends(output: &Output, code: i32, error: &str) {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", out(output), err(output));
    assert!(err(output).contains(error), "{}", err(output));
    assert!(!err(output).contains("panicked"), "{}", err(output));
    assert!(!err(output).contains("hunter2") && !out(output).contains("hunter2"));
}

#[test]
fn help_teaches_and_is_no_error() {
    for (arguments, wanted) in [
        (&["--help"][..], &["First steps:", "Exit codes:", "/etc/panelgate/panelgate.ini", "NO_COLOR"][..]),
        (&["-h"], &["open", "sites", "doctor", "demo"]),
        (&["open", "--help"], &["Examples:", "--account", "jq -r .url"]),
        (&["sites", "--help"], &["Examples:", "--all", "site-alias"]),
        (&["doctor", "--help"], &["Examples:", "--deep", "Exit code:"]),
        (&["demo", "--help"], &["Examples:", "--check", "Ctrl-C"]),
        (&["--version"], &[concat!("panelgate ", env!("CARGO_PKG_VERSION"))]),
    ] {
        let output = run(arguments);
        ends(&output, 0, "");
        for text in wanted {
            assert!(out(&output).contains(text), "{arguments:?}: {text}");
        }
        assert!(!out(&output).contains('\x1b'), "no colours into a pipe");
        assert!(out(&output).lines().all(|line| line.chars().count() <= 100), "{arguments:?}");
    }
}

/// Looks at the help of a command and of those below it; `told` is whether a command above says what JSON looks like.
fn what_json_looks_like(path: &[&str], told: bool, checked: &mut usize) {
    let help = out(&run(&[path, &["--help"]].concat()));
    let told = told || help.contains("JSON:");
    if help.lines().any(|line| line.trim_start().starts_with("--json")) {
        assert!(told, "{path:?}: --json, and nothing says what it prints");
        *checked += 1;
    }
    let commands =
        help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest.split("\n\n").next().unwrap());
    for line in commands.lines().filter(|line| !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        what_json_looks_like(&[path, &[name]].concat(), told, checked);
    }
}

#[test]
fn every_command_with_json_says_what_it_looks_like() {
    let mut checked = 0;
    what_json_looks_like(&[], false, &mut checked);
    assert!(checked >= 40, "{checked}");
}

#[test]
fn wrong_use_is_exit_code_2() {
    for arguments in [
        &[][..],
        &["bogus"],
        &["open", "not a domain"],
        &["open", "--account", "../x", "shop.example"],
        &["sites", "alice", "--all"],
        &["sites", "alice", "--site", "shop.example"],
        &["doctor", "--bogus"],
        &["demo", "--port", "65536"],
    ] {
        ends(&run(arguments), 2, "");
    }
    let server = Server::new();
    if is_root() {
        ends(&server.run(&["open"]), 2, "panelgate: name an account");
        ends(&server.run(&["sites"]), 2, "panelgate: name an account");
    }
}

#[test]
fn below_a_web_server_nothing_is_done() {
    let server = Server::new();
    for name in ["GATEWAY_INTERFACE", "REQUEST_METHOD"] {
        for arguments in [
            &["sites", "alice"][..],
            &["open", "shop.example"],
            &["doctor"],
            &["demo", "--check"],
            &["--help"],
        ] {
            let config = server.path("panelgate.ini");
            let output =
                command().env(name, "GET").args(arguments).arg("--config").arg(config).output().unwrap();
            ends(&output, 4, "does not work below a web server");
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn without_root_and_configuration_it_says_who_can() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("panelgate");
    std::fs::copy(PROGRAM, &program).unwrap();
    for (arguments, code, text) in [
        (&["sites", "alice"][..], 5, "broker.sock: it cannot be reached"),
        (&["open", "shop.example"], 5, "broker.sock: it cannot be reached"),
        (&["status"], 5, "broker.sock: it cannot be reached"),
        (&["status"], 5, "systemctl start panelgate.socket, or panelgate setup"),
        (&["doctor"], 5, "run it as root: the broker behind"),
        (&["audit"], 4, "only root can do this"),
        (&["revoke", "--all"], 4, "only root can do this"),
        (&["site", "claim", "shop.example"], 4, "only root can do this"),
        (&["jobs"], 4, "only root can do this"),
        (&["jobs", "list"], 4, "only root can do this"),
        (&["broker"], 4, "the broker must be started as root"),
        (&["setup"], 4, "only root can set a server up"),
        (&["setup", "--dry-run"], 4, "only root can set a server up"),
    ] {
        let mut command = Command::new(&program);
        command.env_clear().args(arguments);
        if is_root() {
            command.uid(65_534).gid(65_534);
        }
        ends(&command.output().unwrap(), code, text);
    }
}

#[test]
fn nothing_is_revoked_that_was_not_named() {
    let server = Server::new();
    server.configure(&server.settings(), 0o600);
    for arguments in [&["revoke"][..], &["revoke", "--json"]] {
        ends(&server.run(arguments), 2, "the following required arguments were not provided");
    }
    ends(&server.run(&["revoke", "shop.example", "--all"]), 2, "cannot be used with");
    // Nothing was ever opened here; with --json the error is an object too.
    let output = server.run(&["revoke", "nowhere.example", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (object["error"]["kind"].as_str(), object["error"]["code"].as_i64()),
        (Some("site-not-found"), Some(203))
    );
}

#[test]
fn a_bad_configuration_is_named_with_its_line() {
    let server = Server::new();
    server.configure(&format!("{}[sesion]\na = b\n", server.settings()), 0o600);
    let line = server.settings().lines().count() + 1;
    let output = server.run(&["sites", "alice"]);
    ends(&output, 3, &format!("panelgate.ini:{line}: there is no section"));
    assert!(err(&output).ends_with(" [config]\n"));
    assert_eq!(err(&output).lines().count(), 1);
    server.configure(&server.settings(), 0o644);
    ends(&server.run(&["sites", "alice"]), 3, "others can read or change this file (mode 0644)");
    std::fs::remove_file(server.path("panelgate.ini")).unwrap();
    ends(&server.run(&["sites", "alice"]), 3, "the file does not exist: run panelgate setup as root");
}

#[test]
fn sites_as_a_table_and_as_json() {
    let server = Server::new();
    let output = server.run(&["sites", "alice"]);
    ends(&output, 0, "");
    for text in
        ["alice (plan default)", "DOMAIN", "DOCUMENT ROOT", "bücher.example (xn--bcher-kva.example)", "ready"]
    {
        assert!(out(&output).contains(text), "{text}\n{}", out(&output));
    }
    let expected = json!({
        "account": "alice", "panel": "cpanel", "plan": "default", "suspended": false, "demo": false, "feature": true,
        "sites": [
            {"domain": "shop.example", "unicode": "shop.example", "kind": "main", "state": "ready",
             "document_root": "/home/alice/site0", "alias_of": null},
            {"domain": "xn--bcher-kva.example", "unicode": "bücher.example", "kind": "addon", "state": "ready",
             "document_root": "/home/alice/site1", "alias_of": null},
        ],
    });
    for arguments in [&["sites", "alice", "--json"][..], &["sites", "--json", "--site", "bücher.example"]] {
        let output = server.run(arguments);
        ends(&output, 0, "");
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), expected);
    }
    let (code, name) = foreign_account();
    ends(&server.run(&["sites", "nobody-here"]), code, name);
    ends(&server.run(&["sites", "--site", "none.example"]), 12, "[site-not-found]");
}

#[test]
fn all_accounts_go_on_after_a_broken_one() {
    let server = Server::new();
    if !is_root() {
        return ends(&server.run(&["sites", "--all"]), 4, "only root can see all accounts");
    }
    server.account("bob", 20_002, &["bob.example"]);
    server.account("carol", 20_003, &["carol.example"]);
    std::fs::write(server.path("tree/var/cpanel/userdata/bob/main"), b"\xff\xfe\x00").unwrap();
    let output = server.run(&["sites", "--all", "--json"]);
    ends(&output, 10, "");
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let accounts: Vec<&str> = lines.iter().map(|line| line["account"].as_str().unwrap()).collect();
    assert_eq!(accounts, ["alice", "bob", "carol"]);
    assert_eq!(lines[1]["error"]["kind"], "panel-data");
    assert_eq!(lines[2]["sites"][0]["domain"], "carol.example");
    ends(&server.run(&["sites", "--all"]), 10, "[panel-data]");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["--help"][..], &["doctor", "--json"]] {
        let server = Server::new();
        let mut child = command()
            .arg("--config")
            .arg(server.path("panelgate.ini"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = child.wait().unwrap().code();
        assert!(code == Some(0) || (arguments[0] == "doctor" && code == Some(30)), "{code:?} {stderr}");
        assert_eq!(stderr, "");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command().arg("--help").stdout(full).output().unwrap();
    ends(&output, 1, "the output cannot be written");
}

#[test]
fn a_builder_that_is_not_there_is_one_line_and_its_exit_code() {
    let server = Server::new();
    let output = server.run(&["open", "shop.example"]);
    ends(&output, 30, "[builder-unreachable]");
    assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
    assert!(output.stdout.is_empty());
    ends(&server.run(&["open", "none.example"]), 12, "[site-not-found]");
    ends(&server.run(&["open", "--account", "alice"]), 2, "has several sites");
}

fn doctor(server: &Server) -> (Option<i32>, Value) {
    let output = server.run(&["doctor", "--json"]);
    assert_eq!(err(&output), "");
    assert!(!out(&output).contains("hunter2"));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[track_caller]
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

#[test]
fn the_doctor_names_each_fault() {
    let server = Server::new();
    let settings = server.settings();
    let state = server.path("state");
    let faults: [(&str, &str, i32, &str, &str); 5] = [
        ("[builder]", "[builder]\nbogus = 1", 3, "configuration", "panelgate.ini:5: "),
        ("kind = cpanel", "kind = auto\naccounts_dir = /nonexistent", 3, "panel", "no panel found"),
        ("endpoint = https://host.example/panelgate/", "", 40, "publication", "address is missing"),
        ("password = hunter2", "", 3, "builder-credentials", "not set"),
        (
            "[store]",
            "[broker]\npanel_users = nosuchuser\n[store]",
            3,
            "principals",
            "nosuchuser is no system user",
        ),
    ];
    for (from, to, code, name, text) in faults {
        let root = if name == "panel" { "/nonexistent-root" } else { "/tree" };
        server.configure(&settings.replace(from, to).replace("/tree", root), 0o600);
        let (exit, report) = doctor(&server);
        let found = check(&report, name);
        assert_eq!(found["state"], "fail", "{report:#}");
        assert!(found["text"].as_str().unwrap().contains(text), "{found}");
        assert_eq!(exit, Some(code), "{name}");
        assert_eq!(report["ok"], false);
    }
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, Permissions::from_mode(0o777)).unwrap();
    server.configure(&settings, 0o600);
    let (exit, report) = doctor(&server);
    assert_eq!((exit, &check(&report, "state-directory")["kind"]), (Some(3), &json!("config")));
    assert_eq!(check(&report, "builder-connection")["kind"], "builder-unreachable");
    for known in [
        "programs",
        "configuration-file",
        "configuration",
        "panel",
        "accounts",
        "publication",
        "builder-name",
    ] {
        assert_eq!(check(&report, known)["state"], "ok", "{report:#}");
    }
    let output = server.run(&["doctor"]);
    assert!(out(&output).contains("FAIL    state-directory"), "{}", out(&output));
    assert!(out(&output).contains("Not looked at, because of an earlier failure: builder-certificate"));
}

#[test]
fn the_deep_doctor_finds_broken_accounts_and_sites_claimed_twice() {
    let server = Server::new();
    server.account("bob", 20_002, &["bob.example", "shop.example"]);
    let shallow = doctor(&server).1;
    assert_eq!(check(&shallow, "accounts")["state"], "ok");
    let output = server.run(&["doctor", "--deep", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = check(&report, "accounts");
    assert_eq!((&found["state"], &found["kind"]), (&json!("fail"), &json!("site-conflict")));
    assert!(
        found["text"].as_str().unwrap().contains("shop.example is claimed by alice and by bob"),
        "{found}"
    );
}

#[test]
fn open_prints_the_address_alone() {
    let (server, builder) = Server::with_builder();
    let output = server.run(&["open", "bücher.example"]);
    ends(&output, 0, "Session for bücher.example of account alice (reference ");
    let text = out(&output);
    let url = text.strip_suffix('\n').unwrap();
    assert!(url.starts_with("https://127.0.0.1:") && url.contains("login_hash="), "{url}");
    assert!(!url.contains(char::is_whitespace));
    assert!(!err(&output).contains("login_hash"));

    let output = server.run(&["open", "--account", "alice", "shop.example", "--language", "de", "--json"]);
    ends(&output, 0, "");
    let opened: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&opened["site"], &opened["account"]), (&json!("shop.example"), &json!("alice")));
    assert!(opened["url"].as_str().unwrap().contains("login_hash="));
    assert_eq!(opened["reference"].as_str().unwrap().len(), 9);
    assert_eq!(output.stderr, b"");
    let requests = builder.requests();
    assert_eq!(requests.last().unwrap().body["lang"], "de");
    assert_eq!(requests[0].body["domain"], "xn--bcher-kva.example");
    let (code, name) = foreign_account();
    ends(&server.run(&["open", "--account", "bob", "shop.example"]), code, name);
}

#[test]
fn the_doctor_is_content_and_changes_nothing() {
    let (server, builder) = Server::with_builder();
    let (exit, report) = doctor(&server);
    assert_eq!((exit, &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    for check in report["checks"].as_array().unwrap() {
        // Nobody has opened anything, so that there is no key to know the endpoint by.
        let unknown = check["name"] == "clock" || check["name"] == "endpoint";
        let state = if unknown { "unknown" } else { "ok" };
        assert_eq!(check["state"], state, "{check}");
    }
    assert!(!server.path("state").exists());
    for request in builder.requests() {
        assert!(request.body == json!({}) || request.body.is_null(), "nothing could be made of {request:?}");
    }
    let output = server.run(&["doctor"]);
    ends(&output, 0, "");
    assert!(out(&output).ends_with("All is well.\n"));
}

#[test]
fn the_doctor_tells_what_the_builder_objects_to() {
    let (server, builder) = Server::with_builder();
    let settings = server.settings_for(&builder);
    let failing = |name: &str| {
        let (exit, report) = doctor(&server);
        let found = check(&report, name).clone();
        assert_eq!(found["state"], "fail", "{report:#}");
        assert!(found["advice"].is_string());
        (exit, found["kind"].clone())
    };
    server.configure(&settings.replace("hunter2", "hunter3"), 0o600);
    assert_eq!(failing("builder-credentials"), (Some(32), json!("builder-auth")));

    std::fs::write(server.path("ca.pem"), Builder::start(Options::new("a", "b")).unwrap().ca_pem()).unwrap();
    server.configure(&settings, 0o600);
    assert_eq!(failing("builder-certificate"), (Some(31), json!("builder-tls")));

    std::fs::write(server.path("ca.pem"), builder.ca_pem()).unwrap();
    let unlicensed = json!({"error": {"message": "License not found. Please contact your hosting support."}});
    builder.push_fault(Response::new(404).header("Date", "Sun, 06 Nov 1994 08:49:37 GMT"));
    builder.push_fault(Response::json(400, &unlicensed));
    let (exit, report) = doctor(&server);
    assert_eq!((exit, &check(&report, "builder-licence")["kind"]), (Some(33), &json!("builder-licence")));
    assert_eq!(check(&report, "builder-credentials")["state"], "unknown");
    assert_eq!(check(&report, "clock")["state"], "warning");

    builder.push_fault(Response::new(404));
    builder.push_fault(Response::html(200, "<p>hello</p>"));
    assert_eq!(failing("builder-credentials"), (Some(35), json!("builder-protocol")));
}

/// Runs the demo with a directory of its own for its files; the demo becomes another user, who must be able to write there.
fn demo(arguments: &[&str]) -> (tempfile::TempDir, Command) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o1777)).unwrap();
    let mut command = command();
    command.arg("demo").args(arguments).env("TMPDIR", dir.path());
    (dir, command)
}

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn the_demo_checks_itself_and_leaves_nothing_behind() {
    let (dir, mut command) = demo(&["--check"]);
    let output = command.output().unwrap();
    ends(&output, 0, "");
    for text in [
        "the icon leads to the chooser",
        "a form with a forged site is refused",
        "leads into the builder for bücher.example",
    ] {
        assert!(out(&output).contains(text), "{}", out(&output));
    }
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flat_map(|e| walk(e.unwrap().path())).collect();
    assert!(left.is_empty(), "{left:?} {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_demo_ends_on_a_signal_and_leaves_nothing_behind() {
    use std::io::{BufRead, BufReader};
    let (dir, mut command) = demo(&[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("http://127.0.0.1:") && line.contains("/?token="), "{line}");
    assert!(!is_empty(dir.path()));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < LONG, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flat_map(|e| walk(e.unwrap().path())).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn walk(path: std::path::PathBuf) -> Vec<std::path::PathBuf> {
    let mut found = vec![path.clone()];
    if path.is_dir() {
        for entry in std::fs::read_dir(&path).unwrap() {
            found.extend(walk(entry.unwrap().path()));
        }
    }
    found
}
