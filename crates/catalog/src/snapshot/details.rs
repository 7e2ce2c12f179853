//! One track with all that hangs on it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use fonoteca_model::rights::Decision;
use fonoteca_model::{BlobId, Id};
use serde::Serialize;

use super::Snapshot;
use crate::error::CatalogError;
use crate::schema::{Album, Artist, File, FileState, Holding, Supplement, Track};

/// Audio that plays for a track.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    /// Which part of which blob.
    pub holding: Holding,
    /// The file as it was ingested.
    pub file: File,
}

/// A track as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrackEntry {
    /// The track.
    pub track: Track,
    /// The recording that it is.
    pub recording_id: Id,
    /// That recording's popularity, 0 to 100; 0 where nothing is known.
    pub popularity: i32,
    /// The audio, best first: sound before malformed, then by bit rate; empty where none is held.
    pub held: Vec<Held>,
    /// The album's title.
    pub album_title: Option<String>,
    /// The cover: the album's, or else the one in the file.
    pub cover_root: Option<BlobId>,
}

/// Everything known about one track.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrackDetails {
    /// The track, its recording and audio.
    pub entry: TrackEntry,
    /// The album.
    pub album: Option<Album>,
    /// The artists, as far as they are known, in the order of credits.
    pub artists: Vec<Artist>,
    /// The latest count of listens.
    pub listens: i64,
    /// The other tracks that are the same recording.
    pub versions: Vec<Id>,
    /// What is told under licences of its own.
    pub supplements: Vec<Supplement>,
    /// The decisions that concern each of its blobs.
    pub decisions: Vec<(BlobId, Vec<Decision>)>,
}

impl Snapshot {
    /// Tracks as lists show them, in the order asked for; those that are not there are left out.
    pub async fn track_entries(&self, ids: &[Id]) -> Result<Vec<TrackEntry>, CatalogError> {
        let mut tracks = self.tracks(ids).await?;
        let recordings = self.recording_of(ids).await?;
        let listens = self.listens(&distinct(recordings.values().copied())).await?;
        let mut holdings = self.roots_of_tracks(ids).await?;
        let files = self.files(&distinct(holdings.values().flatten().map(|holding| holding.root))).await?;
        let albums = self.albums(&distinct(tracks.values().filter_map(|track| track.album_id))).await?;
        let mut entries = Vec::new();
        for id in ids {
            let Some(track) = tracks.remove(id) else { continue };
            let held = held(holdings.remove(id).unwrap_or_default(), &files);
            let album = track.album_id.and_then(|album| albums.get(&album));
            let recording_id = recordings.get(id).copied().unwrap_or(*id);
            entries.push(TrackEntry {
                recording_id,
                popularity: listens.get(&recording_id).map_or(0, |count| count.popularity),
                album_title: album.map(|album| album.title.clone()),
                cover_root: album
                    .and_then(|album| album.cover_root)
                    .or_else(|| held.iter().find_map(|held| held.file.cover_root)),
                held,
                track,
            });
        }
        Ok(entries)
    }

    /// Everything known about one track.
    pub async fn track_details(&self, id: Id) -> Result<Option<TrackDetails>, CatalogError> {
        let Some(entry) = self.track_entries(&[id]).await?.pop() else { return Ok(None) };
        let mut albums = match entry.track.album_id {
            Some(album) => self.albums(&[album]).await?,
            None => HashMap::new(),
        };
        let artist_ids: Vec<Id> = entry.track.artists.iter().map(|credit| credit.artist_id).collect();
        let mut artists = self.artists(&artist_ids).await?;
        let recording = entry.recording_id;
        let listens = self.listens(&[recording]).await?.get(&recording).map_or(0, |count| count.count);
        let mut versions = self.tracks_of_recordings(&[recording]).await?.remove(&recording).unwrap_or_default();
        versions.retain(|version| *version != id);
        let roots: Vec<BlobId> = distinct(entry.held.iter().map(|held| held.file.root));
        let mut decisions = self.decisions_for(&roots).await?;
        Ok(Some(TrackDetails {
            album: entry.track.album_id.and_then(|album| albums.remove(&album)),
            artists: artist_ids.iter().filter_map(|artist| artists.remove(artist)).collect(),
            listens,
            versions,
            supplements: self.supplements(&[id]).await?.remove(&id).unwrap_or_default(),
            decisions: roots.iter().map(|root| (*root, decisions.remove(root).unwrap_or_default())).collect(),
            entry,
        }))
    }
}

fn held(holdings: Vec<Holding>, files: &HashMap<BlobId, File>) -> Vec<Held> {
    let mut held: Vec<Held> = holdings
        .into_iter()
        .filter_map(|holding| Some(Held { file: files.get(&holding.root)?.clone(), holding }))
        .collect();
    held.sort_by_key(|held| {
        (held.file.state == FileState::Malformed, Reverse(held.file.bit_rate), held.file.root, held.holding.start_ms)
    });
    held
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect::<BTreeSet<_>>().into_iter().collect()
}
