//! Values as hooks get them: numbers may be texts, what is missing may be null, empty or not there, and any of them may be anything else.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::types::{Domain, Username};

/// A text, number or truth value as a text; everything else is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Loose(Option<String>);

/// Longest value that is looked at, in bytes: names are shorter.
const LONGEST: usize = 1024;

impl Loose {
    /// The text of a variable.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        Self((!text.is_empty() && text.len() <= LONGEST).then(|| text.to_owned()))
    }

    /// The text, if there is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Whether it is a way to write yes; `None` if there is none.
    pub(super) fn flag(&self) -> Option<bool> {
        self.text()
            .map(|text| !["0", "no", "off", "false", "n"].iter().any(|no| text.eq_ignore_ascii_case(no)))
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::of(text))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Loose, E> {
                Ok(Loose(Some(number.to_string())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Loose, E> {
                Ok(Loose(Some(number.to_string())))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Loose, E> {
                Ok(Loose(Some(u8::from(truth).to_string())))
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// An object with known members, or nothing if it is anything else.
#[derive(Clone, Debug, Default)]
pub(super) struct Maybe<T>(pub(super) T);

impl<'de, T: Members> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<T>(std::marker::PhantomData<T>);
        impl<'de, T: Members> Visitor<'de> for Object<T> {
            type Value = Maybe<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Maybe<T>, A::Error> {
                let mut members = T::default();
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    if !members.take(&name, &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Maybe(members))
            }

            fn visit_str<E>(self, _: &str) -> Result<Maybe<T>, E> {
                Ok(Maybe(T::default()))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Maybe<T>, E> {
                Ok(Maybe(T::default()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Maybe<T>, E> {
                Ok(Maybe(T::default()))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Maybe<T>, E> {
                Ok(Maybe(T::default()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Maybe<T>, E> {
                Ok(Maybe(T::default()))
            }

            fn visit_unit<E>(self) -> Result<Maybe<T>, E> {
                Ok(Maybe(T::default()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Maybe<T>, A::Error> {
                // Of a list of results the first one counts.
                let first = list.next_element::<Maybe<T>>()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(first.unwrap_or_default())
            }
        }
        deserializer.deserialize_any(Object(std::marker::PhantomData))
    }
}

/// The known members of an object. Others are passed over without being kept.
pub(super) trait Members: Default {
    /// Reads the member's value, if it is a known one; gives whether it is.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// A type whose members are [`Loose`] values, or objects that are [`Maybe`] there.
macro_rules! members {
    ($(#[$doc:meta])* $type:ident { $($member:ident : $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        struct $type { $($member: $kind),* }

        impl super::loose::Members for $type {
            fn take<'de, A: serde::de::MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
                match name {
                    $(stringify!($member) => self.$member = map.next_value()?,)*
                    _ => return Ok(false),
                }
                Ok(true)
            }
        }
    };
}
pub(super) use members;

/// Reads one JSON object.
pub(super) fn json<T: Members>(payload: &[u8]) -> Result<T, String> {
    let payload = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload).trim_ascii();
    match payload.first() {
        Some(b'{') => {}
        _ => return Err("the payload is not a JSON object".to_owned()),
    }
    serde_json::from_slice::<Maybe<T>>(payload).map(|read| read.0).map_err(|error| {
        // Without serde's own words, which may repeat a value.
        format!("the payload is not JSON (line {}, column {})", error.line(), error.column())
    })
}

/// The pairs of an environment that was written as `KEY=VALUE`, each ended by NUL. What has no `=` or is not UTF-8 is passed over.
pub(super) fn pairs(payload: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    payload.split(|byte| *byte == 0).filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
}

/// The first of the values that is there, as an account's name.
pub(super) fn account(name: &str, values: &[&Loose]) -> Result<Option<Username>, String> {
    match values.iter().find_map(|value| value.text()) {
        None => Ok(None),
        Some(text) => {
            Username::new(text).map(Some).map_err(|_| format!("{name} is not the name of an account"))
        }
    }
}

/// The first of the values that is there, as a site's name.
pub(super) fn domain(name: &str, values: &[&Loose]) -> Result<Option<Domain>, String> {
    match values.iter().find_map(|value| value.text()) {
        None => Ok(None),
        Some(text) => Domain::new(text).map(Some).map_err(|_| format!("{name} is not the name of a site")),
    }
}

/// A site below another one, of which some say only the first label, and some the whole name.
pub(super) fn subdomain(label: &Loose, root: &Loose) -> Result<Option<Domain>, String> {
    let (Some(label), Some(root)) = (label.text(), root.text()) else {
        return Err("it does not name the site".to_owned());
    };
    let whole =
        label.len() > root.len() && label.to_lowercase().ends_with(&format!(".{}", root.to_lowercase()));
    let text = if whole { label.to_owned() } else { format!("{label}.{root}") };
    domain("subdomain", &[&Loose::of(&text)])
}
