//! Licences (`reference/builder-api.md` 4): always at the configured address, also for a builder on own premises.

use std::net::IpAddr;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Domain, SiteKey};

use super::{Client, Site, tolerant};

/// A published website of the brand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its domain, as the builder writes it.
    #[serde(alias = "name", alias = "host", deserialize_with = "tolerant::word")]
    pub domain: String,
    /// Whether it is blocked.
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub blocked: Option<bool>,
    /// Whether the builder has found it online.
    #[serde(default, deserialize_with = "tolerant::flag")]
    pub live: Option<bool>,
}

/// What `hosting-accounts/set-blocked` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// The domain, if the builder repeats it.
    pub domain: Option<String>,
    /// Its state from now on, if the builder says it.
    pub blocked: Option<bool>,
}

/// The addresses of a licence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The addresses.
    pub list: Vec<Address>,
    /// How many there may be. The name of this number is not documented: it is the only number beside the list.
    pub most: Option<u64>,
}

/// One address of a licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address as the builder writes it.
    pub ip: String,
    /// The number of its brand, if that was asked for.
    pub brand: Option<u64>,
}

/// A page of published websites. Items that are no such thing are an error.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    domains: Vec<Published>,
}

/// An answer of which only its success counts.
struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ignoring;
        impl<'de> Visitor<'de> for Ignoring {
            type Value = Anything;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Anything, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Anything)
            }
        }
        deserializer.deserialize_map(Ignoring)
    }
}

impl Client {
    /// `POST hosting-accounts/get-domains`: one page of the published websites, as many as `limit`. The builder's documentation wants no more than one
    /// reading of the list in 3 hours: [`crate::ops::published`] keeps to it.
    ///
    /// # Errors
    /// One of the builder's kinds ([`ErrorKind`] 3xx), or `Config`.
    pub fn published(&self, offset: u64, limit: u64) -> Result<Vec<Published>> {
        let body = members(json!({ "offset": offset, "limit": limit }));
        let page: Page = self.invoke(Call::GetDomains, None, &body)?;
        Ok(page.domains)
    }

    /// The same for one domain; `None` if the builder does not know it.
    ///
    /// # Errors
    /// As [`Client::published`].
    pub fn published_one(&self, domain: &Domain) -> Result<Option<Published>> {
        let body = members(json!({ "domain": domain.as_str() }));
        let page: Page = self.invoke(Call::GetDomains, None, &body)?;
        Ok(page.domains.into_iter().find(|found| found.domain.eq_ignore_ascii_case(domain.as_str())))
    }

    /// All published websites, page by page; no more than one page is in memory. Gives how many there are.
    ///
    /// # Errors
    /// As [`Client::published`], or what `each` says; [`ErrorKind::BuilderProtocol`] if the pages have no end.
    pub fn published_all(&self, mut each: impl FnMut(Vec<Published>) -> Result<()>) -> Result<u64> {
        let (mut offset, mut before) = (0, None);
        loop {
            let page = self.published(offset, limits::DOMAINS_PAGE)?;
            let (count, first) = (page.len() as u64, page.first().map(|site| site.domain.clone()));
            let endless = |what: &str| {
                Error::new(ErrorKind::BuilderProtocol, format!("{}: {what}", Call::GetDomains.name()))
            };
            if first.is_some() && first == before {
                return Err(endless("the builder gives the same page again and again"));
            }
            if offset + count > limits::DOMAINS {
                return Err(endless("the builder's list has no end"));
            }
            if count > 0 {
                each(page)?;
            }
            offset += count;
            // More than asked for: a builder that gives everything at once.
            if count != limits::DOMAINS_PAGE {
                return Ok(offset);
            }
            before = first;
        }
    }

