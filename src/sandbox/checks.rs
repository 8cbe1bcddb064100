//! What `requestLogin` demands, as strictly as the documentation states it (`reference/builder-api.md` 2.1).

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::types::{Domain, WebUrl};

/// What the builder answers to a wrong type, a missing body and the like.
pub(super) const BAD_INPUT: &str = "Bad input data";

/// A session call that passed.
#[derive(Clone)]
pub(super) struct Accepted {
    /// `type`
    pub(super) kind: &'static str,
    /// `domain`
    pub(super) domain: String,
    /// `baseDomain`
    pub(super) base_domain: Option<String>,
    /// `lang`
    pub(super) lang: Option<String>,
    /// `hostingPlan`, else `productName`
    pub(super) plan: Option<String>,
    /// `resellerClientAccountId`
    pub(super) account: Option<u64>,
    /// `more`
    pub(super) more: bool,
    /// How to publish, with what was left out filled in.
    pub(super) access: Access,
}

impl Accepted {
    /// The site's real name.
    pub(super) fn site(&self) -> &str {
        self.base_domain.as_deref().unwrap_or(&self.domain)
    }
}

/// What the builder remembers of a site, so that a later call may leave it out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    kind: &'static str,
    username: Option<String>,
    password: Option<String>,
    upload_dir: Option<String>,
    api_url: Option<String>,
}

/// JSON types of members.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    Texts,
    TextOrNumber,
}

/// Every documented member, its type, and whether null stands for leaving it out.
const MEMBERS: [(&str, Kind, bool); 23] = [
    ("type", Kind::Text, false),
    ("domain", Kind::Text, false),
    ("baseDomain", Kind::Text, false),
    ("username", Kind::Text, false),
    ("password", Kind::Text, false),
    ("uploadDir", Kind::Text, false),
    ("apiUrl", Kind::Text, false),
    ("resellerClientAccountId", Kind::Number, false),
    ("lang", Kind::Text, true),
    ("hostingPlan", Kind::Text, true),
    ("productName", Kind::Text, true),
    ("addonNames", Kind::Texts, true),
    ("clientId", Kind::Text, false),
    ("clientEmail", Kind::Text, false),
    ("more", Kind::Flag, false),
    ("createFrom", Kind::Text, true),
    ("panel", Kind::Text, false),
    ("pluginVersion", Kind::Text, false),
    ("serverIp", Kind::Text, false),
    ("userId", Kind::TextOrNumber, true),
    ("licenseHash", Kind::Text, true),
    ("affiliateId", Kind::Text, false),
    ("openerButtonId", Kind::Text, false),
];

/// Checks a body. `known` is what the builder remembers of a site. The error is the message that the caller gets.
pub(super) fn check<'a>(
    body: &[u8],
    known: impl FnOnce(&str) -> Option<&'a Access>,
) -> Result<Accepted, String> {
    let members: Map<String, Value> = serde_json::from_slice(body).map_err(|_| BAD_INPUT.to_owned())?;
    types(&members)?;
    let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind = kind(text("type").ok_or_else(|| missing("type"))?)?;
    let domain = text("domain").ok_or_else(|| missing("domain"))?;
    let base_domain = text("baseDomain");
    names(domain, base_domain)?;
    let mut access = Access {
        kind,
        username: text("username").map(str::to_owned),
        password: text("password").map(str::to_owned),
        upload_dir: text("uploadDir").map(str::to_owned),
        api_url: text("apiUrl").map(str::to_owned),
    };
    if let Some(known) = known(domain).filter(|known| known.kind == kind) {
        access.complete(known);
    }
    access.check()?;
    if kind == "internal" && !members.contains_key("resellerClientAccountId") {
        return Err(missing("resellerClientAccountId"));
    }
    let lang = text("lang");
    if lang.is_some_and(|lang| lang.len() != 2 || !lang.bytes().all(|byte| byte.is_ascii_lowercase())) {
        return Err("Parameter \"lang\" must have two letters".into());
    }
    if text("serverIp").is_some_and(|address| address.parse::<IpAddr>().is_err()) {
        return Err("Parameter \"serverIp\" must be an IP address".into());
    }
    Ok(Accepted {
        kind,
        domain: domain.to_owned(),
        base_domain: base_domain.map(str::to_owned),
        lang: lang.map(str::to_owned),
        plan: text("hostingPlan").or(text("productName")).map(str::to_owned),
        account: members.get("resellerClientAccountId").and_then(Value::as_u64),
        more: members.get("more") == Some(&Value::Bool(true)),
        access,
    })
}

