//! A cPanel-like server with a running broker, and processes of its users.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use panelgate::gateway::Remote;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::{Builder, Options};
use panelgate::sys::users::User;
use serde_json::{Value, json};

use crate::common::{self, BUILDER_PASSWORD, BUILDER_USER, chmod, domain, wait_for};

pub const A: u32 = 20_001;
pub const B: u32 = 20_002;
pub const SUSPENDED: u32 = 20_003;
pub const DEMO: u32 = 20_004;
pub const WITHOUT: u32 = 20_005;
pub const PANEL: u32 = 901;
pub const WEB: u32 = 902;
pub const FRONT: u32 = 903;
pub const STRANGER: u32 = 30_000;

/// A client of the protocol in a language of its own, so that a frame is what the document says and not what the library thinks.
const CLIENT: &str = r#"
import json, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(70)
s.connect(sys.argv[1])
body = sys.argv[2].encode()
s.sendall(struct.pack(">I", len(body)) + body)
data = b""
while True:
    part = s.recv(65536)
    if not part: break
    data += part
if data:
    assert struct.unpack(">I", data[:4])[0] == len(data) - 4
    print(data[4:].decode())
"#;

/// Asks for a file: prints the answer, then what the kernel says of the descriptor, then what is in it, read only when the file named last is there.
const TAKER: &str = r#"
import array, fcntl, hashlib, json, os, socket, stat, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.settimeout(70)
s.connect(sys.argv[1])
body = sys.argv[2].encode()
s.sendall(struct.pack(">I", len(body)) + body)
def whole(count):
    data = b""
    while len(data) < count:
        part = s.recv(count - len(data))
        if not part: raise SystemExit("closed")
        data += part
    return data
answer = json.loads(whole(struct.unpack(">I", whole(4))[0]))
fds, extra, result = array.array("i"), b"", {"answer": answer}
data, control, flags, _ = s.recvmsg(10, socket.CMSG_SPACE(40))
for level, kind, part in control:
    fds.frombytes(part)
result["byte"], result["fds"], result["rest"] = data.decode(), len(fds), len(s.recv(10))
if fds:
    fd = fds[0]
    result["regular"] = stat.S_ISREG(os.fstat(fd).st_mode)
    result["flags"] = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    for name, mode in (("write", os.O_WRONLY), ("path", os.O_RDWR)):
        try:
            os.open("/proc/self/fd/%d" % fd, mode)
            result[name] = True
        except OSError:
            result[name] = False
    if len(sys.argv) > 3:
        open(sys.argv[3] + ".has", "w").close()
        while not os.path.exists(sys.argv[3]): time.sleep(0.02)
    hash = hashlib.sha256()
    while True:
        part = os.read(fd, 1 << 20)
        if not part: break
        hash.update(part)
    result["sha256"] = hash.hexdigest()
print(json.dumps(result))
"#;

pub struct World {
    pub dir: tempfile::TempDir,
    pub builder: Builder,
    broker: Option<Child>,
}

impl World {
    pub fn start() -> Self {
        Self::with("")
    }

