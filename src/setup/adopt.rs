//! `panelgate setup --adopt`: taking over from the vendor's own plugin (`reference/builder-api.md` 8).
//!
//! The builder's list of published websites says which keys there are. What lies in a document root is looked at by a process of the account, and what it
//! says is the account's word: with it, an account can take nothing but a name that the panel says is its own. Nothing of the old plugin is removed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::config::PanelKind;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::{Context, Principal, binding, endpoint, published};
use crate::panel::{Account, Site, SiteKind};
use crate::publish::journal::Adopted;
use crate::publish::worker::{Assignment, Seen, Task};
use crate::publish::workers::Workers;
use crate::store::{Binding, SiteRow};
use crate::sys::identity;
use crate::sys::process;
use crate::types::{Domain, SiteKey, quote};

/// The name of the vendor's plugin in panels.
const OLD_PLUGIN: &str = "siteprobuilder";

/// Longest work on one site.
const SITE_TIME: Duration = Duration::from_secs(10 * 60);

/// What has become of a published website.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It belongs to its account here already.
    Known,
    /// It would be taken over.
    Todo,
    /// It was taken over now.
    Done,
    /// It was left alone, for a reason.
    Left,
    /// It failed.
    Fail,
}

/// One published website of an account of this server.
#[derive(Debug, Serialize)]
pub struct AdoptedSite {
    /// Whose it is.
    pub account: String,
    /// Its name.
    pub site: String,
    /// What has become of it.
    pub fate: Fate,
    /// Its key at the builder, once it has one here.
    pub key: Option<String>,
    /// Whether the document root bears the builder's comment; `None` if it could not be looked at.
    pub recognised: Option<bool>,
    /// How many published files the first manifest names.
    pub files: Option<u64>,
    /// Why it was left, or what failed.
    pub text: Option<String>,
}

/// Something of the old plugin that the administrator may remove.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// `ftp-account` or `file`.
    pub kind: &'static str,
    /// Whose it is; `None`: the server's.
    pub account: Option<String>,
    /// Its login or path.
    pub name: String,
}

/// What there is to take over, and what was.
#[derive(Debug, Default, Serialize)]
pub struct Adoption {
    /// Published websites of accounts of this server.
    pub sites: Vec<AdoptedSite>,
    /// What the old plugin has left.
    pub leftovers: Vec<Leftover>,
    /// How many names of the builder's list no account here has.
    pub elsewhere: u64,
}

impl Adoption {
    /// Whether something failed.
    pub fn failed(&self) -> bool {
        self.sites.iter().any(|site| site.fate == Fate::Fail)
    }
}

/// Takes over, or says what would be taken over.
///
/// # Errors
/// [`ErrorKind::Forbidden`] for anybody but root; those of the builder if its list cannot be read; those of the panel and the store.
pub fn adopt(context: &Context, principal: &Principal, dry: bool) -> Result<Adoption> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    published::each(context, principal, |page| {
        names.extend(page.into_iter().map(|row| row.domain.to_ascii_lowercase()));
        Ok(())
    })?;
    let mut adoption = Adoption { leftovers: server_leftovers(context), ..Adoption::default() };
    let workers = Workers::new(&context.config.publish.worker_program);
    for name in context.panel.accounts()? {
        let account = match context.panel.account(&name) {
            Ok(account) => account,
            Err(error) => {
                log::warn!("account {name} cannot be read, so that nothing of it is taken over: {error:?}");
                continue;
            }
        };
        adoption.leftovers.extend(ftp_leftovers(context, &account));
        for site in account.sites.iter().filter(|site| site.kind != SiteKind::Alias) {
            if names.remove(site.domain.as_str()) {
                let (taken, storage) = take(context, &workers, &account, site, dry);
                adoption.sites.push(taken);
                let path = account.home.join(".spbldr_localStorage");
                let leftover = leftover("file", Some(&account), path.display().to_string());
                if storage && !adoption.leftovers.contains(&leftover) {
                    adoption.leftovers.push(leftover);
                }
            }
        }
    }
    workers.finish(SITE_TIME);
    adoption.elsewhere = names.len() as u64;
    Ok(adoption)
}

