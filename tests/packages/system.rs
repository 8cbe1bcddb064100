//! A small Debian system below a directory, to install into.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Whether a program is there.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(program).is_file())
}

/// Runs a command that must succeed; what it wrote to standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = both(&output);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command wrote, to whichever side.
pub fn both(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A system of its own for one test.
pub struct System {
    directory: tempfile::TempDir,
}

/// Debian's smallest system with systemd, Apache and Python. It is made once and kept beside the tests' other outputs.
fn original() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages-root-2");
        let partial = root.with_extension("partial");
        if root.is_dir() {
            return root;
        }
        let _ = fs::remove_dir_all(&partial);
        fs::create_dir_all(&partial).unwrap();
        let release = fs::read_to_string("/etc/os-release").unwrap();
        let name =
            release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("bookworm");
        let mut command = Command::new("debootstrap");
        command
            .args(["--variant=minbase", "--include=systemd,procps,apache2-bin,python3", name])
            .arg(&partial);
        // Where this machine has its packages from.
        let format = ["indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"];
        let sources = succeed(Command::new("apt-get").args(format));
        let mirror = sources.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        command.args(mirror).env("DEBIAN_FRONTEND", "noninteractive");
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        succeed(&mut command);
        succeed(
            Command::new("rm")
                .arg("-rf")
                .arg(partial.join("var/cache/apt"))
                .arg(partial.join("var/lib/apt/lists")),
        );
        fs::rename(&partial, &root).unwrap();
        root
    })
}

impl System {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Users of the system walk through it.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let system = Self { directory };
        succeed(Command::new("cp").args(["-a", "--reflink=auto"]).arg(original()).arg(system.root()));
        system
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// A file of the system.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn write(&self, path: &str, mode: u32, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Brings a file in, and says where it is then.
    pub fn bring(&self, file: &Path) -> String {
        let to = format!("root/{}", file.file_name().unwrap().to_str().unwrap());
        fs::copy(file, self.path(&to)).unwrap();
        format!("/{to}")
    }

    /// A command in the system, with the environment of an administrator's shell.
    pub fn command(&self, words: &[&str]) -> Command {
        // With the kernel's own files, in a view of the file systems that ends with the command.
        let script = "mount --bind /proc \"$0/proc\" && exec chroot \"$0\" \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        command.arg(self.root()).args(words).current_dir("/").env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", "/root").env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Runs a command in the system, which must succeed; what it said.
    pub fn run(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        let text = both(&output);
        assert!(output.status.success(), "{words:?}: {}\n{text}", output.status);
        text
    }

    /// Puts a program there that writes its arguments and environment down, and ends with this code.
    pub fn put_recorder(&self, path: &str, code: u8) {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        let _ = fs::remove_file(self.path(path));
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> /root/{name}.log\nenv >> /root/{name}.env\n\
             [ \"$1\" != is-active ] || exit 3\nexit {code}\n"
        );
        self.write(path, 0o755, &text);
    }

    /// What such a program has written since it was asked last.
    pub fn recorded(&self, name: &str) -> Vec<String> {
        let file = self.path(&format!("root/{name}.log"));
        let lines = fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect();
        let _ = fs::remove_file(file);
        lines
    }

    /// A systemd that seems to run, of which every order is recorded.
    pub fn boot(&self) {
        self.write("run/systemd/system/.keep", 0o644, "");
        self.put_recorder("usr/bin/systemctl", 0);
    }

    /// Everything in the system with kind, mode, owner and, for files, size and target; not what package managers and these tests keep for themselves.
    pub fn everything(&self) -> BTreeMap<String, String> {
        let format = "%P\t%y %m %U %G %s %l\n";
        let listed = succeed(Command::new("find").arg(self.root()).args(["-printf", format]));
        let own = [
            "var/lib/dpkg",
            "var/log",
            "var/cache",
            "var/lib/rpm",
            "root/",
            "proc",
            "dev",
            "sys",
            "etc/ld.so.cache",
        ];
        let lines = listed.lines().filter_map(|line| line.split_once('\t'));
        let kept = lines.filter(|(path, _)| !own.iter().any(|own| path.starts_with(own)));
        // The size of a directory is the file system's business.
        kept.map(|(path, facts)| {
            let facts = if facts.starts_with('d') {
                facts.rsplit_once(' ').unwrap().0.rsplit_once(' ').unwrap().0
            } else {
                facts
            };
            (path.to_owned(), facts.to_owned())
        })
        .collect()
    }
}
