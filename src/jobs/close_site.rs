//! The project of a site that has gone to another account, or has been gone for the grace time (`close-site`).
//!
//! The row names the key and its floor. A key has one owner for ever, so that what is deleted here can only be the former owner's; a key that is not closed, or
//! whose floor is another, is left alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::backup::directory::{Directory, Draft};
use crate::backup::{BackupFile, Control, Progress};
use crate::builder::project::{self, Deleted, Receiver};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::Context;
use crate::store::{Job, SiteRow};
use crate::sys::clock;

use super::{Handle, Verdict};

/// What has been done already.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Saved {
    /// The project is in this file.
    File(BackupFile),
    /// The builder has none.
    Absent,
    /// This builder makes no backups.
    NotOffered,
    /// The administrator wants none (`[lifecycle] backup = no`).
    Waived,
}

pub(super) fn run(context: &Context, job: &Job, handle: &Handle<'_>) -> Result<Verdict> {
    let row = closed_row(context, job)?;
    let due = job.queued.saturating_add(context.config.grace.as_secs());
    if clock::unix_seconds() < due {
        return Ok(Verdict::Later(due));
    }
    if handle.stop().is_some() {
        return Ok(Verdict::Stopped);
    }
    let saved = match job.task.as_deref().and_then(|task| serde_json::from_str(task).ok()) {
        Some(saved) => saved,
        None => {
            let Some(saved) = save(context, job, &row, handle)? else { return Ok(Verdict::Stopped) };
            handle.keep(serde_json::to_string(&saved).ok().as_deref())?;
            saved
        }
    };
    if matches!(saved, Saved::Absent) {
        // Its texts are not documented: what was misunderstood must not cost a project that was not backed up.
        log::info!("job {}: the builder has no project {}: there is nothing to delete", job.id, row.key);
        return Ok(Verdict::Done(json!({ "saved": saved, "deleted": false })));
    }
    if handle.stop().is_some() {
        return Ok(Verdict::Stopped);
    }
    handle.report(&Progress { percent: None, step: Some("deleting the project".into()) });
    let row = closed_row(context, job)?;
    let deleted = context.builder.delete_project(&row.key)? == Deleted::Now;
    log::warn!(
        "job {}: the project {} of {}, which is closed, was deleted at the builder",
        job.id,
        row.key,
        row.owner
    );
    Ok(Verdict::Done(json!({ "saved": saved, "deleted": deleted })))
}

/// The closed row that the job is bound to.
fn closed_row(context: &Context, job: &Job) -> Result<SiteRow> {
    let key = job.key.as_ref();
    let row = key.map(|key| context.store()?.by_key(key)).transpose()?.flatten();
    match row {
        Some(row) if row.closed && Some(row.floor) == job.floor => Ok(row),
        _ => {
            let key = key.map_or("no key", |key| key.as_str());
            let text = format!("{key} is not the closed key that this job was made for: nothing is deleted");
            Err(Error::new(ErrorKind::SiteConflict, text))
        }
    }
}

/// Backs the project up; `None` if the work has to stop.
fn save(context: &Context, job: &Job, row: &SiteRow, handle: &Handle<'_>) -> Result<Option<Saved>> {
    if !context.config.backup_before_end {
        log::warn!("job {}: {} is deleted without a backup ([lifecycle] backup = no)", job.id, row.key);
        return Ok(Some(Saved::Waived));
    }
    handle.report(&Progress { percent: None, step: Some("backing the project up".into()) });
    let backup = &context.config.backup;
    let directory = Directory::open(&backup.directory)?;
    let mut draft = directory.begin(row.key.as_str(), job.id, "sitebuilder", backup.largest)?;
    let mut watched = Watched { draft: &mut draft, handle, stopped: false };
    let fetched = context.builder.fetch_project(&row.key, backup.timeout, &mut watched);
    if watched.stopped {
        return Ok(None);
    }
    match fetched {
        Ok(_) => {
            let file = draft.finish(&format!("site {}", row.domain), Some(&row.owner.to_string()))?;
            Ok(Some(Saved::File(file)))
        }
        Err(error) if project::is_absent(&error) => Ok(Some(Saved::Absent)),
        Err(error) if project::has_no_such_call(&error) => {
            log::warn!("job {}: this builder makes no backups: {} is deleted without one", job.id, row.key);
            Ok(Some(Saved::NotOffered))
        }
        Err(error) => Err(error.context("nothing is deleted before its backup")),
    }
}

/// A draft that ends when its job has to.
struct Watched<'a, 'b> {
    draft: &'a mut Draft,
    handle: &'a Handle<'b>,
    stopped: bool,
}

impl Receiver for Watched<'_, '_> {
    fn begin(&mut self, length: Option<u64>) -> Result<()> {
        self.draft.begin(length)
    }

    fn piece(&mut self, bytes: &[u8]) -> Result<()> {
        if self.handle.stop().is_some() {
            self.stopped = true;
            return Err(Error::new(ErrorKind::BackupProvider, "the transfer was ended"));
        }
        self.draft.piece(bytes)
    }
}
