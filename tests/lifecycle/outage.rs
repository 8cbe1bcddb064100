//! A builder that is down for a while, and a program that is killed.

use std::collections::BTreeMap;
use std::process::Command;

use panelgate::store::JobState;

use crate::common::wait_for;
use crate::needs_root;
use crate::world::{Made, World, end};

#[test]
fn events_of_an_outage_are_neither_lost_nor_done_in_another_order() {
    needs_root!();
    const SITES: usize = 60;
    let mut world = World::start();
    let names: Vec<String> = (0..SITES).map(|number| format!("s{number}.example")).collect();
    let account = |world: &World, state: usize| {
        // Of every three, one is suspended in the end, one was for a while, and one never was.
        let marked: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let suspended = (number % 3 == 0 && state > 0) || (number % 3 == 1 && state == 1);
                format!("{}{name}", if suspended { "!" } else { "" })
            })
            .collect();
        let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
        world.account("alice", &Made { created: "1", sites: &marked, ..Made::default() });
    };
    account(&world, 0);
    let first = world.builder.api_url();
    names.iter().for_each(|name| drop(world.open("alice", name)));
    world.stop_builder();
    let daemon = world.daemon();
    for state in [1, 2, 1, 2] {
        account(&world, state);
        for event in ["suspend", "unsuspend", "refresh"] {
            world.tell(event, &["--account", "alice"]);
        }
    }
    wait_for("the outage is noticed", || {
        world.jobs("sync-site").iter().any(|job| job.state == JobState::Waiting && job.attempts > 0)
    });
    let waiting = world.jobs("sync-site").iter().filter(|job| !job.state.is_final()).count();
    assert!(waiting >= SITES / 3, "{waiting} looks wait");
    world.another_builder();
    assert_ne!(world.builder.api_url(), first);
    world.configure("");
    assert!(Command::new("kill").args(["-HUP", &daemon.id().to_string()]).status().unwrap().success());
    for _ in 0..3 {
        world.tell("refresh", &["--account", "alice"]);
    }
    wait_for("all is done", || world.jobs("sync-site").iter().all(|job| job.state == JobState::Done));
    end(daemon);
    let mut told: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for body in world.calls("set-blocked") {
        let name = body["domain"].as_str().unwrap().to_owned();
        told.entry(name).or_default().push(body["value"].as_bool().unwrap());
    }
    for (number, name) in names.iter().enumerate() {
        let last = told.get(name).and_then(|told| told.last()).copied();
        if number % 3 == 0 {
            assert_eq!(last, Some(true), "{name}: {told:?}");
        } else {
            assert_ne!(last, Some(true), "{name}: {told:?}");
        }
    }
}

#[test]
fn killed_at_any_point_it_goes_on_where_it_was() {
    needs_root!();
    let world = World::start();
    let names: Vec<String> = (0..24).map(|number| format!("s{number}.example")).collect();
    let sites: Vec<&str> = names.iter().map(String::as_str).collect();
    world.account("alice", &Made { created: "1", sites: &sites, ..Made::default() });
    sites.iter().for_each(|site| drop(world.open("alice", site)));
    world.account("alice", &Made { created: "1", suspended: true, sites: &sites, ..Made::default() });
    world.tell("suspend", &["--account", "alice"]);
    for round in 0..6_u64 {
        let mut child = world.daemon();
        std::thread::sleep(std::time::Duration::from_millis(20 + round * 30));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    world.once();
    for site in &sites {
        let told = world.blocked(site);
        assert!(!told.is_empty() && told.iter().all(|value| *value), "{site}: {told:?}");
    }
    assert!(world.jobs("sync-site").iter().all(|job| job.state == JobState::Done));
}
