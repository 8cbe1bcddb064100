//! Disks that are full, and programs that are killed.

use std::path::Path;
use std::process::{Command, Stdio};

use panelgate::types::Username;
use serde_json::Value;

use crate::common::wait_for;
use crate::needs_root;

use super::world::{Account, CarryWorld};
use super::{first, run};

#[test]
fn a_home_without_room_is_left_as_it_is() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    world.builder.set_project(&world.alice.site, crate::world::project(8 << 20));
    world.back_up();
    let alice = &world.alice;
    for (options, room) in [("size=70m", false), ("size=90m,nr_inodes=5", false), ("size=90m", true)] {
        run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(alice.home()));
        alice.own(alice.home());
        let attached = world.run(&["backup", "attach", &alice.user.name, "--json"]);
        let left = alice.left();
        world.run(&["backup", "detach", &alice.user.name]);
        wait_for("the mount's end", || Command::new("umount").arg(alice.home()).status().unwrap().success());
        let attached: Value = serde_json::from_slice(&attached.stdout).unwrap();
        let state = attached["sites"][0]["state"].as_str().unwrap();
        assert_eq!(state, if room { "attached" } else { "refused" }, "{options}: {attached}");
        if !room {
            assert!(attached["sites"][0]["note"].as_str().unwrap().contains("disk is full"), "{attached}");
            assert!(left.iter().all(|name| name.ends_with(".htaccess")), "{options}: {left:?}");
        }
    }
}

/// Ends the worker of an account that runs at the moment, if there is one.
fn kill_worker(account: &Account) -> bool {
    let entries = std::fs::read_dir("/proc").unwrap();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_its = |id: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("Uid:")).unwrap_or_default();
        line.split_ascii_whitespace().nth(1) == Some(&account.user.uid.to_string())
    };
    let mut killed = false;
    for id in ids.filter(is_its) {
        let pid = rustix::process::Pid::from_raw(id).unwrap();
        killed |= rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok();
    }
    killed
}

#[test]
fn killed_at_any_point_no_half_project_has_a_name_and_nothing_stays() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    let bytes = crate::world::project(6 << 20);
    world.builder.set_project(&world.alice.site, bytes.clone());
    world.back_up();
    let alice = &world.alice;
    let mut killed = 0;
    for round in 0..16_u64 {
        let mut child = world
            .command(&["backup", "attach", &alice.user.name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20 + round * 7));
        if round % 2 == 0 {
            child.kill().unwrap();
        }
        killed += u32::from(kill_worker(alice));
        child.wait().unwrap();
        // A worker whose starter was killed may still do its errand.
        let whole = |path: &Path| std::fs::read(path).map_or(true, |found| found == bytes);
        assert!(whole(&alice.project()), "round {round}");
    }
    println!("{killed} workers were killed");
    // All these uses were never ended: the row is made to look as old as it will be.
    let name = Username::new(&alice.user.name).unwrap();
    while world.store().leave_carry(&name).unwrap().is_some_and(|row| row.uses > 0) {}
    let _jobs = world.jobs();
    wait_for("the sweep", || world.store().carry(&name).unwrap().is_none());
    assert_eq!(alice.left(), Vec::<String>::new());
    first(&world.attach(alice), "attached");
    assert_eq!(world.detach(alice)["removed"], 1);
    assert_eq!(alice.left(), Vec::<String>::new());
}

#[test]
fn an_end_that_comes_while_projects_are_still_put_there_leaves_nothing() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    world.builder.set_project(&world.alice.site, crate::world::project(16 << 20));
    world.back_up();
    let alice = &world.alice;
    let name = Username::new(&alice.user.name).unwrap();
    for _ in 0..4 {
        let mut attach = world
            .command(&["backup", "attach", &alice.user.name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the beginning", || {
            world.store().carry(&name).unwrap().is_some() || attach.try_wait().unwrap().is_some()
        });
        // Whichever of the two comes first, and whether or not this one finds the directory locked.
        world.run(&["backup", "detach", &alice.user.name]);
        attach.wait().unwrap();
        assert_eq!(alice.left(), Vec::<String>::new());
    }
}
