//! Walking the way of a click without a browser, and some ways that must not work.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::{Message, exchange};
use super::form::{Form, forms};
use super::installation::{FOREIGN_SITE, LANGUAGES, SITES};
use super::panel::{DemoPanel, SCRIPT};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sandbox::http::Response;
use crate::types::{Domain, WebUrl};

/// A step that went as it should.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was done and seen.
    pub text: String,
    /// How long it took.
    pub time: Duration,
}

/// Walks.
///
/// # Errors
/// What did not go as it should.
pub(super) fn walk(panel: &DemoPanel, report: &mut dyn FnMut(&Step) -> bool) -> Result<()> {
    let mut walk = Walk { panel, report, cookie: String::new() };
    walk.step("the panel's page is refused without the token", Walk::without_token)?;
    walk.step("the panel's page is refused under another host name", Walk::other_host)?;
    let cookie = walk.step("the token opens the panel", Walk::sign_on)?;
    walk.cookie = cookie;
    walk.step("the panel's page shows the icon", Walk::icon)?;
    let forms = walk.step("the icon leads to the chooser with both sites", Walk::chooser)?;
    for (code, name) in LANGUAGES {
        walk.step(&format!("the chooser speaks {name}"), |walk| walk.language(code))?;
    }
    walk.step("a form with a forged token is refused", |walk| walk.forged_token(&forms))?;
    walk.step("a form with a forged site is refused", |walk| walk.forged_site(&forms))?;
    for (index, name) in SITES.iter().enumerate() {
        let url =
            walk.step(&format!("choosing {name} opens a session"), |walk| walk.choose(&forms, index))?;
        walk.step(&format!("the session's address leads into the builder for {name}"), |walk| {
            walk.arrive(&url, index)
        })?;
        walk.publication(name, index, &url)?;
    }
    walk.step(&format!("a backup of {} is ordered, made and taken away", SITES[0]), Walk::backup)?;
    Ok(())
}

/// What the first page says in one edition and the next.
const HEADLINES: [&str; 2] = ["Fresh bread every morning", "Closed on Mondays"];

struct Walk<'a> {
    panel: &'a DemoPanel,
    report: &'a mut dyn FnMut(&Step) -> bool,
    /// The cookie that the panel has set, as a field value.
    cookie: String,
}

