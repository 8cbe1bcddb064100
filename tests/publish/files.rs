//! What the builder's requests do to files.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use panelgate::publish::worker::{Assignment, Manage, Task};
use panelgate::publish::workers::{Times, Workers};
use serde_json::Value;

use crate::common::wait_for;
use crate::disks::Mounted;
use crate::killed::Ends;
use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{World, get, put};

/// Temporary files below a home.
pub fn temporary_files(home: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false if entry.file_name().to_string_lossy().ends_with(".tmp") => {
                    found.push(entry.path().display().to_string());
                }
                false => {}
            }
        }
    }
    found
}

#[test]
fn odd_cases_end_as_the_builder_expects() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let (access, root, port) = (world.access(&world.a), world.a.root(), server.port);
    let own = |path: &Path| world.a.own(path);
    // What is there already, of the account's own and of somebody else's.
    std::fs::create_dir(root.join("old")).unwrap();
    std::fs::write(root.join("old/kept.txt"), "kept").unwrap();
    std::fs::write(world.a.user.home.join("linked"), "linked").unwrap();
    std::fs::hard_link(world.a.user.home.join("linked"), root.join("hard")).unwrap();
    for path in ["old", "old/kept.txt", "hard"] {
        own(&root.join(path));
    }
    symlink("/etc", root.join("etc")).unwrap();
    symlink(world.b.root(), root.join("b")).unwrap();
    own(&root.join("etc"));
    let fifo = root.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    own(&fifo);
    for (method, path, want) in [
        ("put", "old", 403),
        ("put", "old/kept.txt/x", 403),
        ("put", "etc/x", 403),
        ("put", "b/x", 403),
        ("put", "fifo", 403),
        ("put", "hard", 200),
        ("put", ".htaccess", 200),
        ("put", ".well-known/x", 200),
        ("put", "ünïcode/日本.txt", 200),
        ("get", "old?delete=1", 403),
        ("get", "etc?list=1", 403),
        ("get", "b?list=1", 403),
        ("get", "etc/passwd?delete=1", 403),
        ("get", "old/kept.txt?mkDir=1", 403),
        ("get", "old/kept.txt?list=1", 403),
        ("get", "old?mkDir=1", 200),
        ("get", "new/deep/folder?mkDir=1", 200),
        ("get", "none/at/all?list=1", 200),
        ("get", "none/at/all?delete=1", 200),
    ] {
        let path: String = path
            .bytes()
            .map(|byte| match byte {
                0x80.. => format!("%{byte:02X}"),
                _ => char::from(byte).to_string(),
            })
            .collect();
        let answer =
            if method == "put" { put(port, &access, &path, b"new") } else { get(port, &access, &path) };
        assert_eq!(answer.status, want, "{method} {path}: {answer:?}");
        let plain =
            !answer.body.contains("/home") && !answer.body.contains(world.dir.path().to_str().unwrap());
        assert!(plain, "{method} {path}: {answer:?}");
    }
    assert_eq!(
        std::fs::read_to_string(world.a.user.home.join("linked")).unwrap(),
        "linked",
        "the other name"
    );
    assert_eq!(world.a.read("old/kept.txt").as_deref(), Some("kept"));
    assert_eq!(world.a.read("ünïcode/日本.txt").as_deref(), Some("new"));
    assert!(world.b.names().is_empty());
    let list: Value = serde_json::from_str(&get(port, &access, "?list=1").body).unwrap();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    for name in [".htaccess", ".well-known", "hard", "new", "old", "ünïcode"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|name| ["etc", "b", ".panelgate"].contains(name)), "{names:?}");
    // Everything that was written belongs to the account, with plain modes.
    for (path, mode) in [("hard", 0o644), (".htaccess", 0o644), ("new", 0o755), ("ünïcode", 0o755)] {
        let facts = std::fs::symlink_metadata(root.join(path)).unwrap();
        assert_eq!(
            (facts.uid(), facts.gid(), facts.mode() & 0o7777),
            (world.a.user.uid, world.a.user.gid, mode),
            "{path}"
        );
    }
    assert_eq!(std::fs::metadata(world.a.user.home.join(".panelgate")).unwrap().mode() & 0o7777, 0o700);
    // What the customer wrote between the builder's marks survives the builder's next file.
    let marked = |inside: &str| {
        format!(
            "Options -Indexes\n# START PERSISTENT CONTENT\n{inside}# END PERSISTENT CONTENT\nRewriteEngine On\n"
        )
    };
    assert_eq!(put(port, &access, ".htaccess", marked("").as_bytes()).status, 200);
    std::fs::write(root.join(".htaccess"), marked("Redirect /a /b\n")).unwrap();
    assert_eq!(put(port, &access, ".htaccess", marked("").as_bytes()).status, 200);
    assert_eq!(world.a.read(".htaccess"), Some(marked("Redirect /a /b\n")));
}

