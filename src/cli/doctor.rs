//! `panelgate doctor`: prints what [`crate::ops::doctor`] finds.

use std::path::Path;

use clap::Args;

use super::output::{Cell, Output, Style};
use super::progress::Progress;
use crate::broker;
use crate::error::{ErrorKind, Result};
use crate::gateway::{self, Reach, Remote};
use crate::ops::doctor::{self, Check, Options, State, Watcher};
use crate::sys::identity;

/// Check configuration, panel and builder, and say in plain words what is wrong
///
/// Looks at the programs and the configuration file with their permissions, the panel and its accounts, the state directory, the users that are trusted, the
/// publication, and the way to the builder: name, connection, certificate, clock, credentials, licence. Each failure says what to do about it.
///
/// Nothing is changed, here or at the builder, and no password is shown. Run it after installing, after changing the configuration, and when the
/// button does not work. Where it is not run by root, the broker is asked for what it finds.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate doctor
  panelgate doctor --deep                       read every account of the panel, too
  panelgate doctor --json | jq '.checks[] | select(.state != \"ok\")'
  panelgate doctor --config ./panelgate.ini     check a file before installing it

Exit code: 0 if nothing failed (warnings are no failures), else that of the
first failure.

JSON:
  {\"ok\", \"checks\": [{\"name\", \"state\", \"text\", \"advice\", \"kind\", \"milliseconds\"}]}
  Every check is there, always; state is ok, warning, fail, unknown or skipped.")]
pub(super) struct Arguments {
    /// Read every account of the panel instead of counting them; takes minutes on a large server
    #[arg(long)]
    deep: bool,

    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    if reach.config.is_none() && identity::uids().effective != 0 {
        return relay(arguments.json, reach, output);
    }
    let config = gateway::direct_config(reach)?;
    let report = show(config, reach, arguments.deep, arguments.json, output);
    if arguments.json {
        output.json(&report);
    }
    Ok(report.failure().map_or(0, ErrorKind::exit_code))
}

/// Examines, and says each check as it comes, unless a program reads the output.
pub(super) fn show(
    config: &Path,
    reach: Reach<'_>,
    deep: bool,
    json: bool,
    output: &mut Output,
) -> doctor::Report {
    let ask = || ask_broker(reach);
    // The installed programs need the broker; a configuration of one's own does not.
    let broker: Option<&dyn Fn() -> Result<String>> =
        if reach.config.is_none() || reach.socket.is_some() { Some(&ask) } else { None };
    let options = Options { config, deep, broker };
    let report = {
        let mut printer = Printer { output, json, progress: None };
        doctor::run(&options, &mut printer)
    };
    if !json {
        summary(&report, output);
    }
    report
}

/// Prints what the broker finds.
fn relay(json: bool, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let socket = reach.socket.unwrap_or(Path::new(broker::SOCKET));
    let asked = Remote::new(socket).call("doctor", None, &serde_json::Value::Null);
    let report = asked.map_err(|error| match error.kind() {
        ErrorKind::Unavailable => {
            error.context("not run by root, the doctor asks the broker; run it as root")
        }
        _ => error,
    })?;
    if json {
        output.json(&report);
    }
    let text = |check: &serde_json::Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let mut failure = None;
    for check in report["checks"].as_array().into_iter().flatten() {
        if !json && check["state"] != "skipped" {
            let name = format!("{:<20}", text(check, "name"));
            let line = [format!("{:<8}", text(check, "state")), name, text(check, "text")];
            output.line(&line.map(Cell::new));
            if let Some(advice) = check["advice"].as_str() {
                output.line(&[Cell::new(format!("{:28}-> {advice}", ""))]);
            }
        }
        failure = failure.or_else(|| check["kind"].as_str().and_then(ErrorKind::by_name));
    }
    Ok(failure.map_or(0, ErrorKind::exit_code))
}

fn ask_broker(reach: Reach<'_>) -> Result<String> {
    let socket = reach.socket.unwrap_or(Path::new(broker::SOCKET));
    let status = Remote::new(socket).call("status", None, &serde_json::Value::Null)?;
    let number = |name: &str| status[name].as_u64().unwrap_or_default();
    let text = format!(
        "running for {} s: {} opened, {} refused, {} dropped, {} waiting",
        number("uptime"),
        number("opened"),
        number("refused"),
        number("dropped"),
        number("queued") + number("waiting")
    );
    Ok(text)
}

struct Printer<'a> {
    output: &'a mut Output,
    json: bool,
    progress: Option<Progress>,
}

impl Watcher for Printer<'_> {
    fn begin(&mut self, name: &'static str) {
        self.progress = Some(Progress::start(name));
    }

    fn end(&mut self, check: &Check) {
        self.progress = None;
        // What was not looked at is named at the end, in one line.
        if !self.json && check.state != State::Skipped {
            print(check, self.output);
        }
    }
}

const fn word(state: State) -> (&'static str, Style) {
    match state {
        State::Ok => ("ok      ", Style::Good),
        State::Warning => ("warning ", Style::Doubtful),
        State::Fail => ("FAIL    ", Style::Bad),
        State::Unknown => ("unknown ", Style::Faint),
        State::Skipped => ("skipped ", Style::Faint),
    }
}

fn print(check: &Check, output: &mut Output) {
    let (word, style) = word(check.state);
    let time = format!("  ({} ms)", check.time.as_millis());
    output.line(&[
        Cell::new(word).style(style),
        Cell::new(format!("{:<20}", check.name)).style(Style::Strong),
        Cell::new(&check.text),
        Cell::new(time).style(Style::Faint),
    ]);
    if let Some(advice) = &check.advice {
        output.line(&[Cell::new(format!("{:28}-> {advice}", ""))]);
    }
}

fn summary(report: &doctor::Report, output: &mut Output) {
    let skipped: Vec<&str> =
        report.checks.iter().filter(|check| check.state == State::Skipped).map(|check| check.name).collect();
    if !skipped.is_empty() {
        let text = format!("Not looked at, because of an earlier failure: {}.", skipped.join(", "));
        output.line(&[Cell::new(text).style(Style::Faint)]);
    }
    let count = |state| report.checks.iter().filter(|check| check.state == state).count();
    let (warnings, failures) = (count(State::Warning), count(State::Fail));
    let (text, style) = match (failures, warnings) {
        (0, 0) => ("All is well.".to_owned(), Style::Good),
        (0, warnings) => (format!("It works; warnings: {warnings}."), Style::Doubtful),
        (failures, warnings) => {
            (format!("Failures: {failures}, warnings: {warnings}. Begin with the first failure."), Style::Bad)
        }
    };
    output.line(&[Cell::new(text).style(style)]);
}
