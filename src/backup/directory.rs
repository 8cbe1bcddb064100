//! Backups in a directory of this server.
//!
//! ```text
//! DIRECTORY/FOLDER/20261121T093000Z-17.sitebuilder        a backup; the number is the job's
//! DIRECTORY/FOLDER/20261121T093000Z-17.sitebuilder.json   its manifest: size, SHA-256, what it is of
//! DIRECTORY/FOLDER/.20261121T093000Z-17.sitebuilder.part  one that is being written
//! ```
//!
//! A file gets its own name last, when it and its manifest are on the disk: whatever has such a name is whole. Directories belong to this user alone, mode
//! 0700; nothing here lies below a home.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::builder::project::Receiver;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{clock, file, identity};
use crate::types::hex;

use super::BackupFile;

const MANIFEST: &str = "json";
const PART: &str = "part";

/// After how many bytes it is looked again whether the disk has room.
const LOOK_BYTES: u64 = 16 << 20;

/// The directory.
pub struct Directory {
    path: PathBuf,
}

/// What is known about a backup beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// When it was made, in Unix seconds.
    pub made: u64,
    /// What it is of, for people.
    pub subject: String,
    /// The account's identity when it was made.
    pub owner: Option<String>,
    /// The job that made it.
    pub job: u64,
    /// Whether it was taken in from elsewhere: how old it is, nobody knows.
    #[serde(default)]
    pub imported: bool,
}

/// A backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its file name.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Kept {
    /// The number of bytes that were read of it, if that is all: one that is removed meanwhile breaks off.
    ///
    /// # Errors
    /// [`ErrorKind::BackupNotFound`].
    pub(super) fn read_whole(&self, read: u64) -> Result<u64> {
        if read != self.manifest.size {
            let text = format!("{} was removed while it was read", self.name);
            return Err(Error::new(ErrorKind::BackupNotFound, text));
        }
        Ok(read)
    }
}

