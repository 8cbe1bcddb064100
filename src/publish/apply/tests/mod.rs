//! Publishing whole archives, by exchange of the builder's folder and file by file: both must come to the same.

mod attacked;
mod faults;
mod injected;
mod killed;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;
use crate::publish::confine::{FaultKind, Outcome};
use crate::publish::journal::tests::{Home, contents, files, put};
use crate::publish::journal::{Recovery, tree};

/// An archive in memory. A name that ends in a slash is a directory.
pub(super) struct Memory {
    all: Vec<(String, Vec<u8>)>,
    next: usize,
    /// The content of the entry that is being read.
    reader: Box<dyn Read>,
    /// After so many entries it turns out to be damaged.
    damaged_after: usize,
    /// The content of this entry cannot be read to its end.
    unreadable: Option<usize>,
}

impl Memory {
    pub(super) fn new<'a>(all: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let all = all.into_iter().map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()));
        Self {
            all: all.collect(),
            next: 0,
            reader: Box::new(std::io::empty()),
            damaged_after: usize::MAX,
            unreadable: None,
        }
    }

    fn totals(&self) -> Totals {
        let bytes = self.all.iter().map(|(_, content)| content.len() as u64).sum();
        let dirs = self.all.iter().filter(|(name, _)| name.ends_with('/')).count() as u64;
        Totals { files: self.all.len() as u64 - dirs, dirs, bytes }
    }
}

impl Entries for Memory {
    type Error = &'static str;

    fn next(&mut self) -> Result<Option<Entry<'_>>, Self::Error> {
        if self.next >= self.damaged_after {
            return Err("damaged");
        }
        let Some((name, content)) = self.all.get(self.next) else { return Ok(None) };
        let content = std::io::Cursor::new(content.clone());
        self.reader = match self.unreadable {
            Some(number) if number == self.next => Box::new(content.take(1).chain(Broken)),
            _ => Box::new(content),
        };
        self.next += 1;
        let path = RelPath::from_wire(name.as_bytes()).unwrap();
        let kind = match name.ends_with('/') {
            true => EntryKind::Dir,
            false => EntryKind::File { size: self.all[self.next - 1].1.len() as u64 },
        };
        Ok(Some(Entry { path, kind, reader: &mut self.reader }))
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("checksum"))
    }
}

pub(super) fn publish(site: &mut Site, mut archive: Memory, may_swap: bool) -> Outcome<Applied> {
    let totals = archive.totals();
    match apply_with(site, &mut archive, &totals, may_swap) {
        Ok(applied) => Ok(applied),
        Err(ApplyFault::Fault(fault)) => Err(fault),
        Err(ApplyFault::Entries(text)) => panic!("{text}"),
        Err(ApplyFault::Content(path, error)) => panic!("{path}: {error}"),
    }
}

const FIRST: [(&str, &str); 7] = [
    ("sitepro/", ""),
    ("sitepro/index.php", "page one"),
    ("sitepro/css/site.css", "css one"),
    ("sitepro/css/old.css", "stale"),
    ("sitepro/dat/store.dat", "build output one"),
    ("index.php", "include"),
    (".htaccess", "# PERSISTENT CONTENT\n# END PERSISTENT CONTENT\none\n"),
];

const SECOND: [(&str, &str); 8] = [
    (".htaccess", "# PERSISTENT CONTENT\n# END PERSISTENT CONTENT\ntwo\n"),
    ("index.php", "include two"),
    ("web.config", "iis"),
    ("sitepro/index.php", "page two"),
    ("sitepro/css/site.css", "css two"),
    ("sitepro/store.json", "shipped"),
    ("sitepro/dat/store.dat", "build output two"),
    ("sitepro/empty/", ""),
];

fn with(base: &[(&str, &str)], more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let files_only = base.iter().filter(|(name, _)| !name.ends_with('/')).copied();
    files(&files_only.chain(more.iter().copied()).collect::<Vec<_>>())
}

