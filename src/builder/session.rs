//! `requestLogin`: the session that a browser is sent to (`reference/builder-api.md` 2).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Deserializer};

use crate::VERSION;
use crate::config::{BuilderConfig, PublicationType, RESERVED_FIELDS};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Domain, Secret, SiteKey, WebUrl};

use super::address;
use super::replies::Secrets;

/// What is sent as `panel`. The builder treats some panels in their own ways, so no other panel's name is used.
const PANEL: &str = "panelgate";

/// What is sent as `password` where the builder logs in with its key.
const BY_KEY: &str = "-";

/// What a session call says. Each field is documented with the name under which it goes to the builder; what is `None` or empty is left out.
pub struct SessionRequest {
    /// `domain`: the site's identity in the builder.
    pub domain: SiteKey,
    /// `baseDomain`: the real domain, where `domain` is not its name.
    pub base_domain: Option<Domain>,
    /// `type` with what that type demands.
    pub publication: Publication,
    /// `lang`: two letters.
    pub lang: Option<String>,
    /// `hostingPlan`
    pub hosting_plan: Option<String>,
    /// `productName`
    pub product_name: Option<String>,
    /// `addonNames`
    pub addon_names: Vec<String>,
    /// `clientId`: an opaque number of ours, as text.
    pub client_id: Option<String>,
    /// `clientEmail`
    pub client_email: Option<String>,
    /// `more`: whether the answer shall hold `loginHash` and `builderApiUrl`.
    pub more: bool,
    /// `createFrom`: hash of a website that was begun in the public demo.
    pub create_from: Option<String>,
    /// `serverIp`
    pub server_ip: Option<IpAddr>,
    /// `userId`
    pub user_id: Option<String>,
    /// `licenseHash`
    pub license_hash: Option<Secret>,
    /// `affiliateId`
    pub affiliate_id: Option<String>,
    /// Further fields by the administrator. They never replace one of the above.
    pub extra: BTreeMap<String, serde_json::Value>,
}

/// How the builder publishes (`reference/builder-api.md` 5).
pub enum Publication {
    /// It logs in by FTP.
    External {
        /// `apiUrl`: host or address.
        host: String,
        /// `username`
        username: String,
        /// `password`
        password: Secret,
        /// `uploadDir`: the document root as the login sees it.
        upload_dir: String,
    },
    /// It logs in by SSH.
    Ssh {
        /// `apiUrl`: host or address.
        host: String,
        /// `username`
        username: String,
        /// `password`; `None`: it uses its key, and a literal `-` is sent.
        password: Option<Secret>,
        /// `uploadDir`: absolute path.
        upload_dir: String,
    },
    /// It runs on this machine.
    Local {
        /// `uploadDir`: absolute path.
        upload_dir: String,
    },
    /// It tells our endpoint what to download.
    Internal {
        /// `apiUrl`
        endpoint: WebUrl,
        /// `username`
        username: String,
        /// `password`
        password: Secret,
        /// `resellerClientAccountId`: our number of the site, which comes back with the publication.
        account: u64,
    },
    /// It pushes file by file to our endpoint.
    Http {
        /// `apiUrl`
        endpoint: WebUrl,
        /// `username`
        username: String,
        /// `password`
        password: Secret,
    },
}

impl SessionRequest {
    /// What is sent. It is written straight into the buffer that is sent: no copy of a password is made on the way.
    pub(super) fn body(&self) -> impl Serialize + '_ {
        Body(self)
    }

    /// What no error may repeat.
    pub(super) fn secrets(&self) -> Secrets<'_> {
        let mut secrets = Secrets::default();
        let password = self.publication.password();
        for secret in [password, self.license_hash.as_ref()].into_iter().flatten() {
            secrets.add(secret.expose());
        }
        secrets
    }
}

impl Publication {
    /// The type without what it demands.
    pub fn kind(&self) -> PublicationType {
        match self {
            Self::External { .. } => PublicationType::External,
            Self::Ssh { .. } => PublicationType::Ssh,
            Self::Local { .. } => PublicationType::Local,
            Self::Internal { .. } => PublicationType::Internal,
            Self::Http { .. } => PublicationType::Http,
        }
    }

