//! cPanel and DirectAdmin, as stand-in programs that check their arguments and can fail, hang, lie and print noise.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use panelgate::panel::SiteKind;
use panelgate::sandbox::tree::TreeSite;
use panelgate::sandbox::tree_directadmin::write_directadmin_tree;
use panelgate::store::{Job, JobState};
use panelgate::sys::users::User;
use serde_json::Value;

use crate::world::{World, shop, wait};

const BOB: u32 = 20_001;

/// What every stand-in begins with: how it shall behave, and that its environment is ours.
const HEAD: &str = r#"#!/usr/bin/python3
import json, os, subprocess, sys, time
mode = open(sys.argv[0] + ".mode").read()
open(sys.argv[0] + ".called", "a").write(" ".join(sys.argv[1:]) + "\n")
assert set(os.environ) <= {"PATH", "LC_ALL", "HOME", "LC_CTYPE"}, os.environ
def check(ok):
    if not ok:
        print("wrong arguments: %r" % sys.argv, file=sys.stderr); sys.exit(9)
if mode == "hang": time.sleep(600)
if mode == "noise": print("Use of uninitialized value at line 3.\nwarning: {not json")
"#;

const UAPI: &str = r#"
check(sys.argv[1:] == ["--user=bob", "--output=json", "Backup", "fullbackup_to_homedir", "homedir=include"])
def reply(result): print(json.dumps({"apiversion": 3, "module": "Backup", "func": "fullbackup_to_homedir", "result": result})); sys.exit(0)
if mode == "refuse": reply({"status": 0, "data": None, "errors": ["A backup is already running."]})
if mode == "nonsense": print("Segmentation fault"); sys.exit(0)
home = os.path.realpath(os.path.dirname(sys.argv[0]) + "/../../../../home/bob")
work = "import os,sys,time; time.sleep(0.7); f=open(sys.argv[1]+'/backup-11.21.2026_10-00-00_bob.tar.gz','w'); f.write('archive'); f.close()"
if mode == "lie": work = "pass"
pid = subprocess.Popen([sys.executable, "-c", work, home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=20001, group=20001, start_new_session=True).pid
reply({"status": "1" if mode == "noise" else 1, "data": {"pid": str(pid)}, "errors": None})
"#;

const PKGACCT: &str = r#"
check(len(sys.argv) == 3 and sys.argv[1] == "bob" and os.path.isdir(sys.argv[2]))
out = sys.argv[2] + "/cpmove-bob.tar.gz"
print("pkgacct started.")
if mode == "fail": print("Unable to pack: quota", file=sys.stderr); sys.exit(1)
if mode == "lie": sys.exit(0)
if mode == "link": os.symlink("/etc/shadow", out); sys.exit(0)
if mode == "empty": open(out, "w"); sys.exit(0)
if mode == "slow":
    open(out, "w").write("half")
    # Not longer than its test, however that ends.
    while os.path.exists(sys.argv[0]) and not os.path.exists(sys.argv[0] + ".go"): time.sleep(0.05)
open(out, "w").write("account of bob")
"#;

const DIRECTADMIN: &str = r#"
if sys.argv[1] == "api-url":
    check(sys.argv[1:] == ["api-url", "--user=bob"])
    host = "evil.example" if mode == "evil" else "localhost"
    print("https://bob:Tk9pX2V4@%s:%s" % (host, open(sys.argv[0] + ".port").read())); sys.exit(0)
check(len(sys.argv) == 4 and sys.argv[1] == "admin-backup" and sys.argv[2].startswith("--destination=/") and sys.argv[3] == "--user=bob")
# Its status says nothing.
if mode == "fail": print("Error with backup: disk full"); sys.exit(0)
open(sys.argv[2][len("--destination="):] + "/user.admin.bob.tar.zst", "w").write("account of bob")
"#;

/// DirectAdmin's own port.
const PORT: &str = r#"
import http.server, json, os, ssl, sys, time, urllib.parse, base64
place = sys.argv[1]
names, queued, writing = ["backup-old-1.tar.gz"], [], []
# An archive is listed when it is begun. One that is written to was changed a moment ago, whenever one looks.
def write(name, text, ahead):
    folder = place + "/da/home/bob/backups/"
    os.makedirs(folder, exist_ok=True)
    open(folder + name, "wb").write(text)
    os.utime(folder + name, (time.time() + ahead,) * 2)
    for path in (folder, folder + name): os.chown(path, 20001, 20001)
class Panel(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def answer(self, status, body):
        self.send_response(status); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def allowed(self):
        want = "Basic " + base64.b64encode(b"bob:Tk9pX2V4").decode()
        return self.headers["Authorization"] == want and self.headers["Referer"]
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if not self.allowed() or url.path != "/CMD_SITE_BACKUP": return self.answer(200, b"<html>login</html>")
        assert urllib.parse.parse_qs(url.query) == {"json": ["yes"], "domain": ["shop.example"], "ipp": ["50"]}, url
        while writing: write(writing.pop(), b"a whole archive", -3600)
        for at in list(queued):
            if time.time() > at + 1:
                queued.remove(at); names.append("backup-Nov-21-2026-%d.tar.gz" % len(names))
                write(names[-1], b"half of it", 3600); writing.append(names[-1])
        self.answer(200, json.dumps({"files": names}).encode())
    def do_POST(self):
        body = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if not self.allowed(): return self.answer(200, b"<html>login</html>")
        open(place + "/posted", "a").write(json.dumps(body) + "\n")
        if open(place + "/port.mode").read() == "refuse":
            return self.answer(500, json.dumps({"error": "Cannot Create Backup", "result": "no space"}).encode())
        queued.append(time.time())
        self.answer(200, json.dumps({"success": "Backup creation added to queue", "result": ""}).encode())
server = http.server.HTTPServer(("127.0.0.1", 0), Panel)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(place + "/cert.pem", place + "/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
open(place + "/port.new", "w").write(str(server.server_address[1]))
os.rename(place + "/port.new", place + "/port")
server.serve_forever()
"#;

struct Program {
    path: PathBuf,
}

impl Program {
    fn install(path: PathBuf, text: &str) -> Self {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("{HEAD}{text}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = Self { path };
        program.mode("ok");
        program
    }

    fn beside(&self, ending: &str) -> PathBuf {
        PathBuf::from(format!("{}.{ending}", self.path.display()))
    }

    fn mode(&self, mode: &str) {
        std::fs::write(self.beside("mode"), mode).unwrap();
    }

    fn calls(&self) -> usize {
        std::fs::read_to_string(self.beside("called")).unwrap_or_default().lines().count()
    }
}

fn open_to_accounts(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o711)).unwrap();
}

fn home(world: &World, root: &str) -> PathBuf {
    open_to_accounts(world.dir.path());
    let home = world.dir.path().join(root).join("home/bob");
    std::fs::create_dir_all(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(BOB), Some(BOB)).unwrap();
    home
}

fn order(world: &World, arguments: &[&str]) -> Job {
    let arguments = [&["backup", "create", "--fresh", "--json"], arguments].concat();
    let output = world.run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let jobs: Value = serde_json::from_slice(&output.stdout).unwrap();
    world.once();
    world.store().job(jobs[0]["id"].as_u64().unwrap()).unwrap().unwrap()
}

fn result(job: &Job) -> Value {
    assert_eq!(job.state, JobState::Done, "{job:?}");
    serde_json::from_str(job.result.as_deref().unwrap()).unwrap()
}

fn stop(world: &World, job: &Job) {
    world.store().cancel_job(job.id).unwrap();
    world.once();
    assert!(world.store().job(job.id).unwrap().unwrap().state.is_final());
}

#[test]
fn cpanel_packs_into_the_home_and_is_followed_to_the_end() {
    crate::needs_root!();
    let world = World::start("");
    let home = home(&world, "root");
    let uapi = Program::install(world.dir.path().join("root/usr/local/cpanel/bin/uapi"), UAPI);
    for mode in ["ok", "noise"] {
        uapi.mode(mode);
        let start = Instant::now();
        let done = result(&order(&world, &["--account", "bob"]));
        assert_eq!(done["files"][0]["name"], "/home/bob/backup-11.21.2026_10-00-00_bob.tar.gz", "{done}");
        assert_eq!(done["files"][0]["size"], 7);
        assert!(start.elapsed() > Duration::from_millis(700), "it was waited for");
        std::fs::remove_file(home.join("backup-11.21.2026_10-00-00_bob.tar.gz")).unwrap();
    }
    let list = world.run(&["backup", "list", "--account", "bob", "--json"]);
    assert_eq!(String::from_utf8_lossy(&list.stdout), "[]\n");
    // A file that the account made itself, in a home that is not to be believed.
    std::os::unix::fs::symlink("/etc/shadow", home.join("backup-1_bob.tar.gz")).unwrap();
    std::fs::create_dir(home.join("backup-2_bob.tar.gz")).unwrap();
    std::fs::write(home.join("backup-a b\n_bob.tar.gz"), b"x").unwrap();
    let list = world.run(&["backup", "list", "--account", "bob", "--json"]);
    assert_eq!(String::from_utf8_lossy(&list.stdout), "[]\n", "{}", String::from_utf8_lossy(&list.stderr));

    uapi.mode("refuse");
    let job = order(&world, &["--account", "bob"]);
    assert_eq!(job.state, JobState::Failed);
    assert!(job.reason.unwrap().contains("A backup is already running."));
    uapi.mode("nonsense");
    let job = order(&world, &["--account", "bob"]);
    assert_eq!(
        (job.state, job.reason.as_ref().unwrap().contains("no JSON")),
        (JobState::Waiting, true),
        "{job:?}"
    );
    stop(&world, &job);
}

#[test]
fn cpanel_packs_into_the_directory_of_this_server() {
    crate::needs_root!();
    let world = World::start("");
    home(&world, "root");
    let pkgacct = Program::install(world.dir.path().join("root/usr/local/cpanel/scripts/pkgacct"), PKGACCT);
    let to_directory = ["--account", "bob", "--to", "directory"];
    let done = result(&order(&world, &to_directory));
    let path = done["files"][0]["name"].as_str().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"account of bob");
    assert!(path.ends_with(".tar.gz") && done["files"][0]["sha256"].as_str().unwrap().len() == 64);
    let folder = Path::new(path).parent().unwrap().to_owned();
    let left = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with('.')).collect()
    };
    assert!(left().is_empty(), "{:?}", left());
    for (mode, state, says) in [
        ("fail", JobState::Failed, "Unable to pack: quota"),
        ("lie", JobState::Failed, "0 archives"),
        ("link", JobState::Waiting, "cannot be taken over"),
        ("empty", JobState::Failed, "not empty"),
        ("hang", JobState::Waiting, "it took longer than it may"),
    ] {
        pkgacct.mode(mode);
        if mode == "hang" {
            world.configure("[backup]\ntimeout = 5s");
        }
        let job = order(&world, &to_directory);
        assert!(job.state == state && job.reason.as_ref().unwrap().contains(says), "{mode}: {job:?}");
        assert!(left().is_empty(), "{mode}: {:?}", left());
        stop(&world, &job);
    }
}

