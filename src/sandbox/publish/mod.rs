//! What the sandbox does when somebody presses "Publish": it brings a small website to where the session said, by the way that the session said,
//! and takes the documentation at its word (`reference/builder-api.md` 5, 6).
//!
//! Nobody's server is spared: a refusal, a short answer, a file that is not where it was put is a failed publication, and the page says which.

mod archive;
mod ftp;
mod http;
mod internal;
mod sftp;
pub(super) mod website;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::checks::{Accepted, Access};
use crate::limits;
use website::{Design, SiteFile};

pub(super) use internal::{ARCHIVES_PATH, Archives};

/// What the sandbox needs to reach the servers that it publishes to. The defaults are those of a builder on the net.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Certificates in PEM form that a publication endpoint may have one of; the usual authorities' if there is none.
    pub ca_file: Option<PathBuf>,
    /// The port of FTP servers.
    pub ftp_port: u16,
    /// How it logs in by SSH; without, it does not publish that way.
    pub ssh: Option<Ssh>,
    /// How long it waits between two questions about the state of a publication of type `internal`.
    pub poll: Duration,
    /// By which name the form of such a publication carries the archive's address: the real one is not documented.
    pub zip_field: String,
}

/// How the sandbox logs in by SSH: with the system's `sftp`.
#[derive(Clone, Debug)]
pub struct Ssh {
    /// The program.
    pub program: PathBuf,
    /// The port of SSH servers.
    pub port: u16,
    /// The private key, which `authorized_keys` has the public half of.
    pub key: PathBuf,
    /// The servers' keys. A server with another one is not talked to.
    pub known_hosts: PathBuf,
}

impl Default for Ways {
    fn default() -> Self {
        Self {
            ca_file: None,
            ftp_port: 21,
            ssh: None,
            poll: Duration::from_secs(5),
            zip_field: "url".to_owned(),
        }
    }
}

/// A publication that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Published {
    /// How many files went out.
    pub(super) files: usize,
    /// How many bytes.
    pub(super) bytes: usize,
    /// How long it took.
    pub(super) time: Duration,
}

/// What is to be published where.
pub(super) struct Order<'a> {
    /// The session that was accepted.
    pub(super) session: &'a Accepted,
    /// The first page's headline.
    pub(super) headline: &'a str,
    /// How often the site has been published, this time included.
    pub(super) edition: u64,
}

/// One publication under way: what each way gets.
struct Job<'a> {
    ways: &'a Ways,
    access: &'a Access,
    session: &'a Accepted,
    files: &'a [SiteFile],
    end: Instant,
}

impl Job<'_> {
    /// Whether there is time left.
    fn check_time(&self) -> Result<(), String> {
        if Instant::now() < self.end { Ok(()) } else { Err("the publication took too long".into()) }
    }
}

/// Publishes. The error is what the builder's user reads.
pub(super) fn publish(ways: &Ways, archives: &Archives, order: &Order<'_>) -> Result<Published, String> {
    let session = order.session;
    let design = Design {
        site: session.site().to_owned(),
        headline: order.headline.to_owned(),
        edition: order.edition,
    };
    let files = website::files(&design);
    let start = Instant::now();
    let job = Job {
        ways,
        access: &session.access,
        session,
        files: &files,
        end: start + limits::SANDBOX_PUBLISH_TIME,
    };
    match session.kind {
        "http" => http::publish(&job)?,
        "internal" => internal::publish(&job, archives)?,
        "external" => ftp::publish(&job)?,
        "ssh" => sftp::publish(&job)?,
        _ => return Err("The sandbox does not write to document roots itself (type local).".into()),
    }
    let bytes = files.iter().map(|file| file.bytes.len()).sum();
    Ok(Published { files: files.len(), bytes, time: start.elapsed() })
}
