//! `panelgate setup`: asks what only the administrator knows, and prints what [`crate::setup`] does.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::asking::hush;
use super::doctor;
use super::output::{Cell, Output, Style};
use super::progress::Progress;
use crate::config::ini::IniFile;
use crate::config::{self, PanelKind};
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::{self, Reach};
use crate::limits;
use crate::setup::{
    self, AdoptedSite, Adoption, Answer, Fate, Options, Outcome, Report, State, Task, Watcher,
};
use crate::sys::terminal;

/// Put the button into this server's panel
///
/// Finds the panel, writes what is missing in /etc/panelgate/panelgate.ini, registers page, icon and event hooks with the panel, puts the publication
/// endpoint behind the web server under the server's own name, starts Panelgate's programs, and ends with what `panelgate doctor` says.
///
/// It asks for the builder's address, user name and password where the file does not have them. The password is never an argument: it is typed without
/// being shown, or comes with --answers. Lines of the file that are there already are kept as they are, comments too.
///
/// Setup can be run again at any time, and goes on where it was broken off. Nothing is written below a home, and no virtual host of a customer's is touched.
#[derive(Args)]
#[command(after_long_help = "Examples:
  panelgate setup                     on a server with a panel
  panelgate setup --dry-run           what would be done, and why
  panelgate setup --panel ini         custom hosting: accounts in /etc/panelgate/accounts.d
  panelgate setup --answers FILE      without questions: FILE holds lines of panelgate.ini, such as
      [builder]
      url = https://builder.example/api/
      username = apikey0
      password = secret
      shared_brand = no
  panelgate setup --adopt --dry-run   what there is to take over from the vendor's own plugin
  panelgate setup --uninstall         hooks, endpoint and icons go; configuration and data stay

The panel's own updates call `panelgate setup --repair`: it says nothing, asks nothing, does
only what is missing, and does nothing on a server that was never set up.

Exit code: 0 if everything is in place (or gone); else that of the first failure.
What the doctor finds does not count.

