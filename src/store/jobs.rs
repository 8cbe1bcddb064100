//! Work that goes on by itself: queued before the caller hears "ok", tried until it is done or given up for a stated reason.
//!
//! A row is `waiting`, `running`, or has ended. Only the one program that runs jobs takes rows; whoever queues or cancels them may be any process.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::sys::clock;
use crate::types::{AccountId, Domain, SiteKey, Username};

use super::Store;
use super::sites::{from_sql, to_sql, unreadable};
use crate::error::{Error, ErrorKind};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its time, or for a free place.
    Waiting,
    /// It is being worked on.
    Running,
    /// It is done.
    Done,
    /// It was given up; the reason says why.
    Failed,
    /// Somebody has cancelled it.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The word in store and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number; never given twice.
    pub id: u64,
    /// What is done.
    pub kind: String,
    /// Jobs of one lane share a limit.
    pub lane: String,
    /// What it is about, for people.
    pub subject: String,
    /// The account.
    pub account: Option<Username>,
    /// The account's identity when the job was made, as [`crate::types::AccountId`] writes it.
    pub owner: Option<String>,
    /// The site.
    pub site: Option<Domain>,
    /// The site's key at the builder.
    pub key: Option<SiteKey>,
    /// The site's floor when the job was made.
    pub floor: Option<u64>,
    /// JSON, as the kind wants it.
    pub arguments: String,
    /// Where it stands.
    pub state: JobState,
    /// Whether somebody wants it to end.
    pub cancelled: bool,
    /// How often it was begun.
    pub attempts: u32,
    /// Unix seconds before which it is not begun.
    pub next: u64,
    /// What its work wrote down.
    pub task: Option<String>,
    /// 0 to 100.
    pub percent: Option<u8>,
    /// What is being done at the moment.
    pub step: Option<String>,
    /// Why the last attempt failed, or why it was given up.
    pub reason: Option<String>,
    /// JSON, as the kind gives it.
    pub result: Option<String>,
    /// Unix seconds.
    pub queued: u64,
    /// Unix seconds of the last attempt.
    pub started: Option<u64>,
    /// Unix seconds of its end.
    pub done: Option<u64>,
}

/// A job to be queued.
#[derive(Clone, Debug, Default)]
pub struct NewJob {
    /// What is done.
    pub kind: String,
    /// Jobs of one lane share a limit.
    pub lane: String,
    /// What it is about, for people.
    pub subject: String,
    /// The account.
    pub account: Option<Username>,
    /// The account's identity: a job is never done for, or shown to, a later account of the same name.
    pub owner: Option<AccountId>,
    /// The site.
    pub site: Option<Domain>,
    /// The site's key at the builder, with its floor.
    pub key: Option<(SiteKey, u64)>,
    /// JSON, as the kind wants it.
    pub arguments: String,
    /// Unix seconds before which it is not begun.
    pub next: u64,
    /// An equal job (kind, lane, subject, owner, key, arguments) is joined that has not ended, or that was done within so many seconds.
    pub join: Option<u64>,
}

/// What became of a job that was to be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Its number.
    #[serde(rename = "job")]
    pub id: u64,
    /// Whether it was there already.
    pub joined: bool,
}

/// Which jobs are wanted, newest first.
#[derive(Clone, Debug, Default)]
pub struct JobQuery {
    /// Of this kind.
    pub kind: Option<String>,
    /// In this lane.
    pub lane: Option<String>,
    /// Of this account.
    pub account: Option<String>,
    /// Of the account with this identity.
    pub owner: Option<String>,
    /// Of this site.
    pub site: Option<String>,
    /// Only those that are neither done nor cancelled.
    pub open: bool,
    /// Only those with a greater number.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobFacts {
    /// Those that wait.
    pub waiting: usize,
    /// Those that wait though their time has come.
    pub due: usize,
    /// Those that run.
    pub running: usize,
    /// Those that were given up within the last week.
    pub failed: usize,
}

const COLUMNS: &str = "id, kind, lane, subject, account, site, key, floor, arguments, state, cancelled, attempts, next, task, percent, step, \
                       reason, result, queued, started, done, owner";

