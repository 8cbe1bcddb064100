//! `panelgate licence`: what the brand's licence counts.

use std::net::IpAddr;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::asking::{ask, confirm, hush};
use super::output::{Cell, Output, Style};
use super::template::members;
use crate::builder::licence::{self, Published};
use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Gateway, Reach};
use crate::ops::published;
use crate::types::Domain;

/// As many websites as fit through the broker at a time.
const PAGE: u64 = 200;

/// Show and change what the brand's licence counts
#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            Command::Domains(command) => command.json,
            Command::Block(command) | Command::Unblock(command) => command.json,
            Command::Ip(command) => command.command.json(),
        }
    }
}

#[derive(Subcommand)]
enum Command {
    Domains(Domains),
    /// Block a published website
    ///
    /// The licence counts it within an hour. Its files stay reachable on this server.
    Block(Blocking),
    /// Unblock a published website
    Unblock(Blocking),
    Ip(Ip),
}

/// List the brand's published websites
///
/// The vendor wants this list to be read no more than once in 3 hours: within that time the last one is shown. One domain is asked for now.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate licence domains
  panelgate licence domains --blocked
  panelgate licence domains shop.example

JSON: one {\"domain\", \"blocked\", \"live\"} a line.")]
struct Domains {
    /// Only this one, asked for now
    #[arg(value_parser = |text: &str| Domain::new(text))]
    domain: Option<Domain>,

    /// Only those that are blocked
    #[arg(long, conflicts_with = "domain")]
    blocked: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(after_long_help = "JSON: {\"site\", \"blocked\"}.")]
struct Blocking {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Show and change the addresses of a licence
#[derive(Args)]
#[command(after_long_help = "JSON:
  list: {\"list\": [{\"ip\", \"brand\"}], \"most\"}, most being how many there may be, or null;
  add, update and delete: {\"ok\": true}")]
struct Ip {
    #[command(subcommand)]
    command: IpCommand,
}

#[derive(Subcommand)]
enum IpCommand {
    List(IpList),
    Add(IpAdd),
    Update(IpUpdate),
    Delete(IpDelete),
}

impl IpCommand {
    fn json(&self) -> bool {
        match self {
            Self::List(command) => command.json,
            Self::Add(command) => command.json,
            Self::Update(command) => command.json,
            Self::Delete(command) => command.json,
        }
    }
}

/// List the addresses of a licence with their brands
#[derive(Args)]
struct IpList {
    /// The licence's number, from the vendor's licence page
    licence: u64,

    /// Without their brands
    #[arg(long)]
    short: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Add an address to a licence
#[derive(Args)]
struct IpAdd {
    /// The licence's number
    licence: u64,

    /// The address
    address: IpAddr,

    /// The brand's number
    brand: u64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Change an address of a licence, or its brand
#[derive(Args)]
struct IpUpdate {
    /// The licence's number
    licence: u64,

    /// The address
    address: IpAddr,

    /// The address from now on
    #[arg(long, value_name = "ADDRESS", required_unless_present = "brand")]
    to: Option<IpAddr>,

    /// The brand's number from now on
    #[arg(long, value_name = "NUMBER")]
    brand: Option<u64>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove an address from a licence
///
/// The server behind it loses the licence. Asks before it does.
#[derive(Args)]
struct IpDelete {
    /// The licence's number
    licence: u64,

