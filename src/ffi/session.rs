//! Builder sessions. The address of a session is a bearer secret: it leaves this module inside a rendered redirect only.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::error::{Error, ErrorKind, Result};
use crate::ops::{OpenRequest, Session};
use crate::types::{Domain, Reference, Username};
use crate::web::dialect::{self, Dialect};

use super::error::{pgate_error, spoken};
use super::handle::pgate;
use super::options::{self, Growing};
use super::pointer::{self, Out, Owned};
use super::status::{PGATE_DIALECT_CGI, PGATE_DIALECT_NPH, PGATE_DIALECT_PAGE, pgate_dialect, pgate_status};
use super::{guard, text};

/// What pgate_session_create() shall open. Every member but size may be NULL.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct pgate_session_options {
    /// sizeof(pgate_session_options).
    pub size: usize,
    /// The account's user name. NULL: the caller's own, or for root the one that has the site.
    pub account: *const c_char,
    /// The site's name, in Unicode or ASCII. NULL: the account's only site that can be opened.
    pub site: *const c_char,
    /// The language of the builder, as a locale ("de", "pt_BR"). NULL: the account's own.
    pub language: *const c_char,
    /// Hash of a website that was begun in the vendor's public demo and shall become this site's.
    /// NULL: none.
    pub create_from: *const c_char,
}

// SAFETY: repr(C), the size first, then pointers for which NULL is the default.
unsafe impl Growing for pgate_session_options {
    const NAME: &'static str = "pgate_session_options";
    const DEFAULTS: Self = Self {
        size: size_of::<Self>(),
        account: ptr::null(),
        site: ptr::null(),
        language: ptr::null(),
        create_from: ptr::null(),
    };
}

/// A signed-on session of the builder that a browser can be sent to. It never changes, so threads
/// may share it. Its address opens the site for whoever has it: send it to the one browser that
/// asked, and free the session soon.
pub struct pgate_session {
    session: Session,
    site: CString,
    account: CString,
    reference: CString,
    language: Option<String>,
}

impl Owned for pgate_session {}

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<pgate_session>();
};

/// Opens a builder session for a site, after checking that the site is the account's now, that
/// the account may use the builder and that the caller may act for the account.
///
/// options may be NULL: the caller's own account and its only site. *out becomes a session, which
/// the caller frees with pgate_session_free(). It lives at the builder for a time that the builder
/// decides.
///
/// Waits for the builder, at most as long as the configuration's builder section says (timeout; 30
/// seconds unless set).
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT (also if the account has several sites and none is named),
/// those of pgate_account_of_site(), PGATE_ERR_SITE_ALIAS, PGATE_ERR_SITE_WITHOUT_HOSTING,
/// PGATE_ERR_PUBLICATION, and all of 3xx. pgate_error_reference() has the number for the user.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_session_create(
    handle: *const pgate,
    options: *const pgate_session_options,
    out: *mut *mut pgate_session,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let reference = Reference::random();
        // SAFETY: the arguments are what this function's comment says.
        unsafe { create(handle, options, reference, out) }
            .map_err(|error| pgate_error::from(error).with_reference(reference))
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

unsafe fn create(
    handle: *const pgate,
    options: *const pgate_session_options,
    reference: Reference,
    out: *mut *mut pgate_session,
) -> Result<()> {
    let out = Out::new(out, "out")?;
    // SAFETY: `handle` is NULL or a live handle.
    let handle = unsafe { pointer::borrow(handle, "handle") }?;
    // SAFETY: `options` is NULL or a structure of the size that it says, with strings of the caller.
    let request = unsafe { request(options, reference) }?;
    let session = handle.gateway.open(&request)?;
    let session = pgate_session {
        site: text::keep(session.site.as_str())?,
        account: text::keep(session.account.as_str())?,
        reference: text::keep(session.reference.to_string())?,
        language: request.language,
        session,
    };
    // SAFETY: the caller lets us write to `out`.
    unsafe { out.put(pointer::give(session)) };
    Ok(())
}

unsafe fn request(options: *const pgate_session_options, reference: Reference) -> Result<OpenRequest> {
    // SAFETY: by the caller's contract the structure has the size that it says, and its strings end with NUL.
    unsafe {
        let options = options::read(options)?;
        Ok(OpenRequest {
            reference,
            account: text::optional(options.account, "account")?.as_deref().map(Username::new).transpose()?,
            site: text::optional(options.site, "site")?.as_deref().map(Domain::new).transpose()?,
            language: text::optional(options.language, "language")?,
            create_from: text::optional(options.create_from, "create_from")?,
            form: None,
            claimed: None,
            panel_session: None,
        })
    }
}

/// Returns the session's site, in ASCII; NULL if session is NULL.
///
/// Lent by the session.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_session_site(session: *const pgate_session) -> *const c_char {
    // SAFETY: `session` is NULL or a live session of the caller.
    unsafe { guard::get(session, ptr::null(), |session| session.site.as_ptr()) }
}

/// Returns the user name of the session's account; NULL if session is NULL.
///
/// Lent by the session.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_session_account(session: *const pgate_session) -> *const c_char {
    // SAFETY: `session` is NULL or a live session of the caller.
    unsafe { guard::get(session, ptr::null(), |session| session.account.as_ptr()) }
}

/// Returns the request's reference number ("7K3M-9QXT"), for the host's log; NULL if session is
/// NULL. It says nothing and opens nothing.
///
/// Lent by the session.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_session_reference(session: *const pgate_session) -> *const c_char {
    // SAFETY: `session` is NULL or a live session of the caller.
    unsafe { guard::get(session, ptr::null(), |session| session.reference.as_ptr()) }
}

/// Makes the answer that sends the browser to the session, headers included; write its bytes to
/// the browser's front as they are.
///
/// dialect is one of the PGATE_DIALECT_ numbers. language is the locale of the few words that the
/// answer shows; NULL: that of the session's options, or English. *out becomes a string, which the
/// caller frees with pgate_string_free(); *length, unless length is NULL, its length in bytes
/// without the final NUL. There is no NUL before that.
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_session_render(
    session: *const pgate_session,
    dialect: pgate_dialect,
    language: *const c_char,
    out: *mut *mut c_char,
    length: *mut usize,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `session` is NULL or a live session, `language` is NULL or a string of the caller.
        let (session, language) =
            unsafe { (pointer::borrow(session, "session")?, text::optional(language, "language")?) };
        let language = spoken(language.as_deref().or(session.language.as_deref()));
        let answer = dialect::redirect(&session.session, dialect_of(dialect)?, language);
        let answer_length = answer.len();
        let answer = text::give(answer)?;
        // SAFETY: the caller lets us write to `out` and, unless it is NULL, to `length`.
        unsafe {
            out.put(answer);
            if !length.is_null() {
                length.write(answer_length);
            }
        }
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Frees a session and wipes its address. NULL is allowed. The session at the builder goes on.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_session_free(session: *mut pgate_session) {
    // SAFETY: `session` is NULL or came from pgate_session_create, and the caller does not use it again.
    guard::value((), || unsafe { pointer::free(session) });
}

fn dialect_of(number: pgate_dialect) -> Result<Dialect> {
    match number {
        PGATE_DIALECT_CGI => Ok(Dialect::Cgi),
        PGATE_DIALECT_NPH => Ok(Dialect::Nph),
        PGATE_DIALECT_PAGE => Ok(Dialect::Page),
        other => {
            let text = format!("{other} is not one of the PGATE_DIALECT_ numbers");
            Err(Error::new(ErrorKind::InvalidArgument, text))
        }
    }
}
