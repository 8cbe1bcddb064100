//! A small client of chromedriver: WebDriver is JSON over HTTP (W3C WebDriver).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A headless Chromium, driven through a chromedriver of its own. Both end when it is dropped.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: tempfile::TempDir,
}

/// How the window looks.
#[derive(Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

/// The Tab key, as WebDriver writes it.
pub const TAB: &str = "\u{e004}";
/// The Enter key.
pub const ENTER: &str = "\u{e007}";

pub const DESKTOP: Look = Look { width: 1280, height: 900, dark: false };
pub const PHONE: Look = Look { width: 390, height: 844, dark: false };

/// The windows that every page must fit; the last one is the narrowest that WCAG 2 asks for (1.4.10).
pub const LOOKS: [(&str, Look); 5] = [
    ("desktop-light", DESKTOP),
    ("desktop-dark", Look { dark: true, ..DESKTOP }),
    ("phone-light", PHONE),
    ("phone-dark", Look { dark: true, ..PHONE }),
    ("narrow", Look { width: 320, height: 640, dark: false }),
];

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder")
}

/// Where the picture of a page goes.
pub fn picture(name: &str) -> PathBuf {
    target().join("screenshots").join(format!("{name}.png"))
}

/// The rules of accessibility, which tests/run fetches. Without it, a test says what it leaves out.
pub fn axe(test: &str) -> Option<PathBuf> {
    let file = target().join("test-parts/axe_playwright_python/axe.min.js");
    if file.exists() {
        return Some(file);
    }
    let all = std::env::var_os("PANELGATE_TEST_ALL").is_some();
    assert!(!all, "axe-core is not at {}: tests/run should have fetched it", file.display());
    // Not by a macro: the test harness would keep it to itself.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED in {test}: the rules of axe-core (tests/run fetches them; see tests/parts.txt)"
    );
    None
}

