//! Checks of this server: programs, configuration, panel, state.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::{self, Config, PanelKind};
use crate::error::{Error, ErrorKind};
use crate::limits;
use crate::panel::{self, Panel};
use crate::store::{InstallKey, Store};
use crate::sys::identity;
use crate::types::{Domain, Username, quote_bytes};

/// Who may replace the programs that run with root's rights.
pub(super) fn programs() -> Finding {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            let error =
                Error::new(ErrorKind::Internal, "this program's own file cannot be found").with_source(error);
            return Finding::error(&error);
        }
    };
    let beside = ["panelgate.cgi", "panelgate-cgi"].map(|name| program.with_file_name(name));
    let files: Vec<PathBuf> =
        std::iter::once(program).chain(beside.into_iter().filter(|path| path.exists())).collect();
    for file in &files {
        if let Some(fault) = file.ancestors().find_map(replaceable) {
            let advice =
                "let it belong to root and run chmod go-w on it; Panelgate has no set-uid or set-gid file";
            return Finding::fail(ErrorKind::Config, fault, advice);
        }
    }
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Finding::ok(format!("only their owner can replace {}", names.join(", ")))
}

/// Why others could put a program of theirs at this path.
fn replaceable(path: &Path) -> Option<String> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return Some(format!("{} cannot be examined: {error}", path.display())),
    };
    let (mode, uid) = (metadata.mode() & 0o7777, metadata.uid());
    let sticky_directory = metadata.is_dir() && mode & 0o1000 != 0;
    if ![0, identity::uids().effective].contains(&uid) {
        return Some(format!("{} belongs to uid {uid}", path.display()));
    }
    if mode & 0o022 != 0 && !sticky_directory {
        return Some(format!("others can write to {} (mode {mode:04o})", path.display()));
    }
    if metadata.is_file() && mode & 0o6000 != 0 {
        return Some(format!("{} is set-uid or set-gid (mode {mode:04o})", path.display()));
    }
    None
}

pub(super) fn file(path: &Path) -> (Finding, Option<Vec<u8>>) {
    match config::read_private(path) {
        Ok(bytes) => {
            let text = format!("{} is readable by its owner alone", path.display());
            (Finding::ok(text), Some(bytes))
        }
        Err(error) if !path.exists() && std::fs::symlink_metadata(path).is_err() => {
            let advice = "run panelgate setup, which writes it, or name another one with --config";
            (Finding::error_with(&error, advice), None)
        }
        // Others may have written what it says: it is not acted on.
        Err(error) => (Finding::error(&error), None),
    }
}

pub(super) fn settings(path: &Path, bytes: &[u8]) -> (Finding, Option<Config>) {
    match Config::parse(path, bytes) {
        Ok(config) => (Finding::ok("every section, key and value is understood"), Some(config)),
        Err(error) => (Finding::error_with(&error, "correct this line"), None),
    }
}

pub(super) fn panel(config: &Config) -> (Finding, Option<Box<dyn Panel>>) {
    let panel = match panel::open(&config.panel) {
        Ok(panel) => panel,
        Err(error) => return (Finding::error(&error), None),
    };
    let kind = panel.kind();
    let finding = match version(panel.as_ref()) {
        Version::None => Finding::ok(kind.title()),
        Version::Found(version, file) => {
            Finding::ok(format!("{}, version {version} ({})", kind.title(), file.display()))
        }
        Version::Unreadable(file, why) => Finding::warning(
            format!("{} is configured, but {}: {why}", kind.title(), file.display()),
            "check [panel] kind and root",
        ),
    };
    (finding, Some(panel))
}

enum Version {
    /// The panel writes it nowhere that is known.
    None,
    Found(String, PathBuf),
    Unreadable(PathBuf, String),
}

fn version(panel: &dyn Panel) -> Version {
    let file = match panel.kind() {
        PanelKind::CPanel => "/usr/local/cpanel/version",
        PanelKind::Plesk => "/usr/local/psa/version",
        PanelKind::DirectAdmin | PanelKind::Ini => return Version::None,
    };
    let path = panel.tree().path(file);
    match panel.tree().read(file, limits::ACCOUNT_FILE_BYTES) {
        Ok(Some(content)) => {
            let first = content.bytes.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
            Version::Found(quote_bytes(first).trim_matches('"').to_owned(), path)
        }
        Ok(None) => Version::Unreadable(path, "the file does not exist".into()),
        Err(error) => Version::Unreadable(path, error.chain()),
    }
}

/// Counts the accounts; reads them all for custom hosting (nobody else checks those files) and when asked to.
pub(super) fn accounts(panel: &dyn Panel, deep: bool) -> Finding {
    let names = match panel.accounts() {
        Ok(names) => names,
        Err(error) => return Finding::error(&error),
    };
    if names.is_empty() {
        let advice = "this is right for a new server; otherwise check [panel] kind and root";
        return Finding::warning("the panel has no accounts", advice);
    }
    if !deep && panel.kind() != PanelKind::Ini {
        return Finding::ok(format!("{} (doctor --deep reads each of them)", count(names.len(), "account")));
    }
    let (sites, faults) = read_all(panel, &names);
    let Some(first) = faults.first() else {
        return Finding::ok(format!(
            "{} with {}, all readable, no site claimed twice",
            count(names.len(), "account"),
            count(sites, "site")
        ));
    };
    let mut texts: Vec<String> = faults.iter().take(limits::DOCTOR_FAULTS).map(Error::chain).collect();
    if faults.len() > texts.len() {
        texts.push(format!("and {} more", faults.len() - texts.len()));
    }
    let advice =
        "these accounts or sites cannot be opened until the panel's data are repaired; the others can";
    Finding::fail(first.kind(), texts.join("; "), advice)
}

