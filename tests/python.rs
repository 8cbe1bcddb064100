//! `panel-hooks/panelgate.py`, the binding for Python, and the scripts over it, on each panel's tree.
#![cfg(all(feature = "cli", feature = "sandbox"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use common::{SITE_ALIAS, SITE_MAIN, SITE_OF_B, Sites, TestUser, Trial, chmod};
use panelgate::config::PanelKind;
use panelgate::error::ErrorKind;
use serde_json::Value;

const PANELS: [PanelKind; 4] = [PanelKind::CPanel, PanelKind::DirectAdmin, PanelKind::Plesk, PanelKind::Ini];

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Copies of scripts, header and library that every user may read, as a package would install them.
struct Installed {
    dir: tempfile::TempDir,
}

impl Installed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        let own = std::env::current_exe().unwrap();
        let library = own.parent().unwrap().join("libpanelgate.so");
        std::fs::copy(library, dir.path().join("libpanelgate.so.1")).unwrap();
        std::fs::create_dir_all(dir.path().join("hooks/examples")).unwrap();
        let copies = [
            ("panel-hooks/panelgate.py", "hooks/panelgate.py"),
            ("panel-hooks/examples/script.py", "hooks/examples/script.py"),
            ("panel-hooks/examples/open.py", "hooks/examples/open.py"),
            ("panel-hooks/examples/backup.py", "hooks/examples/backup.py"),
            ("panel-hooks/examples/redirect.py", "hooks/examples/redirect.py"),
            ("tests/python/binding.py", "binding.py"),
            ("include/panelgate.h", "panelgate.h"),
        ];
        for (from, to) in copies {
            std::fs::copy(source(from), dir.path().join(to)).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Python as the scripts are run, in an empty environment, as this user; twenty minutes at most.
    fn python(&self, uid: u32, words: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "1200", "python3", "-I", "-B"]).args(words).current_dir("/");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
        if common::is_root() && uid != 0 {
            command.uid(uid).gid(uid);
        }
        command.output().unwrap()
    }

    /// The tests of the binding in tests/python/binding.py; what they printed.
    fn binding(&self, uid: u32, words: &[&str]) -> String {
        let script = self.path("binding.py");
        let fixed =
            [&script, &self.path("hooks"), &self.path("panelgate.h"), &self.path("libpanelgate.so.1")];
        let words: Vec<&str> = fixed.into_iter().map(String::as_str).chain(words.iter().copied()).collect();
        let output = self.python(uid, &words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn script(&self, trial: &Trial, name: &str, words: &[&str]) -> Output {
        let script = self.path(&format!("hooks/examples/{name}.py"));
        let config = trial.config().display().to_string();
        let library = self.path("libpanelgate.so.1");
        let fixed = [script.as_str(), "--library", &library, "--config", &config];
        // A panel's user says for whom; accounts need not, and root may leave it out.
        let speaks_for_others = trial.user.uid != 0 && trial.user.name != trial.account;
        let says_so = speaks_for_others && !words.contains(&"--account");
        let account = if says_so { &["--account", trial.account.as_str()][..] } else { &[] };
        self.python(trial.user.uid, &[&fixed[..], account, words].concat())
    }

    /// Runs a script that must succeed and say nothing on standard error; what it printed.
    fn printed(&self, trial: &Trial, name: &str, words: &[&str]) -> String {
        let output = self.script(trial, name, words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{name} {words:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a script that must fail as the command line program does: exit code, and one line that ends with the kind.
    fn fails(&self, trial: &Trial, name: &str, words: &[&str], kind: ErrorKind) {
        let output = self.script(trial, name, words);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(kind.exit_code().into()), "{name} {words:?}: {errors}");
        assert!(errors.starts_with(&format!("{name}: ")), "{errors}");
        assert!(errors.ends_with(&format!(" [{kind}]\n")) && errors.lines().count() == 1, "{errors}");
        assert!(output.stdout.is_empty());
    }
}

/// The programs that make backups run as root; so here the whole trial is the tests' own user's.
fn own_trial(panel: PanelKind) -> Trial {
    let mut trial = Trial::start(panel, Sites::Several);
    let uids = panelgate::sys::identity::uids();
    if common::is_root() {
        let owned = Command::new("chown").args(["-R", "0:0"]).arg(trial.dir.path()).status().unwrap();
        assert!(owned.success());
    }
    trial.user = TestUser { name: "root".into(), uid: uids.effective, gid: 0 };
    trial
}

/// Each panel as its own callers meet it: accounts where they may call, Plesk's panel user, and root.
fn trials() -> Vec<Trial> {
    let start = |panel| match panel {
        PanelKind::Plesk => Trial::of_panel_user(panel, &[]),
        _ => Trial::start(panel, Sites::Several),
    };
    let as_root = if common::is_root() { &PANELS[..] } else { &[] };
    PANELS.into_iter().map(start).chain(as_root.iter().copied().map(own_trial)).collect()
}

/// The program that runs jobs; ended with the value.
struct Jobs(Child);

impl Jobs {
    fn start(trial: &Trial) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.arg("--config").arg(trial.config()).arg("jobs").stdin(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_binding_has_every_function_structure_and_number_of_the_header() {
    let printed = Installed::new().binding(0, &["header"]);
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some("0 0 ok"));
    for kind in ErrorKind::ALL {
        assert_eq!(lines.next(), Some(&*format!("{} {} {kind}", kind.code(), kind.exit_code())));
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn the_binding_serves_on_each_panel() {
    let installed = Installed::new();
    for trial in trials() {
        let config = trial.config().display().to_string();
        let words = ["use", &config, &trial.account, SITE_MAIN, SITE_OF_B];
        assert_eq!(installed.binding(trial.user.uid, &words), "ok\n", "{}", trial.panel.name());
    }
}

#[test]
fn ten_thousand_calls_leave_memory_as_it_was() {
    let installed = Installed::new();
    let trial = Trial::start(PanelKind::Ini, Sites::Several);
    let config = trial.config().display().to_string();
    let words = ["leaks", &config, &trial.account, SITE_MAIN, SITE_OF_B];
    let printed = installed.binding(trial.user.uid, &words);
    assert!(printed.starts_with("ok "), "{printed}");
}

#[test]
fn a_script_opens_a_session_on_each_panel() {
    let installed = Installed::new();
    for trial in trials() {
        let printed = installed.printed(&trial, "open", &["--language", "de", SITE_MAIN]);
        assert!(printed.starts_with(&format!("https://{}/", trial.builder.page_host())), "{printed}");
        assert_eq!(printed.lines().count(), 1);
        assert_eq!(trial.sessions(), 1);
        let printed = installed.printed(&trial, "open", &["--account", &trial.account, "bücher.example"]);
        assert!(printed.starts_with("https://"), "{printed}");
        installed.fails(&trial, "open", &[SITE_ALIAS], ErrorKind::SiteAlias);
        installed.fails(&trial, "open", &["a b"], ErrorKind::InvalidArgument);
        installed.fails(&trial, "open", &["--no-such"], ErrorKind::InvalidArgument);
        assert_eq!(trial.sessions(), 2);
    }
}

#[test]
fn a_script_writes_the_redirect_in_each_dialect_on_each_panel() {
    let installed = Installed::new();
    for trial in trials() {
        let page = format!("https://{}/", trial.builder.page_host());
        for (dialect, start) in [("cgi", "Status: 303 "), ("nph", "HTTP/1.1 303 "), ("page", "<")] {
            let words = ["--dialect", dialect, "--language", "de", SITE_MAIN];
            let printed = installed.printed(&trial, "redirect", &words);
            assert!(printed.trim_start().starts_with(start), "{printed}");
            assert_eq!(printed.contains(&format!("\r\nLocation: {page}")), dialect != "page", "{printed}");
            assert!(printed.contains(&page), "{printed}");
        }
        installed.fails(&trial, "redirect", &["--dialect", "raw"], ErrorKind::InvalidArgument);
        installed.fails(&trial, "redirect", &["--dialect", "nph", SITE_ALIAS], ErrorKind::SiteAlias);
    }
}

#[test]
fn a_script_orders_a_backup_and_follows_it_on_each_panel() {
    if !common::is_root() {
        return;
    }
    let installed = Installed::new();
    for panel in PANELS {
        let trial = own_trial(panel);
        trial.builder.set_project(SITE_MAIN, vec![7; 1 << 20]);
        installed.fails(&trial, "backup", &[SITE_MAIN], ErrorKind::BackupNotFound);
        installed.printed(&trial, "open", &[SITE_MAIN]);
        // Nobody runs jobs: the deadline ends the script, and the order stays.
        installed.fails(&trial, "backup", &["--deadline", "1", SITE_MAIN], ErrorKind::Unavailable);
        let jobs = Jobs::start(&trial);
        let printed = installed.printed(&trial, "backup", &["--deadline", "60", SITE_MAIN]);
        let state: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((&state["state"], &state["percent"]), (&"done".into(), &100.into()), "{state}");
        let number = state["id"].to_string();
        let again = installed.printed(&trial, "backup", &["--job", &number]);
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["state"], "done");
        installed.fails(&trial, "backup", &["--job", "987654"], ErrorKind::BackupNotFound);
        installed.fails(&trial, "backup", &["--job", "1", SITE_MAIN], ErrorKind::InvalidArgument);
        installed.fails(&trial, "backup", &["--account", "nobody1", SITE_MAIN], ErrorKind::AccountNotFound);
        drop(jobs);
    }
}

#[test]
fn every_script_teaches_what_it_does() {
    let installed = Installed::new();
    for name in ["open", "backup", "redirect"] {
        let output = installed.python(0, &[&installed.path(&format!("hooks/examples/{name}.py")), "--help"]);
        assert!(output.status.success() && output.stderr.is_empty());
        let help = String::from_utf8(output.stdout).unwrap();
        for part in ["Examples:", "Exit codes", "--library", "--config", "--account"] {
            assert!(help.contains(part), "{name}: {part}");
        }
        // Python 3.6 in a C locale can print nothing else.
        assert!(help.is_ascii() && help.lines().all(|line| line.len() <= 80), "{name}");
    }
}
