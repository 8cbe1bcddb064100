//! Comparing panel and store.

use serde_json::Value;

use crate::needs_root;
use crate::world::{Made, World};

fn reconcile(world: &World, more: &[&str]) -> Value {
    let output = world.run(&[&["reconcile", "--json"], more].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn drifts(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let mut drifts: Vec<_> =
        findings.iter().map(|found| (text(&found["site"]), text(&found["drift"]))).collect();
    drifts.sort();
    drifts
}

#[test]
fn what_no_hook_has_told_is_found_and_looked_after() {
    needs_root!();
    let world = World::start();
    for (account, site) in [("alice", "alice.example"), ("alice", "shop.example"), ("bob", "bob.example")] {
        world.open(account, site);
    }
    assert_eq!(drifts(&reconcile(&world, &[])), []);
    world.account("alice", &Made { created: "1", sites: &["alice.example"], ..Made::default() });
    world.account("bob", &Made { created: "2", suspended: true, sites: &["bob.example"], ..Made::default() });
    let want = [("bob.example", "suspended"), ("shop.example", "gone")]
        .map(|(site, drift)| (site.to_owned(), drift.to_owned()));
    assert_eq!(drifts(&reconcile(&world, &["--dry-run"])), want);
    world.once();
    assert!(
        world.jobs("sync-site").is_empty() && world.blocked("bob.example").is_empty(),
        "a trial does nothing"
    );
    assert_eq!(drifts(&reconcile(&world, &[])), want);
    world.once();
    assert_eq!((world.blocked("bob.example"), world.jobs("remove-site").len()), (vec![true], 1));
    let waits = [("shop.example".to_owned(), "waiting".to_owned())];
    assert_eq!(drifts(&reconcile(&world, &["--dry-run"])), waits);
    world.settle();
    assert_eq!((world.row("shop.example"), world.saved("shop.example").len()), (None, 1));
    world.account("bob", &Made { created: "2", sites: &["bob.example"], ..Made::default() });
    reconcile(&world, &[]);
    world.once();
    assert_eq!(world.blocked("bob.example"), [true, false]);
    assert_eq!(drifts(&reconcile(&world, &[])), []);
    // The job does the same.
    world.account("bob", &Made { created: "2", suspended: true, sites: &["bob.example"], ..Made::default() });
    assert!(world.tell("reconcile", &[])["job"].is_u64());
    world.once();
    world.once();
    assert_eq!(world.blocked("bob.example"), [true, false, true]);
}

#[test]
fn few_are_found_gone_at_a_time() {
    needs_root!();
    let world = World::start();
    let names: Vec<String> = (0..12).map(|number| format!("s{number}.example")).collect();
    let sites: Vec<&str> = names.iter().map(String::as_str).chain(["alice.example"]).collect();
    world.account("alice", &Made { created: "1", sites: &sites, ..Made::default() });
    sites.iter().for_each(|site| drop(world.open("alice", site)));
    world.account("alice", &Made { created: "1", sites: &["alice.example"], ..Made::default() });
    world.configure("[lifecycle]\ngrace = 1h");
    for round in 0..3 {
        let report = reconcile(&world, &[]);
        world.once();
        let waiting = world.jobs("remove-site").len();
        assert_eq!((waiting, report["held"].as_u64()), (5, Some(7)), "round {round}: {report}");
    }
    // What the panel itself has told is not held back.
    world.tell("domain-removed", &["--account", "alice", "--domain", &names[11]]);
    world.once();
    assert!(world.jobs("remove-site").len() <= 6);
    let report = reconcile(&world, &["--force"]);
    assert_eq!(report["held"], 0);
    world.once();
    assert_eq!(world.jobs("remove-site").len(), 12);
    assert!(world.calls("delete-site").is_empty());
}

#[test]
fn a_removal_that_was_told_long_ago_and_did_not_happen_lifts_no_limit() {
    needs_root!();
    let world = World::start();
    let names: Vec<String> = (0..12).map(|number| format!("s{number}.example")).collect();
    let sites: Vec<&str> = names.iter().map(String::as_str).chain(["alice.example"]).collect();
    world.account("alice", &Made { created: "1", sites: &sites, ..Made::default() });
    sites.iter().for_each(|site| drop(world.open("alice", site)));
    world.configure("[lifecycle]\ngrace = 1s");
    world.tell("remove", &["--account", "alice"]);
    world.once();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    world.account("alice", &Made { created: "1", sites: &["alice.example"], ..Made::default() });
    let report = reconcile(&world, &["--dry-run"]);
    assert_eq!(report["held"], 7, "{report}");
}

#[test]
fn data_that_cannot_be_read_are_said_and_hinder_nobody_else() {
    needs_root!();
    let world = World::start();
    world.open("alice", "shop.example");
    world.open("bob", "bob.example");
    world.damage_account("alice");
    world.account("bob", &Made { created: "2", suspended: true, sites: &["bob.example"], ..Made::default() });
    let output = world.run(&["reconcile", "--json"]);
    assert_eq!(output.status.code(), Some(10));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["unreadable"], &report["sites"]), (&1.into(), &2.into()));
    world.once();
    assert_eq!(world.blocked("bob.example"), [true]);
    assert!(world.jobs("remove-site").is_empty());
}
