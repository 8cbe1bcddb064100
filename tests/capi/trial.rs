//! A private trial for the C programs: a configuration, and a tree with custom hosting.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The uid of alice where the test itself is root.
const ALICE: u32 = 2001;

/// As whom a program runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Its uid.
    pub(crate) uid: u32,
}

impl Caller {
    /// The callers that this test can be: root and an account if it is root itself, else the account only.
    pub(crate) fn all() -> Vec<Caller> {
        match own_uid() {
            0 => vec![Caller { uid: 0 }, Caller { uid: ALICE }],
            uid => vec![Caller { uid }],
        }
    }

    /// What the C programs call it.
    pub(crate) fn name(self) -> &'static str {
        if self.uid == 0 { "root" } else { "account" }
    }
}

pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A directory that belongs to the caller, with `panelgate.ini`, `tree/`, `state/` and `bad/`.
pub(crate) struct Trial {
    directory: TempDir,
}

const ALICE_INI: &str = "\
[account]
owner = reseller
plan = Gold; #1 ★
locale = de-DE
public_ip = 2001:db8::7

[site closed.example]
kind = addon
document_root = /home/alice/closed
suspended = yes

[site shop.example]
kind = main
document_root = /home/alice/public_html

[site shop-alias.example]
kind = alias
of = shop.example

[site blog.shop.example]
kind = sub
document_root = /home/alice/blog

[site bücher.example]
kind = addon
document_root = /home/alice/books

[site mail.example]
kind = addon
";

const BOB_INI: &str = "\
[account]
[site bob.example]
kind = main
document_root = /home/bob/public_html
[site twice.example]
kind = addon
document_root = /home/bob/twice
";

const CAROL_INI: &str = "\
[account]
suspended = yes
demo = yes
builder = no
[site carol.example]
kind = main
document_root = /home/carol/public_html
[site twice.example]
kind = addon
document_root = /home/carol/twice
";

impl Trial {
    /// A trial whose builder is not there: nothing listens on port 1.
    pub(crate) fn new(caller: Caller) -> Self {
        Self::with_builder(caller, "url = https://127.0.0.1:1/api/\n", "")
    }

    /// A trial with further lines for `[builder]`, in which `CA_FILE` stands for a file with `ca_pem`.
    pub(crate) fn with_builder(caller: Caller, builder: &str, ca_pem: &str) -> Self {
        let trial = Self { directory: tempfile::tempdir().unwrap() };
        let alice = if caller.uid == 0 { ALICE } else { caller.uid };
        let passwd = format!(
            "root:x:0:0:root:/root:/bin/sh\n\
             alice:x:{alice}:{alice}::/home/alice:/bin/sh\n\
             bob:x:{}:{}::/home/bob:/bin/sh\n\
             carol:x:{}:{}::/home/carol:/bin/sh\n",
            alice + 1,
            alice + 1,
            alice + 2,
            alice + 2,
        );
        trial.write("tree/etc/passwd", passwd.as_bytes(), 0o644);
        for (name, text) in [("alice", ALICE_INI), ("bob", BOB_INI), ("carol", CAROL_INI)] {
            trial.write(&format!("tree/etc/panelgate/accounts.d/{name}.ini"), text.as_bytes(), 0o600);
        }
        let root = trial.path("").display().to_string();
        trial.write("ca.pem", ca_pem.as_bytes(), 0o644);
        let builder = builder.replace("CA_FILE", &format!("{root}/ca.pem"));
        let config = format!(
            "[panel]\nkind = ini\nroot = {root}/tree\n\
             [builder]\nusername = brand\npassword = example-password\n{builder}\
             [publish]\nendpoint = https://hosting.example/panelgate/\n\
             [store]\ndir = {root}/state\n"
        );
        trial.write("panelgate.ini", config.as_bytes(), 0o600);
        fs::create_dir(trial.path("state")).unwrap();
        fs::set_permissions(trial.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
        trial.write("bad/open.ini", config.as_bytes(), 0o644);
        trial.write("bad/typo.ini", b"[panel]\nkindd = ini\n", 0o600);
        trial.write("bad/binary.ini", b"\x7fELF\x02\x01\x01\0\0\xff\xfe[panel", 0o600);
        symlink("../panelgate.ini", trial.path("bad/link.ini")).unwrap();
        trial.give_to(caller);
        trial
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.directory.path().to_owned() } else { self.directory.path().join(name) }
    }

    /// The configuration's path, as an argument.
    pub(crate) fn config(&self) -> String {
        self.path("panelgate.ini").display().to_string()
    }

    fn write(&self, name: &str, bytes: &[u8], mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Gives everything to the caller; what another user's test cannot do, nobody needs.
    fn give_to(&self, caller: Caller) {
        if own_uid() == 0 && caller.uid != 0 {
            give(self.directory.path(), caller.uid);
        }
    }
}

fn give(path: &Path, uid: u32) {
    std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}
