//! Accounts and sites that are gone, and whoever has their names afterwards.

use panelgate::store::JobState;

use crate::needs_root;
use crate::world::{Made, World};

const ALICE: &[&str] = &["alice.example", "shop.example"];

/// alice is removed while nobody runs the jobs.
fn removed() -> World {
    let world = World::start();
    world.open("alice", "shop.example");
    world.remove_account("alice");
    world.users(&[("bob", 2002)]);
    let answer = world.tell("remove", &["--account", "alice"]);
    assert!(answer["job"].is_u64(), "{answer}");
    world
}

#[test]
fn what_is_gone_is_backed_up_and_deleted_after_the_grace_and_not_before() {
    needs_root!();
    let world = removed();
    world.configure("[lifecycle]\ngrace = 1d");
    world.once();
    let waiting = world.jobs("remove-site");
    assert_eq!((waiting.len(), waiting[0].state), (1, JobState::Waiting));
    assert!(waiting[0].next >= waiting[0].queued + 86_400 && waiting[0].key.is_some());
    assert!(world.calls("delete-site").is_empty() && world.row("shop.example").is_some());

    world.configure("[lifecycle]\ngrace = 1s");
    assert!(world.run(&["jobs", "retry", &waiting[0].id.to_string()]).status.success());
    world.settle();
    assert_eq!(world.saved("shop.example"), [b"the project shop.example".to_vec()]);
    assert_eq!(world.builder.project("shop.example"), None);
    assert_eq!((world.calls("delete-site").len(), world.row("shop.example")), (1, None));
    world.tell("remove", &["--account", "alice"]);
    world.settle();
    assert_eq!(world.calls("delete-site").len(), 1, "once");
}

#[test]
fn what_comes_back_within_the_grace_keeps_everything() {
    needs_root!();
    let world = removed();
    let key = world.row("shop.example").unwrap().key;
    world.once();
    world.users(&[("alice", 2001), ("bob", 2002)]);
    world.account("alice", &Made { created: "1", sites: ALICE, ..Made::default() });
    world.tell("restore", &["--account", "alice"]);
    world.settle();
    assert_eq!(world.row("shop.example").unwrap().key, key);
    assert!(world.calls("delete-site").is_empty());
    // Also when nobody told of it.
    let world = removed();
    world.once();
    world.users(&[("alice", 2001), ("bob", 2002)]);
    world.account("alice", &Made { created: "1", sites: ALICE, ..Made::default() });
    world.settle();
    assert!(world.row("shop.example").is_some() && world.calls("delete-site").is_empty());
}

#[test]
fn an_account_made_anew_inherits_nothing_and_loses_nothing() {
    needs_root!();
    // With the same name and uid, and another mark; with the mark that nobody has; and told of or not.
    for (before, after, told) in [("1", "9", true), ("1", "9", false), ("", "", true)] {
        let world = World::start();
        world.account("alice", &Made { created: before, sites: ALICE, ..Made::default() });
        let old = world.open("alice", "shop.example");
        world.remove_account("alice");
        world.tell("remove", &["--account", "alice"]);
        world.account("alice", &Made { created: after, sites: ALICE, ..Made::default() });
        if told {
            world.tell("create", &["--account", "alice", "--domain", "alice.example"]);
        }
        if before.is_empty() {
            // Only the panel's word tells the two apart, and that is looked at before anything is opened.
            world.once();
        }
        let new = world.open("alice", "shop.example");
        assert_ne!((&new.key, &new.token), (&old.key, &old.token));
        assert!(new.key.as_str().parse::<u64>().is_ok(), "{}", new.key);
        world.settle();
        let place = format!("{before:?} {after:?} {told}: {:?}", world.jobs("close-site"));
        assert_eq!(world.row("shop.example").unwrap(), new, "{place}");
        assert!(world.builder.project(new.key.as_str()).is_some(), "{place}");
        assert_eq!(world.builder.project(old.key.as_str()), None, "{place}");
        assert_eq!(world.saved(old.key.as_str()).len(), 1, "{place}");
        assert!(world.saved(new.key.as_str()).is_empty(), "{place}");
        let deleted = world.calls("delete-site");
        assert!(deleted.iter().all(|body| body["domain"] == old.key.as_str()), "{place}");
    }
}

#[test]
fn a_site_that_moves_while_its_removal_waits_belongs_to_the_new_owner_alone() {
    needs_root!();
    let world = World::start();
    let old = world.open("alice", "shop.example");
    world.account("alice", &Made { created: "1", sites: &["alice.example"], ..Made::default() });
    world.tell("domain-removed", &["--account", "alice", "--domain", "shop.example"]);
    world.once();
    assert_eq!(world.jobs("remove-site").len(), 1);
    world.account("bob", &Made { created: "2", sites: &["bob.example", "shop.example"], ..Made::default() });
    world.tell("domain-added", &["--account", "bob", "--domain", "shop.example"]);
    let new = world.open("bob", "shop.example");
    assert_ne!((&new.key, &new.token), (&old.key, &old.token));
    world.settle();
    assert_eq!(world.row("shop.example").unwrap(), new);
    assert!(world.builder.project(new.key.as_str()).is_some());
    assert_eq!(world.builder.project(old.key.as_str()), None);
    assert_eq!((world.saved(old.key.as_str()).len(), world.saved(new.key.as_str()).len()), (1, 0));
    // What bob sees of backups is his own.
    let shown = world.run(&["backup", "list", "shop.example", "--json"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("the project shop.example"));
}

#[test]
fn empty_or_damaged_data_are_never_a_removal() {
    needs_root!();
    let world = World::start();
    world.open("alice", "shop.example");
    world.open("bob", "bob.example");
    world.damage_account("alice");
    world.remove_account("bob");
    for name in ["alice", "bob"] {
        world.tell("remove", &["--account", name]);
    }
    world.once();
    // alice's data are damaged, and bob is gone from a panel that still has alice.
    let waiting: Vec<String> = world.jobs("remove-site").into_iter().map(|job| job.subject).collect();
    assert_eq!(waiting, ["site bob.example"]);
    let looks = world.jobs("sync-site");
    let alice = looks.iter().find(|job| job.subject.contains("shop")).unwrap();
    assert_eq!((alice.state, alice.reason.is_some()), (JobState::Waiting, true), "{alice:?}");
    // Nobody is left at all: that is not believed, whoever tells it.
    world.remove_account("alice");
    std::thread::sleep(std::time::Duration::from_millis(1200));
    world.tell("remove", &["--account", "alice"]);
    for job in looks.iter().chain(&world.jobs("remove-site")) {
        world.run(&["jobs", "retry", &job.id.to_string()]);
    }
    world.once();
    assert!(world.calls("delete-site").is_empty() && world.row("bob.example").is_some());
    let text = String::from_utf8(world.run(&["jobs", "list"]).stdout).unwrap();
    assert!(text.contains("no account at all"), "{text}");
    assert_eq!(world.run(&["reconcile"]).status.code(), Some(10));
}
