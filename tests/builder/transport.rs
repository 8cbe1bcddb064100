//! The way there and back: TLS, proxies, deadlines, sizes, broken connections.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::server::*;
use panelgate::builder::Client;
use panelgate::error::ErrorKind;
use rustls::{HandshakeKind, ServerConnection, StreamOwned};

#[test]
fn certificates_are_verified_and_the_error_says_what_is_wrong() {
    let stranger = Authority::new("stranger");
    let namesake = Authority::new("usual");
    let usual = Authority::usual();
    for (tls, part) in [
        (usual.tls(&["other.example"], (2020, 2099)), "for another name"),
        (usual.tls(&["127.0.0.1"], (2001, 2002)), "has expired"),
        (usual.tls(&["127.0.0.1"], (2090, 2099)), "not valid yet"),
        (stranger.tls(&["127.0.0.1"], (2020, 2099)), "[builder] ca_file"),
        (namesake.tls(&["127.0.0.1"], (2020, 2099)), "[builder] ca_file"),
    ] {
        let server = Server::start(Some(tls), |connection| {
            connection.request();
        });
        assert_error(server.open(""), ErrorKind::BuilderTls, &[part, "https://127.0.0.1:"]);
        assert!(server.heard().is_empty(), "nothing is said to a server that is not known");
    }
    // Without a file of one's own the system's authorities count, of which none is ours.
    let server = Server::answering(vec![session(1)]);
    let text = format!("[builder]\nurl = {}\nusername = a\npassword = b\n", server.url());
    let config = panelgate::config::Config::parse(std::path::Path::new("p.ini"), text.as_bytes()).unwrap();
    let result = Client::new(&config.builder).request_login(&http_request());
    assert_error(result, ErrorKind::BuilderTls, &["not from an authority that is trusted here"]);
}

#[test]
fn what_is_no_tls_is_an_error() {
    let garbage = Server::start(None, |connection| {
        let _ = connection.send([0x42; 4096]);
        std::thread::sleep(Duration::from_millis(100));
    });
    assert_error(garbage.open(""), ErrorKind::BuilderTls, &["does not speak TLS"]);
    let http = Server::start(None, |connection| {
        let _ = connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        std::thread::sleep(Duration::from_millis(100));
    });
    assert_error(http.open(""), ErrorKind::BuilderTls, &["does not speak TLS", "check [builder] url"]);
}

#[test]
fn a_ca_file_that_cannot_serve_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let server = Server::answering(vec![session(1)]);
    let lines = format!("ca_file = {}", path.display());
    let good = std::fs::read(Authority::usual().ca_file()).unwrap();
    let mut broken = good.clone();
    broken[60] = b'!';
    let wrong = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_vec();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem().into_bytes();
    for (content, part) in [
        (None, "does not exist"),
        (Some(Vec::new()), "no certificate"),
        (Some(b"\0\xff binary".to_vec()), "no certificate"),
        (Some(key), "no certificate"),
        (Some(good[..good.len() / 2].to_vec()), "damaged"),
        (Some(broken), "damaged"),
        (Some([good.as_slice(), &wrong].concat()), "certificate number 2 is not valid"),
        (Some(vec![b'x'; 5 * 1024 * 1024]), "larger than"),
    ] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        }
        assert_error(server.open(&lines), ErrorKind::Config, &["[builder] ca_file", "ca.pem", part]);
    }
    std::fs::write(&path, &good).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    assert_error(server.open(&lines), ErrorKind::Config, &["ca.pem", "others can change this file"]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_error(server.open(&lines), ErrorKind::Config, &["ca.pem", "not a regular file"]);
    assert!(server.heard().is_empty());

    std::fs::remove_dir(&path).unwrap();
    let client = server.client(&format!("{lines}\nhosts = 127.0.0.1:1"));
    assert_error(client.request_login(&http_request()), ErrorKind::Config, &["does not exist"]);
    std::os::unix::fs::symlink(Authority::usual().ca_file(), &path).unwrap();
    client
        .request_login(&http_request())
        .expect("a link is resolved, and a client recovers from a missing file");
}

#[test]
fn a_client_costs_nothing_until_it_calls() {
    let client = Client::new(&config("https://127.0.0.1:1/api/", "ca_file = /does/not/exist"));
    assert_error(client.request_login(&http_request()), ErrorKind::Config, &["/does/not/exist"]);
}

