//! Memory for bodies, which hold passwords and session addresses.

use std::io::{self, Write};
use std::ops::Deref;

use secrecy::zeroize::Zeroizing;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// Bytes that are wiped when they are dropped and also when they move to a larger place.
pub(super) struct SecretBuffer(Zeroizing<Vec<u8>>);

impl SecretBuffer {
    /// An empty buffer. Most bodies fit without growing.
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(2048)))
    }

    /// A value as JSON.
    pub(super) fn of_json(value: &impl Serialize) -> Result<Self> {
        let mut buffer = Self::new();
        serde_json::to_writer(&mut buffer, value).map_err(|error| {
            Error::new(ErrorKind::Internal, "a request cannot be written as JSON").with_source(error)
        })?;
        Ok(buffer)
    }
}

impl Write for SecretBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wanted = self.0.len() + bytes.len();
        if wanted > self.0.capacity() {
            // A vector that grows by itself leaves its old content behind in freed memory.
            let mut larger = Vec::with_capacity(wanted.next_power_of_two());
            larger.extend_from_slice(&self.0);
            self.0 = Zeroizing::new(larger);
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Deref for SecretBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_growth() {
        let mut buffer = SecretBuffer::new();
        for number in 0..10_000_u32 {
            buffer.write_all(&number.to_be_bytes()).unwrap();
        }
        assert_eq!(buffer.len(), 40_000);
        assert_eq!(buffer[39_996..], 9_999_u32.to_be_bytes());
    }
}
