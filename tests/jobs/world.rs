//! A server with a store, a builder, and the program that runs jobs.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::{Builder, Options};
use panelgate::store::{Binding, Job, Store};
use panelgate::sys::users::User;
use panelgate::types::{AccountId, Domain, Username};

use crate::common::{self, BUILDER_PASSWORD, BUILDER_USER, chmod};

const PROGRAM: &str = env!("CARGO_BIN_EXE_panelgate");

/// A server whose site shop.example has gone from alice to bob.
pub struct World {
    pub dir: tempfile::TempDir,
    pub builder: Builder,
    pub job: u64,
}

impl World {
    pub fn start(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let builder = Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).unwrap();
        let uid = if common::is_root() { 20_001 } else { rustix::process::geteuid().as_raw() };
        let user = User { name: "bob".into(), uid, gid: uid, home: "/home/bob".into() };
        let site = TreeSite::new(shop(), SiteKind::Main, "public_html");
        let others = ["blog.shop.example", "third.example"].map(|name| {
            let kind = if name.ends_with("shop.example") { SiteKind::Sub } else { SiteKind::Addon };
            TreeSite::new(Domain::new(name).unwrap(), kind, name)
        });
        write_cpanel_tree(&dir.path().join("root"), &user, &[&[site][..], &others].concat()).unwrap();
        std::fs::write(dir.path().join("ca.pem"), builder.ca_pem()).unwrap();
        let world = Self { dir, builder, job: 0 };
        world.configure(more);
        let store = world.store();
        let alice = AccountId::new("cpanel", Username::new("alice").unwrap(), 20_001, "1");
        let bob = world.bob();
        let old = store.bind(&shop(), &alice, None, Binding::Plain).unwrap();
        let new = store.bind(&shop(), &bob, Some(&old), Binding::Plain).unwrap();
        let third = Domain::new("third.example").unwrap();
        store.bind(&third, &bob, None, Binding::Plain).unwrap();
        world.builder.set_project("third.example", b"a third project".to_vec());
        world.builder.set_project("shop.example", project(4 << 20));
        world.builder.set_project(new.key.as_str(), b"of the successor".to_vec());
        let job = store.jobs(&panelgate::store::JobQuery { limit: 1, ..Default::default() }).unwrap()[0].id;
        Self { job, ..world }
    }

    pub fn configure(&self, more: &str) {
        self.configure_panel("cpanel", "root", more);
    }

    pub fn configure_panel(&self, kind: &str, root: &str, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "[panel]\nkind = {kind}\nroot = {dir}/{root}\n[builder]\nurl = {}\nusername = {BUILDER_USER}\npassword = {BUILDER_PASSWORD}\n\
             ca_file = {dir}/ca.pem\n[store]\ndir = {dir}/state\n{more}\n",
            self.builder.api_url()
        );
        std::fs::write(self.config(), text).unwrap();
        chmod(&self.config(), 0o600);
    }

    /// Who bob is, by the panel's data.
    pub fn bob(&self) -> AccountId {
        let config = panelgate::config::Config::load(&self.config()).unwrap();
        let panel = panelgate::panel::open(&config.panel).unwrap();
        panel.account(&Username::new("bob").unwrap()).unwrap().id
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("panelgate.ini")
    }

    pub fn store(&self) -> Store {
        Store::open(&self.dir.path().join("state")).unwrap()
    }

    pub fn row(&self) -> Job {
        self.store().job(self.job).unwrap().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.config()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn once(&self) {
        let output = self.run(&["jobs", "--once"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn daemon(&self) -> Child {
        self.command(&["jobs"]).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The files of backups of the plain key, by whether they have a final name.
    pub fn files(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        self.files_of("shop.example")
    }

    pub fn files_of(&self, key: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let folder = self.dir.path().join("state/backups").join(key);
        let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        let files: Vec<PathBuf> =
            entries.filter(|path| path.extension().is_none_or(|end| end != "json")).collect();
        files.into_iter().partition(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'))
    }

    pub fn calls(&self, name: &str) -> usize {
        self.builder.requests().iter().filter(|call| call.target.ends_with(name)).count()
    }
}

pub fn shop() -> Domain {
    Domain::new("shop.example").unwrap()
}

pub fn project(size: usize) -> Vec<u8> {
    (0..size).map(|number| (number % 251) as u8).collect()
}

pub fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(180);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}
