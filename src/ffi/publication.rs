//! What the builder has published, and taking it back.

use std::ffi::c_char;

use crate::error::{Error, ErrorKind, Result};
use crate::ops::endpoint::ManageRequest;
use crate::publish::worker::Manage;
use crate::types::{Domain, Reference, Username};

use super::error::pgate_error;
use super::handle::pgate;
use super::pointer::{self, Out};
use super::status::pgate_status;
use super::{guard, text};

/// Says what is published of a site.
///
/// account may be NULL: the caller's own, or for root the one that has the site. *out becomes a
/// JSON object, which the caller frees with pgate_string_free(): published (whether anything is),
/// files, bytes, last (null, or the last publication as in pgate_publication_history()), window
/// (null, or how many paths a publication that is under way has touched) and can_undo. Members may be
/// added in later versions. What it says comes from a process of the account and is the account's
/// word.
///
/// Starts that process and waits for it: milliseconds, seconds on a busy disk.
///
/// Errors: those of pgate_account_of_site(), PGATE_ERR_SITE_ALIAS, PGATE_ERR_SITE_WITHOUT_HOSTING,
/// PGATE_ERR_DOCUMENT_ROOT, PGATE_ERR_TOO_MANY while another process works on the site, and
/// PGATE_ERR_SITE_NOT_FOUND too if the site was never opened.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_publication_status(
    handle: *const pgate,
    account: *const c_char,
    site: *const c_char,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { manage(Manage::Status, handle, account, site, out, err) }
}

/// Lists the publications of a site so far, the oldest first, as a JSON array of objects: number,
/// kind ("http", "archive", "undo", "unpublish"), opened and closed (seconds since 1970), files,
/// bytes. Members and kinds may be added in later versions.
///
/// Arguments and errors as for pgate_publication_status(). *out becomes a string, which the caller
/// frees with pgate_string_free().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_publication_history(
    handle: *const pgate,
    account: *const c_char,
    site: *const c_char,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { manage(Manage::History, handle, account, site, out, err) }
}

/// Goes back to what was published before the last publication; one under way is closed first. For
/// root only.
///
/// *out becomes a JSON object, which the caller frees with pgate_string_free(): number (of the
/// publication that was taken back) and how many files were removed, restored, set_aside (changed by
/// hand since) and kept (from before, but something else has their place); the last two lie below
/// .panelgate in the home. Members may be added in later versions. Arguments as for
/// pgate_publication_status().
///
/// Takes time with the number of files. The same errors, and PGATE_ERR_NOTHING_PUBLISHED if there
/// is nothing to go back to, PGATE_ERR_NO_SPACE. After an error it can be called again and goes on.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_publication_undo(
    handle: *const pgate,
    account: *const c_char,
    site: *const c_char,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { manage(Manage::Undo, handle, account, site, out, err) }
}

/// Removes exactly what was published, and puts back what was there before the first publication.
/// For root only.
///
/// Arguments and errors as for pgate_publication_undo(). *out becomes a string like there, which
/// the caller frees with pgate_string_free().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_publication_unpublish(
    handle: *const pgate,
    account: *const c_char,
    site: *const c_char,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { manage(Manage::Unpublish, handle, account, site, out, err) }
}

unsafe fn manage(
    what: Manage,
    handle: *const pgate,
    account: *const c_char,
    site: *const c_char,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let reference = Reference::random();
        // SAFETY: the arguments are what the exported function's comment says.
        unsafe { result(what, handle, account, site, out, reference) }
            .map_err(|error| pgate_error::from(error).with_reference(reference))
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

unsafe fn result(
    what: Manage,
    handle: *const pgate,
    account: *const c_char,
    site: *const c_char,
    out: *mut *mut c_char,
    reference: Reference,
) -> Result<()> {
    let out = Out::new(out, "out")?;
    // SAFETY: `handle` is NULL or a live handle, `account` is NULL or a string, `site` is a string of the caller.
    let (handle, account, site) = unsafe {
        (
            pointer::borrow(handle, "handle")?,
            text::optional(account, "account")?,
            text::required(site, "site")?,
        )
    };
    let account = account.as_deref().map(Username::new).transpose()?;
    let request = ManageRequest { reference, account, site: Domain::new(&site)?, what };
    let result = handle.gateway.manage(&request)?;
    let json = serde_json::to_vec(&result).map_err(|error| {
        Error::new(ErrorKind::Internal, "the result cannot be written as JSON").with_source(error)
    })?;
    // SAFETY: the caller lets us write to `out`.
    unsafe { out.put(text::give(json)?) };
    Ok(())
}
