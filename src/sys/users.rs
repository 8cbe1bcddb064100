//! The system's user database (`getpwnam`, `getpwuid`), so that NSS sources such as sssd count too.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// One entry of the user database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Id of the user's own group.
    pub gid: u32,
    /// Home directory, as the database says it.
    pub home: PathBuf,
}

/// Finds a user by name. `Ok(None)`: there is none.
///
/// # Errors
/// If the database cannot be asked.
pub fn by_name(name: &str) -> io::Result<Option<User>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    // SAFETY: the pointers are valid for the call: `name` is NUL-terminated, the others come from `lookup`.
    lookup(|entry, buffer, length, result| unsafe {
        libc::getpwnam_r(name.as_ptr(), entry, buffer, length, result)
    })
}

/// Finds the first user that has a uid. `Ok(None)`: there is none.
///
/// # Errors
/// If the database cannot be asked.
pub fn by_uid(uid: u32) -> io::Result<Option<User>> {
    // SAFETY: the pointers come from `lookup` and are valid for the call.
    lookup(|entry, buffer, length, result| unsafe { libc::getpwuid_r(uid, entry, buffer, length, result) })
}

type Ask<'a> =
    dyn FnMut(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> libc::c_int + 'a;

fn lookup(
    mut ask: impl FnMut(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> libc::c_int,
) -> io::Result<Option<User>> {
    lookup_with(&mut ask)
}

fn lookup_with(ask: &mut Ask<'_>) -> io::Result<Option<User>> {
    const LARGEST: usize = 1 << 20;
    let mut buffer: Vec<libc::c_char> = vec![0; 1024];
    loop {
        // SAFETY: passwd is a plain C struct of integers and pointers, for which all bits zero is a value.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut result: *mut libc::passwd = std::ptr::null_mut();
        match ask(&mut entry, buffer.as_mut_ptr(), buffer.len(), &mut result) {
            0 if result.is_null() => return Ok(None),
            // SAFETY: the call succeeded, so the strings of `entry` are NUL-terminated and lie in `buffer`, which lives on.
            0 => return Ok(Some(unsafe { copy(&entry) })),
            libc::ERANGE if buffer.len() < LARGEST => buffer.resize(buffer.len() * 4, 0),
            libc::EINTR => {}
            // "Not found" has many codes (getpwnam(3), NOTES).
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// Copies an entry.
///
/// # Safety
/// The entry's strings must be valid and NUL-terminated.
unsafe fn copy(entry: &libc::passwd) -> User {
    // SAFETY: promised by the caller.
    let (name, home) = unsafe { (CStr::from_ptr(entry.pw_name), CStr::from_ptr(entry.pw_dir)) };
    User {
        name: name.to_string_lossy().into_owned(),
        uid: entry.pw_uid,
        gid: entry.pw_gid,
        home: PathBuf::from(std::ffi::OsStr::from_bytes(home.to_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_both_ways_and_nobody_else_is_invented() {
        let root = by_uid(0).unwrap().unwrap();
        assert_eq!(by_name(&root.name).unwrap().unwrap(), root);
        assert_eq!(by_name("no such user").unwrap(), None);
        assert_eq!(by_name("nul\0").unwrap(), None);
        assert_eq!(by_uid(3_999_999_999).unwrap(), None);
    }
}
