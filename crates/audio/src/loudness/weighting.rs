//! The K-weighting of ITU-R BS.1770-4: what a sound's energy is to the ear.

use std::f64::consts::PI;

/// Surround channels count 1.5 dB more (BS.1770-4, table 3).
const SURROUND: f64 = 1.41;

/// A shelf for the head and a high-pass, one after the other, for two channels at once: they take as long as one, because
/// each sample waits for the one before it.
pub(super) struct Weighting {
    /// Which channels, in the frame; both the same where there is only one left.
    channels: [usize; 2],
    /// How much each of them counts.
    gains: [f64; 2],
    stages: [Biquad; 2],
}

/// A filter of second order in transposed direct form II.
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    /// Of each channel.
    first: [f64; 2],
    second: [f64; 2],
}

impl Biquad {
    const fn new(b: [f64; 3], a: [f64; 2]) -> Self {
        Self { b, a, first: [0.0; 2], second: [0.0; 2] }
    }

    #[inline]
    fn pass(&mut self, x: [f64; 2]) -> [f64; 2] {
        let mut y = [0.0; 2];
        for c in 0..2 {
            y[c] = self.b[0] * x[c] + self.first[c];
            self.first[c] = self.b[1] * x[c] - self.a[0] * y[c] + self.second[c];
            self.second[c] = self.b[2] * x[c] - self.a[1] * y[c];
        }
        y
    }

    /// What has died away must not go on as numbers that processors are slow with.
    fn settle(&mut self) {
        for value in self.first.iter_mut().chain(&mut self.second) {
            if value.abs() < 1e-30 {
                *value = 0.0;
            }
        }
    }
}

impl Weighting {
    /// The channels that count, in pairs.
    pub(super) fn of_all(rate: u32, channels: usize) -> Vec<Self> {
        let gains: Vec<(usize, f64)> =
            (0..channels).map(|channel| (channel, gain(channel, channels))).filter(|(_, gain)| *gain > 0.0).collect();
        let pair = |pair: &[(usize, f64)]| {
            let (first, second) = (pair[0], pair.get(1).copied().unwrap_or((pair[0].0, 0.0)));
            Self { channels: [first.0, second.0], gains: [first.1, second.1], stages: stages(rate) }
        };
        gains.chunks(2).map(pair).collect()
    }

    /// The energy of interleaved samples: the sum of the squares, weighted.
    pub(super) fn energy(&mut self, samples: &[f32], channels: usize) -> f64 {
        let [shelf, high_pass] = &mut self.stages;
        let [left, right] = self.channels;
        let mut sums = [0.0; 2];
        for frame in samples.chunks_exact(channels) {
            let y = high_pass.pass(shelf.pass([f64::from(frame[left]), f64::from(frame[right])]));
            sums[0] += y[0] * y[0];
            sums[1] += y[1] * y[1];
        }
        self.stages.iter_mut().for_each(Biquad::settle);
        sums[0] * self.gains[0] + sums[1] * self.gains[1]
    }
}

/// How much a channel counts: in the order that FLAC, WAVE and Vorbis share for left, right, centre, bass and surround. Bass
/// does not count, nor does what is beyond.
const fn gain(channel: usize, channels: usize) -> f64 {
    match (channels, channel) {
        (4, 2 | 3) | (5, 3 | 4) | (6.., 4 | 5) => SURROUND,
        (_, 0 | 1) | (3.., 2) => 1.0,
        _ => 0.0,
    }
}

/// The two filters at any rate: BS.1770-4 lists coefficients for 48 kHz; these are the analogue filters behind them, brought
/// to the rate by the bilinear transform.
fn stages(rate: u32) -> [Biquad; 2] {
    let warped = |hertz: f64| (PI * hertz / f64::from(rate)).tan();
    let shelf = {
        let (k, q) = (warped(1_681.974_450_955_533), 0.707_175_236_955_419_6);
        let high: f64 = 10_f64.powf(3.999_843_853_973_347 / 20.0);
        let middle = high.powf(0.499_666_774_154_541_6);
        let scale = 1.0 + k / q + k * k;
        Biquad::new(
            [
                (high + middle * k / q + k * k) / scale,
                2.0 * (k * k - high) / scale,
                (high - middle * k / q + k * k) / scale,
            ],
            [2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale],
        )
    };
    let high_pass = {
        let (k, q) = (warped(38.135_470_876_024_44), 0.500_327_037_323_877_3);
        let scale = 1.0 + k / q + k * k;
        Biquad::new([1.0, -2.0, 1.0], [2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale])
    };
    [shelf, high_pass]
}
