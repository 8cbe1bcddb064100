//! What visitors see: the chooser, the backups, the failure page, the page of a redirect.
//!
//! Templates escape every text. A page has no script and loads nothing; its one style sheet stands in it and is named by its hash in the
//! Content-Security-Policy. As a fragment inside a panel's page it brings no `<html>` and no headers.

pub(super) mod backups;

use std::collections::BTreeMap;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::dialect::Dialect;
use super::guard::Method;
use super::messages::{Catalogue, Language, Text, fill};
use super::response::Response;
use crate::error::{ErrorKind, Result};
use crate::limits;
use crate::ops::{Overview, Session, SiteEntry};
use crate::panel::{Site, SiteKind};
use crate::types::{Domain, Reference};

const STYLE: &str = include_str!("templates/page.css");

/// What all pages have.
struct Frame<'a> {
    words: &'a Catalogue,
    title: &'a str,
    fragment: bool,
}

impl<'a> Frame<'a> {
    fn new(words: &'a Catalogue, title: Text, dialect: Dialect) -> Self {
        Self { words, title: words.text(title), fragment: dialect == Dialect::Page }
    }

    fn language(&self) -> Language {
        self.words.language()
    }

    fn text(&self, text: Text) -> &str {
        self.words.text(text)
    }

    fn style(&self) -> &'static str {
        STYLE
    }
}

/// A name as people read it and, if that differs, as DNS knows it.
struct Name<'a> {
    shown: String,
    ascii: Option<&'a str>,
}

impl<'a> Name<'a> {
    fn of(domain: &'a Domain) -> Self {
        let ascii = domain.is_internationalised().then(|| domain.as_str());
        Self { shown: domain.to_unicode(), ascii }
    }
}

struct Form<'a> {
    site: &'a str,
    token: &'a str,
}

struct Row<'a> {
    name: Name<'a>,
    initial: String,
    kind: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    notices: Vec<&'a str>,
    /// The site that it is another name of, where that is not in the list.
    target: Option<Name<'a>>,
    aliases: Vec<Name<'a>>,
    form: Option<Form<'a>>,
}

#[derive(Template)]
#[template(path = "chooser.html")]
struct ChooserPage<'a> {
    frame: Frame<'a>,
    lead: &'a str,
    account: &'a str,
    plan: Option<&'a str>,
    more: Option<String>,
    rows: Vec<Row<'a>>,
    backups: bool,
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    frame: Frame<'a>,
    sentence: &'a str,
    reference: Reference,
    again: Option<&'a str>,
    panel: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "redirect.html")]
struct RedirectPage<'a> {
    frame: Frame<'a>,
    site: String,
    url: &'a str,
}

/// The list of an account's sites: `selected` first, if it is one of them, then the main one, then by the names that people read.
pub(super) fn chooser(
    overview: &Overview,
    selected: Option<&Domain>,
    dialect: Dialect,
    words: &Catalogue,
) -> Response {
    let rows = rows(overview, selected, words);
    let lead = match (rows.is_empty(), rows.iter().any(|row| row.form.is_some())) {
        (true, _) => Text::ChooserEmpty,
        (false, true) => Text::ChooserIntro,
        (false, false) => Text::ChooserNone,
    };
    let total = rows.len();
    let more = (total > limits::CHOOSER_SITES).then(|| {
        let numbers = [("shown", limits::CHOOSER_SITES.to_string()), ("total", total.to_string())];
        fill(
            words.text(Text::ChooserMore),
            &numbers.each_ref().map(|(name, number)| (*name, number.as_str())),
        )
    });
    let page = ChooserPage {
        frame: Frame::new(words, Text::ChooserTitle, dialect),
        lead: words.text(lead),
        account: overview.account.name().as_str(),
        plan: overview.account.plan.as_deref().filter(|plan| !plan.trim().is_empty()),
        more,
        rows: rows.into_iter().take(limits::CHOOSER_SITES).collect(),
        backups: overview.backups,
    };
    or_bare(html(200, &page, dialect, &overview.form_targets))
}

/// The page that says what went wrong and what the visitor can do.
pub(super) fn failure(
    kind: ErrorKind,
    title: Text,
    reference: Reference,
    panel: Option<&str>,
    dialect: Dialect,
    words: &Catalogue,
) -> Response {
    let retry = kind.is_retryable()
        || matches!(kind, ErrorKind::TokenRejected | ErrorKind::Prefetch | ErrorKind::SiteAlias);
    let again = if title == Text::FailureBackups { "?backups=" } else { "?" };
    let page = FailurePage {
        frame: Frame::new(words, title, dialect),
        sentence: words.error(kind),
        reference,
        again: retry.then_some(again),
        panel,
    };
    let response = html(kind.http_status(), &page, dialect, &[]);
    or_bare(match kind {
        ErrorKind::MethodNotAllowed => {
            response.and_then(|response| response.with_header("Allow", Method::ALLOWED.to_owned()))
        }
        _ => response,
    })
}

