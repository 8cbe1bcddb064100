//! The life cycle of sites: what the panel has said, what the builder was told, and the work that is queued for a key.
//!
//! An event is no more than a mark on the keys that it may be about, and one waiting job for each of them: the job reads the panel anew. However many events come
//! while a job waits, one look at the panel serves them all, so that nothing is lost, nothing is done twice and the last state wins.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::Value;

use crate::error::Result;
use crate::limits;
use crate::sys::clock;
use crate::types::{Domain, SiteKey, Username};

use super::ftp_accounts::queue_end;
use super::sites::{close, from_sql, to_sql, unreadable};
use super::{SiteRow, Store};

/// The kind of the jobs that bring one key into line with the panel.
pub const SYNC_SITE: &str = "sync-site";

/// The kind of the jobs that close the key of a site that is still gone after the grace time.
pub const REMOVE_SITE: &str = "remove-site";

/// After so many jobs the looks that have ended and are too many are removed.
const LOOKS_BETWEEN: u64 = 256;

/// What is marked on the keys that an event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Their credentials end now: at or before this generation.
    pub revoke: Option<u64>,
    /// The panel removes the account.
    pub removed: bool,
    /// The panel has made an account of that name.
    pub created: bool,
    /// A suspension is over.
    pub resumed: bool,
}

/// Which keys an event is about. Whose they are, the panel is asked later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The accounts that it names; without any, those that have [`About::domains`].
    pub accounts: Vec<Username>,
    /// Whether it is about all sites of these accounts.
    pub whole: bool,
    /// These sites, whoever has them, and those below them of the same accounts.
    pub domains: Vec<Domain>,
    /// The first of [`About::domains`] has this name from now on.
    pub renamed: Option<Domain>,
    /// Whether the looks follow one after the other ([`limits::REFRESH_LOOKS`]), behind what others tell: each reads all sites of its account, and an account may
    /// have thousands.
    pub slowly: bool,
}

/// What became of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The first job that looks after it.
    pub job: Option<u64>,
    /// How many keys it is about.
    pub keys: usize,
}

/// The marks of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// What the builder was last told.
    pub blocked: Option<bool>,
    /// Whether credentials were ended, because the site is suspended, gone, or without the builder.
    pub shut: bool,
    /// Unix seconds since which the panel does not have the site.
    pub absent: Option<u64>,
    /// Unix seconds at which the panel said that it removes the account.
    pub removed: Option<u64>,
    /// Unix seconds at which the panel said that it made an account of that name again.
    pub created: Option<u64>,
    /// Whether the panel said that a suspension is over.
    pub resumed: bool,
    /// The domain that the panel said the site has from now on.
    pub renamed: Option<Domain>,
}

const COLUMNS: &str = "blocked, shut, absent, removed, created, resumed, renamed";

