//! Taking a backup of a project away.
//!
//! Only root can open the store of backups. It gives an account one open file of its own, for reading, and nothing else of that store: no path, no directory.

use std::fs::File;

use super::{Operation, Principal, ProjectWish, SeenFile, kept, own_site};
use crate::backup::directory::Directory;
use crate::error::{Error, ErrorKind, Result};
use crate::ops::Context;
use crate::types::quote;

/// A backup that may be read. It breaks off if it is removed meanwhile: who keeps it open keeps none of its space.
#[derive(Debug)]
pub struct ProjectFile {
    /// The file, open for reading, at its beginning. Nobody has compared its bytes with the checksum yet.
    pub file: File,
    /// What it is.
    pub about: SeenFile,
}

/// Opens a backup of a project for its account: the one of that name, or the newest.
///
/// # Errors
/// [`ErrorKind::BackupNotFound`] if the account has no such backup; why not, see [`ErrorKind`].
pub fn take_project(
    context: &Context,
    principal: &Principal,
    wish: &ProjectWish,
    name: Option<&str>,
) -> Result<ProjectFile> {
    let (account, site) = own_site(context, principal, Operation::DownloadProject, wish)?;
    let (folder, files) = kept(context, &account, &site)?;
    // What is asked for is compared with what there is, and never becomes a path.
    let found = files.into_iter().find(|kept| name.is_none_or(|name| kept.name == name));
    let Some(found) = found else {
        let text = match name {
            Some(name) => format!("there is no backup {} of {site}", quote(name)),
            None => format!("there is no backup of {site} yet: order one first"),
        };
        return Err(Error::new(ErrorKind::BackupNotFound, text));
    };
    let (file, kept) = Directory::open(&context.config.backup.directory)?.open_kept(&folder, &found.name)?;
    Ok(ProjectFile { file, about: SeenFile::of(&kept) })
}
