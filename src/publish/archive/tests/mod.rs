mod forge;
mod hostile;
mod peers;

use super::{Archive, ArchiveFault, EntryFault, Source};
use crate::publish::apply::{Entries, EntryKind};
use forge::{archive, dir, file, stored, streamed, wide};

/// Everything in an archive: names, and contents of files.
pub(super) type Tree = Vec<(String, Option<Vec<u8>>)>;

/// Checks an archive and reads everything in it.
pub(super) fn read(bytes: &[u8]) -> Result<Tree, ArchiveFault> {
    let archive = Archive::open(bytes)?;
    let (mut contents, mut found) = (archive.contents(), Vec::new());
    while let Some(entry) = contents.next()? {
        let content = match entry.kind {
            EntryKind::Dir => None,
            EntryKind::File { size } => {
                let mut content = Vec::new();
                let result = entry.reader.read_to_end(&mut content);
                result.map_err(|error| fault_of(&error))?;
                assert_eq!(content.len() as u64, size);
                Some(content)
            }
        };
        found.push((entry.path.as_str().to_owned(), content));
    }
    Ok(found)
}

fn fault_of(error: &std::io::Error) -> ArchiveFault {
    match ArchiveFault::of_io(error) {
        Some(ArchiveFault::Entry { name, fault }) => {
            ArchiveFault::Entry { name: name.clone(), fault: *fault }
        }
        other => panic!("{error}: {other:?}"),
    }
}

/// What an ordinary publication looks like.
fn site() -> Vec<forge::Piece> {
    let script = b"<?php include dirname(__FILE__).'/sitepro/index.php';";
    vec![
        file("index.php", script),
        file(".htaccess", b"RewriteEngine On\n"),
        dir("sitepro/"),
        file("sitepro/index.php", &script.repeat(200)),
        streamed(file("sitepro/css/site.css", &b"body { margin: 0 }\n".repeat(1000))),
        stored("sitepro/gallery/a.webp", &(0..=255).collect::<Vec<u8>>().repeat(300)),
        file("sitepro/empty.html", b""),
        stored("sitepro/empty.txt", b""),
    ]
}

#[test]
fn a_published_site_is_read_in_the_order_of_its_data() {
    let bytes = archive(site()).bytes();
    let totals = Archive::open(bytes.as_slice()).unwrap().totals();
    assert_eq!((totals.files, totals.dirs, totals.bytes), (7, 1, 53 + 17 + 53 * 200 + 19_000 + 76_800));
    let found = read(&bytes).unwrap();
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["index.php", ".htaccess", "sitepro"]);
    assert_eq!(found[4].1.as_deref(), Some(&b"body { margin: 0 }\n".repeat(1000)[..]));
    assert_eq!((found[2].1.as_deref(), found[7].1.as_deref()), (None, Some(&b""[..])));
}

#[test]
fn zip64_comments_and_names_of_other_systems_are_taken() {
    let want = read(&archive(site()).bytes()).unwrap();
    let everything_wide = site().into_iter().map(wide).collect();
    let forge =
        forge::Forge { zip64: true, comment: b"made by the builder".to_vec(), ..archive(everything_wide) };
    assert_eq!(read(&forge.bytes()).unwrap(), want);

    let windows = vec![
        forge::Piece { made_by: 20, attributes: 0x10, ..dir("sitepro\\") },
        forge::Piece { made_by: 20, attributes: 0x20, ..file("sitepro\\bü.css", b"x") },
        forge::Piece { made_by: 20, attributes: 0, ..file(b"sitepro\\b\x81cher.js", b"x") },
    ];
    let names: Vec<String> =
        read(&archive(windows).bytes()).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["sitepro", "sitepro/bü.css", "sitepro/bücher.js"]);
}

#[test]
fn an_entry_that_was_not_read_to_its_end_has_not_been_checked() {
    let bytes = archive(vec![file("a", b"abc"), file("b", b"")]).bytes();
    let archive = Archive::open(bytes.as_slice()).unwrap();
    for to_read in 0..=3 {
        let mut contents = archive.contents();
        contents.next().unwrap().unwrap().reader.read_exact(&mut vec![0; to_read]).unwrap();
        let fault = contents.next().err().unwrap();
        assert!(matches!(fault, ArchiveFault::Entry { fault: EntryFault::Unread, .. }), "{fault}");
    }
}

/// A file that fails.
struct Broken;

impl Source for Broken {
    fn size(&self) -> std::io::Result<u64> {
        Ok(1000)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> std::io::Result<usize> {
        Err(std::io::Error::from_raw_os_error(5))
    }
}

#[test]
fn a_disk_that_fails_is_not_the_archives_fault() {
    let fault = Archive::open(Broken).err().unwrap();
    assert!(matches!(fault, ArchiveFault::Io(_)), "{fault}");
    assert_eq!(fault.into_error().kind(), crate::error::ErrorKind::Internal);
}
