//! Pointers of the ABI: borrowed objects, owned objects, outputs.

use std::ptr::NonNull;

use crate::error::{Error, ErrorKind, Result};

/// An object that the caller owns and frees. What is only lent ([`super::pgate_site`]) does not have it, so the compiler refuses to free it.
pub(super) trait Owned {}

/// Hands an object to the caller.
pub(super) fn give<T: Owned>(object: T) -> *mut T {
    Box::into_raw(Box::new(object))
}

/// Takes an object back and drops it; NULL is nothing.
// SAFETY (contract): `object` is NULL or came from `give`, and is not used after.
pub(super) unsafe fn free<T: Owned>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: by the contract it came out of a Box and nobody else has it.
        drop(unsafe { Box::from_raw(object) });
    }
}

/// Looks at an object of the caller.
// SAFETY (contract): `object` is NULL or points to an object that lives, unchanged, for `'a`.
pub(super) unsafe fn borrow<'a, T>(object: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: by this function's contract.
    unsafe { object.as_ref() }.ok_or_else(|| is_null(name))
}

/// A place that an output goes to. It may be uninitialised: it is written, never read.
pub(super) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// Checks that there is a place.
    pub(super) fn new(place: *mut T, name: &str) -> Result<Self> {
        NonNull::new(place).map(Self).ok_or_else(|| is_null(name))
    }

    /// Writes the output.
    // SAFETY (contract): the place may be written to.
    pub(super) unsafe fn put(self, value: T) {
        // SAFETY: by this function's contract.
        unsafe { self.0.write(value) };
    }
}

fn is_null(name: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("the argument {name} is NULL"))
}
