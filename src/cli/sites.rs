//! `panelgate sites`: what Panelgate reads from the panel.

use clap::Args;
use serde::Serialize;

use super::output::{Cell, Output, Style};
use super::progress::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Direct, Gateway, Reach};
use crate::ops::{Overview, OverviewRequest, Principal};
use crate::panel::{Account, Site, SiteKind};
use crate::types::{Domain, Username};

/// Show the sites of an account as the panel has them now
///
/// Lists each site with its kind (main, addon, sub, alias), its state and its document root, which is where a publication would go. Use it to see what a
/// customer's chooser shows, why a site is missing from it, or which account has a site. Nothing is changed, and the builder is not asked.
///
/// State is "ready", or why the site cannot be opened: suspended, feature-off, demo-account, site-alias, site-without-hosting.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate sites alice                    one account
  panelgate sites --site bücher.example    the account that has this site
  panelgate sites --all --json | jq -r '.sites[]?.domain'

JSON: one object per account, one a line:
  {\"account\", \"panel\", \"plan\", \"suspended\", \"demo\", \"feature\", \"sites\": [
    {\"domain\", \"unicode\", \"kind\", \"state\", \"document_root\", \"alias_of\"}]}
  With --all, an account whose data cannot be read is
  {\"account\", \"error\": {\"kind\", \"message\"}}
  and the exit code is that of the first such error.")]
pub(super) struct Arguments {
    /// The account; an account's own user may leave it out and sees their own
    #[arg(value_parser = |text: &str| Username::new(text), conflicts_with_all = ["site", "all"])]
    account: Option<Username>,

    /// The account that has this site
    #[arg(long, value_name = "DOMAIN", value_parser = |text: &str| Domain::new(text), conflicts_with = "all")]
    site: Option<Domain>,

    /// All accounts, one after another
    #[arg(long)]
    all: bool,

    /// Print JSON instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    if arguments.all {
        return all(&gateway::direct(reach)?, arguments.json, output);
    }
    let gateway = gateway::for_program(reach)?;
    let request = OverviewRequest {
        account: arguments.account.clone(),
        site: arguments.site.clone(),
        ..OverviewRequest::default()
    };
    let progress = Progress::start("reading the panel's data");
    let result = gateway.overview(&request);
    drop(progress);
    let overview = result?;
    // Who sees only their own account sees it whatever site is named.
    if let Some(site) = arguments.site.as_ref().filter(|site| overview.account.site(site).is_none()) {
        let text = format!("account {} has no site {site}", overview.account.name());
        return Err(Error::new(ErrorKind::SiteNotFound, text));
    }
    show(&overview, arguments.json, output);
    Ok(0)
}

/// Goes on after an account that cannot be read: the others are worth seeing all the more.
fn all(gateway: &Direct, json: bool, output: &mut Output) -> Result<u8> {
    if *gateway.principal() != Principal::Root {
        return Err(Error::new(ErrorKind::Forbidden, "only root can see all accounts"));
    }
    let progress = Progress::start("reading the panel's accounts");
    let names = gateway.context().panel.accounts()?;
    drop(progress);
    let mut code = 0;
    for name in names {
        if !output.is_open() {
            break;
        }
        let request = OverviewRequest { account: Some(name.clone()), ..OverviewRequest::default() };
        match gateway.overview(&request) {
            Ok(overview) => show(&overview, json, output),
            Err(error) => {
                let own = if json { failed(&name, &error, output) } else { output.error(&error) };
                code = if code == 0 { own } else { code };
            }
        }
    }
    Ok(code)
}

#[derive(Serialize)]
struct Failed<'a> {
    account: &'a Username,
    error: Fault,
}

#[derive(Serialize)]
struct Fault {
    kind: &'static str,
    message: String,
}

fn failed(account: &Username, error: &Error, output: &mut Output) -> u8 {
    let fault = Fault { kind: error.kind().name(), message: error.chain() };
    output.json(&Failed { account, error: fault });
    error.kind().exit_code()
}

#[derive(Serialize)]
struct Listing<'a> {
    account: &'a Username,
    panel: &'a str,
    plan: Option<&'a str>,
    suspended: bool,
    demo: bool,
    feature: bool,
    sites: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    domain: &'a Domain,
    unicode: String,
    kind: SiteKind,
    state: &'static str,
    document_root: Option<String>,
    alias_of: Option<&'a Domain>,
}

fn show(overview: &Overview, json: bool, output: &mut Output) {
    let account = &overview.account;
    let refused = overview.entries.iter().map(|entry| entry.refused);
    let sites = account.sites.iter().zip(refused).map(|(site, refused)| row(site, refused)).collect();
    let listing = Listing {
        account: account.name(),
        panel: account.id.panel(),
        plan: account.plan.as_deref(),
        suspended: account.suspended,
        demo: account.demo,
        feature: account.feature,
        sites,
    };
    if json {
        output.json(&listing);
    } else {
        table(account, &listing, output);
    }
}

fn row(site: &Site, refused: Option<ErrorKind>) -> Row<'_> {
    Row {
        domain: &site.domain,
        unicode: site.domain.to_unicode(),
        kind: site.kind,
        state: refused.map_or("ready", ErrorKind::name),
        document_root: site.document_root.as_ref().map(|path| path.to_string_lossy().into_owned()),
        alias_of: site.alias_of.as_ref(),
    }
}

fn table(account: &Account, listing: &Listing<'_>, output: &mut Output) {
    let mut facts = vec![format!("plan {}", listing.plan.unwrap_or("unknown"))];
    facts.extend(account.suspended.then(|| "suspended".into()));
    facts.extend(account.demo.then(|| "demonstration account".into()));
    facts.extend((!account.feature).then(|| "without the builder".into()));
    let head = Cell::new(account.name().as_str()).style(Style::Strong);
    output.line(&[head, Cell::new(format!(" ({})", facts.join(", "))).style(Style::Faint)]);
    if listing.sites.is_empty() {
        output.line(&[Cell::new("  no sites")]);
        return;
    }
    let rows: Vec<Vec<Cell>> = listing.sites.iter().map(cells).collect();
    output.table(2, &["DOMAIN", "KIND", "STATE", "DOCUMENT ROOT"], &rows);
}

fn cells(row: &Row<'_>) -> Vec<Cell> {
    let domain = if row.domain.is_internationalised() {
        format!("{} ({})", row.unicode, row.domain)
    } else {
        row.domain.to_string()
    };
    let kind = match row.kind {
        SiteKind::Main => "main",
        SiteKind::Addon => "addon",
        SiteKind::Sub => "sub",
        SiteKind::Alias => "alias",
    };
    let kind = row.alias_of.map_or_else(|| kind.to_owned(), |target| format!("{kind} of {target}"));
    let style = if row.state == "ready" { Style::Good } else { Style::Doubtful };
    let root = row.document_root.as_deref().map_or(Cell::new("none").style(Style::Faint), Cell::new);
    vec![Cell::new(domain), Cell::new(kind), Cell::new(row.state).style(style), root]
}
