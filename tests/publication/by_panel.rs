//! Type `external` where the panel makes the FTP account: from the opening of a session to the published site, with stand-ins for the panels' own
//! programs that check what they are told, and a real FTP server that lets in whom they have made.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::Editor;
use super::common::servers::{Account, Server, WRITE_USERS, vsftpd_of_list};
use super::common::{chmod, domain, is_root, wait_for};
use panelgate::error::{Error, ErrorKind};
use panelgate::gateway::{Direct, Gateway, Remote};
use panelgate::ops::OpenRequest;
use panelgate::ops::admin::{self, Target};
use panelgate::panel::SiteKind;
use panelgate::sandbox::http::{self, Limits, Request, Response};
use panelgate::sandbox::tree::{self, TreeSite};
use panelgate::sandbox::{Ways, tree_directadmin, tree_plesk};
use panelgate::store::{Job, JobQuery, JobState};
use panelgate::types::WebUrl;

const SITE: &str = "shop.example";
const OTHER: &str = "books.example";

/// What the stand-ins share: the list of FTP accounts that the real server reads, and how to change it. `deny` beside the list makes them refuse.
const PANEL: &str = r#"
import crypt, json, os, re, sys, warnings
LIST, HOME = "@LIST@", "@HOME@"

def load():
    try:
        return json.load(open(LIST))
    except FileNotFoundError:
        return {}

def save(accounts):
    with open(LIST + ".new", "w") as file:
        json.dump(accounts, file)
    os.rename(LIST + ".new", LIST)
    write_users(os.path.dirname(LIST), accounts)

def note(text):
    with open(LIST + ".log", "a") as file:
        file.write(text + "\n")

def refuses():
    return os.path.exists(os.path.join(os.path.dirname(LIST), "deny"))

def hashed(password):
    assert re.fullmatch(r"[A-Za-z0-9._-]{16,}", password), "an odd password"
    return crypt.crypt(password, crypt.METHOD_SHA512)
"#;

/// `uapi --user=U --output=json Ftp FUNCTION key=value...`
const UAPI: &str = r#"
def answer(status, data=None, errors=None):
    print("Warning: something that is no JSON")
    print(json.dumps({"apiversion": 3, "module": "Ftp", "func": func, "result": {"status": status, "data": data, "errors": errors, "messages": None, "warnings": None, "metadata": {}}}))
    sys.exit(0)

user, output, module, func, *rest = sys.argv[1:]
assert user == "--user=@USER@" and output == "--output=json" and module == "Ftp", sys.argv
args = dict(item.split("=", 1) for item in rest)
note("uapi " + func + " " + " ".join(sorted(args)))
accounts = load()
if refuses():
    answer(0, None, ["Der FTP-Dienst ist abgeschaltet."])
if func == "list_ftp":
    answer(1, [{"user": login, "type": "sub", "homedir": account["home"]} for login, account in accounts.items()])
login = args["user"] + "@" + args["domain"]
assert args["domain"] in ("shop.example",), "not the main domain"
if func == "add_ftp":
    assert set(args) <= {"user", "domain", "homedir", "pass_hash", "quota"}, args
    assert args["pass_hash"].startswith("$6$") and not args["homedir"].startswith("/") and ".." not in args["homedir"]
    if login in accounts:
        answer(0, None, ["Das FTP-Konto gibt es schon."])
    accounts[login] = {"home": HOME + "/" + args["homedir"], "hash": args["pass_hash"]}
elif func == "delete_ftp":
    assert args["destroy"] == "0", "the files would go"
    if login not in accounts:
        answer(0, None, ["Das FTP-Konto gibt es nicht."])
    del accounts[login]
else:
    answer(0, None, ["unknown"])
save(accounts)
answer(1)
"#;

/// `plesk bin ftpsubaccount ...`, and everything else to the program for questions to the database.
const PLESK: &str = r#"
if sys.argv[1:2] == ["db"]:
    os.execv(sys.argv[0] + ".db", sys.argv)
