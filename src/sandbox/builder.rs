//! A builder on the loopback address that speaks the documented API over real TLS and keeps its sites in memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::calls::{Asked, FullList, World};
use super::checks::{self, Accepted, Access};
use super::http::{self, Headers, Limits, Request, Response, Server, made_byte};
use super::page::{self, Editor, Outcome};
use super::projects::{self, Project};
use super::publish::{self, ARCHIVES_PATH, Archives, Order, Published, Ways};
use super::tls::{Identity, TlsSocket};
use crate::limits;
use crate::sys::random;
use crate::types::{Domain, Secret, hex};

/// How a sandbox is started.
pub struct Options {
    /// The brand's API user name.
    pub username: String,
    /// The brand's API password.
    pub password: Secret,
    /// The port of API and pages; 0 takes a free one.
    pub port: u16,
    /// Where session addresses lead.
    pub ui: Ui,
    /// How long every call takes at least.
    pub delay: Option<Duration>,
    /// Answers to the first calls, whatever they ask.
    pub faults: Vec<Response>,
    /// How it reaches the servers that it publishes to.
    pub ways: Ways,
    /// Where a browser finds the published sites: addresses by the sites' names; `http://NAME/` for others.
    pub views: BTreeMap<String, String>,
    /// Which spelling of the action of the long list of addresses is taken.
    pub full_list: FullList,
    /// How many published websites there are besides those that were opened.
    pub published: u64,
    /// Further paths below the API, each answered with what it got.
    pub further: Vec<String>,
}

impl Options {
    /// A well-behaved sandbox on a free port.
    pub fn new(username: &str, password: &str) -> Self {
        Self {
            username: username.to_owned(),
            password: Secret::new(password.to_owned()),
            port: 0,
            ui: Ui::Tls,
            delay: None,
            faults: Vec::new(),
            ways: Ways::default(),
            views: BTreeMap::new(),
            full_list: FullList::ListFull,
            published: 0,
            further: Vec::new(),
        }
    }
}

/// Where session addresses lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ui {
    /// To the API's own port, over TLS: what a real builder does.
    Tls,
    /// To a second loopback port without TLS, so that a person's browser does not meet a certificate that it cannot know.
    Plain,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The header fields; of `Authorization` only that it was there.
    pub headers: Headers,
    /// The body; null if it is not JSON.
    pub body: Value,
}

/// A running sandbox. Dropping it ends its threads.
pub struct Builder {
    api: Server,
    pages: Option<Server>,
    ca_pem: String,
    state: Arc<State>,
}

impl Builder {
    /// Makes an authority and a certificate, and listens on 127.0.0.1.
    ///
    /// # Errors
    /// If the port is taken or the system gives no thread.
    pub fn start(options: Options) -> io::Result<Self> {
        let identity = Identity::new()?;
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let pages = match options.ui {
            Ui::Tls => None,
            Ui::Plain => Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?),
        };
        let api_origin = format!("https://127.0.0.1:{}", api.local_addr()?.port());
        let page_origin = match &pages {
            Some(listener) => format!("http://127.0.0.1:{}", listener.local_addr()?.port()),
            None => api_origin.clone(),
        };
        let pair = format!("{}:{}", options.username, options.password.expose());
        let state = Arc::new(State {
            archives: Archives::new(&api_origin),
            ways: options.ways,
            views: options.views,
            authorization: Secret::new(format!("Basic {}", STANDARD.encode(pair))),
            api_origin,
            page_origin,
            delay: options.delay.unwrap_or_default(),
            data: Mutex::new(Data { faults: options.faults.into(), ..Data::default() }),
            world: Mutex::new(World::new(options.full_list, options.published, options.further)),
            stopping: Condvar::new(),
        });
        let (config, theirs) = (identity.config, state.clone());
        let api = http::serve_with(
            api,
            Limits::default(),
            move |socket| TlsSocket::new(&config, socket),
            move |request| theirs.answer(&request, true),
        )?;
        let theirs = state.clone();
        let pages = pages
            .map(|listener| {
                http::serve(listener, Limits::default(), move |request| theirs.answer(&request, false))
            })
            .transpose()?;
        Ok(Self { api, pages, ca_pem: identity.ca_pem, state })
    }

    /// The certificate by which a client can believe the sandbox, in PEM form: what `[builder] ca_file` names.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The base of the API: what `[builder] url` says.
    pub fn api_url(&self) -> String {
        format!("{}/api/", self.state.api_origin)
    }

    /// Host and port of the session addresses: what `[builder] hosts` must allow.
    pub fn page_host(&self) -> &str {
        self.state.page_origin.split("://").nth(1).unwrap_or_default()
    }

    /// The last calls, oldest first.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.data().recorded.iter().cloned().collect()
    }

    /// Answers one more call with this, whatever it asks, behind the faults that are still waiting.
    pub fn push_fault(&self, response: Response) {
        self.state.data().faults.push_back(response);
    }

    /// Gives a site a project, under the name that the builder knows it by.
    pub fn set_project(&self, domain: &str, bytes: Vec<u8>) {
        self.state.data().projects.insert(domain.to_owned(), Project::Bytes(Arc::new(bytes)));
    }

    /// Gives a site a project of so many bytes, each of which is its place modulo 251. They take no memory: they are made while they are sent.
    pub fn set_large_project(&self, domain: &str, size: u64) {
        self.state.data().projects.insert(domain.to_owned(), Project::Made(size));
    }

    /// The project of a site.
    pub fn project(&self, domain: &str) -> Option<Vec<u8>> {
        match self.state.data().projects.get(domain)? {
            Project::Bytes(bytes) => Some(bytes.to_vec()),
            Project::Made(size) => Some((0..*size).map(made_byte).collect()),
        }
    }

    /// Ends all connections and threads.
    pub fn stop(&mut self) {
        self.state.data().stopped = true;
        self.state.stopping.notify_all();
        self.api.stop();
        if let Some(pages) = &mut self.pages {
            pages.stop();
        }
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.stop();
    }
}

