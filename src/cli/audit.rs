//! `panelgate audit`: who opened what.

use clap::Args;
use serde_json::json;

use super::output::{Cell, Output};
use crate::error::Result;
use crate::gateway::{self, Reach, Remote};
use crate::limits;
use crate::ops::admin;
use crate::store::{AuditEntry, AuditQuery};
use crate::types::{Domain, Username};

/// Show who opened what, newest first
///
/// One line for every attempt to open a session: when (UTC), who the kernel says it was, account, site, result, and the reference number that page and
/// log have too. What a caller says about itself, such as the visitor's address, is shown as claimed: nobody has proved it.
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
        Cell::new(utc(entry.at)),
        Cell::new(&entry.reference),
        Cell::new(&entry.principal),
        optional(&entry.account),
        optional(&entry.site),
        Cell::new(&entry.result),
        optional(&entry.claimed),
    ]
}

/// `2026-11-21 09:30:00`, from seconds since 1970. The calendar's arithmetic counts days from 1 March of the year 0, so that the leap day is a year's
/// last.
pub(super) fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, want) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_795_253_400, "2026-11-21 09:30:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(utc(seconds), want);
        }
    }
}
