//! What goes through the socket: arguments and results of the operations, as plain data.
//!
//! The types of the use cases are not sent themselves: a field that is added to them must not reach an account by accident.

mod publication;

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::admin::Target;
use crate::ops::backup::ProjectWish;
use crate::ops::event::RefreshRequest;
use crate::ops::notices::Notice;
use crate::ops::token::Binding;
use crate::ops::{CallRequest, OpenRequest, Overview, OverviewRequest, Session, SiteEntry};
use crate::panel::{Account, PanelSession, Site, SiteKind};
use crate::store::AuditQuery;
use crate::types::{AccountId, Domain, Reference, Secret, Username, hex};

pub(super) use publication::{Admitted, ManageArgs, PublishArgs};

/// Arguments of `overview`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct OverviewArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    panel_session: Option<[String; 2]>,
    /// The first site wanted: a frame holds only so many.
    #[serde(default)]
    from: usize,
}

impl OverviewArgs {
    pub(super) fn of(request: &OverviewRequest, from: usize) -> Self {
        Self {
            from,
            account: request.account.clone(),
            site: request.site.clone(),
            session: request.binding.map(|binding| hex(&binding.session)),
            panel_session: request.panel_session.as_ref().map(session_pair),
        }
    }

    pub(super) fn account(&self) -> Option<&Username> {
        self.account.as_ref()
    }

    pub(super) fn from(&self) -> usize {
        self.from
    }

    pub(super) fn into_request(self) -> Result<OverviewRequest> {
        let binding = self.session.as_deref().map(binding).transpose()?;
        let panel_session = panel_session(self.panel_session)?;
        Ok(OverviewRequest { account: self.account, site: self.site, binding, panel_session })
    }
}

/// Arguments of `open`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct OpenArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    create_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    claimed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    panel_session: Option<[String; 2]>,
}

impl OpenArgs {
    pub(super) fn of(request: &OpenRequest) -> Self {
        Self {
            account: request.account.clone(),
            site: request.site.clone(),
            language: request.language.clone(),
            create_from: request.create_from.clone(),
            token: request.form.as_ref().map(|(token, _)| token.clone()),
            session: request.form.as_ref().map(|(_, binding)| hex(&binding.session)),
            claimed: request.claimed.clone(),
            panel_session: request.panel_session.as_ref().map(session_pair),
        }
    }

    pub(super) fn account(&self) -> Option<&Username> {
        self.account.as_ref()
    }

    pub(super) fn into_request(self, reference: Reference) -> Result<OpenRequest> {
        let form = match (self.token, self.session) {
            (None, None) => None,
            (Some(token), Some(session)) => Some((token, binding(&session)?)),
            _ => return Err(Error::new(ErrorKind::BadRequest, "token and session belong together")),
        };
        Ok(OpenRequest {
            reference,
            account: self.account,
            site: self.site,
            language: self.language,
            create_from: self.create_from,
            form,
            claimed: self.claimed.map(claimed),
            panel_session: panel_session(self.panel_session)?,
        })
    }
}

/// Arguments of `audit`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct AuditArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
    #[serde(default)]
    limit: Option<usize>,
}

impl AuditArgs {
    pub(super) fn into_query(self) -> AuditQuery {
        AuditQuery {
            account: self.account.map(|name| name.to_string()),
            site: self.site.map(|site| site.to_string()),
            limit: self.limit.unwrap_or(limits::AUDIT_LINES),
        }
    }
}

/// Arguments of `revoke`: exactly one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RevokeArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
    #[serde(default)]
    all: bool,
}

impl RevokeArgs {
    pub(super) fn into_target(self) -> Result<Target> {
        match (self.site, self.account, self.all) {
            (Some(site), None, false) => Ok(Target::Site(site)),
            (None, Some(account), false) => Ok(Target::Account(account)),
            (None, None, true) => Ok(Target::All),
            _ => Err(Error::new(ErrorKind::BadRequest, "exactly one of site, account and all must be given")),
        }
    }
}

/// Arguments of `claim`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ClaimArgs {
    site: Option<Domain>,
}

impl ClaimArgs {
    pub(super) fn into_site(self) -> Result<Domain> {
        self.site.ok_or_else(|| Error::new(ErrorKind::BadRequest, "no site is named"))
    }
}

/// Arguments of `refresh`. An account's own are not looked at.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RefreshArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
}

impl RefreshArgs {
    pub(super) fn of(request: &RefreshRequest) -> Self {
        Self { account: request.account.clone(), site: request.site.clone() }
    }

    pub(super) fn into_request(self) -> RefreshRequest {
        RefreshRequest { account: self.account, site: self.site }
    }
}

/// Arguments of `call`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct CallArgs {
    call: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    input: Value,
    /// The input follows, when the broker says so, and has so many bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    input_bytes: Option<usize>,
    /// Whether the client takes an answer that is longer than a frame.
    #[serde(default)]
    long: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    claimed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    panel_session: Option<[String; 2]>,
}