#[test]
fn a_put_that_breaks_off_changes_nothing() {
    needs_root!();
    let world = World::start();
    let access = world.access(&world.a);
    for kind in Server::ALL {
        let server = Server::start(kind, &world);
        assert_eq!(put(server.port, &access, "file", b"whole").status, 200, "{kind:?}");
        for sent in [0, 1, 70_000] {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            let head = format!(
                "POST {}file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: 100000\r\n\r\n",
                access.path,
                access.header()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&vec![b'x'; sent]).unwrap();
            std::thread::sleep(Duration::from_millis(100));
            if sent == 1 {
                // It goes on listening.
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let mut answer = String::new();
                let _ = stream.read_to_string(&mut answer);
                assert!(!answer.starts_with("HTTP/1.1 200"), "{kind:?}: {answer}");
            }
        }
        wait_for("the end of the halves", || temporary_files(&world.a.user.home).is_empty());
        assert_eq!(world.a.read("file").as_deref(), Some("whole"), "{kind:?}");
    }
}

#[test]
fn many_puts_at_once_arrive_whole_and_a_large_one_in_little_memory() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let (access, port) = (world.access(&world.a), server.port);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let access = &access;
            scope.spawn(move || {
                for number in 0..12 {
                    let body = format!("{thread} {number} ").repeat(5000);
                    let answer = put(port, access, &format!("d{number}/f{thread}"), body.as_bytes());
                    assert_eq!(answer.status, 200, "{thread} {number}: {answer:?}");
                }
            });
        }
    });
    for thread in 0..8 {
        for number in 0..12 {
            let want = format!("{thread} {number} ").repeat(5000);
            assert!(
                world.a.read(&format!("d{number}/f{thread}")).as_deref() == Some(&want),
                "{thread} {number}"
            );
        }
    }
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = 96 * 1024 * 1024_usize;
    let before = peak(&world);
    let head = format!(
        "POST {}large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: {length}\r\n\r\n",
        access.path,
        access.header()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let part = vec![b'x'; 1024 * 1024];
    for _ in 0..length / part.len() {
        stream.write_all(&part).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(std::fs::metadata(world.a.root().join("large")).unwrap().len(), length as u64);
    // The kernel counts roughly: it may even have gone down.
    let grown = peak(&world).saturating_sub(before);
    assert!(grown < 4 * 1024, "the worker's peak grew by {grown} KiB");
}

/// The most memory that the worker of account A has had, in KiB.
fn peak(world: &World) -> u64 {
    let workers = world.workers(&world.a);
    let status = std::fs::read_to_string(format!("/proc/{}/status", workers[0])).unwrap();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap()
}

#[test]
fn a_full_disk_is_told_and_the_old_site_stays() {
    needs_root!();
    let world = World::start();
    let home = &world.a.user.home;
    let mounted = Mounted::tmpfs(home, "size=1m");
    world.a.own(home);
    std::fs::create_dir(world.a.root()).unwrap();
    world.a.own(&world.a.root());
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.a);
    assert_eq!(put(server.port, &access, "file", b"old").status, 200);
    let answer = put(server.port, &access, "file", &vec![b'x'; 2_000_000]);
    assert_eq!(answer.status, 507, "{answer:?}");
    assert!(answer.body.contains("full"), "{answer:?}");
    assert_eq!(world.a.read("file").as_deref(), Some("old"));
    assert_eq!(put(server.port, &access, "file", b"new").status, 200, "room is free again");
    assert_eq!(temporary_files(home), Vec::<String>::new());
    world.remote().call("revoke", None, &serde_json::json!({ "site": world.a.site })).unwrap();
    drop(server);
    drop(mounted);
}

/// `panelgate publish` as root, by the broker or without it.
pub fn publish(world: &World, by_broker: bool, arguments: &[&str]) -> Output {
    let mut command = Command::new(world.path("panelgate"));
    command.env_clear();
    match by_broker {
        true => command.arg("--socket").arg(world.socket()),
        false => command.arg("--config").arg(world.path("etc/panelgate.ini")),
    };
    command.arg("publish").args(arguments).output().unwrap()
}