assert sys.argv[1:3] == ["bin", "ftpsubaccount"], sys.argv
verb, name, *rest = sys.argv[3:]
options = dict(zip(rest[::2], rest[1::2]))
note("plesk " + verb + " " + " ".join(sorted(options)))
assert re.fullmatch(r"[a-z][a-z0-9_]{0,15}", name), name
assert options.pop("-domain") == "shop.example"
accounts = load()
def fail(text):
    sys.stderr.write(text + "\n")
    sys.exit(1)
if refuses():
    fail("Unable to create: the limit is reached.")
if verb == "--create":
    assert set(options) == {"-passwd", "-home"} and options["-passwd"] == "" and options["-home"].startswith("/"), options
    if name in accounts:
        fail("The FTP account already exists.")
    accounts[name] = {"home": HOME + options["-home"], "hash": hashed(os.environ["PSA_PASSWORD"])}
elif verb == "--remove":
    if name not in accounts:
        fail("There is no such FTP account.")
    del accounts[name]
else:
    fail("Unknown command")
save(accounts)
print("SUCCESS: done")
"#;

/// `directadmin api-url --user=U`
const DIRECTADMIN: &str = r#"
assert sys.argv[1:] == ["api-url", "--user=@USER@"], sys.argv
print("https://@USER@:Tk9pX2V4YW1wbGU@localhost:2222")
"#;

/// A DirectAdmin port that passes what it is asked to a program of the same kind.
const DIRECTADMIN_FTP: &str = r#"
fields = dict(item.split("=", 1) for item in sys.argv[1:])
note("directadmin " + " ".join(sorted(fields)))
accounts = load()
def done(error, text, details=""):
    print("error=%d&text=%s&details=%s" % (error, text, details)); sys.exit(0)
if refuses():
    done(1, "Cannot+create", "the+limit+is+reached")
domain = fields["domain"]
assert domain in ("shop.example", "books.example"), domain
if "action" not in fields:
    print("&".join("list[]=" + login.split("@")[0] for login in accounts if login.endswith("@" + domain))); sys.exit(0)
if fields["action"] == "create":
    assert fields["type"] == "custom" and fields["passwd"] == fields["passwd2"] and fields["custom_val"].startswith(HOME + "/"), fields
    login = fields["user"] + "@" + domain
    if login in accounts:
        done(1, "Cannot+create", "it+exists")
    accounts[login] = {"home": fields["custom_val"], "hash": hashed(fields["passwd"])}
elif fields["action"] == "delete":
    # This version wants the whole name.
    if fields["select0"] not in accounts:
        done(1, "Cannot+delete", "no+such+user")
    del accounts[fields["select0"]]
save(accounts)
done(0, "Done")
"#;

/// A panel's server with one account, an FTP server, a sandbox, and Panelgate's configuration.
struct World {
    account: Account,
    ftp: Server,
    editor: Editor,
    dir: tempfile::TempDir,
    _port: Option<http::Server>,
}

