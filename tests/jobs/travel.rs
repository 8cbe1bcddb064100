//! Projects that travel with the panel's own backups, from the builder through a home and back.

use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use panelgate::store::JobState;
use panelgate::types::Username;
use serde_json::{Value, json};

use crate::common::{chmod, wait_for};
use crate::needs_root;
use crate::travel_world::{Account, Travel, mode};

/// Runs a program that must succeed.
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn first<'a>(attached: &'a Value, state: &str) -> &'a Value {
    let site = &attached["sites"][0];
    assert_eq!(site["state"], state, "{attached}");
    site
}

/// The panel's backup of a home, and its restore.
fn pack(world: &Travel, account: &Account) -> std::path::PathBuf {
    let archive = world.path("home.tar");
    run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(account.home()).arg("."));
    archive
}

fn unpack(archive: &Path, account: &Account) {
    run(Command::new("tar").arg("-xpf").arg(archive).arg("-C").arg(account.home()));
}

#[test]
fn a_project_goes_with_the_panels_backup_and_comes_back() {
    needs_root!();
    let world = Travel::start("carry = yes");
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
    assert!(exit == 4 && text.contains("confirm"), "{exit} {text}");
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
    let world = Travel::start("");
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
    let world = Travel::start("carry = yes\ncarry_age = 1s");
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
    let world = Travel::start("carry = yes");
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
    let world = Travel::start("carry = yes");
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
    let world = Travel::start("carry = yes\nlargest = 2M");
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
    let world = Travel::start("carry = yes");
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

#[test]
fn an_end_that_comes_while_projects_are_still_put_there_leaves_nothing() {
    needs_root!();
    let world = Travel::start("carry = yes");
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

#[test]
fn a_home_without_room_is_left_as_it_is() {
    needs_root!();
    let world = Travel::start("carry = yes");
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
    let world = Travel::start("carry = yes");
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
fn a_staging_directory_is_used_where_it_is_the_accounts() {
    needs_root!();
    let world = Travel::start("carry = yes");
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
    let world = Travel::start("carry = yes");
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
    let world = Travel::start("carry = yes");
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

/// A broker, and the program as every user may run it.
#[test]
fn the_json_of_an_order_is_the_same_for_root_and_for_the_account() {
    use std::os::unix::process::CommandExt;
    needs_root!();
    let world = Travel::start("");
    let program = world.path("panelgate");
    run(Command::new("cp").arg(env!("CARGO_BIN_EXE_panelgate")).arg(&program));
    let socket = world.path("broker.sock");
    let mut broker = world.command(&[]);
    broker.arg("--socket").arg(&socket).arg("broker").stdout(Stdio::null()).stderr(Stdio::null());
    let _broker = crate::travel_world::Running(broker.spawn().unwrap());
    wait_for("the broker", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let alice = &world.alice;
    let own = |more: &[&str]| -> Value {
        let mut command = Command::new(&program);
        command.arg("--socket").arg(&socket).args(["backup", "create", &alice.site, "--json"]).args(more);
        let output = command.uid(alice.user.uid).gid(alice.user.gid).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let roots = |more: &[&str]| world.json(&[&["backup", "create", &alice.site], more].concat());
    let (first, second) = (roots(&[]), own(&[]));
    assert_eq!((&first[0]["id"], &first[0]["subject"]), (&second[0]["id"], &second[0]["subject"]));
    let keys = |value: &Value| value[0].as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    assert_eq!(keys(&first), keys(&second));
    assert_eq!((&first[0]["joined"], &second[0]["joined"]), (&json!(false), &json!(true)));
    let _jobs = world.jobs();
    let (first, second) = (roots(&["--wait"]), own(&["--wait"]));
    assert_eq!(keys(&first), keys(&second));
    for key in ["id", "kind", "lane", "subject", "site", "state", "percent", "queued"] {
        assert_eq!(first[0][key], second[0][key], "{key}: {first} {second}");
    }
}

#[test]
fn a_backup_that_panelgate_orders_from_the_panel_takes_the_projects_along() {
    needs_root!();
    let world = crate::world::World::start("[backup]\ncarry = yes");
    let home = world.dir.path().join("root/home/bob");
    std::fs::create_dir_all(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(20_001), Some(20_001)).unwrap();
    chmod(world.dir.path(), 0o711);
    let program = world.dir.path().join("root/usr/local/cpanel/scripts/pkgacct");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    let script = format!("#!/bin/sh\nexec tar -czf \"$2/cpmove-$1.tar.gz\" -C {} .\n", home.display());
    std::fs::write(&program, script).unwrap();
    chmod(&program, 0o755);
    assert!(world.run(&["backup", "create", "--account", "bob", "--to", "directory"]).status.success());
    world.once();
    let (files, parts) = world.files_of("account-.bob");
    assert_eq!((files.len(), parts.len()), (1, 0));
    let mut tar = Command::new("tar");
    tar.arg("-xzOf").arg(&files[0]).arg("./.panelgate/backup/third.example.sitebuilder");
    assert_eq!(tar.output().unwrap().stdout, b"a third project");
    let left = std::fs::read_dir(home.join(".panelgate")).unwrap().count();
    assert_eq!(left, 0, "it is taken away again");
    assert!(world.store().stale_carries(0).unwrap().is_empty());
}