impl Store {
    /// Marks the keys that an event is about and queues a look at each. All of it is on the disk when this returns, or nothing.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_event(&self, about: &About, marks: Marks) -> Result<Noted> {
        let now = clock::unix_seconds();
        self.with("the event cannot be noted", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let keys = keys_about(&transaction, about)?;
            let mut noted = Noted { job: None, keys: keys.len() };
            for ((key, is_named), number) in keys.iter().zip(0..) {
                if *is_named {
                    mark(&transaction, key, marks, now)?;
                }
                let pause = about.slowly.then_some(number / limits::REFRESH_LOOKS);
                let job = look(&transaction, key, pause, now)?;
                noted.job.get_or_insert(job);
            }
            if let (Some(new), Some(old)) = (&about.renamed, about.domains.first()) {
                rename(&transaction, &keys, old, new)?;
            }
            if !keys.is_empty() {
                transaction.commit()?;
            }
            Ok(noted)
        })
    }

    /// Queues a look at a key, unless one waits already; gives the job's number. `found`: a comparison has found that its site is gone.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn queue_look(&self, key: &SiteKey, found: bool) -> Result<u64> {
        let now = clock::unix_seconds();
        let sql = "INSERT INTO lifecycle (key, found) VALUES (?1, 1) ON CONFLICT (key) DO UPDATE SET found = 1 WHERE absent IS NULL";
        self.with("the look cannot be queued", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if found {
                transaction.execute(sql, [key.as_str()])?;
            }
            let job = look(&transaction, key.as_str(), None, now)?;
            transaction.commit()?;
            Ok(job)
        })
    }

    /// The marks of a key.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn lifecycle(&self, key: &SiteKey) -> Result<Lifecycle> {
        let sql = format!("SELECT {COLUMNS} FROM lifecycle WHERE key = ?1");
        self.with("it cannot be read", |connection| {
            let found = connection.prepare_cached(&sql)?.query_row([key.as_str()], read).optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Keeps what the builder was told. In a power cut it may be forgotten; then the builder is told again.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_blocked(&self, key: &SiteKey, blocked: bool) -> Result<()> {
        let sql = "INSERT INTO lifecycle (key, blocked) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET blocked = ?2, resumed = 0";
        self.with_haste("it cannot be kept what the builder was told", |connection| {
            connection.prepare_cached(sql)?.execute(params![key.as_str(), blocked]).map(drop)
        })
    }

    /// Keeps that the panel has a site: it is not gone. `shut`: whether its credentials stay ended; where they do not, an FTP account that could not be removed with the
    /// former ones is taken up again. What a power cut takes of it, the next look finds again.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_present(&self, key: &SiteKey, shut: bool) -> Result<()> {
        let sql = "UPDATE lifecycle SET absent = NULL, found = 0, resumed = 0, shut = ?2 WHERE key = ?1";
        self.with_haste("it cannot be kept that the site is there", |connection| {
            connection.prepare_cached(sql)?.execute(params![key.as_str(), shut])?;
            if shut { Ok(()) } else { queue_end(connection, key.as_str()) }
        })
    }

    /// Ends the credentials of a key once, as long as it is shut. Gives whether they were ended now. A power cut that takes it takes what was written later too, the end of
    /// the job that asked for it among that, so that the job does it again.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn shut(&self, key: &SiteKey, generation: u64) -> Result<bool> {
        let marked = "INSERT INTO lifecycle (key, shut) VALUES (?1, 1) ON CONFLICT (key) DO UPDATE SET shut = 1 WHERE shut = 0";
        self.with_haste("the credentials cannot be ended", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if transaction.execute(marked, [key.as_str()])? == 0 {
                return Ok(false);
            }
            revoke(&transaction, key.as_str(), generation)?;
            transaction.commit()?;
            Ok(true)
        })
    }

    /// Keeps that a site is gone, and queues the end of its key after the grace time, bound to this absence. Gives since when it is gone.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_absent(&self, row: &SiteRow, grace: u64) -> Result<u64> {
        let now = clock::unix_seconds();
        let sql = "INSERT INTO lifecycle (key, absent) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET absent = coalesce(absent, ?2), \
                   renamed = NULL RETURNING absent";
        let waits = "SELECT count(*) FROM jobs WHERE done IS NULL AND key = ?1 AND kind = ?2";
        self.with("it cannot be kept that the site is gone", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let since: i64 =
                transaction.query_row(sql, params![row.key.as_str(), to_sql(now)], |row| row.get(0))?;
            let waiting: bool =
                transaction.query_row(waits, [row.key.as_str(), REMOVE_SITE], |row| row.get(0))?;
            if !waiting {
                let next = from_sql(since).saturating_add(grace);
                queue(&transaction, REMOVE_SITE, row.key.as_str(), next, now)?;
            }
            transaction.commit()?;
            Ok(from_sql(since))
        })
    }

    /// Closes the key of a site for good: it is still gone, or its account is another one of the same name now. Its project is backed up and deleted by a job, whose
    /// grace time counts from `since`. Gives whether it was closed now.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn close_gone(&self, row: &SiteRow, since: u64) -> Result<bool> {
        let now = clock::unix_seconds();
        let open = "SELECT count(*) FROM sites WHERE key = ?1 AND closed IS NULL";
        self.with("the site's key cannot be closed", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if transaction.query_row(open, [row.key.as_str()], |row| row.get::<_, i64>(0))? == 0 {
                return Ok(false);
            }
            close(&transaction, row, now, since)?;
            transaction.commit()?;
            Ok(true)
        })
    }

    /// Keeps that the name which a panel has said was looked at. Another one that it has said meanwhile stays.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn forget_name(&self, key: &SiteKey, name: &Domain) -> Result<()> {
        self.with_haste("it cannot be kept that the site has its name", |connection| {
            let sql = "UPDATE lifecycle SET renamed = NULL WHERE key = ?1 AND renamed = ?2";
            connection.prepare_cached(sql)?.execute([key.as_str(), name.as_str()]).map(drop)
        })
    }

    /// Gives a row another domain without another key: the builder keeps calling the site by the old one.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`]. Gives `false`, and changes nothing, if the domain is another row's or the row is closed.
    pub fn move_site(&self, row: &SiteRow, new: &Domain) -> Result<bool> {
        let sql = "UPDATE sites SET domain = ?2 WHERE key = ?1 AND closed IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM sites WHERE domain = ?2 AND closed IS NULL AND key <> ?1)";
        self.with("the site's new name cannot be written", |connection| {
            connection.execute(sql, [row.key.as_str(), new.as_str()]).map(|rows| rows > 0)
        })
    }

    /// Ends a job whose work may be done again without harm: in a power cut its end may be forgotten.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn end_job_soon(&self, id: u64, result: &str) -> Result<()> {
        let sql = "UPDATE jobs SET state = 'done', reason = NULL, result = ?2, done = ?3, step = NULL, percent = 100 \
                   WHERE id = ?1 AND done IS NULL";
        let now = to_sql(clock::unix_seconds());
        self.with_haste("the job's end cannot be written", |connection| {
            connection.prepare_cached(sql)?.execute(params![to_sql(id), result, now])?;
            // Accounts may have very many looks made within a day: their rows must not fill the disk.
            if id.is_multiple_of(LOOKS_BETWEEN) {
                forget_looks(connection)?;
            }
            Ok(())
        })
    }

    /// Lets all waiting jobs of a kind be tried now; gives how many.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn hasten_jobs(&self, kind: &str) -> Result<usize> {
        let sql =
            "UPDATE jobs SET next = ?2 WHERE done IS NULL AND state = 'waiting' AND kind = ?1 AND next > ?2";
        self.with_haste("the jobs cannot be hastened", |connection| {
            connection.execute(sql, params![kind, to_sql(clock::unix_seconds())])
        })
    }

    /// How many keys wait for their end of which only a comparison of panel and store has noticed that their sites are gone.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn found_gone(&self) -> Result<usize> {
        let sql = "SELECT count(*) FROM lifecycle JOIN sites USING (key) WHERE found = 1 AND absent IS NOT NULL AND closed IS NULL";
        self.with("it cannot be read", |connection| {
            connection.query_row(sql, [], |row| row.get(0)).map(|count: i64| from_sql(count) as usize)
        })
    }

    /// Removes all but the newest looks that have ended; gives how many.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn forget_looks(&self) -> Result<usize> {
        self.with_haste("old jobs cannot be removed", |connection| forget_looks(connection))
    }
}

