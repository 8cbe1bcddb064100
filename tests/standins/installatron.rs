//! An Installatron behind TLS, as Server (key in a header) or as Plugin (login of the panel, path behind the `?`, method in a header). It answers in the
//! types of its samples, which differ from its documentation.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::https::{Answer, Request, Server};

pub const KEY: &str = "server-key-of-installatron-4b";
pub const LOGIN: &str = "useraccountname";
pub const PASSWORD: &str = "panel-password-of-installatron-9";
pub const DB_PASS: &str = "dAtAbAsEpAs5//0rD";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    Server,
    /// With what stands before the path.
    Plugin(&'static str),
}

pub struct State {
    pub product: Product,
    /// The key that counts.
    pub key: String,
    pub heard: Vec<Request>,
    pub backups: Vec<Value>,
    pub installs: Vec<Value>,
    /// Archives at the place that are not in the list yet.
    pub lying: Vec<Value>,
    /// Tasks that run: application, and how often they are listed before they are done.
    pub running: Vec<(String, u32)>,
    pub looks: u32,
    /// Tasks end without a backup.
    pub fails: bool,
    /// Says that there is more for ever.
    pub endless: bool,
    /// Answers everything with this.
    pub instead: Option<(u16, String)>,
    /// Views of a backup tell of another one.
    pub confused: bool,
    pub now: i64,
}

pub struct Installatron {
    pub server: Server,
    pub state: Arc<Mutex<State>>,
}

/// A record as it comes: numbers as text, `yes` for true, the database's password in clear.
pub fn backup(number: usize, user: &str, domain: &str, time: i64) -> Value {
    json!({
        "backup_filename": format!("app_{}_My-blog_{number}.tar.gz", domain.replace('.', "-")),
        "backup_install": install_id(domain), "backup_location": "ftp://abcDEF:ghiJKL@website.com:21/backup_test",
        "backup_note": "This is my safest backup", "backup_time": time.to_string(), "id": format!("{number:0>25}"),
        "application": "wordpress", "db_pass": DB_PASS, "limitloginattempts": "yes", "twofactor": "no", "failures": [],
        "files": ["index.php", "wp-admin"], "incomplete": false, "parent": "", "tables": [], "cache_time": 1234567890,
        "title": "My blog", "url": format!("http://{domain}/"), "url_domain": domain, "user": user, "version": "6.7.2"
    })
}

pub fn install_id(domain: &str) -> String {
    format!("{:x<25}", domain.replace('.', ""))
}

pub fn install(user: &str, domain: &str) -> Value {
    json!({"id": install_id(domain), "application": "wordpress", "user": user, "url": format!("http://{domain}/"),
           "url_domain": domain, "db_pass": DB_PASS, "incomplete": "no", "bkloc": "local"})
}

impl Installatron {
    pub fn start(product: Product) -> Self {
        let state = State {
            product,
            key: KEY.to_owned(),
            heard: Vec::new(),
            backups: Vec::new(),
            installs: Vec::new(),
            lying: Vec::new(),
            running: Vec::new(),
            looks: 1,
            fails: false,
            endless: false,
            instead: None,
            confused: false,
            now: 2_000_000_000,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let server = Server::start(&["127.0.0.1"], move |request| {
            let mut state = shared.lock().unwrap();
            state.heard.push(request.clone());
            state.answer(request)
        });
        Self { server, state }
    }

    /// The lines of the configuration that lead to it.
    pub fn settings(&self) -> String {
        format!(
            "[backup.installatron]\nurl = {}\nca_file = {}\ntimeout = 60\n",
            self.server.origin(),
            self.server.ca_file.display()
        )
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }
}

fn answer(status: u16, value: &Value) -> Answer {
    Answer::Whole(status, "application/json", value.to_string().into_bytes())
}

fn refuse(status: u16, code: &str) -> Answer {
    answer(
        status,
        &json!({"status": status, "result": false, "errcode": code, "errfield": "", "message": "Sorry.\n", "data": []}),
    )
}

fn done(data: Value) -> Answer {
    answer(200, &json!({"result": true, "errcode": null, "errfield": null, "message": "Done.", "data": data}))
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        if let Some((status, body)) = &self.instead {
            return Answer::Whole(*status, "text/html", body.clone().into_bytes());
        }
        let (method, target) = match self.product {
            Product::Server if request.header("X-API-KEY") != Some(&self.key) => {
                return refuse(403, "invalid_api_key");
            }
            Product::Server => (request.method.clone(), request.target.clone()),
            Product::Plugin(base) => {
                use base64::Engine;
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{LOGIN}:{PASSWORD}"));
                if request.header("Authorization") != Some(&format!("Basic {pair}")) {
                    return Answer::Whole(200, "text/html", b"<!DOCTYPE html><html>Log in</html>".to_vec());
                }
                assert!(request.header("X-API-KEY").is_none() && request.method == "POST", "{request:?}");
                let path = request.target.strip_prefix(base).expect("the path stands behind the base");
                (request.header("X-HTTP-Method-Override").expect("the method").to_owned(), path.to_owned())
            }
        };
        assert_eq!(request.header("Accept"), Some("application/json"));
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut parameters: Value = if request.body.is_empty() {
            json!({})
        } else {
            assert_eq!(request.header("Content-Type"), Some("application/json"));
            serde_json::from_slice(&request.body).unwrap()
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            parameters[name.as_ref()] = Value::String(value.into_owned());
        }
        assert!(parameters.get("restart").is_none(), "it would forget what is queued");
        self.call(&method, path, &parameters)
    }

