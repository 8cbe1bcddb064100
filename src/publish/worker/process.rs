//! The worker's own side: dropping, walls, taking orders.

use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::publish::confine::Root;
use crate::publish::journal::{Recognised, recognise};
use crate::sys::descriptors::{self, Received};
use crate::sys::users::{self, User};
use crate::sys::{identity, sandbox};

use super::http::{Site, error_of};
use super::{Assignment, First, Order, Report, Task, carry};

/// Runs the worker to its end. Its standard input is the socket to whoever started it, and there is nothing else that it trusts.
pub fn main() -> ExitCode {
    identity::forbid_core_dumps();
    let closed = sandbox::close_inherited();
    let socket = rustix::stdio::stdin();
    if closed.is_err() || !is_from_above(socket) {
        // Somebody has started it by hand; there is nobody to talk to.
        return ExitCode::from(ErrorKind::Forbidden.exit_code());
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        let text = format!("it stopped half-way at {}", place.unwrap_or_default());
        say(&Report::of(0, Err(Error::new(ErrorKind::Panic, text))));
    }));
    let first = hear(socket).and_then(|(first, received)| match first {
        First::Errand(errand) => carry::run(&errand, received).map(Err),
        First::Site(assignment) => enter(&assignment).map(Ok),
    });
    let site = match first {
        Ok(Ok(site)) => Arc::new(site),
        Ok(Err(done)) => {
            say(&Report::of(0, Ok(done)));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let code = error.kind().exit_code();
            say(&Report::of(0, Err(error)));
            return ExitCode::from(code);
        }
    };
    say(&Report::of(0, Ok(json!({ "ready": true, "recovered": site.recovered() }))));
    take_orders(socket, &site);
    match site.close() {
        Ok(closed) => {
            say(&Report::of(0, Ok(json!({ "closed": closed }))));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let code = error.kind().exit_code();
            say(&Report::of(0, Err(error)));
            ExitCode::from(code)
        }
    }
}

/// What one look at an account's files found; the account's word, not ours.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// What of the document root the builder has published.
    pub published: Recognised,
    /// Whether the home has the file in which the vendor's plugin for cPanel keeps its FTP account.
    pub storage: bool,
}

/// The file in a home in which the vendor's plugin for cPanel keeps its FTP account (`reference/builder-api.md` 8).
const STORAGE: &str = ".spbldr_localStorage";

/// Looks at a document root once, changes nothing, and prints a [`Seen`]. This process is the account's already; on its standard input is the
/// [`Assignment`].
pub fn look() -> ExitCode {
    identity::forbid_core_dumps();
    let seen = sandbox::close_inherited()
        .map_err(|error| Error::new(ErrorKind::Internal, "it cannot be shut off").with_source(error))
        .and_then(|()| see());
    let text = match &seen {
        Ok(seen) => serde_json::to_vec(seen),
        Err(error) => serde_json::to_vec(&json!({ "error": error.chain() })),
    };
    let written = io::stdout().write_all(&text.unwrap_or_default());
    match (seen, written) {
        (Ok(_), Ok(())) => ExitCode::SUCCESS,
        (Err(error), _) => ExitCode::from(error.kind().exit_code()),
        _ => ExitCode::FAILURE,
    }
}

fn see() -> Result<Seen> {
    let fail =
        |what: &'static str| move |error: io::Error| Error::new(ErrorKind::Internal, what).with_source(error);
    let mut bytes = Vec::new();
    let most = limits::WORKER_MESSAGE_BYTES as u64;
    io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(fail("it was told nothing"))?;
    let assignment: Assignment = serde_json::from_slice(&bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, "it was told nothing useful").with_source(error))?;
    let me = identity::uids();
    if me.effective != assignment.uid || me.real != assignment.uid || me.effective == 0 {
        return Err(Error::new(ErrorKind::Forbidden, "only the account itself may look at its files"));
    }
    let storage = std::fs::symlink_metadata(assignment.home.join(STORAGE)).is_ok();
    sandbox::limit(limits::WORKER_FILES, limits::WORKER_MEMORY).map_err(fail("it cannot be limited"))?;
    let Assignment { home, document_root, uid, .. } = &assignment;
    let root = Root::open(home, document_root, *uid).map_err(|fault| error_of(&fault))?;
    sandbox::confine_below(&[root.as_fd()]).map_err(fail("it cannot be confined to the document root"))?;
    sandbox::forbid_all_but_files().map_err(fail("its system calls cannot be limited"))?;
    let published = recognise(&root).map_err(|fault| error_of(&fault))?;
    Ok(Seen { published, storage })
}

/// Whether the socket leads to a process of root's or of this user's own.
fn is_from_above(socket: BorrowedFd<'_>) -> bool {
    let me = identity::uids().effective;
    descriptors::is_message_socket(socket)
        && rustix::net::sockopt::socket_peercred(socket)
            .is_ok_and(|peer| peer.uid.as_raw() == 0 || peer.uid.as_raw() == me)
}

/// Hears what it is for.
fn hear(socket: BorrowedFd<'_>) -> Result<(First, Received)> {
    let mut buffer = vec![0; limits::WORKER_MESSAGE_BYTES];
    let wrong = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Internal, format!("it was told nothing useful: {error}"))
    };
    let received = descriptors::receive(socket, &mut buffer, true).map_err(|error| wrong(&error))?;
    let first = serde_json::from_slice(&buffer[..received.bytes]).map_err(|error| wrong(&error))?;
    Ok((first, received))
}

