//! MusicBrainz: the JSON dumps, one entity a line, in a `.tar.xz` with `mbdump/<entity>` inside, or as a bare file of lines.
//!
//! | entity | becomes |
//! |---|---|
//! | `artist` | a row of `artists` |
//! | `release` | a row of `albums`, and one of `tracks` for each of its tracks: what is printed on this release |
//! | `recording` | a row of `tracks` without an album: what is recorded, wherever it was released |
//! | `release-group` | a row of `albums` without tracks: what all its releases have in common, with the first date |
//! | `label` | an annotation in `supplements`, CC0: no table is for labels; that of a release is a text of its row |
//!
//! A track's `source_id` is the track's own MBID and its `mbid` the recording's, so that tracks of one recording are found
//! together. Rows about an entity come from its own dump alone: the artists in a release's credit are in the dump of
//! artists. Genres, tags, ratings and MusicBrainz' annotations (CC BY-NC-SA 3.0) go into `supplements` and nowhere else; all else is CC0.
//!
//! Source: <https://musicbrainz.org/doc/Development/JSON_Data_Dumps>, <https://musicbrainz.org/doc/MusicBrainz_API>.

mod artist;
mod credits;
mod fields;
mod json;
mod label;
mod raw;
mod recording;
mod release;
mod supplements;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read as _};
use std::str::FromStr;
use std::sync::Arc;

use fonoteca_model::PartialDate;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::lines::{Line, read_line};
use super::report::Facts;
use super::{ImportError, Input, InputLimits, Record, Records, Reject, Tar, is_tar};
use crate::schema::Batch;
use fields::Fields;

/// What rows of this importer have as `source`.
pub const SOURCE: &str = "musicbrainz";
/// The licence of genres, tags, ratings and annotations.
pub const SUPPLEMENTS_LICENCE: &str = "CC-BY-NC-SA-3.0";
/// The licence of everything else.
const CORE_LICENCE: &str = "CC0-1.0";
/// Lines of a bare file that are looked at to find out what they are.
const LINES_LOOKED_AT: usize = 100;
const EXPECTED: &str = "a MusicBrainz dump of artists, releases, recordings, release groups or labels";

/// What a dump is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entity {
    /// Artists.
    Artist,
    /// Releases, with their tracks.
    Release,
    /// Recordings.
    Recording,
    /// Release groups.
    ReleaseGroup,
    /// Labels.
    Label,
}

impl Entity {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Artist, Self::Release, Self::Recording, Self::ReleaseGroup, Self::Label];

    /// As MusicBrainz calls it; also the name of the dataset.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artist => "artist",
            Self::Release => "release",
            Self::Recording => "recording",
            Self::ReleaseGroup => "release-group",
            Self::Label => "label",
        }
    }

    /// What an object looks like.
    fn of(object: &Map<String, Value>) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().any(|key| object.contains_key(*key));
        if has(&["media", "text-representation", "release-events", "barcode", "status-id"]) {
            Some(Self::Release)
        } else if has(&["primary-type", "secondary-types"]) {
            Some(Self::ReleaseGroup)
        } else if has(&["length", "video", "isrcs"]) {
            Some(Self::Recording)
        } else if has(&["label-code"]) {
            Some(Self::Label)
        } else if has(&["gender", "end-area", "begin-area"]) {
            Some(Self::Artist)
        } else {
            None
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Entity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|entity| entity.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of: {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What is taken of a dump.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether genres, tags, ratings and annotations are taken.
    pub supplements: bool,
    /// Which entity of the file; None: the first one.
    pub entity: Option<Entity>,
    /// What is passed over as too long.
    pub limits: InputLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self { supplements: true, entity: None, limits: InputLimits::default() }
    }
}

/// A dump that is being read.
pub struct Dump {
    source: Lines,
    entity: Entity,
    options: Options,
    /// Lines that were read to find out what they are.
    waiting: VecDeque<(Line, Vec<u8>)>,
    line: Vec<u8>,
    number: u64,
    about: Arc<Mutex<About>>,
}

/// What was learnt beside the entities.
#[derive(Debug, Default)]
struct About {
    dump_date: Option<String>,
    parts: Vec<Entity>,
}

