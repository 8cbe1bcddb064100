//! What panels take in: exactly these files, of root, with these modes, the same bytes every time.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common;
use crate::tree::source;

const CPANEL: &str = "\
    -rw-r--r-- LICENSE-AGPL-3.0\n\
    -rw-r--r-- README.md\n\
    -rw-r--r-- install.json\n\
    drwxr-xr-x jupiter/\n\
    -rwxr-xr-x jupiter/index.live.cgi\n\
    -rw-r--r-- panelgate.conf\n\
    -rw-r--r-- panelgate.svg\n\
    drwxr-xr-x root/\n\
    drwxr-xr-x root/usr/\n\
    drwxr-xr-x root/usr/local/\n\
    drwxr-xr-x root/usr/local/cpanel/\n\
    drwxr-xr-x root/usr/local/cpanel/whostmgr/\n\
    drwxr-xr-x root/usr/local/cpanel/whostmgr/docroot/\n\
    drwxr-xr-x root/usr/local/cpanel/whostmgr/docroot/addon_plugins/\n\
    -rw-r--r-- root/usr/local/cpanel/whostmgr/docroot/addon_plugins/panelgate.png\n\
    drwxr-xr-x root/var/\n\
    drwxr-xr-x root/var/cpanel/\n\
    drwxr-xr-x root/var/cpanel/packages/\n\
    drwxr-xr-x root/var/cpanel/packages/extensions/\n\
    -rw-r--r-- root/var/cpanel/packages/extensions/panelgate\n\
    -rw-r--r-- root/var/cpanel/packages/extensions/panelgate.tt2\n\
    drwxr-xr-x whm/\n\
    -rwxr-xr-x whm/index.cgi\n";

const DIRECTADMIN: &str = "\
    -rw-r--r-- LICENSE-AGPL-3.0\n\
    -rw-r--r-- README.md\n\
    drwxr-xr-x hooks/\n\
    -rwxr-xr-x hooks/domain_change_post.sh\n\
    -rwxr-xr-x hooks/domain_create_post.sh\n\
    -rwxr-xr-x hooks/domain_destroy_post.sh\n\
    -rwxr-xr-x hooks/domain_modify_post.sh\n\
    -rwxr-xr-x hooks/domain_pointer_create_post.sh\n\
    -rwxr-xr-x hooks/domain_pointer_destroy_post.sh\n\
    -rwxr-xr-x hooks/subdomain_create_post.sh\n\
    -rwxr-xr-x hooks/subdomain_destroy_post.sh\n\
    -rwxr-xr-x hooks/user_activate_post.sh\n\
    -rwxr-xr-x hooks/user_backup_post.sh\n\
    -rwxr-xr-x hooks/user_backup_pre.sh\n\
    -rwxr-xr-x hooks/user_create_post_confirmed.sh\n\
    -rwxr-xr-x hooks/user_destroy_post.sh\n\
    -rw-r--r-- hooks/user_img.html\n\
    -rwxr-xr-x hooks/user_modify_post.sh\n\
    -rwxr-xr-x hooks/user_restore_post.sh\n\
    -rwxr-xr-x hooks/user_suspend_post.sh\n\
    -rw-r--r-- hooks/user_txt.html\n\
    drwxr-xr-x images/\n\
    -rw-r--r-- images/menu.json\n\
    -rw-r--r-- images/panelgate.svg\n\
    -rw-r--r-- plugin.conf\n\
    drwxr-xr-x scripts/\n\
    -rwxr-xr-x scripts/install.sh\n\
    -rwxr-xr-x scripts/uninstall.sh\n\
    -rwxr-xr-x scripts/update.sh\n\
    drwxr-xr-x user/\n\
    -rwxr-xr-x user/index.html\n\
    -rwxr-xr-x user/index.raw\n";

