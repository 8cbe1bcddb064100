//! Every file of every panel, damaged in every way: one clear error, or the account as it was. Never a panic, a wait,
//! another account, or a document root outside its home.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod common;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{NAME_OF_A, SITE_MAIN, SITE_OF_B, Trial, chmod, is_root};
use panelgate::config::{Config, PanelKind};
use panelgate::error::{Error, ErrorKind};
use panelgate::panel::{self, Account, Panel};
use panelgate::types::{Domain, Username, is_unprintable};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use PanelKind::{CPanel, DirectAdmin, Ini, Plesk};

/// More than any look-up takes, on a busy machine too.
const LONG: Duration = Duration::from_secs(120);

struct Server {
    trial: Trial,
    panel: Box<dyn Panel>,
}

impl Server {
    fn new(kind: PanelKind) -> Self {
        let trial = Trial::of_panel_user(kind, &[]);
        let text = format!("[panel]\nkind = {}\nroot = {}\n", kind.name(), trial.in_tree("").display());
        let config = Config::parse(Path::new("panelgate.ini"), text.as_bytes()).unwrap();
        // Files of the tests' user do not count for root.
        if is_root() {
            common::TestUser { name: "root".into(), uid: 0, gid: 0 }.own(&trial.in_tree(""));
        }
        let panel = panel::open(&config.panel).unwrap();
        Self { trial, panel }
    }

    /// The panel's files; neither homes nor programs.
    fn files(&self) -> Vec<PathBuf> {
        fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        for part in ["etc", "usr", "var"] {
            let part = self.trial.in_tree(part);
            if part.is_dir() {
                walk(&part, &mut found);
            }
        }
        found.retain(|path| !path.starts_with(self.trial.in_tree("usr/sbin")));
        found.sort();
        found
    }

    /// Asks everything about account A; returns the errors.
    fn ask(&self, what: &str) -> Vec<Error> {
        let start = Instant::now();
        let name = Username::new(NAME_OF_A).unwrap();
        let site = Domain::new(SITE_MAIN).unwrap();
        let mut errors = Vec::new();
        match self.panel.account(&name) {
            Ok(account) => check_account(what, &account),
            Err(error) => errors.push(error),
        }
        errors.extend(self.panel.owners(&site).err());
        errors.extend(self.panel.accounts().err());
        for error in &errors {
            let text = error.chain();
            assert!(!text.contains(is_unprintable) && text.len() < 2000, "{what}: {text:?}");
            let kinds = [ErrorKind::PanelData, ErrorKind::AccountNotFound, ErrorKind::SiteConflict];
            assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
        }
        assert!(start.elapsed() < LONG, "{what}: it took {:?}", start.elapsed());
        errors
    }
}

/// Whatever the files say: it is the account that was asked for, and what it has lies below its home.
fn check_account(what: &str, account: &Account) {
    assert_eq!(account.name().as_str(), NAME_OF_A, "{what}");
    for site in &account.sites {
        if let Some(root) = &site.document_root {
            assert!(root.starts_with(&account.home) && *root != account.home, "{what}: {}", root.display());
        }
    }
}

type Damage = fn(&Path);

/// What makes a file none that counts, whatever it says.
const UNTRUSTED: [(&str, Damage); 5] = [
    ("a symbolic link", |path| {
        let target = path.with_extension("moved");
        std::fs::rename(path, &target).unwrap();
        symlink(&target, path).unwrap();
    }),
    ("a directory", |path| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    }),
    ("a pipe", |path| {
        std::fs::remove_file(path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    }),
    ("writable by everybody", |path| chmod(path, 0o666)),
    ("larger than any limit", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1 << 30).unwrap();
    }),
];

fn somebody_elses(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
    } else {
        chmod(path, 0o000);
    }
}

/// Files that say nothing about an account or a site.
fn is_about_nobody(path: &str) -> bool {
    ["cpanel/version", "cpanel/mainip", "cpanel/users/system", "psa/version", "conf/directadmin.conf"]
        .iter()
        .any(|end| path.ends_with(end))
}

