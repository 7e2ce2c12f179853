//! Against independent programs: `fpcalc`, and ffmpeg's loudness meter.

use fonoteca_audio::compare;
use fonoteca_audio::transcode::{Format, Input, Target, command};

use crate::melody::{Studio, listen};

#[test]
fn fingerprints_agree_with_fpcalc() {
    let studio = Studio::new(41, 30.0);
    for (name, path) in studio.formats() {
        let output = std::process::Command::new("fpcalc")
            .args(["-raw", "-plain"])
            .arg(&path)
            .output()
            .expect("this test needs fpcalc: install libchromaprint-tools");
        let text = String::from_utf8_lossy(&output.stdout);
        // It exits with 3 on files that end early though it prints the fingerprint.
        let theirs: Vec<u32> =
            text.trim().split(',').filter_map(|value| value.parse::<i64>().ok()).map(|v| v as u32).collect();
        assert!(theirs.len() > 100, "{name}: fpcalc said {text:?} {}", String::from_utf8_lossy(&output.stderr));
        let ours = listen(&path).fingerprint.expect("a fingerprint").values;
        let found = compare(&ours, &theirs);
        println!("{name}: {:.4} at {}", found.score, found.offset_frames);
        assert!(found.score >= 0.95, "{name}: {found:?}");
    }
}

#[test]
fn loudness_agrees_with_ffmpeg() {
    let studio = Studio::new(42, 25.0);
    for (name, path) in studio.formats() {
        let file = path.to_str().expect("UTF-8");
        let text =
            studio.run("ffmpeg", &["-nostdin", "-i", file, "-filter_complex", "ebur128=peak=true", "-f", "null", "-"]);
        let summary = &text[text.rfind("Summary:").expect("a summary")..];
        let value = |key: &str| -> f64 {
            let line = summary.lines().find(|line| line.trim_start().starts_with(key)).expect("a line");
            line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).expect("a number")
        };
        let ours = listen(&path).loudness.expect("loudness");
        let (lufs, range, peak) =
            (ours.integrated_lufs.expect("LUFS"), ours.range_lu.expect("LU"), ours.true_peak_dbtp.expect("dBTP"));
        println!(
            "{name}: {lufs:.2}/{} LUFS, {range:.2}/{} LU, {peak:.2}/{} dBTP",
            value("I:"),
            value("LRA:"),
            value("Peak:")
        );
        assert!((lufs - value("I:")).abs() <= 0.1, "{name}: {lufs} against {}", value("I:"));
        assert!((range - value("LRA:")).abs() <= 0.3, "{name}: {range} against {}", value("LRA:"));
        assert!((peak - value("Peak:")).abs() <= 0.3, "{name}: {peak} against {}", value("Peak:"));
    }
}

#[test]
fn transcoded_copies_are_what_was_asked_for() {
    let studio = Studio::new(43, 6.0);
    for (format, codec) in [
        (Format::Mp3, "mp3"),
        (Format::Opus, "opus"),
        (Format::Ogg, "vorbis"),
        (Format::Aac, "aac"),
        (Format::Flac, "flac"),
        (Format::Wav, "pcm_s16le"),
    ] {
        let path = studio.path("melody.wav");
        let target = Target { format, kbps: 96, start_ms: 1_000, end_ms: None };
        let output = command("ffmpeg".as_ref(), Input::Path(&path), target).output().expect("ffmpeg");
        assert!(output.status.success(), "{format:?}: {}", String::from_utf8_lossy(&output.stderr));
        let facts = listen(&studio.write(&format!("copy.{}", format.extension()), &output.stdout));
        assert_eq!((facts.codec.as_str(), facts.mime), (codec, format.mime()));
        assert!((facts.duration_ms - 5_000).abs() < 100, "{format:?}: {} ms", facts.duration_ms);
    }
}
