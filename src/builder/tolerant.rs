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

/// For serde: a text, also as a whole number. A site's key may be one.
pub(super) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Word;
    impl Visitor<'_> for Word {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_u64<E>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Word)
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

/// The items of a list whose shape is not documented: a list, or the list in an object (the one of that name, else the first), or an object from ID to item.
/// A text in a list is an item's ID, and in an object of nothing but texts its name; what else is no object is left out.
pub(super) fn items(value: Value, name: &str) -> Vec<Map<String, Value>> {
    let alone = |member: &str, text: Value| Map::from_iter([(member.to_owned(), text)]);
    match value {
        Value::Array(list) => {
            let item = |item: Value| match item {
                Value::Object(members) => Some(members),
                Value::String(_) => Some(alone("id", item)),
                _ => None,
            };
            list.into_iter().filter_map(item).collect()
        }
        Value::Object(mut members) => {
            let mut lists = members.iter().filter(|(_, value)| value.is_array()).map(|(name, _)| name);
            let first = lists.next().cloned();
            let named = members.get(name).is_some_and(Value::is_array).then(|| name.to_owned());
            if let Some(list) = named.or(first).and_then(|name| members.remove(&name)) {
                return items(list, name);
            }
            let are_names = members.values().all(Value::is_string);
            let item = |(id, item): (String, Value)| {
                let mut item = match item {
                    Value::Object(members) => members,
                    Value::String(_) if are_names => alone("name", item),
                    _ => return None,
                };
                item.entry("id").or_insert(Value::String(id));
                Some(item)
            };
            members.into_iter().filter_map(item).collect()
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
    fn lists_come_in_many_shapes() {
        for value in [
            json!([{ "id": "a" }, { "id": "b" }, 7]),
            json!(["a", "b"]),
            json!({ "total": 2, "list": [{ "id": "a" }, { "id": "b" }] }),
            json!({ "categories": [{ "id": "food" }], "templates": [{ "id": "a" }, { "id": "b" }] }),
            json!({ "a": { "name": "x" }, "b": { "id": "b" } }),
            json!({ "a": "x", "b": "y" }),
        ] {
            let ids: Vec<_> = items(value.clone(), "templates")
                .into_iter()
                .map(|mut item| take(&mut item, &["id"], text))
                .collect();
            assert_eq!(ids, [Some("a".to_owned()), Some("b".to_owned())], "{value}");
        }
        assert_eq!(items(json!({ "a": "x" }), "")[0]["name"], "x");
        for nothing in [json!("nothing"), json!({}), json!([7, [], null]), json!({ "ok": true, "note": "x" })]
        {
            assert!(items(nothing.clone(), "").is_empty(), "{nothing}");
        }
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
