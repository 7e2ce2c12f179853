//! One element of a dump as a small tree.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::Limits;

/// An element: its attributes, its text without that of its children, its children.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Self>,
}

impl Element {
    /// Parses the bytes of one element; the error says what is wrong with them.
    pub(super) fn parse(bytes: &[u8], limits: Limits) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut count = 0;
        loop {
            let event = reader.read_event().map_err(|error| format!("it is no XML: {error}"))?;
            let whole = match event {
                Event::Start(start) => {
                    if open.len() >= limits.depth {
                        return Err(format!("its elements are nested deeper than {}", limits.depth));
                    }
                    open.push(Self::start(&start)?);
                    count += 1;
                    None
                }
                Event::Empty(start) => {
                    count += 1;
                    Some(Self::start(&start)?)
                }
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    let text = text.decode().map_err(|error| format!("it is no XML: {error}"))?;
                    append(&mut open, &text);
                    None
                }
                Event::CData(text) => {
                    let text = text.decode().map_err(|error| format!("it is no XML: {error}"))?;
                    append(&mut open, &text);
                    None
                }
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|error| format!("it is no XML: {error}"))?;
                    let name = reference.decode().map_err(|error| format!("it is no XML: {error}"))?;
                    match (character, resolve_predefined_entity(&name)) {
                        (Some(character), _) => append(&mut open, character.encode_utf8(&mut [0; 4])),
                        (None, Some(text)) => append(&mut open, text),
                        (None, None) => return Err(format!("&{name}; is no entity of XML")),
                    }
                    None
                }
                Event::Eof => return Err("it has no end tag".to_owned()),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            };
            if count > limits.elements {
                return Err(format!("it holds more than {} elements", limits.elements));
            }
            match (whole, open.last_mut()) {
                (Some(element), Some(parent)) => parent.children.push(element),
                (Some(element), None) => return Ok(element),
                (None, _) => {}
            }
        }
    }

    fn start(start: &BytesStart) -> Result<Self, String> {
        let mut element = Self { name: String::from_utf8_lossy(start.name().as_ref()).into_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| format!("<{}>: {error}", element.name))?;
            let value = attribute.unescape_value().map_err(|error| format!("<{}>: {error}", element.name))?;
            element.attributes.push((String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value.into_owned()));
        }
        Ok(element)
    }

    /// The value of an attribute, trimmed; empty where it has none.
    pub(super) fn attribute(&self, name: &str) -> String {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| clean(value)).unwrap_or_default()
    }

    /// The element's own text, trimmed.
    pub(super) fn own_text(&self) -> String {
        clean(&self.text)
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name, trimmed; empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        self.child(name).map(Self::own_text).unwrap_or_default()
    }

    /// The elements called `item` in the child called `list`.
    pub(super) fn list<'a>(&'a self, list: &str, item: &'a str) -> impl Iterator<Item = &'a Self> {
        self.child(list).into_iter().flat_map(move |list| list.children.iter().filter(move |child| child.name == item))
    }

    /// The texts of the elements called `item` in the child called `list`; empty ones are left out.
    pub(super) fn texts(&self, list: &str, item: &str) -> Vec<String> {
        self.list(list, item).map(Self::own_text).filter(|text| !text.is_empty()).collect()
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Trims, and drops carriage returns and control characters, which dumps have held now and then.
fn clean(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    kept.trim().to_owned()
}
