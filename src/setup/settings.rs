//! `panelgate.ini` as setup wants it: what it says already, what the administrator answers, and what this server is.

use std::path::{Path, PathBuf};

use super::ini_edit;
use super::plan::{Group, Standing, Step, Work};
use super::server::{Mode, Server};
use crate::config::{self, Config, PanelConfig, PanelKind, WebServer};
use crate::error::{Error, ErrorKind, Result};
use crate::panel;
use crate::types::Domain;

/// The system user to which pages drop that a panel starts as root.
pub(super) const WEB_FRONT: &str = "panelgate-web";

/// Where the endpoint lies below the server's name.
pub(super) const ENDPOINT_PATH: &str = "/panelgate/";

/// One setting that the administrator gives: section, key, value.
#[derive(Clone)]
pub struct Answer {
    /// The section without brackets.
    pub section: String,
    /// The key.
    pub key: String,
    /// The value, which may be a secret.
    pub value: String,
}

/// The configuration before and after.
pub(super) struct Settings {
    /// The file, as the system sees it.
    pub(super) path: PathBuf,
    /// What it holds now; `None` if there is none.
    old: Option<String>,
    /// What it will hold.
    new: String,
    /// What that means.
    pub(super) config: Config,
    /// Which panel it is.
    pub(super) kind: PanelKind,
    /// The keys that change, without secrets.
    changes: Vec<String>,
}

impl Settings {
    /// Finds out what the configuration will be. Nothing is written.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the file or an answer is wrong, or if the panel cannot be told.
    pub(super) fn prepare(
        server: &Server,
        path: &Path,
        wanted: Option<PanelKind>,
        answers: &[Answer],
    ) -> Result<Self> {
        let old = read(path)?;
        let mut draft = Draft { text: old.clone().unwrap_or_default(), changes: Vec::new() };
        if !server.is_real() {
            draft.default("panel", "root", &server.tree().root().display().to_string());
            draft.default("store", "dir", &server.path("/var/lib/panelgate").display().to_string());
        }
        for answer in answers {
            draft.answer(answer)?;
        }
        if let Some(kind) = wanted {
            draft.set("panel", "kind", kind.name());
        }
        let config = draft.parse(path)?;
        let kind = kind(server, &config.panel)?;
        if let Some(users) = list(panel_users(server, kind)?) {
            draft.default("broker", "panel_users", &users);
        }
        let servers = web_servers(server, &config, kind);
        if !servers.is_empty() {
            if let Some(user) = web_user(server, kind, &servers)? {
                draft.default("broker", "web_users", user);
            }
            if let Some(name) = host_name(server, kind) {
                draft.default("publish", "endpoint", &format!("https://{name}{ENDPOINT_PATH}"));
            }
        }
        let config = draft.parse(path)?;
        Ok(Self { path: path.to_owned(), old, new: draft.text, config, kind, changes: draft.changes })
    }

    /// Whether the builder's credentials are known.
    pub(super) fn has_credentials(&self) -> bool {
        !self.config.builder.username.is_empty() && !self.config.builder.password.expose().is_empty()
    }

    /// The step that writes the file.
    pub(super) fn step(&self, reload: bool) -> Step {
        let what = match &self.old {
            None => format!("write {}, for root alone", self.path.display()),
            Some(_) => format!("set what is missing in {}", self.path.display()),
        };
        let work = Write {
            path: self.path.clone(),
            new: self.new.clone(),
            changes: self.changes.join(", "),
            reload,
        };
        Step {
            name: "configuration",
            group: Group::Configuration,
            what,
            why: "Panelgate reads how to reach the builder and whom to trust there",
            work: Box::new(work),
        }
    }
}

/// What the file holds; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let bytes = config::read_private(path)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(ErrorKind::Config, format!("{}: it is not UTF-8 text", path.display())))?;
    Ok(Some(text))
}

/// The text as it grows.
struct Draft {
    text: String,
    changes: Vec<String>,
}

