//! Every call but `requestLogin`, answered as strictly as it is documented (`reference/builder-api.md` 3 and 4), each with its own shape of success and
//! failure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::http::Response;
use crate::types::Domain;

/// Which spelling of the action of the long list of addresses a sandbox takes: the documentation has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullList {
    /// `list-full`, as in the sample.
    ListFull,
    /// `full-list`, as in the text.
    FullList,
}

/// What the builder knows besides sessions.
pub(super) struct World {
    projects: BTreeMap<String, Project>,
    /// Addresses with their brands, by licence.
    licences: BTreeMap<u64, Vec<(String, u64)>>,
    full_list: FullList,
    /// How many published websites there are besides the projects.
    others: u64,
    /// Paths that are answered with what they got: calls that only the administrator knows.
    further: Vec<String>,
}

#[derive(Default)]
struct Project {
    pages: BTreeMap<u64, String>,
    next_page: u64,
    blocked: bool,
    /// How often the running publication was looked at.
    looks: Option<u32>,
}

/// ID, category, name and types of pages of each template.
const TEMPLATES: [(&str, &str, &str, &[&str]); 3] = [
    ("Cafe-3", "food", "Café", &["home", "menu", "contacts"]),
    ("Shop-1", "shops", "Corner shop", &["home", "store", "contacts"]),
    ("Studio-7", "design", "Studio <7>", &["home", "gallery"]),
];

const CATEGORIES: [(&str, &str); 3] = [("food", "Food & drink"), ("shops", "Shops"), ("design", "Design")];

/// How many addresses a licence may have.
const MOST_ADDRESSES: usize = 5;

const BAD_INPUT: &str = "Bad input data";

/// One call as it came. `site` is the site of its `loginHash`, if that is known.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) body: &'a [u8],
    pub(super) site: Option<String>,
    /// Whether there was a project file of the site that is deleted.
    pub(super) had_file: bool,
}

