//! The way of a project that nobody disturbs.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use panelgate::types::Username;
use serde_json::{Value, json};

use crate::common::wait_for;
use crate::needs_root;

use super::world::{CarryWorld, mode};
use super::{first, pack, unpack};

#[test]
fn a_project_goes_with_the_panels_backup_and_comes_back() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    let (alice, jobs) = (&world.alice, world.jobs());
    let attached = world.attach(alice);
    assert_eq!((&attached["carry"], &attached["place"]), (&json!(true), &json!("home")));
    let site = first(&attached, "attached");
    let project = format!("the project of {}", alice.site).into_bytes();
    assert_eq!(
        (&site["site"], &site["size"], &site["note"]),
        (&json!(alice.site), &json!(project.len()), &Value::Null)
    );
    assert_eq!(std::fs::read(alice.project()).unwrap(), project);
    for path in [alice.project(), alice.label()] {
        let facts = std::fs::metadata(&path).unwrap();
        assert_eq!((facts.uid(), facts.gid(), mode(&path)), (alice.user.uid, alice.user.gid, 0o600));
    }
    assert_eq!((mode(&alice.base()), mode(&alice.base().join("backup"))), (0o700, 0o700));
    assert_eq!(world.carried(alice), json!([]), "what goes is not what came back");

    let archive = pack(&world, alice);
    assert_eq!(world.detach(alice), json!({ "account": alice.user.name, "removed": 1, "uses": 0 }));
    assert_eq!(alice.left(), Vec::<String>::new());
    assert_eq!(world.detach(alice)["removed"], 0, "twice is no error");

    unpack(&archive, alice);
    world.builder.set_project(&alice.site, b"a newer project".to_vec());
    let carried = world.carried(alice);
    assert_eq!((carried.as_array().unwrap().len(), &carried[0]["shelf"]), (1, &json!("backup")), "{carried}");
    assert_eq!((&carried[0]["genuine"], &carried[0]["refused"]), (&json!(true), &Value::Null));

    // The next backups of the panel leave it alone.
    for _ in 0..2 {
        first(&world.attach(alice), "attached");
        assert_eq!(world.detach(alice)["removed"], 1);
    }
    let carried = world.carried(alice);
    assert_eq!(
        (carried.as_array().unwrap().len(), &carried[0]["shelf"]),
        (1, &json!("restored")),
        "{carried}"
    );
    drop(jobs);

    let import = ["backup", "import", &alice.site, "--carried"];
    let (exit, text) = world.code(&import);
    assert!(exit == 2 && text.contains("--yes goes on without asking"), "{exit} {text}");
    assert_eq!(world.code(&[&import[..], &["--yes"]].concat()).0, 0);
    assert_eq!(world.code(&["jobs", "--once"]).0, 0);
    let list = world.json(&["backup", "list", &alice.site]);
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    let taken = world.path("taken");
    let name = list[0]["id"].as_str().unwrap();
    let download = ["backup", "download", &alice.site, name, "--to", taken.to_str().unwrap()];
    assert_eq!(world.code(&download).0, 0);
    assert_eq!(std::fs::read(taken).unwrap(), project);
    assert_eq!(world.builder.project(&alice.site).unwrap(), b"a newer project", "nothing restores itself");
    // What was taken in is not what the builder has: it does not travel in its place.
    let attached = world.attach(alice);
    assert_eq!(first(&attached, "attached")["made"], list[1]["made"]);
    world.detach(alice);
}

#[test]
fn it_is_off_unless_it_is_wanted_and_one_may_not_wait_for_the_other() {
    needs_root!();
    let world = CarryWorld::start("");
    let attached = world.attach(&world.alice);
    assert_eq!(
        attached,
        json!({ "account": world.alice.user.name, "carry": false, "place": null, "sites": [] })
    );
    assert_eq!((world.builder.requests().len(), world.alice.base().exists()), (0, false));

    world.configure(&world.builder.api_url(), "carry = yes");
    world.back_up();
    for uses in 1..=2 {
        first(&world.attach(&world.alice), "attached");
        let row = world.store().carry(&Username::new(&world.alice.user.name).unwrap()).unwrap().unwrap();
        assert_eq!(row.uses, uses);
    }
    assert_eq!(
        world.detach(&world.alice),
        json!({ "account": world.alice.user.name, "removed": 0, "uses": 1 })
    );
    assert!(world.alice.project().exists(), "another backup of the panel needs it");
    assert_eq!(world.detach(&world.alice)["removed"], 1);
    assert_eq!(world.alice.left(), Vec::<String>::new());
    assert_eq!(world.code(&["backup", "attach", "nobody1"]).0, 11);
}