fn forget_looks(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM jobs WHERE kind = ?1 AND done IS NOT NULL AND id <= (SELECT id FROM jobs \
               WHERE kind = ?1 AND done IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    connection.prepare_cached(sql)?.execute(params![SYNC_SITE, to_sql(limits::EVENT_ROWS)])
}

/// The keys that an event is about, and whether it names their account, or without any, their site. None of them is closed.
fn keys_about(transaction: &Transaction<'_>, about: &About) -> rusqlite::Result<Vec<(String, bool)>> {
    let exact = "SELECT key, account, domain, renamed FROM sites LEFT JOIN lifecycle USING (key) \
                 WHERE closed IS NULL AND domain IN (SELECT value FROM json_each(?1)) \
                 UNION SELECT sites.key, account, domain, renamed FROM lifecycle JOIN sites ON sites.key = lifecycle.key AND closed IS NULL \
                 WHERE renamed IN (SELECT value FROM json_each(?1))";
    let of_accounts = "SELECT key, account, domain, renamed FROM sites LEFT JOIN lifecycle USING (key) \
                       WHERE closed IS NULL AND account IN (SELECT value FROM json_each(?1))";
    let all = "SELECT key, account, domain, renamed FROM sites LEFT JOIN lifecycle USING (key) WHERE closed IS NULL AND ?1 <> ''";
    let named = Value::from(about.domains.iter().map(Domain::as_str).collect::<Vec<_>>()).to_string();
    let exact = found(transaction, exact, &named)?;
    let mut accounts: Vec<&str> = about.accounts.iter().map(Username::as_str).collect();
    accounts.extend(exact.iter().map(|found| found.account.as_str()));
    let accounts_known = !accounts.is_empty();
    let theirs = match (accounts_known, about.domains.is_empty()) {
        (true, _) => found(transaction, of_accounts, &Value::from(accounts).to_string())?,
        // Only what lies below the site was opened, and nobody says whose it is.
        (false, false) => found(transaction, all, "all")?,
        (false, true) => Vec::new(),
    };
    let is_below = |site: &Found| about.domains.iter().any(|domain| site.is_at_or_below(domain));
    let is_meant = |site: &Found| (about.whole && accounts_known) || is_below(site);
    // Without an account it is told of a site, and whoever had that once may not have it any more: nothing else of theirs is marked.
    let is_named = |site: &Found| match about.accounts.as_slice() {
        [] => is_below(site),
        names => names.iter().any(|name| name.as_str() == site.account),
    };
    let mut keys: Vec<(String, bool)> = exact
        .iter()
        .chain(theirs.iter().filter(|site| is_meant(site)))
        .map(|site| (site.key.clone(), is_named(site)))
        .collect();
    keys.sort();
    keys.dedup();
    Ok(keys)
}

struct Found {
    key: String,
    account: String,
    domain: String,
    /// What the panel has called it since.
    renamed: Option<String>,
}

impl Found {
    fn is_at_or_below(&self, domain: &Domain) -> bool {
        let renamed = self.renamed.as_deref().unwrap_or_default();
        prefix_before(&self.domain, domain).is_some() || prefix_before(renamed, domain).is_some()
    }
}

fn found(transaction: &Transaction<'_>, sql: &str, list: &str) -> rusqlite::Result<Vec<Found>> {
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_map([list], |row| {
        Ok(Found { key: row.get(0)?, account: row.get(1)?, domain: row.get(2)?, renamed: row.get(3)? })
    })?;
    rows.collect()
}

/// What stands before a domain in a name at or below it: nothing, or labels with their dot.
fn prefix_before<'a>(name: &'a str, domain: &Domain) -> Option<&'a str> {
    name.strip_suffix(domain.as_str()).filter(|before| before.is_empty() || before.ends_with('.'))
}

