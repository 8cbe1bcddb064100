use super::*;
use crate::config::Config;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

const PASSWD: &str = "root:x:0:0::/root:/bin/bash\nmail:x:8:8::/var/mail:/usr/sbin/nologin\n\
    diradmin:x:990:990::/usr/local/directadmin:/bin/false\nresell1:x:1100:1100::/home/resell1:/bin/false\n\
    alice:x:1168:1169::/home/alice:/bin/false\nbob:x:1170:1171::/data/homes/bob:/bin/false\n\
    carol:x:1172:1173::/home/carol:/bin/false\n";

const OWNERS: &str = "alias.example: alice\nblog.other.example: bob\nhost1.example.org: admin\nold-shop.example: alice\nother.example: alice\n\
    resell.example: resell1\nshop.example: alice\nstolen.example: alice\nstolen.example: bob\nxn--bcher-kva.example: bob\n";

const ALICE: &str = "account=ON\ncreator=resell1\ndate_created=Tue Sep 08 05:31:00 2026\ndomain=shop.example\nemail=alice@example.com\n\
    ip=203.0.113.10\nlanguage=en\nname=Alice = Example\npackage=standard\npanelgate=ON\nsuspended=no\nusername=alice\nusertype=user\n";

/// A DirectAdmin server with one reseller and three accounts.
struct Server(tempfile::TempDir);

impl Server {
    fn new() -> Self {
        let server = Self(tempfile::tempdir().unwrap());
        server.file("/etc/passwd", PASSWD).file(DOMAIN_OWNERS, OWNERS);
        server
            .user(
                "resell1",
                "user.conf",
                "creator=admin\ndomain=resell.example\nusername=resell1\nusertype=reseller\n",
            )
            .user("resell1", "reseller.conf", "ip=shared\n")
            .user("resell1", "domains.list", "resell.example\n")
            .user("resell1", "ip.list", "\n203.0.113.20\n203.0.113.21\n")
            .user("resell1", "domains/resell.example.conf", "domain=resell.example\nusername=resell1\n");
        server
            .user("alice", "user.conf", ALICE)
            .user("alice", "domains.list", "other.example\nshop.example\n")
            .user("alice", "domains/shop.example.conf", "active=yes\ndefaultdomain=yes\ndomain=shop.example\nsuspended=no\n")
            .user("alice", "domains/shop.example.subdomains", "blog\ndev\n*\n")
            .user(
                "alice",
                "domains/shop.example.subdomains.docroot.override",
                "dev=public_html=/domains/shop.example/dev_html&private_html=/domains/shop.example/dev_html\n",
            )
            .user("alice", "domains/shop.example.pointers", "alias.example=alias\nold-shop.example=type=pointer&x=y\n")
            .user("alice", "domains/other.example.conf", "domain=other.example\nsuspended=yes\nusername=alice\n")
            .user("alice", "domains/other.example.subdomains", "blog\n");
        server
            .user("bob", "user.conf", "creator=resell1\nsuspended=yes\nusername=bob\n")
            .user("bob", "domains.list", "xn--bcher-kva.example\n")
            .user("bob", "domains/xn--bcher-kva.example.conf", "defaultdomain=yes\n");
        server.user("carol", "user.conf", "username=carol\nusertype=user\n");
        server
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.strip_prefix('/').unwrap())
    }

    fn file(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn user(&self, name: &str, file: &str, text: impl AsRef<[u8]>) -> &Self {
        self.file(&format!("{USERS}/{name}/{file}"), text)
    }

    fn panel(&self, settings: &str) -> DirectAdmin {
        let config = Config::parse(Path::new("p.ini"), settings.as_bytes()).unwrap();
        DirectAdmin::new(Tree::new(self.0.path()), &config.panel).unwrap()
    }

    fn account(&self, name: &str) -> Result<Account> {
        self.panel("").account(&user(name))
    }

    fn owners(&self, domain: &str) -> Result<Vec<String>> {
        let owners = self.panel("").owners(&Domain::new(domain).unwrap())?;
        Ok(owners.iter().map(ToString::to_string).collect())
    }
}

fn user(name: &str) -> Username {
    Username::new(name).unwrap()
}

/// Each site as `kind name root [suspended]`.
fn sites(account: &Account) -> Vec<String> {
    let root =
        |site: &Site| site.document_root.as_ref().map_or("-".to_owned(), |root| root.display().to_string());
    let suspended = |site: &Site| if site.suspended { " suspended" } else { "" };
    let line = |site: &Site| format!("{:?} {} {}{}", site.kind, site.domain, root(site), suspended(site));
    account.sites.iter().map(line).collect()
}

