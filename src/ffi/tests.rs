//! The exported functions over a gateway of the test's: conversions, refusals, and a gateway that panics.
//! What the compiled library does to a C program is in tests/capi.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;
use std::path::PathBuf;
use std::ptr;

use super::*;
use crate::backup::BackupRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Gateway;
use crate::ops::backup::SeenJob;
use crate::ops::endpoint::ManageRequest;
use crate::ops::{OpenRequest, Overview, OverviewRequest, Session, SiteEntry};
use crate::panel::{Account, Site, SiteKind};
use crate::store::Queued;
use crate::types::{AccountId, Domain, Secret, Username};

/// Answers what the test's fields say; panics for the account `panic`.
struct Answers {
    nul_in_plan: bool,
}

fn site(name: &str, kind: SiteKind, alias_of: Option<&str>) -> Site {
    let root = (kind != SiteKind::Alias).then(|| PathBuf::from(format!("/home/alice/{name}")));
    let alias_of = alias_of.map(|name| Domain::new(name).unwrap());
    Site { domain: Domain::new(name).unwrap(), kind, document_root: root, suspended: false, alias_of }
}

impl Gateway for Answers {
    fn invoke(&self, request: &crate::ops::CallRequest) -> Result<serde_json::Value> {
        Ok(serde_json::json!({ "call": request.call, "input": request.input }))
    }

    fn manage(&self, request: &ManageRequest) -> Result<serde_json::Value> {
        assert_ne!(request.site.as_str(), "panic.example", "the gateway panics");
        match request.site.as_str() {
            "shop.example" => Ok(serde_json::json!({ "site": "shop.example", "what": request.what.name() })),
            other => Err(Error::new(ErrorKind::SiteNotFound, format!("no site {other}"))),
        }
    }

    fn order_backup(&self, request: &BackupRequest) -> Result<Queued> {
        let said = serde_json::to_value(request).unwrap();
        assert_ne!(said["subject"]["account"], "panic", "the gateway panics");
        match (&said["subject"], said["scope"].as_str(), said["prefix"].as_str()) {
            (subject, Some("project"), None) if subject["site"] == "shop.example" => {
                Ok(Queued { id: 1, joined: false })
            }
            (subject, Some("mail"), Some("x")) if subject["of"] == "account" => {
                Ok(Queued { id: 2, joined: false })
            }
            _ => Err(Error::new(ErrorKind::BackupUnsupported, said.to_string())),
        }
    }

    fn backup_job(&self, job: u64) -> Result<SeenJob> {
        assert_ne!(job, 666, "the gateway panics");
        let state = ["", "done", "running"].get(job as usize);
        let state = state.ok_or_else(|| Error::new(ErrorKind::BackupNotFound, format!("no job {job}")))?;
        Ok(SeenJob { id: job, state: (*state).to_owned(), percent: Some(40), queued: 7, reason: None })
    }

    fn cancel_backup(&self, job: u64) -> Result<SeenJob> {
        self.backup_job(job)
    }

    fn overview(&self, request: &OverviewRequest) -> Result<Overview> {
        let name = request.account.clone().unwrap_or(Username::new("alice").unwrap());
        assert_ne!(name.as_str(), "panic", "the gateway panics");
        if name.as_str() != "alice" {
            return Err(Error::new(ErrorKind::AccountNotFound, format!("no account {name}")));
        }
        let sites = vec![
            site("shop.example", SiteKind::Main, None),
            site("bücher.example", SiteKind::Addon, None),
            site("www.other.example", SiteKind::Alias, Some("shop.example")),
        ];
        let entry = |site: &Site| {
            let refused = site.alias_of.as_ref().map(|_| ErrorKind::SiteAlias);
            SiteEntry { domain: site.domain.clone(), refused, notices: Vec::new(), token: None }
        };
        Ok(Overview {
            entries: sites.iter().map(entry).collect(),
            account: Account {
                id: AccountId::new("ini", name, 2001, ""),
                home: PathBuf::from("/home/alice"),
                owner: None,
                plan: Some(if self.nul_in_plan { "go\0ld" } else { "gold" }.to_owned()),
                addons: Vec::new(),
                site_limit: None,
                locale: Some("de".to_owned()),
                contact: None,
                suspended: false,
                demo: false,
                feature: true,
                public_ip: Some("192.0.2.7".parse().unwrap()),
                sites,
            },
            form_targets: Vec::new(),
            backups: true,
        })
    }

