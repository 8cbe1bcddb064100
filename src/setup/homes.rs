//! Where the broker's workers may write: its unit has the whole file system read-only but for what a drop-in names, and that must be the homes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::plan::{Group, Standing, Step, Work};
use super::plesk;
use super::programs::{self, SYSTEMCTL};
use super::server::{Mode, Server};
use crate::config::{Config, PanelKind};
use crate::error::Result;

const FOLDER: &str = "/etc/systemd/system/panelgate.service.d";
const FILE: &str = "/etc/systemd/system/panelgate.service.d/homes.conf";
const HEAD: &str = "# Made by panelgate setup: where processes of the accounts put what the builder publishes. A folder that is added here stays.\n";
const KEY: &str = "ReadWritePaths=";

/// Says that systemd has to read the file, and the broker has to start anew.
const MARK: &str = "homes";

/// The step, where systemd runs.
pub(super) fn step(server: &Server, config: &Config, kind: PanelKind) -> Step {
    let homes = if config.setup.homes.is_empty() { usual(server, kind) } else { config.setup.homes.clone() };
    let homes: BTreeSet<String> = homes
        .iter()
        .filter_map(|home| home.to_str())
        .filter(|home| is_plain(home))
        .map(str::to_owned)
        .collect();
    let names: Vec<&str> = homes.iter().map(String::as_str).collect();
    Step {
        name: "homes",
        group: Group::Programs,
        what: format!("let the accounts' processes write below {}: {FILE}", names.join(", ")),
        why: "the broker's unit keeps everything from being written that is not named",
        work: Box::new(Homes(homes)),
    }
}

/// The step, as far as it is needed to take it back.
pub(super) fn step_back() -> Step {
    Step {
        name: "homes",
        group: Group::Programs,
        what: format!("remove {FILE}"),
        why: "nothing is published any more",
        work: Box::new(Homes(BTreeSet::new())),
    }
}

/// Where the panel has its accounts' homes unless the administrator says otherwise. cPanel puts new accounts on every disk whose name begins like that.
fn usual(server: &Server, kind: PanelKind) -> Vec<PathBuf> {
    match kind {
        PanelKind::Plesk => {
            vec![plesk::folder(server, "HTTPD_VHOSTS_D").unwrap_or_else(|| "/var/www/vhosts".into())]
        }
        PanelKind::CPanel => {
            let further = (2..=99).map(|number| format!("/home{number}")).filter(|home| server.exists(home));
            std::iter::once("/home".to_owned()).chain(further).map(PathBuf::from).collect()
        }
        PanelKind::DirectAdmin | PanelKind::Ini => vec!["/home".into()],
    }
}

/// Whether systemd reads a path as it stands, and takes no other characters for its own.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.len() > 1
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
}

/// The folders that a drop-in names.
fn named(text: &str) -> BTreeSet<String> {
    let values = text.lines().filter_map(|line| line.trim().strip_prefix(KEY));
    values.flat_map(str::split_whitespace).map(|path| path.trim_start_matches('-').to_owned()).collect()
}

struct Homes(BTreeSet<String>);

impl Work for Homes {
    fn standing(&self, server: &Server) -> Result<Standing> {
        if server.stamp(MARK).is_some() {
            return Ok(Standing::Todo("the broker does not know of it yet".into()));
        }
        let named = named(&server.text(FILE));
        let missing: Vec<&str> = self.0.difference(&named).map(String::as_str).collect();
        Ok(Standing::when(missing.is_empty(), format!("{} is not named", missing.join(", "))))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let all: BTreeSet<String> = named(&server.text(FILE)).union(&self.0).cloned().collect();
        // One that is not there must not keep the broker from starting.
        let paths: Vec<String> = all.iter().map(|path| format!("-{path}")).collect();
        server.set_stamp(MARK, "changed")?;
        server.make_dirs(FOLDER, 0o755)?;
        let text = format!("{HEAD}[Service]\n{KEY}{}\n", paths.join(" "));
        server.write(FILE, text.as_bytes(), Mode::Exactly(0o644))?;
        self.tell(server)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(server.text(FILE).starts_with(HEAD))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        if !self.is_there(server)? {
            return server.clear_stamp(MARK).map(drop);
        }
        server.remove(FILE)?;
        // What else lies there is the administrator's.
        let _ = std::fs::remove_dir(server.path(FOLDER));
        if programs::has_units(server) { self.tell(server) } else { server.clear_stamp(MARK).map(drop) }
    }
}

impl Homes {
    fn tell(&self, server: &Server) -> Result<()> {
        server.run(Path::new(SYSTEMCTL), &["daemon-reload"])?;
        server.run(Path::new(SYSTEMCTL), &["try-restart", "panelgate.service"])?;
        server.clear_stamp(MARK).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_drop_in_names() {
        let text =
            "[Service]\nReadWritePaths=-/home /srv/homes\n # ReadWritePaths=/no\nReadWritePaths=/home2\n";
        assert_eq!(named(text), ["/home", "/home2", "/srv/homes"].map(str::to_owned).into());
        assert!(named("").is_empty());
    }

    #[test]
    fn only_plain_paths_become_lines() {
        for (path, is) in [
            ("/home", true),
            ("/srv/h-1_2.x", true),
            ("/", false),
            ("home", false),
            ("/a b", false),
            ("/a\n", false),
            ("/%h", false),
        ] {
            assert_eq!(is_plain(path), is, "{path}");
        }
    }
}
