//! Codings that ffmpeg decodes: WavPack, Musepack and Monkey's Audio; and what is told without ffmpeg.

use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_audio::{Analysis, Container, Limits, State, analyse, is_same_recording};
use lofty::config::WriteOptions;
use lofty::tag::{Accessor, Tag, TagExt, TagType};

use crate::melody::{Studio, listen};

fn wavpack(studio: &Studio) -> PathBuf {
    studio.ffmpeg(&["-c:a", "wavpack"], "a.wv")
}

fn musepack(studio: &Studio) -> PathBuf {
    studio.run("mpcenc", &["--silent", "--overwrite", "melody.wav", "a.mpc"]);
    studio.path("a.mpc")
}

fn malformed(path: &Path) -> String {
    match listen(path).state {
        State::Malformed { reason } => reason,
        other => panic!("{} is {other:?}", path.display()),
    }
}

#[test]
fn wavpack_and_musepack_tell_as_much_as_others() {
    let studio = Studio::new(111, 12.0);
    let original = listen(&studio.path("melody.wav"));
    for (path, container, codec, depth) in [
        (wavpack(&studio), Container::WavPack, "wavpack", Some(16)),
        (musepack(&studio), Container::Musepack, "musepack", None),
    ] {
        let facts = listen(&path);
        assert_eq!((facts.container, facts.codec.as_str(), facts.bit_depth), (container, codec, depth));
        assert_eq!((facts.sample_rate, facts.channels, facts.state.clone()), (44_100, 2, State::Sound), "{codec}");
        assert!((facts.duration_ms - 12_000).abs() <= 1, "{codec}: {} ms", facts.duration_ms);
        assert_eq!(facts.notes, Vec::<String>::new(), "{codec}");
        let print = |facts: &Analysis| facts.fingerprint.clone().expect("a fingerprint");
        assert!(is_same_recording(&print(&facts), &print(&original)).is_some(), "{codec} does not join its original");
        let lufs = |facts: &Analysis| facts.loudness.and_then(|loudness| loudness.integrated_lufs).expect("loudness");
        assert!((lufs(&facts) - lufs(&original)).abs() < 0.2, "{codec}");
    }
    let lossless = listen(&studio.path("a.wv"));
    assert_eq!(lossless.fingerprint, original.fingerprint, "bit for bit the same samples");
    assert_eq!(lossless.checks, original.checks);
}

#[test]
fn their_ape_tags_are_read_and_leave_the_essence() {
    let studio = Studio::new(112, 4.0);
    for path in [wavpack(&studio), musepack(&studio)] {
        let before = listen(&path);
        let mut tag = Tag::new(TagType::Ape);
        tag.set_title("Título".repeat(50));
        tag.set_artist("Somebody".into());
        tag.save_to_path(&path, WriteOptions::default()).expect("tagged");
        let facts = listen(&path);
        assert_eq!(facts.essence, before.essence, "{path:?}");
        assert_eq!((facts.state, facts.duration_ms), (before.state, before.duration_ms), "{path:?}");
        assert_eq!(facts.tags.artist.as_deref(), Some("Somebody"), "{path:?}: {:?}", facts.tags.raw);
    }
}

#[test]
fn cut_and_broken_ones_are_malformed_with_a_place() {
    let studio = Studio::new(113, 6.0);
    for path in [wavpack(&studio), musepack(&studio)] {
        let whole = fs::read(&path).expect("read");
        fs::write(&path, &whole[..whole.len() * 3 / 5]).expect("write");
        let reason = malformed(&path);
        assert!(reason.contains("byte") && reason.contains(" s"), "{path:?}: {reason}");
        let facts = listen(&path);
        assert!((2_000..5_000).contains(&facts.duration_ms), "{path:?}: {} ms", facts.duration_ms);
        fs::write(&path, &whole[..whole.len() - 1]).expect("write");
        malformed(&path);
        let mut state = 5_u32;
        for round in 0..20 {
            let mut bytes = whole.clone();
            for _ in 0..=round {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let reach = if round % 2 == 0 { 128 } else { bytes.len() };
                bytes[state as usize % reach] = (state >> 24) as u8;
            }
            fs::write(&path, bytes).expect("write");
            let crashed = crate::melody::tell(&path);
            assert!(!matches!(crashed, Err(fonoteca_audio::AudioError::Crashed { .. })), "{crashed:?}");
        }
    }
}

#[test]
fn without_ffmpeg_they_are_taken_with_a_note() {
    let studio = Studio::new(114, 3.0);
    let path = wavpack(&studio);
    let with = |limits: Limits| analyse(&path, &limits, &|| false);
    let facts = with(Limits { ffmpeg: "no-such-program".into(), ..Limits::default() }).expect("taken");
    assert!(matches!(facts.state, State::Unprovable { .. }), "{:?}", facts.state);
    assert!(facts.notes[0].contains("the program ffmpeg cannot be run"), "{:?}", facts.notes);
    assert_eq!((facts.duration_ms, facts.sample_rate, facts.fingerprint), (3_000, 44_100, None));
    // Too little memory for it is no hang and no crash either.
    let facts = with(Limits { ffmpeg_bytes: 4 << 20, ..Limits::default() }).expect("taken");
    assert!(facts.fingerprint.is_none() && !facts.notes.is_empty(), "{:?}", facts.notes);
    let error = with(Limits { duration_ms: 1_000, ..Limits::default() }).expect_err("too long");
    assert!(error.to_string().contains("of sound"), "{error}");
}

/// A file of Monkey's Audio 3.99 with so many frames of silence, which its frames say without coding anything.
fn silent_ape(frames: u32, of_frame: u32, last: u32) -> Vec<u8> {
    let frame = [[0x80, 0, 0, 0], [0, 0, 0, 3], [0; 4], [0; 4]].concat();
    // Words of four bytes, stored the other way round.
    let frame: Vec<u8> =
        frame.chunks_exact(4).flat_map(|word| word.iter().rev().copied().collect::<Vec<u8>>()).collect();
    let seeks = frames * 4;
    let mut bytes = b"MAC \x96\x0f\0\0".to_vec();
    for number in [52, 24, seeks, 0, frames * frame.len() as u32, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([0; 16]);
    bytes.extend(1_000_u16.to_le_bytes());
    bytes.extend(32_u16.to_le_bytes());
    for number in [of_frame, last, frames] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([16, 0, 2, 0]);
    bytes.extend(44_100_u32.to_le_bytes());
    let sound = 52 + 24 + seeks;
    bytes.extend((0..frames).flat_map(|at| (sound + at * frame.len() as u32).to_le_bytes()));
    bytes.extend(frame.repeat(frames as usize));
    bytes
}

#[test]
fn monkeys_audio_by_its_header() {
    let studio = Studio::new(115, 1.0);
    let whole = silent_ape(3, 73_728, 1_000);
    let facts = listen(&studio.write("a.ape", &whole));
    assert_eq!((facts.container, facts.codec.as_str(), facts.bit_depth), (Container::Ape, "ape", Some(16)));
    assert_eq!(facts.duration_ms, (73_728 * 2 + 1_000) * 1000 / 44_100);
    let reason = malformed(&studio.write("cut.ape", &whole[..whole.len() - 20]));
    assert!(reason.contains("inside the sound: 48 bytes declared"), "{reason}");
    for cut in 0..whole.len() {
        if let Err(fonoteca_audio::AudioError::Crashed { message, .. }) = analyse(
            &studio.write("any.ape", &whole[..cut]),
            &Limits { ffmpeg: "no-such-program".into(), ..Limits::default() },
            &|| false,
        ) {
            panic!("{cut}: {message}");
        }
    }
}
