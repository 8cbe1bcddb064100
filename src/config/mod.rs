//! `panelgate.ini`: every setting, its default and its check.
//!
//! The file holds the builder's password, so it must be a regular file of root (or of the user who runs a private trial), readable by nobody
//! else, in a directory where nobody else can replace it. Unknown sections and keys are errors.

mod backup;
mod calls;
pub mod ini;
mod providers;
mod session;
mod setup;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::calls::{Call, Overrides};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{file, identity};
use crate::types::{Domain, HostPattern, Network, Secret, Username, WebUrl, quote};

pub use backup::{BackupConfig, RestoreWay};
use ini::{IniFile, Section};
pub use providers::{InstallatronConfig, InstallatronWay, PleskBackupConfig, PluginPanel, ServerPlace};
pub(crate) use session::RESERVED_FIELDS;
pub use session::{Feature, ServerIp, SessionConfig};
pub use setup::{SetupConfig, WebServer};

/// Where the installed programs read their configuration.
pub const DEFAULT_PATH: &str = "/etc/panelgate/panelgate.ini";

/// Everything that the administrator can set.
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// `[panel]`
    pub panel: PanelConfig,
    /// `[builder]`
    pub builder: BuilderConfig,
    /// `[session]`, `[session.extra]`, `[session.languages]`
    pub session: SessionConfig,
    /// `[publish]`
    pub publish: PublishConfig,
    /// `[site DOMAIN]`
    pub sites: BTreeMap<Domain, SiteConfig>,
    /// `[broker]`
    pub broker: BrokerConfig,
    /// `[backup]`
    pub backup: BackupConfig,
    /// `[backup.plesk]`
    pub plesk_backup: PleskBackupConfig,
    /// `[backup.installatron]`; `None`: Installatron is not used.
    pub installatron: Option<InstallatronConfig>,
    /// `[lifecycle] grace`: how long the project of a site that is gone is kept at the builder; 24 hours unless set.
    pub grace: Duration,
    /// `[lifecycle] backup`: whether the project of a site that is gone is backed up before it is deleted at the builder; yes unless set.
    pub backup_before_end: bool,
    /// `[store] dir`: the directory of the state, `/var/lib/panelgate` unless set.
    pub state_dir: PathBuf,
    /// `[store] audit_days`: how long the audit is kept; 180 days unless set.
    pub audit_days: u64,
    /// `[log] level`: `info` unless set.
    pub log_level: log::LevelFilter,
    /// `[setup]`
    pub setup: SetupConfig,
}

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
    pub public_ip: Option<std::net::IpAddr>,
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

/// `[builder]`.
#[derive(Clone)]
pub struct BuilderConfig {
    /// `url`: the API's base, `https://site.pro/api/` unless set.
    pub url: WebUrl,
    /// `username`: the brand's API user name.
    pub username: String,
    /// `password`: the brand's API password.
    pub password: Secret,
    /// `hosts`: where a browser or a call may be sent to; the host of `url` and the names below it unless set.
    pub hosts: Vec<HostPattern>,
    /// `allow_http`: whether an on-premises builder may be reached without TLS; no unless set.
    pub allow_http: bool,
    /// `shared_brand`: whether other servers use the same brand, so that a name may be theirs at the builder; no unless set.
    pub shared_brand: bool,
    /// `ca_file`: a PEM file with the certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `proxy`: an `http://` or `https://` proxy. Proxies named by the environment are never used.
    pub proxy: Option<WebUrl>,
    /// `connect_timeout`: 5 seconds unless set.
    pub connect_timeout: Duration,
    /// `timeout`: for a whole interactive call, 30 seconds unless set.
    pub timeout: Duration,
    /// `statistics`: whether the broker reads the list of published websites every 3 hours; no unless set.
    pub statistics: bool,
    /// `[call NAME]`: what differs for one call of the builder's.
    pub calls: BTreeMap<Call, Overrides>,
}

