//! On DirectAdmin a process of the account must show a live session of the panel.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod common;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{NAME_OF_B, SITE_MAIN, Sites, Trial};
use panelgate::config::PanelKind;
use panelgate::sandbox::http::{Limits, Request, Response, Server, serve};

/// A DirectAdmin that knows two sessions and says more percent signs than needed.
fn panel(own: String) -> (Server, u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let handler = move |request: Request| {
        count.fetch_add(1, Ordering::SeqCst);
        let cookie = request.headers.get("cookie").unwrap_or_default();
        assert!(request.target == "/CMD_API_SHOW_USER_CONFIG" && request.headers.get("referer").is_some());
        let percent = |name: &str| -> String { name.bytes().map(|byte| format!("%{byte:02x}")).collect() };
        match cookie {
            "session=mine; key=k1" => {
                Response::text(200, &format!("usertype=user&username={}&zoom=100", percent(&own)))
            }
            "session=theirs; key=k2" => Response::text(200, &format!("username={}", percent(NAME_OF_B))),
            "session=login; key=k3" => Response::text(200, "<html>username=x&"),
            "session=broken; key=k4" => Response::text(500, "oops"),
            _ => Response::text(401, "no"),
        }
    };
    (serve(listener, Limits::default(), handler).unwrap(), port, asked)
}

fn click(trial: &Trial, session: Option<(&str, &str)>) -> String {
    let program = trial.dir.path().join("bin/index.raw");
    let program = if program.exists() { program } else { trial.program("index.raw") };
    let mut variables = vec![
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", ""),
        ("USERNAME", trial.user.name.as_str()),
        ("DA_VERSION", "1.709"),
        ("POST", ""),
    ];
    variables.extend(session.iter().flat_map(|(id, key)| [("SESSION_ID", *id), ("SESSION_KEY", *key)]));
    let output = trial.run(&program, &[], &variables, b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn only_a_live_session_of_the_account_itself_opens_anything() {
    let trial = Trial::with(PanelKind::DirectAdmin, Sites::One, "[directadmin]\nrequire_session = yes\n");
    let (server, port, asked) = panel(trial.user.name.clone());
    let conf = trial.dir.path().join("root/usr/local/directadmin/conf/directadmin.conf");
    std::fs::write(&conf, format!("servername=localhost\nport={port}\nssl=0\n")).unwrap();
    trial.user.own(&conf);
    for (session, want) in [
        (None, "403"),
        (Some(("mine", "wrong")), "403"),
        (Some(("theirs", "k2")), "403"),
        (Some(("login", "k3")), "403"),
        (Some(("broken", "k4")), "503"),
        (Some(("mine; key=k1", "x")), "403"),
        (Some(("mine\r\nCookie: session=mine; key=k1", "x")), "400"),
    ] {
        assert_eq!(click(&trial, session), want, "{session:?}");
        assert_eq!(trial.sessions(), 0, "{session:?}");
    }
    assert_eq!(click(&trial, Some(("mine", "k1"))), "303");
    assert_eq!(trial.sessions(), 1);
    assert!(trial.builder.requests().iter().any(|call| call.body["domain"] == SITE_MAIN));
    assert_eq!(
        asked.load(Ordering::SeqCst),
        5,
        "one question for a click, none for what cannot be a session"
    );

    drop(server);
    assert_eq!(click(&trial, Some(("mine", "k1"))), "503", "a panel that cannot be asked confirms nothing");
    trial.write_config("[directadmin]\nrequire_session = no\n");
    assert_eq!(click(&trial, None), "303");
}

/// Answers every question about a session with the name in its argument, as DirectAdmin would.
const FALSE_PANEL: &str = r#"
import http.server, sys
class Panel(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open(sys.argv[2], "a").write(str(self.headers))
        body = ("username=" + sys.argv[1]).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", 0), Panel)
open(sys.argv[3], "w").write(str(server.server_address[1]))
server.serve_forever()
"#;

#[test]
fn whoever_takes_the_port_of_a_panel_without_tls_is_not_believed_and_sees_no_session() {
    use std::os::unix::process::CommandExt;
    if !common::is_root() {
        eprintln!("skipped: a false panel needs a uid of its own, which only root can give it");
        return;
    }
    let trial = Trial::with(PanelKind::DirectAdmin, Sites::One, "[directadmin]\nrequire_session = yes\n");
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(place.path(), Some(30_001), Some(30_001)).unwrap();
    let (seen, port) = (place.path().join("seen"), place.path().join("port"));
    let mut stranger = std::process::Command::new("/usr/bin/python3")
        .args(["-c", FALSE_PANEL, &trial.user.name])
        .args([&seen, &port])
        .current_dir("/")
        .uid(30_001)
        .gid(30_001)
        .spawn()
        .unwrap();
    common::wait_for("the false panel", || std::fs::read_to_string(&port).is_ok_and(|text| !text.is_empty()));
    let port = std::fs::read_to_string(&port).unwrap();
    let conf = trial.dir.path().join("root/usr/local/directadmin/conf/directadmin.conf");
    std::fs::write(&conf, format!("servername=localhost\nport={port}\nssl=0\n")).unwrap();
    trial.user.own(&conf);
    let answer = click(&trial, Some(("mine", "k1")));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert_eq!((answer.as_str(), trial.sessions(), seen.exists()), ("503", 0, false));
}
