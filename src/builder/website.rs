//! Websites (`reference/builder-api.md` 3.5 to 3.11).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Domain, SiteKey};

use super::{Client, SessionRequest, Site, tolerant};

/// What `website/create` takes. What is `None` or empty is left out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// `template`: the template's ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// `pageTypes`: which of its pages; empty is all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub page_types: Vec<String>,
    /// `variables`, since 3.7.256: from an element's reference ID to its content.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// `aiQuery`: what an artificial intelligence shall make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai_query: Option<String>,
}

/// Pages that were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Created {
    /// The template that they come from.
    pub template: Option<String>,
    /// From the page's ID to its type.
    pub pages: BTreeMap<String, String>,
}

/// How far a publication is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishState {
    /// The step that it is at, in the builder's words.
    pub text: Option<String>,
    /// How much of that step is done, 0 to 100. It begins again with each step.
    pub percent: Option<u8>,
    /// Whether all is done.
    pub complete: bool,
}

/// A site's settings; one of them has a known name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Settings {
    /// `data.publishWithForcedHttps`: whether the published site sends visitors to https.
    pub forces_https: Option<bool>,
    /// `data` as it came.
    pub data: Value,
}

/// The calls about one site, all below the `builderApiUrl` of its session. Its `loginHash` is got at the first call that needs one, and used again.
pub struct Website<'a> {
    client: &'a Client,
    session: &'a SessionRequest,
}

impl Client {
    /// The calls about the site of a session; `session.more` must be set. Nothing is asked yet.
    pub fn website<'a>(&'a self, session: &'a SessionRequest) -> Website<'a> {
        Website { client: self, session }
    }

    /// `POST website/rename` below the builder's address, since 3.7.295, without a `loginHash`: gives a website another domain at the builder. The names
    /// of both fields are inferred.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx), or `Config`.
    pub fn rename(&self, key: &SiteKey, new: &Domain) -> Result<()> {
        let body = members(json!({ "newDomain": new.as_str() }));
        self.invoke(Call::WebsiteRename, Some(Site::Key(key)), &body).map(|Anything {}| ())
    }

    /// `POST delete-site` below the builder's address, since 3.7.64, without a `loginHash`: deletes the project of a site for which no session can be
    /// made any more. What is published stays.
    ///
    /// # Errors
    /// As [`Client::rename`].
    pub fn delete_site(&self, key: &SiteKey) -> Result<()> {
        self.invoke(Call::DeleteSite, Some(Site::Key(key)), &Map::new()).map(|Anything {}| ())
    }
}

/// An answer of which only its success counts.
#[derive(Deserialize)]
struct Anything {}

impl Website<'_> {
    fn invoke<T: serde::de::DeserializeOwned>(&self, call: Call, body: &Map<String, Value>) -> Result<T> {
        self.client.invoke(call, Some(Site::Session(self.session)), body)
    }

    /// `POST website/create`, since 3.7.229: makes the site's project. The name of the pages in the answer is inferred.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx), or `Config`.
    pub fn create(&self, request: &Create) -> Result<Created> {
        self.invoke(Call::WebsiteCreate, &members(serde_json::to_value(request).unwrap_or_default()))
            .map(read_created)
    }

    /// `POST website/modify`, since 3.7.229: replaces the contents of elements.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn modify(&self, variables: &BTreeMap<String, String>) -> Result<()> {
        let body = members(json!({ "variables": variables }));
        self.invoke(Call::WebsiteModify, &body).map(|Anything {}| ())
    }

    /// `POST delete-site`: as [`Client::delete_site`], at the site's own builder.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn delete(&self) -> Result<()> {
        self.invoke(Call::DeleteSite, &Map::new()).map(|Anything {}| ())
    }

    /// `POST website/add-pages`, since 3.7.229.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn add_pages(&self, template: &str, page_types: &[String]) -> Result<Created> {
        let body = members(json!({ "template": template, "pageTypes": page_types }));
        self.invoke(Call::AddPages, &body).map(read_created)
    }

    /// `POST website/duplicate-pages`, since 3.7.229: gives the IDs of the copies. The name of the field is inferred.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn duplicate_pages(&self, pages: &[String]) -> Result<Vec<String>> {
        self.invoke(Call::DuplicatePages, &members(json!({ "pages": pages }))).map(read_pages)
    }

    /// `POST website/remove-pages`, since 3.7.229: gives the IDs that were there and are gone. The name of the field is inferred.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn remove_pages(&self, pages: &[String]) -> Result<Vec<String>> {
        self.invoke(Call::RemovePages, &members(json!({ "pages": pages }))).map(read_pages)
    }

    /// `POST website/get-settings`.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn settings(&self) -> Result<Settings> {
        self.invoke(Call::GetSettings, &Map::new()).map(read_settings)
    }

    /// `POST publish` with `progress` false, since 3.7.167: begins to publish. A template is never sent: it would replace the whole site.
    ///
    /// # Errors
    /// As [`Website::create`].
    pub fn publish(&self) -> Result<PublishState> {
        self.invoke(Call::Publish, &Map::new()).map(read_publish)
    }

    /// `POST publish` with `progress` true: how far it is. The names of text and number are unknown.
    ///
    /// # Errors
    /// As [`Website::create`]; [`ErrorKind::BuilderRefused`] means that publishing has stopped.
    pub fn publish_progress(&self) -> Result<PublishState> {
        self.invoke(Call::PublishProgress, &Map::new()).map(read_publish)
    }

    /// Publishes and waits for the end. `shown` gets each state.
    ///
    /// # Errors
    /// See [`publish_to_the_end`].
    pub fn publish_and_wait(
        &self,
        polling: &Polling,
        shown: impl FnMut(&PublishState),
    ) -> Result<PublishState> {
        let step = |begin| if begin { self.publish() } else { self.publish_progress() };
        publish_to_the_end(polling, step, shown)
    }
}

