//! The DEB in a Debian system: from the first installation to the purge.

use std::collections::BTreeSet;
use std::process::Command;

use crate::made::{files, multiarch, newer, packages};
use crate::needs;
use crate::served;
use crate::system::{System, succeed};

/// What the main package has, as `dpkg-deb` lists it: mode, owner, path.
fn listed(deb: &std::path::Path) -> Vec<(String, String, String)> {
    let text = succeed(Command::new("dpkg-deb").arg("-c").arg(deb));
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (mode, owner) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let path = words.nth(3).unwrap().trim_start_matches("./").to_owned();
        (mode, owner, path)
    };
    text.lines().map(line).collect()
}

#[test]
fn it_has_exactly_its_files_with_plain_modes_of_root() {
    needs!("dpkg-deb", "rpmbuild");
    let mut expected = files();
    let library = format!("{}/libpanelgate.so.1", multiarch());
    expected.extend([library.clone(), format!("{library}.0.0")]);
    for name in ["changelog.gz", "changelog.Debian.gz", "THIRD-PARTY-LICENSES.gz", "copyright"] {
        expected.insert(format!("usr/share/doc/panelgate/{name}"));
    }
    expected.insert("usr/share/zsh/vendor-completions/_panelgate".to_owned());
    let listed = listed(&packages().deb);
    let have: BTreeSet<String> =
        listed.iter().filter(|(mode, ..)| !mode.starts_with('d')).map(|(.., path)| path.clone()).collect();
    assert_eq!(have, expected);
    for (mode, owner, path) in &listed {
        assert_eq!(owner, "root/root", "{path}");
        let right = ["drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--", "lrwxrwxrwx"].contains(&mode.as_str());
        assert!(right, "{path} has {mode}");
    }
    let programs = |path: &str| {
        path.starts_with("usr/bin/")
            || path.ends_with(".cgi")
            || path.ends_with("/maintain")
            || path.contains("/panel-hooks/")
    };
    for (mode, _, path) in &listed {
        assert!(!mode.starts_with("-rwx") || programs(path), "{path} is a program");
    }
}

/// The whole life of the package, in one system since making one takes its time.
#[test]
fn it_comes_serves_is_upgraded_and_goes_without_a_trace_but_the_backups() {
    needs!("dpkg-deb", "rpmbuild", "debootstrap");
    let system = System::new();
    system.write("home/alice/.panelgate/manifest", 0o600, "the account's own");
    let before = system.everything();
    let (first, second) = (system.bring(&packages().deb), system.bring(&newer().deb));
    let dev = system.bring(&packages().deb_dev);

    let said = system.run(&["dpkg", "--force-unsafe-io", "-i", &first]);
    assert!(said.contains("panelgate: installed; next, as root: panelgate setup"), "{said}");
    is_installed(&system);
    programs_run(&system);
    units_are_right(&system);
    served::page_and_endpoint(&system);
    a_program_is_built(&system, &dev);
    upgrade_keeps_everything(&system, &second);
    panel_updates_are_followed(&system);
    removal_takes_the_plugins_away_and_keeps_settings(&system);
    purge_keeps_the_backups(&system, &before);
}

/// What the scripts have made besides the package's own files.
fn is_installed(system: &System) {
    let user = system.run(&["getent", "passwd", "panelgate-web"]);
    assert!(user.trim().ends_with(":/usr/sbin/nologin"), "{user}");
    let uid: u32 = user.split(':').nth(2).unwrap().parse().unwrap();
    assert!((1..1000).contains(&uid), "{user}");
    assert!(system.run(&["id", "-Gn", "panelgate-web"]).trim() == "panelgate-web");
    let state = system.run(&["stat", "-c", "%a %U %G", "/var/lib/panelgate", "/etc/panelgate"]);
    assert_eq!(state, "700 root root\n755 root root\n");
    for unit in ["sockets.target.wants/panelgate.socket", "multi-user.target.wants/panelgate-jobs.service"] {
        assert!(
            system.path("etc/systemd/system").join(unit).symlink_metadata().is_ok(),
            "{unit} is switched on"
        );
    }
    // It holds a password and is made by setup: no package brings or asks about it.
    assert!(!system.path("etc/panelgate/panelgate.ini").exists());
    assert_eq!(system.run(&["dpkg-query", "-W", "-f", "${Conffiles}", "panelgate"]), "");
    assert!(
        system
            .run(&["cat", "/usr/lib/panelgate/panelgate.cgi.LICENSE"])
            .contains("GNU AFFERO GENERAL PUBLIC")
    );
}

