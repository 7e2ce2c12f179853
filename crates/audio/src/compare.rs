//! Whether two fingerprints are of one recording.

use std::collections::HashSet;

use crate::Fingerprint;
use crate::fingerprint::{SHORT_ALGORITHM, SHORT_BELOW_MS};

/// How far two fingerprints are moved against each other, in frames of 123.8 ms to either side: about ten seconds, which
/// covers encoder delays and another silence at the beginning.
pub const WINDOW_FRAMES: i32 = 80;

/// Fewest frames that must overlap for an alignment to count: four seconds. Less agrees by chance too often.
pub const MIN_OVERLAP_FRAMES: usize = 32;

/// Sound shorter than this, in milliseconds, is never joined: its fingerprint has too few values to tell.
pub const MIN_SAME_RECORDING_MS: i64 = 2_500;

/// Ratio of equal bits from which two recordings are one. See [`is_same_recording`] for where it comes from.
pub const SAME_RECORDING_SCORE: f64 = 0.80;

/// The same for sound shorter than [`SHORT_BELOW_MS`].
pub const SHORT_SAME_RECORDING_SCORE: f64 = 0.75;

/// Most by which the fingerprinted parts of one recording may differ in length, in milliseconds.
const MAX_DIFFERENCE_MS: i64 = 8_000;

/// The same for short sound: encoders' delay and padding.
const SHORT_MAX_DIFFERENCE_MS: i64 = 250;

/// How far short sound is moved, in frames of 30.9 ms to either side: encoders' delay. A wider window would make a short
/// overlap of two short sounds agree by chance.
const SHORT_WINDOW_FRAMES: i32 = 4;

/// Least agreement beyond chance: Cohen's kappa of the bits, given how often each of the 32 is set in either fingerprint.
/// Noise, rain and applause set some bits nearly always, so that any two of them agree in over 0.85 of all bits, but by
/// 0.32 at most beyond chance; one recording in two encodings by 0.55 at least, mostly by over 0.8.
pub const LEAST_BEYOND_CHANCE: f64 = 0.42;

/// Fewest different values that each of two fingerprints needs. Silence and steady tones repeat a few values, and so agree
/// with any other silence or tone.
pub(crate) const MIN_DISTINCT_VALUES: usize = 16;

/// How two fingerprints fit at their best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Ratio of equal bits where they overlap, 0 to 1; 0 where they never overlap enough. Random bits score 0.5.
    pub score: f64,
    /// Frames by which the second one starts later in the recording than the first.
    pub offset_frames: i32,
    /// Frames that overlap at that offset.
    pub overlap_frames: usize,
}

/// The best alignment of two fingerprints within [`WINDOW_FRAMES`], of at least [`MIN_OVERLAP_FRAMES`] and at least half
/// of the shorter one.
pub fn compare(a: &[u32], b: &[u32]) -> Match {
    best_within(a, b, WINDOW_FRAMES)
}

/// The best alignment within so many frames to either side.
fn best_within(a: &[u32], b: &[u32], window_frames: i32) -> Match {
    let least = MIN_OVERLAP_FRAMES.max(a.len().min(b.len()) / 2);
    let mut best = Match { score: 0.0, offset_frames: 0, overlap_frames: 0 };
    // From the middle outwards, so that the smallest of equally good offsets is found first.
    for offset in (0..=window_frames).flat_map(|offset| [offset, -offset]) {
        let skip = offset.unsigned_abs() as usize;
        let (left, right) = if offset >= 0 { (a.get(skip..), Some(b)) } else { (Some(a), b.get(skip..)) };
        let (Some(left), Some(right)) = (left, right) else { continue };
        let overlap = left.len().min(right.len());
        if overlap < least {
            continue;
        }
        let different: u32 = left.iter().zip(right).map(|(left, right)| (left ^ right).count_ones()).sum();
        let score = 1.0 - f64::from(different) / (overlap as f64 * 32.0);
        if score > best.score {
            best = Match { score, offset_frames: offset, overlap_frames: overlap };
        }
    }
    best
}

/// The score if two fingerprints are of one recording, otherwise `None`.
///
/// They are when they are of the same algorithm, both cover at least [`MIN_SAME_RECORDING_MS`], differ in length by at
/// most eight seconds (short sound: a quarter of a second), are not of silence or a steady tone, and fit with at least
/// [`SAME_RECORDING_SCORE`] (short sound: [`SHORT_SAME_RECORDING_SCORE`] without being moved by more than 124 ms), of which
/// [`LEAST_BEYOND_CHANCE`] is more than chance.
///
/// The thresholds lie between what was measured on both sides:
/// - 60 files re-encoded in five formats: the same recording at least 0.916, two recordings 0.59 at the 99th percentile.
/// - The librosa recordings of 7 s and more, each in 44.1 kHz stereo and in 22 kHz mono: the same recording at least
///   0.924, two recordings at most 0.610.
/// - Pieces of 2.1, 3 and 5 s of them, which are short sound: the same piece at least 0.793; pieces of two recordings at
///   most 0.681 from 3 s on and 0.770 at 2.1 s, among 31,852 comparisons. The two whole recordings that are short (2.7 and
///   5.3 s) reach 0.803 and 0.976.
pub fn is_same_recording(a: &Fingerprint, b: &Fingerprint) -> Option<f64> {
    let (window_frames, difference_ms, least_score) = if a.algorithm == SHORT_ALGORITHM {
        (SHORT_WINDOW_FRAMES, SHORT_MAX_DIFFERENCE_MS, SHORT_SAME_RECORDING_SCORE)
    } else {
        (WINDOW_FRAMES, MAX_DIFFERENCE_MS, SAME_RECORDING_SCORE)
    };
    let least_ms = if a.algorithm == SHORT_ALGORITHM { MIN_SAME_RECORDING_MS } else { SHORT_BELOW_MS };
    let comparable = a.algorithm == b.algorithm
        && a.duration_ms.min(b.duration_ms) >= least_ms
        && (a.duration_ms - b.duration_ms).abs() <= difference_ms
        && distinct(&a.values) >= MIN_DISTINCT_VALUES
        && distinct(&b.values) >= MIN_DISTINCT_VALUES;
    if !comparable {
        return None;
    }
    let best = best_within(&a.values, &b.values, window_frames);
    (best.score >= least_score && beyond_chance(&a.values, &b.values, best) >= LEAST_BEYOND_CHANCE)
        .then_some(best.score)
}

