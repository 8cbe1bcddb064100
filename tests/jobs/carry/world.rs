//! Custom hosting with accounts that are system users, a builder, and the program that runs jobs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use panelgate::sandbox::{Builder, Options};
use panelgate::store::{Binding, JobsLock, Store};
use panelgate::types::{Domain, Username};
use serde_json::Value;

use crate::common::users::SystemUser;
use crate::common::{BUILDER_PASSWORD, BUILDER_USER, chmod, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_panelgate");

/// A system user of a test with one site, and a home that goes with it.
pub struct Account {
    pub user: SystemUser,
    pub site: String,
}

impl Account {
    fn make(dir: &Path) -> Self {
        let user = SystemUser::make(&dir.join("home"), "/usr/sbin/nologin");
        user.make_dir(&user.home);
        chmod(&user.home, 0o711);
        user.make_dir(&user.home.join("public_html"));
        Self { site: format!("{}.example", user.name), user }
    }

    pub fn own(&self, path: &Path) {
        self.user.own(path);
    }

    pub fn home(&self) -> &Path {
        &self.user.home
    }

    /// `~/.panelgate`.
    pub fn base(&self) -> PathBuf {
        self.user.home.join(".panelgate")
    }

    pub fn project(&self) -> PathBuf {
        self.base().join(format!("backup/{}.sitebuilder", self.site))
    }

    pub fn label(&self) -> PathBuf {
        self.base().join(format!("backup/{}.json", self.site))
    }

    /// Makes `~/.panelgate/backup`, as a restore may have.
    pub fn make_shelf(&self) {
        std::fs::create_dir_all(self.base().join("backup")).unwrap();
        for path in [self.base(), self.base().join("backup")] {
            self.own(&path);
            chmod(&path, 0o700);
        }
    }

    /// What lies below `~/.panelgate` but directories, with paths from there.
    pub fn left(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.base()];
        while let Some(next) = open.pop() {
            let Ok(entries) = std::fs::read_dir(next) else { continue };
            for entry in entries {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    found.push(entry.path().strip_prefix(self.base()).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

/// A child of the test, killed with it.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct CarryWorld {
    pub alice: Account,
    pub bob: Account,
    pub builder: Builder,
    pub dir: tempfile::TempDir,
}

impl CarryWorld {
    /// `more` is added to the section `[backup]`.
    pub fn start(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "accounts.d", "home"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            chmod(&path, 0o711);
        }
        let builder = Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).unwrap();
        std::fs::write(dir.path().join("ca.pem"), builder.ca_pem()).unwrap();
        let (alice, bob) = (Account::make(dir.path()), Account::make(dir.path()));
        let world = Self { alice, bob, builder, dir };
        world.configure(&world.builder.api_url(), more);
        for account in [&world.alice, &world.bob] {
            world.write_account(account);
            world.bind(account, &account.site);
            world.builder.set_project(&account.site, format!("the project of {}", account.site).into_bytes());
        }
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn configure(&self, url: &str, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "[panel]\nkind = ini\naccounts_dir = {dir}/accounts.d\n[builder]\nurl = {url}\nusername = {BUILDER_USER}\n\
             password = {BUILDER_PASSWORD}\nca_file = {dir}/ca.pem\n[store]\ndir = {dir}/state\n\
             [publish]\nworker_program = {PROGRAM}\n[backup]\n{more}\n"
        );
        std::fs::write(self.config(), text).unwrap();
        chmod(&self.config(), 0o600);
    }

    pub fn config(&self) -> PathBuf {
        self.path("panelgate.ini")
    }

    fn write_account(&self, account: &Account) {
        let text = format!(
            "[account]\nuid = {}\n[site {}]\nkind = main\ndocument_root = {}/public_html\n",
            account.user.uid,
            account.site,
            account.home().display()
        );
        std::fs::write(self.path(&format!("accounts.d/{}.ini", account.user.name)), text).unwrap();
    }

    /// The site was opened by the account.
    fn bind(&self, account: &Account, site: &str) {
        let config = panelgate::config::Config::load(&self.config()).unwrap();
        let panel = panelgate::panel::open(&config.panel).unwrap();
        let owner = panel.account(&Username::new(&account.user.name).unwrap()).unwrap().id;
        self.store().bind(&Domain::new(site).unwrap(), &owner, None, Binding::Plain).unwrap();
    }

    pub fn store(&self) -> Store {
        Store::open(&self.path("state")).unwrap()
    }

    /// The program that runs jobs; it does so when this returns.
    pub fn jobs(&self) -> Running {
        let child = self.command(&["jobs"]).stderr(Stdio::null()).spawn().unwrap();
        wait_for("the jobs", || JobsLock::is_held(&self.path("state")));
        Running(child)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.config()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command that must succeed prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn attach(&self, account: &Account) -> Value {
        self.json(&["backup", "attach", &account.user.name])
    }

    pub fn detach(&self, account: &Account) -> Value {
        self.json(&["backup", "detach", &account.user.name])
    }

    pub fn carried(&self, account: &Account) -> Value {
        self.json(&["backup", "carried", &account.user.name])
    }

    /// Exit code and words.
    pub fn code(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Makes a backup of each project, as the schedule does, with nobody else running jobs.
    pub fn back_up(&self) {
        assert_eq!(self.code(&["backup", "create", "--all", "--fresh"]).0, 0);
        assert_eq!(self.code(&["jobs", "--once"]).0, 0);
    }
}

pub fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
