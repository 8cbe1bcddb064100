//! A host's endpoint in a few lines, to try the sandbox's publisher alone: strict about what comes, and able to fail in the ways that are documented.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use panelgate::sandbox::http::{self, Limits, Request, Response, Server};
use panelgate::types::WebUrl;
use serde_json::{Value, json};

/// `site-1:right`
const AUTHORIZATION: &str = "Basic c2l0ZS0xOnJpZ2h0";

/// The fields of a form in their order.
pub type Form = Vec<(String, String)>;

/// A running endpoint with a document root of its own.
pub struct StandIn {
    server: Server,
    pub root: Arc<tempfile::TempDir>,
    /// What was asked for, oldest first: method and target.
    pub seen: Arc<Mutex<Vec<String>>>,
    pub forms: Arc<Mutex<Vec<Form>>>,
}

impl StandIn {
    /// `fault` answers instead of the endpoint where it gives something.
    pub fn start(fault: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) -> Self {
        let root = Arc::new(tempfile::tempdir().unwrap());
        let (seen, forms) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (directory, log, posted) = (root.clone(), seen.clone(), forms.clone());
        let server = http::serve(listener, Limits::default(), move |request| {
            log.lock().unwrap().push(format!("{} {}", request.method, request.target));
            if request.headers.get("Authorization") != Some(AUTHORIZATION) {
                return Response::text(401, "who are you?").header("WWW-Authenticate", "Basic realm=\"x\"");
            }
            fault(&request).unwrap_or_else(|| answer(directory.path(), &posted, &request))
        })
        .unwrap();
        Self { server, root, seen, forms }
    }

    pub fn url(&self) -> WebUrl {
        WebUrl::parse(&format!("http://{}/pub/t0ken/", self.server.address())).unwrap()
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.path().join(path)).unwrap()
    }
}

fn answer(root: &Path, forms: &Mutex<Vec<Form>>, request: &Request) -> Response {
    let Some(path) = request.path().strip_prefix("/pub/t0ken/") else { return Response::text(404, "no") };
    let path = path.trim_start_matches('/');
    if let Some(rest) = path.strip_prefix("zyro/action") {
        return action(forms, request, rest);
    }
    let Some(path) = decode(path) else { return Response::text(403, "a bad path") };
    let target: PathBuf = root.join(path);
    let ok = |result: std::io::Result<()>| {
        result.map_or_else(|error| Response::text(403, &error.to_string()), |()| Response::new(200))
    };
    match (request.method.as_str(), request.query()) {
        ("POST", "") => ok(std::fs::write(target, &request.body)),
        ("GET", "mkDir=1") => ok(std::fs::create_dir_all(target)),
        ("GET", "delete=1") => ok(std::fs::remove_file(target)),
        ("GET", "list=1") => list(&target),
        _ => Response::text(403, "what is that?"),
    }
}

fn list(target: &Path) -> Response {
    let items: Vec<Value> = std::fs::read_dir(target)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let data = entry.metadata().unwrap();
            json!({"name": entry.file_name().to_str().unwrap(), "isDir": data.is_dir(), "size": data.len()})
        })
        .collect();
    Response::json(200, &Value::from(items))
}

/// Type `internal`: the third question is answered with the end.
fn action(forms: &Mutex<Vec<Form>>, request: &Request, rest: &str) -> Response {
    match (request.method.as_str(), rest) {
        ("POST", "") => {
            let form = form_urlencoded::parse(&request.body).into_owned().collect();
            forms.lock().unwrap().push(form);
            Response::json(200, &json!({"result": {"id": "01J-abc"}, "id": "01J-abc"}))
        }
        ("GET", "/01J-abc") => {
            Response::json(200, &json!({"result": {"status": "FINISHED"}, "status": "FINISHED"}))
        }
        _ => Response::text(404, "no such process"),
    }
}

fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.split('/').any(|part| part == ".."))
}
