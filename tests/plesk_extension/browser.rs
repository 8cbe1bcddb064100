//! From the panel's button to the builder in headless Chromium, with the unpacked extension. Pictures go to `target/screenshots/plesk-*.png`.

use serde_json::json;

use crate::click::{INDEX, LIST};
use crate::common::webdriver::{Browser, DESKTOP, ENTER, LOOKS, Look, TAB, axe, picture};
use crate::world::{MAIN, OF_B, World};

fn sign_in(browser: &Browser, world: &World, session: &str) {
    browser.open(&world.url("/"));
    browser.script(&format!("document.cookie = 'PLESKSESSID={session}; path=/'"));
    browser.open(&world.url("/"));
}

/// Every page in every window: nothing runs out at the side, nothing is loaded in vain, and the rules of accessibility find no fault.
fn look_at(browser: &Browser, world: &World, name: &str, path: &str, looks: &[(&str, Look)]) {
    let axe = axe("the_button_the_list_and_the_pages");
    for (window, look) in looks {
        browser.look(*look);
        browser.open(&world.url(path));
        assert!(!browser.text(".pg-title").is_empty(), "{name} {window}");
        let wide = browser.script("return document.documentElement.scrollWidth > innerWidth");
        assert_eq!(wide, json!(false), "{name} {window} is too wide");
        // The style sheet has come: without it a button has no corners.
        let styled = browser.script("return getComputedStyle(document.querySelector('.pg-title')).fontSize");
        assert_ne!(styled, json!(""), "{name}");
        let loaded = browser.script("return [...document.styleSheets].filter(sheet => (sheet.href || '').includes('panelgate.css')).length");
        assert_eq!(loaded, json!(1), "{name}");
        if let Some(axe) = &axe {
            assert_eq!(browser.accessibility_faults(axe), Vec::<String>::new(), "{name} {window}");
        }
        browser.screenshot(&picture(&format!("plesk-{name}-{window}")));
    }
}

#[test]
fn the_button_the_list_and_the_pages() {
    crate::needs_root!();
    let mut world = World::start();
    world.set("/settings/newWindow", json!(false));
    let browser = Browser::start("en");
    browser.look(DESKTOP);
    sign_in(&browser, &world, "alice");
    // The button of a domain leads straight there.
    browser.click(&format!("#button-16-{MAIN}"));
    browser.wait_for_url("the builder", |url| url.starts_with("https://"));
    assert_eq!(world.sessions(), 1);
    // The list, by the keyboard alone: the first button that is reached belongs to the first website.
    browser.open(&world.url("/"));
    browser.click("#button-4");
    assert_eq!(browser.text(".pg-title"), "Choose a website");
    let focused = "return document.activeElement.getAttribute('aria-label') || ''";
    for _ in 0..10 {
        browser.press(TAB);
        if browser.script(focused) == "Edit website: alice.example" {
            break;
        }
    }
    assert_eq!(browser.script(focused), "Edit website: alice.example");
    browser.press(ENTER);
    browser.wait_for_url("the builder", |url| url.starts_with("https://"));
    assert_eq!(world.sessions(), 2);
    // Where the panel's forms do not show their token, the page's script finds it.
    world.set("/hides_token", json!(true));
    browser.open(&world.url(LIST));
    browser.click(".pg-open .pg-button");
    browser.wait_for_url("the builder", |url| url.starts_with("https://"));
    assert_eq!(world.sessions(), 3);
    world.set("/hides_token", json!(false));

    look_at(&browser, &world, "list", LIST, &LOOKS);
    look_at(&browser, &world, "failure", &format!("{INDEX}?site_id={OF_B}"), &LOOKS);
    sign_in(&browser, &world, "alice-ar");
    look_at(&browser, &world, "list-arabic", LIST, &[LOOKS[0], LOOKS[3]]);
    look_at(&browser, &world, "failure-arabic", &format!("{INDEX}?site_id={OF_B}"), &[LOOKS[3]]);
    world.extension_script("register.php");
    sign_in(&browser, &world, "admin");
    browser.look(DESKTOP);
    browser.click("#button-5");
    assert_eq!(browser.text(".pg-title"), "Panelgate on this server");
    let admin = "/modules/panelgate/index.php/admin/index";
    look_at(&browser, &world, "admin", admin, &LOOKS[..4]);
    look_at(&browser, &world, "doctor", "/modules/panelgate/index.php/admin/doctor", &[LOOKS[0], LOOKS[3]]);
    // A calm page when the service is away, and its button works again afterwards.
    world.stop_broker();
    sign_in(&browser, &world, "alice");
    look_at(&browser, &world, "down", &format!("{INDEX}?site_id={MAIN}"), &LOOKS[..1]);
    world.start_broker();
    browser.click(".pg-actions .pg-button");
    browser.wait_for_url("the builder", |url| url.starts_with("https://"));
}
