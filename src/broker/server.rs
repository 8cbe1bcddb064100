//! One loop that accepts and reads, and a pool that works.
//!
//! The loop never blocks: it reads what has arrived, drops who is slow or over its cap, and hands complete requests to the pool. A thread of the pool
//! works on one request, writes the answer and closes the connection. Openings wait for the builder: they go on in a lane of their own, see [`super::lane`].

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
use crate::sys::{descriptors, file, identity};

use super::handler::{Desk, Further, Heard, Opening};
use super::inbox::{Inbox, Progress};
use super::long;
use super::pool::Pool;
use super::protocol::{self, Answer};
use super::publication::Promise;
use super::publisher::Publisher;
use super::reload::Reloader;
use super::tally::{Place, Tally};

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
    let notifier = Arc::new(Notifier::from_environment());
    let reloader = Reloader::new(&desk, &notifier);
    let publisher = Publisher::start(&desk).map_err(fail("threads cannot be started"))?;
    let server =
        Server::new(listener, signals, desk, pool, publisher).map_err(fail("the loop cannot be set up"))?;
    log::info!("the broker is ready");
    notifier.send("READY=1");
    server.run(&notifier, &reloader)
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

/// A connection whose descriptors have not come yet.
struct Waiting {
    stream: Arc<UnixStream>,
    promise: Promise,
    deadline: Instant,
    place: Place,
}

/// A connection whose client has not taken the file yet that was sent to it. It counts as the client's for as long: what is on its way counts against root's limit,
/// and nobody but the client can end that.
struct Given {
    stream: Arc<UnixStream>,
    _place: Place,
}

/// What waits for the builder, a worker or a web server leaves threads for what waits for nobody.
const _: () = assert!(
    limits::OPENINGS_AT_ONCE
        + limits::CALLS_AT_ONCE
        + limits::LOOKS_AT_PUBLICATIONS
        + limits::RUNNING_PER_WEB_USER
        < limits::WORKERS
);

/// How often it is looked whether files were taken.
const GIVEN_TICK: Duration = Duration::from_millis(100);

struct Server {
    listener: UnixListener,
    signals: Signals,
    desk: Arc<Desk>,
    pool: Pool,
    publisher: Publisher,
    inboxes: Vec<Inbox>,
    /// Connections that were told to send their descriptors.
    waiting: Vec<Waiting>,
    /// The same, before the loop has seen them.
    promised: Arc<Mutex<Vec<Waiting>>>,
    /// Connections whose file is on its way.
    given: Arc<Mutex<Vec<Given>>>,
    tally: Arc<Tally>,
    quota: Quota<u32>,
    /// When the workers are looked after next.
    patrol: Instant,
    /// Written to by the pool when a connection is done.
    wake: Arc<OwnedFd>,
}

