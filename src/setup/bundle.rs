//! A plugin bundle: a `.tar.gz` of ours, unpacked as it is.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::server::{Server, digest, internal};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Where the packages put the bundles.
pub(super) const BUNDLES: &str = "/usr/share/panelgate/bundles";

/// A bundle in memory.
pub(super) struct Bundle {
    entries: Vec<Entry>,
    /// What it is, in one word: the same bundle has the same.
    pub(super) digest: String,
}

/// One file or directory of a bundle.
#[derive(Debug)]
struct Entry {
    path: PathBuf,
    mode: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Directory,
    File(Vec<u8>),
}

impl Bundle {
    /// Reads a bundle by its name.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is not installed, [`ErrorKind::Internal`] if it is none of ours.
    pub(super) fn open(server: &Server, name: &str) -> Result<Self> {
        let path = Path::new(BUNDLES).join(name);
        let shown = server.path(&path);
        let bytes = server.read(&path)?.ok_or_else(|| {
            let text = format!("{} is not installed: install the package panelgate again", shown.display());
            Error::new(ErrorKind::Config, text)
        })?;
        Self::parse(&bytes).map_err(|error| error.context(shown.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let broken = |error: std::io::Error| internal("the bundle is damaged").with_source(error);
        let mut entries = Vec::new();
        let mut archive = Archive::new(GzDecoder::new(bytes).take(limits::SETUP_BUNDLE_BYTES));
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let path = plain(&entry.path().map_err(broken)?)?;
            let mode = entry.header().mode().map_err(broken)? & 0o777;
            let content = match entry.header().entry_type() {
                EntryType::Directory => Content::Directory,
                EntryType::Regular => {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content).map_err(broken)?;
                    Content::File(content)
                }
                _ => return Err(internal(format!("{} is neither file nor directory", path.display()))),
            };
            if path.as_os_str().is_empty() || mode & 0o022 != 0 {
                if path.as_os_str().is_empty() {
                    continue;
                }
                return Err(internal(format!("others could change {} (mode {mode:o})", path.display())));
            }
            entries.push(Entry { path, mode, content });
        }
        Ok(Self { entries, digest: digest(&[bytes]) })
    }

    /// The content of a file.
    pub(super) fn file(&self, path: &str) -> Option<&[u8]> {
        self.entries.iter().find_map(|entry| match &entry.content {
            Content::File(bytes) if entry.path == Path::new(path) => Some(bytes.as_slice()),
            _ => None,
        })
    }

    /// Whether the bundle has files below a directory.
    pub(super) fn has_below(&self, directory: &str) -> bool {
        let file = |entry: &&Entry| matches!(entry.content, Content::File(_));
        self.entries.iter().filter(file).any(|entry| entry.path.starts_with(directory))
    }

    /// Puts the whole bundle in the place of a directory: beside it first, then one rename for the old one and one for the new. `change` may give a
    /// file another content.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] naming the place.
    pub(super) fn unpack(&self, server: &Server, place: &Place<'_>, change: &Change<'_>) -> Result<()> {
        let (new, old, target) = (server.path(place.new), server.path(place.old), server.path(place.target));
        let fail = |error: std::io::Error| {
            internal(format!("{} cannot be unpacked", target.display())).with_source(error)
        };
        server.remove_tree(place.new)?;
        server.remove_tree(place.old)?;
        server.make_dirs(place.new, 0o755)?;
        for entry in &self.entries {
            let path = new.join(&entry.path);
            match &entry.content {
                Content::Directory => fs::create_dir_all(&path).map_err(fail)?,
                Content::File(bytes) => {
                    fs::create_dir_all(path.parent().unwrap_or(&new)).map_err(fail)?;
                    let changed = change(&entry.path, bytes);
                    fs::write(&path, changed.as_deref().unwrap_or(bytes)).map_err(fail)?;
                }
            }
            fs::set_permissions(&path, Permissions::from_mode(entry.mode)).map_err(fail)?;
        }
        // All of it is on the disk before it is in its place.
        fs::File::open(&new).and_then(|directory| Ok(rustix::fs::syncfs(&directory)?)).map_err(fail)?;
        server.make_dirs(Path::new(place.target).parent().unwrap_or(Path::new("/")), 0o755)?;
        if fs::symlink_metadata(&target).is_ok() {
            fs::rename(&target, &old).map_err(fail)?;
        }
        fs::rename(&new, &target).map_err(fail)?;
        server.remove_tree(place.old)?;
        Ok(())
    }
}

/// Gives a file of a bundle, by its path and content, another content.
pub(super) type Change<'a> = dyn Fn(&Path, &[u8]) -> Option<Vec<u8>> + 'a;

/// Where a bundle is unpacked. All three are on one file system.
pub(super) struct Place<'a> {
    /// Its place.
    pub(super) target: &'a str,
    /// Where it is put together.
    pub(super) new: &'a str,
    /// Where what was there before is put for the moment.
    pub(super) old: &'a str,
}

/// A path below the bundle's root: names only.
fn plain(path: &Path) -> Result<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => plain.push(name),
            _ => return Err(internal(format!("{} leads out of the bundle", path.display()))),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(entries: &[(&str, u32, &str)]) -> Vec<u8> {
        let mut builder =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (path, mode, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            header.set_entry_type(EntryType::Regular);
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_bundle_replaces_the_old_one_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::change(dir.path()).unwrap();
        let place = Place { target: "/usr/x/t", new: "/usr/x/.n", old: "/usr/x/.o" };
        let first = Bundle::parse(&pack(&[("./a", 0o644, "1"), ("d/b", 0o755, "2")])).unwrap();
        let keep = |_: &Path, _: &[u8]| None;
        first.unpack(&server, &place, &keep).unwrap();
        fs::create_dir_all(server.path("/usr/x/.o")).unwrap();
        let second = Bundle::parse(&pack(&[("a", 0o600, "3")])).unwrap();
        assert_ne!(first.digest, second.digest);
        second.unpack(&server, &place, &|_, _| Some(b"4".to_vec())).unwrap();
        assert_eq!(server.read("/usr/x/t/a").unwrap().unwrap(), b"4");
        assert!(!server.exists("/usr/x/t/d") && !server.exists("/usr/x/.n") && !server.exists("/usr/x/.o"));
        assert!(first.has_below("d") && !second.has_below("d") && !first.has_below("d/b/c"));
        assert_eq!(first.file("a"), Some(&b"1"[..]));
    }

    #[test]
    fn what_is_no_bundle_of_ours_is_refused() {
        for (path, mode) in [("../a", 0o644), ("/a", 0o644), ("d/../../a", 0o644), ("a", 0o666)] {
            assert!(Bundle::parse(&pack(&[(path, mode, "x")])).is_err(), "{path} {mode:o}");
        }
        for bytes in [&b""[..], b"no", &pack(&[("a", 0o644, "xyz")])[..40]] {
            assert!(Bundle::parse(bytes).is_err());
        }
    }
}