/// The answer that sends a browser to a session.
pub(super) fn redirect(session: &Session, dialect: Dialect, words: &Catalogue) -> Response {
    let url = session.url.expose();
    let page = RedirectPage {
        frame: Frame::new(words, Text::RedirectTitle, dialect),
        site: session.site.to_unicode(),
        url,
    };
    html(303, &page, dialect, &[])
        .and_then(|response| response.with_header("Location", url.to_owned()))
        .unwrap_or_else(|_| {
            failure(ErrorKind::BuilderUrl, Text::FailureTitle, session.reference, None, dialect, words)
        })
}

fn rows<'a>(overview: &'a Overview, selected: Option<&Domain>, words: &'a Catalogue) -> Vec<Row<'a>> {
    let mut aliases: BTreeMap<&Domain, Vec<Name<'a>>> = BTreeMap::new();
    let listed =
        |target: &Domain| overview.account.site(target).is_some_and(|site| site.kind != SiteKind::Alias);
    let mut own: Vec<(&Site, &SiteEntry)> = Vec::new();
    for (site, entry) in overview.account.sites.iter().zip(&overview.entries) {
        match site.alias_of.as_ref().filter(|target| site.kind == SiteKind::Alias && listed(target)) {
            Some(target) => aliases.entry(target).or_default().push(Name::of(&site.domain)),
            None => own.push((site, entry)),
        }
    }
    own.sort_by_cached_key(|(site, _)| {
        (Some(&site.domain) != selected, site.kind != SiteKind::Main, site.domain.to_unicode())
    });
    own.into_iter()
        .map(|(site, entry)| {
            let aliases = aliases.remove(&site.domain).unwrap_or_default();
            row(site, entry, aliases, words)
        })
        .collect()
}

fn row<'a>(site: &'a Site, entry: &'a SiteEntry, aliases: Vec<Name<'a>>, words: &'a Catalogue) -> Row<'a> {
    let name = Name::of(&site.domain);
    let kind = match site.kind {
        SiteKind::Main => Text::KindMain,
        SiteKind::Addon => Text::KindAddon,
        SiteKind::Sub => Text::KindSub,
        SiteKind::Alias => Text::KindAlias,
    };
    let state = match entry.refused {
        None => Text::StateReady,
        Some(ErrorKind::Suspended) => Text::StateSuspended,
        Some(_) => Text::StateUnavailable,
    };
    let token = entry.token.as_deref().filter(|_| entry.refused.is_none());
    Row {
        initial: name.shown.chars().take(1).flat_map(char::to_uppercase).collect(),
        name,
        kind: words.text(kind),
        state: words.text(state),
        reason: entry.refused.map(|kind| words.error(kind)),
        notices: entry.notices.iter().map(|notice| words.notice(*notice)).collect(),
        target: site.alias_of.as_ref().map(Name::of),
        aliases,
        form: token.map(|token| Form { site: site.domain.as_str(), token }),
    }
}

fn html(status: u16, page: &impl Template, dialect: Dialect, form_targets: &[String]) -> Result<Response> {
    // Rendering into memory fails only if a template calls something that fails; ours do not.
    let body = page.render().unwrap_or_default();
    if dialect == Dialect::Page {
        // A bar might be the beginning of a token of DirectAdmin's skin (`reference/directadmin.md` 2.4).
        return Ok(Response::html(status, body.replace('|', "&#124;")));
    }
    let policy = policy(form_targets);
    Response::html(status, body).with_header("Content-Security-Policy", policy)
}

/// The policy of a page. Chromium applies `form-action` to the redirect after a form as well, hence the places that opening may lead to.
fn policy(form_targets: &[String]) -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let mut actions = String::from("'self'");
    for target in form_targets {
        if target.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'\"".contains(&byte)) {
            actions.push(' ');
            actions.push_str(target);
        }
    }
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action {actions}; frame-ancestors 'self'; base-uri 'none'"
    )
}

/// A header of ours that cannot be written is a fault of ours; the page is then as bare as can be.
fn or_bare(response: Result<Response>) -> Response {
    response.unwrap_or_else(|_| Response::html(500, String::new()))
}

#[cfg(test)]
pub(super) mod tests;
