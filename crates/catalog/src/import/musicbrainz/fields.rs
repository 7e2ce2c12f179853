//! The fields of one entity: taken out one by one, so that what is left is what no column has.

use fonoteca_model::{Id, Isrc, Mbid, PartialDate, Upc};
use serde_json::{Map, Value};

use super::SOURCE;
use crate::import::Reject;

/// Characters of a value that are quoted in a reason.
const QUOTED: usize = 60;

/// An object whose fields are being taken.
pub(super) struct Fields<'a> {
    object: Map<String, Value>,
    /// Where it stands in the record, with a dot at the end; empty: it is the record.
    path: String,
    rejects: &'a mut Vec<Reject>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: Map<String, Value>, rejects: &'a mut Vec<Reject>) -> Self {
        Self { object, path: String::new(), rejects }
    }

    /// An object within this one, under a name that rejects call it by.
    pub(super) fn within(&mut self, name: &str, object: Map<String, Value>) -> Fields<'_> {
        Fields { object, path: format!("{}{name}.", self.path), rejects: self.rejects }
    }

    pub(super) fn reject(&mut self, key: &str, reason: impl Into<String>) {
        let field = format!("{}{key}", self.path);
        self.rejects.push(Reject { field, reason: reason.into() });
    }

    /// Rejects the record as a whole.
    pub(super) fn reject_whole(&mut self, reason: impl Into<String>) {
        self.rejects.push(Reject { field: self.path.trim_end_matches('.').to_owned(), reason: reason.into() });
    }

    /// The record's own id; without one there is no row.
    pub(super) fn own_id(&mut self) -> Option<Mbid> {
        let text = self.text("id");
        match text.as_deref().map(str::parse::<Mbid>) {
            Some(Ok(id)) => Some(id),
            Some(Err(error)) => {
                self.reject_whole(format!("its id {error}"));
                None
            }
            None => {
                self.reject_whole("has no id");
                None
            }
        }
    }

    /// Takes a value as it is; null is none.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.object.remove(key).filter(|value| !value.is_null())
    }

    /// Puts back what a column has only in part.
    pub(super) fn keep(&mut self, key: &str, value: impl Into<Value>) {
        self.object.insert(key.to_owned(), value.into());
    }

    /// Takes a text; an empty one is none, a number is its digits.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text).filter(|text| !text.trim().is_empty()),
            Value::Number(number) => Some(number.to_string()),
            other => {
                self.reject(key, format!("is {} and not a text", kind(&other)));
                None
            }
        }
    }

    /// Takes a whole number, which may be written as a text.
    pub(super) fn number(&mut self, key: &str) -> Option<i64> {
        let value = self.take(key)?;
        let found = match &value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) if text.trim().is_empty() => return None,
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if found.is_none() {
            self.reject(key, format!("{} is no whole number", quote(&value)));
        }
        found
    }

    /// Takes a duration in milliseconds; 0 stands for an unknown one.
    pub(super) fn duration(&mut self, key: &str) -> Option<i64> {
        let found = self.number(key)?;
        if found < 0 {
            self.reject(key, format!("{found} is no duration: it is negative"));
        }
        Some(found).filter(|found| *found > 0)
    }

    /// Takes a date as precise as it is. Of one that is wrong in part, what is right is taken.
    pub(super) fn date(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        let found = PartialDate::lenient(&text).map(|date| date.to_string());
        // MusicBrainz writes question marks for parts that nobody knows.
        if text.contains('?') {
            self.keep(key, text);
        } else if found.as_deref() != Some(text.as_str()) {
            let taken = found.as_ref().map_or_else(String::new, |found| format!(": {found} was taken"));
            self.reject(key, format!("{} is no date{taken}", quote(&text.into())));
        }
        found
    }

    /// Takes a barcode. MusicBrainz takes any digits for one: what is no UPC or EAN stays in the raw record.
    pub(super) fn barcode(&mut self, key: &str) -> Option<String> {
        let text = self.text(key)?;
        match text.parse::<Upc>() {
            Ok(code) => Some(code.to_string()),
            Err(_) => {
                self.keep(key, text);
                None
            }
        }
    }

    /// Takes ISRCs: the first is the column's, further ones stay.
    pub(super) fn isrcs(&mut self, key: &str) -> Option<String> {
        let mut found = Vec::new();
        for value in self.list(key) {
            match value.as_str().map(str::parse::<Isrc>) {
                Some(Ok(isrc)) => found.push(isrc.to_string()),
                Some(Err(error)) => self.reject(key, error.to_string()),
                None if value.is_null() => {}
                None => self.reject(key, format!("has {}, which is no ISRC", quote(&value))),
            }
        }
        let mut found = found.into_iter();
        let first = found.next();
        let rest: Vec<String> = found.collect();
        if !rest.is_empty() {
            self.keep(key, rest);
        }
        first
    }

    /// Takes a list; anything else is none.
    pub(super) fn list(&mut self, key: &str) -> Vec<Value> {
        match self.take(key) {
            Some(Value::Array(values)) => values,
            Some(other) => {
                self.reject(key, format!("is {} and not a list", kind(&other)));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Takes the objects of a list; what is none is rejected.
    pub(super) fn objects(&mut self, key: &str) -> Vec<Map<String, Value>> {
        let mut objects = Vec::new();
        for value in self.list(key) {
            match value {
                Value::Object(object) => objects.push(object),
                Value::Null => {}
                other => self.reject(key, format!("has {} where an object should be", kind(&other))),
            }
        }
        objects
    }

    /// Takes an object.
    pub(super) fn object(&mut self, key: &str) -> Option<Map<String, Value>> {
        match self.take(key)? {
            Value::Object(object) => Some(object),
            other => {
                self.reject(key, format!("is {} and not an object", kind(&other)));
                None
            }
        }
    }

    /// The names in a list of aliases, each once and without the name itself. Aliases of a language or a kind stay.
    pub(super) fn aliases(&mut self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut rest = Vec::new();
        for alias in self.objects("aliases") {
            let Some(Value::String(text)) = alias.get("name") else { continue };
            if !text.is_empty() && text != name && !names.contains(text) {
                names.push(text.clone());
            }
            if ["locale", "type", "begin", "end"]
                .iter()
                .any(|key| alias.get(*key).is_some_and(|value| !value.is_null()))
            {
                rest.push(Value::Object(alias));
            }
        }
        if !rest.is_empty() {
            self.keep("aliases", rest);
        }
        names
    }

    /// What was not taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.object
    }
}

/// The row id of an entity.
pub(super) fn row_id(id: &Mbid) -> Id {
    Id::of(SOURCE, id.as_str())
}

/// The MBID in an object, if it is one.
pub(super) fn id_in(object: &Map<String, Value>) -> Option<Mbid> {
    object.get("id")?.as_str()?.parse().ok()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn quote(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= QUOTED { text } else { format!("{}…", text.chars().take(QUOTED).collect::<String>()) }
}
