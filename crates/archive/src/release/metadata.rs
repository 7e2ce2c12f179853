//! The rows about a torrent's files, as Parquet that any engine reads, and as JSON Lines.
//!
//! Each audio torrent has its own part of each table, so that a release of any size is written in constant memory and a
//! mirror takes in exactly the rows of what it holds. Artists and albums may stand in several parts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fonoteca_catalog::{Album, Credit, Holding, Link, LinkEntity, Listens, Rights, Snapshot, Track};
use fonoteca_model::rights::{Decision, Subject, SubjectKind};
use fonoteca_model::{BlobId, Id};

use super::cut::Cut;
use super::index::blob_path;
use super::parts::{Part, Parts};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::rights::stable_id;

/// Writes the parts about one audio torrent into the store.
pub(super) async fn write(
    archive: &Archive,
    snapshot: &Snapshot,
    cut: &Cut,
    covers: &[BlobId],
) -> Result<Vec<Part>, ArchiveError> {
    let mut parts = load(snapshot, cut).await?.write(archive, &cut.name).await?;
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
            "path": blob_path(held.root, &held.extension).join("/"),
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
        });
        serde_json::to_writer(&mut text, &line).expect("strings and numbers are always JSON");
        text.push(b'\n');
    }
    let packed = zstd::encode_all(text.as_slice(), 9).map_err(|error| ArchiveError::Bug(error.to_string()))?;
    let path = vec!["jsonl".to_owned(), format!("{}.jsonl.zst", cut.name)];
    Part::keep(archive, path, &packed, "application/zstd", None).await
}

/// Everything that goes out about one torrent's files, and nothing that stays: no job, no run's time, no name of a folder.
async fn load(snapshot: &Snapshot, cut: &Cut) -> Result<Parts, ArchiveError> {
    let roots: Vec<BlobId> = cut.files.iter().map(|file| file.held.root).collect();
    let holdings: Vec<Holding> = snapshot.rows_by("root", roots.iter()).await?;
    let track_ids: BTreeSet<Id> = holdings.iter().map(|holding| holding.track_id).collect();
    let tracks: Vec<Track> = snapshot.rows_by("id", track_ids.iter()).await?;
    let album_ids: BTreeSet<Id> = tracks.iter().filter_map(|track| track.album_id).collect();
    let albums: Vec<Album> = snapshot.rows_by("id", album_ids.iter()).await?;
    let credits = |credits: &[Credit]| credits.iter().map(|credit| credit.artist_id).collect::<Vec<_>>();
    let artist_ids: BTreeSet<Id> = tracks
        .iter()
        .flat_map(|track| credits(&track.artists))
        .chain(albums.iter().flat_map(|album| credits(&album.artists)))
        .collect();
    let ids: Vec<Id> = track_ids.into_iter().collect();
    let (artists, fingerprints, files, recordings) = tokio::try_join!(
        snapshot.rows_by("id", artist_ids.iter()),
        snapshot.rows_by("root", roots.iter()),
        snapshot.rows_by("root", roots.iter()),
        snapshot.recording_of(&ids),
    )?;
    let mut parts = Parts {
        artists,
        albums,
        tracks,
        holdings,
        fingerprints,
        links: links(&recordings, cut),
        listens: listens(cut),
        rights: rights(cut),
        files,
    };
    settle(&mut parts);
    Ok(parts)
}

/// Puts the rows into an order that follows from them, so that the same rows give the same bytes.
fn settle(parts: &mut Parts) {
    parts.artists.sort_by_key(|row| row.id);
    parts.albums.sort_by_key(|row| row.id);
    parts.tracks.sort_by_key(|row| row.id);
    parts.holdings.sort_by_key(|row| (row.root, row.track_id));
    parts.fingerprints.sort_by_key(|row| row.root);
    parts.files.sort_by_key(|row| row.root);
    for file in &mut parts.files {
        // Where the operator keeps things is nobody's business.
        file.path.clear();
        // Words have rights of their own, and do not go out with the sound.
        file.lyrics_root = None;
    }
}

/// Which tracks are one recording, as it stands: the chain of joins and redirects stays at home.
fn links(recordings: &HashMap<Id, Id>, cut: &Cut) -> Vec<Link> {
    let mut links: Vec<Link> = recordings
        .iter()
        .filter(|(track, recording)| track != recording)
        .map(|(track, recording)| Link {
            id: stable_id(&["released link", &track.to_string(), &recording.to_string()]),
            entity: LinkEntity::Recording,
            from_id: *track,
            to_id: *recording,
            reason: "released".to_owned(),
            score: 1.0,
            supersedes: None,
            at: cut.files.iter().map(|file| file.held.at).min().unwrap_or_default(),
        })
        .collect();
    links.sort_by_key(|link| link.from_id);
    links
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
                id: stable_id(&["released decision", &decision.id, &file.held.root.to_string()]),
                supersedes: None,
                subject: Subject::new(SubjectKind::Blob, file.held.root.to_string()),
                // The document stays where it was shown.
                evidence: None,
                ..decision.clone()
            }));
        }
    }
    rows.sort_by(|a, b| (&a.subject, &a.id).cmp(&(&b.subject, &b.id)));
    rows
}
