//! A worker that is killed: by SIGKILL in a process of its own, at points of time that nobody chose.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::sys::random;

/// In the environment of the process that is to be killed: the home.
pub(crate) const VICTIM: &str = "PANELGATE_TEST_VICTIM";

/// How often a worker is killed.
pub(crate) fn rounds() -> usize {
    std::env::var("PANELGATE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// What the process that is to be killed says when it is about to begin.
const BEGUN: &str = "begun";

/// Runs a test of this program again as a process of its own, with a home, and kills it so long after it has begun.
pub(crate) fn run_and_kill(test: &str, home: &Path, delay: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(BEGUN)), "it has not begun");
    std::thread::sleep(delay);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it had ended by itself: {status}");
}

/// The home, in the process that is to be killed.
pub(crate) fn victim() -> Option<PathBuf> {
    let home = std::env::var_os(VICTIM).map(PathBuf::from)?;
    writeln!(std::io::stdout(), "\n{BEGUN}").unwrap();
    Some(home)
}

/// A random duration below some milliseconds.
pub(crate) fn within_ms(most: u64) -> Duration {
    Duration::from_micros(u64::from_le_bytes(random::bytes::<8>()) % (most * 1000))
}

pub(crate) fn open_at(home: &Path) -> Site {
    try_open_at(home).unwrap()
}

pub(crate) fn try_open_at(home: &Path) -> Outcome<Site> {
    let uid = crate::sys::identity::uids().effective;
    Site::open(home, &home.join("web"), uid, &key(), Modes::default())
}

#[test]
fn an_open_window_survives_any_kill_and_can_be_undone() {
    if let Some(home) = victim() {
        let mut site = open_at(&home);
        for round in 0.. {
            for name in ["index.php", "sitepro/1.php", "sitepro/css/a.css", "sitepro/new/2.php", "blog/post"]
            {
                put(&mut site, name, &format!("{name} {round}")).unwrap();
            }
            site.delete(&path("sitepro/new/2.php")).unwrap();
            site.delete(&path("sitepro/new")).unwrap();
        }
    }
    let name = "publish::journal::tests::killed::an_open_window_survives_any_kill_and_can_be_undone";
    let mut windows = 0;
    for round in 0..rounds() {
        let home = Home::new();
        let mut site = home.open();
        put(&mut site, "sitepro/1.php", "before").unwrap();
        site.close_window().unwrap();
        drop(site);
        let before = home.contents();
        run_and_kill(name, home.dir.path(), within_ms(25));

        let mut site = open_at(home.dir.path());
        let now = home.contents();
        for (name, content) in &now {
            let whole = before.get(name) == Some(content) || content.starts_with(name.as_str());
            assert!(whole, "{name}: {content}");
        }
        windows += usize::from(site.window_open());
        match round % 3 {
            0 => site.abort_window().unwrap(),
            1 if site.window_open() => drop(site.undo().unwrap()),
            1 => {}
            _ => {
                site.close_window().unwrap();
                assert_eq!(home.contents(), now);
                for (path, entry) in &site.manifest.files {
                    let compared = tree::compare(&site.root, path, entry);
                    assert_eq!(compared, tree::Compared::Same, "{path}");
                }
                site.unpublish().unwrap();
                let mut expected = before.clone();
                expected.remove("sitepro/1.php");
                assert_eq!(home.contents(), expected);
                home.assert_clean();
                continue;
            }
        }
        assert_eq!(home.contents(), before, "round {round}");
        home.assert_clean();
    }
    assert!(windows > rounds() / 4, "only {windows} workers were killed inside a window");
}

#[test]
fn closing_undoing_and_removing_survive_any_kill() {
    if let Some(home) = victim() {
        let mut site = open_at(&home);
        for round in 0.. {
            put(&mut site, "index.php", &format!("index.php {round}")).unwrap();
            put(&mut site, "sitepro/1.php", &format!("sitepro/1.php {round}")).unwrap();
            site.close_window().unwrap();
            put(&mut site, "blog/post", &format!("blog/post {round}")).unwrap();
            site.close_window().unwrap();
            site.undo().unwrap();
            site.unpublish().unwrap();
        }
    }
    let name = "publish::journal::tests::killed::closing_undoing_and_removing_survive_any_kill";
    let home = Home::new();
    let before = home.contents();
    let mut recovered = 0;
    for round in 0..rounds() {
        run_and_kill(name, home.dir.path(), within_ms(60));
        let mut site = open_at(home.dir.path());
        recovered += usize::from(!site.recovered().is_empty());
        assert!(!site.recovered().contains(&Recovery::Damaged));
        site.close_window().unwrap();
        for (path, entry) in &site.manifest.files {
            assert_eq!(tree::compare(&site.root, path, entry), tree::Compared::Same, "round {round}: {path}");
        }
        let unpublished = site.unpublish();
        assert!(matches!(kind(unpublished), None | Some(FaultKind::Nothing)), "round {round}");
        assert_eq!(home.contents(), before, "round {round}");
        home.assert_clean();
    }
    assert!(recovered > rounds() / 4, "only {recovered} workers were killed half-way");
}
