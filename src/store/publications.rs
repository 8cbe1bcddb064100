//! Publications of type `internal`, from the builder's request to their end.

use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{clock, random};
use crate::types::{Reference, SiteKey, WebUrl, hex};

use super::Store;
use super::sites::{from_sql, to_sql};

/// Where a publication stands, in the builder's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationState {
    /// It waits.
    Pending,
    /// It is being worked on.
    Executing,
    /// It is in the document root.
    Finished,
    /// It is not.
    Failed,
}

impl PublicationState {
    /// The builder's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Executing => "EXECUTING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
        }
    }

    fn by_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Executing, Self::Finished, Self::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// One publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationRow {
    /// What the builder asks by.
    pub id: String,
    /// The site's key at the builder.
    pub key: SiteKey,
    /// The site's floor when it was asked for.
    pub floor: u64,
    /// Where it stands.
    pub state: PublicationState,
    /// The archive's address, until it has ended.
    pub address: Option<WebUrl>,
    /// How often it was begun.
    pub attempts: u64,
    /// Why it failed.
    pub error: Option<ErrorKind>,
    /// The language of the account's user: a locale as the panel writes it.
    pub language: String,
    /// The number in the log.
    pub reference: Reference,
    /// Unix seconds.
    pub asked: u64,
}

/// What became of a request to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is queued under this identifier.
    New(String),
    /// It is the same as one that is queued, running or finished.
    Same(String),
    /// One is running and one is waiting.
    Busy,
}

const COLUMNS: &str = "id, key, floor, state, address, attempts, error, language, reference, asked";

