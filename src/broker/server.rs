//! One loop that accepts and reads, and a pool that works.
//!
//! The loop never blocks: it reads what has arrived, drops who is slow or over its cap, and hands complete requests to the pool. A thread of the pool
//! works on one request, writes the answer and closes the connection.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::quota::Quota;
use crate::sys::service::{self, Notifier};
use crate::sys::signals::{Signal, Signals};
use crate::sys::{file, identity};

use super::handler::Desk;
use super::inbox::{Inbox, Progress};
use super::pool::Pool;
use super::protocol::{self, Answer};

/// How the broker is started.
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// Where to listen, if no service manager passes a socket.
    pub socket: PathBuf,
}

/// Runs the broker until it is told to stop.
///
/// # Errors
/// If it is not root, cannot listen, or its configuration is wrong.
pub fn run(options: &Options) -> Result<()> {
    if identity::uids().effective != 0 {
        return Err(Error::new(ErrorKind::Forbidden, "the broker must be started as root"));
    }
    let fail =
        |what: &'static str| move |error: io::Error| Error::new(ErrorKind::Internal, what).with_source(error);
    // Before the first thread, so that all of them leave the signals to the loop.
    let signals = Signals::listen().map_err(fail("signals cannot be watched"))?;
    identity::forbid_core_dumps();
    let desk = Arc::new(Desk::open(&options.config)?);
    let listener =
        match service::listener().map_err(fail("the socket of the service manager cannot be used"))? {
            Some(listener) => listener,
            None => listen(&options.socket)?,
        };
    listener.set_nonblocking(true).map_err(fail("the socket cannot be used"))?;
    let pool =
        Pool::start(limits::WORKERS, limits::QUEUED_REQUESTS).map_err(fail("threads cannot be started"))?;
    let notifier = Notifier::from_environment();
    let server = Server::new(listener, signals, desk, pool).map_err(fail("the loop cannot be set up"))?;
    log::info!("the broker is ready");
    notifier.send("READY=1");
    server.run(&notifier)
}

/// Binds the socket. One that is left over from a broker that is gone is replaced; one that answers is not.
fn listen(path: &Path) -> Result<UnixListener> {
    let fail = |error: io::Error| {
        Error::new(ErrorKind::Config, format!("{}: the broker cannot listen there", path.display()))
            .with_source(error)
    };
    // Whoever could replace the socket after it is bound would have its mode given to a file of theirs, and callers of their own.
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    file::check_place(directory).map_err(|what| {
        fail(io::Error::other(format!("others can put something else in its place: {what}")))
    })?;
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("{}: a broker is running there already", path.display()),
            ));
        }
        std::fs::remove_file(path).map_err(fail)?;
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    // Everybody may connect: who it is decides what they may do.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(fail)?;
    Ok(listener)
}

/// How many connections each uid has, in the loop and in the pool together.
#[derive(Default)]
struct Tally {
    open: HashMap<u32, usize>,
    running: HashMap<u32, usize>,
}

struct Server {
    listener: UnixListener,
    signals: Signals,
    desk: Arc<Desk>,
    pool: Pool,
    inboxes: Vec<Inbox>,
    tally: Arc<Mutex<Tally>>,
    quota: Quota<u32>,
    /// Written to by the pool when a connection is done.
    wake: Arc<OwnedFd>,
}

