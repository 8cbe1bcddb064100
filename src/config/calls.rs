//! `[call NAME]`: what the administrator says about one call of the builder's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::calls::{Base, Call, Kind, Method, Overrides, Way};
use crate::error::Result;
use crate::types::quote;

use super::ini::{IniFile, Section};

/// What the sections' names begin with.
pub(super) const PREFIX: &str = "call ";

/// The member of our input that names the account; it is never sent.
const ACCOUNT: &str = "account";

pub(super) fn read(file: &IniFile) -> Result<BTreeMap<Call, Overrides>> {
    let mut calls = BTreeMap::new();
    let named: Vec<(String, usize)> = file.sections().map(|(name, line)| (name.to_owned(), line)).collect();
    for (section, line) in named {
        let Some(name) = section.strip_prefix(PREFIX) else { continue };
        let Some(call) = Call::by_name(name.trim()) else {
            let text = format!("there is no call {} (panelgate call --list shows all)", quote(name));
            return Err(file.error(line, text));
        };
        if calls.insert(call, one(&file.section(&section), call)?).is_some() {
            return Err(file.error(line, "this call has two sections"));
        }
    }
    Ok(calls)
}

fn one(section: &Section<'_>, call: Call) -> Result<Overrides> {
    if let Way::Own(command) = call.entry().way {
        return Err(section.error("path", format!("this call is made by \"{command}\" only")));
    }
    let session = match section.text("session") {
        Some(_) => Some(section.flag("session", false)?),
        None => None,
    };
    let mut own = Overrides {
        disabled: !section.flag("enabled", true)?,
        path: section.parse("path", path)?,
        method: section.choice("method", &[("GET", Method::Get), ("POST", Method::Post)])?,
        base: section.choice("base", &[("central", Base::Central), ("builder", Base::Builder)])?,
        session,
        site_field: section.parse("site_field", field_name)?,
        fields: section.list("fields", field)?.into_iter().collect(),
        required: section.list("required", field_name)?,
        ..Overrides::default()
    };
    if let Some(name) = own.required.iter().find(|name| !own.fields.contains_key(*name)) {
        return Err(section.error("required", format!("fields does not name {}", quote(name))));
    }
    if let Some(name) = own.fields.keys().find(|name| call.entry().fields.iter().any(|f| f.name == **name)) {
        return Err(section.error("fields", format!("the call has the field {} already", quote(name))));
    }
    own.names = prefixed(section, "name.", |name, text| {
        let known = call.entry().fields.iter().any(|field| field.name == name);
        if known || own.fields.contains_key(name) {
            field_name(text)
        } else {
            Err("the call has no such field".to_owned())
        }
    })?;
    own.values = prefixed(section, "value.", |name, text| {
        if call.entry().fixed.iter().any(|(fixed, _)| *fixed == name) {
            Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
        } else {
            Err("Panelgate fills in no such field".to_owned())
        }
    })?;
    own_keys(section)?;
    Ok(own)
}

/// The keys that begin with `prefix`.
fn prefixed<T>(
    section: &Section<'_>,
    prefix: &str,
    make: impl Fn(&str, &str) -> std::result::Result<T, String>,
) -> Result<BTreeMap<String, T>> {
    let mut found = BTreeMap::new();
    for (key, text) in section.entries() {
        if let Some(name) = key.strip_prefix(prefix) {
            let value = make(name, text).map_err(|fault| section.error(key, fault))?;
            found.insert(name.to_owned(), value);
        }
    }
    Ok(found)
}

const KEYS: [&str; 8] = ["enabled", "path", "method", "base", "session", "site_field", "fields", "required"];

/// A typing error must not pass for a setting: going through all keys has taken them for known.
fn own_keys(section: &Section<'_>) -> Result<()> {
    for (key, _) in section.entries() {
        if !KEYS.contains(&key) && !key.starts_with("name.") && !key.starts_with("value.") {
            let text =
                format!("there is no such key (there are: {}, name.FIELD, value.FIELD)", KEYS.join(", "));
            return Err(section.error(key, text));
        }
    }
    Ok(())
}

