//! Whether a sound is in a recording at some place: bit by bit, on the values that the index keeps.

use std::collections::HashSet;

use super::segment::{Recording, Segment};
use super::{IDENTIFIED_SCORE, LIKE_BEYOND_CHANCE, LIKE_SCORE, MIN_OVERLAP, STRIDE, Sound, SoundIndexError};
use crate::LEAST_BEYOND_CHANCE;
use crate::compare::{MIN_DISTINCT_VALUES, Match, beyond_chance};

/// How a sound lies in a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    /// Ratio of equal bits.
    pub score: f64,
    /// The place where the sound begins, by the steps of the phase; before 0 where it begins before the first recording.
    pub displacement: i64,
    /// The phase that fits best.
    pub phase: usize,
}

/// How well a sound must fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Least {
    score: f64,
    beyond_chance: f64,
}

impl Least {
    /// So that it is told.
    pub(super) const IDENTIFIED: Self = Self { score: IDENTIFIED_SCORE, beyond_chance: LEAST_BEYOND_CHANCE };
    /// So that it is looked at with all its values.
    pub(super) const LIKE: Self = Self { score: LIKE_SCORE, beyond_chance: LIKE_BEYOND_CHANCE };
}

/// The best fit at a displacement or one step beside it, if it is good enough.
pub(super) fn fit(
    segment: &Segment,
    sound: &Sound,
    least: Least,
    recording: Recording,
    displacement: i64,
) -> Result<Option<Fit>, SoundIndexError> {
    let longest = sound.phases().iter().map(Vec::len).max().unwrap_or(0) as i64;
    let (start, end) = (recording.start as i64, recording.end as i64);
    // All kept values that any phase could meet, read at once.
    let stride = STRIDE as i64;
    let from = start.max(displacement - 1).div_euclid(stride);
    let to = (end.min(displacement + 1 + longest) + stride - 1).div_euclid(stride);
    if from >= to {
        return Ok(None);
    }
    let kept = segment.values(from as u32, to as u32)?;
    let mut best: Option<(Fit, Vec<u32>, Vec<u32>)> = None;
    for (phase, values) in sound.phases().iter().enumerate() {
        if values.iter().collect::<HashSet<_>>().len() < MIN_DISTINCT_VALUES {
            continue;
        }
        let overlap = MIN_OVERLAP.max((values.len() as i64).min(end - start) as usize / 2) / STRIDE;
        for displacement in [displacement, displacement - 1, displacement + 1] {
            let met = |(kept, number): (&u32, i64)| {
                let at = usize::try_from(number * stride - displacement).ok()?;
                Some((*kept, *values.get(at)?))
            };
            let (ours, theirs): (Vec<u32>, Vec<u32>) = kept.iter().zip(from..).filter_map(met).unzip();
            if ours.len() < overlap {
                continue;
            }
            let different: u32 = ours.iter().zip(&theirs).map(|(ours, theirs)| (ours ^ theirs).count_ones()).sum();
            let score = 1.0 - f64::from(different) / (ours.len() as f64 * f64::from(u32::BITS));
            if score >= least.score && best.as_ref().is_none_or(|(best, ..)| score > best.score) {
                best = Some((Fit { score, displacement, phase }, ours, theirs));
            }
        }
    }
    Ok(best.and_then(|(fit, ours, theirs)| {
        let overlap = Match { score: fit.score, offset_frames: 0, overlap_frames: ours.len() };
        (beyond_chance(&ours, &theirs, overlap) >= least.beyond_chance).then_some(fit)
    }))
}
