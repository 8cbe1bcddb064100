//! The way from the icon to the builder in headless Chromium, and how the pages look there.
//!
//! Pictures of all pages go to `target/screenshots`. `UPDATE_PICTURE=1` also writes the one in the README.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::apache::Apache;
use common::webdriver::{Browser, DESKTOP, ENTER, LOOKS, Look, PHONE, TAB, axe, picture};
use common::{SITE_MAIN, Sites, Trial};
use panelgate::config::PanelKind;
use panelgate::sandbox::http::Response;

/// Where the program is. cPanel cuts the session's token off before a program sees the address.
const PROGRAM: &str = "/frontend/jupiter/panelgate/index.live.cgi";
/// The panel's front page, where the program's pages lead back to.
const HOME: &str = "/cpsess1234567890/frontend/jupiter/index.html";
const CPSESS: (&str, &str) = ("cp_security_token", "/cpsess1234567890");

/// `bücher.example`, as DNS knows it.
const ASCII_IDN: &str = "xn--bcher-kva.example";

/// A name that fits no telephone.
const LONG_NAME: &str = "a-rather-long-name-that-nobody-would-type.summer-sale.flower-shop.example";

/// A page of a panel with the icon, and the program behind it.
struct Panel {
    trial: Trial,
    apache: Apache,
}

impl Panel {
    fn start(trial: Trial) -> Self {
        let program = trial.program("index.live.cgi");
        let apache = Apache::start(&trial.user, &[(PROGRAM, &program)], &[CPSESS]);
        let icon = format!(
            "<!doctype html><html lang=\"en\"><title>Panel</title><h1>Panel</h1><a id=\"icon\" href=\"{PROGRAM}\">Website Builder</a>"
        );
        apache.write_page(HOME, &icon);
        Self { trial, apache }
    }

    fn program(&self, query: &str) -> String {
        self.apache.url(&format!("{PROGRAM}{query}"))
    }

    /// Opens the panel's page and presses the icon.
    fn press_icon(&self, browser: &Browser) {
        browser.open(&self.apache.url(HOME));
        browser.click("#icon");
    }

    /// Sees the builder with this site, in the session that was opened last.
    fn arrives_at(&self, browser: &Browser, site: &str, sessions: usize) {
        let builder = format!("https://{}/?login_hash=", self.trial.builder.page_host());
        browser.wait_for_url("the builder", |url| url.starts_with(&builder));
        assert_eq!(browser.text("#site"), site);
        assert_eq!(self.trial.sessions(), sessions);
    }

    /// Makes the builder's next answer one that nobody can use.
    fn break_builder(&self) {
        self.trial.builder.push_fault(Response::text(500, "broken"));
    }
}

/// The button that opens a site, known by the name that its form sends.
fn button_of(site: &str) -> String {
    format!("form:has(input[name=site][value=\"{site}\"]) button")
}

/// What is wrong with the page in this window: its language and direction, its fit, the size of what is pressed, the rules of accessibility.
fn faults_of(browser: &Browser, axe: Option<&Path>, language: &str) -> Vec<String> {
    let direction = if language == "ar" { "rtl" } else { "ltr" };
    let found = browser.script(&format!(
        "const root = document.documentElement, found = [];\
         const part = document.querySelector('.pg') ?? root;\
         if (part.lang != '{language}') found.push('language: ' + part.lang);\
         if (getComputedStyle(part).direction != '{direction}') found.push('direction');\
         if (root.scrollWidth > root.clientWidth) found.push('scrolls sideways');\
         for (const e of document.body.querySelectorAll('*')) {{\
           const box = e.getBoundingClientRect(), style = getComputedStyle(e), name = ': ' + e.outerHTML.slice(0, 120);\
           if (!box.width) continue;\
           if (box.left < -1 || box.right > root.clientWidth + 1) found.push('outside' + name);\
           if (style.overflowX != 'visible' && e.scrollWidth > e.clientWidth + 1) found.push('clipped' + name);\
           if (e.matches('button, a[href], input') && (box.height < 44 || box.width < 44)) found.push('small' + name);\
         }}\
         return found;"
    ));
    let mut faults: Vec<String> = serde_json::from_value(found).unwrap();
    faults.extend(axe.into_iter().flat_map(|axe| browser.accessibility_faults(axe)));
    faults
}

