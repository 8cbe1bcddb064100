//! One connection until its frame is there.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

use crate::limits;

use super::protocol::announced_length;

/// A connection whose request has not arrived as a whole.
pub(super) struct Inbox {
    stream: UnixStream,
    uid: u32,
    buffer: Vec<u8>,
    deadline: Instant,
}

/// What reading gave.
pub(super) enum Progress {
    /// More is to come.
    Incomplete,
    /// The whole frame, without its length.
    Complete(Vec<u8>),
    /// The other side left, or did what the protocol does not know; why, for the debug log.
    Over(&'static str),
}

impl Inbox {
    /// Takes over an accepted connection that does not block. `uid` is what the kernel said about it.
    pub(super) fn new(stream: UnixStream, uid: u32) -> Self {
        Self { stream, uid, buffer: Vec::new(), deadline: Instant::now() + limits::FRAME_TIME }
    }

    /// Who is calling.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// When the frame must be complete.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Gives the connection back.
    pub(super) fn into_stream(self) -> UnixStream {
        self.stream
    }

    /// Reads what has arrived.
    pub(super) fn read(&mut self) -> Progress {
        loop {
            let mut chunk = [0_u8; 4096];
            match receive_plain(&self.stream, &mut chunk, false) {
                Ok(0) => return Progress::Over("closed before a whole frame"),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(Received::Nothing) => return Progress::Incomplete,
                Err(Received::Descriptors) => return Progress::Over("descriptors that no operation takes"),
                Err(Received::Failed) => return Progress::Over("reading failed"),
            }
            let Some((head, body)) = self.buffer.split_first_chunk::<4>() else { continue };
            let Ok(length) = announced_length(*head) else {
                return Progress::Over("a frame of a length that is not allowed");
            };
            if body.len() > length {
                return Progress::Over("bytes behind the frame");
            }
            if body.len() == length {
                return Progress::Complete(self.buffer.split_off(4));
            }
        }
    }
}

/// Why nothing was received.
pub(super) enum Received {
    /// There is nothing yet, or not in time.
    Nothing,
    /// Descriptors came with it.
    Descriptors,
    /// The connection is broken.
    Failed,
}

/// One recvmsg, without room for descriptors: the kernel drops those that come and says so. They never become this process's own, whose closing
/// could take as long as a file system in user space likes. With `wait` it waits as long as the stream's own limit says.
pub(super) fn receive_plain(stream: &UnixStream, chunk: &mut [u8], wait: bool) -> Result<usize, Received> {
    let mut control = RecvAncillaryBuffer::new(&mut []);
    let mut slices = [IoSliceMut::new(chunk)];
    let flags = if wait { RecvFlags::CMSG_CLOEXEC } else { RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC };
    match recvmsg(stream, &mut slices, &mut control, flags) {
        Ok(message) if message.flags.contains(ReturnFlags::CTRUNC) => Err(Received::Descriptors),
        Ok(message) => Ok(message.bytes),
        Err(Errno::AGAIN | Errno::INTR) => Err(Received::Nothing),
        Err(_) => Err(Received::Failed),
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    use std::io::{IoSlice, Write};
    use std::mem::MaybeUninit;

    fn pair() -> (UnixStream, Inbox) {
        let (client, server) = UnixStream::pair().unwrap();
        (client, Inbox::new(server, 7))
    }

    fn over(progress: Progress) -> &'static str {
        match progress {
            Progress::Over(why) => why,
            Progress::Incomplete => "incomplete",
            Progress::Complete(_) => "complete",
        }
    }

    #[test]
    fn a_frame_may_come_in_pieces() {
        let (mut client, mut inbox) = pair();
        for byte in b"\0\0\0\x02{" {
            client.write_all(&[*byte]).unwrap();
            assert_eq!(over(inbox.read()), "incomplete");
        }
        client.write_all(b"}").unwrap();
        assert!(matches!(inbox.read(), Progress::Complete(body) if body == b"{}"));
    }

    #[test]
    fn what_the_protocol_does_not_know_ends_the_connection() {
        for (bytes, want) in [
            (&b"\xff\xff\xff\xff"[..], "a frame of a length that is not allowed"),
            (b"\0\0\0\0", "a frame of a length that is not allowed"),
            (b"\0\0\0\x02{}x", "bytes behind the frame"),
        ] {
            let (mut client, mut inbox) = pair();
            client.write_all(bytes).unwrap();
            assert_eq!(over(inbox.read()), want);
        }
        let (mut client, mut inbox) = pair();
        client.write_all(b"\0\0").unwrap();
        drop(client);
        assert_eq!(over(inbox.read()), "closed before a whole frame");
    }

    #[test]
    fn descriptors_are_closed_and_end_the_connection() {
        for count in [1, 2, 8, 60] {
            let (client, mut inbox) = pair();
            let (sent, watched) = rustix::pipe::pipe().unwrap();
            {
                let fds = vec![watched.as_fd(); count];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(60))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
                sendmsg(&client, &[IoSlice::new(b"\0\0\0\x02{}")], &mut control, SendFlags::empty()).unwrap();
            }
            assert_eq!(over(inbox.read()), "descriptors that no operation takes", "{count}");
            drop((watched, inbox, client));
            // No copy of the pipe's writing end is left: reading gives end-of-file at once.
            let mut byte = [0];
            assert_eq!(rustix::io::read(&sent, &mut byte).unwrap(), 0, "{count}");
        }
    }
}
