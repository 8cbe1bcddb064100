//! What the builder asks of the publication endpoint: may it, and what is to be done.
//!
//! Everything here is decided before a byte of the body is read and before a descriptor has come.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::PublicationType;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, Site};
use crate::publish::endpoint_accepts;
use crate::publish::worker::{Assignment, FileTask, Manage, Task, Verb};
use crate::publish::workers::Workers;
use crate::store::{AuditEntry, SiteRow};
use crate::sys::clock;
use crate::types::{Domain, Reference, Secret, SiteKey, Username, quote};

use super::internal::{self, Word};
use super::policy::{self, Operation, Principal};
use super::{Context, binding, open, reach};

/// The head of a request, as the web server's program read it.
pub struct Head {
    /// The number that ties answer and log together.
    pub reference: Reference,
    /// The method.
    pub method: String,
    /// What follows the program's own address; the web server has decoded it, and nobody does so again.
    pub path: String,
    /// The query string.
    pub query: String,
    /// The header `Authorization`.
    pub authorization: Option<Secret>,
    /// The length of the body, if it is said.
    pub length: Option<u64>,
    /// The client's address.
    pub remote: Option<IpAddr>,
    /// The media type of the body, with its parameters.
    pub media: Option<String>,
    /// The body, where [`takes_form`] says that the endpoint reads it.
    pub form: Option<Vec<u8>>,
}

/// What becomes of a request.
pub enum Decision {
    /// A worker carries it out.
    Work(Box<Work>),
    /// This is the answer; nobody needs its body.
    Answer(Reply),
    /// This became of a publication by archive.
    Action(Word),
}

/// An answer that needs no worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub media: String,
    /// The body; with what belongs to it smaller than a frame of the broker's protocol.
    pub body: String,
}

/// What a path means.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// Something about one site.
    Site {
        /// The site's token.
        token: &'a str,
        /// What follows it, without the slash.
        rest: &'a str,
    },
    /// Whether the endpoint can be reached.
    Ping,
    /// Nothing of ours.
    Unknown,
}

/// Length of a site's token in hexadecimal digits.
pub const TOKEN_DIGITS: usize = 40;

/// Finds out what a path means: `/TOKEN/...`, with any number of slashes before the token.
pub fn route(path: &str) -> Route<'_> {
    let path = path.trim_start_matches('/');
    let (token, rest) = path.split_once('/').unwrap_or((path, ""));
    let is_token =
        token.len() == TOKEN_DIGITS && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match path.trim_end_matches('/') {
        "ping" => Route::Ping,
        _ if is_token => Route::Site { token, rest },
        _ => Route::Unknown,
    }
}

/// What the builder asks by type `internal`: the part behind `zyro/action`, which is empty or the number of a publication
/// (`reference/builder-api.md` 6.3). No site has files there.
pub fn action(rest: &str) -> Option<&str> {
    let below = rest.trim_start_matches('/').strip_prefix("zyro/action")?;
    match below.strip_prefix('/') {
        None => below.is_empty().then_some(""),
        Some(id) => Some(id.trim_matches('/')),
    }
}

/// Whether the endpoint reads the body itself: it is a small form, and no file.
pub fn takes_form(method: &str, path: &str) -> bool {
    method == "POST" && matches!(route(path), Route::Site { rest, .. } if action(rest).is_some())
}

/// A request that may be carried out.
pub struct Work {
    /// By which worker.
    pub permit: Permit,
    /// What it shall do.
    pub task: FileTask,
    /// For which site.
    pub row: SiteRow,
}

/// The permission to work for a site.
pub struct Permit {
    /// What the site's worker is for.
    pub assignment: Assignment,
    /// Under which conditions it may go on.
    pub watch: Watch,
    /// The locale of the account's user, as the panel writes it.
    pub locale: Option<String>,
}

/// What must stay as it is while a worker runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    token: String,
    floor: u64,
}

