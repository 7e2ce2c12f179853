//! The largest value between the samples (ITU-R BS.1770-4, annex 2): sound is brought to 192 kHz or so by a filter of 128 taps.
//! With the 48 that the annex has for an example, a master with much treble was 1 dB below what it is.

use std::f64::consts::{PI, TAU};

/// Taps of the filter, all phases together.
const TAPS: usize = 128;
/// Frames that are looked at together.
const BLOCK: usize = 64;
/// Rates from which on half as many values between, and none, are needed.
const TWICE_FROM: u32 = 96_000;
const ONCE_FROM: u32 = 192_000;

/// Looks for the peak while the sound passes.
pub(super) struct TruePeak {
    /// The filter: for each value between two samples the taps, that of the oldest sample first.
    phases: Vec<Vec<f32>>,
    /// The most that any phase makes of samples that are at most 1. Sound that is so much below the peak is passed over: it
    /// cannot exceed it.
    gain: f32,
    /// Of each channel: the last samples heard, then those that are being heard.
    lines: Vec<Vec<f32>>,
    peak: f32,
}

impl TruePeak {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        let factor = if rate < TWICE_FROM {
            4
        } else if rate < ONCE_FROM {
            2
        } else {
            1
        };
        let phases = if factor == 1 { vec![vec![1.0]] } else { filter(factor) };
        let gains = phases.iter().map(|phase| phase.iter().map(|tap| tap.abs()).sum::<f32>());
        let gain = gains.fold(0.0, f32::max);
        let history = phases[0].len() - 1;
        Self { phases, gain, lines: vec![vec![0.0; history]; channels], peak: 0.0 }
    }

    /// Hears interleaved samples.
    pub(super) fn hear(&mut self, samples: &[f32]) {
        let channels = self.lines.len();
        let history = self.phases[0].len() - 1;
        for channel in 0..channels {
            let mut line = std::mem::take(&mut self.lines[channel]);
            line.extend(samples.iter().skip(channel).step_by(channels));
            let frames = line.len() - history;
            for start in (0..frames).step_by(BLOCK) {
                let heard = &line[start..(start + BLOCK).min(frames) + history];
                let loudest = heard.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
                if loudest * self.gain > self.peak || loudest.is_nan() {
                    self.peak = self.peak.max(self.between(heard));
                }
            }
            line.drain(..frames);
            self.lines[channel] = line;
        }
    }

    /// The largest value between the samples of a block, which begins with what was heard before it.
    fn between(&self, heard: &[f32]) -> f32 {
        let mut most = 0.0_f32;
        for phase in &self.phases {
            let frames = heard.len() + 1 - phase.len();
            let mut values = [0.0_f32; BLOCK];
            // A tap after the other over all frames: this is what processors do many at once.
            for (place, tap) in phase.iter().enumerate() {
                for (value, sample) in values.iter_mut().zip(&heard[place..place + frames]) {
                    *value += tap * sample;
                }
            }
            most = values.iter().fold(most, |most, value| most.max(value.abs()));
        }
        most
    }

    /// The largest value, of which 1 is full scale.
    pub(super) fn finish(self) -> f32 {
        self.peak
    }
}

/// The phases of a windowed sinc (Hann) that brings sound to `factor` times its rate.
fn filter(factor: usize) -> Vec<Vec<f32>> {
    let taps = TAPS / factor;
    let mut phases = vec![vec![0.0; taps]; factor];
    for n in 0..TAPS {
        let window = 0.5 * (1.0 - (TAU * n as f64 / TAPS as f64).cos());
        let x = (n as f64 - TAPS as f64 / 2.0) * PI / factor as f64;
        let sinc = if n == TAPS / 2 { 1.0 } else { x.sin() / x };
        phases[n % factor][taps - 1 - n / factor] = (window * sinc) as f32;
    }
    phases
}
