//! cPanel (`reference/cpanel.md` 5 and 6).
//!
//! - To the panel's own place: `uapi Backup fullbackup_to_homedir`, which goes on by itself under a process id and leaves `~/backup-DATE_USER.tar.gz`. The home is
//!   only looked into as the account.
//! - To the directory of this server: `pkgacct USER DIRECTORY`, which ends when it is done and leaves `cpmove-USER.tar.gz`. Its exit status is not believed alone: the
//!   archive must be there.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;

use crate::config::{BackupConfig, PanelConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, Tree};
use crate::sys::{clock, process};
use crate::types::quote;

use super::archives::{Archives, Packer, account_of, account_or};
use super::homes::{self, HomeFile};
use super::{
    Action, BackupProvider, Capabilities, Control, Destination, DestinationKind, Entry, EntryId, Order,
    Outcome, Polled, Progress, ProviderKind, Scope, Started, Subject, SubjectKind, TaskId, programs,
};

const PKGACCT: &str = "/usr/local/cpanel/scripts/pkgacct";

/// How long an archive must have been left alone to be taken for done, in seconds.
const QUIET: u64 = 2;

/// How long after its process has ended an archive may still appear, in seconds.
const LATE: u64 = 120;

/// cPanel, as what makes backups.
pub struct CpanelProvider<'a> {
    tree: &'a Tree,
    panel: &'a PanelConfig,
    config: &'a BackupConfig,
}

impl<'a> CpanelProvider<'a> {
    /// Puts the parts together; nothing is asked yet.
    pub fn new(tree: &'a Tree, panel: &'a PanelConfig, config: &'a BackupConfig) -> Self {
        Self { tree, panel, config }
    }

    fn archives(&self) -> Archives<'a> {
        Archives { config: self.config }
    }

    /// `pkgacct` into the directory of this server.
    fn package(&self, order: &Order<'_>, account: &Account, control: &dyn Control) -> Result<Started> {
        let name = account.name();
        self.archives().package(
            order,
            account,
            control,
            &Packer {
                name: "pkgacct",
                program: &self.tree.path(PKGACCT),
                arguments: &|staging| Ok(vec![name.to_string(), programs::path_text(staging)?.to_owned()]),
                exit_code_counts: true,
                fits: &|file| file == format!("cpmove-{name}.tar.gz"),
            },
        )
    }

    /// `fullbackup_to_homedir`.
    fn order_full(&self, account: &Account) -> Result<Started> {
        let since = clock::unix_seconds();
        let user = format!("--user={}", account.name());
        let arguments = [&user, "--output=json", "Backup", "fullbackup_to_homedir", "homedir=include"];
        let output =
            programs::run(&self.tree.path(&self.panel.cpanel_uapi), &arguments, limits::COMMAND_TIME, None)?;
        let reply = programs::json(&output.stdout).ok_or_else(|| {
            Error::new(ErrorKind::BackupProvider, format!("uapi gave no JSON: {}", programs::said(&output)))
        })?;
        let result = reply.get("result").unwrap_or(&reply);
        if !is_one(&result["status"]) {
            let errors = result["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
            let texts: Vec<String> = errors.iter().filter_map(Value::as_str).map(quote).collect();
            let text = format!("uapi Backup fullbackup_to_homedir refused: {}", texts.join(", "));
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        let pid = &result["data"]["pid"];
        let pid =
            pid.as_str().and_then(|text| text.parse::<u32>().ok()).or_else(|| pid.as_u64()?.try_into().ok());
        let pid = pid.filter(|pid| *pid > 1).ok_or_else(|| {
            Error::new(ErrorKind::BackupProvider, "uapi Backup fullbackup_to_homedir names no process")
        })?;
        let run = Run { pid, began: start_of(pid).unwrap_or_default(), since };
        run.task().map(Started::Task)
    }

    /// The full backups in the home, as the account sees it.
    fn in_home(&self, account: &Account) -> Result<Vec<HomeFile>> {
        homes::files(self.tree, account, "", &format!("backup-*_{}.tar.gz", account.name()))
    }
}

impl BackupProvider for CpanelProvider<'_> {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Cpanel
    }

    fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities {
            actions: vec![Action::Create, Action::List, Action::Download, Action::Remove],
            subjects: vec![SubjectKind::Account],
            scopes: vec![Scope::All],
            destinations: vec![DestinationKind::Panel, DestinationKind::Directory],
            ..Capabilities::default()
        })
    }

    fn start(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started> {
        let account = account_of(order)?;
        match order.request.destination {
            Destination::Directory => self.package(order, account, control),
            _ => self.order_full(account),
        }
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<TaskId>> {
        let account = account_of(order)?;
        if order.request.destination != Destination::Directory {
            let text = "Panelgate was ended while it ordered the backup from cPanel; whether it was made shows the account's home: look there, then order it again";
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        let staging = self.archives().staging_path(order, account);
        if process::runs_with("pkgacct", programs::path_text(&staging)?) {
            let text = "the pkgacct of an attempt that was interrupted still runs: it is waited for";
            return Err(Error::new(ErrorKind::BackupProvider, text));
        }
        Ok(None)
    }

    fn poll(&self, order: &Order<'_>, task: &TaskId) -> Result<Polled> {
        let account = account_of(order)?;
        let run = Run::of(task)?;
        let running =
            |step: &str| Ok(Polled::Running(Progress { percent: None, step: Some(step.to_owned()) }));
        if run.began != 0 && start_of(run.pid) == Some(run.began) {
            return running("cPanel packs the account");
        }
        let now = clock::unix_seconds();
        let files = self.in_home(account)?.into_iter();
        match files.filter(|file| file.changed >= run.since).max_by_key(|file| file.changed) {
            Some(file) if file.is_quiet(now, QUIET) => Ok(Polled::Done(Outcome {
                files: vec![file.at(&account.home)],
                entry: Some(file.name),
                warnings: Vec::new(),
            })),
            None if now > run.since.saturating_add(LATE) => {
                let text = format!(
                    "cPanel's process {} has ended and left no backup in the home of account {}: look at its logs",
                    run.pid,
                    account.name()
                );
                Err(Error::new(ErrorKind::BackupFailed, text))
            }
            _ => running("cPanel finishes the archive"),
        }
    }

    fn list(&self, _: &Subject, account: Option<&Account>) -> Result<Vec<Entry>> {
        let account = account_or(account)?;
        let mut entries = self.archives().list(account)?;
        entries.extend(self.in_home(account)?.into_iter().map(|file| Entry {
            files: vec![file.at(&account.home)],
            id: file.name,
            made: Some(file.changed),
            size: Some(file.size),
            account: Some(account.name().to_string()),
            scope: Some(Scope::All),
            description: Some("in the account's home".into()),
        }));
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.made));
        Ok(entries)
    }

    fn download(
        &self,
        _: &Subject,
        account: Option<&Account>,
        entry: &EntryId,
        to: &mut dyn Write,
        control: &dyn Control,
    ) -> Result<u64> {
        self.archives().download(account_or(account)?, entry, to, control)
    }

    fn remove(&self, _: &Subject, account: Option<&Account>, entry: &EntryId) -> Result<()> {
        self.archives().remove(account_or(account)?, entry)
    }

    fn interval(&self, looks: u32) -> Duration {
        Duration::from_secs(u64::from(looks.clamp(1, 15)))
    }
}