#[test]
fn an_account_with_its_sites() {
    let account = Server::new().account("alice").unwrap();
    assert_eq!(account.id.to_string(), "directadmin:alice:1168:Tue Sep 08 05:31:00 2026");
    assert_eq!(account.home, Path::new("/home/alice"));
    assert_eq!((account.owner.as_deref(), account.plan.as_deref()), (Some("resell1"), Some("standard")));
    assert_eq!(
        (account.locale.as_deref(), account.contact.as_deref()),
        (Some("en"), Some("alice@example.com"))
    );
    assert_eq!(account.public_ip, parse_ip("203.0.113.10"));
    assert!(account.feature && !account.suspended && !account.demo);
    assert_eq!(
        sites(&account),
        [
            "Main shop.example /home/alice/domains/shop.example/public_html",
            "Alias alias.example /home/alice/domains/shop.example/public_html",
            "Sub blog.other.example /home/alice/domains/other.example/public_html/blog suspended",
            "Sub blog.shop.example /home/alice/domains/shop.example/public_html/blog",
            "Sub dev.shop.example /home/alice/domains/shop.example/dev_html",
            "Alias old-shop.example /home/alice/domains/shop.example/public_html",
            "Addon other.example /home/alice/domains/other.example/public_html suspended",
        ]
    );
    let alias = account.site(&Domain::new("alias.example").unwrap()).unwrap();
    assert_eq!(alias.alias_of, Domain::new("shop.example").ok());
}

#[test]
fn what_the_web_server_was_told_goes_first() {
    let server = Server::new();
    server.user(
        "alice",
        "httpd.conf",
        "<VirtualHost 203.0.113.10:443>\nSSLEngine on\nServerName www.shop.example\nServerAlias shop.example\n\
         DocumentRoot /home/alice/domains/shop.example/private_html\n</VirtualHost>\n\
         <VirtualHost 203.0.113.10:80>\nServerName www.shop.example\nServerAlias www.shop.example shop.example\n\
         DocumentRoot /home/alice/domains/shop.example/public_html/site\n</VirtualHost>\n\
         <VirtualHost *:80>\nServerName dev.shop.example\nDocumentRoot /home/alice/domains/shop.example/dev2\n</VirtualHost>\n\
         <VirtualHost *:80>\nServerName other.example\nDocumentRoot /var/www/suspended\n</VirtualHost>\n",
    );
    let account = server.account("alice").unwrap();
    for (domain, want) in [
        ("shop.example", Some("/home/alice/domains/shop.example/public_html/site")),
        ("alias.example", Some("/home/alice/domains/shop.example/public_html/site")),
        ("dev.shop.example", Some("/home/alice/domains/shop.example/dev2")),
        ("blog.shop.example", Some("/home/alice/domains/shop.example/public_html/blog")),
        ("other.example", None),
    ] {
        let site = account.site(&Domain::new(domain).unwrap()).unwrap();
        assert_eq!(site.document_root.as_deref(), want.map(Path::new), "{domain}");
    }
    // nginx alone serves files only where there is no Apache behind it.
    let nginx = "server { server_name shop.example; root /home/alice/nginx; }\n";
    server.user("alice", "nginx.conf", nginx);
    let root = |server: &Server| server.account("alice").unwrap().sites[0].document_root.clone().unwrap();
    assert_eq!(root(&server), Path::new("/home/alice/domains/shop.example/public_html/site"));
    fs::remove_file(server.path(&format!("{USERS}/alice/httpd.conf"))).unwrap();
    assert_eq!(root(&server), Path::new("/home/alice/nginx"));
}

#[test]
fn the_fixed_layout_can_be_switched_off() {
    let server = Server::new();
    let account = server.panel("[directadmin]\nfixed_layout = no\n").account(&user("alice")).unwrap();
    let with_root: Vec<&str> = account
        .sites
        .iter()
        .filter(|site| site.document_root.is_some())
        .map(|site| site.domain.as_str())
        .collect();
    assert_eq!(with_root, ["dev.shop.example"]);
}

#[test]
fn suspended_idn_and_a_home_elsewhere() {
    let account = Server::new().account("bob").unwrap();
    assert!(account.suspended);
    assert_eq!(account.id.mark(), "");
    assert_eq!(account.public_ip, None);
    assert_eq!(
        sites(&account),
        ["Main xn--bcher-kva.example /data/homes/bob/domains/xn--bcher-kva.example/public_html"]
    );
    assert_eq!(account.sites[0].domain.to_unicode(), "bücher.example");
}

