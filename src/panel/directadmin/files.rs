//! What DirectAdmin's files have in common: lists of one item a line, and switches.

use std::path::Path;

use crate::error::Result;
use crate::panel::data_error;
use crate::panel::tree::utf8;
use crate::types::{Domain, quote};

/// The items of a list with their lines, without blanks around them; empty lines are left out.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) with file and line, if it is not text.
pub(super) fn lines<'a>(path: &Path, bytes: &'a [u8]) -> Result<Vec<(usize, &'a str)>> {
    let text = utf8(path, bytes)?;
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        return Err(data_error(format!("{}:{line}", path.display()), "there is a NUL byte"));
    }
    let items = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    Ok(items.filter(|(_, item)| !item.is_empty()).collect())
}

/// A switch as DirectAdmin writes it: `yes`/`no`, `ON`/`OFF`, `1`/`0`.
///
/// # Errors
/// What is wrong, for the caller to add file and line: a word that is neither must not pass for one of them.
pub(super) fn switch(text: &str) -> std::result::Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "1" | "true" | "checked" => Ok(true),
        "no" | "off" | "0" | "false" | "" => Ok(false),
        _ => Err(format!("{} is neither yes nor no", quote(text))),
    }
}

/// Every way to see a name as a subdomain: the label and the domain above it, longest label last.
pub(super) fn parents(domain: &Domain) -> impl Iterator<Item = (&str, Domain)> {
    let name = domain.as_str();
    name.match_indices('.')
        .filter_map(move |(dot, _)| Domain::new(&name[dot + 1..]).ok().map(|parent| (&name[..dot], parent)))
}

#[cfg(test)]
mod tests;
