//! Answers about publications by archive (`reference/builder-api.md` 6.3), which the builder shows to a customer.
//!
//! The vendor's documentation has lost some names of members, so each value stands under every name that it may have.

use serde_json::{Value, json};

use crate::error::ErrorKind;
use crate::ops::internal::{Refusal, Word};

use super::super::messages::{self, Language};

/// The body of the answer.
pub(in crate::web) fn render(word: &Word) -> String {
    let value: Value = match word {
        Word::Accepted { id } => json!({ "result": { "id": id, "actionId": id }, "id": id }),
        Word::Refused(refusal) => json!({ "error": sentence(refusal) }),
        Word::State { status } => json!({ "result": { "status": status }, "status": status }),
        Word::Failed(refusal) => {
            let text = sentence(refusal);
            json!({ "result": { "status": "FAILED", "error": text, "message": text }, "status": "FAILED" })
        }
    };
    value.to_string()
}

/// The sentence for the account's user, in their language.
fn sentence(refusal: &Refusal) -> String {
    let language = Language::from_locale(&refusal.locale).unwrap_or(Language::En);
    let kind = ErrorKind::by_name(&refusal.kind).unwrap_or(ErrorKind::Internal);
    format!("{} ({})", messages::error(language, kind), refusal.reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(locale: &str) -> Refusal {
        Refusal { kind: "suspended".into(), locale: locale.into(), reference: "7K3M-9QXT".into() }
    }

    #[test]
    fn answers_have_every_name_that_the_builder_may_read() {
        let rendered = |word: Word| serde_json::from_str::<Value>(&render(&word)).unwrap();
        let accepted = rendered(Word::Accepted { id: "a1".into() });
        assert_eq!(accepted, json!({ "result": { "id": "a1", "actionId": "a1" }, "id": "a1" }));
        let state = rendered(Word::State { status: "EXECUTING".into() });
        assert_eq!(state, json!({ "result": { "status": "EXECUTING" }, "status": "EXECUTING" }));
        let failed = rendered(Word::Failed(refusal("de_DE")));
        assert_eq!(
            (failed["status"].as_str(), failed["result"]["status"].as_str()),
            (Some("FAILED"), Some("FAILED"))
        );
        assert_eq!(failed["result"]["error"], failed["result"]["message"]);
        assert!(failed["result"]["error"].as_str().unwrap().contains("gesperrt"), "{failed}");
    }

    #[test]
    fn a_refusal_is_a_sentence_and_nothing_else() {
        let refused = render(&Word::Refused(refusal("xx")));
        let value: Value = serde_json::from_str(&refused).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 1);
        let text = value["error"].as_str().unwrap();
        assert!(text.contains("suspended") && text.ends_with("(7K3M-9QXT)"), "{text}");
    }
}
