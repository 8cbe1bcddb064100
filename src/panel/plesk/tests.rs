use super::*;
use crate::config::Config;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plesk");

const PASSWD: &str = "root:x:0:0::/root:/bin/bash\nalice:x:10001:1003::/var/www/vhosts/shop.example:/bin/false\n\
    bob:x:10002:1003::/var/www/vhosts/xn--bcher-kva.example:/bin/false\n";

/// A Plesk server whose program is the stand-in of `tests/data/plesk`.
struct Server(tempfile::TempDir);

impl Server {
    fn new() -> Self {
        let server = Self(tempfile::tempdir().unwrap());
        server
            .file("etc/passwd", PASSWD)
            .file(
                "etc/psa/psa.conf",
                "# Plesk tree\nPRODUCT_ROOT_D\t/usr/local/psa\nHTTPD_VHOSTS_D\t/var/www/vhosts\n",
            )
            .file("usr/local/psa/version", "18.0.60 Ubuntu 22.04 1800240501.13\n")
            .file("usr/sbin/behaviour", "exit 1\n");
        symlink(format!("{DATA}/plesk"), server.path("usr/sbin/plesk")).unwrap();
        server
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Lets the program do this.
    fn does(&self, script: &str) -> &Self {
        self.file("usr/sbin/behaviour", script)
    }

    /// Lets the program print these bytes.
    fn prints(&self, bytes: impl AsRef<[u8]>) -> &Self {
        self.file("usr/sbin/answer", bytes).does("cat \"$here/answer\"\n")
    }

    fn recorded(&self, name: &str) -> &Self {
        self.prints(fs::read(format!("{DATA}/{name}.tsv")).unwrap())
    }

    fn panel(&self, settings: &str) -> Plesk {
        let config = Config::parse(Path::new("p.ini"), settings.as_bytes()).unwrap();
        Plesk::new(Tree::new(self.0.path()), &config.panel)
    }

    fn account(&self, name: &str) -> Result<Account> {
        self.panel("").account(&user(name))
    }

    fn arguments(&self) -> String {
        fs::read_to_string(self.path("usr/sbin/arguments")).unwrap()
    }
}

fn user(name: &str) -> Username {
    Username::new(name).unwrap()
}

fn domain(name: &str) -> Domain {
    Domain::new(name).unwrap()
}

#[test]
fn a_subscription_with_its_sites_in_one_run() {
    let server = Server::new();
    let account = server.recorded("account-alice").account("alice").unwrap();
    assert_eq!(account.id.to_string(), "plesk:alice:10001:0f9c4d2e-6c5b-4d60-8d0a-5a1f6e0c7b11");
    assert_eq!(account.home, Path::new("/var/www/vhosts/shop.example"));
    assert_eq!(
        (account.owner.as_deref(), account.contact.as_deref()),
        (Some("customer7"), Some("alice@example.com"))
    );
    assert_eq!(account.locale.as_deref(), Some("de-DE"));
    assert_eq!(account.plan.as_deref(), Some("Web \"Gold\"\tplan"));
    assert_eq!(account.addons, ["Old add-on", "More mail"]);
    assert!(account.feature && !account.suspended && !account.demo && account.public_ip.is_none());
    let root =
        |site: &Site| site.document_root.as_ref().map_or("-".to_owned(), |root| root.display().to_string());
    let sites: Vec<String> = account
        .sites
        .iter()
        .map(|site| format!("{:?} {} {} {}", site.kind, site.domain, root(site), site.suspended))
        .collect();
    assert_eq!(
        sites,
        [
            "Main shop.example /var/www/vhosts/shop.example/httpdocs false",
            "Alias alias.example /var/www/vhosts/shop.example/httpdocs false",
            "Sub blog.shop.example /var/www/vhosts/shop.example/blog.shop.example false",
            "Addon forward.example - false",
            "Alias second-alias.example /var/www/vhosts/shop.example/second.example true",
            "Addon second.example /var/www/vhosts/shop.example/second.example true",
        ]
    );
    assert_eq!(account.site(&domain("alias.example")).unwrap().alias_of, Some(domain("shop.example")));
    assert_eq!(server.arguments(), format!("db\n-Ne\n{}\n", query::account(&user("alice"))));
}

#[test]
fn without_types_the_oldest_plan_is_the_plan() {
    let account = Server::new().recorded("account-alice-untyped").account("alice").unwrap();
    assert_eq!(account.plan.as_deref(), Some("Old add-on"));
    assert_eq!(account.addons, ["Web \"Gold\"\tplan", "More mail"]);
}

#[test]
fn plan_lists_and_address_come_from_the_configuration() {
    let server = Server::new();
    server.recorded("account-alice");
    let account = |settings: &str| server.panel(settings).account(&user("alice")).unwrap();
    assert!(!account("[panel]\nallow_plans = Silver\n").feature);
    assert!(account("[panel]\ndeny_plans = Silver\n").feature);
    assert_eq!(account("[panel]\npublic_ip = 198.51.100.9\n").public_ip, parse_ip("198.51.100.9"));
}

/// One row of a site of alice's, with some columns replaced.
fn site(columns: &[(usize, &str)]) -> String {
    let mut row = [
        "site",
        "3",
        "3",
        "shop.example",
        "0",
        "vrt_hst",
        "/var/www/vhosts/shop.example/httpdocs",
        "alice",
        "guid-3",
        "2024-05-02",
        "customer7",
        "alice@example.com",
        "de-DE",
        "0",
    ];
    for (column, text) in columns {
        row[*column] = text;
    }
    row.join("\t") + "\n"
}

#[test]
fn what_is_not_in_service_is_suspended() {
    let server = Server::new();
    let account =
        |columns: &[(usize, &str)]| server.prints(site(columns) + "end\n").account("alice").unwrap();
    assert!(!account(&[]).suspended);
    for columns in [&[(4, "1")], &[(4, "16")], &[(4, "256")], &[(13, "16")]] {
        assert!(account(columns).suspended, "{columns:?}");
    }
    // A subscription of the administrator's has no customer, and one without a GUID is known by its date.
    let account = account(&[(10, "NULL"), (11, "NULL"), (12, ""), (13, "NULL"), (8, "NULL")]);
    assert!(
        !account.suspended
            && account.owner.is_none()
            && account.contact.is_none()
            && account.locale.is_none()
    );
    assert_eq!(account.id.mark(), "2024-05-02");
    let account =
        server.prints(site(&[(11, "a@b\\nBcc: c@d"), (12, "../de")]) + "end\n").account("alice").unwrap();
    assert_eq!((account.contact, account.locale), (None, None));
}

#[test]
fn document_roots_stay_below_the_home() {
    let server = Server::new();
    let root = |text: &str| {
        let account = server.prints(site(&[(6, text)]) + "end\n").account("alice")?;
        Ok::<_, Error>(account.sites[0].document_root.clone())
    };
    for (text, want) in [
        ("httpdocs", Some("/var/www/vhosts/shop.example/httpdocs")),
        ("/var/www/vhosts/shop.example//a/", Some("/var/www/vhosts/shop.example/a")),
        ("/var/www/vhosts/other.example/httpdocs", None),
        ("/var/www/vhosts/shop.example", None),
    ] {
        assert_eq!(root(text).unwrap(), want.map(PathBuf::from), "{text}");
    }
    for bad in ["../other.example", "/var/www/vhosts/shop.example/../x", "a\\nb", "a\\0b"] {
        let error = root(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData, "{bad}");
        assert!(error.to_string().starts_with("plesk db: site shop.example: the document root"), "{error}");
    }
}

#[test]
fn a_site_that_two_subscriptions_have_is_a_conflict() {
    let server = Server::new();
    let error = server.recorded("account-bob").account("bob").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SiteConflict);
    assert_eq!(
        error.to_string(),
        "the site shared.example of subscription bob also belongs to another subscription in Plesk's database"
    );
    let alias = "alias\tshop.example\tshop.example\n";
    let error = server.prints(site(&[]) + alias + "end\n").account("alice").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SiteConflict);
}

