//! `panelgate site`: what is done to one site.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::output::{Cell, Output};
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
        let Command::Claim(claim) = &self.command;
        claim.json
    }
}

#[derive(Subcommand)]
enum Command {
    Claim(Claim),
}

/// Give a site its own name at the builder
///
/// Where several servers share a brand (shared_brand = yes in the configuration), a site whose name does not lead to this server gets a number at the builder, since a
/// site of that name may be another server's there. If you know that it is this one's, claim it: from then on it opens under its own name. A name that
/// once belonged to another account of this server cannot be claimed.
#[derive(Args)]
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
    let Command::Claim(claim) = &arguments.command;
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
