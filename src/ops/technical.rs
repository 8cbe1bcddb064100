//! Technical accounts: the FTP account by which the builder publishes a site of type `external` (`reference/builder-api.md` 6.5).
//!
//! The panel makes it at the site's first opening, locked into the document root. Neither name nor password is stored: the name comes from the site's token, the
//! password from the install key, the token and the site's revocation floor. So it is the same at every opening until credentials are revoked: an FTP
//! account has one password, and a builder's tab may be a month old. Whether it is there is asked of the FTP server, by logging in; an
//! account that is missing or has another password is made again.
//!
//! That there is one, and of which floor, is stored before the panel is asked to make it. Whatever ends credentials queues its end in the same transaction, so
//! that a panel which refuses to remove it at that moment is asked again until it does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::json;

use crate::builder::Publication;
use crate::error::{Error, ErrorKind, Result};
use crate::ftp::{Ftp, FtpError};
use crate::limits;
use crate::panel::{Account, FtpAccounts, FtpOrder, Site};
use crate::store::{InstallKey, JobState, NewJob, SiteRow};
use crate::types::{Domain, Secret, SiteKey};

use super::policy::{Operation, Principal};
use super::{Context, binding};

/// The kind of the jobs that make accounts.
pub(crate) const FTP_ACCOUNT: &str = "ftp-account";

/// FTP logins that have worked, by the site's token and floor.
#[derive(Default)]
pub(super) struct Logins {
    known: Mutex<HashMap<(String, u64), Instant>>,
    /// Held while accounts are made, so that two clicks do not replace each other's.
    making: Mutex<()>,
}

impl Logins {
    fn known(&self) -> MutexGuard<'_, HashMap<(String, u64), Instant>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, row: &SiteRow) -> bool {
        let known = self.known();
        known
            .get(&(row.token.clone(), row.floor))
            .is_some_and(|since| since.elapsed() < limits::FTP_LOGIN_MEMORY)
    }

    fn remember(&self, row: &SiteRow) {
        let mut known = self.known();
        known.retain(|_, since| since.elapsed() < limits::FTP_LOGIN_MEMORY);
        if known.len() < limits::FTP_LOGINS {
            known.insert((row.token.clone(), row.floor), Instant::now());
        }
    }

    fn forget(&self, row: &SiteRow) {
        self.known().retain(|(token, _), _| *token != row.token);
    }
}

/// The account's own name: 14 letters and digits, which is within what every panel takes. It can be told from a customer's and says nothing.
fn name(row: &SiteRow) -> String {
    format!("pg{}", row.token.get(..12).unwrap_or(&row.token))
}

/// The account's password: 29 characters with about 140 random bits, of a set that no program and no address gives a meaning to, and with each class of
/// characters that panels ask for.
fn password(key: &InstallKey, row: &SiteRow, floor: u64) -> Secret {
    const ALPHABET: &[u8; 56] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    for attempt in 0_u64.. {
        let mac =
            key.mac("ftp password", &[row.token.as_bytes(), &floor.to_be_bytes(), &attempt.to_be_bytes()]);
        let mut text = String::with_capacity(29);
        for (place, byte) in mac[..27].iter().enumerate() {
            if place == 9 || place == 18 {
                text.push(if place == 9 { '-' } else { '_' });
            }
            text.push(char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        }
        let has = |class: fn(&u8) -> bool| text.bytes().any(|byte| class(&byte));
        if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit) {
            return Secret::new(text);
        }
    }
    Secret::new(String::new())
}

/// What the builder needs to publish a site by FTP; makes the account if it is not there.
///
/// # Errors
/// [`ErrorKind::Publication`] if this panel makes no FTP accounts, or refuses, or if the login does not work even so.
pub(super) fn external(
    context: &Context,
    account: &Account,
    site: &Site,
    row: &SiteRow,
) -> Result<Publication> {
    let panel = accounts(context, &site.domain)?;
    let host = host(context, account, site)?;
    let (name, password) = (name(row), password(context.key()?, row, row.floor));
    let login = panel.login(account, &site.domain, &name);
    if !context.logins.is_known(row) {
        let order = FtpOrder { account, site, name: &name, password: &password };
        if context.leaves_programs.load(Ordering::Acquire) {
            ensure_by_job(context, row, &login, &password)?;
        } else {
            ensure(context, panel, row, &order, &login)?;
        }
        context.logins.remember(row);
    }
    Ok(Publication::External { host, username: login, password, upload_dir: "/".to_owned() })
}

