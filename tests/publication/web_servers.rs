//! What `packaging/webserver` says, in real web servers: the endpoint as a builder and the doctor meet it, and a published site as visitors see it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use panelgate::ops::OpenRequest;
use panelgate::sandbox::Ways;
use panelgate::store::Store;
use panelgate::types::WebUrl;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::Editor;
use super::common::{chmod, domain, free_port, is_root, wait_for};
use super::stand_in::StandIn;
use super::world::{World, exchange};

/// A file of `packaging/webserver`, with paths replaced that a test cannot have; each must be there.
fn packaged(name: &str, paths: &[(&str, &Path)]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/webserver").join(name);
    let mut text = std::fs::read_to_string(file).unwrap();
    for (from, to) in paths {
        assert!(text.contains(from), "{name} does not name {from}");
        text = text.replace(from, to.to_str().unwrap());
    }
    text
}

/// Web servers of a test. They end when this is dropped.
struct Servers {
    children: Vec<Child>,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.children {
            // The whole group: fcgiwrap's children outlive it otherwise.
            let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", child.id())]).status();
            let _ = child.wait();
        }
    }
}

impl Servers {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        let web = panelgate::sys::users::by_name("www-data").unwrap().unwrap();
        std::os::unix::fs::chown(&run, Some(web.uid), Some(web.gid)).unwrap();
        Self { children: Vec::new(), port: free_port(), dir }
    }

    fn run(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// Starts a program in a process group of its own.
    fn spawn(&mut self, command: &mut Command) {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").spawn().unwrap());
    }

    fn apache(&mut self, modules: &[&str], text: &str) {
        let run = self.run().display().to_string();
        let mut all = format!(
            "ServerRoot {run}\nServerName localhost\nListen 127.0.0.1:{}\nPidFile {run}/pid\nErrorLog {run}/error.log\n\
             Mutex file:{run} default\nTimeout 20\n",
            self.port
        );
        for module in ["mpm_event", "authz_core"].iter().chain(modules) {
            all.push_str(&format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"));
        }
        all.push_str("User www-data\nGroup www-data\n<Directory />\nRequire all denied\nAllowOverride None\n</Directory>\n");
        let config = self.dir.path().join("httpd.conf");
        std::fs::write(&config, all + text).unwrap();
        let mut command = Command::new("apache2");
        command.arg("-d").arg(self.dir.path()).arg("-f").arg(&config).arg("-DFOREGROUND");
        self.spawn(&mut command);
        self.wait();
    }

    fn nginx(&mut self, listen: &str, text: &str) {
        let run = self.run().display().to_string();
        let text = format!(
            "user www-data;\ndaemon off;\nworker_processes 1;\npid {run}/pid;\nerror_log {run}/error.log;\nevents {{}}\nhttp {{\n\
             include /etc/nginx/mime.types;\naccess_log off;\nclient_body_temp_path {run}/body;\nfastcgi_temp_path {run}/fcgi;\n\
             proxy_temp_path {run}/proxy;\nuwsgi_temp_path {run}/uwsgi;\nscgi_temp_path {run}/scgi;\n\
             server {{\nlisten 127.0.0.1:{}{listen};\n{text}\n}}\n}}\n",
            self.port
        );
        // A relative name is looked for beside the configuration.
        let parameters = self.dir.path().join("fastcgi_params");
        std::os::unix::fs::symlink("/etc/nginx/fastcgi_params", parameters).unwrap();
        let config = self.dir.path().join("nginx.conf");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("nginx");
        command
            .arg("-p")
            .arg("/etc/nginx")
            .arg("-c")
            .arg(&config)
            .arg("-e")
            .arg(self.run().join("start.log"));
        self.spawn(&mut command);
        self.wait();
    }

    fn fcgiwrap(&mut self) -> PathBuf {
        let socket = self.run().join("fcgi.sock");
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=www-data",
            "--regid=www-data",
            "--clear-groups",
            "fcgiwrap",
            "-f",
            "-c",
            "4",
            "-s",
        ]);
        command.arg(format!("unix:{}", socket.display()));
        self.spawn(&mut command);
        wait_for("fcgiwrap", || socket.exists());
        socket
    }

    fn php(&mut self) -> PathBuf {
        let (run, socket) = (self.run(), self.run().join("php.sock"));
        let text = format!(
            "[global]\ndaemonize = no\nerror_log = {run}/php.log\n[www]\nuser = www-data\ngroup = www-data\nlisten = {}\n\
             listen.owner = www-data\npm = static\npm.max_children = 2\n",
            socket.display(),
            run = run.display(),
        );
        let config = self.dir.path().join("fpm.conf");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("php-fpm8.2");
        command.arg("-F").arg("-y").arg(&config);
        self.spawn(&mut command);
        wait_for("php-fpm", || socket.exists());
        socket
    }

    fn wait(&self) {
        wait_for("the web server", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// A certificate for this machine, and the authority that it is from: the paths of certificate, key and authority.
    fn certificate(&self) -> [PathBuf; 3] {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let paths = ["own.pem", "own.key", "ca.pem"].map(|name| self.dir.path().join(name));
        for (path, text) in paths.iter().zip([own.pem(), key.serialize_pem(), issuer.pem()]) {
            std::fs::write(path, text).unwrap();
        }
        paths
    }

    /// Status and body of what a visitor gets.
    fn get(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
        let answer = exchange(self.port, request.as_bytes());
        (answer.status, answer.body)
    }
}

/// The endpoint with TLS, as packaged: `change` is done to the configuration first.
fn endpoint(server: &str, world: &World, change: impl Fn(String) -> String) -> Servers {
    let mut servers = Servers::new();
    let [certificate, key, _] = servers.certificate();
    let (certificate, key) = (certificate.display(), key.display());
    let program = world.path("endpoint/publish.cgi");
    if server == "nginx" {
        let socket = servers.fcgiwrap();
        let paths =
            [("/run/fcgiwrap.socket", socket.as_path()), ("/usr/lib/panelgate/publish.cgi", &program)];
        let text = change(packaged("nginx.conf", &paths));
        servers.nginx(" ssl", &format!("ssl_certificate {certificate};\nssl_certificate_key {key};\n{text}"));
    } else {
        let directory = program.parent().unwrap().to_owned();
        // The program first: its path begins with the directory's.
        let paths =
            [("/usr/lib/panelgate/publish.cgi", program.as_path()), ("/usr/lib/panelgate", &directory)];
        let text = change(packaged("apache.conf", &paths));
        let tls = format!(
            "ScriptSock {}/cgisock\nSSLEngine on\nSSLCertificateFile {certificate}\nSSLCertificateKeyFile {key}\n",
            servers.run().display()
        );
        servers.apache(&["alias", "cgid", "socache_shmcb", "ssl"], &(tls + &text));
    }
    servers
}

/// What the doctor says of the endpoint when it is at that address.
fn doctor(world: &World, servers: &Servers, address: &str) -> Value {
    let config = world.path("etc/doctor.ini");
    let ca = servers.dir.path().join("ca.pem");
    let text = std::fs::read_to_string(world.path("etc/panelgate.ini")).unwrap();
    let own = format!("endpoint = {address}\nendpoint_ca_file = {}", ca.display());
    let text = text.replace("endpoint = https://panel.example/panelgate/", &own);
    std::fs::write(&config, text).unwrap();
    chmod(&config, 0o600);
    let output = Command::new(world.path("panelgate"))
        .args([
            "--config",
            config.to_str().unwrap(),
            "--socket",
            world.socket().to_str().unwrap(),
            "doctor",
            "--json",
        ])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "endpoint").unwrap().clone()
}

