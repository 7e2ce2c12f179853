//! Tables of others: CSV, TSV, JSON Lines, Parquet and SQLite, by a map from their columns to ours.
//!
//! A [`Map`] is a TOML text (`docs/formats/import-map.md`); those of [`shipped`] come with the program, and [`guess`]
//! writes a first one for a file that none is for. [`Tables`] reads the files of a map one after the other, a row at a
//! time. What it remembers are the ids of artists and albums that have a row already, and what a map looks up in
//! another file.
//!
//! Text formats come as streams, unpacked by whoever calls; Parquet and SQLite are read in place.

mod cells;
mod columns;
mod delimited;
mod guess;
mod json_lines;
mod keys;
mod literal;
mod lookup;
mod make;
mod map;
mod parquet_file;
mod shipped;
mod sqlite;
mod value;

use std::io::BufRead;
use std::path::PathBuf;

use fonoteca_model::{PartialDate, Timestamp};

use self::cells::{Cell, Line, Rows, not};
use self::delimited::{Delimited, Dialect};
use self::json_lines::JsonLines;
use self::make::Maker;
use self::map::{FileMap, Reading};
use self::parquet_file::ParquetFile;
use self::sqlite::Sqlite;
use super::{ImportError, Record, Records, Reject};
use crate::schema::Batch;

pub use cells::Limits;
pub use guess::guess;
pub use map::{Format, Map, MapError};
pub use shipped::{SHIPPED, shipped};

/// A file of a map.
pub enum Input {
    /// A text, without compression.
    Stream(Box<dyn BufRead + Send>),
    /// A file, which Parquet and SQLite need.
    File(PathBuf),
}

/// The date of a table, where the name of its file holds one: `tracks-2026-11-02.csv`, `dump_20200806.jsonl.gz`.
pub fn dump_date(name: &str) -> Option<PartialDate> {
    let name = map::base_name(name);
    let mut starts = name
        .char_indices()
        .filter(|(at, c)| c.is_ascii_digit() && !name[..*at].ends_with(|c: char| c.is_ascii_digit()));
    starts.find_map(|(at, _)| dated(&name[at..]))
}

fn dated(text: &str) -> Option<PartialDate> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let date = match digits {
        8 => &text[..8],
        4 => text.get(..10).filter(|date| date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-')?,
        _ => return None,
    };
    PartialDate::lenient(date).filter(|date| date.to_string().len() == 10)
}

/// One file, open.
struct Section {
    name: String,
    /// What its rows are counted in.
    place: &'static str,
    file: FileMap,
    rows: Box<dyn Rows>,
}

/// The files of a map as records.
pub struct Tables {
    sections: Vec<Section>,
    at: usize,
    number: u64,
    maker: Maker,
    cells: Vec<Cell>,
}

impl Tables {
    /// Opens the files of a map, given in the order of [`Map::names`] with the names that errors call them by, and
    /// looks whether they have the columns that the map names. `at` is the moment that decisions about rights are
    /// recorded with.
    pub fn open(map: &Map, inputs: Vec<(String, Input)>, at: Timestamp) -> Result<Self, ImportError> {
        Self::with_limits(map, inputs, at, Limits::default())
    }

    /// As [`Tables::open`], with limits of one's own.
    pub fn with_limits(
        map: &Map,
        inputs: Vec<(String, Input)>,
        at: Timestamp,
        limits: Limits,
    ) -> Result<Self, ImportError> {
        let mut opened = Vec::with_capacity(inputs.len());
        for (reading, (name, input)) in map.readings().zip(inputs) {
            let rows = open(reading, &name, input, limits)?;
            opened.push(Some((name, rows)));
        }
        let mut sections = Vec::with_capacity(map.files.len());
        for (number, file) in map.files.iter().enumerate() {
            let mut file = file.clone();
            let Some((name, (place, mut rows))) = opened.get_mut(map.lookups.len() + number).and_then(Option::take)
            else {
                break;
            };
            let mut sources = Vec::new();
            for (lookup, by) in &file.lookups {
                let at = map.lookups.iter().position(|known| known.name == *lookup);
                let Some((at, (name, (_, rows)))) = at.and_then(|at| Some((at, opened[at].take()?))) else { continue };
                let (prefix, key, by) = (lookup.clone(), map.lookups[at].key.clone(), by.clone());
                sources.push(lookup::Source { name, prefix, key, by, rows });
            }
            if !sources.is_empty() {
                rows = Box::new(lookup::Joined::new(&name, rows, sources, limits)?);
            }
            let wanted = columns::resolve(&mut file, rows.columns(), &name)?;
            rows.want(&wanted)?;
            sections.push(Section { name, place, file, rows });
        }
        let maker = Maker::new(map, at, limits.text_chars);
        Ok(Self { sections, at: 0, number: 0, maker, cells: Vec::new() })
    }
}

