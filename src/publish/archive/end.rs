//! The end of an archive, which says where its directory is (APPNOTE.TXT 4.3.14 to 4.3.16).

use crate::limits;

use super::fault::ArchiveFault::{self, Malformed, TooLarge, Unsupported};
use super::source::{Fields, Source};

const END: u32 = 0x0605_4b50;
const END_BYTES: u64 = 22;
const END64: u32 = 0x0606_4b50;
const END64_BYTES: u64 = 56;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_BYTES: u64 = 20;
/// A comment's length has two bytes.
const COMMENT_BYTES: u64 = u16::MAX as u64;

/// Where the directory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Entries that it has.
    pub(super) entries: u64,
    /// Offset of its first byte.
    pub(super) begin: u64,
    /// Its size in bytes.
    pub(super) bytes: u64,
}

/// Finds the directory, and makes sure that it ends where the archive's end begins: nothing may stand before, between or behind the parts.
pub(super) fn find(source: &impl Source) -> Result<Directory, ArchiveFault> {
    let size = source.size()?;
    let (offset, record) = end_record(source, size)?;
    let mut fields = Fields(&record[4..]);
    let (Some(disk), Some(first_disk), Some(here), Some(entries), Some(bytes), Some(begin)) =
        (fields.u16(), fields.u16(), fields.u16(), fields.u16(), fields.u32(), fields.u32())
    else {
        return Err(Malformed("its end is cut off"));
    };
    let plain = Directory { entries: entries.into(), begin: begin.into(), bytes: bytes.into() };
    let (directory, end) = match end64(source, offset)? {
        Some((directory, end)) => {
            // What the old record can hold it must hold alike.
            let agrees = |old: u64, most: u64, new: u64| old == most || old == new;
            let same = agrees(plain.entries, u16::MAX.into(), directory.entries)
                && agrees(plain.begin, u32::MAX.into(), directory.begin)
                && agrees(plain.bytes, u32::MAX.into(), directory.bytes);
            if !same {
                return Err(Malformed("its two ends differ"));
            }
            (directory, end)
        }
        None => (plain, offset),
    };
    if ![0, u16::MAX].contains(&disk) || ![0, u16::MAX].contains(&first_disk) || (here != entries) {
        return Err(Unsupported("it has several parts"));
    }
    if directory.entries == 0 {
        return Err(Malformed("it is empty"));
    }
    if directory.entries > limits::ARCHIVE_ENTRIES as u64 {
        return Err(TooLarge("it has too many entries"));
    }
    if directory.bytes > limits::ARCHIVE_DIRECTORY_BYTES {
        return Err(TooLarge("its directory is too large"));
    }
    if directory.begin.checked_add(directory.bytes) != Some(end) {
        return Err(Malformed("its directory is not where its end says"));
    }
    Ok(directory)
}

/// The record that ends the file, comment included: the last one that does.
fn end_record(source: &impl Source, size: u64) -> Result<(u64, [u8; END_BYTES as usize]), ArchiveFault> {
    let missing = Malformed("its end is missing");
    if size < END_BYTES {
        return Err(missing);
    }
    let from = size.saturating_sub(END_BYTES + COMMENT_BYTES);
    let mut tail = vec![0; (size - from) as usize];
    source.read_exact_at(&mut tail, from)?;
    let signature = END.to_le_bytes();
    let mut rest = tail.as_slice();
    while let Some(start) = memchr::memmem::rfind(rest, &signature) {
        // What lies further back may share bytes with this one.
        rest = &tail[..start + signature.len() - 1];
        let mut record = [0; END_BYTES as usize];
        let Some(found) = tail.get(start..start + END_BYTES as usize) else { continue };
        record.copy_from_slice(found);
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        if start + END_BYTES as usize + comment == tail.len() {
            return Ok((from + start as u64, record));
        }
    }
    Err(missing)
}

/// The directory that a zip64 end before the end at `offset` names, and where that end begins.
fn end64(source: &impl Source, offset: u64) -> Result<Option<(Directory, u64)>, ArchiveFault> {
    let Some(at) = offset.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let mut locator = [0; LOCATOR_BYTES as usize];
    source.read_exact_at(&mut locator, at)?;
    let mut fields = Fields(&locator);
    if fields.u32() != Some(LOCATOR) {
        return Ok(None);
    }
    let (Some(disk), Some(begin), Some(disks)) = (fields.u32(), fields.u64(), fields.u32()) else {
        return Err(Malformed("its end is cut off"));
    };
    if disk != 0 || disks > 1 {
        return Err(Unsupported("it has several parts"));
    }
    // Version 1 of the record, without the extensible data of encrypted directories.
    if begin.checked_add(END64_BYTES) != Some(at) {
        return Err(Malformed("its zip64 end is not where it should be"));
    }
    let mut record = [0; END64_BYTES as usize];
    source.read_exact_at(&mut record, begin)?;
    let mut fields = Fields(&record);
    let (Some(END64), Some(length)) = (fields.u32(), fields.u64()) else {
        return Err(Malformed("its zip64 end is not where it should be"));
    };
    let _versions = fields.u32();
    let (Some(disk), Some(first_disk), Some(here), Some(entries), Some(bytes), Some(first)) =
        (fields.u32(), fields.u32(), fields.u64(), fields.u64(), fields.u64(), fields.u64())
    else {
        return Err(Malformed("its end is cut off"));
    };
    if disk != 0 || first_disk != 0 || here != entries {
        return Err(Unsupported("it has several parts"));
    }
    if length != END64_BYTES - 12 {
        return Err(Unsupported("its zip64 end is of a later version"));
    }
    Ok(Some((Directory { entries, begin: first, bytes }, begin)))
}
