//! What happens at a click.
//!
//! A view shows the chooser, or goes straight to the builder where there is nothing to choose. A submitted form goes to the site that it names,
//! with the token that it carries. Everything else is a failure page.

use super::dialect::Dialect;
use super::download;
use super::form::Fields;
use super::guard::{FORM, Method, Request};
use super::messages::{Catalogue, Language, Preference, Text};
use super::meta::Meta;
use super::pages;
use super::pages::backups;
use super::response::Response;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Gateway;
use crate::ops::backup::ProjectWish;
use crate::ops::{OpenRequest, Overview, OverviewRequest};
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
    /// The title of a failure page.
    pub(super) about: Text,
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
        pages::failure(kind, self.about, self.reference, panel, self.dialect, &self.words())
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

/// Whether the answer to a request may be a file.
pub(super) fn wants_file(request: &Request) -> bool {
    // Whatever the method: a POST whose body is no form of ours is a view too.
    Fields::parse(request.query.as_bytes()).is_ok_and(|fields| fields.backup.is_some())
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
        if form.backups.is_some() {
            return self.order_backup(form);
        }
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
        let wanted = Fields::parse(query.as_bytes()).and_then(|fields| Ok((fields.site()?, fields)));
        let (wanted, fields) = match wanted {
            Ok(wanted) => wanted,
            Err(error) => return self.visit.failure(&error, Some(self.meta)),
        };
        if fields.backups.is_some() {
            return self.view_backups(&fields);
        }
        if let Some(site) = wanted {
            let request = self.request(site);
            return self.open(&request);
        }
        let overview = match self.overview() {
            Ok(overview) => overview,
            Err(error) => return self.visit.failure(&error, Some(self.meta)),
        };
        let locale = overview.account.locale.as_deref();
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

    /// Reads the account; from then on its language is known.
    fn overview(&mut self) -> Result<Overview> {
        let overview = self.gateway.overview(&OverviewRequest {
            account: self.meta.account.clone(),
            site: None,
            binding: Some(self.meta.binding),
            panel_session: self.meta.panel_session.clone(),
        })?;
        self.visit.preference = self.visit.preference.or_locale(overview.account.locale.as_deref());
        Ok(overview)
    }

    /// The backups of a site, or one of them; without a site those of the only one, or the chooser.
    fn view_backups(mut self, fields: &Fields) -> Response {
        self.visit.about = Text::FailureBackups;
        let answer = match (fields.backups_of(), &fields.backup) {
            (Ok(Some(site)), Some(name)) => self.download(site, name),
            (Ok(site), _) => self.backups(site, fields.still.is_some()),
            (Err(error), _) => Err(error),
        };
        answer.unwrap_or_else(|error| self.visit.failure(&error, Some(self.meta)))
    }

    fn backups(&mut self, site: Option<Domain>, still: bool) -> Result<Response> {
        let overview = self.overview()?;
        if !overview.backups {
            let text = "the broker shows no backups: upgrade it and restart panelgate.service";
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
        let openable: Vec<&Domain> = overview
            .entries
            .iter()
            .filter(|entry| entry.refused.is_none())
            .map(|entry| &entry.domain)
            .collect();
        let several = openable.len() != 1;
        let site = match (site, openable.as_slice()) {
            (Some(site), _) => site,
            (None, [only]) => (*only).clone(),
            _ => {
                let (selected, dialect) = (self.meta.selected.as_ref(), self.visit.dialect);
                return Ok(pages::chooser(&overview, selected, dialect, &self.visit.words()));
            }
        };
        let wish = ProjectWish { binding: Some(self.meta.binding), ..self.wish(site) };
        let seen = self.gateway.project_backups(&wish)?;
        let view = backups::View { several, still, raw: &self.meta.raw };
        Ok(backups::page(&seen, &view, self.visit.dialect, &self.visit.words()))
    }

    /// Orders a backup and shows how it goes. Ordering the same again joins the first order, so that a page that is loaded again does no harm.
    fn order_backup(mut self, form: &Fields) -> Response {
        self.visit.about = Text::FailureBackups;
        let answer = match (form.backups_of(), &form.token) {
            (Ok(Some(site)), Some(token)) => {
                let form = Some((token.clone(), self.meta.binding));
                let ordered = self.gateway.backup_project(&ProjectWish { form, ..self.wish(site.clone()) });
                ordered.and_then(|_| self.backups(Some(site), false))
            }
            (Ok(_), _) => Err(Error::new(ErrorKind::BadRequest, "the form lacks its site or its token")),
            (Err(error), _) => Err(error),
        };
        answer.unwrap_or_else(|error| self.visit.failure(&error, Some(self.meta)))
    }

    fn download(&self, site: Domain, name: &str) -> Result<Response> {
        if self.visit.dialect == Dialect::Page {
            let text = "a panel that shows this program in a page of its own passes no files on";
            return Err(Error::new(ErrorKind::BackupUnsupported, text));
        }
        let wish = self.wish(site.clone());
        let taken = self.gateway.take_project(&wish, Some(name))?;
        let range = self.meta.range.as_deref().filter(|_| !self.visit.head);
        download::answer(taken, &site, range, self.meta.if_range.as_deref())
    }

    fn wish(&self, site: Domain) -> ProjectWish {
        ProjectWish {
            account: self.meta.account.clone(),
            site: Some(site),
            form: None,
            binding: None,
            panel_session: self.meta.panel_session.clone(),
        }
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
