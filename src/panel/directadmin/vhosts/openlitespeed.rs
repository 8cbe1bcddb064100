//! `openlitespeed.conf`: OpenLiteSpeed's configuration language, as far as blocks with `vhDomain` and `docRoot` go.

use super::{Fault, VirtualHost};

/// The virtual hosts in the file's order.
pub(super) fn parse(text: &str) -> Result<Vec<VirtualHost>, Fault> {
    let mut hosts = Vec::new();
    let mut blocks = Vec::new();
    let (mut host, mut vh_root) = (VirtualHost::default(), String::new());
    let mut lines = text.lines().enumerate();
    while let Some((index, text)) = lines.next() {
        let (line, text) = (index + 1, text.trim());
        let (key, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (key, value) = (key.to_ascii_lowercase(), value.trim());
        if key.is_empty() || key.starts_with('#') {
            continue;
        }
        if let Some((_, mark)) = value.split_once("<<<") {
            // A value of several lines, which ends at its mark.
            if !lines.any(|(_, text)| text.trim() == mark.trim()) {
                return Err(Fault(line, "the end of this value is missing"));
            }
        } else if text == "}" {
            if blocks.pop().is_none() {
                return Err(Fault(line, "a \"}\" closes nothing"));
            }
            if blocks.is_empty() {
                hosts.push(std::mem::take(&mut host));
                vh_root.clear();
            }
        } else if text.ends_with('{') {
            if blocks.is_empty() {
                host.line = line;
            }
            host.tls |= key == "vhssl" || key == "vhssl{";
            blocks.push(line);
        } else if blocks.len() == 1 {
            match key.as_str() {
                "vhroot" => vh_root = value.trim_end_matches('/').to_owned(),
                "docroot" => host.root = Some(value.to_owned()),
                "vhdomain" | "vhaliases" => {
                    host.names.extend(
                        value.split([',', ' ', '\t']).filter(|name| !name.is_empty()).map(str::to_owned),
                    );
                }
                _ => {}
            }
            if let Some(below) = host.root.as_deref().and_then(|root| root.strip_prefix("$VH_ROOT"))
                && !vh_root.is_empty()
            {
                host.root = Some(format!("{vh_root}{below}"));
            }
        }
    }
    match blocks.last() {
        Some(line) => Err(Fault(*line, "this block is not closed")),
        None => Ok(hosts),
    }
}