impl Draft {
    fn set(&mut self, section: &str, key: &str, value: &str) {
        let text = ini_edit::set(&self.text, section, key, value);
        if text != self.text {
            self.text = text;
            let secret = key.contains("password") || key == "key" || key.contains("hash");
            let shown = if secret { String::new() } else { format!(" = {value}") };
            self.changes.push(format!("[{section}] {key}{shown}"));
        }
    }

    /// Sets a key that says nothing yet.
    fn default(&mut self, section: &str, key: &str, value: &str) {
        if ini_edit::get(&self.text, section, key).is_none() {
            self.set(section, key, value);
        }
    }

    fn answer(&mut self, answer: &Answer) -> Result<()> {
        let Answer { section, key, value } = answer;
        let value = value.trim();
        if value.chars().any(char::is_control) {
            let text = format!("the answer for [{section}] {key} has control characters");
            return Err(Error::new(ErrorKind::InvalidArgument, text));
        }
        if !value.is_empty() {
            self.set(section, key, value);
        }
        Ok(())
    }

    fn parse(&self, path: &Path) -> Result<Config> {
        Config::parse(path, self.text.as_bytes())
    }
}

/// Which panel is there.
fn kind(server: &Server, config: &PanelConfig) -> Result<PanelKind> {
    if let Some(kind) = config.kind {
        return Ok(kind);
    }
    match panel::detect(server.tree(), config).as_slice() {
        [kind] => Ok(*kind),
        [] => {
            let text = "no panel is found here: custom hosting is named by --panel ini";
            Err(Error::new(ErrorKind::Config, text))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|kind| kind.name()).collect();
            let text = format!("more than one panel is found ({}): say which with --panel", names.join(", "));
            Err(Error::new(ErrorKind::Config, text))
        }
    }
}

/// The system users whose word about an account counts. [`WEB_FRONT`] is none of them: what it shows it may see without, and nobody drops to a user who may
/// open every account.
fn panel_users(server: &Server, kind: PanelKind) -> Result<Vec<&'static str>> {
    let users: &[&'static str] = match kind {
        PanelKind::Plesk => &["psaadm"],
        PanelKind::CPanel | PanelKind::DirectAdmin | PanelKind::Ini => &[],
    };
    let mut there = Vec::new();
    for user in users {
        if server.tree().find_user(user)?.is_some() {
            there.push(*user);
        }
    }
    Ok(there)
}

