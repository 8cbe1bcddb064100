//! What would keep visitors from a published site although everything went well: a name that leads elsewhere, PHP that is switched off, a web server
//! that does not follow the site's rules (`reference/builder-api.md` 6.2).
//!
//! It is found out as a visitor would: by the name's addresses, and by asking the web server at the account's address. That takes seconds where something
//! is wrong, so that a page never waits for it: the broker looks beside its work and shows what it has found at the next page.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use ureq::http::header;

use crate::agent::{self, Settings};
use crate::limits;
use crate::store::{SiteRow, Store};
use crate::sys::resolve::{self, ChosenBy};
use crate::types::Domain;

/// Something that the site's owner should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// The name does not lead to this server.
    DnsElsewhere,
    /// PHP is switched off: the web server shows programs instead of running them.
    PhpOff,
    /// The web server does not follow the rules in `.htaccess`.
    RulesIgnored,
}

impl Notice {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DnsElsewhere, Self::PhpOff, Self::RulesIgnored];

    /// A stable name: output, message key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DnsElsewhere => "dns-elsewhere",
            Self::PhpOff => "php-off",
            Self::RulesIgnored => "rules-ignored",
        }
    }

    /// What is wrong, for an administrator.
    pub const fn fault(self) -> &'static str {
        match self {
            Self::DnsElsewhere => "its name does not lead to its account's address",
            Self::PhpOff => "PHP is switched off",
            Self::RulesIgnored => "the web server does not follow its .htaccess",
        }
    }

    /// The notice of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.name() == name)
    }
}

/// What is asked about one site.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Its name.
    pub(super) domain: Domain,
    /// The address that its account has.
    pub(super) server: IpAddr,
    /// Whether something was published, so that its rules must work.
    pub(super) published: bool,
    /// The web server's ports without and with TLS.
    pub(super) ports: [u16; 2],
}

impl Question {
    /// `None` if the account's address is not known, or one that the world does not know: then nothing can be said.
    pub(super) fn about(store: &Store, public_ip: Option<IpAddr>, row: &SiteRow) -> Option<Self> {
        let server = public_ip.filter(|address| !is_private(*address))?;
        // Whether something was published only adds a question.
        let published = store.was_published(row).unwrap_or_default();
        Some(Self { domain: row.domain.clone(), server, published, ports: [80, 443] })
    }
}

/// Addresses behind a translation: the name leads to another one, rightly.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let carrier = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            address.is_private() || address.is_loopback() || address.is_link_local() || carrier
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.segments()[0] & 0xfe00 == 0xfc00
                || address.segments()[0] & 0xffc0 == 0xfe80
        }
    }
}

/// Looks. What cannot be found out is not noticed.
pub(super) fn look(question: &Question) -> Vec<Notice> {
    let mut notices = Vec::new();
    let found = resolve::addresses(question.domain.as_str(), ChosenBy::Customer, limits::RESOLVE_TIME);
    let unknown = |error: &std::io::Error| {
        matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::ResourceBusy)
    };
    match found {
        Ok(addresses) if addresses.contains(&question.server) => {}
        Err(error) if unknown(&error) => {}
        Ok(_) | Err(_) => notices.push(Notice::DnsElsewhere),
    }
    notices.extend(ask(question));
    notices
}

/// What the web server itself gives away.
fn ask(question: &Question) -> Option<Notice> {
    let (mut secure, mut front) = (false, visit(question, false, "/")?);
    if front.leads_to_tls {
        (secure, front) = (true, visit(question, true, "/")?);
    }
    if front.body.trim_ascii_start().starts_with(b"<?php") {
        return Some(Notice::PhpOff);
    }
    // The builder's rules lead this address into its folder, where every site has that file.
    let rules = question.published && front.status == 200;
    (rules && visit(question, secure, "/js/main.js")?.status == 404).then_some(Notice::RulesIgnored)
}

struct Visit {
    status: u16,
    leads_to_tls: bool,
    body: Vec<u8>,
}

/// Asks the server at the account's address, whatever the name leads to.
fn visit(question: &Question, secure: bool, path: &str) -> Option<Visit> {
    let port = question.ports[usize::from(secure)];
    let agent = agent::build(&Settings {
        section: "publish",
        ca_file: None,
        proxy: None,
        allow_http: true,
        secure,
        connect_timeout: limits::NOTICE_TIME,
        timeout: limits::NOTICE_TIME,
        connect_to: Some(SocketAddr::new(question.server, port)),
    })
    .ok()?;
    let scheme = if secure { "https" } else { "http" };
    let response = agent.get(format!("{scheme}://{}{path}", question.domain)).call().ok()?;
    let status = response.status().as_u16();
    let location =
        response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let leads_to_tls = !secure && (301..=308).contains(&status) && location.starts_with("https://");
    let mut body = Vec::new();
    // The beginning is enough, and a page may be long.
    response.into_body().into_reader().take(limits::NOTICE_BYTES).read_to_end(&mut body).ok()?;
    Some(Visit { status, leads_to_tls, body })
}