fn missing(name: &str) -> String {
    format!("Parameter \"{name}\" is required")
}

fn types(members: &Map<String, Value>) -> Result<(), String> {
    for (name, kind, nullable) in MEMBERS {
        let fits = match (members.get(name), kind) {
            (None, _) => true,
            (Some(Value::Null), _) => nullable,
            (Some(value), Kind::Text) => value.is_string(),
            (Some(value), Kind::Number) => value.is_u64(),
            (Some(value), Kind::Flag) => value.is_boolean(),
            (Some(value), Kind::TextOrNumber) => value.is_string() || value.is_u64(),
            (Some(value), Kind::Texts) => {
                value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
            }
        };
        if !fits {
            return Err(BAD_INPUT.into());
        }
    }
    Ok(())
}

fn kind(name: &str) -> Result<&'static str, String> {
    let kinds = ["external", "internal", "http", "ssh", "local"];
    kinds.into_iter().find(|kind| *kind == name).ok_or_else(|| "Unknown type".into())
}

/// The identity is a name or, with the real name beside it, a number.
fn names(domain: &str, base_domain: Option<&str>) -> Result<(), String> {
    let is_name = |text: &str| Domain::new(text).is_ok_and(|domain| domain.as_str() == text);
    let is_number = base_domain.is_some() && domain.bytes().all(|byte| byte.is_ascii_digit());
    if !is_name(domain) && !is_number {
        return Err("Parameter \"domain\" is not a domain".into());
    }
    match base_domain {
        Some(base) if !is_name(base) => Err("Parameter \"baseDomain\" is not a domain".into()),
        _ => Ok(()),
    }
}

impl Access {
    /// `username`; empty where the type has none.
    pub(super) fn username(&self) -> &str {
        self.username.as_deref().unwrap_or_default()
    }

    /// `password`; empty where the type has none.
    pub(super) fn password(&self) -> &str {
        self.password.as_deref().unwrap_or_default()
    }

    /// `uploadDir`; empty where the type has none.
    pub(super) fn upload_dir(&self) -> &str {
        self.upload_dir.as_deref().unwrap_or_default()
    }

    /// `apiUrl` as it was sent; empty where the type has none.
    pub(super) fn api_url(&self) -> &str {
        self.api_url.as_deref().unwrap_or_default()
    }

    fn complete(&mut self, known: &Self) {
        let fill = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        fill(&mut self.username, &known.username);
        fill(&mut self.password, &known.password);
        fill(&mut self.upload_dir, &known.upload_dir);
        fill(&mut self.api_url, &known.api_url);
    }

    /// What each type needs, and in which form.
    fn check(&self) -> Result<(), String> {
        let login = [("username", &self.username), ("password", &self.password)];
        let (needs_login, needs_dir, needs_api) = match self.kind {
            "local" => (false, true, false),
            "external" | "ssh" => (true, true, true),
            _ => (true, false, true),
        };
        let needed = [
            (needs_login, login[0]),
            (needs_login, login[1]),
            (needs_dir, ("uploadDir", &self.upload_dir)),
            (needs_api, ("apiUrl", &self.api_url)),
        ];
        for (needs, (name, value)) in needed {
            if needs && value.is_none() {
                return Err(missing(name));
            }
        }
        let absolute = self.upload_dir.as_deref().is_none_or(|dir| dir.starts_with('/'));
        if matches!(self.kind, "ssh" | "local") && !absolute {
            return Err("Parameter \"uploadDir\" must be an absolute path".into());
        }
        match (self.kind, self.api_url.as_deref()) {
            ("external" | "ssh", Some(host)) if !is_host(host) => {
                Err("Parameter \"apiUrl\" must be a host or an IP address".into())
            }
            ("http" | "internal", Some(url)) if WebUrl::parse(url).is_err() => {
                Err("Parameter \"apiUrl\" must be a URL".into())
            }
            _ => Ok(()),
        }
    }
}

fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || Domain::new(text).is_ok()
}
