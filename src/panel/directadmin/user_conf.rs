//! `user.conf`: who the account is and what its package gives it.

use std::path::Path;

use crate::config::Feature;
use crate::error::Result;
use crate::panel::data_error;
use crate::panel::detail;
use crate::panel::keyvalue::KeyValue;
use crate::types::{Username, quote};

use super::files::switch;

/// The plugin's name in DirectAdmin: its folder and `id`, and what packages allow or deny.
const PLUGIN: &str = "panelgate";

/// The facts of `user.conf`. Keys that are not known here are none of our business.
#[derive(Debug)]
pub(super) struct UserConf {
    /// `creator`: the reseller or administrator that it belongs to.
    pub(super) owner: Option<String>,
    /// `package`.
    pub(super) plan: Option<String>,
    /// `language`.
    pub(super) locale: Option<String>,
    /// `email`.
    pub(super) contact: Option<String>,
    /// `date_created`, as it is written; empty if absent.
    pub(super) created: String,
    /// `domain`: the main domain.
    pub(super) main_domain: Option<String>,
    /// `ip`.
    pub(super) ip: Option<String>,
    /// `suspended`.
    pub(super) suspended: bool,
    /// The package item that switches the builder on; `None` if the file does not have it.
    pub(super) feature: Option<bool>,
    /// The package item of the feature's name and `_sites`.
    pub(super) site_limit: Option<u32>,
    /// Whether `plugins_allow` and `plugins_deny` let the account use the plugin.
    pub(super) plugin_allowed: bool,
}

impl UserConf {
    /// Takes the file of an account apart. `path` is for errors.
    ///
    /// # Errors
    /// [`PanelData`](crate::error::ErrorKind::PanelData) with file and line, if it is not such a file or is another account's.
    pub(super) fn parse(path: &Path, bytes: &[u8], name: &Username, feature: &Feature) -> Result<Self> {
        let file = KeyValue::parse(path, bytes, '=')?;
        if file.pairs().is_empty() {
            return Err(data_error(path.display(), "the file is empty"));
        }
        let text = |key: &str| Ok(file.one(key)?.map(str::to_owned));
        if let Some(other) = file.one("username")?.filter(|other| *other != name.as_str()) {
            let what = format!("it is the file of {}, not of {name}", quote(other));
            return Err(data_error(path.display(), what));
        }
        Ok(Self {
            owner: text("creator")?,
            plan: text("package")?,
            locale: detail::usable(name, "language", file.one("language")?, detail::locale),
            contact: detail::usable(name, "email", file.one("email")?, detail::email),
            created: text("date_created")?.unwrap_or_default(),
            main_domain: text("domain")?,
            ip: text("ip")?,
            suspended: flag(&file, "suspended")?.unwrap_or(false),
            feature: flag(&file, feature.as_str())?,
            site_limit: detail::site_limit(name, &file, feature)?,
            plugin_allowed: plugin_allowed(&file)?,
        })
    }
}

/// A switch; `None` if the key is absent. A key without a value is an unticked box: off.
pub(super) fn flag(file: &KeyValue<'_>, key: &str) -> Result<Option<bool>> {
    // Refuses a key that stands twice with different values.
    file.one(key)?;
    let Some(pair) = file.pairs().iter().find(|pair| pair.key == key) else { return Ok(None) };
    switch(pair.value).map(Some).map_err(|fault| file.error(pair.line, format!("{key}: {fault}")))
}

/// `plugins_allow`: if it is there, even empty, only these may be used. `plugins_deny`: these may not. Names are separated by `:`.
fn plugin_allowed(file: &KeyValue<'_>) -> Result<bool> {
    let named = |key: &str| -> Result<Option<bool>> {
        let value = file.one(key)?.unwrap_or_default();
        let present = file.pairs().iter().any(|pair| pair.key == key);
        Ok(present.then(|| value.split(':').any(|name| name.trim() == PLUGIN)))
    };
    Ok(named("plugins_allow")?.unwrap_or(true) && !named("plugins_deny")?.unwrap_or(false))
}

#[cfg(test)]
mod tests;