/// Decides about a request.
///
/// # Errors
/// Why not. A token that nobody has and a wrong password are the same: [`ErrorKind::CredentialsRejected`].
pub(crate) fn admit(context: &Context, principal: &Principal, head: &Head) -> Result<Decision> {
    policy::allow(principal, Operation::Publish, context.panel.kind())?;
    let (token, rest) = match route(&head.path) {
        Route::Site { token, rest } => (token, rest),
        // The doctor asks from this server, which need not be among the builder's addresses.
        Route::Ping => return ping(context, head).map(Decision::Answer),
        Route::Unknown => {
            return Err(Error::new(ErrorKind::CredentialsRejected, "the address names no site"));
        }
    };
    check_source(context, head.remote)?;
    let row = site_of(context, head, token)?;
    if let Some(id) = action(rest) {
        return internal::act(context, principal, head, &row, id).map(Decision::Action);
    }
    let permit = permit(context, principal, &row)?;
    let task = task(head, rest)?;
    Ok(Decision::Work(Box::new(Work { permit, task, row })))
}

/// The conditions under which a site may be published to, as they are now.
///
/// # Errors
/// Why it may not.
pub(crate) fn permit(context: &Context, principal: &Principal, row: &SiteRow) -> Result<Permit> {
    let (account, site) = binding::bound(context, principal, Operation::Publish, row)?;
    check_kind(context, &site)?;
    let assignment = assignment(context, row, &account, &site)?;
    let watch = Watch { token: row.token.clone(), floor: row.floor };
    Ok(Permit { assignment, watch, locale: account.locale })
}

/// Credentials of the endpoint outlive a change of `[publish] type`: a site that is published another way now has none.
fn check_kind(context: &Context, site: &Site) -> Result<()> {
    match context.config.publication_of(&site.domain) {
        PublicationType::Http | PublicationType::Internal => Ok(()),
        other => {
            let text = format!(
                "{} is published by type {}, and not through the endpoint",
                site.domain,
                other.name()
            );
            Err(Error::new(ErrorKind::Forbidden, text))
        }
    }
}

/// Answers the doctor's question whether the endpoint can be reached.
fn ping(context: &Context, head: &Head) -> Result<Reply> {
    let key = context.key()?;
    let body = reach::answer(key, &head.query, head.authorization.is_some())?;
    if let Some(endpoint) = &context.config.publish.endpoint
        && head.authorization.is_some()
        && reach::is_doctor(key, &head.query, endpoint)
        && let Err(error) = context.store().and_then(|store| store.note_reached(endpoint))
    {
        log::error!("it is not noted that the endpoint was reached: {}", error.chain());
    }
    Ok(Reply { status: 200, media: "application/json".into(), body })
}

/// What is looked at when a worker is started for a request, beside what is looked at for each.
///
/// # Errors
/// [`ErrorKind::SiteConflict`] if somebody else claims the site.
pub(crate) fn check_beginning(context: &Context, row: &SiteRow) -> Result<()> {
    let account = context.panel.account(row.owner.name())?;
    context.check_single_owner(&account, &row.domain)
}

/// Whether one more refusal is worth a line in the log: anybody on the net can be refused without end.
pub(crate) fn logs_refusal(context: &Context) -> bool {
    context.takes_refusal(None)
}

/// Whether a worker may go on. An error of a kind that [`ends`] means no; any other means that it cannot be said now.
///
/// # Errors
/// Why not.
pub(crate) fn check_going_on(context: &Context, watch: &Watch, given: &Assignment) -> Result<()> {
    let row = context.store()?.by_token(&watch.token)?;
    let Some(row) = row.filter(|row| !row.closed && row.floor == watch.floor) else {
        return Err(Error::new(ErrorKind::CredentialsRejected, "the site's credentials have been ended"));
    };
    // What the web server may begin may go on.
    let (account, site) =
        binding::bound(context, &Principal::WebServer { uid: 0 }, Operation::Publish, &row)?;
    check_kind(context, &site)?;
    context.check_single_owner(&account, &row.domain)?;
    if assignment(context, &row, &account, &site)? == *given {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Forbidden, "the site has another document root or owner now"))
    }
}

