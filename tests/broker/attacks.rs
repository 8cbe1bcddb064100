//! One account, one hacked website or many uids against everybody else: places, threads, frames, the audit.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{chmod, wait_for};
use crate::needs_root;
use crate::world::{A, B, PANEL, World};

/// Sends each line of the file as one request and prints what became of it.
const LINES: &str = r#"
import json, socket, struct, sys
for line in open(sys.argv[2], "rb"):
    s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1])
    body = line.rstrip(b"\n")
    data = b""
    try:
        s.sendall(struct.pack(">I", len(body)) + body)
        while True:
            part = s.recv(65536)
            if not part: break
            data += part
    except (BrokenPipeError, ConnectionResetError): pass
    answer = json.loads(data[4:]) if data else {"error": {"kind": "closed"}}
    print(answer.get("error", {}).get("kind", "ok"))
"#;

/// What became of requests that are sent as they are, one after the other.
pub fn raw(world: &World, uid: u32, requests: &[Vec<u8>]) -> Vec<String> {
    let (script, lines) = (world.path("lines.py"), world.path(&format!("lines-{uid}")));
    std::fs::write(&script, LINES).unwrap();
    std::fs::write(&lines, requests.join(&b'\n')).unwrap();
    let arguments =
        [script.to_str().unwrap(), &world.socket().display().to_string(), lines.to_str().unwrap()]
            .map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = world.as_uid(uid, "/usr/bin/python3".as_ref(), &arguments, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Points the broker at a builder that takes connections and says nothing. Gives how many calls it got.
fn with_silent_builder(world: &World) -> (TcpListener, &'static AtomicUsize) {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let calls: &'static AtomicUsize = Box::leak(Box::default());
    let accepting = silent.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((stream, _)) = accepting.accept() {
            held.push(stream);
            calls.fetch_add(1, Ordering::SeqCst);
        }
    });
    let config = world.path("etc/panelgate.ini");
    let text = std::fs::read_to_string(&config).unwrap();
    let url = format!("https://127.0.0.1:{}/api/", silent.local_addr().unwrap().port());
    std::fs::write(&config, text.replace(&world.builder.api_url(), &url)).unwrap();
    world.signal("-HUP");
    wait_for("the new configuration", || world.log().contains("read again"));
    (silent, calls)
}

fn frame(body: &str) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body.as_bytes()].concat()
}

