//! A server of custom hosting with its builder. Events are told and jobs are run by the program itself.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use panelgate::gateway::{self, Direct, Gateway, Reach};
use panelgate::ops::OpenRequest;
use panelgate::sandbox::{Builder, Options};
use panelgate::store::{Job, JobQuery, JobState, SiteRow, Store};
use panelgate::types::{Domain, Username};
use serde_json::Value;

use crate::common::{BUILDER_PASSWORD, BUILDER_USER, chmod};

const PROGRAM: &str = env!("CARGO_BIN_EXE_panelgate");

pub struct World {
    pub dir: tempfile::TempDir,
    pub builder: Builder,
}

/// An account's file.
#[derive(Clone, Debug, Default)]
pub struct Made<'a> {
    /// The panel's mark; empty: none.
    pub created: &'a str,
    pub suspended: bool,
    pub without: bool,
    /// Its sites; the first one is the main one, and one with a `!` is suspended.
    pub sites: &'a [&'a str],
}

pub fn domain(name: &str) -> Domain {
    Domain::new(name).unwrap()
}

fn builder(port: u16) -> Builder {
    Builder::start(Options { port, ..Options::new(BUILDER_USER, BUILDER_PASSWORD) }).unwrap()
}

impl World {
    /// alice (uid 2001) and bob (uid 2002), with a grace time that no test lives to see the end of.
    pub fn start() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap(), builder: builder(0) };
        std::fs::create_dir_all(world.path("root/etc/panelgate/accounts.d")).unwrap();
        world.configure("");
        world.users(&[("alice", 2001), ("bob", 2002), ("carol", 2003)]);
        world.account(
            "alice",
            &Made { created: "1", sites: &["alice.example", "shop.example"], ..Made::default() },
        );
        world.account("bob", &Made { created: "2", sites: &["bob.example"], ..Made::default() });
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn users(&self, users: &[(&str, u32)]) {
        let line = |(name, uid): &(&str, u32)| format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n");
        let text: String = users.iter().map(line).collect();
        std::fs::write(self.path("root/etc/passwd"), format!("root:x:0:0::/root:/bin/sh\n{text}")).unwrap();
    }

    pub fn configure(&self, more: &str) {
        std::fs::write(self.path("ca.pem"), self.builder.ca_pem()).unwrap();
        let dir = self.dir.path().display();
        let text = format!(
            "[panel]\nkind = ini\nroot = {dir}/root\npublic_ip = 192.0.2.1\n[builder]\nurl = {}\nusername = {BUILDER_USER}\n\
             password = {BUILDER_PASSWORD}\nca_file = {dir}/ca.pem\nconnect_timeout = 60\n[publish]\nendpoint = https://panel.example/publish\n\
             [store]\ndir = {dir}/state\n{more}\n",
            self.builder.api_url()
        );
        std::fs::write(self.config(), text).unwrap();
        chmod(&self.config(), 0o600);
    }

    pub fn config(&self) -> PathBuf {
        self.path("panelgate.ini")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path("root/etc/panelgate/accounts.d").join(format!("{name}.ini"))
    }

    /// Writes an account's file, whole at any moment.
    pub fn account(&self, name: &str, made: &Made<'_>) {
        let mut text = String::from("[account]\n");
        if !made.created.is_empty() {
            text += &format!("created = {}\n", made.created);
        }
        if made.suspended {
            text += "suspended = yes\n";
        }
        if made.without {
            text += "builder = no\n";
        }
        for (index, site) in made.sites.iter().enumerate() {
            let kind = if index == 0 { "main" } else { "addon" };
            let (site, suspended) =
                site.strip_prefix('!').map_or((*site, ""), |site| (site, "suspended = yes\n"));
            text +=
                &format!("[site {site}]\nkind = {kind}\ndocument_root = /home/{name}/{site}\n{suspended}");
        }
        let draft = self.path(&format!("{name}.draft"));
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.file(name)).unwrap();
    }

    pub fn remove_account(&self, name: &str) {
        std::fs::remove_file(self.file(name)).unwrap();
    }

    pub fn damage_account(&self, name: &str) {
        std::fs::write(self.file(name), "[account]\nno such key = 1\n").unwrap();
    }

    pub fn direct(&self) -> Direct {
        gateway::direct(Reach { config: Some(&self.config()), socket: None }).unwrap()
    }

    /// Opens the builder for a site, as a click does; from then on it has a project there.
    pub fn open(&self, account: &str, site: &str) -> SiteRow {
        let request = OpenRequest {
            account: Some(Username::new(account).unwrap()),
            site: Some(domain(site)),
            ..OpenRequest::new()
        };
        self.direct().open(&request).unwrap();
        let row = self.row(site).unwrap();
        self.builder.set_project(row.key.as_str(), format!("the project {}", row.key).into_bytes());
        row
    }

    pub fn store(&self) -> Store {
        Store::open(&self.path("state")).unwrap()
    }

    pub fn row(&self, site: &str) -> Option<SiteRow> {
        self.store().current(&domain(site)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(self.config()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Tells of an event by its options; gives the answer.
    pub fn tell(&self, event: &str, more: &[&str]) -> Value {
        let output = self.run(&[&["event", "plain", "--json", "--event", event], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Tells of an event by its payload.
    pub fn pipe(&self, source: &str, payload: &[u8]) -> Output {
        let mut command = self.command(&["event", source, "--json"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // One that has read enough closes its end.
        let _ = child.stdin.take().unwrap().write_all(payload);
        child.wait_with_output().unwrap()
    }

    /// Does all work whose time has come.
    pub fn once(&self) {
        let output = self.run(&["jobs", "--once"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Lets the grace time of what is gone be over, and does all that follows.
    pub fn settle(&self) {
        self.configure("[lifecycle]\ngrace = 1s");
        self.once();
        std::thread::sleep(Duration::from_millis(2100));
        for _ in 0..2 {
            self.hasten();
            self.once();
        }
    }

    /// Lets the ends of keys that wait be tried now.
    pub fn hasten(&self) {
        for job in ["remove-site", "close-site"].into_iter().flat_map(|kind| self.jobs(kind)) {
            if job.state == JobState::Waiting {
                self.store().retry_job(job.id).unwrap();
            }
        }
    }

    pub fn daemon(&self) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.path("jobs.log")).unwrap();
        self.command(&["jobs", "--verbose"]).stderr(log).spawn().unwrap()
    }

    pub fn jobs(&self, kind: &str) -> Vec<Job> {
        let query = JobQuery { kind: Some(kind.into()), limit: 20_000, ..JobQuery::default() };
        self.store().jobs(&query).unwrap()
    }

    /// Bodies of calls, oldest first.
    pub fn calls(&self, name: &str) -> Vec<Value> {
        let requests = self.builder.requests();
        requests.into_iter().filter(|call| call.target.ends_with(name)).map(|call| call.body).collect()
    }

    /// What the builder was told about a site, oldest first.
    pub fn blocked(&self, key: &str) -> Vec<bool> {
        let calls = self.calls("set-blocked");
        calls
            .iter()
            .filter(|body| body["domain"] == key)
            .map(|body| body["value"].as_bool().unwrap())
            .collect()
    }

    /// Ends the builder; gives its port for the next one.
    pub fn stop_builder(&mut self) {
        self.builder.stop();
    }

    /// Another builder, which the configuration names from now on.
    pub fn another_builder(&mut self) {
        self.builder = builder(0);
    }

    /// Files of project backups of a key.
    pub fn saved(&self, key: &str) -> Vec<Vec<u8>> {
        let entries = std::fs::read_dir(self.path("state/backups").join(key)).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_none_or(|end| end != "json"))
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    }
}

/// Ends a program that a test has started.
pub fn end(mut child: Child) {
    let _ = Command::new("kill").arg(child.id().to_string()).status();
    let _ = child.wait();
}
