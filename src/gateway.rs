//! The use cases as callers see them.
//!
//! [`Gateway`] is what the page, the C library and the command line talk to. [`Direct`] runs the use cases in this process, for root and for a
//! private trial. Everybody else has [`Remote`]: the broker, which keeps the builder's credentials away from them. Both give the same results and
//! the same errors.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::backup::BackupRequest;
use crate::broker;
use crate::config::{self, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::backup::{self, ProjectFile, ProjectWish, Seen, SeenJob};
use crate::ops::carry::{self, Attached, CarryRequest, Detached};
use crate::ops::endpoint::ManageRequest;
use crate::ops::event::{self, EventAnswer, RefreshRequest};
use crate::ops::{self, CallRequest, Context, OpenRequest, Overview, OverviewRequest, Principal, Session};
use crate::publish::workers::Workers;
use crate::store::Queued;
use crate::sys::{environment, identity};

pub use crate::broker::client::Remote;

/// The use cases, for one caller.
pub trait Gateway: Send + Sync {
    /// Reads an account with its sites.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn overview(&self, request: &OverviewRequest) -> Result<Overview>;

    /// Opens a builder session. Every call is logged with the request's reference number, whatever its end.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn open(&self, request: &OpenRequest) -> Result<Session>;

    /// Makes a call of the builder's; gives its answer without anything secret. It is made once, and logged with the request's reference number.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn invoke(&self, request: &CallRequest) -> Result<Value>;

    /// Looks at a site's publications, or takes them back; the result is JSON.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn manage(&self, request: &ManageRequest) -> Result<Value>;

    /// Queues a backup of the project of a site. A second wish joins the first one.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn backup_project(&self, _wish: &ProjectWish) -> Result<Queued> {
        Err(no_backups())
    }

    /// The backups of the project of a site, and the last job.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn project_backups(&self, _wish: &ProjectWish) -> Result<Seen> {
        Err(no_backups())
    }

    /// Takes a backup of the project of a site away: the one of that name, or the newest.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn take_project(&self, _wish: &ProjectWish, _name: Option<&str>) -> Result<ProjectFile> {
        Err(no_backups())
    }

    /// Queues a backup: for root any, for everybody else of the project of an own site.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn order_backup(&self, _request: &BackupRequest) -> Result<Queued> {
        Err(no_backups())
    }

    /// How far a backup is.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn backup_job(&self, _job: u64) -> Result<SeenJob> {
        Err(no_backups())
    }

    /// Wants a backup to end; for root.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn cancel_backup(&self, _job: u64) -> Result<SeenJob> {
        Err(no_backups())
    }

    /// Puts the projects of an account where the panel's backup takes them along; for root.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn attach_backup(&self, _request: &CarryRequest) -> Result<Attached> {
        Err(no_backups())
    }

    /// Takes them away again; for root.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn detach_backup(&self, _request: &CarryRequest) -> Result<Detached> {
        Err(no_backups())
    }

    /// Notes an event of the panel's: `source` and payload as [`event::read`] takes them. What follows from it is on the disk when this returns. From everybody but
    /// root it is a wish to have the panel asked anew: for an account about itself, whatever the payload says.
    ///
    /// # Errors
    /// See [`ErrorKind`].
    fn event(&self, _source: &str, _payload: &[u8]) -> Result<EventAnswer> {
        Err(Error::new(ErrorKind::Forbidden, "events are not told here"))
    }
}

fn no_backups() -> Error {
    Error::new(ErrorKind::BackupUnsupported, "there are no backups here")
}

/// The use cases in this process, for the user that the kernel says it runs as.
pub struct Direct {
    context: Context,
    principal: Principal,
}

impl Direct {
    /// Reads the configuration and finds out who is calling.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`] in a set-uid process; otherwise what is wrong with configuration or panel.
    pub fn open(config: &Path) -> Result<Self> {
        Self::with(Config::load(config)?)
    }

    fn with(config: Config) -> Result<Self> {
        let uids = identity::uids();
        if uids.real != uids.effective {
            return Err(set_uid());
        }
        let context = Context::new(config)?;
        let principal = ops::principal_of_uid(uids.effective, &context)?;
        Ok(Self { context, principal })
    }

    /// What the use cases work with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Who is calling.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The socket of the broker that works with the same configuration, if one listens there.
    fn broker(&self) -> Option<&Path> {
        let socket = broker::socket_of(&self.context.config)?;
        std::os::unix::net::UnixStream::connect(socket).is_ok().then_some(socket)
    }
}

impl Gateway for Direct {
    fn overview(&self, request: &OverviewRequest) -> Result<Overview> {
        ops::overview(&self.context, &self.principal, request)
    }

    fn open(&self, request: &OpenRequest) -> Result<Session> {
        ops::open(&self.context, &self.principal, request)
    }

    fn invoke(&self, request: &CallRequest) -> Result<Value> {
        ops::call(&self.context, &self.principal, request)
    }

