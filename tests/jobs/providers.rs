//! Plesk and Installatron from the command line to the job's end, as stand-ins over TLS.

use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;
use panelgate::sandbox::tree_plesk::write_plesk_tree;
use panelgate::store::{Job, JobState};
use panelgate::sys::users::User;
use serde_json::Value;

use crate::standins::installatron::{self, DB_PASS, Installatron, Product};
use crate::standins::plesk::{Behaviour, End, KEY, Plesk};
use crate::world::{World, shop, signal, wait};

/// A Plesk server whose backups are made by the stand-in.
fn plesk_world(plesk: &Plesk) -> World {
    let world = World::start("");
    let root = world.dir.path().join("plesk");
    let user =
        User { name: "bob".into(), uid: 20_001, gid: 20_001, home: "/var/www/vhosts/shop.example".into() };
    write_plesk_tree(&root, &user, &[TreeSite::new(shop(), SiteKind::Main, "httpdocs")]).unwrap();
    world.configure_panel("plesk", "plesk", &format!("{}key = {KEY}\n", plesk.settings()));
    world
}

fn ordered(world: &World, arguments: &[&str]) -> u64 {
    let output = world.run(&[&["backup", "create", "--fresh", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let jobs: Value = serde_json::from_slice(&output.stdout).unwrap();
    jobs[0]["id"].as_u64().unwrap()
}

fn job(world: &World, id: u64) -> Job {
    world.store().job(id).unwrap().unwrap()
}

fn order(world: &World, arguments: &[&str]) -> Job {
    let id = ordered(world, arguments);
    world.once();
    job(world, id)
}

/// No file of the store has it.
fn assert_not_stored(world: &World, secret: &str) {
    for entry in std::fs::read_dir(world.dir.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn a_subscription_is_backed_up_by_the_xml_api_listed_and_fetched() {
    let plesk = Plesk::start(Behaviour { looks: 1, ..Behaviour::default() });
    let world = plesk_world(&plesk);
    let done = order(&world, &["--account", "bob", "--scope", "hosting"]);
    assert_eq!((done.state, done.lane.as_str()), (JobState::Done, "plesk-xml"), "{done:?}");
    let list = world.run(&["backup", "list", "--account", "bob", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let entry = list[0]["id"].as_str().unwrap().to_owned();
    let to = world.dir.path().join("fetched.xml");
    let fetched = world.run(&["backup", "download", "--account", "bob", "--to", to.to_str().unwrap()]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    assert!(std::fs::read(&to).unwrap() == plesk.state.lock().unwrap().stored[0].content);
    let restored = world.run(&["backup", "restore", "--account", "bob", "--name", &entry, "--yes"]);
    assert!(
        String::from_utf8_lossy(&restored.stderr).contains("plesk-xml cannot restore backups"),
        "{restored:?}"
    );
    plesk.behave(|behaviour| behaviour.end = End::Failed);
    let failed = order(&world, &["--account", "bob"]);
    assert_eq!(failed.state, JobState::Failed, "{failed:?}");
    assert_not_stored(&world, KEY);
}

#[test]
fn a_plesk_of_today_takes_the_other_way() {
    let plesk = Plesk::start(Behaviour { obsidian: true, ..Behaviour::default() });
    let world = plesk_world(&plesk);
    let done = order(&world, &["--account", "bob"]);
    assert_eq!((done.state, done.lane.as_str()), (JobState::Done, "plesk-cli"), "{done:?}");
    let runs = plesk.state.lock().unwrap().runs.clone();
    assert_eq!(runs.last().unwrap()["params"][1], "shop.example");
    let refused = world.run(&["backup", "create", "--account", "bob", "--scope", "mail"]);
    assert!(
        String::from_utf8_lossy(&refused.stderr)
            .contains("plesk-cli cannot make a backup with the scope mail")
    );
}

#[test]
fn a_run_goes_on_when_the_program_that_runs_jobs_is_killed() {
    let plesk = Plesk::start(Behaviour { looks: 1_000_000, ..Behaviour::default() });
    let world = plesk_world(&plesk);
    let id = ordered(&world, &["--account", "bob"]);
    let mut daemon = world.daemon();
    wait("the task", || plesk.state.lock().unwrap().tasks.first().is_some_and(|task| task.looks > 1));
    signal(&daemon, "-KILL");
    daemon.wait().unwrap();
    plesk.behave(|behaviour| behaviour.looks = 1);
    world.once();
    assert_eq!(job(&world, id).state, JobState::Done, "{:?}", job(&world, id));
    assert_eq!(plesk.state.lock().unwrap().tasks.len(), 1, "it is followed, not begun again");
}

#[test]
fn an_application_is_backed_up_listed_and_restored_by_installatron() {
    let server = Installatron::start(Product::Server);
    server.with(|state| {
        state.installs =
            ["shop.example", "third.example"].map(|domain| installatron::install("bob", domain)).into();
        state.now = 4_000_000_000;
    });
    let world = World::start(&format!("{}way = server\nkey = {}\n", server.settings(), installatron::KEY));
    let site = ["shop.example", "--account", "bob", "--scope", "hosting"];
    let done = order(&world, &site);
    assert_eq!((done.state, done.lane.as_str()), (JobState::Done, "installatron"), "{done:?}");
    assert_eq!(server.with(|state| state.backups.len()), 1, "that of the one site");
    let list = world.run(&[&["backup", "list", "--json"], &site[..]].concat());
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let entry = list[0]["id"].as_str().unwrap();
    let restore =
        world.run(&["backup", "restore", "shop.example", "--name", entry, "--scope", "hosting", "--yes"]);
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    world.once();
    let restored =
        server.with(|state| state.heard.iter().filter(|heard| heard.target.ends_with("/restore")).count());
    assert_eq!(restored, 2, "tried, then done");
    for secret in [installatron::KEY, DB_PASS] {
        assert_not_stored(&world, secret);
    }
    let remove = ["backup", "remove", "shop.example", "--name", entry, "--scope", "hosting"];
    let refused = world.run(&remove);
    assert_eq!(refused.status.code(), Some(2), "nobody said yes: {refused:?}");
    assert_eq!(server.with(|state| state.backups.len()), 1);
    assert!(world.run(&[&remove[..], &["--yes"]].concat()).status.success());
    assert_eq!(server.with(|state| state.backups.len()), 0);
}

#[test]
fn archives_that_lie_in_the_location_are_taken_in_by_installatron() {
    let server = Installatron::start(Product::Server);
    let world = World::start(&format!("{}way = server\nkey = {}\n", server.settings(), installatron::KEY));
    let import = || {
        let arguments = [
            "backup",
            "import",
            "shop.example",
            "--account",
            "bob",
            "--scope",
            "hosting",
            "--stored",
            "--json",
        ];
        let output = world.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let jobs: Value = serde_json::from_slice(&output.stdout).unwrap();
        world.once();
        job(&world, jobs[0]["id"].as_u64().unwrap())
    };
    let nothing = import();
    assert!(nothing.reason.as_ref().unwrap().contains("invalid_argument_bkloc_empty"), "{nothing:?}");
    assert_eq!(nothing.state, JobState::Failed);
    server.with(|state| {
        state.backups = vec![installatron::backup(1, "bob", "shop.example", 1_700_000_000)];
        state.lying = vec![installatron::backup(2, "bob", "third.example", 1_800_000_000)];
    });
    let result = |done: Job| -> Value {
        assert_eq!(done.state, JobState::Done, "{done:?}");
        serde_json::from_str(done.result.as_deref().unwrap()).unwrap()
    };
    let taken = result(import());
    assert_eq!(taken["files"].as_array().unwrap().len(), 1, "that which was new: {taken}");
    assert_eq!(taken["files"][0]["name"], "app_third-example_My-blog_2.tar.gz");
    let again = result(import());
    assert!(again["files"] == serde_json::json!([]) && again["warnings"][0].is_string(), "{again}");
    let sent = server.with(|state| {
        let imports = state.heard.iter().filter(|heard| heard.target == "/backups/import");
        imports.map(|heard| serde_json::from_slice(&heard.body).unwrap()).collect::<Vec<Value>>()
    });
    // The values are tried first.
    assert_eq!(sent[0], serde_json::json!({ "user": "bob", "dryrun": "input" }));
    assert_eq!(sent[1], serde_json::json!({ "user": "bob" }));
    let file =
        world.run(&["backup", "import", "shop.example", "--scope", "hosting", "--file", "/etc/hostname"]);
    assert!(String::from_utf8_lossy(&file.stderr).contains("--stored"), "{file:?}");
}
