use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::config::Config;

/// A server on loopback that answers each path with the bytes that a test gives it, one answer after the other; the last one again and again.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answers: &[(&str, Vec<Vec<u8>>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut answers: HashMap<String, Vec<Vec<u8>>> =
            answers.iter().map(|(path, answers)| ((*path).to_owned(), answers.clone())).collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                let head: Vec<String> =
                    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                assert!(
                    !head.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization")),
                    "{head:?}"
                );
                let path = first.split(' ').nth(1).unwrap().to_owned();
                let known = answers.get_mut(&path).unwrap();
                let answer = if known.len() > 1 { known.remove(0) } else { known[0].clone() };
                log.lock().unwrap().push(path);
                let _ = stream.write_all(&answer);
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn fetch(&self, path: &str, config: &str) -> Result<Vec<u8>> {
        fetch_from(&format!("http://{}{path}", self.address), config)
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn redirection(to: &str) -> Vec<u8> {
    answer("302 Found", &format!("Location: {to}\r\n"), b"")
}

fn fetch_from(url: &str, config: &str) -> Result<Vec<u8>> {
    fetch_while(url, config, &|| Ok(()))
}

fn fetch_while(url: &str, config: &str, go_on: &dyn Fn() -> Result<()>) -> Result<Vec<u8>> {
    let config = Config::parse(Path::new("panelgate.ini"), config.as_bytes()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut spool = Spool::new(dir.path()).unwrap();
    let url = WebUrl::parse(url).unwrap();
    let download = Download { builder: &config.builder, publish: &config.publish, url: &url, go_on };
    let bytes = fetch(&download, &mut spool)?;
    let mut content = Vec::new();
    spool.reader().unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content.len() as u64, bytes);
    Ok(content)
}

/// A builder on loopback, named for downloads.
const ALLOWED: &str =
    "[builder]\nallow_http = yes\n[publish]\ndownload_hosts = 127.0.0.1:PORT, localhost:PORT\n";

fn allowed(server: &Server) -> String {
    ALLOWED.replace("PORT", &server.address.port().to_string())
}

fn refusal(result: Result<Vec<u8>>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Download, "{error:?}");
    error.chain()
}

const ZIP: &[u8] = b"PK\x03\x04 and what follows";

