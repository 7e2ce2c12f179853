//! Lossless files that were lossy before: precision and recall on music with a known history.

use std::path::{Path, PathBuf};

use fonoteca_audio::Quality;

use crate::melody::{Studio, listen};

/// Encoder, arguments and the ending of what it makes. Each makes a file of `{true.wav}`.
const CODERS: [(&str, &[&str], &str); 14] = [
    ("lame", &["--quiet", "-b", "128"], "mp3"),
    ("lame", &["--quiet", "-b", "192"], "mp3"),
    ("lame", &["--quiet", "-b", "320"], "mp3"),
    ("lame", &["--quiet", "-V", "2"], "mp3"),
    ("ffmpeg", &["-c:a", "aac", "-b:a", "64k"], "m4a"),
    ("ffmpeg", &["-c:a", "aac", "-b:a", "96k"], "m4a"),
    ("ffmpeg", &["-c:a", "aac", "-b:a", "128k"], "m4a"),
    ("opusenc", &["--quiet", "--bitrate", "64"], "opus"),
    ("opusenc", &["--quiet", "--bitrate", "96"], "opus"),
    ("opusenc", &["--quiet", "--bitrate", "128"], "opus"),
    ("oggenc", &["-Q", "-b", "64"], "ogg"),
    ("oggenc", &["-Q", "-b", "96"], "ogg"),
    ("oggenc", &["-Q", "-b", "128"], "ogg"),
    ("ffmpeg", &["-c:a", "libmp3lame", "-b:a", "128k", "-ar", "48000"], "mp3"),
];

/// Makes FLAC out of a lossy copy of `true.wav` and says what is found there.
fn disguised(studio: &Studio, (program, arguments, ending): (&str, &[&str], &str)) -> Option<fonoteca_audio::Disguise> {
    let lossy = format!("lossy.{ending}");
    let mut all = arguments.to_vec();
    match program {
        "oggenc" => all.extend(["-o", &lossy, "true.wav"]),
        "ffmpeg" => {
            studio.convert("true.wav", arguments, &lossy);
        }
        _ => all.extend(["true.wav", &lossy]),
    }
    if program != "ffmpeg" {
        studio.run(program, &all);
    }
    let facts = listen(&studio.convert(&lossy, &["-c:a", "flac", "-sample_fmt", "s16"], "disguised.flac"));
    facts.checks.expect("decoded").disguise
}

#[test]
fn noise_cut_by_a_coder_is_told_from_noise() {
    let studio = Studio::new(71, 1.0);
    let source = "anoisesrc=color=pink:amplitude=0.5:duration=15:seed=3:sample_rate=44100";
    studio.run("ffmpeg", &["-loglevel", "error", "-f", "lavfi", "-i", source, "-ac", "2", "true.wav"]);
    let truth = listen(&studio.convert("true.wav", &[], "true.flac"));
    assert_eq!(truth.checks.as_ref().expect("decoded").disguise, None);
    let found = disguised(&studio, CODERS[0]).expect("MP3 at 128 kbit/s");
    assert!((15_900..17_200).contains(&found.cutoff_hz), "{found:?}");
    // The real one wins, though the disguised one has as many bits.
    let fake = listen(&studio.path("disguised.flac"));
    assert_eq!(fonoteca_audio::best_first(&[Quality::of(&fake), Quality::of(&truth)]), [1, 0]);
    // Lossy files are what they say.
    assert_eq!(listen(&studio.path("lossy.mp3")).checks.expect("decoded").disguise, None);
}

/// Music of the corpus in much better coding than its treble needs.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("hr"))
                && path.extension().is_some_and(|ending| ending == "ogg")
                && path.metadata().is_ok_and(|facts| facts.len() > 2 << 20)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn precision_and_recall_on_music() {
    let Some(corpus) = fonoteca_testkit::corpus("precision_and_recall_on_music") else { return };
    let studio = Studio::new(72, 1.0);
    let (mut found, mut lossy, mut accused, mut lossless) = (0, 0, 0, 0);
    for path in sources(&corpus).iter().take(17) {
        // HyperRogue's music is Vorbis at some 320 kbit/s. What it has below 16 kHz, played 1.38 times as fast, is music
        // that goes on to 22 kHz as a lossless recording does.
        let faster = "aresample=44100,aresample=32000,asetrate=44100";
        let input = path.to_str().expect("UTF-8");
        let made = std::process::Command::new("ffmpeg")
            .args(["-nostdin", "-y", "-loglevel", "error", "-ss", "15", "-t", "28", "-i", input, "-af", faster])
            .arg(studio.path("true.wav"))
            .status();
        // One file of the package is broken.
        if !made.expect("ffmpeg").success() {
            continue;
        }
        let truth = listen(&studio.convert("true.wav", &["-c:a", "flac", "-sample_fmt", "s16"], "true.flac"));
        lossless += 1;
        if let Some(disguise) = truth.checks.expect("decoded").disguise {
            accused += 1;
            println!("accused: {}: {disguise:?}", path.display());
        }
        if lossless % 4 != 1 {
            continue;
        }
        for coder in CODERS {
            lossy += 1;
            match disguised(&studio, coder) {
                Some(_) => found += 1,
                None => println!("missed: {} by {coder:?}", path.display()),
            }
        }
    }
    let (precision, recall) = (f64::from(found) / f64::from(found + accused), f64::from(found) / f64::from(lossy));
    println!(
        "disguise: {found} of {lossy} found, {accused} of {lossless} accused: precision {precision:.3}, recall {recall:.3}"
    );
    assert!(lossless >= 8 && lossy >= 28, "too little of the corpus is there");
    assert_eq!(accused, 0, "a lossless file was accused");
    assert!(recall >= 0.95, "recall {recall:.3}");
}
