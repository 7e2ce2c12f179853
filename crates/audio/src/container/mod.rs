//! The file formats: where the packets are, what the file declares about itself, and whether that was found.
//!
//! Ogg and bare MPEG frames are split into packets here, because whether they are whole shows only in their framing. The
//! other formats are split by symphonia, while what they declare is read here.

pub(crate) mod adts;
mod caf;
mod codebooks;
mod flac;
mod foreign;
mod iff;
mod mp4;
mod mp4_text;
pub(crate) mod mpeg;
mod ogg;
mod ogg_page;

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::packet::Packet;

use crate::bytes::File;
use crate::tags::Collector;
use crate::{Container, Limits, State};

/// Why a file that is of a known format could not be opened.
pub(crate) enum Refusal {
    /// The system could not read it.
    Read(io::Error),
    /// It ends or breaks before any sound.
    NoSound(String),
    /// It is encrypted.
    Drm(&'static str),
    /// It holds something that is not read here.
    Unsupported(String),
}

impl From<io::Error> for Refusal {
    fn from(source: io::Error) -> Self {
        Self::Read(source)
    }
}

/// A file opened: ready to give its packets, its tags collected.
pub(crate) struct Opened {
    /// How to decode.
    pub(crate) params: AudioCodecParameters,
    /// Samples at the beginning that are the encoder's, not the recording's.
    pub(crate) delay: u64,
    /// Samples of the recording, where that is declared.
    pub(crate) declared_frames: Option<u64>,
    /// The packets of the one stream that is used.
    pub(crate) packets: Box<dyn Packets>,
    /// What the container alone showed already.
    pub(crate) verdict: Verdict,
    /// The demultiplexer of `ffmpeg` that the file is decoded with, where nothing here decodes its coding.
    pub(crate) decoded_by: Option<&'static str>,
}

/// The packets of one audio stream, in order.
pub(crate) trait Packets {
    /// The next packet, or `None` at the end. After an error nothing more comes.
    fn next(&mut self) -> Result<Option<Packet>, Error>;

    /// What the framing showed, asked once after the last packet.
    fn verdict(&mut self, heard: &Heard) -> Verdict;
}

/// What the pass over the packets heard.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Heard {
    /// Samples a channel decoded, delay and padding included.
    pub(crate) frames: u64,
    /// Packets given.
    pub(crate) packets: u64,
    /// Whether the decoder found the checksum of the whole right, where there is one.
    pub(crate) checksum_right: Option<bool>,
    /// Samples a second.
    pub(crate) rate: u32,
}

impl Heard {
    /// Seconds of sound in so many samples.
    pub(crate) fn seconds(&self, frames: u64) -> f64 {
        frames as f64 / f64::from(self.rate.max(1))
    }
}

/// What speaks for and against a file being whole.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// What is wrong and where.
    pub(crate) broken: Vec<String>,
    /// Why it cannot be proved that nothing is missing.
    pub(crate) unproven: Option<String>,
    /// Samples of the recording as the framing counted them, for the duration.
    pub(crate) frames: Option<u64>,
    /// What else was noticed.
    pub(crate) notes: Vec<String>,
}

impl Verdict {
    /// A verdict with one thing wrong.
    pub(crate) fn broken(reason: String) -> Self {
        Self { broken: vec![reason], ..Self::default() }
    }

    /// A verdict without proof.
    pub(crate) fn unproven(reason: &str) -> Self {
        Self { unproven: Some(reason.into()), ..Self::default() }
    }

    /// Both verdicts together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.broken.extend(other.broken);
        self.notes.extend(other.notes);
        self.unproven = self.unproven.or(other.unproven);
        self.frames = self.frames.or(other.frames);
        self
    }

    /// The state to record. At most five defects are named; one flaw often shows a thousand times.
    pub(crate) fn state(&self) -> State {
        if !self.broken.is_empty() {
            let mut reason = self.broken[..self.broken.len().min(5)].join("; ");
            if self.broken.len() > 5 {
                reason += "; and more";
            }
            State::Malformed { reason }
        } else if let Some(reason) = &self.unproven {
            State::Unprovable { reason: reason.clone() }
        } else {
            State::Sound
        }
    }
}

/// Opens a file of a known container, whose sound begins at `start` after any leading ID3v2 tags.
pub(crate) fn open(
    container: Container,
    file: File,
    start: u64,
    len: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> Result<Opened, Refusal> {
    match container {
        Container::Flac => flac::open(file, start, len, limits, tags),
        Container::Ogg => ogg::open(file, start, len, limits, tags),
        Container::Mp3 => mpeg::open(file, start, len),
        Container::Mp4 => mp4::open(file, start, len, limits, tags),
        Container::Wav => iff::open_wav(file, start, len, limits, tags),
        Container::Aiff => iff::open_aiff(file, start, len, limits, tags),
        Container::Caf => caf::open(file, start, len, tags),
        Container::Adts => adts::open(file, start, len),
        Container::WavPack => foreign::open_wavpack(file, start, len),
        Container::Ape => foreign::open_ape(file, start, len),
        Container::Musepack => foreign::open_musepack(file, start, len),
    }
}

/// Most defects that are remembered of one kind: a file made to hurt has one in every byte.
const MAX_DEFECTS: usize = 64;

/// Remembers one more, unless there are many already.
pub(crate) fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() < MAX_DEFECTS {
        list.push(item);
    }
}

/// The first audio stream as symphonia's demultiplexers give it.
pub(crate) struct Demuxed {
    reader: Box<dyn FormatReader>,
    track: u32,
}

/// What a demultiplexer said about the stream that is used.
pub(crate) struct Described {
    pub(crate) params: AudioCodecParameters,
    pub(crate) frames: Option<u64>,
    pub(crate) other_streams: usize,
}

impl Demuxed {
    /// Picks the default audio stream of a reader, or names what went wrong.
    pub(crate) fn new(reader: Result<Box<dyn FormatReader>, Error>) -> Result<(Self, Described), Refusal> {
        let reader = reader.map_err(|error| match error {
            Error::Unsupported(what) => Refusal::Unsupported(format!("a file that needs a missing feature ({what})")),
            Error::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => Refusal::Read(error),
            other => Refusal::NoSound(format!("its headers end or break before any sound ({other})")),
        })?;
        let no_sound = || Refusal::NoSound("it has no stream of sound".into());
        let track = reader.default_track(TrackType::Audio).ok_or_else(no_sound)?;
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { return Err(no_sound()) };
        let described =
            Described { params: params.clone(), frames: track.num_frames, other_streams: reader.tracks().len() - 1 };
        let track = track.id;
        Ok((Self { reader, track }, described))
    }

    /// The next packet of the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            match self.reader.next_packet()? {
                Some(packet) if packet.track_id != self.track => {}
                other => return Ok(other),
            }
        }
    }
}
