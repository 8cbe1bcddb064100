//! Texts that are longer than a frame: the input of a call and its answer, and nothing else. A frame has said how long the text is, and it follows as it is.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::limits;

use super::inbox::{Received, receive_plain};
use super::protocol::{self, Answer};

/// A write waits anew for each piece, so that a piece must be small for a deadline to hold.
const PIECE_BYTES: usize = 16 * 1024;

/// Sends a text until `end`; who takes it too slowly gets no more of it.
///
/// # Errors
/// `TimedOut`, otherwise as the system says.
pub(super) fn send(mut stream: &UnixStream, text: &[u8], end: Instant) -> io::Result<()> {
    for mut piece in text.chunks(PIECE_BYTES) {
        while !piece.is_empty() {
            stream.set_write_timeout(Some(left(end)?))?;
            match stream.write(piece) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => piece = &piece[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Receives a text of that length until `end`. Memory is taken for what has come, not for what was announced.
///
/// # Errors
/// `TimedOut`; `UnexpectedEof` if the other side closes before the end; `InvalidData` if descriptors come with it.
pub(super) fn receive(stream: &UnixStream, length: usize, end: Instant) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut piece = [0; PIECE_BYTES];
    while text.len() < length {
        stream.set_read_timeout(Some(left(end)?))?;
        let most = PIECE_BYTES.min(length - text.len());
        match receive_plain(stream, &mut piece[..most], true) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => text.extend_from_slice(&piece[..count]),
            Err(Received::Nothing) => {}
            Err(Received::Descriptors) => return Err(io::ErrorKind::InvalidData.into()),
            Err(Received::Failed) => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
    Ok(text)
}

/// The broker's side of an input that its frame has only announced: says that it may come, and takes it.
///
/// # Errors
/// As [`receive`], and those of writing a frame.
pub(super) fn ask_for(stream: &UnixStream, length: usize) -> io::Result<Vec<u8>> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(limits::ANSWER_TIME))?;
    protocol::write(stream, &Answer::ok(json!({ "go": true })))?;
    receive(stream, length, Instant::now() + limits::FRAME_TIME)
}

fn left(end: Instant) -> io::Result<Duration> {
    end.checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
        .ok_or_else(|| io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_text_arrives_whole() {
        let (one, other) = UnixStream::pair().unwrap();
        let text: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let expected = text.clone();
        let sender = std::thread::spawn(move || send(&one, &text, soon()));
        assert!(receive(&other, expected.len(), soon()).unwrap() == expected);
        sender.join().unwrap().unwrap();
    }

    #[test]
    fn who_is_slow_or_leaves_is_not_waited_for() {
        let (one, other) = UnixStream::pair().unwrap();
        let shortly = || Instant::now() + Duration::from_millis(50);
        // What nobody takes fills the socket.
        let error = send(&one, &vec![0; 4 << 20], shortly()).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
        let (silent, waiting) = UnixStream::pair().unwrap();
        assert_eq!(receive(&waiting, 10, shortly()).unwrap_err().kind(), io::ErrorKind::TimedOut);
        (&silent).write_all(b"half").unwrap();
        drop(silent);
        assert_eq!(receive(&waiting, 10, soon()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        drop(other);
    }

    #[test]
    fn nothing_behind_the_text_is_taken() {
        let (one, other) = UnixStream::pair().unwrap();
        (&one).write_all(b"0123456789").unwrap();
        assert_eq!(receive(&other, 4, soon()).unwrap(), b"0123");
        assert_eq!(receive(&other, 6, soon()).unwrap(), b"456789");
    }
}