    /// `POST hosting-accounts/set-blocked`: blocks or unblocks a published website. Licences count it within an hour.
    ///
    /// # Errors
    /// As [`Client::published`].
    pub fn set_blocked(&self, key: &SiteKey, blocked: bool) -> Result<Blocked> {
        let body = members(json!({ "value": blocked }));
        self.invoke(Call::SetBlocked, Some(Site::Key(key)), &body).map(read_blocked)
    }

    /// `POST ipList`, action `list`: the addresses of a licence.
    ///
    /// # Errors
    /// As [`Client::published`].
    pub fn addresses(&self, licence: u64) -> Result<Addresses> {
        self.invoke(Call::IpList, None, &members(json!({ "suborderId": licence }))).map(read_addresses)
    }

    /// `POST ipList`, action `list-full` or `full-list`, whichever this builder takes: the addresses of a licence with their brands.
    ///
    /// # Errors
    /// As [`Client::published`].
    pub fn addresses_with_brands(&self, licence: u64) -> Result<Addresses> {
        self.invoke(Call::IpListFull, None, &members(json!({ "suborderId": licence }))).map(read_addresses)
    }

    /// `POST ipList`, action `add`.
    ///
    /// # Errors
    /// As [`Client::published`].
    pub fn add_address(&self, licence: u64, address: IpAddr, brand: u64) -> Result<()> {
        let body = json!({ "suborderId": licence, "ip": address, "brandId": brand });
        self.invoke(Call::IpAdd, None, &members(body)).map(|Anything| ())
    }

    /// `POST ipList`, action `update`: another address, another brand, or both.
    ///
    /// # Errors
    /// As [`Client::published`]; [`ErrorKind::InvalidArgument`] if neither is given.
    pub fn update_address(
        &self,
        licence: u64,
        address: IpAddr,
        new: Option<IpAddr>,
        brand: Option<u64>,
    ) -> Result<()> {
        let mut body = members(json!({ "suborderId": licence, "ip": address }));
        if let Some(new) = new {
            body.insert("newIp".into(), json!(new));
        }
        if let Some(brand) = brand {
            body.insert("brandId".into(), json!(brand));
        }
        if new.is_none() && brand.is_none() {
            return Err(Error::new(ErrorKind::InvalidArgument, "neither a new address nor a brand is given"));
        }
        self.invoke(Call::IpUpdate, None, &body).map(|Anything| ())
    }

    /// `POST ipList`, action `delete`.
    ///
    /// # Errors
    /// As [`Client::published`].
    pub fn delete_address(&self, licence: u64, address: IpAddr) -> Result<()> {
        let body = members(json!({ "suborderId": licence, "ip": address }));
        self.invoke(Call::IpDelete, None, &body).map(|Anything| ())
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Reads the answer of `hosting-accounts/set-blocked`.
pub fn read_blocked(mut answer: Map<String, Value>) -> Blocked {
    let truth =
        |value: &Value| serde_json::from_value::<tolerant::Truth>(value.clone()).ok().map(|truth| truth.0);
    Blocked {
        domain: tolerant::take(&mut answer, &["domain", "name"], tolerant::text),
        blocked: tolerant::take(&mut answer, &["blocked", "value"], truth),
    }
}

/// Reads the answer of `ipList` with one of its lists. Items may be texts or objects.
pub fn read_addresses(mut answer: Map<String, Value>) -> Addresses {
    let list = match answer.remove("list") {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    answer.remove("ok");
    let address = |item: Value| match item {
        Value::String(ip) => Some(Address { ip, brand: None }),
        Value::Object(mut members) => Some(Address {
            ip: tolerant::take(&mut members, &["ip"], tolerant::text)?,
            brand: tolerant::take(&mut members, &["brandId", "brand"], tolerant::number),
        }),
        _ => None,
    };
    let mut numbers = answer.values().filter_map(tolerant::number);
    let most = match (numbers.next(), numbers.next()) {
        (Some(number), None) => Some(number),
        _ => None,
    };
    Addresses { list: list.into_iter().filter_map(address).collect(), most }
}
