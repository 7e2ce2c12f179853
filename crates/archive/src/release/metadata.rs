//! The rows about a torrent's files, as Parquet that any engine reads, and as JSON Lines.
//!
//! Each audio torrent has its own part of each table, so that a release of any size is written in constant memory and a
//! mirror takes in exactly the rows of what it holds. Artists and albums may stand in several parts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fonoteca_catalog::{
    Album, Artist, Credit, File, FileState, Fingerprint, Holding, Link, LinkEntity, Listens, Rights, Snapshot, Track,
};
use fonoteca_model::rights::{Decision, Subject, SubjectKind};
use fonoteca_model::{BlobId, Id, Sha256Hash};

use super::cut::Cut;
use super::index::file_path;
use super::parts::{Part, Parts};
use super::select::Selected;
use super::tail::Given;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::rights::stable_id;

/// Writes the parts about one audio torrent into the store.
pub(super) async fn write(
    archive: &Archive,
    parts: Parts,
    cut: &Cut,
    covers: &[BlobId],
) -> Result<Vec<Part>, ArchiveError> {
    let mut parts = parts.write(archive, &cut.name).await?;
    parts.push(json_lines(archive, cut, covers).await?);
    Ok(parts)
}

/// One line a file, for those who would rather not read Parquet.
async fn json_lines(archive: &Archive, cut: &Cut, covers: &[BlobId]) -> Result<Part, ArchiveError> {
    let mut text = Vec::new();
    for file in &cut.files {
        let held = &file.held;
        let line = serde_json::json!({
            "torrent": cut.name,
            "path": file_path(file).join("/"),
            "track_id": held.track_id.to_string(),
            "recording_id": held.recording_id.to_string(),
            "title": held.title,
            "artist": held.artist_credit,
            "album": held.album,
            "isrc": held.isrc,
            "duration_ms": held.duration_ms,
            "popularity": held.popularity,
            "listens": held.listens,
            "cover": held.cover_root.filter(|cover| covers.contains(cover)),
            "basis": file.verdict.basis,
            "licence": file.verdict.licence,
            "attribution": file.verdict.attribution,
            "copy_of": file.copy_of(),
        });
        serde_json::to_writer(&mut text, &line).expect("strings and numbers are always JSON");
        text.push(b'\n');
    }
    let packed = zstd::encode_all(text.as_slice(), 9).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let path = vec!["jsonl".to_owned(), format!("{}.jsonl.zst", cut.name)];
    Part::keep(archive, path, &packed, "application/zstd", None).await
}

/// Everything that goes out about the files of some torrents, and nothing that stays: no job, no run's time, no name of a
/// folder.
pub(super) struct Rows {
    holdings: HashMap<BlobId, Vec<Holding>>,
    tracks: HashMap<Id, Track>,
    albums: HashMap<Id, Album>,
    artists: HashMap<Id, Artist>,
    fingerprints: HashMap<BlobId, Fingerprint>,
    files: HashMap<BlobId, File>,
    recordings: HashMap<Id, Id>,
}

fn credited(credits: &[Credit]) -> impl Iterator<Item = Id> {
    credits.iter().map(|credit| credit.artist_id)
}

