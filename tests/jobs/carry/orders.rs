//! Backups that somebody orders: by whom, and of what.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::common::{chmod, wait_for};
use crate::needs_root;

use super::run;
use super::world::{CarryWorld, Running};

/// A broker, and the program as every user may run it.
#[test]
fn the_json_of_an_order_is_the_same_for_root_and_for_the_account() {
    needs_root!();
    let world = CarryWorld::start("");
    let program = world.path("panelgate");
    run(Command::new("cp").arg(env!("CARGO_BIN_EXE_panelgate")).arg(&program));
    let socket = world.path("broker.sock");
    let mut broker = world.command(&[]);
    broker.arg("--socket").arg(&socket).arg("broker").stdout(Stdio::null()).stderr(Stdio::null());
    let _broker = Running(broker.spawn().unwrap());
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
