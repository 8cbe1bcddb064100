//! What a library that reads every archive makes of the same bytes.

use std::io::{Cursor, Read, Write};

use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{Tree, archive, read, site};

fn peer(bytes: &[u8]) -> Option<Tree> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut found = Vec::new();
    for number in 0..archive.len() {
        let mut file = archive.by_index(number).ok()?;
        let name = std::str::from_utf8(file.name_raw()).ok()?.trim_end_matches('/').to_owned();
        let mut content = Vec::new();
        file.by_ref().take(1 << 20).read_to_end(&mut content).ok()?;
        found.push((name, (!file.is_dir()).then_some(content)));
    }
    Some(found)
}

#[test]
fn the_library_reads_what_the_tests_make() {
    let bytes = archive(site()).bytes();
    assert_eq!(peer(&bytes).unwrap(), read(&bytes).unwrap());
}

proptest! {
    #[test]
    fn what_the_library_writes_is_read(
        files in proptest::collection::btree_map("[a-z]{1,4}/[a-zé]{1,8}", proptest::collection::vec(any::<u8>(), 0..2000), 1..12),
        is_large in any::<bool>(),
        deflated in any::<bool>(),
    ) {
        let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_directory("empty", options).unwrap();
        for (name, content) in &files {
            writer.start_file(name.as_str(), options).unwrap();
            writer.write_all(content).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let mut want: Tree = vec![("empty".into(), None)];
        want.extend(files.into_iter().map(|(name, content)| (name, Some(content))));
        prop_assert_eq!(read(&bytes).unwrap(), want);
    }

    #[test]
    fn damage_never_panics_and_what_is_still_read_the_library_reads_alike(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = archive(site()).bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let (Ok(mut ours), Some(mut theirs)) = (read(&bytes), peer(&bytes)) {
            // It lists in the order of the directory.
            ours.sort();
            theirs.sort();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }
}
