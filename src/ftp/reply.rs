//! Answers of an FTP server (RFC 959 4.2).

use std::io;

use super::FtpError;

/// One answer, of one line or several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Three digits.
    pub(super) code: u16,
    /// The last line behind the code.
    pub(super) text: String,
}

impl Reply {
    /// Reads an answer from the beginning of a buffer, with the number of its bytes; `None` if it is not complete yet.
    pub(super) fn parse(buffer: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let (mut used, mut first) = (0, None);
        loop {
            let Some(length) = memchr::memchr(b'\n', &buffer[used..]) else { return Ok(None) };
            let line = buffer[used..used + length].trim_ascii_end();
            used += length + 1;
            let code = code(line);
            let last = code.is_some() && line.get(3).is_none_or(|byte| *byte == b' ');
            match (first, code) {
                (None, None) => return Err(io::Error::other("its answer has no code")),
                (None, Some(code)) if !last => first = Some(code),
                (begun, Some(code)) if last && begun.is_none_or(|begun| begun == code) => {
                    let text = String::from_utf8_lossy(line.get(4..).unwrap_or_default()).into_owned();
                    return Ok(Some((Self { code, text }, used)));
                }
                // A line in the middle may look like anything.
                _ => {}
            }
        }
    }

    /// The first digit: 1 more to come, 2 done, 3 go on, 4 not now, 5 no.
    pub(super) fn class(&self) -> u16 {
        self.code / 100
    }

    pub(super) fn expect(self, class: u16) -> Result<Self, FtpError> {
        if self.class() == class { Ok(self) } else { Err(self.into()) }
    }

    /// `229 Entering Extended Passive Mode (|||6446|)`
    #[cfg(any(test, feature = "sandbox"))]
    pub(super) fn extended_port(&self) -> Option<u16> {
        let inside = self.text.split_once("(|||")?.1;
        inside.split_once("|)")?.0.parse().ok()
    }

    /// `227 Entering Passive Mode (127,0,0,1,25,46).` Only the port is taken.
    #[cfg(any(test, feature = "sandbox"))]
    pub(super) fn passive_port(&self) -> Option<u16> {
        let begin = self.text.find(|character: char| character.is_ascii_digit())?;
        let numbers: Vec<u8> = self.text[begin..]
            .split(|character: char| !character.is_ascii_digit())
            .map_while(|part| part.parse().ok())
            .collect();
        match numbers.as_slice() {
            [_, _, _, _, high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

impl From<Reply> for FtpError {
    fn from(reply: Reply) -> Self {
        Self::Refused(reply.code, reply.text)
    }
}

fn code(line: &[u8]) -> Option<u16> {
    let digits = line.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let separated = line.get(3).is_none_or(|byte| matches!(byte, b' ' | b'-'));
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (separated && (100..600).contains(&code)).then_some(code)
}
