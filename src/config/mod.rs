//! `panelgate.ini`: every setting, its default and its check.
//!
//! The file holds the builder's password, so it must be a regular file of root (or of the user who runs a private trial), readable by nobody
//! else, in a directory where nobody else can replace it. Unknown sections and keys are errors.

mod backup;
mod builder;
mod calls;
pub mod ini;
mod panel;
mod providers;
mod publish;
mod session;
mod setup;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{file, identity};
use crate::types::{Domain, HostPattern, Username, quote};

pub use backup::{BackupConfig, RestoreWay};
pub use builder::BuilderConfig;
use ini::{IniFile, Section};
pub use panel::{MissingFeature, PanelConfig, PanelKind};
pub use providers::{InstallatronConfig, InstallatronWay, PleskBackupConfig, PluginPanel, ServerPlace};
pub use publish::{FtpAccount, PublicationType, PublishConfig, SiteConfig};
pub(crate) use session::RESERVED_FIELDS;
pub use session::{Feature, ServerIp, SessionConfig};
pub use setup::{SetupConfig, WebServer};

/// Where the installed programs read their configuration.
pub const DEFAULT_PATH: &str = "/etc/panelgate/panelgate.ini";

/// Everything that the administrator can set.
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// `[panel]`
    pub panel: PanelConfig,
    /// `[builder]`
    pub builder: BuilderConfig,
    /// `[session]`, `[session.extra]`, `[session.languages]`
    pub session: SessionConfig,
    /// `[publish]`
    pub publish: PublishConfig,
    /// `[site DOMAIN]`
    pub sites: BTreeMap<Domain, SiteConfig>,
    /// `[broker]`
    pub broker: BrokerConfig,
    /// `[backup]`
    pub backup: BackupConfig,
    /// `[backup.plesk]`
    pub plesk_backup: PleskBackupConfig,
    /// `[backup.installatron]`; `None`: Installatron is not used.
    pub installatron: Option<InstallatronConfig>,
    /// `[lifecycle] grace`: how long the project of a site that is gone is kept at the builder; 24 hours unless set.
    pub grace: Duration,
    /// `[lifecycle] backup`: whether the project of a site that is gone is backed up before it is deleted at the builder; yes unless set.
    pub backup_before_end: bool,
    /// `[store] dir`: the directory of the state, `/var/lib/panelgate` unless set.
    pub state_dir: PathBuf,
    /// `[store] audit_days`: how long the audit is kept; 180 days unless set.
    pub audit_days: u64,
    /// `[log] level`: `info` unless set.
    pub log_level: log::LevelFilter,
    /// `[setup]`
    pub setup: SetupConfig,
}

/// `[broker]`.
#[derive(Default)]
pub struct BrokerConfig {
    /// `panel_users`: system users whose word about the account counts (Plesk: `psaadm`). No default.
    pub panel_users: Vec<Username>,
    /// `web_users`: system users of the public web server. No default.
    pub web_users: Vec<Username>,
    /// `socket`: where a private trial finds its broker. The installed programs know theirs and never read this.
    pub socket: Option<PathBuf>,
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with file and line.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = read_private(path).map_err(|error| match path.symlink_metadata() {
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let text = format!(
                    "{}: the file does not exist: run panelgate setup as root, or name another one with --config",
                    path.display()
                );
                Error::new(ErrorKind::Config, text)
            }
            _ => error,
        })?;
        Self::parse(path, &bytes)
    }

    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with file and line.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let file = IniFile::parse(path, bytes, ErrorKind::Config)?;
        let (state_dir, audit_days) = store(&file)?;
        let (grace, backup_before_end) = lifecycle(&file)?;
        let config = Self {
            path: path.to_owned(),
            panel: panel::read(&file)?,
            builder: builder::read(&file)?,
            session: session::read(&file)?,
            publish: publish::read(&file)?,
            sites: publish::sites(&file)?,
            broker: broker(&file)?,
            backup: backup::read(&file, &state_dir)?,
            plesk_backup: providers::plesk(&file)?,
            installatron: providers::installatron(&file)?,
            grace,
            backup_before_end,
            state_dir,
            audit_days,
            log_level: log_level(&file)?,
            setup: setup::read(&file)?,
        };
        known_sections(&file)?;
        Ok(config)
    }

    /// The settings of a site that differ from the others'.
    pub fn site(&self, domain: &Domain) -> Option<&SiteConfig> {
        self.sites.get(domain)
    }

    /// How a site is published.
    pub fn publication_of(&self, domain: &Domain) -> PublicationType {
        self.site(domain).and_then(|own| own.publish).unwrap_or(self.publish.kind)
    }
}

