//! The worker as others on the machine see it, above all other processes of its own account.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use panelgate::error::ErrorKind;
use panelgate::publish::worker::{Assignment, Manage, Task};
use panelgate::publish::workers::{Times, Workers};

use crate::common::wait_for;
use crate::files::temporary_files;
use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{Account, World, put};

/// What a process of the account itself finds out about a worker, and does to it.
const ATTACKER: &str = r#"
import ctypes, os, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def tries(name, work):
    try: work(); print(name, "worked")
    except OSError: pass
tries("fd", lambda: os.listdir(f"/proc/{pid}/fd"))
tries("fd0", lambda: os.open(f"/proc/{pid}/fd/0", os.O_RDWR))
tries("mem", lambda: os.open(f"/proc/{pid}/mem", os.O_RDONLY))
tries("environ", lambda: open(f"/proc/{pid}/environ", "rb").read())
tries("maps", lambda: open(f"/proc/{pid}/maps").read())
tries("exe", lambda: os.readlink(f"/proc/{pid}/exe"))
tries("cwd", lambda: os.listdir(f"/proc/{pid}/cwd/"))
tries("root", lambda: os.listdir(f"/proc/{pid}/root/"))
def ptrace():
    for request in (16, 0x4206):
        if libc.ptrace(request, pid, 0, 0) == 0: return
    raise OSError()
tries("ptrace", ptrace)
def getfd():
    handle = libc.syscall(434, pid, 0)
    if handle < 0 or libc.syscall(438, handle, 0, 0) < 0: raise OSError()
tries("pidfd_getfd", getfd)
print("done")
"#;

fn as_account(account: &Account, script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", script]).args(arguments).current_dir("/").stdin(Stdio::null());
    let output = command.uid(account.user.uid).gid(account.user.gid).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn working(world: &World) -> (Server, u32) {
    let server = Server::start(Kind::ModCgid, world);
    assert_eq!(put(server.port, &world.access(&world.a), "x", b"x").status, 200);
    let workers = world.workers(&world.a);
    assert_eq!(workers.len(), 1, "{workers:?}");
    (server, workers[0])
}

#[test]
fn it_is_the_account_with_no_more_than_it_needs() {
    needs_root!();
    let world = World::start();
    let (_server, pid) = working(&world);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_ascii_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    let (uid, gid) = (world.a.user.uid, world.a.user.gid);
    assert_eq!(field("Uid:"), format!("{uid} {uid} {uid} {uid}"));
    assert_eq!(field("Gid:"), format!("{gid} {gid} {gid} {gid}"));
    assert_eq!(field("Groups:"), gid.to_string());
    assert_eq!((field("NoNewPrivs:").as_str(), field("Seccomp:").as_str()), ("1", "2"));
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(name), "0000000000000000", "{name}");
    }
    // Nothing of the broker's: neither its store, nor its configuration, nor its sockets but the one between the two.
    let mut sockets = 0;
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let entry = entry.unwrap();
        let target = std::fs::read_link(entry.path()).unwrap();
        let number: u32 = entry.file_name().to_str().unwrap().parse().unwrap();
        let target = target.to_str().unwrap();
        let home = target.starts_with(world.a.user.home.to_str().unwrap());
        sockets += u32::from(target.starts_with("socket:"));
        assert!(
            home || target == "/dev/null" || (number == 0 && target.starts_with("socket:")),
            "{number}: {target}"
        );
    }
    assert_eq!(sockets, 1);
    assert_eq!(std::fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
    assert_eq!(std::fs::read(format!("/proc/{pid}/cmdline")).unwrap(), b"/proc/self/exe\0worker\0");
    assert_eq!(
        std::fs::metadata(format!("/proc/{pid}/mem"))
            .map(|facts| std::os::unix::fs::MetadataExt::uid(&facts))
            .unwrap(),
        0
    );
}

