//! `httpd.conf`: Apache's configuration language, as far as `<VirtualHost>` blocks go.

use super::{Fault, VirtualHost};

/// The virtual hosts in the file's order.
pub(super) fn parse(text: &str) -> Result<Vec<VirtualHost>, Fault> {
    let mut hosts = Vec::new();
    let mut open: Option<VirtualHost> = None;
    for (line, text) in logical_lines(text) {
        let text = text.trim();
        let (directive, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let directive = directive.trim_end_matches('>').to_ascii_lowercase();
        match (directive.as_str(), &mut open) {
            ("<virtualhost", Some(_)) => return Err(Fault(line, "a <VirtualHost> begins within another")),
            ("<virtualhost", None) => {
                let tls = words(rest.trim_end_matches('>')).iter().any(|address| address.ends_with(":443"));
                open = Some(VirtualHost { line, tls, ..VirtualHost::default() });
            }
            ("</virtualhost", None) => return Err(Fault(line, "a </VirtualHost> ends nothing")),
            ("</virtualhost", Some(_)) => hosts.extend(open.take()),
            ("servername", Some(host)) => {
                host.names.extend(words(rest).first().map(|name| server_name(name).to_owned()));
            }
            ("serveralias", Some(host)) => host.names.extend(words(rest)),
            // A later directive replaces an earlier one.
            ("documentroot", Some(host)) => host.root = words(rest).into_iter().next(),
            ("sslengine", Some(host)) => host.tls = rest.trim().eq_ignore_ascii_case("on"),
            _ => {}
        }
    }
    match open {
        Some(host) => Err(Fault(host.line, "this <VirtualHost> is not closed")),
        None => Ok(hosts),
    }
}

/// A backslash at the end of a line continues it. The number is that of the first line.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (index, first) = lines.next()?;
        let mut whole = first.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push_str(next);
        }
        Some((index + 1, whole))
    })
}

/// `[scheme://]name[:port]`
fn server_name(text: &str) -> &str {
    let name = text.split_once("://").map_or(text, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// Arguments, parted by blanks; quotes keep blanks together.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, next) = match first {
            '"' | '\'' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = next.trim_start();
    }
    words
}