impl Server {
    fn new(
        listener: UnixListener,
        signals: Signals,
        desk: Arc<Desk>,
        pool: Pool,
        publisher: Publisher,
    ) -> io::Result<Self> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let quota = Quota::new(limits::BUCKET_SIZE, limits::BUCKET_REFILL);
        Ok(Self {
            listener,
            signals,
            desk,
            pool,
            publisher,
            inboxes: Vec::new(),
            waiting: Vec::new(),
            promised: Arc::default(),
            given: Arc::default(),
            tally: Arc::default(),
            quota,
            patrol: Instant::now(),
            wake,
        })
    }

    fn run(mut self, notifier: &Notifier, reloader: &Reloader) -> Result<()> {
        loop {
            let ready = self.wait(notifier)?;
            while let Some(signal) = self.signals.next() {
                match signal {
                    Signal::Reload => reloader.want(),
                    Signal::Stop => {
                        // Whole frames that are there already are finished too.
                        let everybody = vec![true; self.inboxes.len()];
                        self.read(&everybody);
                        return self.stop(notifier);
                    }
                }
            }
            self.read(&ready.inboxes);
            self.hand_over(&ready.waiting);
            if ready.listener {
                self.accept();
            }
            self.look_after_workers();
            self.given().retain(|given| descriptors::untaken(&*given.stream).is_ok_and(|bytes| bytes > 0));
            notifier.send("WATCHDOG=1");
        }
    }

    /// Waits for something to happen; at most until the next frame is overdue or the watchdog wants a sign.
    fn wait(&self, notifier: &Notifier) -> Result<Ready> {
        let mut timeout = notifier.watchdog().map_or(Duration::from_secs(30), |interval| interval / 2);
        if !self.given().is_empty() {
            timeout = timeout.min(GIVEN_TICK);
        }
        let now = Instant::now();
        let inboxes = self.inboxes.iter().map(Inbox::deadline);
        let waiting = self.waiting.iter().map(|waiting| waiting.deadline);
        let patrol = (self.desk.endpoint.workers().count() > 0).then_some(self.patrol);
        for deadline in inboxes.chain(waiting).chain(patrol) {
            timeout = timeout.min(deadline.saturating_duration_since(now));
        }
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(self.inboxes.len() + 3);
        fds.extend([
            readable(self.listener.as_fd()),
            readable(self.signals.as_fd()),
            readable(self.wake.as_fd()),
        ]);
        fds.extend(self.inboxes.iter().map(|inbox| readable(inbox.as_fd())));
        // Whoever has no thread free is not listened to: when one is, the loop is woken.
        let listened: Vec<bool> = self
            .waiting
            .iter()
            .map(|waiting| {
                self.tally.running(waiting.place.uid()) < running_of(&self.desk, waiting.place.uid())
            })
            .collect();
        let heard = self.waiting.iter().zip(&listened).filter(|(_, listened)| **listened);
        fds.extend(heard.map(|(waiting, _)| readable(waiting.stream.as_fd())));
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
        let (inboxes, heard) = is_ready[3..].split_at(self.inboxes.len());
        let mut heard = heard.iter().copied();
        let waiting = listened.iter().map(|listened| *listened && heard.next().unwrap_or_default()).collect();
        Ok(Ready { listener: is_ready[0], inboxes: inboxes.to_vec(), waiting })
    }

    fn given(&self) -> std::sync::MutexGuard<'_, Vec<Given>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
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
            if stream.set_nonblocking(true).is_err() || !self.tally.open(uid, connections_of(&self.desk, uid))
            {
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
        self.tally.close(inbox.uid());
    }

    /// Hands a complete frame to the pool, which reads it: here it would be read at the cost of all. A uid that is over its share is told so here.
    fn dispatch(&mut self, inbox: Inbox, body: Vec<u8>) {
        let uid = inbox.uid();
        if !is_many(&self.desk, uid) && !self.quota.take(&uid, Instant::now()) {
            return self.turn_away(inbox, ErrorKind::TooMany, "too many requests at once");
        }
        if !self.tally.start(uid, running_of(&self.desk, uid)) {
            return self.turn_away(inbox, ErrorKind::TooMany, "too many requests are running");
        }
        let stream = Arc::new(inbox.into_stream());
        let (desk, load, promised) = (Arc::clone(&self.desk), self.pool.load(), Arc::clone(&self.promised));
        let given = Arc::clone(&self.given);
        let mut place = Place::new(Arc::clone(&self.tally), Arc::clone(&self.wake), uid, true);
        let (theirs, came, wake) = (Arc::clone(&stream), Instant::now(), Arc::clone(&self.wake));
        let work = Box::new(move || {
            if is_late(&theirs, came) {
                return desk.count_dropped();
            }
            let (answer, further) = match desk.answer(uid, &body, load, &theirs) {
                Heard::Answer(answer, further) => (answer, further),
                Heard::Opening(opening) => return open(&desk, theirs, place, came, opening),
            };
            send(&theirs, &answer);
            match further {
                Further::Nothing => {}
                Further::Promise(promise) => {
                    place.rest();
                    let deadline = Instant::now() + limits::FRAME_TIME;
                    let waiting = Waiting { stream: theirs, promise: *promise, deadline, place };
                    promised.lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
                    let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
                }
                // Whoever has it reads it without this thread.
                Further::File(file) => match descriptors::send(&*theirs, b"f", &[file.as_fd()], true) {
                    Ok(()) => {
                        place.rest();
                        let sent = Given { stream: theirs, _place: place };
                        given.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
                        let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
                    }
                    Err(error) => log::debug!("a file was not taken: {error}"),
                },
                Further::Text(text, _place) => {
                    let end = Instant::now() + limits::ANSWER_TIME;
                    if let Err(error) = long::send(&theirs, &text, end) {
                        log::debug!("an answer was not taken: {error}");
                    }
                }
            }
        });
        if self.pool.submit(work).is_err() {
            tell(&stream, ErrorKind::TooMany, "the broker has too much to do at the moment");
        }
    }

    /// Lets the pool take the descriptors that have come, and drops who has not sent any in time. Not here: closing what a stranger opened may take as
    /// long as the stranger likes.
    fn hand_over(&mut self, ready: &[bool]) {
        let now = Instant::now();
        let before = std::mem::take(&mut self.waiting);
        for (number, mut waiting) in before.into_iter().enumerate() {
            let uid = waiting.place.uid();
            if ready.get(number).copied().unwrap_or_default()
                && self.tally.start(uid, running_of(&self.desk, uid))
            {
                waiting.place.go_on();
                let (desk, stream) = (Arc::clone(&self.desk), Arc::clone(&waiting.stream));
                let work = Box::new(move || {
                    let Waiting { stream, promise, place, .. } = waiting;
                    send(&stream, &desk.endpoint.hand_over(&stream, promise));
                    drop(place);
                });
                if self.pool.submit(work).is_err() {
                    tell(&stream, ErrorKind::TooMany, "the broker has too much to do at the moment");
                }
            } else if now < waiting.deadline {
                self.waiting.push(waiting);
            } else {
                self.desk.count_dropped();
                log::debug!("a connection of uid {uid} was closed: no descriptors in time");
            }
        }
        self.waiting.append(&mut self.promised.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// From time to time the sites of the workers are looked at again.
    fn look_after_workers(&mut self) {
        let now = Instant::now();
        if now < self.patrol || self.desk.endpoint.workers().count() == 0 {
            return;
        }
        self.patrol = now + limits::WORKER_PATROL;
        let desk = Arc::clone(&self.desk);
        // If there is no room, the next time is soon.
        let _ = self.pool.submit(Box::new(move || desk.endpoint.make_rounds(&desk.context())));
    }

    fn turn_away(&self, inbox: Inbox, kind: ErrorKind, why: &str) {
        let uid = inbox.uid();
        log::debug!("a request of uid {uid} was turned away: {why}");
        tell(&inbox.into_stream(), kind, why);
        self.tally.close(uid);
    }

    /// Ends: nobody new, what is complete is finished.
    fn stop(self, notifier: &Notifier) -> Result<()> {
        notifier.send("STOPPING=1");
        let time = self.desk.context().config.builder.timeout + limits::COMMAND_TIME + limits::ANSWER_TIME;
        drop(self.listener);
        drop((self.inboxes, self.waiting));
        self.publisher.end();
        let finished = self.pool.finish(time);
        // Leases are over; what the workers do they finish, and close their publications.
        let closed = self.desk.endpoint.workers().finish(limits::WORKER_CLOSE_TIME);
        self.publisher.finish(limits::ANSWER_TIME);
        if finished && closed {
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
    waiting: Vec<bool>,
}

/// Root and the panel's own users answer for many accounts; their share is counted per account that they name.
fn is_trusted(desk: &Desk, uid: u32) -> bool {
    uid == 0 || desk.context().uids().is_panel_user(uid)
}

/// Whether many people are behind a uid: it has no bucket of its own.
fn is_many(desk: &Desk, uid: u32) -> bool {
    is_trusted(desk, uid) || desk.context().uids().is_web_user(uid)
}

fn connections_of(desk: &Desk, uid: u32) -> usize {
    match () {
        () if is_trusted(desk, uid) => limits::CONNECTIONS_PER_PANEL_USER,
        () if is_many(desk, uid) => limits::CONNECTIONS_PER_WEB_USER,
        () => limits::CONNECTIONS_PER_ACCOUNT,
    }
}

fn running_of(desk: &Desk, uid: u32) -> usize {
    match () {
        () if is_trusted(desk, uid) => usize::MAX,
        () if is_many(desk, uid) => limits::RUNNING_PER_WEB_USER,
        () => limits::RUNNING_PER_ACCOUNT,
    }
}

/// Lets an opening take its turn; its place in the tally is its own until it has ended.
fn open(desk: &Arc<Desk>, stream: Arc<UnixStream>, place: Place, came: Instant, opening: Box<Opening>) {
    let (theirs, shared, whose) = (Arc::clone(&stream), Arc::clone(desk), opening.whose());
    let work = Box::new(move || {
        if is_late(&theirs, came) {
            return shared.count_dropped();
        }
        send(&theirs, &shared.open_site(&opening));
        drop(place);
    });
    if desk.openings.enter(whose, work).is_err() {
        tell(&stream, ErrorKind::TooMany, "the broker has too much to do at the moment");
    }
}

/// Whether nobody waits for the answer any more.
fn is_late(stream: &UnixStream, came: Instant) -> bool {
    has_left(stream) || came.elapsed() > limits::BROKER_CALL_TIME
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