impl CallArgs {
    /// The arguments, and the input if it does not go with them.
    pub(super) fn of(request: &CallRequest) -> (Self, Option<Vec<u8>>) {
        let text = request.input.to_string();
        // What else there is takes far less than the other half of a frame.
        let follows = (text.len() > limits::FRAME_BYTES / 2).then(|| text.into_bytes());
        let args = Self {
            call: request.call.clone(),
            input: if follows.is_none() { request.input.clone() } else { Value::Null },
            input_bytes: follows.as_ref().map(Vec::len),
            long: true,
            claimed: request.claimed.clone(),
            panel_session: request.panel_session.as_ref().map(session_pair),
        };
        (args, follows)
    }

    pub(super) fn call(&self) -> &str {
        &self.call
    }

    pub(super) fn input_bytes(&self) -> Option<usize> {
        self.input_bytes
    }

    pub(super) fn takes_long(&self) -> bool {
        self.long
    }

    /// The same with the input that has followed.
    pub(super) fn with_input(self, input: Value) -> Self {
        Self { input, input_bytes: None, ..self }
    }

    /// The account that the input names.
    pub(super) fn account(&self) -> Option<Username> {
        self.input.get("account").and_then(Value::as_str).and_then(|name| Username::new(name).ok())
    }

    pub(super) fn into_request(self, reference: Reference) -> Result<CallRequest> {
        Ok(CallRequest {
            reference,
            call: self.call,
            input: self.input,
            claimed: self.claimed.map(claimed),
            panel_session: panel_session(self.panel_session)?,
        })
    }
}

/// Arguments of `backup-project`, `backups` and `download-project`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct BackupArgs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    account: Option<Username>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    site: Option<Domain>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    panel_session: Option<[String; 2]>,
    /// For `backups`: the form that orders one is bound to this session.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    form_session: Option<String>,
    /// For `download-project`: the backup's name; the newest if left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    /// For `backups`: this job alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    job: Option<u64>,
}

impl BackupArgs {
    pub(super) fn of(wish: &ProjectWish) -> Self {
        Self {
            account: wish.account.clone(),
            site: wish.site.clone(),
            token: wish.form.as_ref().map(|(token, _)| token.clone()),
            session: wish.form.as_ref().map(|(_, binding)| hex(&binding.session)),
            panel_session: wish.panel_session.as_ref().map(session_pair),
            form_session: wish.binding.map(|binding| hex(&binding.session)),
            name: None,
            job: None,
        }
    }

    pub(super) fn of_file(wish: &ProjectWish, name: Option<&str>) -> Self {
        Self { name: name.map(str::to_owned), ..Self::of(wish) }
    }

    pub(super) fn name(&self) -> Option<String> {
        self.name.clone()
    }

    pub(super) fn of_job(job: u64) -> Self {
        Self { job: Some(job), ..Self::default() }
    }

    pub(super) fn job(&self) -> Option<u64> {
        self.job
    }

    pub(super) fn account(&self) -> Option<&Username> {
        self.account.as_ref()
    }

    pub(super) fn into_wish(self) -> Result<ProjectWish> {
        let form = match (self.token, self.session) {
            (None, None) => None,
            (Some(token), Some(session)) => Some((token, binding(&session)?)),
            _ => return Err(Error::new(ErrorKind::BadRequest, "token and session belong together")),
        };
        Ok(ProjectWish {
            account: self.account,
            site: self.site,
            form,
            binding: self.form_session.as_deref().map(binding).transpose()?,
            panel_session: panel_session(self.panel_session)?,
        })
    }
}

/// Result of `open`. The address is a secret: this type has no `Debug`.
#[derive(Serialize, Deserialize)]
pub(super) struct Opened {
    url: String,
    account: Username,
    site: Domain,
}

impl Opened {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            url: session.url.expose().to_owned(),
            account: session.account.clone(),
            site: session.site.clone(),
        }
    }

    pub(super) fn into_session(self, reference: Reference) -> Session {
        Session { url: Secret::new(self.url), account: self.account, site: self.site, reference }
    }
}

/// Result of `overview`.
#[derive(Serialize, Deserialize)]
pub(super) struct WireOverview {
    id: WireId,
    home: PathBuf,
    owner: Option<String>,
    plan: Option<String>,
    addons: Vec<String>,
    locale: Option<String>,
    contact: Option<String>,
    suspended: bool,
    demo: bool,
    feature: bool,
    public_ip: Option<IpAddr>,
    sites: Vec<WireSite>,
    /// Where the next part begins, if these are not all.
    next: Option<usize>,
    form_targets: Vec<String>,
    #[serde(default)]
    backups: bool,
}

#[derive(Serialize, Deserialize)]
struct WireId {
    panel: String,
    name: Username,
    uid: u32,
    mark: String,
}

