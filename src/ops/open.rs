//! Opening a builder session.

use crate::builder::SessionRequest;
use crate::config::{ServerIp, SessionConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::{Account, PanelSession, Site};
use crate::store::AuditEntry;
use crate::sys::{clock, identity};
use crate::types::{Domain, Reference, Secret, Username, quote};

use super::policy::{self, Operation, Principal};
use super::publication::publication;
use super::token::{Binding, Form};
use super::{Context, binding, language};

/// Who wants what opened.
#[derive(Debug)]
pub struct OpenRequest {
    /// The number that ties page and log together.
    pub reference: Reference,
    /// The account; an account peer is always its own.
    pub account: Option<Username>,
    /// The site; may be left out if the account has one that can be opened.
    pub site: Option<Domain>,
    /// The language wanted, as a locale; before the account's own.
    pub language: Option<String>,
    /// Hash of a website that was begun in the vendor's public demo.
    pub create_from: Option<String>,
    /// The token of the form that the request came from, with what it must be bound to; `None` if it did not come from a form.
    pub form: Option<(String, Binding)>,
    /// What the caller says about itself, for the audit: client address, impersonation.
    pub claimed: Option<String>,
    /// The panel's session that the caller says it acts for.
    pub panel_session: Option<PanelSession>,
}

impl OpenRequest {
    /// A request for the account's only site, with a new reference number.
    pub fn new() -> Self {
        Self {
            reference: Reference::random(),
            account: None,
            site: None,
            language: None,
            create_from: None,
            form: None,
            claimed: None,
            panel_session: None,
        }
    }
}

impl Default for OpenRequest {
    fn default() -> Self {
        Self::new()
    }
}

/// A session that a browser can be sent to. The address is a bearer secret: it is rendered into a redirect, never logged.
#[derive(Debug)]
pub struct Session {
    /// Where to send the browser; checked.
    pub url: Secret,
    /// The account.
    pub account: Username,
    /// The site.
    pub site: Domain,
    /// The number in the log.
    pub reference: Reference,
}

/// Opens a session for a site of the account that the principal may act for, and logs how that ended.
///
/// # Errors
/// Why not; see [`crate::error::ErrorKind`].
pub(crate) fn open(context: &Context, principal: &Principal, request: &OpenRequest) -> Result<Session> {
    let result = decide_and_open(context, principal, request);
    let reference = request.reference;
    match &result {
        Ok(session) => {
            log::info!("{reference}: {principal} opened {} of account {}", session.site, session.account)
        }
        Err(error) => {
            let site = request.site.as_ref().map_or("a site", |site| site.as_str());
            log::warn!("{reference}: {principal} could not open {site}: {error:?}");
        }
    }
    record(context, principal, request, &result);
    result
}

/// Writes the audit. The log has the same line, so a store that cannot be written to stops nobody. A private trial, which does not run as root, has none:
/// its only user would be watching themselves.
fn record(context: &Context, principal: &Principal, request: &OpenRequest, result: &Result<Session>) {
    if identity::uids().effective != 0 {
        return;
    }
    let opened = result.as_ref().ok();
    // What a process of an account asks for stands under that account, whichever it named: nobody writes into the audit of others.
    let named = opened.map(|session| &session.account).or(request.account.as_ref());
    let account = principal.own_account().or(named);
    if result.is_err() && !context.takes_refusal(account) {
        log::warn!(
            "{}: the audit lacks this refusal: there have been too many of this account",
            request.reference
        );
        return;
    }
    let entry = AuditEntry {
        at: 0,
        reference: request.reference.to_string(),
        principal: principal.to_string(),
        account: account.map(ToString::to_string),
        site: opened.map(|session| &session.site).or(request.site.as_ref()).map(ToString::to_string),
        operation: Operation::OpenSite.name().to_owned(),
        result: result.as_ref().err().map_or("ok", |error| error.kind().name()).to_owned(),
        claimed: request.claimed.clone(),
    };
    if let Err(error) = context.store().and_then(|store| store.record(&entry)) {
        log::error!("{}: the audit lacks this opening: {error:?}", request.reference);
    }
}

fn decide_and_open(context: &Context, principal: &Principal, request: &OpenRequest) -> Result<Session> {
    context.prove_session(principal, request.panel_session.as_ref())?;
    let account = context.account(principal, request.account.as_ref(), request.site.as_ref())?;
    policy::allow_account(principal, Operation::OpenSite, context.panel.kind(), &account)?;
    let site = choose(context, &account, request.site.as_ref())?;
    if let Some((form_token, binding)) = &request.form {
        let form = Form { uid: principal.uid(), binding, operation: Operation::OpenSite, site: &site.domain };
        form.check(context.key()?, clock::unix_seconds(), form_token)?;
    }
    policy::allow_site(Operation::OpenSite, site)?;
    context.check_single_owner(&account, &site.domain)?;
    let call = session_request(context, &account, site, request)?;
    let reply = context.builder.request_login(&call)?;
    Ok(Session {
        url: reply.url,
        account: account.name().clone(),
        site: site.domain.clone(),
        reference: request.reference,
    })
}

fn choose<'a>(context: &Context, account: &'a Account, wanted: Option<&Domain>) -> Result<&'a Site> {
    if let Some(domain) = wanted {
        return account.site(domain).ok_or_else(|| not_there(context, account, domain));
    }
    let is_openable = |site: &&Site| policy::allow_site(Operation::OpenSite, site).is_ok();
    let mut openable = account.sites.iter().filter(is_openable);
    match (openable.next(), openable.next()) {
        (Some(site), None) => Ok(site),
        (None, _) => {
            let text = format!("account {} has no site that can be opened", account.name());
            Err(Error::new(ErrorKind::SiteNotFound, text))
        }
        (Some(_), Some(_)) => {
            let names: Vec<&str> =
                account.sites.iter().filter(is_openable).take(10).map(|site| site.domain.as_str()).collect();
            let text = format!(
                "account {} has several sites, name one of them: {}",
                account.name(),
                names.join(", ")
            );
            Err(Error::new(ErrorKind::InvalidArgument, text))
        }
    }
}

