//! cPanel's files about the whole server: which account has a domain, which accounts are demonstrations, which public address belongs to a local one.

use std::net::IpAddr;

use crate::error::Result;
use crate::limits;
use crate::panel::tree::utf8;
use crate::panel::{Tree, data_error, detail, domain_map, parse_ip};
use crate::types::{Domain, Username};

const USER_DOMAINS: &str = "/etc/userdomains";

/// The accounts that `/etc/userdomains` (`domain: user`) names for a domain.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if the file is missing, empty, not text, or has a line for the domain without an account.
pub(super) fn owners(tree: &Tree, domain: &Domain) -> Result<Vec<Username>> {
    let path = tree.path(USER_DOMAINS);
    let content = tree.read(USER_DOMAINS, limits::DOMAIN_MAP_BYTES)?;
    let content = content.ok_or_else(|| data_error(path.display(), "the panel's file is missing"))?;
    domain_map::owners(&path, &content.bytes, domain)
}

/// Whether `/etc/demousers` names the account.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if the file is there and cannot be read.
pub(super) fn is_demo(tree: &Tree, name: &Username) -> Result<bool> {
    let content = tree.read_account_file("/etc/demousers")?;
    Ok(content.is_some_and(|content| {
        content.bytes.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == name.as_str().as_bytes())
    }))
}

/// Whether cPanel has marked the account as suspended: `/var/cpanel/suspended/USER` is there. A mark that cannot be read is an error, not a "no".
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if it cannot be read.
pub(super) fn is_marked_suspended(tree: &Tree, name: &Username) -> Result<bool> {
    Ok(tree.read_account_file(format!("/var/cpanel/suspended/{name}"))?.is_some())
}

/// The public address of the account with the local address `ip`, or of the server (`/var/cpanel/mainip`) if the account has none.
///
/// # Errors
/// [`PanelData`](crate::error::ErrorKind::PanelData) if a file is there and cannot be read.
pub(super) fn public_ip(tree: &Tree, name: &Username, ip: Option<&str>) -> Result<Option<IpAddr>> {
    let main = match ip {
        Some(_) => None,
        None => tree.read_account_file("/var/cpanel/mainip")?,
    };
    let main =
        main.as_ref().map(|content| utf8(&tree.path("/var/cpanel/mainip"), &content.bytes)).transpose()?;
    let check = |text: &str| parse_ip(text).ok_or("it is not an IP address");
    let Some(local) = detail::usable(name, "IP", ip.or(main), check) else { return Ok(None) };
    Ok(Some(behind_nat(tree, local)?.unwrap_or(local)))
}

/// The public address that `/var/cpanel/cpnat` (`local public` per line) gives a local one.
fn behind_nat(tree: &Tree, local: IpAddr) -> Result<Option<IpAddr>> {
    let Some(content) = tree.read_account_file("/var/cpanel/cpnat")? else { return Ok(None) };
    let path = tree.path("/var/cpanel/cpnat");
    for line in utf8(&path, &content.bytes)?.lines() {
        let mut columns = line.split_ascii_whitespace();
        if columns.next().and_then(parse_ip) != Some(local) {
            continue;
        }
        // A line without a second column: cPanel has not found out the public address.
        let Some(public) = columns.next() else { return Ok(None) };
        return match parse_ip(public) {
            Some(public) => Ok(Some(public)),
            None => {
                Err(data_error(path.display(), format!("{local} is mapped to something that is no address")))
            }
        };
    }
    Ok(None)
}
