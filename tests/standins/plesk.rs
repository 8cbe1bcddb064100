//! A Plesk behind TLS: the XML API with backups of protocol 1.6.9.0, or an Obsidian without them, and the REST API that runs programs. It checks each
//! packet by the schema's rules and answers as the reference's samples do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use roxmltree::{Document, Node};

use super::https::{Answer, Request, Server};
use super::plesk_schema;

pub const KEY: &str = "5f1d0c2e-key-of-plesk-77aa";
pub const LOGIN: &str = "admin";
pub const PASSWORD: &str = "panel-password-<&>-91c4";

/// How it behaves.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Speaks 1.6.9.1 too, and knows no backups any more.
    pub obsidian: bool,
    /// Its REST API does not offer the program.
    pub without_program: bool,
    /// Adds stray text behind the answer.
    pub noise: bool,
    /// Answers this operation with this number.
    pub refuse: Option<(&'static str, u32)>,
    /// Answers every packet with this.
    pub instead: Option<Instead>,
    /// How often a task is looked at before it ends; how it ends.
    pub looks: u32,
    pub end: End,
    /// Leaves the task's number out of the answer.
    pub without_task_id: bool,
    /// What the backup program answers: exit code and standard error.
    pub program_fails: Option<(i32, &'static str)>,
}

#[derive(Clone, Debug)]
pub enum Instead {
    Whole(u16, &'static str, Vec<u8>),
    Hang,
    Stall,
    Flood(u64),
    Close,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    Finished,
    Failed,
    /// It is not listed any more, and the backup is there.
    Vanishes,
    /// It is not listed any more, and there is no backup.
    VanishesWithoutBackup,
}

#[derive(Clone, Debug)]
pub struct Task {
    pub id: u64,
    pub owner: (String, String),
    pub prefix: String,
    pub looks: u32,
    pub stopped: bool,
    pub storage: String,
}

#[derive(Clone, Debug)]
pub struct Stored {
    pub owner: (String, String),
    pub name: String,
    pub description: String,
    pub content: Vec<u8>,
}

#[derive(Default)]
pub struct State {
    pub behaviour: Behaviour,
    pub heard: Vec<Request>,
    pub tasks: Vec<Task>,
    pub stored: Vec<Stored>,
    pub uploads: BTreeMap<String, Vec<u8>>,
    /// The settings of the FTP storage as they came.
    pub ftp: Option<String>,
    /// Its answers in XML.
    pub said: Vec<Vec<u8>>,
    /// The runs of the program: arguments and environment.
    pub runs: Vec<serde_json::Value>,
}

pub struct Plesk {
    pub server: Server,
    pub state: Arc<Mutex<State>>,
}

impl Plesk {
    pub fn start(behaviour: Behaviour) -> Self {
        let state = Arc::new(Mutex::new(State { behaviour, ..State::default() }));
        let shared = state.clone();
        let server = Server::start(&["127.0.0.1"], move |request| {
            let mut state = shared.lock().unwrap();
            state.heard.push(request.clone());
            let answer = state.answer(request);
            if let Answer::Whole(_, "text/xml;charset=UTF-8", body) = &answer {
                state.said.push(body.clone());
            }
            answer
        });
        Self { server, state }
    }

    /// The lines of the configuration that lead to it, with its key.
    pub fn settings(&self) -> String {
        format!(
            "[backup.plesk]\nurl = {}\nca_file = {}\ntimeout = 60\n",
            self.server.origin(),
            self.server.ca_file.display()
        )
    }

    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state.lock().unwrap().behaviour);
    }

    pub fn heard(&self) -> usize {
        self.state.lock().unwrap().heard.len()
    }
}

