//! The command line program `panelgate`.
//!
//! The help texts here are its manual. The commands call the use cases through [`crate::gateway::for_program`]; only `output` prints.

mod asking;
mod audit;
mod backup;
mod broker;
mod builder;
mod call;
#[cfg(feature = "sandbox")]
mod demo;
mod doctor;
mod event;
mod jobs;
mod licence;
mod open;
mod output;
mod progress;
mod publish;
mod reconcile;
mod revoke;
mod setup;
mod site;
mod sites;
mod ssh_keys;
mod status;
mod template;
mod website;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};
use log::LevelFilter;
use serde_json::json;

use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Reach;
use crate::publish::worker;
use crate::sys::{environment, logging};
use crate::types::is_unprintable;
#[cfg(feature = "trial")]
use crate::{gateway, web};
use output::Output;

const ABOUT: &str = "The back end of the \"Website Builder\" button in hosting panels.

A click on the button in cPanel, DirectAdmin, Plesk or a panel of your own becomes a signed-on builder session for a site of that account. This \
program does the same by hand, shows what Panelgate reads from the panel, and says what is wrong when something is.";

const AFTER: &str = "First steps:
  panelgate demo            see it work, without installation, network or root
  panelgate setup           put the button into this server's panel
  panelgate doctor          check configuration, panel and builder of this server
  panelgate sites alice     what Panelgate knows of an account
  panelgate open shop.example
                            a session address for a site

Exit codes:
  0      done; for doctor: nothing failed
  1      the output could not be written
  2      wrong use of the command line
  3-7    configuration, permission, a part that is not running, versions that do not
         fit, too many requests
  10-19  the panel's data: no such account, no such site, suspended, ...
  30-36  the builder: unreachable, certificate, credentials, licence, ...
  40-69  publication: not set up, refused, no space, ...; 60: the store cannot be
         read or written
  70-71  a fault of Panelgate or of the system below it
  80-89  backups: not offered, failed, not at the moment, no such backup; or what makes
         them: unreachable, certificate, credentials, refused, answers nonsense; 89: no
         such job
  The line on standard error ends with the name of the error: [site-not-found].
  With --json the error is printed as an object too:
  {\"error\": {\"kind\", \"code\", \"message\"}}

Files:
  /etc/panelgate/panelgate.ini   settings and the builder's password: root only, mode 0600
  /etc/panelgate/accounts.d/     accounts of custom hosting, one USER.ini each
  /var/lib/panelgate/            install key and store: root only, mode 0700
  /run/panelgate/broker.sock     where the broker listens

Environment:
  NO_COLOR   no colours when it is set and not empty
  Everything else comes from the configuration; proxies named by the environment are never used.";

#[derive(Parser)]
#[command(name = "panelgate", version, about = "The back end of the \"Website Builder\" button in hosting panels", long_about = ABOUT)]
#[command(after_long_help = AFTER, after_help = "panelgate --help says more, panelgate COMMAND --help says all about a command.")]
#[command(max_term_width = 100, arg_required_else_help = true, disable_help_subcommand = true)]
struct Arguments {
    /// Read this configuration instead of /etc/panelgate/panelgate.ini
    ///
    /// With it, a user other than root can run a private trial: the file must belong to that user, with mode 0600, and every path in it should
    /// lead to data of that user. The demo has a configuration of its own.
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    config: Option<PathBuf>,

    /// Ask the broker behind this socket instead of /run/panelgate/broker.sock; for `broker`, listen there
    #[arg(long, global = true, value_name = "PATH", help_heading = "Everywhere")]
    socket: Option<PathBuf>,

    /// Say more on standard error; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Open(open::Arguments),
    Sites(sites::Arguments),
    Doctor(doctor::Arguments),
    /// Run the broker, the privileged process that opens sessions for accounts
    ///
    /// systemd starts it (panelgate.service) and passes it the socket. By hand it listens on --socket. It reads the configuration once and again on
    /// SIGHUP; SIGTERM ends it when what is running is finished.
    Broker,
    Backup(backup::Arguments),
    Jobs(jobs::Arguments),
    Event(event::Arguments),
    Reconcile(reconcile::Arguments),
    /// Work below one document root, for the process that started this one
    ///
    /// The broker and root's command line start it; by hand it does nothing.
    #[command(hide = true)]
    Worker,
    Status(status::Arguments),
    Audit(audit::Arguments),
    Revoke(revoke::Arguments),
    Site(site::Arguments),
    SshKeys(ssh_keys::Arguments),
    Template(template::Arguments),
    Licence(licence::Arguments),
    Builder(builder::Arguments),
    Call(call::Arguments),
    Publish(publish::Arguments),
    Setup(setup::Arguments),
    #[cfg(feature = "sandbox")]
    Demo(demo::Arguments),
}

/// The definition of the command line, of which manual pages and completions are made.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program with the arguments and the environment of this process.
pub fn main() -> ExitCode {
    // The demo's page is a copy of this program, since the packaged page can do nothing without a broker.
    #[cfg(feature = "trial")]
    if environment::is_cgi() && gateway::is_private_trial() {
        web::run(None);
        return ExitCode::SUCCESS;
    }
    // Before anything is opened, and without a log: what it says goes through its socket.
    if std::env::args_os().skip(1).eq(["worker"]) {
        return worker::main();
    }
    if std::env::args_os().skip(1).eq(["worker", "look"]) {
        return worker::look();
    }
    worker::this_program_is_one();
    let mut output = Output::new();
    let code = run(std::env::args_os(), &mut output);
    ExitCode::from(output.finish(code))
}

fn run(arguments: impl Iterator<Item = OsString>, output: &mut Output) -> u8 {
    // Below a web server arguments and environment are a visitor's.
    if environment::is_cgi() {
        let text = "this is the command line program; it does not work below a web server or panel (GATEWAY_INTERFACE or REQUEST_METHOD is set)";
        return output.error(&Error::new(ErrorKind::Forbidden, text));
    }
    let arguments: Vec<OsString> = arguments.collect();
    let odd = arguments.iter().any(|argument| argument.to_string_lossy().contains(is_unprintable));
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => return output.usage(&answer, odd),
    };
    logging::start(logging::Target::Stderr, level(arguments.verbose));
    match execute(&arguments, output) {
        Ok(code) => code,
        Err(error) => {
            if arguments.command.wants_json() {
                output.json(&json!({
                    "error": { "kind": error.kind().name(), "code": error.kind().code(), "message": error.chain() }
                }));
            }
            output.error(&error)
        }
    }
}

