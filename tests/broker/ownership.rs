//! A key at the builder has one owner for ever.

use panelgate::limits;
use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;
use serde_json::json;

use crate::common::domain;
use crate::needs_root;
use crate::world::{A, B, World};

/// What the builder was told at the last session call.
pub fn told(world: &World) -> serde_json::Value {
    world.builder.requests().into_iter().rev().find(|call| call.target.contains("requestLogin")).unwrap().body
}

#[test]
fn a_domain_that_moves_takes_nothing_with_it() {
    needs_root!();
    let world = World::start();
    assert_eq!(world.ask(A, "open", json!({ "site": "sub.a.example" })).0, "ok");
    let before = told(&world);
    assert_eq!(before["domain"], "sub.a.example");
    assert!(before.get("baseDomain").is_none());

    // The panel gives the domain to account pgb: its data say so from one moment to the next.
    world.edit("var/cpanel/userdata/pga/main", "  - 'sub.a.example'\n", "");
    world.edit("var/cpanel/userdata/pga/main", "sub_domains:\n", "sub_domains: []\n");
    give_sub_to_b(&world);
    assert_eq!(
        world.ask(B, "open", json!({ "site": "sub.a.example" })).0,
        "site-conflict",
        "the panel's map is not up to date"
    );
    world.edit("etc/userdomains", "sub.a.example: pga", "sub.a.example: pgb\nsub.b.example: pgb");

    assert_eq!(world.ask(A, "open", json!({ "site": "sub.a.example" })).0, "site-not-found");
    let (got, answer) = world.ask(B, "open", json!({ "site": "sub.a.example" }));
    assert_eq!(got, "ok", "{answer}");
    let after = told(&world);
    assert!(after["domain"].as_str().unwrap().parse::<u64>().is_ok(), "{after}");
    assert_eq!(after["baseDomain"], "sub.a.example");
    for field in ["apiUrl", "username", "password"] {
        assert_ne!(before[field], after[field], "{field}");
    }
}

/// The panel's own data move `sub.a.example` from account pga to pgb, as far as the files of pgb say; what pga and the map say is left as it was.
pub fn give_sub_to_b(world: &World) {
    world.edit(
        "var/cpanel/userdata/pgb/main",
        "addon_domains: {}",
        "addon_domains:\n  'sub.a.example': 'sub.b.example'",
    );
    world.edit("var/cpanel/userdata/pgb/main", "sub_domains: []", "sub_domains:\n  - 'sub.b.example'");
    let file = std::fs::read_to_string(world.path("root/var/cpanel/userdata/pga/sub.a.example")).unwrap();
    let file = file.replace("pga", "pgb").replace("servername: sub.a.example", "servername: sub.b.example");
    let file = file.replace("serveralias: ", "serveralias: sub.a.example ");
    std::fs::write(world.path("root/var/cpanel/userdata/pgb/sub.b.example"), file).unwrap();
}

#[test]
fn a_key_is_closed_only_when_all_of_the_panels_data_agree() {
    needs_root!();
    let world = World::start();
    let open = |uid| world.ask(uid, "open", json!({ "site": "sub.a.example" })).0;
    assert_eq!(open(A), "ok");
    let first = told(&world)["domain"].clone();
    give_sub_to_b(&world);
    // The map does not name the site at all: it is being written anew, or not written yet.
    world.edit("etc/userdomains", "sub.a.example: pga", "sub.b.example: pgb");
    assert_eq!(open(B), "panel-data");
    // The map names the new account, the data of the former one still have the site.
    world.edit("etc/userdomains", "sub.b.example: pgb", "sub.a.example: pgb\nsub.b.example: pgb");
    assert_eq!(open(B), "site-conflict");
    // The data of the former one cannot be read.
    let main = world.path("root/var/cpanel/userdata/pga/main");
    let whole = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, "not: [yaml").unwrap();
    assert_eq!(open(B), "panel-data");
    std::fs::write(&main, whole).unwrap();
    // Back where it was: nothing has been taken from anybody.
    world.edit("etc/userdomains", "sub.a.example: pgb\n", "sub.a.example: pga\n");
    assert_eq!(open(A), "ok");
    assert_eq!(told(&world)["domain"], first);
}