    fn open(&self, request: &OpenRequest) -> Result<Session> {
        let account = request.account.clone().unwrap_or(Username::new("alice").unwrap());
        assert_ne!(account.as_str(), "panic", "the gateway panics");
        let site = request.site.clone().ok_or(Error::new(ErrorKind::BuilderUnreachable, "no builder"))?;
        let url = Secret::new("https://builder.example/session".to_owned());
        Ok(Session { url, account, site, reference: request.reference })
    }
}

fn handle() -> pgate {
    pgate { gateway: Box::new(Answers { nul_in_plan: false }) }
}

/// Text that the library lends.
fn lent(text: *const c_char) -> Option<String> {
    // SAFETY: the library lends NUL-terminated strings or NULL, and their object is alive in each test.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
}

/// Code and message of an error, which is freed.
fn read_error(error: *mut pgate_error) -> (pgate_status, String) {
    // SAFETY: the library made the error; it is freed once.
    unsafe {
        let read = (pgate_error_code(error), lent(pgate_error_message(error)).unwrap());
        pgate_error_free(error);
        read
    }
}

fn find(handle: &pgate, name: &CStr) -> std::result::Result<*mut pgate_account, (pgate_status, String)> {
    let (mut account, mut error) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: all pointers are live.
    let status = unsafe { pgate_account_find(handle, name.as_ptr(), &raw mut account, &raw mut error) };
    if status == PGATE_OK {
        assert!(error.is_null());
        return Ok(account);
    }
    assert!(account.is_null(), "an output was written on failure");
    let (code, message) = read_error(error);
    assert_eq!(code, status);
    Err((code, message))
}

fn options(account: *const c_char, site: *const c_char) -> pgate_session_options {
    pgate_session_options {
        size: size_of::<pgate_session_options>(),
        account,
        site,
        language: ptr::null(),
        create_from: ptr::null(),
    }
}

