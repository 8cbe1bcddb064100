//! Backups of projects that their accounts take away: who gets which file, and what can be done with it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use panelgate::gateway::Remote;
use panelgate::ops::backup::ProjectWish;
use serde_json::{Value, json};

use crate::common::{domain, wait_for};
use crate::needs_root;
use crate::world::{A, B, DEMO, FRONT, PANEL, STRANGER, SUSPENDED, WEB, WITHOUT, World, taken};

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The folder of a site's backups.
fn folder(world: &World, site: &str) -> PathBuf {
    world.path("state/backups").join(site)
}

#[test]
fn accounts_take_their_own_backups_and_no_others() {
    needs_root!();
    let world = World::start();
    let of_a = world.back_up(A, "a.example", b"project of a");
    let of_b = world.back_up(B, "b.example", b"project of b");
    let (name_a, name_b) = (of_a["name"].as_str().unwrap(), of_b["name"].as_str().unwrap());
    for (uid, args, want) in [
        (A, json!({ "site": "a.example" }), "ok"),
        (A, json!({ "site": "a.example", "name": name_a }), "ok"),
        (PANEL, json!({ "account": "pga", "site": "a.example", "name": name_a }), "ok"),
        (0, json!({ "site": "a.example" }), "ok"),
        (B, json!({ "site": "b.example", "name": name_b }), "ok"),
        (A, json!({ "site": "b.example", "name": name_b }), "site-not-found"),
        (A, json!({ "account": "pgb", "site": "b.example", "name": name_b }), "forbidden"),
        (A, json!({ "site": "a.example", "name": name_b }), "backup-not-found"),
        (A, json!({ "site": "a.example", "name": format!("../b.example/{name_b}") }), "backup-not-found"),
        (A, json!({ "site": "a.example", "name": format!("{name_a}.json") }), "backup-not-found"),
        (A, json!({ "site": "a.example", "name": format!("{name_a}\u{0}") }), "backup-not-found"),
        (A, json!({ "site": "a.example", "name": "" }), "backup-not-found"),
        (A, json!({ "site": "a.example", "name": ["x"] }), "bad-request"),
        (A, json!({ "site": "sub.a.example" }), "backup-not-found"),
        (A, json!({ "site": "alias.example" }), "site-alias"),
        (A, json!({ "site": "../a.example" }), "bad-request"),
        (A, json!({}), "invalid-argument"),
        (PANEL, json!({ "account": "pga", "site": "b.example" }), "site-not-found"),
        (PANEL, json!({ "site": "a.example" }), "invalid-argument"),
        (SUSPENDED, json!({ "site": "susp.example" }), "suspended"),
        (DEMO, json!({ "site": "demo.example" }), "demo-account"),
        (WITHOUT, json!({ "site": "without.example" }), "feature-off"),
        (WEB, json!({ "site": "a.example" }), "forbidden"),
        (FRONT, json!({ "site": "a.example" }), "forbidden"),
        (STRANGER, json!({ "site": "a.example" }), "forbidden"),
    ] {
        let (got, said) = world.taken(uid, args.clone());
        assert_eq!(got, want, "uid {uid}: {args}: {said}");
        if want != "ok" {
            assert_eq!((&said["fds"], &said["byte"]), (&json!(0), &json!("")), "uid {uid}: {args}: {said}");
            continue;
        }
        let project: &[u8] = if uid == B { b"project of b" } else { b"project of a" };
        assert_eq!(
            (&said["fds"], &said["byte"], &said["rest"]),
            (&json!(1), &json!("f"), &json!(0)),
            "{said}"
        );
        assert_eq!((&said["regular"], &said["flags"]), (&json!(true), &json!(0)), "a file to read: {said}");
        if uid != 0 {
            assert_eq!(
                (&said["write"], &said["path"]),
                (&json!(false), &json!(false)),
                "not to write: {said}"
            );
        }
        assert_eq!(said["sha256"], sha256(project), "{said}");
        assert_eq!(said["answer"]["ok"]["sha256"], said["sha256"]);
        assert!(!said["answer"].to_string().contains('/'), "no path of this server: {said}");
    }
}

