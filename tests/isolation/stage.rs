//! A panel's server with two accounts, and the three ways to ask it for a session.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use panelgate::config::PanelKind::{self, CPanel, DirectAdmin, Ini, Plesk};
use panelgate::error::ErrorKind;
use panelgate::sandbox::tree::TreeSite;

use crate::common::{self, NAME_OF_B, TestUser, Trial, chmod, is_root};
use crate::{programs, trial};
/// The programs, where every user can run them.
pub struct Programs {
    pub cli: PathBuf,
    c: PathBuf,
    /// The page's program, which belongs to the tests' user: a private trial has a link to it.
    page: PathBuf,
    /// The same for trials of root, who owns everything there.
    page_of_root: PathBuf,
    _directory: tempfile::TempDir,
}

pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let directory = programs::open_directory();
        let path = |name: &str| directory.path().join(name);
        let (cli, c) = (path("panelgate"), path("open"));
        let (page, page_of_root) = (path("panelgate.cgi"), path("panelgate-root.cgi"));
        for (from, to) in [
            (Path::new(env!("CARGO_BIN_EXE_panelgate")), &cli),
            (&common::cgi_program(), &page),
            (&common::cgi_program(), &page_of_root),
        ] {
            assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
            chmod(to, 0o755);
        }
        TestUser::get().own(&page);
        programs::compile(&programs::root().join("tests/c/open.c"), programs::Build::C11, &c);
        Programs { cli, c, page, page_of_root, _directory: directory }
    })
}

/// As whom the programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// As account A.
    Account,
    /// As a panel user, who names the account.
    PanelUser,
    /// As root, who names the account.
    Root,
}

impl Caller {
    /// Those that this test can be; who is not root says so.
    pub fn all() -> Vec<Caller> {
        if is_root() {
            return vec![Self::Account, Self::PanelUser, Self::Root];
        }
        eprintln!("skipped, because they need root: the rows of the caller Root");
        vec![Self::Account, Self::PanelUser]
    }
}

/// Which account is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Account A; by itself no account, since its uid says it.
    Own,
    /// No account, whoever asks.
    Nobody,
    /// Account B.
    B,
    /// An account that is not there.
    Unknown,
}

/// A panel's server with accounts A and B, and one caller.
pub struct Stage {
    pub trial: Trial,
    pub caller: Caller,
}

impl Stage {
    pub fn new(panel: PanelKind, caller: Caller, extra: &[TreeSite]) -> Self {
        let trial = match caller {
            Caller::Account => Trial::of_account(panel, extra),
            Caller::PanelUser | Caller::Root => Trial::of_panel_user(panel, extra),
        };
        Self::on(trial, caller)
    }

    pub fn on(trial: Trial, caller: Caller) -> Self {
        let page = if caller == Caller::Root { &programs().page_of_root } else { &programs().page };
        std::fs::hard_link(page, trial.dir.path().join("bin/panelgate.cgi")).unwrap();
        Self { trial, caller }
    }

    pub fn panel(&self) -> PanelKind {
        self.trial.panel
    }

    /// Gives what was changed to whom it belongs.
    pub fn settle(&self) {
        if self.caller == Caller::Root {
            let root = TestUser { name: "root".into(), uid: 0, gid: 0 };
            for part in ["root", "bin", "ca.pem"] {
                root.own(&self.trial.dir.path().join(part));
            }
        } else {
            self.trial.user.own(self.trial.dir.path());
        }
    }

    pub fn name(&self, named: Named) -> Option<&str> {
        match named {
            Named::Own if self.caller == Caller::Account => None,
            Named::Own => Some(&self.trial.account),
            Named::Nobody => None,
            Named::B => Some(NAME_OF_B),
            Named::Unknown => Some("pgtestz"),
        }
    }

    /// Asks for a session in each of the three ways; each must end the same: `None` is an open session. Returns what is not so.
    pub fn expect(&self, what: &str, named: Named, site: &str, wanted: Option<ErrorKind>) -> Vec<String> {
        self.settle();
        let row = format!("{} as {:?}, naming {named:?}: {what}", self.panel().name(), self.caller);
        let before = self.trial.sessions();
        let name = self.name(named);
        let ends = [
            ("the page", self.page(name, site)),
            ("the C library", Some(self.c_library(name, site))),
            ("the command line", Some(self.command_line(name, site))),
        ];
        let ends: Vec<(&str, Option<ErrorKind>)> =
            ends.into_iter().filter_map(|(way, end)| Some((way, end?))).collect();
        let mut faults: Vec<String> = ends
            .iter()
            .filter(|(_, end)| *end != wanted)
            .map(|(way, end)| format!("{row}: {way} gave {end:?} instead of {wanted:?}"))
            .collect();
        let reached = self.trial.sessions() - before;
        if reached != if wanted.is_none() { ends.len() } else { 0 } {
            faults.push(format!("{row}: {reached} calls reached the builder"));
        }
        faults
    }