/// Why a call fails, in the shape that its page documents.
enum Refused {
    /// `{"error":"..."}`
    Text(&'static str),
    /// `{"error":{"message":"..."}}` with status 400.
    Object(&'static str),
    /// The same with status 200: a slip of the documentation, and what builders do.
    ObjectButOk(&'static str),
    /// Nobody has this `loginHash`.
    Hash,
}

impl Refused {
    fn response(self) -> Response {
        match self {
            Self::Text(text) => Response::json(200, &json!({ "error": text })),
            Self::Object(text) => Response::json(400, &json!({ "error": { "message": text } })),
            Self::ObjectButOk(text) => Response::json(200, &json!({ "error": { "message": text } })),
            Self::Hash => Response::json(401, &json!({ "error": "Authentication error" })),
        }
    }
}

type Answered = Result<Value, Refused>;

impl World {
    pub(super) fn new(full_list: FullList, others: u64, further: Vec<String>) -> Self {
        Self { projects: BTreeMap::new(), licences: BTreeMap::new(), full_list, others, further }
    }

    /// Answers a call; `None` if there is no such call.
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Option<Response> {
        let path = asked.path;
        let is_get = matches!(path, "category-list" | "template-list");
        let is_further = self.further.iter().any(|known| known == path);
        let is_post = matches!(
            path,
            "website/get-page-types"
                | "website/create"
                | "website/modify"
                | "website/rename"
                | "publish"
                | "delete-site"
                | "website/get-settings"
                | "website/add-pages"
                | "website/duplicate-pages"
                | "website/remove-pages"
                | "hosting-accounts/get-domains"
                | "hosting-accounts/set-blocked"
                | "ipList"
        );
        if !is_get && !is_post && !is_further {
            return None;
        }
        if !is_further && asked.method != if is_get { "GET" } else { "POST" } {
            return Some(Response::json(405, &json!({ "error": { "message": "Wrong method" } })));
        }
        if is_get {
            return Some(Response::json(
                200,
                &if path == "category-list" { categories() } else { templates() },
            ));
        }
        let body = serde_json::from_slice::<Map<String, Value>>(asked.body);
        if is_further {
            let got = body.map_or(Value::Null, Value::Object);
            return Some(Response::json(
                200,
                &json!({ "ok": true, "method": asked.method, "received": got }),
            ));
        }
        let Ok(body) = body else { return Some(bad(path).response()) };
        let answered = match path {
            "delete-site" => self.delete(&body, asked.had_file),
            _ => self.post(path, &body, asked.site.as_deref()),
        };
        Some(answered.map_or_else(Refused::response, |value| Response::json(200, &value)))
    }

    fn post(&mut self, path: &str, body: &Map<String, Value>, site: Option<&str>) -> Answered {
        match path {
            "website/get-page-types" => page_types(body),
            "website/rename" => self.rename(body),
            "hosting-accounts/get-domains" => self.domains(body),
            "hosting-accounts/set-blocked" => self.set_blocked(body),
            "ipList" => self.ip_list(body),
            _ => {
                text(body, "loginHash").ok_or(Refused::Text(BAD_INPUT))?;
                self.with_hash(path, body, site.ok_or(Refused::Hash)?)
            }
        }
    }

    /// The calls about the site of a `loginHash`.
    fn with_hash(&mut self, path: &str, body: &Map<String, Value>, site: &str) -> Answered {
        if path == "website/create" {
            return self.create(body, site);
        }
        let missing = Refused::Text("Website not found");
        let project = self.projects.get_mut(site).ok_or(missing)?;
        match path {
            "website/modify" => {
                variables(body)?;
                Ok(json!({ "ok": true }))
            }
            "publish" => project.publish(body),
            "website/get-settings" => Ok(json!({ "data": { "publishWithForcedHttps": true } })),
            "website/add-pages" => project.add(body),
            "website/duplicate-pages" => project.duplicate(body),
            _ => project.remove(body),
        }
    }

    fn create(&mut self, body: &Map<String, Value>, site: &str) -> Answered {
        variables(body)?;
        let wanted = text(body, "template").unwrap_or("Cafe-3");
        let mut project = Project::default();
        project.add_types(wanted, body.get("pageTypes"))?;
        let pages = project.listed();
        self.projects.insert(site.to_owned(), project);
        Ok(json!({ "ok": true, "template": wanted, "pages": pages }))
    }

    fn rename(&mut self, body: &Map<String, Value>) -> Answered {
        let (Some(old), Some(new)) = (text(body, "domain"), text(body, "newDomain")) else {
            return Err(Refused::Text(BAD_INPUT));
        };
        if Domain::new(new).is_err() || self.projects.contains_key(new) {
            return Err(Refused::Text("This domain cannot be used"));
        }
        let project = self.projects.remove(old).ok_or(Refused::Text("Website not found"))?;
        self.projects.insert(new.to_owned(), project);
        Ok(json!({ "ok": true }))
    }

    fn delete(&mut self, body: &Map<String, Value>, had_file: bool) -> Answered {
        let domain = text(body, "domain").ok_or(Refused::ObjectButOk(BAD_INPUT))?;
        if self.projects.remove(domain).is_none() && !had_file {
            return Err(Refused::ObjectButOk("Website not found"));
        }
        Ok(json!({ "ok": true }))
    }

    fn domains(&self, body: &Map<String, Value>) -> Answered {
        let own = self.projects.iter().map(|(name, project)| listed(name, project.blocked));
        if let Some(domain) = body.get("domain") {
            let domain = domain.as_str().ok_or(Refused::Text(BAD_INPUT))?;
            let found: Vec<Value> = own.filter(|item| item["domain"] == domain).collect();
            return Ok(json!({ "ok": true, "domains": found }));
        }
        let offset = number(body, "offset").ok_or(Refused::Text(BAD_INPUT))?.unwrap_or(0);
        let limit = number(body, "limit").ok_or(Refused::Text(BAD_INPUT))?.unwrap_or(u64::MAX);
        let before = self.projects.len() as u64;
        let others = (offset.saturating_sub(before).min(self.others)..self.others)
            .map(|number| listed(&format!("site{number}.example"), number % 10 == 0));
        let own = own.skip(usize::try_from(offset).unwrap_or(usize::MAX));
        let page = own.chain(others).take(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(json!({ "ok": true, "domains": page.collect::<Vec<Value>>() }))
    }

    fn set_blocked(&mut self, body: &Map<String, Value>) -> Answered {
        let (Some(domain), Some(value)) = (text(body, "domain"), body.get("value").and_then(Value::as_bool))
        else {
            return Err(Refused::Text(BAD_INPUT));
        };
        let project = self.projects.get_mut(domain).ok_or(Refused::Text("Domain not found"))?;
        project.blocked = value;
        Ok(json!({ "ok": true, "domain": domain, "blocked": value }))
    }

    fn ip_list(&mut self, body: &Map<String, Value>) -> Answered {
        let Some(licence) = body.get("suborderId").and_then(Value::as_u64) else {
            return Err(Refused::Object(BAD_INPUT));
        };
        let full = match self.full_list {
            FullList::ListFull => "list-full",
            FullList::FullList => "full-list",
        };
        let list = self.licences.entry(licence).or_default();
        let item = |(ip, brand): &(String, u64)| json!({ "ip": ip, "brandId": brand });
        match text(body, "action") {
            Some("list") => {
                let plain: Vec<&str> = list.iter().map(|(ip, _)| ip.as_str()).collect();
                Ok(json!({ "ok": true, "list": plain, "maxIps": MOST_ADDRESSES }))
            }
            Some(action) if action == full => {
                let items: Vec<Value> = list.iter().map(item).collect();
                Ok(json!({ "ok": true, "list": items, "maxIps": MOST_ADDRESSES }))
            }
            Some("add" | "update" | "delete") => change(list, body),
            _ => Err(Refused::Object("Unknown action")),
        }
    }

    /// A session was made for a site: from then on it has a project.
    pub(super) fn opened(&mut self, site: &str) {
        if self.projects.len() < crate::limits::SANDBOX_SITES {
            self.projects.entry(site.to_owned()).or_default();
        }
    }
}

impl Project {
    fn listed(&self) -> Map<String, Value> {
        self.pages.iter().map(|(id, kind)| (id.to_string(), kind.clone().into())).collect()
    }

    /// Adds pages of a template; gives their IDs with their types.
    fn add_types(&mut self, template: &str, wanted: Option<&Value>) -> Result<Map<String, Value>, Refused> {
        let (.., types) = TEMPLATES
            .into_iter()
            .find(|(id, ..)| *id == template)
            .ok_or(Refused::Text("Template not found"))?;
        let wanted = match wanted {
            None => types.to_vec(),
            Some(Value::Array(items)) => {
                items.iter().map(Value::as_str).collect::<Option<_>>().ok_or(Refused::Text(BAD_INPUT))?
            }
            Some(_) => return Err(Refused::Text(BAD_INPUT)),
        };
        let mut made = Map::new();
        for kind in wanted {
            if !types.contains(&kind) {
                return Err(Refused::Text("Page type not found"));
            }
            self.next_page += 1;
            self.pages.insert(self.next_page, kind.to_owned());
            made.insert(self.next_page.to_string(), kind.into());
        }
        Ok(made)
    }

    fn add(&mut self, body: &Map<String, Value>) -> Answered {
        let template = text(body, "template").ok_or(Refused::Text(BAD_INPUT))?;
        let types = body.get("pageTypes").ok_or(Refused::Text(BAD_INPUT))?;
        let made = self.add_types(template, Some(types))?;
        Ok(json!({ "ok": true, "template": template, "pages": made }))
    }

    fn named(body: &Map<String, Value>) -> Result<Vec<&str>, Refused> {
        let items = body.get("pages").and_then(Value::as_array).ok_or(Refused::Text(BAD_INPUT))?;
        items.iter().map(Value::as_str).collect::<Option<_>>().ok_or(Refused::Text(BAD_INPUT))
    }

    fn duplicate(&mut self, body: &Map<String, Value>) -> Answered {
        let mut made = Vec::new();
        for page in Self::named(body)? {
            let kind = page.parse().ok().and_then(|id: u64| self.pages.get(&id)).cloned();
            let kind = kind.ok_or(Refused::Text("Page not found"))?;
            self.next_page += 1;
            self.pages.insert(self.next_page, kind);
            made.push(self.next_page.to_string());
        }
        Ok(json!({ "ok": true, "pages": made }))
    }

    /// Pages that are not there are not named in the answer.
    fn remove(&mut self, body: &Map<String, Value>) -> Answered {
        let mut is_there = |page: &&str| page.parse().is_ok_and(|id: u64| self.pages.remove(&id).is_some());
        let gone: Vec<&str> = Self::named(body)?.into_iter().filter(&mut is_there).collect();
        Ok(json!({ "ok": true, "pages": gone }))
    }

    fn publish(&mut self, body: &Map<String, Value>) -> Answered {
        let progress = body.get("progress").and_then(Value::as_bool).ok_or(Refused::Text(BAD_INPUT))?;
        if !progress {
            self.looks = Some(0);
            return Ok(json!({}));
        }
        let looks = self.looks.ok_or(Refused::Text("Nothing is being published"))?;
        self.looks = Some(looks + 1);
        Ok(match looks {
            0 => json!({ "text": "Preparing files", "percent": 40 }),
            1 => json!({ "text": "Uploading", "percent": 90 }),
            2 => json!({ "text": "Cleaning up", "percent": 10 }),
            _ => json!({ "text": "Done", "percent": 100, "complete": true }),
        })
    }
}

fn listed(domain: &str, blocked: bool) -> Value {
    json!({ "domain": domain, "blocked": blocked, "live": !blocked })
}

/// What a call answers to a body that is no object.
fn bad(path: &str) -> Refused {
    match path {
        "ipList" => Refused::Object(BAD_INPUT),
        "delete-site" => Refused::ObjectButOk(BAD_INPUT),
        _ => Refused::Text(BAD_INPUT),
    }
}

/// Adds, changes or removes an address.
fn change(list: &mut Vec<(String, u64)>, body: &Map<String, Value>) -> Answered {
    let address = |name: &str| match text(body, name) {
        Some(ip) if ip.parse::<std::net::IpAddr>().is_ok() => Ok(Some(ip.to_owned())),
        Some(_) => Err(Refused::Object("Wrong IP address")),
        None => Ok(None),
    };
    let brand =
        body.get("brandId").map(|brand| brand.as_u64().ok_or(Refused::Object(BAD_INPUT))).transpose()?;
    let ip = address("ip")?.ok_or(Refused::Object(BAD_INPUT))?;
    let place = list.iter().position(|(known, _)| *known == ip);
    match (text(body, "action").unwrap_or_default(), place) {
        ("add", Some(_)) => return Err(Refused::Object("This IP is in the list")),
        ("add", None) if list.len() >= MOST_ADDRESSES => return Err(Refused::Object("Too many IPs")),
        ("add", None) => list.push((ip, brand.ok_or(Refused::Object(BAD_INPUT))?)),
        (_, None) => return Err(Refused::Object("This IP is not in the list")),
        ("delete", Some(place)) => drop(list.remove(place)),
        (_, Some(place)) => {
            let new = address("newIp")?;
            if new.is_none() && brand.is_none() {
                return Err(Refused::Object(BAD_INPUT));
            }
            let (old_ip, old_brand) = list[place].clone();
            list[place] = (new.unwrap_or(old_ip), brand.unwrap_or(old_brand));
        }
    }
    Ok(json!({ "ok": true }))
}

fn categories() -> Value {
    let count = |id: &str| TEMPLATES.iter().filter(|(_, category, ..)| *category == id).count();
    CATEGORIES.iter().map(|(id, name)| json!({ "id": id, "name": name, "count": count(id) })).collect()
}

fn templates() -> Value {
    let item = |(id, category, name, _): &(&str, &str, &str, &[&str])| json!({ "id": id, "categoryId": category, "name": name, "image": format!("https://builder.example/{id}.png") });
    TEMPLATES.iter().map(item).collect()
}

fn page_types(body: &Map<String, Value>) -> Answered {
    let wanted = text(body, "template").ok_or(Refused::Text(BAD_INPUT))?;
    let found = TEMPLATES.iter().find(|(id, ..)| *id == wanted).ok_or(Refused::Text("Template not found"))?;
    Ok(json!({ "ok": true, "template": wanted, "pageTypes": found.3 }))
}

/// `variables`, if there are some: an object whose values are texts.
fn variables(body: &Map<String, Value>) -> Result<(), Refused> {
    let fits = match body.get("variables") {
        None => true,
        Some(Value::Object(items)) => items.values().all(Value::is_string),
        Some(_) => false,
    };
    if fits { Ok(()) } else { Err(Refused::Text(BAD_INPUT)) }
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A number that may be left out; `None` if it is something else.
fn number(body: &Map<String, Value>, name: &str) -> Option<Option<u64>> {
    body.get(name).map_or(Some(None), |value| value.as_u64().map(Some))
}

/// The ways in which builders report failures (`reference/builder-api.md` 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// Status 400, `{"error":{"message":"..."}}`.
    Object,
    /// Status 200, `{"error":{"message":"..."}}`.
    ObjectButOk,
    /// Status 500, `{"error":{"code":1,"message":"..."}}`.
    Coded,
    /// Status 200, `{"error":"..."}`.
    Text,
    /// A status that is no success with something else than JSON.
    Page,
    /// Status 200 with an empty body.
    Empty,
}

impl ErrorShape {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Object, Self::ObjectButOk, Self::Coded, Self::Text, Self::Page, Self::Empty];

    /// A failure in this shape.
    pub fn response(self, message: &str) -> Response {
        match self {
            Self::Object => Response::json(400, &json!({ "error": { "message": message } })),
            Self::ObjectButOk => Response::json(200, &json!({ "error": { "message": message } })),
            Self::Coded => Response::json(500, &json!({ "error": { "code": 1, "message": message } })),
            Self::Text => Response::json(200, &json!({ "error": message })),
            Self::Page => Response::html(502, format!("<h1>{message}</h1>")),
            Self::Empty => Response::new(200),
        }
    }
}
