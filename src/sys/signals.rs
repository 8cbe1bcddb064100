//! Being told something by SIGINT, SIGTERM or SIGHUP.
//!
//! The handler writes the signal's number into a pipe; what has to be done is done by the thread that waits at the other end. Programs started by
//! this process do not inherit the handler.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

/// The end of the pipe that the handler writes to; -1 before there is one.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// What a service is told by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: finish what is running and end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// Hears about the three signals.
pub struct Signals {
    heard: OwnedFd,
}

impl Signals {
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

    /// The next signal that has come; `None` if there is none at the moment.
    pub fn next(&self) -> Option<Signal> {
        let mut number = [0_u8];
        match rustix::io::read(&self.heard, &mut number) {
            Ok(1) if i32::from(number[0]) == libc::SIGHUP => Some(Signal::Reload),
            Ok(1) => Some(Signal::Stop),
            _ => None,
        }
    }

    /// Waits for any signal, at most that long. Returns whether one has come; once one has come, it stays so
    /// until [`Signals::next`] takes it.
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

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
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

extern "C" fn on_signal(signal: libc::c_int) {
    let number = [signal as u8];
    // SAFETY: errno is a variable of this thread.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: write(2) is async-signal-safe; the byte is this function's own, and the descriptor is never closed. A full pipe has said it already.
    unsafe { libc::write(WAKE.load(Ordering::SeqCst), number.as_ptr().cast(), 1) };
    // SAFETY: as above. What the signal interrupted must find its errno again.
    unsafe { *libc::__errno_location() = errno };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_heard_and_stays_heard() {
        let signals = Signals::listen().unwrap();
        assert!(!signals.wait(Duration::from_millis(20)));
        assert!(Signals::listen().is_err(), "one listener");
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
        assert!(signals.wait(Duration::from_secs(10)));
        assert!(signals.wait(Duration::ZERO));
        assert_eq!((signals.next(), signals.next()), (Some(Signal::Reload), None));
    }
}