#[test]
fn the_builder_publishes_through_the_packaged_configurations_and_the_doctor_reaches_them() {
    if !is_root() {
        return;
    }
    let world = World::start();
    for (edition, server) in ["apache", "nginx"].into_iter().enumerate() {
        let servers = endpoint(server, &world, |text| text);
        let address = format!("https://127.0.0.1:{}/panelgate/", servers.port);
        let found = doctor(&world, &servers, &address);
        assert_eq!(found["state"], "ok", "{server}: {found}\n{}", world.log());

        let access = world.access(&world.a);
        let editor =
            Editor::start(Ways { ca_file: Some(servers.dir.path().join("ca.pem")), ..Ways::default() });
        let session = editor.open(&json!({
            "type": "http", "apiUrl": address.replace("/panelgate/", &access.path),
            "username": access.username, "password": access.password,
        }));
        let outcome = editor.publish(&session, &format!("Through {server}"));
        assert!(
            outcome.starts_with("Edition 1 is published"),
            "{server} {edition}: {outcome}\n{}",
            world.log()
        );
        let page = world.a.read("sitepro/pages/home.html").unwrap();
        assert!(page.contains(&format!("<h1>Through {server}</h1>")), "{page}");
        let metadata = std::fs::metadata(world.a.root().join("index.php")).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&metadata), world.a.user.uid);

        // A place where there is no endpoint, and a name that leads nowhere.
        let elsewhere = doctor(&world, &servers, &address.replace("/panelgate/", "/nowhere/"));
        assert_eq!(elsewhere["state"], "warning", "{elsewhere}");
        assert!(elsewhere["text"].as_str().unwrap().contains("/nowhere/ answers 40"), "{elsewhere}");
        let nobody = doctor(&world, &servers, "https://no-such-name.invalid/panelgate/");
        assert!(nobody["text"].as_str().unwrap().contains("DNS"), "{nobody}");
    }
}

