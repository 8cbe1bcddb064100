//! The subset of YAML that cPanel writes: mappings, sequences and scalars in one document.
//!
//! Built from the events of `saphyr-parser`. What cPanel never writes is refused, because two readers could understand it differently: anchors and
//! aliases, tags, several documents, keys that are not text, a key twice. Scalars keep their text; there is no guessing of types.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::types::quote;

use super::node::{Budget, Data, Fault, Node};

/// Takes a file apart. The text must not hold a NUL: the parser takes one for the end.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn parse(text: &str) -> Result<Node, Fault> {
    let mut builder = Builder { budget: Budget::new(), stack: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(scan_fault)?;
        builder.take(event, span.start.line())?;
    }
    builder.root.ok_or_else(|| Fault::new(1, "it is empty"))
}

fn scan_fault(error: ScanError) -> Fault {
    Fault::new(error.marker().line(), format!("it is not YAML: {}", error.info()))
}

/// A value that has begun and not ended.
enum Open {
    List(usize, Vec<Node>),
    /// With the key whose value comes next.
    Map(usize, BTreeMap<String, Node>, Option<String>),
}

struct Builder {
    budget: Budget,
    stack: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Fault> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                refuse(self.documents > 1, line, "there is a second document")
            }
            Event::Alias(_) => refuse(true, line, "there is an alias (*name)"),
            Event::Scalar(text, style, anchor, tag) => {
                plain(anchor, tag.is_some(), line)?;
                self.count(line)?;
                let empty = style == ScalarStyle::Plain && matches!(&*text, "" | "~");
                let data = if empty { Data::Nothing } else { Data::Text(text.into_owned()) };
                self.put(Node { line, data })
            }
            Event::SequenceStart(anchor, tag) => {
                plain(anchor, tag.is_some(), line)?;
                self.open(Open::List(line, Vec::new()), line)
            }
            Event::MappingStart(anchor, tag) => {
                plain(anchor, tag.is_some(), line)?;
                self.open(Open::Map(line, BTreeMap::new(), None), line)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::List(line, items)) => self.put(Node { line, data: Data::List(items) }),
                Some(Open::Map(line, map, _)) => self.put(Node { line, data: Data::Map(map) }),
                None => refuse(true, line, "something ends that has not begun"),
            },
        }
    }

    fn open(&mut self, value: Open, line: usize) -> Result<(), Fault> {
        let is_key = matches!(self.stack.last(), Some(Open::Map(_, _, None)));
        refuse(is_key, line, "a key must be text")?;
        self.count(line)?;
        self.stack.push(value);
        Ok(())
    }

    fn count(&self, line: usize) -> Result<(), Fault> {
        self.budget.take(self.stack.len()).map_err(|what| Fault::new(line, what))
    }

    fn put(&mut self, node: Node) -> Result<(), Fault> {
        let line = node.line;
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, map, next)) => match (next.take(), node.data) {
                (Some(key), data) => {
                    map.insert(key, Node { line, data });
                }
                (None, Data::Text(key)) if map.contains_key(&key) => {
                    return refuse(true, line, &format!("the key {} stands twice", quote(&key)));
                }
                (None, Data::Text(key)) => *next = Some(key),
                (None, _) => return refuse(true, line, "a key must be text"),
            },
        }
        Ok(())
    }
}

fn plain(anchor: usize, tagged: bool, line: usize) -> Result<(), Fault> {
    refuse(anchor != 0, line, "there is an anchor (&name)")?;
    refuse(tagged, line, "there is a tag (!name)")
}

fn refuse(yes: bool, line: usize, what: &str) -> Result<(), Fault> {
    if yes { Err(Fault::new(line, what)) } else { Ok(()) }
}
