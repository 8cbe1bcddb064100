//! Descriptors that come from other processes and go on to others (SCM_RIGHTS, unix(7)).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, StatxFlags};
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Most descriptors that one message of ours carries.
pub const MOST: usize = 2;

/// A message as it came.
pub struct Received {
    /// How many bytes of the buffer it fills; 0 at the end of a stream.
    pub bytes: usize,
    /// Its descriptors, all of them close-on-exec.
    pub fds: Vec<OwnedFd>,
    /// Whether bytes or descriptors were cut off. Those that came are here and closed when this is dropped.
    pub is_cut: bool,
}

/// Sends one message with descriptors, of which there are at most [`MOST`]. With `wait` off it fails rather than wait for room.
///
/// # Errors
/// What the system says; `InvalidInput` for too many descriptors.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>], wait: bool) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    // The space is rounded up: the count is what bounds.
    if fds.len() > MOST || (!fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds))) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = if wait { SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL | SendFlags::DONTWAIT };
    loop {
        match sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, flags) {
            Ok(sent) if sent == bytes.len() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::WriteZero.into()),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Bytes that were sent through a socket and that the other side has not taken yet. As long as there are any, descriptors that went with them count as this user's
/// own on their way (`RLIMIT_NOFILE`), and nobody but the other side can end that.
///
/// # Errors
/// What the system says.
pub fn untaken(socket: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: this request writes one c_int, and `count` lives until it returns.
    if unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Takes one message. With `wait` off it fails with `WouldBlock` if there is none.
///
/// # Errors
/// What the system says.
pub fn receive(socket: impl AsFd, buffer: &mut [u8], wait: bool) -> io::Result<Received> {
    // Room for more than may come, so that too many are seen as such; what does not fit either sets CTRUNC and is closed by the kernel.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2 * MOST))];
    let flags = if wait { RecvFlags::CMSG_CLOEXEC } else { RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT };
    loop {
        let mut control = RecvAncillaryBuffer::new(&mut space);
        match recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
            Ok(message) => {
                let mut fds = Vec::new();
                for part in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(some) = part {
                        fds.extend(some);
                    }
                }
                let is_cut = message.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC);
                return Ok(Received { bytes: message.bytes, fds, is_cut });
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Two connected sockets that keep messages apart.
///
/// # Errors
/// What the system says.
pub fn message_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Whether it is a socket of [`message_pair`].
pub fn is_message_socket(fd: impl AsFd) -> bool {
    sockopt::socket_type(&fd).is_ok_and(|kind| kind == SocketType::SEQPACKET)
        && sockopt::socket_domain(&fd).is_ok_and(|domain| domain == AddressFamily::UNIX)
}

/// Whether a web server may have given this to a program as its standard input: a stream socket, a pipe, a file, or `/dev/null`
/// (`reference/test-parts.md` 3).
pub fn can_be_input(fd: impl AsFd) -> bool {
    is_channel(&fd) || is_file_or_null(&fd)
}

/// Whether a web server may have given this to a program as its standard output: a stream socket or a pipe.
pub fn can_be_output(fd: impl AsFd) -> bool {
    is_channel(fd)
}

/// Whether it is a regular file that can be read and not written to.
pub fn is_file_to_read(fd: impl AsFd) -> bool {
    let reads = rustix::fs::fcntl_getfl(&fd)
        .is_ok_and(|flags| flags & rustix::fs::OFlags::RWMODE == rustix::fs::OFlags::RDONLY);
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = rustix::fs::statx(fd, c"", flags, StatxFlags::TYPE);
    reads && found.is_ok_and(|found| FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile)
}

/// These questions are answered by the kernel's own tables: whoever made the descriptor, a file system in user space included, is not asked.
fn is_channel(fd: impl AsFd) -> bool {
    match sockopt::socket_type(&fd) {
        Ok(kind) => {
            let families = [AddressFamily::UNIX, AddressFamily::INET, AddressFamily::INET6];
            kind == SocketType::STREAM
                && sockopt::socket_domain(&fd).is_ok_and(|domain| families.contains(&domain))
                && sockopt::socket_acceptconn(&fd).is_ok_and(|listens| !listens)
        }
        Err(_) => rustix::pipe::fcntl_getpipe_size(fd).is_ok(),
    }
}

fn is_file_or_null(fd: impl AsFd) -> bool {
    // What is remembered of the file is enough: its kind never changes.
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let Ok(found) = rustix::fs::statx(fd, c"", flags, StatxFlags::TYPE) else { return false };
    match FileType::from_raw_mode(found.stx_mode.into()) {
        FileType::RegularFile => true,
        FileType::CharacterDevice => (found.stx_rdev_major, found.stx_rdev_minor) == (1, 3),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    #[test]
    fn descriptors_arrive_and_are_closed_on_exec() {
        let (ours, theirs) = message_pair().unwrap();
        assert!(is_message_socket(&ours));
        let (reader, mut writer) = std::io::pipe().unwrap();
        let null = File::open("/dev/null").unwrap();
        send(&ours, b"two", &[reader.as_fd(), null.as_fd()], false).unwrap();
        let mut buffer = [0; 8];
        let received = receive(&theirs, &mut buffer, true).unwrap();
        assert_eq!((received.bytes, received.fds.len(), received.is_cut), (3, 2, false));
        for fd in &received.fds {
            assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        }
        writer.write_all(b"x").unwrap();
        assert_eq!(rustix::io::read(&received.fds[0], &mut buffer).unwrap(), 1);
        assert_eq!(receive(&theirs, &mut buffer, false).err().unwrap().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn what_nobody_has_taken_is_seen_whatever_the_other_side_says() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert_eq!(untaken(&ours).unwrap(), 0);
        send(&ours, b"x", &[File::open("/dev/null").unwrap().as_fd()], true).unwrap();
        assert!(untaken(&ours).unwrap() > 0);
        theirs.shutdown(std::net::Shutdown::Both).unwrap();
        assert!(untaken(&ours).unwrap() > 0, "it says that it is gone, and is not");
        assert_eq!(receive(&theirs, &mut [0; 2], true).unwrap().fds.len(), 1);
        assert_eq!(untaken(&ours).unwrap(), 0);
        send(&ours, b"x", &[], true).err();
        drop(theirs);
        assert_eq!(untaken(&ours).unwrap(), 0, "it is gone");
    }

    #[test]
    fn what_is_too_much_is_seen() {
        let (ours, theirs) = message_pair().unwrap();
        let null = File::open("/dev/null").unwrap();
        assert!(send(&ours, b"x", &[null.as_fd(); 3], false).is_err());
        for (count, is_cut) in [(3, false), (30, true)] {
            let fds = vec![null.as_fd(); count];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(30))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
            sendmsg(&ours, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
            let received = receive(&theirs, &mut [0; 8], true).unwrap();
            assert_eq!((received.is_cut, received.fds.len() > MOST), (is_cut, true), "{count}");
        }
        send(&ours, b"longer than eight", &[], false).unwrap();
        assert!(receive(&theirs, &mut [0; 8], true).unwrap().is_cut);
    }

    #[test]
    fn only_what_web_servers_give_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let (stream, _other) = UnixStream::pair().unwrap();
        for (fd, output) in [(reader.as_fd(), true), (writer.as_fd(), true), (stream.as_fd(), true)] {
            assert_eq!((can_be_input(fd), can_be_output(fd)), (true, output));
        }
        let file = File::create(dir.path().join("file")).unwrap();
        let null = File::open("/dev/null").unwrap();
        for fd in [file.as_fd(), null.as_fd()] {
            assert_eq!((can_be_input(fd), can_be_output(fd)), (true, false));
        }
        let datagram = UnixDatagram::unbound().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        let (packets, _) = message_pair().unwrap();
        let (zero, folder) = (File::open("/dev/zero").unwrap(), File::open(dir.path()).unwrap());
        let poll = rustix::event::epoll::create(rustix::event::epoll::CreateFlags::CLOEXEC).unwrap();
        let bad =
            [datagram.as_fd(), listener.as_fd(), packets.as_fd(), zero.as_fd(), folder.as_fd(), poll.as_fd()];
        for (number, fd) in bad.into_iter().enumerate() {
            assert_eq!((can_be_input(fd), can_be_output(fd)), (false, false), "{number}");
        }
        let to_read = File::open(dir.path().join("file")).unwrap();
        let both = File::options().read(true).write(true).open(dir.path().join("file")).unwrap();
        assert!(is_file_to_read(&to_read));
        for fd in [file.as_fd(), both.as_fd(), reader.as_fd(), zero.as_fd(), null.as_fd(), folder.as_fd()] {
            assert!(!is_file_to_read(fd));
        }
    }
}
