//! Backups by Plesk (`reference/plesk.md` 2).

mod fault;
mod operations;
mod replies;
mod values;
mod xml;

#[cfg(test)]
#[path = "../../../tests/standins/mod.rs"]
mod standins;
#[cfg(test)]
use standins::plesk_schema as standin;

pub use fault::{Fault, Level, Meaning};
pub use replies::{BackupFile, BackupSet, Owner, Task, TaskState, Tasks, Upload};
pub use values::*;
