//! Apache with the installed programs: the page behind the icon, and the publication endpoint by the installed snippet.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use panelgate::sandbox::{Builder, Options};

use crate::common::webdriver::Browser;
use crate::common::{BUILDER_PASSWORD, BUILDER_USER, free_port, wait_for};
use crate::system::{System, is_there};
use crate::world::{Access, exchange, put};

/// A server in the system. It ends when it is dropped.
struct Running(Child);

impl Running {
    fn start(system: &System, words: &[&str]) -> Self {
        let log = std::fs::File::create(system.path("var/log/served.log")).unwrap();
        let mut command = system.command(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked to end, it ends what it has started too.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// A click, and a file that the builder publishes.
pub fn page_and_endpoint(system: &System) {
    let builder = Builder::start(Options::new(BUILDER_USER, BUILDER_PASSWORD)).unwrap();
    account(system, &builder);
    let broker = Running::start(system, &["/usr/bin/panelgate", "broker"]);
    wait_for("the broker", || UnixStream::connect(system.path("run/panelgate/broker.sock")).is_ok());

    // A panel runs the page as the account.
    let (page, page_port) =
        apache(system, "page", "alice", "ScriptAlias /builder /usr/lib/panelgate/panelgate.cgi");
    let answer =
        exchange(page_port, b"GET /builder HTTP/1.1\r\nHost: panel.example\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status, 303, "{answer:?}\n{}", system.read("var/log/served.log"));
    assert!(answer.head.contains("login_hash="), "{answer:?}");
    drop(page);
    icon_is_clicked(system, &builder);

    // The public web server is another user, who may publish by what the builder was told.
    let snippet = "Include /usr/share/doc/panelgate/webserver/apache.conf";
    let (endpoint, port) = apache(system, "endpoint", "www-data", snippet);
    let opened =
        builder.requests().into_iter().rev().find(|call| call.target.contains("requestLogin")).unwrap();
    let text =
        |key: &str| opened.body[key].as_str().unwrap_or_else(|| panic!("{key}: {}", opened.body)).to_owned();
    let url = text("apiUrl");
    let path = format!("{}/", url.trim_start_matches("https://panel.example").trim_end_matches('/'));
    let right = Access { path, username: text("username"), password: text("password") };
    let wrong = Access { password: "wrong".to_owned(), ..right.clone() };
    assert_eq!(put(port, &wrong, "index.html", b"not from the builder").status, 401);
    let answer = put(port, &right, "index.html", b"<h1>Published</h1>");
    assert_eq!(answer.status, 200, "{answer:?}\n{}", system.read("var/log/served.log"));
    assert_eq!(system.read("home/alice/public_html/index.html"), "<h1>Published</h1>");
    let owner = system.run(&["stat", "-c", "%U", "/home/alice/public_html/index.html"]);
    assert_eq!(owner.trim(), "alice");
    drop((endpoint, broker));
}

/// The icon of the installed bundle in a page of a panel, clicked in a browser: the bundle lies where its README says.
fn icon_is_clicked(system: &System, builder: &Builder) {
    if !is_there("chromedriver") {
        assert!(std::env::var_os("PANELGATE_TEST_ALL").is_none(), "chromedriver is missing: run tests/run");
        return eprintln!("skipped: chromedriver is missing");
    }
    let place = "/usr/lib/panelgate/cpanel";
    system.run(&["mkdir", place]);
    system.run(&["tar", "-xzpf", "/usr/share/panelgate/bundles/panelgate-cpanel.tar.gz", "-C", place]);
    let install: serde_json::Value =
        serde_json::from_str(&system.read("usr/lib/panelgate/cpanel/install.json")).unwrap();
    let text = |key: &str| install[0][key].as_str().unwrap();
    let address = format!("/frontend/jupiter/{}", text("uri"));
    let panel = format!(
        "<!doctype html><html lang=\"en\"><title>Panel</title><nav><a href=\"{address}\">{}</a></nav></html>",
        text("name")
    );
    system.write("srv/panel.html", 0o644, &panel);
    let (icon, port) = apache(
        system,
        "icon",
        "alice",
        &format!(
            "ScriptAlias {address} {place}/jupiter/index.live.cgi\nAlias /panel.html /srv/panel.html\n\
             <Files panel.html>\nRequire all granted\nForceType text/html\n</Files>"
        ),
    );
    let browser = Browser::start("en");
    browser.open(&format!("http://127.0.0.1:{port}/panel.html"));
    browser.click("nav a");
    let session = format!("https://{}/?login_hash=", builder.page_host());
    browser.wait_for_url("the builder", |url| url.starts_with(&session));
    assert_eq!(browser.text("#site"), "shop.example");
    drop((browser, icon));
    system.run(&["rm", "-r", place, "/srv/panel.html"]);
}

/// An account of custom hosting, and the server's settings.
fn account(system: &System, builder: &Builder) {
    system.run(&["useradd", "--uid", "1500", "--home-dir", "/home/alice", "--shell", "/bin/sh", "alice"]);
    system.run(&["mkdir", "-p", "/home/alice/public_html"]);
    system.run(&["chown", "-R", "alice:alice", "/home/alice"]);
    system.run(&["chmod", "711", "/home/alice"]);
    let account =
        "[account]\nuid = 1500\n[site shop.example]\nkind = main\ndocument_root = /home/alice/public_html\n";
    system.write("etc/panelgate/accounts.d/alice.ini", 0o644, account);
    system.write("etc/panelgate/builder-ca.pem", 0o644, builder.ca_pem());
    let settings = format!(
        "[panel]\nkind = ini\npublic_ip = 192.0.2.10\n\
         [builder]\nurl = {}\nusername = {BUILDER_USER}\npassword = {BUILDER_PASSWORD}\nhosts = {}\nca_file = /etc/panelgate/builder-ca.pem\n\
         [publish]\nendpoint = https://panel.example/panelgate/\n[broker]\nweb_users = www-data\n",
        builder.api_url(),
        builder.page_host(),
    );
    system.write("etc/panelgate/panelgate.ini", 0o600, &settings);
}

/// Apache in the system, as this user, on a loopback port.
fn apache(system: &System, name: &str, user: &str, more: &str) -> (Running, u16) {
    let port = free_port();
    let run = format!("/srv/{name}");
    system.run(&["install", "-d", "-o", user, &run]);
    let mut text = format!(
        "ServerRoot {run}\nServerName localhost\nListen 127.0.0.1:{port}\nUser {user}\nGroup {user}\n\
         PidFile {run}/pid\nErrorLog {run}/error.log\nScriptSock {run}/cgisock\nMutex file:{run} default\nTimeout 60\n"
    );
    for module in ["mpm_event", "authz_core", "alias", "cgid", "env"] {
        text.push_str(&format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"));
    }
    text.push_str("<Directory /usr/lib/panelgate>\nOptions +ExecCGI +FollowSymLinks\nRequire all granted\n</Directory>\n");
    text.push_str(more);
    text.push('\n');
    let config = format!("srv/{name}/httpd.conf");
    system.write(&config, 0o644, &text);
    let running = Running::start(system, &["/usr/sbin/apache2", "-f", &format!("/{config}"), "-DFOREGROUND"]);
    wait_for("Apache", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    (running, port)
}