#[test]
fn resellers_and_accounts_without_domains_are_accounts() {
    let server = Server::new();
    let reseller = server.account("resell1").unwrap();
    assert_eq!(sites(&reseller), ["Main resell.example /home/resell1/domains/resell.example/public_html"]);
    assert_eq!(reseller.public_ip, parse_ip("203.0.113.20"));
    assert!(server.account("carol").unwrap().sites.is_empty());
    server.user("carol", "domains.list", "");
    assert!(server.account("carol").unwrap().sites.is_empty());
    assert_eq!(server.panel("").accounts().unwrap(), ["alice", "bob", "carol", "resell1"].map(user));
}

#[test]
fn the_builder_is_on_by_item_plan_and_plugin_list() {
    let server = Server::new();
    let feature = |conf: &str, settings: &str| {
        server.user("carol", "user.conf", format!("username=carol\n{conf}"));
        server.panel(settings).account(&user("carol")).unwrap().feature
    };
    for (conf, settings, want) in [
        ("", "", true),
        ("", "[directadmin]\nmissing_item = no\n", false),
        ("panelgate=yes\n", "[directadmin]\nmissing_item = no\n", true),
        ("panelgate=OFF\n", "", false),
        ("panelgate=OFF\nbuilder=ON\n", "[panel]\nfeature = builder\n", true),
        ("plugins_deny=panelgate\n", "", false),
        ("package=gold\n", "[panel]\nallow_plans = gold, silver\n", true),
        ("package=gold\n", "[panel]\ndeny_plans = gold\n", false),
        ("", "[panel]\nallow_plans = gold\n", false),
    ] {
        assert_eq!(feature(conf, settings), want, "{conf:?} {settings:?}");
    }
    server.user("carol", "user.conf", "username=carol\nemail=a@b, c@d\nlanguage=../en\nip=shared\n");
    let carol = server.account("carol").unwrap();
    assert_eq!((carol.contact, carol.locale, carol.public_ip), (None, None, None));
    let public = server.panel("[panel]\npublic_ip = 198.51.100.9\n").account(&user("alice")).unwrap();
    assert_eq!(public.public_ip, parse_ip("198.51.100.9"));
}

#[test]
fn the_map_and_the_lists_of_subdomains_say_who_owns_a_site() {
    let server = Server::new();
    for (domain, want) in [
        ("shop.example", vec!["alice"]),
        ("alias.example", vec!["alice"]),
        ("dev.shop.example", vec!["alice"]),
        ("none.shop.example", vec![]),
        ("none.example", vec![]),
        ("stolen.example", vec!["alice", "bob"]),
        // bob has as a domain what alice has as a subdomain.
        ("blog.other.example", vec!["alice", "bob"]),
    ] {
        assert_eq!(server.owners(domain).unwrap(), want, "{domain}");
    }
    server.file(DOMAIN_OWNERS, "");
    assert!(server.owners("shop.example").unwrap_err().to_string().ends_with("the map of domains is empty"));
    fs::remove_file(server.path(DOMAIN_OWNERS)).unwrap();
    let error = server.owners("shop.example").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PanelData);
    assert!(error.to_string().ends_with("/etc/virtual/domainowners: the panel's file is missing"));
}

#[test]
fn a_site_that_stands_twice_or_is_another_accounts_is_a_conflict() {
    for (file, text, want) in [
        ("domains.list", "shop.example\nshop.example\n", "twice in the panel's data"),
        ("domains/shop.example.pointers", "other.example=alias\n", "has the site other.example twice"),
        ("domains/shop.example.subdomains", "blog\nBLOG\n", "has the site blog.shop.example twice"),
        ("domains/shop.example.conf", "username=bob\n", "but its file says \"bob\""),
    ] {
        let server = Server::new();
        server.user("alice", file, text);
        let error = server.account("alice").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SiteConflict, "{file}");
        assert!(error.to_string().contains(want), "{error}");
    }
}

#[test]
fn there_is_no_such_account_only_where_the_others_are() {
    let server = Server::new();
    assert_eq!(server.account("nobody").unwrap_err().kind(), ErrorKind::AccountNotFound);
    fs::remove_file(server.path(&format!("{USERS}/carol/user.conf"))).unwrap();
    assert_eq!(server.account("carol").unwrap_err().kind(), ErrorKind::PanelData);
    fs::rename(server.path(USERS), server.path("/away")).unwrap();
    for result in [server.account("nobody").map(|_| ()), server.panel("").accounts().map(|_| ())] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::PanelData);
    }
}

