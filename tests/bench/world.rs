//! What the benchmarks run on: account trees of several sizes, the embedded builder, and for each tree a private trial of the page.
//!
//! `bench-world DIR USER NAME=ACCOUNTS ...` makes it below DIR, measures the account look-up in its own process, and prints one line of JSON that
//! `tests/bench/run` reads. For root it makes servers for a broker too. Each line that it then reads is answered with the builder's own time for an
//! answer, in microseconds; it ends with its standard input.

mod answer;
mod relay;
mod servers;

use std::io::{self, BufRead, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use panelgate::config::Config;
use panelgate::panel::{self, SiteKind};
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::sandbox::{Builder, Options};
use panelgate::sys::identity;
use panelgate::sys::users::{self, User};
use panelgate::types::{Domain, Username};
use serde_json::{Map, Value, json};

const LOGIN: (&str, &str) = ("brand", "a-password-of-usual-length");
const SITE: &str = "shop.example";
const SECOND_SITE: &str = "books.example";
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// To the builder that is far away, and back.
const ROUND_TRIP: Duration = Duration::from_millis(50);

/// How often a look-up is measured.
const LOOK_UPS: usize = 501;

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [dir, user, trees @ ..] = words.as_slice() else {
        return Err(io::Error::other("usage: bench-world DIR USER NAME=ACCOUNTS ..."));
    };
    let user = users::by_name(user)?.ok_or_else(|| io::Error::other("there is no such user"))?;
    let builder = Builder::start(Options::new(LOGIN.0, LOGIN.1))?;
    let mut world = World { dir: Path::new(dir).canonicalize()?, user, builder };
    let facts = world.make(trees)?;
    writeln!(io::stdout(), "{facts}")?;
    let body = body().to_string();
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(io::stdout(), "{}", answer::median_us(&world.builder, LOGIN, &body)?)?;
    }
    world.builder.stop();
    Ok(())
}

struct World {
    dir: PathBuf,
    user: User,
    builder: Builder,
}

impl World {
    fn make(&mut self, trees: &[String]) -> io::Result<Value> {
        let (ca, bundle) = (self.dir.join("ca.pem"), self.dir.join("bundle.pem"));
        self.own(&ca, 0o644, self.builder.ca_pem().as_bytes())?;
        let system = std::fs::read_to_string(SYSTEM_BUNDLE).unwrap_or_default();
        self.own(&bundle, 0o644, format!("{system}{}", self.builder.ca_pem()).as_bytes())?;
        let programs = beside_this()?;
        let program = self.dir.join("panelgate");
        self.own(&program, 0o755, &std::fs::read(programs.join("panelgate"))?)?;
        let page = std::fs::read(programs.join("panelgate-cgi"))?;

        let (mut pages, mut configs) = (Map::new(), Map::new());
        let mut paths = Vec::new();
        for tree in trees {
            let (name, accounts) = tree
                .split_once('=')
                .and_then(|(name, count)| Some((name, count.parse().ok()?)))
                .ok_or_else(|| io::Error::other("a tree is NAME=ACCOUNTS"))?;
            let root = self.dir.join("trees").join(name);
            self.tree(&root, accounts)?;
            let config = self.trial(name, &root, &ca, &page)?;
            pages.insert(name.to_owned(), json!(config.with_file_name("panelgate.cgi")));
            configs.insert(name.to_owned(), json!(config));
            paths.push((name, config));
            if pages.len() == 1 {
                let config = self.trial("bundle", &root, &bundle, &page)?;
                pages.insert("bundle".to_owned(), json!(config.with_file_name("panelgate.cgi")));
            }
        }
        let far = relay::start(ROUND_TRIP)?;
        let (builder, dir) = (&self.builder, self.dir.as_path());
        let plan = servers::Plan { dir, builder, login: LOGIN };
        let servers = if identity::uids().effective == 0 { plan.make(far)? } else { Value::Null };
        Ok(json!({
            "far": format!("http://{far}"),
            "servers": servers,
            "peer": {
                "url": format!("{}requestLogin", self.builder.api_url()),
                "login": format!("{}:{}", LOGIN.0, LOGIN.1),
                "ca_file": ca,
                "body": body().to_string(),
            },
            "bundle": bundle,
            "page": pages,
            "program": program,
            "config": configs,
            "look_up_us": look_ups(&paths, &self.user)?,
        }))
    }

