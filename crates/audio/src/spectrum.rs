//! Whether lossless coding holds what came from a lossy one: lossy coders cut the treble off within a few MDCT lines, and
//! leave nothing above but the rounding of samples. No microphone, converter or tape does that below 20 kHz.
//!
//! Bands of about 90 Hz are looked at in windows of 93 ms, half a second apart. Of each band the level counts that one window
//! in five exceeds: music reaches its highest tones only at times, and a few clipped windows do not hide the cut. An edge
//! is sharp where the quietest of the eight bands below it stands [`LEAST_STEP_DB`] above the loudest of all bands that lie
//! 500 Hz or more above it. The limits were set on files whose history is known (`docs/design/audio.md` has the figures);
//! `tests/it/disguise.rs` measures precision and recall.

use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use serde::{Deserialize, Serialize};

/// Least height of an edge, in dB.
const LEAST_STEP_DB: f32 = 15.0;
/// The bands below the edge may not stand further above their own neighbours below than this: that would be one tone.
const MOST_PEAK_DB: f32 = 12.0;
/// Edges are looked for from here, in Hz; lower ones are old records and voices ...
const LOWEST_HZ: f32 = 10_000.0;
/// ... to here, where LAME cuts for 320 kbit/s; converters of sample rates begin to fall about here and take 2 kHz.
const HIGHEST_HZ: f32 = 20_200.0;
/// Nothing above this is looked at: high-resolution converters have noise of their own there.
const TOP_HZ: f32 = 24_000.0;
/// Lines of the transform in a band.
const LINES: usize = 8;
/// Bands below an edge, and bands over which it falls.
const BELOW: usize = 8;
const FALL: usize = 6;
/// Windows that are looked at: at first eight a second, then two, to eight and a half minutes.
const DENSE_WINDOWS: usize = 64;
const MAX_WINDOWS: usize = 1_024;
/// Fewer loud ones tell nothing.
const MIN_WINDOWS: usize = 16;
/// A window whose lines add up to less than this, in dB of full scale, is too quiet to have treble.
const QUIET_DB: f32 = -60.0;
/// The lowest sample rate whose treble tells anything.
const MIN_RATE: u32 = 40_000;

/// Signs that lossless coding holds what came from a lossy one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Disguise {
    /// Where the sound is cut off, in Hz.
    pub cutoff_hz: i32,
    /// By how much it falls there within 500 Hz, in dB.
    pub step_db: f64,
}

impl Disguise {
    /// What this means, in a sentence.
    pub fn sentence(&self) -> String {
        format!(
            "the sound is cut off at {:.1} kHz (by {:.0} dB), as by a lossy coder: it was probably not lossless before",
            f64::from(self.cutoff_hz) / 1000.0,
            self.step_db
        )
    }
}

/// Takes windows out of the sound that passes.
pub(crate) struct Spectrum {
    rate: u32,
    channels: usize,
    transform: Arc<dyn RealToComplex<f32>>,
    shape: Vec<f32>,
    /// The window that is being filled, in mono.
    window: Vec<f32>,
    /// Frames to pass over before the next one.
    wait: usize,
    lines: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The first band that is kept, and how many are.
    first: usize,
    bands: usize,
    /// Levels in dB, `bands` of them a loud window.
    levels: Vec<f32>,
    windows: usize,
}

impl Spectrum {
    /// `None` where the sample rate is too low for treble or beyond any music.
    pub(crate) fn new(rate: u32, channels: u32) -> Option<Self> {
        if !(MIN_RATE..=400_000).contains(&rate) || channels == 0 {
            return None;
        }
        let length = 4_096 << (rate / 50_000).checked_ilog2().map_or(0, |twofold| twofold + 1).min(3);
        let transform = RealFftPlanner::new().plan_fft_forward(length);
        let hann = |at: usize| 0.5 - 0.5 * (std::f32::consts::TAU * at as f32 / length as f32).cos();
        let width = rate as f32 / length as f32 * LINES as f32;
        let first = (LOWEST_HZ / width) as usize - 2 * BELOW;
        let top = TOP_HZ.min(rate as f32 / 2.0 - 250.0);
        Some(Self {
            rate,
            channels: channels as usize,
            shape: (0..length).map(|at| hann(at) * 2.0 / length as f32).collect(),
            window: Vec::with_capacity(length),
            wait: 0,
            lines: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            transform,
            first,
            bands: (top / width) as usize - first,
            levels: Vec::new(),
            windows: 0,
        })
    }

    /// Hears interleaved samples.
    pub(crate) fn hear(&mut self, samples: &[f32]) {
        let mut rest = samples;
        while rest.len() >= self.channels && self.windows < MAX_WINDOWS {
            let frames = rest.len() / self.channels;
            if self.wait > 0 {
                let passed = self.wait.min(frames);
                self.wait -= passed;
                rest = &rest[passed * self.channels..];
                continue;
            }
            let taken = (self.shape.len() - self.window.len()).min(frames);
            let (now, later) = rest.split_at(taken * self.channels);
            rest = later;
            let scale = 1.0 / self.channels as f32;
            self.window.extend(now.chunks_exact(self.channels).map(|frame| frame.iter().sum::<f32>() * scale));
            if self.window.len() == self.shape.len() {
                self.transform();
            }
        }
    }

