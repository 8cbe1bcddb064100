//! Being asked to end: SIGINT, SIGTERM, SIGHUP.
//!
//! The handler writes one byte into a pipe; what has to be put away is put away by the thread that waits at the other end. Programs started by
//! this process do not inherit the handler.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

/// The end of the pipe that the handler writes to; -1 before there is one.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Hears about the signals that ask this process to end.
pub struct EndSignals {
    heard: OwnedFd,
}

impl EndSignals {
    /// Begins to listen. From now on the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// If somebody listens already, or the system refuses.
    pub fn listen() -> io::Result<Self> {
        let (heard, wake) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        if WAKE.compare_exchange(-1, wake.as_raw_fd(), Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Err(io::Error::other("the signals are listened to already"));
        }
        // The handler may run until the process ends, so its end of the pipe is never closed.
        std::mem::forget(wake);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            install(signal)?;
        }
        Ok(Self { heard })
    }

    /// Waits for a signal, at most that long. Returns whether one has come; once one has come, it stays so.
    pub fn wait(&self, longest: Duration) -> bool {
        let end = Instant::now() + longest;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(timeout) = Timespec::try_from(left) else { return false };
            let mut fds = [PollFd::from_borrowed_fd(self.heard.as_fd(), PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return false,
                // A signal interrupts poll before its byte is looked at: ask again.
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) | Err(_) => return true,
            }
        }
    }
}

fn install(signal: libc::c_int) -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = on_signal;
    // SAFETY: sigaction is a plain C struct of integers, for which all bits zero is a value (no flags, empty mask).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid for the call; the handler does only what signal-safety(7) allows and lives as long as the program.
    if unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

extern "C" fn on_signal(_signal: libc::c_int) {
    // SAFETY: errno is a variable of this thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: write(2) is async-signal-safe; the byte is a constant, and the descriptor is never closed. A full pipe has said it already.
    unsafe { libc::write(WAKE.load(Ordering::SeqCst), b"x".as_ptr().cast(), 1) };
    // SAFETY: as above. What the signal interrupted must find its errno again.
    unsafe { *libc::__errno_location() = errno };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_heard_and_stays_heard() {
        let signals = EndSignals::listen().unwrap();
        assert!(!signals.wait(Duration::from_millis(20)));
        assert!(EndSignals::listen().is_err(), "one listener");
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
        assert!(signals.wait(Duration::from_secs(10)));
        assert!(signals.wait(Duration::ZERO));
    }
}
