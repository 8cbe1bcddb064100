//! The line that no panic crosses.
//!
//! A panic that left an `extern "C"` function would end the host's process. Every exported body runs in one of these functions.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, ErrorKind};

use super::error::pgate_error;
use super::pointer::give;
use super::status::{PGATE_OK, pgate_status};

// AssertUnwindSafe is sound here: an object of the ABI is only ever read through `&`, what changes inside it sits behind locks of its own, and
// outputs are written after the last thing that can panic.

/// Runs the body of a fallible function; turns its error, or its panic, into a status and, if `err` is not NULL, an error object.
// SAFETY (contract): `err` is NULL or may be written to.
pub(super) unsafe fn status(
    err: *mut *mut pgate_error,
    body: impl FnOnce() -> Result<(), pgate_error>,
) -> pgate_status {
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return PGATE_OK,
        Ok(Err(error)) => error,
        Err(payload) => {
            // Dropping what was thrown could panic again.
            std::mem::forget(payload);
            // The panic's own text stays out: it may quote the data that it tripped over.
            let text = "a fault of libpanelgate stopped the function half-way: please report it";
            pgate_error::from(Error::new(ErrorKind::Panic, text))
        }
    };
    let status = error.kind().code();
    if !err.is_null() {
        // SAFETY: not NULL, and the caller lets us write there.
        unsafe { err.write(give(error)) };
    }
    status
}

/// Runs the body of a function that cannot fail; a panic gives `default`.
pub(super) fn value<R>(default: R, body: impl FnOnce() -> R) -> R {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            std::mem::forget(payload);
            default
        }
    }
}

/// Reads a property of an object; NULL and a panic give `default`.
// SAFETY (contract): `object` is NULL or points to a live object.
pub(super) unsafe fn get<T, R>(object: *const T, default: R, read: impl FnOnce(&T) -> R) -> R {
    // SAFETY: by this function's contract.
    match unsafe { object.as_ref() } {
        Some(object) => value(default, || read(object)),
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn a_panic_becomes_a_status_and_an_error_and_a_default() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written to.
        let status = unsafe { status(&raw mut error, || panic!("secret text")) };
        assert_eq!(status, ErrorKind::Panic.code());
        // SAFETY: the guard made an error object, which is taken back once.
        let error = unsafe { Box::from_raw(error) };
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert!(!error.text().to_string_lossy().contains("secret"));
        assert_eq!(value(7, || panic!("again")), 7);
        let five = 5_u8;
        // SAFETY: the pointers are NULL or point to a live number.
        unsafe {
            assert_eq!(super::status(ptr::null_mut(), || panic!("nobody wants the error")), 901);
            assert_eq!(get(ptr::null::<u8>(), 1, |_| 2), 1);
            assert_eq!(get(&raw const five, 1, |number| *number), 5);
            assert_eq!(get(&raw const five, 1, |_| panic!("no")), 1);
        }
    }

    #[test]
    fn nothing_is_written_on_success() {
        let mut error = ptr::dangling_mut();
        // SAFETY: `error` may be written to.
        assert_eq!(unsafe { status(&raw mut error, || Ok(())) }, PGATE_OK);
        assert_eq!(error, ptr::dangling_mut());
    }
}