#[test]
fn owners_and_accounts_are_asked_by_name() {
    let server = Server::new();
    for (name, want) in [("shop", vec!["alice"]), ("shared", vec!["bob", "dave"]), ("none", vec![])] {
        let domain = domain(&format!("{name}.example"));
        let owners = server.recorded(&format!("owners-{name}")).panel("").owners(&domain).unwrap();
        assert_eq!(owners, want.into_iter().map(user).collect::<Vec<_>>());
        assert_eq!(server.arguments(), format!("db\n-Ne\n{}\n", query::owners(&domain)));
    }
    assert_eq!(server.recorded("accounts").panel("").accounts().unwrap(), ["alice", "bob", "dave"].map(user));
    assert!(!server.panel("").owners_are_cheap());
}

#[test]
fn there_is_no_such_account_only_if_plesk_says_so() {
    let server = Server::new();
    assert_eq!(server.prints("end\n").account("nobody").unwrap_err().kind(), ErrorKind::AccountNotFound);
    // The database finds "alice" for "Alice".
    assert_eq!(
        server.recorded("account-alice").account("Alice").unwrap_err().kind(),
        ErrorKind::AccountNotFound
    );
    let flood = "yes site | head -c 20000000\n";
    for (behaviour, want) in [
        ("exit 1", "\"plesk db\" failed (exit status: 1) and said \"\""),
        (
            "echo \"ERROR 2002 (HY000): no server\" >&2; printf 'end\\n'; exit 1",
            "and said \"ERROR 2002 (HY000): no server\"",
        ),
        ("kill -9 $$", "\"plesk db\" failed (signal: 9"),
        ("true", "its answer is empty or cut off"),
        ("printf 'login\\talice\\n'", "its answer is empty or cut off"),
        ("echo 'PHP Warning:  x'; printf 'end\\n'", "\"PHP Warning:  x\" is no row of the answer"),
        ("printf 'end\\nDone.\\n'", "there is \"Done.\" after the end"),
        ("printf 'login\\n'; printf 'end\\n'", "\"login\" is no row of the answer"),
        ("printf 'login\\t../x\\nend\\n'", "line 1 of its answer: \"../x\" is not an account name"),
        ("printf 'login\\tNULL\\nend\\n'", "line 1 of its answer: column 2 is absent"),
        ("head -c 1000 /bin/sh; echo; printf 'end\\n'", "is no row of the answer"),
        (flood, "it printed more than 16777216 bytes"),
    ] {
        let panel = server.does(behaviour).panel("");
        for error in [panel.accounts().unwrap_err(), panel.owners(&domain("shop.example")).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::PanelData, "{behaviour}: {error:?}");
            assert!(error.chain().contains(want), "{behaviour}: {error:?}");
        }
    }
}

