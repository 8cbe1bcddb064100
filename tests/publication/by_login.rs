//! Types `external` and `ssh`: by a login of the account's.

use std::path::PathBuf;

use super::Editor;
use super::common::is_root;
use super::common::servers::{self, Account, keygen, known_hosts, sshd, vsftpd};
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
