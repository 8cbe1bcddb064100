//! A Plesk-like server: the unpacked extension behind `php -S`, running as the panel's user, with stand-ins of the panel's classes; a broker of root's with
//! the panel's data and the sandbox builder.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;
use panelgate::sandbox::{Builder, Options, tree_plesk};
use panelgate::sys::users::User;
use serde_json::{Value, json};

use crate::common::{BUILDER_PASSWORD, BUILDER_USER, chmod, domain, free_port, wait_for};

/// The panel's user (`psaadm`).
pub const PANEL: u32 = 901;

/// Numbers of the panel's domains.
pub const MAIN: u32 = 11;
pub const IDN: u32 = 12;
pub const SUB: u32 = 13;
pub const OF_B: u32 = 21;
pub const SUSPENDED: u32 = 31;
pub const BARE: u32 = 41;

/// The stand-ins.
pub fn stand_ins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plesk_extension/panel")
}

/// Packs the extension.
pub fn pack(output: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/bundle-plesk");
    let mut command = Command::new("python3");
    command.args(["-I", "-B"]).arg(script).arg(output).args([env!("CARGO_PKG_VERSION"), "1767225600"]);
    assert!(command.status().unwrap().success());
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub builder: Builder,
    broker: Option<Child>,
    php: Option<Child>,
    port: u16,
}

