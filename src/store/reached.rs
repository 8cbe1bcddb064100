//! Which publication endpoints the doctor has reached.

use rusqlite::params;

use crate::error::Result;
use crate::sys::clock;
use crate::types::WebUrl;

use super::Store;
use super::sites::to_sql;

impl Store {
    /// Notes that the doctor has reached an endpoint by its public address.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_reached(&self, endpoint: &WebUrl) -> Result<()> {
        let sql = "INSERT INTO reached VALUES (?1, ?2) ON CONFLICT (endpoint) DO UPDATE SET at = excluded.at";
        self.with("it cannot be written", |connection| {
            connection.execute(sql, params![endpoint.to_string(), to_sql(clock::unix_seconds())]).map(drop)
        })
    }

    /// Whether the doctor has ever reached an endpoint.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn was_reached(&self, endpoint: &WebUrl) -> Result<bool> {
        self.with("it cannot be read", |connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM reached WHERE endpoint = ?1")?;
            statement.exists([endpoint.to_string()])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reached_is_what_was_noted_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (a, b) =
            (WebUrl::parse("https://a.example/").unwrap(), WebUrl::parse("https://b.example/").unwrap());
        assert!(!store.was_reached(&a).unwrap());
        store.note_reached(&a).unwrap();
        store.note_reached(&a).unwrap();
        assert!(store.was_reached(&a).unwrap() && !store.was_reached(&b).unwrap());
    }
}
