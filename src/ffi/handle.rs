//! The handle: opening, closing, versions.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::gateway::{self, Gateway, Reach};

use super::error::pgate_error;
use super::options::{self, Growing};
use super::pointer::{self, Out, Owned};
use super::status::pgate_status;
use super::{guard, text};

/// The version of this ABI, which "Since ABI" in the comment of each function means; it is not that of
/// the package (PGATE_VERSION). It grows with every addition; the number in the library's file name
/// (libpanelgate.so.1) grows only when programs must be compiled again.
pub const PGATE_ABI_VERSION: u32 = 1;

/// An open Panelgate: configuration, panel, and connections to the builder. Threads may share it.
pub struct pgate {
    pub(super) gateway: Box<dyn Gateway>,
}

impl Owned for pgate {}

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<pgate>();
};

/// Settings of pgate_open().
#[derive(Clone, Copy)]
#[repr(C)]
pub struct pgate_options {
    /// sizeof(pgate_options).
    pub size: usize,
    /// The configuration file; NULL is /etc/panelgate/panelgate.ini. A path may hold bytes that are
    /// not UTF-8. The file must belong to root or to the user of this process and be closed to
    /// everybody else.
    pub config_path: *const c_char,
    /// The broker's socket; NULL is /run/panelgate/broker.sock. If it is set, the broker is asked even
    /// by root, and no configuration is read.
    pub socket_path: *const c_char,
}

// SAFETY: repr(C), the size first, then pointers for which NULL is the default.
unsafe impl Growing for pgate_options {
    const NAME: &'static str = "pgate_options";
    const DEFAULTS: Self =
        Self { size: size_of::<Self>(), config_path: ptr::null(), socket_path: ptr::null() };
}

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("the version holds a NUL"),
};

/// Returns the version of the ABI that the loaded library has; compare it with PGATE_ABI_VERSION,
/// which is the one that your program was compiled with. A library that is newer serves it, an
/// older one may lack functions.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn pgate_abi_version() -> u32 {
    guard::value(0, || PGATE_ABI_VERSION)
}

/// Returns the version of the loaded library, such as "1.4.2"; PGATE_VERSION is the one that your
/// program was compiled with.
///
/// Static: never freed.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub extern "C" fn pgate_version() -> *const c_char {
    guard::value(ptr::null(), || VERSION.as_ptr())
}

/// Opens Panelgate. For root: reads and checks the configuration, finds the panel and finds out from
/// the kernel who is calling. For everybody else the broker does that with each call; nothing is
/// connected yet.
///
/// options may be NULL: all defaults. *out becomes a handle, which the caller closes with
/// pgate_close().
///
/// A user with a private configuration file of that user's own is served without the broker too. A
/// root process that a web server or panel has started as a CGI program is refused, since it would
/// answer whoever is at the other end.
///
/// Errors: PGATE_ERR_CONFIG with file and line, PGATE_ERR_UNAVAILABLE, PGATE_ERR_FORBIDDEN in a
/// set-user-id process.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_open(
    options: *const pgate_options,
    out: *mut *mut pgate,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `options` is NULL or a structure of the size that it says, with strings of the caller.
        let (config, socket) = unsafe {
            let options = options::read(options)?;
            (text::path(options.config_path, "config_path")?, text::path(options.socket_path, "socket_path")?)
        };
        let gateway = gateway::for_program(Reach { config: config.as_deref(), socket: socket.as_deref() })?;
        // SAFETY: the caller lets us write to `out`.
        unsafe { out.put(pointer::give(pgate { gateway })) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Closes a handle, its connections included. NULL is allowed.
///
/// No other thread may be using it. Accounts and sessions that came from it stay valid. No thread
/// of the library outlives this call, except one that waits in the system's name look-up, which
/// cannot be cancelled.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_close(handle: *mut pgate) {
    // SAFETY: `handle` is NULL or came from pgate_open, and the caller does not use it again.
    guard::value((), || unsafe { pointer::free(handle) });
}
