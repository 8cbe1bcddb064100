//! The second message of a publication: what happens when it is not one byte with the two descriptors of a web server.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::common::wait_for;
use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{World, put};

/// A client of the protocol in a language of its own. It sends the head of a put and then what its last argument names.
const CLIENT: &str = r#"
import array, ctypes, json, os, select, socket, struct, sys, time
path, authorization, wish = sys.argv[2:5]
s = socket.socket(socket.AF_UNIX)
s.settimeout(120)
s.connect(sys.argv[1])
def frame(value):
    body = json.dumps(value).encode()
    return struct.pack(">I", len(body)) + body
def answer():
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
        part = s.recv(65536)
        if not part: return None
        data += part
    return json.loads(data[4:])
args = {"method": "POST", "path": path, "authorization": authorization, "length": 5, "remote": "198.51.100.7"}
request = frame({"v": 1, "op": "publish", "args": args})
def send(data, fds):
    s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
r, w = os.pipe()
null = os.open("/dev/null", os.O_RDWR)
def verdict(answered):
    if answered is None: print("closed")
    elif "error" in answered: print(answered["error"]["kind"])
    else: print(json.dumps(answered["ok"]))
if wish == "early":
    send(request, [r, w]); verdict(answer()); sys.exit()
s.sendall(request)
first = answer()
if first is None or "ok" not in first: verdict(first); sys.exit()
assert first["ok"] == {"go": True}, first
os.write(w, b"12345")
back, out = os.pipe()
if wish == "good": send(b"d", [r, out])
elif wish == "none": send(b"d", [])
elif wish == "one": send(b"d", [r])
elif wish == "three": send(b"d", [r, out, null])
elif wish == "flood": send(b"d", [r] * 250)
elif wish == "two-bytes": send(b"dd", [r, out])
elif wish == "swapped": send(b"d", [null, null])
elif wish == "zero": send(b"d", [os.open("/dev/zero", os.O_RDONLY), out])
elif wish == "epoll":
    e = select.epoll(); send(b"d", [e.fileno(), out])
elif wish == "netlink":
    n = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); send(b"d", [n.fileno(), out])
elif wish == "datagram":
    n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); send(b"d", [n.fileno(), out])
elif wish == "listener":
    n = socket.socket(); n.bind(("127.0.0.1", 0)); n.listen(); send(b"d", [n.fileno(), out])
elif wish == "file-out": send(b"d", [r, os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)])
elif wish == "folder": send(b"d", [os.open("/", os.O_RDONLY), out])
elif wish == "itself": send(b"d", [s.fileno(), s.fileno()])
elif wish == "leave": sys.exit()
elif wish == "wait": pass
verdict(answer())
if wish == "good":
    os.close(out); print(os.read(back, 65536).decode().split("\r\n")[0])
"#;

/// What the client sees.
fn attack(world: &World, uid: u32, wish: &str) -> String {
    let access = world.access(&world.a);
    let path = format!("/{}put.txt", access.path.trim_start_matches("/panelgate/"));
    let authorization = access.header();
    let authorization = authorization.trim_end().trim_start_matches("Authorization: ");
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", CLIENT]).arg(world.socket()).args([&path, authorization, wish]);
    let output = command.uid(uid).gid(uid).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{wish}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// As [`attack`], until there is a worker: who comes while it starts may be told to ask again.
fn insist(world: &World, uid: u32, wish: &str) -> String {
    let mut seen = attack(world, uid, wish);
    wait_for("the worker", || {
        if seen == "too-many" {
            seen = attack(world, uid, wish);
        }
        seen != "too-many"
    });
    seen
}

#[test]
fn only_two_descriptors_of_a_web_server_go_through() {
    needs_root!();
    let world = World::start();
    let web = panelgate::sys::users::by_name("www-data").unwrap().unwrap().uid;
    assert_eq!(insist(&world, web, "good"), "{\"taken\": true}\nStatus: 200 OK");
    assert_eq!(world.a.read("put.txt").as_deref(), Some("12345"));
    std::fs::remove_file(world.a.root().join("put.txt")).unwrap();
    for wish in [
        "none",
        "one",
        "three",
        "flood",
        "two-bytes",
        "swapped",
        "zero",
        "epoll",
        "netlink",
        "datagram",
        "listener",
        "file-out",
        "folder",
    ] {
        assert_eq!(insist(&world, web, wish), "bad-request", "{wish}");
    }
    for wish in ["early", "leave", "wait"] {
        let seen = insist(&world, web, wish);
        assert_eq!(seen, if wish == "leave" { "" } else { "closed" }, "{wish}");
    }
    // A stream socket is what mod_cgid gives, so that this one is taken; it gets what it has deserved.
    insist(&world, web, "itself");
    assert_eq!(world.a.names(), Vec::<String>::new(), "nothing was published by any of them");
    let server = Server::start(Kind::ModCgid, &world);
    assert_eq!(put(server.port, &world.access(&world.a), "put.txt", b"fine").status, 200);
    assert_eq!(world.a.read("put.txt").as_deref(), Some("fine"));
}

#[test]
fn only_the_web_server_hands_over() {
    needs_root!();
    let world = World::start();
    for uid in [0, world.a.user.uid, world.b.user.uid, 30_000] {
        assert_eq!(attack(&world, uid, "good"), "forbidden", "uid {uid}");
    }
    assert!(world.a.names().is_empty());
}

#[test]
fn who_never_sends_descriptors_keeps_nobody_out() {
    needs_root!();
    let world = World::start();
    let web = panelgate::sys::users::by_name("www-data").unwrap().unwrap().uid;
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.b);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..12).map(|_| scope.spawn(|| attack(&world, web, "wait"))).collect();
        for number in 0..10 {
            assert_eq!(put(server.port, &access, &format!("{number}"), b"x").status, 200);
        }
        for thread in waiting {
            // Few may wait while their account's worker starts; who came when there were enough was told so at once.
            let seen = thread.join().unwrap();
            assert!(matches!(seen.as_str(), "closed" | "too-many"), "{seen}");
        }
    });
    // And the site that they wanted is free again.
    wait_for("a free place", || put(server.port, &world.access(&world.a), "x", b"x").status == 200);
}
