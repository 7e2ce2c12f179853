//! Taking in the rows that come with a mirrored torrent. They are foreign: each is believed only as far as it can be proved.
//!
//! A row counts when it is about a blob of this torrent, when its id follows from its own source, and when the catalogue
//! does not have it. Hashes are never taken over: they were computed when the bytes came in.

use std::collections::{BTreeSet, HashMap, HashSet};

use fonoteca_catalog::{Batch, BlobKind, Event, File, Holding, Link, Outcome, Rights, Snapshot, Track};
use fonoteca_model::rights::{Decision, SubjectKind};
use fonoteca_model::{BlobHashes, BlobId, Id};
use fonoteca_torrent::Metainfo;

use super::Mirror;
use super::pull::{is_audio, roots};
use super::shed::back_again;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::hashing::hash_file;
use crate::ingest::{AGENT, blob_row};
use crate::release::{ManifestTorrent, Parts};
use crate::rights::stable_id;

/// Commits everything about the torrent's blobs that are here in one batch; `whole`: they are all of it.
pub(super) async fn rows(
    archive: &Archive,
    mirror: &Mirror,
    torrent: &ManifestTorrent,
    metainfo: &Metainfo,
    here: &HashSet<BlobId>,
    whole: bool,
    hashes: &HashMap<BlobId, BlobHashes>,
) -> Result<(), ArchiveError> {
    let mut batch = Batch::default();
    if is_audio(torrent) {
        batch = proved(Parts::read(archive, torrent).await?, metainfo, here, mirror);
    }
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    drop_known(&snapshot, &mut batch).await?;
    let audio: HashMap<BlobId, String> = batch.files.iter().map(|file| (file.root, file.mime.clone())).collect();
    let all: Vec<BlobId> = here.iter().copied().collect();
    let known = snapshot.blobs(&all).await?;
    let mut seen = HashSet::new();
    for (_, root, file) in roots(metainfo) {
        if known.contains_key(&root) || !here.contains(&root) || !seen.insert(root) {
            continue;
        }
        let (mime, kind) = match (audio.get(&root), file.path.first().map(String::as_str)) {
            (Some(mime), _) => (mime.clone(), BlobKind::Audio),
            (None, Some("covers")) => (image_mime(&file.path).to_owned(), BlobKind::Cover),
            (None, Some("index.jsonl")) => ("application/jsonl".to_owned(), BlobKind::Index),
            (None, Some("LICENCES.txt")) => ("text/plain".to_owned(), BlobKind::Licence),
            _ => ("application/octet-stream".to_owned(), BlobKind::Metadata),
        };
        batch.blobs.push(blob_row(&held_hashes(archive, root, hashes).await?, &mime, kind));
    }
    let now = super::later(archive, &snapshot).await?;
    let back = back_again(&snapshot, mirror, here, now).await?;
    // A batch of a name that the tables have is passed over, which is right after a kill. What came in part, or came again,
    // has a name of its own each time.
    let again = !whole || !back.is_empty();
    let part =
        if again { format!("-{}", stable_id(&[&now.0.to_string(), &here.len().to_string()])) } else { String::new() };
    batch.events.extend(back);
    batch.events.push(Event {
        id: stable_id(&["replication", &mirror.name, &torrent.name, &part]),
        at: now,
        kind: "replication".to_owned(),
        subject_kind: "torrent".to_owned(),
        subject: torrent.name.clone(),
        outcome: Outcome::Success,
        detail: Some(format!("{} of {} files from {}", here.len(), torrent.files, mirror.url)),
        agent: AGENT.to_owned(),
    });
    let job = format!("{}{}{part}", mirror.job_prefix(), torrent.name);
    writer.commit(&job, 0, batch).await?;
    Ok(())
}

/// What a blob hashes to: known from its arrival, or read again when a kill came between arrival and commit.
async fn held_hashes(
    archive: &Archive,
    root: BlobId,
    hashes: &HashMap<BlobId, BlobHashes>,
) -> Result<BlobHashes, ArchiveError> {
    if let Some(hashes) = hashes.get(&root) {
        return Ok(hashes.clone());
    }
    let path = archive.store().locate(root).await?.ok_or(ArchiveError::MissingBlob { root })?;
    let read = path.clone();
    let found = tokio::task::spawn_blocking(move || hash_file(&read))
        .await
        .map_err(|error| ArchiveError::Bug(error.to_string()))?
        .map_err(ArchiveError::io(&path, "cannot be read"))?;
    found
        .filter(|hashes| hashes.root == root)
        .ok_or_else(|| ArchiveError::Damaged { what: format!("blob {root} has other bytes than its name says") })
}

fn image_mime(path: &[String]) -> &'static str {
    match path.last().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension) {
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        _ => "image/jpeg",
    }
}

