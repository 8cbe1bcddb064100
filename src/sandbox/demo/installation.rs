//! The demo's files and servers: the program with its private configuration, the account's data, the builder, the endpoint, the sites.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::endpoint::{self, Endpoint};
use super::website;
use crate::error::{Error, ErrorKind, Result};
use crate::jobs;
use crate::panel::SiteKind;
use crate::sandbox::http::Server;
use crate::sandbox::tls::Identity;
use crate::sandbox::tree::{TreeSite, write_cpanel_tree};
use crate::sandbox::{self, Builder, Ui, Ways};
use crate::sys::users::{self, User};
use crate::sys::{identity, random};
use crate::types::{Domain, Username, hex};

/// The sites of the demo's account. The first is published file by file, the second as an archive.
pub(super) const SITES: [&str; 2] = ["shop.example", "bücher.example"];

/// Whom root becomes.
const NOBODY: &str = "nobody";

/// Where the sites' files are below the account's home.
const FOLDERS: [&str; 2] = ["public_html", "books"];

/// A site that the account does not have.
pub(super) const FOREIGN_SITE: &str = "bank.example";

/// The languages that the pages behind the icon can be seen in: code and name.
pub(super) const LANGUAGES: [(&str, &str); 6] = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("lt", "Lietuvių"),
    ("ar", "العربية"),
];

/// A directory that only this user can enter, removed with everything in it when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A page's program that is just ending may still write to its store: what appears behind the sweep is swept again.
        for _ in 0..40 {
            match std::fs::remove_dir_all(&self.0) {
                Ok(()) => return,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(50)),
            }
        }
        log::warn!("{} could not be removed", self.0.display());
    }
}

