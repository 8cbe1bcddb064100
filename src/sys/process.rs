//! Running another program: absolute path, no shell, an empty environment, bounded output, a deadline.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The beginning of its standard error, at most 4 KiB.
    pub stderr: Vec<u8>,
}

/// Why there is no output.
#[derive(Debug)]
pub enum RunError {
    /// It could not be started.
    Start(io::Error),
    /// It ran longer than allowed and was killed.
    Deadline(Duration),
    /// It printed more than allowed and was killed; the limit in bytes.
    TooMuch(u64),
    /// Its output could not be read.
    Io(io::Error),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(error) => write!(f, "it cannot be started: {error}"),
            Self::Deadline(limit) => {
                write!(f, "it ran longer than {} seconds and was stopped", limit.as_secs())
            }
            Self::TooMuch(limit) => write!(f, "it printed more than {limit} bytes and was stopped"),
            Self::Io(error) => write!(f, "its output cannot be read: {error}"),
        }
    }
}

impl std::error::Error for RunError {}

const STDERR_BYTES: usize = 4096;

/// Runs a program to its end.
///
/// It gets its own process group, which is killed as a whole when the deadline or the limit is passed, and an environment of `PATH`, `LC_ALL=C`
/// and `HOME=/` only.
///
/// # Errors
/// See [`RunError`]. An exit code other than 0 is not an error here.
pub fn run(program: &Path, arguments: &[&str], limit: u64, deadline: Duration) -> Result<Output, RunError> {
    if !program.is_absolute() {
        return Err(RunError::Start(io::Error::other("the path is not absolute")));
    }
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .env("HOME", "/")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(RunError::Start)?;
    let end = Instant::now() + deadline;
    let result = collect(&mut child, limit, end, deadline).and_then(|(stdout, stderr)| {
        let status = wait(&mut child, end, deadline)?;
        Ok(Output { status, stdout, stderr })
    });
    if result.is_err() {
        kill_group(&child);
        let _ = child.wait();
    }
    result
}

fn collect(
    child: &mut Child,
    limit: u64,
    end: Instant,
    deadline: Duration,
) -> Result<(Vec<u8>, Vec<u8>), RunError> {
    let (Some(mut out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(RunError::Io(io::Error::other("no pipe")));
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let (out_ready, err_ready) = wait_readable(
            out_open.then(|| out.as_fd()),
            err_open.then(|| err.as_fd()),
            end.checked_duration_since(Instant::now()).ok_or(RunError::Deadline(deadline))?,
        )?;
        let mut buffer = [0_u8; 16 * 1024];
        if out_ready {
            match out.read(&mut buffer) {
                Ok(0) => out_open = false,
                Ok(count) => stdout.extend_from_slice(&buffer[..count]),
                Err(error) => return Err(RunError::Io(error)),
            }
            if stdout.len() as u64 > limit {
                return Err(RunError::TooMuch(limit));
            }
        }
        if err_ready {
            match err.read(&mut buffer) {
                Ok(0) => err_open = false,
                Ok(count) => {
                    let room = STDERR_BYTES - stderr.len();
                    stderr.extend_from_slice(&buffer[..count.min(room)]);
                }
                Err(error) => return Err(RunError::Io(error)),
            }
        }
    }
    Ok((stdout, stderr))
}

/// Waits until one of the two can be read without blocking; returns which. Neither: the time is not up yet, ask again.
fn wait_readable(
    out: Option<BorrowedFd<'_>>,
    err: Option<BorrowedFd<'_>>,
    timeout: Duration,
) -> Result<(bool, bool), RunError> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(2);
    fds.extend(out.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    fds.extend(err.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    let timeout = Timespec::try_from(timeout).map_err(|_| RunError::Io(io::Error::other("bad timeout")))?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(RunError::Io(error.into())),
    }
    let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    Ok(match (out, err) {
        (Some(_), Some(_)) => (ready[0], ready[1]),
        (Some(_), None) => (ready[0], false),
        (None, Some(_)) => (false, ready[0]),
        (None, None) => (false, false),
    })
}

/// Waits for a program that has closed its output; it may still not end.
fn wait(child: &mut Child, end: Instant, deadline: Duration) -> Result<ExitStatus, RunError> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().map_err(RunError::Io)? {
            return Ok(status);
        }
        if Instant::now() >= end {
            return Err(RunError::Deadline(deadline));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn kill_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn shell(script: &str, limit: u64, deadline: Duration) -> Result<Output, RunError> {
        run(Path::new("/bin/sh"), &["-c", script], limit, deadline)
    }

    #[test]
    fn output_status_and_a_clean_environment() {
        let output = shell("echo out; echo err >&2; exit 3", 100, 10 * SECOND).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        let output = shell("env -0", 4096, 10 * SECOND).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for name in text.split('\0').filter_map(|line| line.split_once('=')).map(|(name, _)| name) {
            assert!(["PATH", "LC_ALL", "HOME", "PWD", "_", "SHLVL", "OLDPWD"].contains(&name), "{name}");
        }
    }

    #[test]
    fn a_program_that_hangs_floods_or_does_not_exist_is_an_error() {
        let start = Instant::now();
        assert!(matches!(shell("sleep 60", 100, SECOND / 5), Err(RunError::Deadline(_))));
        assert!(matches!(shell("exec >&- 2>&-; sleep 60", 100, SECOND / 5), Err(RunError::Deadline(_))));
        assert!(matches!(shell("yes", 1000, 30 * SECOND), Err(RunError::TooMuch(1000))));
        assert!(matches!(run(Path::new("/no/such"), &[], 1, SECOND), Err(RunError::Start(_))));
        assert!(matches!(run(Path::new("sh"), &[], 1, SECOND), Err(RunError::Start(_))));
        assert!(start.elapsed() < 20 * SECOND);
        let flood = shell("yes | head -c 100000 >&2; echo done", 100, 30 * SECOND).unwrap();
        assert_eq!((flood.stdout.as_slice(), flood.stderr.len()), (&b"done\n"[..], STDERR_BYTES));
    }
}
