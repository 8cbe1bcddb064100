//! Hostile directories. Every row runs with `openat2` and with the walk that replaces it: both must say the same.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// A home with a document root in it, and a secret beside the home.
struct World {
    dir: tempfile::TempDir,
    root: Arc<Root>,
}

fn path(text: &str) -> RelPath {
    RelPath::from_wire(text.as_bytes()).unwrap()
}

fn me() -> u32 {
    crate::sys::identity::uids().effective
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("home/web/css")).unwrap();
        std::fs::create_dir_all(dir.path().join("outside/css")).unwrap();
        std::fs::write(dir.path().join("outside/secret"), "secret").unwrap();
        std::fs::write(dir.path().join("home/web/index.html"), "old").unwrap();
        std::fs::write(dir.path().join("home/web/css/a.css"), "a").unwrap();
        let root = Root::open(&dir.path().join("home"), &dir.path().join("home/web"), me()).unwrap();
        assert_eq!(root.resolver, Resolver::Openat2, "the machine that runs the tests has it");
        Self { dir, root: Arc::new(root) }
    }

    fn walking(mut self) -> Self {
        self.root = Arc::new(Arc::into_inner(self.root).unwrap().walking());
        self
    }

    fn web(&self, name: &str) -> PathBuf {
        self.dir.path().join("home/web").join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join("outside").join(name)
    }

    fn put(&self, name: &str, content: &str) -> Outcome<()> {
        let mut temp = TempFile::new(&self.root, &RelPath::root(), 0o644)?;
        temp.write_all(content.as_bytes()).unwrap();
        temp.rename(&self.root, &path(name), Rename::Replace)
    }

    fn read(&self, name: &str) -> Outcome<String> {
        let mut text = String::new();
        self.root.open_file(&path(name))?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    /// Nothing beside the document root has changed, and no temporary file is left in it.
    fn assert_untouched(&self, row: &str) {
        assert_eq!(std::fs::read_to_string(self.outside("secret")).unwrap(), "secret", "{row}");
        assert_eq!(std::fs::read_dir(self.outside("")).unwrap().count(), 2, "{row}");
        assert_eq!(std::fs::read_dir(self.outside("css")).unwrap().count(), 0, "{row}");
        let left: Vec<_> = std::fs::read_dir(self.web(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".tmp"))
            .collect();
        assert!(left.is_empty(), "{row}: {left:?}");
    }
}

fn both(check: impl Fn(&World, &str)) {
    check(&World::new(), "openat2");
    check(&World::new().walking(), "walk");
}

fn kind<T>(outcome: Outcome<T>) -> Option<FaultKind> {
    outcome.err().map(|fault| fault.kind())
}

#[test]
fn files_come_whole_with_their_modes_and_go() {
    both(|world, how| {
        assert_eq!(world.root.make_dirs(&path("x/y"), 0o755).unwrap(), [path("x"), path("x/y")], "{how}");
        assert_eq!(world.root.make_dirs(&path("x/y"), 0o755).unwrap(), []);
        world.put("x/y/.htaccess", "one").unwrap();
        world.put("x/y/.htaccess", "two").unwrap();
        assert_eq!(world.read("x/y/.htaccess").unwrap(), "two");
        let metadata = std::fs::metadata(world.web("x/y/.htaccess")).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o644, me()));
        assert_eq!(std::fs::metadata(world.web("x")).unwrap().mode() & 0o7777, 0o755);

        let mut names: Vec<String> =
            world.root.list(&RelPath::root()).unwrap().into_iter().map(|item| item.name).collect();
        names.sort();
        assert_eq!(names, ["css", "index.html", "x"]);
        assert_eq!(kind(world.root.remove_dir(&path("x"))), Some(FaultKind::NotEmpty));
        assert!(world.root.remove_file(&path("x/y/.htaccess")).unwrap());
        assert!(!world.root.remove_file(&path("x/y/.htaccess")).unwrap());
        assert!(world.root.remove_dir(&path("x/y")).unwrap());
        assert!(!world.root.remove_dir(&path("x/y")).unwrap());
        assert!(!world.root.remove_file(&path("none/below")).unwrap());
        assert_eq!(kind(world.root.remove_dir(&RelPath::root())), Some(FaultKind::Name));
        world.root.sync().unwrap();
        assert!(world.root.space().unwrap().bytes > 0);
        world.assert_untouched(how);
    });
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    // A thread cannot have its own umask: bits that the usual one takes away are asked for instead.
    let world = World::new();
    world.root.create(&path("group"), 0o664).unwrap();
    world.root.make_dir(&path("open"), 0o775).unwrap();
    assert_eq!(std::fs::metadata(world.web("group")).unwrap().mode() & 0o7777, 0o664);
    assert_eq!(std::fs::metadata(world.web("open")).unwrap().mode() & 0o7777, 0o775);
}

