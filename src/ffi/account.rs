//! Accounts and their sites.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::error::{Error, ErrorKind, Result};
use crate::ops::{Overview, OverviewRequest, SiteEntry};
use crate::panel::{Site, SiteKind};
use crate::types::{Domain, Username};

use super::error::pgate_error;
use super::handle::pgate;
use super::pointer::{self, Out, Owned};
use super::status::{
    PGATE_ERR_INVALID_ARGUMENT, PGATE_OK, PGATE_SITE_ADDON, PGATE_SITE_ALIAS, PGATE_SITE_MAIN,
    PGATE_SITE_SUB, pgate_kind, pgate_status,
};
use super::{guard, text};

/// One hosting account (Plesk: one subscription) with its sites, as the panel had it when it was
/// looked up. It never changes, so threads may share it; look it up again to see changes.
pub struct pgate_account {
    overview: Overview,
    username: CString,
    home: CString,
    owner: Option<CString>,
    plan: Option<CString>,
    locale: Option<CString>,
    public_ip: Option<CString>,
    sites: Vec<pgate_site>,
}

impl Owned for pgate_account {}

/// One site of an account. It belongs to the account and lives as long as that.
pub struct pgate_site {
    domain: CString,
    domain_unicode: CString,
    kind: pgate_kind,
    document_root: Option<CString>,
    suspended: bool,
    alias_of: Option<CString>,
    refused: pgate_status,
}

const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<pgate_account>();
};

impl pgate_account {
    fn new(overview: Overview) -> Result<Self> {
        let account = &overview.account;
        let optional = |text: Option<&str>| text.map(text::keep).transpose();
        let sites = account.sites.iter().zip(&overview.entries);
        Ok(Self {
            username: text::keep(account.name().as_str())?,
            home: keep_path(&account.home)?,
            owner: optional(account.owner.as_deref())?,
            plan: optional(account.plan.as_deref())?,
            locale: optional(account.locale.as_deref())?,
            public_ip: optional(account.public_ip.map(|address| address.to_string()).as_deref())?,
            sites: sites.map(|(site, entry)| pgate_site::new(site, entry)).collect::<Result<_>>()?,
            overview,
        })
    }
}

impl pgate_site {
    fn new(site: &Site, entry: &SiteEntry) -> Result<Self> {
        if site.domain != entry.domain {
            return Err(Error::new(ErrorKind::Internal, "sites and their states are in different orders"));
        }
        Ok(Self {
            domain: text::keep(site.domain.as_str())?,
            domain_unicode: text::keep(site.domain.to_unicode())?,
            kind: match site.kind {
                SiteKind::Main => PGATE_SITE_MAIN,
                SiteKind::Addon => PGATE_SITE_ADDON,
                SiteKind::Sub => PGATE_SITE_SUB,
                SiteKind::Alias => PGATE_SITE_ALIAS,
            },
            document_root: site.document_root.as_deref().map(keep_path).transpose()?,
            suspended: site.suspended,
            alias_of: site.alias_of.as_ref().map(|target| text::keep(target.as_str())).transpose()?,
            refused: entry.refused.map_or(PGATE_OK, ErrorKind::code),
        })
    }
}

fn keep_path(path: &Path) -> Result<CString> {
    text::keep(path.as_os_str().as_bytes())
}

fn look_up(handle: &pgate, request: &OverviewRequest) -> Result<*mut pgate_account> {
    Ok(pointer::give(pgate_account::new(handle.gateway.overview(request)?)?))
}

/// Looks up an account by its user name.
///
/// username may be NULL for a caller who is an account: its own. Such a caller is refused every
/// other one. *out becomes an account, which the caller frees with pgate_account_free().
///
/// Reads the panel's data of this one account, however many others there are; on Plesk it runs the
/// panel's own program, which may take seconds.
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT (also for root without a name), PGATE_ERR_ACCOUNT_NOT_FOUND,
/// PGATE_ERR_FORBIDDEN, PGATE_ERR_PANEL_DATA; for a caller who is not root also
/// PGATE_ERR_SUSPENDED, PGATE_ERR_DEMO_ACCOUNT, PGATE_ERR_FEATURE_OFF.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_find(
    handle: *const pgate,
    username: *const c_char,
    out: *mut *mut pgate_account,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `handle` is NULL or a live handle, `username` is NULL or a string of the caller.
        let (handle, username) =
            unsafe { (pointer::borrow(handle, "handle")?, text::optional(username, "username")?) };
        let account = username.as_deref().map(Username::new).transpose()?;
        let account = look_up(handle, &OverviewRequest { account, ..OverviewRequest::default() })?;
        // SAFETY: the caller lets us write to `out`.
        unsafe { out.put(account) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Looks up the account that has a site.
///
/// domain is the site's name in Unicode or ASCII (punycode). Root finds every account's sites;
/// an account finds its own. *out becomes an account, which the caller frees with
/// pgate_account_free().
///
/// Errors: PGATE_ERR_SITE_NOT_FOUND, PGATE_ERR_SITE_NOT_YOURS, PGATE_ERR_SITE_CONFLICT if several
/// accounts claim the site, and those of pgate_account_find().
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_of_site(
    handle: *const pgate,
    domain: *const c_char,
    out: *mut *mut pgate_account,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `handle` is NULL or a live handle, `domain` is NULL or a string of the caller.
        let (handle, domain) =
            unsafe { (pointer::borrow(handle, "handle")?, text::required(domain, "domain")?) };
        let site = Some(Domain::new(&domain)?);
        let account = look_up(handle, &OverviewRequest { site, ..OverviewRequest::default() })?;
        // SAFETY: the caller lets us write to `out`.
        unsafe { out.put(account) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Frees an account, its sites and the strings that they lend. NULL is allowed.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_free(account: *mut pgate_account) {
    // SAFETY: `account` is NULL or came from a look-up, and the caller does not use it again.
    guard::value((), || unsafe { pointer::free(account) });
}

/// Returns the account's user name; NULL if account is NULL.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_username(account: *const pgate_account) -> *const c_char {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), |account| account.username.as_ptr()) }
}

/// Returns the account's home directory, an absolute path; NULL if account is NULL. A path may
/// hold bytes that are not UTF-8.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_home(account: *const pgate_account) -> *const c_char {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), |account| account.home.as_ptr()) }
}

/// Returns who the account belongs to (reseller, administrator, customer), as the panel names
/// them; NULL if the panel names nobody or account is NULL.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_owner(account: *const pgate_account) -> *const c_char {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), |account| text::lend(account.owner.as_deref())) }
}

