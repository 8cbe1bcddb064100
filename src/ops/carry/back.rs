//! Projects that came back with a restore of the panel's. What lies in a home is the account's word: it is listed, and taken as a backup on root's word alone.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{CarryRequest, carrier, check_site, is_genuine, spool_failed};
use crate::backup::Control;
use crate::backup::directory::Directory;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::Context;
use crate::ops::policy::{self, Operation, Principal};
use crate::panel::Account;
use crate::publish::carry::{self, Carrier, Found, Shelf, What};
use crate::sys::spool::Spool;
use crate::types::{Domain, Username, hex};

/// A project that came back with a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Of which site, by its name.
    pub site: Domain,
    /// `backup`: it came back last; `restored`: earlier.
    pub shelf: &'static str,
    /// Bytes.
    pub size: u64,
    /// When its backup was made, in Unix seconds, as its label says.
    pub made: Option<u64>,
    /// Whether this server has made its label. Whether the project is the one that the label was made for is looked at when it is imported.
    pub genuine: bool,
    /// Why it cannot be imported; none if it can.
    pub refused: Option<String>,
}

/// The projects that came back with a restore; for root.
///
/// # Errors
/// [`ErrorKind::Forbidden`]; what is wrong with the account; what the worker says.
pub fn carried(context: &Context, principal: &Principal, request: &CarryRequest) -> Result<Vec<Carried>> {
    policy::allow(principal, Operation::ManageBackups, context.panel.kind())?;
    let account = context.panel.account(&request.account)?;
    let carrier = carrier(context, &account, request.staging.as_deref())?;
    let key = context.key()?;
    let seen = found(context, &carrier, account.name(), None)?.into_iter().map(|found| {
        let Found { site, shelf, size, label, refused } = found;
        let refused = refused
            .or_else(|| not_importable(context, &account, &site, size).err().map(|error| error.to_string()));
        let genuine = label.as_ref().is_some_and(|label| is_genuine(key, &site, label));
        Carried { site, shelf: shelf.name(), size, made: label.map(|label| label.made), genuine, refused }
    });
    Ok(seen.collect())
}

/// Copies a project that came back out of the account's home, into a file without a name; the newest one of its site that can be taken.
///
/// # Errors
/// [`ErrorKind::BackupNotFound`] if there is none; [`ErrorKind::BackupFailed`] if it is too large, or not what its label says.
pub(crate) fn take(
    context: &Context,
    account: &Account,
    site: &Domain,
    staging: Option<&Path>,
    control: &dyn Control,
) -> Result<File> {
    let carrier = carrier(context, account, staging)?;
    let all = found(context, &carrier, account.name(), Some(site))?;
    let found =
        all.into_iter().find(|found| found.site == *site && found.refused.is_none()).ok_or_else(|| {
            let text =
                format!("no project of {site} came back to account {} that could be taken", account.name());
            Error::new(ErrorKind::BackupNotFound, text)
        })?;
    not_importable(context, account, site, found.size)?;
    let program = &context.config.publish.worker_program;
    let (running, pipe) = carry::take(program, &carrier, site, found.shelf)?;
    let end = Instant::now() + limits::CARRY_COPY_TIME;
    Directory::open(&context.config.backup.directory)?;
    let mut spool = Spool::new(&context.config.backup.directory).map_err(spool_failed)?;
    let sha256 = receive(context, pipe, &mut spool, end, control)?;
    running.finish(end)?;
    match &found.label {
        Some(label) if label.sha256 != sha256 => {
            let text =
                format!("the project of {site} that came back is not the one that its label was made for");
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        Some(label) if is_genuine(context.key()?, site, label) => {}
        _ => log::warn!("the project of {site} that came back was not put there by this server"),
    }
    let mut file = spool.reader().map_err(spool_failed)?;
    file.rewind().map_err(spool_failed)?;
    Ok(file)
}

/// Reads a pipe to its end into a file without a name; gives the checksum.
fn receive(
    context: &Context,
    mut pipe: std::io::PipeReader,
    spool: &mut Spool,
    end: Instant,
    control: &dyn Control,
) -> Result<String> {
    let failed = |what: String| Err(Error::new(ErrorKind::BackupFailed, what));
    let (mut buffer, mut hash, mut size) = (vec![0; limits::COPY_BYTES], Sha256::new(), 0_u64);
    loop {
        if control.stop().is_some()
            || !carry::is_readable(&pipe, end.min(Instant::now() + limits::PUT_SILENCE))
        {
            return failed("the project did not come out of the home in time".into());
        }
        let count = match pipe.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(spool_failed(error)),
        };
        size += count as u64;
        if size > context.config.backup.largest {
            return failed(too_large(context));
        }
        if size % (16 << 20) < count as u64
            && spool.free().map_err(spool_failed)? < limits::SPOOL_RESERVE_BYTES
        {
            return Err(Error::new(ErrorKind::NoSpace, "the disk of [backup] directory is nearly full"));
        }
        hash.update(&buffer[..count]);
        spool.file().write_all(&buffer[..count]).map_err(spool_failed)?;
    }
}

fn too_large(context: &Context) -> String {
    format!("the project is larger than {} MiB ([backup] largest)", context.config.backup.largest >> 20)
}

/// Whether a project of that name and size can become a backup of the account's site.
fn not_importable(context: &Context, account: &Account, site: &Domain, size: u64) -> Result<()> {
    check_site(context, account, site)?;
    if size > context.config.backup.largest {
        return Err(Error::new(ErrorKind::BackupFailed, too_large(context)));
    }
    Ok(())
}

/// What lies in a home, of one site or all, and is not there for a backup that runs.
fn found(
    context: &Context,
    carrier: &Carrier,
    account: &Username,
    site: Option<&Domain>,
) -> Result<Vec<Found>> {
    let program = &context.config.publish.worker_program;
    let end = Instant::now() + limits::CARRY_COPY_TIME;
    let mut found: Vec<Found> = Vec::new();
    loop {
        let after = found.last().map(|last| (last.shelf, last.site.clone()));
        let what = What::List { site: site.cloned(), after: after.clone() };
        let left = end.saturating_duration_since(Instant::now());
        let mut answer = carry::run(program, carrier, what, None, left)?;
        let page: Vec<Found> = serde_json::from_value(answer["found"].take()).map_err(|error| {
            Error::new(ErrorKind::Internal, "the worker's list is none").with_source(error)
        })?;
        // What a worker says is the account's word: it must come to an end.
        let goes_on = page.last().is_some_and(|last| Some((last.shelf, last.site.clone())) > after);
        found.extend(page);
        if answer["more"] != true || !goes_on {
            break;
        }
        if found.len() >= limits::CARRIED_SHOWN {
            let text = format!(
                "more than {} projects lie in the home of account {account}: import those that are meant by their sites",
                limits::CARRIED_SHOWN
            );
            return Err(Error::new(ErrorKind::TooMany, text));
        }
    }
    let own = context.store()?.carry(account)?.map(|row| row.run);
    found.retain(|found| {
        found.shelf != Shelf::Backup
            || found.label.as_ref().is_none_or(|label| Some(&label.run) != own.as_ref())
    });
    Ok(found)
}
