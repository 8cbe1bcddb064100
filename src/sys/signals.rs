//! Signals as something to read, for a program with one loop.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd};

/// What a service is told by signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: finish what is running and end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those that it starts, and hands them out one by one.
pub struct Signals {
    file: File,
}

impl Signals {
    /// Call it before the first thread is started: a thread that does not block them would be ended by them.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn watch() -> io::Result<Self> {
        // SAFETY: sigset_t is a plain C struct of integers, for which all bits zero is a value; sigemptyset sets it up.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is valid for writes for all four calls.
        unsafe {
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGTERM);
            libc::sigaddset(&mut set, libc::SIGINT);
            libc::sigaddset(&mut set, libc::SIGHUP);
        }
        // SAFETY: `set` is initialised; the old mask is not asked for.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        if result != 0 {
            return Err(io::Error::from_raw_os_error(result));
        }
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: signalfd has just made this descriptor, and nobody else has it.
        Ok(Self { file: unsafe { File::from_raw_fd(fd) } })
    }

    /// The next signal that has arrived; `None` if there is none at the moment.
    pub fn next(&mut self) -> Option<Signal> {
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        let length = self.file.read(&mut record).ok()?;
        if length != record.len() {
            return None;
        }
        // ssi_signo is the first field, a u32 in the machine's order (signalfd(2)).
        let number = u32::from_ne_bytes([record[0], record[1], record[2], record[3]]);
        if i32::try_from(number) == Ok(libc::SIGHUP) { Some(Signal::Reload) } else { Some(Signal::Stop) }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