/// How a publication is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Polling {
    /// The wait between two looks.
    pub every: Duration,
    /// The longest wait in all.
    pub most: Duration,
}

impl Default for Polling {
    fn default() -> Self {
        Self { every: limits::PUBLISH_POLL, most: limits::PUBLISH_TIME }
    }
}

/// Begins a publication with `step(true)` and looks at it with `step(false)` until it is complete, has stopped, or the time is over.
///
/// A builder that does not know us any more, or cannot be reached, says nothing about the publication: such a look is done again, a few times in a row.
///
/// # Errors
/// Those of the beginning; [`ErrorKind::BuilderRefused`] if publishing has stopped; [`ErrorKind::BuilderUnreachable`] if it did not end in time; the last
/// error if too many looks in a row failed.
pub fn publish_to_the_end(
    polling: &Polling,
    mut step: impl FnMut(bool) -> Result<PublishState>,
    mut shown: impl FnMut(&PublishState),
) -> Result<PublishState> {
    const PATIENCE: u32 = 5;
    let begin = Instant::now();
    let mut state = step(true)?;
    let mut failures = 0;
    loop {
        shown(&state);
        if state.complete {
            return Ok(state);
        }
        if begin.elapsed() + polling.every > polling.most {
            let text = format!(
                "the publication did not end within {} s; it may still be running",
                polling.most.as_secs()
            );
            return Err(Error::new(ErrorKind::BuilderUnreachable, text));
        }
        std::thread::sleep(polling.every);
        match step(false) {
            Ok(now) => {
                (state, failures) = (now, 0);
            }
            Err(error) if failures < PATIENCE && says_nothing(error.kind()) => {
                failures += 1;
                log::info!("the publication is looked at again after: {error}");
            }
            Err(error) => return Err(error),
        }
    }
}

const fn says_nothing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BuilderAuth | ErrorKind::BuilderUnreachable | ErrorKind::TooMany | ErrorKind::Unavailable
    )
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Reads the answer of `website/create` and `website/add-pages`.
pub fn read_created(mut answer: Map<String, Value>) -> Created {
    Created {
        template: tolerant::take(&mut answer, &["template"], tolerant::text),
        pages: tolerant::take(&mut answer, &["pages", "pageTypes", "created"], tolerant::text_map)
            .unwrap_or_default(),
    }
}

/// Reads the answer of `website/duplicate-pages` and `website/remove-pages`.
pub fn read_pages(mut answer: Map<String, Value>) -> Vec<String> {
    tolerant::take(&mut answer, &["pages", "pageIds", "ids"], tolerant::texts).unwrap_or_default()
}

/// Reads the answer of `website/get-settings`.
pub fn read_settings(mut answer: Map<String, Value>) -> Settings {
    let data = answer.remove("data").unwrap_or_default();
    Settings { forces_https: data.get("publishWithForcedHttps").and_then(Value::as_bool), data }
}

