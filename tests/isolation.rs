//! Who gets a session for what: each panel, each way in (the page, the C library, the command line) and each caller (an account, a panel user, root)
//! against the same table. The three ways give the same error, and what is refused never reaches the builder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, missing_docs)]

mod common;
#[allow(dead_code)]
#[path = "capi/programs.rs"]
mod programs;
#[allow(dead_code)]
#[path = "capi/trial.rs"]
mod trial;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use common::{
    NAME_OF_B, SITE_ALIAS, SITE_IDN, SITE_MAIN, SITE_OF_B, SITE_SUB, Sites, TestUser, Trial, chmod, is_root,
};
use panelgate::config::PanelKind;
use panelgate::error::ErrorKind;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;

use PanelKind::{CPanel, DirectAdmin, Ini, Plesk};

/// The programs, where every user can run them.
struct Programs {
    cli: PathBuf,
    c: PathBuf,
    /// The page's program, which belongs to the tests' user: a private trial has a link to it.
    page: PathBuf,
    /// The same for trials of root, who owns everything there.
    page_of_root: PathBuf,
    _directory: tempfile::TempDir,
}

fn programs() -> &'static Programs {
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
enum Caller {
    /// As account A.
    Account,
    /// As a panel user, who names the account.
    PanelUser,
    /// As root, who names the account.
    Root,
}

impl Caller {
    /// Those that this test can be; who is not root says so.
    fn all() -> Vec<Caller> {
        if is_root() {
            return vec![Self::Account, Self::PanelUser, Self::Root];
        }
        eprintln!("skipped, because they need root: the rows of the caller Root");
        vec![Self::Account, Self::PanelUser]
    }
}

/// Which account is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
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
struct Stage {
    trial: Trial,
    caller: Caller,
}

impl Stage {
    fn new(panel: PanelKind, caller: Caller, extra: &[TreeSite]) -> Self {
        let trial = match caller {
            Caller::Account => Trial::of_account(panel, extra),
            Caller::PanelUser | Caller::Root => Trial::of_panel_user(panel, extra),
        };
        Self::on(trial, caller)
    }

    fn on(trial: Trial, caller: Caller) -> Self {
        let page = if caller == Caller::Root { &programs().page_of_root } else { &programs().page };
        std::fs::hard_link(page, trial.dir.path().join("bin/panelgate.cgi")).unwrap();
        Self { trial, caller }
    }

    fn panel(&self) -> PanelKind {
        self.trial.panel
    }

    /// Gives what was changed to whom it belongs.
    fn settle(&self) {
        if self.caller == Caller::Root {
            let root = TestUser { name: "root".into(), uid: 0, gid: 0 };
            for part in ["root", "bin", "ca.pem"] {
                root.own(&self.trial.dir.path().join(part));
            }
        } else {
            self.trial.user.own(self.trial.dir.path());
        }
    }

    fn name(&self, named: Named) -> Option<&str> {
        match named {
            Named::Own if self.caller == Caller::Account => None,
            Named::Own => Some(&self.trial.account),
            Named::Nobody => None,
            Named::B => Some(NAME_OF_B),
            Named::Unknown => Some("pgtestz"),
        }
    }