impl BuilderConfig {
    /// Whether a browser or a call may be sent to this address: scheme, host and port.
    pub fn allows(&self, url: &WebUrl) -> bool {
        (url.is_https() || self.allow_http)
            && self.hosts.iter().any(|pattern| pattern.matches(url, self.url.port()))
    }

    /// Content-Security-Policy sources of all places that a form may lead to.
    pub fn csp_sources(&self) -> Vec<String> {
        let mut sources = Vec::new();
        for pattern in &self.hosts {
            for https in [true, false] {
                if https || self.allow_http {
                    sources.push(pattern.csp_source(https, if https { 443 } else { 80 }));
                    sources.push(pattern.csp_source(https, self.url.port()));
                }
            }
        }
        sources.sort();
        sources.dedup();
        sources
    }
}

/// How the builder's files reach the document root (`reference/builder-api.md` 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublicationType {
    /// The builder pushes file by file to our endpoint.
    Http,
    /// We download one archive that the builder names.
    Internal,
    /// The builder logs in by FTP.
    External,
    /// The builder logs in by SSH.
    Ssh,
    /// The builder runs on this machine and writes itself.
    Local,
}

impl PublicationType {
    /// The word in configuration and in the builder's API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Internal => "internal",
            Self::External => "external",
            Self::Ssh => "ssh",
            Self::Local => "local",
        }
    }

    const CHOICES: [(&'static str, Self); 5] = [
        (Self::Http.name(), Self::Http),
        (Self::Internal.name(), Self::Internal),
        (Self::External.name(), Self::External),
        (Self::Ssh.name(), Self::Ssh),
        (Self::Local.name(), Self::Local),
    ];
}

/// `[publish]`.
pub struct PublishConfig {
    /// `type`: `http` unless set.
    pub kind: PublicationType,
    /// `endpoint`: the public address of the publication endpoint; needed for `http` and `internal`.
    pub endpoint: Option<WebUrl>,
    /// `fallback`: whether sites of type `http` and `internal` are published by `external` until the doctor has reached the endpoint by its public name,
    /// where the panel makes FTP accounts; `no` unless set to `external`.
    pub fallback: bool,
    /// `endpoint_ca_file`: the certificates to trust instead of the system's when the doctor asks the endpoint by its public name.
    pub endpoint_ca_file: Option<PathBuf>,
    /// `ssh_host`: host or address that the builder logs in to by SSH; the account's public address unless set.
    pub ssh_host: Option<String>,
    /// `ssh_key`: a file with the builder's public SSH key, which `panelgate ssh-keys` gives to sshd.
    pub ssh_key: Option<PathBuf>,
    /// `ftp_host`: host or address that the builder logs in to by FTP; the account's public address unless set.
    pub ftp_host: Option<String>,
    /// `ftp_check`: where an FTP login is tried before it is handed out, `127.0.0.1:21` unless set; `None` is `no`: nowhere.
    pub ftp_check: Option<SocketAddr>,
    /// `download_hosts`: further hosts that archives may be fetched from, also at private addresses; none unless set.
    pub download_hosts: Vec<HostPattern>,
    /// `zip_field`: the field of the builder's form that holds the archive's address; looked for unless set.
    pub zip_field: Option<String>,
    /// `sources`: the addresses that may publish by `http` and `internal`; empty: all.
    pub sources: Vec<Network>,
    /// `worker_program`: what works below document roots, where the program that asks for it is not `panelgate` itself.
    pub worker_program: PathBuf,
}

/// `[site DOMAIN]`: what differs for one site.
#[derive(Default)]
pub struct SiteConfig {
    /// `publish`: the publication type of this site.
    pub publish: Option<PublicationType>,
    /// `ftp_host`, `ftp_user`, `ftp_password`, `upload_dir`: the FTP account of this site, for `external`.
    pub ftp: Option<FtpAccount>,
}

/// An FTP account that the administrator made for one site.
pub struct FtpAccount {
    /// Host or address.
    pub host: String,
    /// Login.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// The document root as this login sees it, `/` unless set.
    pub upload_dir: String,
}

