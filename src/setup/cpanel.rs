//! cPanel & WHM (`reference/cpanel.md` 1.1, 1.2, 1.10, 2.1): the page, its icon and feature, the WHM page, and the script hooks.
//!
//! The bundle is unpacked outside of cPanel's own tree, which updates replace; links lead to it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bundle::{Bundle, Place};
use super::plan::{Group, Standing, Step, Work};
use super::server::{Mode, Server, digest, internal};
use crate::error::{Error, ErrorKind, Result};
use crate::types::quote;

const BUNDLE: &str = "panelgate-cpanel.tar.gz";

/// Where the bundle is unpacked.
const HOME: &str = "/usr/lib/panelgate/cpanel";
const PLACE: Place<'_> =
    Place { target: HOME, new: "/usr/lib/panelgate/.cpanel-new", old: "/usr/lib/panelgate/.cpanel-old" };
const PLACES: [&str; 3] = [PLACE.target, PLACE.new, PLACE.old];

const THEME: &str = "/usr/local/cpanel/base/frontend/jupiter";
const PAGE: &str = "/usr/local/cpanel/base/frontend/jupiter/panelgate";
const WHM_PAGE: &str = "/usr/local/cpanel/whostmgr/docroot/cgi/panelgate";

const INSTALL_PLUGIN: &str = "/usr/local/cpanel/scripts/install_plugin";
const UNINSTALL_PLUGIN: &str = "/usr/local/cpanel/scripts/uninstall_plugin";
const THEME_ARGUMENT: &str = "--theme=jupiter";

const REGISTER: &str = "/usr/local/cpanel/bin/register_appconfig";
const UNREGISTER: &str = "/usr/local/cpanel/bin/unregister_appconfig";
const APP: &str = "panelgate";
const APP_FILE: &str = "/var/cpanel/apps/panelgate.conf";

const MANAGE_HOOKS: &str = "/usr/local/cpanel/bin/manage_hooks";
const HOOK: &str = "/usr/share/panelgate/panel-hooks/cpanel/panelgate-hook";

/// Where files of the bundle's folder `root/` may be put.
const ALLOWED: [&str; 2] = ["/usr/local/cpanel/", "/var/cpanel/"];

/// The steps.
///
/// # Errors
/// If the bundle is not installed or damaged.
pub(super) fn steps(server: &Server) -> Result<Vec<Step>> {
    let bundle = Bundle::open(server, BUNDLE)?;
    if !bundle.has_below("jupiter") || bundle.file("install.json").is_none() {
        return Err(internal(format!("{BUNDLE} lacks install.json or the folder jupiter")));
    }
    let whm = bundle.has_below("whm");
    let app = bundle.file("panelgate.conf").is_some();
    let extras = bundle.has_below("root");
    let mark = bundle.digest.clone();
    let mut steps = vec![
        step(
            "files",
            format!("unpack the page to {HOME}"),
            "cPanel's own folders are replaced by its updates",
            Files(Some(bundle)),
        ),
        step(
            "page",
            format!("link {PAGE}"),
            "cPanel serves what lies below its theme",
            Link(PAGE, "/usr/lib/panelgate/cpanel/jupiter"),
        ),
    ];
    if whm {
        let work = Link(WHM_PAGE, "/usr/lib/panelgate/cpanel/whm");
        steps.push(step("whm-page", format!("link {WHM_PAGE}"), "the administrator's page in WHM", work));
    }
    if extras {
        let what = "copy the icon of WHM and the fields of packages";
        steps.push(step("extras", what.into(), "they belong into folders of cPanel's", Extras));
    }
    steps.push(icon(mark.clone()));
    if app {
        steps.push(application(mark));
    }
    steps.push(hooks());
    Ok(steps)
}

/// The steps, as far as they are needed to take everything back: the bundle need not be there any more.
pub(super) fn steps_back() -> Vec<Step> {
    let files = "remove the unpacked page";
    vec![
        step("files", files.into(), "", Files(None)),
        step("page", format!("remove {PAGE}"), "", Link(PAGE, "/usr/lib/panelgate/cpanel/jupiter")),
        step("whm-page", format!("remove {WHM_PAGE}"), "", Link(WHM_PAGE, "/usr/lib/panelgate/cpanel/whm")),
        step("extras", "remove what was copied".into(), "", Extras),
        icon(String::new()).back(format!("{UNINSTALL_PLUGIN} {HOME} {THEME_ARGUMENT}")),
        application(String::new()).back(format!("{UNREGISTER} {APP}")),
        hooks().back(format!("{MANAGE_HOOKS} delete script {HOOK}")),
    ]
}

