//! DirectAdmin (`reference/directadmin.md` 5 and 7).
//!
//! - To the directory of this server: `directadmin admin-backup --destination=DIRECTORY --user=USER`. Its exit status is 0 even when it failed, so that only the
//!   archive counts.
//! - To the panel's own place, the account's `~/backups`: `CMD_SITE_BACKUP` at DirectAdmin's port as the account. DirectAdmin's list of archives says when a new
//!   one is there, and the account's home when nobody writes to it any more.

mod calls;

use std::io::Write;
use std::time::Duration;

use crate::config::{BackupConfig, PanelConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, SiteKind, Tree};
use crate::sys::{clock, process};
use crate::types::Domain;

use super::archives::{Archives, ENDINGS, Packer, account_of, account_or};
use super::homes::{self, HomeFile};
use super::{
    Action, BackupFile, BackupProvider, Capabilities, Control, Destination, DestinationKind, Entry, EntryId,
    Order, Outcome, Polled, Progress, ProviderKind, Scope, Started, Subject, SubjectKind, TaskId,
};

use calls::Calls;

/// How long an archive must have been left alone to be taken for done, in seconds: no process says that it is.
const QUIET: u64 = 15;

/// Between the names of a task: an archive's name has none.
const COMMA: char = ',';

/// DirectAdmin, as what makes backups.
pub struct DirectAdminProvider<'a> {
    tree: &'a Tree,
    panel: &'a PanelConfig,
    config: &'a BackupConfig,
}

impl<'a> DirectAdminProvider<'a> {
    /// Puts the parts together; nothing is asked yet.
    pub fn new(tree: &'a Tree, panel: &'a PanelConfig, config: &'a BackupConfig) -> Self {
        Self { tree, panel, config }
    }

    fn archives(&self) -> Archives<'a> {
        Archives { config: self.config }
    }

    fn calls(&self, account: &Account) -> Result<Calls<'a>> {
        Calls::of(self.tree, self.panel, account.name())
    }

    /// `admin-backup` into the directory of this server.
    fn package(&self, order: &Order<'_>, account: &Account, control: &dyn Control) -> Result<Started> {
        let name = account.name();
        self.archives().package(
            order,
            account,
            control,
            &Packer {
                name: "admin-backup",
                program: &self.tree.path(&self.panel.directadmin_command),
                arguments: &|staging| {
                    Ok(vec!["admin-backup".into(), destination(staging)?, format!("--user={name}")])
                },
                exit_code_counts: false,
                fits: &|file| is_archive_of(file, name.as_str()),
            },
        )
    }

    /// An archive in the account's own place, if DirectAdmin has put it there.
    fn in_backups(&self, account: &Account, name: &str) -> Result<Option<HomeFile>> {
        // Names of archives have no character that means something in a pattern.
        let files = match homes::files(self.tree, account, "backups", name) {
            Err(error) if error.kind() == ErrorKind::BackupProvider => {
                log::debug!("account {}: {error:?}", account.name());
                return Ok(None);
            }
            files => files?,
        };
        Ok(files.into_iter().next())
    }

    /// `CMD_SITE_BACKUP`. The number of the run is the list of what was there before it.
    fn order_site(&self, order: &Order<'_>, account: &Account) -> Result<Started> {
        let domain = domain_of(order, account)?;
        let calls = self.calls(account)?;
        let before = calls.archives(&domain)?;
        calls.back_up(&domain, items(order.request.scope))?;
        let names = before.iter().fold(String::from("before:"), |text, name| format!("{text}{name}{COMMA}"));
        let task = TaskId::new(names).map_err(|_| {
            let text = format!(
                "account {} has too many backups to tell which one is new: remove some",
                account.name()
            );
            Error::new(ErrorKind::BackupFailed, text)
        })?;
        Ok(Started::Task(task))
    }
}