    /// `more` is added to the configuration.
    pub fn with(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o711);
        let builder = Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).unwrap();
        let mut world = Self { dir, builder, broker: None };
        world.write_tree();
        std::fs::write(world.path("ca.pem"), world.builder.ca_pem()).unwrap();
        std::fs::write(world.path("client.py"), CLIENT).unwrap();
        std::fs::write(world.path("taker.py"), TAKER).unwrap();
        std::fs::create_dir(world.path("etc")).unwrap();
        world.configure(more);
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_panelgate")).arg(world.path("panelgate")).status();
        assert!(copied.unwrap().success());
        world.start_broker();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("broker.sock")
    }

    fn write_tree(&self) {
        let root = self.path("root");
        let site = |name: &str, kind, folder: &str| TreeSite::new(domain(name), kind, folder);
        let sites_of_a = [
            site("a.example", SiteKind::Main, "public_html"),
            site("sub.a.example", SiteKind::Sub, "sub"),
            site("alias.example", SiteKind::Alias, "public_html"),
        ];
        self.add_account("pga", A, &sites_of_a);
        for (name, uid) in [("pgb", B), ("pgsusp", SUSPENDED), ("pgdemo", DEMO), ("pgwithout", WITHOUT)] {
            self.add_account(
                name,
                uid,
                &[site(&format!("{}.example", &name[2..]), SiteKind::Main, "public_html")],
            );
        }
        self.edit("var/cpanel/users/pgsusp", "SUSPENDED=0", "SUSPENDED=1");
        std::fs::write(root.join("etc/demousers"), "pgdemo\n").unwrap();
        self.edit("var/cpanel/users/pgwithout", "USER=", "FEATURE-panelgate=0\nUSER=");
        let mut passwd = std::fs::OpenOptions::new().append(true).open(root.join("etc/passwd")).unwrap();
        for (name, uid) in [("pgpanel", PANEL), ("pgweb", WEB), ("panelgate-web", FRONT)] {
            writeln!(passwd, "{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin").unwrap();
        }
    }

    pub fn add_account(&self, name: &str, uid: u32, sites: &[TreeSite]) {
        let user = User { name: name.into(), uid, gid: uid, home: format!("/home/{name}").into() };
        write_cpanel_tree(&self.path("root"), &user, sites).unwrap();
    }

    /// Changes a file of the panel's tree.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path("root").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}: {text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    pub fn configure(&self, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "[panel]\nkind = cpanel\nroot = {dir}/root\n\
             [builder]\nurl = {}\nusername = {BUILDER_USER}\npassword = {BUILDER_PASSWORD}\nca_file = {dir}/ca.pem\nhosts = {}\nconnect_timeout = 60\ntimeout = 300\n\
             [publish]\nendpoint = https://panel.example/panelgate/\n[store]\ndir = {dir}/state\n\
             [broker]\npanel_users = pgpanel\nweb_users = pgweb\n{more}\n",
            self.builder.api_url(),
            self.builder.page_host(),
        );
        std::fs::write(self.path("etc/panelgate.ini"), text).unwrap();
        chmod(&self.path("etc/panelgate.ini"), 0o600);
    }

    /// The command that runs the broker, not started yet.
    pub fn broker_command(&self) -> Command {
        let log =
            std::fs::OpenOptions::new().append(true).create(true).open(self.path("broker.log")).unwrap();
        let mut command = Command::new(self.path("panelgate"));
        command.env_clear().arg("--config").arg(self.path("etc/panelgate.ini"));
        command.arg("--socket").arg(self.socket()).args(["-v", "broker"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    pub fn start_broker(&mut self) {
        self.start_with(self.broker_command());
    }

    /// Starts the broker by a command of one's own.
    pub fn start_with(&mut self, mut command: Command) {
        self.broker = Some(command.spawn().unwrap());
        wait_for("the broker", || std::os::unix::net::UnixStream::connect(self.socket()).is_ok());
    }

    /// Ends the broker and removes all that it has stored.
    pub fn without_state(&mut self) {
        self.signal("-TERM");
        assert_eq!(self.broker_ends(), Some(0));
        let _ = std::fs::remove_dir_all(self.path("state"));
    }

    pub fn broker_pid(&self) -> u32 {
        self.broker.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill").args([signal, &self.broker_pid().to_string()]).status().unwrap().success()
        );
    }

    /// Waits for the broker's end and gives its exit code.
    pub fn broker_ends(&mut self) -> Option<i32> {
        self.broker.take().unwrap().wait().unwrap().code()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("broker.log")).unwrap()
    }

    /// The broker, as root sees it.
    pub fn remote(&self) -> Remote {
        Remote::new(&self.socket())
    }

    /// Starts a program as a uid.
    pub fn as_uid(&self, uid: u32, program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir("/")
            .stdin(Stdio::null());
        command.uid(uid).gid(uid);
        command.output().unwrap()
    }

    /// Asks for an operation as a uid: `ok`, or the kind of the error, or `closed`.
    pub fn ask(&self, uid: u32, op: &str, args: Value) -> (String, Value) {
        let request = json!({ "v": 1, "op": op, "reference": "7K3M-9QXT", "args": args }).to_string();
        let (client, socket) = (self.path("client.py"), self.socket());
        let arguments = [client.to_str().unwrap(), socket.to_str().unwrap(), &request];
        let output = self.as_uid(uid, Path::new("/usr/bin/python3"), &arguments, &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let Ok(answer) = serde_json::from_slice::<Value>(&output.stdout) else {
            return ("closed".into(), Value::Null);
        };
        match answer["error"]["kind"].as_str() {
            Some(kind) => (kind.to_owned(), answer["error"]["message"].clone()),
            None => ("ok".to_owned(), answer["ok"].clone()),
        }
    }

    /// Starts to take a backup as a uid; it reads the file when `go` exists, having made `GO.has` when it had the descriptor.
    pub fn take(&self, uid: u32, args: Value, go: Option<&Path>) -> Child {
        let request =
            json!({ "v": 1, "op": "download-project", "reference": "7K3M-9QXT", "args": args }).to_string();
        let mut command = Command::new("/usr/bin/python3");
        command
            .arg(self.path("taker.py"))
            .arg(self.socket())
            .arg(request)
            .args(go)
            .env_clear()
            .current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).uid(uid).gid(uid);
        command.spawn().unwrap()
    }

    /// Takes a backup as a uid: the kind of the error, or what [`TAKER`] says.
    pub fn taken(&self, uid: u32, args: Value) -> (String, Value) {
        taken(self.take(uid, args, None))
    }

    /// Runs the jobs that are due.
    pub fn run_jobs(&self) {
        let mut command = Command::new(self.path("panelgate"));
        command.arg("--config").arg(self.path("etc/panelgate.ini")).args(["jobs", "--once"]);
        let run = command.output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }

    /// Opens a site and backs its project up.
    pub fn back_up(&self, uid: u32, site: &str, project: &[u8]) -> Value {
        assert_eq!(self.ask(uid, "open", json!({ "site": site })).0, "ok");
        self.builder.set_project(site, project.to_vec());
        assert_eq!(self.ask(uid, "backup-project", json!({ "site": site })).0, "ok");
        self.run_jobs();
        let (_, seen) = self.ask(uid, "backups", json!({ "site": site }));
        assert_eq!(seen["job"]["state"], "done", "{seen}");
        seen["files"][0].clone()
    }

    /// Clicks the icon as an account: the real page, which finds the broker's socket in its private configuration.
    pub fn click(&self, uid: u32, query: &str) -> String {
        let page = self.page(uid);
        let variables = [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "GET"),
            ("QUERY_STRING", query),
            ("REMOTE_ADDR", "198.51.100.7"),
            ("cp_security_token", "/cpsess1"),
        ];
        let output = self.as_uid(uid, &page, &[], &variables);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The page's program with a configuration beside it that names the socket and nothing else.
    pub fn page(&self, uid: u32) -> PathBuf {
        let directory = self.path(&format!("page-{uid}"));
        let page = directory.join("panelgate.cgi");
        if page.exists() {
            return page;
        }
        std::fs::create_dir(&directory).unwrap();
        assert!(Command::new("cp").arg(common::cgi_program()).arg(&page).status().unwrap().success());
        let config = directory.join("panelgate.ini");
        std::fs::write(&config, format!("[broker]\nsocket = {}\n", self.socket().display())).unwrap();
        chmod(&config, 0o600);
        for path in [&directory, &page, &config] {
            std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
        }
        page
    }

    pub fn sessions(&self) -> usize {
        self.builder.requests().iter().filter(|call| call.target.contains("requestLogin")).count()
    }
}

/// What [`World::take`] ended with.
pub fn taken(child: Child) -> (String, Value) {
    let output = child.wait_with_output().unwrap();
    let Ok(said) = serde_json::from_slice::<Value>(&output.stdout) else {
        return (String::from_utf8_lossy(&output.stderr).trim().to_owned(), Value::Null);
    };
    match said["answer"]["error"]["kind"].as_str() {
        Some(kind) => (kind.to_owned(), said),
        None => ("ok".to_owned(), said),
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            let _ = broker.kill();
            let _ = broker.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}
