//! Comparing panel and store: what no hook has reported.
//!
//! Nothing is done here but to queue a look at each key that does not agree with the panel, as an event does. Sites that only this comparison finds gone are few at a
//! time, so that a panel whose data are damaged in a way that nobody thought of loses few projects, and those after the grace time and with a backup.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::Account;
use crate::store::{Lifecycle, SiteRow};
use crate::sys::clock;
use crate::types::{Domain, Username};

use super::Context;
use super::lifecycle::{self, Gone};
use super::policy::{self, Operation, Principal};

/// The kind of the jobs that compare.
pub const JOB: &str = "reconcile";

/// In which way a key does not agree with the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drift {
    /// The panel does not have the site any more.
    Gone,
    /// It is gone already, and waits for its end.
    Waiting,
    /// It was gone and has come back.
    Back,
    /// It is suspended, and the builder or the publication endpoint does not know.
    Suspended,
    /// It is not suspended any more, and the builder does not know.
    Resumed,
    /// Its account does not have the builder any more.
    Without,
    /// Its account has another name.
    Renamed,
    /// The panel's data about it cannot be trusted.
    Unreadable,
}

/// A key that does not agree.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The site.
    pub site: Domain,
    /// Its account, as it was called.
    pub account: Username,
    /// Its name at the builder.
    pub key: String,
    /// In which way it does not agree.
    pub drift: Drift,
    /// More about it, for people.
    pub text: String,
    /// The job that looks after it; none in a trial, and for what is held back or cannot be read.
    pub job: Option<u64>,
    /// Whether it is left alone, because too many are gone at once.
    pub held: bool,
}

/// What a comparison gave.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How many sites were compared.
    pub sites: usize,
    /// How many may be found gone without being forced.
    pub limit: usize,
    /// How many of those that are gone are left alone for that.
    pub held: usize,
    /// How many could not be compared.
    pub unreadable: usize,
    /// What does not agree.
    pub findings: Vec<Finding>,
}

/// How a comparison is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Only say what would be done.
    pub dry_run: bool,
    /// However many are gone.
    pub force: bool,
}

/// Compares all keys with the panel.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the accounts cannot be listed, or there is none although sites were opened; [`ErrorKind::Store`].
pub(crate) fn run(context: &Context, principal: &Principal, wish: Wish) -> Result<Report> {
    policy::allow(principal, Operation::ManageJobs, context.panel.kind())?;
    let store = context.store()?;
    let rows = store.current_rows(None, None)?;
    let share = rows.len() * limits::RECONCILE_REMOVED_PERCENT / 100;
    let limit = share.max(limits::RECONCILE_REMOVED);
    let mut report = Report { sites: rows.len(), limit, ..Report::default() };
    if rows.is_empty() {
        return Ok(report);
    }
    if context.panel.accounts()?.is_empty() {
        let text = format!(
            "the panel's data have no account at all, and {} sites were opened: nothing is done",
            rows.len()
        );
        return Err(Error::new(ErrorKind::PanelData, text));
    }
    let mut left = if wish.force { usize::MAX } else { limit.saturating_sub(store.found_gone()?) };
    for (_, rows) in by_owner(rows) {
        let Some(first) = rows.first() else { continue };
        let account = context.panel.account(first.owner.name());
        for row in &rows {
            let marks = store.lifecycle(&row.key)?;
            let Some((drift, text)) = drift(context, row, &marks, &account) else { continue };
            let mut finding = Finding {
                site: row.domain.clone(),
                account: row.owner.name().clone(),
                key: row.key.as_str().to_owned(),
                drift,
                text,
                job: None,
                held: false,
            };
            let is_found = drift == Drift::Gone && !is_told(context, &marks);
            match drift {
                Drift::Unreadable => report.unreadable += 1,
                _ if is_found && left == 0 => {
                    finding.held = true;
                    report.held += 1;
                }
                _ => {
                    left = left.saturating_sub(usize::from(is_found));
                    if !wish.dry_run {
                        finding.job = Some(store.queue_look(&row.key, is_found)?);
                    }
                }
            }
            report.findings.push(finding);
        }
    }
    if report.held > 0 {
        log::warn!(
            "{} more sites than may be at once are gone from the panel's data: they are left alone (panelgate reconcile --force)",
            report.held
        );
    }
    Ok(report)
}

/// Whether the panel has said a short time ago that it removes the account. What it said long ago did not happen, or was taken back by a restore: it must not
/// lift the limit for ever.
fn is_told(context: &Context, marks: &Lifecycle) -> bool {
    let grace = context.config.grace.as_secs();
    marks.removed.is_some_and(|at| clock::unix_seconds() <= at.saturating_add(grace))
}

/// The rows of each owner, whose data are then read once.
fn by_owner(rows: Vec<SiteRow>) -> BTreeMap<Username, Vec<SiteRow>> {
    let mut owners: BTreeMap<Username, Vec<SiteRow>> = BTreeMap::new();
    for row in rows {
        owners.entry(row.owner.name().clone()).or_default().push(row);
    }
    owners
}

/// In which way a key does not agree with the panel; `None` if it does.
fn drift(
    context: &Context,
    row: &SiteRow,
    marks: &Lifecycle,
    account: &Result<Account>,
) -> Option<(Drift, String)> {
    let say = |drift, text: &str| Some((drift, text.to_owned()));
    let gone = |gone: Gone| {
        let drift = if marks.absent.is_some() { Drift::Waiting } else { Drift::Gone };
        say(drift, gone.text())
    };
    let account = match account {
        Ok(account) if account.id != row.owner => return gone(Gone::Successor),
        Ok(account) => account,
        Err(error) if error.kind() == ErrorKind::AccountNotFound => {
            return match lifecycle::renamed_account(context, row) {
                Ok(Some(now)) => {
                    let text = format!("the account is called {} now", now.name());
                    Some((Drift::Renamed, text))
                }
                Ok(None) => gone(Gone::Account),
                Err(error) => Some((Drift::Unreadable, error.chain())),
            };
        }
        Err(error) => return Some((Drift::Unreadable, error.chain())),
    };
    let Some(site) = account.site(&row.domain) else {
        if account.sites.is_empty() {
            return say(Drift::Unreadable, "the panel's data give the account no site at all");
        }
        return gone(Gone::Site);
    };
    let suspended = account.suspended || site.suspended;
    if marks.absent.is_some() {
        return say(Drift::Back, "the site is there again");
    }
    match (suspended, account.feature) {
        (true, _) if !marks.shut || marks.blocked != Some(true) => {
            say(Drift::Suspended, "the panel has suspended it")
        }
        (false, _) if marks.blocked == Some(true) => say(Drift::Resumed, "it is not suspended any more"),
        (false, false) if !marks.shut => {
            say(Drift::Without, "the account does not have the builder any more")
        }
        (false, true) if marks.shut => say(Drift::Resumed, "it may be published again"),
        _ => None,
    }
}