impl World {
    fn start(panel: &str) -> Self {
        let account = Account::make();
        let (dir, ftp) = (tempfile::tempdir().unwrap(), vsftpd_of_list(&account));
        let books = account.home().join("books");
        std::fs::create_dir(&books).unwrap();
        std::os::unix::fs::chown(&books, Some(account.user.uid), Some(account.user.gid)).unwrap();
        let root = dir.path().join("root");
        let sites = [
            TreeSite::new(domain(SITE), SiteKind::Main, "public_html"),
            TreeSite::new(domain(OTHER), SiteKind::Addon, "books"),
        ];
        let user = &account.user;
        let write = |place: &str, text: &str| program(&account, &ftp, &root.join(place), text);
        let mut port = None;
        match panel {
            "cpanel" => {
                tree::write_cpanel_tree(&root, user, &sites).unwrap();
                write("usr/local/cpanel/bin/uapi", UAPI);
            }
            "plesk" => {
                tree_plesk::write_plesk_tree(&root, user, &sites).unwrap();
                let plesk = root.join("usr/sbin/plesk");
                std::fs::rename(&plesk, root.join("usr/sbin/plesk.db")).unwrap();
                // The script finds its answers by its own name.
                let db = root.join("usr/sbin/plesk.db");
                let fixed = std::fs::read_to_string(&db)
                    .unwrap()
                    .replace("${0%/usr/sbin/plesk}", root.to_str().unwrap());
                copy(&fixed, &db);
                write("usr/sbin/plesk", PLESK);
            }
            _ => {
                tree_directadmin::write_directadmin_tree(&root, user, &sites).unwrap();
                write("usr/local/directadmin/directadmin", DIRECTADMIN);
                let ftp_program = dir.path().join("da-ftp");
                program(&account, &ftp, &ftp_program, DIRECTADMIN_FTP);
                port = Some(directadmin(&root, &user.name, ftp_program));
            }
        }
        let editor = Editor::start(Ways { ftp_port: ftp.port, ..Ways::default() });
        let world = Self { account, ftp, editor, dir, _port: port };
        world.configure(panel);
        world
    }

    fn configure(&self, panel: &str) {
        self.configure_with(panel, "type = external");
    }

    fn configure_with(&self, panel: &str, publish: &str) {
        let here = self.dir.path().display();
        std::fs::write(self.dir.path().join("ca.pem"), self.editor.builder.ca_pem()).unwrap();
        let text = format!(
            "[panel]\nkind = {panel}\nroot = {here}/root\npublic_ip = 127.0.0.1\n[builder]\nurl = {}\nusername = brand\npassword = secret\n\
             ca_file = {here}/ca.pem\nhosts = {}\n[publish]\n{publish}\nftp_check = 127.0.0.1:{}\n[store]\ndir = {here}/state\n",
            self.editor.builder.api_url(),
            self.editor.builder.page_host(),
            self.ftp.port,
        );
        let config = self.dir.path().join("panelgate.ini");
        std::fs::write(&config, text).unwrap();
        chmod(&config, 0o600);
    }

    fn gateway(&self) -> Direct {
        Direct::open(&self.dir.path().join("panelgate.ini")).unwrap()
    }

    /// Opens a session for a site; gives its hash.
    fn open(&self, gateway: &Direct, site: &str) -> Result<String, Error> {
        let session = gateway.open(&OpenRequest { site: Some(domain(site)), ..OpenRequest::new() })?;
        Ok(session.url.expose().split("login_hash=").nth(1).unwrap().to_owned())
    }

    /// User name and password of the last session call.
    fn handed_out(&self) -> (String, String) {
        let call = self.editor.builder.requests().pop().unwrap();
        let text = |name: &str| call.body[name].as_str().unwrap().to_owned();
        assert_eq!(
            (text("type"), text("apiUrl"), text("uploadDir")),
            ("external".into(), "127.0.0.1".into(), "/".into())
        );
        (text("username"), text("password"))
    }

