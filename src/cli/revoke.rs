//! `panelgate revoke`: ending publication credentials.

use clap::{ArgGroup, Args};
use serde_json::json;

use super::output::{Cell, Output};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Reach, Remote};
use crate::ops::admin::{self, Target};
use crate::types::{Domain, Username};

/// End the publication credentials that were handed out so far
///
/// The builder cannot publish with them any more. The next opening of each site hands out new ones by itself.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate revoke shop.example
  panelgate revoke --account alice
  panelgate revoke --all

JSON: an array of the sites.")]
#[command(group(ArgGroup::new("target").required(true).args(["site", "account", "all"])))]
pub(super) struct Arguments {
    /// Those of this site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Option<Domain>,

    /// Those of all sites of this account
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text))]
    account: Option<Username>,

    /// All of this server
    #[arg(long)]
    all: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let sites: Vec<Domain> = match reach.socket {
        Some(socket) => {
            let args = json!({ "site": arguments.site, "account": arguments.account, "all": arguments.all });
            Remote::new(socket).call_as("revoke", args)?
        }
        None => {
            let direct = gateway::direct(reach)?;
            admin::revoke(direct.context(), direct.principal(), &target(arguments)?)?
        }
    };
    if arguments.json {
        output.json(&json!(sites));
    } else {
        let sites_or_site = if sites.len() == 1 { "site" } else { "sites" };
        output.line(&[Cell::new(format!("The credentials of {} {sites_or_site} have ended.", sites.len()))]);
        sites.iter().for_each(|site| output.line(&[Cell::new(format!("  {site}"))]));
    }
    Ok(0)
}

/// What is meant; never more than was said.
fn target(arguments: &Arguments) -> Result<Target> {
    match (&arguments.site, &arguments.account, arguments.all) {
        (Some(site), None, false) => Ok(Target::Site(site.clone())),
        (None, Some(account), false) => Ok(Target::Account(account.clone())),
        (None, None, true) => Ok(Target::All),
        _ => Err(Error::new(ErrorKind::InvalidArgument, "name exactly one of SITE, --account and --all")),
    }
}
