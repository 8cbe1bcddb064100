//! `[setup]`: where `panelgate setup` puts the publication endpoint.

use std::path::PathBuf;
use std::time::Duration;

use super::{absolute_path, ini::IniFile};
use crate::error::Result;
use crate::types::quote;

/// `[setup]`. What a panel does with these places could not be tried on every version of it, so that each is a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupConfig {
    /// `web_servers`: which web servers get the endpoint; `None`: as the panel has it.
    pub web_servers: Option<Vec<WebServer>>,
    /// `apache_include`: the file for Apache; where the panel wants foreign files unless set.
    pub apache_include: Option<PathBuf>,
    /// `apachectl`: Apache's program; the first one that is there unless set.
    pub apachectl: Option<PathBuf>,
    /// `nginx_include`: the file for nginx; `/etc/nginx/conf.d/panelgate.conf` unless set.
    pub nginx_include: PathBuf,
    /// `nginx`: nginx's program; `/usr/sbin/nginx` unless set.
    pub nginx: PathBuf,
    /// `nginx_listen`: where nginx listens for the endpoint; `443 ssl` unless set.
    pub nginx_listen: String,
    /// `certificate`: the certificate of the server's own name, for nginx.
    pub certificate: Option<PathBuf>,
    /// `certificate_key`: its key.
    pub certificate_key: Option<PathBuf>,
    /// `fcgiwrap`: the socket of fcgiwrap, for nginx; `/run/fcgiwrap.socket` unless set.
    pub fcgiwrap: PathBuf,
    /// `homes`: the folders with the accounts' homes, below which the broker's workers may write; as the panel has them unless set.
    pub homes: Vec<PathBuf>,
    /// `program_time`: longest run of one of the panel's programs; 300 seconds unless set.
    pub program_time: Duration,
}

/// A web server that the endpoint can lie behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebServer {
    /// Apache.
    Apache,
    /// nginx with fcgiwrap.
    Nginx,
}

/// Reads the section.
pub(super) fn read(file: &IniFile) -> Result<SetupConfig> {
    let section = file.section("setup");
    let path = |key: &str| section.parse(key, absolute_path);
    let text_path = |key: &str, default: &str| {
        // They become part of a web server's configuration.
        let plain = |text: &str| match text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"'\\;{}$#".contains(&byte))
        {
            true => absolute_path(text),
            false => Err("it has characters that a web server's configuration reads in its own way"),
        };
        section.parse(key, plain).map(|path| path.unwrap_or_else(|| PathBuf::from(default)))
    };
    let web_servers = match section.text("web_servers") {
        Some("none") => Some(Vec::new()),
        Some(_) => Some(section.list("web_servers", web_server)?),
        None => None,
    };
    let optional = |path: PathBuf| Some(path).filter(|path| !path.as_os_str().is_empty());
    let config = SetupConfig {
        web_servers,
        apache_include: path("apache_include")?,
        apachectl: path("apachectl")?,
        nginx_include: path("nginx_include")?.unwrap_or_else(|| "/etc/nginx/conf.d/panelgate.conf".into()),
        nginx: path("nginx")?.unwrap_or_else(|| "/usr/sbin/nginx".into()),
        nginx_listen: section.parse("nginx_listen", listen)?.unwrap_or_else(|| "443 ssl".into()),
        certificate: optional(text_path("certificate", "")?),
        certificate_key: optional(text_path("certificate_key", "")?),
        fcgiwrap: text_path("fcgiwrap", "/run/fcgiwrap.socket")?,
        homes: section.list("homes", absolute_path)?,
        program_time: section.seconds("program_time", 300, 1..=3600)?,
    };
    section.finish()?;
    Ok(config)
}

fn web_server(word: &str) -> Result<WebServer, String> {
    match word {
        "apache" => Ok(WebServer::Apache),
        "nginx" => Ok(WebServer::Nginx),
        _ => Err(format!("{} is not one of: apache, nginx, none", quote(word))),
    }
}

/// What stands behind `listen` in nginx: an address, a port, words.
fn listen(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" .:[]*-_=".contains(&byte);
    match text.bytes().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("it must be an address and port with words behind, such as 443 ssl"),
    }
}
