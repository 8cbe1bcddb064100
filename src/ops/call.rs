//! A call of the builder's for somebody: what may be asked is looked at before anything goes over the network.

use serde_json::{Map, Value, json};

use crate::builder::{self, SessionRequest, Site};
use crate::calls::{self, Call, Checked, Effective, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, PanelSession, SiteKind};
use crate::store::{AuditEntry, Binding, SiteRow};
use crate::sys::identity;
use crate::types::{Domain, Reference, SiteKey, Username, quote};

use super::policy::{self, Operation, Principal};
use super::{Context, OpenRequest, binding, open, published};

/// Who wants which call.
#[derive(Debug)]
pub struct CallRequest {
    /// The number that ties answer and log together.
    pub reference: Reference,
    /// The call's name in the table.
    pub call: String,
    /// What it takes: a JSON object. Two members are ours: `domain` names the site, `account` the account.
    pub input: Value,
    /// What the caller says about itself, for the audit.
    pub claimed: Option<String>,
    /// The panel's session that the caller says it acts for.
    pub panel_session: Option<PanelSession>,
}

impl CallRequest {
    /// A request with a new reference number.
    pub fn new(call: impl Into<String>, input: Value) -> Self {
        Self { reference: Reference::random(), call: call.into(), input, claimed: None, panel_session: None }
    }
}

/// Makes a call for whoever may, and logs how that ended.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] with the field's name for a bad input; [`ErrorKind::Config`] for a call that is off here; otherwise why not.
pub(crate) fn call(context: &Context, principal: &Principal, request: &CallRequest) -> Result<Value> {
    let mut about = None;
    let result = decide_and_call(context, principal, request, &mut about);
    let (reference, name) = (request.reference, quote(&request.call));
    let site = about.as_ref().map_or_else(String::new, |site: &Domain| format!(" for {site}"));
    match &result {
        Ok(_) if Call::by_name(&request.call).is_some_and(|call| call.entry().reads) => {
            log::debug!("{reference}: {principal} made the call {name}{site}");
        }
        Ok(_) => log::info!("{reference}: {principal} made the call {name}{site}"),
        Err(error) => log::warn!("{reference}: {principal} could not make the call {name}{site}: {error:?}"),
    }
    record(context, principal, request, about.as_ref(), &result);
    result
}

/// Writes the audit: what changes something, and every refusal that an account's share takes. A private trial has none.
fn record(
    context: &Context,
    principal: &Principal,
    request: &CallRequest,
    site: Option<&Domain>,
    result: &Result<Value>,
) {
    let Some(call) = Call::by_name(&request.call) else { return };
    if identity::uids().effective != 0 || (call.entry().reads && result.is_ok()) {
        return;
    }
    let named =
        request.input.get("account").and_then(Value::as_str).and_then(|name| Username::new(name).ok());
    let account = principal.own_account().cloned().or(named);
    if result.is_err() && !context.takes_refusal(account.as_ref()) {
        return;
    }
    let entry = AuditEntry {
        at: 0,
        reference: request.reference.to_string(),
        principal: principal.to_string(),
        account: account.as_ref().map(ToString::to_string),
        site: site.map(ToString::to_string),
        operation: format!("call {}", call.name()),
        result: result.as_ref().err().map_or("ok", |error| error.kind().name()).to_owned(),
        claimed: request.claimed.clone(),
    };
    if let Err(error) = context.store().and_then(|store| store.record(&entry)) {
        log::error!("{}: the audit lacks this call: {error:?}", request.reference);
    }
}