/// `[broker]`.
#[derive(Default)]
pub struct BrokerConfig {
    /// `panel_users`: system users whose word about the account counts (Plesk: `psaadm`). No default.
    pub panel_users: Vec<Username>,
    /// `web_users`: system users of the public web server. No default.
    pub web_users: Vec<Username>,
    /// `socket`: where a private trial finds its broker. The installed programs know theirs and never read this.
    pub socket: Option<PathBuf>,
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with file and line.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = read_private(path).map_err(|error| match path.symlink_metadata() {
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
                let text = format!(
                    "{}: the file does not exist: run panelgate setup as root, or name another one with --config",
                    path.display()
                );
                Error::new(ErrorKind::Config, text)
            }
            _ => error,
        })?;
        Self::parse(path, &bytes)
    }

    /// Checks the bytes of a file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with file and line.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let file = IniFile::parse(path, bytes, ErrorKind::Config)?;
        let (state_dir, audit_days) = store(&file)?;
        let (grace, backup_before_end) = lifecycle(&file)?;
        let config = Self {
            path: path.to_owned(),
            panel: panel(&file)?,
            builder: builder(&file)?,
            session: session::read(&file)?,
            publish: publish(&file)?,
            sites: sites(&file)?,
            broker: broker(&file)?,
            backup: backup::read(&file, &state_dir)?,
            plesk_backup: providers::plesk(&file)?,
            installatron: providers::installatron(&file)?,
            grace,
            backup_before_end,
            state_dir,
            audit_days,
            log_level: log_level(&file)?,
            setup: setup::read(&file)?,
        };
        known_sections(&file)?;
        Ok(config)
    }

    /// The settings of a site that differ from the others'.
    pub fn site(&self, domain: &Domain) -> Option<&SiteConfig> {
        self.sites.get(domain)
    }

    /// How a site is published.
    pub fn publication_of(&self, domain: &Domain) -> PublicationType {
        self.site(domain).and_then(|own| own.publish).unwrap_or(self.publish.kind)
    }
}

const SECTIONS: [&str; 17] = [
    "panel",
    "cpanel",
    "directadmin",
    "plesk",
    "builder",
    "session",
    "session.extra",
    "session.languages",
    "publish",
    "broker",
    "backup",
    "backup.plesk",
    "backup.installatron",
    "lifecycle",
    "store",
    "log",
    "setup",
];

fn known_sections(file: &IniFile) -> Result<()> {
    for (name, line) in file.sections() {
        if !SECTIONS.contains(&name) && !name.starts_with("site ") && !name.starts_with(calls::PREFIX) {
            let text = format!(
                "there is no section {} (there are: {}, site DOMAIN, call NAME)",
                quote(name),
                SECTIONS.join(", ")
            );
            return Err(file.error(line, text));
        }
    }
    Ok(())
}

