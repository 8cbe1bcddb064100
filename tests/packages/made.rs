//! The packages, made once of what these tests were built with.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::generate;
use crate::system::succeed;

/// The files of one version.
#[derive(Debug)]
pub struct Packages {
    pub deb: PathBuf,
    pub deb_dev: PathBuf,
    pub rpm: PathBuf,
    pub rpm_devel: PathBuf,
}

/// Where everything lies until the tests end.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<tempfile::TempDir> = OnceLock::new();
    DIRECTORY.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

pub fn source() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What `make` would have built.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = directory().join("built");
        fs::create_dir(&built).unwrap();
        generate::write(&built).unwrap();
        // The page is the packaged one where tests/run has built it.
        let page =
            std::env::var_os("PANELGATE_TEST_PAGE").map_or_else(crate::common::cgi_program, PathBuf::from);
        // Bundles hold it, and what a debugger reads is most of it.
        succeed(Command::new("strip").arg("-o").arg(built.join("panelgate-cgi")).arg(page));
        symlink(env!("CARGO_BIN_EXE_panelgate"), built.join("panelgate")).unwrap();
        let own = std::env::current_exe().unwrap();
        symlink(own.with_file_name("libpanelgate.so"), built.join("libpanelgate.so")).unwrap();
        // The real archive of this build has hundreds of megabytes; tests/capi/install.rs links with it.
        fs::write(built.join("small.c"), "int panelgate_small = 1;\n").unwrap();
        succeed(Command::new("cc").args(["-c", "small.c"]).current_dir(&built));
        succeed(Command::new("ar").args(["rc", "libpanelgate.a", "small.o"]).current_dir(&built));
        if source().join("packaging/bundles").is_file() {
            succeed(Command::new(source().join("packaging/bundles")).arg(&built).current_dir(source()));
        }
        built
    })
}

/// The packages of this version.
pub fn packages() -> &'static Packages {
    static MADE: OnceLock<Packages> = OnceLock::new();
    MADE.get_or_init(|| make(""))
}

/// The packages of the version after it.
pub fn newer() -> &'static Packages {
    static MADE: OnceLock<Packages> = OnceLock::new();
    MADE.get_or_init(|| make("+1"))
}

fn make(suffix: &str) -> Packages {
    let to = directory().join(format!("packages{suffix}"));
    let mut command = Command::new(source().join("packaging/packages"));
    command.arg(built()).arg(&to).env("COMPRESS", "fast").env("VERSION_SUFFIX", suffix);
    command.env_remove("MAKEFLAGS").env_remove("MFLAGS").env_remove("MAKELEVEL").env_remove("MAKEOVERRIDES");
    succeed(&mut command);
    let find = |start: &str, end: &str| {
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let names: Vec<String> = fs::read_dir(&to).unwrap().map(|entry| name(entry.unwrap())).collect();
        let found: Vec<&String> =
            names.iter().filter(|name| name.starts_with(start) && name.ends_with(end)).collect();
        assert_eq!(found.len(), 1, "{start}*{end} in {names:?}");
        to.join(found[0])
    };
    Packages {
        deb: find("panelgate_", ".deb"),
        deb_dev: find("libpanelgate-dev_", ".deb"),
        rpm: find("panelgate-0", ".rpm"),
        rpm_devel: find("panelgate-devel-", ".rpm"),
    }
}

/// The directory of libraries of Debian.
pub fn multiarch() -> String {
    format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH)
}

/// Every file and link (no directory) that the main package has, but for those that differ between DEB and RPM.
pub fn files() -> BTreeSet<String> {
    let mut files: BTreeSet<String> = [
        "usr/bin/panelgate",
        "usr/lib/panelgate/maintain",
        "usr/lib/panelgate/panelgate.cgi",
        "usr/lib/panelgate/panelgate.cgi.LICENSE",
        "usr/lib/panelgate/publish.cgi",
        "usr/lib/sysusers.d/panelgate.conf",
        "usr/lib/tmpfiles.d/panelgate.conf",
        "usr/share/bash-completion/completions/panelgate",
        "usr/share/fish/vendor_completions.d/panelgate.fish",
        "usr/share/man/man5/panelgate.ini.5.gz",
        "usr/share/man/man8/panelgate.cgi.8.gz",
        "usr/share/man/man8/publish.cgi.8.gz",
        "usr/share/doc/panelgate/LICENSE-MIT",
        "usr/share/doc/panelgate/README.md",
        "usr/share/doc/panelgate/SECURITY.md",
        "usr/share/doc/panelgate/operations.md",
        "usr/share/doc/panelgate/setup.md",
        "usr/share/doc/panelgate/accounts.d-sample.ini",
        "usr/share/doc/panelgate/panelgate-sample.ini",
        "usr/share/doc/panelgate/webserver/README.md",
        "usr/share/doc/panelgate/webserver/apache.conf",
        "usr/share/doc/panelgate/webserver/nginx.conf",
        "usr/share/doc/panelgate/webserver/nginx-site.conf",
    ]
    .map(str::to_owned)
    .into();
    let mut every = |from: PathBuf, to: &str, end: &str| {
        for path in below(&from) {
            if !path.contains("__pycache__")
                && !path.ends_with("tmpfiles.conf")
                && !path.ends_with("sysusers.conf")
            {
                files.insert(format!("{to}/{path}{end}"));
            }
        }
    };
    every(source().join("packaging/systemd"), "usr/lib/systemd/system", "");
    every(source().join("panel-hooks"), "usr/share/panelgate/panel-hooks", "");
    every(built().join("man").join(""), "usr/share/man/man1", ".gz");
    files.remove("usr/share/man/man1/panelgate.ini.5.gz");
    if built().join("bundles").is_dir() {
        for path in below(&built().join("bundles")) {
            files.insert(format!("usr/share/panelgate/bundles/{path}"));
        }
    }
    files
}

/// The paths of all files and links below a directory, relative to it.
fn below(directory: &Path) -> Vec<String> {
    let listed = succeed(Command::new("find").arg(directory).args(["!", "-type", "d", "-printf", "%P\\n"]));
    listed.lines().map(str::to_owned).collect()
}
