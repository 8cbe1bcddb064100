//! The system below: identity, files, programs, randomness, the log socket.
//!
//! With [`crate::ffi`] this is the only place where `unsafe` is allowed; each block says why it is sound. Nothing here knows a panel, a builder
//! or a policy.
#![allow(unsafe_code)]

pub mod addresses;
pub mod clock;
pub mod descriptors;
pub mod environment;
pub mod file;
pub mod identity;
pub mod listeners;
pub mod logging;
pub mod process;
pub mod random;
pub mod resolve;
pub mod sandbox;
pub mod service;
pub mod signals;
pub mod spool;
pub mod terminal;
pub mod users;
