//! What went wrong with a file of the account.

use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::types::{PathFault, RelPath};

/// The kind of a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The path breaks the rules of [`RelPath`], or names the directory itself where a file is meant.
    Name,
    /// The path is one that Panelgate keeps for itself.
    Reserved,
    /// There is no such file or directory.
    Missing,
    /// Something is already there.
    Exists,
    /// A symbolic link is in the way; none is ever followed.
    Link,
    /// A directory is needed, something else is there.
    NotDirectory,
    /// A directory is where a file is meant.
    IsDirectory,
    /// A pipe, socket or device.
    NotRegular,
    /// The directory still holds something.
    NotEmpty,
    /// It belongs to another user.
    Owner,
    /// Another file system or bind mount begins there.
    Mount,
    /// The account may not do this: permission bits, or the immutable attribute.
    Access,
    /// The document root does not lie below the account's home directory.
    Outside,
    /// The file system is mounted read-only.
    ReadOnly,
    /// No space or no inode is left.
    Space,
    /// The account's disk quota is used up.
    Quota,
    /// It changed while it was worked on.
    Changed,
    /// Another process is publishing this site.
    Busy,
    /// More than a bound of [`crate::limits`] allows.
    TooMany,
    /// What Panelgate itself wrote into the account's home cannot be understood any more.
    Damaged,
    /// There is nothing that could be undone or removed.
    Nothing,
    /// The file system does not offer this.
    Unsupported,
    /// The system refused for another reason.
    Io,
}

/// Why an operation on an account's files was not done.
///
/// `Display` is a sentence for the customer: it names the file below the document root and no other place. [`Fault::detail`] is for the log.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    path: RelPath,
    source: Option<io::Error>,
}

/// Result with a [`Fault`].
pub type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// A fault at a path.
    pub fn new(kind: FaultKind, path: &RelPath) -> Self {
        Self { kind, path: path.clone(), source: None }
    }

    /// What the system's answer means at a path.
    pub fn io(error: impl Into<io::Error>, path: &RelPath) -> Self {
        let error = error.into();
        let kind = error.raw_os_error().map_or(FaultKind::Io, |code| kind_of(Errno::from_raw_os_error(code)));
        Self { kind, path: path.clone(), source: Some(error) }
    }

    /// The kind.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Where it happened, below the document root; empty for the document root itself.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// The same fault, told as one of another path.
    #[must_use]
    pub fn at(mut self, path: &RelPath) -> Self {
        self.path = path.clone();
        self
    }

    /// Whether disk or quota are the reason (HTTP 507).
    pub fn is_space(&self) -> bool {
        matches!(self.kind, FaultKind::Space | FaultKind::Quota)
    }

    /// Whether the request itself is the reason, so that asking again brings the same (HTTP 403); otherwise the server is (HTTP 500).
    pub fn is_refusal(&self) -> bool {
        !self.is_space()
            && !matches!(
                self.kind,
                FaultKind::Io
                    | FaultKind::Changed
                    | FaultKind::Busy
                    | FaultKind::Damaged
                    | FaultKind::ReadOnly
            )
    }

    /// The sentence of `Display` with the system's own words, for the log.
    pub fn detail(&self) -> String {
        match &self.source {
            Some(error) => format!("{self} ({error})"),
            None => self.to_string(),
        }
    }
}

fn kind_of(errno: Errno) -> FaultKind {
    match errno {
        Errno::NOENT => FaultKind::Missing,
        Errno::EXIST => FaultKind::Exists,
        Errno::LOOP => FaultKind::Link,
        Errno::NOTDIR => FaultKind::NotDirectory,
        Errno::ISDIR => FaultKind::IsDirectory,
        Errno::NXIO | Errno::NODEV => FaultKind::NotRegular,
        Errno::NOTEMPTY => FaultKind::NotEmpty,
        Errno::XDEV | Errno::BUSY => FaultKind::Mount,
        Errno::ACCESS | Errno::PERM => FaultKind::Access,
        Errno::ROFS => FaultKind::ReadOnly,
        Errno::NOSPC | Errno::MLINK => FaultKind::Space,
        Errno::DQUOT => FaultKind::Quota,
        Errno::NAMETOOLONG => FaultKind::Name,
        Errno::AGAIN | Errno::STALE => FaultKind::Changed,
        Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP => FaultKind::Unsupported,
        _ => FaultKind::Io,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            write!(f, "The document root: ")?;
        } else {
            write!(f, "{}: ", crate::types::quote(self.path.as_str()))?;
        }
        f.write_str(match self.kind {
            FaultKind::Name => "this is not a name that a file may have",
            FaultKind::Reserved => "this name is used by the hosting itself",
            FaultKind::Missing => "it does not exist",
            FaultKind::Exists => "something with this name is already there",
            FaultKind::Link => "a symbolic link is in the way, and links are not followed",
            FaultKind::NotDirectory => "a folder is needed where a file is",
            FaultKind::IsDirectory => "it is a folder",
            FaultKind::NotRegular => "it is not an ordinary file",
            FaultKind::NotEmpty => "the folder is not empty",
            FaultKind::Owner => "it belongs to another user of the server",
            FaultKind::Mount => "another file system begins there",
            FaultKind::Access => "its permissions do not allow it",
            FaultKind::Outside => "it does not lie in the home directory",
            FaultKind::ReadOnly => "the file system can only be read at the moment",
            FaultKind::Space => "the disk is full",
            FaultKind::Quota => "the disk quota is used up",
            FaultKind::Changed => "it was changed by somebody else at the same moment",
            FaultKind::Busy => "another publication of this site is running",
            FaultKind::TooMany => "there are more or larger files than allowed",
            FaultKind::Damaged => "the records of earlier publications are damaged",
            FaultKind::Nothing => "there is no publication that could be taken back",
            FaultKind::Unsupported => "the file system does not offer what is needed",
            FaultKind::Io => "the file system reports an error",
        })
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

impl From<PathFault> for Fault {
    fn from(fault: PathFault) -> Self {
        let source = Some(io::Error::new(io::ErrorKind::InvalidInput, fault));
        Self { kind: FaultKind::Name, path: RelPath::root(), source }
    }
}