fn read_all(panel: &dyn Panel, names: &[Username]) -> (usize, Vec<Error>) {
    let mut owners: BTreeMap<Domain, &Username> = BTreeMap::new();
    let mut faults = Vec::new();
    for name in names {
        let account = match panel.account(name) {
            Ok(account) => account,
            Err(error) => {
                faults.push(error);
                continue;
            }
        };
        for site in account.sites {
            match owners.get(&site.domain) {
                Some(other) => {
                    let text = format!("{} is claimed by {other} and by {name}", site.domain);
                    faults.push(Error::new(ErrorKind::SiteConflict, text));
                }
                None => {
                    owners.insert(site.domain, name);
                }
            }
        }
    }
    faults.extend(owners.iter().filter_map(|(site, name)| {
        let bare = site.without_www()?;
        let other = owners.get(&bare).filter(|other| *other != name)?;
        let text = format!("{site} of {name} is for the builder the same website as {bare} of {other}");
        Some(Error::new(ErrorKind::SiteConflict, text))
    }));
    (owners.len(), faults)
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

pub(super) fn state_directory(dir: &Path) -> Finding {
    let shown = dir.display();
    let metadata: Metadata = match std::fs::symlink_metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(format!("{shown} does not exist yet; the first opening makes it"));
        }
        Err(error) => {
            let error =
                Error::new(ErrorKind::Config, format!("{shown} cannot be examined")).with_source(error);
            return Finding::error(&error);
        }
    };
    let (mode, uid, me) = (metadata.mode() & 0o7777, metadata.uid(), identity::uids().effective);
    if !metadata.is_dir() {
        return Finding::fail(
            ErrorKind::Config,
            format!("{shown} is not a directory"),
            "set [store] dir to a directory",
        );
    }
    if uid != me || mode & 0o022 != 0 {
        let text = format!("others can replace what is in {shown} (uid {uid}, mode {mode:04o})");
        return Finding::fail(ErrorKind::Config, text, format!("run chown {me} and chmod 700 on it"));
    }
    match InstallKey::find(dir) {
        Err(error) => {
            Finding::error_with(&error, "run chmod 400 on it; a key that others have read should be replaced")
        }
        Ok(_) if mode & 0o055 != 0 => {
            Finding::warning(format!("others can look into {shown} (mode {mode:04o})"), "run chmod 700 on it")
        }
        Ok(None) => Finding::ok(format!("{shown} is there; the first opening makes the install key")),
        Ok(Some(_)) => Finding::ok(format!("{shown} and the install key are their owner's alone")),
    }
}

/// The database, if there is one already: looking must not make one.
pub(super) fn store(dir: &Path) -> Finding {
    if !Store::exists(dir) {
        return Finding::ok("there is none yet; the first opening makes it");
    }
    match Store::open(dir).and_then(|store| store.check().map(|()| store.facts())).and_then(|facts| facts) {
        Ok(facts) => Finding::ok(format!(
            "whole and writable: {} and {}",
            count(facts.sites, "site"),
            count(facts.waiting, "waiting job")
        )),
        Err(error) => {
            Finding::error_with(&error, "openings fail until it is repaired; everything else goes on")
        }
    }
}

/// The privileged side.
pub(super) fn broker(ask: Option<&dyn Fn() -> Result<String, Error>>) -> Finding {
    match ask.map(|ask| ask()) {
        None => Finding::ok("a configuration of one's own works without it"),
        Some(Ok(text)) => Finding::ok(text),
        Some(Err(error)) => Finding::error_with(
            &error,
            "pages cannot open anything without it: systemctl start panelgate.socket",
        ),
    }
}

/// The system users whose word counts.
pub(super) fn principals(config: &Config, panel: &dyn Panel) -> Finding {
    let broker = &config.broker;
    let lists = [("panel_users", &broker.panel_users), ("web_users", &broker.web_users)];
    for (key, names) in lists {
        for name in names {
            let fault = match panel.tree().find_user(name.as_str()) {
                Err(error) => return Finding::error(&error),
                Ok(None) => Some("is no system user"),
                Ok(Some(user)) if user.uid == 0 => {
                    Some("is root, which a web server or panel must not run pages as")
                }
                Ok(Some(_)) => match panel.account(name) {
                    Ok(_) => Some("is an account of the panel"),
                    Err(error) if error.kind() == ErrorKind::AccountNotFound => None,
                    Err(error) => return Finding::error(&error),
                },
            };
            if let Some(fault) = fault {
                let advice = format!("correct [broker] {key} in {}", config.path.display());
                return Finding::fail(ErrorKind::Config, format!("[broker] {key}: {name} {fault}"), advice);
            }
        }
    }
    if panel.kind() == PanelKind::Plesk && broker.panel_users.is_empty() {
        let advice = "set [broker] panel_users = psaadm";
        return Finding::warning(
            "Plesk runs pages as its own user, and none is named: the button cannot work",
            advice,
        );
    }
    let named = broker.panel_users.len() + broker.web_users.len();
    if named == 0 {
        return Finding::ok("none are named, and this panel needs none: pages run as the account");
    }
    Finding::ok(format!("{} in [broker], each a system user and none an account", count(named, "name")))
}
