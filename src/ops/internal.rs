//! Publications by archive, the builder's type `internal` (`reference/builder-api.md` 6.3): asking for one, and asking how it goes.
//!
//! The answer to the first is a row in the store; the broker's threads do the rest, one publication of a site at a time.

use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use crate::builder::{self, Download};
use crate::error::{Error, ErrorKind, Result};
use crate::publish::StartForm;
use crate::store::{Asked, PublicationRow, PublicationState, SiteRow};
use crate::sys::spool::Spool;
use crate::types::{Domain, quote};

use super::Context;
use super::endpoint::{self, Head, Permit};
use super::policy::{Operation, Principal};
use super::publication::site_number;

/// What became of a request; the answer is made of it where the languages are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It is queued.
    Accepted {
        /// What the builder asks by.
        id: String,
    },
    /// It is not.
    Refused(Refusal),
    /// How a publication goes.
    State {
        /// In the builder's own words.
        status: String,
    },
    /// A publication failed, or there is none.
    Failed(Refusal),
}

/// Why, for the account's user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Name of the error's kind.
    pub kind: String,
    /// The user's locale, as the panel writes it.
    pub locale: String,
    /// The number that the log has too.
    pub reference: String,
}

/// Answers a request whose credentials were checked. `id` is empty, or what the builder asks by.
///
/// # Errors
/// [`ErrorKind::MethodNotAllowed`]; [`ErrorKind::Store`]. All other refusals are answers, since the builder shows these.
pub(super) fn act(
    context: &Context,
    principal: &Principal,
    head: &Head,
    row: &SiteRow,
    id: &str,
) -> Result<Word> {
    match (head.method.as_str(), id) {
        ("POST", "") => Ok(start(context, principal, head, row)),
        ("GET", id) => look(context, head, row, id),
        (method, _) => {
            let text = format!("the method {} is not offered for publications by archive", quote(method));
            Err(Error::new(ErrorKind::MethodNotAllowed, text))
        }
    }
}

fn start(context: &Context, principal: &Principal, head: &Head, row: &SiteRow) -> Word {
    let mut locale = String::new();
    let result = endpoint::permit(context, principal, row).and_then(|permit| {
        locale = permit.locale.unwrap_or_default();
        ask(context, head, row, &locale)
    });
    let (reference, domain) = (head.reference, &row.domain);
    match result {
        Ok((id, is_new)) => {
            if is_new {
                log::info!("{reference}: a publication of {domain} by archive is queued");
                endpoint::record(context, principal, row, reference, Operation::Publish, "ok", head.remote);
            }
            Word::Accepted { id }
        }
        Err(error) => {
            log::warn!("{reference}: a publication of {domain} by archive was refused: {error:?}");
            let result = error.kind().name();
            if endpoint::logs_refusal(context) {
                endpoint::record(context, principal, row, reference, Operation::Publish, result, head.remote);
            }
            Word::Refused(Refusal { kind: result.to_owned(), locale, reference: reference.to_string() })
        }
    }
}

/// Queues a publication; gives what the builder asks by, and whether it is a new one.
fn ask(context: &Context, head: &Head, row: &SiteRow, locale: &str) -> Result<(String, bool)> {
    endpoint::check_beginning(context, row)?;
    let form = StartForm::parse(
        head.media.as_deref().unwrap_or_default(),
        head.form.as_deref().unwrap_or_default(),
    )?;
    check_site(context, &form, row)?;
    let zip = form.zip(context.config.publish.zip_field.as_deref())?;
    builder::may_fetch(&context.config.builder, &context.config.publish, &zip.url)?;
    let asked = context.store()?.ask_publication(&row.key, row.floor, &zip.url, locale, head.reference)?;
    if !context.fields_named.swap(true, Ordering::Relaxed) {
        log::info!(
            "{}: the builder's form has the fields {}; the archive's address is in {} ([publish] zip_field)",
            head.reference,
            form.names(),
            quote(&zip.name)
        );
    }
    match asked {
        Asked::New(id) => Ok((id, true)),
        Asked::Same(id) => Ok((id, false)),
        Asked::Busy => {
            let text = format!("a publication of {} is running, and another one waits", row.domain);
            Err(Error::new(ErrorKind::PublicationBusy, text))
        }
    }
}

/// What the form says about site and account must be what the token and the credentials say.
fn check_site(context: &Context, form: &StartForm, row: &SiteRow) -> Result<()> {
    let wrong = |what: &str| {
        let text = format!("the form is for another {what} than {}", row.domain);
        Err(Error::new(ErrorKind::BadRequest, text))
    };
    if let Some(account) = form.account()?
        && account != site_number(context, &row.owner, &row.key)?.to_string()
    {
        return wrong("account");
    }
    let Some(domain) = form.domain()? else { return Ok(()) };
    let bare = |domain: &Domain| domain.without_www().unwrap_or_else(|| domain.clone());
    let same = domain == row.key.as_str()
        || Domain::new(domain).is_ok_and(|domain| bare(&domain) == bare(&row.domain));
    if same { Ok(()) } else { wrong("site") }
}

/// How a publication goes. One that there is not has failed: the builder's dialog ends with that.
fn look(context: &Context, head: &Head, row: &SiteRow, id: &str) -> Result<Word> {
    let Some(found) = context.store()?.publication(&row.key, id)? else {
        log::info!("{}: there is no publication {} of {}", head.reference, quote(id), row.domain);
        return Ok(Word::Failed(Refusal {
            kind: ErrorKind::PublicationInterrupted.name().to_owned(),
            locale: String::new(),
            reference: head.reference.to_string(),
        }));
    };
    Ok(match found.state {
        PublicationState::Failed => Word::Failed(Refusal {
            kind: found.error.unwrap_or(ErrorKind::Internal).name().to_owned(),
            locale: found.language,
            reference: found.reference.to_string(),
        }),
        state => Word::State { status: state.name().to_owned() },
    })
}

/// The site of a publication and the permission to work for it, as they are now.
///
/// # Errors
/// Why it may not be published to any more.
pub(crate) fn permit(context: &Context, job: &PublicationRow) -> Result<(SiteRow, Permit)> {
    let row = context.store()?.by_key(&job.key)?.filter(|row| !row.closed && row.floor == job.floor);
    let Some(row) = row else {
        return Err(Error::new(ErrorKind::CredentialsRejected, "the site's credentials have been ended"));
    };
    // What the web server may ask for may be done.
    let permit = endpoint::permit(context, &Principal::WebServer { uid: 0 }, &row)?;
    endpoint::check_beginning(context, &row)?;
    Ok((row, permit))
}

/// Fetches the archive of a publication into a file without a name.
///
/// # Errors
/// As [`builder::fetch`].
pub(crate) fn fetch(
    context: &Context,
    job: &PublicationRow,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<Spool> {
    let Some(url) = &job.address else {
        return Err(Error::new(ErrorKind::Internal, "a publication has no address"));
    };
    let mut spool = Spool::new(&context.config.state_dir).map_err(|error| {
        Error::new(ErrorKind::Download, "no file can be made in [store] dir").with_source(error)
    })?;
    let download =
        Download { builder: &context.config.builder, publish: &context.config.publish, url, go_on };
    builder::fetch(&download, &mut spool)?;
    Ok(spool)
}
