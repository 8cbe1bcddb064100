//! A publication by archive: the archive is checked as a whole, then put into the document root.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::publish::archive::{Archive, ArchiveFault, EntryKind};
use crate::publish::confine::Fault;
use crate::publish::journal;

use super::http::{Site, error_of};

impl Site {
    /// Publishes an archive, whole or not at all. It is never held in memory, nor is any file of it.
    pub(super) fn apply(&self, file: OwnedFd) -> Result<Value> {
        let archive = Archive::open(File::from(file)).map_err(ArchiveFault::into_error)?;
        let mut files = self.files();
        files.close_window().map_err(|fault| error_of(&fault))?;
        let result = put_all(&mut files, &archive);
        let closed = match result {
            Ok(()) => files.close_window().map_err(|fault| error_of(&fault))?,
            Err(error) => {
                files.abort_window().map_err(|fault| error_of(&fault))?;
                return Err(error);
            }
        };
        Ok(json!({ "files": closed.map(|closed| closed.files) }))
    }
}

fn put_all(files: &mut journal::Site, archive: &Archive<File>) -> Result<()> {
    let temps = files.temps();
    let mut contents = archive.contents();
    let mut buffer = vec![0; 64 * 1024];
    while let Some(entry) = contents.next().map_err(ArchiveFault::into_error)? {
        let path = entry.path;
        let fail = |fault: Fault| error_of(&fault);
        if entry.kind == EntryKind::Dir {
            files.make_dir(&path).map_err(fail)?;
            continue;
        }
        let mut temp = temps.create().map_err(fail)?;
        loop {
            match entry.reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    temp.write_all(&buffer[..count]).map_err(|error| fail(Fault::io(error, &path)))?
                }
                Err(error) => return Err(content_error(error)),
            }
        }
        files.put(&path, temp).map_err(fail)?;
    }
    Ok(())
}

fn content_error(error: std::io::Error) -> Error {
    match ArchiveFault::of_io(&error) {
        Some(fault) => Error::new(ErrorKind::Archive, fault.to_string()),
        None => ArchiveFault::Io(error).into_error(),
    }
}