/// The thread that makes the backups. It ends when this is dropped.
struct Jobs {
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Jobs {
    fn start(config: &Path) -> Result<Self> {
        let (options, ending) = (jobs::Options { config: config.to_owned(), once: false }, Arc::default());
        let theirs = Arc::clone(&ending);
        let work = move || {
            if let Err(error) = jobs::run_beside(&options, &theirs) {
                log::error!("backups are not made: {error:?}");
            }
        };
        let thread = std::thread::Builder::new().name("jobs".into()).spawn(work);
        let thread = thread.map_err(|error| fail("the demo's jobs cannot be run", error))?;
        Ok(Self { ending, thread: Some(thread) })
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A private trial installation with a builder to talk to, an endpoint to publish to, and the sites that come of it.
pub(super) struct Installation {
    // Dropped before the directory: first who works for the page, then who publishes, then who takes it.
    _jobs: Jobs,
    builder: Builder,
    _endpoint: Endpoint,
    _sites: Vec<Server>,
    addresses: Vec<SocketAddr>,
    program: PathBuf,
    account: Username,
    scratch: Scratch,
}

/// What is listened on before anything is written: addresses stand in files.
struct Doors {
    tls: Identity,
    endpoint: TcpListener,
    sites: Vec<(TcpListener, SocketAddr)>,
}

impl Doors {
    fn open() -> io::Result<Self> {
        Ok(Self {
            tls: Identity::new()?,
            endpoint: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
            sites: SITES.iter().map(|_| website::listen()).collect::<io::Result<_>>()?,
        })
    }
}

impl Installation {
    /// Reads the program while this process still may, gives up root, and writes everything as the user that is left.
    pub(super) fn make() -> Result<Self> {
        let program = read_program()?;
        let user = become_nobody_if_root()?;
        let scratch =
            scratch().map_err(|error| fail("no directory for the demo's files was found", error))?;
        let doors = Doors::open().map_err(|error| fail("the demo's servers cannot be started", error))?;
        let password = hex(&random::bytes::<16>());
        let builder = Builder::start(sandbox_options(&scratch, &doors, &password)?)
            .map_err(|error| fail("the demo's builder cannot be started", error))?;
        let account = account_name(&user)?;
        let files = Files { directory: &scratch.0, builder: &builder, doors: &doors, account: &account };
        files
            .write(&program, &user, &password)
            .map_err(|error| fail("the demo's files cannot be written", error))?;
        let Doors { tls, endpoint, sites } = doors;
        let endpoint = Endpoint::start(endpoint, &tls, &scratch.0.join("trial/panelgate.ini"))?;
        let addresses = sites.iter().map(|(_, address)| *address).collect();
        let home = scratch.0.join("tree/home").join(account.as_str());
        let sites = sites.into_iter().zip(FOLDERS).map(|((listener, _), folder)| {
            website::serve(listener, home.join(folder))
                .map_err(|error| fail("the demo's sites cannot be served", error))
        });
        for site in SITES {
            // What a customer would have built there.
            let project =
                format!("{{\"site\": \"{site}\", \"pages\": [\"Home\", \"About\", \"Contact\"]}}\n");
            builder.set_project(Domain::new(site)?.as_str(), project.into_bytes());
        }
        Ok(Self {
            _jobs: Jobs::start(&scratch.0.join("trial/panelgate.ini"))?,
            builder,
            _endpoint: endpoint,
            _sites: sites.collect::<Result<_>>()?,
            addresses,
            program: scratch.0.join("trial/panelgate.cgi"),
            account,
            scratch,
        })
    }

    /// The directory of all files.
    pub(super) fn directory(&self) -> &Path {
        &self.scratch.0
    }

    /// The program behind the icon.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The account that has the sites.
    pub(super) fn account(&self) -> &Username {
        &self.account
    }

    /// Host and port of the builder's pages.
    pub(super) fn builder_host(&self) -> &str {
        self.builder.page_host()
    }

    /// Where the sites are served, in the order of [`SITES`].
    pub(super) fn sites(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Sets the account's language in the panel's data; `code` is one of [`LANGUAGES`].
    pub(super) fn set_locale(&self, code: &str) -> io::Result<()> {
        let path = self.scratch.0.join("tree/var/cpanel/users").join(self.account.as_str());
        let old = std::fs::read_to_string(&path)?;
        let new: String =
            old.lines()
                .map(|line| {
                    if line.starts_with("LOCALE=") { format!("LOCALE={code}\n") } else { format!("{line}\n") }
                })
                .collect();
        // Replaced as a whole: a page that reads it at this moment gets the one or the other.
        let temporary = path.with_file_name(format!(".{}", hex(&random::bytes::<8>())));
        std::fs::write(&temporary, new)?;
        std::fs::rename(&temporary, &path)
    }
}

/// What is written before the servers start.
struct Files<'a> {
    directory: &'a Path,
    builder: &'a Builder,
    doors: &'a Doors,
    account: &'a Username,
}

impl Files<'_> {
    fn write(&self, program: &[u8], user: &User, password: &str) -> io::Result<()> {
        let directory = self.directory;
        let private = |path: &Path, mode: u32, bytes: &[u8]| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
            file.write_all(bytes)
        };
        DirBuilder::new().mode(0o700).create(directory.join("trial"))?;
        private(&directory.join("trial/panelgate.cgi"), 0o700, program)?;
        private(&directory.join("trial/builder-ca.pem"), 0o600, self.builder.ca_pem().as_bytes())?;
        private(&directory.join("trial/endpoint-ca.pem"), 0o600, self.doors.tls.ca_pem.as_bytes())?;
        private(&directory.join("trial/panelgate.ini"), 0o600, self.settings(password)?.as_bytes())?;
        let user = User {
            name: self.account.to_string(),
            home: Path::new("/home").join(self.account.as_str()),
            ..user.clone()
        };
        let site = |index: usize, kind, folder: &str| {
            Domain::new(SITES[index])
                .map(|domain| TreeSite::new(domain, kind, folder))
                .map_err(io::Error::other)
        };
        let sites = [site(0, SiteKind::Main, FOLDERS[0])?, site(1, SiteKind::Addon, FOLDERS[1])?];
        write_cpanel_tree(&directory.join("tree"), &user, &sites)
    }

    /// The configuration that lies beside the program.
    fn settings(&self, password: &str) -> io::Result<String> {
        let directory = self.directory.display();
        let endpoint = self.doors.endpoint.local_addr()?;
        let path = endpoint::PATH;
        // Archives come from an address of this machine, which is allowed only where it is named.
        let downloads = self.builder.api_url().replace("https://", "").replace("/api/", "");
        let by_archive = Domain::new(SITES[1]).map_err(io::Error::other)?;
        let (url, hosts) = (self.builder.api_url(), self.builder.page_host());
        Ok(format!(
            "; The demo's configuration. The builder's pages have no TLS here, so that a browser shows them without a warning.\n\
             [panel]\nkind = cpanel\nroot = {directory}/tree\n\n\
             [builder]\nurl = {url}\nusername = demo\npassword = {password}\nhosts = {hosts}\nallow_http = yes\n\
             ca_file = {directory}/trial/builder-ca.pem\n\n\
             [publish]\ntype = http\nendpoint = https://{endpoint}{path}/\ndownload_hosts = {downloads}\n\n\
             [site {by_archive}]\npublish = internal\n\n\
             [store]\ndir = {directory}/state\n"
        ))
    }
}

fn sandbox_options(scratch: &Scratch, doors: &Doors, password: &str) -> Result<sandbox::Options> {
    let mut views = BTreeMap::new();
    for (name, (_, address)) in SITES.iter().zip(&doors.sites) {
        views.insert(Domain::new(name)?.as_str().to_owned(), format!("http://{address}/"));
    }
    let ca_file = Some(scratch.0.join("trial/endpoint-ca.pem"));
    let ways = Ways { ca_file, poll: Duration::from_millis(200), ..Ways::default() };
    Ok(sandbox::Options { ui: Ui::Plain, ways, views, ..sandbox::Options::new("demo", password) })
}

/// This program, which is the page when it runs as one in a private trial.
fn read_program() -> Result<Vec<u8>> {
    std::fs::read("/proc/self/exe").map_err(|error| fail("this program's own file cannot be read", error))
}

/// The page's program never runs as root, and neither does anything else of the demo.
fn become_nobody_if_root() -> Result<User> {
    let uids = identity::uids();
    if uids.effective != 0 && uids.real != 0 {
        let known = users::by_uid(uids.effective)
            .map_err(|error| fail("the user database cannot be asked", error))?;
        let unknown =
            User { name: "demo".into(), uid: uids.effective, gid: uids.effective, home: PathBuf::new() };
        return Ok(known.unwrap_or(unknown));
    }
    let nobody = users::by_name(NOBODY).map_err(|error| fail("the user database cannot be asked", error))?;
    let nobody = nobody.ok_or_else(|| {
        let text =
            "the demo does not run as root, and there is no user nobody to become: run it as another user";
        Error::new(ErrorKind::Unavailable, text)
    })?;
    identity::drop_to(&nobody).map_err(|error| fail("root cannot be given up", error))?;
    Ok(nobody)
}

/// The user's own name where it can be an account's; who has given up root has none of their own.
fn account_name(user: &User) -> Result<Username> {
    match Username::new(&user.name) {
        Ok(name) if user.name != NOBODY => Ok(name),
        _ => Username::new("demo"),
    }
}

/// A new directory where programs may be started.
fn scratch() -> io::Result<Scratch> {
    let mut last = io::Error::other("there is none");
    for parent in [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")] {
        let path = parent.join(format!("panelgate-demo-{}", hex(&random::bytes::<8>())));
        match make_directory(&parent, &path) {
            Ok(()) => return Ok(Scratch(path)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn make_directory(parent: &Path, path: &Path) -> io::Result<()> {
    let flags = rustix::fs::statvfs(parent)?.f_flag;
    if flags.contains(rustix::fs::StatVfsMountFlags::NOEXEC) {
        return Err(io::Error::other(format!("no program may be started in {} (noexec)", parent.display())));
    }
    // The paths go into a configuration file, where a line is a value.
    if !parent.is_absolute() || parent.to_str().is_none_or(|text| text.chars().any(char::is_control)) {
        return Err(io::Error::other("the directory for temporary files has an odd name"));
    }
    DirBuilder::new().mode(0o700).create(path)
}

fn fail(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Internal, what).with_source(error)
}