impl Server {
    fn new(listener: UnixListener, signals: Signals, desk: Arc<Desk>, pool: Pool) -> io::Result<Self> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (inboxes, tally, quota) =
            (Vec::new(), Arc::default(), Quota::new(limits::BUCKET_SIZE, limits::BUCKET_REFILL));
        Ok(Self { listener, signals, desk, pool, inboxes, tally, quota, wake })
    }

    fn run(mut self, notifier: &Notifier) -> Result<()> {
        loop {
            let ready = self.wait(notifier)?;
            while let Some(signal) = self.signals.next() {
                match signal {
                    Signal::Reload => self.reload(notifier),
                    Signal::Stop => {
                        // Whole frames that are there already are finished too.
                        let everybody = vec![true; self.inboxes.len()];
                        self.read(&everybody);
                        return self.stop(notifier);
                    }
                }
            }
            self.read(&ready.inboxes);
            if ready.listener {
                self.accept();
            }
            notifier.send("WATCHDOG=1");
        }
    }

    /// Waits for something to happen; at most until the next frame is overdue or the watchdog wants a sign.
    fn wait(&self, notifier: &Notifier) -> Result<Ready> {
        let mut timeout = notifier.watchdog().map_or(Duration::from_secs(30), |interval| interval / 2);
        let now = Instant::now();
        for inbox in &self.inboxes {
            timeout = timeout.min(inbox.deadline().saturating_duration_since(now));
        }
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(self.inboxes.len() + 3);
        fds.extend([
            readable(self.listener.as_fd()),
            readable(self.signals.as_fd()),
            readable(self.wake.as_fd()),
        ]);
        fds.extend(self.inboxes.iter().map(|inbox| readable(inbox.as_fd())));
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(Error::new(ErrorKind::Internal, "the loop cannot wait")
                    .with_source(io::Error::from(error)));
            }
        }
        let is_ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut counter = [0_u8; 8];
        let _ = rustix::io::read(&*self.wake, &mut counter);
        Ok(Ready { listener: is_ready[0], inboxes: is_ready[3..].to_vec() })
    }

    /// Accepts what waits, a bounded number at a time so that reading gets its turn.
    fn accept(&mut self) {
        for _ in 0..64 {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // Out of descriptors or memory.
                    if !self.make_room() {
                        log::error!("a connection cannot be accepted: {error}");
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    return;
                }
            };
            let Ok(peer) = rustix::net::sockopt::socket_peercred(&stream) else { continue };
            let uid = peer.uid.as_raw();
            if stream.set_nonblocking(true).is_err() || !self.take_place(uid) {
                self.desk.count_dropped();
                log::debug!("a connection of uid {uid} was closed: too many");
                continue;
            }
            if self.inboxes.len() >= limits::CONNECTIONS {
                self.make_room();
            }
            self.inboxes.push(Inbox::new(stream, uid));
        }
    }

    /// Drops the connection that has waited longest for its frame, if there is one: who means it sends its frame at once, and one person can have many
    /// uids.
    fn make_room(&mut self) -> bool {
        if self.inboxes.is_empty() {
            return false;
        }
        let oldest = self.inboxes.remove(0);
        self.drop_inbox(&oldest, "too many connections");
        true
    }

    /// Counts a connection of a uid, unless it has as many as it may have.
    fn take_place(&self, uid: u32) -> bool {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let open = tally.open.entry(uid).or_default();
        let room = *open < connections_of(&self.desk, uid);
        if room {
            *open += 1;
        }
        room
    }

    /// Reads from everybody who has sent something, and drops who is overdue.
    fn read(&mut self, ready: &[bool]) {
        let now = Instant::now();
        let mut waiting = Vec::with_capacity(self.inboxes.len());
        for (number, mut inbox) in std::mem::take(&mut self.inboxes).into_iter().enumerate() {
            let progress = if ready.get(number).copied().unwrap_or_default() {
                inbox.read()
            } else {
                Progress::Incomplete
            };
            match progress {
                Progress::Complete(body) => self.dispatch(inbox, body),
                Progress::Incomplete if now < inbox.deadline() => waiting.push(inbox),
                Progress::Incomplete => self.drop_inbox(&inbox, "no whole frame in time"),
                Progress::Over(why) => self.drop_inbox(&inbox, why),
            }
        }
        self.inboxes = waiting;
    }

    fn drop_inbox(&self, inbox: &Inbox, why: &str) {
        self.desk.count_dropped();
        log::debug!("a connection of uid {} was closed: {why}", inbox.uid());
        leave(&self.tally, inbox.uid(), false);
    }

    /// Hands a complete frame to the pool, which reads it: here it would be read at the cost of all. A uid that is over its share is told so here.
    fn dispatch(&mut self, inbox: Inbox, body: Vec<u8>) {
        let uid = inbox.uid();
        if !is_trusted(&self.desk, uid) && !self.quota.take(&uid, Instant::now()) {
            return self.turn_away(inbox, ErrorKind::TooMany, "too many requests at once");
        }
        if !self.take_thread(uid) {
            return self.turn_away(inbox, ErrorKind::TooMany, "too many requests are running");
        }
        let stream = Arc::new(inbox.into_stream());
        let (desk, tally, wake, load) =
            (Arc::clone(&self.desk), Arc::clone(&self.tally), Arc::clone(&self.wake), self.pool.load());
        let place = Place { tally, wake, uid };
        let (theirs, came) = (Arc::clone(&stream), Instant::now());
        let work = Box::new(move || {
            if has_left(&theirs) || came.elapsed() > limits::BROKER_CALL_TIME {
                desk.count_dropped();
            } else {
                send(&theirs, &desk.answer(uid, &body, load));
            }
            drop(place);
        });
        if self.pool.submit(work).is_err() {
            tell(&stream, ErrorKind::TooMany, "the broker has too much to do at the moment");
        }
    }

    /// Counts a running request of a uid, unless it has as many as it may have.
    fn take_thread(&self, uid: u32) -> bool {
        let most = if is_trusted(&self.desk, uid) { usize::MAX } else { limits::RUNNING_PER_ACCOUNT };
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let running = tally.running.entry(uid).or_default();
        let room = *running < most;
        if room {
            *running += 1;
        }
        room
    }

    fn turn_away(&self, inbox: Inbox, kind: ErrorKind, why: &str) {
        let uid = inbox.uid();
        log::debug!("a request of uid {uid} was turned away: {why}");
        tell(&inbox.into_stream(), kind, why);
        leave(&self.tally, uid, false);
    }

    fn reload(&self, notifier: &Notifier) {
        notifier.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", service::monotonic_micros()));
        match self.desk.reload() {
            Ok(()) => log::info!("the configuration was read again"),
            Err(error) => log::error!("the configuration was not taken over, the old one stays: {error:?}"),
        }
        notifier.send("READY=1");
    }

    /// Ends: nobody new, what is complete is finished.
    fn stop(self, notifier: &Notifier) -> Result<()> {
        notifier.send("STOPPING=1");
        let time = self.desk.context().config.builder.timeout + limits::COMMAND_TIME + limits::ANSWER_TIME;
        drop(self.listener);
        drop(self.inboxes);
        if self.pool.finish(time) {
            log::info!("the broker has ended");
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Unavailable, "requests were still running when the broker had to end"))
        }
    }
}

