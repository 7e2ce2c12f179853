//! Copies as the tables know them, in the one order of [`fonoteca_audio::best_first`].

use fonoteca_audio::{Quality, State};
use fonoteca_catalog::{File, FileState};

/// Puts the best copy first, each with what decided. Ties go to the lowest root, so that the answer is the same every time.
pub fn best_first<T>(copies: Vec<T>, file: impl Fn(&T) -> &File) -> Vec<(T, Quality)> {
    let mut copies = copies;
    copies.sort_by_key(|copy| file(copy).root);
    let qualities: Vec<Quality> = copies.iter().map(|copy| quality(file(copy))).collect();
    let places = fonoteca_audio::best_first(&qualities);
    let mut copies: Vec<Option<(T, Quality)>> = copies.into_iter().zip(qualities).map(Some).collect();
    places.into_iter().filter_map(|place| copies[place].take()).collect()
}

/// What decides between copies, as far as the tables know it.
pub fn quality(file: &File) -> Quality {
    let reason = || file.state_reason.clone().unwrap_or_default();
    Quality {
        state: match file.state {
            FileState::Sound => State::Sound,
            FileState::Unprovable => State::Unprovable { reason: reason() },
            FileState::Malformed => State::Malformed { reason: reason() },
        },
        codec: file.codec.clone(),
        bit_rate: file.bit_rate.map(i64::from),
        sample_rate: file.sample_rate,
        channels: file.channels,
        bit_depth: file.bit_depth,
        duration_ms: file.duration_ms,
        cutoff_hz: file.cutoff_hz,
        clipped_samples: file.clipped_samples.unwrap_or(0).max(0) as u64,
    }
}
