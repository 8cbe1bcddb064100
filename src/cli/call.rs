//! `panelgate call`: any call of the builder's.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::asking::{ask, confirm, hush};
use super::output::{Cell, Output, Style};
use crate::calls::{Call, Callers, Certainty, Effective, Overrides, Way};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Gateway, Reach};
use crate::limits;

/// Make any call of the builder's
///
/// Takes a JSON object with the call's fields and prints the builder's answer as JSON. "domain" names the site in every call about one, and "account" may name
/// the account that has it. The loginHash that some calls carry is got and filled in here. What is wrong in the input is found before anything is sent.
///
/// A call that the vendor's documentation only names is off until the configuration says how it is made: [call NAME] in panelgate.ini.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate call --list                     all calls; with --json as JSON
  panelgate call website/get-page-types --help-fields
  echo '{\"template\":\"Cafe-3\"}' | panelgate call website/get-page-types --json -
  panelgate call website/get-settings --json settings.json
  panelgate call hosting-accounts/set-blocked --json - <<< '{\"domain\":\"shop.example\",\"value\":true}'

JSON: the builder's answer, on one line; secrets in it are replaced.")]
#[command(group(ArgGroup::new("what").required(true).args(["name", "list"])))]
pub(super) struct Arguments {
    /// The call's name, as --list shows it
    #[arg(value_name = "CALL")]
    name: Option<String>,

    /// List all calls
    #[arg(long)]
    list: bool,

    /// Show what the call takes
    #[arg(long, requires = "name")]
    help_fields: bool,

    /// Read the input from this file, or from standard input (-); without it, the input is {}. With --list: print JSON
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub(super) json: Option<PathBuf>,

    /// Make a call that takes something away without asking
    #[arg(long)]
    yes: bool,

    /// Write what is sent and answered, without secrets, to this new file; root only
    #[arg(long, value_name = "FILE", requires = "name")]
    record: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let Some(name) = &arguments.name else {
        list(&overrides(reach, output), arguments.json.is_some(), output);
        return Ok(0);
    };
    let call = Call::by_name(name).ok_or_else(|| {
        let text =
            format!("there is no call {} (panelgate call --list shows all)", crate::types::quote(name));
        Error::new(ErrorKind::InvalidArgument, text)
    })?;
    if arguments.help_fields {
        fields(Effective::of(call, overrides(reach, output).get(&call)), output);
        return Ok(0);
    }
    let input = input(arguments.json.as_deref())?;
    if call.entry().destructive {
        confirm(&format!("{} ({})", call.entry().summary, call.name()), arguments.yes, output)?;
    }
    hush();
    let answer = match &arguments.record {
        None => ask(gateway::for_program(reach)?.as_ref(), call, input)?,
        Some(path) => recorded(path, reach, call, input)?,
    };
    output.json(&answer);
    Ok(0)
}

/// Makes the call in this process, and writes what went over the wire whatever its end is.
fn recorded(path: &Path, reach: Reach<'_>, call: Call, input: Value) -> Result<Value> {
    let direct = gateway::direct(reach)?;
    let file = new_file(path)?;
    direct.context().builder.record();
    let result = ask(&direct as &dyn Gateway, call, input);
    write_record(&file, path, &json!(direct.context().builder.recorded()))?;
    result
}

/// A file that was not there and that nobody else can read.
pub(super) fn new_file(path: &Path) -> Result<std::fs::File> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| {
        let text = format!("{}: the record cannot be made there", path.display());
        Error::new(ErrorKind::InvalidArgument, text).with_source(error)
    })
}

pub(super) fn write_record(file: &std::fs::File, path: &Path, record: &Value) -> Result<()> {
    serde_json::to_writer_pretty(file, record).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("{}: the record cannot be written", path.display()))
            .with_source(error)
    })
}

