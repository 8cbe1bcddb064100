//! `panelgate setup`: what has to be on a server so that its panel shows the button and the builder can publish.
//!
//! A plan of steps, each of which knows whether it is done, does it, and takes it back. Everything can be run again at any time, and be killed at any
//! time: what is missing is done by the next run. Files lie below a root folder, which is `/` but for the tests.

mod adopt;
mod bundle;
mod cpanel;
mod directadmin;
mod endpoint;
mod homes;
mod ini_edit;
mod plan;
mod plesk;
mod programs;
mod server;
mod settings;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{self, PanelKind};
use crate::error::{Error, ErrorKind, Result};
use crate::panel::Tree;
use crate::sys::identity;

pub use adopt::{AdoptedSite, Adoption, Fate, Leftover, adopt};
pub use plan::{Outcome, State, Watcher};
use plan::{Step, Way};
use server::Server;
pub use settings::Answer;
use settings::Settings;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Do what is missing.
    Install,
    /// The same, only where setup was run before and not undone.
    Repair,
    /// Take everything back.
    Uninstall,
}

/// How to do it.
pub struct Options<'a> {
    /// The folder below which the server lies; `/` but for tests.
    pub root: &'a Path,
    /// Another configuration than the server's own.
    pub config: Option<&'a Path>,
    /// Which panel; `None`: look which one is there.
    pub panel: Option<PanelKind>,
    /// What the administrator says.
    pub answers: &'a [Answer],
    /// What to do.
    pub task: Task,
    /// Whether only to look.
    pub dry: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Which panel it is; `None` if setup was never run here and there was nothing to repair.
    pub panel: Option<&'static str>,
    /// Whether nothing failed.
    pub ok: bool,
    /// The steps, in the order in which they were gone through.
    pub steps: Vec<Outcome>,
}

impl Report {
    /// The kind of the first failure.
    pub fn failure(&self) -> Option<ErrorKind> {
        self.steps.iter().find_map(|step| step.kind)
    }
}

/// The configuration file of the server below a root folder.
pub fn config_path(root: &Path, config: Option<&Path>) -> PathBuf {
    config.map_or_else(|| Tree::new(root).path(config::DEFAULT_PATH), Path::to_owned)
}

/// Whether the configuration names the builder's credentials, and what it says of the builder so far: its address, and whether the brand is shared.
///
/// # Errors
/// [`ErrorKind::Forbidden`] for anybody but root; [`ErrorKind::Config`] if the configuration is wrong, or if the panel cannot be told.
pub fn known(options: &Options<'_>) -> Result<(bool, String, bool)> {
    root_only(options)?;
    let server = Server::look(options.root);
    let path = config_path(options.root, options.config);
    let settings = Settings::prepare(&server, &path, options.panel, options.answers)?;
    let builder = &settings.config.builder;
    Ok((settings.has_credentials(), builder.url.to_string(), builder.shared_brand))
}

fn root_only(options: &Options<'_>) -> Result<()> {
    if options.root == Path::new("/") && identity::uids().effective != 0 {
        return Err(Error::new(ErrorKind::Forbidden, "only root can set a server up"));
    }
    Ok(())
}

/// Sets the server up, repairs that, or takes it back.
///
/// # Errors
/// [`ErrorKind::Forbidden`] for anybody but root; [`ErrorKind::Config`] if the configuration is wrong or the panel cannot be told. What a step says is in the
/// report.
pub fn run(options: &Options<'_>, watcher: &mut dyn Watcher) -> Result<Report> {
    root_only(options)?;
    let before = Server::look(options.root);
    if options.task == Task::Repair && before.installed().is_none() {
        return Ok(Report { panel: None, ok: true, steps: Vec::new() });
    }
    let path = config_path(options.root, options.config);
    let panel = options.panel.or_else(|| before.installed().and_then(|name| PanelKind::by_name(&name)));
    let settings = Settings::prepare(
        &before,
        &path,
        options.panel.or(panel_found(&before, &path, panel)),
        options.answers,
    )?;
    let (steps, way) = match options.task {
        Task::Uninstall => {
            (steps_back(&before, &settings), if options.dry { Way::LookBack } else { Way::Undo })
        }
        Task::Install | Task::Repair => {
            (steps(&before, &settings)?, if options.dry { Way::Look } else { Way::Apply })
        }
    };
    let mut server = if options.dry { before } else { Server::change(options.root)? };
    server.program_time = settings.config.setup.program_time;
    let name = settings.kind.name();
    match (options.dry, options.task) {
        (true, _) => {}
        // First: who is killed from here on is repaired, or not repaired, as was wanted.
        (false, Task::Uninstall) => server.clear_installed()?,
        (false, _) => server.set_installed(name)?,
    }
    let outcomes = plan::go(&steps, &server, way, watcher);
    let ok = outcomes.iter().all(|outcome| outcome.state != State::Fail);
    Ok(Report { panel: Some(name), ok, steps: outcomes })
}

/// To repair or undo, the panel for which setup was run counts where none can be found any more.
fn panel_found(server: &Server, path: &Path, remembered: Option<PanelKind>) -> Option<PanelKind> {
    match Settings::prepare(server, path, None, &[]) {
        Ok(_) => None,
        Err(_) => remembered,
    }
}

fn steps(server: &Server, settings: &Settings) -> Result<Vec<Step>> {
    let units = programs::has_units(server);
    let mut steps = vec![settings.step(units)];
    steps.extend(settings::further_steps(settings));
    steps.extend(match settings.kind {
        PanelKind::CPanel => cpanel::steps(server)?,
        PanelKind::DirectAdmin => directadmin::steps(server)?,
        PanelKind::Plesk => plesk::steps(server, &settings.config)?,
        PanelKind::Ini => Vec::new(),
    });
    steps.extend(endpoint::steps(server, settings));
    if units {
        steps.push(homes::step(server, &settings.config, settings.kind));
        steps.push(programs::step());
    }
    Ok(steps)
}

fn steps_back(server: &Server, settings: &Settings) -> Vec<Step> {
    let mut steps = match settings.kind {
        PanelKind::CPanel => cpanel::steps_back(),
        PanelKind::DirectAdmin => directadmin::steps_back(),
        PanelKind::Plesk => plesk::steps_back(&settings.config),
        PanelKind::Ini => Vec::new(),
    };
    steps.extend(endpoint::steps_back(server, settings));
    steps.push(homes::step_back());
    steps
}
