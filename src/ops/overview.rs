//! What an account has, and what of it can be opened.

use serde::Serialize;

use crate::error::{ErrorKind, Result};
use crate::limits;
use crate::panel::{Account, PanelSession, Site};
use crate::sys::clock;
use crate::types::{Domain, Username};

use super::Context;
use super::notices::{Notice, Question};
use super::open::not_there;
use super::policy::{self, Operation, Principal};
use super::token::{Binding, Form};

/// Who wants to see which account.
#[derive(Debug, Default)]
pub struct OverviewRequest {
    /// The account; an account peer is always its own.
    pub account: Option<Username>,
    /// A site that the account must have; root may name it instead of the account.
    pub site: Option<Domain>,
    /// What the tokens of a form shall be bound to; `None` if no form will be shown.
    pub binding: Option<Binding>,
    /// The panel's session that the caller says it acts for.
    pub panel_session: Option<PanelSession>,
}

/// An account with what can be opened.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// The account.
    pub account: Account,
    /// One entry for each of its sites, in the same order.
    pub entries: Vec<SiteEntry>,
    /// Content-Security-Policy sources of all places that opening may lead to.
    #[serde(skip)]
    pub form_targets: Vec<String>,
    /// Whether whoever answers can show and give out backups of projects: a broker of an older version cannot.
    #[serde(skip)]
    pub backups: bool,
}

/// One site, and whether it can be opened.
#[derive(Debug, Serialize)]
pub struct SiteEntry {
    /// The site.
    pub domain: Domain,
    /// Why it cannot be opened: the name of an [`ErrorKind`]; `None` if it can.
    #[serde(serialize_with = "kind_name")]
    pub refused: Option<ErrorKind>,
    /// What its owner should know; empty where nothing is known.
    pub notices: Vec<Notice>,
    /// The token that a form must send back to open it.
    #[serde(skip)]
    pub token: Option<String>,
}

fn kind_name<S: serde::Serializer>(
    kind: &Option<ErrorKind>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    match kind {
        Some(kind) => serializer.serialize_some(kind.name()),
        None => serializer.serialize_none(),
    }
}

/// Reads an account for a principal that may act for it.
///
/// # Errors
/// Why not; see [`ErrorKind`].
pub(crate) fn overview(
    context: &Context,
    principal: &Principal,
    request: &OverviewRequest,
) -> Result<Overview> {
    context.prove_session(principal, request.panel_session.as_ref())?;
    let account = context.account(principal, request.account.as_ref(), request.site.as_ref())?;
    policy::allow_account(principal, Operation::ViewAccount, context.panel.kind(), &account)?;
    if let Some(site) = request.site.as_ref().filter(|site| account.site(site).is_none()) {
        return Err(not_there(context, &account, site));
    }
    let entries = account
        .sites
        .iter()
        .map(|site| entry(context, principal, &account, site, request.binding.as_ref()))
        .collect::<Result<Vec<SiteEntry>>>()?;
    look_at(context, &account, &entries);
    Ok(Overview { account, entries, form_targets: context.config.builder.csp_sources(), backups: true })
}

/// Has the sites looked at that can be opened and of which nothing is known, for the next time.
fn look_at(context: &Context, account: &Account, entries: &[SiteEntry]) {
    let openable = entries.iter().filter(|entry| entry.refused.is_none());
    let unknown = openable.filter(|entry| context.notices.wants(&entry.domain)).take(limits::NOTICE_SITES);
    let questions = unknown.filter_map(|entry| {
        // Who has never opened it does not publish there.
        let store = context.store().ok()?;
        let row = store.current(&entry.domain).ok().flatten()?;
        Question::about(store, account.public_ip, &row)
    });
    context.notices.look_at(questions.collect());
}

fn entry(
    context: &Context,
    principal: &Principal,
    account: &Account,
    site: &Site,
    binding: Option<&Binding>,
) -> Result<SiteEntry> {
    let verdict = policy::allow_account(principal, Operation::OpenSite, context.panel.kind(), account)
        .and_then(|()| policy::allow_site(Operation::OpenSite, site));
    let refused = verdict.err().map(|error| error.kind());
    let token = match binding {
        Some(binding) if refused.is_none() => {
            let form =
                Form { uid: principal.uid(), binding, operation: Operation::OpenSite, site: &site.domain };
            Some(form.issue(context.key()?, clock::unix_seconds()))
        }
        _ => None,
    };
    let notices = if refused.is_none() { context.notices.of(&site.domain) } else { Vec::new() };
    Ok(SiteEntry { domain: site.domain.clone(), refused, notices, token })
}
