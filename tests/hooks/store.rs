//! The hooks with the library itself: what they say is in the store before they have answered, or soon after, and the builder is not asked.

use std::path::Path;
use std::process::{Command, Stdio};

use panelgate::config::PanelKind;
use panelgate::sandbox::{Builder, Options};
use serde_json::Value;

use crate::common::{self, SITE_MAIN, SITE_SUB, Sites, TestUser, Trial};
use crate::tree::{NOTHING, Stdin, Tree, run};

/// A trial of root's, with a site that was opened, and the hooks over the library that belongs to these tests.
pub fn world(panel: PanelKind, more: &str) -> (Trial, Tree) {
    let mut trial = Trial::with(panel, Sites::Several, more);
    let owned = Command::new("chown").args(["-R", "0:0"]).arg(trial.dir.path()).status().unwrap();
    assert!(owned.success());
    trial.user = TestUser { name: "root".into(), uid: 0, gid: 0 };
    let tree = Tree::new();
    let library = std::env::current_exe().unwrap().with_file_name("libpanelgate.so");
    tree.set("panelhook.py", "LIBRARY = None", &format!("LIBRARY = {:?}", library.display().to_string()));
    tree.set(
        "panelhook.py",
        "CONFIG = None",
        &format!("CONFIG = {:?}", trial.config().display().to_string()),
    );
    (trial, tree)
}

pub fn panelgate(trial: &Trial, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
    command.arg("--config").arg(trial.config()).args(words).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// The kinds of the jobs that wait, in the order in which they came.
pub fn jobs(trial: &Trial) -> Vec<String> {
    let (code, text) = panelgate(trial, &["jobs", "list", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let mut kinds = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.unwrap();
        let entries = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        kinds.extend(entries.iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()));
    }
    kinds
}

/// Whether some file below a folder holds these bytes.
pub fn holds(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holds(&path, bytes)
        } else {
            memchr::memmem::find(&std::fs::read(&path).unwrap(), bytes).is_some()
        }
    })
}

#[test]
fn an_event_of_cpanels_is_in_the_store_and_no_password_is() {
    if !common::is_root() {
        return;
    }
    let (trial, tree) = world(PanelKind::CPanel, "");
    assert_eq!(panelgate(&trial, &["open", "--account", &trial.account, SITE_MAIN]).0, Some(0));
    let asked = trial.builder.requests().len();
    let hook = tree.path("cpanel/panelgate-hook");
    for (name, bytes) in crate::cpanel::payloads() {
        let text = String::from_utf8_lossy(&bytes).replace("\"alice\"", &format!("\"{}\"", trial.account));
        let bytes = if bytes.is_ascii() { text.into_bytes() } else { bytes };
        let output = run(&hook, &["event"], NOTHING, Stdin::Bytes(&bytes), 0);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && said.lines().count() == 1 && said.ends_with('\n'),
            "{name}: {said}"
        );
        assert!(said.starts_with("1 Panelgate: ") || said.starts_with("0 Panelgate: "), "{name}: {said}");
        assert!(!said.contains("panic"), "{name}: {said}");
        // What cPanel documents is understood; nothing is known of the rest.
        if name.starts_with("suspend") {
            assert!(said.starts_with("1 "), "{name}: {said}");
        }
    }
    common::wait_for("the job", || jobs(&trial).iter().any(|kind| kind == "sync-site"));
    assert_eq!(trial.builder.requests().len(), asked, "a hook asks the builder nothing");
    assert!(holds(trial.dir.path(), b"sync-site"), "the store is looked through");
    // A backup of the panel's, which carries nothing unless the configuration says so.
    let about = format!("{{\"data\":{{\"user\":\"{}\"}}}}", trial.account);
    let output = run(&hook, &["backup-attach"], NOTHING, Stdin::Bytes(about.as_bytes()), 0);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "1 Panelgate: nothing to do: [backup] carry is off\n");
    assert!(!holds(trial.dir.path(), b"hunter2-in-the-clear"));
}

#[test]
fn an_event_of_directadmins_is_in_the_store() {
    if !common::is_root() {
        return;
    }
    let (trial, tree) = world(PanelKind::DirectAdmin, "");
    assert_eq!(panelgate(&trial, &["open", "--account", &trial.account, SITE_MAIN]).0, Some(0));
    let variables = [("username", trial.account.as_str()), ("passwd", "hunter2-in-the-clear")];
    let output = run(&tree.path("directadmin/hooks/user_suspend_post.sh"), &[], &variables, Stdin::Closed, 0);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    common::wait_for("the job", || jobs(&trial).iter().any(|kind| kind == "sync-site"));
    assert!(!holds(trial.dir.path(), b"hunter2-in-the-clear"));
}