/// What can be believed of the rows.
fn proved(parts: Parts, metainfo: &Metainfo, here: &HashSet<BlobId>, mirror: &Mirror) -> Batch {
    let mut sizes: HashMap<BlobId, u64> = HashMap::new();
    let mut covers: HashSet<BlobId> = HashSet::new();
    for (_, root, file) in roots(metainfo).into_iter().filter(|(_, root, _)| here.contains(root)) {
        match file.path.len() {
            2 => drop(sizes.insert(root, file.size)),
            3 => drop(covers.insert(root)),
            _ => {}
        }
    }
    let tracks: Vec<Track> = unique(parts.tracks, |track| track.id)
        .into_iter()
        .filter(|track| track.id == Id::of(&track.source, &track.source_id))
        .collect();
    let track_ids: HashSet<Id> = tracks.iter().map(|track| track.id).collect();
    let holdings: Vec<Holding> = unique(parts.holdings, |holding| (holding.track_id, holding.root))
        .into_iter()
        .filter(|holding| sizes.contains_key(&holding.root) && track_ids.contains(&holding.track_id))
        .collect();
    let files: Vec<File> = unique(parts.files, |file| file.root)
        .into_iter()
        .filter(|file| sizes.get(&file.root).is_some_and(|size| *size as i64 == file.size))
        .map(|mut file| {
            file.cover_root = file.cover_root.filter(|cover| covers.contains(cover));
            file.lyrics_root = None;
            file.path.clear();
            file
        })
        .collect();
    let links: Vec<Link> = parts.links.into_iter().filter(|link| track_ids.contains(&link.from_id)).collect();
    let recordings: HashSet<Id> = track_ids.iter().copied().chain(links.iter().map(|link| link.to_id)).collect();
    Batch {
        artists: unique(parts.artists, |artist| artist.id)
            .into_iter()
            .filter(|artist| artist.id == Id::of(&artist.source, &artist.source_id))
            .collect(),
        albums: unique(parts.albums, |album| album.id)
            .into_iter()
            .filter(|album| album.id == Id::of(&album.source, &album.source_id))
            .collect(),
        fingerprints: unique(parts.fingerprints, |fingerprint| fingerprint.root)
            .into_iter()
            .filter(|fingerprint| sizes.contains_key(&fingerprint.root))
            .collect(),
        listens: unique(parts.listens, |listens| listens.recording_id)
            .into_iter()
            .filter(|listens| recordings.contains(&listens.recording_id) && (0..=100).contains(&listens.popularity))
            .collect(),
        rights: parts.rights.iter().filter_map(|row| own_right(row, &sizes, mirror)).collect(),
        tracks,
        holdings,
        files,
        links,
        ..Batch::default()
    }
}

/// A decision of the other archive about a blob of this torrent, said in its name. Others are not ours to believe.
fn own_right(row: &Rights, sizes: &HashMap<BlobId, u64>, mirror: &Mirror) -> Option<Rights> {
    let decision = Decision::try_from(row.clone()).ok()?;
    let about_ours = decision.subject.kind == SubjectKind::Blob
        && decision.subject.key.parse().is_ok_and(|root: BlobId| sizes.contains_key(&root));
    about_ours.then(|| {
        let asserted_by = mirror.asserted_by();
        Rights::from(&Decision {
            id: stable_id(&[&asserted_by, &decision.id]),
            supersedes: None,
            asserted_by,
            evidence: None,
            ..decision
        })
    })
}

fn unique<T, K: std::hash::Hash + Eq>(rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    rows.into_iter().filter(|row| seen.insert(key(row))).collect()
}

/// Leaves out what the catalogue has: a pull that was killed before it was marked, or a blob held from elsewhere.
async fn drop_known(snapshot: &Snapshot, batch: &mut Batch) -> Result<(), ArchiveError> {
    let ids = |ids: BTreeSet<Id>| ids.into_iter().collect::<Vec<_>>();
    let known = snapshot.tracks(&ids(batch.tracks.iter().map(|row| row.id).collect())).await?;
    batch.tracks.retain(|row| !known.contains_key(&row.id));
    let known = snapshot.albums(&ids(batch.albums.iter().map(|row| row.id).collect())).await?;
    batch.albums.retain(|row| !known.contains_key(&row.id));
    let known = snapshot.artists(&ids(batch.artists.iter().map(|row| row.id).collect())).await?;
    batch.artists.retain(|row| !known.contains_key(&row.id));
    let known = snapshot.listens(&ids(batch.listens.iter().map(|row| row.recording_id).collect())).await?;
    batch.listens.retain(|row| !known.contains_key(&row.recording_id));
    let tracks = ids(batch.links.iter().map(|row| row.from_id).collect());
    let known = snapshot.recording_of(&tracks).await?;
    batch.links.retain(|row| known.get(&row.from_id).is_none_or(|recording| *recording == row.from_id));
    let roots: Vec<BlobId> = batch.files.iter().map(|row| row.root).collect();
    let known = snapshot.known_roots(&roots).await?;
    batch.files.retain(|row| !known.contains(&row.root));
    batch.fingerprints.retain(|row| !known.contains(&row.root));
    let holdings = snapshot.tracks_of_roots(&batch.holdings.iter().map(|row| row.root).collect::<Vec<_>>()).await?;
    batch.holdings.retain(|row| {
        !holdings.get(&row.root).is_some_and(|held| held.iter().any(|held| held.track_id == row.track_id))
    });
    let decisions = snapshot
        .decisions_for(&batch.rights.iter().filter_map(|row| row.subject.parse().ok()).collect::<Vec<BlobId>>())
        .await?;
    let known: HashSet<&str> = decisions.values().flatten().map(|decision| decision.id.as_str()).collect();
    batch.rights.retain(|row| !known.contains(row.id.as_str()));
    Ok(())
}
