//! The real program behind the icon: whatever environment it is started in, it gives one well-formed answer, in time, and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longer than any answer may take: the longest wait for a body, and room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A private trial of a user who is no account of the (empty) panel, and a copy without configuration, as installed.
struct Fixture {
    trial: PathBuf,
    installed: PathBuf,
    user: u32,
    _directory: tempfile::TempDir,
}

const NAMES: [&str; 5] = ["panelgate.cgi", "index.live.cgi", "index.raw", "nph-panelgate.cgi", "index.html"];

/// Made once, before any program is started: a file that another thread's child still has open for writing cannot be run.
fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        let me = rustix::process::geteuid().as_raw();
        let user = if me == 0 { 65534 } else { me };
        let (trial, installed, tree) = (root.join("trial"), root.join("installed"), root.join("tree"));
        for part in [&trial, &installed, &tree] {
            std::fs::create_dir(part).unwrap();
        }
        for part in [&trial, &installed] {
            let program = part.join("program");
            std::fs::copy(env!("CARGO_BIN_EXE_panelgate-cgi"), &program).unwrap();
            for name in NAMES {
                std::fs::hard_link(&program, part.join(name)).unwrap();
            }
        }
        let config = trial.join("panelgate.ini");
        let text =
            format!("[panel]\nkind = ini\nroot = {}\n[store]\ndir = {}\n", tree.display(), tree.display());
        std::fs::write(&config, text).unwrap();
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
        if me == 0 {
            for path in [&root, &trial, &installed, &tree, &config, &trial.join("program")] {
                std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
            }
        }
        Fixture { trial, installed, user, _directory: directory }
    })
}

/// What the program answered.
#[derive(Debug)]
struct Answer {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: String,
    stderr: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

struct Run<'a> {
    name: &'a str,
    installed: bool,
    arguments: Vec<&'a str>,
    variables: Vec<(&'a str, Vec<u8>)>,
    /// `None`: standard input stays open and empty.
    stdin: Option<Vec<u8>>,
}

fn run(variables: &[(&'static str, &[u8])]) -> Run<'static> {
    Run {
        name: "panelgate.cgi",
        installed: false,
        arguments: Vec::new(),
        variables: variables.iter().map(|(name, value)| (*name, value.to_vec())).collect(),
        stdin: Some(Vec::new()),
    }
}

impl Run<'_> {
    fn command(&self) -> Command {
        let fixture = fixture();
        let directory = if self.installed { &fixture.installed } else { &fixture.trial };
        let mut command = Command::new(directory.join(self.name));
        if rustix::process::geteuid().as_raw() == 0 {
            command.uid(fixture.user).gid(fixture.user);
        }
        command
    }

    fn answer(&self) -> Answer {
        self.answer_of(self.command())
    }

    /// Starts it, feeds it, waits for its end, and makes sure that there is exactly one well-formed answer.
    fn answer_of(&self, mut command: Command) -> Answer {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        command.args(&self.arguments).env_clear().current_dir("/");
        command.envs(self.variables.iter().map(|(name, value)| (*name, OsStr::from_bytes(value))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take();
        if let Some(bytes) = &self.stdin {
            // The program may well not want all of it.
            let _ = stdin.take().unwrap().write_all(bytes);
        }
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let code = wait(&mut child);
        drop(stdin);
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        assert_eq!(code, Some(0), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        let answer = self.parse(stdout, stderr);
        assert_eq!(answer.body.matches("<h1").count(), 1, "{answer:?}");
        answer
    }

    fn parse(&self, stdout: String, stderr: String) -> Answer {
        if self.name.ends_with(".html") {
            for part in ["<html", "<!doctype", "Status:", "HTTP/1.1", "|"] {
                assert!(!stdout.contains(part), "{part}: {stdout}");
            }
            return Answer { status: None, headers: Vec::new(), body: stdout, stderr };
        }
        let (head, body) =
            stdout.split_once("\r\n\r\n").or_else(|| stdout.split_once("\n\n")).expect("no end of the head");
        assert!(body.starts_with("<!doctype html>") && body.trim_end().ends_with("</html>"), "{stdout}");
        let mut lines = head.lines();
        let nph = self.name.ends_with(".raw") || self.name.starts_with("nph-");
        let first = lines.next().unwrap();
        let status = first.strip_prefix(if nph { "HTTP/1.1 " } else { "Status: " }).expect("no status");
        let status = status.split(' ').next().unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("no header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let answer = Answer { status: Some(status), headers, body: body.to_owned(), stderr };
        for (name, want) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(answer.header(name), Some(want), "{name}");
        }
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'; "));
        if nph {
            assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()));
        }
        answer
    }
}

fn collect(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    let mut stream = stream.unwrap();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).expect("an answer is UTF-8")
    })
}

fn wait(child: &mut Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the page hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A click in cPanel (`reference/cpanel.md` 1.6).
fn cpanel() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("GATEWAY_INTERFACE", b"CGI/1.1"),
        ("SERVER_PROTOCOL", b"HTTP/1.1"),
        ("REQUEST_METHOD", b"GET"),
        ("QUERY_STRING", b""),
        ("CONTENT_LENGTH", b"0"),
        ("HTTPS", b"on"),
        ("HTTP_HOST", b"host.example:2083"),
        ("HTTP_COOKIE", b"cpsession=alice%3aXYZ"),
        ("HTTP_ACCEPT_LANGUAGE", b"de-DE,de;q=0.9,en;q=0.5"),
        ("REMOTE_ADDR", b"203.0.113.9"),
        ("REMOTE_USER", b"alice"),
        ("USER", b"alice"),
        ("HOME", b"/home/alice"),
        ("cp_security_token", b"/cpsess1234567890"),
        ("SCRIPT_NAME", b"/frontend/jupiter/panelgate/index.live.cgi"),
        ("REQUEST_URI", b"/cpsess1234567890/frontend/jupiter/panelgate/index.live.cgi"),
    ]
}