/// A path below the API's address: plain segments, so that it can lead nowhere else.
fn path(text: &str) -> std::result::Result<String, &'static str> {
    let plain = |segment: &str| {
        !segment.is_empty()
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if text.len() <= 128 && text.split('/').all(plain) {
        Ok(text.to_owned())
    } else {
        Err("it must be a path below the API's address such as website/get-template")
    }
}

fn field_name(text: &str) -> std::result::Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    match text {
        "loginHash" | ACCOUNT => Err(format!("the field {text} is Panelgate's own")),
        _ if plain && (1..=64).contains(&text.len()) => Ok(text.to_owned()),
        _ => Err(format!("{} is not the name of a field", quote(text))),
    }
}

/// `NAME:KIND`
fn field(text: &str) -> std::result::Result<(String, Kind), String> {
    let (name, kind) = text.split_once(':').unwrap_or((text, "text"));
    let kind = kind.trim();
    let known = Kind::CONFIGURABLE.into_iter().find(|known| known.name() == kind).ok_or_else(|| {
        let kinds: Vec<&str> = Kind::CONFIGURABLE.iter().map(|kind| kind.name()).collect();
        format!("{} is not one of: {}", quote(kind), kinds.join(", "))
    })?;
    Ok((field_name(name.trim())?, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(Path::new("t.ini"), text.as_bytes())
    }

    #[test]
    fn a_call_can_be_described() {
        let config = parse(
            "[call get-template]\npath = website/get-template\nmethod = GET\nbase = central\nsession = yes\nsite_field = site\n\
             fields = page : number, tags:texts, note\nrequired = page\nname.page = pageId\n\
             [call website/rename]\nname.newDomain = to\n[call ipList/list-full]\nvalue.action = full-list\n\
             [call publish]\nenabled = no\n",
        )
        .unwrap();
        let calls = &config.builder.calls;
        let own = &calls[&Call::GetTemplate];
        assert_eq!(own.path.as_deref(), Some("website/get-template"));
        assert_eq!((own.method, own.base, own.session), (Some(Method::Get), Some(Base::Central), Some(true)));
        assert_eq!(own.site_field.as_deref(), Some("site"));
        let kinds: Vec<(&str, Kind)> = own.fields.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        assert_eq!(kinds, [("note", Kind::Text), ("page", Kind::Number), ("tags", Kind::Texts)]);
        assert_eq!((own.required[0].as_str(), own.names["page"].as_str()), ("page", "pageId"));
        assert_eq!(calls[&Call::WebsiteRename].names["newDomain"], "to");
        assert_eq!(calls[&Call::IpListFull].values["action"], "full-list");
        assert!(calls[&Call::Publish].disabled && !own.disabled);
    }

    #[test]
    fn faults_are_named_with_their_line() {
        for (text, want) in [
            ("[call nonsense]\npath = x\n", "t.ini:1: there is no call \"nonsense\""),
            ("[call get-template]\npath = ../x\n", "t.ini:2: [call get-template] path: it must be a path"),
            (
                "[call get-template]\npath = https://x/\n",
                "t.ini:2: [call get-template] path: it must be a path",
            ),
            ("[call get-template]\npath = /x\n", "t.ini:2: [call get-template] path: it must be a path"),
            ("[call get-template]\npaht = x\n", "t.ini:2: [call get-template] paht: there is no such key"),
            ("[call get-template]\nfields = a:colour\n", "\"colour\" is not one of: domain, text"),
            ("[call get-template]\nfields = loginHash\n", "the field loginHash is Panelgate's own"),
            ("[call get-template]\nfields = account\n", "the field account is Panelgate's own"),
            ("[call get-template]\nrequired = a\n", "fields does not name \"a\""),
            ("[call website/rename]\nname.other = x\n", "name.other: the call has no such field"),
            ("[call website/rename]\nfields = domain\n", "the call has the field \"domain\" already"),
            ("[call website/rename]\nvalue.action = x\n", "value.action: Panelgate fills in no such field"),
            ("[call requestLogin]\npath = x\n", "this call is made by \"panelgate open\" only"),
        ] {
            let error = parse(text).err().unwrap().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