/// The input: a file, standard input, or nothing.
fn input(path: Option<&Path>) -> Result<Value> {
    let fail = |what: String| Error::new(ErrorKind::InvalidArgument, what);
    let Some(path) = path else { return Ok(json!({})) };
    let most = limits::CALL_INPUT_BYTES as u64;
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut text))
    };
    read.map_err(|error| fail(format!("{}: the input cannot be read", path.display())).with_source(error))?;
    if text.len() as u64 > most {
        return Err(fail(format!("{}: the input is larger than {most} bytes", path.display())));
    }
    serde_json::from_slice(&text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        fail(format!("{}: the input is not JSON ({place})", path.display()))
    })
}

/// What the configuration says of the calls, for who may read it. Without it, or where it is wrong, the table alone counts: a list is no place to fail.
fn overrides(reach: Reach<'_>, output: &mut Output) -> BTreeMap<Call, Overrides> {
    let Ok(path) = gateway::direct_config(reach) else { return BTreeMap::new() };
    if reach.socket.is_some() || !path.exists() {
        return BTreeMap::new();
    }
    match Config::load(path) {
        Ok(config) => config.builder.calls,
        Err(error) => {
            let text = format!("without the configuration, which cannot be used: {error}");
            output.note(&[Cell::new(text).style(Style::Doubtful)]);
            BTreeMap::new()
        }
    }
}

fn list(overrides: &BTreeMap<Call, Overrides>, json: bool, output: &mut Output) {
    let calls = || Call::ALL.iter().map(|call| Effective::of(*call, overrides.get(call)));
    if json {
        let rows: Vec<Value> = calls()
            .map(|call| {
                let entry = call.entry;
                json!({
                    "name": entry.name, "summary": entry.summary, "since": entry.since,
                    "documented": entry.path.is_some(), "ready": call.available().is_ok(),
                    "accounts": entry.callers == Callers::Accounts, "idempotent": entry.idempotent,
                    "destructive": entry.destructive, "site": call.is_about_a_site(),
                })
            })
            .collect();
        output.json(&rows);
        return;
    }
    let rows: Vec<Vec<Cell>> = calls()
        .map(|call| {
            let how = match (call.entry.way, call.available()) {
                (Way::Own(command), _) => Cell::new(command).style(Style::Faint),
                (_, Ok(())) => Cell::new("ready").style(Style::Good),
                (_, Err(_)) => Cell::new("off").style(Style::Faint),
            };
            vec![Cell::new(call.entry.name), how, Cell::new(call.entry.summary)]
        })
        .collect();
    output.table(0, &["CALL", "HOW", "WHAT IT DOES"], &rows);
}

fn fields(call: Effective<'_>, output: &mut Output) {
    let entry = call.entry;
    output.line(&[Cell::new(entry.name).style(Style::Strong), Cell::new(format!(": {}", entry.summary))]);
    if let (Way::Call | Way::Configured, Err(why)) = (entry.way, call.available()) {
        output.line(&[Cell::new(why).style(Style::Doubtful)]);
    }
    let mut rows = Vec::new();
    if call.is_about_a_site() && !entry.fields.iter().any(|field| field.name == "domain") {
        rows.push(["domain", "site, needed", "the site"].map(Cell::new).to_vec());
    }
    for field in entry.fields {
        let mut kind = field.kind.name().to_owned();
        if field.needed {
            kind.push_str(", needed");
        }
        if field.certainty == Certainty::Inferred {
            kind.push_str(", name inferred");
        }
        rows.push(vec![Cell::new(field.name), Cell::new(kind), Cell::new(field.meaning)]);
    }
    for (name, kind) in call.overrides.iter().flat_map(|own| &own.fields) {
        let needed =
            if call.overrides.is_some_and(|own| own.required.contains(name)) { ", needed" } else { "" };
        let kind = format!("{}{needed}", kind.name());
        rows.push(vec![Cell::new(name), Cell::new(kind), Cell::new("as the configuration says")]);
    }
    if rows.is_empty() {
        output.line(&[Cell::new("It takes nothing.")]);
    } else {
        output.table(2, &["FIELD", "KIND", "MEANING"], &rows);
    }
}
