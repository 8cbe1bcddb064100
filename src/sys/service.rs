//! What a service manager gives and wants: sockets (sd_listen_fds(3)) and notices (sd_notify(3)).

use std::ffi::OsString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::time::Duration;

/// The first descriptor that a service manager passes.
const FIRST_FD: i32 = 3;

/// The listening socket that the service manager passed, if it started this process with exactly one.
///
/// # Errors
/// If it passed several, or one that is no listening Unix stream socket.
pub fn listener() -> io::Result<Option<UnixListener>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        None | Some(0) => Ok(None),
        Some(1) => {
            // SAFETY: LISTEN_PID names this process, so descriptor 3 is the manager's and nobody else's; this function is called once, at start.
            let fd = unsafe { OwnedFd::from_raw_fd(FIRST_FD) };
            rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
            let stream = rustix::net::sockopt::socket_type(&fd)? == rustix::net::SocketType::STREAM;
            let unix = rustix::net::sockopt::socket_domain(&fd)? == rustix::net::AddressFamily::UNIX;
            let listens = rustix::net::sockopt::socket_acceptconn(&fd)?;
            if stream && unix && listens {
                Ok(Some(UnixListener::from(fd)))
            } else {
                Err(io::Error::other(
                    "the service manager passed a descriptor that is no listening Unix stream socket",
                ))
            }
        }
        Some(count) => {
            Err(io::Error::other(format!("the service manager passed {count} sockets instead of one")))
        }
    }
}

/// Tells the service manager something (`READY=1`, `STOPPING=1` ...), if there is one that listens.
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(connect);
        let mine = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let micros =
            std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse::<u64>().ok()).filter(|_| mine);
        Self { socket, watchdog: micros.map(Duration::from_micros) }
    }

    /// How often the manager wants `WATCHDOG=1` at the least; notify twice as often.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Sends assignments, one a line. A manager that does not listen is not an error.
    pub fn send(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

fn connect(name: OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let bytes = name.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok()?,
        None if bytes.starts_with(b"/") => SocketAddr::from_pathname(&name).ok()?,
        None => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((socket, address))
}

/// `MONOTONIC_USEC=` for `RELOADING=1`, in microseconds.
pub fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1000
}
