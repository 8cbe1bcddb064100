//! The three ways to call Installatron (`reference/installatron.md` 2).
//!
//! - Server: HTTPS with an API key; the path is the path, parameters of a view stand in the query.
//! - Plugin: the panel's own port with a login of the panel. The path stands behind the `?`, so parameters go into the body, and every call is a POST
//!   that names its method in a header.
//! - Its own program as root: how it takes parameters is not documented, so it is used for views without any.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};
use ureq::http::{HeaderValue, Method};

use crate::backup::http::{self, Endpoint, Patience, Place};
use crate::config::{InstallatronConfig, InstallatronWay, PluginPanel, ServerPlace};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::process;
use crate::types::Secret;

use super::settings;

/// The section of the configuration.
const SECTION: &str = "backup.installatron";

/// One call.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Path, of constants of ours and checked ids.
    pub(super) path: &'a str,
    /// Parameters. They may hold the login of a storage.
    pub(super) parameters: Map<String, Value>,
    /// Whether the call itself does the work, which takes its time.
    pub(super) works: bool,
}

/// What came back.
pub(super) struct Raw {
    pub(super) status: u16,
    /// Holds passwords of databases.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// A way to call Installatron.
pub(super) struct Transport {
    way: Way,
    patience: Patience,
}

enum Way {
    Server { endpoint: Endpoint, key: Option<Secret>, settings: PathBuf, read: Mutex<Option<Secret>> },
    Plugin { endpoint: Endpoint, base: &'static str, login: String, password: Secret },
    Command(PathBuf),
}

impl Transport {
    pub(super) fn new(config: &InstallatronConfig) -> Self {
        let way = match &config.way {
            InstallatronWay::Server { place, key, settings } => Way::Server {
                endpoint: endpoint(place),
                key: key.clone(),
                settings: settings.clone(),
                read: Mutex::new(None),
            },
            InstallatronWay::Plugin { place, panel, login, password } => Way::Plugin {
                endpoint: endpoint(place),
                base: match panel {
                    PluginPanel::Cpanel | PluginPanel::Whm => "/3rdparty/installatron/index.cgi?",
                    PluginPanel::DirectAdmin => "/CMD_PLUGINS/installatron/index.raw?",
                },
                login: login.clone(),
                password: password.clone(),
            },
            InstallatronWay::Command { program } => Way::Command(program.clone()),
        };
        let patience =
            Patience { whole: config.timeout, silence: config.timeout.min(limits::PROVIDER_SILENCE) };
        Self { way, patience }
    }

    /// Whether only views without parameters are possible.
    pub(super) fn only_looks(&self) -> bool {
        matches!(self.way, Way::Command(_))
    }

    /// Calls.
    ///
    /// # Errors
    /// See [`Endpoint::call`]; [`ErrorKind::Config`] for a key that cannot be had; [`ErrorKind::BackupUnsupported`] for what the program cannot.
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Raw> {
        let patience = if call.works {
            Patience { whole: limits::PROVIDER_WORK_TIME, silence: limits::PROVIDER_WORK_TIME }
        } else {
            self.patience
        };
        match &self.way {
            Way::Server { endpoint, .. } => {
                let key = http::secret_header(SECTION, "key", &self.key()?)?;
                let headers = vec![("x-api-key", key), json_accepted()];
                let (target, body) = match call.method {
                    Method::POST => (call.path.to_owned(), body(&call.parameters)),
                    _ => (format!("{}{}", call.path, query(&call.parameters)), Zeroizing::default()),
                };
                send(endpoint, call.method.clone(), &target, headers, &body, patience)
            }
            Way::Plugin { endpoint, base, login, password } => {
                let method = HeaderValue::from_str(call.method.as_str())
                    .map_err(|_| Error::new(ErrorKind::Internal, "a method cannot stand in a header"))?;
                let login = http::basic(SECTION, login, password)?;
                let headers =
                    vec![("authorization", login), ("x-http-method-override", method), json_accepted()];
                let target = format!("{base}{}", call.path);
                send(endpoint, Method::POST, &target, headers, &body(&call.parameters), patience)
            }
            Way::Command(program) => run(program, call, patience.whole),
        }
    }

