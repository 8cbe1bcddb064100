//! A server with custom hosting: two accounts that are system users, a running broker, and the endpoint's program as the web server's user has it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use panelgate::gateway::Remote;
use panelgate::ops::OpenRequest;
use panelgate::publish::endpoint_access;
use panelgate::sandbox::{Builder, Options};
use panelgate::store::{InstallKey, Store};
use panelgate::sys::users;
use panelgate::types::WebUrl;

use crate::common::users::SystemUser;
use crate::common::{self, BUILDER_PASSWORD, BUILDER_USER, chmod, domain, wait_for};

/// A system user of a test, with a home of its own; removed with it.
pub struct Account {
    pub user: SystemUser,
    pub site: String,
}

impl Account {
    fn make(dir: &Path) -> Self {
        let user = SystemUser::make(&dir.join("home"), "/usr/sbin/nologin");
        user.make_dir(&user.home);
        chmod(&user.home, 0o711);
        let account = Self { site: format!("{}.example", user.name), user };
        account.user.make_dir(&account.root());
        account
    }

    /// The document root.
    pub fn root(&self) -> PathBuf {
        self.user.home.join("public_html")
    }

    pub fn own(&self, path: &Path) {
        self.user.own(path);
    }

    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root().join(path)).ok()
    }

    /// The names in the document root, without our own.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// How the builder reaches a site.
#[derive(Clone, Debug)]
pub struct Access {
    /// The path of the site's address, with a slash at its end.
    pub path: String,
    pub username: String,
    pub password: String,
}

impl Access {
    pub fn header(&self) -> String {
        use base64::Engine;
        let pair = format!("{}:{}", self.username, self.password);
        format!("Authorization: Basic {}\r\n", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

pub struct World {
    // In this order: the broker ends before the users vanish, and these before their homes.
    broker: Broker,
    pub a: Account,
    pub b: Account,
    pub builder: Builder,
    pub dir: tempfile::TempDir,
}

struct Broker(Option<Child>);

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut broker) = self.0.take() {
            // SIGTERM lets the workers end too.
            let _ = Command::new("kill").arg(broker.id().to_string()).status();
            let _ = broker.wait();
        }
    }
}

impl World {
    pub fn start() -> Self {
        Self::with("")
    }

