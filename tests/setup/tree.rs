//! A server of a test: a panel's folders, its programs as stand-ins, our bundles.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::chmod;

pub const SECRET: &str = "Brand-Pa55word #1; x=y";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    CPanel,
    DirectAdmin,
    Plesk,
    Ini,
}

pub const PANELS: [Kind; 4] = [Kind::CPanel, Kind::DirectAdmin, Kind::Plesk, Kind::Ini];

pub struct Server {
    dir: tempfile::TempDir,
    pub kind: Kind,
}

/// The files of a tree with what they hold.
pub type Listing = BTreeMap<String, String>;

impl Server {
    pub fn new(kind: Kind) -> Self {
        let dir = tempfile::tempdir().unwrap();
        chmod(dir.path(), 0o755);
        let server = Self { dir, kind };
        server.file(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\nwww-data:x:33:33::/:/bin/false\n\
             apache:x:48:48::/:/bin/false\npsaadm:x:900:900::/:/bin/false\npanelgate-web:x:901:901::/:/bin/false\n",
        );
        server.file("etc/hostname", "srv1.example.net\n");
        server.standin("usr/sbin/apachectl");
        std::fs::create_dir_all(server.at("run/systemd/system")).unwrap();
        server.file("usr/lib/systemd/system/panelgate.socket", "");
        server.standin("usr/bin/systemctl");
        match kind {
            Kind::CPanel => server.cpanel(),
            Kind::DirectAdmin => server.directadmin(),
            Kind::Plesk => server.plesk(),
            Kind::Ini => server.folder("etc/httpd/conf.d"),
        }
        server
    }

    fn cpanel(&self) {
        self.file("usr/local/cpanel/version", "11.134.0.1\n");
        self.file("etc/wwwacct.conf", "ADDR 192.0.2.1\nHOST cp.example.net\n");
        for folder in [
            "usr/local/cpanel/base/frontend/jupiter/dynamicui",
            "usr/local/cpanel/base/frontend/jupiter/assets/application_icons",
            "usr/local/cpanel/whostmgr/docroot/cgi",
            "usr/local/cpanel/whostmgr/docroot/addon_plugins",
            "var/cpanel/apps",
            "etc/apache2/conf.d",
        ] {
            self.folder(folder);
        }
        for program in [
            "scripts/install_plugin",
            "scripts/uninstall_plugin",
            "bin/register_appconfig",
            "bin/unregister_appconfig",
            "bin/manage_hooks",
        ] {
            self.standin(&format!("usr/local/cpanel/{program}"));
        }
        let hook = "usr/share/panelgate/panel-hooks/cpanel/panelgate-hook";
        let path = self.at(hook);
        self.file(
            hook,
            &format!(
                "#!/bin/sh\necho '[{{\"category\":\"Whostmgr\",\"event\":\"Accounts::Create\",\"stage\":\"post\",\"hook\":\"{0} --event=create\",\"exectype\":\"script\"}},\
                 {{\"category\":\"System\",\"event\":\"upcp\",\"stage\":\"post\",\"hook\":\"{0} --event=upcp\",\"exectype\":\"script\"}}]'\n",
                path.display()
            ),
        );
        chmod(&path, 0o755);
        self.cpanel_bundle("1");
    }

    /// A bundle of another version.
    pub fn cpanel_bundle(&self, version: &str) {
        let install = r#"[{"type":"link","id":"panelgate","name":"Website Builder","icon":"panelgate.svg","order":10,"uri":"panelgate/index.live.cgi","featuremanager":true}]"#;
        let conf = "name=panelgate\nservice=whostmgr\nuser=root\nurl=/cgi/panelgate/index.cgi\nacls=all\n";
        let mut files = vec![
            ("install.json", 0o644, install),
            ("panelgate.svg", 0o644, "<svg/>"),
            ("panelgate.conf", 0o644, conf),
            ("jupiter/index.live.cgi", 0o755, version),
            ("whm/index.cgi", 0o755, version),
            ("root/usr/local/cpanel/whostmgr/docroot/addon_plugins/panelgate.png", 0o644, version),
        ];
        if version == "1" {
            files.push(("root/var/cpanel/packages/extensions/old-name", 0o644, "1"));
        } else {
            files.push(("root/var/cpanel/packages/extensions/new-name", 0o644, "2"));
        }
        self.bundle("panelgate-cpanel.tar.gz", &files);
    }

    fn directadmin(&self) {
        self.file("usr/local/directadmin/conf/directadmin.conf", "servername=da.example.net\nport=2222\n");
        self.folder("usr/local/directadmin/plugins");
        self.file(
            "etc/httpd/conf/extra/httpd-includes.conf",
            "# the administrator's own\nInclude conf/other.conf",
        );
        self.directadmin_bundle("1");
    }

    pub fn directadmin_bundle(&self, version: &str) {
        let root = self.root().display().to_string();
        let script = |word: &str| {
            format!("#!/bin/sh\nset -eu\ncd \"${{0%/scripts/*}}\"\necho '{word}' >> '{root}/calls.log'\n")
        };
        let install = script("install.sh")
            + "sed -i 's/^installed=no/installed=yes/' plugin.conf\n[ ! -e '"
            + &root
            + "/broken' ] || exit 9\n";
        let conf =
            format!("name=Website Builder\nid=panelgate\nversion={version}\nactive=yes\ninstalled=no\n");
        self.bundle(
            "panelgate-directadmin.tar.gz",
            &[
                ("plugin.conf", 0o644, &conf),
                ("user/index.raw", 0o755, version),
                ("hooks/user_destroy_post.sh", 0o755, "#!/bin/sh\n"),
                ("scripts/install.sh", 0o755, &install),
                ("scripts/uninstall.sh", 0o755, &script("uninstall.sh")),
            ],
        );
    }