fn xml(inside: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<packet version=\"1.6.9.0\">{inside}</packet>\n"
    );
    Answer::Whole(200, "text/xml;charset=UTF-8", body.into_bytes())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn system(code: u32, text: &str) -> Answer {
    let text = escape(text);
    xml(&format!("<system><status>error</status><errcode>{code}</errcode><errtext>{text}</errtext></system>"))
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        match &self.behaviour.instead {
            Some(Instead::Whole(status, kind, body)) => return Answer::Whole(*status, kind, body.clone()),
            Some(Instead::Hang) => return Answer::Hang,
            Some(Instead::Stall) => {
                return Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<pack".to_vec());
            }
            Some(Instead::Flood(length)) => return Answer::Flood(*length),
            Some(Instead::Close) => return Answer::Raw(Vec::new()),
            None => {}
        }
        match request.target.as_str() {
            "/enterprise/control/agent.php" if request.method == "POST" => self.agent(request),
            target if target.starts_with("/api/v2/") => self.rest(request),
            _ => Answer::Whole(404, "text/html", b"<html>404</html>".to_vec()),
        }
    }

    fn agent(&mut self, request: &Request) -> Answer {
        let login = (request.header("HTTP_AUTH_LOGIN"), request.header("HTTP_AUTH_PASSWD"));
        match (request.header("KEY"), login) {
            (Some(KEY), _) | (None, (Some(LOGIN), Some(PASSWORD))) => {}
            (Some(_), _) => return system(11003, "Secret key is not valid"),
            (None, (None, _)) => return system(1029, "Unknown authorization method"),
            _ => return system(1001, "You have entered incorrect username or password."),
        }
        let kind = request.header("Content-Type").unwrap_or_default();
        if let Some(boundary) = kind.strip_prefix("multipart/form-data; boundary=") {
            return self.upload(boundary, &request.body);
        }
        if kind != "text/xml" {
            return system(1014, "the content type is not text/xml");
        }
        let text = request.text();
        if let Err(fault) = plesk_schema::validate(&text) {
            return system(1014, &format!("Parser error: Request is invalid. Error in line 1: {fault}"));
        }
        let document = Document::parse(&text).unwrap();
        let packet = document.root_element();
        let spoken: &[&str] =
            if self.behaviour.obsidian { &["1.6.9.1", "1.6.9.0"] } else { &["1.6.9.0", "1.6.8.0"] };
        if packet.attribute("version").is_some_and(|version| !spoken.contains(&version)) {
            return system(1005, "Protocol version is not supported");
        }
        let operator = packet.first_element_child().unwrap();
        let operation = operator.first_element_child().unwrap();
        let name = operation.tag_name().name();
        if operator.tag_name().name() == "backup-manager" && self.behaviour.obsidian {
            return system(
                1014,
                "Parser error: Request is invalid. Error in line 1: Element 'backup-manager': This element is not expected.",
            );
        }
        let noise =
            if self.behaviour.noise { "<output>PHP Notice: Undefined &lt;x&gt;</output>" } else { "" };
        if let Some((_, code)) = self.behaviour.refuse.filter(|(refused, _)| *refused == name) {
            let echo = document.descendants().filter_map(|node| node.text()).collect::<Vec<_>>().join(" ");
            let text = escape(&format!("refused for this test: {echo}"));
            return xml(&wrap(
                operator,
                operation,
                &format!(
                    "<result><status>error</status><errcode>{code}</errcode><errtext>{text}</errtext></result>"
                ),
                noise,
            ));
        }
        if name == "get_protos" {
            let protos: String = spoken.iter().map(|version| format!("<proto>{version}</proto>")).collect();
            return xml(&wrap(
                operator,
                operation,
                &format!("<result><status>ok</status><protos>{protos}</protos></result>"),
                noise,
            ));
        }
        match self.manage(name, operation) {
            Done::Result(inside) => xml(&wrap(operator, operation, &inside, noise)),
            Done::File(content) => Answer::Whole(200, "application/octet-stream", content),
        }
    }

    fn manage(&mut self, name: &str, operation: Node<'_, '_>) -> Done {
        let text =
            |name: &str| child(operation, name).and_then(|node| node.text()).unwrap_or_default().to_owned();
        let owner = || {
            let first = operation.children().find(Node::is_element);
            first.map(|node| (node.tag_name().name().to_owned(), node.text().unwrap_or_default().to_owned()))
        };
        let ok = |inside: &str| Done::Result(format!("<result><status>ok</status>{inside}</result>"));
        let no = |code: u32| {
            Done::Result(format!(
                "<result><status>error</status><errcode>{code}</errcode><errtext>no</errtext></result>"
            ))
        };
        match name {
            "backup-webspace" | "backup-customer" | "backup-reseller" | "backup-server" => {
                let server = ("server".to_owned(), String::new());
                let owner = if name == "backup-server" { server } else { owner().unwrap() };
                if owner.1 == "missing.example" {
                    return no(1013);
                }
                let storage =
                    if child(operation, "remote").is_some() { text("remote") } else { "local".into() };
                if !["local", "ftp"].contains(&storage.as_str())
                    || text("split-size").starts_with('-')
                    || text("description").is_empty()
                {
                    return no(1019);
                }
                let id = 17 + self.tasks.len() as u64;
                self.tasks.push(Task {
                    id,
                    owner,
                    prefix: text("prefix"),
                    looks: 0,
                    stopped: false,
                    storage,
                });
                if self.behaviour.without_task_id { ok("") } else { ok(&format!("<task-id>{id}</task-id>")) }
            }
            "get-tasks-info" => {
                let wanted = owner();
                let found: String =
                    (0..self.tasks.len()).filter_map(|index| self.look(index, wanted.as_ref())).collect();
                ok(&found)
            }
            "stop-backup" => {
                match self.tasks.iter_mut().find(|task| task.id.to_string() == text("task-id")) {
                    Some(task) => {
                        task.stopped = true;
                        ok("")
                    }
                    None => no(1013),
                }
            }
            "get-local-backup-list" => {
                let owner = owner().unwrap();
                let sets = self.stored.iter().filter(|stored| stored.owner == owner).map(|stored| {
                    format!(
                        "<backup><file><name>{}</name><creation-date>1489662000</creation-date><description>{}</description><size>{}</size></file></backup>",
                        escape(&stored.name), escape(&stored.description), stored.content.len()
                    )
                });
                ok(&sets.collect::<String>())
            }
            "download-file" => {
                let (owner, name) = (owner().unwrap(), text("filename"));
                let found = self.stored.iter().find(|stored| stored.owner == owner && stored.name == name);
                found.map_or_else(|| no(1013), |stored| Done::File(stored.content.clone()))
            }
            "remove-file" => {
                let (owner, name, before) = (owner().unwrap(), text("filename"), self.stored.len());
                self.stored.retain(|stored| stored.owner != owner || stored.name != name);
                if self.stored.len() < before { ok("") } else { no(1013) }
            }
            "import-file" => match self.uploads.remove(&text("tmp-filename")) {
                Some(content) => {
                    let name = format!("imported_info_{}.xml", 1_703_161_100 + self.stored.len());
                    self.stored.push(Stored {
                        owner: owner().unwrap(),
                        name,
                        description: String::new(),
                        content,
                    });
                    ok("")
                }
                None => no(1013),
            },
            "get-supported-protocols" => ok("<protocol>local</protocol><protocol>ftp</protocol>"),
            "set-remote-storage-settings" => {
                let settings = child(operation, "settings").unwrap();
                let inside: String = settings
                    .children()
                    .filter(Node::is_element)
                    .map(|node| {
                        format!(
                            "<{0}>{1}</{0}>",
                            node.tag_name().name(),
                            escape(node.text().unwrap_or_default())
                        )
                    })
                    .collect();
                self.ftp = Some(inside);
                ok("")
            }
            "get-remote-storage-settings" => {
                let inside = self.ftp.as_ref().map(|inside| format!("<settings>{inside}</settings>"));
                ok(&inside.unwrap_or_default())
            }
            "get-server-wide-settings" => {
                ok("<max-backup-files>-1</max-backup-files><low-priority>true</low-priority>")
            }
            "set-server-wide-settings" => ok(""),
            _ => no(1023),
        }
    }

    /// One look at a task: it walks from `working` to its end.
    fn look(&mut self, index: usize, wanted: Option<&(String, String)>) -> Option<String> {
        let (looks, end) = (self.behaviour.looks, self.behaviour.end);
        let task = &mut self.tasks[index];
        let fits = match wanted {
            None => true,
            Some((kind, id)) if kind == "task-id" => *id == task.id.to_string(),
            Some(owner) => *owner == task.owner,
        };
        if !fits {
            return None;
        }
        task.looks += 1;
        let over = task.looks > looks && !task.stopped;
        let file = format!("{}_info_1703161100.xml", task.prefix);
        let makes = over && matches!(end, End::Finished | End::Vanishes);
        if makes && task.storage == "local" && !self.stored.iter().any(|stored| stored.name == file) {
            let content =
                format!("<?xml version=\"1.0\"?><migration-dump>{}</migration-dump>", "x".repeat(200_000));
            let description = "before publish 42".into();
            self.stored.push(Stored {
                owner: task.owner.clone(),
                name: file.clone(),
                description,
                content: content.into_bytes(),
            });
        }
        if over && matches!(end, End::Vanishes | End::VanishesWithoutBackup) {
            return None;
        }
        let state = match end {
            _ if task.stopped => "stopped",
            _ if !over => "working",
            End::Failed => "failed",
            _ => "finished",
        };
        let file = if state == "finished" { file } else { String::new() };
        Some(format!(
            "<task><webspace-id>3</webspace-id><id>{}</id><status>{state}</status><started>1489662000</started><prefix>{}</prefix><filename>{file}</filename><protocol>{}</protocol></task>",
            task.id, task.prefix, task.storage
        ))
    }

    fn upload(&mut self, boundary: &str, body: &[u8]) -> Answer {
        let find = |needle: &[u8], from: usize| {
            body[from..].windows(needle.len()).position(|part| part == needle).map(|at| at + from)
        };
        let begin = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
        assert!(body.starts_with(begin.as_bytes()), "an upload begins with its boundary");
        let start = find(b"\r\n\r\n", 0).unwrap() + 4;
        let end = find(format!("\r\n--{boundary}--\r\n").as_bytes(), start).expect("an upload has an end");
        let path = format!("/usr/local/psa/tmp/upl_{}", self.uploads.len());
        self.uploads.insert(path.clone(), body[start..end].to_vec());
        xml(&format!(
            "<upload><result><status>ok</status><name>b.tar</name><file>{path}</file></result></upload>"
        ))
    }

    fn rest(&mut self, request: &Request) -> Answer {
        let json = |status: u16, value: serde_json::Value| {
            Answer::Whole(status, "application/json", value.to_string().into_bytes())
        };
        let basic = request.header("Authorization").is_some_and(|value| value.starts_with("Basic "));
        if request.header("X-API-Key") != Some(KEY) && !basic {
            return json(401, serde_json::json!({"code": 401, "message": "Unauthorized"}));
        }
        match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/api/v2/cli/commands") if self.behaviour.without_program => {
                json(200, serde_json::json!(["admin", "site"]))
            }
            ("GET", "/api/v2/cli/commands") => json(200, serde_json::json!(["admin", "pleskbackup", "site"])),
            ("POST", "/api/v2/cli/pleskbackup/call") => {
                let call: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                let help = call["params"] == serde_json::json!(["--help"]);
                self.runs.push(call);
                let (code, error) = self.behaviour.program_fails.unwrap_or((0, ""));
                let out =
                    if help { "Usage:\n  --server\n  --domains-name\n  -prefix <prefix>\n" } else { "" };
                let (code, error) = if help { (0, "") } else { (code, error) };
                json(200, serde_json::json!({"code": code, "stdout": out, "stderr": error}))
            }
            _ => json(404, serde_json::json!({"code": 404, "message": "Not Found"})),
        }
    }
}

enum Done {
    Result(String),
    File(Vec<u8>),
}

fn child<'a, 'd>(node: Node<'a, 'd>, name: &str) -> Option<Node<'a, 'd>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn wrap(operator: Node<'_, '_>, operation: Node<'_, '_>, inside: &str, noise: &str) -> String {
    let (operator, operation) = (operator.tag_name().name(), operation.tag_name().name());
    format!("<{operator}><{operation}>{inside}</{operation}></{operator}>{noise}")
}
