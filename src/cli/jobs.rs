//! `panelgate jobs`: the program that runs jobs, and a look at them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Cell, Output, Style};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Reach};
use crate::jobs;
use crate::limits;
use crate::ops::policy::{self, Operation};
use crate::store::{Job, JobQuery, JobState};
use crate::sys::clock;
use crate::types::{Domain, Username};

/// Run what takes long: backups, deleting projects of sites that are gone; or see how far it is
///
/// Without a further word it runs jobs until it is told to stop; systemd starts it (panelgate-jobs.service). Jobs are rows in the store: whoever wants something
/// queues one, and it is tried until it is done or given up for a stated reason. SIGTERM lets it end; what runs then, and what runs when it is killed, is taken
/// up again at the next start. SIGHUP makes it read the configuration again. Only one of it runs at a time.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Examples:
  panelgate jobs --once                 run what is due, then end
  panelgate jobs list                   what waits, runs, or was given up
  panelgate jobs retry 17               try it again now
  panelgate jobs cancel 17

JSON: an array of
  {\"id\", \"kind\", \"lane\", \"subject\", \"account\", \"site\", \"state\", \"attempts\", \"next\", \"percent\",
   \"step\", \"reason\", \"result\", \"queued\", \"started\", \"done\"}
  state is waiting, running, done, failed or cancelled; times are in seconds since 1970 (UTC).
  retry and cancel give an array with the one job."
)]
pub(super) struct Arguments {
    /// End when nothing is left whose time has come
    #[arg(long)]
    once: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    List(List),
    /// Try a job again now, as if it were new
    Retry(One),
    /// End a job that waits or runs
    Cancel(One),
}

/// List jobs, newest first
#[derive(Args)]
struct List {
    /// Also those that are done or were cancelled
    #[arg(long)]
    all: bool,

    /// Only this account
    #[arg(long, value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text))]
    account: Option<Username>,

    /// Only this site
    #[arg(long, value_name = "DOMAIN", value_parser = |text: &str| Domain::new(text))]
    site: Option<Domain>,

    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=limits::AUDIT_LINES as i64))]
    limit: u16,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct One {
    /// Its number
    id: u64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            None => false,
            Some(Command::List(list)) => list.json,
            Some(Command::Retry(one) | Command::Cancel(one)) => one.json,
        }
    }
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let Some(command) = &arguments.command else {
        let config = gateway::direct_config(reach)?.to_owned();
        // What it says at its usual level is the log of this server.
        log::set_max_level(log::max_level().max(log::LevelFilter::Info));
        jobs::run(&jobs::Options { config, once: arguments.once })?;
        return Ok(0);
    };
    let direct = gateway::direct(reach)?;
    policy::allow(direct.principal(), Operation::ManageJobs, direct.context().panel.kind())?;
    let store = direct.context().store()?;
    match command {
        Command::List(list) => {
            let query = JobQuery {
                account: list.account.as_ref().map(ToString::to_string),
                site: list.site.as_ref().map(ToString::to_string),
                limit: usize::from(list.limit),
                open: !list.all,
                ..JobQuery::default()
            };
            show(&store.jobs(&query)?, list.json, output);
        }
        Command::Retry(one) => show(&[found(store.retry_job(one.id)?, one.id)?], one.json, output),
        Command::Cancel(one) => show(&[found(store.cancel_job(one.id)?, one.id)?], one.json, output),
    }
    Ok(0)
}

fn found(job: Option<Job>, id: u64) -> Result<Job> {
    job.ok_or_else(|| Error::new(ErrorKind::JobNotFound, format!("there is no job {id}")))
}

fn show(jobs: &[Job], json: bool, output: &mut Output) {
    if json {
        output.json(&jobs.iter().map(as_json).collect::<Vec<Value>>());
        return;
    }
    let rows: Vec<Vec<Cell>> = jobs.iter().map(row).collect();
    output.table(0, &["JOB", "KIND", "WHAT", "STATE", "QUEUED (UTC)", "TRIES", "MORE"], &rows);
}

/// A job for programs.
pub(super) fn as_json(job: &Job) -> Value {
    let result = job.result.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "id": job.id, "kind": job.kind, "lane": job.lane, "subject": job.subject, "account": job.account, "site": job.site,
        "state": job.state, "attempts": job.attempts, "next": job.next, "percent": job.percent, "step": job.step,
        "reason": job.reason, "result": result, "queued": job.queued, "started": job.started, "done": job.done,
    })
}

fn row(job: &Job) -> Vec<Cell> {
    vec![
        Cell::new(job.id.to_string()),
        Cell::new(&job.kind),
        Cell::new(&job.subject),
        Cell::new(job.state.name()).style(style(job.state)),
        Cell::new(clock::utc(job.queued)),
        Cell::new(job.attempts.to_string()),
        Cell::new(more(job)),
    ]
}

pub(super) fn style(state: JobState) -> Style {
    match state {
        JobState::Waiting | JobState::Cancelled => Style::Faint,
        JobState::Running => Style::Strong,
        JobState::Done => Style::Good,
        JobState::Failed => Style::Bad,
    }
}

/// How far it is, why it failed, or when it is tried again.
fn more(job: &Job) -> String {
    let reason = job.reason.as_deref().unwrap_or_default();
    match job.state {
        JobState::Running => {
            let percent = job.percent.map(|percent| format!("{percent} % ")).unwrap_or_default();
            format!("{percent}{}", job.step.as_deref().unwrap_or_default())
        }
        JobState::Waiting if job.next > clock::unix_seconds() => {
            format!(
                "not before {}{}{reason}",
                clock::utc(job.next),
                if reason.is_empty() { "" } else { ": " }
            )
        }
        _ => reason.to_owned(),
    }
}
