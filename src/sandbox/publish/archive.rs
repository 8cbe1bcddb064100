//! Writing a zip archive (APPNOTE 6.3.10): stored entries only. It shares no code with what reads archives, so that one cannot hide the other's faults.

use super::website::SiteFile;

/// The bit that says "names are UTF-8".
const UTF_8: u16 = 1 << 11;

/// Midnight of 1 January 1980, the earliest that the format knows.
const DATE: u16 = (1 << 5) | 1;

/// An archive of directories and files, in that order.
pub(super) fn write(directories: &[String], files: &[SiteFile]) -> Vec<u8> {
    let (mut archive, mut central, mut count) = (Vec::new(), Vec::new(), 0_u16);
    let directories = directories.iter().map(|path| (format!("{path}/"), &[][..], 0o040_755_u32));
    let files = files.iter().map(|file| (file.path.clone(), file.bytes.as_slice(), 0o100_644));
    for (name, bytes, mode) in directories.chain(files) {
        let offset = length(archive.len());
        let mut common = Vec::with_capacity(26);
        // Version needed, flags, method "stored", time.
        for number in [20, UTF_8, 0, 0, DATE] {
            common.extend(number.to_le_bytes());
        }
        for number in [crc32(bytes), length(bytes.len()), length(bytes.len()), length(name.len())] {
            common.extend(number.to_le_bytes());
        }
        // The length of the name has 16 bits, as has that of the extra field behind it, which is empty.
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(name.as_bytes());
        archive.extend(bytes);

        central.extend(b"PK\x01\x02");
        // Made on Unix, so that the upper half of the attributes is the mode.
        central.extend(((3_u16 << 8) | 30).to_le_bytes());
        central.extend(&common);
        // Comment, disk, internal attributes.
        central.extend([0; 6]);
        central.extend((mode << 16).to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend(name.as_bytes());
        count += 1;
    }
    let (offset, size) = (length(archive.len()), length(central.len()));
    archive.extend(central);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(size.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// A site of the sandbox's is far from the 4 GiB that this form of the format ends at.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// CRC-32 of ISO-HDLC, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u8| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_checksum() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn unzip_reads_it() {
        let file = |path: &str, text: &str| SiteFile { path: path.into(), bytes: text.into() };
        let files = [file("a/b é.txt", "hello"), file("a/empty", ""), file(".htaccess", "x")];
        let archive = write(&["a".to_owned()], &files);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.zip");
        std::fs::write(&path, archive).unwrap();
        // The second opinion of a program that everybody has who has Python.
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                      print(sorted((i.filename, z.read(i).decode(), oct(i.external_attr >> 16)) for i in z.infolist()))";
        let output = std::process::Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            "[('.htaccess', 'x', '0o100644'), ('a/', '', '0o40755'), ('a/b é.txt', 'hello', '0o100644'), ('a/empty', '', '0o100644')]",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
