//! `panelgate setup --adopt`: what the vendor's own plugin has published is taken over, and what it left is listed.

use std::path::Path;
use std::process::Command;

use panelgate::config::PanelKind;
use serde_json::Value;

use crate::common::{SITE_MAIN, SITE_OF_B, SITE_SUB, Sites, Trial, chmod, is_root};
use crate::tree::needs_root;

/// A server on which the old plugin has published two sites of an account.
struct World {
    trial: Trial,
    etc: tempfile::TempDir,
}

impl World {
    fn start(more: &str) -> Self {
        let trial = Trial::start(PanelKind::CPanel, Sites::Several);
        let home = trial.in_tree(&format!("home/{}", trial.account));
        let put = |path: &str, text: &str| {
            let path = home.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("public_html/index.php", "<?php // Powered by Website Builder\ninclude 'sitepro/index.php';");
        put("public_html/sitepro/index.php", "<?php");
        put("public_html/sitepro/store.dat", "orders");
        put("public_html/blog/index.php", "<?php // a blog of the customer's own");
        put(".spbldr_localStorage", "secret of the old plugin");
        trial.user.own(&home);
        let ftp = format!(
            "{0}:$6$hash:{1}:{2}:{0}:/home/{0}:/bin/ftpd\n0a1b2c3d@{SITE_MAIN}:$6$hash-of-old:{1}:{2}:{0}:/home/{0}:/bin/ftpd\n\
             editor@{SITE_MAIN}:$6$hash:{1}:{2}:{0}:/home/{0}/public_html:/bin/ftpd\n",
            trial.account, trial.user.uid, trial.user.gid
        );
        for (path, text) in [
            (format!("etc/proftpd/{}", trial.account), ftp.as_str()),
            ("usr/local/cpanel/base/frontend/jupiter/siteprobuilder/index.live.php".into(), "old"),
        ] {
            let path = trial.in_tree(&path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        // The panel's files are root's; the home stays the account's.
        for entry in std::fs::read_dir(trial.in_tree("")).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("home") {
                let chown = Command::new("chown").args(["-R", "0:0"]).arg(path).status().unwrap();
                assert!(chown.success());
            }
        }
        let etc = tempfile::tempdir().unwrap();
        let config = std::fs::read_to_string(trial.config()).unwrap();
        let state = format!("dir = {}/state", trial.dir.path().display());
        let config = config.replace(&state, &format!("dir = {}/state", etc.path().display()));
        let config = config.replace("[publish]", &format!("{more}\n[publish]"));
        std::fs::copy(trial.dir.path().join("ca.pem"), etc.path().join("ca.pem")).unwrap();
        let config = config.replace(
            &format!("ca_file = {}", trial.dir.path().display()),
            &format!("ca_file = {}", etc.path().display()),
        );
        std::fs::write(etc.path().join("panelgate.ini"), config).unwrap();
        chmod(&etc.path().join("panelgate.ini"), 0o600);
        let world = Self { trial, etc };
        world.open_elsewhere();
        world
    }

    /// The old plugin has opened sites at the builder: an installation with a memory of its own does it here.
    fn open_elsewhere(&self) {
        let old = self.etc.path().join("old.ini");
        let config = std::fs::read_to_string(self.etc.path().join("panelgate.ini")).unwrap();
        let state = self.etc.path().join("state").display().to_string();
        let config = config.replace(&state, &format!("{state}-old")).replace("shared_brand = yes", "");
        std::fs::write(&old, config).unwrap();
        chmod(&old, 0o600);
        for site in [SITE_MAIN, SITE_SUB, SITE_OF_B] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
            let output = command.arg("--config").arg(&old).args(["open", site]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    fn adopt(&self, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_panelgate"))
            .arg("--config")
            .arg(self.etc.path().join("panelgate.ini"))
            .args(["setup", "--adopt", "--json"])
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains("hash") && !text.contains("secret"), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn state(&self) -> std::path::PathBuf {
        self.trial.in_tree(&format!("home/{}/.panelgate", self.trial.account))
    }

    fn asked(&self) -> usize {
        self.trial.builder.requests().iter().filter(|call| call.target.contains("get-domains")).count()
    }
}

fn site<'a>(adoption: &'a Value, name: &str) -> &'a Value {
    adoption["sites"].as_array().unwrap().iter().find(|site| site["site"] == name).unwrap_or(&Value::Null)
}

#[test]
fn published_websites_are_taken_over_once_and_nothing_is_removed() {
    needs_root!();
    let world = World::start("");
    let dry = world.adopt(&["--dry-run"]);
    assert_eq!(
        (&site(&dry, SITE_MAIN)["fate"], &site(&dry, SITE_MAIN)["recognised"]),
        (&"todo".into(), &true.into()),
        "{dry:#}"
    );
    assert_eq!(
        (&site(&dry, SITE_SUB)["fate"], &site(&dry, SITE_SUB)["recognised"]),
        (&"todo".into(), &false.into()),
        "{dry:#}"
    );
    let other = site(&dry, SITE_OF_B);
    assert!(other["fate"] == "todo" && other["recognised"].is_null() && other["text"].is_string(), "{other}");
    assert!(!world.state().exists(), "looking writes nothing below the home");

    let done = world.adopt(&[]);
    let main = site(&done, SITE_MAIN);
    assert_eq!(
        (&main["fate"], &main["key"], &main["files"]),
        (&"done".into(), &SITE_MAIN.into(), &2.into()),
        "{done:#}"
    );
    assert_eq!(
        (&site(&done, SITE_SUB)["fate"], &site(&done, SITE_SUB)["files"]),
        (&"done".into(), &Value::Null)
    );
    assert!(world.state().exists());
    let left: Vec<String> = done["leftovers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| left["name"].as_str().unwrap().to_owned())
        .collect();
    let home = format!("/home/{}", world.trial.account);
    assert_eq!(
        left,
        [
            "/usr/local/cpanel/base/frontend/jupiter/siteprobuilder".to_owned(),
            format!("0a1b2c3d@{SITE_MAIN}"),
            format!("{home}/.spbldr_localStorage"),
        ]
    );
    assert_eq!(done["elsewhere"], 0);
    let again = world.adopt(&[]);
    assert_eq!(site(&again, SITE_MAIN)["fate"], "known", "{again:#}");
    assert_eq!(world.asked(), 1, "the list is read once in 3 hours");
    for file in ["public_html/index.php", "public_html/sitepro/store.dat", ".spbldr_localStorage"] {
        assert!(Path::new(&world.trial.in_tree(&home[1..])).join(file).exists(), "{file}");
    }
}

#[test]
fn with_a_shared_brand_the_word_of_an_account_takes_no_name_that_leads_elsewhere() {
    needs_root!();
    let world = World::start("shared_brand = yes");
    for more in [&["--dry-run"][..], &[]] {
        let done = world.adopt(more);
        let main = site(&done, SITE_MAIN);
        // The builder's comment lies there, which anybody can write; the name leads to no server at all.
        assert_eq!((&main["fate"], &main["recognised"]), (&"left".into(), &true.into()), "{done:#}");
        assert!(main["key"].is_null() && main["text"].as_str().unwrap().contains("claim"), "{done:#}");
        assert_eq!(site(&done, SITE_SUB)["fate"], "left", "{done:#}");
    }
    assert!(!world.state().exists());
    assert!(is_root());
}
