//! Type `http`: file by file to the host's endpoint (`reference/builder-api.md` 6.4).

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderValue, header};

use super::{Job, SiteFile, Ways, website};
use crate::agent::{self, Settings};
use crate::limits;
use crate::types::{quote, quote_bytes};

/// The host's endpoint with our credentials for it.
pub(super) struct Endpoint {
    agent: Agent,
    url: String,
    authorization: HeaderValue,
}

/// What the endpoint answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The documented success is 200 and nothing else.
    pub(super) fn expect_ok(self, what: &str) -> Result<Vec<u8>, String> {
        if self.status == 200 {
            return Ok(self.body);
        }
        Err(format!(
            "{what}: the host answers {} and says {}",
            self.status,
            quote_bytes(self.body.trim_ascii())
        ))
    }
}

impl Endpoint {
    pub(super) fn new(job: &Job<'_>) -> Result<Self, String> {
        let url = job.access.api_url().to_owned();
        let pair = format!("{}:{}", job.access.username(), job.access.password());
        let mut authorization = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| "the credentials cannot be sent".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self { agent: agent(job.ways)?, url, authorization })
    }

    pub(super) fn get(&self, suffix: &str) -> Result<Answer, String> {
        let request = self.agent.get(format!("{}{suffix}", self.url));
        answer(request.header(header::AUTHORIZATION, self.authorization.clone()).call())
    }

    pub(super) fn post(&self, suffix: &str, media_type: &str, body: &[u8]) -> Result<Answer, String> {
        let request = self.agent.post(format!("{}{suffix}", self.url));
        let request = request.header(header::AUTHORIZATION, self.authorization.clone());
        answer(request.header(header::CONTENT_TYPE, media_type).send(body))
    }
}

fn agent(ways: &Ways) -> Result<Agent, String> {
    let settings = Settings {
        section: "sandbox",
        ca_file: ways.ca_file.as_deref(),
        proxy: None,
        allow_http: true,
        secure: true,
        connect_timeout: limits::SANDBOX_REQUEST_TIME,
        timeout: limits::SANDBOX_REQUEST_TIME,
        connect_to: None,
    };
    agent::build(&settings).map_err(|error| error.chain())
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let response = result.map_err(|error| format!("the host's endpoint does not answer: {error}"))?;
    let status = response.status().as_u16();
    let body = response.into_body().into_with_config().limit(limits::BUILDER_REPLY_BYTES).read_to_vec();
    let body = body.map_err(|error| format!("the host's answer cannot be read: {error}"))?;
    Ok(Answer { status, body })
}

/// Publishes: directories, files, and then a look whether everything is there.
pub(super) fn publish(job: &Job<'_>) -> Result<(), String> {
    let endpoint = Endpoint::new(job)?;
    for directory in website::directories() {
        let suffix = format!("/{}?mkDir=1", escape(&directory));
        endpoint.get(&suffix)?.expect_ok(&format!("making {directory}"))?;
    }
    for file in job.files {
        job.check_time()?;
        let suffix = format!("/{}", escape(&file.path));
        endpoint
            .post(&suffix, "application/octet-stream", &file.bytes)?
            .expect_ok(&format!("putting {}", file.path))?;
    }
    for directory in std::iter::once(String::new()).chain(website::directories()) {
        compare(&endpoint, job, &directory)?;
    }
    Ok(())
}

/// Makes sure that a directory holds what was put there, and removes from the builder's folder what an earlier edition has left.
fn compare(endpoint: &Endpoint, job: &Job<'_>, directory: &str) -> Result<(), String> {
    let what = format!("listing {}", if directory.is_empty() { "the document root" } else { directory });
    let body = endpoint.get(&format!("/{}?list=1", escape(directory)))?.expect_ok(&what)?;
    let items: Vec<Value> =
        serde_json::from_slice(&body).map_err(|_| format!("{what}: the answer is no JSON array"))?;
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let mine = |name: &str| job.files.iter().find(|file| file.path == format!("{prefix}{name}"));
    let mut seen = 0;
    for item in &items {
        let (Some(name), Some(is_dir)) = (item["name"].as_str(), item["isDir"].as_bool()) else {
            return Err(format!("{what}: an item lacks its name or isDir"));
        };
        match mine(name) {
            Some(file) if !is_dir && has_size(file, item["size"].as_u64()) => {
                seen += 1;
            }
            Some(_) => return Err(format!("{what}: {} is not what was put there", quote(name))),
            None if is_dir || !is_stale(directory, name) => {}
            None => {
                let suffix = format!("/{}?delete=1", escape(&format!("{prefix}{name}")));
                endpoint.get(&suffix)?.expect_ok(&format!("removing {prefix}{name}"))?;
            }
        }
    }
    let wanted = job
        .files
        .iter()
        .filter(|file| file.path.rsplit_once('/').map_or("", |(parent, _)| parent) == directory);
    if seen == wanted.count() { Ok(()) } else { Err(format!("{what}: not everything that was put is there")) }
}

/// Whether a file can have that size at the host. What an owner keeps between the marks of `.htaccess` makes it longer.
fn has_size(file: &SiteFile, size: Option<u64>) -> bool {
    let sent = file.bytes.len() as u64;
    size.is_none_or(|size| if file.path.ends_with(".htaccess") { size >= sent } else { size == sent })
}

/// Pages are the builder's own, so those that the site no longer has go. Everything else may be data that visitors have left.
fn is_stale(directory: &str, name: &str) -> bool {
    directory == format!("{}/pages", website::FOLDER) && name.ends_with(".html")
}

/// A path as it stands in an address. What is not escaped is what RFC 3986 2.3 leaves alone, and the slash.
pub(super) fn escape(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_of_paths() {
        assert_eq!(super::escape("a b/é%.css"), "a%20b/%C3%A9%25.css");
        assert_eq!(super::escape(".htaccess"), ".htaccess");
    }
}
