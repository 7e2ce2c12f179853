//! Silence, clipping, ends like a cut and tagged gains, on files of real encoders, against ffmpeg's filters.

use crate::melody::{Studio, listen, samples, wave};

/// A melody between silences.
fn between_silences(studio: &Studio) -> Vec<i16> {
    let mut sound = vec![0_i16; 44_100 * 2 * 2];
    sound.extend(samples(81, 4.0));
    sound.extend(vec![0; 44_100 * 2 * 6]);
    studio.write("between.wav", &wave(&sound, 2, 44_100));
    sound
}

#[test]
fn silence_as_ffmpeg_finds_it() {
    let studio = Studio::new(81, 1.0);
    between_silences(&studio);
    let text = studio
        .run("ffmpeg", &["-nostdin", "-i", "between.wav", "-af", "silencedetect=noise=0.001:d=0.5", "-f", "null", "-"]);
    let told = |key: &str| -> Vec<f64> {
        text.lines()
            .filter_map(|line| line.split_once(key).and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok()))
            .collect()
    };
    let (starts, ends) = (told("silence_start: "), told("silence_end: "));
    for name in ["between.wav", "b.flac", "b.mp3", "b.opus", "b.m4a"] {
        let path = if name == "between.wav" { studio.path(name) } else { studio.convert("between.wav", &[], name) };
        let checks = listen(&path).checks.expect("decoded");
        // Lossy coders smear an attack over a block.
        let tolerance = if matches!(name, "between.wav" | "b.flac") { 2.0 } else { 60.0 };
        let leading = checks.leading_silence_ms as f64 - ends[0] * 1000.0;
        let trailing = checks.trailing_silence_ms as f64 - (12.0 - starts[1]) * 1000.0;
        assert!(leading.abs() <= tolerance && trailing.abs() <= tolerance, "{name}: {checks:?} {starts:?} {ends:?}");
        assert!(!checks.silent, "{name}");
        let sentences = checks.sentences();
        assert!(sentences.iter().any(|said| said.contains("ends with 6.0 s of silence")), "{name}: {sentences:?}");
        assert!(!sentences.iter().any(|said| said.contains("begins with")), "{name}: {sentences:?}");
    }
    let nothing = studio.write("nothing.wav", &wave(&vec![0; 44_100 * 2 * 2], 2, 44_100));
    let checks = listen(&nothing).checks.expect("decoded");
    assert!(checks.silent);
    assert_eq!(checks.sentences(), ["nothing sounds: all of it is below -60 dBFS"]);
}

#[test]
fn clipping_is_counted_and_a_limited_peak_is_none() {
    let studio = Studio::new(82, 3.0);
    let clipped = studio.ffmpeg(&["-af", "volume=14dB", "-c:a", "flac"], "clipped.flac");
    let checks = listen(&clipped).checks.expect("decoded");
    assert!(checks.clipped_runs > 10 && checks.clipped_samples >= 3 * checks.clipped_runs, "{checks:?}");
    assert!(checks.sentences()[0].starts_with("clipped: "), "{:?}", checks.sentences());
    let quieter = studio.convert("clipped.flac", &["-af", "volume=-1dB"], "quieter.flac");
    for path in [studio.path("melody.wav"), quieter] {
        let checks = listen(&path).checks.expect("decoded");
        // What was clipped and made quieter shows no more: only full scale is proof.
        assert_eq!(checks.clipped_runs, 0, "{path:?}: {checks:?}");
    }
}

#[test]
fn an_end_like_a_cut_is_told_from_a_fading_one() {
    let studio = Studio::new(83, 4.0);
    let cut = listen(&studio.path("melody.wav")).checks.expect("decoded");
    let faded = studio.ffmpeg(&["-af", "afade=t=out:st=2:d=2"], "faded.flac");
    let faded = listen(&faded).checks.expect("decoded");
    assert!(cut.ends_abruptly && !faded.ends_abruptly, "{cut:?} {faded:?}");
    // A download that broke off and was filled up with zeros.
    let mut bytes = std::fs::read(studio.path("melody.wav")).expect("read");
    let len = bytes.len();
    bytes.resize(len + 44_100 * 4 * 7, 0);
    let size = (bytes.len() - 44) as u32;
    bytes[4..8].copy_from_slice(&(size + 36).to_le_bytes());
    bytes[40..44].copy_from_slice(&size.to_le_bytes());
    let filled = listen(&studio.write("filled.wav", &bytes)).checks.expect("decoded");
    assert!(filled.ends_abruptly);
    assert_eq!(filled.sentences(), ["it ends with 7.0 s of silence, after loud sound that stops at once"]);
}

#[test]
fn tagged_gains_are_compared_with_what_is_measured() {
    let studio = Studio::new(84, 8.0);
    studio.formats();
    studio.run("metaflac", &["--add-replay-gain", "a.flac"]);
    let facts = listen(&studio.path("a.flac"));
    assert!(facts.tags.replaygain_track_gain_db.is_some() && facts.tags.replaygain_track_peak.is_some());
    let checks = facts.checks.expect("decoded");
    assert_eq!(checks.doubted_gains, Vec::<String>::new(), "as metaflac measured it");

    let lufs = facts.loudness.and_then(|loudness| loudness.integrated_lufs).expect("loudness");
    let right = format!("R128_TRACK_GAIN={}", ((-23.0 - lufs) * 256.0) as i32);
    for (tag, doubts) in [(right.as_str(), 0), ("R128_TRACK_GAIN=2560", 1), ("REPLAYGAIN_TRACK_GAIN=+9.00 dB", 1)] {
        let path = studio.convert("a.opus", &["-c", "copy", "-metadata", tag], "tagged.opus");
        let checks = listen(&path).checks.expect("decoded");
        assert_eq!(checks.doubted_gains.len(), doubts, "{tag}: {:?}, {lufs} LUFS", checks.doubted_gains);
    }
}
