//! Which builder key belongs to whom.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{clock, random};
use crate::types::{AccountId, Domain, SiteKey, Username, hex};

use super::Store;
use super::ftp_accounts::queue_end;

/// A site at the builder, and who it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteRow {
    /// Its key at the builder.
    pub key: SiteKey,
    /// Its domain.
    pub domain: Domain,
    /// Who it belongs to.
    pub owner: AccountId,
    /// Its name in the publication endpoint's address: 160 bits in hexadecimal.
    pub token: String,
    /// The first generation of credentials that is not revoked.
    pub floor: u64,
    /// Unix seconds of its first opening.
    pub opened: u64,
    /// Whether its key is closed: the domain went to another account.
    pub closed: bool,
}

/// Which key a site gets that has none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its domain, if that key was never given to anybody; else a number.
    Plain,
    /// A number: whether the domain's key is free cannot be known.
    Numeric,
}

/// How much is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Sites with a key that is not closed.
    pub sites: usize,
    /// Jobs that are not done.
    pub waiting: usize,
}

const COLUMNS: &str = "key, domain, panel, account, uid, mark, token, floor, opened, closed IS NOT NULL";

impl Store {
    /// The row of a site that belongs to an account; made if there is none.
    ///
    /// If `former` is given, it is the domain's current row, of which the caller has made sure that its owner does not have the site any more: it is
    /// closed for good (its credentials end, and a job to back up and delete the project is queued), and the new owner gets a fresh numeric key. All of it
    /// happens or nothing; no other row of somebody else is ever closed.
    ///
    /// # Errors
    /// [`ErrorKind::SiteConflict`] if the domain has a row of somebody else that is not `former`; [`ErrorKind::Store`].
    pub fn bind(
        &self,
        domain: &Domain,
        owner: &AccountId,
        former: Option<&SiteRow>,
        binding: Binding,
    ) -> Result<SiteRow> {
        let now = clock::unix_seconds();
        let bound = self.with("the site cannot be bound to its account", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Somebody else may have been faster.
            let row = match current(&transaction, domain)? {
                Some(row) if row.owner == *owner => row,
                Some(row)
                    if former.is_none_or(|former| former.key != row.key || former.owner != row.owner) =>
                {
                    return Ok(None);
                }
                old => {
                    if let Some(old) = old {
                        close(&transaction, &old, now, now)?;
                    }
                    insert(&transaction, domain, owner, binding, now)?
                }
            };
            transaction.commit()?;
            Ok(Some(row))
        })?;
        bound.ok_or_else(|| moved(domain))
    }

    /// Gives a row the new name of its owner, who is the same account as before.
    ///
    /// # Errors
    /// [`ErrorKind::SiteConflict`] if the row is not the domain's current one any more; [`ErrorKind::Store`].
    pub fn rename_owner(&self, row: &SiteRow, owner: &AccountId) -> Result<SiteRow> {
        let sql = "UPDATE sites SET account = ?2 WHERE key = ?1 AND account = ?3 AND closed IS NULL";
        let names = params![row.key.as_str(), owner.name().as_str(), row.owner.name().as_str()];
        let now = self.with("the account's new name cannot be written", |connection| {
            connection.execute(sql, names)?;
            current(connection, &row.domain)
        })?;
        // Another request may have written the same name already, or another account may have the domain now.
        now.filter(|now| now.owner == *owner).ok_or_else(|| moved(&row.domain))
    }

    /// The current row of a domain.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn current(&self, domain: &Domain) -> Result<Option<SiteRow>> {
        self.with("it cannot be read", |connection| current(connection, domain))
    }

    /// The current rows of an account, of one site, or all.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn current_rows(&self, account: Option<&Username>, site: Option<&Domain>) -> Result<Vec<SiteRow>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sites WHERE closed IS NULL AND (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR domain = ?2)"
        );
        self.with("it cannot be read", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement
                .query_map(params![account.map(Username::as_str), site.map(Domain::as_str)], read)?;
            rows.collect()
        })
    }

    /// Whether anything was published to a site.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn was_published(&self, row: &SiteRow) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM publications WHERE key = ?1 AND state = 'FINISHED') \
                   OR EXISTS (SELECT 1 FROM audit WHERE site = ?2 AND operation = 'publish' AND result = 'ok')";
        self.with("it cannot be read", |connection| {
            connection.query_row(sql, [row.key.as_str(), row.domain.as_str()], |row| row.get(0))
        })
    }

    /// The row with an endpoint token.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn by_token(&self, token: &str) -> Result<Option<SiteRow>> {
        let sql = format!("SELECT {COLUMNS} FROM sites WHERE token = ?1");
        self.with("it cannot be read", |connection| {
            connection.prepare_cached(&sql)?.query_row([token], read).optional()
        })
    }

    /// The row of a key, closed ones included.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn by_key(&self, key: &SiteKey) -> Result<Option<SiteRow>> {
        let sql = format!("SELECT {COLUMNS} FROM sites WHERE key = ?1");
        self.with("it cannot be read", |connection| {
            connection.prepare_cached(&sql)?.query_row([key.as_str()], read).optional()
        })
    }

    /// Raises the floor of the current sites of an account, one site, or all, above every generation that was handed out at generation `current` or
    /// before; gives the domains. After an earlier revocation that is one generation ahead of time, and after each further one another.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn revoke(
        &self,
        account: Option<&Username>,
        site: Option<&Domain>,
        current: u64,
    ) -> Result<Vec<Domain>> {
        let (account, site) = (account.map(Username::as_str), site.map(Domain::as_str));
        let sql = "UPDATE sites SET floor = max(floor, ?3) + 1 WHERE closed IS NULL AND (?1 IS NULL OR account = ?1) \
                   AND (?2 IS NULL OR domain = ?2) RETURNING key, domain";
        self.with("credentials cannot be revoked", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let ended = {
                let mut statement = transaction.prepare_cached(sql)?;
                let rows = statement.query_map(params![account, site, to_sql(current)], |row| {
                    Ok((row.get::<_, String>(0)?, domain_of(row, 1)?))
                })?;
                rows.collect::<rusqlite::Result<Vec<_>>>()?
            };
            for (key, _) in &ended {
                queue_end(&transaction, key)?;
            }
            transaction.commit()?;
            Ok(ended.into_iter().map(|(_, domain)| domain).collect())
        })
    }

    /// How much there is; for the doctor.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn facts(&self) -> Result<Facts> {
        let sql = "SELECT (SELECT count(*) FROM sites WHERE closed IS NULL), (SELECT count(*) FROM jobs WHERE done IS NULL)";
        let number = |row: &Row<'_>, column| {
            row.get(column).map(|number| usize::try_from(from_sql(number)).unwrap_or(usize::MAX))
        };
        self.with("it cannot be read", |connection| {
            connection
                .query_row(sql, [], |row| Ok(Facts { sites: number(row, 0)?, waiting: number(row, 1)? }))
        })
    }

    /// Gives a site that has a numeric key the plain one. Root says that the builder's project of that name is this account's.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]; [`ErrorKind::SiteConflict`] if the plain key was somebody else's; [`ErrorKind::SiteNotFound`] if the site was never opened.
    pub fn claim(&self, domain: &Domain) -> Result<SiteRow> {
        let plain = SiteKey::of(domain);
        let row = self.current(domain)?.ok_or_else(|| {
            Error::new(
                ErrorKind::SiteNotFound,
                format!("{domain} was never opened here: open it once, then claim it"),
            )
        })?;
        if row.key == plain {
            return Ok(row);
        }
        let taken: bool = self.with("it cannot be read", |connection| {
            connection
                .query_row("SELECT count(*) FROM sites WHERE key = ?1", [plain.as_str()], |row| row.get(0))
        })?;
        if taken {
            let text = format!("the key {plain} belonged to another account; a key has one owner for ever");
            return Err(Error::new(ErrorKind::SiteConflict, text));
        }
        self.with("the site cannot be claimed", |connection| {
            let sql = "UPDATE sites SET key = ?1 WHERE key = ?2 AND closed IS NULL";
            connection.execute(sql, [plain.as_str(), row.key.as_str()])?;
            current(connection, domain)
        })?
        .filter(|now| now.key == plain)
        .ok_or_else(|| moved(domain))
    }
}

