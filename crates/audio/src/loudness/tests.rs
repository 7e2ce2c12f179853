//! As the standards, and the crate that everybody uses, measure it.

use ebur128::{EbuR128, Mode};
use proptest::prelude::*;

use super::*;

/// Sound of a seed: noise whose loudness goes up and down, with silence in between.
fn sound(seed: u64, rate: u32, channels: u32, seconds: f64) -> Vec<f32> {
    let mut state = seed | 1;
    let frames = (f64::from(rate) * seconds) as usize;
    let mut last = vec![0.0_f32; channels as usize];
    let mut samples = Vec::with_capacity(frames * channels as usize);
    for frame in 0..frames {
        let second = frame as f64 / f64::from(rate);
        let swell = (0.5 - 0.5 * (second * 0.7 + seed as f64).cos()).powi(2) as f32;
        let swell = if (second as u64 + seed).is_multiple_of(7) { 0.0 } else { swell };
        for last in &mut last {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let noise = (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
            *last = 0.7 * *last + 0.3 * noise;
            samples.push(*last * 2.0 * swell);
        }
    }
    samples
}

fn measured(rate: u32, channels: u32, samples: &[f32], piece: usize) -> Loudness {
    let mut meter = Meter::new(rate, channels).unwrap();
    samples.chunks(piece * channels as usize).for_each(|piece| meter.hear(piece));
    meter.finish().unwrap()
}

fn by_the_crate(rate: u32, channels: u32, samples: &[f32]) -> Loudness {
    let mut judge = EbuR128::new(channels, rate, Mode::I | Mode::TRUE_PEAK).unwrap();
    judge.add_frames_f32(samples).unwrap();
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let peak = (0..channels).map(|channel| judge.true_peak(channel).unwrap()).fold(0.0, f64::max);
    Loudness {
        integrated_lufs: judge.loudness_global().ok().and_then(finite),
        // It looks at a window a second where ten are looked at here, which is another range for short sound.
        range_lu: None,
        true_peak_dbtp: finite(20.0 * peak.log10()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_the_crate_measures(
        seed in 0_u64..1_000_000,
        rate in prop_oneof![Just(8_000_u32), Just(22_050), Just(44_100), Just(48_000), Just(96_000), Just(192_000)],
        channels in 1_u32..=6,
        piece in 1_usize..5_000,
    ) {
        let samples = sound(seed, rate, channels, 6.3);
        let (ours, theirs) = (measured(rate, channels, &samples, piece), by_the_crate(rate, channels, &samples));
        let near = |one: Option<f64>, other: Option<f64>, by: f64| (one.unwrap() - other.unwrap()).abs() <= by;
        prop_assert!(near(ours.integrated_lufs, theirs.integrated_lufs, 0.01), "{ours:?} {theirs:?}");
    }
}

/// The crest of a tone lies between its samples, up to 19 kHz at 44.1 kHz: where a shorter filter does not see it.
#[test]
fn the_peak_of_a_tone_is_its_amplitude() {
    for rate in [44_100_u32, 48_000, 96_000] {
        for share in [0.05, 0.125, 0.25, 0.333, 0.4, 0.43] {
            let frames = rate as usize;
            let tone = |frame: usize| {
                // It comes and goes slowly: what begins at once rings.
                let fade = (frame.min(frames - frame) as f64 / 4_410.0).min(1.0);
                (fade * 0.5 * (std::f64::consts::TAU * share * frame as f64 + 0.77).sin()) as f32
            };
            let samples: Vec<f32> = (0..frames).map(tone).collect();
            let found = measured(rate, 1, &samples, 4096).true_peak_dbtp.unwrap();
            let wanted = 20.0 * 0.5_f64.log10();
            // EBU Tech 3341 allows 0.2 dB above and 0.4 dB below.
            assert!((-0.3..=0.2).contains(&(found - wanted)), "{share} of {rate} Hz: {found} dBTP, not {wanted}");
        }
    }
}

/// EBU Tech 3341, test signals 1 and 2, and Tech 3342, signals 1 to 4: tones of 1 kHz in both channels, dBFS and seconds.
#[test]
fn the_signals_of_the_standard() {
    let tones = |steps: &[(f64, f64)]| -> Loudness {
        let mut samples = Vec::new();
        for (dbfs, seconds) in steps {
            let amplitude = 10_f64.powf(dbfs / 20.0);
            samples.extend((0..(48_000.0 * seconds) as usize).flat_map(|frame| {
                let value = (frame as f64 / 48.0 * std::f64::consts::TAU).sin() * amplitude;
                [value as f32; 2]
            }));
        }
        measured(48_000, 2, &samples, 4096)
    };
    for (steps, lufs) in [
        (&[(-23.0, 20.0)][..], -23.0),
        (&[(-33.0, 20.0)], -33.0),
        (&[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
        (&[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
        (&[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
    ] {
        let found = tones(steps).integrated_lufs.unwrap();
        assert!((found - lufs).abs() <= 0.1, "{steps:?}: {found}, not {lufs}");
    }
    for (steps, range) in [
        (&[(-20.0, 20.0), (-30.0, 20.0)][..], 10.0),
        (&[(-20.0, 20.0), (-15.0, 20.0)], 5.0),
        (&[(-40.0, 20.0), (-20.0, 20.0)], 20.0),
        (&[(-50.0, 20.0), (-35.0, 20.0), (-20.0, 20.0), (-35.0, 20.0), (-50.0, 20.0)], 15.0),
    ] {
        let found = tones(steps).range_lu.unwrap();
        assert!((found - range).abs() <= 1.0, "{steps:?}: {found}, not {range}");
    }
}

#[test]
fn what_cannot_be_measured() {
    let silence = measured(44_100, 2, &vec![0.0; 88_200], 1000);
    assert_eq!((silence.integrated_lufs, silence.range_lu, silence.true_peak_dbtp), (None, None, None));
    let short = measured(44_100, 1, &[0.5; 1000], 1000);
    assert_eq!((short.integrated_lufs, short.range_lu), (None, None));
    assert!(short.true_peak_dbtp.is_some());
    let mut meter = Meter::new(44_100, 1).unwrap();
    meter.hear(&vec![f32::NAN; 100_000]);
    assert_eq!(meter.finish(), None);
    assert!(Meter::new(0, 2).is_none() && Meter::new(44_100, 0).is_none() && Meter::new(44_100, 1_000).is_none());
}
