//! The page as it is packaged: built without private trials, so that the broker is its only way.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{self, chmod};
use crate::needs_root;
use crate::world::{A, World};

/// `tests/run` builds it and says where; a plain `cargo test` has no second build.
fn packaged() -> Option<PathBuf> {
    let page = std::env::var_os("PANELGATE_TEST_PAGE").map(PathBuf::from);
    assert!(
        page.is_some() || std::env::var_os("PANELGATE_TEST_ALL").is_none(),
        "the packaged page is missing"
    );
    page
}

/// Runs a page as account A where `/run/panelgate` is the world's directory, as on a server that has Panelgate installed.
fn click(world: &World, page: &Path) -> Output {
    let script = "mount --bind \"$1\" /run/panelgate && exec setpriv --reuid \"$2\" --regid \"$2\" --clear-groups env -i \
                  GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET QUERY_STRING=site=a.example REMOTE_ADDR=198.51.100.7 \
                  cp_security_token=/cpsess1 \"$3\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]);
    command.arg(world.dir.path()).arg(A.to_string()).arg(page);
    command.output().unwrap()
}

#[test]
fn it_asks_the_broker_and_takes_no_configuration_from_beside_itself() {
    needs_root!();
    let Some(built) = packaged() else { return eprintln!("skipped: tests/run builds the packaged page") };
    let made = std::fs::create_dir("/run/panelgate").is_ok();
    let world = World::start();
    let copy = |name: &str| {
        let directory = world.path(name);
        std::fs::create_dir(&directory).unwrap();
        chmod(&directory, 0o755);
        let page = directory.join("panelgate.cgi");
        // By another process: a file that this one has open for writing cannot be run if a test beside forks at that moment.
        assert!(Command::new("cp").arg(&built).arg(&page).status().unwrap().success());
        chmod(&page, 0o755);
        page
    };
    let installed = copy("installed");
    let output = click(&world, &installed);
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains("login_hash="), "{answer} {}", String::from_utf8_lossy(&output.stderr));

    // What would be a private trial with another program.
    let own = copy("own");
    let settings = own.with_file_name("panelgate.ini");
    std::fs::write(&settings, "[broker]\nsocket = /nonexistent/socket\n").unwrap();
    chmod(&settings, 0o600);
    for path in [own.parent().unwrap(), &own, &settings] {
        std::os::unix::fs::chown(path, Some(A), Some(A)).unwrap();
    }
    let answer = String::from_utf8(click(&world, &own).stdout).unwrap();
    assert!(answer.contains("login_hash="), "{answer}");
    // The same directory makes a trial of the page that the other tests use.
    assert!(Command::new("cp").arg(common::cgi_program()).arg(&own).status().unwrap().success());
    let answer = String::from_utf8(click(&world, &own).stdout).unwrap();
    assert!(answer.contains("503 "), "{answer}");
    if made {
        let _ = std::fs::remove_dir("/run/panelgate");
    }
}
