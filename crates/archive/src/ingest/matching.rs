//! Which of the new files are recordings that the archive already has.
//!
//! Two files are joined when their packets are the same (one was re-tagged) or when their fingerprints agree by the rule
//! in [`fonoteca_audio::is_same_recording`]. A wrong join is worse than a missed one, so names and codes alone join nothing.
//!
//! Which fingerprints are compared, the index of sounds says; what is not in it, since it came a moment ago or is too short,
//! passes by row after row. So memory depends on the batch, not on the archive.

use std::collections::HashMap;

use fonoteca_audio::{ALGORITHM, Fingerprint, SHORT_ALGORITHM, is_same_recording};
use fonoteca_catalog::{Link, LinkEntity, Snapshot};
use fonoteca_model::{BlobId, Id, Timestamp};
use futures::TryStreamExt;

use super::describe::Described;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::identify::{blocking, values};
use crate::rights::stable_id;

/// Copies of one recording differ in length by their encoders' padding and by trimmed silence.
const DURATION_SLACK_MS: i64 = 3_000;
/// Fingerprints, of some 4 KB, that are looked up together.
const ROOTS_TOGETHER: usize = 1024;
/// The best held copies of one file that are remembered: those of equal scores are of one recording.
const MOST_MATCHES: usize = 32;

/// A held copy of a new file.
#[derive(Debug, Clone, Copy)]
struct Match {
    score: f64,
    root: BlobId,
}

pub(super) async fn links(
    archive: &Archive,
    snapshot: &Snapshot,
    files: &[Described],
    now: Timestamp,
) -> Result<Vec<Link>, ArchiveError> {
    let mut by_essence = held_essences(snapshot, files).await?;
    let held = held_matches(archive, snapshot, files).await?;
    let tracks: Vec<Id> = held.iter().flatten().map(|(track, _)| *track).chain(by_essence.values().copied()).collect();
    let mut recordings = snapshot.recording_of(&tracks).await?;
    let mut links = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let essence = file.essence();
        let same_packets = essence.as_ref().and_then(|essence| Some((*by_essence.get(essence)?, "same-essence", 1.0)));
        let found = same_packets.or_else(|| {
            best_match(file, held[number], &files[..number]).map(|(track, score)| (track, "fingerprint", score))
        });
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
    }
    Ok(links)
}

/// The best of what is held and of the files before it. Ties go to the first, so that a run in the same order gives the same
/// answer.
fn best_match(file: &Described, held: Option<(Id, f64)>, before: &[Described]) -> Option<(Id, f64)> {
    let fingerprint = file.fingerprint()?;
    let others = before
        .iter()
        .filter(|other| (other.analysis.duration_ms - file.analysis.duration_ms).abs() <= DURATION_SLACK_MS)
        .filter_map(|other| Some((other.track, is_same_recording(fingerprint, other.fingerprint()?)?)));
    held.into_iter().chain(others).reduce(|best, next| if next.1 > best.1 { next } else { best })
}

async fn held_essences(snapshot: &Snapshot, files: &[Described]) -> Result<HashMap<String, Id>, ArchiveError> {
    let essences: Vec<String> = files.iter().filter_map(Described::essence).collect();
    let roots = snapshot.roots_of_essences(&essences).await?;
    let held: Vec<BlobId> = roots.values().copied().collect();
    let tracks = snapshot.tracks_of_roots(&held).await?;
    Ok(roots.into_iter().filter_map(|(essence, root)| Some((essence, tracks.get(&root)?.first()?.track_id))).collect())
}

