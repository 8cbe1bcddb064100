//! The scripts where a package would put them, at another place.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common;

/// Where a package puts the scripts; the copies name the place where they are instead.
const PLACE: &str = "/usr/share/panelgate/panel-hooks";

pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// An empty environment.
pub const NOTHING: &[(&str, &str)] = &[];

/// `panel-hooks/` in a directory of its own.
pub struct Tree {
    pub dir: tempfile::TempDir,
}

/// What a caller has for standard input.
#[derive(Clone, Copy)]
pub enum Stdin<'a> {
    Bytes(&'a [u8]),
    /// Nothing has the number 0.
    Closed,
    /// A pipe that nobody writes to and nobody closes.
    Open,
}

impl Tree {
    /// With a recorder in the binding's place.
    pub fn recording() -> Self {
        let tree = Self::new();
        std::fs::copy(source("tests/hooks/recorder.py"), tree.path("panelgate.py")).unwrap();
        for name in ["record", "mode"] {
            std::fs::write(tree.path(name), "").unwrap();
            common::chmod(&tree.path(name), 0o666);
        }
        tree
    }

    /// As it is, but elsewhere.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        common::chmod(dir.path(), 0o755);
        let tree = Self { dir };
        let copied =
            Command::new("cp").arg("-r").arg(source("panel-hooks")).arg(tree.dir.path()).status().unwrap();
        assert!(copied.success());
        tree.move_names(&tree.dir.path().join("panel-hooks"));
        tree
    }

    fn move_names(&self, dir: &Path) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                common::chmod(&path, 0o755);
                self.move_names(&path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let place = self.dir.path().join("panel-hooks");
                std::fs::write(&path, text.replace(PLACE, place.to_str().unwrap())).unwrap();
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("panel-hooks").join(name)
    }

    /// Changes a line that a packager may change.
    pub fn set(&self, file: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert_eq!(text.matches(old).count(), 1, "{file}: {old}");
        std::fs::write(self.path(file), text.replace(old, new)).unwrap();
    }

    pub fn mode(&self, mode: &str) {
        std::fs::write(self.path("mode"), mode).unwrap();
    }

    /// Lets go on what the mode "hangs" holds.
    pub fn go(&self) {
        std::fs::write(self.path("go"), "").unwrap();
    }

    /// What the recorder wrote down, so many entries: they come from children that nobody waits for.
    pub fn records(&self, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        common::wait_for("what the hooks say", || {
            let text = std::fs::read_to_string(self.path("record")).unwrap();
            found =
                text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::to_owned).collect();
            found.len() >= count
        });
        assert_eq!(found.len(), count, "{found:?}");
        found.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one record, and none after it.
    pub fn record(&self) -> Value {
        let record = self.records(1).remove(0);
        std::fs::write(self.path("record"), "").unwrap();
        record
    }
}

/// The bytes that a record has.
pub fn payload(record: &Value) -> Vec<u8> {
    let text = record["payload"].as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Starts a hook as a panel does: by its path, with these variables only. `uid` 0 is the tests' own user.
pub fn run(program: &Path, words: &[&str], variables: &[(&str, &str)], stdin: Stdin<'_>, uid: u32) -> Output {
    let mut command = match stdin {
        Stdin::Closed => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(program);
            shell
        }
        _ => Command::new(program),
    };
    command.args(words).env_clear().envs(variables.iter().copied()).current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if uid != 0 {
        command.uid(uid).gid(uid);
    }
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    if let Stdin::Bytes(bytes) = stdin {
        // A hook that ends without reading is its own affair.
        let _ = pipe.write_all(bytes);
    }
    let held = matches!(stdin, Stdin::Open).then_some(pipe);
    let output = child.wait_with_output().unwrap();
    drop(held);
    output
}
