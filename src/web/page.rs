//! What happens at a click.
//!
//! A view shows the chooser, or goes straight to the builder where there is nothing to choose. A submitted form goes to the site that it names,
//! with the token that it carries. Everything else is a failure page.

use super::dialect::Dialect;
use super::form::Fields;
use super::guard::{FORM, Method, Request};
use super::messages::{Catalogue, Language, Preference};
use super::meta::Meta;
use super::pages;
use super::response::Response;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Gateway;
use crate::ops::{OpenRequest, OverviewRequest};
use crate::types::{Domain, Reference};

/// One visit, as far as its form goes.
#[derive(Clone, Copy)]
pub(super) struct Visit {
    /// How the answer is written.
    pub(super) dialect: Dialect,
    /// The number on a failure page and in the log.
    pub(super) reference: Reference,
    /// The visitor's language.
    pub(super) preference: Preference,
    /// Whether only the head of an answer is wanted.
    pub(super) head: bool,
}

impl Visit {
    fn words(&self) -> Catalogue {
        Catalogue::of(self.preference.language())
    }

    /// The answer as it is to be written.
    pub(super) fn finish(&self, response: Response) -> Response {
        if self.head { response.without_body() } else { response }
    }

    /// The failure page, after a line in the log.
    pub(super) fn failure(&self, error: &Error, meta: Option<&Meta>) -> Response {
        match meta.and_then(|meta| meta.remote) {
            Some(remote) => log::warn!("{}: page for {remote}: {error:?}", self.reference),
            None => log::warn!("{}: page: {error:?}", self.reference),
        }
        self.failure_page(error.kind(), meta)
    }

    fn failure_page(&self, kind: ErrorKind, meta: Option<&Meta>) -> Response {
        let panel = meta.and_then(|meta| meta.panel_home.as_deref());
        pages::failure(kind, self.reference, panel, self.dialect, &self.words())
    }
}

/// Answers a request.
pub(super) fn answer(gateway: &dyn Gateway, visit: Visit, meta: &Meta, request: &Request) -> Response {
    let click = Click { gateway, visit, meta };
    let response = match submitted(meta, request) {
        Ok(Some(form)) => click.submit(&form),
        Ok(None) => click.view(&request.query),
        Err(error) => visit.failure(&error, Some(meta)),
    };
    visit.finish(response)
}

/// The form, if one was submitted. The method alone does not say: DirectAdmin may show a page by POST, with an empty body or with fields of its own.
fn submitted(meta: &Meta, request: &Request) -> Result<Option<Fields>> {
    if request.method != Method::Post || request.body.is_empty() {
        return Ok(None);
    }
    if meta.content_type.as_deref().is_some_and(|kind| kind != FORM) {
        return Err(Error::new(ErrorKind::BadRequest, format!("the body is not a form ({FORM})")));
    }
    let fields = Fields::parse(&request.body)?;
    Ok((fields.site.is_some() || fields.token.is_some()).then_some(fields))
}

struct Click<'a> {
    gateway: &'a dyn Gateway,
    visit: Visit,
    meta: &'a Meta,
}

impl Click<'_> {
    fn submit(mut self, form: &Fields) -> Response {
        // The language of the page that the form stood on, so that a failure comes in the same one.
        self.visit.preference = self.visit.preference.or_locale(form.lang.as_deref());
        let (site, token) = match form.site().map(|site| (site, form.token.clone())) {
            Ok((Some(site), Some(token))) => (site, token),
            Ok(_) => {
                let error = Error::new(ErrorKind::BadRequest, "the form lacks its site or its token");
                return self.visit.failure(&error, Some(self.meta));
            }
            Err(error) => return self.visit.failure(&error, Some(self.meta)),
        };
        let request = OpenRequest { form: Some((token, self.meta.binding)), ..self.request(site) };
        self.open(&request)
    }

    fn view(mut self, query: &str) -> Response {
        let wanted = match Fields::parse(query.as_bytes()).and_then(|fields| fields.site()) {
            Ok(wanted) => wanted,
            Err(error) => return self.visit.failure(&error, Some(self.meta)),
        };
        if let Some(site) = wanted {
            let request = self.request(site);
            return self.open(&request);
        }
        let request = OverviewRequest {
            account: self.meta.account.clone(),
            site: None,
            binding: Some(self.meta.binding),
            panel_session: self.meta.panel_session.clone(),
        };
        let overview = match self.gateway.overview(&request) {
            Ok(overview) => overview,
            Err(error) => return self.visit.failure(&error, Some(self.meta)),
        };
        let locale = overview.account.locale.as_deref();
        self.visit.preference = self.visit.preference.or_locale(locale);
        let mut openable = overview.entries.iter().filter(|entry| entry.refused.is_none());
        if let (Some(entry), None) = (openable.next(), openable.next()) {
            let mut request = self.request(entry.domain.clone());
            if locale.is_none() {
                request.language.get_or_insert_with(|| self.language().code().to_owned());
            }
            return self.open(&request);
        }
        pages::chooser(&overview, self.meta.selected.as_ref(), self.visit.dialect, &self.visit.words())
    }

    fn language(&self) -> Language {
        self.visit.preference.language()
    }

    fn request(&self, site: Domain) -> OpenRequest {
        OpenRequest {
            reference: self.visit.reference,
            account: self.meta.account.clone(),
            site: Some(site),
            language: self.meta.locale.clone(),
            create_from: None,
            form: None,
            claimed: self.meta.claimed(),
            panel_session: self.meta.panel_session.clone(),
        }
    }

    /// Opens a session. The gateway has logged its failure already.
    fn open(&self, request: &OpenRequest) -> Response {
        if self.visit.head {
            // Asking whether a page is there must not make a session.
            return Response::html(200, String::new());
        }
        match self.gateway.open(request) {
            Ok(session) => pages::redirect(&session, self.visit.dialect, &self.visit.words()),
            Err(error) => self.visit.failure_page(error.kind(), Some(self.meta)),
        }
    }
}

#[cfg(test)]
mod tests;