#[test]
fn what_has_changed_since_the_backup_counts_when_it_is_taken() {
    needs_root!();
    let world = World::start();
    world.back_up(A, "a.example", b"project of a");
    let wish = json!({ "site": "a.example" });
    world.edit("var/cpanel/users/pga", "SUSPENDED=0", "SUSPENDED=1");
    assert_eq!(world.taken(A, wish.clone()).0, "suspended");
    world.edit("var/cpanel/users/pga", "SUSPENDED=1", "SUSPENDED=0");
    assert_eq!(world.taken(A, wish.clone()).0, "ok");
    let job = json!({ "job": world.ask(A, "backup-project", wish.clone()).1["job"] });
    assert_eq!(world.ask(A, "backups", job.clone()).0, "ok");
    // The site goes to another account: neither the former owner nor the new one has the backup.
    let moved = world.path("root/var/cpanel/users/pga");
    let before = std::fs::read_to_string(&moved).unwrap();
    world.edit("var/cpanel/users/pga", "STARTDATE=", "STARTDATE=9");
    assert_eq!(world.taken(A, wish.clone()).0, "backup-not-found", "a successor of the same name");
    assert_eq!(world.ask(A, "backups", job.clone()).0, "backup-not-found", "nor what became of its job");
    std::fs::write(&moved, before).unwrap();
    assert_eq!(world.taken(A, wish).0, "ok");
}

#[test]
fn nothing_but_the_file_that_was_written_is_given_out() {
    needs_root!();
    let world = World::start();
    let made = world.back_up(A, "a.example", b"project of a");
    let (name, wish) = (made["name"].as_str().unwrap(), json!({ "site": "a.example" }));
    let file = folder(&world, "a.example").join(name);
    let secret = world.path("secret");
    // Of the size that the manifest says, so that nothing else gives it away.
    std::fs::write(&secret, b"passwords!!!").unwrap();
    let away = world.path("away");
    std::fs::rename(&file, &away).unwrap();
    symlink(&secret, &file).unwrap();
    assert_eq!(world.taken(A, wish.clone()).0, "backup-not-found", "a link");
    std::fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    assert_eq!(world.taken(A, wish.clone()).0, "backup-not-found", "a pipe");
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, b"short").unwrap();
    assert_eq!(world.taken(A, wish.clone()).0, "backup-not-found", "another size");
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(world.taken(A, wish.clone()).0, "ok");
    // The folder itself behind a link.
    let (real, moved) = (folder(&world, "a.example"), world.path("state/elsewhere"));
    std::fs::rename(&real, &moved).unwrap();
    symlink(&moved, &real).unwrap();
    assert_eq!(world.taken(A, wish).0, "backup-not-found", "a folder that is a link");
}

