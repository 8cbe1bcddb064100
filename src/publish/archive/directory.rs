//! The directory of an archive (APPNOTE.TXT 4.3.12), read piece by piece.

use crate::limits;
use crate::types::{RelPath, quote};

use super::end::Directory;
use super::extra::{Extra, check_mode};
use super::fault::ArchiveFault::{self, Malformed, TooLarge};
use super::fault::EntryFault;
use super::name;
use super::source::{Fields, Source};

const SIGNATURE: u32 = 0x0201_4b50;
const FIXED_BYTES: usize = 46;
/// The attribute of MS-DOS for a directory.
const DOS_DIRECTORY: u32 = 0x10;

/// Flags: encrypted, patch data, strongly encrypted, masked description.
pub(super) const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const PATCHED: u16 = 1 << 5;
/// Sizes and checksum stand behind the data.
pub(super) const STREAMED: u16 = 1 << 3;
/// The name is UTF-8.
pub(super) const UTF8: u16 = 1 << 11;

/// The data are not compressed.
pub(super) const STORED: u16 = 0;
const DEFLATE: u16 = 8;

/// Deflate makes no more of one byte than this.
const MOST_RATIO: u64 = 1032;

/// What is kept of an entry; there may be many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Where its description before the data begins; once that is checked, where its data begin.
    pub(super) offset: u64,
    pub(super) compressed: u64,
    pub(super) size: u64,
    pub(super) crc: u32,
    /// Where its name begins: in [`Items::names`] as long as these are there.
    name: u32,
    name_bytes: u16,
    /// Where its name stands in the directory, from the directory's begin.
    raw: u32,
    raw_bytes: u16,
    pub(super) method: u16,
    pub(super) flags: u16,
    pub(super) is_dir: bool,
}

/// All entries.
pub(super) struct Items {
    pub(super) all: Vec<Item>,
    /// Their names, one behind the other, until they have been compared.
    names: String,
    /// Where the directory begins.
    begin: u64,
}

impl Items {
    /// Forgets the names, which may be most of what is kept; from now on [`Items::path`] reads each one again.
    pub(super) fn forget_names(&mut self) {
        self.names = String::new();
    }

    /// The path of an entry, read again.
    pub(super) fn path(&self, source: &impl Source, item: &Item) -> Result<RelPath, ArchiveFault> {
        let mut raw = vec![0; item.raw_bytes.into()];
        source.read_exact_at(&mut raw, self.begin + u64::from(item.raw))?;
        let path = name::path(&raw, item.flags & UTF8 != 0);
        path.map(|(path, _)| path).map_err(|fault| entry_fault(&String::from_utf8_lossy(&raw), fault))
    }

    /// The path of an entry, until the names are forgotten.
    pub(super) fn name(&self, item: &Item) -> &str {
        let begin = item.name as usize;
        self.names.get(begin..begin + usize::from(item.name_bytes)).unwrap_or_default()
    }

    /// The error of an entry.
    pub(super) fn fault(&self, item: &Item, fault: EntryFault) -> ArchiveFault {
        entry_fault(self.name(item), fault)
    }
}

pub(super) fn entry_fault(name: &str, fault: EntryFault) -> ArchiveFault {
    ArchiveFault::Entry { name: quote(name), fault }
}

/// Reads the directory.
pub(super) fn read(source: &impl Source, directory: Directory) -> Result<Items, ArchiveFault> {
    let broken = || Malformed("its directory is damaged");
    // Every entry has at least its fixed part, so that no more room is taken than the directory itself has bytes.
    let count = usize::try_from(directory.entries).map_err(|_| broken())?;
    if directory.bytes < (count * FIXED_BYTES) as u64 {
        return Err(broken());
    }
    let mut items = Items { all: Vec::with_capacity(count), names: String::new(), begin: directory.begin };
    let (mut at, end) = (directory.begin, directory.begin + directory.bytes);
    let mut record = Vec::new();
    for _ in 0..count {
        at = piece(source, &mut record, at, FIXED_BYTES, end)?.ok_or_else(broken)?;
        let head = Head::read(&record).ok_or_else(broken)?;
        let place = at - directory.begin;
        let length = head.name_bytes + head.extra_bytes + head.comment_bytes;
        at = piece(source, &mut record, at, length, end)?.ok_or_else(broken)?;
        let (raw, rest) = record.split_at(head.name_bytes);
        let item = head.item(place, raw, &rest[..head.extra_bytes], &mut items.names);
        let item = item.map_err(|fault| entry_fault(&String::from_utf8_lossy(raw), fault))?;
        if items.names.len() > limits::ARCHIVE_NAME_BYTES {
            return Err(TooLarge("its names are too long"));
        }
        items.all.push(item);
    }
    if at == end { Ok(items) } else { Err(Malformed("its directory has more than its entries")) }
}