#[test]
fn a_builder_that_does_not_answer_means_the_last_good_backup_or_none() {
    needs_root!();
    let world = CarryWorld::start("carry = yes\ncarry_age = 1s");
    // Nobody runs jobs: nothing is waited for.
    let site = first(&world.attach(&world.alice), "none").clone();
    assert!(site["note"].as_str().unwrap().contains("nobody runs jobs"), "{site}");
    assert_eq!(world.detach(&world.alice)["removed"], 0);
    world.back_up();
    let old = world.json(&["backup", "list", &world.alice.site])[0]["made"].clone();
    wait_for("its age", || panelgate::sys::clock::unix_seconds() > old.as_u64().unwrap() + 2);
    // It takes calls, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://127.0.0.1:{}/api/", silent.local_addr().unwrap().port());
    world.configure(&url, "carry = yes\ncarry_age = 1s");
    let jobs = world.jobs();
    let attach = ["backup", "attach", &world.alice.user.name, "--deadline", "2"];
    let attached = world.json(&attach);
    let site = first(&attached, "old");
    assert_eq!((&site["made"], site["note"].is_string()), (&old, true), "{site}");
    assert!(world.alice.project().exists());
    assert_eq!(world.detach(&world.alice)["removed"], 1);
    // A damaged one is as good as none.
    let folder = world.path("state/backups").join(&world.alice.site);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "sitebuilder") {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[0] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let attached = world.json(&["backup", "attach", &world.alice.user.name, "--deadline", "0"]);
    assert!(first(&attached, "none")["note"].as_str().unwrap().contains("damaged"), "{attached}");
    world.detach(&world.alice);
    drop(jobs);
}

#[test]
fn a_staging_directory_is_used_where_it_is_the_accounts() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    world.back_up();
    let alice = &world.alice;
    let staging = alice.home().join("backups/backup");
    std::fs::create_dir_all(&staging).unwrap();
    let with = |what: &str, staging: &Path| {
        world.json(&["backup", what, &alice.user.name, "--staging", staging.to_str().unwrap()])
    };
    // Root's, then the account's.
    let attached = with("attach", &staging);
    assert_eq!(
        (first(&attached, "attached")["state"].clone(), &attached["place"]),
        (json!("attached"), &json!("home"))
    );
    assert_eq!((with("detach", &staging)["removed"].clone(), alice.left()), (json!(1), vec![]));
    alice.own(&alice.home().join("backups"));
    alice.own(&staging);
    assert_eq!(with("attach", &staging)["place"], "staging");
    let project = staging.join(format!("panelgate/backup/{}.sitebuilder", alice.site));
    assert!(project.exists() && !alice.project().exists());
    assert_eq!(with("detach", &staging)["removed"], 1);
    assert!(!project.exists());
    // A link on the way is not followed, one that is gone is no error.
    let link = alice.home().join("link");
    symlink(&staging, &link).unwrap();
    assert_eq!(with("attach", &link)["place"], "home");
    std::fs::remove_dir_all(alice.home().join("backups")).unwrap();
    assert_eq!(with("detach", &staging)["removed"], 1);
}

/// Runs a command; gives the most memory in bytes that it, or a process that it waited for, had at a time.
fn memory_of(command: &Command) -> u64 {
    let script = "import resource, subprocess, sys\nsubprocess.check_call(sys.argv[1:], stdout=subprocess.DEVNULL)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut python = Command::new("python3");
    python.args(["-I", "-c", script]).arg(command.get_program()).args(command.get_args());
    let output = python.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_project_of_200_mb_travels_in_little_memory() {
    needs_root!();
    const SIZE: u64 = 200_000_000;
    const MOST: u64 = 64 << 20;
    let world = CarryWorld::start("carry = yes");
    let alice = &world.alice;
    world.builder.set_large_project(&alice.site, SIZE);
    let jobs = world.jobs();
    let attach = world.command(&["backup", "attach", &alice.user.name, "--deadline", "3600"]);
    let memory = memory_of(&attach);
    assert_eq!(std::fs::metadata(alice.project()).unwrap().len(), SIZE);
    assert!(memory < MOST, "{memory} bytes for attaching");
    let status = std::fs::read_to_string(format!("/proc/{}/status", jobs.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    assert!(peak * 1024 < MOST, "{peak} KiB for the jobs");
    drop(jobs);
    // As it comes back.
    let archive = pack(&world, alice);
    world.detach(alice);
    assert_eq!(alice.left(), Vec::<String>::new());
    unpack(&archive, alice);
    std::fs::remove_file(archive).unwrap();
    assert_eq!(world.code(&["backup", "import", &alice.site, "--carried", "--yes"]).0, 0);
    let memory = memory_of(&world.command(&["jobs", "--once"]));
    assert!(memory < MOST, "{memory} bytes for taking it in");
    let list = world.json(&["backup", "list", &alice.site]);
    assert_eq!(
        (&list[0]["size"], &list[0]["files"][0]["sha256"]),
        (&json!(SIZE), &list[1]["files"][0]["sha256"])
    );
}

#[test]
fn a_hook_in_python_lets_a_project_travel() {
    needs_root!();
    let world = CarryWorld::start("carry = yes");
    world.back_up();
    let alice = &world.alice;
    let library = std::env::current_exe().unwrap().parent().unwrap().join("libpanelgate.so");
    let script = "import json, sys\nsys.path.insert(0, sys.argv[1])\nimport panelgate\n\
                  with panelgate.Library(sys.argv[2]).open(sys.argv[3]) as gate:\n    \
                  print(json.dumps(getattr(gate, sys.argv[4])(sys.argv[5])))";
    let call = |function: &str| -> Value {
        let mut python = Command::new("python3");
        python.args(["-I", "-B", "-c", script, concat!(env!("CARGO_MANIFEST_DIR"), "/panel-hooks")]);
        let output =
            python.arg(&library).arg(world.config()).args([function, &alice.user.name]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    first(&call("backup_attach"), "attached");
    assert!(alice.project().exists());
    assert_eq!(call("backup_detach")["removed"], 1);
    assert_eq!(alice.left(), Vec::<String>::new());
}