#[test]
fn the_broker_notes_when_the_doctor_has_come_by_the_public_name() {
    if !is_root() {
        return;
    }
    let world = World::start();
    let servers = endpoint("apache", &world, |text| text);
    let address = format!("https://127.0.0.1:{}/panelgate/", servers.port);
    let store = Store::open(&world.path("state")).unwrap();
    let reached = || store.was_reached(&WebUrl::parse(&address).unwrap()).unwrap();
    // A broker that has another address for its endpoint.
    assert_eq!(doctor(&world, &servers, &address)["state"], "ok");
    assert!(!reached());
    let config = world.path("etc/panelgate.ini");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("https://panel.example/panelgate/", &address)).unwrap();
    world.signal("-HUP");
    wait_for("the new configuration", || world.log().contains("configuration was read again"));
    std::fs::write(&config, text).unwrap();
    assert_eq!(doctor(&world, &servers, &address)["state"], "ok");
    assert!(reached());
}

#[test]
fn the_builder_offers_an_archive_and_the_broker_fetches_it() {
    if !is_root() {
        return;
    }
    let world = World::start();
    let servers = endpoint("apache", &world, |text| text);
    let ways = Ways {
        ca_file: Some(servers.dir.path().join("ca.pem")),
        poll: std::time::Duration::from_millis(100),
        ..Ways::default()
    };
    let editor = Editor::start(ways);
    let archives = editor.builder.api_url().replace("https://", "").replace("/api/", "");
    let authorities = [world.builder.ca_pem(), editor.builder.ca_pem()].concat();
    std::fs::write(world.path("ca.pem"), authorities).unwrap();
    world.configure(&format!("type = internal\ndownload_hosts = {archives}"));
    world.signal("-HUP");
    wait_for("the new configuration", || world.log().contains("configuration was read again"));

    let access = world.access(&world.a);
    let address = format!("https://127.0.0.1:{}{}", servers.port, access.path);
    let request = OpenRequest { site: Some(domain(&world.a.site)), ..OpenRequest::new() };
    world.remote().open(&request).unwrap();
    let account = world.builder.requests().pop().unwrap().body["resellerClientAccountId"].as_u64().unwrap();
    let open = |account: u64| {
        editor.open(&json!({
            "type": "internal", "domain": world.a.site, "apiUrl": address, "username": access.username,
            "password": access.password, "resellerClientAccountId": account,
        }))
    };
    let outcome = editor.publish(&open(account), "One archive");
    assert!(outcome.starts_with("Edition 1 is published"), "{outcome}\n{}", world.log());
    assert!(world.a.read("sitepro/pages/home.html").unwrap().contains("<h1>One archive</h1>"));
    assert!(world.a.read("sitepro/gallery/sun é.svg").unwrap().starts_with("<svg"));
    let outcome = editor.publish(&open(account), "The next one");
    assert!(outcome.starts_with("Edition 2 is published"), "{outcome}\n{}", world.log());
    assert!(world.a.read("sitepro/pages/home.html").unwrap().contains("<h1>The next one</h1>"));

    // A form that names another site is refused with words for the builder's user.
    let outcome = editor.publish(&open(account + 1), "Somebody else's");
    assert!(outcome.contains("Not published") && outcome.contains("The host says: "), "{outcome}");
    assert!(world.a.read("sitepro/pages/home.html").unwrap().contains("<h1>The next one</h1>"));
}

#[test]
fn the_doctor_finds_a_web_server_that_keeps_the_password_to_itself_and_one_that_is_not_known() {
    if !is_root() {
        return;
    }
    let world = World::start();
    let servers = endpoint("apache", &world, |text| text.replace("CGIPassAuth On", ""));
    let address = format!("https://127.0.0.1:{}/panelgate/", servers.port);
    let found = doctor(&world, &servers, &address);
    assert_eq!((&found["state"], &found["kind"]), (&json!("fail"), &json!("publication")), "{found}");
    assert!(found["advice"].as_str().unwrap().contains("CGIPassAuth"), "{found}");

    // Another installation answers to that name.
    let other = World::start();
    let elsewhere = doctor(&other, &servers, &address);
    assert!(elsewhere["text"].as_str().unwrap().contains("another installation"), "{elsewhere}");

    // A certificate that nobody trusts.
    std::fs::copy(world.path("ca.pem"), servers.dir.path().join("ca.pem")).unwrap();
    let untrusted = doctor(&world, &servers, &address);
    assert!(untrusted["text"].as_str().unwrap().contains("certificate cannot be verified"), "{untrusted}");
}

