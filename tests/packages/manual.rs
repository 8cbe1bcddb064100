//! Manual pages and completions: complete, and readable by what reads them.

use std::fs;
use std::process::Command;

use clap::Command as Cli;

use crate::made::{built, source};
use crate::needs;
use crate::system::{both, succeed};

/// Calls `visit` with the full name of each command that is not hidden, and with the command.
fn every(command: &Cli, name: &str, visit: &mut impl FnMut(&str, &Cli)) {
    visit(name, command);
    let hidden = command.get_subcommands().any(Cli::is_hide_set);
    assert!(!hidden || name == "panelgate", "{name}: completions leave out what is hidden at the top only");
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        every(below, &format!("{name}-{}", below.get_name()), visit);
    }
}

fn cli() -> Cli {
    let mut cli = panelgate::cli::command();
    cli.build();
    cli
}

#[test]
fn each_command_has_its_page_with_all_its_options_and_no_other_has_one() {
    let pages = built().join("man");
    let mut expected = vec!["panelgate.ini.5".to_owned()];
    every(&cli(), "panelgate", &mut |name, command| {
        let page = fs::read_to_string(pages.join(format!("{name}.1")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let page = page.replace("\\-", "-");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if let Some(long) = argument.get_long() {
                assert!(page.contains(&format!("--{long}")), "{name}(1) says nothing of --{long}");
            }
        }
        for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
            assert!(page.contains(&format!("{name}-{}(1)", below.get_name())), "{name}(1) does not name it");
        }
        expected.push(format!("{name}.1"));
    });
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut have: Vec<String> = fs::read_dir(&pages).unwrap().map(name).collect();
    have.sort();
    expected.sort();
    assert_eq!(have, expected);
    assert!(!have.contains(&"panelgate-worker.1".to_owned()), "what is hidden has no page");
}

#[test]
fn the_page_of_the_settings_has_each_of_them() {
    let page = fs::read_to_string(built().join("man/panelgate.ini.5")).unwrap().replace("\\-", "-");
    let sample = fs::read_to_string(source().join("docs/panelgate-sample.ini")).unwrap();
    let mut settings = 0;
    for line in sample.lines() {
        if line.starts_with('[') {
            assert!(
                page.contains(&format!("\"{line}\"")) || page.contains(&format!(".SH {line}\n")),
                "{line}"
            );
        } else if let Some((key, _)) = line.strip_prefix(';').and_then(|line| line.split_once(" = "))
            && !key.starts_with(' ')
        {
            assert!(page.contains(&format!("\\fB{key}\\fR")), "{key}");
            settings += 1;
        }
    }
    assert!(settings > 50, "the sample was not understood");
}

#[test]
fn man_has_nothing_against_the_pages() {
    needs!("mandoc");
    let mut command = Command::new("mandoc");
    command.args(["-Tlint", "-W", "error"]);
    for entry in fs::read_dir(built().join("man")).unwrap() {
        command.arg(entry.unwrap().path());
    }
    command.arg(source().join("packaging/man/panelgate.cgi.8"));
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{}", both(&output));
}

#[test]
fn shells_complete_commands_and_options_and_nothing_hidden() {
    let bash = built().join("completions/panelgate.bash");
    let complete = |line: &str| {
        let script = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                      _panelgate panelgate \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
        let mut command = Command::new("bash");
        command.args(["--norc", "-c", script, "bash"]).arg(&bash).args(line.split(' '));
        succeed(&mut command).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    every(&cli(), "panelgate", &mut |name, _| {
        if let [_, command] = name.split('-').collect::<Vec<_>>()[..] {
            assert!(complete(&format!("panelgate {command}")).contains(&command.to_owned()), "{name}");
        }
    });
    assert!(complete("panelgate open --acc").contains(&"--account".to_owned()));
    assert!(!complete("panelgate ").contains(&"worker".to_owned()));
    for file in ["_panelgate", "panelgate.fish"] {
        let text = fs::read_to_string(built().join("completions").join(file)).unwrap();
        assert!(!text.contains("worker"), "{file}");
        every(&cli(), "panelgate", &mut |name, _| {
            let last = name.rsplit('-').next().unwrap();
            assert!(text.contains(last), "{file} has nothing of {name}");
        });
    }
}
