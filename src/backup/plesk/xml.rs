//! XML as Plesk's API speaks it: elements and text, one attribute, no namespaces (`reference/plesk.md` 1).

use std::fmt::Write as _;

use roxmltree::{Document, Node, ParsingOptions};
use secrecy::zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// A packet while it is written.
///
/// All text is escaped here and nowhere else. The memory is taken once and wiped at the end, because a packet may hold a password.
pub(super) struct Writer {
    text: Zeroizing<String>,
    fault: Option<&'static str>,
}

impl Writer {
    /// Begins with the declaration of XML in UTF-8.
    pub(super) fn new() -> Self {
        let mut writer =
            Self { text: Zeroizing::new(String::with_capacity(limits::PLESK_PACKET_BYTES)), fault: None };
        writer.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        writer
    }

    /// An element with what `content` writes into it. The name is a constant of ours.
    pub(super) fn element(&mut self, name: &'static str, content: impl FnOnce(&mut Self)) {
        self.open(name, None, content);
    }

    /// The outermost element, with its version.
    pub(super) fn packet(&mut self, version: Option<&str>, content: impl FnOnce(&mut Self)) {
        self.open("packet", version, content);
    }

    /// An element that must be empty.
    pub(super) fn empty(&mut self, name: &'static str) {
        for part in ["<", name, "/>"] {
            self.raw(part);
        }
    }

    /// An element with text.
    pub(super) fn text(&mut self, name: &'static str, text: &str) {
        self.element(name, |writer| writer.escaped(text));
    }

    /// An element with text, if there is one.
    pub(super) fn optional(&mut self, name: &'static str, text: Option<impl AsRef<str>>) {
        if let Some(text) = text {
            self.text(name, text.as_ref());
        }
    }

    /// An element with a number.
    pub(super) fn number(&mut self, name: &'static str, number: impl Into<i64>) {
        self.text(name, &number.into().to_string());
    }

    /// An element with `true` or `false`, if there is a value.
    pub(super) fn flag(&mut self, name: &'static str, value: Option<bool>) {
        self.optional(name, value.map(|value| if value { "true" } else { "false" }));
    }

    /// The whole text.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if it is larger than a packet may be, or if a value holds a character that XML does not have.
    pub(super) fn finish(self) -> Result<Zeroizing<String>> {
        match self.fault {
            None => Ok(self.text),
            Some(fault) => Err(Error::new(ErrorKind::Internal, format!("a packet for Plesk {fault}"))),
        }
    }

    fn open(&mut self, name: &'static str, version: Option<&str>, content: impl FnOnce(&mut Self)) {
        self.raw("<");
        self.raw(name);
        if let Some(version) = version {
            self.raw(" version=\"");
            self.escaped(version);
            self.raw("\"");
        }
        self.raw(">");
        content(self);
        for part in ["</", name, ">"] {
            self.raw(part);
        }
    }

    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&apos;"),
                _ if !is_xml(character) => self.fault = Some("would hold a character that XML does not have"),
                _ => self.raw(character.encode_utf8(&mut [0; 4])),
            }
        }
    }

    /// A text that grew would leave its old content behind in freed memory.
    fn raw(&mut self, part: &str) {
        if self.text.len() + part.len() > self.text.capacity() {
            self.fault = Some("would be larger than is allowed");
        } else {
            let _ = self.text.write_str(part);
        }
    }
}

/// XML 1.0, production 2.
pub(super) fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Reads a document. There is no document type, so no entities but the five of XML itself, and no more than so many nodes.
///
/// # Errors
/// What is wrong, without any of the content.
pub(super) fn parse(text: &str) -> Result<Document<'_>, &'static str> {
    let options = ParsingOptions { nodes_limit: limits::PLESK_REPLY_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|fault| match fault {
        roxmltree::Error::DtdDetected => "XML with a document type",
        roxmltree::Error::NodesLimitReached => "XML with too many parts",
        roxmltree::Error::NoRootNode => "nothing",
        roxmltree::Error::UnclosedRootNode | roxmltree::Error::UnexpectedEndOfStream => "XML that breaks off",
        _ => "something that is not XML",
    })
}

/// The elements in a node of that name.
pub(super) fn children<'a, 'd: 'a>(
    node: Node<'a, 'd>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'd>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

/// The first element in a node of that name.
pub(super) fn child<'a, 'd: 'a>(node: Node<'a, 'd>, name: &'static str) -> Option<Node<'a, 'd>> {
    children(node, name).next()
}

/// The text of the first element of that name, with white space collapsed as the schema's types do; `None` if there is no such element.
pub(super) fn text(node: Node<'_, '_>, name: &'static str) -> Option<String> {
    child(node, name).map(content)
}

/// The text in a node, with white space collapsed.
pub(super) fn content(node: Node<'_, '_>) -> String {
    let pieces: String = node.descendants().filter(Node::is_text).filter_map(|part| part.text()).collect();
    collapse(&pieces)
}

/// XML Schema's `collapse`: only the four white-space characters of XML count.
pub(super) fn collapse(text: &str) -> String {
    let words = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
    words.collect::<Vec<&str>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_well_formed_and_escaped() {
        let mut writer = Writer::new();
        writer.packet(Some("1.6.9.0"), |writer| {
            writer.empty("local");
            writer.text("description", "a & b < c > \"d\" 'e'");
            writer.flag("passive-mode", Some(true));
            writer.flag("use-ftps", None);
            writer.number("port", 21_u16);
        });
        assert_eq!(
            writer.finish().unwrap().as_str(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><packet version=\"1.6.9.0\"><local/>\
             <description>a &amp; b &lt; c &gt; &quot;d&quot; &apos;e&apos;</description>\
             <passive-mode>true</passive-mode><port>21</port></packet>"
        );
    }

    #[test]
    fn what_xml_cannot_hold_and_what_is_too_large_is_refused() {
        for text in ["\0", "\u{1b}", "\u{ffff}"] {
            let mut writer = Writer::new();
            writer.text("description", text);
            assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::Internal);
        }
        let mut writer = Writer::new();
        writer.text("description", &"x".repeat(limits::PLESK_PACKET_BYTES));
        assert!(writer.finish().unwrap_err().to_string().contains("larger"));
    }

    #[test]
    fn entities_and_floods_are_refused() {
        let bomb = "<!DOCTYPE p [<!ENTITY a \"b\"><!ENTITY c SYSTEM \"file:///etc/passwd\">]><p>&a;&c;</p>";
        assert_eq!(parse(bomb).unwrap_err(), "XML with a document type");
        let many = format!("<p>{}</p>", "<a/>".repeat(limits::PLESK_REPLY_NODES as usize + 1));
        assert_eq!(parse(&many).unwrap_err(), "XML with too many parts");
        assert_eq!(parse("<p><a>").unwrap_err(), "XML that breaks off");
        assert!(parse("").is_err() && parse("sorry").is_err() && parse("<p>&x;</p>").is_err());
    }

    proptest! {
        #[test]
        fn text_comes_back_as_it_went_in(text in "\\PC{0,60}") {
            let mut writer = Writer::new();
            writer.element("packet", |writer| writer.text("description", &text));
            if let Ok(xml) = writer.finish() {
                let document = parse(&xml).unwrap();
                prop_assert_eq!(super::text(document.root_element(), "description").unwrap(), collapse(&text));
            }
        }
    }
}
