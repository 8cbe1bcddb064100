//! The contents of the entries, one after the other, checked while they are read.

use std::io::{self, BufRead, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::publish::apply::{Entries, Entry, EntryKind};

use super::Archive;
use super::directory::{Item, STORED};
use super::fault::{ArchiveFault, EntryFault};
use super::source::Source;

/// Bytes of the archive that are read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The entries of an archive in the order of their data.
pub struct Contents<'a, S> {
    archive: &'a Archive<S>,
    next: usize,
    current: Current<'a, S>,
}

impl<'a, S: Source> Contents<'a, S> {
    pub(super) fn new(archive: &'a Archive<S>) -> Self {
        let region =
            Region { source: &archive.source, at: 0, end: 0, buffer: vec![0; BUFFER_BYTES], from: 0, to: 0 };
        let current = Current {
            archive,
            number: 0,
            input: DeflateDecoder::new(region),
            stored: false,
            left: 0,
            crc: Crc::new(),
            expected: 0,
            state: State::Checked,
        };
        Self { archive, next: 0, current }
    }
}

/// A reader's last read fails if size or checksum are wrong, with an error that [`ArchiveFault::of_io`] knows.
impl<S: Source> Entries for Contents<'_, S> {
    type Error = ArchiveFault;

    /// [`EntryFault::Unread`] if the entry before was not read to its end: it has not been checked then.
    fn next(&mut self) -> Result<Option<Entry<'_>>, ArchiveFault> {
        let items = &self.archive.items;
        if let (State::Reading, Some(last)) = (self.current.state, self.next.checked_sub(1)) {
            return Err(self.archive.fault(last, EntryFault::Unread));
        }
        let Some(item) = items.all.get(self.next) else { return Ok(None) };
        self.next += 1;
        let path = items.path(&self.archive.source, item)?;
        let kind = if item.is_dir { EntryKind::Dir } else { EntryKind::File { size: item.size } };
        self.current.start(self.next - 1, item);
        Ok(Some(Entry { path, kind, reader: &mut self.current }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Checked,
    Failed(EntryFault),
}

/// The content of the entry that is being read.
struct Current<'a, S> {
    archive: &'a Archive<S>,
    /// Its position in the archive.
    number: usize,
    input: DeflateDecoder<Region<'a, S>>,
    stored: bool,
    /// Bytes that must still come.
    left: u64,
    crc: Crc,
    expected: u32,
    state: State,
}

impl<S: Source> Current<'_, S> {
    fn start(&mut self, number: usize, item: &Item) {
        self.number = number;
        self.input.reset_data();
        self.input.get_mut().aim(item.offset, item.compressed);
        self.stored = item.method == STORED;
        self.left = item.size;
        self.crc.reset();
        self.expected = item.crc;
        // A directory has no content: nobody needs to read it.
        self.state = if item.is_dir { State::Checked } else { State::Reading };
    }

    fn raw(&mut self, buffer: &mut [u8]) -> io::Result<Result<usize, EntryFault>> {
        let result = if self.stored { self.input.get_mut().read(buffer) } else { self.input.read(buffer) };
        match result {
            Ok(count) => Ok(Ok(count)),
            // The decoder's own errors have no number of the system.
            Err(error) if error.raw_os_error().is_none() => Ok(Err(EntryFault::Damaged)),
            Err(error) => Err(error),
        }
    }

    /// Looks whether the data end with the content, and whether the content is right.
    fn finish(&mut self) -> io::Result<Result<(), EntryFault>> {
        let more = match self.raw(&mut [0])? {
            Ok(count) => count > 0,
            Err(fault) => return Ok(Err(fault)),
        };
        Ok(if more || self.input.get_ref().left() > 0 {
            Err(EntryFault::Size)
        } else if self.crc.sum() != self.expected {
            Err(EntryFault::Checksum)
        } else {
            Ok(())
        })
    }

    fn step(&mut self, buffer: &mut [u8]) -> io::Result<Result<usize, EntryFault>> {
        if self.left == 0 {
            return Ok(self.finish()?.map(|()| {
                self.state = State::Checked;
                0
            }));
        }
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = match self.raw(&mut buffer[..room])? {
            Ok(0) => return Ok(Err(EntryFault::Size)),
            Ok(count) => count,
            Err(fault) => return Ok(Err(fault)),
        };
        self.crc.update(&buffer[..count]);
        self.left -= count as u64;
        Ok(Ok(count))
    }
}

impl<S: Source> Read for Current<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = match self.state {
            State::Checked => return Ok(0),
            State::Failed(fault) => Err(fault),
            State::Reading if buffer.is_empty() => return Ok(0),
            State::Reading => self.step(buffer)?,
        };
        result.map_err(|fault| {
            self.state = State::Failed(fault);
            self.archive.fault(self.number, fault).into()
        })
    }
}

/// A part of the archive.
struct Region<'a, S> {
    source: &'a S,
    /// The next offset to read from.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl<S> Region<'_, S> {
    fn aim(&mut self, begin: u64, length: u64) {
        (self.at, self.end, self.from, self.to) = (begin, begin + length, 0, 0);
    }

    /// Bytes that were not consumed.
    fn left(&self) -> u64 {
        self.end - self.at + (self.to - self.from) as u64
    }
}

impl<S: Source> BufRead for Region<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.to && self.at < self.end {
            let room = self.buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
            self.source.read_exact_at(&mut self.buffer[..room], self.at)?;
            self.at += room as u64;
            (self.from, self.to) = (0, room);
        }
        Ok(&self.buffer[self.from..self.to])
    }

    fn consume(&mut self, count: usize) {
        self.from = (self.from + count).min(self.to);
    }
}

impl<S: Source> Read for Region<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}
