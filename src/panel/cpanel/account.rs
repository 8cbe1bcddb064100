//! `/var/cpanel/users/USER`: lines of `KEY=VALUE` about one account.

use std::path::Path;

use crate::config::Feature;
use crate::error::{Error, ErrorKind, Result};
use crate::panel::detail;
use crate::panel::keyvalue::KeyValue;
use crate::types::{Domain, Username, quote};

/// What the file says about the account.
#[derive(Debug)]
pub(super) struct UserFile {
    /// `OWNER`: the reseller.
    pub(super) owner: Option<String>,
    /// `PLAN`: the package.
    pub(super) plan: Option<String>,
    /// `LOCALE`.
    pub(super) locale: Option<String>,
    /// `CONTACTEMAIL`, if it is one address.
    pub(super) contact: Option<String>,
    /// `STARTDATE`: what tells the account from a successor of the same name.
    pub(super) start_date: String,
    /// `SUSPENDED`.
    pub(super) suspended: bool,
    /// `DEMO`.
    pub(super) demo: bool,
    /// `IP`, as it stands there.
    pub(super) ip: Option<String>,
    /// `DNS`: the main domain.
    pub(super) main_domain: Option<Domain>,
    /// `FEATURELIST`: the feature list's name, checked to be one plain file name.
    pub(super) feature_list: String,
    /// `FEATURE-name`: what holds for this account whatever its list says.
    pub(super) feature_override: Option<bool>,
    /// The feature's name and `_sites`: a package extension's field.
    pub(super) site_limit: Option<u32>,
}

impl UserFile {
    /// Takes the file of account `name` apart. `path` is for errors.
    ///
    /// # Errors
    /// [`ErrorKind::PanelData`] with file and line.
    pub(super) fn parse(path: &Path, bytes: &[u8], name: &Username, feature: &Feature) -> Result<Self> {
        let file = KeyValue::parse(path, bytes, '=')?;
        let text = |key: &str| file.one(key).map(|value| value.map(str::to_owned));
        check_user(path, &file, name)?;
        let switch = |key: &str| value_of(&file, key, zero_or_one);
        Ok(Self {
            owner: text("OWNER")?,
            plan: text("PLAN")?,
            locale: detail::usable(name, "LOCALE", file.one("LOCALE")?, detail::locale),
            contact: detail::usable(name, "CONTACTEMAIL", file.one("CONTACTEMAIL")?, detail::email),
            start_date: value_of(&file, "STARTDATE", digits)?.unwrap_or_default(),
            suspended: switch("SUSPENDED")?.unwrap_or(false),
            demo: switch("DEMO")?.unwrap_or(false),
            ip: text("IP")?,
            main_domain: value_of(&file, "DNS", |text| Domain::new(text).map_err(|error| error.to_string()))?,
            feature_list: value_of(&file, "FEATURELIST", list_name)?.unwrap_or_else(|| "default".to_owned()),
            feature_override: feature_override(&file, feature)?,
            site_limit: detail::site_limit(name, &file, feature)?,
        })
    }
}

/// `USER` must be there and name this account. It is among the last keys of the file, so that a file which was cut off does not pass for an account
/// that is not suspended.
fn check_user(path: &Path, file: &KeyValue<'_>, name: &Username) -> Result<()> {
    match file.one("USER")? {
        Some(user) if user == name.as_str() => Ok(()),
        Some(user) => {
            Err(file.error(line_of(file, "USER"), format!("the file is about user {}", quote(user))))
        }
        None => {
            let text = format!("{}: \"USER\" is missing (was the file cut off?)", path.display());
            Err(Error::new(ErrorKind::PanelData, text))
        }
    }
}

/// `FEATURE-name`; the case of the name does not count, because cPanel's own differ in it.
fn feature_override(file: &KeyValue<'_>, feature: &Feature) -> Result<Option<bool>> {
    let mut found = None;
    for pair in file.pairs() {
        let named =
            pair.key.strip_prefix("FEATURE-").is_some_and(|name| name.eq_ignore_ascii_case(feature.as_str()));
        if !named || pair.value.is_empty() {
            continue;
        }
        let value = zero_or_one(pair.value).map_err(|fault| file.error(pair.line, fault))?;
        if found.is_some_and(|other| other != value) {
            return Err(file.error(pair.line, format!("{} contradicts an earlier line", quote(pair.key))));
        }
        found = Some(value);
    }
    Ok(found)
}

fn value_of<T, E: std::fmt::Display>(
    file: &KeyValue<'_>,
    key: &str,
    make: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Result<Option<T>> {
    file.one(key)?
        .map(make)
        .transpose()
        .map_err(|fault| file.error(line_of(file, key), format!("{key}: {fault}")))
}

fn line_of(file: &KeyValue<'_>, key: &str) -> usize {
    file.pairs().iter().find(|pair| pair.key == key).map_or(0, |pair| pair.line)
}

/// A switch of cPanel's.
pub(super) fn zero_or_one(text: &str) -> std::result::Result<bool, String> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(format!("{} is neither 0 nor 1", quote(other))),
    }
}

fn digits(text: &str) -> std::result::Result<String, String> {
    if text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is not a time in seconds", quote(text)))
    }
}

/// A feature list's name becomes a file name below `/var/cpanel/features`.
fn list_name(text: &str) -> std::result::Result<String, String> {
    let plain = !text.starts_with('.') && !text.contains('/') && !text.chars().any(char::is_control);
    if plain && text.len() <= 255 {
        Ok(text.to_owned())
    } else {
        Err(format!("{} is not the name of a feature list", quote(text)))
    }
}
