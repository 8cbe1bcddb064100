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

/// A command that ends after twenty minutes at the latest, finds the library, and knows nothing else of this test's environment.
pub(crate) fn run<A: AsRef<OsStr>>(words: impl IntoIterator<Item = A>, caller: Caller) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "1200"]).args(words).current_dir("/");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LD_LIBRARY_PATH", library()).env("ASAN_OPTIONS", "detect_leaks=1");
    if own_uid() == 0 && caller.uid != 0 {
        command.uid(caller.uid).gid(caller.uid);
    }
    command
}

/// One way in which a C program is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    build: Build,
    valgrind: Option<Valgrind>,
}

/// What valgrind looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Valgrind {
    /// Everything.
    All,
    /// Bad accesses and leaks. The key tables of the TLS library's ciphers are filled by assembler code, and what is encrypted with them looks to
    /// valgrind as if it were uninitialised.
    Memory,
}

/// For programs of which many threads reach the builder: valgrind lets one run at a time, and the builder would not wait.
pub(crate) const NATIVE_WAYS: [Way; 3] = [
    Way { build: Build::C11, valgrind: None },
    Way { build: Build::Cpp17, valgrind: None },
    Way { build: Build::Sanitized, valgrind: None },
];

/// For programs that encrypt nothing.
pub(crate) const WAYS: [Way; 4] = [
    NATIVE_WAYS[0],
    NATIVE_WAYS[1],
    NATIVE_WAYS[2],
    Way { build: Build::C11, valgrind: Some(Valgrind::All) },
];

/// For programs that reach the builder.
pub(crate) const TLS_WAYS: [Way; 4] = [
    NATIVE_WAYS[0],
    NATIVE_WAYS[1],
    NATIVE_WAYS[2],
    Way { build: Build::C11, valgrind: Some(Valgrind::Memory) },
];

impl Valgrind {
    fn words(self) -> Vec<String> {
        let mut words: Vec<String> =
            ["valgrind", "--quiet", "--leak-check=full", "--errors-for-leak-kinds=definite,possible"]
                .map(str::to_owned)
                .to_vec();
        words.push("--error-exitcode=9".to_owned());
        words.push(format!("--suppressions={}", root().join("tests/c/valgrind.supp").display()));
        if self == Self::Memory {
            words.push("--undef-value-errors=no".to_owned());
        }
        words
    }
}

/// Compiles a program of tests/c in each way and lets each caller run it in each way; hands what it printed to `check`.
pub(crate) fn in_ways(
    ways: &[Way],
    source: &str,
    arguments: impl Fn(Caller) -> Vec<String>,
    check: impl Fn(Caller, &str),
) {
    let directory = open_directory();
    for way in ways {
        let program = directory.path().join(format!("program-{:?}", way.build));
        if !program.exists() {
            compile(&root().join("tests/c").join(source), way.build, &program);
        }
        for caller in Caller::all() {
            let mut words = way.valgrind.map(Valgrind::words).unwrap_or_default();
            words.push(program.display().to_string());
            words.extend(arguments(caller));
            let printed = succeed(&mut run(&words, caller));
            check(caller, &printed);
        }
    }
}
