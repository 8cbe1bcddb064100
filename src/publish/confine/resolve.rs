//! From a directory's descriptor to what lies below it, without ever following a link or leaving the mount.
//!
//! `openat2` does it in one call where the kernel has it (Linux 5.6); elsewhere, or where a filter forbids it, each segment is opened by itself with
//! the same outcome. Either way the answer is about the object that was opened, whatever others rename meanwhile.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::{Errno, Result};

use crate::types::RelPath;

/// How paths are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolver {
    /// By the kernel.
    Openat2,
    /// Segment by segment.
    Walk,
}

impl Resolver {
    /// The better one of those that work here.
    pub(crate) fn best(dir: BorrowedFd<'_>) -> Self {
        match rustix::fs::openat2(dir, c".", dir_flags(), Mode::empty(), resolve_flags()) {
            // Old container runtimes answer EPERM to calls that they do not know.
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Self::Walk,
            _ => Self::Openat2,
        }
    }
}

/// What identifies the mount that a descriptor lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    device: (u32, u32),
    /// `None` where the kernel does not say.
    id: Option<u64>,
}

impl Mount {
    /// The mount of an open file or directory.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<Self> {
        let stat = stat_fd(fd)?;
        let known = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        let id = if known { Some(stat.stx_mnt_id) } else { id_of_proc(fd) };
        Ok(Self { device: (stat.stx_dev_major, stat.stx_dev_minor), id })
    }
}

/// The mount's number as `/proc` knows it, for kernels before 5.8.
fn id_of_proc(fd: BorrowedFd<'_>) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().parse().ok()
}

/// Facts about an open file or directory.
pub(crate) fn stat_fd(fd: BorrowedFd<'_>) -> Result<Statx> {
    rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)
}

/// Facts about a name in a directory; of a link, about the link.
pub(crate) fn stat_name(dir: BorrowedFd<'_>, name: &str) -> Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(dir, name, flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)
}

/// The kind of a file.
pub(crate) fn file_type(stat: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(stat.stx_mode))
}

/// Flags that open a directory only to work below it.
pub(crate) fn dir_flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn resolve_flags() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV
}

/// Opens what lies at `path` below `dir`. A link anywhere is `ELOOP`, another mount `EXDEV`, a file where a directory is needed `ENOTDIR`.
pub(crate) fn open_beneath(
    resolver: Resolver,
    dir: BorrowedFd<'_>,
    mount: &Mount,
    path: &RelPath,
    flags: OFlags,
) -> Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match resolver {
        Resolver::Openat2 => {
            // Without it the kernel refuses a link at the end as it does any other; with it O_PATH would open the link.
            let flags = flags - OFlags::NOFOLLOW;
            let name = if path.is_root() { "." } else { path.as_str() };
            let open = || rustix::fs::openat2(dir, name, flags, Mode::empty(), resolve_flags());
            // EAGAIN: something was renamed while the kernel looked, or somebody holds a lease on the file, which may last.
            let busy = |result: &Result<OwnedFd>| matches!(result, Err(Errno::AGAIN | Errno::INTR));
            (0..8).map(|_| open()).find(|result| !busy(result)).unwrap_or(Err(Errno::AGAIN))
        }
        Resolver::Walk => walk(dir, mount, path, flags),
    }
}

fn walk(dir: BorrowedFd<'_>, mount: &Mount, path: &RelPath, flags: OFlags) -> Result<OwnedFd> {
    let mut segments = path.segments().peekable();
    if segments.peek().is_none() {
        return rustix::fs::openat(dir, c".", flags, Mode::empty());
    }
    let mut here: Option<OwnedFd> = None;
    while let Some(segment) = segments.next() {
        let above = here.as_ref().map_or(dir, |fd| fd.as_fd());
        let last = segments.peek().is_none();
        let opened = open_segment(above, segment, if last { flags } else { dir_flags() })?;
        if Mount::of(opened.as_fd())? != *mount {
            return Err(Errno::XDEV);
        }
        here = Some(opened);
    }
    here.ok_or(Errno::INVAL)
}

/// Opens one name in a directory, and says of a link that it is one.
pub(crate) fn open_segment(dir: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd> {
    match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        // With O_PATH or O_DIRECTORY the kernel says of a link only that it is no directory.
        Err(Errno::NOTDIR) => match stat_name(dir, name) {
            Ok(stat) if file_type(&stat) == FileType::Symlink => Err(Errno::LOOP),
            Ok(stat) if file_type(&stat) == FileType::Directory => Err(Errno::AGAIN),
            _ => Err(Errno::NOTDIR),
        },
        Ok(fd) if flags.contains(OFlags::PATH) && !flags.contains(OFlags::DIRECTORY) => {
            let link = file_type(&stat_fd(fd.as_fd())?) == FileType::Symlink;
            if link { Err(Errno::LOOP) } else { Ok(fd) }
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_mount_numbers_in_statx_still_tells_them() {
        let dir = std::fs::File::open("/").unwrap();
        let known = Mount::of(dir.as_fd()).unwrap();
        assert_eq!(known.id, id_of_proc(dir.as_fd()));
        assert!(known.id.is_some());
    }
}
