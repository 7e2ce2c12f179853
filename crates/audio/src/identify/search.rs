//! From the values of a sound to the recordings that have it.

use std::cmp::Reverse;
use std::collections::HashMap;

use fonoteca_model::BlobId;
use serde::{Deserialize, Serialize};

use super::key::key;
use super::segment::Segment;
use super::verify::{Fit, Least, fit};
use super::{PHASES, STEP_MS, Sound, SoundIndexError};

/// Candidates of one segment that are compared: those that the most postings speak for.
const MAX_CANDIDATES: usize = 256;

/// Recordings that are told.
const MAX_FOUND: usize = 20;

/// A sound of fewer values than this (16 s) may have none of those that are posted equal to the last bit in a copy of it: what
/// differs from them by one bit or two is looked up, too.
const FEW_VALUES: usize = 128;

/// A recording that has the sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The blob whose fingerprint it is.
    pub root: BlobId,
    /// Where in it the sound begins, in milliseconds, to some 15 ms; negative where the sound begins earlier than the blob.
    pub offset_ms: i64,
    /// Ratio of equal bits, from [`IDENTIFIED_SCORE`](super::IDENTIFIED_SCORE) to 1.
    pub score: f64,
}

/// The recordings of these segments that have the sound, the best first.
pub(super) fn search(segments: &[Segment], sound: &Sound) -> Result<Vec<Found>, SoundIndexError> {
    let questions = questions(sound);
    let mut found: HashMap<BlobId, Found> = HashMap::new();
    for segment in segments {
        for (place, displacement) in candidates(segment, &questions)? {
            let recording = segment.recording_at(place)?;
            let Some(fit) = fit(segment, sound, Least::IDENTIFIED, recording, displacement)? else { continue };
            let root = segment.root(recording.number)?;
            let told = Found { root, offset_ms: offset_ms(fit, recording.start), score: fit.score };
            let best = found.entry(root).or_insert_with(|| told.clone());
            if told.score > best.score {
                *best = told;
            }
        }
    }
    let mut found: Vec<Found> = found.into_values().collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.root.cmp(&b.root)));
    found.truncate(MAX_FOUND);
    Ok(found)
}

/// The recordings of these segments that may be the same as one with this fingerprint.
pub(super) fn like(segments: &[Segment], sound: &Sound) -> Result<Vec<BlobId>, SoundIndexError> {
    let mut questions = questions(sound);
    if sound.phases()[0].len() < FEW_VALUES {
        let pairs = || (0..u32::BITS).flat_map(|one| (0..=one).map(move |other| 1 << one | 1 << other));
        let values = sound.phases()[0].iter().zip(0..);
        let beside = values.flat_map(|(value, at)| pairs().filter_map(move |bits: u32| Some((key(value ^ bits)?, at))));
        questions.extend(beside);
        questions.sort_unstable();
        questions.dedup();
    }
    let mut like = Vec::new();
    for segment in segments {
        for (place, displacement) in candidates(segment, &questions)? {
            let recording = segment.recording_at(place)?;
            if fit(segment, sound, Least::LIKE, recording, displacement)?.is_some() {
                like.push(segment.root(recording.number)?);
            }
        }
    }
    like.sort_unstable();
    like.dedup();
    Ok(like)
}

/// Keys to look up, in order, and where in the sound each one is; what several phases have at one place is asked once.
fn questions(sound: &Sound) -> Vec<(u32, u32)> {
    let of_phase = |values: &Vec<u32>| {
        let keyed = values.iter().zip(0..).filter_map(|(value, at)| Some((key(*value)?, at)));
        keyed.collect::<Vec<(u32, u32)>>()
    };
    let mut questions: Vec<(u32, u32)> = sound.phases().iter().flat_map(of_phase).collect();
    questions.sort_unstable();
    questions.dedup();
    questions
}

/// Places whose recordings may have the sound, each with where in the segment the sound would begin.
fn candidates(segment: &Segment, questions: &[(u32, u32)]) -> Result<Vec<(u32, i64)>, SoundIndexError> {
    // Where the sound would begin, and a place that says so.
    let mut votes: Vec<(i64, u32)> = Vec::new();
    let (mut read, mut bucket) = (None, Vec::new());
    for (key, at) in questions {
        let wanted = segment.layout.bucket(*key);
        if read != Some(wanted) {
            bucket = segment.bucket(wanted)?;
            read = Some(wanted);
        }
        let from = bucket.partition_point(|(found, _)| found < key);
        let same = bucket[from..].iter().take_while(|(found, _)| found == key);
        votes.extend(same.map(|(_, place)| (i64::from(*place) - i64::from(*at), *place)));
    }
    votes.sort_unstable();
    let mut candidates: Vec<(usize, u32, i64)> = Vec::new();
    let mut before: Option<(i64, usize)> = None;
    for agreeing in votes.chunk_by(|a, b| a.0 == b.0) {
        let (displacement, place) = agreeing[0];
        // A sound between two steps votes for both.
        let beside = before.filter(|(other, _)| other + 1 == displacement).map_or(0, |(_, count)| count);
        candidates.push((agreeing.len() + beside, place, displacement));
        before = Some((displacement, agreeing.len()));
    }
    candidates.sort_unstable_by_key(|(count, place, _)| (Reverse(*count), *place));
    candidates.truncate(MAX_CANDIDATES);
    Ok(candidates.into_iter().map(|(_, place, displacement)| (place, displacement)).collect())
}

fn offset_ms(fit: Fit, start: u64) -> i64 {
    let steps = (fit.displacement - start as i64) as f64 - fit.phase as f64 / PHASES as f64;
    (steps * STEP_MS).round() as i64
}