/// Opens one file; what its rows are counted in goes with it.
fn open(
    reading: &Reading,
    name: &str,
    input: Input,
    limits: Limits,
) -> Result<(&'static str, Box<dyn Rows>), ImportError> {
    let Some(format) = reading.format.or_else(|| Format::of_name(name)) else {
        let advice = "set `format` in the map: csv, tsv, jsonl, parquet or sqlite";
        return Err(not(name, "a file whose name tells its format", "it does not", advice));
    };
    let input = match input {
        Input::File(path) if format.needs_file() => {
            let rows: Box<dyn Rows> = match format {
                Format::Parquet => Box::new(ParquetFile::open(name, &path, limits)?),
                _ => Box::new(Sqlite::open(name, &path, reading.table.as_deref(), limits)?),
            };
            return Ok(("row", rows));
        }
        Input::Stream(_) if format.needs_file() => {
            let advice = "unpack it, and give the file itself";
            return Err(not(name, "a file that can be read at any place", "it is a stream", advice));
        }
        Input::Stream(stream) => stream,
        Input::File(path) => {
            let file =
                std::fs::File::open(&path).map_err(|source| ImportError::Read { name: name.to_owned(), source })?;
            Box::new(std::io::BufReader::new(file))
        }
    };
    let rows: Box<dyn Rows> = match format {
        Format::JsonLines => Box::new(JsonLines::open(name, input, limits)?),
        format => {
            let dialect = Dialect {
                delimiter: reading.delimiter.unwrap_or(if format == Format::Tsv { b'\t' } else { b',' }),
                quote: reading.quote.unwrap_or(true),
                header_rows: reading.header_rows.unwrap_or(usize::from(reading.columns.is_none())),
                names: reading.columns.clone(),
                rest: reading.rest,
            };
            Box::new(Delimited::open(name, input, dialect, limits)?)
        }
    };
    Ok(("line", rows))
}

impl Records for Tables {
    fn next(&mut self, rows: &mut Batch) -> Result<Option<Record>, ImportError> {
        loop {
            let Some(section) = self.sections.get_mut(self.at) else { return Ok(None) };
            let Some(Line { place, broken, notes }) = section.rows.next(&mut self.cells)? else {
                self.at += 1;
                continue;
            };
            self.number += 1;
            let mut refusals = notes;
            match broken {
                Some(reason) => refusals.push((String::new(), reason)),
                None => {
                    let mut said = Vec::new();
                    self.maker.make(&section.file, &self.cells, rows, &mut said);
                    refusals.append(&mut said);
                }
            }
            let where_it_is = format!("{} {place} of {}", section.place, section.name);
            let rejects = refusals
                .into_iter()
                .map(|(field, reason)| Reject { field, reason: format!("{reason} ({where_it_is})") })
                .collect();
            return Ok(Some(Record { number: self.number, rejects }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_may_hold_a_date() {
        for (name, date) in [
            ("tracks-2026-11-02.csv", Some("2026-11-02")),
            ("/data/2025/dump_20200806.jsonl.gz", Some("2020-08-06")),
            ("tracks.csv", None),
            ("top2000.csv", None),
            ("20201399.csv", None),
            ("año-2026-1€.csv", None),
        ] {
            assert_eq!(dump_date(name).map(|date| date.to_string()).as_deref(), date, "{name}");
        }
    }
}