fn sent(world: &World, body: &str) -> UnixStream {
    let mut stream = UnixStream::connect(world.socket()).unwrap();
    stream.write_all(&frame(body)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// The kind of the answer on a connection: `ok`, an error, or `closed`.
fn kind(mut stream: &UnixStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let answer: Value = bytes.get(4..).and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    match (&answer["ok"], answer["error"]["kind"].as_str()) {
        (Value::Null, None) => "closed".into(),
        (_, Some(kind)) => kind.into(),
        _ => "ok".into(),
    }
}

#[test]
fn frames_mean_one_thing_or_nothing() {
    needs_root!();
    let world = World::start();
    let padded = |length: usize| {
        let text = r#"{"v":1,"op":"overview"}"#;
        format!("{text}{}", " ".repeat(length - text.len())).into_bytes()
    };
    let cases: [(&[u8], &str); 14] = [
        (br#"{"v":1,"op":"overview","args":null,"more":[1]}"#, "ok"),
        (&padded(65_536), "ok"),
        (&padded(65_537), "closed"),
        (br#"{"v":1,"op":"open","args":{"site":"a.example","site":"b.example"}}"#, "bad-request"),
        (br#"{"v":1,"op":"open","args":{"account":"pga","account":"pgb"}}"#, "bad-request"),
        (br#"{"v":1,"op":"status","op":"overview"}"#, "bad-request"),
        (br#"{"v":1e999,"op":"overview"}"#, "bad-request"),
        (br#"{"v":18446744073709551617,"op":"overview"}"#, "bad-request"),
        (br#"{"v":1,"op":"overview","args":{"from":-1}}"#, "bad-request"),
        (br#"{"v":1,"op":"overview","args":{"from":18446744073709551615}}"#, "ok"),
        (br#"{"v":1,"op":"open","args":{"site":"\ud800.example"}}"#, "bad-request"),
        (br#"{"v":1,"op":"open","args":{"site":"a.example\u0000"}}"#, "bad-request"),
        (b"{\"v\":1,\"op\":\"open\",\"args\":{\"site\":\"\xff.example\"}}", "bad-request"),
        (br#"{"v":1,"op":"overview","args":{"account":"pgb"},"account":"pgb"}"#, "forbidden"),
    ];
    let requests: Vec<Vec<u8>> = cases.iter().map(|(request, _)| request.to_vec()).collect();
    for ((request, want), got) in cases.iter().zip(raw(&world, A, &requests)) {
        assert_eq!(got, *want, "{}", String::from_utf8_lossy(&request[..request.len().min(100)]));
    }
}

#[test]
fn frames_that_mean_nothing_count_too() {
    needs_root!();
    let world = World::start();
    let kinds = raw(&world, B, &vec![b"[".repeat(100); 150]);
    let count = |kind: &str| kinds.iter().filter(|got| *got == kind).count();
    assert!(count("bad-request") >= 30 && count("too-many") > 80, "{kinds:?}");
}

#[test]
fn reasons_are_in_the_log_and_other_versions_are_told_to_upgrade() {
    needs_root!();
    let world = World::start();
    for (request, reference) in [
        (r#"{"v":1,"op":"open","reference":"AAAA-0001","args":{"site":5}}"#, "AAAA-0001"),
        (r#"{"v":1,"op":"nothing","reference":"AAAA-0002"}"#, "AAAA-0002"),
        (r#"{"v":1,"op":"open","reference":"AAAA-0003","args":{"token":"x"}}"#, "AAAA-0003"),
        (r#"{"v":9,"op":"open","reference":"AAAA-0004"}"#, "AAAA-0004"),
    ] {
        raw(&world, A, &[request.as_bytes().to_vec()]);
        assert!(world.log().contains(&format!("{reference}: account pga")), "{reference}\n{}", world.log());
    }
    let client = world.path("client.py");
    let (socket, request) = (world.socket(), r#"{"v":9,"op":"open"}"#);
    let arguments = [client.to_str().unwrap(), socket.to_str().unwrap(), request];
    let output = world.as_uid(A, "/usr/bin/python3".as_ref(), &arguments, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("version 9") && text.contains("version 1"), "{text}");
}

#[test]
fn an_account_cannot_find_out_which_names_are_on_the_server() {
    needs_root!();
    let world = World::start();
    for uid in [A, PANEL] {
        let ask = |site: &str| world.ask(uid, "open", json!({ "account": "pga", "site": site }));
        assert_eq!(ask("b.example"), ask("nowhere.example"), "uid {uid}");
    }
}

#[test]
fn idle_connections_of_many_uids_do_not_keep_others_out() {
    needs_root!();
    let world = World::start();
    // As many uids as a customer with a range of subordinate uids has, each within its own share.
    let script = "import os, socket, sys, time\nfor number in range(70):\n    if os.fork() == 0:\n        os.setresuid(*[40000 + number] * 3)\n        \
                  held = []\n        for _ in range(16):\n            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)\n        \
                  time.sleep(4); os._exit(0)\ntime.sleep(4)\n";
    std::fs::write(world.path("many.py"), script).unwrap();
    let mut many = Command::new("python3").arg(world.path("many.py")).arg(world.socket()).spawn().unwrap();
    let connections = || std::fs::read_dir(format!("/proc/{}/fd", world.broker_pid())).unwrap().count();
    wait_for("the idle connections", || connections() > 1020);
    for _ in 0..5 {
        assert_eq!(world.ask(A, "overview", json!({})).0, "ok");
    }
    assert!(connections() > 1000, "they were gone already");
    many.wait().unwrap();
}

#[test]
fn one_customer_of_a_panel_does_not_use_up_the_threads_of_all() {
    needs_root!();
    let world = World::start();
    let (_silent, calls) = with_silent_builder(&world);
    let script = "import socket, struct, sys, threading\nbody = sys.argv[2].encode()\ndef one():\n    s = socket.socket(socket.AF_UNIX); s.settimeout(60)\n    \
                  s.connect(sys.argv[1]); s.sendall(struct.pack('>I', len(body)) + body)\n    data = s.recv(65536)\n    print('too-many' if b'too-many' in data else 'other')\n\
                  threads = [threading.Thread(target=one) for _ in range(20)]\n[t.start() for t in threads]; [t.join() for t in threads]\n";
    std::fs::write(world.path("twenty.py"), script).unwrap();
    let (file, socket) = (world.path("twenty.py"), world.socket());
    let request = r#"{"v":1,"op":"open","args":{"account":"pga","site":"a.example"}}"#;
    let arguments = [file.to_str().unwrap(), socket.to_str().unwrap(), request];
    let output = world.as_uid(PANEL, "/usr/bin/python3".as_ref(), &arguments, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().filter(|line| *line == "too-many").count(), 16, "{text}");
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert_eq!(world.ask(PANEL, "overview", json!({ "account": "pgb" })).0, "ok");
}

#[test]
fn nobody_works_for_a_client_that_has_left() {
    needs_root!();
    let world = World::start();
    let (_silent, calls) = with_silent_builder(&world);
    let open = r#"{"v":1,"op":"open","args":{"account":"pga","site":"a.example"}}"#;
    let running: Vec<UnixStream> = (0..32).map(|_| sent(&world, open)).collect();
    wait_for("all threads to be busy", || calls.load(Ordering::SeqCst) == 32);
    for _ in 0..20 {
        drop(sent(&world, open));
    }
    // In the queue behind those who left.
    assert_eq!(world.ask(0, "status", json!({})).0, "ok");
    assert_eq!(calls.load(Ordering::SeqCst), 32, "nobody waits for these sessions");
    drop(running);
}

#[test]
fn a_frame_that_came_before_the_signal_is_answered() {
    needs_root!();
    let mut world = World::start();
    let mut stream = UnixStream::connect(world.socket()).unwrap();
    wait_for("the connection to be taken", || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", world.broker_pid())).unwrap();
        let socket = |entry: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_link(entry.unwrap().path())
                .is_ok_and(|target| target.to_string_lossy().starts_with("socket"))
        };
        fds.map(socket).filter(|is| *is).count() >= 2
    });
    world.signal("-STOP");
    stream.write_all(&frame(r#"{"v":1,"op":"status"}"#)).unwrap();
    world.signal("-TERM");
    world.signal("-CONT");
    assert_eq!(kind(&stream), "ok");
    assert_eq!(world.broker_ends(), Some(0));
}

#[test]
fn what_an_account_claims_stays_in_its_own_part_of_the_audit() {
    needs_root!();
    let world = World::start();
    let claimed = "\\u0001".repeat(200);
    let request = format!(
        r#"{{"v":1,"op":"open","args":{{"account":"pga","site":"a.example","claimed":"{claimed}"}}}}"#
    );
    let kinds = raw(&world, B, &vec![request.into_bytes(); 60]);
    assert!(kinds.iter().filter(|kind| *kind == "forbidden").count() >= 30, "{kinds:?}");
    let (got, lines) = world.ask(0, "audit", json!({ "account": "pga" }));
    assert_eq!((got.as_str(), lines), ("ok", json!([])), "account pgb wrote into the audit of pga");
    let (got, lines) = world.ask(0, "audit", json!({}));
    assert_eq!(got, "ok", "lines that do not fit into a frame");
    let lines = lines.as_array().unwrap();
    assert!(lines.len() >= 20 && lines.iter().all(|line| line["account"] == "pgb"), "{lines:?}");
}

#[test]
fn refusals_without_end_do_not_fill_the_store_and_hide_nothing() {
    needs_root!();
    let world = World::start();
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    let refused = r#"{"v":1,"op":"open","args":{"account":"pga","site":"nowhere.example"}}"#;
    for _ in 0..1000 {
        assert_eq!(kind(&sent(&world, refused)), "site-not-found");
    }
    assert_eq!(world.ask(A, "open", json!({ "site": "sub.a.example" })).0, "ok");
    let config = world.path("etc/panelgate.ini");
    let arguments =
        ["--config", config.to_str().unwrap(), "audit", "--account", "pga", "--limit", "5000", "--json"];
    let output = Command::new(world.path("panelgate")).args(arguments).output().unwrap();
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let count = |result: &str| lines.iter().filter(|line| line["result"] == result).count();
    assert_eq!(count("ok"), 2);
    assert!((100..500).contains(&count("site-not-found")), "{}", count("site-not-found"));
}

#[test]
fn a_socket_where_others_could_put_something_else_is_refused() {
    needs_root!();
    let world = World::start();
    for (name, owner, mode) in [("theirs", B, 0o755), ("open", 0, 0o777), ("theirs/below", 0, 0o755)] {
        let directory = world.path(name);
        std::fs::create_dir(&directory).unwrap();
        std::os::unix::fs::chown(&directory, Some(owner), Some(owner)).unwrap();
        chmod(&directory, mode);
        let mut broker = Command::new(world.path("panelgate"))
            .arg("--config")
            .arg(world.path("etc/panelgate.ini"))
            .arg("--socket")
            .arg(directory.join("s"))
            .arg("broker")
            .env_clear()
            .spawn()
            .unwrap();
        wait_for("its end", || directory.join("s").exists() || broker.try_wait().unwrap().is_some());
        let _ = broker.kill();
        assert_eq!(broker.wait().unwrap().code(), Some(3), "{name}");
    }
}

#[test]
fn a_broker_with_few_descriptors_serves_who_sends_at_once() {
    needs_root!();
    let world = World::start();
    let limited =
        Command::new("prlimit").args(["--nofile=40", "--pid", &world.broker_pid().to_string()]).status();
    assert!(limited.unwrap().success());
    let idle: Vec<UnixStream> = (0..60).map(|_| UnixStream::connect(world.socket()).unwrap()).collect();
    for _ in 0..5 {
        assert_eq!(kind(&sent(&world, r#"{"v":1,"op":"status"}"#)), "ok");
    }
    drop(idle);
}
