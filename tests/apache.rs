//! The page behind Apache 2.4 with mod_cgid: what a real web server makes of it, and it of a real web server.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use common::apache::Apache;
use common::{SITE_MAIN, SITE_OF_B, Sites, Trial};
use panelgate::config::PanelKind;

const PAGE: &str = "/frontend/jupiter/panelgate/index.live.cgi";
const CPSESS: (&str, &str) = ("cp_security_token", "/cpsess1234567890");

/// An answer, taken apart.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    /// The hidden field of the form that opens a site.
    fn token_of(&self, site: &str) -> String {
        let form = self
            .body
            .split("<form")
            .find(|form| form.contains(&format!("value=\"{site}\"")))
            .expect("a form");
        let token = form.split("name=\"token\" value=\"").nth(1).expect("a token");
        token.split('"').next().unwrap().to_owned()
    }
}

/// Sends bytes as they are and reads to the end.
fn raw(apache: &Apache, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(("127.0.0.1", apache.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

fn get(apache: &Apache, target: &str, headers: &str) -> Reply {
    raw(
        apache,
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").as_bytes(),
    )
}

fn post(apache: &Apache, body: &str) -> Reply {
    let length = body.len();
    let head = format!(
        "POST {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: cpsession=abc\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    );
    raw(apache, format!("{head}{body}").as_bytes())
}

fn start(trial: &Trial) -> Apache {
    let program = trial.program("index.live.cgi");
    Apache::start(&trial.user, &[(PAGE, &program)], &[CPSESS])
}

#[test]
fn one_site_is_opened_straight_away() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let apache = start(&trial);
    let reply = get(&apache, PAGE, "");
    assert_eq!(reply.status, 303, "{}\n{}", reply.body, apache.error_log());
    let location = reply.header("Location").unwrap();
    assert!(location.starts_with(&format!("https://{}/", trial.builder.page_host())), "{location}");
    assert!(location.contains("login_hash="));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    assert_eq!(reply.header("Referrer-Policy"), Some("no-referrer"));
    assert_eq!(trial.sessions(), 1);
}

#[test]
fn several_sites_are_chosen_from_by_a_form_with_a_token() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start(&trial);
    let chooser = get(&apache, PAGE, "Cookie: cpsession=abc\r\n");
    assert_eq!(chooser.status, 200, "{}", chooser.body);
    for text in [
        "alice.example",
        "bücher.example",
        "xn--bcher-kva.example",
        "blog.alice.example",
        "alice-alias.example",
    ] {
        assert!(chooser.body.contains(text), "{text} is missing");
    }
    assert_eq!(trial.sessions(), 0, "looking opens nothing");
    let policy = chooser.header("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");

    let token = chooser.token_of(SITE_MAIN);
    let other = chooser.token_of("blog.alice.example");
    assert_eq!(post(&apache, &format!("site={SITE_MAIN}&token={token}")).status, 303);
    assert_eq!(trial.sessions(), 1);
    for refused in [
        format!("site={SITE_MAIN}"),
        format!("site={SITE_MAIN}&token="),
        format!("site={SITE_MAIN}&token={other}"),
        format!("site={SITE_MAIN}&token=Z{}", &token[1..]),
        format!("site={SITE_OF_B}&token={token}"),
        format!("site={SITE_MAIN}&site={SITE_OF_B}&token={token}"),
        format!("token={token}"),
        "site=%00&token=%0d%0a".to_owned(),
    ] {
        let reply = post(&apache, &refused);
        assert!((400..500).contains(&reply.status), "{refused}: {}", reply.status);
        assert!(reply.header("Location").is_none());
    }
    assert_eq!(trial.sessions(), 1, "nothing but the one good form opened anything");
}

#[test]
fn a_token_of_another_panel_session_is_refused() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start(&trial);
    let token = get(&apache, PAGE, "Cookie: cpsession=other\r\n").token_of(SITE_MAIN);
    assert_eq!(post(&apache, &format!("site={SITE_MAIN}&token={token}")).status, 403);
    assert_eq!(trial.sessions(), 0);
}

#[test]
fn hostile_requests_get_an_answer_and_open_nothing() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start(&trial);
    let trap = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("Proxy: http://{}\r\n", trap.local_addr().unwrap());
    let large = format!("X-Large: {}\r\n", "x".repeat(100_000));
    for (name, target, headers) in [
        ("arguments", format!("{PAGE}?--config+/tmp/x"), ""),
        ("help", format!("{PAGE}?--help"), ""),
        ("not UTF-8", format!("{PAGE}?site=%ff%fe"), "User-Agent: caf\u{e9}\r\n"),
        ("control characters", format!("{PAGE}?site=%0d%0aSet-Cookie:x=1"), ""),
        ("httpoxy", PAGE.to_owned(), proxy.as_str()),
        ("a large header", PAGE.to_owned(), large.as_str()),
        (
            "the server's name in a header",
            PAGE.to_owned(),
            "X-CGI-Remote-User: root\r\nRemote-User: root\r\n",
        ),
        ("a site of somebody else", format!("{PAGE}?site={SITE_OF_B}"), ""),
        ("a site that is a path", format!("{PAGE}?site=../../etc/passwd"), ""),
        ("a prefetch", format!("{PAGE}?site={SITE_MAIN}"), "Sec-Purpose: prefetch\r\n"),
    ] {
        let reply = get(&apache, &target, headers);
        assert!([200, 400, 403, 404].contains(&reply.status), "{name}: {}", reply.head);
        assert!(reply.header("Location").is_none() && reply.header("Set-Cookie").is_none(), "{name}");
        assert!(!reply.body.contains("panicked") && !reply.body.contains("/root/"), "{name}: {}", reply.body);
    }
    assert!(trap.accept().is_err(), "the proxy of a request header was used");
    assert_eq!(trial.sessions(), 0);
    for request in [
        format!(
            "POST {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n{}",
            "x".repeat(70_000)
        ),
        format!("PUT {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"),
        format!("DELETE {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    ] {
        let reply = raw(&apache, request.as_bytes());
        assert!([405, 413].contains(&reply.status), "{}", reply.head);
    }
    assert!(!apache.error_log().contains("panicked"), "{}", apache.error_log());
}

#[test]
fn no_secret_reaches_page_or_log() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let apache = start(&trial);
    trial.builder.push_fault(panelgate::sandbox::http::Response::text(500, "broken"));
    let reply = get(&apache, PAGE, "");
    assert_eq!(reply.status, 502);
    let number = reply.body.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).find(|word| {
        word.len() == 9
            && word.as_bytes()[4] == b'-'
            && word.bytes().all(|b| b == b'-' || b.is_ascii_uppercase() || b.is_ascii_digit())
    });
    let log = apache.error_log();
    assert!(log.contains(number.expect("a reference number")), "{log}");
    for text in [&reply.body, &log] {
        assert!(!text.contains(common::BUILDER_PASSWORD) && !text.contains("login_hash"), "{text}");
    }
    assert_eq!(get(&apache, PAGE, "").status, 303);
    assert!(!apache.error_log().contains("login_hash"), "{}", apache.error_log());
}