#[test]
fn what_cannot_be_reached() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for (url, part) in [
        (format!("https://127.0.0.1:{closed}/api/"), "cannot be reached"),
        ("https://no-such-host.invalid/api/".to_owned(), "no-such-host.invalid"),
    ] {
        let client = Client::new(&config(&url, "connect_timeout = 1"));
        assert_error(client.request_login(&http_request()), ErrorKind::BuilderUnreachable, &[part]);
    }
}

/// Runs a call that must end by its deadline of one second: without one, the servers below would end it later and with another error.
#[track_caller]
fn in_time(server: &Server, lines: &str) {
    let result = server.open(&format!("timeout = 1\n{lines}"));
    assert_error(result, ErrorKind::BuilderUnreachable, &["within 1 s"]);
}

/// Says nothing until the client leaves, or for as long as a connection is read.
fn hold(connection: &mut Connection) {
    while connection.tcp.read(&mut [0; 1024]).is_ok_and(|count| count > 0) {}
}

/// Sends bytes one by one, a tenth of a second apart.
fn drip(connection: &mut Connection, bytes: &[u8]) {
    for byte in bytes {
        std::thread::sleep(Duration::from_millis(100));
        if connection.send([*byte]).is_err() {
            break;
        }
    }
}

#[test]
fn slowness_ends_at_the_deadline() {
    let silent = Server::start(None, hold);
    in_time(&silent, "connect_timeout = 1");
    let mute = Server::start(Some(usual_tls()), |connection| {
        connection.request();
        hold(connection);
    });
    in_time(&mute, "");
    let slow_head = Server::start(Some(usual_tls()), |connection| {
        connection.request();
        drip(connection, &session(1));
    });
    in_time(&slow_head, "");
    let slow_body = Server::start(Some(usual_tls()), |connection| {
        connection.request();
        let _ = connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        drip(connection, &[b' '; 1000]);
    });
    in_time(&slow_body, "");
}

#[test]
fn size_is_bounded_whatever_was_announced() {
    let announced: [&'static str; 3] = [
        "HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 400 Bad\r\nContent-Length: 18446744073709551615\r\n\r\n",
    ];
    for head in announced {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = sent.clone();
        let server = Server::start(Some(usual_tls()), move |connection| {
            connection.request();
            let _ = connection.send(head);
            while connection.send([b' '; 16 * 1024]).is_ok() {
                count.fetch_add(16 * 1024, Ordering::SeqCst);
            }
        });
        assert_error(server.open(""), ErrorKind::BuilderProtocol, &["larger than 1048576 bytes"]);
        std::thread::sleep(Duration::from_millis(100));
        assert!(sent.load(Ordering::SeqCst) < 32 * 1024 * 1024, "the rest is not taken");
    }
    let chunked = Server::start(Some(usual_tls()), |connection| {
        connection.request();
        let _ = connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while connection.send(format!("1000\r\n{}\r\n", " ".repeat(4096))).is_ok() {}
    });
    assert_error(chunked.open(""), ErrorKind::BuilderProtocol, &["larger than 1048576 bytes"]);
    for field in ["A: b\r\n".repeat(100_000), format!("A: {}\r\n", "b".repeat(1_000_000))] {
        let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n");
        let server = Server::start(Some(usual_tls()), move |connection| {
            connection.request();
            let _ = connection.send(&head);
        });
        assert_error(server.open(""), ErrorKind::BuilderProtocol, &["answer"]);
    }
}

#[test]
fn broken_answers_and_connections() {
    let cut = |bytes: &'static str| {
        Server::start(Some(usual_tls()), move |connection| {
            connection.request();
            let _ = connection.send(bytes);
        })
    };
    for (bytes, kind, part) in [
        ("", ErrorKind::BuilderUnreachable, "closed the connection without an answer"),
        ("HTTP/1.1 20", ErrorKind::BuilderUnreachable, "closed the connection"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"url\":\"https://127.0.0.1/\"}",
            ErrorKind::BuilderProtocol,
            "ends before",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", ErrorKind::BuilderProtocol, "answer"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"url\":\"https://127.0.0.1/\"}",
            ErrorKind::BuilderProtocol,
            "breaks off",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
            ErrorKind::BuilderProtocol,
            "framing",
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", ErrorKind::BuilderProtocol, "not HTTP"),
        ("HTTP/9.9 200 OK\r\n\r\n", ErrorKind::BuilderProtocol, "not HTTP"),
    ] {
        println!("{bytes:?}");
        assert_error(cut(bytes).open(""), kind, &[part]);
    }
    let reset = Server::start(Some(usual_tls()), |connection| {
        connection.request();
        rustix::net::sockopt::set_socket_linger(&connection.tcp, Some(Duration::ZERO)).unwrap();
        connection.tcp.shutdown(std::net::Shutdown::Read).unwrap();
    });
    assert_error(reset.open(""), ErrorKind::BuilderUnreachable, &["closed the connection"]);
}