/// Cohen's kappa of the bits where two fingerprints overlap: 1 for equal ones, 0 for what chance alone would give.
pub(crate) fn beyond_chance(a: &[u32], b: &[u32], best: Match) -> f64 {
    let skip = best.offset_frames.unsigned_abs() as usize;
    let (from_a, from_b) = if best.offset_frames >= 0 { (skip, 0) } else { (0, skip) };
    let share = |values: &[u32], from: usize, bit: u32| {
        let set = values[from..][..best.overlap_frames].iter().filter(|value| *value >> bit & 1 == 1).count();
        set as f64 / best.overlap_frames as f64
    };
    let of_bit = |bit| {
        let (in_a, in_b) = (share(a, from_a, bit), share(b, from_b, bit));
        in_a * in_b + (1.0 - in_a) * (1.0 - in_b)
    };
    let chance = (0..u32::BITS).map(of_bit).sum::<f64>() / f64::from(u32::BITS);
    if chance < 1.0 { (best.score - chance) / (1.0 - chance) } else { 0.0 }
}

fn distinct(values: &[u32]) -> usize {
    values.iter().collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn print(values: Vec<u32>, duration_ms: i64) -> Fingerprint {
        Fingerprint { algorithm: 1, version: crate::FINGERPRINT_VERSION, duration_ms, values }
    }

    /// Values that look random but are the same in every run.
    fn noise(seed: u32, count: usize) -> Vec<u32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state ^ (state >> 13)
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    proptest! {
        #[test]
        fn a_moved_copy_is_found_where_it_was_moved(shift in 0_usize..=80, seed: u32) {
            let whole = noise(seed, 300);
            let found = compare(&whole, &whole[shift..]);
            prop_assert_eq!(found.offset_frames, shift as i32);
            prop_assert!((found.score - 1.0).abs() < 1e-12);
            let found = compare(&whole[shift..], &whole);
            prop_assert_eq!(found.offset_frames, -(shift as i32));
        }

        #[test]
        fn scores_stay_between_none_and_one(a: Vec<u32>, b: Vec<u32>) {
            let found = compare(&a, &b);
            prop_assert!((0.0..=1.0).contains(&found.score));
            prop_assert!((found.score - compare(&b, &a).score).abs() < 1e-12);
        }
    }

    #[test]
    fn beyond_the_window_nothing_is_found() {
        let whole = noise(7, 300);
        assert!(compare(&whole, &whole[81..]).score < 0.6);
        assert_eq!(compare(&whole[..31], &whole[..31]).overlap_frames, 0);
    }

    #[test]
    fn what_is_never_joined() {
        let values = noise(3, 200);
        let long = print(values.clone(), 25_000);
        assert_eq!(is_same_recording(&long, &long), Some(1.0));
        assert_eq!(is_same_recording(&print(values.clone(), 6_999), &print(values.clone(), 6_999)), None);
        assert_eq!(is_same_recording(&long, &print(values.clone(), 33_001)), None);
        let other = Fingerprint { algorithm: 2, ..long.clone() };
        assert_eq!(is_same_recording(&long, &other), None);
        let short = |duration_ms| Fingerprint { algorithm: SHORT_ALGORITHM, ..print(values.clone(), duration_ms) };
        assert_eq!(is_same_recording(&short(2_500), &short(2_750)), Some(1.0));
        assert_eq!(is_same_recording(&short(2_499), &short(2_600)), None);
        assert_eq!(is_same_recording(&short(2_500), &short(2_751)), None);
        assert_eq!(is_same_recording(&short(6_999), &long), None);
        let silence = print(vec![627_964_279; 200], 25_000);
        assert_eq!(is_same_recording(&silence, &silence), None);
    }

    #[test]
    fn noise_that_sets_the_same_bits_by_chance_is_not_one_recording() {
        // Three of four bits are set nearly always, as those of steady noise are.
        let steady = |seed| {
            let (often, mixed) = (noise(seed, 200), noise(seed + 99, 200));
            let value = |(often, mixed): (&u32, &u32)| {
                (often | often << 7 | often << 13 | often << 19 | 0xffff) & (mixed | 0x00ff_ffff)
            };
            print(often.iter().zip(&mixed).map(value).collect(), 25_000)
        };
        let (one, other) = (steady(1), steady(2));
        assert!(compare(&one.values, &other.values).score >= SAME_RECORDING_SCORE);
        assert_eq!(is_same_recording(&one, &other), None);
        assert_eq!(is_same_recording(&one, &one), Some(1.0));
    }
}
