//! What setup makes of `panelgate.ini`, of answers, and of what it cannot tell.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::common::chmod;
use crate::tree::{Kind, SECRET, Server, credentials, differences, states};

const INI: &str = "etc/panelgate/panelgate.ini";

#[test]
fn the_file_is_made_for_root_alone_with_what_this_server_is() {
    let wants = [
        (Kind::CPanel, "web_users = nobody\n", "cp.example.net"),
        (Kind::DirectAdmin, "web_users = apache\n", "da.example.net"),
        (Kind::Plesk, "panel_users = psaadm\nweb_users = www-data\n", "srv1.example.net"),
        (Kind::Ini, "web_users = www-data\n", "srv1.example.net"),
    ];
    for (kind, users, host) in wants {
        let server = Server::new(kind);
        server.install();
        let kind_line = if kind == Kind::Ini { "kind = ini\n" } else { "" };
        let root = server.root().display();
        let want = format!(
            "[panel]\nroot = {root}\n{kind_line}\n[store]\ndir = {root}/var/lib/panelgate\n\n[builder]\npassword = {SECRET}\n\
             url = https://127.0.0.1:9/api/\nusername = brand\n\n[broker]\n{users}\n[publish]\nendpoint = https://{host}/panelgate/\n"
        );
        assert_eq!(server.read(INI), want, "{kind:?}");
        let mode = server.at(INI).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[test]
fn lines_of_the_administrator_stay() {
    let server = Server::new(Kind::CPanel);
    let own = "; by hand\r\n[broker]\r\nweb_users=webby   \r\n\r\n# keep me\r\n[builder]\r\nusername = old\r\n;password = example\r\n[publish]\r\nendpoint = https://other.example/panelgate/";
    server.file(INI, own);
    chmod(&server.at(INI), 0o600);
    assert!(server.answered(&credentials(), &[]).status.success());
    let text = server.read(INI);
    let kept = own.replace("username = old", "username = brand");
    let mut lines = text.lines();
    for line in kept.lines() {
        assert!(lines.any(|found| found == line), "{line:?} is gone, or out of its place, in {text:?}");
    }
    assert!(text.contains(&format!("password = {SECRET}\r\n")), "{text:?}");
    // Who drops to that user must not be able to open every account.
    assert!(!text.contains("panelgate-web"), "{text:?}");
    // Its name is the endpoint's then, too.
    assert!(server.read("etc/apache2/conf.d/panelgate.conf").contains(r"m#^other\.example(?::"));
}

#[test]
fn what_cannot_be_told_or_must_not_be_is_an_error_that_says_what_to_do() {
    let none = Server::new(Kind::Ini);
    let two = Server::new(Kind::CPanel);
    two.file("etc/psa/psa.conf", "PRODUCT_ROOT_D /usr/local/psa\n");
    let open = Server::new(Kind::CPanel);
    open.file(INI, "[builder]\n");
    chmod(&open.at(INI), 0o644);
    let wrong = Server::new(Kind::CPanel);
    wrong.file(INI, "[builder]\nusernmae = x\n");
    chmod(&wrong.at(INI), 0o600);
    let bare = Server::new(Kind::CPanel);
    std::fs::remove_file(bare.at("usr/share/panelgate/bundles/panelgate-cpanel.tar.gz")).unwrap();
    let torn = Server::new(Kind::DirectAdmin);
    torn.file("usr/share/panelgate/bundles/panelgate-directadmin.tar.gz", "no archive");
    let cases: [(&Server, &str, &[&str], i32, &str); 7] = [
        (&none, "", &[], 3, "--panel ini"),
        (&two, "", &[], 3, "say which with --panel"),
        (&open, "", &[], 3, "chmod 600"),
        (&wrong, "", &[], 3, "panelgate.ini:2: [builder] usernmae"),
        (&bare, "", &[], 3, "install the package"),
        (&torn, "", &[], 70, "damaged"),
        (&none, "[builder]\nurl = http://x.example/\n", &["--panel", "ini"], 3, "not https"),
    ];
    for (server, answers, arguments, code, text) in cases {
        let before = server.listing();
        let output = server.answered(answers, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.contains(text)), (Some(code), true), "{said}");
        assert_eq!(differences(&server.listing(), &before), [""; 0]);
    }
    for arguments in [&["--repair", "--uninstall"][..], &["stray"], &["--repair", "--panel", "ini"]] {
        assert_eq!(none.setup(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn answers_come_from_a_file_that_nobody_else_can_read() {
    let server = Server::new(Kind::Plesk);
    server.file("answers.ini", &credentials());
    let path = server.at("answers.ini");
    let path = path.to_str().unwrap();
    chmod(&server.at("answers.ini"), 0o644);
    assert_eq!(server.setup(&["--answers", path, "--no-doctor"]).status.code(), Some(3));
    chmod(&server.at("answers.ini"), 0o600);
    assert!(server.setup(&["--answers", path, "--no-doctor"]).status.success());
    assert!(server.read(INI).contains(SECRET));
}

#[test]
fn the_doctor_has_the_last_word() {
    let server = Server::new(Kind::CPanel);
    server.answered(&credentials(), &[]);
    let more = server.at("etc/panelgate/panelgate.ini");
    let text = server.read(INI).replace("https://cp.example.net/", "https://127.0.0.1:9/");
    std::fs::write(more, text).unwrap();
    let report = server.json(&server.setup(&["--json"]));
    assert_eq!(report["ok"], true, "{report:#}");
    assert!(
        report["doctor"]["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|check| check["name"] == "builder-connection"),
        "{report:#}"
    );
    assert!(states(&report).values().all(|state| state == "ok" || state == "done"));
    assert!(server.json(&server.setup(&["--json", "--no-doctor"]))["doctor"].is_null());
}

/// A terminal in front of the program: what it shows, and what is typed.
const TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b""
def until(text):
    global shown
    while text not in shown:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            sys.exit("it ended: " + shown.decode())
        if not more:
            sys.exit("it ended: " + shown.decode())
        shown += more
for wanted, answer in [(b"Address", b"https://127.0.0.1:9/api/\n"), (b"User name", b"brand\n"), (b"not shown", os.environb[b"ANSWER"] + b"\n"), (b"same brand", b"yes\n")]:
    until(wanted)
    os.write(terminal, answer)
    if answer == b"\x03\n":
        break
try:
    while True:
        more = os.read(terminal, 4096)
        if not more:
            break
        shown += more
except OSError:
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitpid(pid, 0)[1] >> 8)
"#;

#[test]
fn a_person_is_asked_and_the_password_is_not_shown() {
    let ask = |answer: &str| {
        let server = Server::new(Kind::CPanel);
        let output = Command::new("/usr/bin/python3")
            .args([
                "-I",
                "-B",
                "-c",
                TERMINAL,
                env!("CARGO_BIN_EXE_panelgate"),
                "setup",
                "--no-doctor",
                "--root",
            ])
            .arg(server.root())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "dumb")
            .env("ANSWER", answer)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (server, output)
    };
    let (server, output) = ask(SECRET);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("brand") && !shown.contains("Pa55word"), "{shown}");
    let ini = server.read(INI);
    for line in ["url = https://127.0.0.1:9/api/\n", "username = brand\n", "shared_brand = yes\n"] {
        assert!(ini.contains(line), "{ini}");
    }
    assert!(ini.contains(&format!("password = {SECRET}\n")), "{ini}");
    // Whoever gives up has changed nothing.
    let (server, output) = ask("\u{3}");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(!server.at(INI).exists());
}