/// Whether an error says that something may not be done, and not that it cannot be found out at the moment.
pub(crate) fn ends(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::PanelData
            | ErrorKind::Store
            | ErrorKind::Internal
            | ErrorKind::Unavailable
            | ErrorKind::TooMany
            | ErrorKind::Config
    )
}

fn check_source(context: &Context, remote: Option<IpAddr>) -> Result<()> {
    let sources = &context.config.publish.sources;
    let allowed = sources.is_empty()
        || remote.is_some_and(|remote| sources.iter().any(|network| network.contains(remote)));
    if allowed {
        return Ok(());
    }
    let from = remote.map_or_else(|| "an unknown address".to_owned(), |remote| remote.to_string());
    let text = format!("a publication request from {from}, which is not among [publish] sources");
    Err(Error::new(ErrorKind::Forbidden, text))
}

/// The site of a token, if the credentials are its own.
fn site_of(context: &Context, head: &Head, token: &str) -> Result<SiteRow> {
    let rejected = |why: String| Err(Error::new(ErrorKind::CredentialsRejected, why));
    let row = context.store()?.by_token(token)?;
    let Some((name, password)) = head.authorization.as_ref().and_then(basic) else {
        return rejected("the request shows no Basic credentials".into());
    };
    let Some(row) = row else { return rejected("the address names a site that there is not".into()) };
    if endpoint_accepts(context.key()?, &row, &name, &password, clock::unix_seconds()) {
        return Ok(row);
    }
    let state = if row.closed { ", which has gone to another account" } else { "" };
    rejected(format!("the credentials are not, or no longer, those of the site {}{state}", row.domain))
}

/// User name and password of a header `Basic ...` (RFC 7617).
fn basic(header: &Secret) -> Option<(String, Secret)> {
    let (scheme, rest) = header.expose().trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password.to_owned())))
}

