//! The calls (`reference/installatron.md` 4).

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use ureq::http::Method;

use crate::config::InstallatronConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{BackupLocation, Secret, Username, quote};

use super::records::*;
use super::replies::{self, Asked, ErrorCode, Page};
use super::transport::{Call, Transport};

/// The id of something in Installatron. Opaque: letters, digits, `_` and `-`, so that it can stand in a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(String);

impl Id {
    /// Checks an id.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it cannot be one.
    pub fn new(text: &str) -> Result<Self> {
        let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if fits && (1..=128).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{} is not an id of Installatron", quote(text)),
            ))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a call works, or only tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    /// It works.
    #[default]
    No,
    /// Values and connections are checked.
    All,
    /// Values are checked.
    Input,
}

impl DryRun {
    fn asked(self) -> Asked {
        if self == Self::No { Asked::Work } else { Asked::DryRun }
    }

    fn add(self, parameters: &mut Map<String, Value>) {
        let word = match self {
            Self::No => return,
            Self::All => "all",
            Self::Input => "input",
        };
        parameters.insert("dryrun".into(), word.into());
    }
}

/// How a call works. What is `None` or `false` is left to Installatron.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// `user`: whose data.
    pub user: Option<Username>,
    /// `bkloc`: where backups lie.
    pub location: Option<BackupLocation>,
    /// `background`: whether the call returns after its checks and the work goes on.
    pub background: bool,
    /// `dryrun`
    pub dry_run: DryRun,
}

impl Work {
    fn parameters(&self) -> Map<String, Value> {
        let mut parameters = Map::new();
        if let Some(location) = &self.location {
            parameters.insert("bkloc".into(), location.to_secret().expose().into());
        }
        if let Some(user) = &self.user {
            parameters.insert("user".into(), user.as_str().into());
        }
        if self.background {
            parameters.insert("background".into(), true.into());
        }
        self.dry_run.add(&mut parameters);
        parameters
    }

    /// Whether the call itself takes as long as the work.
    fn works(&self) -> bool {
        !self.background && self.dry_run == DryRun::No
    }
}

/// Where a restored application's database is put, if not where it was.
#[derive(Clone, Debug)]
pub struct Database {
    /// `db_host`
    pub host: String,
    /// `db_name`
    pub name: String,
    /// `db_user`
    pub user: String,
    /// `db_pass`
    pub password: Secret,
}

/// A client of one Installatron.
pub struct Client {
    transport: Transport,
    location: Option<BackupLocation>,
}

impl Client {
    /// Makes a client; nothing is called yet.
    pub fn new(config: &InstallatronConfig) -> Self {
        Self { transport: Transport::new(config), location: config.location.clone() }
    }

    /// Whether only views without parameters are possible.
    pub fn only_looks(&self) -> bool {
        self.transport.only_looks()
    }

    /// The configured place for backups.
    pub fn location(&self) -> Option<&BackupLocation> {
        self.location.as_ref()
    }

    /// `GET /version`: which Installatron it is.
    ///
    /// # Errors
    /// [`ErrorKind`] 7xx, as for all calls; [`ErrorKind::Config`] if there is no key.
    pub fn version(&self) -> Result<Version> {
        self.get::<Version>("/version", Map::new())?
            .items
            .into_iter()
            .next()
            .ok_or_else(|| nothing("/version"))
    }

    /// `GET /backups`: the backups of a user.
    ///
    /// # Errors
    /// See [`Client::version`]; [`ErrorKind::BackupProtocol`] if something of another user is among them.
    pub fn backups(&self, user: &Username) -> Result<Vec<Backup>> {
        self.all("/backups", user)
    }

    /// `GET /backups/{id}`: one backup.
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn backup(&self, id: &Id) -> Result<Backup> {
        let path = format!("/backups/{}", id.as_str());
        self.get::<Backup>(&path, Map::new())?.items.into_iter().next().ok_or_else(|| nothing(&path))
    }

    /// `POST /backups/import`: takes archives that lie at a place already. Gives those that were taken.
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn import(&self, work: &Work) -> Result<Vec<Backup>> {
        self.post("/backups/import", work.parameters(), work)
    }

    /// `POST /backups/{id}/restore`: overwrites the application with its backup. Without `background` it is done when the call returns.
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn restore(&self, id: &Id, database: Option<&Database>, work: &Work) -> Result<()> {
        let mut parameters = work.parameters();
        if let Some(database) = database {
            let password = database.password.expose();
            let all = [
                ("host", database.host.as_str()),
                ("name", &database.name),
                ("user", &database.user),
                ("pass", password),
            ];
            for (name, value) in all {
                parameters.insert(format!("db_{name}"), value.into());
            }
        }
        self.post::<Backup>(&format!("/backups/{}/restore", id.as_str()), parameters, work).map(drop)
    }

    /// `DELETE /backups/{id}`
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn delete_backup(&self, id: &Id) -> Result<()> {
        let path = format!("/backups/{}", id.as_str());
        let call = Call { method: Method::DELETE, path: &path, parameters: Map::new(), works: false };
        self.call::<Backup>(&call, Asked::Work).map(drop)
    }