/// A listener that counts who comes, and sends everybody away.
fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let caught = count.clone();
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            caught.fetch_add(1, Ordering::SeqCst);
        }
    });
    (format!("http://{address}"), count)
}

const CHILD: &str = "PANELGATE_TEST_BUILDER";

#[test]
fn a_proxy_named_by_the_environment_is_never_used() {
    let (proxy, caught) = trap();
    let server = Server::start(Some(usual_tls()), |connection| {
        while connection.request().is_some() {
            let port = connection.tcp.local_addr().unwrap().port();
            connection.send(session(port)).unwrap();
        }
    });
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "transport::the_child_calls_the_builder", "--ignored", "--nocapture"]);
    child.env(CHILD, format!("{} {}", server.url(), Authority::usual().ca_file().display()));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        child.env(name, &proxy);
    }
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert_eq!((server.heard().len(), caught.load(Ordering::SeqCst)), (1, 0));
    // The trap does catch those who are sent there.
    assert_error(
        server.open(&format!("proxy = {proxy}\ntimeout = 1")),
        ErrorKind::BuilderUnreachable,
        &["proxy"],
    );
    assert!(caught.load(Ordering::SeqCst) > 0);
}

#[test]
#[ignore = "started by a_proxy_named_by_the_environment_is_never_used"]
fn the_child_calls_the_builder() {
    let place = std::env::var(CHILD).unwrap();
    let (url, ca_file) = place.split_once(' ').unwrap();
    assert!(std::env::var("HTTP_PROXY").is_ok());
    Client::new(&config(url, &format!("ca_file = {ca_file}"))).request_login(&http_request()).unwrap();
}

/// A proxy that knows CONNECT; what was asked of it is in the list.
fn connect_proxy(answer: Option<&'static str>) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let list = asked.clone();
    let server = Server::start(None, move |connection| {
        let head = connection.request().unwrap().head;
        list.lock().unwrap().push(head.clone());
        if let Some(answer) = answer {
            let _ = connection.send(answer);
            return;
        }
        let target = head.split(' ').nth(1).unwrap().to_owned();
        let mut there = TcpStream::connect(target).unwrap();
        let (mut there2, mut here2) = (there.try_clone().unwrap(), connection.tcp.try_clone().unwrap());
        connection.send("HTTP/1.1 200 OK\r\n\r\n").unwrap();
        std::thread::spawn(move || pump(&mut there2, &mut here2));
        let mut here = connection.tcp.try_clone().unwrap();
        pump(&mut here, &mut there);
    });
    (format!("http://{}", server.address), asked)
}

