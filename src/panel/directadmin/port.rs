//! DirectAdmin's own port, called for one account (`reference/directadmin.md` 5.1).
//!
//! What may act for the account is asked of DirectAdmin's program (`directadmin api-url`), which gives root an address with credentials that soon end. They
//! go into a header of a call to this machine, and nowhere else: what is called is the name that DirectAdmin's configuration says, at this machine, so that
//! the certificate can be checked. No error repeats what the program printed: a password stands in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::zeroize::Zeroizing;
use ureq::Agent;
use ureq::http::{HeaderValue, Response, header};

use crate::config::PanelConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::panel::Tree;
use crate::sys::process;
use crate::types::{Username, WebUrl, quote_bytes};

use super::session::{check_listener, own_port};

/// The port, with credentials for one account that hold for the moment.
pub(crate) struct Port<'a> {
    tree: &'a Tree,
    agent: Agent,
    url: WebUrl,
    authorization: HeaderValue,
    account: Username,
    kind: ErrorKind,
}

/// What DirectAdmin answers.
pub(crate) struct Reply {
    /// The status of HTTP, which does not say whether it was done.
    pub(crate) status: u16,
    /// At most [`limits::BUILDER_REPLY_BYTES`].
    pub(crate) body: Vec<u8>,
}

impl<'a> Port<'a> {
    /// Asks DirectAdmin's program for credentials.
    ///
    /// # Errors
    /// Of this kind if there are none. Those of [`own_port`].
    pub(crate) fn open(
        tree: &'a Tree,
        config: &PanelConfig,
        account: &Username,
        kind: ErrorKind,
    ) -> Result<Self> {
        let (agent, url) = own_port(tree, config, limits::COMMAND_TIME)?;
        let authorization = authorization(tree, config, account)
            .map_err(|what| Error::new(kind, format!("DirectAdmin for account {account}: {what}")))?;
        Ok(Self { tree, agent, url, authorization, account: account.clone(), kind })
    }

    /// Calls a command, with its query.
    ///
    /// # Errors
    /// If there is no answer; what the answer says is not looked at. Those of [`check_listener`].
    pub(crate) fn get(&self, target: &str) -> Result<Reply> {
        check_listener(self.tree, &self.url)?;
        let request = self.agent.get(self.url.join(target).to_string());
        self.read(
            request
                .header(header::AUTHORIZATION, &self.authorization)
                .header(header::REFERER, self.referer())
                .call(),
        )
    }

    /// Sends a form to a command.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn post(&self, target: &str, form: &str) -> Result<Reply> {
        check_listener(self.tree, &self.url)?;
        let request = self.agent.post(self.url.join(target).to_string());
        self.read(
            request
                .header(header::AUTHORIZATION, &self.authorization)
                .header(header::REFERER, self.referer())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .send(form),
        )
    }

    /// An error of this account's, of the kind that the caller wants.
    pub(crate) fn fail(&self, kind: ErrorKind, what: impl std::fmt::Display) -> Error {
        Error::new(kind, format!("DirectAdmin at {} for account {}: {what}", self.url.origin(), self.account))
    }

    /// DirectAdmin refuses calls that come from nowhere.
    fn referer(&self) -> String {
        format!("{}/", self.url.origin())
    }

    fn read(&self, response: std::result::Result<Response<ureq::Body>, ureq::Error>) -> Result<Reply> {
        let fail = |what: &str| self.fail(self.kind, what);
        let response = response.map_err(|error| fail("it does not answer").with_source(error))?;
        let status = response.status().as_u16();
        let body = response.into_body().into_with_config().limit(limits::BUILDER_REPLY_BYTES).read_to_vec();
        let body = body.map_err(|error| fail("its answer cannot be read").with_source(error))?;
        Ok(Reply { status, body })
    }
}

/// The header with the credentials, or why there is none.
fn authorization(
    tree: &Tree,
    config: &PanelConfig,
    account: &Username,
) -> std::result::Result<HeaderValue, String> {
    let program = tree.path(&config.directadmin_command);
    let user = format!("--user={account}");
    let output =
        process::run(&program, &["api-url", &user], limits::COMMAND_OUTPUT_BYTES, limits::COMMAND_TIME)
            .map_err(|error| format!("{}: {error}: check [directadmin] command", program.display()))?;
    let line = Zeroizing::new(String::from_utf8(output.stdout).unwrap_or_default());
    let Some(pair) = credentials(&line).filter(|_| output.status.success()) else {
        let said = quote_bytes(output.stderr.trim_ascii());
        return Err(format!(
            "\"{} api-url\" gives no address of this machine ({}): {said}",
            program.display(),
            output.status
        ));
    };
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value).map_err(|_| "its credentials cannot stand in a header")?;
    value.set_sensitive(true);
    Ok(value)
}

/// `USER:PASSWORD` of `https://USER:PASSWORD@localhost:2222`, decoded. Only an address of this machine is taken; where they are sent is decided elsewhere.
fn credentials(line: &str) -> Option<Zeroizing<String>> {
    let (_, rest) =
        line.trim().split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"))?;
    let (pair, place) = rest.trim_end_matches('/').rsplit_once('@')?;
    let (host, port) = place.rsplit_once(':')?;
    let (user, password) = pair.split_once(':')?;
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]") && port.parse::<u16>().is_ok();
    if !is_here || !plain(user) || !plain(password) {
        return None;
    }
    let decoded = |text: &str| {
        percent_decode_str(text).decode_utf8().ok().map(|text| Zeroizing::new(text.into_owned()))
    };
    Some(Zeroizing::new(format!("{}:{}", *decoded(user)?, *decoded(password)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_only_for_this_machine() {
        let of = |line: &str| credentials(line).map(|pair| pair.to_string());
        assert_eq!(of("https://jsmith:Tk9p%40x@localhost:2222\n").as_deref(), Some("jsmith:Tk9p@x"));
        assert_eq!(of("http://a:b@[::1]:2222/").as_deref(), Some("a:b"));
        for bad in [
            "",
            "ftp://jsmith:x@localhost:2222",
            "https://jsmith:x@evil.example:2222",
            "https://jsmith:x@localhost.evil.example:2222",
            "https://jsmith:x@evil.example/@localhost:2222",
            "https://jsmith@localhost:2222",
            "https://localhost:2222",
            "https://jsmith:@localhost:2222",
            "https://a:b@localhost:99999",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