/// Reads the next `length` bytes; `None` if they would go beyond the end.
fn piece(
    source: &impl Source,
    record: &mut Vec<u8>,
    at: u64,
    length: usize,
    end: u64,
) -> Result<Option<u64>, ArchiveFault> {
    let next = at + length as u64;
    if next > end {
        return Ok(None);
    }
    record.resize(length, 0);
    source.read_exact_at(record, at)?;
    Ok(Some(next))
}

/// The fixed part.
struct Head {
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u32,
    size: u32,
    name_bytes: usize,
    extra_bytes: usize,
    comment_bytes: usize,
    disk: u16,
    attributes: u32,
    offset: u32,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.u32()? != SIGNATURE {
            return None;
        }
        let _versions = fields.u32()?;
        let (flags, method, _time, crc) = (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
        let (compressed, size) = (fields.u32()?, fields.u32()?);
        let (name_bytes, extra_bytes, comment_bytes) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (disk, _internal, attributes, offset) =
            (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
        let [name_bytes, extra_bytes, comment_bytes] =
            [name_bytes, extra_bytes, comment_bytes].map(usize::from);
        Some(Self {
            flags,
            method,
            crc,
            compressed,
            size,
            name_bytes,
            extra_bytes,
            comment_bytes,
            disk,
            attributes,
            offset,
        })
    }

    /// Checks an entry and puts its path behind the others.
    fn item(&self, place: u64, raw: &[u8], extra: &[u8], names: &mut String) -> Result<Item, EntryFault> {
        if self.flags & ENCRYPTED != 0 {
            return Err(EntryFault::Encrypted);
        }
        if self.flags & PATCHED != 0 || ![STORED, DEFLATE].contains(&self.method) {
            return Err(EntryFault::Method);
        }
        let (path, is_dir) = name::path(raw, self.flags & UTF8 != 0)?;
        let extra = Extra::read(extra)?;
        let [size, compressed, offset] = extra.widen([self.size, self.compressed, self.offset])?;
        if ![0, u16::MAX].contains(&self.disk) {
            return Err(EntryFault::Place);
        }
        // The upper half is a mode wherever an archive says so; elsewhere it is 0.
        let mode = check_mode((self.attributes >> 16) as u16)?;
        let says_dir = mode.unwrap_or(self.attributes & DOS_DIRECTORY != 0);
        let contradicts = (mode.is_some() || says_dir) && says_dir != is_dir;
        if contradicts || (is_dir && size != 0) {
            return Err(EntryFault::Kind);
        }
        if (self.method == STORED && size != compressed) || size / MOST_RATIO > compressed {
            return Err(EntryFault::Size);
        }
        let begin = u32::try_from(names.len()).map_err(|_| EntryFault::Place)?;
        let name_bytes = u16::try_from(path.as_str().len()).map_err(|_| EntryFault::Place)?;
        let raw_begin = u32::try_from(place).map_err(|_| EntryFault::Place)?;
        let raw_bytes = u16::try_from(raw.len()).map_err(|_| EntryFault::Place)?;
        names.push_str(path.as_str());
        Ok(Item {
            offset,
            compressed,
            size,
            crc: self.crc,
            name: begin,
            name_bytes,
            raw: raw_begin,
            raw_bytes,
            method: self.method,
            flags: self.flags,
            is_dir,
        })
    }
}

/// Makes sure that no two entries have one name, and that none lies below a file.
pub(super) fn check_tree(items: &Items) -> Result<(), ArchiveFault> {
    let mut order: Vec<u32> = (0..items.all.len() as u32).collect();
    let item = |number: u32| &items.all[number as usize];
    // A slash sorts before everything else, so that what lies below a path follows it at once.
    let key = |byte: u8| if byte == b'/' { 0 } else { byte };
    order.sort_unstable_by(|a, b| {
        let [a, b] = [a, b].map(|number| items.name(item(*number)).bytes().map(key));
        a.cmp(b)
    });
    for pair in order.windows(2) {
        let (first, second) = (item(pair[0]), item(pair[1]));
        let rest = items.name(second).strip_prefix(items.name(first));
        match rest {
            Some("") => return Err(items.fault(second, EntryFault::Duplicate)),
            Some(rest) if rest.starts_with('/') && !first.is_dir => {
                return Err(items.fault(first, EntryFault::Conflict));
            }
            _ => {}
        }
    }
    Ok(())
}
