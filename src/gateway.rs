//! The use cases as callers see them.
//!
//! [`Gateway`] is what the page, the C library and the command line talk to. [`Direct`] runs the use cases in this process, for root and for a
//! private trial. Everybody else needs the broker, which keeps the builder's credentials away from them.

use std::path::{Path, PathBuf};

use crate::config::{self, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::ops::{self, Context, OpenRequest, Overview, OverviewRequest, Principal, Session};
use crate::sys::{environment, identity};

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
        let uids = identity::uids();
        if uids.real != uids.effective {
            return Err(Error::new(ErrorKind::Forbidden, "Panelgate does not work set-uid"));
        }
        let context = Context::new(Config::load(config)?)?;
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
}

impl Gateway for Direct {
    fn overview(&self, request: &OverviewRequest) -> Result<Overview> {
        ops::overview(&self.context, &self.principal, request)
    }

    fn open(&self, request: &OpenRequest) -> Result<Session> {
        ops::open(&self.context, &self.principal, request)
    }
}

/// The gateway for a page behind a panel's icon.
///
/// A page never runs as root. The installed program belongs to root and finds no configuration beside itself. A copy that belongs to the user who
/// runs it, with that user's `panelgate.ini` beside it, is a private trial: it can do no more than that user could anyway.
///
/// # Errors
/// [`ErrorKind::Forbidden`] as root, [`ErrorKind::Unavailable`] where the broker is needed, otherwise as [`Direct::open`].
pub fn for_page() -> Result<Box<dyn Gateway>> {
    if identity::uids().effective == 0 || identity::uids().real == 0 {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "the page was started as root: a panel must start it as the account",
        ));
    }
    match trial_config()? {
        Some(config) => Ok(Box::new(Direct::open(&config)?)),
        None => Err(needs_broker()),
    }
}

/// The gateway for the command line and the C library. `config` names another file than [`config::DEFAULT_PATH`].
///
/// # Errors
/// [`ErrorKind::Unavailable`] where the broker is needed (not root, or below a web server), otherwise as [`Direct::open`].
pub fn for_program(config: Option<&Path>) -> Result<Direct> {
    let root = identity::uids().effective == 0;
    // A root process that a web server or panel started would answer whoever is at the other end.
    if environment::is_cgi() || (!root && config.is_none()) {
        return Err(needs_broker());
    }
    Direct::open(config.unwrap_or(Path::new(config::DEFAULT_PATH)))
}

fn needs_broker() -> Error {
    let text = "only root can do this directly, and this version has no broker for others yet: run it as root, outside a web server";
    Error::new(ErrorKind::Unavailable, text)
}

/// `panelgate.ini` beside this program, if program and file both belong to the user who runs it.
fn trial_config() -> Result<Option<PathBuf>> {
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