/// Sees the page that is open in every window.
fn look_at(browser: &Browser, axe: Option<&Path>, page: &str, language: &str) {
    for (name, look) in LOOKS {
        browser.look(look);
        let place = format!("{page}-{name}");
        browser.screenshot(&picture(&place));
        examine(browser, axe, &place, language);
    }
    browser.look(DESKTOP);
}

fn examine(browser: &Browser, axe: Option<&Path>, place: &str, language: &str) {
    assert_eq!(faults_of(browser, axe, language), Vec::<String>::new(), "{place}");
}

#[test]
fn a_site_is_chosen_with_the_mouse() {
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::Several));
    let browser = Browser::start("en");
    panel.press_icon(&browser);
    browser.wait_for_url("the chooser", |url| url.ends_with(PROGRAM));
    assert_eq!(panel.trial.sessions(), 0, "looking opens nothing");
    browser.click(&button_of(ASCII_IDN));
    panel.arrives_at(&browser, ASCII_IDN, 1);
    let referrer = browser.script("return document.referrer");
    assert_eq!(referrer, "", "the builder does not learn the panel's address");
    // Back, and another one.
    browser.back();
    browser.wait_for_url("the chooser again", |url| url.ends_with(PROGRAM));
    browser.click(&button_of(SITE_MAIN));
    panel.arrives_at(&browser, SITE_MAIN, 2);
}

#[test]
fn a_site_is_chosen_with_the_keyboard_alone() {
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::Several));
    let browser = Browser::start("en");
    browser.look(DESKTOP);
    browser.open(&panel.apache.url(HOME));
    browser.press(TAB);
    browser.press(ENTER);
    browser.wait_for_url("the chooser", |url| url.ends_with(PROGRAM));
    let mut seen = Vec::new();
    for _ in 0..6 {
        browser.press(TAB);
        let focus = browser.script(
            "const e = document.activeElement, style = getComputedStyle(e);\
             return [e.ariaLabel, style.outlineStyle != 'none' && parseFloat(style.outlineWidth) >= 2, e.matches(':focus-visible')];",
        );
        assert!(focus[1] == true && focus[2] == true, "the focus shows: {focus}");
        seen.push(focus[0].as_str().unwrap().to_owned());
    }
    let names = ["alice.example", "blog.alice.example", "bücher.example"];
    let wanted = names.map(|name| ["Edit website", "Backups"].map(|word| format!("{word}: {name}"))).concat();
    assert_eq!(seen, wanted, "in the order of the page");
    browser.script("document.querySelectorAll('.pg-site')[2].querySelector('button').focus()");
    browser.screenshot(&picture("keyboard"));
    browser.press(ENTER);
    panel.arrives_at(&browser, ASCII_IDN, 1);
}

