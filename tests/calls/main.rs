//! The builder's calls against the embedded builder, over TLS: what each gives, and what becomes of every failure.
#![cfg(feature = "sandbox")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod failures;
mod shell;
mod typed;

use std::path::Path;

use panelgate::builder::{Client, Publication, SessionRequest};
use panelgate::config::Config;
use panelgate::sandbox::{Builder, Options};
use panelgate::types::{Domain, Secret, SiteKey, WebUrl};

/// A sandbox, and a client of it with further lines of configuration.
pub(crate) struct Pair {
    pub(crate) builder: Builder,
    pub(crate) client: Client,
    directory: tempfile::TempDir,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Options::new("brand", "hunter2"), "")
    }

    pub(crate) fn with(options: Options, lines: &str) -> Self {
        let builder = Builder::start(options).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), builder.ca_pem()).unwrap();
        let client = client(&builder, directory.path(), lines);
        Self { builder, client, directory }
    }

    /// Another client of the same sandbox.
    pub(crate) fn again(&self, lines: &str) -> Client {
        client(&self.builder, self.directory.path(), lines)
    }

    /// The paths that were called, oldest first.
    pub(crate) fn called(&self) -> Vec<String> {
        let targets = self.builder.requests().into_iter().map(|request| request.target);
        targets.map(|target| target.strip_prefix("/api/").unwrap().to_owned()).collect()
    }

    /// The body of the last call.
    pub(crate) fn body(&self) -> serde_json::Value {
        self.builder.requests().pop().unwrap().body
    }
}

fn client(builder: &Builder, directory: &Path, lines: &str) -> Client {
    let text = format!(
        "[builder]\nurl = {}\nusername = brand\npassword = hunter2\nca_file = {}/ca.pem\nhosts = {}\n{lines}\n",
        builder.api_url(),
        directory.display(),
        builder.page_host(),
    );
    let config = Config::parse(Path::new("panelgate.ini"), text.as_bytes()).unwrap();
    Client::new(&config.builder)
}

pub(crate) fn key(name: &str) -> SiteKey {
    SiteKey::of(&Domain::new(name).unwrap())
}

/// The session of a site whose further calls are made.
pub(crate) fn session(name: &str) -> SessionRequest {
    SessionRequest {
        domain: key(name),
        base_domain: None,
        publication: Publication::Http {
            endpoint: WebUrl::parse("https://panel.example/pub/9f2c/").unwrap(),
            username: "s-9f2c".into(),
            password: Secret::new("site-password".into()),
        },
        lang: None,
        hosting_plan: None,
        product_name: None,
        addon_names: Vec::new(),
        client_id: None,
        client_email: None,
        more: true,
        create_from: None,
        server_ip: None,
        user_id: None,
        license_hash: None,
        affiliate_id: None,
        extra: [].into(),
    }
}
