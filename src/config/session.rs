//! `[session]`: what a session call tells the builder about account and server.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::error::Result;
use crate::types::{Secret, quote};

use super::ini::IniFile;

/// `[session]`, `[session.extra]`, `[session.languages]`.
#[derive(Default)]
pub struct SessionConfig {
    /// `send_client_id`: whether the builder gets an opaque number of ours for the account; no unless set.
    pub send_client_id: bool,
    /// `send_email`: whether the builder gets the account's contact address; no unless set.
    pub send_email: bool,
    /// `send_plan`: whether the builder gets the names of plan and add-ons, by which the brand chooses the builder's plan; yes unless set.
    pub send_plan: bool,
    /// `server_ip`: the address that licences are looked up by, where the caller's is another one.
    pub server_ip: ServerIp,
    /// `product_name`: the billing product, by which the brand may choose the builder's plan.
    pub product_name: Option<String>,
    /// `user_id`: the licence owner's number at the vendor.
    pub user_id: Option<String>,
    /// `license_hash`: the licence key, where the licence does not go by address.
    pub license_hash: Option<Secret>,
    /// `affiliate_id`: the affiliate's number at the vendor.
    pub affiliate_id: Option<String>,
    /// `[session.extra]`: fields that the vendor documents and whose names are the administrator's to fill in.
    pub extra: BTreeMap<String, serde_json::Value>,
    /// `[session.languages]`: panel locale to two-letter language, before the built-in mapping.
    pub languages: BTreeMap<String, String>,
}

/// `[session] server_ip`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerIp {
    /// Not sent.
    #[default]
    No,
    /// The account's public address, as the panel knows it.
    Auto,
    /// This one.
    Fixed(IpAddr),
}

/// The name of a feature or package item: letters, digits, `_`, `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature(String);

impl Feature {
    /// Checks a name.
    ///
    /// # Errors
    /// If it has other characters, is empty or longer than 64.
    pub fn new(name: &str) -> std::result::Result<Self, &'static str> {
        let fits = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if fits && (1..=64).contains(&name.len()) {
            Ok(Self(name.to_owned()))
        } else {
            Err("it must be 1 to 64 letters, digits, \"_\" or \"-\"")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Feature {
    fn default() -> Self {
        Self("panelgate".to_owned())
    }
}

/// Fields that Panelgate fills in itself; `[session.extra]` may not name them (`reference/builder-api.md` 2.1).
pub(crate) const RESERVED_FIELDS: [&str; 22] = [
    "type",
    "domain",
    "baseDomain",
    "username",
    "password",
    "uploadDir",
    "apiUrl",
    "resellerClientAccountId",
    "lang",
    "hostingPlan",
    "productName",
    "addonNames",
    "clientId",
    "clientEmail",
    "more",
    "createFrom",
    "panel",
    "pluginVersion",
    "serverIp",
    "userId",
    "licenseHash",
    "affiliateId",
];

pub(super) fn read(file: &IniFile) -> Result<SessionConfig> {
    let section = file.section("session");
    let config = SessionConfig {
        send_client_id: section.flag("send_client_id", false)?,
        send_email: section.flag("send_email", false)?,
        send_plan: section.flag("send_plan", true)?,
        server_ip: section.parse("server_ip", server_ip)?.unwrap_or_default(),
        product_name: section.text("product_name").map(str::to_owned),
        user_id: section.text("user_id").map(str::to_owned),
        license_hash: section.text("license_hash").map(|text| Secret::new(text.to_owned())),
        affiliate_id: section.text("affiliate_id").map(str::to_owned),
        extra: extra(file)?,
        languages: languages(file)?,
    };
    section.finish()?;
    Ok(config)
}

fn server_ip(text: &str) -> std::result::Result<ServerIp, &'static str> {
    match text {
        "no" => Ok(ServerIp::No),
        "auto" => Ok(ServerIp::Auto),
        _ => text.parse().map(ServerIp::Fixed).map_err(|_| "it must be no, auto or an IP address"),
    }
}

fn extra(file: &IniFile) -> Result<BTreeMap<String, serde_json::Value>> {
    let section = file.section("session.extra");
    let mut fields = BTreeMap::new();
    for (name, text) in section.entries() {
        if RESERVED_FIELDS.contains(&name) {
            return Err(section.error(name, "Panelgate fills in this field itself; it cannot be set here"));
        }
        let value = extra_value(text).map_err(|fault| section.error(name, fault))?;
        fields.insert(name.to_owned(), value);
    }
    section.finish()?;
    Ok(fields)
}

/// A value that is JSON (number, `true`, `false`, `null`, `"text"`, `[...]`, `{...}`) is sent as such; anything else is text.
fn extra_value(text: &str) -> std::result::Result<serde_json::Value, String> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(fault) if text.starts_with(['{', '[', '"']) => {
            Err(format!("it begins like JSON but is not: {fault}"))
        }
        Err(_) => Ok(serde_json::Value::String(text.to_owned())),
    }
}

fn languages(file: &IniFile) -> Result<BTreeMap<String, String>> {
    let section = file.section("session.languages");
    let mut languages = BTreeMap::new();
    for (locale, language) in section.entries() {
        if language.len() != 2 || !language.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(section.error(locale, format!("{} is not a two-letter language", quote(language))));
        }
        languages.insert(locale.to_ascii_lowercase(), language.to_owned());
    }
    section.finish()?;
    Ok(languages)
}