fn pump(from: &mut TcpStream, to: &mut TcpStream) {
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn the_proxy_of_the_configuration_is_used_and_sees_only_tls() {
    let (proxy, asked) = connect_proxy(None);
    let server = Server::answering(vec![answer("200 OK", r#"{"url":"https://b.example/"}"#)]);
    server.open(&format!("hosts = b.example\nproxy = {proxy}")).unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with(&format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\n", server.address.port())));
    assert!(!asked[0].to_ascii_lowercase().contains("authorization"), "{}", asked[0]);
    assert_eq!(server.heard().len(), 1);

    let (proxy, _) = connect_proxy(Some("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
    assert_error(
        server.open(&format!("proxy = {proxy}")),
        ErrorKind::BuilderUnreachable,
        &["through the proxy", "[builder] proxy"],
    );
}

/// Everything that anybody logs.
struct Everything(Mutex<String>);

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}: {}\n", record.level(), record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
    }

    fn flush(&self) {}
}

#[test]
fn no_log_line_of_anybody_holds_a_secret() {
    static LOG: Everything = Everything(Mutex::new(String::new()));
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let server = Server::answering(vec![
        redirect("302 Found", "/api/requestLogin"),
        answer("200 OK", r#"{"url":"https://b.example/?login_hash=logged-hash","loginHash":"logged-hash"}"#),
    ]);
    let mut call = http_request();
    call.license_hash = Some(panelgate::types::Secret::new("logged-licence".into()));
    call.more = true;
    server.client("hosts = b.example").request_login(&call).unwrap();
    let lines = LOG.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(lines.contains("ureq"), "the logger was not heard");
    for secret in [API_PASSWORD, SITE_PASSWORD, "site-password-", "YnJhbmQ6", "logged-hash", "logged-licence"]
    {
        let line = lines.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[test]
fn a_kept_connection_that_the_builder_has_closed_is_not_used_and_nothing_is_sent_twice() {
    let (port, closed) = (Arc::new(Mutex::new(0)), Arc::new(AtomicUsize::new(0)));
    let (shown, count) = (Arc::clone(&port), Arc::clone(&closed));
    // Says that it keeps the connection, and closes it.
    let server = Server::start(Some(usual_tls()), move |connection| {
        if connection.request().is_some() {
            let _ = connection.send(session(*shown.lock().unwrap()));
        }
        let _ = connection.tcp.shutdown(std::net::Shutdown::Both);
        count.fetch_add(1, Ordering::SeqCst);
    });
    *port.lock().unwrap() = port_of(&server.url());
    let client = server.client("");
    for number in 1..=5 {
        client.request_login(&http_request()).unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while closed.load(Ordering::SeqCst) < number && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(server.heard().len(), 5);
}

/// A connection at the server's end that notes, when it ends, how its handshake was made.
struct Noted(StreamOwned<ServerConnection, TcpStream>, Arc<Mutex<Vec<HandshakeKind>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().unwrap().extend(self.0.conn.handshake_kind());
    }
}

#[test]
fn a_new_connection_goes_on_with_the_tls_session_of_the_one_before() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let kinds: Arc<Mutex<Vec<HandshakeKind>>> = Arc::default();
    let (noted, tls) = (Arc::clone(&kinds), usual_tls());
    let server = std::thread::spawn(move || {
        for tcp in listener.incoming().take(3) {
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = Noted(StreamOwned::new(connection, tcp.unwrap()), Arc::clone(&noted));
            let mut heard = Vec::new();
            while !heard.ends_with(b"}") {
                let mut byte = [0];
                stream.0.read_exact(&mut byte).unwrap();
                heard.push(byte[0]);
            }
            stream.0.write_all(&session(port)).unwrap();
            stream.0.conn.send_close_notify();
            stream.0.flush().unwrap();
        }
    });
    let client = Client::new(&config(&format!("https://127.0.0.1:{port}/api/"), ""));
    for number in 1..=3 {
        client.request_login(&http_request()).unwrap();
        // The server has ended the connection: the next call needs another one.
        let end = Instant::now() + Duration::from_secs(60);
        while kinds.lock().unwrap().len() < number && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    server.join().unwrap();
    assert_eq!(*kinds.lock().unwrap(), [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
}

#[test]
fn a_builder_that_lets_calls_wait_in_vain_is_known_for_it_until_it_answers() {
    let is_mute = Arc::new(AtomicBool::new(true));
    let shown = Arc::clone(&is_mute);
    let port = Arc::new(Mutex::new(0));
    let own = Arc::clone(&port);
    let server = Server::start(Some(usual_tls()), move |connection| {
        while connection.request().is_some() {
            // Until the client leaves.
            if shown.load(Ordering::SeqCst) || connection.send(session(*own.lock().unwrap())).is_err() {
                let _ = connection.tcp.read(&mut [0]);
            }
        }
    });
    *port.lock().unwrap() = port_of(&server.url());
    let client = server.client("timeout = 1");
    for number in 1..=4 {
        assert_error(client.request_login(&http_request()), ErrorKind::BuilderUnreachable, &["within 1 s"]);
        assert_eq!(client.unanswered(), number);
    }
    is_mute.store(false, Ordering::SeqCst);
    // On a slow machine a second may be too short for more than one call.
    while client.request_login(&http_request()).is_err() {}
    assert_eq!(client.unanswered(), 0);
}

fn port_of(url: &str) -> u16 {
    url.split(':').nth(2).and_then(|rest| rest.split('/').next()).and_then(|port| port.parse().ok()).unwrap()
}