    /// Forgets the key that was read from Installatron's settings. Whether it was from there.
    pub(super) fn forget_key(&self) -> bool {
        match &self.way {
            Way::Server { key: None, read, .. } => {
                read.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
            }
            _ => false,
        }
    }

    /// What no error may repeat.
    pub(super) fn secret(&self) -> Option<Secret> {
        match &self.way {
            Way::Server { key, read, .. } => {
                key.clone().or_else(|| read.lock().unwrap_or_else(PoisonError::into_inner).clone())
            }
            Way::Plugin { password, .. } => Some(password.clone()),
            Way::Command(_) => None,
        }
    }

    fn key(&self) -> Result<Secret> {
        let Way::Server { key, settings, read, .. } = &self.way else {
            return Err(Error::new(ErrorKind::Internal, "this way has no key"));
        };
        if let Some(key) = key {
            return Ok(key.clone());
        }
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*read {
            return Ok(key.clone());
        }
        let key = settings::key(settings)?;
        *read = Some(key.clone());
        Ok(key)
    }
}

fn endpoint(place: &ServerPlace) -> Endpoint {
    Endpoint::new(Place {
        section: SECTION,
        url: place.url.clone(),
        ca_file: place.ca_file.clone(),
        fingerprint: place.fingerprint,
    })
}

fn json_accepted() -> (&'static str, HeaderValue) {
    ("accept", HeaderValue::from_static("application/json"))
}

fn send(
    endpoint: &Endpoint,
    method: Method,
    target: &str,
    mut headers: Vec<(&'static str, HeaderValue)>,
    body: &[u8],
    patience: Patience,
) -> Result<Raw> {
    if !body.is_empty() {
        headers.push(("content-type", HeaderValue::from_static("application/json")));
    }
    let limit = limits::INSTALLATRON_REPLY_BYTES;
    let reply = endpoint.call(method, target, &headers, body, patience, limit)?;
    Ok(Raw { status: reply.status, body: reply.body })
}

/// Nothing at all where there are no parameters, as in the vendor's samples.
fn body(parameters: &Map<String, Value>) -> Zeroizing<Vec<u8>> {
    if parameters.is_empty() {
        return Zeroizing::default();
    }
    // A map of texts, numbers and flags always can be written.
    Zeroizing::new(serde_json::to_vec(parameters).unwrap_or_default())
}

fn query(parameters: &Map<String, Value>) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let mut query = form_urlencoded::Serializer::new("?".to_owned());
    for (name, value) in parameters {
        match value {
            Value::String(text) => query.append_pair(name, text),
            other => query.append_pair(name, &other.to_string()),
        };
    }
    query.finish()
}

fn run(program: &Path, call: &Call<'_>, deadline: Duration) -> Result<Raw> {
    if call.method != Method::GET || !call.parameters.is_empty() {
        let text = format!(
            "Installatron's own program is used for views without parameters only, not for {} {}: set [{SECTION}] way = server or plugin",
            call.method, call.path
        );
        return Err(Error::new(ErrorKind::BackupUnsupported, text));
    }
    let arguments = ["--GET", call.path];
    let output =
        process::run(program, &arguments, limits::INSTALLATRON_REPLY_BYTES, deadline).map_err(|error| {
            Error::new(ErrorKind::BackupProvider, format!("{} --GET {}", program.display(), call.path))
                .with_source(error)
        })?;
    let body = Zeroizing::new(output.stdout);
    // It may print notices before its answer, and says what is wrong in the answer.
    let start = body.iter().position(|byte| *byte == b'{');
    match start {
        Some(start) => Ok(Raw { status: 200, body: Zeroizing::new(body[start..].to_vec()) }),
        None => {
            let text =
                format!("{} --GET {} ({}) printed no JSON", program.display(), call.path, output.status);
            Err(Error::new(ErrorKind::BackupProvider, text))
        }
    }
}
