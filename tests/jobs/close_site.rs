//! Sites that have gone to another account, and the program that runs jobs as such.

use std::path::Path;
use std::time::Duration;

use panelgate::sandbox::http::Response;
use panelgate::store::{JobState, JobsLock, NewJob};
use serde_json::Value;

use crate::common::BUILDER_PASSWORD;
use crate::world::{World, project, shop, signal, wait};

#[test]
fn a_closed_site_is_backed_up_then_deleted_after_the_grace_and_its_successor_is_left_alone() {
    let world = World::start("");
    world.once();
    let row = world.row();
    assert_eq!((row.state, row.attempts, row.next), (JobState::Waiting, 0, row.queued + 86_400));
    assert_eq!(world.calls("create-site-backup") + world.calls("delete-site"), 0);

    world.configure("[lifecycle]\ngrace = 1s");
    std::thread::sleep(Duration::from_millis(1100));
    assert!(world.run(&["jobs", "retry", &world.job.to_string()]).status.success());
    world.once();
    let row = world.row();
    assert_eq!(row.state, JobState::Done, "{row:?}");
    let (files, parts) = world.files();
    assert_eq!((files.len(), parts.len()), (1, 0));
    assert!(std::fs::read(&files[0]).unwrap() == project(4 << 20), "the file is the project");
    let result: Value = serde_json::from_str(row.result.as_deref().unwrap()).unwrap();
    assert_eq!(result["deleted"], true);
    assert_eq!(result["saved"]["file"]["name"], files[0].to_str().unwrap());
    assert_eq!(world.builder.project("shop.example"), None);
    let successor = world.store().current(&shop()).unwrap().unwrap().key;
    assert_eq!(world.builder.project(successor.as_str()).unwrap(), b"of the successor");
    // Nothing is done twice.
    world.once();
    assert_eq!((world.calls("create-site-backup"), world.calls("delete-site")), (1, 1));
}

#[test]
fn without_its_backup_nothing_is_deleted_and_it_is_tried_again_later() {
    let world = World::start("[lifecycle]\ngrace = 1s");
    std::thread::sleep(Duration::from_millis(1100));
    let octets = |bytes: &[u8]| Response::with_body(200, "application/octet-stream", bytes);
    let faults = [
        Response::json(200, &serde_json::json!({ "error": { "code": 7, "message": "disk full" } })),
        Response::json(500, &serde_json::json!({ "error": { "code": 1, "message": "cannot pack" } })),
        Response::json(401, &serde_json::json!({ "error": { "message": "Wrong username or password" } })),
        Response::html(200, "<html>maintenance</html>"),
        octets(b""),
        Response::new(200),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        world.builder.push_fault(fault);
        world.run(&["jobs", "retry", &world.job.to_string()]);
        world.once();
        let row = world.row();
        assert_eq!((row.state, row.attempts), (JobState::Waiting, 1), "{number}: {row:?}");
        let reason = row.reason.unwrap();
        assert!(reason.contains("nothing is deleted before its backup"), "{reason}");
        assert!(!reason.contains(BUILDER_PASSWORD), "{reason}");
        assert!(row.next > row.queued + 50);
        assert_eq!(world.files(), (vec![], vec![]), "{number}");
    }
    assert!(world.builder.project("shop.example").is_some() && world.calls("delete-site") == 0);
    // A builder that makes no backups at all has none to wait for.
    world.builder.push_fault(Response::html(404, "<html>no such page</html>"));
    world.run(&["jobs", "retry", &world.job.to_string()]);
    world.once();
    assert_eq!(world.row().state, JobState::Done);
    assert_eq!(world.builder.project("shop.example"), None);
}

#[test]
fn a_key_that_is_not_closed_or_has_another_floor_is_never_deleted() {
    let world = World::start("[lifecycle]\ngrace = 1s");
    let store = world.store();
    let successor = store.current(&shop()).unwrap().unwrap();
    let closed = world.row();
    let forged =
        |key, floor| NewJob { kind: "close-site".into(), key: Some((key, floor)), ..NewJob::default() };
    let jobs = [forged(successor.key.clone(), successor.floor), forged(closed.key.unwrap(), 3)];
    let ids: Vec<u64> = jobs.iter().map(|job| store.queue_job(job).unwrap().id).collect();
    store.cancel_job(world.job).unwrap();
    drop(store);
    std::thread::sleep(Duration::from_millis(1100));
    world.once();
    for id in ids {
        let job = world.store().job(id).unwrap().unwrap();
        assert_eq!(job.state, JobState::Failed);
        assert!(job.reason.unwrap().contains("nothing is deleted"));
    }
    assert_eq!(world.row().state, JobState::Cancelled);
    assert_eq!(world.calls("create-site-backup") + world.calls("delete-site"), 0);
}

