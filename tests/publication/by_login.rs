//! Types `external` and `ssh`: by a login of the account's.

use std::path::PathBuf;
use std::process::Command;

use super::Editor;
use super::common::servers::{self, Account, keygen, known_hosts, sshd, vsftpd};
use super::common::{chmod, domain, is_root};
use panelgate::gateway::{Direct, Gateway};
use panelgate::ops::OpenRequest;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::{self, TreeSite};
use panelgate::sandbox::{Ssh, Ways};
use serde_json::{Value, json};

fn ftp_access(account: &Account, password: &str) -> Value {
    json!({"type": "external", "apiUrl": "127.0.0.1", "username": account.user.name, "password": password, "uploadDir": "/"})
}

#[test]
fn a_site_goes_out_by_ftp_and_again() {
    if !is_root() {
        return;
    }
    let account = Account::make();
    account.set_password("Ftp-Pa55word");
    let server = vsftpd(&account.document_root);
    std::fs::write(account.document_root.join("mine.txt"), "of the owner").unwrap();
    let editor = Editor::start(Ways { ftp_port: server.port, ..Ways::default() });
    let session = editor.open(&ftp_access(&account, "Ftp-Pa55word"));
    let outcome = editor.publish(&session, "Fresh bread");
    assert!(outcome.starts_with("Edition 1 is published: 11 files"), "{outcome}");
    assert!(account.read("sitepro/pages/home.html").contains("<h1>Fresh bread</h1>"));
    assert!(account.read("index.php").contains("include __DIR__"));
    assert!(account.read("sitepro/gallery/sun é.svg").starts_with("<svg"));

    // A page that the site no longer has goes; what the builder has not put there stays.
    let (stale, data) = ("sitepro/pages/old.html", "sitepro/dat/visitors.dat");
    for file in [stale, data] {
        let path = account.document_root.join(file);
        std::fs::write(&path, "x").unwrap();
        std::os::unix::fs::chown(&path, Some(account.user.uid), Some(account.user.gid)).unwrap();
    }
    let outcome = editor.publish(&session, "Rye & wheat");
    assert!(outcome.starts_with("Edition 2 is published"), "{outcome}");
    assert!(account.read("sitepro/pages/home.html").contains("<h1>Rye &amp; wheat</h1>"));
    assert!(!account.document_root.join(stale).exists());
    assert_eq!((account.read(data).as_str(), account.read("mine.txt").as_str()), ("x", "of the owner"));
}

#[test]
fn a_login_that_does_not_work_is_said() {
    if !is_root() {
        return;
    }
    let account = Account::make();
    account.set_password("Ftp-Pa55word");
    let server = vsftpd(&account.document_root);
    let editor = Editor::start(Ways { ftp_port: server.port, ..Ways::default() });
    let outcome = editor.publish(&editor.open(&ftp_access(&account, "wrong")), "x");
    assert!(
        outcome.contains("Not published") && outcome.contains("logging in: the FTP server answers 530"),
        "{outcome}"
    );
    drop(server);
    let outcome = editor.publish(&editor.open(&ftp_access(&account, "Ftp-Pa55word")), "x");
    assert!(outcome.contains("connecting: the FTP server cannot be talked to"), "{outcome}");
    assert_eq!(std::fs::read_dir(&account.document_root).unwrap().count(), 0);
}

#[test]
fn a_site_goes_out_by_ssh_with_a_key_that_opens_nothing_else() {
    if !is_root() {
        return;
    }
    let account = Account::make();
    // With PAM off, a user without a password counts as locked.
    servers::set_password(&account.user.name, "Unused-Pa55word");
    let server = sshd("");
    let key = server.dir().join("builder");
    keygen(&key);
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let line = format!("restrict,command=\"internal-sftp\" {public}");
    std::fs::write(server.dir().join("authorized_keys"), line).unwrap();
    let ssh = Ssh {
        program: PathBuf::from("/usr/bin/sftp"),
        port: server.port,
        key: key.clone(),
        known_hosts: known_hosts(&server),
    };
    let editor = Editor::start(Ways { ssh: Some(ssh.clone()), ..Ways::default() });
    let root = account.document_root.to_str().unwrap();
    let access = json!({"type": "ssh", "apiUrl": "127.0.0.1", "username": account.user.name, "password": "-", "uploadDir": root});
    let outcome = editor.publish(&editor.open(&access), "By key");
    assert!(outcome.starts_with("Edition 1 is published"), "{outcome}");
    assert!(account.read("sitepro/pages/home.html").contains("<h1>By key</h1>"));
    assert!(account.read("sitepro/gallery/sun é.svg").starts_with("<svg"));
    assert!(editor.publish(&editor.open(&access), "Again").starts_with("Edition 2"));

    // A server with another key is somebody else.
    let other = server.dir().join("other");
    keygen(&other);
    let public = std::fs::read_to_string(other.with_extension("pub")).unwrap();
    std::fs::write(&ssh.known_hosts, format!("[127.0.0.1]:{} {public}", server.port)).unwrap();
    let outcome = editor.publish(&editor.open(&access), "x");
    assert!(outcome.contains("Not published") && outcome.contains("sftp ends with"), "{outcome}");
    assert!(account.read("sitepro/pages/home.html").contains("<h1>Again</h1>"));
}

