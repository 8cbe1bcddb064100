//! One account, one hacked website or many uids against everybody else: places, threads, frames, the audit.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use panelgate::limits;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;
use serde_json::{Value, json};

use crate::common::{chmod, domain, wait_for};
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
    answer = json.loads(data[4:4 + struct.unpack(">I", data[:4])[0]]) if data else {"error": {"kind": "closed"}}
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

/// A builder that takes connections and says nothing, until it closes them all.
pub struct Silent {
    address: SocketAddr,
    held: Arc<Mutex<Option<Vec<TcpStream>>>>,
    calls: Arc<AtomicUsize>,
}

impl Silent {
    /// Points the broker at one, with a deadline that no test reaches.
    pub fn before(world: &World) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let silent = Self {
            address: listener.local_addr().unwrap(),
            held: Arc::new(Mutex::new(Some(Vec::new()))),
            calls: Arc::default(),
        };
        let (held, calls) = (Arc::clone(&silent.held), Arc::clone(&silent.calls));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                // Counted when it is held, so that who sees the number can close them all.
                let mut held = held.lock().unwrap();
                if let Some(held) = held.as_mut() {
                    held.push(stream);
                }
                calls.fetch_add(1, Ordering::SeqCst);
            }
        });
        let config = world.path("etc/panelgate.ini");
        let text = std::fs::read_to_string(&config).unwrap();
        let text = text.replace("timeout = 5\n", "timeout = 300\nconnect_timeout = 60\n");
        let url = format!("https://127.0.0.1:{}/api/", silent.address.port());
        std::fs::write(&config, text.replace(&world.builder.api_url(), &url)).unwrap();
        world.signal("-HUP");
        wait_for("the new configuration", || world.log().contains("read again"));
        silent
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Closes its connections, and each new one at once.
    fn close(&self) {
        self.held.lock().unwrap().take();
    }
}

