//! Backups: order one, look how far it is, wait for it, end it.

use std::ffi::c_char;
use std::ptr;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::backup::{
    BackupRequest, Description, Destination, DestinationName, Prefix, Scope, SplitSize, Subject,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::OverviewRequest;
use crate::ops::backup::SeenJob;
use crate::ops::carry::CarryRequest;
use crate::types::{Domain, Username};

use super::error::pgate_error;
use super::handle::pgate;
use super::options::{self, Growing};
use super::pointer::{self, Out};
use super::status::pgate_status;
use super::{guard, text};

/// What pgate_backup_start() shall back up. Every member but size may be NULL or 0.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct pgate_backup_options {
    /// sizeof(pgate_backup_options).
    pub size: usize,
    /// The account's user name. NULL: the caller's own, or for root the one that has the site.
    pub account: *const c_char,
    /// The site's name, in Unicode or ASCII. NULL: the account as a whole, for root.
    pub site: *const c_char,
    /// What the backup holds: "all", "hosting", "mail", "configuration", "project". NULL: of a site
    /// its project at the builder, of an account all.
    pub scope: *const c_char,
    /// Where it goes: "panel", "directory", "builder", or a name in the configuration. NULL: a
    /// project to the configured directory, all else to the panel's own place.
    pub destination: *const c_char,
    /// What the names of its files begin with. NULL: nothing of the kind.
    pub prefix: *const c_char,
    /// What is said about it. NULL: nothing.
    pub description: *const c_char,
    /// Largest size of one of its files, in bytes: a whole number of MiB. 0: one file.
    pub split_size: u64,
}

// SAFETY: repr(C), the size first, then pointers for which NULL is the default, and a number for which 0 is.
unsafe impl Growing for pgate_backup_options {
    const NAME: &'static str = "pgate_backup_options";
    const DEFAULTS: Self = Self {
        size: size_of::<Self>(),
        account: ptr::null(),
        site: ptr::null(),
        scope: ptr::null(),
        destination: ptr::null(),
        prefix: ptr::null(),
        description: ptr::null(),
        split_size: 0,
    };
}

/// Orders a backup. The order is on the disk when this returns; the program that runs jobs does
/// the work. A second order for the same joins the first one.
///
/// *job becomes its number, which is never given twice.
///
/// Waits for the panel's data: milliseconds, with a remote panel seconds.
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT, PGATE_ERR_BACKUP_UNSUPPORTED if nothing on this server can
/// make such a backup, PGATE_ERR_BACKUP_NOT_FOUND if the site was never opened and has no project,
/// PGATE_ERR_FORBIDDEN for what only root may order, PGATE_ERR_TOO_MANY and PGATE_ERR_NO_SPACE for
/// an account whose backups take their share already, and those of pgate_account_of_site().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_backup_start(
    handle: *const pgate,
    options: *const pgate_backup_options,
    job: *mut u64,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(job, "job")?;
        // SAFETY: `handle` is NULL or a live handle.
        let handle = unsafe { pointer::borrow(handle, "handle") }?;
        // SAFETY: `options` is NULL or a structure of the size that it says, with strings of the caller.
        let request = unsafe { request(handle, options) }?;
        let queued = handle.gateway.order_backup(&request)?;
        // SAFETY: the caller lets us write to `job`.
        unsafe { out.put(queued.id) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Says how far a backup is, as a JSON object: id, state ("waiting", "running", "done", "failed",
/// "cancelled"), percent (0 to 100 or null), queued (seconds since 1970), and for root reason, why
/// it failed or waits. Members and states may be added in later versions.
///
/// *out becomes a string, which the caller frees with pgate_string_free().
///
/// Errors: PGATE_ERR_BACKUP_NOT_FOUND, PGATE_ERR_STORE.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_backup_poll(
    handle: *const pgate,
    job: u64,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { about(handle, out, err, |handle| handle.gateway.backup_job(job)) }
}

/// Waits until a backup has ended, at most so many seconds; then says how far it is as
/// pgate_backup_poll() does. Whether it has ended, state says: a time that is over is no error.
///
/// *out becomes a string, which the caller frees with pgate_string_free().
///
/// Errors: those of pgate_backup_poll().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_backup_wait(
    handle: *const pgate,
    job: u64,
    seconds: u32,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let wait = |handle: &pgate| wait(handle, job, Duration::from_secs(seconds.into()));
    // SAFETY: the arguments are what this function's comment says.
    unsafe { about(handle, out, err, wait) }
}

