//! The builder's calls: one generic function, and typed ones for what panels do.

use std::ffi::c_char;

use serde_json::{Value, json};

use crate::calls::{Call, Certainty};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::CallRequest;

use super::error::pgate_error;
use super::handle::pgate;
use super::pointer::{self, Out};
use super::status::pgate_status;
use super::{guard, text};

fn make(handle: &pgate, request: &CallRequest) -> Result<Value, pgate_error> {
    let reference = request.reference;
    handle.gateway.invoke(request).map_err(|error| pgate_error::from(error).with_reference(reference))
}

fn to_json(value: &Value) -> Result<*mut c_char> {
    let json = serde_json::to_vec(value).map_err(|error| {
        Error::new(ErrorKind::Internal, "the answer cannot be written as JSON").with_source(error)
    })?;
    text::give(json)
}

/// Makes any call of the builder's.
///
/// name is the call's name in docs/operations.md, such as "website/get-settings". json_in is a JSON
/// object of at most 1 MiB with what the call takes. Two members are the library's own and are not
/// sent as they are: "domain" names the site in every call about one, and "account" the account that
/// has it (for a panel's user it must be there). What is wrong in json_in is found, and named by its
/// member, before anything is sent. *json_out becomes the builder's answer as one JSON text without
/// anything secret, a few MiB at most, which the caller frees with pgate_string_free().
///
/// docs/operations.md says of each call whether it is for root only.
///
/// Waits for the builder, at most three times as long as the configuration's builder section says
/// (timeout; 30 seconds unless set). A call that must not be made twice is sent once, whatever
/// happens: after PGATE_ERR_BUILDER_UNREACHABLE or PGATE_ERR_UNAVAILABLE it may have been made.
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT with the member's name, PGATE_ERR_CONFIG for a call that is
/// off in the configuration, PGATE_ERR_FORBIDDEN, PGATE_ERR_TOO_MANY, PGATE_ERR_TOO_LARGE if the
/// call was made and its answer is larger than that, those of pgate_session_create(), and all of
/// 3xx. pgate_error_reference() has the number under which the log tells more.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_call(
    handle: *const pgate,
    name: *const c_char,
    json_in: *const c_char,
    json_out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(json_out, "json_out")?;
        // SAFETY: `handle` is NULL or a live handle; the others are NULL or strings of the caller.
        let (handle, name, input) = unsafe {
            (
                pointer::borrow(handle, "handle")?,
                text::required(name, "name")?,
                text::json(json_in, "json_in")?,
            )
        };
        let answer = make(handle, &CallRequest::new(name, input))?;
        // SAFETY: the caller lets us write to `json_out`.
        unsafe { out.put(to_json(&answer)?) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Lists all calls of the builder's that pgate_call() knows.
///
/// *json_out becomes a JSON array, which the caller frees with pgate_string_free(). Each item has
/// "name", "summary", "idempotent", "destructive", "site" (whether it takes "domain") and "fields"
/// with "name", "kind", "needed", "inferred" (the documentation does not show the name) and
/// "meaning". Members may be added in later versions. It is the same on every server: what a
/// configuration adds or switches off is not in it.
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_calls_json(
    json_out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(json_out, "json_out")?;
        let calls: Vec<Value> = Call::ALL.iter().map(|call| described(*call)).collect();
        // SAFETY: the caller lets us write to `json_out`.
        unsafe { out.put(to_json(&Value::Array(calls))?) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

fn described(call: Call) -> Value {
    let entry = call.entry();
    let field = |field: &crate::calls::Field| {
        json!({
            "name": field.name, "kind": field.kind.name(), "needed": field.needed,
            "inferred": field.certainty == Certainty::Inferred, "meaning": field.meaning,
        })
    };
    json!({
        "name": entry.name, "summary": entry.summary, "idempotent": entry.idempotent,
        "destructive": entry.destructive, "site": entry.is_about_a_site(),
        "fields": entry.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

/// Blocks or unblocks a published website in the brand's licence: what a panel does when an account
/// is suspended or comes back. The files of the website stay reachable on this server; whoever
/// suspends must see to that too. For root only.
///
/// Errors: those of pgate_call().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_block(
    handle: *const pgate,
    domain: *const c_char,
    blocked: bool,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { on_site(handle, domain, err, Call::SetBlocked, json!({ "value": blocked })) }
}

/// Gives a site another domain at the builder, and here. The new domain must be one of the same
/// account's, or nobody's yet. Call it before or after the panel has renamed the site. For root only.
///
/// Errors: those of pgate_call(), PGATE_ERR_SITE_NOT_YOURS and PGATE_ERR_SITE_CONFLICT if the new
/// domain is or was another site's.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_rename(
    handle: *const pgate,
    domain: *const c_char,
    new_domain: *const c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let new = || -> Result<Value, pgate_error> {
        // SAFETY: `new_domain` is NULL or a string of the caller.
        Ok(json!({ "newDomain": unsafe { text::required(new_domain, "new_domain") }? }))
    };
    let body = || {
        // SAFETY: the arguments are what this function's comment says.
        unsafe { of_site(handle, domain, Call::WebsiteRename, new()?) }
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Deletes a site's project at the builder. It cannot be brought back; what is published stays. For
/// root only.
///
/// Errors: those of pgate_call().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_delete_project(
    handle: *const pgate,
    domain: *const c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    // SAFETY: the arguments are what this function's comment says.
    unsafe { on_site(handle, domain, err, Call::DeleteSite, json!({})) }
}

// SAFETY (contract): as for the exported functions.
unsafe fn on_site(
    handle: *const pgate,
    domain: *const c_char,
    err: *mut *mut pgate_error,
    call: Call,
    input: Value,
) -> pgate_status {
    // SAFETY: by this function's contract.
    let body = || unsafe { of_site(handle, domain, call, input) };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

// SAFETY (contract): as for the exported functions.
unsafe fn of_site(
    handle: *const pgate,
    domain: *const c_char,
    call: Call,
    mut input: Value,
) -> Result<(), pgate_error> {
    // SAFETY: `handle` is NULL or a live handle, `domain` is NULL or a string of the caller.
    let (handle, domain) = unsafe { (pointer::borrow(handle, "handle")?, text::required(domain, "domain")?) };
    input["domain"] = domain.into();
    make(handle, &CallRequest::new(call.name(), input)).map(|_| ())
}
