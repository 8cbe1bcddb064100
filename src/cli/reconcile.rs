//! `panelgate reconcile`: comparing panel and store.

use clap::Args;
use serde_json::json;

use super::output::{Cell, Output, Style};
use crate::error::{ErrorKind, Result};
use crate::gateway::{self, Reach};
use crate::ops::reconcile::{self, Drift, Finding, Report, Wish};

/// Compare the panel with what Panelgate knows, and look after what no hook has reported
///
/// panelgate-reconcile.timer does it every hour. A site that the panel does not have any more is backed up at the builder and deleted there after the grace time of
/// the configuration, unless it comes back. No more than 5 sites, or 2 % of all if that is more, are found gone at a time.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate reconcile --dry-run
  panelgate reconcile --force

JSON: an object with sites, limit, held, unreadable and findings (site, account, key, drift, text,
job, held); drift is gone, waiting, back, suspended, resumed, without, renamed or unreadable.

Exit codes: 0; 10 if the panel's data of an account cannot be read: everything else was done.")]
pub(super) struct Arguments {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,

    /// However many sites are gone
    #[arg(long)]
    force: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let direct = gateway::direct(reach)?;
    let wish = Wish { dry_run: arguments.dry_run, force: arguments.force };
    let report = reconcile::run(direct.context(), direct.principal(), wish)?;
    if arguments.json {
        output.json(&json!(report));
    } else {
        show(&report, arguments.dry_run, output);
    }
    Ok(if report.unreadable > 0 { ErrorKind::PanelData.exit_code() } else { 0 })
}

fn show(report: &Report, dry_run: bool, output: &mut Output) {
    if report.findings.is_empty() {
        let text = match report.sites {
            1 => "1 site agrees with the panel.".to_owned(),
            sites => format!("{sites} sites agree with the panel."),
        };
        output.line(&[Cell::new(text)]);
        return;
    }
    let rows: Vec<Vec<Cell>> = report.findings.iter().map(|finding| row(finding, dry_run)).collect();
    output.table(0, &["SITE", "ACCOUNT", "WHAT", "FOLLOWS"], &rows);
    let count = report.findings.len();
    output.line(&[Cell::new(format!("{count} of {} sites do not agree with the panel.", report.sites))]);
    if report.held > 0 {
        let text = format!(
            "{} more than {} are gone and left alone: if that is right, run panelgate reconcile --force.",
            report.held, report.limit
        );
        output.line(&[Cell::new(text).style(Style::Bad)]);
    }
}

fn row(finding: &Finding, dry_run: bool) -> Vec<Cell> {
    let follows = match finding.job {
        Some(job) => format!("job {job}"),
        None if finding.held => "left alone".to_owned(),
        None if dry_run && finding.drift != Drift::Unreadable => "would be looked after".to_owned(),
        None => "nothing".to_owned(),
    };
    vec![
        Cell::new(finding.site.to_string()),
        Cell::new(finding.account.to_string()),
        Cell::new(&finding.text),
        Cell::new(follows),
    ]
}
