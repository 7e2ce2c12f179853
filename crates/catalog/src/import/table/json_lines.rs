//! JSON Lines: an object a line. Nested values are named with dots: `artist.name`, through lists too.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use serde_json::Value;

use super::super::ImportError;
use super::cells::{Cell, Limits, Line, Rows, not};

/// Lines that are looked at to learn which columns there are.
const SAMPLE_LINES: usize = 1000;
/// Bytes of them.
const SAMPLE_BYTES: usize = 1 << 20;
/// Objects within each other that become columns of their own.
const DEPTH: usize = 4;

pub(super) struct JsonLines<R> {
    name: String,
    input: R,
    limits: Limits,
    line: u64,
    columns: Vec<String>,
    wanted: Vec<bool>,
    sample: VecDeque<Parsed>,
}

/// A line that is not blank.
struct Parsed {
    line: u64,
    value: Result<Value, String>,
    bytes: usize,
}

impl<R: BufRead + Send> JsonLines<R> {
    pub(super) fn open(name: &str, input: R, limits: Limits) -> Result<Self, ImportError> {
        let mut table = Self {
            name: name.to_owned(),
            input,
            limits,
            line: 0,
            columns: Vec::new(),
            wanted: Vec::new(),
            sample: VecDeque::new(),
        };
        let mut bytes = 0;
        while table.sample.len() < SAMPLE_LINES && bytes < SAMPLE_BYTES {
            let Some(parsed) = table.read()? else { break };
            bytes += parsed.bytes;
            if let Ok(Value::Object(object)) = &parsed.value {
                collect(object, "", DEPTH, table.limits.columns, &mut table.columns);
            }
            table.sample.push_back(parsed);
        }
        if table.columns.is_empty() {
            let found = match table.sample.front() {
                None => "it is empty".to_owned(),
                Some(Parsed { line, value: Err(reason), .. }) => format!("line {line} {reason}"),
                Some(Parsed { line, .. }) => format!("line {line} is no object"),
            };
            return Err(not(name, "JSON Lines", found, "each line is one JSON object"));
        }
        table.wanted = vec![true; table.columns.len()];
        Ok(table)
    }

    fn read(&mut self) -> Result<Option<Parsed>, ImportError> {
        loop {
            let (size, line) = read_line(&mut self.input, self.limits.row_bytes)
                .map_err(|source| ImportError::Read { name: self.name.clone(), source })?;
            if size == 0 {
                return Ok(None);
            }
            self.line += 1;
            let Some(line) = line else {
                let reason = format!("is longer than {} bytes", self.limits.row_bytes);
                return Ok(Some(Parsed { line: self.line, value: Err(reason), bytes: size }));
            };
            let text = if self.line == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let value = serde_json::from_slice(text).map_err(|error| format!("is no JSON: {error}"));
            return Ok(Some(Parsed { line: self.line, value, bytes: size }));
        }
    }
}

/// Reads a line without its end: how many bytes that took, and the line unless it is longer than the limit.
fn read_line(input: &mut impl BufRead, limit: usize) -> std::io::Result<(usize, Option<Vec<u8>>)> {
    let mut line = Vec::new();
    let mut size = input.by_ref().take(limit as u64 + 1).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') || line.len() <= limit {
        return Ok((size, Some(line)));
    }
    loop {
        line.clear();
        let more = input.by_ref().take(64 << 10).read_until(b'\n', &mut line)?;
        size += more;
        if more == 0 || line.last() == Some(&b'\n') {
            return Ok((size, None));
        }
    }
}

/// The columns that an object has.
fn collect(object: &serde_json::Map<String, Value>, above: &str, depth: usize, most: usize, columns: &mut Vec<String>) {
    for (key, value) in object {
        if columns.len() >= most {
            return;
        }
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        let below = match value {
            Value::Array(list) => list.first().unwrap_or(value),
            value => value,
        };
        if let (Value::Object(below), true) = (below, depth > 1) {
            collect(below, &name, depth - 1, most, columns);
        }
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
}

/// The value of a path; a list on the way gives all of its elements'.
fn at(value: &Value, path: &str) -> Cell {
    let mut texts = Vec::new();
    let mut many = false;
    walk(value, path, &mut texts, &mut many);
    match (texts.len(), many) {
        (0, _) => Cell::Nothing,
        (1, false) => texts.pop().map_or(Cell::Nothing, Cell::Text),
        _ => Cell::Texts(texts),
    }
}

fn walk(value: &Value, path: &str, texts: &mut Vec<String>, many: &mut bool) {
    match value {
        Value::Array(list) => {
            *many = true;
            for item in list {
                walk(item, path, texts, many);
            }
        }
        Value::Object(object) if !path.is_empty() => {
            if let Some(value) = object.get(path) {
                walk(value, "", texts, many);
            } else {
                // Keys may hold dots themselves: the first prefix that is there counts.
                let split =
                    path.match_indices('.').find_map(|(at, _)| Some((object.get(&path[..at])?, &path[at + 1..])));
                if let Some((value, rest)) = split {
                    walk(value, rest, texts, many);
                }
            }
        }
        Value::Null => {}
        _ if !path.is_empty() => {}
        Value::String(text) => texts.push(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => texts.push(value.to_string()),
    }
}

impl<R: BufRead + Send> Rows for JsonLines<R> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn want(&mut self, wanted: &[bool]) -> Result<(), ImportError> {
        wanted.clone_into(&mut self.wanted);
        Ok(())
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Line>, ImportError> {
        cells.clear();
        let parsed = match self.sample.pop_front() {
            Some(parsed) => Some(parsed),
            None => self.read()?,
        };
        let Some(Parsed { line: place, value, .. }) = parsed else { return Ok(None) };
        let broken = match value {
            Ok(value @ Value::Object(_)) => {
                let cell =
                    |(column, wanted): (&String, &bool)| if *wanted { at(&value, column) } else { Cell::Nothing };
                cells.extend(self.columns.iter().zip(&self.wanted).map(cell));
                None
            }
            Ok(_) => Some("is no JSON object".to_owned()),
            Err(reason) => Some(reason),
        };
        Ok(Some(Line { broken, ..Line::sound(place) }))
    }
}