impl Walk<'_> {
    fn step<T>(&mut self, text: &str, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let result = work(self).map_err(|error| error.context(format!("the check failed where {text}")))?;
        let step = Step { text: text.to_owned(), time: start.elapsed() };
        if (self.report)(&step) {
            Ok(result)
        } else {
            Err(Error::new(ErrorKind::Unavailable, "the check was ended"))
        }
    }

    fn get(&self, target: &str) -> Result<Response> {
        self.send("GET", target, None)
    }

    fn post(&self, target: &str, form: &[(String, String)]) -> Result<Response> {
        self.send("POST", target, Some(form))
    }

    fn send(&self, method: &str, target: &str, form: Option<&[(String, String)]>) -> Result<Response> {
        let address = self.panel.address();
        let cookie = Some(self.cookie.as_str()).filter(|cookie| !cookie.is_empty());
        exchange(address, &Message { method, target, host: &address.to_string(), cookie, form })
    }

    fn without_token(&self) -> Result<()> {
        for target in ["/", "/?token=00000000000000000000000000000000", SCRIPT] {
            expect(self.get(target)?.status, 403)?;
        }
        Ok(())
    }

    fn other_host(&self) -> Result<()> {
        let address = self.panel.address();
        let entrance = self.panel.entrance();
        let target = entrance.strip_prefix(&format!("http://{address}")).unwrap_or_default();
        let host = format!("{FOREIGN_SITE}:{}", address.port());
        let message = Message { method: "GET", target, host: &host, cookie: None, form: None };
        expect(exchange(address, &message)?.status, 403)
    }

    /// Returns the cookie.
    fn sign_on(&self) -> Result<String> {
        let address = self.panel.address();
        let entrance = self.panel.entrance();
        let response = self.get(entrance.strip_prefix(&format!("http://{address}")).unwrap_or_default())?;
        expect(response.status, 303)?;
        if response.headers.get("Location") != Some("/") {
            return Err(unexpected("it does not lead to the panel's page"));
        }
        let cookie = response.headers.get("Set-Cookie").unwrap_or_default();
        if !["HttpOnly", "SameSite=Strict"].iter().all(|attribute| cookie.contains(attribute)) {
            return Err(unexpected("the cookie is not protected"));
        }
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    fn icon(&self) -> Result<()> {
        let response = self.get("/")?;
        expect(response.status, 200)?;
        contains(&text(&response), &format!("href=\"{SCRIPT}\""), "the link to the program")
    }

    /// Returns the chooser's forms, one for each site, in the order of [`SITES`].
    fn chooser(&self) -> Result<[Form; 2]> {
        let response = self.get(SCRIPT)?;
        expect(response.status, 200)?;
        for (name, wanted) in [("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")] {
            contains(response.headers.get(name).unwrap_or_default(), wanted, name)?;
        }
        // A browser follows a form's redirect only to where the page's policy lets forms lead.
        let policy = response.headers.get("Content-Security-Policy").unwrap_or_default();
        let forms_to =
            policy.split(';').find(|part| part.trim().starts_with("form-action")).unwrap_or_default();
        contains(forms_to, self.panel.installation().builder_host(), "the builder in form-action")?;
        let page = text(&response);
        for site in SITES {
            contains(&page, site, "the site's name")?;
        }
        let forms = forms(&page);
        let of = |index: usize| {
            let domain = domain(SITES[index])?;
            let found =
                forms.iter().find(|form| form.fields.iter().any(|(_, value)| value == domain.as_str()));
            found.cloned().ok_or_else(|| unexpected(&format!("the chooser has no form for {}", SITES[index])))
        };
        Ok([of(0)?, of(1)?])
    }

    fn language(&self, code: &str) -> Result<()> {
        let page = text(&self.get("/")?);
        let mut form = forms(&page)
            .into_iter()
            .find(|form| form.action == "/locale")
            .ok_or_else(|| unexpected("the panel has no choice of languages"))?;
        form.fields.retain(|(name, _)| name != "locale");
        form.fields.push(("locale".into(), code.into()));
        expect(self.post("/locale", &form.fields)?.status, 303)?;
        let chooser = self.get(SCRIPT)?;
        expect(chooser.status, 200)?;
        let chooser = text(&chooser);
        contains(&chooser, &format!("lang=\"{code}\""), "the language of the page")?;
        contains(
            &chooser,
            if code == "ar" { "dir=\"rtl\"" } else { "dir=\"ltr\"" },
            "the direction of the page",
        )
    }

    fn forged_token(&self, forms: &[Form; 2]) -> Result<()> {
        // The token of the other site's form: genuine, but not for this site.
        let domain = domain(SITES[0])?;
        let fields: Vec<(String, String)> = forms[1]
            .fields
            .iter()
            .map(|(name, value)| {
                let own = forms[0].fields.iter().find(|(key, value)| key == name && value == domain.as_str());
                own.cloned().unwrap_or_else(|| (name.clone(), value.clone()))
            })
            .collect();
        refused(&self.post(&forms[0].target(SCRIPT), &fields)?, &[403])?;
        let mut without: Vec<(String, String)> = forms[0].fields.clone();
        without.retain(|(_, value)| value == domain.as_str());
        refused(&self.post(&forms[0].target(SCRIPT), &without)?, &[400, 403])
    }

    fn forged_site(&self, forms: &[Form; 2]) -> Result<()> {
        let domain = domain(SITES[0])?;
        let mut fields = forms[0].fields.clone();
        for (_, value) in fields.iter_mut().filter(|(_, value)| value == domain.as_str()) {
            *value = FOREIGN_SITE.to_owned();
        }
        refused(&self.post(&forms[0].target(SCRIPT), &fields)?, &[403, 404])
    }

    /// Returns the session's address.
    fn choose(&self, forms: &[Form; 2], index: usize) -> Result<WebUrl> {
        let response = self.post(&forms[index].target(SCRIPT), &forms[index].fields)?;
        expect(response.status, 303)?;
        let location = response.headers.get("Location").unwrap_or_default();
        let url = WebUrl::parse(location).map_err(|fault| unexpected(&format!("of Location, {fault}")))?;
        let origin = format!("http://{}", self.panel.installation().builder_host());
        if url.origin() != origin {
            return Err(unexpected(&format!("it leads to {} instead of {origin}", url.origin())));
        }
        Ok(url)
    }

    /// From a session's address to the published site, and once more.
    fn publication(&mut self, name: &str, index: usize, url: &WebUrl) -> Result<()> {
        self.step(&format!("nothing is published at {name} yet"), |walk| {
            walk.visit(index, "/", 404, "nothing")
        })?;
        for (edition, headline) in HEADLINES.iter().enumerate() {
            let (again, way) =
                (["", " again"][edition.min(1)], ["file by file", "as an archive"][index.min(1)]);
            self.step(&format!("the builder publishes {name}{again}, {way}"), |walk| {
                walk.publish(url, edition + 1, headline)
            })?;
            self.step(&format!("a visitor of {name} reads {headline:?}"), |walk| {
                walk.visit(index, "/", 200, &format!("<h1>{headline}</h1>"))
            })?;
        }
        self.step(&format!("{name} has style, a second page, and nothing under other addresses"), |walk| {
            walk.visit(index, "/css/site.css", 200, "font:")?;
            walk.visit(index, "/contact/", 200, "<h1>Contact</h1>")?;
            walk.visit(index, "/no/such/page", 404, "no such page")
        })?;
        self.step(&format!("data and rules of {name} are not shown to visitors"), |walk| {
            walk.visit(index, "/sitepro/dat/build.dat", 404, "no such page")?;
            walk.visit(index, "/.htaccess", 404, "no such page")
        })
    }

    /// Presses "Publish" at a session's address, and follows to the page that says how it went.
    fn publish(&self, url: &WebUrl, edition: usize, headline: &str) -> Result<()> {
        let address = url.ip().map(|ip| SocketAddr::new(ip, url.port()));
        let address = address.ok_or_else(|| unexpected("the builder is not on this machine"))?;
        let host = address.to_string();
        let get = |target: &str| {
            exchange(address, &Message { method: "GET", target, host: &host, cookie: None, form: None })
        };
        let page = text(&get(url.path_and_query())?);
        let mut form = forms(&page)
            .into_iter()
            .find(|form| form.action == "/publish")
            .ok_or_else(|| unexpected("the builder has no form to publish"))?;
        form.fields.retain(|(name, _)| name != "headline");
        form.fields.push(("headline".into(), headline.into()));
        let message = Message {
            method: "POST",
            target: "/publish",
            host: &host,
            cookie: None,
            form: Some(&form.fields),
        };
        let response = exchange(address, &message)?;
        expect(response.status, 303)?;
        let page = text(&get(response.headers.get("Location").unwrap_or_default())?);
        let outcome = page.split("id=\"outcome\"").nth(1).unwrap_or_default();
        let outcome = outcome.split("</p>").next().unwrap_or_default();
        contains(outcome, &format!("Edition {edition} is published"), "that it is published")
            .map_err(|error| error.context(format!("the builder says {outcome:?}")))
    }

    /// Looks at a site as anybody does.
    fn visit(&self, index: usize, target: &str, status: u16, wanted: &str) -> Result<()> {
        let sites = self.panel.installation().sites();
        let address = *sites.get(index).ok_or_else(|| unexpected("the site is not served"))?;
        let host = address.to_string();
        let response =
            exchange(address, &Message { method: "GET", target, host: &host, cookie: None, form: None })?;
        expect(response.status, status).map_err(|error| error.context(target.to_owned()))?;
        contains(&text(&response), wanted, target)
    }

    /// Orders a backup as the page offers it, looks until it is there, and takes it away.
    fn backup(&self) -> Result<()> {
        let view = format!("{SCRIPT}?backups={}", domain(SITES[0])?);
        let page = text(&self.get(&view)?);
        let form =
            forms(&page).into_iter().find(|form| form.fields.iter().any(|(name, _)| name == "backups"));
        let form = form.ok_or_else(|| unexpected("the page has no form to order a backup"))?;
        expect(self.post(&form.target(SCRIPT), &form.fields)?.status, 200)?;
        let end = Instant::now() + limits::DEMO_CHECK_TIME;
        let link = loop {
            let page = text(&self.get(&view)?);
            // Quotes and ampersands are escaped in a page.
            let link = page
                .split("href=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .find(|link| link.contains("backup="));
            match link {
                Some(link) => break link.replace("&#38;", "&"),
                None if Instant::now() < end => std::thread::sleep(Duration::from_millis(100)),
                None => return Err(unexpected("no backup appears")),
            }
        };
        let whole = self.get(&format!("{SCRIPT}{link}"))?;
        expect(whole.status, 200)?;
        contains(
            whole.headers.get("Content-Disposition").unwrap_or_default(),
            "attachment;",
            "that it is a file",
        )?;
        contains(&text(&whole), SITES[0], "what was built")
    }

    fn arrive(&self, url: &WebUrl, index: usize) -> Result<()> {
        let address = url.ip().map(|ip| SocketAddr::new(ip, url.port()));
        let address = address.ok_or_else(|| unexpected("the builder is not on this machine"))?;
        let target = url.path_and_query();
        let response = exchange(
            address,
            &Message { method: "GET", target, host: &address.to_string(), cookie: None, form: None },
        )?;
        expect(response.status, 200)?;
        let (page, domain) = (text(&response), domain(SITES[index])?);
        if page.contains(SITES[index]) || page.contains(domain.as_str()) {
            return Ok(());
        }
        Err(unexpected("the builder's page does not name the site"))
    }
}

fn domain(name: &str) -> Result<Domain> {
    Domain::new(name)
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn expect(status: u16, wanted: u16) -> Result<()> {
    if status == wanted {
        return Ok(());
    }
    Err(unexpected(&format!("the answer's status is {status} instead of {wanted}")))
}

/// A refusal has one of these statuses and leads nowhere.
fn refused(response: &Response, statuses: &[u16]) -> Result<()> {
    if response.headers.get("Location").is_none() && statuses.contains(&response.status) {
        return Ok(());
    }
    Err(unexpected(&format!("the answer's status is {}", response.status)))
}

fn contains(text: &str, wanted: &str, what: &str) -> Result<()> {
    if text.contains(wanted) { Ok(()) } else { Err(unexpected(&format!("{what} is missing ({wanted})"))) }
}

fn unexpected(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what)
}
