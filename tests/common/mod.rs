//! What several tests share: a user, a private trial of the CGI program, real servers around it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod apache;
pub mod servers;
pub mod users;
pub mod webdriver;

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use panelgate::config::PanelKind;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::{self, TreeSite};
use panelgate::sandbox::{Builder, Options, tree_directadmin, tree_plesk};
use panelgate::sys::users::User;
use panelgate::types::Domain;

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

/// Waits until something is so, for three minutes at most: machines may be slow.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(180);
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A copy of a program where the tests' user can run it.
pub fn copy_of(program: &str, trial: &Trial) -> PathBuf {
    let name = Path::new(program).file_name().expect("a name");
    let copy = trial.dir.path().join("bin").join(name);
    if !copy.exists() {
        // By another process: a file that this one has open for writing cannot be run if a test beside forks at that moment.
        let copied = Command::new("cp").arg(program).arg(&copy).status().expect("cp runs");
        assert!(copied.success());
        chmod(&copy, 0o755);
    }
    copy
}

/// The built CGI program.
pub fn cgi_program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_panelgate-cgi"))
}

/// The builder's credentials in the tests.
pub const BUILDER_USER: &str = "brand-user";
pub const BUILDER_PASSWORD: &str = "Sandbox-Pa55word";

/// Account A is the tests' own user, or, where that is a panel user, somebody of this name; account B is somebody else with a site of their own.
pub const NAME_OF_A: &str = "pgtesta";
pub const SITE_MAIN: &str = "alice.example";
pub const SITE_IDN: &str = "bücher.example";
pub const SITE_SUB: &str = "blog.alice.example";
pub const SITE_ALIAS: &str = "alice-alias.example";
pub const SITE_OF_B: &str = "bob.example";
pub const NAME_OF_B: &str = "pgtestb";
const UID_OF_A: u32 = 40_000;
const UID_OF_B: u32 = 40_001;

/// Which sites account A has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sites {
    One,
    Several,
}

/// A private trial: a panel's tree with two accounts, the sandbox builder, and a configuration of the tests' user.
pub struct Trial {
    pub dir: tempfile::TempDir,
    pub user: TestUser,
    /// The name of account A.
    pub account: String,
    pub builder: Builder,
    pub panel: PanelKind,
}

impl Trial {
    pub fn start(panel: PanelKind, sites: Sites) -> Self {
        Self::with(panel, sites, "")
    }

    /// `more` is added to the configuration.
    pub fn with(panel: PanelKind, sites: Sites, more: &str) -> Self {
        let user = TestUser::get();
        let a = account(&user.name, user.uid, user.gid);
        Self::build(panel, user, &a, own_sites(sites), more)
    }

    /// The tests' user is the account itself. `more` are further sites of it.
    pub fn of_account(panel: PanelKind, more: &[TreeSite]) -> Self {
        let user = TestUser::get();
        let a = account(&user.name, user.uid, user.gid);
        Self::build(panel, user, &a, [&own_sites(Sites::Several), more].concat(), "")
    }

    /// The tests' user is a panel user, and the account is somebody else. `more` are further sites of the account.
    pub fn of_panel_user(panel: PanelKind, more: &[TreeSite]) -> Self {
        let user = TestUser::get();
        let a = account(NAME_OF_A, UID_OF_A, UID_OF_A);
        let config = format!("[broker]\npanel_users = {}", user.name);
        Self::build(panel, user, &a, [&own_sites(Sites::Several), more].concat(), &config)
    }

