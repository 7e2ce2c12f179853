//! Which of the new files are recordings that the archive already has.
//!
//! Two files are joined when their packets are the same (one was re-tagged) or when their fingerprints agree by the rule
//! in [`fonoteca_audio::is_same_recording`]. A wrong join is worse than a missed one, so names and codes alone join nothing.
//! Of files with several tracks the whole sounds like none of these: their tracks are joined where the packets are the same
//! and the parts as well.

use std::collections::HashMap;

use fonoteca_audio::Fingerprint;
use fonoteca_catalog::{Holding, Link, LinkEntity, Snapshot};
use fonoteca_model::{BlobId, Id, Timestamp};
use futures::TryStreamExt;

use super::describe::Described;
use super::parts::Part;
use crate::error::ArchiveError;
use crate::rights::stable_id;

/// Copies of one recording differ in length by their encoders' padding and by trimmed silence.
const DURATION_SLACK_MS: i64 = 3_000;

/// What is known of the sound of a file.
pub(super) struct Heard<'a> {
    pub tracks: Vec<Playing>,
    pub duration_ms: i64,
    pub essence: Option<String>,
    pub fingerprint: Option<&'a Fingerprint>,
}

/// A track, and which part of a file plays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Playing {
    pub track: Id,
    pub range: (Option<i64>, Option<i64>),
}

impl From<&Part> for Playing {
    fn from(part: &Part) -> Self {
        Self { track: part.track, range: (part.start_ms, part.end_ms) }
    }
}

impl From<&Holding> for Playing {
    fn from(holding: &Holding) -> Self {
        Self { track: holding.track_id, range: (holding.start_ms, holding.end_ms) }
    }
}

impl<'a> From<&'a Described> for Heard<'a> {
    fn from(file: &'a Described) -> Self {
        Self {
            tracks: file.parts.iter().map(Playing::from).collect(),
            duration_ms: file.analysis.duration_ms,
            essence: file.essence(),
            fingerprint: file.fingerprint(),
        }
    }
}

impl Heard<'_> {
    /// The track that the whole file is; `None` where it is several.
    fn whole(&self) -> Option<Id> {
        whole(&self.tracks)
    }
}

fn whole(tracks: &[Playing]) -> Option<Id> {
    tracks.iter().find(|playing| playing.range == (None, None)).map(|playing| playing.track)
}

struct Known {
    track: Id,
    duration_ms: i64,
    fingerprint: Fingerprint,
}

pub(super) async fn links(snapshot: &Snapshot, files: &[Heard<'_>], now: Timestamp) -> Result<Vec<Link>, ArchiveError> {
    let mut by_essence = held_essences(snapshot, files).await?;
    let mut known = held_fingerprints(snapshot, files).await?;
    let held = by_essence.values().flatten().map(|playing| playing.track);
    let own = files.iter().flat_map(|file| &file.tracks).map(|playing| playing.track);
    let tracks: Vec<Id> = known.iter().map(|known| known.track).chain(held).chain(own).collect();
    let mut recordings = snapshot.recording_of(&tracks).await?;
    let mut links = Vec::new();
    for file in files {
        let same_packets = file.essence.as_ref().and_then(|essence| by_essence.get(essence));
        for playing in &file.tracks {
            let is_twin = |held: &&Playing| held.range == playing.range && held.track != playing.track;
            let twin = same_packets.and_then(|held| held.iter().find(is_twin));
            let same = twin.map(|twin| (twin.track, "same-essence", 1.0));
            let is_whole = file.whole() == Some(playing.track);
            let alike = || best_match(file, playing.track, &known).map(|(track, score)| (track, "fingerprint", score));
            let found = same.or_else(|| if is_whole { alike() } else { None });
            let Some((track, reason, score)) = found else { continue };
            let recording = recordings.get(&track).copied().unwrap_or(track);
            // What is looked at again may be joined already, or have others joined to it.
            if recording == playing.track || recordings.get(&playing.track) == Some(&recording) {
                continue;
            }
            recordings.insert(playing.track, recording);
            links.push(Link {
                id: stable_id(&["link", &playing.track.to_string(), &recording.to_string(), reason]),
                entity: LinkEntity::Recording,
                from_id: playing.track,
                to_id: recording,
                reason: reason.to_owned(),
                score,
                supersedes: None,
                at: now,
            });
        }
        if let Some(essence) = &file.essence {
            by_essence.entry(essence.clone()).or_insert_with(|| file.tracks.clone());
        }
        if let Some((fingerprint, track)) = file.fingerprint.zip(file.whole()) {
            known.push(Known { track, duration_ms: file.duration_ms, fingerprint: fingerprint.clone() });
        }
    }
    Ok(links)
}

fn best_match(file: &Heard<'_>, itself: Id, known: &[Known]) -> Option<(Id, f64)> {
    let fingerprint = file.fingerprint?;
    known
        .iter()
        .filter(|known| known.track != itself)
        .filter(|known| (known.duration_ms - file.duration_ms).abs() <= DURATION_SLACK_MS)
        .filter_map(|known| {
            fonoteca_audio::is_same_recording(fingerprint, &known.fingerprint).map(|score| (known.track, score))
        })
        // Ties go to the first held, so that a run in the same order gives the same answer.
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

async fn held_essences(
    snapshot: &Snapshot,
    files: &[Heard<'_>],
) -> Result<HashMap<String, Vec<Playing>>, ArchiveError> {
    let essences: Vec<String> = files.iter().filter_map(|file| file.essence.clone()).collect();
    let roots = snapshot.roots_of_essences(&essences).await?;
    let held: Vec<BlobId> = roots.values().copied().collect();
    let tracks = snapshot.tracks_of_roots(&held).await?;
    let playing = |root| -> Option<Vec<Playing>> { Some(tracks.get(&root)?.iter().map(Playing::from).collect()) };
    Ok(roots.into_iter().filter_map(|(essence, root)| Some((essence, playing(root)?))).collect())
}

async fn held_fingerprints(snapshot: &Snapshot, files: &[Heard<'_>]) -> Result<Vec<Known>, ArchiveError> {
    let mut wanted: Vec<(i64, i64)> = files
        .iter()
        .filter(|file| file.fingerprint.is_some() && file.whole().is_some())
        .map(|file| (file.duration_ms - DURATION_SLACK_MS, file.duration_ms + DURATION_SLACK_MS))
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
                track: whole(&tracks.get(&row.root)?.iter().map(Playing::from).collect::<Vec<_>>())?,
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
