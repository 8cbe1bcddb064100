//! Which way backups are made on a remote Plesk: by the XML API up to protocol 1.6.9.0, or by its own program through the REST API
//! (`reference/plesk.md` 2.9). Found out by asking, and remembered.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::quote;

use super::client::{Session, Xml};
use super::fault::Failure;
use super::rest;

/// A way to make backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The XML API in this version of its protocol.
    Xml(String),
    /// `pleskbackup` through the REST API.
    Program,
}

/// The route of one server.
#[derive(Default)]
pub(super) struct Routes {
    known: Mutex<Option<(Route, Instant)>>,
}

impl Routes {
    /// The route, asked for if it is not known or was learned too long ago.
    ///
    /// # Errors
    /// [`ErrorKind::BackupUnsupported`] if this server takes backups in neither way; anything that stops the questions.
    pub(super) fn route(&self, xml: &Xml) -> Result<Route> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((route, since)) = known
            && since.elapsed() < limits::PLESK_ROUTE_MEMORY
        {
            return Ok(route);
        }
        let route = find(xml)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((route.clone(), Instant::now()));
        Ok(route)
    }

    /// Forgets it: the server has just said that it is not the way any more.
    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The protocols that have backups.
const FIRST: [u32; 4] = [1, 5, 2, 0];
const LAST: [u32; 4] = [1, 6, 9, 0];

fn find(xml: &Xml) -> Result<Route> {
    let spoken = match xml.protocols() {
        Ok(spoken) => spoken,
        Err(Failure::Said(fault)) if fault.is_unknown_operation() => Vec::new(),
        Err(failure) => return Err(failure.into_error()),
    };
    if let Some(version) = newest_with_backups(&spoken) {
        // That the protocol is spoken does not say that its backups are still there: a question that changes nothing does.
        match Session::new(xml, version).storages() {
            Err(Failure::Said(fault)) if fault.is_unknown_operation() => {}
            // Refused for another reason, by the operation itself: it is there.
            Ok(_) | Err(Failure::Said(super::Fault { level: super::Level::Operation, .. })) => {
                return Ok(Route::Xml(version.to_owned()));
            }
            Err(failure) => return Err(failure.into_error()),
        }
    }
    if rest::commands(xml)?.iter().any(|name| name == rest::PROGRAM) {
        return Ok(Route::Program);
    }
    let text = format!(
        "{}: this Plesk (protocols {}) makes no backups by its XML API, and its REST API does not offer {}: run Panelgate on that server",
        xml.endpoint().url().origin(),
        quote(&spoken.join(", ")),
        rest::PROGRAM
    );
    Err(Error::new(ErrorKind::BackupUnsupported, text))
}

fn newest_with_backups(spoken: &[String]) -> Option<&str> {
    let versions = spoken.iter().filter_map(|text| Some((parse(text)?, text.as_str())));
    versions.filter(|(version, _)| (FIRST..=LAST).contains(version)).max().map(|(_, text)| text)
}

/// `1.6.9.0`
fn parse(text: &str) -> Option<[u32; 4]> {
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_protocol_with_backups_is_taken_by_number() {
        let newest = |spoken: &[&str]| {
            let spoken: Vec<String> = spoken.iter().map(|text| (*text).to_owned()).collect();
            newest_with_backups(&spoken).map(str::to_owned)
        };
        assert_eq!(newest(&["1.6.9.1", "1.6.9.0", "1.6.8.0"]).as_deref(), Some("1.6.9.0"));
        assert_eq!(newest(&["1.5.2.0", "1.6.10.0", "1.6.7.0"]).as_deref(), Some("1.6.7.0"));
        assert_eq!(newest(&["1.6.9.1", "1.4.2.0", "", "x", "1.6", "1.6.9.0.1"]), None);
    }
}
