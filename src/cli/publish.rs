//! `panelgate publish`: what the builder has published, and taking it back.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::output::{Cell, Output, Style};
use crate::error::Result;
use crate::gateway::{self, Reach};
use crate::ops::endpoint::ManageRequest;
use crate::publish::worker::Manage;
use crate::sys::clock::utc;
use crate::types::{Domain, Reference};

/// Show what is published of a site, or take it back
///
/// The builder's files lie in the account's document root; what they replaced is kept below .panelgate in the account's home. All work there is done by
/// a process of the account itself. While a publication is under way, the broker does it.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what is published
    ///
    /// JSON: {"published", "files", "bytes", "last": {"number", "kind", "opened", "closed", "files", "bytes"} or null, "window": number of paths that a
    /// publication under way has touched, or null, "can_undo"}
    Status(Site),
    /// Show the publications so far, the oldest first
    ///
    /// JSON: an array of {"number", "kind", "opened", "closed", "files", "bytes"}; kind is http, archive, undo or unpublish; times are in seconds since 1970.
    History(Site),
    /// Go back to what was published before the last publication
    ///
    /// What was changed by hand since then is set aside, not lost. A publication under way is closed first and taken back.
    ///
    /// JSON: {"number", "removed", "restored", "set_aside", "kept"}
    Undo(Site),
    /// Remove what was published, and put back what was there before the first publication
    ///
    /// Removes exactly the files that the builder sent. Files of the account's own, and data that the site wrote itself, stay.
    ///
    /// JSON: as undo
    Unpublish(Site),
}

#[derive(Args)]
struct Site {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    fn parts(&self) -> (&Site, Manage) {
        match self {
            Self::Status(site) => (site, Manage::Status),
            Self::History(site) => (site, Manage::History),
            Self::Undo(site) => (site, Manage::Undo),
            Self::Unpublish(site) => (site, Manage::Unpublish),
        }
    }
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        self.command.parts().0.json
    }
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let (site, what) = arguments.command.parts();
    let request =
        ManageRequest { reference: Reference::random(), account: None, site: site.site.clone(), what };
    let result = gateway::for_program(reach)?.manage(&request)?;
    if site.json {
        output.json(&result);
        return Ok(0);
    }
    match what {
        Manage::Status => status(&result, output),
        Manage::History => {
            let rows: Vec<Vec<Cell>> = result.as_array().into_iter().flatten().map(row).collect();
            output.table(0, &["NUMBER", "KIND", "BEGUN (UTC)", "COMPLETE (UTC)", "FILES", "BYTES"], &rows);
        }
        Manage::Undo | Manage::Unpublish => {
            let count = |name: &str| number(&result[name]);
            let text = format!(
                "{} files were removed, {} are back as they were before.",
                count("removed"),
                count("restored")
            );
            output.line(&[Cell::new(text)]);
            for (name, what) in [
                (
                    "set_aside",
                    "files that were changed by hand since were set aside below .panelgate in the home.",
                ),
                (
                    "kept",
                    "files of before could not come back, because something else has their place; they are kept there too.",
                ),
            ] {
                if count(name) > 0 {
                    output.line(&[Cell::new(format!("{} {what}", count(name)))]);
                }
            }
        }
    }
    Ok(0)
}

fn status(status: &Value, output: &mut Output) {
    let mut line = |name: &str, value: String| {
        output.line(&[Cell::new(format!("{name:<10}")).style(Style::Faint), Cell::new(value)]);
    };
    let yes = |value: &Value| if value.as_bool() == Some(true) { "yes" } else { "no" };
    line("published", yes(&status["published"]).to_owned());
    line("files", number(&status["files"]).to_string());
    line("bytes", number(&status["bytes"]).to_string());
    if let Some(last) = status["last"].as_object() {
        let kind = last.get("kind").and_then(Value::as_str).unwrap_or_default();
        let closed = last.get("closed").map(number).unwrap_or_default();
        line("last", format!("{} UTC, {kind}", utc(closed)));
    }
    if let Some(touched) = status["window"].as_u64() {
        line("under way", format!("{touched} files and folders touched so far"));
    }
    line("undo", yes(&status["can_undo"]).to_owned());
}

fn row(past: &Value) -> Vec<Cell> {
    vec![
        Cell::new(number(&past["number"]).to_string()),
        Cell::new(past["kind"].as_str().unwrap_or_default()),
        Cell::new(utc(number(&past["opened"]))),
        Cell::new(utc(number(&past["closed"]))),
        Cell::new(number(&past["files"]).to_string()),
        Cell::new(number(&past["bytes"]).to_string()),
    ]
}

/// A number that the account's process wrote.
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
