//! `panelgate site`: what is done to one site.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{Cell, Output};
use crate::error::Result;
use crate::gateway::{self, Reach};
use crate::ops::admin;
use crate::types::Domain;

/// Do something to one site
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
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

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let Command::Claim(claim) = &arguments.command;
    let direct = gateway::direct(reach)?;
    let row = admin::claim(direct.context(), direct.principal(), &claim.site)?;
    if claim.json {
        output.json(&json!({ "site": row.domain, "key": row.key.as_str() }));
    } else {
        output.line(&[Cell::new(format!("{} is {} at the builder.", row.domain, row.key))]);
    }
    Ok(0)
}