impl Rows {
    pub async fn load<'a>(
        snapshot: &Snapshot,
        files: impl Iterator<Item = &'a Selected> + Clone,
    ) -> Result<Self, ArchiveError> {
        let roots: Vec<BlobId> = files.clone().map(|file| file.held.root).collect();
        let originals = files.filter(|file| file.copy_of().is_none());
        let originals: Vec<BlobId> = originals.map(|file| file.held.root).collect();
        let mut holdings: HashMap<BlobId, Vec<Holding>> = HashMap::new();
        for row in snapshot.rows_by::<Holding, _>("root", roots.iter()).await? {
            holdings.entry(row.root).or_default().push(row);
        }
        let track_ids: BTreeSet<Id> = holdings.values().flatten().map(|holding| holding.track_id).collect();
        let ids: Vec<Id> = track_ids.into_iter().collect();
        let tracks = snapshot.tracks(&ids).await?;
        let album_ids: BTreeSet<Id> = tracks.values().filter_map(|track| track.album_id).collect();
        let albums = snapshot.albums(&album_ids.into_iter().collect::<Vec<_>>()).await?;
        let artist_ids: BTreeSet<Id> = tracks
            .values()
            .flat_map(|track| credited(&track.artists))
            .chain(albums.values().flat_map(|album| credited(&album.artists)))
            .collect();
        let artist_ids: Vec<Id> = artist_ids.into_iter().collect();
        let (artists, fingerprints, files, recordings) = tokio::try_join!(
            snapshot.artists(&artist_ids),
            snapshot.rows_by::<Fingerprint, _>("root", originals.iter()),
            snapshot.files(&roots),
            snapshot.recording_of(&ids),
        )?;
        Ok(Self {
            holdings,
            tracks,
            albums,
            artists,
            fingerprints: fingerprints.into_iter().map(|row| (row.root, row)).collect(),
            files,
            recordings,
        })
    }

    /// The rows about one torrent, in an order that follows from them, so that the same rows give the same bytes.
    pub fn of(&self, cut: &Cut) -> Parts {
        let mut parts = Parts::default();
        for selected in &cut.files {
            let held = selected.held.root;
            let holdings = self.holdings.get(&held).into_iter().flatten();
            parts.holdings.extend(holdings.map(|holding| Holding { root: selected.root(), ..holding.clone() }));
            parts.fingerprints.extend(self.fingerprints.get(&held).cloned());
            parts.files.extend(self.files.get(&held).map(|file| given_file(file, selected)));
        }
        let tracks: BTreeSet<Id> = parts.holdings.iter().map(|holding| holding.track_id).collect();
        parts.tracks = tracks.iter().filter_map(|id| self.tracks.get(id)).cloned().collect();
        let albums: BTreeSet<Id> = parts.tracks.iter().filter_map(|track| track.album_id).collect();
        parts.albums = albums.iter().filter_map(|id| self.albums.get(id)).cloned().collect();
        let artists: BTreeSet<Id> = parts
            .tracks
            .iter()
            .flat_map(|track| credited(&track.artists))
            .chain(parts.albums.iter().flat_map(|album| credited(&album.artists)))
            .collect();
        parts.artists = artists.iter().filter_map(|id| self.artists.get(id)).cloned().collect();
        parts.links = links(tracks.iter().filter_map(|id| Some((*id, *self.recordings.get(id)?))), cut);
        parts.listens = listens(cut);
        parts.rights = rights(cut);
        parts.holdings.sort_by_key(|row| (row.root, row.track_id));
        parts.fingerprints.sort_by_key(|row| row.root);
        parts.files.sort_by_key(|row| row.root);
        parts
    }
}

/// What goes out about a file. Where the operator keeps things is nobody's business. Of a copy nothing is known but what
/// follows from its original.
fn given_file(file: &File, selected: &Selected) -> File {
    // Words have rights of their own, and do not go out with the sound.
    let original = File { path: Vec::new(), lyrics_root: None, ..file.clone() };
    let Given::Copy { root, size, tail } = selected.given else { return original };
    File {
        root,
        size,
        state: FileState::Sound,
        state_reason: None,
        container: "ogg".to_owned(),
        extension: "opus".to_owned(),
        mime: "audio/ogg".to_owned(),
        codec: "opus".to_owned(),
        bit_rate: None,
        sample_rate: 48_000,
        bit_depth: None,
        notes: vec![format!("a copy of {}, {tail}", file.root)],
        essence: Sha256Hash([0; 32]),
        essence_version: 0,
        loudness_lufs: None,
        loudness_range_lu: None,
        true_peak_dbtp: None,
        clipped_samples: None,
        cutoff_hz: None,
        ..original
    }
}

/// Which tracks are one recording, as it stands: the chain of joins and redirects stays at home.
fn links(recordings: impl Iterator<Item = (Id, Id)>, cut: &Cut) -> Vec<Link> {
    let at = cut.files.iter().map(|file| file.held.at).min().unwrap_or_default();
    recordings
        .filter(|(track, recording)| track != recording)
        .map(|(track, recording)| Link {
            id: stable_id(&["released link", &track.to_string(), &recording.to_string()]),
            entity: LinkEntity::Recording,
            from_id: track,
            to_id: recording,
            reason: "released".to_owned(),
            score: 1.0,
            supersedes: None,
            at,
        })
        .collect()
}

fn listens(cut: &Cut) -> Vec<Listens> {
    let counted: BTreeMap<Id, Listens> = cut
        .files
        .iter()
        .filter_map(|file| {
            let as_of = file.held.listens_as_of?;
            let listens = Listens {
                recording_id: file.held.recording_id,
                as_of,
                count: file.held.listens,
                popularity: file.held.popularity,
            };
            Some((file.held.recording_id, listens))
        })
        .collect();
    counted.into_values().collect()
}

/// The decisions that let each blob out, put on the blob itself: a mirror need not know our collections and labels.
fn rights(cut: &Cut) -> Vec<Rights> {
    let mut rows = Vec::new();
    for file in &cut.files {
        let superseded: BTreeSet<&str> =
            file.decisions.iter().filter_map(|decision| decision.supersedes.as_deref()).collect();
        for decision in file.decisions.iter().filter(|decision| !superseded.contains(decision.id.as_str())) {
            rows.push(Rights::from(&Decision {
                id: stable_id(&["released decision", &decision.id, &file.root().to_string()]),
                supersedes: None,
                subject: Subject::new(SubjectKind::Blob, file.root().to_string()),
                // The document stays where it was shown.
                evidence: None,
                ..decision.clone()
            }));
        }
    }
    rows.sort_by(|a, b| (&a.subject, &a.id).cmp(&(&b.subject, &b.id)));
    rows
}
