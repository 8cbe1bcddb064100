//! `[backup.plesk]`, `[backup.installatron]`: where what makes backups is, and what lets us in.

use std::path::PathBuf;
use std::time::Duration;

use crate::agent::Fingerprint;
use crate::error::Result;
use crate::types::{BackupLocation, Secret, WebUrl};

use super::ini::{IniFile, Section};
use super::{absolute, absolute_path};

/// A server with its certificate.
#[derive(Clone)]
pub struct ServerPlace {
    /// `url`: scheme, host and port. Always https.
    pub url: WebUrl,
    /// `ca_file`: a PEM file with the certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `fingerprint`: SHA-256 of the one certificate that the server has; then nothing else of the certificate counts.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// `[backup.plesk]`.
#[derive(Clone)]
pub struct PleskBackupConfig {
    /// `url`, `ca_file`, `fingerprint`: a Plesk on another server; `None`: the one on this server.
    pub server: Option<ServerPlace>,
    /// `key`: a secret key. It counts before `login`.
    pub key: Option<Secret>,
    /// `login`, `password`: a user of the panel.
    pub login: Option<(String, Secret)>,
    /// `timeout`: for one call; 120 seconds unless set.
    pub timeout: Duration,
    /// `export`: the address that the destination `ftp` means for Plesk's own program, `ftp://user@host/folder`.
    pub export: Option<String>,
    /// `export_password`: its password.
    pub export_password: Option<Secret>,
    /// `backup_password`: protects what is secret in backups that Plesk's own program makes.
    pub backup_password: Option<Secret>,
}

/// `[backup.installatron]`.
#[derive(Clone)]
pub struct InstallatronConfig {
    /// `way`, with what that way needs.
    pub way: InstallatronWay,
    /// `location`: where backups are put and looked for; Installatron's own choice unless set.
    pub location: Option<BackupLocation>,
    /// `timeout`: for one call; 120 seconds unless set.
    pub timeout: Duration,
}

/// How Installatron is called.
#[derive(Clone)]
pub enum InstallatronWay {
    /// Installatron Server over HTTPS.
    Server {
        /// Where it is.
        place: ServerPlace,
        /// `key`: the API key; read from `settings` unless set.
        key: Option<Secret>,
        /// `settings`: Installatron's own file with the key.
        settings: PathBuf,
    },
    /// Installatron Plugin through the panel's own port.
    Plugin {
        /// Where the panel is.
        place: ServerPlace,
        /// Which panel it is.
        panel: PluginPanel,
        /// `login`: a login of the panel.
        login: String,
        /// `password`: its password.
        password: Secret,
    },
    /// Its own program on this server, which can only look.
    Command {
        /// `command`: the program.
        program: PathBuf,
    },
}

/// The panels whose address of the plug-in is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginPanel {
    /// A cPanel account.
    Cpanel,
    /// WHM.
    Whm,
    /// DirectAdmin.
    DirectAdmin,
}

pub(super) fn plesk(file: &IniFile) -> Result<PleskBackupConfig> {
    let section = file.section("backup.plesk");
    let config = PleskBackupConfig {
        server: place(&section)?,
        key: section.parse("key", key)?,
        login: login(&section)?,
        timeout: section.seconds("timeout", 120, 1..=3600)?,
        export: section.parse("export", export)?,
        export_password: secret(&section, "export_password"),
        backup_password: secret(&section, "backup_password"),
    };
    if config.server.is_some() && config.key.is_none() && config.login.is_none() {
        return Err(section.error("url", "a Plesk on another server needs a key, or login and password"));
    }
    section.finish()?;
    Ok(config)
}

pub(super) fn installatron(file: &IniFile) -> Result<Option<InstallatronConfig>> {
    let section = file.section("backup.installatron");
    let ways = [("no", 0), ("server", 1), ("plugin", 2), ("command", 3)];
    let way = section.choice("way", &ways)?.unwrap_or(0);
    let (place, login, key) = (place(&section)?, login(&section)?, section.parse("key", key)?);
    let settings = absolute(&section, "settings", "/usr/local/installatron/etc/settings.ini")?;
    let program = absolute(&section, "command", "/usr/local/installatron/installatron")?;
    let panels = [
        ("cpanel", PluginPanel::Cpanel),
        ("whm", PluginPanel::Whm),
        ("directadmin", PluginPanel::DirectAdmin),
    ];
    let panel = section.choice("panel", &panels)?;
    let location = section.parse("location", BackupLocation::parse)?;
    let timeout = section.seconds("timeout", 120, 1..=3600)?;
    let missing = |key: &str, what: &str| Err(section.error(key, what));
    let way = match (way, place, panel, login) {
        (0, ..) => None,
        (1, Some(place), ..) => Some(InstallatronWay::Server { place, key, settings }),
        (1 | 2, None, ..) => return missing("url", "this way needs the server's address"),
        (2, _, None, _) => return missing("panel", "way = plugin needs panel: cpanel, whm or directadmin"),
        (2, _, _, None) => return missing("login", "way = plugin needs login and password of the panel"),
        (2, Some(place), Some(panel), Some((login, password))) => {
            Some(InstallatronWay::Plugin { place, panel, login, password })
        }
        _ => Some(InstallatronWay::Command { program }),
    };
    section.finish()?;
    Ok(way.map(|way| InstallatronConfig { way, location, timeout }))
}

