//! Any call, as the table says it is made.
//!
//! - A `loginHash` is got by a session call of the client's own, and used again for [`limits::LOGIN_HASH_TIME`]; it goes only to a `builderApiUrl` that has
//!   passed the checks of a session address.
//! - Only a call that the table calls idempotent is made again after a failure. All others are sent once, whatever happens to them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::calls::{Base, Call, Effective, Fixed, Kind, Method, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Secret, SiteKey, WebUrl};

use super::buffer::SecretBuffer;
use super::replies::{self, Secrets};
use super::{Client, SessionRequest};

/// The site that a call is about.
#[derive(Clone, Copy)]
pub enum Site<'a> {
    /// By its key alone.
    Key(&'a SiteKey),
    /// By the session that can be made for it, from which a `loginHash` comes where the call needs one.
    Session(&'a SessionRequest),
}

impl Site<'_> {
    fn key(&self) -> &SiteKey {
        match self {
            Self::Key(key) => key,
            Self::Session(request) => &request.domain,
        }
    }
}

/// What a session call gave for further calls.
pub(super) struct Hash {
    login_hash: Secret,
    api: WebUrl,
    got: Instant,
}

/// The hashes that are still good, by the site's key.
#[derive(Default)]
pub(super) struct Hashes(Mutex<HashMap<SiteKey, Arc<Hash>>>);

impl Hashes {
    fn table(&self) -> MutexGuard<'_, HashMap<SiteKey, Arc<Hash>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, key: &SiteKey) -> Option<Arc<Hash>> {
        let table = self.table();
        table.get(key).filter(|hash| hash.got.elapsed() < limits::LOGIN_HASH_TIME).cloned()
    }

    fn keep(&self, key: &SiteKey, hash: &Arc<Hash>) {
        let mut table = self.table();
        table.retain(|_, hash| hash.got.elapsed() < limits::LOGIN_HASH_TIME);
        if table.len() >= limits::LOGIN_HASHES {
            let oldest = table.iter().min_by_key(|(_, hash)| hash.got).map(|(key, _)| key.clone());
            oldest.map(|oldest| table.remove(&oldest));
        }
        table.insert(key.clone(), Arc::clone(hash));
    }
}

impl Client {
    /// Makes a call. `body` has the fields under the table's names, without those of the site and without those that the table fills in.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the call is off here; otherwise one of the builder's kinds.
    pub fn invoke<T: DeserializeOwned>(
        &self,
        call: Call,
        site: Option<Site<'_>>,
        body: &Map<String, Value>,
    ) -> Result<T> {
        let made = Effective::of(call, self.config.calls.get(&call));
        let context = |error: Error| error.context(call.name());
        made.available().map_err(|what| Error::new(ErrorKind::Config, what))?;
        let hash = self.hash_for(made, site).map_err(context)?;
        let result = self.by_spelling(call, made, site, hash.as_deref(), body);
        let doubtful =
            |error: &Error| matches!(error.kind(), ErrorKind::BuilderAuth | ErrorKind::BuilderRefused);
        let ended = match &result {
            // It may be the hash that is not taken any more: the next call gets a new one.
            Err(error) => hash.is_some() && doubtful(error),
            Ok(_) => matches!(call, Call::DeleteSite | Call::WebsiteRename),
        };
        if let Some(site) = site.filter(|_| ended) {
            self.hashes.table().remove(site.key());
        }
        result.map_err(context)
    }

    /// The documentation spells the action of the long list of addresses in two ways: the one that works is remembered.
    fn by_spelling<T: DeserializeOwned>(
        &self,
        call: Call,
        made: Effective<'_>,
        site: Option<Site<'_>>,
        hash: Option<&Hash>,
        body: &Map<String, Value>,
    ) -> Result<T> {
        const OTHER: &str = "full-list";
        let told = made.overrides.is_some_and(|own| own.values.contains_key("action"));
        if call != Call::IpListFull || told {
            return self.attempts(made, site, hash, body, None);
        }
        if self.full_list.load(Ordering::Relaxed) {
            return self.attempts(made, site, hash, body, Some(OTHER));
        }
        match self.attempts(made, site, hash, body, None) {
            Err(error) if error.kind() == ErrorKind::BuilderRefused => {
                let second = self.attempts(made, site, hash, body, Some(OTHER));
                if second.is_ok() {
                    self.full_list.store(true, Ordering::Relaxed);
                    return second;
                }
                Err(error)
            }
            first => first,
        }
    }

