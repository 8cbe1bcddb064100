//! The builder fails, the broker fails: the next click works, and nobody gets somebody else's session.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use panelgate::gateway::Gateway;
use panelgate::ops::OpenRequest;
use panelgate::ops::policy::Operation;
use panelgate::panel::SiteKind;
use panelgate::sandbox::http::Response;
use panelgate::sandbox::tree::TreeSite;
use panelgate::types::Username;
use serde_json::json;

use crate::attacks::Silent;
use crate::common::{BUILDER_PASSWORD, BUILDER_USER, chmod, domain, wait_for};
use crate::needs_root;
use crate::world::{A, PANEL, WEB, World};

#[test]
fn a_broken_builder_is_one_clear_error_and_the_next_click_works() {
    needs_root!();
    let world = World::start();
    for (status, body, want) in [
        (500, "broken", "builder-unreachable"),
        (200, "<html>", "builder-protocol"),
        (
            400,
            r#"{"error":{"message":"License not found. Please contact your hosting support."}}"#,
            "builder-licence",
        ),
        (200, r#"{"url":"https://evil.example/?login_hash=x"}"#, "builder-url"),
        (401, r#"{"error":{"message":"no"}}"#, "builder-auth"),
    ] {
        world.builder.push_fault(Response::text(status, body));
        let (got, _) = world.ask(A, "open", json!({ "site": "a.example" }));
        assert_eq!(got, want, "{status} {body}");
        assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    }
}

#[test]
fn a_broker_that_is_killed_and_started_again_serves_the_next_click() {
    needs_root!();
    let mut world = World::start();
    assert!(world.click(A, "site=a.example").starts_with("Status: 303"));
    world.signal("-KILL");
    world.broker_ends();
    let page = world.click(A, "site=a.example");
    assert!(page.starts_with("Status: 503"), "{page}");
    // The socket that the dead broker left behind is replaced.
    world.start_broker();
    assert!(world.click(A, "site=a.example").starts_with("Status: 303"));
}

#[test]
fn a_broker_that_is_killed_in_the_middle_of_a_click_costs_that_click_alone() {
    needs_root!();
    let mut world = World::start();
    let silent = Silent::before(&world);
    let page = std::thread::scope(|scope| {
        let click = scope.spawn(|| world.click(A, "site=a.example"));
        wait_for("the builder to be called", || silent.calls() == 1);
        world.signal("-KILL");
        click.join().unwrap()
    });
    assert!(page.starts_with("Status: 503"), "{page}");
    world.broker_ends();
    world.configure("");
    world.start_broker();
    assert!(world.click(A, "site=a.example").starts_with("Status: 303"));
}

#[test]
fn stopping_finishes_what_is_running() {
    needs_root!();
    let mut world = World::start();
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let text = std::fs::read_to_string(world.path("etc/panelgate.ini")).unwrap();
    let slow = format!("https://127.0.0.1:{}/api/", silent.local_addr().unwrap().port());
    std::fs::write(world.path("etc/panelgate.ini"), text.replace(&world.builder.api_url(), &slow)).unwrap();
    world.signal("-HUP");
    wait_for("the new configuration", || world.log().contains("read again"));
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| world.ask(A, "open", json!({ "site": "a.example" })).0);
        // The request is running when the builder has been called.
        let call = silent.accept().unwrap();
        world.signal("-TERM");
        // It has heard of it when it listens no more.
        wait_for("the stop", || UnixStream::connect(world.socket()).is_err());
        drop(call);
        asking.join().unwrap()
    });
    assert_eq!(answer, "builder-unreachable", "it was answered, although the broker was told to stop");
    assert_eq!(world.broker_ends(), Some(0));
}

#[test]
fn a_wrong_configuration_is_not_taken_over() {
    needs_root!();
    let world = World::start();
    world.configure("[nonsense]");
    world.signal("-HUP");
    wait_for("the refusal", || world.log().contains("the old one stays"));
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
}

#[test]
fn what_does_not_need_the_store_works_without_it() {
    needs_root!();
    let mut world = World::start();
    world.without_state();
    std::fs::create_dir(world.path("state")).unwrap();
    std::fs::write(world.path("state/panelgate.sqlite"), "no database".repeat(1000)).unwrap();
    world.start_broker();
    without_the_store(&world);
    std::fs::remove_file(world.path("state/panelgate.sqlite")).unwrap();
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
}

