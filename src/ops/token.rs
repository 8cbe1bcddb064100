//! Tokens of forms: what was shown to a visitor may be sent back by that visitor, for that purpose, for a while.
//!
//! A token is the time of its end and a MAC over caller, panel session, operation and site. It is bound to what an attacker's page does not know;
//! it is no proof of identity.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::store::InstallKey;
use crate::types::Domain;

use super::policy::Operation;

/// What a token is bound to besides operation and site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// SHA-256 over what identifies the panel's session (cookie, security token); all zero where the panel has none.
    pub session: [u8; 32],
}

const MAC_BYTES: usize = 32;

/// Makes a token that ends [`limits::TOKEN_LIFE`] from `now` (Unix seconds).
pub fn issue(
    key: &InstallKey,
    uid: u32,
    binding: &Binding,
    operation: Operation,
    site: &Domain,
    now: u64,
) -> String {
    let end = now.saturating_add(limits::TOKEN_LIFE.as_secs()).to_be_bytes();
    let mut token = end.to_vec();
    token.extend(mac(key, uid, binding, operation, site, &end));
    URL_SAFE_NO_PAD.encode(token)
}

/// Checks a token at `now` (Unix seconds).
///
/// # Errors
/// [`ErrorKind::TokenRejected`] if it was not made for this caller, session, operation and site, or has ended.
pub fn check(
    key: &InstallKey,
    uid: u32,
    binding: &Binding,
    operation: Operation,
    site: &Domain,
    now: u64,
    token: &str,
) -> Result<()> {
    let reject =
        |why: &str| Err(Error::new(ErrorKind::TokenRejected, format!("the form's token was refused: {why}")));
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return reject("it is malformed") };
    let Some((end, given)) = bytes.split_at_checked(8).filter(|(_, given)| given.len() == MAC_BYTES) else {
        return reject("it is malformed");
    };
    let mut end_bytes = [0_u8; 8];
    end_bytes.copy_from_slice(end);
    let parts = parts(uid, binding, operation, site, &end_bytes);
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    if !key.verify("form token", &parts, given) {
        return reject("it was not made for this visitor, panel session and site");
    }
    if now >= u64::from_be_bytes(end_bytes) {
        return reject("it has ended");
    }
    Ok(())
}

fn mac(
    key: &InstallKey,
    uid: u32,
    binding: &Binding,
    operation: Operation,
    site: &Domain,
    end: &[u8; 8],
) -> [u8; 32] {
    let parts = parts(uid, binding, operation, site, end);
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    key.mac("form token", &parts)
}

fn parts(uid: u32, binding: &Binding, operation: Operation, site: &Domain, end: &[u8; 8]) -> [Vec<u8>; 5] {
    [
        uid.to_be_bytes().to_vec(),
        binding.session.to_vec(),
        operation.name().as_bytes().to_vec(),
        site.as_str().as_bytes().to_vec(),
        end.to_vec(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_fits_only_what_it_was_made_for() {
        let key = InstallKey::fixed(3);
        let (shop, blog) = (Domain::new("shop.example").unwrap(), Domain::new("blog.example").unwrap());
        let (mine, other) = (Binding { session: [1; 32] }, Binding { session: [2; 32] });
        let open = Operation::OpenSite;
        let token = issue(&key, 1004, &mine, open, &shop, 1000);
        assert!(check(&key, 1004, &mine, open, &shop, 1000, &token).is_ok());
        assert!(check(&key, 1004, &mine, open, &shop, 1899, &token).is_ok());
        assert!(check(&key, 1004, &mine, open, &shop, 1900, &token).is_err(), "ended");
        assert!(check(&key, 1005, &mine, open, &shop, 1000, &token).is_err(), "other uid");
        assert!(check(&key, 1004, &other, open, &shop, 1000, &token).is_err(), "other session");
        assert!(check(&key, 1004, &mine, open, &blog, 1000, &token).is_err(), "other site");
        assert!(
            check(&key, 1004, &mine, Operation::ViewAccount, &shop, 1000, &token).is_err(),
            "other operation"
        );
        assert!(check(&InstallKey::fixed(4), 1004, &mine, open, &shop, 1000, &token).is_err(), "other key");
        for bad in ["", "A", "AAAA", &token[1..], &format!("{token}A"), "é", &"A".repeat(1000)] {
            assert!(check(&key, 1004, &mine, open, &shop, 1000, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_changed_token_is_taken(at in 0_usize..54, byte in any::<char>(), text in any::<String>()) {
            let (key, shop) = (InstallKey::fixed(3), Domain::new("shop.example").unwrap());
            let binding = Binding { session: [1; 32] };
            let open = Operation::OpenSite;
            let token = issue(&key, 1004, &binding, open, &shop, 1000);
            let changed: String = token.chars().enumerate().map(|(place, old)| if place == at { byte } else { old }).collect();
            for given in [changed, text] {
                let taken = check(&key, 1004, &binding, open, &shop, 1000, &given).is_ok();
                prop_assert_eq!(taken, given == token, "{}", given);
            }
        }
    }
}
