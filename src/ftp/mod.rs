//! A small FTP client (RFC 959, RFC 2428): logging in to see whether an account works, and for the sandbox putting files.
//!
//! Passive connections only, and only to the address that the control connection leads to, whatever the server names. Every wait has a deadline,
//! every answer a bound. Without TLS: it talks to servers of this machine.

mod reply;

use std::io::{self, Read, Write};
#[cfg(feature = "sandbox")]
use std::net::Shutdown;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::limits;
use crate::types::{Secret, quote};

use reply::Reply;

/// A control connection.
pub(crate) struct Ftp {
    stream: TcpStream,
    /// What was read behind the last answer.
    buffer: Vec<u8>,
    /// Until when the command that runs must have ended.
    end: Instant,
    /// What each command may take.
    time: Duration,
}

/// Why a command did not work.
#[derive(Debug)]
pub(crate) enum FtpError {
    /// The server said no: its code and its words.
    Refused(u16, String),
    /// The connection broke, or the server took too long or said something that is no answer.
    Io(io::Error),
}

impl std::fmt::Display for FtpError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(code, text) => write!(f, "the FTP server answers {code}: {}", quote(text)),
            Self::Io(error) => write!(f, "the FTP server cannot be talked to: {error}"),
        }
    }
}

impl std::error::Error for FtpError {}

impl From<io::Error> for FtpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Result<T> = std::result::Result<T, FtpError>;

impl Ftp {
    /// Connects and reads the greeting. `time` is what this and every later command may take, each.
    pub(crate) fn connect(server: SocketAddr, time: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&server, time)?;
        stream.set_nodelay(true)?;
        let mut ftp = Self { stream, buffer: Vec::new(), end: Instant::now() + time, time };
        ftp.expect(2)?;
        Ok(ftp)
    }

    /// Logs in, and asks for files to be sent as they are.
    pub(crate) fn login(&mut self, user: &str, password: &Secret) -> Result<()> {
        let reply = self.command("USER", user)?;
        match reply.class() {
            2 => {}
            3 => {
                self.command("PASS", password.expose())?.expect(2)?;
            }
            _ => return Err(reply.into()),
        }
        self.command("TYPE", "I")?.expect(2)?;
        Ok(())
    }

    /// Says goodbye. What the server answers to it does not matter.
    pub(crate) fn quit(mut self) {
        let _ = self.command("QUIT", "");
    }

    fn command(&mut self, verb: &str, argument: &str) -> Result<Reply> {
        if argument.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0 | 0xff)) {
            return Err(io::Error::other("an argument holds a character that would end the command").into());
        }
        self.end = Instant::now() + self.time;
        let space = if argument.is_empty() { "" } else { " " };
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write_all(format!("{verb}{space}{argument}\r\n").as_bytes())?;
        self.reply()
    }

    fn expect(&mut self, class: u16) -> Result<Reply> {
        self.end = Instant::now() + self.time;
        self.reply()?.expect(class)
    }

    fn reply(&mut self) -> Result<Reply> {
        loop {
            if let Some((reply, used)) = Reply::parse(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(reply);
            }
            if self.buffer.len() > limits::FTP_REPLY_BYTES {
                return Err(io::Error::other("its answer is too long").into());
            }
            self.stream.set_read_timeout(Some(self.left()?))?;
            let mut piece = [0; 1024];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// Putting files, which only the sandbox does.
#[cfg(feature = "sandbox")]
impl Ftp {
    /// Makes a directory; that there is one already is as good.
    pub(crate) fn make_dir(&mut self, path: &str) -> Result<()> {
        let made = self.command("MKD", path)?;
        if made.class() == 2 {
            return Ok(());
        }
        // Servers say "exists" with the code of every refusal. Whoever can go there needs no other answer.
        match self.command("CWD", path)?.class() {
            2 => {
                self.command("CWD", "/")?.expect(2)?;
                Ok(())
            }
            _ => Err(made.into()),
        }
    }

    /// Stores a file.
    pub(crate) fn store(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let mut data = self.passive()?;
        self.command("STOR", path)?.expect(1)?;
        data.set_write_timeout(Some(self.left()?))?;
        let sent = data.write_all(bytes).and_then(|()| data.shutdown(Shutdown::Write));
        // The server's word comes first: "disk full" says more than a broken pipe.
        self.expect(2)?;
        Ok(sent?)
    }

    /// The size of a file, as the server says it.
    pub(crate) fn size(&mut self, path: &str) -> Result<u64> {
        let reply = self.command("SIZE", path)?;
        let text = reply.expect(2)?.text;
        text.trim().parse().map_err(|_| FtpError::Refused(213, text))
    }

    /// The names in a directory.
    pub(crate) fn names(&mut self, path: &str) -> Result<Vec<String>> {
        let mut data = self.passive()?;
        let reply = self.command("NLST", path)?;
        if reply.class() != 1 {
            // An empty directory is a refusal to some servers.
            return if reply.code == 550 || reply.code == 450 { Ok(Vec::new()) } else { Err(reply.into()) };
        }
        data.set_read_timeout(Some(self.left()?))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut data).take(limits::FTP_LIST_BYTES).read_to_end(&mut bytes)?;
        drop(data);
        self.expect(2)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.lines().map(|line| line.rsplit('/').next().unwrap_or(line).to_owned()).collect())
    }

    /// Removes a file.
    pub(crate) fn remove(&mut self, path: &str) -> Result<()> {
        self.command("DELE", path)?.expect(2).map(drop)
    }

    /// Opens a data connection to the server that the control connection leads to: an address in its answer is not looked at.
    fn passive(&mut self) -> Result<TcpStream> {
        let reply = self.command("EPSV", "")?;
        let port = if reply.class() == 2 {
            reply.extended_port()
        } else {
            self.command("PASV", "")?.expect(2)?.passive_port()
        };
        let port = port.ok_or_else(|| io::Error::other("it names no port"))?;
        let server = SocketAddr::new(self.stream.peer_addr()?.ip(), port);
        Ok(TcpStream::connect_timeout(&server, self.left()?)?)
    }
}

#[cfg(test)]
mod tests;