/// A hook of each panel tells of a suspension while the builder is down; the builder hears it when it is up again, once, however often it was told.
#[test]
fn what_is_told_while_the_builder_is_down_reaches_it_once() {
    if !common::is_root() {
        return;
    }
    for panel in [PanelKind::CPanel, PanelKind::DirectAdmin, PanelKind::Plesk] {
        let (mut trial, tree) = world(panel, "");
        assert_eq!(panelgate(&trial, &["open", "--account", &trial.account, SITE_MAIN]).0, Some(0));
        trial.builder.stop();
        let hint = format!(
            r#"{{"context":{{"category":"Whostmgr","event":"Accounts::suspendacct","stage":"post"}},"data":{{"user":"{}"}}}}"#,
            trial.account
        );
        let (program, words, variables, hint) = match panel {
            PanelKind::CPanel => {
                let mark = trial.in_tree(&format!("var/cpanel/suspended/{}", trial.account));
                std::fs::create_dir_all(mark.parent().unwrap()).unwrap();
                std::fs::write(mark, "").unwrap();
                ("cpanel/panelgate-hook", vec!["event"], Vec::new(), hint.as_bytes())
            }
            PanelKind::DirectAdmin => {
                let file =
                    trial.in_tree(&format!("usr/local/directadmin/data/users/{}/user.conf", trial.account));
                let text = std::fs::read_to_string(&file).unwrap();
                std::fs::write(&file, text.replace("suspended=no", "suspended=yes")).unwrap();
                let name = vec![("username", trial.account.as_str())];
                ("directadmin/hooks/user_suspend_post.sh", Vec::new(), name, &b""[..])
            }
            _ => {
                let file = trial.in_tree(&format!("usr/local/psa/answers/account-{}", trial.account));
                let text = std::fs::read_to_string(&file).unwrap();
                std::fs::write(&file, text.replace("\t0\tvrt_hst", "\t16\tvrt_hst")).unwrap();
                let name = vec![("NEW_DOMAIN_NAME", SITE_MAIN), ("NEW_DOMAIN_STATUS", "16")];
                ("plesk/panelgate-event", vec!["domain_status_update"], name, &b""[..])
            }
        };
        for _ in 0..3 {
            let output = run(&tree.path(program), &words, &variables, Stdin::Bytes(hint), 0);
            assert!(output.status.success() && output.stderr.is_empty(), "{panel:?}: {output:?}");
        }
        common::wait_for("the job", || jobs(&trial).iter().any(|kind| kind == "sync-site"));
        panelgate(&trial, &["jobs", "--once"]);
        // One, or two where a hook's child was slow.
        assert!(!open_looks(&trial).is_empty(), "{panel:?}: a look waits for the builder");

        trial.builder = Builder::start(Options::new(common::BUILDER_USER, common::BUILDER_PASSWORD)).unwrap();
        std::fs::write(trial.dir.path().join("ca.pem"), trial.builder.ca_pem()).unwrap();
        trial.write_config("");
        let again = || {
            for look in open_looks(&trial) {
                panelgate(&trial, &["jobs", "retry", &look]);
            }
            let (code, said) = panelgate(&trial, &["jobs", "--once"]);
            assert_eq!(code, Some(0), "{said}");
        };
        again();
        run(&tree.path(program), &words, &variables, Stdin::Bytes(hint), 0);
        common::wait_for("the next job", || !open_looks(&trial).is_empty());
        again();
        let requests = trial.builder.requests();
        let told: Vec<bool> = requests
            .iter()
            .filter(|request| request.target.ends_with("set-blocked"))
            .map(|request| request.body["value"].as_bool().unwrap())
            .collect();
        assert_eq!(told, [true], "{panel:?}");
    }
}

/// The numbers of the looks that have not ended.
fn open_looks(trial: &Trial) -> Vec<String> {
    let (code, text) = panelgate(trial, &["jobs", "list", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let mut open = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let value = value.unwrap();
        let entries = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        let waits = |entry: &&Value| entry["kind"] == "sync-site" && entry["state"] == "waiting";
        open.extend(entries.iter().filter(waits).map(|entry| entry["id"].to_string()));
    }
    open
}

/// The field of packages, by which an administrator says for how many sites an account may have the builder.
#[test]
fn a_plan_may_limit_the_sites() {
    if !common::is_root() {
        return;
    }
    for (panel, file) in [
        (PanelKind::CPanel, "var/cpanel/users/NAME"),
        (PanelKind::DirectAdmin, "usr/local/directadmin/data/users/NAME/user.conf"),
    ] {
        let (trial, _) = world(panel, "");
        let file = trial.in_tree(&file.replace("NAME", &trial.account));
        let text = std::fs::read_to_string(&file).unwrap();
        let limit = |value: &str| std::fs::write(&file, format!("{text}panelgate_sites={value}\n")).unwrap();
        let open = |site: &str| panelgate(&trial, &["open", "--account", &trial.account, site]);
        limit("1");
        assert_eq!(open(SITE_MAIN).0, Some(0), "{}", open(SITE_MAIN).1);
        let (code, said) = open(SITE_SUB);
        assert_eq!(code, Some(17), "{said}");
        assert!(said.contains("for 1 sites"), "{said}");
        assert_eq!(open(SITE_MAIN).0, Some(0), "what is open stays open");
        limit("many");
        assert_eq!(open(SITE_SUB).0, Some(0), "what is no number is no limit");
        limit("0");
        assert_eq!(open(SITE_SUB).0, Some(0));
        assert_eq!(open("bücher.example").0, Some(17));
        limit("unlimited");
        assert_eq!(open("bücher.example").0, Some(0));
    }
}