/// Path, status, and what the answer holds.
const VISITS: [(&str, &[u16], &str); 15] = [
    ("/", &[200], "<h1>Fresh bread</h1>"),
    ("/contact/", &[200], "<h1>Contact</h1>"),
    ("/contact?from=ad", &[200], "<h1>Contact</h1>"),
    ("/no/such/page", &[404], "This site has no such page."),
    ("/css/site.css", &[200], "font: 1.1rem"),
    ("/js/main.js", &[200], "dataset.edition"),
    ("/sitepro/css/site.css", &[200], "font: 1.1rem"),
    ("/gallery/sun%20%C3%A9.svg", &[200], "<svg"),
    ("/mine.txt", &[200], "of the owner"),
    ("/mine/page.html", &[200], "a page of the owner"),
    ("/.well-known/acme-challenge/token", &[200], "token.thumbprint"),
    ("/.htaccess", &[403, 404], ""),
    ("/sitepro/.htaccess", &[403, 404], ""),
    ("/sitepro/dat/build.dat", &[403, 404], ""),
    ("/sitepro/store.log", &[403, 404], ""),
];

/// A published site, with files of its owner's beside it.
fn published() -> StandIn {
    let host = StandIn::start(|_| None);
    let editor = Editor::start(Ways::default());
    let session = editor.open(&super::endpoint("http", &host.url(), "right"));
    assert!(editor.publish(&session, "Fresh bread").starts_with("Edition 1"));
    let root = host.root.path();
    for (path, text) in [
        ("mine.txt", "of the owner"),
        ("mine/page.html", "a page of the owner"),
        ("index.html", "the panel's default page"),
        (".well-known/acme-challenge/token", "token.thumbprint"),
        ("sitepro/store.log", "SECRET order"),
        ("sitepro/store_carts.json", "SECRET cart"),
        ("sitepro/phpmailer/mail.php", "<?php echo 'SECRET mailer';"),
    ] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    }
    chmod(root, 0o755);
    host
}

fn visit(servers: &Servers, visits: &[(&str, &[u16], &str)]) {
    for (path, statuses, wanted) in visits {
        let (status, body) = servers.get(path);
        assert!(statuses.contains(&status), "{path}: {status} {body}");
        assert!(body.contains(wanted), "{path}: {body}");
        for secret in ["edition 1\n", "SECRET", "<?php", "RewriteRule"] {
            assert!(!body.contains(secret), "{path}: {body}");
        }
    }
}

#[test]
fn a_published_site_on_apache_with_its_own_rules() {
    if !is_root() {
        return;
    }
    let host = published();
    let mut servers = Servers::new();
    let (socket, root) = (servers.php(), host.root.path().display());
    let text = format!(
        "TypesConfig /etc/mime.types\nDocumentRoot {root}\n<Directory {root}>\nRequire all granted\nAllowOverride All\n\
         <FilesMatch \"^\\.ht\">\nRequire all denied\n</FilesMatch>\n\
         <FilesMatch \\.php$>\nSetHandler \"proxy:unix:{}|fcgi://localhost\"\n</FilesMatch>\n</Directory>\n",
        socket.display()
    );
    servers.apache(&["dir", "mime", "rewrite", "proxy", "proxy_fcgi"], &text);
    visit(&servers, &VISITS);
}

#[test]
fn a_published_site_on_nginx_with_the_packaged_rules() {
    if !is_root() {
        return;
    }
    let host = published();
    let mut servers = Servers::new();
    let socket = servers.php();
    let rules = packaged("nginx-site.conf", &[("/run/php/php-fpm.sock", socket.as_path())]);
    servers.nginx("", &format!("root {};\n{rules}", host.root.path().display()));
    visit(&servers, &VISITS);
    let more: [(&str, &[u16], &str); 5] = [
        ("/sitepro/phpmailer/mail.php", &[404], ""),
        ("/sitepro/store_carts.json", &[404], ""),
        ("/sitepro/DAT/BUILD.DAT", &[404], ""),
        ("/.well-known/none", &[404], "nginx"),
        ("/nothing.php", &[404], "This site has no such page."),
    ];
    visit(&servers, &more);
}
