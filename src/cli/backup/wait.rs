//! Jobs that somebody waits for.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::jobs::{as_json, style};
use super::super::output::{Cell, Output};
use super::super::progress::Bar;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{Direct, Gateway};
use crate::ops::backup::{ProjectWish, Seen};
use crate::store::{Job, JobState, Queued, Store};
use crate::types::printable;

const PAUSE: Duration = Duration::from_millis(300);

/// Jobs of one command.
#[derive(Default)]
pub(super) struct Waiting {
    jobs: Vec<(u64, String, bool, Option<Job>)>,
}

impl Waiting {
    pub(super) fn add(&mut self, queued: Queued, subject: &str) {
        self.jobs.push((queued.id, subject.to_owned(), queued.joined, None));
    }

    pub(super) fn follow(&mut self, job: Job) {
        self.jobs.push((job.id, job.subject.clone(), false, Some(job)));
    }

    /// Waits if that is wanted, and shows how they stand. Gives the exit code: an error's if one has ended otherwise than done.
    pub(super) fn end(mut self, wait: bool, json: bool, direct: &Direct, output: &mut Output) -> Result<u8> {
        if wait {
            self.wait(direct.context().store()?)?;
        }
        self.show(json, output);
        let bad = |job: &Job| matches!(job.state, JobState::Failed | JobState::Cancelled);
        let failed = self.jobs.iter().filter_map(|(_, _, _, job)| job.as_ref()).any(bad);
        Ok(if failed { ErrorKind::BackupFailed.exit_code() } else { 0 })
    }

    /// Waits until all have ended. Ending this program does not end them.
    fn wait(&mut self, store: &Store) -> Result<()> {
        let mut bar = Bar::new();
        loop {
            for (id, _, _, job) in &mut self.jobs {
                if !job.as_ref().is_some_and(|job| job.state.is_final()) {
                    let gone = || Error::new(ErrorKind::BackupNotFound, format!("job {id} is gone"));
                    *job = Some(store.job(*id)?.ok_or_else(gone)?);
                }
            }
            let open: Vec<&Job> = self
                .jobs
                .iter()
                .filter_map(|(_, _, _, job)| job.as_ref())
                .filter(|job| !job.state.is_final())
                .collect();
            match open.as_slice() {
                [] => return Ok(()),
                [job] if self.jobs.len() == 1 => bar.show(job.percent, &printable(&line(job))),
                several => {
                    let done = self.jobs.len() - several.len();
                    let percent = u8::try_from(done * 100 / self.jobs.len()).ok();
                    bar.show(percent, &format!("{done} of {} jobs", self.jobs.len()));
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn show(&self, json: bool, output: &mut Output) {
        if json {
            let value = |(id, subject, joined, job): &(u64, String, bool, Option<Job>)| match job {
                Some(job) => as_json(job),
                None => json!({ "id": id, "subject": subject, "joined": joined }),
            };
            output.json(&self.jobs.iter().map(value).collect::<Vec<Value>>());
            return;
        }
        for (id, subject, joined, job) in &self.jobs {
            let text = match job {
                Some(job) => format!("Job {id}, {subject}: {}", line(job)),
                None => format!("Job {id}, {subject}: {}", super::word(*joined)),
            };
            let cell = Cell::new(text);
            output.line(&[job.as_ref().map_or(cell.clone(), |job| cell.style(style(job.state)))]);
        }
    }
}

/// Where a job stands, in a line.
fn line(job: &Job) -> String {
    let more = match job.state {
        JobState::Running => job.step.as_deref(),
        _ => job.reason.as_deref(),
    };
    format!("{}{}", job.state.name(), more.map(|more| format!(": {more}")).unwrap_or_default())
}

pub(super) fn show_jobs(jobs: &[Job], json: bool, output: &mut Output) {
    let mut waiting = Waiting::default();
    jobs.iter().for_each(|job| waiting.follow(job.clone()));
    waiting.show(json, output);
}

/// Waits for an account's job through the gateway.
pub(super) fn for_seen(gateway: &dyn Gateway, wish: &ProjectWish, id: u64) -> Result<Seen> {
    let mut bar = Bar::new();
    loop {
        match gateway.project_backups(wish) {
            Ok(seen) => match &seen.job {
                Some(job) if job.id == id && !job.is_final() => bar.show(job.percent, &printable(&job.state)),
                _ => return Ok(seen),
            },
            // It is asked again and again.
            Err(error) if error.kind() == ErrorKind::TooMany => {}
            Err(error) => return Err(error),
        }
        std::thread::sleep(PAUSE * 4);
    }
}