/// Takes one site over. Says also whether its home has the old plugin's file.
fn take(
    context: &Context,
    workers: &std::sync::Arc<Workers>,
    account: &Account,
    site: &Site,
    dry: bool,
) -> (AdoptedSite, bool) {
    let mut taken = AdoptedSite {
        account: account.name().to_string(),
        site: site.domain.to_string(),
        fate: Fate::Todo,
        key: None,
        recognised: None,
        files: None,
        text: None,
    };
    let seen = look(context, account, site);
    let mut storage = false;
    match &seen {
        Ok(seen) => {
            storage = seen.storage;
            taken.recognised = Some(seen.published.is_published());
        }
        Err(error) => taken.text = Some(format!("its files cannot be looked at: {}", error.chain())),
    }
    match bind(context, account, site, &mut taken, dry) {
        Ok(Some(row)) if taken.recognised == Some(true) => {
            match manifest(context, workers, account, site, &row) {
                Ok(adopted) => taken.files = Some(adopted.files),
                Err(error) => (taken.fate, taken.text) = (Fate::Fail, Some(error.chain())),
            }
        }
        Ok(_) => {}
        Err(error) => (taken.fate, taken.text) = (Fate::Fail, Some(error.chain())),
    }
    (taken, storage)
}

/// Gives the key to the account, if nobody has it.
fn bind(
    context: &Context,
    account: &Account,
    site: &Site,
    taken: &mut AdoptedSite,
    dry: bool,
) -> Result<Option<SiteRow>> {
    let store = context.store()?;
    if let Some(row) = store.current(&site.domain)? {
        taken.key = Some(row.key.to_string());
        if row.owner == account.id {
            taken.fate = Fate::Known;
            return Ok((!dry).then_some(row));
        }
        taken.fate = Fate::Left;
        taken.text = Some("its key here is another account's; opening it sorts that out".into());
        return Ok(None);
    }
    if context.config.builder.shared_brand && taken.recognised != Some(true) {
        taken.fate = Fate::Left;
        let text = "the brand is shared, and no published website lies here: the name at the builder may be another server's";
        taken.text.get_or_insert_with(|| text.into());
        return Ok(None);
    }
    context.check_single_owner(account, &site.domain)?;
    // What lies in a document root is the account's word, and a panel lets an account have names that lead elsewhere.
    if binding::first_binding(context, account, &site.domain)? != Binding::Plain {
        taken.fate = Fate::Left;
        let text = "the brand is shared, and the name does not lead to this server: open it once, then panelgate site claim";
        taken.text.get_or_insert_with(|| text.into());
        return Ok(None);
    }
    if dry {
        return Ok(None);
    }
    let row = store.bind(&site.domain, &account.id, None, Binding::Plain)?;
    taken.key = Some(row.key.to_string());
    taken.fate = Fate::Done;
    Ok(Some(row))
}

/// Has a worker write the site's first manifest.
fn manifest(
    context: &Context,
    workers: &std::sync::Arc<Workers>,
    account: &Account,
    site: &Site,
    row: &SiteRow,
) -> Result<Adopted> {
    let assignment = endpoint::assignment(context, row, account, site)?;
    let value = workers.lease(&assignment).and_then(|lease| lease.call(Task::Adopt, &[], SITE_TIME))?;
    serde_json::from_value(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "the worker's report is none").with_source(error))
}

