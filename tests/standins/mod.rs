//! Stand-ins for the programs that make backups: they check what they are asked by the rules of their documentation, answer as it says, and can fail,
//! hang, lie and print noise. The library's own tests use them too.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod https;
pub mod installatron;
pub mod plesk;
pub mod plesk_schema;

use std::path::Path;

/// Writes a program. It comes into its place as a copy that another process makes: a file that this process has open for writing, in whichever thread,
/// cannot be started.
pub fn program(path: &Path, script: &str) {
    let source = path.with_extension("source");
    std::fs::write(&source, script).unwrap();
    let copy = "cp -- \"$0\" \"$1\" && chmod 755 -- \"$1\"";
    let status =
        std::process::Command::new("/bin/sh").args(["-c", copy]).arg(&source).arg(path).status().unwrap();
    assert!(status.success());
}
