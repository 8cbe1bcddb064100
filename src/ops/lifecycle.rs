//! Bringing one key into line with what the panel says now (`reference/builder-api.md` 6.6).
//!
//! Whatever was told before, the panel is read here, and what is done follows from that alone. Doing it twice is doing it once: what the builder was told last, and whether
//! credentials have ended, is kept beside the key. A key has one owner for ever, so that nothing here can reach whoever has the site's name now.

use serde_json::{Map, Value, json};

use crate::builder::{Site as Subject, project};
use crate::calls::{Call, Effective};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, Site};
use crate::publish::generation;
use crate::store::{Binding, Lifecycle, SiteRow};
use crate::sys::clock;
use crate::types::{Domain, SiteKey};

use super::{Context, binding};

/// What the panel says about the site of a key.
pub(crate) enum Standing {
    /// Its owner has it.
    Present(Box<Account>, Site),
    /// Its owner has it no more: why.
    Gone(Gone),
}

/// In which way a site is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The panel has no account of that name.
    Account,
    /// The account of that name is another one.
    Successor,
    /// The account does not have the site.
    Site,
}

impl Gone {
    /// A phrase for log and output.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Account => "the panel has no such account",
            Self::Successor => "the account of that name is another one now",
            Self::Site => "the account does not have the site",
        }
    }
}

/// Asks the panel about a key's site. An account that has another name, and is otherwise the same, keeps its keys.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the data cannot be read, or are empty: that nothing is there at all is no news about one site.
pub(crate) fn standing(context: &Context, row: &mut SiteRow) -> Result<Standing> {
    let account = match context.panel.account(row.owner.name()) {
        Ok(account) => account,
        Err(error) if error.kind() == ErrorKind::AccountNotFound => {
            return match renamed_account(context, row)? {
                Some(account) => {
                    *row = context.store()?.rename_owner(row, &account.id)?;
                    log::info!(
                        "account {} is called {} now and keeps {}",
                        row.owner,
                        account.name(),
                        row.key
                    );
                    of_account(row, account)
                }
                None => {
                    check_accounts(context, row)?;
                    Ok(Standing::Gone(Gone::Account))
                }
            };
        }
        Err(error) => return Err(error),
    };
    if account.id != row.owner {
        return Ok(Standing::Gone(Gone::Successor));
    }
    of_account(row, account)
}

fn of_account(row: &SiteRow, account: Account) -> Result<Standing> {
    if let Some(site) = account.site(&row.domain) {
        let site = site.clone();
        return Ok(Standing::Present(Box::new(account), site));
    }
    if account.sites.is_empty() {
        let text = format!(
            "the panel's data give account {} no site at all: that {} is gone is not believed",
            account.name(),
            row.domain
        );
        return Err(Error::new(ErrorKind::PanelData, text));
    }
    Ok(Standing::Gone(Gone::Site))
}

/// That an account is not there is believed only where others are.
fn check_accounts(context: &Context, row: &SiteRow) -> Result<()> {
    let names = context.panel.accounts()?;
    let name = row.owner.name();
    if names.is_empty() || names.contains(name) {
        let text = if names.is_empty() {
            format!("the panel's data have no account at all: that {name} is gone is not believed")
        } else {
            format!("the panel lists account {name} and has no data of it: that it is gone is not believed")
        };
        return Err(Error::new(ErrorKind::PanelData, text));
    }
    Ok(())
}

/// The account that a key's owner is now, under another name: who has the site, with the same uid and mark.
pub(crate) fn renamed_account(context: &Context, row: &SiteRow) -> Result<Option<Account>> {
    let marks = context.store()?.lifecycle(&row.key)?;
    for domain in [Some(&row.domain), marks.renamed.as_ref()].into_iter().flatten() {
        for name in context.panel.owners(domain)? {
            let account = match context.panel.account(&name) {
                Err(error) if error.kind() == ErrorKind::AccountNotFound => continue,
                other => other?,
            };
            if binding::is_renamed(context, &row.owner, &account.id)? {
                return Ok(Some(account));
            }
        }
    }
    Ok(None)
}

/// Brings a key into line with the panel; gives what was done, for the job's result.
///
/// # Errors
/// The panel's, the store's or the builder's; all of it may be done again.
pub(crate) fn sync(context: &Context, key: &SiteKey) -> Result<Value> {
    let store = context.store()?;
    let Some(mut row) = store.by_key(key)?.filter(|row| !row.closed) else {
        return Ok(json!({ "state": "closed" }));
    };
    let marks = store.lifecycle(key)?;
    match standing(context, &mut row)? {
        Standing::Present(account, _) if is_made_anew(&row, &marks) => close_remade(context, &account, &row),
        Standing::Present(account, site) => present(context, &row, &marks, &account, &site),
        Standing::Gone(Gone::Site) if marks.renamed.is_some() => renamed(context, &row, &marks),
        Standing::Gone(gone) => absent(context, &row, gone),
    }
}

