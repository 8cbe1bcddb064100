//! Fetching the archive of a publication (`reference/builder-api.md` 6.3 case 7).
//!
//! The address comes from a form, so every hop of it is looked at before a connection is made: the host must be the builder's or one that the
//! administrator named, and what it resolves to must be on the internet and is where the connection goes, whatever the name resolves to
//! a moment later. No credentials are sent. What comes is written to a file without a name, and is not looked into beyond its first bytes.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ureq::Body;
use ureq::http::{HeaderValue, Response, header};

use crate::agent::{self, Settings};
use crate::config::{BuilderConfig, PublishConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::addresses;
use crate::sys::resolve::{self, ChosenBy};
use crate::sys::spool::Spool;
use crate::types::WebUrl;

/// Pause before the second attempt; before each further one it is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// What a zip archive begins with.
const SIGNATURE: [u8; 4] = *b"PK\x03\x04";

/// What to fetch, and under which rules.
pub struct Download<'a> {
    /// `[builder]`
    pub builder: &'a BuilderConfig,
    /// `[publish]`
    pub publish: &'a PublishConfig,
    /// The archive's address.
    pub url: &'a WebUrl,
    /// Asked again and again; an error of it ends the download.
    pub go_on: &'a dyn Fn() -> Result<()>,
}

/// Why an attempt ended.
enum Fault {
    /// It may succeed if it is tried again.
    Passing(Error),
    /// It will not.
    Final(Error),
}