    /// The address
    address: IpAddr,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let gateway = gateway::for_program(reach)?;
    hush();
    match &arguments.command {
        Command::Domains(command) => domains(command, reach, gateway.as_ref(), output)?,
        Command::Block(command) => block(command, true, gateway.as_ref(), output)?,
        Command::Unblock(command) => block(command, false, gateway.as_ref(), output)?,
        Command::Ip(command) => ip(&command.command, gateway.as_ref(), output)?,
    }
    Ok(0)
}

fn domains(command: &Domains, reach: Reach<'_>, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    if let Some(domain) = &command.domain {
        let found = websites(ask(gateway, Call::GetDomains, json!({ "domain": domain }))?)?;
        if found.is_empty() {
            let text = format!("the builder knows no published website {domain}");
            return Err(Error::new(ErrorKind::SiteNotFound, text));
        }
        found.iter().for_each(|site| show(site, command, output));
        return Ok(());
    }
    if reach.socket.is_some() {
        return through_the_broker(command, gateway, output);
    }
    let direct = gateway::direct(reach)?;
    published::each(direct.context(), direct.principal(), |page| {
        for row in page {
            show(&Published { domain: row.domain, blocked: row.blocked, live: row.live }, command, output);
        }
        Ok(())
    })
}

/// The broker answers with one page at a time.
fn through_the_broker(command: &Domains, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    let mut offset = 0;
    while output.is_open() {
        let page = websites(ask(gateway, Call::GetDomains, json!({ "offset": offset, "limit": PAGE }))?)?;
        page.iter().for_each(|site| show(site, command, output));
        offset += page.len() as u64;
        if (page.len() as u64) < PAGE {
            break;
        }
    }
    Ok(())
}

fn websites(answer: Value) -> Result<Vec<Published>> {
    let list = members(answer).remove("domains").unwrap_or_default();
    serde_json::from_value(list).map_err(|error| {
        Error::new(ErrorKind::BuilderProtocol, "the list of published websites is malformed")
            .with_source(error)
    })
}

/// One line each: a long list is shown as it comes.
fn show(site: &Published, command: &Domains, output: &mut Output) {
    if command.blocked && site.blocked != Some(true) {
        return;
    }
    if command.json {
        output.json(site);
        return;
    }
    let mut facts = Vec::new();
    facts.extend((site.blocked == Some(true)).then_some("blocked"));
    facts.extend(site.live.map(|live| if live { "live" } else { "not live" }));
    let facts = if facts.is_empty() { String::new() } else { format!("  {}", facts.join(", ")) };
    output.line(&[Cell::new(&site.domain), Cell::new(facts).style(Style::Faint)]);
}

fn block(command: &Blocking, value: bool, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    let answer = ask(gateway, Call::SetBlocked, json!({ "domain": command.site, "value": value }))?;
    let state = licence::read_blocked(members(answer));
    if command.json {
        output.json(&json!({ "site": command.site, "blocked": state.blocked.unwrap_or(value) }));
    } else {
        let word = if value { "blocked" } else { "not blocked any more" };
        output.line(&[Cell::new(format!("{} is {word}.", command.site))]);
    }
    Ok(())
}

fn ip(command: &IpCommand, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    let (call, input, done) = match command {
        IpCommand::List(command) => return ip_list(command, gateway, output),
        IpCommand::Add(IpAdd { licence, address, brand, .. }) => (
            Call::IpAdd,
            json!({ "suborderId": licence, "ip": address, "brandId": brand }),
            format!("{address} is on licence {licence}."),
        ),
        IpCommand::Update(IpUpdate { licence, address, to, brand, .. }) => {
            let mut input = json!({ "suborderId": licence, "ip": address });
            if let Some(to) = to {
                input["newIp"] = json!(to);
            }
            if let Some(brand) = brand {
                input["brandId"] = json!(brand);
            }
            (Call::IpUpdate, input, format!("{address} of licence {licence} is changed."))
        }
        IpCommand::Delete(IpDelete { licence, address, yes, .. }) => {
            let what = format!(
                "{address} is removed from licence {licence}: the server behind it loses the licence"
            );
            confirm(&what, *yes, output)?;
            (
                Call::IpDelete,
                json!({ "suborderId": licence, "ip": address }),
                format!("{address} is not on licence {licence} any more."),
            )
        }
    };
    ask(gateway, call, input)?;
    if command.json() {
        output.json(&json!({ "ok": true }));
    } else {
        output.line(&[Cell::new(done)]);
    }
    Ok(())
}

fn ip_list(command: &IpList, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    let call = if command.short { Call::IpList } else { Call::IpListFull };
    let found =
        licence::read_addresses(members(ask(gateway, call, json!({ "suborderId": command.licence }))?));
    if command.json {
        output.json(&found);
        return Ok(());
    }
    let brand = |brand: Option<u64>| brand.map_or_else(String::new, |brand| brand.to_string());
    let rows: Vec<Vec<Cell>> =
        found.list.iter().map(|one| vec![Cell::new(&one.ip), Cell::new(brand(one.brand))]).collect();
    output.table(0, &["ADDRESS", "BRAND"], &rows);
    if let Some(most) = found.most {
        output.line(&[Cell::new(format!("{} of {most}", found.list.len())).style(Style::Faint)]);
    }
    Ok(())
}
