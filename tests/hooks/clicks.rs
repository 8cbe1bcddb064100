//! The icon of each panel, clicked in Chromium, with the page as it lies in the unpacked bundle, behind Apache.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use panelgate::config::PanelKind;

use crate::bundles::{pack, unpack};
use crate::common::apache::Apache;
use crate::common::webdriver::Browser;
use crate::common::{self, SITE_MAIN, Sites, Trial};

/// Unpacks a panel's bundle into the trial, with the trial's configuration beside the page in `folder`; where it was unpacked.
fn unpacked(trial: &Trial, panel: &str, folder: &str) -> PathBuf {
    let built = tempfile::tempdir().unwrap();
    // As it is packaged; with all that a debugger wants it takes minutes to pack.
    let program = built.path().join("stripped");
    let stripped = Command::new("strip").arg("-o").arg(&program).arg(common::cgi_program()).status().unwrap();
    assert!(stripped.success());
    let bundles = pack(built.path(), &program, "022", &[panel]);
    let tree = trial.dir.path().join("panelgate");
    unpack(&bundles.join(format!("panelgate-{panel}.tar.gz")), &tree);
    std::fs::copy(trial.config(), tree.join(folder).join("panelgate.ini")).unwrap();
    common::chmod(&tree.join(folder).join("panelgate.ini"), 0o600);
    trial.user.own(&tree);
    tree
}

fn arrives(trial: &Trial, browser: &Browser) {
    let builder = format!("https://{}/?login_hash=", trial.builder.page_host());
    browser.wait_for_url("the builder", |url| url.starts_with(&builder));
    assert_eq!(browser.text("#site"), SITE_MAIN);
    assert_eq!(trial.sessions(), 1);
}

/// Puts what stands around an icon on a page.
fn with_icon(apache: &Apache, address: &str, icon: &str) {
    let page = format!(
        "<!doctype html><html lang=\"en\"><title>Panel</title><h1>Panel</h1><nav>{icon}</nav></html>"
    );
    apache.write_page(address, &page);
}

#[test]
fn cpanels_icon_opens_the_session_and_ends_the_live_api() {
    let trial = Trial::start(PanelKind::CPanel, Sites::One);
    let tree = unpacked(&trial, "cpanel", "jupiter");
    let install: serde_json::Value =
        serde_json::from_slice(&std::fs::read(tree.join("install.json")).unwrap()).unwrap();
    let address = format!("/frontend/jupiter/{}", install[0]["uri"].as_str().unwrap());

    let socket = trial.dir.path().join("live.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    common::chmod(&socket, 0o666);
    let live_api = std::thread::spawn(move || {
        // Closed by the page: it reads its end first.
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = [0; 29];
        stream.read_exact(&mut heard).unwrap();
        heard
    });
    let variables =
        [("cp_security_token", "/cpsess1234567890"), ("CPANEL_CONNECT_SOCKET", socket.to_str().unwrap())];
    let apache = Apache::start(&trial.user, &[(&address, &tree.join("jupiter/index.live.cgi"))], &variables);
    with_icon(
        &apache,
        "/panel.html",
        &format!("<a href=\"{address}\">{}</a>", install[0]["name"].as_str().unwrap()),
    );
    let browser = Browser::start("en");
    browser.open(&apache.url("/panel.html"));
    browser.click("nav a");
    arrives(&trial, &browser);
    assert_eq!(live_api.join().unwrap(), *b"26\n<cpanelxml shutdown=\"1\" />");
}

/// What DirectAdmin does for a page: everything in variables, and the page's output as the whole answer. Apache passes on what a program of such a
/// name says as it is.
fn directadmin_front(trial: &Trial, tree: &Path) -> PathBuf {
    let front = tree.join("nph-directadmin");
    let user = &trial.user.name;
    let text = format!(
        "#!/bin/sh\nPOST=$(cat)\nexec /usr/bin/env -i REQUEST_METHOD=\"$REQUEST_METHOD\" QUERY_STRING=\"$QUERY_STRING\" POST=\"$POST\" \
         CONTENT_TYPE=\"$CONTENT_TYPE\" CONTENT_LENGTH= USERNAME={user} USER={user} RUNNING_AS={user} LANGUAGE=en DA_VERSION=1.709 SSL=1 \
         SESSION_ID=aaaa SESSION_KEY=bbbb HTTP_COOKIE=\"$HTTP_COOKIE\" SCRIPT_NAME=/CMD_PLUGINS/panelgate/index.raw {}/user/index.raw\n",
        tree.display()
    );
    std::fs::write(&front, text).unwrap();
    common::chmod(&front, 0o755);
    front
}

#[test]
fn directadmins_icon_opens_the_session() {
    let trial = Trial::start(PanelKind::DirectAdmin, Sites::One);
    let tree = unpacked(&trial, "directadmin", "user");
    let front = directadmin_front(&trial, &tree);
    let icon = std::fs::read_to_string(tree.join("hooks/user_txt.html")).unwrap();
    let address = icon.split('"').nth(1).unwrap();
    let apache = Apache::start(&trial.user, &[(address, &front)], &[]);
    // A new window would need another handle of the driver's.
    with_icon(&apache, "/panel.html", &icon.replace(" target=\"_blank\"", ""));
    let browser = Browser::start("en");
    browser.open(&apache.url("/panel.html"));
    browser.click("nav a");
    arrives(&trial, &browser);
    // The same program under its other name is a part of the skin's page.
    let page = trial.run(
        &tree.join("user/index.html"),
        &[],
        &[("REQUEST_METHOD", "GET"), ("POST", ""), ("DA_VERSION", "1.709")],
        b"",
    );
    let text = String::from_utf8(page.stdout).unwrap();
    assert!(
        !text.starts_with("HTTP/") && !text.starts_with("Status:") && text.contains("login_hash="),
        "{text}"
    );
}
