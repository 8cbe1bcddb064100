//! Error objects.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::error::{Error, ErrorKind};
use crate::types::{Reference, printable};
use crate::web::messages::{self, Language};

use super::pointer::{self, Owned};
use super::status::{PGATE_OK, pgate_status};
use super::{guard, text};

/// Why a function failed. Made by the function that failed, freed with pgate_error_free(); never
/// changes, so threads may share it.
pub struct pgate_error {
    kind: ErrorKind,
    name: CString,
    message: CString,
    reference: Option<CString>,
}

impl Owned for pgate_error {}

impl From<Error> for pgate_error {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        // It ends in logs and terminals, and may repeat what stands in the panel's data.
        let (name, message) = (text::keep_own(kind.name()), text::keep_own(&printable(&error.chain())));
        Self { kind, name, message, reference: None }
    }
}

impl pgate_error {
    /// Adds the number under which the log has it.
    pub(super) fn with_reference(mut self, reference: Reference) -> Self {
        self.reference = Some(text::keep_own(&reference.to_string()));
        self
    }

    pub(super) fn kind(&self) -> ErrorKind {
        self.kind
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &std::ffi::CStr {
        &self.message
    }
}

/// Returns the number of the error: the status that the function has returned. PGATE_OK if error
/// is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_code(error: *const pgate_error) -> pgate_status {
    // SAFETY: `error` is NULL or a live error of the caller.
    unsafe { guard::get(error, PGATE_OK, |error| error.kind.code()) }
}

/// Returns the name of the error, in lower case with dashes ("site-not-found"): stable, for logs
/// and programs. "ok" if error is NULL.
///
/// Lent by the error.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_name(error: *const pgate_error) -> *const c_char {
    // SAFETY: `error` is NULL or a live error of the caller.
    unsafe { guard::get(error, c"ok".as_ptr(), |error| error.name.as_ptr()) }
}

/// Returns what is wrong, where, and what to do, in English, for the administrator and the log.
/// It never holds a password or a session's address. It may name files and other accounts: do not
/// show it to a panel's user, who gets pgate_error_user_message(). "" if error is NULL.
///
/// Lent by the error.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_message(error: *const pgate_error) -> *const c_char {
    // SAFETY: `error` is NULL or a live error of the caller.
    unsafe { guard::get(error, c"".as_ptr(), |error| error.message.as_ptr()) }
}

/// Makes the sentence for the panel's user: what they can do about it, in their language, as plain
/// text (escape it for HTML).
///
/// language is a locale such as "de", "pt_BR" or "ar"; NULL, or one without a catalogue, gives
/// English.
///
/// Returns a string that the caller frees with pgate_string_free(); NULL if error is NULL or
/// language is not UTF-8.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_user_message(
    error: *const pgate_error,
    language: *const c_char,
) -> *mut c_char {
    let make = |error: &pgate_error| {
        // SAFETY: `language` is NULL or a string of the caller.
        let locale = unsafe { text::optional(language, "language") };
        let sentence = locale.map(|locale| messages::error(spoken(locale.as_deref()), error.kind));
        sentence.and_then(|sentence| text::give(sentence.into_bytes())).unwrap_or(ptr::null_mut())
    };
    // SAFETY: `error` is NULL or a live error of the caller.
    unsafe { guard::get(error, ptr::null_mut(), make) }
}

/// Returns the reference number of the request that failed ("7K3M-9QXT"), to be shown to the
/// panel's user and written to the host's log; NULL if the function gives none or error is NULL.
/// pgate_session_create(), pgate_call(), pgate_site_block(), pgate_site_rename(),
/// pgate_site_delete_project() and the functions of publications give one.
///
/// Lent by the error.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_reference(error: *const pgate_error) -> *const c_char {
    // SAFETY: `error` is NULL or a live error of the caller.
    unsafe { guard::get(error, ptr::null(), |error| text::lend(error.reference.as_deref())) }
}

/// Returns whether the same call may succeed later without anybody changing anything. false if
/// error is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_retryable(error: *const pgate_error) -> bool {
    // SAFETY: `error` is NULL or a live error of the caller.
    unsafe { guard::get(error, false, |error| error.kind.is_retryable()) }
}

/// Frees an error and the strings that it lends. NULL is allowed.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_error_free(error: *mut pgate_error) {
    // SAFETY: `error` is NULL or came from a failed function, and the caller does not use it again.
    guard::value((), || unsafe { pointer::free(error) });
}

/// The language of a locale; English if there is none, or no catalogue for it.
pub(super) fn spoken(locale: Option<&str>) -> Language {
    locale.and_then(Language::from_locale).unwrap_or(Language::En)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_nothing_that_a_terminal_or_a_log_obeys() {
        let error = Error::new(ErrorKind::PanelData, "plan \x1b[2J\n\u{202e}\0");
        let error = pgate_error::from(error);
        assert_eq!(error.text().to_str().unwrap(), "plan \\u{1b}[2J\\n\\u{202e}\\u{0}");
    }
}
