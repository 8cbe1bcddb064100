//! Accepting connections, and ending them.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Limits, Request, Response, connection};

/// Until when the socket of one connection may block. The clones of one deadline are one deadline.
#[derive(Clone)]
pub(super) struct Deadline(Rc<Cell<Instant>>);

impl Deadline {
    /// Moves the deadline to this long from now.
    pub(super) fn set(&self, time: Duration) {
        self.0.set(Instant::now() + time);
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.0.get().saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A TCP stream whose reads and writes end at the deadline, however slowly the bytes drip.
pub struct Socket {
    stream: TcpStream,
    deadline: Deadline,
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.deadline.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.deadline.left()?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A running server. Dropping it ends its connections and its threads.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    open: Mutex<BTreeMap<u64, Open>>,
}

struct Open {
    /// A second handle of the socket, by which it is ended from outside.
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves plain HTTP on the listener. `handler` is called from many threads at a time.
///
/// # Errors
/// If the listener is not on the loopback address, or the system gives no thread.
pub fn serve<H>(listener: TcpListener, limits: Limits, handler: H) -> io::Result<Server>
where
    H: Fn(Request) -> Response + Send + Sync + 'static,
{
    serve_with(listener, limits, Ok, handler)
}

/// Like [`serve`], over what `wrap` makes of each socket: TLS, for example. `wrap` runs in the connection's own thread; its deadline is that of
/// a request.
///
/// # Errors
/// If the listener is not on the loopback address, or the system gives no thread.
pub fn serve_with<W, S, H>(listener: TcpListener, limits: Limits, wrap: W, handler: H) -> io::Result<Server>
where
    W: Fn(Socket) -> io::Result<S> + Send + Sync + 'static,
    S: Read + Write,
    H: Fn(Request) -> Response + Send + Sync + 'static,
{
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the sandbox listens on the loopback address only",
        ));
    }
    let shared = Arc::new(Shared::default());
    let talk = Arc::new(move |stream: TcpStream, peer: SocketAddr| {
        let deadline = Deadline(Rc::new(Cell::new(Instant::now() + limits.request_time)));
        if let Ok(stream) = wrap(Socket { stream, deadline: deadline.clone() }) {
            connection::serve(stream, &deadline, peer, &limits, &handler);
        }
    });
    let acceptor = std::thread::Builder::new().name("accept".into()).spawn({
        let shared = shared.clone();
        move || accept(&listener, &shared, limits.connections, &talk)
    })?;
    Ok(Server { address, shared, acceptor: Some(acceptor) })
}

fn accept<T>(listener: &TcpListener, shared: &Arc<Shared>, most: usize, talk: &Arc<T>)
where
    T: Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
{
    for number in 0_u64.. {
        let accepted = listener.accept();
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, say: waiting helps, spinning does not.
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        // What fails here ends this connection only: dropping the stream closes it.
        let _ = start(stream, peer, number, shared, most, talk);
    }
}

fn start<T>(
    stream: TcpStream,
    peer: SocketAddr,
    number: u64,
    shared: &Arc<Shared>,
    most: usize,
    talk: &Arc<T>,
) -> io::Result<()>
where
    T: Fn(TcpStream, SocketAddr) + Send + Sync + 'static,
{
    stream.set_nodelay(true)?;
    let mut open = shared.open();
    if open.len() >= most {
        return Ok(());
    }
    open.insert(number, Open { stream: stream.try_clone()?, thread: None });
    let (talk, theirs) = (talk.clone(), shared.clone());
    let thread = std::thread::Builder::new().name("connection".into()).spawn(move || {
        let _place = Place { number, shared: theirs };
        // Let go of before the place is: who finds no place taken finds nobody with the handler either.
        let talk = talk;
        talk(stream, peer);
    });
    // The new thread cannot leave before this one lets go of the map.
    match (thread, open.get_mut(&number)) {
        (Ok(thread), Some(entry)) => entry.thread = Some(thread),
        (Ok(_), None) => {}
        (Err(error), _) => {
            open.remove(&number);
            return Err(error);
        }
    }
    Ok(())
}

/// The connection's place among the open ones; given back however its thread ends.
struct Place {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(entry) = self.shared.open().remove(&self.number) {
            let _ = entry.stream.shutdown(Shutdown::Both);
        }
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections and waits for all threads. A handler that is at work is waited for.
    pub fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stopping.store(true, Ordering::Release);
        // A connection of our own wakes the acceptor. If it cannot be made, the listener is gone already.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        let _ = acceptor.join();
        let open = std::mem::take(&mut *self.shared.open());
        for entry in open.values() {
            let _ = entry.stream.shutdown(Shutdown::Both);
        }
        for thread in open.into_values().filter_map(|entry| entry.thread) {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
