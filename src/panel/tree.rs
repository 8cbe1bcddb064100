//! The tree in which a panel keeps its data: `/`, or a directory of a test.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::file::{self, Content, ReadError};
use crate::sys::{identity, users};
use crate::types::{Username, quote, quote_bytes};

use crate::sys::users::User;

/// A root directory and whose files in it count.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    owners: Vec<u32>,
}

impl Tree {
    /// The tree below `root`. Files of root and of this process's own user count.
    pub fn new(root: &Path) -> Self {
        let me = identity::uids().effective;
        let mut owners = vec![0];
        if me != 0 {
            owners.push(me);
        }
        Self { root: root.to_owned(), owners }
    }

    /// Lets files of a system user count too, if there is one of that name (DirectAdmin's files belong to `diradmin`).
    ///
    /// # Errors
    /// If the user database cannot be asked.
    pub fn with_owner(mut self, name: &str) -> Result<Self> {
        if let Some(user) = self.find_user(name)? {
            self.owners.push(user.uid);
        }
        Ok(self)
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the word of a system user counts: root's, this process's own user's, and those that were added.
    pub(super) fn trusts(&self, uid: u32) -> bool {
        self.owners.contains(&uid)
    }

    /// Where an absolute path of the panel lies in this tree.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        if self.root == Path::new("/") {
            return absolute.to_owned();
        }
        self.root.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// Reads a file of the panel; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] with the file's path, if it is there but is a link, not a regular file, too large, unreadable, of another owner, or
    /// writable by everybody.
    pub fn read(&self, absolute: impl AsRef<Path>, limit: u64) -> Result<Option<Content>> {
        let path = self.path(absolute);
        found(&path, file::read(&path, limit, &self.owners), |content| content.mode)
    }

    /// Opens a file of the panel that is too large to be held in memory; `None` if there is none.
    ///
    /// # Errors
    /// As [`Tree::read`]. That the file does not grow beyond the limit while it is read is for the reader to see.
    pub fn open(&self, absolute: impl AsRef<Path>, limit: u64) -> Result<Option<File>> {
        let path = self.path(absolute);
        let opened = found(&path, file::open(&path, limit, &self.owners), |(_, metadata)| metadata.mode())?;
        Ok(opened.map(|(file, _)| file))
    }

    /// Reads a file of one account; `None` if there is none. See [`Tree::read`].
    ///
    /// # Errors
    /// As [`Tree::read`].
    pub fn read_account_file(&self, absolute: impl AsRef<Path>) -> Result<Option<Content>> {
        self.read(absolute, limits::ACCOUNT_FILE_BYTES)
    }

    /// Reads a file of one account that must be there.
    ///
    /// # Errors
    /// As [`Tree::read`], and if it is missing.
    pub fn require(&self, absolute: impl AsRef<Path>) -> Result<Content> {
        let absolute = absolute.as_ref();
        self.read_account_file(absolute)?.ok_or_else(|| {
            let text = format!("{}: the panel's file is missing", self.path(absolute).display());
            Error::new(ErrorKind::PanelData, text)
        })
    }

    /// Whether there is a file, directory or anything else at the path.
    pub fn exists(&self, absolute: impl AsRef<Path>) -> bool {
        std::fs::symlink_metadata(self.path(absolute)).is_ok()
    }