/// Becomes the account, opens the document root, and puts up the walls. In this order: nothing is opened as root, and only this thread exists.
fn enter(assignment: &Assignment) -> Result<Site> {
    let Assignment { account, uid, gid, home, .. } = assignment;
    drop_for_good(User { name: account.clone(), uid: *uid, gid: *gid, home: home.clone() })?;
    let site = Site::open(assignment)?;
    site.confine().map_err(|error| walls("it cannot be confined to the document root", error))?;
    sandbox::forbid_all_but_files().map_err(|error| walls("its system calls cannot be limited", error))?;
    Ok(site)
}

pub(super) fn walls(what: &'static str, error: io::Error) -> Error {
    Error::new(ErrorKind::Internal, what).with_source(error)
}

/// Becomes the account, with no more than a worker needs.
pub(super) fn drop_for_good(user: User) -> Result<()> {
    become_account(user)?;
    // Becoming somebody else has set it to what the administrator chose for such processes.
    identity::forbid_core_dumps();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    sandbox::limit(limits::WORKER_FILES, limits::WORKER_MEMORY)
        .map_err(|error| walls("it cannot be limited", error))
}

fn become_account(user: User) -> Result<()> {
    let User { name: account, uid, .. } = &user;
    let me = identity::uids();
    if me.effective != 0 {
        // A private trial: the user who runs it is the account.
        return if me.effective == *uid && me.real == *uid {
            Ok(())
        } else {
            let text = format!("uid {} cannot work for account {account} (uid {uid})", me.effective);
            Err(Error::new(ErrorKind::Forbidden, text))
        };
    }
    // Where the system knows the name, it must be the same user: groups go by the name.
    if let Ok(Some(known)) = users::by_name(account)
        && known.uid != *uid
    {
        let text =
            format!("account {account} has uid {uid} in the panel's data and {} in the system's", known.uid);
        return Err(Error::new(ErrorKind::PanelData, text));
    }
    identity::drop_to(&user).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("it cannot become account {account}")).with_source(error)
    })
}

/// Works until there are no more orders and all of them are done.
fn take_orders(socket: BorrowedFd<'_>, site: &Arc<Site>) {
    let running = Arc::new(Running::default());
    let mut buffer = vec![0; limits::WORKER_MESSAGE_BYTES];
    while let Ok(received) = descriptors::receive(socket, &mut buffer, true) {
        if received.bytes == 0 {
            break;
        }
        let Ok(order) = serde_json::from_slice::<Order>(&buffer[..received.bytes]) else { break };
        let place = Running::enter(&running);
        let (site, id) = (Arc::clone(site), order.id);
        let job = Arc::new(Mutex::new(Some((order.task, received))));
        let theirs = Arc::clone(&job);
        let worker = Arc::clone(&site);
        let work = move || {
            let _place = place;
            do_job(&worker, id, &theirs);
        };
        if std::thread::Builder::new().stack_size(512 * 1024).spawn(work).is_err() {
            // The account may have as many processes as it may have: then one after the other.
            do_job(&site, id, &job);
        }
    }
    running.wait();
}

/// Carries out an order, unless somebody has taken it already, and reports.
fn do_job(site: &Site, id: u64, job: &Mutex<Option<(Task, Received)>>) {
    let Some((task, received)) = job.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let must_go_on = task.must_go_on();
    let work = || catch_unwind(AssertUnwindSafe(|| carry_out(site, task, received)));
    let result = if must_go_on { telling(site, id, work) } else { work() };
    let stopped = |_| Err(Error::new(ErrorKind::Panic, "a function stopped half-way"));
    say(&Report::of(id, result.unwrap_or_else(stopped)));
}

/// Does some work, and says meanwhile how many steps were done.
fn telling<T>(site: &Site, id: u64, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let tell = move || {
            let mut told = 0;
            while is_over.recv_timeout(limits::WORKER_TELL_TIME) == Err(RecvTimeoutError::Timeout) {
                let now = site.steps().count();
                if now > told {
                    say(&Report::going_on(id, now));
                    told = now;
                }
            }
        };
        // Without a thread, as where the account has as many as it may have, nothing is told: the work has less time then.
        let _ = std::thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, tell);
        let done = work();
        drop(over);
        done
    })
}

fn carry_out(site: &Site, task: Task, received: Received) -> Result<Value> {
    match task {
        Task::File(task) => {
            let [input, output] = exactly(received)?;
            Ok(site.serve(&task, &input, &output))
        }
        Task::Apply => {
            let [archive] = exactly(received)?;
            site.apply(archive)
        }
        Task::Manage { what } => site.manage(what),
        Task::Adopt => site.adopt(),
    }
}

pub(super) fn exactly<const N: usize>(received: Received) -> Result<[OwnedFd; N]> {
    let wrong = |_| Error::new(ErrorKind::Internal, "the order came without its descriptors");
    if received.is_cut {
        return Err(wrong(Vec::new()));
    }
    received.fds.try_into().map_err(wrong)
}

/// A report goes as one message; if nobody listens any more, nobody needs it.
fn say(report: &Report) {
    let text = serde_json::to_vec(report).ok().filter(|text| text.len() <= limits::WORKER_MESSAGE_BYTES);
    let text = text.unwrap_or_else(|| {
        let too_long = Err(Error::new(ErrorKind::TooLarge, "the result is too long"));
        serde_json::to_vec(&Report::of(report.id, too_long)).unwrap_or_default()
    });
    let _ = descriptors::send(rustix::stdio::stdin(), &text, &[], true);
}

/// How many orders are being carried out.
#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    less: Condvar,
}

struct Place(Arc<Running>);

impl Running {
    fn enter(running: &Arc<Self>) -> Place {
        *running.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Place(Arc::clone(running))
    }

    fn wait(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count > 0 {
            count = self.less.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.less.notify_all();
    }
}