/// A run of cPanel's: its process, when that began by the kernel's clock, and when it was ordered.
struct Run {
    pid: u32,
    began: u64,
    since: u64,
}

impl Run {
    fn task(&self) -> Result<TaskId> {
        TaskId::new(format!("{}:{}:{}", self.pid, self.began, self.since))
            .map_err(|what| Error::new(ErrorKind::Internal, what))
    }

    fn of(task: &TaskId) -> Result<Self> {
        let mut parts = task.as_str().split(':').map(str::parse::<u64>);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(pid)), Some(Ok(began)), Some(Ok(since))) => {
                Ok(Self { pid: u32::try_from(pid).unwrap_or_default(), began, since })
            }
            _ => Err(Error::new(ErrorKind::BackupFailed, "the run's number is none of cPanel's")),
        }
    }
}

/// When a process began, in ticks since the system's start (proc(5), field 22), so that another one under its number is not taken for it; `None` if it is not
/// there, or has ended and waits for its parent.
fn start_of(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ended = matches!(fields.first(), Some(&"Z" | &"X"));
    fields.get(19).filter(|_| !ended)?.parse().ok()
}

/// `1` or `"1"`.
fn is_one(value: &Value) -> bool {
    value.as_u64() == Some(1) || value.as_str() == Some("1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_beginning() {
        let me = std::process::id();
        let began = start_of(me).unwrap();
        assert!(began > 0 && start_of(me) == Some(began));
        assert_eq!(start_of(u32::MAX), None);
        let task = Run { pid: 17, began: 5, since: 9 }.task().unwrap();
        let run = Run::of(&task).unwrap();
        assert_eq!((task.as_str(), run.pid, run.began, run.since), ("17:5:9", 17, 5, 9));
        assert!(Run::of(&TaskId::new("x:1").unwrap()).is_err());
    }
}
