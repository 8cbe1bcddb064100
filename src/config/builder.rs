//! `[builder]`: where the builder is, and as whom it is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::calls::{Call, Overrides};
use crate::error::Result;
use crate::types::{HostPattern, Secret, WebUrl};

use super::ini::IniFile;
use super::{absolute_path, calls, host_pattern};

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

pub(super) fn read(file: &IniFile) -> Result<BuilderConfig> {
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