impl Store {
    /// Queues a job, or joins an equal one. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn queue_job(&self, new: &NewJob) -> Result<Queued> {
        let now = clock::unix_seconds();
        self.with("the job cannot be queued", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(id) =
                new.join.map(|window| equal(&transaction, new, now, window)).transpose()?.flatten()
            {
                return Ok(Queued { id, joined: true });
            }
            let id = insert(&transaction, new, now)?;
            transaction.commit()?;
            Ok(Queued { id, joined: false })
        })
    }

    /// Takes the next job whose time has come, of the kinds that are known, in none of the lanes that are full; it is running then. Of the work that follows
    /// events, one at a time is done for a key.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn claim_job(&self, now: u64, kinds: &[&str], full: &[String]) -> Result<Option<Job>> {
        // Without being told, SQLite looks through all jobs of the kinds, the ended ones too, and sorts them.
        let sql = format!(
            "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?1, percent = NULL, step = NULL WHERE id = (\
             SELECT id FROM jobs INDEXED BY jobs_open WHERE done IS NULL AND state = 'waiting' AND next <= ?1 \
             AND kind IN (SELECT value FROM json_each(?2)) AND lane NOT IN (SELECT value FROM json_each(?3)) \
             AND (kind NOT IN ('sync-site', 'remove-site') OR NOT EXISTS (SELECT 1 FROM jobs AS other WHERE other.done IS NULL \
             AND other.key = jobs.key AND other.state = 'running' AND other.kind IN ('sync-site', 'remove-site'))) \
             ORDER BY next, id LIMIT 1) RETURNING {COLUMNS}"
        );
        let list = |words: Vec<&str>| serde_json::Value::from(words).to_string();
        let (kinds, full) = (list(kinds.to_vec()), list(full.iter().map(String::as_str).collect()));
        // After a power cut it would wait again, which is what an interruption makes of it anyway.
        self.with_haste("no job can be taken", |connection| {
            connection.prepare_cached(&sql)?.query_row(params![to_sql(now), kinds, full], read).optional()
        })
    }

    /// When the next waiting job's time comes, in Unix seconds.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn next_job_at(&self, kinds: &[&str]) -> Result<Option<u64>> {
        let sql = "SELECT min(next) FROM jobs INDEXED BY jobs_open WHERE done IS NULL AND state = 'waiting' AND kind IN (SELECT value FROM json_each(?1))";
        let kinds = serde_json::Value::from(kinds.to_vec()).to_string();
        self.with("the jobs cannot be read", |connection| {
            connection
                .query_row(sql, [kinds], |row| row.get::<_, Option<i64>>(0))
                .map(|next| next.map(from_sql))
        })
    }

    /// A number that changes when another process, or another connection, has written to the store.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn data_version(&self) -> Result<i64> {
        self.with("it cannot be read", |connection| {
            connection.query_row("PRAGMA data_version", [], |row| row.get(0))
        })
    }

    /// Jobs that ran when the program that runs them was ended wait again; gives how many. Only that program may call it, holding its lock.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn resume_jobs(&self) -> Result<usize> {
        self.with("interrupted jobs cannot be resumed", |connection| {
            connection
                .execute("UPDATE jobs SET state = 'waiting' WHERE done IS NULL AND state = 'running'", [])
        })
    }

    /// Keeps what a running job needs to go on after an interruption. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn keep_job_task(&self, id: u64, task: Option<&str>) -> Result<()> {
        self.with_others("the job's state cannot be written", |connection| {
            connection
                .prepare_cached("UPDATE jobs SET task = ?2 WHERE id = ?1 AND done IS NULL")?
                .execute(params![to_sql(id), task])
                .map(drop)
        })
    }

    /// Shows how far a running job is.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn report_job(&self, id: u64, percent: Option<u8>, step: Option<&str>) -> Result<()> {
        self.with_haste("the job's progress cannot be written", |connection| {
            connection
                .prepare_cached(
                    "UPDATE jobs SET percent = ?2, step = ?3 WHERE id = ?1 AND state = 'running'",
                )?
                .execute(params![to_sql(id), percent, step])
                .map(drop)
        })
    }

    /// Lets a running job wait until `next`. `again`: the attempt counts, and the text is why it failed; otherwise it was only interrupted.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn put_job_off(&self, id: u64, next: u64, again: Option<&str>) -> Result<()> {
        let sql = "UPDATE jobs SET state = 'waiting', next = ?2, percent = NULL, step = NULL, \
                   attempts = attempts - (?3 IS NULL), reason = coalesce(?3, reason) WHERE id = ?1 AND state = 'running'";
        self.with_others("the job cannot be put off", |connection| {
            connection.prepare_cached(sql)?.execute(params![to_sql(id), to_sql(next), again]).map(drop)
        })
    }

    /// Ends a job.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn end_job(
        &self,
        id: u64,
        state: JobState,
        reason: Option<&str>,
        result: Option<&str>,
    ) -> Result<()> {
        let sql = "UPDATE jobs SET state = ?2, reason = ?3, result = ?4, done = ?5, step = NULL, \
                   percent = CASE ?2 WHEN 'done' THEN 100 ELSE percent END WHERE id = ?1 AND done IS NULL";
        let now = to_sql(clock::unix_seconds());
        self.with_others("the job's end cannot be written", |connection| {
            connection
                .prepare_cached(sql)?
                .execute(params![to_sql(id), state.name(), reason, result, now])
                .map(drop)
        })
    }

    /// Wants a job to end. One that was never begun ends at once; any other is ended by the program that runs jobs. Gives the job, `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn cancel_job(&self, id: u64) -> Result<Option<Job>> {
        let now = to_sql(clock::unix_seconds());
        let at_once = "UPDATE jobs SET state = 'cancelled', done = ?2, reason = 'cancelled before it began' \
                       WHERE id = ?1 AND state = 'waiting' AND attempts = 0";
        let later = "UPDATE jobs SET cancelled = 1, next = min(next, ?2) WHERE id = ?1 AND done IS NULL";
        self.with("the job cannot be cancelled", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(at_once, params![to_sql(id), now])?;
            transaction.execute(later, params![to_sql(id), now])?;
            let job = one(&transaction, id)?;
            transaction.commit()?;
            Ok(job)
        })
    }

    /// Lets a job that was given up, or that waits for its next attempt, be tried now, as if it were new. Gives the job, `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn retry_job(&self, id: u64) -> Result<Option<Job>> {
        let now = to_sql(clock::unix_seconds());
        let sql = "UPDATE jobs SET state = 'waiting', done = NULL, attempts = 0, cancelled = 0, next = ?2 \
                   WHERE id = ?1 AND state IN ('failed', 'waiting')";
        self.with("the job cannot be tried again", |connection| {
            connection.execute(sql, params![to_sql(id), now])?;
            one(connection, id)
        })
    }

    /// A job; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn job(&self, id: u64) -> Result<Option<Job>> {
        self.with("the job cannot be read", |connection| one(connection, id))
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR site = ?3) \
             AND (NOT ?4 OR state NOT IN ('done', 'cancelled')) AND id > ?5 AND (?7 IS NULL OR lane = ?7) \
             AND (?8 IS NULL OR owner = ?8) ORDER BY id DESC LIMIT ?6"
        );
        self.with("the jobs cannot be read", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let values = params![
                query.kind,
                query.account,
                query.site,
                query.open,
                to_sql(query.after),
                to_sql(query.limit as u64),
                query.lane,
                query.owner
            ];
            statement.query_map(values, read)?.collect()
        })
    }

    /// How many jobs of a kind and lane an account has that have not ended, those of one subject left out.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn open_jobs(&self, kind: &str, lane: &str, account: &Username, but: &str) -> Result<usize> {
        let sql = "SELECT count(*) FROM jobs WHERE done IS NULL AND kind = ?1 AND lane = ?2 AND account = ?3 AND subject <> ?4";
        self.with("the jobs cannot be read", |connection| {
            let values = params![kind, lane, account.as_str(), but];
            connection.query_row(sql, values, |row| row.get(0).map(from_sql))
        })
        .map(|count| usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// The newest job of a kind, lane and subject that was done, for this account or by a version that did not write down for whom.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn last_done_job(
        &self,
        kind: &str,
        lane: &str,
        subject: &str,
        owner: &AccountId,
    ) -> Result<Option<Job>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE kind = ?1 AND lane = ?2 AND subject = ?3 AND state = 'done' \
             AND (owner IS NULL OR owner = ?4) ORDER BY done DESC LIMIT 1"
        );
        self.with("the jobs cannot be read", |connection| {
            let values = params![kind, lane, subject, owner.to_string()];
            connection.prepare_cached(&sql)?.query_row(values, read).optional()
        })
    }

    /// How many jobs there are.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn job_facts(&self) -> Result<JobFacts> {
        const WEEK: u64 = 7 * 24 * 60 * 60;
        let now = clock::unix_seconds();
        let sql = "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'waiting' AND next <= ?1), \
                   count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE state = 'failed') \
                   FROM jobs WHERE done IS NULL OR done >= ?2";
        let number = |row: &Row<'_>, column| {
            row.get(column).map(|number| usize::try_from(from_sql(number)).unwrap_or(usize::MAX))
        };
        self.with("the jobs cannot be read", |connection| {
            connection.query_row(sql, [to_sql(now), to_sql(now.saturating_sub(WEEK))], |row| {
                Ok(JobFacts {
                    waiting: number(row, 0)?,
                    due: number(row, 1)?,
                    running: number(row, 2)?,
                    failed: number(row, 3)?,
                })
            })
        })
    }

    /// Removes jobs that have ended more than `days` ago; gives how many.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn forget_jobs(&self, days: u64) -> Result<usize> {
        let before = clock::unix_seconds().saturating_sub(days.saturating_mul(24 * 60 * 60));
        self.with("old jobs cannot be removed", |connection| {
            connection.execute("DELETE FROM jobs WHERE done < ?1", [to_sql(before)])
        })
    }
}

