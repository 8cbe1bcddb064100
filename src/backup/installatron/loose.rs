//! Reading what Installatron's documentation and its answers disagree about: numbers as text, `yes` for true, empty lists for empty maps, null for
//! nothing (`reference/installatron.md` 8).

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A value of which only the simple kinds are kept.
#[derive(Clone, Debug, PartialEq)]
enum Scalar {
    None,
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(value).map_or(Scalar::None, Scalar::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(if value.fract() == 0.0 && value.abs() < 9e15 {
            Scalar::Integer(value as i64)
        } else {
            Scalar::None
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            list.extend(item.text());
        }
        Ok(Scalar::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::None)
    }
}

/// A value of any kind.
struct Value(Scalar);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Self)
    }
}

impl Value {
    fn text(self) -> Option<String> {
        match self.0 {
            Scalar::Text(text) if !text.is_empty() => Some(text),
            Scalar::Integer(number) => Some(number.to_string()),
            Scalar::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    fn integer(self) -> Option<i64> {
        match self.0 {
            Scalar::Integer(number) => Some(number),
            Scalar::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn flag(self) -> Option<bool> {
        match self.0 {
            Scalar::Bool(value) => Some(value),
            Scalar::Integer(0) => Some(false),
            Scalar::Integer(1) => Some(true),
            Scalar::Text(text) => match text.to_ascii_lowercase().as_str() {
                "yes" | "true" | "1" | "on" => Some(true),
                "no" | "false" | "0" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Text, or a number as text; empty text, null and everything else is nothing.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Value::deserialize(deserializer)?.text())
}

/// A whole number, or text that is one.
pub(super) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Value::deserialize(deserializer)?.integer())
}

/// True or false in any of the ways to write it.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Value::deserialize(deserializer)?.flag())
}

/// The member `data`: a list, one record, a text, or nothing.
#[derive(Default)]
pub(super) enum Data<T> {
    Many(Vec<T>),
    One(T),
    /// The text itself is not kept: where there is one, it is an address with a login.
    Text,
    #[default]
    None,
}

struct DataVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for DataVisitor<T> {
    type Value = Data<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Data<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Data::Many)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Data<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Data::One)
    }

    fn visit_str<E>(self, _: &str) -> Result<Data<T>, E> {
        Ok(Data::Text)
    }

    fn visit_unit<E>(self) -> Result<Data<T>, E> {
        Ok(Data::None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Data<T>, E> {
        Ok(Data::None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Data<T>, E> {
        Ok(Data::None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Data<T>, E> {
        Ok(Data::None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Data<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_way_to_write_a_value() {
        for json in ["\"1234567890\"", "1234567890", "1234567890.0"] {
            assert_eq!(read(json).integer(), Some(1_234_567_890), "{json}");
        }
        for json in ["null", "\"\"", "[]", "{}", "\"x\"", "1e300", "18446744073709551615", "true"] {
            assert_eq!(read(json).integer(), None, "{json}");
        }
        for json in ["true", "1", "\"1\"", "\"yes\"", "\"TRUE\""] {
            assert_eq!(read(json).flag(), Some(true), "{json}");
        }
        for json in ["false", "0", "\"no\"", "\"False\""] {
            assert_eq!(read(json).flag(), Some(false), "{json}");
        }
        for json in ["null", "2", "\"\"", "\"maybe\"", "[]", "{\"a\":[1]}"] {
            assert_eq!(read(json).flag(), None, "{json}");
        }
        assert_eq!(read("7").text().as_deref(), Some("7"));
        assert_eq!(read("[1,\"a\",null]").0, Scalar::List(vec!["1".into(), "a".into()]));
        assert_eq!(read("\"\"").text(), None);
    }
}
