//! The extra fields of an entry (APPNOTE.TXT 4.5): sizes beyond 32 bits, and what must not be there.

use super::fault::EntryFault;
use super::source::Fields;

const ZIP64: u16 = 0x0001;
/// PKWARE's Unix field: its variable part is the target of a link or the number of a device.
const PKWARE_UNIX: u16 = 0x000d;
const PKWARE_UNIX_FIXED: usize = 12;
/// The ASi field: mode, and the target of a symbolic link.
const ASI_UNIX: u16 = 0x756e;
/// Strong encryption, and WinZip's AES.
const ENCRYPTION: [u16; 2] = [0x0017, 0x9901];

/// What the extra fields say.
#[derive(Default)]
pub(super) struct Extra<'a> {
    zip64: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    /// Reads the fields.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, EntryFault> {
        let mut found = Self::default();
        let mut fields = Fields(bytes);
        while !fields.0.is_empty() {
            // Some writers align the data with a few zero bytes.
            if fields.0.len() < 4 && fields.0.iter().all(|byte| *byte == 0) {
                break;
            }
            let (Some(id), Some(length)) = (fields.u16(), fields.u16()) else {
                return Err(EntryFault::Mismatch);
            };
            let data = fields.bytes(length.into()).ok_or(EntryFault::Mismatch)?;
            match id {
                ZIP64 if found.zip64.is_some() => return Err(EntryFault::Mismatch),
                ZIP64 => found.zip64 = Some(data),
                PKWARE_UNIX if data.len() > PKWARE_UNIX_FIXED => return Err(EntryFault::Link),
                ASI_UNIX => asi(data)?,
                id if ENCRYPTION.contains(&id) => return Err(EntryFault::Encrypted),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The numbers in place of those that are all ones in 32 bits, in their order.
    pub(super) fn widen<const N: usize>(&self, short: [u32; N]) -> Result<[u64; N], EntryFault> {
        let mut fields = Fields(self.zip64.unwrap_or_default());
        let mut wide = [0; N];
        for (wide, short) in wide.iter_mut().zip(short) {
            *wide = match (short, self.zip64) {
                (u32::MAX, Some(_)) => fields.u64().ok_or(EntryFault::Mismatch)?,
                // All ones without the field cannot be the size of anything here.
                (u32::MAX, None) => return Err(EntryFault::Mismatch),
                (short, _) => short.into(),
            };
        }
        Ok(wide)
    }
}

/// CRC, mode, length of the link's target, user, group, target.
fn asi(data: &[u8]) -> Result<(), EntryFault> {
    let mut fields = Fields(data);
    let _crc = fields.u32();
    let (Some(mode), Some(target)) = (fields.u16(), fields.u32()) else { return Err(EntryFault::Mismatch) };
    if target != 0 { Err(EntryFault::Link) } else { check_mode(mode).map(drop) }
}

/// Looks at the type in a Unix mode: whether it says directory, or nothing.
pub(super) fn check_mode(mode: u16) -> Result<Option<bool>, EntryFault> {
    match mode & 0o170_000 {
        0 => Ok(None),
        0o100_000 => Ok(Some(false)),
        0o040_000 => Ok(Some(true)),
        0o120_000 => Err(EntryFault::Link),
        _ => Err(EntryFault::Special),
    }
}
