//! Makes rows of our tables from one row of a file.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use fonoteca_model::fold::fold;
use fonoteca_model::licence::{self, LicenceMatch};
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, Layer, Subject, SubjectKind};
use fonoteca_model::{Id, Isrc, Mbid, Timestamp, Upc};
use serde_json::{Map as Json, Value as JsonValue};
use sha2::{Digest, Sha256};

use super::cells::Cell;
use super::map::{AlbumMap, ArtistMap, CreditMap, FileMap, Kept, Map, Of, TrackMap};
use super::value::{Refusal, Value, shortened};
use crate::schema::{Album, Artist, Batch, Credit, Rights, Supplement, Track};

/// What is remembered from row to row.
pub(super) struct Maker {
    source: String,
    licence: Option<String>,
    at: Timestamp,
    text_chars: usize,
    /// Artists and albums that have a row: 8 bytes each. Many rows of a file speak of the same ones.
    artists: HashSet<Id>,
    albums: HashSet<Id>,
    /// How often an id was there, where a map numbers repeats.
    repeats: HashMap<Id, u32>,
}

/// One row while it is read.
struct Row<'a> {
    cells: &'a [Cell],
    nothing: &'a [String],
    text_chars: usize,
    refusals: &'a mut Vec<Refusal>,
}

impl Row<'_> {
    fn texts(&mut self, value: &Value) -> Vec<String> {
        match value.texts(self.cells, self.nothing, self.text_chars) {
            Ok(texts) => texts,
            Err(refusal) => {
                self.refusals.push(refusal);
                Vec::new()
            }
        }
    }

    fn text(&mut self, value: Option<&Value>) -> Option<String> {
        let texts = self.texts(value?);
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    fn with<T>(
        &mut self,
        value: Option<&Value>,
        read: impl FnOnce(&Value, &str) -> Result<Option<T>, Refusal>,
    ) -> Option<T> {
        let value = value?;
        let text = self.text(Some(value))?;
        match read(value, &text) {
            Ok(read) => read,
            Err(refusal) => {
                self.refusals.push(refusal);
                None
            }
        }
    }

    fn code<T: FromStr<Err: ToString> + ToString>(&mut self, value: Option<&Value>) -> Option<String> {
        self.with(value, |value, text| match text.parse::<T>() {
            Ok(code) => Ok(Some(code.to_string())),
            Err(error) => Err(value.refuse(error.to_string())),
        })
    }

    /// A title; one that is missing is noted, and the row stays.
    fn title(&mut self, value: &Value) -> String {
        let before = self.refusals.len();
        let title = self.text(Some(value));
        if title.is_none() && self.refusals.len() == before {
            self.refusals.push(value.refuse("is empty"));
        }
        title.unwrap_or_default()
    }

    /// What the source calls a thing; half a name is none.
    fn source_id(&mut self, value: &Value) -> Option<String> {
        if !value.is_whole(self.cells, self.nothing) && !value.columns.is_empty() {
            return None;
        }
        self.text(Some(value))
    }

    fn raw(&mut self, kept: &Kept) -> Option<String> {
        let mut object = Json::new();
        for (name, at) in kept.columns.iter().zip(&kept.at) {
            let value = match &self.cells[*at] {
                Cell::Nothing => continue,
                Cell::Text(text) if text.trim().is_empty() || self.nothing.contains(text) => continue,
                Cell::Text(text) => JsonValue::String(text.trim().to_owned()),
                Cell::Texts(texts) => JsonValue::from(texts.clone()),
                Cell::Bad(reason) => {
                    self.refusals.push((name.clone(), reason.clone()));
                    continue;
                }
            };
            object.insert(name.clone(), value);
        }
        (!object.is_empty()).then(|| JsonValue::Object(object).to_string())
    }
}

/// The ids of what a row is about.
#[derive(Default)]
struct Named {
    artist: Option<Id>,
    album: Option<Id>,
    track: Option<Id>,
    new_artist: bool,
    new_album: bool,
}

impl Maker {
    pub(super) fn new(map: &Map, at: Timestamp, text_chars: usize) -> Self {
        Self {
            source: map.source.clone(),
            licence: map.licence.clone(),
            at,
            text_chars,
            artists: HashSet::new(),
            albums: HashSet::new(),
            repeats: HashMap::new(),
        }
    }

    /// Adds what a row says. A refusal without a field: nothing was added.
    pub(super) fn make(&mut self, file: &FileMap, cells: &[Cell], rows: &mut Batch, refusals: &mut Vec<Refusal>) {
        let mut row = Row { cells, nothing: &file.nothing, text_chars: self.text_chars, refusals };
        let mut named = Named::default();
        let track_id = match &file.track {
            None => None,
            Some(track) => match row.source_id(&track.id) {
                Some(id) => Some(id),
                None => return whole(row.refusals, &track.id),
            },
        };
        if let Some(artist) = &file.artist {
            let alone = file.track.is_none() && file.album.is_none();
            if !self.artist(artist, alone, &mut row, rows, &mut named) {
                return;
            }
        }
        if let Some(album) = &file.album
            && !self.album(album, file.track.is_none(), &mut row, rows, &mut named)
        {
            return;
        }
        if let (Some(track), Some(id)) = (&file.track, track_id) {
            self.track(track, id, &mut row, rows, &mut named);
        }
        self.supplements(file, &mut row, rows, &named);
        self.rights(file, &mut row, rows, &named);
    }

