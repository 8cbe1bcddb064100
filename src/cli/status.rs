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
/// answer, and what is queued and running at the moment.
#[derive(Args)]
#[command(after_long_help = "JSON:
  {\"version\", \"panel\", \"uptime\", \"queued\", \"running\", \"answered\", \"opened\", \"refused\", \"dropped\"}
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
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        output.line(&[Cell::new(format!("{name:<10}")).style(Style::Faint), Cell::new(value)]);
    }
    Ok(0)
}
