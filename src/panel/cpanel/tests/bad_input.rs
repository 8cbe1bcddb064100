//! Every file, damaged in every way: one clear error that names it, or what the module's comment says instead.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::limits;
use crate::sys::identity;

/// A file and whether the account can be read without it.
const FILES: [(&str, bool); 9] = [
    ("var/cpanel/users/alice", false),
    ("var/cpanel/userdata/alice/main", false),
    ("var/cpanel/userdata/alice/alice.example", false),
    ("var/cpanel/userdata/alice/shop.example.alice.example", false),
    ("var/cpanel/userdata/alice/blog.alice.example", false),
    ("var/cpanel/features/default", true),
    ("var/cpanel/features/disabled", true),
    ("var/cpanel/cpnat", true),
    ("etc/demousers", true),
];

fn complete() -> Server {
    let server = Server::new();
    server.write("var/cpanel/features/disabled", "other=0\n");
    server.write("var/cpanel/cpnat", "192.0.2.10 198.51.100.5\n");
    server.write("etc/demousers", "bob\n");
    server
}

/// The account cannot be read, and the error names the file.
fn refuses(server: &Server, file: &str, why: &str) -> String {
    let error = server.account("alice").expect_err(&format!("{file}: {why}"));
    assert_eq!(error.kind(), ErrorKind::PanelData, "{file}: {why}: {error:?}");
    let text = error.chain();
    assert!(text.contains(file), "{why}: {text} does not name {file}");
    assert!(!text.contains('\n') && text.len() < 1000, "{file}: {why}: {text}");
    text
}

