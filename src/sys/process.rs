//! Running another program: absolute path, no shell, an environment of our own, bounded output, a deadline.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::users::User;

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
    /// It was stopped because its caller wanted it no more.
    Stopped,
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
            Self::Stopped => write!(f, "it was stopped on request"),
        }
    }
}

impl std::error::Error for RunError {}

const STDERR_BYTES: usize = 4096;

/// What a pipe takes at once (pipe(7)).
const PIPE_BUF: usize = 4096;

/// A program with everything that it gets.
pub struct Task<'a> {
    /// Its file, by absolute path.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Its whole environment.
    pub environment: &'a [(OsString, OsString)],
    /// Where it starts.
    pub directory: &'a Path,
    /// What it can read from its standard input.
    pub input: &'a [u8],
}

/// Runs a program to its end, without input, in `/`, with an environment of `PATH`, `LC_ALL=C` and `HOME=/` only.
///
/// # Errors
/// See [`RunError`]. An exit code other than 0 is not an error here.
pub fn run(program: &Path, arguments: &[&str], limit: u64, deadline: Duration) -> Result<Output, RunError> {
    const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let environment =
        [("PATH", PATH), ("LC_ALL", "C"), ("HOME", "/")].map(|(name, value)| (name.into(), value.into()));
    let task = Task { program, arguments, environment: &environment, directory: Path::new("/"), input: b"" };
    run_task(&task, limit, deadline)
}

/// Runs a program to its end.
///
/// It gets its own process group, which is killed as a whole when the deadline or the limit of its standard output is passed.
///
/// # Errors
/// See [`RunError`]. An exit code other than 0 is not an error here.
pub fn run_task(task: &Task<'_>, limit: u64, deadline: Duration) -> Result<Output, RunError> {
    run_while(task, limit, deadline, &|| true)
}

/// Like [`run_task`], and stops the program soon after `wanted` says no: it is asked [several times a second](ASK).
///
/// # Errors
/// See [`RunError`]. An exit code other than 0 is not an error here.
pub fn run_while(
    task: &Task<'_>,
    limit: u64,
    deadline: Duration,
    wanted: &dyn Fn() -> bool,
) -> Result<Output, RunError> {
    run_command(task, None, limit, deadline, wanted)
}

/// Like [`run_task`], as another user, with that user's own group only. Only root can do that for anybody but itself.
///
/// # Errors
/// See [`RunError`]. An exit code other than 0 is not an error here.
pub fn run_as(user: &User, task: &Task<'_>, limit: u64, deadline: Duration) -> Result<Output, RunError> {
    if user.uid == 0 || user.gid == 0 {
        return Err(RunError::Start(io::Error::other("it must not run as root")));
    }
    run_command(task, Some((user.uid, user.gid)), limit, deadline, &|| true)
}

fn run_command(
    task: &Task<'_>,
    user: Option<(u32, u32)>,
    limit: u64,
    deadline: Duration,
    wanted: &dyn Fn() -> bool,
) -> Result<Output, RunError> {
    if !task.program.is_absolute() {
        return Err(RunError::Start(io::Error::other("the path is not absolute")));
    }
    let stdin = if task.input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut command = Command::new(task.program);
    command
        .args(task.arguments)
        .env_clear()
        .envs(task.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(task.directory)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some((uid, gid)) = user {
        // Further groups are dropped with the uid.
        command.uid(uid).gid(gid);
    }
    let mut child = command.spawn().map_err(RunError::Start)?;
    let patience = Patience { end: Instant::now() + deadline, deadline, wanted };
    let result = converse(&mut child, task.input, limit, &patience).and_then(|(stdout, stderr)| {
        let status = wait(&mut child, &patience)?;
        Ok(Output { status, stdout, stderr })
    });
    if result.is_err() {
        kill_group(&child);
        let _ = child.wait();
    }
    result
}

/// Longest time between two questions whether a program is still wanted.
pub const ASK: Duration = Duration::from_millis(250);

/// How long a program is waited for.
struct Patience<'a> {
    end: Instant,
    deadline: Duration,
    wanted: &'a dyn Fn() -> bool,
}

impl Patience<'_> {
    /// The time until the next question at the latest.
    fn left(&self) -> Result<Duration, RunError> {
        if !(self.wanted)() {
            return Err(RunError::Stopped);
        }
        let left =
            self.end.checked_duration_since(Instant::now()).ok_or(RunError::Deadline(self.deadline))?;
        Ok(left.min(ASK))
    }
}

/// Writes the input and reads both outputs, whichever is ready, until the program has closed both outputs.
fn converse(
    child: &mut Child,
    mut input: &[u8],
    limit: u64,
    patience: &Patience<'_>,
) -> Result<(Vec<u8>, Vec<u8>), RunError> {
    let mut pipes = Pipes { feed: child.stdin.take(), out: child.stdout.take(), err: child.stderr.take() };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut buffer = [0_u8; 16 * 1024];
    while pipes.out.is_some() || pipes.err.is_some() {
        let ready = pipes.wait(patience.left()?)?;
        if let Some(feed) = pipes.feed.as_mut().filter(|_| ready.feed) {
            // A pipe that poll calls writable takes PIPE_BUF bytes without waiting.
            match feed.write(&input[..input.len().min(PIPE_BUF)]) {
                Ok(count) => input = &input[count..],
                // A program need not read its input.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => input = b"",
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(RunError::Io(error)),
            }
            if input.is_empty() {
                pipes.feed = None;
            }
        }
        if let Some(out) = pipes.out.as_mut().filter(|_| ready.out) {
            match read(out, &mut buffer)? {
                0 => pipes.out = None,
                count => stdout.extend_from_slice(&buffer[..count]),
            }
            if stdout.len() as u64 > limit {
                return Err(RunError::TooMuch(limit));
            }
        }
        if let Some(err) = pipes.err.as_mut().filter(|_| ready.err) {
            match read(err, &mut buffer)? {
                0 => pipes.err = None,
                count => stderr.extend_from_slice(&buffer[..count.min(STDERR_BYTES - stderr.len())]),
            }
        }
    }
    Ok((stdout, stderr))
}