    /// `more` is added to the section `[publish]`.
    pub fn with(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o711);
        for name in ["etc", "accounts.d", "home", "endpoint"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            chmod(&dir.path().join(name), 0o755);
        }
        let builder = Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).unwrap();
        std::fs::write(dir.path().join("ca.pem"), builder.ca_pem()).unwrap();
        let (a, b) = (Account::make(dir.path()), Account::make(dir.path()));
        let mut world = Self { broker: Broker(None), a, b, builder, dir };
        world.configure(more);
        world.write_account(&world.a, "");
        world.write_account(&world.b, "");
        for (program, name) in [
            (Path::new(env!("CARGO_BIN_EXE_panelgate")), "panelgate"),
            (&common::cgi_program(), "endpoint/publish.cgi"),
        ] {
            assert!(Command::new("cp").arg(program).arg(world.path(name)).status().unwrap().success());
        }
        let config = world.path("endpoint/panelgate.ini");
        std::fs::write(&config, format!("[broker]\nsocket = {}\n", world.socket().display())).unwrap();
        chmod(&config, 0o600);
        let web = users::by_name("www-data").unwrap().unwrap();
        for name in ["endpoint", "endpoint/publish.cgi", "endpoint/panelgate.ini"] {
            std::os::unix::fs::chown(world.path(name), Some(web.uid), Some(web.gid)).unwrap();
        }
        world.start_broker();
        for account in [&world.a, &world.b] {
            let request = OpenRequest { site: Some(domain(&account.site)), ..OpenRequest::new() };
            world.remote().open(&request).unwrap();
        }
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("broker.sock")
    }

    pub fn configure(&self, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "[panel]\nkind = ini\naccounts_dir = {dir}/accounts.d\n\
             [builder]\nurl = {}\nusername = {BUILDER_USER}\npassword = {BUILDER_PASSWORD}\nca_file = {dir}/ca.pem\nhosts = {}\nallow_http = yes\n\
             [publish]\nendpoint = https://panel.example/panelgate/\n{more}\n[store]\ndir = {dir}/state\n\
             [broker]\nweb_users = www-data\n",
            self.builder.api_url(),
            self.builder.page_host(),
        );
        let path = self.path("etc/panelgate.ini");
        std::fs::write(&path, text).unwrap();
        chmod(&path, 0o600);
    }

    /// Writes what the panel says about an account; `more` is added to its section.
    pub fn write_account(&self, account: &Account, more: &str) {
        let text = format!(
            "[account]\nuid = {}\n{more}\n[site {}]\nkind = main\ndocument_root = {}\n",
            account.user.uid,
            account.site,
            account.root().display()
        );
        std::fs::write(self.path(&format!("accounts.d/{}.ini", account.user.name)), text).unwrap();
    }

    pub fn start_broker(&mut self) {
        let log =
            std::fs::OpenOptions::new().append(true).create(true).open(self.path("broker.log")).unwrap();
        let mut command = Command::new(self.path("panelgate"));
        command.env_clear().arg("--config").arg(self.path("etc/panelgate.ini"));
        command.arg("--socket").arg(self.socket()).args(["-vv", "broker"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.broker.0 = Some(command.spawn().unwrap());
        wait_for("the broker", || std::os::unix::net::UnixStream::connect(self.socket()).is_ok());
    }

    pub fn signal(&self, signal: &str) {
        let id = self.broker.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Waits for the broker's end and gives its exit code.
    pub fn broker_ends(&mut self) -> Option<i32> {
        self.broker.0.take().unwrap().wait().unwrap().code()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("broker.log")).unwrap()
    }

    /// The broker, as root sees it.
    pub fn remote(&self) -> Remote {
        Remote::new(&self.socket())
    }

    /// How the builder reaches an account's site at this moment.
    pub fn access(&self, account: &Account) -> Access {
        let store = Store::open(&self.path("state")).unwrap();
        let key = InstallKey::load_or_create(&self.path("state")).unwrap();
        let row = store.current(&domain(&account.site)).unwrap().expect("it was opened");
        let endpoint = WebUrl::parse("https://panel.example/panelgate").unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let access = endpoint_access(&key, &endpoint, &row, now);
        Access {
            path: access.url.path_and_query().to_owned(),
            username: access.username,
            password: access.password.expose().to_owned(),
        }
    }

    /// The processes of the workers of an account, as the kernel lists them.
    pub fn workers(&self, account: &Account) -> Vec<u32> {
        let entries = std::fs::read_dir("/proc").unwrap();
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let is_its = |id: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("Uid:")).unwrap_or_default();
            line.split_ascii_whitespace().nth(1) == Some(&account.user.uid.to_string())
        };
        ids.filter(is_its).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Sends bytes to a port and reads to the end. The connection closes after the answer.
pub fn exchange(port: u16, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A server that has answered already may have closed its side.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Answer { status, head: head.to_owned(), body }
}

fn unchunk(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        body.push_str(&rest[..size]);
        text = &rest[size + 2..];
    }
    body
}

/// A request to the endpoint, with `Content-Length` if there is a body.
pub fn request(port: u16, access: &Access, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
    let mut bytes = format!(
        "{method} {}{path} HTTP/1.1\r\nHost: panel.example\r\nConnection: close\r\n{}",
        access.path,
        access.header()
    )
    .into_bytes();
    if let Some(body) = body {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(b"Content-Type: application/octet-stream\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.unwrap_or_default());
    exchange(port, &bytes)
}

pub fn put(port: u16, access: &Access, path: &str, body: &[u8]) -> Answer {
    request(port, access, "POST", path, Some(body))
}

pub fn get(port: u16, access: &Access, path: &str) -> Answer {
    request(port, access, "GET", path, None)
}
