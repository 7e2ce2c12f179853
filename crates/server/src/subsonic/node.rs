//! One tree, two writings: what an endpoint answers is declared once and written as Subsonic's XML or its JSON.
//!
//! The two forms follow from each other. A scalar is an attribute in XML and a member in JSON; a node is an element and an
//! object; a list of nodes is a repeated element and an array. Only a text content has a name in JSON alone (`value`).

use std::fmt::Write;

use serde_json::{Map, Value};

/// A scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Scalar {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Scalar {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Real(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Real(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Child {
    One(Node),
    Many(Vec<Node>),
    Scalars(Vec<Scalar>),
}

/// An element or object under construction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Node {
    scalars: Vec<(&'static str, Scalar)>,
    children: Vec<(&'static str, Child)>,
    content: Option<Scalar>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With an attribute or member.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Scalar>) -> Self {
        self.scalars.push((name, value.into()));
        self
    }

    /// With an attribute or member, if there is a value.
    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Into<Scalar>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With one nested node.
    pub(crate) fn one(mut self, name: &'static str, node: Node) -> Self {
        self.children.push((name, Child::One(node)));
        self
    }

    /// With nested nodes of one name: an array in JSON however many there are, even none.
    pub(crate) fn many(mut self, name: &'static str, nodes: impl IntoIterator<Item = Node>) -> Self {
        self.children.push((name, Child::Many(nodes.into_iter().collect())));
        self
    }

    /// With elements that hold one scalar each: an array of scalars in JSON.
    pub(crate) fn scalars<S: Into<Scalar>>(mut self, name: &'static str, values: impl IntoIterator<Item = S>) -> Self {
        self.children.push((name, Child::Scalars(values.into_iter().map(Into::into).collect())));
        self
    }

    /// With text between the tags, which JSON calls `value`.
    pub(crate) fn content(mut self, value: impl Into<Scalar>) -> Self {
        self.content = Some(value.into());
        self
    }

    /// With everything that another node has.
    pub(crate) fn and(mut self, other: Node) -> Self {
        self.scalars.extend(other.scalars);
        self.children.extend(other.children);
        self.content = other.content.or(self.content);
        self
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        let mut object = Map::new();
        for (name, value) in &self.scalars {
            object.insert((*name).into(), value.json());
        }
        if let Some(value) = &self.content {
            object.insert("value".into(), value.json());
        }
        for (name, child) in &self.children {
            let value = match child {
                Child::One(node) => node.json(),
                Child::Many(nodes) => nodes.iter().map(Node::json).collect(),
                Child::Scalars(values) => values.iter().map(Scalar::json).collect(),
            };
            object.insert((*name).into(), value);
        }
        Value::Object(object)
    }

    /// Writes the node as an element of this name.
    pub(crate) fn write_xml(&self, name: &str, out: &mut String) {
        let _ = write!(out, "<{name}");
        for (name, value) in &self.scalars {
            let _ = write!(out, " {name}=\"");
            escape(&value.text(), out);
            out.push('"');
        }
        if self.children.is_empty() && self.content.is_none() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        if let Some(value) = &self.content {
            escape(&value.text(), out);
        }
        for (name, child) in &self.children {
            match child {
                Child::One(node) => node.write_xml(name, out),
                Child::Many(nodes) => nodes.iter().for_each(|node| node.write_xml(name, out)),
                Child::Scalars(values) => {
                    for value in values {
                        Node::new().content(value.clone()).write_xml(name, out);
                    }
                }
            }
        }
        let _ = write!(out, "</{name}>");
    }
}

/// Text for an attribute or an element. Line ends are written as references, or a parser would make spaces of them; what
/// XML 1.0 has no way to write at all (most control characters) becomes U+FFFD.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn xml(node: &Node) -> String {
        let mut out = String::new();
        node.write_xml("a", &mut out);
        out
    }

    #[test]
    fn one_declaration_two_writings() {
        let node = Node::new()
            .with("title", "x")
            .with("year", 1999_i64)
            .with("held", true)
            .with_some("none", None::<i64>)
            .one("gain", Node::new().with("track", -1.5))
            .many("song", [Node::new().with("id", "1"), Node::new()])
            .many("empty", [])
            .scalars("versions", [1_i64, 2])
            .many("genre", [Node::new().with("songCount", 2_u64).content("Rock")]);
        assert_eq!(
            node.json(),
            json!({
                "title": "x", "year": 1999, "held": true, "gain": {"track": -1.5}, "song": [{"id": "1"}, {}],
                "empty": [], "versions": [1, 2], "genre": [{"songCount": 2, "value": "Rock"}]
            })
        );
        assert_eq!(
            xml(&node),
            "<a title=\"x\" year=\"1999\" held=\"true\"><gain track=\"-1.5\"/><song id=\"1\"/><song/>\
             <versions>1</versions><versions>2</versions><genre songCount=\"2\">Rock</genre></a>"
        );
    }

    #[test]
    fn any_text_survives_a_parser_or_is_replaced() {
        let text = "a<b>&\"'\n\r\t é音\u{1F3B5}";
        let written = xml(&Node::new().with("x", text).content(text));
        let read = quick_xml::Reader::from_str(&written).read_event().expect("well-formed");
        let quick_xml::events::Event::Start(start) = read else { panic!("a start tag, not {read:?}") };
        let attribute = start.attributes().next().expect("one").expect("well-formed");
        assert_eq!(attribute.unescape_value().expect("unescaped"), text);
        assert_eq!(xml(&Node::new().with("x", "\0\u{1b}\u{ffff}")), "<a x=\"\u{fffd}\u{fffd}\u{fffd}\"/>");
    }
}