pub fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_was_published_can_be_seen_and_taken_back() {
    needs_root!();
    let mut world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let (access, site) = (world.access(&world.a), world.a.site.clone());
    let nothing = publish(&world, true, &["undo", &site]);
    assert_eq!(nothing.status.code(), Some(61), "{}", String::from_utf8_lossy(&nothing.stderr));
    for (path, body) in [("index.html", "the panel's own page"), ("mine.txt", "mine")] {
        std::fs::write(world.a.root().join(path), body).unwrap();
        world.a.own(&world.a.root().join(path));
    }
    for path in ["index.php", "sitepro/a.php", "sitepro/css/site.css"] {
        assert_eq!(put(server.port, &access, path, b"first").status, 200);
    }
    // A publication under way is seen through the broker, which has its worker.
    let status = json(&publish(&world, true, &["status", &site, "--json"]));
    assert!(status["window"].as_u64().is_some_and(|touched| touched >= 3), "{status}");
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));
    // Closed: now without a broker.
    let status = json(&publish(&world, false, &["status", &site, "--json"]));
    assert_eq!(
        (&status["published"], &status["window"], &status["can_undo"]),
        (&true.into(), &Value::Null, &true.into()),
        "{status}"
    );
    world.start_broker();
    assert_eq!(put(server.port, &access, "index.php", b"second").status, 200);
    // Undone while it is under way.
    let undone = json(&publish(&world, true, &["undo", &site, "--json"]));
    assert_eq!(undone["restored"], 1, "{undone}");
    assert_eq!(world.a.read("index.php").as_deref(), Some("first"));
    let history = json(&publish(&world, true, &["history", &site, "--json"]));
    let kinds: Vec<&str> =
        history.as_array().unwrap().iter().map(|past| past["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["http", "http", "undo"], "{history}");
    let people = publish(&world, true, &["history", &site]);
    assert!(String::from_utf8(people.stdout).unwrap().contains("COMPLETE (UTC)"));
    // A suspended account's site can be taken back by root, who is not watched for it.
    world.write_account(&world.a, "suspended = yes");
    wait_for("the worker's end", || world.workers(&world.a).is_empty());
    let text = String::from_utf8(publish(&world, true, &["unpublish", &site]).stdout).unwrap();
    assert!(text.contains("files were removed"), "{text}");
    assert_eq!(world.a.read("index.html").as_deref(), Some("the panel's own page"));
    assert_eq!(world.a.names(), ["index.html", "mine.txt"]);
    let audit = world.remote().call("audit", None, &serde_json::json!({})).unwrap().to_string();
    for what in ["\"publish\"", "\"unpublish\"", "from 127.0.0.1"] {
        assert!(audit.contains(what), "{what}: {audit}");
    }
    // Others may look at their own, and at nothing else.
    world.write_account(&world.a, "");
    let look = |uid: u32, what: &str| {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(world.path("panelgate"));
        command.env_clear().arg("--socket").arg(world.socket()).args(["publish", what, &site]);
        command.uid(uid).gid(uid).output().unwrap().status.code()
    };
    let (a, b) = (world.a.user.uid, world.b.user.uid);
    assert_eq!(
        [look(a, "status"), look(a, "undo"), look(b, "status"), look(30_000, "status")],
        [Some(0), Some(4), Some(12), Some(4)]
    );
}

#[test]
fn a_quiet_worker_closes_the_publication_and_a_killed_broker_loses_nothing() {
    needs_root!();
    let mut world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.a);
    assert_eq!(put(server.port, &access, "a", b"1").status, 200);
    world.signal("-KILL");
    world.broker_ends();
    wait_for("the orphan's end", || world.workers(&world.a).is_empty());
    world.start_broker();
    assert_eq!(put(server.port, &access, "b", b"2").status, 200);
    assert_eq!((world.a.read("a").as_deref(), world.a.read("b").as_deref()), (Some("1"), Some("2")));
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));

    // The table itself, with a short time of quiet.
    let times = Times { quiet: Duration::from_millis(600), ..Times::default() };
    let workers = Workers::with_times(&world.path("panelgate"), times);
    let assignment = Assignment {
        state: "1".into(),
        account: world.a.user.name.clone(),
        uid: world.a.user.uid,
        gid: world.a.user.gid,
        home: world.a.user.home.clone(),
        document_root: world.a.root(),
    };
    let lease = workers.lease(&assignment).unwrap();
    assert!(lease.is_new() && !workers.lease(&assignment).unwrap().is_new());
    let time = Duration::from_secs(180);
    let status = lease.call(Task::Manage { what: Manage::Status }, &[], time).unwrap();
    assert_eq!(status["published"], false);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(workers.count(), 1, "a lease keeps it");
    drop(lease);
    wait_for("the end after the quiet", || workers.count() == 0);
    assert!(world.workers(&world.a).is_empty());
    // Four sites of an account at once, and no fifth; one that is quiet makes room.
    let of = |state: usize| Assignment { state: state.to_string(), ..assignment.clone() };
    let leases: Vec<_> = (1..5).map(|state| workers.lease(&of(state)).unwrap()).collect();
    let refused = workers.lease(&of(5)).err().unwrap();
    assert_eq!(refused.kind(), panelgate::error::ErrorKind::TooMany);
    drop(leases);
    wait_for("room", || workers.lease(&of(5)).is_ok());
    assert!(workers.finish(time) && workers.count() == 0);
}