impl Directory {
    /// Opens the directory; makes it if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if others could replace what is in it; [`ErrorKind::BackupProvider`] if it cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        make(path)?;
        file::check_place(path).map_err(|what| {
            let text = format!("[backup] directory: others can put something else in its place: {what}");
            Error::new(ErrorKind::Config, text)
        })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Begins a file of a job in a folder; it has no final name before [`Draft::finish`].
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`].
    pub fn begin(&self, folder: &str, job: u64, ending: &str, limit: u64) -> Result<Draft> {
        let folder = self.folder(folder)?;
        make(&folder)?;
        let made = clock::unix_seconds();
        let name = format!("{}-{job}.{ending}", stamp(made));
        let part = folder.join(format!(".{name}.{PART}"));
        // One that an interrupted run of the same job has left behind in the same second.
        let _ = std::fs::remove_file(&part);
        let file = create(&part).map_err(|error| failed(&part, "it cannot be made", error))?;
        Ok(Draft {
            folder,
            name,
            part,
            file,
            hash: Sha256::new(),
            size: 0,
            limit,
            expected: None,
            made,
            job,
            imported: false,
        })
    }

    /// Makes an empty directory of a job beside the backups of a folder, for a program that writes there.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`].
    pub fn staging(&self, folder: &str, job: u64) -> Result<PathBuf> {
        let path = self.folder(folder)?.join(staging_name(job));
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(|error| failed(&path, "it cannot be removed", error))?;
        }
        make(&path)?;
        Ok(path)
    }

    /// Makes a file that a program has written into a job's [`Directory::staging`] a backup of the folder.
    ///
    /// # Errors
    /// [`ErrorKind::BackupFailed`] if it is no plain file, or empty; [`ErrorKind::BackupProvider`].
    pub fn adopt(
        &self,
        folder: &str,
        job: u64,
        from: &Path,
        ending: &str,
        subject: &str,
        owner: Option<&str>,
    ) -> Result<BackupFile> {
        let fail = |error| failed(from, "it cannot be taken over", error);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(from).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if !metadata.is_file() || metadata.nlink() != 1 || metadata.len() == 0 {
            let text =
                format!("{}: it is no archive: it must be one plain file that is not empty", from.display());
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        // Whoever wrote it has no further say in it.
        let me = identity::uids().effective;
        std::os::unix::fs::fchown(&file, Some(me), None).map_err(fail)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
        let sha256 = hash_of(&mut file).map_err(fail)?;
        file.sync_all().map_err(fail)?;
        let made = clock::unix_seconds();
        let (folder, name) = (self.folder(folder)?, format!("{}-{job}.{ending}", stamp(made)));
        let (size, path) = (metadata.len(), folder.join(&name));
        let (subject, owner) = (subject.to_owned(), owner.map(str::to_owned));
        write_manifest(
            &folder,
            &name,
            &Manifest { size, sha256: sha256.clone(), made, subject, owner, job, imported: false },
        )?;
        std::fs::rename(from, &path).map_err(fail)?;
        sync(&folder)?;
        Ok(BackupFile { name: path.display().to_string(), size: Some(size), sha256: Some(sha256) })
    }

    /// The backups in a folder that are whole, newest first. A file whose size is not that of its manifest is none.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`] if the folder cannot be read.
    pub fn list(&self, folder: &str) -> Result<Vec<Kept>> {
        let folder = self.folder(folder)?;
        let mut kept: Vec<Kept> =
            names(&folder)?.into_iter().filter_map(|name| whole(&folder, name)).collect();
        kept.sort_by(|a, b| (b.manifest.made, &b.name).cmp(&(a.manifest.made, &a.name)));
        Ok(kept)
    }

    /// The folders.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`] if the directory cannot be read.
    pub fn folders(&self) -> Result<Vec<String>> {
        names(&self.path)
    }

    /// Opens a backup for reading, as it lies there: whoever reads it compares its bytes with the manifest's checksum. One that is removed meanwhile breaks off.
    ///
    /// # Errors
    /// [`ErrorKind::BackupNotFound`]; [`ErrorKind::BackupFailed`] if it is another file than the one that was written.
    pub fn open_kept(&self, folder: &str, name: &str) -> Result<(File, Kept)> {
        let kept = self.list(folder)?.into_iter().find(|kept| kept.name == name);
        let gone =
            || Error::new(ErrorKind::BackupNotFound, format!("there is no backup {name:?} of {folder}"));
        let kept = kept.ok_or_else(gone)?;
        let (file, metadata) = file::open_in(&self.folder(folder)?, name, &[0, identity::uids().effective])
            .map_err(|error| {
            match error {
                // It was removed at this moment.
                file::ReadError::Missing => gone(),
                error => failed(&kept.path, "it cannot be read", io::Error::other(error)),
            }
        })?;
        if metadata.len() != kept.manifest.size {
            let text = format!("{}: it is not the file that was written", kept.path.display());
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        Ok((file, kept))
    }

    /// Opens a backup for reading, after its bytes have been compared with the manifest's checksum.
    ///
    /// # Errors
    /// As [`Directory::open_kept`]; [`ErrorKind::BackupFailed`] if its bytes are not those that were written.
    pub fn read(&self, folder: &str, name: &str) -> Result<(File, Kept)> {
        let (mut file, kept) = self.open_kept(folder, name)?;
        let fail = |error: io::Error| failed(&kept.path, "it cannot be read", error);
        if hash_of(&mut file).map_err(fail)? != kept.manifest.sha256 {
            let text =
                format!("{}: its bytes are not those that were written: it is damaged", kept.path.display());
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        io::Seek::rewind(&mut file).map_err(fail)?;
        Ok((file, kept))
    }

    /// Removes all but the newest `keep` whole backups of a folder, and at least one is kept; if all of these are younger than [`limits::BACKUP_FALLBACK`], the newest of the others that
    /// is older stays too: whoever has broken into a website could otherwise have its good backups pushed out in an hour. What was taken in from elsewhere pushes
    /// out none that was made here.
    /// Gives the names of those that went.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`].
    pub fn prune(&self, folder: &str, keep: usize) -> Result<Vec<String>> {
        let (imported, made): (Vec<Kept>, Vec<Kept>) =
            self.list(folder)?.into_iter().partition(|kept| kept.manifest.imported);
        let mut gone = Vec::new();
        let (keep, yesterday) =
            (keep.max(1), clock::unix_seconds().saturating_sub(limits::BACKUP_FALLBACK.as_secs()));
        let oldest_kept = made.iter().take(keep).map(|kept| kept.manifest.made).min();
        let saved = made.iter().skip(keep).position(|kept| kept.manifest.made < yesterday);
        let saved = saved.filter(|_| oldest_kept.is_some_and(|made| made >= yesterday));
        let surplus = made.into_iter().skip(keep).enumerate();
        let surplus = surplus.filter(|(place, _)| Some(*place) != saved).map(|(_, kept)| kept);
        for kept in surplus.chain(imported.into_iter().skip(keep)) {
            remove(&kept.path)?;
            gone.push(kept.name);
        }
        Ok(gone)
    }

    /// Removes one backup, unless it is the last whole one of its folder.
    ///
    /// # Errors
    /// [`ErrorKind::BackupNotFound`]; [`ErrorKind::Forbidden`] for the last one.
    pub fn remove(&self, folder: &str, name: &str) -> Result<()> {
        let all = self.list(folder)?;
        let Some(kept) = all.iter().find(|kept| kept.name == name) else {
            return Err(Error::new(
                ErrorKind::BackupNotFound,
                format!("there is no backup {name:?} of {folder}"),
            ));
        };
        if all.len() == 1 {
            let text = format!("{name} is the last good backup of {folder}: it is not removed");
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        remove(&kept.path)
    }

    /// Removes what interrupted runs have left: only the one program that makes backups may call it. `goes_on`: whether a job has not ended; a panel's program may
    /// still write into its [`Directory::staging`]. Gives how many files and directories went.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`].
    pub fn sweep(&self, goes_on: impl Fn(u64) -> bool) -> Result<usize> {
        let mut gone = 0;
        for folder in self.folders()? {
            let folder = self.path.join(folder);
            for name in hidden(&folder)? {
                let path = folder.join(&name);
                gone += usize::from(match staging_job(&name) {
                    Some(job) if goes_on(job) => false,
                    Some(_) => std::fs::remove_dir_all(path).is_ok(),
                    None => std::fs::remove_file(path).is_ok(),
                });
            }
        }
        Ok(gone)
    }

    /// A folder's name becomes a path only if it is one plain component.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let plain =
            !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0']);
        if plain {
            Ok(self.path.join(name))
        } else {
            Err(Error::new(ErrorKind::InvalidArgument, "a backup's folder is one plain name"))
        }
    }
}

/// A file that is being written. Dropped before its end, it is removed.
pub struct Draft {
    folder: PathBuf,
    name: String,
    part: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
    limit: u64,
    expected: Option<u64>,
    made: u64,
    job: u64,
    imported: bool,
}

impl Draft {
    /// It comes from elsewhere, and was not made now.
    pub fn mark_imported(&mut self) {
        self.imported = true;
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes to come in all, if that was said.
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Puts the file on the disk and gives it its name.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProvider`]; the file is removed then.
    pub fn finish(mut self, subject: &str, owner: Option<&str>) -> Result<BackupFile> {
        if self.expected.is_some_and(|expected| expected != self.size) {
            let text = format!("{}: {} bytes came instead of the announced ones", self.name, self.size);
            return Err(Error::new(ErrorKind::BackupProvider, text));
        }
        let fail = |error| failed(&self.part, "it cannot be written", error);
        self.file.flush().and_then(|()| self.file.sync_all()).map_err(fail)?;
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        let manifest = Manifest {
            size: self.size,
            sha256: sha256.clone(),
            made: self.made,
            subject: subject.to_owned(),
            owner: owner.map(str::to_owned),
            job: self.job,
            imported: self.imported,
        };
        let path = self.folder.join(&self.name);
        write_manifest(&self.folder, &self.name, &manifest)?;
        std::fs::rename(&self.part, &path).map_err(fail)?;
        sync(&self.folder)?;
        Ok(BackupFile { name: path.display().to_string(), size: Some(self.size), sha256: Some(sha256) })
    }
}

impl Receiver for Draft {
    fn begin(&mut self, length: Option<u64>) -> Result<()> {
        self.expected = length;
        match length {
            Some(length) if length > self.limit => Err(too_large(self.limit)),
            length => check_room(&self.file, &self.part, length.unwrap_or_default()),
        }
    }

    fn piece(&mut self, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(too_large(self.limit));
        }
        if self.size % LOOK_BYTES < bytes.len() as u64 {
            check_room(&self.file, &self.part, 0)?;
        }
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(|error| failed(&self.part, "it cannot be written", error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After the renaming there is nothing of this name any more.
        let _ = std::fs::remove_file(&self.part);
    }
}

/// The manifest comes first: one without its file is nothing, a file without its manifest could not be checked.
fn write_manifest(folder: &Path, name: &str, manifest: &Manifest) -> Result<()> {
    let path = folder.join(format!("{name}.{MANIFEST}"));
    let part = folder.join(format!(".{name}.{MANIFEST}.{PART}"));
    let _ = std::fs::remove_file(&part);
    let write = || -> io::Result<()> {
        let mut file = create(&part)?;
        serde_json::to_writer(&mut file, manifest)?;
        file.sync_all()?;
        std::fs::rename(&part, &path)
    };
    write().map_err(|error| failed(&path, "it cannot be written", error))
}

/// SHA-256 of what is left of a file, in hexadecimal digits.
fn hash_of(file: &mut File) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0_u8; limits::COPY_BYTES]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes sure that so many bytes fit and that the disk is not full then: accounts order backups, and the store may lie on the same disk.
fn check_room(file: &File, path: &Path, bytes: u64) -> Result<()> {
    let facts =
        rustix::fs::fstatvfs(file).map_err(|error| failed(path, "it cannot be written", error.into()))?;
    if facts.f_bavail.saturating_mul(facts.f_frsize) < bytes.saturating_add(limits::SPOOL_RESERVE_BYTES) {
        return Err(Error::new(ErrorKind::NoSpace, "the disk of [backup] directory is nearly full"));
    }
    Ok(())
}

fn too_large(limit: u64) -> Error {
    let text = format!("the backup is larger than {} MiB ([backup] largest)", limit >> 20);
    Error::new(ErrorKind::BackupFailed, text)
}

fn failed(path: &Path, what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::BackupProvider, format!("{}: {what}", path.display())).with_source(error)
}

/// The name itself is on the disk too when this returns: what is synced in a folder that is gone after a power cut is gone with it.
fn make(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| failed(path, "the directory cannot be made", error))?;
    path.parent().map_or(Ok(()), sync)
}

/// Where the [`Directory::staging`] of a job is, whether or not it is there.
pub(super) fn staging_path(directory: &Path, folder: &str, job: u64) -> PathBuf {
    directory.join(folder).join(staging_name(job))
}

/// The name of a job's [`Directory::staging`].
fn staging_name(job: u64) -> String {
    format!(".panelgate-{job}.{PART}")
}

fn staging_job(name: &str) -> Option<u64> {
    let job = name.strip_prefix(".panelgate-")?.strip_suffix(PART)?.strip_suffix('.')?.parse().ok()?;
    (staging_name(job) == name).then_some(job)
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(folder, "it cannot be written to the disk", error))
}

/// The data first: a manifest without them is nothing. Their space is free at once, also where an account keeps them open that was allowed to read them.
fn remove(path: &Path) -> Result<()> {
    let fail = |error| failed(path, "it cannot be removed", error);
    let file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path).map_err(fail)?;
    std::fs::remove_file(path).map_err(fail)?;
    // An administrator's own copies may be further names of the same file.
    if file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
        && let Err(error) = file.set_len(0)
    {
        log::warn!("{}: it is removed, but its space is not free yet: {error}", path.display());
    }
    let mut manifest = path.as_os_str().to_owned();
    manifest.push(format!(".{MANIFEST}"));
    let _ = std::fs::remove_file(PathBuf::from(manifest));
    Ok(())
}

/// The plain names in a folder, without those of drafts and manifests; none if there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let manifest = format!(".{MANIFEST}");
    let all = entries(folder)?.into_iter();
    Ok(all.filter(|name| !name.starts_with('.') && !name.ends_with(&manifest)).collect())
}

fn hidden(folder: &Path) -> Result<Vec<String>> {
    let part = format!(".{PART}");
    Ok(entries(folder)?.into_iter().filter(|name| name.starts_with('.') && name.ends_with(&part)).collect())
}

fn entries(folder: &Path) -> Result<Vec<String>> {
    // What root finds below its own directory it made itself; a link there is none of it.
    if std::fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink()) {
        return Ok(Vec::new());
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(folder, "it cannot be read", error)),
    };
    let names: io::Result<Vec<_>> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let names = names.map_err(|error| failed(folder, "it cannot be read", error))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

fn whole(folder: &Path, name: String) -> Option<Kept> {
    let path = folder.join(&name);
    let owners = [0, identity::uids().effective];
    let content =
        file::read(&folder.join(format!("{name}.{MANIFEST}")), limits::BACKUP_MANIFEST_BYTES, &owners)
            .ok()?;
    let manifest: Manifest = serde_json::from_slice(&content.bytes).ok()?;
    let metadata = std::fs::symlink_metadata(&path).ok()?;
    (metadata.is_file() && metadata.len() == manifest.size).then_some(Kept { name, path, manifest })
}

/// `20261121T093000Z`.
fn stamp(seconds: u64) -> String {
    clock::utc(seconds).chars().filter(char::is_ascii_digit).enumerate().fold(
        String::new(),
        |mut text, (at, digit)| {
            if at == 8 {
                text.push('T');
            }
            text.push(digit);
            text
        },
    ) + "Z"
}

#[cfg(test)]
mod tests;