    fn password(&self) -> Option<&Secret> {
        match self {
            Self::External { password, .. }
            | Self::Internal { password, .. }
            | Self::Http { password, .. } => Some(password),
            Self::Ssh { password, .. } => password.as_ref(),
            Self::Local { .. } => None,
        }
    }

    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::External { host, username, password, upload_dir } => {
                map.serialize_entry("apiUrl", host)?;
                map.serialize_entry("username", username)?;
                map.serialize_entry("password", password.expose())?;
                map.serialize_entry("uploadDir", upload_dir)
            }
            Self::Ssh { host, username, password, upload_dir } => {
                map.serialize_entry("apiUrl", host)?;
                map.serialize_entry("username", username)?;
                map.serialize_entry("password", password.as_ref().map_or(BY_KEY, Secret::expose))?;
                map.serialize_entry("uploadDir", upload_dir)
            }
            Self::Local { upload_dir } => map.serialize_entry("uploadDir", upload_dir),
            Self::Internal { endpoint, username, password, account } => {
                map.serialize_entry("apiUrl", &endpoint.to_string())?;
                map.serialize_entry("username", username)?;
                map.serialize_entry("password", password.expose())?;
                map.serialize_entry("resellerClientAccountId", account)
            }
            Self::Http { endpoint, username, password } => {
                map.serialize_entry("apiUrl", &endpoint.to_string())?;
                map.serialize_entry("username", username)?;
                map.serialize_entry("password", password.expose())
            }
        }
    }
}

struct Body<'a>(&'a SessionRequest);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", request.publication.kind().name())?;
        map.serialize_entry("domain", request.domain.as_str())?;
        optional(&mut map, "baseDomain", request.base_domain.as_ref().map(Domain::as_str))?;
        request.publication.write(&mut map)?;
        optional(&mut map, "lang", request.lang.as_deref())?;
        optional(&mut map, "hostingPlan", request.hosting_plan.as_deref())?;
        optional(&mut map, "productName", request.product_name.as_deref())?;
        optional(&mut map, "addonNames", Some(&request.addon_names).filter(|names| !names.is_empty()))?;
        optional(&mut map, "clientId", request.client_id.as_deref())?;
        optional(&mut map, "clientEmail", request.client_email.as_deref())?;
        optional(&mut map, "more", Some(true).filter(|_| request.more))?;
        optional(&mut map, "createFrom", request.create_from.as_deref())?;
        map.serialize_entry("panel", PANEL)?;
        map.serialize_entry("pluginVersion", VERSION)?;
        optional(&mut map, "serverIp", request.server_ip)?;
        optional(&mut map, "userId", request.user_id.as_deref())?;
        optional(&mut map, "licenseHash", request.license_hash.as_ref().map(Secret::expose))?;
        optional(&mut map, "affiliateId", request.affiliate_id.as_deref())?;
        for (name, value) in &request.extra {
            if !RESERVED_FIELDS.contains(&name.as_str()) {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

fn optional<M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}

/// The builder's answer as it came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    #[serde(deserialize_with = "secret")]
    url: Secret,
    #[serde(default, deserialize_with = "optional_secret")]
    login_hash: Option<Secret>,
    #[serde(default)]
    builder_api_url: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()).map(Secret::new))
}

/// Checks the answer. `more` says whether the second half was asked for; what was not asked for is not looked at.
pub(super) fn check(config: &BuilderConfig, answer: Answer, more: bool) -> Result<SessionReply> {
    let url = address::for_browser(config, answer.url.expose())?;
    let mut reply =
        SessionReply { url: Secret::new(url.to_string()), login_hash: None, builder_api_url: None };
    if more {
        let missing = || {
            Error::new(ErrorKind::BuilderProtocol, "requestLogin: the builder's answer lacks \"loginHash\"")
        };
        reply.login_hash = Some(answer.login_hash.ok_or_else(missing)?);
        let api = answer.builder_api_url.filter(|text| !text.is_empty());
        reply.builder_api_url =
            api.map(|text| address::for_calls(config, &text)).transpose()?.map(|url| url.as_base());
    }
    Ok(reply)
}

/// The builder's answer, checked.
#[derive(Debug)]
pub struct SessionReply {
    /// `url`: where to send the browser. Absolute, https (or http where the configuration allows it), host allowed, no control characters. It is
    /// a bearer secret.
    pub url: Secret,
    /// `loginHash`, if `more` was asked for.
    pub login_hash: Option<Secret>,
    /// `builderApiUrl`, if `more` was asked for and the builder has one of its own; checked like `url`, ending in a slash.
    pub builder_api_url: Option<WebUrl>,
}