/// Reads a file that must be this user's secret.
///
/// # Errors
/// [`ErrorKind::Config`] if it cannot be read, or if others can read or replace it.
pub(crate) fn read_private(path: &Path) -> Result<Vec<u8>> {
    let fail = |what: String| Error::new(ErrorKind::Config, format!("{}: {what}", path.display()));
    let me = identity::uids().effective;
    let content = file::read(path, limits::CONFIG_BYTES, &[0, me])
        .map_err(|error| fail("the configuration cannot be read".into()).with_source(error))?;
    if content.mode & 0o077 != 0 {
        let mode = content.mode;
        return Err(fail(format!(
            "others can read or change this file (mode {mode:04o}): run chmod 600 on it"
        )));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = std::fs::metadata(directory)
        .map_err(|error| fail("its directory cannot be examined".into()).with_source(error))?;
    if ![0, me].contains(&metadata.uid()) || metadata.mode() & 0o022 != 0 {
        return Err(fail(format!(
            "others can replace this file, because {} is writable by them: run chmod go-w on it",
            directory.display()
        )));
    }
    Ok(content.bytes)
}

fn panel(file: &IniFile) -> Result<PanelConfig> {
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

fn builder(file: &IniFile) -> Result<BuilderConfig> {
    let section = file.section("builder");
    let allow_http = section.flag("allow_http", false)?;
    let url = section
        .parse("url", |text| base_url(text, allow_http))?
        .map_or_else(|| base_url("https://site.pro/api/", false), Ok)
        .map_err(|fault| section.error("url", fault))?;
    let mut hosts = section.list("hosts", host_pattern)?;
    if hosts.is_empty() {
        hosts.push(HostPattern::exact(url.host()));
        hosts.extend(HostPattern::below(url.host()));
    }
    let config = BuilderConfig {
        username: section.text("username").unwrap_or_default().to_owned(),
        password: Secret::new(section.text("password").unwrap_or_default().to_owned()),
        hosts,
        allow_http,
        shared_brand: section.flag("shared_brand", false)?,
        ca_file: section.parse("ca_file", absolute_path)?,
        proxy: section.parse("proxy", |text| WebUrl::parse(text).map_err(|fault| fault.to_string()))?,
        connect_timeout: section.seconds("connect_timeout", 5, 1..=60)?,
        timeout: section.seconds("timeout", 30, 1..=300)?,
        statistics: section.flag("statistics", false)?,
        calls: calls::read(file)?,
        url,
    };
    if config.username.contains(':') {
        return Err(section.error("username", "a user name for HTTP Basic has no \":\""));
    }
    section.finish()?;
    Ok(config)
}

/// Takes what people paste: a host, the site's address, the API's address, the address of one call (`reference/builder-api.md` 1).
fn base_url(text: &str, allow_http: bool) -> std::result::Result<WebUrl, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = WebUrl::parse(&text).map_err(|fault| fault.to_string())?;
    if !url.is_https() && !allow_http {
        return Err("it is not https (allow_http = yes permits an on-premises builder without TLS)".into());
    }
    let path = url.as_base().path_and_query().trim_end_matches("requestLogin/").to_owned();
    let path = if path == "/" { "/api/" } else { path.as_str() };
    WebUrl::parse(&format!("{}{path}", url.origin())).map_err(|fault| fault.to_string())
}

fn publish(file: &IniFile) -> Result<PublishConfig> {
    let section = file.section("publish");
    let config = PublishConfig {
        kind: section.choice("type", &PublicationType::CHOICES)?.unwrap_or(PublicationType::Http),
        endpoint: section.parse("endpoint", |text| match WebUrl::parse(text) {
            Ok(url) if url.is_https() => Ok(url.as_base()),
            Ok(_) => Err("it must be https: the builder sends a password to it".to_owned()),
            Err(fault) => Err(fault.to_string()),
        })?,
        fallback: section.choice("fallback", &[("no", false), ("external", true)])?.unwrap_or(false),
        endpoint_ca_file: section.parse("endpoint_ca_file", absolute_path)?,
        ssh_host: section.parse("ssh_host", host)?,
        ssh_key: section.parse("ssh_key", absolute_path)?,
        ftp_host: section.parse("ftp_host", host)?,
        ftp_check: section.parse("ftp_check", ftp_check)?.unwrap_or(Some(FTP_SERVER)),
        download_hosts: section.list("download_hosts", host_pattern)?,
        zip_field: section.text("zip_field").map(str::to_owned),
        sources: section.list("sources", str::parse::<Network>)?,
        worker_program: absolute(&section, "worker_program", "/usr/bin/panelgate")?,
    };
    section.finish()?;
    Ok(config)
}

/// This machine's FTP server.
const FTP_SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 21);

/// Only an address of this machine: a password is sent there without TLS.
fn ftp_check(text: &str) -> std::result::Result<Option<SocketAddr>, &'static str> {
    match (text, text.parse::<SocketAddr>()) {
        ("no", _) => Ok(None),
        (_, Ok(address)) if address.ip().is_loopback() => Ok(Some(address)),
        _ => Err("it must be no, or a loopback address with a port, such as 127.0.0.1:21"),
    }
}