#[test]
fn processes_of_its_own_account_get_nothing_out_of_it() {
    needs_root!();
    let world = World::start();
    let (server, pid) = working(&world);
    assert_eq!(as_account(&world.a, ATTACKER, &[&pid.to_string()]), "done\n");
    assert_eq!(world.workers(&world.a), [pid], "it has survived that");
    // Killing it is the account's right: the next request has another one.
    as_account(&world.a, "import os, sys; os.kill(int(sys.argv[1]), 9)", &[&pid.to_string()]);
    wait_for("the worker's end", || world.workers(&world.a).is_empty());
    wait_for("another worker", || put(server.port, &world.access(&world.a), "y", b"y").status == 200);
    wait_for("the log", || world.log().contains("ended unexpectedly"));
    // One that is stopped keeps nobody else waiting.
    let pid = world.workers(&world.a)[0].to_string();
    as_account(&world.a, "import os, sys; os.kill(int(sys.argv[1]), 19)", &[&pid]);
    assert_eq!(put(server.port, &world.access(&world.b), "y", b"y").status, 200);
    wait_for("its end", || world.workers(&world.a).is_empty());
    let stopped = || world.log().matches("was stopped by somebody").count();
    assert_eq!(stopped(), 1, "{}", world.log());
    // Neither does one that goes on now and then.
    wait_for("another worker", || put(server.port, &world.access(&world.a), "y", b"y").status == 200);
    let pid = world.workers(&world.a)[0].to_string();
    as_account(&world.a, STOPPED_FOR_A_MOMENT, &[&pid]);
    wait_for("its end", || world.workers(&world.a).is_empty());
    assert_eq!(stopped(), 2, "{}", world.log());
}

/// Stops a process and lets it go on when it has stopped: the kernel forgets a stop that comes to nothing. The process may have been killed for it before.
const STOPPED_FOR_A_MOMENT: &str = r#"
import os, sys, time
pid = int(sys.argv[1])
os.kill(pid, 19)
try:
    while open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[0] not in "TXZ": time.sleep(0.001)
    os.kill(pid, 18)
except (FileNotFoundError, ProcessLookupError): pass
"#;

/// A worker that takes one order. Asked for the history, it does much at once, then nothing for longer than it has time for that alone; asked for
/// anything else, it never does anything.
const SLUGGARD: &str = r#"#!/usr/bin/python3
import json, socket, time
s = socket.socket(fileno=0)
def say(**words): s.send(json.dumps(words).encode())
s.recv(65536)
say(id=0, ok={"recovered": []})
order = json.loads(s.recv(65536))
if order["task"]["what"] == "history":
    say(id=order["id"], steps=100_000)
    time.sleep(7)
    say(id=order["id"], ok="done")
    s.recv(65536)
else:
    time.sleep(3600)
"#;