/// What a request means (`reference/builder-api.md` 6.4).
fn task(head: &Head, rest: &str) -> Result<FileTask> {
    let verb = match (head.method.as_str(), flag(&head.query)?) {
        ("POST", None) => Verb::Put,
        ("GET", Some(verb)) => verb,
        ("GET", None) => return Err(refused("a file is asked for, and this is no place to read files")),
        ("POST", Some(_)) => return Err(refused("a file is sent together with another wish")),
        (method, _) => {
            let text = format!("the method {} is not offered", quote(method));
            return Err(Error::new(ErrorKind::MethodNotAllowed, text));
        }
    };
    let length = match (verb, head.length) {
        (Verb::Put, None) => {
            return Err(Error::new(ErrorKind::LengthRequired, "a file is sent without CONTENT_LENGTH"));
        }
        (Verb::Put, Some(length)) if length > limits::PUT_BYTES => {
            let text = format!("a file of {length} bytes is sent, and {} are allowed", limits::PUT_BYTES);
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        (_, length) => length.unwrap_or_default(),
    };
    Ok(FileTask { verb, path: rest.to_owned(), length })
}

/// The one wish that a query names: the names as they are documented, else without regard to case.
fn flag(query: &str) -> Result<Option<Verb>> {
    const FLAGS: [(&str, Verb); 3] =
        [("delete", Verb::Delete), ("mkDir", Verb::MakeDir), ("list", Verb::List)];
    let set =
        |pair: &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| matches!(&*pair.1, "1" | "true");
    let pairs: Vec<_> =
        form_urlencoded::parse(query.as_bytes()).take(limits::FORM_FIELDS).filter(set).collect();
    let find = |same: fn(&str, &str) -> bool| {
        let mut verbs: Vec<Verb> = Vec::new();
        for (name, _) in &pairs {
            let verb = FLAGS.iter().find(|(flag, _)| same(flag, name)).map(|(_, verb)| *verb);
            verbs.extend(verb.filter(|verb| !verbs.contains(verb)));
        }
        verbs
    };
    let exact = find(|flag, name| flag == name);
    let found = if exact.is_empty() { find(|flag, name| flag.eq_ignore_ascii_case(name)) } else { exact };
    match found.as_slice() {
        [] => Ok(None),
        [verb] => Ok(Some(*verb)),
        _ => Err(refused("several things are wished at once")),
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::PathRefused, why)
}

/// Where the site's worker works, and as whom.
pub(crate) fn assignment(
    context: &Context,
    row: &SiteRow,
    account: &Account,
    site: &Site,
) -> Result<Assignment> {
    let Some(document_root) = &site.document_root else {
        let text = format!("the site {} has no document root", site.domain);
        return Err(Error::new(ErrorKind::SiteWithoutHosting, text));
    };
    let (tree, user) = (context.panel.tree(), context.system_user(account)?);
    let state = context.key()?.number("site state", &[row.token.as_bytes()]);
    Ok(Assignment {
        state: SiteKey::numeric(state).to_string(),
        account: user.name,
        uid: user.uid,
        gid: user.gid,
        home: tree.path(&account.home),
        document_root: tree.path(document_root),
    })
}

/// Does something with a site's publications.
///
/// # Errors
/// [`ErrorKind::SiteNotFound`] if the site was never opened here; what the worker says.
pub(crate) fn manage(
    context: &Context,
    principal: &Principal,
    workers: &std::sync::Arc<Workers>,
    request: &ManageRequest,
    time: std::time::Duration,
) -> Result<Value> {
    let operation = request.operation();
    // No page shows this yet, so that nobody can show a session: where one is needed, the account's own processes are refused.
    context.prove_session(principal, None)?;
    let account = context.account(principal, request.account.as_ref(), Some(&request.site))?;
    policy::allow_account(principal, operation, context.panel.kind(), &account)?;
    let Some(site) = account.site(&request.site) else {
        return Err(open::not_there(context, &account, &request.site));
    };
    policy::allow_site(operation, site)?;
    context.check_single_owner(&account, &request.site)?;
    let row = context.store()?.current(&request.site)?.filter(|row| row.owner == account.id);
    let Some(row) = row else {
        let text = format!("{} was never opened here, so that nothing was published", request.site);
        return Err(Error::new(ErrorKind::SiteNotFound, text));
    };
    let assignment = assignment(context, &row, &account, site)?;
    let result = workers
        .lease(&assignment)
        .and_then(|lease| lease.call(Task::Manage { what: request.what }, &[], time));
    if operation == Operation::ChangePublication {
        let outcome = result.as_ref().err().map_or("ok", |error| error.kind().name());
        record(context, principal, &row, request.reference, operation, outcome, None);
        log::info!(
            "{}: {principal}: {} of {}: {outcome}",
            request.reference,
            request.what.name(),
            row.domain
        );
    }
    result
}

/// What shall be done with whose publications.
pub struct ManageRequest {
    /// The number that ties answer and log together.
    pub reference: Reference,
    /// The account; an account peer is always its own.
    pub account: Option<Username>,
    /// The site.
    pub site: Domain,
    /// What.
    pub what: Manage,
}

impl ManageRequest {
    /// The operation that the policy knows it by.
    pub fn operation(&self) -> Operation {
        match self.what {
            Manage::Status | Manage::History => Operation::ViewPublication,
            Manage::Undo | Manage::Unpublish => Operation::ChangePublication,
        }
    }
}

/// Writes the audit: that a publication began, or was taken back. The log has it too, so a store that cannot be written to stops nobody.
pub(crate) fn record(
    context: &Context,
    principal: &Principal,
    row: &SiteRow,
    reference: Reference,
    operation: Operation,
    result: &str,
    remote: Option<IpAddr>,
) {
    let entry = AuditEntry {
        at: 0,
        reference: reference.to_string(),
        principal: principal.to_string(),
        account: Some(row.owner.name().to_string()),
        site: Some(row.domain.to_string()),
        operation: operation.name().to_owned(),
        result: result.to_owned(),
        claimed: remote.map(|remote| format!("from {remote}")),
    };
    if let Err(error) = context.store().and_then(|store| store.record(&entry)) {
        log::error!("{reference}: the audit lacks this publication: {error:?}");
    }
}