    /// Asks for a session in each of the three ways; each must end the same: `None` is an open session. Returns what is not so.
    fn expect(&self, what: &str, named: Named, site: &str, wanted: Option<ErrorKind>) -> Vec<String> {
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
    fn page(&self, name: Option<&str>, site: &str) -> Option<Option<ErrorKind>> {
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

    fn user(&self) -> trial::Caller {
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

    fn edit(&self, path: &str, change: impl Fn(&str) -> String) {
        let path = self.trial.in_tree(path);
        let changed = change(&std::fs::read_to_string(&path).unwrap());
        std::fs::write(&path, changed).unwrap();
    }

    /// The file that says who the account is.
    fn account_file(&self, name: &str) -> String {
        match self.panel() {
            CPanel => format!("var/cpanel/users/{name}"),
            DirectAdmin => format!("usr/local/directadmin/data/users/{name}/user.conf"),
            Plesk => format!("usr/local/psa/answers/account-{name}"),
            Ini => format!("etc/panelgate/accounts.d/{name}.ini"),
        }
    }

    fn own_file(&self) -> String {
        self.account_file(&self.trial.account)
    }

    /// Sets a key of the account's file.
    fn set(&self, key: &str, value: &str) {
        let ini = self.panel() == Ini;
        self.edit(&self.own_file(), |text| {
            let others = text.lines().filter(|line| line.split('=').next().map(str::trim) != Some(key));
            let mut lines: Vec<String> = others.map(str::to_owned).collect();
            lines.insert(usize::from(ini), format!("{key}={value}"));
            lines.join("\n") + "\n"
        });
    }

    /// Sets a column of the rows of Plesk's answer about a site.
    fn set_column(&self, site: &str, column: usize, value: &str) {
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

fn text(bytes: &[u8]) -> String {
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
fn page_end(output: &Output) -> Option<ErrorKind> {
    let (page, log) = (text(&output.stdout), text(&output.stderr));
    let kind = kind_in(&log);
    let status = kind.map_or(303, ErrorKind::http_status);
    assert!(page.starts_with(&format!("Status: {status} ")), "{page}\n{log}");
    assert_eq!(page.to_ascii_lowercase().contains("\nlocation:"), kind.is_none(), "{page}");
    kind
}

/// What a row of the table wants.
enum Wanted {
    Opens,
    Refused(ErrorKind),
    /// This panel has no such thing.
    NotHere,
}

struct Row {
    what: &'static str,
    site: &'static str,
    change: fn(&Stage),
    wanted: fn(PanelKind, Caller) -> Wanted,
}

fn nothing(_: &Stage) {}

fn opens(_: PanelKind, _: Caller) -> Wanted {
    Wanted::Opens
}

/// cPanel and DirectAdmin have a map of all sites, so that the log tells one of somebody else from one that is not there.
fn foreign(panel: PanelKind, _: Caller) -> Wanted {
    Wanted::Refused(match panel {
        CPanel | DirectAdmin => ErrorKind::SiteNotYours,
        Plesk | Ini => ErrorKind::SiteNotFound,
    })
}

fn panel_data(_: PanelKind, _: Caller) -> Wanted {
    Wanted::Refused(ErrorKind::PanelData)
}

const ROWS: &[Row] = &[
    Row { what: "its own site", site: SITE_MAIN, change: nothing, wanted: opens },
    Row { what: "its own add-on", site: SITE_IDN, change: nothing, wanted: opens },
    Row { what: "its own subdomain", site: SITE_SUB, change: nothing, wanted: opens },
    Row { what: "the site of B", site: SITE_OF_B, change: nothing, wanted: foreign },
    Row { what: "the site of B, otherwise written", site: "BOB.example.", change: nothing, wanted: foreign },
    Row {
        what: "a site that is not there",
        site: "none.example",
        change: nothing,
        wanted: |_, _| Wanted::Refused(ErrorKind::SiteNotFound),
    },
    Row {
        what: "a subdomain that nobody has made",
        site: "shop.bob.example",
        change: nothing,
        wanted: |_, _| Wanted::Refused(ErrorKind::SiteNotFound),
    },
    Row {
        what: "an alias",
        site: SITE_ALIAS,
        change: nothing,
        wanted: |_, _| Wanted::Refused(ErrorKind::SiteAlias),
    },
    Row {
        what: "a suspended account",
        site: SITE_MAIN,
        change: |stage| match stage.panel() {
            CPanel => stage.set("SUSPENDED", "1"),
            DirectAdmin => stage.set("suspended", "yes"),
            Plesk => stage.set_column(SITE_MAIN, 4, "16"),
            Ini => stage.set("suspended", "yes"),
        },
        wanted: |_, _| Wanted::Refused(ErrorKind::Suspended),
    },
    Row {
        what: "an account that another mark says is suspended",
        site: SITE_SUB,
        change: |stage| match stage.panel() {
            CPanel => {
                let marks = stage.trial.in_tree("var/cpanel/suspended");
                std::fs::create_dir_all(&marks).unwrap();
                std::fs::write(marks.join(&stage.trial.account), "").unwrap();
            }
            _ => stage.set_column(SITE_MAIN, 13, "1"),
        },
        wanted: |panel, _| match panel {
            CPanel | Plesk => Wanted::Refused(ErrorKind::Suspended),
            DirectAdmin | Ini => Wanted::NotHere,
        },
    },
    Row {
        what: "a suspended site",
        site: SITE_IDN,
        change: |stage| {
            let site = common::domain(SITE_IDN);
            match stage.panel() {
                DirectAdmin => {
                    let conf = format!(
                        "usr/local/directadmin/data/users/{}/domains/{site}.conf",
                        stage.trial.account
                    );
                    stage.edit(&conf, |text| text.replace("suspended=no", "suspended=yes"));
                }
                Plesk => stage.set_column(SITE_IDN, 4, "2"),
                _ => stage.edit(&stage.own_file(), |text| {
                    text.replace(&format!("[site {site}]\n"), &format!("[site {site}]\nsuspended = yes\n"))
                }),
            }
        },
        wanted: |panel, _| match panel {
            CPanel => Wanted::NotHere,
            _ => Wanted::Refused(ErrorKind::Suspended),
        },
    },
    Row {
        what: "a demonstration account",
        site: SITE_MAIN,
        change: |stage| stage.set(if stage.panel() == CPanel { "DEMO" } else { "demo" }, "1"),
        wanted: |panel, _| match panel {
            CPanel | Ini => Wanted::Refused(ErrorKind::DemoAccount),
            DirectAdmin | Plesk => Wanted::NotHere,
        },
    },
    Row {
        what: "an account that a list says is a demonstration",
        site: SITE_MAIN,
        change: |stage| {
            let list = format!("other\n{}\n", stage.trial.account);
            std::fs::write(stage.trial.in_tree("etc/demousers"), list).unwrap();
        },
        wanted: |panel, _| match panel {
            CPanel => Wanted::Refused(ErrorKind::DemoAccount),
            _ => Wanted::NotHere,
        },
    },
    Row {
        what: "a plan without the builder",
        site: SITE_MAIN,
        change: |stage| match stage.panel() {
            CPanel => stage.set("FEATURE-PANELGATE", "0"),
            DirectAdmin => stage.set("panelgate", "OFF"),
            Ini => stage.set("builder", "no"),
            Plesk => {
                let config = std::fs::read_to_string(stage.trial.config()).unwrap();
                let config = config.replace("[panel]\n", "[panel]\ndeny_plans = other, default\n");
                std::fs::write(stage.trial.config(), config).unwrap();
            }
        },
        wanted: |_, _| Wanted::Refused(ErrorKind::FeatureOff),
    },
    Row {
        what: "a document root outside the home",
        site: SITE_IDN,
        change: |stage| {
            let file = match stage.panel() {
                CPanel => format!(
                    "var/cpanel/userdata/{}/{}.{SITE_MAIN}",
                    stage.trial.account,
                    common::domain(SITE_IDN)
                ),
                DirectAdmin => format!("usr/local/directadmin/data/users/{}/httpd.conf", stage.trial.account),
                Plesk | Ini => stage.own_file(),
            };
            let own = format!("/home/{}/books", stage.trial.account);
            stage.edit(&file, |text| text.replace(&own, &format!("/home/{NAME_OF_B}/public_html")));
        },
        // The administrator's own file must not say such a thing at all.
        wanted: |panel, _| {
            Wanted::Refused(if panel == Ini { ErrorKind::PanelData } else { ErrorKind::SiteWithoutHosting })
        },
    },
    Row {
        what: "a site that the panel also gives to B",
        site: SITE_MAIN,
        change: |stage| {
            let (file, line) = match stage.panel() {
                CPanel => ("etc/userdomains".to_owned(), format!("{SITE_MAIN}: {NAME_OF_B}\n")),
                DirectAdmin => ("etc/virtual/domainowners".to_owned(), format!("{SITE_MAIN}: {NAME_OF_B}\n")),
                _ => (stage.own_file(), format!("claim\t{SITE_MAIN}\n")),
            };
            stage.edit(&file, |text| format!("{text}{line}"));
        },
        wanted: |panel, _| match panel {
            // Its files are not read at every click: see the test of its own.
            Ini => Wanted::NotHere,
            _ => Wanted::Refused(ErrorKind::SiteConflict),
        },
    },
    Row {
        what: "an account file cut off or broken",
        site: SITE_MAIN,
        change: |stage| match stage.panel() {
            CPanel => stage.edit(&stage.own_file(), |text| text[..text.len() / 2].to_owned()),
            DirectAdmin => stage.edit(&stage.own_file(), |_| String::new()),
            Plesk => stage.edit(&stage.own_file(), |text| text[..text.len() - 5].to_owned()),
            Ini => stage.edit(&stage.own_file(), |text| text[..text.len() / 2].to_owned()),
        },
        wanted: panel_data,
    },
    Row {
        what: "the data of B under the name of A",
        site: SITE_OF_B,
        change: |stage| {
            let of_b = std::fs::read_to_string(stage.trial.in_tree(&stage.account_file(NAME_OF_B))).unwrap();
            stage.edit(&stage.own_file(), |_| of_b.clone());
        },
        wanted: |panel, _| {
            Wanted::Refused(if panel == Plesk { ErrorKind::AccountNotFound } else { ErrorKind::PanelData })
        },
    },
    Row {
        what: "a link to the data of B in place of A's",
        site: SITE_OF_B,
        change: |stage| {
            let own = stage.trial.in_tree(&stage.own_file());
            std::fs::remove_file(&own).unwrap();
            std::os::unix::fs::symlink(stage.trial.in_tree(&stage.account_file(NAME_OF_B)), own).unwrap();
        },
        wanted: |panel, _| match panel {
            Plesk => Wanted::NotHere,
            _ => Wanted::Refused(ErrorKind::PanelData),
        },
    },
    Row {
        what: "a link to the sites of B in place of A's",
        site: SITE_OF_B,
        change: |stage| {
            let own = stage.trial.in_tree(&format!("var/cpanel/userdata/{}", stage.trial.account));
            std::fs::remove_dir_all(&own).unwrap();
            std::os::unix::fs::symlink(NAME_OF_B, own).unwrap();
        },
        wanted: |panel, _| match panel {
            CPanel => Wanted::Refused(ErrorKind::PanelData),
            _ => Wanted::NotHere,
        },
    },
    Row {
        what: "a uid that has another name before",
        site: SITE_MAIN,
        change: |stage| {
            let twin = format!("pgtwin:x:{}:1::/home/pgtwin:/bin/sh\n", uid_of_a(stage));
            stage.edit("etc/passwd", |text| format!("{twin}{text}"));
        },
        wanted: panel_data_or_stranger,
    },
    Row {
        what: "a uid that has another name behind",
        site: SITE_MAIN,
        change: |stage| {
            let twin = format!("pgtwin:x:{}:1::/home/pgtwin:/bin/sh\n", uid_of_a(stage));
            stage.edit("etc/passwd", |text| format!("{text}{twin}"));
        },
        wanted: panel_data_or_stranger,
    },
    Row {
        what: "an account that was made anew with another uid",
        site: SITE_MAIN,
        change: |stage| {
            let old = format!(":x:{}:", uid_of_a(stage));
            stage.edit("etc/passwd", |text| text.replace(&old, ":x:45678:"));
        },
        // Who has the old uid is nobody any more.
        wanted: |_, caller| match caller {
            Caller::Account => Wanted::Refused(ErrorKind::Forbidden),
            _ => Wanted::Opens,
        },
    },
    Row {
        what: "an account whose name and uid went to different people",
        site: SITE_MAIN,
        change: |stage| {
            let old = format!("{}:x:{}:", stage.trial.account, uid_of_a(stage));
            let new = format!("{}:x:45678:", stage.trial.account);
            let other = format!("pgtestc:x:{}:1::/home/pgtestc:/bin/sh\n", uid_of_a(stage));
            stage.edit("etc/passwd", |text| text.replace(&old, &new) + &other);
        },
        wanted: |panel, caller| match caller {
            Caller::Account if panel == Plesk => Wanted::Refused(ErrorKind::Forbidden),
            Caller::Account => Wanted::Refused(ErrorKind::AccountNotFound),
            _ => Wanted::Opens,
        },
    },
    Row {
        what: "an account without a system user",
        site: SITE_MAIN,
        change: |stage| {
            let name = format!("{}:", stage.trial.account);
            stage.edit("etc/passwd", |text| {
                text.lines().filter(|line| !line.starts_with(&name)).flat_map(|line| [line, "\n"]).collect()
            });
        },
        wanted: |_, caller| match caller {
            Caller::Account => Wanted::Refused(ErrorKind::Forbidden),
            _ => Wanted::Refused(ErrorKind::PanelData),
        },
    },
];

/// On Plesk an ordinary uid is refused before anybody looks whose it is.
fn panel_data_or_stranger(panel: PanelKind, caller: Caller) -> Wanted {
    match (panel, caller) {
        (Plesk, Caller::Account) => Wanted::Refused(ErrorKind::Forbidden),
        _ => Wanted::Refused(ErrorKind::PanelData),
    }
}

fn uid_of_a(stage: &Stage) -> u32 {
    let passwd = std::fs::read_to_string(stage.trial.in_tree("etc/passwd")).unwrap();
    let name = format!("{}:", stage.trial.account);
    let line = passwd.lines().find(|line| line.starts_with(&name)).unwrap();
    line.split(':').nth(2).unwrap().parse().unwrap()
}

fn walk(panel: PanelKind) {
    let mut faults = Vec::new();
    for caller in Caller::all() {
        for row in ROWS {
            let wanted = match (row.wanted)(panel, caller) {
                Wanted::NotHere => continue,
                // On Plesk processes of an account are nobody, whatever they ask.
                _ if panel == Plesk && caller == Caller::Account => Some(ErrorKind::Forbidden),
                Wanted::Opens => None,
                Wanted::Refused(kind) => Some(kind),
            };
            let stage = Stage::new(panel, caller, &[]);
            (row.change)(&stage);
            faults.extend(stage.expect(row.what, Named::Own, row.site, wanted));
        }
        faults.extend(names(panel, caller));
        if caller == Caller::PanelUser {
            faults.extend(no_account_is_a_panel_user(panel));
        }
        if panel != Plesk || caller != Caller::Account {
            faults.extend(bare_name(panel, caller));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Which account is named decides nothing that the caller may not decide.
fn names(panel: PanelKind, caller: Caller) -> Vec<String> {
    let stage = Stage::new(panel, caller, &[]);
    let not_yours = match foreign(panel, caller) {
        Wanted::Refused(kind) => Some(kind),
        _ => None,
    };
    let forbidden = Some(ErrorKind::Forbidden);
    let unknown = Some(ErrorKind::AccountNotFound);
    let nobody = (caller == Caller::PanelUser).then_some(ErrorKind::InvalidArgument);
    let rows: &[(Named, &str, Option<ErrorKind>)] = match caller {
        Caller::Account => &[
            (Named::B, SITE_OF_B, forbidden),
            (Named::B, SITE_MAIN, forbidden),
            (Named::Unknown, SITE_OF_B, forbidden),
            (Named::Unknown, SITE_MAIN, forbidden),
        ],
        Caller::PanelUser | Caller::Root => &[
            (Named::B, SITE_OF_B, None),
            (Named::B, SITE_MAIN, not_yours),
            (Named::Own, SITE_OF_B, not_yours),
            (Named::Unknown, SITE_MAIN, unknown),
            (Named::Nobody, SITE_MAIN, nobody),
        ],
    };
    rows.iter().flat_map(|(named, site, wanted)| stage.expect(site, *named, site, *wanted)).collect()
}

/// An account in `[broker] panel_users` would act for everybody: it is refused, and so is one of which nobody can say whether it is an account.
fn no_account_is_a_panel_user(panel: PanelKind) -> Vec<String> {
    let stage = || {
        let config = format!("[broker]\npanel_users = {}", TestUser::get().name);
        Stage::on(Trial::with(panel, Sites::Several, &config), Caller::PanelUser)
    };
    let what = "an account as a panel user";
    let mut faults = stage().expect(what, Named::B, SITE_OF_B, Some(ErrorKind::Config));
    let broken = stage();
    broken.edit(&broken.own_file(), |_| "broken\n".to_owned());
    let what = "a broken account as a panel user";
    faults.extend(broken.expect(what, Named::B, SITE_OF_B, Some(ErrorKind::PanelData)));
    faults
}

/// For the builder a name with `www.` and the one without are one website: who has only the former must not get into the latter.
fn bare_name(panel: PanelKind, caller: Caller) -> Vec<String> {
    let www = |name: &str| [TreeSite::new(common::domain(name), SiteKind::Addon, "other")];
    let stage = Stage::new(panel, caller, &www("www.bob.example"));
    let conflict = Some(ErrorKind::SiteConflict);
    let mut faults = stage.expect("www. of a site of B", Named::Own, "www.bob.example", conflict);
    let stage = Stage::new(panel, caller, &www("www.free.example"));
    faults.extend(stage.expect("www. of a site of nobody", Named::Own, "www.free.example", None));
    let call = stage.trial.builder.requests().pop().unwrap();
    let names = (&call.body["domain"], &call.body["baseDomain"]);
    assert_eq!(names, (&"free.example".into(), &"www.free.example".into()));
    faults
}

#[test]
fn on_cpanel_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(CPanel);
}

#[test]
fn on_directadmin_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(DirectAdmin);
}

#[test]
fn on_plesk_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(Plesk);
}

#[test]
fn on_custom_hosting_nobody_gets_a_session_for_a_site_of_another_account() {
    walk(Ini);
}

/// Whatever names somebody else in a request is no identity: the page runs as the account, and that is who it serves.
#[test]
fn no_variable_makes_the_page_act_for_another_account() {
    let home = format!("/home/{NAME_OF_B}");
    let cookie = format!("cpsession={NAME_OF_B}%3aXYZ");
    let mut as_b = vec![("HOME", home.as_str()), ("HTTP_COOKIE", &cookie)];
    as_b.extend(
        ["REMOTE_USER", "USER", "LOGNAME", "REMOTE_IDENT", "HTTP_X_FORWARDED_USER"]
            .map(|name| (name, NAME_OF_B)),
    );
    as_b.extend([("SESSION_SELECTED_DOMAIN", SITE_OF_B), ("REQUEST_URI", "/~pgtestb/?site=bob.example")]);
    let directadmin = [("SESSION_ID", "a"), ("SESSION_KEY", "b"), ("DA_VERSION", "1.7")];
    for panel in [CPanel, DirectAdmin, Ini] {
        let stage = Stage::new(panel, Caller::Account, &[]);
        let program = stage.trial.dir.path().join("bin/panelgate.cgi");
        let run = |more: &[(&str, &str)]| {
            let variables = [&[("REQUEST_METHOD", "GET")], as_b.as_slice(), more].concat();
            stage.trial.run(&program, &[], &variables, b"")
        };
        let Wanted::Refused(not_yours) = foreign(panel, Caller::Account) else { unreachable!() };
        let site = ("QUERY_STRING", "site=bob.example");
        assert_eq!(page_end(&run(&[site])), Some(not_yours), "{panel:?}");
        assert_eq!(page_end(&run(&[&directadmin[..], &[site]].concat())), Some(not_yours), "{panel:?}");
        // DirectAdmin's own variable, with and without what marks an administrator who looks at a customer's page.
        for name in
            [NAME_OF_B, &format!("{}|{NAME_OF_B}", stage.trial.account), &format!("admin|{NAME_OF_B}")]
        {
            let output = run(&[&directadmin[..], &[("USERNAME", name), site]].concat());
            assert_eq!(page_end(&output), Some(ErrorKind::Forbidden), "{panel:?} {name}");
        }
        // Outside DirectAdmin it means nothing.
        assert_eq!(page_end(&run(&[("USERNAME", NAME_OF_B), site])), Some(not_yours), "{panel:?}");
        let chooser = text(&run(&[]).stdout);
        assert!(chooser.contains(SITE_MAIN) && !chooser.contains(SITE_OF_B), "{panel:?}: {chooser}");
        assert_eq!(stage.trial.sessions(), 0, "{panel:?}");
    }
}

/// A form is good for the site, the session and the user that it was made for.
#[test]
fn a_token_opens_the_site_that_it_was_made_for_and_no_other() {
    for panel in [CPanel, DirectAdmin, Plesk, Ini] {
        let caller = if panel == Plesk { Caller::PanelUser } else { Caller::Account };
        let stage = Stage::new(panel, caller, &[]);
        let program = stage.trial.dir.path().join("bin/panelgate.cgi");
        let run = |method: &str, cookie: &str, account: Option<&str>, body: &str| {
            let length = body.len().to_string();
            let mut variables = vec![
                ("REQUEST_METHOD", method),
                ("HTTP_COOKIE", cookie),
                ("CONTENT_LENGTH", &length),
                ("CONTENT_TYPE", "application/x-www-form-urlencoded"),
            ];
            variables.extend(account.map(|name| ("PANELGATE_ACCOUNT", name)));
            stage.trial.run(&program, &[], &variables, body.as_bytes())
        };
        let own = stage.name(Named::Own);
        let page = text(&run("GET", "s=1", own, "").stdout);
        let token = |site: &str| {
            let form =
                page.split("<form").find(|form| form.contains(&format!("value=\"{site}\""))).expect("a form");
            form.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let post = |cookie: &str, account: Option<&str>, site: &str, token: &str| {
            page_end(&run("POST", cookie, account, &format!("site={site}&token={token}")))
        };
        let Wanted::Refused(not_yours) = foreign(panel, caller) else { unreachable!() };
        let rejected = Some(ErrorKind::TokenRejected);
        let (main, sub) = (token(SITE_MAIN), token(SITE_SUB));
        assert_eq!(post("s=1", own, SITE_OF_B, &main), Some(not_yours), "{panel:?}: a site of B");
        assert_eq!(post("s=1", own, SITE_SUB, &main), rejected, "{panel:?}: another site");
        assert_eq!(post("s=2", own, SITE_MAIN, &main), rejected, "{panel:?}: another session");
        assert_eq!(post("", own, SITE_MAIN, &main), rejected, "{panel:?}: no session");
        assert_eq!(post("s=1", own, SITE_ALIAS, &main), rejected, "{panel:?}: an alias");
        if caller == Caller::PanelUser {
            assert_eq!(post("s=1", Some(NAME_OF_B), SITE_MAIN, &main), Some(not_yours), "another account");
            assert_eq!(post("s=1", Some(NAME_OF_B), SITE_OF_B, &main), rejected, "another account and site");
        }
        assert_eq!(stage.trial.sessions(), 0, "{panel:?}");
        assert_eq!(post("s=1", own, SITE_SUB, &sub), None, "{panel:?}: its own");
        assert_eq!(stage.trial.sessions(), 1, "{panel:?}");
    }
}

/// The visitor is not told that a site is somebody else's: the pages are the same but for the reference number.
#[test]
fn a_site_of_another_account_looks_like_one_that_is_not_there() {
    for panel in [CPanel, DirectAdmin, Ini] {
        let stage = Stage::new(panel, Caller::Account, &[]);
        let program = stage.trial.dir.path().join("bin/panelgate.cgi");
        let page = |query: &str| {
            let variables = [("REQUEST_METHOD", "GET"), ("QUERY_STRING", query)];
            let page = text(&stage.trial.run(&program, &[], &variables, b"").stdout);
            let (before, after) = page.split_once("<dd><bdi dir=\"ltr\">").expect("a reference number");
            format!("{before}{}", &after[9..])
        };
        assert_eq!(page("site=bob.example"), page("site=none.example"), "{panel:?}");
    }
}

/// Custom hosting has no map of all sites, and a click does not read the files of all accounts. Whoever asks by the site is told.
#[test]
fn on_custom_hosting_a_site_claimed_twice_is_found_by_its_name_and_by_the_doctor() {
    for caller in Caller::all() {
        let stage = Stage::new(Ini, caller, &[]);
        let claim = format!("[site {SITE_MAIN}]\nkind = addon\ndocument_root = /home/{NAME_OF_B}/other\n");
        stage.edit(&stage.account_file(NAME_OF_B), |text| format!("{text}{claim}"));
        let mut faults =
            stage.expect("a site that B claims too, by the account", Named::Own, SITE_MAIN, None);
        if caller == Caller::Root {
            let conflict = Some(ErrorKind::SiteConflict);
            faults.extend(stage.expect(
                "a site that B claims too, by its name",
                Named::Nobody,
                SITE_MAIN,
                conflict,
            ));
        }
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        let found = doctor(&stage);
        assert!(found.contains(&format!("{SITE_MAIN} is claimed by")), "{found}");
    }
    let stage = Stage::new(
        Ini,
        Caller::PanelUser,
        &[TreeSite::new(common::domain("www.bob.example"), SiteKind::Addon, "x")],
    );
    stage.settle();
    let found = doctor(&stage);
    assert!(
        found.contains(
            "www.bob.example of pgtesta is for the builder the same website as bob.example of pgtestb"
        ),
        "{found}"
    );
}

fn doctor(stage: &Stage) -> String {
    let config = stage.trial.config();
    let words = [
        programs().cli.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
        "doctor",
        "--deep",
        "--json",
    ];
    text(&programs::output(&mut programs::run(words, stage.user())).stdout)
}

/// What the builder gets to publish with goes with the account, not with its name or its site.
#[test]
fn an_account_made_anew_gets_other_credentials() {
    for panel in [CPanel, DirectAdmin, Plesk, Ini] {
        let stage = Stage::new(panel, Caller::PanelUser, &[]);
        let mut seen = Vec::new();
        let changes: [&dyn Fn(); 4] = [
            &|| {},
            &|| {},
            &|| match panel {
                CPanel => stage.set("STARTDATE", "1800000000"),
                DirectAdmin => stage.set("date_created", "Wed Sep 09 05:31:00 2026"),
                Plesk => stage.set_column(SITE_MAIN, 8, "another-guid"),
                Ini => stage.set("created", "another day"),
            },
            &|| {
                let old = format!(":x:{}:", uid_of_a(&stage));
                stage.edit("etc/passwd", |text| text.replace(&old, ":x:45678:"));
            },
        ];
        for change in changes {
            change();
            stage.settle();
            assert_eq!(stage.page(stage.name(Named::Own), SITE_MAIN), Some(None), "{panel:?}");
            let body = stage.trial.builder.requests().pop().unwrap().body;
            seen.push(["apiUrl", "username", "password"].map(|key| body[key].as_str().unwrap().to_owned()));
        }
        assert_eq!(seen[0], seen[1], "{panel:?}: the same account");
        for (earlier, later) in [(0, 2), (0, 3), (2, 3)] {
            for (one, other) in seen[earlier].iter().zip(&seen[later]) {
                assert_ne!(one, other, "{panel:?}: {earlier} and {later}");
            }
        }
    }
}
