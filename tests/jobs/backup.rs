//! Backups of projects, from the order to the file.

use std::time::Duration;

use panelgate::sandbox::http::Response;
use panelgate::store::{Job, JobQuery, JobState};
use panelgate::types::Domain;
use serde_json::{Value, json};

use crate::common::BUILDER_PASSWORD;
use crate::world::{World, project, shop, wait};

fn json_of(world: &World, arguments: &[&str]) -> Value {
    let output = world.run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn code(world: &World, arguments: &[&str]) -> (i32, String) {
    let output = world.run(arguments);
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn create(world: &World, arguments: &[&str]) -> u64 {
    let jobs = json_of(world, &[&["backup", "create", "--json"], arguments].concat());
    jobs[0]["id"].as_u64().unwrap()
}

fn job(world: &World, id: u64) -> Job {
    world.store().job(id).unwrap().unwrap()
}

#[test]
fn a_project_is_ordered_made_listed_and_taken_away() {
    crate::needs_root!();
    let world = World::start("");
    world.builder.set_project("third.example", project(3 << 20));
    let id = create(&world, &["third.example"]);
    assert_eq!(create(&world, &["third.example"]), id, "a second order joins the first");
    world.once();
    let done = job(&world, id);
    assert_eq!(done.state, JobState::Done, "{done:?}");
    assert_eq!(create(&world, &["third.example", "--wait"]), id, "made a moment ago");
    let result: Value = serde_json::from_str(done.result.as_deref().unwrap()).unwrap();
    let list = json_of(&world, &["backup", "list", "third.example", "--json"]);
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((&list[0]["size"], &list[0]["id"]), (&json!(3 << 20), &result["entry"]));
    assert_eq!(list[0]["files"], result["files"]);

    let file = world.dir.path().join("taken.sitebuilder");
    let taken = ["backup", "download", "third.example", "--to", file.to_str().unwrap()];
    assert_eq!(code(&world, &taken).0, 0);
    assert!(std::fs::read(&file).unwrap() == project(3 << 20));
    assert_eq!(code(&world, &taken).0, 2, "nothing is overwritten");
    let output = world.run(&["backup", "download", "third.example", "--to", "-"]);
    assert!(output.stdout == project(3 << 20));

    let made = std::path::PathBuf::from(result["files"][0]["name"].as_str().unwrap());
    let mut bytes = project(3 << 20);
    bytes[7] ^= 1;
    std::fs::write(&made, bytes).unwrap();
    let (exit, text) = code(&world, &["backup", "download", "third.example", "--to", "/nonexistent/x"]);
    assert_eq!(exit, 2, "{text}");
    let other = world.dir.path().join("other");
    let (exit, text) =
        code(&world, &["backup", "download", "third.example", "--to", other.to_str().unwrap()]);
    assert!(exit == 81 && text.contains("damaged") && !other.exists(), "{exit} {text}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_starts() {
    crate::needs_root!();
    let world = World::start("");
    for (arguments, want, says) in [
        (&["blog.shop.example"][..], 83, "was never opened"),
        (&["nowhere.example"], 12, "no account"),
        (&["third.example", "--account", "alice"], 11, "alice"),
        (&["third.example", "--to", "builder"], 80, "it can: directory"),
        (&["third.example", "--to", "offsite"], 80, "it can: directory"),
        (&["third.example", "--prefix", "x"], 80, "a prefix"),
        (&["third.example", "--split-size", "5M"], 80, "several files"),
        (&["--server", "--scope", "project"], 80, "a backup of server"),
        (&["--account", "bob", "--scope", "project"], 80, "a backup of account"),
        (&["third.example", "--split-size", "-5M"], 2, ""),
        (&["third.example", "--prefix", "../x"], 2, ""),
        (&[], 2, "name a site"),
    ] {
        let (exit, text) = code(&world, &[&["backup", "create"], arguments].concat());
        assert!(exit == want && text.contains(says), "{arguments:?}: {exit} {text}");
    }
    let (exit, text) = code(&world, &["backup", "restore", "third.example", "--name", "x", "--yes"]);
    assert!(exit == 80 && text.contains("cannot restore"), "{exit} {text}");
    assert_eq!(
        world.store().jobs(&JobQuery { limit: 10, ..Default::default() }).unwrap().len(),
        1,
        "the close-site job"
    );
    assert_eq!(world.calls("create-site-backup"), 0);
}

#[test]
fn a_builder_that_fails_lies_or_breaks_off_leaves_no_file_and_a_reason() {
    crate::needs_root!();
    let world = World::start("[backup]\nlargest = 1M");
    let octets = |bytes: Vec<u8>| Response::with_body(200, "application/octet-stream", bytes);
    let error = |status, body: Value| Response::json(status, &body);
    for (number, (fault, want, says)) in [
        (error(200, json!({ "error": { "code": 3, "message": "locked" } })), JobState::Failed, "locked"),
        (error(200, json!({ "ok": true })), JobState::Waiting, "JSON instead of a project file"),
        (
            error(500, json!({ "error": { "code": 1, "message": BUILDER_PASSWORD } })),
            JobState::Failed,
            "not shown",
        ),
        (Response::html(503, "<html>"), JobState::Waiting, "does not work at the moment"),
        (Response::html(404, "<html>"), JobState::Failed, "on your own premises"),
        (octets(vec![0; (1 << 20) + 1]), JobState::Failed, "larger than 1 MiB"),
        (octets(vec![]), JobState::Waiting, "empty"),
    ]
    .into_iter()
    .enumerate()
    {
        world.builder.push_fault(fault);
        let id = create(&world, &["third.example", "--fresh"]);
        world.once();
        let job = job(&world, id);
        let reason = job.reason.clone().unwrap_or_default();
        assert!(job.state == want && reason.contains(says), "{number}: {job:?}");
        assert!(!reason.contains(BUILDER_PASSWORD));
        assert_eq!(world.files_of("third.example"), (vec![], vec![]), "{number}");
        assert_eq!(code(&world, &["backup", "stop", &id.to_string()]).0, 0);
        world.once();
        assert!(world.store().job(id).unwrap().unwrap().state.is_final(), "{number}");
    }
}

#[test]
fn what_has_another_owner_when_its_turn_comes_is_not_touched() {
    crate::needs_root!();
    let world = World::start("");
    let id = create(&world, &["third.example"]);
    let store = world.store();
    let third = Domain::new("third.example").unwrap();
    let row = store.current(&third).unwrap();
    store
        .bind(
            &third,
            &panelgate::types::AccountId::new("cpanel", "carol".parse_name(), 7, "9"),
            row.as_ref(),
            panelgate::store::Binding::Plain,
        )
        .unwrap();
    world.once();
    let job = job(&world, id);
    assert_eq!(job.state, JobState::Failed, "{job:?}");
    assert!(job.reason.unwrap().contains("another owner"));
    assert_eq!(world.calls("create-site-backup"), 0);
}

trait ParseName {
    fn parse_name(&self) -> panelgate::types::Username;
}

impl ParseName for str {
    fn parse_name(&self) -> panelgate::types::Username {
        panelgate::types::Username::new(self).unwrap()
    }
}

#[test]
fn killed_at_any_point_a_backup_ends_and_no_half_file_has_a_name() {
    crate::needs_root!();
    for round in 0..8_u64 {
        let world = World::start("");
        world.builder.set_project("third.example", project(4 << 20));
        let id = create(&world, &["third.example"]);
        for attempt in 0..4 {
            let mut child = world.daemon();
            std::thread::sleep(Duration::from_millis(8 + (round * 11 + attempt * 17) % 90));
            child.kill().unwrap();
            child.wait().unwrap();
            for file in world.files_of("third.example").0 {
                assert_eq!(std::fs::metadata(file).unwrap().len(), 4 << 20);
            }
        }
        world.once();
        assert_eq!(job(&world, id).state, JobState::Done, "{:?}", job(&world, id));
        let (files, parts) = world.files_of("third.example");
        assert!(!files.is_empty() && parts.is_empty());
        assert!(std::fs::read(&files[0]).unwrap() == project(4 << 20));
    }
}

#[test]
fn old_ones_go_and_the_last_good_one_stays() {
    crate::needs_root!();
    let world = World::start("[backup]\nkeep = 2\nevery = 1d");
    for _ in 0..4 {
        create(&world, &["third.example", "--fresh"]);
        world.once();
    }
    assert_eq!(world.files_of("third.example").0.len(), 2);
    assert_eq!(code(&world, &["backup", "prune", "--keep", "0"]).0, 0);
    assert_eq!(world.files_of("third.example").0.len(), 1);
    // shop.example was never backed up, the other one just now.
    let due = json_of(&world, &["backup", "create", "--due", "--json"]);
    let subjects: Vec<&str> =
        due.as_array().unwrap().iter().map(|job| job["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["site shop.example"]);
    world.once();
    assert_eq!(json_of(&world, &["backup", "create", "--due", "--json"]), json!([]));
    let all = json_of(&world, &["backup", "create", "--all", "--fresh", "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[test]
fn a_restore_asks_and_works_from_the_builders_directory_only_where_it_is_allowed() {
    crate::needs_root!();
    let world = World::start("");
    let directory = world.dir.path().join("on-the-builder");
    std::fs::create_dir(&directory).unwrap();
    world.configure(&format!("[backup]\nbuilder_directory = {}\nrestore = directory", directory.display()));
    create(&world, &["third.example", "--to", "builder"]);
    world.once();
    let name = "third.example_project.sitebuilder";
    assert_eq!(std::fs::read(directory.join(name)).unwrap(), b"a third project");
    world.builder.set_project("third.example", b"spoilt".to_vec());
    let restore = ["backup", "restore", "third.example", "--name", name];
    let (exit, text) = code(&world, &restore);
    assert!(exit == 2 && text.contains("is overwritten with the backup"), "{exit} {text}");
    let (exit, text) = code(&world, &[&restore[..], &["--yes"]].concat());
    assert_eq!(exit, 0, "{text}");
    assert_eq!(world.builder.project("third.example").unwrap(), b"spoilt", "never by itself");
    world.once();
    assert_eq!(world.builder.project("third.example").unwrap(), b"a third project");
}

#[test]
fn a_file_can_be_taken_over_and_a_job_stopped() {
    crate::needs_root!();
    let world = World::start("");
    let file = world.dir.path().join("from-elsewhere");
    std::fs::write(&file, b"from elsewhere").unwrap();
    let import = ["backup", "import", "third.example", "--file", file.to_str().unwrap()];
    assert_eq!(code(&world, &import).0, 0);
    world.once();
    let list = json_of(&world, &["backup", "list", "third.example", "--json"]);
    assert_eq!(list[0]["size"], 14);
    assert_eq!(code(&world, &["backup", "import", "third.example", "--file", "/no/such"]).0, 2);
    let link = world.dir.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(code(&world, &["backup", "import", "third.example", "--file", link.to_str().unwrap()]).0, 2);

    world
        .builder
        .set_project(world.store().current(&shop()).unwrap().unwrap().key.as_str(), project(24 << 20));
    let id = create(&world, &["shop.example"]);
    let mut child = world.daemon();
    wait("it runs", || job(&world, id).percent.is_some());
    assert_eq!(code(&world, &["backup", "stop", &id.to_string()]).0, 0);
    wait("it has ended", || job(&world, id).state.is_final());
    child.kill().unwrap();
    child.wait().unwrap();
    let state = job(&world, id).state;
    assert!(matches!(state, JobState::Cancelled | JobState::Done), "{state:?}");
    assert_eq!(code(&world, &["backup", "stop", "99"]).0, 83);
    for what in ["retry", "cancel"] {
        let (exit, text) = code(&world, &["jobs", what, "99"]);
        assert!(exit == 89 && text.contains("[job-not-found]"), "{exit} {text}");
    }
}
