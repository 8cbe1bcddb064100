//! Reading a request's body from a descriptor that may give too little, too much, or nothing for a long time.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Reads exactly `length` bytes within `time`.
///
/// # Errors
/// [`ErrorKind::TooLarge`] above [`limits::PAGE_BODY_BYTES`]; [`ErrorKind::BadRequest`] if the body ends early or is too slow.
pub(super) fn read_exactly(fd: BorrowedFd<'_>, length: u64, time: Duration) -> Result<Vec<u8>> {
    let end = Instant::now() + time;
    if length > limits::PAGE_BODY_BYTES {
        drain(fd, length.min(limits::PAGE_DRAIN_BYTES), end);
        return Err(too_large());
    }
    let mut body = Vec::new();
    while (body.len() as u64) < length {
        if read_some(fd, length - body.len() as u64, end, &mut body)? == 0 {
            let text = format!("the body ended after {} of {length} bytes", body.len());
            return Err(Error::new(ErrorKind::BadRequest, text));
        }
    }
    Ok(body)
}

/// Reads to the end of the file within `time`, for a front that does not say a length.
///
/// # Errors
/// As [`read_exactly`], apart from an early end.
pub(super) fn read_to_end(fd: BorrowedFd<'_>, time: Duration) -> Result<Vec<u8>> {
    let end = Instant::now() + time;
    let mut body = Vec::new();
    while (body.len() as u64) <= limits::PAGE_BODY_BYTES {
        let room = limits::PAGE_BODY_BYTES + 1 - body.len() as u64;
        if read_some(fd, room, end, &mut body)? == 0 {
            return Ok(body);
        }
    }
    drain(fd, limits::PAGE_DRAIN_BYTES, end);
    Err(too_large())
}

/// Reads a body of at most `most` bytes within `time`: as long as was announced, else to its end.
///
/// # Errors
/// [`ErrorKind::TooLarge`] if it is longer, with what came before that dropped; [`ErrorKind::BadRequest`] if it ends early or is too slow.
pub(super) fn read_small(
    fd: BorrowedFd<'_>,
    length: Option<u64>,
    most: u64,
    time: Duration,
) -> Result<Vec<u8>> {
    let end = Instant::now() + time;
    let mut body = Vec::new();
    // One byte more than allowed shows that there is more.
    let wanted = length.unwrap_or(u64::MAX).min(most + 1);
    while (body.len() as u64) < wanted {
        let room = wanted - body.len() as u64;
        if read_some(fd, room, end, &mut body)? > 0 {
            continue;
        }
        return match length {
            Some(length) => {
                let text = format!("the body ended after {} of {length} bytes", body.len());
                Err(Error::new(ErrorKind::BadRequest, text))
            }
            None => Ok(body),
        };
    }
    if body.len() as u64 <= most {
        return Ok(body);
    }
    drain(fd, length.unwrap_or(u64::MAX).saturating_sub(wanted).min(limits::ENDPOINT_DRAIN_BYTES), end);
    Err(Error::new(ErrorKind::TooLarge, format!("the body is larger than {most} bytes")))
}

fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, format!("the body is larger than {} bytes", limits::PAGE_BODY_BYTES))
}

/// Reads and drops what is left, at most `left` bytes: some servers lose an answer that comes before the body was read.
pub(super) fn drain(fd: BorrowedFd<'_>, mut left: u64, end: Instant) {
    let mut dropped = Vec::new();
    while left > 0 {
        match read_some(fd, left, end, &mut dropped) {
            Ok(count @ 1..) => left -= count as u64,
            _ => return,
        }
        dropped.clear();
    }
}

/// Appends what is there, at most `room` bytes; 0 at the end of the file.
fn read_some(fd: BorrowedFd<'_>, room: u64, end: Instant, body: &mut Vec<u8>) -> Result<usize> {
    let mut buffer = [0_u8; 16 * 1024];
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len());
    let fail = |errno: Errno| {
        Error::new(ErrorKind::BadRequest, "the body cannot be read").with_source(std::io::Error::from(errno))
    };
    loop {
        wait_readable(fd, end)?;
        match rustix::io::read(fd, &mut buffer[..room]) {
            Ok(count) => {
                body.extend_from_slice(&buffer[..count]);
                return Ok(count);
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
}

fn wait_readable(fd: BorrowedFd<'_>, end: Instant) -> Result<()> {
    let slow = || Error::new(ErrorKind::BadRequest, "the body did not come in time");
    loop {
        let left = end.checked_duration_since(Instant::now()).ok_or_else(slow)?;
        let timeout = Timespec::try_from(left).map_err(|_| slow())?;
        match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => {}
            // Ready, at its end, or broken: reading says which.
            Ok(_) => return Ok(()),
            Err(errno) => {
                let source = std::io::Error::from(errno);
                return Err(Error::new(ErrorKind::BadRequest, "the body cannot be read").with_source(source));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn exactly_what_was_announced() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"12345rest").unwrap();
        assert_eq!(read_exactly(reader.as_fd(), 5, SECOND).unwrap(), b"12345");
        drop(writer);
        let short = read_exactly(reader.as_fd(), 10, SECOND).unwrap_err();
        assert_eq!(short.to_string(), "the body ended after 4 of 10 bytes");
    }

    #[test]
    fn a_small_body_has_its_length_or_its_end() {
        let read = |bytes: &[u8], length, most| {
            let (reader, mut writer) = std::io::pipe().unwrap();
            writer.write_all(bytes).unwrap();
            drop(writer);
            read_small(reader.as_fd(), length, most, SECOND).map_err(|error| error.kind())
        };
        assert_eq!(read(b"12345", Some(3), 5), Ok(b"123".to_vec()));
        assert_eq!(read(b"12345", None, 5), Ok(b"12345".to_vec()));
        assert_eq!(read(b"", Some(0), 5), Ok(Vec::new()));
        assert_eq!(read(b"12345", Some(6), 6), Err(ErrorKind::BadRequest));
        assert_eq!(read(b"123456", None, 5), Err(ErrorKind::TooLarge));
        assert_eq!(read(b"123456", Some(6), 5), Err(ErrorKind::TooLarge));
    }

    #[test]
    fn a_body_that_never_comes_ends_with_the_time() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"1").unwrap();
        let start = Instant::now();
        for result in [read_exactly(reader.as_fd(), 2, SECOND / 10), read_to_end(reader.as_fd(), SECOND / 10)]
        {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::BadRequest);
        }
        assert!(start.elapsed() < 60 * SECOND);
    }

    #[test]
    fn too_much_is_drained_within_its_bound_and_refused() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let length = limits::PAGE_BODY_BYTES + 1;
        let sender = std::thread::spawn(move || writer.write_all(&vec![b'x'; length as usize]));
        let error = read_exactly(reader.as_fd(), length, 10 * SECOND).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(sender.join().unwrap().is_ok(), "the whole body was taken");

        let (reader, mut writer) = std::io::pipe().unwrap();
        let sender = std::thread::spawn(move || while writer.write_all(&[b'x'; 4096]).is_ok() {});
        let error = read_exactly(reader.as_fd(), 1_000_000_000_000_000_000, 10 * SECOND).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(read_to_end(reader.as_fd(), 10 * SECOND).unwrap_err().kind(), ErrorKind::TooLarge);
        drop(reader);
        sender.join().unwrap();
    }
}
