use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::config::Config;
use crate::limits;

const DIR: &str = "etc/panelgate/accounts.d";

struct Server {
    dir: tempfile::TempDir,
}

impl Server {
    fn new() -> Self {
        let server = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(server.path(DIR)).unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1004:1004::/home/alice:/bin/sh\nbob:x:1005:1005::/home/bob:/bin/sh\n";
        std::fs::write(server.path("etc/passwd"), passwd).unwrap();
        server
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(DIR).join(name), content).unwrap();
    }

    fn panel(&self, settings: &str) -> IniPanel {
        let config = Config::parse(Path::new("p.ini"), settings.as_bytes()).unwrap();
        IniPanel::new(Tree::new(self.dir.path()), &config.panel)
    }

    fn account(&self, name: &str) -> Result<Account> {
        self.panel("").account(&Username::new(name).unwrap())
    }

    fn owners(&self, domain: &str) -> Result<Vec<String>> {
        let owners = self.panel("").owners(&Domain::new(domain).unwrap())?;
        Ok(owners.iter().map(ToString::to_string).collect())
    }
}

fn sample() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/accounts.d-sample.ini")).unwrap()
}

const SMALL: &str = "[account]\n[site alice.example]\nkind = main\ndocument_root = /home/alice/public_html\n";

#[test]
fn the_sample_is_an_account_that_uses_every_key() {
    let server = Server::new();
    server.write("alice.ini", sample());
    let alice = server.account("alice").unwrap();
    assert_eq!(alice.id.to_string(), "ini:alice:1004:2025-01-31");
    assert_eq!((alice.owner.as_deref(), alice.plan.as_deref()), (Some("bob"), Some("gold")));
    assert_eq!(alice.addons, ["extra-space", "priority-support"]);
    assert_eq!(
        (alice.locale.as_deref(), alice.contact.as_deref()),
        (Some("de-DE"), Some("alice@mail.example"))
    );
    assert_eq!(alice.public_ip, Some("192.0.2.10".parse().unwrap()));
    assert!(!alice.suspended && !alice.demo && alice.feature);
    let sites: Vec<String> = alice
        .sites
        .iter()
        .map(|site| {
            format!("{:?} {} {}", site.kind, site.domain, site.document_root.as_ref().unwrap().display())
        })
        .collect();
    assert_eq!(
        sites,
        [
            "Main alice.example /home/alice/public_html",
            "Alias alice-alias.example /home/alice/public_html",
            "Sub blog.alice.example /home/alice/blog",
            "Addon shop.example /home/alice/shop.example",
        ]
    );
    for key in [
        "uid",
        "created",
        "owner",
        "plan",
        "addons",
        "locale",
        "email",
        "suspended",
        "demo",
        "builder",
        "public_ip",
        "of",
    ] {
        assert!(sample().contains(&format!("\n{key} = ")), "the sample lacks {key}");
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let server = Server::new();
    server.write("alice.ini", SMALL);
    let alice = server.account("alice").unwrap();
    assert_eq!(
        (alice.id.mark(), alice.owner, alice.plan, alice.locale, alice.contact),
        ("", None, None, None, None)
    );
    assert!(!alice.suspended && !alice.demo && alice.feature && alice.public_ip.is_none());
    let account = server.panel("[panel]\npublic_ip = 203.0.113.9\n").account(alice.id.name()).unwrap();
    assert_eq!(account.public_ip, Some("203.0.113.9".parse().unwrap()));

    server.write("alice.ini", "[account]\n[site alice.example]\nkind = main\n");
    assert_eq!(server.account("alice").unwrap().sites[0].document_root, None, "no web hosting");
}

#[test]
fn switches_and_plans_decide() {
    let server = Server::new();
    for (lines, settings, want) in [
        ("builder = no", "", (false, false, false)),
        ("suspended = yes", "", (true, false, true)),
        ("demo = yes", "", (false, true, true)),
        ("plan = gold", "[panel]\nallow_plans = gold\n", (false, false, true)),
        ("plan = tin", "[panel]\nallow_plans = gold\n", (false, false, false)),
        ("", "[panel]\nallow_plans = gold\n", (false, false, false)),
        ("plan = tin", "[panel]\ndeny_plans = tin\n", (false, false, false)),
    ] {
        server.write("alice.ini", SMALL.replace("[account]", &format!("[account]\n{lines}")));
        let alice = server.panel(settings).account(&Username::new("alice").unwrap()).unwrap();
        assert_eq!((alice.suspended, alice.demo, alice.feature), want, "{lines} {settings}");
    }
    server.write("alice.ini", format!("{SMALL}suspended = yes\n"));
    let alice = server.account("alice").unwrap();
    assert!(alice.sites[0].suspended && !alice.suspended);
}

#[test]
fn every_fault_names_file_and_line() {
    let server = Server::new();
    let many: String =
        (0..limits::SITES_PER_ACCOUNT).map(|n| format!("[site s{n}.example]\nkind = sub\n")).collect();
    for (old, new, want) in [
        ("[account]", "", "alice.ini: there is no section [account]"),
        (
            "[account]",
            "[account]\nuid = 1005",
            "alice.ini:2: [account] uid: \"1005\" is not the uid 1004 of alice",
        ),
        ("[account]", "[account]\nuid = x", "alice.ini:2: [account] uid: \"x\" is not the uid"),
        (
            "[account]",
            "[account]\nsuspended = perhaps",
            "alice.ini:2: [account] suspended: it must be yes or no",
        ),
        ("[account]", "[account]\nsuspend = yes", "alice.ini:2: [account] suspend: there is no such key"),
        ("[account]", "[account]\nemail = a b", "alice.ini:2: [account] email: it is not one plain"),
        ("[account]", "[account]\nlocale = ../x", "alice.ini:2: [account] locale: it is not a locale"),
        (
            "[account]",
            "[account]\npublic_ip = 300.1.1.1",
            "alice.ini:2: [account] public_ip: it is not an IP address",
        ),
        (
            "[account]",
            "[account]\ncreated = a\tb",
            "alice.ini:2: [account] created: it has at most 128 bytes",
        ),
        ("[account]", "[account]\n[acount]", "alice.ini:2: there is no section \"acount\""),
        ("[account]", "[account]\nplan = a\nplan = b", "alice.ini:3: key \"plan\" stands twice"),
        ("[account]", "[account]\n[account]", "alice.ini:2: section \"account\" stands twice"),
        ("alice.example", "alice", "alice.ini:2: \"alice\" is not a domain name"),
        ("alice.example", "*.alice.example", "alice.ini:2: \"*.alice.example\" is not a domain name"),
        ("kind = main", "", "[site alice.example] kind: it must be set"),
        ("kind = main", "kind = Main", "alice.ini:3: [site alice.example] kind: \"Main\" is not one of"),
        ("kind = main", "kind = sub", "alice.ini: exactly one site must have kind = main, here are 0"),
        (
            "kind = main",
            "kind = main\n[site b.example]\nkind = main",
            "exactly one site must have kind = main, here are 2",
        ),
        (
            "kind = main",
            "kind = main\nof = b.example",
            "alice.ini:4: [site alice.example] of: there is no such key",
        ),
        ("[account]", "[account]\n[site b.example]\nkind = alias", "[site b.example] of: an alias needs it"),
        (
            "[account]",
            "[account]\n[site b.example]\nkind = alias\nof = c.example",
            "alice.ini:4: [site b.example] of: c.example is not a site",
        ),
        (
            "[account]",
            "[account]\n[site b.example]\nkind = alias\nof = b.example",
            "alice.ini:4: [site b.example] of: b.example is not a site",
        ),
        (
            "/home/alice/public_html",
            "public_html",
            "alice.ini:4: [site alice.example] document_root: the document root \"public_html\"",
        ),
        ("/home/alice/public_html", "/home/alice/../bob", "is not a plain absolute path"),
        (
            "/home/alice/public_html",
            "/home/bob/public_html",
            "alice.ini:4: [site alice.example] document_root: it is not below",
        ),
        ("/home/alice/public_html", "/home/alice", "it is not below the account's home /home/alice"),
        (SMALL, "", "alice.ini: there is no section [account]"),
        (SMALL, "[account]\n[site alice.exa", "alice.ini:2: a section is written [name]"),
        (SMALL, "\x7fELF\x02\0", "alice.ini:1: there is a NUL byte"),
        ("[site", &format!("{many}[site"), "has more than 10000 sites"),
    ] {
        assert!(SMALL.contains(old), "{old}");
        server.write("alice.ini", SMALL.replacen(old, new, 1));
        let error = server.account("alice").expect_err(new);
        assert_eq!(error.kind(), ErrorKind::PanelData, "{error:?}");
        assert!(error.chain().contains(want), "{want}: {}", error.chain());
    }
    server.write("alice.ini", b"[account]\nplan = \xff\n");
    assert!(server.account("alice").unwrap_err().to_string().contains("alice.ini:2: it is not UTF-8"));
}

#[test]
fn a_site_in_two_spellings_is_a_conflict() {
    let server = Server::new();
    server.write("alice.ini", format!("{SMALL}[site b.example]\nkind = sub\n[site B.example]\nkind = sub\n"));
    assert_eq!(server.account("alice").unwrap_err().kind(), ErrorKind::SiteConflict);
}

#[test]
fn a_file_that_is_not_to_be_trusted_is_refused() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("symbolic link", |path| {
            std::fs::remove_file(path).unwrap();
            symlink("/etc/passwd", path).unwrap();
        }),
        ("not a regular file", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
        ("everybody can change", |path| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o646)).unwrap();
        }),
        ("larger than", |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(limits::ACCOUNT_FILE_BYTES + 1).unwrap();
        }),
    ];
    for (why, damage) in damages {
        let server = Server::new();
        server.write("alice.ini", SMALL);
        server.write("bob.ini", SMALL.replace("alice", "bob"));
        damage(&server.path(DIR).join("alice.ini"));
        for error in [server.account("alice").unwrap_err(), server.owners("bob.example").unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::PanelData);
            assert!(error.chain().contains("alice.ini") && error.chain().contains(why), "{}", error.chain());
        }
    }
}