/// What goes on and what does not while the store cannot be used, and that the doctor says so.
fn without_the_store(world: &World) {
    assert_eq!(world.ask(A, "overview", json!({})).0, "ok");
    assert_eq!(world.ask(0, "status", json!({})).0, "ok");
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "store");
    let (got, report) = world.ask(0, "doctor", json!({}));
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "store").unwrap();
    assert_eq!((got.as_str(), &check["state"], &check["kind"]), ("ok", &json!("fail"), &json!("store")));
}

#[test]
fn a_store_on_a_read_only_file_system_stops_only_what_needs_it() {
    needs_root!();
    let mut world = World::start();
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));
    // Only the broker sees it like that.
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let inner = world.broker_command();
    let mut broker = Command::new("/usr/bin/unshare");
    broker.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(world.path("state"));
    broker.arg(inner.get_program()).args(inner.get_args());
    broker.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    world.start_with(broker);
    without_the_store(&world);
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));
    world.start_broker();
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
}

#[test]
fn the_store_is_roots_alone_whatever_the_umask_and_whoever_made_its_directory() {
    needs_root!();
    let mut world = World::start();
    world.without_state();
    std::fs::create_dir(world.path("state")).unwrap();
    chmod(&world.path("state"), 0o755);
    world.start_broker();
    let private = || {
        assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
        for entry in std::fs::read_dir(world.path("state")).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", entry.path().display());
        }
    };
    private();
    // What an older version or a copy left open is closed when the store is opened.
    for name in ["panelgate.sqlite", "panelgate.sqlite-wal"] {
        chmod(&world.path("state").join(name), 0o644);
    }
    world.signal("-HUP");
    wait_for("the new configuration", || world.log().contains("read again"));
    private();
}