fn programs_run(system: &System) {
    assert_eq!(system.run(&["panelgate", "--version"]).trim(), format!("panelgate {}", panelgate::VERSION));
    // The loader finds the library by itself, and so does the binding by its list of paths.
    assert!(system.run(&["ldconfig", "-p"]).contains("libpanelgate.so.1"), "ldconfig was run");
    let script = "import sys; sys.path.insert(0, '/usr/share/panelgate/panel-hooks'); import panelgate; print(panelgate.Library())";
    assert!(system.run(&["python3", "-I", "-B", "-c", script]).contains("Library"));
    let caches =
        system.run(&["find", "/usr/share/panelgate/panel-hooks", "-name", "panelgate.cpython-*.pyc"]);
    assert!(!caches.is_empty(), "the binding is compiled once, not for every hook");
}

/// Systemd's own opinion of the installed units, with the installed programs.
fn units_are_right(system: &System) {
    let units = system.run(&["sh", "-c", "ls -d /usr/lib/systemd/system/panelgate*"]);
    let mut words = vec!["systemd-analyze", "verify", "--man=no"];
    words.extend(units.lines());
    assert_eq!(system.run(&words), "", "systemd has nothing to say");
    system.run(&["systemd-tmpfiles", "--create", "panelgate.conf"]);
    assert_eq!(system.run(&["stat", "-c", "%a %U", "/run/panelgate"]), "755 root\n");
}

const PROGRAM: &str = r#"
#include <panelgate.h>
#include <stdio.h>

int main(void)
{
    pgate_options options = { .size = sizeof options };
    pgate *handle = NULL;
    pgate_account *account = NULL;
    if (pgate_open(&options, &handle, NULL) != PGATE_OK)
        return 1;
    if (pgate_account_of_site(handle, "shop.example", &account, NULL) != PGATE_OK)
        return 2;
    printf("%s\n", pgate_account_username(account));
    pgate_account_free(account);
    pgate_close(handle);
    return 0;
}
"#;

/// With what the package for developers has, and nothing of this source tree but the program.
fn a_program_is_built(system: &System, dev: &str) {
    system.run(&["dpkg", "--force-unsafe-io", "-i", dev]);
    let mut command = Command::new("pkg-config");
    command.args(["--cflags", "--libs", "panelgate"]).env("PKG_CONFIG_SYSROOT_DIR", system.root());
    command.env("PKG_CONFIG_LIBDIR", system.path(&format!("{}/pkgconfig", multiarch())));
    command.env("PKG_CONFIG_ALLOW_SYSTEM_CFLAGS", "1").env("PKG_CONFIG_ALLOW_SYSTEM_LIBS", "1");
    let flags = succeed(&mut command);
    let program = system.path("root/program");
    system.write("root/program.c", 0o644, PROGRAM);
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=c11", "-Wall", "-Werror", "-o"]).arg(&program);
    gcc.arg(system.path("root/program.c")).args(flags.split_ascii_whitespace());
    succeed(&mut gcc);
    let needed = succeed(Command::new("readelf").arg("-d").arg(&program));
    assert!(needed.contains("[libpanelgate.so.1]"), "{needed}");
    assert_eq!(
        system.run(&["/root/program"]),
        "alice
"
    );
    system.run(&["dpkg", "-P", "libpanelgate-dev"]);
}

fn upgrade_keeps_everything(system: &System, newer: &str) {
    let settings = system.read("etc/panelgate/panelgate.ini");
    system.write("var/lib/panelgate/backups/shop.example/1.zip", 0o600, "a backup");
    system.write("etc/systemd/system/panelgate.service.d/own.conf", 0o644, "[Service]\n");
    // The administrator does not want the timer.
    system.run(&["systemctl", "disable", "panelgate-backup.timer"]);
    system.boot();
    // As started by a page of a panel: the program itself refuses to work below one.
    let mut dpkg = system.command(&["dpkg", "--force-unsafe-io", "-i", newer]);
    dpkg.env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", "GET")
        .env("LD_PRELOAD", "/nonexistent/evil.so");
    let output = dpkg.output().unwrap();
    let said = crate::system::both(&output);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("panelgate: "), "nothing is said about an upgrade that went well: {said}");

    let version = system.run(&["dpkg-query", "-W", "-f", "${Version}", "panelgate"]);
    assert_eq!(version, format!("{}+1-1", panelgate::VERSION));
    assert_eq!(system.read("etc/panelgate/panelgate.ini"), settings);
    assert_eq!(system.read("var/lib/panelgate/backups/shop.example/1.zip"), "a backup");
    assert!(
        system.path("var/lib/panelgate/install.key").exists()
            || system.path("var/lib/panelgate").read_dir().unwrap().count() > 1
    );
    let timer = system.path("etc/systemd/system/timers.target.wants/panelgate-backup.timer");
    assert!(timer.symlink_metadata().is_err(), "what was switched off stays off");
    let orders = system.recorded("systemctl");
    assert!(orders.contains(&"daemon-reload".to_owned()), "{orders:?}");
    let restart = orders.iter().find(|order| order.starts_with("try-restart ")).unwrap();
    assert!(restart.contains("panelgate.service") && restart.contains("panelgate-jobs.service"), "{restart}");
    assert!(!orders.iter().any(|order| order.starts_with("stop ")), "clicks wait at the socket: {orders:?}");
}

