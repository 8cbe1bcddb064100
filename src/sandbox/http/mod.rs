//! A small synchronous HTTP/1.1 server: a thread for each connection, everything bounded, no streaming.
//!
//! It is written for browsers and for Panelgate's own client on the loopback address. It refuses what it does not offer (chunked requests,
//! upgrades, anything that two readers could understand differently), and must never be put before the public.

mod connection;
mod message;
mod server;

pub(super) use message::made_byte;
pub use message::{Headers, Request, Response};
pub use server::{Server, Socket, serve, serve_with};

use std::time::Duration;

use crate::limits;

/// What a server allows its clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest head, in bytes.
    pub head_bytes: usize,
    /// Largest body, in bytes.
    pub body_bytes: usize,
    /// Most connections at a time; further ones are closed at once.
    pub connections: usize,
    /// Longest wait for a whole request, and for the client to take a whole answer.
    pub request_time: Duration,
    /// Longest silence between two requests.
    pub idle_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: limits::SANDBOX_HEAD_BYTES,
            body_bytes: limits::SANDBOX_BODY_BYTES,
            connections: limits::SANDBOX_CONNECTIONS,
            request_time: limits::SANDBOX_REQUEST_TIME,
            idle_time: limits::SANDBOX_IDLE_TIME,
        }
    }
}

#[cfg(test)]
mod tests;
