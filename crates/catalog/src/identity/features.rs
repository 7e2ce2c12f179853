//! What is compared of a track, read once from the tables and then kept on disk.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use fonoteca_model::Id;
use futures::TryStreamExt as _;
use serde::Deserialize;

use super::names::{Artists, Title};
use super::spill::{Record, Spilled, Spilling, put_text, take_bytes, take_i64, take_text};
use super::{Asked, IdentityError, Work};
use crate::error::CatalogError;
use crate::implied::name_of;
use crate::schema::{Credit, Table};
use crate::snapshot::Snapshot;

/// Other names of an artist that are asked at most.
const ALIASES: usize = 8;

/// What is compared of a track.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    pub(super) id: i64,
    /// Whether it is asked about; otherwise it was before.
    pub(super) asked: bool,
    pub(super) from_musicbrainz: bool,
    pub(super) album: Option<i64>,
    /// Disc and number on it; 0 where unknown.
    pub(super) place: (i32, i32),
    pub(super) duration_ms: Option<i64>,
    /// A hash; 0: none.
    pub(super) mbid: u64,
    /// A hash; 0: none.
    pub(super) isrc: u64,
    pub(super) title: Title,
    pub(super) artists: Artists,
    /// The same artists under their other names.
    pub(super) also: Vec<Artists>,
}

/// The columns that are compared.
#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) title: String,
    pub(super) artist_credit: String,
    pub(super) artists: Vec<Credit>,
    pub(super) album_id: Option<i64>,
    pub(super) disc: Option<i32>,
    pub(super) number: Option<i32>,
    pub(super) duration_ms: Option<i64>,
    pub(super) isrc: Option<String>,
    pub(super) mbid: Option<String>,
}

const QUERY: &str =
    "SELECT id, source, title, artist_credit, artists, album_id, disc, number, duration_ms, isrc, mbid FROM tracks";

/// A hash that is the same in every run of this program: keys group, they are not kept.
pub(super) fn hash(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish().max(1)
}

impl Features {
    pub(super) fn read(row: Row, asked: bool, aliases: &HashMap<Id, Vec<String>>) -> Self {
        let text = if row.artist_credit.trim().is_empty() {
            row.artists.iter().map(|credit| credit.name.as_str()).collect::<Vec<_>>().join(" & ")
        } else {
            row.artist_credit.clone()
        };
        let mut artists = Artists::read(&text);
        for (at, credit) in row.artists.iter().enumerate().filter(|(_, credit)| credit.role == "featured") {
            let name = name_of(&credit.name, &row.artist_credit, (at, row.artists.len()));
            artists.guests.extend(Artists::read(name).names.concat());
        }
        let also = match row.artists.as_slice() {
            [only] => aliases.get(&only.artist_id).into_iter().flatten().map(|name| Artists::read(name)).collect(),
            _ => Vec::new(),
        };
        Self {
            id: row.id,
            asked,
            from_musicbrainz: row.source == "musicbrainz",
            album: row.album_id,
            place: (row.disc.unwrap_or(1), row.number.unwrap_or(0)),
            duration_ms: row.duration_ms.filter(|duration| *duration > 0),
            mbid: row.mbid.map_or(0, hash),
            isrc: row.isrc.map_or(0, hash),
            title: Title::read(&row.title),
            artists,
            also,
        }
    }
}

/// Reads all tracks, in the order of the table.
pub(super) async fn read_tracks(
    snapshot: &Snapshot,
    asked: &Asked,
    work: &Work<'_>,
) -> Result<Spilled<Features>, IdentityError> {
    let aliases = aliases(snapshot).await?;
    let mut spilling = Spilling::new(work.folder, "tracks", 1)?;
    let mut batches = snapshot.sql_stream(QUERY).await?;
    while let Some(batch) = batches.try_next().await? {
        let rows: Vec<Row> = serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Tracks))?;
        work.done(rows.len() as u64)?;
        for row in rows {
            let is_asked = asked.has(row.id);
            spilling.add(0, &Features::read(row, is_asked, &aliases))?;
        }
    }
    Ok(spilling.finish()?)
}

/// The other names of artists that have any: some bytes for each of them.
async fn aliases(snapshot: &Snapshot) -> Result<HashMap<Id, Vec<String>>, CatalogError> {
    #[derive(Deserialize)]
    struct Named {
        id: Id,
        name: String,
        aliases: Vec<String>,
    }
    let mut found = HashMap::new();
    let mut batches =
        snapshot.sql_stream("SELECT id, name, aliases FROM artists WHERE cardinality(aliases) > 0").await?;
    while let Some(batch) = batches.try_next().await? {
        let rows: Vec<Named> = serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Artists))?;
        found.extend(rows.into_iter().map(|row| {
            let names = std::iter::once(row.name).chain(row.aliases).take(ALIASES).collect();
            (row.id, names)
        }));
    }
    Ok(found)
}

fn put_words(out: &mut Vec<u8>, words: &[String]) {
    put_text(out, &words.join(" "));
}

fn take_words(input: &mut &[u8]) -> Option<Vec<String>> {
    let text = take_text(input)?;
    Some(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

impl Artists {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(out, &self.names.iter().map(|name| name.join(" ")).collect::<Vec<_>>().join("\n"));
        put_words(out, &self.guests);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let names = take_text(input)?;
        let names = names.lines().map(|name| name.split(' ').map(str::to_owned).collect()).collect();
        Some(Self { names, guests: take_words(input)? })
    }
}

impl Record for Features {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.id.to_le_bytes());
        out.extend([u8::from(self.asked), u8::from(self.from_musicbrainz), u8::from(self.album.is_some())]);
        out.extend(self.album.unwrap_or(0).to_le_bytes());
        out.extend(self.place.0.to_le_bytes());
        out.extend(self.place.1.to_le_bytes());
        out.extend(self.duration_ms.unwrap_or(-1).to_le_bytes());
        out.extend(self.mbid.to_le_bytes());
        out.extend(self.isrc.to_le_bytes());
        put_words(out, &self.title.words);
        out.extend(self.title.kinds.to_le_bytes());
        put_words(out, &self.title.guests);
        self.artists.put(out);
        out.push(self.also.len() as u8);
        self.also.iter().for_each(|names| names.put(out));
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let id = take_i64(input)?;
        let [asked, from_musicbrainz, has_album] = take_bytes(input)?;
        let album = take_i64(input)?;
        let place = (i32::from_le_bytes(take_bytes(input)?), i32::from_le_bytes(take_bytes(input)?));
        let duration = take_i64(input)?;
        let (mbid, isrc) = (u64::from_le_bytes(take_bytes(input)?), u64::from_le_bytes(take_bytes(input)?));
        let words = take_words(input)?;
        let kinds = u32::from_le_bytes(take_bytes(input)?);
        let title = Title { words, kinds, guests: take_words(input)? };
        let artists = Artists::take(input)?;
        let [also] = take_bytes(input)?;
        let also = (0..also).map(|_| Artists::take(input)).collect::<Option<_>>()?;
        Some(Self {
            id,
            asked: asked == 1,
            from_musicbrainz: from_musicbrainz == 1,
            album: (has_album == 1).then_some(album),
            place,
            duration_ms: (duration >= 0).then_some(duration),
            mbid,
            isrc,
            title,
            artists,
            also,
        })
    }
}
