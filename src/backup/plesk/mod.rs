//! Backups by Plesk (`reference/plesk.md` 2).
//!
//! Up to protocol 1.6.9.0 (Plesk 17.5) its XML API makes them; since then only its own program does, on the server or through the REST API.
//!
//! - `xml`, `values`, `operations`, `replies`, `fault`: the packets of the XML API
//! - `client`: the calls; `route`: which way a server takes; `rest`: programs through the REST API
//! - `order`: from a request to Plesk's words; `provider_xml`, `provider_program`: the providers
//! - `program`: what the program is told; `local`: the program on this server, and what it has made

mod client;
mod fault;
mod local;
mod operations;
mod order;
mod program;
mod provider_program;
mod provider_xml;
mod replies;
mod rest;
mod route;
mod values;
mod xml;

#[cfg(test)]
#[path = "../../../tests/standins/mod.rs"]
pub(super) mod standins;
#[cfg(test)]
use standins::plesk_schema as standin;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use crate::backup::ProviderKind;
use crate::config::{Config, PleskBackupConfig};
use crate::error::Result;
use crate::panel::Tree;

pub use fault::{Fault, Level, Meaning};
pub use provider_program::PleskProgram;
pub use provider_xml::PleskXml;
pub use replies::{Owner, Task, TaskState, Tasks};
pub use values::*;

/// The Plesk of a configuration, with what is known about it: its own program on this server, or both ways to another one. What is found out about a
/// server is remembered here, so there is one of these for a process.
pub struct Plesk {
    remote: Option<Arc<provider_xml::Remote>>,
    here: Tree,
    settings: PleskBackupConfig,
    command: PathBuf,
    spelling: Arc<provider_program::Spellings>,
}

impl Plesk {
    /// Takes the settings; nothing is called yet.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] if there are no credentials for another server.
    pub fn new(config: &Config) -> Result<Self> {
        let settings = config.plesk_backup.clone();
        let remote = settings.server.as_ref().map(|server| provider_xml::Remote::new(&settings, server));
        Ok(Self {
            remote: remote.transpose()?.map(Arc::new),
            here: Tree::new(&config.panel.root),
            command: config.panel.plesk_command.clone(),
            settings,
            spelling: Arc::default(),
        })
    }

    /// Which of the two ways this Plesk takes now.
    ///
    /// # Errors
    /// If another server must be asked, and cannot be or has neither.
    pub fn kind(&self) -> Result<ProviderKind> {
        match self.remote.as_ref().map(|remote| remote.route()).transpose()? {
            Some(route::Route::Xml(_)) => Ok(ProviderKind::PleskXml),
            Some(route::Route::Program) | None => Ok(ProviderKind::PleskCli),
        }
    }

    /// The XML API of another server, if one is configured.
    pub fn xml(&self) -> Option<PleskXml> {
        self.remote.clone().map(PleskXml::new)
    }

    /// Plesk's own program, there or here.
    pub fn program(&self) -> PleskProgram {
        let place = match &self.remote {
            Some(remote) => provider_program::Where::There(remote.clone()),
            None => {
                let tree = self.here.clone();
                provider_program::Where::Here { program: tree.path(&self.command), tree }
            }
        };
        PleskProgram::new(place, self.settings.clone(), self.spelling.clone())
    }
}
