//! Bytes in, facts out: what an audio file is, whether it arrived whole, what it says about itself and how it sounds.
//!
//! [`analyse`] makes one pass over the packets of a file and tells everything at once: container and codec, [`State`],
//! [`Tags`], cover, essence hash, Chromaprint fingerprint and EBU R 128 loudness. [`is_same_recording`] joins two
//! fingerprints, [`identify`] finds the recording that an excerpt is of, [`transcode`] and [`scale`] build the `ffmpeg`
//! commands that make smaller copies, [`cover`] finds pictures.
//!
//! Every input is hostile: [`Limits`] bound what is read and kept, nothing is allocated from a declared length alone, and
//! a panic inside a codec library becomes [`AudioError::Crashed`]. The crate knows no catalogue, no network, no async.
//!
//! ```no_run
//! use std::path::Path;
//! use fonoteca_audio::{Limits, analyse};
//!
//! let facts = analyse(Path::new("song.flac"), &Limits::default(), &|| false)?;
//! println!("{} {} ms: {}", facts.codec, facts.duration_ms, facts.state.as_str());
//! # Ok::<(), fonoteca_audio::AudioError>(())
//! ```

mod analyse;
mod bytes;
mod chapters;
mod checks;
mod codec;
mod compare;
mod container;
pub mod cover;
pub mod cue;
mod error;
mod external;
mod facts;
mod fingerprint;
mod format;
pub mod identify;
mod limits;
mod loudness;
pub mod lyrics;
mod quality;
pub mod scale;
mod spectrum;
mod tags;
mod text;
pub mod transcode;

pub use analyse::{Depth, analyse, analyse_to};
pub use chapters::Chapter;
pub use checks::{
    CLIPPED_RUN, Checks, FULL_SCALE, PEAK_TOLERANCE_DB, R128_TOLERANCE_DB, REPLAYGAIN_TOLERANCE_DB, SILENCE,
};
pub use compare::{
    LEAST_BEYOND_CHANCE, MIN_OVERLAP_FRAMES, MIN_SAME_RECORDING_MS, Match, SAME_RECORDING_SCORE,
    SHORT_SAME_RECORDING_SCORE, WINDOW_FRAMES, compare, is_same_recording,
};
pub use error::AudioError;
pub use facts::{
    Analysis, Container, Credit, ESSENCE_VERSION, Essence, Fingerprint, Loudness, Picture, PictureKind, State, Tags,
};
pub use fingerprint::{ALGORITHM, FINGERPRINT_VERSION, SHORT_ALGORITHM, SHORT_BELOW_MS, SHORT_FINGERPRINT_VERSION};
pub use format::{looks_like_audio_name, starts_like_audio};
pub use limits::Limits;
pub use lyrics::TimedLine;
pub use quality::{Quality, best_first};
pub use spectrum::Disguise;
pub use tags::{NamedWorks, named_works};
