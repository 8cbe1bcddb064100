//! Events of the panel's: what hooks, listeners and event handlers are given, as it is.

use std::ffi::c_char;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

use super::error::pgate_error;
use super::handle::pgate;
use super::pointer::{self, Out};
use super::status::pgate_status;
use super::{guard, text};

/// Tells of an event of the panel's: an account was made, renamed, suspended, removed and so on.
/// What follows from it is on the disk when this returns, and is done by the program that runs jobs,
/// which asks the panel anew: an event is a hint.
///
/// source says who speaks, and payload is what was given to the hook, as it is, of length bytes:
/// "cpanel": the JSON object on a script hook's standard input. "directadmin/NAME", where NAME is the
/// hook's file name without ".sh": its variables as KEY=VALUE, each ended by NUL. "plesk/EVENT": a
/// JSON object, or variables as before. "plain": {"event": "suspend", "account": "...", "domain":
/// "...", "old": {"account": "...", "domain": "..."}}, where event is one of create, rename, suspend,
/// unsuspend, remove, plan, password, restore, domain-added, domain-removed, address, refresh,
/// reconcile. Nothing but names is read from a payload, and nothing of it is kept besides. payload may
/// be NULL if length is 0.
///
/// *out becomes a JSON object, which the caller frees with pgate_string_free(): event (the kind, or
/// null), account (or null), job (a number, or null if nothing has to be done), ignored (null, or why
/// nothing follows from it). Members may be added in later versions.
///
/// For a caller that is an account the payload is not looked at: it is a wish to have the panel asked
/// anew about itself, whatever it says. For a panel's user it is that wish for whom it names.
///
/// Waits for nothing but the disk and, for root, a few hundredths of a second for the broker.
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT for a payload that is not what its source sends or larger than
/// 1 MiB, PGATE_ERR_FORBIDDEN, PGATE_ERR_TOO_MANY, PGATE_ERR_STORE, PGATE_ERR_UNAVAILABLE.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_event(
    handle: *const pgate,
    source: *const c_char,
    payload: *const u8,
    length: usize,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `handle` is NULL or a live handle, `source` NULL or a string, and `payload` has `length` bytes.
        let (handle, source, payload) = unsafe {
            (pointer::borrow(handle, "handle")?, text::required(source, "source")?, bytes(payload, length)?)
        };
        let answer = handle.gateway.event(&source, payload)?;
        let json = serde_json::to_vec(&answer).map_err(|error| {
            Error::new(ErrorKind::Internal, "the answer cannot be written as JSON").with_source(error)
        })?;
        let json = text::give(json)?;
        // SAFETY: the caller lets us write to `out`.
        unsafe { out.put(json) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// The payload. It is not copied: a panel may have put a password into it.
// SAFETY (contract): `payload` is NULL or points to `length` bytes that nobody changes for `'a`.
unsafe fn bytes<'a>(payload: *const u8, length: usize) -> Result<&'a [u8]> {
    let fault = |what: &str| Error::new(ErrorKind::InvalidArgument, format!("the argument {what}"));
    if length == 0 {
        return Ok(&[]);
    }
    if payload.is_null() {
        return Err(fault("payload is NULL, and length is not 0"));
    }
    if length > limits::EVENT_BYTES {
        return Err(fault(&format!("payload is longer than {} bytes", limits::EVENT_BYTES)));
    }
    // SAFETY: by this function's contract; the length is far below the largest of an object.
    Ok(unsafe { std::slice::from_raw_parts(payload, length) })
}
