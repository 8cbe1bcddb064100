//! The map of a panel from domains to accounts: one line `domain: account` each (`/etc/userdomains`, `/etc/virtual/domainowners`).
//!
//! Such a map has a line for every domain of the server, and is asked at every click. It is read piece by piece and searched for the names in a
//! single pass that allocates nothing for the other lines; they are not taken apart, so that a fault in one of them stops nobody else.

use std::io::{ErrorKind, Read};
use std::path::Path;

use memchr::{memchr, memchr_iter, memmem, memrchr};

use crate::error::Result;
use crate::limits;
use crate::types::{Domain, Username, quote_bytes};

use super::data_error;

/// The accounts that the map names for each of the domains: each once, in alphabetical order. `path` is for errors.
///
/// Panels write the names in lower case ASCII, as [`Domain`] has them.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if the map is empty, binary or too large, or a line of one of the domains does not end in an
/// account name.
pub(super) fn owners(path: &Path, mut source: impl Read, domains: &[&Domain]) -> Result<Vec<Vec<Username>>> {
    let mut search = Search { path, domains, owners: vec![Vec::new(); domains.len()], lines: 0 };
    // At its beginning lies the line of which only a part was read.
    let (mut buffer, mut kept) = (vec![0; limits::DOMAIN_MAP_LINE_BYTES], 0);
    let (mut total, mut empty) = (0, true);
    loop {
        let count = match source.read(&mut buffer[kept..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(data_error(path.display(), "it cannot be read").with_source(error)),
            Ok(count) => count,
        };
        total += count as u64;
        if total > limits::DOMAIN_MAP_BYTES {
            let what = format!("it is larger than {} bytes", limits::DOMAIN_MAP_BYTES);
            return Err(data_error(path.display(), what));
        }
        let end = kept + count;
        let whole = match memrchr(b'\n', &buffer[..end]) {
            _ if count == 0 => end,
            Some(at) => at + 1,
            None if end < buffer.len() => 0,
            None => {
                let what = format!("the line is longer than {} bytes", limits::DOMAIN_MAP_LINE_BYTES);
                return Err(data_error(search.place(&[]), what));
            }
        };
        empty = empty && buffer[..whole].trim_ascii().is_empty();
        search.piece(&buffer[..whole])?;
        buffer.copy_within(whole..end, 0);
        kept = end - whole;
        if count == 0 {
            break;
        }
    }
    if empty {
        return Err(data_error(path.display(), "the map of domains is empty"));
    }
    for owners in &mut search.owners {
        owners.sort();
        owners.dedup();
    }
    Ok(search.owners)
}

struct Search<'a> {
    path: &'a Path,
    domains: &'a [&'a Domain],
    owners: Vec<Vec<Username>>,
    /// How many lines lie behind.
    lines: usize,
}

impl Search<'_> {
    /// Searches a piece that begins and ends with a line.
    fn piece(&mut self, piece: &[u8]) -> Result<()> {
        if let Some(at) = memchr(0, piece) {
            return Err(data_error(self.place(&piece[..at]), "there is a NUL byte"));
        }
        for (index, domain) in self.domains.iter().enumerate() {
            let name = domain.as_str().as_bytes();
            for at in memmem::find_iter(piece, name).filter(|at| is_line_start(piece, *at)) {
                let rest = &piece[at + name.len()..];
                let rest = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
                let Some(value) = rest.trim_ascii_start().strip_prefix(b":") else { continue };
                let owner =
                    std::str::from_utf8(value.trim_ascii()).ok().and_then(|text| Username::new(text).ok());
                let owner = owner.ok_or_else(|| {
                    let what =
                        format!("{domain} belongs to {}, which is not an account name", quote_bytes(value));
                    data_error(self.place(&piece[..at]), what)
                })?;
                self.owners[index].push(owner);
            }
        }
        self.lines += memchr_iter(b'\n', piece).count();
        Ok(())
    }

    /// The line behind what was searched and `before`.
    fn place(&self, before: &[u8]) -> String {
        format!("{}:{}", self.path.display(), self.lines + memchr_iter(b'\n', before).count() + 1)
    }
}

fn is_line_start(bytes: &[u8], at: usize) -> bool {
    at == 0 || bytes[at - 1] == b'\n'
}

#[cfg(test)]
mod tests;
