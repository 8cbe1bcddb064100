//! Makes archives byte by byte, right ones and wrong ones.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// One entry, with every field that can be wrong.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) name: Vec<u8>,
    /// The name before the data.
    pub(super) local_name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) local_flags: u16,
    pub(super) method: u16,
    pub(super) local_method: u16,
    pub(super) crc: u32,
    pub(super) local_crc: u32,
    /// The data as they stand in the archive.
    pub(super) data: Vec<u8>,
    pub(super) compressed: u32,
    pub(super) local_compressed: u32,
    pub(super) size: u32,
    pub(super) local_size: u32,
    pub(super) made_by: u16,
    pub(super) attributes: u32,
    pub(super) extra: Vec<u8>,
    pub(super) local_extra: Vec<u8>,
    pub(super) comment: Vec<u8>,
    pub(super) disk: u16,
    /// Where it says that it lies, if not where it does.
    pub(super) offset: Option<u32>,
    /// What stands behind the data.
    pub(super) behind: Vec<u8>,
}

pub(super) fn crc(content: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    crc.sum()
}

pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A deflated file.
pub(super) fn file(name: impl AsRef<[u8]>, content: &[u8]) -> Piece {
    let piece = stored(name, content);
    let data = deflate(content);
    let compressed = data.len() as u32;
    Piece { data, compressed, local_compressed: compressed, method: 8, local_method: 8, ..piece }
}

/// A file that is not compressed.
pub(super) fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Piece {
    let (name, size) = (name.as_ref().to_vec(), content.len() as u32);
    Piece {
        local_name: name.clone(),
        name,
        flags: 0,
        local_flags: 0,
        method: 0,
        local_method: 0,
        crc: crc(content),
        local_crc: crc(content),
        data: content.to_vec(),
        compressed: size,
        local_compressed: size,
        size,
        local_size: size,
        made_by: 3 << 8 | 20,
        attributes: 0o100_644 << 16,
        extra: Vec::new(),
        local_extra: Vec::new(),
        comment: Vec::new(),
        disk: 0,
        offset: None,
        behind: Vec::new(),
    }
}

/// A directory; its name ends in a slash.
pub(super) fn dir(name: impl AsRef<[u8]>) -> Piece {
    Piece { attributes: 0o040_755 << 16 | 0x10, ..stored(name, b"") }
}

/// A record of an extra field.
pub(super) fn extra(id: u16, data: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes(), &(data.len() as u16).to_le_bytes(), data].concat()
}

/// Sizes and checksum stand behind the data.
pub(super) fn streamed(piece: Piece) -> Piece {
    let numbers = [0x0807_4b50, piece.crc, piece.compressed, piece.size];
    let behind = numbers.iter().flat_map(|number: &u32| number.to_le_bytes()).collect();
    Piece {
        flags: piece.flags | 8,
        local_flags: piece.local_flags | 8,
        local_crc: 0,
        local_compressed: 0,
        local_size: 0,
        behind,
        ..piece
    }
}

/// All sizes in 64 bits.
pub(super) fn wide(piece: Piece) -> Piece {
    let numbers = [u64::from(piece.size), u64::from(piece.compressed)];
    let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let field = extra(1, &data);
    let most = u32::MAX;
    Piece {
        extra: field.clone(),
        local_extra: field,
        compressed: most,
        local_compressed: most,
        size: most,
        local_size: most,
        ..piece
    }
}

/// A whole archive, with every field of its end that can be wrong.
pub(super) struct Forge {
    pub(super) before: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
    pub(super) comment: Vec<u8>,
    /// Entries that the end counts, if not as many as there are.
    pub(super) count: Option<u16>,
    pub(super) shift: i64,
    pub(super) disk: u16,
    pub(super) zip64: bool,
    /// What stands between directory and end.
    pub(super) between: Vec<u8>,
    pub(super) behind: Vec<u8>,
}

pub(super) fn archive(pieces: Vec<Piece>) -> Forge {
    Forge {
        before: Vec::new(),
        pieces,
        comment: Vec::new(),
        count: None,
        shift: 0,
        disk: 0,
        zip64: false,
        between: Vec::new(),
        behind: Vec::new(),
    }
}

/// Numbers of two, four and eight bytes, one behind the other.
macro_rules! put {
    ($out:expr; $($number:expr),+ $(,)?) => { $( $out.extend_from_slice(&$number.to_le_bytes()); )+ };
}

impl Forge {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let mut offsets = Vec::new();
        for piece in &self.pieces {
            offsets.push(piece.offset.unwrap_or(out.len() as u32));
            put!(out; 0x0403_4b50_u32, 20_u16, piece.local_flags, piece.local_method, 0_u32, piece.local_crc,
                piece.local_compressed, piece.local_size, piece.local_name.len() as u16, piece.local_extra.len() as u16);
            for part in [&piece.local_name, &piece.local_extra, &piece.data, &piece.behind] {
                out.extend_from_slice(part);
            }
        }
        let begin = out.len();
        for (piece, offset) in self.pieces.iter().zip(offsets) {
            put!(out; 0x0201_4b50_u32, piece.made_by, 20_u16, piece.flags, piece.method, 0_u32, piece.crc,
                piece.compressed, piece.size, piece.name.len() as u16, piece.extra.len() as u16,
                piece.comment.len() as u16, piece.disk, 0_u16, piece.attributes, offset);
            for part in [&piece.name, &piece.extra, &piece.comment] {
                out.extend_from_slice(part);
            }
        }
        let length = out.len() - begin;
        out.extend_from_slice(&self.between);
        self.end(&mut out, begin, length);
        out
    }

    fn end(&self, out: &mut Vec<u8>, begin: usize, length: usize) {
        let count = self.count.unwrap_or(self.pieces.len() as u16);
        let begin = (begin as i64 + self.shift) as u64;
        if self.zip64 {
            let at = out.len() as u64;
            put!(out; 0x0606_4b50_u32, 44_u64, 45_u16, 45_u16, 0_u32, 0_u32, u64::from(count), u64::from(count),
                length as u64, begin);
            put!(out; 0x0706_4b50_u32, 0_u32, at, 1_u32);
            put!(out; 0x0605_4b50_u32, self.disk, self.disk, u16::MAX, u16::MAX, u32::MAX, u32::MAX);
        } else {
            put!(out; 0x0605_4b50_u32, self.disk, self.disk, count, count, length as u32, begin as u32);
        }
        put!(out; self.comment.len() as u16);
        out.extend_from_slice(&self.comment);
        out.extend_from_slice(&self.behind);
    }
}