#[test]
fn workers_killed_in_the_middle_leave_every_file_whole() {
    needs_root!();
    let mut world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let (access, port) = (world.access(&world.a), server.port);
    let body = |file: usize, round: usize| format!("{file} {round};").repeat(4000);
    let over = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut killed = 0;
            while !over.load(order) {
                // Not in step with anything.
                let pause =
                    20 + u64::from(std::time::Instant::now().elapsed().subsec_nanos()) % 7 + killed * 13 % 60;
                std::thread::sleep(Duration::from_millis(pause));
                for worker in world.workers(&world.a) {
                    killed += u64::from(
                        Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap().success(),
                    );
                }
            }
            killed
        });
        // The killer must end whatever is found here.
        let end = Ends(&over);
        for round in 0..12 {
            let putters: Vec<_> = (0..4)
                .map(|file| {
                    let (access, body) = (&access, &body);
                    scope.spawn(move || {
                        put(port, access, &format!("f{file}"), body(file, round).as_bytes()).status
                    })
                })
                .collect();
            for (file, putter) in putters.into_iter().enumerate() {
                let status = putter.join().unwrap();
                // Whole, of this round or an earlier one; of this round if that was said.
                let now = world.a.read(&format!("f{file}"));
                let fits = (0..=round).rev().find(|round| now.as_deref() == Some(&body(file, *round)));
                assert!(fits.is_some() || now.is_none(), "f{file} is no file that was put: {status}");
                assert!(
                    status != 200 || fits == Some(round),
                    "f{file} was acknowledged in round {round}, and is of {fits:?}"
                );
            }
        }
        drop(end);
        assert!(killer.join().unwrap() >= 3, "too few were killed");
    });
    for file in 0..4 {
        wait_for("a put", || {
            put(port, &access, &format!("f{file}"), body(file, 99).as_bytes()).status == 200
        });
    }
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));
    assert_eq!(temporary_files(&world.a.user.home), Vec::<String>::new());
    let status = json(&publish(&world, false, &["status", &world.a.site, "--json"]));
    assert_eq!((&status["files"], &status["window"]), (&4.into(), &Value::Null), "{status}");
    assert_eq!(world.a.names(), ["f0", "f1", "f2", "f3"]);
}

#[test]
fn a_hook_that_tells_of_a_suspension_ends_the_publication_at_once() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.a);
    assert_eq!(put(server.port, &access, "file", b"first").status, 200);
    assert_eq!(world.workers(&world.a).len(), 1);
    // What a hook's configuration says, which is the broker's with its socket.
    let config = std::fs::read_to_string(world.path("etc/panelgate.ini")).unwrap();
    let told = world.path("etc/told.ini");
    std::fs::write(&told, format!("{config}socket = {}\n", world.socket().display())).unwrap();
    crate::common::chmod(&told, 0o600);
    // Even before the panel's data say so: the credentials end, and with them the publication.
    let mut command = Command::new(world.path("panelgate"));
    command.env_clear().arg("--config").arg(&told).args([
        "event",
        "plain",
        "--event",
        "suspend",
        "--account",
    ]);
    let output = command.arg(&world.a.user.name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    crate::common::wait_for("the worker's end", || world.workers(&world.a).is_empty());
    assert_eq!(put(server.port, &access, "file", b"second").status, 401);
    assert_eq!(world.a.read("file").as_deref(), Some("first"));
}
