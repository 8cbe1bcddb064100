use super::*;
use proptest::prelude::*;

/// The variables of these pairs.
pub(in crate::web) fn variables(pairs: &[(&str, &[u8])]) -> Variables {
    Variables::collect(
        pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from_vec(value.to_vec()))),
    )
}

fn meta(pairs: &[(&str, &[u8])]) -> Meta {
    variables(pairs).check().unwrap()
}

fn session(pairs: &[(&str, &[u8])]) -> [u8; 32] {
    meta(pairs).binding.session
}

#[test]
fn the_binding_follows_what_identifies_the_panel_session() {
    let cpanel = |token: &'static [u8], cookie: &'static [u8]| {
        session(&[("cp_security_token", token), ("HTTP_COOKIE", cookie)])
    };
    let mine = cpanel(b"/cpsess1", b"a=1; cpsession=alice%3ax; b=2");
    assert_eq!(mine, cpanel(b"/cpsess1", b"cpsession=alice%3ax; b=3"), "other cookies do not matter");
    assert_ne!(mine, cpanel(b"/cpsess2", b"cpsession=alice%3ax"));
    assert_ne!(mine, cpanel(b"/cpsess1", b"cpsession=bob%3ax"));
    assert_ne!(cpanel(b"/cpsess1", b"x=1"), cpanel(b"/cpsess1", b"x=2"), "no cpsession: the whole header");

    let directadmin = |id: &'static [u8], key: &'static [u8], cookie: &'static [u8]| {
        session(&[("SESSION_ID", id), ("SESSION_KEY", key), ("HTTP_COOKIE", cookie)])
    };
    assert_eq!(directadmin(b"ab", b"c", b"x=1"), directadmin(b"ab", b"c", b"x=2"));
    assert_ne!(directadmin(b"ab", b"c", b""), directadmin(b"a", b"bc", b""), "lengths are part of it");

    assert_ne!(session(&[("HTTP_COOKIE", b"s=1")]), session(&[("HTTP_COOKIE", b"s=2")]));
    assert_ne!(session(&[("HTTP_COOKIE", b"s=\xff")]), [0; 32], "a cookie may hold any bytes");
    assert_eq!(session(&[("HTTP_COOKIE", b"")]), [0; 32]);
}

#[test]
fn the_account_that_a_panel_names() {
    let account = |pairs: &[(&str, &[u8])]| {
        variables(pairs).check().map(|meta| meta.account.map(|name| name.to_string())).map_err(|e| e.kind())
    };
    assert_eq!(account(&[("PANELGATE_ACCOUNT", b"alice")]), Ok(Some("alice".into())));
    assert_eq!(account(&[("USERNAME", b"carol")]), Ok(None), "USERNAME is DirectAdmin's");
    assert_eq!(account(&[("USERNAME", b"carol"), ("POST", b"")]), Ok(Some("carol".into())));
    assert_eq!(account(&[("USERNAME", b"admin|carol"), ("POST", b"")]), Ok(Some("carol".into())));
    assert_eq!(
        account(&[("USERNAME", b"carol"), ("POST", b""), ("PANELGATE_ACCOUNT", b"alice")]),
        Ok(Some("alice".into()))
    );
    for bad in [&b"../x"[..], b"a b", b"\xff", b"carol|", b"a'b"] {
        assert_eq!(account(&[("USERNAME", bad), ("POST", b"")]), Err(ErrorKind::BadRequest), "{bad:?}");
    }
    assert_eq!(account(&[("PANELGATE_ACCOUNT", b"alice|bob")]), Err(ErrorKind::BadRequest));
}

#[test]
fn the_link_back_is_built_from_checked_parts_only() {
    let home = |script: &str, token: &str| {
        meta(&[("SCRIPT_NAME", script.as_bytes()), ("cp_security_token", token.as_bytes())]).panel_home
    };
    let page = "/frontend/jupiter/builder/index.live.cgi";
    assert_eq!(home(page, "/cpsess12").as_deref(), Some("/cpsess12/frontend/jupiter/index.html"));
    assert_eq!(home(page, "").as_deref(), Some("/frontend/jupiter/index.html"));
    for (script, token) in
        [(page, "//evil.example"), (page, "javascript:x"), ("/frontend/a\"b/x", ""), ("/cgi-bin/x", "")]
    {
        assert_eq!(home(script, token), None, "{script} {token}");
    }
    assert_eq!(meta(&[("POST", b"")]).panel_home.as_deref(), Some("/"));
}

#[test]
fn prefetches_are_known_by_all_their_names() {
    for (name, value, want) in [
        ("HTTP_SEC_PURPOSE", "prefetch", true),
        ("HTTP_SEC_PURPOSE", "prefetch;prerender", true),
        ("HTTP_PURPOSE", "Prefetch", true),
        ("HTTP_X_MOZ", "prefetch", true),
        ("HTTP_X_PURPOSE", "preview", true),
        ("HTTP_SEC_PURPOSE", "", false),
        ("HTTP_X_OTHER", "prefetch", false),
    ] {
        assert_eq!(meta(&[(name, value.as_bytes())]).prefetch, want, "{name}: {value}");
    }
}

#[test]
fn hostile_variables() {
    let kind = |pairs: &[(&str, &[u8])]| variables(pairs).check().err().map(|error| error.kind());
    let large = vec![b'a'; limits::META_VARIABLE_BYTES + 1];
    assert_eq!(kind(&[("HTTP_COOKIE", &large)]), Some(ErrorKind::TooLarge));
    assert_eq!(kind(&[("HTTP_X_UNKNOWN", &large)]), None, "what is not used does not matter");
    for name in ["QUERY_STRING", "REQUEST_METHOD", "SCRIPT_NAME", "cp_security_token", "SESSION_ID"] {
        assert_eq!(kind(&[(name, b"a\r\nX: y")]), Some(ErrorKind::BadRequest), "{name}");
    }
    assert_eq!(kind(&[("HTTP_ACCEPT_LANGUAGE", b"de\xff\r\n")]), None);
    let many: Vec<(String, Vec<u8>)> =
        (0..=limits::META_VARIABLES).map(|n| (format!("V{n}"), vec![])).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
    assert_eq!(kind(&many), Some(ErrorKind::TooLarge));
    let twice = meta(&[("QUERY_STRING", b"a=1"), ("QUERY_STRING", b"a=2")]);
    assert_eq!(twice.query, b"a=1", "the first, as getenv");
}

#[test]
fn locales() {
    let locale = |value: &[u8]| meta(&[("LANGUAGE", value), ("POST", b"")]).locale;
    assert_eq!(locale(b"de").as_deref(), Some("de"));
    assert_eq!(locale(b"pt_BR:pt:en").as_deref(), Some("pt_BR"));
    assert_eq!(locale(b"../../etc"), None);
    assert_eq!(locale(b""), None);
    assert_eq!(meta(&[("LANGUAGE", b"de")]).locale, None, "outside DirectAdmin it is gettext's");
}

proptest! {
    #[test]
    fn never_panics(values in proptest::collection::vec(
        (0..NAMES.len(), proptest::collection::vec(any::<u8>(), 0..80)), 0..20)) {
        let pairs: Vec<(&str, &[u8])> =
            values.iter().map(|(name, value)| (NAMES[*name], value.as_slice())).collect();
        let variables = variables(&pairs);
        let _ = variables.preference();
        if let Ok(meta) = variables.check() {
            prop_assert!(!meta.query.contains(&b'\n'));
            prop_assert!(meta.panel_home.is_none_or(|home| home.starts_with('/') && !home.starts_with("//")));
        }
    }
}