#[test]
fn two_hundred_at_once_ten_thousand_in_all_none_lost_none_crossed() {
    needs_root!();
    const ACCOUNTS: usize = 50;
    const THREADS: usize = 200;
    const EACH: usize = 50;
    let world = World::start();
    for number in 0..ACCOUNTS {
        let site = TreeSite::new(domain(&format!("load{number}.example")), SiteKind::Main, "public_html");
        world.add_account(&format!("pgload{number}"), 21_000 + number as u32, &[site]);
    }
    let urls: Vec<String> = std::thread::scope(|scope| {
        let open = |thread: usize| {
            let remote = world.remote();
            let name = Username::new(&format!("pgload{}", thread % ACCOUNTS)).unwrap();
            let request = || OpenRequest { account: Some(name.clone()), ..OpenRequest::new() };
            let url = |_| {
                let session =
                    Gateway::open(&remote, &request()).unwrap_or_else(|error| panic!("{name}: {error:?}"));
                assert_eq!(
                    (session.account.as_str(), session.site.as_str()),
                    (name.as_str(), format!("load{}.example", thread % ACCOUNTS).as_str())
                );
                session.url.expose().to_owned()
            };
            (0..EACH).map(url).collect::<Vec<String>>()
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || open(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(
        urls.iter().collect::<HashSet<_>>().len(),
        THREADS * EACH,
        "every session has an address of its own"
    );
    let status = world.ask(0, "status", json!({})).1;
    assert_eq!(status["opened"], THREADS * EACH);
    let resident = std::fs::read_to_string(format!("/proc/{}/status", world.broker_pid())).unwrap();
    let resident = resident.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
    let kib: u64 = resident.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 64 * 1024, "the broker has grown to {kib} KiB (debug build)");
}

/// The builder's credentials and the install key, in every form in which they could be written down.
fn secrets(world: &World) -> Vec<Vec<u8>> {
    let key = std::fs::read(world.path("state/install.key")).unwrap();
    let basic = STANDARD.encode(format!("{BUILDER_USER}:{BUILDER_PASSWORD}"));
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![BUILDER_PASSWORD.into(), basic.into(), hex.into(), STANDARD.encode(&key).into(), key]
}

fn has_none(what: &str, bytes: &[u8], secrets: &[Vec<u8>]) {
    for secret in secrets {
        let found = memchr::memmem::find(bytes, secret);
        assert_eq!(found, None, "{what} holds a secret: {}", String::from_utf8_lossy(bytes));
    }
}

/// Some of everything, good and bad; gives all that anybody was told.
fn run_everything(world: &World) -> String {
    let mut seen = String::new();
    world.back_up(A, "a.example", b"project of a");
    for query in ["", "site=a.example", "site=b.example", "backups=a.example"] {
        seen += &world.click(A, query);
    }
    for answer in [r#"{"error":{"message":"Sandbox-Pa55word is wrong"}}"#, "Sandbox-Pa55word", "{"] {
        world.builder.push_fault(Response::text(400, answer));
        seen += &world.click(A, "site=a.example");
    }
    let site = json!({ "account": "pga", "site": "a.example" });
    for operation in Operation::ALL {
        let args = match operation {
            Operation::CallBuilder => {
                json!({ "call": "website/get-settings", "input": { "account": "pga", "domain": "a.example" } })
            }
            Operation::Publish => {
                json!({ "method": "POST", "path": "/0/x", "authorization": "Basic AAAA", "length": 1 })
            }
            Operation::Revoke | Operation::ClaimSite => json!({ "site": "a.example" }),
            Operation::ViewPublication => json!({ "account": "pga", "site": "a.example", "what": "status" }),
            Operation::ChangePublication => json!({ "account": "pga", "site": "a.example", "what": "undo" }),
            Operation::ViewAudit => json!({}),
            _ => site.clone(),
        };
        for uid in [0, PANEL, A, WEB] {
            // What is given out beside the answer is taken by those who know of it.
            if operation == Operation::DownloadProject {
                seen += &world.taken(uid, args.clone()).1.to_string();
            } else {
                seen += &world.ask(uid, operation.name(), args.clone()).1.to_string();
            }
        }
    }
    world.run_jobs();
    let config = world.path("etc/panelgate.ini");
    for words in [&["doctor", "--deep"][..], &["sites", "--account", "pga"], &["jobs", "list"], &["audit"]] {
        let words = [&["-v", "--config", config.to_str().unwrap()], words].concat();
        let output = world.as_uid(0, &world.path("panelgate"), &words, &[]);
        seen += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }
    seen
}

#[test]
fn no_secret_is_left_where_somebody_could_find_it() {
    needs_root!();
    let world = World::start();
    let mut seen = run_everything(&world);
    seen.push_str(&world.log());
    for process in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{}/{process}", world.broker_pid())).unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
    let secrets = secrets(&world);
    assert!(seen.len() > 10_000, "nothing was said: {seen}");
    has_none("what is said", seen.as_bytes(), &secrets);
    // Everything that an account can read if it knows the names, and the broker's own memory; but for programs, which are large and were there before.
    let mut names = String::new();
    list(world.dir.path(), &mut names);
    let programs = ["/panelgate", "/panelgate.cgi"];
    let names: Vec<&str> =
        names.lines().filter(|name| !programs.iter().any(|program| name.ends_with(program))).collect();
    std::fs::write(world.path("names"), names.join("\n") + "\n").unwrap();
    let script = "while read -r name; do cat \"$name\" 2>/dev/null; done < \"$1\"; cat /proc/$2/environ /proc/$2/mem 2>/dev/null; true";
    let (list, pid) = (world.path("names").to_str().unwrap().to_owned(), world.broker_pid().to_string());
    let path = [("PATH", "/usr/bin:/bin")];
    let output = world.as_uid(A, "/bin/sh".as_ref(), &["-c", script, "sh", &list, &pid], &path);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("BEGIN CERTIFICATE") && text.contains("SUSPENDED=0"), "the hunt found nothing");
    has_none("a file for everybody", &output.stdout, &secrets);
    // What root alone can read holds them in their own two files, and nowhere else.
    let own = [world.path("etc/panelgate.ini"), world.path("state/install.key")];
    for name in names.iter().filter(|name| !own.iter().any(|own| own.as_os_str() == **name)) {
        // A socket cannot be read.
        if let Ok(bytes) = std::fs::read(name) {
            has_none(name, &bytes, &secrets);
        }
        assert!(!name.rsplit('/').next().unwrap().starts_with("core"), "{name}");
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", world.broker_pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert!(core.split_ascii_whitespace().nth(4) == Some("0"), "{core}");
}

fn list(directory: &std::path::Path, names: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, names);
        } else {
            names.push_str(&format!("{}\n", path.display()));
        }
    }
}