impl Browser {
    /// Starts a browser. `languages` is what it asks for, such as `ar,en`.
    pub fn start(languages: &str) -> Self {
        let port = super::free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts (tests/run installs it)");
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(180)))
            .build()
            .into();
        let base = format!("http://127.0.0.1:{port}/session");
        super::wait_for("chromedriver", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let profile = tempfile::tempdir().expect("a directory");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-dev-shm-usage".into(),
            // The sandbox builder's certificate is made by an authority that only the test knows.
            "--ignore-certificate-errors".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({
            "args": arguments,
            "prefs": { "intl.accept_languages": languages, "intl.selected_languages": languages },
        });
        let body = json!({ "capabilities": { "alwaysMatch": { "acceptInsecureCerts": true, "goog:chromeOptions": options } } });
        let reply = call(&agent, "POST", &base, Some(body));
        let id = reply["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {reply}")).to_owned();
        Self { driver, agent, session: format!("{base}/{id}"), _profile: profile }
    }

    fn post(&self, path: &str, body: Value) -> Value {
        call(&self.agent, "POST", &format!("{}{path}", self.session), Some(body))
    }

    fn get(&self, path: &str) -> Value {
        call(&self.agent, "GET", &format!("{}{path}", self.session), None)
    }

    /// Sets window size and colour scheme.
    pub fn look(&self, look: Look) {
        self.window(look.width, look.height);
        let scheme = if look.dark { "dark" } else { "light" };
        // A colour on its way to another one would be seen half-way.
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    fn window(&self, width: u32, height: u32) {
        let mobile = width < 600;
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile }),
        );
    }

    /// A command of the Chrome DevTools Protocol.
    pub fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    pub fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    pub fn url(&self) -> String {
        self.get("/url").as_str().unwrap_or_default().to_owned()
    }

    pub fn title(&self) -> String {
        self.get("/title").as_str().unwrap_or_default().to_owned()
    }

    /// The text of the first element that fits a CSS selector.
    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        self.get(&format!("/element/{element}/text")).as_str().unwrap_or_default().to_owned()
    }

    pub fn click(&self, selector: &str) {
        // While a page is still being laid out, what is clicked may move away from under the pointer; and before its
        // `load` event is over, the next page may take its place in the history instead of coming after it.
        super::wait_for("the end of the page's load event", || {
            self.script("return performance.timing.loadEventEnd > 0") == true
        });
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), json!({}));
    }

    /// Presses a key on whatever has the focus.
    pub fn press(&self, key: &str) {
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": [
            { "type": "keyDown", "value": key }, { "type": "keyUp", "value": key },
        ] }] });
        self.post("/actions", actions);
    }

    /// Waits until the browser is where it should be.
    pub fn wait_for_url(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let end = Instant::now() + Duration::from_secs(180);
        while !is_there(&self.url()) {
            let place = self.url();
            assert!(Instant::now() < end, "{what}: still at {place}: {}", self.text_of_page());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// What the browser asks for from now on: the field `Accept-Language`.
    pub fn language(&self, languages: &str) {
        self.cdp("Network.enable", json!({}));
        self.cdp("Network.setExtraHTTPHeaders", json!({ "headers": { "Accept-Language": languages } }));
    }

    /// Runs a script in the page and gives back what it returns.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// One step back in the history.
    pub fn back(&self) {
        // Not within the script: chromedriver runs a script again whose page goes away before its answer is there, and
        // that would be two steps.
        self.script("setTimeout(() => history.back())");
    }

    /// The faults that axe-core finds in the page (WCAG 2 A and AA), as `rule: element`.
    pub fn accessibility_faults(&self, axe: &Path) -> Vec<String> {
        // The page's policy forbids scripts; what the driver runs is not the page's.
        let source = std::fs::read_to_string(axe).expect("axe-core");
        self.script(&source);
        let run = "const done = arguments[arguments.length - 1];\
                   axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })\
                   .then(result => done(result.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html))));";
        let faults = self.post("/execute/async", json!({ "script": run, "args": [] }));
        let faults = faults.as_array().unwrap_or_else(|| panic!("axe gave {faults}"));
        faults.iter().map(|fault| fault.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Writes a picture of the page: of the window or, if that is longer, of all that can be scrolled to.
    pub fn screenshot(&self, file: &Path) {
        use base64::Engine;
        let size = self.script(
            "return [innerWidth, innerHeight, Math.max(innerHeight, document.documentElement.scrollHeight)]",
        );
        let size = |index: usize| u32::try_from(size[index].as_u64().expect("a number")).expect("a size");
        let (width, height, whole) = (size(0), size(1), size(2));
        if whole > height {
            self.window(width, whole);
        }
        let data = self.get("/screenshot");
        if whole > height {
            self.window(width, height);
        }
        let png = base64::engine::general_purpose::STANDARD
            .decode(data.as_str().unwrap_or_default())
            .expect("base64");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("the directory is made");
        std::fs::write(file, png).expect("the picture is written");
    }

    fn element(&self, selector: &str) -> String {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let url = format!("{}/element", self.session);
            let reply =
                raw(&self.agent, "POST", &url, Some(json!({ "using": "css selector", "value": selector })));
            let value = &reply["value"];
            let id = value.as_object().and_then(|value| value.values().next()).and_then(Value::as_str);
            if let Some(id) = id.filter(|_| value["error"].is_null()) {
                return id.to_owned();
            }
            assert!(
                Instant::now() < end,
                "there is no {selector} at {}: {}",
                self.url(),
                self.text_of_page()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn text_of_page(&self) -> String {
        self.script("return document.body ? document.body.innerText : ''").to_string()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without this the browser would outlive its driver.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn call(agent: &ureq::Agent, method: &str, url: &str, body: Option<Value>) -> Value {
    let reply = raw(agent, method, url, body);
    assert!(reply["value"]["error"].is_null(), "{method} {url}: {}", reply["value"]);
    reply["value"].clone()
}

fn raw(agent: &ureq::Agent, method: &str, url: &str, body: Option<Value>) -> Value {
    let result = match (method, body) {
        ("POST", Some(body)) => agent.post(url).content_type("application/json").send(body.to_string()),
        _ => agent.get(url).call(),
    };
    let text =
        result.expect("chromedriver answers").body_mut().with_config().limit(64 << 20).read_to_string();
    serde_json::from_str(&text.expect("a body")).expect("JSON")
}
