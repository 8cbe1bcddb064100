//! The one secret that Panelgate makes itself: 32 random bytes in `install.key`, mode 0400, of root.
//!
//! Everything else that must be unguessable or opaque is derived from it by HMAC-SHA-256 (RFC 2104), each purpose under a name of its own, so
//! that nothing else needs storing: publication passwords, site tokens, form tokens, client numbers.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{file, identity, random};
use crate::types::hex;

const NAME: &str = "install.key";

/// The key, in memory.
pub struct InstallKey([u8; 32]);

impl InstallKey {
    /// Reads the key; makes it if there is none. The directory is made too, with mode 0700.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the directory or the file cannot be used, belongs to somebody else, or can be read by others, or if others can replace
    /// the file.
    pub fn load_or_create(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        match Self::find(dir)? {
            Some(key) => Ok(key),
            None => {
                create(dir, &path).map_err(|error| {
                    Error::new(
                        ErrorKind::Config,
                        format!("{}: the install key cannot be made", path.display()),
                    )
                    .with_source(error)
                })?;
                Self::find(dir)?.ok_or_else(|| {
                    Error::new(ErrorKind::Config, format!("{}: the install key vanished", path.display()))
                })
            }
        }
    }

    /// Reads the key; `None` if there is none yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the file cannot be used, belongs to somebody else, or can be read by others, or if others can replace it.
    pub fn find(dir: &Path) -> Result<Option<Self>> {
        check_directory(dir)?;
        Self::load(&dir.join(NAME))
    }

    fn load(path: &Path) -> Result<Option<Self>> {
        let fail = |what: String| Error::new(ErrorKind::Config, format!("{}: {what}", path.display()));
        let content = match file::read(path, 64, &[identity::uids().effective]) {
            Ok(content) => content,
            Err(file::ReadError::Missing) => return Ok(None),
            Err(error) => return Err(fail("the install key cannot be read".into()).with_source(error)),
        };
        if content.mode & 0o077 != 0 {
            return Err(fail(format!("others can read the install key (mode {:04o})", content.mode)));
        }
        match <[u8; 32]>::try_from(content.bytes) {
            Ok(key) => Ok(Some(Self(key))),
            Err(bytes) => Err(fail(format!("the install key has {} bytes instead of 32", bytes.len()))),
        }
    }

    /// A key for tests.
    #[cfg(test)]
    pub(crate) fn fixed(byte: u8) -> Self {
        Self([byte; 32])
    }

    /// HMAC-SHA-256 over a purpose and parts. Each part is preceded by its length, so that no two lists of parts give the same input.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.start(purpose, parts).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    pub fn verify(&self, purpose: &str, parts: &[&[u8]], mac: &[u8]) -> bool {
        self.start(purpose, parts).verify_slice(mac).is_ok()
    }

    /// A number of 53 bits, which every JSON reader keeps exact.
    pub fn number(&self, purpose: &str, parts: &[&[u8]]) -> u64 {
        let mac = self.mac(purpose, parts);
        let mut first = [0_u8; 8];
        first.copy_from_slice(&mac[..8]);
        u64::from_be_bytes(first) >> 11
    }

    fn start(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        #[allow(clippy::expect_used)] // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl std::fmt::Debug for InstallKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallKey")
    }
}

/// Makes the directory of the state, if there is none.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Whoever can write to the directory decides whether there is a key, and which of several it is. No directory is a good one: it will be made.
pub(super) fn check_directory(dir: &Path) -> Result<()> {
    let fail =
        |what: String| Err(Error::new(ErrorKind::Config, format!("[store] dir {}: {what}", dir.display())));
    let metadata = match std::fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return fail(format!("it cannot be examined: {error}")),
    };
    let (uid, mode, me) = (metadata.uid(), metadata.mode() & 0o7777, identity::uids().effective);
    if !metadata.is_dir() {
        return fail("it is not a directory".into());
    }
    if ![0, me].contains(&uid) || mode & 0o022 != 0 {
        return fail(format!(
            "others can replace the install key (the directory has uid {uid}, mode {mode:04o}): run chown {me} and chmod 700 on it"
        ));
    }
    Ok(())
}

/// Writes the key under a temporary name, then links it to its own: whoever comes second finds the first one's.
fn create(dir: &Path, path: &Path) -> io::Result<()> {
    make_dir(dir)?;
    let suffix = hex(&random::bytes::<8>());
    let temporary = dir.join(format!(".{NAME}.{suffix}"));
    let result = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&temporary)?;
        file.write_all(&random::bytes::<32>())?;
        file.sync_all()?;
        match std::fs::hard_link(&temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    })();
    let _ = std::fs::remove_file(&temporary);
    result?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn made_once_and_kept_by_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mac = |key: &InstallKey| key.mac("test", &[b"a"]);
        let first = InstallKey::load_or_create(&state).unwrap();
        assert_eq!(mac(&first), mac(&InstallKey::load_or_create(&state).unwrap()));
        let path = state.join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "no temporary file stays");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o440)).unwrap();
        assert!(InstallKey::load_or_create(&state).unwrap_err().to_string().contains("others can read"));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"short").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(
            InstallKey::load_or_create(&state).unwrap_err().to_string().contains("5 bytes instead of 32")
        );
    }

    #[test]
    fn many_at_once_get_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let macs: Vec<_> = std::thread::scope(|scope| {
            let load = || InstallKey::load_or_create(dir.path()).unwrap().mac("t", &[]);
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(macs.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn purpose_and_boundaries_matter() {
        let key = InstallKey::fixed(7);
        let mac = key.mac("p", &[b"ab", b"c"]);
        assert!(key.verify("p", &[b"ab", b"c"], &mac));
        assert!(!key.verify("p", &[b"a", b"bc"], &mac));
        assert!(!key.verify("q", &[b"ab", b"c"], &mac));
        assert!(!key.verify("p", &[b"ab", b"c"], &mac[..31]));
        assert!(key.number("n", &[]) < 1 << 53);
    }
}
