//! Which of the new files are recordings that the archive already has.
//!
//! Two files are joined when their packets are the same (one was re-tagged) or when their fingerprints agree by the rule
//! in [`fonoteca_audio::is_same_recording`]. A wrong join is worse than a missed one, so names and codes alone join nothing.

use std::collections::HashMap;

use fonoteca_audio::Fingerprint;
use fonoteca_catalog::{Link, LinkEntity, Snapshot};
use fonoteca_model::{BlobId, Id, Timestamp};
use futures::TryStreamExt;

use super::describe::Described;
use crate::error::ArchiveError;
use crate::rights::stable_id;

/// Copies of one recording differ in length by their encoders' padding and by trimmed silence.
const DURATION_SLACK_MS: i64 = 3_000;

struct Known {
    track: Id,
    duration_ms: i64,
    fingerprint: Fingerprint,
}

pub(super) async fn links(snapshot: &Snapshot, files: &[Described], now: Timestamp) -> Result<Vec<Link>, ArchiveError> {
    let mut by_essence = held_essences(snapshot, files).await?;
    let mut known = held_fingerprints(snapshot, files).await?;
    let tracks: Vec<Id> = known.iter().map(|known| known.track).chain(by_essence.values().copied()).collect();
    let mut recordings = snapshot.recording_of(&tracks).await?;
    let mut links = Vec::new();
    for file in files {
        let essence = file.essence();
        let same_packets = essence.as_ref().and_then(|essence| Some((*by_essence.get(essence)?, "same-essence", 1.0)));
        let found =
            same_packets.or_else(|| best_match(file, &known).map(|(track, score)| (track, "fingerprint", score)));
        if let Some((track, reason, score)) = found {
            let recording = recordings.get(&track).copied().unwrap_or(track);
            recordings.insert(file.track, recording);
            links.push(Link {
                id: stable_id(&["link", &file.track.to_string(), &recording.to_string(), reason]),
                entity: LinkEntity::Recording,
                from_id: file.track,
                to_id: recording,
                reason: reason.to_owned(),
                score,
                supersedes: None,
                at: now,
            });
        }
        if let Some(essence) = essence {
            by_essence.entry(essence).or_insert(file.track);
        }
        if let Some(fingerprint) = file.fingerprint() {
            known.push(Known {
                track: file.track,
                duration_ms: file.analysis.duration_ms,
                fingerprint: fingerprint.clone(),
            });
        }
    }
    Ok(links)
}

fn best_match(file: &Described, known: &[Known]) -> Option<(Id, f64)> {
    let fingerprint = file.fingerprint()?;
    known
        .iter()
        .filter(|known| (known.duration_ms - file.analysis.duration_ms).abs() <= DURATION_SLACK_MS)
        .filter_map(|known| {
            fonoteca_audio::is_same_recording(fingerprint, &known.fingerprint).map(|score| (known.track, score))
        })
        // Ties go to the first held, so that a run in the same order gives the same answer.
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

async fn held_essences(snapshot: &Snapshot, files: &[Described]) -> Result<HashMap<String, Id>, ArchiveError> {
    let essences: Vec<String> = files.iter().filter_map(Described::essence).collect();
    let roots = snapshot.roots_of_essences(&essences).await?;
    let held: Vec<BlobId> = roots.values().copied().collect();
    let tracks = snapshot.tracks_of_roots(&held).await?;
    Ok(roots.into_iter().filter_map(|(essence, root)| Some((essence, tracks.get(&root)?.first()?.track_id))).collect())
}

async fn held_fingerprints(snapshot: &Snapshot, files: &[Described]) -> Result<Vec<Known>, ArchiveError> {
    let mut wanted: Vec<(i64, i64)> = files
        .iter()
        .filter(|file| file.fingerprint().is_some())
        .map(|file| (file.analysis.duration_ms - DURATION_SLACK_MS, file.analysis.duration_ms + DURATION_SLACK_MS))
        .collect();
    wanted.sort_unstable();
    // Overlapping spans become one, so that no fingerprint is read twice.
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for (from, to) in wanted {
        match spans.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => spans.push((from, to)),
        }
    }
    let mut near = Vec::new();
    for (from, to) in spans {
        near.extend(snapshot.fingerprints_near(from..to + 1).await?.try_collect::<Vec<_>>().await?);
    }
    let roots: Vec<BlobId> = near.iter().map(|row| row.root).collect();
    let tracks = snapshot.tracks_of_roots(&roots).await?;
    let files_held = snapshot.files(&roots).await?;
    let mut known: Vec<Known> = near
        .into_iter()
        .filter_map(|row| {
            Some(Known {
                track: tracks.get(&row.root)?.first()?.track_id,
                duration_ms: files_held.get(&row.root)?.duration_ms,
                fingerprint: Fingerprint {
                    algorithm: row.algorithm,
                    version: known_version(&row.version)?,
                    duration_ms: row.duration_ms,
                    values: row.chromaprint.as_chunks::<4>().0.iter().map(|value| u32::from_le_bytes(*value)).collect(),
                },
            })
        })
        .collect();
    known.sort_by_key(|known| known.track);
    Ok(known)
}

/// Only fingerprints that this program knows how to compare are compared.
fn known_version(version: &str) -> Option<&'static str> {
    [fonoteca_audio::FINGERPRINT_VERSION, fonoteca_audio::SHORT_FINGERPRINT_VERSION]
        .into_iter()
        .find(|known| *known == version)
}
