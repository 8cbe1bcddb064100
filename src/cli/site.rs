//! `panelgate site`: what is done to one site.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::output::{Cell, Output};
use super::website;
use crate::error::Result;
use crate::gateway::{self, Reach, Remote};
use crate::ops::admin;
use crate::types::Domain;

/// Do something to one site
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            Command::Claim(command) => command.json,
            Command::Create(command) => command.json,
            Command::Rename(command) => command.json,
            Command::Publish(command) => command.json,
            Command::Delete(command) => command.json,
            Command::Pages(command) => command.wants_json(),
            Command::Settings(command) => command.json,
        }
    }
}

#[derive(Subcommand)]
enum Command {
    Claim(Claim),
    Create(website::Create),
    Rename(website::Rename),
    Publish(website::Publish),
    Delete(website::Delete),
    Pages(website::Pages),
    Settings(website::Settings),
}

/// Give a site its own name at the builder
///
/// Where several servers share a brand (shared_brand = yes in the configuration), a site whose name does not lead to this server gets a number at the builder, since a
/// site of that name may be another server's there. If you know that it is this one's, claim it: from then on it opens under its own name. A name that
/// once belonged to another account of this server cannot be claimed.
#[derive(Args)]
#[command(after_long_help = "JSON: {\"site\", \"key\"}, the key being its name at the builder.")]
struct Claim {
    /// The site; it must have been opened once
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize, Deserialize)]
struct Claimed {
    site: Domain,
    key: String,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    match &arguments.command {
        Command::Claim(command) => return claim(command, reach, output),
        // It works in this process before it asks for the deletion.
        Command::Delete(command) => return website::delete(command, reach, output).map(|()| 0),
        _ => {}
    }
    let gateway = gateway::for_program(reach)?;
    let gateway = gateway.as_ref();
    match &arguments.command {
        Command::Claim(_) | Command::Delete(_) => {}
        Command::Create(command) => website::create(command, gateway, output)?,
        Command::Rename(command) => website::rename(command, gateway, output)?,
        Command::Publish(command) => website::publish(command, gateway, output)?,
        Command::Pages(command) => website::pages(command, gateway, output)?,
        Command::Settings(command) => website::settings(command, gateway, output)?,
    }
    Ok(0)
}

fn claim(claim: &Claim, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let claimed: Claimed = match reach.socket {
        Some(socket) => Remote::new(socket).call_as("claim", json!({ "site": claim.site }))?,
        None => {
            let direct = gateway::direct(reach)?;
            let row = admin::claim(direct.context(), direct.principal(), &claim.site)?;
            Claimed { site: row.domain, key: row.key.to_string() }
        }
    };
    if claim.json {
        output.json(&claimed);
    } else {
        output.line(&[Cell::new(format!("{} is {} at the builder.", claimed.site, claimed.key))]);
    }
    Ok(0)
}
