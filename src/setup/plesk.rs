//! Plesk (`reference/plesk.md` 4.4, 5.1): the extension, and event handlers where they are wanted beside its listener.

use std::path::{Path, PathBuf};

use super::bundle::BUNDLES;
use super::plan::{Group, Standing, Step, Work};
use super::server::{Server, digest};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};

const BUNDLE: &str = "panelgate-plesk.zip";
const ID: &str = "panelgate";

/// What Plesk runs for an event; the event's name stands behind it.
const FRONT: &str = "/usr/share/panelgate/panel-hooks/plesk/panelgate-event";

/// Where Plesk forbids event handlers of root's.
const LOCK: &str = "/usr/local/psa/var/root.event_handler.lock";

/// Lower ones run later: Plesk's own work comes first.
const PRIORITY: &str = "50";

/// The events that say something about sites and accounts (`reference/plesk.md` 5.3). Those that this Plesk does not know are left out.
const EVENTS: [&str; 22] = [
    "domain_create",
    "domain_update",
    "domain_delete",
    "domain_status_update",
    "domain_owner_change",
    "site_create",
    "site_update",
    "site_delete",
    "site_status_update",
    "subdomain_create",
    "subdomain_update",
    "subdomain_delete",
    "site_subdomain_create",
    "site_subdomain_update",
    "site_subdomain_delete",
    "phys_hosting_create",
    "phys_hosting_update",
    "phys_hosting_delete",
    "client_status_update",
    "client_delete",
    "domain_alias_update",
    "site_alias_update",
];

/// The steps.
///
/// # Errors
/// If the bundle is not installed.
pub(super) fn steps(server: &Server, config: &Config) -> Result<Vec<Step>> {
    let path = Path::new(BUNDLES).join(BUNDLE);
    let bytes = server.read(&path)?.ok_or_else(|| {
        let text =
            format!("{} is not installed: install the package panelgate again", server.path(&path).display());
        Error::new(ErrorKind::Config, text)
    })?;
    let command = config.panel.plesk_command.clone();
    let mut steps = vec![extension(command.clone(), Some(digest(&[&bytes])))];
    if config.panel.plesk_event_handlers {
        steps.push(handlers(command));
    }
    Ok(steps)
}

/// The steps, as far as they are needed to take everything back.
pub(super) fn steps_back(config: &Config) -> Vec<Step> {
    let command = &config.panel.plesk_command;
    vec![
        extension(command.clone(), None).back(format!("plesk bin extension --uninstall {ID}")),
        handlers(command.clone()).back(format!("plesk bin event_handler --delete for {FRONT}")),
    ]
}

fn extension(command: PathBuf, mark: Option<String>) -> Step {
    Step {
        name: "extension",
        group: Group::Panel,
        what: format!("plesk bin extension --install {BUNDLES}/{BUNDLE}"),
        why: "it brings the button, the page behind it and the listener for events",
        work: Box::new(Extension { command, mark }),
    }
}

fn handlers(command: PathBuf) -> Step {
    Step {
        name: "event-handlers",
        group: Group::Panel,
        what: format!("plesk bin event_handler --create for {FRONT}"),
        why: "root hears of sites and accounts, where the listener of the extension does not",
        work: Box::new(Handlers { command }),
    }
}

/// The extension.
struct Extension {
    command: PathBuf,
    mark: Option<String>,
}

const STAMP: &str = "plesk-extension";