#[test]
fn a_pkgacct_that_outlives_its_job_is_waited_for_and_its_half_file_is_no_backup() {
    crate::needs_root!();
    let world = World::start("");
    home(&world, "root");
    let pkgacct = Program::install(world.dir.path().join("root/usr/local/cpanel/scripts/pkgacct"), PKGACCT);
    pkgacct.mode("slow");
    let output = world.run(&["backup", "create", "--account", "bob", "--to", "directory", "--json"]);
    let jobs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = jobs[0]["id"].as_u64().unwrap();
    let mut child = world.daemon();
    wait("pkgacct runs", || pkgacct.calls() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    pkgacct.mode("ok");
    world.once();
    let job = world.store().job(id).unwrap().unwrap();
    assert!(job.reason.as_ref().unwrap().contains("still runs"), "{job:?}");
    assert_eq!(pkgacct.calls(), 1, "not a second one beside it");
    std::fs::write(pkgacct.beside("go"), b"").unwrap();
    wait("the end of the first one", || {
        world.store().retry_job(id).unwrap();
        world.once();
        world.store().job(id).unwrap().unwrap().state == JobState::Done
    });
    let done = result(&world.store().job(id).unwrap().unwrap());
    assert_eq!(std::fs::read(done["files"][0]["name"].as_str().unwrap()).unwrap(), b"account of bob");
}

#[test]
fn what_was_ordered_for_an_account_is_not_done_to_the_next_one_of_its_name() {
    crate::needs_root!();
    let world = World::start("");
    home(&world, "root");
    let pkgacct = Program::install(world.dir.path().join("root/usr/local/cpanel/scripts/pkgacct"), PKGACCT);
    let create = || {
        let output = world.run(&["backup", "create", "--account", "bob", "--to", "directory", "--json"]);
        let jobs: Value = serde_json::from_slice(&output.stdout).unwrap();
        jobs[0]["id"].as_u64().unwrap()
    };
    let id = create();
    let file = world.dir.path().join("root/var/cpanel/users/bob");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("STARTDATE=", "STARTDATE=9")).unwrap();
    world.once();
    let job = world.store().job(id).unwrap().unwrap();
    assert!(job.state == JobState::Failed && job.reason.as_ref().unwrap().contains("another one"), "{job:?}");
    assert_eq!(pkgacct.calls(), 0);
    let next = create();
    assert!(next != id);
    world.once();
    assert_eq!(world.store().job(next).unwrap().unwrap().state, JobState::Done);
}

