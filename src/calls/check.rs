//! What may be sent: every fault of an input is found here, before anything is asked of anybody, and named by its field.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Domain, Username, quote};

use super::overrides::Effective;
use super::{Kind, Way};

/// The member that names the account; it is never sent.
const ACCOUNT: &str = "account";

/// The member that names the site, in every call that is about one.
const SITE: &str = "domain";

/// An input that passed.
#[derive(Debug)]
pub struct Checked {
    /// The account that is named.
    pub account: Option<Username>,
    /// The site that is named. It is not in `body`: whoever sends puts its key there.
    pub site: Option<Domain>,
    /// What is sent, under our names of the fields.
    pub body: Map<String, Value>,
}

/// Checks an input against a call's fields.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] with the field's name.
pub fn check(call: Effective<'_>, input: Value) -> Result<Checked> {
    let name = call.entry.name;
    let fail = |what: String| Error::new(ErrorKind::InvalidArgument, format!("{name}: {what}"));
    let Value::Object(mut members) = input else {
        return Err(fail("the input is not a JSON object".into()));
    };
    let account = match members.remove(ACCOUNT) {
        None => None,
        Some(Value::String(text)) => {
            Some(Username::new(&text).map_err(|fault| fail(format!("field \"{ACCOUNT}\": {fault}")))?)
        }
        Some(_) => return Err(fail(format!("field \"{ACCOUNT}\" must be text"))),
    };
    let site = if call.is_about_a_site() {
        let site = members.remove(SITE).ok_or_else(|| fail(missing(SITE)))?;
        Some(domain(&site).map_err(|what| fail(format!("field \"{SITE}\" {what}")))?)
    } else {
        None
    };
    let mut body = Map::new();
    for (field, value) in members {
        let Some(kind) = kind_of(call, &field) else {
            return Err(fail(unknown(call, &field)));
        };
        let value = accept(kind, value).map_err(|what| fail(format!("field {} {what}", quote(&field))))?;
        body.insert(field, value);
    }
    for field in needed(call) {
        if !body.contains_key(field) {
            return Err(fail(missing(field)));
        }
    }
    if name == "ipList/update" && !body.contains_key("newIp") && !body.contains_key("brandId") {
        return Err(fail("field \"newIp\" or \"brandId\" must be there".into()));
    }
    Ok(Checked { account, site, body })
}

fn missing(field: &str) -> String {
    format!("field \"{field}\" is missing")
}

/// Says which fields there are; `loginHash` is no business of the caller's.
fn unknown(call: Effective<'_>, field: &str) -> String {
    if field == "loginHash" {
        return "field \"loginHash\" is filled in by Panelgate: leave it out".into();
    }
    let mut known: Vec<&str> = call.entry.fields.iter().map(|field| field.name).collect();
    if call.is_about_a_site() && !known.contains(&SITE) {
        known.insert(0, SITE);
    }
    known.extend(call.overrides.iter().flat_map(|own| own.fields.keys().map(String::as_str)));
    let there = if known.is_empty() { "it takes none".to_owned() } else { known.join(", ") };
    let hint = if call.entry.way == Way::Configured { "; [call NAME] fields adds more" } else { "" };
    format!("there is no field {} (there are: {there}{hint})", quote(field))
}

fn kind_of(call: Effective<'_>, field: &str) -> Option<Kind> {
    let documented = call.entry.fields.iter().find(|known| known.name == field).map(|known| known.kind);
    documented.or_else(|| call.overrides.and_then(|own| own.fields.get(field).copied()))
}

/// The fields that must be there, but for the site.
fn needed<'a>(call: Effective<'a>) -> impl Iterator<Item = &'a str> {
    let documented = call.entry.fields.iter().filter(|field| field.needed && field.kind != Kind::Site);
    let own = call.overrides.into_iter().flat_map(|own| own.required.iter().map(String::as_str));
    documented.map(|field| field.name).chain(own)
}

fn domain(value: &Value) -> Result<Domain, String> {
    let Value::String(text) = value else { return Err("must be a domain as text".into()) };
    Domain::new(text).map_err(|fault| format!("must be a domain: {fault}"))
}

/// The value as it is sent.
fn accept(kind: Kind, value: Value) -> Result<Value, String> {
    match (kind, &value) {
        (Kind::Site | Kind::Domain, _) => return Ok(domain(&value)?.as_str().into()),
        (Kind::Text, Value::String(text)) => short(text)?,
        (Kind::Number, Value::Number(number)) if number.is_u64() => {}
        (Kind::Flag, Value::Bool(_)) => {}
        (Kind::Address, Value::String(text)) => {
            let address: std::net::IpAddr = text.parse().map_err(|_| "must be an IP address".to_owned())?;
            return Ok(address.to_string().into());
        }
        (Kind::Texts, Value::Array(items)) => {
            few(items.len())?;
            for item in items {
                short(item.as_str().ok_or("must be a list of texts")?)?;
            }
        }
        (Kind::TextMap, Value::Object(items)) => {
            few(items.len())?;
            for (name, item) in items {
                short(name)?;
                short(item.as_str().ok_or("must be an object whose values are texts")?)?;
            }
        }
        (Kind::Json, _) => {}
        (Kind::Text, _) => return Err("must be text".into()),
        (Kind::Number, _) => return Err("must be a whole number, not as text".into()),
        (Kind::Flag, _) => return Err("must be true or false".into()),
        (Kind::Address, _) => return Err("must be an IP address as text".into()),
        (Kind::Texts, _) => return Err("must be a list of texts".into()),
        (Kind::TextMap, _) => return Err("must be an object whose values are texts".into()),
    }
    Ok(value)
}

fn short(text: &str) -> Result<(), String> {
    if text.len() > limits::CALL_TEXT_BYTES {
        return Err(format!("is longer than {} bytes", limits::CALL_TEXT_BYTES));
    }
    if text.contains('\0') {
        return Err("holds a NUL".into());
    }
    Ok(())
}

fn few(count: usize) -> Result<(), String> {
    if count > limits::CALL_ITEMS {
        return Err(format!("has more than {} items", limits::CALL_ITEMS));
    }
    Ok(())
}