/// One of the numbers that the broker shows. Asked without another process: what waits in these tests does not wait for ever.
fn number(world: &World, name: &str) -> u64 {
    answer(&sent(world, r#"{"v":1,"op":"status"}"#))["ok"][name].as_u64().unwrap()
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

/// The answer on a connection; null if there is none.
fn answer(mut stream: &UnixStream) -> Value {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes.get(4..).and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
}

/// The kind of the answer on a connection: `ok`, an error, or `closed`.
fn kind(stream: &UnixStream) -> String {
    let answer = answer(stream);
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
    assert!(count("bad-request") >= 30 && count("too-many") > 0, "{kinds:?}");
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
    // As many uids as a customer with a range of subordinate uids has, each within its own share; who is dropped comes again.
    let script = "import os, select, socket, sys, time\nfor number in range(70):\n    if os.fork() == 0:\n        os.setresuid(*[40000 + number] * 3)\n        \
                  held = []\n        while True:\n            while len(held) < 16:\n                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)\n            \
                  gone = select.select(held + [0], [], [])[0]\n            if 0 in gone: os._exit(0)\n            \
                  held = [s for s in held if s not in gone]; time.sleep(0.2)\nos.read(0, 1)\n";
    std::fs::write(world.path("many.py"), script).unwrap();
    let mut many = Command::new("python3");
    many.arg(world.path("many.py")).arg(world.socket()).stdin(Stdio::piped());
    // They end with their input, whatever becomes of this test.
    let mut many = many.spawn().unwrap();
    let connections = || std::fs::read_dir(format!("/proc/{}/fd", world.broker_pid())).unwrap().count();
    for _ in 0..5 {
        wait_for("the idle connections", || connections() > 1000);
        // Who is so slow that a thousand others connect before the frame is sent may have to ask again.
        assert!((0..3).any(|_| world.ask(A, "overview", json!({})).0 == "ok"));
    }
    drop(many.stdin.take());
    many.wait().unwrap();
}

#[test]
fn one_customer_of_a_panel_does_not_use_up_the_threads_of_all() {
    needs_root!();
    let world = World::start();
    let silent = Silent::before(&world);
    // Those that are refused are answered; the others are left waiting, until they have reached the builder: nobody works for who has left.
    let script = "import os, select, socket, struct, sys, time\nbody = sys.argv[2].encode()\nopen_ones = []\nfor _ in range(20):\n    s = socket.socket(socket.AF_UNIX)\n    \
                  s.connect(sys.argv[1]); s.sendall(struct.pack('>I', len(body)) + body); open_ones.append(s)\n\
                  refused = 0\nwhile refused < 16:\n    for s in select.select(open_ones, [], [])[0]:\n        open_ones.remove(s); refused += 1\n        \
                  print('too-many' if b'too-many' in s.recv(65536) else 'other')\n\
                  end = time.time() + 300\nwhile not os.path.exists(sys.argv[3]) and time.time() < end: time.sleep(0.02)\n";
    std::fs::write(world.path("twenty.py"), script).unwrap();
    let (file, socket, go) = (world.path("twenty.py"), world.socket(), world.path("go"));
    let request = r#"{"v":1,"op":"open","args":{"account":"pga","site":"a.example"}}"#;
    let arguments = [file.to_str().unwrap(), socket.to_str().unwrap(), request, go.to_str().unwrap()];
    let output = std::thread::scope(|scope| {
        let asking = scope.spawn(|| world.as_uid(PANEL, "/usr/bin/python3".as_ref(), &arguments, &[]));
        wait_for("the four", || silent.calls() == 4);
        std::fs::write(&go, "").unwrap();
        asking.join().unwrap()
    });
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().filter(|line| *line == "too-many").count(), 16, "{text}");
    assert_eq!(world.ask(PANEL, "overview", json!({ "account": "pgb" })).0, "ok");
    assert_eq!((silent.calls(), number(&world, "opening")), (4, 4));
    silent.close();
}

/// What root asks for in the name of an account takes that account's turn.
fn opening(world: &World, account: &str, site: &str) -> UnixStream {
    sent(world, &format!(r#"{{"v":1,"op":"open","args":{{"account":"{account}","site":"{site}"}}}}"#))
}

#[test]
fn accounts_whose_clicks_wait_for_the_builder_keep_nobody_else_from_it() {
    needs_root!();
    let world = World::start();
    let names: Vec<String> = (0..8).map(|number| format!("pgslow{number}")).collect();
    for (name, uid) in names.iter().zip(22_000..) {
        let site = TreeSite::new(domain(&format!("{name}.example")), SiteKind::Main, "public_html");
        world.add_account(name, uid, &[site]);
    }
    let silent = Silent::before(&world);
    // As many as each may: the first four accounts take what is for all, of the others each gets one place.
    let mut clicks = Vec::new();
    for (number, name) in names.iter().enumerate() {
        clicks.extend(
            (0..limits::RUNNING_PER_ACCOUNT).map(|_| opening(&world, name, &format!("{name}.example"))),
        );
        let sent = clicks.len() as u64;
        wait_for("them to be taken up", || number_of_openings(&world) == sent);
        assert!(number < 4 || number as u64 + 13 == self::number(&world, "opening"), "{name}");
    }
    wait_for("the builder to be called", || silent.calls() == 20);
    assert_eq!((number(&world, "opening"), number(&world, "waiting")), (20, 12));
    // What does not need the builder is done as ever, and who has nothing running gets through to it.
    assert_eq!(world.ask(A, "overview", json!({})).0, "ok");
    std::thread::scope(|scope| {
        let click = scope.spawn(|| world.click(B, "site=b.example"));
        wait_for("the click to reach the builder", || silent.calls() == 21);
        silent.close();
        let page = click.join().unwrap();
        assert!(page.starts_with("Status: 50") && page.contains("did not answer"), "{page}");
    });
    // All of them are answered, and those who waited have had their turn.
    for click in &clicks {
        assert_eq!(kind(click), "builder-unreachable");
    }
    wait_for("the places to be free", || number_of_openings(&world) == 0);
    assert_eq!(silent.calls(), 33);
}

fn number_of_openings(world: &World) -> u64 {
    let status = answer(&sent(world, r#"{"v":1,"op":"status"}"#));
    ["opening", "waiting"].iter().map(|name| status["ok"][name].as_u64().unwrap()).sum()
}

#[test]
fn nobody_works_for_a_client_that_has_left() {
    needs_root!();
    let world = World::start();
    let silent = Silent::before(&world);
    let dropped = number(&world, "dropped");
    let places = limits::OPENINGS_AT_ONCE - limits::OPENINGS_FOR_OTHERS;
    let running: Vec<UnixStream> = (0..places).map(|_| opening(&world, "pga", "a.example")).collect();
    wait_for("all places to be taken", || silent.calls() == places);
    // Some leave when they have waited, some at once.
    let waiting: Vec<UnixStream> = (0..10).map(|_| opening(&world, "pga", "a.example")).collect();
    wait_for("them to wait", || number(&world, "waiting") == 10);
    drop(waiting);
    for _ in 0..10 {
        drop(opening(&world, "pga", "a.example"));
    }
    silent.close();
    wait_for("the places to be free", || {
        number_of_openings(&world) == 0 && number(&world, "dropped") == dropped + 20
    });
    assert_eq!(silent.calls(), places, "nobody waits for these sessions");
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
