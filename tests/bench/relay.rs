//! A long way to the builder, for loopback: a proxy that lets bytes wait.
//!
//! `CONNECT` is answered after a whole round trip, as TCP's handshake would be; from then on every byte waits half of one in each direction.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Starts the proxy, which lives as long as the process; where it listens.
pub(crate) fn start(round_trip: Duration) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // What fails here ends this connection only: its client notices.
            thread::spawn(move || serve(stream, round_trip));
        }
    });
    Ok(address)
}

fn serve(mut client: TcpStream, round_trip: Duration) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let target: SocketAddr = target.and_then(|text| text.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    if !target.ip().is_loopback() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    thread::sleep(round_trip);
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || carry(from, to, round_trip / 2));
    carry(server, client, round_trip / 2)
}

/// Carries bytes one way, each for as long as the way takes.
fn carry(mut from: TcpStream, mut to: TcpStream, time: Duration) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    let arriving = thread::spawn(move || -> io::Result<()> {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            to.write_all(&bytes)?;
        }
        to.shutdown(Shutdown::Write)
    });
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        if count == 0 || sender.send((Instant::now() + time, buffer[..count].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    arriving.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}
