//! Structures that may grow.
//!
//! The caller says with the first member how large the structure was when it was compiled. A shorter one gets defaults for what it lacks. A
//! longer one is accepted as long as what we do not know is zero: then it asks for nothing that we would silently leave out.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

const WORD: usize = size_of::<usize>();

/// A structure of the ABI that may grow.
///
/// # Safety
/// It is `repr(C)`; its first member is its size, a `usize`; every other member is one pointer, for which NULL means the default. So any number
/// of whole words from its beginning is a valid beginning.
pub(super) unsafe trait Growing: Copy {
    /// The name in messages.
    const NAME: &'static str;
    /// What is taken for NULL and for members that the caller's structure lacks.
    const DEFAULTS: Self;
}

/// Reads a structure of the caller; NULL is all defaults.
// SAFETY (contract): `given` is NULL or points to at least as many readable bytes as its first member says.
pub(super) unsafe fn read<T: Growing>(given: *const T) -> Result<T> {
    let fault = |what: &str| Error::new(ErrorKind::InvalidArgument, format!("{}: {what}", T::NAME));
    if given.is_null() {
        return Ok(T::DEFAULTS);
    }
    if !given.is_aligned() {
        return Err(fault("the pointer is not aligned"));
    }
    // SAFETY: by the contract there is a size, and the pointer is aligned.
    let size = unsafe { given.cast::<usize>().read() };
    if size < WORD || size % WORD != 0 || size > limits::FFI_STRUCT_BYTES {
        return Err(fault("the member size is not the size of this structure: set it with sizeof"));
    }
    let known = size.min(size_of::<T>());
    // SAFETY: the contract makes `size` bytes readable; `known` is not more than that.
    let tail = unsafe { std::slice::from_raw_parts(given.cast::<u8>().add(known), size - known) };
    if tail.iter().any(|byte| *byte != 0) {
        return Err(fault(
            "it was made for a newer libpanelgate and sets something that this one does not know",
        ));
    }
    let mut value = T::DEFAULTS;
    // SAFETY: `known` bytes are readable at `given` and writable at `value`; whole words of a Growing structure are valid members.
    unsafe { std::ptr::copy_nonoverlapping(given.cast::<u8>(), (&raw mut value).cast::<u8>(), known) };
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[derive(Clone, Copy, Debug)]
    #[repr(C)]
    struct Sample {
        size: usize,
        a: *const u8,
        b: *const u8,
    }

    // SAFETY: repr(C), size first, then pointers.
    unsafe impl Growing for Sample {
        const NAME: &'static str = "sample";
        const DEFAULTS: Self = Self { size: size_of::<Self>(), a: ptr::null(), b: ptr::null() };
    }

    fn read_words(words: &[usize]) -> Result<Sample> {
        // SAFETY: each case below has as many words as its size says, or a size that is refused before they are read.
        unsafe { read(words.as_ptr().cast::<Sample>()) }
    }

    #[test]
    fn older_and_newer_structures() {
        assert!(read_words(&[8]).unwrap().a.is_null());
        let older = read_words(&[16, 1, 99]).unwrap();
        assert_eq!(
            (older.a.addr(), older.b.addr()),
            (1, 0),
            "what lies behind an older structure is not read"
        );
        assert_eq!(read_words(&[24, 1, 2]).unwrap().b.addr(), 2);
        assert_eq!(read_words(&[40, 1, 2, 0, 0]).unwrap().b.addr(), 2);
        assert!(read_words(&[40, 1, 2, 0, 3]).unwrap_err().to_string().contains("newer libpanelgate"));
        // SAFETY: NULL is allowed.
        assert!(unsafe { read::<Sample>(ptr::null()) }.unwrap().a.is_null());
    }

    #[test]
    fn a_size_that_cannot_be_is_refused_before_anything_is_read() {
        for size in [0, 1, 7, 12, 25, limits::FFI_STRUCT_BYTES + 8, usize::MAX, usize::MAX - 7] {
            assert!(read_words(&[size]).unwrap_err().to_string().contains("sizeof"), "{size}");
        }
        let words = [24_usize, 0, 0, 0];
        // SAFETY: the pointer is within `words`; a pointer that is not aligned is refused before it is read.
        let crooked = unsafe { read(words.as_ptr().cast::<u8>().add(1).cast::<Sample>()) };
        assert!(crooked.unwrap_err().to_string().contains("aligned"));
    }
}