/// Makes the backup that was ordered.
fn run_jobs(trial: &Trial) {
    let config = trial.config();
    let arguments = ["--config", config.to_str().unwrap(), "jobs", "--once"];
    let run = trial.run(&common::copy_of(env!("CARGO_BIN_EXE_panelgate"), trial), &arguments, &[], b"");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_backup_is_made_and_taken_with_the_keyboard() {
    let axe = axe("a_backup_is_made_and_taken_with_the_keyboard");
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::Several));
    let browser = Browser::start("en");
    panel.trial.builder.set_project(SITE_MAIN, vec![7; 300_000]);
    browser.open(&panel.program(&format!("?site={SITE_MAIN}")));
    panel.arrives_at(&browser, SITE_MAIN, 1);
    browser.open(&panel.program(""));
    browser.click(&format!("a[href=\"?backups={SITE_MAIN}\"]"));
    assert_eq!(
        (browser.text("h1"), browser.text(".pg-apart")),
        ("Backups".into(), "There is no backup of this website yet.".into())
    );
    look_at(&browser, axe.as_deref(), "backups-none", "en");
    browser.press(TAB);
    browser.press(ENTER);
    let status = "return document.querySelector('[role=status]')?.textContent ?? ''";
    common::wait_for("the order", || browser.script(status) == "Your backup is about to begin.");
    // It looks again until it is told not to, so that it can be examined in peace.
    browser.click("a[href*=still]");
    browser.wait_for_url("the page that stays", |url| url.ends_with("still=1"));
    look_at(&browser, axe.as_deref(), "backups-going", "en");
    browser.click(".pg-actions a");
    run_jobs(&panel.trial);
    common::wait_for("the backup, seen without a click", || {
        browser.script("return document.querySelectorAll('.pg-backup a').length") == 1
    });
    look_at(&browser, axe.as_deref(), "backups-one", "en");
    // A link that the browser takes for a download, not for a page.
    let before = browser.url();
    let taken = browser.script(
        "return fetch(document.querySelector('.pg-backup a').href).then(async r => [r.status, (await r.arrayBuffer()).byteLength]).catch(e => [String(e)])",
    );
    // The page's policy lets no script of anybody's load anything.
    assert!(taken[0].as_str().is_some_and(|error| error.contains("TypeError")), "{taken}");
    browser.click(".pg-backup a");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(browser.url(), before, "the page stays where it is");
}

#[test]
fn the_backups_fit_every_window_in_all_languages() {
    let axe = axe("the_backups_fit_every_window_in_all_languages");
    let panel = Panel::start(Trial::start(PanelKind::Ini, Sites::One));
    let browser = Browser::start("en");
    write_account(&panel.trial, &account(Some("en"), LONG_NAME));
    panel.trial.builder.set_project(LONG_NAME, vec![7; 2_300_000]);
    browser.open(&panel.program(&format!("?site={LONG_NAME}")));
    let order = || {
        browser.open(&panel.program(&format!("?backups={LONG_NAME}")));
        browser.click("form button");
    };
    order();
    run_jobs(&panel.trial);
    for language in ["ar", "de", "fr", "es", "lt"] {
        write_account(&panel.trial, &account(Some(language), LONG_NAME));
        browser.language(language);
        browser.open(&panel.program(&format!("?backups={LONG_NAME}")));
        if language == "ar" {
            look_at(&browser, axe.as_deref(), "backups-ar", "ar");
            assert!(!browser.text("h1").is_ascii(), "Arabic words");
            continue;
        }
        for (name, look) in [LOOKS[2], LOOKS[4]] {
            browser.look(look);
            let place = format!("backups-{language}-{name}");
            browser.screenshot(&picture(&place));
            examine(&browser, None, &place, language);
        }
    }
}

#[test]
fn the_only_site_is_opened_straight_away() {
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::One));
    let browser = Browser::start("en");
    panel.press_icon(&browser);
    panel.arrives_at(&browser, SITE_MAIN, 1);
}

/// What shows that the other tests would notice a policy that is too narrow.
#[test]
fn the_browser_holds_a_form_to_its_policy_beyond_the_redirect() {
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::One));
    let browser = Browser::start("en");
    let builder = format!("https://{}", panel.trial.builder.page_host());
    for (policy, arrives) in [("'self'".to_owned(), false), (format!("'self' {builder}"), true)] {
        let page = format!(
            "<!doctype html><html lang=\"en\"><title>Form</title><meta http-equiv=\"Content-Security-Policy\" content=\"form-action {policy}\">\
             <form action=\"{PROGRAM}\"><button name=\"site\" value=\"{SITE_MAIN}\">Open</button></form>"
        );
        panel.apache.write_page("/form.html", &page);
        browser.open(&panel.apache.url("/form.html"));
        browser.click("button");
        if arrives {
            panel.arrives_at(&browser, SITE_MAIN, 2);
        } else {
            common::wait_for("the refused session", || panel.trial.sessions() == 1);
            std::thread::sleep(std::time::Duration::from_millis(300));
            assert!(!browser.url().starts_with(&builder), "the browser does not apply form-action here");
        }
    }
}

