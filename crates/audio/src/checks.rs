//! What shows in the samples alone: silence at the ends, clipping, an end like a cut, and gains in tags that do not fit.

use serde::{Deserialize, Serialize};

use crate::{Disguise, Loudness, Tags};

/// Sound quieter than this at every sample is silence: −60 dBFS, the default of ffmpeg's `silencedetect`.
pub const SILENCE: f32 = 0.001;
/// Samples from here on are at full scale: two steps of 16 bits below, since many limiters stop one step short.
pub const FULL_SCALE: f32 = 32_766.0 / 32_768.0;
/// So many samples in a row at full scale are a clipped run. Two happen to a wave that just reaches it.
pub const CLIPPED_RUN: u32 = 3;
/// An end is like a cut where sound of this level, −20 dBFS, is gone within 20 ms.
const ABRUPT: f32 = 0.1;
/// Silence at an end that is worth a sentence, in milliseconds.
const LONG_SILENCE_MS: i64 = 5_000;
/// A tagged ReplayGain is doubted beyond this, in dB: a choice, since versions 1 and 2 of its rule
/// differ on real music.
pub const REPLAYGAIN_TOLERANCE_DB: f64 = 3.0;
/// A tagged R 128 gain is doubted beyond this, in dB: there is one rule, and decoders differ by far less.
pub const R128_TOLERANCE_DB: f64 = 1.0;
/// A tagged peak is doubted beyond this, in dB.
pub const PEAK_TOLERANCE_DB: f64 = 1.0;

/// What the samples alone showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Checks {
    /// Silence (below −60 dBFS) before the first sound, in milliseconds; all of it where nothing sounds.
    pub leading_silence_ms: i64,
    /// Silence after the last sound, in milliseconds; all of it where nothing sounds.
    pub trailing_silence_ms: i64,
    /// Whether nothing sounds at all.
    pub silent: bool,
    /// Highest sample of all channels, 1.0 being full scale; decoders of lossy codings go beyond.
    pub sample_peak: f64,
    /// Runs of at least three samples in a row of one channel at full scale or beyond.
    pub clipped_runs: u64,
    /// Samples in these runs.
    pub clipped_samples: u64,
    /// Whether loud sound stops within 20 ms, as at a cut. Tracks that pass into the next one do so too.
    pub ends_abruptly: bool,
    /// Signs that lossless coding holds what came from a lossy one.
    pub disguise: Option<Disguise>,
    /// Where gains and peaks in the tags do not fit the sound, one sentence each.
    pub doubted_gains: Vec<String>,
}

impl Checks {
    /// What somebody may want to know of this, one sentence each; nothing for most files.
    pub fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        let seconds = |ms: i64| ms as f64 / 1000.0;
        if self.silent {
            all.push("nothing sounds: all of it is below -60 dBFS".to_owned());
        } else {
            if self.leading_silence_ms >= LONG_SILENCE_MS {
                all.push(format!("it begins with {:.1} s of silence", seconds(self.leading_silence_ms)));
            }
            if self.trailing_silence_ms >= LONG_SILENCE_MS {
                let abruptly = if self.ends_abruptly { ", after loud sound that stops at once" } else { "" };
                all.push(format!("it ends with {:.1} s of silence{abruptly}", seconds(self.trailing_silence_ms)));
            }
        }
        if self.clipped_runs > 0 {
            all.push(format!("clipped: {} samples in {} runs at full scale", self.clipped_samples, self.clipped_runs));
        }
        all.extend(self.disguise.as_ref().map(Disguise::sentence));
        all.extend(self.doubted_gains.iter().cloned());
        all
    }

    /// Compares what the tags say about loudness with what was measured.
    ///
    /// ReplayGain 2.0 aims at −18 LUFS (version 1 at about the same level by another rule), `R128_TRACK_GAIN` at −23 LUFS
    /// in steps of 1/256 dB (RFC 7845, section 5.2.1).
    pub(crate) fn doubt_gains(&mut self, tags: &Tags, loudness: Option<&Loudness>) {
        if let Some(lufs) = loudness.and_then(|loudness| loudness.integrated_lufs) {
            let mut gain = |name: &str, tagged: Option<f64>, target: f64, tolerance: f64| {
                if let Some(tagged) = tagged.filter(|tagged| (tagged - (target - lufs)).abs() > tolerance) {
                    let measured = target - lufs;
                    self.doubted_gains.push(format!("{name} says {tagged:+.2} dB, measured are {measured:+.2} dB"));
                }
            };
            gain("ReplayGain", tags.replaygain_track_gain_db, -18.0, REPLAYGAIN_TOLERANCE_DB);
            gain("R128_TRACK_GAIN", tags.r128_track_gain.map(|gain| f64::from(gain) / 256.0), -23.0, R128_TOLERANCE_DB);
        }
        if let Some(tagged) = tags.replaygain_track_peak
            && self.sample_peak > 0.0
            && (20.0 * (tagged / self.sample_peak).log10()).abs() > PEAK_TOLERANCE_DB
        {
            let measured = self.sample_peak;
            self.doubted_gains.push(format!("ReplayGain says a peak of {tagged:.4}, measured are {measured:.4}"));
        }
    }
}

