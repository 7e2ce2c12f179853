//! Discogs' monthly dumps: releases, masters, artists and labels as XML.
//!
//! How they map to our tables (`docs/importing.md` says it at length):
//!
//! | dump | rows | `source_id` |
//! |---|---|---|
//! | releases | an album a release, a track a `<track>` (sub-tracks, index tracks and headings too) | `r1`, `r1/A2` |
//! | masters | an album a master, with `kind` `master` | `m113` |
//! | artists | an artist | `a239` |
//! | labels | a supplement of kind `annotation` about `label`, whose value is the label as JSON | `l5` |
//!
//! The letters are those of Discogs' own markup (`[a239]`, `[r1]`), because its numbers mean something else in each
//! dump. A dump is cut into elements (`split`), each of which is parsed into a small tree (`element`) and read from
//! there, so memory does not grow with the dump, and what is broken costs one element. Genres and styles are
//! supplements. Images and videos are left out: they are links to other sites.
//!
//! Source: the dumps and their notes at <https://data.discogs.com>; positions by Discogs' submission guidelines,
//! section 12 (tracklisting).

mod credits;
mod element;
mod entities;
mod place;
mod position;
mod release;
mod split;

use std::io::BufRead;

use fonoteca_model::{Id, PartialDate};
use serde_json::{Map, Value};

use self::element::Element;
use self::split::{Piece, Splitter};
use super::{ImportError, Record, Records, Reject};
use crate::schema::{Batch, Supplement};

/// Who says so.
pub const SOURCE: &str = "discogs";
/// The licence of the dumps.
pub const LICENCE: &str = "CC0-1.0";

/// What one element may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one top-level element; the largest releases have a few hundred kilobytes.
    pub element_bytes: usize,
    /// Elements within each other.
    pub depth: usize,
    /// Elements below one top-level element.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { element_bytes: 16 << 20, depth: 16, elements: 500_000 }
    }
}

/// What a dump is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `<releases>`
    Releases,
    /// `<masters>`
    Masters,
    /// `<artists>`
    Artists,
    /// `<labels>`
    Labels,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Releases, Self::Masters, Self::Artists, Self::Labels];

    /// The name: of the root element, and of the dataset that an import replaces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Releases => "releases",
            Self::Masters => "masters",
            Self::Artists => "artists",
            Self::Labels => "labels",
        }
    }

    const fn element(self) -> &'static str {
        match self {
            Self::Releases => "release",
            Self::Masters => "master",
            Self::Artists => "artist",
            Self::Labels => "label",
        }
    }

    /// The only place where an element may lie within one of its own name.
    const fn nested(self) -> Option<&'static str> {
        match self {
            Self::Labels => Some("sublabels"),
            _ => None,
        }
    }

    /// What a dump is of, by the name of its file: `discogs_20200806_releases.xml.gz`, `releases.xml`.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = base_name(name).to_ascii_lowercase();
        let stem = name.split('.').next().unwrap_or_default();
        Self::ALL.into_iter().find(|kind| stem.rsplit('_').next() == Some(kind.name()))
    }
}

/// The date of a dump, by the name of its file: `discogs_20200806_releases.xml.gz` is of 2020-08-06.
pub fn dump_date(name: &str) -> Option<PartialDate> {
    base_name(name)
        .split(['_', '.', '-'])
        .filter(|part| part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit()))
        .find_map(PartialDate::lenient)
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A dump as records.
pub struct Dump<R> {
    name: String,
    kind: Kind,
    limits: Limits,
    splitter: Splitter<R>,
    number: u64,
}

impl<R: BufRead + Send> Dump<R> {
    /// Looks at the beginning of a dump, which is XML without compression; `name` is what errors call it.
    pub fn open(name: impl Into<String>, input: R) -> Result<Self, ImportError> {
        Self::with_limits(name, input, Limits::default())
    }

    /// As [`Dump::open`], with limits of one's own.
    pub fn with_limits(name: impl Into<String>, input: R, limits: Limits) -> Result<Self, ImportError> {
        let name = name.into();
        let mut splitter = Splitter::new(input, limits);
        let root = splitter.root().map_err(|source| ImportError::Read { name: name.clone(), source })?;
        let kind = root.as_deref().and_then(|root| Kind::ALL.into_iter().find(|kind| kind.name() == root));
        let Some(kind) = kind else {
            let found = match root {
                Some(root) => format!("its first element is <{}>", shortened(&root)),
                None => "it holds no XML element".to_owned(),
            };
            return Err(ImportError::Source {
                name,
                expected: "a Discogs dump",
                found,
                advice: "the dumps of https://data.discogs.com begin with <releases>, <masters>, <artists> or <labels>",
            });
        };
        Ok(Self { name, kind, limits, splitter, number: 0 })
    }