/// Returns the account's plan (package, service plan); NULL if it has none or account is NULL.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_plan(account: *const pgate_account) -> *const c_char {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), |account| text::lend(account.plan.as_deref())) }
}

/// Returns the account's locale as the panel writes it ("en", "pt_br", "de-DE"); NULL if the
/// panel knows none or account is NULL.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_locale(account: *const pgate_account) -> *const c_char {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), |account| text::lend(account.locale.as_deref())) }
}

/// Returns the address under which the world reaches the account's sites, as text ("192.0.2.7",
/// "2001:db8::7"); NULL if it is not known or account is NULL.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_public_ip(account: *const pgate_account) -> *const c_char {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), |account| text::lend(account.public_ip.as_deref())) }
}

/// Returns whether the panel has suspended the account. false if account is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_suspended(account: *const pgate_account) -> bool {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, false, |account| account.overview.account.suspended) }
}

/// Returns whether it is a demonstration account. false if account is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_demo(account: *const pgate_account) -> bool {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, false, |account| account.overview.account.demo) }
}

/// Returns whether the account's plan and features include the builder. false if account is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_has_builder(account: *const pgate_account) -> bool {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, false, |account| account.overview.account.feature) }
}

/// Makes one JSON text of the account with all its sites and what can be opened. Members may be
/// added in later versions.
///
/// *out becomes a string, which the caller frees with pgate_string_free().
///
/// Errors: PGATE_ERR_INVALID_ARGUMENT, PGATE_ERR_INTERNAL if a path is not UTF-8.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_json(
    account: *const pgate_account,
    out: *mut *mut c_char,
    err: *mut *mut pgate_error,
) -> pgate_status {
    let body = || {
        let out = Out::new(out, "out")?;
        // SAFETY: `account` is NULL or a live account of the caller.
        let account = unsafe { pointer::borrow(account, "account") }?;
        let json = serde_json::to_vec(&account.overview).map_err(|error| {
            Error::new(ErrorKind::Internal, "the account cannot be written as JSON").with_source(error)
        })?;
        // SAFETY: the caller lets us write to `out`.
        unsafe { out.put(text::give(json)?) };
        Ok(())
    };
    // SAFETY: `err` is NULL or may be written to.
    unsafe { guard::status(err, body) }
}

/// Returns how many sites the account has. 0 if account is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_site_count(account: *const pgate_account) -> usize {
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, 0, |account| account.sites.len()) }
}

/// Returns a site of the account by its place: the main site is 0, the others follow by name.
/// NULL from pgate_account_site_count() on.
///
/// Lent by the account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_account_site(
    account: *const pgate_account,
    index: usize,
) -> *const pgate_site {
    let find = |account: &pgate_account| account.sites.get(index).map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `account` is NULL or a live account of the caller.
    unsafe { guard::get(account, ptr::null(), find) }
}

/// Returns the site's name in lower case ASCII (punycode), as DNS knows it; NULL if site is NULL.
///
/// Lent by the site's account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_domain(site: *const pgate_site) -> *const c_char {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, ptr::null(), |site| site.domain.as_ptr()) }
}

/// Returns the site's name in Unicode, to be shown to people; NULL if site is NULL.
///
/// Lent by the site's account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_domain_unicode(site: *const pgate_site) -> *const c_char {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, ptr::null(), |site| site.domain_unicode.as_ptr()) }
}

/// Returns what the site is to its account: one of the PGATE_SITE_ numbers. 0 if site is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_kind(site: *const pgate_site) -> pgate_kind {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, 0, |site| site.kind) }
}

/// Returns the site's document root, an absolute path; for an alias that of the site that it is
/// another name of. NULL if site is NULL or has no web hosting, or if its document root is not below
/// the account's home. A path may hold bytes that are not UTF-8.
///
/// Lent by the site's account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_document_root(site: *const pgate_site) -> *const c_char {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, ptr::null(), |site| text::lend(site.document_root.as_deref())) }
}

/// Returns whether the panel has suspended this site alone. false if site is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_suspended(site: *const pgate_site) -> bool {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, false, |site| site.suspended) }
}

/// Returns the name of the site that this one is an alias of, in ASCII; NULL if it is none or site
/// is NULL.
///
/// Lent by the site's account.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_alias_of(site: *const pgate_site) -> *const c_char {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, ptr::null(), |site| text::lend(site.alias_of.as_deref())) }
}

/// Returns why the site cannot be opened in the builder, as the status that pgate_session_create()
/// would return; PGATE_OK if it can. PGATE_ERR_INVALID_ARGUMENT if site is NULL.
///
/// Since ABI 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pgate_site_refused(site: *const pgate_site) -> pgate_status {
    // SAFETY: `site` is NULL or a site of a live account of the caller.
    unsafe { guard::get(site, PGATE_ERR_INVALID_ARGUMENT, |site| site.refused) }
}