    fn id(&self, source_id: &str) -> Id {
        Id::of(&self.source, source_id)
    }

    /// Whether the row goes on.
    fn artist(&mut self, map: &ArtistMap, alone: bool, row: &mut Row, rows: &mut Batch, named: &mut Named) -> bool {
        let Some(name) = row.text(Some(&map.name)) else {
            if alone {
                whole(row.refusals, &map.name);
            }
            return !alone;
        };
        let source_id = match &map.id {
            None => by_name(&name),
            Some(id) => match row.source_id(id) {
                Some(id) => id,
                None if alone => {
                    whole(row.refusals, id);
                    return false;
                }
                None => by_name(&name),
            },
        };
        let id = self.id(&source_id);
        named.artist = Some(id);
        named.new_artist = self.artists.insert(id);
        if !named.new_artist {
            return !alone || again(row.refusals, &source_id);
        }
        let aliases = map.aliases.as_ref().map(|aliases| row.texts(aliases)).unwrap_or_default();
        rows.artists.push(Artist {
            id,
            source: self.source.clone(),
            source_id,
            fold: fold(&name),
            name,
            sort_name: row.text(map.sort_name.as_ref()),
            disambiguation: row.text(map.disambiguation.as_ref()),
            aliases,
            mbid: row.code::<Mbid>(map.mbid.as_ref()),
            raw: row.raw(&map.raw),
        });
        true
    }

    fn album(&mut self, map: &AlbumMap, alone: bool, row: &mut Row, rows: &mut Batch, named: &mut Named) -> bool {
        let Some(source_id) = row.source_id(&map.id) else {
            // A track need not be on an album.
            if alone {
                whole(row.refusals, &map.id);
            }
            return !alone;
        };
        let id = self.id(&source_id);
        named.album = Some(id);
        named.new_album = self.albums.insert(id);
        if !named.new_album {
            return !alone || again(row.refusals, &source_id);
        }
        let (artists, artist_credit) = self.credits(&map.artists, map.credit.as_ref(), row, rows);
        let title = row.title(&map.title);
        rows.albums.push(Album {
            id,
            source: self.source.clone(),
            source_id,
            fold: fold(&title),
            title,
            artist_credit,
            artists,
            upc: row.code::<Upc>(map.upc.as_ref()),
            mbid: row.code::<Mbid>(map.mbid.as_ref()),
            label: row.text(map.label.as_ref()),
            catalogue_number: row.text(map.catalogue_number.as_ref()),
            date: row.with(map.date.as_ref(), Value::date),
            kind: row.text(map.kind.as_ref()).map(|kind| kind.to_lowercase()),
            language: row.text(map.language.as_ref()),
            cover_root: None,
            raw: row.raw(&map.raw),
        });
        true
    }

    fn track(&mut self, map: &TrackMap, mut source_id: String, row: &mut Row, rows: &mut Batch, named: &mut Named) {
        if map.number_repeats {
            let count = self.repeats.entry(Id::of(&self.source, &source_id)).or_default();
            *count += 1;
            if *count > 1 {
                source_id = format!("{source_id}#{count}");
            }
        }
        let id = self.id(&source_id);
        named.track = Some(id);
        let (artists, artist_credit) = self.credits(&map.artists, map.credit.as_ref(), row, rows);
        let album_id = match &map.album {
            Some(album) => row.source_id(album).map(|album| self.id(&album)),
            None => named.album,
        };
        let title = row.title(&map.title);
        rows.tracks.push(Track {
            id,
            source: self.source.clone(),
            source_id,
            title,
            artist_credit,
            artists,
            album_id,
            disc: row.with(map.disc.as_ref(), Value::place),
            number: row.with(map.number.as_ref(), Value::place),
            duration_ms: row.with(map.duration.as_ref(), Value::duration),
            isrc: row.code::<Isrc>(map.isrc.as_ref()),
            mbid: row.code::<Mbid>(map.mbid.as_ref()),
            date: row.with(map.date.as_ref(), Value::date),
            label: row.text(map.label.as_ref()),
            language: row.text(map.language.as_ref()),
            explicit: row.with(map.explicit.as_ref(), |value, text| value.truth(text).map(Some)),
            raw: row.raw(&map.raw),
        });
    }

