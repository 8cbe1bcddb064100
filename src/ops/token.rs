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

/// What a form is for.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// Who sees it, and may send it.
    pub uid: u32,
    /// In which session of the panel.
    pub binding: &'a Binding,
    /// What is done when it is sent.
    pub operation: Operation,
    /// To which site.
    pub site: &'a Domain,
}

const PURPOSE: &str = "form token";

const MAC_BYTES: usize = 32;

impl Form<'_> {
    /// Makes its token, which ends [`limits::TOKEN_LIFE`] from `now` (Unix seconds).
    pub fn issue(&self, key: &InstallKey, now: u64) -> String {
        let end = now.saturating_add(limits::TOKEN_LIFE.as_secs()).to_be_bytes();
        let mut token = end.to_vec();
        token.extend(self.with_parts(&end, |parts| key.mac(PURPOSE, parts)));
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Checks a token at `now` (Unix seconds).
    ///
    /// # Errors
    /// [`ErrorKind::TokenRejected`] if it was not made for this form, or has ended.
    pub fn check(&self, key: &InstallKey, now: u64, token: &str) -> Result<()> {
        let reject = |why: &str| {
            Err(Error::new(ErrorKind::TokenRejected, format!("the form's token was refused: {why}")))
        };
        let decoded = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let Some((end, mac)) = decoded.split_first_chunk::<8>().filter(|(_, mac)| mac.len() == MAC_BYTES)
        else {
            return reject("it is malformed");
        };
        if !self.with_parts(end, |parts| key.verify(PURPOSE, parts, mac)) {
            return reject("it was not made for this visitor, panel session and site");
        }
        if now >= u64::from_be_bytes(*end) {
            return reject("it has ended");
        }
        Ok(())
    }

    /// What the MAC is over.
    fn with_parts<T>(&self, end: &[u8; 8], mac: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (operation, site) = (self.operation.name().as_bytes(), self.site.as_str().as_bytes());
        mac(&[&self.uid.to_be_bytes(), &self.binding.session, operation, site, end])
    }
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
        let form = Form { uid: 1004, binding: &mine, operation: Operation::OpenSite, site: &shop };
        let token = form.issue(&key, 1000);
        assert!(form.check(&key, 1000, &token).is_ok());
        assert!(form.check(&key, 1899, &token).is_ok());
        assert!(form.check(&key, 1900, &token).is_err(), "ended");
        for (what, another) in [
            ("uid", Form { uid: 1005, ..form }),
            ("session", Form { binding: &other, ..form }),
            ("site", Form { site: &blog, ..form }),
            ("operation", Form { operation: Operation::ViewAccount, ..form }),
        ] {
            assert!(another.check(&key, 1000, &token).is_err(), "other {what}");
        }
        assert!(form.check(&InstallKey::fixed(4), 1000, &token).is_err(), "other key");
        for bad in ["", "A", "AAAA", &token[1..], &format!("{token}A"), "é", &"A".repeat(1000)] {
            assert!(form.check(&key, 1000, bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_changed_token_is_taken(at in 0_usize..54, byte in any::<char>(), text in any::<String>()) {
            let (key, shop) = (InstallKey::fixed(3), Domain::new("shop.example").unwrap());
            let binding = Binding { session: [1; 32] };
            let form = Form { uid: 1004, binding: &binding, operation: Operation::OpenSite, site: &shop };
            let token = form.issue(&key, 1000);
            let changed: String = token.chars().enumerate().map(|(place, old)| if place == at { byte } else { old }).collect();
            for given in [changed, text] {
                let taken = form.check(&key, 1000, &given).is_ok();
                prop_assert_eq!(taken, given == token, "{}", given);
            }
        }
    }
}