#[test]
fn two_publications_then_back_and_away() {
    for may_swap in [true, false] {
        let home = Home::new();
        let before = home.contents();
        let mut site = home.open();
        let first = publish(&mut site, Memory::new(FIRST), may_swap).unwrap();
        assert_eq!((first.number, first.files, first.removed, first.swapped), (1, 6, 0, may_swap));
        assert_eq!(home.contents(), with(&FIRST, &[("blog/post", "customer's")]), "swap {may_swap}");
        home.assert_clean();

        // The site runs: visitors order and comment, the customer adds and changes files.
        std::fs::create_dir(home.web("sitepro/forms_attachments")).unwrap();
        std::fs::create_dir(home.web("sitepro/own")).unwrap();
        for (name, content) in [
            ("sitepro/store.json", "orders"),
            ("sitepro/1.comments.dat", "comments"),
            ("sitepro/forms_attachments/cv.pdf", "cv"),
            ("sitepro/own.txt", "customer's"),
            ("sitepro/own/own.txt", "customer's"),
            (".htaccess", "# PERSISTENT CONTENT\nDeny\n# END PERSISTENT CONTENT\none\n"),
        ] {
            std::fs::write(home.web(name), content).unwrap();
        }
        symlink("own.txt", home.web("sitepro/link")).unwrap();
        let running = home.contents();

        let second = publish(&mut site, Memory::new(SECOND), may_swap).unwrap();
        assert_eq!((second.number, second.removed, second.swapped), (2, 1, may_swap), "swap {may_swap}");
        let stays = [
            ("blog/post", "customer's"),
            ("sitepro/store.json", "orders"),
            ("sitepro/1.comments.dat", "comments"),
            ("sitepro/forms_attachments/cv.pdf", "cv"),
            ("sitepro/own.txt", "customer's"),
            ("sitepro/own/own.txt", "customer's"),
            (".htaccess", "# PERSISTENT CONTENT\nDeny\n# END PERSISTENT CONTENT\ntwo\n"),
        ];
        assert_eq!(home.contents(), with(&SECOND, &stays), "swap {may_swap}");
        assert!(home.web("sitepro/empty").is_dir() && home.web("sitepro/link").is_symlink());
        let metadata = std::fs::metadata(home.web("sitepro/index.php")).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.nlink()), (0o644, 1));
        assert_eq!(std::fs::metadata(home.web("sitepro")).unwrap().mode() & 0o7777, 0o755);
        home.assert_clean();

        // Orders that came in with the second publication are not lost by going back to the first.
        std::fs::write(home.web("sitepro/store.json"), "more orders").unwrap();
        std::fs::write(home.web("sitepro/store_new.log"), "new orders").unwrap();
        site.undo().unwrap();
        let mut expected = running;
        expected.insert("sitepro/store.json".into(), "more orders".into());
        expected.insert("sitepro/store_new.log".into(), "new orders".into());
        assert_eq!(home.contents(), expected, "swap {may_swap}");
        assert!(home.web("sitepro/link").is_symlink() && !home.web("sitepro/empty").exists());
        home.assert_clean();

        site.unpublish().unwrap();
        expected.retain(|name, _| !FIRST.iter().any(|(published, _)| name == published));
        expected.extend(before);
        assert_eq!(home.contents(), expected, "swap {may_swap}");
        assert!(contents(&home.state("changed")).contains_key(".htaccess"), "the customer had changed it");
        home.assert_clean();
    }
}

