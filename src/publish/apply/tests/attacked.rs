//! Another process of the same account works against a publication, and document roots that lie in odd places.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::publish::confine::Modes;
use crate::publish::confine::tests::Ends;
use crate::publish::journal::tests::{key, temp};

/// What an attacker wants to reach: a directory beside the home, with a secret, and one that looks like the builder's folder.
fn outside() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("sitepro/css")).unwrap();
    std::fs::create_dir_all(dir.path().join("old/sitepro")).unwrap();
    std::fs::write(dir.path().join("secret"), "secret").unwrap();
    std::fs::write(dir.path().join("sitepro/index.php"), "secret").unwrap();
    dir
}

/// A random one of some.
fn one_of<T>(all: &[T]) -> &T {
    &all[usize::from(crate::sys::random::bytes::<1>()[0]) % all.len()]
}

/// Renames, links, removes and forges at random in the document root and the state directory; itself it follows no link, as it could do nothing there
/// that is not the account's.
fn attack(home: &Path, outside: &Path, over: &AtomicBool) {
    use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
    let home = std::fs::File::open(home).unwrap();
    let state = ".panelgate/shop.example";
    let places = [
        ("web", "sitepro"),
        ("web", "index.php"),
        ("web", "blog"),
        ("web/sitepro", "css"),
        (state, "tmp"),
        (state, "staging"),
        (state, "open"),
        (state, "last"),
        (state, "first"),
        (state, "manifest"),
        (state, "history"),
        (".panelgate/shop.example/staging", "sitepro"),
        (".panelgate/shop.example/staging/sitepro", "css"),
        (".panelgate/shop.example/open", "old"),
        (".panelgate/shop.example/open", "next"),
        (".panelgate/shop.example/open", "journal"),
        (".panelgate/shop.example/last", "old"),
    ];
    let forged = "{\"open\":{\"number\":1,\"kind\":\"archive\",\"time\":1}}\n{\"make-dir\":{\"path\":\"../../secret\"}}\n\"ready\"\n";
    let no_links = ResolveFlags::NO_SYMLINKS;
    while !over.load(Ordering::Relaxed) {
        let (parent, name) = *one_of(&places);
        let Ok(dir) =
            rustix::fs::openat2(&home, parent, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), no_links)
        else {
            continue;
        };
        // Whatever fails here fails: it is the attacker's loss.
        let _ = rustix::fs::renameat(&dir, name, &home, "aside");
        let _ = match one_of(&[0, 1, 2, 3]) {
            0 => rustix::fs::symlinkat(outside, &dir, name),
            1 => rustix::fs::symlinkat(outside.join("sitepro"), &dir, name),
            2 => rustix::fs::openat(
                &dir,
                name,
                OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY,
                Mode::from_raw_mode(0o644),
            )
            .and_then(|file| rustix::io::write(&file, forged.as_bytes()))
            .map(drop),
            _ => rustix::fs::linkat(CWD, outside.join("secret"), &dir, name, AtFlags::empty()),
        };
        std::thread::sleep(Duration::from_micros(u64::from(crate::sys::random::bytes::<1>()[0]) * 4));
        if *one_of(&[true, true, false]) {
            let _ = rustix::fs::unlinkat(&dir, name, AtFlags::empty());
            let _ = rustix::fs::renameat(&home, "aside", &dir, name);
        }
        // What is left aside is replaced by the next one, or stays in its way.
        let _ = rustix::fs::unlinkat(&home, "aside", AtFlags::empty());
    }
}

