use std::path::{Path, PathBuf};

use super::tree::{TreeSite, write_cpanel_tree};
use super::tree_directadmin::write_directadmin_tree;
use super::tree_plesk::write_plesk_tree;
use crate::config::{Config, PanelKind};
use crate::error::ErrorKind;
use crate::panel::{self, Panel, SiteKind};
use crate::sys::users::User;
use crate::types::{Domain, Username};

type Writer = fn(&Path, &User, &[TreeSite]) -> std::io::Result<()>;

const WRITERS: [(PanelKind, Writer); 3] = [
    (PanelKind::CPanel, write_cpanel_tree),
    (PanelKind::DirectAdmin, write_directadmin_tree),
    (PanelKind::Plesk, write_plesk_tree),
];

fn user(name: &str, uid: u32) -> User {
    User { name: name.to_owned(), uid, gid: uid, home: PathBuf::from(format!("/home/{name}")) }
}

fn domain(name: &str) -> Domain {
    Domain::new(name).unwrap()
}

fn name(text: &str) -> Username {
    Username::new(text).unwrap()
}

fn site(name: &str, kind: SiteKind, folder: &str) -> TreeSite {
    TreeSite::new(domain(name), kind, folder)
}

fn open(root: &Path) -> Box<dyn Panel> {
    let settings = format!("[panel]\nroot = {}\n", root.display());
    panel::open(&Config::parse(Path::new("p.ini"), settings.as_bytes()).unwrap().panel).unwrap()
}

#[test]
fn each_reader_finds_in_its_tree_what_was_written() {
    let sites = [
        site("shop.example", SiteKind::Main, "www"),
        site("alias.example", SiteKind::Alias, ""),
        site("blog.shop.example", SiteKind::Sub, "my blog"),
        site("xn--bcher-kva.example", SiteKind::Addon, "second"),
    ];
    for (kind, write) in WRITERS {
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), &user("alice", 1168), &sites).unwrap();
        write(tree.path(), &user("bob", 1169), &[site("bob.example", SiteKind::Main, "www")]).unwrap();

        let panel = open(tree.path());
        assert_eq!(panel.kind(), kind);
        let account = panel.account(&name("alice")).unwrap();
        assert_eq!((account.id.uid(), account.home.as_path()), (1168, Path::new("/home/alice")));
        assert_eq!(account.plan.as_deref(), Some("default"));
        assert!(account.feature && !account.suspended);
        for (name, kind, root) in [
            ("shop.example", SiteKind::Main, "/home/alice/www"),
            ("alias.example", SiteKind::Alias, "/home/alice/www"),
            ("blog.shop.example", SiteKind::Sub, "/home/alice/my blog"),
            ("xn--bcher-kva.example", SiteKind::Addon, "/home/alice/second"),
        ] {
            let site = account.site(&domain(name)).unwrap();
            assert_eq!((site.kind, site.document_root.as_deref()), (kind, Some(Path::new(root))), "{name}");
            assert_eq!(site.alias_of.is_some(), kind == SiteKind::Alias);
            assert!(tree.path().join(root.trim_start_matches('/')).is_dir());
            assert_eq!(panel.owners(&domain(name)).unwrap(), [self::name("alice")], "{name}");
        }
        assert_eq!(account.sites.len(), 4);
        assert_eq!(panel.owners(&domain("bob.example")).unwrap(), [name("bob")]);
        assert!(panel.owners(&domain("none.example")).unwrap().is_empty());
        assert_eq!(panel.accounts().unwrap(), ["alice", "bob"].map(name));
        assert_eq!(panel.account(&name("carol")).unwrap_err().kind(), ErrorKind::AccountNotFound);
    }
}

#[test]
fn what_such_a_server_cannot_have_is_refused() {
    let main = || site("shop.example", SiteKind::Main, "www");
    for (kind, write) in WRITERS {
        let tree = tempfile::tempdir().unwrap();
        let colon = User { home: PathBuf::from("/home/a:b"), ..user("alice", 1168) };
        assert!(write(tree.path(), &user("alice", 1168), &[]).is_err(), "{kind:?}");
        assert!(write(tree.path(), &user("alice", 1168), &[main(), main()]).is_err(), "{kind:?}");
        assert!(write(tree.path(), &user("../x", 1168), &[main()]).is_err(), "{kind:?}");
        assert!(write(tree.path(), &colon, &[main()]).is_err(), "{kind:?}");
    }
    let tree = tempfile::tempdir().unwrap();
    let lost = [main(), site("a.other.example", SiteKind::Sub, "x")];
    assert!(write_directadmin_tree(tree.path(), &user("alice", 1168), &lost).is_err());
}