/// An equal job that can be joined.
fn equal(connection: &Connection, new: &NewJob, now: u64, window: u64) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT id FROM jobs WHERE kind = ?1 AND lane = ?2 AND subject = ?3 AND arguments = ?4 AND cancelled = 0 \
               AND key IS ?5 AND floor IS ?6 AND owner IS ?8 AND (done IS NULL OR (state = 'done' AND done > ?7)) \
               ORDER BY id DESC LIMIT 1";
    let (key, floor) = key_columns(new);
    let values = params![
        new.kind,
        new.lane,
        new.subject,
        new.arguments,
        key,
        floor,
        to_sql(now.saturating_sub(window)),
        new.owner.as_ref().map(AccountId::to_string)
    ];
    connection.query_row(sql, values, |row| row.get(0).map(from_sql)).optional()
}

fn key_columns(new: &NewJob) -> (Option<&str>, Option<i64>) {
    new.key.as_ref().map(|(key, floor)| (key.as_str(), to_sql(*floor))).unzip()
}

fn insert(connection: &Connection, new: &NewJob, now: u64) -> rusqlite::Result<u64> {
    let sql = "INSERT INTO jobs (kind, lane, subject, account, site, key, floor, arguments, next, queued, owner) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id";
    let (key, floor) = key_columns(new);
    let values = params![
        new.kind,
        new.lane,
        new.subject,
        new.account.as_ref().map(Username::as_str),
        new.site.as_ref().map(Domain::as_str),
        key,
        floor,
        new.arguments,
        to_sql(new.next),
        to_sql(now),
        new.owner.as_ref().map(AccountId::to_string)
    ];
    connection.query_row(sql, values, |row| row.get(0).map(from_sql))
}