    /// Who is credited, and the credit as one text. Artists that had no row yet get one.
    fn credits(
        &mut self,
        maps: &[CreditMap],
        text: Option<&Value>,
        row: &mut Row,
        rows: &mut Batch,
    ) -> (Vec<Credit>, String) {
        let mut credits = Vec::new();
        for map in maps {
            let names = row.texts(&map.name);
            let ids = map.id.as_ref().map(|id| row.texts(id)).unwrap_or_default();
            if !ids.is_empty() && ids.len() != names.len() {
                row.refusals.push(map.name.refuse(format!("{} names and {} ids", names.len(), ids.len())));
            }
            let paired = ids.len() == names.len();
            for (at, name) in names.into_iter().enumerate() {
                let source_id = if paired { ids[at].clone() } else { by_name(&name) };
                let artist_id = self.id(&source_id);
                if self.artists.insert(artist_id) {
                    rows.artists.push(Artist {
                        id: artist_id,
                        source: self.source.clone(),
                        source_id,
                        fold: fold(&name),
                        name: name.clone(),
                        sort_name: None,
                        disambiguation: None,
                        aliases: Vec::new(),
                        mbid: None,
                        raw: None,
                    });
                }
                credits.push(Credit { artist_id, role: map.role.clone(), name });
            }
        }
        let text = row.text(text).unwrap_or_else(|| {
            let main = credits.iter().filter(|credit| credit.role == "main").map(|credit| credit.name.as_str());
            main.collect::<Vec<_>>().join(", ")
        });
        (credits, text)
    }

    /// The thing that a supplement or a decision is about, and whether this row is the first to speak of it.
    fn about(&self, of: Of, id: Option<&Value>, row: &mut Row, named: &Named) -> Option<(Id, bool)> {
        match (id, of) {
            (Some(id), _) => row.source_id(id).map(|id| (self.id(&id), true)),
            (None, Of::Track) => named.track.map(|id| (id, true)),
            (None, Of::Album) => named.album.map(|id| (id, named.new_album)),
            (None, Of::Artist) => named.artist.map(|id| (id, named.new_artist)),
        }
    }

    fn supplements(&self, file: &FileMap, row: &mut Row, rows: &mut Batch, named: &Named) {
        for map in &file.supplements {
            let Some((id, true)) = self.about(map.of, map.id.as_ref(), row, named) else { continue };
            rows.supplements.extend(row.texts(&map.value).into_iter().map(|value| Supplement {
                source: self.source.clone(),
                kind_of: map.of.name().to_owned(),
                id,
                kind: map.kind.clone(),
                value,
                licence: map.licence.clone().or_else(|| self.licence.clone()),
            }));
        }
    }

    /// Decisions. A licence that no rule knows is recorded as found, and named; where none is stated, nothing is
    /// decided.
    fn rights(&self, file: &FileMap, row: &mut Row, rows: &mut Batch, named: &Named) {
        for map in &file.rights {
            let Some((id, true)) = self.about(map.of, map.id.as_ref(), row, named) else { continue };
            let Some(text) = row.text(Some(&map.licence)) else { continue };
            let basis = match licence::read(&text) {
                LicenceMatch::Empty => continue,
                LicenceMatch::Known { row, .. } if row.public_domain => Basis::PublicDomain,
                LicenceMatch::Known { .. } => Basis::Licensed,
                LicenceMatch::Unknown => {
                    let reason = format!("no rule knows the licence {:?}; it is kept as found", shortened(&text));
                    row.refusals.push(map.licence.refuse(reason));
                    Basis::Licensed
                }
            };
            let kind = match map.of {
                Of::Track => SubjectKind::Track,
                Of::Album => SubjectKind::Release,
                Of::Artist => SubjectKind::Artist,
            };
            let subject = Subject::new(kind, id.to_string());
            let (holder, attribution) = (row.text(map.holder.as_ref()), row.text(map.attribution.as_ref()));
            let territory = row.text(map.territory.as_ref());
            let parts = [&holder, &attribution, &territory].map(|part| part.as_deref().unwrap_or_default());
            rows.rights.push(Rights::from(&Decision {
                id: decision_id(&[&subject.to_string(), &self.source, &text, parts[0], parts[1], parts[2]]),
                supersedes: None,
                subject,
                layer: Layer::Recording,
                basis,
                licence: Some(text),
                permits: Vec::new(),
                territory,
                holder,
                attribution,
                evidence: None,
                asserted_by: self.source.clone(),
                status: ClaimStatus::Asserted,
                from: None,
                until: None,
                at: self.at,
            }));
        }
    }
}

/// The id of a decision follows from what it says, so that the same file says nothing twice: 32 hex digits.
fn decision_id(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in ["import"].iter().chain(parts) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..16])
}

/// What an artist is called by whom the source gives no id.
fn by_name(name: &str) -> String {
    format!("name:{name}")
}

/// The row as a whole cannot be used.
fn whole(refusals: &mut Vec<Refusal>, id: &Value) {
    let reason = match refusals.pop() {
        Some((field, reason)) => format!("{field} {reason}"),
        None => format!("{} is empty", id.name()),
    };
    refusals.clear();
    refusals.push((String::new(), reason));
}

fn again(refusals: &mut Vec<Refusal>, source_id: &str) -> bool {
    refusals.push((String::new(), format!("{:?} was in an earlier row", shortened(source_id))));
    false
}