/// The system user that the web server runs programs as.
fn web_user(server: &Server, kind: PanelKind, servers: &[WebServer]) -> Result<Option<&'static str>> {
    let users: &[&'static str] = match kind {
        PanelKind::CPanel => &["nobody"],
        PanelKind::DirectAdmin => &["apache", "webapps"],
        PanelKind::Plesk => &["www-data", "apache"],
        PanelKind::Ini if servers == [WebServer::Nginx] => &["www-data", "nginx", "apache"],
        PanelKind::Ini => &["www-data", "apache", "nginx"],
    };
    for user in users {
        if server.tree().find_user(user)?.is_some() {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

fn list(users: Vec<&str>) -> Option<String> {
    if users.is_empty() { None } else { Some(users.join(", ")) }
}

/// Apache's programs, the first that is there counts.
pub(super) const APACHE_PROGRAMS: [&str; 2] = ["/usr/sbin/apachectl", "/usr/sbin/apache2ctl"];

/// Which web servers get the endpoint.
pub(super) fn web_servers(server: &Server, config: &Config, kind: PanelKind) -> Vec<WebServer> {
    if let Some(servers) = &config.setup.web_servers {
        return servers.clone();
    }
    let apache = APACHE_PROGRAMS.iter().any(|program| server.leads_somewhere(program));
    let nginx = server.leads_somewhere(&config.setup.nginx) && config.setup.certificate.is_some();
    match kind {
        PanelKind::Ini if !apache && nginx => vec![WebServer::Nginx],
        PanelKind::Ini if !apache => Vec::new(),
        _ => vec![WebServer::Apache],
    }
}

/// The server's own name, as the panel knows it, else as the system does. Only a full name leads to it from outside.
fn host_name(server: &Server, kind: PanelKind) -> Option<Domain> {
    let text = |path: &str| std::fs::read_to_string(server.path(path)).unwrap_or_default();
    let value = |path: &str, key: &str| {
        text(path).lines().find_map(|line| line.strip_prefix(key).map(|value| value.trim().to_owned()))
    };
    let panels = match kind {
        PanelKind::CPanel => value("/etc/wwwacct.conf", "HOST "),
        PanelKind::DirectAdmin => value("/usr/local/directadmin/conf/directadmin.conf", "servername="),
        PanelKind::Plesk | PanelKind::Ini => None,
    };
    let system = [text("/etc/hostname"), text("/proc/sys/kernel/hostname")];
    let mut names = panels.into_iter().chain(system);
    names.find_map(|name| {
        let name = Domain::new(name.trim()).ok()?;
        let local = name.as_str().starts_with("localhost") || name.as_str().ends_with(".local");
        Some(name).filter(|name| name.as_str().contains('.') && !local)
    })
}

/// Writes `panelgate.ini`. It is the administrator's, and stays.
struct Write {
    path: PathBuf,
    new: String,
    changes: String,
    /// Whether running programs must read it again.
    reload: bool,
}

impl Work for Write {
    fn standing(&self, _: &Server) -> Result<Standing> {
        let done = read(&self.path)?.as_deref() == Some(self.new.as_str());
        let what = if self.changes.is_empty() { "it is not there" } else { self.changes.as_str() };
        Ok(Standing::when(done, what))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        if self.reload {
            server.set_stamp(super::programs::RELOAD, "wanted")?;
        }
        let beside_root = Server::look(Path::new("/"));
        beside_root.make_dirs(self.path.parent().unwrap_or(Path::new("/")), 0o755)?;
        beside_root.write(&self.path, self.new.as_bytes(), Mode::Exactly(0o600))
    }
}

/// The steps before the panel's: the folder of custom hosting's accounts, or the user of pages that start as root.
pub(super) fn further_steps(settings: &Settings) -> Vec<Step> {
    match settings.kind {
        PanelKind::Ini => vec![Step {
            name: "accounts",
            group: Group::Panel,
            what: format!("make {}", settings.config.panel.accounts_dir.display()),
            why: "one file USER.ini in it describes each account of custom hosting",
            work: Box::new(Directory(settings.config.panel.accounts_dir.clone())),
        }],
        PanelKind::CPanel | PanelKind::Plesk => vec![Step {
            name: "system-user",
            group: Group::Programs,
            what: format!("look for the system user {WEB_FRONT}"),
            why: "pages that the panel starts as root drop to it for good",
            work: Box::new(SystemUser),
        }],
        PanelKind::DirectAdmin => Vec::new(),
    }
}

/// What the administrator may have put there stays.
struct Directory(PathBuf);

impl Work for Directory {
    fn standing(&self, server: &Server) -> Result<Standing> {
        Ok(Standing::when(server.path(&self.0).is_dir(), "it is not there"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        server.make_dirs(&self.0, 0o755)
    }
}

struct SystemUser;

impl Work for SystemUser {
    fn standing(&self, server: &Server) -> Result<Standing> {
        if server.tree().find_user(WEB_FRONT)?.is_some() {
            return Ok(Standing::Done);
        }
        let text = format!(
            "there is no system user {WEB_FRONT}, which the package makes: run systemd-sysusers, or \
             useradd --system --no-create-home --shell /usr/sbin/nologin {WEB_FRONT}, then setup again"
        );
        Err(Error::new(ErrorKind::Config, text))
    }

    fn apply(&self, _: &Server) -> Result<()> {
        Ok(())
    }
}
