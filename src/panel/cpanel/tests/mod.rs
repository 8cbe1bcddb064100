//! What an account looks like when its files are in order. `bad_input` has what happens when they are not, `spelling` the two spellings of userdata.

mod bad_input;
mod spelling;

use std::path::{Path, PathBuf};

use super::*;
use crate::config::Config;
use crate::sandbox::tree::{TreeSite, write_cpanel_tree};
use crate::sys::users::User;

/// A cPanel server in a directory of its own.
struct Server {
    dir: tempfile::TempDir,
}

impl Server {
    /// A server with the account alice: main domain, add-on, subdomain, wildcard, parked domain, internal subdomain.
    fn new() -> Self {
        let server = Self { dir: tempfile::tempdir().unwrap() };
        server.add(
            "alice",
            1004,
            &[
                ("alice.example", SiteKind::Main, "public_html"),
                ("shop.example", SiteKind::Addon, "shop.example"),
                ("blog.alice.example", SiteKind::Sub, "sites/my blog"),
                ("alice-alias.example", SiteKind::Alias, ""),
            ],
        );
        server.replace(
            "var/cpanel/userdata/alice/main",
            "sub_domains:\n",
            "sub_domains:\n  - '*.alice.example'\n",
        );
        server
    }

    fn add(&self, name: &str, uid: u32, sites: &[(&str, SiteKind, &str)]) {
        let user = User { name: name.into(), uid, gid: uid, home: format!("/home/{name}").into() };
        let sites: Vec<TreeSite> = sites
            .iter()
            .map(|(name, kind, folder)| TreeSite::new(Domain::new(name).unwrap(), *kind, *folder))
            .collect();
        write_cpanel_tree(self.dir.path(), &user, &sites).unwrap();
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        std::fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        std::fs::write(self.path(file), content).unwrap();
    }

    fn replace(&self, file: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(old), "{file} has no {old:?}");
        self.write(file, text.replacen(old, new, 1));
    }

    /// Adds lines to alice's own file.
    fn set(&self, lines: &str) {
        let text = std::fs::read_to_string(self.path(ALICE)).unwrap();
        self.write(ALICE, text + lines);
    }

    fn panel(&self, settings: &str) -> CPanel {
        let config = Config::parse(Path::new("p.ini"), settings.as_bytes()).unwrap();
        CPanel::new(Tree::new(self.dir.path()), &config.panel)
    }

    fn account(&self, name: &str) -> Result<Account> {
        self.panel("").account(&username(name))
    }

    fn alice(&self) -> Account {
        self.account("alice").unwrap()
    }
}

const ALICE: &str = "var/cpanel/users/alice";

fn username(name: &str) -> Username {
    Username::new(name).unwrap()
}

fn domain(name: &str) -> Domain {
    Domain::new(name).unwrap()
}

/// `kind domain root`, one per site.
fn listed(account: &Account) -> Vec<String> {
    let root =
        |site: &Site| site.document_root.as_ref().map_or("-".into(), |root| root.display().to_string());
    account.sites.iter().map(|site| format!("{:?} {} {}", site.kind, site.domain, root(site))).collect()
}

#[test]
fn an_account_has_its_sites_and_only_its_sites() {
    let server = Server::new();
    let alice = server.alice();
    assert_eq!(
        listed(&alice),
        [
            "Main alice.example /home/alice/public_html",
            "Alias alice-alias.example /home/alice/public_html",
            "Sub blog.alice.example /home/alice/sites/my blog",
            "Addon shop.example /home/alice/shop.example",
        ]
    );
    assert_eq!(alice.sites[1].alias_of, Some(domain("alice.example")));
    assert!(alice.sites.iter().all(|site| !site.suspended));
}

#[test]
fn an_account_without_further_sites_is_complete() {
    let server = Server::new();
    server.add("dora", 1008, &[("dora.example", SiteKind::Main, "public_html")]);
    assert_eq!(listed(&server.account("dora").unwrap()), ["Main dora.example /home/dora/public_html"]);
}

#[test]
fn identity_and_details_come_from_the_account_s_own_file() {
    let server = Server::new();
    let alice = server.alice();
    assert_eq!(alice.id.to_string(), "cpanel:alice:1004:1719921330");
    assert_eq!(alice.home, Path::new("/home/alice"));
    assert_eq!((alice.owner.as_deref(), alice.plan.as_deref()), (Some("root"), Some("default")));
    assert_eq!((alice.locale.as_deref(), alice.contact.as_deref()), (Some("en"), Some("alice@mail.example")));
    assert!(!alice.suspended && !alice.demo && alice.feature && alice.addons.is_empty());

    server.write(
        ALICE,
        "# comment\nPLAN=My #1 plan; gold=best\nLOCALE=../x\nCONTACTEMAIL=a@b,c@d\nDNS=alice.example\nDNS7=shop.example\nDNS7=shop.example\nUSER=alice\n",
    );
    let alice = server.alice();
    assert_eq!(alice.plan.as_deref(), Some("My #1 plan; gold=best"));
    assert_eq!((alice.locale, alice.contact, alice.owner), (None, None, None), "what is no good is left out");
    assert_eq!(alice.id.mark(), "");
}