/// Wants a backup to end, and says how far it is as pgate_backup_poll() does: one that runs ends a
/// little later, one that is done stays done. For root only.
///
/// *out becomes a string, which the caller frees with pgate_string_free().
///
/// Errors: PGATE_ERR_FORBIDDEN, and those of pgate_backup_poll().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_backup_cancel(
    handle: *const pgate,
    job: u64,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { about(handle, out, err, |handle| handle.gateway.cancel_backup(job)) }
}

/// Puts the newest backup of each of an account's projects where the panel's own backup takes it
/// along: into ~/.panelgate/backup/, or, if staging is not NULL and that directory is the account's
/// own, into panelgate/backup/ below it. Only a process that runs as the account writes there. To be
/// called before the panel packs the account's home; pgate_backup_detach() takes away what was put
/// there. For root only.
///
/// A backup that is older than the configuration allows is made anew if the builder gives it within
/// deadline_seconds; 0: what there is is taken. A builder that is slow or down is no error. Copying
/// has bounds of its own.
///
/// *out becomes a JSON object: account, carry (false: it is switched off, and nothing was done),
/// place ("home", "staging" or null) and sites, an array of objects with site, state ("attached",
/// "old", "none", "refused"), made (seconds since 1970 or null), size (bytes or null) and note (why
/// it is not as it should be, or null), which the caller frees with pgate_string_free(). Members and
/// states may be added in later versions.
///
/// Errors: PGATE_ERR_FORBIDDEN, PGATE_ERR_ACCOUNT_NOT_FOUND, PGATE_ERR_PANEL_DATA,
/// PGATE_ERR_STORE. None of them is a reason not to make the panel's backup.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_backup_attach(
    handle: *const pgate,
    account: *const c_char,
    staging: *const c_char,
    deadline_seconds: u32,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let wait = Duration::from_secs(deadline_seconds.into());
    // SAFETY: the arguments are what this function's comment says.
    unsafe {
        let request = || carry_request(account, staging, wait);
        about(handle, out, err, |handle| handle.gateway.attach_backup(&request()?))
    }
}

/// Takes away what pgate_backup_attach() has put there, once the panel has packed the account, or
/// given up. What another backup of the panel needs that runs at the same time stays until that one
/// ends. What cannot be taken away now goes later by itself. For root only.
///
/// *out becomes a JSON object: account, removed (how many projects went), uses (how many other
/// backups of the panel need them), which the caller frees with pgate_string_free().
///
/// Errors: those of pgate_backup_attach(), PGATE_ERR_UNAVAILABLE, PGATE_ERR_BACKUP_FAILED.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_backup_detach(
    handle: *const pgate,
    account: *const c_char,
    staging: *const c_char,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe {
        let request = || carry_request(account, staging, Duration::ZERO);
        about(handle, out, err, |handle| handle.gateway.detach_backup(&request()?))
    }
}

unsafe fn carry_request(
    account: *const c_char,
    staging: *const c_char,
    wait: Duration,
) -> Result<CarryRequest> {
    // SAFETY: by the caller's contract they are NULL, staging only, or strings that end with NUL.
    let (account, staging) =
        unsafe { (text::required(account, "account")?, text::path(staging, "staging")?) };
    if staging.as_ref().is_some_and(|staging| !staging.is_absolute()) {
        return Err(Error::new(ErrorKind::InvalidArgument, "staging: it must be an absolute path"));
    }
    Ok(CarryRequest { account: Username::new(&account)?, staging, wait })
}

