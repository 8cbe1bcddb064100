//! The files themselves: what PHP and the panel's rules say about them, and what is in the packed extension.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::world::{pack, stand_ins};
use crate::{php_files, source};

/// Looks through a file's tokens for what the oldest PHP of a supported panel (7.3) does not know. The tests' own PHP knows all of it.
const NEWER: &str = r#"
$new = ['T_FN', 'T_COALESCE_EQUAL', 'T_MATCH', 'T_NULLSAFE_OBJECT_OPERATOR', 'T_ATTRIBUTE', 'T_ENUM', 'T_READONLY', 'T_NAME_QUALIFIED'];
$risky = ['eval', 'exec', 'shell_exec', 'system', 'passthru', 'popen', 'proc_open', 'unserialize', 'assert', 'create_function', 'extract'];
foreach (array_slice($argv, 1) as $file) {
    $tokens = array_values(array_filter(token_get_all(file_get_contents($file)), static function ($token) {
        return !is_array($token) || !in_array($token[0], [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT], true);
    }));
    foreach ($tokens as $at => $token) {
        $name = is_array($token) ? token_name($token[0]) : '';
        $text = is_array($token) ? $token[1] : $token;
        $next = $tokens[$at + 1] ?? '';
        if (in_array($name, $new, true)) {
            echo "$file:$token[2]: $name\n";
        }
        if (in_array($name, ['T_PUBLIC', 'T_PRIVATE', 'T_PROTECTED'], true) && is_array($next)
            && !in_array($next[0], [T_VARIABLE, T_FUNCTION, T_STATIC, T_CONST, T_ABSTRACT, T_FINAL], true)) {
            echo "$file:$token[2]: a property with a type\n";
        }
        if (($name === 'T_EVAL') || ($name === 'T_STRING' && in_array(strtolower($text), $risky, true) && $next === '(') || $text === '`') {
            echo "$file: $text\n";
        }
        if ($name === 'T_STRING' && preg_match('/^(mb_|ctype_|iconv|idn_)/', $text) === 1 && $next === '(' && $text !== 'mb_strtoupper') {
            echo "$file:$token[2]: $text needs an extension of PHP that a panel may lack\n";
        }
    }
}
"#;

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it runs (tests/run installs it)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn php_reads_every_file_and_so_does_an_old_one() {
    let files: Vec<_> = php_files(&source()).into_iter().chain(php_files(&stand_ins())).collect();
    assert!(files.len() > 20, "{files:?}");
    for file in &files {
        let said = output(Command::new("php").args(["-n", "-l"]).arg(file));
        assert!(said.trim().starts_with("No syntax errors"), "{}: {said}", file.display());
    }
    let own = php_files(&source());
    assert_eq!(output(Command::new("php").args(["-r", NEWER, "--"]).args(&own)), "");
    for file in own {
        let text = std::fs::read_to_string(&file).unwrap();
        let place = file.display();
        assert!(text.starts_with("<?php\n") && !text.contains('\r') && !text.contains('\t'), "{place}");
        let written = file.extension().is_some_and(|kind| kind == "php")
            && !file.starts_with(source().join("plib/resources"));
        let long = text.lines().position(|line| line.chars().count() > 120);
        assert!(!written || long.is_none(), "{place}: line {} is long", long.unwrap_or_default() + 1);
        let name = file.file_stem().unwrap().to_str().unwrap();
        let class = format!("class Modules_Panelgate_{name}");
        let folder = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        assert!(!["library", "hooks"].contains(&folder) || text.contains(&class), "{place}: {class}");
    }
}

/// Every file of the packed extension, with its mode.
const LISTING: &str = "\
CHANGES.md
DESCRIPTION.md
_meta/icons/128x128.png
_meta/icons/32x32.png
_meta/icons/64x64.png
htdocs/css/panelgate.css
htdocs/images/panelgate.svg
htdocs/index.php
htdocs/js/panelgate.js
meta.xml
plib/controllers/AdminController.php
plib/controllers/IndexController.php
plib/hooks/ConfigDefaults.php
plib/hooks/CustomButtons.php
plib/library/Broker.php
plib/library/Chooser.php
plib/library/EventListener.php
plib/library/Events.php
plib/library/Failure.php
plib/library/FormToken.php
plib/library/Health.php
plib/library/Html.php
plib/library/Kinds.php
plib/library/Reference.php
plib/library/Settings.php
plib/library/Visitor.php
plib/library/Words.php
plib/resources/locales/ar.php
plib/resources/locales/de-DE.php
plib/resources/locales/en-US.php
plib/resources/locales/es-ES.php
plib/resources/locales/fr-FR.php
plib/resources/locales/lt-LT.php
plib/scripts/post-install.php
plib/scripts/pre-uninstall.php
plib/scripts/register.php
plib/views/scripts/admin/doctor.phtml
plib/views/scripts/admin/index.phtml
plib/views/scripts/index/failure.phtml
plib/views/scripts/index/index.phtml
plib/views/scripts/index/redirect.phtml
";

#[test]
fn the_packed_extension_holds_these_files_and_is_the_same_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first.zip"), dir.path().join("second.zip"));
    pack(&first);
    pack(&second);
    assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap(), "the same files, other bytes");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&first).unwrap()).unwrap();
    let mut contents = BTreeMap::new();
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        assert_eq!(file.unix_mode(), Some(0o100_644), "{name}");
        let day = file.last_modified().unwrap();
        assert_eq!((day.year(), day.month(), day.day(), day.hour()), (2026, 1, 1, 0), "{name}");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        names.push(name.clone());
        contents.insert(name, bytes);
    }
    assert_eq!(names.join("\n") + "\n", LISTING);
    let meta = String::from_utf8(contents["meta.xml"].clone()).unwrap();
    assert!(meta.contains(&format!("<version>{}</version>", env!("CARGO_PKG_VERSION"))), "{meta}");
    assert!(meta.contains("<id>panelgate</id>"));
    assert!(roxmltree::Document::parse(&meta).is_ok());
    for size in [32_u32, 64, 128] {
        let icon = &contents[&format!("_meta/icons/{size}x{size}.png")];
        assert!(icon.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(icon[16..24], [size.to_be_bytes(), size.to_be_bytes()].concat());
    }
    // All that a page loads comes from here.
    for (name, bytes) in &contents {
        let text = String::from_utf8_lossy(bytes);
        let outside = ["src=\"http", "href=\"http", "url(", "@import"].iter().any(|load| text.contains(load));
        assert!(!outside || !Path::new(name).starts_with("htdocs") && !name.ends_with(".phtml"), "{name}");
    }
}
