//! The process's own environment.

use std::ffi::{OsStr, OsString};
use std::io;

/// Whether this process was started by a web server or panel as a CGI program (RFC 3875 4.1.4), on the word of its environment.
///
/// A CGI environment takes rights away (a root process in one serves nobody); it never gives any.
pub fn is_cgi() -> bool {
    std::env::var_os("GATEWAY_INTERFACE").is_some() || std::env::var_os("REQUEST_METHOD").is_some()
}

/// Replaces the whole environment.
///
/// # Safety
/// No other thread may exist: the environment of a C process cannot be changed while somebody reads it.
pub unsafe fn replace<I>(variables: I)
where
    I: IntoIterator<Item = (OsString, OsString)>,
{
    let old: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in old {
        // SAFETY: the caller promised that there is one thread.
        unsafe { std::env::remove_var(&name) };
    }
    for (name, value) in variables {
        if is_settable(&name, &value) {
            // SAFETY: as above; name and value have passed the check that `set_var` would panic on.
            unsafe { std::env::set_var(&name, &value) };
        }
    }
}

/// Replaces the whole environment of a process that has one thread, as a program has when it starts.
///
/// # Errors
/// If there is another thread, or if the system does not say whether there is. The environment is then as it was.
pub fn replace_alone<I>(variables: I) -> io::Result<()>
where
    I: IntoIterator<Item = (OsString, OsString)>,
{
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("the environment cannot be replaced: there are other threads"));
    }
    // SAFETY: the only thread of the process is this one, and it starts no other before the call returns.
    unsafe { replace(variables) };
    Ok(())
}

fn is_settable(name: &OsStr, value: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    !name.is_empty() && !name.contains(&b'=') && !name.contains(&0) && !value.as_encoded_bytes().contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_set_var_would_panic_on_is_left_out() {
        let fits = |name: &str, value: &str| is_settable(OsStr::new(name), OsStr::new(value));
        assert!(fits("A", "") && fits("A", "b=c"));
        assert!(!fits("", "b") && !fits("A=", "b") && !fits("A\0", "b") && !fits("A", "b\0"));
    }
}
