//! Who and what is refused, before a worker has anything to do with it.

use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{Access, Account, World, exchange, get, put, request};

#[test]
fn only_the_credentials_of_the_site_open_it() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let (a, b) = (world.access(&world.a), world.access(&world.b));
    for (name, access) in [
        ("no password", Access { password: String::new(), ..a.clone() }),
        ("another's password", Access { password: b.password.clone(), ..a.clone() }),
        ("another's name and password", Access { path: a.path.clone(), ..b.clone() }),
        ("another's name", Access { username: b.username.clone(), ..a.clone() }),
        ("an unknown site", Access { path: format!("/panelgate/{}/", "0".repeat(40)), ..a.clone() }),
        ("half a token", Access { path: a.path[..a.path.len() - 2].to_owned() + "/", ..a.clone() }),
        ("no token", Access { path: "/panelgate/".into(), ..a.clone() }),
    ] {
        let answer = put(server.port, &access, "x", b"x");
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
        assert!(answer.head.contains("WWW-Authenticate: Basic "), "{name}: {answer:?}");
    }
    let plain = format!("GET {}?list=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", a.path);
    assert_eq!(exchange(server.port, plain.as_bytes()).status, 401);
    assert!(world.a.names().is_empty() && world.b.names().is_empty());
    assert_eq!(put(server.port, &a, "x", b"of a").status, 200);
    assert_eq!((world.a.read("x").as_deref(), world.b.read("x")), (Some("of a"), None));
    // Slashes more or less are the same address.
    let doubled = Access { path: a.path.replacen("/panelgate/", "/panelgate//", 1), ..a.clone() };
    assert_eq!(get(server.port, &doubled, "/?list=1").body, r#"[{"name":"x","isDir":false,"size":4}]"#);
}

#[test]
fn requests_that_mean_nothing_are_refused() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.a);
    for (method, path, body, want) in [
        ("GET", "x", None, 403),
        ("GET", "", None, 403),
        ("GET", "x?delete=0", None, 403),
        ("GET", "x?delete=1&list=1", None, 403),
        ("GET", "x?delete=1&LIST=1&delete=1", None, 200),
        ("GET", "x?DELETE=true", None, 200),
        ("POST", "x?delete=1", Some(&b""[..]), 403),
        ("PUT", "x", Some(b"x"), 405),
        ("DELETE", "x", None, 405),
        ("POST", "", Some(b"x"), 403),
        ("POST", "a%5cb", Some(b"x"), 403),
        ("POST", "a%01b", Some(b"x"), 403),
        ("POST", ".panelgate/x", Some(b"x"), 403),
        ("GET", ".panelgate?list=1", None, 403),
        ("GET", "?delete=1", None, 403),
    ] {
        let answer = request(server.port, &access, method, path, body);
        assert_eq!(answer.status, want, "{method} {path}: {answer:?}");
        assert!(answer.head.contains("Cache-Control: no-store"), "{method} {path}: {answer:?}");
        assert_eq!(answer.head.contains("Allow: GET, POST"), want == 405, "{method} {path}");
        assert!(!answer.body.contains("/home"), "{answer:?}");
    }
    let long = format!("{}x", "a".repeat(255));
    assert_eq!(put(server.port, &access, &long, b"x").status, 403);
    assert_eq!(put(server.port, &access, &"a/".repeat(1000), b"x").status, 403);
    // A prefetch changes nothing; neither does a body without its length.
    let head = format!("{}Host: x\r\nConnection: close\r\n", access.header());
    let prefetch = format!("GET {}x?mkDir=1 HTTP/1.1\r\n{head}Sec-Purpose: prefetch\r\n\r\n", access.path);
    assert_eq!(exchange(server.port, prefetch.as_bytes()).status, 403);
    let chunked = format!(
        "POST {}x HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        access.path
    );
    let answer = exchange(server.port, chunked.as_bytes());
    assert_eq!(answer.status, 411, "{answer:?}");
    assert!(answer.body.contains("how large"), "{answer:?}");
    assert!(world.a.names().is_empty(), "{:?}", world.a.names());
}

