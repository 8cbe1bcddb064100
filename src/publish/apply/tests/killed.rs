//! Workers that are killed while they publish archives, and a reader that looks on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::publish::confine::tests::Ends;
use crate::publish::journal::tests::killed::{Killed, done_once, open_at, rounds, victim};

/// Many files that all say the same number.
fn numbered(number: u64) -> Vec<(String, String)> {
    let mut all: Vec<_> =
        (0..60).map(|file| (format!("sitepro/{}/{file}.php", file % 7), format!("{number}"))).collect();
    all.push(("sitepro/index.php".into(), format!("{number}")));
    all.push(("index.php".into(), format!("{number}")));
    // Every publication has files that the next one has not.
    all.push((format!("sitepro/only/{number}.php"), format!("{number}")));
    all.push((format!("only{number}.txt"), format!("{number}")));
    all
}

fn publish_number(site: &mut Site, number: u64, may_swap: bool) -> Outcome<Applied> {
    let all = numbered(number);
    publish(site, Memory::new(all.iter().map(|(name, text)| (name.as_str(), text.as_str()))), may_swap)
}

/// What one response is built from: the builder's folder as it is when the response begins.
fn read_folder(web: &Path) -> Vec<String> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(rustix::fs::CWD, web.join("sitepro"), flags, Mode::empty()).unwrap();
    let names = ["index.php", "0/0.php", "3/3.php", "5/54.php", "3/59.php"];
    let read = |name: &&str| {
        let file = rustix::fs::openat(&folder, *name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        // The folder of a publication that is over may be swept while a slow response is still built from it.
        let mut text = String::new();
        std::fs::File::from(file.ok()?).read_to_string(&mut text).ok().map(|_| text)
    };
    names.iter().filter_map(read).collect()
}

#[test]
fn no_response_mixes_two_publications_whenever_the_worker_is_killed() {
    if let Some(home) = victim() {
        let mut site = open_at(&home);
        let start = site.history().unwrap().last().map_or(0, |past| past.number);
        for number in start + 1.. {
            publish_number(&mut site, number, true).unwrap();
            if number % 5 == 0 {
                site.undo().unwrap();
            }
            done_once();
        }
    }
    let test =
        "publish::apply::tests::killed::no_response_mixes_two_publications_whenever_the_worker_is_killed";
    let home = Home::new();
    let mut site = home.open();
    publish_number(&mut site, 0, true).unwrap();
    drop(site);
    let killed = Killed::new(test, &Home::new());
    let (over, responses) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut recovered = Vec::new();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let parts = read_folder(&home.web(""));
                assert!(parts.windows(2).all(|pair| pair[0] == pair[1]), "a mixed response: {parts:?}");
                responses.fetch_add(1, Ordering::Relaxed);
            }
        });
        // The reader must end whatever is found here.
        let _end = Ends(&over);
        for round in 0..rounds(200) {
            let begin = (Instant::now(), responses.load(Ordering::Relaxed));
            killed.at_random(home.dir.path());
            let site = open_at(home.dir.path());
            recovered.extend_from_slice(site.recovered());
            assert_consistent(&home, &site, round);
            // However slow the machine is: somebody has looked on.
            while responses.load(Ordering::Relaxed) == begin.1 && !reader.is_finished() {
                assert!(begin.0.elapsed() < Duration::from_secs(60), "nobody reads");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let count = |wanted: fn(&Recovery) -> bool| recovered.iter().filter(|recovery| wanted(recovery)).count();
    let (finished, back) =
        (count(|r| matches!(r, Recovery::Finished(_))), count(|r| matches!(r, Recovery::TakenBack(_))));
    assert!(finished > 0 && back > 0, "{finished} finished, {back} taken back: the kills hit too little");
}

/// All that is served is one publication, and the manifest says which.
fn assert_consistent(home: &Home, site: &Site, round: usize) {
    assert!(!site.recovered().contains(&Recovery::Damaged), "round {round}");
    let now = home.contents();
    let number: u64 = now["index.php"].parse().unwrap();
    let mut expected: BTreeMap<String, String> = numbered(number).into_iter().collect();
    expected.insert("blog/post".into(), "customer's".into());
    assert_eq!(now, expected, "round {round}");
    assert_eq!(site.manifest.files.len(), expected.len() - 1, "round {round}");
    for (path, entry) in &site.manifest.files {
        assert_eq!(tree::compare(&site.root, path, entry), tree::Compared::Same, "round {round}: {path}");
    }
    home.assert_clean();
}

#[test]
fn file_by_file_the_end_is_the_same_whenever_the_worker_is_killed() {
    if let Some(home) = victim() {
        let mut site = open_at(&home);
        let start = site.history().unwrap().last().map_or(0, |past| past.number);
        for number in start + 1.. {
            publish_number(&mut site, number, false).unwrap();
            if number % 5 == 0 {
                site.undo().unwrap();
            }
            done_once();
        }
    }
    let test =
        "publish::apply::tests::killed::file_by_file_the_end_is_the_same_whenever_the_worker_is_killed";
    let home = Home::new();
    let mut site = home.open();
    publish_number(&mut site, 0, false).unwrap();
    drop(site);
    let killed = Killed::new(test, &Home::new());
    for round in 0..rounds(60) {
        killed.at_random(home.dir.path());
        assert_consistent(&home, &open_at(home.dir.path()), round);
    }
}