impl Extension {
    /// Whether Plesk's list has it: its lines begin with the identifier.
    fn is_listed(&self, server: &Server) -> Result<bool> {
        let output = server.run(&self.command, &["bin", "extension", "--list"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().any(|line| line.split_whitespace().next() == Some(ID)))
    }
}

impl Work for Extension {
    fn standing(&self, server: &Server) -> Result<Standing> {
        if self.mark.is_none() {
            return Ok(Standing::Done);
        }
        if server.stamp(STAMP) != self.mark {
            return Ok(Standing::Todo("it is not installed, or of another version".into()));
        }
        Ok(Standing::when(self.is_listed(server)?, "it is not installed"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let Some(mark) = &self.mark else { return Ok(()) };
        let file = server.path(Path::new(BUNDLES).join(BUNDLE)).display().to_string();
        let way = if self.is_listed(server)? { "--upgrade" } else { "--install" };
        server.run(&self.command, &["bin", "extension", way, &file])?;
        server.set_stamp(STAMP, mark)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(server.leads_somewhere(&self.command) && self.is_listed(server)?)
    }

    fn undo(&self, server: &Server) -> Result<()> {
        if self.is_there(server)? {
            server.run(&self.command, &["bin", "extension", "--uninstall", ID])?;
        }
        server.clear_stamp(STAMP).map(drop)
    }
}

/// Event handlers of root's.
struct Handlers {
    command: PathBuf,
}

/// One handler of ours in Plesk's list.
#[derive(Debug, PartialEq, Eq)]
struct Handler {
    id: String,
    event: String,
}

/// The handlers of ours in `event_handler --list`: blocks of lines `key value`, parted by empty lines. Titles of events are translated, commands are not.
fn ours(list: &str, front: &str) -> Vec<Handler> {
    let (mut found, mut id) = (Vec::new(), None);
    for line in list.lines() {
        match line.trim().split_once([' ', '\t']) {
            None => id = None,
            Some(("Id", value)) => id = Some(value.trim().to_owned()),
            Some(("Command", value)) => {
                let event = value.trim().strip_prefix(front).and_then(|rest| rest.strip_prefix(' '));
                if let (Some(event), Some(id)) = (event, id.take()) {
                    found.push(Handler { id, event: event.trim().to_owned() });
                }
            }
            Some(_) => {}
        }
    }
    found
}

impl Handlers {
    fn ask(&self, server: &Server, question: &str) -> Result<String> {
        let output = server.run(&self.command, &["bin", "event_handler", question])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn front(server: &Server) -> String {
        server.path(FRONT).display().to_string()
    }

    /// The handlers of ours; none where there is no Plesk any more.
    fn registered(&self, server: &Server) -> Result<Vec<Handler>> {
        if !server.leads_somewhere(&self.command) {
            return Ok(Vec::new());
        }
        Ok(ours(&self.ask(server, "--list")?, &Self::front(server)))
    }

    fn missing(&self, server: &Server) -> Result<Vec<&'static str>> {
        let known = self.ask(server, "--list-events")?;
        let known: Vec<&str> = known.split_whitespace().collect();
        let there = ours(&self.ask(server, "--list")?, &Self::front(server));
        let missing =
            |event: &&str| known.contains(event) && !there.iter().any(|handler| handler.event == **event);
        Ok(EVENTS.iter().copied().filter(missing).collect())
    }
}

impl Work for Handlers {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let missing = self.missing(server)?;
        Ok(Standing::when(missing.is_empty(), format!("there is none for {}", missing.join(", "))))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        if server.exists(LOCK) {
            let text = format!(
                "{} forbids event handlers of root's: set [plesk] event_handlers = no",
                server.path(LOCK).display()
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        for event in self.missing(server)? {
            let command = format!("{} {event}", Self::front(server));
            let arguments = [
                "bin",
                "event_handler",
                "--create",
                "-command",
                &command,
                "-priority",
                PRIORITY,
                "-user",
                "root",
                "-event",
                event,
            ];
            server.run(&self.command, &arguments)?;
        }
        Ok(())
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(!self.registered(server)?.is_empty())
    }

    fn undo(&self, server: &Server) -> Result<()> {
        for handler in self.registered(server)? {
            server.run(&self.command, &["bin", "event_handler", "--delete", &handler.id])?;
        }
        Ok(())
    }
}

/// A folder that Plesk's `psa.conf` names: `HTTPD_INCLUDE_D`, where its Apache reads foreign files, or `HTTPD_VHOSTS_D`, which holds the homes.
pub(super) fn folder(server: &Server, key: &str) -> Option<PathBuf> {
    let text = server.text("/etc/psa/psa.conf");
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix([' ', '\t']))?;
    let folder = PathBuf::from(value.trim());
    let climbs = folder.components().any(|part| part == std::path::Component::ParentDir);
    Some(folder).filter(|folder| folder.is_absolute() && !climbs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_handlers_of_ours_are_found_in_plesks_list() {
        let list = "   Id               4\n   Name             Default domain (the first) deleted\n   Priority         50\n   User             root\n   \
                    Command          /usr/share/panelgate/panel-hooks/plesk/panelgate-event domain_delete\n\n   Id               9\n   Name             Some other handler\n   \
                    Priority         10\n   User             root\n   Command          /bin/true\n\n   Command          /usr/share/panelgate/panel-hooks/plesk/panelgate-event site_create\n";
        assert_eq!(ours(list, FRONT), [Handler { id: "4".into(), event: "domain_delete".into() }]);
        assert!(ours("", FRONT).is_empty());
    }
}
