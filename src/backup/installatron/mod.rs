//! Backups of applications by Installatron, on its own server or as a panel's plug-in (`reference/installatron.md`).
//!
//! - `transport`: the three ways to call it; `settings`: the key; `client`: the calls
//! - `replies`, `records`, `loose`: what it answers, read with tolerance, without its secrets
//! - `provider`: the provider

mod client;
mod loose;
mod provider;
mod records;
mod replies;
mod settings;
#[cfg(test)]
mod tests;
mod transport;

pub use client::{Client, Database, DryRun, Id, Work};
pub use provider::Installatron;
pub use records::{Backup, Install, Location, Schedule, Task, Version};
pub use replies::ErrorCode;
