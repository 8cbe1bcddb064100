//! FTP accounts by DirectAdmin's own port (`reference/directadmin.md` 5.1, 5.3): `CMD_API_FTP`.
//!
//! What may act for the account is asked of DirectAdmin's program, which gives root an address with credentials that soon end; they go into a header.
//! The name is `NAME@DOMAIN`, the password in the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use serde_json::Value;
use ureq::http::{HeaderValue, header};

use crate::error::Result;
use crate::limits;
use crate::panel::ftp::{FtpAccounts, FtpOrder, below_home, refused};
use crate::panel::{Account, SiteKind};
use crate::sys::process;
use crate::types::{Domain, Username, quote, quote_bytes};

use super::DirectAdmin;

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
        let port = Port::open(self, owner)?;
        port.post(&fields).or_else(|first| {
            // One with an old password, perhaps. If not, the first answer says more than the second.
            let _ = port.delete(domain, order.name);
            port.post(&fields).map_err(|_| first)
        })
    }

    fn remove(&self, account: &Account, site: &Domain, name: &str) -> Result<()> {
        Port::open(self, account.name())?.delete(ftp_domain(account, site), name)
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

/// DirectAdmin's port, for one account.
struct Port<'a> {
    panel: &'a DirectAdmin,
    owner: &'a Username,
    authorization: HeaderValue,
}

impl<'a> Port<'a> {
    fn open(panel: &'a DirectAdmin, owner: &'a Username) -> Result<Self> {
        let program = panel.tree.path(&panel.config.directadmin_command);
        let user = format!("--user={owner}");
        let output =
            process::run(&program, &["api-url", &user], limits::COMMAND_OUTPUT_BYTES, limits::COMMAND_TIME)
                .map_err(|error| {
                let what = format!("{} gave no answer: check [directadmin] command", program.display());
                refused(owner, what).with_source(error)
            })?;
        let line = Zeroizing::new(String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned());
        let Some(pair) = credentials(&line).filter(|_| output.status.success()) else {
            // What it printed may be half of a secret.
            let said = quote_bytes(output.stderr.trim_ascii());
            return Err(refused(
                owner,
                format!("\"{} api-url\" gave no address ({}): {said}", program.display(), output.status),
            ));
        };
        let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair)));
        let mut authorization =
            HeaderValue::from_str(&value).map_err(|_| refused(owner, "its credentials cannot be sent"))?;
        authorization.set_sensitive(true);
        Ok(Self { panel, owner, authorization })
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
        let body = self.send(None, &format!("{COMMAND}?domain={domain}"))?;
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
        let body = self.send(Some(&form), COMMAND)?;
        if !is_failure(&body) {
            return Ok(());
        }
        let what = format!("DirectAdmin refuses {}: {}", fields[0].1, reason(&body));
        Err(refused(self.owner, what))
    }

    fn send(&self, form: Option<&str>, target: &str) -> Result<Vec<u8>> {
        let (agent, url) = self.panel.sessions.checked_panel(&self.panel.tree, &self.panel.config)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut address = url.join(path).to_string();
        if !query.is_empty() {
            address = format!("{address}?{query}");
        }
        let referer = format!("{}/", url.origin());
        let authorization = self.authorization.clone();
        let result = match form {
            Some(form) => agent
                .post(address)
                .header(header::AUTHORIZATION, authorization)
                .header(header::REFERER, referer)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .send(form),
            None => agent
                .get(address)
                .header(header::AUTHORIZATION, authorization)
                .header(header::REFERER, referer)
                .call(),
        };
        let fail = |what: &str| refused(self.owner, format!("DirectAdmin at {} {what}", url.origin()));
        let response = result.map_err(|error| fail("does not answer").with_source(error))?;
        let body = response.into_body().into_with_config().limit(limits::BUILDER_REPLY_BYTES).read_to_vec();
        body.map_err(|error| fail("gives an answer that cannot be read").with_source(error))
    }
}

/// User and secret of `https://USER:SECRET@localhost:2222`. Only an address of this machine is taken; where they are sent is decided elsewhere.
fn credentials(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"))?;
    let (pair, host) = rest.rsplit_once('@')?;
    let host = host.split('/').next()?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let plain = !pair.is_empty() && pair.bytes().all(|byte| byte.is_ascii_graphic()) && pair.contains(':');
    (plain && matches!(host, "localhost" | "127.0.0.1" | "[::1]")).then_some(pair)
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
    fn only_an_address_of_this_machine_is_taken() {
        assert_eq!(credentials("https://jsmith:Tk9@localhost:2222"), Some("jsmith:Tk9"));
        assert_eq!(credentials("https://a:b@[::1]:2222/"), Some("a:b"));
        for bad in [
            "",
            "ftp://a:b@localhost:2222",
            "https://localhost:2222",
            "https://a:b@evil.example:2222",
            "https://a@localhost",
        ] {
            assert_eq!(credentials(bad), None, "{bad}");
        }
    }

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
