//! Backups by Plesk (`reference/plesk.md` 2).
//!
//! Up to protocol 1.6.9.0 (Plesk 17.5) its XML API makes them; since then only its own program does, on the server or through the REST API.
//!
//! - `xml`, `values`, `operations`, `replies`, `fault`: the packets of the XML API
//! - `client`: the calls; `route`: which way a server takes; `rest`: programs through the REST API
//! - `program`: what the program is told; `local`: the program on this server, and what it has made

mod client;
mod fault;
mod local;
mod operations;
mod program;
mod replies;
mod rest;
mod route;
mod values;
mod xml;

#[cfg(test)]
#[path = "../../../tests/standins/mod.rs"]
mod standins;
#[cfg(test)]
use standins::plesk_schema as standin;

pub use client::{Credentials, Session, Xml};
pub use fault::{Fault, Level, Meaning};
pub use replies::{BackupFile, BackupSet, Owner, Task, TaskState, Tasks, Upload};
pub use route::Route;
pub use values::*;