fn mark(transaction: &Transaction<'_>, key: &str, marks: Marks, now: u64) -> rusqlite::Result<()> {
    if let Some(generation) = marks.revoke {
        revoke(transaction, key, generation)?;
    }
    let when = |is: bool| is.then(|| to_sql(now));
    if marks.removed || marks.created || marks.resumed {
        // An account that is made anew after its removal is another one; the mark tells them apart where the panel has none.
        let sql = "INSERT INTO lifecycle (key, removed, created, resumed) VALUES (?1, ?2, NULL, ?4) ON CONFLICT (key) DO UPDATE SET \
                   removed = coalesce(?2, removed), created = CASE WHEN removed IS NULL THEN created ELSE coalesce(?3, created) END, \
                   resumed = max(resumed, ?4)";
        let values = params![key, when(marks.removed), when(marks.created), marks.resumed];
        transaction.prepare_cached(sql)?.execute(values)?;
    }
    Ok(())
}

fn revoke(connection: &Connection, key: &str, generation: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE sites SET floor = max(floor, ?2) + 1 WHERE key = ?1 AND closed IS NULL";
    connection.prepare_cached(sql)?.execute(params![key, to_sql(generation)])?;
    queue_end(connection, key)
}

/// Marks those of the keys that are at or below the site `old` with the names that follow from `new`.
fn rename(
    transaction: &Transaction<'_>,
    keys: &[(String, bool)],
    old: &Domain,
    new: &Domain,
) -> rusqlite::Result<()> {
    let name =
        "SELECT coalesce(renamed, domain) FROM sites LEFT JOIN lifecycle USING (key) WHERE sites.key = ?1";
    let sql =
        "INSERT INTO lifecycle (key, renamed) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET renamed = ?2";
    for (key, _) in keys {
        let name: String = transaction.prepare_cached(name)?.query_row([key], |row| row.get(0))?;
        let Some(before) = prefix_before(&name, old) else { continue };
        if let Ok(name) = Domain::new(&format!("{before}{new}")) {
            transaction.prepare_cached(sql)?.execute([key, name.as_str()])?;
        }
    }
    Ok(())
}