    /// A cPanel server with that many accounts. The user's is the last, so that a search of a list has to go through all of it.
    fn tree(&self, root: &Path, accounts: u32) -> io::Result<()> {
        for number in 1..accounts {
            let name = format!("user{number:05}");
            let home = PathBuf::from(format!("/home/{name}"));
            let user = User { name, uid: 100_000 + number, gid: 100_000 + number, home };
            let site =
                TreeSite::new(domain(&format!("site{number:05}.example"))?, SiteKind::Main, "public_html");
            write_cpanel_tree(root, &user, &[site])?;
        }
        // A server asks its user database, which finds one name without reading all of them. Below a root other than "/" there is only a file
        // to search, and that is what tests have instead: it names the one user whom the measured programs ask for.
        if accounts > 1 {
            std::fs::remove_file(root.join("etc/passwd"))?;
        }
        let user = User { home: Path::new("/home").join(&self.user.name), ..self.user.clone() };
        let sites = [
            TreeSite::new(domain(SITE)?, SiteKind::Main, "public_html"),
            TreeSite::new(domain(SECOND_SITE)?, SiteKind::Addon, "books"),
        ];
        write_cpanel_tree(root, &user, &sites)
    }

    /// A copy of the page with a configuration beside it; its path.
    fn trial(&self, name: &str, root: &Path, ca: &Path, page: &[u8]) -> io::Result<PathBuf> {
        let directory = self.dir.join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let state = directory.join("state");
        std::fs::DirBuilder::new().mode(0o700).create(&state)?;
        for path in [&directory, &state] {
            chown(path, Some(self.user.uid), Some(self.user.gid))?;
        }
        let settings = format!(
            "[panel]\nkind = cpanel\nroot = {}\n\n[builder]\nurl = {}\nusername = {}\npassword = {}\nca_file = {}\nhosts = {}\n\n\
             [publish]\ntype = http\nendpoint = https://panel.example/panelgate/\n\n[store]\ndir = {}\n",
            root.display(),
            self.builder.api_url(),
            LOGIN.0,
            LOGIN.1,
            ca.display(),
            self.builder.page_host(),
            state.display(),
        );
        self.own(&directory.join("panelgate.cgi"), 0o700, page)?;
        let config = directory.join("panelgate.ini");
        self.own(&config, 0o600, settings.as_bytes())?;
        Ok(config)
    }

    /// Writes a file of the user's.
    fn own(&self, path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
        std::fs::write(path, bytes)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        chown(path, Some(self.user.uid), Some(self.user.gid))
    }
}

/// Medians in microseconds, by what is done and by tree: reading the account, and that with the question who else claims its site. The trees
/// take turns, so that what else the machine does meets all of them.
fn look_ups(configs: &[(&str, PathBuf)], user: &User) -> io::Result<Value> {
    let (name, site) = (Username::new(&user.name).map_err(io::Error::other)?, domain(SITE)?);
    let mut panels = Vec::new();
    for (tree, path) in configs {
        let config = Config::parse(path, &std::fs::read(path)?).map_err(io::Error::other)?;
        panels.push((tree, panel::open(&config.panel).map_err(io::Error::other)?));
    }
    let mut times = vec![(Vec::new(), Vec::new()); panels.len()];
    for _ in 0..LOOK_UPS {
        for ((_, panel), (alone, checked)) in panels.iter().zip(&mut times) {
            let begin = Instant::now();
            panel.account(&name).map_err(io::Error::other)?;
            alone.push(begin.elapsed());
            if panel.owners(&site).map_err(io::Error::other)? != [name.clone()] {
                return Err(io::Error::other("the map of domains does not name the account"));
            }
            checked.push(begin.elapsed());
        }
    }
    let (mut alone, mut checked) = (Map::new(), Map::new());
    for ((tree, _), (of_alone, of_checked)) in panels.iter().zip(times) {
        alone.insert(tree.to_string(), json!(median_us(of_alone)));
        checked.insert(tree.to_string(), json!(median_us(of_checked)));
    }
    Ok(json!({ "account": alone, "account and claim check": checked }))
}

fn median_us(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// What the page sends for its site, with other secrets.
fn body() -> Value {
    json!({
        "type": "http",
        "domain": SITE,
        "apiUrl": "https://panel.example/panelgate/publish/0123456789abcdef0123456789abcdef/",
        "username": "publish-1",
        "password": "0123456789abcdef0123456789abcdef0123456789abcdef",
        "uploadDir": "",
        "lang": "en",
        "hostingPlan": "default",
        "panel": "panelgate",
        "pluginVersion": "0.1.0",
        "serverIp": "192.0.2.10",
    })
}

fn domain(name: &str) -> io::Result<Domain> {
    Domain::new(name).map_err(io::Error::other)
}

/// The directory of the programs that were built with this one, which lies in `examples` below it.
fn beside_this() -> io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let above = this.parent().and_then(Path::parent).map(Path::to_owned);
    above.ok_or_else(|| io::Error::other("this program is not below a target directory"))
}
