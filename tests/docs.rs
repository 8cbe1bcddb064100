//! The documents tell the truth about the code.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// All files below a folder of the project whose names end so, with paths from there.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(top.join(&next)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = next.join(entry.file_name());
            if entry.file_type().expect("its type").is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// The layers of modules from top to bottom, as CONTRIBUTING.md names them.
fn layers() -> Vec<Vec<String>> {
    let document = read("CONTRIBUTING.md");
    let line =
        document.lines().find_map(|line| line.strip_prefix("- **Arrows run one way**: ")).expect("the line");
    line.trim_end_matches('.')
        .split(" → ")
        .map(|layer| layer.trim_matches('`').split(", ").map(str::to_owned).collect())
        .collect()
}

/// What the product's own code in a file names of the crate's top level, without comments and tests.
fn names_of_modules(file: &str) -> Vec<String> {
    let text = read(&format!("src/{file}"));
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let after = lines.flat_map(|line| line.split("crate::").skip(1));
    after
        .map(|rest| rest.chars().take_while(|byte| byte.is_ascii_lowercase() || *byte == '_').collect())
        .collect()
}

#[test]
fn modules_use_what_is_below_them_and_nothing_above() {
    let layers = layers();
    let layer = |module: &str| layers.iter().position(|names| names.iter().any(|name| name == module));
    let mut seen = 0;
    for file in files("src", ".rs") {
        let own = file.split(['/', '.']).next().unwrap_or_default();
        let Some(here) = layer(own).filter(|_| !file.ends_with("tests.rs") && !file.contains("/tests/"))
        else {
            continue;
        };
        for name in names_of_modules(&file) {
            let Some(there) = layer(&name) else { continue };
            assert!(there >= here, "src/{file} uses {name}, which is above it");
            let strangers = [("panel", "builder"), ("builder", "panel")];
            assert!(!strangers.contains(&(own, name.as_str())), "src/{file} uses {name}");
            seen += 1;
        }
    }
    assert!(seen > 500, "the modules were not understood");
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
    let mut documents: Vec<String> =
        ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned).into();
    for folder in ["docs", "packaging", "panel-hooks", "src", "tests/bench"] {
        documents.extend(files(folder, ".md").into_iter().map(|file| format!("{folder}/{file}")));
    }
    for name in &documents {
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
