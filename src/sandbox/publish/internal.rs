//! Type `internal`: the host fetches one archive from here (`reference/builder-api.md` 6.3).

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::http::{Endpoint, escape};
use super::{Job, archive, website};
use crate::limits;
use crate::sys::random;
use crate::types::{hex, quote};

/// Where archives are in the sandbox's addresses.
pub(in crate::sandbox) const ARCHIVES_PATH: &str = "/publications/";

/// The archives that hosts may fetch, each under an address that cannot be guessed.
pub(in crate::sandbox) struct Archives {
    origin: String,
    kept: Mutex<VecDeque<(String, Vec<u8>)>>,
}

impl Archives {
    /// None yet. `origin` is where the sandbox serves them from.
    pub(in crate::sandbox) fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), kept: Mutex::default() }
    }

    /// The archive at a path of the sandbox.
    pub(in crate::sandbox) fn get(&self, path: &str) -> Option<Vec<u8>> {
        let name = path.strip_prefix(ARCHIVES_PATH)?;
        self.kept().iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes.clone())
    }

    /// Offers an archive; gives its address.
    fn offer(&self, bytes: Vec<u8>) -> String {
        let name = format!("{}.zip", hex(&random::bytes::<20>()));
        let url = format!("{}{ARCHIVES_PATH}{name}", self.origin);
        let mut kept = self.kept();
        if kept.len() >= limits::SANDBOX_ARCHIVES {
            kept.pop_front();
        }
        kept.push_back((name, bytes));
        url
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(String, Vec<u8>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Offers the archive, tells the host, and asks until it has ended.
pub(super) fn publish(job: &Job<'_>, archives: &Archives) -> Result<(), String> {
    let endpoint = Endpoint::new(job)?;
    let archive = archive::write(&website::directories(), job.files);
    let url = archives.offer(archive);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair(&job.ways.zip_field, &url);
    form.append_pair("domain", &job.session.domain);
    if let Some(number) = job.session.account {
        form.append_pair("resellerClientAccountId", &number.to_string());
    }
    if let Some(plan) = &job.session.plan {
        form.append_pair("hostingPlan", plan);
    }
    let body = form.finish();
    let started = endpoint
        .post("/zyro/action", "application/x-www-form-urlencoded", body.as_bytes())?
        .expect_ok("starting the publication")?;
    let id = id(&started)?;
    wait(job, &endpoint, &id)
}

/// The process's id, wherever the answer has it.
fn id(body: &[u8]) -> Result<String, String> {
    let answer: Value =
        serde_json::from_slice(body).map_err(|_| "the answer to the start is no JSON".to_owned())?;
    if let Some(error) = answer["error"].as_str().filter(|error| !error.is_empty()) {
        return Err(format!("The host says: {error}"));
    }
    let found = [&answer["result"]["id"], &answer["id"]].into_iter().find_map(Value::as_str);
    match found.filter(|id| !id.is_empty()) {
        Some(id) => Ok(id.to_owned()),
        None => Err("the answer to the start has no id".into()),
    }
}

fn wait(job: &Job<'_>, endpoint: &Endpoint, id: &str) -> Result<(), String> {
    loop {
        let body =
            endpoint.get(&format!("/zyro/action/{}", escape(id)))?.expect_ok("asking for the state")?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| "the state is no JSON".to_owned())?;
        let result = if answer["result"].is_object() { &answer["result"] } else { &answer };
        match result["status"].as_str() {
            Some("FINISHED") => return Ok(()),
            Some("FAILED") => {
                let text = ["error", "message"].into_iter().find_map(|name| result[name].as_str());
                return Err(format!("The host says: {}", text.unwrap_or("(nothing)")));
            }
            Some("PENDING" | "EXECUTING") => {}
            other => return Err(format!("the state is {}", quote(other.unwrap_or("missing")))),
        }
        job.check_time()?;
        std::thread::sleep(job.ways.poll.min(job.end.saturating_duration_since(Instant::now())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_either_shape() {
        let id = |text: &str| id(text.as_bytes());
        assert_eq!(id(r#"{"result":{"id":"a"},"id":"b"}"#).unwrap(), "a");
        assert_eq!(id(r#"{"id":"b","error":""}"#).unwrap(), "b");
        assert_eq!(id(r#"{"error":"Suspended.","id":"b"}"#).unwrap_err(), "The host says: Suspended.");
        for bad in ["", "[]", "{}", r#"{"id":""}"#, r#"{"id":7}"#] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
