//! The builder's calls from the shell.
#![cfg(feature = "cli")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use panelgate::calls::{Call, Way};
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::{Builder, Options};
use panelgate::sys::users::User;
use panelgate::types::Domain;
use serde_json::{Value, json};

/// A server of root's with two accounts, and a builder.
struct Server {
    dir: tempfile::TempDir,
    builder: Builder,
}

impl Server {
    fn new() -> Self {
        Self::with(Options::new("brand", "hunter2"), "")
    }

    fn with(options: Options, more: &str) -> Self {
        let server = Self { dir: tempfile::tempdir().unwrap(), builder: Builder::start(options).unwrap() };
        for (name, uid, site) in [("alice", 20_001, "shop.example"), ("bob", 20_002, "bob.example")] {
            let user = User { name: name.into(), uid, gid: uid, home: Path::new("/home").join(name) };
            let sites = [TreeSite::new(Domain::new(site).unwrap(), SiteKind::Main, "public_html")];
            write_cpanel_tree(&server.path("tree"), &user, &sites).unwrap();
        }
        std::fs::write(server.path("ca.pem"), server.builder.ca_pem()).unwrap();
        let dir = server.dir.path().display();
        let text = format!(
            "[panel]\nkind = cpanel\nroot = {dir}/tree\n[builder]\nurl = {}\nusername = brand\npassword = hunter2\nca_file = {dir}/ca.pem\n\
             [publish]\nendpoint = https://host.example/panelgate/\n[store]\ndir = {dir}/state\n{more}",
            server.builder.api_url(),
        );
        std::fs::write(server.path("panelgate.ini"), text).unwrap();
        std::fs::set_permissions(server.path("panelgate.ini"), std::fs::Permissions::from_mode(0o600))
            .unwrap();
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.env_clear().arg("--config").arg(self.path("panelgate.ini")).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses before it reads has closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs what must succeed; gives what it printed.
    #[track_caller]
    fn good(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {out}{err}");
        assert!(
            !out.contains("login_hash") && !out.contains("hunter2") && !err.contains("hunter2"),
            "{out}{err}"
        );
        out
    }

    #[track_caller]
    fn bad(&self, arguments: &[&str], input: &str, code: i32, want: &str) {
        let output = self.run(arguments, input);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{err}", text(&output.stdout));
        assert!(err.contains(want), "{arguments:?}: {err}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn is_root() -> bool {
    panelgate::sys::identity::uids().effective == 0
}

/// Ends a test whose calls are root's, loudly.
macro_rules! needs_root {
    () => {
        if !is_root() {
            println!("skipped: it needs root");
            return;
        }
    };
}

#[test]
fn every_call_of_the_table_from_the_shell() {
    needs_root!();
    let server = Server::new();
    let site = |more: Value| {
        let mut input = json!({ "domain": "shop.example" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let inputs = [
        (Call::CategoryList, json!({})),
        (Call::TemplateList, json!({})),
        (Call::PageTypes, json!({ "template": "Cafe-3" })),
        (Call::WebsiteCreate, site(json!({ "template": "Cafe-3" }))),
        (Call::WebsiteModify, site(json!({ "variables": { "a": "b" } }))),
        (Call::GetSettings, site(json!({}))),
        (Call::AddPages, site(json!({ "template": "Shop-1", "pageTypes": ["store"] }))),
        (Call::DuplicatePages, site(json!({ "pages": ["1"] }))),
        (Call::RemovePages, site(json!({ "pages": ["1"] }))),
        (Call::Publish, site(json!({}))),
        (Call::PublishProgress, site(json!({}))),
        (Call::GetDomains, json!({})),
        (Call::SetBlocked, site(json!({ "value": true }))),
        (Call::IpAdd, json!({ "suborderId": 7, "ip": "192.0.2.10", "brandId": 5 })),
        (Call::IpUpdate, json!({ "suborderId": 7, "ip": "192.0.2.10", "brandId": 6 })),
        (Call::IpList, json!({ "suborderId": 7 })),
        (Call::IpListFull, json!({ "suborderId": 7 })),
        (Call::IpDelete, json!({ "suborderId": 7, "ip": "192.0.2.10" })),
        (Call::WebsiteRename, site(json!({ "newDomain": "new.example" }))),
        (Call::DeleteSite, json!({ "domain": "new.example" })),
    ];
    for call in Call::ALL.iter().filter(|call| call.entry().way == Way::Call) {
        assert!(inputs.iter().any(|(tried, _)| tried == call), "{} is not tried", call.name());
    }
    for (call, input) in &inputs {
        let answer = server.good(&["call", call.name(), "--yes", "--json", "-"], &input.to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer.is_object() || answer.is_array(), "{}: {answer}", call.name());
    }
    let list = server.good(&["call", "--list"], "");
    let json: Value = serde_json::from_str(&server.good(&["call", "--list", "--json"], "")).unwrap();
    for call in Call::ALL {
        assert!(list.lines().any(|line| line.starts_with(&format!("{} ", call.name()))), "{}", call.name());
        assert!(json.as_array().unwrap().iter().any(|row| row["name"] == call.name()));
        let help = server.good(&["call", call.name(), "--help-fields"], "");
        assert!(call.entry().fields.iter().all(|field| help.contains(field.name)), "{help}");
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    needs_root!();
    let server = Server::new();
    let long = format!("{{\"template\":\"{}\"}}", "x".repeat(1_100_000));
    for (arguments, input, code, want) in [
        (&["call", "website/explode"][..], "", 2, "there is no call \"website/explode\""),
        (&["call", "website/get-page-types", "--json", "-"], "{", 2, "the input is not JSON (line 1"),
        (&["call", "website/get-page-types", "--json", "-"], "[]", 2, "the input is not a JSON object"),
        (&["call", "website/get-page-types"], "", 2, "field \"template\" is missing"),
        (
            &["call", "website/get-page-types", "--json", "-"],
            "{\"template\":7}",
            2,
            "field \"template\" must be text",
        ),
        (&["call", "website/get-page-types", "--json", "-"], &long, 2, "the input is larger than"),
        (&["call", "website/get-page-types", "--json", "/nonexistent"], "", 2, "the input cannot be read"),
        (
            &["call", "website/get-settings", "--json", "-"],
            "{\"domain\":\"nowhere.example\"}",
            12,
            "nowhere.example",
        ),
        (
            &["call", "delete-site", "--json", "-"],
            "{\"domain\":\"shop.example\"}",
            2,
            "--yes goes on without asking",
        ),
        (&["call", "get-template", "--json", "-"], "{}", 3, "[call get-template]"),
        (&["call", "requestLogin"], "", 3, "panelgate open"),
        (&["call"], "", 2, "--list"),
        (&["site", "create", "shop.example", "--template", "Cafe-3"], "", 2, "--yes goes on without asking"),
        (&["site", "delete", "shop.example"], "yes\n", 2, "nobody is there to be asked"),
        (&["site", "rename", "shop.example", "bob.example"], "", 13, "another account's"),
        (&["site", "rename", "shop.example", "www.bob.example"], "", 13, "another account's"),
        (&["site", "rename", "shop.example", "www.shop.example"], "", 2, "calls it already"),
        (&["site", "pages", "remove", "shop.example", "1"], "", 2, "--yes"),
        (&["licence", "ip", "delete", "7", "192.0.2.1"], "", 2, "--yes"),
        (&["licence", "ip", "update", "7", "192.0.2.1"], "", 2, "--to"),
        (&["licence", "ip", "add", "7", "192.0.2", "1"], "", 2, "192.0.2"),
        (&["licence", "block", "nowhere.example"], "", 12, "nowhere.example"),
    ] {
        server.bad(arguments, input, code, want);
    }
    assert!(server.builder.requests().is_empty());
}

#[test]
fn a_site_from_its_making_to_its_end() {
    needs_root!();
    let server = Server::new();
    assert!(server.good(&["template", "list"], "").contains("Cafe-3"));
    assert!(!server.good(&["template", "list", "--category", "shops"], "").contains("Cafe-3"));
    assert!(server.good(&["template", "list", "--categories"], "").contains("Food & drink"));
    assert_eq!(server.good(&["template", "show", "Cafe-3"], ""), "home\nmenu\ncontacts\n");
    let made = server.good(
        &[
            "site",
            "create",
            "shop.example",
            "--template",
            "Cafe-3",
            "--page",
            "home",
            "--set",
            "title=Corner shop",
            "--yes",
            "--json",
        ],
        "",
    );
    assert_eq!(made, "{\"template\":\"Cafe-3\",\"pages\":{\"1\":\"home\"}}\n");
    let sent = server.builder.requests().pop().unwrap().body;
    assert_eq!(sent["variables"]["title"], "Corner shop");
    assert!(server.good(&["site", "pages", "add", "shop.example", "Cafe-3", "menu"], "").contains("menu"));
    assert_eq!(server.good(&["site", "pages", "copy", "shop.example", "1"], ""), "3\n");
    let gone = server.good(&["site", "pages", "remove", "shop.example", "3", "9", "--yes", "--json"], "");
    assert_eq!(gone, "{\"pages\":[\"3\"],\"site\":\"shop.example\"}\n");
    assert!(server.good(&["site", "settings", "shop.example"], "").contains("publishWithForcedHttps"));
    let published = server.good(&["site", "publish", "shop.example", "--every", "1"], "");
    assert_eq!(published, "shop.example is published.\n");
    server.good(&["site", "rename", "shop.example", "later.example"], "");
    // It is the same account's under its new name, though the panel does not have it yet.
    server.bad(&["site", "rename", "shop.example", "bob.example"], "", 13, "another account's");
    assert!(
        server.good(&["site", "delete", "later.example", "--yes"], "").contains("What is published stays")
    );
    server.bad(&["site", "delete", "later.example", "--yes"], "", 34, "Website not found");
}

#[test]
fn a_project_is_copied_before_it_is_deleted() {
    needs_root!();
    let server = Server::new();
    for (arguments, copied) in [(&[][..], true), (&["--no-backup"], false)] {
        assert!(server.run(&["open", "shop.example"], "").status.success());
        server.builder.set_project("shop.example", b"the project".to_vec());
        let words = [&["site", "delete", "shop.example", "--yes", "--json"], arguments].concat();
        let said: Value = serde_json::from_str(&server.good(&words, "")).unwrap();
        assert_eq!(said["backup"].is_string(), copied, "{said}");
        if let Some(file) = said["backup"].as_str() {
            let folder = server.path("state/backups/shop.example");
            assert_eq!(
                std::fs::read(folder.join(Path::new(file).file_name().unwrap())).unwrap(),
                b"the project"
            );
        }
        assert_eq!(server.builder.project("shop.example"), None);
    }
    // What cannot be copied is not deleted.
    assert!(server.run(&["open", "shop.example"], "").status.success());
    server.builder.push_fault(panelgate::sandbox::http::Response::json(
        500,
        &json!({ "error": { "message": "Disk full" } }),
    ));
    server.bad(&["site", "delete", "shop.example", "--yes"], "", 34, "nothing is deleted before its backup");
    assert!(
        !server
            .builder
            .requests()
            .iter()
            .rev()
            .take(1)
            .any(|request| request.target.ends_with("delete-site"))
    );
}

#[test]
fn licences() {
    needs_root!();
    let server = Server::with(Options { published: 450, ..Options::new("brand", "hunter2") }, "");
    assert!(server.run(&["open", "shop.example"], "").status.success());
    assert_eq!(server.good(&["licence", "block", "shop.example"], ""), "shop.example is blocked.\n");
    let all = server.good(&["licence", "domains", "--json"], "");
    assert_eq!(all.lines().count(), 451);
    assert!(all.contains("{\"domain\":\"shop.example\",\"blocked\":true,\"live\":false}\n"), "{all}");
    assert_eq!(server.good(&["licence", "domains", "--blocked"], "").lines().count(), 46);
    let asked =
        || server.builder.requests().iter().filter(|request| request.target.ends_with("get-domains")).count();
    assert_eq!(asked(), 1, "the list was read once, in one page");
    assert_eq!(server.good(&["licence", "domains", "shop.example"], ""), "shop.example  blocked, not live\n");
    assert_eq!(asked(), 2);
    server.bad(&["licence", "domains", "nowhere.example"], "", 12, "no published website");
    assert!(server.good(&["licence", "unblock", "shop.example", "--json"], "").contains("\"blocked\":false"));
    server.good(&["licence", "ip", "add", "7", "192.0.2.10", "5"], "");
    server.good(&["licence", "ip", "update", "7", "192.0.2.10", "--to", "2001:db8::1"], "");
    let list = server.good(&["licence", "ip", "list", "7"], "");
    assert!(list.contains("2001:db8::1  5") && list.contains("1 of 5"), "{list}");
    assert!(server.good(&["licence", "ip", "list", "7", "--short", "--json"], "").contains("\"brand\":null"));
    server.good(&["licence", "ip", "delete", "7", "2001:db8::1", "--yes"], "");
}

#[test]
fn a_suspended_site_can_be_blocked_and_a_gone_one_can_be_deleted() {
    needs_root!();
    let server = Server::new();
    assert!(server.run(&["open", "shop.example"], "").status.success());
    let file = server.path("tree/var/cpanel/users/alice");
    let account = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, account.replace("SUSPENDED=0", "SUSPENDED=1")).unwrap();
    server.bad(&["open", "shop.example"], "", 15, "suspended");
    server.good(&["licence", "block", "shop.example"], "");
    for part in ["etc/userdomains", "var/cpanel/userdata/alice/main", "var/cpanel/users/alice"] {
        let file = server.path("tree").join(part);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("shop.example", "other.example")).unwrap();
    }
    server.good(&["site", "delete", "shop.example", "--yes"], "");
    server.bad(&["site", "delete", "never.example", "--yes"], "", 12, "never.example");
}

#[test]
fn looking_and_recording() {
    needs_root!();
    let server = Server::with(
        Options { further: vec!["website/get-template".into()], ..Options::new("brand", "hunter2") },
        "[call get-template]\npath = website/get-template\nsession = yes\nfields = note\n[call get-pages]\npath = website/get-pages\n",
    );
    let list = server.good(&["call", "--list"], "");
    let how =
        |name: &str| list.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_start().to_owned();
    assert!(how("get-template ").starts_with("ready") && how("get-variables ").starts_with("off"), "{list}");
    let help = server.good(&["call", "get-template", "--help-fields"], "");
    assert!(help.contains("note") && help.contains("domain") && !help.contains("[call"), "{help}");
    assert!(server.good(&["call", "get-variables", "--help-fields"], "").contains("[call get-variables]"));
    let found = server.good(&["builder", "probe"], "");
    let line = |name: &str| found.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("publish ").contains("there") && line("get-pages ").contains("absent"), "{found}");
    assert!(line("publish/progress ").contains("there") && line("get-variables ").contains('-'), "{found}");
    let count = server.builder.requests().len();
    assert!(server.builder.requests().iter().all(|request| request.method == "GET"));
    server.good(&["builder", "probe", "--json"], "");
    assert_eq!(server.builder.requests().len(), count, "kept for a day");
    let record = server.path("probe.json");
    server.good(&["builder", "probe", "--record", record.to_str().unwrap()], "");
    assert_eq!(server.builder.requests().len(), 100.min(2 * count));
    server.bad(&["builder", "probe", "--record", record.to_str().unwrap()], "", 2, "cannot be made there");

    let record = server.path("call.json");
    let input = json!({ "domain": "shop.example", "note": "hello" }).to_string();
    let arguments = ["call", "get-template", "--record", record.to_str().unwrap(), "--json", "-"];
    let answer: Value = serde_json::from_str(&server.good(&arguments, &input)).unwrap();
    assert_eq!(
        (&answer["received"]["note"], &answer["received"]["loginHash"]),
        (&json!("hello"), &json!("(redacted)"))
    );
    let text = std::fs::read_to_string(&record).unwrap();
    assert_eq!(std::fs::metadata(&record).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(text.contains("/api/website/get-template") && text.contains("hello"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("login_hash="), "{text}");
    for request in server.builder.requests() {
        if let Some(hash) = request.body["loginHash"].as_str() {
            assert!(!text.contains(hash), "{text}");
        }
    }
}

#[test]
fn help_teaches_and_fits() {
    let server = Server::new();
    for (arguments, wanted) in [
        (&["call", "--help"][..], &["Examples:", "--list", "--record", "[call NAME]"][..]),
        (&["site", "--help"], &["create", "rename", "publish", "delete", "pages", "settings", "claim"]),
        (&["site", "create", "--help"], &["Examples:", "--set", "Asks before it does"]),
        (&["site", "rename", "--help"], &["nobody's yet", "JSON:"]),
        (&["site", "publish", "--help"], &["2 hours", "--no-wait"]),
        (&["site", "delete", "--help"], &["--no-backup", "--yes"]),
        (&["site", "pages", "--help"], &["add", "copy", "remove"]),
        (&["site", "settings", "--help"], &["JSON:"]),
        (&["template", "list", "--help"], &["--categories", "JSON:"]),
        (&["template", "show", "--help"], &["JSON:"]),
        (&["licence", "--help"], &["domains", "block", "unblock", "ip"]),
        (&["licence", "domains", "--help"], &["3 hours", "JSON:"]),
        (&["licence", "ip", "--help"], &["list", "add", "update", "delete"]),
        (&["licence", "ip", "update", "--help"], &["--to", "--brand"]),
        (&["builder", "probe", "--help"], &["GET", "--again", "--record", "JSON:"]),
    ] {
        let help = server.good(arguments, "");
        for text in wanted {
            assert!(help.contains(text), "{arguments:?}: {text}: {help}");
        }
        let long = help.lines().find(|line| line.chars().count() > 100);
        assert!(long.is_none(), "{arguments:?}: {long:?}");
    }
}

#[test]
fn an_account_without_root_is_told_so() {
    let server = Server::new();
    if is_root() {
        server.good(&["call", "category-list"], "");
        return;
    }
    server.bad(&["licence", "domains"], "", 4, "[forbidden]");
}
