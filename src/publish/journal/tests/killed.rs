//! A worker that is killed: by SIGKILL in a process of its own, at points of time that nobody chose.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::sys::random;

/// In the environment of the process that is to be killed: the home.
pub(crate) const VICTIM: &str = "PANELGATE_TEST_VICTIM";

/// How often a worker is killed, if the environment does not say how often (`PANELGATE_KILLS`).
pub(crate) fn rounds(usual: usize) -> usize {
    std::env::var("PANELGATE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What the process that is to be killed says when it is about to begin, and whenever it has done all that it does once.
const BEGUN: &str = "begun";
const ONCE: &str = "once more";

/// Says, in the process that is to be killed, that it has done all of it once.
pub(crate) fn done_once() {
    writeln!(std::io::stdout(), "\n{ONCE}").unwrap();
}

/// A test of this program that runs again as a process of its own, and is killed there.
pub(crate) struct Killed {
    test: &'static str,
    /// How long it takes on this machine to do all that it does once.
    usual: Duration,
}

impl Killed {
    /// Sees how long the test takes in a home of its own.
    pub(crate) fn new(test: &'static str, home: &Home) -> Self {
        let (mut child, mut lines) = start(test, home.dir.path());
        let begin = Instant::now();
        assert!(lines.any(|line| line.unwrap().ends_with(ONCE)), "it has ended by itself");
        let usual = begin.elapsed();
        end(&mut child);
        Self { test, usual }
    }

    /// Runs it in a home and kills it at a moment that nobody chose, before it has done it twice.
    pub(crate) fn at_random(&self, home: &Path) {
        let (mut child, _lines) = start(self.test, home);
        let part = f64::from(u32::from_le_bytes(random::bytes::<4>())) / f64::from(u32::MAX);
        std::thread::sleep(self.usual.mul_f64(2.0 * part));
        end(&mut child);
    }
}

fn start(test: &str, home: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(BEGUN)), "it has not begun");
    (child, lines)
}

fn end(child: &mut Child) {
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
            done_once();
        }
    }
    let name = "publish::journal::tests::killed::an_open_window_survives_any_kill_and_can_be_undone";
    let (killed, rounds) = (Killed::new(name, &Home::new()), rounds(60));
    let mut windows = 0;
    for round in 0..rounds {
        let home = Home::new();
        let mut site = home.open();
        put(&mut site, "sitepro/1.php", "before").unwrap();
        site.close_window().unwrap();
        drop(site);
        let before = home.contents();
        killed.at_random(home.dir.path());

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
    assert!(windows > rounds / 8, "only {windows} workers were killed inside a window");
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
            done_once();
        }
    }
    let name = "publish::journal::tests::killed::closing_undoing_and_removing_survive_any_kill";
    let (killed, rounds) = (Killed::new(name, &Home::new()), rounds(60));
    let home = Home::new();
    let before = home.contents();
    let mut recovered = 0;
    for round in 0..rounds {
        killed.at_random(home.dir.path());
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
    assert!(recovered > rounds / 8, "only {recovered} workers were killed half-way");
}