#[test]
fn an_aborted_file_changes_nothing() {
    both(|world, how| {
        let mut temp = TempFile::new(&world.root, &RelPath::root(), 0o644).unwrap();
        temp.write_all(b"half").unwrap();
        assert_eq!(temp.size(), 4);
        drop(temp);
        assert_eq!(world.read("index.html").unwrap(), "old");
        world.assert_untouched(how);
    });
}

#[test]
fn links_are_never_followed() {
    both(|world, how| {
        symlink(world.outside("secret"), world.web("file")).unwrap();
        symlink(world.outside(""), world.web("dir")).unwrap();
        symlink("..", world.web("up")).unwrap();
        symlink("css", world.web("inside")).unwrap();
        symlink("none", world.web("dangling")).unwrap();
        symlink("/proc/self/root", world.web("magic")).unwrap();
        for name in ["dir/secret", "dir/css/new", "up/x", "inside/a.css", "magic/etc/passwd", "dangling/x"] {
            let row = format!("{how}: {name}");
            assert_eq!(kind(world.read(name)), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.put(name, "evil")), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.remove_file(&path(name))), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.make_dirs(&path(name), 0o755)), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.stat(&path(name))), Some(FaultKind::Link), "{row}");
        }
        for name in ["file", "dir", "up", "inside", "dangling", "magic"] {
            let row = format!("{how}: {name}");
            assert_eq!(kind(world.read(name)), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.put(name, "evil")), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.remove_file(&path(name))), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.remove_dir(&path(name))), Some(FaultKind::NotDirectory), "{row}");
            assert_eq!(kind(world.root.list(&path(name))), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.make_dirs(&path(name), 0o755)), Some(FaultKind::Link), "{row}");
            assert_eq!(kind(world.root.open_dir(&path(name))), Some(FaultKind::Link), "{row}");
            assert_eq!(
                kind(world.root.link(&path(name), &world.root, &path("l"))),
                Some(FaultKind::Link),
                "{row}"
            );
            let exchanged =
                world.root.rename(&path("index.html"), &world.root, &path(name), Rename::Exchange);
            assert_eq!(kind(exchanged), Some(FaultKind::Link), "{row}");
            assert_eq!(world.root.stat(&path(name)).unwrap().unwrap().kind, Kind::Link, "{row}");
        }
        world.assert_untouched(how);
    });
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    both(|world, how| {
        let start = Instant::now();
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, world.web("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(world.web("socket")).unwrap();
        for name in ["fifo", "socket"] {
            let row = format!("{how}: {name}");
            assert_eq!(kind(world.read(name)), Some(FaultKind::NotRegular), "{row}");
            assert_eq!(kind(world.put(name, "evil")), Some(FaultKind::NotRegular), "{row}");
            assert_eq!(kind(world.root.remove_file(&path(name))), Some(FaultKind::NotRegular), "{row}");
            assert_eq!(kind(world.put(&format!("{name}/x"), "evil")), Some(FaultKind::NotDirectory), "{row}");
        }
        assert_eq!(kind(world.put("css", "evil")), Some(FaultKind::IsDirectory), "{how}");
        assert_eq!(kind(world.read("css")), Some(FaultKind::IsDirectory), "{how}");
        assert_eq!(kind(world.put("index.html/x", "evil")), Some(FaultKind::NotDirectory), "{how}");
        assert_eq!(
            kind(world.root.make_dirs(&path("index.html"), 0o755)),
            Some(FaultKind::NotDirectory),
            "{how}"
        );
        assert_eq!(kind(world.put("none/x", "evil")), Some(FaultKind::Missing), "{how}");
        assert_eq!(kind(world.root.list(&path("none"))), Some(FaultKind::Missing), "{how}");
        assert!(start.elapsed() < Duration::from_secs(60), "{how}: something was waited for");
        world.assert_untouched(how);
    });
}

#[test]
fn a_hard_link_keeps_its_content_and_names_of_ours_are_not_listed() {
    both(|world, how| {
        std::fs::hard_link(world.outside("secret"), world.web("index.php")).unwrap();
        world.put("index.php", "new").unwrap();
        assert_eq!(world.read("index.php").unwrap(), "new", "{how}");
        std::fs::write(world.web(".panelgate-x"), "").unwrap();
        use std::os::unix::ffi::OsStrExt;
        std::fs::write(world.web("").join(std::ffi::OsStr::from_bytes(b"latin\xfc")), "").unwrap();
        std::fs::write(world.web("new\nline"), "").unwrap();
        assert_eq!(world.root.list(&RelPath::root()).unwrap().len(), 3, "{how}");
        world.assert_untouched(how);
    });
}

