//! `[publish]`, `[site DOMAIN]`: how the builder's files reach the document root.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::error::Result;
use crate::types::{Domain, HostPattern, Network, Secret, WebUrl};

use super::ini::{IniFile, Section};
use super::{absolute, absolute_path, host_pattern};

/// What the names of sites' sections begin with.
pub(super) const SITE_PREFIX: &str = "site ";

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

pub(super) fn read(file: &IniFile) -> Result<PublishConfig> {
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

pub(super) fn sites(file: &IniFile) -> Result<BTreeMap<Domain, SiteConfig>> {
    let mut sites = BTreeMap::new();
    let named: Vec<(String, usize)> = file.sections().map(|(name, line)| (name.to_owned(), line)).collect();
    for (name, line) in named {
        let Some(domain) = name.strip_prefix(SITE_PREFIX) else { continue };
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

fn host(text: &str) -> std::result::Result<String, &'static str> {
    match HostPattern::parse(text) {
        Some(_) if !text.starts_with("*.") && !text.ends_with(':') => Ok(text.to_owned()),
        _ => Err("it is not a host name or address"),
    }
}
