//! `user.conf`: who the account is and what its package gives it.

use std::path::Path;

use crate::config::Feature;
use crate::error::Result;
use crate::panel::data_error;
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
            locale: text("language")?,
            contact: text("email")?,
            created: text("date_created")?.unwrap_or_default(),
            main_domain: text("domain")?,
            ip: text("ip")?,
            suspended: flag(&file, "suspended")?.unwrap_or(false),
            feature: flag(&file, feature.as_str())?,
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Result<UserConf> {
        let name = Username::new("alice").unwrap();
        UserConf::parse(Path::new("user.conf"), bytes, &name, &Feature::default())
    }

    #[test]
    fn missing_keys_are_absent_facts() {
        let conf = parse(b"username=alice\n").unwrap();
        assert_eq!((conf.owner, conf.plan, conf.locale, conf.main_domain), (None, None, None, None));
        assert_eq!((conf.suspended, conf.feature, conf.plugin_allowed), (false, None, true));
        assert_eq!(conf.created, "");
    }

    #[test]
    fn the_package_item() {
        for (line, want) in [
            ("panelgate=ON", Some(true)),
            ("panelgate=yes", Some(true)),
            ("panelgate=1", Some(true)),
            ("panelgate=OFF", Some(false)),
            ("panelgate=0", Some(false)),
            ("panelgate=", Some(false)),
            ("panelgate2=ON", None),
        ] {
            assert_eq!(parse(line.as_bytes()).unwrap().feature, want, "{line}");
        }
    }

    #[test]
    fn plugin_lists() {
        for (lines, want) in [
            ("plugins_allow=", false),
            ("plugins_allow=a:panelgate:b", true),
            ("plugins_allow=panelgate2", false),
            ("plugins_deny=", true),
            ("plugins_deny=a:panelgate", false),
            ("plugins_allow=panelgate\nplugins_deny=panelgate", false),
        ] {
            assert_eq!(parse(lines.as_bytes()).unwrap().plugin_allowed, want, "{lines}");
        }
    }

    #[test]
    fn faults_name_file_and_line() {
        for (bytes, want) in [
            (&b""[..], "user.conf: the file is empty"),
            (b"a=1\nsuspended=perhaps\n", "user.conf:2: suspended: \"perhaps\" is neither yes nor no"),
            (b"suspended=no\nsuspended=yes\n", "user.conf:2: \"suspended\" differs from the one in line 1"),
            (b"suspended=\nsuspended=yes\n", "user.conf:2: \"suspended\" differs from the one in line 1"),
            (b"panelgate=many\n", "user.conf:1: panelgate: \"many\" is neither yes nor no"),
            (b"username=bob\n", "user.conf: it is the file of \"bob\", not of alice"),
            (b"a=1\nusern", "user.conf:2: there is no \"=\" in \"usern\""),
            (b"a=1\nb=\xff", "user.conf:2: it is not UTF-8 text at \"\u{fffd}\""),
            (b"a=\0\n", "user.conf:1: there is a NUL byte"),
        ] {
            assert_eq!(parse(bytes).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
