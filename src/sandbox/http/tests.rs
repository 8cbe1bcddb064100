use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;

fn limits() -> Limits {
    Limits { head_bytes: 1000, body_bytes: 100, connections: 2, request_time: LONG, idle_time: LONG }
}

/// More than any test takes.
const LONG: Duration = Duration::from_secs(120);
const SHORT: Duration = Duration::from_millis(400);

fn server() -> Server {
    server_with(limits())
}

fn server_with(limits: Limits) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    serve(listener, limits, |request| {
        let text =
            format!("{} {} {}", request.method, request.target, String::from_utf8_lossy(&request.body));
        match request.path() {
            "/split" => Response::text(200, "x").header("X-Evil", "a\r\nSet-Cookie: b"),
            "/panic" => panic!("on purpose"),
            "/none" => Response::new(204),
            _ => Response::text(200, &text),
        }
    })
    .unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends bytes and reads until the server closes.
fn talk(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn requests_are_answered_one_after_the_other_on_one_connection() {
    let server = server();
    let answer = talk(
        &server,
        b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcHEAD /h HTTP/1.1\r\nHost: x\r\n\r\n\
          GET /none HTTP/1.1\r\nHost: x\r\n\r\nGET /z HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(answer.contains("\r\n\r\nPOST /a?b=c abcHTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("Content-Length: 8\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200"),
        "{answer}"
    );
    assert!(answer.ends_with("Connection: close\r\n\r\nGET /z "), "{answer}");
}

#[test]
fn what_is_not_offered_or_ambiguous_is_refused() {
    let server = server();
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(2000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(150));
    for (request, status) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"),
        ("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\na", "400"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413"),
        (&long, "431"),
        (&many, "431"),
    ] {
        let answer = talk(&server, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80?}: {answer:.80}");
    }
    let answer = talk(&server, b"GET / HTTP/1.1\r\nHost: x\r\nA: \xff\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn a_dripping_client_is_told_and_a_silent_one_is_left() {
    let server = server_with(Limits { request_time: SHORT, ..limits() });
    let mut stream = connect(&server);
    let begin = Instant::now();
    for byte in b"GET / HTTP/1.1\r\nHost: x\r\nA: ".iter().chain([b'a'; 100].iter()) {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        if begin.elapsed() > Duration::from_millis(600) {
            break;
        }
    }
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begin.elapsed() < LONG / 2);
    let server = server_with(Limits { idle_time: SHORT, ..limits() });
    assert_eq!(talk(&server, b""), "");
}

#[test]
fn expectations_are_met() {
    let server = server();
    let mut stream = connect(&server);
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .unwrap();
    let mut piece = [0; 25];
    stream.read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").unwrap();
    let mut piece = [0; 15];
    stream.read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"HTTP/1.1 200 OK");
}

#[test]
fn a_bad_field_or_a_panicking_handler_harms_one_answer_only() {
    let server = server();
    let answer = talk(&server, b"GET /split HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("Set-Cookie"), "{answer}");
    for _ in 0..5 {
        assert_eq!(talk(&server, b"GET /panic HTTP/1.0\r\n\r\n"), "");
    }
    assert!(talk(&server, b"GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

#[test]
fn nobody_has_the_handler_when_the_server_has_stopped() {
    // What the handler holds, such as a directory to remove, would go after the end of the program, that is never. Often: it is about a moment.
    for _ in 0..300 {
        let held = Arc::new(());
        let theirs = held.clone();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let handler = move |_| Response::text(200, &Arc::strong_count(&theirs).to_string());
        let mut server = serve(listener, limits(), handler).unwrap();
        let answer = talk(&server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(answer.ends_with("\r\n2"), "{answer}");
        server.stop();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn connections_are_counted_and_end_with_the_server() {
    let mut server = server();
    let mut first = connect(&server);
    let mut second = connect(&server);
    for stream in [&mut first, &mut second] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 15]).unwrap();
    }
    assert_eq!(talk(&server, b""), "", "the third is closed at once");
    let begin = Instant::now();
    server.stop();
    assert!(begin.elapsed() < LONG / 2, "an idle connection does not hold the end up");
    let mut rest = Vec::new();
    let _ = first.read_to_end(&mut rest);
    assert!(TcpStream::connect(server.address()).is_err());
}

#[test]
fn only_the_loopback_address_is_served() {
    let listener = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let result = serve(listener, limits(), |_| Response::new(204));
    assert_eq!(result.err().unwrap().kind(), std::io::ErrorKind::InvalidInput);
}