#[test]
fn files_and_directories_of_others_are_left_alone() {
    if me() != 0 {
        return;
    }
    both(|world, how| {
        std::fs::write(world.web("theirs"), "theirs").unwrap();
        std::fs::create_dir(world.web("cache")).unwrap();
        std::fs::write(world.web("cache/x"), "x").unwrap();
        chown(world.web("theirs"), Some(54_321), None).unwrap();
        chown(world.web("cache"), Some(54_321), None).unwrap();
        assert_eq!(kind(world.read("theirs")), Some(FaultKind::Owner), "{how}");
        assert_eq!(kind(world.put("theirs", "evil")), Some(FaultKind::Owner), "{how}");
        assert_eq!(kind(world.root.remove_file(&path("theirs"))), Some(FaultKind::Owner), "{how}");
        assert_eq!(kind(world.put("cache/x", "evil")), Some(FaultKind::Owner), "{how}");
        assert_eq!(kind(world.root.remove_file(&path("cache/x"))), Some(FaultKind::Owner), "{how}");
        assert_eq!(kind(world.root.make_dirs(&path("cache/d"), 0o755)), Some(FaultKind::Owner), "{how}");
        assert_eq!(std::fs::read_to_string(world.web("theirs")).unwrap(), "theirs");
        world.assert_untouched(how);
    });
}

/// Something mounted for the time of a test.
struct Mounted(PathBuf);

