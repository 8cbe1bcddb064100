//! The RPM in a system with `rpm --root`: its scripts are run, its requirements are not looked at (they are packages of another distribution).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::made::{files, newer, packages};
use crate::needs;
use crate::system::{System, both, succeed};

fn query(rpm: &Path, words: &[&str]) -> String {
    succeed(Command::new("rpm").arg("-qp").args(words).arg(rpm).env("LC_ALL", "C.UTF-8"))
}

#[test]
fn it_has_exactly_its_files_and_requires_what_its_programs_do() {
    needs!("dpkg-deb", "rpmbuild");
    let mut expected = files();
    for path in [
        "usr/lib64/libpanelgate.so.1",
        "usr/lib64/libpanelgate.so.1.0.0",
        "usr/lib/systemd/system-preset/80-panelgate.preset",
        "usr/share/zsh/site-functions/_panelgate",
        "usr/share/doc/panelgate/LICENSE-APACHE",
        "usr/share/doc/panelgate/CHANGELOG.md",
        "usr/share/doc/panelgate/THIRD-PARTY-LICENSES",
    ] {
        expected.insert(path.to_owned());
    }
    let listed = query(
        &packages().rpm,
        &["--qf", "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\\n]"],
    );
    let mut have = BTreeSet::new();
    for line in listed.lines() {
        let [mode, owner, path] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert_eq!(owner, "root:root", "{path}");
        let state = path == "/var/lib/panelgate" && mode == "drwx------";
        let right = ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"].contains(&mode);
        assert!(right || state, "{path} has {mode}");
        if !mode.starts_with('d') {
            have.insert(path.trim_start_matches('/').to_owned());
        }
    }
    assert_eq!(have, expected);

    let requires = query(&packages().rpm, &["--requires"]);
    assert!(requires.contains("libc.so.6(GLIBC_") && requires.contains("python3 >= 3.6"), "{requires}");
    for line in requires.lines() {
        let expected = [
            "libc.so",
            "libm.so",
            "libgcc_s.so",
            "libpthread.so",
            "libdl.so",
            "ld-linux",
            "rtld(",
            "rpmlib(",
            "/bin/sh",
            "python3 >= 3.6",
        ];
        assert!(expected.iter().any(|start| line.starts_with(start)), "{line}");
    }
    assert!(query(&packages().rpm, &["--provides"]).contains("libpanelgate.so.1()(64bit)"));
    assert!(query(&packages().rpm, &["--qf", "%{LICENSE}"]).contains("AGPL-3.0-only"));
    assert!(
        query(&packages().rpm_devel, &["--requires"])
            .contains(&format!("panelgate = {}-1", panelgate::VERSION))
    );
}

#[test]
fn it_comes_is_upgraded_and_goes_and_its_scripts_never_fail() {
    needs!("dpkg-deb", "rpmbuild", "rpm", "debootstrap");
    let system = System::new();
    system.boot();
    let rpm = |words: &[&str], file: &Path| {
        let mut command = Command::new("rpm");
        command.arg("--root").arg(system.root()).args(words).arg(file).env("LC_ALL", "C.UTF-8");
        let output = command.output().unwrap();
        let said = both(&output);
        assert!(output.status.success() && !said.contains("scriptlet failed"), "{words:?}: {said}");
        said
    };
    succeed(Command::new("rpm").arg("--root").arg(system.root()).arg("--initdb"));
    let said = rpm(&["-i", "--nodeps"], &packages().rpm);
    assert!(said.contains("panelgate: installed; next, as root: panelgate setup"), "{said}");
    assert!(system.run(&["getent", "passwd", "panelgate-web"]).contains("nologin"));
    assert_eq!(system.run(&["stat", "-c", "%a", "/var/lib/panelgate"]).trim(), "700");
    let orders = system.recorded("systemctl");
    let preset =
        orders.iter().find(|order| order.contains("preset ")).unwrap_or_else(|| panic!("{orders:?}"));
    assert!(preset.contains("panelgate.socket") && preset.contains("panelgate-jobs.service"), "{preset}");
    assert!(!orders.iter().any(|order| order.starts_with("start ")), "there is no configuration: {orders:?}");
    for line in system.read("usr/lib/systemd/system-preset/80-panelgate.preset").lines() {
        assert!(
            line.strip_prefix("enable ")
                .is_some_and(|unit| system.path(&format!("usr/lib/systemd/system/{unit}")).exists()),
            "{line}"
        );
    }

    system.write("etc/panelgate/panelgate.ini", 0o600, "[builder]\n");
    system.write("var/lib/panelgate/backups/1.zip", 0o600, "a backup");
    let said = rpm(&["-U", "--nodeps"], &newer().rpm);
    assert!(!said.contains("panelgate: "), "{said}");
    let orders = system.recorded("systemctl");
    assert!(orders.iter().any(|order| order.starts_with("try-restart ")), "{orders:?}");
    assert!(
        !orders.iter().any(|order| order.starts_with("stop ") || order.contains("disable")),
        "{orders:?}"
    );
    assert_eq!(system.read("etc/panelgate/panelgate.ini"), "[builder]\n");

    // What takes the plugins away does not work: the package goes all the same, and says so.
    system.write("var/lib/panelgate/setup/installed", 0o600, "cpanel\n");
    system.put_recorder("usr/bin/panelgate", 1);
    let said = rpm(&["-e"], Path::new("panelgate"));
    assert!(said.contains("hooks or icons may be left"), "{said}");
    assert!(said.contains("/var/lib/panelgate/backups stays"), "{said}");
    assert_eq!(system.recorded("panelgate"), ["setup --uninstall"]);
    let orders = system.recorded("systemctl");
    assert!(orders.iter().any(|order| order.starts_with("stop ")), "{orders:?}");
    assert!(orders.iter().any(|order| order.contains("disable ")), "{orders:?}");
    for gone in
        ["usr/bin/panelgate", "usr/lib/panelgate", "usr/share/panelgate", "usr/lib64/libpanelgate.so.1"]
    {
        assert!(!system.path(gone).exists(), "{gone}");
    }
    assert_eq!(system.read("etc/panelgate/panelgate.ini"), "[builder]\n");
    assert_eq!(system.read("var/lib/panelgate/backups/1.zip"), "a backup");
}
