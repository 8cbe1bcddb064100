//! A click on the button, and the list of websites: who gets a session for what.

use serde_json::json;

use crate::common::is_root;
use crate::world::{BARE, IDN, MAIN, OF_B, SUB, SUSPENDED, World};

pub const INDEX: &str = "/modules/panelgate/index.php/index/index";
pub const LIST: &str = "/modules/panelgate/index.php/index/list";
pub const OPEN: &str = "/modules/panelgate/index.php/index/open";

/// The sentence of a kind, as it stands in the page.
pub fn sentence(kind: panelgate::error::ErrorKind) -> String {
    let text = panelgate::web::messages::error(panelgate::web::messages::Language::En, kind);
    text.replace('&', "&amp;").replace('\'', "&#039;")
}

#[test]
fn a_click_opens_what_is_the_visitors_and_nothing_else() {
    crate::needs_root!();
    use panelgate::error::ErrorKind::{
        BadRequest, Forbidden, Prefetch, SiteNotFound, SiteWithoutHosting, Suspended,
    };
    let world = World::start();
    // Main, additional (which names no system user itself) and subdomain; by both names of the number.
    for (number, name) in
        [(MAIN, "alice.example"), (IDN, "xn--bcher-kva.example"), (SUB, "blog.alice.example")]
    {
        for key in ["site_id", "dom_id"] {
            let before = world.sessions();
            let page = world.get("alice", &format!("{INDEX}?{key}={number}"));
            assert_eq!(page.status, 303, "{name}: {page:?}");
            assert!(page.location.starts_with("https://"), "{page:?}");
            assert_eq!((page.cache.as_str(), page.referrer.as_str()), ("no-store", "no-referrer"));
            assert_eq!(page.body, "");
            assert_eq!(world.sessions(), before + 1);
        }
    }
    let calls = world.builder.requests().len();
    let refused = |session: &str, path: &str, status: u16, kind| {
        let page = world.get(session, path);
        assert_eq!(page.status, status, "{session} {path}: {page:?}");
        assert!(page.body.contains(&sentence(kind)), "{session} {path}: {}", page.body);
        let reference = page.body.split("<dd><bdi dir=\"ltr\">").nth(1).unwrap()[..9].to_owned();
        assert!(world.panel_log().contains(&reference), "{reference} is not in the log");
        page.body.replace(&reference, "")
    };
    let index = |number: u32| format!("{INDEX}?site_id={number}");
    let foreign = refused("alice", &index(OF_B), 404, SiteNotFound);
    let missing = refused("alice", &index(999), 404, SiteNotFound);
    assert_eq!(foreign.replace("=21", "=999"), missing, "who has what is nobody else's business");
    refused("bob", &index(MAIN), 404, SiteNotFound);
    refused("nobody", &index(MAIN), 403, Forbidden);
    refused("", LIST, 403, Forbidden);
    refused("suspended", &index(SUSPENDED), 403, Suspended);
    refused("suspended", LIST, 403, Suspended);
    refused("alice", &index(BARE), 403, SiteWithoutHosting);
    for bad in ["0", "-1", "1e1", "11%20", "011", "99999999999", "x", "%00", "11%0A"] {
        refused("alice", &format!("{INDEX}?site_id={bad}"), 400, BadRequest);
    }
    refused("alice", &format!("{INDEX}?site_id[]=11"), 400, BadRequest);
    for (name, value) in
        [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")]
    {
        let page = world.request("GET", "alice", &index(MAIN), &[(name, value)], None);
        assert!(page.status == 403 && page.body.contains(&sentence(Prefetch)), "{page:?}");
    }
    // A page that only exists to be looked for makes no session; neither does another method.
    assert_eq!(world.request("HEAD", "alice", &index(MAIN), &[], None).status, 200);
    assert_eq!(world.request("PUT", "alice", &index(MAIN), &[], None).status, 405);
    assert_eq!(world.builder.requests().len(), calls, "what is refused never reaches the builder");
    // By name, as people write it: what a long list asks for.
    for (name, address) in
        [("alice.example", 303), ("%20b%C3%BCcher.example", 303), ("bob.example", 404), ("no.example", 404)]
    {
        assert_eq!(world.get("alice", &format!("{INDEX}?site={name}")).status, address, "{name}");
    }
    refused("alice", &format!("{INDEX}?site=a%00b"), 400, BadRequest);
    // The administrator may open everybody's, and is led to their own page otherwise.
    assert_eq!(world.get("admin", &index(OF_B)).status, 303);
    assert!(world.get("admin", INDEX).location.ends_with("/admin/index"));
    assert!(world.get("bob", INDEX).location.starts_with("https://"), "there is nothing to choose");
    let audit = std::fs::read_to_string(world.path("broker.log")).unwrap();
    assert!(audit.contains("opened alice.example of account pgalice"), "{audit}");
}

#[test]
fn the_list_opens_what_it_shows_to_whom_it_was_shown() {
    crate::needs_root!();
    use panelgate::error::ErrorKind::{BadRequest, SiteNotFound, TokenRejected};
    let world = World::start();
    let list = world.get("alice", INDEX);
    assert_eq!((list.status, list.cache.as_str()), (200, "no-store"));
    for wanted in ["bücher.example", "xn--bcher-kva.example", "alice-alias.example", "pgalice", "default"] {
        assert!(list.body.contains(wanted), "{wanted}: {}", list.body);
    }
    assert!(!list.body.contains("bob.example"));
    assert_eq!(world.sessions(), 0);
    let token_of_panel = list.field("blog.alice.example", "forgery_protection_token");
    let token = list.field("blog.alice.example", "token");
    assert_eq!(list.field("xn--bcher-kva.example", "site_id"), IDN.to_string());
    let number = SUB.to_string();
    let form = [
        ("forgery_protection_token", token_of_panel.as_str()),
        ("site_id", &number),
        ("site", "blog.alice.example"),
        ("token", &token),
    ];
    let with = |name: &'static str, value: &'static str| {
        form.map(|pair| if pair.0 == name { (name, value) } else { pair })
    };
    let post =
        |session: &str, fields: &[(&str, &str)]| world.request("POST", session, OPEN, &[], Some(fields));
    assert_eq!(
        post("alice", &with("forgery_protection_token", "")).status,
        403,
        "the panel lets no such form past"
    );
    // Even where the panel looked away.
    world.set("/lets_forms_past", json!(true));
    let refused = |session: &str, fields: &[(&str, &str)], status: u16, kind| {
        let page = post(session, fields);
        assert!(
            page.status == status && page.body.contains(&sentence(kind)),
            "{session} {fields:?}: {page:?}"
        );
    };
    refused("alice", &with("forgery_protection_token", ""), 403, TokenRejected);
    world.set("/hides_token", json!(true));
    refused("alice", &with("token", ""), 403, TokenRejected);
    refused("alice", &with("site", "alice.example"), 403, TokenRejected);
    refused("alice-again", &form, 403, TokenRejected);
    refused("alice", &form[..3], 400, BadRequest);
    for bad in ["", "Blog.alice.example", "../x", "blog.alice.example\n", "bücher.example"] {
        refused("alice", &with("site", bad), 400, BadRequest);
    }
    refused("alice", &with("site", "bob.example"), 404, SiteNotFound);
    refused("alice", &with("site_id", "21"), 404, SiteNotFound);
    refused("bob", &form, 404, SiteNotFound);
    // A name that only the broker knows is the broker's to refuse.
    refused("alice", &with("site", "unknown.example"), 404, SiteNotFound);
    assert_eq!(world.get("alice", OPEN).status, 405);
    assert_eq!(world.sessions(), 0, "what is refused never reaches the builder");
    world.set("/hides_token", json!(false));
    world.set("/lets_forms_past", json!(false));
    let page = post("alice", &form);
    assert!(page.status == 303 && page.location.starts_with("https://"), "{page:?}");
    assert_eq!(world.sessions(), 1);
    assert!(is_root());
}

#[test]
fn settings_and_languages() {
    crate::needs_root!();
    let world = World::start();
    let german = world.get("alice-de", LIST).body;
    assert!(german.contains("<div class=\"pg pg-inside\" lang=\"de\" dir=\"ltr\">"), "{german}");
    let arabic = world.get("alice-ar", LIST).body;
    assert!(arabic.contains("<div class=\"pg pg-inside\" lang=\"ar\" dir=\"rtl\">"), "{arabic}");
    // A language without texts is English, and still the panel's wish to the builder.
    assert!(world.get("alice-ja", LIST).body.contains("lang=\"en\" dir=\"ltr\""));
    let empty = world.get("empty", LIST);
    assert!(
        empty.status == 200 && empty.body.contains("There is no website in your account yet"),
        "{empty:?}"
    );
    world.set("/settings/realStatus", json!("off"));
    let page = world.get("alice", &format!("{INDEX}?site_id={OF_B}"));
    assert!(page.status == 200 && page.body.contains("Reference number"), "{page:?}");
    world.set("/settings/redirect", json!("0"));
    let page = world.get("alice", &format!("{INDEX}?site_id={MAIN}"));
    assert!(page.status == 200 && page.location.is_empty(), "{page:?}");
    assert!(
        page.body.contains("http-equiv=\"refresh\"") && page.body.contains("href=\"https://"),
        "{page:?}"
    );
    // What cannot be a setting is the default.
    world.set("/settings/timeout", json!("soon"));
    world.set("/settings/socket", json!("/no; such=place"));
    let page = world.get("alice", &format!("{INDEX}?site_id={MAIN}"));
    assert!(page.body.contains("not available at the moment"), "{page:?}");
    assert!(world.panel_log().contains("/run/panelgate/broker.sock"));
}
