use super::*;
use crate::ops::backup::{ProjectFile, Seen, SeenFile, SeenJob};
use crate::ops::endpoint::ManageRequest;
use crate::ops::{Overview, Session};
use crate::panel::SiteKind;
use crate::store::Queued;
use crate::types::{Secret, Username};
use crate::web::guard::admit;
use crate::web::meta::tests::variables;
use crate::web::pages::tests::overview;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::time::Duration;

type Sites = &'static [(&'static str, SiteKind, Option<ErrorKind>, Option<&'static str>)];

/// A gateway that has these sites, or refuses, and writes down what it was asked to open.
#[derive(Default)]
struct Fake {
    sites: Sites,
    refuse: Option<ErrorKind>,
    locale: Option<&'static str>,
    opened: Mutex<Vec<OpenRequest>>,
    /// Where the last backup stands.
    job: Option<&'static str>,
    old: bool,
    /// Sites and tokens of the backups that were ordered.
    ordered: Mutex<Vec<(String, Option<String>)>>,
}

impl Gateway for Fake {
    fn invoke(&self, request: &crate::ops::CallRequest) -> Result<serde_json::Value> {
        Ok(serde_json::json!({ "call": request.call, "input": request.input }))
    }

    fn manage(&self, request: &ManageRequest) -> Result<serde_json::Value> {
        Err(Error::new(ErrorKind::Internal, format!("a page asks about {}", request.site)))
    }

    fn overview(&self, request: &OverviewRequest) -> Result<Overview> {
        assert!(request.binding.is_some(), "the page shows forms");
        if let Some(kind) = self.refuse {
            return Err(Error::new(kind, "the details are for the log"));
        }
        let mut overview = overview(self.sites);
        overview.account.locale = self.locale.map(str::to_owned);
        overview.backups = !self.old;
        Ok(overview)
    }

    fn backup_project(&self, wish: &ProjectWish) -> Result<Queued> {
        let token = wish.form.as_ref().map(|(token, _)| token.clone());
        self.ordered.lock().unwrap().push((wish.site.as_ref().unwrap().to_string(), token));
        match self.refuse {
            Some(kind) => Err(Error::new(kind, "the details are for the log")),
            None => Ok(Queued { id: 7, joined: false }),
        }
    }

    fn project_backups(&self, wish: &ProjectWish) -> Result<Seen> {
        assert!(wish.binding.is_some() && wish.form.is_none(), "the page shows a form");
        if let Some(kind) = self.refuse {
            return Err(Error::new(kind, "the details are for the log"));
        }
        let job = self.job.map(|state| SeenJob {
            id: 7,
            state: state.to_owned(),
            percent: None,
            queued: 1,
            reason: None,
        });
        Ok(Seen { site: wish.site.clone().unwrap(), files: vec![kept()], job, token: Some("t0k".into()) })
    }

