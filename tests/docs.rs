//! The documents tell the truth about the code.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The rows of the table of limits, as the source says them.
fn limit_rows() -> Vec<String> {
    let (mut rows, mut doc) = (Vec::new(), String::new());
    for line in read("src/limits.rs").lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            doc = if doc.is_empty() { text.to_owned() } else { format!("{doc} {text}") };
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let (name, value) = rest.split_once(':').expect("a type");
            let value = value.split_once('=').expect("a value").1.trim().trim_end_matches(';');
            let duration = |prefix: &str, unit: &str| {
                value.strip_prefix(prefix).map(|number| format!("{} {unit}", number.trim_end_matches(')')))
            };
            let value = duration("Duration::from_secs(", "s")
                .or_else(|| duration("Duration::from_millis(", "ms"))
                .unwrap_or_else(|| value.to_owned());
            rows.push(format!("| `{name}` | {value} | {doc} |"));
            doc.clear();
        }
    }
    assert!(rows.len() > 10, "the source of the limits was not understood");
    rows
}

#[test]
fn security_md_lists_every_limit_with_its_value() {
    let rows = limit_rows().join("\n");
    let document = read("SECURITY.md");
    let table = document
        .split_once("| Constant | Value | What it bounds |\n| --- | --- | --- |\n")
        .expect("the table")
        .1;
    let table: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(table.join("\n") == rows, "the table of limits in SECURITY.md should be:\n{rows}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut checked = 0;
    for name in [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/setup.md",
        "tests/bench/README.md",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let folder = folder.parent().expect("a folder");
        for target in
            read(name).split("](").skip(1).filter_map(|rest| rest.split(')').next().map(str::to_owned))
        {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{name} links to {target}, which is not there");
                checked += 1;
            }
        }
    }
    assert!(checked > 5, "the links were not understood");
}

/// `UPDATE_DOCS=1 cargo test --test docs` writes it anew.
#[test]
fn the_page_of_the_calls_is_what_the_table_says() {
    let page = panelgate::calls::markdown();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/operations.md");
    }
    assert!(
        read("docs/operations.md") == page,
        "docs/operations.md is stale: UPDATE_DOCS=1 cargo test --test docs"
    );
}

#[test]
fn the_sample_of_the_configuration_names_every_key_of_a_call() {
    let sample = read("docs/panelgate-sample.ini");
    for key in [
        "enabled",
        "path",
        "method",
        "base",
        "session",
        "site_field",
        "fields",
        "required",
        "name.",
        "value.",
    ] {
        assert!(sample.contains(&format!("\n;{key}")), "{key}");
    }
}