    /// A click on an address that names the site. Root has no page: it is refused as such.
    pub fn page(&self, name: Option<&str>, site: &str) -> Option<Option<ErrorKind>> {
        let query = form_urlencoded(site);
        let mut variables = vec![("REQUEST_METHOD", "GET"), ("QUERY_STRING", query.as_str())];
        variables.extend(name.map(|name| ("PANELGATE_ACCOUNT", name)));
        let program = self.trial.dir.path().join("bin/panelgate.cgi");
        if self.caller == Caller::Root {
            let output = Command::new(&program).env_clear().envs(variables).output().unwrap();
            assert!(output.stdout.starts_with(b"Status: 403 "), "{}", text(&output.stdout));
            return None;
        }
        Some(page_end(&self.trial.run(&program, &[], &variables, b"")))
    }

    pub fn user(&self) -> trial::Caller {
        trial::Caller { uid: if self.caller == Caller::Root { 0 } else { self.trial.user.uid } }
    }

    fn c_library(&self, name: Option<&str>, site: &str) -> Option<ErrorKind> {
        let config = self.trial.config();
        let words = [programs().c.to_str().unwrap(), config.to_str().unwrap(), name.unwrap_or("-"), site];
        let printed = programs::succeed(&mut programs::run(words, self.user()));
        let (status, name) = printed.trim_end().split_once(' ').unwrap();
        let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.name() == name);
        assert_eq!(status.parse(), Ok(kind.map_or(0, ErrorKind::code)), "{printed}");
        assert!(kind.is_some() || name == "ok", "{printed}");
        kind
    }

    fn command_line(&self, name: Option<&str>, site: &str) -> Option<ErrorKind> {
        let config = self.trial.config();
        let mut words = vec![programs().cli.to_str().unwrap(), "--config", config.to_str().unwrap(), "open"];
        words.extend(name.into_iter().flat_map(|name| ["--account", name]));
        words.push(site);
        let output = programs::output(&mut programs::run(words, self.user()));
        let kind = kind_in(&text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(kind.map_or(0, |kind| i32::from(kind.exit_code()))),
            "{output:?}"
        );
        let address = format!("https://{}/", self.trial.builder.page_host());
        assert_eq!(text(&output.stdout).starts_with(&address), kind.is_none(), "{output:?}");
        kind
    }

    pub fn edit(&self, path: &str, change: impl Fn(&str) -> String) {
        let path = self.trial.in_tree(path);
        let changed = change(&std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, changed).unwrap();
    }

    /// The file that says who the account is.
    pub fn account_file(&self, name: &str) -> String {
        match self.panel() {
            CPanel => format!("var/cpanel/users/{name}"),
            DirectAdmin => format!("usr/local/directadmin/data/users/{name}/user.conf"),
            Plesk => format!("usr/local/psa/answers/account-{name}"),
            Ini => format!("etc/panelgate/accounts.d/{name}.ini"),
        }
    }

    pub fn own_file(&self) -> String {
        self.account_file(&self.trial.account)
    }

    /// Sets a key of the account's file.
    pub fn set(&self, key: &str, value: &str) {
        let ini = self.panel() == Ini;
        self.edit(&self.own_file(), |text| {
            let others = text.lines().filter(|line| line.split('=').next().map(str::trim) != Some(key));
            let mut lines: Vec<String> = others.map(str::to_owned).collect();
            lines.insert(usize::from(ini), format!("{key}={value}"));
            lines.join("\n") + "\n"
        });
    }

    /// Sets a column of the rows of Plesk's answer about a site.
    pub fn set_column(&self, site: &str, column: usize, value: &str) {
        let site = common::domain(site);
        self.edit(&self.own_file(), |text| {
            let row = |line: &str| {
                let mut columns: Vec<&str> = line.split('\t').collect();
                if columns[0] == "site" && columns[3] == site.as_str() {
                    columns[column] = value;
                }
                columns.join("\t") + "\n"
            };
            text.lines().map(row).collect()
        });
    }
}

fn form_urlencoded(site: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("site", site).finish()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The one error that a log or standard error names.
fn kind_in(text: &str) -> Option<ErrorKind> {
    let named: Vec<ErrorKind> =
        ErrorKind::ALL.iter().copied().filter(|kind| text.contains(&format!("[{kind}]"))).collect();
    assert!(named.len() <= 1, "{text}");
    named.first().copied()
}

/// How a page ended; its status must be that of the error in its log.
pub fn page_end(output: &Output) -> Option<ErrorKind> {
    let (page, log) = (text(&output.stdout), text(&output.stderr));
    let kind = kind_in(&log);
    let status = kind.map_or(303, ErrorKind::http_status);
    assert!(page.starts_with(&format!("Status: {status} ")), "{page}\n{log}");
    assert_eq!(page.to_ascii_lowercase().contains("\nlocation:"), kind.is_none(), "{page}");
    kind
}

pub fn uid_of_a(stage: &Stage) -> u32 {
    let passwd = std::fs::read_to_string(stage.trial.in_tree("etc/passwd")).unwrap();
    let name = format!("{}:", stage.trial.account);
    let line = passwd.lines().find(|line| line.starts_with(&name)).unwrap();
    line.split(':').nth(2).unwrap().parse().unwrap()
}
