//! `include/panelgate.h` is what src/ffi says. `UPDATE_HEADER=1 cargo test --test header` writes it anew.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use panelgate::error::ErrorKind;

/// The files of src/ffi with exported items, in the order in which a reader of the header wants them.
const SOURCES: [&str; 10] = [
    "status.rs",
    "handle.rs",
    "account.rs",
    "session.rs",
    "call.rs",
    "publication.rs",
    "backup.rs",
    "event.rs",
    "error.rs",
    "text.rs",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn header_path() -> PathBuf {
    root().join("include/panelgate.h")
}

fn committed() -> String {
    std::fs::read_to_string(header_path()).expect("include/panelgate.h is committed")
}

fn version_defines() -> String {
    let parts: Vec<&str> = panelgate::VERSION.split(['.', '-', '+']).collect();
    let mut text = String::from("\n/** The version of Panelgate that this header belongs to. */\n");
    writeln!(text, "#define PGATE_VERSION \"{}\"", panelgate::VERSION).unwrap();
    for (name, part) in ["MAJOR", "MINOR", "PATCH"].iter().zip(&parts) {
        writeln!(text, "#define PGATE_VERSION_{name} {part}").unwrap();
    }
    text
}

fn generate() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config).with_after_include(version_defines());
    for source in SOURCES {
        builder = builder.with_src(root().join("src/ffi").join(source));
    }
    let mut bytes = Vec::new();
    builder.generate().expect("src/ffi can be read by cbindgen").write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// Names and values of all `#define NAME VALUE`.
fn defines(header: &str) -> BTreeMap<&str, &str> {
    header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' ')).collect()
}

#[test]
fn the_committed_header_is_current() {
    let generated = generate();
    if std::env::var_os("UPDATE_HEADER").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(header_path().parent().unwrap()).unwrap();
        std::fs::write(header_path(), &generated).unwrap();
    }
    assert!(committed() == generated, "the header is stale: UPDATE_HEADER=1 cargo test --test header");
}

#[test]
fn every_exported_item_is_in_the_header() {
    let header = committed();
    let mut exported = 0;
    for entry in std::fs::read_dir(root().join("src/ffi")).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        for item in source.split("\n#[unsafe(no_mangle)]").skip(1) {
            let name = item.split("fn ").nth(1).and_then(|rest| rest.split('(').next()).expect("a function");
            assert!(header.contains(&format!("{name}(")), "{name} of {} is missing", path.display());
            exported += 1;
        }
    }
    assert!(exported > 30, "{exported}");
}

#[test]
fn status_numbers_are_those_of_the_errors() {
    let header = committed();
    let numbers: BTreeMap<String, i32> = defines(&header)
        .into_iter()
        .filter(|(name, _)| name.starts_with("PGATE_ERR_"))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a plain number")))
        .collect();
    let kinds: BTreeMap<String, i32> = ErrorKind::ALL
        .iter()
        .map(|kind| {
            (format!("PGATE_ERR_{}", kind.name().to_ascii_uppercase().replace('-', "_")), kind.code())
        })
        .collect();
    assert_eq!(numbers, kinds);
    assert_eq!(defines(&header)["PGATE_OK"], "0");
}

#[test]
fn versions_are_those_of_the_package() {
    let header = committed();
    let defines = defines(&header);
    assert_eq!(defines["PGATE_VERSION"], format!("\"{}\"", panelgate::VERSION));
    let parts = ["MAJOR", "MINOR", "PATCH"].map(|part| defines[format!("PGATE_VERSION_{part}").as_str()]);
    assert_eq!(parts.join("."), panelgate::VERSION);
    assert_eq!(defines["PGATE_ABI_VERSION"], panelgate::ffi::PGATE_ABI_VERSION.to_string());
}

#[test]
fn the_header_can_be_read_on_its_own() {
    let header = committed();
    let includes: Vec<&str> = header.lines().filter(|line| line.starts_with("#include")).collect();
    assert_eq!(includes, ["#include <stdbool.h>", "#include <stddef.h>", "#include <stdint.h>"]);
    for rust in ["# Safety", "# Errors", "[`", "Option<", "std::", "ErrorKind", "crate"] {
        assert!(!header.contains(rust), "{rust} reached the header");
    }
    for (number, line) in header.lines().enumerate() {
        assert!(line.len() <= 104, "line {} is long: {line}", number + 1);
    }
    // Every function: purpose, the version that it came with, and (where something is given) whose it is.
    let functions =
        header.split("\n/**").skip(1).filter(|part| part.contains(");\n") && part.contains("pgate_"));
    let mut count = 0;
    for function in functions {
        let since = function.split("Since ABI ").nth(1).and_then(|rest| rest.split('.').next());
        let since: u32 = since.and_then(|number| number.parse().ok()).expect("the version that it came with");
        assert!((1..=panelgate::ffi::PGATE_ABI_VERSION).contains(&since), "of the future: {function}");
        let comment = function.split("*/").next().unwrap().replace("\n *", "");
        let declaration = function.split("*/").nth(1).unwrap();
        if declaration.contains("const char *pgate_") || declaration.contains("const pgate_site *pgate_") {
            assert!(comment.contains("Lent by") || comment.contains("Static:"), "whose is it? {function}");
        } else if declaration.contains("**out") || declaration.contains("\nchar *pgate_") {
            assert!(comment.contains("the caller"), "who frees it? {function}");
        }
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn the_shipped_profile_unwinds() {
    let manifest = std::fs::read_to_string(Path::new(&root()).join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("panic = \"unwind\""),
        "without unwinding a fault would end the host's process"
    );
    assert!(!manifest.contains("panic = \"abort\""));
}
