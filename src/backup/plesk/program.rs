//! `pleskbackup`: what it is told, and how (`reference/plesk.md` 2.5).
//!
//! Versions write commands and options in three ways, so the program's own help says which. Passwords go through the environment only. An empty list
//! of names would mean all objects: there is always exactly one.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Secret, quote};

use super::values::*;

/// One run of the program.
pub(super) struct Run<'a> {
    /// Which one: `pleskbackup` or `pleskrestore`.
    pub(super) program: &'static str,
    /// What it is told.
    pub(super) arguments: Vec<String>,
    /// Passwords by the names of the environment.
    pub(super) secrets: Vec<(&'static str, &'a Secret)>,
    /// How long it may take.
    pub(super) deadline: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Finished {
    /// Whether it says that all is well.
    pub(super) success: bool,
    /// Its exit code, or what ended it.
    pub(super) code: String,
    /// Its standard output.
    pub(super) output: String,
    /// The beginning of its standard error.
    pub(super) complaint: String,
}

impl Finished {
    /// The error of a run that failed.
    pub(super) fn error(&self, what: &str, secrets: &[(&'static str, &Secret)]) -> Error {
        let said = if self.complaint.trim().is_empty() { &self.output } else { &self.complaint };
        // What is wrong stands at the end of what such programs print.
        let said = said.trim().lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let repeats = secrets.iter().any(|(_, secret)| !secret.is_empty() && said.contains(secret.expose()));
        let said = if repeats { "a message that repeats a secret and is not shown" } else { said };
        Error::new(ErrorKind::BackupFailed, format!("{what} failed ({}) and said {}", self.code, quote(said)))
    }
}

/// How a version writes its command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    /// Before a command: `--` or nothing.
    command: &'static str,
    /// Before an option: `-` or `--`.
    option: &'static str,
    /// Whether an option and its value are one word with `=`.
    joined: bool,
}

impl Spelling {
    /// Reads the program's help.
    ///
    /// # Errors
    /// [`ErrorKind::BackupProtocol`] if it names neither its commands nor its options in a known way.
    pub(super) fn of_help(help: &str) -> Result<Self> {
        let between = |character: char| character.is_whitespace() || "[](){}<>|,;\"'`".contains(character);
        let words: Vec<&str> = help.split(between).filter(|word| !word.is_empty()).collect();
        let has = |word: &str| words.contains(&word);
        // With its value behind it, or `[=VALUE]`, or alone.
        let option = |dashes: &str| {
            let begins = |word: &&str| {
                word.strip_prefix(dashes)
                    .and_then(|rest| rest.strip_prefix("prefix"))
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
            };
            words.iter().copied().find(begins)
        };
        let command = match () {
            () if has("--domains-name") => "--",
            () if has("domains-name") => "",
            () => return Err(unknown("its commands")),
        };
        let (option, found) = match (option("--"), option("-")) {
            (Some(found), _) => ("--", found),
            (None, Some(found)) => ("-", found),
            (None, None) => return Err(unknown("its options")),
        };
        Ok(Self { command, option, joined: found.contains('=') || help.contains("prefix[=") })
    }

    /// The arguments of a backup.
    ///
    /// # Errors
    /// [`ErrorKind::BackupUnsupported`] for what the program cannot; [`ErrorKind::InvalidArgument`] for a value that it would take for an option.
    pub(super) fn backup(
        self,
        subject: &Subject,
        options: &Options,
        export: Option<&str>,
    ) -> Result<Vec<String>> {
        let (command, name) = match subject {
            Subject::Webspace(Webspace::Id(id)) => ("domains-id", Some(id.to_string())),
            Subject::Webspace(Webspace::Name(name)) => ("domains-name", Some(name.to_string())),
            Subject::Customer(Customer::Id(id)) => ("clients-id", Some(id.to_string())),
            Subject::Customer(Customer::Login(login)) => ("clients-name", Some(login.to_string())),
            Subject::Reseller(Reseller::Id(id)) => ("resellers-id", Some(id.to_string())),
            Subject::Reseller(Reseller::Login(login)) => ("resellers-name", Some(login.to_string())),
            Subject::Server => ("server", None),
        };
        let mut arguments = vec![format!("{}{command}", self.command)];
        arguments.extend(name.map(|name| value(&name).map(str::to_owned)).transpose()?);
        if let Some(prefix) = &options.prefix {
            self.option(&mut arguments, "prefix", prefix.as_str())?;
        }
        self.option(&mut arguments, "description", options.description.as_str())?;
        match options.content {
            Content::All => {}
            Content::Hosting => self.switch(&mut arguments, "exclude-mail"),
            Content::Mail => return Err(unsupported("mail without hosting")),
        }
        if options.only_configuration {
            self.switch(&mut arguments, "only-configuration");
        }
        if let Split::Kilobytes(_) = options.split {
            return Err(unsupported("parts of a given size: in which unit it takes them is not documented"));
        }
        match (options.storage, export) {
            (Storage::Local, _) => {}
            (Storage::Ftp, Some(address)) => self.option(&mut arguments, "output-file", address)?,
            (Storage::Ftp, None) => {
                return Err(unsupported("an FTP storage unless [backup.plesk] export names it"));
            }
        }
        Ok(arguments)
    }