/// What is known of sites, and who finds it out.
#[derive(Default)]
pub(super) struct Board {
    known: Arc<Mutex<Known>>,
    looking: Arc<AtomicBool>,
    /// Whether this process lives long enough to look beside its work.
    watching: AtomicBool,
}

type Known = HashMap<Domain, (Instant, Vec<Notice>)>;

impl Board {
    /// From now on, what is not known is looked at.
    pub(super) fn watch(&self) {
        self.watching.store(true, Ordering::Release);
    }

    /// What is known of a site.
    pub(super) fn of(&self, domain: &Domain) -> Vec<Notice> {
        lock(&self.known).get(domain).map(|(_, notices)| notices.clone()).unwrap_or_default()
    }

    /// Whether a site should be looked at.
    pub(super) fn wants(&self, domain: &Domain) -> bool {
        let fresh = |since: &Instant| since.elapsed() < limits::NOTICE_MEMORY;
        self.watching.load(Ordering::Acquire)
            && !lock(&self.known).get(domain).is_some_and(|(since, _)| fresh(since))
    }

    /// Looks at sites in a thread of its own. There is one at a time: while one looks, nobody else does, and the next page asks again.
    pub(super) fn look_at(&self, questions: Vec<Question>) {
        if questions.is_empty() || self.looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let looking = Looking(Arc::clone(&self.looking));
        let known = Arc::clone(&self.known);
        let work = move || {
            let _looking = looking;
            for question in questions {
                let notices = look(&question);
                let mut known = lock(&known);
                if known.len() >= limits::NOTICES {
                    known.retain(|_, (since, _)| since.elapsed() < limits::NOTICE_MEMORY);
                }
                if known.len() < limits::NOTICES {
                    known.insert(question.domain, (Instant::now(), notices));
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("notices".into()).spawn(work) {
            log::warn!("sites cannot be looked at: {error}");
        }
    }
}

/// Given back however the thread ends.
struct Looking(Arc<AtomicBool>);

impl Drop for Looking {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(feature = "sandbox")]
mod tests {
    use super::*;
    use crate::sandbox::http::{self, Limits, Response};
    use std::net::TcpListener;

    /// A web server that answers the front page and the rules' file so.
    fn server(front: (u16, &'static str), rules: u16) -> (http::Server, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let handler = move |request: http::Request| {
            assert_eq!(request.headers.get("host"), Some("localhost.invalid"));
            match request.path() {
                "/" => Response::text(front.0, front.1).header("Location", "https://localhost.invalid/"),
                _ => Response::text(rules, "x"),
            }
        };
        (http::serve(listener, Limits::default(), handler).unwrap(), port)
    }

    fn question(port: u16, published: bool) -> Question {
        let domain = Domain::new("localhost.invalid").unwrap();
        Question { domain, server: "127.0.0.1".parse().unwrap(), published, ports: [port, 9] }
    }

    #[test]
    fn a_server_that_shows_programs_or_ignores_rules_is_noticed() {
        for (front, rules, published, want) in [
            ((200, "<html>"), 200, true, None),
            ((200, "<html>"), 404, true, Some(Notice::RulesIgnored)),
            ((200, "<html>"), 404, false, None),
            ((404, "<html>"), 404, true, None),
            ((200, "\n<?php include"), 200, false, Some(Notice::PhpOff)),
            // It leads to TLS, where nobody answers: nothing can be said.
            ((301, "<?php"), 404, true, None),
        ] {
            let (_server, port) = server(front, rules);
            assert_eq!(ask(&question(port, published)), want, "{front:?} {rules} {published}");
        }
        assert_eq!(ask(&question(9, true)), None, "nobody answers");
    }

    #[test]
    fn a_name_that_leads_nowhere_is_noticed_and_shown_at_the_next_page() {
        let (_server, port) = server((200, "<html>"), 404);
        let (board, asked) = (Board::default(), question(port, true));
        assert!(!board.wants(&asked.domain), "a short process does not look");
        board.watch();
        assert!(board.wants(&asked.domain) && board.of(&asked.domain).is_empty());
        board.look_at(vec![asked.clone()]);
        let end = Instant::now() + limits::NOTICE_TIME * 4;
        while board.wants(&asked.domain) && Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(board.of(&asked.domain), [Notice::DnsElsewhere, Notice::RulesIgnored]);
    }

    #[test]
    fn addresses_that_the_world_does_not_know() {
        for (address, private) in [
            ("192.0.2.1", false),
            ("10.1.2.3", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("127.0.0.1", true),
            ("2001:db8::1", false),
            ("fd00::1", true),
            ("fe80::1", true),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
        }
    }
}