/// Whether the panel has removed the account and made one of the same name since, which nothing else tells from the first one.
fn is_made_anew(row: &SiteRow, marks: &Lifecycle) -> bool {
    let again = marks.removed.zip(marks.created).is_some_and(|(removed, created)| created >= removed);
    again && row.owner.mark().is_empty() && marks.removed.is_some_and(|removed| row.opened <= removed)
}

/// Whoever has the name now gets keys of their own.
fn close_remade(context: &Context, account: &Account, row: &SiteRow) -> Result<Value> {
    let now = clock::unix_seconds();
    let closed = context.store()?.close_gone(row, now)?;
    log::warn!("{} was made anew: the key {} of its predecessor is closed", account.name(), row.key);
    Ok(json!({ "state": "made anew", "closed": closed }))
}

fn present(
    context: &Context,
    row: &SiteRow,
    marks: &Lifecycle,
    account: &Account,
    site: &Site,
) -> Result<Value> {
    let store = context.store()?;
    if marks.absent.is_some() {
        log::info!("{} of {} is there again: its key stays", row.domain, row.owner);
    }
    let suspended = account.suspended || site.suspended;
    let shut = suspended || !account.feature;
    let revoked = shut && end_credentials(context, row)?;
    if marks.absent.is_some() || marks.shut != shut || marks.resumed {
        // That a suspension is over is forgotten when the builder knows it.
        let told = marks.blocked.is_none() && marks.resumed;
        if !told {
            store.note_present(&row.key, shut)?;
        }
    }
    let mut row = row.clone();
    if marks.renamed.as_ref() == Some(&row.domain) {
        row.key = rename_at_builder(context, &row)?;
    }
    let unblock = marks.blocked == Some(true) || (marks.blocked.is_none() && marks.resumed);
    let told = if suspended != marks.blocked.unwrap_or(false) || (!suspended && unblock) {
        tell_blocked(context, &row, suspended)?
    } else {
        false
    };
    if !suspended && marks.resumed {
        store.note_present(&row.key, shut)?;
    }
    Ok(json!({ "state": if suspended { "suspended" } else { "present" }, "revoked": revoked, "told": told }))
}

/// Ends what was handed out for a site, once; an FTP account is removed by a job of its own. Gives whether that was now.
fn end_credentials(context: &Context, row: &SiteRow) -> Result<bool> {
    if !context.store()?.shut(&row.key, generation(clock::unix_seconds()))? {
        return Ok(false);
    }
    log::info!("the publication credentials of {} have ended", row.domain);
    Ok(true)
}

/// Tells the builder whether a site is blocked. Gives whether it was told: one that knows no such site, or has no such call, has nothing to block.
fn tell_blocked(context: &Context, row: &SiteRow, blocked: bool) -> Result<bool> {
    let made = Effective::of(Call::SetBlocked, context.config.builder.calls.get(&Call::SetBlocked));
    let told = match made.available() {
        Err(what) => {
            log::info!("{}: the builder is not told: {what}", row.key);
            false
        }
        Ok(()) => match context.builder.set_blocked(&row.key, blocked) {
            Ok(_) => {
                log::info!("{}: the builder was told: blocked {blocked}", row.key);
                true
            }
            Err(error) if project::is_absent(&error) || project::has_no_such_call(&error) => {
                log::info!("{}: the builder has nothing to block: {error:?}", row.key);
                true
            }
            Err(error) => return Err(error),
        },
    };
    context.store()?.note_blocked(&row.key, blocked)?;
    Ok(told)
}

fn absent(context: &Context, row: &SiteRow, gone: Gone) -> Result<Value> {
    // Before the removal is queued: an end of credentials that fails is tried again.
    let revoked = end_credentials(context, row)?;
    let since = context.store()?.note_absent(row, context.config.grace.as_secs())?;
    log::warn!(
        "{} of {} is gone: {}. Its project is backed up and deleted {} seconds after {since}, unless it comes back",
        row.domain,
        row.owner,
        gone.text(),
        context.config.grace.as_secs()
    );
    Ok(json!({ "state": "gone", "why": gone.text(), "since": since, "revoked": revoked }))
}