fn moved(domain: &Domain) -> Error {
    let text = format!("{domain} has gone to another account at this moment: try again");
    Error::new(ErrorKind::SiteConflict, text)
}

fn current(connection: &Connection, domain: &Domain) -> rusqlite::Result<Option<SiteRow>> {
    let sql = format!("SELECT {COLUMNS} FROM sites WHERE domain = ?1 AND closed IS NULL");
    connection.prepare_cached(&sql)?.query_row([domain.as_str()], read).optional()
}

/// Closes a key for good, and queues the end of its project; the grace time counts from `since`.
pub(super) fn close(connection: &Connection, row: &SiteRow, now: u64, since: u64) -> rusqlite::Result<()> {
    let floor = i64::MAX;
    connection.execute(
        "UPDATE sites SET closed = ?2, floor = ?3 WHERE key = ?1",
        params![row.key.as_str(), to_sql(now), floor],
    )?;
    let sql = "INSERT INTO jobs (kind, subject, account, site, key, floor, next, queued) \
               VALUES ('close-site', 'site ' || ?1, ?2, ?1, ?3, ?4, ?5, ?6)";
    let (now, since) = (to_sql(now), to_sql(since));
    let values = params![row.domain.as_str(), row.owner.name().as_str(), row.key.as_str(), floor, now, since];
    connection.execute(sql, values)?;
    queue_end(connection, row.key.as_str())
}