/// Tells a site of somebody else from one that does not exist, for the log; the customer is told the same.
pub(super) fn not_there(context: &Context, account: &Account, domain: &Domain) -> Error {
    let foreign = context.panel.owners_are_cheap()
        && context
            .panel
            .owners(domain)
            .is_ok_and(|owners| owners.iter().any(|owner| owner != account.name()));
    if foreign {
        let text =
            format!("the site {domain} does not belong to account {} but to another one", account.name());
        Error::new(ErrorKind::SiteNotYours, text)
    } else {
        Error::new(ErrorKind::SiteNotFound, format!("account {} has no site {domain}", account.name()))
    }
}

pub(super) fn session_request(
    context: &Context,
    account: &Account,
    site: &Site,
    request: &OpenRequest,
) -> Result<SessionRequest> {
    let settings = &context.config.session;
    let row = binding::bind(context, account, site)?;
    let key = row.key.clone();
    let locale = request.language.as_deref().or(account.locale.as_deref());
    let plan = account.plan.clone().filter(|_| settings.send_plan);
    let addons = if settings.send_plan { account.addons.clone() } else { Vec::new() };
    Ok(SessionRequest {
        base_domain: (key.as_str() != site.domain.as_str()).then(|| site.domain.clone()),
        publication: publication(context, account, site, &row)?,
        lang: locale.and_then(|locale| language::two_letters(locale, &settings.languages)),
        hosting_plan: plan,
        product_name: settings.product_name.clone(),
        addon_names: addons,
        client_id: client_id(context, account, settings)?,
        client_email: account.contact.clone().filter(|_| settings.send_email),
        more: false,
        create_from: request.create_from.as_deref().map(create_from).transpose()?,
        server_ip: match settings.server_ip {
            ServerIp::No => None,
            ServerIp::Auto => account.public_ip,
            ServerIp::Fixed(address) => Some(address),
        },
        user_id: settings.user_id.clone(),
        license_hash: settings.license_hash.clone(),
        affiliate_id: settings.affiliate_id.clone(),
        extra: settings.extra.clone(),
        domain: key,
    })
}

/// The builder knows the client by a number that says nothing: not the account's name, and another one for a successor of that name.
fn client_id(context: &Context, account: &Account, settings: &SessionConfig) -> Result<Option<String>> {
    if !settings.send_client_id {
        return Ok(None);
    }
    let id = account.id.to_string();
    Ok(Some(context.key()?.number("client number", &[id.as_bytes()]).to_string()))
}

fn create_from(hash: &str) -> Result<String> {
    let fits = (1..=128).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits {
        Ok(hash.to_owned())
    } else {
        Err(Error::new(
            ErrorKind::InvalidArgument,
            format!("{} is not a hash of a demo website", quote(hash)),
        ))
    }
}
