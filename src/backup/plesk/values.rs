//! What stands in packets: values that the schema describes, and that Plesk would take although they are wrong
//! (`reference/plesk.md` 1.6, 2.1 to 2.4, 8).

use std::fmt;
use std::num::NonZeroU32;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Domain, Secret, quote};

use super::xml;

/// The number of an object in Plesk. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(NonZeroU32);

impl ObjectId {
    /// Reads a number.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is not a positive number.
    pub fn new(number: u32) -> Result<Self> {
        NonZeroU32::new(number).map(Self).ok_or_else(|| invalid("0 is not the number of an object"))
    }

    /// The number in a text, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().and_then(|number| Self::new(number).ok())
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a backup task. Plesk's schema knows negative ones; no task has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(u64);

impl TaskId {
    /// Takes a number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number in a text, if it is one that a task can have.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits).map(Self)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, what)
}

/// A value that XML keeps as it is: not empty, not too long, no control character, and no white space that the schema's type would collapse.
fn check_plain(what: &str, text: &str) -> Result<String> {
    let fail = |why: &str| Err(invalid(format!("{} is not {what}: {why}", quote(text))));
    if text.is_empty() {
        return fail("it is empty");
    }
    if text.len() > limits::PLESK_VALUE_BYTES {
        return fail("it is too long");
    }
    if text.chars().any(|character| character.is_control() || !xml::is_xml(character)) {
        return fail("it holds a control character");
    }
    if xml::collapse(text) != text {
        return fail("it has blanks at an end or several in a row");
    }
    Ok(text.to_owned())
}

macro_rules! plain {
    ($( $(#[doc = $doc:literal])+ $name:ident, $what:literal, $check:expr; )+) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// [`ErrorKind::InvalidArgument`] with what is wrong.
            pub fn new(text: &str) -> Result<Self> {
                let text = check_plain($what, text)?;
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(&text).map_err(|why| invalid(format!("{} is not {}: {why}", quote(&text), $what)))?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

plain! {
    /// The login of a customer, a reseller or a storage.
    Login, "a login", |_| Ok(());

    /// What the names of a backup's files begin with: 1 to 100 letters, digits, `_` and `-`, a letter or digit first.
    Prefix, "a prefix", |text| {
        let inner = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if inner && first && text.len() <= 100 { Ok(()) } else { Err("1 to 100 letters, digits, \"_\" and \"-\" are allowed") }
    };

    /// What a backup is for, in the administrator's words. Never empty.
    Description, "a description", |_| Ok(());

    /// The name of a backup's file as Plesk lists it. It is opaque; that it leads out of the storage is refused.
    FileName, "the name of a backup's file", |text| {
        let climbs = text.split(['/', '\\']).any(|part| matches!(part, "" | "." | ".."));
        if climbs { Err("it must not lead out of the storage") } else { Ok(()) }
    };

    /// Where Plesk put a file that was uploaded: an absolute path on its server.
    UploadedFile, "the path of an uploaded file", |text| {
        let climbs = text.split('/').any(|part| part == "..");
        if text.starts_with('/') && !climbs { Ok(()) } else { Err("it must be an absolute path without \"..\"") }
    };

    /// A folder of an FTP storage.
    Directory, "a folder", |text| {
        if text.split('/').any(|part| part == "..") { Err("\"..\" is not allowed") } else { Ok(()) }
    };

    /// The host of an FTP storage: a name or an address.
    Host, "a host", |text| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
        if text.bytes().all(inner) { Ok(()) } else { Err("it is neither a name nor an address") }
    };
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Webspace {
    /// By the number of its main domain.
    Id(ObjectId),
    /// By the name of its main domain.
    Name(Domain),
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Customer {
    /// By number.
    Id(ObjectId),
    /// By login.
    Login(Login),
}

/// A reseller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reseller {
    /// By number.
    Id(ObjectId),
    /// By login.
    Login(Login),
}

/// What a backup is of: exactly one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One subscription with all its sites.
    Webspace(Webspace),
    /// A customer with all subscriptions.
    Customer(Customer),
    /// A reseller with all customers.
    Reseller(Reseller),
    /// Everything.
    Server,
}

/// Where a backup is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Plesk's own storage.
    Local,
    /// The FTP storage that is set for the object. The schema takes any word here; Plesk knows this one.
    Ftp,
}

/// Into how large files a backup is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Split {
    /// The request says nothing.
    Unsaid,
    /// One file, which is said as 0.
    #[default]
    Never,
    /// So many kilobytes each. The schema takes negative numbers; here there are none.
    Kilobytes(SplitSize),
}

/// A size of a part, in kilobytes: 1 to 2 147 483 647.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SplitSize(NonZeroU32);

impl SplitSize {
    /// Checks a number of kilobytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is 0 or does not fit.
    pub fn new(kilobytes: u64) -> Result<Self> {
        let fits = i32::try_from(kilobytes).ok().and_then(|number| NonZeroU32::new(number.unsigned_abs()));
        fits.map(Self)
            .ok_or_else(|| invalid(format!("a backup cannot be cut into parts of {kilobytes} kilobytes")))
    }

    /// The number of kilobytes.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// What of the object is backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Content {
    /// Hosting and mail.
    #[default]
    All,
    /// Hosting without mail.
    Hosting,
    /// Mail without hosting.
    Mail,
}

/// How a backup is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where it is put.
    pub storage: Storage,
    /// What its files' names begin with; Plesk's own word if there is none.
    pub prefix: Option<Prefix>,
    /// What it is for.
    pub description: Description,
    /// Into how large files it is cut.
    pub split: Split,
    /// What is in it.
    pub content: Content,
    /// Whether only settings are in it, and no files, mail or databases.
    pub only_configuration: bool,
}

/// The settings of an FTP storage. What is `None` is left as it is.
#[derive(Clone, Debug, Default)]
pub struct FtpStorage {
    /// The server.
    pub host: Option<Host>,
    /// Its port.
    pub port: Option<u16>,
    /// The folder.
    pub directory: Option<Directory>,
    /// The login.
    pub login: Option<Login>,
    /// The password. Plesk tells it to nobody; it is never read back.
    pub password: Option<Secret>,
    /// Whether the passive mode is used.
    pub passive_mode: Option<bool>,
    /// Whether FTP over TLS is used. Not known to Plesk 12.0.
    pub use_ftps: Option<bool>,
}

/// The settings of the whole server. What is `None` is left as it is. Not known to Plesk 12.0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// How many backups are kept in the storage.
    pub max_backup_files: Option<Most>,
    /// How many backups are made at a time.
    pub max_backup_processes: Option<u32>,
    /// Whether they run with low priority.
    pub low_priority: Option<bool>,
    /// Whether they are not compressed.
    pub do_not_compress: Option<bool>,
    /// Whether a storage on this server may be used by FTP.
    pub allow_local_ftp_backup: Option<bool>,
    /// Whether a backup that could not be put on the FTP storage is kept here.
    pub keep_local_backup: Option<bool>,
}

/// A number with an end, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    /// As many as there are; Plesk writes -1.
    Unlimited,
    /// So many.
    Number(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_schema_lets_through_is_refused_here() {
        assert!(
            ObjectId::new(0).is_err() && ObjectId::parse("-3").is_none() && ObjectId::parse("").is_none()
        );
        assert!(
            SplitSize::new(0).is_err()
                && SplitSize::new(1 << 31).is_err()
                && SplitSize::new(u64::MAX).is_err()
        );
        assert_eq!(SplitSize::new(2048).unwrap().get(), 2048);
        for text in ["-1", "", "+1", "1.0", "99999999999999999999"] {
            assert_eq!(TaskId::parse(text), None, "{text:?}");
        }
        assert!(Description::new("").is_err() && Description::new(" weekly").is_err());
        assert!(Description::new("a\u{0}b").is_err() && Description::new("a  b").is_err());
        assert!(Description::new(&"x".repeat(limits::PLESK_VALUE_BYTES + 1)).is_err());
        assert_eq!(Description::new("Größe & <Ziel>").unwrap().as_str(), "Größe & <Ziel>");
    }

    #[test]
    fn names_do_not_lead_elsewhere() {
        for name in ["../x", "a/../b", "/etc/passwd", "..", "a//b", "", "a\n", "..\\x"] {
            assert!(FileName::new(name).is_err(), "{name:?}");
        }
        assert!(FileName::new("domains/shop.example/backup_info_1703161100.xml").is_ok());
        for name in ["-x", "a/b", "a b", "", &"x".repeat(101)] {
            assert!(Prefix::new(name).is_err(), "{name:?}");
        }
        assert!(UploadedFile::new("tmp/x").is_err() && UploadedFile::new("/tmp/../etc/x").is_err());
        assert!(Host::new("ftp.example/x").is_err() && Host::new("[2001:db8::1]").is_ok());
    }
}
