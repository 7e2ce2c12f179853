//! Loudness by EBU R 128: integrated loudness, range and true peak.

use ebur128::{EbuR128, Mode};

use crate::Loudness;

/// Measures while the sound passes.
pub(crate) struct Meter {
    state: EbuR128,
    sick: bool,
}

impl Meter {
    /// `None` where the sample rate or channel count is beyond the algorithm.
    pub(crate) fn new(rate: u32, channels: u32) -> Option<Self> {
        let state = EbuR128::new(channels, rate, Mode::I | Mode::LRA | Mode::TRUE_PEAK).ok()?;
        Some(Self { state, sick: false })
    }

    /// Hears interleaved samples.
    pub(crate) fn hear(&mut self, samples: &[f32]) {
        self.sick |= self.state.add_frames_f32(samples).is_err();
    }

    /// The measurements. What silence has none of is `None`.
    pub(crate) fn finish(self) -> Option<Loudness> {
        if self.sick {
            return None;
        }
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let integrated_lufs = self.state.loudness_global().ok().and_then(finite);
        let range_lu = self.state.loudness_range().ok().and_then(finite).filter(|_| integrated_lufs.is_some());
        let peak =
            (0..self.state.channels()).filter_map(|channel| self.state.true_peak(channel).ok()).fold(0.0, f64::max);
        Some(Loudness { integrated_lufs, range_lu, true_peak_dbtp: finite(20.0 * peak.log10()) })
    }
}