#[test]
fn who_has_no_account_is_told_from_a_broken_server() {
    let server = Server::new();
    assert_eq!(server.account("alice").unwrap_err().kind(), ErrorKind::AccountNotFound);
    server.write("carol.ini", SMALL);
    assert!(server.account("carol").unwrap_err().to_string().contains("no system user of that name"));
    std::fs::remove_dir_all(server.path(DIR)).unwrap();
    for error in [server.account("alice").unwrap_err(), server.owners("a.example").unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::PanelData);
        assert!(error.to_string().contains("accounts.d"), "{error}");
    }
}

#[test]
fn owners_are_all_who_claim_a_domain() {
    let server = Server::new();
    server.write("alice.ini", SMALL);
    server.write("bob.ini", "[account]\n[site Bücher.example]\nkind = main\n[site alice.example]\nkind = alias\nof = Bücher.example\n");
    server.write(".alice.ini.swp", b"\0");
    server.write("README", "not an account");
    assert_eq!(server.owners("alice.example").unwrap(), ["alice", "bob"]);
    assert_eq!(server.owners("xn--bcher-kva.example").unwrap(), ["bob"]);
    assert!(server.owners("example.org").unwrap().is_empty());
    assert!(!server.panel("").owners_are_cheap());
    assert_eq!(server.panel("").accounts().unwrap().len(), 2);
}

#[test]
fn a_broken_file_of_another_account_neither_hides_the_answer_nor_passes_unnoticed() {
    let server = Server::new();
    server.write("alice.ini", SMALL);
    for (name, content, want) in [
        ("bob.ini", "[account]\nnonsense\n", "bob.ini:2: this is neither"),
        (
            "bob.ini",
            "[account]\n[sites bob.example]\n",
            "bob.ini:2: there is no section \"sites bob.example\"",
        ),
        ("bob.ini", "[site bob]\nkind = main\n", "bob.ini:1: \"bob\" is not a domain name"),
        ("bob copy.ini", "", "bob copy.ini\": \"bob copy\" is not an account name"),
    ] {
        server.write(name, content);
        let error = server.owners("alice.example").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData);
        assert!(error.to_string().contains(want), "{error}");
        assert!(server.account("alice").is_ok(), "the account itself is not affected");
        std::fs::remove_file(server.path(DIR).join(name)).unwrap();
    }
}
