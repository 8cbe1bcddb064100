//! Running a panel's own program for a backup.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::process::{self, Output, RunError, Task};
use crate::types::quote;

use super::Control;

/// Runs a program to its end, or until the job has to end.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    time: Duration,
    control: Option<&dyn Control>,
) -> Result<Output> {
    let environment = environment();
    let task = Task { program, arguments, environment: &environment, directory: Path::new("/"), input: b"" };
    let wanted = || control.is_none_or(|control| control.stop().is_none());
    process::run_while(&task, limits::COMMAND_OUTPUT_BYTES, time, &wanted)
        .map_err(|fault| failed(program, fault))
}

/// As the account: what is below a home is not looked at with root's rights.
pub(super) fn run_as(
    user: &crate::sys::users::User,
    program: &Path,
    arguments: &[&str],
    time: Duration,
) -> Result<Output> {
    let environment = environment();
    let task = Task { program, arguments, environment: &environment, directory: Path::new("/"), input: b"" };
    process::run_as(user, &task, limits::COMMAND_OUTPUT_BYTES, time).map_err(|fault| failed(program, fault))
}

fn environment() -> [(OsString, OsString); 3] {
    const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    [("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/root")].map(|(name, value)| (name.into(), value.into()))
}

fn failed(program: &Path, fault: RunError) -> Error {
    let kind = match fault {
        RunError::Start(_) => ErrorKind::BackupFailed,
        _ => ErrorKind::BackupProvider,
    };
    Error::new(kind, format!("{}: {fault}", program.display()))
}

/// A path as an argument.
pub(super) fn path_text(path: &Path) -> Result<&str> {
    path.to_str()
        .ok_or_else(|| Error::new(ErrorKind::Config, format!("{}: the path is not UTF-8", path.display())))
}

/// The end of what a program printed, for an error: what is wrong stands last.
pub(super) fn said(output: &Output) -> String {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    };
    let words = last(&output.stderr).or_else(|| last(&output.stdout)).unwrap_or_default();
    format!("{}, it said {}", output.status, quote(&words))
}

/// The first JSON object in an output: warnings may stand before it, with braces of their own.
pub(super) fn json(bytes: &[u8]) -> Option<serde_json::Value> {
    const TRIES: usize = 100;
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'{').map(|(at, _)| at);
    starts
        .take(TRIES)
        .find_map(|at| serde_json::Deserializer::from_slice(&bytes[at..]).into_iter().next()?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_before_and_after_json_is_passed_over() {
        assert_eq!(json(b"warning: {old}\n{\"a\":1}\nbye").unwrap()["a"], 1);
        for bad in [&b""[..], b"no", b"{\"a\":", b"[1]"] {
            assert!(json(bad).is_none());
        }
    }
}
