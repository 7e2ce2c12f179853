//! Fingerprints of music that does not exist, the same in every run.
//!
//! A value of Chromaprint is what 16 filters say, four levels each in Gray code. Here each filter's level goes up or down
//! by one in a quarter of all steps and rather down than up: from one value to the next four bits change, as in music
//! (4.1 in 109 pieces), and values crowd together, so that two of them are equal once in 2^26 times and not in 2^32. One
//! recording in twenty begins with two seconds of silence.

use fonoteca_audio::identify::{PHASES, Sound};
use fonoteca_model::BlobId;

/// Values of two minutes.
const VALUES: usize = 948;
/// Values of ten seconds.
const EXCERPT: usize = 59;
/// What Chromaprint makes of silence.
const SILENCE: u32 = 627_964_279;
/// Share of wrong bits in each phase, the one that fits best first: as measured in noise at 10 dB.
const WRONG: [f64; PHASES] = [0.03, 0.06, 0.09, 0.06];

/// `SplitMix64` (Steele and others, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn of(number: u64, what: u64) -> Self {
        Self(Self(number ^ (what << 56)).next())
    }
}

pub fn root(number: u64) -> BlobId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    BlobId(bytes)
}

/// The fingerprint of one recording.
pub fn values(number: u64) -> Vec<u32> {
    let mut random = Random::of(number, 1);
    let start = random.next();
    // Both bits of the 16 levels, in Gray code: 00, 01, 11, 10.
    let (mut high, mut low) = (start as u16, (start >> 16) as u16);
    let silent = if start >> 60 == 0 { 16 } else { 0 };
    let mut values = vec![SILENCE; silent];
    while values.len() < VALUES {
        let (a, b) = (random.next(), random.next());
        let moves = a as u16 & (a >> 16) as u16;
        let up = moves & (a >> 32) as u16 & ((a >> 48) as u16 | b as u16);
        let down = moves & !up;
        let (above, below) = ((high | low, !high), (high & !low, high));
        let (before_high, before_low) = (high, low);
        high = (above.0 & up) | (below.0 & down) | (before_high & !moves);
        low = (above.1 & up) | (below.1 & down) | (before_low & !moves);
        values.push(u32::from(high) << 16 | u32::from(low));
    }
    values
}

/// Ten seconds of a recording, heard with noise.
pub fn excerpt(number: u64) -> Sound {
    let values = values(number);
    let mut random = Random::of(number, 2);
    let from = (random.next() % (VALUES - EXCERPT) as u64) as usize;
    let first = random.next() as usize;
    let phases = (0..PHASES).map(|phase| {
        let least = (WRONG[(phase + first) % PHASES] * 65_536.0) as u64;
        let mut heard = |value: &u32| {
            let mut wrong = 0;
            for _ in 0..8 {
                let four = random.next();
                for bit in 0..4 {
                    wrong = wrong << 1 | u32::from((four >> (16 * bit) & 0xffff) < least);
                }
            }
            value ^ wrong
        };
        values[from..from + EXCERPT].iter().map(&mut heard).collect()
    });
    Sound::new(phases.collect()).expect("ten seconds are enough")
}
