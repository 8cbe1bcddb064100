//! The description before each entry's data (APPNOTE.TXT 4.3.7), which must say what the directory says.

use super::directory::{ENCRYPTED, Item, Items, STREAMED, UTF8};
use super::extra::Extra;
use super::fault::ArchiveFault::{self, Malformed};
use super::fault::EntryFault;
use super::name;
use super::source::{Fields, Source};

const SIGNATURE: u32 = 0x0403_4b50;
const FIXED_BYTES: usize = 30;
/// Flags that must be the same in both places; the others say how hard the compressor tried.
const SAME_FLAGS: u16 = ENCRYPTED | STREAMED | UTF8;

/// Brings the entries into the order of their data, makes sure that nothing stands before the first one's and that none reaches into the next one's, and
/// notes where the data begin. `end` is where the directory begins.
pub(super) fn check(source: &impl Source, items: &mut Items, end: u64) -> Result<(), ArchiveFault> {
    items.all.sort_unstable_by_key(|item| item.offset);
    if items.all.first().is_some_and(|first| first.offset != 0) {
        return Err(Malformed("something stands before its first entry"));
    }
    let mut buffer = Vec::new();
    for number in 0..items.all.len() {
        let item = items.all[number];
        let next = items.all.get(number + 1).map_or(end, |next| next.offset);
        let data = one(source, items, &item, next, &mut buffer).map_err(|fault| match fault {
            Fault::Io(error) => ArchiveFault::Io(error),
            Fault::Entry(fault) => items.fault(&item, fault),
        })?;
        items.all[number].offset = data;
    }
    Ok(())
}

enum Fault {
    Io(std::io::Error),
    Entry(EntryFault),
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<EntryFault> for Fault {
    fn from(fault: EntryFault) -> Self {
        Self::Entry(fault)
    }
}

/// Checks one entry, all of which must lie before `next`; gives where its data begin.
fn one(
    source: &impl Source,
    items: &Items,
    item: &Item,
    next: u64,
    buffer: &mut Vec<u8>,
) -> Result<u64, Fault> {
    let room = next.saturating_sub(item.offset);
    let mut head = [0; FIXED_BYTES];
    if room < FIXED_BYTES as u64 {
        return Err(EntryFault::Place.into());
    }
    source.read_exact_at(&mut head, item.offset)?;
    let head = Head::read(&head).ok_or(EntryFault::Place)?;
    let begin = FIXED_BYTES as u64 + head.name_bytes as u64 + head.extra_bytes as u64;
    if begin.checked_add(item.compressed).is_none_or(|length| length > room) {
        return Err(EntryFault::Place.into());
    }
    buffer.resize(head.name_bytes + head.extra_bytes, 0);
    source.read_exact_at(buffer, item.offset + FIXED_BYTES as u64)?;
    let (raw, extra) = buffer.split_at(head.name_bytes);
    // Bytes that mean the same path are the same name.
    let (path, is_dir) = name::path(raw, head.flags & UTF8 != 0).map_err(|_| EntryFault::Mismatch)?;
    let extra = Extra::read(extra)?;
    let same = path.as_str() == items.name(item)
        && is_dir == item.is_dir
        && head.flags & SAME_FLAGS == item.flags & SAME_FLAGS
        && head.method == item.method
        && head.agrees(item, &extra)?;
    if same { Ok(item.offset + begin) } else { Err(EntryFault::Mismatch.into()) }
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
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.u32()? != SIGNATURE {
            return None;
        }
        let _version = fields.u16()?;
        let (flags, method, _time, crc) = (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
        let (compressed, size) = (fields.u32()?, fields.u32()?);
        let [name_bytes, extra_bytes] = [fields.u16()?, fields.u16()?].map(usize::from);
        Some(Self { flags, method, crc, compressed, size, name_bytes, extra_bytes })
    }

    /// Whether sizes and checksum are those of the directory. Where they stand behind the data, they may be 0 here.
    fn agrees(&self, item: &Item, extra: &Extra<'_>) -> Result<bool, EntryFault> {
        let streamed = self.flags & STREAMED != 0;
        let [size, compressed] = match extra.widen([self.size, self.compressed]) {
            Err(_) if streamed => [0, 0],
            wide => wide?,
        };
        let same = |here: u64, there: u64| here == there || (streamed && here == 0);
        Ok(same(size, item.size)
            && same(compressed, item.compressed)
            && same(self.crc.into(), item.crc.into()))
    }
}
