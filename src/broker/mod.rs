//! The privileged side: a small process of root that knows its callers from the kernel, decides, talks to the builder, and gives back only what the
//! caller may have. `PROTOCOL.md` beside this file is the wire.
//!
//! - [`protocol`]: frames and messages
//! - [`server`]: one loop that accepts and reads, and a pool that works
//! - [`client`]: the other end, which is [`crate::gateway::Remote`]'s means

pub mod client;
mod examination;
mod handler;
mod inbox;
mod pool;
pub mod protocol;
mod publication;
mod publisher;
mod reload;
pub mod server;
mod tally;
mod wire;

/// Where the installed broker listens.
pub const SOCKET: &str = "/run/panelgate/broker.sock";