/// As root, on the command line.
fn command(world: &World, arguments: &[&str]) {
    let mut command = Command::new(world.path("panelgate"));
    let output =
        command.arg("--config").arg(world.path("etc/panelgate.ini")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_backup_that_is_removed_breaks_off_and_nobody_keeps_its_room() {
    needs_root!();
    let world = World::start();
    let made = world.back_up(A, "a.example", &vec![7_u8; 3 << 20]);
    let name = made["name"].as_str().unwrap();
    command(&world, &["backup", "create", "a.example", "--fresh"]);
    world.run_jobs();
    let meeting = world.path("meeting");
    std::fs::create_dir(&meeting).unwrap();
    std::os::unix::fs::chown(&meeting, Some(A), Some(A)).unwrap();
    let go = meeting.join("go");
    let wish = json!({ "site": "a.example", "name": name });
    let reader = world.take(A, wish.clone(), Some(&go));
    wait_for("the descriptor", || meeting.join("go.has").exists());
    command(&world, &["backup", "remove", "a.example", "--name", name, "--yes"]);
    assert_eq!(world.taken(A, wish).0, "backup-not-found");
    std::fs::write(&go, "").unwrap();
    let (got, said) = taken(reader);
    assert_eq!((got.as_str(), &said["sha256"]), ("ok", &json!(sha256(b""))), "{said}");
    assert_eq!(world.taken(A, json!({ "site": "a.example" })).0, "ok", "the other one");
}

#[test]
fn an_account_orders_no_more_than_its_share_of_the_disk() {
    needs_root!();
    let world = World::with("[backup]\naccount_limit = 2M");
    world.back_up(A, "a.example", &vec![7_u8; 2 << 20]);
    let wish = |site: &str| json!({ "site": site });
    assert_eq!(world.ask(A, "backup-project", wish("a.example")).0, "no-space");
    world.back_up(B, "b.example", b"project of b");
    assert_eq!(world.ask(B, "backup-project", wish("b.example")).0, "ok");
    assert_eq!(world.ask(A, "backups", wish("a.example")).0, "ok", "what there is can be taken away");
    command(&world, &["backup", "create", "a.example", "--fresh"]);
}

#[test]
fn the_client_takes_the_file_and_knows_a_broker_that_gives_none() {
    needs_root!();
    let world = World::start();
    let made = world.back_up(A, "a.example", b"project of a");
    let wish = || ProjectWish { site: Some(domain("a.example")), ..ProjectWish::default() };
    let taken = world.remote().take_project(&wish(), None).unwrap();
    assert_eq!(made["name"], taken.about.name);
    assert_eq!(std::io::read_to_string(&taken.file).unwrap(), "project of a");
    assert!(rustix::io::fcntl_getfd(&taken.file).unwrap().contains(rustix::io::FdFlags::CLOEXEC));

    // Brokers that are not what they should be.
    let refused = json!({ "v": 1, "error": { "kind": "bad-request", "message": "there is no operation" } });
    let named = json!({ "v": 1, "ok": { "name": "x", "made": 1, "size": 12, "sha256": "0" } });
    for (answer, gift, want) in [
        (&refused, "", "upgrade"),
        (&named, "", "unavailable"),
        (&named, "os.open('/etc/hostname', os.O_RDONLY)", "unavailable"),
        (&named, "os.pipe()[0]", "unavailable"),
        (&named, "os.open('twelve', os.O_RDWR)", "unavailable"),
        (&named, "os.open('twelve', os.O_RDONLY), os.open('twelve', os.O_RDONLY)", "unavailable"),
        (&named, "os.open('twelve', os.O_RDONLY)", "ok"),
    ] {
        let got = false_broker(&world, answer, gift, &wish());
        assert_eq!(got, want, "{answer} {gift}");
    }
}

/// What the client makes of a broker that gives this answer and these descriptors.
fn false_broker(world: &World, answer: &Value, gift: &str, wish: &ProjectWish) -> String {
    let socket = world.path("false.sock");
    std::fs::write(world.path("twelve"), b"twelve bytes").unwrap();
    let script = format!(
        "import os, socket, struct, sys\n\
         s = socket.socket(socket.AF_UNIX); s.bind('false.sock'); s.listen(1)\n\
         c, _ = s.accept(); c.recv(65536)\n\
         body = sys.argv[1].encode()\n\
         c.sendall(struct.pack('>I', len(body)) + body)\n\
         fds = [{gift}]\n\
         if fds: socket.send_fds(c, [b'f'], fds)\n\
         os.unlink('false.sock')\n"
    );
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", &script, &answer.to_string()]).current_dir(world.dir.path());
    let mut child = command.spawn().unwrap();
    wait_for("the false broker", || socket.exists());
    // Bound is not yet listening: who comes too early comes again.
    let mut result = Remote::new(&socket).take_project(wish, None);
    while result.as_ref().is_err_and(|error| error.chain().contains("cannot be reached")) && socket.exists() {
        result = Remote::new(&socket).take_project(wish, None);
    }
    assert!(child.wait().unwrap().success());
    result.map_or_else(|error| error.kind().name().to_owned(), |_| "ok".to_owned())
}

/// What the command line says to an account: exit code, and all that it prints.
fn cli(world: &World, uid: u32, arguments: &[&str]) -> (i32, String) {
    let socket = world.socket();
    let words = [&["--socket", socket.to_str().unwrap(), "backup"], arguments].concat();
    let output = world.as_uid(uid, &world.path("panelgate"), &words, &[]);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn an_account_downloads_on_the_command_line_and_goes_on_where_it_was() {
    needs_root!();
    let world = World::start();
    let project: Vec<u8> = (0..5_000_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    let made = world.back_up(A, "a.example", &project);
    let home = world.path("home-of-a");
    std::fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(A), Some(A)).unwrap();
    let (file, part) = (home.join("a.site"), home.join("a.site.part"));
    let to = ["download", "a.example", "--to", file.to_str().unwrap(), "--json"];
    for (there, resumed) in
        [(None, 0), (Some(&project[..3_000_000]), 3_000_000), (Some(b"of another backup"), 0)]
    {
        if let Some(bytes) = there {
            std::fs::write(&part, bytes).unwrap();
            std::os::unix::fs::chown(&part, Some(A), Some(A)).unwrap();
        }
        let (code, said) = cli(&world, A, &to);
        assert_eq!(code, 0, "{said}");
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&said["resumed"], &said["sha256"]), (&json!(resumed), &made["sha256"]), "{said}");
        assert!(std::fs::read(&file).unwrap() == project && !part.exists());
        let (code, said) = cli(&world, A, &to);
        assert!(code != 0 && said.contains("is not overwritten"), "{said}");
        std::fs::remove_file(&file).unwrap();
    }
    // What is damaged on this server has no name here.
    let kept = folder(&world, "a.example").join(made["name"].as_str().unwrap());
    let mut spoilt = project.clone();
    spoilt[4_000_000] ^= 1;
    std::fs::write(&kept, &spoilt).unwrap();
    let (code, said) = cli(&world, A, &to);
    assert!(code == 81 && said.contains("damaged") && !file.exists(), "{code} {said}");
    let named = home.join("b.site");
    for (uid, words, kind) in [
        (A, vec!["download", "b.example", "--to", named.to_str().unwrap()], "site-not-found"),
        (B, vec!["download", "a.example", "--to", "/tmp/never-made"], "site-not-found"),
        (SUSPENDED, vec!["download", "susp.example", "--to", "/tmp/never-made"], "suspended"),
        (A, vec!["download", "--account", "pga", "--to", named.to_str().unwrap()], "forbidden"),
        (
            A,
            vec!["download", "a.example", "--scope", "hosting", "--to", named.to_str().unwrap()],
            "forbidden",
        ),
        (A, vec!["restore", "a.example", "--name", "x", "--yes"], "forbidden"),
        (A, vec!["prune"], "forbidden"),
        (A, vec!["stop", "1"], "forbidden"),
    ] {
        let (code, said) = cli(&world, uid, &words);
        assert!(code != 0 && said.contains(&format!("[{kind}]")), "uid {uid} {words:?}: {said}");
    }
    assert!(!named.exists() && !std::path::Path::new("/tmp/never-made").exists());
    let (code, said) = cli(&world, A, &["create", "a.example", "--scope", "bogus"]);
    assert!(code == 2 && said.contains("one of: all, hosting, mail, configuration, project"), "{said}");
}

#[test]
fn the_page_gives_a_large_backup_out_without_holding_it() {
    needs_root!();
    let world = World::start();
    let project: Vec<u8> = (0..48_000_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    let made = world.back_up(A, "a.example", &project);
    let view = world.click(A, "backups=a.example");
    assert!(view.contains("name=\"token\"") && view.contains(made["name"].as_str().unwrap()), "{view}");
    assert!(world.click(B, "backups=a.example").starts_with("Status: 404"));
    // The peak of what the program had in memory, as the kernel counts it.
    let script = "import hashlib, json, resource, subprocess, sys\n\
        run = subprocess.Popen([sys.argv[1]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)\n\
        data = run.stdout.read(); run.wait()\n\
        head, body = data.split(b'\\r\\n\\r\\n', 1)\n\
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n\
        print(json.dumps([head.decode(), hashlib.sha256(body).hexdigest(), peak]))";
    let page = world.page(A);
    let query = format!("backups=a.example&backup={}", made["name"].as_str().unwrap());
    let variables =
        [("GATEWAY_INTERFACE", "CGI/1.1"), ("REQUEST_METHOD", "GET"), ("QUERY_STRING", query.as_str())];
    let words = ["-c", script, page.to_str().unwrap()];
    let output = world.as_uid(A, std::path::Path::new("/usr/bin/python3"), &words, &variables);
    let said: Value = serde_json::from_slice(&output.stdout).expect("an answer");
    assert!(said[0].as_str().unwrap().starts_with("Status: 200 OK"), "{said}");
    assert_eq!(said[1], made["sha256"]);
    let peak = said[2].as_u64().unwrap();
    assert!(peak < 40_000, "{peak} KiB for a file of 47,000 KiB");
}

/// Asks for a backup so many times and takes none; says how many answers came, and holds the connections until its input ends.
const HOLDER: &str = r#"
import select, socket, struct, sys
body, held, answers = sys.argv[2].encode(), [], 0
for _ in range(int(sys.argv[3])):
    s = socket.socket(socket.AF_UNIX)
    held.append(s)
    s.settimeout(120)
    try:
        s.connect(sys.argv[1])
        s.sendall(struct.pack(">I", len(body)) + body)
        head = s.recv(4)
        if len(head) == 4 and b'"ok"' in s.recv(struct.unpack(">I", head)[0]):
            answers += 1
            # The descriptor is there. Saying that nobody listens any more does not take it.
            select.select([s], [], [], 120)
            s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
print(answers, flush=True)
sys.stdin.read()
"#;

#[test]
fn files_that_nobody_takes_count_as_their_accounts_connections() {
    needs_root!();
    let world = World::start();
    world.back_up(A, "a.example", b"project of a");
    world.back_up(B, "b.example", b"project of b");
    let wish = json!({ "site": "a.example" });
    let request = json!({ "v": 1, "op": "download-project", "args": wish }).to_string();
    let mut holder = Command::new("/usr/bin/python3");
    holder.args(["-c", HOLDER]).arg(world.socket()).arg(request).arg("20").env_clear().current_dir("/");
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).uid(A).gid(A).spawn().unwrap();
    let mut answers = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut answers).unwrap();
    assert_eq!(answers.trim(), "16", "CONNECTIONS_PER_ACCOUNT");
    assert_ne!(world.taken(A, wish.clone()).0, "ok");
    assert_eq!(world.taken(B, json!({ "site": "b.example" })).0, "ok", "others are served");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    wait_for("its places", || world.taken(A, wish.clone()).0 == "ok");
}
