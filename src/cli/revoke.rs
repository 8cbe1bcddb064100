//! `panelgate revoke`: ending publication credentials.

use clap::Args;
use serde_json::json;

use super::output::{Cell, Output};
use crate::error::Result;
use crate::gateway::{self, Reach};
use crate::ops::admin::{self, Target};
use crate::types::{Domain, Username};

/// End the publication credentials that were handed out so far
///
/// The builder cannot publish with them any more. The next opening of each site hands out new ones by itself. Suspension, removal and a change of owner
/// do the same.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate revoke shop.example
  panelgate revoke --account alice
  panelgate revoke --all

JSON: an array of the sites.")]
#[group(required = true, multiple = false)]
pub(super) struct Arguments {
    /// Those of this site
    #[arg(value_parser = |text: &str| Domain::new(text), group = "target")]
    site: Option<Domain>,

    /// Those of all sites of this account
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text), group = "target")]
    account: Option<Username>,

    /// All of this server
    #[arg(long, group = "target")]
    all: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let target = match (&arguments.site, &arguments.account) {
        (Some(site), _) => Target::Site(site.clone()),
        (None, Some(account)) => Target::Account(account.clone()),
        (None, None) => Target::All,
    };
    let direct = gateway::direct(reach)?;
    let sites = admin::revoke(direct.context(), direct.principal(), &target)?;
    if arguments.json {
        output.json(&json!(sites));
    } else {
        output.line(&[Cell::new(format!("The credentials of {} sites have ended.", sites.len()))]);
        sites.iter().for_each(|site| output.line(&[Cell::new(format!("  {site}"))]));
    }
    Ok(0)
}