#[test]
fn what_the_panel_says_at_that_moment_counts() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgi, &world);
    let access = world.access(&world.a);
    assert_eq!(put(server.port, &access, "x", b"x").status, 200);
    for more in ["suspended = yes", "demo = yes", "builder = no", "created = later"] {
        world.write_account(&world.a, more);
        let answer = put(server.port, &access, "y", b"y");
        assert_eq!(answer.status, 403, "{more}: {answer:?}");
    }
    world.write_account(&world.a, "");
    assert_eq!(put(server.port, &access, "y", b"y").status, 200);
    // The site goes to somebody else.
    let file = |account: &Account| world.path(&format!("accounts.d/{}.ini", account.user.name));
    let old = std::fs::read_to_string(file(&world.a)).unwrap();
    std::fs::write(file(&world.a), old.replace(&world.a.site, "other.example")).unwrap();
    assert_eq!(put(server.port, &access, "z", b"z").status, 404);
    std::fs::remove_file(file(&world.a)).unwrap();
    assert_eq!(put(server.port, &access, "z", b"z").status, 403);
    assert_eq!(world.a.read("z"), None);
}

#[test]
fn other_addresses_than_the_builders_can_be_kept_out() {
    needs_root!();
    let world = World::with("sources = 203.0.113.0/24, 2001:db8::/32");
    let server = Server::start(Kind::Nginx, &world);
    let access = world.access(&world.a);
    assert_eq!(put(server.port, &access, "x", b"x").status, 403);
    let told = "a publication request from 127.0.0.1, which is not among [publish] sources";
    crate::common::wait_for("the log", || world.log().contains(told));
    world.configure("sources = 203.0.113.0/24, 127.0.0.0/8");
    world.signal("-HUP");
    crate::common::wait_for("the new configuration", || put(server.port, &access, "x", b"x").status == 200);
}

#[test]
fn a_site_that_is_published_another_way_has_no_endpoint() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let access = world.access(&world.a);
    assert_eq!(put(server.port, &access, "x", b"x").status, 200);
    world.configure("type = local");
    world.signal("-HUP");
    crate::common::wait_for("the new configuration", || put(server.port, &access, "x", b"x").status == 403);
    assert_eq!(put(server.port, &access, "x", b"y").status, 403);
    let told = "is published by type local, and not through the endpoint";
    crate::common::wait_for("the log", || world.log().contains(told));
    // The worker that was there is told to end by the next look at it.
    crate::common::wait_for("the worker's end", || world.workers(&world.a).is_empty());
    assert_eq!(world.a.read("x").as_deref(), Some("x"));
}

#[test]
fn a_revocation_ends_password_and_worker_at_once() {
    needs_root!();
    let world = World::start();
    let server = Server::start(Kind::ModCgid, &world);
    let before = world.access(&world.a);
    assert_eq!(put(server.port, &before, "x", b"x").status, 200);
    assert_eq!(world.workers(&world.a).len(), 1);
    world.remote().call("revoke", None, &serde_json::json!({ "site": world.a.site })).unwrap();
    assert!(world.workers(&world.a).is_empty(), "the worker is gone when revoke has answered");
    assert_eq!(put(server.port, &before, "x", b"y").status, 401);
    let after = world.access(&world.a);
    assert_ne!(after.password, before.password);
    assert_eq!(put(server.port, &after, "x", b"z").status, 200);
    assert_eq!(world.a.read("x").as_deref(), Some("z"));
    // Suspended by the panel, which tells nobody: the worker ends by itself, within seconds.
    world.write_account(&world.a, "suspended = yes");
    crate::common::wait_for("the worker's end", || world.workers(&world.a).is_empty());
    crate::common::wait_for("the log", || world.log().contains("was stopped"));
}