/// An answer whose body is a file.
struct Sent {
    reply: Reply,
    bytes: Vec<u8>,
}

/// Asks for a file and reads the answer, but no more than so many bytes of it: then the visitor has gone.
fn fetch(apache: &Apache, method: &str, target: &str, headers: &str, most: usize) -> Sent {
    let mut stream = TcpStream::connect(("127.0.0.1", apache.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.take(most as u64).read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Sent { reply: Reply { status, head, body: String::new() }, bytes: bytes.split_off(end + 4) }
}

/// Apache that passes the length of a program's answer on (`packaging/webserver/README.md`).
fn start_for_files(trial: &Trial) -> Apache {
    let program = trial.program("index.live.cgi");
    Apache::start(&trial.user, &[(PAGE, &program)], &[CPSESS, ("ap_trust_cgilike_cl", "yes")])
}

/// Bytes that no compression and no buffer makes small.
fn project(size: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..size.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(size).collect()
}

/// Does the jobs of a trial that are due.
fn run_jobs(trial: &Trial) {
    let config = trial.config();
    let arguments = ["--config", config.to_str().unwrap(), "jobs", "--once"];
    let program = common::copy_of(env!("CARGO_BIN_EXE_panelgate"), trial);
    let run = trial.run(&program, &arguments, &[], b"");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Orders a backup of the main site as a visitor does, has it made, and gives the address of the file.
fn backed_up(trial: &Trial, apache: &Apache, project: &[u8]) -> String {
    trial.builder.set_project(SITE_MAIN, project.to_vec());
    let cookie = "Cookie: cpsession=abc\r\n";
    let opened = get(apache, &format!("{PAGE}?site={SITE_MAIN}"), cookie);
    assert_eq!(opened.status, 303, "{}", opened.body);
    let view = format!("{PAGE}?backups={SITE_MAIN}");
    let page = get(apache, &view, cookie);
    assert_eq!(page.status, 200, "{}\n{}", page.body, apache.error_log());
    let token = page.token_of(SITE_MAIN);
    let opening = get(apache, &format!("{PAGE}?backups="), cookie).token_of(SITE_MAIN);
    for refused in [
        format!("backups={SITE_MAIN}&token={opening}"),
        format!("backups={SITE_OF_B}&token={token}"),
        format!("backups=blog.alice.example&token={token}"),
        format!("backups={SITE_MAIN}&token=Z{}", &token[1..]),
    ] {
        let reply = post(apache, &refused);
        assert!([403, 404].contains(&reply.status), "{refused}: {}", reply.status);
    }
    let ordered = post(apache, &format!("backups={SITE_MAIN}&token={token}"));
    assert_eq!(ordered.status, 200, "{}", ordered.body);
    assert_eq!(ordered.header("Refresh"), Some(format!("5; url=?backups={SITE_MAIN}").as_str()));
    run_jobs(trial);
    let page = get(apache, &view, cookie);
    assert_eq!(page.header("Refresh"), None, "{}", page.body);
    let link =
        page.body.split("href=\"?backups=").skip(1).find(|rest| rest.contains("backup=")).expect("a link");
    format!("{PAGE}?backups={}", link.split('"').next().unwrap().replace("&#38;", "&"))
}

#[test]
fn a_backup_is_ordered_made_and_downloaded_as_a_whole_and_in_parts() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start_for_files(&trial);
    let project = project(3_000_001);
    let file = backed_up(&trial, &apache, &project);
    let all = usize::MAX;
    let whole = fetch(&apache, "GET", &file, "", all);
    assert_eq!((whole.reply.status, whole.bytes == project), (200, true), "{}", whole.reply.head);
    let header = |name| whole.reply.header(name).unwrap_or_default();
    assert_eq!(header("Content-Length"), "3000001");
    assert_eq!(header("Content-Type"), "application/octet-stream");
    let name = header("Content-Disposition");
    assert!(
        name.starts_with("attachment; filename=\"alice.example-20") && name.ends_with(".sitebuilder\""),
        "{name}"
    );
    for (name, value) in
        [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"), ("Accept-Ranges", "bytes")]
    {
        assert_eq!(header(name), value);
    }
    let tag = header("ETag").to_owned();
    assert_eq!(tag.len(), 66);
    for (headers, status, from, to) in [
        ("Range: bytes=1000000-\r\n".to_owned(), 206, 1_000_000, 3_000_001),
        (format!("Range: bytes=1000000-\r\nIf-Range: {tag}\r\n"), 206, 1_000_000, 3_000_001),
        ("Range: bytes=0-99\r\n".to_owned(), 206, 0, 100),
        ("Range: bytes=-1\r\n".to_owned(), 206, 3_000_000, 3_000_001),
        ("Range: bytes=1000000-\r\nIf-Range: \"other\"\r\n".to_owned(), 200, 0, 3_000_001),
        ("Range: bytes=3000001-\r\n".to_owned(), 416, 0, 0),
    ] {
        let sent = fetch(&apache, "GET", &file, &headers, all);
        let right = status == 416 || sent.bytes == project[from..to];
        assert_eq!((sent.reply.status, right), (status, true), "{headers}: {}", sent.reply.head);
        if status == 206 {
            let want = format!("bytes {from}-{}/3000001", to - 1);
            assert_eq!(sent.reply.header("Content-Range"), Some(want.as_str()));
            assert_eq!(sent.reply.header("Content-Length"), Some((to - from).to_string().as_str()));
        }
    }
    let head = fetch(&apache, "HEAD", &file, "", all);
    assert_eq!((head.reply.status, head.bytes.len()), (200, 0));
    assert_eq!(head.reply.header("Content-Length"), Some("3000001"));
    for (target, status) in [
        (file.replace(SITE_MAIN, SITE_OF_B), 404),
        (file.replace(SITE_MAIN, "blog.alice.example"), 404),
        (file.replace("backup=", "backup=..%2F"), 404),
        (format!("{file}&backup=x"), 400),
    ] {
        assert_eq!(get(&apache, &target, "").status, status, "{target}");
    }
    let prefetch = get(&apache, &file, "Sec-Purpose: prefetch\r\n");
    assert_ne!(prefetch.status, 200, "{}", prefetch.head);
    trial.set_account_line("SUSPENDED", "1");
    assert_eq!(get(&apache, &file, "").status, 403);
}

#[test]
fn a_download_that_breaks_off_goes_on() {
    let trial = Trial::start(PanelKind::CPanel, Sites::Several);
    let apache = start_for_files(&trial);
    // More than the buffers between the program and here hold.
    let project = project(24 << 20);
    let file = backed_up(&trial, &apache, &project);
    // The visitor leaves: the program ends by itself.
    let first = fetch(&apache, "GET", &file, "", 1 << 20);
    let tag = first.reply.header("ETag").unwrap().to_owned();
    common::wait_for("the end of the program", || processes(&trial).is_empty());
    // The program is killed in the middle.
    let mut stream = TcpStream::connect(("127.0.0.1", apache.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let from = first.bytes.len();
    let request = format!(
        "GET {file} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes={from}-\r\nIf-Range: {tag}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut start = vec![0; 64 << 10];
    stream.read_exact(&mut start).unwrap();
    for pid in processes(&trial) {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    start.append(&mut rest);
    let body = start.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(start.starts_with(b"HTTP/1.1 206 "));
    let mut have = first.bytes;
    have.extend_from_slice(&start[body..]);
    assert!(have.len() < project.len() && project.starts_with(&have), "{} bytes", have.len());
    let last = fetch(
        &apache,
        "GET",
        &file,
        &format!("Range: bytes={}-\r\nIf-Range: {tag}\r\n", have.len()),
        usize::MAX,
    );
    assert_eq!(last.reply.status, 206);
    have.extend_from_slice(&last.bytes);
    assert!(have == project, "the three parts are the whole");
}

/// The running processes of the page's program.
fn processes(trial: &Trial) -> Vec<rustix::process::Pid> {
    let program = trial.dir.path().join("bin/index.live.cgi");
    let running = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let pid = entry.file_name().to_str()?.parse().ok()?;
        (std::fs::read_link(entry.path().join("exe")).ok()? == program).then_some(pid)
    });
    running.filter_map(rustix::process::Pid::from_raw).collect()
}
