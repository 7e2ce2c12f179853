//! Which of the new files are recordings that the archive already has.
//!
//! Two files are joined when their packets are the same (one was re-tagged) or when their fingerprints agree by the rule
//! in [`fonoteca_audio::is_same_recording`]. A wrong join is worse than a missed one, so names and codes alone join nothing.
//! Of files with several tracks the whole sounds like none of these: their tracks are joined where the packets are the same
//! and the parts as well.
//!
//! Which fingerprints are compared, the index of sounds says; what is not in it, since it came a moment ago or is too short,
//! passes by row after row. So memory depends on the batch, not on the archive.

use std::collections::HashMap;

use fonoteca_audio::{ALGORITHM, Fingerprint, SHORT_ALGORITHM, is_same_recording};
use fonoteca_catalog::{Holding, Link, LinkEntity, Snapshot};
use fonoteca_model::{BlobId, Id, Timestamp};
use futures::TryStreamExt;

use super::describe::Described;
use super::parts::Part;
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

    /// The fingerprint that others are compared with.
    fn print(&self) -> Option<&Fingerprint> {
        self.fingerprint.filter(|_| self.whole().is_some())
    }
}

fn whole(tracks: &[Playing]) -> Option<Id> {
    tracks.iter().find(|playing| playing.range == (None, None)).map(|playing| playing.track)
}

/// A held copy of a file.
#[derive(Debug, Clone, Copy)]
struct Match {
    score: f64,
    root: BlobId,
}

pub(super) async fn links(
    archive: &Archive,
    snapshot: &Snapshot,
    files: &[Heard<'_>],
    now: Timestamp,
) -> Result<Vec<Link>, ArchiveError> {
    let mut by_essence = held_essences(snapshot, files).await?;
    let matched = held_matches(archive, snapshot, files).await?;
    let held = by_essence.values().flatten().map(|playing| playing.track);
    let own = files.iter().flat_map(|file| &file.tracks).map(|playing| playing.track);
    let tracks: Vec<Id> = matched.iter().flatten().map(|(track, _)| *track).chain(held).chain(own).collect();
    let mut recordings = snapshot.recording_of(&tracks).await?;
    let mut links = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let same_packets = file.essence.as_ref().and_then(|essence| by_essence.get(essence));
        for playing in &file.tracks {
            let is_twin = |held: &&Playing| held.range == playing.range && held.track != playing.track;
            let twin = same_packets.and_then(|held| held.iter().find(is_twin));
            let same = twin.map(|twin| (twin.track, "same-essence", 1.0));
            let is_whole = file.whole() == Some(playing.track);
            let alike = || {
                let best = best_match(file, matched[number], &files[..number]);
                best.map(|(track, score)| (track, "fingerprint", score))
            };
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
    }
    Ok(links)
}

/// The best of what is held and of the files before it, other than itself. Ties go to the first, so that a run in the same
/// order gives the same answer.
fn best_match(file: &Heard<'_>, held: Option<(Id, f64)>, before: &[Heard<'_>]) -> Option<(Id, f64)> {
    let print = file.print()?;
    let others = before
        .iter()
        .filter(|other| (other.duration_ms - file.duration_ms).abs() <= DURATION_SLACK_MS)
        .filter_map(|other| Some((other.whole()?, is_same_recording(print, other.print()?)?)));
    let others = others.filter(|(track, _)| file.whole() != Some(*track));
    held.into_iter().chain(others).reduce(|best, next| if next.1 > best.1 { next } else { best })
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

/// For each file the held track that it fits best, if it fits any.
async fn held_matches(
    archive: &Archive,
    snapshot: &Snapshot,
    files: &[Heard<'_>],
) -> Result<Vec<Option<(Id, f64)>>, ArchiveError> {
    let mut matches = Matches { files, found: vec![Vec::new(); files.len()] };
    let long = || files.iter().filter_map(Heard::print).filter(|print| print.algorithm == ALGORITHM);
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
    let short = files.iter().filter_map(Heard::print).filter(|print| print.algorithm == SHORT_ALGORITHM);
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
    files: &'a [Heard<'a>],
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
                    .print()
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

    /// Of the matches that are whole files, last about as long and are not the file itself, the track of the best one.
    async fn tracks(self, snapshot: &Snapshot) -> Result<Vec<Option<(Id, f64)>>, ArchiveError> {
        let mut roots: Vec<BlobId> = self.found.iter().flatten().map(|found| found.root).collect();
        roots.sort_unstable();
        roots.dedup();
        let tracks = snapshot.tracks_of_roots(&roots).await?;
        let held = snapshot.files(&roots).await?;
        let best = |(file, found): (&Heard<'_>, &Vec<Match>)| {
            let lasts_as_long = |found: &&Match| {
                held.get(&found.root)
                    .is_some_and(|other| (other.duration_ms - file.duration_ms).abs() <= DURATION_SLACK_MS)
            };
            let track = |found: &Match| {
                let playing: Vec<Playing> = tracks.get(&found.root)?.iter().map(Playing::from).collect();
                Some((whole(&playing)?, found.score)).filter(|(track, _)| file.whole() != Some(*track))
            };
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
