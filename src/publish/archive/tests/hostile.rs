//! Archives that somebody made to do harm, or that broke on the way.

use super::forge::{Forge, Piece, archive, crc, deflate, dir, extra, file, stored, streamed, wide};
use super::{Archive, ArchiveFault, EntryFault, read, site};
use crate::limits;

/// The fault of the one entry that is wrong.
fn entry_fault(bytes: &[u8]) -> EntryFault {
    match read(bytes) {
        Err(ArchiveFault::Entry { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

fn of(piece: Piece) -> EntryFault {
    entry_fault(&archive(vec![file("index.php", b"x"), piece]).bytes())
}

/// The fault of the archive as a whole.
fn whole(bytes: &[u8]) -> String {
    match read(bytes) {
        Err(
            fault @ (ArchiveFault::Malformed(_) | ArchiveFault::Unsupported(_) | ArchiveFault::TooLarge(_)),
        ) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_lead_out_or_cannot_be_are_refused() {
    let long = "a".repeat(256);
    let (deep, total) = ("a/".repeat(5000), "abcdefg/".repeat(600));
    let bad = [
        "../a",
        "a/../../b",
        "a/..",
        "..",
        "..\\a",
        "a\\..\\..\\b",
        "./a",
        "a/.",
        "a\0.php",
        "a\nb",
        "a\u{7f}",
        &long,
        &deep,
        &total,
    ];
    for name in bad {
        for piece in [file(name, b"x"), dir(format!("{name}/"))] {
            let fault = of(piece);
            assert!(matches!(fault, EntryFault::Name(_)), "{name:?}: {fault:?}");
        }
    }
    for name in ["/etc/passwd", "\\\\server\\share", "C:\\a", "c:/a", "//a"] {
        assert_eq!(of(file(name, b"x")), EntryFault::Absolute, "{name}");
    }
    for name in ["", "/", "//"] {
        let fault = of(file(name, b""));
        assert!([EntryFault::Nameless, EntryFault::Absolute].contains(&fault), "{name}: {fault:?}");
    }
    assert_eq!(
        of(Piece { flags: 1 << 11, local_flags: 1 << 11, ..file(b"\xff\xfe", b"x") }),
        EntryFault::Encoding
    );
}

#[test]
fn names_of_ours_are_refused_wherever_they_stand() {
    assert_eq!(of(file(".panelgate/x", b"x")), EntryFault::Reserved);
    assert_eq!(of(file("a/.panelgate-tmp", b"x")), EntryFault::Reserved);
}

#[test]
fn normal_forms_are_different_names_and_case_counts() {
    let pieces = vec![file("caf\u{e9}", b"1"), file("cafe\u{301}", b"2"), file("CAFE\u{301}", b"3")];
    assert_eq!(read(&archive(pieces).bytes()).unwrap().len(), 3);
}

#[test]
fn two_entries_never_have_one_name() {
    for (first, second) in [
        (file("a", b"1"), file("a", b"2")),
        (file("a/b", b"1"), file("a\\b", b"2")),
        (file("a/b", b"1"), file("a//b", b"2")),
        (dir("a/"), dir("a/")),
        (file("a", b"1"), dir("a/")),
        // One in UTF-8, one in code page 437.
        (file("\u{fc}", b"1"), file(b"\x81", b"2")),
    ] {
        let bytes = archive(vec![first, file("m", b""), second]).bytes();
        assert_eq!(entry_fault(&bytes), EntryFault::Duplicate);
    }
    // A name in between in the order of bytes, but not in that of paths.
    for below in [file("a/b", b""), dir("a/b/"), file("a/b/c/d", b"")] {
        for pieces in [
            vec![file("a", b"1"), file("a!", b""), file("a-b", b""), below.clone()],
            vec![below.clone(), file("a.b", b""), file("a", b"1")],
        ] {
            assert_eq!(entry_fault(&archive(pieces).bytes()), EntryFault::Conflict);
        }
    }
    read(&archive(vec![dir("a/"), file("a/b", b""), file("a.b", b""), dir("a/c/")]).bytes()).unwrap();
}

#[test]
fn links_devices_and_pipes_are_refused_whatever_system_the_archive_names() {
    for made_by in [0, 3 << 8, 19 << 8, 10 << 8] {
        let with = |mode: u32| of(Piece { made_by, attributes: mode << 16, ..stored("a", b"/etc/passwd") });
        assert_eq!(with(0o120_777), EntryFault::Link);
        for mode in [0o060_600, 0o020_600, 0o010_600, 0o140_600, 0o170_000, 0o030_000] {
            assert_eq!(with(mode), EntryFault::Special, "{mode:o}");
        }
    }
    // A hard link or a device in PKWARE's field for Unix, a symbolic link in that of ASi.
    let target = [&[0; 12][..], b"../../target"].concat();
    assert_eq!(of(Piece { extra: extra(0x0d, &target), ..file("a", b"x") }), EntryFault::Link);
    assert_eq!(of(Piece { local_extra: extra(0x0d, &target), ..file("a", b"x") }), EntryFault::Link);
    let asi =
        |mode: u16, length: u32| [&[0; 4][..], &mode.to_le_bytes(), &length.to_le_bytes(), &[0; 4]].concat();
    assert_eq!(of(Piece { extra: extra(0x756e, &asi(0o120_777, 0)), ..file("a", b"x") }), EntryFault::Link);
    assert_eq!(of(Piece { extra: extra(0x756e, &asi(0o100_644, 9)), ..file("a", b"x") }), EntryFault::Link);
    assert_eq!(
        of(Piece { extra: extra(0x756e, &asi(0o020_644, 0)), ..file("a", b"x") }),
        EntryFault::Special
    );
    let fine = Piece { extra: extra(0x756e, &asi(0o104_755, 0)), ..file("a", b"x") };
    read(&archive(vec![fine]).bytes()).unwrap();
}

#[test]
fn what_is_directory_here_and_file_there_is_refused() {
    assert_eq!(of(Piece { attributes: 0o040_755 << 16, ..file("a", b"") }), EntryFault::Kind);
    assert_eq!(of(Piece { attributes: 0o100_644 << 16, ..dir("a/") }), EntryFault::Kind);
    assert_eq!(of(Piece { attributes: 0x10, made_by: 20, ..file("a", b"") }), EntryFault::Kind);
    assert_eq!(of(file("a/", b"content of a directory")), EntryFault::Kind);
}

#[test]
fn encrypted_and_exotic_entries_are_refused() {
    for flag in [1, 1 << 6, 1 << 13] {
        assert_eq!(of(Piece { flags: flag, local_flags: flag, ..file("a", b"x") }), EntryFault::Encrypted);
        assert_eq!(of(Piece { local_flags: flag, ..file("a", b"x") }), EntryFault::Mismatch);
    }
    for id in [0x0017, 0x9901] {
        assert_eq!(of(Piece { extra: extra(id, &[0; 7]), ..file("a", b"x") }), EntryFault::Encrypted);
    }
    for method in (1..=7).chain(9..=20).chain([93, 95, 98, 99]) {
        let piece = Piece { method, local_method: method, ..file("a", b"x") };
        assert_eq!(of(piece), EntryFault::Method, "{method}");
    }
    assert_eq!(of(Piece { flags: 1 << 5, local_flags: 1 << 5, ..file("a", b"x") }), EntryFault::Method);
}

#[test]
fn both_descriptions_of_an_entry_must_agree() {
    let good = file("a/b.php", b"content");
    let wrong: Vec<Piece> = vec![
        Piece { local_name: b"a/c.php".to_vec(), ..good.clone() },
        Piece { local_name: b"../../c.php".to_vec(), ..good.clone() },
        Piece { local_name: b"a/b.php/".to_vec(), ..good.clone() },
        Piece { local_method: 0, ..good.clone() },
        Piece { local_crc: 1, ..good.clone() },
        Piece { local_size: 6, ..good.clone() },
        Piece { local_compressed: good.compressed - 1, ..good.clone() },
        Piece { local_flags: 1 << 11, ..good.clone() },
        Piece { local_flags: 1 << 3, ..good.clone() },
        // Zip64 here, other numbers there.
        Piece { size: 7, compressed: good.compressed, extra: vec![], local_size: 8, ..good.clone() },
        Piece { local_extra: extra(1, &[9; 16]), ..wide(good.clone()) },
        Piece { local_extra: vec![], ..wide(good.clone()) },
        Piece { local_extra: vec![1, 0, 99, 0], ..good.clone() },
        Piece { local_crc: 7, ..streamed(good.clone()) },
    ];
    for (number, piece) in wrong.into_iter().enumerate() {
        assert_eq!(of(piece), EntryFault::Mismatch, "{number}");
    }
    // In the directory itself.
    assert_eq!(of(Piece { extra: vec![], ..wide(good.clone()) }), EntryFault::Mismatch);
    assert_eq!(of(Piece { extra: extra(1, &[9; 15]), ..wide(good.clone()) }), EntryFault::Mismatch);
    assert_eq!(of(Piece { extra: vec![1, 0, 9, 0, 0], ..good.clone() }), EntryFault::Mismatch);
    let twice = [extra(1, &[0; 16]), extra(1, &[0; 16])].concat();
    assert_eq!(of(Piece { extra: twice, ..good.clone() }), EntryFault::Mismatch);
    assert_eq!(of(Piece { disk: 1, ..good }), EntryFault::Place);
}

#[test]
fn contents_are_what_their_description_says() {
    let good = file("a", b"content of a file");
    let both =
        |size: u32, sum: u32| Piece { size, local_size: size, crc: sum, local_crc: sum, ..good.clone() };
    assert_eq!(of(both(17, 1)), EntryFault::Checksum);
    assert_eq!(of(both(16, crc(b"content of a fil"))), EntryFault::Size);
    assert_eq!(of(both(18, good.crc)), EntryFault::Size);
    assert_eq!(of(both(0, 0)), EntryFault::Size);
    let with = |data: Vec<u8>| {
        let compressed = data.len() as u32;
        of(Piece { data, compressed, local_compressed: compressed, ..good.clone() })
    };
    let data = deflate(b"content of a file");
    assert_eq!(with([&data[..], b"more"].concat()), EntryFault::Size);
    assert_eq!(with(data[..data.len() - 3].to_vec()), EntryFault::Damaged);
    assert_eq!(with(vec![0xff; 20]), EntryFault::Damaged);
    let stored = stored("a", b"abc");
    assert_eq!(of(Piece { crc: 5, local_crc: 5, ..stored.clone() }), EntryFault::Checksum);
    assert_eq!(of(Piece { size: 2, local_size: 2, ..stored.clone() }), EntryFault::Size);
    assert_eq!(of(Piece { size: 4, local_size: 4, ..stored }), EntryFault::Size);
}

#[test]
fn bombs_are_refused_before_anything_is_inflated() {
    // All entries on one kernel of data, each inside the one before: the zip bomb of David Fifield.
    let kernel = file("kernel", &vec![0; 1 << 20]);
    let begin = archive(vec![file("first", b"x")]).bytes().len();
    let mut pieces = vec![file("first", b"x"), kernel.clone()];
    let at = (begin - 22 - 46 - 5) as u32;
    pieces.extend((0..50).map(|number| {
        let name = format!("kernel{number}");
        // It has no data of its own, but says that it lies where the kernel does.
        let mut bare = Piece { offset: Some(at), ..kernel.clone() };
        bare.name = name.into_bytes();
        bare
    }));
    assert_eq!(entry_fault(&archive(pieces).bytes()), EntryFault::Place);

    // An entry that reaches into the next one, into the directory, beyond the end.
    let quoting = |compressed: u32, size: u32| {
        let first = stored("a", b"1");
        let long = Piece { compressed, local_compressed: compressed, size, local_size: size, ..first };
        entry_fault(&archive(vec![long, file("b", b"2")]).bytes())
    };
    for length in [2, 40, 80, 4_000, 0xffff_fff0] {
        assert_eq!(quoting(length, length), EntryFault::Place, "{length}");
    }
    let far = Piece { offset: Some(0xffff_0000), ..file("b", b"2") };
    assert_eq!(entry_fault(&archive(vec![file("a", b"1"), far]).bytes()), EntryFault::Place);

    // More than deflate can make of so few bytes; more than the bound, with sizes in 64 bits; many that are each possible.
    let lie = Piece { size: 1 << 30, local_size: 1 << 30, ..file("b", b"2") };
    assert_eq!(of(lie), EntryFault::Size);
    let zeros = file("x", &vec![0; 8 << 20]);
    let many = |count: usize| -> Vec<Piece> {
        let name = |number: usize| format!("{number}").into_bytes();
        (0..count)
            .map(|number| Piece { name: name(number), local_name: name(number), ..zeros.clone() })
            .collect()
    };
    assert!(whole(&archive(many(9)).bytes()).contains("out of proportion"));
    Archive::open(archive(many(8)).bytes().as_slice()).unwrap();
    assert!(whole(&archive(many(513)).bytes()).contains("contents are too large"));
    let huge = Piece { data: vec![0; 64], ..wide(stored("b", &[0; 64])) };
    let field = extra(1, &[u64::MAX.to_le_bytes(), u64::MAX.to_le_bytes()].concat());
    let huge = Piece { extra: field.clone(), local_extra: field, ..huge };
    assert!(whole(&archive(vec![huge]).bytes()).contains("too large"));
}

#[test]
fn nothing_stands_before_between_or_behind_the_parts() {
    let stub = b"MZ this program extracts itself".to_vec();
    // With offsets that count from the file's begin, and with those of an archive to which the stub was added later.
    let counted = Forge { before: stub.clone(), ..archive(site()) };
    assert!(whole(&counted.bytes()).contains("before its first entry"));
    assert!(!whole(&[stub.clone(), archive(site()).bytes()].concat()).is_empty());
    assert!(
        whole(&Forge { between: stub.clone(), ..archive(site()) }.bytes()).contains("directory is not where")
    );
    assert!(whole(&Forge { behind: stub, ..archive(site()) }.bytes()).contains("end is missing"));
    for shift in [-1, 1, 46, 1000] {
        assert!(whole(&Forge { shift, ..archive(site()) }.bytes()).contains("directory is not where"));
        assert!(
            whole(&Forge { shift, zip64: true, ..archive(site()) }.bytes())
                .contains("directory is not where")
        );
    }
    // A second archive in the comment of the first.
    let inner = archive(vec![file("evil.php", b"x")]).bytes();
    assert!(!whole(&Forge { comment: inner, ..archive(site()) }.bytes()).is_empty());
}

#[test]
fn the_end_counts_what_is_there() {
    let with = |count| Forge { count: Some(count), ..archive(site()) }.bytes();
    assert!(whole(&with(7)).contains("more than its entries"));
    assert!(whole(&with(9)).contains("damaged"));
    assert!(whole(&with(0)).contains("empty"));
    assert!(whole(&with(60_000)).contains("too many entries"));
    assert!(whole(&Forge { disk: 1, ..archive(site()) }.bytes()).contains("several parts"));
    assert!(whole(&archive(vec![]).bytes()).contains("empty"));
    assert!(whole(&archive(vec![dir("a/")]).bytes()).contains("no file"));
    // Two ends that differ.
    let mut bytes = Forge { zip64: true, ..archive(site()) }.bytes();
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].copy_from_slice(&[3, 0, 3, 0]);
    assert!(whole(&bytes).contains("two ends differ"));
}

#[test]
fn entries_and_their_names_have_bounds() {
    let many = |count: usize| {
        let pieces = (0..count).map(|number| stored(format!("{number:x}"), b"")).collect();
        archive(pieces).bytes()
    };
    Archive::open(many(limits::ARCHIVE_ENTRIES).as_slice()).unwrap();
    assert!(whole(&many(limits::ARCHIVE_ENTRIES + 1)).contains("too many entries"));

    // A directory of long comments, and one of long names.
    let comments = |length: usize| {
        let comment = vec![b'c'; 60_000];
        let pieces =
            (0..length).map(|number| Piece { comment: comment.clone(), ..stored(format!("{number}"), b"") });
        archive(pieces.collect()).bytes()
    };
    read(&comments(100)).unwrap();
    assert!(whole(&comments(150)).contains("directory is too large"));
    let names = |count: usize| {
        let folder = format!("{0}/{0}/{0}/{0}/{0}", "d".repeat(200));
        archive((0..count).map(|number| stored(format!("{folder}/{number}"), b"")).collect()).bytes()
    };
    Archive::open(names(5_000).as_slice()).unwrap();
    assert!(whole(&names(7_000)).contains("names are too long"));
}

#[test]
fn an_archive_that_was_cut_off_anywhere_is_refused() {
    let noise: Vec<u8> =
        (0_u32..200_000).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut pieces = site();
    pieces.push(file("sitepro/noise.bin", &noise));
    pieces.push(Piece { comment: vec![b'c'; 3000], ..stored("sitepro/more.bin", &noise) });
    for zip64 in [false, true] {
        let bytes = Forge { zip64, comment: vec![b' '; 2000], ..archive(pieces.clone()) }.bytes();
        assert!(bytes.len() > 200_000);
        read(&bytes).unwrap();
        for length in (0..bytes.len()).step_by(1024).chain(bytes.len() - 300..bytes.len()) {
            assert!(read(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
        }
    }
}

#[test]
fn an_archive_with_one_changed_byte_is_refused_or_gives_the_same_contents() {
    let pieces = vec![
        file("index.php", &b"<?php include 'sitepro/index.php';".repeat(3)),
        dir("sitepro/"),
        streamed(file("sitepro/index.php", &b"content ".repeat(20))),
        wide(stored("sitepro/a.webp", b"RIFF....WEBP")),
    ];
    let bytes = archive(pieces).bytes();
    let mut want = read(&bytes).unwrap();
    want.sort();
    for position in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[position] ^= change;
            if let Ok(mut found) = read(&changed) {
                found.sort();
                let contents =
                    |tree: &super::Tree| tree.iter().map(|(_, content)| content.clone()).collect::<Vec<_>>();
                let (mut before, mut after) = (contents(&want), contents(&found));
                before.sort();
                after.sort();
                assert_eq!(before, after, "byte {position}");
            }
        }
    }
}