    fn take_project(&self, wish: &ProjectWish, name: Option<&str>) -> Result<ProjectFile> {
        let found = wish.site.as_ref().is_some_and(|site| site.as_str() == "shop.example");
        if !found || name != Some("one.sitebuilder") {
            return Err(Error::new(ErrorKind::BackupNotFound, "there is no such backup"));
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        Ok(ProjectFile { file, about: kept() })
    }

    fn open(&self, request: &OpenRequest) -> Result<Session> {
        let site = request.site.clone().unwrap();
        self.opened.lock().unwrap().push(OpenRequest {
            form: request.form.clone(),
            language: request.language.clone(),
            account: request.account.clone(),
            site: request.site.clone(),
            ..OpenRequest { reference: request.reference, ..OpenRequest::new() }
        });
        if let Some(kind) = self.refuse {
            return Err(Error::new(kind, "the details are for the log"));
        }
        Ok(Session {
            url: Secret::new("https://builder.example/s?hash=1".into()),
            account: Username::new("alice").unwrap(),
            site,
            reference: request.reference,
        })
    }
}

fn kept() -> SeenFile {
    SeenFile { name: "one.sitebuilder".into(), made: 1_795_253_400, size: 10, sha256: "ab".repeat(32) }
}

const ONE: Sites = &[
    ("shop.example", SiteKind::Main, None, None),
    ("alias.example", SiteKind::Alias, Some(ErrorKind::SiteAlias), Some("shop.example")),
];
const TWO: Sites =
    &[("shop.example", SiteKind::Main, None, None), ("blog.example", SiteKind::Addon, None, None)];

const GET: (&str, &[u8]) = ("REQUEST_METHOD", b"GET");
const POST: (&str, &[u8]) = ("REQUEST_METHOD", b"POST");

/// Lets a request through guard and page, as the program does.
fn ask(gateway: &Fake, pairs: &[(&str, &[u8])]) -> Response {
    let (reader, _) = std::io::pipe().unwrap();
    let variables = variables(pairs);
    let visit = Visit {
        dialect: Dialect::Cgi,
        reference: Reference::random(),
        preference: variables.preference(),
        head: variables.is_head(),
        about: Text::FailureTitle,
    };
    match admit(variables, reader.as_fd(), Duration::from_millis(100)) {
        Ok((meta, request)) => {
            let response = answer(gateway, visit, &meta, &request);
            if let Some(opened) = gateway.opened.lock().unwrap().last() {
                assert_eq!(opened.reference, visit.reference, "page and log have one number");
            }
            response
        }
        Err(error) => visit.finish(visit.failure(&error, None)),
    }
}

fn opened(gateway: &Fake) -> Vec<String> {
    let opened = gateway.opened.lock().unwrap();
    opened.iter().map(|request| request.site.as_ref().unwrap().to_string()).collect()
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

fn location(response: &Response) -> Option<&str> {
    response.headers().find(|(name, _)| *name == "Location").map(|(_, value)| value)
}

#[test]
fn one_site_goes_straight_through_several_are_chosen_from() {
    let one = Fake { sites: ONE, ..Fake::default() };
    let response = ask(&one, &[GET]);
    assert_eq!((response.status(), location(&response)), (303, Some("https://builder.example/s?hash=1")));
    assert_eq!(opened(&one), ["shop.example"]);
    assert!(one.opened.lock().unwrap()[0].form.is_none());

    let two = Fake { sites: TWO, ..Fake::default() };
    let response = ask(&two, &[GET]);
    assert_eq!((response.status(), location(&response)), (200, None));
    assert_eq!(text(&response).matches("method=\"post\"").count(), 2);
    assert!(opened(&two).is_empty());
}

#[test]
fn a_view_may_name_its_site() {
    for query in ["site=blog.example", "domain=Blog.Example", "x=1&site=blog.example"] {
        let two = Fake { sites: TWO, ..Fake::default() };
        assert_eq!(ask(&two, &[GET, ("QUERY_STRING", query.as_bytes())]).status(), 303, "{query}");
        assert_eq!(opened(&two), ["blog.example"]);
    }
    for query in ["site=a&site=b", "site=..", "site=a.example&domain=b.example"] {
        let two = Fake { sites: TWO, ..Fake::default() };
        assert_eq!(ask(&two, &[GET, ("QUERY_STRING", query.as_bytes())]).status(), 400, "{query}");
        assert!(opened(&two).is_empty());
    }
}

#[test]
fn a_submitted_form_carries_its_token_and_the_session() {
    let two = Fake { sites: TWO, ..Fake::default() };
    let session: [(&str, &[u8]); 2] = [("SESSION_ID", b"a"), ("SESSION_KEY", b"b")];
    let form = ("POST", &b"csrftoken=z&site=blog.example&token=t0k&lang=de"[..]);
    assert_eq!(ask(&two, &[POST, session[0], session[1], form]).status(), 303);
    let requests = two.opened.lock().unwrap();
    let (token, binding) = requests[0].form.as_ref().unwrap();
    assert_eq!(token, "t0k");
    assert_ne!(binding.session, [0; 32]);
}

#[test]
fn forms_that_are_not_ours_open_nothing() {
    let plain: (&str, &[u8]) = ("CONTENT_TYPE", b"text/plain");
    let json: (&str, &[u8]) = ("CONTENT_TYPE", b"application/json");
    for (pairs, body) in [
        (vec![POST], "site=blog.example"),
        (vec![POST], "token=t"),
        (vec![POST], "site=&token=t"),
        (vec![POST], "site=blog.example&site=shop.example&token=t"),
        (vec![POST], "site=blog.example&token=t&token=u"),
        (vec![POST], "site=../x&token=t"),
        (vec![POST, plain], "site=blog.example&token=t"),
        (vec![POST, json], "{\"site\":\"blog.example\"}"),
    ] {
        let two = Fake { sites: TWO, ..Fake::default() };
        let mut pairs = pairs;
        pairs.push(("POST", body.as_bytes()));
        assert_eq!(ask(&two, &pairs).status(), 400, "{body}");
        assert!(opened(&two).is_empty(), "{body}");
    }
}

#[test]
fn a_page_view_may_come_by_post_without_a_form() {
    let kind: (&str, &[u8]) = ("CONTENT_TYPE", b"application/x-www-form-urlencoded; charset=UTF-8");
    for body in [&b""[..], b"stdin=true", b"csrftoken=x"] {
        let two = Fake { sites: TWO, ..Fake::default() };
        let response = ask(&two, &[POST, kind, ("POST", body)]);
        assert_eq!((response.status(), location(&response)), (200, None), "{body:?}");
    }
}

#[test]
fn head_opens_nothing_and_has_no_body() {
    let head: (&str, &[u8]) = ("REQUEST_METHOD", b"HEAD");
    for sites in [ONE, TWO] {
        for query in ["", "site=shop.example"] {
            let fake = Fake { sites, ..Fake::default() };
            let response = ask(&fake, &[head, ("QUERY_STRING", query.as_bytes())]);
            assert_eq!((response.status(), response.body()), (200, &b""[..]));
            assert!(opened(&fake).is_empty());
        }
    }
    let refused = Fake { refuse: Some(ErrorKind::Suspended), ..Fake::default() };
    let response = ask(&refused, &[head]);
    assert_eq!((response.status(), response.body()), (403, &b""[..]));
}

#[test]
fn every_failure_has_its_status_its_number_and_no_details() {
    for kind in ErrorKind::ALL {
        for pairs in [
            vec![GET],
            vec![GET, ("QUERY_STRING", &b"site=shop.example"[..])],
            vec![POST, ("POST", b"site=shop.example&token=t")],
        ] {
            let fake = Fake { sites: TWO, refuse: Some(*kind), ..Fake::default() };
            let response = ask(&fake, &pairs);
            assert_eq!(response.status(), kind.http_status(), "{kind}");
            let page = text(&response);
            assert!(page.contains("Reference number") && !page.contains("for the log"), "{kind}");
        }
    }
}

#[test]
fn a_foreign_site_looks_like_a_missing_one() {
    let page = |kind| {
        let fake = Fake { sites: TWO, refuse: Some(kind), ..Fake::default() };
        let response = ask(&fake, &[GET, ("QUERY_STRING", b"site=other.example")]);
        let page = text(&response);
        // All but the number.
        let (before, after) = page.split_once("<dd>").unwrap();
        (response.status(), before.to_owned(), after.split_once("</dd>").unwrap().1.to_owned())
    };
    assert_eq!(page(ErrorKind::SiteNotYours), page(ErrorKind::SiteNotFound));
}

#[test]
fn the_account_that_a_panel_names_reaches_the_gateway() {
    let one = Fake { sites: ONE, ..Fake::default() };
    ask(&one, &[GET, ("PANELGATE_ACCOUNT", b"carol")]);
    assert_eq!(one.opened.lock().unwrap()[0].account.as_ref().unwrap().as_str(), "carol");
}

#[test]
fn languages_of_page_and_builder() {
    let german: (&str, &[u8]) = ("HTTP_ACCEPT_LANGUAGE", b"de-AT,en;q=0.5");
    let two = Fake { sites: TWO, ..Fake::default() };
    assert!(text(&ask(&two, &[GET, german])).contains("<html lang=\"de\""));
    let two = Fake { sites: TWO, locale: Some("fr"), ..Fake::default() };
    assert!(text(&ask(&two, &[GET, german])).contains("<html lang=\"fr\""), "the account's own locale");

    let language = |fake: &Fake| fake.opened.lock().unwrap()[0].language.clone();
    let one = Fake { sites: ONE, locale: Some("pt_br"), ..Fake::default() };
    ask(&one, &[GET, german]);
    assert_eq!(language(&one), None, "the gateway knows the account's locale better");
    let one = Fake { sites: ONE, ..Fake::default() };
    ask(&one, &[GET, german]);
    assert_eq!(language(&one).as_deref(), Some("de"));
    let one = Fake { sites: ONE, locale: Some("fr"), ..Fake::default() };
    ask(&one, &[GET, ("LANGUAGE", b"lt"), ("POST", b"")]);
    assert_eq!(language(&one).as_deref(), Some("lt"), "the panel's session");

    let refused = Fake { refuse: Some(ErrorKind::TokenRejected), ..Fake::default() };
    let page = text(&ask(&refused, &[POST, ("POST", b"site=shop.example&token=t&lang=ar"), german]));
    assert!(page.contains("<html lang=\"ar\" dir=\"rtl\""), "as the page that the form stood on");
}

#[test]
fn what_the_guard_refuses_becomes_a_page() {
    for (pairs, status) in [
        (vec![("REQUEST_METHOD", &b"DELETE"[..])], 405),
        (vec![GET, ("HTTP_SEC_PURPOSE", b"prefetch")], 403),
        (vec![POST, ("CONTENT_LENGTH", b"1000000000000000000")], 413),
        (vec![GET, ("QUERY_STRING", b"a\r\nb")], 400),
    ] {
        let fake = Fake { sites: ONE, ..Fake::default() };
        let response = ask(&fake, &pairs);
        assert_eq!(response.status(), status);
        assert!(text(&response).contains("<h1"), "{status}");
        assert!(opened(&fake).is_empty());
    }
}

#[test]
fn backups_are_shown_of_the_only_site_or_of_the_named_one() {
    for (sites, query, want) in [
        (ONE, "backups=", Some("shop.example")),
        (ONE, "backups=shop.example", Some("shop.example")),
        (TWO, "backups=blog.example", Some("blog.example")),
        (TWO, "backups=", None),
    ] {
        let fake = Fake { sites, ..Fake::default() };
        let response = ask(&fake, &[GET, ("QUERY_STRING", query.as_bytes())]);
        assert_eq!(response.status(), 200, "{query}");
        let page = text(&response);
        match want {
            Some(site) => {
                assert!(page.contains(&format!("name=\"backups\" value=\"{site}\"")), "{query}: {page}");
                assert_eq!(
                    page.contains("All websites"),
                    sites.len() == TWO.len() && sites == TWO,
                    "{query}"
                );
            }
            None => {
                assert!(page.contains("Choose a website") && page.contains("href=\"?backups=blog.example\""))
            }
        }
        assert!(opened(&fake).is_empty() && fake.ordered.lock().unwrap().is_empty(), "looking does nothing");
    }
    let old = Fake { sites: TWO, old: true, ..Fake::default() };
    assert!(!text(&ask(&old, &[GET])).contains("backups="), "a broker that has none");
    assert_eq!(ask(&old, &[GET, ("QUERY_STRING", b"backups=shop.example")]).status(), 501);
}

#[test]
fn a_backup_is_ordered_by_a_form_with_its_token_and_by_nothing_else() {
    let fake = Fake { sites: ONE, job: Some("waiting"), ..Fake::default() };
    let response = ask(&fake, &[POST, ("POST", b"backups=shop.example&token=t0k&lang=de")]);
    assert_eq!(response.status(), 200);
    assert!(text(&response).contains("Ihre Sicherung beginnt gleich."));
    assert!(
        response
            .headers()
            .any(|(name, value)| name == "Refresh" && value.ends_with("url=?backups=shop.example"))
    );
    assert_eq!(*fake.ordered.lock().unwrap(), [("shop.example".to_owned(), Some("t0k".to_owned()))]);
    for (pairs, status) in [
        (vec![POST, ("POST", &b"backups=shop.example"[..])], 200),
        (vec![POST, ("POST", b"backups=&token=t")], 400),
        (vec![POST, ("POST", b"backups=../x&token=t")], 400),
        (vec![POST, ("POST", b"backups=shop.example&backups=blog.example&token=t")], 400),
        (vec![GET, ("QUERY_STRING", b"backups=shop.example&token=t0k")], 200),
    ] {
        let fake = Fake { sites: TWO, ..Fake::default() };
        assert_eq!(ask(&fake, &pairs).status(), status, "{pairs:?}");
        assert!(fake.ordered.lock().unwrap().is_empty() && opened(&fake).is_empty(), "{pairs:?}");
    }
    let refused = Fake { sites: ONE, refuse: Some(ErrorKind::TokenRejected), ..Fake::default() };
    let page = text(&ask(&refused, &[POST, ("POST", b"backups=shop.example&token=t0k")]));
    assert!(page.contains("The backups could not be shown") && page.contains("href=\"?backups=\""), "{page}");
}

#[test]
fn a_backup_is_sent_whole_or_in_part_and_never_for_head() {
    let get = |query: &'static str, more: &[(&'static str, &'static [u8])]| {
        let fake = Fake { sites: ONE, ..Fake::default() };
        let response = ask(&fake, &[&[GET, ("QUERY_STRING", query.as_bytes())], more].concat());
        let mut bytes = Vec::new();
        response.write_part(&mut bytes).unwrap();
        (response.status(), String::from_utf8(bytes).unwrap())
    };
    const ONE_FILE: &str = "backups=shop.example&backup=one.sitebuilder";
    assert_eq!(get(ONE_FILE, &[]), (200, "0123456789".into()));
    assert_eq!(get(ONE_FILE, &[("HTTP_RANGE", b"bytes=4-")]), (206, "456789".into()));
    assert_eq!(
        get(ONE_FILE, &[("HTTP_RANGE", b"bytes=4-"), ("HTTP_IF_RANGE", b"\"x\"")]),
        (200, "0123456789".into())
    );
    assert_eq!(get("backups=shop.example&backup=two", &[]).0, 404);
    assert_eq!(get("backups=blog.example&backup=one.sitebuilder", &[]).0, 404);
    let fake = Fake { sites: ONE, ..Fake::default() };
    let pairs: [(&str, &[u8]); 3] =
        [("REQUEST_METHOD", b"HEAD"), ("QUERY_STRING", ONE_FILE.as_bytes()), ("HTTP_RANGE", b"bytes=4-")];
    let response = ask(&fake, &pairs);
    let mut bytes = Vec::new();
    response.write_part(&mut bytes).unwrap();
    assert_eq!((response.status(), response.content_length(), bytes.len()), (200, 10, 0));
}

#[test]
fn whatever_may_get_a_file_is_known_to_want_one() {
    for method in [Method::Get, Method::Head, Method::Post] {
        let wants = |query: &str| wants_file(&Request { method, query: query.into(), body: Vec::new() });
        assert!(wants("backups=shop.example&backup=x"));
        assert!(!wants("backups=shop.example") && !wants("backup=x&backup=y"));
    }
}
