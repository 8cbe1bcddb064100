//! What an account may put in the way, and what it may pretend that came back.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use panelgate::store::JobState;
use serde_json::{Value, json};

use crate::common::chmod;
use crate::needs_root;

use super::first;
use super::world::{Account, CarryWorld};

/// Something in the way, made by root in the account's name. What it may lead to must stay as it is.
type Obstacle = fn(&Account, &Path);

fn at_base(account: &Account, victim: &Path) {
    symlink(victim, account.base()).unwrap();
    account.own(&account.base());
}

fn at_shelf(account: &Account, victim: &Path) {
    account.make_shelf();
    std::fs::remove_dir(account.base().join("backup")).unwrap();
    symlink(victim, account.base().join("backup")).unwrap();
    account.own(&account.base().join("backup"));
}

fn at_project(account: &Account, victim: &Path) {
    account.make_shelf();
    symlink(victim.join("file"), account.project()).unwrap();
    symlink(victim.join("file"), account.label()).unwrap();
    account.own(&account.project());
    account.own(&account.label());
}

fn a_pipe(account: &Account, _: &Path) {
    account.make_shelf();
    for path in [account.project(), account.label()] {
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        account.own(&path);
    }
}

fn a_device(account: &Account, _: &Path) {
    account.make_shelf();
    let kind = rustix::fs::FileType::CharacterDevice;
    let zero = rustix::fs::makedev(1, 5);
    rustix::fs::mknodat(rustix::fs::CWD, account.project(), kind, 0o600.into(), zero).unwrap();
    account.own(&account.project());
}

fn a_directory(account: &Account, _: &Path) {
    account.make_shelf();
    for path in [account.project(), account.label()] {
        std::fs::create_dir(&path).unwrap();
        account.own(&path);
    }
}

fn a_hard_link(account: &Account, victim: &Path) {
    account.make_shelf();
    std::fs::hard_link(victim.join("file"), account.project()).unwrap();
    std::fs::hard_link(victim.join("file"), account.label()).unwrap();
}

fn of_root(account: &Account, _: &Path) {
    std::fs::create_dir(account.base()).unwrap();
}

#[test]
fn what_lies_in_the_way_is_never_followed_and_never_holds_up_the_panel() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    world.back_up();
    let alice = &world.alice;
    // Writable for the account, so that only what is not followed stays as it is.
    let victim = world.path("victim");
    let obstacles: [(&str, Obstacle, &str); 8] = [
        ("a link at .panelgate", at_base, "refused"),
        ("a link at the shelf", at_shelf, "refused"),
        ("links at the files", at_project, "attached"),
        ("pipes", a_pipe, "attached"),
        ("a device", a_device, "attached"),
        ("directories", a_directory, "attached"),
        ("hard links", a_hard_link, "attached"),
        ("a directory of root's", of_root, "refused"),
    ];
    for (what, make, state) in obstacles {
        std::fs::create_dir(&victim).unwrap();
        std::fs::write(victim.join("file"), b"untouched").unwrap();
        chmod(&victim, 0o777);
        chmod(&victim.join("file"), 0o666);
        alice.own(&victim.join("file"));
        make(alice, &victim);
        let attached = world.attach(alice);
        let site = &attached["sites"][0];
        assert_eq!(site["state"], state, "{what}: {attached}");
        assert_eq!(site["note"].is_string(), state == "refused", "{what}: {attached}");
        let detached = world.run(&["backup", "detach", &alice.user.name]);
        assert!(state == "refused" || detached.status.success(), "{what}: {detached:?}");
        assert_eq!(std::fs::read(victim.join("file")).unwrap(), b"untouched", "{what}");
        assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 1, "{what}");
        // Listing waits for nothing either, and takes nothing that is no plain file.
        let listed = world.run(&["backup", "carried", &alice.user.name, "--json"]);
        if listed.status.success() {
            let list: Value = serde_json::from_slice(&listed.stdout).unwrap();
            let takes = list.as_array().unwrap().iter().any(|one| one["refused"].is_null());
            assert!(!takes, "{what}: {list}");
        } else {
            assert_eq!(state, "refused", "{what}");
        }
        if alice.base().is_symlink() {
            std::fs::remove_file(alice.base()).unwrap();
        } else {
            std::fs::remove_dir_all(alice.base()).unwrap();
        }
        std::fs::remove_dir_all(&victim).unwrap();
    }
    first(&world.attach(alice), "attached");
    assert_eq!(world.detach(alice)["removed"], 1);
    assert_eq!(alice.left(), Vec::<String>::new());
}

#[test]
fn directories_that_are_swapped_meanwhile_lead_nowhere() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    world.builder.set_project(&world.alice.site, crate::world::project(1 << 20));
    world.back_up();
    let alice = &world.alice;
    alice.make_shelf();
    let victim = world.path("victim");
    std::fs::create_dir(&victim).unwrap();
    chmod(&victim, 0o777);
    let (shelf, link) = (alice.base().join("backup"), alice.base().join("link"));
    symlink(&victim, &link).unwrap();
    alice.own(&link);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                let _ = rustix::fs::renameat_with(rustix::fs::CWD, &shelf, rustix::fs::CWD, &link, exchange);
            }
        });
        for _ in 0..12 {
            let attached = world.attach(alice);
            let state = attached["sites"][0]["state"].as_str().unwrap();
            assert!(["attached", "refused"].contains(&state), "{attached}");
            world.run(&["backup", "detach", &alice.user.name]);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 0);
}

