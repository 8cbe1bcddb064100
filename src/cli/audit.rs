//! `panelgate audit`: who opened what.

use clap::Args;
use serde_json::json;

use super::output::{Cell, Output};
use crate::error::Result;
use crate::gateway::{self, Reach, Remote};
use crate::limits;
use crate::ops::admin;
use crate::store::{AuditEntry, AuditQuery};
use crate::sys::clock;
use crate::types::{Domain, Username};

/// Show who opened what, newest first
///
/// One line for every attempt to open a session, for calls that change something at the builder, and for publications: when (UTC), who the kernel says it
/// was, account, site, result, and the reference number that page and log have too. What a caller says about itself, such as the visitor's address, is shown as claimed: nobody has proved it.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate audit --site shop.example
  panelgate audit --account alice --limit 50 --json

JSON: an array of
  {\"at\", \"reference\", \"principal\", \"account\", \"site\", \"operation\", \"result\", \"claimed\"}
  at is in seconds since 1970 (UTC); result is ok or the name of an error.")]
pub(super) struct Arguments {
    /// Only this account
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text))]
    account: Option<Username>,

    /// Only this site
    #[arg(long, value_name = "DOMAIN", value_parser = |text: &str| Domain::new(text))]
    site: Option<Domain>,

    /// At most so many lines
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=limits::AUDIT_LINES as i64))]
    limit: u16,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    if let Some(socket) = reach.socket {
        let args = json!({ "account": arguments.account, "site": arguments.site, "limit": arguments.limit });
        return show(&Remote::new(socket).call_as::<Vec<AuditEntry>>("audit", args)?, arguments, output);
    }
    let direct = gateway::direct(reach)?;
    let query = AuditQuery {
        account: arguments.account.as_ref().map(ToString::to_string),
        site: arguments.site.as_ref().map(ToString::to_string),
        limit: usize::from(arguments.limit),
    };
    show(&admin::audit(direct.context(), direct.principal(), &query)?, arguments, output)
}

fn show(entries: &[AuditEntry], arguments: &Arguments, output: &mut Output) -> Result<u8> {
    if arguments.json {
        output.json(&entries);
        return Ok(0);
    }
    let rows: Vec<Vec<Cell>> = entries.iter().map(row).collect();
    output.table(0, &["WHEN (UTC)", "REFERENCE", "WHO", "ACCOUNT", "SITE", "RESULT", "CLAIMED"], &rows);
    Ok(0)
}

fn row(entry: &AuditEntry) -> Vec<Cell> {
    let optional = |text: &Option<String>| Cell::new(text.as_deref().unwrap_or("-"));
    vec![
        Cell::new(clock::utc(entry.at)),
        Cell::new(&entry.reference),
        Cell::new(&entry.principal),
        optional(&entry.account),
        optional(&entry.site),
        Cell::new(&entry.result),
        optional(&entry.claimed),
    ]
}