impl BackupProvider for DirectAdminProvider<'_> {
    fn kind(&self) -> ProviderKind {
        ProviderKind::DirectAdmin
    }

    fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities {
            actions: vec![Action::Create, Action::List, Action::Download, Action::Remove],
            subjects: vec![SubjectKind::Account, SubjectKind::Site],
            scopes: vec![Scope::All, Scope::Hosting, Scope::Mail],
            destinations: vec![DestinationKind::Panel, DestinationKind::Directory],
            ..Capabilities::default()
        })
    }

    fn start(&self, order: &Order<'_>, control: &dyn Control) -> Result<Started> {
        let account = account_of(order)?;
        if order.request.destination != Destination::Directory {
            return self.order_site(order, account);
        }
        if order.request.scope != Scope::All || order.request.subject.site().is_some() {
            let text = "direct-admin backs up to [backup] directory whole accounts with all they have; parts go to the panel's own place";
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
        self.package(order, account, control)
    }

    fn find(&self, order: &Order<'_>) -> Result<Option<TaskId>> {
        let account = account_of(order)?;
        if order.request.destination != Destination::Directory {
            let text = "Panelgate was ended while it ordered the backup from DirectAdmin; whether it was made shows DirectAdmin's own list: look there, then order it again";
            return Err(Error::new(ErrorKind::BackupFailed, text));
        }
        let to = destination(&self.archives().staging_path(order, account))?;
        if process::runs_with("directadmin", &to) {
            let text = "the admin-backup of an attempt that was interrupted still runs: it is waited for";
            return Err(Error::new(ErrorKind::BackupProvider, text));
        }
        Ok(None)
    }

    fn poll(&self, order: &Order<'_>, task: &TaskId) -> Result<Polled> {
        let account = account_of(order)?;
        let before = task.as_str().strip_prefix("before:").ok_or_else(|| {
            Error::new(ErrorKind::BackupFailed, "the run's number is none of DirectAdmin's")
        })?;
        let before: Vec<&str> = before.split(COMMA).collect();
        let names = self.calls(account)?.archives(&domain_of(order, account)?)?;
        let running =
            |step: &str| Ok(Polled::Running(Progress { percent: None, step: Some(step.to_owned()) }));
        let Some(name) = names.into_iter().find(|name| !before.contains(&name.as_str())) else {
            return running("DirectAdmin packs the site");
        };
        // It may be listed as soon as it is begun.
        let file = match self.in_backups(account, &name)? {
            Some(file) if !file.is_quiet(clock::unix_seconds(), QUIET) => {
                return running("DirectAdmin finishes the archive");
            }
            file => file,
        };
        let size = file.map(|file| file.size);
        let files = vec![BackupFile { name: name.clone(), size, sha256: None }];
        Ok(Polled::Done(Outcome { files, entry: EntryId::new(name).ok(), warnings: Vec::new() }))
    }

    fn interval(&self, looks: u32) -> Duration {
        // DirectAdmin works its queue off every minute.
        Duration::from_secs(u64::from((looks + 1).min(20)))
    }

    fn list(&self, subject: &Subject, account: Option<&Account>) -> Result<Vec<Entry>> {
        let account = account_or(account)?;
        let mut entries = self.archives().list(account)?;
        let domain = subject.site().or_else(|| main_site(account));
        let names =
            domain.map(|domain| self.calls(account)?.archives(domain)).transpose()?.unwrap_or_default();
        entries.extend(names.into_iter().filter_map(|name| {
            Some(Entry {
                files: vec![BackupFile { name: name.clone(), ..BackupFile::default() }],
                id: EntryId::new(name).ok()?,
                account: Some(account.name().to_string()),
                description: Some("in the account's backups".into()),
                ..Entry::default()
            })
        }));
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
}

fn destination(staging: &std::path::Path) -> Result<String> {
    let path =
        staging.to_str().ok_or_else(|| Error::new(ErrorKind::Config, "[backup] directory is not UTF-8"))?;
    Ok(format!("--destination={path}"))
}

/// `user.CREATOR.USER.tar.gz` and the like, or `USER.tar.gz`.
fn is_archive_of(file: &str, user: &str) -> bool {
    let stem = ENDINGS.into_iter().find_map(|ending| file.strip_suffix(ending)?.strip_suffix('.'));
    stem.is_some_and(|stem| {
        stem == user
            || ["user.", "reseller.", "admin."].iter().any(|kind| stem.starts_with(kind))
                && stem.strip_suffix(user).is_some_and(|rest| rest.ends_with('.'))
    })
}

fn main_site(account: &Account) -> Option<&Domain> {
    account.sites.iter().find(|site| site.kind == SiteKind::Main).map(|site| &site.domain)
}

fn domain_of(order: &Order<'_>, account: &Account) -> Result<Domain> {
    order.request.subject.site().or_else(|| main_site(account)).cloned().ok_or_else(|| {
        let text = format!("account {} has no domain, and DirectAdmin backs up by domain", account.name());
        Error::new(ErrorKind::BackupFailed, text)
    })
}

/// What DirectAdmin calls the parts.
fn items(scope: Scope) -> &'static [&'static str] {
    const HOSTING: &[&str] = &["domain", "subdomain", "ftp", "ftpsettings", "database", "database_data"];
    const MAIL: &[&str] =
        &["email", "email_data", "emailsettings", "forwarder", "autoresponder", "vacation", "list"];
    const ALL: &[&str] = &[
        "domain",
        "subdomain",
        "email",
        "email_data",
        "emailsettings",
        "forwarder",
        "autoresponder",
        "vacation",
        "list",
        "ftp",
        "ftpsettings",
        "database",
        "database_data",
    ];
    match scope {
        Scope::Hosting => HOSTING,
        Scope::Mail => MAIL,
        Scope::All | Scope::Configuration | Scope::Project => ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_names() {
        for good in [
            "user.resell1.jsmith.tar.zst",
            "jsmith.tar.gz",
            "admin.root.jsmith.tar.gz",
            "reseller.a.jsmith.tar",
        ] {
            assert!(is_archive_of(good, "jsmith"), "{good}");
        }
        for bad in [
            "user.resell1.xjsmith.tar.zst",
            "jsmith",
            "jsmith.zip",
            "user.a.other.tar.gz",
            ".jsmith.tar.gz",
            "x.jsmith.tar.gz",
        ] {
            assert!(!is_archive_of(bad, "jsmith"), "{bad}");
        }
    }

    #[test]
    fn the_parts_of_all_are_those_of_hosting_and_mail() {
        let all = items(Scope::All);
        assert_eq!(all.len(), items(Scope::Hosting).len() + items(Scope::Mail).len());
        assert!(items(Scope::Hosting).iter().chain(items(Scope::Mail)).all(|item| all.contains(item)));
    }
}
