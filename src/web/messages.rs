//! Message catalogues: one JSON file a language, compiled in; only the one that is chosen is parsed.
//!
//! Texts are plain text: pages escape them like everything else. A placeholder is `{name}`. All catalogues have the same keys and the same
//! placeholders; the tests make sure of it.

use std::collections::BTreeMap;

use crate::error::ErrorKind;
use crate::limits;
use crate::ops::notices::Notice;

macro_rules! languages {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $direction:literal; )+) => {
        /// A language that there is a catalogue for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Language { $( $(#[doc = $doc])+ $name, )+ }

        impl Language {
            /// All of them, English first.
            pub const ALL: &'static [Language] = &[ $( Language::$name, )+ ];

            /// The two-letter code (ISO 639-1), for `lang` and for the catalogue's file name.
            pub const fn code(self) -> &'static str { match self { $( Language::$name => $code, )+ } }

            /// Where it is written to, as the value of `dir`.
            pub const fn direction(self) -> &'static str { match self { $( Language::$name => $direction, )+ } }

            const fn source(self) -> &'static str {
                match self { $( Language::$name => include_str!(concat!("messages/", $code, ".json")), )+ }
            }
        }
    };
}

languages! {
    /// English.
    En = "en", "ltr";
    /// German.
    De = "de", "ltr";
    /// French.
    Fr = "fr", "ltr";
    /// Spanish.
    Es = "es", "ltr";
    /// Lithuanian.
    Lt = "lt", "ltr";
    /// Arabic.
    Ar = "ar", "rtl";
}

impl Language {
    /// The language of a locale as panels and systems write it: `de`, `de-DE`, `pt_br`, `ar_EG.UTF-8`. `None`: there is no catalogue for it.
    pub fn from_locale(locale: &str) -> Option<Self> {
        let code = locale.trim().split(['_', '-', '.', '@', ':']).next().unwrap_or_default();
        Self::ALL.iter().copied().find(|language| language.code().eq_ignore_ascii_case(code))
    }

    /// The best language for an `Accept-Language` header (RFC 9110 12.5.4): the highest weight counts, then the order. `None` if it accepts none of
    /// ours. Malformed ranges are passed over.
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let ranges = header.split(',').take(limits::LANGUAGE_RANGES).filter_map(range);
        let mut best: Option<(Self, u16)> = None;
        for (language, weight) in ranges {
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

/// One range with its weight in thousandths: `de-CH;q=0.9`. `*` means English.
fn range(text: &str) -> Option<(Language, u16)> {
    let mut parts = text.split(';');
    let language = match parts.next()?.trim() {
        "*" => Language::En,
        tag => Language::from_locale(tag)?,
    };
    let weight = match parts.next().map(str::trim) {
        None => 1000,
        Some(parameter) => {
            let (name, value) = parameter.split_once('=')?;
            weight(value.trim()).filter(|_| name.trim().eq_ignore_ascii_case("q"))?
        }
    };
    Some((language, weight))
}

/// A weight (RFC 9110 12.4.2) in thousandths: `1`, `0.8`, `0.825`.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// Which language a visitor gets: the panel's locale, else the account's, else the browser's, else English.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Preference {
    panel: Option<Language>,
    browser: Option<Language>,
}

impl Preference {
    /// From the panel's locale (empty: it says none) and the `Accept-Language` header.
    pub(super) fn new(panel: &str, accept_language: &str) -> Self {
        Self { panel: Language::from_locale(panel), browser: Language::from_accept_language(accept_language) }
    }

    /// The same visitor, once a locale of theirs is known.
    #[must_use]
    pub(super) fn or_locale(self, locale: Option<&str>) -> Self {
        Self { panel: self.panel.or_else(|| Language::from_locale(locale?)), ..self }
    }

    /// The language.
    pub(super) fn language(self) -> Language {
        self.panel.or(self.browser).unwrap_or(Language::En)
    }
}

macro_rules! texts {
    ($( $name:ident = $key:literal; )+) => {
        /// The texts of the pages.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Text { $( $name, )+ }

        impl Text {
            const fn key(self) -> &'static str { match self { $( Text::$name => $key, )+ } }
        }

        #[cfg(test)]
        const TEXTS: &[(&str, &str)] = &[ $( (stringify!($name), $key), )+ ];
    };
}

texts! {
    PageTitle = "page.title";
    ChooserTitle = "chooser.title";
    ChooserIntro = "chooser.intro";
    ChooserNone = "chooser.none";
    ChooserEmpty = "chooser.empty";
    ChooserAccount = "chooser.account";
    ChooserPlan = "chooser.plan";
    ChooserSites = "chooser.sites";
    ChooserOpen = "chooser.open";
    ChooserAliases = "chooser.aliases";
    ChooserMore = "chooser.more";
    ChooserDomain = "chooser.domain";
    ChooserBackups = "chooser.backups";
    KindMain = "kind.main";
    KindAddon = "kind.addon";
    KindSub = "kind.sub";
    KindAlias = "kind.alias";
    StateReady = "state.ready";
    StateSuspended = "state.suspended";
    StateUnavailable = "state.unavailable";
    FailureTitle = "failure.title";
    FailureReference = "failure.reference";
    FailureContact = "failure.contact";
    FailureRetry = "failure.retry";
    FailurePanel = "failure.panel";
    RedirectTitle = "redirect.title";
    RedirectHint = "redirect.hint";
    RedirectLink = "redirect.link";
    FailureBackups = "failure.backups";
    BackupsTitle = "backups.title";
    BackupsIntro = "backups.intro";
    BackupsMake = "backups.make";
    BackupsWaiting = "backups.waiting";
    BackupsRunning = "backups.running";
    BackupsLooking = "backups.looking";
    BackupsLeave = "backups.leave";
    BackupsLook = "backups.look";
    BackupsStill = "backups.still";
    BackupsFailed = "backups.failed";
    BackupsNone = "backups.none";
    BackupsList = "backups.list";
    BackupsDownload = "backups.download";
    BackupsBack = "backups.back";
    SizeKilobytes = "size.kilobytes";
    SizeMegabytes = "size.megabytes";
}

/// The parsed texts of one language.
pub(super) struct Catalogue {
    language: Language,
    texts: BTreeMap<String, String>,
}

impl Catalogue {
    /// Parses the catalogue of a language.
    pub(super) fn of(language: Language) -> Self {
        // The file is part of the program and the tests parse each, so this does not fail. If it did, texts would be empty.
        Self { language, texts: serde_json::from_str(language.source()).unwrap_or_default() }
    }

    /// Its language.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// A text of a page.
    pub(super) fn text(&self, text: Text) -> &str {
        self.get(text.key())
    }

    /// The sentence that tells a panel user what is wrong and what they can do.
    pub(super) fn error(&self, kind: ErrorKind) -> &str {
        self.get(&format!("error.{}", kind.name()))
    }

    /// The sentence about something that keeps visitors from a site.
    pub(super) fn notice(&self, notice: Notice) -> &str {
        self.get(&format!("notice.{}", notice.name()))
    }

    fn get(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }
}

/// Fills in placeholders: `{name}` becomes the value of that name. What is filled in is not looked through again.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, tail)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, tail))
        });
        match value {
            Some((value, tail)) => {
                filled.push_str(value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The sentence that tells a panel user what is wrong and what they can do, in a language.
pub fn error(language: Language, kind: ErrorKind) -> String {
    Catalogue::of(language).error(kind).to_owned()
}

#[cfg(test)]
mod tests;