#[test]
fn a_failure_page_leads_on() {
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::One));
    let browser = Browser::start("en");
    panel.break_builder();
    panel.press_icon(&browser);
    assert_eq!(browser.text("h1"), "The Website Builder could not be opened");
    let number = browser.text(".pg-reference dd");
    assert!(panel.apache.error_log().contains(&number), "the log knows {number}");
    browser.click("a[href=\"?\"]");
    panel.arrives_at(&browser, SITE_MAIN, 2);

    panel.trial.set_account_line("SUSPENDED", "1");
    panel.press_icon(&browser);
    assert!(browser.text(".pg-lead").contains("suspended"));
    assert_eq!(browser.script("return document.querySelectorAll('a').length"), 1, "nothing to try again");
    browser.click(&format!("a[href=\"{HOME}\"]"));
    browser.wait_for_url("the panel", |url| url.ends_with(HOME));
    assert_eq!(panel.trial.sessions(), 2, "nothing was opened for a suspended account");
}

/// An account with a site of every kind, and words of this language if one is named.
fn account(language: Option<&str>, subdomain: &str) -> String {
    let locale = language.map(|language| format!("locale = {language}\n")).unwrap_or_default();
    let site = |name: &str, kind: &str, more: &str| {
        format!("[site {name}]\nkind = {kind}\ndocument_root = /home/alice/{name}\n{more}")
    };
    [
        format!("[account]\nplan = Business\n{locale}"),
        site("flower-shop.example", "main", ""),
        site("bücher.example", "addon", ""),
        site(subdomain, "sub", ""),
        site("workshop.example", "addon", "suspended = yes\n"),
        "[site flowershop.example]\nkind = alias\nof = flower-shop.example\n".into(),
        "[site blumen-für-alle.example]\nkind = alias\nof = flower-shop.example\n".into(),
    ]
    .concat()
}

/// Makes it the account of the tests' user.
fn write_account(trial: &Trial, account: &str) {
    let (uid, gid) = (trial.user.uid, trial.user.gid);
    trial.replace("etc/passwd", &format!("alice:x:{uid}:{gid}::/home/alice:/bin/sh\n"));
    trial.replace("etc/panelgate/accounts.d/alice.ini", account);
}

#[test]
fn the_pages_fit_every_window_in_both_directions() {
    let axe = axe("the_pages_fit_every_window_in_both_directions");
    let panel = Panel::start(Trial::start(PanelKind::Ini, Sites::One));
    let browser = Browser::start("en");
    // The account's language, the browser's, and what comes of it.
    for (own, asked, language) in [(Some("en"), "en", "en"), (None, "ar,en;q=0.5", "ar")] {
        write_account(&panel.trial, &account(own, LONG_NAME));
        browser.language(asked);
        panel.break_builder();
        for (page, query) in [("chooser", ""), ("failure", "?site=flower-shop.example")] {
            browser.open(&panel.program(query));
            look_at(&browser, axe.as_deref(), &format!("{page}-{language}"), language);
        }
    }
    assert!(!browser.text("h1").is_ascii(), "Arabic words");
}

