//! What is wrong with this server's Panelgate, in plain words: a list of checks, each with what to do.
//!
//! The doctor changes nothing: it makes no file, no session and nothing at the builder. It never repeats a secret. A configuration that others
//! could have written is not acted on. Nothing is printed here: who runs it is told of each check as it begins and ends.

mod builder;
mod jobs;
mod publication;
mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use crate::builder::Client;
use crate::config::Config;
use crate::error::{Error, ErrorKind};

/// What to examine.
pub struct Options<'a> {
    /// The configuration file.
    pub config: &'a Path,
    /// Whether every account of the panel is read (custom hosting's always are), and every site looked at as a visitor would.
    pub deep: bool,
    /// Asks the broker for a line about itself; `None` where none is needed.
    pub broker: Option<&'a dyn Fn() -> Result<String, Error>>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but somebody should look at it.
    Warning,
    /// It does not work.
    Fail,
    /// It does not apply, or could not be found out.
    Unknown,
    /// It was not looked at, because of an earlier failure.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A stable name.
    pub name: &'static str,
    /// How it ended.
    pub state: State,
    /// What was found.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
    /// The kind of the failure.
    #[serde(serialize_with = "kind_name")]
    pub kind: Option<ErrorKind>,
    /// How long it took.
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub time: Duration,
}

fn kind_name<S: Serializer>(kind: &Option<ErrorKind>, serializer: S) -> Result<S::Ok, S::Error> {
    kind.map(ErrorKind::name).serialize(serializer)
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).serialize(serializer)
}

/// Is told of each check as it begins and ends.
pub trait Watcher {
    /// The check of that name begins.
    fn begin(&mut self, name: &'static str);
    /// The check has ended.
    fn end(&mut self, check: &Check);
}

/// All checks, in the order in which they were made.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing failed.
    pub ok: bool,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// The kind of the first failure.
    pub fn failure(&self) -> Option<ErrorKind> {
        self.checks.iter().find_map(|check| check.kind)
    }
}

/// Names of the checks, in their order.
pub const NAMES: [&str; 21] = [
    "programs",
    "configuration-file",
    "configuration",
    "panel",
    "accounts",
    "state-directory",
    "store",
    "jobs",
    "principals",
    "broker",
    "publication",
    "endpoint",
    "ftp",
    "sites",
    "transport",
    "builder-name",
    "builder-connection",
    "builder-certificate",
    "clock",
    "builder-credentials",
    "builder-licence",
];

/// Makes all checks.
pub fn run(options: &Options<'_>, watcher: &mut dyn Watcher) -> Report {
    let mut examination = Examination { watcher, checks: Vec::with_capacity(NAMES.len()) };
    examine(options, &mut examination);
    // What an earlier failure left out is named all the same: the list is always complete.
    for name in NAMES {
        if examination.checks.iter().all(|check| check.name != name) {
            examination.check(name, || (Finding::skipped(), ()));
        }
    }
    let checks = examination.checks;
    Report { ok: checks.iter().all(|check| check.state != State::Fail), checks }
}

fn examine(options: &Options<'_>, examination: &mut Examination<'_>) {
    examination.check("programs", || (server::programs(), ()));
    let Some(bytes) = examination.check("configuration-file", || server::file(options.config)) else {
        return;
    };
    let Some(config) = examination.check("configuration", || server::settings(options.config, &bytes)) else {
        return;
    };
    local(options, &config, examination);
    remote(&config, examination);
}

fn local(options: &Options<'_>, config: &Config, examination: &mut Examination<'_>) {
    let panel = examination.check("panel", || server::panel(config));
    if let Some(panel) = &panel {
        examination.check("accounts", || (server::accounts(panel.as_ref(), options.deep), ()));
    }
    examination.check("state-directory", || (server::state_directory(&config.state_dir), ()));
    examination.check("store", || (server::store(&config.state_dir), ()));
    examination.check("jobs", || (jobs::finding(&config.state_dir, options.broker.is_some()), ()));
    if let Some(panel) = &panel {
        examination.check("principals", || (server::principals(config, panel.as_ref()), ()));
    }
    examination.check("broker", || (server::broker(options.broker), ()));
    examination.check("publication", || (publication::settings(config), ()));
    examination.check("endpoint", || (publication::endpoint(config), ()));
    examination.check("ftp", || (publication::ftp(config, panel.as_deref()), ()));
    if let Some(panel) = &panel {
        examination.check("sites", || (publication::sites(config, panel.as_ref(), options.deep), ()));
    }
}

fn remote(config: &Config, examination: &mut Examination<'_>) {
    let builder = &config.builder;
    examination.check("transport", || (builder::transport(builder), ()));
    let none = builder::no_credentials(builder);
    let nothing_to_try = none.is_some();
    if let Some(finding) = none {
        examination.check("builder-credentials", || (finding, ()));
    }
    let Some(addresses) = examination.check("builder-name", || builder::name(builder)) else { return };
    if examination.check("builder-connection", || builder::connection(builder, &addresses)).is_none() {
        return;
    }
    let client = Client::new(builder);
    let Some(greeting) = examination.check("builder-certificate", || builder::certificate(builder, &client))
    else {
        return;
    };
    examination.check("clock", || (builder::clock(greeting.date), ()));
    if nothing_to_try {
        return;
    }
    let verdict = examination.check("builder-credentials", || builder::credentials(&client));
    if let Some(verdict) = verdict {
        examination.check("builder-licence", || (builder::licence(config, verdict), ()));
    }
}

/// What a check found.
struct Finding {
    state: State,
    text: String,
    advice: Option<String>,
    kind: Option<ErrorKind>,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Self { state: State::Ok, text: text.into(), advice: None, kind: None }
    }

    fn unknown(text: impl Into<String>) -> Self {
        Self { state: State::Unknown, ..Self::ok(text) }
    }

    fn skipped() -> Self {
        Self { state: State::Skipped, ..Self::ok("not looked at, because an earlier check failed") }
    }

    fn warning(text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Warning, advice: Some(advice.into()), ..Self::ok(text) }
    }

    fn fail(kind: ErrorKind, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state: State::Fail, kind: Some(kind), advice: Some(advice.into()), ..Self::ok(text) }
    }

    /// An error whose message already says what to do.
    fn error(error: &Error) -> Self {
        Self { state: State::Fail, kind: Some(error.kind()), ..Self::ok(error.chain()) }
    }

    fn error_with(error: &Error, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..Self::error(error) }
    }
}

struct Examination<'a> {
    watcher: &'a mut dyn Watcher,
    checks: Vec<Check>,
}

impl Examination<'_> {
    /// Makes a check and keeps what it found; returns what the check returns for later ones.
    fn check<T>(&mut self, name: &'static str, look: impl FnOnce() -> (Finding, T)) -> T {
        self.watcher.begin(name);
        let start = Instant::now();
        let (finding, result) = look();
        let Finding { state, text, advice, kind } = finding;
        let check = Check { name, state, text, advice, kind, time: start.elapsed() };
        self.watcher.end(&check);
        self.checks.push(check);
        result
    }
}

#[cfg(test)]
mod tests;