impl Store {
    /// Queues a publication.
    ///
    /// The same address again within [`limits::PUBLICATION_REPEAT`] is the same publication, unless that one has failed: then somebody tries again.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn ask_publication(
        &self,
        key: &SiteKey,
        floor: u64,
        address: &WebUrl,
        language: &str,
        reference: Reference,
    ) -> Result<Asked> {
        let now = clock::unix_seconds();
        let address = address.to_string();
        let digest = hex(&Sha256::digest(address.as_bytes()));
        self.with("the publication cannot be queued", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let since = now.saturating_sub(limits::PUBLICATION_REPEAT.as_secs());
            // A clock that was set back leaves rows of the future: they count as of now.
            let sql = "SELECT id FROM publications WHERE key = ?1 AND digest = ?2 AND asked >= ?3 AND state <> 'FAILED' \
                       ORDER BY asked DESC LIMIT 1";
            let same = transaction.query_row(sql, params![key.as_str(), digest, to_sql(since)], |row| row.get(0));
            if let Some(id) = same.optional()? {
                return Ok(Asked::Same(id));
            }
            let sql = "SELECT count(*) FROM publications WHERE key = ?1 AND ended IS NULL";
            let open: u64 = transaction.query_row(sql, [key.as_str()], |row| row.get(0).map(from_sql))?;
            if open >= limits::PUBLICATIONS_PER_SITE {
                return Ok(Asked::Busy);
            }
            let id = identifier(now);
            let sql = "INSERT INTO publications (id, key, floor, state, address, digest, language, reference, asked) \
                       VALUES (?1, ?2, ?3, 'PENDING', ?4, ?5, ?6, ?7, ?8)";
            let reference = reference.to_string();
            let values =
                params![id, key.as_str(), to_sql(floor), address, digest, language, reference, to_sql(now)];
            transaction.execute(sql, values)?;
            transaction.commit()?;
            Ok(Asked::New(id))
        })
    }

    /// A publication of a site; another site's is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn publication(&self, key: &SiteKey, id: &str) -> Result<Option<PublicationRow>> {
        let sql = format!("SELECT {COLUMNS} FROM publications WHERE id = ?1 AND key = ?2");
        self.with("it cannot be read", |connection| {
            connection.prepare_cached(&sql)?.query_row([id, key.as_str()], read).optional()
        })
    }

    /// Takes the publication that has waited longest and whose account has none running; from then on it is being worked on. How long that takes is up to
    /// the account, and others wait too.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn begin_publication(&self) -> Result<Option<PublicationRow>> {
        let sql = format!(
            "UPDATE publications SET state = 'EXECUTING', began = ?1, attempts = attempts + 1 WHERE id = ( \
             SELECT p.id FROM publications AS p JOIN sites AS s ON s.key = p.key \
             WHERE p.ended IS NULL AND p.state = 'PENDING' AND NOT EXISTS ( \
             SELECT 1 FROM publications AS r JOIN sites AS t ON t.key = r.key \
             WHERE r.ended IS NULL AND r.state = 'EXECUTING' AND t.panel = s.panel AND t.account = s.account) \
             ORDER BY p.asked, p.rowid LIMIT 1) \
             RETURNING {COLUMNS}"
        );
        let now = to_sql(clock::unix_seconds());
        self.with("the next publication cannot be begun", |connection| {
            connection.prepare_cached(&sql)?.query_row([now], read).optional()
        })
    }

    /// Ends a publication, once: a later word about it changes nothing. Gives whether this was the word that counted.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn end_publication(&self, id: &str, result: std::result::Result<(), ErrorKind>) -> Result<bool> {
        let state = if result.is_ok() { PublicationState::Finished } else { PublicationState::Failed };
        let sql = "UPDATE publications SET state = ?2, error = ?3, ended = ?4, address = NULL WHERE id = ?1 AND ended IS NULL";
        let values =
            params![id, state.name(), result.err().map(ErrorKind::name), to_sql(clock::unix_seconds())];
        self.with("the publication's end cannot be written", |connection| {
            connection.execute(sql, values).map(|rows| rows > 0)
        })
    }

    /// Puts one back that was being worked on and cannot be now; it was not an attempt.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn put_back_publication(&self, id: &str) -> Result<()> {
        let sql = "UPDATE publications SET state = 'PENDING', attempts = attempts - 1 WHERE id = ?1 AND state = 'EXECUTING'";
        self.with("a publication cannot be put back", |connection| connection.execute(sql, [id]).map(drop))
    }

    /// Puts those back that were being worked on when the broker ended; those that were begun too often have failed. Gives how many of each.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn resume_publications(&self) -> Result<(usize, usize)> {
        let now = to_sql(clock::unix_seconds());
        self.with("publications cannot be resumed", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "UPDATE publications SET state = 'FAILED', error = ?1, ended = ?2, address = NULL \
                       WHERE ended IS NULL AND state = 'EXECUTING' AND attempts >= ?3";
            let kind = ErrorKind::PublicationInterrupted.name();
            let failed =
                transaction.execute(sql, params![kind, now, to_sql(limits::PUBLICATION_ATTEMPTS)])?;
            let sql = "UPDATE publications SET state = 'PENDING' WHERE ended IS NULL AND state = 'EXECUTING'";
            let resumed = transaction.execute(sql, [])?;
            transaction.commit()?;
            Ok((resumed, failed))
        })
    }

    /// Forgets what ended longer ago than [`limits::PUBLICATION_KEPT`]; gives how many.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn forget_publications(&self) -> Result<usize> {
        let before = clock::unix_seconds().saturating_sub(limits::PUBLICATION_KEPT.as_secs());
        self.with("old publications cannot be removed", |connection| {
            connection.execute("DELETE FROM publications WHERE ended < ?1", [to_sql(before)])
        })
    }
}

