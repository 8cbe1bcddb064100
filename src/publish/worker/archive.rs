//! A publication by archive: the archive is checked as a whole, then put into the document root.

use std::fs::File;
use std::os::fd::OwnedFd;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::publish::apply::{self, ApplyFault};
use crate::publish::archive::{Archive, ArchiveFault};

use super::http::{Site, error_of};

impl Site {
    /// Publishes an archive, whole or not at all. It is never held in memory, nor is any file of it.
    pub(super) fn apply(&self, file: OwnedFd) -> Result<Value> {
        let archive = Archive::open(File::from(file)).map_err(ArchiveFault::into_error)?;
        let totals = archive.totals();
        let applied = apply::apply(&mut self.files(), &mut archive.contents(), &totals);
        let applied = applied.map_err(|fault| match fault {
            ApplyFault::Entries(fault) => fault.into_error(),
            ApplyFault::Content(_, error) => match ArchiveFault::of_io(&error) {
                Some(fault) => Error::new(ErrorKind::Archive, fault.to_string()),
                None => ArchiveFault::Io(error).into_error(),
            },
            ApplyFault::Fault(fault) => error_of(&fault),
        })?;
        serde_json::to_value(applied).map_err(|error| {
            Error::new(ErrorKind::Internal, "the result cannot be written").with_source(error)
        })
    }
}
