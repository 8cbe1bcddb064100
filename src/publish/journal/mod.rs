//! What was done to a document root, so that it can be taken back.
//!
//! A [`Site`] is a document root with a journal. Everything that a publication changes is written down first and what it replaces is kept, so that a
//! worker may be killed at any moment: the next one finishes, takes back or goes on. Files that no publication made are never deleted.
//!
//! - `record`, `lines`, `manifest`: what lies on the disk, and reading it back as input from outside
//! - `site`: opening, beginning, reports
//! - `window`: single files, as publication type `http` brings them
//! - `carry_out`, `swap`: the plan of an archive's publication
//! - `close`: the end of a publication
//! - `undo`: taking one back, removing all
//! - `recover`: after a kill
//! - `htaccess`, `runtime`: what a publication must not lose

mod adopt;
mod carry_out;
mod close;
mod htaccess;
pub(crate) mod lines;
pub(crate) mod manifest;
pub(crate) mod record;
mod recover;
mod report;
pub(crate) mod runtime;
pub(crate) mod site;
pub(crate) mod swap;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tree;
mod undo;
mod window;

pub use adopt::{Adopted, Recognised, recognise};
pub use record::Kind;
pub use report::{Closed, Past, Recovery, Status, Undone};
pub use site::{Site, Steps, Temps};
