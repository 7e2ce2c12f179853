//! Bytes as a file, since files are what is analysed, and what must hold of each answer.

use std::path::Path;

use fonoteca_audio::{Analysis, AudioError, Depth, Limits, State, analyse_to};

use super::panics;

/// The limits of an ingest, without the program that decodes what nothing here does: that is somebody else's to fuzz.
pub fn limits() -> Limits {
    Limits { ffmpeg: "no such program".into(), ..Limits::default() }
}

/// Hands the bytes on as a file, in memory where the system has a folder for that.
pub fn with_file<T>(bytes: &[u8], act: impl FnOnce(&Path) -> T) -> T {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let file = tempfile::Builder::new().prefix("fonoteca-fuzz-").tempfile_in(folder).expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("write the temporary file");
    act(file.path())
}

/// Analyses to a depth and checks whatever comes back. `None`: the file was refused.
pub fn analysed(depth: Depth, path: &Path) -> Option<Analysis> {
    panics::watch();
    let limits = limits();
    match analyse_to(depth, path, &limits, &|| false) {
        Ok(told) => {
            holds(&told, &limits);
            Some(told)
        }
        Err(error) => {
            refused(path, &error);
            None
        }
    }
}

/// A refusal names the file, and no panic was our own.
pub fn refused(path: &Path, error: &AudioError) {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(error.to_string().contains(name), "{error}");
    assert!(!matches!(error, AudioError::Read { .. } | AudioError::Cancelled { .. }), "{error:?}");
    if let AudioError::Crashed { message, .. } = error {
        assert!(panics::was_foreign(), "our own code panicked: {message}");
    }
}

/// What must hold of every analysis.
fn holds(told: &Analysis, limits: &Limits) {
    assert!(told.duration_ms >= 0, "{} ms", told.duration_ms);
    assert!(told.sample_rate >= 0 && told.channels >= 0, "{} Hz, {} channels", told.sample_rate, told.channels);
    assert!(told.bit_rate.is_none_or(|rate| rate >= 0), "{:?} bit/s", told.bit_rate);
    assert!(told.bit_depth.is_none_or(|bits| bits > 0), "{:?} bits", told.bit_depth);
    assert!(told.state == State::Sound || told.state.reason().is_some_and(|reason| !reason.is_empty()));
    assert!(told.notes.iter().all(|note| !note.is_empty()));
    if told.loudness.is_some() || told.fingerprint.is_some() {
        assert!(told.channels as u32 <= limits.channels && told.sample_rate as u32 <= limits.sample_rate_hz);
    }
    if let Some(loudness) = &told.loudness {
        let levels = [loudness.integrated_lufs, loudness.range_lu, loudness.true_peak_dbtp];
        assert!(levels.iter().flatten().all(|level| level.is_finite()), "{loudness:?}");
    }
    if let Some(cover) = &told.cover {
        assert!(!cover.data.is_empty() && cover.data.len() <= limits.picture_bytes);
    }

    let tags = &told.tags;
    assert!(tags.raw.len() <= limits.tags, "{} tags", tags.raw.len());
    assert!(tags.raw.iter().all(|(key, value)| key.len() <= 256 && (1..=limits.tag_bytes).contains(&value.len())));
    assert!(tags.raw.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() <= limits.tags_bytes);
    assert!(tags.timed_lyrics.is_sorted_by_key(|line| line.at_ms));
    assert!(tags.timed_lyrics.iter().all(|line| line.at_ms >= 0));
    assert!(tags.chapters.is_sorted_by_key(|chapter| chapter.start_ms));
    assert!(tags.chapters.iter().all(|chapter| chapter.start_ms >= 0));
    let numbers = [tags.track_number, tags.track_total, tags.disc_number, tags.disc_total];
    assert!(numbers.iter().flatten().all(|number| *number > 0), "{numbers:?}");
    let gains = [tags.replaygain_track_gain_db, tags.replaygain_track_peak, tags.replaygain_album_gain_db];
    assert!(gains.iter().flatten().all(|gain| gain.is_finite()), "{gains:?}");
    // The catalogue keeps them as JSON.
    let json = serde_json::to_string(tags).expect("tags are JSON");
    let again: fonoteca_audio::Tags = serde_json::from_str(&json).expect("what was written is read");
    assert_eq!((&again.raw, &again.chapters), (&tags.raw, &tags.chapters));
    // Works are read from the tags that were kept.
    fonoteca_audio::named_works(&tags.raw);
}