#[derive(Serialize, Deserialize)]
struct WireSite {
    domain: Domain,
    kind: SiteKind,
    document_root: Option<PathBuf>,
    suspended: bool,
    alias_of: Option<Domain>,
    refused: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    notices: Vec<String>,
    token: Option<String>,
}

impl WireSite {
    /// How many bytes it takes on the wire. What cannot be written will be an error as a whole.
    fn size(&self) -> usize {
        serde_json::to_string(self).map_or(0, |text| text.len() + 1)
    }
}

impl WireOverview {
    /// The part of an overview that begins with site `from` and fits into a frame.
    pub(super) fn of(overview: &Overview, from: usize) -> Self {
        let account = &overview.account;
        let all = account.sites.iter().zip(&overview.entries).map(|(site, entry)| WireSite {
            domain: site.domain.clone(),
            kind: site.kind,
            document_root: site.document_root.clone(),
            suspended: site.suspended,
            alias_of: site.alias_of.clone(),
            refused: entry.refused.map(|kind| kind.name().to_owned()),
            notices: entry.notices.iter().map(|notice| notice.name().to_owned()).collect(),
            token: entry.token.clone(),
        });
        let (mut sites, mut next, mut bytes) = (Vec::new(), None, 0);
        for (number, site) in all.enumerate().skip(from) {
            bytes += site.size();
            // The rest is for what the account has besides.
            if bytes > limits::FRAME_BYTES / 4 * 3 && !sites.is_empty() {
                next = Some(number);
                break;
            }
            sites.push(site);
        }
        Self {
            id: WireId {
                panel: account.id.panel().to_owned(),
                name: account.name().clone(),
                uid: account.id.uid(),
                mark: account.id.mark().to_owned(),
            },
            home: account.home.clone(),
            owner: account.owner.clone(),
            plan: account.plan.clone(),
            addons: account.addons.clone(),
            locale: account.locale.clone(),
            contact: account.contact.clone(),
            suspended: account.suspended,
            demo: account.demo,
            feature: account.feature,
            public_ip: account.public_ip,
            sites,
            next,
            form_targets: overview.form_targets.clone(),
            backups: overview.backups,
        }
    }

    /// Where the next part begins, if this is not the last.
    pub(super) fn next(&self) -> Option<usize> {
        self.next
    }

    /// How many sites are here.
    pub(super) fn sites(&self) -> usize {
        self.sites.len()
    }

    /// Adds the sites of the next part.
    pub(super) fn append(&mut self, part: Self) {
        self.sites.extend(part.sites);
        self.next = part.next;
    }

    pub(super) fn into_overview(self) -> Overview {
        let (mut sites, mut entries) = (Vec::new(), Vec::new());
        for site in self.sites {
            entries.push(SiteEntry {
                domain: site.domain.clone(),
                // A reason of the future is still a reason.
                refused: site.refused.map(|name| ErrorKind::by_name(&name).unwrap_or(ErrorKind::Forbidden)),
                notices: site.notices.iter().filter_map(|name| Notice::by_name(name)).collect(),
                token: site.token,
            });
            sites.push(Site {
                domain: site.domain,
                kind: site.kind,
                document_root: site.document_root,
                suspended: site.suspended,
                alias_of: site.alias_of,
            });
        }
        let account = Account {
            id: AccountId::new(self.id.panel, self.id.name, self.id.uid, self.id.mark),
            home: self.home,
            owner: self.owner,
            plan: self.plan,
            addons: self.addons,
            // Only who opens a site needs it, and that is the broker.
            site_limit: None,
            locale: self.locale,
            contact: self.contact,
            suspended: self.suspended,
            demo: self.demo,
            feature: self.feature,
            public_ip: self.public_ip,
            sites,
        };
        Overview { account, entries, form_targets: self.form_targets, backups: self.backups }
    }
}

/// What a caller says about itself goes into the audit as it is, but not without end.
fn claimed(text: String) -> String {
    text.chars().take(limits::QUOTED_BYTES).collect()
}

fn session_pair(session: &PanelSession) -> [String; 2] {
    [session.id.expose().to_owned(), session.key.expose().to_owned()]
}

fn panel_session(pair: Option<[String; 2]>) -> Result<Option<PanelSession>> {
    pair.map(|[id, key]| {
        PanelSession::new(&id, &key)
            .ok_or_else(|| Error::new(ErrorKind::BadRequest, "the panel session is malformed"))
    })
    .transpose()
}

fn binding(text: &str) -> Result<Binding> {
    let digits = text.as_bytes();
    let mut session = [0_u8; 32];
    let fits = digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit);
    for (byte, pair) in session.iter_mut().zip(digits.chunks(2)).filter(|_| fits) {
        let pair = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte = pair.unwrap_or_default();
    }
    if fits {
        Ok(Binding { session })
    } else {
        Err(Error::new(ErrorKind::BadRequest, "session is not 64 hexadecimal digits"))
    }
}