JSON:
  {\"ok\", \"panel\", \"steps\": [{\"name\", \"what\", \"why\", \"state\", \"text\", \"kind\"}],
   \"doctor\": null or as of doctor --json}
  state is ok (nothing to do), done, todo (with --dry-run), fail or skipped.

/usr/share/doc/panelgate/setup.md says what setup changes on each panel.")]
pub(super) struct Arguments {
    /// The panel, where it cannot be told or is not the one to set up
    #[arg(long, value_enum)]
    panel: Option<PanelName>,

    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,

    /// Do what is missing, silently and without questions, where setup was run before: for updates of panel and packages
    #[arg(long, conflicts_with_all = ["uninstall", "answers", "panel"])]
    repair: bool,

    /// Take hooks, endpoint, icons and page away again
    #[arg(long, conflicts_with = "answers")]
    uninstall: bool,

    /// Take over from the vendor's own plugin: keys of published websites, a first list of their files; with --dry-run, say what
    ///
    /// The builder's list of published websites is read, at most once in 3 hours. A published website of an account of this server keeps its key; one that lies
    /// in the document root is known from then on, so that it can be taken back. FTP accounts and files of the old plugin are listed, and never removed.
    #[arg(long, conflicts_with_all = ["repair", "uninstall", "answers", "panel", "no_doctor"])]
    adopt: bool,

    /// Read settings from this file instead of asking; - for standard input
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,

    /// Do not run the doctor at the end
    #[arg(long)]
    no_doctor: bool,

    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// The folder below which the server lies, for tests
    #[arg(long, hide = true, value_name = "DIR", default_value = "/")]
    root: PathBuf,

    /// What a panel adds when it calls --repair: versions
    #[arg(hide = true, requires = "repair")]
    further: Vec<std::ffi::OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PanelName {
    Cpanel,
    Directadmin,
    Plesk,
    /// Custom hosting
    Ini,
}

impl PanelName {
    const fn kind(self) -> PanelKind {
        match self {
            Self::Cpanel => PanelKind::CPanel,
            Self::Directadmin => PanelKind::DirectAdmin,
            Self::Plesk => PanelKind::Plesk,
            Self::Ini => PanelKind::Ini,
        }
    }
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    if arguments.adopt {
        return adopt(arguments, reach, output);
    }
    let mut answers = match &arguments.answers {
        Some(path) => read_answers(path)?,
        None => Vec::new(),
    };
    let task = match (arguments.repair, arguments.uninstall) {
        (true, _) => Task::Repair,
        (_, true) => Task::Uninstall,
        _ => Task::Install,
    };
    if task == Task::Install && !arguments.dry_run && arguments.answers.is_none() {
        let (has_credentials, url, shared) = setup::known(&options(arguments, reach, task, &answers))?;
        if !has_credentials {
            answers = ask(&url, shared, output)?;
        }
    }
    let quiet = arguments.json || arguments.repair;
    let report = {
        let mut printer = Printer { output, quiet, progress: None };
        setup::run(&options(arguments, reach, task, &answers), &mut printer)?
    };
    let failure = report.failure();
    let path = setup::config_path(&arguments.root, reach.config);
    let examined = task == Task::Install && !arguments.dry_run && !arguments.no_doctor && path.exists();
    let doctor = examined.then(|| {
        // A tree of a test has no broker at the usual place.
        let own =
            Reach { config: reach.config.or((arguments.root != Path::new("/")).then_some(&path)), ..reach };
        if !quiet {
            output.line(&[Cell::new("")]);
        }
        doctor::show(&path, own, false, quiet, output)
    });
    if arguments.json {
        output.json(
            &json!({ "ok": report.ok, "panel": report.panel, "steps": report.steps, "doctor": doctor }),
        );
    } else if arguments.repair {
        complain(&report, output);
    } else {
        let failures = doctor.as_ref().is_some_and(|found| !found.ok);
        say_end(arguments, &report, failures, output);
    }
    Ok(failure.map_or(0, ErrorKind::exit_code))
}

/// Takes over from the vendor's own plugin.
fn adopt(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    let path = setup::config_path(&arguments.root, reach.config);
    let own = arguments.root != Path::new("/");
    let direct = gateway::direct(Reach { config: reach.config.or(own.then_some(&path)), socket: None })?;
    hush();
    let progress = Progress::start("looking at published websites");
    let result = setup::adopt(direct.context(), direct.principal(), arguments.dry_run);
    drop(progress);
    let adoption = result?;
    if arguments.json {
        output.json(&adoption);
    } else {
        show(&adoption, output);
    }
    Ok(if adoption.failed() { ErrorKind::DocumentRoot.exit_code() } else { 0 })
}

fn show(adoption: &Adoption, output: &mut Output) {
    let row = |site: &AdoptedSite| {
        let (word, style) = match site.fate {
            Fate::Known => ("known", Style::Good),
            Fate::Done => ("taken over", Style::Good),
            Fate::Todo => ("to do", Style::Doubtful),
            Fate::Left => ("left", Style::Faint),
            Fate::Fail => ("FAIL", Style::Bad),
        };
        let here = match (site.recognised, site.files) {
            (_, Some(files)) => format!("{files} files"),
            (Some(true), None) => "yes".into(),
            (Some(false), None) => "no".into(),
            (None, None) => "?".into(),
        };
        let cells = [site.account.as_str(), &site.site, &here, site.text.as_deref().unwrap_or_default()];
        std::iter::once(Cell::new(word).style(style)).chain(cells.into_iter().map(Cell::new)).collect()
    };
    let rows: Vec<Vec<Cell>> = adoption.sites.iter().map(row).collect();
    output.table(0, &["", "ACCOUNT", "WEBSITE", "LIES HERE", ""], &rows);
    output.line(&[Cell::new(format!(
        "Names of the builder's list that no account here has: {}.",
        adoption.elsewhere
    ))]);
    if !adoption.leftovers.is_empty() {
        output.line(&[Cell::new("")]);
        output.line(&[Cell::new("Of the old plugin; remove it in the panel once everything works:")
            .style(Style::Strong)]);
    }
    for left in &adoption.leftovers {
        let account = left.account.as_deref().unwrap_or("-");
        output.line(&[Cell::new(format!("  {:<12} {account:<16} {}", left.kind, left.name))]);
    }
}

fn options<'a>(arguments: &'a Arguments, reach: Reach<'a>, task: Task, answers: &'a [Answer]) -> Options<'a> {
    Options {
        root: &arguments.root,
        config: reach.config,
        panel: arguments.panel.map(PanelName::kind),
        answers,
        task,
        dry: arguments.dry_run,
    }
}

/// Settings from a file of lines of `panelgate.ini`.
fn read_answers(path: &Path) -> Result<Vec<Answer>> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(limits::CONFIG_BYTES).read_to_end(&mut bytes);
        read.map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, "the answers cannot be read from standard input")
                .with_source(error)
        })?;
        bytes
    } else {
        config::read_private(path)?
    };
    let file = IniFile::parse(path, &bytes, ErrorKind::InvalidArgument)?;
    let sections: Vec<String> = file.sections().map(|(name, _)| name.to_owned()).collect();
    let answers = sections.into_iter().flat_map(|section| {
        let entries = file
            .section(&section)
            .entries()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<Vec<_>>();
        entries.into_iter().map(move |(key, value)| Answer { section: section.clone(), key, value })
    });
    Ok(answers.collect())
}

