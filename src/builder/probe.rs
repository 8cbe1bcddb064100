//! Two harmless calls, for the doctor: is somebody there, and does he take our credentials.

use serde::Deserialize;
use ureq::http::header;

use crate::error::{ErrorKind, Result};

use super::http_date::unix_seconds;
use super::replies::Secrets;
use super::{Client, faults};

/// What any answer of the builder tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The HTTP status.
    pub status: u16,
    /// The time in the `Date` field, in Unix seconds, if it can be read.
    pub date: Option<u64>,
}

/// What the builder said to a call that says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its objection, which is the documented answer: the input is missing.
    pub objection: Option<String>,
}

/// A reply of which nothing is used.
#[derive(Deserialize)]
struct Anything {}

impl Client {
    /// Asks for the API's address itself, without credentials. Any answer will do: it means that the way is open and the certificate good.
    ///
    /// # Errors
    /// [`ErrorKind::BuilderUnreachable`], [`ErrorKind::BuilderTls`], [`ErrorKind::BuilderProtocol`], or [`ErrorKind::Config`] where `ca_file`
    /// is wrong.
    pub fn greet(&self) -> Result<Greeting> {
        let url = &self.config.url;
        let response = self
            .agent()?
            .get(url.to_string())
            .call()
            .map_err(|fault| faults::describe(fault, url, &self.config, self.config.timeout))?;
        let date = response.headers().get(header::DATE).and_then(|value| value.to_str().ok());
        Ok(Greeting { status: response.status().as_u16(), date: date.and_then(unix_seconds) })
    }

    /// Asks for a session with the credentials, but without saying for which site or how to publish it: no session can be made of that, and the
    /// documented answer is an objection to the input. (`reference/builder-api.md` 4.1 limits the calls that only read.)
    ///
    /// # Errors
    /// [`ErrorKind::BuilderAuth`] or [`ErrorKind::BuilderLicence`] if the builder objects to whom it is asked by; otherwise as
    /// [`Client::request_login`].
    pub fn probe(&self) -> Result<Probe> {
        let nothing = serde_json::Map::new();
        let (url, time) = (&self.config.url, self.config.timeout);
        match self.post::<Anything>(url, "requestLogin", &nothing, Secrets::default(), time) {
            Ok(Anything {}) => Ok(Probe { objection: None }),
            Err(error) if error.kind() == ErrorKind::BuilderRefused => {
                Ok(Probe { objection: Some(error.chain()) })
            }
            Err(error) => Err(error),
        }
    }
}
