//! Which of several copies of one recording is the best one: a stated order, and nothing but facts that were stored.

use crate::{Analysis, State, codec};

/// What decides between copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Whether the file arrived whole.
    pub state: State,
    /// The coding, as [`Analysis::codec`] names it.
    pub codec: String,
    /// Mean bit rate in bit/s.
    pub bit_rate: Option<i64>,
    /// Samples a second and channel, in Hz.
    pub sample_rate: i32,
    /// Number of channels.
    pub channels: i32,
    /// Bits a sample of lossless coding.
    pub bit_depth: Option<i32>,
    /// Length in milliseconds.
    pub duration_ms: i64,
    /// [`Disguise::cutoff_hz`](crate::Disguise::cutoff_hz), where lossless coding holds what was lossy before.
    pub cutoff_hz: Option<i32>,
    /// Samples in clipped runs.
    pub clipped_samples: u64,
}

impl Quality {
    /// What decides, out of all that one pass told.
    pub fn of(facts: &Analysis) -> Self {
        let checks = facts.checks.as_ref();
        Self {
            state: facts.state.clone(),
            codec: facts.codec.clone(),
            bit_rate: facts.bit_rate,
            sample_rate: facts.sample_rate,
            channels: facts.channels,
            bit_depth: facts.bit_depth,
            duration_ms: facts.duration_ms,
            cutoff_hz: checks.and_then(|checks| checks.disguise).map(|disguise| disguise.cutoff_hz),
            clipped_samples: checks.map_or(0, |checks| checks.clipped_samples),
        }
    }

    /// Whether every bit of the recording is there, as far as can be told. Lossy modes of WavPack have no bit depth.
    pub fn is_lossless(&self) -> bool {
        self.cutoff_hz.is_none() && self.bit_depth.is_some() && codec::is_lossless_name(&self.codec)
    }

    /// The bit rate of the MP3 file that sounds about the same, in bit/s.
    ///
    /// Of what was lossy before, about the one at whose bit rate LAME cuts off there. Both these
    /// and the factors of the codings are judgements, not measured here.
    fn as_mp3(&self) -> i64 {
        if let Some(cutoff) = self.cutoff_hz {
            return match cutoff {
                ..16_000 => 96_000,
                16_000..17_300 => 128_000,
                17_300..18_400 => 160_000,
                18_400..19_400 => 192_000,
                19_400..20_000 => 256_000,
                _ => 320_000,
            };
        }
        let percent = match self.codec.as_str() {
            "opus" => 140,
            "aac" => 130,
            "vorbis" | "musepack" => 125,
            "mp2" => 70,
            "mp1" => 60,
            _ => 100,
        };
        self.bit_rate.unwrap_or(0).max(0).saturating_mul(percent) / 100
    }
}

/// The places of the copies, the best one first; equals stay as they are.
///
/// In this order: what is not malformed; what is not cut short (by more than 3 s and 2 % against the longest such copy);
/// lossless before lossy, where lossless coding of a lossy source is lossy; stereo before mono; lossless: more bits a
/// sample, then more samples a second; lossy: the higher bit rate, weighed by coding; fewer clipped samples; what is proved
/// whole before what nothing proves.
pub fn best_first(copies: &[Quality]) -> Vec<usize> {
    let is_intact = |copy: &Quality| !matches!(copy.state, State::Malformed { .. });
    let longest = copies.iter().filter(|copy| is_intact(copy)).map(|copy| copy.duration_ms).max().unwrap_or(0);
    let is_complete = |copy: &Quality| {
        let missing = longest.saturating_sub(copy.duration_ms);
        missing <= 3_000 || missing <= longest / 50
    };
    let compare = |one: &Quality, other: &Quality| {
        let both = |key: &dyn Fn(&Quality) -> i64| key(one).cmp(&key(other));
        both(&|copy| is_intact(copy).into())
            .then_with(|| both(&|copy| is_complete(copy).into()))
            .then_with(|| both(&|copy| copy.is_lossless().into()))
            .then_with(|| both(&|copy| copy.channels.min(2).into()))
            .then_with(|| {
                if one.is_lossless() {
                    both(&|copy| copy.bit_depth.unwrap_or(0).into()).then_with(|| both(&|copy| copy.sample_rate.into()))
                } else {
                    both(&Quality::as_mp3)
                }
            })
            .then_with(|| other.clipped_samples.cmp(&one.clipped_samples))
            .then_with(|| both(&|copy| (copy.state == State::Sound).into()))
    };
    let mut places: Vec<usize> = (0..copies.len()).collect();
    places.sort_by(|one, other| compare(&copies[*other], &copies[*one]));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(codec: &str, kbps: i64) -> Quality {
        Quality {
            state: State::Sound,
            codec: codec.into(),
            bit_rate: Some(kbps * 1000),
            sample_rate: 44_100,
            channels: 2,
            bit_depth: codec::is_lossless_name(codec).then_some(16),
            duration_ms: 200_000,
            cutoff_hz: None,
            clipped_samples: 0,
        }
    }

    #[test]
    fn copies_from_worst_to_best() {
        let broken = State::Malformed { reason: "cut".into() };
        let unproven = State::Unprovable { reason: "no Xing frame".into() };
        let order = [
            Quality { state: broken, bit_depth: Some(24), ..copy("flac", 3_000) },
            Quality { duration_ms: 30_000, ..copy("flac", 900) },
            Quality { channels: 1, ..copy("mp3", 320) },
            copy("mp2", 160),
            copy("mp3", 128),
            Quality { cutoff_hz: Some(19_100), ..copy("flac", 900) },
            copy("opus", 160),
            Quality { state: unproven, ..copy("mp3", 320) },
            copy("mp3", 320),
            Quality { channels: 1, ..copy("flac", 400) },
            Quality { clipped_samples: 90, ..copy("alac", 900) },
            copy("flac", 800),
            Quality { sample_rate: 96_000, ..copy("pcm_s16le", 3_000) },
            Quality { bit_depth: Some(24), ..copy("flac", 1_600) },
        ];
        for (worse, pair) in order.windows(2).enumerate() {
            assert_eq!(best_first(pair), [1, 0], "{worse}: {pair:?}");
            assert_eq!(best_first(&[pair[1].clone(), pair[0].clone()]), [0, 1], "{worse}: {pair:?}");
        }
        assert_eq!(best_first(&order)[0], order.len() - 1);
        assert_eq!(best_first(&[copy("flac", 800), copy("flac", 900)]), [0, 1], "equals stay");
    }
}