    fn switch(self, arguments: &mut Vec<String>, name: &str) {
        arguments.push(format!("{}{name}", self.option));
    }

    fn option(self, arguments: &mut Vec<String>, name: &str, text: &str) -> Result<()> {
        if self.joined {
            arguments.push(format!("{}{name}={text}", self.option));
        } else {
            self.switch(arguments, name);
            arguments.push(value(text)?.to_owned());
        }
        Ok(())
    }
}

/// What `pleskrestore` is told (`reference/plesk.md` 2.5): one subscription out of the backup with this description. Its password for a protected backup goes through the
/// environment, as that of `pleskbackup` does; on a command line everybody could read it.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a value that it would take for an option.
pub(super) fn restore(file: &str, domain: &str) -> Result<Vec<String>> {
    let filter = format!("list:{domain}");
    let words = ["--restore", value(file)?, "-level", "domains", "-filter", &filter];
    Ok(words.map(str::to_owned).into())
}

/// A word that cannot be taken for an option.
fn value(text: &str) -> Result<&str> {
    if text.starts_with('-') {
        let what = format!("{} begins with \"-\": Plesk's program would take it for an option", quote(text));
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    Ok(text)
}

fn unknown(what: &str) -> Error {
    let text = format!(
        "the help of pleskbackup does not name {what} in a known way: run \"plesk bin pleskbackup --help\""
    );
    Error::new(ErrorKind::BackupProtocol, text)
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::BackupUnsupported, format!("pleskbackup cannot do this: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Domain;

    const OBSIDIAN: &str = "Usage: pleskbackup <command> [<arguments>] [<options>]\n  --server\n  --domains-name [<name-1> ...]\n  -prefix <p>\n  -exclude-mail\n";
    const ONYX: &str = "  --domains-name\n  --prefix=<string>\n  --output-file=<file>\n";
    const OLD: &str = "Commands: server resellers-name domains-name domains-id\n --prefix=PREFIX|-p\n";

    fn options() -> Options {
        Options {
            storage: Storage::Local,
            prefix: Some(Prefix::new("pg-7").unwrap()),
            description: Description::new("before publish 42").unwrap(),
            split: Split::Never,
            content: Content::Hosting,
            only_configuration: true,
        }
    }

    #[test]
    fn the_programs_own_help_says_how_it_is_spelt() {
        let subject = Subject::Webspace(Webspace::Name(Domain::new("shop.example").unwrap()));
        let spell = |help: &str| Spelling::of_help(help).unwrap().backup(&subject, &options(), None).unwrap();
        assert_eq!(
            spell(OBSIDIAN),
            [
                "--domains-name",
                "shop.example",
                "-prefix",
                "pg-7",
                "-description",
                "before publish 42",
                "-exclude-mail",
                "-only-configuration"
            ]
        );
        let onyx =
            ["--prefix=pg-7", "--description=before publish 42", "--exclude-mail", "--only-configuration"];
        assert_eq!(spell(ONYX)[2..], onyx);
        assert_eq!(spell(ONYX)[0], "--domains-name");
        assert_eq!(spell(OLD)[..2], ["domains-name", "shop.example"]);
        for help in ["", "Permission denied", "--domains-name only", "--prefix=x"] {
            assert_eq!(Spelling::of_help(help).unwrap_err().kind(), ErrorKind::BackupProtocol, "{help}");
        }
    }

    #[test]
    fn what_it_cannot_is_refused_and_nothing_is_taken_for_an_option() {
        let spelling = Spelling::of_help(OBSIDIAN).unwrap();
        let server = Subject::Server;
        assert_eq!(spelling.backup(&server, &options(), None).unwrap()[..2], ["--server", "-prefix"]);
        for bad in [
            Options { content: Content::Mail, ..options() },
            Options { split: Split::Kilobytes(SplitSize::new(1).unwrap()), ..options() },
            Options { storage: Storage::Ftp, ..options() },
        ] {
            let error = spelling.backup(&server, &bad, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BackupUnsupported, "{bad:?}");
        }
        let sneaky = Subject::Customer(Customer::Login(Login::new("--server").unwrap()));
        assert_eq!(
            spelling.backup(&sneaky, &options(), None).unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
        let ftp = Options { storage: Storage::Ftp, ..options() };
        let arguments = spelling.backup(&server, &ftp, Some("ftp://bk@ftp.example.net/plesk/")).unwrap();
        assert_eq!(arguments[arguments.len() - 2..], ["-output-file", "ftp://bk@ftp.example.net/plesk/"]);
    }

    #[test]
    fn a_failure_repeats_the_last_line_but_no_secret() {
        let secret = Secret::new("hunter22".into());
        let secrets = [("FTP_PASSWORD", &secret)];
        let finished = |complaint: &str| Finished {
            success: false,
            code: "exit status: 1".into(),
            output: "noise".into(),
            complaint: complaint.into(),
        };
        let error = finished("PHP Notice\nUnable to find domain\n\n").error("pleskbackup", &secrets);
        assert_eq!(
            error.to_string(),
            "pleskbackup failed (exit status: 1) and said \"Unable to find domain\""
        );
        assert!(
            !finished("login hunter22 failed")
                .error("pleskbackup", &secrets)
                .to_string()
                .contains("hunter22")
        );
    }
}