/// The time in seconds, so that identifiers sort, and 128 random bits.
fn identifier(now: u64) -> String {
    format!("{now:010x}{}", hex(&random::bytes::<16>()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<PublicationRow> {
    let unreadable = |column: usize, what: &str| {
        let error = Error::new(ErrorKind::Store, format!("a malformed {what}"));
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    };
    let text = |column: usize| row.get::<_, String>(column);
    let (state, reference) = (text(3)?, text(8)?);
    let address: Option<String> = row.get(4)?;
    let error: Option<String> = row.get(6)?;
    Ok(PublicationRow {
        id: text(0)?,
        key: SiteKey::stored(text(1)?).ok_or_else(|| unreadable(1, "key"))?,
        floor: from_sql(row.get(2)?),
        state: PublicationState::by_name(&state).ok_or_else(|| unreadable(3, "state"))?,
        address: address
            .map(|text| WebUrl::parse(&text).map_err(|_| unreadable(4, "address")))
            .transpose()?,
        attempts: from_sql(row.get(5)?),
        // A kind of a later version is an error all the same.
        error: error.map(|name| ErrorKind::by_name(&name).unwrap_or(ErrorKind::Internal)),
        language: text(7)?,
        reference: reference.parse().map_err(|_| unreadable(8, "reference"))?,
        asked: from_sql(row.get(9)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Binding, SiteRow};
    use crate::types::{AccountId, Domain, Username};

    fn world() -> (tempfile::TempDir, Store, SiteRow) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let row = site(&store, "shop.example");
        (dir, store, row)
    }

    fn site(store: &Store, domain: &str) -> SiteRow {
        site_of(store, domain, "alice", 1004)
    }

    fn site_of(store: &Store, domain: &str, account: &str, uid: u32) -> SiteRow {
        let owner = AccountId::new("cpanel", Username::new(account).unwrap(), uid, "1");
        store.bind(&Domain::new(domain).unwrap(), &owner, None, Binding::Plain).unwrap()
    }

    fn ask(store: &Store, row: &SiteRow, name: &str) -> Asked {
        let address = WebUrl::parse(&format!("https://builder.example/{name}.zip?secret=1")).unwrap();
        store.ask_publication(&row.key, row.floor, &address, "de", Reference::random()).unwrap()
    }

    fn id(asked: Asked) -> String {
        match asked {
            Asked::New(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn state(store: &Store, row: &SiteRow, id: &str) -> (PublicationState, Option<ErrorKind>) {
        let row = store.publication(&row.key, id).unwrap().unwrap();
        (row.state, row.error)
    }

    #[test]
    fn the_same_request_again_is_the_same_publication() {
        let (_dir, store, shop) = world();
        let first = id(ask(&store, &shop, "1"));
        assert_eq!(ask(&store, &shop, "1"), Asked::Same(first.clone()));
        // Of another site it is another one; after ten minutes too; after a failure somebody tries again.
        assert_ne!(id(ask(&store, &site(&store, "blog.example"), "1")), first);
        store.end_publication(&first, Ok(())).unwrap();
        assert_eq!(ask(&store, &shop, "1"), Asked::Same(first.clone()));
        let older = |seconds: u64| {
            let sql = "UPDATE publications SET asked = asked - ?1";
            store.with("test", |connection| connection.execute(sql, [to_sql(seconds)])).unwrap();
        };
        older(limits::PUBLICATION_REPEAT.as_secs() + 1);
        let second = id(ask(&store, &shop, "1"));
        store.end_publication(&second, Err(ErrorKind::Download)).unwrap();
        assert_ne!(id(ask(&store, &shop, "1")), second);
    }

    #[test]
    fn one_runs_for_each_account_and_one_waits_for_each_site() {
        let (_dir, store, shop) = world();
        let (first, second) = (id(ask(&store, &shop, "1")), id(ask(&store, &shop, "2")));
        assert_eq!(ask(&store, &shop, "3"), Asked::Busy);
        let third = id(ask(&store, &site(&store, "blog.example"), "1"));
        let other = id(ask(&store, &site_of(&store, "b.example", "bob", 1005), "1"));
        let begin = || store.begin_publication().unwrap().map(|row| (row.id, row.state, row.attempts));
        assert_eq!(begin(), Some((first.clone(), PublicationState::Executing, 1)));
        assert_eq!(begin(), Some((other, PublicationState::Executing, 1)), "bob does not wait for alice");
        assert_eq!(begin(), None, "another site of alice's waits, and so does the second of the shop");
        assert!(store.end_publication(&first, Ok(())).unwrap());
        assert_eq!(begin(), Some((second.clone(), PublicationState::Executing, 1)));
        assert!(matches!(ask(&store, &shop, "3"), Asked::New(_)));
        assert_eq!(begin(), None);
        assert!(store.end_publication(&second, Ok(())).unwrap());
        assert_eq!(begin(), Some((third, PublicationState::Executing, 1)));
    }

    #[test]
    fn an_end_is_an_end_and_forgets_the_address() {
        let (_dir, store, shop) = world();
        let first = id(ask(&store, &shop, "1"));
        assert!(store.publication(&shop.key, &first).unwrap().unwrap().address.is_some());
        assert!(store.end_publication(&first, Err(ErrorKind::Archive)).unwrap());
        assert!(!store.end_publication(&first, Ok(())).unwrap());
        assert_eq!(state(&store, &shop, &first), (PublicationState::Failed, Some(ErrorKind::Archive)));
        assert_eq!(store.publication(&shop.key, &first).unwrap().unwrap().address, None);
        assert_eq!(store.publication(&site(&store, "blog.example").key, &first).unwrap(), None);
        assert_eq!(store.publication(&shop.key, "x' OR 1 --").unwrap(), None);
    }

    #[test]
    fn a_broker_that_comes_back_goes_on_but_not_for_ever() {
        let (_dir, store, shop) = world();
        let first = id(ask(&store, &shop, "1"));
        for attempt in 1..=limits::PUBLICATION_ATTEMPTS {
            assert_eq!(store.begin_publication().unwrap().unwrap().attempts, attempt);
            let last = attempt == limits::PUBLICATION_ATTEMPTS;
            assert_eq!(store.resume_publications().unwrap(), if last { (0, 1) } else { (1, 0) });
        }
        let want = (PublicationState::Failed, Some(ErrorKind::PublicationInterrupted));
        assert_eq!(state(&store, &shop, &first), want);
        // One that was put back in good order was not tried.
        let second = id(ask(&store, &shop, "2"));
        for _ in 0..3 {
            assert_eq!(store.begin_publication().unwrap().unwrap().attempts, 1);
            store.put_back_publication(&second).unwrap();
        }
        store.end_publication(&second, Ok(())).unwrap();
        store.put_back_publication(&second).unwrap();
        assert_eq!(state(&store, &shop, &second).0, PublicationState::Finished);
    }

    #[test]
    fn what_has_ended_is_kept_a_day_and_follows_its_sites_key() {
        let (_dir, store, _) = world();
        let owner = AccountId::new("cpanel", Username::new("alice").unwrap(), 1004, "1");
        let row = store.bind(&Domain::new("new.example").unwrap(), &owner, None, Binding::Numeric).unwrap();
        let first = id(ask(&store, &row, "1"));
        let claimed = store.claim(&row.domain).unwrap();
        assert!(store.publication(&claimed.key, &first).unwrap().is_some());
        store.end_publication(&first, Ok(())).unwrap();
        assert_eq!(store.forget_publications().unwrap(), 0);
        assert!(limits::PUBLICATION_KEPT.as_secs() >= 24 * 60 * 60);
        let sql = "UPDATE publications SET ended = ended - ?1";
        let kept = to_sql(limits::PUBLICATION_KEPT.as_secs() + 1);
        store.with("test", |connection| connection.execute(sql, [kept])).unwrap();
        assert_eq!(store.forget_publications().unwrap(), 1);
    }

    #[test]
    fn many_at_once_agree() {
        let (dir, store, shop) = world();
        let answers: Vec<Asked> = std::thread::scope(|scope| {
            let ask = || ask(&Store::open(dir.path()).unwrap(), &shop, "1");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|asked| matches!(asked, Asked::New(_))).count(), 1, "{answers:?}");
        assert!(store.begin_publication().unwrap().is_some() && store.begin_publication().unwrap().is_none());
    }
}
