//! Peers that do not mean well.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::json;

use crate::needs_root;
use crate::world::{A, B, STRANGER, World};

/// What a stranger does to the socket; each line prints what became of it.
const ATTACKS: &str = r#"
import array, os, socket, struct, sys, time
def connect():
    s = socket.socket(socket.AF_UNIX); s.settimeout(120); s.connect(sys.argv[1]); return s
def end(s):
    try:
        data = s.recv(65536)
    except ConnectionResetError:
        data = b""
    except BrokenPipeError:
        data = b""
    return "closed" if not data else data[4:].decode()
def frame(body): return struct.pack(">I", len(body)) + body
def send(data):
    s = connect()
    try: s.sendall(data)
    except OSError: pass
    return end(s)
print("huge", send(b"\xff\xff\xff\xff" + b"x" * 100))
print("empty", send(b"\0\0\0\0"))
print("behind", send(frame(b"{}") + b"x"))
print("junk", send(frame(b"\xff\xfe\0\1")))
print("deep", send(frame(b"[" * 60000)))
print("version", send(frame(b'{"v":2,"op":"open"}')))
print("wrong", send(frame(b'{"v":"1","op":5}')))
half = connect(); half.sendall(b"\0\0\0\x40{"); half.shutdown(socket.SHUT_WR); print("half", end(half))
def fds(numbers):
    s = connect()
    try: s.sendmsg([frame(b'{"v":1,"op":"overview"}')], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", numbers))])
    except OSError: pass
    return end(s)
r, w = os.pipe()
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
for name, numbers in [("one", [r]), ("two", [r, w]), ("netlink", [netlink.fileno()] * 2), ("many", [r] * 250),
                      ("proc", [os.open("/proc/self/mem", os.O_RDONLY)]), ("self", [connect().fileno()])]:
    print("fds-" + name, fds(numbers))
slow = connect()
try:
    for byte in frame(b'{"v":1,"op":"overview"}' + b" " * 200):
        slow.sendall(bytes([byte])); time.sleep(0.1)
    print("slow", end(slow))
except OSError:
    print("slow closed")
"#;

fn run(world: &World, uid: u32, script: &str) -> String {
    let file = world.path(&format!("attack-{uid}.py"));
    std::fs::write(&file, script).unwrap();
    let (file, socket) = (file.to_str().unwrap().to_owned(), world.socket());
    let output = world.as_uid(uid, Path::new("/usr/bin/python3"), &[&file, socket.to_str().unwrap()], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn descriptors(world: &World) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", world.broker_pid())).unwrap().count()
}

#[test]
fn what_the_protocol_does_not_know_ends_the_connection_and_leaves_nothing() {
    needs_root!();
    let world = World::start();
    // The first request opens the store, which stays open.
    assert_eq!(world.ask(A, "overview", json!({})).0, "ok");
    let before = descriptors(&world);
    let text = run(&world, STRANGER, ATTACKS);
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(lines.len(), 15, "{text}");
    for (name, result) in lines {
        match name {
            "junk" | "deep" | "wrong" => assert!(result.contains("\"bad-request\""), "{name}: {result}"),
            "version" => assert!(
                result.contains("\"upgrade\"") || result.contains("\"forbidden\""),
                "{name}: {result}"
            ),
            _ => assert_eq!(result, "closed", "{name}"),
        }
    }
    crate::common::wait_for("the descriptors to be closed", || descriptors(&world) <= before);
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
}

#[test]
fn a_thousand_idle_connections_of_one_account_do_not_keep_others_out() {
    needs_root!();
    let world = World::start();
    let (ready, stop) = (world.path("idle/ready"), world.path("stop"));
    std::fs::create_dir(world.path("idle")).unwrap();
    std::os::unix::fs::chown(world.path("idle"), Some(B), Some(B)).unwrap();
    let script = format!(
        "import os, socket, sys, time\nopen_ones = []\nfor _ in range(1000):\n    s = socket.socket(socket.AF_UNIX)\n    \
         s.connect(sys.argv[1])\n    open_ones.append(s)\nopen('{}', 'w')\nend = time.time() + 600\n\
         while not os.path.exists('{}') and time.time() < end: time.sleep(0.05)\n",
        ready.display(),
        stop.display()
    );
    std::thread::scope(|scope| {
        let idle = scope.spawn(|| run(&world, B, &script));
        crate::common::wait_for("the idle connections", || ready.exists());
        for _ in 0..10 {
            assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
        }
        std::fs::write(&stop, "").unwrap();
        idle.join().unwrap();
    });
    let status = world.ask(0, "status", json!({})).1;
    assert!(status["dropped"].as_u64().unwrap() >= 900, "{status}");
}

#[test]
fn an_account_that_asks_without_end_is_told_to_wait_and_others_are_not() {
    needs_root!();
    let world = World::start();
    let script = "import json, socket, struct, sys\nkinds = {}\nfor _ in range(200):\n    s = socket.socket(socket.AF_UNIX)\n    s.connect(sys.argv[1])\n    \
                  b = b'{\"v\":1,\"op\":\"overview\"}'\n    s.sendall(struct.pack('>I', len(b)) + b)\n    d = b''\n    \
                  while True:\n        p = s.recv(65536)\n        if not p: break\n        d += p\n    \
                  a = json.loads(d[4:])\n    k = a.get('error', {}).get('kind', 'ok')\n    kinds[k] = kinds.get(k, 0) + 1\nprint(json.dumps(kinds))\n";
    let kinds: serde_json::Value = serde_json::from_str(&run(&world, B, script)).unwrap();
    assert!(kinds["ok"].as_u64().unwrap() >= 30 && kinds["too-many"].as_u64().unwrap() > 0, "{kinds}");
    assert_eq!(world.ask(A, "overview", json!({})).0, "ok");
}

#[test]
fn a_socket_that_is_not_roots_is_not_talked_to() {
    needs_root!();
    let world = World::start();
    let page = world.page(A);
    let fake = world.path("fake");
    std::fs::create_dir(&fake).unwrap();
    std::os::unix::fs::chown(&fake, Some(B), Some(B)).unwrap();
    std::fs::write(
        page.with_file_name("panelgate.ini"),
        format!("[broker]\nsocket = {}/s\n", fake.display()),
    )
    .unwrap();
    let script = "import os, socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[2])\ns.listen()\nos.chmod(sys.argv[2], 0o666)\n\
                  open(sys.argv[2] + '.ready', 'w').close()\ns.settimeout(120)\nc, _ = s.accept()\nc.settimeout(120)\nprint('got', c.recv(100))\n";
    std::fs::write(world.path("fake.py"), script).unwrap();
    let (file, socket) = (world.path("fake.py"), fake.join("s"));
    let got = std::thread::scope(|scope| {
        let arguments = [file.to_str().unwrap(), "x", socket.to_str().unwrap()];
        let server = scope.spawn(move || world_output(&world, &arguments));
        crate::common::wait_for("the false broker", || fake.join("s.ready").exists());
        let variables = [("GATEWAY_INTERFACE", "CGI/1.1"), ("REQUEST_METHOD", "GET")];
        let mut command = std::process::Command::new(&page);
        use std::os::unix::process::CommandExt;
        let output = command.env_clear().envs(variables).uid(A).gid(A).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("Status: 503"));
        server.join().unwrap()
    });
    assert_eq!(got.trim(), "got b''", "the page said something to a stranger");
}

fn world_output(world: &World, arguments: &[&str]) -> String {
    let output = world.as_uid(B, Path::new("/usr/bin/python3"), arguments, &[]);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_client_that_does_not_read_or_leaves_does_not_hold_a_thread_for_long() {
    needs_root!();
    let world = World::start();
    for _ in 0..20 {
        let mut stream = UnixStream::connect(world.socket()).unwrap();
        let body = br#"{"v":1,"op":"overview","args":{"account":"pga"}}"#;
        stream.write_all(&(body.len() as u32).to_be_bytes()).unwrap();
        stream.write_all(body).unwrap();
    }
    let mut stream = UnixStream::connect(world.socket()).unwrap();
    let body = br#"{"v":1,"op":"status"}"#;
    stream.write_all(&(body.len() as u32).to_be_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer).unwrap_or_default();
    crate::common::wait_for("the threads", || {
        world.ask(0, "status", json!({})).1["running"].as_u64() <= Some(1)
    });
}