#[test]
fn long_words_of_all_languages_fit() {
    let panel = Panel::start(Trial::start(PanelKind::Ini, Sites::One));
    let browser = Browser::start("en");
    for language in ["de", "fr", "es", "lt"] {
        write_account(&panel.trial, &account(Some(language), LONG_NAME));
        browser.language(language);
        panel.break_builder();
        for (page, query) in [("chooser", ""), ("failure", "?site=flower-shop.example")] {
            browser.open(&panel.program(query));
            for (name, look) in [LOOKS[2], LOOKS[4]] {
                browser.look(look);
                let place = format!("{page}-{language}-{name}");
                browser.screenshot(&picture(&place));
                examine(&browser, None, &place, language);
            }
        }
    }
}

#[test]
fn the_readme_shows_the_chooser() {
    let panel = Panel::start(Trial::start(PanelKind::Ini, Sites::One));
    write_account(&panel.trial, &account(Some("en"), "blog.flower-shop.example"));
    let browser = Browser::start("en");
    browser.look(Look { width: 1200, height: 800, dark: false });
    browser.open(&panel.program(""));
    browser.screenshot(&picture("readme"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/chooser.png");
    if std::env::var_os("UPDATE_PICTURE").is_some() {
        std::fs::write(&file, std::fs::read(picture("readme")).unwrap()).unwrap();
    }
    // Browsers draw letters in their own ways; size and kind are the same everywhere.
    let (shown, drawn) = (std::fs::read(&file).unwrap(), std::fs::read(picture("readme")).unwrap());
    assert_eq!(shown[..24], drawn[..24], "a picture of 1200 x 800");
    assert!(shown.len() < 150_000, "a page of text loads with it");
}

/// A skin that puts what the program writes into a page of its own, as DirectAdmin does.
const SKIN: &str = "#!/bin/sh\n\
    printf 'Content-Type: text/html; charset=utf-8\\r\\n\\r\\n'\n\
    printf '<!doctype html><html lang=\"en\"><title>Skin</title><meta name=\"viewport\" content=\"width=device-width\">'\n\
    printf '<style>body{margin:0;font:14px/1.4 serif;color:#333}p,h1,dl,form,ul{margin:20px;padding:9px}'\n\
    printf 'body>nav{background:#234;color:#fff;padding:16px}</style><nav aria-label=\"Panel\">A panel with a style of its own</nav><main>'\n\
    \"${0%/*}/index.html\"\n\
    printf '</main></html>'\n";

#[test]
fn a_fragment_works_inside_the_page_of_a_panel() {
    let axe = axe("a_fragment_works_inside_the_page_of_a_panel");
    let trial = Trial::start(PanelKind::Ini, Sites::One);
    write_account(&trial, &account(Some("en"), LONG_NAME));
    trial.program("index.html");
    let skin = trial.program("skin.cgi");
    std::fs::write(&skin, SKIN).unwrap();
    let apache = Apache::start(&trial.user, &[("/skin", &skin)], &[]);
    let panel = Panel { trial, apache };
    let browser = Browser::start("en");
    browser.open(&panel.apache.url("/skin"));
    look_at(&browser, axe.as_deref(), "fragment", "en");
    // The fragment goes by the page that it stands in, whatever the system prefers.
    browser.look(LOOKS[3].1);
    let colour = "return getComputedStyle(document.querySelector('.pg')).backgroundColor";
    assert_eq!(browser.script(colour), "rgb(244, 246, 248)", "a light page");
    browser.script("document.documentElement.style.colorScheme = 'dark'");
    assert_eq!(browser.script(colour), "rgb(16, 20, 25)", "a dark page");
    browser.screenshot(&picture("fragment-in-a-dark-page"));
    examine(&browser, axe.as_deref(), "fragment-in-a-dark-page", "en");
    browser.click(&button_of(ASCII_IDN));
    panel.arrives_at(&browser, ASCII_IDN, 1);
    assert_eq!(
        browser.script("return document.referrer"),
        "",
        "the builder does not learn the panel's address"
    );
    panel.break_builder();
    browser.look(DESKTOP);
    browser.open(&panel.apache.url("/skin?site=flower-shop.example"));
    browser.screenshot(&picture("fragment-failure"));
    examine(&browser, axe.as_deref(), "fragment-failure", "en");
}

/// A running `panelgate demo`.
struct Demo {
    child: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Started by root, it becomes another user.
        common::chmod(dir.path(), 0o1777);
        let mut child = Command::new(env!("CARGO_BIN_EXE_panelgate"))
            .arg("demo")
            .env("TMPDIR", dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned(), _dir: dir }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_works_in_a_browser() {
    let axe = axe("the_demo_works_in_a_browser");
    let look_at = |browser: &Browser, page: &str, language: &str| {
        look_at(browser, axe.as_deref(), &format!("demo-{page}"), language);
    };
    let demo = Demo::start();
    let browser = Browser::start("en");
    let origin = demo.address.split("?token=").next().unwrap();
    browser.open(origin);
    look_at(&browser, "refused", "en");
    assert_eq!(browser.script("return document.querySelectorAll('.tool').length"), 0);

    browser.open(&demo.address);
    assert_eq!(browser.url(), origin, "the token leaves the address bar");
    look_at(&browser, "panel", "en");
    browser.click("button[value=ar]");
    browser.click(".tool");
    assert_eq!(browser.text("bdi[dir=ltr]"), "shop.example");
    look_at(&browser, "chooser", "ar");
    browser.click(&button_of(ASCII_IDN));
    browser.wait_for_url("the builder", |url| url.contains("/?login_hash="));
    let session = browser.url();
    assert!(session.starts_with("http://127.0.0.1:") && !session.starts_with(origin), "{session}");
    assert_eq!((browser.text("#site"), browser.text("#language")), (ASCII_IDN.into(), "ar".into()));
    look_at(&browser, "builder", "en");

    // What the customer publishes is what the world sees.
    browser.script("document.querySelector('#headline').value = 'Old books & new'");
    browser.click("form button");
    assert!(browser.text("#outcome").starts_with("Edition 1 is published"), "{}", browser.text("#outcome"));
    look_at(&browser, "published", "en");
    browser.click("#outcome a");
    browser.wait_for_url("the site", |url| !url.contains("login_hash="));
    assert_eq!(browser.text("h1"), "Old books & new");
    assert_eq!(browser.script("return document.documentElement.dataset.edition"), "1");
    look_at(&browser, "site", "en");

    browser.open(&session[..session.len() - 1]);
    assert!(browser.text("h1").contains("ended"));
    look_at(&browser, "ended", "en");
}

/// What shows that the other tests would notice a fault.
#[test]
fn the_examination_finds_faults() {
    let axe = axe("the_examination_finds_faults");
    let panel = Panel::start(Trial::start(PanelKind::CPanel, Sites::One));
    let browser = Browser::start("en");
    browser.look(PHONE);
    let good = "<h1>Good</h1><p>Nothing to see.</p>";
    let mut faults = vec![
        "<h1>Wide</h1><p style=\"width:400px\">x</p>",
        "<h1>Small</h1><button>x</button>",
        "<h1>Clipped</h1><p style=\"width:50px;overflow:hidden;white-space:nowrap\">a clipped sentence</p>",
    ];
    if axe.is_some() {
        faults.push("<h1>Pale</h1><p style=\"color:#ccc\">hard to read</p>");
        faults.push("<h1>Nameless</h1><button style=\"min-width:44px;min-height:44px\"></button>");
    }
    for body in [good].into_iter().chain(faults) {
        let page = format!(
            "<!doctype html><html lang=\"en\"><title>x</title><meta name=\"viewport\" content=\"width=device-width\"><main>{body}</main>"
        );
        panel.apache.write_page("/x.html", &page);
        browser.open(&panel.apache.url("/x.html"));
        let faults = faults_of(&browser, axe.as_deref(), "en");
        assert_eq!(faults.is_empty(), body == good, "{body}: {faults:?}");
    }
}
