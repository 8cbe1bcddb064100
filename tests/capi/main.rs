//! The C ABI as a C program meets it: the built library, the committed header, real compilers, sanitizers and valgrind.
//!
//! Where the test runs as root, each program runs as root and as an account; otherwise as an account only.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod backups;
mod calls;
#[path = "../../packaging/manual/generate.rs"]
mod generate;
mod install;
mod programs;
mod session;
mod trial;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use programs::{Build, WAYS, built, compile, in_ways, open_directory, output, root, run, succeed};
use trial::{Caller, Trial, own_uid};

/// One trial for each caller.
fn trials() -> Vec<(Caller, Trial)> {
    Caller::all().into_iter().map(|caller| (caller, Trial::new(caller))).collect()
}

fn of(trials: &[(Caller, Trial)], caller: Caller) -> &Trial {
    &trials.iter().find(|(owner, _)| *owner == caller).unwrap().1
}

#[test]
fn versions_null_arguments_structure_sizes_and_bad_configurations() {
    let trials = trials();
    let arguments = |caller| {
        let trial = of(&trials, caller);
        vec![trial.config(), trial.path("bad").display().to_string()]
    };
    in_ways(&WAYS, "basics.c", arguments, |_, printed| assert_eq!(printed, "ok\n"));
}

#[test]
fn accounts_and_sites_and_no_session_for_a_site_of_another_account() {
    let trials = trials();
    let arguments = |caller: Caller| vec![of(&trials, caller).config(), caller.name().to_owned()];
    in_ways(&WAYS, "accounts.c", arguments, |_, printed| {
        let json: serde_json::Value = serde_json::from_str(printed).unwrap();
        assert_eq!(json["account"]["home"], "/home/alice");
        assert_eq!(json["entries"].as_array().unwrap().len(), 6);
        assert_eq!(json["entries"][0]["refused"], serde_json::Value::Null);
    });
}

#[test]
fn one_handle_serves_many_threads() {
    let trials = trials();
    in_ways(
        &WAYS,
        "threads.c",
        |caller| vec![of(&trials, caller).config()],
        |_, printed| assert_eq!(printed, "ok\n"),
    );
}

#[test]
fn projects_that_travel_are_roots_affair() {
    let trials = trials();
    let arguments = |caller: Caller| {
        let word = if caller.uid == 0 { "root" } else { "account" };
        vec![of(&trials, caller).config(), word.to_owned()]
    };
    in_ways(&WAYS, "travel.c", arguments, |_, printed| assert_eq!(printed, "ok\n"));
}

#[test]
fn a_python_program_uses_the_library() {
    let caller = Caller { uid: own_uid() };
    let trial = Trial::new(caller);
    let script = root().join("tests/python/abi.py").display().to_string();
    let library = programs::library().join("libpanelgate.so.1").display().to_string();
    let words = ["python3".to_owned(), script, library, trial.config(), caller.name().to_owned()];
    assert_eq!(succeed(&mut run(words, caller)), "ok\n");
}

/// The example of the header's opening chapter, as a reader would copy it.
fn example() -> String {
    let header = std::fs::read_to_string(root().join("include/panelgate.h")).unwrap();
    let after = header.split(" * Example:").nth(1).expect("an example");
    let lines = after.lines().skip(2).map_while(|line| match line.strip_prefix(" *     ") {
        Some(code) => Some(code),
        None => (line == " *" && !after.is_empty()).then_some(""),
    });
    let text: Vec<&str> = lines.collect();
    text.join("\n") + "\n"
}

#[test]
fn the_example_of_the_header_compiles_and_says_why_it_fails() {
    let directory = open_directory();
    let (source, program) = (directory.path().join("example.c"), directory.path().join("example"));
    assert!(example().contains("int main("));
    std::fs::write(&source, example()).unwrap();
    compile(&source, Build::C11, &program);
    for (caller, trial) in trials() {
        let program = program.display().to_string();
        let words = [program, "alice".to_owned(), "shop.example".to_owned(), trial.config()];
        let output = output(&mut run(words, caller));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{said}");
        assert!(said.starts_with("builder-unreachable: "), "{said}");
    }
}

#[test]
fn only_the_functions_of_the_header_are_exported() {
    let printed = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(built("libpanelgate.so")));
    let exported: BTreeSet<&str> = printed.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let header = std::fs::read_to_string(root().join("include/panelgate.h")).unwrap();
    let declared: BTreeSet<&str> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '/', '*', '}']))
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .collect();
    assert!(declared.len() > 30, "{declared:?}");
    assert_eq!(exported, declared);
}

#[test]
fn the_library_has_its_soname() {
    let printed = succeed(Command::new("readelf").arg("-d").arg(built("libpanelgate.so")));
    assert!(printed.contains("Library soname: [libpanelgate.so.1]"), "{printed}");
    assert!(
        !printed.contains("TEXTREL") && !printed.contains("RPATH") && !printed.contains("RUNPATH"),
        "{printed}"
    );
}

#[test]
fn the_header_stands_alone_in_both_languages() {
    let directory = open_directory();
    let source = directory.path().join("alone.c");
    std::fs::write(&source, "#include <panelgate.h>\n#include <panelgate.h>\n").unwrap();
    for compiler in [["gcc", "-std=c11", "-xc"], ["gcc", "-std=c2x", "-xc"], ["g++", "-std=c++17", "-xc++"]] {
        let mut command = Command::new(compiler[0]);
        command.args(&compiler[1..]).args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]);
        succeed(command.arg("-I").arg(root().join("include")).arg(Path::new(&source)));
    }
}