#[test]
fn one_that_does_nothing_is_killed_and_one_that_goes_on_is_not() {
    needs_root!();
    let world = World::start();
    let program = world.path("sluggard");
    // By another process: a file that this one has open for writing cannot be run if a test beside forks at that moment.
    let mut write = Command::new("sh");
    write.args(["-c", r#"printf %s "$1" > "$2" && chmod 755 "$2""#, "sh", SLUGGARD]).arg(&program);
    assert!(write.status().unwrap().success());
    let times = Times { task: Duration::from_secs(6), ..Times::default() };
    std::thread::scope(|scope| {
        for (what, account) in [(Manage::History, &world.a), (Manage::Undo, &world.b)] {
            let program = &program;
            scope.spawn(move || {
                let workers = Workers::with_times(program, times);
                let lease = workers.lease(&of(account, 1)).unwrap();
                let result = lease.call(Task::Manage { what }, &[], Duration::from_secs(300));
                match what {
                    Manage::History => assert_eq!(result.unwrap(), "done"),
                    _ => assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable),
                }
                drop(lease);
                if what == Manage::Undo {
                    // Its place is free again.
                    wait_for("its end", || workers.count() == 0);
                }
            });
        }
    });
}

fn of(account: &Account, state: usize) -> Assignment {
    Assignment {
        state: state.to_string(),
        account: account.user.name.clone(),
        uid: account.user.uid,
        gid: account.user.gid,
        home: account.user.home.clone(),
        document_root: account.root(),
    }
}

#[test]
fn an_account_that_keeps_its_workers_from_starting_keeps_nobody_elses_time() {
    needs_root!();
    let world = World::start();
    let workers = Workers::new(&world.path("panelgate"));
    // It locks what its workers lock, as they do it.
    let mut locks: Vec<_> = (1..5)
        .map(|state| {
            let script =
                "mkdir -p ~/.panelgate/$1 && exec flock ~/.panelgate/$1/lock sh -c 'echo; exec sleep 100'";
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh", &state.to_string()]).env("HOME", &world.a.user.home);
            command.uid(world.a.user.uid).gid(world.a.user.gid).process_group(0).stdout(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut byte = [0];
            std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut byte).unwrap();
            child
        })
        .collect();
    let (time, together) = (Duration::from_secs(5), std::sync::Barrier::new(12));
    let waits: Vec<Duration> = std::thread::scope(|scope| {
        let ask = |state| {
            let (workers, together, assignment) = (&workers, &together, of(&world.a, state));
            scope.spawn(move || {
                together.wait();
                let begin = Instant::now();
                let refused = workers.lease_within(&assignment, time, 2).err().expect("it is locked");
                assert_eq!(refused.kind(), ErrorKind::TooMany, "{refused:?}");
                begin.elapsed()
            })
        };
        let threads: Vec<_> = (0..12).map(|number| ask(1 + number % 4)).collect();
        // Others are served meanwhile.
        assert!(workers.lease(&of(&world.b, 11)).is_ok());
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let waited = waits.iter().filter(|wait| **wait >= time).count();
    assert!(waited <= 2, "{waits:?}");
    for lock in &mut locks {
        let group = format!("-{}", lock.id());
        assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
        lock.wait().unwrap();
    }
    // Nobody has had it yet, however often it was asked for.
    wait_for("its worker", || workers.lease(&of(&world.a, 1)).is_ok_and(|lease| lease.is_new()));
    assert!(workers.finish(Duration::from_secs(180)));
}

#[test]
fn by_hand_it_does_nothing() {
    needs_root!();
    let world = World::start();
    for uid in [0, world.a.user.uid] {
        let mut command = Command::new(world.path("panelgate"));
        let output = command.arg("worker").uid(uid).gid(uid).stdin(Stdio::null()).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(4), 0), "uid {uid}");
    }
    let extra = Command::new(world.path("panelgate")).args(["worker", "x"]).output().unwrap();
    assert_eq!(extra.status.code(), Some(2));
}

#[test]
fn it_ends_with_the_broker_and_finishes_what_it_does() {
    needs_root!();
    let mut world = World::start();
    let (server, _) = working(&world);
    let access = world.access(&world.a);
    // A body that is half there when the broker is told to end.
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let head = format!(
        "POST {}slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: 10\r\n\r\n12345",
        access.path,
        access.header()
    );
    stream.write_all(head.as_bytes()).unwrap();
    wait_for("the first half", || !temporary_files(&world.a.user.home).is_empty());
    world.signal("-TERM");
    // It may well be later that the broker hears of it: the outcome is the same.
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(b"67890").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(world.broker_ends(), Some(0));
    assert_eq!(world.a.read("slow").as_deref(), Some("1234567890"));
    assert!(world.workers(&world.a).is_empty());
    // Without a broker the builder is told so.
    assert_eq!(put(server.port, &access, "y", b"y").status, 503);
}

#[test]
fn a_document_root_that_is_not_the_accounts_is_refused_with_a_reason() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.a);
    let root = world.a.root();
    std::fs::remove_dir(&root).unwrap();
    for (name, target) in
        [("another's", world.b.root()), ("root's", "/etc".into()), ("the home", world.a.user.home.clone())]
    {
        std::os::unix::fs::symlink(&target, &root).unwrap();
        let answer = put(server.port, &access, "x", b"x");
        assert_eq!(answer.status, 403, "{name}: {answer:?}");
        assert!(answer.body.contains("folder"), "{answer:?}");
        std::fs::remove_file(&root).unwrap();
    }
    std::fs::create_dir(&root).unwrap();
    assert_eq!(put(server.port, &access, "x", b"x").status, 403, "it belongs to root");
    world.a.own(&root);
    assert_eq!(put(server.port, &access, "x", b"x").status, 200);
    assert!(world.b.names().is_empty());
}