    /// What the panel's programs were asked, one line each.
    fn asked(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.ftp.dir().join("list.log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn accounts(&self) -> usize {
        let list = std::fs::read_to_string(self.ftp.dir().join("list")).unwrap_or_else(|_| "{}".into());
        serde_json::from_str::<serde_json::Value>(&list).unwrap().as_object().unwrap().len()
    }
}

/// Puts a Python program in its place, by another process: a file that this one has open for writing cannot be run while a test beside forks.
fn program(account: &Account, ftp: &Server, place: &Path, text: &str) {
    let list = ftp.dir().join("list");
    let text = format!("#!/usr/bin/python3 -Wignore\n{WRITE_USERS}{PANEL}{text}")
        .replace("@LIST@", list.to_str().unwrap())
        .replace("@HOME@", account.home().to_str().unwrap())
        .replace("@USER@", &account.user.name);
    copy(&text, place);
}

fn copy(text: &str, place: &Path) {
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let source = place.with_extension("source");
    std::fs::write(&source, text).unwrap();
    let status = Command::new("install").args(["-m", "755"]).arg(&source).arg(place).status().unwrap();
    assert_eq!(status, ExitStatus::from_raw(0));
}

fn directadmin(root: &Path, user: &str, program: PathBuf) -> http::Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let conf = root.join("usr/local/directadmin/conf/directadmin.conf");
    std::fs::write(&conf, format!("servername=localhost\nport={port}\nssl=0\n")).unwrap();
    let pair =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{user}:Tk9pX2V4YW1wbGU"));
    let handler = move |request: Request| {
        assert!(request.headers.get("referer").is_some());
        if request.headers.get("authorization") != Some(&format!("Basic {pair}"))
            || request.path() != "/CMD_API_FTP"
        {
            return Response::html(200, "<html>Please log in");
        }
        let form =
            if request.method == "POST" { request.body.clone() } else { request.query().as_bytes().to_vec() };
        let fields = form_urlencoded::parse(&form).map(|(key, value)| format!("{key}={value}"));
        let output = Command::new(&program).args(fields).output().unwrap();
        Response::text(200, String::from_utf8_lossy(&output.stdout).trim())
    };
    http::serve(listener, Limits::default(), handler).unwrap()
}

fn whole_way(panel: &str) {
    if !is_root() {
        return;
    }
    let world = World::start(panel);
    let gateway = world.gateway();

    // The first opening makes the account; the site goes out with it, and it sees nothing but the document root.
    let session = world.open(&gateway, SITE).unwrap();
    let (login, password) = world.handed_out();
    assert!(login.starts_with("pg") && login.split('@').next().unwrap().len() == 14, "{login}");
    let outcome = world.editor.publish(&session, "By the panel's account");
    assert!(outcome.starts_with("Edition 1 is published"), "{outcome}");
    assert!(world.account.read("sitepro/pages/home.html").contains("<h1>By the panel's account</h1>"));
    let owner = std::os::unix::fs::MetadataExt::uid(
        &std::fs::metadata(world.account.document_root.join("index.php")).unwrap(),
    );
    assert_eq!(owner, world.account.user.uid);

    // The next one, also of a process that remembers nothing, finds it by logging in and asks the panel nothing.
    let asked = world.asked().len();
    world.open(&gateway, SITE).unwrap();
    world.open(&world.gateway(), SITE).unwrap();
    assert_eq!((world.handed_out(), world.asked().len()), ((login.clone(), password.clone()), asked));

    // Another site has another account.
    world.open(&gateway, OTHER).unwrap();
    assert_ne!(world.handed_out().0, login);
    assert_eq!(world.accounts(), 2);

    // One that the panel still lists, and the FTP server no longer lets in, is made again.
    let forged = format!("{WRITE_USERS}\nimport sys\nwrite_users(sys.argv[1], {{}})");
    let status = Command::new("python3").args(["-c", &forged]).arg(world.ftp.dir()).status().unwrap();
    assert!(status.success());
    let session = world.open(&world.gateway(), SITE).unwrap();
    assert_eq!(world.handed_out(), (login.clone(), password.clone()));
    assert!(world.editor.publish(&session, "Again").starts_with("Edition 2"));

    // After a revocation nobody gets in until the next opening, which hands out another password.
    admin::revoke(gateway.context(), gateway.principal(), &Target::Site(domain(SITE))).unwrap();
    assert_eq!(world.accounts(), 1);
    assert!(world.editor.publish(&session, "Too late").contains("answers 530"));
    let session = world.open(&gateway, SITE).unwrap();
    let (same, other) = world.handed_out();
    assert_eq!(same, login);
    assert_ne!(other, password);
    assert!(world.editor.publish(&session, "Back").starts_with("Edition 3"));
    admin::revoke(gateway.context(), gateway.principal(), &Target::All).unwrap();
    assert_eq!(world.accounts(), 0);
    // That there is nothing left to remove is no failure.
    admin::revoke(gateway.context(), gateway.principal(), &Target::All).unwrap();

    // What the panel says to a refusal reaches the administrator, and no secret does.
    std::fs::write(world.ftp.dir().join("deny"), "").unwrap();
    let error = world.open(&gateway, SITE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Publication);
    assert!(error.chain().contains("limit") || error.chain().contains("abgeschaltet"), "{error:?}");
    assert!(!format!("{error:?}").contains(&other) && !format!("{error:?}").contains("Tk9p"));
    let all = world.asked().join("\n");
    assert!(!all.contains(&password), "{all}");
}