/// For each file the held track that it fits best, if it fits any.
async fn held_matches(
    archive: &Archive,
    snapshot: &Snapshot,
    files: &[Described],
) -> Result<Vec<Option<(Id, f64)>>, ArchiveError> {
    let mut matches = Matches { files, found: vec![Vec::new(); files.len()] };
    let long = || files.iter().filter_map(Described::fingerprint).filter(|print| print.algorithm == ALGORITHM);
    if long().next().is_some() {
        let since = archive.sounds_since(snapshot);
        let indexed = match &since {
            Some(_) => like(archive, long().map(|print| print.values.clone()).collect()).await?,
            None => Some(Vec::new()),
        };
        for some in indexed.iter().flatten().copied().collect::<Vec<BlobId>>().chunks(ROOTS_TOGETHER) {
            let roots: Vec<String> = some.iter().map(ToString::to_string).collect();
            matches.offer(snapshot.rows_by::<fonoteca_catalog::Fingerprint, String>("root", &roots).await?);
        }
        // What came since, or all where the index cannot be asked.
        let since = since.filter(|_| indexed.is_some()).unwrap_or_default();
        let mut rows = snapshot.changes::<fonoteca_catalog::Fingerprint>(&since).await?;
        while let Some(some) = rows.try_next().await? {
            matches.offer(some.into_iter().filter(|row| row.algorithm == ALGORITHM).collect());
        }
    }
    let short = files.iter().filter_map(Described::fingerprint).filter(|print| print.algorithm == SHORT_ALGORITHM);
    let durations = || short.clone().map(|print| print.duration_ms);
    if let (Some(shortest), Some(longest)) = (durations().min(), durations().max()) {
        let range = shortest - DURATION_SLACK_MS..longest + DURATION_SLACK_MS + 1;
        let mut rows = snapshot.fingerprints_within(SHORT_ALGORITHM, range).await?;
        while let Some(some) = rows.try_next().await? {
            matches.offer(some);
        }
    }
    matches.tracks(snapshot).await
}

/// What the index of sounds takes for possible copies of any of these; `None` where it cannot be asked.
async fn like(archive: &Archive, prints: Vec<Vec<u32>>) -> Result<Option<Vec<BlobId>>, ArchiveError> {
    let index = archive.sounds();
    let asked = blocking(move || {
        let mut roots = Vec::new();
        for print in &prints {
            roots.extend(index.like(print)?);
        }
        roots.sort_unstable();
        roots.dedup();
        Ok(roots)
    });
    match asked.await {
        Ok(roots) => Ok(Some(roots)),
        // Whoever asks by sound is told; joins take longer, but are the same.
        Err(ArchiveError::Sounds(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Matches<'a> {
    files: &'a [Described],
    /// Of each file the best ones first; of equal ones those of the lowest roots.
    found: Vec<Vec<Match>>,
}

impl Matches<'_> {
    /// Compares rows with all files.
    fn offer(&mut self, rows: Vec<fonoteca_catalog::Fingerprint>) {
        for row in rows {
            let Some(version) = known_version(&row.version) else { continue };
            let print = Fingerprint {
                algorithm: row.algorithm,
                version,
                duration_ms: row.duration_ms,
                values: values(&row.chromaprint),
            };
            for (file, found) in self.files.iter().zip(&mut self.found) {
                let Some(score) = file
                    .fingerprint()
                    // What is fingerprinted differs by less than the whole.
                    .filter(|own| (own.duration_ms - print.duration_ms).abs() <= DURATION_SLACK_MS)
                    .and_then(|own| is_same_recording(own, &print))
                else {
                    continue;
                };
                let before = |other: &Match| (other.score, row.root) > (score, other.root);
                let place = found.partition_point(before);
                // An index may have a row that passes by as well.
                if found.get(place).is_none_or(|other| other.root != row.root) {
                    found.insert(place, Match { score, root: row.root });
                    found.truncate(MOST_MATCHES);
                }
            }
        }
    }

    /// Of the matches that last about as long, the track of the best one.
    async fn tracks(self, snapshot: &Snapshot) -> Result<Vec<Option<(Id, f64)>>, ArchiveError> {
        let mut roots: Vec<BlobId> = self.found.iter().flatten().map(|found| found.root).collect();
        roots.sort_unstable();
        roots.dedup();
        let tracks = snapshot.tracks_of_roots(&roots).await?;
        let held = snapshot.files(&roots).await?;
        let best = |(file, found): (&Described, &Vec<Match>)| {
            let lasts_as_long = |found: &&Match| {
                held.get(&found.root)
                    .is_some_and(|other| (other.duration_ms - file.analysis.duration_ms).abs() <= DURATION_SLACK_MS)
            };
            let track = |found: &Match| Some((tracks.get(&found.root)?.first()?.track_id, found.score));
            let fitting = found.iter().filter(lasts_as_long).filter_map(track);
            fitting.min_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)))
        };
        Ok(self.files.iter().zip(&self.found).map(best).collect())
    }
}

/// Only fingerprints that this program knows how to compare are compared.
fn known_version(version: &str) -> Option<&'static str> {
    [fonoteca_audio::FINGERPRINT_VERSION, fonoteca_audio::SHORT_FINGERPRINT_VERSION]
        .into_iter()
        .find(|known| *known == version)
}