enum Lines {
    Bare(Input),
    Member(Tar<Input>),
}

impl Dump {
    /// Opens a dump and finds out what it is about.
    pub fn open(mut input: Input, options: Options) -> Result<Self, ImportError> {
        let name = input.name().to_owned();
        let mut first = Vec::new();
        let looked = input.by_ref().take(512).read_to_end(&mut first);
        looked.map_err(|error| input.error(error))?;
        let mut about = About::default();
        let (source, entity, waiting) = if is_tar(&first) {
            let mut tar = Tar::new(input.behind(first));
            let entity = first_member(&mut tar, options.entity, &mut about)
                .map_err(|error| tar.input().error(error))?
                .ok_or_else(|| not_a_dump(&name, "an archive without such a member"))?;
            (Lines::Member(tar), entity, VecDeque::new())
        } else {
            let mut input = input.behind(first);
            let (entity, waiting) = look_at_lines(&mut input, options)?;
            about.parts.push(entity);
            (Lines::Bare(input), entity, waiting)
        };
        let (about, line) = (Arc::new(Mutex::new(about)), Vec::new());
        Ok(Self { source, entity, options, waiting, line, number: 0, about })
    }

    /// What it is about: the dataset.
    pub fn entity(&self) -> Entity {
        self.entity
    }

    /// What is recorded of it, to be asked for when its records have ended.
    pub fn facts(&self) -> impl FnOnce() -> Facts + Send + 'static {
        let (about, supplements) = (Arc::clone(&self.about), self.options.supplements);
        move || {
            let about = about.lock();
            let parts: Vec<&str> = about.parts.iter().map(|entity| entity.as_str()).collect();
            let licence =
                if supplements { format!("{CORE_LICENCE} AND {SUPPLEMENTS_LICENCE}") } else { CORE_LICENCE.to_owned() };
            Facts {
                dump_date: about.dump_date.clone(),
                licence: Some(licence),
                parts: (parts.len() > 1).then(|| parts.join(",")),
            }
        }
    }

    fn next_line(&mut self) -> Result<Line, ImportError> {
        if let Some((kind, line)) = self.waiting.pop_front() {
            self.line = line;
            return Ok(kind);
        }
        let most = self.options.limits.line_bytes;
        match &mut self.source {
            Lines::Bare(input) => read_line(input, &mut self.line, most).map_err(|error| input.error(error)),
            Lines::Member(tar) => read_line(tar, &mut self.line, most).map_err(|error| tar.input().error(error)),
        }
    }

    /// Reads what follows the entities, which is where the archive's checksums are.
    fn finish(&mut self) -> Result<(), ImportError> {
        match &mut self.source {
            Lines::Bare(input) => input.finish().map(drop),
            Lines::Member(tar) => {
                let mut about = self.about.lock();
                loop {
                    match tar.next_member() {
                        Ok(Some(member)) => about.parts.extend(entity_of(&member.path)),
                        Ok(None) => break,
                        Err(error) => return Err(tar.input().error(error)),
                    }
                }
                tar.input().finish().map(drop)
            }
        }
    }

    /// The rows of one line.
    fn record(&self, rows: &mut Batch, rejects: &mut Vec<Reject>) {
        let whole = |reason: String| Reject::of("", reason);
        let text = match std::str::from_utf8(&self.line) {
            Ok(text) => text,
            Err(error) => return rejects.push(whole(format!("is not UTF-8 at byte {}", error.valid_up_to() + 1))),
        };
        let parsed = match json::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => return rejects.push(whole(format!("is no JSON: {error}"))),
        };
        let Value::Object(object) = parsed.value else {
            return rejects.push(whole("is no JSON object".to_owned()));
        };
        rejects.extend(parsed.repeated.into_iter().map(|key| Reject::of(key, "came twice: the last one stands")));
        if let Some(other) = Entity::of(&object).filter(|other| *other != self.entity)
            && !is_nameless(&object)
        {
            return rejects.push(whole(format!("looks like a {other} and not like a {}", self.entity)));
        }
        if is_nameless(&object) {
            return;
        }
        let mut fields = Fields::new(object, rejects);
        let Some(id) = fields.own_id() else { return };
        let supplements = self.options.supplements;
        match self.entity {
            Entity::Artist => artist::rows(&id, fields, supplements, rows),
            Entity::Release => release::rows(&id, fields, supplements, rows),
            Entity::Recording => recording::rows(&id, fields, supplements, rows),
            Entity::ReleaseGroup => release::group_rows(&id, fields, supplements, rows),
            Entity::Label => label::rows(&id, fields, supplements, rows),
        }
    }
}

