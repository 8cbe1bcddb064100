//! What the commands about the builder's calls share: making one, and asking before it.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use super::output::Output;
use super::progress::Progress;
use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Gateway;
use crate::ops::CallRequest;

/// Makes a call, with a sign of life.
pub(super) fn ask(gateway: &dyn Gateway, call: Call, input: Value) -> Result<Value> {
    let progress = Progress::start("asking the builder");
    let result = gateway.invoke(&CallRequest::new(call.name(), input));
    drop(progress);
    result
}

/// Quiet as `panelgate open`: the gateway logs how it went, and a failure is printed anyway.
pub(super) fn hush() {
    if log::max_level() == log::LevelFilter::Warn {
        log::set_max_level(log::LevelFilter::Error);
    }
}

/// Asks a person whether to go on; programs say `--yes`. `what` says what will happen, without a full stop.
pub(super) fn confirm(what: &str, yes: bool, output: &mut Output) -> Result<()> {
    if yes {
        return Ok(());
    }
    let fail = |text: &str| {
        let text = format!("not confirmed, and nothing was done: \"{what}\"{text}");
        Err(Error::new(ErrorKind::InvalidArgument, text))
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return fail("; nobody is there to be asked, and --yes goes on without asking");
    }
    output.note(&[super::output::Cell::new(format!("{what}. Type yes to go on:"))]);
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(_) if line.trim() == "yes" => Ok(()),
        _ => fail(""),
    }
}