/// Has a process of the account look at the document root.
fn look(context: &Context, account: &Account, site: &Site) -> Result<Seen> {
    let Some(document_root) = &site.document_root else {
        return Err(Error::new(ErrorKind::SiteWithoutHosting, "it has no document root"));
    };
    let tree = context.panel.tree();
    let user = tree.find_user(account.name().as_str())?.filter(|user| user.uid == account.id.uid());
    let user = user.ok_or_else(|| Error::new(ErrorKind::PanelData, "the account has no system user"))?;
    let assignment = Assignment {
        state: SiteKey::numeric(1).to_string(),
        account: user.name.clone(),
        uid: user.uid,
        gid: user.gid,
        home: tree.path(&account.home),
        document_root: tree.path(document_root),
    };
    let input = serde_json::to_vec(&assignment)
        .map_err(|error| Error::new(ErrorKind::Internal, "an order cannot be written").with_source(error))?;
    let environment: [(OsString, OsString); 0] = [];
    let task = process::Task {
        program: Path::new("/proc/self/exe"),
        arguments: &["worker", "look"],
        environment: &environment,
        directory: Path::new("/"),
        input: &input,
    };
    let most = limits::WORKER_MESSAGE_BYTES as u64;
    let output = if identity::uids().effective == 0 {
        process::run_as(&user, &task, most, limits::COMMAND_TIME)
    } else {
        process::run_task(&task, most, limits::COMMAND_TIME)
    };
    let output =
        output.map_err(|fault| Error::new(ErrorKind::Internal, format!("the look at its files: {fault}")))?;
    match serde_json::from_slice::<Seen>(&output.stdout) {
        Ok(seen) => Ok(seen),
        Err(_) => {
            let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let text = said["error"].as_str().unwrap_or("it ended without an answer");
            Err(Error::new(ErrorKind::DocumentRoot, quote(text)))
        }
    }
}

fn leftover(kind: &'static str, account: Option<&Account>, name: String) -> Leftover {
    Leftover { kind, account: account.map(|account| account.name().to_string()), name }
}

/// What the old plugin has put into the panel's own folders.
fn server_leftovers(context: &Context) -> Vec<Leftover> {
    let places: &[&str] = match context.panel.kind() {
        PanelKind::CPanel => &[
            "/usr/local/cpanel/base/frontend/jupiter/siteprobuilder",
            "/usr/local/cpanel/base/frontend/paper_lantern/siteprobuilder",
            "/usr/local/cpanel/base/frontend/jupiter/dynamicui/dynamicui_siteprobuilder.conf",
        ],
        PanelKind::DirectAdmin => &["/usr/local/directadmin/plugins/siteprobuilder"],
        PanelKind::Plesk => &[
            "/usr/local/psa/admin/plib/modules/siteprobuilder",
            "/usr/local/psa/admin/htdocs/modules/siteprobuilder",
        ],
        PanelKind::Ini => &[],
    };
    let tree = context.panel.tree();
    let there = places.iter().filter(|place| place.contains(OLD_PLUGIN) && tree.exists(place));
    there.map(|place| leftover("file", None, (*place).to_owned())).collect()
}

/// The FTP accounts that the old plugin made, by their names and homes: eight hexadecimal digits with the whole home on cPanel, an account with the whole
/// home on DirectAdmin.
fn ftp_leftovers(context: &Context, account: &Account) -> Vec<Leftover> {
    let file = match context.panel.kind() {
        PanelKind::CPanel => format!("/etc/proftpd/{}", account.name()),
        PanelKind::DirectAdmin => "/etc/proftpd.passwd".into(),
        PanelKind::Plesk | PanelKind::Ini => return Vec::new(),
    };
    let Ok(Some(content)) = context.panel.tree().read(&file, limits::PASSWD_BYTES) else { return Vec::new() };
    let text = String::from_utf8_lossy(&content.bytes);
    let logins = text.lines().filter_map(|line| ftp_login(line, account, context.panel.kind()));
    logins.map(|login| leftover("ftp-account", Some(account), login)).collect()
}

/// The login of a line of an FTP password file, if it may be the old plugin's. The hash in it goes nowhere.
fn ftp_login(line: &str, account: &Account, kind: PanelKind) -> Option<String> {
    let fields: Vec<&str> = line.split(':').collect();
    let [login, _, uid, _, word, home, ..] = fields.as_slice() else { return None };
    let (name, domain) = login.split_once('@')?;
    Domain::new(domain).ok()?;
    let whole_home = Path::new(home.trim_end_matches('/')) == account.home;
    let own = *uid == account.id.uid().to_string() && whole_home;
    let named = match kind {
        PanelKind::CPanel => name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => *word == "custom",
    };
    (own && named).then(|| (*login).to_owned())
}