/// The files that are read for an account.
const FILES: [&str; 7] = [
    "user.conf",
    "domains.list",
    "domains/shop.example.conf",
    "domains/shop.example.subdomains",
    "domains/shop.example.subdomains.docroot.override",
    "domains/shop.example.pointers",
    "httpd.conf",
];

#[test]
fn a_file_that_cannot_be_trusted_is_an_error_that_names_it() {
    let root = crate::sys::identity::uids().effective == 0;
    for file in FILES {
        let path = format!("{USERS}/alice/{file}");
        let broken = |name: &str, breaking: &dyn Fn(&Server, &Path)| {
            let server = Server::new();
            server.user("alice", "httpd.conf", "");
            breaking(&server, &server.path(&path));
            let error = server.account("alice").err().unwrap_or_else(|| panic!("{file} {name} was read"));
            assert_eq!(error.kind(), ErrorKind::PanelData, "{file} {name}: {error:?}");
            assert!(error.to_string().contains(&path), "{file} {name}: {error}");
        };
        broken("binary", &|_, path| fs::write(path, b"a=b\n\xff\xfe\x00\x01").unwrap());
        broken("with a NUL", &|_, path| fs::write(path, b"a=b\n\0\n").unwrap());
        broken("huge", &|_, path| {
            fs::File::options().write(true).open(path).unwrap().set_len(1 << 30).unwrap()
        });
        broken("a directory", &|_, path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        });
        broken("a link", &|server, path| {
            let target = server.path("/elsewhere");
            fs::rename(path, &target).unwrap();
            symlink(&target, path).unwrap();
        });
        broken("a pipe", &|_, path| {
            fs::remove_file(path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        });
        broken("writable by everybody", &|_, path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
        });
        if root {
            broken("another owner's", &|_, path| chown(path, Some(1168), Some(1168)).unwrap());
        } else {
            broken("unreadable", &|_, path| {
                fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap()
            });
        }
    }
}

#[test]
fn what_an_account_must_have_is_missed() {
    for (file, want) in [
        ("user.conf", "user.conf: the panel's file is missing"),
        (
            "domains.list",
            "domains.list: it is missing or empty, but user.conf names the domain \"shop.example\"",
        ),
        ("domains/shop.example.conf", "shop.example.conf: the panel's file is missing"),
    ] {
        let server = Server::new();
        fs::remove_file(server.path(&format!("{USERS}/alice/{file}"))).unwrap();
        let error = server.account("alice").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData);
        assert!(error.to_string().ends_with(want), "{error}");
    }
    for (file, text, want) in [
        ("user.conf", "", "the file is empty"),
        ("user.conf", "user", "user.conf:1: there is no \"=\""),
        ("domains.list", "\n", "it is missing or empty"),
        ("domains.list", "shop.exam\n", "shop.exam.conf: the panel's file is missing"),
        ("domains.list", "shop.example\n../../bob/domains/x\n", "domains.list:2: "),
        ("domains/shop.example.conf", "", "the file is empty"),
        ("domains/shop.example.subdomains", "ok\n../x\n", "shop.example.subdomains:2: "),
        ("domains/shop.example.pointers", "alias\n", "pointers:1: there is no \"=\""),
        ("domains/shop.example.pointers", "a/b=alias\n", "pointers:1: \"a/b\" is not a domain name"),
        ("httpd.conf", "<VirtualHost *:80>\n", "httpd.conf:1: this <VirtualHost> is not closed"),
    ] {
        let server = Server::new();
        server.user("alice", file, text);
        let error = server.account("alice").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData, "{file}");
        assert!(error.to_string().contains(want), "{error}");
    }
    let server = Server::new();
    server.file("/etc/passwd", "diradmin:x:990:990::/usr/local/directadmin:/bin/false\n");
    let error = server.account("alice").unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::PanelData, "account alice: there is no system user of that name")
    );
}

#[test]
fn files_of_directadmins_own_user_count() {
    if crate::sys::identity::uids().effective != 0 {
        // Only root can give files away; without it, that other owners do not count is covered by `sys::file`.
        return;
    }
    let server = Server::new();
    for file in ["user.conf", "domains.list"] {
        chown(server.path(&format!("{USERS}/alice/{file}")), Some(990), Some(990)).unwrap();
    }
    chown(server.path(DOMAIN_OWNERS), Some(8), Some(8)).unwrap();
    assert!(server.account("alice").is_ok());
    assert_eq!(server.owners("shop.example").unwrap(), ["alice"]);
    // The mail server's user has a say in the map alone.
    chown(server.path(&format!("{USERS}/alice/user.conf")), Some(8), Some(8)).unwrap();
    assert_eq!(server.account("alice").unwrap_err().kind(), ErrorKind::PanelData);
}
