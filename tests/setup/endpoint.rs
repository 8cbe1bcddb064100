//! The publication endpoint: the written file in a real Apache and a real nginx, and what happens when a web server does not want it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::common::{TestUser, chmod, free_port, wait_for};
use crate::tree::{Kind, Server, credentials, states};

const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

/// Ends when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn executable(server: &Server, path: &str, text: &str) {
    server.file(path, text);
    chmod(&server.at(path), 0o755);
}

fn get(port: u16, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic eDp5\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// An Apache whose main configuration reads the file where setup puts it, with the server's own name and a customer's.
fn apache(server: &Server, port: u16) -> String {
    let user = TestUser::get();
    let (dir, modules) = (server.root().display(), "/usr/lib/apache2/modules");
    server.folder("run/apache");
    user.own(&server.at("run/apache"));
    let mut text = format!(
        "ServerRoot {dir}/run/apache\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {dir}/run/apache/pid\nErrorLog {dir}/run/apache/log\n\
         ScriptSock {dir}/run/apache/cgisock\nMutex file:{dir}/run/apache default\n"
    );
    for module in ["mpm_event", "authz_core", "alias", "cgid"] {
        text.push_str(&format!("LoadModule {module}_module {modules}/mod_{module}.so\n"));
    }
    if crate::common::is_root() {
        text.push_str(&format!("User {}\nGroup #{}\n", user.name, user.gid));
    }
    // The program lies below the test's folder; nothing else of the file is changed.
    text.push_str(&format!("<Directory />\nRequire all denied\n</Directory>\nDefine LIB {dir}/usr/lib/panelgate\nIncludeOptional {dir}/etc/apache2/used.d/*.conf\n"));
    for host in ["default.example", "cp.example.net", "customer.example"] {
        text.push_str(&format!("<VirtualHost *:{port}>\nServerName {host}\nDocumentRoot {dir}/var/www\n<Directory {dir}/var/www>\nRequire all granted\n</Directory>\n</VirtualHost>\n"));
    }
    text
}

#[test]
fn apache_serves_the_endpoint_under_the_servers_own_name_alone() {
    let server = Server::new(Kind::CPanel);
    let port = free_port();
    server.folder("etc/apache2/used.d");
    server.folder("var/www/panelgate");
    server.file("var/www/panelgate/index.html", "the customer's own");
    server.file("httpd.conf", &apache(&server, port));
    executable(
        &server,
        "usr/lib/panelgate/publish.cgi",
        "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n[%s][%s][%s]' \"$PATH_INFO\" \"$HTTP_AUTHORIZATION\" \"$QUERY_STRING\"\n",
    );
    let root = server.root().display().to_string();
    // What Apache reads is the written file with the program's place of this test.
    let sed = format!(
        "mkdir -p {root}/etc/apache2/used.d; rm -f {root}/etc/apache2/used.d/*; for f in {root}/etc/apache2/conf.d/*.conf; do [ ! -e $f ] || sed 's|/usr/lib/panelgate|{root}/usr/lib/panelgate|g' $f > {root}/etc/apache2/used.d/${{f##*/}}; done"
    );
    executable(
        &server,
        "real-apachectl",
        &format!("#!/bin/sh\n{sed}\nexec /usr/sbin/apache2 -d {root} -f {root}/httpd.conf -t\n"),
    );
    let report = server.install();
    assert_eq!(report["ok"], true, "{report:#}");
    let mut command = Command::new("/usr/sbin/apache2");
    command.arg("-d").arg(server.root()).arg("-f").arg(server.at("httpd.conf")).arg("-DFOREGROUND");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let _running = Running(child);
    wait_for("Apache", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let log = || server.read("run/apache/log");
    for host in ["cp.example.net", "CP.example.net:443"] {
        let answer = get(port, host, &format!("/panelgate/{TOKEN}/a%20b%25/%0Ac.php?x=1"));
        assert!(answer.contains(&format!("[/{TOKEN}/a b%/\nc.php][Basic eDp5][x=1]")), "{answer} {}", log());
        assert!(get(port, host, "/panelgate/ping?nonce=1").contains("[/ping][Basic eDp5][nonce=1]"));
        assert!(get(port, host, &format!("/panelgate/{TOKEN}")).contains(&format!("[/{TOKEN}]")));
    }
    for path in [format!("/panelgate/{TOKEN}/x"), "/panelgate/ping".into()] {
        let answer = get(port, "customer.example", &path);
        assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains('['), "{answer}");
    }
    // A folder of that name belongs to the customer.
    assert!(get(port, "customer.example", "/panelgate/index.html").ends_with("the customer's own"));
    assert!(server.setup(&["--uninstall"]).status.success());
    assert!(!server.at("etc/apache2/conf.d/panelgate.conf").exists());
}

#[test]
fn a_web_server_that_would_not_start_gets_its_old_configuration_back() {
    for kind in [Kind::CPanel, Kind::DirectAdmin] {
        let server = Server::new(kind);
        let file = if kind == Kind::CPanel {
            "etc/apache2/conf.d/panelgate.conf"
        } else {
            "etc/httpd/conf/extra/httpd-includes.conf"
        };
        let before = server.read(file);
        let root = server.root().display().to_string();
        executable(
            &server,
            "real-apachectl",
            &format!(
                "#!/bin/sh\n! grep -qs -e panelgate {root}/{file} || {{ echo 'Syntax error on line 7' >&2; exit 1; }}\n"
            ),
        );
        let output = server.answered(&credentials(), &["--json"]);
        let report = server.json(&output);
        let text = report.to_string();
        assert_eq!(states(&report)["endpoint-apache"], "fail", "{text}");
        assert!(text.contains("Syntax error on line 7") && text.contains("taken back"), "{text}");
        assert_eq!(
            (server.read(file), server.read("etc/panelgate/apache.conf")),
            (before.clone(), String::new())
        );
        assert!(!server.calls().contains(&"apachectl graceful".to_owned()));

        // One that is wrong already is not touched at all.
        executable(&server, "real-apachectl", "#!/bin/sh\necho 'somebody else was here' >&2\nexit 1\n");
        let text = server.json(&server.setup(&["--json", "--no-doctor"])).to_string();
        assert!(text.contains("wrong already") && text.contains("somebody else was here"), "{text}");
        assert_eq!(server.read(file), before);

        // An old file of ours with which the server did start comes back when a new one is refused.
        std::fs::remove_file(server.at("real-apachectl")).unwrap();
        assert_eq!(server.install()["ok"], true);
        let good = [server.read(file), server.read("etc/panelgate/apache.conf")];
        executable(
            &server,
            "real-apachectl",
            &format!(
                "#!/bin/sh\n! grep -rqs -e 'new.example' -e 'new..example' {root}/etc/apache2 {root}/etc/panelgate/apache.conf || exit 1\n"
            ),
        );
        let output = server.answered("[publish]\nendpoint = https://new.example/panelgate/\n", &["--json"]);
        assert_eq!(states(&server.json(&output))["endpoint-apache"], "fail");
        assert_eq!([server.read(file), server.read("etc/panelgate/apache.conf")], good, "{kind:?}");
    }
}

#[test]
fn nginx_reads_the_file_as_a_server_of_its_own() {
    let server = Server::new(Kind::Ini);
    server.standin("usr/sbin/nginx");
    server.folder("etc/nginx/conf.d");
    let certified = rcgen::generate_simple_self_signed(["srv1.example.net".to_owned()]).unwrap();
    server.file("etc/cert.pem", &certified.cert.pem());
    server.file("etc/key.pem", &certified.signing_key.serialize_pem());
    let (root, port) = (server.root().display().to_string(), free_port());
    server.file(
        "nginx.conf",
        &format!("daemon off;\npid {root}/nginx.pid;\nerror_log {root}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\ninclude {root}/etc/nginx/conf.d/*.conf;\n}}\n"),
    );
    executable(
        &server,
        "real-nginx",
        &format!("#!/bin/sh\nexec /usr/sbin/nginx -c {root}/nginx.conf -e {root}/error.log -t\n"),
    );
    let answers = format!(
        "{}[setup]\nweb_servers = nginx\nnginx_listen = 127.0.0.1:{port} ssl\ncertificate = {root}/etc/cert.pem\ncertificate_key = {root}/etc/key.pem\nfcgiwrap = {root}/fcgi.sock\n",
        credentials()
    );
    let report = server.json(&server.answered(&answers, &["--panel", "ini", "--json"]));
    assert_eq!(states(&report)["endpoint-nginx"], "done", "{report:#}");
    assert!(!states(&report).contains_key("endpoint-apache"));
    let calls: Vec<String> = server.calls().into_iter().filter(|call| call.starts_with("nginx")).collect();
    assert_eq!(calls, ["nginx -t", "nginx -t", "nginx -s reload"]);
    let file = server.read("etc/nginx/conf.d/panelgate.conf");
    assert!(
        file.contains("server_name srv1.example.net;")
            && file.contains(&format!("fastcgi_pass unix:{root}/fcgi.sock;")),
        "{file}"
    );
    // A wrong certificate is nginx's to find.
    server.file("etc/key.pem", "no key");
    server.answered("[publish]\nendpoint = https://other.example/panelgate/\n", &[]);
    assert_eq!(
        server.read("etc/nginx/conf.d/panelgate.conf"),
        file,
        "nothing is changed while nginx would not start"
    );
    assert!(server.setup(&["--uninstall"]).status.code().is_some());
    assert!(!server.at("etc/nginx/conf.d/panelgate.conf").exists());
}

#[test]
fn without_a_name_or_a_place_setup_says_which_setting_is_missing() {
    let server = Server::new(Kind::Ini);
    server.file("etc/hostname", "localhost\n");
    let cases = [
        (
            "[setup]\napache_include = /no/such/place.conf\n[publish]\nendpoint = https://a.example/panelgate/\n",
            "apache_include",
        ),
        ("[publish]\nendpoint = https://a.example/elsewhere/\n", "web_servers = none"),
        (
            "[setup]\nweb_servers = nginx\n[publish]\nendpoint = https://a.example/panelgate/\n",
            "certificate_key",
        ),
    ];
    for (answers, text) in cases {
        let output = server.answered(answers, &["--panel", "ini", "--json"]);
        assert_eq!(output.status.code(), Some(3));
        assert!(server.json(&output).to_string().contains(text), "{answers}");
    }
    let report =
        server.json(&server.answered("[setup]\nweb_servers = none\n", &["--panel", "ini", "--json"]));
    assert_eq!(report["ok"], true, "{report:#}");
}