/// Looks at samples while the sound passes, in blocks of 10 ms.
pub(crate) struct Watch {
    rate: u32,
    channels: usize,
    of_block: usize,
    /// Frames of the block that is being heard, its peak and that of the one before.
    in_block: usize,
    block_peak: f32,
    before_peak: f32,
    /// Peak of the last 10 to 20 ms up to the last sound.
    tail_peak: f32,
    frames: u64,
    /// Frames before the first sound, and frames up to the last one's end.
    first: Option<u64>,
    last: u64,
    peak: f32,
    /// Samples in a row at full scale, a channel.
    runs: Vec<u32>,
    clipped_runs: u64,
    clipped_samples: u64,
}

impl Watch {
    pub(crate) fn new(rate: u32, channels: u32) -> Self {
        Self {
            rate,
            channels: channels.max(1) as usize,
            of_block: (rate / 100).max(1) as usize,
            in_block: 0,
            block_peak: 0.0,
            before_peak: 0.0,
            tail_peak: 0.0,
            frames: 0,
            first: None,
            last: 0,
            peak: 0.0,
            runs: vec![0; channels.max(1) as usize],
            clipped_runs: 0,
            clipped_samples: 0,
        }
    }

    /// Hears interleaved samples.
    pub(crate) fn hear(&mut self, mut samples: &[f32]) {
        while samples.len() >= self.channels {
            let frames = (self.of_block - self.in_block).min(samples.len() / self.channels);
            let (now, later) = samples.split_at(frames * self.channels);
            samples = later;
            self.block(now, frames);
        }
    }

    fn block(&mut self, samples: &[f32], frames: usize) {
        // Eight at a time, which the compiler turns into one instruction.
        let mut peaks = [0.0_f32; 8];
        let mut eights = samples.chunks_exact(8);
        for eight in &mut eights {
            peaks.iter_mut().zip(eight).for_each(|(peak, sample)| *peak = peak.max(sample.abs()));
        }
        let peak = peaks.iter().chain(eights.remainder()).fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        self.block_peak = self.block_peak.max(peak);
        if peak >= SILENCE {
            let sounds = |sample: &f32| sample.abs() >= SILENCE;
            if self.first.is_none() {
                let before = samples.iter().position(sounds).unwrap_or(0) / self.channels;
                self.first = Some(self.frames + before as u64);
            }
            let until = samples.iter().rposition(sounds).unwrap_or(0) / self.channels + 1;
            self.last = self.frames + until as u64;
            self.tail_peak = self.block_peak.max(self.before_peak);
            self.peak = self.peak.max(peak);
        }
        if peak >= FULL_SCALE {
            for frame in samples.chunks_exact(self.channels) {
                for (channel, sample) in frame.iter().enumerate() {
                    if sample.abs() >= FULL_SCALE {
                        self.runs[channel] += 1;
                    } else {
                        self.end_run(channel);
                    }
                }
            }
        } else if self.runs.iter().any(|run| *run > 0) {
            (0..self.channels).for_each(|channel| self.end_run(channel));
        }
        self.frames += frames as u64;
        self.in_block += frames;
        if self.in_block == self.of_block {
            (self.before_peak, self.block_peak, self.in_block) = (self.block_peak, 0.0, 0);
        }
    }