const SECTIONS: [&str; 17] = [
    "panel",
    "cpanel",
    "directadmin",
    "plesk",
    "builder",
    "session",
    "session.extra",
    "session.languages",
    "publish",
    "broker",
    "backup",
    "backup.plesk",
    "backup.installatron",
    "lifecycle",
    "store",
    "log",
    "setup",
];

fn known_sections(file: &IniFile) -> Result<()> {
    for (name, line) in file.sections() {
        if !SECTIONS.contains(&name)
            && !name.starts_with(publish::SITE_PREFIX)
            && !name.starts_with(calls::PREFIX)
        {
            let text = format!(
                "there is no section {} (there are: {}, site DOMAIN, call NAME)",
                quote(name),
                SECTIONS.join(", ")
            );
            return Err(file.error(line, text));
        }
    }
    Ok(())
}

/// Reads a file that must be this user's secret.
///
/// # Errors
/// [`ErrorKind::Config`] if it cannot be read, or if others can read or replace it.
pub(crate) fn read_private(path: &Path) -> Result<Vec<u8>> {
    let fail = |what: String| Error::new(ErrorKind::Config, format!("{}: {what}", path.display()));
    let me = identity::uids().effective;
    let content = file::read(path, limits::CONFIG_BYTES, &[0, me])
        .map_err(|error| fail("the configuration cannot be read".into()).with_source(error))?;
    if content.mode & 0o077 != 0 {
        let mode = content.mode;
        return Err(fail(format!(
            "others can read or change this file (mode {mode:04o}): run chmod 600 on it"
        )));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = std::fs::metadata(directory)
        .map_err(|error| fail("its directory cannot be examined".into()).with_source(error))?;
    if ![0, me].contains(&metadata.uid()) || metadata.mode() & 0o022 != 0 {
        return Err(fail(format!(
            "others can replace this file, because {} is writable by them: run chmod go-w on it",
            directory.display()
        )));
    }
    Ok(content.bytes)
}

fn broker(file: &IniFile) -> Result<BrokerConfig> {
    let section = file.section("broker");
    let config = BrokerConfig {
        panel_users: section.list("panel_users", Username::new)?,
        web_users: section.list("web_users", Username::new)?,
        socket: section.parse("socket", absolute_path)?,
    };
    section.finish()?;
    Ok(config)
}

fn store(file: &IniFile) -> Result<(PathBuf, u64)> {
    let section = file.section("store");
    let dir = absolute(&section, "dir", "/var/lib/panelgate")?;
    let days = section.parse("audit_days", |text| match text.parse::<u64>() {
        Ok(days @ 1..=36_500) => Ok(days),
        _ => Err("it must be a number of days from 1 to 36500"),
    })?;
    section.finish()?;
    Ok((dir, days.unwrap_or(180)))
}

fn lifecycle(file: &IniFile) -> Result<(Duration, bool)> {
    let section = file.section("lifecycle");
    let grace = section.parse("grace", backup::duration)?.unwrap_or(Duration::from_secs(24 * 60 * 60));
    let backup = section.flag("backup", true)?;
    section.finish()?;
    Ok((grace, backup))
}

fn log_level(file: &IniFile) -> Result<log::LevelFilter> {
    let section = file.section("log");
    let levels = [
        ("error", log::LevelFilter::Error),
        ("warning", log::LevelFilter::Warn),
        ("info", log::LevelFilter::Info),
        ("debug", log::LevelFilter::Debug),
    ];
    let level = section.choice("level", &levels)?.unwrap_or(log::LevelFilter::Info);
    section.finish()?;
    Ok(level)
}

fn absolute(section: &Section<'_>, key: &str, default: &str) -> Result<PathBuf> {
    Ok(section.parse(key, absolute_path)?.unwrap_or_else(|| PathBuf::from(default)))
}

fn absolute_path(text: &str) -> std::result::Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    if path.is_absolute() && !climbs { Ok(path) } else { Err("it must be an absolute path without \"..\"") }
}

fn host_pattern(text: &str) -> std::result::Result<HostPattern, String> {
    HostPattern::parse(text).ok_or_else(|| format!("{} is not a host, *.host or host:port", quote(text)))
}

#[cfg(test)]
mod tests;
