//! Strings of the ABI: NUL-terminated UTF-8, bounded on the way in, wiped on the way back.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

use secrecy::zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

use super::guard;

/// Frees a string that a function of this library has handed out as its caller's own, and wipes
/// it first: a rendered redirect holds the address of a session.
///
/// NULL is allowed. Strings that are only lent (const char *) must not be passed here.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_string_free(string: *mut c_char) {
    guard::value((), || {
        if !string.is_null() {
            // SAFETY: the caller got it from `give` below, has not changed its length, and does not use it again.
            unsafe { CString::from_raw(string) }.into_bytes().zeroize();
        }
    });
}

/// Copies a string argument; NULL is `None`.
// SAFETY (contract): `argument` is NULL or points to a NUL-terminated string.
pub(super) unsafe fn optional(argument: *const c_char, name: &str) -> Result<Option<String>> {
    // SAFETY: by this function's contract.
    let Some(bytes) = (unsafe { bytes(argument, name, limits::FFI_STRING_BYTES) })? else { return Ok(None) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(fault(name, "is not UTF-8")),
    }
}

/// Copies a string argument that must be there.
// SAFETY (contract): as for `optional`.
pub(super) unsafe fn required(argument: *const c_char, name: &str) -> Result<String> {
    // SAFETY: by this function's contract.
    unsafe { optional(argument, name) }?.ok_or_else(|| fault(name, "is NULL"))
}

/// As [`required`], for a JSON text, which may be longer.
// SAFETY (contract): as for `optional`.
pub(super) unsafe fn json(argument: *const c_char, name: &str) -> Result<serde_json::Value> {
    // SAFETY: by this function's contract.
    let bytes = unsafe { bytes(argument, name, limits::CALL_INPUT_BYTES) }?;
    let bytes = bytes.ok_or_else(|| fault(name, "is NULL"))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        fault(name, &format!("is not JSON (line {}, column {})", error.line(), error.column()))
    })
}

/// Copies a path, which may hold any byte but NUL; NULL is `None`.
// SAFETY (contract): as for `optional`.
pub(super) unsafe fn path(argument: *const c_char, name: &str) -> Result<Option<PathBuf>> {
    // SAFETY: by this function's contract.
    let path = unsafe { bytes(argument, name, limits::FFI_STRING_BYTES) }?
        .map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
    if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        return Err(fault(name, "is empty"));
    }
    Ok(path)
}

unsafe fn bytes(argument: *const c_char, name: &str, most: usize) -> Result<Option<Vec<u8>>> {
    if argument.is_null() {
        return Ok(None);
    }
    // SAFETY: the string ends with NUL, and strnlen reads at most up to the limit.
    let length = unsafe { libc::strnlen(argument, most + 1) };
    if length > most {
        return Err(fault(name, &format!("is longer than {most} bytes")));
    }
    // SAFETY: `length` bytes before the NUL were just counted.
    let bytes = unsafe { std::slice::from_raw_parts(argument.cast::<u8>(), length) };
    Ok(Some(bytes.to_vec()))
}

fn fault(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("the argument {name} {what}"))
}

/// Makes a string that an object keeps and lends.
pub(super) fn keep(text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(ErrorKind::PanelData, "a text of the panel's data holds a NUL"))
}

/// As [`keep`], for text of our own, where a NUL is left out.
pub(super) fn keep_own(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

/// A string that an object lends: its address, or NULL.
pub(super) fn lend(text: Option<&CStr>) -> *const c_char {
    text.map_or(ptr::null(), CStr::as_ptr)
}

/// Hands a string to the caller, and wipes our copy.
pub(super) fn give(mut bytes: Vec<u8>) -> Result<*mut c_char> {
    // The copy has its exact size, so that adding the NUL moves nothing and leaves nothing behind.
    let mut copy = Vec::with_capacity(bytes.len() + 1);
    copy.extend_from_slice(&bytes);
    bytes.zeroize();
    match CString::new(copy) {
        Ok(string) => Ok(string.into_raw()),
        Err(error) => {
            error.into_vec().zeroize();
            Err(Error::new(ErrorKind::Internal, "a text that a function was to return holds a NUL"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &CStr) -> Result<Option<String>> {
        // SAFETY: a CStr ends with NUL.
        unsafe { optional(bytes.as_ptr(), "x") }
    }

    #[test]
    fn strings_are_bounded_and_utf8() {
        assert_eq!(read(c"b\xc3\xbccher").unwrap().as_deref(), Some("bücher"));
        assert_eq!(read(c"\xff").unwrap_err().to_string(), "the argument x is not UTF-8");
        let limit = limits::FFI_STRING_BYTES;
        assert!(read(&CString::new("a".repeat(limit)).unwrap()).is_ok());
        assert!(read(&CString::new("a".repeat(limit + 1)).unwrap()).is_err());
        // SAFETY: NULL is allowed; the others end with NUL.
        unsafe {
            assert_eq!(optional(ptr::null(), "x").unwrap(), None);
            assert_eq!(required(ptr::null(), "x").unwrap_err().to_string(), "the argument x is NULL");
            assert_eq!(path(c"/\xff".as_ptr(), "x").unwrap().unwrap().as_os_str().as_bytes(), b"/\xff");
            assert!(path(c"".as_ptr(), "x").is_err());
        }
    }

    #[test]
    fn a_string_is_given_whole_or_not_at_all() {
        let string = give(b"abc".to_vec()).unwrap();
        // SAFETY: `give` made it; it is freed once.
        unsafe {
            assert_eq!(CStr::from_ptr(string), c"abc");
            pgate_string_free(string);
            pgate_string_free(ptr::null_mut());
        }
        assert!(give(b"a\0b".to_vec()).is_err());
        assert!(keep("a\0").is_err());
        assert_eq!(keep_own("a\0b").as_c_str(), c"ab");
    }
}