/// Fetches the archive into the spool; gives its size in bytes. What is transient is tried again.
///
/// # Errors
/// [`ErrorKind::Download`] with the reason; [`ErrorKind::Archive`] if what came is no archive; what `go_on` says.
pub fn fetch(download: &Download<'_>, spool: &mut Spool) -> Result<u64> {
    let end = Instant::now() + limits::DOWNLOAD_TIME;
    let mut pause = PAUSE;
    for attempt in 1.. {
        (download.go_on)()?;
        spool.clear().map_err(spool_failed)?;
        match download.attempt(spool, end) {
            Ok(bytes) => return Ok(bytes),
            Err(Fault::Final(error)) => return Err(error),
            Err(Fault::Passing(error))
                if attempt >= limits::DOWNLOAD_ATTEMPTS || Instant::now() + pause >= end =>
            {
                return Err(error);
            }
            Err(Fault::Passing(error)) => log::info!("a download is tried again: {error:?}"),
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
    Err(failed("it was never tried"))
}

/// Whether an archive may be fetched from an address, as far as the address itself says.
///
/// # Errors
/// [`ErrorKind::Download`] with the setting that would permit it.
pub fn may_fetch(builder: &BuilderConfig, publish: &PublishConfig, url: &WebUrl) -> Result<()> {
    permission(builder, publish, url).map(drop)
}

/// Whether the host may be asked, and whether it was named so that it may have a private address.
fn permission(builder: &BuilderConfig, publish: &PublishConfig, url: &WebUrl) -> Result<bool> {
    if !url.is_https() && !builder.allow_http {
        let text = format!(
            "{} is not https ([builder] allow_http = yes permits it on your own premises)",
            url.origin()
        );
        return Err(failed(&text));
    }
    let named: Vec<_> =
        publish.download_hosts.iter().filter(|pattern| pattern.matches(url, builder.url.port())).collect();
    if named.is_empty() && !builder.allows(url) {
        let text = format!(
            "{} is not a host that archives may come from (if it is the builder's, add it to [publish] download_hosts)",
            url.origin()
        );
        return Err(failed(&text));
    }
    Ok(named.iter().any(|pattern| !pattern.is_below()))
}

impl Download<'_> {
    /// Follows the redirects to the archive, and takes it.
    fn attempt(&self, spool: &mut Spool, end: Instant) -> Result<u64, Fault> {
        let mut url = self.url.clone();
        for _ in 0..=limits::DOWNLOAD_REDIRECTS {
            let response = self.request(&url, end)?;
            if let Some(next) = redirect(&response, &url).map_err(Fault::Final)? {
                if url.is_https() && !next.is_https() {
                    let text = format!("{} redirects to {}, which is not https", url.origin(), next.origin());
                    return Err(Fault::Final(failed(&text)));
                }
                url = next;
                continue;
            }
            return self.take(response, &url, spool);
        }
        let text = format!("{} redirects more than {} times", self.url.origin(), limits::DOWNLOAD_REDIRECTS);
        Err(Fault::Final(failed(&text)))
    }

    /// The addresses that may be connected to. With a proxy the proxy resolves the name.
    fn addresses(&self, url: &WebUrl) -> Result<Vec<SocketAddr>, Fault> {
        let may_be_private = permission(self.builder, self.publish, url).map_err(Fault::Final)?;
        let found: Vec<IpAddr> = match url.ip() {
            Some(address) => vec![address],
            None => resolve::addresses(url.host(), ChosenBy::Administrator, limits::RESOLVE_TIME).map_err(
                |error| Fault::Passing(failed(&format!("{} has no address", url.host())).with_source(error)),
            )?,
        };
        let is_bad = |address: &IpAddr| {
            !may_be_private && (!addresses::is_public(*address) || addresses::is_own(*address))
        };
        if let Some(bad) = found.iter().find(|address| is_bad(address)) {
            let text = format!(
                "{} is at {bad}, which is private or this server's own (name the host in [publish] download_hosts to permit it)",
                url.host()
            );
            return Err(Fault::Final(failed(&text)));
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, url.port())).collect())
    }

    /// Asks one server, at the first of its addresses that answers.
    fn request(&self, url: &WebUrl, end: Instant) -> Result<Response<Body>, Fault> {
        let mut last = Fault::Passing(failed(&format!("{} has no address", url.host())));
        for address in self.addresses(url)? {
            let left = end.saturating_duration_since(Instant::now());
            let agent = agent::build(&Settings {
                section: "builder",
                ca_file: self.builder.ca_file.as_deref(),
                proxy: self.builder.proxy.as_ref(),
                allow_http: self.builder.allow_http,
                secure: url.is_https(),
                connect_timeout: self.builder.connect_timeout,
                timeout: left,
                connect_to: self.builder.proxy.is_none().then_some(address),
            })
            .map_err(Fault::Final)?;
            let request = agent.get(url.to_string()).header(header::ACCEPT, "application/zip, */*");
            let request = request.config().timeout_per_read(Some(limits::DOWNLOAD_PACE)).build();
            match request.call() {
                Ok(response) => return Ok(response),
                Err(error) => {
                    let text = format!("{} could not be asked", url.origin());
                    last = Fault::Passing(failed(&text).with_source(error));
                }
            }
        }
        Err(last)
    }

    /// Takes the body, if it is an archive and not too large.
    fn take(&self, response: Response<Body>, url: &WebUrl, spool: &Spool) -> Result<u64, Fault> {
        let status = response.status().as_u16();
        if status != 200 {
            let error = failed(&format!("{} answered with status {status}", url.origin()));
            return Err(if status >= 500 { Fault::Passing(error) } else { Fault::Final(error) });
        }
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(Fault::Final(failed("it comes in an encoding that was not asked for")));
        }
        let announced = response.body().content_length();
        if announced.is_some_and(|bytes| bytes > limits::DOWNLOAD_BYTES) {
            return Err(Fault::Final(too_large()));
        }
        make_room(spool, announced.unwrap_or_default()).map_err(Fault::Final)?;
        let mut reader = response.into_body().into_reader();
        self.copy(&mut reader, url, spool)
    }

    fn copy(&self, reader: &mut impl Read, url: &WebUrl, spool: &Spool) -> Result<u64, Fault> {
        let mut buffer = vec![0; 64 * 1024];
        let mut start: Vec<u8> = Vec::new();
        let (mut bytes, mut since, mut since_bytes, mut checked) = (0_u64, Instant::now(), 0_u64, 0_u64);
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let text = format!("{} broke off after {bytes} bytes", url.origin());
                    return Err(Fault::Passing(failed(&text).with_source(error)));
                }
            };
            start.extend(buffer[..count].iter().take(SIGNATURE.len() - start.len()));
            if !SIGNATURE.starts_with(&start) {
                return Err(Fault::Final(not_an_archive()));
            }
            bytes += count as u64;
            if bytes > limits::DOWNLOAD_BYTES {
                return Err(Fault::Final(too_large()));
            }
            spool.file().write_all(&buffer[..count]).map_err(|error| Fault::Final(spool_failed(error)))?;
            if bytes - checked >= limits::SPOOL_RESERVE_BYTES / 8 {
                make_room(spool, 0).map_err(Fault::Final)?;
                checked = bytes;
            }
            if since.elapsed() >= Duration::from_secs(1) && bytes - since_bytes >= limits::DOWNLOAD_PACE_BYTES
            {
                (self.go_on)().map_err(Fault::Final)?;
                (since, since_bytes) = (Instant::now(), bytes);
            } else if since.elapsed() >= limits::DOWNLOAD_PACE {
                let text = format!("{} sends too slowly: {bytes} bytes so far", url.origin());
                return Err(Fault::Final(failed(&text)));
            }
        }
        if start == SIGNATURE { Ok(bytes) } else { Err(Fault::Final(not_an_archive())) }
    }
}

/// Makes sure that there is room for `bytes` more, and some to spare for everybody else.
fn make_room(spool: &Spool, bytes: u64) -> Result<()> {
    let free = spool.free().map_err(spool_failed)?;
    if free < bytes.saturating_add(limits::SPOOL_RESERVE_BYTES) {
        let text = format!("there are only {free} bytes free in [store] dir: make room there");
        return Err(failed(&text));
    }
    Ok(())
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Download, format!("the archive cannot be fetched: {what}"))
}

fn spool_failed(error: io::Error) -> Error {
    failed("it cannot be written to [store] dir").with_source(error)
}

fn too_large() -> Error {
    let text = format!("the archive is larger than {} bytes", limits::DOWNLOAD_BYTES);
    Error::new(ErrorKind::Archive, text)
}

fn not_an_archive() -> Error {
    Error::new(ErrorKind::Archive, "what the builder sent is not a zip archive")
}

/// Where the response redirects to; `None` if it is no redirect.
fn redirect(response: &Response<Body>, url: &WebUrl) -> Result<Option<WebUrl>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).map(HeaderValue::to_str);
    match location {
        Some(Ok(location)) => url.resolve(location).map(Some).map_err(|fault| {
            failed(&format!("{} redirects to an address that cannot be used: {fault}", url.origin()))
        }),
        _ => Err(failed(&format!("{} redirects without saying where", url.origin()))),
    }
}

#[cfg(test)]
mod tests;