fn sites(file: &IniFile) -> Result<BTreeMap<Domain, SiteConfig>> {
    let mut sites = BTreeMap::new();
    let named: Vec<(String, usize)> = file.sections().map(|(name, line)| (name.to_owned(), line)).collect();
    for (name, line) in named {
        let Some(domain) = name.strip_prefix("site ") else { continue };
        let domain = Domain::new(domain.trim()).map_err(|error| file.error(line, error))?;
        let section = file.section(&name);
        let site = SiteConfig {
            publish: section.choice("publish", &PublicationType::CHOICES)?,
            ftp: ftp(&section)?,
        };
        section.finish()?;
        if sites.insert(domain, site).is_some() {
            return Err(file.error(line, "this site has two sections"));
        }
    }
    Ok(sites)
}

fn ftp(section: &Section<'_>) -> Result<Option<FtpAccount>> {
    let host = section.parse("ftp_host", host)?;
    let user = section.text("ftp_user").map(str::to_owned);
    let password = section.text("ftp_password").map(|text| Secret::new(text.to_owned()));
    let upload_dir = section.text("upload_dir").unwrap_or("/").to_owned();
    match (host, user, password) {
        (None, None, None) => Ok(None),
        (Some(host), Some(user), Some(password)) => Ok(Some(FtpAccount { host, user, password, upload_dir })),
        _ => Err(section.error("ftp_user", "ftp_host, ftp_user and ftp_password belong together")),
    }
}

fn broker(file: &IniFile) -> Result<BrokerConfig> {
    let section = file.section("broker");
    let config = BrokerConfig {
        panel_users: section.list("panel_users", Username::new)?,
        web_users: section.list("web_users", Username::new)?,
        socket: section.parse("socket", absolute_path)?,
    };
    section.finish()?;
    Ok(config)
}

fn store(file: &IniFile) -> Result<(PathBuf, u64)> {
    let section = file.section("store");
    let dir = absolute(&section, "dir", "/var/lib/panelgate")?;
    let days = section.parse("audit_days", |text| match text.parse::<u64>() {
        Ok(days @ 1..=36_500) => Ok(days),
        _ => Err("it must be a number of days from 1 to 36500"),
    })?;
    section.finish()?;
    Ok((dir, days.unwrap_or(180)))
}

fn lifecycle(file: &IniFile) -> Result<(Duration, bool)> {
    let section = file.section("lifecycle");
    let grace = section.parse("grace", backup::duration)?.unwrap_or(Duration::from_secs(24 * 60 * 60));
    let backup = section.flag("backup", true)?;
    section.finish()?;
    Ok((grace, backup))
}

fn log_level(file: &IniFile) -> Result<log::LevelFilter> {
    let section = file.section("log");
    let levels = [
        ("error", log::LevelFilter::Error),
        ("warning", log::LevelFilter::Warn),
        ("info", log::LevelFilter::Info),
        ("debug", log::LevelFilter::Debug),
    ];
    let level = section.choice("level", &levels)?.unwrap_or(log::LevelFilter::Info);
    section.finish()?;
    Ok(level)
}

fn absolute(section: &Section<'_>, key: &str, default: &str) -> Result<PathBuf> {
    Ok(section.parse(key, absolute_path)?.unwrap_or_else(|| PathBuf::from(default)))
}

fn absolute_path(text: &str) -> std::result::Result<PathBuf, &'static str> {
    let path = PathBuf::from(text);
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    if path.is_absolute() && !climbs { Ok(path) } else { Err("it must be an absolute path without \"..\"") }
}

fn host_pattern(text: &str) -> std::result::Result<HostPattern, String> {
    HostPattern::parse(text).ok_or_else(|| format!("{} is not a host, *.host or host:port", quote(text)))
}

fn host(text: &str) -> std::result::Result<String, &'static str> {
    match HostPattern::parse(text) {
        Some(_) if !text.starts_with("*.") && !text.ends_with(':') => Ok(text.to_owned()),
        _ => Err("it is not a host name or address"),
    }
}

#[cfg(test)]
mod tests;