/// A package of a panel was changed.
fn panel_updates_are_followed(system: &System) {
    system.put_recorder("usr/bin/panelgate", 0);
    // Where setup was never run, there is nothing that could need a repair.
    system.run(&["dpkg-trigger", "--by-package=dpkg", "/usr/local/psa/version"]);
    system.run(&["dpkg", "--triggers-only", "panelgate"]);
    assert_eq!(system.recorded("panelgate"), [""; 0]);
    system.write("var/lib/panelgate/setup/installed", 0o600, "");
    for file in ["/usr/local/psa/version", "/usr/local/cpanel/version", "/opt/psa/version"] {
        system.run(&["dpkg-trigger", "--by-package=dpkg", file]);
    }
    system.run(&["dpkg", "--triggers-only", "panelgate"]);
    assert_eq!(system.recorded("panelgate"), ["setup --repair"]);
    let environment = system.read("root/panelgate.env");
    for line in environment.lines() {
        let known = ["PATH=", "HOME=/root", "LC_ALL=", "PWD=", "SHLVL=", "_=", "OLDPWD="];
        assert!(known.iter().any(|known| line.starts_with(known)), "{line}");
    }
    // One that does not work ends no update of a system, and says what to do.
    system.put_recorder("usr/bin/panelgate", 1);
    system.run(&["dpkg-trigger", "--by-package=dpkg", "/usr/local/psa/version"]);
    let said = system.run(&["dpkg", "--triggers-only", "panelgate"]);
    assert!(said.contains("please run: panelgate setup --repair"), "{said}");
    assert_eq!(system.recorded("panelgate"), ["setup --repair"]);
}

fn removal_takes_the_plugins_away_and_keeps_settings(system: &System) {
    let settings = system.read("etc/panelgate/panelgate.ini");
    system.put_recorder("usr/bin/panelgate", 0);
    system.recorded("systemctl");
    let said = system.run(&["dpkg", "-r", "panelgate"]);
    assert!(!said.contains("panelgate: ") && !said.contains("warning"), "{said}");
    assert_eq!(system.recorded("panelgate"), ["setup --uninstall"], "while the programs are there");
    let orders = system.recorded("systemctl");
    let stop = orders.iter().find(|order| order.starts_with("stop ")).unwrap_or_else(|| panic!("{orders:?}"));
    for unit in ["panelgate.socket", "panelgate.service", "panelgate-jobs.service", "panelgate-backup.timer"]
    {
        assert!(stop.contains(unit), "{stop}");
    }
    for gone in ["usr/bin/panelgate", "usr/lib/panelgate", "usr/share/panelgate", "usr/share/doc/panelgate"] {
        assert!(!system.path(gone).exists(), "{gone}");
    }
    assert_eq!(system.read("etc/panelgate/panelgate.ini"), settings);
    assert_eq!(system.read("var/lib/panelgate/backups/shop.example/1.zip"), "a backup");
}

fn purge_keeps_the_backups(system: &System, before: &std::collections::BTreeMap<String, String>) {
    let said = system.run(&["dpkg", "-P", "panelgate"]);
    assert!(said.contains("the backups stay in /var/lib/panelgate/backups"), "{said}");
    assert_eq!(system.read("var/lib/panelgate/backups/shop.example/1.zip"), "a backup");

    // What the tests themselves have put there.
    let ours = |path: &str| {
        let own = ["home/alice", "run/systemd", "usr/bin/systemctl", "srv/", "tmp/"];
        own.iter().any(|own| path.starts_with(own))
            || path.starts_with("etc/systemd/system/panelgate.service.d")
    };
    let after = system.everything();
    let left: Vec<&String> = after
        .iter()
        .filter(|(path, facts)| before.get(*path) != Some(facts) && !ours(path))
        .map(|(path, _)| path)
        .collect();
    let users = [
        "etc/group",
        "etc/group-",
        "etc/gshadow",
        "etc/gshadow-",
        "etc/passwd",
        "etc/passwd-",
        "etc/shadow",
        "etc/shadow-",
        "etc/.pwd.lock",
        "etc/subgid",
        "etc/subgid-",
        "etc/subuid",
        "etc/subuid-",
    ];
    // The system user stays, as its number must not become somebody else's, and so do the backups.
    for path in left {
        assert!(
            users.contains(&path.as_str()) || path.starts_with("var/lib/panelgate"),
            "{path} is left: {:?}",
            after[path]
        );
    }
    let state: Vec<&String> = after.keys().filter(|path| path.starts_with("var/lib/panelgate/")).collect();
    assert!(state.iter().all(|path| path.starts_with("var/lib/panelgate/backups")), "{state:?}");
    let gone: Vec<&String> = before.keys().filter(|path| !after.contains_key(*path) && !ours(path)).collect();
    assert!(gone.is_empty(), "{gone:?}");
    assert_eq!(system.read("home/alice/.panelgate/manifest"), "the account's own");
}