#[test]
fn what_came_back_is_the_accounts_word() {
    needs_root!();
    let world = CarryWorld::start("carry = yes\nlargest = 2M");
    let (alice, bob) = (&world.alice, &world.bob);
    alice.make_shelf();
    let import = |site: &str| {
        let (exit, text) =
            world.code(&["backup", "import", site, "--carried", "--yes", "--account", &alice.user.name]);
        if exit != 0 {
            return Err((exit, text));
        }
        assert_eq!(world.code(&["jobs", "--once"]).0, 0);
        let all = world.store().jobs(&panelgate::store::JobQuery { limit: 1, ..Default::default() }).unwrap();
        Ok((all[0].state, all[0].reason.clone().unwrap_or_default()))
    };
    let place = |name: &str| alice.base().join("backup").join(name);
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).unwrap();
        alice.own(path);
    };
    // A project of another account's site is listed, and bound to nobody.
    write(&place(&format!("{}.sitebuilder", bob.site)), b"bob's");
    write(&place("nowhere.example.sitebuilder"), b"nobody's");
    write(&place("NOT a site.sitebuilder"), b"x");
    let list = world.carried(alice);
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    assert!(
        list.as_array().unwrap().iter().all(|one| one["refused"].as_str().unwrap().contains("has no site")),
        "{list}"
    );
    let (exit, text) = import(&bob.site).unwrap_err();
    assert!([12, 13].contains(&exit), "{exit} {text}");
    let (state, why) = {
        let (exit, text) = world.code(&["backup", "import", &bob.site, "--carried", "--yes"]);
        assert_eq!(exit, 0, "{text}");
        assert_eq!(world.code(&["jobs", "--once"]).0, 0);
        let all = world.store().jobs(&panelgate::store::JobQuery { limit: 1, ..Default::default() }).unwrap();
        (all[0].state, all[0].reason.clone().unwrap_or_default())
    };
    assert!(state == JobState::Failed && why.contains("no project"), "bob's own home has none: {why}");

    // Larger than allowed without a block on the disk.
    let file = std::fs::File::create(alice.project()).unwrap();
    file.set_len(1 << 40).unwrap();
    alice.own(&alice.project());
    let list = world.carried(alice);
    let of_alice = |list: &Value| {
        list.as_array().unwrap().iter().find(|one| one["site"] == alice.site.as_str()).cloned().unwrap()
    };
    assert!(of_alice(&list)["refused"].as_str().unwrap().contains("larger than 2 MiB"), "{list}");
    let (state, why) = import(&alice.site).unwrap();
    assert!(state == JobState::Failed && why.contains("larger than 2 MiB"), "{state:?} {why}");

    let other = alice.home().join("other");
    write(&other, b"elsewhere");
    for what in ["a link", "a second name"] {
        std::fs::remove_file(alice.project()).unwrap();
        match what {
            "a link" => symlink(&other, alice.project()).unwrap(),
            _ => std::fs::hard_link(&other, alice.project()).unwrap(),
        }
        alice.own(&alice.project());
        let (state, why) = import(&alice.site).unwrap();
        assert!(state == JobState::Failed && why.contains("no project"), "{what}: {state:?} {why}");
    }

    // Without a label it can be taken; with one it must be the one that the label was made for.
    std::fs::remove_file(alice.project()).unwrap();
    write(&alice.project(), b"from another server");
    assert_eq!(
        (&of_alice(&world.carried(alice))["genuine"], import(&alice.site).unwrap().0),
        (&json!(false), JobState::Done)
    );
    let label = json!({ "run": "x", "made": 7, "size": 19, "sha256": "00", "seal": "00" });
    write(&alice.label(), label.to_string().as_bytes());
    let (state, why) = import(&alice.site).unwrap();
    assert!(state == JobState::Failed && why.contains("label"), "{state:?} {why}");
    write(&alice.label(), "{".repeat(100_000).as_bytes());
    assert_eq!(import(&alice.site).unwrap().0, JobState::Done, "what is no label counts for nothing");
    let files = std::fs::read_dir(world.path("state/backups")).unwrap();
    assert!(files.flatten().all(|entry| entry.file_name().to_str() == Some(&alice.site)));
}

#[test]
fn many_projects_that_came_back_are_all_listed_and_the_last_can_be_taken() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    let alice = &world.alice;
    alice.make_shelf();
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).unwrap();
        alice.own(path);
    };
    let others = 400;
    for number in 0..others {
        write(&alice.base().join(format!("backup/a{number:03}.example.sitebuilder")), b"x");
    }
    // Labels are the account's word too: those of an answer must fit into it.
    for number in 0..20 {
        let label = json!({ "run": "x".repeat(3000), "made": 7, "size": 1, "sha256": "00", "seal": "00" });
        let path = alice.base().join(format!("backup/a{number:03}.example.json"));
        write(&path, label.to_string().as_bytes());
    }
    write(&alice.project(), b"the last of all");
    let list = world.carried(alice);
    let sites: Vec<&str> = list.as_array().unwrap().iter().map(|one| one["site"].as_str().unwrap()).collect();
    assert_eq!((sites.len(), sites.last().copied()), (others + 1, Some(alice.site.as_str())));
    let import = ["backup", "import", &alice.site, "--carried", "--yes", "--account", &alice.user.name];
    assert_eq!(world.code(&import).0, 0);
    assert_eq!(world.code(&["jobs", "--once"]).0, 0);
    assert_eq!(world.json(&["backup", "list", &alice.site])[0]["size"], 15);
}
