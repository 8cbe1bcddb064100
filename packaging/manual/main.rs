//! `cargo run --example manual -- DIRECTORY` writes the manual pages and the completions that `make install` installs.

#[path = "generate.rs"]
mod generate;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return fail("name the directory to write to");
    };
    match generate::write(&directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{}: {error}", directory.display())),
    }
}

#[allow(clippy::print_stderr)]
fn fail(text: &str) -> ExitCode {
    eprintln!("manual: {text}");
    ExitCode::FAILURE
}