fn place(section: &Section<'_>) -> Result<Option<ServerPlace>> {
    let url = section.parse("url", |text| match WebUrl::parse(text) {
        Ok(url) if url.is_https() && url.path_and_query() == "/" => Ok(url),
        Ok(url) if url.is_https() => Err("it must be https://host:port without a path".to_owned()),
        Ok(_) => Err("it must be https: a key or password goes to it".to_owned()),
        Err(fault) => Err(fault.to_string()),
    })?;
    let ca_file = section.parse("ca_file", absolute_path)?;
    let fingerprint = section.parse("fingerprint", |text| {
        Fingerprint::parse(text).ok_or("it must be the SHA-256 of the certificate: 64 hexadecimal digits")
    })?;
    Ok(url.map(|url| ServerPlace { url, ca_file, fingerprint }))
}

fn login(section: &Section<'_>) -> Result<Option<(String, Secret)>> {
    match (section.text("login").map(str::to_owned), secret(section, "password")) {
        (Some(login), Some(password)) => Ok(Some((login, password))),
        (None, None) => Ok(None),
        _ => Err(section.error("login", "login and password belong together")),
    }
}

fn secret(section: &Section<'_>, key: &str) -> Option<Secret> {
    section.text(key).map(|text| Secret::new(text.to_owned()))
}

/// Keys are letters, digits and hyphens in every version that is known.
fn key(text: &str) -> std::result::Result<Secret, &'static str> {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if fits && text.len() <= 256 {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err("a key has letters, digits and \"-\" only")
    }
}

/// The password has a key of its own, because an address stands on a command line.
fn export(text: &str) -> std::result::Result<String, &'static str> {
    let login = text.strip_prefix("ftp://").and_then(|rest| rest.split_once('@')).map(|(login, _)| login);
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    match login {
        Some(login) if plain && !login.is_empty() && !login.contains([':', '/']) => Ok(text.to_owned()),
        _ => Err("it must be ftp://user@host/folder without a password, which goes to export_password"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(Path::new("t.ini"), text.as_bytes())
    }

    #[test]
    fn without_anything_plesk_is_here_and_installatron_is_not() {
        let config = parse("").unwrap();
        assert!(config.plesk_backup.server.is_none() && config.installatron.is_none());
        assert_eq!(config.plesk_backup.timeout, Duration::from_secs(120));
    }

    #[test]
    fn what_does_not_fit_together_is_an_error_with_its_line_and_no_secret() {
        for (text, part) in [
            ("[backup.plesk]\nurl = https://p.example:8443", "needs a key, or login"),
            ("[backup.plesk]\nlogin = admin", "belong together"),
            ("[backup.plesk]\nurl = http://p.example:8880", "must be https"),
            ("[backup.plesk]\nurl = https://p.example/x", "without a path"),
            ("[backup.plesk]\nkey = hunter2 x", "letters, digits"),
            ("[backup.plesk]\nfingerprint = 00", "64 hexadecimal"),
            ("[backup.plesk]\nexport = ftp://u:hunter2@h/x", "without a password"),
            ("[backup.plesk]\nexports = x", "there is no such key"),
            ("[backup.installatron]\nway = server", "needs the server's address"),
            ("[backup.installatron]\nway = plugin\nurl = https://h.example:2222", "needs panel"),
            ("[backup.installatron]\nway = plugin\nurl = https://h.example:2222\npanel = whm", "needs login"),
            ("[backup.installatron]\nlocation = ftp://u:hunter2@h/../x", "may not be there"),
        ] {
            let error = parse(text).err().expect(text).to_string();
            assert!(
                error.contains(part) && error.starts_with("t.ini:") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn every_way_can_be_set() {
        let text =
            "[backup.plesk]\nurl = https://p.example:8443\nlogin = admin\npassword = x\nfingerprint = ";
        let config = parse(&format!("{text}{}", "ab".repeat(32))).unwrap();
        assert!(config.plesk_backup.server.unwrap().fingerprint.is_some());
        let installatron =
            |text: &str| parse(&format!("[backup.installatron]\n{text}")).unwrap().installatron.unwrap();
        let server = installatron("way = server\nurl = https://203.0.113.1\nlocation = local");
        assert!(matches!(server.way, InstallatronWay::Server { key: None, .. }));
        assert!(matches!(server.location, Some(BackupLocation::Local)));
        let plugin = installatron(
            "way = plugin\nurl = https://h.example:2222\npanel = directadmin\nlogin = u\npassword = p",
        );
        assert!(matches!(plugin.way, InstallatronWay::Plugin { panel: PluginPanel::DirectAdmin, .. }));
        assert!(matches!(installatron("way = command").way, InstallatronWay::Command { .. }));
    }
}
