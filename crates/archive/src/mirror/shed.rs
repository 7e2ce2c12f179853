//! Dropping what a plan has no room for. A blob goes only if it came from a feed and nothing else here needs it; its rows
//! stay, and an event says that it was dropped.

use std::collections::{BTreeSet, HashMap, HashSet};

use fonoteca_catalog::{Batch, Event, Outcome, Snapshot};
use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobId, Timestamp};
use fonoteca_torrent::Metainfo;

use super::Mirror;
use super::choose::{ALL_PARTS, part_of};
use super::held::{Marker, every, roots_here};
use super::pull::roots;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::published::lies_as_audio;
use crate::release::{Manifest, ManifestTorrent, manifests, read_torrent};
use crate::rights::stable_id;

/// Drops the audio of these parts, by release and torrent, and what came along where none of a torrent's audio is left.
/// Returns bytes. The markers say so before anything goes, so that what a kill leaves is fetched again or found by `verify`.
pub(super) async fn shed(
    archive: &Archive,
    mirror: &Mirror,
    going: &[(String, String, u64)],
    progress: &dyn Progress,
) -> Result<u64, ArchiveError> {
    let mut candidates: HashMap<BlobId, u64> = HashMap::new();
    for (release, name, parts) in going {
        let Some(mut marker) = Marker::read(archive, release)?.filter(|marker| marker.mirror == mirror.name) else {
            continue;
        };
        let Some(metainfo) = hybrid(archive, release, name)? else { continue };
        let here = roots_here(&marker, name, &metainfo);
        marker.torrents.remove(name);
        marker.files.remove(name);
        let files = roots(&metainfo);
        let is_here = |root: &BlobId| here.contains(root);
        let goes =
            |root: BlobId, is_audio: bool| *parts == ALL_PARTS || (is_audio && parts & (1 << part_of(root)) != 0);
        let stays: BTreeSet<BlobId> = files
            .iter()
            .filter(|(_, root, file)| is_here(root) && !goes(*root, lies_as_audio(file)))
            .map(|(_, root, _)| *root)
            .collect();
        let audio_stays = files.iter().any(|(_, root, file)| lies_as_audio(file) && stays.contains(root));
        if audio_stays {
            marker.files.insert(name.clone(), stays.clone());
        }
        let left = if audio_stays { stays } else { BTreeSet::new() };
        let gone = files.iter().filter(|(_, root, _)| is_here(root) && !left.contains(root));
        candidates.extend(gone.map(|(_, root, file)| (*root, file.size)));
        marker.write(archive, release)?;
    }
    if candidates.is_empty() {
        return Ok(0);
    }
    needed_here(archive, &mut candidates)?;
    let roots: Vec<BlobId> = candidates.keys().copied().collect();
    let writer = archive.catalog().writer().await?;
    let own = writer.snapshot().taken_in(&roots).await?;
    candidates.retain(|root, _| !own.contains(root));
    let now = super::later(archive, writer.snapshot()).await?;
    let mut dropped: Vec<(BlobId, u64)> = candidates.into_iter().collect();
    dropped.sort_unstable();
    let detail = "dropped by the plan of a mirror";
    let events = dropped.iter().map(|(root, _)| event(mirror, *root, "deletion", now, detail)).collect();
    let job = format!("{}drop-{}", mirror.job_prefix(), now.0);
    writer.commit(&job, 0, Batch { events, ..Batch::default() }).await?;
    let mut bytes = 0;
    for (root, size) in dropped {
        if archive.store().remove(root).await? {
            bytes += size;
        }
    }
    progress.note(&format!(
        "{}: {} were dropped for what is wanted more",
        mirror.name,
        fonoteca_model::units::Bytes(bytes)
    ));
    Ok(bytes)
}

/// The blobs of these torrents that are here, whichever of their parts go.
pub(super) fn blobs_of(
    archive: &Archive,
    mirror: &Mirror,
    going: &[(String, String, u64)],
) -> Result<HashSet<BlobId>, ArchiveError> {
    let mut blobs = HashSet::new();
    for (release, name, _) in going {
        let marker = Marker::read(archive, release)?.filter(|marker| marker.mirror == mirror.name);
        if let (Some(marker), Some(metainfo)) = (marker, hybrid(archive, release, name)?) {
            blobs.extend(roots_here(&marker, name, &metainfo));
        }
    }
    Ok(blobs)
}

/// Takes out of `candidates` what any torrent that is here needs, one's own or mirrored.
fn needed_here(archive: &Archive, candidates: &mut HashMap<BlobId, u64>) -> Result<(), ArchiveError> {
    let markers = every(archive)?;
    for manifest in manifests(archive)? {
        let marker = markers.get(&manifest.release);
        for torrent in &manifest.torrents {
            let whole = marker.is_none_or(|marker| marker.torrents.contains(&torrent.name));
            if let Some(files) = marker.and_then(|marker| marker.files.get(&torrent.name)) {
                candidates.retain(|root, _| !files.contains(root));
            }
            if !whole || candidates.is_empty() {
                continue;
            }
            let Some(variant) = torrent.hybrid() else { continue };
            let metainfo = read_torrent(archive, &manifest.release, &variant.path)?;
            for (_, root, _) in roots(&metainfo) {
                candidates.remove(&root);
            }
        }
    }
    Ok(())
}

fn hybrid(archive: &Archive, release: &str, name: &str) -> Result<Option<Metainfo>, ArchiveError> {
    let manifest = Manifest::read(&archive.releases_path().join(release))?;
    let torrent = manifest.torrents.iter().find(|torrent| torrent.name == name);
    let variant = torrent.and_then(ManifestTorrent::hybrid);
    variant.map(|variant| read_torrent(archive, release, &variant.path)).transpose()
}

/// Events for blobs that were dropped once and are here again; without them no check would look for them.
pub(super) async fn back_again(
    snapshot: &Snapshot,
    mirror: &Mirror,
    here: &HashSet<BlobId>,
    now: Timestamp,
) -> Result<Vec<Event>, ArchiveError> {
    let roots: Vec<BlobId> = here.iter().copied().collect();
    let dropped = snapshot.deleted(&roots).await?;
    Ok(dropped.into_iter().map(|root| event(mirror, root, "replication", now, "here again")).collect())
}

fn event(mirror: &Mirror, root: BlobId, kind: &str, at: Timestamp, detail: &str) -> Event {
    Event {
        id: stable_id(&[kind, &root.to_string(), &mirror.name, &at.0.to_string()]),
        at,
        kind: kind.to_owned(),
        subject_kind: "blob".to_owned(),
        subject: root.to_string(),
        outcome: Outcome::Success,
        detail: Some(detail.to_owned()),
        agent: AGENT.to_owned(),
    }
}
