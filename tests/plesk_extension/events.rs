//! What the panel tells of what happens in it: the listener inside the panel, and the event handlers that the extension registers.

use serde_json::{Value, json};

use crate::click::INDEX;
use crate::world::{IDN, MAIN, OF_B, World, frame};

/// Loads the listener as the panel does and tells it of an event.
fn tell(world: &World, action: &str, number: u32, old: Value, new: Value) {
    let file = world.path("psa/admin/plib/modules/panelgate/library/EventListener.php");
    let lines = format!(
        "foreach (spl_autoload_functions() as $loader) {{ spl_autoload_unregister($loader); }}\n\
         interface EventListener {{ public function handleEvent($type, $id, $action, $old, $new); }}\n\
         $listener = require '{}';\n\
         if (!in_array('{action}', $listener->filterActions(), true)) {{ exit(3); }}\n\
         $listener->handleEvent('domain', {number}, '{action}', json_decode('{old}', true), json_decode('{new}', true));\necho 'done';",
        file.display()
    );
    let output = world.script(None, &lines);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text == "done", "{action}: {output:?}");
}

#[test]
fn the_listener_names_the_account_and_nothing_else() {
    crate::needs_root!();
    let mut world = World::start();
    // A slow machine is no reason.
    world.set("/settings/eventTimeout", json!(60_000));
    let answered = frame(r#"{"v":1,"ok":{}}"#);
    let pretender = world.pretend(move |_| answered.clone());
    let mut seen = 0;
    let mut accounts = |world: &World, action: &str, number, old, new| -> Vec<String> {
        tell(world, action, number, old, new);
        let requests = pretender.requests();
        let fresh = requests[seen..].to_vec();
        seen = requests.len();
        for request in &fresh {
            assert_eq!(request["op"], "refresh");
            assert_eq!(request["args"].as_object().unwrap().len(), 1, "{request}");
            assert!(!request.to_string().contains("secret"), "{request}");
        }
        fresh
            .iter()
            .map(|request| {
                request["args"].as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
            })
            .collect()
    };
    let name = |name: &str| json!({ "Domain Name": name, "System User Password": "secret" });
    assert_eq!(accounts(&world, "domain_create", MAIN, json!({}), name("alice.example")), ["pgalice"]);
    assert_eq!(
        accounts(&world, "site_update", IDN, json!({}), json!({ "domain_name": "bücher.example" })),
        ["pgalice"]
    );
    // Gone: only the values know whose it was.
    let old = json!({ "Domain Name": "gone.example", "System User": "pggone" });
    assert_eq!(accounts(&world, "domain_delete", 999, old, json!({})), ["pggone"]);
    assert_eq!(accounts(&world, "domain_delete", 999, json!({}), json!([])), Vec::<String>::new());
    assert_eq!(
        accounts(&world, "site_delete", 999, json!({ "Domain Name": "gone.example" }), json!([])),
        ["gone.example"]
    );
    // A subscription that moved, and a customer with all that is theirs.
    let moved =
        (json!({ "system_user": "pgold" }), json!({ "system_user": "pgbob", "domain_name": "bob.example" }));
    assert_eq!(accounts(&world, "phys_hosting_update", OF_B, moved.0, moved.1), ["pgold", "pgbob"]);
    assert_eq!(
        accounts(&world, "client_status_update", 1, json!({}), json!({ "status": "16" })),
        ["pgalice"]
    );
    assert_eq!(accounts(&world, "client_status_update", 77, json!({}), json!({})), Vec::<String>::new());
    // What cannot be an account's name goes no further.
    let odd = json!({ "system_user": "../root", "domain_name": ["x"] });
    assert_eq!(accounts(&world, "site_delete", 999, odd, json!({})), Vec::<String>::new());
}

/// From the panel's process to the store.
#[test]
fn what_the_listener_says_is_queued() {
    crate::needs_root!();
    let world = World::start();
    world.set("/settings/eventTimeout", json!(60_000));
    let waiting = || -> Value {
        let remote = panelgate::gateway::Remote::new(&world.socket());
        remote.call("status", None, &json!({})).unwrap()["jobs"]["waiting"].clone()
    };
    let event = || tell(&world, "domain_update", MAIN, json!({}), json!({ "Domain Name": "alice.example" }));
    event();
    assert_eq!(waiting(), 0, "nobody has opened it yet: there is nothing that could have changed");
    assert_eq!(world.get("alice", &format!("{INDEX}?site_id={MAIN}")).status, 303);
    event();
    assert_eq!(waiting(), 1);
    event();
    assert_eq!(waiting(), 1, "what waits already is not waited for twice");
}

#[test]
fn the_listener_never_fails_and_never_waits() {
    crate::needs_root!();
    let mut world = World::start();
    let new = || json!({ "Domain Name": "alice.example" });
    // A broker that does not know the operation, none at all, and one that is silent for good: this would not come back.
    tell(&world, "domain_update", MAIN, json!({}), new());
    world.stop_broker();
    tell(&world, "domain_update", MAIN, json!({}), new());
    let pretender = world.pretend(|_| Vec::new());
    tell(&world, "domain_update", MAIN, json!({}), new());
    assert!(pretender.requests().len() <= 1, "it is told once");
    // Where the panel loads the file without its interface, the process goes on.
    let file = world.path("psa/admin/plib/modules/panelgate/library/EventListener.php");
    let output = world.script(None, &format!("var_dump(require '{}');", file.display()));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "NULL\n", "{output:?}");
}

