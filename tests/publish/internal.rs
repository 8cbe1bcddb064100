//! Publications by archive, from the builder's form to the files of the account.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::common::wait_for;
use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{Access, Account, World, exchange, get};

/// A builder's file server on loopback. A path that begins with `/slow` is answered when the gate is opened.
pub struct Files {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
    archives: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Files {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Self { port, asked: Arc::default(), gate: Arc::default(), archives: Arc::default() };
        let (asked, gate, archives) =
            (Arc::clone(&files.asked), Arc::clone(&files.gate), Arc::clone(&files.archives));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (asked, gate, archives) = (Arc::clone(&asked), Arc::clone(&gate), Arc::clone(&archives));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    let first = lines.next().unwrap().unwrap();
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                    let path = first.split(' ').nth(1).unwrap().to_owned();
                    let archive = archives.lock().unwrap().get(&path).cloned().unwrap_or_default();
                    asked.lock().unwrap().push(path.clone());
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                        archive.len()
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                    let half = archive.len() / 2;
                    stream.write_all(&archive[..half]).unwrap();
                    if path.starts_with("/slow") {
                        let (open, changed) = &*gate;
                        drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
                    }
                    let _ = stream.write_all(&archive[half..]);
                });
            }
        });
        files
    }

    pub fn serve(&self, path: &str, archive: Vec<u8>) -> String {
        self.archives.lock().unwrap().insert(path.to_owned(), archive);
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn open_gate(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }

    pub fn config(&self) -> String {
        format!("download_hosts = 127.0.0.1:{}\n", self.port)
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A site that can be told apart by its number.
fn site(number: u32) -> Vec<u8> {
    let page = format!("page {number}").repeat(5000);
    zip(&[
        ("index.php", format!("<?php // {number}").as_bytes()),
        (".htaccess", b"RewriteEngine On\n"),
        ("sitepro/index.php", page.as_bytes()),
        ("sitepro/css/site.css", b"body{}"),
        (&format!("sitepro/{number}.php"), b"x"),
    ])
}

fn post(port: u16, access: &Access, form: &str) -> Value {
    let bytes = format!(
        "POST {}/zyro/action HTTP/1.1\r\nHost: panel.example\r\nConnection: close\r\n{}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        access.path,
        access.header(),
        form.len()
    );
    let answer = exchange(port, bytes.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

pub fn start(port: u16, access: &Access, url: &str) -> String {
    let answer = post(port, access, &format!("url={url}&hostingPlan=Gold"));
    let id = answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    assert_eq!(answer["result"]["id"].as_str(), Some(id.as_str()));
    assert_eq!(answer.get("error"), None);
    id
}

pub fn state(port: u16, access: &Access, id: &str) -> (String, Option<String>) {
    let answer = get(port, access, &format!("zyro/action/{id}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let value: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(value["status"], value["result"]["status"]);
    let text = |member: &Value| member.as_str().map(str::to_owned);
    (text(&value["status"]).unwrap(), text(&value["result"]["error"]))
}

pub fn end(port: u16, access: &Access, id: &str) -> (String, Option<String>) {
    let limit = Instant::now() + Duration::from_secs(180);
    loop {
        let now = state(port, access, id);
        if ["FINISHED", "FAILED"].contains(&now.0.as_str()) || Instant::now() > limit {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn finished() -> (String, Option<String>) {
    ("FINISHED".into(), None)
}

fn failed(end: (String, Option<String>), words: &str) {
    let (state, text) = end;
    assert_eq!(state, "FAILED");
    let text = text.unwrap();
    assert!(text.contains(words), "{text}");
    assert!(!text.contains('/') && !text.contains("zip"), "{text}");
}

/// What the site's visitors could see: nothing of ours.
fn is_untouched(account: &Account) {
    assert_eq!(account.names(), ["old.html"]);
}

pub fn world(files: &Files) -> (World, Access) {
    let world = World::with(&files.config());
    std::fs::write(world.a.root().join("old.html"), "old").unwrap();
    world.a.own(&world.a.root().join("old.html"));
    let access = world.access(&world.a);
    (world, access)
}

#[test]
fn a_publication_by_archive_ends_in_the_accounts_document_root() {
    needs_root!();
    let files = Files::start();
    let (world, access) = world(&files);
    for (number, kind) in (1..).zip(Server::ALL) {
        let server = Server::start(kind, &world);
        let port = server.port;
        let url = files.serve(&format!("/{number}.zip"), site(number));
        let asked = files.asked();
        let id = start(port, &access, &url);
        assert_eq!(end(port, &access, &id), finished(), "{kind:?}");
        let root = world.a.root();
        assert_eq!(world.a.read("index.php"), Some(format!("<?php // {number}")), "{kind:?}");
        assert_eq!(world.a.read("sitepro/index.php").unwrap().len(), 6 * 5000);
        assert_eq!(world.a.read("old.html").as_deref(), Some("old"));
        for path in ["index.php", ".htaccess", "sitepro/css/site.css"] {
            let facts = std::fs::metadata(root.join(path)).unwrap();
            assert_eq!(
                (facts.uid(), facts.permissions().mode() & 0o7777),
                (world.a.user.uid, 0o644),
                "{path}"
            );
        }
        // The same request again is the same publication, and nothing is fetched again.
        assert_eq!(start(port, &access, &url), id);
        assert_eq!(files.asked(), asked + 1);
    }
    // What only the publication before had is gone, and what nobody published is still there.
    assert_eq!(world.a.read("sitepro/1.php"), None);
    assert_eq!(world.a.read("sitepro/4.php").as_deref(), Some("x"));
    // No worker took more than it may.
    let peak = peak(&world, &world.a);
    assert!(peak <= 24 * 1024, "{peak} kB");
    let names = std::fs::read_dir(world.path("state")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("spool")));
    let log = world.log();
    assert!(
        log.contains(r#"fields \"url\", \"hostingPlan\""#) || log.contains(r#"fields "url", "hostingPlan""#),
        "{log}"
    );
    assert!(!log.contains(&format!("127.0.0.1:{}/1.zip", files.port)), "{log}");
}

#[test]
fn a_refused_request_is_an_answer_that_the_builder_can_show() {
    needs_root!();
    let files = Files::start();
    let (world, access) = world(&files);
    let server = Server::start(Kind::ModCgid, &world);
    let port = server.port;
    let url = files.serve("/1.zip", site(1));
    let refusal = |form: &str| {
        let answer = post(port, &access, form);
        let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(members, ["error"], "{answer}");
        answer["error"].as_str().unwrap().to_owned()
    };
    for form in [
        "a=1".to_owned(),
        String::new(),
        format!("url={url}&domain={}", world.b.site),
        format!("url={url}&resellerClientAccountId=1"),
        "url=https://elsewhere.example/x.zip".into(),
        "url=http://169.254.169.254/latest".into(),
    ] {
        let text = refusal(&form);
        assert!(
            text.len() > 20 && !text.contains("169.254") && !text.contains("download_hosts"),
            "{form}: {text}"
        );
    }
    // What names the site is taken.
    let id = {
        let form = format!("file={url}&domain=WWW.{}", world.a.site.to_uppercase());
        post(port, &access, &form)["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(end(port, &access, &id), finished());
    // Another site's, and one that there is not, have failed; without credentials nobody learns that.
    failed(state(port, &world.access(&world.b), &id), "interrupted");
    failed(state(port, &access, "0123"), "interrupted");
    let wrong = Access { password: "wrong".into(), ..access.clone() };
    assert_eq!(get(port, &wrong, &format!("zyro/action/{id}")).status, 401);
    world.write_account(&world.a, "suspended = yes\n");
    assert!(refusal(&format!("url={url}?again")).contains("suspended"));
}

#[test]
fn a_bad_archive_changes_nothing() {
    needs_root!();
    let files = Files::start();
    let (world, access) = world(&files);
    let server = Server::start(Kind::ModCgi, &world);
    let port = server.port;
    let good = site(1);
    let mut damaged = good.clone();
    let middle = damaged.len() / 4;
    damaged[middle] ^= 0x55;
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("climbs", zip(&[("index.php", b"x"), ("../../escaped", b"x")])),
        ("absolute", zip(&[("/etc/escaped", b"x")])),
        ("ours", zip(&[("index.php", b"x"), (".panelgate/x", b"x")])),
        ("short", good[..good.len() - 30].to_vec()),
        ("damaged", damaged),
        ("html", b"<html>not found</html>".to_vec()),
        ("bomb", zip(&[("zeros", &vec![0; 70 << 20])])),
    ];
    for (name, archive) in hostile {
        let id = start(port, &access, &files.serve(&format!("/{name}"), archive));
        failed(end(port, &access, &id), "files that cannot be used");
        is_untouched(&world.a);
    }
    assert!(!world.a.user.home.join("escaped").exists() && !world.path("home/escaped").exists());
    let id = start(port, &access, &files.serve("/good", good));
    assert_eq!(end(port, &access, &id), finished());
}

#[test]
fn one_runs_one_waits_and_the_third_is_told_so() {
    needs_root!();
    let files = Files::start();
    let (world, access) = world(&files);
    let server = Server::start(Kind::ModCgid, &world);
    let port = server.port;
    let urls = [1, 2, 3].map(|number| files.serve(&format!("/slow{number}"), site(number)));
    let first = start(port, &access, &urls[0]);
    wait_for("the download", || files.asked() == 1);
    let second = start(port, &access, &urls[1]);
    assert_eq!(
        (state(port, &access, &first).0, state(port, &access, &second).0),
        ("EXECUTING".into(), "PENDING".into())
    );
    let third = post(port, &access, &format!("url={}", urls[2]));
    assert!(third["error"].as_str().unwrap().contains("already in progress"), "{third}");
    // Another site does not wait.
    let other = world.access(&world.b);
    let url = files.serve("/b.zip", site(7));
    let id = start(port, &other, &url);
    assert_eq!(end(port, &other, &id), finished());
    is_untouched(&world.a);
    files.open_gate();
    assert_eq!([end(port, &access, &first), end(port, &access, &second)], [finished(), finished()]);
    assert_eq!(world.a.read("index.php").as_deref(), Some("<?php // 2"));
}

#[test]
fn a_suspension_ends_a_publication_and_a_broker_that_was_killed_does_not() {
    needs_root!();
    let files = Files::start();
    let (mut world, access) = world(&files);
    let server = Server::start(Kind::ModCgid, &world);
    let port = server.port;
    let id = start(port, &access, &files.serve("/slow1", site(1)));
    wait_for("the download", || files.asked() == 1);
    world.signal("-KILL");
    world.broker_ends();
    is_untouched(&world.a);
    world.start_broker();
    wait_for("the download again", || files.asked() == 2);
    assert_eq!(state(port, &access, &id).0, "EXECUTING");
    // A broker that is told to end does not wait for the download, and that was no attempt.
    for asked in 3..5 {
        world.signal("-TERM");
        assert_eq!(world.broker_ends(), Some(0));
        world.start_broker();
        wait_for("the download again", || files.asked() == asked);
    }
    files.open_gate();
    assert_eq!(end(port, &access, &id), finished());
    assert_eq!(world.a.read("index.php").as_deref(), Some("<?php // 1"));

    *files.gate.0.lock().unwrap() = false;
    let id = start(port, &access, &files.serve("/slow2", site(2)));
    wait_for("the download", || files.asked() == 5);
    world.write_account(&world.a, "suspended = yes\n");
    files.open_gate();
    failed(end(port, &access, &id), "suspended");
    assert_eq!(world.a.read("index.php").as_deref(), Some("<?php // 1"));

    // What was revoked ends too; whoever has the new credentials hears of it.
    world.write_account(&world.a, "");
    *files.gate.0.lock().unwrap() = false;
    start(port, &access, &files.serve("/slow3", site(3)));
    wait_for("the download", || files.asked() == 6);
    world.remote().call("revoke", None, &serde_json::json!({ "site": world.a.site })).unwrap();
    files.open_gate();
    let log = |text: &str| world.log().contains(text);
    wait_for("the end", || log("was not published: [credentials-rejected]"));
    assert_eq!(world.a.read("index.php").as_deref(), Some("<?php // 1"));
}

/// What the workers of an account have taken at their worst, in kilobytes. The pages of the program itself are not counted, which all workers share, and of
/// which a debug build has many times those of a release.
fn peak(world: &World, account: &Account) -> u64 {
    let peaks = world.workers(account).into_iter().map(|worker| {
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        eprintln!("a worker: {} kB, of which {} kB are the program", number("VmHWM:"), number("RssFile:"));
        number("VmHWM:") - number("RssFile:")
    });
    peaks.max().expect("a worker")
}

#[test]
fn no_archive_makes_a_worker_take_more_than_24_mib() {
    needs_root!();
    let files = Files::start();
    let (world, access) = world(&files);
    let server = Server::start(Kind::ModCgid, &world);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let folder = "d".repeat(80);
    for number in 0..50_000 {
        writer.start_file(format!("sitepro/{}/{folder}{number}", number % 500), options).unwrap();
    }
    let archive = writer.finish().unwrap().into_inner();
    let begin = Instant::now();
    let id = start(server.port, &access, &files.serve("/many", archive));
    let limit = Instant::now() + Duration::from_secs(300);
    let is_open = |state: &str| ["PENDING", "EXECUTING"].contains(&state);
    while is_open(&state(server.port, &access, &id).0) && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(state(server.port, &access, &id), finished());
    // Who takes long says meanwhile that it goes on.
    assert!(begin.elapsed() < Duration::from_secs(10) || world.log().contains("steps so far"));
    let peak = peak(&world, &world.a);
    assert!(peak <= 24 * 1024, "{peak} kB");
}
