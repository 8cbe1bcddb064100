//! The sandbox's "Publish" button, by every way that a host can offer, against real servers.
#![cfg(feature = "sandbox")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod stand_in;

mod by_endpoint;
mod by_login;
mod by_panel;
mod web_servers;
#[path = "../publish/world.rs"]
#[allow(dead_code)]
mod world;

use std::time::Duration;

use panelgate::sandbox::{Builder, Options, Ways};
use panelgate::types::WebUrl;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A sandbox, and a browser at it.
pub struct Editor {
    pub builder: Builder,
    pub browser: Agent,
}

impl Editor {
    pub fn start(ways: Ways) -> Self {
        let builder = Builder::start(Options { ways, ..Options::new("brand", "secret") }).unwrap();
        let roots = RootCerts::from([Certificate::from_pem(builder.ca_pem().as_bytes()).unwrap()]);
        let browser = Agent::config_builder()
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(130)))
            .build()
            .into();
        Self { builder, browser }
    }

    /// Opens a session; `access` is what a session call says besides the site.
    pub fn open(&self, access: &Value) -> String {
        let mut body = json!({"domain": "shop.example"});
        for (name, value) in access.as_object().unwrap() {
            body[name] = value.clone();
        }
        let mut response = self
            .browser
            .post(format!("{}requestLogin", self.builder.api_url()))
            .header("Authorization", "Basic YnJhbmQ6c2VjcmV0")
            .header("Content-Type", "application/json")
            .send(body.to_string())
            .unwrap();
        let reply: Value = serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        let url = reply["url"].as_str().unwrap_or_else(|| panic!("no session: {reply}"));
        url.split("login_hash=").nth(1).unwrap().to_owned()
    }

    /// Presses "Publish", and reads the page that comes: what stands in its element `outcome`.
    pub fn publish(&self, hash: &str, headline: &str) -> String {
        let base = self.builder.api_url().replace("/api/", "");
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("login_hash", hash)
            .append_pair("headline", headline)
            .finish();
        let mut response = self
            .browser
            .post(format!("{base}/publish"))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .send(form)
            .unwrap();
        assert_eq!(response.status().as_u16(), 200, "it leads back to the editor");
        let page = response.body_mut().read_to_string().unwrap();
        let outcome = page.split("id=\"outcome\"").nth(1).unwrap_or_else(|| panic!("no outcome: {page}"));
        outcome.split_once('>').unwrap().1.split("</p>").next().unwrap().to_owned()
    }
}

/// What a session call says of a host's endpoint.
pub fn endpoint(kind: &str, url: &WebUrl, password: &str) -> Value {
    json!({"type": kind, "apiUrl": url.to_string(), "username": "site-1", "password": password, "resellerClientAccountId": 7})
}