fn one(connection: &Connection, id: u64) -> rusqlite::Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([to_sql(id)], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Job> {
    let damaged = |column, what: &str| unreadable(column, Error::new(ErrorKind::Store, what));
    let text = |column| row.get::<_, Option<String>>(column);
    let number = |column| row.get::<_, Option<i64>>(column).map(|number| number.map(from_sql));
    let account =
        text(4)?.map(|name| Username::new(&name)).transpose().map_err(|error| unreadable(4, error))?;
    let site = text(5)?.map(|name| Domain::new(&name)).transpose().map_err(|error| unreadable(5, error))?;
    let key =
        text(6)?.map(|key| SiteKey::stored(key).ok_or_else(|| damaged(6, "a malformed key"))).transpose()?;
    let state: String = row.get(9)?;
    Ok(Job {
        id: from_sql(row.get(0)?),
        kind: row.get(1)?,
        lane: row.get(2)?,
        subject: row.get(3)?,
        account,
        owner: text(21)?,
        site,
        key,
        floor: number(7)?,
        arguments: row.get(8)?,
        state: JobState::ALL
            .into_iter()
            .find(|known| known.name() == state)
            .ok_or_else(|| damaged(9, "an unknown state"))?,
        cancelled: row.get(10)?,
        attempts: u32::try_from(from_sql(row.get(11)?)).unwrap_or(u32::MAX),
        next: from_sql(row.get(12)?),
        task: text(13)?,
        percent: row.get(14)?,
        step: text(15)?,
        reason: text(16)?,
        result: text(17)?,
        queued: from_sql(row.get(18)?),
        started: number(19)?,
        done: number(20)?,
    })
}

#[cfg(test)]
mod tests;
