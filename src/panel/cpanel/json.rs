//! cPanel's JSON copies of its YAML files (`main.cache`), read into the same shape and under the same rules: a key stands once, scalars are text.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::types::quote;

use super::node::{Budget, Data, Fault, Node};

/// Takes a file apart.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn parse(bytes: &[u8]) -> Result<Node, Fault> {
    let budget = Budget::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Value { budget: &budget, depth: 0 };
    let node = value.deserialize(&mut reader).and_then(|node| reader.end().map(|()| node));
    node.map_err(|error| Fault::new(error.line(), format!("it is not JSON of the expected kind: {error}")))
}

/// A value at a depth.
#[derive(Clone, Copy)]
struct Value<'a> {
    budget: &'a Budget,
    depth: usize,
}

impl Value<'_> {
    fn below(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

fn node(data: Data) -> Node {
    Node { line: 0, data }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Node, D::Error> {
        self.budget.take(self.depth).map_err(D::Error::custom)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(node(Data::Nothing))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(node(Data::Text(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(node(Data::Text(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(node(Data::Text(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(node(Data::Text(value.to_string())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(node(Data::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below())? {
            list.push(item);
        }
        Ok(node(Data::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.below())?;
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {} stands twice", quote(&key))));
            }
            map.insert(key, value);
        }
        Ok(node(Data::Map(map)))
    }
}
