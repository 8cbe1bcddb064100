//! The demo: a click on the icon, from a panel's page to the builder and to the published site, on one machine, without installation, network or root.
//!
//! What is real: `panelgate.cgi`, run as a web server runs it, with a configuration of its own, the account data it reads, the TLS connections
//! between the two sides, and the worker that writes what is published. What is played: the panel's page, the builder, the broker's loop, and the
//! public web server, which has no PHP. Everything listens on the loopback address; the pages need a token that
//! only the printed address carries. All files are in one directory, which is removed at the end.

mod cgi;
mod check;
mod client;
mod endpoint;
mod form;
mod installation;
mod page;
mod panel;
mod website;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sandbox::http::{self, Server};

pub use check::Step;
use installation::Installation;
use panel::DemoPanel;

/// What can be chosen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The port of the panel's page; 0 lets the system choose.
    pub port: u16,
}

/// A running demo. Dropping it ends it and removes its files.
pub struct Demo {
    // Dropped in this order: nobody is served any more when the builder ends and the files go.
    _server: Server,
    panel: Arc<DemoPanel>,
}

impl Demo {
    /// Puts everything together and starts to serve.
    ///
    /// A root process gives up root for good here, for the user `nobody`. It must have no other threads that need root.
    ///
    /// # Errors
    /// If the program `panelgate.cgi` is not built, no directory for the files is found, or the port is taken.
    pub fn start(options: &Options) -> Result<Self> {
        let installation = Installation::make()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(|error| {
            let text =
                format!("the demo cannot listen on port {} of 127.0.0.1: name another --port", options.port);
            Error::new(ErrorKind::Unavailable, text).with_source(error)
        })?;
        let fail = |error: std::io::Error| {
            Error::new(ErrorKind::Internal, "the demo's web server cannot be started").with_source(error)
        };
        let address = listener.local_addr().map_err(fail)?;
        let panel = Arc::new(DemoPanel::new(installation, address));
        let rules = http::Limits { body_bytes: limits::DEMO_BODY_BYTES, ..http::Limits::default() };
        let serve = panel.clone();
        let server = http::serve(listener, rules, move |request| serve.answer(&request)).map_err(fail)?;
        Ok(Self { _server: server, panel })
    }

    /// The address to open in a browser, with the token that the pages require.
    pub fn address(&self) -> String {
        self.panel.entrance()
    }

    /// Host and port of the panel's page, of the builder's pages and of the sites: what a browser must reach.
    pub fn hosts(&self) -> Vec<String> {
        let installation = self.panel.installation();
        let mut hosts = vec![self.panel.address().to_string(), installation.builder_host().to_owned()];
        hosts.extend(installation.sites().iter().map(ToString::to_string));
        hosts
    }

    /// Where the files are while it runs.
    pub fn directory(&self) -> &Path {
        self.panel.installation().directory()
    }

    /// Walks the way of a click by itself, and some ways that must not work. `report` is told of each step that went as it should, and says whether
    /// to go on.
    ///
    /// # Errors
    /// What did not go as it should, at the first step that did not.
    pub fn check(&self, report: &mut dyn FnMut(&Step) -> bool) -> Result<()> {
        check::walk(&self.panel, report)
    }
}

/// Decodes a path as a web server does, once; `None` if an escape is malformed, or what comes out is not UTF-8 or holds a NUL.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(16 * digit(rest.next()?)? + digit(rest.next()?)?);
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(decode("/a%2541%20b/%C3%A9+").as_deref(), Some("/a%41 b/é+"));
        for bad in ["%", "%4", "%zz", "%+1", "%00", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