#[test]
fn a_file_that_is_not_to_be_trusted_is_refused() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("symbolic link", |path| {
            let target = path.with_extension("target");
            std::fs::rename(path, &target).unwrap();
            symlink(&target, path).unwrap();
        }),
        ("not a regular file", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir(path).unwrap();
        }),
        ("not a regular file", |path| {
            std::fs::remove_file(path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        }),
        ("everybody can change", |path| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
        }),
        ("larger than", |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(limits::ACCOUNT_FILE_BYTES + 1).unwrap();
        }),
    ];
    for (file, _) in FILES {
        for (why, damage) in &damages {
            let server = complete();
            damage(&server.path(file));
            let text = refuses(&server, file, why);
            assert!(text.contains(why), "{text}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_or_belongs_to_somebody_else_is_refused() {
    for (file, _) in FILES {
        let server = complete();
        if identity::uids().effective == 0 {
            std::os::unix::fs::chown(server.path(file), Some(1004), None).unwrap();
            assert!(refuses(&server, file, "owner").contains("belongs to uid 1004"));
        } else {
            std::fs::set_permissions(server.path(file), std::fs::Permissions::from_mode(0o000)).unwrap();
            assert!(refuses(&server, file, "unreadable").contains("cannot be read"));
        }
    }
}

#[test]
fn a_missing_file_is_an_error_where_the_account_needs_it() {
    for (file, optional) in FILES.into_iter().skip(1) {
        let server = complete();
        std::fs::remove_file(server.path(file)).unwrap();
        if optional {
            assert!(server.account("alice").is_ok(), "{file}");
        } else {
            assert!(refuses(&server, file, "missing").contains("is missing"));
        }
    }
}

#[test]
fn a_file_that_is_empty_or_cut_off_is_refused() {
    for (file, cut_at) in [
        ("var/cpanel/users/alice", "STARTDATE"),
        ("var/cpanel/users/alice", "USER="),
        ("var/cpanel/userdata/alice/main", "main_domain"),
        ("var/cpanel/userdata/alice/main", "sub_domains"),
        ("var/cpanel/userdata/alice/alice.example", "documentroot"),
        ("var/cpanel/userdata/alice/alice.example", "homedir"),
        ("var/cpanel/userdata/alice/alice.example", "servername"),
        ("var/cpanel/userdata/alice/alice.example", "public_html"),
        ("var/cpanel/userdata/alice/shop.example.alice.example", "servername"),
    ] {
        for cut_off in [true, false] {
            let server = complete();
            let text = std::fs::read_to_string(server.path(file)).unwrap();
            let end = if cut_off { text.find(cut_at).unwrap() } else { 0 };
            server.write(file, &text[..end]);
            refuses(&server, file, cut_at);
        }
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    for (file, _) in FILES.into_iter().filter(|(file, _)| *file != "etc/demousers") {
        for bytes in [&b"\xff\xfe\x00\x01"[..], b"\x7fELF\x02\x01\x01\0\0\0", b"a: b\0c\n", b"A=1\0\n"] {
            let server = complete();
            let text = std::fs::read(server.path(file)).unwrap();
            server.write(file, [bytes, &text].concat());
            match server.account("alice") {
                // Nothing in such a line of the NAT map is the account's address.
                Ok(_) => assert_eq!(file, "var/cpanel/cpnat"),
                Err(_) => drop(refuses(&server, file, "binary")),
            }
        }
    }
}

#[test]
fn what_contradicts_itself_or_another_file_is_refused_with_its_place() {
    let (main, site) = ("var/cpanel/userdata/alice/main", "var/cpanel/userdata/alice/alice.example");
    for (file, old, new, want) in [
        (ALICE, "USER=alice", "USER=bob", "the file is about user \"bob\""),
        (ALICE, "USER=alice", "USER=alice\nUSER=bob", "\"USER\" differs from the one in line"),
        (ALICE, "USER=alice", "no equals sign", "there is no \"=\""),
        (ALICE, "SUSPENDED=0", "SUSPENDED=maybe", ":13: SUSPENDED: \"maybe\" is neither 0 nor 1"),
        (ALICE, "STARTDATE=1719921330", "STARTDATE=yesterday", "STARTDATE: \"yesterday\" is not a time"),
        (ALICE, "DNS=alice.example", "DNS=alice", "DNS: \"alice\" is not a domain name"),
        (ALICE, "FEATURELIST=default", "FEATURELIST=../../etc/passwd", "is not the name of a feature list"),
        (ALICE, "FEATURELIST=default", "FEATURELIST=.hidden", "is not the name of a feature list"),
        (ALICE, "OWNER=root", "FEATURE-panelgate=yes", "\"yes\" is neither 0 nor 1"),
        (ALICE, "OWNER=root", "FEATURE-panelgate=1\nFEATURE-PANELGATE=0", "contradicts an earlier line"),
        (
            main,
            "main_domain: 'alice.example'",
            "main_domain: 'other.example'",
            "is alice.example in /var/cpanel/users/alice",
        ),
        (main, "main_domain: 'alice.example'", "main_domain: [a]", ":5: main_domain must be text"),
        (
            main,
            "main_domain: 'alice.example'",
            "main_domain: 'localhost'",
            ":5: \"localhost\" is not a domain name",
        ),
        (main, "main_domain: 'alice.example'", "main_domain: ~", "\"main_domain\" is missing"),
        (
            main,
            "'shop.example': 'shop.example.alice.example'",
            "'shop.example': []",
            ":3: addon_domains must hold texts only",
        ),
        (
            main,
            "'shop.example': 'shop.example.alice.example'",
            "'shop.example': ../../x",
            "is not a domain name",
        ),
        (main, "sub_domains:\n", "sub_domains: x\nother:\n", "sub_domains must be a list"),
        (main, "'blog.alice.example'", "'../bob/bob.example'", "is not a domain name"),
        (
            main,
            "addon_domains:",
            "addon_domains: {}\naddon_domains:",
            ":3: the key \"addon_domains\" stands twice",
        ),
        (main, "---\n", "--- &anchor\n", "there is an anchor"),
        (main, "---\n", "--- !!map\n", "there is a tag"),
        (main, "---\n", "---\na: b\n---\n", ":3: there is a second document"),
        (main, "main_domain: 'alice.example'", "main_domain: *alias", "it is not YAML"),
        (
            site,
            "servername: alice.example",
            "servername: other.example",
            "neither servername nor serveralias is alice.example",
        ),
        (site, "user: alice", "user: bob", "the file is about user \"bob\""),
        (
            site,
            "'/home/alice/public_html'",
            "'public_html'",
            ":2: the document root \"public_html\" is not a plain",
        ),
        (site, "'/home/alice/public_html'", "[]", ":2: documentroot must be text"),
        (site, "---\n", "--- []\n---\n", "there is a second document"),
        (site, "---\ndocumentroot", "- documentroot", "it is not YAML"),
        (
            "var/cpanel/features/default",
            "panelgate=1",
            "panelgate=1\npanelgate=0",
            ":2: \"panelgate\" differs",
        ),
        (
            "var/cpanel/features/default",
            "panelgate=1",
            "panelgate=x",
            ":1: panelgate: \"x\" is neither 0 nor 1",
        ),
        (
            "var/cpanel/cpnat",
            "198.51.100.5",
            "somewhere",
            "192.0.2.10 is mapped to something that is no address",
        ),
    ] {
        let server = complete();
        server.replace(file, old, new);
        let text = refuses(&server, file, new);
        assert!(text.contains(want), "{file}: {new}: {text}");
    }
}

#[test]
fn a_site_that_stands_twice_is_a_conflict() {
    for (old, new) in [
        ("  - 'alice-alias.example'\n", "  - 'alice-alias.example'\n  - 'alice-alias.example'\n"),
        ("  - 'alice-alias.example'\n", "  - 'shop.example'\n"),
        ("  - 'blog.alice.example'\n", "  - 'blog.alice.example'\n  - 'alice.example'\n"),
    ] {
        let server = complete();
        server.replace("var/cpanel/userdata/alice/main", old, new);
        assert_eq!(server.account("alice").unwrap_err().kind(), ErrorKind::SiteConflict, "{new}");
    }
}

#[test]
fn more_sites_than_allowed_cost_no_reading() {
    let server = complete();
    let names: String = (0..limits::SITES_PER_ACCOUNT).map(|n| format!("  - s{n}.alice.example\n")).collect();
    server.replace("var/cpanel/userdata/alice/main", "sub_domains:\n", &format!("sub_domains:\n{names}"));
    assert!(refuses(&server, "userdata/alice/main", "many").contains("more than 10000 sites"));
}

#[test]
fn a_mark_of_suspension_that_cannot_be_read_is_not_a_no() {
    let server = complete();
    std::fs::create_dir_all(server.path("var/cpanel/suspended")).unwrap();
    symlink("/nowhere", server.path("var/cpanel/suspended/alice")).unwrap();
    refuses(&server, "var/cpanel/suspended/alice", "link");
}

#[test]
fn a_damaged_map_of_domains_gives_no_answer() {
    let shop = domain("shop.example");
    let error = |server: &Server| {
        let error = server.panel("").owners(&shop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PanelData);
        assert!(error.to_string().contains("etc/userdomains"), "{error}");
        error.chain()
    };
    let server = complete();
    for (content, want) in [
        (&b""[..], "empty"),
        (b"shop.example: alice\n\0", ":2: there is a NUL"),
        (b"*: nobody\nshop.example:\n", ":2: "),
        (b"shop.example: ../etc\n", ":1: "),
    ] {
        server.write("etc/userdomains", content);
        assert!(error(&server).contains(want), "{}", error(&server));
    }
    std::fs::remove_file(server.path("etc/userdomains")).unwrap();
    assert!(error(&server).contains("is missing"));
    symlink("/etc/passwd", server.path("etc/userdomains")).unwrap();
    assert!(error(&server).contains("symbolic link"));
}
