//! What an administrator says about one call: `[call NAME]`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Base, Call, Entry, Kind, Method, Session, Way};

/// The settings of one call; what is `None` or empty leaves the table's word.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `enabled = no`: the call is not made.
    pub disabled: bool,
    /// `path`
    pub path: Option<String>,
    /// `method`
    pub method: Option<Method>,
    /// `base`
    pub base: Option<Base>,
    /// `session`: whether the site's `loginHash` is sent.
    pub session: Option<bool>,
    /// `site_field`: the field that carries the site's key, for calls whose fields the table does not know.
    pub site_field: Option<String>,
    /// `fields`: further fields and what they hold.
    pub fields: BTreeMap<String, Kind>,
    /// `required`: which of `fields` must be there.
    pub required: Vec<String>,
    /// `name.FIELD = OTHER`: what a field is called on the wire.
    pub names: BTreeMap<String, String>,
    /// `value.FIELD = VALUE`: what a field says that Panelgate fills in.
    pub values: BTreeMap<String, Value>,
}

/// A call as it is made here: the table's entry with the administrator's word.
#[derive(Clone, Copy)]
pub struct Effective<'a> {
    /// The table's entry.
    pub entry: &'static Entry,
    /// What the administrator says.
    pub overrides: Option<&'a Overrides>,
}

impl<'a> Effective<'a> {
    /// Puts the two together.
    pub fn of(call: Call, overrides: Option<&'a Overrides>) -> Self {
        Self { entry: call.entry(), overrides }
    }

    /// The path below the base; `None` if nobody says it.
    pub fn path(&self) -> Option<&'a str> {
        self.overrides.and_then(|own| own.path.as_deref()).or(self.entry.path)
    }

    /// Whether it can be made by the generic call; else why not.
    ///
    /// # Errors
    /// What to do instead.
    pub fn available(&self) -> Result<(), String> {
        let name = self.entry.name;
        if let Way::Own(command) = self.entry.way {
            return Err(format!("the call {name} is made by \"{command}\" only"));
        }
        if self.overrides.is_some_and(|own| own.disabled) {
            return Err(format!("the call {name} is switched off: [call {name}] enabled = no"));
        }
        match self.path() {
            Some(_) => Ok(()),
            None => Err(format!(
                "the documentation names the call {name} but not how it is made: set path and fields in [call {name}] as your vendor says them"
            )),
        }
    }

    /// How it is sent.
    pub fn method(&self) -> Method {
        self.overrides.and_then(|own| own.method).unwrap_or(self.entry.method)
    }

    /// Below which address.
    pub fn base(&self) -> Base {
        self.overrides.and_then(|own| own.base).unwrap_or(self.entry.base)
    }

    /// Whether it carries a `loginHash`.
    pub fn session(&self) -> Session {
        match self.overrides.and_then(|own| own.session) {
            Some(true) => Session::Needed,
            Some(false) => Session::Without,
            None => self.entry.session,
        }
    }

    /// The field that the administrator chose for the site's key.
    pub fn site_field(&self) -> Option<&'a str> {
        self.overrides.and_then(|own| own.site_field.as_deref())
    }

    /// Whether the input names a site.
    pub fn is_about_a_site(&self) -> bool {
        self.session() == Session::Needed || self.entry.is_about_a_site() || self.site_field().is_some()
    }

    /// What a field is called on the wire.
    pub fn wire_name<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.overrides.and_then(|own| own.names.get(name)).map_or(name, String::as_str)
    }
}
