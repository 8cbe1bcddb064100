//! FTP accounts by DirectAdmin's own port (`reference/directadmin.md` 5.1, 5.3): `CMD_API_FTP`.
//! The name is `NAME@DOMAIN`, the password in the body.

use secrecy::zeroize::Zeroizing;
use serde_json::Value;

use crate::error::{ErrorKind, Result};
use crate::panel::ftp::{FtpAccounts, FtpOrder, below_home, refused};
use crate::panel::{Account, SiteKind};
use crate::types::{Domain, Username, quote};

use super::{DirectAdmin, Port};

const COMMAND: &str = "CMD_API_FTP";

impl FtpAccounts for DirectAdmin {
    fn login(&self, account: &Account, site: &Domain, name: &str) -> String {
        format!("{name}@{}", ftp_domain(account, site))
    }

    fn make(&self, order: &FtpOrder<'_>) -> Result<()> {
        let (owner, domain) = (order.account.name(), ftp_domain(order.account, &order.site.domain));
        let directory = order.account.home.join(below_home(order.account, order.site)?);
        let directory = directory.to_str().ok_or_else(|| refused(owner, "its directory has an odd name"))?;
        let password = order.password.expose();
        let fields = [
            ("action", "create"),
            ("domain", domain.as_str()),
            ("user", order.name),
            ("passwd", password),
            ("passwd2", password),
            ("type", "custom"),
            ("custom_val", directory),
        ];
        let accounts = Accounts::of(self, owner)?;
        accounts.post(&fields).or_else(|first| {
            // One with an old password, perhaps. If not, the first answer says more than the second.
            let _ = accounts.delete(domain, order.name);
            accounts.post(&fields).map_err(|_| first)
        })
    }

    fn remove(&self, account: &Account, site: &Domain, name: &str) -> Result<()> {
        Accounts::of(self, account.name())?.delete(ftp_domain(account, site), name)
    }
}

/// FTP accounts belong to domains: that of a subdomain is the domain above it.
fn ftp_domain<'a>(account: &'a Account, site: &'a Domain) -> &'a Domain {
    if account.site(site).is_none_or(|site| site.kind != SiteKind::Sub) {
        return site;
    }
    let domains = account.sites.iter().filter(|site| site.kind != SiteKind::Sub).map(|site| &site.domain);
    let above = domains.filter(|domain| site.as_str().ends_with(&format!(".{domain}")));
    above.max_by_key(|domain| domain.as_str().len()).unwrap_or(site)
}

/// The FTP accounts of one account, at DirectAdmin's port.
struct Accounts<'a> {
    port: Port<'a>,
    owner: &'a Username,
}

impl<'a> Accounts<'a> {
    fn of(panel: &'a DirectAdmin, owner: &'a Username) -> Result<Self> {
        Ok(Self { port: Port::open(&panel.tree, &panel.config, owner, ErrorKind::Publication)?, owner })
    }

    /// Removes an account and makes sure that it is gone. Whether the name stands there with its domain or without is not documented, so both are tried.
    fn delete(&self, domain: &Domain, name: &str) -> Result<()> {
        let full = format!("{name}@{domain}");
        let mut last = Ok(());
        for select in [name, full.as_str()] {
            last = self.post(&[("action", "delete"), ("domain", domain.as_str()), ("select0", select)]);
            if !self.lists(domain, name)? {
                return Ok(());
            }
        }
        last.and_then(|()| Err(refused(self.owner, "DirectAdmin still lists it")))
    }

    fn lists(&self, domain: &Domain, name: &str) -> Result<bool> {
        let body = self.port.get(&format!("{COMMAND}?domain={domain}"))?.body;
        if is_failure(&body) {
            return Err(refused(
                self.owner,
                format!("DirectAdmin does not list the FTP accounts: {}", reason(&body)),
            ));
        }
        let full = format!("{name}@{domain}");
        // `list[]=NAME`, or names as keys.
        Ok(form_urlencoded::parse(&body)
            .any(|(key, value)| [&key, &value].into_iter().any(|text| text == name || *text == full)))
    }

    fn post(&self, fields: &[(&str, &str)]) -> Result<()> {
        let form =
            Zeroizing::new(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
        let body = self.port.post(COMMAND, &form)?.body;
        if !is_failure(&body) {
            return Ok(());
        }
        let what = format!("DirectAdmin refuses {}: {}", fields[0].1, reason(&body));
        Err(refused(self.owner, what))
    }
}

/// A page, a JSON object with an error, or a form that says `error=1`. Anything else that says nothing of success is a failure too.
fn is_failure(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if body.starts_with(b"<") {
        return true;
    }
    if let Ok(Value::Object(answer)) = serde_json::from_slice(body) {
        return answer
            .get("error")
            .is_some_and(|error| !matches!(error.as_str(), Some("" | "0")) && *error != 0);
    }
    let mut fields = form_urlencoded::parse(body);
    fields.any(|(key, value)| key == "error" && value != "0")
}

fn reason(body: &[u8]) -> String {
    if body.trim_ascii_start().starts_with(b"<") {
        return "it shows a page, so it did not take the credentials".into();
    }
    if let Ok(answer) = serde_json::from_slice::<Value>(body) {
        return quote(
            &[&answer["error"], &answer["result"]].map(|text| text.as_str().unwrap_or_default()).join(": "),
        );
    }
    let text = |name: &str| {
        form_urlencoded::parse(body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    quote(&format!("{}: {}", text("text"), text("details")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_either_shape() {
        for good in [
            "error=0&text=ok",
            r#"{"success":"ok","result":""}"#,
            r#"{"error":"","success":"x"}"#,
            "list[]=a",
            "",
        ] {
            assert!(!is_failure(good.as_bytes()), "{good}");
        }
        for bad in [
            "error=1&text=no&details=it+is+there",
            r#"{"error":"no","result":"x"}"#,
            "<html>",
            " \n<!doctype",
        ] {
            assert!(is_failure(bad.as_bytes()), "{bad}");
        }
        assert_eq!(reason(b"error=1&text=no&details=it+is+there"), "\"no: it is there\"");
    }
}
