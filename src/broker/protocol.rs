//! Frames and messages, as `PROTOCOL.md` says them.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// The version of the protocol that this build speaks.
pub const VERSION: u32 = 1;

/// A request.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Version of the protocol.
    pub v: u32,
    /// Name of the operation.
    pub op: String,
    /// The number that ties page and log together.
    #[serde(default)]
    pub reference: Option<String>,
    /// What the operation takes, as it came: only the operation's own types read it, so that a name that stands twice is an error and what nobody
    /// knows takes no memory.
    #[serde(default)]
    pub args: Option<Box<RawValue>>,
}

/// An answer: exactly one of the three is there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Version of the protocol.
    pub v: u32,
    /// What the operation gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<Value>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// How many bytes of JSON follow this frame: what the operation gives, where that does not fit into a frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<usize>,
}

/// An error on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failure {
    /// Stable name of the kind.
    pub kind: String,
    /// Message for an administrator.
    pub message: String,
}

impl Answer {
    /// A good answer.
    pub fn ok(value: Value) -> Self {
        Self { v: VERSION, ok: Some(value), error: None, long: None }
    }

    /// An error.
    pub fn error(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            v: VERSION,
            ok: None,
            error: Some(Failure { kind: kind.name().to_owned(), message: message.into() }),
            long: None,
        }
    }

    /// What is announced of a good answer that follows.
    pub fn long(bytes: usize) -> Self {
        Self { v: VERSION, ok: None, error: None, long: Some(bytes) }
    }

    /// How many bytes follow, of an answer of this version that says nothing else.
    pub fn follows(&self) -> Option<usize> {
        self.long.filter(|_| self.v == VERSION && self.ok.is_none() && self.error.is_none())
    }

    /// What the caller of the operation gets.
    ///
    /// # Errors
    /// The error that was sent; [`ErrorKind::Upgrade`] for another version; [`ErrorKind::Unavailable`] for an answer that is neither.
    pub fn into_result(self) -> Result<Value> {
        if self.v != VERSION {
            return Err(upgrade(self.v));
        }
        match (self.ok, self.error, self.long) {
            (Some(value), None, None) => Ok(value),
            (None, Some(failure), None) => {
                let kind = ErrorKind::by_name(&failure.kind);
                Err(Error::new(kind.unwrap_or(ErrorKind::Internal), failure.message))
            }
            _ => Err(Error::new(
                ErrorKind::Unavailable,
                "the broker's answer is neither a result nor an error",
            )),
        }
    }
}

/// The error of two sides that do not speak the same version.
pub fn upgrade(theirs: u32) -> Error {
    let text = format!(
        "the other side speaks version {theirs} of the broker's protocol, this one version {VERSION}: upgrade both to the same package and \
         restart panelgate.service"
    );
    Error::new(ErrorKind::Upgrade, text)
}

/// The length that a frame's first four bytes announce.
///
/// # Errors
/// `InvalidData` if it is 0 or more than [`limits::FRAME_BYTES`].
pub fn announced_length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(head) as usize;
    if (1..=limits::FRAME_BYTES).contains(&length) {
        Ok(length)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes is not allowed")))
    }
}

/// Writes one frame.
///
/// # Errors
/// `InvalidData` if the message is too large, otherwise as the writer says.
pub fn write<T: Serialize>(mut to: impl Write, message: &T) -> io::Result<()> {
    let mut frame = vec![0_u8; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX).to_be_bytes();
    announced_length(length)?;
    frame[..4].copy_from_slice(&length);
    to.write_all(&frame)
}

/// Reads one frame.
///
/// # Errors
/// `UnexpectedEof` if the other side closed before a whole frame, `InvalidData` for a bad length or JSON that is not the message.
pub fn read<T: for<'a> Deserialize<'a>>(mut from: impl Read) -> io::Result<T> {
    let mut head = [0_u8; 4];
    from.read_exact(&mut head)?;
    let mut body = vec![0_u8; announced_length(head)?];
    from.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_frame_comes_back() {
        let mut wire = Vec::new();
        write(&mut wire, &Answer::ok(json!({ "a": 1 }))).unwrap();
        assert_eq!(&wire, b"\0\0\0\x14{\"v\":1,\"ok\":{\"a\":1}}");
        let answer: Answer = read(wire.as_slice()).unwrap();
        assert_eq!(answer.into_result().unwrap(), json!({ "a": 1 }));
        assert_eq!(read::<Answer>(&wire[..10]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn lengths_have_bounds() {
        assert!(announced_length([0; 4]).is_err());
        assert!(announced_length([0xff; 4]).is_err());
        assert_eq!(
            announced_length((limits::FRAME_BYTES as u32).to_be_bytes()).unwrap(),
            limits::FRAME_BYTES
        );
        assert!(write(Vec::new(), &"x".repeat(limits::FRAME_BYTES)).is_err());
    }

    #[test]
    fn errors_keep_their_kind_and_other_versions_say_upgrade() {
        let kind =
            |json: Value| serde_json::from_value::<Answer>(json).unwrap().into_result().unwrap_err().kind();
        for known in ErrorKind::ALL {
            assert_eq!(Answer::error(*known, "x").into_result().unwrap_err().kind(), *known);
        }
        assert_eq!(
            kind(json!({ "v": 1, "error": { "kind": "of-the-future", "message": "x" } })),
            ErrorKind::Internal
        );
        assert_eq!(kind(json!({ "v": 2, "ok": {} })), ErrorKind::Upgrade);
        assert_eq!(kind(json!({ "v": 1 })), ErrorKind::Unavailable);
        assert_eq!(
            kind(json!({ "v": 1, "ok": 1, "error": { "kind": "config", "message": "" } })),
            ErrorKind::Unavailable
        );
        assert_eq!(kind(json!({ "v": 1, "ok": 1, "long": 7 })), ErrorKind::Unavailable);
    }

    #[test]
    fn what_follows_is_announced_by_this_version_alone() {
        let follows = |json: Value| serde_json::from_value::<Answer>(json).unwrap().follows();
        assert_eq!(serde_json::to_value(Answer::long(7)).unwrap(), json!({ "v": 1, "long": 7 }));
        assert_eq!(follows(json!({ "v": 1, "long": 7 })), Some(7));
        assert_eq!(follows(json!({ "v": 2, "long": 7 })), None);
        assert_eq!(follows(json!({ "v": 1, "long": 7, "ok": {} })), None);
        assert_eq!(follows(json!({ "v": 1, "ok": {} })), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Request>(bytes.as_slice());
        }
    }
}
