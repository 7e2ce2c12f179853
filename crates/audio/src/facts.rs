//! What one pass over a file tells: the shapes that [`analyse`](crate::analyse) fills in.

use std::fmt;

use fonoteca_model::Sha256Hash;
use serde::{Deserialize, Serialize};

use crate::cue::Sheet;
use crate::{Chapter, Checks, TimedLine};

/// Everything that one pass over a file told.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The file format around the sound.
    pub container: Container,
    /// The MIME type to serve the bytes with, e.g. `audio/flac`.
    pub mime: &'static str,
    /// The canonical file name extension without the dot: `flac`, `ogg`, `opus`, `mp3`, `m4a`, `wav`, …
    pub extension: &'static str,
    /// The coding of the sound: `flac`, `vorbis`, `opus`, `mp3`, `aac`, `alac`, `pcm_s16le`, …
    pub codec: String,
    /// Mean bit rate of the packets in bit/s.
    pub bit_rate: Option<i64>,
    /// Samples a second and channel, in Hz. Opus is always 48,000 (RFC 7845).
    pub sample_rate: i32,
    /// Number of channels.
    pub channels: i32,
    /// Bits a sample, where the coding is lossless and says so.
    pub bit_depth: Option<i32>,
    /// How long the sound that was found lasts, in milliseconds.
    pub duration_ms: i64,
    /// Whether the file is all that it says it is.
    pub state: State,
    /// The description found in the file.
    pub tags: Tags,
    /// The hash of the sound as coded, which survives re-tagging.
    pub essence: Essence,
    /// Chromaprint of the first two minutes, where there was enough sound for one.
    pub fingerprint: Option<Fingerprint>,
    /// EBU R 128 measurements, where anything could be decoded.
    pub loudness: Option<Loudness>,
    /// What the samples alone showed, where anything could be decoded.
    pub checks: Option<Checks>,
    /// The embedded front cover, or else the first embedded picture.
    pub cover: Option<Picture>,
    /// The tracks of a FLAC file by its `CUESHEET` block, in one file without a name.
    pub cuesheet: Option<Sheet>,
    /// What was noticed on the way and somebody may want to know, one sentence each.
    pub notes: Vec<String>,
}

/// A file format that holds sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// Native FLAC (RFC 9639).
    Flac,
    /// Ogg (RFC 3533), whatever is inside.
    Ogg,
    /// MPEG audio layers I to III as a bare stream.
    Mp3,
    /// MPEG-4 and QuickTime (ISO/IEC 14496-12).
    Mp4,
    /// RIFF, RF64 or BW64 WAVE.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
    /// Apple Core Audio Format.
    Caf,
    /// AAC in ADTS frames.
    Adts,
    /// WavPack.
    WavPack,
    /// Monkey's Audio.
    Ape,
    /// Musepack, stream versions 7 and 8.
    Musepack,
}

impl Container {
    /// The name kept in the catalogue: `flac`, `ogg`, `mp3`, `mp4`, `wav`, `aiff`, `caf`, `adts`, `wavpack`,
    /// `ape` or `musepack`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Mp3 => "mp3",
            Self::Mp4 => "mp4",
            Self::Wav => "wav",
            Self::Aiff => "aiff",
            Self::Caf => "caf",
            Self::Adts => "adts",
            Self::WavPack => "wavpack",
            Self::Ape => "ape",
            Self::Musepack => "musepack",
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a file arrived whole. (*Damaged* is something else: bytes that no longer match their root.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// What the format declares is what was found, and all of it decoded.
    Sound,
    /// The file is not what it declares, or part of it cannot be decoded.
    Malformed {
        /// What is wrong and where: a byte or a time.
        reason: String,
    },
    /// Nothing in the file says how long it should be; nothing else is wrong with it.
    Unprovable {
        /// What is missing that would have proved it.
        reason: String,
    },
}

impl State {
    /// The name kept in the catalogue: `sound`, `malformed` or `unprovable`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Malformed { .. } => "malformed",
            Self::Unprovable { .. } => "unprovable",
        }
    }

    /// What is wrong or missing, if anything is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Sound => None,
            Self::Malformed { reason } | Self::Unprovable { reason } => Some(reason),
        }
    }
}

/// The hash of the sound as coded.
///
/// Version 1 is the SHA-256 of the payloads of all packets of the first audio stream, in file order and joined without
/// anything between them. Codec headers (Vorbis and Opus header packets, MP4 sample descriptions, `STREAMINFO`), the
/// MP3 Xing, Info or VBRI frame, tags, padding and container framing are not part of it, so it is the same before and
/// after re-tagging, and the same in two containers that carry the same packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Essence {
    /// Which definition of the hash this is; see [`ESSENCE_VERSION`].
    pub version: i32,
    /// The hash.
    pub sha256: Sha256Hash,
}

impl Essence {
    /// Of a file whose packets were not read: version 0, and zeros. It equals no other.
    pub const UNKNOWN: Self = Self { version: 0, sha256: Sha256Hash([0; 32]) };

    /// The hash, where the packets were read.
    pub fn known(&self) -> Option<Sha256Hash> {
        (self.version > 0).then_some(self.sha256)
    }
}

/// The version of [`Essence`] that this crate computes.
pub const ESSENCE_VERSION: i32 = 1;