/// A page call by DirectAdmin (`reference/directadmin.md` 9.2).
fn directadmin() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("REQUEST_METHOD", b"POST"),
        ("REQUEST_URI", b"/CMD_PLUGINS/panelgate/index.raw"),
        ("QUERY_STRING", b""),
        ("POST", b""),
        ("CONTENT_TYPE", b"application/x-www-form-urlencoded"),
        ("CONTENT_LENGTH", b""),
        ("RUNNING_AS", b"alice"),
        ("LANGUAGE", b"fr"),
        ("SESSION_ID", b"0123456789012345678901234567890123456"),
        ("SESSION_KEY", b"abcdefghijabcdefghijabcdefghijabcdefghi"),
        ("SESSION_SELECTED_DOMAIN", b"shop.example"),
        ("REMOTE_ADDR", b"203.0.113.9"),
        ("SERVER_SOFTWARE", b"DirectAdmin"),
        ("DA_VERSION", b"1.709"),
    ]
}

/// The variables with some of them set otherwise.
fn with(
    mut variables: Vec<(&'static str, &'static [u8])>,
    changes: &[(&'static str, &'static [u8])],
) -> Vec<(&'static str, &'static [u8])> {
    variables.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    variables.extend(changes);
    variables
}

/// The number on a page, if it has one.
fn reference(answer: &Answer) -> Option<&str> {
    let (_, after) = answer.body.split_once("<dd><bdi dir=\"ltr\">")?;
    after.split_once("</bdi>").map(|(number, _)| number)
}

#[test]
fn a_stranger_gets_a_page_in_the_panels_language_with_a_number_that_the_log_has() {
    for (variables, code, home) in
        [(cpanel(), "de", "/cpsess1234567890/frontend/jupiter/index.html"), (directadmin(), "fr", "/")]
    {
        for name in NAMES {
            let answer = Run { name, ..run(&variables) }.answer();
            assert!(answer.status.is_none_or(|status| status == 403), "{answer:?}");
            assert!(answer.body.contains(&format!("lang=\"{code}\" dir=\"ltr\"")), "{answer:?}");
            assert!(answer.body.contains(&format!("href=\"{home}\"")), "{answer:?}");
            let number = reference(&answer).unwrap();
            assert!(
                answer.stderr.contains(&format!("{number}: page for 203.0.113.9: [forbidden]")),
                "{answer:?}"
            );
            for secret in ["cpsess", "XYZ", "abcdefghij"] {
                assert!(!answer.stderr.contains(secret), "the log holds {secret}");
            }
        }
    }
}

#[test]
fn without_a_broker_the_installed_page_says_so_and_logs_nothing_to_the_web_server() {
    let answer = Run { installed: true, ..run(&cpanel()) }.answer();
    assert_eq!((answer.status, answer.stderr.as_str()), (Some(503), ""));
}