/// Reads the answer of `publish`.
pub fn read_publish(mut answer: Map<String, Value>) -> PublishState {
    let percent = |value: &Value| {
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        // Out of range it is no number of this kind, and a float to integer conversion keeps to the bounds.
        (0.0..=100.0).contains(&number).then_some(number as u8)
    };
    let truth =
        |value: &Value| serde_json::from_value::<tolerant::Truth>(value.clone()).ok().map(|truth| truth.0);
    let words = |value: &Value| value.as_str().map(str::to_owned);
    PublishState {
        text: tolerant::take(&mut answer, &["text", "message", "status"], words),
        percent: tolerant::take(&mut answer, &["percent", "progress", "value"], percent),
        complete: tolerant::take(&mut answer, &["complete"], truth).unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Polling = Polling { every: Duration::from_millis(1), most: Duration::from_secs(600) };

    /// Plays a publication; each item is the answer to one call.
    fn play(
        answers: Vec<Result<PublishState>>,
        polling: &Polling,
    ) -> (Result<PublishState>, Vec<bool>, usize) {
        let (mut answers, mut asked, mut shown) = (answers.into_iter(), Vec::new(), 0);
        let step = |begin| {
            asked.push(begin);
            answers.next().unwrap_or_else(|| Ok(PublishState::default()))
        };
        let result = publish_to_the_end(polling, step, |_| shown += 1);
        (result, asked, shown)
    }

    fn error(kind: ErrorKind) -> Result<PublishState> {
        Err(Error::new(kind, "x"))
    }

    fn state(complete: bool) -> Result<PublishState> {
        Ok(PublishState { complete, ..PublishState::default() })
    }

    #[test]
    fn it_is_begun_once_and_looked_at_until_it_is_complete() {
        let (result, asked, shown) = play(vec![state(false), state(false), state(true)], &QUICK);
        assert!(result.unwrap().complete);
        assert_eq!((asked, shown), (vec![true, false, false], 3));
    }

    #[test]
    fn an_error_ends_it_unless_it_is_about_who_asks() {
        let (result, asked, _) = play(vec![state(false), error(ErrorKind::BuilderRefused)], &QUICK);
        assert_eq!((result.unwrap_err().kind(), asked.len()), (ErrorKind::BuilderRefused, 2));
        for kind in [ErrorKind::BuilderAuth, ErrorKind::BuilderUnreachable] {
            let (result, asked, _) = play(vec![state(false), error(kind), state(true)], &QUICK);
            assert!(result.unwrap().complete);
            assert_eq!(asked, [true, false, false], "the beginning is never repeated");
        }
        let answers = (0..20).map(|at| if at == 0 { state(false) } else { error(ErrorKind::BuilderAuth) });
        let (result, asked, _) = play(answers.collect(), &QUICK);
        assert_eq!((result.unwrap_err().kind(), asked.len()), (ErrorKind::BuilderAuth, 7));
        let (result, asked, _) = play(vec![error(ErrorKind::BuilderUnreachable)], &QUICK);
        assert_eq!((result.unwrap_err().kind(), asked.len()), (ErrorKind::BuilderUnreachable, 1));
    }

    #[test]
    fn it_ends_in_time() {
        let polling = Polling { every: Duration::from_millis(10), most: Duration::from_millis(35) };
        let (result, asked, _) = play(Vec::new(), &polling);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BuilderUnreachable);
        // A machine that stood still in between has looked less often.
        assert!((1..=4).contains(&asked.len()), "{asked:?}");
    }

    #[test]
    fn progress_has_many_spellings() {
        let read = |value: Value| read_publish(members(value));
        let want = PublishState { text: Some("Uploading".into()), percent: Some(40), complete: false };
        for value in [
            json!({ "text": "Uploading", "percent": 40 }),
            json!({ "message": "Uploading", "progress": "40", "complete": false }),
            json!({ "status": "Uploading", "value": 40.7, "complete": 0 }),
        ] {
            assert_eq!(read(value.clone()), want, "{value}");
        }
        assert!(read(json!({ "complete": true })).complete && read(json!({ "complete": "1" })).complete);
        assert_eq!(read(json!({ "percent": 400, "value": -1 })).percent, None);
    }
}