    /// The broker's worker may have the site at this moment, so the broker is asked where it runs. Else the worker is this process's own, and gone
    /// afterwards.
    fn manage(&self, request: &ManageRequest) -> Result<Value> {
        if let Some(socket) = self.broker() {
            return Remote::new(socket).manage(request);
        }
        let workers = Workers::new(&self.context.config.publish.worker_program);
        let result = ops::endpoint::manage(&self.context, &self.principal, &workers, request, MANAGE_TIME);
        workers.finish(limits::WORKER_CLOSE_TIME);
        result
    }

    fn backup_project(&self, wish: &ProjectWish) -> Result<Queued> {
        backup::queue_project(&self.context, &self.principal, wish)
    }

    fn project_backups(&self, wish: &ProjectWish) -> Result<Seen> {
        backup::project_backups(&self.context, &self.principal, wish).map(|backups| Seen::of(&backups))
    }

    fn take_project(&self, wish: &ProjectWish, name: Option<&str>) -> Result<ProjectFile> {
        backup::take_project(&self.context, &self.principal, wish, name)
    }

    fn order_backup(&self, request: &BackupRequest) -> Result<Queued> {
        backup::order(&self.context, &self.principal, request)
    }

    fn backup_job(&self, job: u64) -> Result<SeenJob> {
        backup::job(&self.context, &self.principal, job)
    }

    fn cancel_backup(&self, job: u64) -> Result<SeenJob> {
        backup::cancel(&self.context, &self.principal, job)
    }

    fn attach_backup(&self, request: &CarryRequest) -> Result<Attached> {
        carry::attach(&self.context, &self.principal, request)
    }

    fn detach_backup(&self, request: &CarryRequest) -> Result<Detached> {
        carry::detach(&self.context, &self.principal, request)
    }

    fn event(&self, source: &str, payload: &[u8]) -> Result<EventAnswer> {
        if self.principal != Principal::Root {
            let request = match &self.principal {
                Principal::Account { .. } => RefreshRequest::default(),
                _ => event::hint(source, payload),
            };
            return event::refresh(&self.context, &self.principal, &request);
        }
        let answer = event::record(&self.context, &self.principal, &event::read(source, payload)?)?;
        if answer.may_end_publications() {
            broker::tell_of_event(&self.context.config, limits::EVENT_TELL_TIME);
        }
        Ok(answer)
    }
}

impl Gateway for Remote {
    fn overview(&self, request: &OverviewRequest) -> Result<Overview> {
        self.overview(request)
    }

    fn open(&self, request: &OpenRequest) -> Result<Session> {
        self.open(request)
    }

    fn invoke(&self, request: &CallRequest) -> Result<Value> {
        self.invoke(request)
    }

    fn manage(&self, request: &ManageRequest) -> Result<Value> {
        self.manage(request)
    }

    fn backup_project(&self, wish: &ProjectWish) -> Result<Queued> {
        self.backup_project(wish)
    }

    fn project_backups(&self, wish: &ProjectWish) -> Result<Seen> {
        self.project_backups(wish)
    }

    fn take_project(&self, wish: &ProjectWish, name: Option<&str>) -> Result<ProjectFile> {
        self.take_project(wish, name)
    }

    fn order_backup(&self, request: &BackupRequest) -> Result<Queued> {
        self.backup_project(&backup::own_wish(request)?)
    }

    fn backup_job(&self, job: u64) -> Result<SeenJob> {
        self.backup_job(job)
    }

    fn cancel_backup(&self, _job: u64) -> Result<SeenJob> {
        Err(Error::new(ErrorKind::Forbidden, "only root can end a backup"))
    }

    fn attach_backup(&self, _request: &CarryRequest) -> Result<Attached> {
        Err(Error::new(ErrorKind::Forbidden, "only root can let projects travel with the panel's backups"))
    }

    fn detach_backup(&self, _request: &CarryRequest) -> Result<Detached> {
        Err(Error::new(ErrorKind::Forbidden, "only root can let projects travel with the panel's backups"))
    }

    fn event(&self, source: &str, payload: &[u8]) -> Result<EventAnswer> {
        self.refresh(&event::hint(source, payload))
    }
}

/// Longest time for what is done with a site's publications as a whole.
const MANAGE_TIME: Duration = Duration::from_secs(10 * 60);

/// The broker, for the publication endpoint: which it is asked from decides, as for a page ([`for_page`]).
///
/// # Errors
/// [`ErrorKind::Forbidden`] as root; [`ErrorKind::Config`] for a private trial without a broker.
pub fn for_endpoint() -> Result<Remote> {
    let uids = identity::uids();
    if uids.effective == 0 || uids.real == 0 {
        let text = "the publication endpoint was started as root: a web server must start it as its own user";
        return Err(Error::new(ErrorKind::Forbidden, text));
    }
    if uids.effective != uids.real {
        return Err(set_uid());
    }
    #[cfg(feature = "trial")]
    if let Some(path) = trial_config()? {
        let config = Config::load(&path)?;
        return config.broker.socket.as_deref().map(Remote::new).ok_or_else(|| {
            let text = format!(
                "{}: the publication endpoint of a private trial needs [broker] socket",
                path.display()
            );
            Error::new(ErrorKind::Config, text)
        });
    }
    Ok(Remote::new(Path::new(broker::SOCKET)))
}

