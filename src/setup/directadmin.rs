//! DirectAdmin (`reference/directadmin.md` 1): the plugin in the folder where its manager keeps plugins. Menu entries and event hooks are files of the plugin,
//! which DirectAdmin finds by itself.

use std::path::Path;

use super::bundle::{Bundle, Place};
use super::plan::{Group, Standing, Step, Work};
use super::server::{Server, internal};
use crate::error::{Error, ErrorKind, Result};

const BUNDLE: &str = "panelgate-directadmin.tar.gz";

const PLUGINS: &str = "/usr/local/directadmin/plugins";
const PLUGIN: &str = "/usr/local/directadmin/plugins/panelgate";
const CONF: &str = "/usr/local/directadmin/plugins/panelgate/plugin.conf";
const INSTALL: &str = "/usr/local/directadmin/plugins/panelgate/scripts/install.sh";
const UNINSTALL: &str = "/usr/local/directadmin/plugins/panelgate/scripts/uninstall.sh";

/// Beside the folder of plugins: what is half-way there must not look like one.
const NEW: &str = "/usr/local/directadmin/.panelgate-new";
const OLD: &str = "/usr/local/directadmin/.panelgate-old";

/// The steps.
///
/// # Errors
/// If the bundle is not installed or damaged.
pub(super) fn steps(server: &Server) -> Result<Vec<Step>> {
    let bundle = Bundle::open(server, BUNDLE)?;
    if bundle.file("plugin.conf").is_none() {
        return Err(internal(format!("{BUNDLE} lacks plugin.conf")));
    }
    Ok(vec![step(Some(bundle))])
}

/// The steps, as far as they are needed to take everything back.
pub(super) fn steps_back() -> Vec<Step> {
    vec![step(None).back(format!("run {UNINSTALL} and remove {PLUGIN}"))]
}

fn step(bundle: Option<Bundle>) -> Step {
    Step {
        name: "plugin",
        group: Group::Panel,
        what: format!("unpack the plugin to {PLUGIN} and run its scripts/install.sh"),
        why: "DirectAdmin shows the icon, runs the page as the account and the event hooks as root",
        work: Box::new(Plugin(bundle)),
    }
}

struct Plugin(Option<Bundle>);

const STAMP: &str = "directadmin-plugin";

/// Whether `plugin.conf` says this.
fn says(conf: &str, line: &str) -> bool {
    conf.lines().any(|found| found.trim() == line)
}

impl Work for Plugin {
    fn standing(&self, server: &Server) -> Result<Standing> {
        let Some(bundle) = &self.0 else { return Ok(Standing::Done) };
        let same = server.stamp(STAMP).as_deref() == Some(&bundle.digest);
        if !same || !server.exists(CONF) {
            return Ok(Standing::Todo("it is missing, or of another version".into()));
        }
        Ok(Standing::when(
            says(&server.text(CONF), "installed=yes"),
            "plugin.conf does not say installed=yes",
        ))
    }

    fn apply(&self, server: &Server) -> Result<()> {
        let Some(bundle) = &self.0 else { return Ok(()) };
        if !server.leads_somewhere(PLUGINS) {
            let text = format!(
                "{} is not there: is DirectAdmin installed completely?",
                server.path(PLUGINS).display()
            );
            return Err(Error::new(ErrorKind::Config, text));
        }
        let place = Place { target: PLUGIN, new: NEW, old: OLD };
        // Who has switched the plugin off in DirectAdmin's plugin manager has meant it.
        let off = says(&server.text(CONF), "active=no");
        let change = |path: &Path, bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let kept = off && path == Path::new("plugin.conf") && says(&text, "active=yes");
            kept.then(|| text.replace("active=yes", "active=no").into_bytes())
        };
        server.clear_stamp(STAMP)?;
        bundle.unpack(server, &place, &change)?;
        if bundle.file("scripts/install.sh").is_some() {
            server.run(Path::new(INSTALL), &[])?;
        }
        server.set_stamp(STAMP, &bundle.digest)
    }

    fn is_there(&self, server: &Server) -> Result<bool> {
        Ok([PLUGIN, NEW, OLD].iter().any(|place| server.exists(place)))
    }

    fn undo(&self, server: &Server) -> Result<()> {
        // As the manager does: the script, then the folder; what fails in the script does not keep the folder.
        let ran =
            if server.exists(UNINSTALL) { server.run(Path::new(UNINSTALL), &[]).map(|_| ()) } else { Ok(()) };
        for place in [PLUGIN, NEW, OLD] {
            server.remove_tree(place)?;
        }
        server.clear_stamp(STAMP)?;
        ran
    }
}
