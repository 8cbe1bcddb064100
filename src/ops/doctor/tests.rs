use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

#[derive(Default)]
struct Heard(Vec<&'static str>);

impl Watcher for Heard {
    fn begin(&mut self, name: &'static str) {
        self.0.push(name);
    }

    fn end(&mut self, check: &Check) {
        assert_eq!(self.0.last(), Some(&check.name));
    }
}

/// A directory with a configuration whose builder is a port where nobody listens.
fn configuration(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("panelgate.ini");
    let root = dir.path().display();
    std::fs::write(&path, text.replace("ROOT", &root.to_string())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (dir, path)
}

fn examine(path: &Path) -> Report {
    let mut heard = Heard::default();
    let report = run(&Options { config: path, deep: false, broker: None }, &mut heard);
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(heard.0, names, "whoever watches hears of every check once");
    assert_eq!(names.iter().filter(|name| NAMES.contains(name)).count(), NAMES.len());
    for check in &report.checks {
        assert_eq!(check.state == State::Fail, check.kind.is_some(), "{}", check.name);
        assert!(!format!("{check:?}").contains("hunter2"), "{}", check.name);
    }
    report
}

fn check<'a>(report: &'a Report, name: &str) -> &'a Check {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

const BROKEN: &str = "[panel]\nkind = plesk\nroot = ROOT\n[builder]\nurl = https://127.0.0.1:9/api/\nusername = brand\npassword = hunter2\n\
                      [store]\ndir = ROOT/state\n[broker]\npanel_users = nosuchuser\n";

#[test]
fn every_fault_is_a_failing_check_of_its_own() {
    let (dir, path) = configuration(BROKEN, 0o600);
    std::fs::write(dir.path().join("state"), b"not a directory").unwrap();
    let report = examine(&path);
    assert!(!report.ok);
    for (name, state, kind, text) in [
        ("configuration", State::Ok, None, ""),
        ("panel", State::Warning, None, "usr/local/psa/version: the file does not exist"),
        ("state-directory", State::Fail, Some(ErrorKind::Config), "is not a directory"),
        ("principals", State::Fail, Some(ErrorKind::Config), "panel_users: nosuchuser is no system user"),
        ("publication", State::Fail, Some(ErrorKind::Publication), "address is missing"),
        ("endpoint", State::Skipped, None, "earlier check failed"),
        ("ftp", State::Ok, None, "no site"),
        ("builder-name", State::Ok, None, "127.0.0.1"),
        ("builder-connection", State::Fail, Some(ErrorKind::BuilderUnreachable), "127.0.0.1:9: "),
        ("builder-certificate", State::Skipped, None, "earlier check failed"),
        ("builder-credentials", State::Skipped, None, "earlier check failed"),
    ] {
        let found = check(&report, name);
        assert_eq!((found.state, found.kind), (state, kind), "{name}: {}", found.text);
        assert!(found.text.contains(text), "{name}: {}", found.text);
    }
}

#[test]
fn a_configuration_that_others_could_have_written_is_not_acted_on() {
    let (_dir, path) = configuration(BROKEN, 0o666);
    let report = examine(&path);
    assert_eq!(report.failure(), Some(ErrorKind::Config));
    assert!(check(&report, "configuration-file").text.contains("mode 0666"));
    for name in &NAMES[2..] {
        assert_eq!(check(&report, name).state, State::Skipped, "{name}");
    }
}

#[test]
fn a_mistake_is_named_with_its_line_and_a_missing_file_with_its_path() {
    let (dir, path) = configuration("[builder]\nurl = https://b.example/\nuser = x\n", 0o600);
    let report = examine(&path);
    let found = check(&report, "configuration");
    assert_eq!(found.kind, Some(ErrorKind::Config));
    assert!(found.text.contains("panelgate.ini:3: "), "{}", found.text);
    let report = examine(&dir.path().join("none.ini"));
    assert!(check(&report, "configuration-file").text.contains("none.ini: the configuration cannot be read"));
}

#[test]
fn credentials_that_are_not_set_are_found_without_a_builder() {
    let (_dir, path) =
        configuration("[panel]\nkind = plesk\nroot = ROOT\n[builder]\nurl = https://127.0.0.1:9/\n", 0o600);
    let found = examine(&path);
    assert_eq!(check(&found, "builder-credentials").kind, Some(ErrorKind::Config));
}

#[test]
fn the_clock() {
    let now = crate::sys::clock::unix_seconds();
    for (date, state) in [
        (None, State::Unknown),
        (Some(now), State::Ok),
        (Some(now - 200), State::Ok),
        (Some(now - 400), State::Warning),
        (Some(now + 400), State::Warning),
    ] {
        assert_eq!(builder::clock(date).state, state, "{date:?}");
    }
    assert!(builder::clock(Some(now - 400)).text.contains("ahead of"));
    assert!(builder::clock(Some(now + 400)).text.contains("behind"));
}

#[test]
fn an_ftp_server_that_does_not_answer_and_a_panel_without_ftp_are_found() {
    let settings = "[panel]\nkind = cpanel\nroot = ROOT\n[builder]\nurl = https://127.0.0.1:9/\n[publish]\ntype = external\nftp_check = CHECK\n";
    let ftp = |panel: &str, check: &str| {
        let (_dir, path) = configuration(&settings.replace("cpanel", panel).replace("CHECK", check), 0o600);
        let report = examine(&path);
        let found = report.checks.iter().find(|check| check.name == "ftp").unwrap().clone();
        (found.state, found.text)
    };
    let (state, text) = ftp("cpanel", "127.0.0.1:9");
    assert!(state == State::Fail && text.contains("127.0.0.1:9: "), "{text}");
    let (state, text) = ftp("cpanel", "no");
    assert!(state == State::Warning && text.contains("untried"), "{text}");
    let (state, text) = ftp("ini", "127.0.0.1:9");
    assert!(state == State::Fail && text.contains("makes no FTP accounts"), "{text}");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (state, text) = ftp("plesk", &server.local_addr().unwrap().to_string());
    assert!(state == State::Ok, "{text}");
}