struct State {
    archives: Archives,
    ways: Ways,
    views: BTreeMap<String, String>,
    authorization: Secret,
    api_origin: String,
    page_origin: String,
    delay: Duration,
    data: Mutex<Data>,
    world: Mutex<World>,
    stopping: Condvar,
}

#[derive(Default)]
struct Data {
    stopped: bool,
    faults: VecDeque<Response>,
    recorded: VecDeque<Recorded>,
    /// What is remembered of each site.
    sites: BTreeMap<String, Access>,
    /// The projects of the sites that have one.
    projects: projects::Projects,
    /// Sessions by their hash, oldest first.
    sessions: VecDeque<(String, Accepted)>,
    /// What has been published of each site.
    works: BTreeMap<String, Work>,
}

/// What a customer has made of a site.
#[derive(Clone, Default)]
struct Work {
    headline: Option<String>,
    /// How often it was published.
    editions: u64,
    running: bool,
    last: Option<Result<Published, String>>,
}

/// The headline of a site that nobody has edited.
const HEADLINE: &str = "A website of my own";

impl State {
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request. Calls are taken only over TLS.
    fn answer(&self, request: &Request, tls: bool) -> Response {
        // A page of somebody else must not get here by a name that he lets lead to 127.0.0.1.
        if !self.is_own_host(request.headers.get("Host").unwrap_or_default(), tls) {
            return Response::text(403, "This sandbox is known by other names only.");
        }
        match request.path() {
            path if path.starts_with("/api/") && tls => self.call(request),
            page::STYLE_PATH => page::style(),
            "/favicon.ico" => Response::new(204),
            "/" if matches!(request.method.as_str(), "GET" | "HEAD") => self.page(request),
            page::PUBLISH_PATH if request.method == "POST" => self.publish(request),
            path if path.starts_with(ARCHIVES_PATH) => match self.archives.get(path) {
                Some(bytes) => Response::with_body(200, "application/zip", bytes),
                None => page::not_found(),
            },
            _ => page::not_found(),
        }
    }

    fn is_own_host(&self, host: &str, tls: bool) -> bool {
        let origin = if tls { &self.api_origin } else { &self.page_origin };
        let port = origin.rsplit(':').next().unwrap_or_default();
        host.split_once(':')
            .is_some_and(|(name, own)| matches!(name, "127.0.0.1" | "localhost") && own == port)
    }

    fn call(&self, request: &Request) -> Response {
        let fault = {
            let mut data = self.data();
            data.record(request);
            data.faults.pop_front()
        };
        self.wait();
        fault.unwrap_or_else(|| self.checked_call(request))
    }

    /// Waits for the delay, or until the sandbox ends.
    fn wait(&self) {
        if !self.delay.is_zero() {
            let _ = self.stopping.wait_timeout_while(self.data(), self.delay, |data| !data.stopped);
        }
    }

    fn checked_call(&self, request: &Request) -> Response {
        if request.headers.get("Authorization") != Some(self.authorization.expose()) {
            return failure(401, "Wrong username or password");
        }
        if let Some(response) = projects::answer(request, &mut self.data().projects) {
            return response;
        }
        if request.path() != "/api/requestLogin" {
            return self.other_call(request).unwrap_or_else(|| failure(404, "Unknown method"));
        }
        if request.method != "POST" {
            return failure(405, "Only POST is allowed");
        }
        let media_type = request.headers.get("Content-Type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return failure(400, checks::BAD_INPUT);
        }
        let mut data = self.data();
        match checks::check(&request.body, |domain| data.sites.get(domain)) {
            Ok(accepted) => Response::json(200, &self.open(&mut data, accepted)),
            Err(message) => failure(400, &message),
        }
    }

