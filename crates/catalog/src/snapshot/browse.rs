//! Lists for people: what is held, album by album and artist by artist.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use fonoteca_model::{BlobId, Id, Timestamp};
use futures::TryStreamExt as _;
use serde::Serialize;

use super::Snapshot;
use super::details::TrackEntry;
use crate::error::CatalogError;
use crate::schema::{Album, Artist};

/// An order of albums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlbumOrder {
    /// Taken in last, first.
    Newest,
    /// By folded title.
    AlphabeticalByName,
    /// By artist credit, then by folded title.
    AlphabeticalByArtist,
    /// An order that depends on the seed only.
    Random(u64),
    /// Of these years, earliest first.
    ByYear(RangeInclusive<i32>),
    /// Of these years, latest first.
    ByYearDescending(RangeInclusive<i32>),
    /// These albums, in this order: what an account played, starred or rated.
    These(Vec<Id>),
}

/// An album of which something is held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlbumEntry {
    /// The album.
    pub album: Album,
    /// How many of its tracks are held.
    pub tracks: i64,
    /// How long these play, milliseconds.
    pub duration_ms: i64,
    /// When the first of them was taken in.
    pub added: Timestamp,
}

/// An album with its tracks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlbumDetails {
    /// The album.
    pub entry: AlbumEntry,
    /// Its tracks of which audio is held, by disc and number.
    pub tracks: Vec<TrackEntry>,
}

/// An artist with albums of which something is held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArtistEntry {
    /// The artist.
    pub artist: Artist,
    /// On how many such albums the artist is credited.
    pub albums: i64,
    /// The cover of one of them.
    pub cover_root: Option<BlobId>,
}

/// An artist with these albums.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArtistDetails {
    /// The artist.
    pub entry: ArtistEntry,
    /// By year, then title.
    pub albums: Vec<AlbumEntry>,
}

/// Tracks of which audio is held, once each, with when the first audio came.
const HELD_TRACKS: &str = "SELECT t.id AS id, t.album_id AS album_id, t.duration_ms AS duration_ms, t.date AS date, \
     min(f.at) AS added FROM tracks t JOIN holdings h ON h.track_id = t.id JOIN files f ON f.root = h.root \
     GROUP BY t.id, t.album_id, t.duration_ms, t.date";

/// The folded title of an album, which the table has of `local` ones alone.
const FOLDED: &str = "coalesce(nullif(a.fold, ''), fold(a.title))";

/// What is held of an album.
struct Of {
    id: Id,
    tracks: i64,
    duration_ms: i64,
    added: Timestamp,
}

impl Snapshot {
    /// Albums of which something is held.
    pub async fn album_list(
        &self,
        order: &AlbumOrder,
        offset: usize,
        size: usize,
    ) -> Result<Vec<AlbumEntry>, CatalogError> {
        const YEAR: &str = "try_cast(substr(a.date, 1, 4) AS INT)";
        let years = |years: &RangeInclusive<i32>| format!("WHERE {YEAR} BETWEEN {} AND {}", years.start(), years.end());
        let (condition, order) = match order {
            AlbumOrder::Newest => (String::new(), "o.added DESC, a.id".to_owned()),
            AlbumOrder::AlphabeticalByName => (String::new(), format!("{FOLDED}, a.artist_credit, a.id")),
            AlbumOrder::AlphabeticalByArtist => (String::new(), format!("lower(a.artist_credit), {FOLDED}, a.id")),
            AlbumOrder::Random(seed) => (String::new(), format!("{}, a.id", shuffled("a.id", *seed))),
            AlbumOrder::ByYear(range) => (years(range), format!("a.date, {FOLDED}, a.id")),
            AlbumOrder::ByYearDescending(range) => (years(range), format!("a.date DESC, {FOLDED}, a.id")),
            AlbumOrder::These(ids) => {
                let page: Vec<Id> = ids.iter().copied().skip(offset).take(size).collect();
                return self.album_entries(&page).await;
            }
        };
        let held = self.held_albums(&format!("{condition} ORDER BY {order} LIMIT {size} OFFSET {offset}")).await?;
        self.with_albums(held).await
    }