/// A site that has the name that the panel has told of: its row takes that name now, and the key as soon as the builder has it.
fn renamed(context: &Context, row: &SiteRow, marks: &Lifecycle) -> Result<Value> {
    let store = context.store()?;
    let Some(new) = &marks.renamed else { return absent(context, row, Gone::Site) };
    let account = context.panel.account(row.owner.name())?;
    let is_theirs = account.id == row.owner && account.site(new).is_some();
    if !is_theirs || !store.move_site(row, new)? {
        store.forget_name(&row.key, new)?;
        return absent(context, row, Gone::Site);
    }
    log::warn!("{} is called {new} now", row.domain);
    let moved = SiteRow { domain: new.clone(), ..row.clone() };
    store.note_present(&row.key, marks.shut)?;
    let key = rename_at_builder(context, &moved)?;
    Ok(json!({ "state": "renamed", "domain": new, "key": key.as_str() }))
}

/// Gives a site its new name at the builder too, if that can be: else the key stays, and the builder is told the domain beside it. Gives the key from now on.
fn rename_at_builder(context: &Context, row: &SiteRow) -> Result<SiteKey> {
    let store = context.store()?;
    let (old, new) = (row.key.clone(), SiteKey::of(&row.domain));
    let keep = |why: &str| {
        log::info!("the builder keeps calling {} by {old}: {why}", row.domain);
        store.forget_name(&old, &row.domain)?;
        Ok(old.clone())
    };
    let call = Call::WebsiteRename;
    if old == new || old.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
        return keep("it is its key");
    }
    if let Err(what) = Effective::of(call, context.config.builder.calls.get(&call)).available() {
        return keep(&what);
    }
    // For the builder a name with and without `www.` is one website.
    for name in [Some(row.domain.clone()), row.domain.without_www()].into_iter().flatten() {
        if context.panel.owners(&name)?.iter().any(|owner| owner != row.owner.name()) {
            return keep("another account has the name, with or without www");
        }
    }
    let account = context.panel.account(row.owner.name())?;
    if binding::first_binding(context, &account, &row.domain)? != Binding::Plain {
        return keep("the name may be another server's at the builder");
    }
    if store.check_rename(row, &row.domain).is_err() {
        return keep("the name was another site's at the builder");
    }
    let body: Map<String, Value> =
        [("newDomain".to_owned(), Value::from(new.as_str()))].into_iter().collect();
    match context.builder.invoke::<Map<String, Value>>(call, Some(Subject::Key(&old)), &body) {
        Ok(_) => {}
        // It may be that it was renamed the last time, and that its answer was lost.
        Err(error) if project::is_absent(&error) && has_project(context, &row.domain) => {}
        Err(error) if is_final(&error) => return keep(&error.chain()),
        Err(error) => return Err(error),
    }
    // What was told of the old key is told of the new one: the row and all that hangs on it has it from now on.
    let renamed = store.rename_site(row, &row.domain)?;
    store.forget_name(&renamed.key, &row.domain)?;
    log::warn!("the builder calls {} {} from now on", old, renamed.key);
    Ok(renamed.key)
}

/// Whether the builder has a website of a name.
fn has_project(context: &Context, domain: &Domain) -> bool {
    matches!(context.builder.published_one(domain), Ok(Some(_)))
}

/// Whether the builder will not say anything else later.
fn is_final(error: &Error) -> bool {
    project::has_no_such_call(error) || error.kind() == ErrorKind::BuilderRefused
}

/// Closes the key of a site that has been gone for the grace time, if it still is; gives what was done.
///
/// # Errors
/// The panel's or the store's.
pub(crate) fn remove(context: &Context, key: &SiteKey) -> Result<Removed> {
    let store = context.store()?;
    let Some(mut row) = store.by_key(key)?.filter(|row| !row.closed) else {
        return Ok(Removed::Done(json!({ "state": "closed already" })));
    };
    let Some(since) = store.lifecycle(key)?.absent else {
        return Ok(Removed::Done(json!({ "state": "it came back" })));
    };
    let due = since.saturating_add(context.config.grace.as_secs());
    if clock::unix_seconds() < due {
        return Ok(Removed::Later(due));
    }
    match standing(context, &mut row)? {
        Standing::Present(..) => {
            store.queue_look(key, false)?;
            Ok(Removed::Done(json!({ "state": "it came back" })))
        }
        Standing::Gone(gone) => {
            let closed = store.close_gone(&row, since)?;
            log::warn!("the key {} of {} is closed: {}", row.key, row.owner, gone.text());
            Ok(Removed::Done(json!({ "state": "closed", "why": gone.text(), "closed": closed })))
        }
    }
}

/// What became of a removal.
pub(crate) enum Removed {
    /// It has an end.
    Done(Value),
    /// Its time has not come: Unix seconds.
    Later(u64),
}