impl World {
    pub fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("pgplesk").tempdir().unwrap();
        chmod(dir.path(), 0o755);
        let builder = Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).unwrap();
        let mut world = Self { dir, builder, broker: None, php: None, port: free_port() };
        world.write_tree();
        world.configure();
        world.install();
        world.write_facts();
        world.start_broker();
        world.start_php();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/broker.sock")
    }

    fn write_tree(&self) {
        let root = self.path("root");
        let site = |name: &str, kind, folder: &str| TreeSite::new(domain(name), kind, folder);
        let accounts: [(&str, u32, Vec<TreeSite>); 3] = [
            (
                "pgalice",
                20_001,
                vec![
                    site("alice.example", SiteKind::Main, "httpdocs"),
                    site("bücher.example", SiteKind::Addon, "books"),
                    site("blog.alice.example", SiteKind::Sub, "httpdocs/blog"),
                    site("alice-alias.example", SiteKind::Alias, "httpdocs"),
                ],
            ),
            ("pgbob", 20_002, vec![site("bob.example", SiteKind::Main, "httpdocs")]),
            ("pgsusp", 20_003, vec![site("suspended.example", SiteKind::Main, "httpdocs")]),
        ];
        for (name, uid, sites) in accounts {
            let user =
                User { name: name.into(), uid, gid: uid, home: format!("/var/www/vhosts/{name}").into() };
            tree_plesk::write_plesk_tree(&root, &user, &sites).unwrap();
        }
        let file = root.join("usr/local/psa/answers/account-pgsusp");
        let rows = std::fs::read_to_string(&file).unwrap();
        assert!(rows.contains("\t0\tvrt_hst\t"), "{rows}");
        std::fs::write(&file, rows.replace("\t0\tvrt_hst\t", "\t16\tvrt_hst\t")).unwrap();
        let mut passwd = std::fs::OpenOptions::new().append(true).open(root.join("etc/passwd")).unwrap();
        writeln!(passwd, "pgpsaadm:x:{PANEL}:{PANEL}::/nonexistent:/usr/sbin/nologin").unwrap();
    }

    fn configure(&self) {
        for folder in ["etc", "run"] {
            std::fs::create_dir(self.path(folder)).unwrap();
            chmod(&self.path(folder), 0o755);
        }
        std::fs::write(self.path("ca.pem"), self.builder.ca_pem()).unwrap();
        let dir = self.dir.path().display();
        let text = format!(
            "[panel]\nkind = plesk\nroot = {dir}/root\n\
             [builder]\nurl = {}\nusername = {BUILDER_USER}\npassword = {BUILDER_PASSWORD}\nca_file = {dir}/ca.pem\nhosts = {}\n\
             [publish]\nendpoint = https://panel.example/panelgate/\n[store]\ndir = {dir}/state\n[broker]\npanel_users = pgpsaadm\n",
            self.builder.api_url(),
            self.builder.page_host(),
        );
        std::fs::write(self.path("etc/panelgate.ini"), text).unwrap();
        chmod(&self.path("etc/panelgate.ini"), 0o600);
    }

    /// Puts the packed extension where the panel puts it.
    fn install(&self) {
        let (zip, unpacked) = (self.path("panelgate-plesk.zip"), self.path("unpacked"));
        pack(&zip);
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&zip).unwrap()).unwrap();
        archive.extract(&unpacked).unwrap();
        let (plib, htdocs) =
            (self.path("psa/admin/plib/modules/panelgate"), self.path("psa/admin/htdocs/modules/panelgate"));
        for folder in [&plib, &htdocs] {
            std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        }
        std::fs::rename(unpacked.join("plib"), &plib).unwrap();
        std::fs::rename(unpacked.join("htdocs"), &htdocs).unwrap();
        std::fs::rename(unpacked.join("meta.xml"), plib.join("meta.xml")).unwrap();
    }

    /// What there is in the panel, as its classes tell it.
    fn write_facts(&self) {
        let facts = json!({
            "settings": { "socket": self.socket(), "eventCommand": self.path("event") },
            "sessions": {
                "alice": { "client": 1 }, "alice-again": { "client": 1 }, "bob": { "client": 2 },
                "alice-ar": { "client": 1, "locale": "ar" }, "alice-de": { "client": 1, "locale": "de-DE" },
                "alice-ja": { "client": 1, "locale": "ja-JP", "impersonated": true },
                "admin": { "client": 9 }, "suspended": { "client": 3 }, "empty": { "client": 4 },
            },
            "clients": {
                "1": { "login": "alice", "domains": [MAIN, IDN, SUB, BARE] },
                "2": { "login": "bob", "domains": [OF_B] },
                "3": { "login": "sus", "domains": [SUSPENDED] },
                "4": { "login": "empty", "domains": [] },
                "9": { "login": "admin", "domains": [], "admin": true },
            },
            "domains": {
                MAIN.to_string(): { "name": "alice.example", "login": "pgalice" },
                // An additional domain may name no system user of its own.
                IDN.to_string(): { "name": "xn--bcher-kva.example", "display": "bücher.example", "main": MAIN },
                SUB.to_string(): { "name": "blog.alice.example", "login": "pgalice", "main": MAIN },
                OF_B.to_string(): { "name": "bob.example", "login": "pgbob" },
                SUSPENDED.to_string(): { "name": "suspended.example", "login": "pgsusp" },
                BARE.to_string(): { "name": "bare.example", "hosting": false, "main": MAIN },
            },
            "handlers": {
                "4": { "name": "Someone else's", "priority": "10", "user": "root", "command": "/bin/true" },
            },
            "events": ["domain_create", "domain_update", "domain_delete", "site_update", "client_status_update", "license_update"],
        });
        std::fs::write(self.path("world.json"), facts.to_string()).unwrap();
        std::os::unix::fs::chown(self.path("world.json"), Some(PANEL), Some(PANEL)).unwrap();
        std::fs::write(self.path("event"), "#!/bin/sh\n").unwrap();
        chmod(&self.path("event"), 0o755);
    }

    /// What there is in the panel.
    pub fn facts(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("world.json")).unwrap()).unwrap()
    }

    /// Changes one of the facts.
    pub fn set(&self, pointer: &str, value: Value) {
        let mut facts = self.facts();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        facts.pointer_mut(parent).unwrap()[name] = value;
        std::fs::write(self.path("world.json"), facts.to_string()).unwrap();
    }

    pub fn start_broker(&mut self) {
        let log = std::fs::File::create(self.path("broker.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.env_clear().arg("--config").arg(self.path("etc/panelgate.ini"));
        command.arg("--socket").arg(self.socket()).args(["-v", "broker"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.broker = Some(command.spawn().unwrap());
        wait_for("the broker", || std::os::unix::net::UnixStream::connect(self.socket()).is_ok());
    }

    pub fn stop_broker(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            let _ = broker.kill();
            let _ = broker.wait();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    fn php(&self, session: Option<&str>) -> Command {
        let mut command = Command::new("php");
        command.arg("-n").env_clear().env("PANEL_WORLD", self.path("world.json"));
        command.env("PANEL_ROOT", self.path("psa")).env("PATH", "/usr/bin:/bin");
        if let Some(session) = session {
            command.env("PANEL_SESSION", session);
        }
        command.current_dir("/").stdin(Stdio::null()).uid(PANEL).gid(PANEL);
        command
    }

    fn start_php(&mut self) {
        let log = std::fs::File::create(self.path("panel.log")).unwrap();
        let mut command = self.php(None);
        command
            .arg("-S")
            .arg(format!("127.0.0.1:{}", self.port))
            .arg(self.copy_of_stand_ins().join("router.php"));
        self.php = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let port = self.port;
        wait_for("php", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// Where the panel's user can read them, wherever the source lies.
    fn copy_of_stand_ins(&self) -> PathBuf {
        let copies = self.path("panel");
        std::fs::create_dir_all(&copies).unwrap();
        for name in ["classes.php", "framework.php", "router.php"] {
            std::fs::copy(stand_ins().join(name), copies.join(name)).unwrap();
            chmod(&copies.join(name), 0o644);
        }
        copies
    }

    /// Runs a few lines of PHP inside the panel, as its user: what they print.
    pub fn script(&self, session: Option<&str>, lines: &str) -> Output {
        let classes = self.copy_of_stand_ins().join("classes.php");
        let code = format!("require '{}'; pm_Context::init('panelgate'); {lines}", classes.display());
        self.php(session).args(["-d", "display_errors=stderr", "-r", &code]).output().unwrap()
    }

    /// Runs one of the extension's scripts.
    pub fn extension_script(&self, name: &str) -> String {
        let file = self.path("psa/admin/plib/modules/panelgate/scripts").join(name);
        let output = self.script(None, &format!("require '{}';", file.display()));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Asks for a page as whoever has that session.
    pub fn get(&self, session: &str, path: &str) -> Page {
        self.request("GET", session, path, &[], None)
    }

    pub fn request(
        &self,
        method: &str,
        session: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Page {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        request = request.header("Cookie", format!("PLESKSESSID={session}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = match form {
            Some(fields) => {
                let body: String =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                let request = request.header("Content-Type", "application/x-www-form-urlencoded");
                agent.run(request.body(body).unwrap()).unwrap()
            }
            None => agent.run(request.body(()).unwrap()).unwrap(),
        };
        let header = |name: &str| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        Page {
            status: answer.status().as_u16(),
            location: header("location"),
            cache: header("cache-control"),
            referrer: header("referrer-policy"),
            body: answer.body_mut().read_to_string().unwrap(),
        }
    }

    /// How many sessions the builder has handed out.
    pub fn sessions(&self) -> usize {
        self.builder.requests().iter().filter(|call| call.target.contains("requestLogin")).count()
    }

    pub fn panel_log(&self) -> String {
        std::fs::read_to_string(self.path("panel.log")).unwrap()
    }

    /// Puts something else in the broker's place.
    pub fn pretend(&mut self, answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Pretender {
        self.stop_broker();
        Pretender::start(&self.socket(), answer)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_broker();
        if let Some(mut php) = self.php.take() {
            let _ = php.kill();
            let _ = php.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.panel_log());
            eprintln!("{}", std::fs::read_to_string(self.path("broker.log")).unwrap_or_default());
        }
    }
}

/// An answer of the panel's.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub location: String,
    pub cache: String,
    pub referrer: String,
    pub body: String,
}

impl Page {
    /// The value of a hidden field, in the first form that has this one too.
    pub fn field(&self, site: &str, name: &str) -> String {
        let form = self.body.split("<form").find(|form| form.contains(&format!("value=\"{site}\"")));
        let form = form.unwrap_or_else(|| panic!("no form for {site}: {}", self.body));
        let at = form.find(&format!("name=\"{name}\" value=\"")).unwrap();
        form[at..].split('"').nth(3).unwrap().to_owned()
    }
}

/// Whatever stands in the broker's place: it answers every request with the bytes that it is told to.
pub struct Pretender {
    requests: Arc<Mutex<Vec<String>>>,
}

impl Pretender {
    /// The thread ends with the process.
    fn start(socket: &Path, answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            // What has been answered stays open, so that an end is only read where one was meant.
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4];
                if stream.read_exact(&mut head).is_err() {
                    continue;
                }
                let mut body = vec![0; u32::from_be_bytes(head) as usize];
                stream.read_exact(&mut body).unwrap();
                let request = String::from_utf8(body).unwrap();
                seen.lock().unwrap().push(request.clone());
                let bytes = answer(&request);
                let hangs = bytes.is_empty();
                // Who asked may have gone.
                let _ = stream.write_all(&bytes);
                if hangs {
                    open.push(stream);
                }
            }
        });
        Self { requests }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

/// A frame.
pub fn frame(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