    /// These albums, in this order; those of which nothing is held are left out.
    pub async fn album_entries(&self, ids: &[Id]) -> Result<Vec<AlbumEntry>, CatalogError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let list: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
        let held = self.held_albums(&format!("WHERE a.id IN ({})", list.join(", "))).await?;
        let mut held: HashMap<Id, Of> = held.into_iter().map(|of| (of.id, of)).collect();
        self.with_albums(ids.iter().filter_map(|id| held.remove(id)).collect()).await
    }

    /// One album with the tracks of it that are held.
    pub async fn album_with_tracks(&self, id: Id) -> Result<Option<AlbumDetails>, CatalogError> {
        let Some(entry) = self.album_entries(&[id]).await?.pop() else { return Ok(None) };
        let tracks = self.tracks_of_albums(&[id]).await?.remove(&id).unwrap_or_default();
        let ids: Vec<Id> = tracks.iter().map(|track| track.id).collect();
        let mut tracks = self.track_entries(&ids).await?;
        tracks.retain(|track| !track.held.is_empty());
        Ok(Some(AlbumDetails { entry, tracks }))
    }

    /// All artists credited on albums of which something is held, by folded name.
    pub async fn artists_index(&self) -> Result<Vec<ArtistEntry>, CatalogError> {
        let mut albums: BTreeMap<Id, (i64, Option<BlobId>)> = BTreeMap::new();
        let tail = "WHERE id IN (SELECT t.album_id FROM tracks t JOIN holdings h ON h.track_id = t.id)";
        let mut stream = self.stream::<Album>(tail).await?;
        while let Some(some) = stream.try_next().await? {
            for album in some {
                let mut credited: Vec<Id> = album.artists.iter().map(|credit| credit.artist_id).collect();
                credited.sort_unstable();
                credited.dedup();
                for artist in credited {
                    let (count, cover) = albums.entry(artist).or_default();
                    *count += 1;
                    *cover = (*cover).max(album.cover_root);
                }
            }
        }
        let artists = self.artists(&albums.keys().copied().collect::<Vec<_>>()).await?;
        let mut entries: Vec<ArtistEntry> = artists
            .into_values()
            .map(|artist| {
                let (albums, cover_root) = albums[&artist.id];
                ArtistEntry { artist, albums, cover_root }
            })
            .collect();
        entries.sort_by(|a, b| (&a.artist.fold, a.artist.id).cmp(&(&b.artist.fold, b.artist.id)));
        Ok(entries)
    }

    /// One artist with the albums of which something is held.
    pub async fn artist_with_albums(&self, id: Id) -> Result<Option<ArtistDetails>, CatalogError> {
        let Some(artist) = self.artists(&[id]).await?.remove(&id) else { return Ok(None) };
        let credited = format!(
            "WHERE a.id IN (SELECT c.id FROM (SELECT id, unnest(artists) AS credit FROM albums) c \
             WHERE c.credit['artist_id'] = {}) ORDER BY a.date, {FOLDED}, a.id",
            id.0
        );
        let albums = self.held_albums(&credited).await?;
        let albums = self.with_albums(albums).await?;
        let cover_root = albums.iter().filter_map(|album| album.album.cover_root).max();
        let entry = ArtistEntry { artist, albums: albums.len() as i64, cover_root };
        Ok(Some(ArtistDetails { entry, albums }))
    }

    /// Held tracks in an order that depends on the seed only, of these years if any.
    pub async fn random_tracks(
        &self,
        seed: u64,
        size: usize,
        years: Option<RangeInclusive<i32>>,
    ) -> Result<Vec<TrackEntry>, CatalogError> {
        let condition = years.map_or_else(String::new, |years| {
            format!("WHERE try_cast(substr(date, 1, 4) AS INT) BETWEEN {} AND {}", years.start(), years.end())
        });
        let query =
            format!("SELECT id FROM ({HELD_TRACKS}) {condition} ORDER BY {}, id LIMIT {size}", shuffled("id", seed));
        let mut ids = Vec::new();
        for batch in self.sql(&query).await? {
            ids.extend(batch.column(0).as_primitive::<Int64Type>().values().iter().copied().map(Id));
        }
        self.track_entries(&ids).await
    }

    async fn held_albums(&self, tail: &str) -> Result<Vec<Of>, CatalogError> {
        let query = format!(
            "SELECT a.id, o.tracks, o.duration_ms, o.added FROM (\
             SELECT album_id, count(*) AS tracks, coalesce(sum(duration_ms), 0) AS duration_ms, min(added) AS added \
             FROM ({HELD_TRACKS}) WHERE album_id IS NOT NULL GROUP BY album_id) o \
             JOIN albums a ON a.id = o.album_id {tail}"
        );
        let mut held = Vec::new();
        for batch in self.sql(&query).await? {
            let numbers = |column: usize| batch.column(column).as_primitive::<Int64Type>();
            let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let added = arrow::compute::cast(batch.column(3), &moment)
                .map_err(|error| CatalogError::query(&query)(error.into()))?;
            let added = added.as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                held.push(Of {
                    id: Id(numbers(0).value(row)),
                    tracks: numbers(1).value(row),
                    duration_ms: numbers(2).value(row),
                    added: Timestamp(added.value(row)),
                });
            }
        }
        Ok(held)
    }

    async fn with_albums(&self, held: Vec<Of>) -> Result<Vec<AlbumEntry>, CatalogError> {
        let mut albums = self.albums(&held.iter().map(|of| of.id).collect::<Vec<_>>()).await?;
        let entry = |of: Of| {
            let album = albums.remove(&of.id)?;
            Some(AlbumEntry { album, tracks: of.tracks, duration_ms: of.duration_ms, added: of.added })
        };
        Ok(held.into_iter().filter_map(entry).collect())
    }
}

/// SQL for a number without pattern that follows from an id and a seed.
fn shuffled(id: &str, seed: u64) -> String {
    format!("md5(concat(cast({id} AS VARCHAR), '/{seed}'))")
}