#[test]
fn an_account_that_is_renamed_keeps_its_project() {
    needs_root!();
    let world = World::start();
    assert_eq!(world.ask(B, "open", json!({ "site": "b.example" })).0, "ok");
    let before = told(&world);
    let root = world.path("root");
    let script = "mv var/cpanel/users/pgb var/cpanel/users/pgnew && mv var/cpanel/userdata/pgb var/cpanel/userdata/pgnew && \
                  grep -rlw pgb etc var | xargs sed -i 's/\\bpgb\\b/pgnew/g' && mv home/pgb home/pgnew";
    let moved = std::process::Command::new("sh").args(["-c", script]).current_dir(&root).status().unwrap();
    assert!(moved.success());
    let (got, answer) = world.ask(B, "open", json!({ "site": "b.example" }));
    assert_eq!(got, "ok", "{answer}");
    let after = told(&world);
    for field in ["domain", "apiUrl", "username", "password"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(world.ask(0, "revoke", json!({ "account": "pgnew" })).1, json!(["b.example"]));
}

#[test]
fn an_account_made_again_is_somebody_else() {
    needs_root!();
    let world = World::start();
    assert_eq!(world.ask(B, "open", json!({ "site": "b.example" })).0, "ok");
    let before = told(&world);
    world.edit("var/cpanel/users/pgb", "STARTDATE=1719921330", "STARTDATE=1800000000");
    assert_eq!(world.ask(B, "open", json!({ "site": "b.example" })).0, "ok");
    let after = told(&world);
    assert_ne!(before["domain"], after["domain"]);
    assert_ne!(before["password"], after["password"]);
}

#[test]
fn revoking_changes_the_password_and_keeps_the_project() {
    needs_root!();
    let world = World::start();
    let open = || {
        assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
        told(&world)
    };
    let (first, second) = (open(), open());
    assert_eq!(first["password"], second["password"], "the same within a generation");
    assert_eq!(world.ask(0, "revoke", json!({ "account": "pga" })).1, json!(["a.example"]));
    let third = open();
    assert_eq!(first["domain"], third["domain"]);
    assert_eq!(first["apiUrl"], third["apiUrl"]);
    assert_ne!(first["password"], third["password"]);
    // What was handed out after the first time ends at the second.
    assert_eq!(world.ask(0, "revoke", json!({ "site": "a.example" })).1, json!(["a.example"]));
    let fourth = open();
    assert!(![&first["password"], &third["password"]].contains(&&fourth["password"]));
}

#[test]
fn a_server_that_shares_its_brand_takes_a_number_until_root_claims() {
    needs_root!();
    let world = World::with("");
    let text = std::fs::read_to_string(world.path("etc/panelgate.ini")).unwrap();
    std::fs::write(
        world.path("etc/panelgate.ini"),
        text.replace("timeout = 300\n", "timeout = 300\nshared_brand = yes\n"),
    )
    .unwrap();
    world.signal("-HUP");
    crate::common::wait_for("the new configuration", || world.log().contains("read again"));
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    let number = told(&world)["domain"].as_str().unwrap().to_owned();
    assert!(number.parse::<u64>().is_ok());
    assert_eq!(world.ask(0, "claim", json!({ "site": "a.example" })).1["key"], "a.example");
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    assert_eq!(told(&world)["domain"], "a.example");
}

#[test]
fn an_account_with_more_sites_than_a_frame_holds_is_shown_whole() {
    needs_root!();
    let world = World::start();
    let mut sites = vec![TreeSite::new(domain("many.example"), SiteKind::Main, "public_html")];
    let sub = |number| {
        TreeSite::new(domain(&format!("site-{number:04}.many.example")), SiteKind::Sub, format!("s{number}"))
    };
    sites.extend((0..700).map(sub));
    world.add_account("pgmany", 20_010, &sites);
    let output = world.as_uid(
        20_010,
        &world.path("panelgate"),
        &["--socket", world.socket().to_str().unwrap(), "sites", "--json"],
        &[],
    );
    let listing: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listing["sites"].as_array().unwrap().len(), 701);
    // Also if its share is used up between the first part and the last.
    crate::attacks::raw(
        &world,
        20_010,
        &vec![br#"{"v":1,"op":"overview","args":{"from":9999}}"#.to_vec(); 30],
    );
    std::thread::sleep(limits::BUCKET_REFILL);
    let output = world.as_uid(
        20_010,
        &world.path("panelgate"),
        &["--socket", world.socket().to_str().unwrap(), "sites", "--json"],
        &[],
    );
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let listing: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
    assert_eq!(listing["sites"].as_array().unwrap().len(), 701);
}

#[test]
fn with_custom_hosting_a_site_of_two_accounts_is_an_error_for_the_second() {
    needs_root!();
    let world = World::start();
    let accounts = world.path("accounts.d");
    std::fs::create_dir(&accounts).unwrap();
    let write = |name: &str, site: &str| {
        let text =
            format!("[account]\n[site {site}]\nkind = main\ndocument_root = /home/{name}/public_html\n");
        std::fs::write(accounts.join(format!("{name}.ini")), text).unwrap();
    };
    write("pga", "shared.example");
    write("pgb", "shared.example");
    // The tree is put before the path of the accounts.
    std::fs::create_dir_all(world.path("root").join(accounts.strip_prefix("/").unwrap().parent().unwrap()))
        .unwrap();
    let inside = world.path("root").join(accounts.strip_prefix("/").unwrap());
    let move_in = || {
        let _ = std::fs::remove_dir_all(&inside);
        assert!(
            std::process::Command::new("cp").arg("-r").args([&accounts, &inside]).status().unwrap().success()
        );
    };
    move_in();
    let config = std::fs::read_to_string(world.path("etc/panelgate.ini")).unwrap();
    let config =
        config.replace("kind = cpanel", &format!("kind = ini\naccounts_dir = {}", accounts.display()));
    std::fs::write(world.path("etc/panelgate.ini"), config).unwrap();
    world.signal("-HUP");
    crate::common::wait_for("the new configuration", || world.log().contains("read again"));

    assert_eq!(world.ask(A, "open", json!({})).0, "ok");
    let first = told(&world);
    assert_eq!(world.ask(B, "open", json!({})).0, "site-conflict");
    assert_eq!(world.ask(A, "open", json!({})).0, "ok");
    assert_eq!(first["domain"], told(&world)["domain"], "nothing was taken from the first");
    // Once the first one's file lets it go, the second one gets it, with a key of its own.
    write("pga", "other.example");
    move_in();
    assert_eq!(world.ask(B, "open", json!({})).0, "ok");
    assert_ne!(first["domain"], told(&world)["domain"]);
}
