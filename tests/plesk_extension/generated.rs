//! What the extension has from Panelgate itself: the texts of its pages, the style sheet, the kinds of errors. Each stands in the source once; the
//! copies in `panel-hooks/plesk/extension` are written by `UPDATE_PLESK=1 cargo test --test plesk_extension generated`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use panelgate::error::ErrorKind;
use panelgate::web::messages::Language;

use crate::source;

/// The panel's name of a language, which is the name of its file.
fn locale(language: Language) -> &'static str {
    match language.code() {
        "en" => "en-US",
        "de" => "de-DE",
        "fr" => "fr-FR",
        "es" => "es-ES",
        "lt" => "lt-LT",
        "ar" => "ar",
        other => panic!("the panel's name of the language {other} is missing here"),
    }
}

/// The groups of texts that the extension's pages have; the others belong to pages that it has not.
const GROUPS: [&str; 8] = ["page", "chooser", "kind", "state", "failure", "redirect", "notice", "error"];

const HEAD: &str = "<?php\n\n// Generated: UPDATE_PLESK=1 cargo test --test plesk_extension generated\n\n";

/// A text in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn catalogue(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The catalogue of the pages, with what only this extension says.
fn texts(language: Language) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = format!("{}.json", language.code());
    let mut all = catalogue(&root.join("src/web/messages").join(&file));
    all.retain(|key, _| GROUPS.contains(&key.split('.').next().unwrap()));
    for (key, text) in catalogue(&root.join("panel-hooks/plesk/messages").join(&file)) {
        assert!(all.insert(key.clone(), text).is_none(), "{file}: {key} stands in both catalogues");
    }
    all
}

fn locale_file(language: Language) -> String {
    let mut file = format!("{HEAD}$messages = [\n");
    for (key, text) in texts(language) {
        writeln!(file, "    {} => {},", quoted(&key), quoted(&text)).unwrap();
    }
    file + "];\n"
}

fn kinds_file() -> String {
    let mut file = format!(
        "{HEAD}/**\n * The kinds of errors (src/error.rs) and the languages (src/web/messages.rs).\n */\n\
         final class Modules_Panelgate_Kinds\n{{\n    /** HTTP status, and whether the same request may succeed later, by the name of the kind. */\n    \
         public const ALL = [\n"
    );
    for kind in ErrorKind::ALL {
        let (name, status, retry) = (kind.name(), kind.http_status(), kind.is_retryable());
        writeln!(file, "        '{name}' => [{status}, {retry}],").unwrap();
    }
    file.push_str(
        "    ];\n\n    /** File of the texts and direction of the script, by the code of the language. */\n    public const LANGUAGES = [\n",
    );
    for language in Language::ALL {
        let (code, name, direction) = (language.code(), locale(*language), language.direction());
        writeln!(file, "        '{code}' => ['{name}', '{direction}'],").unwrap();
    }
    file + "    ];\n}\n"
}

#[test]
fn the_copies_are_what_the_sources_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let styles = ["src/web/templates/page.css", "panel-hooks/plesk/extra.css"];
    let style: String = styles.iter().map(|file| std::fs::read_to_string(root.join(file)).unwrap()).collect();
    let mut files: Vec<(PathBuf, String)> =
        vec![("htdocs/css/panelgate.css".into(), style), ("plib/library/Kinds.php".into(), kinds_file())];
    for language in Language::ALL {
        let path = format!("plib/resources/locales/{}.php", locale(*language));
        files.push((path.into(), locale_file(*language)));
    }
    for (path, text) in &files {
        let file = source().join(path);
        if std::env::var_os("UPDATE_PLESK").is_some() {
            std::fs::write(&file, text).unwrap();
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == *text,
            "{} is stale: UPDATE_PLESK=1 cargo test --test plesk_extension generated",
            path.display()
        );
    }
    let locales = std::fs::read_dir(source().join("plib/resources/locales")).unwrap().count();
    assert_eq!(locales, Language::ALL.len(), "a language that is no more");
}

#[test]
fn what_only_the_extension_says_is_said_in_every_language_and_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("panel-hooks/plesk/messages");
    let english = catalogue(&root.join("en.json"));
    let code: String = crate::php_files(&source())
        .iter()
        .filter(|file| !file.starts_with(source().join("plib/resources")))
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    for key in english.keys() {
        // Some keys are put together: the name of a check or of a fact behind its group.
        let last = key.trim_end_matches(".help").rsplit('.').next().unwrap();
        assert!(
            code.contains(&format!("'{key}'")) || code.contains(&format!("'{last}'")),
            "{key} is not used"
        );
    }
    for language in Language::ALL {
        let own = catalogue(&root.join(format!("{}.json", language.code())));
        assert!(own.keys().eq(english.keys()), "{}: the keys are not those of English", language.code());
        for (key, text) in own {
            assert!(
                !text.trim().is_empty() && !text.contains(['<', '>', '&', '{']),
                "{} {key}",
                language.code()
            );
        }
    }
}