    fn transform(&mut self) {
        self.windows += 1;
        let apart = if self.windows < DENSE_WINDOWS { self.rate / 8 } else { self.rate / 2 };
        self.wait = (apart as usize).saturating_sub(self.shape.len());
        self.window.iter_mut().zip(&self.shape).for_each(|(sample, weight)| *sample *= weight);
        // It fails only for buffers of another length than its own.
        let done = self.transform.process_with_scratch(&mut self.window, &mut self.lines, &mut self.scratch);
        self.window.clear();
        let power: f32 = self.lines.iter().map(Complex::norm_sqr).sum::<f32>() / LINES as f32;
        if done.is_err() || decibels(power) < QUIET_DB || !power.is_finite() {
            return;
        }
        let bands = self.lines.chunks_exact(LINES).skip(self.first).take(self.bands);
        self.levels
            .extend(bands.map(|lines| decibels(lines.iter().map(Complex::norm_sqr).sum::<f32>() / LINES as f32)));
    }

    /// The edge, if there is a sharp one.
    pub(crate) fn finish(self) -> Option<Disguise> {
        let windows = self.levels.len() / self.bands;
        if windows < MIN_WINDOWS {
            return None;
        }
        let mut of_band = Vec::with_capacity(windows);
        let reached: Vec<f32> = (0..self.bands)
            .map(|band| {
                of_band.clear();
                of_band.extend(self.levels.iter().skip(band).step_by(self.bands));
                let (_, level, _) = of_band.select_nth_unstable_by(windows * 4 / 5, f32::total_cmp);
                *level
            })
            .collect();
        let width = self.rate as f32 / self.shape.len() as f32 * LINES as f32;
        let last = (HIGHEST_HZ.min(self.rate as f32 / 2.0 - 900.0) / width) as usize - self.first;
        let edge = (2 * BELOW..last).filter_map(|edge| step(&reached, edge).map(|step| (edge, step)));
        let (edge, step) = edge.max_by(|one, other| one.1.total_cmp(&other.1))?;
        // Half way down.
        let foot = reached[edge + FALL..].iter().copied().fold(f32::MIN, f32::max) + step / 2.0;
        let fallen = reached[edge..].iter().position(|level| *level < foot).unwrap_or(0);
        let hertz = (self.first + edge + fallen) as f32 * width;
        Some(Disguise { cutoff_hz: (hertz / 100.0).round() as i32 * 100, step_db: f64::from(step) })
    }
}

/// The height of a sharp edge above which no band is louder than at its foot; `None` where there is none.
fn step(reached: &[f32], edge: usize) -> Option<f32> {
    let below = &reached[edge - BELOW..edge];
    let least = below.iter().copied().fold(f32::MAX, f32::min);
    let above = reached[edge + FALL..].iter().copied().fold(f32::MIN, f32::max);
    let step = least - above;
    let mean = |levels: &[f32]| levels.iter().sum::<f32>() / levels.len() as f32;
    let slope = mean(&reached[edge - 2 * BELOW..edge - BELOW]) - mean(below);
    // Sound that falls as steeply before the edge as at it fades by itself.
    (step >= LEAST_STEP_DB && slope >= -MOST_PEAK_DB && step > slope).then_some(step)
}

fn decibels(power: f32) -> f32 {
    10.0 * (power + 1e-20).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise whose treble is kept up to a line of a long transform, as if an MDCT had cut it.
    fn noise(rate: u32, cut_hz: f32, fall_hz: f32) -> Vec<f32> {
        const LENGTH: usize = 1 << 19;
        let mut planner = RealFftPlanner::<f32>::new();
        let (there, back) = (planner.plan_fft_forward(LENGTH), planner.plan_fft_inverse(LENGTH));
        let mut state = 7_u32;
        let mut samples: Vec<f32> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        })
        .take(LENGTH)
        .collect();
        let mut lines = there.make_output_vec();
        there.process(&mut samples, &mut lines).expect("the lengths fit");
        for (at, line) in lines.iter_mut().enumerate() {
            let beyond = at as f32 * rate as f32 / LENGTH as f32 - cut_hz;
            *line *= 10_f32.powf(-3.0 * (beyond / fall_hz).clamp(0.0, 1.0)) / LENGTH as f32;
        }
        lines[0].im = 0.0;
        lines[LENGTH / 2].im = 0.0;
        back.process(&mut lines, &mut samples).expect("the lengths fit");
        samples
    }

    fn heard(rate: u32, samples: &[f32], piece: usize) -> Option<Disguise> {
        let mut spectrum = Spectrum::new(rate, 1).expect("a rate with treble");
        samples.chunks(piece).for_each(|samples| spectrum.hear(samples));
        spectrum.finish()
    }

    #[test]
    fn a_sharp_edge_is_found_where_it_is() {
        for (rate, cut) in
            [(44_100, 11_000.0), (44_100, 16_000.0), (44_100, 20_100.0), (48_000, 20_000.0), (96_000, 16_000.0)]
        {
            for piece in [4_096, 1_000] {
                let found = heard(rate, &noise(rate, cut, 10.0), piece).unwrap_or_else(|| panic!("{rate}, {cut}"));
                assert!((found.cutoff_hz as f32 - cut).abs() < 200.0, "{rate}, {cut}: {found:?}");
                assert!(found.step_db > 40.0, "{found:?}");
            }
        }
    }

    #[test]
    fn what_fades_is_no_edge() {
        for (cut, fall) in
            [(23_000.0, 10.0), (12_000.0, 8_000.0), (5_000.0, 10.0), (21_000.0, 500.0), (16_000.0, 4_000.0)]
        {
            assert_eq!(heard(44_100, &noise(44_100, cut, fall), 4_096), None, "{cut}, {fall}");
        }
        assert_eq!(heard(44_100, &vec![0.0; 400_000], 4_096), None);
        assert!(Spectrum::new(32_000, 2).is_none() && Spectrum::new(44_100, 0).is_none());
    }
}
