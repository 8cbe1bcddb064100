//! The rows of the table: what is changed on a server, and what a session call must come to then.

use panelgate::config::PanelKind::{self, CPanel, DirectAdmin, Ini, Plesk};
use panelgate::error::ErrorKind;

use crate::common::{self, NAME_OF_B, SITE_ALIAS, SITE_IDN, SITE_MAIN, SITE_OF_B, SITE_SUB};
use crate::stage::{Caller, Stage, uid_of_a};
/// What a row of the table wants.
pub enum Wanted {
    Opens,
    Refused(ErrorKind),
    /// This panel has no such thing.
    NotHere,
}

pub struct Row {
    pub what: &'static str,
    pub site: &'static str,
    pub change: fn(&Stage),
    pub wanted: fn(PanelKind, Caller) -> Wanted,
}

fn nothing(_: &Stage) {}

fn opens(_: PanelKind, _: Caller) -> Wanted {
    Wanted::Opens
}

/// cPanel and DirectAdmin have a map of all sites, so that the log tells one of somebody else from one that is not there.
pub fn foreign(panel: PanelKind, _: Caller) -> Wanted {
    Wanted::Refused(match panel {
        CPanel | DirectAdmin => ErrorKind::SiteNotYours,
        Plesk | Ini => ErrorKind::SiteNotFound,
    })
}

fn panel_data(_: PanelKind, _: Caller) -> Wanted {
    Wanted::Refused(ErrorKind::PanelData)
}

pub const ROWS: &[Row] = &[
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