    /// What it is of.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

impl<R: BufRead + Send> Records for Dump<R> {
    fn next(&mut self, rows: &mut Batch) -> Result<Option<Record>, ImportError> {
        let piece = self
            .splitter
            .next(self.kind.element(), self.kind.nested())
            .map_err(|source| ImportError::Read { name: self.name.clone(), source })?;
        self.number += 1;
        let mut record = Record { number: self.number, rejects: Vec::new() };
        let element = match piece {
            Piece::End => return Ok(None),
            Piece::Truncated => {
                return Err(ImportError::Source {
                    name: self.name.clone(),
                    expected: "a whole dump",
                    found: format!("it ends in or after element {} without </{}>", self.number, self.kind.name()),
                    advice: "fetch it again",
                });
            }
            Piece::Broken(reason) => Err(reason),
            Piece::Element => Element::parse(self.splitter.element(), self.limits),
        };
        match element {
            Ok(element) if element.name == self.kind.element() => {
                let mut notes = Notes { rejects: &mut record.rejects };
                match self.kind {
                    Kind::Releases => release::read(&element, rows, &mut notes),
                    Kind::Masters => entities::master(&element, rows, &mut notes),
                    Kind::Artists => entities::artist(&element, rows, &mut notes),
                    Kind::Labels => entities::label(&element, rows, &mut notes),
                }
            }
            Ok(element) => record.rejects.push(Reject {
                field: String::new(),
                reason: format!("<{}> is no <{}>", shortened(&element.name), self.kind.element()),
            }),
            Err(reason) => record.rejects.push(Reject { field: String::new(), reason }),
        }
        Ok(Some(record))
    }
}

/// Where what is wrong with a record is noted.
struct Notes<'a> {
    rejects: &'a mut Vec<Reject>,
}

impl Notes<'_> {
    /// A field was not understood.
    fn field(&mut self, field: &str, reason: impl Into<String>) {
        self.rejects.push(Reject { field: field.to_owned(), reason: reason.into() });
    }

    /// The number that Discogs gave the record; without one there is nothing to call it by.
    fn number(&mut self, text: &str) -> Option<u64> {
        let number = text.parse::<u64>().ok().filter(|number| *number > 0);
        if number.is_none() {
            self.field("", format!("id {:?} is no number", shortened(text)));
        }
        number
    }

    /// A text for a column, within the limit of all texts.
    fn text(&mut self, field: &str, text: String) -> String {
        let limit = fonoteca_model::limits::Limits::default().text_chars;
        match text.char_indices().nth(limit) {
            None => text,
            Some((at, _)) => {
                self.field(field, format!("is longer than {limit} characters, and was cut"));
                text[..at].to_owned()
            }
        }
    }

    /// A title in one line. One that is missing is noted, and the row stays.
    fn title(&mut self, field: &str, text: &str) -> String {
        let title = self.text(field, one_line(text));
        if title.is_empty() {
            self.field(field, "is empty");
        }
        title
    }

    /// A date as precise as it is known; `0000` and nothing are no date and no fault.
    fn date(&mut self, field: &str, text: &str) -> Option<String> {
        let date = PartialDate::lenient(text);
        let unknown = text.chars().all(|c| matches!(c, '0' | '-' | '?' | ' '));
        if date.is_none() && !unknown {
            self.field(field, format!("{:?} is no date", shortened(text)));
        }
        date.map(|date| date.to_string())
    }
}

/// The id of what Discogs calls `letter` and `number`.
fn id(source_id: &str) -> Id {
    Id::of(SOURCE, source_id)
}

/// White space of any kind becomes one blank.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Enough of a text to recognise it by.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Artists and labels of one name get a number in brackets: `Accent (3)`. The name and the number.
fn numbered(name: &str) -> (&str, Option<&str>) {
    let split = name.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    match split {
        Some((plain, number))
            if !plain.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (plain.trim_end(), Some(number))
        }
        _ => (name, None),
    }
}

/// Genres and styles, which are told under a licence of their own.
fn supplements(element: &Element, kind_of: &str, of: Id, rows: &mut Batch) {
    for (list, item, kind) in [("genres", "genre", "genre"), ("styles", "style", "tag")] {
        rows.supplements.extend(element.texts(list, item).into_iter().map(|value| Supplement {
            source: SOURCE.to_owned(),
            kind_of: kind_of.to_owned(),
            id: of,
            kind: kind.to_owned(),
            value: one_line(&value),
            licence: Some(LICENCE.to_owned()),
        }));
    }
}

/// The facts that no column holds, as compact JSON without what is empty.
#[derive(Default)]
struct Raw(Map<String, Value>);

impl Raw {
    fn text(&mut self, key: &str, text: String) {
        if !text.is_empty() {
            self.0.insert(key.to_owned(), Value::String(text));
        }
    }

    fn flag(&mut self, key: &str, set: bool) {
        if set {
            self.0.insert(key.to_owned(), Value::Bool(true));
        }
    }

    fn list(&mut self, key: &str, list: Vec<Value>) {
        if !list.is_empty() {
            self.0.insert(key.to_owned(), Value::Array(list));
        }
    }

    fn object(&mut self, key: &str, object: Self) {
        if !object.0.is_empty() {
            self.0.insert(key.to_owned(), Value::Object(object.0));
        }
    }

    fn value(self) -> Value {
        Value::Object(self.0)
    }

    fn finish(self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.value().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_says_kind_and_date() {
        for (name, kind, date) in [
            ("discogs_20200806_releases.xml.gz", Some(Kind::Releases), Some("2020-08-06")),
            ("/data/discogs_20251101_labels.xml", Some(Kind::Labels), Some("2025-11-01")),
            ("masters.xml.gz", Some(Kind::Masters), None),
            ("discogs_20201399_artists.xml.gz", Some(Kind::Artists), Some("2020")),
            ("prereleases.xml", None, None),
            ("-", None, None),
        ] {
            assert_eq!(Kind::of_file(name), kind, "{name}");
            assert_eq!(dump_date(name).map(|date| date.to_string()).as_deref(), date, "{name}");
        }
    }

    #[test]
    fn numbers_of_names_are_told_from_names() {
        assert_eq!(numbered("Accent (3)"), ("Accent", Some("3")));
        assert_eq!(numbered("Sunn O)))"), ("Sunn O)))", None));
        assert_eq!(numbered("(2)"), ("(2)", None));
        assert_eq!(numbered("Live (UK)"), ("Live (UK)", None));
    }
}
