//! Reads a TOML table key by key, so that every mistake in a map is named by its place.

use toml::{Table, Value};

use super::map::MapError;

/// A table of a map and where it stands in it.
pub(super) struct Keys {
    table: Table,
    /// `file 2, track`; empty at the top.
    place: String,
    /// Keys that were asked for: what may stand here.
    known: Vec<&'static str>,
}

impl Keys {
    pub(super) fn new(table: Table, place: impl Into<String>) -> Self {
        Self { table, place: place.into(), known: Vec::new() }
    }

    pub(super) fn problem(&self, problem: impl Into<String>) -> MapError {
        MapError::Wrong { place: self.place.clone(), problem: problem.into() }
    }

    fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}, {key}", self.place) }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, MapError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.problem(format!("`{key}` is a text, not {}", other.type_str()))),
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, MapError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.problem(format!("`{key}` is true or false, not {}", other.type_str()))),
        }
    }

    pub(super) fn number(&mut self, key: &'static str, most: i64) -> Result<Option<usize>, MapError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(number)) if (0..=most).contains(&number) => Ok(usize::try_from(number).ok()),
            Some(_) => Err(self.problem(format!("`{key}` is a number from 0 to {most}"))),
        }
    }

    /// One text or several.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, MapError> {
        let wrong = |keys: &Self| keys.problem(format!("`{key}` is a text or a list of texts"));
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(list)) => {
                let texts = list.into_iter().map(|text| match text {
                    Value::String(text) => Ok(text),
                    _ => Err(wrong(self)),
                });
                texts.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(wrong(self)),
        }
    }

    pub(super) fn words(&mut self, key: &'static str) -> Result<Vec<(String, String)>, MapError> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let Value::Table(table) = value else { return Err(self.problem(format!("`{key}` is a table of texts"))) };
        let words = table.into_iter().map(|(from, to)| match to {
            Value::String(to) => Ok((from, to)),
            _ => Err(self.problem(format!("`{key}` gives a text for {from:?}"))),
        });
        words.collect()
    }

    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, MapError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Self::new(table, self.place_of(key)))),
            Some(other) => Err(self.problem(format!("`{key}` is a table, not {}", other.type_str()))),
        }
    }

    /// A list of tables, written `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Result<Vec<Self>, MapError> {
        let list = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(table @ Value::Table(_)) => vec![table],
            Some(other) => return Err(self.problem(format!("`{key}` is a table, not {}", other.type_str()))),
        };
        let place = self.place_of(key);
        let keys = list.into_iter().zip(1..).map(|(value, number)| match value {
            Value::Table(table) => Ok(Self::new(table, format!("{place} {number}"))),
            _ => Err(self.problem(format!("`{key}` is a list of tables"))),
        });
        keys.collect()
    }

    /// What was not asked for does not belong here.
    pub(super) fn finish(self) -> Result<(), MapError> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(key) => {
                Err(self.problem(format!("`{key}` means nothing here; write one of: {}", self.known.join(", "))))
            }
        }
    }
}