#[test]
fn cpanel_makes_the_account() {
    whole_way("cpanel");
}

#[test]
fn plesk_makes_the_account() {
    whole_way("plesk");
}

#[test]
fn directadmin_makes_the_account() {
    whole_way("directadmin");
}

#[test]
fn until_the_endpoint_is_reached_the_account_stands_in_where_that_is_wanted() {
    if !is_root() {
        return;
    }
    let world = World::start("cpanel");
    let endpoint = "https://panel.example/panelgate/";
    let kind = || {
        world.open(&world.gateway(), SITE).unwrap();
        world.editor.builder.requests().pop().unwrap().body["type"].as_str().unwrap().to_owned()
    };
    world.configure_with("cpanel", &format!("endpoint = {endpoint}"));
    assert_eq!((kind().as_str(), world.accounts()), ("http", 0), "no password leaves unless it is wanted");

    world.configure_with("cpanel", &format!("endpoint = {endpoint}\nfallback = external"));
    assert_eq!((kind().as_str(), world.accounts()), ("external", 1));
    // A panel that makes none keeps nobody out.
    let gateway = world.gateway();
    admin::revoke(gateway.context(), gateway.principal(), &Target::All).unwrap();
    std::fs::write(world.ftp.dir().join("deny"), "").unwrap();
    assert_eq!((kind().as_str(), world.accounts()), ("http", 0));
    std::fs::remove_file(world.ftp.dir().join("deny")).unwrap();

    assert_eq!(kind(), "external");
    world.gateway().context().store().unwrap().note_reached(&WebUrl::parse(endpoint).unwrap()).unwrap();
    assert_eq!(kind(), "http");
    admin::revoke(gateway.context(), gateway.principal(), &Target::All).unwrap();
    assert_eq!(world.accounts(), 0, "what was made before the endpoint was reached goes too");
}

/// A process of ours that ends with the test.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[test]
fn the_broker_leaves_making_it_to_a_job() {
    if !is_root() {
        return;
    }
    let world = World::start("cpanel");
    let (config, socket) = (world.dir.path().join("panelgate.ini"), world.dir.path().join("broker.sock"));
    let start = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.arg("--config").arg(&config).args(arguments);
        Process(
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap(),
        )
    };
    let _jobs = start(&["jobs"]);
    let _broker = start(&["--socket", socket.to_str().unwrap(), "broker"]);
    wait_for("the broker", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    let broker = Remote::new(&socket);
    let open = |site: &str| broker.open(&OpenRequest { site: Some(domain(site)), ..OpenRequest::new() });

    let session = open(SITE).unwrap();
    let hash = session.url.expose().split("login_hash=").nth(1).unwrap().to_owned();
    assert_eq!(world.accounts(), 1);
    assert!(world.editor.publish(&hash, "By a job").starts_with("Edition 1"));
    let jobs = || {
        world
            .gateway()
            .context()
            .store()
            .unwrap()
            .jobs(&JobQuery { limit: 9, ..JobQuery::default() })
            .unwrap()
    };
    assert_eq!(jobs().iter().map(|job| job.kind.as_str()).collect::<Vec<_>>(), ["ftp-account"]);
    open(SITE).unwrap();
    assert_eq!(jobs().len(), 1, "what is there is not made again");

    // Why the panel refuses reaches the administrator's log through the job, and whoever clicks gets their sentence.
    std::fs::write(world.ftp.dir().join("deny"), "").unwrap();
    assert_eq!(open(OTHER).unwrap_err().kind(), ErrorKind::Publication);
    let reason = jobs()[0].reason.clone().unwrap();
    assert!(reason.contains("abgeschaltet"), "{reason}");
    std::fs::remove_file(world.ftp.dir().join("deny")).unwrap();
    open(OTHER).unwrap();
    assert_eq!(world.accounts(), 2);
    let all = format!("{:?}", jobs());
    assert!(!all.contains(&world.handed_out().1), "no password in the store");
}

