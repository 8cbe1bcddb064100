//! Every system call that changes something, failing once or being the last one: `strace` sees to it.
//!
//! By default a part of the calls is tried, another one each time; with `PANELGATE_EVERY_STEP=1` all of them.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::publish::journal::tests::killed::{VICTIM, open_at, try_open_at, victim};
use crate::sys::random;

/// In the environment of the process under test: what it does.
const DEED: &str = "PANELGATE_TEST_DEED";

const TEST: &str = "publish::apply::tests::injected::every_call_may_fail_or_be_the_last";

/// The calls that change something or wait for the disk.
const CHANGES: &str = "renameat,renameat2,linkat,unlinkat,mkdirat,pwrite64,syncfs,fsync,fdatasync,fchmod";

/// What is done to a site that has the first publication, and what may be there afterwards.
const DEEDS: [&str; 5] = ["archive", "file by file", "window", "undo", "unpublish"];

fn carry_out(deed: &str, site: &mut Site) -> Outcome<()> {
    match deed {
        "archive" => publish(site, Memory::new(SECOND), true).map(drop),
        "file by file" => publish(site, Memory::new(SECOND), false).map(drop),
        "window" => {
            put(site, "sitepro/index.php", "by http")?;
            put(site, "sitepro/new/x.php", "by http")?;
            site.delete(&RelPath::from_wire(b"sitepro/css/old.css").unwrap())?;
            put(site, "blog/post", "by http")?;
            site.close_window().map(drop)
        }
        "undo" => site.undo().map(drop),
        _ => site.unpublish().map(drop),
    }
}

/// How the process under test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Refused,
    Killed,
}

/// Does a deed in a process of its own, whose call number `when` of `calls` is tampered with; and whether there was such a call.
fn tampered(home: &Path, deed: &str, calls: &str, how: &str, when: usize) -> (End, bool) {
    let log = home.join("strace");
    let status = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            &format!("trace={calls}"),
            "-e",
            &format!("inject={calls}:{how}:when={when}"),
        ])
        .arg("-o")
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(VICTIM, home)
        .env(DEED, deed)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let lines = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(log).unwrap();
    let end = match status.code() {
        Some(0) => End::Done,
        Some(3) => End::Refused,
        None => End::Killed,
        other => panic!("{deed}, {how} at {when}: {other:?}\n{lines}"),
    };
    (end, lines.contains("INJECTED") || end == End::Killed)
}

/// A home with two publications, the last of which can be taken back.
fn prepared() -> Home {
    let home = Home::new();
    let mut site = home.open();
    put(&mut site, "sitepro/index.php", "before").unwrap();
    site.close_window().unwrap();
    publish(&mut site, Memory::new(FIRST), true).unwrap();
    std::fs::write(home.web("sitepro/store.dat"), "orders").unwrap();
    home
}

fn try_step(deed: &str, calls: &str, how: &str, when: usize, after: &BTreeMap<String, String>) -> bool {
    let home = prepared();
    let before = home.contents();
    let (end, tampered) = tampered(home.dir.path(), deed, calls, how, when);
    let row = format!("{deed}, {how} at {when}: {end:?}");
    let mut site = open_at(home.dir.path());
    assert!(!site.recovered().contains(&Recovery::Damaged), "{row}");
    if site.window_open() {
        assert_ne!(end, End::Done, "{row}");
        site.abort_window().unwrap();
    }
    let now = home.contents();
    match end {
        End::Done => assert_eq!(&now, after, "{row}"),
        End::Refused if deed == "archive" || deed == "file by file" => assert_eq!(now, before, "{row}"),
        _ => assert!(now == before || now == *after, "{row}: {now:?}"),
    }
    home.assert_clean();
    // Whatever happened, the site can be published, and all of it be taken away again.
    publish(&mut site, Memory::new(SECOND), true).unwrap();
    site.unpublish().unwrap();
    let stays =
        [("blog/post", "customer's"), ("index.html", "panel's default"), ("sitepro/store.dat", "orders")];
    assert_eq!(home.contents(), files(&stays), "{row}");
    tampered
}

#[test]
fn every_call_may_fail_or_be_the_last() {
    if let Some(home) = victim() {
        let deed = std::env::var(DEED).unwrap();
        let done = try_open_at(&home).and_then(|mut site| carry_out(&deed, &mut site));
        std::process::exit(if done.is_ok() { 0 } else { 3 });
    }
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        return;
    }
    let stride = if std::env::var_os("PANELGATE_EVERY_STEP").is_some() { 1 } else { 7 };
    let mut tried = 0;
    for deed in DEEDS {
        let model = prepared();
        carry_out(deed, &mut model.open()).unwrap();
        let after = model.contents();
        for how in ["signal=KILL", "error=EIO", "error=ENOSPC"] {
            let mut when = 1 + usize::from(random::bytes::<1>()[0]) % stride;
            while try_step(deed, CHANGES, how, when, &after) {
                (when, tried) = (when + stride, tried + 1);
            }
        }
    }
    assert!(tried > 20, "only {tried} calls were tampered with");
}

#[test]
fn without_exchange_the_folder_comes_file_by_file() {
    if let Some(home) = victim() {
        let mut site = open_at(&home);
        let applied = publish(&mut site, Memory::new(SECOND), true).unwrap();
        std::fs::write(home.join("applied"), format!("{applied:?}")).unwrap();
        std::process::exit(0);
    }
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        return;
    }
    let home = prepared();
    let test =
        TEST.replace("every_call_may_fail_or_be_the_last", "without_exchange_the_folder_comes_file_by_file");
    // As on file systems that know no flag of renameat2 at all.
    let status = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=renameat2",
            "-e",
            "inject=renameat2:error=EINVAL",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env(VICTIM, home.dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let applied = std::fs::read_to_string(home.dir.path().join("applied")).unwrap();
    assert!(applied.contains("swapped: false"), "{applied}");
    let stays = [("blog/post", "customer's"), ("sitepro/store.dat", "orders")];
    assert_eq!(home.contents(), with(&SECOND, &stays));
    home.assert_clean();
}
