//! The map of a panel from domains to accounts: one line `domain: account` each (`/etc/userdomains`, `/etc/virtual/domainowners`).
//!
//! Such a map has a line for every domain of the server, and is asked at every click. It is searched for the one name in a single pass that
//! allocates nothing for the other lines; they are not taken apart, so that a fault in one of them stops nobody else.

use std::path::Path;

use memchr::{memchr, memmem};

use crate::error::Result;
use crate::types::{Domain, Username, quote_bytes};

use super::data_error;

/// The accounts that the map names for a domain, each once, in alphabetical order. `path` is for errors.
///
/// Panels write the names in lower case ASCII, as [`Domain`] has them.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if the map is empty or binary, or a line of this domain does not end in an account name.
pub(super) fn owners(path: &Path, bytes: &[u8], domain: &Domain) -> Result<Vec<Username>> {
    if bytes.trim_ascii().is_empty() {
        return Err(data_error(path.display(), "the map of domains is empty"));
    }
    if let Some(at) = memchr(0, bytes) {
        return Err(data_error(place(path, bytes, at), "there is a NUL byte"));
    }
    let name = domain.as_str().as_bytes();
    let mut owners = Vec::new();
    for at in memmem::find_iter(bytes, name).filter(|at| is_line_start(bytes, *at)) {
        let rest = &bytes[at + name.len()..];
        let rest = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else { continue };
        let owner = std::str::from_utf8(value.trim_ascii()).ok().and_then(|text| Username::new(text).ok());
        owners.push(owner.ok_or_else(|| {
            let what = format!("{domain} belongs to {}, which is not an account name", quote_bytes(value));
            data_error(place(path, bytes, at), what)
        })?);
    }
    owners.sort();
    owners.dedup();
    Ok(owners)
}

fn is_line_start(bytes: &[u8], at: usize) -> bool {
    at == 0 || bytes[at - 1] == b'\n'
}

fn place(path: &Path, bytes: &[u8], at: usize) -> String {
    let line = memchr::memchr_iter(b'\n', &bytes[..at]).count() + 1;
    format!("{}:{line}", path.display())
}

#[cfg(test)]
mod tests;
