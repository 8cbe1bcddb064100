use super::*;
use crate::backup::Action;
use crate::backup::plesk::standins::plesk::Instead;
use crate::error::ErrorKind;
use std::time::{Duration, Instant};

#[track_caller]
fn failure<T: std::fmt::Debug>(result: crate::error::Result<T>) -> Error {
    let error = result.unwrap_err();
    assert_clean(&error);
    error
}

#[test]
fn credentials_that_do_not_count() {
    let plesk = legacy();
    for lines in ["key = wrong-key", "login = admin\npassword = hunter22", "login = x\npassword = hunter22"] {
        let error = failure(providers(&plesk, lines)[0].capabilities());
        assert_eq!(error.kind(), ErrorKind::BackupAuth, "{error}");
    }
}

#[test]
fn refusals_by_number_and_stray_text_behind_answers() {
    let plesk = legacy();
    plesk.behave(|behaviour| behaviour.noise = true);
    let provider = xml_provider(&plesk);
    provider.capabilities().unwrap();
    let (request, account) = (request(), account("shop.example"));
    for (code, kind) in [
        (1013, ErrorKind::BackupNotFound),
        (1006, ErrorKind::BackupAuth),
        (1024, ErrorKind::BackupRefused),
        (1023, ErrorKind::BackupFailed),
        (1030, ErrorKind::BackupUnreachable),
        (1026, ErrorKind::BackupUnsupported),
        (77, ErrorKind::BackupFailed),
    ] {
        plesk.behave(|behaviour| behaviour.refuse = Some(("backup-webspace", code)));
        let error = failure(provider.start(&order(&request, &account), &Free));
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(&format!("error {code}")), "{error}");
    }
}

#[test]
fn what_is_no_answer_is_an_error_that_says_what_came() {
    let plesk = legacy();
    let provider = xml_provider(&plesk);
    provider.capabilities().unwrap();
    let whole = |status: u16, body: &str| Instead::Whole(status, "text/html", body.as_bytes().to_vec());
    for (instead, kind, part) in [
        (whole(403, "<html>Forbidden</html>"), ErrorKind::BackupAuth, "HTTP 403"),
        (whole(200, "<!DOCTYPE html><html>login</html>"), ErrorKind::BackupProtocol, "a web page"),
        (whole(502, "Bad Gateway"), ErrorKind::BackupUnreachable, "HTTP 502"),
        (whole(200, ""), ErrorKind::BackupProtocol, "nothing"),
        (whole(302, ""), ErrorKind::BackupProtocol, "nothing"),
        (whole(200, "<packet><backup-manager>"), ErrorKind::BackupProtocol, "breaks off"),
        (
            whole(200, "<!DOCTYPE p [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><packet>&a;</packet>"),
            ErrorKind::BackupProtocol,
            "document type",
        ),
        (Instead::Flood(17 << 20), ErrorKind::BackupProtocol, "more than 16777216 bytes"),
        (Instead::Close, ErrorKind::BackupUnreachable, "127.0.0.1"),
    ] {
        plesk.behave(|behaviour| behaviour.instead = Some(instead.clone()));
        let error = failure(provider.list(&of_account(), Some(&account("shop.example"))));
        assert!(error.kind() == kind && error.chain().contains(part), "{instead:?}: {error:?}");
    }
    for body in [
        "<html>login</html>",
        "",
        "<packet><system><status>error</status><errcode>1006</errcode></system></packet>",
    ] {
        plesk.behave(|behaviour| behaviour.instead = Some(whole(200, body)));
        let entry = crate::backup::EntryId::new("webspace:shop.example:x.xml").unwrap();
        let mut file = Vec::new();
        failure(provider.download(&of_account(), Some(&account("shop.example")), &entry, &mut file, &Free));
        assert!(file.is_empty(), "nothing but the file is kept: {body}");
    }
}

#[test]
fn who_hangs_is_cut_off() {
    let plesk = legacy();
    let text = format!("{}key = {KEY}\n", plesk.settings()).replace("timeout = 60", "timeout = 3");
    let provider = crate::backup::plesk::Plesk::new(&config(&text)).unwrap().xml().unwrap();
    provider.capabilities().unwrap();
    for instead in [Instead::Hang, Instead::Stall] {
        plesk.behave(|behaviour| behaviour.instead = Some(instead.clone()));
        let begin = Instant::now();
        let error = failure(provider.list(&of_account(), Some(&account("shop.example"))));
        assert_eq!(error.kind(), ErrorKind::BackupUnreachable, "{instead:?} {error}");
        assert!(begin.elapsed() < Duration::from_secs(60), "{instead:?}");
    }
    plesk.behave(|behaviour| behaviour.instead = Some(Instead::Stall));
    let entry = crate::backup::EntryId::new("webspace:shop.example:x.xml").unwrap();
    let begin = Instant::now();
    failure(provider.download(&of_account(), Some(&account("shop.example")), &entry, &mut Vec::new(), &Free));
    assert!(
        begin.elapsed() < Duration::from_secs(120),
        "a transfer that stands still ends before its whole time"
    );
}

#[test]
fn a_certificate_counts_by_its_authority_or_its_fingerprint_alone() {
    let plesk = legacy();
    let ask = |trust: &str| {
        let text = format!("[backup.plesk]\nurl = {}\nkey = {KEY}\n{trust}\n", plesk.server.origin());
        crate::backup::plesk::Plesk::new(&config(&text)).unwrap().xml().unwrap().capabilities()
    };
    assert_eq!(failure(ask("")).kind(), ErrorKind::BackupTls);
    assert!(!ask(&format!("fingerprint = {}", plesk.server.fingerprint)).unwrap().actions.is_empty());
    let error = failure(ask(&format!("fingerprint = {}", "0".repeat(64))));
    assert!(error.kind() == ErrorKind::BackupTls && error.to_string().contains("fingerprint"), "{error}");
    // Another certificate of the same authority is not the one.
    let other = legacy();
    let mixed =
        format!("ca_file = {}\nfingerprint = {}", plesk.server.ca_file.display(), other.server.fingerprint);
    assert_eq!(failure(ask(&mixed)).kind(), ErrorKind::BackupTls);
    let heard = plesk.heard();
    assert_eq!(heard, 2, "no key is shown to who is not the one");
}

#[test]
fn the_way_is_found_out_once_and_again_when_the_server_has_changed() {
    let plesk = legacy();
    let both = providers(&plesk, &format!("key = {KEY}"));
    let can = |index: usize| both[index].capabilities().unwrap().actions.contains(&Action::Create);
    assert!(can(0) && !can(1));
    let asked = plesk.heard();
    assert!(can(0) && !can(1));
    assert_eq!(plesk.heard(), asked, "it is remembered");
    plesk.behave(|behaviour| behaviour.obsidian = true);
    let (request, account) = (request(), account("shop.example"));
    let error = failure(both[0].start(&order(&request, &account), &Free));
    assert_eq!(error.kind(), ErrorKind::BackupUnsupported, "{error}");
    assert!(!can(0) && can(1), "the other way is known now");
    plesk.behave(|behaviour| behaviour.without_program = true);
    let error = failure(providers(&plesk, &format!("key = {KEY}"))[0].capabilities());
    assert!(error.kind() == ErrorKind::BackupUnsupported && error.to_string().contains("1.6.9.1"), "{error}");
}
