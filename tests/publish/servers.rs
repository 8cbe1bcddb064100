//! Real web servers in front of the endpoint: what a builder's requests become in each.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{chmod, free_port, wait_for};
use crate::needs_root;
use crate::world::{World, get, put};

/// A web server that serves the endpoint below `/panelgate`, and ends when it is dropped.
pub struct Server {
    children: Vec<Child>,
    pub port: u16,
    _dir: tempfile::TempDir,
}

/// The ways in which a web server starts a CGI program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ModCgid,
    ModCgi,
    Nginx,
    Lighttpd,
}

impl Server {
    pub const ALL: [Kind; 4] = [Kind::ModCgid, Kind::ModCgi, Kind::Nginx, Kind::Lighttpd];

    pub fn start(kind: Kind, world: &World) -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        let web = panelgate::sys::users::by_name("www-data").unwrap().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::os::unix::fs::chown(&run, Some(web.uid), Some(web.gid)).unwrap();
        let port = free_port();
        let program = world.path("endpoint/publish.cgi");
        let children = match kind {
            Kind::ModCgid | Kind::ModCgi => vec![apache(kind, dir.path(), port, &program)],
            Kind::Nginx => nginx(dir.path(), port, &program),
            Kind::Lighttpd => vec![lighttpd(dir.path(), port, &program)],
        };
        Self::up(children, port, dir)
    }

    /// A web server that serves the files of a site to its visitors.
    pub fn of_site(root: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        let (port, root, run) = (free_port(), root.display(), dir.path().display());
        let text = format!(
            "user www-data;\ndaemon off;\nworker_processes 1;\npid {run}/pid;\nerror_log {run}/error.log;\nevents {{}}\nhttp {{\n\
             access_log off;\nsendfile on;\nclient_body_temp_path {run}/body;\nfastcgi_temp_path {run}/fcgi;\nproxy_temp_path {run}/proxy;\n\
             uwsgi_temp_path {run}/uwsgi;\nscgi_temp_path {run}/scgi;\nserver {{\nlisten 127.0.0.1:{port};\nroot {root};\n}}\n}}\n"
        );
        let config = dir.path().join("nginx.conf");
        std::fs::write(&config, text).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.arg("-c").arg(&config).arg("-e").arg(dir.path().join("start.log"));
        Self::up(vec![spawn(&mut nginx)], port, dir)
    }

    fn up(children: Vec<Child>, port: u16, dir: tempfile::TempDir) -> Self {
        let server = Self { children, port, _dir: dir };
        wait_for("the web server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.children {
            // The whole group: fcgiwrap's children outlive it otherwise.
            let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", child.id())]).status();
            let _ = child.wait();
        }
    }
}

/// Starts a server in a process group of its own: some signal their whole group when they end.
fn spawn(command: &mut Command) -> Child {
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").spawn().unwrap()
}