    /// Any call but `requestLogin`; `None` if there is no such call.
    fn other_call(&self, request: &Request) -> Option<Response> {
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        let hash = body["loginHash"].as_str();
        let site = hash.and_then(|hash| {
            let data = self.data();
            data.sessions.iter().find(|(known, _)| known == hash).map(|(_, session)| session.domain.clone())
        });
        let path = request.path().strip_prefix("/api/").unwrap_or_default();
        let deleted = body["domain"].as_str().filter(|_| path == "delete-site" && request.method == "POST");
        let had_file = deleted.is_some_and(|domain| self.data().projects.remove(domain).is_some());
        let asked = Asked { method: &request.method, path, body: &request.body, site, had_file };
        self.world.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked)
    }

    fn open(&self, data: &mut Data, accepted: Accepted) -> Value {
        self.world.lock().unwrap_or_else(PoisonError::into_inner).opened(&accepted.domain);
        let hash = hex(&random::bytes::<32>());
        let mut reply = json!({ "url": format!("{}/?login_hash={hash}", self.page_origin) });
        if accepted.more {
            reply["loginHash"] = json!(hash);
            reply["builderApiUrl"] = json!(format!("{}/api/", self.api_origin));
        }
        if data.sites.len() >= limits::SANDBOX_SITES && !data.sites.contains_key(&accepted.domain) {
            data.sites.pop_first();
        }
        data.sites.insert(accepted.domain.clone(), accepted.access.clone());
        push(&mut data.sessions, (hash, accepted), limits::SANDBOX_SESSIONS);
        reply
    }

    fn page(&self, request: &Request) -> Response {
        let Some(hash) = field(request.query().as_bytes(), "login_hash") else {
            return page::unknown_session();
        };
        let data = self.data();
        let Some(session) = data.session(&hash) else { return page::unknown_session() };
        let site = session.site();
        let name = Domain::new(site).map_or_else(|_| site.to_owned(), |domain| domain.to_unicode());
        let work = data.works.get(&session.domain).cloned().unwrap_or_default();
        let view = self.views.get(site).cloned().unwrap_or_else(|| format!("http://{site}/"));
        page::editor(&Editor {
            name: &name,
            site,
            language: session.lang.as_deref().unwrap_or("not sent"),
            plan: session.plan.as_deref().unwrap_or("not sent"),
            kind: session.kind,
            publication: match session.kind {
                "external" => "– by FTP to the account",
                "internal" => "– the panel fetches one archive",
                "http" => "– file by file to the panel",
                "ssh" => "– by SSH to the account",
                _ => "– on the same machine",
            },
            hash: &hash,
            headline: work.headline.as_deref().unwrap_or(HEADLINE),
            outcome: Outcome::of(work.last.as_ref(), work.editions, &view),
        })
    }

    /// Publishes, and leads back to the editor, which says how it went.
    fn publish(&self, request: &Request) -> Response {
        let Some(hash) = field(&request.body, "login_hash") else { return page::unknown_session() };
        let headline: String =
            field(&request.body, "headline").unwrap_or_default().trim().chars().take(200).collect();
        let headline = if headline.is_empty() { HEADLINE.to_owned() } else { headline };
        let (session, edition) = {
            let mut data = self.data();
            let Some(session) = data.session(&hash).cloned() else { return page::unknown_session() };
            if data.works.len() >= limits::SANDBOX_SITES && !data.works.contains_key(&session.domain) {
                data.works.pop_first();
            }
            let work = data.works.entry(session.domain.clone()).or_default();
            if work.running {
                return page::busy();
            }
            (work.running, work.headline) = (true, Some(headline.clone()));
            (session, work.editions + 1)
        };
        let order = Order { session: &session, headline: &headline, edition };
        let result = publish::publish(&self.ways, &self.archives, &order);
        if let Err(text) = &result {
            log::warn!("sandbox: {} could not be published: {text}", session.site());
        }
        let mut data = self.data();
        let work = data.works.entry(session.domain.clone()).or_default();
        work.running = false;
        if result.is_ok() {
            work.editions = edition;
        }
        work.last = Some(result);
        page::back_to_editor(&hash)
    }
}

/// The first field of a form or query of that name.
fn field(form: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

impl Data {
    /// The session of a hash.
    fn session(&self, hash: &str) -> Option<&Accepted> {
        self.sessions.iter().find(|(known, _)| known == hash).map(|(_, session)| session)
    }

    fn record(&mut self, request: &Request) {
        let mut headers = Headers::default();
        for (name, value) in request.headers.iter() {
            let secret = name.eq_ignore_ascii_case("Authorization");
            headers.add(name, if secret { "(not recorded)" } else { value });
        }
        let recorded = Recorded {
            method: request.method.clone(),
            target: request.target.clone(),
            headers,
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
        };
        push(&mut self.recorded, recorded, limits::SANDBOX_RECORDED);
    }
}

/// Adds to a list of which only the last ones are kept.
fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}

/// A failure in the shape that `requestLogin` is documented to use.
fn failure(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "error": { "message": message } }))
}
