use super::*;
use crate::ops::SiteEntry;
use crate::ops::notices::Notice;
use crate::panel::Account;
use crate::types::{AccountId, Secret, Username};

/// A site: its name, what it is, why it cannot be opened, what it is an alias of.
type Sample<'a> = (&'a str, SiteKind, Option<ErrorKind>, Option<&'a str>);

/// An account with these sites, as the gateway shows it.
pub(in crate::web) fn overview(samples: &[Sample<'_>]) -> Overview {
    let domain = |name: &str| Domain::new(name).unwrap();
    let sites = samples.iter().map(|(name, kind, _, target)| Site {
        domain: domain(name),
        kind: *kind,
        document_root: Some("/home/alice/public_html".into()),
        suspended: false,
        alias_of: target.map(domain),
    });
    let entries = samples.iter().map(|(name, _, refused, _)| SiteEntry {
        domain: domain(name),
        refused: *refused,
        notices: if *name == "bücher.example" { Notice::ALL.into() } else { Vec::new() },
        token: refused.is_none().then(|| format!("token-of-{name}")),
    });
    let id = AccountId::new("cpanel", Username::new("alice").unwrap(), 1004, "1");
    let plan = Some("Gold <& \"more\"> | a".into());
    let account = Account { plan, sites: sites.collect(), ..Account::plain(id) };
    let form_targets = vec!["https://builder.example".into(), "https://evil.example; script-src *".into()];
    Overview { account, entries: entries.collect(), form_targets, backups: true }
}

const SAMPLES: [Sample<'static>; 7] = [
    ("shop.example", SiteKind::Main, None, None),
    ("a-very-long-name-that-does-not-fit-on-a-telephone.blog.shop.example", SiteKind::Sub, None, None),
    ("alias.example", SiteKind::Alias, Some(ErrorKind::SiteAlias), Some("shop.example")),
    ("www.bücher-alias.example", SiteKind::Alias, Some(ErrorKind::SiteAlias), Some("shop.example")),
    ("bücher.example", SiteKind::Addon, None, None),
    ("old.example", SiteKind::Addon, Some(ErrorKind::Suspended), None),
    ("lost.example", SiteKind::Alias, Some(ErrorKind::SiteAlias), Some("elsewhere.example")),
];

fn text(response: &Response) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn shown(samples: &[Sample<'_>], selected: Option<&str>, dialect: Dialect) -> String {
    let selected = selected.map(|name| Domain::new(name).unwrap());
    text(&chooser(&overview(samples), selected.as_ref(), dialect, &Catalogue::of(Language::En)))
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

#[test]
fn one_form_for_each_site_that_can_be_opened_and_a_reason_for_the_others() {
    let page = shown(&SAMPLES, None, Dialect::Cgi);
    assert_eq!(page.matches("<form ").count(), 3);
    assert_eq!(page.matches("<li class=\"pg-site\"").count(), 5, "aliases stand with their site");
    assert!(page.contains("name=\"token\" value=\"token-of-bücher.example\""));
    assert!(page.contains("name=\"site\" value=\"xn--bcher-kva.example\""));
    assert!(page.contains("<bdi dir=\"ltr\">bücher.example</bdi>"));
    assert!(page.contains("<bdi dir=\"ltr\">xn--bcher-kva.example</bdi>"));
    assert!(page.contains("This account or website is suspended."));
    assert!(page.contains(">alias.example</bdi>") && page.contains(">elsewhere.example</bdi>"));
    assert!(page.contains("Gold &#60;&#38; &#34;more&#34;&#62; | a"), "escaped");
}

#[test]
fn the_site_selected_in_the_panel_comes_first_and_a_foreign_one_changes_nothing() {
    let order = |selected| {
        let page = shown(&SAMPLES, selected, Dialect::Cgi);
        page.find(">old.example<").unwrap() < page.find(">shop.example<").unwrap()
    };
    assert!(order(Some("old.example")));
    assert!(!order(None));
    assert_eq!(shown(&SAMPLES, Some("foreign.example"), Dialect::Cgi), shown(&SAMPLES, None, Dialect::Cgi));
}

#[test]
fn the_main_site_comes_first_and_the_others_by_the_names_that_people_read() {
    let page = shown(&SAMPLES, None, Dialect::Cgi);
    let names = ["shop", "a-very-long", "bücher", "lost", "old"];
    let places = names.map(|name| page.find(&format!("class=\"pg-name\"><bdi dir=\"ltr\">{name}")).unwrap());
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn nothing_to_open_is_said() {
    assert!(shown(&[], None, Dialect::Cgi).contains("There is no website in your account yet."));
    assert!(shown(&SAMPLES[5..6], None, Dialect::Cgi).contains("None of your websites can be opened"));
}

#[test]
fn a_long_list_is_cut_and_offers_a_field() {
    let names: Vec<String> = (0..=limits::CHOOSER_SITES).map(|number| format!("s{number}.example")).collect();
    let samples: Vec<Sample<'_>> =
        names.iter().map(|name| (name.as_str(), SiteKind::Addon, None, None)).collect();
    let page = shown(&samples, None, Dialect::Cgi);
    assert_eq!(page.matches("<li ").count(), limits::CHOOSER_SITES);
    assert!(page.contains("500 of 501 websites are listed."));
    assert!(page.contains("<label class=\"pg-label\" for=\"pg-site\">"));
    assert!(!shown(&samples[1..], None, Dialect::Cgi).contains("pg-site\" name=\"site\" type=\"text\""));
}

#[test]
fn pages_are_whole_and_safe_in_every_language() {
    for language in Language::ALL {
        let words = Catalogue::of(*language);
        let reference = Reference::random();
        let pages = [
            chooser(&overview(&SAMPLES), None, Dialect::Cgi, &words),
            failure(
                ErrorKind::Unavailable,
                Text::FailureTitle,
                reference,
                Some("/cpsess1/x"),
                Dialect::Cgi,
                &words,
            ),
        ];
        for response in pages {
            let page = text(&response);
            let (code, direction) = (language.code(), language.direction());
            assert!(
                page.starts_with(&format!("<!doctype html>\n<html lang=\"{code}\" dir=\"{direction}\">"))
            );
            assert_eq!(page.matches("<h1").count(), 1, "{code}");
            assert_eq!(page.matches("<main").count(), 1, "{code}");
            for forbidden in ["<script", "javascript:", " onclick", "http://", "https://", "url(", "@import"]
            {
                assert!(!page.contains(forbidden), "{code}: {forbidden}");
            }
            assert!(!page.contains("\"></p>") && !page.contains("\"></h1>"), "{code}: an empty text");
            assert_eq!(header(&response, "Cache-Control").as_deref(), Some("no-store"));
            assert_eq!(header(&response, "Referrer-Policy").as_deref(), Some("no-referrer"));
            assert_eq!(header(&response, "X-Content-Type-Options").as_deref(), Some("nosniff"));
        }
    }
}

#[test]
fn the_policy_names_exactly_our_style_and_our_places() {
    let response = chooser(&overview(&SAMPLES), None, Dialect::Cgi, &Catalogue::of(Language::En));
    let policy = header(&response, "Content-Security-Policy").unwrap();
    let page = text(&response);
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self' https://builder.example; \
             frame-ancestors 'self'; base-uri 'none'"
        )
    );
    assert_eq!(page.matches("<style>").count(), 1);
    assert!(!page.contains("style=\""), "the policy would drop it");
}

#[test]
fn a_failure_page_names_its_number_and_what_can_be_done() {
    let reference = Reference::random();
    for kind in ErrorKind::ALL {
        let words = Catalogue::of(Language::En);
        let response = failure(*kind, Text::FailureTitle, reference, None, Dialect::Cgi, &words);
        let page = text(&response);
        assert_eq!(response.status(), kind.http_status(), "{kind}");
        assert!(page.contains(&reference.to_string()), "{kind}");
        assert!(page.contains(&words.error(*kind).replace('\'', "&#39;")), "{kind}");
        assert_eq!(page.contains("href=\"?\""), kind.is_retryable() || page.contains("Try again"), "{kind}");
        assert_eq!(header(&response, "Allow").is_some(), *kind == ErrorKind::MethodNotAllowed, "{kind}");
    }
    let words = Catalogue::of(Language::Fr);
    let hostile = Some("/\"><script>");
    let page =
        text(&failure(ErrorKind::Suspended, Text::FailureTitle, reference, hostile, Dialect::Cgi, &words));
    assert!(page.contains("href=\"/&#34;&#62;&#60;script&#62;\""));
}

#[test]
fn a_fragment_has_no_document_and_no_bars() {
    let page = shown(&SAMPLES, None, Dialect::Page);
    for part in ["<html", "<head>", "<body", "<title", "<main", "|"] {
        assert!(!page.contains(part), "{part}");
    }
    assert!(page.contains("&#124; a") && page.contains("lang=\"en\" dir=\"ltr\""));
    assert!(!STYLE.contains('|'), "a bar in the style sheet would be replaced too");
}

/// Writes the pages of the other tests to files, for the eye, if `PANELGATE_SAMPLES` names a directory.
#[test]
fn samples_render_in_every_dialect() {
    let directory = std::env::var_os("PANELGATE_SAMPLES").map(std::path::PathBuf::from);
    let session = Session {
        url: Secret::new("https://builder.example/s?hash=1".into()),
        account: Username::new("alice").unwrap(),
        site: Domain::new("shop.example").unwrap(),
        reference: Reference::random(),
    };
    let many: Vec<String> = (0..=limits::CHOOSER_SITES).map(|number| format!("s{number}.example")).collect();
    let many: Vec<Sample<'_>> =
        many.iter().map(|name| (name.as_str(), SiteKind::Addon, None, None)).collect();
    for language in Language::ALL {
        let words = Catalogue::of(*language);
        let mut account = overview(&SAMPLES);
        account.account.plan = Some("Business Plus".into());
        for (dialect, form) in [(Dialect::Cgi, "page"), (Dialect::Page, "fragment")] {
            let home = Some("/");
            let pages = [
                ("chooser", chooser(&account, None, dialect, &words)),
                ("many", chooser(&overview(&many), None, dialect, &words)),
                (
                    "retry",
                    failure(
                        ErrorKind::BuilderUnreachable,
                        Text::FailureTitle,
                        session.reference,
                        home,
                        dialect,
                        &words,
                    ),
                ),
                (
                    "failure",
                    failure(
                        ErrorKind::Suspended,
                        Text::FailureTitle,
                        session.reference,
                        None,
                        dialect,
                        &words,
                    ),
                ),
                ("redirect", redirect(&session, dialect, &words)),
            ];
            for (name, response) in pages {
                let page = text(&response);
                assert!(page.len() > 1000, "{name}");
                assert_eq!(page.matches("<div").count(), page.matches("</div>").count(), "{name}");
                if let Some(directory) = &directory {
                    let file = format!("{name}-{}-{form}.html", language.code());
                    std::fs::write(directory.join(file), page).unwrap();
                }
            }
        }
    }
}

#[test]
fn what_keeps_visitors_from_a_site_stands_beside_it_in_every_language() {
    for language in Language::ALL {
        let words = Catalogue::of(*language);
        let page = text(&chooser(&overview(&SAMPLES), None, Dialect::Cgi, &words));
        for notice in Notice::ALL {
            let sentence = words.notice(notice);
            assert!(sentence.len() > 20, "{language:?} {notice:?}");
            assert_eq!(page.matches(sentence).count(), 1, "{language:?} {notice:?}");
        }
    }
}