#[test]
fn hostile_environments() {
    const LARGE: &[u8] = &[b'a'; 120_000];
    const BIG: [&str; 8] =
        ["HTTP_X_A", "HTTP_X_B", "HTTP_X_C", "HTTP_X_D", "HTTP_X_E", "HTTP_X_F", "HTTP_X_G", "HTTP_X_H"];
    let megabyte: Vec<(&str, &[u8])> = BIG.iter().map(|name| (*name, LARGE)).collect();
    type Case = (&'static [(&'static str, &'static [u8])], u16);
    let cases: &[Case] = &[
        (&[("HTTP_USER_AGENT", b"caf\xe9"), ("PATH_INFO", b"/\xff"), ("HTTP_COOKIE", b"\xff\xfe")], 403),
        (&[("SERVER_PROTOCOL", b"HTTP/3")], 403),
        (&[("SERVER_PROTOCOL", b"INCLUDED")], 403),
        (&[("REQUEST_URI", b"/a b\r\nX: y"), ("SCRIPT_URI", b"\xff"), ("PATH_INFO", b"")], 403),
        (&[("HTTP_X_INJECTED", b"a\r\nSet-Cookie: b"), ("HTTP_PROXY", b"http://192.0.2.1:1")], 403),
        (&[("HTTP_ACCEPT_LANGUAGE", b"\r\n\xff,;q=;;"), ("HTTP_X_CGI_REMOTE_USER", b"root")], 403),
        (&[("REMOTE_ADDR", b"x\r\ny")], 400),
        (&[("QUERY_STRING", b"site=a.example\r\nLocation: x")], 400),
        (&[("QUERY_STRING", b"site=a.example&site=b.example")], 400),
        (&[("QUERY_STRING", b"site=%00%ff%zz")], 400),
        (&[("CONTENT_LENGTH", b"1000000000000000000")], 413),
        (&[("CONTENT_LENGTH", b"99999999999999999999999")], 413),
        (&[("CONTENT_LENGTH", b"x")], 400),
        (&[("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b"10")], 400),
        (&[("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b"")], 400),
        (&[("REQUEST_METHOD", b"BREW")], 405),
        (&[("REQUEST_METHOD", b"")], 400),
        (&[("HTTP_COOKIE", LARGE)], 413),
        (&[("QUERY_STRING", LARGE)], 413),
        (&[("POST", LARGE)], 413),
        (&[("HTTP_SEC_PURPOSE", b"prefetch;prerender")], 403),
        (&[("PANELGATE_ACCOUNT", b"../../etc")], 400),
    ];
    for (changes, status) in cases {
        for name in NAMES {
            let answer = Run { name, ..run(&with(cpanel(), changes)) }.answer();
            let shown: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
            assert!(answer.status.is_none_or(|given| given == *status), "{shown:?} {name}: {answer:?}");
            assert!(!answer.headers.iter().any(|(name, _)| name == "set-cookie" || name == "location"));
        }
    }
    let mut variables = run(&cpanel());
    variables.variables.extend(megabyte.iter().map(|(name, value)| (*name, value.to_vec())));
    assert_eq!(variables.answer().status, Some(403), "what is not used does not matter");
    assert_eq!(run(&[]).answer().status, Some(400), "no environment at all");
}

#[test]
fn bodies() {
    let post = |kind: &'static [u8], length: &'static [u8], body: Vec<u8>| {
        let changes: [(&str, &[u8]); 3] =
            [("REQUEST_METHOD", b"POST"), ("CONTENT_TYPE", kind), ("CONTENT_LENGTH", length)];
        Run { stdin: Some(body), ..run(&with(cpanel(), &changes)) }.answer().status
    };
    let form = b"application/x-www-form-urlencoded";
    assert_eq!(post(form, b"25", b"site=shop.example&token=t".to_vec()), Some(403), "a stranger");
    assert_eq!(post(form, b"25", b"site=shop.example&token=".to_vec()), Some(400), "short");
    assert_eq!(post(form, b"200000", vec![b'x'; 200_000]), Some(413));
    let large = with(directadmin(), &[("POST", b"stdin=true")]);
    let answer = Run { name: "index.raw", stdin: Some(vec![b'x'; 300_000]), ..run(&large) }.answer();
    assert_eq!(answer.status, Some(413));
}

#[test]
fn a_body_that_never_comes_ends_with_the_time() {
    let form: [(&str, &[u8]); 2] = [("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b"25")];
    let answer = Run { stdin: None, ..run(&with(cpanel(), &form)) }.answer();
    assert_eq!(answer.status, Some(400));
    assert!(answer.stderr.contains("did not come in time"), "{answer:?}");
}

#[test]
fn arguments_are_ignored() {
    let arguments = vec!["--config", "/tmp/x", "--help", "demo"];
    let answer = Run { arguments, ..run(&cpanel()) }.answer();
    assert_eq!(answer.status, Some(403));
    assert!(!answer.stderr.contains("/tmp/x"), "{answer:?}");
}

#[test]
fn root_is_refused_before_anything_is_read() {
    let program = fixture().trial.join("panelgate.cgi");
    let command = if rustix::process::geteuid().as_raw() == 0 {
        Command::new(program)
    } else {
        // The root of a namespace of its own is root as well.
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--user", "--map-root-user"]).arg(program);
        command
    };
    let form: [(&str, &[u8]); 2] = [("REQUEST_METHOD", b"POST"), ("CONTENT_LENGTH", b"25")];
    let start = Instant::now();
    let answer = Run { stdin: None, ..run(&with(cpanel(), &form)) }.answer_of(command);
    assert_eq!(answer.status, Some(403));
    assert!(answer.body.contains("lang=\"en\""), "the visitor's language was not read");
    assert!(start.elapsed() < PATIENCE, "the body was waited for");
}

#[test]
fn head_gets_no_body() {
    let fixture = fixture();
    for name in ["panelgate.cgi", "index.raw"] {
        let mut command = Command::new(fixture.trial.join(name));
        if rustix::process::geteuid().as_raw() == 0 {
            command.uid(fixture.user).gid(fixture.user);
        }
        let output = command.env_clear().env("REQUEST_METHOD", "HEAD").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("403 Forbidden"), "{text}");
        assert!(text.ends_with("\n\n") || text.ends_with("\r\n\r\n"), "{text}");
        assert!(!text.contains("<h1"), "{text}");
    }
}
