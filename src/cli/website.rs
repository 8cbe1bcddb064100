//! `panelgate site create`, `rename`, `publish`, `delete`, `pages` and `settings`: a site's project at the builder.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::asking::{ask, confirm, hush};
use super::output::{Cell, Output};
use super::progress::{Bar, Progress};
use super::template::members;
use crate::builder::website::{self, Polling, publish_to_the_end};
use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Gateway, Reach};
use crate::limits;
use crate::ops::CallRequest;
use crate::ops::save_project::{Saved, save_project};
use crate::types::{Domain, printable};

/// Make a site's project from a template
///
/// A project that the site had at the builder may be lost. Asks before it does.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate site create shop.example --template Cafe-3
  panelgate site create shop.example --template Cafe-3 --page home --set title='Corner shop'

JSON: {\"template\", \"pages\"}, the pages from ID to type.")]
pub(super) struct Create {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// The template's ID (panelgate template list)
    #[arg(long, value_name = "ID", required_unless_present = "prompt")]
    template: Option<String>,

    /// Only pages of this type; may be given several times
    #[arg(long = "page", value_name = "TYPE")]
    pages: Vec<String>,

    /// The content of an element, by its reference ID; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,

    /// What an artificial intelligence of the builder's shall make
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Give a site another domain at the builder, and here
///
/// The new domain must be one of the same account's in the panel, or nobody's yet.
#[derive(Args)]
#[command(after_long_help = "JSON: {\"site\", \"renamed\"}.")]
pub(super) struct Rename {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Its new domain
    #[arg(value_parser = |text: &str| Domain::new(text))]
    new: Domain,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Publish a site, and wait for the end
///
/// Shows how far it is, and ends when the builder says that all is done, that it has stopped, or after 2 hours.
#[derive(Args)]
#[command(after_long_help = "JSON: {\"site\", \"complete\", \"text\"}.")]
pub(super) struct Publish {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Only begin, and do not wait
    #[arg(long)]
    no_wait: bool,

    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = limits::PUBLISH_POLL.as_secs(), value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Delete a site's project at the builder
///
/// Asks first, and takes a copy of the project before it is deleted, where the builder makes backups. What is published stays.
#[derive(Args)]
#[command(
    after_long_help = "JSON: {\"site\", \"deleted\", \"backup\"}; the backup is the file's name, or null."
)]
pub(super) struct Delete {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Do not take a copy before
    #[arg(long)]
    no_backup: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Show a site's settings at the builder
#[derive(Args)]
#[command(after_long_help = "JSON: {\"forces_https\", \"data\"}, the data as the builder gives it.")]
pub(super) struct Settings {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Add, copy and remove pages of a site
#[derive(Args)]
#[command(after_long_help = "JSON:
  add: {\"template\", \"pages\"}, the pages from ID to type;
  copy and remove: {\"site\", \"pages\"}")]
pub(super) struct Pages {
    #[command(subcommand)]
    command: PagesCommand,
}

impl Pages {
    pub(super) fn wants_json(&self) -> bool {
        match &self.command {
            PagesCommand::Add(command) => command.json,
            PagesCommand::Copy(command) => command.json,
            PagesCommand::Remove(command) => command.json,
        }
    }
}

#[derive(Subcommand)]
enum PagesCommand {
    Add(AddPages),
    Copy(CopyPages),
    Remove(RemovePages),
}

/// Add pages of a template
#[derive(Args)]
struct AddPages {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// The template's ID
    template: String,

    /// The types of the pages
    #[arg(required = true, value_name = "TYPE")]
    types: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Copy pages
#[derive(Args)]
struct CopyPages {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// The pages' IDs
    #[arg(required = true, value_name = "PAGE")]
    pages: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Remove pages
///
/// They cannot be brought back, so that it asks first.
#[derive(Args)]
struct RemovePages {
    /// The site
    #[arg(value_parser = |text: &str| Domain::new(text))]
    site: Domain,