fn step(name: &'static str, what: String, why: &'static str, work: impl Work + 'static) -> Step {
    Step { name, group: Group::Panel, what, why, work: Box::new(work) }
}

fn icon(mark: String) -> Step {
    let what = format!("{INSTALL_PLUGIN} {HOME} {THEME_ARGUMENT}");
    step("icon", what, "cPanel shows the icon, and WHM the feature that switches it off", Icon(mark))
}

fn application(mark: String) -> Step {
    let what = format!("{REGISTER} {HOME}/panelgate.conf");
    step(
        "whm-application",
        what,
        "WHM runs only pages that are registered with their rights",
        Application(mark),
    )
}

fn hooks() -> Step {
    let what = format!("{MANAGE_HOOKS} add script {HOOK}");
    step("hooks", what, "the builder hears when accounts and domains come, change and go", Hooks)
}

/// The unpacked bundle.
struct Files(Option<Bundle>);

const FILES: &str = "cpanel-files";

impl Work for Files {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let Some(bundle) = &self.0 else { return Ok(Standing::Done) };
        let there = server.exists(format!("{HOME}/install.json"));
        let same = server.stamp(FILES).as_deref() == Some(&bundle.digest);
        Ok(Standing::when(there && same, "it is missing, or of another version"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let Some(bundle) = &self.0 else { return Ok(()) };
        // What the new version does not bring any more would never be found again.
        for (path, _) in copied(server)? {
            if bundle.file(&format!("root{path}")).is_none() {
                server.remove(&path)?;
            }
        }
        bundle.unpack(server, &PLACE, &|_, _| None)?;
        server.set_stamp(FILES, &bundle.digest)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(PLACES.iter().any(|place| server.exists(place)))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        server.clear_stamp(FILES)?;
        PLACES.iter().try_for_each(|place| server.remove_tree(place).map(drop))
    }
}

/// A link in cPanel's tree.
struct Link(&'static str, &'static str);

impl Work for Link {
    fn standing(&self, server: &Server) -> Result<Standing> {
        Ok(Standing::when(server.is_link(self.0, self.1), "the link is missing"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let folder = Path::new(self.0).parent().unwrap_or(Path::new("/"));
        if !server.leads_somewhere(folder) {
            let text = format!(
                "{} is not there: this cPanel has no such theme or page",
                server.path(folder).display()
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        server.link(self.0, self.1)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(server.is_link(self.0, self.1))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        if server.is_link(self.0, self.1) { server.remove(self.0).map(drop) } else { Ok(()) }
    }
}

/// The files of the bundle's folder `root/`.
struct Extras;

/// What the unpacked folder `root/` holds: the absolute path of each file in cPanel's tree, and where it lies now.
fn copied(server: &Server) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let start = server.path(format!("{HOME}/root"));
    let mut folders = vec![(start, String::new())];
    while let Some((folder, path)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(internal(format!("{} cannot be listed", folder.display())).with_source(error));
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = format!("{path}/{name}");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), path)),
                Ok(_) if ALLOWED.iter().any(|allowed| path.starts_with(allowed)) => {
                    found.push((path, entry.path()))
                }
                _ => return Err(internal(format!("the bundle wants to put a file at {}", quote(&path)))),
            }
        }
    }
    found.sort();
    Ok(found)
}

impl Work for Extras {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let files = copied(server)?;
        let same = |(path, from): &(String, PathBuf)| -> Result<bool> {
            let from = std::fs::read(from).ok();
            Ok(from.is_some() && server.read(path)? == from)
        };
        for file in &files {
            if !same(file)? {
                return Ok(Standing::Todo(format!("{} is missing or of another version", file.0)));
            }
        }
        Ok(Standing::when(!files.is_empty(), "nothing is copied"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        for (path, from) in copied(server)? {
            let bytes = std::fs::read(&from)
                .map_err(|error| internal(format!("{} cannot be read", from.display())).with_source(error))?;
            server.make_dirs(Path::new(&path).parent().unwrap_or(Path::new("/")), 0o755)?;
            server.write(&path, &bytes, Mode::Exactly(0o644))?;
        }
        Ok(())
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(copied(server)?.iter().any(|(path, _)| server.exists(path)))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        copied(server)?.iter().try_for_each(|(path, _)| server.remove(path).map(drop))
    }
}

/// The icon and its feature.
struct Icon(String);

const ICON: &str = "cpanel-icon";

/// What `install_plugin` leaves behind for each of the icons.
fn icons(server: &Server) -> Vec<String> {
    let file = |id: &str| format!("{THEME}/dynamicui/dynamicui_{id}.conf");
    let text = server.text(format!("{HOME}/install.json"));
    let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let id = |entry: &Value| entry["id"].as_str().filter(|id| plain(id)).map(file);
    let found: Vec<String> = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(entries)) => entries.iter().filter_map(id).collect(),
        Ok(entry) => id(&entry).into_iter().collect(),
        Err(_) => Vec::new(),
    };
    if found.is_empty() { vec![file("panelgate")] } else { found }
}

