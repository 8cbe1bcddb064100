//! `panelgate status`: what the broker is doing.

use std::path::Path;

use clap::Args;

use super::output::{Cell, Output, Style};
use crate::broker;
use crate::error::Result;
use crate::gateway::{Reach, Remote};

/// Show what the broker is doing
///
/// Asks the running broker for its counters since its start: requests answered, sessions opened, requests refused, connections dropped without an
/// answer, and what is queued and running at the moment; how many openings wait for the builder (opening) or for a place to do so (waiting), and how many session
/// calls in a row the builder has let wait in vain (unanswered: 0 when it works); and how many jobs wait and run, whether the program that runs them (panelgate-jobs.service) is there, and how
/// many were given up within a week.
#[derive(Args)]
#[command(after_long_help = "JSON:
  {\"version\", \"panel\", \"uptime\", \"queued\", \"running\", \"threads\", \"opening\", \"waiting\", \"unanswered\",
   \"answered\", \"opened\", \"refused\", \"dropped\", \"workers\", \"jobs\": {\"run\", \"waiting\", \"due\", \"running\", \"failed\"}}
  uptime is in seconds.")]
pub(super) struct Arguments {
    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let broker = Remote::new(reach.socket.unwrap_or(Path::new(broker::SOCKET)));
    let status = broker.call("status", None, &serde_json::Value::Null)?;
    if arguments.json {
        output.json(&status);
        return Ok(0);
    }
    for (name, value) in status.as_object().into_iter().flatten() {
        let value = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Object(parts) => jobs(parts),
            other => other.to_string(),
        };
        output.line(&[Cell::new(format!("{name:<10}")).style(Style::Faint), Cell::new(value)]);
    }
    Ok(0)
}

fn jobs(parts: &serde_json::Map<String, serde_json::Value>) -> String {
    let number = |name: &str| parts.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let runs = parts.get("run").is_some_and(|run| run == true);
    format!(
        "{}: {} waiting ({} due), {} running, {} given up within a week",
        if runs { "they are run" } else { "NOT RUN (panelgate-jobs.service)" },
        number("waiting"),
        number("due"),
        number("running"),
        number("failed")
    )
}
