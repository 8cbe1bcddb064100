//! Address and Basic credentials of a site's publication endpoint.
//!
//! The password is an HMAC over the site's token and a generation, so nothing is stored but the token and a revocation floor, and every opening of a
//! generation gives the same one. A generation lasts [`limits::CREDENTIAL_GENERATION`]; the endpoint takes [`limits::CREDENTIAL_GENERATIONS`], so that a
//! session's address, which lives 30 days, always leads to one that publishes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::limits;
use crate::store::{InstallKey, SiteRow};
use crate::types::{Secret, WebUrl};

/// How the builder reaches the endpoint of one site.
pub struct EndpointAccess {
    /// The site's own address below the endpoint, ending in a slash.
    pub url: WebUrl,
    /// Basic user name.
    pub username: String,
    /// Basic password.
    pub password: Secret,
}

/// The generation of credentials that is handed out at a moment (Unix seconds).
pub fn generation(unix_seconds: u64) -> u64 {
    unix_seconds / limits::CREDENTIAL_GENERATION.as_secs()
}

/// The access to the endpoint of one site, valid from now on.
pub fn endpoint_access(
    key: &InstallKey,
    endpoint: &WebUrl,
    row: &SiteRow,
    unix_seconds: u64,
) -> EndpointAccess {
    // After a revocation the current generation is below the floor: the next one is handed out before its time.
    let generation = generation(unix_seconds).max(row.floor);
    let password = key.mac(PURPOSE, &[row.token.as_bytes(), &generation.to_be_bytes()]);
    EndpointAccess {
        url: endpoint.join(&row.token).as_base(),
        username: username(row),
        password: Secret::new(URL_SAFE_NO_PAD.encode(password)),
    }
}

/// Whether user name and password are those of a generation that is taken at a moment (Unix seconds). What it costs and how long it takes does not
/// depend on how wrong a password is; it is three HMACs, so that nothing needs to be remembered.
pub fn endpoint_accepts(
    key: &InstallKey,
    row: &SiteRow,
    name: &str,
    password: &Secret,
    unix_seconds: u64,
) -> bool {
    let Ok(mac) = URL_SAFE_NO_PAD.decode(password.expose()) else { return false };
    let now = generation(unix_seconds);
    // A closed row's floor is beyond everything that was ever handed out.
    let newest = now.max(row.floor);
    let oldest = row.floor.max((now + 1).saturating_sub(limits::CREDENTIAL_GENERATIONS));
    let mut accepted = false;
    for generation in (oldest..=newest).take(limits::CREDENTIAL_GENERATIONS as usize) {
        accepted |= key.verify(PURPOSE, &[row.token.as_bytes(), &generation.to_be_bytes()], &mac);
    }
    accepted && !row.closed && name == username(row)
}

/// What the password's MAC is for.
const PURPOSE: &str = "publication password";

fn username(row: &SiteRow) -> String {
    format!("site-{}", row.token.get(..12).unwrap_or(&row.token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::row_of_tests as row;

    fn access(row: &SiteRow, seconds: u64) -> EndpointAccess {
        let endpoint = WebUrl::parse("https://host.example/panelgate").unwrap();
        endpoint_access(&InstallKey::fixed(1), &endpoint, row, seconds)
    }

    #[test]
    fn the_same_within_a_generation_and_for_nobody_else() {
        let length = limits::CREDENTIAL_GENERATION.as_secs();
        let first = access(&row("a", 0), 0);
        assert_eq!(first.url.to_string(), format!("https://host.example/panelgate/{}/", "a".repeat(40)));
        assert_eq!((first.username.as_str(), first.password.expose().len()), ("site-aaaaaaaaaaaa", 43));
        assert_eq!(access(&row("a", 0), length - 1).password.expose(), first.password.expose());
        assert_ne!(access(&row("a", 0), length).password.expose(), first.password.expose());
        assert_ne!(access(&row("b", 0), 0).password.expose(), first.password.expose());
    }

    #[test]
    fn a_revocation_gives_another_password_at_once_and_then_goes_on_as_ever() {
        let length = limits::CREDENTIAL_GENERATION.as_secs();
        let now = 100 * length;
        let revoked = row("a", generation(now) + 1);
        let password = |row: &SiteRow, seconds| access(row, seconds).password.expose().to_owned();
        assert_ne!(password(&revoked, now), password(&row("a", 0), now));
        assert_eq!(password(&revoked, now), password(&revoked, now + length));
        assert_eq!(password(&revoked, now + 5 * length), password(&row("a", 0), now + 5 * length));
    }

    #[test]
    fn the_endpoint_takes_three_generations_and_none_below_the_floor() {
        let key = InstallKey::fixed(1);
        let length = limits::CREDENTIAL_GENERATION.as_secs();
        let then = 100 * length;
        let accepts = |row: &SiteRow, given: &EndpointAccess, now| {
            endpoint_accepts(&key, row, &given.username, &given.password, now)
        };
        let given = access(&row("a", 0), then);
        for (later, want) in
            [(0, true), (length - 1, true), (2 * length, true), (3 * length - 1, true), (3 * length, false)]
        {
            assert_eq!(accepts(&row("a", 0), &given, then + later), want, "{later}");
        }
        assert!(!accepts(&row("b", 0), &given, then), "another site");
        assert!(accepts(&row("a", 100), &given, then));
        // A revocation ends it at once; what is handed out then is taken at once, and for as long.
        let revoked = row("a", 101);
        assert!(!accepts(&revoked, &given, then));
        let next = access(&revoked, then);
        for (later, want) in [(0, true), (length, true), (4 * length - 1, true), (4 * length, false)] {
            assert_eq!(accepts(&revoked, &next, then + later), want, "{later}");
        }
        assert!(!accepts(&SiteRow { closed: true, ..row("a", 0) }, &given, then));
        let wrong = |name: &str, password: &str| {
            endpoint_accepts(&key, &row("a", 0), name, &Secret::new(password.to_owned()), then)
        };
        let password = given.password.expose();
        assert!(wrong(&given.username, password));
        for (name, password) in [
            ("site-bbbbbbbbbbbb", password),
            ("", password),
            (given.username.as_str(), ""),
            (&given.username, &password[1..]),
            (&given.username, &format!("{password}=")),
            (&given.username, &password.to_lowercase()),
        ] {
            assert!(!wrong(name, password), "{name}");
        }
    }
}