/// What a suspension leaves to a panel that does not do it at once.
#[test]
fn an_account_outlives_no_suspension_however_often_the_panel_refuses() {
    if !is_root() {
        return;
    }
    let world = World::start("cpanel");
    let user = &world.account.user.name;
    let marker = world.dir.path().join("root/var/cpanel/suspended").join(user);
    std::fs::create_dir_all(marker.parent().unwrap()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_panelgate"));
        command.arg("--config").arg(world.dir.path().join("panelgate.ini")).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let happens = |event: &str| {
        if event == "suspend" {
            std::fs::write(&marker, "").unwrap();
        } else {
            std::fs::remove_file(&marker).unwrap();
        }
        run(&["event", "plain", "--event", event, "--account", user]);
        run(&["jobs", "--once"]);
    };
    let gateway = world.gateway();
    let ends = || -> Vec<Job> {
        let query = JobQuery { kind: Some("end-ftp-account".into()), limit: 9, ..JobQuery::default() };
        gateway.context().store().unwrap().jobs(&query).unwrap()
    };
    // The event ends credentials and so does the look that follows: there may be a job of each.
    let waiting = || ends().into_iter().filter(|job| job.state == JobState::Waiting).collect::<Vec<_>>();
    let again = || {
        for job in waiting() {
            gateway.context().store().unwrap().retry_job(job.id).unwrap();
        }
        run(&["jobs", "--once"]);
        assert!(ends().iter().all(|job| job.state == JobState::Done), "{:?}", ends());
    };
    let blocked = || {
        let requests = world.editor.builder.requests();
        let told = requests.iter().rev().find(|request| request.target.ends_with("set-blocked"));
        told.map(|request| request.body["value"].as_bool().unwrap())
    };

    world.open(&gateway, SITE).unwrap();
    let deny = world.ftp.dir().join("deny");
    std::fs::write(&deny, "").unwrap();
    happens("suspend");
    assert_eq!(world.accounts(), 1);
    let reason = waiting()[0].reason.clone().unwrap();
    assert!(reason.contains("abgeschaltet"), "{reason}");
    assert_eq!(blocked(), Some(true), "the builder is told, whatever the panel says");
    std::fs::remove_file(&deny).unwrap();
    again();
    assert_eq!(world.accounts(), 0);

    // One that was made anew meanwhile stays.
    happens("unsuspend");
    world.open(&world.gateway(), SITE).unwrap();
    let (_, first) = world.handed_out();
    std::fs::write(&deny, "").unwrap();
    happens("suspend");
    std::fs::remove_file(&deny).unwrap();
    std::fs::remove_file(&marker).unwrap();
    let session = world.open(&world.gateway(), SITE).unwrap();
    assert_ne!(world.handed_out().1, first);
    assert!(!waiting().is_empty());
    again();
    assert_eq!(world.accounts(), 1);
    assert!(world.editor.publish(&session, "Still in").starts_with("Edition 1"));
}
