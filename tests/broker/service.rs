//! What systemd does with the broker.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::common::wait_for;
use crate::needs_root;
use crate::world::{A, World};

#[test]
fn it_takes_the_socket_of_the_service_manager() {
    needs_root!();
    let mut world = World::start();
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));
    std::fs::remove_file(world.socket()).unwrap();
    let mut activator = Command::new("systemd-socket-activate")
        .arg("-l")
        .arg(world.socket())
        .arg(world.path("panelgate"))
        .arg("--config")
        .arg(world.path("etc/panelgate.ini"))
        .args(["--socket", "/nonexistent/s", "broker"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the socket", || world.socket().exists());
    crate::common::chmod(&world.socket(), 0o666);
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
    // systemd-socket-activate has become the broker.
    assert!(Command::new("kill").arg(activator.id().to_string()).status().unwrap().success());
    assert_eq!(activator.wait().unwrap().code(), Some(0));
}

#[test]
fn it_tells_the_service_manager_how_it_is() {
    needs_root!();
    let mut world = World::start();
    world.signal("-TERM");
    world.broker_ends();
    let notices = world.path("notify");
    let socket = UnixDatagram::bind(&notices).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let next = |want: &str| {
        let mut buffer = [0; 200];
        loop {
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {want}: {error}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with(want) {
                return text;
            }
            assert!(text == "WATCHDOG=1" || text == "READY=1", "{text} instead of {want}");
        }
    };
    let mut broker =
        world.broker_command().env("NOTIFY_SOCKET", &notices).env("WATCHDOG_USEC", "400000").spawn().unwrap();
    next("READY=1");
    next("WATCHDOG=1");
    next("WATCHDOG=1");
    let signal =
        |signal: &str| Command::new("kill").args([signal, &broker.id().to_string()]).status().unwrap();
    signal("-HUP");
    assert!(next("RELOADING=1").contains("MONOTONIC_USEC="));
    next("READY=1");
    signal("-TERM");
    next("STOPPING=1");
    assert_eq!(broker.wait().unwrap().code(), Some(0));
}

#[test]
fn two_brokers_do_not_share_a_socket() {
    needs_root!();
    let world = World::start();
    let second = world.broker_command().output().unwrap();
    assert_eq!(second.status.code(), Some(3));
    assert!(world.log().contains("a broker is running there already"), "{}", world.log());
    assert_eq!(world.ask(A, "open", json!({ "site": "a.example" })).0, "ok");
}

#[test]
fn the_units_are_right_and_leave_little_exposed() {
    let units = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/systemd");
    let dir = tempfile::tempdir().unwrap();
    // The program that the unit names is not installed here.
    let names = [
        "panelgate.service",
        "panelgate.socket",
        "panelgate-jobs.service",
        "panelgate-backup.service",
        "panelgate-backup.timer",
        "panelgate-reconcile.service",
        "panelgate-reconcile.timer",
    ];
    for name in names {
        let text = std::fs::read_to_string(format!("{units}/{name}")).unwrap();
        let text = text.replace("/usr/bin/panelgate", "/bin/true");
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let files = names.map(|name| dir.path().join(name));
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).output().unwrap();
    let complaints = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && complaints.is_empty(), "{complaints}");
    let security = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=24", "--no-pager"])
        .arg(&files[0])
        .output()
        .unwrap();
    assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
}
