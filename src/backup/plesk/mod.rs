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

use std::sync::Arc;

use crate::backup::BackupProvider;
use crate::config::Config;
use crate::error::Result;
use crate::panel::Tree;

pub use fault::{Fault, Level, Meaning};
pub use provider_program::PleskProgram;
pub use provider_xml::PleskXml;
pub use replies::{Owner, Task, TaskState, Tasks};
pub use values::*;

/// The ways to make backups with Plesk that the configuration names: its program on this server, or both ways to another server, of which one says
/// that it can do nothing.
///
/// # Errors
/// [`crate::error::ErrorKind::Config`].
pub fn providers(config: &Config) -> Result<Vec<Arc<dyn BackupProvider>>> {
    let settings = &config.plesk_backup;
    let Some(server) = &settings.server else {
        let tree = Tree::new(&config.panel.root);
        let place = provider_program::Where::Here { program: tree.path(&config.panel.plesk_command), tree };
        return Ok(vec![Arc::new(PleskProgram::new(place, settings.clone()))]);
    };
    let remote = Arc::new(provider_xml::Remote::new(settings, server)?);
    let there = provider_program::Where::There(remote.clone());
    Ok(vec![Arc::new(PleskXml::new(remote)), Arc::new(PleskProgram::new(there, settings.clone()))])
}
