//! What the builder said about its published websites and about itself, kept so that it is not asked too often.

use rusqlite::{OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

use crate::error::Result;

use super::Store;
use super::sites::{from_sql, to_sql};

/// A published website.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedRow {
    /// Its domain, as the builder writes it.
    pub domain: String,
    /// Whether it is blocked, if the builder says it.
    pub blocked: Option<bool>,
    /// Whether it is online, if the builder says it.
    pub live: Option<bool>,
}

/// When the list was read, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When the last reading began, whole or not.
    pub tried: u64,
    /// When the last whole one began.
    pub done: Option<u64>,
}

/// Whether a builder was found to have a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceRow {
    /// The call's name.
    pub call: String,
    /// `there`, `absent`, `unknown`.
    pub presence: String,
    /// The HTTP status that said so.
    pub status: u16,
    /// Unix seconds.
    pub at: u64,
}

impl Store {
    /// When the list of published websites was read.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn reading(&self) -> Result<Option<Reading>> {
        let sql = "SELECT tried, done FROM published_reading";
        self.with("it cannot be read", |connection| {
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Reading {
                    tried: from_sql(row.get(0)?),
                    done: row.get::<_, Option<i64>>(1)?.map(from_sql),
                })
            };
            connection.query_row(sql, [], read).optional()
        })
    }

    /// Begins a reading at `now`, unless the last whole one began after `done_before` or the last attempt after `tried_before`: of several processes that
    /// want to, one reads. What an unfinished reading left is removed.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn begin_reading(&self, now: u64, done_before: u64, tried_before: u64) -> Result<bool> {
        let claim = "INSERT INTO published_reading (one, tried) VALUES (1, ?1) ON CONFLICT DO UPDATE SET tried = ?1 \
                     WHERE (done IS NULL OR done <= ?2) AND tried <= ?3";
        let clean = "DELETE FROM published WHERE reading NOT IN (SELECT done FROM published_reading WHERE done IS NOT NULL)";
        self.with("a reading cannot be begun", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let times = params![to_sql(now), to_sql(done_before), to_sql(tried_before)];
            let begun = transaction.execute(claim, times)? > 0;
            if begun {
                transaction.execute(clean, [])?;
            }
            transaction.commit()?;
            Ok(begun)
        })
    }

    /// Adds a page to the reading that began at `reading`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn add_published(&self, reading: u64, rows: &[PublishedRow]) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO published (reading, domain, blocked, live) VALUES (?1, ?2, ?3, ?4)";
        self.with_haste("a page of the list cannot be written", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut statement = transaction.prepare_cached(sql)?;
                for row in rows {
                    statement.execute(params![to_sql(reading), row.domain, row.blocked, row.live])?;
                }
            }
            transaction.commit()
        })
    }

    /// Makes the reading that began at `reading` the one that counts.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn finish_reading(&self, reading: u64) -> Result<()> {
        self.with("a reading cannot be finished", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("UPDATE published_reading SET done = ?1", [to_sql(reading)])?;
            transaction.execute("DELETE FROM published WHERE reading <> ?1", [to_sql(reading)])?;
            transaction.commit()
        })
    }

    /// Published websites of the last whole reading in the order of their names: `limit` of them behind `after`.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn published_after(&self, after: &str, limit: u64) -> Result<Vec<PublishedRow>> {
        let sql = "SELECT domain, blocked, live FROM published, published_reading \
                   WHERE reading = done AND domain > ?1 ORDER BY domain LIMIT ?2";
        self.published_rows(sql, params![after, to_sql(limit)])
    }

    /// The same by place: `limit` of them from the one of this place on.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn published_from(&self, offset: u64, limit: u64) -> Result<Vec<PublishedRow>> {
        let sql = "SELECT domain, blocked, live FROM published, published_reading \
                   WHERE reading = done ORDER BY domain LIMIT ?2 OFFSET ?1";
        self.published_rows(sql, params![to_sql(offset), to_sql(limit)])
    }

    fn published_rows(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<PublishedRow>> {
        self.with("it cannot be read", |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(PublishedRow { domain: row.get(0)?, blocked: row.get(1)?, live: row.get(2)? })
            };
            statement.query_map(values, read)?.collect()
        })
    }

    /// Notes whether a builder has a call.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_presence(&self, builder: &str, row: &PresenceRow) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO presences (builder, call, presence, status, at) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.with_haste("it cannot be noted which calls the builder has", |connection| {
            connection.execute(sql, params![builder, row.call, row.presence, row.status, to_sql(row.at)])?;
            Ok(())
        })
    }

    /// What was found of a builder since a moment in Unix seconds.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn presences(&self, builder: &str, since: u64) -> Result<Vec<PresenceRow>> {
        let sql = "SELECT call, presence, status, at FROM presences WHERE builder = ?1 AND at >= ?2";
        self.with("it cannot be read", |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok(PresenceRow {
                    call: row.get(0)?,
                    presence: row.get(1)?,
                    status: row.get(2)?,
                    at: from_sql(row.get(3)?),
                })
            };
            statement.query_map(params![builder, to_sql(since)], read)?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(domain: &str) -> PublishedRow {
        PublishedRow { domain: domain.into(), blocked: Some(false), live: None }
    }

    #[test]
    fn only_a_whole_reading_counts_and_only_one_reads() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.reading().unwrap(), None);
        assert!(store.begin_reading(1000, 0, 0).unwrap());
        assert!(!store.begin_reading(1001, 0, 900).unwrap(), "somebody reads");
        store.add_published(1000, &[row("b.example"), row("a.example")]).unwrap();
        assert!(store.published_after("", 10).unwrap().is_empty());
        store.finish_reading(1000).unwrap();
        assert_eq!(store.reading().unwrap(), Some(Reading { tried: 1000, done: Some(1000) }));
        assert_eq!(store.published_after("", 10).unwrap(), [row("a.example"), row("b.example")]);
        assert_eq!(store.published_after("a.example", 10).unwrap(), [row("b.example")]);
        assert_eq!(store.published_from(1, 10).unwrap(), [row("b.example")]);

        assert!(!store.begin_reading(2000, 999, 1999).unwrap(), "the last one is young");
        assert!(store.begin_reading(3000, 1000, 2000).unwrap());
        store.add_published(3000, &[row("c.example")]).unwrap();
        assert_eq!(
            store.published_after("", 10).unwrap().len(),
            2,
            "the old one counts until the new one is whole"
        );
        assert!(store.begin_reading(4000, 1000, 3000).unwrap(), "the one before broke off");
        store.add_published(4000, &[row("d.example")]).unwrap();
        store.finish_reading(4000).unwrap();
        assert_eq!(store.published_after("", 10).unwrap(), [row("d.example")]);
    }

    #[test]
    fn presences_are_of_one_builder_and_grow_old() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let row = |at| PresenceRow { call: "publish".into(), presence: "there".into(), status: 405, at };
        store.note_presence("https://a/", &row(100)).unwrap();
        store.note_presence("https://a/", &row(200)).unwrap();
        assert_eq!(store.presences("https://a/", 150).unwrap(), [row(200)]);
        assert!(store.presences("https://b/", 0).unwrap().is_empty());
        assert!(store.presences("https://a/", 201).unwrap().is_empty());
    }
}