fn wait(handle: &pgate, job: u64, time: Duration) -> Result<SeenJob> {
    const PAUSE: Duration = Duration::from_millis(500);
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match handle.gateway.backup_job(job) {
            // The broker counts what an account asks for.
            Err(error) if error.kind() == ErrorKind::TooMany && !left.is_zero() => {}
            Ok(seen) if !seen.is_final() && !left.is_zero() => {}
            result => return result,
        }
        std::thread::sleep(PAUSE.min(left));
    }
}

unsafe fn about<T: Serialize>(
    handle: *const pgate,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
    ask: impl FnOnce(&pgate) -> Result<T>,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `handle` is NULL or a live handle.
        let handle = unsafe { pointer::borrow(handle, "handle") }?;
        let json = serde_json::to_vec(&ask(handle)?).map_err(|error| {
            Error::new(ErrorKind::Internal, "the result cannot be written as JSON").with_source(error)
        })?;
        let json = text::give(json)?;
        // SAFETY: the caller lets us write to `out`.
        unsafe { out.put(json) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

unsafe fn request(handle: &pgate, options: *const pgate_backup_options) -> Result<BackupRequest> {
    // SAFETY: by the caller's contract the structure has the size that it says, and its strings end with NUL.
    let (options, [account, site, scope, destination, prefix, description]) = unsafe {
        let options = options::read(options)?;
        let texts = [
            text::optional(options.account, "account")?,
            text::optional(options.site, "site")?,
            text::optional(options.scope, "scope")?,
            text::optional(options.destination, "destination")?,
            text::optional(options.prefix, "prefix")?,
            text::optional(options.description, "description")?,
        ];
        (options, texts)
    };
    let account = account.as_deref().map(Username::new).transpose()?;
    let site = site.as_deref().map(Domain::new).transpose()?;
    // Whose the site is, or who the caller is, the panel says.
    let account = match account {
        Some(account) => account,
        None => {
            let wanted = OverviewRequest { site: site.clone(), ..OverviewRequest::default() };
            handle.gateway.overview(&wanted)?.account.name().clone()
        }
    };
    let subject = match site {
        Some(site) => Subject::Site { account, site },
        None => Subject::Account { account },
    };
    let usual = if subject.site().is_some() { Scope::Project } else { Scope::All };
    let scope = scope.map_or(Ok(usual), |name| scope_of(&name))?;
    let place = if scope == Scope::Project { Destination::Directory } else { Destination::Panel };
    let wrong = |what: &'static str| {
        move |fault: &str| Error::new(ErrorKind::InvalidArgument, format!("{what}: {fault}"))
    };
    Ok(BackupRequest {
        subject,
        scope,
        destination: destination.map_or(Ok(place), |name| destination_of(&name))?,
        prefix: prefix.map(Prefix::new).transpose().map_err(wrong("prefix"))?,
        description: description.map(Description::new).transpose().map_err(wrong("description"))?,
        split_size: match options.split_size {
            0 => None,
            bytes => Some(SplitSize::new(bytes).map_err(wrong("split_size"))?),
        },
    })
}

fn scope_of(name: &str) -> Result<Scope> {
    Scope::ALL.into_iter().find(|scope| scope.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Scope::ALL.into_iter().map(Scope::name).collect();
        Error::new(ErrorKind::InvalidArgument, format!("scope: it must be one of {}", names.join(", ")))
    })
}

fn destination_of(name: &str) -> Result<Destination> {
    Ok(match name {
        "panel" => Destination::Panel,
        "directory" => Destination::Directory,
        "builder" => Destination::Builder,
        name => Destination::Named(
            DestinationName::new(name)
                .map_err(|fault| Error::new(ErrorKind::InvalidArgument, format!("destination: {fault}")))?,
        ),
    })
}
