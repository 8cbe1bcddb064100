//! Projects that travel with the panel's own backups, from the builder through a home and back.

mod broken;
mod hostile;
mod orders;
mod there_and_back;
pub mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use world::{Account, CarryWorld};

/// Runs a program that must succeed.
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn first<'a>(attached: &'a Value, state: &str) -> &'a Value {
    let site = &attached["sites"][0];
    assert_eq!(site["state"], state, "{attached}");
    site
}

/// The panel's backup of a home, and its restore.
fn pack(world: &CarryWorld, account: &Account) -> PathBuf {
    let archive = world.path("home.tar");
    run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(account.home()).arg("."));
    archive
}

fn unpack(archive: &Path, account: &Account) {
    run(Command::new("tar").arg("-xpf").arg(archive).arg("-C").arg(account.home()));
}