#[test]
fn a_suspension_counts_wherever_cpanel_wrote_it() {
    let server = Server::new();
    server.replace(ALICE, "SUSPENDED=0", "SUSPENDED=1");
    assert!(server.alice().suspended);
    server.replace(ALICE, "SUSPENDED=1", "SUSPENDED=0");
    assert!(!server.alice().suspended);
    server.write("var/cpanel/suspended/alice", "unpaid\n");
    assert!(server.alice().suspended);
}

#[test]
fn demonstration_accounts_are_known() {
    let server = Server::new();
    for (file, want) in
        [("bob\nalice\n", true), ("alicex\nxalice\nali ce\n", false), ("", false), ("alice", true)]
    {
        server.write("etc/demousers", file);
        assert_eq!(server.alice().demo, want, "{file:?}");
    }
    std::fs::remove_file(server.path("etc/demousers")).unwrap();
    server.set("DEMO=1\n");
    assert!(server.alice().demo);
}

#[test]
fn the_feature_is_decided_by_list_override_and_setting() {
    // The account's list, its override, the server's list "disabled", [cpanel] missing_feature.
    for (list, own, disabled, missing, want) in [
        ("panelgate=1", "", "", "off", true),
        ("panelgate=0", "", "", "on", false),
        ("other=1", "", "", "on", true),
        ("other=1", "", "", "off", false),
        ("other=1", "", "", "default-list", true),
        ("panelgate=0", "FEATURE-panelgate=1", "", "off", true),
        ("panelgate=1", "FEATURE-panelgate=0", "", "on", false),
        ("panelgate=0", "FEATURE-PANELGATE=1", "", "off", true),
        ("panelgate=0", "FEATURE-panelgate2=1\nFEATURE-=1", "", "off", false),
        ("panelgate=0", "FEATURE-panelgate=", "", "off", false),
        ("panelgate=1", "", "panelgate=0", "on", false),
        ("panelgate=1", "FEATURE-panelgate=1", "panelgate=0", "on", false),
        ("panelgate=1", "", "panelgate=1\nother=0", "on", true),
    ] {
        let server = Server::new();
        server.write("var/cpanel/features/default", list);
        server.write("var/cpanel/features/disabled", disabled);
        server.set(&format!("{own}\n"));
        let panel = server.panel(&format!("[cpanel]\nmissing_feature = {missing}\n"));
        let feature = panel.account(&username("alice")).unwrap().feature;
        assert_eq!(feature, want, "{list} {own} {disabled} {missing}");
    }
}

#[test]
fn a_list_without_the_feature_is_off_unless_it_is_the_default_list() {
    let server = Server::new();
    std::fs::remove_file(server.path("var/cpanel/features/default")).unwrap();
    assert!(server.alice().feature, "no file for the list default");
    server.replace(ALICE, "FEATURELIST=default", "FEATURELIST=Mail Only");
    assert!(!server.alice().feature, "no file for another list");
    server.write("var/cpanel/features/Mail Only", "panelgate=1\n");
    assert!(server.alice().feature);
}

#[test]
fn another_feature_and_plan_lists_can_be_configured() {
    let server = Server::new();
    let feature = |settings: &str| server.panel(settings).account(&username("alice")).unwrap().feature;
    server.write("var/cpanel/features/default", "sitebuilder=0\npanelgate=1\n");
    assert!(!feature("[panel]\nfeature = sitebuilder\n"));
    assert!(feature("[panel]\nallow_plans = gold, default\n"));
    assert!(!feature("[panel]\nallow_plans = gold\n"));
    assert!(!feature("[panel]\ndeny_plans = default\n"));
}

#[test]
fn the_public_address_is_the_configured_one_or_the_account_s_behind_nat() {
    let server = Server::new();
    let address = |settings: &str| {
        let account = server.panel(settings).account(&username("alice")).unwrap();
        account.public_ip.map(|ip| ip.to_string())
    };
    assert_eq!(address("").as_deref(), Some("192.0.2.10"));
    assert_eq!(address("[panel]\npublic_ip = 203.0.113.9\n").as_deref(), Some("203.0.113.9"));
    server.write("var/cpanel/cpnat", "# local public\n192.0.2.11 198.51.100.1\n192.0.2.10 198.51.100.5\n");
    assert_eq!(address("").as_deref(), Some("198.51.100.5"));
    server.write("var/cpanel/cpnat", "192.0.2.10\n");
    assert_eq!(address("").as_deref(), Some("192.0.2.10"));
    server.replace(ALICE, "IP=192.0.2.10\n", "");
    server.write("var/cpanel/mainip", "192.0.2.20\n");
    server.write("var/cpanel/cpnat", "192.0.2.20 198.51.100.20\n");
    assert_eq!(address("").as_deref(), Some("198.51.100.20"));
    server.set("IP=everywhere\n");
    assert_eq!(address(""), None, "nothing is guessed");
}

