//! Publications by archive whose worker or broker is killed in the middle, by chance or on purpose, while visitors read the site.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::wait_for;
use crate::files::{json, publish, temporary_files};
use crate::internal::{self, Files, zip};
use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{World, exchange};

/// How often something is killed, if the environment does not say how often.
fn kills() -> u32 {
    std::env::var("PANELGATE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// The files of a publication. Each says its number all through, each publication has another count of them, and one that no other has.
fn numbered(number: u32) -> BTreeMap<String, Vec<u8>> {
    let line = format!("publication {number}\n");
    let mut all: BTreeMap<String, Vec<u8>> = (0..150 + number % 3)
        .map(|file| (format!("sitepro/{}/{file}.css", file % 7), line.repeat(200).into_bytes()))
        .collect();
    all.insert("sitepro/page.html".into(), line.repeat(10_000).into_bytes());
    all.insert("index.html".into(), line.repeat(10).into_bytes());
    all.insert(format!("sitepro/only/{number}.css"), line.clone().into_bytes());
    all.insert(format!("only{number}.txt"), line.into_bytes());
    all
}

fn archive(number: u32) -> Vec<u8> {
    let all = numbered(number);
    let all: Vec<(&str, &[u8])> = all.iter().map(|(name, body)| (name.as_str(), body.as_slice())).collect();
    zip(&all)
}

/// The number that a text says all through.
fn number_of(text: &str) -> u32 {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    assert!(text == first.repeat(text.len() / first.len().max(1)), "a mixed response");
    first.strip_prefix("publication ").and_then(|number| number.trim_end().parse().ok()).expect("a number")
}

/// All files below a folder.
fn tree(top: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A moment that nobody chose.
fn by_chance(within: Duration) -> Duration {
    let bytes = panelgate::sys::random::bytes::<4>();
    within.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

/// Nothing of a publication that was broken off is left beside the site.
fn is_tidy(world: &World) {
    assert_eq!(temporary_files(&world.a.user.home), Vec::<String>::new());
    for site in std::fs::read_dir(world.a.user.home.join(".panelgate")).unwrap() {
        let site = site.unwrap().path();
        for name in ["open", "staging", "damaged"] {
            assert!(!site.join(name).exists(), "{name} is left");
        }
        assert!(std::fs::read_dir(site.join("tmp")).unwrap().next().is_none(), "temporary files are left");
    }
    let spooled = std::fs::read_dir(world.path("state")).unwrap();
    assert!(
        spooled.into_iter().all(|entry| !entry.unwrap().file_name().to_string_lossy().contains("spool")),
        "an archive is left"
    );
}

/// Which publication the site is, after looking at all of it. Whoever looks lets a worker recover first.
fn published(world: &World, of: &[u32]) -> u32 {
    let status = json(&publish(world, true, &["status", &world.a.site, "--json"]));
    let found = tree(&world.a.root());
    let number = number_of(std::str::from_utf8(&found["sitepro/page.html"]).unwrap());
    assert!(of.contains(&number), "the site is publication {number}, not one of {of:?}");
    let want = numbered(number);
    let differ: Vec<&String> =
        want.keys().chain(found.keys()).filter(|name| want.get(*name) != found.get(*name)).collect();
    assert!(differ.is_empty(), "the site is not publication {number} alone: {differ:?}");
    assert_eq!(status["window"], serde_json::Value::Null, "{status}");
    assert_eq!(status["files"], want.len(), "{status}");
    assert_eq!(status["bytes"], want.values().map(Vec::len).sum::<usize>(), "{status}");
    is_tidy(world);
    number
}

#[test]
fn every_response_is_of_one_publication_whoever_is_killed_and_whenever() {
    needs_root!();
    let files = Files::start();
    let mut world = World::with(&files.config());
    let access = world.access(&world.a);
    let endpoint = Server::start(Kind::ModCgid, &world);
    let visitors = Server::of_site(&world.a.root());
    let port = endpoint.port;
    let begin = Instant::now();
    let id = internal::start(port, &access, &files.serve("/0", archive(0)));
    assert_eq!(internal::end(port, &access, &id), internal::finished());
    let usual = begin.elapsed();
    assert_eq!(published(&world, &[0]), 0);

    let (over, responses) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut stands, mut workers, mut brokers, mut ends) = (0, 0, 0, BTreeMap::<String, u32>::new());
    let world = &mut world;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut newest = 0;
            while !over.load(Ordering::Relaxed) {
                let get = b"GET /sitepro/page.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                let answer = exchange(visitors.port, get);
                assert_eq!(answer.status, 200, "after publication {newest}: {}", answer.head);
                assert!(answer.head.contains(&format!("Content-Length: {}", answer.body.len())), "cut short");
                newest = number_of(&answer.body);
                responses.fetch_add(1, Ordering::Relaxed);
                // Some hundred a second look on, and leave the machine to those who are looked at.
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        // The reader must end whatever is found here.
        let end = Ends(&over);
        for number in 1..=kills() {
            let read = responses.load(Ordering::Relaxed);
            let id = internal::start(port, &access, &files.serve(&format!("/{number}"), archive(number)));
            std::thread::sleep(by_chance(usual));
            if number % 2 == 0 {
                world.signal("-KILL");
                world.broker_ends();
                world.start_broker();
                brokers += 1;
            } else {
                for worker in world.workers(&world.a) {
                    let killed = Command::new("kill").args(["-9", &worker.to_string()]).status().unwrap();
                    workers += u32::from(killed.success());
                }
            }
            let (state, reason) = internal::end(port, &access, &id);
            match state.as_str() {
                "FINISHED" => stands = published(world, &[number]),
                "FAILED" => {
                    assert!(reason.is_some_and(|text| text.len() > 20), "no reason for {number}");
                    stands = published(world, &[stands, number]);
                }
                state => panic!("publication {number} is {state} for ever"),
            }
            *ends.entry(state).or_default() += 1;
            wait_for("a response", || responses.load(Ordering::Relaxed) > read || reader.is_finished());
            assert!(!reader.is_finished(), "the reader has ended");
        }
        drop(end);
        reader.join().unwrap();
    });
    let responses = responses.into_inner();
    eprintln!("killed: {workers} workers, {brokers} brokers; ends: {ends:?}; {responses} responses");
    assert!(workers >= kills() / 4 && brokers >= kills() / 4);
    assert!(ends.contains_key("FINISHED"), "{ends:?}");
    assert_eq!(stands, published(world, &[stands]));
}

/// Says that it is over, also when something panics.
pub struct Ends<'a>(pub &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An archive whose unpacking takes a while.
fn long() -> Vec<u8> {
    let names: Vec<String> = (0..30_000).map(|file| format!("sitepro/{}/{file}.css", file % 300)).collect();
    let mut all: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"new"[..])).collect();
    all.insert(0, ("sitepro/page.html", b"new"));
    zip(&all)
}

