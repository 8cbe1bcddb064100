//! `requestLogin`: the session that a browser is sent to (`reference/builder-api.md` 2).

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::types::{Domain, Secret, SiteKey, WebUrl};

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

/// The builder's answer, checked.
#[derive(Debug)]
pub struct SessionReply {
    /// `url`: where to send the browser. Absolute, https (or http where the configuration allows it), host allowed, no control characters. It is
    /// a bearer secret.
    pub url: Secret,
    /// `loginHash`, if `more` was asked for.
    pub login_hash: Option<Secret>,
    /// `builderApiUrl`, if `more` was asked for; checked like `url`.
    pub builder_api_url: Option<WebUrl>,
}