    /// The names in a directory, in alphabetical order; names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] if it cannot be listed.
    pub fn list(&self, absolute: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = self.path(absolute);
        let fail = |error: std::io::Error| {
            Error::new(ErrorKind::PanelData, format!("{}: the directory cannot be listed", path.display()))
                .with_source(error)
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(fail)? {
            names.extend(entry.map_err(fail)?.file_name().into_string().ok());
        }
        names.sort();
        Ok(names)
    }

    /// The system user of an account.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] if there is none, if it is root, if its home bounds nothing, or if another name has the same uid: then the
    /// uid says nothing about who it is.
    pub fn account_user(&self, name: &Username) -> Result<User> {
        let user = self.user_of_account(name)?;
        self.check_only_name(&user)?;
        Ok(user)
    }

    /// The system user of the account that `caller` is, which [`Tree::find_uid`] found. The user database, which may be slow, is asked once.
    ///
    /// # Errors
    /// As [`Tree::account_user`].
    pub fn calling_user(&self, name: &Username, caller: &User) -> Result<User> {
        let user = self.user_of_account(name)?;
        if (user.uid, &user.name) != (caller.uid, &caller.name) {
            let text = format!("the uid {} is {}'s, not the account's", caller.uid, quote(&caller.name));
            return Err(account_error(name, text));
        }
        self.check_file(&user)?;
        Ok(user)
    }

    /// The system user that has the account's name, if it can be an account's at all.
    fn user_of_account(&self, name: &Username) -> Result<User> {
        let user = self
            .find_user(name.as_str())?
            .ok_or_else(|| account_error(name, "there is no system user of that name".into()))?;
        if user.uid == 0 {
            return Err(account_error(name, "its uid is 0".into()));
        }
        // Every path is below "/": such a home would bound nothing.
        let home = user.home.as_os_str().as_encoded_bytes();
        if !user.home.is_absolute() || user.home.components().count() < 2 {
            return Err(user_error(
                name.as_str(),
                format!("its home directory {} bounds nothing", quote_bytes(home)),
            ));
        }
        // It stands in errors and goes to the builder.
        if home.iter().any(u8::is_ascii_control) {
            return Err(user_error(
                name.as_str(),
                format!("its home directory {} has control characters", quote_bytes(home)),
            ));
        }
        Ok(user)
    }

    /// Makes sure that a uid has one name: the kernel says nothing but the uid, which would be the one as well as the other.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] if it has another one. In a database that is not the file `/etc/passwd` only the first name of a uid can be seen.
    pub fn check_only_name(&self, user: &User) -> Result<()> {
        if self.root == Path::new("/") {
            match self.find_uid(user.uid)? {
                Some(first) if first.name == user.name => {}
                Some(first) => return Err(two_names(user, &first.name)),
                None => return Err(user_error(&user.name, format!("its uid {} has no name", user.uid))),
            }
        }
        self.check_file(user)
    }

    /// Looks for another name of a user's uid in the file, where all can be seen.
    fn check_file(&self, user: &User) -> Result<()> {
        let needle = format!(":{}:", user.uid);
        let is_other = |other: &User| other.uid == user.uid && other.name != user.name;
        match self.passwd()?.and_then(|passwd| find_line(&passwd, is_other, needle.as_bytes())) {
            Some(other) => Err(two_names(user, &other.name)),
            None => Ok(()),
        }
    }

    /// The system user of that name, if there is one.
    ///
    /// # Errors
    /// If the user database cannot be asked.
    pub fn find_user(&self, name: &str) -> Result<Option<User>> {
        if self.root == Path::new("/") {
            return users::by_name(name).map_err(database_error);
        }
        Ok(self.passwd()?.and_then(|passwd| find_line(&passwd, |user| user.name == name, name.as_bytes())))
    }

    /// The first system user with that uid, if there is one.
    ///
    /// # Errors
    /// If the user database cannot be asked.
    pub fn find_uid(&self, uid: u32) -> Result<Option<User>> {
        if self.root == Path::new("/") {
            return users::by_uid(uid).map_err(database_error);
        }
        let needle = format!(":{uid}:");
        Ok(self.passwd()?.and_then(|passwd| find_line(&passwd, |user| user.uid == uid, needle.as_bytes())))
    }

    /// The file of users. A tree other than `/` has its own, and no other database.
    fn passwd(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.read("/etc/passwd", limits::PASSWD_BYTES)?.map(|content| content.bytes))
    }
}

/// What was found at a path, if it counts.
fn found<T>(
    path: &Path,
    result: std::result::Result<T, ReadError>,
    mode: impl FnOnce(&T) -> u32,
) -> Result<Option<T>> {
    let fail = |what: &str| Error::new(ErrorKind::PanelData, format!("{}: {what}", path.display()));
    match result {
        Ok(content) if mode(&content) & 0o002 != 0 => Err(fail("everybody can change this file")),
        Ok(content) => Ok(Some(content)),
        Err(ReadError::Missing) => Ok(None),
        Err(error) => Err(fail("the panel's file cannot be read").with_source(error)),
    }
}

fn account_error(name: &Username, what: String) -> Error {
    Error::new(ErrorKind::PanelData, format!("account {name}: {what}"))
}

fn user_error(name: &str, what: String) -> Error {
    Error::new(ErrorKind::PanelData, format!("user {}: {what}", quote(name)))
}

fn two_names(user: &User, other: &str) -> Error {
    user_error(&user.name, format!("its uid {} is also that of {}", user.uid, quote(other)))
}

fn database_error(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Internal, "the user database cannot be asked").with_source(error)
}

