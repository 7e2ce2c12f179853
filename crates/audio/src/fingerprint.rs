//! Chromaprint of a file's first two minutes, as AcoustID and `fpcalc` compute it.

use rusty_chromaprint::{Configuration, Fingerprinter};

use crate::Fingerprint;
use crate::identify::PHASES;

/// What computes the fingerprints: the algorithm and its implementation.
pub const FINGERPRINT_VERSION: &str = "chromaprint-1/rusty-0.3";

/// What computes the fingerprints of short sound.
pub const SHORT_FINGERPRINT_VERSION: &str = "chromaprint-1-step341/rusty-0.3";

/// [`Fingerprint::algorithm`] of the default algorithm, the one that AcoustID uses.
pub const ALGORITHM: i32 = 1;

/// [`Fingerprint::algorithm`] of short sound: the default algorithm with a quarter of its step, 30.9 ms. It is known only
/// here, and compared only with its like.
pub const SHORT_ALGORITHM: i32 = 1001;

/// Sound shorter than this, in milliseconds, gets a fingerprint by [`SHORT_ALGORITHM`]: the default one would have too few
/// values to tell, or none at all below 2.6 s.
pub const SHORT_BELOW_MS: i64 = 7_000;

/// How much of the beginning is fingerprinted, as `fpcalc` does by default.
const SECONDS: u64 = 120;
/// Chromaprint's window, in samples of [`CHROMA_RATE`].
const FRAME_SIZE: usize = 4096;
/// The sample rate that Chromaprint works at, in Hz.
pub(crate) const CHROMA_RATE: u32 = 11_025;
/// Chromaprint's step, a third of its window, in samples of [`CHROMA_RATE`].
pub(crate) const STEP_SAMPLES: u32 = 1_365;

/// Takes samples until it has heard enough.
pub(crate) struct Printer {
    fingerprinter: Fingerprinter,
    rate: u32,
    channels: usize,
    frames: u64,
    samples: Vec<i16>,
    /// The first seconds in mono, in case no more follow.
    beginning: Vec<i16>,
}

impl Printer {
    /// `None` where the sample rate or channel count is beyond the algorithm.
    pub(crate) fn new(rate: u32, channels: u32) -> Option<Self> {
        let mut fingerprinter = Fingerprinter::new(&Configuration::preset_test2());
        fingerprinter.start(rate, channels).ok()?;
        let (samples, beginning) = (Vec::new(), Vec::new());
        Some(Self { fingerprinter, rate, channels: channels as usize, frames: 0, samples, beginning })
    }

    /// Hears interleaved samples.
    pub(crate) fn hear(&mut self, samples: &[f32]) {
        let wanted = (SECONDS * u64::from(self.rate)).saturating_sub(self.frames) as usize;
        let frames = (samples.len() / self.channels).min(wanted);
        if frames == 0 {
            return;
        }
        self.samples.clear();
        self.samples.extend(samples[..frames * self.channels].iter().map(|sample| whole(*sample)));
        if self.is_short() {
            self.beginning.extend(self.samples.chunks_exact(self.channels).map(mono));
        } else if !self.beginning.is_empty() {
            self.beginning = Vec::new();
        }
        self.fingerprinter.consume(&self.samples);
        self.frames += frames as u64;
    }

    /// The fingerprint, unless there was too little sound for a single value.
    pub(crate) fn finish(mut self) -> Option<Fingerprint> {
        let (algorithm, version) = if self.is_short() {
            (SHORT_ALGORITHM, SHORT_FINGERPRINT_VERSION)
        } else {
            (ALGORITHM, FINGERPRINT_VERSION)
        };
        if self.is_short() {
            let fine = Configuration::preset_test2().with_frame_overlap(FRAME_SIZE - FRAME_SIZE / 12);
            self.fingerprinter = Fingerprinter::new(&fine);
            self.fingerprinter.start(self.rate, 1).ok()?;
            self.fingerprinter.consume(&self.beginning);
        }
        self.fingerprinter.finish();
        let values = self.fingerprinter.fingerprint().to_vec();
        let duration_ms = self.heard_ms();
        (!values.is_empty()).then_some(Fingerprint { algorithm, version, duration_ms, values })
    }

    fn heard_ms(&self) -> i64 {
        (self.frames * 1000 / u64::from(self.rate.max(1))) as i64
    }

    fn is_short(&self) -> bool {
        self.heard_ms() < SHORT_BELOW_MS
    }
}

fn whole(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

fn mono(frame: &[i16]) -> i16 {
    (frame.iter().map(|sample| i64::from(*sample)).sum::<i64>() / frame.len() as i64) as i16
}

/// Fingerprints of one sound that begin a part of a step after each other, all by [`ALGORITHM`].
pub(crate) struct Phases {
    /// Each with the samples that it has still to leave out.
    fingerprinters: Vec<(Fingerprinter, usize)>,
    left: usize,
    mono: Vec<i16>,
}

impl Phases {
    /// `None` where the sample rate is beyond the algorithm.
    pub(crate) fn new(rate: u32) -> Option<Self> {
        let step = f64::from(STEP_SAMPLES) * f64::from(rate) / f64::from(CHROMA_RATE);
        let begin = |phase: usize| {
            let mut fingerprinter = Fingerprinter::new(&Configuration::preset_test2());
            fingerprinter.start(rate, 1).ok()?;
            Some((fingerprinter, (step * phase as f64 / PHASES as f64).round() as usize))
        };
        let left = SECONDS as usize * rate as usize;
        Some(Self { fingerprinters: (0..PHASES).map(begin).collect::<Option<_>>()?, left, mono: Vec::new() })
    }

    /// Hears interleaved samples; whether more are wanted.
    pub(crate) fn hear(&mut self, samples: &[f32], channels: usize) -> bool {
        self.mono.clear();
        let mut frame = Vec::with_capacity(channels);
        for samples in samples.chunks_exact(channels).take(self.left) {
            frame.clear();
            frame.extend(samples.iter().map(|sample| whole(*sample)));
            self.mono.push(mono(&frame));
        }
        self.left -= self.mono.len();
        for (fingerprinter, skip) in &mut self.fingerprinters {
            let skipped = (*skip).min(self.mono.len());
            *skip -= skipped;
            if skipped < self.mono.len() {
                fingerprinter.consume(&self.mono[skipped..]);
            }
        }
        self.left > 0
    }

    /// The values of each, in the order of their beginnings.
    pub(crate) fn finish(self) -> Vec<Vec<u32>> {
        let finish = |(mut fingerprinter, _): (Fingerprinter, usize)| {
            fingerprinter.finish();
            fingerprinter.fingerprint().to_vec()
        };
        self.fingerprinters.into_iter().map(finish).collect()
    }
}