impl Mounted {
    fn bind(from: &Path, to: &Path) -> Self {
        let done = std::process::Command::new("mount").arg("--bind").arg(from).arg(to).status().unwrap();
        assert!(done.success());
        Self(to.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn no_mount_is_entered_below_the_document_root_but_one_may_be_it() {
    if me() != 0 {
        return;
    }
    both(|world, how| {
        std::fs::create_dir(world.web("mnt")).unwrap();
        let dir = Mounted::bind(&world.outside(""), &world.web("mnt"));
        let file = Mounted::bind(&world.outside("secret"), &world.web("index.html"));
        for name in ["mnt/secret", "mnt/css/x", "index.html"] {
            let row = format!("{how}: {name}");
            assert_eq!(kind(world.read(name)), Some(FaultKind::Mount), "{row}");
            assert_eq!(kind(world.put(name, "evil")), Some(FaultKind::Mount), "{row}");
            assert_eq!(kind(world.root.remove_file(&path(name))), Some(FaultKind::Mount), "{row}");
        }
        assert_eq!(kind(world.root.list(&path("mnt"))), Some(FaultKind::Mount), "{how}");
        assert_eq!(kind(world.root.remove_dir(&path("mnt"))), Some(FaultKind::Mount), "{how}");
        drop((dir, file));
        world.assert_untouched(how);

        let home = world.dir.path().join("home");
        let own = Mounted::bind(&world.outside(""), &world.web("mnt"));
        let mounted = Root::open(&home, &world.web("mnt"), me()).unwrap();
        assert!(mounted.stat(&path("secret")).unwrap().is_some() && !mounted.shares_mount(&world.root));
        drop((mounted, own));
    });
}

#[test]
fn immutable_and_locked_files_say_so() {
    let world = World::new();
    if me() == 0 {
        let flags = |sign| {
            let file = world.web("index.html");
            std::process::Command::new("chattr").arg(sign).arg(file).status().is_ok_and(|done| done.success())
        };
        // Not every file system has the attribute.
        if flags("+i") {
            let (put, removed) =
                (world.put("index.html", "evil"), world.root.remove_file(&path("index.html")));
            assert!(flags("-i"));
            assert_eq!((kind(put), kind(removed)), (Some(FaultKind::Access), Some(FaultKind::Access)));
        }
    } else {
        std::fs::set_permissions(world.web("css"), std::fs::Permissions::from_mode(0o000)).unwrap();
        assert_eq!(kind(world.put("css/a.css", "x")), Some(FaultKind::Access));
        std::fs::set_permissions(world.web("css"), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    world.assert_untouched("immutable");
}

#[test]
fn a_document_root_is_reached_without_links_and_only_if_the_account_owns_it() {
    let world = World::new();
    let home = world.dir.path().join("home");
    let open = |docroot: &Path| Root::open(&home, docroot, me()).map(drop);
    symlink("web", home.join("link")).unwrap();
    symlink(world.outside(""), home.join("away")).unwrap();
    assert_eq!(kind(open(&home.join("web"))), None);
    assert_eq!(kind(open(&home)), None, "custom hosting may publish into a home");
    for (docroot, expected) in [
        (home.join("link"), FaultKind::Link),
        (home.join("link/css"), FaultKind::Link),
        (home.join("away/css"), FaultKind::Link),
        (home.join("web/none"), FaultKind::Missing),
        (home.join("web/index.html"), FaultKind::NotDirectory),
        (world.outside("css"), FaultKind::Outside),
        (home.join("../outside/css"), FaultKind::Name),
        (PathBuf::from("web"), FaultKind::Outside),
        (world.dir.path().join("homework"), FaultKind::Outside),
    ] {
        assert_eq!(kind(open(&docroot)), Some(expected), "{}", docroot.display());
    }
    assert_eq!(kind(Root::open(Path::new("/"), Path::new("/etc"), me())), Some(FaultKind::Outside));
    assert_eq!(kind(Root::open(&home, &home.join("web"), me() + 1)), Some(FaultKind::Owner));

    // The home itself may be a link: that is the system's word. Both spellings of the document root are then understood.
    let moved = world.dir.path().join("moved");
    symlink(&home, &moved).unwrap();
    for docroot in [moved.join("web"), home.canonicalize().unwrap().join("web")] {
        assert_eq!(kind(Root::open(&moved, &docroot, me())), None, "{}", docroot.display());
    }
    if me() == 0 {
        chown(home.join("web/css"), Some(54_321), None).unwrap();
        assert_eq!(kind(open(&home.join("web/css"))), Some(FaultKind::Owner));
        std::fs::create_dir(home.join("web/css/deep")).unwrap();
        assert_eq!(
            kind(open(&home.join("web/css/deep"))),
            Some(FaultKind::Owner),
            "somebody else's on the way"
        );
    }
}

#[test]
fn a_document_root_that_is_moved_away_stays_the_one_that_was_opened() {
    both(|world, how| {
        let home = world.dir.path().join("home");
        std::fs::rename(home.join("web"), home.join("was")).unwrap();
        symlink(world.outside(""), home.join("web")).unwrap();
        world.put("css/new.css", "new").unwrap();
        assert_eq!(std::fs::read_to_string(home.join("was/css/new.css")).unwrap(), "new", "{how}");
        assert_eq!(std::fs::read_dir(world.outside("css")).unwrap().count(), 0, "{how}");
    });
}

/// Says that it is over, also when something panics.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Another process of the account swaps a directory for a link to the outside, again and again, while files are written, read and removed there.
#[test]
fn swapping_directories_for_links_leads_nowhere() {
    let seconds =
        std::env::var("PANELGATE_ATTACK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    for world in [World::new(), World::new().walking()] {
        let until = Instant::now() + Duration::from_secs(seconds).div_f64(2.0);
        symlink(world.outside("css"), world.web("evil")).unwrap();
        std::fs::create_dir_all(world.web("css/deep")).unwrap();
        symlink(world.outside(""), world.web("evil2")).unwrap();
        let (css, evil) = (world.web("css"), world.web("evil"));
        let (mut done, mut refused) = (0_u32, 0_u32);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let exchange = RenameFlags::EXCHANGE;
                    let here = rustix::fs::CWD;
                    rustix::fs::renameat_with(here, &css, here, &evil, exchange).unwrap();
                }
            });
            // The thread must end whatever is found here.
            let _end = Ends(&over);
            // Both must have been seen, however slow the machine is.
            let go_on = |done: u32, refused: u32| {
                let now = Instant::now();
                now < until || ((done == 0 || refused == 0) && now < until + Duration::from_secs(60))
            };
            while go_on(done, refused) {
                for outcome in [
                    world.put("css/new", "new"),
                    world.root.make_dirs(&path("css/deep/x"), 0o755).map(drop),
                    world.root.remove_dir(&path("css/deep/x")).map(drop),
                    world.root.remove_file(&path("css/new")).map(drop),
                    world.root.list(&path("css")).map(drop),
                ] {
                    match outcome {
                        Ok(()) => done += 1,
                        Err(fault) => {
                            assert!(
                                matches!(
                                    fault.kind(),
                                    FaultKind::Link | FaultKind::Missing | FaultKind::Changed
                                ),
                                "{}",
                                fault.detail()
                            );
                            refused += 1;
                        }
                    }
                }
            }
        });
        assert!(done > 0 && refused > 0, "{done} done, {refused} refused: there was no race");
        world.assert_untouched("race");
    }
}
