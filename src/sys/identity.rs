//! Who this process is, and giving that up.

use std::ffi::CString;
use std::io;

use super::users::User;

/// The real and effective uid of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uids {
    /// Who started the process.
    pub real: u32,
    /// Whose rights it has.
    pub effective: u32,
}

/// Asks the kernel who this process is.
pub fn uids() -> Uids {
    Uids { real: rustix::process::getuid().as_raw(), effective: rustix::process::geteuid().as_raw() }
}

/// Gives up root for good: groups, gid, uid, in this order, then makes sure that there is no way back.
///
/// # Errors
/// If a call fails or root could be regained. The caller must then end the process.
pub fn drop_to(user: &User) -> io::Result<()> {
    if user.uid == 0 || user.gid == 0 {
        return Err(io::Error::other("refusing to become root"));
    }
    let name = CString::new(user.name.as_str()).map_err(|_| io::Error::other("user name with NUL"))?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call.
    check(unsafe { libc::initgroups(name.as_ptr(), user.gid) })?;
    // SAFETY: setresgid takes numbers only. libc's wrapper changes all threads of the process.
    check(unsafe { libc::setresgid(user.gid, user.gid, user.gid) })?;
    // SAFETY: as above, for the uid.
    check(unsafe { libc::setresuid(user.uid, user.uid, user.uid) })?;
    // SAFETY: setuid takes a number only. It must fail now.
    let regained = unsafe { libc::setuid(0) } == 0;
    if regained || uids() != (Uids { real: user.uid, effective: user.uid }) {
        return Err(io::Error::other("privileges were not dropped"));
    }
    Ok(())
}

/// Keeps other processes of the same uid from reading this one's memory, and the kernel from writing core files of it.
pub fn forbid_core_dumps() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