/// Queues a look at a key, unless one waits already. One that runs has read the panel before. Without a pause one that waits for its next attempt, or behind others,
/// is tried now.
fn look(transaction: &Transaction<'_>, key: &str, pause: Option<u64>, now: u64) -> rusqlite::Result<u64> {
    let sql = "SELECT id FROM jobs WHERE done IS NULL AND key = ?1 AND kind = ?2 AND state = 'waiting' AND cancelled = 0";
    let hasten = "UPDATE jobs SET next = min(next, ?2) WHERE id = ?1";
    let waiting: Option<i64> =
        transaction.prepare_cached(sql)?.query_row([key, SYNC_SITE], |row| row.get(0)).optional()?;
    let Some(id) = waiting else {
        return queue(transaction, SYNC_SITE, key, now.saturating_add(pause.unwrap_or(0)), now);
    };
    if pause.is_none() {
        transaction.prepare_cached(hasten)?.execute(params![id, to_sql(now)])?;
    }
    Ok(from_sql(id))
}

/// Queues a job for a key as its row is now.
fn queue(transaction: &Transaction<'_>, kind: &str, key: &str, next: u64, now: u64) -> rusqlite::Result<u64> {
    let sql = "INSERT INTO jobs (kind, lane, subject, account, site, key, floor, next, queued) \
               SELECT ?1, ?1, 'site ' || domain, account, domain, key, floor, ?3, ?4 FROM sites WHERE key = ?2 RETURNING id";
    let values = params![kind, key, to_sql(next), to_sql(now)];
    transaction.prepare_cached(sql)?.query_row(values, |row| row.get(0)).map(from_sql)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Lifecycle> {
    let number = |column| row.get::<_, Option<i64>>(column).map(|number| number.map(from_sql));
    let renamed: Option<String> = row.get(6)?;
    Ok(Lifecycle {
        blocked: row.get(0)?,
        shut: row.get(1)?,
        absent: number(2)?,
        removed: number(3)?,
        created: number(4)?,
        resumed: row.get(5)?,
        renamed: renamed.map(|name| Domain::new(&name)).transpose().map_err(|error| unreadable(6, error))?,
    })
}

#[cfg(test)]
mod tests;
