//! Loudness by EBU R 128: integrated loudness (ITU-R BS.1770-4), loudness range (EBU Tech 3342) and true peak.
//!
//! This is code of our own because most of an ingest's time was spent here. The `ebur128` crate adds up the same samples
//! several times (four windows of 400 ms and three of 3 s cover each of them) and interpolates every one; here the energy of
//! each 100 ms is added up once, all windows are made of that, and sound that cannot exceed the peak is not interpolated. The
//! crate stays the judge in the tests, beside `ffmpeg`.

mod gate;
mod true_peak;
mod weighting;

use crate::Loudness;
use gate::{integrated_lufs, range_lu};
use true_peak::TruePeak;
use weighting::Weighting;

/// Windows overlap by multiples of this.
const STEPS_PER_SECOND: u32 = 10;
/// The rates and numbers of channels that are measured.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=2_822_400;
const MOST_CHANNELS: u32 = 64;

/// Measures while the sound passes.
pub(crate) struct Meter {
    channels: usize,
    weighting: Vec<Weighting>,
    /// Frames of the step that is being heard, and how many it has.
    frames: u32,
    of_step: u32,
    /// Sum of the squares of the step that is being heard.
    sum: f64,
    /// Mean square of each step, weighted and added up over the channels. Four bytes serve for 100 ms.
    steps: Vec<f32>,
    peak: TruePeak,
}

impl Meter {
    /// `None` where the sample rate or channel count is beyond the algorithm.
    pub(crate) fn new(rate: u32, channels: u32) -> Option<Self> {
        if !RATES.contains(&rate) || !(1..=MOST_CHANNELS).contains(&channels) {
            return None;
        }
        let channels = channels as usize;
        Some(Self {
            channels,
            weighting: Weighting::of_all(rate, channels),
            frames: 0,
            of_step: rate.div_ceil(STEPS_PER_SECOND),
            sum: 0.0,
            steps: Vec::new(),
            peak: TruePeak::new(rate, channels),
        })
    }

    /// Hears interleaved samples.
    pub(crate) fn hear(&mut self, samples: &[f32]) {
        self.peak.hear(samples);
        let mut rest = samples;
        while rest.len() >= self.channels {
            let frames = ((self.of_step - self.frames) as usize).min(rest.len() / self.channels);
            let (now, later) = rest.split_at(frames * self.channels);
            rest = later;
            self.sum += self.weighting.iter_mut().map(|pair| pair.energy(now, self.channels)).sum::<f64>();
            self.frames += frames as u32;
            if self.frames == self.of_step {
                self.steps.push((self.sum / f64::from(self.of_step)) as f32);
                (self.frames, self.sum) = (0, 0.0);
            }
        }
    }

    /// The measurements. What silence has none of is `None`.
    pub(crate) fn finish(self) -> Option<Loudness> {
        let true_peak = self.peak.finish();
        // A sample that is no number makes everything after it none.
        if self.steps.iter().any(|step| !step.is_finite()) || !true_peak.is_finite() {
            return None;
        }
        let integrated_lufs = integrated_lufs(&self.steps);
        let range_lu = range_lu(&self.steps).filter(|_| integrated_lufs.is_some());
        let true_peak_dbtp = (true_peak > 0.0).then(|| 20.0 * f64::from(true_peak).log10());
        Some(Loudness { integrated_lufs, range_lu, true_peak_dbtp })
    }
}

#[cfg(test)]
mod tests;