#[test]
fn an_account_and_its_sites_arrive_whole() {
    let account = find(&handle(), c"alice").unwrap();
    // SAFETY: the account is live until it is freed at the end.
    unsafe {
        assert_eq!(lent(pgate_account_username(account)).as_deref(), Some("alice"));
        assert_eq!(lent(pgate_account_home(account)).as_deref(), Some("/home/alice"));
        assert_eq!(lent(pgate_account_owner(account)), None);
        assert_eq!(lent(pgate_account_plan(account)).as_deref(), Some("gold"));
        assert_eq!(lent(pgate_account_locale(account)).as_deref(), Some("de"));
        assert_eq!(lent(pgate_account_public_ip(account)).as_deref(), Some("192.0.2.7"));
        assert!(!pgate_account_suspended(account) && !pgate_account_demo(account));
        assert!(pgate_account_has_builder(account));
        assert_eq!(pgate_account_site_count(account), 3);
        let second = pgate_account_site(account, 1);
        assert_eq!(lent(pgate_site_domain(second)).as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(lent(pgate_site_domain_unicode(second)).as_deref(), Some("bücher.example"));
        assert_eq!(pgate_site_kind(second), PGATE_SITE_ADDON);
        assert!(lent(pgate_site_document_root(second)).is_some());
        assert_eq!((lent(pgate_site_alias_of(second)), pgate_site_refused(second)), (None, PGATE_OK));
        let alias = pgate_account_site(account, 2);
        assert_eq!(pgate_site_kind(alias), PGATE_SITE_ALIAS);
        assert_eq!(lent(pgate_site_alias_of(alias)).as_deref(), Some("shop.example"));
        assert_eq!(lent(pgate_site_document_root(alias)), None);
        assert_eq!(pgate_site_refused(alias), PGATE_ERR_SITE_ALIAS);
        assert!(
            pgate_account_site(account, 3).is_null() && pgate_account_site(account, usize::MAX).is_null()
        );

        let mut json = ptr::null_mut();
        assert_eq!(pgate_account_json(account, &raw mut json, ptr::null_mut()), PGATE_OK);
        let value: serde_json::Value = serde_json::from_str(&lent(json).unwrap()).unwrap();
        assert_eq!(value["entries"][2]["refused"], "site-alias");
        pgate_string_free(json);
        pgate_account_free(account);
    }
}

#[test]
fn a_panic_below_becomes_a_status_in_every_function_that_goes_down() {
    let (handle, mut error) = (handle(), ptr::null_mut());
    let (code, message) = find(&handle, c"panic").unwrap_err();
    assert_eq!(code, PGATE_ERR_PANIC);
    assert!(!message.contains("the gateway panics"));
    let mut session = ptr::null_mut();
    let wanted = options(c"panic".as_ptr(), ptr::null());
    // SAFETY: all pointers are live.
    let status = unsafe {
        pgate_session_create(&raw const handle, &raw const wanted, &raw mut session, &raw mut error)
    };
    assert_eq!((status, read_error(error).0), (PGATE_ERR_PANIC, PGATE_ERR_PANIC));
    assert!(session.is_null());
    assert!(find(&handle, c"alice").is_ok_and(|account| {
        // SAFETY: just made.
        unsafe { pgate_account_free(account) };
        true
    }));
}

#[test]
fn text_that_c_cannot_hold_is_refused() {
    let handle = pgate { gateway: Box::new(Answers { nul_in_plan: true }) };
    assert_eq!(find(&handle, c"alice").unwrap_err().0, PGATE_ERR_PANEL_DATA);
    assert_eq!(find(&self::handle(), c"../alice").unwrap_err().0, PGATE_ERR_INVALID_ARGUMENT);
    assert_eq!(find(&self::handle(), c"\xff").unwrap_err().0, PGATE_ERR_INVALID_ARGUMENT);
    assert_eq!(find(&self::handle(), c"nobody").unwrap_err().0, PGATE_ERR_ACCOUNT_NOT_FOUND);
}

#[test]
fn a_session_is_rendered_and_a_failure_has_a_reference() {
    let (handle, mut session, mut error) = (handle(), ptr::null_mut(), ptr::null_mut());
    let wanted = options(c"alice".as_ptr(), c"B\xc3\xbccher.example".as_ptr());
    // SAFETY: all pointers are live until they are freed; each is freed once.
    unsafe {
        let status =
            pgate_session_create(&raw const handle, &raw const wanted, &raw mut session, &raw mut error);
        assert_eq!(status, PGATE_OK);
        assert_eq!(lent(pgate_session_site(session)).as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(lent(pgate_session_account(session)).as_deref(), Some("alice"));
        assert_eq!(lent(pgate_session_reference(session)).unwrap().len(), 9);
        for dialect in [PGATE_DIALECT_CGI, PGATE_DIALECT_NPH, PGATE_DIALECT_PAGE] {
            let (mut answer, mut length) = (ptr::null_mut(), 0);
            let (out, language) = (&raw mut answer, c"de".as_ptr());
            let status =
                pgate_session_render(session, dialect, language, out, &raw mut length, &raw mut error);
            assert_eq!(status, PGATE_OK);
            assert_eq!(lent(answer).unwrap().len(), length);
            pgate_string_free(answer);
        }
        for dialect in [0, 4, -1, i32::MAX] {
            let (mut answer, mut length) = (ptr::dangling_mut(), 77);
            let out = &raw mut answer;
            let status =
                pgate_session_render(session, dialect, ptr::null(), out, &raw mut length, ptr::null_mut());
            assert_eq!(status, PGATE_ERR_INVALID_ARGUMENT);
            assert_eq!((answer, length), (ptr::dangling_mut(), 77), "an output was written on failure");
        }
        pgate_session_free(session);

        let status = pgate_session_create(&raw const handle, ptr::null(), &raw mut session, &raw mut error);
        assert_eq!(status, PGATE_ERR_BUILDER_UNREACHABLE);
        assert!(pgate_error_retryable(error));
        assert_eq!(lent(pgate_error_name(error)).as_deref(), Some("builder-unreachable"));
        assert_eq!(lent(pgate_error_reference(error)).unwrap().len(), 9);
        let sentence = pgate_error_user_message(error, c"de".as_ptr());
        assert!(!lent(sentence).unwrap().is_empty());
        pgate_string_free(sentence);
        assert!(pgate_error_user_message(error, c"\xff".as_ptr()).is_null());
        pgate_error_free(error);
    }
}

#[test]
fn backups_are_ordered_followed_and_waited_for_no_longer_than_wanted() {
    let handle = handle();
    let order =
        |account: *const c_char, site: *const c_char, scope: *const c_char, prefix: *const c_char, size| {
            let options = pgate_backup_options {
                account,
                site,
                scope,
                prefix,
                split_size: size,
                ..<pgate_backup_options as super::options::Growing>::DEFAULTS
            };
            let (mut job, mut error) = (0, ptr::null_mut());
            // SAFETY: a live handle, a structure of its own size, places to write to.
            let status = unsafe { pgate_backup_start(&handle, &options, &mut job, &mut error) };
            if status == PGATE_OK { Ok(job) } else { Err(read_error(error)) }
        };
    let none = ptr::null();
    assert_eq!(order(none, c"shop.example".as_ptr(), none, none, 0), Ok(1));
    assert_eq!(order(none, none, c"mail".as_ptr(), c"x".as_ptr(), 0), Ok(2));
    let refusals = [
        (
            order(none, none, c"everything".as_ptr(), none, 0),
            PGATE_ERR_INVALID_ARGUMENT,
            "one of all, hosting",
        ),
        (order(none, none, none, c"../x".as_ptr(), 0), PGATE_ERR_INVALID_ARGUMENT, "prefix"),
        (order(none, none, none, none, 5), PGATE_ERR_INVALID_ARGUMENT, "split_size"),
        (order(none, none, none, none, 5 << 20), PGATE_ERR_BACKUP_UNSUPPORTED, "5242880"),
        (order(c"nobody".as_ptr(), none, none, none, 0), PGATE_ERR_BACKUP_UNSUPPORTED, "nobody"),
        (order(c"panic".as_ptr(), none, none, none, 0), PGATE_ERR_PANIC, ""),
    ];
    for (got, status, says) in refusals {
        let (number, text) = got.unwrap_err();
        assert!(number == status && text.contains(says), "{number}: {text}");
    }

    type Ask =
        unsafe extern "C" fn(*const pgate, u64, *mut *mut c_char, *mut *mut pgate_error) -> pgate_status;
    let ask = |function: Ask, job| {
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live handle and places to write to.
        let status = unsafe { function(&handle, job, &mut out, &mut error) };
        if status != PGATE_OK {
            return Err(read_error(error).0);
        }
        let json: serde_json::Value = serde_json::from_str(&lent(out).unwrap()).unwrap();
        // SAFETY: the string is ours.
        unsafe { pgate_string_free(out) };
        Ok((json["id"].as_u64().unwrap(), json["state"].as_str().unwrap().to_owned()))
    };
    for function in [pgate_backup_poll as Ask, pgate_backup_cancel] {
        assert_eq!(ask(function, 1), Ok((1, "done".to_owned())));
        assert_eq!(ask(function, 9), Err(PGATE_ERR_BACKUP_NOT_FOUND));
        assert_eq!(ask(function, 666), Err(PGATE_ERR_PANIC));
    }
    for (job, seconds, state) in [(1, 60, "done"), (2, 0, "running"), (2, 1, "running")] {
        let start = std::time::Instant::now();
        let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live handle and places to write to.
        let status = unsafe { pgate_backup_wait(&handle, job, seconds, &mut out, &mut error) };
        assert_eq!(status, PGATE_OK);
        assert!(lent(out).unwrap().contains(state));
        // SAFETY: the string is ours.
        unsafe { pgate_string_free(out) };
        let waited = start.elapsed().as_secs();
        assert!(if job == 1 { waited < 60 } else { (u64::from(seconds)..60).contains(&waited) }, "{waited}");
    }
}

#[test]
fn structures_have_the_layout_of_version_1() {
    assert_eq!((size_of::<pgate_options>(), offset_of!(pgate_options, config_path)), (24, 8));
    assert_eq!(offset_of!(pgate_options, socket_path), 16);
    assert_eq!(size_of::<pgate_session_options>(), 40);
    assert_eq!(offset_of!(pgate_session_options, account), 8);
    assert_eq!(offset_of!(pgate_session_options, site), 16);
    assert_eq!(offset_of!(pgate_session_options, language), 24);
    assert_eq!(offset_of!(pgate_session_options, create_from), 32);
    assert_eq!(size_of::<pgate_backup_options>(), 64);
    assert_eq!(offset_of!(pgate_backup_options, account), 8);
    assert_eq!(offset_of!(pgate_backup_options, description), 48);
    assert_eq!(offset_of!(pgate_backup_options, split_size), 56);
}

#[test]
fn every_exported_body_is_guarded() {
    let sources = [
        include_str!("account.rs"),
        include_str!("error.rs"),
        include_str!("handle.rs"),
        include_str!("session.rs"),
        include_str!("text.rs"),
    ];
    let mut functions = 0;
    for exported in sources.iter().flat_map(|source| source.split("#[unsafe(no_mangle)]").skip(1)) {
        let end = exported.find("\n}").expect("the end of a function");
        let (head, body) = exported[..end].split_once("{\n").expect("a body");
        assert!(head.contains("extern \"C\" fn pgate_"), "{head}");
        // Closures that the guard runs may stand before it; nothing else may.
        let (before, _) = body.split_once("guard::").unwrap_or_else(|| panic!("not guarded: {head}"));
        let statement = |line: &&str| line.starts_with("    ") && !line.starts_with("     ");
        for line in before.lines().filter(statement).map(str::trim) {
            let closure = line.starts_with("let ") && line.contains("= |");
            let allowed = closure || line.starts_with("//") || matches!(line, "" | "};" | "unsafe {");
            assert!(allowed, "outside of the guard in {head}: {line}");
        }
        functions += 1;
    }
    assert!(functions > 30, "{functions}");
}

#[test]
fn publications_are_asked_for_as_json() {
    let handle = handle();
    let ask = |function: unsafe extern "C" fn(
        *const pgate,
        *const c_char,
        *const c_char,
        *mut *mut c_char,
        *mut *mut pgate_error,
    ) -> pgate_status,
               site: Option<&CStr>| {
        let mut out = ptr::null_mut();
        let site = site.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the handle lives, the strings end with NUL, `out` may be written to, and what was given is freed once.
        unsafe {
            let status = function(&raw const handle, c"alice".as_ptr(), site, &raw mut out, ptr::null_mut());
            let text = lent(out);
            pgate_string_free(out);
            (status, text)
        }
    };
    for (function, what) in [
        (pgate_publication_status as _, "status"),
        (pgate_publication_history as _, "history"),
        (pgate_publication_undo as _, "undo"),
        (pgate_publication_unpublish as _, "unpublish"),
    ] {
        let want = format!("{{\"site\":\"shop.example\",\"what\":\"{what}\"}}");
        assert_eq!(ask(function, Some(c"Shop.Example")), (PGATE_OK, Some(want)));
        assert_eq!(ask(function, Some(c"other.example")), (PGATE_ERR_SITE_NOT_FOUND, None));
        assert_eq!(ask(function, Some(c"no domain")), (PGATE_ERR_INVALID_ARGUMENT, None));
        assert_eq!(ask(function, None), (PGATE_ERR_INVALID_ARGUMENT, None));
    }
}
