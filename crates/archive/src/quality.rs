//! Which of several copies is the best one: the order that everything goes by.

use std::cmp::Reverse;

use fonoteca_catalog::{File, FileState};
use fonoteca_model::BlobId;

/// Codecs that keep every bit, beside all that state a bit depth.
const LOSSLESS: &[&str] = &["flac", "alac", "wavpack", "ape", "tta", "tak", "truehd", "mlp", "shorten", "wmalossless"];
/// What a bit of a lossy codec is worth beside one of MP3, in percent, by the listening tests of the last twenty years: at
/// these rates they are judged about alike. What is not named is worth as much as MP3.
const WORTH: &[(&str, i64)] = &[
    ("opus", 180),
    ("aac", 135),
    ("vorbis", 135),
    ("musepack7", 125),
    ("musepack8", 125),
    ("wmav2", 110),
    ("mp2", 65),
];
/// Above, no lossy codec sounds better for it: Opus always says 48,000.
const TELLING_RATE: i32 = 44_100;

/// How good a copy is; the greatest is the best. Compared field by field, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quality {
    /// It arrived whole.
    pub whole: bool,
    /// Nothing was ever thrown away, as far as is known.
    pub lossless: bool,
    /// More channels.
    pub channels: i32,
    /// A higher sample rate; of what is lossy, only as far as one hears it.
    pub sample_rate: i32,
    /// More bits a sample; 0 for what is lossy.
    pub bit_depth: i32,
    /// Bits a second, weighed by the codec; 0 for what is lossless, where fewer say nothing.
    pub weighed_bit_rate: i64,
    /// It is proven to have arrived whole.
    pub proven: bool,
    /// Of equals the one with the lowest root, so that the answer is the same every time.
    root: Reverse<BlobId>,
}

/// The quality of a file by what is known of it.
pub fn quality(file: &File) -> Quality {
    let lossless =
        file.bit_depth.is_some() || LOSSLESS.contains(&file.codec.as_str()) || file.codec.starts_with("pcm_s");
    let worth = WORTH.iter().find(|(codec, _)| *codec == file.codec).map_or(100, |(_, worth)| *worth);
    Quality {
        whole: file.state != FileState::Malformed,
        lossless,
        channels: file.channels,
        sample_rate: if lossless { file.sample_rate } else { file.sample_rate.min(TELLING_RATE) },
        bit_depth: file.bit_depth.unwrap_or(0),
        weighed_bit_rate: if lossless { 0 } else { i64::from(file.bit_rate.unwrap_or(0)) * worth / 100 },
        proven: file.state == FileState::Sound,
        root: Reverse(file.root),
    }
}

#[cfg(test)]
mod tests {
    use fonoteca_model::{Sha256Hash, Timestamp};

    use super::*;

    fn file(root: u8, codec: &str, sample_rate: i32, bit_depth: Option<i32>, bit_rate: i32) -> File {
        File {
            root: BlobId([root; 32]),
            path: Vec::new(),
            size: 1,
            state: FileState::Sound,
            state_reason: None,
            container: String::new(),
            extension: String::new(),
            mime: String::new(),
            codec: codec.to_owned(),
            bit_rate: Some(bit_rate),
            sample_rate,
            channels: 2,
            bit_depth,
            duration_ms: 1,
            tags: "[]".to_owned(),
            notes: Vec::new(),
            essence: Sha256Hash([0; 32]),
            essence_version: 1,
            loudness_lufs: None,
            loudness_range_lu: None,
            true_peak_dbtp: None,
            replaygain_track_gain_db: None,
            replaygain_track_peak: None,
            cover_root: None,
            at: Timestamp(0),
        }
    }

    #[test]
    fn the_order_is_as_it_is_stated() {
        let malformed = |mut file: File| {
            file.state = FileState::Malformed;
            file
        };
        let unprovable = |mut file: File| {
            file.state = FileState::Unprovable;
            file
        };
        let mono = |mut file: File| {
            file.channels = 1;
            file
        };
        let best_first = [
            file(1, "flac", 96_000, Some(24), 2_500_000),
            file(2, "pcm_s24le", 48_000, Some(24), 2_304_000),
            file(3, "flac", 44_100, Some(24), 1_500_000),
            file(4, "pcm_s16le", 44_100, Some(16), 1_411_200),
            // The same bits packed tighter are no worse, and what is proven comes first.
            unprovable(file(0, "flac", 44_100, Some(16), 700_000)),
            mono(file(5, "flac", 44_100, Some(16), 400_000)),
            file(6, "opus", 48_000, None, 256_000),
            file(7, "aac", 44_100, None, 256_000),
            file(8, "mp3", 44_100, None, 320_000),
            file(9, "vorbis", 48_000, None, 192_000),
            file(10, "opus", 48_000, None, 128_000),
            file(11, "mp3", 44_100, None, 128_000),
            file(12, "mp3", 22_050, None, 160_000),
            malformed(file(13, "flac", 96_000, Some(24), 2_500_000)),
        ];
        for two in best_first.windows(2) {
            assert!(quality(&two[0]) > quality(&two[1]), "{:?} {:?}", quality(&two[0]), quality(&two[1]));
        }
        let twins = [file(1, "mp3", 44_100, None, 1), file(2, "mp3", 44_100, None, 1)];
        assert!(quality(&twins[0]) > quality(&twins[1]), "ties are settled");
        assert!(
            quality(&file(1, "wavpack", 44_100, None, 1)).lossless
                && !quality(&file(1, "pcm_mulaw", 8000, None, 1)).lossless
        );
    }
}