#[test]
fn an_archive_comes_whole_and_through_redirects() {
    let large = [ZIP, &vec![7; 3 << 20]].concat();
    let server = Server::start(&[
        ("/a.zip", vec![answer("200 OK", "Content-Type: text/html\r\n", &large)]),
        ("/1", vec![redirection("/2")]),
        ("/2", vec![redirection("/3?x=1")]),
        ("/3?x=1", vec![redirection("/a.zip")]),
        ("/0", vec![redirection("/1")]),
        ("/chunked", vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nPK\r\n3\r\n\x03\x04!\r\n0\r\n\r\n".to_vec()]),
    ]);
    assert_eq!(server.fetch("/a.zip", &allowed(&server)).unwrap(), large);
    assert_eq!(server.fetch("/1", &allowed(&server)).unwrap(), large);
    assert_eq!(server.fetch("/chunked", &allowed(&server)).unwrap(), b"PK\x03\x04!");
    assert!(refusal(server.fetch("/0", &allowed(&server))).contains("more than 3 times"));
}

#[test]
fn only_the_builders_hosts_are_asked() {
    let elsewhere = Server::start(&[("/", vec![answer("200 OK", "", ZIP)])]);
    let away = format!("http://127.0.0.1:{}/", elsewhere.address.port());
    let server = Server::start(&[
        ("/a.zip", vec![answer("200 OK", "", ZIP)]),
        ("/away", vec![redirection(&away)]),
        ("/odd", vec![redirection("ftp://127.0.0.1/")]),
        ("/nowhere", vec![answer("302 Found", "", b"")]),
    ]);
    assert!(
        refusal(server.fetch("/away", &allowed(&server))).contains("not a host that archives may come from")
    );
    assert!(refusal(server.fetch("/odd", &allowed(&server))).contains("cannot be used"));
    assert!(refusal(server.fetch("/nowhere", &allowed(&server))).contains("without saying where"));
    assert_eq!(elsewhere.asked(), [""; 0]);
    // Without TLS only where it is permitted.
    let named = format!("[publish]\ndownload_hosts = 127.0.0.1:{}\n", server.address.port());
    assert!(refusal(server.fetch("/a.zip", &named)).contains("is not https"));
    assert!(refusal(server.fetch("/a.zip", "[builder]\nallow_http = yes\n")).contains("not a host"));
}

#[test]
fn private_addresses_are_asked_only_where_the_host_is_named() {
    let server = Server::start(&[("/a.zip", vec![answer("200 OK", "", ZIP)])]);
    let port = server.address.port();
    // The builder's own hosts may not lead here: neither as an address nor as a name.
    let builder = format!(
        "[builder]\nurl = http://builder.example/\nallow_http = yes\nhosts = 127.0.0.1:{port}, localhost:{port}\n"
    );
    for host in ["127.0.0.1", "localhost"] {
        let text = refusal(fetch_from(&format!("http://{host}:{port}/a.zip"), &builder));
        assert!(text.contains("private or this server's own"), "{text}");
    }
    assert_eq!(server.asked(), [""; 0]);
    let named = format!("{builder}[publish]\ndownload_hosts = localhost:{port}\n");
    assert_eq!(fetch_from(&format!("http://localhost:{port}/a.zip"), &named).unwrap(), ZIP);
    for address in ["169.254.169.254", "10.0.0.1", "100.64.0.1", "[::1]", "[::ffff:10.0.0.1]", "[fd00::1]"] {
        let config = format!("[builder]\nallow_http = yes\nhosts = {address}\n");
        let text = refusal(fetch_from(&format!("http://{address}/a.zip"), &config));
        assert!(text.contains("private or this server's own"), "{text}");
    }
    // A pattern for names below a host permits nothing private: who has such a name decides what it leads to.
    let pattern = "[builder]\nallow_http = yes\n[publish]\ndownload_hosts = *.b.example\n";
    let error = refusal(fetch_from("http://x.b.example/a.zip", pattern));
    assert!(error.contains("no address") || error.contains("private"), "{error}");
}

#[test]
fn what_is_transient_is_tried_again_and_nothing_else() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nPK\x03\x04".to_vec();
    let good = answer("200 OK", "", ZIP);
    let server = Server::start(&[
        ("/503", vec![answer("503 Busy", "", b""), good.clone()]),
        ("/cut", vec![cut, vec![], good.clone()]),
        ("/500", vec![answer("500 No", "", b"")]),
        ("/404", vec![answer("404 No", "", b""), good.clone()]),
        ("/401", vec![answer("401 No", "WWW-Authenticate: Basic\r\n", b""), good]),
    ]);
    let config = allowed(&server);
    assert_eq!(server.fetch("/503", &config).unwrap(), ZIP);
    assert_eq!(server.fetch("/cut", &config).unwrap(), ZIP);
    assert!(refusal(server.fetch("/404", &config)).contains("status 404"));
    assert!(refusal(server.fetch("/401", &config)).contains("status 401"));
    assert!(refusal(server.fetch("/500", &config)).contains("status 500"));
    assert_eq!(server.asked().iter().filter(|path| *path == "/500").count(), 3);
}

#[test]
fn what_is_no_archive_or_too_large_is_not_taken() {
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nPK\x03\x04", limits::DOWNLOAD_BYTES + 1);
    let server = Server::start(&[
        ("/html", vec![answer("200 OK", "Content-Type: application/zip\r\n", b"<html>")]),
        ("/empty", vec![answer("200 OK", "", b"")]),
        ("/short", vec![answer("200 OK", "", b"PK\x03")]),
        ("/huge", vec![huge.into_bytes()]),
        ("/gzip", vec![answer("200 OK", "Content-Encoding: gzip\r\n", ZIP)]),
    ]);
    for path in ["/html", "/empty", "/short", "/huge"] {
        assert_eq!(server.fetch(path, &allowed(&server)).unwrap_err().kind(), ErrorKind::Archive, "{path}");
    }
    assert!(refusal(server.fetch("/gzip", &allowed(&server))).contains("encoding"));
}

#[test]
fn a_download_ends_when_the_site_may_not_be_published_any_more() {
    let server = Server::start(&[("/a.zip", vec![answer("200 OK", "", ZIP)])]);
    let url = format!("http://{}/a.zip", server.address);
    let stop = || Err(Error::new(ErrorKind::Suspended, "suspended"));
    assert_eq!(fetch_while(&url, &allowed(&server), &stop).unwrap_err().kind(), ErrorKind::Suspended);
    assert_eq!(server.asked(), [""; 0]);
}
