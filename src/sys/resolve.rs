//! Name look-ups with a deadline.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

/// The addresses of a host name, by the system's resolver.
///
/// libc's resolver cannot be told to stop: a look-up that is overdue goes on in a thread of its own, whose result nobody waits for.
///
/// # Errors
/// `TimedOut`, or what the resolver says.
pub fn addresses(host: &str, deadline: Duration) -> io::Result<Vec<IpAddr>> {
    let (answer, wait) = mpsc::channel();
    let host = host.to_owned();
    std::thread::Builder::new().name("resolver".into()).spawn(move || {
        let found =
            (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect());
        let _ = answer.send(found);
    })?;
    wait.recv_timeout(deadline).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_here_and_nonsense_is_nowhere() {
        let found = addresses("localhost", Duration::from_secs(10)).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
        assert!(addresses("no such host", Duration::from_secs(10)).is_err());
    }
}