    fn plesk(&self) {
        self.file(
            "etc/psa/psa.conf",
            "# Plesk\nPRODUCT_ROOT_D\t/usr/local/psa\nHTTPD_INCLUDE_D\t/etc/httpd/conf.d\n",
        );
        self.folder("etc/httpd/conf.d");
        self.standin("usr/sbin/plesk");
        self.file("usr/share/panelgate/bundles/panelgate-plesk.zip", "PK 1");
    }

    fn bundle(&self, name: &str, files: &[(&str, u32, &str)]) {
        let mut archive =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, mode, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            header.set_cksum();
            archive.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        let bytes = archive.into_inner().unwrap().finish().unwrap();
        let path = self.at(&format!("usr/share/panelgate/bundles/{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Replaces the page and the version of what is installed.
    pub fn new_version(&self) {
        match self.kind {
            Kind::CPanel => self.cpanel_bundle("2"),
            Kind::DirectAdmin => self.directadmin_bundle("2"),
            Kind::Plesk => self.file("usr/share/panelgate/bundles/panelgate-plesk.zip", "PK 2"),
            Kind::Ini => {}
        }
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.at(path)).unwrap_or_default()
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn folder(&self, path: &str) {
        std::fs::create_dir_all(self.at(path)).unwrap();
    }

    pub fn standin(&self, path: &str) {
        self.file(path, include_str!("standin.py"));
        chmod(&self.at(path), 0o755);
    }

    /// How programs behave from now on: `"PROGRAM FIRST-ARGUMENT": "fail"` and so on.
    pub fn behave(&self, json: &str) {
        self.file("behave.json", json);
    }

    /// The calls of programs since the last time.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.read("calls.log").lines().map(str::to_owned).collect();
        let _ = std::fs::remove_file(self.at("calls.log"));
        calls
    }

    /// `panelgate setup` with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.arg("setup").arg("--root").arg(self.root()).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn setup(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs with these answers on standard input.
    pub fn answered(&self, answers: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command
            .args(["--answers", "-", "--no-doctor"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Sets up as an administrator would.
    pub fn install(&self) -> Value {
        let panel: &[&str] = if self.kind == Kind::Ini { &["--json", "--panel", "ini"] } else { &["--json"] };
        self.json(&self.answered(&credentials(), panel))
    }

    pub fn json(&self, output: &Output) -> Value {
        let text = String::from_utf8_lossy(&output.stdout);
        let wrong = self.read("wrong.log");
        assert_eq!(wrong, "", "a program was called in another way than its reference says");
        serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Every file, link and empty folder with what it holds and its mode; without what the stand-ins write for the tests.
    pub fn listing(&self) -> Listing {
        let mut listing = Listing::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            let mut empty = true;
            for entry in std::fs::read_dir(&folder).unwrap() {
                empty = false;
                let path = entry.unwrap().path();
                let metadata = path.symlink_metadata().unwrap();
                let mode = metadata.permissions().mode() & 0o7777;
                let name = path.strip_prefix(self.root()).unwrap().to_str().unwrap().to_owned();
                if metadata.is_dir() {
                    folders.push(path);
                } else if metadata.is_symlink() {
                    let target = std::fs::read_link(&path).unwrap();
                    listing.insert(
                        name,
                        format!("-> {}", target.strip_prefix(self.root()).unwrap_or(&target).display()),
                    );
                } else if !["calls.log", "behave.json"].contains(&name.as_str()) {
                    listing.insert(
                        name,
                        format!("{mode:04o} {}", String::from_utf8_lossy(&std::fs::read(&path).unwrap())),
                    );
                }
            }
            if empty {
                listing.insert(
                    format!("{}/", folder.strip_prefix(self.root()).unwrap().display()),
                    String::new(),
                );
            }
        }
        listing
    }
}

pub fn credentials() -> String {
    format!("[builder]\nurl = https://127.0.0.1:9/api/\nusername = brand\npassword = {SECRET}\n")
}

/// The states of the steps by their names.
pub fn states(report: &Value) -> BTreeMap<String, String> {
    let step = |step: &Value| {
        (step["name"].as_str().unwrap().to_owned(), step["state"].as_str().unwrap().to_owned())
    };
    report["steps"].as_array().unwrap().iter().map(step).collect()
}

/// What differs between two trees, in words; empty if nothing does.
pub fn differences(left: &Listing, right: &Listing) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differs = |name: &&&String| left.get(**name) != right.get(**name);
    names
        .iter()
        .filter(differs)
        .map(|name| format!("{name}: {:?} and {:?}", left.get(*name), right.get(*name)))
        .collect()
}

/// Ends a test that needs root, loudly.
macro_rules! needs_root {
    () => {
        if !crate::common::is_root() {
            eprintln!("skipped: {} needs root", module_path!());
            return;
        }
    };
}
pub(crate) use needs_root;