fn decide_and_call(
    context: &Context,
    principal: &Principal,
    request: &CallRequest,
    about: &mut Option<Domain>,
) -> Result<Value> {
    let call = Call::by_name(&request.call).ok_or_else(|| {
        let text = format!("there is no call {} (panelgate call --list shows all)", quote(&request.call));
        Error::new(ErrorKind::InvalidArgument, text)
    })?;
    policy::allow_call(principal, call, context.panel.kind())?;
    context.prove_session(principal, request.panel_session.as_ref())?;
    let made = Effective::of(call, context.config.builder.calls.get(&call));
    made.available().map_err(|what| Error::new(ErrorKind::Config, what))?;
    if request.input.to_string().len() > limits::CALL_INPUT_BYTES {
        let text = format!("{}: the input is larger than {} bytes", call.name(), limits::CALL_INPUT_BYTES);
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    let checked = calls::check(made, request.input.clone())?;
    about.clone_from(&checked.site);
    let mut answer = match &checked.site {
        Some(domain) => of_site(context, principal, call, &checked, domain)?,
        None => {
            stand(context, principal, &checked)?;
            match call {
                Call::GetDomains => list(context, &checked.body)?,
                _ => context.builder.invoke(call, None, &checked.body)?,
            }
        }
    };
    builder::scrub(&mut answer);
    Ok(answer)
}

/// Who is not root must be, or name, an account in good standing even for a call that is about no site.
fn stand(context: &Context, principal: &Principal, checked: &Checked) -> Result<()> {
    if *principal == Principal::Root && checked.account.is_none() {
        return Ok(());
    }
    let account = context.account(principal, checked.account.as_ref(), None)?;
    policy::allow_account(principal, Operation::CallBuilder, context.panel.kind(), &account)
}

/// The list of published websites never goes past the 3 hours; one domain is asked for now.
fn list(context: &Context, body: &Map<String, Value>) -> Result<Value> {
    if body.contains_key("domain") {
        return context.builder.invoke(Call::GetDomains, None, body);
    }
    let number = |name: &str, default| body.get(name).and_then(Value::as_u64).unwrap_or(default);
    let at = published::refresh(context)?;
    let rows = context.store()?.published_from(number("offset", 0), number("limit", limits::DOMAINS_PAGE))?;
    Ok(json!({ "ok": true, "domains": rows, "readAt": at }))
}

/// Finds out whose site it is, and makes the call with its key and, where it needs one, its session.
fn of_site(
    context: &Context,
    principal: &Principal,
    call: Call,
    checked: &Checked,
    domain: &Domain,
) -> Result<Value> {
    let account = match context.account(principal, checked.account.as_ref(), Some(domain)) {
        Err(error) if error.kind() == ErrorKind::SiteNotFound && *principal == Principal::Root => {
            return of_gone_site(context, call, checked, domain, error);
        }
        found => found?,
    };
    policy::allow_account(principal, Operation::CallBuilder, context.panel.kind(), &account)?;
    let site = account.site(domain).ok_or_else(|| open::not_there(context, &account, domain))?;
    // Root must be able to block what is suspended.
    if *principal != Principal::Root || site.kind == SiteKind::Alias {
        policy::allow_site(Operation::CallBuilder, site)?;
    }
    context.check_single_owner(&account, &site.domain)?;
    if call == Call::WebsiteRename {
        return rename(context, &account, &binding::bind(context, &account, site)?, checked);
    }
    let made = Effective::of(call, context.config.builder.calls.get(&call));
    let session = match made.session() {
        Session::Without => None,
        Session::Helpful => optional(session(context, &account, site))?,
        Session::Needed => Some(session(context, &account, site)?),
    };
    match session {
        Some(session) => context.builder.invoke(call, Some(Site::Session(&session)), &checked.body),
        None => {
            let row = binding::bind(context, &account, site)?;
            context.builder.invoke(call, Some(Site::Key(&row.key)), &checked.body)
        }
    }
}

/// Root may still finish what is left at the builder of a site that the panel does not have any more, if it was this server's.
fn of_gone_site(
    context: &Context,
    call: Call,
    checked: &Checked,
    domain: &Domain,
    error: Error,
) -> Result<Value> {
    let made = Effective::of(call, context.config.builder.calls.get(&call));
    let row = context.store()?.current(domain)?;
    let (Some(row), true) = (row, made.session() != Session::Needed) else { return Err(error) };
    if call == Call::WebsiteRename {
        let account = context.panel.account(row.owner.name())?;
        if account.id != row.owner {
            return Err(error);
        }
        return rename(context, &account, &row, checked);
    }
    context.builder.invoke(call, Some(Site::Key(&row.key)), &checked.body)
}

/// The session request of a site, for its `loginHash`: with everything, as for a click, since the builder keeps what it is told.
fn session(context: &Context, account: &Account, site: &crate::panel::Site) -> Result<SessionRequest> {
    let request = open::session_request(context, account, site, &OpenRequest::new())?;
    Ok(SessionRequest { more: true, ..request })
}

/// No session where publication is not set up.
fn optional(session: Result<SessionRequest>) -> Result<Option<SessionRequest>> {
    match session {
        Ok(session) => Ok(Some(session)),
        Err(error) if matches!(error.kind(), ErrorKind::Publication | ErrorKind::SiteWithoutHosting) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Renames at the builder, then here. The new name must be the same account's, or nobody's yet.
fn rename(context: &Context, account: &Account, row: &SiteRow, checked: &Checked) -> Result<Value> {
    let new = checked.body.get("newDomain").and_then(Value::as_str).unwrap_or_default();
    let new = Domain::new(new)?;
    if SiteKey::of(&new) == row.key {
        let text = format!("website/rename: field \"newDomain\": {new} is what the builder calls it already");
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    // For the builder a name with and without `www.` is one website.
    for name in [Some(new.clone()), new.without_www()].into_iter().flatten() {
        let owners = context.panel.owners(&name)?;
        if owners.iter().any(|owner| owner != account.name()) {
            let text = format!("website/rename: field \"newDomain\": {name} is another account's");
            return Err(Error::new(ErrorKind::SiteNotYours, text));
        }
    }
    if binding::first_binding(context, account, &new)? != Binding::Plain {
        let text = format!("{new} may be another server's at the builder ([builder] shared_brand)");
        return Err(Error::new(ErrorKind::SiteConflict, text));
    }
    let store = context.store()?;
    store.check_rename(row, &new)?;
    let mut body = checked.body.clone();
    body.insert("newDomain".into(), SiteKey::of(&new).as_str().into());
    let answer = context.builder.invoke(Call::WebsiteRename, Some(Site::Key(&row.key)), &body)?;
    store.rename_site(row, &new).map_err(|error| {
        let what = format!("the builder calls {} {new} from now on, and the store does not know it", row.key);
        error.context(what)
    })?;
    Ok(answer)
}