fn apache(kind: Kind, dir: &Path, port: u16, program: &Path) -> Child {
    let run = dir.join("run");
    let (run, program_dir) = (run.display(), program.parent().unwrap().display());
    let (modules, socket) = match kind {
        Kind::ModCgid => (["mpm_event", "cgid"], format!("ScriptSock {run}/cgisock\n")),
        _ => (["mpm_prefork", "cgi"], String::new()),
    };
    let mut text = format!(
        "ServerRoot {run}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {run}/pid\nErrorLog {run}/error.log\n\
         Mutex file:{run} default\nTimeout 20\n"
    );
    for module in modules.into_iter().chain(["authz_core", "alias"]) {
        text.push_str(&format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"));
    }
    text.push_str(&socket);
    text.push_str(&format!(
        "User www-data\nGroup www-data\n<Directory />\nRequire all denied\n</Directory>\n\
         ScriptAlias /panelgate {}\n<Directory {program_dir}>\nRequire all granted\nOptions +ExecCGI\nCGIPassAuth On\n</Directory>\n",
        program.display()
    ));
    let config = dir.join("httpd.conf");
    std::fs::write(&config, text).unwrap();
    spawn(Command::new("apache2").arg("-d").arg(dir).arg("-f").arg(&config).arg("-DFOREGROUND"))
}

fn nginx(dir: &Path, port: u16, program: &Path) -> Vec<Child> {
    let run = dir.join("run");
    let socket = run.join("fcgi.sock");
    let text = format!(
        "user www-data;\ndaemon off;\nmaster_process on;\nworker_processes 1;\npid {run}/pid;\nerror_log {run}/error.log;\n\
         events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {run}/body;\nfastcgi_temp_path {run}/fcgi;\nproxy_temp_path {run}/proxy;\n\
         uwsgi_temp_path {run}/uwsgi;\nscgi_temp_path {run}/scgi;\nclient_max_body_size 0;\nserver {{\nlisten 127.0.0.1:{port};\n\
         location /panelgate/ {{\nfastcgi_split_path_info ^(/panelgate)(/.*)$;\nfastcgi_pass unix:{socket};\n\
         fastcgi_param SCRIPT_FILENAME {program};\nfastcgi_param PATH_INFO $fastcgi_path_info;\nfastcgi_param REQUEST_METHOD $request_method;\n\
         fastcgi_param QUERY_STRING $query_string;\nfastcgi_param CONTENT_TYPE $content_type;\nfastcgi_param CONTENT_LENGTH $content_length;\n\
         fastcgi_param REMOTE_ADDR $remote_addr;\nfastcgi_param GATEWAY_INTERFACE CGI/1.1;\nfastcgi_param NO_BUFFERING 1;\n\
         fastcgi_request_buffering off;\nfastcgi_buffering off;\n}}\n}}\n}}\n",
        run = run.display(),
        socket = socket.display(),
        program = program.display()
    );
    let config = dir.join("nginx.conf");
    std::fs::write(&config, text).unwrap();
    let mut wrap = Command::new("setpriv");
    wrap.args(["--reuid=www-data", "--regid=www-data", "--clear-groups", "fcgiwrap", "-f", "-c", "4", "-s"]);
    wrap.arg(format!("unix:{}", socket.display()));
    let wrap = spawn(&mut wrap);
    wait_for("fcgiwrap", || socket.exists());
    vec![spawn(Command::new("nginx").arg("-c").arg(&config).arg("-e").arg(run.join("start.log"))), wrap]
}

/// It reads the body as it comes; otherwise it would keep uploads in files of its own first.
fn lighttpd(dir: &Path, port: u16, program: &Path) -> Child {
    let run = dir.join("run");
    let text = format!(
        "server.modules = (\"mod_alias\", \"mod_cgi\")\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
         server.document-root = \"{run}\"\nserver.upload-dirs = (\"{run}\")\nserver.errorlog = \"{run}/error.log\"\n\
         server.username = \"www-data\"\nserver.groupname = \"www-data\"\n\
         server.stream-request-body = 1\nserver.stream-response-body = 1\n\
         alias.url = (\"/panelgate\" => \"{program}\")\ncgi.assign = (\".cgi\" => \"\")\n",
        run = run.display(),
        program = program.display()
    );
    let config = dir.join("lighttpd.conf");
    std::fs::write(&config, text).unwrap();
    spawn(Command::new("lighttpd").arg("-D").arg("-f").arg(&config))
}

#[test]
fn each_server_publishes_lists_and_removes() {
    needs_root!();
    let world = World::start();
    let access = world.access(&world.a);
    for kind in Server::ALL {
        let server = Server::start(kind, &world);
        let port = server.port;
        let big: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        for (path, body) in [
            ("index.php", &b"<?php"[..]),
            ("css/deep/site.css", b"body{}"),
            ("big.bin", &big),
            ("empty", b""),
        ] {
            let answer = put(port, &access, path, body);
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{kind:?} {path}: {answer:?}");
            assert_eq!(std::fs::read(world.a.root().join(path)).unwrap(), body, "{kind:?} {path}");
        }
        let list = get(port, &access, "css/deep?list=1");
        assert_eq!(list.body, r#"[{"name":"site.css","isDir":false,"size":6}]"#, "{kind:?}: {list:?}");
        // The path is decoded once, by the server.
        assert_eq!(put(port, &access, "a%2541%20b.css", b"x").status, 200, "{kind:?}");
        assert_eq!(world.a.read("a%41 b.css").as_deref(), Some("x"), "{kind:?}: {:?}", world.a.names());
        // A refusal of a body that was not read arrives all the same, from the broker and from the worker.
        let wrong = crate::world::Access { password: "wrong".into(), ..access.clone() };
        let answer = put(port, &wrong, "index.php", &big);
        assert_eq!(answer.status, 401, "{kind:?}: {answer:?}");
        assert!(answer.head.contains("WWW-Authenticate: Basic "), "{kind:?}: {answer:?}");
        let answer = put(port, &access, "css", &big);
        assert_eq!(answer.status, 403, "{kind:?}: {answer:?}");
        assert!(answer.body.contains("css"), "{kind:?}: {answer:?}");
        for path in [
            "index.php",
            "css/deep/site.css",
            "css/deep",
            "css",
            "big.bin",
            "empty",
            "a%2541%20b.css",
            "never-there",
        ] {
            assert_eq!(get(port, &access, &format!("{path}?delete=1")).status, 200, "{kind:?} {path}");
        }
        assert_eq!(get(port, &access, "?list=1").body, "[]", "{kind:?}");
        assert_eq!(get(port, &access, "fonts?mkDir=1").status, 200);
        assert_eq!(get(port, &access, "fonts?delete=true").status, 200);
    }
    let facts = std::fs::metadata(world.a.root()).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&facts), world.a.user.uid);
}
