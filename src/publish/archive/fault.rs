//! Why an archive is refused.

use std::{fmt, io};

use crate::error::{Error, ErrorKind};
use crate::types::PathFault;

/// Why an archive is refused. The texts name no file of this server.
#[derive(Debug)]
pub enum ArchiveFault {
    /// The spool file cannot be read.
    Io(io::Error),
    /// It is not a whole zip archive, or one that contradicts itself.
    Malformed(&'static str),
    /// It uses what this program does not take.
    Unsupported(&'static str),
    /// It is larger than a bound.
    TooLarge(&'static str),
    /// One of its entries cannot be taken.
    Entry {
        /// Its name, shortened and escaped.
        name: String,
        /// Why.
        fault: EntryFault,
    },
}

/// Why an entry is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// Its name is not one of a file below a document root.
    Name(PathFault),
    /// It has no name.
    Nameless,
    /// Its name is absolute.
    Absolute,
    /// Its name says that it is UTF-8 and is not.
    Encoding,
    /// Its name is one that Panelgate uses itself.
    Reserved,
    /// Another entry has the same name.
    Duplicate,
    /// It is a file, and another entry lies below it.
    Conflict,
    /// It is a link.
    Link,
    /// It is a device, a pipe or a socket.
    Special,
    /// It is a directory by its name and something else by its attributes, or a directory with content.
    Kind,
    /// It is encrypted.
    Encrypted,
    /// It is compressed by a method other than deflate.
    Method,
    /// The two places that describe it differ.
    Mismatch,
    /// Its data lie where they cannot, or where another entry's are.
    Place,
    /// Its content is shorter or longer than its description says.
    Size,
    /// Its compressed data are damaged.
    Damaged,
    /// Its content does not have the checksum of its description.
    Checksum,
    /// It was not read to its end before the next one was asked for, so it has not been checked.
    Unread,
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(fault) => return write!(f, "its name cannot be used: {fault}"),
            Self::Nameless => "it has no name",
            Self::Absolute => "its name is absolute",
            Self::Encoding => "its name is marked as UTF-8 and is not",
            Self::Reserved => "its name is reserved for Panelgate",
            Self::Duplicate => "another entry has the same name",
            Self::Conflict => "it is a file, and another entry lies below it",
            Self::Link => "it is a link",
            Self::Special => "it is neither a file nor a directory",
            Self::Kind => "it is a directory in one place and a file in another",
            Self::Encrypted => "it is encrypted",
            Self::Method => "its compression method is not supported",
            Self::Mismatch => "its two descriptions differ",
            Self::Place => "its data lie outside the archive or over another entry's",
            Self::Size => "its content has another size than it says",
            Self::Damaged => "its compressed data are damaged",
            Self::Checksum => "its content does not have its checksum",
            Self::Unread => "it was not read to its end",
        })
    }
}

impl fmt::Display for ArchiveFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the archive cannot be read"),
            Self::Malformed(what) => write!(f, "the archive is not a whole zip file: {what}"),
            Self::Unsupported(what) => write!(f, "the archive is of a kind that is not supported: {what}"),
            Self::TooLarge(what) => write!(f, "the archive is too large: {what}"),
            Self::Entry { name, fault } => write!(f, "the archive's entry {name} is refused: {fault}"),
        }
    }
}

impl std::error::Error for ArchiveFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl ArchiveFault {
    /// The fault that an error of an entry's reader carries, if it does.
    pub fn of_io(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// The error of the house.
    pub fn into_error(self) -> Error {
        match self {
            Self::Io(error) => {
                Error::new(ErrorKind::Internal, "the downloaded archive cannot be read").with_source(error)
            }
            fault => Error::new(ErrorKind::Archive, fault.to_string()),
        }
    }
}

impl From<io::Error> for ArchiveFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ArchiveFault> for io::Error {
    fn from(fault: ArchiveFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}
