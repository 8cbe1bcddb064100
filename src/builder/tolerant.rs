//! How answers are read (`reference/builder-api.md` 7): numbers may come as text and the other way round, names differ, what is unknown is left out.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// `true`, `1` or `"1"`; everything else is false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Truth(pub(super) bool);

impl<'de> Deserialize<'de> for Truth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TruthVisitor)
    }
}

struct TruthVisitor;

impl<'de> Visitor<'de> for TruthVisitor {
    type Value = Truth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Truth, E> {
        Ok(Truth(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Truth, E> {
        Ok(Truth(value == 1))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Truth, E> {
        Ok(Truth(false))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Truth, E> {
        Ok(Truth(false))
    }

    fn visit_str<E>(self, text: &str) -> Result<Truth, E> {
        Ok(Truth(matches!(text, "1" | "true")))
    }

    fn visit_unit<E>(self) -> Result<Truth, E> {
        Ok(Truth(false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Truth, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Truth(false))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Truth, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Truth(false))
    }
}

/// For serde: an optional flag.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Option::<Truth>::deserialize(deserializer)?.map(|truth| truth.0))
}

/// A number, also as text.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A text, also as a number.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first of the members that is there and can be read; it is taken out.
pub(super) fn take<T>(
    members: &mut Map<String, Value>,
    names: &[&str],
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let name = names.iter().find(|name| members.get(**name).is_some_and(|value| read(value).is_some()))?;
    members.remove(*name).as_ref().and_then(read)
}

/// A list of texts; what is none is left out.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => Some(items.iter().filter_map(text).collect()),
        Value::Object(items) => Some(items.keys().cloned().collect()),
        _ => None,
    }
}

/// An object whose values are texts. PHP writes an empty one as an empty list, and one with the keys 0, 1, ... as a list.
pub(super) fn text_map(value: &Value) -> Option<BTreeMap<String, String>> {
    match value {
        Value::Object(items) => {
            Some(items.iter().filter_map(|(name, item)| Some((name.clone(), text(item)?))).collect())
        }
        Value::Array(items) => Some(
            items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| Some((index.to_string(), text(item)?)))
                .collect(),
        ),
        _ => None,
    }
}

/// The items of a list whose shape is not documented: a list, or the first list in an object, or an object from ID to item. Items that are no objects
/// are left out; an item without an ID gets that of its place.
pub(super) fn items(value: Value) -> Vec<Map<String, Value>> {
    let objects = |items: Vec<Value>| {
        items
            .into_iter()
            .filter_map(|item| match item {
                Value::Object(members) => Some(members),
                _ => None,
            })
            .collect()
    };
    match value {
        Value::Array(list) => objects(list),
        Value::Object(mut members) => {
            let list = members.iter().find(|(_, value)| value.is_array()).map(|(name, _)| name.clone());
            if let Some(Value::Array(list)) = list.and_then(|name| members.remove(&name)) {
                return objects(list);
            }
            members
                .into_iter()
                .filter_map(|(id, item)| match item {
                    Value::Object(mut members) => {
                        members.entry("id").or_insert(Value::String(id));
                        Some(members)
                    }
                    _ => None,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn truth_has_three_spellings() {
        for (value, want) in [
            (json!(true), true),
            (json!(1), true),
            (json!("1"), true),
            (json!("true"), true),
            (json!(false), false),
            (json!(0), false),
            (json!(2), false),
            (json!(-1), false),
            (json!(1.5), false),
            (json!(""), false),
            (json!(null), false),
            (json!([true]), false),
            (json!({ "ok": true }), false),
        ] {
            assert_eq!(serde_json::from_value::<Truth>(value.clone()).unwrap().0, want, "{value}");
        }
    }

    #[test]
    fn lists_come_in_four_shapes() {
        for value in [
            json!([{ "id": "a" }, { "id": "b" }, 7]),
            json!({ "total": 2, "list": [{ "id": "a" }, { "id": "b" }] }),
            json!({ "a": { "name": "x" }, "b": { "id": "b" } }),
        ] {
            let ids: Vec<_> =
                items(value.clone()).into_iter().map(|mut item| take(&mut item, &["id"], text)).collect();
            assert_eq!(ids, [Some("a".to_owned()), Some("b".to_owned())], "{value}");
        }
        assert!(items(json!("nothing")).is_empty() && items(json!({})).is_empty());
    }

    #[test]
    fn names_and_types_may_differ() {
        let mut members = json!({ "key": 7, "count": "12", "x": [1, "a", {}] });
        let members = members.as_object_mut().unwrap();
        assert_eq!(take(members, &["id", "key"], text).as_deref(), Some("7"));
        assert_eq!(take(members, &["count"], number), Some(12));
        assert_eq!(take(members, &["x"], texts).unwrap(), ["1", "a"]);
        assert!(members.is_empty());
        assert_eq!(text_map(&json!([])).unwrap().len(), 0);
        assert_eq!(text_map(&json!(["home"])).unwrap()["0"], "home");
    }
}
