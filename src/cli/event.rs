//! `panelgate event`: telling of an event of the panel's.

use std::io::Read;

use clap::Args;
use serde_json::json;

use super::output::{Cell, Output};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Reach};
use crate::limits;
use crate::types::{Domain, Username};

/// Tell of an event of the panel's, as its hooks do
///
/// The payload that the panel gives to a hook is read from standard input as it is. What follows from it is queued; `panelgate jobs` does it and asks the panel anew.
#[derive(Args)]
#[command(after_long_help = "Sources:
  cpanel              the JSON object on a script hook's standard input
  directadmin/NAME    NAME is the hook's file name without .sh; its variables as KEY=VALUE,
                      each ended by NUL (env -0)
  plesk/EVENT         a JSON object, or variables as before
  plain               {\"event\": \"suspend\", \"account\": \"alice\", \"domain\": \"...\", \"old\": {...}}
                      or the options --event, --account, --domain, --old-account, --old-domain

Events: create, rename, suspend, unsuspend, remove, plan, password, restore, domain-added,
domain-removed, address, refresh, reconcile

Examples:
  panelgate event cpanel < payload.json
  env -0 | panelgate event directadmin/user_suspend_post
  panelgate event plain --event suspend --account alice
  panelgate event plain --event rename --account alice --old-domain old.example --domain new.example

JSON: an object with event, account, job (null if nothing has to be done) and ignored (why).")]
pub(super) struct Arguments {
    /// Who speaks: cpanel, directadmin/NAME, plesk/EVENT or plain
    source: String,

    /// What has happened (with plain; nothing is read from standard input then)
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,

    /// The account
    #[arg(long, requires = "event", value_parser = |text: &str| Username::new(text))]
    account: Option<Username>,

    /// The site
    #[arg(long, requires = "event", value_parser = |text: &str| Domain::new(text))]
    domain: Option<Domain>,

    /// The account's former name
    #[arg(long, requires = "event", value_name = "ACCOUNT", value_parser = |text: &str| Username::new(text))]
    old_account: Option<Username>,

    /// The site's former name
    #[arg(long, requires = "event", value_name = "DOMAIN", value_parser = |text: &str| Domain::new(text))]
    old_domain: Option<Domain>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let payload = payload(arguments)?;
    let answer = gateway::for_program(reach)?.event(&arguments.source, &payload)?;
    if arguments.json {
        output.json(&json!(answer));
        return Ok(0);
    }
    let text = match (answer.job, answer.ignored) {
        (Some(job), _) => format!("queued: job {job}"),
        (None, Some(why)) => format!("nothing to do: {why}"),
        (None, None) => "nothing to do".to_owned(),
    };
    output.line(&[Cell::new(text)]);
    Ok(0)
}

fn payload(arguments: &Arguments) -> Result<Vec<u8>> {
    let wrong = |text: &str| Error::new(ErrorKind::InvalidArgument, text);
    if let Some(event) = &arguments.event {
        if arguments.source != "plain" {
            return Err(wrong("--event belongs to the source plain"));
        }
        let payload = json!({
            "event": event, "account": arguments.account, "domain": arguments.domain,
            "old": { "account": arguments.old_account, "domain": arguments.old_domain },
        });
        return Ok(payload.to_string().into_bytes());
    }
    let mut payload = Vec::new();
    let most = limits::EVENT_BYTES as u64 + 1;
    std::io::stdin()
        .take(most)
        .read_to_end(&mut payload)
        .map_err(|error| wrong("standard input cannot be read").with_source(error))?;
    Ok(payload)
}