    fn end_run(&mut self, channel: usize) {
        let run = std::mem::take(&mut self.runs[channel]);
        if run >= CLIPPED_RUN {
            self.clipped_runs += 1;
            self.clipped_samples += u64::from(run);
        }
    }

    pub(crate) fn finish(mut self) -> Checks {
        (0..self.channels).for_each(|channel| self.end_run(channel));
        let ms = |frames: u64| (frames * 1000 / u64::from(self.rate.max(1))) as i64;
        Checks {
            leading_silence_ms: ms(self.first.unwrap_or(self.frames)),
            trailing_silence_ms: ms(self.frames - self.last),
            silent: self.first.is_none(),
            sample_peak: f64::from(self.peak),
            clipped_runs: self.clipped_runs,
            clipped_samples: self.clipped_samples,
            ends_abruptly: self.tail_peak >= ABRUPT,
            ..Checks::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is heard of stereo samples that come in pieces of an odd size.
    fn watch(left: &[f32], piece: usize) -> Checks {
        let mut watch = Watch::new(8_000, 2);
        let both: Vec<f32> = left.iter().flat_map(|sample| [*sample, sample * 0.5]).collect();
        both.chunks(piece * 2).for_each(|samples| watch.hear(samples));
        watch.finish()
    }

    #[test]
    fn silence_is_measured_to_the_sample() {
        let mut sound = vec![0.0009; 8_000];
        sound.extend((0..4_000).map(|at| (at as f32 * 0.3).sin() * 0.5 * (1.0 - at as f32 / 4_000.0)));
        sound.extend(vec![0.0; 12_008]);
        for piece in [1, 7, 79, 80, 81, 5_000, 99_999] {
            let found = watch(&sound, piece);
            assert_eq!(found.leading_silence_ms, 1_000, "{piece}");
            assert!((1_501..1_510).contains(&found.trailing_silence_ms), "{piece}: {found:?}");
            assert!(!found.silent && !found.ends_abruptly && found.clipped_runs == 0, "{piece}: {found:?}");
        }
        let nothing = watch(&vec![0.0; 8_000], 100);
        assert!(nothing.silent && nothing.leading_silence_ms == 1_000 && nothing.trailing_silence_ms == 1_000);
    }

    #[test]
    fn runs_at_full_scale_are_counted_over_the_seams() {
        let mut sound = vec![0.2; 500];
        sound[78..83].fill(1.0);
        sound[100..102].fill(-1.0);
        sound[200..203].fill(-1.0);
        sound[497..].fill(1.0);
        for piece in [1, 3, 80, 499, 500] {
            let found = watch(&sound, piece);
            assert_eq!((found.clipped_runs, found.clipped_samples), (3, 11), "{piece}");
            assert!(found.ends_abruptly && (found.sample_peak - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn gains_that_do_not_fit_are_doubted() {
        let loudness = Loudness { integrated_lufs: Some(-12.0), ..Loudness::default() };
        let doubts = |tags: Tags| {
            let mut checks = Checks { sample_peak: 0.9, ..Checks::default() };
            checks.doubt_gains(&tags, Some(&loudness));
            checks.doubted_gains
        };
        let fits = Tags {
            replaygain_track_gain_db: Some(-8.0),
            replaygain_track_peak: Some(0.9),
            r128_track_gain: Some(-11 * 256),
            ..Tags::default()
        };
        assert_eq!(doubts(fits), Vec::<String>::new());
        let wrong = Tags {
            replaygain_track_gain_db: Some(-11.0),
            replaygain_track_peak: Some(0.45),
            r128_track_gain: Some(-6 * 256),
            ..Tags::default()
        };
        assert_eq!(
            doubts(wrong),
            [
                "ReplayGain says -11.00 dB, measured are -6.00 dB",
                "R128_TRACK_GAIN says -6.00 dB, measured are -11.00 dB",
                "ReplayGain says a peak of 0.4500, measured are 0.9000",
            ]
        );
    }
}
