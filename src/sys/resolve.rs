//! Name look-ups with a deadline.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use crate::limits;

/// Who chose a name, and has its name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// A customer.
    Customer,
    /// The administrator, or the builder.
    Administrator,
}

impl ChosenBy {
    /// The look-ups that run: those of customers' names take no place of the others.
    fn running(self) -> &'static AtomicUsize {
        static CUSTOMERS: AtomicUsize = AtomicUsize::new(0);
        static ADMINISTRATORS: AtomicUsize = AtomicUsize::new(0);
        match self {
            Self::Customer => &CUSTOMERS,
            Self::Administrator => &ADMINISTRATORS,
        }
    }
}

/// The addresses of a host name, by the system's resolver.
///
/// libc's resolver cannot be told to stop: a look-up that is overdue goes on in a thread of its own, whose result nobody waits for. Whoever has a name
/// server that never answers can make these, so there are at most [`limits::RESOLVERS`] of customers' names, and as many of others.
///
/// # Errors
/// `TimedOut`; `ResourceBusy` if there are too many look-ups; or what the resolver says.
pub fn addresses(host: &str, who: ChosenBy, deadline: Duration) -> io::Result<Vec<IpAddr>> {
    let host = host.to_owned();
    let look_up = move || {
        let found = (host.as_str(), 0).to_socket_addrs()?;
        Ok(found.map(|address| address.ip()).collect())
    };
    in_time(who.running(), deadline, look_up)
}

/// Does something in a thread of its own, of which there are only so many, and waits for it only so long.
fn in_time<T: Send + 'static>(
    running: &'static AtomicUsize,
    deadline: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    struct Place(&'static AtomicUsize);
    impl Drop for Place {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let before = running.fetch_add(1, Ordering::SeqCst);
    let place = Place(running);
    if before >= limits::RESOLVERS {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "too many names are being looked up"));
    }
    let (answer, wait) = mpsc::channel();
    std::thread::Builder::new().name("resolver".into()).spawn(move || {
        let _place = place;
        let _ = answer.send(work());
    })?;
    wait.recv_timeout(deadline).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_that_hang_are_not_without_number() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        let (go, hang) = mpsc::channel::<()>();
        let hang = std::sync::Arc::new(std::sync::Mutex::new(hang));
        let call = || {
            let hang = std::sync::Arc::clone(&hang);
            let work = move || Ok(hang.lock().unwrap().recv().is_ok());
            in_time(&RUNNING, Duration::from_millis(1), work).unwrap_err().kind()
        };
        for _ in 0..limits::RESOLVERS {
            assert_eq!(call(), io::ErrorKind::TimedOut);
        }
        assert_eq!((call(), call()), (io::ErrorKind::ResourceBusy, io::ErrorKind::ResourceBusy));
        drop(go);
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while RUNNING.load(Ordering::SeqCst) > 0 && std::time::Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(in_time(&RUNNING, Duration::from_secs(10), || Ok(7)).unwrap(), 7);
    }

    #[test]
    fn localhost_is_here_and_nonsense_is_nowhere() {
        let found = addresses("localhost", ChosenBy::Administrator, Duration::from_secs(10)).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty());
        assert!(addresses("no such host", ChosenBy::Customer, Duration::from_secs(10)).is_err());
    }

    #[test]
    fn names_of_customers_take_no_place_of_the_builders() {
        let who = ChosenBy::Administrator;
        assert!(std::ptr::eq(who.running(), who.running()));
        assert!(!std::ptr::eq(who.running(), ChosenBy::Customer.running()));
    }
}
