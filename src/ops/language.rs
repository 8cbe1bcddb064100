//! From a panel's locale to the builder's two-letter language.

use std::collections::BTreeMap;

/// Maps `pt_br`, `de-DE`, `en_US.UTF-8`, `es_419` ... to two letters; `None` if there are none to be had. `chosen` are the administrator's own
/// mappings, tried first with the whole locale.
pub(super) fn two_letters(locale: &str, chosen: &BTreeMap<String, String>) -> Option<String> {
    let locale = locale.trim().to_ascii_lowercase();
    if let Some(language) = chosen.get(&locale) {
        return Some(language.clone());
    }
    let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
    // ISO 639-2 codes that panels use for languages that have a two-letter code, and codes that were replaced.
    let language = match language {
        "fil" => "tl",
        "nob" | "nno" | "nb" | "nn" => "no",
        "iw" => "he",
        "in" => "id",
        "ji" => "yi",
        other => other,
    };
    let fits = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    fits.then(|| language.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_of_panels() {
        let chosen = BTreeMap::from([("pt_br".to_owned(), "br".to_owned())]);
        for (locale, want) in [
            ("en", Some("en")),
            ("de-DE", Some("de")),
            ("pt_br", Some("br")),
            ("pt_PT", Some("pt")),
            ("es_419", Some("es")),
            ("zh-CN", Some("zh")),
            ("fil", Some("tl")),
            ("nb", Some("no")),
            ("en_US.UTF-8", Some("en")),
            ("i_cpanel_snowmen", None),
            ("", None),
            ("../x", None),
            ("\"en\"", None),
        ] {
            assert_eq!(two_letters(locale, &chosen).as_deref(), want, "{locale}");
        }
    }
}
