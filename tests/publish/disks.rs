//! Disks that end: the account's quota is used up, the power is cut.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::wait_for;
use crate::files::{json, publish, temporary_files};
use crate::internal::{self, Files, zip};
use crate::needs_root;
use crate::servers::{Kind, Server};
use crate::world::{World, put};

/// A file system of its own over a directory; gone when it is dropped.
pub struct Mounted(PathBuf);

impl Mounted {
    pub fn tmpfs(over: &Path, options: &str) -> Self {
        Self::mount("tmpfs", options, Path::new("tmpfs"), over).expect("a tmpfs")
    }

    /// The file system of an image; what went wrong if this machine cannot mount it.
    fn image(kind: &str, options: &str, image: &Path, over: &Path) -> Result<Self, String> {
        Self::mount(kind, &format!("loop,{options}"), image, over)
    }

    fn mount(kind: &str, options: &str, what: &Path, over: &Path) -> Result<Self, String> {
        run(Command::new("mount").args(["-t", kind, "-o", options]).arg(what).arg(over))?;
        Ok(Self(over.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        for _ in 0..50 {
            if Command::new("umount").arg(&self.0).status().is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    command.stdin(Stdio::null()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// A home with a document root on a file system of its own.
struct Disk {
    image: PathBuf,
    mounted: Option<Mounted>,
}

impl Disk {
    /// Makes the file system and puts it over the home of account A. The site has one file already.
    fn over_home(world: &World, kind: &str, options: &str) -> Result<Self, String> {
        let image = world.path("image");
        std::fs::File::create(&image).unwrap().set_len(256 << 20).unwrap();
        let home = &world.a.user.home;
        run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image))?;
        let mut mounted = Mounted::image(kind, "rw", &image, home)?;
        if kind == "btrfs" {
            run(Command::new("btrfs").args(["quota", "enable"]).arg(home))?;
            run(Command::new("btrfs").args(["subvolume", "create"]).arg(home.join("home")))?;
            run(Command::new("btrfs").args(["qgroup", "limit", "4M"]).arg(home.join("home")))?;
            drop(mounted);
            mounted = Mounted::image(kind, options, &image, home)?;
        }
        world.a.own(home);
        std::fs::create_dir(world.a.root()).unwrap();
        world.a.own(&world.a.root());
        Ok(Self { image, mounted: Some(mounted) })
    }

    /// What is on the disk at this moment if the power is cut.
    fn cut(&self, to: &Path) {
        run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(to)).unwrap();
    }
}

/// Skips a test for what this machine has not.
macro_rules! disk_or_skip {
    ($world:expr, $kind:expr, $options:expr) => {
        match Disk::over_home($world, $kind, $options) {
            Ok(disk) => disk,
            Err(reason) => {
                eprintln!("skipped: {} needs {} on a loop device: {reason}", module_path!(), $kind);
                return;
            }
        }
    };
}

/// Bytes that no file system and no archive makes smaller.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn a_used_up_quota_is_told_and_the_old_site_stays() {
    needs_root!();
    let files = Files::start();
    let world = World::with(&files.config());
    let mut disk = disk_or_skip!(&world, "btrfs", "subvol=home");
    let home = &world.a.user.home;
    let server = Server::start(Kind::ModCgid, &world);
    let (access, port) = (world.access(&world.a), server.port);
    let url = files.serve("/old", zip(&[("index.php", b"old"), ("sitepro/page", b"old page")]));
    let id = internal::start(port, &access, &url);
    assert_eq!(internal::end(port, &access, &id), internal::finished());
    assert_eq!(put(port, &access, "file", b"old").status, 200);
    let before = world.a.names();

    let answer = put(port, &access, "file", &noise(8 << 20, 1));
    assert_eq!(answer.status, 507, "{answer:?}");
    assert!(answer.body.contains("quota"), "{answer:?}");
    assert_eq!(world.a.read("file").as_deref(), Some("old"));

    // There is room on the disk, so that only the quota ends it, in the middle.
    let parts: Vec<Vec<u8>> = (0..8).map(|number| noise(1 << 20, number + 2)).collect();
    let names: Vec<String> = (0..8).map(|number| format!("sitepro/{number}.bin")).collect();
    let mut all: Vec<(&str, &[u8])> = vec![("index.php", b"new"), ("sitepro/page", b"new page")];
    all.extend(names.iter().map(String::as_str).zip(parts.iter().map(Vec::as_slice)));
    let id = internal::start(port, &access, &files.serve("/large", zip(&all)));
    let (state, reason) = internal::end(port, &access, &id);
    assert_eq!(state, "FAILED");
    assert!(reason.as_deref().is_some_and(|text| text.contains("disk space")), "{reason:?}");
    let log = world.log();
    let line = log.lines().find(|line| line.contains("was not published")).unwrap();
    assert!(line.contains("[no-space]") && line.contains("the disk quota is used up"), "{line}");

    for (path, body) in [("index.php", "old"), ("sitepro/page", "old page"), ("file", "old")] {
        assert_eq!(world.a.read(path).as_deref(), Some(body), "{path}");
    }
    assert_eq!(world.a.names(), before);
    assert_eq!(temporary_files(home), Vec::<String>::new());
    // What was staged is gone: a smaller one finds room.
    let url = files.serve("/new", zip(&[("index.php", b"new"), ("sitepro/page", &noise(1 << 20, 20))]));
    let id = internal::start(port, &access, &url);
    assert_eq!(internal::end(port, &access, &id), internal::finished());
    assert_eq!(world.a.read("index.php").as_deref(), Some("new"));
    assert_eq!(put(port, &access, "file", b"new").status, 200);
    world.remote().call("revoke", None, &serde_json::json!({ "site": world.a.site })).unwrap();
    drop(server);
    disk.mounted.take();
}

#[test]
fn what_was_published_outlasts_a_power_cut() {
    needs_root!();
    let files = Files::start();
    let mut world = World::with(&files.config());
    let mut disk = disk_or_skip!(&world, "ext4", "rw");
    let home = world.a.user.home.clone();
    // The file system itself must not be what is lost.
    run(Command::new("sync").arg("-f").arg(&home)).unwrap();
    let server = Server::start(Kind::ModCgid, &world);
    let (access, port) = (world.access(&world.a), server.port);
    let names: Vec<String> = (0..40).map(|number| format!("sitepro/{}/{number}.css", number % 5)).collect();
    let bodies: Vec<Vec<u8>> = (0..40).map(|number| noise(3000, number + 1)).collect();
    let mut all: Vec<(&str, &[u8])> = vec![("index.php", b"by archive")];
    all.extend(names.iter().map(String::as_str).zip(bodies.iter().map(Vec::as_slice)));
    let id = internal::start(port, &access, &files.serve("/one", zip(&all)));
    assert_eq!(internal::end(port, &access, &id), internal::finished());
    let finished = world.path("finished");
    disk.cut(&finished);

    // A window that is open when the power goes, and one that was closed.
    for (path, body) in [("index.php", &b"by files"[..]), ("sitepro/new.css", &noise(9000, 99))] {
        assert_eq!(put(port, &access, path, body).status, 200);
    }
    let open = world.path("open");
    disk.cut(&open);
    world.signal("-TERM");
    assert_eq!(world.broker_ends(), Some(0));
    let closed = world.path("closed");
    disk.cut(&closed);
    disk.mounted.take();

    let root = world.a.root();
    let is_whole = |index: &[u8]| {
        assert_eq!(std::fs::read(root.join("index.php")).unwrap(), index);
        for (name, body) in names.iter().zip(&bodies) {
            assert_eq!(&std::fs::read(root.join(name)).unwrap(), body, "{name}");
        }
    };
    let site = world.a.site.clone();
    let status = || json(&publish(&world, false, &["status", &site, "--json"]));
    {
        let _mounted = Mounted::image("ext4", "rw", &finished, &home).unwrap();
        is_whole(b"by archive");
        assert_eq!((&status()["files"], &status()["window"]), (&41.into(), &serde_json::Value::Null));
    }
    {
        let _mounted = Mounted::image("ext4", "rw", &closed, &home).unwrap();
        is_whole(b"by files");
        assert_eq!(std::fs::read(root.join("sitepro/new.css")).unwrap(), noise(9000, 99));
        assert_eq!((&status()["files"], &status()["window"]), (&42.into(), &serde_json::Value::Null));
        assert_eq!(temporary_files(&home), Vec::<String>::new());
    }
    {
        let _mounted = Mounted::image("ext4", "rw", &open, &home).unwrap();
        // Single files of an open window may be lost, but not the way back.
        assert!(status()["window"].is_u64());
        json(&publish(&world, false, &["undo", &site, "--json"]));
        is_whole(b"by archive");
        assert!(!root.join("sitepro/new.css").exists());
        assert_eq!(temporary_files(&home), Vec::<String>::new());
    }
    wait_for("the end of the workers", || world.workers(&world.a).is_empty());
}
