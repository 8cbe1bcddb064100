use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn texts(language: Language) -> BTreeMap<String, String> {
    serde_json::from_str(language.source()).unwrap()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect()
}

#[test]
fn every_catalogue_has_exactly_the_keys_that_are_used() {
    let pages: BTreeSet<String> = TEXTS.iter().map(|(_, key)| (*key).to_owned()).collect();
    let errors = ErrorKind::ALL.iter().map(|kind| format!("error.{}", kind.name()));
    let notices = Notice::ALL.iter().map(|notice| format!("notice.{}", notice.name()));
    let wanted: BTreeSet<String> = pages.into_iter().chain(errors).chain(notices).collect();
    for language in Language::ALL {
        let keys: BTreeSet<String> = texts(*language).into_keys().collect();
        assert_eq!(keys, wanted, "{}", language.code());
    }
}

#[test]
fn every_text_stands_in_a_page() {
    let pages = [
        include_str!("../pages.rs"),
        include_str!("../pages/backups.rs"),
        include_str!("../page.rs"),
        include_str!("../templates/backups.html"),
        include_str!("../templates/base.html"),
        include_str!("../templates/chooser.html"),
        include_str!("../templates/failure.html"),
        include_str!("../templates/redirect.html"),
    ]
    .concat();
    for (name, key) in TEXTS {
        let used = pages.match_indices(&format!("Text::{name}")).any(|(at, found)| {
            !pages[at + found.len()..].starts_with(|next: char| next.is_ascii_alphanumeric())
        });
        assert!(used, "{key} is not used");
    }
}

#[test]
fn a_key_stands_in_a_file_once() {
    // A parser takes the last of two; a translator means one of them.
    for language in Language::ALL {
        let lines = language.source().lines().filter(|line| line.contains("\": \"")).count();
        assert_eq!(lines, texts(*language).len(), "{}", language.code());
    }
}

#[test]
fn translations_are_whole_plain_text_with_equal_placeholders() {
    let english = texts(Language::En);
    for language in Language::ALL {
        for (key, text) in texts(*language) {
            let place = format!("{} {key}", language.code());
            assert!(!text.trim().is_empty() && text.trim() == text, "{place}");
            assert!(!text.contains(['<', '>', '&', '|', '"', '\n']), "{place}: plain text only");
            assert_eq!(placeholders(&text), placeholders(&english[&key]), "{place}");
            let sentence = key.starts_with("error.");
            assert!(!sentence || text.ends_with('.'), "{place}: a sentence");
            for internal in ["broker", "socket", "SQLite", "ini", "API", "root", "uid"] {
                assert!(!text.split(|c: char| !c.is_alphanumeric()).any(|word| word == internal), "{place}");
            }
        }
    }
}

#[test]
fn a_foreign_site_and_a_missing_one_are_told_in_the_same_words() {
    for language in Language::ALL {
        let text = |kind| error(*language, kind);
        assert_eq!(text(ErrorKind::SiteNotYours), text(ErrorKind::SiteNotFound), "{}", language.code());
    }
    assert_eq!(ErrorKind::SiteNotYours.http_status(), ErrorKind::SiteNotFound.http_status());
}

#[test]
fn languages_of_locales_and_headers() {
    for (locale, want) in [
        ("de", Some(Language::De)),
        ("DE-at", Some(Language::De)),
        ("es_419", Some(Language::Es)),
        ("ar_EG.UTF-8", Some(Language::Ar)),
        ("lt", Some(Language::Lt)),
        ("ja", None),
        ("", None),
        ("english", None),
    ] {
        assert_eq!(Language::from_locale(locale), want, "{locale}");
    }
    for (header, want) in [
        ("de", Some(Language::De)),
        ("ja, fr-CA;q=0.8, de;q=0.9", Some(Language::De)),
        ("fr;q=0.5,es;q=0.5", Some(Language::Fr)),
        ("de;q=0, en", Some(Language::En)),
        ("de;q=0", None),
        ("de ; q = 0.3 , lt;Q=0.4", Some(Language::Lt)),
        ("de;q=2, ar;q=0.001", Some(Language::Ar)),
        ("de;q=1.001, de;q=x, de;level=1", None),
        ("*;q=0.5, ar;q=0.6", Some(Language::Ar)),
        ("*", Some(Language::En)),
        (",;=,,;q", None),
        ("", None),
    ] {
        assert_eq!(Language::from_accept_language(header), want, "{header}");
    }
    let late = format!("{}de", "ja,".repeat(limits::LANGUAGE_RANGES));
    assert_eq!(Language::from_accept_language(&late), None, "only so many are looked at");
}

#[test]
fn the_panel_comes_before_the_account_before_the_browser() {
    let language =
        |panel, account: Option<&str>, browser| Preference::new(panel, browser).or_locale(account).language();
    assert_eq!(language("de", Some("fr"), "es"), Language::De);
    assert_eq!(language("", Some("fr"), "es"), Language::Fr);
    assert_eq!(language("ja", Some("xx"), "es"), Language::Es);
    assert_eq!(language("", None, ""), Language::En);
}

#[test]
fn filling_in() {
    assert_eq!(fill("{a} of {b}{a}", &[("a", "{b}"), ("b", "2")]), "{b} of 2{b}");
    assert_eq!(fill("{x} {", &[("a", "1")]), "{x} {");
}

proptest! {
    #[test]
    fn headers_never_panic(header in any::<String>(), weighted in "[a-z*]{0,3};q=[0-9.]{0,6}") {
        let _ = Language::from_accept_language(&header);
        let _ = Language::from_accept_language(&weighted);
    }
}