impl Command {
    /// Whether a program reads the output: it gets errors as an object too.
    fn wants_json(&self) -> bool {
        match self {
            Self::Open(command) => command.json,
            Self::Sites(command) => command.json,
            Self::Doctor(command) => command.json,
            Self::Status(command) => command.json,
            Self::Audit(command) => command.json,
            Self::Revoke(command) => command.json,
            Self::Site(command) => command.wants_json(),
            Self::Backup(command) => command.wants_json(),
            Self::Template(command) => command.wants_json(),
            Self::Licence(command) => command.wants_json(),
            Self::Builder(command) => command.wants_json(),
            Self::Call(_) => true,
            Self::Jobs(command) => command.wants_json(),
            Self::Event(command) => command.json,
            Self::Reconcile(command) => command.json,
            Self::Publish(command) => command.wants_json(),
            Self::Setup(command) => command.json,
            Self::Broker | Self::Worker | Self::SshKeys(_) => false,
            #[cfg(feature = "sandbox")]
            Self::Demo(_) => false,
        }
    }
}

fn execute(arguments: &Arguments, output: &mut Output) -> Result<u8> {
    let reach = Reach { config: arguments.config.as_deref(), socket: arguments.socket.as_deref() };
    match &arguments.command {
        Command::Open(command) => open::run(command, reach, output),
        Command::Sites(command) => sites::run(command, reach, output),
        Command::Doctor(command) => doctor::run(command, reach, output),
        Command::Broker => broker::run(reach),
        Command::Backup(command) => backup::run(command, reach, output),
        Command::Jobs(command) => jobs::run(command, reach, output),
        Command::Event(command) => event::run(command, reach, output),
        Command::Reconcile(command) => reconcile::run(command, reach, output),
        Command::Worker => Err(Error::new(ErrorKind::InvalidArgument, "a worker takes no further arguments")),
        Command::Status(command) => status::run(command, reach, output),
        Command::Audit(command) => audit::run(command, reach, output),
        Command::Revoke(command) => revoke::run(command, reach, output),
        Command::Site(command) => site::run(command, reach, output),
        Command::SshKeys(command) => ssh_keys::run(command, reach, output),
        Command::Template(command) => template::run(command, reach, output),
        Command::Licence(command) => licence::run(command, reach, output),
        Command::Builder(command) => builder::run(command, reach, output),
        Command::Call(command) => call::run(command, reach, output),
        Command::Publish(command) => publish::run(command, reach, output),
        Command::Setup(command) => setup::run(command, reach, output),
        #[cfg(feature = "sandbox")]
        Command::Demo(command) => demo::run(command, output),
    }
}

const fn level(verbose: u8) -> LevelFilter {
    match verbose {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        _ => LevelFilter::Debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn the_exit_codes_in_the_help_are_those_of_the_errors() {
        let (_, codes) = AFTER.split_once("Exit codes:\n").unwrap();
        let number = |text: &str| text.parse::<u8>().ok();
        let listed: Vec<_> = codes
            .lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_whitespace().next())
            .map(|word| word.split_once('-').unwrap_or((word, word)))
            .filter_map(|(first, last)| Some(number(first)?..=number(last)?))
            .collect();
        for kind in ErrorKind::ALL {
            let page_only = kind.code() / 100 == 5;
            let listed = listed.iter().any(|range| range.contains(&kind.exit_code()));
            assert!(
                listed || page_only || *kind == ErrorKind::Panic,
                "{kind} exits with {}",
                kind.exit_code()
            );
        }
    }
}