#[test]
fn nothing_leaves_the_account_whatever_another_process_of_it_does() {
    let seconds =
        std::env::var("PANELGATE_ATTACK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let (home, outside) = (Home::new(), outside());
    let before = contents(outside.path());
    let until = Instant::now() + Duration::from_secs(seconds);
    let over = AtomicBool::new(false);
    let (mut done, mut refused) = (0_u32, 0_u32);
    drop(home.open());
    std::thread::scope(|scope| {
        scope.spawn(|| attack(home.dir.path(), outside.path(), &over));
        let _end = Ends(&over);
        // Both must have been seen, however slow the machine is.
        let go_on = |done: u32, refused: u32| {
            let now = Instant::now();
            now < until || ((done == 0 || refused == 0) && now < until + Duration::from_secs(60))
        };
        while go_on(done, refused) {
            let mut count = |ok: bool| if ok { done += 1 } else { refused += 1 };
            let Ok(mut site) = home.try_open() else {
                // The state directory is what was attacked: the customer sees a refusal, and it comes right again.
                refused += 1;
                for name in ["manifest", "open", "last", "tmp", "first", "staging", "history"] {
                    let path = home.state(name);
                    if path.is_symlink() {
                        let _ = std::fs::remove_file(path);
                    }
                }
                continue;
            };
            for archive in [&FIRST[..], &SECOND[..]] {
                count(publish(&mut site, Memory::new(archive.to_vec()), *one_of(&[true, false])).is_ok());
            }
            if let Ok(mut temp) = site.temps().create() {
                let written = std::io::Write::write_all(&mut temp, b"by http");
                let path = RelPath::from_wire(b"sitepro/css/http.css").unwrap();
                count(written.is_ok() && site.put(&path, temp).is_ok());
            }
            count(site.close_window().is_ok());
            count(site.undo().is_ok());
            count(site.unpublish().is_ok());
            for dir in ["sitepro", "sitepro/css", "blog"] {
                if let Ok(items) = site.list(&RelPath::from_wire(dir.as_bytes()).unwrap()) {
                    assert!(items.iter().all(|item| item.name != "secret"), "something outside was listed");
                }
            }
        }
    });
    assert!(done > 0 && refused > 0, "{done} done, {refused} refused");
    assert_eq!(contents(outside.path()), before, "nothing outside was written or removed");
}

/// Something that is mounted for the time of a test.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(at: &'a Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        assert!(mount.args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs"]).arg(at).status().unwrap().success());
        Self(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn where_the_home_is_another_disk_the_state_lies_beside_the_document_root_or_in_it() {
    if crate::sys::identity::uids().effective != 0 {
        return;
    }
    let uid = crate::sys::identity::uids().effective;
    for (mounted, docroot, state) in [
        ("data", "data/web", "data/.panelgate-shop.example"),
        ("data/web", "data/web", "data/web/.panelgate-shop.example"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().join(mounted);
        let _mounted = Mounted::tmpfs(&at);
        std::fs::create_dir_all(home.path().join(docroot)).unwrap();
        let open =
            || Site::open(home.path(), &home.path().join(docroot), uid, &key(), Modes::default()).unwrap();
        let mut site = open();
        publish(&mut site, Memory::new(FIRST), true).unwrap();
        assert!(home.path().join(state).join("manifest").exists(), "{docroot}");
        assert!(!home.path().join(".panelgate").exists());
        let deny = std::fs::read_to_string(home.path().join(state).join(".htaccess")).unwrap();
        assert_eq!(deny, "Require all denied\n");
        drop(site);
        let mut site = open();
        assert!(site.list(&RelPath::root()).unwrap().iter().all(|item| !item.name.starts_with(".panelgate")));
        publish(&mut site, Memory::new(SECOND), true).unwrap();
        site.undo().unwrap();
        assert_eq!(contents(&home.path().join(docroot)), with(&FIRST, &[]));
        site.unpublish().unwrap();
        assert!(contents(&home.path().join(docroot)).is_empty());
    }
}

#[test]
fn a_read_only_disk_says_so_and_everything_stays() {
    if crate::sys::identity::uids().effective != 0 {
        return;
    }
    let home = Home { dir: tempfile::tempdir().unwrap() };
    let _mounted = Mounted::tmpfs(home.dir.path());
    std::fs::create_dir(home.web("")).unwrap();
    let remount = |how: &str| {
        let mut mount = Command::new("mount");
        assert!(mount.args(["-o", how]).arg(home.dir.path()).status().unwrap().success());
    };
    let mut site = home.open();
    publish(&mut site, Memory::new(FIRST), true).unwrap();
    let waiting = temp(&site, "by http");
    drop(waiting);
    // A journal that is open for writing would keep the disk from becoming read-only: none is.
    drop(site);
    let before = home.contents();
    remount("remount,ro");
    let fault = home.try_open().map(drop).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::ReadOnly, "{}", fault.detail());
    assert!(!fault.is_refusal());
    assert_eq!(home.contents(), before);
    remount("remount,rw");
    let mut site = home.open();
    assert!(site.recovered().is_empty());
    publish(&mut site, Memory::new(SECOND), true).unwrap();
}
