//! `panelgate ssh-keys`: what sshd asks.

use clap::Args;

use super::output::{Cell, Output};
use crate::error::Result;
use crate::gateway::{self, Reach};
use crate::ops::ssh_keys;
use crate::types::Username;

/// Print the key with which the builder may log in as a user, for sshd
///
/// For sites of publication type ssh. sshd asks at every login, so that nothing is written into a home, and the access ends at once when the account is
/// suspended or its plan loses the builder. The key is the one that ssh_key names (section publish); it opens SFTP and nothing else.
#[derive(Args)]
#[command(after_long_help = "In sshd_config:
  AuthorizedKeysCommand /usr/bin/panelgate ssh-keys %u
  AuthorizedKeysCommandUser root
  Subsystem sftp internal-sftp

The key lets the builder read and write what the account can. Where that is too much, lock the
accounts in with ChrootDirectory in a Match block.")]
pub(super) struct Arguments {
    /// The user who logs in
    user: String,
}

pub(super) fn run(arguments: &Arguments, reach: Reach<'_>, output: &mut Output) -> Result<u8> {
    // sshd asks for whatever name somebody tries: one that no account can have has no keys, which is no error.
    let Ok(user) = Username::new(&arguments.user) else { return Ok(0) };
    let direct = gateway::direct(reach)?;
    for line in ssh_keys::lines(direct.context(), &user)?.lines() {
        output.line(&[Cell::new(line)]);
    }
    Ok(0)
}