    /// `GET /installs`: the applications of a user.
    ///
    /// # Errors
    /// See [`Client::backups`].
    pub fn installs(&self, user: &Username) -> Result<Vec<Install>> {
        self.all("/installs", user)
    }

    /// `POST /installs/{id}/backup`: makes a backup of an application.
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn back_up(&self, install: &Id, work: &Work) -> Result<()> {
        let path = format!("/installs/{}/backup", install.as_str());
        self.post::<Backup>(&path, work.parameters(), work).map(drop)
    }

    /// `GET /tasks`: what is done for a user, or was done lately.
    ///
    /// # Errors
    /// See [`Client::backups`].
    pub fn tasks(&self, user: &Username) -> Result<Vec<Task>> {
        self.all("/tasks", user)
    }

    /// `GET /set/backup_locations`: the places for backups. For the administrator.
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn locations(&self) -> Result<Vec<Location>> {
        Ok(self.get("/set/backup_locations", Map::new())?.items)
    }

    /// `GET /set/backup_schedules`: when backups are made by themselves. For the administrator.
    ///
    /// # Errors
    /// See [`Client::version`].
    pub fn schedules(&self) -> Result<Vec<Schedule>> {
        Ok(self.get("/set/backup_schedules", Map::new())?.items)
    }

    /// All pages of a list of a user's. What says that there is more for ever is left at an empty page, at one that brings nothing new, and after
    /// [`limits::INSTALLATRON_PAGES`].
    fn all<T: DeserializeOwned + Owned>(&self, path: &str, user: &Username) -> Result<Vec<T>> {
        if self.only_looks() {
            return self.first_page(path, user);
        }
        let mut all: Vec<T> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..limits::INSTALLATRON_PAGES {
            let parameters: Map<String, Value> =
                [("user", user.as_str().into()), ("offset", all.len().into()), ("limit", PAGE.into())]
                    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
                    .into_iter()
                    .collect();
            let page: Page<T> = self.get(path, parameters)?;
            let fresh: Vec<T> = page
                .items
                .into_iter()
                .filter(|item| item.id().is_none_or(|id| seen.insert(id.to_owned())))
                .collect();
            if let Some(foreign) = fresh.iter().find(|item| item.user() != Some(user.as_str())) {
                let whose = foreign.user().map_or_else(|| "nobody".to_owned(), quote);
                let text = format!(
                    "Installatron was asked for what {user} has in {path}, and answered with what {whose} has"
                );
                return Err(Error::new(ErrorKind::BackupProtocol, text));
            }
            let ends = fresh.is_empty() || !page.has_more;
            all.extend(fresh);
            if ends {
                return Ok(all);
            }
        }
        let text = format!("Installatron's list {path} has more than {} pages", limits::INSTALLATRON_PAGES);
        Err(Error::new(ErrorKind::BackupProtocol, text))
    }

    /// The program lists what root may see, and takes no parameters.
    fn first_page<T: DeserializeOwned + Owned>(&self, path: &str, user: &Username) -> Result<Vec<T>> {
        let page: Page<T> = self.get(path, Map::new())?;
        if page.has_more {
            let text = format!(
                "Installatron's own program lists the first page of {path} only: set [backup.installatron] way = server or plugin"
            );
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
        Ok(page.items.into_iter().filter(|item| item.user() == Some(user.as_str())).collect())
    }

    fn get<T: DeserializeOwned>(&self, path: &str, parameters: Map<String, Value>) -> Result<Page<T>> {
        self.call(&Call { method: Method::GET, path, parameters, works: false }, Asked::Work)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: Map<String, Value>,
        work: &Work,
    ) -> Result<Vec<T>> {
        let call = Call { method: Method::POST, path, parameters, works: work.works() };
        Ok(self.call(&call, work.dry_run.asked())?.items)
    }

    /// A key that is not accepted may have been changed meanwhile: it is read once more, and no further time.
    fn call<T: DeserializeOwned>(&self, call: &Call<'_>, asked: Asked) -> Result<Page<T>> {
        let mut again = true;
        loop {
            let raw = self.transport.call(call)?;
            let secret = self.transport.secret();
            let mut secrets: Vec<&str> = secret.iter().map(Secret::expose).collect();
            secrets.extend(
                ["bkloc", "db_pass"].into_iter().filter_map(|name| call.parameters.get(name)?.as_str()),
            );
            // Words that everybody knows are no secrets.
            secrets.retain(|secret| secret.len() > "local".len());
            match replies::read(&raw.body, raw.status, asked, &secrets) {
                Ok(page) => return Ok(page),
                Err(refusal)
                    if refusal.code == Some(ErrorCode::InvalidApiKey)
                        && again
                        && self.transport.forget_key() =>
                {
                    again = false;
                }
                Err(refusal) => return Err(refusal.error),
            }
        }
    }
}

/// Items of one page.
const PAGE: usize = 50;

fn nothing(path: &str) -> Error {
    Error::new(
        ErrorKind::BackupProtocol,
        format!("Installatron answered {path} with success, but without data"),
    )
}