    fn build(panel: PanelKind, user: TestUser, a: &User, sites: Vec<TreeSite>, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        let b = account(NAME_OF_B, UID_OF_B, UID_OF_B);
        let of_b = [TreeSite::new(domain(SITE_OF_B), SiteKind::Main, "public_html")];
        for (user, sites) in [(a, sites.as_slice()), (&b, &of_b)] {
            write_tree(panel, &root, user, sites);
        }
        if user.uid != a.uid {
            let passwd = root.join("etc/passwd");
            let mut lines = std::fs::read_to_string(&passwd).expect("read");
            lines.push_str(&format!("{}:x:{}:{}::/nonexistent:/bin/sh\n", user.name, user.uid, user.gid));
            std::fs::write(&passwd, lines).expect("written");
        }
        let builder =
            Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).expect("the sandbox starts");
        let trial = Self { dir, user, account: a.name.clone(), builder, panel };
        std::fs::write(trial.dir.path().join("ca.pem"), trial.builder.ca_pem()).expect("written");
        trial.write_config(more);
        trial.user.own(trial.dir.path());
        trial
    }

    /// A file below the tree's root.
    pub fn in_tree(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path)
    }

    /// The configuration, in a directory of programs.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("bin/panelgate.ini")
    }

    pub fn write_config(&self, more: &str) {
        let dir = self.dir.path().display();
        // Only the tests of that proof have a panel that could confirm a session.
        let no_proof = self.panel == PanelKind::DirectAdmin && !more.contains("[directadmin]");
        let proof = if no_proof { "[directadmin]\nrequire_session = no\n" } else { "" };
        let text = format!(
            "[panel]\nkind = {}\nroot = {dir}/root\npublic_ip = 192.0.2.10\n\
             [builder]\nurl = {}\nusername = {BUILDER_USER}\npassword = {BUILDER_PASSWORD}\nca_file = {dir}/ca.pem\nhosts = {}\n\
             [publish]\nendpoint = https://panel.example/panelgate/\n[store]\ndir = {dir}/state\n{proof}{more}\n",
            self.panel.name(),
            self.builder.api_url(),
            self.builder.page_host(),
        );
        let config = self.config();
        std::fs::create_dir_all(config.parent().expect("a directory")).expect("made");
        std::fs::write(&config, text).expect("written");
        chmod(&config, 0o600);
        chmod(config.parent().expect("a directory"), 0o755);
        self.user.own(config.parent().expect("a directory"));
    }

    /// Replaces a file of the panel's tree: for what `with` does not offer, and for what changes while people look.
    pub fn replace(&self, file: &str, text: &str) {
        let file = self.dir.path().join("root").join(file);
        std::fs::write(&file, text).expect("written");
        chmod(&file, 0o644);
        self.user.own(&file);
    }

    /// Sets one line of account A's file on a cPanel server, such as its locale.
    pub fn set_account_line(&self, key: &str, value: &str) {
        let file = format!("var/cpanel/users/{}", self.user.name);
        let old = std::fs::read_to_string(self.dir.path().join("root").join(&file)).expect("the file");
        let line = |line: &str| line.split_once('=').is_some_and(|(name, _)| name == key);
        assert_eq!(old.lines().filter(|text| line(text)).count(), 1, "{key} stands there once");
        let new: String = old
            .lines()
            .map(|text| if line(text) { format!("{key}={value}\n") } else { format!("{text}\n") })
            .collect();
        self.replace(&file, &new);
    }

    /// A copy of the CGI program under a name of its own, beside the configuration.
    pub fn program(&self, name: &str) -> PathBuf {
        let program = self.dir.path().join("bin").join(name);
        // By another process: a file that this one has open for writing cannot be run if a test beside forks at that moment.
        let copied = Command::new("cp").arg(cgi_program()).arg(&program).status().expect("cp runs");
        assert!(copied.success());
        chmod(&program, 0o755);
        self.user.own(&program);
        program
    }

    /// Runs a program as the tests' user with exactly these variables.
    pub fn run(&self, program: &Path, arguments: &[&str], variables: &[(&str, &str)], body: &[u8]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(variables.iter().copied()).current_dir("/");
        if is_root() {
            command.uid(self.user.uid).gid(self.user.gid);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let _ = stdin.write_all(body);
        drop(stdin);
        child.wait_with_output().expect("the program ends")
    }

    /// How many sessions the builder has handed out.
    pub fn sessions(&self) -> usize {
        self.builder.requests().iter().filter(|call| call.target.contains("requestLogin")).count()
    }
}

fn account(name: &str, uid: u32, gid: u32) -> User {
    User { name: name.into(), uid, gid, home: format!("/home/{name}").into() }
}

fn own_sites(sites: Sites) -> Vec<TreeSite> {
    let mut own = vec![TreeSite::new(domain(SITE_MAIN), SiteKind::Main, "public_html")];
    if sites == Sites::Several {
        own.push(TreeSite::new(domain(SITE_IDN), SiteKind::Addon, "books"));
        own.push(TreeSite::new(domain(SITE_SUB), SiteKind::Sub, "public_html/blog"));
        own.push(TreeSite::new(domain(SITE_ALIAS), SiteKind::Alias, "public_html"));
    }
    own
}

pub fn domain(name: &str) -> Domain {
    Domain::new(name).expect("a domain")
}

fn write_tree(panel: PanelKind, root: &Path, user: &User, sites: &[TreeSite]) {
    match panel {
        PanelKind::CPanel => tree::write_cpanel_tree(root, user, sites).expect("a tree"),
        PanelKind::DirectAdmin => {
            tree_directadmin::write_directadmin_tree(root, user, sites).expect("a tree")
        }
        PanelKind::Plesk => tree_plesk::write_plesk_tree(root, user, sites).expect("a tree"),
        PanelKind::Ini => write_ini_tree(root, user, sites),
    }
}

fn write_ini_tree(root: &Path, user: &User, sites: &[TreeSite]) {
    // The user database is the same for all trees.
    let accounts = root.join("etc/panelgate/accounts.d");
    std::fs::create_dir_all(&accounts).expect("made");
    let passwd = root.join("etc/passwd");
    let mut lines = std::fs::read_to_string(&passwd).unwrap_or_else(|_| "root:x:0:0::/root:/bin/sh\n".into());
    lines.push_str(&format!("{}:x:{}:{}::{}:/bin/sh\n", user.name, user.uid, user.gid, user.home.display()));
    std::fs::write(&passwd, lines).expect("written");
    let mut text = String::from("[account]\nplan = Gold\nlocale = en\n");
    for site in sites {
        let (kind, root) = match site.kind {
            SiteKind::Main => ("main", true),
            SiteKind::Addon => ("addon", true),
            SiteKind::Sub => ("sub", true),
            SiteKind::Alias => ("alias", false),
        };
        text.push_str(&format!("[site {}]\nkind = {kind}\n", site.domain));
        let folder = user.home.join(&site.folder);
        let line = if root {
            format!("document_root = {}\n", folder.display())
        } else {
            format!("of = {SITE_MAIN}\n")
        };
        text.push_str(&line);
    }
    std::fs::write(accounts.join(format!("{}.ini", user.name)), text).expect("written");
}
