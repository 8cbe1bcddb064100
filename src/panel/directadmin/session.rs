//! Asking DirectAdmin whose session it is, by replaying it (`reference/directadmin.md` 2.6).
//!
//! The replay separates a click in the panel from a process of the account that has no session: a hacked website, a cron job. The answer, not the
//! environment, says which account it is. A positive answer is kept for some seconds under a hash of the session; a negative one is not kept.
//!
//! With TLS the certificate says that it is DirectAdmin who answers. Without, any user could listen on the port while DirectAdmin does not: there the
//! kernel says whose socket it is.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use ureq::Agent;
use ureq::http::{HeaderValue, header};

use crate::agent::{self, Settings};
use crate::config::PanelConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::keyvalue::KeyValue;
use crate::panel::{PanelSession, Tree};
use crate::sys::listeners;
use crate::types::{Username, WebUrl};

const CONF: &str = "/usr/local/directadmin/conf/directadmin.conf";

/// The panel's own port.
pub(super) struct Sessions {
    panel: OnceLock<(Agent, WebUrl)>,
    known: Mutex<HashMap<[u8; 32], (Username, Instant)>>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { panel: OnceLock::new(), known: Mutex::default() }
    }

    /// The account of a session; `None` if DirectAdmin knows no such session.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if it cannot be asked.
    pub(super) fn owner(
        &self,
        tree: &Tree,
        config: &PanelConfig,
        session: &PanelSession,
    ) -> Result<Option<Username>> {
        let hash = hash(session);
        if let Some(owner) = self.known(&hash) {
            return Ok(Some(owner));
        }
        let owner = self.ask(tree, config, session)?;
        if let Some(owner) = &owner {
            let mut known = self.lock();
            let now = Instant::now();
            known.retain(|_, (_, since)| now.duration_since(*since) < limits::PANEL_SESSION_TIME);
            if known.len() < limits::PANEL_SESSIONS {
                known.insert(hash, (owner.clone(), now));
            }
        }
        Ok(owner)
    }

    fn known(&self, hash: &[u8; 32]) -> Option<Username> {
        let known = self.lock();
        let (owner, since) = known.get(hash)?;
        (since.elapsed() < limits::PANEL_SESSION_TIME).then(|| owner.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], (Username, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, tree: &Tree, config: &PanelConfig, session: &PanelSession) -> Result<Option<Username>> {
        let (agent, url) = self.panel(tree, config)?;
        check_listener(tree, url)?;
        let fail = |what: &str| {
            Error::new(ErrorKind::Unavailable, format!("DirectAdmin at {}: {what}", url.origin()))
        };
        let cookie = Zeroizing::new(format!("session={}; key={}", session.id.expose(), session.key.expose()));
        let mut cookie = HeaderValue::from_str(&cookie).map_err(|_| fail("the session cannot be sent"))?;
        cookie.set_sensitive(true);
        let request = agent.get(url.join("CMD_API_SHOW_USER_CONFIG").to_string());
        let referer = format!("{}/", url.origin());
        let response = request.header(header::COOKIE, cookie).header(header::REFERER, referer).call();
        let response =
            response.map_err(|error| fail("it cannot be asked about the session").with_source(error))?;
        let status = response.status().as_u16();
        let body = response.into_body().into_with_config().limit(limits::BUILDER_REPLY_BYTES).read_to_vec();
        let body = body.map_err(|error| fail("its answer cannot be read").with_source(error))?;
        // It may have begun to listen meanwhile.
        check_listener(tree, url)?;
        match status {
            200 => Ok(owner(&body)),
            // No session: refused, or sent to the login page. A redirect is not followed with the cookie attached.
            301..=303 | 401 | 403 => Ok(None),
            _ => Err(fail(&format!("it answers with status {status}"))),
        }
    }

    fn panel(&self, tree: &Tree, config: &PanelConfig) -> Result<&(Agent, WebUrl)> {
        if let Some(panel) = self.panel.get() {
            return Ok(panel);
        }
        let panel = own_port(tree, config, limits::PANEL_CALL_TIME)?;
        Ok(self.panel.get_or_init(|| panel))
    }
}