/// How many folders of an archive have been unpacked beside the site.
fn unpacked(world: &World) -> usize {
    let count = |path: &Path| std::fs::read_dir(path).map_or(0, |entries| entries.flatten().count());
    let Ok(sites) = std::fs::read_dir(world.a.user.home.join(".panelgate")) else { return 0 };
    sites.flatten().map(|site| count(&site.path().join("staging/sitepro"))).sum()
}

#[test]
fn suspension_and_revoking_end_an_unpacking_and_the_old_site_stands() {
    needs_root!();
    let files = Files::start();
    let world = World::with(&files.config());
    let endpoint = Server::start(Kind::ModCgid, &world);
    let port = endpoint.port;
    let long = long();
    let id = internal::start(port, &world.access(&world.a), &files.serve("/0", archive(0)));
    assert_eq!(internal::end(port, &world.access(&world.a), &id), internal::finished());
    let log = |text: &str| world.log().matches(text).count();
    for (what, reason) in [("suspended", "[suspended]"), ("revoked", "[credentials-rejected]")] {
        let old = world.workers(&world.a);
        let url = files.serve(&format!("/{what}"), long.clone());
        let id = internal::start(port, &world.access(&world.a), &url);
        wait_for("the unpacking", || unpacked(&world) > 10);
        let workers = world.workers(&world.a);
        assert_eq!(workers.len(), 1, "{workers:?} after {old:?}");
        let begin = Instant::now();
        if what == "suspended" {
            world.write_account(&world.a, "suspended = yes\n");
        }
        // Revoking looks at all workers at once, whose ever it is; otherwise the broker looks every few seconds.
        let site = if what == "suspended" { &world.b.site } else { &world.a.site };
        world.remote().call("revoke", None, &serde_json::json!({ "site": site })).unwrap();
        wait_for("the worker's end", || world.workers(&world.a).is_empty());
        eprintln!("{what}: the worker ended after {:?}", begin.elapsed());
        let text = format!("was not published: {reason}");
        wait_for("the publication's end", || log(&text) == 1);
        if what == "suspended" {
            let (state, text) = internal::state(port, &world.access(&world.a), &id);
            assert_eq!(state, "FAILED");
            assert!(text.is_some_and(|text| text.contains("suspended")));
            world.write_account(&world.a, "");
        }
        assert_eq!(tree(&world.a.root()).len(), numbered(0).len(), "{what}");
        // What was unpacked goes with the next worker.
        assert_eq!(published(&world, &[0]), 0, "{what}");
    }
}
