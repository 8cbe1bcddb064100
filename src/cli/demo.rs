//! `panelgate demo`: prints what [`crate::sandbox::demo`] does.

use clap::Args;

use super::output::{Cell, Output, Style};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sandbox::demo::{Demo, Options, Step};
use crate::sys::signals::Signals;

/// See it work: a small panel on this machine, with the real page behind its icon
///
/// Starts a panel page, the real page behind its icon (a copy of this program), an embedded builder, and the account's two sites, all on 127.0.0.1 and
/// with files of their own in one temporary directory. Open the printed address, press "Website Builder", choose a site, and arrive in the builder,
/// signed on. "Publish" there brings a small website into the account's document root, and "See the site" shows it. The panel page also sets the
/// account's language.
///
/// It needs no root, no installation and no network; started by root, it becomes the user nobody first. Ctrl-C ends it and removes its files; by
/// itself it ends after twelve hours.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate demo
  panelgate demo --port 8080    the panel page at a port of your choice
  panelgate demo --check        walk the whole way without a browser; for tests and packagers
  panelgate demo -v             also show what the program behind the icon logs

The printed address has a token: whoever has it can use the demo, nobody else.
On a remote machine, the demo also prints the ssh command that brings its pages to yours.")]
pub(super) struct Arguments {
    /// Port of the panel page; a free one if left out
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// Walk the way of a click without a browser, print each step with its time, and end: 0 if all went well
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> Result<u8> {
    let signals = Signals::listen().map_err(|error| {
        Error::new(ErrorKind::Internal, "the end of the demo cannot be awaited").with_source(error)
    })?;
    let demo = Demo::start(&Options { port: arguments.port })?;
    if arguments.check {
        check(&demo, &signals, output)?;
    } else {
        show(&demo, &signals, output);
    }
    Ok(0)
}

fn show(demo: &Demo, signals: &Signals, output: &mut Output) {
    output.note(&[
        Cell::new("Panelgate demo: open this address in a browser on this machine.").style(Style::Strong)
    ]);
    output.line(&[Cell::new(demo.address())]);
    if std::env::var_os("SSH_CONNECTION").is_some() {
        let forwards: String = demo
            .hosts()
            .iter()
            .map(|host| format!(" -L {}:{host}", host.rsplit(':').next().unwrap_or_default()))
            .collect();
        output.note(&[
            Cell::new(format!("From your own machine, first: ssh{forwards} SERVER")).style(Style::Faint)
        ]);
    }
    let text = format!("Ctrl-C ends it and removes {}.", demo.directory().display());
    output.note(&[Cell::new(text).style(Style::Faint)]);
    signals.wait(limits::DEMO_LIFE);
    output.note(&[Cell::new("Panelgate demo: ended.").style(Style::Faint)]);
}

fn check(demo: &Demo, signals: &Signals, output: &mut Output) -> Result<()> {
    let mut steps = 0;
    let mut report = |step: &Step| {
        steps += 1;
        output.line(&[
            Cell::new("ok  ").style(Style::Good),
            Cell::new(&step.text),
            Cell::new(format!("  ({:.1} ms)", step.time.as_secs_f64() * 1000.0)).style(Style::Faint),
        ]);
        !signals.wait(std::time::Duration::ZERO)
    };
    demo.check(&mut report)?;
    output.line(&[Cell::new(format!("The demo works: {steps} steps.")).style(Style::Good)]);
    Ok(())
}