/// A client of the panel's own port, and where it listens: name and port are its own configuration's, the address is always this machine's. The certificate
/// must be the name's.
///
/// # Errors
/// [`ErrorKind::PanelData`] if the panel's configuration does not say where; those of the client's own settings.
pub(super) fn own_port(tree: &Tree, config: &PanelConfig, timeout: Duration) -> Result<(Agent, WebUrl)> {
    let url = address(tree)?;
    let agent = agent::build(&Settings {
        section: "directadmin",
        ca_file: config.directadmin_ca_file.as_deref(),
        proxy: None,
        allow_http: !url.is_https(),
        secure: url.is_https(),
        connect_timeout: limits::PANEL_CALL_TIME,
        timeout,
        connect_to: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, url.port()))),
    })?;
    Ok((agent, url))
}

fn address(tree: &Tree) -> Result<WebUrl> {
    let content = tree.require(CONF)?;
    let path = tree.path(CONF);
    let conf = KeyValue::parse(&path, &content.bytes, '=')?;
    let fail = |what: &str| Error::new(ErrorKind::PanelData, format!("{}: {what}", path.display()));
    let name = conf.one("servername")?.ok_or_else(|| fail("\"servername\" is missing"))?;
    // A key at its default is missing.
    let port: u16 =
        conf.one("port")?.unwrap_or("2222").parse().map_err(|_| fail("\"port\" is not a port"))?;
    let scheme = if conf.one("ssl")? == Some("0") { "http" } else { "https" };
    WebUrl::parse(&format!("{scheme}://{name}:{port}/"))
        .map_err(|fault| fail(&format!("servername or port: {fault}")))
}

/// Makes sure that a panel without TLS is root's or DirectAdmin's own, before it sees a secret and before its word counts.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if it is not.
pub(super) fn check_listener(tree: &Tree, url: &WebUrl) -> Result<()> {
    if url.is_https() {
        return Ok(());
    }
    let fail =
        |what: String| Error::new(ErrorKind::Unavailable, format!("DirectAdmin at {}: {what}", url.origin()));
    let owners = listeners::owners(url.port())
        .map_err(|error| fail("the system does not say who listens there".into()).with_source(error))?;
    match owners.iter().find(|uid| !tree.trusts(**uid)) {
        Some(uid) => Err(fail(format!("a process of uid {uid} listens there: enable TLS (ssl=1)"))),
        None => Ok(()),
    }
}

/// `username=jsmith&usertype=user&...`, with more percent signs than needed. HTML is a login page.
fn owner(body: &[u8]) -> Option<Username> {
    if body.trim_ascii_start().starts_with(b"<") {
        return None;
    }
    let mut names = form_urlencoded::parse(body).filter(|(key, _)| key == "username");
    let (_, name) = names.next()?;
    if names.next().is_some() {
        return None;
    }
    Username::new(&name).ok()
}

fn hash(session: &PanelSession) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [&session.id, &session.key] {
        hash.update((part.expose().len() as u64).to_be_bytes());
        hash.update(part.expose());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_directadmin() {
        let owner = |body: &str| owner(body.as_bytes()).map(|name| name.to_string());
        assert_eq!(owner("username=jsmith&usertype=user").as_deref(), Some("jsmith"));
        assert_eq!(owner("account=ON&username=j%73mith%31").as_deref(), Some("jsmith1"));
        for none in [
            "",
            "<html>username=jsmith",
            " \n<!doctype html>",
            "error=1&text=x",
            "username=",
            "username=a/b",
            "username=a&username=b",
        ] {
            assert_eq!(owner(none), None, "{none}");
        }
    }

    #[test]
    fn only_values_that_can_stand_in_a_cookie_are_taken() {
        assert!(PanelSession::new(&"a".repeat(39), "B_-9").is_some());
        for bad in ["", "a;b", "a b", "a\r\nX: y", "a=b", "é", &"a".repeat(129)] {
            assert!(
                PanelSession::new(bad, "x").is_none() && PanelSession::new("x", bad).is_none(),
                "{bad:?}"
            );
        }
        let hash_of = |id, key| hash(&PanelSession::new(id, key).unwrap());
        assert_ne!(hash_of("ab", "c"), hash_of("a", "bc"));
    }
}
