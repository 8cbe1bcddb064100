//! The pages that the demo plays: a panel with the icon, and a refusal.

use askama::Template;

use super::installation::{LANGUAGES, SITES};
use super::panel::SCRIPT;
use crate::sandbox::http::Response;

/// The pages' style sheet.
const STYLE: &str = include_str!("demo.css");

#[derive(Template)]
#[template(path = "demo_panel.html")]
struct PanelPage<'a> {
    account: &'a str,
    script: &'a str,
    sites: &'a [&'a str],
    languages: &'a [(&'a str, &'a str)],
    locale: &'a str,
    form: &'a str,
}

#[derive(Template)]
#[template(path = "demo_refused.html")]
struct RefusedPage<'a> {
    title: &'a str,
    text: &'a str,
}

/// The panel's page. `form` is what its forms send back.
pub(super) fn panel(account: &str, locale: &str, form: &str) -> Response {
    let page = PanelPage { account, script: SCRIPT, sites: &SITES, languages: &LANGUAGES, locale, form };
    protected(render(200, &page), "style-src 'self'; form-action 'self'")
}

/// A refusal that says what to do.
pub(super) fn refused(status: u16, title: &str, text: &str) -> Response {
    protected(render(status, &RefusedPage { title, text }), "style-src 'unsafe-inline'; form-action 'none'")
}

/// The style sheet.
pub(super) fn style() -> Response {
    protected(Response::with_body(200, "text/css; charset=utf-8", STYLE), "form-action 'none'")
}

fn render(status: u16, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Response::html(status, html),
        Err(error) => {
            log::error!("a page of the demo cannot be written: {error}");
            Response::text(500, "The page cannot be written.\n")
        }
    }
}

fn protected(response: Response, policy: &str) -> Response {
    let policy = format!("default-src 'none'; {policy}; base-uri 'none'; frame-ancestors 'none'");
    response
        .header("Content-Security-Policy", &policy)
        .header("Cache-Control", "no-store")
        .header("Referrer-Policy", "no-referrer")
        .header("X-Content-Type-Options", "nosniff")
}
