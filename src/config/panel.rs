//! `[panel]`, `[cpanel]`, `[directadmin]`, `[plesk]`: which panel's data are read, and how.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::error::Result;

use super::ini::IniFile;
use super::{Feature, absolute, absolute_path};

/// Which panel's data are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PanelKind {
    /// cPanel & WHM.
    CPanel,
    /// DirectAdmin.
    DirectAdmin,
    /// Plesk for Linux.
    Plesk,
    /// Custom hosting: `accounts.d/USER.ini`.
    Ini,
}

impl PanelKind {
    /// The word in configuration, output and identities.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CPanel => "cpanel",
            Self::DirectAdmin => "directadmin",
            Self::Plesk => "plesk",
            Self::Ini => "ini",
        }
    }

    /// The panel of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::CPanel, Self::DirectAdmin, Self::Plesk, Self::Ini].into_iter().find(|kind| kind.name() == name)
    }

    /// The name that people know.
    pub const fn title(self) -> &'static str {
        match self {
            Self::CPanel => "cPanel & WHM",
            Self::DirectAdmin => "DirectAdmin",
            Self::Plesk => "Plesk",
            Self::Ini => "custom hosting (accounts.d)",
        }
    }
}

/// `[panel]`, `[cpanel]`, `[directadmin]`, `[plesk]`.
#[derive(Clone)]
pub struct PanelConfig {
    /// `kind`; `None` is `auto`: look which panel is there.
    pub kind: Option<PanelKind>,
    /// `root`: put before every path of the panel's data; `/` unless set. Tests and the demo use a tree of their own.
    pub root: PathBuf,
    /// `feature`: the name of the feature (cPanel) or package item (DirectAdmin) that switches the builder on; `panelgate` unless set.
    pub feature: Feature,
    /// `allow_plans`: only accounts with one of these plans have the builder; empty allows all.
    pub allow_plans: Vec<String>,
    /// `deny_plans`: accounts with one of these plans do not have the builder.
    pub deny_plans: Vec<String>,
    /// `public_ip`: the server's public address, where the panel does not know it.
    pub public_ip: Option<IpAddr>,
    /// `accounts_dir`: where custom hosting keeps its accounts; `/etc/panelgate/accounts.d` unless set.
    pub accounts_dir: PathBuf,
    /// `[cpanel] missing_feature`: what a feature list says that does not name the feature.
    pub cpanel_missing_feature: MissingFeature,
    /// `[directadmin] missing_item`: whether an account whose `user.conf` lacks the package item has the builder; on unless set.
    pub directadmin_missing_item: bool,
    /// `[directadmin] fixed_layout`: whether a site that neither the web server's configuration nor an override names lies where DirectAdmin puts
    /// sites, `~/domains/DOMAIN/public_html`; yes unless set.
    pub directadmin_fixed_layout: bool,
    /// `[directadmin] require_session`: whether a process of an account must prove that it acts for a live session of the panel; yes unless set.
    pub directadmin_require_session: bool,
    /// `[directadmin] ca_file`: the certificates to trust for the panel itself instead of the system's.
    pub directadmin_ca_file: Option<PathBuf>,
    /// `[cpanel] uapi`: the `uapi` program; `/usr/local/cpanel/bin/uapi` unless set. Below `root`.
    pub cpanel_uapi: PathBuf,
    /// `[directadmin] command`: DirectAdmin's program; `/usr/local/directadmin/directadmin` unless set. Below `root`.
    pub directadmin_command: PathBuf,
    /// `[plesk] command`: the `plesk` program; `/usr/sbin/plesk` unless set. Below `root`.
    pub plesk_command: PathBuf,
    /// `[plesk] event_handlers`: whether setup registers event handlers beside the extension's listener; no unless set.
    pub plesk_event_handlers: bool,
}

/// What a cPanel feature list means that does not name the feature (`reference/cpanel.md` 1.4: the rule is inferred, so it is a setting).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFeature {
    /// On in the list `default`, off in every other list.
    DefaultList,
    /// On.
    On,
    /// Off.
    Off,
}

pub(super) fn read(file: &IniFile) -> Result<PanelConfig> {
    let section = file.section("panel");
    let kinds = [
        ("auto", None),
        ("cpanel", Some(PanelKind::CPanel)),
        ("directadmin", Some(PanelKind::DirectAdmin)),
        ("plesk", Some(PanelKind::Plesk)),
        ("ini", Some(PanelKind::Ini)),
    ];
    let (cpanel, directadmin, plesk) =
        (file.section("cpanel"), file.section("directadmin"), file.section("plesk"));
    let missing = [
        ("default-list", MissingFeature::DefaultList),
        ("on", MissingFeature::On),
        ("off", MissingFeature::Off),
    ];
    let plan = |text: &str| Ok::<_, String>(text.to_owned());
    let config = PanelConfig {
        kind: section.choice("kind", &kinds)?.flatten(),
        root: absolute(&section, "root", "/")?,
        feature: section.parse("feature", Feature::new)?.unwrap_or_default(),
        allow_plans: section.list("allow_plans", plan)?,
        deny_plans: section.list("deny_plans", plan)?,
        public_ip: section.parse("public_ip", |text| text.parse().map_err(|_| "it is not an IP address"))?,
        accounts_dir: absolute(&section, "accounts_dir", "/etc/panelgate/accounts.d")?,
        cpanel_missing_feature: cpanel
            .choice("missing_feature", &missing)?
            .unwrap_or(MissingFeature::DefaultList),
        directadmin_missing_item: directadmin.flag("missing_item", true)?,
        directadmin_require_session: directadmin.flag("require_session", true)?,
        directadmin_ca_file: directadmin.parse("ca_file", absolute_path)?,
        directadmin_fixed_layout: directadmin.flag("fixed_layout", true)?,
        cpanel_uapi: absolute(&cpanel, "uapi", "/usr/local/cpanel/bin/uapi")?,
        directadmin_command: absolute(&directadmin, "command", "/usr/local/directadmin/directadmin")?,
        plesk_command: absolute(&plesk, "command", "/usr/sbin/plesk")?,
        plesk_event_handlers: plesk.flag("event_handlers", false)?,
    };
    for part in [section, cpanel, directadmin, plesk] {
        part.finish()?;
    }
    Ok(config)
}