impl Records for Dump {
    fn next(&mut self, rows: &mut Batch) -> Result<Option<Record>, ImportError> {
        loop {
            let kind = self.next_line()?;
            if kind == Line::End {
                self.finish()?;
                return Ok(None);
            }
            self.number += 1;
            let mut rejects = Vec::new();
            match kind {
                Line::TooLong(bytes) => rejects.push(Reject::of(
                    "",
                    format!("has {bytes} bytes in one line; at most {} are read", self.options.limits.line_bytes),
                )),
                _ if self.line.trim_ascii().is_empty() => continue,
                _ => self.record(rows, &mut rejects),
            }
            return Ok(Some(Record { number: self.number, rejects }));
        }
    }
}

/// Whether a record names nothing: it has neither an id nor a name or title. The web service answers questions with lists
/// that have no id of their own, and no table is for them.
fn is_nameless(object: &Map<String, Value>) -> bool {
    ["id", "name", "title"].iter().all(|key| object.get(*key).is_none_or(Value::is_null))
}

/// `mbdump/artist` is about artists.
fn entity_of(path: &str) -> Option<Entity> {
    let mut parts = path.rsplit('/');
    let entity = parts.next()?.parse().ok()?;
    (parts.next() == Some("mbdump")).then_some(entity)
}

/// Goes to the first member about a (or the wanted) entity.
fn first_member(tar: &mut Tar<Input>, wanted: Option<Entity>, about: &mut About) -> io::Result<Option<Entity>> {
    while let Some(member) = tar.next_member()? {
        if member.path.rsplit('/').next() == Some("TIMESTAMP") && member.bytes < 1000 {
            let mut text = String::new();
            tar.read_to_string(&mut text)?;
            about.dump_date = text.get(..10).and_then(PartialDate::lenient).map(|date| date.to_string());
        }
        if let Some(entity) = entity_of(&member.path).filter(|_| member.is_file) {
            about.parts.push(entity);
            if wanted.is_none_or(|wanted| wanted == entity) {
                return Ok(Some(entity));
            }
        }
    }
    Ok(None)
}

/// Lines that were read to look at them, and are still to be understood.
type Waiting = VecDeque<(Line, Vec<u8>)>;

/// Finds out what the lines of a bare file are about.
fn look_at_lines(input: &mut Input, options: Options) -> Result<(Entity, Waiting), ImportError> {
    let mut waiting = VecDeque::new();
    let mut found = options.entity;
    while found.is_none() && waiting.len() < LINES_LOOKED_AT {
        let mut line = Vec::new();
        let kind = read_line(input, &mut line, options.limits.line_bytes).map_err(|error| input.error(error))?;
        if kind == Line::End {
            break;
        }
        if kind == Line::Whole
            && let Ok(Value::Object(object)) = serde_json::from_slice(&line)
        {
            found = Entity::of(&object);
        }
        waiting.push_back((kind, line));
    }
    match found {
        Some(found) => Ok((found, waiting)),
        None => Err(not_a_dump(input.name(), "no line that looks like one")),
    }
}

fn not_a_dump(name: &str, found: &str) -> ImportError {
    ImportError::Source {
        name: name.to_owned(),
        expected: EXPECTED,
        found: format!("there is {found}"),
        advice: "fetch `artist.tar.xz`, `release.tar.xz` … from the MusicBrainz dumps, or say what the lines are with --entity",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_known_by_their_paths() {
        assert_eq!(entity_of("mbdump/release-group"), Some(Entity::ReleaseGroup));
        assert_eq!(entity_of("./mbdump/artist"), Some(Entity::Artist));
        for other in ["mbdump/work", "artist", "README", "mbdump/", "x/artist"] {
            assert_eq!(entity_of(other), None, "{other}");
        }
    }
}
