//! System users that a test makes, and that vanish with it. They need root.

use std::ops::Deref;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use panelgate::sys::users::{self, User};

use super::wait_for;

/// A system user with a group of its own; both are removed at the end. What lies in the home is the caller's to remove.
pub struct SystemUser(User);

impl SystemUser {
    /// Its home is a directory of its own name below `homes`, which is not made.
    pub fn make(homes: &Path, shell: &str) -> Self {
        static NAMES: AtomicU32 = AtomicU32::new(0);
        static UIDS: AtomicU32 = AtomicU32::new(0);
        let name = format!("pgt{}x{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
        let home = homes.join(&name);
        // Somebody else may have the user database locked at this moment.
        wait_for("a user", || {
            // One that nobody has had in this run: a process of a test that is over may still have its uid.
            let uid = 21_001 + std::process::id() % 80 * 100 + UIDS.fetch_add(1, Ordering::Relaxed);
            let mut command = Command::new("useradd");
            command.args(["-M", "-s", shell, "-u", &uid.to_string(), "-d"]).arg(&home).arg(&name);
            command.stderr(Stdio::null()).status().expect("useradd runs").success()
        });
        Self(users::by_name(&name).expect("a user database").expect("the new user"))
    }

    /// Gives it one file or directory, without what is below.
    pub fn own(&self, path: &Path) {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid)).expect("chown");
    }

    /// Makes a directory that is its.
    pub fn make_dir(&self, path: &Path) {
        std::fs::create_dir(path).expect("made");
        self.own(path);
    }
}

impl Deref for SystemUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl Drop for SystemUser {
    fn drop(&mut self) {
        for _ in 0..50 {
            let mut command = Command::new("userdel");
            let removed = command.args(["-f", &self.name]).stderr(Stdio::null()).status();
            if removed.is_ok_and(|status| status.success())
                || users::by_name(&self.name).is_ok_and(|user| user.is_none())
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
