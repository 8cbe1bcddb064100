//! `[backup]`: where backups go, how many, how often.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Result;
use crate::types::quote;

use super::absolute_path;
use super::ini::{IniFile, Section};

/// `[backup]`.
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// `directory`: where backups are kept on this server; `backups` below `[store] dir` unless set.
    pub directory: PathBuf,
    /// `builder_directory`: a directory of the builder's own server, for backups that the builder keeps. None unless set.
    pub builder_directory: Option<PathBuf>,
    /// `every`: how often each opened site is backed up by itself; `None`: never.
    pub every: Option<Duration>,
    /// `keep`: how many backups of a site are kept in `directory`; 7 unless set.
    pub keep: usize,
    /// `at_once`: most backups that run at a time; 4 unless set.
    pub at_once: usize,
    /// `per_provider`: most of them with the same provider; 4 unless set.
    pub per_provider: usize,
    /// `timeout`: longest time of one backup; 2 hours unless set.
    pub timeout: Duration,
    /// `largest`: largest project file, in bytes; 4 GiB unless set.
    pub largest: u64,
    /// `account_limit`: with so many bytes of backups of its projects in `directory` an account orders no further one; 64 GiB unless set.
    pub account_limit: u64,
    /// `restore`: how the builder restores a project. No unless set: the call is not documented.
    pub restore: RestoreWay,
    /// `restore_method`: the name of that call; `restore-site-backup` unless set.
    pub restore_method: String,
    /// `carry`: whether projects travel with the panel's own backups. No unless set: the copies take room in the homes, and every backup of the panel asks
    /// the builder for projects.
    pub carry: bool,
    /// `carry_age`: how old a backup of a project may be to travel without a newer one being made; a day unless set.
    pub carry_age: Duration,
}

/// How the builder restores a project (`reference/builder-api.md` 3.2: path and fields are inferred, so it is a setting).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreWay {
    /// Not at all.
    #[default]
    No,
    /// From `builder_directory`, by a call that mirrors that of the backup.
    Directory,
}

pub(super) fn read(file: &IniFile, state_dir: &Path) -> Result<BackupConfig> {
    let section = file.section("backup");
    let ways = [("no", RestoreWay::No), ("directory", RestoreWay::Directory)];
    let config = BackupConfig {
        directory: section.parse("directory", absolute_path)?.unwrap_or_else(|| state_dir.join("backups")),
        builder_directory: section.parse("builder_directory", absolute_path)?,
        every: section.parse("every", often)?.flatten(),
        keep: number(&section, "keep", 7, 1, 1000)?,
        at_once: number(&section, "at_once", 4, 1, 64)?,
        per_provider: number(&section, "per_provider", 4, 1, 64)?,
        timeout: section.parse("timeout", duration)?.unwrap_or(Duration::from_secs(2 * 60 * 60)),
        largest: section.parse("largest", size)?.unwrap_or(4 << 30),
        account_limit: section.parse("account_limit", size)?.unwrap_or(64 << 30),
        restore: section.choice("restore", &ways)?.unwrap_or_default(),
        restore_method: section
            .parse("restore_method", method)?
            .unwrap_or_else(|| "restore-site-backup".into()),
        carry: section.flag("carry", false)?,
        carry_age: section.parse("carry_age", duration)?.unwrap_or(Duration::from_secs(24 * 60 * 60)),
    };
    if config.restore == RestoreWay::Directory && config.builder_directory.is_none() {
        return Err(section.error("restore", "restore = directory needs builder_directory"));
    }
    section.finish()?;
    Ok(config)
}

fn number(section: &Section<'_>, key: &str, default: usize, least: usize, most: usize) -> Result<usize> {
    let value = section.parse(key, |text| match text.parse::<usize>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("it must be a number from {least} to {most}")),
    })?;
    Ok(value.unwrap_or(default))
}

fn often(text: &str) -> std::result::Result<Option<Duration>, String> {
    if text == "never" { Ok(None) } else { duration(text).map(Some) }
}

/// `90s`, `30m`, `12h`, `1d`: one second to a year.
pub(super) fn duration(text: &str) -> std::result::Result<Duration, String> {
    let units = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];
    let split =
        units.iter().find_map(|(unit, seconds)| text.strip_suffix(*unit).map(|number| (number, *seconds)));
    let seconds = split.and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{} is not a time such as 30m, 12h or 1d", quote(text))),
    }
}

/// `500M`, `4G`: 1 MiB to 1 TiB.
fn size(text: &str) -> std::result::Result<u64, String> {
    let units = [('M', 1_u64 << 20), ('G', 1 << 30)];
    let split =
        units.iter().find_map(|(unit, bytes)| text.strip_suffix(*unit).map(|number| (number, *bytes)));
    let bytes = split.and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(unit));
    match bytes {
        Some(bytes) if (1 << 20..=1 << 40).contains(&bytes) => Ok(bytes),
        _ => Err(format!("{} is not a size such as 500M or 4G", quote(text))),
    }
}

/// A name below the API's address.
fn method(text: &str) -> std::result::Result<String, &'static str> {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if text.len() <= 64 && text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err("it must be the name of a call, such as restore-site-backup")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_names_are_checked() {
        assert_eq!(duration("90s").unwrap().as_secs(), 90);
        assert_eq!(duration("1d").unwrap().as_secs(), 86_400);
        for bad in ["", "1", "d", "-1d", "0s", "1.5h", "400d", "99999999999999999999d"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        assert_eq!(often("never").unwrap(), None);
        assert_eq!((size("500M").unwrap(), size("4G").unwrap()), (500 << 20, 4 << 30));
        for bad in ["", "4", "0M", "2000G", "4T", "-1G"] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
        assert!(method("website/restore-backup").is_ok());
        for bad in ["", "/x", "x/", "a b", "../x", "x?y", "https://x"] {
            assert!(method(bad).is_err(), "{bad:?}");
        }
    }
}
