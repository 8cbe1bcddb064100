//! cPanel's LiveAPI connection (`reference/cpanel.md` 1.9), which the panel keeps for every page whose name says `.live`.
//!
//! The page needs nothing of it: what an account is and has, the broker reads from the panel itself. But the panel waits for the page to end the
//! connection, so this does, and nothing more. The socket's path is the one path that an installed page takes from its environment: whoever may
//! choose it can only have his own process write a constant to it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::limits;

/// The frame that ends a connection: its length in bytes, and what it says.
const SHUTDOWN: &[u8] = b"26\n<cpanelxml shutdown=\"1\" />";

/// Ends the connection of a page that is called as one of cPanel's, if there is one. What fails is the panel's loss of a moment, not the visitor's.
/// `names`: those of this program.
pub(super) fn end(names: &[OsString]) {
    if !names.iter().any(|name| is_live(name)) {
        return;
    }
    let socket = ["CPANEL_CONNECT_SOCKET", "CPANEL_PHPCONNECT_SOCKET"].into_iter().find_map(std::env::var_os);
    if let Some(path) = socket.filter(|path| Path::new(path).is_absolute()) {
        let _ = shut_down(Path::new(&path));
    }
}

fn is_live(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".live.cgi")
}

/// Says the end, and reads what the other side still says, within [`limits::LIVE_API_TIME`].
fn shut_down(path: &Path) -> io::Result<()> {
    let end = Instant::now() + limits::LIVE_API_TIME;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let mut stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(limits::LIVE_API_TIME))?;
    stream.write_all(SHUTDOWN)?;
    let mut said = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        if stream.read(&mut said)? == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_frame_says_its_own_length() {
        let text = std::str::from_utf8(SHUTDOWN).unwrap();
        let (length, payload) = text.split_once('\n').unwrap();
        assert_eq!(length.parse(), Ok(payload.len()));
    }

    #[test]
    fn only_pages_of_cpanels_have_the_connection() {
        for (name, want) in
            [("index.live.cgi", true), ("panelgate.cgi", false), ("index.raw", false), ("live.cgi", false)]
        {
            assert_eq!(is_live(OsStr::new(name)), want, "{name}");
        }
    }

    #[test]
    fn the_connection_is_ended_whatever_the_other_side_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert!(shut_down(&path).is_err(), "nobody is there");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let mut heard = vec![0; SHUTDOWN.len()];
            let (mut talks, _) = listener.accept().unwrap();
            talks.read_exact(&mut heard).unwrap();
            let _ = talks.write_all(&vec![b'x'; 100_000]);
            drop(talks);
            let silent = listener.accept().unwrap();
            (heard, silent)
        });
        shut_down(&path).unwrap();
        assert!(shut_down(&path).is_err(), "a side that says nothing is not waited for");
        assert_eq!(server.join().unwrap().0, SHUTDOWN);
    }
}
