//! The privileged side: a small process of root that knows its callers from the kernel, decides, talks to the builder, and gives back only what the
//! caller may have. `PROTOCOL.md` beside this file is the wire.
//!
//! - [`protocol`]: frames and messages
//! - [`server`]: one loop that accepts and reads, and a pool that works; openings, which wait for the builder, take turns in a lane of it
//! - [`client`]: the other end, which is [`crate::gateway::Remote`]'s means

pub mod client;
mod counts;
mod examination;
mod handler;
mod inbox;
mod lane;
mod long;
mod pool;
pub mod protocol;
mod publication;
mod publisher;
mod reload;
pub mod server;
mod shares;
mod tally;
mod wire;

use std::path::Path;
use std::time::Duration;

use crate::config::{self, Config};

/// Where the installed broker listens.
pub const SOCKET: &str = "/run/panelgate/broker.sock";

/// Where the broker listens that works with a configuration; `None` for a private trial without one.
pub(crate) fn socket_of(config: &Config) -> Option<&Path> {
    if config.path == Path::new(config::DEFAULT_PATH) {
        Some(Path::new(SOCKET))
    } else {
        config.broker.socket.as_deref()
    }
}

/// Has the broker end what may not go on, after an event. One that does not run has nothing to end, and one that does not answer in this time finds out by itself.
pub(crate) fn tell_of_event(config: &Config, time: Duration) {
    let Some(socket) = socket_of(config).filter(|socket| socket.exists()) else { return };
    if let Err(error) = client::Remote::new(socket).tell_of_event(time) {
        log::debug!("the broker was not told of an event: {error:?}");
    }
}