#[test]
fn a_program_that_is_missing_or_none_says_what_to_do() {
    let server = Server::new();
    for command in ["/usr/sbin/none", "/etc/passwd", "/etc"] {
        let panel = server.panel(&format!("[plesk]\ncommand = {command}\n"));
        let error = panel.account(&user("alice")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData, "{command}");
        assert!(error.chain().contains("or set [plesk] command: it cannot be started"), "{error:?}");
    }
}

#[test]
fn a_program_that_hangs_is_stopped() {
    let server = Server::new();
    server.does("sleep 60\n");
    let start = std::time::Instant::now();
    let program = server.path("usr/sbin/plesk");
    let error = ask(&program, "SELECT 1", std::time::Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PanelData);
    assert!(error.chain().contains("and was stopped"), "{error:?}");
    assert!(start.elapsed() < limits::COMMAND_TIME);
}

#[test]
fn rows_that_do_not_fit_together_are_errors() {
    let server = Server::new();
    let addon = |columns: &[(usize, &str)]| {
        site(&[]) + &site(&[&[(2, "4"), (3, "second.example")], columns].concat())
    };
    for (answer, want) in [
        (site(&[(3, "not a domain")]), "line 1 of its answer: \"not a domain\" is not a domain name"),
        (site(&[(3, "NULL")]), "line 1 of its answer: column 4 is absent"),
        (site(&[(4, "NULL")]), "line 1 of its answer: the status is absent"),
        (site(&[(4, "-1")]), "line 1 of its answer: \"-1\" is not a number"),
        (site(&[(13, "ok")]), "line 1 of its answer: \"ok\" is not a number"),
        (site(&[(6, "NULL")]), "line 1 of its answer: column 7 is absent"),
        (site(&[(2, "4")]), "the subscription of alice has no main domain"),
        (addon(&[(1, "4")]), "line 2 of its answer: the system user alice has two subscriptions"),
        (
            addon(&[(1, "9")]),
            "line 2 of its answer: second.example is in another subscription than shop.example",
        ),
        (addon(&[(7, "bob")]), "second.example is in the subscription of alice but belongs to \"bob\""),
        (
            site(&[]) + "alias\ta.example\tb.example\n",
            "the alias a.example names b.example, which is no site",
        ),
        (
            site(&[]) + "alias\t*.a.example\tshop.example\n",
            "line 2 of its answer: \"*.a.example\" is not a domain name",
        ),
        (site(&[]) + "claim\tNULL\n", "line 2 of its answer: column 2 is absent"),
    ] {
        let error = server.prints(answer.clone() + "end\n").account("alice").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData, "{answer}");
        assert!(error.to_string().contains(want), "{error}");
    }
    let error = server
        .file("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .recorded("account-alice")
        .account("alice")
        .unwrap_err();
    assert_eq!(error.to_string(), "account alice: there is no system user of that name");
}

#[test]
fn a_server_without_plesk_or_with_an_old_one_is_not_asked() {
    for (file, text, want) in [
        ("etc/psa/psa.conf", Some("DUMP_D /x\n"), "it does not say PRODUCT_ROOT_D"),
        ("etc/psa/psa.conf", Some(""), "it does not say PRODUCT_ROOT_D"),
        ("etc/psa/psa.conf", None, "psa.conf: the panel's file is missing"),
        ("usr/local/psa/version", Some("11.5.30 CentOS 6\n"), "Plesk 11.5.30 is too old: it must be 12.0"),
    ] {
        let server = Server::new();
        server.recorded("account-alice");
        match text {
            Some(text) => drop(server.file(file, text)),
            None => fs::remove_file(server.path(file)).unwrap(),
        }
        let error = server.account("alice").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData);
        assert!(error.to_string().contains(want), "{error}");
        assert!(!server.path("usr/sbin/arguments").exists());
    }
    for text in ["", "Plesk\n"] {
        let server = Server::new();
        server.recorded("account-alice").file("usr/local/psa/version", text);
        assert!(server.account("alice").is_ok(), "{text:?}");
    }
}