#[test]
fn a_document_root_that_is_not_below_the_home_of_the_user_database_is_none() {
    let server = Server::new();
    let file = "var/cpanel/userdata/alice/alice.example";
    server.replace(file, "/home/alice/public_html", "/home/alice2/public_html");
    server.replace(file, "homedir: '/home/alice'", "homedir: '/home/alice2'");
    assert_eq!(server.alice().site(&domain("alice.example")).unwrap().document_root, None);
    server.replace(file, "/home/alice2/public_html", "/home/alice/../bob");
    let error = server.account("alice").unwrap_err().to_string();
    assert!(
        error.contains("alice.example:2: the document root") && error.contains("plain absolute path"),
        "{error}"
    );
}

#[test]
fn who_has_no_account_is_told_from_a_broken_server() {
    let server = Server::new();
    for name in ["nobody", "system", "bob"] {
        assert_eq!(server.account(name).unwrap_err().kind(), ErrorKind::AccountNotFound, "{name}");
    }
    std::fs::rename(server.path("var/cpanel/users"), server.path("var/cpanel/users.old")).unwrap();
    let error = server.account("alice").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PanelData);
    assert!(error.to_string().ends_with("var/cpanel/users: the panel's directory is missing"), "{error}");
}

#[test]
fn an_account_without_a_system_user_of_its_own_is_an_error() {
    let server = Server::new();
    let passwd = std::fs::read_to_string(server.path("etc/passwd")).unwrap();
    server.write("etc/passwd", "");
    assert!(server.account("alice").unwrap_err().to_string().contains("no system user of that name"));
    server.write("etc/passwd", format!("bob:x:1004:1::/home/bob:/bin/sh\n{passwd}"));
    assert!(
        server.account("alice").unwrap_err().to_string().contains("its uid 1004 is also that of \"bob\"")
    );
}

#[test]
fn accounts_are_those_with_both_files_and_directory() {
    let server = Server::new();
    server.add("zoe", 1009, &[("zoe.example", SiteKind::Main, "public_html")]);
    server.add("carol", 1007, &[("carol.example", SiteKind::Main, "public_html")]);
    server.write("var/cpanel/users/.lock", "");
    server.write("var/cpanel/users/not an account", "");
    server.write("var/cpanel/userdata/nobody/main", "");
    let names = server.panel("").accounts().unwrap();
    assert_eq!(names, [username("alice"), username("carol"), username("zoe")]);
    std::fs::remove_dir_all(server.path("var/cpanel/userdata")).unwrap();
    assert_eq!(server.panel("").accounts().unwrap_err().kind(), ErrorKind::PanelData);
}

#[test]
fn the_map_of_all_domains_names_every_claimant() {
    let server = Server::new();
    let owners = |name: &str| server.panel("").owners(&domain(name));
    for name in ["alice.example", "shop.example", "shop.example.alice.example", "alice-alias.example"] {
        assert_eq!(owners(name).unwrap(), [username("alice")], "{name}");
    }
    for name in ["op.example", "alice.exampl", "example.alice", "nobody.example"] {
        assert!(owners(name).unwrap().is_empty(), "{name}");
    }
    server.add("bob", 1005, &[("shop.example", SiteKind::Main, "public_html")]);
    assert_eq!(owners("shop.example").unwrap(), [username("alice"), username("bob")]);
    assert!(server.panel("").owners_are_cheap());
}

#[test]
fn a_site_of_two_accounts_stands_in_both() {
    // Who may open it is decided above the panel, which sees both claims in the map.
    let server = Server::new();
    server.add("bob", 1005, &[("shop.example", SiteKind::Main, "public_html")]);
    assert!(server.alice().site(&domain("shop.example")).is_some());
    assert!(server.account("bob").unwrap().site(&domain("shop.example")).is_some());
}

#[test]
fn one_account_costs_its_own_files_and_no_other_s() {
    let server = Server::new();
    server.add("bob", 1005, &[("bob.example", SiteKind::Main, "public_html")]);
    server.write("var/cpanel/users/bob", b"\xff broken");
    server.write("var/cpanel/userdata/bob/main", b"\xff broken");
    // Neither another account nor the map of all domains is looked at.
    std::fs::remove_file(server.path("etc/userdomains")).unwrap();
    assert_eq!(server.alice().sites.len(), 4);
}