/// The first line of a passwd(5) file that holds `needle` and is what is wanted. Lines without `needle` are not taken apart.
fn find_line(passwd: &[u8], wanted: impl Fn(&User) -> bool, needle: &[u8]) -> Option<User> {
    let finder = memchr::memmem::Finder::new(needle);
    let mut from = 0;
    while let Some(at) = finder.find(&passwd[from..]).map(|at| from + at) {
        let start = memchr::memrchr(b'\n', &passwd[..at]).map_or(0, |newline| newline + 1);
        let end = memchr::memchr(b'\n', &passwd[at..]).map_or(passwd.len(), |length| at + length);
        if let Some(user) = parse_line(&passwd[start..end]).filter(|user| wanted(user)) {
            return Some(user);
        }
        from = (at + 1).max(end.min(passwd.len()));
        if from >= passwd.len() {
            break;
        }
    }
    None
}

fn parse_line(line: &[u8]) -> Option<User> {
    let text = std::str::from_utf8(line).ok()?;
    let mut fields = text.split(':');
    let (name, _, uid, gid, _, home) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    Some(User {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        home: PathBuf::from(home),
    })
}

/// Text of a panel's file.
///
/// # Errors
/// [`ErrorKind::PanelData`] naming file and line, if it is not UTF-8.
pub(super) fn utf8<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|fault| {
        let valid = fault.valid_up_to();
        let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        let near = quote_bytes(&bytes[valid..bytes.len().min(valid + 16)]);
        Error::new(ErrorKind::PanelData, format!("{}:{line}: it is not UTF-8 text at {near}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(passwd: &str) -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), passwd).unwrap();
        let tree = Tree::new(dir.path());
        (dir, tree)
    }

    #[test]
    fn users_of_a_tree() {
        let (_dir, tree) = tree(
            "root:x:0:0::/root:/bin/sh\nbad line\nalice2:x:1005:1004::/home/alice2:/bin/sh\nalice:x:1004:1005::/home/alice:/bin/sh\n\
             twin:x:1004:1::/home/twin:/bin/sh\nzero:x:0:1::/:/bin/sh\nslash:x:7000:1:://:/bin/sh\nodd:x:7001:1::/home/\x1b[2J:/bin/sh",
        );
        let name = |name: &str| Username::new(name).unwrap();
        let alice = tree.account_user(&name("alice2")).unwrap();
        assert_eq!((alice.uid, alice.home.as_path()), (1005, Path::new("/home/alice2")));
        assert_eq!(tree.find_uid(1004).unwrap().unwrap().name, "alice");
        assert_eq!(tree.calling_user(&name("alice2"), &alice).unwrap(), alice);
        let twice = User { uid: 1004, ..alice };
        assert!(tree.calling_user(&name("alice2"), &twice).unwrap_err().to_string().contains("the uid 1004"));
        assert_eq!(tree.find_uid(7).unwrap(), None);
        for (user, want) in [
            ("twin", "is also that of \"alice\""),
            ("alice", "is also that of \"twin\""),
            ("zero", "uid is 0"),
            ("carol", "no system user"),
            ("slash", "bounds nothing"),
            ("odd", "has control characters"),
        ] {
            assert!(tree.account_user(&name(user)).unwrap_err().to_string().contains(want), "{user}");
        }
    }

    #[test]
    fn paths_stay_below_the_root() {
        let tree = Tree::new(Path::new("/srv/tree"));
        assert_eq!(tree.path("/etc/passwd"), Path::new("/srv/tree/etc/passwd"));
        assert_eq!(Tree::new(Path::new("/")).path("/etc/passwd"), Path::new("/etc/passwd"));
    }

    #[test]
    fn a_file_that_everybody_can_change_does_not_count() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, tree) = tree("");
        std::fs::set_permissions(dir.path().join("etc/passwd"), std::fs::Permissions::from_mode(0o666))
            .unwrap();
        assert!(tree.read("/etc/passwd", 10).unwrap_err().to_string().contains("everybody can change"));
        assert!(tree.read("/etc/none", 10).unwrap().is_none());
        assert!(
            tree.require("/etc/none")
                .unwrap_err()
                .to_string()
                .ends_with("etc/none: the panel's file is missing")
        );
    }

    proptest! {
        #[test]
        fn odd_lines_neither_panic_nor_hide_a_user(
            before in proptest::collection::vec(any::<u8>(), 0..80),
            after in "[a-z:0-9\n]{0,60}",
        ) {
            let line = b"alice:x:1004:1004::/home/alice:/bin/sh\n";
            let passwd = [before.as_slice(), b"\n", line, after.as_bytes()].concat();
            let find = |wanted: &dyn Fn(&User) -> bool, needle: &[u8]| find_line(&passwd, wanted, needle);
            prop_assert!(find(&|user| user.name == "alice", b"alice").is_some());
            prop_assert!(find(&|user| user.uid == 1004, b":1004:").is_some());
            let _ = find(&|_| false, b":");
        }
    }
}
