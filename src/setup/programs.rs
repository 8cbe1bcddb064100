//! Panelgate's own units, where systemd runs.

use std::path::Path;

use super::plan::{Group, Standing, Step, Work};
use super::server::Server;
use crate::error::Result;

/// Says that running programs have to read the configuration again.
pub(super) const RELOAD: &str = "reload";

/// The program that starts and stops units.
pub(super) const SYSTEMCTL: &str = "/usr/bin/systemctl";

const UNITS: [&str; 4] =
    ["panelgate.socket", "panelgate-jobs.service", "panelgate-backup.timer", "panelgate-reconcile.timer"];

/// Where units lie.
const FOLDERS: [&str; 2] = ["/usr/lib/systemd/system", "/lib/systemd/system"];

/// Whether systemd runs here and knows Panelgate's units.
pub(super) fn has_units(server: &Server) -> bool {
    let unit = |folder: &str| server.leads_somewhere(Path::new(folder).join(UNITS[0]));
    server.exists("/run/systemd/system")
        && server.leads_somewhere(SYSTEMCTL)
        && FOLDERS.iter().any(|folder| unit(folder))
}

/// The step, where systemd runs.
pub(super) fn step() -> Step {
    Step {
        name: "programs",
        group: Group::Programs,
        what: format!("start {} now and at boot", UNITS.join(", ")),
        why: "the button asks the broker, and the jobs do what takes long",
        work: Box::new(Units),
    }
}

struct Units;

impl Units {
    /// The first unit for which systemd answers a question with no.
    fn first_not(server: &Server, question: &str) -> Result<Option<&'static str>> {
        for unit in UNITS {
            if !server.try_run(Path::new(SYSTEMCTL), &[question, "--quiet", unit])?.status.success() {
                return Ok(Some(unit));
            }
        }
        Ok(None)
    }
}

impl Work for Units {
    fn standing(&self, server: &Server) -> Result<Standing> {
        if server.stamp(RELOAD).is_some() {
            return Ok(Standing::Todo("the configuration has changed".into()));
        }
        if let Some(unit) = Self::first_not(server, "is-enabled")? {
            return Ok(Standing::Todo(format!("{unit} does not start at boot")));
        }
        Ok(match Self::first_not(server, "is-active")? {
            Some(unit) => Standing::Todo(format!("{unit} does not run")),
            None => Standing::Done,
        })
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let enable: Vec<&str> = ["enable", "--now", "--quiet"].into_iter().chain(UNITS).collect();
        server.run(Path::new(SYSTEMCTL), &enable)?;
        if server.stamp(RELOAD).is_some() {
            server.run(
                Path::new(SYSTEMCTL),
                &["try-reload-or-restart", "panelgate.service", "panelgate-jobs.service"],
            )?;
            server.clear_stamp(RELOAD)?;
        }
        Ok(())
    }
}
