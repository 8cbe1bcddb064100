//! What reading an archive costs, whatever it holds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs::File;
use std::io::{self, Write};
use std::process::Command;

use panelgate::publish::apply::{Entries, EntryKind};
use panelgate::publish::archive::Archive;

/// Set for the process that only reads one archive.
const ARCHIVE: &str = "PANELGATE_TEST_ARCHIVE";
/// What the whole process may have taken at its worst, in kilobytes.
const MOST: u64 = 24 * 1024;

/// An archive of stored entries, made without holding it in memory.
fn write_archive(
    path: &std::path::Path,
    entries: usize,
    name: impl Fn(usize) -> String,
    extra: &[u8],
    content: &[u8],
) {
    let mut file = io::BufWriter::new(File::create(path).unwrap());
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let numbers = |out: &mut Vec<u8>, list: &[(u32, usize)]| {
        list.iter().for_each(|(number, bytes)| out.extend_from_slice(&number.to_le_bytes()[..*bytes]));
    };
    let (mut offset, mut directory) = (0_u32, Vec::new());
    for number in 0..entries {
        let name = name(number);
        let (size, length) = (content.len() as u32, name.len() as u32);
        let shared = [(0, 2), (0, 2), (0, 4), (crc.sum(), 4), (size, 4), (size, 4), (length, 2)];
        let mut head = Vec::new();
        numbers(&mut head, &[(0x0403_4b50, 4), (20, 2)]);
        numbers(&mut head, &shared);
        numbers(&mut head, &[(0, 2)]);
        head.extend_from_slice(name.as_bytes());
        numbers(&mut directory, &[(0x0201_4b50, 4), (20, 2), (20, 2)]);
        numbers(&mut directory, &shared);
        numbers(&mut directory, &[(extra.len() as u32, 2), (0, 2), (0, 2), (0, 2), (0, 4), (offset, 4)]);
        directory.extend_from_slice(name.as_bytes());
        directory.extend_from_slice(extra);
        file.write_all(&head).unwrap();
        file.write_all(content).unwrap();
        offset += head.len() as u32 + size;
    }
    let mut end = Vec::new();
    let count = entries as u32;
    numbers(
        &mut end,
        &[(0x0605_4b50, 4), (0, 4), (count, 2), (count, 2), (directory.len() as u32, 4), (offset, 4), (0, 2)],
    );
    file.write_all(&directory).unwrap();
    file.write_all(&end).unwrap();
    file.flush().unwrap();
}

fn reading_takes_at_most_24_mib(archive: &std::path::Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_reads", "--nocapture", "--test-threads=1"])
        .env(ARCHIVE, archive)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let peak = text.split("peak ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let peak: u64 = peak.expect("the child says what it took").parse().unwrap();
    assert!(peak <= MOST, "{peak} kB\n{text}");
    text
}

#[test]
fn the_process_that_reads() {
    let Some(path) = std::env::var_os(ARCHIVE) else { return };
    let read = || -> Result<u64, panelgate::error::Error> {
        let archive = Archive::open(File::open(&path).unwrap()).map_err(|fault| fault.into_error())?;
        let (mut contents, mut bytes) = (archive.contents(), 0);
        while let Some(entry) = contents.next().map_err(|fault| fault.into_error())? {
            if let EntryKind::File { .. } = entry.kind {
                bytes += io::copy(entry.reader, &mut io::sink()).unwrap();
            }
        }
        Ok(bytes)
    };
    let result = read();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak {} {result:?}", peak.trim());
}

#[test]
fn no_archive_takes_more_than_24_mib() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zip");
    // As many entries as may be, their names as long as they may be together.
    let folder = "d".repeat(110);
    write_archive(&path, 50_000, |number| format!("{folder}/{number:010}"), b"", b"");
    assert!(reading_takes_at_most_24_mib(&path).contains("Ok(0)"));
    // As many extra fields as may be: a library that keeps each of them in a form of its own takes many times their size.
    let extra = [0xfe, 0xca, 0, 0].repeat(27);
    write_archive(&path, 50_000, |number| format!("{number}"), &extra, b"");
    assert!(reading_takes_at_most_24_mib(&path).contains("Ok(0)"));
    // One extra field more per entry, and the directory is larger than it may be.
    write_archive(&path, 50_000, |number| format!("{number}"), &[0xfe, 0xca, 0, 0].repeat(40), b"");
    assert!(reading_takes_at_most_24_mib(&path).contains("directory is too large"));
    // A large file, and a large file that was one byte.
    write_archive(&path, 1, |_| "large.bin".into(), b"", &vec![7; 32 << 20]);
    assert!(reading_takes_at_most_24_mib(&path).contains("Ok(33554432)"));
    let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
    writer.start_file("zeros.bin", zip::write::SimpleFileOptions::default()).unwrap();
    for _ in 0..32 {
        writer.write_all(&vec![0; 1 << 20]).unwrap();
    }
    writer.finish().unwrap();
    assert!(reading_takes_at_most_24_mib(&path).contains("Ok(33554432)"));
}
