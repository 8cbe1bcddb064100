//! `panelgate broker`: the privileged side.

use std::path::Path;

use crate::broker::{self, server};
use crate::config;
use crate::error::Result;
use crate::gateway::Reach;

pub(super) fn run(reach: Reach<'_>) -> Result<u8> {
    let config = reach.config.unwrap_or(Path::new(config::DEFAULT_PATH)).to_owned();
    let socket = reach.socket.unwrap_or(Path::new(broker::SOCKET)).to_owned();
    // What it says at its usual level is the log of this server.
    log::set_max_level(log::max_level().max(log::LevelFilter::Info));
    server::run(&server::Options { config, socket })?;
    Ok(0)
}
