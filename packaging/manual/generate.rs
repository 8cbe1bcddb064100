//! Manual pages and completions of shells, from what is there already: the definition of the command line and the sample of the configuration.
//!
//! They are no part of the program: an example and the tests use this file.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

/// The manual of the configuration, as an administrator copies it.
const SAMPLE: &str = include_str!("../../docs/panelgate-sample.ini");

/// Writes `man/*.1`, `man/panelgate.ini.5` and the files of `completions/` below a directory.
///
/// # Errors
///
/// What the file system says.
pub(crate) fn write(directory: &Path) -> io::Result<()> {
    let man = directory.join("man");
    let completions = directory.join("completions");
    for made in [&man, &completions] {
        // Nothing of a command that is gone may stay.
        match fs::remove_dir_all(made) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(made)?,
        }
    }
    let mut command = visible(&panelgate::cli::command());
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command, "panelgate", &completions)?;
    }
    let mut command = panelgate::cli::command();
    command.build();
    pages(&command, &man)?;
    fs::write(man.join("panelgate.ini.5"), settings())
}

/// The command without those below it that are hidden: completions would offer them too.
fn visible(command: &Command) -> Command {
    Command::new("panelgate")
        .version(panelgate::VERSION)
        .disable_help_subcommand(true)
        .args(command.get_arguments().cloned())
        .subcommands(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned())
}

/// Writes the page of a command and those of the commands below it.
fn pages(command: &Command, directory: &Path) -> io::Result<()> {
    let below: Vec<&Command> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    for command in &below {
        pages(command, directory)?;
    }
    let page = Man::new(command.clone());
    let mut text = title(command.get_display_name().unwrap_or("panelgate"), 1).into_bytes();
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if !below.is_empty() {
        page.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::new();
    if let Some(more) = command.get_after_long_help() {
        after(&mut roff, &more.to_string());
    }
    see_also(&mut roff, command.get_name() == "panelgate");
    roff.to_writer(&mut text)?;
    fs::write(directory.join(page.get_filename()), text)
}

/// What stands below the options in the help: headings ("Examples:") with lines that stay as they are.
fn after(roff: &mut Roff, text: &str) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        match line.strip_suffix(':') {
            Some(heading)
                if !line.starts_with(' ') && lines.peek().is_some_and(|next| next.starts_with(' ')) =>
            {
                roff.control("SH", [heading.to_uppercase().as_str()]);
                block(roff, &mut lines);
            }
            _ if line.trim().is_empty() => {
                roff.control("PP", []);
            }
            _ if line.starts_with(' ') => as_it_is(roff, [line]),
            _ => {
                roff.control("PP", []);
                roff.text([roman(line)]);
            }
        }
    }
}

/// Lines that are indented, up to the first that is not.
fn block<'a>(roff: &mut Roff, lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) {
    let mut taken = Vec::new();
    while let Some(line) = lines.next_if(|line| line.is_empty() || line.starts_with(' ')) {
        taken.push(line.strip_prefix("  ").unwrap_or(line));
    }
    while taken.last().is_some_and(|line| line.is_empty()) {
        taken.pop();
    }
    as_it_is(roff, taken);
}

fn as_it_is<'a>(roff: &mut Roff, lines: impl IntoIterator<Item = &'a str>) {
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

fn see_also(roff: &mut Roff, main: bool) {
    roff.control("SH", ["SEE ALSO"]);
    let mut others = vec![bold("panelgate.ini"), roman("(5), "), bold("panelgate.cgi"), roman("(8)")];
    if !main {
        others.splice(0..0, [bold("panelgate"), roman("(1), ")]);
    }
    roff.text(others);
}

/// `panelgate.ini(5)`: each comment of the sample, above the settings that it is about.
fn settings() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["NAME"]);
    roff.text([roman("panelgate.ini - settings of Panelgate")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("/etc/panelgate/panelgate.ini")]);
    roff.control("SH", ["DESCRIPTION"]);
    let mut comment: Vec<&str> = Vec::new();
    let mut lines = SAMPLE.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("; ") {
            comment.push(text);
        } else if line == ";" {
            paragraph(&mut roff, &mut comment);
        } else if line.starts_with('[') {
            // What a comment says above its section is about the section.
            roff.control("SH", [line]);
            paragraph(&mut roff, &mut comment);
        } else if let Some(setting) = line.strip_prefix(';') {
            let mut settings = vec![setting];
            while let Some(next) = lines.next_if(|next| next.starts_with(';') && !next.starts_with("; ")) {
                settings.push(next.trim_start_matches(';'));
            }
            setting_of(&mut roff, &settings, &mut comment);
        } else {
            paragraph(&mut roff, &mut comment);
        }
    }
    roff.control("SH", ["FILES"]);
    let sample = "/usr/share/doc/panelgate/panelgate-sample.ini";
    roff.text([bold(sample), roman(" holds the text of this page, to be copied from.")]);
    see_also(&mut roff, false);
    title("panelgate.ini", 5) + &roff.render()
}

fn paragraph(roff: &mut Roff, comment: &mut Vec<&str>) {
    if comment.is_empty() {
        return;
    }
    roff.control("PP", []);
    text(roff, comment);
}

/// Settings with their values, and below them what they mean.
fn setting_of(roff: &mut Roff, settings: &[&str], comment: &mut Vec<&str>) {
    for (number, setting) in settings.iter().enumerate() {
        let name: Vec<Inline> = match setting.split_once(" = ") {
            Some((key, value)) => vec![bold(key), roman(" = "), roman(value)],
            None => vec![bold(*setting)],
        };
        roff.control(if number == 0 { "TP" } else { "TQ" }, []);
        roff.text(name);
    }
    text(roff, comment);
}

/// Lines of a comment: flowing, but what is indented is a table.
fn text(roff: &mut Roff, comment: &mut Vec<&str>) {
    for line in comment.drain(..) {
        if line.starts_with("  ") {
            roff.control("br", []);
        }
        roff.text([roman(line.trim_start())]);
    }
}

/// The first line of a page: without a date, so that equal sources make equal pages.
fn title(name: &str, section: u8) -> String {
    format!(".TH \"{name}\" \"{section}\" \"\" \"Panelgate {}\" \"Panelgate\"\n", panelgate::VERSION)
}