#[test]
fn killed_at_any_point_it_ends_with_a_whole_backup_and_no_project() {
    let mut kills = 0;
    for round in 0..12_u64 {
        let world = World::start("[lifecycle]\ngrace = 1s");
        std::thread::sleep(Duration::from_millis(1050));
        let size = 4 << 20;
        for attempt in 0..4 {
            let mut child = world.daemon();
            std::thread::sleep(Duration::from_millis(5 + (round * 7 + attempt * 13) % 60));
            kills += usize::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
            let (files, _) = world.files();
            for file in &files {
                assert_eq!(std::fs::metadata(file).unwrap().len(), size, "no half file bears a final name");
            }
            let deleted = world.builder.project("shop.example").is_none();
            assert!(!deleted || !files.is_empty(), "round {round}: deleted without a backup");
        }
        world.once();
        let row = world.row();
        assert_eq!(row.state, JobState::Done, "{row:?}");
        let (files, parts) = world.files();
        assert!(!files.is_empty() && parts.is_empty(), "{files:?} {parts:?}");
        assert!(std::fs::read(&files[0]).unwrap() == project(4 << 20));
        assert_eq!(world.builder.project("shop.example"), None);
    }
    assert!(kills > 20, "{kills} kills hit a running program");
}

#[test]
fn it_notices_new_rows_runs_alone_reloads_and_ends_when_told() {
    let world = World::start("");
    let mut child = world.daemon();
    let state = world.dir.path().join("state");
    wait("it is running", || JobsLock::is_held(&state));
    let second = world.run(&["jobs"]);
    assert_eq!(second.status.code(), Some(5), "{}", String::from_utf8_lossy(&second.stderr));
    wait("the row was looked at", || world.row().next > world.row().queued);
    world.configure("[lifecycle]\ngrace = 1s");
    signal(&child, "-HUP");
    // Taken up before the new configuration was read, or before its second is over, it waits for another time.
    wait("the row was worked on", || {
        world.store().retry_job(world.job).unwrap();
        world.row().state == JobState::Done
    });
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!JobsLock::is_held(&state));
}

#[test]
fn told_to_stop_it_leaves_a_transfer_to_the_next_start_and_does_not_count_it() {
    let world = World::start("[lifecycle]\ngrace = 1s");
    world.builder.set_project("shop.example", project(24 << 20));
    std::thread::sleep(Duration::from_millis(1100));
    let mut child = world.daemon();
    wait("the transfer has begun", || !world.files().1.is_empty() || world.row().state == JobState::Done);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let row = world.row();
    if row.state != JobState::Done {
        assert_eq!((row.state, row.attempts), (JobState::Waiting, 0), "{row:?}");
        assert_eq!(world.files(), (vec![], vec![]));
        world.once();
        assert_eq!(world.row().state, JobState::Done);
    }
    assert_eq!(world.files().0.len(), 1);
}

#[test]
fn doctor_and_list_say_who_does_not_run_and_what_was_given_up() {
    let world = World::start("");
    let check = || -> Value {
        let output = world.run(&["doctor", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "jobs").unwrap().clone()
    };
    let found = check();
    assert_eq!(found["state"], "fail", "{found}");
    assert!(found["text"].as_str().unwrap().contains("nobody runs the jobs"));
    let store = world.store();
    store.end_job(world.job, JobState::Failed, Some("the builder is gone for good"), None).unwrap();
    let found = check();
    assert_eq!(found["state"], "warning", "{found}");
    assert!(found["text"].as_str().unwrap().contains("the builder is gone for good"), "{found}");
    let list: Value = serde_json::from_slice(&world.run(&["jobs", "list", "--json"]).stdout).unwrap();
    assert_eq!((&list[0]["state"], &list[0]["subject"]), (&"failed".into(), &"site shop.example".into()));
    let table = String::from_utf8(world.run(&["jobs", "list"]).stdout).unwrap();
    assert!(table.contains("the builder is gone for good"), "{table}");
    assert_eq!(world.run(&["jobs", "retry", "99"]).status.code(), Some(89));
}

/// Only paths below the world are touched.
#[test]
fn nothing_runs_without_a_store_that_can_be_written() {
    let world = World::start("");
    std::fs::write(world.dir.path().join("state/panelgate.sqlite"), b"no database".repeat(100)).unwrap();
    let _ = std::fs::remove_file(world.dir.path().join("state/panelgate.sqlite-wal"));
    let output = world.run(&["jobs", "--once"]);
    assert_eq!(output.status.code(), Some(60), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(Path::new(&world.config()).exists());
}