    fn call(&mut self, method: &str, path: &str, parameters: &Value) -> Answer {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let user = parameters["user"].as_str();
        if user.is_some_and(|user| user == "nobody") {
            return refuse(404, "user_not_found");
        }
        if let Some(location) = parameters["bkloc"].as_str()
            && location != "local"
            && !location.starts_with("s3://AccessKey:Secret%2FKey@")
        {
            return refuse(400, "invalid_argument_bkloc");
        }
        if parameters["dryrun"].as_str().is_some_and(|word| word != "none") {
            assert!(["all", "input"].contains(&parameters["dryrun"].as_str().unwrap()));
            return answer(200, &json!({"result": false, "errcode": "complete_dryrun", "data": []}));
        }
        match (method, parts.as_slice()) {
            ("GET", ["version"]) => {
                done(json!({"product": "Installatron Server", "version": "9.1", "license": true}))
            }
            ("GET", ["backups"]) => {
                let mine = self.backups.clone();
                self.page(&mine, parameters)
            }
            ("GET", ["installs"]) => {
                let mine = self.installs.clone();
                self.page(&mine, parameters)
            }
            ("GET", ["tasks"]) => self.tasks(parameters),
            ("POST", ["backups", "import"]) => self.import(),
            ("GET", ["backups", id]) => match self.find(id) {
                Some(_) if self.confused => done(self.backups[0].clone()),
                Some(found) => done(found),
                None => refuse(404, "backup_not_found"),
            },
            ("POST", ["backups", id, "restore"]) => match self.find(id) {
                Some(_) => done(json!([])),
                None => refuse(404, "backup_not_found"),
            },
            ("DELETE", ["backups", id]) => match self.find(id) {
                Some(_) => {
                    self.backups.retain(|backup| backup["id"] != *id);
                    done(json!([]))
                }
                None => refuse(404, "backup_not_found"),
            },
            ("POST", ["installs", id, "backup"]) => {
                if !self.installs.iter().any(|install| install["id"] == *id) {
                    return refuse(404, "install_not_found");
                }
                assert_eq!(parameters["background"], Value::Bool(true));
                self.running.push(((*id).to_owned(), self.looks));
                done(json!({}))
            }
            ("GET", ["set", "backup_locations"]) => done(json!([
                {"id": "local", "default": "yes", "enabled": 1, "name": "Local", "scope": "admin", "uri": "local"},
                {"id": "1234567890abcdefghij12345", "default": false, "enabled": "no", "name": "Offsite", "scope": "admin",
                 "uri": "s3://123ABC:12abAB@s3.us-east-1.amazonaws.com/us-east-1/s3.myhost.com/testprefix"}
            ])),
            ("GET", ["set", "backup_schedules"]) => {
                done(json!([{"id": "daily30", "daily": "30", "enabled": true, "location": "local"}]))
            }
            ("POST", ["users", _, "login"]) => done(json!("https://ip-1-2-3-4.is.direct/?s=secret")),
            _ => refuse(404, "no_such_call"),
        }
    }

    fn page(&self, all: &[Value], parameters: &Value) -> Answer {
        let mine: Vec<&Value> = match parameters["user"].as_str() {
            Some(user) => {
                all.iter().filter(|item| item["user"] == user || item["user"] == "intruder").collect()
            }
            None => all.iter().collect(),
        };
        let number = |name: &str, default: usize| match &parameters[name] {
            Value::String(text) => text.parse().unwrap(),
            Value::Number(number) => number.as_u64().unwrap() as usize,
            _ => default,
        };
        let (offset, limit) = (number("offset", 0), number("limit", 50));
        let page: Vec<&Value> = mine.iter().skip(offset).take(limit).copied().collect();
        let more = self.endless || offset + page.len() < mine.len();
        let page =
            if self.endless && page.is_empty() { mine.iter().take(1).copied().collect() } else { page };
        answer(
            200,
            &json!({"result": true, "errcode": null, "errfield": null, "message": "", "total_count": mine.len().to_string(), "has_more": more, "data": page}),
        )
    }

    fn tasks(&mut self, parameters: &Value) -> Answer {
        let mut listed = Vec::new();
        let user = parameters["user"].as_str().unwrap_or("root").to_owned();
        for (install, left) in std::mem::take(&mut self.running) {
            if left > 0 {
                listed.push(json!({"id": "1234567890123456789", "cmd": "installs/backup", "user": user, "install": install, "status": "busy", "percentMin": "40"}));
                self.running.push((install, left - 1));
            } else if !self.fails {
                let record = self.installs.iter().find(|each| each["id"] == install).unwrap();
                let domain = record["url_domain"].as_str().unwrap().to_owned();
                let number = self.backups.len();
                self.backups.push(backup(number, &user, &domain, self.now + number as i64));
            }
        }
        done(Value::Array(listed))
    }

    fn import(&mut self) -> Answer {
        let (taken, known) = (std::mem::take(&mut self.lying), self.backups.len());
        if taken.is_empty() && known == 0 {
            return refuse(400, "invalid_argument_bkloc_empty");
        }
        self.backups.extend(taken.iter().cloned());
        let message = format!("{} backups imported, {known} already exist, 0 skipped.", taken.len());
        answer(
            200,
            &json!({"result": true, "errcode": null, "errfield": null, "message": message, "total_count": taken.len(),
                    "has_more": false, "data": taken}),
        )
    }

    fn find(&self, id: &str) -> Option<Value> {
        self.backups.iter().find(|backup| backup["id"] == id).cloned()
    }
}