impl Work for Icon {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let there = icons(server).iter().all(|icon| server.exists(icon));
        let same = server.stamp(ICON).as_deref() == Some(&self.0);
        Ok(Standing::when(there && same, "it is not registered, or by another version"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let home = server.path(HOME).display().to_string();
        server.run(Path::new(INSTALL_PLUGIN), &[&home, THEME_ARGUMENT])?;
        server.set_stamp(ICON, &self.0)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(server.stamp(ICON).is_some() || icons(server).iter().any(|icon| server.exists(icon)))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        let icons = icons(server);
        let there = icons.iter().any(|icon| server.exists(icon));
        if self.is_there(server)? && server.exists(HOME) && server.leads_somewhere(UNINSTALL_PLUGIN) {
            let home = server.path(HOME).display().to_string();
            let ended = server.run(Path::new(UNINSTALL_PLUGIN), &[&home, THEME_ARGUMENT]);
            // Where only the icon's picture may be left, a complaint that there is no such plugin is no fault.
            if there {
                ended?;
            }
        }
        for icon in icons {
            server.remove(icon)?;
        }
        server.clear_stamp(ICON).map(drop)
    }
}

/// The registration of the page in WHM.
struct Application(String);

const APPLICATION: &str = "cpanel-application";

impl Work for Application {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let same = server.stamp(APPLICATION).as_deref() == Some(&self.0);
        Ok(Standing::when(server.exists(APP_FILE) && same, "it is not registered, or by another version"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let file = server.path(format!("{HOME}/panelgate.conf")).display().to_string();
        server.run(Path::new(REGISTER), &[&file])?;
        server.set_stamp(APPLICATION, &self.0)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(server.exists(APP_FILE))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        if server.exists(APP_FILE) && server.leads_somewhere(UNREGISTER) {
            server.run(Path::new(UNREGISTER), &[APP])?;
        }
        server.clear_stamp(APPLICATION).map(drop)
    }
}

/// The script hooks.
struct Hooks;

const HOOKS: &str = "cpanel-hooks";

impl Hooks {
    /// Whether cPanel's list names our script. Slashes may be escaped in JSON.
    fn is_listed(server: &Server) -> Result<bool> {
        let output = server.run(Path::new(MANAGE_HOOKS), &["list", "--output=JSON"])?;
        let text = String::from_utf8_lossy(&output.stdout).replace("\\/", "/");
        Ok(text.contains(&*server.path(HOOK).to_string_lossy()))
    }

    /// The same script says the same to `--describe`.
    fn mark(server: &Server) -> Result<String> {
        let script = server.read(HOOK)?.ok_or_else(|| {
            let text = format!(
                "{} is not installed: install the package panelgate again",
                server.path(HOOK).display()
            );
            Error::new(ErrorKind::Config, text)
        })?;
        Ok(digest(&[&script, crate::VERSION.as_bytes()]))
    }
}

impl Work for Hooks {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let same = server.stamp(HOOKS) == Some(Self::mark(server)?);
        Ok(Standing::when(same && Self::is_listed(server)?, "it is not registered, or by another version"))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let script = server.path(HOOK).display().to_string();
        // Adding twice would register every hook twice. That there is nothing to delete is no fault.
        server.try_run(Path::new(MANAGE_HOOKS), &["delete", "script", &script])?;
        server.run(Path::new(MANAGE_HOOKS), &["add", "script", &script])?;
        server.set_stamp(HOOKS, &Self::mark(server)?)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok(server.leads_somewhere(MANAGE_HOOKS) && Self::is_listed(server)?)
    }

    fn undo(&self, server: &Server) -> Result<()> {
        if self.is_there(server)? {
            let script = server.path(HOOK).display().to_string();
            server.run(Path::new(MANAGE_HOOKS), &["delete", "script", &script])?;
        }
        server.clear_stamp(HOOKS).map(drop)
    }
}
