//! Panelgate: the back end of the "Website Builder" button in web-hosting panels.
//!
//! A map of the house. Arrows run one way, from the top of this list to the bottom:
//!
//! - `bin/`, `cli`, [`ffi`], [`web`]: the command line, the C library, the page behind the icon
//! - [`gateway`]: the use cases as callers see them, in this process or by the broker
//! - [`broker`]: the privileged side and the way to it; [`jobs`]: the program that does what takes long
//! - `setup`: what has to be on a server so that its panel shows the button; the command line's alone
//! - [`ops`]: the use cases and the policy
//! - [`backup`], [`publish`], [`builder`], [`panel`], [`store`]: what they work with. A panel never calls the builder; the builder never knows a panel
//! - [`config`], [`calls`] (the table of the builder's calls), [`types`], [`limits`], [`sys`], [`error`], `agent`, the one place that makes an HTTP client,
//!   and `ftp`, a small client: what everything stands on
//!
//! [`sandbox`] is an embedded builder for the demo and the tests.

mod agent;
pub mod backup;
pub mod broker;
pub mod builder;
pub mod calls;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod error;
pub mod ffi;
mod ftp;
pub mod gateway;
pub mod jobs;
pub mod limits;
pub mod ops;
pub mod panel;
pub mod publish;
#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "cli")]
pub mod setup;
pub mod store;
pub mod sys;
pub mod types;
pub mod web;

/// Panelgate's version, as in its packages.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
