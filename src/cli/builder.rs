//! `panelgate builder`: which calls this builder has.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::asking::hush;
use super::call::{new_file, write_record};
use super::output::{Cell, Output, Style};
use super::progress::Progress;
use crate::builder::Presence;
use crate::error::Result;
use crate::gateway::{self, Reach};
use crate::ops::presence::{self, Found};

/// Find out about the builder
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        let Command::Probe(probe) = &self.command;
        probe.json
    }
}

#[derive(Subcommand)]
enum Command {
    Probe(Probe),
}

/// Look which calls this builder has
///
/// Each path is asked for with GET, which changes nothing: 404 or a web page means that the call is not there, 405 or an error in JSON that it is; anything else
/// says nothing. No path is ever posted to. What is found is kept for a day. It is a hint only: no call is refused because of it. The paths are those below
/// what the section builder says as url: where sessions name another address for the calls about a site, those calls may be there and not here.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate builder probe
  panelgate builder probe --again --record probe.json

JSON: an array of {\"call\", \"presence\", \"status\", \"at\"}; the presence is there, absent, unknown,
  or null for a call that is off here.")]
struct Probe {
    /// Do not take what was found within a day
    #[arg(long)]
    again: bool,

    /// Write what is sent and answered, without secrets, to this new file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let Command::Probe(probe) = &arguments.command;
    let direct = gateway::direct(reach)?;
    hush();
    let file = probe.record.as_deref().map(|path| new_file(path).map(|file| (file, path))).transpose()?;
    if file.is_some() {
        direct.context().builder.record();
    }
    let progress = Progress::start("asking the builder");
    let result = presence::look(direct.context(), probe.again || file.is_some());
    drop(progress);
    if let Some((file, path)) = &file {
        write_record(file, path, &json!(direct.context().builder.recorded()))?;
    }
    let found = result?;
    if probe.json {
        output.json(&found);
        return Ok(0);
    }
    let rows: Vec<Vec<Cell>> = found.iter().map(row).collect();
    output.table(0, &["CALL", "HERE", "HTTP"], &rows);
    Ok(0)
}

fn row(found: &Found) -> Vec<Cell> {
    let presence = match found.presence {
        Some(Presence::There) => Cell::new("there").style(Style::Good),
        Some(Presence::Absent) => Cell::new("absent").style(Style::Doubtful),
        Some(Presence::Unknown) => Cell::new("unknown").style(Style::Faint),
        None => Cell::new("-").style(Style::Faint),
    };
    let status = found.status.map_or_else(String::new, |status| status.to_string());
    vec![Cell::new(found.call), presence, Cell::new(status)]
}
