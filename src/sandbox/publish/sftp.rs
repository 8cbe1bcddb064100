//! Type `ssh`: with the system's `sftp`, by key.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{Job, Ssh, website};
use crate::limits;
use crate::sys::process::{self, Task};
use crate::sys::random;
use crate::types::{hex, quote_bytes};

/// A directory with the files to be sent, removed when it is dropped.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Publishes below `uploadDir`.
pub(super) fn publish(job: &Job<'_>) -> Result<(), String> {
    let Some(ssh) = &job.ways.ssh else {
        return Err("This sandbox has no key to log in by SSH with.".into());
    };
    if job.access.password() != "-" {
        return Err("This sandbox logs in by SSH with its key only (password \"-\").".into());
    }
    let staging = stage(job).map_err(|error| format!("the files to be sent cannot be written: {error}"))?;
    let batch = batch(&staging.0, job)?;
    let arguments = arguments(ssh, job)?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let environment: Vec<(OsString, OsString)> =
        vec![("LC_ALL".into(), "C".into()), ("HOME".into(), "/".into())];
    let task = Task {
        program: &ssh.program,
        arguments: &arguments,
        environment: &environment,
        directory: Path::new("/"),
        input: batch.as_bytes(),
    };
    let output = process::run_task(&task, limits::DEMO_PAGE_BYTES, limits::SANDBOX_PUBLISH_TIME)
        .map_err(|error| format!("sftp: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("sftp ends with {} and says {}", output.status, quote_bytes(output.stderr.trim_ascii())))
}

fn stage(job: &Job<'_>) -> std::io::Result<Staging> {
    let staging =
        Staging(std::env::temp_dir().join(format!("panelgate-sandbox-{}", hex(&random::bytes::<8>()))));
    std::fs::DirBuilder::new().mode(0o700).create(&staging.0)?;
    // The names are the batch's business: here a file is a number.
    for (number, file) in job.files.iter().enumerate() {
        std::fs::write(staging.0.join(number.to_string()), &file.bytes)?;
    }
    Ok(staging)
}

/// The commands: one line each; a line with a minus before it may fail.
fn batch(staging: &Path, job: &Job<'_>) -> Result<String, String> {
    let base = job.access.upload_dir().trim_end_matches('/');
    let quoted = |path: &str| -> Result<String, String> {
        if path.chars().any(char::is_control) {
            return Err("a path holds a control character".into());
        }
        Ok(format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"")))
    };
    let staging = staging.to_str().ok_or("the directory for temporary files has an odd name")?;
    let mut batch = String::new();
    for directory in website::directories() {
        let _ = writeln!(batch, "-mkdir {}", quoted(&format!("{base}/{directory}"))?);
    }
    for (number, file) in job.files.iter().enumerate() {
        let (from, to) = (quoted(&format!("{staging}/{number}"))?, quoted(&format!("{base}/{}", file.path))?);
        let _ = writeln!(batch, "put {from} {to}");
    }
    Ok(batch)
}

fn arguments(ssh: &Ssh, job: &Job<'_>) -> Result<Vec<String>, String> {
    let host = job.access.api_url();
    // Neither can be an option: a name of a user or host that begins with a minus is none.
    if job.access.username().starts_with('-') || host.starts_with('-') {
        return Err("user name or host cannot be used".into());
    }
    let options = [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        format!("User={}", job.access.username()),
        format!("IdentityFile={}", ssh.key.display()),
        format!("UserKnownHostsFile={}", ssh.known_hosts.display()),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        format!("ConnectTimeout={}", limits::SANDBOX_REQUEST_TIME.as_secs()),
    ];
    let mut arguments = vec!["-q".to_owned(), "-F".into(), "/dev/null".into(), "-b".into(), "-".into()];
    arguments.extend(["-P".into(), ssh.port.to_string()]);
    arguments.extend(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
    arguments.push(host.to_owned());
    Ok(arguments)
}