fn read(pipe: &mut impl Read, buffer: &mut [u8]) -> Result<usize, RunError> {
    loop {
        match pipe.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(RunError::Io),
        }
    }
}

/// What of a program's pipes is still open on our side.
struct Pipes {
    feed: Option<ChildStdin>,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
}

/// Which pipe can be used without waiting.
struct Ready {
    feed: bool,
    out: bool,
    err: bool,
}

impl Pipes {
    /// Waits until one of them can be used. None of them: the time is up, or a signal came; the caller asks again.
    fn wait(&self, timeout: Duration) -> Result<Ready, RunError> {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
        fds.extend(self.feed.as_ref().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT)));
        fds.extend(self.out.as_ref().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        fds.extend(self.err.as_ref().map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
        let timeout =
            Timespec::try_from(timeout).map_err(|_| RunError::Io(io::Error::other("bad timeout")))?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(RunError::Io(error.into())),
        }
        // In the order in which they were put in.
        let mut answers = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut next = |open: bool| open && answers.next().unwrap_or(false);
        Ok(Ready {
            feed: next(self.feed.is_some()),
            out: next(self.out.is_some()),
            err: next(self.err.is_some()),
        })
    }
}

/// Waits for a program that has closed its output; it may still not end.
fn wait(child: &mut Child, patience: &Patience<'_>) -> Result<ExitStatus, RunError> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().map_err(RunError::Io)? {
            return Ok(status);
        }
        patience.left()?;
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Whether a process runs that has this argument, and a word of its command line that ends with the name of that program; a process of ours that was
/// killed may have left it behind.
pub fn runs_with(program: &str, argument: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    let is_number = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    processes.flatten().filter(|entry| is_number(&entry.file_name())).any(|entry| {
        // It may end meanwhile.
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { return false };
        let words = || line.split(|byte| *byte == 0);
        words().any(|word| word == argument.as_bytes())
            && words().any(|word| word.ends_with(program.as_bytes()))
    })
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

    #[test]
    fn a_program_is_found_by_its_arguments_as_long_as_it_runs() {
        let mark = format!("mark-{}", std::process::id());
        let mut child =
            Command::new("/bin/sh").args(["-c", "read x", &mark]).stdin(Stdio::piped()).spawn().unwrap();
        let end = Instant::now() + 10 * SECOND;
        while !runs_with("bin/sh", &mark) && Instant::now() < end {
            std::thread::sleep(SECOND / 100);
        }
        assert!(runs_with("sh", &mark) && !runs_with("cat", &mark) && !runs_with("sh", "mark"));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!runs_with("sh", &mark));
    }

    #[test]
    fn a_program_that_is_wanted_no_more_is_stopped() {
        let start = Instant::now();
        for script in ["sleep 60", "exec >&- 2>&-; sleep 60"] {
            let began = Instant::now();
            let task = Task {
                program: Path::new("/bin/sh"),
                arguments: &["-c", script],
                environment: &[],
                directory: Path::new("/"),
                input: b"",
            };
            let result = run_while(&task, 100, 60 * SECOND, &|| began.elapsed() < SECOND / 5);
            assert!(matches!(result, Err(RunError::Stopped)), "{script}");
        }
        assert!(start.elapsed() < 20 * SECOND);
    }

    #[test]
    fn another_user_is_that_user_alone() {
        let task = Task {
            program: Path::new("/usr/bin/id"),
            arguments: &[],
            environment: &[],
            directory: Path::new("/"),
            input: b"",
        };
        let user = |uid| User { name: "x".into(), uid, gid: uid, home: "/".into() };
        assert!(matches!(run_as(&user(0), &task, 1000, SECOND), Err(RunError::Start(_))));
        if super::super::identity::uids().effective == 0 {
            let output = run_as(&user(54_321), &task, 1000, 10 * SECOND).unwrap();
            assert_eq!(output.stdout, b"uid=54321 gid=54321 groups=54321\n");
        }
    }

    #[test]
    fn input_is_fed_while_output_is_read() {
        let input: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        let feed = |script: &str| {
            let task = Task {
                program: Path::new("/bin/sh"),
                arguments: &["-c", script],
                environment: &[("GREETING".into(), "hello".into())],
                directory: Path::new("/usr"),
                input: &input,
            };
            run_task(&task, 1 << 20, 10 * SECOND).unwrap()
        };
        assert!(feed("exec /bin/cat").stdout == input);
        assert_eq!(feed("echo $GREETING; pwd").stdout, b"hello\n/usr\n", "it need not read its input");
    }
}
