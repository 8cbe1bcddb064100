//! `make install`, and a program that is built against what it has installed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::generate;
use crate::programs::{built, open_directory, output, root, run, succeed};
use crate::trial::{Caller, Trial, own_uid};

/// Installs what this test was built with below `destination`.
fn install(destination: &Path, variables: &[&str]) {
    let prebuilt = tempfile::tempdir().unwrap();
    for (name, program) in [
        ("panelgate", option_env!("CARGO_BIN_EXE_panelgate")),
        ("panelgate-cgi", option_env!("CARGO_BIN_EXE_panelgate-cgi")),
    ] {
        let program = program.expect("the test needs the programs: use the features cli and cgi");
        symlink(program, prebuilt.path().join(name)).unwrap();
    }
    for name in ["libpanelgate.so", "libpanelgate.a"] {
        symlink(built(name), prebuilt.path().join(name)).unwrap();
    }
    generate::write(prebuilt.path()).unwrap();
    let mut make = Command::new("make");
    make.args(["--silent", "install"]).args(variables).current_dir(root());
    make.arg(format!("DESTDIR={}", destination.display()));
    make.arg(format!("PREBUILT={}", prebuilt.path().display()));
    // What `make test` passes down must not reach the inner make.
    make.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("MAKELEVEL").env_remove("MAKEOVERRIDES");
    succeed(&mut make);
}

fn pkg_config(destination: &Path, libdir: &str, arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.args(arguments).arg("panelgate").env("PKG_CONFIG_SYSROOT_DIR", destination);
    command.env("PKG_CONFIG_LIBDIR", destination.join(&libdir[1..]).join("pkgconfig"));
    // The installed directories are the system's own in real life, and are then left out.
    command.env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1").env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    succeed(&mut command).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_program_compiles_against_the_installed_library_and_runs() {
    let directory = open_directory();
    let destination = directory.path().join("dest");
    install(&destination, &[]);
    for (path, mode) in [
        ("usr/bin/panelgate", 0o755),
        ("usr/lib/panelgate/panelgate.cgi", 0o755),
        ("usr/lib/libpanelgate.so.1.0.0", 0o755),
        ("usr/lib/libpanelgate.a", 0o644),
        ("usr/lib/pkgconfig/panelgate.pc", 0o644),
        ("usr/include/panelgate.h", 0o644),
        ("usr/lib/panelgate/panelgate.cgi.LICENSE", 0o644),
        ("usr/lib/systemd/system/panelgate.socket", 0o644),
        ("usr/lib/sysusers.d/panelgate.conf", 0o644),
        ("usr/lib/tmpfiles.d/panelgate.conf", 0o644),
        ("usr/share/man/man1/panelgate.1", 0o644),
        ("usr/share/man/man5/panelgate.ini.5", 0o644),
        ("usr/share/man/man8/panelgate.cgi.8", 0o644),
        ("usr/share/bash-completion/completions/panelgate", 0o644),
        ("usr/share/panelgate/panel-hooks/panelgate.py", 0o644),
        ("usr/share/panelgate/panel-hooks/examples/open.py", 0o755),
        ("usr/share/doc/panelgate/panelgate-sample.ini", 0o644),
        ("usr/share/doc/panelgate/LICENSE-MIT", 0o644),
        ("usr/share/doc/panelgate/LICENSE-APACHE", 0o644),
    ] {
        let metadata = fs::symlink_metadata(destination.join(path)).unwrap_or_else(|_| panic!("no {path}"));
        assert!(metadata.is_file(), "{path}");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
    }
    let lib = destination.join("usr/lib");
    assert_eq!(fs::read_link(lib.join("libpanelgate.so")).unwrap(), Path::new("libpanelgate.so.1"));
    assert_eq!(fs::read_link(lib.join("libpanelgate.so.1")).unwrap(), Path::new("libpanelgate.so.1.0.0"));

    assert_eq!(pkg_config(&destination, "/usr/lib", &["--modversion"]), [panelgate::VERSION]);
    let program = directory.path().join("program");
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-D_XOPEN_SOURCE=700", "-o"]).arg(&program).arg(root().join("tests/c/accounts.c"));
    succeed(gcc.args(pkg_config(&destination, "/usr/lib", &["--cflags", "--libs"])));
    check(&program, &lib);
}

#[test]
fn a_program_links_the_installed_library_statically() {
    let directory = open_directory();
    let destination = directory.path().join("dest");
    install(&destination, &["PREFIX=/opt/panelgate", "LIBDIR=/opt/panelgate/lib64"]);
    let libdir = "/opt/panelgate/lib64";
    assert!(destination.join("opt/panelgate/lib/panelgate/panelgate.cgi").is_file());
    let unit =
        fs::read_to_string(destination.join("opt/panelgate/lib/systemd/system/panelgate.service")).unwrap();
    assert!(unit.contains("ExecStart=/opt/panelgate/bin/panelgate broker"), "{unit}");
    let program = directory.path().join("program");
    let libs = pkg_config(&destination, libdir, &["--static", "--libs"]);
    // Both libraries are there, and the linker would take the shared one.
    let libs: Vec<String> =
        libs.iter().map(|word| word.replace("-lpanelgate", "-l:libpanelgate.a")).collect();
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-D_XOPEN_SOURCE=700", "-o"]).arg(&program).arg(root().join("tests/c/accounts.c"));
    gcc.args(pkg_config(&destination, libdir, &["--cflags"])).args(libs);
    succeed(&mut gcc);
    let needed = succeed(Command::new("readelf").arg("-d").arg(&program));
    assert!(!needed.contains("libpanelgate"), "{needed}");
    check(&program, Path::new("/nonexistent"));
}

/// Runs the program with the libraries of one directory only.
fn check(program: &Path, libraries: &Path) {
    let caller = Caller { uid: own_uid() };
    let trial = Trial::new(caller);
    let words = [program.display().to_string(), trial.config(), caller.name().to_owned()];
    let printed = succeed(run(words, caller).env("LD_LIBRARY_PATH", libraries));
    assert!(printed.contains("shop.example"), "{printed}");
}

#[test]
fn nothing_is_installed_outside_of_the_destination_or_with_special_bits() {
    let directory = open_directory();
    let destination = directory.path().join("dest");
    install(&destination, &[]);
    let found = output(
        Command::new("find").arg(&destination).args(["-perm", "/7000", "-o", "-perm", "/022", "-type", "f"]),
    );
    assert!(
        found.status.success() && found.stdout.is_empty(),
        "{:?}",
        String::from_utf8_lossy(&found.stdout)
    );
    let installed = succeed(Command::new("find").arg(&destination).args(["-type", "f"]));
    for path in installed.lines().filter(|path| path.ends_with(".pc") || path.ends_with(".h")) {
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains('@') && !text.contains(&*destination.to_string_lossy()), "{path}");
    }
}
