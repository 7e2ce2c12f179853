//! Whether two pieces of audio are the same sound, judged by their samples: a judge that knows nothing of fingerprints.
//!
//! A corpus of real music has the same sound in several files: a theme and a longer one that is
//! made of it, a piece in two packages. To name one of them for the other is right, whatever the file is called.

use std::path::Path;
use std::process::Command;

use crate::Outcome;

const RATE: usize = 8_000;
/// How far from where it was said to be the sound may begin: decoders differ in what they leave out at the beginning.
const AROUND: usize = RATE * 3 / 10;
/// The same sound in noise at 10 dB correlates with 0.95 to itself, two different takes of a song hardly at all.
const SAME: f64 = 0.8;

/// Whether `excerpt` is what `file` sounds like from `offset_ms` on.
pub fn is_same(excerpt: &Path, file: &Path, offset_ms: i64) -> Outcome<bool> {
    let excerpt = samples(excerpt)?;
    let begin = offset_ms * RATE as i64 / 1000 - AROUND as i64;
    let whole = samples(file)?;
    // Silence where the sound was said to begin before the file, or ends after it.
    let at = |number: usize| usize::try_from(begin + number as i64).ok().and_then(|at| whole.get(at)).copied();
    let around: Vec<f32> = (0..excerpt.len() + 2 * AROUND).map(|number| at(number).unwrap_or(0.0)).collect();
    let best = (0..=2 * AROUND).map(|lag| correlation(&excerpt, &around[lag..lag + excerpt.len()])).fold(0.0, f64::max);
    Ok(best >= SAME)
}

/// The cosine of the angle between two sounds of the same length, from -1 to 1.
fn correlation(one: &[f32], other: &[f32]) -> f64 {
    // Eight sums at once, which the processor adds in one step.
    let product = |one: &[f32], other: &[f32]| {
        let mut sums = [0.0_f32; 8];
        for (one, other) in one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0) {
            for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
                *sum += one * other;
            }
        }
        f64::from(sums.iter().sum::<f32>())
    };
    let power = product(one, one) * product(other, other);
    if power > 0.0 { product(one, other) / power.sqrt() } else { 0.0 }
}

/// The first minutes of a file, in one channel.
fn samples(file: &Path) -> Outcome<Vec<f32>> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-t", "180", "-i"]).arg(file);
    let decoded =
        ffmpeg.args(["-map", "0:a:0", "-ar", &RATE.to_string(), "-ac", "1", "-f", "f32le", "-"]).output()?.stdout;
    Ok(decoded.as_chunks::<4>().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect())
}
