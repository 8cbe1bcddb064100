//! What hooks are told, and what is kept of it.

use serde_json::{Value, json};

use crate::needs_root;
use crate::world::World;

const SECRET: &str = "hunter2-Secret-Pa55word";

fn bytes_below(path: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(bytes_below(&path)) } else { all.extend(std::fs::read(&path).unwrap()) }
    }
    all
}

#[test]
fn every_payload_is_answered_and_no_password_is_kept() {
    needs_root!();
    let world = World::start();
    world.open("alice", "shop.example");
    let cpanel = |event: &str, data: Value| {
        json!({ "context": { "category": "Whostmgr", "event": event, "stage": "post" }, "data": data, "hook": {} })
            .to_string()
            .into_bytes()
    };
    let large = vec![b'{'; (1 << 20) + 1];
    let payloads: Vec<(&str, Vec<u8>, i32)> = vec![
        ("cpanel", cpanel("Accounts::Create", json!({ "user": "alice", "pass": SECRET })), 0),
        (
            "cpanel",
            cpanel("Accounts::suspendacct", json!({ "args": { "user": "alice", "reason": SECRET } })),
            0,
        ),
        (
            "cpanel",
            json!({ "context": { "category": "Passwd", "event": "ChangePasswd", "stage": "post" },
            "data": { "user": "alice", "new_password": SECRET } })
            .to_string()
            .into_bytes(),
            0,
        ),
        ("cpanel", cpanel("Accounts::Remove", json!({ "user": SECRET.replace('-', " ") })), 2),
        ("cpanel", Vec::new(), 0),
        ("cpanel", b"\xff\xfe".to_vec(), 2),
        ("cpanel", large, 2),
        ("directadmin/user_suspend_post", format!("username=alice\0passwd={SECRET}\0").into_bytes(), 0),
        ("directadmin/domain_destroy_post", b"username=alice\0domain=shop.example\0".to_vec(), 0),
        (
            "plesk/domain_delete",
            format!("OLD_DOMAIN_NAME=shop.example\0OLD_SYSTEM_USER_PASSWORD={SECRET}\0").into_bytes(),
            0,
        ),
        (
            "plesk/site_update",
            json!({ "old": { "Domain Name": "shop.example", "password": SECRET } }).to_string().into_bytes(),
            0,
        ),
        ("plain", json!({ "event": "plan", "account": "nobody" }).to_string().into_bytes(), 0),
        ("nowhere", b"{}".to_vec(), 2),
    ];
    for (source, payload, code) in payloads {
        let output = world.pipe(source, &payload);
        let place =
            format!("{source} {:?}: {output:?}", String::from_utf8_lossy(&payload[..payload.len().min(60)]));
        assert_eq!(output.status.code(), Some(code), "{place}");
        let answer: Value = serde_json::from_slice(&output.stdout).expect(&place);
        if code == 0 {
            assert!(answer["job"].is_u64() != answer["ignored"].is_string(), "{place}");
        }
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains(SECRET), "{place}");
    }
    world.once();
    let kept = bytes_below(&world.path("state"));
    assert!(!kept.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
}

#[test]
fn one_who_is_not_root_tells_nothing_of_others() {
    needs_root!();
    let world = World::start();
    world.open("alice", "shop.example");
    // Without a configuration of one's own there is only the broker, and here is none.
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=2001", "--regid=2001", "--clear-groups", env!("CARGO_BIN_EXE_panelgate")])
        .args(["--config"])
        .arg(world.config())
        .args(["event", "plain", "--event", "remove", "--account", "alice"])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    assert!(world.jobs("sync-site").is_empty());
}
