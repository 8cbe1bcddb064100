//! Address and Basic credentials of a site's publication endpoint.
//!
//! The password is an HMAC over the site's token and a generation, so nothing is stored and every opening of a generation gives the same one. A
//! generation lasts [`limits::CREDENTIAL_GENERATION`]; the endpoint decides how many past ones it still takes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits;
use crate::store::InstallKey;
use crate::types::{AccountId, Secret, SiteKey, WebUrl};

/// How the builder reaches the endpoint of one site.
pub struct EndpointAccess {
    /// The site's own address below the endpoint, ending in a slash.
    pub url: WebUrl,
    /// Basic user name.
    pub username: String,
    /// Basic password.
    pub password: Secret,
}

/// The access to the endpoint of one site of one account, valid from now on. Another account with the same site gets another one.
pub fn endpoint_access(
    key: &InstallKey,
    endpoint: &WebUrl,
    account: &AccountId,
    site: &SiteKey,
    unix_seconds: u64,
) -> EndpointAccess {
    let token = site_token(key, account, site);
    let generation = unix_seconds / limits::CREDENTIAL_GENERATION.as_secs();
    let password = key.mac("publication password", &[token.as_bytes(), &generation.to_be_bytes()]);
    EndpointAccess {
        url: endpoint.join(&token).as_base(),
        username: format!("site-{}", &token[..12]),
        password: Secret::new(URL_SAFE_NO_PAD.encode(password)),
    }
}

/// 160 bits in hexadecimal: the site's name in the endpoint's address.
fn site_token(key: &InstallKey, account: &AccountId, site: &SiteKey) -> String {
    let mac = key.mac("site token", &[account.to_string().as_bytes(), site.as_str().as_bytes()]);
    mac[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Domain, Username};

    fn access(uid: u32, site: &str, seconds: u64) -> EndpointAccess {
        let account = AccountId::new("cpanel", Username::new("alice").unwrap(), uid, "1");
        let endpoint = WebUrl::parse("https://host.example/panelgate").unwrap();
        let site = SiteKey::of(&Domain::new(site).unwrap());
        endpoint_access(&InstallKey::fixed(1), &endpoint, &account, &site, seconds)
    }

    #[test]
    fn the_same_within_a_generation_and_for_nobody_else() {
        let generation = limits::CREDENTIAL_GENERATION.as_secs();
        let first = access(1, "a.example", 0);
        let url = first.url.to_string();
        assert!(url.starts_with("https://host.example/panelgate/") && url.ends_with('/'));
        assert_eq!(url.len(), "https://host.example/panelgate/".len() + 40 + 1);
        assert_eq!(first.password.expose().len(), 43);
        let same = access(1, "a.example", generation - 1);
        assert_eq!((same.url.to_string(), same.password.expose()), (url.clone(), first.password.expose()));
        let later = access(1, "a.example", generation);
        assert_eq!(later.url.to_string(), url);
        assert_ne!(later.password.expose(), first.password.expose());
        for other in [access(2, "a.example", 0), access(1, "b.example", 0)] {
            assert_ne!(other.url.to_string(), url);
            assert_ne!(other.password.expose(), first.password.expose());
        }
    }
}