fn ensure(
    context: &Context,
    panel: &dyn FtpAccounts,
    row: &SiteRow,
    order: &FtpOrder<'_>,
    login: &str,
) -> Result<()> {
    let _making = context.logins.making.lock().unwrap_or_else(PoisonError::into_inner);
    if !context.store()?.note_ftp_account(row)? {
        let text = format!("the credentials of {} have ended meanwhile: no FTP account is made", row.domain);
        return Err(Error::new(ErrorKind::SiteConflict, text));
    }
    let Some(server) = context.config.publish.ftp_check else { return panel.make(order) };
    match try_login(server, login, order.password) {
        Ok(()) => return Ok(()),
        Err(FtpError::Refused(..)) => {}
        Err(error) => return Err(unreachable(server, error)),
    }
    panel.make(order)?;
    log::info!("the FTP account {login} was made for {}", order.site.domain);
    // Some servers read their list of accounts anew only after a moment.
    let end = Instant::now() + limits::FTP_LOGIN_TIME;
    loop {
        match try_login(server, login, order.password) {
            Ok(()) => return Ok(()),
            Err(FtpError::Refused(..)) if Instant::now() < end => std::thread::sleep(limits::FTP_LOGIN_PAUSE),
            Err(error @ FtpError::Refused(..)) => {
                let text = format!(
                    "the panel has made the FTP account {login}, and the FTP server at {server} does not let it in ([publish] ftp_check)"
                );
                return Err(Error::new(ErrorKind::Publication, text).with_source(error));
            }
            Err(error) => return Err(unreachable(server, error)),
        }
    }
}

/// Makes the FTP account of a site that is still its owner's, if it is not there; gives its login.
///
/// # Errors
/// As [`external`]; and why the site may not be published any more.
pub(crate) fn make(context: &Context, row: &SiteRow) -> Result<String> {
    let (account, site) = binding::bound(context, &Principal::Root, Operation::OpenSite, row)?;
    let panel = accounts(context, &site.domain)?;
    let (name, password) = (name(row), password(context.key()?, row, row.floor));
    let login = panel.login(&account, &site.domain, &name);
    let order = FtpOrder { account: &account, site: &site, name: &name, password: &password };
    ensure(context, panel, row, &order, &login)?;
    Ok(login)
}

/// Has the account made by the program that runs jobs, and waits for it.
fn ensure_by_job(context: &Context, row: &SiteRow, login: &str, password: &Secret) -> Result<()> {
    let check = context.config.publish.ftp_check;
    match check.map(|server| (server, try_login(server, login, password))) {
        Some((_, Ok(()))) => return Ok(()),
        Some((server, Err(error @ FtpError::Io(_)))) => return Err(unreachable(server, error)),
        Some((_, Err(FtpError::Refused(..)))) | None => {}
    }
    let store = context.store()?;
    let job = store.queue_job(&NewJob {
        kind: FTP_ACCOUNT.to_owned(),
        lane: FTP_ACCOUNT.to_owned(),
        subject: row.domain.to_string(),
        account: Some(row.owner.name().clone()),
        owner: Some(row.owner.clone()),
        site: Some(row.domain.clone()),
        key: Some((row.key.clone(), row.floor)),
        arguments: json!({ "floor": row.floor }).to_string(),
        next: 0,
        join: Some(0),
    })?;
    let end = Instant::now() + limits::FTP_JOB_WAIT;
    while Instant::now() < end {
        match store.job(job.id)? {
            Some(job) if job.state == JobState::Done => return Ok(()),
            Some(job) if job.state == JobState::Failed || job.state == JobState::Cancelled => {
                let why = job.reason.unwrap_or_else(|| "it was cancelled".to_owned());
                let text = format!("the FTP account of {} was not made (job {}): {why}", row.domain, job.id);
                return Err(Error::new(ErrorKind::Publication, text));
            }
            _ => std::thread::sleep(limits::FTP_JOB_PAUSE),
        }
    }
    let text = format!(
        "the FTP account of {} is not made yet (job {}): does panelgate-jobs.service run?",
        row.domain, job.id
    );
    Err(Error::new(ErrorKind::Unavailable, text))
}

fn try_login(server: SocketAddr, login: &str, password: &Secret) -> std::result::Result<(), FtpError> {
    let mut ftp = Ftp::connect(server, limits::FTP_LOGIN_TIME)?;
    ftp.login(login, password)?;
    ftp.quit();
    Ok(())
}