struct Ready {
    listener: bool,
    inboxes: Vec<bool>,
}

/// Gives connection and thread of a uid back, also when the work panics.
struct Place {
    tally: Arc<Mutex<Tally>>,
    wake: Arc<OwnedFd>,
    uid: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        leave(&self.tally, self.uid, true);
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

fn leave(tally: &Mutex<Tally>, uid: u32, running: bool) {
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let less = |table: &mut HashMap<u32, usize>| {
        if let Some(count) = table.get_mut(&uid) {
            *count -= 1;
            if *count == 0 {
                table.remove(&uid);
            }
        }
    };
    less(&mut tally.open);
    if running {
        less(&mut tally.running);
    }
}

/// Root and the panel's own users answer for many accounts; their share is counted per account that they name.
fn is_trusted(desk: &Desk, uid: u32) -> bool {
    uid == 0 || desk.context().uids().is_panel_user(uid)
}

fn connections_of(desk: &Desk, uid: u32) -> usize {
    if is_trusted(desk, uid) { limits::CONNECTIONS_PER_PANEL_USER } else { limits::CONNECTIONS_PER_ACCOUNT }
}

/// Whether nobody is at the other end any more. Who only sends no more still waits for the answer.
fn has_left(stream: &UnixStream) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// An error from within the loop: a small answer into an empty socket, and never a wait.
fn tell(stream: &UnixStream, kind: ErrorKind, why: &str) {
    let _ = protocol::write(stream, &Answer::error(kind, why));
}

fn send(stream: &UnixStream, answer: &Answer) {
    let write = |answer| match protocol::write(stream, answer) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            log::error!("an answer was larger than a frame");
            protocol::write(stream, &Answer::error(ErrorKind::Internal, "the answer is larger than a frame"))
        }
        written => written,
    };
    let sent = stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_write_timeout(Some(limits::ANSWER_TIME)))
        .and_then(|()| write(answer));
    if let Err(error) = sent {
        log::debug!("an answer was not taken: {error}");
    }
}