/// Packs the bundles of these panels around this program, quickly; the folder they are in.
pub fn pack(built: &Path, program: &Path, umask: &str, panels: &[&str]) -> PathBuf {
    std::fs::create_dir_all(built).unwrap();
    assert!(Command::new("cp").arg(program).arg(built.join("panelgate-cgi")).status().unwrap().success());
    let script = format!("umask {umask}; exec \"$0\" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(script)
        .arg(source("packaging/bundles"))
        .arg(built)
        .args(panels)
        .env("COMPRESSION", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    built.join("bundles")
}

/// Packs around a program of a few bytes.
fn small(dir: &Path, umask: &str) -> PathBuf {
    let program = dir.join("program");
    std::fs::write(&program, "#!/bin/sh\nexit 0\n").unwrap();
    pack(&dir.join(format!("built-{umask}")), &program, umask, &["cpanel", "directadmin"])
}

/// Unpacks as root's `tar -p` does.
pub fn unpack(archive: &Path, into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    let done = Command::new("tar").arg("-xzpf").arg(archive).arg("-C").arg(into).status().unwrap();
    assert!(done.success());
}

#[test]
fn each_bundle_holds_exactly_its_files_and_all_are_roots() {
    let dir = tempfile::tempdir().unwrap();
    let bundles = small(dir.path(), "077");
    for (name, want) in [("panelgate-cpanel", CPANEL), ("panelgate-directadmin", DIRECTADMIN)] {
        let archive = bundles.join(format!("{name}.tar.gz"));
        let mut command = Command::new("tar");
        command.args(["--numeric-owner", "--utc", "-tvzf"]).arg(&archive).env("LC_ALL", "C");
        let output = command.output().unwrap();
        let listing = String::from_utf8(output.stdout).unwrap();
        let mut lines = String::new();
        for line in listing.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(
                (words[1], words[3], words[4], words.len()),
                ("0/0", "2026-01-01", "00:00", 6),
                "{line}"
            );
            lines.push_str(&format!("{} {}\n", words[0], words[5]));
        }
        assert_eq!(lines, want, "{name}");
    }
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (small(dir.path(), "022"), small(dir.path(), "077"));
    for name in ["panelgate-cpanel.tar.gz", "panelgate-directadmin.tar.gz"] {
        assert_eq!(
            std::fs::read(one.join(name)).unwrap(),
            std::fs::read(other.join(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn what_cpanel_reads_names_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    unpack(&small(dir.path(), "022").join("panelgate-cpanel.tar.gz"), &tree);
    let install: Value = serde_json::from_slice(&std::fs::read(tree.join("install.json")).unwrap()).unwrap();
    let entry = &install[0];
    assert_eq!(
        (&entry["type"], &entry["id"], &entry["feature"]),
        (&"link".into(), &"panelgate".into(), &"panelgate".into())
    );
    assert!(entry["featuremanager"] == true && entry["target"] == "_blank", "{entry}");
    assert!(tree.join(entry["icon"].as_str().unwrap()).is_file());
    let page = entry["uri"].as_str().unwrap().strip_prefix("panelgate/").unwrap();
    assert!(tree.join("jupiter").join(page).is_file());

    let conf = std::fs::read_to_string(tree.join("panelgate.conf")).unwrap();
    let value = |key: &str| {
        conf.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("{key}"))
    };
    assert_eq!(
        (value("name"), value("service"), value("user"), value("acls")),
        ("panelgate", "whostmgr", "root", "all")
    );
    let page = value("url").strip_prefix("/cgi/panelgate/").unwrap();
    assert!(tree.join("whm").join(page).is_file() && value("entryurl") == format!("panelgate/{page}"));
    assert!(tree.join("root/usr/local/cpanel/whostmgr/docroot/addon_plugins").join(value("icon")).is_file());
    let call = value("upgradecall").strip_prefix("/usr/share/panelgate/").unwrap();
    assert_eq!(source(call).metadata().unwrap().permissions().mode() & 0o777, 0o755);

    // What the template asks for, the file of defaults has.
    let extensions = tree.join("root/var/cpanel/packages/extensions");
    let defaults = std::fs::read_to_string(extensions.join("panelgate")).unwrap();
    let template = std::fs::read_to_string(extensions.join("panelgate.tt2")).unwrap();
    let keys: Vec<&str> =
        defaults.lines().filter_map(|line| line.split_once('=')).map(|(key, _)| key).collect();
    assert!(keys.contains(&"_NAME"), "{keys:?}");
    for key in keys.into_iter().filter(|key| *key != "_NAME") {
        assert!(
            template.contains(&format!("name=\"{key}\""))
                && template.contains(&format!("[% data.defaults.{key} | html %]")),
            "{key}"
        );
    }
}

/// Every file below a folder: name, mode, owner.
fn listing(dir: &Path) -> Vec<(PathBuf, u32, u32)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = path.symlink_metadata().unwrap();
            found.push((path.strip_prefix(dir).unwrap().to_owned(), facts.mode() & 0o7777, facts.uid()));
            if facts.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

fn script(plugin: &Path, name: &str) -> (bool, String) {
    let mut command = Command::new(plugin.join("scripts").join(name));
    let output = command.env_clear().current_dir("/").output().unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn the_directadmin_plugin_installs_twice_and_leaves_as_it_came() {
    if !common::is_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let panel = dir.path().join("directadmin");
    let (data, plugins) = (panel.join("data/admin"), panel.join("plugins"));
    std::fs::create_dir_all(&data).unwrap();
    let items = data.join("custom_package_items.conf");
    let before = "other=type=checkbox&string=Other&checked=no";
    std::fs::write(&items, before).unwrap();
    common::chmod(&items, 0o640);
    let archive = small(dir.path(), "022").join("panelgate-directadmin.tar.gz");

    // DirectAdmin names the folder after the file.
    unpack(&archive, &plugins.join("panelgate-directadmin"));
    let (well, said) = script(&plugins.join("panelgate-directadmin"), "install.sh");
    assert!(!well && said.contains("panelgate.tar.gz"), "{said}");
    std::fs::remove_dir_all(plugins.join("panelgate-directadmin")).unwrap();

    let plugin = plugins.join("panelgate");
    unpack(&archive, &plugin);
    // However it was unpacked: by somebody else, and readable for nobody.
    let user = common::TestUser::get();
    user.own(&plugin);
    for (name, ..) in listing(&plugin).iter().filter(|(name, ..)| name.is_file()) {
        common::chmod(&plugin.join(name), 0o600);
    }
    common::chmod(&plugin.join("scripts/install.sh"), 0o700);
    common::chmod(&plugin, 0o700);
    let (well, said) = script(&plugin, "install.sh");
    assert!(well && said.ends_with("<br>\n"), "{said}");
    let want: Vec<(PathBuf, u32, u32)> = DIRECTADMIN
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(mode, name)| {
            (PathBuf::from(name.trim_end_matches('/')), if mode == "-rw-r--r--" { 0o644 } else { 0o755 }, 0)
        })
        .collect();
    assert_eq!(listing(&plugin), want);
    assert_eq!(plugin.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    let conf = std::fs::read_to_string(plugin.join("plugin.conf")).unwrap();
    for line in ["id=panelgate", "installed=yes", "active=yes", "menu_user=images/menu.json"] {
        assert!(conf.lines().any(|found| found == line), "{line}: {conf}");
    }
    assert!(!conf.contains('@') && !conf.contains("run_as"), "{conf}");
    let after = std::fs::read_to_string(&items).unwrap();
    assert!(
        after.starts_with(&format!("{before}\npanelgate=type=checkbox&")) && after.lines().count() == 3,
        "{after}"
    );
    assert!(after.contains("\npanelgate_sites=type=text&"), "{after}");

    let (well, _) = script(&plugin, "update.sh");
    assert!(well);
    assert_eq!(std::fs::read_to_string(&items).unwrap(), after, "once is enough");
    assert_eq!(items.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let (well, said) = script(&plugin, "uninstall.sh");
    assert!(well && said.ends_with("<br>\n"), "{said}");
    assert_eq!(std::fs::read_to_string(&items).unwrap(), format!("{before}\n"));
    assert_eq!(listing(&plugins).len(), want.len() + 1, "the folder itself is the manager's");
    // Where nobody else has such a file, none stays.
    std::fs::remove_file(&items).unwrap();
    assert!(script(&plugin, "install.sh").0 && items.metadata().unwrap().len() > 0);
    assert!(script(&plugin, "uninstall.sh").0 && !items.exists());
    std::fs::write(&items, before).unwrap();

    // A file that leads elsewhere is left alone.
    std::fs::remove_file(&items).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "x\n").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &items).unwrap();
    assert!(script(&plugin, "install.sh").0 && script(&plugin, "uninstall.sh").0);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "x\n");
}

#[test]
fn what_directadmin_reads_names_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("panelgate");
    unpack(&small(dir.path(), "022").join("panelgate-directadmin.tar.gz"), &tree);
    let there = |address: &str| {
        let path = address.strip_prefix("/CMD_PLUGINS/panelgate/").unwrap_or_else(|| panic!("{address}"));
        assert!(tree.join(path).is_file() || tree.join("user").join(path).is_file(), "{address}");
    };
    let menu: Value = serde_json::from_slice(&std::fs::read(tree.join("images/menu.json")).unwrap()).unwrap();
    let entry = &menu[0]["entries"][0];
    for address in [&menu[0]["icon"], &entry["icon"], &entry["href"]] {
        there(address.as_str().unwrap());
    }
    assert_eq!(entry["newTab"], true);
    for name in ["hooks/user_txt.html", "hooks/user_img.html"] {
        let text = std::fs::read_to_string(tree.join(name)).unwrap();
        assert!(text.starts_with("<a href="), "{text}");
        for part in text.split('"').filter(|part| part.starts_with('/')) {
            there(part);
        }
    }
}