#[test]
fn a_file_that_does_not_count_is_an_error_that_names_it() {
    for kind in [CPanel, DirectAdmin, Plesk, Ini] {
        let files = Server::new(kind).files().len();
        for index in 0..files {
            for (why, damage) in UNTRUSTED.into_iter().chain([("of somebody else", somebody_elses as Damage)])
            {
                let server = Server::new(kind);
                let root = server.trial.in_tree("");
                let path = server.files()[index].clone();
                let shown = path.strip_prefix(&root).unwrap().display().to_string();
                // What Plesk's program prints is not read as a file.
                let answer = shown.contains("psa/answers/");
                let of_b = shown.contains(common::NAME_OF_B) || shown.ends_with(SITE_OF_B);
                if answer {
                    continue;
                }
                let what = format!("{} {shown}: {why}", kind.name());
                damage(&path);
                let errors = server.ask(&what);
                if is_about_nobody(&shown) || of_b {
                    // B's files are read for custom hosting, where they might claim a site of A.
                    assert!(errors.is_empty() || kind == Ini, "{what}: {errors:?}");
                } else {
                    let named = errors.iter().any(|error| error.chain().contains(&shown));
                    assert!(named, "{what}: {errors:?}");
                }
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_off_empty_doubled_or_no_text_is_an_error_or_changes_nothing() {
    type Rewrite = fn(&[u8]) -> Vec<u8>;
    let damages: [(&str, Rewrite); 8] = [
        ("empty", |_| Vec::new()),
        ("half", |bytes| bytes[..bytes.len() / 2].to_vec()),
        ("without its last byte", |bytes| bytes[..bytes.len().saturating_sub(1)].to_vec()),
        ("twice", |bytes| [bytes, bytes].concat()),
        ("a program", |_| b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec()),
        ("not UTF-8", |bytes| [b"\xff\xfe", bytes].concat()),
        ("with a NUL", |bytes| [bytes, b"\0\n"].concat()),
        ("deeply nested", |_| [b"[".repeat(100_000), b"{".repeat(100_000), b"- ".repeat(100_000)].concat()),
    ];
    for kind in [CPanel, DirectAdmin, Plesk, Ini] {
        let server = Server::new(kind);
        for path in server.files() {
            let whole = std::fs::read(&path).unwrap();
            for (why, damage) in damages {
                std::fs::write(&path, damage(&whole)).unwrap();
                server.ask(&format!("{} {}: {why}", kind.name(), path.display()));
            }
            std::fs::remove_file(&path).unwrap();
            server.ask(&format!("{} {}: missing", kind.name(), path.display()));
            std::fs::write(&path, &whole).unwrap();
            chmod(&path, 0o644);
            let errors = server.ask("repaired");
            assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        }
    }
}

/// One change to a file's bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Copy(prop::sample::Index, prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    let words = prop::sample::select(vec![
        "\n",
        "\r",
        "\0",
        ":",
        "=",
        "'",
        "\"",
        "&a",
        "*a",
        "---",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "#",
        "..",
        "/",
        "/etc",
        "\t",
        "%0a",
        "$HOME",
        "bob.example",
        "pgtestb",
        "www.bob.example",
        "xn--",
        "*.",
        "\u{202e}",
        "NULL",
        "0",
        "-1",
        "99999999999999999999",
        "\\n",
    ]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), at()).prop_map(|(from, to)| Change::Remove(from, to)),
        (at(), words).prop_map(|(at, word)| Change::Insert(at, word.as_bytes().to_vec())),
        (at(), at(), at()).prop_map(|(from, to, into)| Change::Copy(from, to, into)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let places = bytes.len() + 1;
    let range = |a: &prop::sample::Index, b: &prop::sample::Index| {
        let (a, b) = (a.index(places), b.index(places));
        a.min(b)..a.max(b)
    };
    match change {
        Change::Set(at, byte) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Set(..) => {}
        Change::Remove(from, to) => drop(bytes.drain(range(from, to))),
        Change::Insert(at, word) => {
            let at = at.index(places);
            bytes.splice(at..at, word.iter().copied());
        }
        Change::Copy(from, to, into) => {
            let copy = bytes[range(from, to)].to_vec();
            let into = into.index(places);
            bytes.splice(into..into, copy);
        }
    }
}

fn mutate(kind: PanelKind, cases: u32) {
    let server = Server::new(kind);
    let files = server.files();
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let changes = (any::<prop::sample::Index>(), prop::collection::vec(change(), 1..4));
    let run = TestRunner::new(config).run(&changes, |(file, changes)| {
        let path = &files[file.index(files.len())];
        let whole = std::fs::read(path).unwrap();
        let mut bytes = whole.clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        std::fs::write(path, &bytes).unwrap();
        let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            server.ask(&format!("{}", path.display()))
        }));
        std::fs::write(path, &whole).unwrap();
        prop_assert!(asked.is_ok(), "{}: {}", path.display(), String::from_utf8_lossy(&bytes));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn changed_files_of_cpanel_never_panic_or_leave_the_account() {
    mutate(CPanel, 400);
}

#[test]
fn changed_files_of_directadmin_never_panic_or_leave_the_account() {
    mutate(DirectAdmin, 400);
}

#[test]
fn changed_answers_of_plesk_never_panic_or_leave_the_account() {
    // Each case runs Plesk's program three times.
    mutate(Plesk, 60);
}

#[test]
fn changed_files_of_custom_hosting_never_panic_or_leave_the_account() {
    mutate(Ini, 400);
}
