//! What cannot be published leaves the site as it was.

use super::*;
use crate::publish::journal::tests::path;

/// A home with one publication in it.
fn published() -> (Home, Site) {
    let home = Home::new();
    let mut site = home.open();
    publish(&mut site, Memory::new(FIRST), true).unwrap();
    (home, site)
}

#[test]
fn an_archive_that_turns_out_to_be_damaged_changes_nothing() {
    let (home, mut site) = published();
    let before = home.contents();
    for number in 0..SECOND.len() + 1 {
        let mut archive = Memory::new(SECOND);
        archive.damaged_after = number;
        let totals = archive.totals();
        let fault = apply(&mut site, &mut archive, &totals);
        assert!(matches!(fault, Err(ApplyFault::Entries("damaged"))), "{number}");
        let mut archive = Memory::new(SECOND);
        archive.unreadable = Some(number);
        let totals = archive.totals();
        match apply(&mut site, &mut archive, &totals) {
            Err(ApplyFault::Content(path, _)) => {
                assert_eq!(Some(path.as_str()), SECOND.get(number).map(|(name, _)| *name));
            }
            // A directory has no content, and behind the last entry there is none.
            other => {
                assert!(other.is_ok() && SECOND.get(number).is_none_or(|(name, _)| name.ends_with('/')));
                site.undo().unwrap();
            }
        }
        assert_eq!(home.contents(), before);
        home.assert_clean();
    }
}

#[test]
fn what_is_in_the_way_is_named() {
    for may_swap in [true, false] {
        for (make, archive, expected, at) in [
            ("dir", ("blog", "x"), FaultKind::IsDirectory, "blog"),
            ("dir", ("blog/post/x", "x"), FaultKind::NotDirectory, "blog/post"),
            ("link", ("link/x", "x"), FaultKind::Link, "link"),
            ("link", ("link", "x"), FaultKind::Link, "link"),
            ("fifo", ("fifo", "x"), FaultKind::NotRegular, "fifo"),
            (
                "none",
                (".panelgate/shop.example/manifest", "x"),
                FaultKind::Reserved,
                ".panelgate/shop.example/manifest",
            ),
            ("none", (".panelgate-x", "x"), FaultKind::Reserved, ".panelgate-x"),
        ] {
            let (home, mut site) = published();
            match make {
                "link" => symlink("/etc", home.web("link")).unwrap(),
                "fifo" => {
                    let mode = rustix::fs::Mode::from_raw_mode(0o644);
                    let kind = rustix::fs::FileType::Fifo;
                    rustix::fs::mknodat(rustix::fs::CWD, home.web("fifo"), kind, mode, 0).unwrap();
                }
                _ => {}
            }
            let before = home.contents();
            let archive = SECOND.iter().copied().chain([archive]);
            let fault = publish(&mut site, Memory::new(archive), may_swap).unwrap_err();
            assert_eq!((fault.kind(), fault.path()), (expected, &path(at)));
            assert!(fault.is_refusal());
            assert_eq!(home.contents(), before, "{at}");
            home.assert_clean();
        }
    }
}

#[test]
fn without_room_nothing_is_written() {
    let (home, mut site) = published();
    let before = home.contents();
    for totals in [
        Totals { bytes: u64::MAX / 2, files: 1, dirs: 0 },
        Totals { bytes: 1, files: u64::MAX / 4096, dirs: 0 },
    ] {
        let fault = apply(&mut site, &mut Memory::new(SECOND), &totals);
        assert!(matches!(fault, Err(ApplyFault::Fault(fault)) if fault.is_space()));
    }
    assert_eq!(home.contents(), before);
    home.assert_clean();
}

/// A home on a file system of its own, where it is root who runs the tests.
struct SmallDisk(Home);

impl SmallDisk {
    fn new(options: &str) -> Option<Self> {
        if crate::sys::identity::uids().effective != 0 {
            return None;
        }
        let home = Home { dir: tempfile::tempdir().unwrap() };
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(home.dir.path());
        assert!(mount.status().unwrap().success());
        std::fs::create_dir(home.web("")).unwrap();
        Some(Self(home))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.dir.path()).status();
    }
}

#[test]
fn a_disk_that_fills_up_leaves_the_site_as_it_was() {
    let Some(disk) = SmallDisk::new("size=2m,nr_inodes=200,mode=0755") else { return };
    let home = &disk.0;
    let mut site = home.open();
    publish(&mut site, Memory::new(FIRST), true).unwrap();
    let before = home.contents();
    let large = "x".repeat(300_000);
    let many: Vec<String> = (0..300).map(|number| format!("sitepro/{number}.php")).collect();
    // Whoever counted the archive was wrong, or others fill the disk meanwhile: the checks before it do not help.
    let wrong = Totals::default();
    for archive in [
        many[..20].iter().map(|name| (name.as_str(), large.as_str())).collect::<Vec<_>>(),
        many.iter().map(|name| (name.as_str(), "")).collect(),
    ] {
        let mut archive = Memory::new(archive);
        let fault = apply(&mut site, &mut archive, &wrong);
        assert!(matches!(&fault, Err(ApplyFault::Fault(fault)) if fault.is_space()), "{fault:?}");
        assert_eq!(home.contents(), before);
        home.assert_clean();
    }
    // Single files.
    let mut refused = 0;
    for name in &many[..20] {
        let mut temp = site.temps().create().unwrap();
        let written = std::io::Write::write_all(&mut temp, large.as_bytes());
        if written.is_err() || site.put(&path(name), temp).is_err() {
            refused += 1;
        }
    }
    assert!(refused > 0);
    site.abort_window().unwrap();
    assert_eq!(home.contents(), before);
    publish(&mut site, Memory::new(SECOND), true).unwrap();
}

#[test]
fn the_disk_may_fill_up_at_any_step() {
    let Some(disk) = SmallDisk::new("size=1m,nr_inodes=400,mode=0755") else { return };
    let home = &disk.0;
    let mut site = home.open();
    publish(&mut site, Memory::new(FIRST), true).unwrap();
    let (mut failed, mut done) = (0, 0);
    for room in 0..40 {
        let before = home.contents();
        let free = site.root().space().unwrap();
        // So many inodes and pages are left.
        let filler = home.dir.path().join("filler");
        std::fs::create_dir(&filler).unwrap();
        std::fs::write(filler.join("big"), vec![0; (free.bytes as usize).saturating_sub(room * 4096 + 4096)])
            .unwrap();
        for number in room as u64 + 2..free.inodes {
            std::fs::write(filler.join(number.to_string()), "").unwrap();
        }
        let archive = if room % 2 == 0 { &FIRST[..] } else { &SECOND[..] };
        let mut archive = Memory::new(archive.to_vec());
        let outcome = apply_with(&mut site, &mut archive, &Totals::default(), room % 3 != 0);
        std::fs::remove_dir_all(&filler).unwrap();
        if outcome.is_err() {
            failed += 1;
            // Even taking back may have had no room: the next worker does it then.
            drop(site);
            site = home.open();
            assert_eq!(home.contents(), before, "room {room}");
            home.assert_clean();
        } else {
            done += 1;
            let index = if room % 2 == 0 { "include" } else { "include two" };
            assert_eq!(home.contents()["index.php"], index, "room {room}");
        }
    }
    assert!(failed > 3 && done > 3, "{failed} failed, {done} done");
}
