//! The demo: a click on the icon, from a panel's page to the builder, on one machine, without installation, network or root.
//!
//! What is real: `panelgate.cgi`, run as a web server runs it, with a configuration of its own, the account data it reads, and the TLS connection
//! to the builder. What is played: the panel's page and the builder. Everything listens on the loopback address; the pages need a token that
//! only the printed address carries. All files are in one directory, which is removed at the end.

mod cgi;
mod check;
mod client;
mod form;
mod installation;
mod page;
mod panel;

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

    /// Host and port of the panel's page and of the builder's pages: what a browser must reach.
    pub fn hosts(&self) -> [String; 2] {
        [self.panel.address().to_string(), self.panel.installation().builder_host().to_owned()]
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