    /// Makes the call once, or again after a failure that may pass if that is allowed.
    fn attempts<T: DeserializeOwned>(
        &self,
        made: Effective<'_>,
        site: Option<Site<'_>>,
        hash: Option<&Hash>,
        body: &Map<String, Value>,
        action: Option<&str>,
    ) -> Result<T> {
        let fields = wire(made, site, body, action);
        let (url, sent) = self.request(made, hash, &fields)?;
        let (mut wait, begun) = (limits::BUILDER_RETRY_WAIT, Instant::now());
        let mut left = if made.entry.idempotent { limits::BUILDER_RETRIES } else { 0 };
        loop {
            let mut secrets = Secrets::default();
            if let Some(hash) = hash {
                secrets.add(hash.login_hash.expose());
            }
            let (answer, time) = (made.entry.answer, self.config.timeout);
            let reply = self.exchange(url.clone(), sent.as_deref(), answer, &mut secrets, time);
            let pause = reply.as_ref().map_or(Some(wait), |reply| reply.pause(wait));
            match (reply.and_then(|reply| replies::read(&reply, answer, &secrets)), pause) {
                // Who was waited for until the deadline is not waited for again: whoever asked has gone.
                (Err(error), Some(pause))
                    if left > 0
                        && error.kind() == ErrorKind::BuilderUnreachable
                        && pause <= limits::BUILDER_RETRY_LONGEST_WAIT
                        && begun.elapsed() + pause < self.config.timeout / 2 =>
                {
                    log::info!("{}: once more after: {error}", made.entry.name);
                    left -= 1;
                    std::thread::sleep(pause);
                    wait = wait.saturating_mul(2).min(limits::BUILDER_RETRY_LONGEST_WAIT);
                }
                (result, _) => return result,
            }
        }
    }

    /// Address and body.
    fn request(
        &self,
        made: Effective<'_>,
        hash: Option<&Hash>,
        fields: &Map<String, Value>,
    ) -> Result<(WebUrl, Option<SecretBuffer>)> {
        let base = match (made.base(), hash) {
            (Base::Builder, Some(hash)) => &hash.api,
            _ => &self.config.url,
        };
        let url = base.join(made.path().unwrap_or_default());
        if made.method() == Method::Post {
            let body = Body { login_hash: hash.map(|hash| hash.login_hash.expose()), fields };
            return Ok((url, Some(SecretBuffer::of_json(&body)?)));
        }
        if hash.is_some() {
            let text =
                format!("[call {}] method = GET: a loginHash must not stand in an address", made.entry.name);
            return Err(Error::new(ErrorKind::Config, text));
        }
        if fields.is_empty() {
            return Ok((url, None));
        }
        let pairs = fields.iter().map(|(name, value)| match value {
            Value::String(text) => (name, text.clone()),
            other => (name, other.to_string()),
        });
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let url = WebUrl::parse(&format!("{url}?{query}"))
            .map_err(|fault| Error::new(ErrorKind::InvalidArgument, fault.to_string()))?;
        Ok((url, None))
    }

    /// The hash for a call that carries one. A call that works without does without where no session can be made.
    fn hash_for(&self, made: Effective<'_>, site: Option<Site<'_>>) -> Result<Option<Arc<Hash>>> {
        match (made.session(), site) {
            (Session::Without, _) | (Session::Helpful, Some(Site::Key(_)) | None) => Ok(None),
            (Session::Needed, None | Some(Site::Key(_))) => {
                Err(Error::new(ErrorKind::Internal, "the call needs a session, and none can be made"))
            }
            (_, Some(Site::Session(request))) => self.hash(request).map(Some),
        }
    }

    /// The `loginHash` of a site: a known one, or that of a new session.
    fn hash(&self, request: &SessionRequest) -> Result<Arc<Hash>> {
        if let Some(known) = self.hashes.known(&request.domain) {
            return Ok(known);
        }
        if !request.more {
            return Err(Error::new(ErrorKind::Internal, "the session was not asked for a loginHash"));
        }
        let reply = self.request_login(request).inspect_err(|error| {
            if error.kind() == ErrorKind::BuilderUrl {
                log::warn!("no further call for {}: {error}", request.domain);
            }
        })?;
        let missing = || Error::new(ErrorKind::BuilderProtocol, "the session came without a loginHash");
        let hash = Arc::new(Hash {
            login_hash: reply.login_hash.ok_or_else(missing)?,
            api: reply.builder_api_url.unwrap_or_else(|| self.config.url.clone()),
            got: Instant::now(),
        });
        self.hashes.keep(&request.domain, &hash);
        Ok(hash)
    }
}

/// The fields under their names on the wire, with those that we fill in.
fn wire(
    made: Effective<'_>,
    site: Option<Site<'_>>,
    body: &Map<String, Value>,
    action: Option<&str>,
) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in body {
        fields.insert(made.wire_name(name).to_owned(), value.clone());
    }
    // After what the caller gives: a configured name may be that of another field by mistake.
    if let Some(site) = site {
        let documented = made.entry.fields.iter().filter(|field| field.kind == Kind::Site);
        for name in documented.map(|field| field.name).chain(made.site_field()) {
            fields.insert(made.wire_name(name).to_owned(), site.key().as_str().into());
        }
    }
    for (name, fixed) in made.entry.fixed {
        let own = made.overrides.and_then(|own| own.values.get(*name)).cloned();
        let other = action.filter(|_| *name == "action").map(Value::from);
        let usual = || match *fixed {
            Fixed::Text(text) => text.into(),
            Fixed::Flag(flag) => flag.into(),
        };
        fields.insert((*name).to_owned(), own.or(other).unwrap_or_else(usual));
    }
    fields
}

/// What is posted: written straight into the buffer that is sent, without a copy of the hash.
struct Body<'a> {
    login_hash: Option<&'a str>,
    fields: &'a Map<String, Value>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(hash) = self.login_hash {
            map.serialize_entry("loginHash", hash)?;
        }
        for (name, value) in self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