/// A DirectAdmin with its port; the port's process ends with the value.
struct DirectAdmin {
    program: Program,
    port: Child,
    place: PathBuf,
}

impl DirectAdmin {
    fn start(world: &World) -> Self {
        let root = world.dir.path().join("da");
        let user = User { name: "bob".into(), uid: BOB, gid: BOB, home: "/home/bob".into() };
        write_directadmin_tree(&root, &user, &[TreeSite::new(shop(), SiteKind::Main, "public_html")])
            .unwrap();
        let program = Program::install(root.join("usr/local/directadmin/directadmin"), DIRECTADMIN);
        let place = world.dir.path().to_owned();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(place.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(place.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(place.join("port.mode"), "ok").unwrap();
        let port = Command::new("/usr/bin/python3")
            .args(["-c", PORT])
            .arg(&place)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        wait("the port", || place.join("port").exists());
        let number = std::fs::read_to_string(place.join("port")).unwrap();
        std::fs::write(program.beside("port"), &number).unwrap();
        let conf = root.join("usr/local/directadmin/conf/directadmin.conf");
        std::fs::write(conf, format!("servername=localhost\nport={number}\nssl=1\n")).unwrap();
        let ca = place.join("cert.pem").display().to_string();
        world.configure_panel(
            "directadmin",
            "da",
            &format!("[directadmin]\nrequire_session = no\nca_file = {ca}"),
        );
        Self { program, port, place }
    }
}

impl Drop for DirectAdmin {
    fn drop(&mut self) {
        let _ = self.port.kill();
        let _ = self.port.wait();
    }
}

#[test]
fn directadmin_packs_accounts_and_sites_and_only_archives_count() {
    crate::needs_root!();
    let world = World::start("");
    home(&world, "da");
    let da = DirectAdmin::start(&world);
    let done = result(&order(&world, &["--account", "bob", "--to", "directory"]));
    let path = done["files"][0]["name"].as_str().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"account of bob");
    assert!(path.ends_with(".tar.zst"));
    da.program.mode("fail");
    let job = order(&world, &["--account", "bob", "--to", "directory"]);
    assert!(job.state == JobState::Failed && job.reason.as_ref().unwrap().contains("disk full"), "{job:?}");

    da.program.mode("ok");
    let done = result(&order(&world, &["--account", "bob"]));
    assert_eq!(done["entry"], "backup-Nov-21-2026-1.tar.gz", "{done}");
    assert_eq!(done["files"][0]["size"], "a whole archive".len(), "{done}");
    let done = result(&order(&world, &["shop.example", "--account", "bob", "--scope", "mail"]));
    assert_eq!(done["entry"], "backup-Nov-21-2026-2.tar.gz", "{done}");
    let posted = std::fs::read_to_string(da.place.join("posted")).unwrap();
    let last: Value = serde_json::from_str(posted.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["action"][0], &last["form_version"][0], &last["domain"][0]),
        (&"backup".into(), &"4".into(), &"shop.example".into())
    );
    assert_eq!((&last["select0"][0], last.get("select7")), (&"email".into(), None));

    std::fs::write(da.place.join("port.mode"), "refuse").unwrap();
    let job = order(&world, &["--account", "bob"]);
    assert!(job.state == JobState::Failed && job.reason.as_ref().unwrap().contains("no space"), "{job:?}");
    da.program.mode("evil");
    let job = order(&world, &["--account", "bob"]);
    let reason = job.reason.clone().unwrap();
    assert!(reason.contains("gives no address of this machine"), "{reason}");
    // The password that DirectAdmin makes for the moment is nowhere.
    let everything = world.run(&["jobs", "list", "--all", "--json"]);
    let everything = String::from_utf8_lossy(&everything.stdout).into_owned();
    assert!(!everything.contains("Tk9pX2V4") && !reason.contains("Tk9pX2V4"));
}