/// Asks for what only the administrator knows. Where nobody can be asked, nothing is: the doctor will say what is missing.
fn ask(url: &str, shared: bool, output: &mut Output) -> Result<Vec<Answer>> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        output.note(&[Cell::new(
            "The builder's user name and password are not set, and nobody is there to be asked: give them with --answers.",
        )]);
        return Ok(Vec::new());
    }
    let builder = |key: &str, value: String| Answer { section: "builder".into(), key: key.into(), value };
    output.note(&[Cell::new(
        "What your vendor's licence page says of the builder's API; Enter takes what stands in brackets.",
    )]);
    let address = question(&format!("Address [{url}]: "), output)?;
    let username = question("User name: ", output)?;
    let ask = || prompt("Password (it is not shown): ", output);
    let password = terminal::read_hidden_line(ask).map_err(unanswered)?;
    output.note(&[Cell::new("")]);
    let shared_brand = question(
        &format!("Do other servers use the same brand? yes or no [{}]: ", if shared { "yes" } else { "no" }),
        output,
    )?;
    let answers =
        [("url", address), ("username", username), ("password", password), ("shared_brand", shared_brand)];
    Ok(answers
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| builder(key, value))
        .collect())
}

fn prompt(text: &str, output: &mut Output) {
    output.prompt(text);
    let _ = std::io::stderr().flush();
}

fn question(text: &str, output: &mut Output) -> Result<String> {
    prompt(text, output);
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(0) => Err(unanswered(std::io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(line.trim().to_owned()),
        Err(error) => Err(unanswered(error)),
    }
}

fn unanswered(error: std::io::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, "setup was not answered, and nothing was done").with_source(error)
}

struct Printer<'a> {
    output: &'a mut Output,
    quiet: bool,
    progress: Option<Progress>,
}

impl Watcher for Printer<'_> {
    fn begin(&mut self, name: &'static str) {
        self.progress = (!self.quiet).then(|| Progress::start(name));
    }

    fn end(&mut self, outcome: &Outcome) {
        self.progress = None;
        if !self.quiet {
            print(outcome, self.output);
        }
    }
}

const fn word(state: State) -> (&'static str, Style) {
    match state {
        State::Ok => ("ok       ", Style::Good),
        State::Done => ("done     ", Style::Good),
        State::Todo => ("to do    ", Style::Doubtful),
        State::Fail => ("FAIL     ", Style::Bad),
        State::Skipped => ("skipped  ", Style::Faint),
    }
}

fn print(outcome: &Outcome, output: &mut Output) {
    let (word, style) = word(outcome.state);
    let name = Cell::new(format!("{:<17}", outcome.name)).style(Style::Strong);
    output.line(&[Cell::new(word).style(style), name, Cell::new(&outcome.what)]);
    let gap = " ".repeat(26);
    if let Some(text) = &outcome.text {
        output.line(&[Cell::new(format!("{gap}{text}"))]);
    }
    if outcome.state == State::Todo && !outcome.why.is_empty() {
        output.line(&[Cell::new(format!("{gap}because {}", outcome.why)).style(Style::Faint)]);
    }
}

/// After a repair nobody looks: what failed goes where the panel's update keeps its messages.
fn complain(report: &Report, output: &mut Output) {
    for step in report.steps.iter().filter(|step| step.state == State::Fail) {
        let text = step.text.as_deref().unwrap_or_default();
        output.note(&[Cell::new(format!("panelgate setup: {}: {text}", step.name))]);
    }
}

fn say_end(arguments: &Arguments, report: &Report, failures: bool, output: &mut Output) {
    let todo = report.steps.iter().any(|step| step.state == State::Todo);
    let (text, style) = match (report.ok, arguments.dry_run, arguments.uninstall) {
        (false, ..) => (
            "Not everything could be done. Begin with the first FAIL above, then run panelgate setup again.",
            Style::Bad,
        ),
        (_, true, true) if todo => ("This would be taken away.", Style::Doubtful),
        (_, true, true) => ("There is nothing to take away.", Style::Good),
        (_, true, _) if todo => ("This would be done.", Style::Doubtful),
        (_, _, true) => ("Everything is taken away; configuration and data are kept.", Style::Good),
        _ if failures => ("Setup is done, but the doctor found failures: see above.", Style::Doubtful),
        _ => ("Everything is in place.", Style::Good),
    };
    output.line(&[Cell::new(text).style(style)]);
}