fn insert(
    connection: &Connection,
    domain: &Domain,
    owner: &AccountId,
    binding: Binding,
    now: u64,
) -> rusqlite::Result<SiteRow> {
    let plain = SiteKey::of(domain);
    let used = "SELECT count(*) FROM sites WHERE key = ?1";
    let is_used = |key: &SiteKey| connection.query_row(used, [key.as_str()], |row| row.get::<_, bool>(0));
    let key = if binding == Binding::Plain && !is_used(&plain)? {
        plain
    } else {
        // 53 random bits: several servers of one brand must not meet.
        SiteKey::numeric(u64::from_be_bytes(random::bytes()) >> 11)
    };
    let token = hex(&random::bytes::<20>());
    let sql = "INSERT INTO sites (key, domain, panel, account, uid, mark, token, opened) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    connection.execute(
        sql,
        params![
            key.as_str(),
            domain.as_str(),
            owner.panel(),
            owner.name().as_str(),
            owner.uid(),
            owner.mark(),
            token,
            to_sql(now)
        ],
    )?;
    Ok(SiteRow {
        key,
        domain: domain.clone(),
        owner: owner.clone(),
        token,
        floor: 0,
        opened: now,
        closed: false,
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<SiteRow> {
    let name: String = row.get(3)?;
    let name = Username::new(&name).map_err(|error| unreadable(3, error))?;
    let key: String = row.get(0)?;
    Ok(SiteRow {
        key: SiteKey::stored(key)
            .ok_or_else(|| unreadable(0, Error::new(ErrorKind::Store, "a malformed key")))?,
        domain: domain_of(row, 1)?,
        owner: AccountId::new(row.get::<_, String>(2)?, name, row.get(4)?, row.get::<_, String>(5)?),
        token: row.get(6)?,
        floor: from_sql(row.get(7)?),
        opened: from_sql(row.get(8)?),
        closed: row.get(9)?,
    })
}

fn domain_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Domain> {
    let text: String = row.get(column)?;
    Domain::new(&text).map_err(|error| unreadable(column, error))
}

pub(super) fn unreadable(column: usize, error: Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

/// SQLite's integers are signed.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The row of a site in tests, whose token is forty times this letter.
#[cfg(test)]
pub(crate) fn row_of_tests(token: &str, floor: u64) -> SiteRow {
    let domain = Domain::new("a.example").unwrap();
    let owner = AccountId::new("cpanel", Username::new("alice").unwrap(), 1004, "1");
    let key = SiteKey::of(&domain);
    SiteRow { key, domain, owner, token: token.repeat(40), floor, opened: 0, closed: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        (dir, store)
    }

    fn account(name: &str, mark: &str) -> AccountId {
        AccountId::new("cpanel", Username::new(name).unwrap(), 1004, mark)
    }

    /// As the use case does it, which has made sure that the former owner does not have the site any more.
    fn bind(store: &Store, domain: &Domain, owner: &AccountId, binding: Binding) -> SiteRow {
        let former = store.current(domain).unwrap().filter(|row| row.owner != *owner);
        store.bind(domain, owner, former.as_ref(), binding).unwrap()
    }

    fn open_jobs(store: &Store) -> Vec<String> {
        store
            .with("test", |connection| {
                let mut statement =
                    connection.prepare("SELECT key FROM jobs WHERE done IS NULL ORDER BY id")?;
                let rows = statement.query_map([], |row| row.get(0))?;
                rows.collect()
            })
            .unwrap()
    }

    #[test]
    fn a_key_has_one_owner_for_ever() {
        let (_dir, store) = store();
        let shop = Domain::new("www.shop.example").unwrap();
        let (alice, bob) = (account("alice", "1"), account("bob", "2"));
        let first = bind(&store, &shop, &alice, Binding::Plain);
        assert_eq!(first.key.as_str(), "shop.example");
        assert_eq!(bind(&store, &shop, &alice, Binding::Numeric), first);

        let second = bind(&store, &shop, &bob, Binding::Plain);
        assert!(second.key.as_str().parse::<u64>().is_ok(), "{}", second.key);
        assert_ne!(second.token, first.token);
        let closed = store.by_token(&first.token).unwrap().unwrap();
        assert!(closed.closed && closed.floor > 1 << 60);
        assert_eq!(open_jobs(&store), ["shop.example"]);

        // Back again: neither the plain key nor the number of before.
        let third = bind(&store, &shop, &alice, Binding::Plain);
        assert!(![first.key.as_str(), second.key.as_str()].contains(&third.key.as_str()));
        assert_eq!(open_jobs(&store), ["shop.example".to_owned(), second.key.to_string()]);
    }

    #[test]
    fn an_account_made_again_under_the_same_name_inherits_nothing() {
        let (_dir, store) = store();
        let shop = Domain::new("shop.example").unwrap();
        let old = bind(&store, &shop, &account("alice", "1719921330"), Binding::Plain);
        let new = bind(&store, &shop, &account("alice", "1800000000"), Binding::Plain);
        assert_ne!(old.key, new.key);
        assert_ne!(old.token, new.token);
    }

    #[test]
    fn only_the_row_that_was_looked_at_is_closed() {
        let (_dir, store) = store();
        let shop = Domain::new("shop.example").unwrap();
        let (alice, bob, carol) = (account("alice", "1"), account("bob", "2"), account("carol", "3"));
        let first = bind(&store, &shop, &alice, Binding::Plain);
        let second = bind(&store, &shop, &bob, Binding::Plain);
        // Requests that have looked before that.
        for (owner, former) in [(&alice, None), (&carol, None), (&carol, Some(&first))] {
            let error = store.bind(&shop, owner, former, Binding::Plain).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SiteConflict, "{owner}");
        }
        assert_eq!(store.current(&shop).unwrap().unwrap(), second);
        assert_eq!(open_jobs(&store), ["shop.example"]);
    }

    #[test]
    fn an_account_with_a_new_name_keeps_its_row() {
        let (_dir, store) = store();
        let shop = Domain::new("shop.example").unwrap();
        let row = bind(&store, &shop, &account("alice", "1"), Binding::Plain);
        let renamed = store.rename_owner(&row, &account("alicia", "1")).unwrap();
        assert_eq!(store.current(&shop).unwrap().unwrap(), renamed);
        assert_eq!(
            (renamed.owner.name().as_str(), &renamed.key, &renamed.token),
            ("alicia", &row.key, &row.token)
        );
        // Who has looked before that and wants the same has it; who comes after the domain has moved does not.
        assert_eq!(store.rename_owner(&row, &account("alicia", "1")).unwrap(), renamed);
        bind(&store, &shop, &account("bob", "2"), Binding::Plain);
        let error = store.rename_owner(&row, &account("alicia", "1")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SiteConflict);
    }

    #[test]
    fn revoking_raises_floors_and_never_lowers_them() {
        let (_dir, store) = store();
        let (a, b) = (Domain::new("a.example").unwrap(), Domain::new("b.example").unwrap());
        let (alice, bob) = (account("alice", "1"), account("bob", "2"));
        bind(&store, &a, &alice, Binding::Plain);
        bind(&store, &b, &bob, Binding::Plain);
        assert_eq!(store.revoke(Some(alice.name()), None, 7).unwrap(), std::slice::from_ref(&a));
        assert_eq!(store.revoke(None, Some(&a), 5).unwrap(), std::slice::from_ref(&a));
        assert_eq!(
            store.current(&a).unwrap().unwrap().floor,
            9,
            "above 7, then above what was handed out after that"
        );
        assert_eq!(store.current(&b).unwrap().unwrap().floor, 0);
        assert_eq!(store.revoke(None, None, 9).unwrap().len(), 2);
        assert_eq!(store.current(&b).unwrap().unwrap().floor, 10);
        assert_eq!(store.revoke(None, Some(&Domain::new("c.example").unwrap()), 9).unwrap(), []);
    }

    #[test]
    fn a_plain_key_can_be_claimed_once_and_not_from_another() {
        let (_dir, store) = store();
        let shop = Domain::new("shop.example").unwrap();
        assert_eq!(store.claim(&shop).unwrap_err().kind(), ErrorKind::SiteNotFound);
        let row = bind(&store, &shop, &account("alice", "1"), Binding::Numeric);
        let claimed = store.claim(&shop).unwrap();
        assert_eq!((claimed.key.as_str(), &claimed.token), ("shop.example", &row.token));
        assert_eq!(store.claim(&shop).unwrap(), claimed);
        bind(&store, &shop, &account("bob", "2"), Binding::Plain);
        assert_eq!(store.claim(&shop).unwrap_err().kind(), ErrorKind::SiteConflict);
    }

    #[test]
    fn many_at_once_agree_on_one_row() {
        let (dir, _store) = store();
        let shop = Domain::new("shop.example").unwrap();
        let tokens: Vec<String> = std::thread::scope(|scope| {
            let bind = || {
                let store = Store::open(dir.path()).unwrap();
                store.bind(&shop, &account("alice", "1"), None, Binding::Plain).unwrap().token
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(bind)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