/// A server whose sshd asks Panelgate for the builder's key.
#[test]
fn sshd_asks_panelgate_for_the_key_and_hears_of_a_suspension_at_once() {
    if !is_root() {
        return;
    }
    let account = Account::make();
    servers::set_password(&account.user.name, "Unused-Pa55word");
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("builder");
    keygen(&key);
    let root = dir.path().join("root");
    let sites = [TreeSite::new(domain("shop.example"), SiteKind::Main, "public_html")];
    tree::write_cpanel_tree(&root, &account.user, &sites).unwrap();
    let config = dir.path().join("panelgate.ini");
    // sshd runs nothing that others could replace, in no directory that others could write to.
    let program = PathBuf::from("/srv").join(format!("{}-panelgate", account.user.name));
    let _program = Removed(program.clone());
    let copied =
        Command::new("install").args(["-m", "755", env!("CARGO_BIN_EXE_panelgate")]).arg(&program).status();
    assert!(copied.unwrap().success());
    let command = format!(
        "AuthorizedKeysCommand {} --config {} ssh-keys %u\nAuthorizedKeysCommandUser root\n",
        program.display(),
        config.display()
    );
    let server = sshd(&command);
    let ssh = Ssh {
        program: PathBuf::from("/usr/bin/sftp"),
        port: server.port,
        key: key.clone(),
        known_hosts: known_hosts(&server),
    };
    let editor = Editor::start(Ways { ssh: Some(ssh), ..Ways::default() });
    std::fs::write(dir.path().join("ca.pem"), editor.builder.ca_pem()).unwrap();
    let here = dir.path().display();
    let text = format!(
        "[panel]\nkind = cpanel\nroot = {here}/root\n[builder]\nurl = {}\nusername = brand\npassword = secret\n\
         ca_file = {here}/ca.pem\nhosts = {}\n[publish]\ntype = ssh\nssh_host = 127.0.0.1\nssh_key = {here}/builder.pub\n[store]\ndir = {here}/state\n",
        editor.builder.api_url(),
        editor.builder.page_host(),
    );
    std::fs::write(&config, text).unwrap();
    chmod(&config, 0o600);
    let keys = |user: &str| {
        let output =
            Command::new(&program).arg("--config").arg(&config).args(["ssh-keys", user]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(keys(&account.user.name), "", "nobody has opened the site");

    let gateway = Direct::open(&config).unwrap();
    let session =
        gateway.open(&OpenRequest { site: Some(domain("shop.example")), ..OpenRequest::new() }).unwrap();
    let hash = session.url.expose().split("login_hash=").nth(1).unwrap().to_owned();
    assert!(keys(&account.user.name).starts_with("restrict,command=\"internal-sftp\" ssh-ed25519 AAAA"));
    for stranger in ["root", "no-such-user", "../x", ""] {
        assert_eq!(keys(stranger), "", "{stranger:?}");
    }
    let outcome = editor.publish(&hash, "By sshd's own question");
    assert!(outcome.starts_with("Edition 1 is published"), "{outcome}");
    assert!(account.read("sitepro/pages/home.html").contains("By sshd's own question"));

    // The key opens no shell.
    let shell = Command::new("ssh")
        .args([
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ])
        .args(["-i", key.to_str().unwrap(), "-p", &server.port.to_string()])
        .arg(format!("{}@127.0.0.1", account.user.name))
        .arg("id; touch shell-was-here")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&shell.stdout).contains("uid="), "{shell:?}");
    assert!(!account.home().join("shell-was-here").exists());

    std::fs::create_dir_all(root.join("var/cpanel/suspended")).unwrap();
    std::fs::write(root.join("var/cpanel/suspended").join(&account.user.name), "").unwrap();
    assert_eq!(keys(&account.user.name), "");
    let outcome = editor.publish(&hash, "Too late");
    assert!(outcome.contains("Not published"), "{outcome}");
    assert!(account.read("sitepro/pages/home.html").contains("By sshd's own question"));
}

/// A file that is removed at the end.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
