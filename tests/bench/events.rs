//! What one event costs, and how fast very many drain: `bench-events PROGRAM DIR EVENTS`.
//!
//! Makes an embedded builder, a server of custom hosting with as many sites as events, ten of an account, and these sites in the store, all below DIR. (A server in a directory has only
//! its own file `etc/passwd` for the user database, which is read at each look: it grows with the accounts.) Then it measures, with PROGRAM (`panelgate`) run as
//! such: an event told by the command line, beside one `fsync` of the same disk; and all events, queued while the builder is away, until the last one has reached it. Prints one line of JSON.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use panelgate::sandbox::{Builder, Options};
use panelgate::store::{About, Binding, JobQuery, Marks, SYNC_SITE, Store};
use panelgate::types::{AccountId, Domain, Username};
use serde_json::json;

const LOGIN: (&str, &str) = ("brand", "a-password-of-usual-length");
/// Sites of an account.
const SITES: usize = 10;
/// How often what is short is measured.
const ROUNDS: usize = 101;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [program, dir, events] = words.as_slice() else {
        return Err(io::Error::other("usage: bench-events PROGRAM DIR EVENTS"));
    };
    let (program, dir) = (Path::new(program), Path::new(dir));
    let events: usize = events.parse().map_err(io::Error::other)?;
    let mut builder = Builder::start(Options::new(LOGIN.0, LOGIN.1))?;
    let names: Vec<String> = (0..events.div_ceil(SITES)).map(|number| format!("u{number}")).collect();
    make_server(dir, &builder, &names)?;
    let store = Store::open(&dir.join("state")).map_err(io::Error::other)?;
    let mut sites = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let uid = 100_000 + u32::try_from(number).map_err(io::Error::other)?;
        let owner = AccountId::new("ini", Username::new(name).map_err(io::Error::other)?, uid, "1");
        for site in 0..SITES {
            let site = Domain::new(&format!("s{site}.{name}.example")).map_err(io::Error::other)?;
            store.bind(&site, &owner, None, Binding::Plain).map_err(io::Error::other)?;
            sites.push(site);
        }
    }
    sites.truncate(events);
    let one = one_event(program, dir, &names[0])?;
    let fsync = one_fsync(dir)?;
    for site in &sites {
        let about = About { domains: vec![site.clone()], ..About::default() };
        store.note_event(&about, Marks::default()).map_err(io::Error::other)?;
    }
    let begin = Instant::now();
    let status = Command::new(program)
        .arg("--config")
        .arg(dir.join("panelgate.ini"))
        .args(["jobs", "--once"])
        .stderr(Stdio::null())
        .status()?;
    let seconds = begin.elapsed().as_secs_f64();
    let query =
        JobQuery { kind: Some(SYNC_SITE.to_owned()), open: true, limit: events + 1, ..JobQuery::default() };
    let left = store.jobs(&query).map_err(io::Error::other)?.len();
    let facts = json!({
        "event_ms": one.as_secs_f64() * 1e3, "fsync_ms": fsync.as_secs_f64() * 1e3, "events": events, "ended_well": status.success(),
        "left": left, "seconds": seconds, "per_second": events as f64 / seconds,
    });
    writeln!(io::stdout(), "{facts}")?;
    builder.stop();
    Ok(())
}

/// Suspended accounts with their sites.
fn make_server(dir: &Path, builder: &Builder, names: &[String]) -> io::Result<()> {
    let accounts = dir.join("root/etc/panelgate/accounts.d");
    std::fs::create_dir_all(&accounts)?;
    std::fs::write(dir.join("ca.pem"), builder.ca_pem())?;
    let mut users = String::new();
    for (number, name) in names.iter().enumerate() {
        let uid = 100_000 + number;
        users += &format!("{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n");
        let mut text = "[account]\ncreated = 1\nsuspended = yes\n".to_owned();
        for site in 0..SITES {
            let kind = if site == 0 { "main" } else { "addon" };
            text += &format!(
                "[site s{site}.{name}.example]\nkind = {kind}\ndocument_root = /home/{name}/www{site}\n"
            );
        }
        std::fs::write(accounts.join(format!("{name}.ini")), text)?;
    }
    std::fs::write(dir.join("root/etc/passwd"), users)?;
    let place = dir.display();
    let settings = format!(
        "[panel]\nkind = ini\nroot = {place}/root\n[builder]\nurl = {}\nusername = {}\npassword = {}\nca_file = {place}/ca.pem\n\
         [store]\ndir = {place}/state\n",
        builder.api_url(),
        LOGIN.0,
        LOGIN.1,
    );
    let config = dir.join("panelgate.ini");
    std::fs::write(&config, settings)?;
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600))
}

/// The median time of `panelgate event`, with its process.
fn one_event(program: &Path, dir: &Path, account: &str) -> io::Result<Duration> {
    median(|| {
        let mut command = Command::new(program);
        command.arg("--config").arg(dir.join("panelgate.ini"));
        command.args(["event", "plain", "--event", "plan", "--account", account]);
        command.stdout(Stdio::null()).status().map(drop)
    })
}

/// The median time of writing a page and having it on the disk.
fn one_fsync(dir: &Path) -> io::Result<Duration> {
    let mut file = std::fs::File::create(dir.join("fsync"))?;
    median(|| {
        file.write_all(&[7; 4096])?;
        file.sync_all()
    })
}

fn median(mut work: impl FnMut() -> io::Result<()>) -> io::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        work()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times[ROUNDS / 2])
}