/// The gateway for a page behind a panel's icon.
///
/// A page never runs as root. The installed program belongs to root, finds no configuration beside itself and asks the broker. A copy that belongs to
/// the user who runs it, with that user's `panelgate.ini` beside it, is a private trial: it can do no more than that user could anyway. Programs that are
/// built without the feature `trial`, as the packaged page is, have the broker and nothing else.
///
/// # Errors
/// [`ErrorKind::Forbidden`] as root, otherwise as [`Direct::open`].
pub fn for_page() -> Result<Box<dyn Gateway>> {
    if identity::uids().effective == 0 || identity::uids().real == 0 {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "the page was started as root: a panel must start it as the account",
        ));
    }
    if identity::uids().effective != identity::uids().real {
        return Err(set_uid());
    }
    #[cfg(feature = "trial")]
    if let Some(path) = trial_config()? {
        let config = Config::load(&path)?;
        return match &config.broker.socket {
            Some(socket) => Ok(Box::new(Remote::new(socket))),
            None => Ok(Box::new(Direct::with(config)?)),
        };
    }
    Ok(Box::new(Remote::new(Path::new(broker::SOCKET))))
}

/// How the command line and the C library reach the use cases.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach<'a> {
    /// Another configuration than [`config::DEFAULT_PATH`]: the use cases run in this process.
    pub config: Option<&'a Path>,
    /// Another socket than [`broker::SOCKET`]: the broker is asked.
    pub socket: Option<&'a Path>,
}

/// The gateway for the command line and the C library: direct for root, and with a configuration of one's own; else the broker.
///
/// # Errors
/// [`ErrorKind::Forbidden`] for root below a web server, otherwise as [`Direct::open`].
pub fn for_program(reach: Reach<'_>) -> Result<Box<dyn Gateway>> {
    match (is_root(reach)?, reach) {
        (_, Reach { socket: Some(socket), .. }) => Ok(Box::new(Remote::new(socket))),
        (false, Reach { config: None, .. }) => Ok(Box::new(Remote::new(Path::new(broker::SOCKET)))),
        _ => Ok(Box::new(direct(reach)?)),
    }
}

/// The use cases in this process, for what needs more than [`Gateway`] has.
///
/// # Errors
/// [`ErrorKind::Forbidden`] if the caller is not entitled to them, otherwise as [`Direct::open`].
pub fn direct(reach: Reach<'_>) -> Result<Direct> {
    Direct::open(direct_config(reach)?)
}

/// The configuration that this process may work with directly.
///
/// # Errors
/// [`ErrorKind::Forbidden`] if it may not.
pub fn direct_config(reach: Reach<'_>) -> Result<&Path> {
    match (is_root(reach)?, reach.config) {
        (_, Some(config)) => Ok(config),
        (true, None) => Ok(Path::new(config::DEFAULT_PATH)),
        (false, None) => Err(Error::new(ErrorKind::Forbidden, "only root can do this")),
    }
}

/// Whether this process is root's. Below a web server or panel nobody works directly: a root process would do for whoever is at the other end what root
/// may do.
fn is_root(reach: Reach<'_>) -> Result<bool> {
    let root = identity::uids().effective == 0;
    if environment::is_cgi() && (root || reach.config.is_some()) {
        let text = "below a web server or panel only the broker may be asked, and not by root: it would act for whoever is at the other end";
        return Err(Error::new(ErrorKind::Forbidden, text));
    }
    Ok(root)
}

fn set_uid() -> Error {
    Error::new(ErrorKind::Forbidden, "Panelgate does not work set-uid")
}

/// Whether this page is a private trial: its log then goes to standard error.
pub(crate) fn is_private_trial() -> bool {
    #[cfg(feature = "trial")]
    return matches!(trial_config(), Ok(Some(_)));
    #[cfg(not(feature = "trial"))]
    false
}

/// `panelgate.ini` beside this program, if program and file both belong to the user who runs it.
#[cfg(feature = "trial")]
fn trial_config() -> Result<Option<std::path::PathBuf>> {
    use std::os::unix::fs::MetadataExt;
    let fail = |error: std::io::Error| {
        Error::new(ErrorKind::Internal, "the page cannot find its own program file").with_source(error)
    };
    let program = std::fs::read_link("/proc/self/exe").map_err(fail)?;
    let me = identity::uids().effective;
    if me == 0 || std::fs::metadata("/proc/self/exe").map_err(fail)?.uid() != me {
        return Ok(None);
    }
    let config = program.with_file_name("panelgate.ini");
    match std::fs::symlink_metadata(&config) {
        Ok(metadata) if metadata.uid() == me && metadata.is_file() => Ok(Some(config)),
        _ => Ok(None),
    }
}