#[test]
fn handlers_come_and_go_with_the_extension_and_no_others_are_touched() {
    crate::needs_root!();
    let world = World::start();
    let command = world.path("event").display().to_string();
    let commands = |world: &World| -> Vec<String> {
        let handlers = world.facts()["handlers"].as_object().unwrap().clone();
        let mut all: Vec<String> =
            handlers.values().map(|handler| handler["command"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let events = ["client_status_update", "domain_create", "domain_delete", "domain_update", "site_update"];
    let mut wanted: Vec<String> = events.iter().map(|event| format!("{command} {event}")).collect();
    wanted.insert(0, "/bin/true".into());
    let said = world.extension_script("post-install.php");
    assert_eq!(commands(&world), wanted, "{said}");
    assert!(!said.contains("Not done"), "{said}");
    let handler = &world.facts()["handlers"]["5"];
    assert_eq!((handler["user"].as_str(), handler["priority"].as_str()), (Some("root"), Some("50")));
    // Again, and after somebody has made a mess: a handler twice, one of an event that is no more, one that is lost.
    assert_eq!(world.extension_script("register.php"), "");
    let twice = json!({ "name": "x", "priority": "50", "user": "root", "command": format!("{command} domain_create") });
    world.set("/handlers/40", twice);
    let old =
        json!({ "name": "x", "priority": "50", "user": "root", "command": format!("{command} no_more") });
    world.set("/handlers/41", old);
    world.set("/handlers/42", json!({ "name": "x", "priority": "0", "user": "root", "command": format!("{command}s domain_create") }));
    let foreign = format!("{command}s domain_create");
    world.extension_script("register.php");
    wanted.push(foreign.clone());
    wanted.sort();
    assert_eq!(commands(&world), wanted);
    world.extension_script("pre-uninstall.php");
    assert_eq!(commands(&world), ["/bin/true".to_owned(), foreign.clone()]);
    // Root's handlers may be locked, the program may not be there: the installation goes on and says so.
    world.set("/root_locked", json!(true));
    let said = world.extension_script("post-install.php");
    assert!(said.contains("Not done: event handler for domain_create"), "{said}");
    world.set("/root_locked", json!(false));
    world.set("/settings/eventCommand", json!("/nonexistent/event"));
    let said = world.extension_script("post-install.php");
    assert!(said.contains("/nonexistent/event is not there"), "{said}");
    world.set("/settings/eventHandlers", json!("off"));
    world.set("/settings/eventCommand", json!(command));
    world.extension_script("post-install.php");
    assert_eq!(commands(&world), ["/bin/true".to_owned(), foreign]);
    world.set("/settings/socket", json!("/nonexistent/broker.sock"));
    assert!(world.extension_script("post-install.php").contains("install the package panelgate"));
}

#[test]
fn the_administrators_page_shows_what_is_and_is_nobody_elses() {
    crate::needs_root!();
    const ADMIN: &str = "/modules/panelgate/index.php/admin/index";
    const DOCTOR: &str = "/modules/panelgate/index.php/admin/doctor";
    let mut world = World::start();
    let page = world.get("admin", ADMIN);
    assert_eq!(page.status, 200, "{page:?}");
    assert!(
        page.body.contains(env!("CARGO_PKG_VERSION")) && page.body.contains("panelgate doctor"),
        "{page:?}"
    );
    assert!(page.body.contains("<dd><bdi dir=\"ltr\">plesk</bdi></dd>"), "{page:?}");
    assert!(page.body.contains("The panel reports events") && page.body.contains("Please look"), "{page:?}");
    world.extension_script("register.php");
    let page = world.get("admin", ADMIN);
    assert!(page.body.contains("<bdi dir=\"ltr\">5</bdi>"), "five handlers: {page:?}");
    // The examination; a broker that is making one already is asked again.
    let mut page = world.get("admin", DOCTOR);
    crate::common::wait_for("the examination", || {
        page = world.get("admin", DOCTOR);
        page.status == 200
    });
    assert!(page.body.contains("configuration-file") && page.body.contains("In order"), "{page:?}");
    assert_eq!(world.get("alice", ADMIN).body, "Permission denied (panel)");
    // Even where the panel looked away.
    world.set("/no_access_levels", json!(true));
    for (session, path) in [("alice", ADMIN), ("nobody", ADMIN), ("alice", DOCTOR), ("nobody", DOCTOR)] {
        let page = world.get(session, path);
        assert!(page.status == 403 && page.body.contains("You do not have permission"), "{page:?}");
        assert!(!page.body.contains("Jobs waiting") && !page.body.contains("configuration-file"), "{page:?}");
    }
    world.stop_broker();
    assert_eq!(world.get("admin", DOCTOR).status, 503);
    let page = world.get("admin", ADMIN);
    assert!(page.status == 200 && page.body.contains("systemctl status panelgate.socket"), "{page:?}");
}
