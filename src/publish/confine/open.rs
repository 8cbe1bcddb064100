//! How a document root is reached.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::resolve::{self, Mount, Resolver};
use super::{Fault, FaultKind, Outcome, Root};
use crate::types::RelPath;

/// File systems that a user can mount without being root (`FUSE_SUPER_MAGIC`).
const FUSE: u64 = 0x6573_5546;

impl Root {
    /// Opens the document root of an account, which must be the user that this process is.
    ///
    /// `home` is what the user database says, and the system's word: links on the way to it are followed. Below it each segment is opened by itself, no
    /// link is followed, and each directory must belong to the account or root, the document root itself to the account. A mount may begin on the way,
    /// since panels mount homes, quotas and cages, but not one that a user can make (FUSE): below the document root none is entered.
    ///
    /// # Errors
    /// [`FaultKind::Outside`] if `docroot` does not lie below `home`; [`FaultKind::Link`], [`FaultKind::Owner`], [`FaultKind::Mount`] and others.
    pub fn open(home: &Path, docroot: &Path, uid: u32) -> Outcome<Root> {
        let below = below_home(home, docroot)?;
        Self::open_below(home, &below, uid)
    }

    /// Opens a directory by its path below the account's home, as [`Root::open`] does.
    ///
    /// # Errors
    /// As [`Root::open`].
    pub fn open_below(home: &Path, below: &RelPath, uid: u32) -> Outcome<Root> {
        let here = RelPath::root();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut dir = rustix::fs::openat(rustix::fs::CWD, home, flags, Mode::empty())
            .map_err(|error| Fault::io(error, &here))?;
        let mut mount = judge_step(&dir, uid, None)?;
        for segment in below.segments() {
            dir = resolve::open_segment(dir.as_fd(), segment, resolve::dir_flags())
                .map_err(|error| Fault::io(error, &here))?;
            mount = judge_step(&dir, uid, Some(mount))?;
        }
        let stat = resolve::stat_fd(dir.as_fd()).map_err(|error| Fault::io(error, &here))?;
        if stat.stx_uid != uid {
            return Err(Fault::new(FaultKind::Owner, &here));
        }
        let resolver = Resolver::best(dir.as_fd());
        Ok(Root { dir, mount, uid, resolver })
    }

    /// A directory below this one as a root of its own: nothing done through it can leave it.
    ///
    /// # Errors
    /// [`FaultKind::Missing`], [`FaultKind::Owner`] and others.
    pub fn open_dir(&self, path: &RelPath) -> Outcome<Root> {
        let dir = self.dir_fd(path, path)?;
        let stat = resolve::stat_fd(dir.as_fd()).map_err(|error| Fault::io(error, path))?;
        if stat.stx_uid != self.uid {
            return Err(Fault::new(FaultKind::Owner, path));
        }
        Ok(Root { dir, mount: self.mount, uid: self.uid, resolver: self.resolver })
    }

    /// The same directory, resolved segment by segment as on a kernel without `openat2`.
    #[cfg(test)]
    pub(crate) fn walking(mut self) -> Root {
        self.resolver = Resolver::Walk;
        self
    }
}

/// Looks at a directory on the way to the document root: whose it is, and which mount it lies in.
fn judge_step(dir: &OwnedFd, uid: u32, above: Option<Mount>) -> Outcome<Mount> {
    let here = RelPath::root();
    let wrong = |error| Fault::io(error, &here);
    let stat = resolve::stat_fd(dir.as_fd()).map_err(wrong)?;
    if ![0, uid].contains(&stat.stx_uid) {
        return Err(Fault::new(FaultKind::Owner, &here));
    }
    let mount = Mount::of(dir.as_fd()).map_err(wrong)?;
    if above.is_some_and(|above| above != mount) {
        let system = rustix::fs::fstatfs(dir).map_err(wrong)?;
        // The type of this field differs between architectures; the magic number fits in 32 bits.
        if system.f_type as u64 & 0xffff_ffff == FUSE {
            return Err(Fault::new(FaultKind::Mount, &here));
        }
    }
    Ok(mount)
}

/// The document root's path below the home, both as they are written, or with the home's own links resolved: homes are moved to other disks with a link
/// left behind, and panels name the one or the other.
pub(crate) fn below_home(home: &Path, docroot: &Path) -> Outcome<RelPath> {
    let outside = || Fault::new(FaultKind::Outside, &RelPath::root());
    if !home.is_absolute() || !docroot.is_absolute() || home.parent().is_none() {
        return Err(outside());
    }
    let below = match docroot.strip_prefix(home) {
        Ok(below) => below.to_owned(),
        Err(_) => {
            let real = home.canonicalize().map_err(|error| Fault::io(error, &RelPath::root()))?;
            docroot.strip_prefix(&real).map(PathBuf::from).map_err(|_| outside())?
        }
    };
    Ok(RelPath::from_wire(below.as_os_str().as_bytes())?)
}
