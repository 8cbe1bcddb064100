//! The exported functions over a gateway of the test's: conversions, refusals, and a gateway that panics.
//! What the compiled library does to a C program is in tests/capi.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;
use std::path::PathBuf;
use std::ptr;

use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Gateway;
use crate::ops::endpoint::ManageRequest;
use crate::ops::{OpenRequest, Overview, OverviewRequest, Session, SiteEntry};
use crate::panel::{Account, Site, SiteKind};
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
            SiteEntry { domain: site.domain.clone(), refused, token: None }
        };
        Ok(Overview {
            entries: sites.iter().map(entry).collect(),
            account: Account {
                id: AccountId::new("ini", name, 2001, ""),
                home: PathBuf::from("/home/alice"),
                owner: None,
                plan: Some(if self.nul_in_plan { "go\0ld" } else { "gold" }.to_owned()),
                addons: Vec::new(),
                locale: Some("de".to_owned()),
                contact: None,
                suspended: false,
                demo: false,
                feature: true,
                public_ip: Some("192.0.2.7".parse().unwrap()),
                sites,
            },
            form_targets: Vec::new(),
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
fn structures_have_the_layout_of_version_1() {
    assert_eq!((size_of::<pgate_options>(), offset_of!(pgate_options, config_path)), (24, 8));
    assert_eq!(offset_of!(pgate_options, socket_path), 16);
    assert_eq!(size_of::<pgate_session_options>(), 40);
    assert_eq!(offset_of!(pgate_session_options, account), 8);
    assert_eq!(offset_of!(pgate_session_options, site), 16);
    assert_eq!(offset_of!(pgate_session_options, language), 24);
    assert_eq!(offset_of!(pgate_session_options, create_from), 32);
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
