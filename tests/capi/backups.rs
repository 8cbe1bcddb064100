//! Backups ordered, followed and ended by C programs.

use serde_json::Value;

use crate::programs::{Build, WAYS, compile, in_ways, open_directory, root, run, succeed};
use crate::session::Stage;
use crate::trial::Caller;

#[test]
fn backups_are_ordered_followed_and_ended() {
    let stage = Stage::new();
    stage.builder.set_project("shop.example", b"a project".to_vec());
    let directory = open_directory();
    let program = |name: &str| {
        let program = directory.path().join(name);
        compile(&root().join("tests/c").join(format!("{name}.c")), Build::C11, &program);
        program.display().to_string()
    };
    let (open, backup) = (program("open"), program("backup"));
    let said = |caller: Caller, words: &[&str]| succeed(&mut run(words, caller)).trim().to_owned();
    for caller in Caller::all() {
        for site in ["shop.example", "blog.shop.example"] {
            assert_eq!(said(caller, &[&open, &stage.trial(caller).config(), "alice", site]), "0 ok");
        }
    }
    let arguments =
        |caller: Caller| vec![stage.trial(caller).config(), caller.name().to_owned(), "order".to_owned()];
    in_ways(&WAYS, "backup.c", arguments, |_, printed| assert_eq!(printed, "ok\n"));

    // The builder has a project of one of the sites and none of the other.
    let panelgate = directory.path().join("panelgate");
    succeed(std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_panelgate")).arg(&panelgate));
    for caller in Caller::all() {
        let (config, name) = (stage.trial(caller).config(), caller.name());
        let start = |site| said(caller, &[&backup, &config, name, "start", site]);
        let jobs = [start("shop.example"), start("blog.shop.example")];
        succeed(&mut run([panelgate.to_str().unwrap(), "--config", &config, "jobs", "--once"], caller));
        let look = |job: &str| -> Value {
            serde_json::from_str(&said(caller, &[&backup, &config, name, "look", job])).unwrap()
        };
        let (done, failed) = (look(&jobs[0]), look(&jobs[1]));
        assert_eq!((&done["state"], &done["percent"]), (&"done".into(), &100.into()), "{done}");
        assert_eq!(failed["state"], "failed", "{failed}");
        // Why, is root's to know.
        assert_eq!(failed["reason"].is_string(), caller.uid == 0, "{failed}");
    }
}