#[test]
fn clocks_that_jump_lose_no_orders() {
    use std::time::{Duration, SystemTime};
    let decade = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    for (may_swap, first, second) in [
        (true, SystemTime::now() + decade, SystemTime::now() - decade),
        (true, SystemTime::now() - decade, SystemTime::now() + decade),
        (false, SystemTime::now() + decade, SystemTime::now() - decade),
        (false, SystemTime::now() - decade, SystemTime::now() + decade),
    ] {
        let home = Home::new();
        let mut site = home.open();
        publish(&mut site, Memory::new(FIRST), may_swap).unwrap();
        let orders = |text: &str, at: SystemTime| {
            std::fs::write(home.web("sitepro/store.json"), text).unwrap();
            // All that was published before has the time of that clock too.
            for name in ["sitepro/store.json", "sitepro/index.php", "index.php"] {
                std::fs::File::options().write(true).open(home.web(name)).unwrap().set_modified(at).unwrap();
            }
        };
        orders("orders", first);
        // It brings a file of that name, which is newer or older than the one that is there.
        publish(&mut site, Memory::new(SECOND), may_swap).unwrap();
        assert_eq!(
            home.contents(),
            with(&SECOND, &[("blog/post", "customer's"), ("sitepro/store.json", "orders")])
        );
        orders("more orders", second);
        site.undo().unwrap();
        assert_eq!(
            home.contents(),
            with(&FIRST, &[("blog/post", "customer's"), ("sitepro/store.json", "more orders")]),
            "swap {may_swap}"
        );
        home.assert_clean();
    }
}

#[test]
fn going_back_before_the_first_publication_keeps_orders() {
    for may_swap in [true, false] {
        let home = Home::new();
        let mut expected = home.contents();
        let mut site = home.open();
        publish(&mut site, Memory::new(FIRST), may_swap).unwrap();
        std::fs::write(home.web("sitepro/store.dat"), "orders").unwrap();
        site.undo().unwrap();
        expected.insert("sitepro/store.dat".into(), "orders".into());
        assert_eq!(home.contents(), expected, "swap {may_swap}");
        assert!(!home.web("sitepro/css").exists());
        assert!(!site.status().unwrap().published);
    }
}

#[test]
fn a_folder_that_was_there_before_comes_back() {
    // A builder that published by FTP before, or the customer's own folder of that name.
    for may_swap in [true, false] {
        let home = Home::new();
        std::fs::create_dir_all(home.web("sitepro/css")).unwrap();
        std::fs::write(home.web("sitepro/index.php"), "by ftp").unwrap();
        std::fs::write(home.web("sitepro/css/own.css"), "own").unwrap();
        std::fs::write(home.web("index.php"), "by ftp").unwrap();
        let before = home.contents();
        let mut site = home.open();
        for round in 0..3 {
            publish(
                &mut site,
                Memory::new(if round == 1 { &SECOND[..] } else { &FIRST[..] }.to_vec()),
                may_swap,
            )
            .unwrap();
            assert_eq!(home.contents()["sitepro/css/own.css"], "own");
        }
        site.unpublish().unwrap();
        assert_eq!(home.contents(), before, "swap {may_swap}");
        home.assert_clean();
    }
}

#[test]
fn a_window_and_an_archive_follow_each_other() {
    let home = Home::new();
    let mut site = home.open();
    put(&mut site, "sitepro/index.php", "by http").unwrap();
    put(&mut site, "sitepro/gone.php", "by http").unwrap();
    let applied = publish(&mut site, Memory::new(FIRST), true).unwrap();
    assert_eq!((applied.number, applied.removed), (2, 1));
    put(&mut site, "sitepro/index.php", "by http again").unwrap();
    site.close_window().unwrap();
    site.undo().unwrap();
    assert_eq!(home.contents(), with(&FIRST, &[("blog/post", "customer's")]));
}

#[test]
fn a_folder_that_holds_what_cannot_move_comes_file_by_file() {
    use std::os::unix::ffi::OsStrExt;
    let home = Home::new();
    let mut site = home.open();
    publish(&mut site, Memory::new(FIRST), true).unwrap();
    let odd = home.web("sitepro").join(std::ffi::OsStr::from_bytes(b"latin\xfc"));
    std::fs::write(&odd, "customer's").unwrap();
    let applied = publish(&mut site, Memory::new(SECOND), true).unwrap();
    assert!(!applied.swapped);
    assert_eq!(std::fs::read_to_string(&odd).unwrap(), "customer's");
    assert_eq!(home.contents()["sitepro/index.php"], "page two");
    assert!(!home.contents().contains_key("sitepro/css/old.css"));
}
