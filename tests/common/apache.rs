//! Apache 2.4 with mod_cgid from Debian, on a loopback port, with its own configuration in a temporary directory.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::TestUser;

/// A running Apache. It ends when it is dropped.
pub struct Apache {
    child: Child,
    pub port: u16,
    dir: tempfile::TempDir,
}

impl Apache {
    /// Serves each `(address, program)` as a CGI program run as `user`, with `variables` set beside those of RFC 3875.
    pub fn start(user: &TestUser, programs: &[(&str, &Path)], variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        super::chmod(dir.path(), 0o711);
        let run = dir.path().join("run");
        std::fs::create_dir(&run).expect("a directory");
        user.own(&run);
        let pages = dir.path().join("pages");
        std::fs::create_dir(&pages).expect("a directory");
        super::chmod(&pages, 0o755);
        let port = super::free_port();
        let config = dir.path().join("httpd.conf");
        std::fs::write(&config, configuration(user, dir.path(), port, programs, variables))
            .expect("the configuration is written");
        let child = Command::new("apache2")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .arg("-d")
            .arg(dir.path())
            .arg("-f")
            .arg(&config)
            .arg("-DFOREGROUND")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("apache2 starts");
        let apache = Self { child, port, dir };
        super::wait_for("Apache", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        apache
    }

    /// `http://127.0.0.1:PORT` + path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Puts a page of the panel under an address.
    pub fn write_page(&self, address: &str, html: &str) {
        let file = self.dir.path().join("pages").join(address.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("made");
        std::fs::write(&file, html).expect("the page is written");
    }

    /// What the programs and Apache itself wrote to the error log.
    pub fn error_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("run/error.log")).unwrap_or_default()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // SIGTERM lets it end its children too.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.child.wait();
    }
}

fn configuration(
    user: &TestUser,
    dir: &Path,
    port: u16,
    programs: &[(&str, &Path)],
    variables: &[(&str, &str)],
) -> String {
    let (run, pages) = (dir.join("run"), dir.join("pages"));
    let (run, pages) = (run.display(), pages.display());
    let modules = "/usr/lib/apache2/modules";
    let mut text = format!(
        "ServerRoot {run}\nServerName localhost\nListen 127.0.0.1:{port}\n\
         PidFile {run}/pid\nErrorLog {run}/error.log\nScriptSock {run}/cgisock\nMutex file:{run} default\nTimeout 20\n\
         LimitRequestFieldSize 1100000\nLimitRequestLine 1100000\n"
    );
    for module in ["mpm_event", "authz_core", "alias", "cgid", "env"] {
        text.push_str(&format!("LoadModule {module}_module {modules}/mod_{module}.so\n"));
    }
    if super::is_root() {
        text.push_str(&format!("User {}\nGroup #{}\n", user.name, user.gid));
    }
    for (name, value) in variables {
        text.push_str(&format!("SetEnv {name} \"{value}\"\n"));
    }
    text.push_str("<Directory />\nRequire all denied\n</Directory>\n");
    // Plain files; their type needs no further module.
    text.push_str(&format!(
        "DocumentRoot {pages}\n<Directory {pages}>\nRequire all granted\nForceType \"text/html; charset=utf-8\"\n</Directory>\n"
    ));
    for (address, program) in programs {
        let directory = program.parent().expect("a directory").display();
        text.push_str(&format!("ScriptAlias {address} {}\n", program.display()));
        text.push_str(&format!(
            "<Directory {directory}>\nRequire all granted\nOptions +ExecCGI\n</Directory>\n"
        ));
    }
    text
}