fn unreachable(server: SocketAddr, error: FtpError) -> Error {
    let text = format!(
        "the FTP server at {server} cannot be asked whether a login works: start it, or set [publish] ftp_check or another type"
    );
    Error::new(ErrorKind::Publication, text).with_source(error)
}

/// Removes the FTP account of a key, if it has one whose credentials have ended. Gives whether it had.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if it is still there; those of panel and store. All of it may be done again.
pub(crate) fn end(context: &Context, key: &SiteKey) -> Result<bool> {
    let store = context.store()?;
    let _making = context.logins.making.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((row, floor)) = store.by_key(key)?.zip(store.ftp_account(key)?) else { return Ok(false) };
    // One of that name was made again since, for credentials that are good.
    if !row.closed && row.floor <= floor {
        return Ok(false);
    }
    let row = SiteRow { floor, ..row };
    context.logins.forget(&row);
    remove(context, &row).map_err(|error| {
        let text = format!("the FTP account {} of {} is still there", name(&row), row.domain);
        Error::new(ErrorKind::Unavailable, text).with_source(error)
    })?;
    store.forget_ftp_account(key, floor)?;
    Ok(true)
}

/// Removes the FTP account of a row; its password is that of the row's floor.
fn remove(context: &Context, row: &SiteRow) -> Result<()> {
    let Some(panel) = context.panel.ftp_accounts() else { return Ok(()) };
    let account = match context.panel.account(row.owner.name()) {
        Ok(account) if account.id == row.owner => account,
        // The panel has removed it with everything that was its account's.
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AccountNotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let name = name(row);
    let Err(error) = panel.remove(&account, &row.domain, &name) else {
        log::info!("the FTP account {name} of {} was removed", row.domain);
        return Ok(());
    };
    // A suspended account is not let in anyway: that says nothing about the time after it.
    if account.suspended {
        return Err(error);
    }
    // A panel may call it a failure that there was none. Then nobody can log in.
    let password = password(context.key()?, row, row.floor);
    let login = panel.login(&account, &row.domain, &name);
    match context.config.publish.ftp_check.map(|server| try_login(server, &login, &password)) {
        Some(Err(FtpError::Refused(..))) => Ok(()),
        _ => Err(error),
    }
}

fn accounts<'a>(context: &'a Context, site: &Domain) -> Result<&'a dyn FtpAccounts> {
    context.panel.ftp_accounts().ok_or_else(|| {
        let text = format!(
            "publication type external needs an FTP account, which {} cannot make: set ftp_host, ftp_user and ftp_password in [site {site}], or use another type",
            context.panel.kind().title()
        );
        Error::new(ErrorKind::Publication, text)
    })
}

fn host(context: &Context, account: &Account, site: &Site) -> Result<String> {
    let configured = context.config.publish.ftp_host.clone();
    configured.or_else(|| account.public_ip.map(|address| address.to_string())).ok_or_else(|| {
        let text = format!(
            "publication type external of {} needs the server's address: set [publish] ftp_host",
            site.domain
        );
        Error::new(ErrorKind::Publication, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::row_of_tests as row;

    #[test]
    fn names_and_passwords_are_what_panels_take() {
        let key = InstallKey::fixed(1);
        assert_eq!(name(&row("a", 0)), "pgaaaaaaaaaaaa");
        for floor in 0..500 {
            let password = password(&key, &row("b", 0), floor);
            let text = password.expose();
            assert_eq!(text.len(), 29);
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert!(
                text.bytes().any(|byte| byte.is_ascii_digit())
                    && text.bytes().any(|byte| byte.is_ascii_uppercase())
            );
        }
    }

    #[test]
    fn a_password_is_of_one_site_one_floor_and_one_installation() {
        let of = |key: u8, token: &str, floor| {
            password(&InstallKey::fixed(key), &row(token, 0), floor).expose().to_owned()
        };
        let first = of(1, "a", 0);
        assert_eq!(first, of(1, "a", 0));
        for other in [of(2, "a", 0), of(1, "b", 0), of(1, "a", 1)] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn logins_are_remembered_for_their_floor_only() {
        let logins = Logins::default();
        logins.remember(&row("a", 3));
        assert!(
            logins.is_known(&row("a", 3)) && !logins.is_known(&row("a", 4)) && !logins.is_known(&row("b", 3))
        );
        logins.forget(&row("a", 4));
        assert!(!logins.is_known(&row("a", 3)));
    }
}
