//! Suspended, back again, without the builder, under another name.

use panelgate::store::JobState;

use crate::needs_root;
use crate::world::{Made, World};

const ALICE: &[&str] = &["alice.example", "shop.example"];

fn alice(world: &World, suspended: bool) {
    world.account("alice", &Made { created: "1", suspended, sites: ALICE, ..Made::default() });
}

#[test]
fn a_suspension_reaches_the_builder_once_and_so_does_its_end() {
    needs_root!();
    let world = World::start();
    for site in ALICE {
        world.open("alice", site);
    }
    world.open("bob", "bob.example");
    let floor = world.row("shop.example").unwrap().floor;
    alice(&world, true);
    let first = world.tell("suspend", &["--account", "alice"]);
    assert!(first["job"].is_u64() && first["ignored"].is_null(), "{first}");
    assert!(world.row("shop.example").unwrap().floor > floor, "credentials end before the panel hears ok");
    assert_eq!(
        world.tell("suspend", &["--account", "alice"])["job"],
        first["job"],
        "equal events are joined"
    );
    world.once();
    for _ in 0..3 {
        world.tell("suspend", &["--account", "alice"]);
        world.once();
    }
    for site in ALICE {
        assert_eq!(world.blocked(site), [true], "{site}");
    }
    alice(&world, false);
    for _ in 0..3 {
        world.tell("unsuspend", &["--account", "alice"]);
        world.once();
    }
    for site in ALICE {
        assert_eq!(world.blocked(site), [true, false], "{site}");
    }
    assert!(world.blocked("bob.example").is_empty());
    assert!(world.jobs("sync-site").iter().all(|job| job.state == JobState::Done));
}

#[test]
fn an_event_is_a_hint_the_panel_decides() {
    needs_root!();
    let world = World::start();
    world.open("alice", "shop.example");
    for event in ["suspend", "remove", "plan", "refresh", "domain-removed"] {
        let more = ["--account", "alice", "--domain", "shop.example"];
        world.tell(event, &more);
        world.once();
    }
    assert!(world.blocked("shop.example").is_empty() && world.jobs("remove-site").is_empty());
    // That nobody told of it changes nothing either.
    alice(&world, true);
    world.tell("plan", &["--account", "alice"]);
    world.once();
    assert_eq!(world.blocked("shop.example"), [true]);
    // What was suspended before anything was noted is told once more when it is over.
    alice(&world, false);
    world.open("alice", "alice.example");
    world.tell("unsuspend", &["--account", "alice"]);
    world.once();
    assert_eq!(
        (world.blocked("shop.example"), world.blocked("alice.example")),
        (vec![true, false], vec![false])
    );
}

#[test]
fn one_suspended_site_and_a_plan_without_the_builder() {
    needs_root!();
    let world = World::start();
    for site in ALICE {
        world.open("alice", site);
    }
    let sites = ["alice.example", "!shop.example"];
    world.account("alice", &Made { created: "1", sites: &sites, ..Made::default() });
    world.tell("suspend", &["--account", "alice", "--domain", "shop.example"]);
    world.once();
    assert_eq!((world.blocked("shop.example"), world.blocked("alice.example")), (vec![true], vec![]));

    let floor = world.row("alice.example").unwrap().floor;
    world.account("alice", &Made { created: "1", without: true, sites: ALICE, ..Made::default() });
    world.tell("plan", &["--account", "alice"]);
    world.once();
    assert!(world.row("alice.example").unwrap().floor > floor, "its credentials have ended");
    assert_eq!((world.blocked("shop.example"), world.blocked("alice.example")), (vec![true, false], vec![]));
}

#[test]
fn a_renamed_site_takes_its_project_with_it() {
    needs_root!();
    let world = World::start();
    let key = world.open("alice", "alice.example").key;
    world.open("alice", "shop.example");
    let sites = ["second.example", "shop.example"];
    world.account("alice", &Made { created: "1", sites: &sites, ..Made::default() });
    let more = ["--account", "alice", "--old-domain", "alice.example", "--domain", "second.example"];
    world.tell("rename", &more);
    world.once();
    let row = world.row("second.example").unwrap();
    assert_eq!(row.key.as_str(), "second.example", "{:?}", world.jobs("sync-site"));
    assert_eq!(world.calls("website/rename").len(), 1);
    assert!(world.store().by_key(&key).unwrap().unwrap().closed, "a key is never given twice");
    assert!(world.jobs("close-site").is_empty() && world.jobs("remove-site").is_empty());
    world.tell("rename", &more);
    world.once();
    assert_eq!(world.calls("website/rename").len(), 1, "once");

    // A builder without the call keeps the name that it knows.
    world.configure("[call website/rename]\nenabled = no\n[lifecycle]\ngrace = 1s");
    let sites = ["third.example", "shop.example"];
    world.account("alice", &Made { created: "1", sites: &sites, ..Made::default() });
    world.tell(
        "rename",
        &["--account", "alice", "--old-domain", "second.example", "--domain", "third.example"],
    );
    world.once();
    assert_eq!(world.row("third.example").unwrap().key.as_str(), "second.example");
    world.open("alice", "third.example");
    let asked = world.calls("requestLogin").pop().unwrap();
    assert_eq!((&asked["domain"], &asked["baseDomain"]), (&"second.example".into(), &"third.example".into()));
}

#[test]
fn an_account_with_another_name_keeps_its_sites() {
    needs_root!();
    let world = World::start();
    let row = world.open("alice", "shop.example");
    world.users(&[("alicia", 2001), ("bob", 2002)]);
    world.remove_account("alice");
    world.account("alicia", &Made { created: "1", sites: ALICE, ..Made::default() });
    world.tell("rename", &["--account", "alicia", "--old-account", "alice"]);
    world.settle();
    let now = world.row("shop.example").unwrap();
    assert_eq!((now.owner.name().as_str(), &now.key), ("alicia", &row.key));
    assert!(world.jobs("remove-site").is_empty() && world.builder.project("shop.example").is_some());
}