    /// The pages' IDs
    #[arg(required = true, value_name = "PAGE")]
    pages: Vec<String>,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is not NAME=VALUE"),
    }
}

pub(super) fn create(command: &Create, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    let what =
        format!("The project of {} is made anew; what it had at the builder may be lost", command.site);
    confirm(&what, command.yes, output)?;
    let mut input = json!({ "domain": command.site });
    if let Some(template) = &command.template {
        input["template"] = json!(template);
    }
    if !command.pages.is_empty() {
        input["pageTypes"] = json!(command.pages);
    }
    if !command.variables.is_empty() {
        input["variables"] = json!(command.variables.iter().cloned().collect::<BTreeMap<String, String>>());
    }
    if let Some(prompt) = &command.prompt {
        input["aiQuery"] = json!(prompt);
    }
    hush();
    let created = website::read_created(members(ask(gateway, Call::WebsiteCreate, input)?));
    show_created(&created, command.json, output);
    Ok(())
}

fn show_created(created: &website::Created, json: bool, output: &mut Output) {
    if json {
        output.json(created);
        return;
    }
    let rows: Vec<Vec<Cell>> =
        created.pages.iter().map(|(id, kind)| vec![Cell::new(id), Cell::new(kind)]).collect();
    output.table(0, &["PAGE", "TYPE"], &rows);
}

pub(super) fn rename(command: &Rename, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    hush();
    ask(gateway, Call::WebsiteRename, json!({ "domain": command.site, "newDomain": command.new }))?;
    if command.json {
        output.json(&json!({ "site": command.site, "renamed": command.new }));
    } else {
        output.line(&[Cell::new(format!("{} is {} at the builder from now on.", command.site, command.new))]);
    }
    Ok(())
}

/// Most characters of the builder's word for a step that are shown beside the bar.
const STEP_WIDTH: usize = 40;

pub(super) fn publish(command: &Publish, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    hush();
    let input = json!({ "domain": command.site });
    let state = if command.no_wait {
        website::read_publish(members(ask(gateway, Call::Publish, input)?))
    } else {
        let polling = Polling { every: Duration::from_secs(command.every), ..Polling::default() };
        let mut bar = Bar::new();
        let step = |begin| {
            let call = if begin { Call::Publish } else { Call::PublishProgress };
            gateway
                .invoke(&CallRequest::new(call.name(), input.clone()))
                .map(|answer| website::read_publish(members(answer)))
        };
        publish_to_the_end(&polling, step, |state| {
            let text = state.text.as_deref().unwrap_or("begun");
            bar.show(state.percent, &printable(text).chars().take(STEP_WIDTH).collect::<String>());
        })?
    };
    if command.json {
        output.json(&json!({ "site": command.site, "complete": state.complete, "text": state.text }));
    } else {
        let word = if state.complete { "is published" } else { "is being published" };
        output.line(&[Cell::new(format!("{} {word}.", command.site))]);
    }
    Ok(())
}

pub(super) fn delete(command: &Delete, reach: Reach<'_>, output: &mut Output) -> Result<()> {
    let what = format!("The project of {} is deleted at the builder", command.site);
    confirm(&what, command.yes, output)?;
    hush();
    let backup = if command.no_backup { None } else { save(command, reach, output)? };
    let gateway = gateway::for_program(reach)?;
    ask(gateway.as_ref(), Call::DeleteSite, json!({ "domain": command.site }))?;
    if command.json {
        output.json(&json!({ "site": command.site, "deleted": true, "backup": backup }));
        return Ok(());
    }
    let copy = backup.map_or_else(String::new, |file| format!(" Its copy is {file}."));
    output.line(&[Cell::new(format!(
        "The project of {} is deleted.{copy} What is published stays.",
        command.site
    ))]);
    Ok(())
}

/// Takes a copy of the project; gives its file. The broker does no such thing.
fn save(command: &Delete, reach: Reach<'_>, output: &mut Output) -> Result<Option<String>> {
    if reach.socket.is_some() {
        let text = "no copy of the project can be taken through the broker; --no-backup deletes it without";
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    let direct = gateway::direct(reach)?;
    let progress = Progress::start("taking a copy of the project");
    let saved = save_project(direct.context(), direct.principal(), &command.site);
    drop(progress);
    Ok(match saved {
        Ok(Saved::File(file)) => Some(file.name),
        Ok(Saved::NotOffered) => {
            output.note(&[Cell::new("This builder makes no backups: there is no copy.")]);
            None
        }
        Ok(Saved::Absent) => None,
        // The deletion itself will say whose site it is, or that it is nobody's.
        Err(error) if error.kind() == ErrorKind::SiteNotFound => None,
        Err(error) => return Err(error),
    })
}

pub(super) fn settings(command: &Settings, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    hush();
    let answer = ask(gateway, Call::GetSettings, json!({ "domain": command.site }))?;
    let settings = website::read_settings(members(answer));
    if command.json {
        output.json(&settings);
        return Ok(());
    }
    let rows: Vec<Vec<Cell>> = match &settings.data {
        Value::Object(data) => {
            data.iter().map(|(name, value)| vec![Cell::new(name), Cell::new(value.to_string())]).collect()
        }
        _ => Vec::new(),
    };
    output.table(0, &["SETTING", "VALUE"], &rows);
    Ok(())
}

pub(super) fn pages(command: &Pages, gateway: &dyn Gateway, output: &mut Output) -> Result<()> {
    let (call, site, pages, json) = match &command.command {
        PagesCommand::Add(AddPages { site, template, types, json }) => {
            hush();
            let input = json!({ "domain": site, "template": template, "pageTypes": types });
            let answer = ask(gateway, Call::AddPages, input)?;
            show_created(&website::read_created(members(answer)), *json, output);
            return Ok(());
        }
        PagesCommand::Copy(CopyPages { site, pages, json }) => (Call::DuplicatePages, site, pages, *json),
        PagesCommand::Remove(RemovePages { site, pages, yes, json }) => {
            let what = match pages.len() {
                1 => format!("One page of {site} is removed and cannot be brought back"),
                count => format!("{count} pages of {site} are removed and cannot be brought back"),
            };
            confirm(&what, *yes, output)?;
            (Call::RemovePages, site, pages, *json)
        }
    };
    hush();
    let answer = ask(gateway, call, json!({ "domain": site, "pages": pages }))?;
    let done = website::read_pages(members(answer));
    if json {
        output.json(&json!({ "site": site, "pages": done }));
    } else {
        done.iter().for_each(|page| output.line(&[Cell::new(page)]));
    }
    Ok(())
}
