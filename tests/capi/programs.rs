//! Compiling the C programs against the library under test, and running them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::trial::{Caller, own_uid};

/// How a program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    C11,
    Cpp17,
    /// C11 with the address and undefined-behaviour sanitizers.
    Sanitized,
}

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

impl Build {
    fn compiler(self) -> Command {
        let mut command = Command::new(if self == Self::Cpp17 { "g++" } else { "gcc" });
        match self {
            Self::C11 => command.arg("-std=c11"),
            Self::Cpp17 => command.args(["-std=c++17", "-x", "c++"]),
            Self::Sanitized => {
                command.args(["-std=c11", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
            }
        };
        command.args(WARNINGS).args(["-g", "-pthread", "-D_XOPEN_SOURCE=700"]);
        command
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file that cargo has built with this test: it lies beside the test's own program.
pub(crate) fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().unwrap().join(name);
    assert!(path.is_file(), "{} has not been built", path.display());
    path
}

/// A directory with the library under its names, readable by every user.
pub(crate) fn library() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let make = || {
        let directory = open_directory();
        let path = directory.path().join("libpanelgate.so.1");
        fs::copy(built("libpanelgate.so"), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("libpanelgate.so.1", directory.path().join("libpanelgate.so")).unwrap();
        directory
    };
    DIRECTORY.get_or_init(make).path()
}

/// A temporary directory that other users may enter.
pub(crate) fn open_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// Compiles one C file against the library.
pub(crate) fn compile(source: &Path, build: Build, program: &Path) {
    let mut command = build.compiler();
    command.arg(source).arg("-x").arg("none").arg("-o").arg(program);
    command.arg("-I").arg(root().join("include")).arg("-L").arg(library()).arg("-lpanelgate");
    succeed(&mut command);
}

/// Runs a command that must succeed; returns what it printed.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = output(command);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout
}

/// Runs a command to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let hint = "the tests need gcc, g++, make, pkg-config, binutils, valgrind and python3: run tests/run";
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; {hint}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that ends after five minutes at the latest, finds the library, and knows nothing else of this test's environment.
pub(crate) fn run<A: AsRef<OsStr>>(words: impl IntoIterator<Item = A>, caller: Caller) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "300"]).args(words).current_dir("/");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LD_LIBRARY_PATH", library()).env("ASAN_OPTIONS", "detect_leaks=1");
    if own_uid() == 0 && caller.uid != 0 {
        command.uid(caller.uid).gid(caller.uid);
    }
    command
}

/// One way in which every C program is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) build: Build,
    pub(crate) valgrind: bool,
}

pub(crate) const WAYS: [Way; 4] = [
    Way { build: Build::C11, valgrind: false },
    Way { build: Build::Cpp17, valgrind: false },
    Way { build: Build::Sanitized, valgrind: false },
    Way { build: Build::C11, valgrind: true },
];

const VALGRIND: [&str; 5] = [
    "valgrind",
    "--quiet",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,possible",
    "--error-exitcode=9",
];

/// Compiles a program of tests/c in every way and lets each caller run it in every way; hands what it printed to `check`.
pub(crate) fn every_way(
    source: &str,
    arguments: impl Fn(Caller) -> Vec<String>,
    check: impl Fn(Caller, &str),
) {
    let directory = open_directory();
    for way in WAYS {
        let program = directory.path().join(format!("program-{:?}", way.build));
        if !program.exists() {
            compile(&root().join("tests/c").join(source), way.build, &program);
        }
        for caller in Caller::all() {
            let mut words: Vec<String> = Vec::new();
            if way.valgrind {
                words.extend(VALGRIND.map(str::to_owned));
            }
            words.push(program.display().to_string());
            words.extend(arguments(caller));
            let printed = succeed(&mut run(&words, caller));
            check(caller, &printed);
        }
    }
}
