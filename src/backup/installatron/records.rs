//! What Installatron says about backups, applications, tasks and places.
//!
//! Only what is used is read. Passwords of databases, which stand in clear text in every record, are dropped where they are read, and so is the login
//! in the address of a place. Names of the first version of its API are taken too.

use serde::{Deserialize, Deserializer};

use crate::types::BackupLocation;

use super::loose;

/// A backup, with the application that it is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Backup {
    /// Its id. Opaque.
    #[serde(deserialize_with = "loose::text")]
    pub id: Option<String>,
    /// The name of its file. Opaque.
    #[serde(rename = "backup_filename", deserialize_with = "loose::text")]
    pub file: Option<String>,
    /// The id of the application.
    #[serde(rename = "backup_install", deserialize_with = "loose::text")]
    pub install: Option<String>,
    /// Where it lies, without the login.
    #[serde(rename = "backup_location", deserialize_with = "place")]
    pub location: Option<String>,
    /// What was said about it.
    #[serde(rename = "backup_note", deserialize_with = "loose::text")]
    pub note: Option<String>,
    /// When it was made, in Unix seconds.
    #[serde(rename = "backup_time", deserialize_with = "loose::integer")]
    pub time: Option<i64>,
    /// Which kind of application it is of.
    #[serde(alias = "installer", deserialize_with = "loose::text")]
    pub application: Option<String>,
    /// The user whose it is.
    #[serde(alias = "owner", deserialize_with = "loose::text")]
    pub user: Option<String>,
    /// The application's title.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// The application's address.
    #[serde(deserialize_with = "loose::text")]
    pub url: Option<String>,
    /// The domain in it.
    #[serde(alias = "url-domain", deserialize_with = "loose::text")]
    pub url_domain: Option<String>,
    /// The application's version.
    #[serde(deserialize_with = "loose::text")]
    pub version: Option<String>,
    /// Whether the application is broken.
    #[serde(deserialize_with = "loose::flag")]
    pub incomplete: Option<bool>,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Install {
    /// Its id. Opaque.
    #[serde(deserialize_with = "loose::text")]
    pub id: Option<String>,
    /// Which kind it is.
    #[serde(alias = "installer", deserialize_with = "loose::text")]
    pub application: Option<String>,
    /// The user whose it is.
    #[serde(alias = "owner", deserialize_with = "loose::text")]
    pub user: Option<String>,
    /// Its title.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
    /// Its address.
    #[serde(deserialize_with = "loose::text")]
    pub url: Option<String>,
    /// The domain in it.
    #[serde(alias = "url-domain", deserialize_with = "loose::text")]
    pub url_domain: Option<String>,
    /// Its version.
    #[serde(deserialize_with = "loose::text")]
    pub version: Option<String>,
    /// Where its backups go, without a login.
    #[serde(deserialize_with = "place")]
    pub bkloc: Option<String>,
    /// Whether it is broken.
    #[serde(deserialize_with = "loose::flag")]
    pub incomplete: Option<bool>,
}

/// Something that Installatron does, or has done lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Its id. Opaque.
    #[serde(deserialize_with = "loose::text")]
    pub id: Option<String>,
    /// What it does: `installs/backup`, `backups/restore`.
    #[serde(deserialize_with = "loose::text")]
    pub cmd: Option<String>,
    /// The user for whom.
    #[serde(alias = "owner", deserialize_with = "loose::text")]
    pub user: Option<String>,
    /// The application that it is about.
    #[serde(deserialize_with = "loose::text")]
    pub install: Option<String>,
    /// A word whose values are not documented.
    #[serde(deserialize_with = "loose::text")]
    pub status: Option<String>,
    /// How far it is, perhaps.
    #[serde(rename = "percentMin", alias = "percent_min", deserialize_with = "loose::integer")]
    pub percent: Option<i64>,
}

/// A place for backups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Location {
    /// Its id: `local`, or an opaque one.
    #[serde(deserialize_with = "loose::text")]
    pub id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "loose::text")]
    pub name: Option<String>,
    /// More about it.
    #[serde(deserialize_with = "loose::text")]
    pub desc: Option<String>,
    /// Whether it is taken unless another one is named.
    #[serde(deserialize_with = "loose::flag")]
    pub default: Option<bool>,
    /// Whether it can be used.
    #[serde(deserialize_with = "loose::flag")]
    pub enabled: Option<bool>,
    /// Who made it: `user` or `admin`.
    #[serde(deserialize_with = "loose::text")]
    pub scope: Option<String>,
    /// Its address, without the login.
    #[serde(deserialize_with = "place")]
    pub uri: Option<String>,
}

/// When backups are made by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// Its id: a word of Installatron's, or an opaque one.
    #[serde(deserialize_with = "loose::text")]
    pub id: Option<String>,
    /// How many daily ones are kept.
    #[serde(deserialize_with = "loose::integer")]
    pub daily: Option<i64>,
    /// How many weekly ones.
    #[serde(deserialize_with = "loose::integer")]
    pub weekly: Option<i64>,
    /// How many monthly ones.
    #[serde(deserialize_with = "loose::integer")]
    pub monthly: Option<i64>,
    /// Whether it can be used.
    #[serde(deserialize_with = "loose::flag")]
    pub enabled: Option<bool>,
    /// Whether users cannot choose another one.
    #[serde(deserialize_with = "loose::flag")]
    pub forced: Option<bool>,
    /// Where they go, without a login.
    #[serde(deserialize_with = "place")]
    pub location: Option<String>,
}

/// Which Installatron it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Version {
    /// `Installatron Server` or `Installatron Plugin`.
    #[serde(deserialize_with = "loose::text")]
    pub product: Option<String>,
    /// Its version. The two products count on their own.
    #[serde(deserialize_with = "loose::text")]
    pub version: Option<String>,
    /// Whether it has a licence.
    #[serde(deserialize_with = "loose::flag")]
    pub license: Option<bool>,
}

/// A record that belongs to a user and has an id.
pub(super) trait Owned {
    fn user(&self) -> Option<&str>;
    fn id(&self) -> Option<&str>;
}

macro_rules! owned {
    ($($name:ident),+) => { $(
        impl Owned for $name {
            fn user(&self) -> Option<&str> {
                self.user.as_deref()
            }

            fn id(&self) -> Option<&str> {
                self.id.as_deref()
            }
        }
    )+ };
}

owned!(Backup, Install, Task);

/// The name of a place. An address loses its login; what cannot be read as one is not shown at all.
fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = loose::text(deserializer)?;
    Ok(text.map(|text| match BackupLocation::parse(&text) {
        Ok(location) => location.to_string(),
        Err(_) => "a place that cannot be shown".to_owned(),
    }))
}
