//! What several tests share: a user, a private trial of the CGI program, real servers around it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod apache;
pub mod webdriver;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The system user whose account the tests use: `www-data` when they run as root, else whoever runs them.
#[derive(Clone, Debug)]
pub struct TestUser {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl TestUser {
    pub fn get() -> Self {
        let me = panelgate::sys::identity::uids().effective;
        let user = if me == 0 {
            panelgate::sys::users::by_name("www-data")
        } else {
            panelgate::sys::users::by_uid(me)
        };
        let user = user.expect("a user database").expect("a user of the tests");
        Self { name: user.name, uid: user.uid, gid: user.gid }
    }

    /// Gives a file or a whole directory to the user.
    pub fn own(&self, path: &Path) {
        if !is_root() {
            return;
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid)).expect("chown");
        if path.symlink_metadata().expect("it is there").is_dir() {
            for entry in std::fs::read_dir(path).expect("a directory") {
                self.own(&entry.expect("an entry").path());
            }
        }
    }
}

pub fn is_root() -> bool {
    panelgate::sys::identity::uids().effective == 0
}

pub fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

/// A loopback port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("its address").port()
}

/// Waits until something is so, for 20 seconds at most.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The built CGI program.
pub fn cgi_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_panelgate-cgi"))
}