/// A Chromaprint fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Chromaprint's algorithm number as AcoustID counts them from zero ([`ALGORITHM`](crate::ALGORITHM) is the default
    /// one), or [`SHORT_ALGORITHM`](crate::SHORT_ALGORITHM) for sound shorter than seven seconds.
    pub algorithm: i32,
    /// What computed it; fingerprints of different versions may differ in a few bits.
    pub version: &'static str,
    /// How much sound it covers, in milliseconds: the file's beginning, two minutes at most.
    pub duration_ms: i64,
    /// The sub-fingerprints, one each 123.8 ms (short sound: 30.9 ms).
    pub values: Vec<u32>,
}

/// Loudness by EBU R 128 (ITU-R BS.1770-4 and EBU Tech 3342). A part that silence has none of is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness in LUFS.
    pub integrated_lufs: Option<f64>,
    /// Loudness range in LU.
    pub range_lu: Option<f64>,
    /// Highest true peak of all channels in dBTP.
    pub true_peak_dbtp: Option<f64>,
}

/// An embedded picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// The MIME type by the picture's own first bytes, e.g. `image/jpeg`.
    pub mime: String,
    /// The bytes as found.
    pub data: Vec<u8>,
    /// What it shows.
    pub kind: PictureKind,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {} bytes, {:?})", self.mime, self.data.len(), self.kind)
    }
}

/// What a picture shows, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureKind {
    /// The front cover.
    Front,
    /// The back cover.
    Back,
    /// Anything else.
    Other,
}

/// Somebody named in the tags, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credit {
    /// The name as written.
    pub name: String,
    /// `main`, `composer`, `performer`, `remixer`, `conductor`, `lyricist`, `writer`, `arranger`, `producer`, `engineer`,
    /// `mixer` or `dj-mixer`.
    pub role: String,
}

/// The description found in a file. Texts are as written, trimmed; codes are not checked here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tags {
    /// Title of the track.
    pub title: Option<String>,
    /// The artist credit as one text; several artist values are joined by `; `.
    pub artist: Option<String>,
    /// Everybody named, with the role, in the order found.
    pub artists: Vec<Credit>,
    /// Title of the album.
    pub album: Option<String>,
    /// Artist of the album as a whole.
    pub album_artist: Option<String>,
    /// Position on the disc, from 1.
    pub track_number: Option<i32>,
    /// Number of tracks on the disc.
    pub track_total: Option<i32>,
    /// Disc in the set, from 1.
    pub disc_number: Option<i32>,
    /// Number of discs in the set.
    pub disc_total: Option<i32>,
    /// Date of release or recording, as written.
    pub date: Option<String>,
    /// ISRC, as written.
    pub isrc: Option<String>,
    /// UPC or EAN of the release, as written.
    pub barcode: Option<String>,
    /// Record label or publisher.
    pub label: Option<String>,
    /// The label's catalogue number.
    pub catalogue_number: Option<String>,
    /// Language of the words, as written.
    pub language: Option<String>,
    /// Copyright notice.
    pub copyright: Option<String>,
    /// What the file says about its licence, as written: a `LICENSE` value, an ID3 `WCOP` link, or a copyright notice
    /// that contains a link or names a licence.
    pub licence: Option<String>,
    /// Genres, each once.
    pub genres: Vec<String>,
    /// Comment.
    pub comment: Option<String>,
    /// Words of the song.
    pub lyrics: Option<String>,
    /// Words of the song with their times, by time: from `SYLT`, or from lyrics in LRC.
    pub timed_lyrics: Vec<TimedLine>,
    /// Chapters, in order.
    pub chapters: Vec<Chapter>,
    /// Whether the album is a compilation of different artists.
    pub compilation: bool,
    /// Whether the content is marked as explicit; `None` where nothing says so.
    pub explicit: Option<bool>,
    /// MusicBrainz recording id.
    pub mbid_recording: Option<String>,
    /// MusicBrainz release id.
    pub mbid_release: Option<String>,
    /// MusicBrainz artist ids.
    pub mbid_artist: Vec<String>,
    /// MusicBrainz ids of the album's artists.
    pub mbid_album_artist: Vec<String>,
    /// MusicBrainz release group id.
    pub mbid_release_group: Option<String>,
    /// MusicBrainz track id.
    pub mbid_track: Option<String>,
    /// AcoustID.
    pub acoustid: Option<String>,
    /// ReplayGain of the track in dB.
    pub replaygain_track_gain_db: Option<f64>,
    /// ReplayGain peak of the track, 1.0 being full scale.
    pub replaygain_track_peak: Option<f64>,
    /// ReplayGain of the album in dB.
    pub replaygain_album_gain_db: Option<f64>,
    /// ReplayGain peak of the album, 1.0 being full scale.
    pub replaygain_album_peak: Option<f64>,
    /// Opus' R128_TRACK_GAIN in 1/256 dB relative to −23 LUFS (RFC 7845, section 5.2.1).
    pub r128_track_gain: Option<i32>,
    /// Opus' R128_ALBUM_GAIN in 1/256 dB.
    pub r128_album_gain: Option<i32>,
    /// Every key and value as found, in file order, under the format's own key where it is known. What was mended in the
    /// fields above is as it was here.
    pub raw: Vec<(String, String)>,
}
